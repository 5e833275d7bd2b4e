/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags of payloads, against arithmetic done here digit by digit; and the table of shared payloads,
 * against a plain list.
 */
#include "unit.h"

#include "formats/kdump.h"
#include "share_tag.h"

#include <stdlib.h>

#define MAX_LEN 4096u

static uint64_t seed = 1;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* ---- 128 bits as four digits of 32, least significant first ---------------------------------- */

struct digits {
    uint32_t d[4];
};

static struct digits add(struct digits a, struct digits b)
{
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (uint64_t)a.d[i] + b.d[i];
        a.d[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return a;
}

static struct digits times(struct digits a, struct digits b)
{
    struct digits sum = {{0}};
    for (int i = 0; i < 4; i++)
        for (int k = 0; i + k < 4; k++) {
            uint64_t p = (uint64_t)a.d[i] * b.d[k];
            struct digits t = {{0}};
            t.d[i + k] = (uint32_t)p;
            if (i + k < 3)
                t.d[i + k + 1] = (uint32_t)(p >> 32);
            sum = add(sum, t);
        }
    return sum;
}

static struct digits two(uint64_t low, uint64_t high)
{
    return (struct digits){{(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high,
                            (uint32_t)(high >> 32)}};
}

static uint64_t word(const struct digits *x, int i)
{
    return x->d[2 * i] | (uint64_t)x->d[2 * i + 1] << 32;
}

/* The definition, word by word: NH from key word 2 * which on, then the high half of the fold. */
static uint64_t slow_tag(const struct dio_share_key *key, const uint8_t *data, size_t len,
                         unsigned which)
{
    struct digits nh = {{0}};
    const uint64_t *k = key->nh + 2 * which, *f = key->fold[which];
    for (size_t at = 0; at < len; at += 16) {
        uint64_t m[2] = {0, 0};
        memcpy(m, data + at, len - at < 16 ? len - at : 16);
        nh = add(nh, times(two(m[0] + k[at / 8], 0), two(m[1] + k[at / 8 + 1], 0)));
    }
    /* the last 32 bytes count whole, also where the payload ends in their first half */
    if (len % 32 && len % 32 <= 16) {
        size_t i = len / 32 * 4 + 2;
        nh = add(nh, times(two(k[i], 0), two(k[i + 1], 0)));
    }
    struct digits h = add(times(two(f[0], f[1]), two(word(&nh, 0), 0)),
                          times(two(f[2], f[3]), two(word(&nh, 1), 0)));
    return word(&h, 1);
}

static void check_tag(const struct dio_share_key *key, const uint8_t *data, size_t len)
{
    uint64_t tag[2];
    dio_share_tag(key, data, len, tag);
    CHECK(tag[0] == slow_tag(key, data, len, 0));
    CHECK(tag[1] == slow_tag(key, data, len, 1));
}

static void test_tags(void)
{
    struct dio_share_key *key;
    uint8_t *data = malloc(MAX_LEN);
    CHECK_EQ(dio_share_key_new(&key, MAX_LEN, NULL), 0);
    for (size_t i = 0; i < MAX_LEN; i++)
        data[i] = (uint8_t)next_random();
    for (size_t len = 0; len < 200; len++)
        check_tag(key, data, len);
    for (size_t len = MAX_LEN - 40; len <= MAX_LEN; len++)
        check_tag(key, data, len);
    /* carries everywhere */
    memset(data, 0xff, MAX_LEN);
    check_tag(key, data, MAX_LEN);
    for (size_t i = 0; i < MAX_LEN / 8 + 2; i++)
        key->nh[i] = i % 3 ? UINT64_MAX : 1;
    memset(key->fold, 0xff, sizeof key->fold);
    check_tag(key, data, MAX_LEN);
    memset(data, 0, MAX_LEN);
    check_tag(key, data, MAX_LEN);
    free(data);
    dio_share_key_free(key);
}

/* Every bit counts, in both tags, and no two keys are the same. */
static void test_differences(void)
{
    struct dio_share_key *key, *other;
    uint8_t data[100] = {0};
    uint64_t was[2], is[2];
    CHECK_EQ(dio_share_key_new(&key, sizeof data, NULL), 0);
    CHECK_EQ(dio_share_key_new(&other, sizeof data, NULL), 0);
    CHECK(memcmp(key->nh, other->nh, sizeof data) != 0);
    dio_share_tag(key, data, sizeof data, was);
    dio_share_tag(other, data, sizeof data, is);
    CHECK(was[0] != is[0] && was[1] != is[1]);
    for (size_t bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        dio_share_tag(key, data, sizeof data, is);
        CHECK(was[0] != is[0] && was[1] != is[1]);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    dio_share_tag(key, data, sizeof data, is);
    CHECK(was[0] == is[0] && was[1] == is[1]);
    dio_share_key_free(key);
    dio_share_key_free(other);
    dio_share_key_free(NULL);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define BITS 4u
#define SIZE (1u << BITS)

/* What the table is to do: the clock algorithm over payload numbers, searched from end to end. */
struct model {
    struct { unsigned payload; uint64_t at; bool found; } list[SIZE];
    unsigned n, hand;
};

static uint64_t model_find(struct model *m, unsigned payload, uint64_t at)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->list[i].payload == payload) {
            m->list[i].found = true;
            return m->list[i].at;
        }
    unsigned i = m->n;
    if (m->n < SIZE) {
        m->n++;
    } else {
        for (; m->list[m->hand].found; m->hand = (m->hand + 1) % SIZE)
            m->list[m->hand].found = false;
        i = m->hand;
        m->hand = (m->hand + 1) % SIZE;
    }
    m->list[i].payload = payload;
    m->list[i].at = at;
    m->list[i].found = false;
    return at;
}

/* Payloads of which low numbers are frequent. The tags: `spread` many chains, another key a run. */
static void test_table(uint64_t spread, uint64_t key)
{
    struct dio_kdump_share *s = dio_kdump_share_new(BITS);
    struct model m = {.n = 0};
    unsigned known = 0;
    seed = 77;
    for (uint64_t at = 1; at <= 20000; at++) {
        unsigned payload = (unsigned)(next_random() % (1 + next_random() % 64));
        uint64_t tag[2] = {(payload * key) % spread, payload * key + 1};
        uint64_t want = model_find(&m, payload, at);
        uint64_t got = dio_kdump_share_find(s, tag, 100 + payload, 1, at);
        CHECK_EQ(got, want);
        known += got != at;
    }
    CHECK(known > 5000 && known < 19000); /* found often, and forgotten often */
    dio_kdump_share_free(s);
}

static void test_what_is_equal(void)
{
    struct dio_kdump_share *s = dio_kdump_share_new(BITS);
    const uint64_t tag[2] = {5, 6}, first[2] = {7, 6}, second[2] = {5, 7};
    CHECK_EQ(dio_kdump_share_find(s, tag, DIO_KDUMP_BLOCK_MAX, 0, 1000), 1000);
    CHECK_EQ(dio_kdump_share_find(s, tag, DIO_KDUMP_BLOCK_MAX, 0, 2000), 1000);
    CHECK_EQ(dio_kdump_share_find(s, tag, DIO_KDUMP_BLOCK_MAX - 1, 0, 3000), 3000);
    CHECK_EQ(dio_kdump_share_find(s, tag, DIO_KDUMP_BLOCK_MAX, DIO_KDUMP_ZSTD, 4000), 4000);
    CHECK_EQ(dio_kdump_share_find(s, first, DIO_KDUMP_BLOCK_MAX, 0, 5000), 5000);
    CHECK_EQ(dio_kdump_share_find(s, second, DIO_KDUMP_BLOCK_MAX, 0, 6000), 6000);
    CHECK_EQ(dio_kdump_share_find(s, tag, DIO_KDUMP_BLOCK_MAX, DIO_KDUMP_ZSTD, 7000), 4000);
    dio_kdump_share_free(s);
    dio_kdump_share_free(NULL);
}

int main(void)
{
    test_tags();
    test_differences();
    test_table(UINT64_MAX, 0x9e3779b97f4a7c15u);
    test_table(UINT64_MAX, 0xd1b54a32d192ed03u);
    test_table(3, 1);
    test_table(1, 1);
    test_what_is_equal();
    return unit_result();
}
