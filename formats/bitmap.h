/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bitmaps read where they lie in a file, least significant bit of each byte first, and the number
 * of set bits before any one. Private to the formats that have page bitmaps.
 * Bounded memory: a directory of at most DIO_RANK_ENTRIES_MAX counts, whatever the bitmap's size.
 */
#ifndef DIO_FORMATS_BITMAP_H
#define DIO_FORMATS_BITMAP_H

#include "plug/bytes.h"

#include <stdatomic.h>
#include <stdbool.h>

struct dio_bitmap {
    struct dio_bytes *src;
    uint64_t at;    /* file offset of bit 0 */
    uint64_t bits;  /* whatever lies behind is not part of it */
    uint64_t have;  /* of them, inside the file */
};

void dio_bitmap_init(struct dio_bitmap *m, struct dio_bytes *src, uint64_t at, uint64_t bits);

/*
 * n words of 64 bits from word number `first` on: bit i of word w is bit 64 * w + i. Bits that the
 * file does not have are 0. Thread-safe. 0 or an I/O error.
 */
int dio_bitmap_read(const struct dio_bitmap *m, uint64_t first, uint64_t *words, size_t n,
                    struct dumpio_error *err);

/*
 * The first word from number `first` on that may have bits set, as the source knows it: what a
 * sparse file leaves out is not read. *word = first when nothing is known. 0 or an I/O error.
 */
int dio_bitmap_next(const struct dio_bitmap *m, uint64_t first, uint64_t *word,
                    struct dumpio_error *err);

/* The words' bits from `from` (a bit number; the words begin at word `first`) on set to 1. */
void dio_words_fill(uint64_t *words, size_t n, uint64_t first, uint64_t from);
/* Set to 0. */
void dio_words_clear(uint64_t *words, size_t n, uint64_t first, uint64_t from);

#define DIO_RANK_ENTRIES_MAX (1u << 20)

/*
 * Counts before every 4 KiB of a bitmap (more when it is huge), found once and lazily. Without a
 * lock: threads that need a count at the same time find the same one.
 */
struct dio_rank {
    const struct dio_bitmap *map;
    unsigned shift;            /* log2 of the bits between two counts */
    size_t n;
    _Atomic uint64_t *before;  /* [k]: set bits before bit k << shift; valid for k <= known */
    _Atomic size_t known;
};

/* `map` stays the caller's and must outlive it. DUMPIO_E_NOMEM. */
int dio_rank_init(struct dio_rank *r, const struct dio_bitmap *map, struct dumpio_error *err);
void dio_rank_free(struct dio_rank *r);

/* *rank = set bits before `bit`, which is at most map->bits. Thread-safe. 0 or an I/O error. */
int dio_rank_of(struct dio_rank *r, uint64_t bit, uint64_t *rank, struct dumpio_error *err);

#endif
