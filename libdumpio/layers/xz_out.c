/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing .xz files: one stream of blocks of BLOCK plain bytes, packed by threads of liblzma 5.4 or
 * later. Format: tukaani.org/xz/xz-file-format.txt.
 */
#include "forward.h"
#include "pool.h"
#include "xz_parts.h"

#include <stdlib.h>

#define BLOCK (4u << 20)
#define DICT_MIN (64u << 10) /* of the dictionary, when memory is short; bytes */
#define LEVEL 6
#define LEVEL_MAX 9
#define BUFFER 65536u

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

/* As many threads as half of the memory limit has room for: the rest is for what makes pages. */
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

int dio_xz_create(struct dio_out **out, struct dio_out *below,
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
