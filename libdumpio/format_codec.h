/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codecs that a format can have its pages in.
 */
#ifndef DIO_FORMAT_CODEC_H
#define DIO_FORMAT_CODEC_H

#include "plug/codec.h"
#include "plug/format.h"

/* The one of this name, or, with name NULL, the one that is packed by `codec`; NULL = none. */
const struct dio_format_codec *dio_format_codec(const struct dio_format *f, const char *name,
                                                const char *codec);
/* Fails: the format has no codec of this name. */
int dio_no_such_codec(const struct dio_format *f, const char *name, struct dumpio_error *err);
/* Has the codec (NULL = plain) this level? */
int dio_codec_check_level(const struct dio_codec *codec, int level, struct dumpio_error *err);

#endif
