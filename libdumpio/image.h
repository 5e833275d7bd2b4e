/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image digest of what a conversion writes, put together in the order of the addresses.
 */
#ifndef DIO_IMAGE_H
#define DIO_IMAGE_H

#include "leaf.h"
#include "manifest.h"

struct dio_image {
    struct dio_sha256 *root, *hash;
    struct dio_manifest_leaf *leaves; /* so far; the first DIO_MANIFEST_LEAVES_MAX */
    uint64_t n;                       /* all of them */
    size_t cap;
    bool is_open;                     /* an extent that comes in pieces is at hand: */
    struct dio_leaf open;
    uint8_t *room;                    /* its contents, DIO_EXTENT_SIZE */
};

int dio_image_start(struct dio_image *im, struct dumpio_error *err);
void dio_image_free(struct dio_image *im); /* all zero allowed */

/* The leaf of a whole extent. */
int dio_image_add(struct dio_image *im, uint64_t base,
                  const unsigned char leaf[DUMPIO_DIGEST_SIZE], struct dumpio_error *err);
/* A piece of an extent, whose other pieces come right before and after it. Copied. */
int dio_image_piece(struct dio_image *im, const struct dio_leaf *piece, struct dumpio_error *err);
/* No more comes: the root. im->leaves are all there, unless there are too many. */
int dio_image_end(struct dio_image *im, unsigned char root[DUMPIO_DIGEST_SIZE],
                  struct dumpio_error *err);

#endif
