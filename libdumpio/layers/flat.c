/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flattened ("makedumpfile") files at random: an index of all segments, of which the later win;
 * format: makedumpfile's IMPLEMENTATION and makedumpfile.h.
 * Not for streams (flat_unwrap.c), and not for what is inside.
 */
#include "layers.h"
#include "flat_overlap.h"
#include "flat_salvage.h"
#include "flat_segments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_MAX (4u << 20)  /* bytes read at once while looking for segment headers */
#define WINDOW_FIRST (1u << 20)
#define WINDOW_MIN 4096u
#define WINDOW_ONE 512u        /* of headers that are far apart, where small reads are cheap */
#define FAR 4096u              /* bytes from one header to the next */
#define EXPECT (4u << 20)      /* bytes announced ahead of such reads */
#define BATCH 64u              /* extents looked up at once */
#define GATHER_MAX (64u << 10) /* bytes of the file read at once for several small extents */
#define GATHER_SMALL (8u << 10) /* larger ones are read to where they belong */
#define GATHER_GAP 512u        /* bytes skipped rather than read anew */

/* ---- the index ------------------------------------------------------------------------------- */

struct flat {
    struct dio_bytes b;
    struct dio_bytes *below;
    struct dio_index *index; /* disjoint extents, see add_extent() */
    bool gaps_lost;          /* what is in no extent may be lost, and is not zero */
};

static struct extent extent_of(const struct dio_entry *e)
{
    return (struct extent){e->key - (e->extra - 1), e->extra, e->value};
}

/* The part of the stream in memory while its segment headers are collected. */
struct window {
    struct dio_bytes *below;
    uint8_t *buf;
    uint64_t start;
    size_t len, want;
    unsigned found; /* headers taken from this part */
    uint64_t expected; /* announced up to there */
};

/*
 * How much is read next. Segments are hopped over, where that is cheaper than reading what lies
 * between their headers: what a source decodes in blocks is decoded once.
 */
static void resize(struct window *w, uint64_t at)
{
    uint64_t hop = at - w->start, far = w->found * (uint64_t)FAR;
    if (w->below->ops->expect && hop > far) {
        w->want = WINDOW_ONE;
        if (hop < EXPECT / 4 && at + EXPECT > w->expected) {
            uint64_t from = at > w->expected ? at : w->expected;
            w->below->ops->expect(w->below, from, EXPECT);
            w->expected = from + EXPECT;
        }
    } else if (w->found < 2 && w->want > WINDOW_MIN) {
        w->want /= 2;
    } else if ((w->found > 64 || hop < far / 4) && w->want < WINDOW_MAX) {
        w->want *= 2;
    }
    w->found = 0;
}

/* 16 bytes at `at`, or *h = NULL when the file has fewer. */
static int window_header(struct window *w, uint64_t at, const uint8_t **h,
                         struct dumpio_error *err)
{
    *h = NULL;
    if (at < w->start || at - w->start > w->len || w->len - (at - w->start) < DIO_FLAT_SEGMENT) {
        resize(w, at);
        w->start = at;
        int rc = dio_read_some(w->below, at, w->buf, w->want, &w->len, err);
        if (rc)
            return rc;
        if (w->len < DIO_FLAT_SEGMENT)
            return 0;
    }
    w->found++;
    *h = w->buf + (at - w->start);
    return 0;
}

/* What a scan found, and how it files the segments. */
struct scan {
    struct dio_flat_segments s;
    struct dio_index *x;
    bool by_start; /* else by the last byte: one lookup finds what holds a byte and what follows */
    bool ascending; /* without overlap */
};

static int file_segment(struct scan *c, const struct extent *e, struct dumpio_error *err)
{
    if (e->start < c->s.size)
        c->ascending = false;
    if (!c->by_start)
        return add_extent(c->x, e, err);
    struct dio_entry n = {e->start, e->pos, e->len};
    return dio_index_add(c->x, &n, err);
}

static int scan(struct scan *c, struct dio_bytes *below, struct dumpio_error *err)
{
    struct dio_flat_segments *s = &c->s;
    struct window w = {.below = below, .want = WINDOW_FIRST, .found = 2};
    w.buf = malloc(WINDOW_MAX);
    if (!w.buf)
        return dio_nomem(err, "reading a flattened file");
    c->ascending = true;
    int rc = 0;
    while (!rc) {
        const uint8_t *h;
        rc = window_header(&w, s->at, &h, err);
        if (!rc)
            rc = h ? dio_flat_take_header(s, h, err) : dio_flat_ended_early(s, err);
        if (rc)
            break;
        uint64_t pos = s->at + DIO_FLAT_SEGMENT, left = below->size - pos;
        struct extent e = {s->offset, s->len < left ? s->len : left, pos};
        if (e.len)
            rc = file_segment(c, &e, err);
        if (!rc)
            rc = dio_flat_take_data(s, e.len, err);
    }
    free(w.buf);
    return rc == DUMPIO_END ? 0 : rc;
}

