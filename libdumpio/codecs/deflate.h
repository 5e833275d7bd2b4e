/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The project's own deflate encoder (RFC 1951), made for pages: its parts, as they see each other.
 * Not here: decoding, streams longer than one call.
 */
#ifndef DIO_DEFLATE_H
#define DIO_DEFLATE_H

#include "set.h"

#include <string.h>

#define DIO_BLOCK (16u << 10) /* input bytes of one deflate block, at most */
#define DIO_LITLEN 286u       /* symbols: 256 literals, the end, 29 slots of lengths */
#define DIO_DISTS 30u
#define DIO_END_SYMBOL 256u
#define DIO_CODE_BITS 14u /* of our codes, so that four fit the bit buffer; 15 are allowed */

/* A Huffman code word as it is sent, the first bit lowest. */
struct dio_word {
    uint16_t bits, len;
};

/* A Huffman code. Words are those of the symbols in use; lengths are of all, 0 where not in use. */
struct dio_code {
    unsigned n_used;
    uint16_t used[DIO_LITLEN + 2]; /* ascending */
    uint8_t len[DIO_LITLEN + 10];  /* zeros behind them */
    struct dio_word word[DIO_LITLEN + 2];
};

/*
 * One block as found in the input: literals, and the matches among them. A match is one word, from
 * the lowest bit: literals before it (16), length (16), distance - 1 (16), slot of the length (8),
 * slot of the distance (8).
 */
struct dio_block {
    size_t n_matches, n_literals;
    uint32_t litlen[DIO_LITLEN], dists[DIO_DISTS]; /* how often each symbol occurs */
    uint8_t literals[DIO_BLOCK + 32];
    uint64_t matches[DIO_BLOCK / 3 + 1];
};

/* Slots of lengths (by len - 3) and of distances: extra bits and base. */
struct dio_slots {
    uint8_t of_len[256];
    uint8_t len_extra[32];
    uint16_t len_base[32];
    uint8_t dist_extra[32];
};

#define DIO_HASH_BITS 13u

/* Where bytes were seen last. Positions of this page count from `base`; what is below is older. */
struct dio_finder {
    uint32_t base;
    uint32_t at[1u << DIO_HASH_BITS];
};

static inline uint64_t dio_load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint32_t dio_load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

/*
 * Find the matches of in[from, to), at most DIO_BLOCK bytes; in[0, from) is what they may refer to
 * as well. Nothing at `to` or behind it is read.
 */
void dio_find_matches(struct dio_finder *f, const struct dio_slots *slots, const uint8_t *in,
                      size_t from, size_t to, struct dio_block *b);

/* A good code of at most `max` bits for n symbols of these frequencies; of two symbols at least.
 * Returns the bits that the symbols take. */
size_t dio_make_code(const uint32_t *freq, unsigned n, unsigned max, struct dio_code *code);

/* The code whose lengths are set. */
void dio_number_code(struct dio_code *code, unsigned n);

#endif
