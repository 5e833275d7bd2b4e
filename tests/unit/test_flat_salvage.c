/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of flattened streams in memory: lost headers, bytes that look like headers, gaps. Real
 * dumps and whole files are damaged elsewhere (tests/robust/salvage.py).
 */
#include "unit.h"

#include "layers/flat.h"
#include "plug/bytes.h"
#include "salvage.h"

#include <stdlib.h>

#define SEGMENTS 12u
#define LEN 2000u /* bytes of a segment; the last one is shorter */
#define ROOM (DIO_FLAT_HEADER + (SEGMENTS + 1) * (LEN + 16u))
#define NOISE 1100u /* enough around a header for it to be seen as damage */

struct source {
    struct dio_bytes b;
    uint8_t raw[ROOM];
    size_t at[SEGMENTS]; /* of their headers */
};

static int source_read(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    struct source *s = (struct source *)b;
    (void)err;
    *got = off >= b->size ? 0 : b->size - off < len ? (size_t)(b->size - off) : len;
    memcpy(buf, s->raw + (off < b->size ? off : 0), *got);
    return 0;
}

static void source_close(struct dio_bytes *b)
{
    (void)b;
}

static const struct dio_bytes_ops source_ops = {source_read, NULL, source_close, NULL};

static void put_header(uint8_t *p, uint64_t offset, uint64_t len)
{
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t)(offset >> (56 - 8 * i));
        p[8 + i] = (uint8_t)(len >> (56 - 8 * i));
    }
}

static uint8_t byte_at(uint64_t offset)
{
    return offset % LEN < 40 ? (uint8_t)(1 + offset / LEN) : 0;
}

static unsigned len_of(unsigned i)
{
    return i + 1 < SEGMENTS ? LEN : LEN / 2;
}

/* Segments of the image in the order of the file that `order` gives. */
static void make(struct source *s, const unsigned order[SEGMENTS])
{
    size_t at = DIO_FLAT_HEADER;
    memset(s, 0, sizeof *s);
    for (unsigned k = 0; k < SEGMENTS; k++) {
        unsigned i = order[k];
        s->at[i] = at;
        put_header(s->raw + at, (uint64_t)i * LEN, len_of(i));
        for (unsigned n = 0; n < len_of(i); n++)
            s->raw[at + 16 + n] = byte_at((uint64_t)i * LEN + n);
        at += 16 + len_of(i);
    }
    put_header(s->raw + at, UINT64_MAX, UINT64_MAX);
    s->b = (struct dio_bytes){.ops = &source_ops, .size = at + 16, .name = "test"};
}

static void noise(struct source *s, size_t from, size_t to)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = from; i < to; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        s->raw[i] = (uint8_t)(x >> 24);
    }
}

/* Bytes of the image that come back; what comes has to be right but in [from, to). */
static uint64_t given(struct source *s, uint64_t from, uint64_t to)
{
    struct dio_salvage *findings = dio_salvage_new();
    struct dumpio_error err = {0};
    struct dio_bytes *b;
    uint64_t n = 0;
    int rc = dio_flat_open(&b, &s->b, findings, NULL, &err);
    CHECK_EQ(rc, 0);
    for (uint64_t off = 0; !rc && off < b->size; off++) {
        uint8_t byte;
        size_t got;
        bool here = !dio_read_some(b, off, &byte, 1, &got, &err) && got == 1;
        CHECK(!here || byte == byte_at(off) || (off >= from && off < to));
        n += here;
    }
    if (!rc)
        dio_bytes_close(b);
    dio_salvage_free(findings);
    return n;
}

static const unsigned ascending[SEGMENTS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
#define WHOLE ((uint64_t)(SEGMENTS - 1) * LEN + LEN / 2)

/* A header that is lost: its data goes to the gap. */
static void test_lost_header(void)
{
    static struct source s;
    make(&s, ascending);
    CHECK_EQ(given(&s, 0, 0), WHOLE);
    noise(&s, s.at[4], s.at[4] + NOISE);
    CHECK_EQ(given(&s, 4 * LEN, 5 * LEN), WHOLE);
}

/* Its data has bytes that look like a header, and lead to a real one: they are data all the same. */
static void test_false_header(void)
{
    static struct source s;
    static const uint64_t offsets[] = {0, 3, 4 * LEN + 7, 9 * LEN, 100 * LEN};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        make(&s, ascending);
        noise(&s, s.at[4], s.at[4] + NOISE);
        put_header(s.raw + s.at[5] - 16 - 48, offsets[i], 48);
        CHECK_EQ(given(&s, 4 * LEN, 5 * LEN), WHOLE);
    }
}

/* Two in a row: it is known that they are lost, not where they go; what follows is sure again. */
static void test_two_lost(void)
{
    static struct source s;
    make(&s, ascending);
    noise(&s, s.at[4], s.at[4] + NOISE);
    noise(&s, s.at[5], s.at[5] + NOISE);
    CHECK_EQ(given(&s, 0, 0), WHOLE - 2 * LEN);
}

/* Gaps of the same length: nothing tells which data is whose. */
static void test_same_length(void)
{
    static struct source s;
    make(&s, ascending);
    noise(&s, s.at[2], s.at[2] + NOISE);
    noise(&s, s.at[7], s.at[7] + NOISE);
    CHECK_EQ(given(&s, 0, 0), WHOLE - 2 * LEN);
}

/* A segment behind damage that stands elsewhere in the image fits by its neighbours there. */
static void test_other_place(void)
{
    static struct source s;
    static const unsigned mixed[SEGMENTS] = {0, 1, 9, 2, 3, 4, 11, 5, 6, 7, 8, 10};
    make(&s, mixed);
    noise(&s, s.at[9], s.at[9] + NOISE);
    CHECK_EQ(given(&s, 9 * LEN, 10 * LEN), WHOLE);
}

int main(void)
{
    test_lost_header();
    test_false_header();
    test_two_lost();
    test_same_length();
    test_other_place();
    return unit_result();
}
