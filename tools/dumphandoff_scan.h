/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for secrets in what is about to leave the house.
 */
#ifndef DUMPHANDOFF_SCAN_H
#define DUMPHANDOFF_SCAN_H

#include "common/ui.h"

struct scan;

/* What built-in rules know, and the lines of `file` (NULL = none). 0 or an exit code. */
int scan_new(struct scan **out, struct ui *ui, const char *file);
void scan_free(struct scan *s); /* NULL allowed */

/*
 * Look at every page that the filter keeps by its class, and print what kind of secret is where,
 * never the secret. 0, or an exit code, EXIT_ERROR for a hit.
 */
int scan_memory(struct scan *s, struct ui *ui, struct dumpio_dump *dump,
                const struct dumpio_filter *f);

size_t scan_rules(const struct scan *s);
uint64_t scan_bytes(const struct scan *s); /* looked at */

#endif
