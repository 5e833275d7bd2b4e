/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splitting by bytes: the parts are opaque, and one behind the other they are the file, or what a
 * conversion would have written.
 * No format; what is in a file is read for its manifest alone.
 */
#include "convert.h"
#include "describe.h"
#include "dump.h"
#include "io/partial.h"
#include "parts_core.h"
#include "stack.h"

#include <dumpio/manifest.h>

#include <stdlib.h>
#include <string.h>

static void tell_result(struct dumpio_split_result *result, const struct dio_manifest *m)
{
    *result = (struct dumpio_split_result){.parts = (uint32_t)m->n_parts, .bytes = m->file_size,
                                           .has_image = m->has_image};
    memcpy(result->image, m->image, sizeof result->image);
}

/* ---- a file -------------------------------------------------------------------------------------- */

struct cut {
    const struct dumpio_split_options *o;
    const char *path;
    struct dio_file_in in;
    uint8_t *block;
    uint64_t pos;              /* bytes done */
    struct dio_out *out;
    struct dio_parts parts;
    struct dio_ticker ticker;
};

static int copy(struct cut *c, struct dumpio_error *err)
{
    size_t got = DIO_COPY_BLOCK;
    int rc = 0;
    while (!rc && got == DIO_COPY_BLOCK) {
        rc = c->in.bytes ? dio_read_some(c->in.bytes, c->pos, c->block, DIO_COPY_BLOCK, &got, err)
                         : dio_stream_read(c->in.fd, c->block, DIO_COPY_BLOCK, &got,
                                           &c->ticker, err);
        if (!rc)
            rc = dio_write(c->out, c->pos, c->block, got, err);
        if (rc)
            return rc;
        c->pos += got;
        c->ticker.p.done = c->ticker.p.out = c->pos;
        rc = dio_tick(&c->ticker, 0, err);
    }
    if (!rc && c->in.bytes && c->pos != c->in.bytes->size)
        rc = dio_fail(err, DUMPIO_E_TRUNCATED, c->pos, "%s became shorter while it was read",
                      c->path);
    return rc;
}

/* The containers that go around the file before it is cut. */
static int put_around(struct cut *c, const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dumpio_convert_options *o = c->o->convert;
    if (!o)
        return 0;
    const struct dio_layer_options around = {
        .level = o->wrap_level ? o->wrap_level : DUMPIO_LEVEL_DEFAULT,
        .keys = dio_keys_inside(o->keys),
    };
    return dio_stack_create(&c->out, "", o->wrap, &around, env, err);
}

/* The size of a part, and how many of the first have a byte more. */
static int measure(const struct cut *c, uint64_t *size, uint64_t *larger, struct dumpio_error *err)
{
    const struct dumpio_split_options *o = c->o;
    bool around = o->convert && (o->convert->keys || o->convert->wrap);
    *size = o->size;
    *larger = 0;
    if (!o->parts)
        return 0;
    if (!c->in.bytes || around)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: %s can be split by size only: "
                        "how long it becomes is not known", c->path,
                        around ? "what is packed on the way" : "a stream");
    uint64_t total = c->in.bytes->size;
    if (o->parts > total && o->parts > 1)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: %llu bytes make no %u parts",
                        c->path, (unsigned long long)total, o->parts);
    *size = total / o->parts;
    *larger = total % o->parts;
    if (!*size)
        *size = 1; /* of an empty file, whose only part is empty */
    return 0;
}

/* Is there a manifest of the input? What it says of the contents is true of the parts together. */
static bool take_over(struct dio_manifest *m, const char *path, const struct dumpio_env *env)
{
    struct dio_manifest old = {0};
    if (dio_manifest_find(&old, path, env, NULL))
        return false;
    bool same = old.split == DIO_SPLIT_NONE && old.n_parts == 1 && old.has_image &&
                old.parts[0].size == m->file_size &&
                !memcmp(old.parts[0].sha256, m->file_sha256, DUMPIO_DIGEST_SIZE);
    if (same)
        dio_manifest_take_contents(m, &old);
    dio_manifest_free(&old);
    return same;
}

/* What the parts hold together; the file is read once more when nobody has said it. */
static int describe(struct cut *c, const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dumpio_convert_options *o = c->o->convert;
    const struct dio_keys *keys = dio_keys_inside(o ? o->keys : NULL);
    const struct dio_described what = {
        .path = c->path, .open = c->o->open, .wrap = o ? o->wrap : NULL,
        .seal = keys && dio_keys_count(keys, DIO_KEY_SEAL) ? keys : NULL,
    };
    int rc = 0;
    if (!take_over(&c->parts.m, c->path, env) && !c->o->no_image)
        rc = dio_describe(&c->parts.m, &what, env, err);
    return !rc && o && o->manifest ? dio_describe_making(&c->parts.m, o->manifest->provenance, err)
                                   : rc;
}

