/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zlib streams (RFC 1950) by libdeflate: whole buffers, twice to three times zlib's speed.
 */
#include "set.h"

#ifdef DUMPIO_HAVE_LIBDEFLATE
#include <libdeflate.h>
#include <stdlib.h>

struct dio_libdeflate {
    struct libdeflate_compressor *pack;
    struct libdeflate_decompressor *expand;
};

struct dio_libdeflate *dio_libdeflate_new(int level)
{
    struct dio_libdeflate *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    if (level)
        s->pack = libdeflate_alloc_compressor(level);
    s->expand = libdeflate_alloc_decompressor();
    if ((s->pack || !level) && s->expand)
        return s;
    dio_libdeflate_free(s);
    return NULL;
}

void dio_libdeflate_free(struct dio_libdeflate *s)
{
    if (!s)
        return;
    if (s->pack)
        libdeflate_free_compressor(s->pack);
    if (s->expand)
        libdeflate_free_decompressor(s->expand);
    free(s);
}

size_t dio_libdeflate_pack(struct dio_libdeflate *s, const uint8_t *in, size_t n, uint8_t *out,
                           size_t cap)
{
    return libdeflate_zlib_compress(s->pack, in, n, out, cap);
}

uint32_t dio_libdeflate_adler32(const uint8_t *p, size_t n)
{
    return libdeflate_adler32(1, p, n);
}

int dio_libdeflate_expand(struct dio_libdeflate *s, const uint8_t *in, size_t len, uint8_t *out,
                          size_t n)
{
    size_t used, made;
    return libdeflate_zlib_decompress_ex(s->expand, in, len, out, n, &used, &made) !=
               LIBDEFLATE_SUCCESS ||
           made != n;
}
#else
struct dio_libdeflate *dio_libdeflate_new(int level)
{
    (void)level;
    return NULL;
}

void dio_libdeflate_free(struct dio_libdeflate *s)
{
    (void)s;
}

size_t dio_libdeflate_pack(struct dio_libdeflate *s, const uint8_t *in, size_t n, uint8_t *out,
                           size_t cap)
{
    (void)s, (void)in, (void)n, (void)out, (void)cap;
    return 0;
}

uint32_t dio_libdeflate_adler32(const uint8_t *p, size_t n)
{
    (void)p, (void)n;
    return 0;
}

int dio_libdeflate_expand(struct dio_libdeflate *s, const uint8_t *in, size_t len, uint8_t *out,
                          size_t n)
{
    (void)s, (void)in, (void)len, (void)out, (void)n;
    return 1;
}
#endif
