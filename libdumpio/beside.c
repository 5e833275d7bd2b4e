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
#include <sys/stat.h>

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

int dio_beside_check_path(const char *path, struct dumpio_error *err)
{
    struct stat st;
    if (strcmp(path, "-") != 0 && (stat(path, &st) || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return 0;
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "a manifest stands beside a file: %s is "
                    "none", strcmp(path, "-") ? path : "standard output");
}

int dio_beside_write_one(struct dio_beside *b, struct dio_manifest *m, const char *path,
                         const struct dio_file_sum *sum, struct dumpio_error *err)
{
    const char *slash = strrchr(path, '/');
    struct dio_manifest_part part = {.name = strdup(slash ? slash + 1 : path), .size = sum->size};
    if (!part.name)
        return dio_nomem(err, "a file name");
    memcpy(part.sha256, sum->sha256, sizeof part.sha256);
    memcpy(m->file_sha256, sum->sha256, sizeof m->file_sha256);
    m->has_file = true;
    m->file_size = sum->size;
    m->parts = &part;
    m->n_parts = 1;
    int rc = dio_beside_write(b, m, err);
    if (rc)
        dio_context(err, rc, "%s is whole, but its manifest could not be written", path);
    free(part.name);
    m->parts = NULL; /* not of the heap */
    m->n_parts = 0;
    return rc;
}

/* ---- outputs without one --------------------------------------------------------------------- */

static char *joined(const char *path, const char *suffix)
{
    size_t room = strlen(path) + strlen(suffix) + 1;
    char *p = malloc(room);
    if (p)
        snprintf(p, room, "%s%s", path, suffix);
    return p;
}

/* Is it a manifest as this library writes it, be it damaged? */
static bool is_manifest(const char *path)
{
    static const char mark[] = "\"dumpio_manifest\"";
    char head[65] = "";
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, sizeof head - 1, f) : 0;
    if (f)
        fclose(f);
    head[n] = 0;
    return strstr(head, mark) != NULL;
}

enum about { ABOUT_NONE, ABOUT_FILE, ABOUT_OTHERS };

/* What the checksums PATH.sha256 are of: of the file at `path` alone, or of the parts of a set. */
static enum about sums_about(const char *path)
{
    struct dio_manifest m;
    const char *slash = strrchr(path, '/');
    char *sums = joined(path, DIO_MANIFEST_SUMS);
    if (!sums || dio_sums_load(&m, sums, NULL)) {
        free(sums);
        return ABOUT_NONE;
    }
    bool file = m.n_parts == 1 && !strcmp(m.parts[0].name, slash ? slash + 1 : path);
    dio_manifest_free(&m);
    free(sums);
    return file ? ABOUT_FILE : ABOUT_OTHERS;
}

/*
 * Calls `found` for each file that stands beside `path` and is about it. Manifest and checksums of a
 * split set whose prefix is `path` are not.
 */
static int each_old(const char *path, int (*found)(void *ctx, const char *old), void *ctx)
{
    static const char *const suffixes[] = {
        DIO_MANIFEST_SUFFIX, DIO_MANIFEST_SUMS, DIO_MANIFEST_SEALED,
        DIO_MANIFEST_SUFFIX DIO_MANIFEST_SIGNATURE, DIO_MANIFEST_SEALED DIO_MANIFEST_SIGNATURE};
    char *manifest = joined(path, DIO_MANIFEST_SUFFIX);
    enum about sums = sums_about(path);
    bool has = manifest && sums != ABOUT_OTHERS && is_manifest(manifest);
    int rc = 0;
    free(manifest);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !rc; i++) {
        char *old = joined(path, suffixes[i]);
        bool about = !strcmp(suffixes[i], DIO_MANIFEST_SUMS) ? sums == ABOUT_FILE : has;
        FILE *f = old && about ? fopen(old, "rb") : NULL;
        if (f) {
            fclose(f);
            rc = found(ctx, old);
        }
        free(old);
    }
    return rc;
}

static int refuse(void *ctx, const char *old)
{
    return dio_fail(ctx, DUMPIO_E_EXISTS, DUMPIO_NO_OFFSET, "%s exists, of another file of this "
                    "name; -f removes it", old);
}

static int forget(void *ctx, const char *old)
{
    const struct dumpio_env *env = ctx;
    if (remove(old))
        dio_note(env, DUMPIO_WARNING, "%s is of what was there before, and cannot be removed", old);
    else
        dio_note(env, DUMPIO_NOTE, "%s was of what was there before: removed", old);
    return 0;
}

static bool is_stream(const char *path)
{
    struct stat st;
    return !strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode));
}

int dio_beside_none(const char *path, bool force, struct dumpio_error *err)
{
    return force || is_stream(path) ? 0 : each_old(path, refuse, err);
}

void dio_beside_forget(const char *path, const struct dumpio_env *env)
{
    if (!is_stream(path))
        (void)each_old(path, forget, (void *)(uintptr_t)env);
}
