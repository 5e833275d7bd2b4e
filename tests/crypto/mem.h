/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source and a sink in memory, for tests of layers. The sink demands what FORWARD promises.
 */
#ifndef TEST_MEM_H
#define TEST_MEM_H

#include "plug/bytes.h"
#include "plug/out.h"

#include <stdlib.h>
#include <string.h>

/* ---- source: bytes borrowed ------------------------------------------------------------------ */

struct mem_in {
    struct dio_bytes b;
    const uint8_t *p;
};

static int mem_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    struct mem_in *m = (struct mem_in *)b;
    (void)err;
    *got = off < b->size ? (size_t)(b->size - off) : 0;
    if (*got > len)
        *got = len;
    if (*got)
        memcpy(buf, m->p + off, *got);
    return 0;
}

static void mem_close(struct dio_bytes *b)
{
    free(b);
}

static inline struct dio_bytes *mem_source(const void *p, size_t len)
{
    static const struct dio_bytes_ops ops = {mem_read_at, NULL, mem_close, NULL};
    struct mem_in *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->b = (struct dio_bytes){&ops, len, "memory", 0, 0};
    m->p = p;
    return &m->b;
}

/* ---- sink: into a struct of the caller's ----------------------------------------------------- */

struct mem_result {
    uint8_t *p; /* the caller frees it */
    size_t len, room;
    int finished, discarded, disorder; /* disorder: a write that was not ascending */
    size_t fail_at; /* writes beyond fail with DUMPIO_E_IO; 0 = never */
};

struct mem_out {
    struct dio_out o;
    struct mem_result *r;
};

static int mem_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                        struct dumpio_error *err)
{
    struct mem_result *r = ((struct mem_out *)o)->r;
    if (off != r->len)
        r->disorder = 1;
    if (r->fail_at && off + len > r->fail_at)
        return dio_fail(err, DUMPIO_E_IO, off, "memory sink: full");
    if (r->len + len > r->room) {
        r->room = 2 * (r->len + len);
        r->p = realloc(r->p, r->room);
        if (!r->p)
            abort();
    }
    memcpy(r->p + r->len, buf, len);
    r->len += len;
    return 0;
}

static int mem_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct mem_result *r = ((struct mem_out *)o)->r;
    (void)err;
    r->finished++;
    if (size != r->len)
        r->disorder = 1;
    free(o);
    return 0;
}

static void mem_discard(struct dio_out *o)
{
    ((struct mem_out *)o)->r->discarded++;
    free(o);
}

static inline struct dio_out *mem_sink(struct mem_result *r)
{
    static const struct dio_out_ops ops = {mem_write_at, mem_finish, mem_discard};
    struct mem_out *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->o = (struct dio_out){&ops, DIO_FORWARD, "memory"};
    m->r = r;
    return &m->o;
}

#endif
