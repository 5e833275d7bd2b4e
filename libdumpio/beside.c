/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest, checksums and signatures beside an output. What the manifest says is not its business.
 */
#include "beside.h"
#include "io/io.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *path_of(const struct dio_beside *b, const char *suffix, const char *more)
{
    size_t room = strlen(b->stem) + strlen(suffix) + strlen(more) + 1;
    char *p = malloc(room);
    if (p)
        snprintf(p, room, "%s%s%s", b->stem, suffix, more);
    return p;
}

static int open_one(struct dio_beside *b, const char *suffix, const char *more,
                    struct dio_out **out, struct dumpio_error *err)
{
    const struct dio_file_out_options o = {b->o.force, b->o.no_sync};
    char *path = path_of(b, suffix, more);
    int rc = path ? dio_file_create(out, path, &o, err) : dio_nomem(err, "a file name");
    free(path);
    return rc;
}

int dio_beside_start(struct dio_beside *b, const char *stem, const struct dio_beside_options *o,
                     struct dumpio_error *err)
{
    *b = (struct dio_beside){.o = *o, .stem = strdup(stem)};
    int rc = b->stem ? 0 : dio_nomem(err, "a file name");
    if (!rc)
        rc = open_one(b, DIO_MANIFEST_SUFFIX, "", &b->manifest, err);
    if (!rc)
        rc = open_one(b, DIO_MANIFEST_SUMS, "", &b->sums, err);
    if (!rc && o->keys) {
        const struct dio_layer_options around = {.level = DUMPIO_LEVEL_DEFAULT, .keys = o->keys};
        rc = open_one(b, DIO_MANIFEST_SEALED, "", &b->sealed, err);
        if (!rc)
            rc = dio_stack_create(&b->sealed, "", NULL, &around, o->env, err);
    }
    if (rc)
        dio_beside_free(b);
    return rc;
}

void dio_beside_free(struct dio_beside *b)
{
    struct dio_out *left[] = {b->manifest, b->sums, b->sealed};
    for (size_t i = 0; i < 3; i++)
        if (left[i])
            left[i]->ops->discard(left[i]);
    free(b->stem);
    *b = (struct dio_beside){0};
}

/* ---- writing --------------------------------------------------------------------------------- */

static int put(struct dio_out **out, const char *text, size_t len, struct dumpio_error *err)
{
    struct dio_out *o = *out;
    int rc = dio_write(o, 0, text, len, err);
    *out = NULL;
    if (!rc)
        return o->ops->finish(o, len, err);
    o->ops->discard(o);
    return rc;
}

/* What an older output of the same name had would contradict this one. */
static void remove_old(const struct dio_beside *b, const char *suffix, const char *more)
{
    char *path = b->o.force ? path_of(b, suffix, more) : NULL;
    if (path)
        remove(path);
    free(path);
}

/* The signature of PREFIX and suffix, whose contents are `text`. */
static int put_signature(struct dio_beside *b, const char *suffix, const char *text, size_t len,
                         struct dumpio_error *err)
{
    struct dio_out *out;
    char *sig = NULL;
    size_t sig_len;
    if (!b->o.signer) {
        remove_old(b, suffix, DIO_MANIFEST_SIGNATURE);
        return 0;
    }
    int rc = dio_sign(b->o.signer, text, len, &sig, &sig_len, err);
    if (!rc)
        rc = open_one(b, suffix, DIO_MANIFEST_SIGNATURE, &out, err);
    if (!rc)
        rc = put(&out, sig, sig_len, err);
    free(sig);
    return rc;
}

static int put_open(struct dio_beside *b, const struct dio_manifest *m, struct dumpio_error *err)
{
    char *text = NULL;
    size_t len;
    int rc = dio_manifest_text(m, &text, &len, err);
    if (!rc)
        rc = put(&b->manifest, text, len, err);
    if (!rc)
        rc = put_signature(b, DIO_MANIFEST_SUFFIX, text, len, err);
    free(text);
    return rc;
}

/* Signed is what everybody sees, the ciphertext, as it came to the disk. */
static int sign_sealed(struct dio_beside *b, struct dumpio_error *err)
{
    char *path = path_of(b, DIO_MANIFEST_SEALED, ""), *text = NULL;
    size_t len;
    int rc = path ? dio_small_file(path, 2 * DIO_MANIFEST_MAX, &text, &len, err)
                  : dio_nomem(err, "a file name");
    if (!rc)
        rc = put_signature(b, DIO_MANIFEST_SEALED, text, len, err);
    free(path);
    free(text);
    return rc;
}

static int put_sealed(struct dio_beside *b, const struct dio_manifest *m, struct dumpio_error *err)
{
    char *text = NULL;
    size_t len;
    int rc = dio_manifest_text(m, &text, &len, err);
    if (!rc)
        rc = put(&b->sealed, text, len, err);
    free(text);
    return rc ? rc : sign_sealed(b, err);
}

/* Names, sizes and digests of the files alone. */
static int put_files_only(struct dio_beside *b, const struct dio_manifest *m,
                          struct dumpio_error *err)
{
    struct dio_manifest f = {.split = m->split, .has_file = m->has_file,
                             .file_size = m->file_size, .n_parts = m->n_parts};
    memcpy(f.file_sha256, m->file_sha256, sizeof f.file_sha256);
    f.parts = malloc((m->n_parts + 1) * sizeof *f.parts);
    if (!f.parts)
        return dio_nomem(err, "a manifest");
    for (size_t i = 0; i < m->n_parts; i++) {
        f.parts[i] = m->parts[i];
        f.parts[i].start = f.parts[i].end = 0;
    }
    int rc = put_open(b, &f, err);
    free(f.parts); /* the names are m's */
    return rc;
}

int dio_beside_write(struct dio_beside *b, const struct dio_manifest *m, struct dumpio_error *err)
{
    char *text = NULL;
    size_t len;
    int rc = dio_manifest_sums(m, &text, &len, err);
    if (!rc)
        rc = put(&b->sums, text, len, err);
    free(text);
    if (rc)
        return rc;
    if (b->sealed) {
        rc = put_sealed(b, m, err);
        return rc ? rc : put_files_only(b, m, err);
    }
    remove_old(b, DIO_MANIFEST_SEALED, "");
    remove_old(b, DIO_MANIFEST_SEALED, DIO_MANIFEST_SIGNATURE);
    return put_open(b, m, err);
}
