/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FORMAT[:CODEC] as people write it.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stddef.h>

struct target {
    char format[64];   /* "" = not chosen */
    const char *codec; /* behind the colon, borrowed; NULL = not chosen */
};

/* Is this the name of a format? */
bool target_known(const char *name, size_t len);
/* "FORMAT" or "FORMAT:CODEC"; false when there is no such format. The codec is not checked. */
bool target_parse(struct target *t, const char *text);

#endif
