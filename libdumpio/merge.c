/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining parts: which file is which part, by the manifest's digests; what is missing, damaged,
 * foreign or there twice is told by name before anything is written.
 */
#include "io/partial.h"
#include "parts_core.h"
#include "prove.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the files given ------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *end)
{
    size_t len = strlen(path), n = strlen(end);
    return len > n && !strcmp(path + len - n, end);
}

static int load_manifest(struct dio_merge *g, const char *path, struct dumpio_error *err)
{
    int rc = dio_manifest_look(&g->m, path, &g->manifest_path, g->env, err);
    g->has_manifest = !rc;
    return rc == DUMPIO_END ? dio_fail(err, DUMPIO_E_IO, DUMPIO_NO_OFFSET, "%s: no such file", path)
                            : rc;
}

/* Take what stands beside parts off the list; a manifest among the files is the one that counts. */
static int sort_out(struct dio_merge *g, const char *const *paths, size_t n, const char **list,
                    struct dumpio_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        if (ends_with(paths[i], DIO_MANIFEST_SUFFIX) && !g->has_manifest)
            rc = load_manifest(g, paths[i], err);
        else if (ends_with(paths[i], DIO_MANIFEST_SUMS) ||
                 ends_with(paths[i], DIO_MANIFEST_SUFFIX) ||
                 ends_with(paths[i], DIO_MANIFEST_SEALED) ||
                 ends_with(paths[i], DIO_MANIFEST_SIGNATURE) ||
                 ends_with(paths[i], ".dumpmerge"))
            dio_note(g->env, DUMPIO_NOTE, "%s is no part: not looked at", paths[i]);
        else
            list[g->n++] = paths[i];
    }
    g->paths = list;
    if (!rc && !g->n)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "none of the files is a part");
    return rc;
}

static size_t names_known(const struct dio_merge *g, const struct dio_manifest *m)
{
    size_t known = 0;
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < m->n_parts; k++)
            if (!strcmp(dio_base_name(g->paths[i]), m->parts[k].name)) {
                known++;
                break;
            }
    return known;
}

/* The manifest beside the parts that names most of them; the first that names at least half. */
static int find_manifest(struct dio_merge *g, struct dumpio_error *err)
{
    size_t best = 0;
    for (size_t i = 0; i < g->n && 2 * best < g->n + 1; i++) {
        struct dio_manifest m = {0};
        char *where;
        int rc = dio_manifest_look(&m, g->paths[i], &where, g->env, err);
        if (rc == DUMPIO_END)
            continue;
        if (rc)
            return rc;
        size_t known = m.split == DIO_SPLIT_NONE ? 0 : names_known(g, &m); /* NONE: no set's */
        if (known > best) {
            dio_manifest_free(&g->m);
            free(g->manifest_path);
            g->m = m;
            g->manifest_path = where;
            g->has_manifest = true;
            best = known;
        } else {
            dio_manifest_free(&m);
            free(where);
        }
    }
    return 0;
}

static int check_manifest(const struct dio_manifest *m, struct dumpio_error *err)
{
    uint64_t at = 0;
    if (!m->n_parts)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "the manifest names no parts");
    if (m->split == DIO_SPLIT_MEMORY)
        return 0;
    for (size_t i = 0; i < m->n_parts; i++) {
        const struct dio_manifest_part *p = &m->parts[i];
        if (p->offset != at || p->size > UINT64_MAX - at)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "the manifest puts part %s at "
                            "0x%llx, and what is before it ends at 0x%llx", p->name,
                            (unsigned long long)p->offset, (unsigned long long)at);
        at += p->size;
    }
    if (m->has_file && m->file_size != at)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "the manifest's parts make %llu "
                        "bytes, the file has %llu", (unsigned long long)at,
                        (unsigned long long)m->file_size);
    return 0;
}

