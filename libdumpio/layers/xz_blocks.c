/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading .xz files at random: block by block, through the index at the end. Format:
 * tukaani.org/xz/xz-file-format.txt, 4. Not handled: files without an index, see xz_stream.c.
 */
#include "../plug/decode.h"
#include "blocks.h"
#include "xz_parts.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER 65536u
#define UNITS_MAX (UINT64_C(1) << 24)

struct reader {
    lzma_index *index;
    uint64_t limit;
};

static int locate(void *ctx, uint64_t off, struct dio_block *b, struct dumpio_error *err)
{
    struct reader *r = ctx;
    lzma_index_iter i;
    lzma_index_iter_init(&i, r->index);
    if (lzma_index_iter_locate(&i, off))
        return dio_fail(err, DUMPIO_E_INTERNAL, off, "no xz block holds byte 0x%llx",
                        (unsigned long long)off);
    *b = (struct dio_block){i.block.number_in_file, i.block.uncompressed_file_offset,
                            i.block.uncompressed_size, i.block.compressed_file_offset,
                            i.block.total_size};
    return 0;
}

static int expand(void *worker, const struct dio_block *at, const uint8_t *in, uint8_t *out,
                  struct dumpio_error *err)
{
    struct reader *r = worker;
    struct dio_xz_block b = {.memory = 0};
    lzma_index_iter i;
    size_t used, made = 0;
    lzma_index_iter_init(&i, r->index);
    b.b.header_size = lzma_block_header_size_decode(in[0]);
    if (!in[0] || b.b.header_size > at->packed_len || lzma_index_iter_locate(&i, at->plain))
        return dio_xz_verdict(LZMA_DATA_ERROR, at->packed, "xz block header", err);
    int rc = dio_xz_block_header(&b, in, i.stream.flags->check, at->packed, r->limit, err);
    if (rc)
        return rc;
    used = b.b.header_size;
    lzma_ret ret = lzma_block_compressed_size(&b.b, i.block.unpadded_size);
    if (ret == LZMA_OK)
        ret = lzma_block_buffer_decode(&b.b, NULL, in, &used, (size_t)at->packed_len, out, &made,
                                       (size_t)at->plain_len);
    lzma_filters_free(b.filters, NULL);
    if (ret == LZMA_OK && made != at->plain_len)
        ret = LZMA_DATA_ERROR;
    return ret == LZMA_OK ? 0 : dio_xz_verdict(ret, at->packed, "xz block", err);
}

/* Workers have nothing of their own. */
static void *new_worker(void *ctx)
{
    return ctx;
}

static void free_worker(void *worker)
{
    (void)worker;
}

static void reader_free(void *ctx)
{
    struct reader *r = ctx;
    lzma_index_end(r->index, NULL);
    free(r);
}

static const struct dio_blocks_ops blocks_ops = {locate, new_worker, free_worker, expand,
                                                 reader_free};

/* A stream's header says what its footer says: the first one, as it ought to be. */
static bool header_of_footer(struct dio_bytes *below, uint8_t header[LZMA_STREAM_HEADER_SIZE])
{
    uint8_t foot[LZMA_STREAM_HEADER_SIZE];
    lzma_stream_flags flags;
    if (below->size < 2 * sizeof foot ||
        dio_read_exact(below, below->size - sizeof foot, foot, sizeof foot, "xz footer", NULL))
        return false;
    return lzma_stream_footer_decode(&flags, foot) == LZMA_OK &&
           lzma_stream_header_encode(&flags, header) == LZMA_OK;
}

/* Feed the decoder from where it wants; its last word. `header` (NULL allowed) begins the file. */
static int run_index(lzma_stream *s, struct dio_bytes *below, const uint8_t *header, uint8_t *buf,
                     lzma_ret *ret, struct dumpio_error *err)
{
    uint64_t at = 0;
    *ret = LZMA_OK;
    while (*ret == LZMA_OK || *ret == LZMA_SEEK_NEEDED) {
        if (*ret == LZMA_SEEK_NEEDED)
            at = s->seek_pos;
        if (*ret == LZMA_SEEK_NEEDED || !s->avail_in) {
            int rc = dio_read_some(below, at, buf, BUFFER, &s->avail_in, err);
            if (rc)
                return rc;
            if (header && !at && s->avail_in >= LZMA_STREAM_HEADER_SIZE)
                memcpy(buf, header, LZMA_STREAM_HEADER_SIZE);
            s->next_in = buf;
            at += s->avail_in;
        }
        *ret = lzma_code(s, s->avail_in ? LZMA_RUN : LZMA_FINISH);
    }
    return 0;
}

