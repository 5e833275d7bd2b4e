/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a page all zero? In blocks that compilers turn into vector code.
 */
#include "../plug/codec.h"

#include <string.h>

#define BLOCK 256u

int dio_is_zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n >= BLOCK) {
        uint64_t w[BLOCK / 8], any = 0;
        memcpy(w, b, BLOCK);
        for (size_t i = 0; i < BLOCK / 8; i++)
            any |= w[i];
        if (any)
            return 0;
        b += BLOCK;
        n -= BLOCK;
    }
    for (; n; n--)
        if (*b++)
            return 0;
    return 1;
}
