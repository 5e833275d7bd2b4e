/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream cut into blocks of one size, which threads pack in parallel and which are placed in
 * their order. What comes out does not depend on the number of threads.
 */
#ifndef DIO_POOL_H
#define DIO_POOL_H

#include "../plug/error.h"

struct dio_packed {
    const uint8_t *in; /* n plain bytes */
    size_t n;
    uint8_t *out; /* room for `bound` bytes; packed bytes are the first len */
    size_t len;
    uint32_t check; /* pack's, for place */
};

struct dio_pool_ops {
    void *(*new_worker)(void *ctx); /* one per thread; NULL = out of memory */
    void (*free_worker)(void *worker);
    /* Fill out, len and check; by any thread. */
    int (*pack)(void *worker, struct dio_packed *p, struct dumpio_error *err);
    /* In order, by the thread that feeds the pool. */
    int (*place)(void *ctx, const struct dio_packed *p, struct dumpio_error *err);
};

struct dio_pool_options {
    size_t block;         /* plain bytes of a block; the last may be shorter */
    size_t bound;         /* most packed bytes of one */
    size_t worker_memory; /* bytes that a worker takes, about */
};

struct dio_pool;

/*
 * env->threads threads (0 = one per online processor), as far as half of the memory limit goes; two
 * blocks for each. One thread packs in the feeding one.
 */
int dio_pool_new(struct dio_pool **out, const struct dio_pool_ops *ops,
                 const struct dio_pool_options *o, void *ctx, const struct dumpio_env *env,
                 struct dumpio_error *err);
int dio_pool_put(struct dio_pool *p, const void *data, size_t n, struct dumpio_error *err);
/* Pack and place what is left; an empty stream becomes one empty block. Once, at the end. */
int dio_pool_end(struct dio_pool *p, struct dumpio_error *err);
void dio_pool_free(struct dio_pool *p); /* NULL allowed */

/* Threads to work with: env's, or one per online processor; at least 1, at most `max`. */
unsigned dio_pool_threads(const struct dumpio_env *env, uint64_t max);

#endif
