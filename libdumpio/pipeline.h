/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordered pipeline: jobs are planned one after another, worked on in parallel, placed in the
 * order in which they were planned, and stored in parallel again. What comes out does not depend
 * on the number of threads.
 */
#ifndef DIO_PIPELINE_H
#define DIO_PIPELINE_H

#include "plug/error.h"

#include <stdbool.h>

struct dio_pipeline {
    void *ctx;
    /* In order, one at a time: fill the job; DUMPIO_END when there is none left. */
    int (*plan)(void *ctx, void *job, struct dumpio_error *err);
    /* In parallel; `worker` belongs to the calling thread. */
    int (*work)(void *ctx, void *worker, void *job, struct dumpio_error *err);
    /* In order, one at a time. */
    int (*place)(void *ctx, void *job, struct dumpio_error *err);
    /* NULL, or after place: in parallel, or right behind it when serial_store. */
    int (*store)(void *ctx, void *job, struct dumpio_error *err);
    bool serial_store;
    /* What a thread owns, and what a job owns; made before and freed after the run. Memory comes
     * zeroed; free is called also when init failed. */
    size_t worker_size, job_size;
    int (*worker_init)(void *ctx, void *worker, struct dumpio_error *err);
    void (*worker_free)(void *ctx, void *worker);
    int (*job_init)(void *ctx, void *job, struct dumpio_error *err);
    void (*job_free)(void *ctx, void *job);
    unsigned jobs_per_thread; /* length of the ring */
    size_t job_memory, worker_memory; /* what one may take at most, bytes, for env->memory_limit */
};

/*
 * Threads: as many as env says, and as its memory limit has room for.
 *
 * Run until plan ends or something fails. The error of the earliest job wins, whatever the number
 * of threads; jobs before it are completed. A thread that cannot be started is done without.
 */
int dio_pipeline_run(const struct dio_pipeline *p, const struct dumpio_env *env,
                     struct dumpio_error *err);

#endif
