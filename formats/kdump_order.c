/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can a KDUMP be read in the order in which it comes? Its descriptors, which stand before the pages,
 * tell. Reference: makedumpfile's IMPLEMENTATION (page_desc).
 * Not handled: several files of a set.
 */
#include "kdump.h"
#include "plug/window.h"

#include <inttypes.h>
#include <stdlib.h>

#define DESCS 2048u        /* looked at at once */
#define BACK (4u << 20)    /* so far behind a source still is, bytes; see plug/window.h */

struct order {
    struct dio_kdump *d;
    struct dio_bytes *src;
    uint64_t first;        /* the lowest payload: the page of zeros, which many may share */
    uint64_t end;          /* of the payloads so far */
};

/* A payload that was passed long ago has to be kept when it passes. */
static int follow(struct order *o, uint64_t off, uint32_t size, struct dumpio_error *err)
{
    uint64_t stop;
    if (size > o->d->head.block_size || dio_add(off, size, &stop) || stop > DIO_SIZE_UNKNOWN)
        return 0; /* lost, as the fetch will say */
    if (stop > o->end)
        o->end = stop;
    if (off == o->first || o->end - off <= BACK)
        return 0;
    return dio_window_pin(o->src, off, size, err);
}

/* All descriptors, once for each of the two purposes. */
static int walk(struct order *o, uint64_t n, bool following, struct dumpio_error *err)
{
    uint8_t raw[DESCS * DIO_KDUMP_DESC];
    int rc = 0;
    for (uint64_t i = 0; i < n && !rc; i += DESCS) {
        size_t some = n - i < DESCS ? (size_t)(n - i) : DESCS;
        rc = dio_read_exact(o->src, o->d->desc_at + i * DIO_KDUMP_DESC, raw,
                            some * DIO_KDUMP_DESC, "page descriptors", err);
        for (size_t k = 0; k < some && !rc; k++) {
            const uint8_t *one = raw + k * DIO_KDUMP_DESC;
            uint64_t off = dio_get64(one, o->d->head.order);
            uint32_t size = dio_get32(one + 8, o->d->head.order);
            if (off && following)
                rc = follow(o, off, size, err);
            else if (off && off < o->first)
                o->first = off;
        }
    }
    return rc;
}

int dio_kdump_check_order(struct dio_kdump *d, struct dumpio_error *err)
{
    struct order o = {.d = d, .src = d->parts[0].src, .first = UINT64_MAX};
    uint64_t n;
    uint8_t *page;
    if (!o.src->forward)
        return 0;
    if (d->n_parts != 1)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "one of several files");
    uint8_t last; /* of the bitmaps: they are counted when the stream is seen to hold them */
    int rc = dio_read_exact(o.src, d->desc_at - 1, &last, 1, "page bitmaps", err);
    if (!rc)
        rc = dio_rank_of(&d->rank, d->max_pfn, &n, err);
    if (!rc)
        rc = walk(&o, n, false, err);
    if (rc || o.first == UINT64_MAX)
        return rc;
    page = malloc(d->head.block_size);
    if (!page)
        return dio_nomem(err, "a page");
    size_t got;
    rc = dio_read_some(o.src, o.first, page, d->head.block_size, &got, err); /* into the head */
    free(page);
    return rc ? rc : walk(&o, n, true, err);
}
