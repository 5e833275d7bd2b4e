/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of flattened ("makedumpfile") files. Behind a segment header that is damaged, the next one
 * is looked for that leads to further ones. Format: makedumpfile's IMPLEMENTATION. Not here: where
 * the data belongs whose header is lost (flat_place.c).
 */
#include "flat_salvage.h"
#include "flat_segments.h"

#include "../plug/decode.h"

#include <stdlib.h>

#define WINDOW (1u << 20)
#define CHAIN 4u        /* headers that have to follow each other before damage ends the chain */
#define CHAIN_FIRST 8u  /* likewise, when nothing else says what file it is */
#define CHAIN_MAX 64u   /* so many are followed: memory full of small numbers looks like headers */
#define OVERLAPS_MAX 2u /* in a chain: writers come back to a header, and to little else */
#define SEARCH_MAX (UINT64_C(4) << 30) /* bytes looked through for headers, in all */
#define FIND_AREA (16u << 20)         /* the first of them is looked for up to here */
#define OFFSET_MAX (UINT64_C(1) << 50) /* no dump is longer */
#define LEN_MAX (UINT64_C(1) << 40)   /* of a segment that the file is too short for */
#define NEAR 512u                     /* bytes looked at to see whether a place is damaged */

/* ---- headers --------------------------------------------------------------------------------- */

struct look {
    struct dio_bytes *below;
    uint8_t *buf; /* WINDOW bytes */
    uint64_t at;
    size_t len;
    uint64_t searched; /* bytes, of SEARCH_MAX */
};

struct header {
    uint64_t offset, len;
    bool end;
};

static void decode(const uint8_t *p, struct header *h)
{
    h->offset = dio_get64(p, DUMPIO_BIG);
    h->len = dio_get64(p + 8, DUMPIO_BIG);
    h->end = h->offset == UINT64_MAX && h->len == UINT64_MAX;
}

static bool in_window(const struct look *l, uint64_t at)
{
    return at >= l->at && at - l->at <= l->len && l->len - (size_t)(at - l->at) >= DIO_FLAT_SEGMENT;
}

/* The header at `at` as it stands there, from the window; not *there behind the end of the file. */
static int read_header(struct look *l, uint64_t at, struct header *h, bool *there,
                       struct dumpio_error *err)
{
    if (!in_window(l, at)) {
        l->at = at;
        int rc = dio_read_around(l->below, at, l->buf, WINDOW, &l->len, 0, NULL, err);
        if (rc)
            return rc;
    }
    *there = in_window(l, at);
    if (*there)
        decode(l->buf + (at - l->at), h);
    return 0;
}

/* The same without moving the window: what vouches for a header lies anywhere. */
static int peek_header(struct look *l, uint64_t at, struct header *h, bool *there,
                       struct dumpio_error *err)
{
    uint8_t raw[DIO_FLAT_SEGMENT];
    size_t got;
    if (in_window(l, at))
        return read_header(l, at, h, there, err);
    int rc = dio_read_around(l->below, at, raw, sizeof raw, &got, 0, NULL, err);
    *there = !rc && got == sizeof raw;
    if (*there)
        decode(raw, h);
    return rc;
}

static bool plausible(const struct look *l, uint64_t at, const struct header *h)
{
    return h->offset < OFFSET_MAX && h->len && h->len <= l->below->size - at - DIO_FLAT_SEGMENT;
}

/* Noise, or not readable? Then the place is damaged, and not what leads to it. */
static int is_damaged(struct dio_bytes *below, uint64_t at, bool *yes, struct dumpio_error *err)
{
    uint8_t buf[2 * NEAR];
    struct dio_gaps gaps = {NULL, 0, 0};
    uint64_t from = at > NEAR ? at - NEAR : 0;
    size_t got;
    int rc = dio_read_around(below, from, buf, sizeof buf, &got, 0, &gaps, err);
    size_t before = (size_t)(at - from), behind = got > before ? got - before : 0;
    *yes = gaps.n || (before == NEAR && dio_is_noise(buf, NEAR)) ||
           (behind >= NEAR && dio_is_noise(buf + before, NEAR));
    dio_gaps_free(&gaps);
    return rc;
}

/* Segments of a chain: half of them go on where another one ends, hardly any overlap. */
struct links {
    struct {
        uint64_t start, end;
    } v[CHAIN_MAX];
    unsigned n, go_on, overlaps;
};

static void add_link(struct links *c, const struct header *h)
{
    bool goes_on = false, overlaps = false;
    uint64_t end = h->offset + h->len;
    for (unsigned k = 0; k < c->n; k++) {
        goes_on |= c->v[k].end == h->offset;
        overlaps |= c->v[k].start < end && h->offset < c->v[k].end;
    }
    c->v[c->n].start = h->offset;
    c->v[c->n++].end = end;
    c->go_on += goes_on;
    c->overlaps += overlaps;
}

