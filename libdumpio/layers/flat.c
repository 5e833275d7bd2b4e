/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading flattened ("makedumpfile") streams, at random and forward; format: makedumpfile's
 * IMPLEMENTATION and makedumpfile.h. All integers are big-endian. Later segments win.
 * Not for what is inside; flat_out.c writes.
 */
#include "flat.h"

#include "../plug/decode.h"
#include "../plug/index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "makedumpfile" /* and its NUL */
#define TYPE_AT 16u
#define VERSION_AT 24u
#define SEGMENT_HEADER 16u

#define WINDOW_MAX (4u << 20)   /* bytes read at once while looking for segment headers */
#define WINDOW_FIRST (1u << 20)
#define WINDOW_MIN 4096u
#define BATCH 64u               /* extents looked up at once */
#define GATHER_MAX (64u << 10)  /* bytes of the file read at once for several small extents */
#define GATHER_GAP 512u         /* bytes skipped rather than read anew */
#define WALK_ROOM (1u << 20)    /* segments that may begin at the same place */
#define LAYERS_MAX (1u << 16)   /* segments that may lie over one another and all still be seen */
#define COPY_BLOCK (1u << 20)   /* bytes moved at once while unwrapping */

/* ---- headers ---------------------------------------------------------------------------------- */

int dio_flat_probe(const uint8_t *head, size_t n)
{
    return n >= TYPE_AT && !memcmp(head, SIGNATURE, sizeof SIGNATURE);
}

static int check_header(const uint8_t *head, size_t n, const struct dumpio_env *env,
                        struct dumpio_error *err)
{
    if (!dio_flat_probe(head, n))
        return dio_fail(err, DUMPIO_E_FORMAT, 0, "not a flattened stream");
    if (n < DIO_FLAT_HEADER)
        return dio_fail(err, DUMPIO_E_TRUNCATED, n,
                        "flattened stream ends after %zu of the %u bytes of its header", n,
                        DIO_FLAT_HEADER);
    uint64_t type = dio_get64(head + TYPE_AT, DUMPIO_BIG);
    uint64_t version = dio_get64(head + VERSION_AT, DUMPIO_BIG);
    if (type != 1)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, TYPE_AT,
                        "flattened stream of type %llu; only type 1 is known",
                        (unsigned long long)type);
    if (version != 1)
        dio_note(env, DUMPIO_WARNING, "flattened stream of version %llu is read as version 1",
                 (unsigned long long)version);
    return 0;
}

/* A stream's segments, one after another. */
struct segments {
    const struct dumpio_env *env;
    uint64_t at;        /* of the next segment header, in the stream */
    uint64_t offset;    /* of this segment, inside */
    uint64_t len;       /* bytes of this segment */
    uint64_t count;     /* segments with data */
    uint64_t size;      /* bytes inside */
    bool truncated;
};

/* The stream ends at s->at without its end marker. */
static int ended_early(struct segments *s, struct dumpio_error *err)
{
    if (!s->count)
        return dio_fail(err, DUMPIO_E_TRUNCATED, s->at,
                        "flattened stream ends at 0x%llx before any data",
                        (unsigned long long)s->at);
    s->truncated = true;
    dio_note(s->env, DUMPIO_WARNING,
             "flattened stream ends at 0x%llx without an end marker: what follows is missing",
             (unsigned long long)s->at);
    return DUMPIO_END;
}

/* Take the segment header at s->at: 0, DUMPIO_END or an error. */
static int take_header(struct segments *s, const uint8_t *h, struct dumpio_error *err)
{
    int64_t offset = (int64_t)dio_get64(h, DUMPIO_BIG);
    int64_t len = (int64_t)dio_get64(h + 8, DUMPIO_BIG);
    if (offset == -1) {
        if (len != -1)
            dio_note(s->env, DUMPIO_WARNING,
                     "flattened stream: end marker at 0x%llx has size %lld instead of -1",
                     (unsigned long long)s->at, (long long)len);
        return DUMPIO_END;
    }
    if (offset < 0 || len <= 0 || offset > INT64_MAX - len) {
        if (!s->count)
            return dio_fail(err, DUMPIO_E_CORRUPT, s->at,
                            "flattened segment header at 0x%llx: %lld bytes for offset %lld",
                            (unsigned long long)s->at, (long long)len, (long long)offset);
        s->truncated = true;
        dio_note(s->env, DUMPIO_WARNING,
                 "flattened segment header at 0x%llx: %lld bytes for offset %lld: what follows "
                 "is missing",
                 (unsigned long long)s->at, (long long)len, (long long)offset);
        return DUMPIO_END;
    }
    s->offset = (uint64_t)offset;
    s->len = (uint64_t)len;
    return 0;
}

