/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest: what an output consists of and how it is proved, as OUT.manifest.json. Its
 * definition for other people is docs/manifest.md.
 */
#ifndef DIO_MANIFEST_H
#define DIO_MANIFEST_H

#include "plug/error.h"

#include <stdbool.h>
#include <stddef.h>

struct dio_manifest_part {
    char *name;             /* file name without a folder, UTF-8 */
    uint64_t size;          /* bytes */
    unsigned char sha256[DUMPIO_DIGEST_SIZE]; /* of the file */
    uint64_t offset;        /* split by bytes: of its first byte in the whole file */
    uint64_t start, end;    /* split by memory: physical, [start, end); else 0, 0 */
};

/* One leaf of the image digest (docs/image-digest.md). */
struct dio_manifest_leaf {
    uint64_t base;          /* of the 4 MiB extent */
    unsigned char sha256[DUMPIO_DIGEST_SIZE];
};

enum dio_manifest_split { DIO_SPLIT_NONE = 0, DIO_SPLIT_BYTES, DIO_SPLIT_MEMORY };

/* Strings are malloc'ed or NULL. All zero is an empty manifest. */
struct dio_manifest {
    enum dio_manifest_split split;
    char *format, *codec, *containers; /* of the output */
    char *provenance;                  /* lines of KEY=VALUE */
    bool has_image;
    unsigned char image[DUMPIO_DIGEST_SIZE];   /* the image digest */
    struct dio_manifest_leaf *leaves;          /* ascending; may be none */
    size_t n_leaves;
    bool has_file;
    unsigned char file_sha256[DUMPIO_DIGEST_SIZE]; /* of the whole file (NONE, BYTES) */
    uint64_t file_size;
    struct dio_manifest_part *parts;           /* in order; at least one */
    size_t n_parts;
};

#define DIO_MANIFEST_MAX ((size_t)256 << 20) /* bytes of text */
#define DIO_MANIFEST_PARTS_MAX 65536u
#define DIO_MANIFEST_LEAVES_MAX (1u << 21)   /* 8 TiB of memory; more are left out */

#define DIO_MANIFEST_SUFFIX ".manifest.json"
#define DIO_MANIFEST_SEALED ".manifest.json.age" /* encrypted: what tells of the contents */
#define DIO_MANIFEST_SUMS ".sha256"
#define DIO_MANIFEST_SIGNATURE ".sig" /* behind the name of what is signed */

void dio_manifest_free(struct dio_manifest *m); /* its contents */
/* What `from` says of the contents (all but file and parts) becomes what `to` says; moved. */
void dio_manifest_take_contents(struct dio_manifest *to, struct dio_manifest *from);

/*
 * As JSON text, malloc'ed, that ends with a digest of itself. The same manifest gives the same
 * text. 0, DUMPIO_E_NOMEM, or DUMPIO_E_ARG for a file name that is not UTF-8.
 */
int dio_manifest_text(const struct dio_manifest *m, char **text, size_t *len,
                      struct dumpio_error *err);
/*
 * Parse; strict about what it knows, blind to unknown keys. DUMPIO_E_CORRUPT says where, or that it
 * was changed; DUMPIO_E_LIMIT beyond the bounds above. *m is empty unless 0 is returned.
 */
int dio_manifest_parse(struct dio_manifest *m, const char *text, size_t len,
                       struct dumpio_error *err);

/* "sha256sum -c" lines for the parts (and nothing else). */
int dio_manifest_sums(const struct dio_manifest *m, char **text, size_t *len,
                      struct dumpio_error *err);

#define DIO_PART_UNSIZED UINT64_MAX

/*
 * A file of such lines as parts whose sizes are unknown: those that name files of their own folder.
 * None: it is something else.
 */
int dio_sums_load(struct dio_manifest *m, const char *path, struct dumpio_error *err);

/*
 * The manifest beside a dump or one of its parts: PATH.manifest.json, or PREFIX.manifest.json for
 * PREFIX001 and its like, or any *.manifest.json in the folder that names the file. DUMPIO_END:
 * there is none.
 */
int dio_manifest_find(struct dio_manifest *m, const char *path, const struct dumpio_env *env,
                      struct dumpio_error *err);
/* The checksums PATH.sha256, or PREFIX.sha256, that name the file; *where malloc'ed. DUMPIO_END. */
int dio_sums_look(struct dio_manifest *m, const char *path, char **where,
                  const struct dumpio_env *env, struct dumpio_error *err);
/* Where it is instead, malloc'ed, and what it says. */
int dio_manifest_look(struct dio_manifest *m, const char *path, char **where,
                      const struct dumpio_env *env, struct dumpio_error *err);

#endif
