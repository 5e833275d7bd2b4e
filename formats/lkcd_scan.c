/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of LKCD page records: one pass over it makes the index of pages.
 * Reference: LKCD's dump_fmt.c for the records, crash's lkcd_common.c for their odd forms.
 * Not handled: the 32-byte records of debugging kernels; the page index of MCLX, which repeats.
 */
#include "lkcd.h"
#include "lkcd_salvage.h"

#include <stdio.h>
#include <stdlib.h>

#define WINDOW (1u << 20)       /* bytes read at once while records are small */
#define FAR_PAYLOAD (16u << 10) /* payloads from here on are skipped, not read through */
#define NEAR_WINDOW 4096u       /* bytes read at once then */
#define KNOWN_FLAGS 0xc000ffffu

#define BAD_RECORD 2 /* from a visitor */

struct record {
    uint64_t at;       /* file offset of its header */
    uint64_t address;  /* as stored */
    uint32_t size, flags;
};

enum chain_end {
    AT_END,       /* END record */
    AT_TRUNCATED, /* END record that says the dump is incomplete */
    NO_END,       /* the file ends behind a whole record */
    CUT,          /* in a record */
    LOST          /* where no record can be */
};

struct chain {
    struct dio_bytes *src;
    const struct dio_lkcd_head *head;
    bool around;       /* what cannot be read is no error; it is no record either */
    uint8_t *buf;
    size_t room;       /* bytes at buf */
    uint64_t at;       /* file offset of buf[0] */
    size_t len;
    size_t want;       /* bytes to read next time */
    enum chain_end end;
    uint64_t end_at;   /* file offset of the record that ended it */
    char why[160];     /* LOST: the reason */
    uint64_t last_at;  /* file offset of the last record that was visited */
    uint64_t visited;
    /* Nonzero ends the walk; BAD_RECORD: as damage. */
    int (*visit)(void *ctx, const struct record *r, struct dumpio_error *err);
    void *ctx;
};

/* ---- walking --------------------------------------------------------------------------------- */

/* The record header at off; *p = NULL when the file ends before its end. */
static int peek(struct chain *c, uint64_t off, const uint8_t **p, struct dumpio_error *err)
{
    if (off < c->at || off - c->at > c->len || c->len - (size_t)(off - c->at) < DIO_LKCD_RECORD) {
        int rc = c->around
                     ? dio_read_around(c->src, off, c->buf, c->want, &c->len, 0, NULL, err)
                     : dio_read_some(c->src, off, c->buf, c->want, &c->len, err);
        if (rc == DUMPIO_E_IO) /* a bad place near by: this header may be readable */
            rc = dio_read_some(c->src, off, c->buf, DIO_LKCD_RECORD, &c->len, err);
        if (rc)
            return rc;
        c->at = off;
    }
    *p = c->len - (size_t)(off - c->at) < DIO_LKCD_RECORD ? NULL : c->buf + (off - c->at);
    return 0;
}

static void decode(struct record *r, const uint8_t *p, uint64_t at, enum dumpio_order order)
{
    r->at = at;
    r->address = dio_get64(p, order);
    r->size = dio_get32(p + 8, order);
    r->flags = dio_get32(p + 12, order);
}

static bool stop(struct chain *c, enum chain_end end, uint64_t at)
{
    c->end = end;
    c->end_at = at;
    return true;
}

/* Does the chain end with this record, which is whole? */
static bool is_last(struct chain *c, const struct record *r)
{
    const uint32_t kinds = DIO_LKCD_RAW | DIO_LKCD_COMPRESSED | DIO_LKCD_END | DIO_LKCD_NOT_USED;
    if (r->flags & ~KNOWN_FLAGS || !(r->flags & kinds)) {
        snprintf(c->why, sizeof c->why, "impossible flags 0x%x", r->flags);
        return stop(c, LOST, r->at);
    }
    if (r->flags & DIO_LKCD_END)
        return stop(c, r->flags & DIO_LKCD_TRUNCATED ? AT_TRUNCATED : AT_END, r->at);
    if (r->size > c->head->page_size) {
        snprintf(c->why, sizeof c->why, "size %u exceeds page size %u", r->size,
                 c->head->page_size);
        return stop(c, LOST, r->at);
    }
    return false;
}

