/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking an output against its manifest: <dumpio/manifest.h>. Manifests are other people's; file
 * names in them are looked up in their own folder alone.
 */
#include "extent.h"
#include "io/io.h"
#include "manifest.h"
#include "plug/keys.h"
#include "prove.h"
#include "sha256.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK (1u << 20)

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* Decrypt and parse. */
static int read_sealed(struct dio_manifest *m, struct dio_bytes **b, const struct dio_keys *keys,
                       const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dio_layer_options o = {.keys = keys};
    char names[DIO_STACK_NAMES];
    size_t got;
    uint8_t *head = malloc(DIO_PROBE_SIZE);
    int rc = head ? dio_stack_open(b, head, &o, env, names, err) : dio_nomem(err, "a manifest");
    free(head);
    if (!rc && (*b)->size > DIO_MANIFEST_MAX)
        rc = dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "longer than %zu bytes",
                      DIO_MANIFEST_MAX);
    if (rc)
        return rc;
    size_t len = (size_t)(*b)->size;
    char *text = malloc(len + 1);
    rc = text ? dio_read_some(*b, 0, text, len, &got, err) : dio_nomem(err, "a manifest");
    if (!rc)
        rc = dio_manifest_parse(m, text, got, err);
    free(text);
    return rc;
}

static bool same_files(const struct dio_manifest *a, const struct dio_manifest *b)
{
    bool same = a->n_parts == b->n_parts && a->split == b->split;
    for (size_t i = 0; same && i < a->n_parts; i++)
        same = !strcmp(a->parts[i].name, b->parts[i].name) && a->parts[i].size == b->parts[i].size &&
               !memcmp(a->parts[i].sha256, b->parts[i].sha256, DUMPIO_DIGEST_SIZE);
    return same;
}

static int open_sealed(struct dumpio_manifest *p, const struct dio_keys *keys,
                       const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_manifest m = {0};
    struct dio_file_in in;
    int rc = dio_file_open(&in, p->sealed_path, err);
    if (rc)
        return rc;
    rc = read_sealed(&m, &in.bytes, keys, env, err);
    dio_bytes_close(in.bytes);
    if (rc)
        return dio_context(err, rc, "%s", p->sealed_path);
    if (!same_files(&p->m, &m)) {
        dio_manifest_free(&m);
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%s and %s are of different files",
                        p->path, p->sealed_path);
    }
    dio_manifest_free(&p->m);
    p->m = m;
    return 0;
}

static void fill_info(struct dumpio_manifest *p, bool opened)
{
    const struct dio_manifest *m = &p->m;
    p->info = (struct dumpio_manifest_info){
        .path = p->path, .sealed_path = p->sealed_path, .opened = opened, .parts = m->n_parts,
        .split = (int)m->split, .format = m->format ? m->format : "",
        .codec = m->codec ? m->codec : "", .containers = m->containers ? m->containers : "",
        .provenance = m->provenance ? m->provenance : "", .has_image = m->has_image,
        .leaves = m->n_leaves, .sums_only = p->sums_only, .sums_path = p->sums_path,
        .sums_why = p->sums_why};
    memcpy(p->info.image, m->image, sizeof p->info.image);
}

/* Where the parts are to be: beside the manifest; the only one may have been renamed with it. */
static int find_parts(struct dumpio_manifest *p, struct dumpio_error *err)
{
    const char *slash = strrchr(p->path, '/');
    size_t folder = slash ? (size_t)(slash - p->path) + 1 : 0;
    size_t stem = strlen(p->path) - strlen(p->sums_only ? DIO_MANIFEST_SUMS : DIO_MANIFEST_SUFFIX);
    p->paths = calloc(p->m.n_parts, sizeof *p->paths);
    if (!p->paths)
        return dio_nomem(err, "the list of parts");
    for (size_t i = 0; i < p->m.n_parts; i++) {
        size_t room = strlen(p->path) + strlen(p->m.parts[i].name) + 1;
        p->paths[i] = malloc(room);
        if (!p->paths[i])
            return dio_nomem(err, "a file name");
        snprintf(p->paths[i], room, "%.*s%s", (int)folder, p->path, p->m.parts[i].name);
    }
    if (p->m.n_parts == 1 && !is_file(p->paths[0])) {
        char *renamed = strndup(p->path, stem);
        if (renamed && is_file(renamed)) {
            free(p->paths[0]);
            p->paths[0] = renamed;
        } else {
            free(renamed);
        }
    }
    return 0;
}

