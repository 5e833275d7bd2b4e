/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress, at most every 50 ms.
 */
#include "progress.h"

#include <time.h>

#define INTERVAL_NS 50000000u

int dio_tick(struct dio_ticker *t, int last, struct dumpio_error *err)
{
    if (!t->env || !t->env->progress)
        return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (!last && ns < t->next_ns)
        return 0;
    t->next_ns = ns + INTERVAL_NS;
    if (t->env->progress(t->env->user, &t->p))
        return dio_fail(err, DUMPIO_E_CANCELLED, DUMPIO_NO_OFFSET, "stopped on request");
    return 0;
}