/* From the record at `start` on. */
static int walk(struct chain *c, uint64_t start, struct dumpio_error *err)
{
    struct dumpio_error e = {0};
    struct record r;
    const uint8_t *p;
    c->want = c->room;
    for (uint64_t off = start;; off += DIO_LKCD_RECORD + r.size) {
        if (off >= c->src->size) {
            stop(c, NO_END, off);
            return 0;
        }
        int rc = peek(c, off, &p, &e);
        if (rc == DUMPIO_E_IO) {
            snprintf(c->why, sizeof c->why, "%.150s", e.message);
            stop(c, LOST, off);
            return 0;
        }
        if (rc) {
            if (err)
                *err = e;
            return rc;
        }
        if (!p) {
            stop(c, CUT, off);
            return 0;
        }
        decode(&r, p, off, c->head->order);
        if (is_last(c, &r))
            return 0;
        rc = c->visit(c->ctx, &r, err);
        if (rc == BAD_RECORD) {
            snprintf(c->why, sizeof c->why, "impossible address 0x%llx",
                     (unsigned long long)r.address);
            stop(c, LOST, off);
            return 0;
        }
        if (rc)
            return rc;
        c->last_at = off;
        c->visited++;
        if (r.size > c->src->size - off - DIO_LKCD_RECORD) {
            stop(c, CUT, off);
            return 0;
        }
        c->want = r.size < FAR_PAYLOAD || c->room < NEAR_WINDOW ? c->room : NEAR_WINDOW;
    }
}

/* ---- indexing -------------------------------------------------------------------------------- */

struct indexing {
    struct dio_lkcd *l;
    uint64_t base;        /* virtual address of physical 0: subtracted from every address */
    uint64_t records;     /* all but END */
    uint64_t top;         /* highest page address; valid when pages is not 0 */
    uint64_t pages;
    uint64_t bad;         /* records whose address cannot be right */
    struct record first_bad;
    struct record duplicate; /* find_duplicate: the first one */
    uint64_t last;        /* address of the page indexed last; valid when pages is not 0 */
    struct dio_lkcd_damage *damage; /* salvage */
    size_t n_damage, cap_damage;
};

/* Physical address of the record's page; false when it cannot be one. */
static bool physical(const struct indexing *x, const struct record *r, uint64_t *address)
{
    const struct dio_lkcd_head *h = &x->l->head;
    *address = r->address;
    if (r->flags & DIO_LKCD_MCLX) {
        if (dio_mul(r->address, h->page_size, address))
            return false;
    } else if (x->base) {
        if (r->address < x->base)
            return false;
        *address = r->address - x->base;
    }
    return !(*address & (h->page_size - 1)) && *address < DIO_LKCD_ADDR_MAX;
}

static int index_record(void *ctx, const struct record *r, struct dumpio_error *err)
{
    struct indexing *x = ctx;
    const struct dio_lkcd_head *h = &x->l->head;
    uint64_t address;
    if (!x->records++ && h->version == 1 && !(r->flags & DIO_LKCD_MCLX) && h->memory_start &&
        r->address >= h->memory_start)
        x->base = h->memory_start; /* early version 1 stored virtual addresses */
    if (r->flags & DIO_LKCD_NOT_USED)
        return 0;
    if (!physical(x, r, &address)) {
        if (x->l->salvage)
            return BAD_RECORD;
        if (!x->bad++)
            x->first_bad = *r;
        return 0;
    }
    if (!x->pages++ || address > x->top)
        x->top = address;
    x->last = address;
    if (x->n_damage && !x->damage[x->n_damage - 1].has_after) {
        x->damage[x->n_damage - 1].has_after = true;
        x->damage[x->n_damage - 1].after = address;
    }
    struct dio_entry e = {address, r->at + DIO_LKCD_RECORD,
                          r->size | (uint64_t)(r->flags & 0xff) << 32};
    return dio_index_add(x->l->index, &e, err);
}

/* The index kept another record of this page: here is the first one that gave way. */
static int find_duplicate(void *ctx, const struct record *r, struct dumpio_error *err)
{
    struct indexing *x = ctx;
    struct dio_entry e;
    uint64_t address;
    size_t n;
    if (r->flags & DIO_LKCD_NOT_USED || !physical(x, r, &address))
        return 0;
    int rc = dio_index_range(x->l->index, address, &e, 1, &n, err);
    if (rc || !n || e.key != address || e.value == r->at + DIO_LKCD_RECORD)
        return rc;
    x->duplicate = *r;
    x->duplicate.address = address;
    return DUMPIO_END;
}

/* ---- salvage --------------------------------------------------------------------------------- */

static int note_damage(struct indexing *x, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    if (x->n_damage == x->cap_damage) {
        size_t cap = x->cap_damage ? x->cap_damage * 2 : 16;
        struct dio_lkcd_damage *v = realloc(x->damage, cap * sizeof *v);
        if (!v)
            return dio_nomem(err, "damaged page records");
        x->damage = v;
        x->cap_damage = cap;
    }
    x->damage[x->n_damage++] = (struct dio_lkcd_damage){
        .start = start, .end = end, .before = x->last, .has_before = x->pages != 0};
    return 0;
}

