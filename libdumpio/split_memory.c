/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splitting by memory: every part is a dump by itself, of one range of physical addresses.
 * Reference: makedumpfile's IMPLEMENTATION (--split), crash's diskdump.c for where parts may begin.
 * Formats with split sets of their own get one; of the others every part is a dump of what it holds.
 * Not handled: formats that cannot tell absent memory from zeros (raw).
 */
#include "batch.h"
#include "convert.h"
#include "dump.h"
#include "parts_core.h"
#include "plug/decode.h"
#include "ranges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN_DEFAULT (4u << 20)
#define ALIGN_FRAMES 64u       /* crash counts its bitmap by words from a part's first frame */
#define CELLS_MAX (1u << 18)
#define SAMPLE_EVERY 8u        /* windows; of one in so many the payloads are looked at */
#define SPAN (1u << 20)
#define DESC 24u               /* bytes of a page beside its payload */
#define TRIES 6
#define PARTS_PER_CELL 4u      /* the default grain is for parts of at least so many cells */

/* Memory of `align` bytes that holds something. */
struct cell {
    uint64_t at;     /* address / align */
    uint64_t weight; /* pages, or bytes of output as far as they can be told */
};

struct split {
    struct dumpio_dump *dump;
    const struct dumpio_split_options *o;
    const struct dumpio_env *env;
    struct dumpio_convert_options convert;
    struct dumpio_filter filter;   /* the caller's, with a bound */
    uint64_t align;
    struct cell *cells;
    size_t n, cap;
    uint64_t weight;               /* of all cells */
    double ratio;                  /* bytes of output for one of weight, as seen so far */
    struct dio_parts parts;
    struct dio_image image;        /* of all parts, whose leaves join where one ends */
    struct dio_image_mark mark;    /* of it, where the last part begins */
    size_t mark_at;                /* cell; SIZE_MAX: nowhere */
    bool whole_map;                /* every part has the page map of the whole dump */
    char *stem;                    /* of their names, for the suffixes of containers */
    struct dumpio_split_result *result;
    struct dumpio_env part_env;    /* its progress counts over all parts */
    uint64_t done, total;          /* bytes of memory */
    uint64_t at_hand;
};

/* ---- how much is where --------------------------------------------------------------------------- */

static int add_weight(struct split *s, uint64_t addr, uint64_t weight, struct dumpio_error *err)
{
    uint64_t at = addr / s->align;
    s->weight += weight;
    if (s->n && s->cells[s->n - 1].at == at) {
        s->cells[s->n - 1].weight += weight;
        return 0;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 256;
        struct cell *cells = realloc(s->cells, cap * sizeof *cells);
        if (!cells)
            return dio_nomem(err, "the map of a split");
        s->cells = cells;
        s->cap = cap;
    }
    s->cells[s->n++] = (struct cell){at, weight};
    return 0;
}

static int add_run(struct split *s, const struct dumpio_run *run, uint64_t per_page,
                   struct dumpio_error *err)
{
    uint32_t unit = s->dump->info->page_size ? s->dump->info->page_size : s->dump->info->unit;
    for (uint64_t at = run->start; at < run->end;) {
        uint64_t end = dio_round_down(at, s->align) + s->align;
        if (end > run->end || end < at)
            end = run->end;
        int rc = add_weight(s, at, (end - at) / unit * per_page, err);
        if (rc)
            return rc;
        at = end;
    }
    return 0;
}

/* Bytes that the pages of a window take in the input, each. */
static int sample(struct split *s, const struct dio_window *w, struct dio_batch *b,
                  uint64_t *per_page, struct dumpio_error *err)
{
    uint64_t bytes = 0, pages = 0;
    uint32_t unit = s->dump->info->unit;
    for (size_t i = 0; i < w->n; i++) {
        if (w->pieces[i].kind != DUMPIO_PRESENT)
            continue;
        dio_batch_reset(b);
        int rc = s->dump->format->fetch(s->dump->self, dio_round_down(w->pieces[i].start, unit),
                                        dio_round_up(w->pieces[i].end, unit), b, err);
        if (rc)
            return rc;
        const struct dio_page *p = dio_batch_pages(b);
        for (size_t k = 0; k < dio_batch_count(b); k++)
            if (p[k].kind == DIO_DATA || p[k].kind == DIO_ZERO) {
                bytes += DESC + (p[k].kind == DIO_DATA ? p[k].len : 0);
                pages++;
            }
    }
    if (pages)
        *per_page = dio_div_up(bytes, pages);
    return 0;
}