/* Sorted by their last byte, extents overlap when one begins at or before the last end. */
static int find_overlap(struct dio_index *x, bool *disjoint, struct dumpio_error *err)
{
    struct dio_entry e[BATCH];
    size_t n = 0;
    *disjoint = true;
    for (uint64_t key = 0;; key = e[n - 1].key) { /* that entry comes again, first */
        int rc = dio_index_range(x, key, e, BATCH, &n, err);
        if (rc)
            return rc;
        for (size_t i = 1; i < n; i++)
            if (extent_of(&e[i]).start <= e[i - 1].key)
                *disjoint = false;
        if (n < BATCH || !*disjoint)
            return 0;
    }
}

static int new_scan(struct scan *c, const struct dumpio_env *env, struct dumpio_error *err)
{
    c->s = (struct dio_flat_segments){.env = env, .at = DIO_FLAT_HEADER};
    c->x = NULL;
    return dio_index_new(&c->x, 0, env, err);
}

/* Read the headers once more, sorted by start, and let later segments hide earlier ones. */
static int resolve(struct dio_index **out, struct dio_bytes *below, const struct dumpio_env *env,
                   struct dumpio_error *err)
{
    dio_note(env, DUMPIO_DETAIL, "flattened segments overlap: later ones win");
    struct scan c = {.by_start = true};
    int rc = new_scan(&c, env, err);
    c.s.env = NULL; /* its notes have been told */
    if (!rc)
        rc = scan(&c, below, err);
    if (!rc)
        rc = dio_index_seal(c.x, DIO_KEEP_ALL, NULL, err);
    if (!rc)
        rc = dio_index_new(out, 0, env, err);
    if (!rc)
        rc = dio_flat_resolve(c.x, *out, err);
    if (!rc)
        rc = dio_index_seal(*out, DIO_KEEP_ALL, NULL, err);
    dio_index_free(c.x);
    return rc;
}

static int build(struct flat *f, struct dio_bytes *below, const struct dumpio_env *env,
                 struct dumpio_error *err)
{
    struct scan c = {.by_start = false};
    int rc = new_scan(&c, env, err);
    f->index = c.x;
    if (!rc)
        rc = scan(&c, below, err);
    if (!rc)
        rc = dio_index_seal(c.x, DIO_KEEP_ALL, NULL, err);
    bool disjoint = c.ascending;
    if (!rc && !disjoint)
        rc = find_overlap(c.x, &disjoint, err);
    if (!rc && !disjoint) {
        dio_index_free(f->index);
        f->index = NULL;
        rc = resolve(&f->index, below, env, err);
    }
    f->b.size = c.s.size;
    f->b.truncated = c.s.truncated;
    return rc;
}

/* Salvage: everything that can be found. */
static int build_around(struct flat *f, struct dio_bytes *below, struct dio_salvage *salvage,
                        const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_flat_rescue r = {.salvage = salvage};
    int rc = dio_flat_index_around(&f->index, below, &r, env, err);
    f->b.size = r.size;
    f->b.truncated = r.cut;
    f->gaps_lost = dio_flat_gaps_lost(&r);
    dio_flat_rescue_free(&r);
    return rc;
}

/* ---- reading at random ----------------------------------------------------------------------- */

/* Where a read stands: bytes [at, end) of what is inside go to `to`. */
struct reading {
    struct flat *f;
    uint64_t at, end;
    uint8_t *to;
    bool gap; /* some of it is in no segment */
};

static void advance(struct reading *r, uint64_t n)
{
    r->at += n;
    r->to += n;
}

static void zero_until(struct reading *r, uint64_t stop)
{
    if (stop > r->end)
        stop = r->end;
    if (stop > r->at) {
        memset(r->to, 0, (size_t)(stop - r->at));
        r->gap = true;
        advance(r, stop - r->at);
    }
}

/* Bytes that extent e gives at r->at, which it holds; *pos = where they lie. */
static size_t share(const struct reading *r, const struct extent *e, uint64_t *pos)
{
    uint64_t skip = r->at - e->start, n = e->len - skip;
    *pos = e->pos + skip;
    return (size_t)(n < r->end - r->at ? n : r->end - r->at);
}

/* How many of n extents from the one at r->at lie close enough to be read at once; *bytes. */
static size_t neighbours(const struct reading *r, const struct dio_entry *e, size_t n,
                         size_t *bytes)
{
    struct extent x = extent_of(e);
    uint64_t first;
    *bytes = share(r, &x, &first);
    uint64_t behind = first + *bytes;
    size_t i = 1;
    for (; i < n; i++) {
        x = extent_of(&e[i]);
        if (x.start >= r->end || x.pos < behind || x.pos - behind > GATHER_GAP)
            break;
        uint64_t take = x.len < r->end - x.start ? x.len : r->end - x.start;
        if (take > GATHER_SMALL || x.pos + take - first > GATHER_MAX)
            break;
        behind = x.pos + take;
        *bytes = (size_t)(behind - first);
    }
    return i;
}

