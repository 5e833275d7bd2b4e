/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters of texts that other programs read: UTF-8 (RFC 3629) and hexadecimal digits.
 */
#ifndef DIO_UTF8_H
#define DIO_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes of the character at s, of n at most; 0 when it is no UTF-8. */
static inline size_t dio_utf8(const uint8_t *s, size_t n)
{
    size_t len = !n ? 0 : *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3
               : *s < 0xf5 ? 4 : 0;
    if (len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if (len < 3)
        return len;
    uint32_t first = (uint32_t)s[0] << 8 | s[1];
    if (first < 0xe0a0 || (first >= 0xeda0 && first < 0xee00) || (first >= 0xf000 && first < 0xf090)
        || first > 0xf48f)
        return 0; /* longer than need be, a surrogate, beyond U+10FFFF */
    return len;
}

/* 0 to 15, -1 for others. */
static inline int dio_hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 2 n + 1 characters. */
static inline void dio_hex(char *text, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

#endif
