/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on the output's file system, known before the work starts. Headers are not counted: a bound
 * from below. Not for packed pages, whose size the work itself finds out.
 */
#include "room.h"
#include "batch.h"
#include "io/io.h"
#include "progress.h"

#include <errno.h>

#define SPAN (1u << 20)

static int no_room(const struct dio_out *out, uint64_t memory, uint64_t room,
                   struct dumpio_error *err)
{
    return dio_fail_errno(err, ENOSPC, DUMPIO_NO_OFFSET, "%s: %llu MiB of memory are to be stored, "
                          "%llu MiB are free; without its zero pages it is too much still",
                          out->name, (unsigned long long)(memory >> 20),
                          (unsigned long long)(room >> 20));
}

/* Does the input have at most `room` bytes of pages outside its holes? Only where pages are plain. */
static bool input_fits(struct dumpio_dump *d, uint64_t room)
{
    uint64_t sum = 0;
    if (d->format->codecs)
        return false;
    for (size_t i = 0; i < d->n_parts; i++) {
        struct dio_bytes *b = d->parts[i];
        uint64_t start = 0, end = b->size;
        for (uint64_t at = 0; at < b->size && sum <= room; at = end) {
            if (b->ops->next_data && b->ops->next_data(b, at, &start, &end, NULL))
                return false;
            sum += end - start;
        }
    }
    return sum <= room;
}

struct counting {
    const struct dio_transcode *how;
    struct dio_transcoder transcoder;
    struct dio_windows windows;
    struct dio_batch *in, *out;
    struct dio_ticker ticker;
};

/* Bytes of pages with data in the next window; 0, DUMPIO_END or an error. */
static int count_window(struct counting *c, uint64_t *bytes, struct dumpio_error *err)
{
    struct dio_window w;
    uint64_t passed = 0;
    int rc = dio_windows_next(&c->windows, &w, err);
    if (!rc)
        rc = dio_transcode_window(c->how, &c->transcoder, &w, c->in, c->out, &passed, err);
    if (rc)
        return rc;
    const struct dio_page *p = dio_batch_pages(c->out);
    for (size_t i = 0, n = dio_batch_count(c->out); i < n; i++)
        if (p[i].kind == DIO_DATA)
            *bytes += c->how->unit;
    c->ticker.p.done += w.bytes;
    return dio_tick(&c->ticker, 0, err);
}

/* *bytes = of pages with data; or more than `room`, and no matter how much more. */
static int count(const struct dio_transcode *how, struct dio_map *map, uint64_t memory,
                 uint64_t room, uint64_t *bytes, const struct dumpio_env *env,
                 struct dumpio_error *err)
{
    struct counting c = {
        .how = how,
        .windows = {.map = map, .span = SPAN, .skip_excluded = !how->redact},
        .in = dio_batch_new(),
        .out = dio_batch_new(),
        .ticker = {.env = env, .p = {.total = memory}},
    };
    int rc = c.in && c.out ? dio_transcoder_init(&c.transcoder, how, err)
                           : dio_nomem(err, "counting pages");
    *bytes = 0;
    dio_map_rewind(map);
    while (!rc && *bytes <= room)
        rc = count_window(&c, bytes, err);
    dio_map_rewind(map);
    dio_transcoder_free(&c.transcoder, how);
    dio_batch_free(c.in);
    dio_batch_free(c.out);
    return rc == DUMPIO_END ? 0 : rc;
}

int dio_room_check(const struct dio_out *out, const struct dio_transcode *how, struct dio_map *map,
                   uint64_t memory, const struct dumpio_env *env, struct dumpio_error *err)
{
    uint64_t room, bytes;
    if (how->fetched || !dio_file_room(out, &room) || memory <= room ||
        input_fits(how->dump, room))
        return 0;
    dio_note(env, DUMPIO_DETAIL, "%s: %llu MiB of memory, %llu MiB free: counting the pages that are "
             "not zero", out->name, (unsigned long long)(memory >> 20),
             (unsigned long long)(room >> 20));
    int rc = count(how, map, memory, room, &bytes, env, err);
    return rc || bytes <= room ? rc : no_room(out, memory, room, err);
}
