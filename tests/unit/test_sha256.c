/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of builds without libcrypto: FIPS 180-4's examples, and the other one's results.
 */
#include "sha256.h"

#include "unit.h"

#include <string.h>

/* the other implementation, under other names beside the library's */
#define dio_sha256 plain_sha256
#define dio_sha256_prepare plain_prepare
#define dio_sha256_new plain_new
#define dio_sha256_free plain_free
#define dio_sha256_start plain_start
#define dio_sha256_add plain_add
#define dio_sha256_copy plain_copy
#define dio_sha256_end plain_end
#undef DIO_SHA256_H
#include "sha256_plain.c"
#undef dio_sha256
#undef dio_sha256_prepare
#undef dio_sha256_new
#undef dio_sha256_free
#undef dio_sha256_start
#undef dio_sha256_add
#undef dio_sha256_copy
#undef dio_sha256_end

static void examples(void)
{
    static const uint8_t abc[32] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22,
        0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
        0x15, 0xad};
    unsigned char digest[32];
    struct plain_sha256 *s = plain_new();
    plain_start(s);
    plain_add(s, "abc", 3);
    CHECK_EQ(plain_end(s, digest, NULL), 0);
    CHECK(!memcmp(digest, abc, sizeof abc));
    plain_free(s);
}

/* Every length around two blocks, in two pieces. */
static void lengths(void)
{
    unsigned char data[200], one[32], two[32];
    struct plain_sha256 *plain = plain_new();
    struct dio_sha256 *other = dio_sha256_new();
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7 + 1);
    for (size_t len = 0; len <= sizeof data; len++) {
        plain_start(plain);
        plain_add(plain, data, len / 3);
        plain_add(plain, data + len / 3, len - len / 3);
        CHECK_EQ(plain_end(plain, one, NULL), 0);
        dio_sha256_start(other);
        dio_sha256_add(other, data, len);
        CHECK_EQ(dio_sha256_end(other, two, NULL), 0);
        CHECK(!memcmp(one, two, sizeof one));
    }
    plain_free(plain);
    dio_sha256_free(other);
}

/* A copy goes on by itself, in both. */
static void copies(void)
{
    unsigned char want[32], got[32];
    struct plain_sha256 *p = plain_new(), *q = plain_new();
    struct dio_sha256 *a = dio_sha256_new(), *b = dio_sha256_new();
    plain_start(p);
    plain_add(p, "abcdef", 6);
    CHECK_EQ(plain_end(p, want, NULL), 0);
    plain_start(p);
    plain_add(p, "abc", 3);
    plain_copy(q, p);
    plain_add(p, "something else", 14);
    plain_add(q, "def", 3);
    CHECK_EQ(plain_end(q, got, NULL), 0);
    CHECK(!memcmp(want, got, sizeof got));
    dio_sha256_start(a);
    dio_sha256_add(a, "abc", 3);
    dio_sha256_copy(b, a);
    dio_sha256_add(a, "something else", 14);
    dio_sha256_add(b, "def", 3);
    CHECK_EQ(dio_sha256_end(b, got, NULL), 0);
    CHECK(!memcmp(want, got, sizeof got));
    plain_free(p);
    plain_free(q);
    dio_sha256_free(a);
    dio_sha256_free(b);
}

int main(void)
{
    copies();
    examples();
    lengths();
    return unit_result();
}
