/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's names (utsname), caught when the memory of a stream passes.
 */
#ifndef DIO_STREAM_UTS_H
#define DIO_STREAM_UTS_H

#include "plug/format.h"

struct dumpio_dump;
struct dio_uts_watch;

/* NULL: where they are cannot be told from the model, or there is no memory. */
struct dio_uts_watch *dio_uts_watch_new(const struct dumpio_info *info);
void dio_uts_watch_free(struct dio_uts_watch *w); /* NULL allowed */
/* Of every batch of pages, ascending. */
int dio_uts_watch_see(struct dio_uts_watch *w, struct dio_batch *batch, uint32_t unit,
                      struct dumpio_error *err);
/* All has passed: complete the model. */
int dio_uts_watch_end(const struct dio_uts_watch *w, struct dumpio_dump *d,
                      struct dumpio_error *err);

#endif
