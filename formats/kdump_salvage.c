/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of KDUMP and DISKDUMP files whose sub header or bitmaps are damaged. A bit too many or
 * too few in the second bitmap gives all later pages another descriptor: what cannot be proved by
 * the number of descriptors is lost. Reference: makedumpfile's IMPLEMENTATION.
 * Not handled: bitmaps of split sets, whose parts have a copy each; damage of both bitmaps at once.
 */
#include "kdump_salvage.h"

#include <inttypes.h>
#include <stdlib.h>

#define PIECE 512u /* of a bitmap, bytes */
#define EDGE 4u    /* bytes of a piece looked at for what reaches into it */
#define RUN 4u     /* so many pieces of noise are no bitmap, whatever their number of bits */
#define TABLE_MAX (1u << 16) /* descriptors read to find the first payload */
#define BITS (PIECE * 8u)
#define PATCHES_MAX 65536u
#define FRAMES_MAX (UINT64_C(1) << 34) /* larger bitmaps are not looked through */
#define ONES UINT64_MAX
#define ZEROS (UINT64_MAX - 1)

/* ---- the sub header -------------------------------------------------------------------------- */

/* Frames that the bitmaps have room for. */
static uint64_t frames_of(const struct dio_kdump_head *h)
{
    return (uint64_t)h->bitmap_blocks / 2 * h->block_size * 8;
}

bool dio_kdump_sub_fits(const struct dio_kdump_head *h, const struct dio_kdump_sub *sub)
{
    uint64_t end = (1 + (uint64_t)h->sub_blocks) * h->block_size, stop;
    const struct dio_kdump_place *n = &sub->notes;
    bool notes = !n->size || (n->offset >= h->block_size && !dio_add(n->offset, n->size, &stop) &&
                              stop <= end);
    return notes && sub->max_mapnr && sub->max_mapnr <= 2 * frames_of(h) && sub->split <= 1 &&
           (!sub->split || (sub->start_pfn <= sub->end_pfn && sub->end_pfn <= sub->max_mapnr));
}

void dio_kdump_rebuild_sub(const struct dio_kdump_head *h, struct dio_kdump_sub *sub)
{
    uint64_t frames = frames_of(h), room = (uint64_t)h->block_size * 8;
    *sub = (struct dio_kdump_sub){.max_mapnr = h->max_mapnr};
    while (sub->max_mapnr + room < frames && frames > UINT32_MAX) /* the header has 32 bits of it */
        sub->max_mapnr += (uint64_t)1 << 32;
    if (sub->max_mapnr > frames)
        sub->max_mapnr = frames;
}

/* ---- a source with stretches of others in it ------------------------------------------------- */

struct patch {
    uint64_t start, end; /* of the source */
    uint64_t from;       /* of the source, too; or ONES, ZEROS */
};

struct dio_kdump_patched {
    struct dio_bytes b;
    struct dio_bytes *below; /* not its own */
    struct patch *v;         /* ascending, disjoint */
    size_t n, cap;
};

static int patched_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                           struct dumpio_error *err)
{
    struct dio_kdump_patched *p = (struct dio_kdump_patched *)b;
    int rc = dio_read_around(p->below, off, buf, len, got, 0, NULL, err);
    for (size_t i = 0; i < p->n && !rc; i++) {
        uint64_t a = p->v[i].start > off ? p->v[i].start : off;
        uint64_t z = p->v[i].end < off + *got ? p->v[i].end : off + *got;
        uint8_t *to = (uint8_t *)buf + (a - off);
        size_t n;
        if (a >= z)
            continue;
        if (p->v[i].from >= ZEROS)
            memset(to, p->v[i].from == ONES ? 0xff : 0, (size_t)(z - a));
        else
            rc = dio_read_around(p->below, p->v[i].from + (a - p->v[i].start), to, (size_t)(z - a),
                                 &n, 0, NULL, err);
    }
    return rc;
}

static void patched_close(struct dio_bytes *b)
{
    struct dio_kdump_patched *p = (struct dio_kdump_patched *)b;
    free(p->v);
    free(p);
}

static const struct dio_bytes_ops patched_ops = {patched_read_at, NULL, patched_close, NULL};

static int add_patch(struct dio_kdump_patched *p, uint64_t start, uint64_t end, uint64_t from,
                     struct dumpio_error *err)
{
    if (p->n == PATCHES_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, start, "more than %u damaged stretches of the bitmaps",
                        PATCHES_MAX);
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        struct patch *v = realloc(p->v, cap * sizeof *v);
        if (!v)
            return dio_nomem(err, "damaged bitmaps");
        p->v = v;
        p->cap = cap;
    }
    p->v[p->n++] = (struct patch){start, end, from};
    return 0;
}

/* ---- looking at the bitmaps ------------------------------------------------------------------ */

