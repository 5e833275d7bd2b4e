/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .xz files (the .xz file format, tukaani.org/xz/xz-file-format.txt) through liblzma 5.4 or later.
 * Written: one stream of blocks of BLOCK plain bytes. Read: block by block through the index, else
 * from the start. Not handled: .lzma, .lz; liblzma is optional at build time, and one file knows it.
 */
#include "layers.h"

#include <string.h>

static int xz_probe(const uint8_t *head, size_t n)
{
    static const uint8_t magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    return n >= sizeof magic && !memcmp(head, magic, sizeof magic) ? 100 : 0;
}

#ifdef DUMPIO_HAVE_LZMA
#include "../plug/decode.h"
#include "blocks.h"
#include "forward.h"
#include "pool.h"
#include "unpack.h"

#include <lzma.h>
#include <stdlib.h>

#define BLOCK (4u << 20)
#define DICT_MIN (64u << 10) /* of the dictionary, when memory is short; bytes */
#define LEVEL 6
#define LEVEL_MAX 9
#define BUFFER 65536u
#define UNITS_MAX (UINT64_C(1) << 24)

/* liblzma's verdict as a message. */
static const char *text(lzma_ret ret)
{
    switch (ret) {
    case LZMA_FORMAT_ERROR: return "not in .xz format";
    case LZMA_OPTIONS_ERROR: return "options that this liblzma does not know";
    case LZMA_DATA_ERROR: return "damaged";
    case LZMA_BUF_ERROR: return "it ends too early or too late";
    case LZMA_MEMLIMIT_ERROR: return "too much memory is needed";
    default: return "liblzma refuses";
    }
}

static int verdict(lzma_ret ret, uint64_t at, const char *what, struct dumpio_error *err)
{
    if (ret == LZMA_MEM_ERROR)
        return dio_nomem(err, what);
    return dio_fail(err, ret == LZMA_OPTIONS_ERROR ? DUMPIO_E_UNSUPPORTED : DUMPIO_E_CORRUPT, at,
                    "%s at 0x%llx: %s", what, (unsigned long long)at, text(ret));
}

/* ---- writing --------------------------------------------------------------------------------- */

struct xz_out {
    struct dio_forward f;
    lzma_stream s;
    lzma_options_lzma lzma;
    lzma_filter filters[2];
    uint8_t buf[BUFFER];
};

/* Run the encoder until it wants more input (RUN), or is done (FINISH). */
static int encode(struct xz_out *x, lzma_action action, struct dumpio_error *err)
{
    lzma_ret ret = LZMA_OK;
    int rc = 0;
    while (!rc && ret == LZMA_OK && (action == LZMA_FINISH || x->s.avail_in)) {
        x->s.next_out = x->buf;
        x->s.avail_out = sizeof x->buf;
        ret = lzma_code(&x->s, action);
        if (ret == LZMA_OK || ret == LZMA_STREAM_END)
            rc = dio_forward_put(&x->f, x->buf, sizeof x->buf - x->s.avail_out, err);
    }
    if (ret == LZMA_OK || ret == LZMA_STREAM_END)
        return rc;
    return ret == LZMA_MEM_ERROR ? dio_nomem(err, "packing xz")
                                 : dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                                            "liblzma packs no more: %d", (int)ret);
}

static int xz_append(struct dio_forward *f, const void *p, size_t n, struct dumpio_error *err)
{
    struct xz_out *x = (struct xz_out *)f;
    x->s.next_in = p;
    x->s.avail_in = n;
    return encode(x, LZMA_RUN, err);
}

static int xz_end(struct dio_forward *f, struct dumpio_error *err)
{
    struct xz_out *x = (struct xz_out *)f;
    x->s.next_in = NULL;
    x->s.avail_in = 0;
    return encode(x, LZMA_FINISH, err);
}

static void xz_out_free(struct dio_forward *f)
{
    struct xz_out *x = (struct xz_out *)f;
    lzma_end(&x->s);
    free(x);
}

static const struct dio_forward_ops forward_ops = {xz_append, xz_end, xz_out_free};

/*
 * A dictionary that leaves one thread within half of the memory limit. It does not depend on the
 * number of threads, and neither does the output.
 */
static void choose_dictionary(struct xz_out *x, lzma_mt *mt, const struct dumpio_env *env)
{
    if (x->lzma.dict_size > BLOCK) /* a block refers to nothing outside it */
        x->lzma.dict_size = BLOCK;
    mt->threads = 1;
    while (x->lzma.dict_size > DICT_MIN &&
           lzma_stream_encoder_mt_memusage(mt) > dio_memory_limit(env) / 2)
        x->lzma.dict_size /= 2;
}

