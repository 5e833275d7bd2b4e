/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump as the kernel reader sees it (plug/mem.h).
 */
#include "dump.h"

static int mem_read(void *ctx, uint64_t addr, void *buf, size_t len, struct dumpio_error *err)
{
    struct dumpio_dump *d = ctx;
    return dio_page_cache_read(d->cache, addr, buf, len, err);
}

static int mem_next_run(void *ctx, uint64_t addr, struct dumpio_run *run, struct dumpio_error *err)
{
    return dumpio_next_run(ctx, addr, run, err);
}

static struct dio_mem_reader *mem_new_reader(void *ctx)
{
    return dio_large_reader_new(ctx);
}

struct dio_mem dio_dump_mem(struct dumpio_dump *d)
{
    return (struct dio_mem){
        .ctx = d,
        .read = mem_read,
        .next_run = mem_next_run,
        .info = d->info,
        .new_reader = mem_new_reader,
        .read_large = dio_large_read,
        .free_reader = dio_large_reader_free,
        .look = dio_large_look,
    };
}
