/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do two dumps hold the same memory? Extent by extent, to the first difference.
 */
#include "extent.h"
#include "pipeline.h"
#include "plug/decode.h"
#include "progress.h"

#include <stdlib.h>

struct side {
    struct dumpio_dump *dump;
    struct dio_extent extent;
    struct dio_extent_loader loader;
    uint64_t base; /* next extent */
    bool lost;     /* LOST throughout, and maybe much longer */
    bool end;
};

static int side_init(struct side *s, struct dumpio_dump *d, struct dumpio_error *err)
{
    s->dump = d;
    int rc = dio_extent_init(&s->extent, err);
    return rc ? rc : dio_extent_loader_init(&s->loader, err);
}

static void side_free(struct side *s)
{
    dio_extent_free(&s->extent);
    dio_extent_loader_free(&s->loader);
}

static int side_advance(struct side *s, uint64_t from, struct dumpio_error *err)
{
    if (s->end || s->base >= from)
        if (from)
            return 0;
    struct dumpio_run lost;
    int rc = dio_extent_next(s->dump, from, &s->base, &lost, err);
    s->lost = !rc && lost.start < lost.end;
    if (rc == DUMPIO_END) {
        s->end = true;
        s->base = UINT64_MAX;
        return 0;
    }
    return rc;
}

/* The first difference of one extent. */
static bool differs(const struct dio_extent *a, const struct dio_extent *b,
                    struct dumpio_compare_result *r)
{
    for (size_t i = 0; i < DIO_EXTENT_FRAMES; i++) {
        uint64_t addr = a->base + i * DIO_FRAME;
        const uint8_t *x = a->data + i * DIO_FRAME, *y = b->data + i * DIO_FRAME;
        r->addr = addr;
        if (dio_bit(a->lost, i) || dio_bit(b->lost, i)) {
            r->difference = DUMPIO_DIFF_LOST;
            return true;
        }
        if (dio_bit(a->present, i) != dio_bit(b->present, i)) {
            r->difference = DUMPIO_DIFF_PRESENCE;
            return true;
        }
        if (!dio_bit(a->present, i))
            continue;
        r->frames++;
        if (!memcmp(x, y, DIO_FRAME))
            continue;
        for (size_t n = 0; x[n] == y[n]; n++)
            r->addr = addr + n + 1;
        r->difference = DUMPIO_DIFF_CONTENT;
        return true;
    }
    return false;
}

/* Compare the extent at base, which at least one side has. */
static int compare_extent(struct side *a, struct side *b, uint64_t base,
                          struct dumpio_compare_result *r, bool *found, struct dumpio_error *err)
{
    int rc = dio_extent_load(&a->extent, &a->loader, a->dump, base, err);
    if (!rc)
        rc = dio_extent_load(&b->extent, &b->loader, b->dump, base, err);
    if (!rc)
        *found = differs(&a->extent, &b->extent, r);
    return rc;
}

int dumpio_compare(struct dumpio_dump *a, struct dumpio_dump *b,
                   struct dumpio_compare_result *result, const struct dumpio_env *env,
                   struct dumpio_error *err)
{
    struct side x = {0}, y = {0};
    struct dio_ticker ticker = {.env = env};
    bool found = false;
    uint64_t from = 0;
    *result = (struct dumpio_compare_result){0};
    ticker.p.total = a->info->end_addr > b->info->end_addr ? a->info->end_addr : b->info->end_addr;
    int rc = dio_stream_refuse(a, "comparing", err);
    if (!rc)
        rc = dio_stream_refuse(b, "comparing", err);
    if (!rc)
        rc = side_init(&x, a, err);
    if (!rc)
        rc = side_init(&y, b, err);
    while (!rc && !found) {
        rc = side_advance(&x, from, err);
        if (!rc)
            rc = side_advance(&y, from, err);
        if (rc || (x.end && y.end))
            break;
        uint64_t base = x.base < y.base ? x.base : y.base;
        if ((x.base == base && x.lost) || (y.base == base && y.lost)) {
            result->difference = DUMPIO_DIFF_LOST;
            result->addr = base;
            break;
        }
        rc = compare_extent(&x, &y, base, result, &found, err);
        from = base + DIO_EXTENT_SIZE;
        ticker.p.done = from;
        if (!rc)
            rc = dio_tick(&ticker, 0, err);
        if (!from)
            break;
    }
    if (result->difference == DUMPIO_SAME)
        result->addr = 0;
    side_free(&x);
    side_free(&y);
    return rc;
}
