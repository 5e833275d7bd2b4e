/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying for encryption and decryption. Pieces of 1 MiB; no format.
 */
#include "crypt_copy.h"

#include "progress.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE (1u << 20)
#define THREADS_MAX 64u

static int read_piece(const struct dio_file_in *from, uint64_t off, void *buf, size_t *got,
                      struct dio_ticker *t, struct dumpio_error *err)
{
    return from->bytes ? dio_read_some(from->bytes, off, buf, PIECE, got, err)
                       : dio_stream_read(from->fd, buf, PIECE, got, t, err);
}

int dio_copy_serial(const struct dio_file_in *from, struct dio_out *to, uint64_t *bytes,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_ticker ticker = {.env = env};
    size_t got = PIECE;
    uint8_t *buf = malloc(PIECE);
    if (!buf)
        return dio_nomem(err, "a buffer");
    int rc = 0;
    *bytes = 0;
    ticker.p.total = from->bytes ? from->bytes->size : 0;
    while (!rc && got == PIECE) {
        rc = read_piece(from, *bytes, buf, &got, &ticker, err);
        if (!rc)
            rc = dio_write(to, *bytes, buf, got, err);
        if (!rc) {
            *bytes += got;
            ticker.p.done = ticker.p.out = *bytes;
            rc = dio_tick(&ticker, 0, err);
        }
    }
    if (!rc && from->bytes && *bytes != from->bytes->size)
        rc = dio_fail(err, DUMPIO_E_TRUNCATED, *bytes, "%s became shorter while it was read",
                      from->bytes->name);
    free(buf);
    return rc;
}

/* ---- many threads ---------------------------------------------------------------------------- */

struct copy {
    struct dio_bytes *from;
    struct dio_out *to;
    uint64_t end, shift; /* shift: from a place in the source to that in the sink, modulo 2^64 */
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t turn;
    uint64_t next;    /* to be taken */
    uint64_t written; /* everything before is; FORWARD alone */
    struct dio_ticker ticker;
    int rc;
    uint64_t failed_at;
    struct dumpio_error err;
};

/* The error of the lowest place stays. Called locked. */
static void fail_at(struct copy *c, uint64_t off, int rc, const struct dumpio_error *err)
{
    if (!c->rc || off < c->failed_at) {
        c->rc = rc;
        c->failed_at = off;
        c->err = *err;
    }
    pthread_cond_broadcast(&c->turn);
}

static int write_in_turn(struct copy *c, uint64_t off, const uint8_t *buf, size_t n,
                         struct dumpio_error *err)
{
    bool forward = c->to->access != DIO_RANDOM;
    if (forward) {
        pthread_mutex_lock(&c->lock);
        while (c->written != off && !c->rc)
            pthread_cond_wait(&c->turn, &c->lock);
        bool stop = c->rc != 0;
        pthread_mutex_unlock(&c->lock);
        if (stop)
            return 0;
    }
    int rc = dio_write(c->to, off + c->shift, buf, n, err);
    pthread_mutex_lock(&c->lock);
    if (forward) {
        c->written = off + n;
        pthread_cond_broadcast(&c->turn);
    }
    c->ticker.p.done += n;
    c->ticker.p.out += n;
    if (!rc)
        rc = dio_tick(&c->ticker, 0, err);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

static void *copier(void *arg)
{
    struct copy *c = arg;
    struct dumpio_error err = {0};
    uint8_t *buf = malloc(PIECE);
    pthread_mutex_lock(&c->lock);
    if (!buf)
        fail_at(c, c->next, dio_nomem(&err, "a buffer"), &err);
    while (!c->rc && c->next < c->end) {
        uint64_t off = c->next;
        size_t n = c->end - off < PIECE ? (size_t)(c->end - off) : PIECE;
        c->next += n;
        pthread_mutex_unlock(&c->lock);
        size_t got;
        int rc = dio_read_some(c->from, off, buf, n, &got, &err);
        if (!rc && got != n)
            rc = dio_fail(&err, DUMPIO_E_TRUNCATED, off, "%s became shorter while it was read",
                          c->from->name);
        if (!rc)
            rc = write_in_turn(c, off, buf, n, &err);
        pthread_mutex_lock(&c->lock);
        if (rc)
            fail_at(c, off, rc, &err);
    }
    pthread_mutex_unlock(&c->lock);
    free(buf);
    return NULL;
}

static unsigned wanted_threads(const struct dumpio_env *env, uint64_t bytes)
{
    unsigned n = env ? env->threads : 0;
    if (!n) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        n = online < 1 ? 1 : online < (long)THREADS_MAX ? (unsigned)online : THREADS_MAX;
    }
    n = n < THREADS_MAX ? n : THREADS_MAX;
    return bytes / PIECE + 1 < n ? (unsigned)(bytes / PIECE + 1) : n;
}

int dio_copy_parallel(struct dio_bytes *from, struct dio_out *to, struct dio_copy_range range,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    pthread_t threads[THREADS_MAX];
    unsigned started = 0, wanted = wanted_threads(env, range.end - range.start) - 1;
    struct copy *c = calloc(1, sizeof *c);
    if (!c)
        return dio_nomem(err, "copying");
    c->from = from;
    c->to = to;
    c->next = c->written = range.start;
    c->end = range.end;
    c->shift = range.at - range.start;
    c->ticker = (struct dio_ticker){.env = env, .p = {.total = range.end - range.start}};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->turn, NULL);
    while (started < wanted && !pthread_create(&threads[started], NULL, copier, c))
        started++;
    copier(c);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&c->turn);
    pthread_mutex_destroy(&c->lock);
    int rc = c->rc;
    if (rc && err)
        *err = c->err;
    free(c);
    return rc;
}
