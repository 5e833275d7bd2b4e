/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the writers of KDUMP and DISKDUMP share: places, descriptors, payloads.
 * Reference: makedumpfile's IMPLEMENTATION; crash's diskdump.c for what it insists on.
 * Not handled: nothing of the writer's side.
 *
 * File: main header, sub header with its tail, 1st and 2nd bitmap, descriptors, one zero page that
 * all zero pages share, payloads in order of address, of equal ones the first. A part of a split set
 * has the bitmaps of the whole dump, room for all of its descriptors, and only its own pages: its
 * data begins where that of the other parts does.
 *
 * The headers are written first, so that what was written before an interruption can be read, and
 * again at the end: in a file, where they said until then that it is incomplete, and in a stream,
 * whose missing end says so, if they came to be others.
 */
#include "kdump.h"

#include <stdlib.h>

/* ---- the main header ------------------------------------------------------------------------- */

static void put_uts(struct dio_kdump_head *h, const struct dumpio_info *info)
{
    struct dio_builder b = dio_builder(h->uts, DIO_KDUMP_UTS, h->order, h->word);
    for (unsigned i = 0; i < DUMPIO_UTS_FIELDS; i++) {
        const char *text = info->uts[i];
        if (!*text && i == DUMPIO_MACHINE)
            text = dio_arch_uts(info->arch, h->order);
        dio_bld_str(&b, text, DIO_KDUMP_UTS / DUMPIO_UTS_FIELDS);
    }
}

static void fill_head(struct dio_kdump_head *h, const struct dio_write_plan *plan)
{
    const struct dumpio_info *info = plan->info;
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    h->order = info->order ? info->order
               : arch      ? (enum dumpio_order)arch->default_order
                           : DUMPIO_LITTLE;
    h->word = info->word ? info->word : arch ? arch->word : 8;
    h->word = h->word == 4 ? 4 : 8;
    h->block_size = plan->unit;
    if (info->dump_sec != DUMPIO_UNKNOWN_TIME && info->dump_sec > 0) {
        h->sec = (uint64_t)info->dump_sec;
        h->usec = info->dump_usec > 0 ? (uint64_t)info->dump_usec : 0;
    }
    h->nr_cpus = info->nr_cpus > info->n_cpus ? info->nr_cpus : info->n_cpus;
    if (!h->nr_cpus)
        h->nr_cpus = 1;
}

int dio_kdump_writer_new(struct dio_kdump_writer **out, struct dio_out *sink,
                         const struct dio_write_plan *plan, bool diskdump,
                         struct dumpio_error *err)
{
    if (sink->access == DIO_FORWARD)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "%s cannot be written front to back, and %s takes nothing else",
                        diskdump ? "diskdump" : "kdump", sink->name);
    if (!dio_is_pow2(plan->unit) || plan->unit < DIO_KDUMP_BLOCK_MIN ||
        plan->unit > DIO_KDUMP_BLOCK_MAX)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "pages have %u to %u bytes here, not %u", DIO_KDUMP_BLOCK_MIN,
                        DIO_KDUMP_BLOCK_MAX, plan->unit);
    struct dio_kdump_writer *w = calloc(1, sizeof *w);
    if (!w)
        return dio_nomem(err, "a writer");
    w->out = sink;
    w->plan = plan;
    w->to_place = plan->split ? plan->split->present_pages : plan->present_pages;
    w->head.diskdump = diskdump;
    w->lost = plan->info->incomplete || plan->info->truncated;
    fill_head(&w->head, plan);
    *out = w;
    return 0;
}

void dio_kdump_writer_free(void *self)
{
    struct dio_kdump_writer *w = self;
    if (!w)
        return;
    dio_kdump_share_free(w->share);
    free(w->tail);
    free(w->front);
    free(w);
}

int dio_kdump_write_front(struct dio_kdump_writer *w, dio_kdump_fill *fill,
                          struct dumpio_error *err)
{
    put_uts(&w->head, w->plan->info);
    size_t len = (1 + (size_t)w->head.sub_blocks) * w->plan->unit;
    uint8_t *front = calloc(1, len);
    if (!front)
        return dio_nomem(err, "the header blocks");
    dio_kdump_put_head(front, &w->head);
    if (w->tail_len)
        memcpy(front + w->tail_at, w->tail, w->tail_len);
    fill(front, w);
    bool same = w->front && !memcmp(w->front, front, len);
    free(w->front);
    w->front = front;
    return same ? 0 : dio_write(w->out, 0, front, len, err);
}