/* Whose manifest is it? */
static int check_signature(struct dio_merge *g, struct dumpio_error *err)
{
    struct dumpio_signature s = {0};
    const char *allowed = g->o->allowed_signers;
    size_t room = strlen(g->manifest_path) + sizeof ".age";
    char *sealed = malloc(room);
    if (!sealed)
        return dio_nomem(err, "a file name");
    snprintf(sealed, room, "%s.age", g->manifest_path);
    FILE *f = fopen(sealed, "rb");
    if (f)
        fclose(f);
    int rc = dio_check_signatures(g->manifest_path, f ? sealed : NULL, allowed, &s, err);
    free(sealed);
    if (rc)
        return rc;
    if (s.state == DUMPIO_SIGNATURE_BAD || s.state == DUMPIO_SIGNED_BY_OTHER)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%s: its signature is no good: %s: "
                        "nothing written", g->manifest_path, s.who);
    if (allowed && s.state != DUMPIO_SIGNED_BY)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%s is not signed: nothing written",
                        g->manifest_path);
    if (s.state == DUMPIO_SIGNED || s.state == DUMPIO_SIGNED_BY)
        dio_note(g->env, DUMPIO_NOTE, "%s is signed by %s%s%s", g->manifest_path, s.who,
                 *s.who ? ", " : "the key ", s.fingerprint);
    return 0;
}

/* ---- which file is which part ---------------------------------------------------------------- */

struct problems {
    const struct dumpio_env *env;
    unsigned n;
    char first[300];
};

static void problem(struct problems *p, const char *fmt, ...) DIO_PRINTF(2, 3);
static void problem(struct problems *p, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!p->n++)
        memcpy(p->first, text, sizeof text);
    dio_note(p->env, DUMPIO_WARNING, "%s", text);
}

/* The part with this content: the one of the same name first, then one that is still missing. */
static size_t by_content(const struct dio_merge *g, const char *name, uint64_t size,
                         const unsigned char *sha256)
{
    size_t taken = SIZE_MAX, free_one = SIZE_MAX;
    for (size_t k = 0; k < g->m.n_parts; k++) {
        const struct dio_manifest_part *p = &g->m.parts[k];
        if (p->size != size || memcmp(p->sha256, sha256, DUMPIO_DIGEST_SIZE) != 0)
            continue;
        if (!strcmp(p->name, name) && (!g->found[k] || g->damaged[k]))
            return k;
        if (!g->found[k] && free_one == SIZE_MAX)
            free_one = k;
        taken = k;
    }
    return free_one != SIZE_MAX ? free_one : taken;
}

static size_t by_name(const struct dio_merge *g, const char *name)
{
    for (size_t k = 0; k < g->m.n_parts; k++)
        if (!strcmp(g->m.parts[k].name, name))
            return k;
    return SIZE_MAX;
}

static void unknown_file(struct dio_merge *g, struct problems *bad, const char *path, uint64_t size)
{
    size_t k = by_name(g, dio_base_name(path));
    if (k == SIZE_MAX) {
        problem(bad, "%s is foreign: the manifest knows no part with its name or content", path);
        return;
    }
    const struct dio_manifest_part *p = &g->m.parts[k];
    if (k < g->resumed)
        return; /* it is there already, from a better copy */
    if (size != p->size)
        problem(bad, "%s is damaged: it has %llu bytes, and should have %llu", path,
                (unsigned long long)size, (unsigned long long)p->size);
    else
        problem(bad, "%s is damaged: its SHA-256 is not the one in the manifest", path);
    if (!g->found[k]) {
        g->found[k] = path;
        g->damaged[k] = true;
    }
}

static int place_file(struct dio_merge *g, struct problems *bad, const char *path,
                      struct dumpio_error *err)
{
    unsigned char sha256[DUMPIO_DIGEST_SIZE];
    uint64_t size;
    size_t named = by_name(g, dio_base_name(path));
    if (named < g->resumed)
        return 0; /* proved already where it is going to be */
    int rc = dio_hash_file(path, &size, sha256, &g->ticker, err);
    if (rc)
        return rc;
    size_t k = by_content(g, dio_base_name(path), size, sha256);
    if (k == SIZE_MAX) {
        unknown_file(g, bad, path, size);
    } else if (g->found[k] && !g->damaged[k]) {
        problem(bad, "%s is a duplicate of %s: both are part %s", path, g->found[k],
                g->m.parts[k].name);
    } else {
        g->found[k] = path;
        g->damaged[k] = false;
    }
    return 0;
}

