/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages from one unit and codec to another. Pure per window; no I/O but the fetch.
 */
#include "transcode.h"
#include "batch.h"
#include "plug/decode.h"

#include <stdlib.h>

int dio_transcoder_init(struct dio_transcoder *t, const struct dio_transcode *what,
                        struct dumpio_error *err)
{
    uint32_t in_unit = what->dump->info->unit;
    *t = (struct dio_transcoder){0};
    t->plain = malloc(in_unit > what->unit ? in_unit : what->unit);
    if (what->codec)
        t->packer = what->codec->new_state(what->level);
    if (!t->plain || (what->codec && !t->packer)) {
        dio_transcoder_free(t, what);
        return dio_nomem(err, "a worker");
    }
    return 0;
}

void dio_transcoder_free(struct dio_transcoder *t, const struct dio_transcode *what)
{
    dio_decoder_free(&t->decoder);
    if (t->packer)
        what->codec->free_state(t->packer);
    free(t->plain);
    *t = (struct dio_transcoder){0};
}

/* ---- what the leaf is told ------------------------------------------------------------------- */

/* Of a page that is held in part, only the frames are present that the parts touch. */
static void tell_leaf(const struct dio_transcode *what, struct dio_leaf *leaf, uint64_t addr,
                      const uint8_t *plain)
{
    const struct dumpio_partial *p = what->partials;
    uint64_t end = addr + what->unit; /* 0 behind the last page of the address space */
    uint32_t lo = 0, hi = what->n_partials;
    if (!leaf)
        return;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (p[mid].start >= addr)
            hi = mid;
        else
            lo = mid + 1;
    }
    if (lo == what->n_partials || p[lo].start - addr >= what->unit) {
        dio_leaf_add(leaf, addr, plain, what->unit);
        return;
    }
    for (; lo < what->n_partials && p[lo].start - addr < what->unit; lo++) {
        uint64_t from = dio_round_down(p[lo].start, DIO_FRAME);
        uint64_t to = p[lo].end && p[lo].end - addr <= what->unit ? p[lo].end : end;
        dio_leaf_add(leaf, from, plain ? plain + (from - addr) : NULL,
                     (size_t)dio_round_up(to - from, DIO_FRAME));
    }
}

/* Room for one decoded page: with a leaf it has to stay as long as the batch. */
static uint8_t *room_for_plain(const struct dio_transcode *what, struct dio_transcoder *t,
                               struct dio_batch *out)
{
    return t->leaf ? dio_batch_alloc(out, what->unit) : t->plain;
}

/* ---- one output page ------------------------------------------------------------------------- */

/* Where the bytes of an output page stand that are to be taken as they are, not copied. */
enum stays { NO, IN_INPUT, IN_OUTPUT };

/*
 * Append a plain page as ZERO, packed or plain DATA. With a codec, a page that does not shrink is
 * copied: the few of them are not worth keeping a whole window of input pages.
 */
static int emit(const struct dio_transcode *what, struct dio_transcoder *t, uint64_t addr,
                const uint8_t *plain, enum stays stays, struct dio_batch *out,
                struct dumpio_error *err)
{
    struct dio_page *p = dio_batch_add(out, addr);
    if (!p)
        return dio_nomem(err, "a batch");
    if (dio_is_zero(plain, what->unit)) {
        p->kind = DIO_ZERO;
        tell_leaf(what, t->leaf, addr, NULL);
        return 0;
    }
    p->kind = DIO_DATA;
    tell_leaf(what, t->leaf, addr, plain);
    t->borrowed |= t->leaf && stays == IN_INPUT;
    if (what->codec) {
        uint8_t *room = dio_batch_alloc(out, what->unit);
        if (!room)
            return dio_nomem(err, "a batch");
        size_t len = what->codec->pack(t->packer, plain, what->unit, room, what->unit - 1);
        dio_batch_trim(out, room, len);
        if (len) {
            p->codec = what->codec;
            p->len = (uint32_t)len;
            p->data = room;
            return 0;
        }
    }
    p->len = what->unit;
    if (stays == IN_OUTPUT) {
        p->data = plain;
        return 0;
    }
    if (stays == IN_INPUT && !what->codec) {
        t->borrowed = true;
        p->data = plain;
        return 0;
    }
    uint8_t *copy = dio_batch_alloc(out, what->unit);
    if (!copy)
        return dio_nomem(err, "a batch");
    memcpy(copy, plain, what->unit);
    p->data = copy;
    return 0;
}

static int add_lost(struct dio_batch *out, uint64_t addr, const char *why,
                    struct dumpio_error *err)
{
    return dio_batch_add_lost(out, addr, "%s", why) ? dio_nomem(err, "a batch") : 0;
}

/* ---- one input page is one output page ------------------------------------------------------- */

static int add_zero(const struct dio_transcode *what, struct dio_transcoder *t, uint64_t addr,
                    struct dio_batch *out, struct dumpio_error *err)
{
    struct dio_page *p = dio_batch_add(out, addr);
    if (!p)
        return dio_nomem(err, "a batch");
    p->kind = DIO_ZERO;
    tell_leaf(what, t->leaf, addr, NULL);
    return 0;
}