static int weigh_bytes(struct split *s, struct dio_map *map, struct dumpio_error *err)
{
    struct dio_windows ws = {.map = map, .span = SPAN, .skip_excluded = true};
    struct dio_window w;
    struct dio_batch *b = dio_batch_new();
    uint64_t per_page = s->dump->info->unit;
    int rc = b ? 0 : dio_nomem(err, "a batch");
    for (uint64_t i = 0; !rc && !(rc = dio_windows_next(&ws, &w, err)); i++) {
        if (i % SAMPLE_EVERY == 0)
            rc = sample(s, &w, b, &per_page, err);
        for (size_t k = 0; k < w.n && !rc; k++)
            if (w.pieces[k].kind == DUMPIO_PRESENT)
                rc = add_run(s, &w.pieces[k], per_page, err);
    }
    dio_batch_free(b);
    return rc;
}

static int weigh_pages(struct split *s, struct dio_map *map, struct dumpio_error *err)
{
    struct dumpio_run run;
    int rc;
    while (!(rc = dio_map_next(map, &run, err)))
        if (run.kind == DUMPIO_PRESENT && (rc = add_run(s, &run, 1, err)))
            break;
    return rc;
}

/* Bytes of memory that come, and the grain of the parts. */
static int choose_align(struct split *s, struct dio_map *map, struct dumpio_error *err)
{
    struct dumpio_run run;
    uint64_t unit = s->dump->info->page_size ? s->dump->info->page_size : s->dump->info->unit;
    int rc;
    while (!(rc = dio_map_next(map, &run, err)))
        if (run.kind == DUMPIO_PRESENT)
            s->total += run.end - run.start;
    dio_map_rewind(map);
    uint64_t least = ALIGN_FRAMES * unit;
    s->align = s->o->align ? s->o->align : ALIGN_DEFAULT;
    if (s->align < least && s->o->align)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "parts start at multiples of %u pages, "
                        "%llu bytes here", ALIGN_FRAMES, (unsigned long long)least);
    if (s->align % least && s->o->align)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "parts cannot start at multiples of "
                        "%llu bytes: %llu is the least", (unsigned long long)s->align,
                        (unsigned long long)least);
    bool many = s->o->parts ? s->total / s->align / PARTS_PER_CELL < s->o->parts
                            : s->o->size < PARTS_PER_CELL * s->align;
    if (s->align < least || (!s->o->align && many))
        s->align = least;
    while (s->total / s->align > CELLS_MAX)
        s->align *= 2;
    return rc == DUMPIO_END ? 0 : rc;
}

static int weigh(struct split *s, struct dumpio_error *err)
{
    uint32_t unit = s->dump->info->page_size ? s->dump->info->page_size : s->dump->info->unit;
    struct dio_map_options o = {.unit = unit, .filter = s->convert.filter};
    struct dio_map *map = dio_map_new(s->dump, &o);
    int rc = map ? choose_align(s, map, err) : dio_nomem(err, "the page map");
    if (!rc)
        rc = s->o->parts ? weigh_pages(s, map, err) : weigh_bytes(s, map, err);
    dio_map_free(map);
    if (rc && rc != DUMPIO_END)
        return rc;
    if (!s->n)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "the dump holds no memory to split");
    if (s->o->parts > s->n)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%u parts are asked for, and the "
                        "memory held can be cut in %zu at most", s->o->parts, s->n);
    return 0;
}

/* ---- one part --------------------------------------------------------------------------------------- */

static int part_progress(void *user, const struct dumpio_progress *p)
{
    struct split *s = user;
    struct dumpio_progress all = {s->done + p->done, s->total, s->result->bytes + p->out};
    s->at_hand = p->done;
    return s->env->progress ? s->env->progress(s->env->user, &all) : 0;
}

static void part_note(void *user, enum dumpio_level level, const char *text)
{
    struct split *s = user;
    bool again = level != DUMPIO_DETAIL && s->parts.m.n_parts && strncmp(text, "lost:", 5) != 0;
    if (s->env->note && !again) /* what is true of every part is said once */
        s->env->note(s->env->user, level, text);
}

static int create_part(void *ctx, struct dio_out **out, struct dumpio_error *err)
{
    return dio_parts_sink(out, &((struct split *)ctx)->parts, UINT64_MAX, 0, err);
}

