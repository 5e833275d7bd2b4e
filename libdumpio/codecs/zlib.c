/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zlib pages (RFC 1950). Level 0 is ISA-L's fastest, or else level 1; level 1 is our own; levels 2
 * to 9 are libdeflate's, or else zlib's. zlib also explains bad streams.
 * Bytes behind the end of a stream are ignored, as other readers do: its checksum has proved the
 * page.
 */
#include "set.h"

#include "../plug/decode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

#define HEAD 2u /* bytes of a stream before the deflate data, and behind them */
#define TAIL 4u

struct state {
    struct dio_isal *isal;             /* level 0, when built in */
    struct dio_deflate *own;           /* level 1; level 0 without ISA-L */
    struct dio_libdeflate *libdeflate; /* when built in; for packing from level 2 on */
    z_stream deflate, inflate;
    int has_deflate, has_inflate;
};

static void zlib_free(void *state)
{
    struct state *s = state;
    if (s->has_deflate)
        deflateEnd(&s->deflate);
    if (s->has_inflate)
        inflateEnd(&s->inflate);
    dio_isal_free(s->isal);
    dio_deflate_free(s->own);
    dio_libdeflate_free(s->libdeflate);
    free(s);
}

static void *zlib_new(int level)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    bool isal = level == 0 && DIO_ISAL_BUILT_IN, own = level < 2 && !isal;
    bool libdeflate = DIO_LIBDEFLATE_BUILT_IN, zlib = level >= 2 && !libdeflate;
    if (isal)
        s->isal = dio_isal_new();
    if (own)
        s->own = dio_deflate_new();
    s->libdeflate = dio_libdeflate_new(level < 2 ? 0 : level);
    s->has_inflate = inflateInit(&s->inflate) == Z_OK;
    if (zlib)
        s->has_deflate = deflateInit(&s->deflate, level) == Z_OK;
    /* no falling back for want of memory: the same page must give the same bytes */
    if (s->has_inflate && (!isal || s->isal) && (!own || s->own) &&
        (!libdeflate || s->libdeflate) && (!zlib || s->has_deflate))
        return s;
    zlib_free(s);
    return NULL;
}

static size_t own_pack(struct dio_deflate *s, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    if (n > DIO_PAGE_MAX || cap < HEAD + TAIL)
        return 0;
    size_t len = dio_deflate_pack(s, in, n, out + HEAD, cap - HEAD - TAIL);
    if (!len)
        return 0;
    uint32_t sum = DIO_LIBDEFLATE_BUILT_IN ? dio_libdeflate_adler32(in, n)
                                           : (uint32_t)adler32(1, in, (uInt)n);
    dio_put(out, DUMPIO_BIG, HEAD, 0x7801); /* window of 32 KiB, fastest */
    dio_put(out + HEAD + len, DUMPIO_BIG, TAIL, sum);
    return HEAD + len + TAIL;
}

static size_t zlib_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct state *s = state;
    if (cap < n && (s->isal || s->own) && dio_is_noise_page(in, n))
        return 0;
    if (s->isal)
        return dio_isal_pack(s->isal, in, n, out, cap);
    if (s->own)
        return own_pack(s->own, in, n, out, cap);
    if (s->libdeflate)
        return dio_libdeflate_pack(s->libdeflate, in, n, out, cap);
    if (deflateReset(&s->deflate) != Z_OK)
        return 0;
    s->deflate.next_in = (Bytef *)(uintptr_t)in;
    s->deflate.avail_in = (uInt)n;
    s->deflate.next_out = out;
    s->deflate.avail_out = (uInt)cap;
    return deflate(&s->deflate, Z_FINISH) == Z_STREAM_END ? cap - s->deflate.avail_out : 0;
}

/* Expand by zlib: the verdict and its reason. */
static int expand(z_stream *z, const uint8_t *in, size_t len, uint8_t *out, size_t n,
                  struct dumpio_error *err)
{
    if (inflateReset(z) != Z_OK)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "zlib cannot be reset");
    z->next_in = (Bytef *)(uintptr_t)in;
    z->avail_in = (uInt)len;
    z->next_out = out;
    z->avail_out = (uInt)n;
    int rc = inflate(z, Z_FINISH);
    size_t made = n - z->avail_out;
    if (rc == Z_STREAM_END && made == n)
        return 0;
    if (rc == Z_MEM_ERROR)
        return dio_nomem(err, "expanding a zlib stream");
    if (rc == Z_STREAM_END)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "zlib stream ends after %zu of %zu bytes", made, n);
    if (rc == Z_BUF_ERROR && made == n && z->avail_in)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "zlib stream expands beyond %zu bytes", n);
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "zlib stream of %zu bytes: %s", len,
                    z->msg ? z->msg : "incomplete");
}

static int zlib_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n,
                       struct dumpio_error *err)
{
    struct state *s = state;
    if (s->libdeflate && !dio_libdeflate_expand(s->libdeflate, in, len, out, n))
        return 0;
    return expand(&s->inflate, in, len, out, n, err);
}

const struct dio_codec dio_codec_zlib = {
    .name = "zlib",
    .level_min = 0,
    .level_max = 9,
    .level_default = 1,
    .new_state = zlib_new,
    .free_state = zlib_free,
    .pack = zlib_pack,
    .expand = zlib_expand,
};