/* As it is; `plain` is for the leaf. */
static int pass(const struct dio_transcode *what, struct dio_transcoder *t,
                const struct dio_page *in, const uint8_t *plain, struct dio_batch *out,
                struct dumpio_error *err)
{
    struct dio_page *p = dio_batch_add(out, in->addr);
    if (!p)
        return dio_nomem(err, "a batch");
    *p = *in;
    t->borrowed = true;
    tell_leaf(what, t->leaf, in->addr, plain);
    return 0;
}

static int packed_page(const struct dio_transcode *what, struct dio_transcoder *t,
                       const struct dio_page *in, struct dio_batch *out, uint64_t *passed,
                       struct dumpio_error *err)
{
    bool passes = what->pass_through && in->codec == what->codec;
    if (passes && !t->leaf && !what->check) {
        ++*passed;
        return pass(what, t, in, NULL, out, err);
    }
    struct dumpio_error e = {0};
    uint8_t *plain = room_for_plain(what, t, out);
    if (!plain)
        return dio_nomem(err, "a batch");
    int rc = dio_decode(&t->decoder, in, what->unit, plain, &e);
    if (rc == DUMPIO_E_CORRUPT)
        return add_lost(out, in->addr, e.message, err);
    if (rc) {
        if (err)
            *err = e;
        return rc;
    }
    *passed += passes;
    return passes ? pass(what, t, in, plain, out, err)
                  : emit(what, t, in->addr, plain, t->leaf ? IN_OUTPUT : NO, out, err);
}

static int same_unit(const struct dio_transcode *what, struct dio_transcoder *t,
                     const struct dio_page *in, struct dio_batch *out, uint64_t *passed,
                     struct dumpio_error *err)
{
    if (in->kind == DIO_LOST)
        return add_lost(out, in->addr, in->data ? (const char *)in->data : "lost", err);
    if (in->kind == DIO_ABSENT)
        return add_lost(out, in->addr, "in the page map, but not stored", err);
    if (in->kind == DIO_ZERO)
        return add_zero(what, t, in->addr, out, err);
    if (!in->codec) {
        t->unproved++;
        return emit(what, t, in->addr, in->data, IN_INPUT, out, err);
    }
    return packed_page(what, t, in, out, passed, err);
}

/* Of the input, of one piece. */
struct pages {
    const struct dio_page *p;
    size_t n;
};

/* ---- units differ: through a plain image of the piece ---------------------------------------- */

struct image {
    uint8_t *mem;      /* the piece, in plain */
    uint8_t *state;    /* per output unit: enum dio_page_kind; 0 = nothing seen */
    const char **why;  /* per output unit, when LOST */
    uint64_t start, end;
};

static void image_mark(const struct image *m, uint32_t unit, uint64_t from, uint64_t to, int kind,
                       const char *why)
{
    uint64_t a = from > m->start ? from : m->start, b = to < m->end ? to : m->end;
    for (uint64_t at = dio_round_down(a, unit); at < b; at += unit) {
        size_t i = (size_t)((at - m->start) / unit);
        if (m->state[i] == DIO_LOST)
            continue;
        m->state[i] = (uint8_t)kind;
        m->why[i] = why;
    }
}

static int image_add(const struct dio_transcode *what, struct dio_transcoder *t,
                     const struct image *m, const struct dio_page *in, struct dio_batch *out,
                     struct dumpio_error *err)
{
    uint32_t in_unit = what->dump->info->unit;
    uint64_t end = in->addr + in_unit;
    if (in->kind == DIO_ABSENT)
        return 0;
    if (in->kind == DIO_LOST) {
        image_mark(m, what->unit, in->addr, end, DIO_LOST,
                   in->data ? (const char *)in->data : "lost");
        return 0;
    }
    if (in->kind == DIO_DATA) {
        struct dumpio_error e = {0};
        int rc = dio_decode(&t->decoder, in, in_unit, t->plain, &e);
        if (rc == DUMPIO_E_CORRUPT) {
            char *why = dio_batch_alloc(out, sizeof e.message);
            if (why)
                memcpy(why, e.message, sizeof e.message);
            image_mark(m, what->unit, in->addr, end, DIO_LOST, why ? why : "corrupt");
            return 0;
        }
        if (rc) {
            if (err)
                *err = e;
            return rc;
        }
        uint64_t a = in->addr > m->start ? in->addr : m->start, b = end < m->end ? end : m->end;
        memcpy(m->mem + (a - m->start), t->plain + (a - in->addr), (size_t)(b - a));
        t->unproved += in->codec ? 0 : (b - a) / what->unit;
    }
    image_mark(m, what->unit, in->addr, end, DIO_DATA, NULL);
    return 0;
}

