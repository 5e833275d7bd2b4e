/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .gz files (RFC 1952). Written: one member; blocks of BLOCK plain bytes are packed independently
 * and joined at byte boundaries by empty stored blocks (RFC 1951). Read: any number of members,
 * from the start to a temporary file. Not handled: random access to the packed file.
 */
#include "../plug/decode.h"
#include "forward.h"
#include "layers.h"
#include "pool.h"
#include "unpack.h"

#include <stdlib.h>
#include <zlib.h>

#define BLOCK (1u << 19)
#define LEVEL 6
#define LEVEL_MIN 1
#define LEVEL_MAX 9
#define HEAD 10u /* bytes of a header without its optional parts */
#define TAIL 8u  /* CRC32, length modulo 2^32 */

enum flag { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0 };

/* ---- writing --------------------------------------------------------------------------------- */

struct gzip_out {
    struct dio_forward f;
    struct dio_pool *pool;
    int level;
    uint32_t crc; /* of what was placed */
};

static size_t bound(void)
{
    return BLOCK + BLOCK / 1000 + 64; /* stored blocks of 64 KiB and less cost 5 bytes each */
}

static void *new_packer(void *ctx)
{
    struct gzip_out *g = ctx;
    z_stream *z = calloc(1, sizeof *z);
    if (z && deflateInit2(z, g->level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK)
        return z;
    free(z);
    return NULL;
}

static void free_packer(void *worker)
{
    deflateEnd(worker);
    free(worker);
}

static int pack_block(void *worker, struct dio_packed *p, struct dumpio_error *err)
{
    z_stream *z = worker;
    int rc = deflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)p->in;
    z->avail_in = (uInt)p->n;
    z->next_out = p->out;
    z->avail_out = (uInt)bound();
    if (rc == Z_OK && p->n)
        rc = deflate(z, Z_SYNC_FLUSH);
    if (rc != Z_OK || z->avail_in || !z->avail_out)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "zlib packs no more: %d", rc);
    p->len = bound() - z->avail_out;
    p->check = (uint32_t)crc32(0, p->in, (uInt)p->n);
    return 0;
}

static int put_head(struct gzip_out *g, struct dumpio_error *err)
{
    /* no time and no name, so that the same input gives the same bytes; system 255: unknown */
    const uint8_t speed = g->level == LEVEL_MAX ? 2 : g->level == LEVEL_MIN ? 4 : 0;
    const uint8_t head[HEAD] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, speed, 255};
    return dio_forward_put(&g->f, head, sizeof head, err);
}

static int place_block(void *ctx, const struct dio_packed *p, struct dumpio_error *err)
{
    struct gzip_out *g = ctx;
    int rc = g->f.out ? 0 : put_head(g, err);
    g->crc = (uint32_t)crc32_combine(g->crc, p->check, (z_off_t)p->n);
    return rc ? rc : dio_forward_put(&g->f, p->out, p->len, err);
}

static int gzip_append(struct dio_forward *f, const void *p, size_t n, struct dumpio_error *err)
{
    return dio_pool_put(((struct gzip_out *)f)->pool, p, n, err);
}

static int gzip_end(struct dio_forward *f, struct dumpio_error *err)
{
    struct gzip_out *g = (struct gzip_out *)f;
    uint8_t tail[2 + TAIL] = {3, 0}; /* an empty last block of fixed codes */
    int rc = dio_pool_end(g->pool, err);
    dio_put(tail + 2, DUMPIO_LITTLE, 4, g->crc);
    dio_put(tail + 6, DUMPIO_LITTLE, 4, f->in);
    return rc ? rc : dio_forward_put(f, tail, sizeof tail, err);
}

static void gzip_out_free(struct dio_forward *f)
{
    struct gzip_out *g = (struct gzip_out *)f;
    dio_pool_free(g->pool);
    free(g);
}

static const struct dio_forward_ops forward_ops = {gzip_append, gzip_end, gzip_out_free};
static const struct dio_pool_ops pool_ops = {new_packer, free_packer, pack_block, place_block};

