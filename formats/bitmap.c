/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page bitmaps of dump files: windowed reads and rank.
 * Reference: makedumpfile's IMPLEMENTATION (both bitmaps), crash's diskdump.c.
 * Not handled: bitmaps numbered from the most significant bit (sadump).
 */
#include "bitmap.h"
#include "plug/decode.h"

#include <stdlib.h>

#define CHUNK_SHIFT 15u /* bits between two counts: 4 KiB of bitmap */
#define PIECE_WORDS 2048u

void dio_bitmap_init(struct dio_bitmap *m, struct dio_bytes *src, uint64_t at, uint64_t bits)
{
    uint64_t bytes = src->size > at ? src->size - at : 0;
    *m = (struct dio_bitmap){src, at, bits, bits};
    if (bytes < dio_div_up(bits, 8))
        m->have = bytes * 8;
}

void dio_words_clear(uint64_t *words, size_t n, uint64_t first, uint64_t from)
{
    uint64_t word = from / 64;
    size_t i = word > first ? (word - first < n ? (size_t)(word - first) : n) : 0;
    if (word >= first && i < n && from % 64)
        words[i++] &= ((uint64_t)1 << from % 64) - 1;
    for (; i < n; i++)
        words[i] = 0;
}

void dio_words_fill(uint64_t *words, size_t n, uint64_t first, uint64_t from)
{
    uint64_t word = from / 64;
    size_t i = word > first ? (word - first < n ? (size_t)(word - first) : n) : 0;
    if (word >= first && i < n && from % 64)
        words[i++] |= ~(((uint64_t)1 << from % 64) - 1);
    for (; i < n; i++)
        words[i] = UINT64_MAX;
}

int dio_bitmap_read(const struct dio_bitmap *m, uint64_t first, uint64_t *words, size_t n,
                    struct dumpio_error *err)
{
    uint64_t end = dio_div_up(m->have, 64); /* words with bits of the file */
    size_t want = first >= end ? 0 : end - first < n ? (size_t)(end - first) : n, got = 0;
    int rc = want ? dio_read_some(m->src, m->at + first * 8, words, want * 8, &got, err) : 0;
    if (rc)
        return dio_context(err, rc, "page bitmap");
    memset((uint8_t *)words + got, 0, n * sizeof *words - got);
    for (size_t i = 0; i < want; i++)
        words[i] = dio_get64(&words[i], DUMPIO_LITTLE);
    dio_words_clear(words, n, first, m->have);
    return 0;
}

int dio_bitmap_next(const struct dio_bitmap *m, uint64_t first, uint64_t *word,
                    struct dumpio_error *err)
{
    uint64_t at = m->at + first * 8, start = at, end;
    *word = first;
    if (!m->src->ops->next_data || first >= m->have / 64)
        return 0;
    int rc = m->src->ops->next_data(m->src, at, &start, &end, err);
    if (!rc && start > at)
        *word = first + (start - at) / 8;
    if (*word > m->have / 64)
        *word = m->have / 64;
    return rc ? dio_context(err, rc, "page bitmap") : 0;
}

/* ---- rank ------------------------------------------------------------------------------------ */

int dio_rank_init(struct dio_rank *r, const struct dio_bitmap *map, struct dumpio_error *err)
{
    r->map = map;
    r->shift = CHUNK_SHIFT;
    while (map->bits >> r->shift >= DIO_RANK_ENTRIES_MAX)
        r->shift++;
    r->n = (size_t)(map->bits >> r->shift) + 1;
    r->before = calloc(r->n, sizeof *r->before);
    atomic_init(&r->known, 0);
    return r->before ? 0 : dio_nomem(err, "the page directory");
}

void dio_rank_free(struct dio_rank *r)
{
    free(r->before);
    r->before = NULL;
}

/* Set bits of [from, to); from is a multiple of 64. */
static int count_bits(const struct dio_bitmap *m, uint64_t from, uint64_t to, uint64_t *count,
                      struct dumpio_error *err)
{
    uint64_t words[PIECE_WORDS];
    *count = 0;
    if (to > m->have)
        to = m->have;
    for (uint64_t at = from; at < to;) {
        uint64_t word;
        int rc = dio_bitmap_next(m, at / 64, &word, err);
        if (rc || word >= dio_div_up(to, 64))
            return rc;
        at = word * 64;
        uint64_t left = dio_div_up(to - at, 64);
        size_t n = left < PIECE_WORDS ? (size_t)left : PIECE_WORDS;
        rc = dio_bitmap_read(m, at / 64, words, n, err);
        if (rc)
            return rc;
        dio_words_clear(words, n, at / 64, to);
        for (size_t i = 0; i < n; i++)
            *count += (uint64_t)__builtin_popcountll(words[i]);
        at += 64 * (uint64_t)n;
    }
    return 0;
}

/* Counts up to entry k; entries are written again only with what they hold already. */
static int learn(struct dio_rank *r, size_t k, struct dumpio_error *err)
{
    size_t known = atomic_load_explicit(&r->known, memory_order_acquire);
    for (size_t i = known; i < k; i++) {
        uint64_t count, start = (uint64_t)i << r->shift;
        int rc = count_bits(r->map, start, start + ((uint64_t)1 << r->shift), &count, err);
        if (rc)
            return rc;
        count += atomic_load_explicit(&r->before[i], memory_order_relaxed);
        atomic_store_explicit(&r->before[i + 1], count, memory_order_relaxed);
    }
    while (known < k && !atomic_compare_exchange_weak_explicit(
                            &r->known, &known, k, memory_order_acq_rel, memory_order_acquire))
        ;
    return 0;
}

int dio_rank_of(struct dio_rank *r, uint64_t bit, uint64_t *rank, struct dumpio_error *err)
{
    uint64_t count, k = bit >> r->shift;
    int rc = learn(r, (size_t)k, err);
    if (!rc)
        rc = count_bits(r->map, k << r->shift, bit, &count, err);
    if (!rc)
        *rank = atomic_load_explicit(&r->before[k], memory_order_relaxed) + count;
    return rc;
}
