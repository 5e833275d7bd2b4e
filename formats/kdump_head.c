/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Main header and KDUMP sub header: finding their layout, decoding, encoding.
 * Reference: crash's diskdump.h, makedumpfile's diskdump_mod.h; QEMU's dump.h for what it differs.
 * Not handled: tasks[], which diskdump.c reads.
 */
#include "kdump.h"

#define HEAD_MAX 464u
#define SUB_MAX 104u
#define VERSION_NONSENSE 255 /* no version number of a right guess is greater */
#define CPUS_LIKELY 8192u

int dio_kdump_probe_for(const char *signature, const uint8_t *head, size_t n)
{
    return n >= 8 && !memcmp(head, signature, 8) ? 100 : 0;
}

/* ---- the main header ------------------------------------------------------------------------- */

static void decode_head(const uint8_t *raw, size_t len, enum dumpio_order order, unsigned word,
                        struct dio_kdump_head *h)
{
    struct dio_cursor c = dio_cursor(raw, len, order, word);
    h->order = order;
    h->word = word;
    dio_cur_skip(&c, 8);
    h->version = (int32_t)dio_cur_u32(&c);
    const uint8_t *uts = dio_cur_bytes(&c, DIO_KDUMP_UTS);
    if (uts)
        memcpy(h->uts, uts, DIO_KDUMP_UTS);
    dio_cur_align(&c, word);
    h->sec = dio_cur_word(&c);
    h->usec = dio_cur_word(&c);
    h->status = dio_cur_u32(&c);
    h->block_size = dio_cur_u32(&c);
    h->sub_blocks = dio_cur_u32(&c);
    h->bitmap_blocks = dio_cur_u32(&c);
    h->max_mapnr = dio_cur_u32(&c);
    h->total_ram_blocks = dio_cur_u32(&c);
    h->device_blocks = dio_cur_u32(&c);
    h->written_blocks = dio_cur_u32(&c);
    h->current_cpu = dio_cur_u32(&c);
    h->nr_cpus = dio_cur_u32(&c);
}

/* What keeps this from being a header; NULL when it may be one. */
static const char *objection(const struct dio_kdump_head *h)
{
    if (h->version < 0 || h->version > VERSION_NONSENSE)
        return "header version";
    if (!dio_is_pow2(h->block_size) || h->block_size < DIO_KDUMP_BLOCK_MIN ||
        h->block_size > DIO_KDUMP_BLOCK_MAX)
        return "block size";
    if (!h->sub_blocks || h->sub_blocks > INT32_MAX)
        return "sub header size";
    if (!h->bitmap_blocks || 8 * (uint64_t)h->bitmap_blocks * h->block_size < h->max_mapnr)
        return "bitmap size";
    return NULL;
}

static uint64_t tables_end(const struct dio_kdump_head *h)
{
    return (1 + (uint64_t)h->sub_blocks + h->bitmap_blocks) * h->block_size;
}

/* How well the rest of the header goes with the guess. */
static int likelihood(const struct dio_kdump_head *h, uint64_t file_size)
{
    char machine[66] = {0};
    enum dumpio_order order = DUMPIO_ORDER_UNKNOWN;
    memcpy(machine, h->uts + DUMPIO_MACHINE * 65, 65);
    const struct dio_arch *arch = dio_arch_by_uts(machine, &order);
    int score = 0;
    if (arch)
        score += arch->word == h->word ? 16 : -16;
    if (arch && order)
        score += order == h->order ? 8 : -8;
    if (tables_end(h) <= file_size)
        score += 4;
    if (h->nr_cpus && h->nr_cpus <= CPUS_LIKELY)
        score += 2;
    if (h->usec < 1000000000)
        score += 1;
    return score;
}

