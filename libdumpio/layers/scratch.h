/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that do not fit in memory: appended to an unlinked temporary file, read at random.
 * Long zeros take no room on disk.
 */
#ifndef DIO_SCRATCH_H
#define DIO_SCRATCH_H

#include "../plug/error.h"

struct dio_scratch {
    int fd;
    uint64_t size; /* bytes put so far */
};

int dio_scratch_open(struct dio_scratch *s, const struct dumpio_env *env,
                     struct dumpio_error *err);
int dio_scratch_put(struct dio_scratch *s, const void *p, size_t n, struct dumpio_error *err);
/* Forget everything from byte `size` on; nothing may be put any more. */
void dio_scratch_cut(struct dio_scratch *s, uint64_t size);
/* Up to len bytes at off; *got < len only at the end. By several threads once nothing is put. */
int dio_scratch_get(const struct dio_scratch *s, uint64_t off, void *buf, size_t len, size_t *got,
                    struct dumpio_error *err);
void dio_scratch_close(struct dio_scratch *s);

#endif
