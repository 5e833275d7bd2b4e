/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion: plan the target from the model and the page map, then run the pages through the
 * pipeline: windows of the map -> fetch, expand, pack (any thread) -> place (in order) -> store.
 */
#include "batch.h"
#include "convert.h"
#include "convert_manifest.h"
#include "format_codec.h"
#include "io/io.h"
#include "layers/flat.h"
#include "model_core.h"
#include "pipeline.h"
#include "progress.h"
#include "ram.h"
#include "ranges.h"
#include "room.h"
#include "stack.h"
#include "transcode.h"
#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPAN (512u << 10)    /* memory per batch, bytes: with what it becomes, it stays in cache */
#define LOST_NOTES_MAX 16    /* ranges named before "and more" */

struct job {
    struct dio_window window;
    struct dio_batch *in; /* what `out` borrows from, if it does */
    struct dio_batch *out;
    uint64_t passed;
    struct dio_image_part part;
};

struct worker {
    struct dio_transcoder transcoder;
    struct dio_batch *in;
    struct dio_sha256 *hash; /* of leaves; NULL = none are wanted */
};

struct conversion {
    struct dumpio_dump *dump;
    const struct dumpio_env *env;
    const struct dumpio_convert_options *options;
    const struct dio_convert_place *where;
    const struct dio_format *target;
    void *writer;
    struct dio_out *out;
    struct dio_write_plan plan;
    struct dumpio_info info;    /* the input's, as far as the output shares it */
    char *provenance;
    bool flattened;
    struct dio_map *redacted;   /* what the writer sees, when not what is written: redacting, or a
                                   part of a split set; else NULL */
    const struct dumpio_range *range; /* NULL = all of the memory */
    struct dumpio_range *in_range; /* malloc'ed: what the range leaves of ram.keep */
    struct dio_split split;
    uint8_t *carried;
    struct dio_ram ram;
    struct dio_windows windows;
    struct dio_transcode transcode;
    bool own_manifest;       /* options->manifest is to be written */
    struct dio_convert_manifest manifest;
    struct dio_image *image; /* NULL = nobody asks for it */
    struct dio_share_key *share; /* NULL: identical pages are stored anew */
    struct dio_ticker ticker;
    struct dumpio_convert_result result;
    uint64_t stopped_at;    /* address of the first page that was not placed, when stopped */
    struct dumpio_run lost; /* the lost range at hand, start == end: none */
    char lost_why[200];
    unsigned lost_notes;
};

/* ---- choosing ------------------------------------------------------------------------------------ */

/* The codec of the first packed page found in the first windows; NULL when all are plain. */
static int input_codec(struct conversion *c, const struct dio_codec **codec,
                       struct dumpio_error *err)
{
    struct dio_window w;
    struct dio_map *map = c->plan.split ? c->plan.map : c->windows.map; /* the same for all parts */
    struct dio_windows ws = {.map = map, .span = SPAN, .skip_excluded = true};
    struct dio_batch *b = dio_batch_new();
    int rc = b ? 0 : dio_nomem(err, "a batch");
    uint32_t unit = c->dump->info->unit;
    *codec = NULL;
    dio_map_rewind(ws.map);
    for (int tries = 0; !rc && !*codec && tries < 8; tries++) {
        rc = dio_windows_next(&ws, &w, err);
        for (size_t i = 0; !rc && i < w.n && !*codec; i++) {
            if (w.pieces[i].kind != DUMPIO_PRESENT)
                continue;
            dio_batch_reset(b);
            uint64_t start = w.pieces[i].start & ~(uint64_t)(unit - 1);
            rc = c->dump->format->fetch(c->dump->self, start, start + unit, b, err);
            if (!rc && dio_batch_count(b) && dio_batch_pages(b)->kind == DIO_DATA)
                *codec = dio_batch_pages(b)->codec;
        }
    }
    dio_batch_free(b);
    dio_map_rewind(ws.map);
    return rc == DUMPIO_END ? 0 : rc;
}

