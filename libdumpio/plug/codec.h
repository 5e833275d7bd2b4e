/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codecs of page payloads: one page in, one payload out, and back. No I/O, no threads.
 */
#ifndef DIO_CODEC_H
#define DIO_CODEC_H

#include "error.h"

#define DIO_PAGE_MAX (256u << 10) /* largest page or unit of any format, bytes */

struct dio_codec {
    const char *name;       /* "zlib", "lzo", "snappy", "zstd", "rle" */
    const char *missing;    /* NULL when built in; else why it is not, for the error message */
    int level_min, level_max, level_default; /* all 0 when the codec has no levels */

    /* Per-thread state, for packing at `level` and expanding; NULL when out of memory. */
    void *(*new_state)(int level);
    void (*free_state)(void *state);

    /*
     * Pack n bytes (a page) into out, which has room for cap bytes. Returns the packed size, or 0
     * when it does not fit in cap: callers pass cap = n - 1, so that what does not shrink stays
     * plain. The same input gives the same output whatever the state packed before.
     */
    size_t (*pack)(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap);

    /*
     * Expand len bytes to exactly n bytes. Returns 0, or DUMPIO_E_CORRUPT with a message that says
     * what is wrong with the payload. Never reads or writes outside its buffers.
     */
    int (*expand)(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n,
                  struct dumpio_error *err);
};

/* By name; "gzip" is another name of "zlib". NULL when unknown. Missing ones are found too. */
const struct dio_codec *dio_codec_by_name(const char *name);

/* A small dense number of the codec, < DIO_CODECS_MAX, for tables of states. */
unsigned dio_codec_index(const struct dio_codec *codec);
#define DIO_CODECS_MAX 8
const struct dio_codec *dio_codec_at(unsigned index); /* NULL behind the last */

/* True when all n bytes are zero. n is a multiple of 8. */
int dio_is_zero(const void *p, size_t n);

#endif
