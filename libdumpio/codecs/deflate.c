/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deflate blocks (RFC 1951) of a page: matches, then the codes that fit them, then bits. The same
 * bytes on every machine. Not made: stored blocks, for a page that does not shrink stays plain.
 */
#include "deflate.h"

#include <stdlib.h>

#define PRECODE 19u
#define PRECODE_BITS 7u
#define FIXED_LITLEN 288u

/* The code lengths as they are sent: symbols of the precode with their extra bits. */
struct item {
    uint8_t symbol, extra;
};

struct header {
    unsigned n_litlen, n_dists, n_precode, n_items;
    struct item items[DIO_LITLEN + DIO_DISTS + 4];
    struct dio_code precode;
};

struct dio_deflate {
    struct dio_finder finder;
    struct dio_slots slots;
    struct dio_code fixed_litlen, fixed_dists, litlen, dists;
    struct header header;
    struct dio_block block;
};

static const uint8_t precode_order[PRECODE] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                               11, 4,  12, 3, 13, 2, 14, 1, 15};

/* ---- tables of the format -------------------------------------------------------------------- */

static void fill_slots(struct dio_slots *s)
{
    unsigned len = 0;
    for (unsigned i = 0; i < 29; i++) {
        unsigned extra = i < 8 || i == 28 ? 0 : i / 4 - 1;
        s->len_extra[i] = (uint8_t)extra;
        s->len_base[i] = (uint16_t)(i == 28 ? 255 : len);
        for (unsigned k = 0; k < 1u << extra && len < 256; k++)
            s->of_len[len++] = (uint8_t)i;
    }
    s->of_len[255] = 28;
    for (unsigned i = 0; i < DIO_DISTS; i++)
        s->dist_extra[i] = (uint8_t)(i < 4 ? 0 : i / 2 - 1);
}

