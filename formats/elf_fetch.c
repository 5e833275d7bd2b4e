/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages out of extents: one read per piece of file, straight into the batch.
 * Reference: none, plain bytes.
 * Not handled: packed pages.
 */
#include "elf.h"

/* One unit of the window. */
struct unit_state {
    uint32_t held; /* bytes present */
    uint8_t data;  /* some of them were read */
    uint8_t lost;  /* IN_PART or WHOLE: should be there and cannot be read */
    const char *why;
};

struct fetch {
    const struct dio_elf_extents *x;
    struct dio_batch *batch;
    uint64_t start, end;
    uint8_t *mem;            /* the window's memory; NULL while nothing was read */
    struct unit_state *unit;
    struct dumpio_error *err;
};

static size_t unit_at(const struct fetch *f, uint64_t addr)
{
    return (size_t)((addr - f->start) / f->x->unit);
}

/* Count [a, b) as held. `data`: its bytes stand in f->mem; else they are zero and do not. */
static void hold(struct fetch *f, uint64_t a, uint64_t b, bool data)
{
    for (uint64_t at = a; at < b;) {
        uint64_t page = dio_round_down(at, f->x->unit), stop = page + f->x->unit;
        struct unit_state *u = &f->unit[unit_at(f, at)];
        if (stop > b)
            stop = b;
        if (!data && stop - at < f->x->unit) {
            memset(f->mem + (at - f->start), 0, (size_t)(stop - at));
            u->data = 1;
        }
        if (data)
            u->data = 1;
        u->held += (uint32_t)(stop - at);
        at = stop;
    }
}

/* Units that [a, b) touches: IN_PART leaves what is held of them usable, WHOLE does not. */
enum { IN_PART = 1, WHOLE = 2 };

static void lose(struct fetch *f, uint64_t a, uint64_t b, uint8_t how, const char *why)
{
    for (uint64_t at = dio_round_down(a, f->x->unit); at < b; at += f->x->unit) {
        struct unit_state *u = &f->unit[unit_at(f, at)];
        if (u->lost >= how)
            continue;
        u->lost = how;
        u->why = why;
    }
}

/* The message as text that lives as long as the batch. */
static const char *keep(struct fetch *f, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = dio_batch_alloc(f->batch, n);
    return copy ? memcpy(copy, text, n) : "unreadable";
}

/* A part of the file that cannot be read: the units it covers are lost, for good. */
static int damaged(struct fetch *f, uint64_t a, uint64_t b, uint64_t off,
                   const struct dumpio_error *e)
{
    struct dumpio_error why = {0};
    if (e->status == DUMPIO_E_NOMEM || e->status == DUMPIO_E_CANCELLED) {
        if (f->err)
            *f->err = *e;
        return e->status;
    }
    if (!e->status)
        dio_fail(&why, DUMPIO_E_TRUNCATED, off, "the file ends before 0x%llx",
                 (unsigned long long)(off + (b - a)));
    lose(f, a, b, WHOLE, keep(f, e->status ? e->message : why.message));
    return 0;
}

/* Read memory [a, b) from off; where that fails, unit by unit, so that one bad place costs one. */
static int read_data(struct fetch *f, uint64_t a, uint64_t b, uint64_t off)
{
    struct dumpio_error e = {0};
    size_t got = 0;
    int rc = dio_read_some(f->x->src, off, f->mem + (a - f->start), (size_t)(b - a), &got, &e);
    if (!rc && got == b - a) {
        hold(f, a, b, true);
        return 0;
    }
    if (unit_at(f, a) == unit_at(f, b - 1))
        return damaged(f, a, b, off, &e);
    for (uint64_t at = a; at < b;) {
        uint64_t stop = dio_round_down(at, f->x->unit) + f->x->unit;
        if (stop > b)
            stop = b;
        rc = read_data(f, at, stop, off + (at - a));
        if (rc)
            return rc;
        at = stop;
    }
    return 0;
}