static int gzip_create(struct dio_out **out, struct dio_out *below,
                       const struct dio_layer_options *o, const struct dumpio_env *env,
                       struct dumpio_error *err)
{
    int level = o && o->level != DUMPIO_LEVEL_DEFAULT ? o->level : LEVEL;
    if (level < LEVEL_MIN || level > LEVEL_MAX)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "gzip has levels %d to %d, not %d",
                        LEVEL_MIN, LEVEL_MAX, level);
    struct gzip_out *g = calloc(1, sizeof *g);
    struct dio_pool_options po = {BLOCK, bound(), 1u << 19};
    if (!g)
        return dio_nomem(err, "a gzip stream");
    g->level = level;
    dio_forward_init(&g->f, &forward_ops, below);
    int rc = dio_pool_new(&g->pool, &pool_ops, &po, g, env, err);
    if (rc)
        gzip_out_free(&g->f);
    else
        *out = &g->f.o;
    return rc;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    z_stream z;
    bool inside;     /* of a member's packed data */
    uint32_t crc;    /* of the member so far, and its length */
    uint64_t length;
    uint64_t members;
    const struct dumpio_env *env;
};

static int cut(const struct dio_feed *in, const char *where, struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_TRUNCATED, in->end, "the file ends within its %s", where);
}

static int skip(struct dio_feed *in, size_t n, struct dumpio_error *err)
{
    while (n) {
        bool all;
        int rc = dio_feed_need(in, 1, &all, err);
        if (rc || !all)
            return rc ? rc : cut(in, "header", err);
        size_t part = in->len - in->pos < n ? in->len - in->pos : n;
        in->pos += part;
        n -= part;
    }
    return 0;
}

/* Behind the NUL that ends a string. */
static int skip_string(struct dio_feed *in, struct dumpio_error *err)
{
    uint8_t c = 1;
    while (c) {
        bool all;
        int rc = dio_feed_need(in, 1, &all, err);
        if (rc || !all)
            return rc ? rc : cut(in, "header", err);
        c = in->buf[in->pos++];
    }
    return 0;
}

/* The two bytes of an extra field's length, and the field. */
static int skip_extra(struct dio_feed *in, struct dumpio_error *err)
{
    bool all;
    int rc = dio_feed_need(in, 2, &all, err);
    if (rc || !all)
        return rc ? rc : cut(in, "header", err);
    return skip(in, 2u + dio_get16(in->buf + in->pos, DUMPIO_LITTLE), err);
}

/* A member's header; *what = END when there is no further member. */
static int start_member(struct reader *r, struct dio_feed *in, enum dio_step *what,
                        struct dumpio_error *err)
{
    bool all;
    int rc = dio_feed_need(in, HEAD, &all, err);
    if (rc)
        return rc;
    const uint8_t *h = in->buf + in->pos;
    size_t n = in->len - in->pos;
    bool is_member = n >= 2 && h[0] == 0x1f && h[1] == 0x8b;
    if (!is_member && r->members) {
        if (n && in->below->size == DIO_SIZE_UNKNOWN)
            dio_note(r->env, DUMPIO_WARNING, "%s: what follows the last gzip member is ignored",
                     in->below->name);
        else if (n)
            dio_note(r->env, DUMPIO_WARNING, "%s: %llu bytes behind the last gzip member ignored",
                     in->below->name, (unsigned long long)(in->below->size - dio_feed_at(in)));
        *what = DIO_STEP_END;
        return 0;
    }
    if (!all)
        return cut(in, "header", err);
    unsigned flags = h[3];
    if (!is_member || h[2] != 8 || (flags & RESERVED))
        return dio_fail(err, DUMPIO_E_CORRUPT, dio_feed_at(in),
                        "no gzip header (%02x %02x, method %u, flags %02x)", h[0], h[1], h[2],
                        flags);
    in->pos += HEAD;
    rc = flags & FEXTRA ? skip_extra(in, err) : 0;
    if (!rc && (flags & FNAME))
        rc = skip_string(in, err);
    if (!rc && (flags & FCOMMENT))
        rc = skip_string(in, err);
    if (!rc && (flags & FHCRC))
        rc = skip(in, 2, err);
    if (!rc && inflateReset(&r->z) != Z_OK)
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "zlib cannot be reset");
    r->inside = true;
    r->crc = 0;
    r->length = 0;
    *what = DIO_STEP_MORE;
    return rc;
}

