/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source whose bytes are in blocks that are unpacked each on its own: read at random by several
 * threads, which unpack in parallel; the last few blocks are kept. A block that cannot be unpacked
 * is an error of the reads that need it, and is not tried again while it is remembered.
 */
#ifndef DIO_BLOCKS_H
#define DIO_BLOCKS_H

#include "../plug/bytes.h"

struct dio_block {
    uint64_t number;
    uint64_t plain, plain_len;   /* place and length of its contents; plain_len > 0 */
    uint64_t packed, packed_len; /* place and length in the file below */
};

struct dio_blocks_ops {
    /* The block that holds byte off (< size). Thread-safe. */
    int (*locate)(void *ctx, uint64_t off, struct dio_block *b, struct dumpio_error *err);
    void *(*new_worker)(void *ctx); /* one per unpacking thread; NULL = out of memory */
    void (*free_worker)(void *worker);
    /* in: packed_len bytes; all plain_len bytes go to out, or an error with a place below. */
    int (*expand)(void *worker, const struct dio_block *b, const uint8_t *in, uint8_t *out,
                  struct dumpio_error *err);
    void (*free)(void *ctx);
};

struct dio_blocks_options {
    uint64_t size;       /* bytes of the whole */
    uint64_t plain_max;  /* longest plain_len, packed_len */
    uint64_t packed_max;
    uint64_t worker_memory; /* bytes that unpacking takes beside the block, about */
    int truncated;
};

/* The longest block that may be cached in env's memory: plain, packed. */
uint64_t dio_block_plain_max(const struct dumpio_env *env);
uint64_t dio_block_packed_max(uint64_t plain);

/* Takes `below` and ctx on success only. */
int dio_blocks_open(struct dio_bytes **out, struct dio_bytes *below,
                    const struct dio_blocks_ops *ops, void *ctx,
                    const struct dio_blocks_options *o, const struct dumpio_env *env,
                    struct dumpio_error *err);

#endif