/* As many threads as half of the memory limit has room for: the rest is for what makes the pages. */
static void choose_threads(lzma_mt *mt, const struct dumpio_env *env)
{
    unsigned wanted = dio_pool_threads(env, UINT64_MAX);
    uint64_t room = dio_memory_limit(env) / 2;
    mt->threads = wanted;
    while (mt->threads > 1 && lzma_stream_encoder_mt_memusage(mt) > room)
        mt->threads--;
    if (mt->threads < wanted)
        dio_note(env, DUMPIO_DETAIL, "xz: %u threads instead of %u, in %llu bytes of memory",
                 mt->threads, wanted, (unsigned long long)room);
}

static int xz_create(struct dio_out **out, struct dio_out *below,
                     const struct dio_layer_options *o, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    int level = o && o->level != DUMPIO_LEVEL_DEFAULT ? o->level : LEVEL;
    if (level < 0 || level > LEVEL_MAX)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "xz has levels 0 to %d, not %d",
                        LEVEL_MAX, level);
    struct xz_out *x = calloc(1, sizeof *x);
    if (!x)
        return dio_nomem(err, "an xz stream");
    lzma_mt mt = {.block_size = BLOCK, .filters = x->filters, .check = LZMA_CHECK_CRC64};
    x->s = (lzma_stream)LZMA_STREAM_INIT;
    if (lzma_lzma_preset(&x->lzma, (uint32_t)level)) {
        free(x);
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "xz has no level %d", level);
    }
    x->filters[0] = (lzma_filter){LZMA_FILTER_LZMA2, &x->lzma};
    x->filters[1] = (lzma_filter){LZMA_VLI_UNKNOWN, NULL};
    choose_dictionary(x, &mt, env);
    choose_threads(&mt, env);
    dio_forward_init(&x->f, &forward_ops, below);
    if (lzma_stream_encoder_mt(&x->s, &mt) != LZMA_OK) {
        xz_out_free(&x->f);
        return dio_nomem(err, "packing xz");
    }
    *out = &x->f.o;
    return 0;
}

/* ---- block headers --------------------------------------------------------------------------- */

struct block {
    lzma_block b;
    lzma_filter filters[LZMA_FILTERS_MAX + 1];
    uint64_t memory; /* that unpacking takes */
};

/* in: the whole header, whose size is b->b.header_size. Free *b afterwards in case of success. */
static int decode_header(struct block *b, const uint8_t *in, lzma_check check, uint64_t at,
                         uint64_t limit, struct dumpio_error *err)
{
    b->b.version = 1;
    b->b.check = check;
    b->b.filters = b->filters;
    lzma_ret ret = lzma_block_header_decode(&b->b, NULL, in);
    if (ret != LZMA_OK)
        return verdict(ret, at, "xz block header", err);
    b->memory = lzma_raw_decoder_memusage(b->filters);
    if (b->memory <= limit)
        return 0;
    lzma_filters_free(b->filters, NULL);
    if (b->memory == UINT64_MAX)
        return verdict(LZMA_OPTIONS_ERROR, at, "xz block header", err);
    return dio_fail(err, DUMPIO_E_LIMIT, at,
                    "xz block at 0x%llx: unpacking takes %llu bytes of memory, the limit is %llu",
                    (unsigned long long)at, (unsigned long long)b->memory,
                    (unsigned long long)limit);
}

/* ---- reading by the index -------------------------------------------------------------------- */

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
    struct block b = {.memory = 0};
    lzma_index_iter i;
    size_t used, made = 0;
    lzma_index_iter_init(&i, r->index);
    b.b.header_size = lzma_block_header_size_decode(in[0]);
    if (!in[0] || b.b.header_size > at->packed_len || lzma_index_iter_locate(&i, at->plain))
        return verdict(LZMA_DATA_ERROR, at->packed, "xz block header", err);
    int rc = decode_header(&b, in, i.stream.flags->check, at->packed, r->limit, err);
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
    return ret == LZMA_OK ? 0 : verdict(ret, at->packed, "xz block", err);
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
    struct block b = {.memory = 0};
    uint64_t at = i.block.compressed_file_offset;
    int rc = dio_read_some(below, at, head, sizeof head, &got, err);
    if (rc)
        return rc;
    b.b.header_size = lzma_block_header_size_decode(head[0]);
    if (!head[0] || b.b.header_size > got)
        return 0;
    rc = decode_header(&b, head, i.stream.flags->check, at, r->limit, err);
    if (rc)
        return rc == DUMPIO_E_CORRUPT ? 0 : rc;
    o->worker_memory = b.memory;
    lzma_filters_free(b.filters, NULL);
    return 0;
}

/* ---- reading from the start ------------------------------------------------------------------ */

enum state { HEADER, BLOCK_HEADER, INSIDE, INDEX, FOOTER };

