/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of LKCD dumps: the next page record behind damage, the pages that the damage may have
 * held, and the main header's facts where it is lost.
 * Reference: LKCD's dump_fmt.c, which writes records by ascending address. Not handled: the
 * debugging kernels' odd records; what the main header alone told (utsname, panic, registers).
 */
#include "lkcd.h"
#include "lkcd_salvage.h"

#include <stdlib.h>

#define WINDOW (1u << 20)
#define CHAIN 3u                 /* records that have to follow each other to be believed */
#define CHAIN_HEAD 64u           /* likewise, ascending, when nothing else is known of the dump */
#define HEAD_AREA (16u << 20)    /* the first record is looked for up to here */
#define RECORD_MIN (DIO_LKCD_RECORD + 8u) /* no packed page is smaller */
#define SEARCH_MAX (UINT64_C(2) << 30) /* bytes looked through for records, in all */
#define SURVEY 1024u             /* records looked at for a packed one */

/* ---- records --------------------------------------------------------------------------------- */

struct look {
    struct dio_bytes *src;
    enum dumpio_order order;
    uint32_t page_size;
    bool known;         /* page size and order are those of the dump; else they are tried */
    uint64_t base;      /* as dio_lkcd_resync */
    uint8_t *buf;       /* WINDOW bytes */
    uint64_t at;        /* of buf[0] */
    size_t len;
};

struct record {
    uint64_t address;
    uint32_t size, flags;
};

static int look_at(struct look *l, uint64_t off, const uint8_t **p, struct dumpio_error *err)
{
    *p = NULL;
    if (off < l->at || off - l->at > l->len || l->len - (size_t)(off - l->at) < DIO_LKCD_RECORD) {
        l->at = off;
        int rc = dio_read_around(l->src, off, l->buf, WINDOW, &l->len, 0, NULL, err);
        if (rc || l->len < DIO_LKCD_RECORD)
            return rc;
    }
    *p = l->buf + (off - l->at);
    return 0;
}

/* The same without moving the window; `room` is for a record outside of it. */
static int peek_at(struct look *l, uint64_t off, uint8_t room[DIO_LKCD_RECORD], const uint8_t **p,
                   struct dumpio_error *err)
{
    size_t got;
    if (off >= l->at && off - l->at <= l->len && l->len - (size_t)(off - l->at) >= DIO_LKCD_RECORD)
        return look_at(l, off, p, err);
    int rc = dio_read_around(l->src, off, room, DIO_LKCD_RECORD, &got, 0, NULL, err);
    *p = !rc && got == DIO_LKCD_RECORD ? room : NULL;
    return rc;
}

/* May a record stand at p? Stricter than readers have to be: nothing vouches for it yet. */
static bool plausible(const struct look *l, const uint8_t *p, struct record *r)
{
    r->flags = dio_get32(p + 12, l->order);
    uint32_t kind = r->flags & ~DIO_LKCD_MCLX;
    if ((kind != DIO_LKCD_RAW && kind != DIO_LKCD_COMPRESSED) || (!l->known && kind != r->flags))
        return false;
    r->size = dio_get32(p + 8, l->order);
    r->address = dio_get64(p, l->order);
    if (kind == DIO_LKCD_RAW ? r->size && r->size != l->page_size
                             : !r->size || r->size > l->page_size)
        return false;
    if (r->flags & DIO_LKCD_MCLX)
        return r->address < DIO_LKCD_ADDR_MAX / l->page_size;
    return r->address >= l->base && r->address - l->base < DIO_LKCD_ADDR_MAX &&
           !((r->address - l->base) & (l->page_size - 1));
}

/* Is it the END record, with which the file ends? */
static bool is_end(const struct look *l, const uint8_t *p, uint64_t off)
{
    return l->known && (dio_get32(p + 12, l->order) | DIO_LKCD_TRUNCATED) ==
                           (DIO_LKCD_END | DIO_LKCD_TRUNCATED) &&
           !dio_get32(p + 8, l->order) && l->src->size - off <= l->page_size;
}

/* Nothing is known of the dump: records ascend, half of them to the very next page. */
struct ascent {
    uint64_t last;
    unsigned n, next;
};

static bool ascends(const struct look *l, struct ascent *a, uint64_t address)
{
    bool good = l->known || !a->n || address > a->last;
    a->next += a->n && address - a->last == l->page_size;
    a->n++;
    a->last = address;
    return good;
}

static bool enough(const struct look *l, const struct ascent *a)
{
    return l->known || 2 * a->next >= a->n;
}

/* Do `links` records stand at off one behind the other, or fewer up to the file's end? */
static int chain(struct look *l, uint64_t off, unsigned links, bool *yes, struct dumpio_error *err)
{
    struct record r;
    uint8_t room[DIO_LKCD_RECORD];
    struct ascent a = {0, 0, 0};
    const uint8_t *p;
    *yes = false;
    for (unsigned i = 0; i < links; i++) {
        int rc = peek_at(l, off, room, &p, err);
        if (rc)
            return rc;
        if (!p || is_end(l, p, off)) {
            *yes = i > (l->known ? 0 : 1) && enough(l, &a);
            return 0;
        }
        if (!plausible(l, p, &r) || !ascends(l, &a, r.address))
            return 0;
        off += DIO_LKCD_RECORD + r.size;
    }
    *yes = enough(l, &a);
    return 0;
}

