/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .zst files (RFC 8878). Written: zstd's seekable format, frames of one length and a seek table
 * (contrib/seekable_format/zstd_seekable_compression_format.md), which every zstd unpacks.
 * Read: any, frame by frame where the frames allow it. Not handled: dictionaries.
 */
#include "forward.h"
#include "layers.h"
#include "pool.h"
#include "scratch.h"
#include "unpack.h"
#include "../plug/xxh64.h"
#include "zstd_frames.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define FRAME (1u << 18)      /* plain bytes */
#define FRAME_LONG (4u << 20) /* of the levels that are asked for to make it small, at any price */
#define LEVEL 3
#define LEVEL_LONG 17
/* For frames of 256 KiB, smaller tables than level 3 has: a sixth of the time less, 0.8% more. */
#define HASH_LOG 15
#define CHAIN_LOG 14
#define LEVEL_MIN (-7)
#define LEVEL_MAX 22
#define CONTEXT (1u << 18) /* bytes of an unpacking context, about */
#define ENTRY 12u
#define TABLE_PIECE (32768u * ENTRY) /* bytes of the seek table in memory; more go to a file */

/* ---- writing --------------------------------------------------------------------------------- */

struct zstd_out {
    struct dio_forward f;
    struct dio_pool *pool;
    struct dumpio_env env; /* for the temporary file */
    int level;
    uint32_t frame; /* plain bytes */
    uint32_t frames;
    uint8_t *table; /* the last `used` bytes of the seek table */
    size_t used;
    bool spilled; /* those before are in `scratch` */
    struct dio_scratch scratch;
};

static bool set(ZSTD_CCtx *c, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(c, parameter, value));
}

static void *new_packer(void *ctx)
{
    struct zstd_out *z = ctx;
    ZSTD_CCtx *c = ZSTD_createCCtx();
    bool ready = c && set(c, ZSTD_c_compressionLevel, z->level) && set(c, ZSTD_c_checksumFlag, 1);
    if (ready && z->level == LEVEL)
        ready = set(c, ZSTD_c_hashLog, HASH_LOG) && set(c, ZSTD_c_chainLog, CHAIN_LOG) &&
                set(c, ZSTD_c_minMatch, 4);
    if (ready)
        return c;
    ZSTD_freeCCtx(c);
    return NULL;
}

static void free_packer(void *worker)
{
    ZSTD_freeCCtx(worker);
}

static int pack_frame(void *worker, struct dio_packed *p, struct dumpio_error *err)
{
    p->len = ZSTD_compress2(worker, p->out, ZSTD_compressBound(p->n), p->in, p->n);
    if (ZSTD_isError(p->len))
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "zstd: %s",
                        ZSTD_getErrorName(p->len));
    /* the checksum that ends a frame is the one that the seek table wants */
    p->check = dio_get32(p->out + p->len - 4, DUMPIO_LITTLE);
    return 0;
}

static int spill_table(struct zstd_out *z, struct dumpio_error *err)
{
    int rc = z->spilled ? 0 : dio_scratch_open(&z->scratch, &z->env, err);
    if (rc)
        return rc;
    z->spilled = true;
    rc = dio_scratch_put(&z->scratch, z->table, z->used, err);
    z->used = 0;
    return rc;
}

static int place_frame(void *ctx, const struct dio_packed *p, struct dumpio_error *err)
{
    struct zstd_out *z = ctx;
    int rc = z->used == TABLE_PIECE ? spill_table(z, err) : 0;
    if (rc)
        return rc;
    if (z->frames == DIO_ZSTD_TABLE_FRAMES_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, z->f.out,
                        "a seekable .zst file holds at most %u frames of %u bytes",
                        DIO_ZSTD_TABLE_FRAMES_MAX, z->frame);
    struct dio_builder b = dio_builder(z->table + z->used, ENTRY, DUMPIO_LITTLE, 8);
    dio_bld_u32(&b, (uint32_t)p->len);
    dio_bld_u32(&b, (uint32_t)p->n);
    dio_bld_u32(&b, p->check);
    z->used += ENTRY;
    z->frames++;
    return dio_forward_put(&z->f, p->out, p->len, err);
}

static int put_spilled(struct zstd_out *z, struct dumpio_error *err)
{
    uint64_t off = 0;
    size_t got = 0;
    int rc = spill_table(z, err);
    while (!rc && off < z->scratch.size) {
        rc = dio_scratch_get(&z->scratch, off, z->table, TABLE_PIECE, &got, err);
        if (!rc)
            rc = dio_forward_put(&z->f, z->table, got, err);
        off += got;
    }
    return rc;
}

