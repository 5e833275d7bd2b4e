/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages from one unit and codec to another: the work that a conversion's threads do.
 */
#ifndef DIO_TRANSCODE_H
#define DIO_TRANSCODE_H

#include "leaf.h"
#include "ranges.h"
#include "share_tag.h"

struct dio_transcode {
    struct dumpio_dump *dump;
    uint32_t unit;                 /* of the output */
    const struct dio_codec *codec; /* NULL = plain */
    int level;
    bool redact;                   /* EXCLUDED pieces become zero pages */
    bool pass_through;             /* pages packed with `codec` already are taken as they are */
    bool check;                    /* these, too, are decoded, and LOST if they cannot */
    const struct dio_share_key *share; /* payloads get tags; NULL = they do not */
    const struct dumpio_partial *partials; /* for leaves: pages of the output not held whole */
    uint32_t n_partials;
    bool fetched;                  /* windows come with their pages, by dio_transcode_fetch */
};

/* Per-thread state. */
struct dio_transcoder {
    struct dio_decoder decoder;
    void *packer;            /* codec state at `level` */
    uint8_t *plain;          /* DIO_SPAN_MAX + a unit, when units differ; one unit otherwise */
    struct dio_leaf *leaf;   /* NULL, or told of all output pages; started by the caller. Then
                                pages that pass through are decoded too, and LOST if they cannot */
    uint64_t unproved;       /* DATA pages of the output's unit that came plain, in the window */
    bool borrowed;           /* output pages of the window at hand point into its input pages */
};

int dio_transcoder_init(struct dio_transcoder *t, const struct dio_transcode *what,
                        struct dumpio_error *err);
void dio_transcoder_free(struct dio_transcoder *t, const struct dio_transcode *what);

/*
 * With what->fetched, in the order of the windows: all pages of the window's PRESENT pieces into `in`.
 */
int dio_transcode_fetch(const struct dio_transcode *what, const struct dio_window *window,
                        struct dio_batch *in, struct dumpio_error *err);

/*
 * Fetch the window's pages into `in` (unless what->fetched) and append the output pages to `out`:
 * DATA, ZERO or LOST, one per output unit of the window's PRESENT pieces, ascending. *passed counts
 * pages taken over. Output pages, and the leaf, point into `in` only where t->borrowed says so
 * afterwards; the leaf into `out` as well.
 */
int dio_transcode_window(const struct dio_transcode *what, struct dio_transcoder *t,
                         const struct dio_window *window, struct dio_batch *in,
                         struct dio_batch *out, uint64_t *passed, struct dumpio_error *err);

#endif