/*
 * Do headers follow each other from `at` on, up to CHAIN_MAX, the end of the stream, or, when they
 * are at least `least`, to a place that is damaged?
 */
static int chain(struct look *l, uint64_t at, unsigned least, bool *yes, struct dumpio_error *err)
{
    struct links c = {.n = 0};
    *yes = false;
    while (c.n < CHAIN_MAX) {
        struct header h;
        bool there;
        int rc = peek_header(l, at, &h, &there, err);
        if (rc)
            return rc;
        if (!there || h.end) {
            *yes = c.n > 0 && (there ? at + DIO_FLAT_SEGMENT : at) == l->below->size;
            return 0;
        }
        if (!plausible(l, at, &h)) {
            if (c.n < least)
                return 0;
            rc = is_damaged(l->below, at, yes, err);
            *yes &= 2 * c.go_on >= least && c.overlaps <= OVERLAPS_MAX;
            return rc;
        }
        add_link(&c, &h);
        at += DIO_FLAT_SEGMENT + h.len;
    }
    *yes = 2 * c.go_on >= c.n && c.overlaps <= OVERLAPS_MAX;
    return 0;
}

/* The next header at or behind `from`; DUMPIO_END when there is none. */
static int resync(struct look *l, uint64_t from, uint64_t limit, unsigned links, uint64_t *found,
                  struct dumpio_error *err)
{
    uint64_t step = 1;
    for (uint64_t at = from; at < limit && l->searched < SEARCH_MAX; at += step) {
        struct header h;
        bool there, yes = false;
        int rc = read_header(l, at, &h, &there, err);
        if (rc || !there)
            return rc ? rc : DUMPIO_END;
        size_t in = (size_t)(at - l->at);
        size_t zeros = dio_zeros_to_skip(l->buf + in, l->len - in, at, DIO_FLAT_SEGMENT);
        step = zeros ? zeros : 1;
        l->searched += step;
        if (zeros)
            continue;
        if (h.end)
            yes = at + DIO_FLAT_SEGMENT == l->below->size;
        else if (plausible(l, at, &h))
            rc = chain(l, at, links, &yes, err);
        if (rc)
            return rc;
        if (yes) {
            *found = at;
            return 0;
        }
    }
    return DUMPIO_END;
}

/* ---- the walk -------------------------------------------------------------------------------- */

int dio_flat_add_damage(struct dio_flat_rescue *r, uint64_t start, uint64_t end,
                        struct dumpio_error *err)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        struct dio_flat_damage *v = realloc(r->damage, cap * sizeof *v);
        if (!v)
            return dio_nomem(err, "damaged segments");
        r->damage = v;
        r->cap = cap;
    }
    r->damage[r->n++] = (struct dio_flat_damage){start, end, 0, false};
    return 0;
}

static int add_suspect(struct dio_flat_rescue *r, const struct dio_entry *e,
                       struct dumpio_error *err)
{
    if (r->n_suspects == r->cap_suspects) {
        size_t cap = r->cap_suspects ? r->cap_suspects * 2 : 16;
        struct dio_flat_suspect *v = realloc(r->suspects, cap * sizeof *v);
        if (!v)
            return dio_nomem(err, "flattened segments");
        r->suspects = v;
        r->cap_suspects = cap;
    }
    r->suspects[r->n_suspects++] =
        (struct dio_flat_suspect){e->key, e->extra, e->value, r->n - 1, false};
    return 0;
}

struct walk {
    struct look l;
    struct dio_index *starts;
    struct dio_flat_rescue *r;
    struct dio_entry held; /* the segment before, which the next header vouches for */
    bool holds;
    unsigned suspects;     /* so many that come next may be none: they were found, not led to */
    uint64_t segments;
};

static int file_held(struct walk *w, struct dumpio_error *err)
{
    if (!w->holds)
        return 0;
    uint64_t end = w->held.key + w->held.extra;
    w->holds = false;
    w->segments++;
    if (w->suspects) {
        w->suspects--;
        return add_suspect(w->r, &w->held, err);
    }
    w->r->size = end > w->r->size ? end : w->r->size;
    return dio_index_add(w->starts, &w->held, err);
}

