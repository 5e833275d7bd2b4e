/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From claims on memory, which may overlap in any way, to sorted disjoint extents of the file.
 * Reference: ELF program headers as /proc/vmcore, QEMU and makedumpfile write them.
 * Not handled: reading; see elf_fetch.c.
 */
#include "elf.h"

#include <stdlib.h>

int dio_elf_claims_add(struct dio_elf_claims *c, enum dio_elf_claim_class class, int kind,
                       uint64_t start, uint64_t len, uint64_t off, struct dumpio_error *err)
{
    uint64_t end;
    if (dio_add(start, len, &end) || end > DIO_ADDR_LIMIT)
        end = DIO_ADDR_LIMIT;
    if (!len || start >= end)
        return 0;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct dio_elf_claim *v =
            cap > SIZE_MAX / sizeof *v ? NULL : realloc(c->v, cap * sizeof *v);
        if (!v)
            return dio_nomem(err, "the table of segments");
        c->v = v;
        c->cap = cap;
    }
    uint64_t rank = (uint64_t)class << 60 | c->n;
    c->v[c->n++] = (struct dio_elf_claim){start, end, off, rank, kind};
    return 0;
}

static int by_start(const void *a, const void *b)
{
    const struct dio_elf_claim *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* ---- a heap of the claims that cover the place at hand, lowest rank on top ------------------- */

struct heap {
    const struct dio_elf_claim **v;
    size_t n;
};

static void heap_push(struct heap *h, const struct dio_elf_claim *c)
{
    size_t i = h->n++;
    while (i && h->v[(i - 1) / 2]->rank > c->rank) {
        h->v[i] = h->v[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->v[i] = c;
}

static void heap_pop(struct heap *h)
{
    const struct dio_elf_claim *c = h->v[--h->n];
    size_t i = 0;
    for (;;) {
        size_t kid = 2 * i + 1;
        if (kid >= h->n)
            break;
        if (kid + 1 < h->n && h->v[kid + 1]->rank < h->v[kid]->rank)
            kid++;
        if (h->v[kid]->rank >= c->rank)
            break;
        h->v[i] = h->v[kid];
        i = kid;
    }
    h->v[i] = c;
}

/* ---- the sweep ------------------------------------------------------------------------------- */

/* Give [start, end) to claim c; continues the last extent where it can. */
static int emit(struct dio_elf_extents *x, size_t *cap, const struct dio_elf_claim *c,
                uint64_t start, uint64_t end, struct dumpio_error *err)
{
    uint64_t off = c->off == DIO_NO_PLACE ? DIO_NO_PLACE : c->off + (start - c->start);
    struct dio_elf_extent *last = x->n ? &x->v[x->n - 1] : NULL;
    if (c->kind == DIO_ELF_CLAIM_HOLE)
        return 0;
    if (last && last->end == start && last->kind == c->kind &&
        (off == DIO_NO_PLACE ? last->off == off : last->off + (start - last->start) == off)) {
        last->end = end;
        return 0;
    }
    if (x->n == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        struct dio_elf_extent *v =
            more > SIZE_MAX / sizeof *v ? NULL : realloc(x->v, more * sizeof *v);
        if (!v)
            return dio_nomem(err, "the table of extents");
        x->v = v;
        *cap = more;
    }
    x->v[x->n++] = (struct dio_elf_extent){start, end, off, c->kind};
    return 0;
}

/* Each step ends at the start or at the end of a claim: at most 2n steps. */
static int sweep(struct dio_elf_extents *x, const struct dio_elf_claims *c, struct heap *h,
                 struct dumpio_error *err)
{
    size_t i = 0, cap = 0;
    uint64_t pos = 0;
    int rc = 0;
    while (!rc && (i < c->n || h->n)) {
        if (!h->n)
            pos = c->v[i].start;
        while (i < c->n && c->v[i].start <= pos)
            heap_push(h, &c->v[i++]);
        while (h->n && h->v[0]->end <= pos)
            heap_pop(h);
        if (!h->n)
            continue;
        uint64_t stop = h->v[0]->end;
        if (i < c->n && c->v[i].start < stop)
            stop = c->v[i].start;
        rc = emit(x, &cap, h->v[0], pos, stop, err);
        pos = stop;
    }
    return rc;
}

int dio_elf_extents_resolve(struct dio_elf_extents *x, struct dio_elf_claims *c,
                            struct dumpio_error *err)
{
    struct heap h = {NULL, 0};
    int rc = 0;
    if (c->n) {
        qsort(c->v, c->n, sizeof *c->v, by_start);
        h.v = calloc(c->n, sizeof *h.v);
        rc = h.v ? sweep(x, c, &h, err) : dio_nomem(err, "the table of extents");
    }
    free(h.v);
    free(c->v);
    *c = (struct dio_elf_claims){NULL, 0, 0};
    return rc;
}

void dio_elf_extents_free(struct dio_elf_extents *x)
{
    free(x->v);
    x->v = NULL;
    x->n = 0;
}

/* ---- looking up ------------------------------------------------------------------------------ */

uint64_t dio_elf_extents_end(const struct dio_elf_extents *x)
{
    return x->n ? x->v[x->n - 1].end : 0;
}

size_t dio_elf_extents_find(const struct dio_elf_extents *x, uint64_t addr)
{
    size_t lo = 0, hi = x->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->v[mid].end > addr)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

bool dio_elf_extents_ascend(const struct dio_elf_extents *x)
{
    uint64_t end = 0;
    for (size_t i = 0; i < x->n; i++) {
        const struct dio_elf_extent *e = &x->v[i];
        if (e->kind != DUMPIO_PRESENT)
            continue;
        if (e->off < end)
            return false;
        end = e->off + (e->end - e->start);
    }
    return true;
}

int dio_elf_extents_next_run(const struct dio_elf_extents *x, uint64_t addr, struct dumpio_run *run)
{
    size_t i = dio_elf_extents_find(x, addr);
    if (i == x->n)
        return DUMPIO_END;
    const struct dio_elf_extent *e = &x->v[i];
    run->start = e->start > addr ? e->start : addr;
    run->end = e->end;
    run->kind = (enum dumpio_kind)e->kind;
    return 0;
}

/* ---- units that are present only in part ----------------------------------------------------- */

/* Tell of the present pieces of one unit, which lie in the extents from i on. */
static int tell_unit(const struct dio_elf_extents *x, size_t i, uint64_t page,
                     struct dio_model *model, struct dumpio_error *err)
{
    uint64_t end = page + x->unit, from = 0, to = 0;
    int rc = 0;
    for (; i < x->n && x->v[i].start < end && !rc; i++) {
        const struct dio_elf_extent *e = &x->v[i];
        if (e->kind != DUMPIO_PRESENT)
            continue;
        uint64_t a = e->start > page ? e->start : page, b = e->end < end ? e->end : end;
        if (to == a && to) {
            to = b;
            continue;
        }
        if (from < to)
            rc = dio_model_add_partial(model, from, to, err);
        from = a;
        to = b;
    }
    if (!rc && from < to && to - from < x->unit)
        rc = dio_model_add_partial(model, from, to, err);
    return rc;
}

int dio_elf_extents_partials(const struct dio_elf_extents *x, struct dio_model *model,
                             struct dumpio_error *err)
{
    uint64_t done = 0; /* units below are told */
    int rc = 0;
    for (size_t i = 0; i < x->n && !rc; i++) {
        const struct dio_elf_extent *e = &x->v[i];
        if (e->kind != DUMPIO_PRESENT)
            continue;
        uint64_t ends[2] = {e->start, e->end};
        for (int k = 0; k < 2 && !rc; k++) {
            uint64_t page = dio_round_down(ends[k], x->unit);
            if (page == ends[k] || page < done)
                continue;
            done = page + x->unit;
            rc = tell_unit(x, dio_elf_extents_find(x, page), page, model, err);
        }
    }
    return rc;
}
