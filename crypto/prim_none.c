/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primitives of a build without libcrypto: there are none. Keys cannot be made then, and who
 * asks for one is told so (dio_prim_missing); what is here serves the linker and fails.
 */
#include "prim_pk.h"

const char *dio_prim_missing(void)
{
    return "built without libcrypto (DUMPIO_CRYPTO)";
}

int dio_equal(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    unsigned char differ = 0;
    while (n--)
        differ |= *x++ ^ *y++;
    return !differ;
}

int dio_random(void *p, size_t n)
{
    (void)p, (void)n;
    return -1;
}

int dio_hash256(uint8_t out[DIO_HASH], const void *data, size_t len)
{
    (void)out, (void)data, (void)len;
    return -1;
}

int dio_hash512(uint8_t out[64], const void *data, size_t len)
{
    (void)out, (void)data, (void)len;
    return -1;
}

int dio_hmac256(uint8_t out[DIO_HASH], const void *key, size_t key_len, const void *data,
                size_t len)
{
    (void)out, (void)key, (void)key_len, (void)data, (void)len;
    return -1;
}

int dio_hkdf(uint8_t out[DIO_HASH], const struct dio_hkdf_in *in)
{
    (void)out, (void)in;
    return -1;
}

int dio_scrypt(uint8_t out[DIO_HASH], const char *pass, size_t pass_len, const uint8_t *salt,
               size_t salt_len, unsigned log_n)
{
    (void)out, (void)pass, (void)pass_len, (void)salt, (void)salt_len, (void)log_n;
    return -1;
}

struct dio_aead *dio_aead_new(const uint8_t key[DIO_AEAD_KEY])
{
    (void)key;
    return NULL;
}

void dio_aead_free(struct dio_aead *a)
{
    (void)a;
}

int dio_aead_seal(struct dio_aead *a, const uint8_t nonce[DIO_AEAD_NONCE], uint8_t *out,
                  const uint8_t *in, size_t len)
{
    (void)a, (void)nonce, (void)out, (void)in, (void)len;
    return -1;
}

int dio_aead_open(struct dio_aead *a, const uint8_t nonce[DIO_AEAD_NONCE], uint8_t *out,
                  const uint8_t *in, size_t len)
{
    (void)a, (void)nonce, (void)out, (void)in, (void)len;
    return -1;
}

int dio_x25519(uint8_t out[DIO_POINT], const uint8_t scalar[DIO_POINT],
               const uint8_t point[DIO_POINT])
{
    (void)out, (void)scalar, (void)point;
    return -1;
}

int dio_x25519_base(uint8_t out[DIO_POINT], const uint8_t scalar[DIO_POINT])
{
    (void)out, (void)scalar;
    return -1;
}

int dio_ed25519_to_x25519(uint8_t out[DIO_POINT], const uint8_t ed[DIO_POINT])
{
    (void)out, (void)ed;
    return -1;
}

int dio_ed25519_public(uint8_t ed[DIO_POINT], const uint8_t seed[DIO_POINT])
{
    (void)ed, (void)seed;
    return -1;
}

int dio_ed25519_scalar(uint8_t scalar[DIO_POINT], const uint8_t seed[DIO_POINT])
{
    (void)scalar, (void)seed;
    return -1;
}

struct dio_rsa *dio_rsa_new(struct dio_number n, struct dio_number e, const struct dio_number *d)
{
    (void)n, (void)e, (void)d;
    return NULL;
}

struct dio_rsa *dio_rsa_share(const struct dio_rsa *r)
{
    (void)r;
    return NULL;
}

void dio_rsa_free(struct dio_rsa *r)
{
    (void)r;
}

size_t dio_rsa_size(const struct dio_rsa *r)
{
    (void)r;
    return 0;
}

int dio_rsa_seal(const struct dio_rsa *r, const char *label, const uint8_t *in, size_t len,
                 uint8_t *out)
{
    (void)r, (void)label, (void)in, (void)len, (void)out;
    return -1;
}

int dio_rsa_open(const struct dio_rsa *r, const char *label, const uint8_t *in, uint8_t *out,
                 size_t len)
{
    (void)r, (void)label, (void)in, (void)out, (void)len;
    return -1;
}

int dio_pem_read(struct dio_pem *out, const char *text, size_t len,
                 int (*ask)(char *buf, int size, int writing, void *user), void *user)
{
    (void)out, (void)text, (void)len, (void)ask, (void)user;
    return -1;
}
