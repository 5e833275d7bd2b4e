/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codecs, as their table sees them, and the faster makers of zlib streams behind zlib.c.
 */
#ifndef DIO_CODEC_SET_H
#define DIO_CODEC_SET_H

#include "../plug/codec.h"

#include <stdbool.h>

extern const struct dio_codec dio_codec_zlib, dio_codec_lzo, dio_codec_snappy, dio_codec_zstd,
    dio_codec_rle;

/*
 * A page that will not shrink, by a sample of it: packing it is in vain. For codecs that are slow to
 * see it themselves; not for levels of which the last bit is wanted. (noise.c)
 */
bool dio_is_noise_page(const uint8_t *p, size_t n);

/*
 * Makers of deflate and zlib streams. All free functions take NULL. Packing returns the packed
 * size, 0 when it does not fit in cap. Without its library, a BUILT_IN is 0, new gives NULL and the
 * rest is never called.
 */

/*
 * Our own (deflate.c), for pages of up to DIO_PAGE_MAX bytes: deflate (RFC 1951) without a zlib
 * header and checksum. Nearly twice as fast as libdeflate's level 1 and 2 % larger.
 */
struct dio_deflate;
struct dio_deflate *dio_deflate_new(void);
void dio_deflate_free(struct dio_deflate *s);
size_t dio_deflate_pack(struct dio_deflate *s, const uint8_t *in, size_t n, uint8_t *out,
                        size_t cap);

#ifdef DUMPIO_HAVE_ISAL
#define DIO_ISAL_BUILT_IN 1
#else
#define DIO_ISAL_BUILT_IN 0
#endif
#ifdef DUMPIO_HAVE_LIBDEFLATE
#define DIO_LIBDEFLATE_BUILT_IN 1
#else
#define DIO_LIBDEFLATE_BUILT_IN 0
#endif

/* ISA-L's level 0 (isal.c): by far the fastest, and larger. Its other levels do not give the same
 * bytes every time: their Huffman codes depend on what the stack held before. */
struct dio_isal;
struct dio_isal *dio_isal_new(void);
void dio_isal_free(struct dio_isal *s);
size_t dio_isal_pack(struct dio_isal *s, const uint8_t *in, size_t n, uint8_t *out, size_t cap);

/* libdeflate (libdeflate.c): levels 1 to 9; 0 for expanding only. */
struct dio_libdeflate;
struct dio_libdeflate *dio_libdeflate_new(int level);
void dio_libdeflate_free(struct dio_libdeflate *s);
size_t dio_libdeflate_pack(struct dio_libdeflate *s, const uint8_t *in, size_t n, uint8_t *out,
                           size_t cap);
uint32_t dio_libdeflate_adler32(const uint8_t *p, size_t n);
/* 0 when the stream is sound and gives exactly n bytes; else nonzero. */
int dio_libdeflate_expand(struct dio_libdeflate *s, const uint8_t *in, size_t len, uint8_t *out,
                          size_t n);

#endif
