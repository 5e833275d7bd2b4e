/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a carried model's line. They come from a file: nothing is believed of them, and no span
 * ends in a NUL.
 */
#ifndef DIO_CARRIED_WORDS_H
#define DIO_CARRIED_WORDS_H

#include "model_core.h"

struct dio_span {
    const char *p, *end;
};

/* The next word (up to a space) is taken off the line; false when none is left. */
bool dio_take_word(struct dio_span *s, struct dio_span *word);

bool dio_span_is(const struct dio_span *s, const char *text);

/* The whole of w as a number, decimal or hexadecimal behind 0x, up to `max`. */
bool dio_span_number(struct dio_span w, uint64_t max, uint64_t *v);

/*
 * The next word as a number, decimal or hexadecimal behind 0x; signed ones may begin with a minus.
 * False, and *v unchanged, when it is none or does not fit.
 */
bool dio_take_u64(struct dio_span *s, uint64_t *v);
bool dio_take_u32(struct dio_span *s, uint32_t *v);
bool dio_take_i64(struct dio_span *s, int64_t *v);
bool dio_take_i32(struct dio_span *s, int32_t *v);

/* The text with %XX decoded, of the model's arena; it ends at a decoded NUL. NULL: no memory. */
char *dio_span_unescape(struct dio_model *m, struct dio_span s);

#endif
