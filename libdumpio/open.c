/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a dump: files, the layers around them, the format inside, the model.
 */
#include "dump.h"
#include "io/io.h"
#include "layers/flat.h"
#include "model_core.h"
#include "pieces.h"
#include "plug/decode.h"
#include "salvage.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PARTS_MAX 4096

/* Up to DIO_PROBE_SIZE bytes of the source's start. */
static int read_head(const struct dumpio_dump *d, struct dio_bytes *b, uint8_t *head, size_t *n,
                     struct dumpio_error *err)
{
    return d->salvage ? dio_read_around(b, 0, head, DIO_PROBE_SIZE, n, 0, NULL, err)
                      : dio_read_some(b, 0, head, DIO_PROBE_SIZE, n, err);
}

/* A stream goes to a temporary file as it is; a flattened one is undone on the way. */
static int open_stream(struct dio_bytes **out, int fd, uint8_t *head, const struct dumpio_dump *d,
                       bool *flat, struct dumpio_error *err)
{
    size_t n;
    struct dio_ticker ticker = {.env = &d->env};
    int rc = dio_stream_read(fd, head, DIO_PROBE_SIZE, &n, &ticker, err);
    *flat = !rc && !d->salvage && dio_flat_probe(head, n);
    if (!rc)
        rc = dio_spool(out, fd, head, n, *flat, &d->env, err);
    else
        close(fd);
    if (!rc && (*out)->truncated) {
        dio_bytes_close(*out);
        rc = dio_fail(err, DUMPIO_E_TRUNCATED, DUMPIO_NO_OFFSET,
                      "the flattened stream ended before its end marker");
    }
    return rc;
}

static int no_spool(int fd, struct dumpio_error *err)
{
    close(fd);
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "the input is a stream that would "
                    "be read at random: without --no-spool it is spooled to a temporary file");
}

/* One file as it lies there. */
static int open_source(struct dumpio_dump *d, const char *path, bool alone, uint8_t *head,
                       bool *flat, struct dumpio_error *err)
{
    struct dio_file_in in;
    struct dio_bytes **out = &d->parts[d->n_parts];
    *flat = false;
    int rc = dio_file_open(&in, path, err);
    if (rc)
        return rc;
    if (in.bytes)
        *out = in.bytes;
    else if (alone && !d->salvage && dio_stream_wanted(d))
        rc = dio_stream_begin(d, in.fd, err);
    else if (d->options.no_spool)
        rc = no_spool(in.fd, err);
    else
        rc = open_stream(out, in.fd, head, d, flat, err);
    d->n_parts += !rc;
    return rc;
}

/* Does the file begin like something known, a container or a dump? */
static int is_recognised(const struct dumpio_dump *d, struct dio_bytes *b, uint8_t *head, bool *yes,
                         struct dumpio_error *err)
{
    size_t n;
    int rc = read_head(d, b, head, &n, err);
    *yes = !rc && dio_stack_knows(head, n);
    for (size_t i = 0; !rc && !*yes && dio_formats[i]; i++)
        *yes = dio_formats[i]->probe && !(dio_formats[i]->flags & DIO_FORMAT_ON_REQUEST) &&
               dio_formats[i]->probe(head, n) > 0;
    return rc;
}

/*
 * Several files of which only one begins like anything: the pieces of one file, that one first.
 */
static int join_pieces(struct dumpio_dump *d, uint8_t *head, struct dumpio_error *err)
{
    size_t first = 0, known = 0;
    for (size_t i = 0; i < d->n_parts; i++) {
        bool yes;
        int rc = is_recognised(d, d->parts[i], head, &yes, err);
        if (rc)
            return rc;
        if (yes && !known++)
            first = i;
    }
    if (d->n_parts < 2 || known != 1)
        return 0;
    const char *name = d->parts[first]->name;
    bool told;
    int rc = dio_pieces_order(d->parts, d->n_parts, first, &told, &d->env, err);
    if (rc)
        return rc;
    dio_note(&d->env, DUMPIO_NOTE, "%zu files are taken for the pieces of one, %s first: %s",
             d->n_parts, name, told ? "the manifest beside them says so"
             : "only that one begins like a dump or a container");
    struct dio_bytes *b;
    rc = dio_concat(&b, d->parts, d->n_parts, err);
    if (rc)
        return rc;
    d->joined = (uint32_t)d->n_parts;
    d->parts[0] = b;
    d->n_parts = 1;
    return 0;
}

/* ---- detection -------------------------------------------------------------------------------- */

