/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of page codecs. Numbers, names and order come from this array alone.
 */
#include "set.h"

#include <string.h>

static const struct dio_codec *const codecs[] = {
    &dio_codec_zlib, &dio_codec_lzo, &dio_codec_snappy, &dio_codec_zstd, &dio_codec_rle,
};

#define N_CODECS ((unsigned)(sizeof codecs / sizeof *codecs))
_Static_assert(sizeof codecs / sizeof *codecs <= DIO_CODECS_MAX, "tables of states are too short");

const struct dio_codec *dio_codec_at(unsigned index)
{
    return index < N_CODECS ? codecs[index] : NULL;
}

const struct dio_codec *dio_codec_by_name(const char *name)
{
    if (!strcmp(name, "gzip"))
        name = "zlib";
    for (unsigned i = 0; i < N_CODECS; i++)
        if (!strcmp(codecs[i]->name, name))
            return codecs[i];
    return NULL;
}

unsigned dio_codec_index(const struct dio_codec *codec)
{
    unsigned i = 0;
    while (i + 1 < N_CODECS && codecs[i] != codec)
        i++;
    return i;
}
