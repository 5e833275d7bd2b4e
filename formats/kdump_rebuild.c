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
#define TABLE_MAX (1u << 16)  /* descriptors read to find the first payload */
#define FIRST 4u              /* descriptors that have to be right for more to be read */
#define UNKNOWN_SHARE 4u      /* of a bitmap's pieces, at most one of so many may be damaged */

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

/* A STEP of a bitmap at `at` into p. false: it cannot be read, or is noise. */
static int read_step(struct search *s, uint64_t at, uint8_t *p, bool *known, struct dumpio_error *err)
{
    struct dio_gaps gaps = {NULL, 0, 0};
    size_t got;
    int rc = dio_read_around(s->src, at, p, STEP, &got, 0, &gaps, err);
    *known = !rc && !gaps.n && got == STEP && !dio_is_noise(p, STEP);
    dio_gaps_free(&gaps);
    return rc;
}

/*
 * Has the bitmap at `second` no bit that the one at `first` lacks? A piece of either that cannot be
 * read, or is noise, says nothing, and there may be few of them; a single bit elsewhere says no:
 * bitmaps moved by a block are nearly alike.
 */
static int lies_within(struct search *s, uint64_t first, uint64_t second, uint64_t len, bool *yes,
                       struct dumpio_error *err)
{
    uint64_t unknown = 0;
    *yes = true;
    for (uint64_t at = 0; at < len && *yes; at += STEP) {
        uint8_t *a = s->buf, *b = s->buf + WINDOW;
        bool known[2];
        int rc = read_step(s, first + at, a, &known[0], err);
        if (!rc)
            rc = read_step(s, second + at, b, &known[1], err);
        if (rc)
            return rc;
        if (known[0] && known[1])
            for (size_t i = 0; i < STEP && *yes; i++)
                *yes = !(b[i] & ~a[i]);
        else
            unknown++;
    }
    *yes = *yes && unknown <= len / STEP / UNKNOWN_SHARE;
    return 0;
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
        if (!dio_kdump_table_allows(t, set))
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

/* Does a descriptor stand right before `at`, or something that cannot be read? */
static int goes_before(struct search *s, uint64_t at, enum dumpio_order order, bool *yes,
                       struct dumpio_error *err)
{
    uint8_t p[DIO_KDUMP_DESC];
    struct dio_gaps gaps = {NULL, 0, 0};
    size_t got;
    int rc = dio_read_around(s->src, at - sizeof p, p, sizeof p, &got, 0, &gaps, err);
    *yes = gaps.n || dio_kdump_desc_right(p, order, at, s->src->size);
    dio_gaps_free(&gaps);
    return rc;
}

/* May the table stand at `at`, and not only its rest? `p` has FIRST descriptors. */
static int try_at(struct search *s, uint64_t at, const uint8_t *p, enum dumpio_order order,
                  struct dio_kdump_head *h, struct dumpio_error *err)
{
    struct dio_kdump_table t = {.at = at, .max = TABLE_MAX};
    uint64_t begin = 0;
    bool rest = true;
    for (unsigned i = 0; i < FIRST; i++)
        if (!dio_kdump_desc_right(p + i * DIO_KDUMP_DESC, order, at, s->src->size))
            return DUMPIO_END;
    int rc = at < DIO_KDUMP_DESC ? 0 : goes_before(s, at, order, &rest, err);
    if (!rc && !rest)
        rc = dio_kdump_read_table(s->src, order, FIRST, &t, err);
    if (rc || rest)
        return rc ? rc : DUMPIO_END;
    if (!t.sure)
        return DUMPIO_END;
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