static int detect(const struct dio_format **found, const uint8_t *head, size_t n,
                  const char *name, struct dumpio_error *err)
{
    int best = 0;
    const struct dio_format *f = NULL, *rival = NULL;
    for (size_t i = 0; dio_formats[i]; i++) {
        const struct dio_format *c = dio_formats[i];
        int score = c->probe && !(c->flags & DIO_FORMAT_ON_REQUEST) ? c->probe(head, n) : 0;
        if (score > best) {
            best = score;
            f = c;
            rival = NULL;
        } else if (score && score == best) {
            rival = c;
        }
    }
    if (!f)
        return dio_fail(err, DUMPIO_E_FORMAT, 0,
                        "%s: not a dump of a known format (first bytes %02x %02x %02x %02x, %zu "
                        "read); --from=raw takes it as raw memory",
                        name, n > 0 ? head[0] : 0, n > 1 ? head[1] : 0, n > 2 ? head[2] : 0,
                        n > 3 ? head[3] : 0, n);
    if (rival)
        return dio_fail(err, DUMPIO_E_FORMAT, 0, "%s: could be %s or %s", name, f->name,
                        rival->name);
    *found = f;
    return 0;
}

static int choose_format(struct dumpio_dump *d, const uint8_t *head, size_t n,
                         struct dumpio_error *err)
{
    const char *from = d->options.from;
    if (!from)
        return detect(&d->format, head, n, d->parts[0]->name, err);
    d->format = dio_format_by_name(from);
    if (!d->format || !d->format->open)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is no format that can be read",
                        from);
    if (!(d->format->flags & DIO_FORMAT_ON_REQUEST) && !d->format->probe(head, n) &&
        !(d->salvage && d->format->flags & DIO_FORMAT_SALVAGES))
        return dio_fail(err, DUMPIO_E_FORMAT, 0, "%s is not in %s format", d->parts[0]->name,
                        from);
    return 0;
}

/* ---- the model ------------------------------------------------------------------------------------- */

static int check_model(const struct dumpio_dump *d, struct dumpio_error *err)
{
    const struct dumpio_info *i = d->info;
    if (dio_is_pow2(i->unit) && i->unit >= 4096 && i->unit <= DIO_PAGE_MAX)
        return 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%s: impossible page size %u",
                    d->parts[0]->name, i->unit);
}

static int open_format(struct dumpio_dump *d, struct dumpio_error *err)
{
    if (d->model)
        dio_model_free(d->model);
    d->model = NULL;
    int rc = dio_model_new(&d->model, err);
    if (rc)
        return rc;
    struct dumpio_info *i = dio_model_info(d->model);
    i->format = d->format->name;
    i->containers = d->containers;
    i->parts = d->joined ? d->joined : (uint32_t)d->n_parts;
    for (size_t p = 0; p < d->n_parts; p++) {
        i->file_size += d->parts[p]->forward ? 0 : d->parts[p]->size;
        i->truncated |= d->parts[p]->truncated;
    }
    if (d->parts[0]->forward && !(d->format->flags & DIO_FORMAT_FORWARD))
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "%s is not read in order",
                        d->format->name);
    struct dio_input in = {d->parts, d->n_parts, &d->options, d->salvage};
    rc = d->format->open(&d->self, &in, d->model, &d->env, err);
    if (rc)
        return dio_context(err, rc, "%s", d->parts[0]->name);
    dio_model_complete(d->model, &d->env);
    d->info = i;
    return check_model(d, err);
}

/* What lies beside the parts of a split set, and is none of them. */
static bool is_sidecar(const struct dumpio_dump *d, const char *path)
{
    static const char *const ends[] = {".manifest.json", ".sha256", ".manifest.json.age", ".sig"};
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i]);
        if (len > n && !memcmp(path + len - n, ends[i], n)) {
            dio_note(&d->env, DUMPIO_NOTE, "%s is no part: not looked at", path);
            return true;
        }
    }
    return false;
}

#define UNPACKED_FREE ((uint64_t)64 << 20) /* bytes that any file may be unpacked to */

/* How much the containers of a file may give, whatever stands around each other in it. */
static uint64_t unpacked_max(const struct dumpio_dump *d, uint64_t size)
{
    uint64_t times = d->options.max_expansion ? d->options.max_expansion : DUMPIO_EXPANSION_DEFAULT;
    if (times == DUMPIO_EXPANSION_ANY || size > UINT64_MAX / times)
        return 0;
    return size * times > UNPACKED_FREE ? size * times : UNPACKED_FREE;
}

/* What stands around b, undone; for salvage also where it does not begin as it should. */
static int undo_around(struct dumpio_dump *d, struct dio_bytes **b, uint8_t *head,
                           const struct dio_layer_options *o, char names[DIO_STACK_NAMES],
                           struct dumpio_error *err)
{
    bool known;
    int rc = dio_stack_open(b, head, o, &d->env, names, err);
    while (!rc && d->salvage && !d->options.from) {
        char inside[DIO_STACK_NAMES];
        rc = is_recognised(d, *b, head, &known, err);
        if (rc || known)
            break;
        rc = dio_salvage_container(b, o, &d->env, names, err);
        if (rc == DUMPIO_END)
            return 0;
        if (!rc)
            rc = dio_stack_open(b, head, o, &d->env, inside, err);
        size_t len = strlen(names), more = rc ? 0 : strlen(inside);
        if (more && len + 1 + more < DIO_STACK_NAMES) {
            names[len] = ' ';
            memcpy(names + len + 1, inside, more + 1);
        }
    }
    return rc;
}