static const struct dio_manifest_part *part_named(const struct dio_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->n_parts; i++)
        if (!strcmp(m->parts[i].name, name))
            return &m->parts[i];
    return NULL;
}

/* The checksums beside a manifest have to say the same. */
static int compare_sums(struct dumpio_manifest *p, struct dumpio_error *err)
{
    struct dio_manifest sums = {0};
    struct dumpio_error why = {0};
    size_t stem = strlen(p->path) - strlen(DIO_MANIFEST_SUFFIX), room = strlen(p->path) + 1;
    p->sums_path = malloc(room);
    if (!p->sums_path)
        return dio_nomem(err, "a file name");
    snprintf(p->sums_path, room, "%.*s%s", (int)stem, p->path, DIO_MANIFEST_SUMS);
    if (!is_file(p->sums_path)) {
        free(p->sums_path);
        p->sums_path = NULL;
        return 0;
    }
    int rc = dio_sums_load(&sums, p->sums_path, &why);
    if (rc)
        snprintf(p->sums_why, sizeof p->sums_why, "%.200s", why.message);
    for (size_t i = 0; !rc && i < p->m.n_parts && !*p->sums_why; i++) {
        const struct dio_manifest_part *is = &p->m.parts[i], *says = part_named(&sums, is->name);
        if (!says || memcmp(says->sha256, is->sha256, sizeof is->sha256) != 0)
            snprintf(p->sums_why, sizeof p->sums_why, "it has %s of %.150s",
                     says ? "another SHA-256" : "none", is->name);
    }
    dio_manifest_free(&sums);
    return rc == DUMPIO_E_NOMEM ? dio_nomem(err, "checksums") : 0;
}

/* The encrypted manifest beside the open one, if there is one. */
static int find_sealed(struct dumpio_manifest *p, struct dumpio_error *err)
{
    size_t n = strlen(p->path);
    char *name = malloc(n + sizeof ".age");
    if (!name)
        return dio_nomem(err, "a file name");
    memcpy(name, p->path, n);
    memcpy(name + n, ".age", sizeof ".age");
    if (is_file(name))
        p->sealed_path = name;
    else
        free(name);
    return 0;
}

int dumpio_manifest_open(struct dumpio_manifest **out, const char *path,
                         const struct dumpio_keys *keys, const struct dumpio_env *env,
                         struct dumpio_error *err)
{
    const struct dio_keys *k = dio_keys_inside(keys);
    struct dumpio_manifest *p = calloc(1, sizeof *p);
    if (!p)
        return dio_nomem(err, "a manifest");
    int rc = dio_manifest_look(&p->m, path, &p->path, env, err);
    if (rc == DUMPIO_END) {
        p->sums_only = true;
        rc = dio_sums_look(&p->m, path, &p->path, env, err);
    }
    if (!rc && !p->sums_only)
        rc = find_sealed(p, err);
    if (!rc && !p->sums_only)
        rc = compare_sums(p, err);
    bool opens = !rc && p->sealed_path && k && dio_keys_count(k, DIO_KEY_OPEN);
    if (opens)
        rc = open_sealed(p, k, env, err);
    if (!rc)
        rc = find_parts(p, err);
    if (rc) {
        dumpio_manifest_close(p);
        return rc;
    }
    fill_info(p, opens || !p->sealed_path);
    *out = p;
    return 0;
}

void dumpio_manifest_close(struct dumpio_manifest *m)
{
    if (!m)
        return;
    for (size_t i = 0; m->paths && i < m->m.n_parts; i++)
        free(m->paths[i]);
    free(m->paths);
    free(m->path);
    free(m->sealed_path);
    free(m->sums_path);
    dio_manifest_free(&m->m);
    free(m);
}