static int choose_codec(struct conversion *c, struct dumpio_error *err)
{
    const struct dio_format *f = c->target;
    const struct dio_format_codec *fc = NULL;
    const char *wish = c->options->codec;
    if (wish) {
        bool plain = !f->codecs && !strcmp(wish, "none");
        fc = dio_format_codec(f, wish, NULL);
        if (!fc && !plain)
            return dio_no_such_codec(f, wish, err);
    } else if (f->codecs && dio_stack_packs(c->where->path, c->options->wrap)) {
        fc = dio_format_codec(f, "none", NULL);
    } else if (f->codecs) {
        const struct dio_codec *in;
        int rc = input_codec(c, &in, err);
        if (rc)
            return rc;
        fc = in ? dio_format_codec(f, NULL, in->name) : NULL;
        if (!fc)
            fc = &f->codecs[0];
    }
    const struct dio_codec *codec = fc && fc->codec ? dio_codec_by_name(fc->codec) : NULL;
    if (codec && codec->missing)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "codec %s: %s", codec->name,
                        codec->missing);
    int level = c->options->level;
    int rc = dio_codec_check_level(codec, level, err);
    c->transcode = (struct dio_transcode){
        .dump = c->dump,
        .unit = c->plan.unit,
        .codec = codec,
        .level = codec && level == DUMPIO_LEVEL_DEFAULT ? codec->level_default : level,
        .pass_through = level == DUMPIO_LEVEL_DEFAULT,
        .redact = c->options->filter && c->options->filter->redact,
        .partials = c->plan.partials,
        .n_partials = c->plan.n_partials,
    };
    c->plan.codec = codec;
    c->plan.level = c->transcode.level;
    return rc;
}

/* ---- the plan --------------------------------------------------------------------------------------- */

static uint64_t virt_of(void *ctx, uint64_t phys)
{
    const struct dumpio_info *i = ctx;
    if (!i->page_offset)
        return 0;
    uint64_t v = i->page_offset + phys;
    /* 32-bit kernels map low memory only: the last 128 MiB of addresses are never direct */
    if (i->word == 4 && (phys >= 0x100000000u || v >= 0xf8000000u))
        return 0;
    return v;
}

/* Count what will be written: one walk over the map. */
static int survey(struct conversion *c, struct dumpio_error *err)
{
    struct dumpio_run run;
    struct dio_map *map = c->plan.map;
    uint64_t excluded = 0;
    int rc;
    dio_map_rewind(map);
    while (!(rc = dio_map_next(map, &run, err))) {
        uint64_t pages = (run.end - run.start) / c->plan.unit;
        c->plan.end_addr = run.end;
        c->split.lost |= run.kind == DUMPIO_LOST;
        if (run.kind == DUMPIO_EXCLUDED)
            excluded += pages;
        else
            c->plan.present_pages += pages;
    }
    if (excluded && !(c->target->holds & DIO_HOLDS_EXCLUDED))
        dio_note(c->env, DUMPIO_WARNING, "%s cannot tell pages that were left out (%llu) from "
                 "memory that never was: they become holes", c->target->name,
                 (unsigned long long)excluded);
    for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
        c->result.excluded_pages[i] = dio_map_dropped(map)[i] / c->plan.unit;
    c->result.range_pages = dio_map_dropped(map)[DIO_DROP_RANGE] / c->plan.unit;
    c->result.unknown_pages = dio_map_unknown(map) / c->plan.unit;
    dio_map_rewind(map);
    c->ticker.p.total = c->plan.present_pages * c->plan.unit;
    return rc == DUMPIO_END ? 0 : rc;
}

/* Count what this part of a split set gets of it. */
static int survey_part(struct conversion *c, struct dumpio_error *err)
{
    struct dumpio_run run;
    bool redact = c->options->filter && c->options->filter->redact;
    int rc;
    dio_map_rewind(c->windows.map);
    while (!(rc = dio_map_next(c->windows.map, &run, err)))
        if (run.kind != DUMPIO_EXCLUDED || redact)
            c->split.present_pages += (run.end - run.start) / c->plan.unit;
    dio_map_rewind(c->windows.map);
    c->ticker.p.total = c->split.present_pages * c->plan.unit;
    return rc == DUMPIO_END ? 0 : rc;
}

