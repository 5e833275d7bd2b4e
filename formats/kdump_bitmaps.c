/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the bitmaps of KDUMP and DISKDUMP: bit n of the first: page frame n is memory; of the
 * second: it has a descriptor. Reference: makedumpfile's IMPLEMENTATION.
 */
#include "kdump.h"

#include <stdlib.h>

#define WINDOW (64u << 10) /* bytes of bitmap in memory */

/* A bitmap on its way out: one window in memory, ascending. */
struct bits {
    struct dio_out *out;
    uint64_t file_at;  /* of bit 0 */
    uint64_t len;      /* bytes of the whole */
    uint64_t start;    /* byte of the whole where the window begins */
    bool used;         /* a bit of the window is set */
    uint8_t *window;
};

static int bits_flush(struct bits *b, struct dumpio_error *err)
{
    uint64_t left = b->len - b->start;
    size_t n = left < WINDOW ? (size_t)left : WINDOW;
    /* What a random sink is not given is zero; a stream is to have it, readers rely on it. */
    bool write = b->used || b->out->access != DIO_RANDOM;
    int rc = write ? dio_write(b->out, b->file_at + b->start, b->window, n, err) : 0;
    if (b->used)
        memset(b->window, 0, WINDOW);
    b->used = false;
    b->start += n;
    return rc;
}

/* Bring the byte `at` into the window; at = len ends the bitmap. */
static int bits_advance(struct bits *b, uint64_t at, struct dumpio_error *err)
{
    int rc = 0;
    while (!rc && b->start < b->len && at >= b->start + WINDOW) {
        if (!b->used && b->out->access == DIO_RANDOM)
            b->start = dio_round_down(at, WINDOW);
        else
            rc = bits_flush(b, err);
    }
    if (!rc && at >= b->len && b->start < b->len)
        rc = bits_flush(b, err);
    return rc;
}

static void set_bits(uint8_t *p, uint64_t from, uint64_t to)
{
    while (from < to) {
        if (from % 8 == 0 && to - from >= 8) {
            uint64_t n = (to - from) / 8;
            memset(p + from / 8, 0xff, (size_t)n);
            from += n * 8;
        } else {
            p[from / 8] |= (uint8_t)(1u << from % 8);
            from++;
        }
    }
}

static int bits_set(struct bits *b, uint64_t from, uint64_t to, struct dumpio_error *err)
{
    while (from < to) {
        int rc = bits_advance(b, from / 8, err);
        if (rc)
            return rc;
        uint64_t first = b->start * 8, end = first + (uint64_t)WINDOW * 8;
        if (end > to)
            end = to;
        set_bits(b->window, from - first, end - first);
        b->used = true;
        from = end;
    }
    return 0;
}

static int walk(struct dio_kdump_writer *w, struct bits *ram, struct bits *stored, uint64_t *count,
                struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    struct dumpio_run run;
    int rc;
    dio_map_rewind(plan->map);
    while (!(rc = dio_map_next(plan->map, &run, err))) {
        uint64_t from = (run.start - w->base) / plan->unit, to = (run.end - w->base) / plan->unit;
        if (run.start < w->base || to > w->max_pfn)
            return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                            "memory at 0x%llx-0x%llx outside of the map",
                            (unsigned long long)run.start, (unsigned long long)run.end);
        rc = bits_set(ram, from, to, err);
        if (!rc && run.kind != DUMPIO_EXCLUDED)
            rc = bits_set(stored, from, to, err);
        if (rc)
            return rc;
        *count += to - from;
    }
    rc = rc == DUMPIO_END ? bits_advance(ram, ram->len, err) : rc;
    return rc ? rc : bits_advance(stored, stored->len, err);
}

int dio_kdump_write_bitmaps(struct dio_kdump_writer *w, uint64_t *ram, struct dumpio_error *err)
{
    uint64_t unit = w->plan->unit, len = w->head.bitmap_blocks / 2 * unit;
    uint64_t at = (1 + (uint64_t)w->head.sub_blocks) * unit;
    struct bits first = {.out = w->out, .file_at = at, .len = len, .window = calloc(1, WINDOW)};
    struct bits second = {.out = w->out, .file_at = at + len, .len = len,
                          .window = calloc(1, WINDOW)};
    *ram = 0;
    int rc = first.window && second.window ? walk(w, &first, &second, ram, err)
                                           : dio_nomem(err, "the page bitmaps");
    free(first.window);
    free(second.window);
    return rc;
}
