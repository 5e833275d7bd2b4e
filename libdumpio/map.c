/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page map: a dump's byte-granular runs, cut by what the model knows of partly held pages, and
 * the same as merged page-granular runs for writers. Nothing is held for the whole dump.
 */
#include "dump.h"
#include "plug/decode.h"

#include <stdlib.h>

/* ---- partly held pages ----------------------------------------------------------------------- */

/* Index of the first partial whose page ends above addr. */
static uint32_t first_partial(const struct dumpio_info *info, uint64_t addr)
{
    uint32_t lo = 0, hi = info->n_partials;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (dio_round_up(info->partials[mid].end, info->unit) > addr)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/*
 * Cut a PRESENT run at the edges of a partial: formats that store whole units know the exact bytes
 * only through the carried model. Returns false when nothing of the run is left.
 */
static bool clip(const struct dumpio_info *info, struct dumpio_run *run)
{
    uint32_t i = first_partial(info, run->start);
    if (run->kind != DUMPIO_PRESENT || i == info->n_partials)
        return true;
    const struct dumpio_partial *p = &info->partials[i];
    uint64_t page = dio_round_down(p->start, info->unit), page_end = page + info->unit;
    if (run->end <= page)
        return true;
    if (run->start < page) {
        run->end = page;
        return true;
    }
    /* inside the partial's page: several partials may share it */
    while (i < info->n_partials && info->partials[i].end <= run->start &&
           info->partials[i].start < page_end)
        i++;
    if (i == info->n_partials || info->partials[i].start >= page_end) {
        run->start = run->end < page_end ? run->end : page_end;
        return run->start < run->end;
    }
    p = &info->partials[i];
    if (run->start < p->start)
        run->start = p->start;
    if (run->end > p->end)
        run->end = p->end;
    return run->start < run->end;
}

int dumpio_next_run(struct dumpio_dump *dump, uint64_t addr, struct dumpio_run *run,
                    struct dumpio_error *err)
{
    for (;;) {
        int rc = dump->format->next_run(dump->self, addr, run, err);
        if (rc)
            return rc;
        if (run->start < addr)
            run->start = addr;
        if (run->end <= run->start)
            return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                            "the %s reader gave an empty run at 0x%llx", dump->format->name,
                            (unsigned long long)addr);
        if (clip(dump->info, run))
            return 0;
        addr = run->start;
    }
}

/* ---- page-granular walk -------------------------------------------------------------------------- */

struct dio_map {
    struct dumpio_dump *dump;
    struct dio_map_options o;
    uint64_t pos;                /* bytes below are done */
    struct dumpio_run ahead;     /* page-granular, not yet handed out */
    bool has_ahead;
    struct dumpio_run held;      /* rest of a run of the dump that the filter divides */
    uint64_t dropped[DIO_DROP_REASONS], unknown;
};

struct dio_map *dio_map_new(struct dumpio_dump *dump, const struct dio_map_options *o)
{
    struct dio_map *m = calloc(1, sizeof *m);
    if (m) {
        m->dump = dump;
        m->o = *o;
    }
    return m;
}

const uint64_t *dio_map_dropped(const struct dio_map *map)
{
    return map->dropped;
}

uint64_t dio_map_unknown(const struct dio_map *map)
{
    return map->unknown;
}

void dio_map_free(struct dio_map *m)
{
    free(m);
}

void dio_map_rewind(struct dio_map *m)
{
    m->pos = 0;
    m->has_ahead = false;
    m->held.start = m->held.end = 0;
    memset(m->dropped, 0, sizeof m->dropped);
    m->unknown = 0;
}

/* The next run inside the ranges to keep. */
static int kept_run(struct dio_map *m, struct dumpio_run *run, struct dumpio_error *err)
{
    for (;;) {
        int rc = dumpio_next_run(m->dump, m->pos, run, err);
        if (rc || !m->o.keep)
            return rc;
        size_t lo = 0, hi = m->o.n_keep;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (m->o.keep[mid].end > run->start)
                hi = mid;
            else
                lo = mid + 1;
        }
        if (lo == m->o.n_keep)
            return DUMPIO_END;
        if (m->o.keep[lo].start >= run->end) {
            m->pos = m->o.keep[lo].start;
            continue;
        }
        if (run->start < m->o.keep[lo].start)
            run->start = m->o.keep[lo].start;
        if (run->end > m->o.keep[lo].end)
            run->end = m->o.keep[lo].end;
        return 0;
    }
}

