/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codecs that codecs.c measures: ours, and beside them their libraries without us.
 * Format reference: none. Not handled: levels beyond those that conversions are compared at.
 */
#include "codecs.h"

#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>
#if defined(DUMPIO_HAVE_ISAL) && defined(DUMPIO_HAVE_LIBDEFLATE)
#include <isa-l/igzip_lib.h>
#endif
#ifdef DUMPIO_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#ifdef DUMPIO_HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#ifdef DUMPIO_HAVE_SNAPPY
#include <snappy-c.h>
#endif

/* ---- the libraries alone --------------------------------------------------------------------- */

static size_t zlib_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    z_stream *z = state;
    deflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)in;
    z->avail_in = (uInt)n;
    z->next_out = out;
    z->avail_out = (uInt)cap;
    return deflate(z, Z_FINISH) == Z_STREAM_END ? cap - z->avail_out : 0;
}

static int zlib_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
    z_stream *z = state;
    inflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)in;
    z->avail_in = (uInt)len;
    z->next_out = out;
    z->avail_out = (uInt)n;
    return inflate(z, Z_FINISH) != Z_STREAM_END;
}

static size_t zstd_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    size_t len = ZSTD_compressCCtx(state, out, cap, in, n, 1);
    return ZSTD_isError(len) ? 0 : len;
}

static size_t zstd_pack2(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    size_t len = ZSTD_compress2(state, out, cap, in, n);
    return ZSTD_isError(len) ? 0 : len;
}

static int zstd_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
    return ZSTD_decompressDCtx(state, out, n, in, len) != n;
}

#ifdef DUMPIO_HAVE_LIBDEFLATE
static size_t libdeflate_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    return libdeflate_zlib_compress(state, in, n, out, cap);
}

static int libdeflate_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
    return libdeflate_zlib_decompress(state, in, len, out, n, NULL) != LIBDEFLATE_SUCCESS;
}
#endif

#if defined(DUMPIO_HAVE_ISAL) && defined(DUMPIO_HAVE_LIBDEFLATE)
static size_t isal_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct isal_zstream *z = state;
    isal_deflate_stateless_init(z);
    z->gzip_flag = IGZIP_ZLIB;
    z->end_of_stream = 1;
    z->next_in = (uint8_t *)(uintptr_t)in;
    z->avail_in = (uint32_t)n;
    z->next_out = out;
    z->avail_out = (uint32_t)cap;
    return isal_deflate_stateless(z) == COMP_OK && !z->avail_in ? z->total_out : 0;
}
#endif

#ifdef DUMPIO_HAVE_LZO
static size_t lzo_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    lzo_uint len = 0;
    lzo1x_1_compress(in, n, out, &len, state);
    return len <= cap ? len : 0;
}

static int lzo_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
    lzo_uint made = n;
    return lzo1x_decompress_safe(in, len, out, &made, state) != LZO_E_OK;
}
#endif

#ifdef DUMPIO_HAVE_SNAPPY
static size_t snappy_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    size_t len = ROOM_TO_GROW;
    (void)state;
    return snappy_compress((const char *)in, n, (char *)out, &len) == SNAPPY_OK && len <= cap ? len
                                                                                              : 0;
}

static int snappy_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
    size_t made = n;
    (void)state;
    return snappy_uncompress((const char *)in, len, (char *)out, &made) != SNAPPY_OK;
}
#endif

/* ---- the list -------------------------------------------------------------------------------- */

struct contender contenders[CONTENDERS_MAX];
size_t n_contenders;

static void add_codec(const char *name, int level)
{
    const struct dio_codec *codec = dio_codec_by_name(name);
    if (!codec || codec->missing)
        return;
    static char titles[CONTENDERS_MAX][32];
    snprintf(titles[n_contenders], sizeof titles[0], codec->level_max ? "%s, level %d" : "%s", name,
             level);
    void *state = codec->new_state(level);
    if (!state)
        bench_die("no memory");
    contenders[n_contenders] = (struct contender){
        .title = titles[n_contenders], .codec = codec, .packer = state, .expander = state};
    n_contenders++;
}

static void add_library(const char *title, const struct library *library, int same, void *packer,
                        void *expander)
{
    contenders[n_contenders++] = (struct contender){
        .title = title, .library = library, .same = same, .packer = packer, .expander = expander};
}

static void add_zlib(void)
{
    static const struct library zlib = {zlib_pack, zlib_expand};
    static z_stream d, i;
    if (deflateInit(&d, 1) != Z_OK || inflateInit(&i) != Z_OK)
        bench_die("no memory");
    add_codec("zlib", 0);
#if defined(DUMPIO_HAVE_ISAL) && defined(DUMPIO_HAVE_LIBDEFLATE)
    static const struct library isal = {isal_pack, libdeflate_expand};
    add_library("isal_deflate_stateless, libdeflate", &isal, 1,
                calloc(1, sizeof(struct isal_zstream)), libdeflate_alloc_decompressor());
#endif
    add_codec("zlib", 1);
    add_library("zlib 1", &zlib, 0, &d, &i);
#ifdef DUMPIO_HAVE_LIBDEFLATE
    static const struct library libdeflate = {libdeflate_pack, libdeflate_expand};
    add_library("libdeflate 1", &libdeflate, 0, libdeflate_alloc_compressor(1),
                libdeflate_alloc_decompressor());
    add_codec("zlib", 6);
    add_library("libdeflate 6", &libdeflate, 1, libdeflate_alloc_compressor(6),
                libdeflate_alloc_decompressor());
#endif
}

static void add_zstd(void)
{
    static const struct library simple = {zstd_pack, zstd_expand}, set = {zstd_pack2, zstd_expand};
    add_codec("zstd", 1);
    add_library("ZSTD_compressCCtx 1, no checksum", &simple, 0, ZSTD_createCCtx(),
                ZSTD_createDCtx());
    add_codec("zstd", 3);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 3);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    add_library("ZSTD_compress2 3", &set, 1, c, ZSTD_createDCtx());
    add_codec("zstd", -1);
}

void add_contenders(void)
{
    add_zlib();
    add_codec("lzo", 0);
#ifdef DUMPIO_HAVE_LZO
    static const struct library lzo = {lzo_pack, lzo_expand};
    add_library("lzo1x_1_compress", &lzo, 1, malloc(LZO1X_1_MEM_COMPRESS), NULL);
#endif
    add_codec("snappy", 0);
#ifdef DUMPIO_HAVE_SNAPPY
    static const struct library snappy = {snappy_pack, snappy_expand};
    add_library("snappy_compress", &snappy, 1, NULL, NULL);
#endif
    add_zstd();
    add_codec("rle", 0);
}