/* `got` bytes of the segment's data are there; fewer than its length is the end. */
static int take_data(struct segments *s, uint64_t got, struct dumpio_error *err)
{
    s->at += SEGMENT_HEADER + got;
    if (got) {
        s->count++;
        if (s->offset + got > s->size)
            s->size = s->offset + got;
    }
    return got < s->len ? ended_early(s, err) : 0;
}

/* ---- the index -------------------------------------------------------------------------------- */

/* An extent of what is inside: `len` bytes from `start` lie at `pos` of the stream. */
struct extent {
    uint64_t start, len, pos;
};

struct flat {
    struct dio_bytes b;
    struct dio_bytes *below;
    struct dio_index *index; /* disjoint extents by their last byte */
};

/* Sorted by the last byte, so that one lookup finds what holds a byte and all that follows it. */
static int add_by_end(struct dio_index *x, const struct extent *e, struct dumpio_error *err)
{
    struct dio_entry n = {e->start + e->len - 1, e->pos, e->len};
    return dio_index_add(x, &n, err);
}

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
};

/* 16 bytes at `at`, or *h = NULL when the file has fewer. */
static int window_header(struct window *w, uint64_t at, const uint8_t **h,
                         struct dumpio_error *err)
{
    *h = NULL;
    if (at < w->start || at - w->start > w->len || w->len - (at - w->start) < SEGMENT_HEADER) {
        if (w->found < 2 && w->want > WINDOW_MIN)
            w->want /= 2;
        else if (w->found > 64 && w->want < WINDOW_MAX)
            w->want *= 2;
        w->found = 0;
        w->start = at;
        int rc = dio_read_some(w->below, at, w->buf, w->want, &w->len, err);
        if (rc)
            return rc;
        if (w->len < SEGMENT_HEADER)
            return 0;
    }
    w->found++;
    *h = w->buf + (at - w->start);
    return 0;
}