static void fill_fixed(struct dio_deflate *s)
{
    for (unsigned i = 0; i < FIXED_LITLEN; i++)
        s->fixed_litlen.len[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    for (unsigned i = 0; i < DIO_DISTS; i++)
        s->fixed_dists.len[i] = 5;
    dio_number_code(&s->fixed_litlen, FIXED_LITLEN);
    dio_number_code(&s->fixed_dists, DIO_DISTS);
}

struct dio_deflate *dio_deflate_new(void)
{
    struct dio_deflate *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    fill_slots(&s->slots);
    fill_fixed(s);
    s->finder.base = 1;
    return s;
}

void dio_deflate_free(struct dio_deflate *s)
{
    free(s);
}

/* ---- the header of a block with its own codes ------------------------------------------------ */

static unsigned item_extra(unsigned symbol)
{
    return symbol < 16 ? 0 : symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
}

/* `zeros` lengths of 0. */
static inline struct item *add_zeros(struct item *to, unsigned zeros)
{
    for (; zeros > 138; zeros -= 138)
        *to++ = (struct item){18, 138 - 11};
    /* none, one, two, or a run: without branches, for what comes is hard to predict */
    unsigned symbol = zeros < 3 ? 0 : zeros < 11 ? 17 : 18;
    to[0] = (struct item){(uint8_t)symbol,
                          (uint8_t)(zeros < 3 ? 0 : zeros < 11 ? zeros - 3 : zeros - 11)};
    to[1] = (struct item){0, 0};
    return to + (zeros < 3 ? zeros : 1);
}

/* The lengths of one code, up to its last symbol in use. */
static struct item *add_lengths(struct item *to, const struct dio_code *code)
{
    unsigned at = 0;
    for (unsigned i = 0; i < code->n_used;) {
        unsigned symbol = code->used[i], run = 1;
        uint8_t len = code->len[symbol];
        to = add_zeros(to, symbol - at);
        *to++ = (struct item){len, 0};
        if ((dio_load32(code->len + symbol) ^ len * UINT32_C(0x01010101)) == 0) {
            while (run < 7 && code->len[symbol + run] == len)
                run++;
            *to++ = (struct item){16, (uint8_t)(run - 4)};
        }
        i += run;
        at = symbol + run;
    }
    return to;
}

/* Returns the header's bits. */
static size_t make_header(struct header *h, const struct dio_code *litlen,
                          const struct dio_code *dists)
{
    uint32_t freq[PRECODE] = {0};
    struct item *end = add_lengths(add_lengths(h->items, litlen), dists);
    h->n_items = (unsigned)(end - h->items);
    h->n_litlen = litlen->used[litlen->n_used - 1] + 1u;
    h->n_dists = dists->used[dists->n_used - 1] + 1u;
    for (unsigned i = 0; i < h->n_items; i++)
        freq[h->items[i].symbol]++;
    size_t bits = dio_make_code(freq, PRECODE, PRECODE_BITS, &h->precode);
    h->n_precode = PRECODE;
    while (!h->precode.len[precode_order[h->n_precode - 1]])
        h->n_precode--;
    return bits + 5 + 5 + 4 + 3 * h->n_precode + 2 * freq[16] + 3 * freq[17] + 7 * freq[18];
}

/* ---- bits ------------------------------------------------------------------------------------ */

struct bits {
    uint64_t held; /* the first to be sent is lowest */
    unsigned n;
    uint8_t *at, *end; /* end: behind the last byte that may be written */
};

static inline void put(struct bits *b, uint64_t value, unsigned n)
{
    b->held |= value << b->n;
    b->n += n;
}

/* At most 7 bits stay. */
static inline void flush(struct bits *b)
{
    if (b->end - b->at >= 8) {
        uint64_t v = b->held;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        v = __builtin_bswap64(v);
#endif
        memcpy(b->at, &v, 8);
        b->at += b->n >> 3;
        b->held >>= b->n & ~7u;
        b->n &= 7;
        return;
    }
    for (; b->n >= 8; b->n -= 8, b->held >>= 8)
        *b->at++ = (uint8_t)b->held;
}

static void write_header(struct bits *b, const struct header *h)
{
    put(b, h->n_litlen - 257, 5);
    put(b, h->n_dists - 1, 5);
    put(b, h->n_precode - 4, 4);
    flush(b);
    for (unsigned i = 0; i < h->n_precode; i++) {
        put(b, h->precode.len[precode_order[i]], 3);
        if (i % 16 == 15)
            flush(b);
    }
    flush(b);
    for (unsigned i = 0; i < h->n_items; i++) {
        struct item it = h->items[i];
        struct dio_word c = h->precode.word[it.symbol];
        put(b, c.bits | (uint64_t)it.extra << c.len, c.len + item_extra(it.symbol));
        if (i % 4 == 3)
            flush(b);
    }
    flush(b);
}

static inline const uint8_t *write_literals(struct bits *b, const struct dio_word *word,
                                            const uint8_t *p, size_t n)
{
    for (; n >= 4; n -= 4, p += 4) {
        for (unsigned i = 0; i < 4; i++)
            put(b, word[p[i]].bits, word[p[i]].len);
        flush(b);
    }
    for (unsigned i = 0; i < 3; i++) { /* the rest, without branches */
        unsigned here = i < n ? UINT32_MAX : 0;
        put(b, word[p[i]].bits & here, word[p[i]].len & here);
    }
    flush(b);
    return p + n;
}

static void write_block(struct bits *to, const struct dio_slots *slots, const struct dio_block *k,
                        const struct dio_word *litlen, const struct dio_word *dists)
{
    struct bits b = *to;
    const uint8_t *p = k->literals;
    for (size_t i = 0; i < k->n_matches; i++) {
        uint64_t m = k->matches[i];
        unsigned l = m >> 48 & 255, d = (unsigned)(m >> 56), extra = slots->dist_extra[d];
        p = write_literals(&b, litlen, p, m & 0xffff);
        struct dio_word w = litlen[DIO_END_SYMBOL + 1 + l];
        put(&b, w.bits, w.len);
        put(&b, (m >> 16 & 0xffff) - 3 - slots->len_base[l], slots->len_extra[l]);
        w = dists[d];
        put(&b, w.bits, w.len);
        put(&b, (m >> 32 & 0xffff) & ((1u << extra) - 1), extra);
        flush(&b);
    }
    write_literals(&b, litlen, p, (size_t)(k->literals + k->n_literals - p));
    put(&b, litlen[DIO_END_SYMBOL].bits, litlen[DIO_END_SYMBOL].len);
    flush(&b);
    *to = b;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Of a block's symbols by the fixed codes. */
static size_t fixed_bits(const struct dio_block *k)
{
    uint32_t nine = 0, eight = 0;
    for (unsigned i = 144; i < 256; i++)
        nine += k->litlen[i];
    for (unsigned i = 280; i < DIO_LITLEN; i++)
        eight += k->litlen[i];
    return 8 * k->n_literals + nine + 7 * (k->n_matches + 1) + eight + 5 * k->n_matches;
}

static size_t extra_bits(const struct dio_slots *slots, const struct dio_block *k)
{
    size_t bits = 0;
    for (unsigned i = 8; i < 28; i++)
        bits += k->litlen[DIO_END_SYMBOL + 1 + i] * slots->len_extra[i];
    for (unsigned i = 4; i < DIO_DISTS; i++)
        bits += k->dists[i] * slots->dist_extra[i];
    return bits;
}

/*
 * Is there so little to gain that the codes need not be made? Literals alone, and by their
 * frequencies' collision entropy, which is a lower bound of any code, at least 63/64 of the room.
 */
static int hopeless(const struct dio_block *k, size_t room)
{
    if (k->n_literals < room / 64 * 63)
        return 0;
    uint64_t squares = 0;
    for (unsigned i = 0; i < 256; i++)
        squares += (uint64_t)k->litlen[i] * k->litlen[i];
    /* n * log2(n * n / squares) / 8 >= room * 63 / 64, by 7.87 bits a literal at least */
    return squares * 234 <= (uint64_t)k->n_literals * k->n_literals;
}

/* 0 when the block does not fit. */
static int pack_block(struct dio_deflate *s, struct bits *b, int last)
{
    struct dio_block *k = &s->block;
    if (hopeless(k, (size_t)(b->end - b->at)))
        return 0;
    size_t own = dio_make_code(k->litlen, DIO_LITLEN, DIO_CODE_BITS, &s->litlen) +
                 dio_make_code(k->dists, DIO_DISTS, DIO_CODE_BITS, &s->dists);
    own += make_header(&s->header, &s->litlen, &s->dists);
    size_t fixed = fixed_bits(k);
    size_t bits = b->n + 3 + (own < fixed ? own : fixed) + extra_bits(&s->slots, k);
    if ((bits + 7) / 8 > (size_t)(b->end - b->at))
        return 0;
    put(b, (unsigned)last | (own < fixed ? 2u : 1u) << 1, 3);
    if (own < fixed) {
        write_header(b, &s->header);
        write_block(b, &s->slots, k, s->litlen.word, s->dists.word);
    } else {
        write_block(b, &s->slots, k, s->fixed_litlen.word, s->fixed_dists.word);
    }
    return 1;
}

size_t dio_deflate_pack(struct dio_deflate *s, const uint8_t *in, size_t n, uint8_t *out,
                        size_t cap)
{
    struct bits b = {0, 0, out, out + cap};
    struct dio_finder *f = &s->finder;
    int fits = n != 0;
    if (f->base > UINT32_MAX / 2) { /* positions of this page must not wrap */
        memset(f->at, 0, sizeof f->at);
        f->base = 1;
    }
    for (size_t from = 0; from < n && fits; from += DIO_BLOCK) {
        size_t to = n - from > DIO_BLOCK ? from + DIO_BLOCK : n;
        dio_find_matches(f, &s->slots, in, from, to, &s->block);
        fits = pack_block(s, &b, to == n);
    }
    f->base += (uint32_t)n;
    if (!fits)
        return 0;
    if (b.n)
        *b.at++ = (uint8_t)b.held;
    return (size_t)(b.at - out);
}
