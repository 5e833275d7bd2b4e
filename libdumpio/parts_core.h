/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What splitting and merging share: names of parts, digests of files, the files beside the parts.
 */
#ifndef DIO_PARTS_CORE_H
#define DIO_PARTS_CORE_H

#include "beside.h"
#include "io/io.h"
#include "io/temp_file.h"
#include "manifest.h"
#include "progress.h"
#include "stack.h"

#include <dumpio/parts.h>

/* ---- writing parts ---------------------------------------------------------------------------- */

struct dio_parts {
    const struct dumpio_split_options *o;
    const struct dumpio_env *env;
    unsigned digits;            /* of numbers behind a prefix, until all are known */
    struct dio_manifest m;      /* grows by a part at a time */
    size_t cap;
    struct dio_temp_file *made; /* the parts, which have no names yet; m.n_parts of them */
    struct dio_beside beside;
};

/*
 * Check the names; `expected` parts (0 = not known). Opens the files beside the parts: sealed and
 * signed as o->convert says.
 */
int dio_parts_start(struct dio_parts *p, const struct dumpio_split_options *o,
                    enum dio_manifest_split split, uint64_t expected, const struct dumpio_env *env,
                    struct dumpio_error *err);
/* The name that all parts share, as of one file: its suffixes tell containers. malloc'ed or NULL. */
char *dio_parts_stem(const struct dio_parts *p);
/* Path of part number n from 1, malloc'ed; NULL: out of memory. */
char *dio_parts_path(const struct dio_parts *p, uint64_t n);
/* A part, its file closed: taken in every case. Its name is filled in at the end. */
int dio_parts_add(struct dio_parts *p, struct dio_temp_file *file,
                  const struct dio_manifest_part *part, struct dumpio_error *err);
/* Remove the last part. */
void dio_parts_undo(struct dio_parts *p);
/*
 * Give the parts their names and write what stands beside them, the manifest last, or on failure
 * remove all of them; frees. Returns rc or worse.
 */
int dio_parts_end(struct dio_parts *p, int rc, struct dumpio_error *err);

/*
 * A RANDOM sink that makes a new part every `size` bytes; the first `larger` parts have one more.
 * UINT64_MAX: one part. finish adds them.
 */
int dio_parts_sink(struct dio_out **out, struct dio_parts *parts, uint64_t size, uint64_t larger,
                   struct dumpio_error *err);

/* The last component. */
const char *dio_base_name(const char *path);

/* dumpio_split_dump by MEMORY; `result` is not NULL. */
int dio_split_memory(struct dumpio_dump *dump, const struct dumpio_split_options *options,
                     struct dumpio_split_result *result, const struct dumpio_env *env,
                     struct dumpio_error *err);

/* ---- digests of files -------------------------------------------------------------------------- */

#define DIO_COPY_BLOCK (1u << 20)

/* SHA-256 of [off, off + len) of b; `block` has room for DIO_COPY_BLOCK. Advances the ticker. */
int dio_hash_range(struct dio_bytes *b, uint64_t off, uint64_t len, uint8_t *block,
                   unsigned char sha256[DUMPIO_DIGEST_SIZE], struct dio_ticker *ticker,
                   struct dumpio_error *err);
/* Size and SHA-256 of a regular file. */
int dio_hash_file(const char *path, uint64_t *size, unsigned char sha256[DUMPIO_DIGEST_SIZE],
                  struct dio_ticker *ticker, struct dumpio_error *err);

/* ---- joining ------------------------------------------------------------------------------------ */

/* The parts of a merge as they were found to be. */
struct dio_merge {
    const struct dumpio_merge_options *o;
    const struct dumpio_env *env;
    struct dumpio_merge_result *result;
    const char *const *paths; /* given, without what is no part */
    size_t n;
    const char *out;
    struct dio_manifest m;
    bool has_manifest;
    char *manifest_path;      /* its; malloc'ed */
    const char **found;       /* of every part of the manifest, its path; NULL = missing */
    bool *damaged;            /* likewise: what was found is not what the manifest says */
    struct dio_beside beside; /* by bytes: the manifest of the output, when asked for */
    struct dio_out *sink;     /* by bytes: OUT.dumpmerge, or OUT itself; NULL = not open */
    uint32_t resumed;         /* first parts that OUT.dumpmerge has already */
    bool keep;                /* OUT.dumpmerge is worth keeping when this run fails */
    struct dio_ticker ticker;
};

/* Open the sink; prove the parts that OUT.dumpmerge has from an earlier run: sets resumed. */
int dio_merge_resume(struct dio_merge *g, struct dumpio_error *err);
/* By bytes, with a manifest (behind dio_merge_resume) and without. */
int dio_merge_bytes(struct dio_merge *g, struct dumpio_error *err);
int dio_merge_plain(struct dio_merge *g, struct dumpio_error *err);
/* Pieces of a file are joined to what it was: DUMPIO_E_ARG for options that would change it. */
int dio_merge_as_it_was(const struct dio_merge *g, struct dumpio_error *err);
/* Dumps: a split set, or a union. */
int dio_merge_memory(struct dio_merge *g, struct dumpio_error *err);

/* One dump made of n opened ones, which it takes on success. conflicts_lost: pages with different
 * contents are LOST, no error. */
int dio_union_new(struct dumpio_dump **out, struct dumpio_dump **parts, size_t n,
                  bool conflicts_lost, const struct dumpio_env *env, struct dumpio_error *err);

#endif
