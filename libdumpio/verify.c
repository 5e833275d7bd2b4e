/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decode everything: what is lost, and the image digest (docs/image-digest.md). Extents are worked
 * on in parallel and joined in order.
 */
#include "leaf.h"
#include "pipeline.h"
#include "progress.h"
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct dio_extent extent;
    uint64_t base;
    struct dumpio_run lost; /* instead of an extent, when not empty */
    unsigned char leaf[DUMPIO_DIGEST_SIZE];
    bool has_leaf;
};

struct worker {
    struct dio_extent_loader loader;
    struct dio_sha256 *hash;
    struct dio_leaf leaf;
};

struct verification {
    struct dumpio_dump *dump;
    bool digest;
    bool forward;                      /* a stream: extents are loaded in order, when planned */
    struct dio_extent_loader in_order;
    const struct dio_verify_hear *hear;
    struct dumpio_verify_result *result;
    struct dio_sha256 *root;
    uint64_t next, leaves;
    bool at_end;
    struct dumpio_run lost_run; /* at hand; start == end: none */
    char lost_why[160];
    uint64_t codec_pages[DIO_CODECS_MAX + 1], codec_bytes[DIO_CODECS_MAX + 1];
    struct dio_ticker ticker;
};

static int load(struct verification *v, struct dio_extent_loader *loader, struct job *j,
                struct dumpio_error *err)
{
    int rc = dio_extent_load(&j->extent, loader, v->dump, j->base, err);
    return rc ? rc : dio_stream_check(v->dump, err);
}

static int job_plan(void *ctx, void *job, struct dumpio_error *err)
{
    struct verification *v = ctx;
    struct job *j = job;
    if (v->at_end)
        return DUMPIO_END;
    int rc = dio_extent_next(v->dump, v->next, &j->base, &j->lost, err);
    if (rc)
        return rc;
    v->next = j->lost.start < j->lost.end ? j->lost.end : j->base + DIO_EXTENT_SIZE;
    v->at_end = !v->next; /* the last extent of the address space */
    return v->forward && j->lost.start == j->lost.end ? load(v, &v->in_order, j, err) : 0;
}

static int make_leaf(struct job *j, struct worker *w, struct dumpio_error *err)
{
    const struct dio_extent *e = &j->extent;
    dio_leaf_start(&w->leaf, e->base);
    for (size_t i = 0; i < DIO_EXTENT_FRAMES; i++)
        if (dio_bit(e->present, i))
            dio_leaf_add(&w->leaf, e->base + i * DIO_FRAME, e->data + i * DIO_FRAME, DIO_FRAME);
    return dio_leaf_end(&w->leaf, w->hash, j->leaf, &j->has_leaf, err);
}

static int job_work(void *ctx, void *worker, void *job, struct dumpio_error *err)
{
    struct verification *v = ctx;
    struct worker *w = worker;
    struct job *j = job;
    j->has_leaf = false;
    if (j->lost.start < j->lost.end)
        return 0;
    int rc = v->forward ? 0 : load(v, &w->loader, j, err);
    if (!rc && v->digest)
        rc = make_leaf(j, w, err);
    return rc;
}

static void tell_lost(struct verification *v)
{
    if (v->hear->lost && v->lost_run.start < v->lost_run.end)
        v->hear->lost(v->hear->user, &v->lost_run, v->lost_why);
    v->lost_run.start = v->lost_run.end = 0;
}

/* Reasons name a page's place in the file: of a range the first one is told, as conversions do. */
static void join_lost(struct verification *v, uint64_t start, uint64_t end, const char *why)
{
    bool open = v->lost_run.start < v->lost_run.end;
    if (open && v->lost_run.end == start) {
        v->lost_run.end = end;
        return;
    }
    tell_lost(v);
    v->lost_run = (struct dumpio_run){start, end, DUMPIO_LOST};
    snprintf(v->lost_why, sizeof v->lost_why, "%s", why);
}

static int place_lost_run(struct verification *v, const struct dumpio_run *run,
                          struct dumpio_error *err)
{
    v->result->lost_pages += (run->end - run->start) / v->dump->info->unit;
    v->ticker.p.done += run->end - run->start;
    join_lost(v, run->start, run->end, DIO_LOST_RUN_WHY);
    return dio_tick(&v->ticker, 0, err);
}

static int job_place(void *ctx, void *job, struct dumpio_error *err)
{
    struct verification *v = ctx;
    struct job *j = job;
    const struct dio_extent *e = &j->extent;
    if (j->lost.start < j->lost.end)
        return place_lost_run(v, &j->lost, err);
    v->result->present_pages += e->present_pages;
    v->result->zero_pages += e->zero_pages;
    v->result->lost_pages += e->lost_pages;
    v->result->partial_pages += e->partial_pages;
    for (size_t i = 0; i <= DIO_CODECS_MAX; i++) {
        v->codec_pages[i] += e->codec_pages[i];
        v->codec_bytes[i] += e->codec_bytes[i];
        v->result->stored_bytes += e->codec_bytes[i];
    }
    for (size_t i = 0; i < e->n_lost; i++)
        join_lost(v, e->lost_list[i].start, e->lost_list[i].end, e->lost_list[i].why);
    if (j->has_leaf) {
        dio_root_add(v->root, j->leaf);
        v->leaves++;
        if (v->hear->leaf)
            v->hear->leaf(v->hear->user, j->base, j->leaf);
    }
    v->ticker.p.done += (e->present_pages + e->lost_pages) * v->dump->info->unit;
    return dio_tick(&v->ticker, 0, err);
}

