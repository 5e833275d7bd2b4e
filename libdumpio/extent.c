/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading 4 MiB extents of memory, decoded, with what is present and what is lost.
 */
#include "extent.h"
#include "batch.h"
#include "plug/decode.h"

#include <stdio.h>
#include <stdlib.h>

int dio_extent_init(struct dio_extent *e, struct dumpio_error *err)
{
    *e = (struct dio_extent){.data = calloc(1, DIO_EXTENT_SIZE)};
    return e->data ? 0 : dio_nomem(err, "an extent of memory");
}

void dio_extent_free(struct dio_extent *e)
{
    free(e->data);
    free(e->lost_list);
    *e = (struct dio_extent){0};
}

int dio_extent_loader_init(struct dio_extent_loader *l, struct dumpio_error *err)
{
    *l = (struct dio_extent_loader){.batch = dio_batch_new()};
    return l->batch ? 0 : dio_nomem(err, "a batch");
}

void dio_extent_loader_free(struct dio_extent_loader *l)
{
    dio_decoder_free(&l->decoder);
    dio_batch_free(l->batch);
    l->batch = NULL;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Frames touched by [start, end) within the extent. */
static void mark(uint8_t *map, const struct dio_extent *e, uint64_t start, uint64_t end, bool set)
{
    size_t a = (size_t)((start - e->base) / DIO_FRAME);
    size_t b = (size_t)((end - e->base + DIO_FRAME - 1) / DIO_FRAME);
    for (size_t i = a; i < b; i++)
        if (set)
            map[i / 8] |= (uint8_t)(1u << (i % 8));
        else
            map[i / 8] &= (uint8_t)~(1u << (i % 8));
}

static int add_lost(struct dio_extent *e, uint64_t start, uint64_t end, const char *why,
                    struct dumpio_error *err)
{
    mark(e->lost, e, start, end, true);
    mark(e->present, e, start, end, false);
    struct dio_extent_lost *last = e->n_lost ? &e->lost_list[e->n_lost - 1] : NULL;
    if (last && last->end == start && !strncmp(last->why, why, sizeof last->why - 1)) {
        last->end = end;
        return 0;
    }
    if (e->n_lost == e->cap_lost) {
        size_t cap = e->cap_lost ? e->cap_lost * 2 : 16;
        struct dio_extent_lost *l = realloc(e->lost_list, cap * sizeof *l);
        if (!l)
            return dio_nomem(err, "the list of lost pages");
        e->lost_list = l;
        e->cap_lost = cap;
    }
    last = &e->lost_list[e->n_lost++];
    *last = (struct dio_extent_lost){.start = start, .end = end};
    snprintf(last->why, sizeof last->why, "%.159s", why);
    return 0;
}

/* ---- pages ------------------------------------------------------------------------------------ */

static int take_data(struct dio_extent *e, struct dio_extent_loader *l, const struct dio_page *p,
                     uint32_t unit, struct dumpio_error *err)
{
    struct dumpio_error why = {0};
    uint8_t *to = e->data + (p->addr - e->base);
    size_t c = p->codec ? dio_codec_index(p->codec) + 1 : 0;
    e->codec_pages[c]++;
    e->codec_bytes[c] += p->len;
    int rc = dio_decode(&l->decoder, p, unit, to, &why);
    if (rc == DUMPIO_E_CORRUPT) {
        memset(to, 0, unit);
        e->lost_pages++;
        return add_lost(e, p->addr, p->addr + unit, why.message, err);
    }
    if (rc) {
        if (err)
            *err = why;
        return rc;
    }
    e->present_pages++;
    e->zero_pages += (uint64_t)dio_is_zero(to, unit);
    return 0;
}

static int take_page(struct dio_extent *e, struct dio_extent_loader *l, const struct dio_page *p,
                     uint32_t unit, struct dumpio_error *err)
{
    switch (p->kind) {
    case DIO_DATA:
        return take_data(e, l, p, unit, err);
    case DIO_ZERO:
        e->present_pages++;
        e->zero_pages++;
        return 0;
    default:
        e->lost_pages++;
        return add_lost(e, p->addr, p->addr + unit,
                        p->kind == DIO_LOST && p->data ? (const char *)p->data
                                                       : "in the page map, but not stored",
                        err);
    }
}

/* Fetch the units of [start, end) (multiples of the unit). */
static int load_units(struct dio_extent *e, struct dio_extent_loader *l, struct dumpio_dump *d,
                      uint64_t start, uint64_t end, struct dumpio_error *err)
{
    dio_batch_reset(l->batch);
    int rc = d->format->fetch(d->self, start, end, l->batch, err);
    const struct dio_page *p = dio_batch_pages(l->batch);
    for (size_t i = 0, n = dio_batch_count(l->batch); i < n && !rc; i++)
        rc = take_page(e, l, &p[i], d->info->unit, err);
    return rc;
}

static int load_present(struct dio_extent *e, struct dio_extent_loader *l, struct dumpio_dump *d,
                        const struct dumpio_run *run, uint64_t *done, struct dumpio_error *err)
{
    uint32_t unit = d->info->unit;
    uint64_t start = dio_round_down(run->start, unit), end = dio_round_up(run->end, unit);
    mark(e->present, e, run->start, run->end, true);
    if (start < *done)
        start = *done;
    if (start >= end)
        return 0;
    *done = end;
    e->partial_pages += (run->start & (unit - 1)) != 0;
    e->partial_pages += (run->end & (unit - 1)) != 0 &&
                        (end - start > unit || !(run->start & (unit - 1)));
    return load_units(e, l, d, start, end, err);
}

int dio_extent_load(struct dio_extent *e, struct dio_extent_loader *l, struct dumpio_dump *d,
                    uint64_t base, struct dumpio_error *err)
{
    struct dio_extent fresh = {.base = base, .data = e->data, .lost_list = e->lost_list,
                               .cap_lost = e->cap_lost};
    *e = fresh;
    memset(e->data, 0, DIO_EXTENT_SIZE);
    uint64_t end = base + DIO_EXTENT_SIZE, at = base, done = base;
    int rc = 0;
    while (at < end) {
        struct dumpio_run run;
        rc = dumpio_next_run(d, at, &run, err);
        if (rc || run.start >= end)
            break;
        if (run.end > end)
            run.end = end;
        at = run.end;
        if (run.kind == DUMPIO_PRESENT)
            rc = load_present(e, l, d, &run, &done, err);
        else if (run.kind == DUMPIO_LOST) {
            e->lost_pages += dio_div_up(run.end - run.start, d->info->unit);
            rc = add_lost(e, run.start, run.end, DIO_LOST_RUN_WHY, err);
        }
        if (rc)
            break;
    }
    return rc == DUMPIO_END ? 0 : rc;
}

int dio_extent_next(struct dumpio_dump *d, uint64_t addr, uint64_t *base, struct dumpio_run *lost,
                    struct dumpio_error *err)
{
    int rc;
    while (!(rc = dumpio_next_run(d, addr, lost, err)) && lost->kind == DUMPIO_EXCLUDED)
        addr = lost->end;
    if (rc)
        return rc;
    *base = dio_round_down(lost->start, DIO_EXTENT_SIZE);
    lost->end = dio_round_down(lost->end, DIO_EXTENT_SIZE);
    if (lost->kind != DUMPIO_LOST || lost->start != *base || lost->end <= lost->start)
        lost->end = lost->start;
    return 0;
}
