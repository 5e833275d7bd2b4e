/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random access to blocks: a small cache, filled outside its lock, and a store of workers. Blocks
 * that a read wants as a whole are unpacked straight into its buffer.
 * No on-disk format.
 */
#include "blocks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 64u
#define WORKERS_MAX 64u

enum state { EMPTY, LOADING, READY, BAD };

struct slot {
    enum state state;
    unsigned pins; /* readers that copy from it */
    uint64_t number, used;
    uint8_t *data; /* plain_max bytes, once used */
    int rc;        /* of a BAD one: a damaged block is not unpacked for each read again */
    struct dumpio_error err;
};

struct worker {
    void *self;
    uint8_t *in; /* packed_max bytes */
    struct worker *next;
};

struct blocks {
    struct dio_bytes b;
    struct dio_bytes *below;
    const struct dio_blocks_ops *ops;
    void *ctx;
    uint64_t plain_max, packed_max;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    uint64_t clock;
    unsigned n_slots, workers, workers_max;
    struct worker *idle;
    struct slot slots[SLOTS_MAX];
};

uint64_t dio_block_plain_max(const struct dumpio_env *env)
{
    return dio_memory_limit(env) / 8;
}

uint64_t dio_block_packed_max(uint64_t plain)
{
    return plain + plain / 8 + 65536;
}

/* ---- workers --------------------------------------------------------------------------------- */

static void free_worker(struct blocks *s, struct worker *w)
{
    if (w->self)
        s->ops->free_worker(w->self);
    free(w->in);
    free(w);
}

static struct worker *new_worker(struct blocks *s)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->in = malloc((size_t)s->packed_max);
    w->self = w->in ? s->ops->new_worker(s->ctx) : NULL;
    if (w->self)
        return w;
    free_worker(s, w);
    return NULL;
}