struct piece {
    uint64_t at;
    size_t len;
    bool noise, bad; /* bad: unreadable in part, or noise */
    uint64_t set;  /* bits */
    uint8_t data[PIECE];
};

/* Bytes next to noise that it does not reach into: in bitmaps, most are all bits or none. */
static bool is_calm(const uint8_t *p)
{
    bool calm = true;
    for (unsigned i = 0; i < EDGE; i++)
        calm &= !p[i] || p[i] == 0xff;
    return calm;
}

static int load(struct dio_bytes *src, uint64_t at, size_t len, struct piece *p,
                struct dumpio_error *err)
{
    struct dio_gaps gaps = {NULL, 0, 0};
    size_t got;
    memset(p->data, 0, PIECE);
    int rc = dio_read_around(src, at, p->data, len, &got, 0, &gaps, err);
    p->at = at;
    p->len = len;
    p->set = 0;
    for (size_t i = 0; i < PIECE; i += 8)
        p->set += (uint64_t)__builtin_popcountll(dio_get64(p->data + i, DUMPIO_LITTLE));
    p->noise = len == PIECE && dio_is_noise(p->data, len);
    p->bad = gaps.n || p->noise;
    dio_gaps_free(&gaps);
    return rc;
}

struct mending {
    struct dio_kdump *d;
    struct dio_kdump_patched *p;
    uint64_t raw;                /* bits of the second bitmap, as it stands there */
    uint64_t set;                /* the same, mended */
    uint64_t ones;               /* bits that neither bitmap tells: not in `set`, but patched in */
    uint64_t first_bad, end_bad; /* frames whose bits were damaged; first == end: none */
    bool unreadable;             /* some of them because they cannot be read */
    bool before, behind;         /* noise may reach into the piece before them, behind them */
    bool calm;                   /* the end of the last piece */
    unsigned run, longest;       /* pieces of noise in a row */
    uint64_t empty_set;          /* bits that the first has where a piece of the second has none */
    uint64_t empty_first, empty_end; /* frames of these pieces */
};

static int mend_piece(struct mending *m, uint64_t bit, size_t len, struct dumpio_error *err)
{
    struct dio_kdump *d = m->d;
    struct piece ram, stored;
    int rc = load(d->ram.src, d->ram.at + bit / 8, len, &ram, err);
    if (!rc)
        rc = load(d->stored.src, d->stored.at + bit / 8, len, &stored, err);
    if (rc)
        return rc;
    uint64_t end = bit + len * 8 < d->stored.bits ? bit + len * 8 : d->stored.bits;
    m->raw += stored.set;
    m->run = stored.noise ? m->run + 1 : 0;
    m->longest = m->run > m->longest ? m->run : m->longest;
    m->unreadable |= stored.bad && !stored.noise;
    if (!stored.bad && m->end_bad == bit)
        m->behind = !is_calm(stored.data);
    if (stored.bad) {
        m->before = m->first_bad == m->end_bad ? !m->calm : m->before;
        m->first_bad = m->first_bad == m->end_bad ? bit : m->first_bad;
        m->end_bad = end;
        m->behind = false;
        rc = add_patch(m->p, stored.at, stored.at + len, ram.bad ? ONES : ram.at, err);
        m->set += ram.bad ? 0 : ram.set;
        m->ones += ram.bad ? len * 8 : 0;
    } else {
        m->set += stored.set;
        if (ram.bad && ram.at != stored.at)
            rc = add_patch(m->p, ram.at, ram.at + len, stored.at, err);
    }
    if (ram.bad && !stored.bad && ram.at != stored.at)
        dio_salvage_found(d->salvage, DUMPIO_FOUND_REBUILT, d->stored.src, "kdump", ram.at,
                          ram.at + len, "first bitmap: taken from the second; what was left out of "
                          "the dump there is not known");
    if (!stored.bad && !stored.set && ram.set && !ram.bad) {
        m->empty_first = m->empty_first == m->empty_end ? bit : m->empty_first;
        m->empty_end = end;
        m->empty_set += ram.set;
    }
    m->calm = is_calm(stored.data + PIECE - EDGE);
    return rc;
}

