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
    bool dense;                       /* of a target that cannot tell absent from zero */
    uint64_t next;                    /* dense: the extent behind the last one */
    bool is_open;                     /* an extent that comes in pieces is at hand: */
    struct dio_leaf open;
    uint8_t *room;                    /* its contents, DIO_EXTENT_SIZE */
};

/*
 * dense: everything that is not said to be present is present and zero, from address 0; all comes
 * in pieces then.
 */
int dio_image_start(struct dio_image *im, bool dense, struct dumpio_error *err);
void dio_image_free(struct dio_image *im); /* all zero allowed */

/* Where an image stands, to go back to. All zero at first, and after its free. */
struct dio_image_mark {
    struct dio_image at; /* leaves not its own */
};
int dio_image_mark(struct dio_image_mark *mark, const struct dio_image *im,
                   struct dumpio_error *err);
/* To a mark of this image, as often as one likes. */
int dio_image_back(struct dio_image *im, const struct dio_image_mark *mark,
                   struct dumpio_error *err);
void dio_image_mark_free(struct dio_image_mark *mark);

/* ---- from windows ---------------------------------------------------------------------------- */

/* What one window of an extent gives; belongs to a job, made at its first use. All zero at first. */
struct dio_image_part {
    struct dio_leaf *leaf;
    unsigned char digest[DUMPIO_DIGEST_SIZE];
    bool has_digest, is_piece;
};
void dio_image_part_free(struct dio_image_part *part);

/* Any thread: the leaf to be told of the pages of the extent at addr. NULL: no memory. */
struct dio_leaf *dio_image_part_begin(struct dio_image_part *part, uint64_t addr);
/* Any thread: all was told. split: the extent has other windows, too. */
int dio_image_part_end(struct dio_image_part *part, const struct dio_image *im, bool split,
                       struct dio_sha256 *h, struct dumpio_error *err);
/* In order. */
int dio_image_part_place(const struct dio_image_part *part, struct dio_image *im,
                         struct dumpio_error *err);

/* ---- by itself ------------------------------------------------------------------------------- */

/* The leaf of a whole extent. */
int dio_image_add(struct dio_image *im, uint64_t base,
                  const unsigned char leaf[DUMPIO_DIGEST_SIZE], struct dumpio_error *err);
/* A piece of an extent, whose other pieces come right before and after it. Copied. */
int dio_image_piece(struct dio_image *im, const struct dio_leaf *piece, struct dumpio_error *err);
/*
 * No more comes: the root. im->leaves are all there, unless there are too many. end: dense, where
 * the memory ends, bytes.
 */
int dio_image_end(struct dio_image *im, uint64_t end, unsigned char root[DUMPIO_DIGEST_SIZE],
                  struct dumpio_error *err);
/* The same, and what a manifest has of it: root and leaves. */
int dio_image_tell(struct dio_image *im, uint64_t end, struct dio_manifest *m,
                   struct dumpio_error *err);

#endif
