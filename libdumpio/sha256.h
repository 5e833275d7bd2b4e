/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256, by the library that is linked in.
 */
#ifndef DIO_SHA256_H
#define DIO_SHA256_H

#include "plug/error.h"

#include <stddef.h>

struct dio_sha256;

void dio_sha256_prepare(void); /* what would be loaded at first use is loaded now */
struct dio_sha256 *dio_sha256_new(void); /* NULL: out of memory */
void dio_sha256_free(struct dio_sha256 *h);
void dio_sha256_start(struct dio_sha256 *h);
void dio_sha256_copy(struct dio_sha256 *to, const struct dio_sha256 *from); /* all so far */
void dio_sha256_add(struct dio_sha256 *h, const void *data, size_t len);
/* 0, or DUMPIO_E_NOMEM when the library failed: there is no digest then. */
int dio_sha256_end(struct dio_sha256 *h, unsigned char digest[32], struct dumpio_error *err)
    __attribute__((warn_unused_result));

#endif