/* The last segment of a cut stream: as much of it as there is. DUMPIO_END. */
static int take_tail(struct walk *w, uint64_t at, const struct header *h, bool there,
                     struct dumpio_error *err)
{
    uint64_t size = w->l.below->size, left = there ? size - at - DIO_FLAT_SEGMENT : 0;
    bool fits = there && h->offset < OFFSET_MAX && h->len < LEN_MAX && left && left < h->len;
    int rc = file_held(w, err);
    if (!rc && fits) {
        w->held = (struct dio_entry){h->offset, at + DIO_FLAT_SEGMENT, left};
        w->holds = true;
        rc = file_held(w, err);
    } else if (!rc && at < size) {
        rc = dio_flat_add_damage(w->r, at, size, err);
    }
    w->r->cut = true;
    return rc ? rc : DUMPIO_END;
}

/* No header stands at *at. Goes on to the next; DUMPIO_END when there is none. */
static int go_around(struct walk *w, uint64_t *at, const struct header *h, bool there,
                     struct dumpio_error *err)
{
    uint64_t start = *at, from = *at + 1, found;
    bool here;
    int rc = is_damaged(w->l.below, *at, &here, err);
    if (!rc && !here && w->holds) {
        start = w->held.value - DIO_FLAT_SEGMENT;
        from = w->held.value;
    }
    if (!rc)
        rc = resync(&w->l, from, w->l.below->size, CHAIN, &found, err);
    if (rc == DUMPIO_END)
        return take_tail(w, *at, h, there, err);
    if (!rc && from == w->held.value)
        w->holds = false; /* its own length is what is wrong */
    if (!rc)
        rc = file_held(w, err);
    if (!rc)
        rc = dio_flat_add_damage(w->r, start, found, err);
    w->suspects = CHAIN;
    *at = found;
    return rc;
}

static int walk(struct walk *w, struct dumpio_error *err)
{
    uint64_t at = DIO_FLAT_HEADER;
    for (;;) {
        struct header h = {0, 0, false};
        bool there;
        int rc = read_header(&w->l, at, &h, &there, err);
        if (!rc && there && h.end)
            return file_held(w, err);
        if (!rc && there && plausible(&w->l, at, &h)) {
            rc = file_held(w, err);
            w->held = (struct dio_entry){h.offset, at + DIO_FLAT_SEGMENT, h.len};
            w->holds = true;
            at += DIO_FLAT_SEGMENT + h.len;
        } else if (!rc) {
            rc = go_around(w, &at, &h, there, err);
        }
        if (rc)
            return rc == DUMPIO_END ? 0 : rc;
    }
}

int dio_flat_scan_around(struct dio_bytes *below, struct dio_index *starts,
                         struct dio_flat_rescue *r, struct dumpio_error *err)
{
    struct walk w = {.l = {.below = below, .buf = malloc(WINDOW)}, .starts = starts, .r = r};
    int rc = w.l.buf ? walk(&w, err) : dio_nomem(err, "flattened segments");
    free(w.l.buf);
    if (!rc && !w.segments)
        rc = dio_fail(err, DUMPIO_E_CORRUPT, DIO_FLAT_HEADER, "no flattened segment is readable");
    return rc;
}

/* ---- telling --------------------------------------------------------------------------------- */

bool dio_flat_gaps_lost(const struct dio_flat_rescue *r)
{
    bool lost = r->cut;
    for (size_t i = 0; i < r->n; i++)
        lost |= !r->damage[i].placed;
    return lost;
}

void dio_flat_tell(const struct dio_flat_rescue *r, const struct dio_bytes *below)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct dio_flat_damage *d = &r->damage[i];
        if (d->placed)
            dio_salvage_found(r->salvage, DUMPIO_FOUND_REBUILT, below, "flattened", d->start,
                              d->end, "segment header: its data has just the length of the gap at "
                              "0x%llx", (unsigned long long)d->offset);
        else
            dio_salvage_found(r->salvage, DUMPIO_FOUND_DAMAGE, below, "flattened", d->start, d->end,
                              "segment headers: where the data belongs is not known");
    }
    if (r->cut)
        dio_salvage_found(r->salvage, DUMPIO_FOUND_DAMAGE, below, "flattened", below->size,
                          below->size, "the stream ends without its end marker");
}

int dio_flat_find(struct dio_bytes *below, bool *there, struct dumpio_error *err)
{
    struct look l = {.below = below, .buf = malloc(WINDOW)};
    uint64_t limit = below->size < FIND_AREA ? below->size : FIND_AREA, found;
    int rc = l.buf ? resync(&l, DIO_FLAT_HEADER, limit, CHAIN_FIRST, &found, err)
                   : dio_nomem(err, "flattened segments");
    free(l.buf);
    *there = !rc;
    return rc == DUMPIO_END ? 0 : rc;
}

void dio_flat_rescue_free(struct dio_flat_rescue *r)
{
    free(r->damage);
    free(r->suspects);
}