static int put_table(struct zstd_out *z, struct dumpio_error *err)
{
    uint8_t head[DIO_ZSTD_TABLE_HEAD], foot[DIO_ZSTD_TABLE_FOOT];
    struct dio_builder h = dio_builder(head, sizeof head, DUMPIO_LITTLE, 8);
    struct dio_builder f = dio_builder(foot, sizeof foot, DUMPIO_LITTLE, 8);
    dio_bld_u32(&h, DIO_ZSTD_TABLE_MAGIC);
    dio_bld_u32(&h, z->frames * ENTRY + DIO_ZSTD_TABLE_FOOT);
    dio_bld_u32(&f, z->frames);
    dio_bld_put(&f, 1, 0x80); /* entries have checksums */
    dio_bld_u32(&f, DIO_ZSTD_SEEKABLE_MAGIC);
    int rc = dio_forward_put(&z->f, head, sizeof head, err);
    if (!rc)
        rc = z->spilled ? put_spilled(z, err) : dio_forward_put(&z->f, z->table, z->used, err);
    return rc ? rc : dio_forward_put(&z->f, foot, sizeof foot, err);
}

static int zstd_append(struct dio_forward *f, const void *p, size_t n, struct dumpio_error *err)
{
    return dio_pool_put(((struct zstd_out *)f)->pool, p, n, err);
}

static int zstd_end(struct dio_forward *f, struct dumpio_error *err)
{
    struct zstd_out *z = (struct zstd_out *)f;
    int rc = dio_pool_end(z->pool, err);
    return rc ? rc : put_table(z, err);
}

static void zstd_out_free(struct dio_forward *f)
{
    struct zstd_out *z = (struct zstd_out *)f;
    dio_pool_free(z->pool);
    if (z->spilled)
        dio_scratch_close(&z->scratch);
    free(z->table);
    free(z);
}

static const struct dio_forward_ops forward_ops = {zstd_append, zstd_end, zstd_out_free};
static const struct dio_pool_ops pool_ops = {new_packer, free_packer, pack_frame, place_frame};

static int zstd_create(struct dio_out **out, struct dio_out *below,
                       const struct dio_layer_options *o, const struct dumpio_env *env,
                       struct dumpio_error *err)
{
    int level = o && o->level != DUMPIO_LEVEL_DEFAULT ? o->level : LEVEL;
    if (level < LEVEL_MIN || level > LEVEL_MAX)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "zstd has levels %d to %d, not %d",
                        LEVEL_MIN, LEVEL_MAX, level);
    struct zstd_out *z = calloc(1, sizeof *z);
    uint32_t frame = level < LEVEL_LONG ? FRAME : FRAME_LONG;
    struct dio_pool_options po = {frame, ZSTD_compressBound(frame),
                                  level < LEVEL_LONG ? level > 4 ? 8u << 20 : 2u << 20 : 64u << 20};
    if (!z)
        return dio_nomem(err, "a zstd stream");
    z->frame = frame;
    z->level = level ? level : LEVEL;
    if (env)
        z->env = *env;
    dio_forward_init(&z->f, &forward_ops, below);
    z->table = malloc(TABLE_PIECE);
    int rc = z->table ? dio_pool_new(&z->pool, &pool_ops, &po, z, env, err)
                      : dio_nomem(err, "a seek table");
    if (rc)
        zstd_out_free(&z->f);
    else
        *out = &z->f.o;
    return rc;
}

/* ---- reading frame by frame ------------------------------------------------------------------ */

struct reader {
    struct dio_zstd_frames frames;
    int window_log; /* largest window, log2 of bytes */
};

struct expander {
    struct reader *r;
    ZSTD_DCtx *d;
};

/* Half of the memory for the largest window. */
static int window_log(const struct dumpio_env *env)
{
    uint64_t memory = dio_memory_limit(env);
    int log = 10;
    while (log < (sizeof(size_t) == 4 ? 30 : 31) && UINT64_C(4) << log <= memory)
        log++;
    return log;
}

static ZSTD_DCtx *new_context(int window)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    if (d && !ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, window)))
        return d;
    ZSTD_freeDCtx(d);
    return NULL;
}

