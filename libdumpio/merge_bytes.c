/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining parts that are pieces of a file, with a manifest that proves them, or as given.
 * No format: only without a manifest the first bytes are looked at, to know which piece is first.
 */
#include "dump.h"
#include "io/partial.h"
#include "parts_core.h"
#include "sha256.h"
#include "sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- going on with an interrupted run ------------------------------------------------------------ */

/* The parts in front that are there as the manifest says. */
static int count_proved(struct dio_merge *g, struct dio_bytes *old, struct dumpio_error *err)
{
    unsigned char sha256[DUMPIO_DIGEST_SIZE];
    uint8_t *block = malloc(DIO_COPY_BLOCK);
    int rc = block ? 0 : dio_nomem(err, "a buffer");
    while (!rc && g->resumed < g->m.n_parts) {
        const struct dio_manifest_part *p = &g->m.parts[g->resumed];
        if (p->offset > old->size || p->size > old->size - p->offset)
            break;
        rc = dio_hash_range(old, p->offset, p->size, block, sha256, &g->ticker, err);
        if (rc || memcmp(sha256, p->sha256, sizeof sha256) != 0)
            break;
        g->resumed++;
    }
    free(block);
    if (g->resumed)
        dio_note(g->env, DUMPIO_NOTE, "%s has the first %u parts from an interrupted run: going on "
                 "behind them", g->sink->name, g->resumed);
    g->keep = g->resumed != 0;
    return rc;
}

/* The manifest of the output, where one is asked for. */
static int start_beside(struct dio_merge *g, struct dumpio_error *err)
{
    const struct dumpio_manifest_options *m = g->o->convert ? g->o->convert->manifest : NULL;
    const struct dio_beside_options o = {
        .force = g->o->force != 0, .no_sync = g->o->no_sync != 0, .env = g->env,
        .signer = m ? dio_signer_inside(m->signer) : NULL,
    };
    if (!m)
        return dio_beside_none(g->out, g->o->force != 0, err);
    if (!g->has_manifest || !g->m.has_file || g->o->salvage)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "a manifest of what is joined by bytes "
                        "is made of that of the parts, all of them: %s", g->o->salvage
                        ? "not of what is salvaged" : "there is none");
    int rc = dio_beside_check_path(g->out, err);
    return rc ? rc : dio_beside_start(&g->beside, g->out, &o, err);
}

/* Give the output its name, and write its manifest: the contents are what the parts' says. */
static int end_bytes(struct dio_merge *g, struct dumpio_error *err)
{
    struct dio_out *sink = g->sink;
    struct dio_file_sum sum = {.size = g->m.file_size};
    bool manifest = g->o->convert && g->o->convert->manifest;
    g->sink = NULL; /* finish frees it in every case */
    g->result->bytes = g->m.file_size;
    if (!manifest && g->o->force)
        dio_beside_forget(g->out, g->env);
    int rc = sink->ops->finish(sink, g->m.file_size, err);
    if (rc || !manifest)
        return rc;
    struct dio_manifest whole = {0};
    dio_manifest_take_contents(&whole, &g->m);
    memcpy(sum.sha256, g->m.file_sha256, sizeof sum.sha256);
    rc = dio_beside_write_one(&g->beside, &whole, g->out, &sum, err);
    dio_manifest_free(&whole);
    return rc;
}

int dio_merge_resume(struct dio_merge *g, struct dumpio_error *err)
{
    const struct dio_file_out_options how = {g->o->force != 0, g->o->no_sync != 0};
    struct dio_bytes *old;
    int rc = start_beside(g, err);
    if (rc)
        return rc;
    if (!dio_partial_can(g->out))
        return dio_file_create(&g->sink, g->out, &how, err);
    rc = dio_partial_create(&g->sink, &old, g->out, &how, &g->keep, err);
    return rc || !old->size ? rc : count_proved(g, old, err);
}

/* ---- with a manifest -------------------------------------------------------------------------------- */

