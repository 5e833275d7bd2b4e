/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of KDUMP and DISKDUMP: descriptors, checked, and the payloads that they point to.
 * Reference: makedumpfile's IMPLEMENTATION (page_desc), crash's diskdump.c.
 * Not handled: expanding payloads, which the core does.
 */
#include "kdump.h"

#include <inttypes.h>
#include <stdlib.h>

#define FETCH_WORDS (DIO_SPAN_MAX / DIO_KDUMP_BLOCK_MIN / 64 + 1)
#define GAP_MAX 4096u /* payloads not further apart are read at once, bytes */

/* ---- page descriptors ------------------------------------------------------------------------ */

struct item {
    uint64_t off;        /* file offset of the payload */
    uint32_t size;
    const struct dio_codec *codec;
    const uint8_t *data;
    const char *why;     /* lost; NULL = data */
};

struct fetch {
    struct dio_kdump *d;
    struct dio_batch *batch;
    struct dumpio_error *err;
    uint64_t first;      /* number of the first word */
    uint64_t stored[FETCH_WORDS];
    struct item *items;  /* of the slice at hand, in order */
    size_t n;
};

static bool is_stored(const struct fetch *f, uint64_t pfn)
{
    return f->stored[pfn / 64 - f->first] >> pfn % 64 & 1;
}

/* The message as text that lives as long as the batch. */
static const char *keep(struct fetch *f, const struct dumpio_error *e)
{
    size_t n = strlen(e->message) + 1;
    char *copy = dio_batch_alloc(f->batch, n);
    return copy ? memcpy(copy, e->message, n) : "unreadable";
}

/* Errors that no place in the file is to blame for. */
static bool is_fatal(int rc)
{
    return rc == DUMPIO_E_NOMEM || rc == DUMPIO_E_CANCELLED;
}

static int fatal(struct fetch *f, const struct dumpio_error *e)
{
    if (f->err)
        *f->err = *e;
    return e->status;
}

static const struct dio_codec *codec_of(const struct dio_kdump *d, uint32_t flags)
{
    return dio_is_pow2(flags) && flags <= DIO_KDUMP_ZSTD ? d->codecs[dio_log2(flags)] : NULL;
}

/* Descriptor number `index`, 24 bytes at raw, which stand at `at` in the file of `part`. */
static void decode_item(struct fetch *f, const struct dio_kdump_part *part, struct item *it,
                        const uint8_t *raw, uint64_t index, uint64_t at)
{
    const struct dio_kdump *d = f->d;
    uint32_t flags = dio_get32(raw + 12, d->head.order), block = d->head.block_size;
    struct dumpio_error e;
    int bad = 0;
    it->off = dio_get64(raw, d->head.order);
    it->size = dio_get32(raw + 8, d->head.order);
    it->codec = codec_of(d, flags);
    if (!it->off)
        bad = dio_fail(&e, DUMPIO_E_LOST, at,
                       "page descriptor %" PRIu64 " at 0x%" PRIx64 ": marked as not written",
                       index, at);
    else if (flags && !it->codec)
        bad = dio_fail(&e, DUMPIO_E_LOST, at, "page descriptor %" PRIu64 " at 0x%" PRIx64
                       ": unknown flags 0x%x", index, at, flags);
    else if (it->size > block || !it->size)
        bad = dio_fail(&e, DUMPIO_E_LOST, at, "page descriptor %" PRIu64 " at 0x%" PRIx64
                       ": size %u %s page size %u", index, at, it->size,
                       it->size ? "exceeds" : "is not possible for", block);
    else if (!flags && it->size != block)
        bad = dio_fail(&e, DUMPIO_E_LOST, at, "page descriptor %" PRIu64 " at 0x%" PRIx64
                       ": a plain page of %u bytes, not %u", index, at, it->size, block);
    else if (it->off < d->desc_at)
        bad = dio_fail(&e, DUMPIO_E_LOST, at, "page descriptor %" PRIu64 " at 0x%" PRIx64
                       ": data at 0x%" PRIx64 ", inside the headers", index, at, it->off);
    else if (it->off > part->src->size || it->size > part->src->size - it->off)
        bad = dio_fail(&e, DUMPIO_E_LOST, at, "page descriptor %" PRIu64 " at 0x%" PRIx64
                       ": data at 0x%" PRIx64 ", %u bytes, but the file ends at 0x%" PRIx64, index,
                       at, it->off, it->size, part->src->size);
    it->why = bad ? keep(f, &e) : NULL;
}

