/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of parts, digests of files, and the manifest and checksums that are written beside parts
 * (docs/manifest.md). What the parts hold is none of its business.
 */
#include "io/partial.h"
#include "parts_core.h"
#include "sha256.h"
#include "sign.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *dio_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- names ------------------------------------------------------------------------------------ */

/* "%d", "%3d", "%03d" at the only '%' of a pattern: its width, and *len of it; 0 when it is none. */
static size_t number_field(const char *pattern, size_t *len, unsigned *width)
{
    const char *p = strchr(pattern, '%');
    if (!p)
        return 0;
    size_t n = 1;
    *width = 1;
    while (p[n] == '0')
        n++;
    if (p[n] >= '1' && p[n] <= '9')
        *width = (unsigned)(p[n++] - '0');
    if (p[n] != 'd' || strchr(p + n, '%') || (n > 3))
        return 0;
    *len = n + 1;
    return (size_t)(p - pattern) + 1;
}

char *dio_parts_path(const struct dio_parts *p, uint64_t n)
{
    size_t len = 0, at = 0;
    unsigned width = p->digits;
    const char *text = p->o->name ? p->o->name : p->o->prefix;
    if (p->o->name)
        at = number_field(text, &len, &width) - 1;
    else
        at = strlen(text);
    size_t room = strlen(text) + 32;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%.*s%0*llu%s", (int)at, text, (int)width, (unsigned long long)n,
                 text + at + len);
    return path;
}

/* What stands before the number, up to the last character that is not one of `without`. */
static char *front(const struct dio_parts *p, const char *without)
{
    size_t len;
    unsigned width;
    const char *text = p->o->name ? p->o->name : p->o->prefix;
    size_t at = p->o->name ? number_field(text, &len, &width) - 1 : strlen(text);
    while (at && strchr(without, text[at - 1]))
        at--;
    return strndup(text, at);
}

char *dio_parts_stem(const struct dio_parts *p)
{
    return front(p, "-_.");
}

/* What stands beside parts is called after all of them: "dump.%03d" and "dump.": dump.manifest.json */
static int open_beside(struct dio_parts *p, struct dumpio_error *err)
{
    const struct dumpio_convert_options *c = p->o->convert;
    const struct dio_keys *keys = dio_keys_inside(c ? c->keys : NULL);
    const struct dio_beside_options o = {
        .force = p->o->force != 0, .no_sync = p->o->no_sync != 0, .env = p->env,
        .keys = keys && dio_keys_count(keys, DIO_KEY_SEAL) ? keys : NULL,
        .signer = c && c->manifest ? dio_signer_inside(c->manifest->signer) : NULL,
    };
    char *stem = p->o->beside ? strdup(p->o->beside) : front(p, p->o->name ? "-_." : ".");
    int rc = stem ? dio_beside_start(&p->beside, stem, &o, err) : dio_nomem(err, "a file name");
    free(stem);
    return rc;
}

static int check_names(const struct dumpio_split_options *o, struct dumpio_error *err)
{
    size_t len;
    unsigned width;
    if (o->name && !number_field(o->name, &len, &width))
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "%s: a name of parts has one %%d, for example x.part%%03d", o->name);
    if (!o->name && (!o->prefix || !*o->prefix || !strcmp(o->prefix, "-")))
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "parts are files, and need a name");
    return 0;
}

int dio_parts_start(struct dio_parts *p, const struct dumpio_split_options *o,
                    enum dio_manifest_split split, uint64_t expected, const struct dumpio_env *env,
                    struct dumpio_error *err)
{
    *p = (struct dio_parts){.o = o, .env = env, .digits = 3, .m.split = split};
    int rc = check_names(o, err);
    if (rc)
        return rc;
    if (expected > DUMPIO_PARTS_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                        "%llu parts are more than %u; make them larger",
                        (unsigned long long)expected, DUMPIO_PARTS_MAX);
    for (uint64_t limit = 1000; expected >= limit; limit *= 10)
        p->digits++;
    return open_beside(p, err);
}

static bool grow(struct dio_parts *p)
{
    size_t cap = p->cap ? 2 * p->cap : 16;
    void *parts = realloc(p->m.parts, cap * sizeof *p->m.parts);
    if (parts)
        p->m.parts = parts;
    void *made = realloc(p->made, cap * sizeof *p->made);
    if (made)
        p->made = made;
    if (parts && made)
        p->cap = cap;
    return parts && made;
}

