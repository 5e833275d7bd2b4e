/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the caller how far a long walk has come, not too often, and hearing whether to stop.
 */
#ifndef DIO_PROGRESS_H
#define DIO_PROGRESS_H

#include "plug/error.h"

struct dio_ticker {
    const struct dumpio_env *env;
    struct dumpio_progress p;
    uint64_t next_ns; /* no call before this time */
};

/* Tell; `last` nonzero tells whatever the time. 0 or DUMPIO_E_CANCELLED. */
int dio_tick(struct dio_ticker *t, int last, struct dumpio_error *err);

#endif
