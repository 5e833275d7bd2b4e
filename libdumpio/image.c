/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining leaves to the image digest. Extents that a LOST run divides come in pieces and are made
 * here; all others come as finished leaves.
 */
#include "image.h"
#include "plug/decode.h"

#include <stdlib.h>
#include <string.h>

int dio_image_start(struct dio_image *im, bool dense, struct dumpio_error *err)
{
    *im = (struct dio_image){.root = dio_sha256_new(), .hash = dio_sha256_new(), .dense = dense};
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

/* The frames of the open extent below `end` that nothing was said of are zero. */
static void fill(struct dio_image *im, uint64_t end)
{
    for (size_t i = 0; i < DIO_EXTENT_FRAMES; i++)
        if (!dio_bit(im->open.present, i) && im->open.base + i * DIO_FRAME < end)
            dio_leaf_add(&im->open, im->open.base + i * DIO_FRAME, NULL, DIO_FRAME);
}

static int close_extent(struct dio_image *im, uint64_t end, struct dumpio_error *err)
{
    unsigned char leaf[DUMPIO_DIGEST_SIZE];
    bool any = false;
    if (!im->is_open)
        return 0;
    if (im->dense)
        fill(im, end);
    im->is_open = false;
    im->next = im->open.base + DIO_EXTENT_SIZE;
    int rc = dio_leaf_end(&im->open, im->hash, leaf, &any, err);
    return rc ? rc : any ? append(im, im->open.base, leaf, err) : 0;
}

/* Dense: the extents below `end` that nothing came of. */
static int fill_up(struct dio_image *im, uint64_t end, struct dumpio_error *err)
{
    int rc = 0;
    while (im->dense && !rc && im->next < end) {
        dio_leaf_start(&im->open, im->next);
        im->is_open = true;
        rc = close_extent(im, end, err);
    }
    return rc;
}

int dio_image_add(struct dio_image *im, uint64_t base,
                  const unsigned char leaf[DUMPIO_DIGEST_SIZE], struct dumpio_error *err)
{
    int rc = close_extent(im, base, err);
    return rc ? rc : append(im, base, leaf, err);
}

int dio_image_piece(struct dio_image *im, const struct dio_leaf *piece, struct dumpio_error *err)
{
    int rc = 0;
    if (im->open.base != piece->base)
        rc = close_extent(im, piece->base, err);
    if (!rc && !im->is_open)
        rc = fill_up(im, piece->base, err);
    if (rc)
        return rc;
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

int dio_image_end(struct dio_image *im, uint64_t end, unsigned char root[DUMPIO_DIGEST_SIZE],
                  struct dumpio_error *err)
{
    int rc = close_extent(im, end, err);
    if (!rc)
        rc = fill_up(im, end, err);
    return rc ? rc : dio_root_end(im->root, im->n, root, err);
}

int dio_image_tell(struct dio_image *im, uint64_t end, struct dio_manifest *m,
                   struct dumpio_error *err)
{
    int rc = dio_image_end(im, end, m->image, err);
    m->has_image = !rc;
    if (im->n <= DIO_MANIFEST_LEAVES_MAX) {
        m->leaves = im->leaves;
        m->n_leaves = (size_t)im->n;
        im->leaves = NULL;
    }
    return rc;
}

/* ---- going back ------------------------------------------------------------------------------ */

/* The open extent of `from`, its contents copied. */
static int copy_open(struct dio_image *to, const struct dio_image *from, struct dumpio_error *err)
{
    to->is_open = from->is_open;
    if (!from->is_open)
        return 0;
    if (!to->room)
        to->room = malloc(DIO_EXTENT_SIZE);
    if (!to->room)
        return dio_nomem(err, "an extent of memory");
    to->open = from->open;
    for (size_t i = 0; i < DIO_EXTENT_FRAMES; i++) {
        if (!dio_bit(from->open.present, i) || dio_bit(from->open.zero, i))
            continue;
        to->open.frames[i] = to->room + i * DIO_FRAME;
        memcpy(to->room + i * DIO_FRAME, from->room + i * DIO_FRAME, DIO_FRAME);
    }
    return 0;
}

int dio_image_mark(struct dio_image_mark *mark, const struct dio_image *im,
                   struct dumpio_error *err)
{
    if (!mark->at.root)
        mark->at.root = dio_sha256_new();
    if (!mark->at.root)
        return dio_nomem(err, "a digest");
    dio_sha256_copy(mark->at.root, im->root);
    mark->at.n = im->n;
    mark->at.next = im->next;
    return copy_open(&mark->at, im, err);
}

int dio_image_back(struct dio_image *im, const struct dio_image_mark *mark,
                   struct dumpio_error *err)
{
    dio_sha256_copy(im->root, mark->at.root);
    im->n = mark->at.n;
    im->next = mark->at.next;
    return copy_open(im, &mark->at, err);
}

void dio_image_mark_free(struct dio_image_mark *mark)
{
    dio_image_free(&mark->at);
}

/* ---- windows --------------------------------------------------------------------------------- */

void dio_image_part_free(struct dio_image_part *part)
{
    free(part->leaf);
    part->leaf = NULL;
}

struct dio_leaf *dio_image_part_begin(struct dio_image_part *part, uint64_t addr)
{
    if (!part->leaf)
        part->leaf = malloc(sizeof *part->leaf);
    if (part->leaf)
        dio_leaf_start(part->leaf, dio_round_down(addr, DIO_EXTENT_SIZE));
    return part->leaf;
}

int dio_image_part_end(struct dio_image_part *part, const struct dio_image *im, bool split,
                       struct dio_sha256 *h, struct dumpio_error *err)
{
    part->is_piece = split || im->dense;
    part->has_digest = false;
    return part->is_piece ? 0 : dio_leaf_end(part->leaf, h, part->digest, &part->has_digest, err);
}

int dio_image_part_place(const struct dio_image_part *part, struct dio_image *im,
                         struct dumpio_error *err)
{
    if (part->is_piece)
        return dio_image_piece(im, part->leaf, err);
    return part->has_digest ? dio_image_add(im, part->leaf->base, part->digest, err) : 0;
}
