/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an open KDUMP or DISKDUMP, split sets, and the page map that their bitmaps make.
 * Reference: makedumpfile's IMPLEMENTATION and its --reassemble, crash's diskdump.c.
 * Not handled: sets in which an incomplete part has a main header of its own; zero-filling of
 * excluded pages, as crash does it for diskdump: they are excluded.
 */
#include "kdump.h"
#include "kdump_salvage.h"

#include <inttypes.h>
#include <stdlib.h>

/* Bitmaps beyond this are not counted at open to find out whether the last page is there. */
#define SCAN_FIRST 64u /* words of each bitmap in the first piece that next_run looks at */
#define SCAN_MAX 4096u

/* ---- parts ----------------------------------------------------------------------------------- */

static int same_head(const struct dio_input *in, size_t i, size_t size, struct dumpio_error *err)
{
    uint8_t first[464], other[464];
    int rc = dio_read_exact(in->parts[0], 0, first, size, "main header", err);
    if (!rc)
        rc = dio_read_exact(in->parts[i], 0, other, size, "main header", err);
    if (rc || !memcmp(first, other, size))
        return rc;
    size_t at = 0;
    while (first[at] == other[at])
        at++;
    return dio_fail(err, DUMPIO_E_ARG, at,
                    "%s is not of the same dump as %s: the main headers differ at 0x%zx",
                    in->parts[i]->name, in->parts[0]->name, at);
}

/* The sub header of part p; for salvage, as far as the main header goes where it is damaged. */
static int read_sub(struct dio_kdump *d, struct dio_kdump_part *p, struct dumpio_error *err)
{
    struct dumpio_error e = {0};
    int rc = dio_kdump_read_sub(p->src, &d->head, &p->sub, &e);
    if (rc && (!d->salvage || rc == DUMPIO_E_NOMEM || rc == DUMPIO_E_CANCELLED)) {
        if (err)
            *err = e;
        return rc;
    }
    if (!d->salvage || (!rc && dio_kdump_sub_fits(&d->head, &p->sub) &&
                        (d->rebuilt || (uint32_t)p->sub.max_mapnr == d->head.max_mapnr)))
        return 0;
    dio_kdump_rebuild_sub(&d->head, &p->sub);
    uint64_t block = d->head.block_size;
    dio_salvage_found(d->salvage, DUMPIO_FOUND_DAMAGE, p->src, "kdump", block, 2 * block,
                      "the sub header is lost, and with it what it tells of notes, level and "
                      "address offset");
    return 0;
}

/* The main header; for salvage, what bitmaps and descriptors tell where it is damaged. */
static int read_head(struct dio_kdump *d, struct dio_bytes *src, struct dumpio_error *err)
{
    int rc = dio_kdump_read_head(src, &d->head, err);
    if (!rc || !d->salvage || rc == DUMPIO_E_NOMEM || rc == DUMPIO_E_CANCELLED)
        return rc;
    int found = dio_kdump_rebuild_head(src, &d->head, err);
    if (found)
        return found == DUMPIO_END ? rc : found;
    d->rebuilt = true;
    dio_salvage_found(d->salvage, DUMPIO_FOUND_DAMAGE, src, "kdump", 0, d->head.block_size,
                      "the main header is lost: bitmaps at 0x%" PRIx64 " and descriptors behind "
                      "them prove each other",
                      (1 + (uint64_t)d->head.sub_blocks) * d->head.block_size);
    return 0;
}

static int read_parts(struct dio_kdump *d, const struct dio_input *in, struct dumpio_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < in->n && !rc; i++) {
        struct dio_kdump_part *p = &d->parts[i];
        p->src = in->parts[i];
        atomic_init(&p->base, 0);
        if (i)
            rc = same_head(in, i, dio_kdump_head_size(d->head.word), err);
        if (!rc && !d->head.diskdump)
            rc = read_sub(d, p, err);
        else
            p->sub.max_mapnr = d->head.max_mapnr;
        d->n_parts++;
    }
    return rc;
}

static void find_codecs(struct dio_kdump *d)
{
    static const char *const names[6] = {"zlib", "lzo", "snappy", NULL, NULL, "zstd"};
    for (unsigned i = 0; i < 6; i++)
        d->codecs[i] = names[i] ? dio_codec_by_name(names[i]) : NULL;
}