struct stream {
    lzma_stream s;
    enum state state;
    lzma_stream_flags flags;
    lzma_index_hash *hash;
    struct block block;
    uint64_t streams; /* whole ones so far */
    uint64_t limit;
    const struct dumpio_env *env;
};

/* n bytes of `what` at in->buf + in->pos. */
static int need(struct dio_feed *in, size_t n, const char *what, struct dumpio_error *err)
{
    bool all;
    int rc = dio_feed_need(in, n, &all, err);
    if (rc || all)
        return rc;
    return dio_fail(err, DUMPIO_E_TRUNCATED, in->end, "the file ends within an xz %s", what);
}

/* Behind a stream: zeros in fours, then another one or the end. */
static int skip_padding(struct dio_feed *in, bool *end, struct dumpio_error *err)
{
    bool all = true;
    int rc = 0;
    *end = false;
    while (!rc) {
        rc = dio_feed_need(in, 4, &all, err);
        if (rc || !all || dio_get32(in->buf + in->pos, DUMPIO_LITTLE))
            break;
        in->pos += 4;
    }
    *end = !rc && !all;
    if (*end && in->pos < in->len)
        return dio_fail(err, DUMPIO_E_CORRUPT, dio_feed_at(in), "bytes behind the xz stream");
    return rc;
}

static int stream_header(struct stream *x, struct dio_feed *in, enum dio_step *what,
                         struct dumpio_error *err)
{
    bool end = false;
    int rc = x->streams ? skip_padding(in, &end, err) : 0;
    if (rc || end) {
        *what = DIO_STEP_END;
        return rc;
    }
    rc = need(in, LZMA_STREAM_HEADER_SIZE, "stream header", err);
    if (rc)
        return rc;
    lzma_ret ret = lzma_stream_header_decode(&x->flags, in->buf + in->pos);
    if (ret != LZMA_OK)
        return verdict(ret, dio_feed_at(in), "xz stream header", err);
    if (!lzma_check_is_supported(x->flags.check))
        dio_note(x->env, DUMPIO_WARNING, "%s: its checksums (type %d) cannot be checked",
                 in->below->name, (int)x->flags.check);
    in->pos += LZMA_STREAM_HEADER_SIZE;
    lzma_index_hash *hash = lzma_index_hash_init(x->hash, NULL);
    if (!hash)
        return dio_nomem(err, "unpacking xz");
    x->hash = hash;
    x->state = BLOCK_HEADER;
    return 0;
}

static int block_header(struct stream *x, struct dio_feed *in, struct dumpio_error *err)
{
    int rc = need(in, 1, "stream", err);
    if (rc)
        return rc;
    if (!in->buf[in->pos]) {
        x->state = INDEX;
        return 0;
    }
    uint32_t size = lzma_block_header_size_decode(in->buf[in->pos]);
    rc = need(in, size, "block header", err);
    if (rc)
        return rc;
    x->block = (struct block){.b.header_size = size};
    rc = decode_header(&x->block, in->buf + in->pos, x->flags.check, dio_feed_at(in), x->limit,
                       err);
    if (rc)
        return rc;
    lzma_ret ret = lzma_block_decoder(&x->s, &x->block.b);
    lzma_filters_free(x->block.filters, NULL);
    x->block.b.filters = NULL;
    if (ret != LZMA_OK)
        return verdict(ret, dio_feed_at(in), "xz block", err);
    in->pos += size;
    x->state = INSIDE;
    return 0;
}

static int inside(struct stream *x, struct dio_feed *in, uint8_t *out, size_t room, size_t *made,
                  enum dio_step *what, struct dumpio_error *err)
{
    bool more;
    int rc = dio_feed_need(in, 1, &more, err);
    if (rc)
        return rc;
    x->s.next_in = in->buf + in->pos;
    x->s.avail_in = in->len - in->pos;
    x->s.next_out = out;
    x->s.avail_out = room;
    lzma_ret ret = lzma_code(&x->s, LZMA_RUN);
    *made = room - x->s.avail_out;
    in->pos = in->len - x->s.avail_in;
    if (ret == LZMA_STREAM_END) {
        *what = DIO_STEP_UNIT;
        x->state = BLOCK_HEADER;
        ret = lzma_index_hash_append(x->hash, lzma_block_unpadded_size(&x->block.b),
                                     x->block.b.uncompressed_size);
    }
    if (!more && !*made && (ret == LZMA_OK || ret == LZMA_BUF_ERROR) && x->state == INSIDE)
        return dio_fail(err, DUMPIO_E_TRUNCATED, in->end, "the file ends within it");
    return ret == LZMA_OK || ret == LZMA_BUF_ERROR
               ? 0
               : verdict(ret, dio_feed_at(in), "xz data", err);
}

