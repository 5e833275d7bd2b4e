/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codecs, as their table sees them, and what ISA-L does for zlib.
 */
#ifndef DIO_CODEC_SET_H
#define DIO_CODEC_SET_H

#include "../plug/codec.h"

extern const struct dio_codec dio_codec_zlib, dio_codec_lzo, dio_codec_snappy, dio_codec_zstd,
    dio_codec_rle;

/* ---- zlib streams by ISA-L (isal.c); only when DUMPIO_HAVE_ISAL -------------------------------- */

#define DIO_ISAL_LEVELS 4 /* levels 0 to 3 */

struct dio_isal;
struct dio_isal *dio_isal_new(int level); /* NULL: out of memory */
void dio_isal_free(struct dio_isal *s);
size_t dio_isal_pack(struct dio_isal *s, const uint8_t *in, size_t n, uint8_t *out, size_t cap);
/* 0 when the stream is whole, checks, and gives exactly n bytes; else nonzero. */
int dio_isal_expand(struct dio_isal *s, const uint8_t *in, size_t len, uint8_t *out, size_t n);

#endif
