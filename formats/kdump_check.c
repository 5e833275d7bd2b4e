/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Have the files of a KDUMP or DISKDUMP what their bitmaps promise: pages up to the last, and a
 * descriptor for every bit? Reference: makedumpfile's IMPLEMENTATION. Not handled: bitmaps too
 * large to be counted when a dump is opened, and wrong bits that make up for each other.
 */
#include "kdump.h"
#include "kdump_salvage.h"

#include <inttypes.h>

#define CUT_DESCS 1024u /* descriptors looked at to see whether a part is cut */
#define COUNT_AT_OPEN_MAX (64u << 20)
#define COUNT_DESCS 1024u /* descriptors looked at for the first payload */

/* Does the file of part p end before what its last descriptors point to? (Not the very last alone:
 * that may be a zero page, which is stored in front.) */
static int part_cut(struct dio_kdump *d, const struct dio_kdump_part *p, bool *cut,
                    struct dumpio_error *err)
{
    uint64_t first, end = 0;
    uint8_t desc[CUT_DESCS * DIO_KDUMP_DESC];
    size_t got;
    int rc = dio_rank_of(&d->rank, p->start, &first, err);
    if (!rc)
        rc = dio_rank_of(&d->rank, p->end, &end, err);
    if (rc)
        return rc;
    end += (uint64_t)d->shift_behind;
    if (end <= first)
        return 0;
    uint64_t n = end - first < CUT_DESCS ? end - first : CUT_DESCS;
    uint64_t at = d->desc_at + (end - first - n) * DIO_KDUMP_DESC;
    rc = dio_read_some(p->src, at, desc, (size_t)n * DIO_KDUMP_DESC, &got, err);
    if (rc)
        return rc;
    *cut |= got < n * DIO_KDUMP_DESC;
    for (size_t i = 0; i < got / DIO_KDUMP_DESC; i++) {
        const uint8_t *one = desc + i * DIO_KDUMP_DESC;
        uint64_t off = dio_get64(one, d->head.order), size = dio_get32(one + 8, d->head.order);
        *cut |= off && (off > p->src->size || size > p->src->size - off);
    }
    return 0;
}

/* Has part p as many descriptors as bits? Where its table does not tell, that is not known. */
static int check_count(struct dio_kdump *d, struct dio_kdump_part *p, struct dumpio_error *err)
{
    struct dio_kdump_table t = {.at = d->desc_at, .max = COUNT_DESCS};
    uint64_t first, end;
    int rc = dio_rank_of(&d->rank, p->start, &first, NULL);
    if (!rc)
        rc = dio_rank_of(&d->rank, p->end, &end, NULL);
    if (!rc)
        rc = dio_kdump_read_table(p->src, d->head.order, 0, &t, NULL);
    if (rc)
        return rc == DUMPIO_E_NOMEM ? dio_nomem(err, "page descriptors") : 0;
    if (!t.sure || t.counts[0] == end - first)
        return 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, d->stored.at, "%s: %" PRIu64 " bits are set in the "
                    "second page bitmap at 0x%" PRIx64 ", but there are %" PRIu64 " page "
                    "descriptors: with a wrong bit, all pages behind it would be other pages'; "
                    "dumpconv --salvage gives what can be proved", p->src->name, end - first,
                    d->stored.at, t.counts[0]);
}

int dio_kdump_check_tables(struct dio_kdump *d, struct dumpio_info *info,
                           const struct dumpio_env *env, struct dumpio_error *err)
{
    bool cut = d->stored.have < d->stored.bits || d->ram.have < d->ram.bits;
    bool counts = !cut && d->max_pfn / 8 <= COUNT_AT_OPEN_MAX;
    bool mended = d->salvage && !d->parts[0].sub.split;
    int rc = 0;
    for (size_t i = 0; i < d->n_parts && counts && !mended && !rc; i++)
        rc = check_count(d, &d->parts[i], err);
    if (rc)
        return rc;
    if (cut)
        dio_note(env, DUMPIO_WARNING, "%s ends inside the page bitmaps: memory from 0x%" PRIx64
                 " on is lost", d->stored.src->name, d->base + (d->stored.have << d->shift));
    for (size_t i = 0; i < d->n_parts && !cut && counts; i++) {
        struct dumpio_error e = {0};
        rc = part_cut(d, &d->parts[i], &cut, &e);
        if (rc == DUMPIO_E_NOMEM)
            return dio_nomem(err, "a page bitmap");
        cut |= rc != 0;
        if (cut)
            dio_note(env, DUMPIO_WARNING, "%s ends before its last page", d->parts[i].src->name);
    }
    if (cut)
        info->truncated = 1;
    return 0;
}
