/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codecs that a format can have its pages in: finding them, and what is wrong with a wish.
 * No format by name. Not handled: choosing one; that takes a dump.
 */
#include "format_codec.h"

#include <stdio.h>
#include <string.h>

const struct dio_format_codec *dio_format_codec(const struct dio_format *f, const char *name,
                                                const char *codec)
{
    for (size_t i = 0; f->codecs && f->codecs[i].name; i++) {
        const struct dio_format_codec *c = &f->codecs[i];
        if (name ? !strcmp(c->name, name) : c->codec && codec && !strcmp(c->codec, codec))
            return c;
    }
    return NULL;
}

int dio_no_such_codec(const struct dio_format *f, const char *name, struct dumpio_error *err)
{
    char list[200] = "";
    for (size_t i = 0; f->codecs && f->codecs[i].name; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", f->codecs[i].name);
    }
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s has no codec %s; it has: %s", f->name,
                    name, *list ? list : "none");
}

int dio_codec_check_level(const struct dio_codec *codec, int level, struct dumpio_error *err)
{
    if (level == DUMPIO_LEVEL_DEFAULT)
        return 0;
    if (!codec || codec->level_min == codec->level_max)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s has no levels",
                        codec ? codec->name : "plain storage");
    if (level < codec->level_min || level > codec->level_max)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s has levels %d to %d, not %d",
                        codec->name, codec->level_min, codec->level_max, level);
    return 0;
}