static int end_member(struct reader *r, struct dio_feed *in, struct dumpio_error *err)
{
    bool all;
    int rc = dio_feed_need(in, TAIL, &all, err);
    if (rc || !all)
        return rc ? rc : cut(in, "trailer", err);
    uint32_t crc = dio_get32(in->buf + in->pos, DUMPIO_LITTLE);
    uint32_t length = dio_get32(in->buf + in->pos + 4, DUMPIO_LITTLE);
    if (crc != r->crc)
        return dio_fail(err, DUMPIO_E_CORRUPT, dio_feed_at(in),
                        "CRC32 of its contents is %08x, not %08x", r->crc, crc);
    if (length != (uint32_t)r->length)
        return dio_fail(err, DUMPIO_E_CORRUPT, dio_feed_at(in) + 4,
                        "it holds %llu bytes, not %u modulo 2^32", (unsigned long long)r->length,
                        length);
    in->pos += TAIL;
    r->inside = false;
    r->members++;
    return 0;
}

static int gzip_step(void *ctx, struct dio_feed *in, uint8_t *out, size_t room, size_t *made,
                     enum dio_step *what, struct dumpio_error *err)
{
    struct reader *r = ctx;
    bool more;
    if (!r->inside)
        return start_member(r, in, what, err);
    int rc = dio_feed_need(in, 1, &more, err);
    if (rc)
        return rc;
    r->z.next_in = in->buf + in->pos;
    r->z.avail_in = (uInt)(in->len - in->pos);
    r->z.next_out = out;
    r->z.avail_out = (uInt)room;
    int z = inflate(&r->z, Z_NO_FLUSH);
    *made = room - r->z.avail_out;
    in->pos = in->len - r->z.avail_in;
    r->crc = (uint32_t)crc32(r->crc, out, (uInt)*made);
    r->length += *made;
    *what = DIO_STEP_MORE;
    if (z == Z_STREAM_END) {
        *what = DIO_STEP_UNIT;
        return end_member(r, in, err);
    }
    if (z == Z_MEM_ERROR)
        return dio_nomem(err, "unpacking gzip");
    if (z != Z_OK && z != Z_BUF_ERROR)
        return dio_fail(err, DUMPIO_E_CORRUPT, dio_feed_at(in), "%s near 0x%llx",
                        r->z.msg ? r->z.msg : "bad packed data",
                        (unsigned long long)dio_feed_at(in));
    return !more && !*made ? cut(in, "packed data", err) : 0;
}

static void reader_free(void *ctx)
{
    inflateEnd(&((struct reader *)ctx)->z);
    free(ctx);
}

static const struct dio_unpack_ops unpack_ops = {"gzip member", gzip_step, reader_free};

static int reader_new(struct reader **out, const struct dumpio_env *env, struct dumpio_error *err)
{
    struct reader *r = calloc(1, sizeof *r);
    if (!r || inflateInit2(&r->z, -MAX_WBITS) != Z_OK) {
        free(r);
        return dio_nomem(err, "unpacking gzip");
    }
    r->env = env;
    *out = r;
    return 0;
}

static int gzip_open(struct dio_bytes **out, struct dio_bytes *below,
                     const struct dio_layer_options *o, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    struct reader *r = NULL;
    int rc = reader_new(&r, env, err);
    return rc ? rc : dio_unpack(out, below, &unpack_ops, r, o, env, err);
}

static int gzip_open_forward(struct dio_bytes **out, struct dio_bytes *below,
                             const struct dio_layer_options *o, const struct dumpio_env *env,
                             struct dumpio_error *err)
{
    struct reader *r = NULL;
    int rc = reader_new(&r, env, err);
    (void)o;
    return rc ? rc : dio_unpack_forward(out, below, &unpack_ops, r, env, err);
}

/* ---- the layer ------------------------------------------------------------------------------- */

static int gzip_probe(const uint8_t *head, size_t n)
{
    return n >= 4 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && !(head[3] & RESERVED)
               ? 100
               : 0;
}

const struct dio_layer dio_layer_gzip = {
    .name = "gzip",
    .suffix = ".gz",
    .probe = gzip_probe,
    .open = gzip_open,
    .create = gzip_create,
    .packs = true,
    .open_forward = gzip_open_forward,
};
