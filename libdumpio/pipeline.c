/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordered pipeline. Every thread does whatever is due: place the next finished job, else plan
 * and work on a new one; so N threads use N processors, and one thread runs everything inline.
 */
#include "pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 256

enum slot { FREE, BUSY, WORKED };

struct run {
    const struct dio_pipeline *p;
    uint8_t *jobs;
    unsigned n_jobs;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned char *slots;  /* enum slot of jobs[seq % n_jobs] */
    uint64_t planned;      /* jobs planned so far = number of the next */
    uint64_t placed;       /* jobs placed so far */
    unsigned storing;      /* stores under way */
    bool planning, placing, ended;
    uint64_t limit;        /* jobs from this one on are dropped: end, or the earliest failure */
    int status;
    struct dumpio_error error;
};

struct thread {
    struct run *r;
    void *worker;
    pthread_t id;
};

static void failed(struct run *r, uint64_t seq, int rc, const struct dumpio_error *e)
{
    if (r->status && seq >= r->limit)
        return;
    r->status = rc;
    r->error = *e;
    r->limit = seq;
    r->ended = true;
}

static bool finished(const struct run *r)
{
    return r->ended && !r->planning && r->placed >= r->limit && !r->placing && !r->storing;
}

static void *job_of(const struct run *r, uint64_t seq)
{
    return r->jobs + (size_t)(seq % r->n_jobs) * r->p->job_size;
}

/* Called and returning with the lock held. */
static void place_next(struct run *r)
{
    const struct dio_pipeline *p = r->p;
    uint64_t seq = r->placed;
    void *job = job_of(r, seq);
    struct dumpio_error e = {0};
    r->placing = true;
    pthread_mutex_unlock(&r->lock);
    int rc = p->place(p->ctx, job, &e);
    if (!rc && p->store && p->serial_store)
        rc = p->store(p->ctx, job, &e);
    pthread_mutex_lock(&r->lock);
    r->placing = false;
    r->placed++;
    if (rc) {
        failed(r, seq, rc, &e);
    } else if (p->store && !p->serial_store) {
        r->storing++;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
        rc = p->store(p->ctx, job, &e);
        pthread_mutex_lock(&r->lock);
        r->storing--;
        if (rc)
            failed(r, seq, rc, &e);
    }
    r->slots[seq % r->n_jobs] = FREE;
    pthread_cond_broadcast(&r->changed);
}

/* Called and returning with the lock held. */
static void plan_and_work(struct run *r, void *worker)
{
    const struct dio_pipeline *p = r->p;
    uint64_t seq = r->planned;
    void *job = job_of(r, seq);
    struct dumpio_error e = {0};
    r->planning = true;
    r->slots[seq % r->n_jobs] = BUSY;
    pthread_mutex_unlock(&r->lock);
    int rc = p->plan(p->ctx, job, &e);
    pthread_mutex_lock(&r->lock);
    r->planning = false;
    if (rc) {
        r->slots[seq % r->n_jobs] = FREE;
        if (rc < 0)
            failed(r, seq, rc, &e);
        else if (!r->ended)
            r->limit = seq;
        r->ended = true;
        pthread_cond_broadcast(&r->changed);
        return;
    }
    r->planned++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    rc = p->work(p->ctx, worker, job, &e);
    pthread_mutex_lock(&r->lock);
    if (rc)
        failed(r, seq, rc, &e);
    r->slots[seq % r->n_jobs] = WORKED;
    pthread_cond_broadcast(&r->changed);
}

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    struct run *r = t->r;
    unsigned n = r->n_jobs;
    pthread_mutex_lock(&r->lock);
    while (!finished(r)) {
        if (!r->placing && r->placed < r->planned && r->placed < r->limit &&
            r->slots[r->placed % n] == WORKED)
            place_next(r);
        else if (!r->planning && !r->ended && r->slots[r->planned % n] == FREE)
            plan_and_work(r, t->worker);
        else
            pthread_cond_wait(&r->changed, &r->lock);
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- threads, and what they and the jobs own -------------------------------------------------- */

/* Half of the memory is for the ring: the rest is for the caches of the layers, and indexes. */
static uint64_t threads_in_memory(const struct dio_pipeline *p, const struct dumpio_env *env)
{
    uint64_t n = dio_memory_limit(env) / 2 / (p->jobs_per_thread * p->job_memory + p->worker_memory);
    return n ? n : 1;
}

static unsigned wanted_threads(const struct dio_pipeline *p, const struct dumpio_env *env)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t n = env && env->threads ? env->threads : online < 1 ? 1 : (uint64_t)online;
    uint64_t fit = threads_in_memory(p, env);
    if (n > fit)
        n = fit;
    return n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

static void run_threads(struct run *r, struct thread *threads, unsigned n)
{
    unsigned started = 1;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    while (started < n &&
           !pthread_create(&threads[started].id, NULL, thread_main, &threads[started]))
        started++;
    thread_main(&threads[0]);
    for (unsigned i = 1; i < started; i++)
        pthread_join(threads[i].id, NULL);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
}

/* Initialise n items of `size` bytes; *done counts those that free must see. */
static int init_items(const struct dio_pipeline *p, uint8_t *items, unsigned n, size_t size,
                      int (*init)(void *, void *, struct dumpio_error *), unsigned *done,
                      struct dumpio_error *err)
{
    int rc = 0;
    while (*done < n && !rc) {
        rc = init(p->ctx, items + *done * size, err);
        ++*done;
    }
    return rc;
}

int dio_pipeline_run(const struct dio_pipeline *p, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    unsigned n = wanted_threads(p, env), workers_made = 0, jobs_made = 0;
    struct run r = {.p = p, .limit = UINT64_MAX};
    r.n_jobs = n == 1 ? 1 : n * p->jobs_per_thread + 1;
    r.slots = calloc(r.n_jobs, 1);
    r.jobs = calloc(r.n_jobs, p->job_size);
    struct thread *threads = calloc(n, sizeof *threads);
    uint8_t *workers = calloc(n, p->worker_size);
    int rc = 0;
    if (!r.slots || !r.jobs || !threads || !workers)
        rc = dio_nomem(err, "the pipeline");
    if (!rc)
        rc = init_items(p, workers, n, p->worker_size, p->worker_init, &workers_made, err);
    if (!rc)
        rc = init_items(p, r.jobs, r.n_jobs, p->job_size, p->job_init, &jobs_made, err);
    if (!rc) {
        for (unsigned i = 0; i < n; i++)
            threads[i] = (struct thread){.r = &r, .worker = workers + i * p->worker_size};
        run_threads(&r, threads, n);
        rc = r.status;
        if (rc && err)
            *err = r.error;
    }
    for (unsigned i = 0; i < workers_made; i++)
        p->worker_free(p->ctx, workers + i * p->worker_size);
    for (unsigned i = 0; i < jobs_made; i++)
        p->job_free(p->ctx, r.jobs + i * p->job_size);
    free(workers);
    free(threads);
    free(r.jobs);
    free(r.slots);
    return rc;
}
