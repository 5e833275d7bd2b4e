/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written beside an output: manifest, checksums, signatures (docs/manifest.md).
 */
#ifndef DIO_BESIDE_H
#define DIO_BESIDE_H

#include "io/io.h"
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
/*
 * An output that gets no manifest, and what an older one of its name left beside it, which would be
 * wrong of this one. Before the work: DUMPIO_E_EXISTS, but with force. With force, when the output
 * is whole: remove it.
 */
int dio_beside_none(const char *path, bool force, struct dumpio_error *err);
void dio_beside_forget(const char *path, const struct dumpio_env *env);

/* The same for one file, of which m has the contents alone; the rest is filled in and taken out. */
int dio_beside_write_one(struct dio_beside *b, struct dio_manifest *m, const char *path,
                         const struct dio_file_sum *sum, struct dumpio_error *err);
/* A manifest stands beside a file, which has a name: DUMPIO_E_ARG for streams and devices. */
int dio_beside_check_path(const char *path, struct dumpio_error *err);
/* Discards what is open still. All zero allowed. */
void dio_beside_free(struct dio_beside *b);

#endif
