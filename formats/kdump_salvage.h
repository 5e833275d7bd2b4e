/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of KDUMP and DISKDUMP files, for the files of these formats. Reference, and what is not
 * handled: kdump_salvage.c, kdump_rebuild.c.
 */
#ifndef DIO_FORMATS_KDUMP_SALVAGE_H
#define DIO_FORMATS_KDUMP_SALVAGE_H

#include "kdump.h"

/* The table of descriptors, as its own contents tell. */
struct dio_kdump_table {
    uint64_t at;         /* file offset */
    uint64_t max;        /* descriptors read at the most */
    uint64_t counts[8];  /* numbers of descriptors that the place of the first payload allows */
    unsigned n;          /* of counts */
    bool sure;           /* the only count, and the last descriptor stands where it says */
    uint32_t size_max;   /* longest payload seen */
    uint32_t plain;      /* size of plain pages; 0 = none seen */
    uint64_t zero_at;    /* of the first payload, when pages share it: zeros; or 0 */
};

/* Has a descriptor of the table at `table` this form, in a file of `size` bytes? */
bool dio_kdump_desc_right(const uint8_t *p, enum dumpio_order order, uint64_t table,
                          uint64_t size);

/*
 * Read up to t->max descriptors at t->at, up to the first payload that one of them points to. The
 * first `first` have to be right, and most of the others. 0, DUMPIO_END: no table stands there; or
 * an error.
 */
int dio_kdump_read_table(struct dio_bytes *src, enum dumpio_order order, unsigned first,
                         struct dio_kdump_table *t, struct dumpio_error *err);

/* May the table have n descriptors? */
bool dio_kdump_table_allows(const struct dio_kdump_table *t, uint64_t n);

/*
 * The geometry of a dump without main header: bitmaps and descriptors are found where they prove
 * each other. `h` gets byte order, block size, places and number of frames; all else is unknown.
 * 0, DUMPIO_END, or an error.
 */
int dio_kdump_rebuild_head(struct dio_bytes *src, struct dio_kdump_head *h,
                           struct dumpio_error *err);

/* A sub header in place of one that contradicts the main header; as far as that goes. */
void dio_kdump_rebuild_sub(const struct dio_kdump_head *h, struct dio_kdump_sub *sub);
/* Does the sub header go with the main header? */
bool dio_kdump_sub_fits(const struct dio_kdump_head *h, const struct dio_kdump_sub *sub);

/*
 * Damaged stretches of the bitmaps of a dump in one file: the other bitmap in place of one, where
 * the number of descriptors proves it; else d->lost and d->shift are set. Before the rank is made.
 */
int dio_kdump_mend(struct dio_kdump *d, struct dumpio_error *err);

#endif
