/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing age v1 files (c2sp.org/age): the header at once, then chunks as they fill. Batches of
 * chunks are sealed in place by a few threads while the caller fills the next one, and written in
 * order by whichever thread is free, one at a time.
 */
#include "age.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH 16u       /* chunks */
#define BATCHES 4u      /* one being filled, one being written, the others being sealed */
#define THREADS_MAX 64u /* more do not find work in so many batches */
#define BATCH_PLAIN ((size_t)BATCH * DIO_AGE_CHUNK)

struct batch {
    uint8_t *buf;     /* BATCH places of DIO_AGE_SEALED bytes; plaintext, then sealed */
    size_t filled;    /* bytes of plaintext */
    uint64_t first;   /* number of its first chunk */
    bool last;        /* its last chunk is the file's */
    unsigned chunks;  /* to be sealed */
    unsigned taken, done;
};

struct age_out {
    struct dio_out o;
    struct dio_out *below;
    uint64_t pos;       /* bytes of plaintext taken */
    uint64_t chunks;    /* handed out for sealing */
    struct dio_aead *aead; /* the caller's */
    uint8_t *key;       /* DIO_AEAD_KEY bytes of dio_secret_alloc */
    struct batch ring[BATCHES];

    pthread_t threads[THREADS_MAX];
    unsigned n_threads;
    pthread_mutex_t lock; /* of everything below, and of batches between head and tail */
    pthread_cond_t change; /* something became ready, free or filled */
    uint64_t head, tail; /* batches: [tail, head) are sealed and written, head is being filled */
    uint64_t below_pos;  /* bytes written below */
    bool writing;        /* a thread is in below's write_at */
    bool stop;
    int rc;              /* the first error, and its text */
    struct dumpio_error err;
};

/* ---- sealing --------------------------------------------------------------------------------- */

static int seal_chunk(struct dio_aead *aead, struct batch *b, unsigned i)
{
    uint8_t nonce[DIO_AEAD_NONCE], *p = b->buf + (size_t)i * DIO_AGE_SEALED;
    size_t at = (size_t)i * DIO_AGE_CHUNK;
    size_t n = b->filled - at < DIO_AGE_CHUNK ? b->filled - at : DIO_AGE_CHUNK;
    dio_age_chunk_nonce(nonce, b->first + i, b->last && i + 1 == b->chunks);
    return dio_aead_seal(aead, nonce, p, p, n);
}

/* Take one chunk from the oldest batch that has one left; false: none. Called locked. */
static bool seal_one(struct age_out *a, struct dio_aead *aead)
{
    for (uint64_t t = a->tail; t < a->head; t++) {
        struct batch *b = &a->ring[t % BATCHES];
        if (b->taken == b->chunks)
            continue;
        unsigned i = b->taken++;
        pthread_mutex_unlock(&a->lock);
        int rc = seal_chunk(aead, b, i);
        pthread_mutex_lock(&a->lock);
        if (rc && !a->rc)
            a->rc = dio_fail(&a->err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                             "libcrypto refuses what age files need");
        if (++b->done == b->chunks)
            pthread_cond_broadcast(&a->change);
        return true;
    }
    return false;
}

/* Write the oldest batch when it is ready and nobody writes; false: not now. Called locked. */
static bool write_one(struct age_out *a)
{
    struct batch *b = &a->ring[a->tail % BATCHES];
    if (a->writing || a->tail == a->head || b->done < b->chunks)
        return false;
    size_t n = b->filled + (size_t)b->chunks * DIO_AEAD_TAG;
    if (!a->rc) {
        struct dumpio_error err = {0};
        a->writing = true;
        pthread_mutex_unlock(&a->lock);
        int rc = dio_write(a->below, a->below_pos, b->buf, n, &err);
        pthread_mutex_lock(&a->lock);
        a->writing = false;
        if (rc && !a->rc) {
            a->rc = rc;
            a->err = err;
        }
    }
    a->below_pos += n;
    b->filled = 0;
    a->tail++;
    pthread_cond_broadcast(&a->change);
    return true;
}

static void *sealer(void *arg)
{
    struct age_out *a = arg;
    struct dio_aead *aead = dio_aead_new(a->key);
    pthread_mutex_lock(&a->lock);
    while (aead && !a->stop) /* without one, the others do the work */
        if (!write_one(a) && !seal_one(a, aead))
            pthread_cond_wait(&a->change, &a->lock);
    pthread_mutex_unlock(&a->lock);
    dio_aead_free(aead);
    return NULL;
}

/* Help until at most `left` batches are neither sealed nor written. */
static int drain(struct age_out *a, uint64_t left, struct dumpio_error *err)
{
    pthread_mutex_lock(&a->lock);
    while (a->head - a->tail > left)
        if (!write_one(a) && !seal_one(a, a->aead))
            pthread_cond_wait(&a->change, &a->lock);
    int rc = a->rc;
    if (rc && err)
        *err = a->err;
    pthread_mutex_unlock(&a->lock);
    return rc;
}

/* Hand the batch at head out for sealing; then one is free to be filled. */
static int submit(struct age_out *a, bool last, struct dumpio_error *err)
{
    struct batch *b = &a->ring[a->head % BATCHES];
    pthread_mutex_lock(&a->lock);
    b->chunks = (unsigned)((b->filled + DIO_AGE_CHUNK - 1) / DIO_AGE_CHUNK);
    if (!b->chunks)
        b->chunks = 1; /* an empty file has one empty chunk */
    b->taken = b->done = 0;
    b->first = a->chunks;
    b->last = last;
    a->chunks += b->chunks;
    a->head++;
    pthread_cond_broadcast(&a->change);
    pthread_mutex_unlock(&a->lock);
    return drain(a, BATCHES - 1, err);
}