/* A part that begins where the last one did replaces it. */
static int begin_image(struct split *s, size_t from, struct dumpio_error *err)
{
    if (from == s->mark_at)
        return dio_image_back(&s->image, &s->mark, err);
    s->mark_at = from;
    return dio_image_mark(&s->mark, &s->image, err);
}

/* Cells [from, to) become the next part. */
static int convert(struct split *s, size_t from, size_t to, struct dumpio_convert_result *r,
                   struct dumpio_error *err)
{
    struct dumpio_range range = {from ? s->cells[from].at * s->align : 0,
                                 to < s->n ? s->cells[to].at * s->align : UINT64_MAX};
    struct dio_manifest contents = {0};
    const struct dio_convert_place where = {.path = s->stem, .create = create_part, .ctx = s,
                                            .range = &range, .contents = &contents,
                                            .image = &s->image};
    int rc = begin_image(s, from, err);
    if (!rc)
        rc = dio_convert_to(s->dump, &where, &s->convert, r, &s->part_env, err);
    if (!rc)
        dio_manifest_take_contents(&s->parts.m, &contents);
    dio_manifest_free(&contents);
    if (rc)
        return rc;
    uint64_t end = s->dump->info->end_addr;
    struct dio_manifest_part *part = &s->parts.m.parts[s->parts.m.n_parts - 1];
    part->start = range.start;
    part->end = range.end < end ? range.end : end;
    return 0;
}

static void count_part(struct split *s, const struct dumpio_convert_result *r)
{
    struct dumpio_convert_result *sum = &s->result->dump;
    bool own = !s->whole_map; /* what the map says is of the part alone */
    sum->pages += r->pages;
    sum->zero_pages += r->zero_pages;
    sum->passed_pages += r->passed_pages;
    sum->shared_pages += r->shared_pages;
    sum->lost_pages += r->lost_pages;
    sum->dropped_pages = r->dropped_pages;
    for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
        sum->excluded_pages[i] = r->excluded_pages[i] + (own ? sum->excluded_pages[i] : 0);
    sum->range_pages = r->range_pages + (own ? sum->range_pages : 0);
    sum->unknown_pages = r->unknown_pages + (own ? sum->unknown_pages : 0);
    s->result->bytes += s->parts.m.parts[s->parts.m.n_parts - 1].size;
    sum->out_bytes = s->result->bytes;
    s->done += s->at_hand;
    s->at_hand = 0;
}

static uint64_t weight_of(const struct split *s, size_t from, size_t to)
{
    uint64_t w = 0;
    for (size_t i = from; i < to; i++)
        w += s->cells[i].weight;
    return w;
}

/* End of a part from `from` on that is as heavy as `want`, a cell at least. */
static size_t reach(const struct split *s, size_t from, double want)
{
    double w = 0;
    size_t to = from;
    while (to < s->n && (to == from || w + (double)s->cells[to].weight <= want))
        w += (double)s->cells[to++].weight;
    return to;
}

/* ---- by number ---------------------------------------------------------------------------------------- */

static int by_number(struct split *s, struct dumpio_error *err)
{
    uint64_t before = 0;
    size_t from = 0;
    for (uint32_t k = 1; k <= s->o->parts; k++) {
        uint64_t goal = s->weight / s->o->parts * k + s->weight % s->o->parts * k / s->o->parts;
        size_t to = from;
        while (to < s->n - (s->o->parts - k) &&
               (to == from || before + s->cells[to].weight / 2 < goal))
            before += s->cells[to++].weight;
        if (k == s->o->parts)
            to = s->n;
        struct dumpio_convert_result r;
        int rc = convert(s, from, to, &r, err);
        if (rc)
            return rc;
        count_part(s, &r);
        from = to;
    }
    return 0;
}

/* ---- by size ------------------------------------------------------------------------------------------ */

/* What a part has that does not depend on how much memory it holds: nothing is written of it. */
static uint64_t fixed_bytes(const struct split *s)
{
    const struct dumpio_info *i = s->dump->info;
    uint64_t unit = i->page_size ? i->page_size : i->unit;
    if (!s->whole_map)
        return 64u << 10;
    return s->total / unit * DESC + i->end_addr / unit / 4 + 16 * unit;
}

