/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory as the kernel reader (libdumpio/kernel) sees it: no file format in sight.
 */
#ifndef DIO_MEM_H
#define DIO_MEM_H

#include "error.h"

#include <stdbool.h>

/* One thread's reader of large pieces, beside the small cache behind `read`. */
struct dio_mem_reader;

struct dio_mem {
    void *ctx;
    /* All of len bytes at physical addr, or DUMPIO_E_ABSENT / _LOST / another error. Thread-safe. */
    int (*read)(void *ctx, uint64_t addr, void *buf, size_t len, struct dumpio_error *err);
    /* As dumpio_next_run. */
    int (*next_run)(void *ctx, uint64_t addr, struct dumpio_run *run, struct dumpio_error *err);
    const struct dumpio_info *info;
    /* NULL from new_reader: out of memory. read_large: as `read`, for the one thread that owns r. */
    struct dio_mem_reader *(*new_reader)(void *ctx);
    int (*read_large)(struct dio_mem_reader *r, uint64_t addr, void *buf, size_t len,
                      struct dumpio_error *err);
    void (*free_reader)(struct dio_mem_reader *r);
    /*
     * As read_large, for who searches: *zeros says that there are but zeros, which the dump knew
     * without reading them (a hole, a mark); buf is not written then. NULL: not offered.
     */
    int (*look)(struct dio_mem_reader *r, uint64_t addr, void *buf, size_t len, bool *zeros,
                struct dumpio_error *err);
};

#endif