/* Set bits before the part's first frame: its descriptors are counted from there. */
static int part_base(struct fetch *f, struct dio_kdump_part *part, uint64_t *base)
{
    uint64_t known = atomic_load_explicit(&part->base, memory_order_relaxed);
    if (!known) {
        int rc = dio_rank_of(&f->d->rank, part->start, base, f->err);
        if (rc)
            return rc;
        known = *base + 1;
        atomic_store_explicit(&part->base, known, memory_order_relaxed);
    }
    *base = known - 1;
    return 0;
}

/* The f->n descriptors from number `index` on; one by one where they cannot be read together. */
static int read_items(struct fetch *f, const struct dio_kdump_part *part, uint64_t index)
{
    size_t len = f->n * DIO_KDUMP_DESC, got = 0;
    uint64_t at = f->d->desc_at + index * DIO_KDUMP_DESC;
    uint8_t *raw = dio_batch_alloc(f->batch, len);
    struct dumpio_error e = {0};
    if (!raw)
        return dio_nomem(f->err, "a batch");
    int rc = dio_read_some(part->src, at, raw, len, &got, &e);
    if (is_fatal(rc))
        return fatal(f, &e);
    for (size_t i = 0; i < f->n; i++, at += DIO_KDUMP_DESC) {
        struct item *it = &f->items[i];
        uint8_t *desc = raw + i * DIO_KDUMP_DESC;
        bool have = !rc && got >= (i + 1) * DIO_KDUMP_DESC;
        if (!have)
            have = !dio_read_exact(part->src, at, desc, DIO_KDUMP_DESC, "page descriptor", &e);
        if (have)
            decode_item(f, part, it, desc, index + i, at);
        else if (is_fatal(e.status))
            return fatal(f, &e);
        else
            it->why = keep(f, &e);
    }
    return 0;
}

/* ---- payloads -------------------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
    return x->off < y->off ? -1 : x->off > y->off;
}

static int read_one(struct fetch *f, const struct dio_kdump_part *part, struct item *it)
{
    struct dumpio_error e = {0};
    uint8_t *buf = dio_batch_alloc(f->batch, it->size);
    if (!buf)
        return dio_nomem(f->err, "a batch");
    int rc = dio_read_exact(part->src, it->off, buf, it->size, "page data", &e);
    if (is_fatal(rc))
        return fatal(f, &e);
    it->data = buf;
    it->why = rc ? keep(f, &e) : NULL;
    return 0;
}

/* n items whose payloads lie close together in [lo, hi). */
static int read_group(struct fetch *f, const struct dio_kdump_part *part, struct item **list,
                      size_t n, uint64_t lo, uint64_t hi)
{
    struct dumpio_error e = {0};
    size_t got = 0;
    uint8_t *buf = dio_batch_alloc(f->batch, (size_t)(hi - lo));
    if (!buf)
        return dio_nomem(f->err, "a batch");
    int rc = dio_read_some(part->src, lo, buf, (size_t)(hi - lo), &got, &e);
    if (is_fatal(rc))
        return fatal(f, &e);
    for (size_t i = 0; i < n; i++) {
        struct item *it = list[i];
        it->data = buf + (it->off - lo);
        if (rc || it->off + it->size - lo > got) {
            int one = read_one(f, part, it);
            if (one)
                return one;
        }
    }
    return 0;
}

