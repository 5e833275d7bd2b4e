/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves and root of the image digest, docs/image-digest.md: the one place where they are made.
 */
#ifndef DIO_LEAF_H
#define DIO_LEAF_H

#include "extent.h"
#include "sha256.h"

/* What is known of one extent. Contents are borrowed until the leaf is made. */
struct dio_leaf {
    uint64_t base;
    uint8_t present[DIO_EXTENT_MAP], zero[DIO_EXTENT_MAP]; /* frames, lowest bit first */
    const uint8_t *frames[DIO_EXTENT_FRAMES]; /* of those present and not zero */
};

void dio_leaf_start(struct dio_leaf *l, uint64_t base);
/*
 * [addr, addr + len), multiples of DIO_FRAME inside the extent, is present with this content; NULL
 * = all zero. Saying it again changes nothing.
 */
void dio_leaf_add(struct dio_leaf *l, uint64_t addr, const uint8_t *data, size_t len);
/* *any false, and no leaf, when no frame is present. */
int dio_leaf_end(const struct dio_leaf *l, struct dio_sha256 *h,
                 unsigned char leaf[DUMPIO_DIGEST_SIZE], bool *any, struct dumpio_error *err);

/* The root: start, add leaves by ascending address, end with their number. */
void dio_root_start(struct dio_sha256 *h);
void dio_root_add(struct dio_sha256 *h, const unsigned char leaf[DUMPIO_DIGEST_SIZE]);
int dio_root_end(struct dio_sha256 *h, uint64_t leaves, unsigned char root[DUMPIO_DIGEST_SIZE],
                 struct dumpio_error *err);

#endif