static int identify(struct dio_merge *g, struct dumpio_error *err)
{
    struct problems bad = {.env = g->env};
    g->found = calloc(g->m.n_parts, sizeof *g->found);
    g->damaged = calloc(g->m.n_parts, sizeof *g->damaged);
    int rc = g->found && g->damaged ? 0 : dio_nomem(err, "the list of parts");
    for (size_t i = 0; i < g->n && !rc; i++)
        rc = place_file(g, &bad, g->paths[i], err);
    for (size_t k = g->resumed; k < g->m.n_parts && !rc; k++)
        if (!g->found[k])
            problem(&bad, "part %s is missing", g->m.parts[k].name);
    g->result->verified = !rc && !bad.n;
    if (rc || !bad.n || g->o->salvage)
        return rc;
    if (bad.n > 1)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%s; and %u more: nothing written "
                        "(--salvage writes what there is)", bad.first, bad.n - 1);
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "%s: nothing written (--salvage writes what there is)", bad.first);
}

/* The parts as the manifest orders them, without the missing ones, in the place of those given. */
static void reorder(struct dio_merge *g, const char **list)
{
    g->n = 0;
    for (size_t k = 0; k < g->m.n_parts; k++)
        if (g->found[k])
            list[g->n++] = g->found[k];
}

int dio_merge_as_it_was(const struct dio_merge *g, struct dumpio_error *err)
{
    const struct dumpio_convert_options *c = g->o->convert;
    if (!c || !(c->format || c->codec || c->wrap || c->keys || c->flatten || c->ram_only))
        return 0;
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "these are pieces of a file, and are joined "
                    "to what it was: convert it afterwards");
}

/* ---- all ------------------------------------------------------------------------------------- */

static int with_manifest(struct dio_merge *g, const char **list, struct dumpio_error *err)
{
    bool bytes = g->m.split != DIO_SPLIT_MEMORY;
    int rc = check_manifest(&g->m, err);
    for (size_t i = 0; i < g->m.n_parts; i++)
        g->ticker.p.total += (bytes ? 2 : 1) * g->m.parts[i].size;
    if (!rc && bytes)
        rc = dio_merge_as_it_was(g, err);
    if (!rc && bytes) {
        const struct dio_manifest_part *last = &g->m.parts[g->m.n_parts - 1];
        g->m.file_size = last->offset + last->size;
        rc = dio_merge_resume(g, err);
    }
    if (!rc)
        rc = identify(g, err);
    if (rc)
        return rc;
    if (bytes)
        return dio_merge_bytes(g, err);
    /* identify() has room in `list` for those given only; a part is found once */
    reorder(g, list);
    if (!g->n)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "no part is left");
    return dio_merge_memory(g, err);
}

static int without_manifest(struct dio_merge *g, struct dumpio_error *err)
{
    int rc = DUMPIO_END;
    if (g->n > 1)
        rc = dio_merge_plain(g, err);
    return rc == DUMPIO_END ? dio_merge_memory(g, err) : rc;
}

int dumpio_merge(const char *const *paths, size_t n, const char *out,
                 const struct dumpio_merge_options *options, struct dumpio_merge_result *result,
                 const struct dumpio_env *env, struct dumpio_error *err)
{
    static const struct dumpio_merge_options defaults;
    struct dumpio_merge_result unused;
    struct dio_merge g = {.o = options ? options : &defaults, .env = env, .out = out,
                          .result = result ? result : &unused, .ticker = {.env = env}};
    *g.result = (struct dumpio_merge_result){0};
    const char **list = n && n <= DUMPIO_PARTS_MAX + 8 ? calloc(n, sizeof *list) : NULL;
    if (!list)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "1 to %u parts can be joined, not %zu",
                        DUMPIO_PARTS_MAX, n);
    int rc = sort_out(&g, paths, n, list, err);
    if (!rc && !g.has_manifest)
        rc = find_manifest(&g, err);
    if (!rc && g.has_manifest)
        rc = check_signature(&g, err);
    else if (!rc && g.o->allowed_signers)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "there is no manifest of the parts, so "
                      "nothing is signed");
    if (!rc)
        rc = g.has_manifest ? with_manifest(&g, list, err) : without_manifest(&g, err);
    if (g.sink) {
        if (g.keep && rc != DUMPIO_E_CORRUPT)
            dio_note(env, DUMPIO_NOTE, "%s keeps what is joined so far: the same call goes on "
                     "behind it", g.sink->name);
        g.sink->ops->discard(g.sink);
    }
    dio_beside_free(&g.beside);
    free(list);
    free(g.manifest_path);
    free(g.found);
    free(g.damaged);
    dio_manifest_free(&g.m);
    return rc;
}
