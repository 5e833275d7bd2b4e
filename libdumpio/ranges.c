/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cutting a page map into the windows that batches handle.
 */
#include "ranges.h"
#include "plug/decode.h"

#include <stdlib.h>

static int refill(struct dio_windows *w, struct dumpio_error *err)
{
    while (w->run.start >= w->run.end) {
        int rc = dio_map_next(w->map, &w->run, err);
        if (rc)
            return rc;
        if (w->skip_excluded && w->run.kind == DUMPIO_EXCLUDED)
            w->run.start = w->run.end;
    }
    return 0;
}

/* Pieces of a window that is no extent: enough to fill it, few enough to stay short. */
#define PIECES_FEW 64

static void take_lost(struct dio_windows *w, struct dio_window *out) /* whole, however long */
{
    out->pieces[out->n++] = w->run;
    w->run.start = w->run.end;
}

/* Does the map end inside of the extent, or begin there? */
static bool is_cut(const struct dio_windows *w, uint64_t base)
{
    uint64_t end = base + w->span; /* 0: of the address space */
    return w->within && (base < w->within->start || end - 1 > w->within->end - 1);
}

/* All of an extent, or what of it lies before, between and behind LOST runs. */
static int next_extent(struct dio_windows *w, struct dio_window *out, struct dumpio_error *err)
{
    uint64_t base = 0;
    for (;;) {
        int rc = refill(w, err);
        if (rc == DUMPIO_END && out->n)
            return 0;
        if (rc)
            return rc;
        if (out->n && dio_round_down(w->run.start, w->span) != base)
            return 0;
        if (w->run.kind == DUMPIO_LOST && !out->n) {
            take_lost(w, out);
            return 0;
        }
        if (w->run.kind == DUMPIO_LOST) {
            w->has_split = out->split = true;
            w->split_base = base;
            return 0;
        }
        if (out->n == DIO_PIECES_MAX)
            return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                            "more than %d runs of memory at 0x%llx", DIO_PIECES_MAX,
                            (unsigned long long)base);
        base = dio_round_down(w->run.start, w->span);
        out->split = (w->has_split && w->split_base == base) || is_cut(w, base);
        struct dumpio_run *piece = &out->pieces[out->n++];
        *piece = w->run;
        uint64_t limit = base + w->span;
        if (limit > base && piece->end > limit)
            piece->end = limit;
        w->run.start = piece->end;
        out->bytes += piece->end - piece->start;
    }
}

int dio_windows_next(struct dio_windows *w, struct dio_window *out, struct dumpio_error *err)
{
    out->n = 0;
    out->bytes = 0;
    out->split = false;
    if (w->by_extent)
        return next_extent(w, out, err);
    while (out->n < PIECES_FEW && out->bytes < w->span) {
        int rc = refill(w, err);
        if (rc == DUMPIO_END && out->n)
            return 0;
        if (rc)
            return rc;
        if (w->run.kind == DUMPIO_LOST && out->n)
            return 0;
        if (w->run.kind == DUMPIO_LOST) {
            take_lost(w, out);
            return 0;
        }
        struct dumpio_run *piece = &out->pieces[out->n];
        *piece = w->run;
        uint64_t limit = dio_round_down(piece->start, w->span) + w->span;
        if (limit > piece->start && piece->end > limit)
            piece->end = limit;
        /* a window of pieces from several spans stays within one span's worth of memory */
        if (piece->end - piece->start > w->span - out->bytes)
            piece->end = piece->start + (w->span - out->bytes);
        w->run.start = piece->end;
        out->bytes += piece->end - piece->start;
        out->n++;
    }
    return 0;
}

int dio_ranges_cut(const struct dumpio_range *keep, size_t n, const struct dumpio_range *in,
                   struct dumpio_range **out, size_t *n_out, struct dumpio_error *err)
{
    const struct dumpio_range all = {0, UINT64_MAX};
    if (!keep) {
        keep = &all;
        n = 1;
    }
    *n_out = 0;
    *out = calloc(n + 1, sizeof **out);
    if (!*out)
        return dio_nomem(err, "ranges");
    for (size_t i = 0; i < n; i++) {
        struct dumpio_range r = keep[i];
        r.start = r.start > in->start ? r.start : in->start;
        r.end = r.end < in->end ? r.end : in->end;
        if (r.start < r.end)
            (*out)[(*n_out)++] = r;
    }
    return 0;
}