static void *new_expander(void *ctx)
{
    struct expander *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->r = ctx;
    e->d = new_context(e->r->window_log);
    if (e->d)
        return e;
    free(e);
    return NULL;
}

static void free_expander(void *worker)
{
    struct expander *e = worker;
    ZSTD_freeDCtx(e->d);
    free(e);
}

static int locate(void *ctx, uint64_t off, struct dio_block *b, struct dumpio_error *err)
{
    return dio_zstd_frames_find(&((struct reader *)ctx)->frames, off, b, err);
}

/* A frame without a checksum may have one in the seek table. */
static int check_frame(const struct expander *e, const struct dio_block *b, const uint8_t *in,
                       const uint8_t *out, struct dumpio_error *err)
{
    uint32_t check;
    if (dio_get32(in, DUMPIO_LITTLE) == DIO_ZSTD_MAGIC && (in[4] & 4))
        return 0; /* its own has been checked */
    int rc = dio_zstd_frames_check(&e->r->frames, b->number, &check, err);
    if (rc)
        return rc == DUMPIO_END ? 0 : rc;
    uint32_t sum = (uint32_t)dio_xxh64(out, (size_t)b->plain_len);
    if (sum == check)
        return 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, b->packed,
                    "zstd frame %llu: checksum %08x, the seek table says %08x",
                    (unsigned long long)b->number, sum, check);
}

static int expand(void *worker, const struct dio_block *b, const uint8_t *in, uint8_t *out,
                  struct dumpio_error *err)
{
    struct expander *e = worker;
    size_t made = ZSTD_decompressDCtx(e->d, out, (size_t)b->plain_len, in, (size_t)b->packed_len);
    if (ZSTD_isError(made))
        return dio_fail(err, DUMPIO_E_CORRUPT, b->packed, "zstd frame %llu: %s",
                        (unsigned long long)b->number, ZSTD_getErrorName(made));
    if (made != b->plain_len)
        return dio_fail(err, DUMPIO_E_CORRUPT, b->packed,
                        "zstd frame %llu holds %zu bytes, not %llu",
                        (unsigned long long)b->number, made, (unsigned long long)b->plain_len);
    return check_frame(e, b, in, out, err);
}

/* For dio_zstd_frames: does it hold what is said of it? */
static int try_frame(void *ctx, const struct dio_block *b, struct dumpio_error *err)
{
    struct reader *r = ctx;
    struct expander *e = new_expander(r);
    uint8_t *in = malloc((size_t)b->packed_len + 1), *out = malloc((size_t)b->plain_len + 1);
    int rc = e && in && out ? dio_read_exact(r->frames.below, b->packed, in, (size_t)b->packed_len,
                                             "zstd frame", err)
                            : dio_nomem(err, "a zstd frame");
    if (!rc)
        rc = expand(e, b, in, out, err);
    free(out);
    free(in);
    if (e)
        free_expander(e);
    return rc;
}

static void reader_free(void *ctx)
{
    struct reader *r = ctx;
    dio_zstd_frames_free(&r->frames);
    free(r);
}

static const struct dio_blocks_ops blocks_ops = {locate, new_expander, free_expander, expand,
                                                 reader_free};

/* ---- reading from the start ------------------------------------------------------------------ */

struct stream {
    ZSTD_DCtx *d;
    int window_log;
    bool inside; /* of a frame */
};

