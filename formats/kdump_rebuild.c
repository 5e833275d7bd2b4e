/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The geometry of a KDUMP or DISKDUMP without its main header. Descriptors are recognised by
 * their form; where the first payload begins, they end, so that their number is known; and
 * the second bitmap, which stands right before them, has as many bits and lies within the first.
 * Reference: makedumpfile's IMPLEMENTATION. Not handled: files of fewer than FIRST pages, and
 * headers and bitmaps of more than SEARCH_MAX bytes.
 */
#include "kdump_salvage.h"

#include <stdlib.h>

#define STEP DIO_KDUMP_BLOCK_MIN
#define SEARCH_MAX (512u << 20)
#define WINDOW (1u << 20)
#define FIRST 4u              /* descriptors that have to be right for more to be read */
#define DESCS_MAX (1u << 16)  /* descriptors read to find the first payload */
#define BAD_SHARE 4u          /* at most one of so many may be damaged */

/* ---- descriptors ----------------------------------------------------------------------------- */

static bool desc_right(const uint8_t *p, enum dumpio_order order, uint64_t table, uint64_t size)
{
    uint64_t off = dio_get64(p, order);
    uint32_t len = dio_get32(p + 8, order), flags = dio_get32(p + 12, order);
    bool codec = flags == DIO_KDUMP_ZLIB || flags == DIO_KDUMP_LZO || flags == DIO_KDUMP_SNAPPY ||
                 flags == DIO_KDUMP_ZSTD;
    return off > table && off < size && len && len <= DIO_KDUMP_BLOCK_MAX &&
           (flags ? codec : dio_is_pow2(len) && len >= DIO_KDUMP_BLOCK_MIN) &&
           !dio_get64(p + 16, order);
}

/* A writer may have put a zero page in front that no descriptor points to. */
static void count(struct dio_kdump_table *t, uint64_t data)
{
    t->n = 0;
    for (uint64_t page = 0; page <= DIO_KDUMP_BLOCK_MAX; page = page ? page * 2 : STEP)
        if (data - t->at >= page && !((data - t->at - page) % DIO_KDUMP_DESC))
            t->counts[t->n++] = (data - t->at - page) / DIO_KDUMP_DESC;
}

int dio_kdump_read_table(struct dio_bytes *src, enum dumpio_order order, unsigned first,
                         struct dio_kdump_table *t, struct dumpio_error *err)
{
    enum { PIECE = 1024 };
    uint8_t raw[PIECE * DIO_KDUMP_DESC];
    uint64_t data = UINT64_MAX, n = 0, bad = 0, sharers = 0;
    t->size_max = t->plain = 0;
    t->zero_at = 0;
    while (n < DESCS_MAX && t->at + n * DIO_KDUMP_DESC < data) {
        size_t got;
        int rc = dio_read_around(src, t->at + n * DIO_KDUMP_DESC, raw, sizeof raw, &got, 0, NULL,
                                 err);
        if (rc)
            return rc;
        if (got < DIO_KDUMP_DESC)
            break;
        const uint8_t *end = raw + got - got % DIO_KDUMP_DESC;
        for (const uint8_t *p = raw; p < end; p += DIO_KDUMP_DESC) {
            if (t->at + n * DIO_KDUMP_DESC >= data)
                break;
            n++;
            if (desc_right(p, order, t->at, src->size)) {
                uint64_t off = dio_get64(p, order);
                uint32_t len = dio_get32(p + 8, order);
                sharers = off < data ? 0 : sharers;
                data = off < data ? off : data;
                sharers += off == data;
                t->size_max = len > t->size_max ? len : t->size_max;
                t->plain = dio_get32(p + 12, order) ? t->plain : len;
            } else if (bad++, n <= first) {
                return DUMPIO_END;
            }
        }
    }
    if (data == UINT64_MAX || bad > n / BAD_SHARE)
        return DUMPIO_END;
    if (sharers > 1)
        t->zero_at = data;
    count(t, data);
    return t->n ? 0 : DUMPIO_END;
}

/* ---- bitmaps --------------------------------------------------------------------------------- */

struct search {
    struct dio_bytes *src;
    enum dumpio_order order;
    uint8_t *buf;       /* two windows */
    uint32_t *set;      /* bits set in each STEP of the file, up to the table */
    size_t n;           /* of them counted */
    uint64_t end;       /* of the search */
};

static int count_up_to(struct search *s, uint64_t end, struct dumpio_error *err)
{
    while (s->n * STEP < end) {
        size_t got;
        int rc = dio_read_around(s->src, s->n * STEP, s->buf, WINDOW, &got, 0, NULL, err);
        if (rc)
            return rc;
        memset(s->buf + got, 0, WINDOW - got);
        for (size_t at = 0; at < WINDOW && s->n * STEP < s->end; at += STEP) {
            uint32_t bits = 0;
            for (size_t i = 0; i < STEP; i += 8)
                bits += (uint32_t)__builtin_popcountll(dio_get64(s->buf + at + i, DUMPIO_LITTLE));
            s->set[s->n++] = bits;
        }
    }
    return 0;
}

