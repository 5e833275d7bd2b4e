/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compressing containers. Input: which one, and (PACK) whether the rest is to be packed or is
 * packed already; then the container or the plain bytes, runs written as in fuzz.h.
 * Not covered: several layers around each other (fuzz_open.c), encryption (fuzz_age.c).
 */
#include "fuzz.h"
#include "layers/layers.h"

#include <stdlib.h>
#include <string.h>

#define PACK 0x80u
#define READ_MAX ((uint64_t)4 << 20) /* plain bytes looked at */
#define BLOCK 40000u                 /* bytes of a read; no power of two, to cross all borders */

static const struct dio_layer *const layers[] = {&dio_layer_zstd, &dio_layer_gzip, &dio_layer_xz};

/* Reads at random give what reading on gives; next_data's gaps are zeros. */
static void look(struct dio_bytes *b, uint32_t seed)
{
    static uint8_t all[READ_MAX], some[BLOCK];
    struct dumpio_error err = {0};
    size_t n = b->size < READ_MAX ? (size_t)b->size : READ_MAX, good = 0, got = 0;
    int rc = 0;
    for (; good < n && !rc; good += got) {
        rc = dio_read_some(b, good, all + good, n - good < BLOCK ? n - good : BLOCK, &got, &err);
        fuzz_check_error(rc, &err);
        if (rc)
            break;
        FUZZ_REQUIRE(got);
    }
    for (unsigned i = 0; i < 24; i++) {
        seed = seed * 1664525u + 1013904223u;
        size_t at = good ? (seed >> 3) % good : 0, len = 1 + (seed >> 11) % BLOCK;
        rc = dio_read_some(b, at, some, len, &got, &err);
        fuzz_check_error(rc, &err);
        if (rc && good < n)
            continue;
        FUZZ_REQUIRE(!rc && got == (len < b->size - at ? len : b->size - at));
        FUZZ_REQUIRE(!memcmp(some, all + at, got < good - at ? got : good - at));
    }
    rc = dio_read_some(b, b->size, some, 16, &got, &err);
    FUZZ_REQUIRE(!rc && !got);
}

static struct dio_bytes *unpack(const struct dio_layer *l, struct fuzz_file *f)
{
    const struct dio_layer_options o = {.level = DUMPIO_LEVEL_DEFAULT};
    struct dumpio_error err = {0};
    struct dio_bytes *below = fuzz_source(f), *b = NULL;
    int rc = l->open(&b, below, &o, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    if (rc)
        dio_bytes_close(below);
    return rc ? NULL : b;
}

/* Packed in two writes with a gap between, and unpacked again. */
static void pack(const struct dio_layer *l, const struct fuzz_input *in, uint32_t seed)
{
    const struct dio_layer_options o = {.level = DUMPIO_LEVEL_DEFAULT};
    static uint8_t back[BLOCK], want[BLOCK];
    struct fuzz_file packed = {.access = DIO_FORWARD}, plain = {0};
    struct dumpio_error err = {0};
    struct dio_out *out;
    size_t half = in->size / 2, gap = seed % 70000, got;
    uint64_t size = in->size + gap;
    FUZZ_REQUIRE(!l->create(&out, fuzz_sink(&packed), &o, &fuzz_env, &err));
    if (half)
        FUZZ_REQUIRE(!dio_write(out, 0, in->bytes, half, &err));
    if (in->size > half)
        FUZZ_REQUIRE(!dio_write(out, half + gap, in->bytes + half, in->size - half, &err));
    FUZZ_REQUIRE(!out->ops->finish(out, size, &err));
    fuzz_file_write(&plain, 0, in->bytes, half, &err);
    fuzz_file_write(&plain, half + gap, in->bytes + half, in->size - half, &err);
    struct dio_bytes *b = unpack(l, &packed);
    FUZZ_REQUIRE(b && b->size == size && !b->truncated);
    for (uint64_t at = 0; at < size; at += BLOCK) {
        FUZZ_REQUIRE(!dio_read_some(b, at, back, BLOCK, &got, &err));
        FUZZ_REQUIRE(got == (size - at < BLOCK ? size - at : BLOCK));
        fuzz_file_read(&plain, at, want, got);
        FUZZ_REQUIRE(!memcmp(back, want, got));
    }
    dio_bytes_close(b);
    fuzz_file_clear(&packed);
    fuzz_file_clear(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct dio_layer *l = layers[(data[0] & ~PACK) % (sizeof layers / sizeof *layers)];
    struct fuzz_input in = fuzz_expand(data + 1, size - 1);
    if (!l->open) { /* not built in */
        fuzz_input_free(&in);
        return 0;
    }
    if (data[0] & PACK) {
        pack(l, &in, (uint32_t)size * 2654435761u);
    } else {
        struct fuzz_file f = {0};
        l->probe(in.bytes, in.size);
        fuzz_file_set(&f, in.bytes, in.size);
        struct dio_bytes *b = unpack(l, &f);
        if (b)
            look(b, (uint32_t)size);
        dio_bytes_close(b);
        fuzz_file_clear(&f);
    }
    fuzz_input_free(&in);
    return 0;
}
