/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwrapping a flattened ("makedumpfile") stream on its way, without going back in it; format:
 * makedumpfile's IMPLEMENTATION and makedumpfile.h.
 * Does not sort: the sink takes segments wherever they belong, the later over the earlier.
 */
#include "flat_segments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COPY_BLOCK (1u << 20) /* bytes read at once, and written at once at most */
#define LARGE (COPY_BLOCK / 4) /* written without being collected */

/* The stream: `head` first, then what read() gives. And what is on its way to the sink. */
struct unwrapping {
    struct dio_flat_segments s;
    int (*read)(void *ctx, void *buf, size_t len, size_t *got, struct dumpio_error *err);
    void *ctx;
    uint8_t *in;
    size_t in_at, in_len, in_room;
    struct dio_out *to;
    uint8_t *out; /* COPY_BLOCK bytes; short neighbours are written together */
    uint64_t out_off;
    size_t out_len;
};

/* Have bytes at in_at; fewer than `need` only at the stream's end. */
static int fill(struct unwrapping *u, size_t need, struct dumpio_error *err)
{
    size_t left = u->in_len - u->in_at, got;
    if (left >= need)
        return 0;
    memmove(u->in, u->in + u->in_at, left);
    u->in_at = 0;
    u->in_len = left;
    int rc = u->read(u->ctx, u->in + left, u->in_room - left, &got, err);
    if (!rc)
        u->in_len += got;
    return rc;
}

static int flush(struct unwrapping *u, struct dumpio_error *err)
{
    int rc = dio_write(u->to, u->out_off, u->out, u->out_len, err);
    u->out_len = 0;
    return rc;
}

static int put(struct unwrapping *u, uint64_t off, size_t n, struct dumpio_error *err)
{
    const uint8_t *from = u->in + u->in_at;
    u->in_at += n;
    int rc = 0;
    bool large = n >= LARGE;
    if (large || off != u->out_off + u->out_len || n > COPY_BLOCK - u->out_len)
        rc = flush(u, err);
    if (rc || large)
        return rc ? rc : dio_write(u->to, off, from, n, err);
    if (!u->out_len)
        u->out_off = off;
    memcpy(u->out + u->out_len, from, n);
    u->out_len += n;
    return 0;
}

static int copy_segment(struct unwrapping *u, struct dumpio_error *err)
{
    uint64_t done = 0;
    int rc = 0;
    while (!rc && done < u->s.len) {
        rc = fill(u, 1, err);
        uint64_t want = u->s.len - done;
        size_t have = u->in_len - u->in_at, n = want < have ? (size_t)want : have;
        if (rc || !n)
            break;
        rc = put(u, u->s.offset + done, n, err);
        done += n;
    }
    return rc ? rc : dio_flat_take_data(&u->s, done, err);
}

static int unwrap_all(struct unwrapping *u, struct dumpio_error *err)
{
    int rc = dio_flat_check_header(u->in, u->in_len, u->s.env, err);
    u->in_at = DIO_FLAT_HEADER;
    while (!rc) {
        rc = fill(u, DIO_FLAT_SEGMENT, err);
        if (rc)
            break;
        bool there = u->in_len - u->in_at >= DIO_FLAT_SEGMENT;
        rc = there ? dio_flat_take_header(&u->s, u->in + u->in_at, err)
                   : dio_flat_ended_early(&u->s, err);
        if (!rc) {
            u->in_at += DIO_FLAT_SEGMENT;
            rc = copy_segment(u, err);
        }
    }
    return rc == DUMPIO_END ? flush(u, err) : rc;
}

int dio_flat_unwrap(int (*read)(void *ctx, void *buf, size_t len, size_t *got,
                                struct dumpio_error *err),
                    void *ctx, const uint8_t *head, size_t head_len, struct dio_out *to,
                    uint64_t *size, int *truncated, const struct dumpio_env *env,
                    struct dumpio_error *err)
{
    struct unwrapping u = {.s = {.env = env, .at = DIO_FLAT_HEADER}, .read = read, .ctx = ctx,
                           .in_len = head_len, .in_room = head_len + COPY_BLOCK, .to = to};
    u.in = malloc(u.in_room);
    u.out = malloc(COPY_BLOCK);
    int rc = u.in && u.out ? 0 : dio_nomem(err, "unwrapping a flattened stream");
    if (!rc) {
        if (head_len)
            memcpy(u.in, head, head_len);
        rc = unwrap_all(&u, err);
    }
    free(u.in);
    free(u.out);
    *size = u.s.size;
    *truncated = u.s.truncated;
    return rc;
}