static int stream_index(struct stream *x, struct dio_feed *in, struct dumpio_error *err)
{
    int rc = need(in, 1, "index", err);
    if (rc)
        return rc;
    lzma_ret ret = lzma_index_hash_decode(x->hash, in->buf, &in->pos, in->len);
    if (ret == LZMA_STREAM_END)
        x->state = FOOTER;
    else if (ret != LZMA_OK)
        return verdict(ret, dio_feed_at(in), "xz index", err);
    return 0;
}

static int stream_footer(struct stream *x, struct dio_feed *in, enum dio_step *what,
                         struct dumpio_error *err)
{
    lzma_stream_flags flags;
    int rc = need(in, LZMA_STREAM_HEADER_SIZE, "stream footer", err);
    if (rc)
        return rc;
    lzma_ret ret = lzma_stream_footer_decode(&flags, in->buf + in->pos);
    if (ret == LZMA_OK)
        ret = lzma_stream_flags_compare(&x->flags, &flags);
    if (ret == LZMA_OK && lzma_index_hash_size(x->hash) != flags.backward_size)
        ret = LZMA_DATA_ERROR;
    if (ret != LZMA_OK)
        return verdict(ret, dio_feed_at(in), "xz stream footer", err);
    in->pos += LZMA_STREAM_HEADER_SIZE;
    x->streams++;
    x->state = HEADER;
    *what = DIO_STEP_UNIT;
    return 0;
}

static int xz_step(void *ctx, struct dio_feed *in, uint8_t *out, size_t room, size_t *made,
                   enum dio_step *what, struct dumpio_error *err)
{
    struct stream *x = ctx;
    *what = DIO_STEP_MORE;
    switch (x->state) {
    case HEADER: return stream_header(x, in, what, err);
    case BLOCK_HEADER: return block_header(x, in, err);
    case INSIDE: return inside(x, in, out, room, made, what, err);
    case INDEX: return stream_index(x, in, err);
    case FOOTER: break;
    }
    return stream_footer(x, in, what, err);
}

static void stream_free(void *ctx)
{
    struct stream *x = ctx;
    lzma_index_hash_end(x->hash, NULL);
    lzma_end(&x->s);
    free(x);
}

static const struct dio_unpack_ops unpack_ops = {"xz block", xz_step, stream_free};

static int stream_new(struct stream **out, const struct dumpio_env *env, struct dumpio_error *err)
{
    struct stream *x = calloc(1, sizeof *x);
    if (!x)
        return dio_nomem(err, "unpacking xz");
    *x = (struct stream){.s = LZMA_STREAM_INIT, .limit = dio_memory_limit(env), .env = env};
    *out = x;
    return 0;
}

static int unpack(struct dio_bytes **out, struct dio_bytes *below,
                  const struct dio_layer_options *o, const struct dumpio_env *env,
                  struct dumpio_error *err)
{
    struct stream *x = NULL;
    int rc = stream_new(&x, env, err);
    return rc ? rc : dio_unpack(out, below, &unpack_ops, x, o, env, err);
}

static int xz_open_forward(struct dio_bytes **out, struct dio_bytes *below,
                           const struct dio_layer_options *o, const struct dumpio_env *env,
                           struct dumpio_error *err)
{
    struct stream *x = NULL;
    int rc = stream_new(&x, env, err);
    (void)o;
    return rc ? rc : dio_unpack_forward(out, below, &unpack_ops, x, env, err);
}

static int xz_open(struct dio_bytes **out, struct dio_bytes *below,
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
    return rc == DUMPIO_END ? unpack(out, below, o, env, err) : rc;
}

/* The index at the end tells, when the beginning does not. */
static int xz_find(struct dio_bytes *below, bool *there, struct dumpio_error *err)
{
    uint8_t header[LZMA_STREAM_HEADER_SIZE];
    (void)err;
    *there = header_of_footer(below, header);
    return 0;
}

#else
#define xz_find NULL

#define xz_open_forward xz_open

static int xz_open(struct dio_bytes **out, struct dio_bytes *below,
                   const struct dio_layer_options *o, const struct dumpio_env *env,
                   struct dumpio_error *err)
{
    (void)out, (void)o, (void)env;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                    "%s: this dumpio was built without liblzma", below->name);
}

static int xz_create(struct dio_out **out, struct dio_out *below,
                     const struct dio_layer_options *o, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    (void)out, (void)o, (void)env;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                    "%s: this dumpio was built without liblzma", below->name);
}

#endif

const struct dio_layer dio_layer_xz = {
    .name = "xz",
    .suffix = ".xz",
    .probe = xz_probe,
    .open = xz_open,
    .create = xz_create,
    .find = xz_find,
    .packs = true,
    .open_forward = xz_open_forward,
};
