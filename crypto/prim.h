/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primitives that the age format is made of, over libcrypto. No format in sight.
 * Functions return 0, or -1 when libcrypto refuses (out of memory, algorithm not available);
 * other results are said.
 */
#ifndef DIO_PRIM_H
#define DIO_PRIM_H

#include "plug/secret.h"

#include <stddef.h>
#include <stdint.h>

#define DIO_AEAD_KEY 32u
#define DIO_AEAD_NONCE 12u
#define DIO_AEAD_TAG 16u
#define DIO_HASH 32u  /* bytes of SHA-256, HMAC-SHA-256, and of every HKDF output here */
#define DIO_POINT 32u /* bytes of an X25519 point or scalar */

/* Why there are no primitives in this build; NULL: there are. */
const char *dio_prim_missing(void);

/* ---- memory ---------------------------------------------------------------------------------- */

/* Nonzero when both are the same; the time taken depends on n only. */
int dio_equal(const void *a, const void *b, size_t n);

int dio_random(void *p, size_t n);

/* ---- hashes and key derivation --------------------------------------------------------------- */

int dio_hash256(uint8_t out[DIO_HASH], const void *data, size_t len);
int dio_hash512(uint8_t out[64], const void *data, size_t len);
int dio_hmac256(uint8_t out[DIO_HASH], const void *key, size_t key_len, const void *data,
                size_t len);

/* HKDF-SHA-256 with 32 bytes of output; any of ikm, salt and info may be empty. */
struct dio_hkdf_in {
    const void *ikm, *salt;
    size_t ikm_len, salt_len;
    const char *info; /* text */
};
int dio_hkdf(uint8_t out[DIO_HASH], const struct dio_hkdf_in *in);

/* scrypt with r = 8, p = 1, N = 2^log_n: takes 2^(log_n + 10) bytes of memory. */
int dio_scrypt(uint8_t out[DIO_HASH], const char *pass, size_t pass_len, const uint8_t *salt,
               size_t salt_len, unsigned log_n);

/* ---- ChaCha20-Poly1305 ----------------------------------------------------------------------- */

/* One key, many messages; for one thread at a time. */
struct dio_aead;

struct dio_aead *dio_aead_new(const uint8_t key[DIO_AEAD_KEY]); /* NULL: libcrypto refuses */
void dio_aead_free(struct dio_aead *a); /* NULL allowed */

/* out has room for len bytes and the tag; out == in is allowed. */
int dio_aead_seal(struct dio_aead *a, const uint8_t nonce[DIO_AEAD_NONCE], uint8_t *out,
                  const uint8_t *in, size_t len);
/*
 * `len` bytes and the tag behind them are at in; out gets len bytes (out == in is allowed).
 * 1 when they do not authenticate: out is wiped then.
 */
int dio_aead_open(struct dio_aead *a, const uint8_t nonce[DIO_AEAD_NONCE], uint8_t *out,
                  const uint8_t *in, size_t len);

/* ---- X25519 ---------------------------------------------------------------------------------- */

/* 1 when the result is all zero (a point of low order). */
int dio_x25519(uint8_t out[DIO_POINT], const uint8_t scalar[DIO_POINT],
               const uint8_t point[DIO_POINT]);
int dio_x25519_base(uint8_t out[DIO_POINT], const uint8_t scalar[DIO_POINT]);

#endif
