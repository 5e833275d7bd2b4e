/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a filter says of memory: which of it is left out, and why.
 */
#ifndef DIO_FILTER_H
#define DIO_FILTER_H

#include "plug/error.h"

#include <stdbool.h>

/* Why memory is left out: a class, or one of these. */
enum { DIO_DROP_RANGE = DUMPIO_CLASSES, DIO_DROP_REASONS, DIO_KEEP = -1, DIO_KEEP_UNKNOWN = -2 };

/* Check the filter's ranges and its classes. 0 or DUMPIO_E_ARG. */
int dio_filter_check(const struct dumpio_filter *f, struct dumpio_error *err);

/* Notes for the pages of `unit` bytes that a range cuts: they are kept whole. */
void dio_filter_tell_cut(const struct dumpio_filter *f, uint64_t unit,
                         const struct dumpio_env *env);

/*
 * The verdict on memory at addr, and *end <= limit where it may change: DIO_KEEP, DIO_KEEP_UNKNOWN
 * (its class is not known), a class or DIO_DROP_RANGE in *reason. 0 or an error.
 */
int dio_filter_at(const struct dumpio_filter *f, uint64_t addr, uint64_t limit, int *reason,
                  uint64_t *end, struct dumpio_error *err);

/* The level of an input, in makedumpfile's bits. */
unsigned dio_level_before(const struct dumpio_info *i);

/* The provenance of what it makes of a dump (NULL = no filter): malloc'ed; NULL: out of memory. */
char *dio_filter_provenance(const struct dumpio_filter *f, const struct dumpio_info *dump);

/* makedumpfile's level of an output, when that of the input was `before`. */
unsigned dio_filter_level(const struct dumpio_filter *f, unsigned before);

#endif