/* An idle worker, else a new one, else (too many, or no memory for one more) the next idle one. */
static struct worker *get_worker(struct blocks *s)
{
    struct worker *w = NULL;
    pthread_mutex_lock(&s->lock);
    while (!s->idle && s->workers >= s->workers_max)
        pthread_cond_wait(&s->changed, &s->lock);
    if (s->idle) {
        w = s->idle;
        s->idle = w->next;
    } else {
        s->workers++;
    }
    pthread_mutex_unlock(&s->lock);
    if (w)
        return w;
    w = new_worker(s);
    if (!w) {
        pthread_mutex_lock(&s->lock);
        s->workers--;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
    return w;
}

static void put_worker(struct blocks *s, struct worker *w)
{
    pthread_mutex_lock(&s->lock);
    w->next = s->idle;
    s->idle = w;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static int expand(struct blocks *s, const struct dio_block *b, uint8_t *out,
                  struct dumpio_error *err)
{
    struct worker *w = get_worker(s);
    if (!w)
        return dio_nomem(err, "unpacking");
    int rc = dio_read_exact(s->below, b->packed, w->in, (size_t)b->packed_len, "packed block", err);
    if (!rc)
        rc = s->ops->expand(w->self, b, w->in, out, err);
    put_worker(s, w);
    return rc;
}

/* ---- the cache ------------------------------------------------------------------------------- */

/* Called locked, and so the next. The slot of a block, or NULL. */
static struct slot *find(struct blocks *s, uint64_t number)
{
    for (unsigned i = 0; i < s->n_slots; i++)
        if (s->slots[i].state != EMPTY && s->slots[i].number == number)
            return &s->slots[i];
    return NULL;
}

/* The slot that nobody misses, or NULL while all are needed. */
static struct slot *victim(struct blocks *s)
{
    struct slot *best = NULL;
    for (unsigned i = 0; i < s->n_slots; i++) {
        struct slot *c = &s->slots[i];
        if (c->state == EMPTY)
            return c;
        if (c->state != LOADING && !c->pins && (!best || c->used < best->used))
            best = c;
    }
    return best;
}

/* Unpack a block into a slot that is LOADING. Called and returning locked. */
static int load(struct blocks *s, struct slot *c, const struct dio_block *b,
                struct dumpio_error *err)
{
    pthread_mutex_unlock(&s->lock);
    if (!c->data)
        c->data = malloc((size_t)s->plain_max);
    struct dumpio_error e = {0};
    int rc = c->data ? expand(s, b, c->data, &e) : dio_nomem(&e, "a cached block");
    pthread_mutex_lock(&s->lock);
    c->state = !rc ? READY : rc == DUMPIO_E_CORRUPT ? BAD : EMPTY;
    c->used = ++s->clock;
    c->rc = rc;
    c->err = e;
    if (rc && err)
        *err = e;
    pthread_cond_broadcast(&s->changed);
    return rc;
}

/* The block in a pinned slot. */
static int pin(struct blocks *s, const struct dio_block *b, struct slot **out,
               struct dumpio_error *err)
{
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        struct slot *c = find(s, b->number);
        if (c && c->state == READY) {
            c->pins++;
            c->used = ++s->clock;
            *out = c;
            break;
        }
        if (c && c->state == BAD) {
            rc = c->rc;
            c->used = ++s->clock;
            if (err)
                *err = c->err;
            break;
        }
        if (!c && (c = victim(s)) != NULL) {
            c->state = LOADING;
            c->number = b->number;
            rc = load(s, c, b, err);
            if (rc)
                break;
            continue;
        }
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void unpin(struct blocks *s, struct slot *c)
{
    pthread_mutex_lock(&s->lock);
    if (!--c->pins)
        pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static bool cached(struct blocks *s, uint64_t number)
{
    pthread_mutex_lock(&s->lock);
    bool yes = find(s, number) != NULL;
    pthread_mutex_unlock(&s->lock);
    return yes;
}

/* ---- the source ------------------------------------------------------------------------------ */

/* n bytes at `off` of its contents. */
static int read_block(struct blocks *s, const struct dio_block *b, uint64_t off, uint8_t *buf,
                      size_t n, struct dumpio_error *err)
{
    struct slot *c = NULL;
    if (n == b->plain_len && !cached(s, b->number))
        return expand(s, b, buf, err);
    int rc = pin(s, b, &c, err);
    if (rc)
        return rc;
    memcpy(buf, c->data + off, n);
    unpin(s, c);
    return 0;
}

static int blocks_read_at(struct dio_bytes *bytes, uint64_t off, void *buf, size_t len, size_t *got,
                          struct dumpio_error *err)
{
    struct blocks *s = (struct blocks *)bytes;
    struct dio_block b;
    uint64_t place = off;
    *got = 0;
    while (*got < len && off < bytes->size) {
        int rc = s->ops->locate(s->ctx, off, &b, err);
        if (rc)
            return rc;
        uint64_t left = b.plain + b.plain_len - off;
        size_t n = left < len - *got ? (size_t)left : len - *got;
        rc = read_block(s, &b, off - b.plain, (uint8_t *)buf + *got, n, err);
        if (rc) {
            rc = dio_context(err, rc, "packed bytes 0x%llx to 0x%llx",
                             (unsigned long long)b.packed,
                             (unsigned long long)(b.packed + b.packed_len));
            if (err)
                err->offset = place;
            return rc;
        }
        *got += n;
        off += n;
    }
    return 0;
}

static void blocks_close(struct dio_bytes *bytes)
{
    struct blocks *s = (struct blocks *)bytes;
    while (s->idle) {
        struct worker *w = s->idle;
        s->idle = w->next;
        free_worker(s, w);
    }
    for (unsigned i = 0; i < s->n_slots; i++)
        free(s->slots[i].data);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    s->ops->free(s->ctx);
    dio_bytes_close(s->below);
    free(s);
}

static const struct dio_bytes_ops bytes_ops = {blocks_read_at, NULL, blocks_close, NULL};

static unsigned fit(uint64_t budget, uint64_t each, unsigned min, unsigned max)
{
    uint64_t n = budget / each;
    return n < min ? min : n < max ? (unsigned)n : max;
}

int dio_blocks_open(struct dio_bytes **out, struct dio_bytes *below,
                    const struct dio_blocks_ops *ops, void *ctx,
                    const struct dio_blocks_options *o, const struct dumpio_env *env,
                    struct dumpio_error *err)
{
    struct blocks *s = calloc(1, sizeof *s);
    if (!s)
        return dio_nomem(err, "an unpacking source");
    s->b.ops = &bytes_ops;
    s->b.size = o->size;
    s->b.name = below->name;
    s->b.truncated = o->truncated || below->truncated;
    s->below = below;
    s->ops = ops;
    s->ctx = ctx;
    s->plain_max = o->plain_max ? o->plain_max : 1;
    s->packed_max = o->packed_max ? o->packed_max : 1;
    /* shares of the memory: contents kept, and packed blocks at work */
    uint64_t limit = dio_memory_limit(env);
    s->n_slots = fit(limit / 8, s->plain_max, 2, SLOTS_MAX);
    s->workers_max = fit(limit / 4, s->packed_max + o->worker_memory, 1, WORKERS_MAX);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    *out = &s->b;
    return 0;
}
