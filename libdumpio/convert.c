/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion: run the pages through the pipeline as planned: windows of the map -> fetch, expand,
 * pack (any thread) -> place (in order) -> store.
 */
#include "batch.h"
#include "beside.h"
#include "conversion.h"
#include "io/io.h"
#include "layers/flat.h"
#include "pipeline.h"
#include "room.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOST_NOTES_MAX 16 /* ranges named before "and more" */

struct job {
    struct dio_window window;
    struct dio_batch *in; /* what `out` borrows from, if it does */
    struct dio_batch *out;
    uint64_t passed, unproved;
    struct dio_image_part part;
};

struct worker {
    struct dio_transcoder transcoder;
    struct dio_batch *in;
    struct dio_sha256 *hash; /* of leaves; NULL = none are wanted */
};

/* ---- running ------------------------------------------------------------------------------------------- */

static int job_plan(void *ctx, void *job, struct dumpio_error *err)
{
    struct dio_conversion *c = ctx;
    struct job *j = job;
    int rc = dio_windows_next(&c->windows, &j->window, err);
    if (!rc && c->transcode.fetched) /* from a stream: in order */
        rc = dio_transcode_fetch(&c->transcode, &j->window, j->in, err);
    if (rc == DUMPIO_E_CANCELLED)
        c->stalled_at = j->window.pieces[0].start;
    return rc;
}

static int job_work(void *ctx, void *worker, void *job, struct dumpio_error *err)
{
    struct dio_conversion *c = ctx;
    struct worker *w = worker;
    struct job *j = job;
    j->passed = 0;
    if (w->hash)
        w->transcoder.leaf = dio_image_part_begin(&j->part, j->window.pieces[0].start);
    if (w->hash && !w->transcoder.leaf)
        return dio_nomem(err, "a leaf");
    bool fetched = c->transcode.fetched;
    int rc = dio_transcode_window(&c->transcode, &w->transcoder, &j->window,
                                  fetched ? j->in : w->in, j->out, &j->passed, err);
    if (!rc && w->hash)
        rc = dio_image_part_end(&j->part, c->image, j->window.split, w->hash, err);
    j->unproved = w->transcoder.unproved;
    if (w->transcoder.borrowed && !fetched) {
        struct dio_batch *in = w->in;
        w->in = j->in;
        j->in = in;
    }
    return rc;
}

static void tell_lost(struct dio_conversion *c)
{
    if (c->lost.start == c->lost.end)
        return;
    if (c->lost_notes++ < LOST_NOTES_MAX)
        dio_note(c->env, DUMPIO_WARNING, "lost: 0x%llx-0x%llx: %s",
                 (unsigned long long)c->lost.start, (unsigned long long)c->lost.end, c->lost_why);
    if (c->options->lost)
        c->options->lost(c->env ? c->env->user : NULL, &c->lost, c->lost_why);
    c->lost.start = c->lost.end = 0;
}

static int count_lost(struct dio_conversion *c, uint64_t start, uint64_t end, const char *why,
                      struct dumpio_error *err)
{
    c->result.lost_pages += (end - start) / c->plan.unit;
    if (c->env && c->env->strict)
        return dio_fail(err, DUMPIO_E_LOST, DUMPIO_NO_OFFSET, "page 0x%llx is lost: %s",
                        (unsigned long long)start, why);
    if (c->lost.end != start || c->lost.start == c->lost.end) {
        tell_lost(c);
        c->lost = (struct dumpio_run){start, end, DUMPIO_LOST};
        snprintf(c->lost_why, sizeof c->lost_why, "%.199s", why);
    }
    c->lost.end = end;
    return 0;
}

static int place_lost_run(struct dio_conversion *c, const struct dumpio_run *run,
                          struct dumpio_error *err)
{
    int rc = count_lost(c, run->start, run->end, DIO_LOST_RUN_WHY, err);
    c->ticker.p.done += run->end - run->start;
    return rc ? rc : c->target->lost(c->writer, run->start, run->end, err);
}

static int job_place(void *ctx, void *job, struct dumpio_error *err)
{
    struct dio_conversion *c = ctx;
    struct job *j = job;
    const struct dio_page *p = dio_batch_pages(j->out);
    size_t n = dio_batch_count(j->out);
    int rc = dio_tick(&c->ticker, 0, err); /* before: what is placed must be stored too */
    if (rc) {
        c->stopped_at = j->window.pieces[0].start;
        c->stopped = true;
        return rc;
    }
    if (j->window.pieces[0].kind == DUMPIO_LOST)
        return place_lost_run(c, &j->window.pieces[0], err);
    for (size_t i = 0; i < n && !rc; i++) {
        c->result.zero_pages += p[i].kind == DIO_ZERO;
        if (p[i].kind == DIO_LOST)
            rc = count_lost(c, p[i].addr, p[i].addr + c->plan.unit,
                            p[i].data ? (const char *)p[i].data : "no reason known", err);
        else
            c->result.pages++;
    }
    c->result.passed_pages += j->passed;
    c->result.unproved_pages += c->dump->salvage ? j->unproved : 0;
    if (!rc)
        rc = c->target->place(c->writer, j->out, err);
    for (size_t i = 0; i < n && !rc; i++)
        c->result.shared_pages += p[i].shared;
    if (!rc && c->image)
        rc = dio_image_part_place(&j->part, c->image, err);
    c->ticker.p.done += j->window.bytes;
    return rc;
}

