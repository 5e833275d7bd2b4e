/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huffman codes of limited length, as deflate wants them (RFC 1951, 3.2.2): complete, canonical,
 * first bit lowest. Not done: package-merge; a code that is too long is mended, not optimal.
 */
#include "deflate.h"

#define SYMBOLS_MAX 288u
#define BITS_MAX 15u
#define BUCKETS 64u

/* The keys of the symbols that occur, by symbol: frequency and symbol. Returns how many. */
static unsigned keys_of(const uint32_t *freq, unsigned n, uint32_t *key, struct dio_code *code)
{
    unsigned used = 0;
    for (unsigned i = 0; i < n; i++) {
        key[used] = freq[i] << 9 | i;
        code->used[used] = (uint16_t)i;
        used += freq[i] != 0;
    }
    code->n_used = used;
    return used;
}

static inline unsigned bucket(uint32_t key)
{
    return key >> 9 < BUCKETS ? key >> 9 : BUCKETS;
}

/* Rarest first, ties by symbol. */
static void sort(const uint32_t *key, unsigned n, uint32_t *out)
{
    uint16_t at[BUCKETS + 1] = {0};
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++)
        at[bucket(key[i])]++;
    for (unsigned i = 0; i <= BUCKETS; i++) {
        unsigned here = at[i];
        at[i] = (uint16_t)sum;
        sum += here;
    }
    unsigned large = at[BUCKETS];
    for (unsigned i = 0; i < n; i++)
        out[at[bucket(key[i])]++] = key[i];
    for (unsigned i = large + 1; i < n; i++) { /* few: insertion */
        uint32_t moved = out[i];
        unsigned k = i;
        for (; k > large && out[k - 1] > moved; k--)
            out[k] = out[k - 1];
        out[k] = moved;
    }
}

/* Too many codes of `max` bits: put one beside a shorter one, which becomes longer by one. */
static void shorten(unsigned *count, unsigned max)
{
    unsigned space = 0;
    for (unsigned d = 1; d <= max; d++)
        space += count[d] << (max - d);
    for (; space > 1u << max; space--) {
        unsigned d = max - 1;
        while (!count[d])
            d--;
        count[d]--;
        count[d + 1] += 2;
        count[max]--;
    }
}

/* Join the two lightest, again and again: the nodes' parents. Later nodes have later parents. */
static void join(uint32_t *key, unsigned n, uint16_t *parent)
{
    uint32_t weight[SYMBOLS_MAX];
    unsigned leaf = 0, node = 0; /* the lightest without a parent */
    key[n] = UINT32_MAX;
    for (unsigned made = 0; made < n - 1; made++) {
        uint32_t sum = 0;
        weight[made] = UINT32_MAX;
        for (unsigned child = 0; child < 2; child++) {
            uint32_t l = key[leaf] >> 9, w = weight[node];
            unsigned is_leaf = l <= w;
            sum += is_leaf ? l : w;
            parent[node] = (uint16_t)made; /* of a leaf: written again later */
            leaf += is_leaf;
            node += !is_leaf;
        }
        weight[made] = sum;
    }
}

/* How many symbols get a code of each length. `key` has room for one more. n >= 2 */
static void lengths(uint32_t *key, unsigned n, unsigned max, unsigned *count)
{
    uint16_t parent[SYMBOLS_MAX];
    join(key, n, parent);
    /* Level by level from the root. A level has twice as many places as the one above has nodes. */
    unsigned first = n - 2, nodes = 1, deep = 0;
    for (unsigned d = 1; nodes; d++) {
        unsigned behind = first;
        while (first && parent[first - 1] >= behind)
            first--;
        count[d < max ? d : max] += 2 * nodes - (behind - first);
        nodes = behind - first;
        deep = d;
    }
    if (deep > max)
        shorten(count, max);
}

static uint16_t reversed(unsigned bits, unsigned len)
{
    bits = (bits & 0x5555) << 1 | (bits >> 1 & 0x5555);
    bits = (bits & 0x3333) << 2 | (bits >> 2 & 0x3333);
    bits = (bits & 0x0f0f) << 4 | (bits >> 4 & 0x0f0f);
    bits = (bits & 0x00ff) << 8 | bits >> 8;
    return (uint16_t)(bits >> (16 - len));
}

/* Words for the symbols in use, `count` of each length. */
static void number(struct dio_code *code, const unsigned *count)
{
    uint16_t next[BITS_MAX + 1] = {0};
    for (unsigned d = 2; d <= BITS_MAX; d++)
        next[d] = (uint16_t)((next[d - 1] + count[d - 1]) << 1);
    for (unsigned i = 0; i < code->n_used; i++) {
        unsigned symbol = code->used[i], len = code->len[symbol];
        code->word[symbol] = (struct dio_word){reversed(next[len]++, len), (uint16_t)len};
    }
}

void dio_number_code(struct dio_code *code, unsigned n)
{
    unsigned count[BITS_MAX + 1] = {0};
    code->n_used = n;
    for (unsigned i = 0; i < n; i++) {
        code->used[i] = (uint16_t)i;
        count[code->len[i]]++;
    }
    number(code, count);
}

size_t dio_make_code(const uint32_t *freq, unsigned n, unsigned max, struct dio_code *code)
{
    uint32_t key[SYMBOLS_MAX + 1], sorted[SYMBOLS_MAX + 1];
    unsigned count[BITS_MAX + 1] = {0};
    size_t bits = 0;
    memset(code->len, 0, sizeof code->len);
    unsigned left = keys_of(freq, n, key, code);
    if (left < 2) { /* some readers want two */
        unsigned one = left ? key[0] & 511 : 0;
        code->used[0] = 0;
        code->used[1] = (uint16_t)(one ? one : 1);
        code->n_used = count[1] = 2;
        code->len[0] = code->len[code->used[1]] = 1;
        bits = left ? key[0] >> 9 : 0;
    } else {
        sort(key, left, sorted);
        lengths(sorted, left, max, count);
        for (unsigned d = 1; d <= max; d++)
            for (unsigned k = count[d]; k; k--) {
                left--;
                code->len[sorted[left] & 511] = (uint8_t)d;
                bits += (sorted[left] >> 9) * d;
            }
    }
    number(code, count);
    return bits;
}