static int zstd_step(void *ctx, struct dio_feed *feed, uint8_t *out, size_t room, size_t *made,
                     enum dio_step *what, struct dumpio_error *err)
{
    struct stream *s = ctx;
    bool more;
    int rc = dio_feed_need(feed, 1, &more, err);
    if (rc)
        return rc;
    *what = DIO_STEP_END;
    if (!more && !s->inside)
        return 0;
    ZSTD_inBuffer in = {feed->buf, feed->len, feed->pos};
    ZSTD_outBuffer to = {out, room, 0};
    size_t left = ZSTD_decompressStream(s->d, &to, &in);
    *made = to.pos;
    feed->pos = in.pos;
    if (ZSTD_isError(left) &&
        ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
        return dio_fail(err, DUMPIO_E_LIMIT, dio_feed_at(feed),
                        "zstd frame at 0x%llx: it needs a window of more than %llu bytes; half of "
                        "the memory limit is for it",
                        (unsigned long long)dio_feed_at(feed), 1ull << s->window_log);
    if (ZSTD_isError(left))
        return dio_fail(err, DUMPIO_E_CORRUPT, dio_feed_at(feed), "%s near 0x%llx",
                        ZSTD_getErrorName(left), (unsigned long long)dio_feed_at(feed));
    s->inside = left != 0;
    *what = left ? DIO_STEP_MORE : DIO_STEP_UNIT;
    if (!more && left && !to.pos)
        return dio_fail(err, DUMPIO_E_TRUNCATED, dio_feed_at(feed), "the file ends within");
    return 0;
}

static void stream_free(void *ctx)
{
    ZSTD_freeDCtx(((struct stream *)ctx)->d);
    free(ctx);
}

static const struct dio_unpack_ops unpack_ops = {"zstd frame", zstd_step, stream_free};

static int stream_new(struct stream **out, int window, struct dumpio_error *err)
{
    struct stream *s = calloc(1, sizeof *s);
    ZSTD_DCtx *d = s ? new_context(window) : NULL;
    if (!d) {
        free(s);
        return dio_nomem(err, "unpacking zstd");
    }
    *s = (struct stream){d, window, false};
    *out = s;
    return 0;
}

static int unpack(struct dio_bytes **out, struct dio_bytes *below, int window,
                  const struct dio_layer_options *o, const struct dumpio_env *env,
                  struct dumpio_error *err)
{
    struct stream *s = NULL;
    int rc = stream_new(&s, window, err);
    return rc ? rc : dio_unpack(out, below, &unpack_ops, s, o, env, err);
}

static int zstd_open_forward(struct dio_bytes **out, struct dio_bytes *below,
                             const struct dio_layer_options *o, const struct dumpio_env *env,
                             struct dumpio_error *err)
{
    struct stream *s = NULL;
    int rc = stream_new(&s, window_log(env), err);
    (void)o;
    return rc ? rc : dio_unpack_forward(out, below, &unpack_ops, s, env, err);
}

static int zstd_open(struct dio_bytes **out, struct dio_bytes *below,
                     const struct dio_layer_options *o, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    struct reader *r = calloc(1, sizeof *r);
    if (!r)
        return dio_nomem(err, "a zstd file");
    r->window_log = window_log(env);
    r->frames = (struct dio_zstd_frames){.below = below, .try_frame = try_frame, .ctx = r,
                                         .around = o && o->salvage};
    int rc = dio_zstd_frames_read(&r->frames, env, err);
    if (!rc) {
        const struct dio_zstd_frames *f = &r->frames;
        struct dio_blocks_options bo = {f->at[f->n - 1].plain, f->plain_max, f->packed_max,
                                        CONTEXT, f->truncated};
        rc = dio_blocks_open(out, below, &blocks_ops, r, &bo, env, err);
        if (!rc)
            return 0;
    }
    int window = r->window_log;
    reader_free(r);
    return rc == DUMPIO_END ? unpack(out, below, window, o, env, err) : rc;
}

/* ---- the layer ------------------------------------------------------------------------------- */

static int zstd_probe(const uint8_t *head, size_t n)
{
    uint32_t magic = n < 4 ? 0 : dio_get32(head, DUMPIO_LITTLE);
    if (magic == DIO_ZSTD_MAGIC)
        return 100;
    if ((magic & ~15u) != DIO_ZSTD_SKIP_MAGIC || n < 8)
        return 0;
    uint64_t next = dio_get32(head + 4, DUMPIO_LITTLE) + UINT64_C(8);
    if (next + 4 > n)
        return 60;
    magic = dio_get32(head + next, DUMPIO_LITTLE);
    return magic == DIO_ZSTD_MAGIC || (magic & ~15u) == DIO_ZSTD_SKIP_MAGIC ? 90 : 0;
}

/* The table at the end tells, when the beginning does not. */
static int zstd_find(struct dio_bytes *below, bool *there, struct dumpio_error *err)
{
    struct dio_zstd_frames f = {.below = below};
    int rc = dio_zstd_frames_table(&f, err);
    *there = !rc && f.frames;
    return rc < 0 && rc != DUMPIO_E_NOMEM && rc != DUMPIO_E_CANCELLED ? 0 : rc < 0 ? rc : 0;
}

const struct dio_layer dio_layer_zstd = {
    .name = "zstd",
    .suffix = ".zst",
    .probe = zstd_probe,
    .open = zstd_open,
    .create = zstd_create,
    .packs = true,
    .open_forward = zstd_open_forward,
    .find = zstd_find,
};