int dio_kdump_new(struct dio_kdump **out, const struct dio_input *in,
                  const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_kdump *d = calloc(1, sizeof *d);
    int rc = d && in->n ? 0 : dio_nomem(err, "an open dump");
    if (!rc) {
        d->salvage = in->salvage;
        d->parts = calloc(in->n, sizeof *d->parts);
        rc = d->parts ? read_head(d, in->parts[0], err)
                      : dio_nomem(err, "the parts");
    }
    if (!rc && d->head.version > DIO_KDUMP_VERSION)
        dio_note(env, DUMPIO_WARNING, "header version %d is not known, read as version %d",
                 d->head.version, DIO_KDUMP_VERSION);
    if (!rc)
        rc = read_parts(d, in, err);
    if (!rc) {
        d->shift = dio_log2(d->head.block_size);
        d->max_pfn = d->parts[0].sub.max_mapnr;
        find_codecs(d);
        rc = dio_kdump_check_set(d, env, err);
    }
    if (rc) {
        dio_kdump_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

void dio_kdump_close(void *self)
{
    struct dio_kdump *d = self;
    if (!d)
        return;
    dio_rank_free(&d->rank);
    dio_bytes_close(d->patched);
    free(d->parts);
    free(d);
}

/* ---- split sets ------------------------------------------------------------------------------ */

/* By start; empty parts before others. Insertion sort: atomics are not for qsort to move. */
static void sort_parts(struct dio_kdump *d)
{
    for (size_t i = 1; i < d->n_parts; i++)
        for (size_t k = i; k > 0; k--) {
            struct dio_kdump_part *a = &d->parts[k - 1], *b = &d->parts[k];
            if (a->start < b->start || (a->start == b->start && a->end <= b->end))
                break;
            struct dio_kdump_part was = {.src = a->src, .sub = a->sub, .start = a->start,
                                         .end = a->end};
            a->src = b->src;
            a->sub = b->sub;
            a->start = b->start;
            a->end = b->end;
            b->src = was.src;
            b->sub = was.sub;
            b->start = was.start;
            b->end = was.end;
        }
}

static int set_ranges(struct dio_kdump *d, struct dumpio_error *err)
{
    for (size_t i = 0; i < d->n_parts; i++) {
        struct dio_kdump_part *p = &d->parts[i];
        if (!p->sub.split && d->n_parts > 1)
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                            "%s is a whole dump and no part of a split set", p->src->name);
        if (p->sub.max_mapnr != d->max_pfn)
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                            "%s is not of the same dump as %s: %" PRIu64 " page frames, not %"
                            PRIu64, p->src->name, d->parts[0].src->name, p->sub.max_mapnr,
                            d->max_pfn);
        p->start = p->sub.split ? p->sub.start_pfn : 0;
        p->end = p->sub.split ? p->sub.end_pfn : d->max_pfn;
        if (p->start > p->end || p->end > d->max_pfn)
            return dio_fail(err, DUMPIO_E_CORRUPT, d->head.block_size,
                            "%s: sub header: page frames 0x%" PRIx64 " to 0x%" PRIx64 " of 0x%"
                            PRIx64 " make no range", p->src->name, p->start, p->end, d->max_pfn);
    }
    return 0;
}

static void tell_gap(const struct dio_kdump *d, uint64_t start, uint64_t end,
                     const struct dumpio_env *env)
{
    if (start < end)
        dio_note(env, DUMPIO_WARNING, "page frames 0x%" PRIx64 " to 0x%" PRIx64 " are in none of "
                 "the %zu files given: another part of the set is missing, their pages are lost",
                 start, end, d->n_parts);
}

int dio_kdump_check_set(struct dio_kdump *d, const struct dumpio_env *env,
                        struct dumpio_error *err)
{
    int rc = set_ranges(d, err);
    if (rc)
        return rc;
    sort_parts(d);
    uint64_t at = 0;
    for (size_t i = 0; i < d->n_parts; i++) {
        const struct dio_kdump_part *p = &d->parts[i];
        if (p->start == p->end)
            continue;
        if (p->start < at)
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                            "%s holds page frames from 0x%" PRIx64 " on, which another part of the "
                            "set holds up to 0x%" PRIx64, p->src->name, p->start, at);
        tell_gap(d, at, p->start, env);
        at = p->end;
    }
    tell_gap(d, at, d->max_pfn, env);
    return 0;
}

struct dio_kdump_part *dio_kdump_part_of(struct dio_kdump *d, uint64_t pfn, uint64_t *edge)
{
    size_t lo = 0, hi = d->n_parts; /* parts below lo end at or before pfn, from hi on behind it */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (d->parts[mid].end <= pfn)
            lo = mid + 1;
        else
            hi = mid;
    }
    struct dio_kdump_part *p = lo < d->n_parts ? &d->parts[lo] : NULL;
    if (p && p->start <= pfn) {
        *edge = p->end;
        return p;
    }
    *edge = p ? p->start : d->max_pfn;
    return NULL;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* Every part has both bitmaps: take those of the file that has most of them. */
static struct dio_bytes *longest(const struct dio_kdump *d)
{
    struct dio_bytes *best = d->parts[0].src;
    for (size_t i = 1; i < d->n_parts && best->size < d->desc_at; i++)
        if (d->parts[i].src->size > best->size)
            best = d->parts[i].src;
    return best;
}