/* As walk, but going on behind damage where a record is found again. */
static int walk_around(struct chain *c, struct indexing *x, struct dumpio_error *err)
{
    uint64_t at = c->head->data;
    for (;;) {
        uint64_t visited = c->visited, found;
        int rc = walk(c, at, err);
        if (rc || c->end != LOST)
            return rc;
        uint64_t from = c->visited ? c->last_at + DIO_LKCD_RECORD : c->head->data;
        if (visited == c->visited && from <= at)
            from = at + 1;
        rc = dio_lkcd_resync(x->l, x->base, from, &found, err);
        if (rc < 0)
            return rc;
        at = rc ? c->src->size : found;
        uint64_t start = c->end_at < at ? c->end_at : c->last_at;
        int noted = note_damage(x, start, at, err);
        if (noted || rc)
            return noted; /* nothing follows: c->end stays LOST */
    }
}

static int mark_damage(struct indexing *x, struct dumpio_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < x->n_damage && !rc; i++)
        rc = dio_lkcd_mark_lost(x->l, &x->damage[i], err);
    return rc;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell_end(const struct chain *c, const struct indexing *x, struct dumpio_info *info,
                     const struct dumpio_env *env)
{
    unsigned long long at = (unsigned long long)c->end_at, n = (unsigned long long)x->records;
    info->incomplete |= c->end != AT_END;
    info->truncated |= c->end == NO_END || c->end == CUT || c->end == LOST;
    if (c->end == AT_TRUNCATED)
        dio_note(env, DUMPIO_WARNING, "the dump is marked as truncated after %llu pages", n);
    else if (c->end == NO_END)
        dio_note(env, DUMPIO_WARNING, "the file ends at 0x%llx after %llu pages without an END "
                 "record: it is incomplete", (unsigned long long)c->src->size, n);
    else if (c->end == CUT)
        dio_note(env, DUMPIO_WARNING, "the file ends at 0x%llx in the page record at 0x%llx: it "
                 "is incomplete", (unsigned long long)c->src->size, at);
    else if (c->end == LOST)
        dio_note(env, DUMPIO_WARNING, "page record %llu at 0x%llx: %s; all that follows is lost",
                 n, at, c->why);
    if (x->bad)
        dio_note(env, DUMPIO_WARNING, "%llu page records have impossible addresses and are left "
                 "out; the first at 0x%llx: address 0x%llx", (unsigned long long)x->bad,
                 (unsigned long long)x->first_bad.at, (unsigned long long)x->first_bad.address);
    if (x->records != c->head->num_pages)
        dio_note(env, DUMPIO_DETAIL, "the header counts %u pages, the file has %llu",
                 c->head->num_pages, n);
}

static int tell_duplicates(struct chain *c, struct indexing *x, uint64_t dropped,
                           const struct dumpio_env *env, struct dumpio_error *err)
{
    c->visit = find_duplicate;
    int rc = walk(c, c->head->data, err);
    if (rc < 0)
        return rc;
    dio_note(env, DUMPIO_WARNING, "%llu pages are stored more than once, the first record counts; "
             "0x%llx again at 0x%llx", (unsigned long long)dropped,
             (unsigned long long)x->duplicate.address, (unsigned long long)x->duplicate.at);
    return 0;
}

int dio_lkcd_scan(struct dio_lkcd *l, struct dumpio_info *info, const struct dumpio_env *env,
                  struct dumpio_error *err)
{
    struct indexing x = {.l = l};
    struct chain c = {.src = l->src, .head = &l->head, .around = l->salvage != NULL,
                      .visit = index_record, .ctx = &x};
    uint64_t dropped = 0;
    c.room = l->src->size < WINDOW ? (size_t)l->src->size : WINDOW;
    c.buf = malloc(c.room);
    if (!c.buf)
        return dio_nomem(err, "page records");
    int rc = dio_index_new(&l->index, 0, env, err);
    if (!rc)
        rc = l->salvage ? walk_around(&c, &x, err) : walk(&c, l->head.data, err);
    if (!rc)
        rc = mark_damage(&x, err); /* last: of equal addresses the first counts */
    if (!rc)
        rc = dio_index_seal(l->index, DIO_KEEP_FIRST, &dropped, err);
    if (!rc) {
        tell_end(&c, &x, info, env);
        info->end_addr = x.pages ? x.top + l->head.page_size : 0;
    }
    if (!rc && dropped && !l->salvage) /* then, pages that may be lost count as well */
        rc = tell_duplicates(&c, &x, dropped, env, err);
    free(c.buf);
    free(x.damage);
    return rc;
}
