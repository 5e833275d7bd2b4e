/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XXH64 of bytes in memory, from the xxHash specification.
 * Seed 0 only; no streaming.
 */
#include "plug/xxh64.h"

#include "../plug/decode.h"

#define P1 UINT64_C(0x9E3779B185EBCA87)
#define P2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define P3 UINT64_C(0x165667B19E3779F9)
#define P4 UINT64_C(0x85EBCA77C2B2AE63)
#define P5 UINT64_C(0x27D4EB2F165667C5)

static uint64_t rotate(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static uint64_t lane(uint64_t acc, uint64_t input)
{
    return rotate(acc + input * P2, 31) * P1;
}

static uint64_t merge(uint64_t acc, uint64_t v)
{
    return (acc ^ lane(0, v)) * P1 + P4;
}

static uint64_t stripes(const uint8_t **p, size_t *n)
{
    uint64_t a[4] = {P1 + P2, P2, 0, 0 - P1};
    for (; *n >= 32; *n -= 32, *p += 32)
        for (unsigned i = 0; i < 4; i++)
            a[i] = lane(a[i], dio_get64(*p + 8 * i, DUMPIO_LITTLE));
    uint64_t acc = rotate(a[0], 1) + rotate(a[1], 7) + rotate(a[2], 12) + rotate(a[3], 18);
    for (unsigned i = 0; i < 4; i++)
        acc = merge(acc, a[i]);
    return acc;
}

uint64_t dio_xxh64(const void *data, size_t n)
{
    const uint8_t *p = data;
    size_t left = n;
    uint64_t acc = n >= 32 ? stripes(&p, &left) : P5;
    acc += n;
    for (; left >= 8; left -= 8, p += 8)
        acc = rotate(acc ^ lane(0, dio_get64(p, DUMPIO_LITTLE)), 27) * P1 + P4;
    for (; left >= 4; left -= 4, p += 4)
        acc = rotate(acc ^ dio_get32(p, DUMPIO_LITTLE) * P1, 23) * P2 + P3;
    for (; left; left--, p++)
        acc = rotate(acc ^ *p * P5, 11) * P1;
    acc = (acc ^ acc >> 33) * P2;
    acc = (acc ^ acc >> 29) * P3;
    return acc ^ acc >> 32;
}
