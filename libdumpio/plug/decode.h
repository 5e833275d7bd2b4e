/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds-checked access to bytes of a stated byte order and word size: a reading cursor with a
 * sticky error, a writing cursor, and plain loads and stores.
 */
#ifndef DIO_DECODE_H
#define DIO_DECODE_H

#include <dumpio/dumpio.h>
#include <stdbool.h>
#include <string.h>

/* ---- plain loads and stores at a pointer that has room; order must be known --------------- */

static inline uint16_t dio_get16(const void *p, enum dumpio_order o)
{
    const uint8_t *b = p;
    return (uint16_t)(o == DUMPIO_BIG ? b[0] << 8 | b[1] : b[1] << 8 | b[0]);
}

static inline uint32_t dio_get32(const void *p, enum dumpio_order o)
{
    const uint8_t *b = p;
    return o == DUMPIO_BIG
               ? (uint32_t)dio_get16(b, o) << 16 | dio_get16(b + 2, o)
               : (uint32_t)dio_get16(b + 2, o) << 16 | dio_get16(b, o);
}

static inline uint64_t dio_get64(const void *p, enum dumpio_order o)
{
    const uint8_t *b = p;
    return o == DUMPIO_BIG
               ? (uint64_t)dio_get32(b, o) << 32 | dio_get32(b + 4, o)
               : (uint64_t)dio_get32(b + 4, o) << 32 | dio_get32(b, o);
}

/* A word of 4 or 8 bytes. */
static inline uint64_t dio_get_word(const void *p, enum dumpio_order o, unsigned word)
{
    return word == 4 ? dio_get32(p, o) : dio_get64(p, o);
}

/* The `size` (1, 2, 4 or 8) low bytes of v. */
static inline void dio_put(void *p, enum dumpio_order o, unsigned size, uint64_t v)
{
    uint8_t *b = p;
    for (unsigned i = 0; i < size; i++) {
        unsigned shift = 8 * (o == DUMPIO_BIG ? size - 1 - i : i);
        b[i] = (uint8_t)(v >> shift);
    }
}

/* ---- reading cursor ------------------------------------------------------------------------- */

struct dio_cursor {
    const uint8_t *base;
    size_t len;
    size_t pos;
    enum dumpio_order order;
    unsigned word;    /* 4 or 8: size of dio_cur_word() */
    bool overrun;     /* sticky: something was read beyond the end; such reads give 0 */
};

static inline struct dio_cursor dio_cursor(const void *base, size_t len, enum dumpio_order order,
                                           unsigned word)
{
    struct dio_cursor c = {base, len, 0, order, word, false};
    return c;
}

/* The next n bytes, or NULL (and overrun) when fewer are left. */
static inline const uint8_t *dio_cur_bytes(struct dio_cursor *c, size_t n)
{
    if (c->overrun || n > c->len - c->pos) {
        c->overrun = true;
        return NULL;
    }
    const uint8_t *p = c->base + c->pos;
    c->pos += n;
    return p;
}

static inline void dio_cur_skip(struct dio_cursor *c, size_t n)
{
    (void)dio_cur_bytes(c, n);
}

/* Move to an absolute position; beyond the end is an overrun. */
static inline void dio_cur_seek(struct dio_cursor *c, size_t pos)
{
    if (pos > c->len)
        c->overrun = true;
    else
        c->pos = pos;
}

/* Round the position up to a multiple of `align` (a power of two). */
static inline void dio_cur_align(struct dio_cursor *c, size_t align)
{
    dio_cur_skip(c, (align - (c->pos & (align - 1))) & (align - 1));
}

static inline uint16_t dio_cur_u16(struct dio_cursor *c)
{
    const uint8_t *p = dio_cur_bytes(c, 2);
    return p ? dio_get16(p, c->order) : (uint16_t)0;
}

static inline uint32_t dio_cur_u32(struct dio_cursor *c)
{
    const uint8_t *p = dio_cur_bytes(c, 4);
    return p ? dio_get32(p, c->order) : 0;
}

static inline uint64_t dio_cur_u64(struct dio_cursor *c)
{
    const uint8_t *p = dio_cur_bytes(c, 8);
    return p ? dio_get64(p, c->order) : 0;
}

static inline uint64_t dio_cur_word(struct dio_cursor *c)
{
    return c->word == 4 ? dio_cur_u32(c) : dio_cur_u64(c);
}

/* ---- writing cursor: fixed room, sticky overrun ------------------------------------------- */

struct dio_builder {
    uint8_t *base;
    size_t cap;
    size_t pos;
    enum dumpio_order order;
    unsigned word;
    bool overrun;
};

static inline struct dio_builder dio_builder(void *base, size_t cap, enum dumpio_order order,
                                             unsigned word)
{
    struct dio_builder b = {base, cap, 0, order, word, false};
    return b;
}

static inline uint8_t *dio_bld_room(struct dio_builder *b, size_t n)
{
    if (b->overrun || n > b->cap - b->pos) {
        b->overrun = true;
        return NULL;
    }
    uint8_t *p = b->base + b->pos;
    b->pos += n;
    return p;
}

static inline void dio_bld_put(struct dio_builder *b, unsigned size, uint64_t v)
{
    uint8_t *p = dio_bld_room(b, size);
    if (p)
        dio_put(p, b->order, size, v);
}

static inline void dio_bld_u32(struct dio_builder *b, uint32_t v) { dio_bld_put(b, 4, v); }
static inline void dio_bld_u64(struct dio_builder *b, uint64_t v) { dio_bld_put(b, 8, v); }
static inline void dio_bld_word(struct dio_builder *b, uint64_t v) { dio_bld_put(b, b->word, v); }

static inline void dio_bld_bytes(struct dio_builder *b, const void *data, size_t n)
{
    uint8_t *p = dio_bld_room(b, n);
    if (p && n)
        memcpy(p, data, n);
}

static inline void dio_bld_zero(struct dio_builder *b, size_t n)
{
    uint8_t *p = dio_bld_room(b, n);
    if (p && n)
        memset(p, 0, n);
}

/* A string in a field of n bytes: cut to n-1, NUL-padded. */
static inline void dio_bld_str(struct dio_builder *b, const char *s, size_t n)
{
    uint8_t *p = dio_bld_room(b, n);
    if (p) {
        size_t len = strlen(s);
        memset(p, 0, n);
        memcpy(p, s, len < n ? len : n - 1);
    }
}

/* Zero-fill up to the absolute position pos. */
static inline void dio_bld_seek(struct dio_builder *b, size_t pos)
{
    if (pos < b->pos)
        b->overrun = true;
    else
        dio_bld_zero(b, pos - b->pos);
}

/* ---- arithmetic that cannot wrap ---------------------------------------------------------- */

/* true when a + b does not fit; else *sum. */
static inline bool dio_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    *sum = a + b;
    return *sum < a;
}

static inline bool dio_mul(uint64_t a, uint64_t b, uint64_t *product)
{
    *product = a * b;
    return a && *product / a != b;
}

static inline uint64_t dio_round_down(uint64_t v, uint64_t align) { return v & ~(align - 1); }
static inline uint64_t dio_round_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline uint64_t dio_div_up(uint64_t v, uint64_t by) { return v / by + (v % by != 0); }
static inline bool dio_is_pow2(uint64_t v) { return v && !(v & (v - 1)); }
static inline unsigned dio_log2(uint64_t pow2) { return (unsigned)__builtin_ctzll(pow2); }

#endif
