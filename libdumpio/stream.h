/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input that comes once, from its start to its end, for those who read the memory in order.
 */
#ifndef DIO_STREAM_H
#define DIO_STREAM_H

#include "plug/bytes.h"

#include <stdbool.h>

struct dumpio_dump;
struct dio_stream;
struct dio_batch;

/* ---- opening --------------------------------------------------------------------------------- */

/* Are streams to be tried without a spool? */
bool dio_stream_wanted(const struct dumpio_dump *d);

/*
 * The stream on fd as d->parts[0], a forward source; takes fd. What is noted from now on waits until
 * it is certain which way it is opened.
 */
int dio_stream_begin(struct dumpio_dump *d, int fd, struct dumpio_error *err);

/*
 * The dump was opened on it, or could not be (rc). 0 or an error: that is how it is. DUMPIO_END: it
 * has to be opened once more, d->parts[0] is the source to do it with, read at random.
 */
int dio_stream_settle(struct dumpio_dump *d, int rc, struct dumpio_error *err);

void dio_stream_free(struct dumpio_dump *d);

/* ---- reading --------------------------------------------------------------------------------- */

/* Is the memory to be read once, in order, by one thread at a time? */
bool dio_stream_forward(const struct dumpio_dump *d);

/*
 * What to tell the progress to, in place of env: a stream that stalls asks it as well whether to stop,
 * and one at a time does so. For a ticker; notes go to env.
 */
const struct dumpio_env *dio_stream_env(struct dumpio_dump *d, const struct dumpio_env *env);

/* That one reading begins; all of these are 0 for every other dump. */
int dio_stream_start(struct dumpio_dump *d, struct dumpio_error *err);
/* After each fetch: did the source fail, which a format would take for lost pages? */
int dio_stream_check(const struct dumpio_dump *d, struct dumpio_error *err);
/* Let it see the pages that were fetched, in order. */
int dio_stream_see(struct dumpio_dump *d, struct dio_batch *batch, struct dumpio_error *err);
/* All was fetched: the rest is read and looked at, so that what is proved there is proved. */
int dio_stream_end(struct dumpio_dump *d, struct dumpio_error *err);
/* For what reads at random, `what`: DUMPIO_E_ARG. */
int dio_stream_refuse(const struct dumpio_dump *d, const char *what, struct dumpio_error *err);

#endif