/* DUMPIO_END: there is none to be had. */
static int read_index(struct reader *r, struct dio_bytes *below, bool salvage,
                      struct dumpio_error *err)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_ret ret = LZMA_MEM_ERROR;
    uint8_t header[LZMA_STREAM_HEADER_SIZE];
    bool mended = salvage && header_of_footer(below, header);
    uint8_t *buf = malloc(BUFFER);
    int rc = 0;
    if (buf && lzma_file_info_decoder(&s, &r->index, r->limit / 2, below->size) == LZMA_OK)
        rc = run_index(&s, below, mended ? header : NULL, buf, &ret, err);
    lzma_end(&s);
    free(buf);
    if (rc || ret == LZMA_STREAM_END)
        return rc;
    if (ret == LZMA_MEM_ERROR)
        return dio_nomem(err, "the index of an xz file");
    if (ret == LZMA_MEMLIMIT_ERROR)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                        "the index of the xz file takes more than %llu bytes of memory",
                        (unsigned long long)(r->limit / 2));
    return DUMPIO_END;
}

/* Can its blocks be unpacked one by one? DUMPIO_END: no. */
static int survey(const struct reader *r, struct dio_blocks_options *o, struct dio_bytes *below,
                  const struct dumpio_env *env, struct dumpio_error *err)
{
    uint8_t head[LZMA_BLOCK_HEADER_SIZE_MAX] = {0};
    size_t got = 0;
    lzma_index_iter i;
    o->size = lzma_index_uncompressed_size(r->index);
    if (lzma_index_block_count(r->index) > UNITS_MAX)
        return DUMPIO_END;
    lzma_index_iter_init(&i, r->index);
    while (!lzma_index_iter_next(&i, LZMA_INDEX_ITER_NONEMPTY_BLOCK)) {
        uint64_t plain = i.block.uncompressed_size, packed = i.block.total_size;
        if (plain > dio_block_plain_max(env) || packed > dio_block_packed_max(plain))
            return DUMPIO_END;
        o->plain_max = plain > o->plain_max ? plain : o->plain_max;
        o->packed_max = packed > o->packed_max ? packed : o->packed_max;
    }
    lzma_index_iter_rewind(&i);
    if (lzma_index_iter_next(&i, LZMA_INDEX_ITER_NONEMPTY_BLOCK))
        return 0;
    if (!lzma_check_is_supported(i.stream.flags->check))
        dio_note(env, DUMPIO_WARNING, "%s: its checksums (type %d) cannot be checked",
                 below->name, (int)i.stream.flags->check);
    /* the first block tells how much memory each takes; a damaged one is found when it is read */
    struct dio_xz_block b = {.memory = 0};
    uint64_t at = i.block.compressed_file_offset;
    int rc = dio_read_some(below, at, head, sizeof head, &got, err);
    if (rc)
        return rc;
    b.b.header_size = lzma_block_header_size_decode(head[0]);
    if (!head[0] || b.b.header_size > got)
        return 0;
    rc = dio_xz_block_header(&b, head, i.stream.flags->check, at, r->limit, err);
    if (rc)
        return rc == DUMPIO_E_CORRUPT ? 0 : rc;
    o->worker_memory = b.memory;
    lzma_filters_free(b.filters, NULL);
    return 0;
}

int dio_xz_open_blocks(struct dio_bytes **out, struct dio_bytes *below,
                   const struct dio_layer_options *o, const struct dumpio_env *env,
                   struct dumpio_error *err)
{
    struct dio_blocks_options bo = {.truncated = 0};
    struct reader *r = calloc(1, sizeof *r);
    if (!r)
        return dio_nomem(err, "an xz file");
    r->limit = dio_memory_limit(env);
    int rc = read_index(r, below, o && o->salvage, err);
    if (!rc)
        rc = survey(r, &bo, below, env, err);
    if (!rc)
        rc = dio_blocks_open(out, below, &blocks_ops, r, &bo, env, err);
    if (!rc)
        return 0;
    reader_free(r);
    return rc;
}

/* The index at the end tells, when the beginning does not. */
int dio_xz_find_index(struct dio_bytes *below, bool *there, struct dumpio_error *err)
{
    uint8_t header[LZMA_STREAM_HEADER_SIZE];
    (void)err;
    *there = header_of_footer(below, header);
    return 0;
}