/* ---- the sink -------------------------------------------------------------------------------- */

/* Bytes at p, or zeros when p is NULL. A full batch stays until more comes: it may be the last. */
static int add(struct age_out *a, const uint8_t *p, uint64_t len, struct dumpio_error *err)
{
    while (len) {
        struct batch *b = &a->ring[a->head % BATCHES];
        if (b->filled == BATCH_PLAIN) {
            int rc = submit(a, false, err);
            if (rc)
                return rc;
            continue;
        }
        size_t at = b->filled % DIO_AGE_CHUNK, n = DIO_AGE_CHUNK - at;
        uint8_t *to = b->buf + b->filled / DIO_AGE_CHUNK * DIO_AGE_SEALED + at;
        n = n < len ? n : (size_t)len;
        if (p) {
            memcpy(to, p, n);
            p += n;
        } else {
            memset(to, 0, n);
        }
        b->filled += n;
        a->pos += n;
        len -= n;
    }
    return 0;
}

static int age_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                        struct dumpio_error *err)
{
    struct age_out *a = (struct age_out *)o;
    if (off < a->pos)
        return dio_fail(err, DUMPIO_E_INTERNAL, off, "%s: an encrypted file cannot go back to "
                        "0x%llx", o->name, (unsigned long long)off);
    int rc = add(a, NULL, off - a->pos, err);
    return rc ? rc : add(a, buf, len, err);
}

/* Everything but `below`. */
static void release(struct age_out *a)
{
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->change);
    pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->n_threads; i++)
        pthread_join(a->threads[i], NULL);
    pthread_cond_destroy(&a->change);
    pthread_mutex_destroy(&a->lock);
    for (unsigned i = 0; i < BATCHES; i++) {
        if (a->ring[i].buf)
            dio_wipe(a->ring[i].buf, (size_t)BATCH * DIO_AGE_SEALED);
        free(a->ring[i].buf);
    }
    dio_aead_free(a->aead);
    dio_secret_free(a->key, DIO_AEAD_KEY);
    free(a);
}

static int age_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct age_out *a = (struct age_out *)o;
    struct dio_out *below = a->below;
    int rc = size < a->pos ? dio_fail(err, DUMPIO_E_INTERNAL, size,
                                      "%s: an encrypted file cannot become shorter", o->name)
                           : add(a, NULL, size - a->pos, err);
    if (!rc)
        rc = submit(a, true, err);
    if (!rc)
        rc = drain(a, 0, err);
    uint64_t end = a->below_pos;
    release(a);
    if (!rc)
        return below->ops->finish(below, end, err);
    below->ops->discard(below);
    return rc;
}

static void age_discard(struct dio_out *o)
{
    struct age_out *a = (struct age_out *)o;
    struct dio_out *below = a->below;
    release(a);
    below->ops->discard(below);
}

/* ---- creation -------------------------------------------------------------------------------- */

static unsigned wanted_threads(const struct dumpio_env *env)
{
    unsigned n = env ? env->threads : 0;
    if (!n) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        n = online < 1 ? 1 : online < (long)THREADS_MAX ? (unsigned)online : THREADS_MAX;
    }
    return (n < THREADS_MAX ? n : THREADS_MAX) - 1; /* the caller is one */
}

/* Header and nonce; the keys of the chunks. */
static int start(struct age_out *a, const struct dio_keys *keys, struct dumpio_error *err)
{
    uint8_t file_key[DIO_AGE_FILE_KEY], nonce[DIO_AGE_NONCE];
    char *header = NULL;
    size_t len = 0;
    int rc = 0;
    a->key = dio_secret_alloc(DIO_AEAD_KEY);
    for (unsigned i = 0; i < BATCHES; i++)
        a->ring[i].buf = malloc((size_t)BATCH * DIO_AGE_SEALED);
    for (unsigned i = 0; i < BATCHES; i++)
        if (!a->ring[i].buf)
            return dio_nomem(err, "encryption");
    if (!a->key)
        return dio_nomem(err, "encryption");
    if (dio_random(file_key, sizeof file_key) || dio_random(nonce, sizeof nonce) ||
        dio_age_payload_key(a->key, file_key, nonce) || !(a->aead = dio_aead_new(a->key)))
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                      "libcrypto refuses what age files need");
    if (!rc)
        rc = dio_age_header_make(&header, &len, keys, file_key, err);
    dio_wipe(file_key, sizeof file_key);
    if (!rc)
        rc = dio_write(a->below, 0, header, len, err);
    if (!rc)
        rc = dio_write(a->below, len, nonce, sizeof nonce, err);
    a->below_pos = len + sizeof nonce;
    free(header);
    return rc;
}

int dio_age_create(struct dio_out **out, struct dio_out *below, const struct dio_layer_options *o,
                   const struct dumpio_env *env, struct dumpio_error *err)
{
    static const struct dio_out_ops ops = {age_write_at, age_finish, age_discard};
    struct age_out *a = calloc(1, sizeof *a);
    if (!a)
        return dio_nomem(err, "encryption");
    a->o = (struct dio_out){&ops, DIO_FORWARD, below->name};
    a->below = below;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->change, NULL);
    int rc = start(a, o->keys, err);
    if (rc) {
        release(a);
        return rc;
    }
    /* fewer threads than wanted are no error: the caller seals too */
    for (unsigned n = wanted_threads(env); a->n_threads < n; a->n_threads++)
        if (pthread_create(&a->threads[a->n_threads], NULL, sealer, a))
            break;
    *out = &a->o;
    return 0;
}
