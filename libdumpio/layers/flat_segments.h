/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flattened stream's headers, one after another: private to the readers of layers/flat*.c.
 * The format is named in flat_segments.c.
 */
#ifndef DIO_FLAT_SEGMENTS_H
#define DIO_FLAT_SEGMENTS_H

#include "flat.h"

#define DIO_FLAT_SEGMENT 16u /* bytes of a segment's header */

struct dio_flat_segments {
    const struct dumpio_env *env; /* hears of a bad end */
    uint64_t at;     /* of the next segment header, in the stream */
    uint64_t offset; /* of this segment, inside */
    uint64_t len;    /* bytes of this segment; offset + len <= INT64_MAX */
    uint64_t count;  /* segments with data so far */
    uint64_t size;   /* bytes inside so far */
    int truncated;
};

/* The file's header in the first n bytes; an unknown type is DUMPIO_E_UNSUPPORTED. */
int dio_flat_check_header(const uint8_t *head, size_t n, const struct dumpio_env *env,
                          struct dumpio_error *err);

/*
 * Take the segment header h, which lies at s->at: 0, or DUMPIO_END at the end marker. An impossible
 * one is an error when it is the first, else the stream is truncated there and this is its end.
 */
int dio_flat_take_header(struct dio_flat_segments *s, const uint8_t *h, struct dumpio_error *err);

/* `got` bytes of the segment's data are there; fewer than its length are an early end. */
int dio_flat_take_data(struct dio_flat_segments *s, uint64_t got, struct dumpio_error *err);

/* There is no header at s->at: DUMPIO_END, or an error when nothing came before. */
int dio_flat_ended_early(struct dio_flat_segments *s, struct dumpio_error *err);

#endif