/* What the target cannot hold natively travels in a block of ours, and is named. */
static int plan_carried(struct conversion *c, struct dumpio_error *err)
{
    const struct dio_format *f = c->target;
    size_t room = f->carry_room ? f->carry_room(c->dump->info) : SIZE_MAX;
    char *not_held = NULL, *dropped = NULL;
    unsigned own = f == c->dump->format && !c->dump->info->carried ? DIO_HOLDS_OWN : 0;
    int rc = dio_carried_build(&c->info, f->holds | own, room, &c->carried, &c->plan.carried_len,
                               &not_held, &dropped, err);
    if (!rc) {
        c->plan.carried = c->carried;
        if (not_held && *not_held)
            dio_note(c->env, strcmp(not_held, "provenance") ? DUMPIO_NOTE : DUMPIO_DETAIL,
                     "%s has no place of its own for: %s; carried in a block that only dumpio reads",
                     f->name, not_held);
        if (dropped && *dropped)
            dio_note(c->env, DUMPIO_WARNING, "%s has no place for: %s; not in the output", f->name,
                     dropped);
    }
    free(not_held);
    free(dropped);
    return rc;
}

/* What the kernel's page tables tell. Want of memory is an error: the output would differ. */
static int plan_layout(struct conversion *c, struct dumpio_error *err)
{
    struct dumpio_error why = {0};
    dumpio_explore(c->dump, &why);
    if (why.status == DUMPIO_E_NOMEM)
        return dio_fail(err, why.status, why.offset, "%s", why.message);
    if (!c->dump->kernel) {
        dio_note(c->env, DUMPIO_DETAIL, "the kernel's page tables are not used: %s", why.message);
    } else {
        struct dio_kernel_layout l;
        dio_kernel_layout(c->dump->kernel, &l);
        c->plan.text_virt = l.text_virt;
        c->plan.text_phys = l.text_phys;
        c->plan.text_len = l.text_len;
    }
    c->plan.virt_of = virt_of;
    c->plan.virt_ctx = (void *)(uintptr_t)c->dump->info;
    return 0;
}

/* ---- the filter ---------------------------------------------------------------------------------------- */

/* What the filter changes of the model: level and provenance. */
static int filter_model(struct conversion *c, const struct dumpio_filter *f,
                        struct dumpio_error *err)
{
    unsigned level = dio_filter_level(f, dio_level_before(&c->info));
    if (level) {
        c->info.dump_level = level;
        c->info.dump_level_kind = DUMPIO_LEVEL_MAKEDUMPFILE;
    }
    if (!f->provenance)
        return 0;
    c->provenance = dio_filter_provenance(f, &c->info);
    if (!c->provenance)
        return dio_nomem(err, "the provenance");
    c->info.provenance = c->provenance;
    return 0;
}

static int make_maps(struct conversion *c, struct dumpio_error *err)
{
    struct dio_map_options o = {.unit = c->plan.unit, .keep = c->ram.keep,
                                .n_keep = c->ram.n_keep, .filter = c->options->filter};
    struct dio_map_options whole = o;
    bool redact = o.filter && o.filter->redact;
    bool part = c->range && (c->target->flags & DIO_FORMAT_SPLITS);
    if (c->range) {
        int rc = dio_ranges_cut(o.keep, o.n_keep, c->range, &c->in_range, &o.n_keep, err);
        if (rc)
            return rc;
        o.keep = c->in_range;
    }
    c->windows = (struct dio_windows){
        .map = dio_map_new(c->dump, &o),
        .span = SPAN,
        .skip_excluded = !redact,
    };
    if (c->image) {
        c->windows.span = DIO_EXTENT_SIZE;
        c->windows.by_extent = true;
        c->windows.within = c->range;
    }
    if (!part)
        whole = o;
    whole.redacted = redact;
    if (redact || part)
        c->redacted = dio_map_new(c->dump, &whole);
    if (!c->windows.map || ((redact || part) && !c->redacted))
        return dio_nomem(err, "the page map");
    c->plan.map = c->redacted ? c->redacted : c->windows.map;
    if (part) {
        c->split = (struct dio_split){c->range->start, c->range->end, 0, false};
        c->plan.split = &c->split;
    }
    return 0;
}

/* A dump is more than the room it takes: without random numbers, it comes out larger. */
static void plan_share(struct conversion *c)
{
    struct dumpio_error why = {0};
    if (!(c->target->flags & DIO_FORMAT_SHARES) || c->options->no_share)
        return;
    if (dio_share_key_new(&c->share, c->plan.unit, &why))
        dio_note(c->env, DUMPIO_WARNING, "identical pages are stored anew: %s", why.message);
    c->transcode.share = c->share;
}

