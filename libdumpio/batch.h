/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's side of batches: making, reusing and freeing them.
 * Formats see plug/format.h only.
 */
#ifndef DIO_BATCH_H
#define DIO_BATCH_H

#include "plug/format.h"

struct dio_batch *dio_batch_new(void);
void dio_batch_reset(struct dio_batch *b);
void dio_batch_free(struct dio_batch *b);
/* Forget the pages, keep the arena (to replace input pages by output pages). */
void dio_batch_clear_pages(struct dio_batch *b);
/* Give back what is behind the first n bytes of `last`, the newest piece of the arena. */
void dio_batch_trim(struct dio_batch *b, const void *last, size_t n);

#endif