static int place_bitmaps(struct dio_kdump *d, struct dumpio_error *err)
{
    uint64_t block = d->head.block_size, at = block * (1 + (uint64_t)d->head.sub_blocks);
    uint64_t blocks = dio_div_up(dio_div_up(d->max_pfn, 8), block), second = at;
    if (blocks > d->head.bitmap_blocks)
        return dio_fail(err, DUMPIO_E_CORRUPT, 0,
                        "%" PRIu64 " page frames need bitmaps of %" PRIu64 " blocks, there are %u",
                        d->max_pfn, blocks, d->head.bitmap_blocks);
    if (d->head.bitmap_blocks >= 2 * blocks)
        second += d->head.bitmap_blocks / 2 * block;
    d->desc_at = at + d->head.bitmap_blocks * block;
    struct dio_bytes *src = longest(d);
    dio_bitmap_init(&d->ram, src, at, d->max_pfn);
    dio_bitmap_init(&d->stored, src, second, d->max_pfn);
    return 0;
}

int dio_kdump_tables(struct dio_kdump *d, struct dumpio_info *info, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    int rc = place_bitmaps(d, err);
    if (rc)
        return rc;
    if (d->max_pfn > (UINT64_MAX - d->base) >> d->shift)
        return dio_fail(err, DUMPIO_E_CORRUPT, 0,
                        "%" PRIu64 " page frames of %u bytes are more than 64 bits can address",
                        d->max_pfn, d->head.block_size);
    info->end_addr = d->base + (d->max_pfn << d->shift);
    if (d->salvage && d->n_parts == 1 && !d->parts[0].sub.split)
        rc = dio_kdump_mend(d, err);
    if (rc)
        return rc;
    rc = dio_rank_init(&d->rank, &d->stored, err);
    return rc ? rc : dio_kdump_check_tables(d, info, env, err);
}

/* ---- the page map ---------------------------------------------------------------------------- */

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

/*
 * Have word *at, which first goes over holes of the file in which nothing is found: looking for
 * memory, what both bitmaps leave out (behind the second's end, the first alone tells); looking for
 * the end of what is left out behind the first bitmap's end, where all is memory, holes of the second.
 */
static int scan_load(struct scan *s, uint64_t *at, enum look what, struct dumpio_error *err)
{
    uint64_t word = *at, ram = word, stored = word;
    if (s->n && word >= s->first && word - s->first < s->n)
        return 0;
    const struct dio_bitmap *first = &s->d->ram, *second = &s->d->stored;
    int rc = what == FOR_MEMORY ? dio_bitmap_next(first, word, &ram, err) : 0;
    if (what == FOR_NOT_EXCLUDED && word * 64 >= first->have)
        ram = UINT64_MAX;
    if (!rc && ram > word && word > second->have / 64)
        stored = what == FOR_MEMORY ? ram : word;
    else if (!rc && ram > word)
        rc = dio_bitmap_next(second, word, &stored, err);
    if (rc)
        return rc;
    *at = word = ram < stored ? ram : stored;
    s->n = s->next;
    s->first = word;
    if (s->next < SCAN_MAX)
        s->next *= 4;
    return dio_kdump_words(s->d, word, s->ram, s->stored, s->n, err);
}

/*
 * The first frame in [pfn, limit) that is what is looked for; limit when there is none. Behind both
 * bitmaps' ends everything counts as stored, however much the header says there is.
 */
static int scan_for(struct scan *s, uint64_t pfn, uint64_t limit, enum look what, uint64_t *found,
                    struct dumpio_error *err)
{
    const struct dio_kdump *d = s->d;
    uint64_t mask = ~(uint64_t)0 << pfn % 64, stop = limit;
    if (what == FOR_NOT_STORED && d->ram.have < limit && d->stored.have < limit)
        stop = d->ram.have > d->stored.have ? d->ram.have : d->stored.have;
    for (uint64_t word = pfn / 64; word * 64 < stop; word++) {
        int rc = scan_load(s, &word, what, err);
        if (rc)
            return rc;
        if (word > pfn / 64)
            mask = ~(uint64_t)0;
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
    bool lost = pfn >= d->lost_start && pfn < d->lost_end;
    enum dumpio_kind kind = dio_kdump_part_of(d, pfn, edge) && !lost ? DUMPIO_PRESENT : DUMPIO_LOST;
    if (pfn < d->lost_end && *edge > (lost ? d->lost_end : d->lost_start))
        *edge = lost ? d->lost_end : d->lost_start;
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
    if (rc)
        return rc;
    run->start = d->base + (start << d->shift);
    run->end = d->base + (end << d->shift);
    if (run->start < addr)
        run->start = addr;
    return 0;
}
