/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The printk ring buffer: descriptors, infos and text blocks (5.10 and later).
 * Reference: the kernel's kernel/printk/printk_ringbuffer.h and .c.
 * Does not handle: development kernels with a dictionary ring (before 5.10 was released).
 */
#include "internal.h"

#include <stdlib.h>

#define STRUCT_MAX 1024u    /* bytes of a structure taken seriously */
#define COUNT_BITS_MAX 27u  /* 2 GiB of log, 32 bytes per descriptor, and room */
#define TEXT_BITS_MAX 32u
#define RECORD_MAX 65536u   /* text_len is 16 bits wide */

/* Descriptor states: the two top bits of the state word. */
enum { RESERVED = 0, COMMITTED = 1, FINALIZED = 2 };

/* Positions of blocks without data. */
enum { LPOS_FAILED = 1, LPOS_NO_DATA = 3 };

struct ring {
    struct dio_kernel *k;
    uint64_t desc_ring, text_ring, count_bits, descs, infos, head_id, tail_id; /* offsets */
    uint64_t state, blk, begin, next, ts, text_len, size_bits, data, counter;
    uint64_t ring_size, desc_size, info_size;
    /* values */
    uint64_t count, text_size, v_descs, v_infos, v_text, head, tail, id_mask;
    struct dio_view desc_view, info_view, text_view;
    uint8_t text[RECORD_MAX];
};

static int read_keys(struct ring *r, struct dumpio_error *err)
{
    static const char *const size[] = {"printk_ringbuffer", "prb_desc", "printk_info"};
    uint64_t *const size_at[] = {&r->ring_size, &r->desc_size, &r->info_size};
    static const char *const offset[] = {
        "printk_ringbuffer.desc_ring", "printk_ringbuffer.text_data_ring",
        "prb_desc_ring.count_bits", "prb_desc_ring.descs", "prb_desc_ring.infos",
        "prb_desc_ring.head_id", "prb_desc_ring.tail_id", "prb_desc.state_var",
        "prb_desc.text_blk_lpos", "prb_data_blk_lpos.begin", "prb_data_blk_lpos.next",
        "printk_info.ts_nsec", "printk_info.text_len", "prb_data_ring.size_bits",
        "prb_data_ring.data", "atomic_long_t.counter"};
    uint64_t *const offset_at[] = {
        &r->desc_ring, &r->text_ring, &r->count_bits, &r->descs, &r->infos, &r->head_id,
        &r->tail_id, &r->state, &r->blk, &r->begin, &r->next, &r->ts, &r->text_len, &r->size_bits,
        &r->data, &r->counter};
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof(size) / sizeof(size[0]); i++)
        rc = dio_log_key(r->k, "SIZE", size[i], STRUCT_MAX, size_at[i], err);
    for (size_t i = 0; !rc && i < sizeof(offset) / sizeof(offset[0]); i++)
        rc = dio_log_key(r->k, "OFFSET", offset[i], STRUCT_MAX, offset_at[i], err);
    if (!rc && (!r->desc_size || !r->info_size))
        rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                      "SIZE(prb_desc) or SIZE(printk_info) of VMCOREINFO is 0");
    return rc;
}

/* A word of a structure held in buf; 0 when its offset lies outside. */
static uint64_t word_at(const struct ring *r, const uint8_t *buf, uint64_t size, uint64_t offset)
{
    unsigned word = r->k->word;
    return offset + word <= size ? dio_get_word(buf + offset, r->k->order, word) : 0;
}

static uint64_t u32_at(const struct ring *r, const uint8_t *buf, uint64_t size, uint64_t offset)
{
    return offset + 4 <= size ? dio_get32(buf + offset, r->k->order) : 0;
}

static int read_ring(struct ring *r, struct dumpio_error *err)
{
    uint8_t buf[STRUCT_MAX];
    uint64_t prb, d = r->desc_ring, t = r->text_ring, n = r->ring_size;
    int rc = dio_log_pointer(r->k, "prb", &prb, err);
    if (!rc)
        rc = dio_kernel_read(r->k, prb, buf, (size_t)n, err);
    if (rc)
        return dio_context(err, rc, "the printk ring buffer");
    uint64_t count_bits = u32_at(r, buf, n, d + r->count_bits);
    uint64_t size_bits = u32_at(r, buf, n, t + r->size_bits);
    if (count_bits < 1 || count_bits > COUNT_BITS_MAX || size_bits < 5 ||
        size_bits > TEXT_BITS_MAX)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "printk ring buffer at 0x%llx: 2^%llu descriptors and 2^%llu bytes are "
                        "impossible", (unsigned long long)prb, (unsigned long long)count_bits,
                        (unsigned long long)size_bits);
    r->count = (uint64_t)1 << count_bits;
    r->text_size = (uint64_t)1 << size_bits;
    r->v_descs = word_at(r, buf, n, d + r->descs);
    r->v_infos = word_at(r, buf, n, d + r->infos);
    r->v_text = word_at(r, buf, n, t + r->data);
    r->id_mask = (r->k->word == 8 ? UINT64_MAX : UINT32_MAX) >> 2;
    r->head = word_at(r, buf, n, d + r->head_id + r->counter) & r->id_mask;
    r->tail = word_at(r, buf, n, d + r->tail_id + r->counter) & r->id_mask;
    if (r->v_descs > UINT64_MAX - r->count * r->desc_size ||
        r->v_infos > UINT64_MAX - r->count * r->info_size ||
        r->v_text > UINT64_MAX - r->text_size)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "printk ring buffer at 0x%llx: its arrays pass the end of the address "
                        "space", (unsigned long long)prb);
    return 0;
}