static int other_unit(const struct dio_transcode *what, struct dio_transcoder *t,
                      const struct dumpio_run *piece, const struct pages *in,
                      struct dio_batch *out, struct dumpio_error *err)
{
    size_t len = (size_t)(piece->end - piece->start), n = len / what->unit;
    struct image m = {dio_batch_alloc(out, len), dio_batch_alloc(out, n),
                      dio_batch_alloc(out, n * sizeof(char *)), piece->start, piece->end};
    if (!m.mem || !m.state || !m.why)
        return dio_nomem(err, "a batch");
    memset(m.mem, 0, len);
    memset(m.state, 0, n);
    for (size_t i = 0; i < in->n; i++) {
        int rc = image_add(what, t, &m, &in->p[i], out, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t addr = piece->start + i * what->unit;
        int rc = m.state[i] == DIO_DATA
                     ? emit(what, t, addr, m.mem + i * what->unit, IN_OUTPUT, out,
                            err)
                     : add_lost(out, addr,
                                m.state[i] ? m.why[i] : "in the page map, but not stored", err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- windows --------------------------------------------------------------------------------------- */

int dio_transcode_fetch(const struct dio_transcode *what, const struct dio_window *window,
                        struct dio_batch *in, struct dumpio_error *err)
{
    struct dumpio_dump *d = what->dump;
    uint32_t in_unit = d->info->unit;
    uint64_t done = 0; /* pages that two pieces have a part of are fetched once */
    int rc = 0;
    dio_batch_reset(in);
    for (size_t i = 0; i < window->n && !rc; i++) {
        const struct dumpio_run *piece = &window->pieces[i];
        uint64_t start = dio_round_down(piece->start, in_unit);
        uint64_t end = dio_round_up(piece->end, in_unit);
        if (start < done)
            start = done;
        if (piece->kind != DUMPIO_PRESENT || start >= end)
            continue;
        rc = d->format->fetch(d->self, start, end, in, err);
        if (!rc)
            rc = dio_stream_check(d, err);
        done = end;
    }
    return rc ? rc : dio_stream_see(d, in, err);
}

/* The pages of [start, end): those that came with the window, or fetched. */
static int piece_pages(const struct dio_transcode *what, const struct dumpio_run *piece,
                       struct dio_batch *in, struct pages *pages, struct dumpio_error *err)
{
    struct dumpio_dump *d = what->dump;
    uint64_t start = dio_round_down(piece->start, d->info->unit);
    uint64_t end = dio_round_up(piece->end, d->info->unit);
    if (!what->fetched) {
        dio_batch_clear_pages(in);
        int rc = d->format->fetch(d->self, start, end, in, err);
        *pages = (struct pages){dio_batch_pages(in), dio_batch_count(in)};
        return rc;
    }
    struct dio_page *p = dio_batch_pages(in);
    size_t n = dio_batch_count(in), first = 0, last;
    while (first < n && p[first].addr < start)
        first++;
    for (last = first; last < n && p[last].addr < end; last++)
        ;
    *pages = (struct pages){p + first, last - first};
    return 0;
}

static int present_piece(const struct dio_transcode *what, struct dio_transcoder *t,
                         const struct dumpio_run *piece, struct dio_batch *in,
                         struct dio_batch *out, uint64_t *passed, struct dumpio_error *err)
{
    struct pages pages;
    int rc = piece_pages(what, piece, in, &pages, err);
    if (rc)
        return rc;
    if (what->dump->info->unit != what->unit)
        return other_unit(what, t, piece, &pages, out, err);
    const struct dio_page *p = pages.p;
    for (size_t i = 0, n = pages.n; i < n; i++) {
        rc = same_unit(what, t, &p[i], out, passed, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int redacted_piece(const struct dio_transcode *what, struct dio_transcoder *t,
                          const struct dumpio_run *piece, struct dio_batch *out,
                          struct dumpio_error *err)
{
    int rc = 0;
    for (uint64_t addr = piece->start; addr < piece->end && !rc; addr += what->unit)
        rc = add_zero(what, t, addr, out, err);
    return rc;
}

static void add_tags(const struct dio_share_key *key, struct dio_batch *out)
{
    struct dio_page *p = dio_batch_pages(out);
    for (size_t i = 0, n = dio_batch_count(out); i < n; i++)
        if (p[i].kind == DIO_DATA)
            dio_share_tag(key, p[i].data, p[i].len, p[i].tag);
}

int dio_transcode_window(const struct dio_transcode *what, struct dio_transcoder *t,
                         const struct dio_window *window, struct dio_batch *in,
                         struct dio_batch *out, uint64_t *passed, struct dumpio_error *err)
{
    if (!what->fetched)
        dio_batch_reset(in);
    dio_batch_reset(out);
    t->borrowed = false;
    t->unproved = 0;
    for (size_t i = 0; i < window->n; i++) {
        int rc = 0;
        if (window->pieces[i].kind == DUMPIO_EXCLUDED && what->redact)
            rc = redacted_piece(what, t, &window->pieces[i], out, err);
        if (window->pieces[i].kind == DUMPIO_PRESENT)
            rc = present_piece(what, t, &window->pieces[i], in, out, passed, err);
        if (rc)
            return rc;
    }
    if (what->share)
        add_tags(what->share, out);
    return 0;
}