/* Pages may share data and lie in any order: sorted, they are read in as few pieces as sensible. */
static int read_payloads(struct fetch *f, const struct dio_kdump_part *part)
{
    struct item **list = dio_batch_alloc(f->batch, f->n * sizeof *list);
    size_t n = 0;
    bool sorted = true;
    uint64_t gap = part->src->forward ? 0 : GAP_MAX; /* what no page needs may have gone by */
    if (!list)
        return dio_nomem(f->err, "a batch");
    for (size_t i = 0; i < f->n; i++) {
        if (f->items[i].why)
            continue;
        sorted &= !n || list[n - 1]->off <= f->items[i].off;
        list[n++] = &f->items[i];
    }
    if (!sorted)
        qsort(list, n, sizeof *list, by_offset);
    for (size_t i = 0, k; i < n; i = k) {
        uint64_t lo = list[i]->off, hi = lo + list[i]->size;
        for (k = i + 1; k < n && list[k]->off <= hi + gap; k++)
            if (list[k]->off + list[k]->size > hi)
                hi = list[k]->off + list[k]->size;
        int rc = read_group(f, part, list + i, k - i, lo, hi);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Descriptors and payloads of the stored frames of [start, end), which `part` has. */
static int load_items(struct fetch *f, struct dio_kdump_part *part, uint64_t start, uint64_t end)
{
    uint64_t base, index;
    f->n = 0;
    for (uint64_t pfn = start; pfn < end; pfn++)
        f->n += is_stored(f, pfn);
    if (!f->n)
        return 0;
    f->items = dio_batch_alloc(f->batch, f->n * sizeof *f->items);
    if (!f->items)
        return dio_nomem(f->err, "a batch");
    int rc = part_base(f, part, &base);
    if (!rc)
        rc = dio_rank_of(&f->d->rank, start, &index, f->err);
    if (!rc)
        rc = read_items(f, part, index - base +
                                     (start < f->d->lost_end ? 0 : (uint64_t)f->d->shift_behind));
    return rc ? rc : read_payloads(f, part);
}

static int add_item(struct fetch *f, uint64_t addr, const struct item *it)
{
    if (it->why)
        return dio_batch_add_lost(f->batch, addr, "%s", it->why);
    if (f->d->zero_at && it->off == f->d->zero_at && !it->codec && !dio_is_zero(it->data, it->size))
        return dio_batch_add_lost(f->batch, addr, "the page of zeros that pages share, at "
                                  "0x%" PRIx64 ", is damaged", it->off);
    struct dio_page *p = dio_batch_add(f->batch, addr);
    if (!p)
        return DUMPIO_E_NOMEM;
    p->kind = DIO_DATA;
    p->data = it->data;
    p->len = it->size;
    p->codec = it->codec;
    return 0;
}

/* The frames of [start, end), which all are in `part`, or in no part at hand (NULL). */
static int fetch_slice(struct fetch *f, struct dio_kdump_part *part, uint64_t start, uint64_t end)
{
    struct dio_kdump *d = f->d;
    uint64_t have = d->stored.have < end ? d->stored.have : end;
    int rc = part && start < have ? load_items(f, part, start, have) : 0;
    size_t k = 0;
    if (rc)
        return rc;
    for (uint64_t pfn = start; pfn < end && !rc; pfn++) {
        uint64_t addr = d->base + (pfn << d->shift);
        if (!is_stored(f, pfn))
            rc = dio_batch_add(f->batch, addr) ? 0 : DUMPIO_E_NOMEM;
        else if (pfn >= have)
            rc = dio_batch_add_lost(f->batch, addr, "the file ends inside its page bitmaps");
        else if (!part && pfn >= d->lost_start && pfn < d->lost_end)
            rc = dio_batch_add_lost(f->batch, addr, "damaged bitmaps: whether it is stored, and "
                                    "where, is not known");
        else if (!part)
            rc = dio_batch_add_lost(f->batch, addr, "in a part of the split set that is missing");
        else
            rc = add_item(f, addr, &f->items[k++]);
    }
    return rc ? dio_nomem(f->err, "a batch") : 0;
}

/* Memory without page frames: below frame 0, behind the last one. */
static int add_absent(struct fetch *f, uint64_t start, uint64_t end)
{
    for (uint64_t addr = start; addr < end; addr += f->d->head.block_size)
        if (!dio_batch_add(f->batch, addr))
            return dio_nomem(f->err, "a batch");
    return 0;
}

int dio_kdump_fetch(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                    struct dumpio_error *err)
{
    struct dio_kdump *d = self;
    struct fetch f = {.d = d, .batch = batch, .err = err};
    uint64_t ram[FETCH_WORDS], mem_end = d->base + (d->max_pfn << d->shift), edge;
    uint64_t a = start > d->base ? start : d->base < end ? d->base : end;
    uint64_t b = end < mem_end ? end : mem_end > a ? mem_end : a;
    int rc = add_absent(&f, start, a);
    if (!rc && a < b) {
        uint64_t pfn = (a - d->base) >> d->shift, stop = (b - d->base) >> d->shift;
        f.first = pfn / 64;
        rc = dio_kdump_words(d, f.first, ram, f.stored, (size_t)((stop - 1) / 64 - f.first + 1),
                             err);
        for (; !rc && pfn < stop; pfn = edge) {
            struct dio_kdump_part *part = dio_kdump_part_of(d, pfn, &edge);
            edge = edge < stop ? edge : stop;
            if (pfn < d->lost_end) {
                bool lost = pfn >= d->lost_start;
                uint64_t border = lost ? d->lost_end : d->lost_start;
                part = lost ? NULL : part;
                edge = edge < border ? edge : border;
            }
            rc = fetch_slice(&f, part, pfn, edge);
        }
    }
    return rc ? rc : add_absent(&f, b, end);
}
