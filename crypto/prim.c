/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symmetric primitives and X25519 by libcrypto (3.0 or later): RFC 2104, 5869, 7748, 7914, 8439.
 * Public-key things of SSH are in prim_pk.c.
 */
#include "prim.h"

#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---------------------------------------------------------------------------------- */

const char *dio_prim_missing(void)
{
    return NULL;
}

int dio_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

int dio_random(void *p, size_t n)
{
    return n <= 1u << 20 && RAND_bytes(p, (int)n) == 1 ? 0 : -1;
}

/* ---- hashes and key derivation --------------------------------------------------------------- */

int dio_hash256(uint8_t out[DIO_HASH], const void *data, size_t len)
{
    return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

int dio_hash512(uint8_t out[64], const void *data, size_t len)
{
    return EVP_Digest(data, len, out, NULL, EVP_sha512(), NULL) == 1 ? 0 : -1;
}

int dio_hmac256(uint8_t out[DIO_HASH], const void *key, size_t key_len, const void *data,
                size_t len)
{
    unsigned n = DIO_HASH;
    return HMAC(EVP_sha256(), key_len ? key : "", (int)key_len, data, len, out, &n) ? 0 : -1;
}

/* One block of output, so T(1) = HMAC(PRK, info || 0x01) is all of it. */
int dio_hkdf(uint8_t out[DIO_HASH], const struct dio_hkdf_in *in)
{
    uint8_t prk[DIO_HASH], block[128];
    size_t n = strlen(in->info);
    if (n >= sizeof block)
        return -1;
    memcpy(block, in->info, n);
    block[n] = 1;
    int rc = dio_hmac256(prk, in->salt, in->salt_len, in->ikm_len ? in->ikm : "", in->ikm_len);
    if (!rc)
        rc = dio_hmac256(out, prk, sizeof prk, block, n + 1);
    dio_wipe(prk, sizeof prk);
    return rc;
}

int dio_scrypt(uint8_t out[DIO_HASH], const char *pass, size_t pass_len, const uint8_t *salt,
               size_t salt_len, unsigned log_n)
{
    uint64_t n = 1ull << log_n, limit = (n << 10) + (1u << 20);
    return EVP_PBE_scrypt(pass, pass_len, salt, salt_len, n, 8, 1, limit, out, DIO_HASH) == 1 ? 0
                                                                                              : -1;
}

/* ---- ChaCha20-Poly1305 ----------------------------------------------------------------------- */

struct dio_aead {
    EVP_CIPHER_CTX *seal, *open;
};

void dio_aead_free(struct dio_aead *a)
{
    if (!a)
        return;
    EVP_CIPHER_CTX_free(a->seal);
    EVP_CIPHER_CTX_free(a->open);
    free(a);
}

struct dio_aead *dio_aead_new(const uint8_t key[DIO_AEAD_KEY])
{
    struct dio_aead *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->seal = EVP_CIPHER_CTX_new();
    a->open = EVP_CIPHER_CTX_new();
    if (!a->seal || !a->open ||
        EVP_EncryptInit_ex(a->seal, EVP_chacha20_poly1305(), NULL, key, NULL) != 1 ||
        EVP_DecryptInit_ex(a->open, EVP_chacha20_poly1305(), NULL, key, NULL) != 1) {
        dio_aead_free(a);
        return NULL;
    }
    return a;
}

int dio_aead_seal(struct dio_aead *a, const uint8_t nonce[DIO_AEAD_NONCE], uint8_t *out,
                  const uint8_t *in, size_t len)
{
    int n = 0, tail = 0;
    if (len > INT32_MAX || EVP_EncryptInit_ex(a->seal, NULL, NULL, NULL, nonce) != 1 ||
        (len && EVP_EncryptUpdate(a->seal, out, &n, in, (int)len) != 1) ||
        EVP_EncryptFinal_ex(a->seal, out + n, &tail) != 1 || (size_t)(n + tail) != len ||
        EVP_CIPHER_CTX_ctrl(a->seal, EVP_CTRL_AEAD_GET_TAG, (int)DIO_AEAD_TAG, out + len) != 1)
        return -1;
    return 0;
}

int dio_aead_open(struct dio_aead *a, const uint8_t nonce[DIO_AEAD_NONCE], uint8_t *out,
                  const uint8_t *in, size_t len)
{
    int n = 0, tail = 0;
    uint8_t tag[DIO_AEAD_TAG];
    memcpy(tag, in + len, sizeof tag);
    if (len > INT32_MAX || EVP_DecryptInit_ex(a->open, NULL, NULL, NULL, nonce) != 1 ||
        EVP_CIPHER_CTX_ctrl(a->open, EVP_CTRL_AEAD_SET_TAG, (int)sizeof tag, tag) != 1)
        return -1;
    if (len && EVP_DecryptUpdate(a->open, out, &n, in, (int)len) != 1) {
        dio_wipe(out, len);
        return -1;
    }
    if (EVP_DecryptFinal_ex(a->open, out + n, &tail) != 1 || (size_t)(n + tail) != len) {
        dio_wipe(out, len);
        return 1;
    }
    return 0;
}

/* ---- X25519 ---------------------------------------------------------------------------------- */

int dio_x25519_base(uint8_t out[DIO_POINT], const uint8_t scalar[DIO_POINT])
{
    size_t n = DIO_POINT;
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, DIO_POINT);
    int ok = k && EVP_PKEY_get_raw_public_key(k, out, &n) == 1 && n == DIO_POINT;
    EVP_PKEY_free(k);
    return ok ? 0 : -1;
}

/* libcrypto refuses to derive an all-zero secret itself, with no way to tell this from other
 * failures: when all steps before went well, that is the reason. */
int dio_x25519(uint8_t out[DIO_POINT], const uint8_t scalar[DIO_POINT],
               const uint8_t point[DIO_POINT])
{
    static const uint8_t zero[DIO_POINT];
    size_t n = DIO_POINT;
    int rc = -1;
    EVP_PKEY *mine = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, DIO_POINT);
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, DIO_POINT);
    EVP_PKEY_CTX *ctx = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
    if (ctx && other && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, other) == 1)
        rc = EVP_PKEY_derive(ctx, out, &n) != 1 || n != DIO_POINT || dio_equal(out, zero, n);
    if (rc)
        dio_wipe(out, DIO_POINT);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(other);
    return rc;
}