static int finish(struct verification *v, struct dumpio_error *err)
{
    tell_lost(v);
    int rc = dio_root_end(v->root, v->leaves, v->result->digest, err);
    size_t k = 0, room = sizeof v->result->codecs / sizeof *v->result->codecs - 1;
    for (size_t i = 0; i <= DIO_CODECS_MAX && k < room; i++)
        if (v->codec_pages[i]) {
            v->result->codecs[k].codec = i ? dio_codec_at((unsigned)i - 1)->name : "none";
            v->result->codecs[k].pages = v->codec_pages[i];
            v->result->codecs[k++].bytes = v->codec_bytes[i];
        }
    return rc;
}

/* Sizes for the progress bar, and the pages that were left out. */
static int survey(struct verification *v, struct dumpio_error *err)
{
    struct dumpio_run run;
    struct dio_map *map = dio_map_new(v->dump, &(struct dio_map_options){.unit = v->dump->info->unit});
    int rc = map ? 0 : dio_nomem(err, "the page map");
    while (!rc && !(rc = dio_map_next(map, &run, err)))
        if (run.kind == DUMPIO_EXCLUDED)
            v->result->excluded_pages += (run.end - run.start) / v->dump->info->unit;
        else
            v->ticker.p.total += run.end - run.start;
    dio_map_free(map);
    return rc == DUMPIO_END ? 0 : rc;
}

static int worker_init(void *ctx, void *worker, struct dumpio_error *err)
{
    struct worker *w = worker;
    (void)ctx;
    w->hash = dio_sha256_new();
    return w->hash ? dio_extent_loader_init(&w->loader, err) : dio_nomem(err, "a digest");
}

static void worker_free(void *ctx, void *worker)
{
    struct worker *w = worker;
    (void)ctx;
    dio_extent_loader_free(&w->loader);
    dio_sha256_free(w->hash);
}

static int job_init(void *ctx, void *job, struct dumpio_error *err)
{
    (void)ctx;
    return dio_extent_init(&((struct job *)job)->extent, err);
}

static void job_free(void *ctx, void *job)
{
    (void)ctx;
    dio_extent_free(&((struct job *)job)->extent);
}

int dio_verify(struct dumpio_dump *dump, int with_digest, const struct dio_verify_hear *hear,
               struct dumpio_verify_result *result, const struct dumpio_env *env,
               struct dumpio_error *err)
{
    struct verification v = {.dump = dump, .digest = with_digest, .hear = hear,
                             .result = result, .ticker = {.env = dio_stream_env(dump, env)}};
    *result = (struct dumpio_verify_result){0};
    v.root = dio_sha256_new();
    int rc = v.root ? survey(&v, err) : dio_nomem(err, "a digest");
    v.forward = dio_stream_forward(dump);
    if (!rc && v.forward)
        rc = dio_extent_loader_init(&v.in_order, err);
    if (!rc) {
        dio_root_start(v.root);
        struct dio_pipeline p = {
            .ctx = &v,
            .plan = job_plan,
            .work = job_work,
            .place = job_place,
            .worker_size = sizeof(struct worker),
            .job_size = sizeof(struct job),
            .worker_init = worker_init,
            .worker_free = worker_free,
            .job_init = job_init,
            .job_free = job_free,
            .jobs_per_thread = 1,
            .job_memory = DIO_EXTENT_SIZE,
            .worker_memory = 5 * DIO_EXTENT_SIZE / 2, /* payloads of the extent, in chunks */
        };
        rc = dio_stream_start(dump, err);
        if (!rc)
            rc = dio_pipeline_run(&p, env, err);
        if (!rc)
            rc = dio_stream_end(dump, err);
    }
    if (!rc)
        rc = finish(&v, err);
    if (!rc)
        rc = dio_tick(&v.ticker, 1, err);
    if (v.in_order.batch)
        dio_extent_loader_free(&v.in_order);
    dio_sha256_free(v.root);
    return rc;
}

int dumpio_verify(struct dumpio_dump *dump, int with_digest,
                  void (*lost)(void *user, const struct dumpio_run *run, const char *why),
                  void *user, struct dumpio_verify_result *result, const struct dumpio_env *env,
                  struct dumpio_error *err)
{
    const struct dio_verify_hear hear = {.user = user, .lost = lost};
    return dio_verify(dump, with_digest, &hear, result, env, err);
}
