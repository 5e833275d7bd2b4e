/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage: what formats and layers do when the caller asks for everything that can be read. They
 * have a struct dio_salvage then, else NULL, and nothing of this may happen.
 */
#ifndef DIO_SALVAGE_H
#define DIO_SALVAGE_H

#include "bytes.h"

#include <dumpio/salvage.h>
#include <stdbool.h>

struct dio_salvage;

/* Keep a finding on bytes [start, end) of b, in terms of `layer`. Thread-safe; s NULL: nothing. */
void dio_salvage_found(struct dio_salvage *s, enum dumpio_finding_kind kind,
                       const struct dio_bytes *b, const char *layer, uint64_t start, uint64_t end,
                       const char *fmt, ...) DIO_PRINTF(7, 8);

/* Stretches of a source that cannot be read. */
struct dio_gaps {
    struct {
        uint64_t start, end;
    } *v;
    size_t n, cap;
};
void dio_gaps_free(struct dio_gaps *g);

/*
 * As dio_read_some, but what cannot be read is `fill` and no error; it is found in pieces of 512
 * bytes, and added to `gaps` (NULL allowed), ascending when the calls ascend. Errors:
 * DUMPIO_E_NOMEM, _CANCELLED.
 */
int dio_read_around(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                    uint8_t fill, struct dio_gaps *gaps, struct dumpio_error *err);

/* Do n bytes look like noise, no value being much more frequent than others? n >= 512. */
bool dio_is_noise(const uint8_t *p, size_t n);

/*
 * For a search byte by byte for headers of `header` bytes (at most 64), none of which is all
 * zeros: how many bytes at p, offset `off` of the file, which has `room` bytes there, begin none
 * because zeros fill a block. 0 when there may be one.
 */
size_t dio_zeros_to_skip(const uint8_t *p, size_t room, uint64_t off, size_t header);

#endif
