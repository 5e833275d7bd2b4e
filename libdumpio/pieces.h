/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pieces of one file, as splitting by bytes leaves them.
 */
#ifndef DIO_PIECES_H
#define DIO_PIECES_H

#include "plug/bytes.h"

#include <stdbool.h>

/*
 * Bring the n pieces of the file that begins with parts[first] into its order, which the manifest
 * beside them tells; parts[first] comes first, then the others as they are, when there is none (*told
 * is false). DUMPIO_E_ARG: pieces are missing, twice there, or another file's; DUMPIO_E_TRUNCATED: one
 * is not as long as it was.
 */
int dio_pieces_order(struct dio_bytes **parts, size_t n, size_t first, bool *told,
                     const struct dumpio_env *env, struct dumpio_error *err);

#endif
