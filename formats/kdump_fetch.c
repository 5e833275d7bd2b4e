/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs and pages of KDUMP and DISKDUMP: bitmaps, page descriptors, payloads.
 * Reference: makedumpfile's IMPLEMENTATION (page_desc), crash's diskdump.c.
 * Not handled: zero-filling of excluded pages, as crash does it for diskdump: they are excluded.
 */
#include "kdump.h"

#include <inttypes.h>
#include <stdlib.h>

#define SCAN_FIRST 64u   /* words of each bitmap in the first piece that next_run looks at */
#define SCAN_MAX 4096u
#define FETCH_WORDS (DIO_SPAN_MAX / DIO_KDUMP_BLOCK_MIN / 64 + 1)
#define GAP_MAX 4096u    /* payloads not further apart are read at once, bytes */

int dio_kdump_words(const struct dio_kdump *d, uint64_t first, uint64_t *ram, uint64_t *stored,
                    size_t n, struct dumpio_error *err)
{
    int rc = dio_bitmap_read(&d->ram, first, ram, n, err);
    if (!rc)
        rc = dio_bitmap_read(&d->stored, first, stored, n, err);
    if (rc)
        return rc;
    if (d->ram.have < d->max_pfn)
        dio_words_fill(ram, n, first, d->ram.have);
    if (d->stored.have < d->max_pfn) {
        uint64_t keep = d->stored.have / 64;
        for (size_t i = 0; i < n; i++) {
            if (first + i > keep)
                stored[i] = ram[i];
            else if (first + i == keep)
                stored[i] |= ram[i] & ~(((uint64_t)1 << d->stored.have % 64) - 1);
        }
    }
    for (size_t i = 0; i < n; i++)
        ram[i] |= stored[i];
    dio_words_clear(ram, n, first, d->max_pfn);
    dio_words_clear(stored, n, first, d->max_pfn);
    return 0;
}

/* ---- runs ------------------------------------------------------------------------------------ */

struct scan {
    const struct dio_kdump *d;
    uint64_t first;             /* number of ram[0] */
    size_t n, next;             /* words held; words to hold next */
    uint64_t ram[SCAN_MAX], stored[SCAN_MAX];
};

enum look { FOR_MEMORY, FOR_NOT_STORED, FOR_NOT_EXCLUDED };

static uint64_t look_at(const struct scan *s, size_t i, enum look what)
{
    switch (what) {
    case FOR_MEMORY:
        return s->ram[i];
    case FOR_NOT_STORED:
        return ~s->stored[i];
    default:
        return ~(s->ram[i] & ~s->stored[i]);
    }
}

static int scan_load(struct scan *s, uint64_t word, struct dumpio_error *err)
{
    if (s->n && word >= s->first && word - s->first < s->n)
        return 0;
    s->n = s->next;
    s->first = word;
    if (s->next < SCAN_MAX)
        s->next *= 4;
    return dio_kdump_words(s->d, word, s->ram, s->stored, s->n, err);
}

/* The first frame in [pfn, limit) that is what is looked for; limit when there is none. */
static int scan_for(struct scan *s, uint64_t pfn, uint64_t limit, enum look what, uint64_t *found,
                    struct dumpio_error *err)
{
    uint64_t mask = ~(uint64_t)0 << pfn % 64;
    for (uint64_t word = pfn / 64; word * 64 < limit; word++, mask = ~(uint64_t)0) {
        int rc = scan_load(s, word, err);
        if (rc)
            return rc;
        uint64_t bits = look_at(s, (size_t)(word - s->first), what) & mask;
        if (bits) {
            *found = word * 64 + (unsigned)__builtin_ctzll(bits);
            if (*found > limit)
                *found = limit;
            return 0;
        }
    }
    *found = limit;
    return 0;
}

/* Kind of the frame pfn, which is memory; *edge = where it may change whatever the bitmaps say. */
static enum dumpio_kind kind_of(struct scan *s, uint64_t pfn, uint64_t *edge)
{
    struct dio_kdump *d = (struct dio_kdump *)(uintptr_t)s->d;
    *edge = d->max_pfn;
    if (!(s->stored[pfn / 64 - s->first] >> pfn % 64 & 1))
        return DUMPIO_EXCLUDED;
    if (pfn >= d->stored.have)
        return DUMPIO_LOST;
    enum dumpio_kind kind = dio_kdump_part_of(d, pfn, edge) ? DUMPIO_PRESENT : DUMPIO_LOST;
    if (*edge > d->stored.have)
        *edge = d->stored.have;
    return kind;
}

int dio_kdump_next_run(void *self, uint64_t addr, struct dumpio_run *run,
                       struct dumpio_error *err)
{
    struct dio_kdump *d = self;
    struct scan s = {.d = d, .next = SCAN_FIRST};
    uint64_t pfn = addr > d->base ? (addr - d->base) >> d->shift : 0, start, edge, end;
    int rc = scan_for(&s, pfn, d->max_pfn, FOR_MEMORY, &start, err);
    if (rc)
        return rc;
    if (start >= d->max_pfn)
        return DUMPIO_END;
    run->kind = kind_of(&s, start, &edge);
    rc = scan_for(&s, start, edge, run->kind == DUMPIO_EXCLUDED ? FOR_NOT_EXCLUDED : FOR_NOT_STORED,
                  &end, err);
    run->start = d->base + (start << d->shift);
    run->end = d->base + (end << d->shift);
    if (run->start < addr)
        run->start = addr;
    return rc;
}

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

/* ---- payloads ---------------------------------------------------------------------------------- */

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
        for (k = i + 1; k < n && list[k]->off <= hi + GAP_MAX; k++)
            if (list[k]->off + list[k]->size > hi)
                hi = list[k]->off + list[k]->size;
        int rc = read_group(f, part, list + i, k - i, lo, hi);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- pages ------------------------------------------------------------------------------------- */

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
        rc = read_items(f, part, index - base);
    return rc ? rc : read_payloads(f, part);
}

static int add_item(struct fetch *f, uint64_t addr, const struct item *it)
{
    if (it->why)
        return dio_batch_add_lost(f->batch, addr, "%s", it->why);
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
            rc = fetch_slice(&f, part, pfn, edge);
        }
    }
    return rc ? rc : add_absent(&f, b, end);
}
