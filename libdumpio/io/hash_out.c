/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of a file while it is written. Writes may come from several threads, at any place.
 */
#include "../sha256.h"
#include "io.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK (1u << 20)

struct hash_out {
    struct dio_out o;
    struct dio_out *below;
    struct dio_file_sum *sum;
    pthread_mutex_t lock; /* of what follows */
    struct dio_sha256 *hash;
    uint64_t hashed;      /* bytes from the start that are in it */
};

static void add_zeros(struct hash_out *h, uint64_t to)
{
    static const uint8_t zeros[4096];
    while (h->hashed < to) {
        size_t n = to - h->hashed < sizeof zeros ? (size_t)(to - h->hashed) : sizeof zeros;
        dio_sha256_add(h->hash, zeros, n);
        h->hashed += n;
    }
}

static int hash_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                         struct dumpio_error *err)
{
    struct hash_out *h = (struct hash_out *)o;
    int rc = h->below->ops->write_at(h->below, off, buf, len, err);
    if (rc || pthread_mutex_trylock(&h->lock))
        return rc; /* another thread is at it: this is out of order */
    if (off < h->hashed && len) { /* written again */
        dio_sha256_start(h->hash);
        h->hashed = 0;
    }
    if (h->hashed == off) {
        dio_sha256_add(h->hash, buf, len);
        h->hashed += len;
    }
    pthread_mutex_unlock(&h->lock);
    return 0;
}

/* What did not come in order. Places that nothing was written to are zero. */
static int read_rest(struct hash_out *h, uint64_t size, struct dumpio_error *err)
{
    int rc = 0;
    size_t got;
    uint8_t *buf = malloc(BLOCK);
    if (!buf)
        return dio_nomem(err, "a buffer");
    while (!rc && h->hashed < size) {
        size_t n = size - h->hashed < BLOCK ? (size_t)(size - h->hashed) : BLOCK;
        rc = dio_file_read_back(h->below, h->hashed, buf, n, &got, err);
        if (rc)
            break;
        dio_sha256_add(h->hash, buf, got);
        h->hashed += got;
        add_zeros(h, h->hashed + n - got);
    }
    free(buf);
    return rc;
}

static void hash_free(struct hash_out *h)
{
    pthread_mutex_destroy(&h->lock);
    dio_sha256_free(h->hash);
    free(h);
}

static void hash_discard(struct dio_out *o)
{
    struct hash_out *h = (struct hash_out *)o;
    h->below->ops->discard(h->below);
    hash_free(h);
}

static int hash_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct hash_out *h = (struct hash_out *)o;
    int rc = read_rest(h, size, err);
    if (!rc && h->hashed > size)
        rc = dio_fail(err, DUMPIO_E_INTERNAL, size, "%s: written beyond its end", o->name);
    if (!rc)
        rc = dio_sha256_end(h->hash, h->sum->sha256, err);
    if (rc) {
        hash_discard(o);
        return rc;
    }
    h->sum->size = size;
    rc = h->below->ops->finish(h->below, size, err);
    hash_free(h);
    return rc;
}

int dio_hash_out(struct dio_out **out, struct dio_file_sum *sum, struct dumpio_error *err)
{
    static const struct dio_out_ops ops = {hash_write_at, hash_finish, hash_discard};
    struct hash_out *h = calloc(1, sizeof *h);
    if (h)
        h->hash = dio_sha256_new();
    if (!h || !h->hash) {
        free(h);
        return dio_nomem(err, "a digest");
    }
    pthread_mutex_init(&h->lock, NULL);
    dio_sha256_start(h->hash);
    h->below = *out;
    h->sum = sum;
    h->o = (struct dio_out){&ops, (*out)->access, (*out)->name};
    *out = &h->o;
    return 0;
}
