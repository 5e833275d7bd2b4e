/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves and root of the image digest (docs/image-digest.md).
 */
#include "leaf.h"
#include "plug/decode.h"

void dio_leaf_start(struct dio_leaf *l, uint64_t base)
{
    l->base = base;
    memset(l->present, 0, sizeof l->present);
    memset(l->zero, 0, sizeof l->zero);
}

void dio_leaf_add(struct dio_leaf *l, uint64_t addr, const uint8_t *data, size_t len)
{
    size_t i = (size_t)((addr - l->base) / DIO_FRAME);
    for (size_t n = len / DIO_FRAME; n; n--, i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        l->present[i / 8] |= bit;
        if (!data || dio_is_zero(data, DIO_FRAME))
            l->zero[i / 8] |= bit;
        else
            l->frames[i] = data;
        data = data ? data + DIO_FRAME : NULL;
    }
}

int dio_leaf_end(const struct dio_leaf *l, struct dio_sha256 *h,
                 unsigned char leaf[DUMPIO_DIGEST_SIZE], bool *any, struct dumpio_error *err)
{
    uint8_t base[8];
    *any = !dio_is_zero(l->present, DIO_EXTENT_MAP);
    if (!*any)
        return 0;
    dio_put(base, DUMPIO_LITTLE, 8, l->base);
    dio_sha256_start(h);
    dio_sha256_add(h, "dumpio-leaf-1\0", 14);
    dio_sha256_add(h, base, 8);
    dio_sha256_add(h, l->present, DIO_EXTENT_MAP);
    dio_sha256_add(h, l->zero, DIO_EXTENT_MAP);
    for (size_t i = 0; i < DIO_EXTENT_FRAMES; i++)
        if (dio_bit(l->present, i) && !dio_bit(l->zero, i))
            dio_sha256_add(h, l->frames[i], DIO_FRAME);
    return dio_sha256_end(h, leaf, err);
}

void dio_root_start(struct dio_sha256 *h)
{
    dio_sha256_start(h);
    dio_sha256_add(h, "dumpio-root-1\0", 14);
}

void dio_root_add(struct dio_sha256 *h, const unsigned char leaf[DUMPIO_DIGEST_SIZE])
{
    dio_sha256_add(h, leaf, DUMPIO_DIGEST_SIZE);
}

int dio_root_end(struct dio_sha256 *h, uint64_t leaves, unsigned char root[DUMPIO_DIGEST_SIZE],
                 struct dumpio_error *err)
{
    uint8_t n[8];
    dio_put(n, DUMPIO_LITTLE, 8, leaves);
    dio_sha256_add(h, n, 8);
    return dio_sha256_end(h, root, err);
}
