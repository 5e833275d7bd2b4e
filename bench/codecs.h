/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What codecs.c measures, and codec_list.c lists.
 * Format reference: none. Not handled: more than one thread.
 */
#ifndef DUMPIO_BENCH_CODECS_H
#define DUMPIO_BENCH_CODECS_H

#include "plug/codec.h"

#include <stddef.h>
#include <stdint.h>

#define CONTENDERS_MAX 40u
#define ROOM_TO_GROW DIO_PAGE_MAX

/* A library alone. Packing may write beyond cap: it has ROOM_TO_GROW. */
struct library {
    size_t (*pack)(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap);
    int (*expand)(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n);
};

struct contender {
    const char *title;
    const struct dio_codec *codec; /* NULL: a library alone */
    const struct library *library;
    int same;              /* of a library: it does the same work as the codec listed before it */
    void *packer, *expander;
    double pack_s, expand_s; /* the best round's seconds */
    size_t bytes, stored;    /* stored: pages that did not shrink */
};

extern struct contender contenders[CONTENDERS_MAX];
extern size_t n_contenders;

void add_contenders(void);
_Noreturn void bench_die(const char *what);

#endif