static int make_plan(struct conversion *c, struct dumpio_error *err)
{
    const struct dumpio_filter *f = c->options->filter;
    int rc = f ? dio_filter_check(f, err) : 0;
    if (!rc)
        rc = plan_layout(c, err);
    if (rc)
        return rc;
    c->info = *c->dump->info;
    if (f)
        rc = filter_model(c, f, err);
    if (rc)
        return rc;
    c->plan.info = &c->info;
    c->plan.unit = c->info.page_size ? c->info.page_size : c->info.unit;
    if (f)
        dio_filter_tell_cut(f, c->plan.unit, c->env);
    rc = dio_ram_find(&c->ram, c->dump, c->options->ram_only, c->target->holds, c->env, err);
    if (rc)
        return rc;
    c->result.dropped_pages = c->ram.dropped / c->plan.unit;
    rc = make_maps(c, err);
    if (rc)
        return rc;
    c->plan.partials = c->info.partials;
    c->plan.n_partials = c->info.n_partials;
    rc = survey(c, err);
    if (!rc && c->plan.split)
        rc = survey_part(c, err);
    if (!rc)
        rc = choose_codec(c, err);
    if (!rc)
        plan_share(c);
    return rc ? rc : plan_carried(c, err);
}

/* ---- running ------------------------------------------------------------------------------------------- */

static int job_plan(void *ctx, void *job, struct dumpio_error *err)
{
    struct conversion *c = ctx;
    return dio_windows_next(&c->windows, &((struct job *)job)->window, err);
}

static int job_work(void *ctx, void *worker, void *job, struct dumpio_error *err)
{
    struct conversion *c = ctx;
    struct worker *w = worker;
    struct job *j = job;
    j->passed = 0;
    if (w->hash)
        w->transcoder.leaf = dio_image_part_begin(&j->part, j->window.pieces[0].start);
    if (w->hash && !w->transcoder.leaf)
        return dio_nomem(err, "a leaf");
    int rc = dio_transcode_window(&c->transcode, &w->transcoder, &j->window, w->in, j->out,
                                  &j->passed, err);
    if (!rc && w->hash)
        rc = dio_image_part_end(&j->part, c->image, j->window.split, w->hash, err);
    if (w->transcoder.borrowed) {
        struct dio_batch *in = w->in;
        w->in = j->in;
        j->in = in;
    }
    return rc;
}

static void tell_lost(struct conversion *c)
{
    if (c->lost.start == c->lost.end)
        return;
    if (c->lost_notes++ < LOST_NOTES_MAX)
        dio_note(c->env, DUMPIO_WARNING, "lost: 0x%llx-0x%llx: %s",
                 (unsigned long long)c->lost.start, (unsigned long long)c->lost.end, c->lost_why);
    c->lost.start = c->lost.end = 0;
}

static int count_lost(struct conversion *c, uint64_t start, uint64_t end, const char *why,
                      struct dumpio_error *err)
{
    c->result.lost_pages += (end - start) / c->plan.unit;
    if (c->env && c->env->strict)
        return dio_fail(err, DUMPIO_E_LOST, DUMPIO_NO_OFFSET, "page 0x%llx is lost: %s",
                        (unsigned long long)start, why);
    if (c->lost.end != start || c->lost.start == c->lost.end) {
        tell_lost(c);
        c->lost.start = start;
        snprintf(c->lost_why, sizeof c->lost_why, "%.199s", why);
    }
    c->lost.end = end;
    return 0;
}

static int place_lost_run(struct conversion *c, const struct dumpio_run *run,
                          struct dumpio_error *err)
{
    int rc = count_lost(c, run->start, run->end, DIO_LOST_RUN_WHY, err);
    c->ticker.p.done += run->end - run->start;
    return rc ? rc : c->target->lost(c->writer, run->start, run->end, err);
}

