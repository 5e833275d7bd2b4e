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

int dio_windows_next(struct dio_windows *w, struct dio_window *out, struct dumpio_error *err)
{
    out->n = 0;
    out->bytes = 0;
    while (out->n < DIO_PIECES_MAX && out->bytes < w->span) {
        int rc = refill(w, err);
        if (rc == DUMPIO_END && out->n)
            return 0;
        if (rc)
            return rc;
        if (w->run.kind == DUMPIO_LOST && out->n)
            return 0;
        if (w->run.kind == DUMPIO_LOST) { /* whole, however long */
            out->pieces[out->n++] = w->run;
            w->run.start = w->run.end;
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
