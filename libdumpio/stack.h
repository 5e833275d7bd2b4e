/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers around a file, undone from the outside in and made from the inside out.
 */
#ifndef DIO_STACK_H
#define DIO_STACK_H

#include "plug/layer.h"

#include <stdbool.h>

#define DIO_STACK_NAMES 80u /* room for the names of a stack */

/* Is this the beginning of a container? */
bool dio_stack_knows(const uint8_t *head, size_t n);

/*
 * Undo the containers that *b is found to have, at most 8: *b is replaced by what is inside, and
 * stays the caller's, whatever is returned. names: what was undone, outermost first, separated by
 * blanks; "" for none. head: DIO_PROBE_SIZE bytes of room.
 */
int dio_stack_open(struct dio_bytes **b, uint8_t *head, const struct dio_layer_options *o,
                   const struct dumpio_env *env, char names[DIO_STACK_NAMES],
                   struct dumpio_error *err);

/* The keys behind the public handle; NULL for NULL. */
const struct dio_keys *dio_keys_inside(const struct dumpio_keys *keys);

/*
 * Put the containers around *out that the suffixes of `path` name (x.zst.age: zstd inside age), or
 * those of `wrap` ("zst", "zst,age", innermost first; NULL = by the suffixes; "none"). With keys to
 * encrypt for, encryption is the outermost one, named or not. *out is replaced, and stays the
 * caller's.
 */
int dio_stack_create(struct dio_out **out, const char *path, const char *wrap,
                     const struct dio_layer_options *o, const struct dumpio_env *env,
                     struct dumpio_error *err);

/* Their names as dio_stack_open has them. */
void dio_stack_names(const char *path, const char *wrap, const struct dio_keys *keys,
                     char names[DIO_STACK_NAMES]);

/* Is one of those containers a compressing one? */
bool dio_stack_packs(const char *path, const char *wrap);

#endif
