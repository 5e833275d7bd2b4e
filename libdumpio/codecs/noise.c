/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a page noise (encrypted, or packed already), so that looking for repetitions in it is in vain?
 * From a sample of every block; programs and text are told from the first few bytes of it.
 *
 * The sum of the squares of how often each value occurs in N bytes is N + N (N - 1) / 256 = 1534
 * for noise, with a standard deviation of 45. What is taken for noise and is none would have shrunk
 * by 2 or 3%, unless it holds the same noise twice. (Salvage's dio_is_noise is not strict enough
 * for that: it looks for damage in what is known not to be noise.)
 */
#include "set.h"

#include <string.h>

#define BLOCK 4096u      /* bytes */
#define CHUNKS 8u        /* of a block */
#define CHUNK 64u        /* bytes; the first word of each is looked at before the rest */
#define ZEROS_MAX 3u     /* of 64 bytes; one in 8000 blocks of noise has more */
#define HIGH_MIN 16u     /* bytes above 127, of 64; one in 20,000 has fewer, or that few below */
#define SQUARES_MAX 1800u

#define EACH 0x0101010101010101u

/* How many bytes of w, each 0 or 0x80, are not 0. */
static unsigned count_marks(uint64_t w)
{
    return (unsigned)((w >> 7) * EACH >> 56);
}

static const uint8_t *chunk(const uint8_t *p, size_t n, unsigned i)
{
    return p + i * (n / CHUNKS) + i * CHUNK % (n / CHUNKS - CHUNK + 1);
}

static bool may_be_noise(const uint8_t *p, size_t n)
{
    unsigned zeros = 0, high = 0;
    for (unsigned i = 0; i < CHUNKS; i++) {
        uint64_t w, low = 0x7f * EACH;
        memcpy(&w, chunk(p, n, i), sizeof w);
        zeros += (unsigned)sizeof w - count_marks((((w & low) + low) | w) & 0x80 * EACH);
        high += count_marks(w & 0x80 * EACH);
    }
    return zeros <= ZEROS_MAX && high >= HIGH_MIN && high <= CHUNKS * 8 - HIGH_MIN;
}

static bool is_noise_block(const uint8_t *p, size_t n)
{
    if (n < 2 * CHUNKS * CHUNK || !may_be_noise(p, n))
        return false;
    uint16_t count[2][256] = {{0}}; /* two, so that equal neighbours need not wait for each other */
    for (unsigned i = 0; i < CHUNKS; i++) {
        const uint8_t *c = chunk(p, n, i);
        for (unsigned j = 0; j < CHUNK; j += 2) {
            count[0][c[j]]++;
            count[1][c[j + 1]]++;
        }
    }
    uint32_t squares = 0;
    for (unsigned v = 0; v < 256; v++) {
        uint32_t k = (uint32_t)count[0][v] + count[1][v];
        squares += k * k;
    }
    return squares < SQUARES_MAX;
}

bool dio_is_noise_page(const uint8_t *p, size_t n)
{
    while (n > BLOCK) {
        if (!is_noise_block(p, BLOCK))
            return false;
        p += BLOCK;
        n -= BLOCK;
    }
    return is_noise_block(p, n);
}