/* Place of the text of a block inside the data array; false when the block makes no sense. */
static bool locate(const struct ring *r, uint64_t begin, uint64_t next, uint64_t *at,
                   uint64_t *room)
{
    uint64_t b = begin & (r->text_size - 1), e = next & (r->text_size - 1);
    if (!e) /* ends exactly with the array */
        e = r->text_size;
    if (b > e) /* moved to the front */
        b = 0;
    if (e - b < r->k->word)
        return false;
    *at = b;
    *room = e - b - r->k->word;
    return true;
}

/* Print a block's text as far as it is there. The block's leading word must be the record's id. */
static void print_block(struct ring *r, struct dio_log *log, uint64_t id, uint64_t ts,
                        uint64_t text_len, uint64_t at, uint64_t room)
{
    uint8_t raw[8];
    size_t len = (size_t)(text_len < room ? text_len : room);
    unsigned word = r->k->word;
    if (len > sizeof(r->text))
        len = sizeof(r->text);
    if (dio_view_read(&r->text_view, r->v_text + at, raw, word) ||
        dio_get_word(raw, r->k->order, word) != id) {
        log->gap += len;
        return;
    }
    size_t got = dio_view_some(&r->text_view, r->v_text + at + word, r->text, len);
    if (got || !len)
        dio_log_record(log, ts, r->text, got, 0);
    log->gap += len - got;
}

static void print_record(struct ring *r, struct dio_log *log, uint64_t id)
{
    uint8_t desc[STRUCT_MAX], info[STRUCT_MAX];
    uint64_t slot = id & (r->count - 1), at = 0, room = 0;
    if (dio_view_read(&r->desc_view, r->v_descs + slot * r->desc_size, desc,
                      (size_t)r->desc_size)) {
        log->gap += r->desc_size;
        return;
    }
    uint64_t state = word_at(r, desc, r->desc_size, r->state + r->counter);
    uint64_t top = state >> (8 * r->k->word - 2);
    if ((state & r->id_mask) != id || (top != COMMITTED && top != FINALIZED))
        return;
    uint64_t begin = word_at(r, desc, r->desc_size, r->blk + r->begin);
    uint64_t next = word_at(r, desc, r->desc_size, r->blk + r->next);
    bool empty = begin == LPOS_NO_DATA && next == LPOS_NO_DATA;
    if (!empty && (((begin | next) & 1) || begin == next || !locate(r, begin, next, &at, &room)))
        return;
    if (dio_view_read(&r->info_view, r->v_infos + slot * r->info_size, info,
                      (size_t)r->info_size)) {
        log->gap += empty ? 1 : room;
        return;
    }
    uint64_t ts = r->ts + 8 <= r->info_size ? dio_get64(info + r->ts, r->k->order) : 0;
    uint64_t text_len =
        r->text_len + 2 <= r->info_size ? dio_get16(info + r->text_len, r->k->order) : 0;
    if (empty)
        dio_log_record(log, ts, r->text, 0, 0);
    else
        print_block(r, log, id, ts, text_len, at, room);
}

int dio_log_ring(struct dio_log *log, struct dumpio_error *err)
{
    struct ring *r = calloc(1, sizeof(*r));
    if (!r)
        return dio_nomem(err, "the kernel log");
    r->k = r->desc_view.k = r->info_view.k = r->text_view.k = log->k;
    int rc = read_keys(r, err);
    if (!rc)
        rc = read_ring(r, err);
    if (!rc) {
        uint64_t id = r->tail;
        for (uint64_t i = 0; i < r->count && !log->stopped; i++) {
            print_record(r, log, id);
            if (id == r->head)
                break;
            id = (id + 1) & r->id_mask;
        }
    }
    free(r);
    return rc;
}
