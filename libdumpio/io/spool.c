/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream becomes a source: into an unlinked temporary file, flattened streams unwrapped on the
 * way; or as it comes, for those who read it in order. Not for seekable input.
 */
#include "io.h"
#include "layers/flat.h"
#include "plug/window.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK (1u << 20)

struct spool {
    struct dio_bytes b;
    struct dio_out to; /* while filling */
    int fd;
};

/* What comes in. */
struct stream {
    int fd;
    struct dio_ticker ticker;
};

static int spool_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                         struct dumpio_error *err)
{
    struct spool *s = (struct spool *)b;
    *got = 0;
    while (*got < len) {
        ssize_t n = pread(s->fd, (uint8_t *)buf + *got, len - *got, (off_t)(off + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dio_fail_errno(err, errno, off, "read of the spooled input");
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

static void spool_close(struct dio_bytes *b)
{
    struct spool *s = (struct spool *)b;
    close(s->fd);
    free(s);
}

static const struct dio_bytes_ops spool_ops = {spool_read_at, NULL, spool_close, NULL};

static int spool_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                          struct dumpio_error *err)
{
    struct spool *s = (struct spool *)((uint8_t *)o - offsetof(struct spool, to));
    const uint8_t *p = buf;
    while (len) {
        ssize_t n = pwrite(s->fd, p, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dio_fail_errno(err, errno, off,
                                  "spooling the input (TMPDIR names another place)");
        p += n;
        off += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static const struct dio_out_ops spool_out_ops = {spool_write_at, NULL, NULL};

static int read_stream(void *ctx, void *buf, size_t len, size_t *got, struct dumpio_error *err)
{
    struct stream *in = ctx;
    int rc = dio_stream_read(in->fd, buf, len, got, &in->ticker, err);
    in->ticker.p.done += *got;
    return rc ? rc : dio_tick(&in->ticker, 0, err);
}

/* Copy the stream as it is; *size = its length. */
static int copy_plain(struct spool *s, struct stream *in, const uint8_t *head, size_t head_len,
                      uint64_t *size, struct dumpio_error *err)
{
    uint8_t *buf = malloc(BLOCK);
    if (!buf)
        return dio_nomem(err, "spooling");
    int rc = dio_write(&s->to, 0, head, head_len, err);
    uint64_t at = head_len;
    while (!rc) {
        size_t got;
        rc = read_stream(in, buf, BLOCK, &got, err);
        if (rc || !got)
            break;
        rc = dio_write(&s->to, at, buf, got, err);
        at += got;
    }
    free(buf);
    *size = at;
    return rc;
}

int dio_spool(struct dio_bytes **out, int fd, const uint8_t *head, size_t head_len, bool unwrap,
              const struct dumpio_env *env, struct dumpio_error *err)
{
    struct spool *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        return dio_nomem(err, "spooling");
    }
    s->b.ops = &spool_ops;
    s->b.name = "standard input (spooled)";
    s->to.ops = &spool_out_ops;
    s->to.name = "spool";
    struct stream in = {fd, {.env = env, .p = {.done = head_len}}};
    const char *dir;
    int rc = dio_temp_fd(&s->fd, &dir, env, err);
    if (rc) {
        free(s);
        close(fd);
        return rc;
    }
    dio_note(env, DUMPIO_NOTE, "the input is a stream, and is read at random: spooling it to a "
             "temporary file in %s (TMPDIR names another place)", dir);
    if (unwrap)
        rc = dio_flat_unwrap(read_stream, &in, head, head_len, &s->to, &s->b.size,
                             &s->b.truncated, env, err);
    else
        rc = copy_plain(s, &in, head, head_len, &s->b.size, err);
    close(fd);
    if (rc) {
        spool_close(&s->b);
        return rc;
    }
    *out = &s->b;
    return 0;
}

/* ---- as it comes ----------------------------------------------------------------------------- */

static int stream_more(void *ctx, uint8_t *buf, size_t room, size_t *got, int *truncated,
                       struct dumpio_error *err)
{
    (void)truncated;
    return read_stream(ctx, buf, room, got, err);
}

static void stream_close(void *ctx)
{
    struct stream *in = ctx;
    if (in->fd >= 0)
        close(in->fd);
    free(in);
}

static const struct dio_window_ops stream_ops = {stream_more, NULL, stream_close};

int dio_stream_source(struct dio_bytes **out, int fd, uint64_t head_max,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    struct stream *in = calloc(1, sizeof *in);
    if (!in) {
        close(fd);
        return dio_nomem(err, "a stream");
    }
    *in = (struct stream){fd, {.env = env}};
    int rc = dio_window_new(out, "standard input", &stream_ops, in, head_max, err);
    if (rc)
        stream_close(in);
    return rc;
}

int dio_stream_spool(struct dio_bytes **b, const struct dumpio_env *env, struct dumpio_error *err)
{
    struct stream *in = dio_window_ctx(*b);
    struct dio_bytes *spooled;
    size_t len;
    bool ended;
    const uint8_t *head = dio_window_head(*b, &len, &ended);
    int fd = in->fd;
    in->fd = -1;
    int rc = dio_spool(&spooled, fd, head, len, dio_flat_probe(head, len), env, err);
    if (rc)
        return rc;
    dio_bytes_close(*b);
    *b = spooled;
    return 0;
}
