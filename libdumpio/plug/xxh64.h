/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XXH64, seed 0, as the xxHash specification (doc/xxhash_spec.md) defines it: zstd's checksums are
 * its low 32 bits.
 */
#ifndef DIO_XXH64_H
#define DIO_XXH64_H

#include <stddef.h>
#include <stdint.h>

uint64_t dio_xxh64(const void *data, size_t n);

#endif