/* Patches of both bitmaps, by place: those of the first bitmap stand before the others. */
static int by_start(const void *a, const void *b)
{
    const struct patch *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* ---- verdict --------------------------------------------------------------------------------- */

static void tell(const struct mending *m, bool rebuilt)
{
    const struct dio_kdump *d = m->d;
    uint64_t at = d->stored.at + m->first_bad / 8, end = d->stored.at + dio_div_up(m->end_bad, 8);
    if (rebuilt)
        dio_salvage_found(d->salvage, DUMPIO_FOUND_REBUILT, d->stored.src, "kdump", at, end,
                          "second bitmap: taken from the first, as %" PRIu64 " descriptors prove",
                          m->set);
    else
        dio_salvage_found(d->salvage, DUMPIO_FOUND_DAMAGE, d->stored.src, "kdump", at, end,
                          "second bitmap: which of the page frames 0x%" PRIx64 " to 0x%" PRIx64
                          " are stored is not known", m->first_bad, m->end_bad);
}

/*
 * Frames [first_bad, end_bad) are lost; the descriptors of those behind are counted from the end,
 * where it is known how many there are. Noise may reach into the pieces beside those that show it.
 */
static void lose(struct mending *m, const struct dio_kdump_table *t)
{
    struct dio_kdump *d = m->d;
    if (t->sure)
        d->shift_behind = (int64_t)(t->counts[0] - m->set - m->ones);
    else
        m->end_bad = d->max_pfn;
    if (m->before)
        m->first_bad -= m->first_bad < BITS ? m->first_bad : BITS;
    if (m->behind)
        m->end_bad = d->max_pfn - m->end_bad < BITS ? d->max_pfn : m->end_bad + BITS;
    d->lost_start = m->first_bad;
    d->lost_end = m->end_bad;
    tell(m, false);
}

static void lose_all(struct mending *m)
{
    m->first_bad = 0;
    m->end_bad = m->d->max_pfn;
    m->d->lost_start = 0;
    m->d->lost_end = m->d->max_pfn;
    tell(m, false);
}

/* The second bitmap is as it was: it keeps what looks like damage of it. */
static void keep_second(struct mending *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->p->n; i++)
        if (m->p->v[i].start < m->d->stored.at)
            m->p->v[n++] = m->p->v[i];
    m->p->n = n;
}

/* Pieces without a bit, and just as many bits missing as the first bitmap has there. */
static int fill_empty(struct mending *m, struct dumpio_error *err)
{
    struct dio_kdump *d = m->d;
    m->first_bad = m->empty_first;
    m->end_bad = m->empty_end;
    m->set += m->empty_set;
    tell(m, true);
    int rc = 0;
    for (uint64_t bit = m->empty_first; bit < m->empty_end && !rc; bit += BITS) {
        struct piece stored;
        uint64_t left = dio_div_up(m->empty_end - bit, 8);
        size_t len = left < PIECE ? (size_t)left : PIECE;
        rc = load(d->stored.src, d->stored.at + bit / 8, len, &stored, err);
        if (!rc && !stored.set)
            rc = add_patch(m->p, stored.at, stored.at + len, d->ram.at + bit / 8, err);
    }
    return rc;
}

static int judge(struct mending *m, const struct dio_kdump_table *t, struct dumpio_error *err)
{
    bool bad = m->first_bad < m->end_bad, noise = m->unreadable || m->longest >= RUN;
    if (!noise && dio_kdump_table_allows(t, m->raw)) {
        keep_second(m);
    } else if (bad && dio_kdump_table_allows(t, m->set)) {
        for (size_t i = 0; i < m->p->n; i++) /* there is no descriptor left for these */
            m->p->v[i].from = m->p->v[i].from == ONES ? ZEROS : m->p->v[i].from;
        tell(m, true);
    } else if (bad) {
        lose(m, t);
    } else if (t->sure && m->empty_set && t->counts[0] == m->set + m->empty_set) {
        return fill_empty(m, err);
    } else if (t->sure) {
        lose_all(m); /* a wrong bit, and nothing tells where */
    }
    return 0;
}

int dio_kdump_mend(struct dio_kdump *d, struct dumpio_error *err)
{
    struct mending m = {.d = d};
    struct dio_kdump_table t = {.at = d->desc_at, .max = TABLE_MAX};
    uint64_t have = d->stored.have < d->ram.have ? d->stored.have : d->ram.have;
    if (have < d->stored.bits || have > FRAMES_MAX)
        return 0; /* it ends inside its bitmaps: nothing proves anything */
    int rc = dio_kdump_read_table(d->parts[0].src, d->head.order, 0, &t, err);
    if (rc < 0)
        return rc;
    m.p = calloc(1, sizeof *m.p);
    if (!m.p)
        return dio_nomem(err, "damaged bitmaps");
    m.p->below = d->stored.src;
    m.p->b = (struct dio_bytes){.ops = &patched_ops, .size = d->stored.src->size,
                                .name = d->stored.src->name};
    d->patched = &m.p->b;
    t.n = rc ? 0 : t.n;
    t.sure &= !rc;
    d->zero_at = rc ? 0 : t.zero_at;
    rc = 0;
    for (uint64_t bit = 0; bit < have && !rc; bit += BITS) {
        uint64_t left = dio_div_up(have - bit, 8);
        rc = mend_piece(&m, bit, left < PIECE ? (size_t)left : PIECE, err);
    }
    if (rc)
        return rc;
    rc = judge(&m, &t, err);
    if (rc)
        return rc;
    if (m.p->n) {
        qsort(m.p->v, m.p->n, sizeof *m.p->v, by_start);
        d->ram.src = d->stored.src = d->patched;
    }
    return 0;
}
