/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A format that exists for the tests only: it shows that a format is one file and one line.
 * Layout, all little-endian: "TOYDUMP1", u32 page size, u32 length of the carried block, that
 * block, then per page u64 address and the page; pages ascend; the last address is all ones.
 */
#include "plug/decode.h"
#include "plug/format.h"

#include <stdlib.h>

#define HEAD 16

/* ---- reading ----------------------------------------------------------------------------------- */

struct toy_in {
    struct dio_bytes *b;
    uint64_t first; /* offset of the first record */
    uint64_t n;     /* records */
    uint32_t unit;
};

static int toy_probe(const uint8_t *head, size_t n)
{
    return n >= HEAD && !memcmp(head, "TOYDUMP1", 8) ? 100 : 0;
}

static int addr_at(const struct toy_in *t, uint64_t i, uint64_t *addr, struct dumpio_error *err)
{
    uint8_t b[8];
    int rc = dio_read_exact(t->b, t->first + i * (8 + t->unit), b, 8, "toy record", err);
    *addr = dio_get64(b, DUMPIO_LITTLE);
    return rc;
}

/* Index of the first record with address >= addr. */
static int find(const struct toy_in *t, uint64_t addr, uint64_t *at, struct dumpio_error *err)
{
    uint64_t lo = 0, hi = t->n;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2, a;
        int rc = addr_at(t, mid, &a, err);
        if (rc)
            return rc;
        if (a < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    *at = lo;
    return 0;
}

static void toy_close(void *self)
{
    free(self);
}

static int toy_open(void **self, const struct dio_input *in, struct dio_model *model,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    uint8_t head[HEAD];
    struct dumpio_info *info = dio_model_info(model);
    struct toy_in *t = calloc(1, sizeof *t);
    int rc = t ? dio_read_exact(in->parts[0], 0, head, HEAD, "toy header", err)
               : dio_nomem(err, "a toy dump");
    uint32_t carried = rc ? 0 : dio_get32(head + 12, DUMPIO_LITTLE);
    void *block = carried && carried < in->parts[0]->size ? malloc(carried) : NULL;
    if (!rc) {
        t->b = in->parts[0];
        t->unit = info->unit = info->page_size = dio_get32(head + 8, DUMPIO_LITTLE);
        t->first = HEAD + carried;
        info->version = 1;
        info->file_order = info->order = DUMPIO_LITTLE;
        if (!dio_is_pow2(t->unit) || t->unit < 4096 || t->unit > DIO_PAGE_MAX ||
            t->b->size < t->first)
            rc = dio_fail(err, DUMPIO_E_CORRUPT, 8, "toy header: page size %u", t->unit);
    }
    if (!rc && block)
        rc = dio_read_exact(t->b, HEAD, block, carried, "toy carried block", err);
    if (!rc && block)
        rc = dio_model_restore(model, block, carried, env, err);
    free(block);
    if (!rc) {
        t->n = (t->b->size - t->first) / (8 + t->unit);
        uint64_t last = 0;
        if (t->n)
            rc = addr_at(t, t->n - 1, &last, err);
        info->end_addr = t->n ? last + t->unit : 0;
    }
    if (rc)
        free(t);
    else
        *self = t;
    return rc;
}

static int toy_next_run(void *self, uint64_t addr, struct dumpio_run *run,
                        struct dumpio_error *err)
{
    struct toy_in *t = self;
    uint64_t i, a;
    int rc = find(t, addr & ~(uint64_t)(t->unit - 1), &i, err);
    if (rc)
        return rc;
    if (i >= t->n)
        return DUMPIO_END;
    rc = addr_at(t, i, &a, err);
    *run = (struct dumpio_run){a > addr ? a : addr, a + t->unit, DUMPIO_PRESENT};
    return rc;
}

static int toy_fetch(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                     struct dumpio_error *err)
{
    struct toy_in *t = self;
    uint64_t i;
    int rc = find(t, start, &i, err);
    for (uint64_t at = start; at < end && !rc; at += t->unit) {
        struct dio_page *p = dio_batch_add(batch, at);
        uint64_t a = UINT64_MAX;
        if (!p)
            return dio_nomem(err, "a batch");
        if (i < t->n)
            rc = addr_at(t, i, &a, err);
        if (rc || a != at)
            continue;
        uint8_t *data = dio_batch_alloc(batch, t->unit);
        if (!data)
            return dio_nomem(err, "a batch");
        rc = dio_read_exact(t->b, t->first + i * (8 + t->unit) + 8, data, t->unit, "toy page", err);
        p->kind = DIO_DATA;
        p->data = data;
        p->len = t->unit;
        i++;
    }
    return rc;
}

/* ---- writing ------------------------------------------------------------------------------------ */

struct toy_out {
    struct dio_out *out;
    uint64_t pos;
    uint32_t unit;
};

static int toy_create(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    struct toy_out *t = calloc(1, sizeof *t);
    uint8_t head[HEAD];
    struct dio_builder b = dio_builder(head, HEAD, DUMPIO_LITTLE, 8);
    (void)env;
    if (!t)
        return dio_nomem(err, "a toy dump");
    *t = (struct toy_out){out, HEAD + plan->carried_len, plan->unit};
    *self = t;
    dio_bld_bytes(&b, "TOYDUMP1", 8);
    dio_bld_u32(&b, plan->unit);
    dio_bld_u32(&b, (uint32_t)plan->carried_len);
    int rc = dio_write(out, 0, head, HEAD, err);
    return rc ? rc : dio_write(out, HEAD, plan->carried, plan->carried_len, err);
}

static int toy_place(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    struct toy_out *t = self;
    struct dio_page *p = dio_batch_pages(batch);
    (void)err;
    for (size_t i = 0, n = dio_batch_count(batch); i < n; i++) {
        p[i].where = t->pos;
        if (p[i].kind != DIO_LOST)
            t->pos += 8 + t->unit;
    }
    return 0;
}

static int toy_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    (void)self, (void)start, (void)end, (void)err;
    return 0; /* such memory is simply not there */
}

static int toy_store(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    struct toy_out *t = self;
    const struct dio_page *p = dio_batch_pages(batch);
    int rc = 0;
    uint8_t *zeros = calloc(1, t->unit);
    if (!zeros)
        return dio_nomem(err, "a zero page");
    for (size_t i = 0, n = dio_batch_count(batch); i < n && !rc; i++) {
        uint8_t addr[8];
        if (p[i].kind == DIO_LOST)
            continue;
        dio_put(addr, DUMPIO_LITTLE, 8, p[i].addr);
        rc = dio_write(t->out, p[i].where, addr, 8, err);
        if (!rc)
            rc = dio_write(t->out, p[i].where + 8, p[i].kind == DIO_ZERO ? zeros : p[i].data,
                           t->unit, err);
    }
    free(zeros);
    return rc;
}

static int toy_finish(void *self, uint64_t *size, struct dumpio_error *err)
{
    (void)err;
    *size = ((struct toy_out *)self)->pos;
    return 0;
}

extern const struct dio_format dio_format_toy;
const struct dio_format dio_format_toy = {
    .name = "toy",
    .title = "a format for the tests",
    .probe = toy_probe,
    .open = toy_open,
    .close = toy_close,
    .next_run = toy_next_run,
    .fetch = toy_fetch,
    .holds = DIO_HOLDS_ABSENT,
    .create = toy_create,
    .place = toy_place,
    .lost = toy_lost,
    .unreached = toy_lost,
    .store = toy_store,
    .finish = toy_finish,
    .free = toy_close,
};
