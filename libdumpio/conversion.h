/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversion at work: what its plan, its run and its sink share. Private to libdumpio/convert*.c.
 */
#ifndef DIO_CONVERSION_H
#define DIO_CONVERSION_H

#include "convert.h"
#include "convert_manifest.h"
#include "progress.h"
#include "ram.h"
#include "transcode.h"
#include "view.h"

#define DIO_CONVERSION_SPAN (512u << 10) /* memory per batch, bytes: with what it becomes, it stays
                                            in cache */

struct dio_conversion {
    struct dumpio_dump *dump;
    const struct dumpio_env *env;
    const struct dumpio_convert_options *options;
    const struct dio_convert_place *where;
    const struct dio_format *target;
    void *writer;
    struct dio_out *out;
    struct dio_write_plan plan;
    struct dumpio_info info;    /* the input's, as far as the output shares it */
    char *provenance;
    struct dumpio_partial *parts; /* malloc'ed: info.partials, where the output's pages are larger
                                     than the input's */
    bool flattened;
    struct dio_map *redacted;   /* what the writer sees, when not what is written: redacting, or a
                                   part of a split set; else NULL */
    const struct dumpio_range *range; /* NULL = all of the memory */
    struct dumpio_range *in_range; /* malloc'ed: what the range leaves of ram.keep */
    struct dio_split split;
    uint8_t *carried;
    struct dio_ram ram;
    struct dio_windows windows;
    struct dio_transcode transcode;
    bool own_manifest;      /* options->manifest is to be written */
    struct dio_convert_manifest manifest;
    struct dio_image *image; /* NULL = nobody asks for it */
    struct dio_share_key *share; /* NULL: identical pages are stored anew */
    struct dio_ticker ticker;
    struct dumpio_convert_result result;
    bool stopped;           /* by the progress function, while placing; else a stream stalled */
    uint64_t stopped_at;    /* address of the first page that was not placed, when stopped */
    uint64_t stalled_at;    /* likewise, as planning knows it */
    struct dumpio_run lost; /* the lost range at hand, start == end: none */
    char lost_why[200];
    unsigned lost_notes;
};

/*
 * Fill target, plan, maps, ram, transcode, carried from dump, options, where and range, which the
 * caller has set; out stays the caller's. DUMPIO_E_ARG, _UNSUPPORTED, _NOMEM and what reading the
 * dump gives. Release it in every case.
 */
int dio_conversion_plan(struct dio_conversion *c, struct dumpio_error *err);

/* Free what the conversion holds, discard an output that was not finished. */
void dio_conversion_release(struct dio_conversion *c);

#endif
