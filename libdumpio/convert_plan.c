/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a conversion: from the input's model, its page map and the options to what the
 * target's writer is told and what becomes of each page. Writes nothing.
 */
#include "batch.h"
#include "conversion.h"
#include "format_codec.h"
#include "model_core.h"
#include "plug/decode.h"
#include "ranges.h"
#include "stack.h"

#include <stdlib.h>
#include <string.h>

/* ---- choosing ------------------------------------------------------------------------------------ */

/* The codec of the first packed page found in the first windows; NULL when all are plain. */
static int input_codec(struct dio_conversion *c, const struct dio_codec **codec,
                       struct dumpio_error *err)
{
    struct dio_window w;
    struct dio_map *map = c->plan.split ? c->plan.map : c->windows.map; /* the same for all parts */
    struct dio_windows ws = {.map = map, .span = DIO_CONVERSION_SPAN, .skip_excluded = true};
    struct dio_batch *b = dio_batch_new();
    int rc = b ? 0 : dio_nomem(err, "a batch");
    uint32_t unit = c->dump->info->unit;
    *codec = NULL;
    if (!c->dump->format->codecs) { /* plain, all of them */
        dio_batch_free(b);
        return 0;
    }
    dio_map_rewind(ws.map);
    for (int tries = 0; !rc && !*codec && tries < 8; tries++) {
        rc = dio_windows_next(&ws, &w, err);
        for (size_t i = 0; !rc && i < w.n && !*codec; i++) {
            if (w.pieces[i].kind != DUMPIO_PRESENT)
                continue;
            dio_batch_reset(b);
            uint64_t start = w.pieces[i].start & ~(uint64_t)(unit - 1);
            rc = c->dump->format->fetch(c->dump->self, start, start + unit, b, err);
            if (!rc)
                rc = dio_stream_check(c->dump, err);
            if (!rc && dio_batch_count(b) && dio_batch_pages(b)->kind == DIO_DATA)
                *codec = dio_batch_pages(b)->codec;
        }
    }
    dio_batch_free(b);
    dio_map_rewind(ws.map);
    return rc == DUMPIO_END ? 0 : rc;
}

static int choose_codec(struct dio_conversion *c, struct dumpio_error *err)
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
        .check = c->dump->salvage != NULL,
        .redact = c->options->filter && c->options->filter->redact,
        .partials = c->plan.partials,
        .n_partials = c->plan.n_partials,
        .fetched = dio_stream_forward(c->dump),
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
static int survey(struct dio_conversion *c, struct dumpio_error *err)
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
static int survey_part(struct dio_conversion *c, struct dumpio_error *err)
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
static int plan_carried(struct dio_conversion *c, struct dumpio_error *err)
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
static int plan_layout(struct dio_conversion *c, struct dumpio_error *err)
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
static int filter_model(struct dio_conversion *c, const struct dumpio_filter *f,
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

static int make_maps(struct dio_conversion *c, struct dumpio_error *err)
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
        .span = DIO_CONVERSION_SPAN,
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
static void plan_share(struct dio_conversion *c)
{
    struct dumpio_error why = {0};
    if (!(c->target->flags & DIO_FORMAT_SHARES) || c->options->no_share)
        return;
    if (dio_share_key_new(&c->share, c->plan.unit, &why))
        dio_note(c->env, DUMPIO_WARNING, "identical pages are stored anew: %s", why.message);
    c->transcode.share = c->share;
}

/* ---- pages of the output that are held in part ------------------------------------------------------- */

static int add_part(struct dio_conversion *c, uint64_t start, uint64_t end, size_t *room,
                    struct dumpio_error *err)
{
    uint32_t n = c->info.n_partials, unit = c->plan.unit;
    struct dumpio_partial *last = n ? &c->parts[n - 1] : NULL;
    if (last && last->end == start && last->start / unit == start / unit) {
        last->end = end;
    } else {
        if (n == *room) {
            size_t more = n ? 2 * *room : 64;
            struct dumpio_partial *p = n == UINT32_MAX ? NULL : realloc(c->parts, more * sizeof *p);
            if (!p)
                return dio_nomem(err, "the partly held pages");
            c->parts = p;
            *room = more;
        }
        c->parts[n] = (struct dumpio_partial){start, end};
        c->info.n_partials = ++n;
    }
    last = &c->parts[n - 1];
    if (last->end - last->start == unit)
        c->info.n_partials--;
    return 0;
}

/*
 * The model knows them by the input's unit. In pages of another size, both ends of every run count,
 * and a page may be made of several runs.
 */
static int plan_partials(struct dio_conversion *c, struct dumpio_error *err)
{
    struct dumpio_run run;
    uint64_t at = 0, unit = c->plan.unit;
    size_t room = 0;
    int rc = 0;
    if (unit == c->info.unit || (unit < c->info.unit && !c->info.n_partials))
        return 0;
    c->info.partials = NULL;
    c->info.n_partials = 0;
    while (!rc && !(rc = dumpio_next_run(c->dump, at, &run, err))) {
        uint64_t head = dio_round_up(run.start, unit), tail = dio_round_down(run.end, unit);
        at = run.end;
        if (run.kind != DUMPIO_PRESENT)
            continue;
        if (run.start != head)
            rc = add_part(c, run.start, head < run.end ? head : run.end, &room, err);
        if (!rc && tail != run.end && tail >= head)
            rc = add_part(c, tail, run.end, &room, err);
    }
    c->info.partials = c->parts;
    return rc == DUMPIO_END ? 0 : rc;
}

int dio_conversion_plan(struct dio_conversion *c, struct dumpio_error *err)
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
    rc = plan_partials(c, err);
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
