/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict base64 (RFC 4648, canonical only) and Bech32 (BIP 173 without its length limit), as
 * c2sp.org/age demands them. No armor: that is age_armor.c.
 */
#include "age_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- base64 ---------------------------------------------------------------------------------- */

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define ROW16(v) v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v
#define NO 0x80
static const uint8_t b64_value[256] = {
    ROW16(NO), ROW16(NO), NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
    NO, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
    ROW16(NO), ROW16(NO), ROW16(NO), ROW16(NO), ROW16(NO), ROW16(NO), ROW16(NO), ROW16(NO),
};

bool dio_b64_groups(uint8_t *out, const char *text, size_t groups)
{
    const uint8_t *s = (const uint8_t *)text;
    unsigned bad = 0;
    for (size_t i = 0; i < groups; i++, s += 4, out += 3) {
        unsigned a = b64_value[s[0]], b = b64_value[s[1]], c = b64_value[s[2]],
                 d = b64_value[s[3]];
        bad |= a | b | c | d;
        uint32_t v = a << 18 | b << 12 | c << 6 | d;
        out[0] = (uint8_t)(v >> 16);
        out[1] = (uint8_t)(v >> 8);
        out[2] = (uint8_t)v;
    }
    return !(bad & NO);
}

long dio_b64_decode(uint8_t *out, const char *text, size_t n)
{
    size_t whole = n / 4, rest = n % 4;
    if (rest == 1 || !dio_b64_groups(out, text, whole))
        return -1;
    if (!rest)
        return (long)(whole * 3);
    char last[4] = {'A', 'A', 'A', 'A'};
    uint8_t three[3];
    memcpy(last, text + 4 * whole, rest);
    /* canonical: the bits that belong to no byte are zero */
    if (!dio_b64_groups(three, last, 1) || (rest == 2 ? three[1] : three[2]))
        return -1;
    memcpy(out + 3 * whole, three, rest - 1);
    return (long)(whole * 3 + rest - 1);
}

size_t dio_b64_encode(char *out, const uint8_t *in, size_t n)
{
    char *start = out;
    for (; n >= 3; n -= 3, in += 3) {
        uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *out++ = b64_digits[v >> 18];
        *out++ = b64_digits[v >> 12 & 63];
        *out++ = b64_digits[v >> 6 & 63];
        *out++ = b64_digits[v & 63];
    }
    if (n) {
        uint32_t v = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0);
        *out++ = b64_digits[v >> 18];
        *out++ = b64_digits[v >> 12 & 63];
        if (n > 1)
            *out++ = b64_digits[v >> 6 & 63];
    }
    return (size_t)(out - start);
}

/* ---- Bech32 ---------------------------------------------------------------------------------- */

static const char bech32_digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

#define CHECKSUM_DIGITS 6u

static uint32_t checksum_step(uint32_t sum, unsigned digit)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                         0x2a1462b3};
    unsigned top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ digit;
    for (unsigned i = 0; i < 5; i++)
        if (top >> i & 1)
            sum ^= generator[i];
    return sum;
}

static uint32_t checksum_prefix(const char *hrp)
{
    uint32_t sum = 1;
    for (const char *c = hrp; *c; c++)
        sum = checksum_step(sum, (unsigned char)*c >> 5);
    sum = checksum_step(sum, 0);
    for (const char *c = hrp; *c; c++)
        sum = checksum_step(sum, (unsigned char)*c & 31);
    return sum;
}

/* The whole text in one case, of printable characters; the separator's place, or 0. */
static size_t bech32_shape(const char *text, size_t n, bool *upper)
{
    bool low = false, up = false;
    size_t separator = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 33 || text[i] > 126)
            return 0;
        low |= text[i] >= 'a' && text[i] <= 'z';
        up |= text[i] >= 'A' && text[i] <= 'Z';
        if (text[i] == '1')
            separator = i;
    }
    *upper = up;
    bool good = !(low && up) && separator >= 1 && separator <= DIO_HRP_MAX &&
                n - separator - 1 >= CHECKSUM_DIGITS;
    return good ? separator : 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Digits of five bits to bytes: what is left over is below five bits and zero. */
static long bech32_data(uint8_t *data, size_t room, const char *text, size_t n, uint32_t *sum)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const char *d = text[i] ? strchr(bech32_digits, lower(text[i])) : NULL;
        if (!d)
            return -1;
        unsigned v = (unsigned)(d - bech32_digits);
        *sum = checksum_step(*sum, v);
        if (i >= n - CHECKSUM_DIGITS)
            continue;
        bits = (bits << 5 | v) & 0xfff;
        held += 5;
        if (held >= 8 && at == room)
            return -1;
        if (held >= 8)
            data[at++] = (uint8_t)(bits >> (held -= 8));
    }
    return held < 5 && !(bits & ((1u << held) - 1)) ? (long)at : -1;
}

long dio_bech32_decode(char hrp[DIO_HRP_MAX + 1], uint8_t *data, size_t room, const char *text,
                       size_t n, bool *upper)
{
    size_t separator = bech32_shape(text, n, upper);
    if (!separator)
        return -1;
    for (size_t i = 0; i < separator; i++)
        hrp[i] = lower(text[i]);
    hrp[separator] = 0;
    uint32_t sum = checksum_prefix(hrp);
    long len = bech32_data(data, room, text + separator + 1, n - separator - 1, &sum);
    return sum == 1 ? len : -1;
}

bool dio_bech32_encode(char *out, size_t size, const char *hrp, const uint8_t *data, size_t n)
{
    size_t prefix = strlen(hrp), digits = (n * 8 + 4) / 5;
    if (size < prefix + 1 + digits + CHECKSUM_DIGITS + 1)
        return false;
    uint32_t sum = checksum_prefix(hrp), bits = 0;
    unsigned held = 0;
    memcpy(out, hrp, prefix);
    out += prefix;
    *out++ = '1';
    for (size_t i = 0, at = 0; i < digits; i++) {
        if (held < 5) {
            bits = (bits & 31) << 8 | (at < n ? data[at] : 0u);
            at++;
            held += 8;
        }
        unsigned v = bits >> (held -= 5) & 31;
        *out++ = bech32_digits[v];
        sum = checksum_step(sum, v);
    }
    for (unsigned i = 0; i < CHECKSUM_DIGITS; i++)
        sum = checksum_step(sum, 0);
    sum ^= 1;
    for (unsigned i = 0; i < CHECKSUM_DIGITS; i++)
        *out++ = bech32_digits[sum >> 5 * (5 - i) & 31];
    *out = 0;
    return true;
}

/* ---- a string that grows --------------------------------------------------------------------- */

static char *text_room(struct dio_text *t, size_t n)
{
    if (t->failed || n > SIZE_MAX / 4 - t->len) {
        t->failed = true;
        return NULL;
    }
    if (t->len + n > t->room) {
        size_t room = 2 * (t->len + n) + 64;
        char *p = realloc(t->p, room);
        if (!p) {
            t->failed = true;
            return NULL;
        }
        t->p = p;
        t->room = room;
    }
    return t->p + t->len;
}

void dio_text_add(struct dio_text *t, const void *bytes, size_t n)
{
    char *p = n ? text_room(t, n) : NULL;
    if (p) {
        memcpy(p, bytes, n);
        t->len += n;
    }
}

void dio_text_str(struct dio_text *t, const char *s)
{
    dio_text_add(t, s, strlen(s));
}

void dio_text_b64(struct dio_text *t, const uint8_t *bytes, size_t n)
{
    char *p = text_room(t, n / 3 * 4 + 4);
    if (p)
        t->len += dio_b64_encode(p, bytes, n);
}