static int find(struct look *l, uint64_t from, uint64_t limit, unsigned links, uint64_t *found,
                struct dumpio_error *err)
{
    struct record r;
    const uint8_t *p;
    for (uint64_t off = from, step = 1; off < limit; off += step) {
        bool yes = false;
        int rc = look_at(l, off, &p, err);
        if (rc || !p)
            return rc ? rc : DUMPIO_END;
        size_t room = l->len - (size_t)(p - l->buf);
        size_t zeros = dio_zeros_to_skip(p, room, off, DIO_LKCD_RECORD);
        step = zeros ? zeros : 1;
        if (zeros)
            continue;
        if (is_end(l, p, off))
            yes = true;
        else if (plausible(l, p, &r))
            rc = chain(l, off, links, &yes, err);
        if (rc)
            return rc;
        if (yes) {
            *found = off;
            return 0;
        }
    }
    return DUMPIO_END;
}

int dio_lkcd_resync(struct dio_lkcd *l, uint64_t base, uint64_t from, uint64_t *found,
                    struct dumpio_error *err)
{
    struct look k = {l->src, l->head.order, l->head.page_size, true, base, malloc(WINDOW), 0, 0};
    if (!k.buf)
        return dio_nomem(err, "page records");
    uint64_t left = SEARCH_MAX - l->searched;
    uint64_t limit = l->src->size - from < left ? l->src->size : from + left;
    int rc = from < l->src->size ? find(&k, from, limit, CHAIN, found, err) : DUMPIO_END;
    l->searched += (rc ? limit : *found) - (from < limit ? from : limit);
    free(k.buf);
    return rc;
}

/* ---- pages that damage may have held --------------------------------------------------------- */

static int mark(struct dio_lkcd *l, uint64_t from, uint64_t pages, uint64_t at,
                struct dumpio_error *err)
{
    int rc = 0;
    for (uint64_t i = 0; i < pages && !rc; i++) {
        struct dio_entry e = {from + i * l->head.page_size, at, DIO_LKCD_LOST};
        rc = dio_index_add(l->index, &e, err);
    }
    return rc;
}

int dio_lkcd_mark_lost(struct dio_lkcd *l, const struct dio_lkcd_damage *d,
                       struct dumpio_error *err)
{
    const uint64_t unit = l->head.page_size;
    uint64_t room = (d->end - d->start) / RECORD_MIN, gap = 0;
    if (d->has_before && d->has_after && d->after > d->before)
        gap = (d->after - d->before) / unit - 1;
    dio_salvage_found(l->salvage, DUMPIO_FOUND_DAMAGE, l->src, "lkcd", d->start, d->end,
                      gap ? "page records between the pages 0x%llx and 0x%llx cannot be read"
                          : "page records cannot be read; which pages they held is not known",
                      (unsigned long long)d->before, (unsigned long long)d->after);
    if (gap <= room)
        return mark(l, d->before + unit, gap, d->start, err);
    /* a hole of the memory lies in between as well: the pages next to it on both sides */
    int rc = mark(l, d->before + unit, room, d->start, err);
    return rc ? rc : mark(l, d->after - room * unit, room, d->start, err);
}

/* ---- without a main header ------------------------------------------------------------------- */

/* How the records from off on are packed. */
static int learn_codec(struct look *l, uint64_t off, uint32_t *compress, struct dumpio_error *err)
{
    struct record r;
    const uint8_t *p;
    *compress = DIO_LKCD_NONE;
    for (unsigned i = 0; i < SURVEY; i++) {
        int rc = look_at(l, off, &p, err);
        if (rc)
            return rc;
        if (!p || !plausible(l, p, &r))
            break;
        if (r.flags & DIO_LKCD_COMPRESSED && l->len - (size_t)(p - l->buf) > DIO_LKCD_RECORD + 2) {
            bool zlib = p[16] == 0x78 && (p[16] << 8 | p[17]) % 31 == 0;
            *compress = zlib ? DIO_LKCD_GZIP : DIO_LKCD_RLE;
            break;
        }
        off += DIO_LKCD_RECORD + r.size;
    }
    return 0;
}

int dio_lkcd_guess_head(struct dio_bytes *src, struct dio_lkcd_head *h, struct dumpio_error *err)
{
    struct look l = {.src = src, .buf = malloc(WINDOW)};
    uint64_t limit = src->size < HEAD_AREA ? src->size : HEAD_AREA, at;
    int rc = l.buf ? DUMPIO_END : dio_nomem(err, "page records");
    for (int order = DUMPIO_LITTLE; order <= DUMPIO_BIG && rc == DUMPIO_END; order++)
        for (uint32_t size = 65536; size >= DIO_LKCD_PAGE_MIN && rc == DUMPIO_END; size /= 2) {
            uint32_t compress;
            l.order = (enum dumpio_order)order;
            l.page_size = size;
            rc = find(&l, 0, limit, CHAIN_HEAD, &at, err);
            if (!rc)
                rc = learn_codec(&l, at, &compress, err);
            if (!rc)
                *h = (struct dio_lkcd_head){
                    .order = l.order, .version = 9, .page_size = size, .data = at, .rebuilt = true,
                    .compress = compress};
        }
    free(l.buf);
    return rc;
}