/* All segments into the index; *disjoint when they ascend without overlap. */
static int scan(struct segments *s, struct dio_bytes *below, struct dio_index *x, bool *disjoint,
                struct dumpio_error *err)
{
    struct window w = {.below = below, .want = WINDOW_FIRST, .found = 2};
    w.buf = malloc(WINDOW_MAX);
    if (!w.buf)
        return dio_nomem(err, "reading a flattened file");
    *disjoint = true;
    int rc = 0;
    while (!rc) {
        const uint8_t *h;
        rc = window_header(&w, s->at, &h, err);
        if (!rc)
            rc = h ? take_header(s, h, err) : ended_early(s, err);
        if (rc)
            break;
        uint64_t pos = s->at + SEGMENT_HEADER, left = below->size > pos ? below->size - pos : 0;
        struct extent e = {s->offset, s->len < left ? s->len : left, pos};
        if (s->offset < s->size)
            *disjoint = false;
        if (e.len)
            rc = add_by_end(x, &e, err);
        if (!rc)
            rc = take_data(s, e.len, err);
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

/* ---- overlaps --------------------------------------------------------------------------------- */

/*
 * Extents that reach beyond the place `at`, newest last. What is hidden for good is left out, so
 * that ends descend from first to last.
 */
struct layers {
    struct extent *e;
    size_t n, room;
    uint64_t at;
    struct extent made; /* not yet in the index; len 0: none */
    struct dio_index *to;
};

static uint64_t end_of(const struct extent *e)
{
    return e->start + e->len;
}

static int make(struct layers *l, uint64_t end, struct dumpio_error *err)
{
    const struct extent *top = &l->e[l->n - 1];
    struct extent part = {l->at, end - l->at, top->pos + (l->at - top->start)};
    l->at = end;
    if (l->made.len && end_of(&l->made) == part.start &&
        l->made.pos + l->made.len == part.pos) {
        l->made.len += part.len;
        return 0;
    }
    int rc = l->made.len ? add_by_end(l->to, &l->made, err) : 0;
    l->made = part;
    return rc;
}

/* Everything before `to` is settled. */
static int settle(struct layers *l, uint64_t to, struct dumpio_error *err)
{
    int rc = 0;
    while (!rc && l->n) {
        uint64_t end = end_of(&l->e[l->n - 1]);
        if (end <= l->at) {
            l->n--;
            continue;
        }
        if (l->at >= to)
            break;
        rc = make(l, end < to ? end : to, err);
    }
    if (l->at < to)
        l->at = to;
    return rc;
}

static int lay(struct layers *l, const struct extent *e, struct dumpio_error *err)
{
    int rc = settle(l, e->start, err);
    if (rc)
        return rc;
    size_t newer = l->n; /* the first layer that is newer */
    while (newer && l->e[newer - 1].pos > e->pos)
        newer--;
    if (newer < l->n && end_of(&l->e[newer]) >= end_of(e))
        return 0;
    size_t at = newer;
    while (at && end_of(&l->e[at - 1]) <= end_of(e))
        at--;
    if (l->n - (newer - at) == LAYERS_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, e->pos,
                        "more than %u flattened segments lie over one another at 0x%llx",
                        LAYERS_MAX, (unsigned long long)e->start);
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct extent *more = realloc(l->e, room * sizeof *more);
        if (!more)
            return dio_nomem(err, "overlapping segments");
        l->e = more;
        l->room = room;
    }
    memmove(l->e + at + 1, l->e + newer, (l->n - newer) * sizeof *l->e);
    l->e[at] = *e;
    l->n += 1 + at - newer;
    return 0;
}

/* All entries with the least key >= *key, and what follows in `room`; *n of them are complete. */
static int walk(struct dio_index *x, uint64_t key, struct dio_entry **e, size_t *room, size_t *n,
                bool *last, struct dumpio_error *err)
{
    for (;;) {
        int rc = *room ? dio_index_range(x, key, *e, *room, n, err) : 0;
        if (rc)
            return rc;
        *last = *room && *n < *room;
        if (*last)
            return 0;
        size_t same = *room;
        while (same && (*e)[same - 1].key == (*e)[*room - 1].key)
            same--;
        *n = same; /* the last key may go on behind the batch */
        if (same)
            return 0;
        if (*room >= WALK_ROOM)
            return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                            "more than %u flattened segments begin at 0x%llx", WALK_ROOM,
                            (unsigned long long)(*e)[0].key);
        size_t more = *room ? 4 * *room : 1024;
        struct dio_entry *bigger = realloc(*e, more * sizeof *bigger);
        if (!bigger)
            return dio_nomem(err, "overlapping segments");
        *e = bigger;
        *room = more;
    }
}

/* `starts`: segments by their start, any overlaps. */
static int lay_all(struct layers *l, struct dio_index *starts, struct dumpio_error *err)
{
    struct dio_entry *e = NULL;
    size_t room = 0, n = 0;
    bool last = false;
    int rc = 0;
    for (uint64_t key = 0; !rc && !last; key = n ? e[n - 1].key + 1 : key) {
        rc = walk(starts, key, &e, &room, &n, &last, err);
        for (size_t i = 0; !rc && i < n; i++) {
            struct extent x = {e[i].key, e[i].extra, e[i].value};
            rc = lay(l, &x, err);
        }
    }
    if (!rc)
        rc = settle(l, UINT64_MAX, err);
    if (!rc && l->made.len)
        rc = add_by_end(l->to, &l->made, err);
    free(e);
    return rc;
}

/* The same segments into another index, which sorts by start. */
static int by_start(struct dio_index *ends, struct dio_bytes *below, struct dio_index *starts,
                    struct dumpio_error *err);
