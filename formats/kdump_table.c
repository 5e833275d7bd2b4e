/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many page descriptors a KDUMP or DISKDUMP has, as its descriptors tell: they end where the
 * first payload begins. Reference: makedumpfile's IMPLEMENTATION. Not handled: writers that leave
 * other room than a page of zeros in between, of which nothing is said.
 */
#include "kdump_salvage.h"

#define STEP DIO_KDUMP_BLOCK_MIN
#define BAD_SHARE 4u /* at most one descriptor of so many may be damaged */

bool dio_kdump_desc_right(const uint8_t *p, enum dumpio_order order, uint64_t table,
                          uint64_t size)
{
    uint64_t off = dio_get64(p, order);
    uint32_t len = dio_get32(p + 8, order), flags = dio_get32(p + 12, order);
    bool codec = flags == DIO_KDUMP_ZLIB || flags == DIO_KDUMP_LZO || flags == DIO_KDUMP_SNAPPY ||
                 flags == DIO_KDUMP_ZSTD;
    return off > table && off < size && len && len <= DIO_KDUMP_BLOCK_MAX &&
           (flags ? codec : dio_is_pow2(len) && len >= DIO_KDUMP_BLOCK_MIN) &&
           !dio_get64(p + 16, order);
}

bool dio_kdump_table_allows(const struct dio_kdump_table *t, uint64_t n)
{
    for (unsigned i = 0; i < t->n; i++)
        if (t->counts[i] == n)
            return true;
    return false;
}

/* A writer may have put a zero page in front that no descriptor points to. */
static void count(struct dio_kdump_table *t, uint64_t data)
{
    t->n = 0;
    for (uint64_t page = 0; page <= DIO_KDUMP_BLOCK_MAX; page = page ? page * 2 : STEP)
        if (data - t->at >= page && !((data - t->at - page) % DIO_KDUMP_DESC))
            t->counts[t->n++] = (data - t->at - page) / DIO_KDUMP_DESC;
}

/* Does the table end behind `n` descriptors, with nothing but a page of zeros up to the payloads? */
static int ends_behind(struct dio_bytes *src, enum dumpio_order order,
                       const struct dio_kdump_table *t, uint64_t n, uint64_t data, bool *yes,
                       struct dumpio_error *err)
{
    uint8_t two[2 * DIO_KDUMP_DESC] = {0}, zeros[STEP];
    uint64_t end = t->at + n * DIO_KDUMP_DESC;
    size_t got;
    int rc = dio_read_around(src, end - DIO_KDUMP_DESC, two, sizeof two, &got, 0, NULL, err);
    *yes = !rc && dio_kdump_desc_right(two, order, t->at, src->size) &&
           !dio_kdump_desc_right(two + DIO_KDUMP_DESC, order, t->at, src->size);
    for (uint64_t at = end; at < data && *yes && !rc; at += sizeof zeros) {
        rc = dio_read_around(src, at, zeros, sizeof zeros, &got, 0xff, NULL, err);
        *yes = !rc && got == sizeof zeros && dio_is_zero(zeros, sizeof zeros);
    }
    return rc;
}

/* Of the counts, the one that the end of the table shows. */
static int settle(struct dio_bytes *src, enum dumpio_order order, struct dio_kdump_table *t,
                  uint64_t data, struct dumpio_error *err)
{
    uint64_t shown = 0;
    unsigned n = 0;
    int rc = 0;
    for (unsigned i = 0; i < t->n && !rc; i++) {
        bool yes = false;
        if (t->counts[i])
            rc = ends_behind(src, order, t, t->counts[i], data, &yes, err);
        shown = yes ? t->counts[i] : shown;
        n += yes;
    }
    t->sure = n == 1;
    if (t->sure) {
        t->counts[0] = shown;
        t->n = 1;
    }
    return rc;
}

int dio_kdump_read_table(struct dio_bytes *src, enum dumpio_order order, unsigned first,
                         struct dio_kdump_table *t, struct dumpio_error *err)
{
    enum { PIECE = 1024 };
    uint8_t raw[PIECE * DIO_KDUMP_DESC];
    uint64_t data = UINT64_MAX, n = 0, bad = 0, sharers = 0;
    t->size_max = t->plain = 0;
    t->zero_at = 0;
    while (n < t->max && t->at + n * DIO_KDUMP_DESC < data) {
        size_t got;
        int rc = dio_read_around(src, t->at + n * DIO_KDUMP_DESC, raw, sizeof raw, &got, 0, NULL,
                                 err);
        if (rc)
            return rc;
        if (got < DIO_KDUMP_DESC)
            break;
        const uint8_t *end = raw + got - got % DIO_KDUMP_DESC;
        for (const uint8_t *p = raw; p < end; p += DIO_KDUMP_DESC) {
            if (t->at + n * DIO_KDUMP_DESC >= data)
                break;
            n++;
            if (dio_kdump_desc_right(p, order, t->at, src->size)) {
                uint64_t off = dio_get64(p, order);
                uint32_t len = dio_get32(p + 8, order);
                sharers = off < data ? 0 : sharers;
                data = off < data ? off : data;
                sharers += off == data;
                t->size_max = len > t->size_max ? len : t->size_max;
                t->plain = dio_get32(p + 12, order) ? t->plain : len;
            } else if (bad++, n <= first) {
                return DUMPIO_END;
            }
        }
    }
    if (data == UINT64_MAX || bad > n / BAD_SHARE)
        return DUMPIO_END;
    if (sharers > 1)
        t->zero_at = data;
    count(t, data);
    return t->n ? settle(src, order, t, data, err) : DUMPIO_END;
}
