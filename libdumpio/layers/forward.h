/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a packing sink that all packers share: places ascend, gaps become zeros, the packed
 * bytes go to the sink below one behind the other, the first error stays.
 */
#ifndef DIO_FORWARD_H
#define DIO_FORWARD_H

#include "../plug/out.h"

struct dio_forward;

struct dio_forward_ops {
    /* The next n bytes. Packed ones go to dio_forward_put. */
    int (*append)(struct dio_forward *f, const void *p, size_t n, struct dumpio_error *err);
    /* There are no more: put what is left. */
    int (*end)(struct dio_forward *f, struct dumpio_error *err);
    void (*free)(struct dio_forward *f); /* frees f itself */
};

/* First member of a packer's own struct. */
struct dio_forward {
    struct dio_out o;
    const struct dio_forward_ops *ops;
    struct dio_out *below;
    uint64_t in, out; /* bytes taken, bytes put */
    int failed;       /* status of the first error, kept in `error` */
    struct dumpio_error error;
};

/* Fills *f; cannot fail. From then on f owns `below`. */
void dio_forward_init(struct dio_forward *f, const struct dio_forward_ops *ops,
                      struct dio_out *below);
int dio_forward_put(struct dio_forward *f, const void *p, size_t n, struct dumpio_error *err);

#endif