const struct dumpio_manifest_info *dumpio_manifest_get_info(const struct dumpio_manifest *m)
{
    return &m->info;
}

struct dumpio_manifest_part dumpio_manifest_part(const struct dumpio_manifest *m, size_t i)
{
    const struct dio_manifest_part *p = &m->m.parts[i];
    struct dumpio_manifest_part part = {p->name, m->paths[i], p->size, p->start, p->end, {0}};
    memcpy(part.sha256, p->sha256, sizeof part.sha256);
    return part;
}

/* ---- files ----------------------------------------------------------------------------------- */

struct hashing {
    struct dio_sha256 *h;
    uint8_t *block;
    struct dio_ticker ticker;
};

static int hash_all(struct hashing *g, struct dio_bytes *b, unsigned char sha256[DUMPIO_DIGEST_SIZE],
                    struct dumpio_error *err)
{
    size_t got = BLOCK;
    int rc = 0;
    dio_sha256_start(g->h);
    for (uint64_t off = 0; !rc && got == BLOCK; off += got) {
        rc = dio_read_some(b, off, g->block, BLOCK, &got, err);
        if (rc)
            break;
        dio_sha256_add(g->h, g->block, got);
        g->ticker.p.done += got;
        rc = dio_tick(&g->ticker, 0, err);
    }
    return rc ? rc : dio_sha256_end(g->h, sha256, err);
}

/* *state, and why in err->message. Fails for reasons that are not the file's. */
static int check_part(const struct dumpio_manifest *m, size_t i, struct hashing *g,
                      enum dumpio_part_state *state, struct dumpio_error *err)
{
    const struct dio_manifest_part *p = &m->m.parts[i];
    unsigned char sha256[DUMPIO_DIGEST_SIZE];
    struct dio_file_in in;
    *state = DUMPIO_PART_MISSING;
    if (!is_file(m->paths[i])) {
        dio_fail(err, DUMPIO_E_IO, DUMPIO_NO_OFFSET, "there is no such file");
        return 0;
    }
    *state = DUMPIO_PART_UNREADABLE;
    int rc = dio_file_open(&in, m->paths[i], err);
    if (rc)
        return rc == DUMPIO_E_NOMEM ? rc : 0;
    uint64_t size = in.bytes->size;
    bool fits = p->size == DIO_PART_UNSIZED || size == p->size;
    rc = fits ? hash_all(g, in.bytes, sha256, err) : 0;
    dio_bytes_close(in.bytes);
    if (rc)
        return rc == DUMPIO_E_IO ? 0 : rc;
    if (!fits) {
        *state = DUMPIO_PART_SIZE;
        dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%llu bytes, not %llu",
                 (unsigned long long)size, (unsigned long long)p->size);
    } else if (memcmp(sha256, p->sha256, sizeof sha256) != 0) {
        *state = DUMPIO_PART_DAMAGED;
        dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "its SHA-256 is another one");
    } else {
        *state = DUMPIO_PART_WHOLE;
    }
    return 0;
}

int dumpio_manifest_check_parts(struct dumpio_manifest *m,
                                void (*part)(void *user, size_t i, enum dumpio_part_state state,
                                             const char *why),
                                void *user, size_t *bad, const struct dumpio_env *env,
                                struct dumpio_error *err)
{
    struct hashing g = {dio_sha256_new(), malloc(BLOCK), {.env = env}};
    int rc = g.h && g.block ? 0 : dio_nomem(err, "a digest");
    for (size_t i = 0; i < m->m.n_parts; i++)
        g.ticker.p.total += m->m.parts[i].size == DIO_PART_UNSIZED ? 0 : m->m.parts[i].size;
    *bad = 0;
    for (size_t i = 0; i < m->m.n_parts && !rc; i++) {
        struct dumpio_error why = {0};
        enum dumpio_part_state state;
        rc = check_part(m, i, &g, &state, &why);
        if (rc && err)
            *err = why;
        if (rc)
            break;
        *bad += state != DUMPIO_PART_WHOLE;
        if (part)
            part(user, i, state, why.message);
    }
    dio_sha256_free(g.h);
    free(g.block);
    return rc;
}