int dio_kdump_read_head(struct dio_bytes *src, struct dio_kdump_head *h,
                        struct dumpio_error *err)
{
    static const struct {
        enum dumpio_order order;
        unsigned word;
    } guesses[] = {{DUMPIO_LITTLE, 8}, {DUMPIO_BIG, 8}, {DUMPIO_LITTLE, 4}, {DUMPIO_BIG, 4}};
    uint8_t raw[HEAD_MAX] = {0};
    int rc = dio_read_exact(src, 0, raw, dio_kdump_head_size(4), "main header", err);
    size_t len = HEAD_MAX;
    if (!rc)
        rc = dio_read_some(src, 0, raw, HEAD_MAX, &len, err);
    if (rc)
        return rc;
    bool diskdump = !memcmp(raw, DIO_DISKDUMP_SIGNATURE, 8), found = false;
    if (!diskdump && memcmp(raw, DIO_KDUMP_SIGNATURE, 8))
        return dio_fail(err, DUMPIO_E_FORMAT, 0, "no signature of a compressed kdump or diskdump");
    int best = 0;
    for (unsigned i = 0; i < 4; i++) {
        struct dio_kdump_head guess = {.diskdump = diskdump};
        if (len < dio_kdump_head_size(guesses[i].word))
            continue;
        decode_head(raw, len, guesses[i].order, guesses[i].word, &guess);
        if (objection(&guess))
            continue;
        int score = likelihood(&guess, src->size);
        if (!found || score > best) {
            *h = guess;
            best = score;
        }
        found = true;
    }
    if (found)
        return 0;
    decode_head(raw, len, DUMPIO_LITTLE, 8, h);
    return dio_fail(err, DUMPIO_E_CORRUPT, 0,
                    "main header makes sense in neither byte order and word size (as 64-bit "
                    "little-endian: impossible %s; version %d, blocks of %u bytes, sub header of "
                    "%u blocks, bitmaps of %u blocks, max_mapnr %u)", objection(h), h->version,
                    h->block_size, h->sub_blocks, h->bitmap_blocks, h->max_mapnr);
}

void dio_kdump_put_head(uint8_t *out, const struct dio_kdump_head *h)
{
    size_t size = dio_kdump_head_size(h->word);
    struct dio_builder b = dio_builder(out, size, h->order, h->word);
    dio_bld_bytes(&b, h->diskdump ? DIO_DISKDUMP_SIGNATURE : DIO_KDUMP_SIGNATURE, 8);
    dio_bld_u32(&b, (uint32_t)h->version);
    dio_bld_bytes(&b, h->uts, DIO_KDUMP_UTS);
    dio_bld_seek(&b, (size_t)dio_round_up(b.pos, h->word));
    dio_bld_word(&b, h->sec);
    dio_bld_word(&b, h->usec);
    dio_bld_u32(&b, h->status);
    dio_bld_u32(&b, h->block_size);
    dio_bld_u32(&b, h->sub_blocks);
    dio_bld_u32(&b, h->bitmap_blocks);
    dio_bld_u32(&b, h->max_mapnr);
    dio_bld_u32(&b, h->total_ram_blocks);
    dio_bld_u32(&b, h->device_blocks);
    dio_bld_u32(&b, h->written_blocks);
    dio_bld_u32(&b, h->current_cpu);
    dio_bld_u32(&b, h->nr_cpus);
}

/* ---- the sub header -------------------------------------------------------------------------- */

/* Bytes to which 64-bit fields are aligned. */
static size_t align_of(enum dio_kdump_layout layout)
{
    return layout == DIO_KDUMP_PACKED32 ? 4 : 8;
}

static unsigned word_of(enum dio_kdump_layout layout)
{
    return layout == DIO_KDUMP_64 ? 8 : 4;
}

size_t dio_kdump_sub_size(enum dio_kdump_layout layout)
{
    return layout == DIO_KDUMP_64 ? 104 : layout == DIO_KDUMP_PADDED32 ? 96 : 80;
}

static struct dio_kdump_place get_place(struct dio_cursor *c, size_t align, bool known)
{
    struct dio_kdump_place p;
    dio_cur_align(c, align);
    p.offset = dio_cur_u64(c);
    p.size = dio_cur_word(c);
    return known ? p : (struct dio_kdump_place){0, 0};
}

