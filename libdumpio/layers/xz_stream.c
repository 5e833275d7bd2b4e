/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading .xz files from the start, in order: streams, blocks, indexes, padding. Format:
 * tukaani.org/xz/xz-file-format.txt, 2. Not handled: .lzma, .lz.
 */
#include "../plug/decode.h"
#include "unpack.h"
#include "xz_parts.h"

#include <stdlib.h>
#include <string.h>

enum state { HEADER, BLOCK_HEADER, INSIDE, INDEX, FOOTER };

struct stream {
    lzma_stream s;
    enum state state;
    lzma_stream_flags flags;
    lzma_index_hash *hash;
    struct dio_xz_block block;
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
        return dio_xz_verdict(ret, dio_feed_at(in), "xz stream header", err);
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
    x->block = (struct dio_xz_block){.b.header_size = size};
    rc = dio_xz_block_header(&x->block, in->buf + in->pos, x->flags.check, dio_feed_at(in),
                             x->limit, err);
    if (rc)
        return rc;
    lzma_ret ret = lzma_block_decoder(&x->s, &x->block.b);
    lzma_filters_free(x->block.filters, NULL);
    x->block.b.filters = NULL;
    if (ret != LZMA_OK)
        return dio_xz_verdict(ret, dio_feed_at(in), "xz block", err);
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
               : dio_xz_verdict(ret, dio_feed_at(in), "xz data", err);
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
        return dio_xz_verdict(ret, dio_feed_at(in), "xz index", err);
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
        return dio_xz_verdict(ret, dio_feed_at(in), "xz stream footer", err);
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

int dio_xz_unpack(struct dio_bytes **out, struct dio_bytes *below,
                  const struct dio_layer_options *o, const struct dumpio_env *env,
                  struct dumpio_error *err)
{
    struct stream *x = NULL;
    int rc = stream_new(&x, env, err);
    return rc ? rc : dio_unpack(out, below, &unpack_ops, x, o, env, err);
}

int dio_xz_open_forward(struct dio_bytes **out, struct dio_bytes *below,
                           const struct dio_layer_options *o, const struct dumpio_env *env,
                           struct dumpio_error *err)
{
    struct stream *x = NULL;
    int rc = stream_new(&x, env, err);
    (void)o;
    return rc ? rc : dio_unpack_forward(out, below, &unpack_ops, x, env, err);
}
