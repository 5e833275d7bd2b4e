/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches of a page for deflate (RFC 1951): the first one found is taken, of one candidate by hash;
 * steps grow where nothing is found. Not done: lazy matching, matches of 3 bytes.
 */
#include "deflate.h"

#define WINDOW 32768u
#define LEN_MAX 258u
#define SKIP 7 /* steps grow by one for every 1 << SKIP literals in a row */

/* Of the 5 bytes at p; 8 are read. */
static inline uint32_t hash(const uint8_t *p)
{
    uint64_t v = dio_load64(p);
    return (uint32_t)((v << 24) * UINT64_C(0x9FB21C651E98DF25) >> (64 - DIO_HASH_BITS));
}

/* How many bytes at a and b are equal, before `end`. b < a. */
static inline size_t equal(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    const uint8_t *start = a;
    for (; end - a >= 16; a += 16, b += 16) { /* by 16: most ends lie in the first, one branch */
        uint64_t x = dio_load64(a) ^ dio_load64(b), y = dio_load64(a + 8) ^ dio_load64(b + 8);
        if (x | y) {
            size_t skip = x ? 0 : 8;
            x = x ? x : y;
            return (size_t)(a - start) + skip + (size_t)__builtin_ctzll(x) / 8;
        }
    }
    while (a < end && *a == *b)
        a++, b++;
    return (size_t)(a - start);
}

static inline uint8_t dist_slot(uint32_t d)
{
    if (d < 4)
        return (uint8_t)d;
    unsigned top = 31 - (unsigned)__builtin_clz(d);
    return (uint8_t)(2 * top + (d >> (top - 1) & 1));
}

/* The literals before a match, or at the end. `readable` bytes may be read, at least `run`. */
static inline void add_literals(struct dio_block *b, const uint8_t *in, size_t run, size_t readable)
{
    uint8_t *to = b->literals + b->n_literals;
    if (run <= 16 && readable >= 16)
        memcpy(to, in, 16);
    else
        memcpy(to, in, run);
    b->n_literals += run;
}

/* A match of any length, cut into as many as deflate needs. */
static inline uint64_t *add_match(struct dio_block *b, uint64_t *to, const struct dio_slots *slots,
                                  size_t run, size_t len, size_t dist)
{
    uint8_t d = dist_slot((uint32_t)dist - 1);
    for (size_t part; len; len -= part, run = 0) {
        part = len;
        if (len > LEN_MAX) /* no rest shorter than 3 */
            part = len < LEN_MAX + 3 ? LEN_MAX - 3 : LEN_MAX;
        uint8_t l = slots->of_len[part - 3];
        b->litlen[DIO_END_SYMBOL + 1 + l]++;
        b->dists[d]++;
        *to++ = run | part << 16 | (uint64_t)(dist - 1) << 32 | (uint64_t)l << 48 |
                (uint64_t)d << 56;
    }
    return to;
}

static void count_literals(struct dio_block *b)
{
    uint32_t count[4][256] = {{0}};
    const uint8_t *p = b->literals;
    size_t i = 0;
    for (; i + 4 <= b->n_literals; i += 4) {
        count[0][p[i]]++;
        count[1][p[i + 1]]++;
        count[2][p[i + 2]]++;
        count[3][p[i + 3]]++;
    }
    for (; i < b->n_literals; i++)
        count[0][p[i]]++;
    for (i = 0; i < 256; i++)
        b->litlen[i] = count[0][i] + count[1][i] + count[2][i] + count[3][i];
}

/* Remember two places inside a match of `len` bytes before i, and the one behind its first byte. */
static inline void remember(struct dio_finder *f, const uint8_t *in, size_t i, size_t len)
{
    f->at[hash(in + i - 2)] = f->base + (uint32_t)i - 2;
    f->at[hash(in + i - len + 1)] = f->base + (uint32_t)(i - len) + 1;
    f->at[hash(in + i - 1)] = f->base + (uint32_t)i - 1;
}

void dio_find_matches(struct dio_finder *f, const struct dio_slots *slots, const uint8_t *in,
                      size_t from, size_t to, struct dio_block *b)
{
    const uint32_t base = f->base;
    uint64_t *match = b->matches;
    size_t done = from; /* before it, everything is a literal or in a match */
    b->n_literals = 0;
    memset(b->litlen, 0, sizeof b->litlen);
    memset(b->dists, 0, sizeof b->dists);
    for (size_t i = from; i + 8 <= to;) {
        uint32_t *slot = &f->at[hash(in + i)];
        size_t seen = (uint32_t)(*slot - base); /* huge when older than this page */
        *slot = base + (uint32_t)i;
        seen = seen < i ? seen : i; /* and then refused below, by the one branch */
        if ((dio_load32(in + seen) ^ dio_load32(in + i)) | (i - seen - 1 >= WINDOW)) {
            i += 1 + ((i - done) >> SKIP);
            continue;
        }
        size_t dist = i - seen;
        size_t len = 4 + equal(in + i + 4, in + seen + 4, in + to);
        while (i > done && seen && in[i - 1] == in[seen - 1])
            i--, seen--, len++;
        add_literals(b, in + done, i - done, to - done);
        match = add_match(b, match, slots, i - done, len, dist);
        i += len;
        done = i;
        if (i + 8 <= to)
            remember(f, in, i, len);
    }
    add_literals(b, in + done, to - done, to - done);
    b->n_matches = (size_t)(match - b->matches);
    count_literals(b);
    b->litlen[DIO_END_SYMBOL] = 1;
}
