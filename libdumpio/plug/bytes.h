/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of bytes: a file, or a layer standing on another source (which it owns).
 * Sources can be read at random, by several threads at once; but see `forward`.
 */
#ifndef DIO_BYTES_H
#define DIO_BYTES_H

#include "error.h"

struct dio_bytes;

struct dio_bytes_ops {
    /*
     * Read up to len bytes at off; *got < len only at the end of the source. Thread-safe.
     * Returns 0 or an error (err->offset = off).
     */
    int (*read_at)(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                   struct dumpio_error *err);
    /*
     * Optional. The first range at or after off that may hold other bytes than zero: [*start,
     * *end); *start = size when there is none. Without it everything may.
     */
    int (*next_data)(struct dio_bytes *b, uint64_t off, uint64_t *start, uint64_t *end,
                     struct dumpio_error *err);
    void (*close)(struct dio_bytes *b); /* frees b too */
    /*
     * Optional: [off, off + len) will be read soon. Sources that have it are as fast in small
     * pieces as in large ones.
     */
    void (*expect)(struct dio_bytes *b, uint64_t off, uint64_t len);
};

#define DIO_SIZE_UNKNOWN ((uint64_t)INT64_MAX)

struct dio_bytes {
    const struct dio_bytes_ops *ops;
    uint64_t size;      /* bytes */
    const char *name;   /* for messages; borrowed from the implementation */
    int truncated;      /* a layer knows that its stream ended too early */
    int forward;        /* it comes once, from start to end, and is read by one thread at a time.
                           While a dump is opened its start may be read again and again; then its
                           start, and on in ascending order. size is DIO_SIZE_UNKNOWN until the end
                           was met, and `truncated` not known */
};

/* Exactly len bytes, or DUMPIO_E_TRUNCATED naming `what`. */
int dio_read_exact(struct dio_bytes *b, uint64_t off, void *buf, size_t len, const char *what,
                   struct dumpio_error *err);

/* Up to len bytes. */
int dio_read_some(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                  struct dumpio_error *err);

static inline void dio_bytes_close(struct dio_bytes *b)
{
    if (b)
        b->ops->close(b);
}

#endif