bool dio_kdump_marks_unfinished(const struct dio_kdump_writer *w)
{
    return w->out->access == DIO_RANDOM; /* a stream has an end marker */
}

/* ---- places ---------------------------------------------------------------------------------- */

int dio_kdump_writer_start(struct dio_kdump_writer *w, struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    uint64_t unit = plan->unit;
    w->max_pfn = plan->end_addr > w->base ? dio_div_up(plan->end_addr - w->base, unit) : 0;
    uint64_t sub = dio_div_up(w->tail_at - unit + w->tail_len, unit);
    uint64_t bitmap = dio_div_up(dio_div_up(w->max_pfn, 8), unit);
    if (!bitmap)
        bitmap = 1;
    if (sub > INT32_MAX || 2 * bitmap > INT32_MAX ||
        (w->head.diskdump && w->max_pfn > UINT32_MAX))
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "%llu pages of %u bytes up to address 0x%llx are more than %s can number",
                        (unsigned long long)w->max_pfn, plan->unit,
                        (unsigned long long)plan->end_addr,
                        w->head.diskdump ? "diskdump" : "kdump");
    w->head.sub_blocks = (uint32_t)sub;
    w->head.bitmap_blocks = (uint32_t)(2 * bitmap);
    w->head.max_mapnr = (uint32_t)w->max_pfn;
    w->desc_at = (1 + sub + 2 * bitmap) * unit;
    w->data_at = w->desc_at + plan->present_pages * DIO_KDUMP_DESC;
    w->at = w->data_at + unit;

    uint64_t ram;
    int rc = dio_kdump_write_bitmaps(w, &ram, err);
    if (rc)
        return rc;
    w->head.total_ram_blocks = !w->head.diskdump ? 0 : ram > UINT32_MAX ? UINT32_MAX
                                                                        : (uint32_t)ram;
    uint8_t *zero = calloc(1, plan->unit);
    rc = zero ? dio_write(w->out, w->data_at, zero, plan->unit, err)
              : dio_nomem(err, "a zero page");
    free(zero);
    return rc;
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Where a batch goes; in the batch's arena, its first page's `where` points to it. */
struct place {
    uint64_t first;   /* number of the first descriptor */
    uint64_t data_at; /* file offset of the first payload */
    uint64_t data_len;
    uint64_t at[];    /* file offset of every page's payload; 0: lost */
};

int dio_kdump_codec_flag(const struct dio_codec *codec)
{
    static const struct {
        const char *name;
        int flag;
    } flags[] = {{"zlib", DIO_KDUMP_ZLIB}, {"lzo", DIO_KDUMP_LZO}, {"snappy", DIO_KDUMP_SNAPPY},
                 {"zstd", DIO_KDUMP_ZSTD}};
    for (size_t i = 0; codec && i < sizeof flags / sizeof flags[0]; i++)
        if (!strcmp(codec->name, flags[i].name))
            return flags[i].flag;
    return codec ? -1 : 0;
}

/* *at = where the payload stands, or will stand when it is no earlier page's. */
static int share(struct dio_kdump_writer *w, struct dio_page *p, uint64_t *at,
                 struct dumpio_error *err)
{
    uint64_t next = *at;
    if (!w->share && !(w->share = dio_kdump_share_new(DIO_KDUMP_SHARE_BITS)))
        return dio_nomem(err, "the payloads that pages share");
    *at = dio_kdump_share_find(w->share, p->tag, p->len, p->flags, next);
    p->shared = *at != next;
    return 0;
}

static int place_data(struct dio_kdump_writer *w, struct dio_page *p, struct place *place,
                      uint64_t *at, struct dumpio_error *err)
{
    uint32_t unit = w->plan->unit;
    int flag = dio_kdump_codec_flag(p->codec);
    if (flag < 0 || !p->len || p->len > unit || (!flag && p->len != unit))
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                        "page 0x%llx: %u bytes in codec %s, the page has %u",
                        (unsigned long long)p->addr, p->len, p->codec ? p->codec->name : "none",
                        unit);
    p->flags = (uint8_t)flag;
    *at = place->data_at + place->data_len;
    p->shared = 0;
    if (p->tag[0] | p->tag[1]) {
        int rc = share(w, p, at, err);
        if (rc)
            return rc;
    }
    if (!p->shared)
        place->data_len += p->len;
    return 0;
}

