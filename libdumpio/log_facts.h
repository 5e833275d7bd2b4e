/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel log says of the crash.
 */
#ifndef DIO_LOG_FACTS_H
#define DIO_LOG_FACTS_H

#include "kernel/kernel.h"

struct dio_log_facts {
    char panic[256];
    char taint[32];
    char hardware[160];
};

/* Empty strings for what the log does not say. */
int dio_log_facts(struct dio_kernel *k, struct dio_log_facts *facts, struct dumpio_error *err);

#endif
