/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sliding window over a source that comes once.
 * No on-disk format. Not handled: reading by several threads at once.
 */
#include "../plug/window.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK (256u << 10)               /* asked for at once, bytes */
#define RING ((4u << 20) + (1u << 20))   /* what stays: the longest read of a format, and some more;
                                            a multiple of CHUNK */

struct pin {
    uint64_t off;
    uint32_t len;
    uint8_t *data; /* NULL before it came */
};

struct window {
    struct dio_bytes b;
    const struct dio_window_ops *ops;
    void *ctx;
    uint8_t *head;
    size_t head_len, head_cap;
    uint64_t head_max;
    uint8_t *ring;      /* byte N of the source stands at N % RING; NULL: all stays in `head` */
    uint64_t ring_from; /* the first byte in it */
    uint64_t at;        /* bytes that have come */
    struct pin *pins;   /* ascending from dio_window_let_go on, none twice */
    size_t n_pins, cap_pins, next_pin;
    uint64_t pinned;    /* bytes that they take */
    bool ended, kept;
    struct dumpio_error failed; /* status 0: nothing */
};

static struct window *of(const struct dio_bytes *b)
{
    return (struct window *)(uintptr_t)b;
}

static int head_room(struct window *w, size_t n, struct dumpio_error *err)
{
    if (w->head_len + w->pinned + n > w->head_max)
        return dio_fail(err, DUMPIO_E_LIMIT, w->at,
                        "more than %llu bytes of the stream would have to be kept in memory",
                        (unsigned long long)w->head_max);
    if (w->head_len + n <= w->head_cap)
        return 0;
    size_t cap = w->head_cap * 2 > w->head_len + n ? w->head_cap * 2 : w->head_len + n;
    uint8_t *p = realloc(w->head, cap);
    if (!p)
        return dio_nomem(err, "the start of a stream");
    w->head = p;
    w->head_cap = cap;
    return 0;
}

/* The piece of what is held that begins at `off`, up to len bytes; 0 when it has gone by. */
static size_t held(const struct window *w, uint64_t off, size_t len, const uint8_t **p)
{
    uint64_t n;
    if (off < w->head_len) {
        *p = w->head + off;
        n = w->head_len - off;
    } else if (w->ring && off >= w->ring_from) {
        size_t pos = (size_t)(off % RING);
        *p = w->ring + pos;
        n = w->at - off < RING - pos ? w->at - off : RING - pos;
    } else {
        return 0;
    }
    return n < len ? (size_t)n : len;
}

/* ---- what is kept when it passes ------------------------------------------------------------- */

int dio_window_pin(struct dio_bytes *b, uint64_t off, uint32_t len, struct dumpio_error *err)
{
    struct window *w = of(b);
    if (w->n_pins && w->pins[w->n_pins - 1].off == off && w->pins[w->n_pins - 1].len >= len)
        return 0;
    if (w->n_pins == w->cap_pins) {
        size_t cap = w->cap_pins ? 2 * w->cap_pins : 256;
        struct pin *p = realloc(w->pins, cap * sizeof *p);
        if (!p)
            return dio_nomem(err, "the pages that are shared");
        w->pins = p;
        w->cap_pins = cap;
    }
    w->pins[w->n_pins++] = (struct pin){off, len, NULL};
    w->pinned += len + sizeof *w->pins;
    if (w->head_len + w->pinned <= w->head_max)
        return 0;
    return dio_fail(err, DUMPIO_E_LIMIT, off,
                    "more than %llu bytes would have to be kept in memory for pages that others "
                    "share", (unsigned long long)w->head_max);
}

static int by_place(const void *a, const void *b)
{
    const struct pin *x = a, *y = b;
    if (x->off != y->off)
        return x->off < y->off ? -1 : 1;
    return x->len > y->len ? -1 : x->len < y->len; /* the longest first: it serves the others */
}

static void sort_pins(struct window *w)
{
    size_t n = 0;
    if (w->n_pins)
        qsort(w->pins, w->n_pins, sizeof *w->pins, by_place);
    for (size_t i = 0; i < w->n_pins; i++)
        if (!n || w->pins[n - 1].off != w->pins[i].off)
            w->pins[n++] = w->pins[i];
    w->n_pins = n;
}

/* Take what has come whole; the ring still has it. */
static int take_pins(struct window *w, struct dumpio_error *err)
{
    struct pin *p;
    for (; w->next_pin < w->n_pins; w->next_pin++) {
        p = &w->pins[w->next_pin];
        if (p->off + p->len > w->at)
            break;
        if (p->off + p->len <= w->head_len)
            continue;
        p->data = malloc(p->len);
        if (!p->data)
            return dio_nomem(err, "pages that are shared");
        for (uint32_t done = 0, n; done < p->len; done += n) {
            const uint8_t *from = NULL;
            n = (uint32_t)held(w, p->off + done, p->len - done, &from);
            if (!n)
                return dio_fail(err, DUMPIO_E_INTERNAL, p->off, "a page is longer than the window");
            memcpy(p->data + done, from, n);
        }
    }
    return 0;
}