static int job_store(void *ctx, void *job, struct dumpio_error *err)
{
    struct dio_conversion *c = ctx;
    return c->target->store(c->writer, ((struct job *)job)->out, err);
}

static int worker_init(void *ctx, void *worker, struct dumpio_error *err)
{
    struct worker *w = worker;
    bool hashes = ((struct dio_conversion *)ctx)->image != NULL;
    w->in = dio_batch_new();
    w->hash = hashes ? dio_sha256_new() : NULL;
    return w->in && (w->hash || !hashes)
               ? dio_transcoder_init(&w->transcoder, &((struct dio_conversion *)ctx)->transcode, err)
               : dio_nomem(err, "a worker");
}

static void worker_free(void *ctx, void *worker)
{
    struct worker *w = worker;
    dio_batch_free(w->in);
    dio_sha256_free(w->hash);
    dio_transcoder_free(&w->transcoder, &((struct dio_conversion *)ctx)->transcode);
}

static int job_init(void *ctx, void *job, struct dumpio_error *err)
{
    struct job *j = job;
    (void)ctx;
    j->in = dio_batch_new();
    j->out = dio_batch_new();
    return j->in && j->out ? 0 : dio_nomem(err, "the batches");
}

static void job_free(void *ctx, void *job)
{
    struct job *j = job;
    (void)ctx;
    dio_batch_free(j->in);
    dio_batch_free(j->out);
    dio_image_part_free(&j->part);
}

static int run(struct dio_conversion *c, struct dumpio_error *err)
{
    /* input, expanded, packed; for leaves, what is taken over is expanded, too */
    size_t span = (size_t)c->windows.span, job = (c->image ? 4 : 3) * span;
    struct dio_pipeline p = {
        .ctx = c,
        .plan = job_plan,
        .work = job_work,
        .place = job_place,
        .store = job_store,
        .serial_store = c->out->access != DIO_RANDOM,
        .worker_size = sizeof(struct worker),
        .job_size = sizeof(struct job),
        .worker_init = worker_init,
        .worker_free = worker_free,
        .job_init = job_init,
        .job_free = job_free,
        .jobs_per_thread = 2,
        .job_memory = job,
        .worker_memory = span + 4 * DIO_PAGE_MAX,
    };
    int rc = dio_pipeline_run(&p, c->env, err);
    tell_lost(c);
    if (c->lost_notes > LOST_NOTES_MAX)
        dio_note(c->env, DUMPIO_WARNING, "lost: %u more ranges", c->lost_notes - LOST_NOTES_MAX);
    return rc;
}

/* ---- the sink --------------------------------------------------------------------------------------------- */

static int open_sink(struct dio_conversion *c, struct dumpio_error *err)
{
    struct dio_file_out_options o = {.force = c->options->force, .no_sync = c->options->no_sync};
    const struct dio_layer_options around = {
        .level = c->options->wrap_level ? c->options->wrap_level : DUMPIO_LEVEL_DEFAULT,
        .keys = dio_keys_inside(c->options->keys),
    };
    const struct dio_convert_place *where = c->where;
    int rc = where->create ? where->create(where->ctx, &c->out, err)
                           : dio_file_create(&c->out, where->path, &o, err);
    if (!rc && c->own_manifest)
        rc = dio_convert_manifest_hash(&c->manifest, &c->out, err);
    if (!rc && c->options->filter && c->options->filter->max_bytes)
        rc = dio_limit_out(&c->out, c->options->filter->max_bytes, err);
    if (!rc)
        rc = dio_stack_create(&c->out, where->path, c->options->wrap, &around, c->env, err);
    if (rc)
        return rc;
    bool must_seek = c->target->flags & DIO_FORMAT_SEEKS;
    if (!c->options->flatten && !(must_seek && c->out->access == DIO_FORWARD))
        return 0;
    struct dio_out *flat;
    rc = dio_flat_out_new(&flat, c->out, err);
    if (!rc)
        c->out = flat;
    c->flattened = true;
    return rc;
}

