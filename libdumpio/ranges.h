/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs over a page map: the windows of memory that one batch handles. Shared by everything that
 * walks a whole dump. And lists of ranges, cut.
 */
#ifndef DIO_RANGES_H
#define DIO_RANGES_H

#include "dump.h"

#include <stdbool.h>

#define DIO_PIECES_MAX 1024 /* of an extent: it has no more pages */

/* The runs of one job, none crossing a multiple of the span. */
struct dio_window {
    struct dumpio_run pieces[DIO_PIECES_MAX];
    size_t n;
    uint64_t bytes; /* of memory in them */
    bool split;     /* by extents: a LOST run or `within` divides this one; there is more of it */
};

/* Cuts a map into windows. */
struct dio_windows {
    struct dio_map *map;
    uint64_t span;           /* power of two; pieces end at its multiples */
    bool skip_excluded;
    bool by_extent;          /* a window holds all of one multiple of the span, and no more */
    const struct dumpio_range *within; /* by extents: what the map was cut to; NULL = not cut */
    struct dumpio_run run;   /* what is left of the run at hand */
    bool has_split;
    uint64_t split_base;     /* the last extent that was divided */
};

/*
 * The next window: up to `span` bytes of memory, or one LOST run alone, whatever its length (and
 * then bytes is 0). 0, DUMPIO_END or an error.
 */
int dio_windows_next(struct dio_windows *w, struct dio_window *out, struct dumpio_error *err);

/*
 * What of `keep` (n ranges; NULL = everything) lies in *in: *out is malloc'ed, *n_out of them. 0 or
 * DUMPIO_E_NOMEM.
 */
int dio_ranges_cut(const struct dumpio_range *keep, size_t n, const struct dumpio_range *in,
                   struct dumpio_range **out, size_t *n_out, struct dumpio_error *err);

#endif