/* The pin with `off` in it; NULL when there is none. Pins of a dump do not overlap. */
static const struct pin *find_pin(const struct window *w, uint64_t off)
{
    size_t lo = 0, hi = w->next_pin;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (w->pins[mid].off <= off)
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct pin *p = lo ? &w->pins[lo - 1] : NULL;
    return p && p->data && off - p->off < p->len ? p : NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Let some more come. The first error stays. */
static int advance(struct window *w, struct dumpio_error *err)
{
    size_t got = 0, pos = (size_t)(w->at % RING), room = CHUNK;
    int rc = w->ring ? 0 : head_room(w, CHUNK, &w->failed);
    if (w->ring && room > RING - pos)
        room = RING - pos;
    if (!rc)
        rc = w->ops->more(w->ctx, w->ring ? w->ring + pos : w->head + w->head_len, room, &got,
                          &w->b.truncated, &w->failed);
    if (rc && err)
        *err = w->failed;
    if (rc)
        return rc;
    if (!w->ring)
        w->head_len += got;
    w->at += got;
    w->ended = !got;
    if (w->ended)
        w->b.size = w->at;
    if (w->ring && w->at - w->ring_from > RING)
        w->ring_from = w->at - RING;
    if (w->ring && take_pins(w, &w->failed) && err)
        *err = w->failed;
    return w->failed.status;
}

static int window_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                          struct dumpio_error *err)
{
    struct window *w = of(b);
    *got = 0;
    while (*got < len) {
        const uint8_t *p;
        if (w->failed.status) {
            if (err)
                *err = w->failed;
            return w->failed.status;
        }
        if (off >= w->at) {
            int rc = w->ended ? 0 : advance(w, err);
            if (rc || (w->ended && off >= w->at))
                return rc;
            continue;
        }
        size_t n = held(w, off, len - *got, &p);
        const struct pin *pin = n ? NULL : find_pin(w, off);
        if (pin) {
            p = pin->data + (off - pin->off);
            n = (size_t)(pin->len - (off - pin->off));
            n = n < len - *got ? n : len - *got;
        }
        if (!n) {
            dio_fail(&w->failed, DUMPIO_E_UNSUPPORTED, off,
                     "place 0x%llx of the stream is needed when it has gone by (at 0x%llx): this "
                     "dump is not in order; --spool reads it by way of a temporary file",
                     (unsigned long long)off, (unsigned long long)w->at);
            continue;
        }
        memcpy((uint8_t *)buf + *got, p, n);
        *got += n;
        off += n;
    }
    return 0;
}

static void window_close(struct dio_bytes *b)
{
    struct window *w = of(b);
    if (w->kept)
        return;
    w->ops->close(w->ctx);
    for (size_t i = 0; i < w->n_pins; i++)
        free(w->pins[i].data);
    free(w->pins);
    free(w->ring);
    free(w->head);
    free(w);
}

static const struct dio_bytes_ops window_ops = {window_read_at, NULL, window_close, NULL};

int dio_window_new(struct dio_bytes **out, const char *name, const struct dio_window_ops *ops,
                   void *ctx, uint64_t head_max, struct dumpio_error *err)
{
    struct window *w = calloc(1, sizeof *w);
    if (!w)
        return dio_nomem(err, "a stream");
    w->b = (struct dio_bytes){
        .ops = &window_ops, .size = DIO_SIZE_UNKNOWN, .name = name, .forward = 1};
    w->ops = ops;
    w->ctx = ctx;
    w->head_max = head_max > CHUNK ? head_max : CHUNK;
    *out = &w->b;
    return 0;
}

uint64_t dio_window_head_max(const struct dio_bytes *b)
{
    return of(b)->head_max;
}

void *dio_window_ctx(struct dio_bytes *b)
{
    return of(b)->ctx;
}

const uint8_t *dio_window_head(const struct dio_bytes *b, size_t *len, bool *ended)
{
    *len = of(b)->head_len;
    *ended = of(b)->ended;
    return of(b)->head;
}

void dio_window_settle(struct dio_bytes *b)
{
    b->forward = 0;
}

void dio_window_keep(struct dio_bytes *b, bool kept)
{
    of(b)->kept = kept;
}

void dio_window_grow(struct dio_bytes *b, uint64_t more)
{
    of(b)->head_max += more;
}

int dio_window_let_go(struct dio_bytes *b, bool keep_head, struct dumpio_error *err)
{
    struct window *w = of(b);
    w->ring = malloc(RING);
    if (!w->ring)
        return dio_nomem(err, "a stream");
    w->ring_from = w->at;
    sort_pins(w);
    if (!keep_head) {
        size_t n = w->head_len < RING ? w->head_len : RING;
        w->ring_from -= n;
        for (uint64_t i = w->ring_from; i < w->at;) {
            size_t pos = (size_t)(i % RING), part = RING - pos;
            part = w->at - i < part ? (size_t)(w->at - i) : part;
            memcpy(w->ring + pos, w->head + i, part);
            i += part;
        }
        free(w->head);
        w->head = NULL;
        w->head_len = w->head_cap = 0;
    }
    return w->ops->let_go ? w->ops->let_go(w->ctx, err) : 0;
}

int dio_window_failed(const struct dio_bytes *b, struct dumpio_error *err)
{
    if (of(b)->failed.status && err)
        *err = of(b)->failed;
    return of(b)->failed.status;
}

int dio_window_drain(struct dio_bytes *b, struct dumpio_error *err)
{
    struct window *w = of(b);
    int rc = dio_window_failed(b, err);
    while (!rc && !w->ended)
        rc = advance(w, err);
    return rc;
}