/* A part, at its place; *sha256 of what was copied. What is there beyond its size is left away. */
static int copy_part(struct dio_merge *g, const char *path, const struct dio_manifest_part *p,
                     uint8_t *block, struct dio_sha256 *h, uint64_t *copied,
                     struct dumpio_error *err)
{
    struct dio_file_in in;
    *copied = 0;
    int rc = dio_file_open(&in, path, err);
    if (rc)
        return rc;
    if (!in.bytes) {
        dio_stream_close(in.fd);
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: not a file", path);
    }
    dio_sha256_start(h);
    uint64_t size = in.bytes->size < p->size ? in.bytes->size : p->size;
    while (!rc && *copied < size) {
        uint64_t left = size - *copied;
        size_t n = left < DIO_COPY_BLOCK ? (size_t)left : DIO_COPY_BLOCK;
        rc = dio_read_exact(in.bytes, *copied, block, n, "a part", err);
        if (!rc)
            rc = dio_write(g->sink, p->offset + *copied, block, n, err);
        if (rc)
            break;
        dio_sha256_add(h, block, n);
        *copied += n;
        g->ticker.p.done += n;
        g->ticker.p.out += n;
        rc = dio_tick(&g->ticker, 0, err);
    }
    dio_bytes_close(in.bytes);
    return rc;
}

static void lose(struct dio_merge *g, uint64_t start, uint64_t end, const char *why)
{
    g->result->lost_bytes += end - start;
    if (g->o->lost && start < end)
        g->o->lost(g->env ? g->env->user : NULL, start, end, why);
}

static int one_part(struct dio_merge *g, size_t i, uint8_t *block, struct dio_sha256 *h,
                    struct dumpio_error *err)
{
    const struct dio_manifest_part *p = &g->m.parts[i];
    unsigned char sha256[DUMPIO_DIGEST_SIZE];
    uint64_t copied = 0;
    char why[160];
    if (!g->found[i]) {
        snprintf(why, sizeof why, "part %s is missing", p->name);
        lose(g, p->offset, p->offset + p->size, why);
        return 0;
    }
    int rc = copy_part(g, g->found[i], p, block, h, &copied, err);
    if (rc)
        return rc;
    g->result->parts++;
    rc = dio_sha256_end(h, sha256, err);
    if (rc)
        return rc;
    if (copied == p->size && !memcmp(sha256, p->sha256, sizeof sha256)) {
        g->keep = true;
        return 0;
    }
    if (!g->damaged[i])
        return dio_fail(err, DUMPIO_E_IO, DUMPIO_NO_OFFSET, "%s has changed while it was read",
                        g->found[i]);
    if (copied < p->size) {
        snprintf(why, sizeof why, "part %s ends here", p->name);
        lose(g, p->offset + copied, p->offset + p->size, why);
    }
    snprintf(why, sizeof why, "part %s is damaged somewhere here; written as it is", p->name);
    lose(g, p->offset, p->offset + copied, why);
    return 0;
}

int dio_merge_bytes(struct dio_merge *g, struct dumpio_error *err)
{
    uint8_t *block = malloc(DIO_COPY_BLOCK);
    struct dio_sha256 *h = dio_sha256_new();
    int rc = block && h ? 0 : dio_nomem(err, "a buffer");
    for (size_t i = g->resumed; !rc && i < g->m.n_parts; i++)
        rc = one_part(g, i, block, h, err);
    dio_sha256_free(h);
    free(block);
    if (rc)
        return rc;
    g->result->parts += g->resumed;
    g->result->resumed = g->resumed;
    rc = end_bytes(g, err);
    return rc ? rc : dio_tick(&g->ticker, 1, err);
}

/* ---- without ------------------------------------------------------------------------------------------ */

static int begins(const char *path, uint8_t *head, bool *known, struct dumpio_error *err)
{
    struct dio_file_in in;
    size_t n = 0;
    *known = false;
    int rc = dio_file_open(&in, path, err);
    if (rc)
        return rc;
    if (!in.bytes) {
        dio_stream_close(in.fd);
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: parts are files, not streams",
                        path);
    }
    rc = dio_read_some(in.bytes, 0, head, DIO_PROBE_SIZE, &n, err);
    *known = !rc && dio_stack_knows(head, n);
    for (size_t i = 0; !rc && !*known && dio_formats[i]; i++)
        *known = dio_formats[i]->probe && !(dio_formats[i]->flags & DIO_FORMAT_ON_REQUEST) &&
                 dio_formats[i]->probe(head, n) > 0;
    dio_bytes_close(in.bytes);
    return rc;
}