/* The filter's verdict on the front of m->held, taken off it into *run. */
static int filtered_piece(struct dio_map *m, struct dumpio_run *run, struct dumpio_error *err)
{
    int reason;
    uint64_t end;
    int rc = dio_filter_at(m->o.filter, m->held.start, m->held.end, &reason, &end, err);
    if (rc)
        return rc;
    *run = (struct dumpio_run){m->held.start, end, m->held.kind};
    m->held.start = end;
    if (reason == DIO_KEEP_UNKNOWN)
        m->unknown += run->end - run->start;
    if (reason < 0)
        return 0;
    run->kind = DUMPIO_EXCLUDED;
    m->dropped[reason] += run->end - run->start;
    return 0;
}

/* The next run, divided where the filter's verdict changes. */
static int filtered_run(struct dio_map *m, struct dumpio_run *run, struct dumpio_error *err)
{
    if (!m->o.filter) {
        int rc = kept_run(m, run, err);
        if (!rc)
            m->pos = run->end;
        return rc;
    }
    if (m->held.start >= m->held.end) {
        int rc = kept_run(m, &m->held, err);
        if (rc) {
            m->held.start = m->held.end = 0; /* what lies behind the last range to keep */
            return rc;
        }
        m->pos = m->held.end;
        if (m->held.kind == DUMPIO_EXCLUDED) {
            *run = m->held;
            m->held.start = m->held.end;
            return 0;
        }
    }
    return filtered_piece(m, run, err);
}

/*
 * A page's kind when several runs meet in it: one that has lost bytes is lost, for zeros in their
 * place would be taken for memory; else what is held at all decides.
 */
static bool outranks(enum dumpio_kind a, enum dumpio_kind b)
{
    static const int rank[] = {[DUMPIO_EXCLUDED] = 1, [DUMPIO_PRESENT] = 2, [DUMPIO_LOST] = 3};
    return rank[a] > rank[b];
}

/* Pull the next byte run and make it page-granular in *run. */
static int page_run(struct dio_map *m, struct dumpio_run *run, struct dumpio_error *err)
{
    int rc = filtered_run(m, run, err);
    if (rc)
        return rc;
    if (m->o.redacted && run->kind == DUMPIO_EXCLUDED)
        run->kind = DUMPIO_PRESENT;
    run->start = dio_round_down(run->start, m->o.unit);
    run->end = dio_round_up(run->end, m->o.unit);
    if (!run->end) /* the last page of the address space */
        run->end = UINT64_MAX & ~(uint64_t)(m->o.unit - 1);
    return 0;
}

/*
 * Settle where `next` begins inside the last page of `cur`: that page goes to the higher rank.
 * What is left of `next` (maybe nothing: start == end) stays in it.
 */
static void settle_overlap(struct dumpio_run *cur, struct dumpio_run *next, uint32_t unit)
{
    if (outranks(next->kind, cur->kind))
        cur->end = next->start; /* may become empty */
    else
        next->start = next->start + unit;
}

int dio_map_next(struct dio_map *m, struct dumpio_run *run, struct dumpio_error *err)
{
    int rc = 0;
    if (m->has_ahead)
        *run = m->ahead;
    else
        rc = page_run(m, run, err);
    m->has_ahead = false;
    while (!rc) {
        struct dumpio_run next;
        rc = page_run(m, &next, err);
        if (rc == DUMPIO_END && run->start < run->end)
            return 0;
        if (rc)
            return rc;
        if (next.start < run->end && next.kind != run->kind)
            settle_overlap(run, &next, m->o.unit);
        if (next.start >= next.end)
            continue;
        if (run->start >= run->end) {
            *run = next;
        } else if (next.start <= run->end && next.kind == run->kind) {
            if (next.end > run->end)
                run->end = next.end;
        } else {
            m->ahead = next;
            m->has_ahead = true;
            return 0;
        }
    }
    return rc;
}
