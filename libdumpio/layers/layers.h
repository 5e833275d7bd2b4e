/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers that can stand around any file (plug/layer.h), as one table.
 * The flattened stream is made in another way (flat.h): what writes one, needs to go back.
 */
#ifndef DIO_LAYERS_H
#define DIO_LAYERS_H

#include "../plug/layer.h"

extern const struct dio_layer dio_layer_flat, dio_layer_zstd, dio_layer_gzip, dio_layer_xz;

extern const struct dio_layer *const dio_layers[]; /* NULL ends */

/* NULL when there is none. */
const struct dio_layer *dio_layer_by_name(const char *name);

/* The layer whose suffix ends the first len bytes of a path, with more than it; or NULL. */
const struct dio_layer *dio_layer_by_suffix(const char *path, size_t len);

#endif