/* Pieces of one file: exactly one of them begins like anything, and it comes first. */
static int find_first(struct dio_merge *g, size_t *first, size_t *known, struct dumpio_error *err)
{
    uint8_t *head = malloc(DIO_PROBE_SIZE);
    int rc = head ? 0 : dio_nomem(err, "a buffer");
    *known = 0;
    for (size_t i = 0; i < g->n && !rc; i++) {
        bool yes;
        rc = begins(g->paths[i], head, &yes, err);
        if (!rc && yes && !(*known)++)
            *first = i;
    }
    free(head);
    return rc;
}

/* The pieces as a manifest would name them, but for their digests. */
static int invent(struct dio_merge *g, size_t first, struct dumpio_error *err)
{
    struct dio_file_in in;
    int rc = 0;
    g->m.parts = calloc(g->n, sizeof *g->m.parts);
    g->found = calloc(g->n, sizeof *g->found);
    g->damaged = calloc(g->n, sizeof *g->damaged);
    if (!g->m.parts || !g->found || !g->damaged)
        return dio_nomem(err, "the list of parts");
    for (size_t i = 0; i < g->n && !rc; i++) {
        size_t from = !i ? first : i <= first ? i - 1 : i;
        g->found[i] = g->paths[from];
        rc = dio_file_open(&in, g->paths[from], err);
        if (rc)
            break;
        g->m.parts[i].offset = g->m.file_size;
        g->m.parts[i].size = in.bytes ? in.bytes->size : 0;
        dio_stream_close(in.fd);
        dio_bytes_close(in.bytes);
        if (g->m.parts[i].size > UINT64_MAX - g->m.file_size)
            return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "the parts are too large");
        g->m.file_size += g->m.parts[i].size;
        g->m.n_parts++;
    }
    g->ticker.p.total = g->m.file_size;
    return rc;
}

static int copy_pieces(struct dio_merge *g, struct dumpio_error *err)
{
    uint8_t *block = malloc(DIO_COPY_BLOCK);
    struct dio_sha256 *h = dio_sha256_new();
    int rc = block && h ? 0 : dio_nomem(err, "a buffer");
    for (size_t i = 0; !rc && i < g->m.n_parts; i++) {
        uint64_t copied;
        rc = copy_part(g, g->found[i], &g->m.parts[i], block, h, &copied, err);
        if (!rc && copied != g->m.parts[i].size)
            rc = dio_fail(err, DUMPIO_E_IO, copied, "%s has become shorter while it was read",
                          g->found[i]);
    }
    dio_sha256_free(h);
    free(block);
    return rc;
}

int dio_merge_plain(struct dio_merge *g, struct dumpio_error *err)
{
    const struct dio_file_out_options how = {g->o->force != 0, g->o->no_sync != 0};
    size_t first = 0, known;
    int rc = find_first(g, &first, &known, err);
    if (rc || known > 1)
        return rc ? rc : DUMPIO_END;
    if (!known)
        return dio_fail(err, DUMPIO_E_FORMAT, DUMPIO_NO_OFFSET, "none of the %zu files begins like "
                        "a dump or a container, and there is no manifest: the first part is "
                        "missing, or these are no parts", g->n);
    rc = dio_merge_as_it_was(g, err);
    if (!rc)
        rc = start_beside(g, err);
    if (!rc)
        rc = invent(g, first, err);
    if (!rc)
        rc = dio_file_create(&g->sink, g->out, &how, err);
    if (rc)
        return rc;
    dio_note(g->env, DUMPIO_WARNING, "there is no manifest: joined in the order given, and whether "
             "these are all the parts cannot be known");
    rc = copy_pieces(g, err);
    if (rc)
        return rc;
    g->result->parts = (uint32_t)g->n;
    return end_bytes(g, err);
}
