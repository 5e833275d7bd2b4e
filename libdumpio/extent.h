/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory by extents of 4 MiB, the grain of the image digest and of comparisons.
 */
#ifndef DIO_EXTENT_H
#define DIO_EXTENT_H

#include "dump.h"

#define DIO_EXTENT_SIZE (4u << 20)
#define DIO_FRAME 4096u
#define DIO_EXTENT_FRAMES (DIO_EXTENT_SIZE / DIO_FRAME)
#define DIO_EXTENT_MAP (DIO_EXTENT_FRAMES / 8)

/* A range of lost memory inside an extent. */
struct dio_extent_lost {
    uint64_t start, end;
    char why[160];
};

struct dio_extent {
    uint64_t base;
    uint8_t *data;                    /* DIO_EXTENT_SIZE; bytes not present are zero */
    uint8_t present[DIO_EXTENT_MAP];  /* frames, least significant bit first */
    uint8_t lost[DIO_EXTENT_MAP];     /* frames that should be there */
    uint64_t present_pages, zero_pages, lost_pages, partial_pages; /* of the dump's unit */
    uint64_t codec_pages[DIO_CODECS_MAX + 1], codec_bytes[DIO_CODECS_MAX + 1]; /* [0] plain */
    struct dio_extent_lost *lost_list;
    size_t n_lost, cap_lost;
};

/* Per-thread means of loading. */
struct dio_extent_loader {
    struct dio_batch *batch;
    struct dio_decoder decoder;
};

int dio_extent_init(struct dio_extent *e, struct dumpio_error *err);
void dio_extent_free(struct dio_extent *e);
int dio_extent_loader_init(struct dio_extent_loader *l, struct dumpio_error *err);
void dio_extent_loader_free(struct dio_extent_loader *l);

/* Load the extent at base (a multiple of its size). Lost pages are data, no error. */
int dio_extent_load(struct dio_extent *e, struct dio_extent_loader *l, struct dumpio_dump *d,
                    uint64_t base, struct dumpio_error *err);

/*
 * What comes at or above addr (a multiple of the extent's size): the base of the next extent that
 * holds PRESENT or LOST memory, and *lost empty; or, in *lost, a run that fills whole extents and
 * is LOST throughout, which is as long as a liar says and therefore not walked through.
 * DUMPIO_END behind the last.
 */
int dio_extent_next(struct dumpio_dump *d, uint64_t addr, uint64_t *base, struct dumpio_run *lost,
                    struct dumpio_error *err);

static inline int dio_bit(const uint8_t *map, size_t i)
{
    return map[i / 8] >> (i % 8) & 1;
}

#endif