/* Fields newer than the header's version are not there, whatever the bytes say. */
static void decode_sub(const uint8_t *raw, const struct dio_kdump_head *h,
                       enum dio_kdump_layout layout, struct dio_kdump_sub *s)
{
    size_t align = align_of(layout);
    struct dio_cursor c = dio_cursor(raw, SUB_MAX, h->order, word_of(layout));
    s->phys_base = dio_cur_word(&c);
    s->dump_level = dio_cur_u32(&c);
    s->has_level = h->version >= 1;
    s->split = dio_cur_u32(&c);
    s->start_pfn = dio_cur_word(&c);
    s->end_pfn = dio_cur_word(&c);
    s->vmcoreinfo = get_place(&c, align, h->version >= 3);
    s->notes = get_place(&c, align, h->version >= 4);
    s->eraseinfo = get_place(&c, align, h->version >= 5);
    dio_cur_align(&c, align);
    uint64_t start = dio_cur_u64(&c), end = dio_cur_u64(&c), mapnr = dio_cur_u64(&c);
    if (!s->has_level)
        s->dump_level = 0;
    if (h->version < 2)
        s->split = 0;
    if (h->version >= 6) {
        s->start_pfn = start;
        s->end_pfn = end;
    }
    s->max_mapnr = h->version >= 6 && mapnr ? mapnr : h->max_mapnr;
}

/* Nothing, or something behind the main header that does not reach around the address space. */
static bool place_plausible(const struct dio_kdump_head *h, const struct dio_kdump_place *p,
                            uint64_t end)
{
    uint64_t stop;
    if (!p->offset && !p->size)
        return true;
    return p->offset >= h->block_size && !dio_add(p->offset, p->size, &stop) && stop <= end;
}

static bool sub_plausible(const struct dio_kdump_head *h, const struct dio_kdump_sub *s)
{
    uint64_t end = (1 + (uint64_t)h->sub_blocks) * h->block_size;
    return place_plausible(h, &s->vmcoreinfo, end) && place_plausible(h, &s->notes, end) &&
           place_plausible(h, &s->eraseinfo, INT64_MAX) &&
           (uint32_t)s->max_mapnr == h->max_mapnr;
}

/* Does it lead to notes or VMCOREINFO? */
static bool points(const struct dio_kdump_sub *s)
{
    return s->notes.size || s->vmcoreinfo.size;
}

/* Of a 32-bit dump: alignment of 64-bit fields is not that of every architecture, nor of QEMU. */
static void decode_sub32(const uint8_t *raw, const struct dio_kdump_head *h,
                         struct dio_kdump_sub *s)
{
    struct dio_kdump_sub padded = {0};
    decode_sub(raw, h, DIO_KDUMP_PACKED32, s);
    decode_sub(raw, h, DIO_KDUMP_PADDED32, &padded);
    bool packed_fits = sub_plausible(h, s), padded_fits = sub_plausible(h, &padded);
    /* where both fit, the one that finds something: zeros fit everywhere */
    if (padded_fits && (!packed_fits || (!points(s) && points(&padded))))
        *s = padded;
}

int dio_kdump_read_sub(struct dio_bytes *src, const struct dio_kdump_head *h,
                       struct dio_kdump_sub *sub, struct dumpio_error *err)
{
    uint8_t raw[SUB_MAX] = {0};
    size_t got;
    int rc = dio_read_some(src, h->block_size, raw, sizeof raw, &got, err);
    if (rc)
        return dio_context(err, rc, "sub header");
    *sub = (struct dio_kdump_sub){0};
    if (h->word == 4)
        decode_sub32(raw, h, sub);
    else
        decode_sub(raw, h, DIO_KDUMP_64, sub);
    return 0;
}

static void put_place(struct dio_builder *b, size_t align, const struct dio_kdump_place *p)
{
    dio_bld_seek(b, (size_t)dio_round_up(b->pos, align));
    dio_bld_u64(b, p->offset);
    dio_bld_word(b, p->size);
}

void dio_kdump_put_sub(uint8_t *out, enum dumpio_order order, enum dio_kdump_layout layout,
                       const struct dio_kdump_sub *sub)
{
    size_t align = align_of(layout);
    struct dio_builder b = dio_builder(out, dio_kdump_sub_size(layout), order, word_of(layout));
    dio_bld_word(&b, sub->phys_base);
    dio_bld_u32(&b, sub->dump_level);
    dio_bld_u32(&b, sub->split);
    dio_bld_word(&b, sub->start_pfn);
    dio_bld_word(&b, sub->end_pfn);
    put_place(&b, align, &sub->vmcoreinfo);
    put_place(&b, align, &sub->notes);
    put_place(&b, align, &sub->eraseinfo);
    dio_bld_seek(&b, (size_t)dio_round_up(b.pos, align));
    dio_bld_u64(&b, sub->start_pfn);
    dio_bld_u64(&b, sub->end_pfn);
    dio_bld_u64(&b, sub->max_mapnr);
}