int dio_parts_add(struct dio_parts *p, struct dio_temp_file *file,
                  const struct dio_manifest_part *part, struct dumpio_error *err)
{
    if (p->m.n_parts == p->cap && !grow(p)) {
        dio_temp_file_drop(file);
        return dio_nomem(err, "the list of parts");
    }
    p->made[p->m.n_parts] = *file;
    p->m.parts[p->m.n_parts++] = *part;
    *file = (struct dio_temp_file){.fd = -1};
    return 0;
}

void dio_parts_undo(struct dio_parts *p)
{
    dio_temp_file_drop(&p->made[--p->m.n_parts]);
}

/* ---- the end ------------------------------------------------------------------------------------ */

/* A part that a former, longer run left behind would be joined by whoever takes them all. */
static void tell_stale(const struct dio_parts *p)
{
    char *next = dio_parts_path(p, p->m.n_parts + 1);
    FILE *f = next ? fopen(next, "rb") : NULL;
    if (f) {
        fclose(f);
        dio_note(p->env, DUMPIO_WARNING, "%s is there already, and no part of this set", next);
    }
    free(next);
}

/* Now that their number is known, the parts have names. */
static int name_parts(struct dio_parts *p, struct dumpio_error *err)
{
    p->digits = 3;
    for (uint64_t limit = 1000; p->m.n_parts >= limit; limit *= 10)
        p->digits++;
    for (size_t i = 0; i < p->m.n_parts; i++) {
        char *path = dio_parts_path(p, i + 1);
        char *name = path ? strdup(dio_base_name(path)) : NULL;
        if (!name) {
            free(path);
            return dio_nomem(err, "a file name");
        }
        free(p->made[i].path);
        p->made[i].path = path;
        p->m.parts[i].name = name;
    }
    return 0;
}

static int show_parts(struct dio_parts *p, size_t *shown, struct dumpio_error *err)
{
    int rc = 0;
    while (*shown < p->m.n_parts && !rc) {
        rc = dio_temp_file_show(&p->made[*shown], p->o->force != 0, err);
        *shown += !rc;
    }
    int e = !rc && !p->o->no_sync && p->m.n_parts ? dio_sync_folder(p->made[0].path) : 0;
    return e ? dio_fail_errno(err, e, DUMPIO_NO_OFFSET, "%s: sync of its directory",
                              p->made[0].path) : rc;
}

int dio_parts_end(struct dio_parts *p, int rc, struct dumpio_error *err)
{
    size_t shown = 0;
    if (!rc)
        rc = name_parts(p, err);
    if (!rc)
        rc = show_parts(p, &shown, err);
    if (!rc)
        rc = dio_beside_write(&p->beside, &p->m, err);
    if (!rc)
        tell_stale(p);
    for (size_t i = 0; i < p->m.n_parts; i++) {
        if (rc && i < shown)
            remove(p->made[i].path);
        dio_temp_file_drop(&p->made[i]);
    }
    free(p->made);
    dio_beside_free(&p->beside);
    dio_manifest_free(&p->m);
    return rc;
}

/* ---- digests -------------------------------------------------------------------------------------- */

int dio_hash_range(struct dio_bytes *b, uint64_t off, uint64_t len, uint8_t *block,
                   unsigned char sha256[DUMPIO_DIGEST_SIZE], struct dio_ticker *ticker,
                   struct dumpio_error *err)
{
    struct dio_sha256 *h = dio_sha256_new();
    int rc = h ? 0 : dio_nomem(err, "a digest");
    if (!rc)
        dio_sha256_start(h);
    while (!rc && len) {
        size_t n = len < DIO_COPY_BLOCK ? (size_t)len : DIO_COPY_BLOCK;
        rc = dio_read_exact(b, off, block, n, "a part", err);
        if (rc)
            break;
        dio_sha256_add(h, block, n);
        off += n;
        len -= n;
        if (ticker) {
            ticker->p.done += n;
            rc = dio_tick(ticker, 0, err);
        }
    }
    if (!rc)
        rc = dio_sha256_end(h, sha256, err);
    dio_sha256_free(h);
    return rc;
}

int dio_hash_file(const char *path, uint64_t *size, unsigned char sha256[DUMPIO_DIGEST_SIZE],
                  struct dio_ticker *ticker, struct dumpio_error *err)
{
    struct dio_file_in in;
    int rc = dio_file_open(&in, path, err);
    if (rc)
        return rc;
    if (!in.bytes) {
        dio_stream_close(in.fd);
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: parts are files, not streams",
                        path);
    }
    uint8_t *block = malloc(DIO_COPY_BLOCK);
    *size = in.bytes->size;
    rc = block ? dio_hash_range(in.bytes, 0, *size, block, sha256, ticker, err)
               : dio_nomem(err, "a buffer");
    free(block);
    dio_bytes_close(in.bytes);
    return rc;
}