/* Stopped: tell the writer what will not come. */
static int leave_rest(struct dio_conversion *c, struct dumpio_error *err)
{
    struct dumpio_run run;
    int rc;
    if (!c->stopped) /* all that was planned is placed */
        c->stopped_at = c->stalled_at;
    dio_map_rewind(c->plan.map);
    while (!(rc = dio_map_next(c->plan.map, &run, err))) {
        if (run.end <= c->stopped_at || run.kind == DUMPIO_EXCLUDED)
            continue;
        if (run.start < c->stopped_at)
            run.start = c->stopped_at;
        c->result.unreached_pages += (run.end - run.start) / c->plan.unit;
        if (run.kind == DUMPIO_LOST)
            rc = c->target->lost(c->writer, run.start, run.end, err);
        else
            rc = c->target->unreached(c->writer, run.start, run.end, err);
        if (rc)
            return rc;
    }
    if (!(c->target->holds & DIO_HOLDS_ABSENT))
        dio_note(c->env, DUMPIO_WARNING, "%s has no mark for an incomplete dump: the file ends with "
                 "the last page that was reached", c->target->name);
    return rc == DUMPIO_END ? 0 : rc;
}

static int write_all(struct dio_conversion *c, struct dumpio_error *err)
{
    uint64_t size = 0, memory = c->plan.present_pages * c->plan.unit;
    struct dio_out *file = c->out == c->manifest.hashing ? c->manifest.file : c->out;
    int rc = c->target->codecs ? 0 : dio_room_check(file, &c->transcode, c->windows.map, memory,
                                                    c->env, err);
    if (!rc)
        rc = c->target->create(&c->writer, c->out, &c->plan, c->env, err);
    dio_map_rewind(c->windows.map); /* the same as the writer's, or beside it */
    if (!rc)
        rc = dio_stream_start(c->dump, err);
    if (!rc)
        rc = run(c, err);
    if (!rc)
        rc = dio_stream_end(c->dump, err);
    memcpy(c->info.uts, c->dump->info->uts, sizeof c->info.uts); /* of a stream: it has passed */
    if (rc == DUMPIO_E_CANCELLED && c->options->keep_partial && c->writer)
        rc = leave_rest(c, err);
    if (!rc)
        rc = c->target->finish(c->writer, &size, err);
    if (rc)
        return rc;
    struct dio_out *out = c->out;
    c->out = NULL; /* finish frees it in every case */
    c->result.out_bytes = size;
    c->ticker.p.out = size;
    const struct dio_convert_output output = {
        .path = c->where->path, .options = c->options,
        .codec = c->plan.codec ? c->plan.codec->name : NULL,
        .provenance = c->info.provenance, .flattened = c->flattened, .end = size};
    if (!c->where->create && !c->own_manifest && c->options->force)
        dio_beside_forget(c->where->path, c->env);
    rc = out->ops->finish(out, size, err);
    if (!rc && c->where->contents)
        rc = dio_convert_manifest_contents(&c->manifest, &output, c->where->contents, err);
    if (!rc && c->own_manifest)
        rc = dio_convert_manifest_write(&c->manifest, &output, err);
    if (!rc)
        (void)dio_tick(&c->ticker, 1, NULL); /* too late to stop */
    return rc;
}

void dio_conversion_release(struct dio_conversion *c)
{
    if (c->writer)
        c->target->free(c->writer);
    if (c->out)
        c->out->ops->discard(c->out);
    dio_map_free(c->windows.map);
    dio_map_free(c->redacted);
    dio_share_key_free(c->share);
    dio_ram_free(&c->ram);
    free(c->in_range);
    free(c->carried);
    free(c->provenance);
    free(c->parts);
    dio_convert_manifest_free(&c->manifest);
}

int dumpio_convert(struct dumpio_dump *dump, const char *path,
                   const struct dumpio_convert_options *options,
                   struct dumpio_convert_result *result, const struct dumpio_env *env,
                   struct dumpio_error *err)
{
    const struct dio_convert_place where = {.path = path};
    int rc = options->manifest ? 0 : dio_beside_none(path, options->force != 0, err);
    return rc ? rc : dio_convert_to(dump, &where, options, result, env, err);
}

int dio_convert_to(struct dumpio_dump *dump, const struct dio_convert_place *where,
                   const struct dumpio_convert_options *options,
                   struct dumpio_convert_result *result, const struct dumpio_env *env,
                   struct dumpio_error *err)
{
    struct dio_conversion c = {.dump = dump, .env = env, .options = options, .where = where,
                           .range = where->range,
                           .own_manifest = options->manifest && !where->contents,
                           .ticker = {.env = dio_stream_env(dump, env)}};
    c.target = options->format ? dio_format_by_name(options->format) : NULL;
    if (!c.target || !c.target->create)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is no format that can be written",
                        options->format ? options->format : "(none)");
    int rc = 0;
    c.image = where->image;
    if (!c.image && (c.own_manifest || where->contents)) {
        c.image = &c.manifest.image;
        rc = dio_image_start(c.image, !(c.target->holds & DIO_HOLDS_ABSENT), err);
    }
    if (!rc && c.own_manifest)
        rc = dio_convert_manifest_start(&c.manifest, where->path, options, env, err);
    if (!rc)
        rc = dio_conversion_plan(&c, err);
    if (!rc)
        rc = open_sink(&c, err);
    if (!rc)
        rc = write_all(&c, err);
    dio_conversion_release(&c);
    if (result)
        *result = c.result;
    return rc;
}
