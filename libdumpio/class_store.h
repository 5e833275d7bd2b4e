/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of frames, kept run-length coded: in memory up to a bound, in a temporary file beyond.
 */
#ifndef DIO_CLASS_STORE_H
#define DIO_CLASS_STORE_H

#include "plug/error.h"

#include <stdbool.h>
#include <stddef.h>

struct dio_class_store;

int dio_class_store_new(struct dio_class_store **out, const struct dumpio_env *env,
                        struct dumpio_error *err);
void dio_class_store_free(struct dio_class_store *s); /* NULL allowed */

/* Most bytes that n frames can be coded in. */
size_t dio_class_bound(size_t n);
/* Code the classes of n frames into out; returns the length. Pure. */
size_t dio_class_code(const uint8_t *classes, size_t n, uint8_t *out);

/* Append frames [pfn, pfn + n), coded; pfn at or above the end of what is there. */
int dio_class_store_add(struct dio_class_store *s, uint64_t pfn, size_t n, const uint8_t *code,
                        size_t len, struct dumpio_error *err);

/*
 * The run of one class that holds frame pfn, cut at pfn: *end is where it ends at most (the same
 * class may go on behind it), *class_ NO_RECORD between what was added. *end UINT64_MAX at the end.
 */
int dio_class_store_at(struct dio_class_store *s, uint64_t pfn, uint64_t *end,
                       enum dumpio_class *class_, struct dumpio_error *err);

#endif