int dio_kdump_place(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    struct dio_kdump_writer *w = self;
    struct dio_page *pages = dio_batch_pages(batch);
    size_t n = dio_batch_count(batch);
    if (!n)
        return 0;
    if (n > w->to_place - w->placed)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                        "more pages than the %llu of the map", (unsigned long long)w->to_place);
    struct place *place = dio_batch_alloc(batch, sizeof *place + n * sizeof place->at[0]);
    if (!place)
        return dio_nomem(err, "a batch");
    *place = (struct place){.first = w->placed, .data_at = w->at};
    for (size_t i = 0; i < n; i++) {
        place->at[i] = pages[i].kind == DIO_ZERO ? w->data_at : 0;
        int rc = 0;
        if (pages[i].kind == DIO_DATA)
            rc = place_data(w, &pages[i], place, &place->at[i], err);
        if (rc)
            return rc;
        w->lost |= pages[i].kind == DIO_LOST;
    }
    pages[0].where = (uintptr_t)place;
    w->at += place->data_len;
    w->placed += n;
    return 0;
}

/* Lost or not reached: their descriptors stay zeros. */
int dio_kdump_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    struct dio_kdump_writer *w = self;
    (void)err;
    w->placed += (end - start) / w->plan->unit;
    w->lost = true;
    return 0;
}

static void put_desc(uint8_t *raw, enum dumpio_order order, uint64_t off, uint32_t size,
                     uint32_t flags)
{
    dio_put(raw, order, 8, off);
    dio_put(raw + 8, order, 4, size);
    dio_put(raw + 12, order, 4, flags);
}

static int store_descs(struct dio_kdump_writer *w, struct dio_batch *batch,
                       const struct place *place, struct dumpio_error *err)
{
    const struct dio_page *pages = dio_batch_pages(batch);
    size_t n = dio_batch_count(batch), len = n * DIO_KDUMP_DESC;
    uint8_t *raw = dio_batch_alloc(batch, len);
    if (!raw)
        return dio_nomem(err, "a batch");
    memset(raw, 0, len); /* a page that is lost has a descriptor of zeros */
    for (size_t i = 0; i < n; i++) {
        uint8_t *desc = raw + i * DIO_KDUMP_DESC;
        if (pages[i].kind == DIO_ZERO)
            put_desc(desc, w->head.order, place->at[i], w->plan->unit, 0);
        else if (pages[i].kind == DIO_DATA)
            put_desc(desc, w->head.order, place->at[i], pages[i].len, pages[i].flags);
    }
    return dio_write(w->out, w->desc_at + place->first * DIO_KDUMP_DESC, raw, len, err);
}

static bool is_stored(const struct dio_page *p)
{
    return p->kind == DIO_DATA && !p->shared;
}

/* The payloads are neighbours in the file: one write, without a copy where they are in memory. */
static int store_payloads(struct dio_kdump_writer *w, struct dio_batch *batch,
                          const struct place *place, struct dumpio_error *err)
{
    const struct dio_page *pages = dio_batch_pages(batch);
    size_t n = dio_batch_count(batch);
    const uint8_t *start = NULL, *next = NULL;
    bool together = true;
    for (size_t i = 0; i < n; i++) {
        if (!is_stored(&pages[i]))
            continue;
        if (!start)
            start = next = pages[i].data;
        together &= pages[i].data == next;
        next = pages[i].data + pages[i].len;
    }
    if (!together) {
        uint8_t *buf = dio_batch_alloc(batch, (size_t)place->data_len), *p = buf;
        if (!buf)
            return dio_nomem(err, "a batch");
        for (size_t i = 0; i < n; i++)
            if (is_stored(&pages[i])) {
                memcpy(p, pages[i].data, pages[i].len);
                p += pages[i].len;
            }
        start = buf;
    }
    return dio_write(w->out, place->data_at, start, (size_t)place->data_len, err);
}

int dio_kdump_store(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    struct dio_kdump_writer *w = self;
    if (!dio_batch_count(batch))
        return 0;
    const struct place *place = (const void *)(uintptr_t)dio_batch_pages(batch)[0].where;
    int rc = store_descs(w, batch, place, err);
    return rc ? rc : store_payloads(w, batch, place, err);
}

int dio_kdump_check_placed(const struct dio_kdump_writer *w, struct dumpio_error *err)
{
    if (w->placed == w->to_place)
        return 0;
    return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "%llu pages came of %llu in the map",
                    (unsigned long long)w->placed, (unsigned long long)w->to_place);
}
