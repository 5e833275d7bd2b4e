/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordered pool: a ring of jobs, filled and placed by the feeding thread, packed by workers.
 * No on-disk format.
 */
#include "pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 256u

struct job {
    struct dio_packed p;
    uint8_t *in;
    bool done; /* under the lock */
    int rc;
    struct dumpio_error err;
};

struct thread {
    struct dio_pool *pool;
    void *worker;
    pthread_t id;
};

struct dio_pool {
    const struct dio_pool_ops *ops;
    struct dio_pool_options o;
    void *ctx;
    struct job *jobs;
    unsigned n_jobs;
    struct thread *threads;
    unsigned n_threads; /* that have a worker; 1: none of its own runs */
    unsigned started;
    uint64_t placed; /* jobs placed so far; the feeding thread's */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    uint64_t given; /* jobs given to the workers so far; under the lock, and the next three */
    uint64_t taken;
    bool stop;
};

unsigned dio_pool_threads(const struct dumpio_env *env, uint64_t max)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t n = env && env->threads ? env->threads : online < 1 ? 1 : (uint64_t)online;
    n = n < THREADS_MAX ? n : THREADS_MAX;
    n = n < max ? n : max;
    return n ? (unsigned)n : 1;
}

static struct job *job_of(const struct dio_pool *p, uint64_t seq)
{
    return &p->jobs[seq % p->n_jobs];
}

static void pack(const struct dio_pool *p, void *worker, struct job *j)
{
    j->p.in = j->in;
    j->p.len = 0;
    j->rc = p->ops->pack(worker, &j->p, &j->err);
}

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    struct dio_pool *p = t->pool;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->taken == p->given)
            pthread_cond_wait(&p->work, &p->lock);
        if (p->stop)
            break;
        struct job *j = job_of(p, p->taken++);
        pthread_mutex_unlock(&p->lock);
        pack(p, t->worker, j);
        pthread_mutex_lock(&p->lock);
        j->done = true;
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- the feeding thread ---------------------------------------------------------------------- */

/* Place the oldest job; waits for it. */
static int place_oldest(struct dio_pool *p, struct dumpio_error *err)
{
    struct job *j = job_of(p, p->placed);
    pthread_mutex_lock(&p->lock);
    while (!j->done)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
    p->placed++;
    if (j->rc && err)
        *err = j->err;
    int rc = j->rc ? j->rc : p->ops->place(p->ctx, &j->p, err);
    j->p.n = 0;
    return rc;
}

/* Give the job being filled to the workers, and make sure that the next has a place. */
static int give(struct dio_pool *p, struct dumpio_error *err)
{
    struct job *j = job_of(p, p->given);
    pthread_mutex_lock(&p->lock);
    j->done = false;
    p->given++;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    if (!p->started) {
        p->taken++;
        pack(p, p->threads[0].worker, j);
        j->done = true;
    }
    return p->given - p->placed < p->n_jobs ? 0 : place_oldest(p, err);
}

int dio_pool_put(struct dio_pool *p, const void *data, size_t n, struct dumpio_error *err)
{
    const uint8_t *b = data;
    while (n) {
        struct job *j = job_of(p, p->given);
        size_t part = p->o.block - j->p.n;
        part = part < n ? part : n;
        memcpy(j->in + j->p.n, b, part);
        j->p.n += part;
        b += part;
        n -= part;
        int rc = j->p.n == p->o.block ? give(p, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

int dio_pool_end(struct dio_pool *p, struct dumpio_error *err)
{
    int rc = 0;
    if (job_of(p, p->given)->p.n || !p->given)
        rc = give(p, err);
    while (!rc && p->placed < p->given)
        rc = place_oldest(p, err);
    return rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

void dio_pool_free(struct dio_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->started; i++)
        pthread_join(p->threads[i].id, NULL);
    for (unsigned i = 0; p->threads && i < p->n_threads; i++)
        if (p->threads[i].worker)
            p->ops->free_worker(p->threads[i].worker);
    for (unsigned i = 0; p->jobs && i < p->n_jobs; i++) {
        free(p->jobs[i].in);
        free(p->jobs[i].p.out);
    }
    free(p->threads);
    free(p->jobs);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool make_jobs_and_workers(struct dio_pool *p)
{
    p->jobs = calloc(p->n_jobs, sizeof *p->jobs);
    p->threads = calloc(p->n_threads, sizeof *p->threads);
    if (!p->jobs || !p->threads)
        return false;
    for (unsigned i = 0; i < p->n_jobs; i++) {
        p->jobs[i].in = malloc(p->o.block);
        p->jobs[i].p.out = malloc(p->o.bound);
        if (!p->jobs[i].in || !p->jobs[i].p.out)
            return false;
    }
    for (unsigned i = 0; i < p->n_threads; i++) {
        p->threads[i].pool = p;
        p->threads[i].worker = p->ops->new_worker(p->ctx);
        if (!p->threads[i].worker)
            return false;
    }
    return true;
}

int dio_pool_new(struct dio_pool **out, const struct dio_pool_ops *ops,
                 const struct dio_pool_options *o, void *ctx, const struct dumpio_env *env,
                 struct dumpio_error *err)
{
    uint64_t limit = dio_memory_limit(env);
    struct dio_pool *p = calloc(1, sizeof *p);
    if (!p)
        return dio_nomem(err, "packing threads");
    p->ops = ops;
    p->o = *o;
    p->ctx = ctx;
    uint64_t each = 2 * (o->block + o->bound) + o->worker_memory;
    p->n_threads = dio_pool_threads(env, limit / 2 / each);
    p->n_jobs = 2 * p->n_threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    if (!make_jobs_and_workers(p)) {
        dio_pool_free(p);
        return dio_nomem(err, "packing threads");
    }
    while (p->n_threads > 1 && p->started < p->n_threads &&
           !pthread_create(&p->threads[p->started].id, NULL, thread_main,
                           &p->threads[p->started]))
        p->started++;
    *out = p;
    return 0;
}
