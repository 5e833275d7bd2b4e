/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several overlapping flattened segments holds a byte: private to flat.c.
 * No on-disk format.
 */
#ifndef DIO_FLAT_OVERLAP_H
#define DIO_FLAT_OVERLAP_H

#include "../plug/index.h"

/* `len` bytes from `start` of what is inside lie at `pos` of the stream. */
struct extent {
    uint64_t start, len, pos;
};

/*
 * starts: sealed entries {start, pos, len} of segments, any overlaps. Disjoint extents are added
 * to `to`, ascending; where segments overlap the one with the greatest pos wins.
 */
int dio_flat_resolve(struct dio_index *starts, struct dio_index *to, struct dumpio_error *err);

/* Entries of disjoint extents are {last byte, pos, len}. */
static inline int add_extent(struct dio_index *x, const struct extent *e, struct dumpio_error *err)
{
    struct dio_entry n = {e->start + (e->len - 1), e->pos, e->len};
    return dio_index_add(x, &n, err);
}

#endif
