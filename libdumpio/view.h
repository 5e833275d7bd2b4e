/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a conversion without its pages.
 */
#ifndef DIO_VIEW_H
#define DIO_VIEW_H

#include "dump.h"

struct dio_layout {
    struct dio_out *out; /* FORWARD: gets the headers. Discarded in every case */
    /* Called for every PRESENT run of the map, ascending, with its place in the file. */
    int (*located)(void *ctx, const struct dumpio_run *run, uint64_t where,
                   struct dumpio_error *err);
    void *ctx;
};

/* Lay out `dump` in `format`; *size = length of the file. DUMPIO_E_ARG: it has no fixed layout. */
int dio_convert_layout(struct dumpio_dump *dump, const char *format, const struct dio_layout *l,
                       uint64_t *size, const struct dumpio_env *env, struct dumpio_error *err);

#endif