/* All files, joined where they are pieces of one. */
static int open_sources(struct dumpio_dump *d, const char *const *paths, size_t n, uint8_t *head,
                      struct dumpio_error *err)
{
    bool flat = false;
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        bool unwrapped;
        if (n > 1 && is_sidecar(d, paths[i]))
            continue;
        rc = open_source(d, paths[i], n == 1, head, &unwrapped, err);
        flat |= !rc && unwrapped;
    }
    if (!rc && !d->n_parts)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "none of the files is a part of a dump");
    if (!rc)
        rc = join_pieces(d, head, err);
    d->unwrapped = flat;
    return rc;
}

static int undo_containers(struct dumpio_dump *d, uint8_t *head, struct dumpio_error *err)
{
    struct dio_layer_options o = {.keys = dio_keys_inside(d->options.keys),
                                  .salvage = d->salvage};
    int rc = 0;
    for (size_t i = 0; i < d->n_parts && !rc; i++) {
        char names[DIO_STACK_NAMES];
        o.max_unpacked = unpacked_max(d, d->parts[i]->size);
        rc = undo_around(d, &d->parts[i], head, &o, names, err);
        if (!rc && !i)
            memcpy(d->containers, names, sizeof names);
    }
    if (d->unwrapped && !*d->containers)
        snprintf(d->containers, sizeof d->containers, "flattened");
    return rc;
}

/* What is in the sources. */
static int open_inside(struct dumpio_dump *d, uint8_t *head, struct dumpio_error *err)
{
    size_t len;
    int rc = undo_containers(d, head, err);
    if (!rc)
        rc = read_head(d, d->parts[0], head, &len, err);
    if (!rc)
        rc = choose_format(d, head, len, err);
    if (!rc)
        rc = open_format(d, err);
    else if (rc == DUMPIO_E_FORMAT && d->salvage && !d->options.from)
        rc = dio_salvage_format(d, open_format, err);
    if (rc == DUMPIO_E_FORMAT && d->parts[0]->truncated)
        rc = dio_fail(err, DUMPIO_E_TRUNCATED, DUMPIO_NO_OFFSET,
                      "%s: the flattened stream ended before its end marker, and before the start "
                      "of the dump in it", d->parts[0]->name);
    if (!rc) {
        d->cache = dio_page_cache_new(d);
        d->mem = dio_dump_mem(d);
        rc = d->cache ? 0 : dio_nomem(err, "the page cache");
    }
    return rc;
}

static int open_all(struct dumpio_dump *d, const char *const *paths, size_t n, uint8_t *head,
                    struct dumpio_error *err)
{
    int rc = open_sources(d, paths, n, head, err);
    if (!rc)
        rc = open_inside(d, head, err);
    if (d->stream)
        rc = dio_stream_settle(d, rc, err);
    return rc == DUMPIO_END ? open_inside(d, head, err) : rc;
}

int dumpio_open(struct dumpio_dump **out, const char *const *paths, size_t n,
                const struct dumpio_open_options *options, const struct dumpio_env *env,
                struct dumpio_error *err)
{
    if (!n || n > PARTS_MAX)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "a dump has 1 to %d files, not %zu",
                        PARTS_MAX, n);
    struct dumpio_dump *d = calloc(1, sizeof *d);
    uint8_t *head = malloc(DIO_PROBE_SIZE);
    if (d)
        d->parts = calloc(n, sizeof *d->parts);
    int rc = 0;
    if (!d || !d->parts || !head) {
        rc = dio_nomem(err, "an open dump");
    } else {
        if (env)
            d->env = *env;
        if (options)
            d->options = *options;
        if (d->options.salvage)
            d->salvage = dio_salvage_new();
        rc = d->options.salvage && !d->salvage ? dio_nomem(err, "findings")
                                               : open_all(d, paths, n, head, err);
    }
    free(head);
    if (rc)
        dumpio_close(d);
    else
        *out = d;
    return rc;
}

void dumpio_close(struct dumpio_dump *d)
{
    if (!d)
        return;
    dio_kernel_close(d->kernel);
    dio_page_cache_free(d->cache);
    if (d->self)
        d->format->close(d->self);
    if (d->model)
        dio_model_free(d->model);
    for (size_t i = 0; i < d->n_parts; i++)
        dio_bytes_close(d->parts[i]);
    dio_stream_free(d);
    free(d->parts);
    dio_salvage_free(d->salvage);
    free(d);
}

const struct dumpio_info *dumpio_get_info(const struct dumpio_dump *dump)
{
    return dump->info;
}

const char *dumpio_vmcoreinfo(const struct dumpio_dump *dump, const char *key, size_t *len)
{
    return dio_vmcoreinfo_value(dump->info->vmcoreinfo, dump->info->vmcoreinfo_len, key, len);
}
