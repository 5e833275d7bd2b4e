/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats that there are: by name, and as the public list.
 */
#include "dump.h"

#include <string.h>

const struct dio_format *dio_format_by_name(const char *name)
{
    for (size_t i = 0; dio_formats[i]; i++)
        if (!strcmp(dio_formats[i]->name, name))
            return dio_formats[i];
    return NULL;
}

int dumpio_format_at(size_t i, struct dumpio_format_info *info)
{
    size_t n = 0;
    while (n < i && dio_formats[n])
        n++;
    const struct dio_format *f = dio_formats[n];
    if (!f)
        return DUMPIO_END;
    *info = (struct dumpio_format_info){
        .name = f->name,
        .title = f->title,
        .reads = f->open != NULL,
        .writes = f->create != NULL,
        .holds_absent = (f->holds & DIO_HOLDS_ABSENT) != 0,
    };
    size_t room = sizeof info->codecs / sizeof *info->codecs - 1;
    for (size_t c = 0; f->codecs && f->codecs[c].name && c < room; c++) {
        const char *name = f->codecs[c].codec;
        const struct dio_codec *codec = name ? dio_codec_by_name(name) : NULL;
        info->codecs[c] = f->codecs[c].name;
        info->missing_codecs |= (unsigned)(codec && codec->missing) << c;
    }
    return 0;
}