/* n extents, `bytes` from the first byte wanted to the last, by one read of the stream. */
static int gather(struct reading *r, const struct dio_entry *e, size_t n, size_t bytes,
                  struct dumpio_error *err)
{
    uint8_t *buf = malloc(bytes);
    if (!buf)
        return dio_nomem(err, "reading a flattened file");
    struct extent x = extent_of(e);
    uint64_t first, pos;
    (void)share(r, &x, &first);
    int rc = dio_read_exact(r->f->below, first, buf, bytes, "flattened segments", err);
    for (size_t i = 0; !rc && i < n; i++) {
        x = extent_of(&e[i]);
        zero_until(r, x.start);
        size_t take = share(r, &x, &pos);
        memcpy(r->to, buf + (pos - first), take);
        advance(r, take);
    }
    free(buf);
    return rc;
}

/* From n extents, the first of which ends behind r->at. */
static int read_extents(struct reading *r, const struct dio_entry *e, size_t n,
                        struct dumpio_error *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < n;) {
        struct extent x = extent_of(&e[i]);
        zero_until(r, x.start);
        if (r->at == r->end)
            break;
        size_t bytes, near = neighbours(r, e + i, n - i, &bytes);
        if (near == 1) {
            uint64_t pos;
            size_t take = share(r, &x, &pos);
            rc = dio_read_exact(r->f->below, pos, r->to, take, "flattened segment", err);
            advance(r, take);
        } else {
            rc = gather(r, e + i, near, bytes, err);
        }
        i += near;
    }
    return rc;
}

static int flat_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                        struct dumpio_error *err)
{
    struct flat *f = (struct flat *)b;
    *got = 0;
    if (off >= b->size)
        return 0;
    if (len > b->size - off)
        len = (size_t)(b->size - off);
    struct reading r = {f, off, off + len, buf, false};
    while (r.at < r.end) {
        struct dio_entry e[BATCH];
        size_t n;
        int rc = dio_index_range(f->index, r.at, e, BATCH, &n, err);
        if (!rc)
            rc = read_extents(&r, e, n, err);
        if (rc) {
            if (err)
                err->offset = off;
            return rc;
        }
        if (n < BATCH)
            zero_until(&r, r.end);
    }
    if (r.gap && f->gaps_lost)
        return dio_fail(err, DUMPIO_E_LOST, off, "0x%llx: in no flattened segment that can be read",
                        (unsigned long long)off);
    *got = len;
    return 0;
}

static int flat_next_data(struct dio_bytes *b, uint64_t off, uint64_t *start, uint64_t *end,
                          struct dumpio_error *err)
{
    struct flat *f = (struct flat *)b;
    struct dio_entry e[BATCH];
    size_t n;
    *start = *end = b->size;
    if (f->gaps_lost) {
        *start = off < b->size ? off : b->size;
        return 0;
    }
    int rc = dio_index_range(f->index, off, e, BATCH, &n, err);
    if (rc || !n)
        return rc;
    struct extent x = extent_of(&e[0]);
    *start = x.start > off ? x.start : off;
    *end = x.start + x.len;
    for (size_t i = 1; i < n && extent_of(&e[i]).start == *end; i++)
        *end = e[i].key + 1;
    return 0;
}

static void flat_free(struct flat *f)
{
    dio_index_free(f->index);
    free(f);
}

static void flat_close(struct dio_bytes *b)
{
    struct flat *f = (struct flat *)b;
    dio_bytes_close(f->below);
    flat_free(f);
}

static const struct dio_bytes_ops flat_ops = {flat_read_at, flat_next_data, flat_close, NULL};

int dio_flat_open(struct dio_bytes **out, struct dio_bytes *below, struct dio_salvage *salvage,
                  const struct dumpio_env *env, struct dumpio_error *err)
{
    struct flat *f = calloc(1, sizeof *f);
    uint8_t *head = malloc(DIO_FLAT_HEADER);
    size_t n = 0;
    int rc = f && head ? 0 : dio_nomem(err, "a flattened file");
    if (!rc && !salvage)
        rc = dio_read_some(below, 0, head, DIO_FLAT_HEADER, &n, err);
    if (!rc && !salvage)
        rc = dio_flat_check_header(head, n, env, err);
    if (!rc)
        rc = salvage ? build_around(f, below, salvage, env, err) : build(f, below, env, err);
    free(head);
    if (rc) {
        if (f)
            flat_free(f);
        return dio_context(err, rc, "%s", below->name);
    }
    f->b.ops = &flat_ops;
    f->b.name = below->name;
    f->b.truncated |= below->truncated;
    f->below = below;
    *out = &f->b;
    return 0;
}

static int layer_open(struct dio_bytes **out, struct dio_bytes *below,
                      const struct dio_layer_options *o, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    return dio_flat_open(out, below, o ? o->salvage : NULL, env, err);
}

static int layer_probe(const uint8_t *head, size_t n)
{
    return dio_flat_probe(head, n) ? 100 : 0;
}

const struct dio_layer dio_layer_flat = {
    .name = "flattened",
    .suffix = "",
    .probe = layer_probe,
    .open = layer_open,
    .find = dio_flat_find,
};