static int job_place(void *ctx, void *job, struct dumpio_error *err)
{
    struct conversion *c = ctx;
    struct job *j = job;
    const struct dio_page *p = dio_batch_pages(j->out);
    size_t n = dio_batch_count(j->out);
    int rc = dio_tick(&c->ticker, 0, err); /* before: what is placed must be stored too */
    if (rc) {
        c->stopped_at = j->window.pieces[0].start;
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
    struct conversion *c = ctx;
    return c->target->store(c->writer, ((struct job *)job)->out, err);
}

static int worker_init(void *ctx, void *worker, struct dumpio_error *err)
{
    struct worker *w = worker;
    bool hashes = ((struct conversion *)ctx)->image != NULL;
    w->in = dio_batch_new();
    w->hash = hashes ? dio_sha256_new() : NULL;
    return w->in && (w->hash || !hashes)
               ? dio_transcoder_init(&w->transcoder, &((struct conversion *)ctx)->transcode, err)
               : dio_nomem(err, "a worker");
}

static void worker_free(void *ctx, void *worker)
{
    struct worker *w = worker;
    dio_batch_free(w->in);
    dio_sha256_free(w->hash);
    dio_transcoder_free(&w->transcoder, &((struct conversion *)ctx)->transcode);
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

static int run(struct conversion *c, struct dumpio_error *err)
{
    /* input, expanded, packed; for leaves, what is taken over is expanded, too */
    size_t span = c->windows.span, job = (c->image ? 4 : 3) * span;
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

static int open_sink(struct conversion *c, struct dumpio_error *err)
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
static int leave_rest(struct conversion *c, struct dumpio_error *err)
{
    struct dumpio_run run;
    int rc;
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

static int write_all(struct conversion *c, struct dumpio_error *err)
{
    uint64_t size = 0, memory = c->plan.present_pages * c->plan.unit;
    struct dio_out *file = c->out == c->manifest.hashing ? c->manifest.file : c->out;
    int rc = c->target->codecs ? 0 : dio_room_check(file, &c->transcode, c->windows.map, memory,
                                                    c->env, err);
    if (!rc)
        rc = c->target->create(&c->writer, c->out, &c->plan, c->env, err);
    dio_map_rewind(c->windows.map); /* the same as the writer's, or beside it */
    if (!rc)
        rc = run(c, err);
    if (rc == DUMPIO_E_CANCELLED && c->options->keep_partial)
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
        .path = c->where->path, .options = c->options, .codec = c->plan.codec ? c->plan.codec->name : NULL,
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

static void release(struct conversion *c)
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
    struct conversion c = {.dump = dump, .env = env, .options = options, .where = where,
                           .range = where->range,
                           .own_manifest = options->manifest && !where->contents,
                           .ticker = {.env = env}};
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
        rc = make_plan(&c, err);
    if (!rc)
        rc = open_sink(&c, err);
    if (!rc)
        rc = write_all(&c, err);
    release(&c);
    if (result)
        *result = c.result;
    return rc;
}

/* ---- the layout without the pages ------------------------------------------------------------------------- */

static int locate_runs(struct conversion *c, const struct dio_layout *l, struct dumpio_error *err)
{
    struct dumpio_run run;
    int rc;
    dio_map_rewind(c->windows.map);
    while (!(rc = dio_map_next(c->windows.map, &run, err))) {
        if (run.kind != DUMPIO_PRESENT)
            continue;
        rc = l->located(l->ctx, &run, c->target->locate(c->writer, &run), err);
        if (rc)
            return rc;
    }
    return rc == DUMPIO_END ? 0 : rc;
}

int dio_convert_layout(struct dumpio_dump *dump, const char *format, const struct dio_layout *l,
                       uint64_t *size, const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dumpio_convert_options options = {.format = format, .level = DUMPIO_LEVEL_DEFAULT};
    struct conversion c = {.dump = dump, .env = env, .options = &options, .ticker = {.env = env}};
    c.target = format ? dio_format_by_name(format) : NULL;
    if (!c.target || !c.target->locate) {
        l->out->ops->discard(l->out);
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "%s is no format that can be shown without writing it",
                        format ? format : "(none)");
    }
    c.out = l->out;
    int rc = make_plan(&c, err);
    if (!rc)
        rc = c.target->create(&c.writer, c.out, &c.plan, env, err);
    if (!rc)
        rc = locate_runs(&c, l, err);
    if (!rc)
        rc = c.target->finish(c.writer, size, err);
    release(&c);
    return rc;
}
