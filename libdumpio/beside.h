/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written beside an output: manifest, checksums, signatures (docs/manifest.md).
 */
#ifndef DIO_BESIDE_H
#define DIO_BESIDE_H

#include "manifest.h"
#include "plug/out.h"
#include "plug/sign.h"

struct dio_beside_options {
    bool force, no_sync;
    const struct dio_keys *keys;     /* the output is encrypted for them; NULL = it is not */
    const struct dio_signer *signer; /* NULL = not signed */
    const struct dumpio_env *env;
};

/* The files, opened before the work so that nothing is in their way at its end. */
struct dio_beside {
    struct dio_beside_options o;
    char *stem;                             /* the output's path, or the prefix of its parts */
    struct dio_out *manifest, *sums, *sealed; /* NULL = not open (sealed: not wanted) */
};

int dio_beside_start(struct dio_beside *b, const char *stem, const struct dio_beside_options *o,
                     struct dumpio_error *err);
/* Write all of them. The sealed manifest has all of m, the open one then no more than the files. */
int dio_beside_write(struct dio_beside *b, const struct dio_manifest *m,
                     struct dumpio_error *err);
/* Discards what is open still. All zero allowed. */
void dio_beside_free(struct dio_beside *b);

#endif