/* Memory [a, b) stored at off, its sparse parts left unread. */
static int read_piece(struct fetch *f, uint64_t a, uint64_t b, uint64_t off)
{
    struct dio_bytes *src = f->x->src;
    while (a < b) {
        uint64_t data = off, data_end = UINT64_MAX;
        int rc = src->ops->next_data ? src->ops->next_data(src, off, &data, &data_end, f->err) : 0;
        if (rc)
            return rc;
        uint64_t hole = data > off ? data - off : 0;
        if (hole > b - a)
            hole = b - a;
        hold(f, a, a + hole, false);
        a += hole;
        off += hole;
        uint64_t len = data_end > off ? data_end - off : 0;
        if (len > b - a)
            len = b - a;
        if (!hole && !len)
            len = b - a; /* a source that shrank: reading finds out */
        rc = len ? read_data(f, a, a + len, off) : 0;
        if (rc)
            return rc;
        a += len;
        off += len;
    }
    return 0;
}

/* Bytes that no extent holds are zero: clear a unit before its first byte comes, if it has gaps. */
static void clear_edges(struct fetch *f, uint64_t a, uint64_t b)
{
    uint64_t ends[2] = {a, b - 1};
    for (int k = 0; k < 2; k++) {
        uint64_t page = dio_round_down(ends[k], f->x->unit);
        if (f->unit[unit_at(f, page)].held || (a <= page && b >= page + f->x->unit))
            continue;
        memset(f->mem + (page - f->start), 0, f->x->unit);
    }
}

static int fetch_extent(struct fetch *f, const struct dio_elf_extent *e)
{
    uint64_t a = e->start > f->start ? e->start : f->start, b = e->end < f->end ? e->end : f->end;
    if (e->kind == DUMPIO_LOST) {
        lose(f, a, b, IN_PART, e->off == DIO_NO_PLACE ? "marked as lost by the writer"
                                                      : "beyond the end of the file");
        return 0;
    }
    if (e->kind != DUMPIO_PRESENT)
        return 0;
    if (!f->mem) {
        f->mem = dio_batch_alloc(f->batch, (size_t)(f->end - f->start));
        if (!f->mem)
            return dio_nomem(f->err, "a batch");
    }
    clear_edges(f, a, b);
    return read_piece(f, a, b, e->off + (a - e->start));
}

static int add_pages(struct fetch *f)
{
    uint32_t unit = f->x->unit;
    for (uint64_t addr = f->start; addr < f->end; addr += unit) {
        const struct unit_state *u = &f->unit[unit_at(f, addr)];
        if (u->lost == WHOLE || (u->lost && !u->held)) {
            if (dio_batch_add_lost(f->batch, addr, "%s", u->why))
                return dio_nomem(f->err, "a batch");
            continue;
        }
        struct dio_page *p = dio_batch_add(f->batch, addr);
        if (!p)
            return dio_nomem(f->err, "a batch");
        if (!u->held)
            continue; /* stays ABSENT */
        p->kind = u->data ? DIO_DATA : DIO_ZERO;
        p->data = u->data ? f->mem + (addr - f->start) : NULL;
        p->len = u->data ? unit : 0;
    }
    return 0;
}

int dio_elf_extents_fetch(const struct dio_elf_extents *x, uint64_t start, uint64_t end,
                          struct dio_batch *batch, struct dumpio_error *err)
{
    struct fetch f = {.x = x, .batch = batch, .start = start, .end = end, .err = err};
    size_t n = (size_t)((end - start) / x->unit);
    f.unit = dio_batch_alloc(batch, n * sizeof *f.unit);
    if (!f.unit)
        return dio_nomem(err, "a batch");
    memset(f.unit, 0, n * sizeof *f.unit);
    for (size_t i = dio_elf_extents_find(x, start); i < x->n && x->v[i].start < end; i++) {
        int rc = fetch_extent(&f, &x->v[i]);
        if (rc)
            return rc;
    }
    return add_pages(&f);
}

int dio_elf_extents_read(const struct dio_elf_extents *x, uint64_t addr, void *buf, size_t len,
                         size_t *got, struct dumpio_error *err)
{
    size_t i = dio_elf_extents_find(x, addr);
    *got = 0;
    if (i == x->n || x->v[i].kind != DUMPIO_PRESENT || x->v[i].start > addr)
        return 0;
    const struct dio_elf_extent *e = &x->v[i];
    if (len > e->end - addr)
        len = (size_t)(e->end - addr);
    struct dumpio_error why = {0};
    int rc = dio_read_some(x->src, e->off + (addr - e->start), buf, len, got, &why);
    if (rc != DUMPIO_E_NOMEM && rc != DUMPIO_E_CANCELLED)
        return 0;
    if (err)
        *err = why;
    return rc;
}