static int cut_up(struct cut *c, const struct dumpio_env *env, struct dumpio_error *err)
{
    uint64_t size, larger;
    int rc = measure(c, &size, &larger, err);
    if (rc)
        return rc;
    uint64_t total = c->in.bytes ? c->in.bytes->size : 0;
    c->ticker.p.total = total;
    rc = dio_parts_start(&c->parts, c->o, DIO_SPLIT_BYTES, total ? (total - 1) / size + 1 : 1, env,
                         err);
    if (!rc)
        rc = dio_parts_sink(&c->out, &c->parts, size, larger, err);
    if (!rc)
        rc = put_around(c, env, err);
    if (!rc)
        rc = copy(c, err);
    struct dio_out *out = c->out;
    c->out = NULL;
    if (out && rc)
        out->ops->discard(out);
    else if (!rc)
        rc = out->ops->finish(out, c->pos, err);
    return !rc && c->in.bytes ? describe(c, env, err) : rc;
}

static int split_bytes(const char *path, const struct dumpio_split_options *o,
                       struct dumpio_split_result *result, const struct dumpio_env *env,
                       struct dumpio_error *err)
{
    struct cut c = {.o = o, .path = path, .ticker = {.env = env}, .in = {.fd = -1}};
    int rc = dio_file_open(&c.in, path, err);
    if (rc)
        return rc;
    c.block = malloc(DIO_COPY_BLOCK);
    rc = c.block ? cut_up(&c, env, err) : dio_nomem(err, "a buffer");
    tell_result(result, &c.parts.m);
    rc = dio_parts_end(&c.parts, rc, err);
    if (!rc)
        rc = dio_tick(&c.ticker, 1, err);
    free(c.block);
    dio_bytes_close(c.in.bytes);
    dio_stream_close(c.in.fd);
    return rc;
}

/* ---- a conversion -------------------------------------------------------------------------------- */

struct piped {
    struct dio_parts parts;
    uint64_t size;
};

static int create(void *ctx, struct dio_out **out, struct dumpio_error *err)
{
    struct piped *p = ctx;
    return dio_parts_sink(out, &p->parts, p->size, 0, err);
}

static int split_conversion(struct dumpio_dump *dump, const struct dumpio_split_options *o,
                            struct dumpio_split_result *result, const struct dumpio_env *env,
                            struct dumpio_error *err)
{
    struct piped p = {.size = o->size};
    struct dumpio_convert_options convert = {.level = DUMPIO_LEVEL_DEFAULT};
    struct dumpio_convert_result r = {0};
    if (o->convert)
        convert = *o->convert;
    if (!convert.format)
        convert.format = dump->info->format;
    if (!o->size)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "a conversion can be split by size "
                        "only: how long it becomes is not known");
    int rc = dio_parts_start(&p.parts, o, DIO_SPLIT_BYTES, 0, env, err);
    char *stem = rc ? NULL : dio_parts_stem(&p.parts);
    const struct dio_convert_place where = {.path = stem, .create = create, .ctx = &p,
                                            .contents = &p.parts.m};
    if (!rc)
        rc = stem ? dio_convert_to(dump, &where, &convert, &r, env, err)
                  : dio_nomem(err, "a file name");
    free(stem);
    tell_result(result, &p.parts.m);
    result->dump = r;
    return dio_parts_end(&p.parts, rc, err);
}

/* ---- all --------------------------------------------------------------------------------------------- */

int dumpio_split_dump(struct dumpio_dump *dump, const struct dumpio_split_options *options,
                      struct dumpio_split_result *result, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    struct dumpio_split_result unused;
    if (!result)
        result = &unused;
    *result = (struct dumpio_split_result){0};
    if (!options->parts == !options->size)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "either the size of the parts or their number is to be given");
    if (options->by != DUMPIO_SPLIT_BYTES &&
        dio_stream_refuse(dump, "splitting by memory", err))
        return DUMPIO_E_ARG;
    return options->by == DUMPIO_SPLIT_BYTES
               ? split_conversion(dump, options, result, env, err)
               : dio_split_memory(dump, options, result, env, err);
}

int dumpio_split(const char *const *paths, size_t n, const struct dumpio_split_options *options,
                 struct dumpio_split_result *result, const struct dumpio_env *env,
                 struct dumpio_error *err)
{
    struct dumpio_split_result unused;
    struct dumpio_dump *d = NULL;
    if (!result)
        result = &unused;
    *result = (struct dumpio_split_result){0};
    if (options->by == DUMPIO_SPLIT_BYTES) {
        if (!options->parts == !options->size)
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                            "either the size of the parts or their number is to be given");
        if (n == 1)
            return split_bytes(paths[0], options, result, env, err);
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "one file is split by bytes, not %zu",
                        n);
    }
    int rc = dumpio_open(&d, paths, n, options->open, env, err);
    if (!rc)
        rc = dumpio_split_dump(d, options, result, env, err);
    dumpio_close(d);
    return rc;
}
