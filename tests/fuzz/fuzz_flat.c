/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a flattened stream, read at random and unwrapped on its way: both must give the same
 * bytes. And its contents wrapped again. Input: a stream as fuzz.h writes it.
 */
#include "fuzz.h"
#include "layers/flat.h"

#include <stdlib.h>
#include <string.h>

#define READ_MAX ((uint64_t)2 << 20) /* bytes compared */
#define BLOCK 8192u

/* The stream as a pipe gives it: in pieces. */
struct pipe {
    const uint8_t *bytes;
    size_t size, at, piece;
};

static int pipe_read(void *ctx, void *buf, size_t len, size_t *got, struct dumpio_error *err)
{
    struct pipe *p = ctx;
    (void)err;
    *got = len < p->size - p->at ? len : p->size - p->at;
    if (*got)
        memcpy(buf, p->bytes + p->at, *got);
    p->at += *got;
    return 0;
}

struct outcome {
    int rc, truncated;
    uint64_t size;
};

static struct outcome unwrap(const struct fuzz_input *in, struct fuzz_file *to)
{
    struct outcome o = {0};
    struct dumpio_error err = {0};
    size_t head = in->size < DIO_FLAT_HEADER + 20 ? in->size : DIO_FLAT_HEADER + 20;
    struct pipe p = {in->bytes, in->size, head, 0};
    struct dio_out *out = fuzz_sink(to);
    o.rc = dio_flat_unwrap(pipe_read, &p, in->bytes, head, out, &o.size, &o.truncated, &fuzz_env,
                           &err);
    fuzz_check_error(o.rc, &err);
    if (o.rc)
        out->ops->discard(out);
    else
        out->ops->finish(out, o.size, &err);
    return o;
}

static void read_same(struct dio_bytes *b, const struct fuzz_file *want, uint64_t at, size_t len)
{
    static uint8_t x[BLOCK], y[BLOCK];
    struct dumpio_error err = {0};
    size_t got = 0, there = at >= want->size ? 0 : len;
    if (there > want->size - at)
        there = (size_t)(want->size - at);
    memset(x, 0xaa, sizeof x);
    int rc = dio_read_some(b, at, x, len, &got, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc && got == there);
    fuzz_file_read(want, at, y, got);
    FUZZ_REQUIRE(!memcmp(x, y, got));
}

/* All that next_data tells to be data; then places between, picked by the input. */
static void compare(struct dio_bytes *b, const struct fuzz_file *want, uint32_t seed)
{
    struct dumpio_error err = {0};
    uint64_t at = 0, start, end, done = 0, behind = 0;
    while (at < b->size && done < READ_MAX) {
        FUZZ_REQUIRE(!b->ops->next_data(b, at, &start, &end, &err));
        FUZZ_REQUIRE(start >= at && end >= start && end <= b->size);
        FUZZ_REQUIRE(start == b->size || end > start);
        if (start > behind)
            read_same(b, want, start - 1, 3);
        behind = end;
        for (at = start; at < end && done < READ_MAX; at += BLOCK, done += BLOCK)
            read_same(b, want, at, end - at < BLOCK ? (size_t)(end - at) : BLOCK);
        done += 64;
        at = end;
    }
    for (unsigned i = 0; i < 32 && b->size; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint64_t place = ((uint64_t)seed << 20 ^ seed >> 7) % (b->size + 8);
        read_same(b, want, i & 1 ? place % FUZZ_EXPANDED_MAX : place, 1 + (seed >> 12) % BLOCK);
    }
}

/* Wrap what is inside, in an order that goes back, and look inside again. */
static void wrap_again(const struct fuzz_file *inside)
{
    struct fuzz_file wrapped = {.access = DIO_FORWARD};
    struct dumpio_error err = {0};
    struct dio_out *out;
    struct dio_bytes *b;
    static uint8_t buf[BLOCK];
    uint64_t size = inside->size < 8 * BLOCK ? inside->size : 8 * BLOCK;
    FUZZ_REQUIRE(!dio_flat_out_new(&out, fuzz_sink(&wrapped), &err));
    for (uint64_t i = 0; (i & ~(uint64_t)1) * BLOCK < size; i++) { /* block 1, 0, 3, 2, ... */
        uint64_t at = (i ^ 1) * BLOCK;
        size_t n = at >= size ? 0 : size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        fuzz_file_read(inside, at, buf, n);
        FUZZ_REQUIRE(!dio_write(out, at, buf, n, &err));
    }
    FUZZ_REQUIRE(!out->ops->finish(out, size, &err));
    struct fuzz_file whole = *inside;
    whole.size = size;
    FUZZ_REQUIRE(!dio_flat_open(&b, fuzz_source(&wrapped), NULL, &fuzz_env, &err));
    FUZZ_REQUIRE(b->size == size && !b->truncated);
    for (uint64_t at = 0; at < size; at += BLOCK)
        read_same(b, &whole, at, BLOCK);
    dio_bytes_close(b);
    fuzz_file_clear(&wrapped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_expand(data, size);
    struct fuzz_file stream = {0}, inside = {.access = DIO_RANDOM};
    struct dumpio_error err = {0};
    struct dio_bytes *b = NULL;
    dio_flat_probe(in.bytes, in.size);
    fuzz_file_set(&stream, in.bytes, in.size);
    struct dio_bytes *below = fuzz_source(&stream);
    int rc = dio_flat_open(&b, below, NULL, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    struct outcome o = unwrap(&in, &inside);
    if (o.rc != DUMPIO_E_LIMIT)
        FUZZ_REQUIRE(rc == o.rc);
    if (!rc && !o.rc) {
        FUZZ_REQUIRE(b->size == o.size && !b->truncated == !o.truncated);
        compare(b, &inside, (uint32_t)size);
        if (size % 4 == 0)
            wrap_again(&inside);
    }
    dio_bytes_close(rc ? below : b);
    fuzz_file_clear(&stream);
    fuzz_file_clear(&inside);
    fuzz_input_free(&in);
    return 0;
}
