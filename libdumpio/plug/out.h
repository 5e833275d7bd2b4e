/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink of bytes. Nothing is visible under the final name before finish().
 */
#ifndef DIO_OUT_H
#define DIO_OUT_H

#include "error.h"

struct dio_out;

enum dio_access {
    DIO_RANDOM = 0, /* any place, several threads at once */
    DIO_SERIAL,     /* any place, one caller at a time; what comes out depends on call order */
    DIO_FORWARD     /* ascending places only, one caller at a time */
};

struct dio_out_ops {
    /*
     * Write len bytes at off. RANDOM and SERIAL: what is never written reads as zero; bytes may be
     * written again by a call without company, and what was written last counts. FORWARD: off is
     * the end of what was written so far or lies beyond it (the gap is filled with zeros).
     */
    int (*write_at)(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                    struct dumpio_error *err);
    /* Make the file `size` bytes long, durable and visible. Frees o in every case. */
    int (*finish)(struct dio_out *o, uint64_t size, struct dumpio_error *err);
    /* Leave nothing behind. Frees o. */
    void (*discard)(struct dio_out *o);
};

struct dio_out {
    const struct dio_out_ops *ops;
    enum dio_access access;
    const char *name; /* for messages */
};

static inline int dio_write(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                            struct dumpio_error *err)
{
    return len ? o->ops->write_at(o, off, buf, len, err) : 0;
}

#endif
