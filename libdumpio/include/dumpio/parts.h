/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdumpio: dumps in several files. Splitting by bytes (any file; parts are opaque, one behind the
 * other they are the file) and by memory (parts are dumps by themselves), and joining again.
 * Conventions as in dumpio.h.
 */
#ifndef DUMPIO_PARTS_H
#define DUMPIO_PARTS_H

#include <dumpio/dumpio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DUMPIO_PARTS_MAX 65536u

enum dumpio_split_by { DUMPIO_SPLIT_BYTES = 0, DUMPIO_SPLIT_MEMORY = 1 };

struct dumpio_split_options {
    enum dumpio_split_by by;
    uint64_t size;      /* of the largest part, bytes; 0 = as `parts` says */
    uint32_t parts;     /* how many, equal in bytes or in pages held; 0 = as `size` says */
    const char *prefix; /* parts PREFIX001, PREFIX002, ... as wide as needed; or NULL */
    const char *name;   /* instead: a path with one %d (%3d, %03d) for the number, from 1 */
    const char *beside; /* in place of PREFIX, for the manifest and what goes with it, in the folder
                           of the parts; NULL = PREFIX */
    uint64_t align;     /* MEMORY: parts start at multiples, bytes; 0 = 4 MiB, less for many parts */
    int force;          /* replace existing files */
    int no_sync;        /* do not wait for the disk */
    int no_image;       /* a file by BYTES: do not read it again for the image digest */
    const struct dumpio_open_options *open;       /* MEMORY: of the input; NULL = defaults */
    const struct dumpio_convert_options *convert; /* of a dump, its format NULL = the input's; of a
                                                     file by BYTES, the containers to put around
                                                     it. NULL = defaults */
};

struct dumpio_split_result {
    uint32_t parts;
    uint64_t bytes;      /* of all parts */
    struct dumpio_convert_result dump; /* of a dump: what one conversion would say */
    int has_image;       /* of a dump: the image digest of what was written */
    unsigned char image[DUMPIO_DIGEST_SIZE];
};

/*
 * Split a file or dump (n paths: n > 1 only by MEMORY) into parts, and write PREFIX.manifest.json
 * and PREFIX.sha256 (of `name`: what stands before the '%'). A failed run removes its parts.
 * options->convert->manifest only adds to the manifest: a signer, provenance. A file by BYTES that
 * is a dump is read and decoded once more for the image digest in it.
 * "-" is a stream: by BYTES with a size. With recipients in options->convert, what the manifest
 * says of the contents is in PREFIX.manifest.json.age alone.
 * `result` may be NULL.
 */
DUMPIO_API int dumpio_split(const char *const *paths, size_t n,
                            const struct dumpio_split_options *options,
                            struct dumpio_split_result *result, const struct dumpio_env *env,
                            struct dumpio_error *err);

/*
 * The same of a dump that is open already, straight from a conversion, which may have a filter. By
 * BYTES the parts are what the conversion would have written; with a size only.
 */
DUMPIO_API int dumpio_split_dump(struct dumpio_dump *dump,
                                 const struct dumpio_split_options *options,
                                 struct dumpio_split_result *result, const struct dumpio_env *env,
                                 struct dumpio_error *err);

/*
 * Several files as one dump: the pieces of one, a split set, or else dumps of one machine that hold
 * different memory; of those, what cannot be opened is left out with a warning (*left_out counts;
 * NULL allowed), and pages that differ between two are lost.
 */
DUMPIO_API int dumpio_open_parts(struct dumpio_dump **out, const char *const *paths, size_t n,
                                 const struct dumpio_open_options *options, size_t *left_out,
                                 const struct dumpio_env *env, struct dumpio_error *err);

enum dumpio_merge_kind {
    DUMPIO_MERGE_BYTES = 0, /* one behind the other */
    DUMPIO_MERGE_SET = 1,   /* a split set of one dump */
    DUMPIO_MERGE_UNION = 2  /* dumps that cover different memory of one machine */
};

struct dumpio_merge_options {
    int salvage;        /* write what there is */
    int force, no_sync; /* as above */
    const char *allowed_signers; /* a file as ssh-keygen(1) has it: one of them has to have signed the
                                    manifest. NULL: a signature that is there has to fit */
    const struct dumpio_open_options *open;       /* NULL = defaults */
    const struct dumpio_convert_options *convert; /* SET, UNION: of the output; NULL or its format
                                                     NULL = the parts' */
    /* A range that is lost: file offsets (BYTES) or physical addresses; with env->user. */
    void (*lost)(void *user, uint64_t start, uint64_t end, const char *why);
};

struct dumpio_merge_result {
    enum dumpio_merge_kind kind;
    int verified;        /* a manifest was there, and every part is as it says */
    uint32_t parts;      /* joined */
    uint32_t resumed;    /* of them, there from an interrupted run */
    uint64_t bytes;      /* written */
    uint64_t lost_bytes; /* of the file, or of memory */
};

/*
 * Join parts, in any order, into `out`. With a manifest (one of the paths, or beside a part) every
 * part is proved by its digest before a byte is written: missing, duplicate, foreign and damaged
 * ones are named in warnings and fail. An interrupted join by BYTES leaves OUT.dumpmerge: what is
 * in it proves itself by the manifest, and the next call goes on behind it. Overlapping parts with
 * different contents are DUMPIO_E_CORRUPT. `result` may be NULL.
 */
DUMPIO_API int dumpio_merge(const char *const *paths, size_t n, const char *out,
                            const struct dumpio_merge_options *options,
                            struct dumpio_merge_result *result, const struct dumpio_env *env,
                            struct dumpio_error *err);

#ifdef __cplusplus
}
#endif
#endif
