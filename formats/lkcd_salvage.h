/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of LKCD dumps, for the files of that format. Reference, and what is not handled:
 * lkcd_salvage.c.
 */
#ifndef DIO_FORMATS_LKCD_SALVAGE_H
#define DIO_FORMATS_LKCD_SALVAGE_H

#include "lkcd.h"

/* In an index entry's extra: the page may have been in damaged records, which begin at value. */
#define DIO_LKCD_LOST ((uint64_t)1 << 63)

/* Bytes [start, end) of the file, between the records of two pages. */
struct dio_lkcd_damage {
    uint64_t start, end;
    uint64_t before, after; /* physical */
    bool has_before, has_after;
};

/*
 * The next record from `from` on that others vouch for, whose stored addresses are `base` and more.
 * 0, DUMPIO_END, or an error.
 */
int dio_lkcd_resync(struct dio_lkcd *l, uint64_t base, uint64_t from, uint64_t *found,
                    struct dumpio_error *err);

/*
 * Put the pages that damage may have held into the index: those between its neighbours, or as many
 * of them as the room has records for.
 */
int dio_lkcd_mark_lost(struct dio_lkcd *l, const struct dio_lkcd_damage *d,
                       struct dumpio_error *err);

/* What the page records alone tell of the main header. 0; DUMPIO_END: there are none; an error. */
int dio_lkcd_guess_head(struct dio_bytes *src, struct dio_lkcd_head *h, struct dumpio_error *err);

#endif