/* A part of at most o->size from cell `from` on; *to = its end. */
static int sized_part(struct split *s, size_t from, size_t *to, uint64_t fixed,
                      struct dumpio_convert_result *r, struct dumpio_error *err)
{
    double room = (double)(s->o->size - fixed), want = room / s->ratio;
    for (int tries = 0;; tries++) {
        *to = reach(s, from, want);
        int rc = convert(s, from, *to, r, err);
        bool large = rc == DUMPIO_E_LIMIT && *to - from > 1;
        if (rc && !large)
            return rc;
        uint64_t w = weight_of(s, from, *to);
        if (large) {
            s->ratio *= 1.3;
            want = (double)w * (tries < TRIES ? 0.7 : 0.4);
            continue;
        }
        double payload = r->out_bytes > fixed ? (double)(r->out_bytes - fixed) : 1;
        double seen = payload / (double)(w ? w : 1);
        s->ratio = seen > 0.001 ? seen : 0.001;
        if (tries >= 2 || *to == s->n || payload > 0.7 * room)
            return 0;
        dio_parts_undo(&s->parts); /* much smaller than it may be: once more, knowing better */
        want = 0.95 * room / s->ratio;
    }
}

static int by_size(struct split *s, struct dumpio_error *err)
{
    uint64_t fixed = fixed_bytes(s);
    if (s->o->size <= fixed)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "every part of this dump needs %llu "
                        "bytes for headers and page map: parts of %llu have no room for memory",
                        (unsigned long long)fixed, (unsigned long long)s->o->size);
    s->ratio = 1;
    for (size_t from = 0, to = 0; from < s->n; from = to) {
        struct dumpio_convert_result r;
        int rc = sized_part(s, from, &to, fixed, &r, err);
        if (rc)
            return rc;
        count_part(s, &r);
    }
    return 0;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static int choose_target(struct split *s, struct dumpio_error *err)
{
    const struct dumpio_split_options *o = s->o;
    s->convert = o->convert ? *o->convert
                            : (struct dumpio_convert_options){.level = DUMPIO_LEVEL_DEFAULT};
    if (!s->convert.format)
        s->convert.format = s->dump->info->format;
    const struct dio_format *f = dio_format_by_name(s->convert.format);
    if (!f || !f->create)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is no format that can be written",
                        s->convert.format);
    if (!(f->holds & DIO_HOLDS_ABSENT))
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s cannot tell memory of other parts "
                        "from zeros: parts by memory need another format", f->name);
    if (s->convert.keep_partial)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "parts by memory are all written or "
                        "none: keeping what is reached needs one output");
    s->whole_map = f->flags & DIO_FORMAT_SPLITS;
    s->convert.force |= o->force;
    s->convert.no_sync |= o->no_sync;
    if (s->convert.filter)
        s->filter = *s->convert.filter;
    s->filter.max_bytes = o->size;
    s->convert.filter = &s->filter;
    return 0;
}

int dio_split_memory(struct dumpio_dump *dump, const struct dumpio_split_options *options,
                     struct dumpio_split_result *result, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    static const struct dumpio_env no_env;
    struct split s = {.dump = dump, .o = options, .env = env ? env : &no_env, .result = result,
                      .mark_at = SIZE_MAX};
    s.part_env = *s.env;
    s.part_env.user = &s;
    s.part_env.progress = part_progress;
    s.part_env.note = part_note;
    int rc = choose_target(&s, err);
    if (!rc)
        rc = weigh(&s, err);
    if (!rc)
        rc = dio_image_start(&s.image, false, err);
    if (!rc) {
        uint64_t guess = options->parts ? options->parts : s.weight / options->size + 1;
        rc = dio_parts_start(&s.parts, options, DIO_SPLIT_MEMORY, guess, env, err);
        s.stem = rc ? NULL : dio_parts_stem(&s.parts);
        if (!rc && !s.stem)
            rc = dio_nomem(err, "a file name");
        if (!rc)
            rc = options->parts ? by_number(&s, err) : by_size(&s, err);
        if (!rc)
            rc = dio_image_tell(&s.image, 0, &s.parts.m, err);
        result->parts = (uint32_t)s.parts.m.n_parts;
        result->has_image = s.parts.m.has_image;
        memcpy(result->image, s.parts.m.image, sizeof result->image);
        rc = dio_parts_end(&s.parts, rc, err);
    }
    dio_image_mark_free(&s.mark);
    dio_image_free(&s.image);
    free(s.stem);
    free(s.cells);
    return rc;
}
