/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags of page payloads: NH of "UMAC: Fast and Secure Message Authentication" (CRYPTO '99), twice,
 * folded to 64 bits each by multiply-shift. Keys from the system's random numbers: starting
 * libcrypto's generator takes 2 ms, a fortieth of the time that filtering 2 GiB takes.
 * Not handled: telling payloads of different length apart, which who compares tags does.
 *
 * Why equal tags may pass for equal payloads. Take two different payloads of one length, fixed
 * before the key is drawn (a key is never shown, so whoever fills memory cannot know it).
 * - NH over 64-bit words: the sum, modulo 2^128, of (m0 + k0)(m1 + k1) over pairs of words. Two
 *   messages collide with probability 2^-64 at most (theorem 4.2 there); in both of two runs, the
 *   second with the key shifted by a pair, with 2^-128 (theorem 4.3: the Toeplitz construction).
 * - Folding 128 bits (x0, x1) to the high half of a0 x0 + a1 x1 modulo 2^128, with a 128 bits
 *   long: let d be the difference of the x that differs, 2^s its largest power of two. a d is
 *   uniform among the multiples of 2^s (s < 64), and has to fall within 2^64 of one value: 2^-63.
 * Both tags agree with 2^-128 + 2 * 2^-64 * 2^-63 + 2^-126 < 2^-124 at most. Even if each of 2^33
 * pages (32 TiB) were compared with 2^17 others, one mistake among all would have 2^-74.
 * (Poly1305 would do as well, at 2^-95, but takes about twice as long, and FIPS providers lack it.)
 */
#define _DEFAULT_SOURCE /* getentropy: in POSIX since 2024 */
#include "share_tag.h"
#include "plug/secret.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTROPY_MAX 256u /* bytes that one call of getentropy gives */

/* ---- 128 bits -------------------------------------------------------------------------------- */

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 uint128;
struct wide { uint128 v; };

static inline void add_product(struct wide *sum, uint64_t a, uint64_t b)
{
    sum->v += (uint128)a * b;
}

static inline uint64_t low(struct wide w) { return (uint64_t)w.v; }
static inline uint64_t high(struct wide w) { return (uint64_t)(w.v >> 64); }
#else
struct wide { uint64_t low, high; };

static inline void add_product(struct wide *sum, uint64_t a, uint64_t b)
{
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t mid = a1 * b0 + (a0 * b0 >> 32);
    uint64_t mid2 = a0 * b1 + (uint32_t)mid;
    uint64_t l = a * b;
    sum->low += l;
    sum->high += a1 * b1 + (mid >> 32) + (mid2 >> 32) + (sum->low < l);
}

static inline uint64_t low(struct wide w) { return w.low; }
static inline uint64_t high(struct wide w) { return w.high; }
#endif

/* ---- keys ------------------------------------------------------------------------------------ */

static size_t key_size(size_t max_len)
{
    return sizeof(struct dio_share_key) + max_len + 2 * sizeof(uint64_t);
}

static bool fill_random(void *buf, size_t len)
{
    uint8_t *p = buf;
    for (size_t n; len; p += n, len -= n) {
        n = len < ENTROPY_MAX ? len : ENTROPY_MAX;
        if (getentropy(p, n))
            return false;
    }
    return true;
}

int dio_share_key_new(struct dio_share_key **out, size_t max_len, struct dumpio_error *err)
{
    max_len = (max_len + 31) / 32 * 32;
    size_t size = key_size(max_len);
    struct dio_share_key *key = malloc(size);
    if (!key)
        return dio_nomem(err, "the key of page tags");
    if (!fill_random(key, size)) {
        free(key);
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "the system has no random numbers");
    }
    key->max_len = max_len;
    *out = key;
    return 0;
}

void dio_share_key_free(struct dio_share_key *key)
{
    if (key)
        dio_wipe(key, key_size(key->max_len));
    free(key);
}

/* ---- tags ------------------------------------------------------------------------------------ */

struct sums {
    struct wide first, second;
};

/* 32 bytes at p, with the key's words from k on. */
static inline void add_block(struct sums *s, const uint8_t *p, const uint64_t *k)
{
    uint64_t m[4];
    memcpy(m, p, sizeof m);
    add_product(&s->first, m[0] + k[0], m[1] + k[1]);
    add_product(&s->second, m[0] + k[2], m[1] + k[3]);
    add_product(&s->first, m[2] + k[2], m[3] + k[3]);
    add_product(&s->second, m[2] + k[4], m[3] + k[5]);
}

/* a[0] and a[1], and a[2] and a[3], are 128 bits each. */
static uint64_t fold(struct wide x, const uint64_t a[4])
{
    struct wide h = {0};
    add_product(&h, a[0], low(x));
    add_product(&h, a[2], high(x));
    return high(h) + a[1] * low(x) + a[3] * high(x);
}

void dio_share_tag(const struct dio_share_key *key, const uint8_t *data, size_t len,
                   uint64_t tag[2])
{
    struct sums s = {.first = {0}};
    const uint64_t *k = key->nh;
    for (; len >= 32; data += 32, len -= 32, k += 4)
        add_block(&s, data, k);
    if (len) {
        uint8_t last[32] = {0};
        memcpy(last, data, len);
        add_block(&s, last, k);
    }
    tag[0] = fold(s.first, key->fold[0]);
    tag[1] = fold(s.second, key->fold[1]);
}
