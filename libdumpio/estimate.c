/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large an output would be: windows taken evenly over what is kept, packed with every codec.
 */
#include "batch.h"
#include "transcode.h"

#include <stdlib.h>

#define SPAN (1u << 20)
#define SAMPLE_MAX (32u << 20)
#define OVERHEAD 24u /* bytes per page beside its payload, as KDUMP's descriptor */

struct estimation {
    struct dumpio_dump *dump;
    struct dio_map *map;
    uint32_t unit;
    uint64_t bytes;    /* of memory kept */
    uint64_t every;    /* one window of so many is a sample */
    struct dio_batch *in, *out;
    const struct dumpio_env *env;
};

static int count(struct estimation *e, uint64_t *kept, uint64_t *excluded,
                 struct dumpio_error *err)
{
    struct dumpio_run run;
    int rc;
    dio_map_rewind(e->map);
    while (!(rc = dio_map_next(e->map, &run, err)))
        if (run.kind == DUMPIO_PRESENT)
            e->bytes += run.end - run.start;
    *kept = e->bytes / e->unit;
    *excluded = 0;
    for (unsigned i = 0; i < DIO_DROP_REASONS; i++)
        *excluded += dio_map_dropped(e->map)[i] / e->unit;
    e->every = e->bytes / SAMPLE_MAX + 1;
    return rc == DUMPIO_END ? 0 : rc;
}

/* Bytes that all pages would take with this codec. */
static int one_codec(struct estimation *e, const struct dio_codec *codec, int level,
                     uint64_t *bytes, struct dumpio_error *err)
{
    struct dio_transcode what = {.dump = e->dump, .unit = e->unit, .codec = codec};
    struct dio_windows ws = {.map = e->map, .span = SPAN, .skip_excluded = true};
    struct dio_transcoder t;
    struct dio_window w;
    uint64_t packed = 0, sampled = 0, passed = 0;
    what.level = codec && level == DUMPIO_LEVEL_DEFAULT ? codec->level_default : level;
    int rc = dio_transcoder_init(&t, &what, err);
    if (rc)
        return rc;
    dio_map_rewind(e->map);
    for (uint64_t i = 0; !(rc = dio_windows_next(&ws, &w, err)); i++) {
        if (i % e->every)
            continue;
        rc = dio_transcode_window(&what, &t, &w, e->in, e->out, &passed, err);
        if (rc)
            break;
        const struct dio_page *p = dio_batch_pages(e->out);
        for (size_t j = 0, n = dio_batch_count(e->out); j < n; j++) {
            sampled++;
            packed += OVERHEAD + (p[j].kind == DIO_DATA ? p[j].len : 0);
        }
    }
    dio_transcoder_free(&t, &what);
    if (rc != DUMPIO_END)
        return rc;
    double pages = (double)(e->bytes / e->unit);
    *bytes = sampled ? (uint64_t)((double)packed / (double)sampled * pages) : 0;
    return 0;
}

static int each_codec(struct estimation *e, const struct dio_format *f, int level,
                      struct dumpio_estimate *list, size_t cap, size_t *n,
                      struct dumpio_error *err)
{
    static const struct dio_format_codec plain[] = {{"", NULL}, {NULL, NULL}};
    const struct dio_format_codec *c = f->codecs ? f->codecs : plain;
    for (*n = 0; c->name && *n < cap; c++) {
        const struct dio_codec *codec = c->codec ? dio_codec_by_name(c->codec) : NULL;
        if (codec && codec->missing)
            continue;
        bool fits = codec && level >= codec->level_min && level <= codec->level_max;
        int rc = one_codec(e, codec, fits ? level : DUMPIO_LEVEL_DEFAULT, &list[*n].bytes, err);
        if (rc)
            return rc;
        list[(*n)++].codec = *c->name ? c->name : NULL;
    }
    return 0;
}

int dumpio_estimate(struct dumpio_dump *dump, const struct dumpio_convert_options *options,
                    const struct dumpio_filter *filter, struct dumpio_estimate *list, size_t cap,
                    size_t *n, uint64_t *kept, uint64_t *excluded, const struct dumpio_env *env,
                    struct dumpio_error *err)
{
    const struct dio_format *f = options->format ? dio_format_by_name(options->format) : NULL;
    struct estimation e = {.dump = dump, .env = env};
    if (!f || !f->create)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is no format that can be written",
                        options->format ? options->format : "(none)");
    int rc = dio_stream_refuse(dump, "an estimate", err);
    if (!rc && filter)
        rc = dio_filter_check(filter, err);
    if (rc)
        return rc;
    e.unit = dump->info->page_size ? dump->info->page_size : dump->info->unit;
    if (filter)
        dio_filter_tell_cut(filter, e.unit, env);
    e.map = dio_map_new(dump, &(struct dio_map_options){.unit = e.unit, .filter = filter});
    e.in = dio_batch_new();
    e.out = dio_batch_new();
    if (!e.map || !e.in || !e.out)
        rc = dio_nomem(err, "an estimate");
    if (!rc)
        rc = count(&e, kept, excluded, err);
    if (!rc)
        rc = each_codec(&e, f, options->level, list, cap, n, err);
    dio_map_free(e.map);
    dio_batch_free(e.in);
    dio_batch_free(e.out);
    return rc;
}
