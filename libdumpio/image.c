/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining leaves to the image digest. Extents that a LOST run divides come in pieces and are made
 * here; all others come as finished leaves.
 */
#include "image.h"

#include <stdlib.h>
#include <string.h>

int dio_image_start(struct dio_image *im, struct dumpio_error *err)
{
    *im = (struct dio_image){.root = dio_sha256_new(), .hash = dio_sha256_new()};
    if (!im->root || !im->hash) {
        dio_image_free(im);
        return dio_nomem(err, "a digest");
    }
    dio_root_start(im->root);
    return 0;
}

void dio_image_free(struct dio_image *im)
{
    dio_sha256_free(im->root);
    dio_sha256_free(im->hash);
    free(im->leaves);
    free(im->room);
    *im = (struct dio_image){0};
}

static int append(struct dio_image *im, uint64_t base,
                  const unsigned char leaf[DUMPIO_DIGEST_SIZE], struct dumpio_error *err)
{
    dio_root_add(im->root, leaf);
    if (im->n++ >= DIO_MANIFEST_LEAVES_MAX)
        return 0; /* the root alone, then */
    if (im->n > im->cap) {
        size_t cap = im->cap ? im->cap * 2 : 256;
        struct dio_manifest_leaf *l = realloc(im->leaves, cap * sizeof *l);
        if (!l)
            return dio_nomem(err, "the leaves of the image digest");
        im->leaves = l;
        im->cap = cap;
    }
    im->leaves[im->n - 1].base = base;
    memcpy(im->leaves[im->n - 1].sha256, leaf, DUMPIO_DIGEST_SIZE);
    return 0;
}

static int close_extent(struct dio_image *im, struct dumpio_error *err)
{
    unsigned char leaf[DUMPIO_DIGEST_SIZE];
    bool any = false;
    int rc = im->is_open ? dio_leaf_end(&im->open, im->hash, leaf, &any, err) : 0;
    im->is_open = false;
    return rc ? rc : any ? append(im, im->open.base, leaf, err) : 0;
}

int dio_image_add(struct dio_image *im, uint64_t base,
                  const unsigned char leaf[DUMPIO_DIGEST_SIZE], struct dumpio_error *err)
{
    int rc = close_extent(im, err);
    return rc ? rc : append(im, base, leaf, err);
}

int dio_image_piece(struct dio_image *im, const struct dio_leaf *piece, struct dumpio_error *err)
{
    if (im->is_open && im->open.base != piece->base) {
        int rc = close_extent(im, err);
        if (rc)
            return rc;
    }
    if (!im->room)
        im->room = malloc(DIO_EXTENT_SIZE);
    if (!im->room)
        return dio_nomem(err, "an extent of memory");
    if (!im->is_open)
        dio_leaf_start(&im->open, piece->base);
    im->is_open = true;
    for (size_t i = 0; i < DIO_EXTENT_FRAMES; i++) {
        uint8_t *copy = NULL;
        if (!dio_bit(piece->present, i))
            continue;
        if (!dio_bit(piece->zero, i)) {
            copy = im->room + i * DIO_FRAME;
            memcpy(copy, piece->frames[i], DIO_FRAME);
        }
        dio_leaf_add(&im->open, piece->base + i * DIO_FRAME, copy, DIO_FRAME);
    }
    return 0;
}

int dio_image_end(struct dio_image *im, unsigned char root[DUMPIO_DIGEST_SIZE],
                  struct dumpio_error *err)
{
    int rc = close_extent(im, err);
    return rc ? rc : dio_root_end(im->root, im->n, root, err);
}
