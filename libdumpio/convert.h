/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions for those who make several files of one dump.
 */
#ifndef DIO_CONVERT_H
#define DIO_CONVERT_H

#include "image.h"
#include "manifest.h"
#include "plug/out.h"

/* Where a conversion goes, and what of the dump. */
struct dio_convert_place {
    const char *path;                 /* its suffixes name containers */
    int (*create)(void *ctx, struct dio_out **out, struct dumpio_error *err);
    void *ctx;                        /* create NULL: the file at path is made */
    const struct dumpio_range *range; /* of the memory; NULL = all */
    struct dio_manifest *contents;    /* gets what the output holds; all of it is the manifest's.
                                         NULL = not wanted: options->manifest is written */
    struct dio_image *image;          /* what is written joins it; with contents alone. NULL = an
                                         image of its own goes to the contents */
};

/*
 * dumpio_convert to that place. With a range, formats that have split sets (DIO_FORMAT_SPLITS) get
 * a part of one, with the whole dump's page map; in others what is outside of it is not there.
 */
int dio_convert_to(struct dumpio_dump *dump, const struct dio_convert_place *where,
                   const struct dumpio_convert_options *options,
                   struct dumpio_convert_result *result, const struct dumpio_env *env,
                   struct dumpio_error *err);

#endif