/*
 * Has the bitmap at `second` no bit that the one at `first` lacks? A piece of either that cannot be
 * read, or is noise, says nothing; a single bit elsewhere says no: bitmaps moved by a block are
 * nearly alike.
 */
static int lies_within(struct search *s, uint64_t first, uint64_t second, uint64_t len, bool *yes,
                       struct dumpio_error *err)
{
    *yes = true;
    for (uint64_t at = 0; at < len && *yes; at += STEP) {
        uint8_t *a = s->buf, *b = s->buf + WINDOW;
        size_t got;
        int rc = dio_read_around(s->src, first + at, a, STEP, &got, 0xff, NULL, err);
        if (!rc)
            rc = dio_read_around(s->src, second + at, b, STEP, &got, 0, NULL, err);
        if (rc)
            return rc;
        for (size_t i = 0; i < STEP && *yes; i++)
            *yes = !(b[i] & ~a[i]);
        *yes |= dio_is_noise(a, STEP) || dio_is_noise(b, STEP);
    }
    return 0;
}

static bool has_count(const struct dio_kdump_table *t, uint64_t n)
{
    for (unsigned i = 0; i < t->n; i++)
        if (t->counts[i] == n)
            return true;
    return false;
}

/* Where the bitmaps begin that end at the table: the one place. 0, DUMPIO_END, or an error. */
static int find_bitmaps(struct search *s, const struct dio_kdump_table *t, uint32_t block,
                        uint64_t *begin, struct dumpio_error *err)
{
    uint64_t set = 0, fits = 0;
    int rc = count_up_to(s, t->at, err);
    for (uint64_t len = block; !rc && 2 * len + 2 * block <= t->at; len += block) {
        bool yes;
        for (uint64_t i = 0; i < block / STEP; i++)
            set += s->set[(t->at - len) / STEP + i];
        if (!has_count(t, set))
            continue;
        rc = lies_within(s, t->at - 2 * len, t->at - len, len, &yes, err);
        if (!rc && yes && !fits++)
            *begin = t->at - 2 * len;
    }
    return rc ? rc : fits == 1 ? 0 : DUMPIO_END;
}

/* ---- the search ------------------------------------------------------------------------------ */

static void fill_head(struct dio_kdump_head *h, enum dumpio_order order, uint32_t block,
                      uint64_t begin, uint64_t table)
{
    uint64_t frames = (table - begin) / 2 * 8;
    *h = (struct dio_kdump_head){
        .order = order,
        .word = 8,
        .version = DIO_KDUMP_VERSION,
        .block_size = block,
        .sub_blocks = (uint32_t)(begin / block - 1),
        .bitmap_blocks = (uint32_t)((table - begin) / block),
        .max_mapnr = frames > UINT32_MAX ? UINT32_MAX : (uint32_t)frames,
    };
}

/* May the table stand at `at`? `p` has FIRST descriptors. */
static int try_at(struct search *s, uint64_t at, const uint8_t *p, enum dumpio_order order,
                  struct dio_kdump_head *h, struct dumpio_error *err)
{
    struct dio_kdump_table t = {.at = at};
    uint64_t begin = 0;
    for (unsigned i = 0; i < FIRST; i++)
        if (!desc_right(p + i * DIO_KDUMP_DESC, order, at, s->src->size))
            return DUMPIO_END;
    int rc = dio_kdump_read_table(s->src, order, FIRST, &t, err);
    if (rc)
        return rc;
    uint32_t block = t.plain ? t.plain : STEP;
    while (block < t.size_max)
        block *= 2;
    if (at % block)
        return DUMPIO_END;
    rc = find_bitmaps(s, &t, block, &begin, err);
    if (!rc)
        fill_head(h, order, block, begin, at);
    return rc;
}

static int search(struct search *s, struct dio_kdump_head *h, struct dumpio_error *err)
{
    uint8_t *window = s->buf + 2 * (size_t)WINDOW;
    for (uint64_t at = 0; at < s->end; at += WINDOW) {
        size_t got;
        int rc = dio_read_around(s->src, at, window, WINDOW, &got, 0, NULL, err);
        if (rc)
            return rc;
        for (size_t i = 0; i + FIRST * DIO_KDUMP_DESC <= got; i += STEP)
            for (int order = DUMPIO_LITTLE; order <= DUMPIO_BIG; order++) {
                rc = try_at(s, at + i, window + i, (enum dumpio_order)order, h, err);
                if (rc != DUMPIO_END)
                    return rc;
            }
    }
    return DUMPIO_END;
}

int dio_kdump_rebuild_head(struct dio_bytes *src, struct dio_kdump_head *h,
                           struct dumpio_error *err)
{
    struct search s = {.src = src, .end = src->size < SEARCH_MAX ? src->size : SEARCH_MAX};
    s.buf = malloc(3 * (size_t)WINDOW);
    s.set = malloc((size_t)(s.end / STEP + 1) * sizeof *s.set);
    int rc = s.buf && s.set ? search(&s, h, err) : dio_nomem(err, "the search for headers");
    free(s.buf);
    free(s.set);
    return rc;
}
