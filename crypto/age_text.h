/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of the age format: strict base64, Bech32, and a string that grows.
 */
#ifndef DIO_AGE_TEXT_H
#define DIO_AGE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- base64 (RFC 4648, section 4) ------------------------------------------------------------ */

/* Bytes that n characters of unpadded base64 give, at most. */
static inline size_t dio_b64_room(size_t n)
{
    return n / 4 * 3 + 2;
}

/* Unpadded, canonical; -1 when it is not. `out` has dio_b64_room(n) bytes. Else the bytes. */
long dio_b64_decode(uint8_t *out, const char *text, size_t n);
/* Unpadded; without a NUL. Returns the characters: (4 n + 2) / 3. */
size_t dio_b64_encode(char *out, const uint8_t *in, size_t n);

/* `groups` groups of four characters without padding; false when one is no base64. */
bool dio_b64_groups(uint8_t *out, const char *text, size_t groups);

/* ---- Bech32 (BIP 173, of any length) --------------------------------------------------------- */

#define DIO_HRP_MAX 83u

/*
 * Split text into its lower-case prefix and its data. Returns the bytes at data, or -1: mixed case,
 * foreign characters, a wrong checksum, bits left over, or more than `room` bytes. *upper tells
 * the case.
 */
long dio_bech32_decode(char hrp[DIO_HRP_MAX + 1], uint8_t *data, size_t room, const char *text,
                       size_t n, bool *upper);
/* Lower case, NUL-terminated; false when `size` is too small. */
bool dio_bech32_encode(char *out, size_t size, const char *hrp, const uint8_t *data, size_t n);

/* ---- a string that grows --------------------------------------------------------------------- */

struct dio_text {
    char *p; /* not NUL-terminated; free() is the owner's */
    size_t len, room;
    bool failed; /* sticky: no memory */
};

void dio_text_add(struct dio_text *t, const void *bytes, size_t n);
void dio_text_str(struct dio_text *t, const char *s);
void dio_text_b64(struct dio_text *t, const uint8_t *bytes, size_t n); /* unpadded, one line */

#endif
