/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA-OAEP and signatures (RFC 8017), Ed25519, also as X25519 (RFC 7748, 8032), and PEM private keys
 * by libcrypto.
 * No OpenSSH format: that is keys_ssh.c.
 */
#include "prim_pk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

/* ---- Ed25519 --------------------------------------------------------------------------------- */

int dio_ed25519_to_x25519(uint8_t out[DIO_POINT], const uint8_t ed[DIO_POINT])
{
    uint8_t y_bytes[DIO_POINT];
    memcpy(y_bytes, ed, sizeof y_bytes);
    y_bytes[31] &= 0x7f; /* the sign of x has no part in u */
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = NULL, *y = BN_lebin2bn(y_bytes, sizeof y_bytes, NULL), *u = BN_new(),
           *low = BN_new();
    BN_hex2bn(&p, "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
    int ok = ctx && p && y && u && low && BN_cmp(y, p) < 0 &&
             BN_mod_sub(low, BN_value_one(), y, p, ctx) && !BN_is_zero(low) &&
             BN_mod_inverse(low, low, p, ctx) && BN_mod_add(u, BN_value_one(), y, p, ctx) &&
             BN_mod_mul(u, u, low, p, ctx) && BN_bn2lebinpad(u, out, DIO_POINT) == (int)DIO_POINT;
    BN_free(p);
    BN_free(y);
    BN_free(u);
    BN_free(low);
    BN_CTX_free(ctx);
    return ok ? 0 : -1;
}

int dio_ed25519_public(uint8_t ed[DIO_POINT], const uint8_t seed[DIO_POINT])
{
    size_t n = DIO_POINT;
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, DIO_POINT);
    int ok = k && EVP_PKEY_get_raw_public_key(k, ed, &n) == 1 && n == DIO_POINT;
    EVP_PKEY_free(k);
    return ok ? 0 : -1;
}

/* The clamping is X25519's own. */
int dio_ed25519_scalar(uint8_t scalar[DIO_POINT], const uint8_t seed[DIO_POINT])
{
    uint8_t h[64];
    int rc = dio_hash512(h, seed, DIO_POINT);
    memcpy(scalar, h, DIO_POINT);
    dio_wipe(h, sizeof h);
    return rc;
}

/* ---- RSA ------------------------------------------------------------------------------------- */

struct dio_rsa {
    EVP_PKEY *key;
};

static struct dio_rsa *rsa_of(EVP_PKEY *key)
{
    struct dio_rsa *r = key ? malloc(sizeof *r) : NULL;
    if (r)
        r->key = key;
    else
        EVP_PKEY_free(key);
    return r;
}

struct dio_rsa *dio_rsa_new(struct dio_number n, struct dio_number e, const struct dio_number *d)
{
    if (n.len > DIO_RSA_MAX || e.len > DIO_RSA_MAX || (d && d->len > DIO_RSA_MAX))
        return NULL;
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    BIGNUM *bn = BN_bin2bn(n.p, (int)n.len, NULL), *be = BN_bin2bn(e.p, (int)e.len, NULL);
    BIGNUM *bd = d ? BN_secure_new() : NULL;
    if (b && ctx && bn && be && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be) &&
        (!d || (bd && BN_bin2bn(d->p, (int)d->len, bd) &&
                OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_D, bd))) &&
        (params = OSSL_PARAM_BLD_to_param(b)) && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_free(bn);
    BN_free(be);
    BN_clear_free(bd);
    return rsa_of(key);
}

void dio_rsa_free(struct dio_rsa *r)
{
    if (r)
        EVP_PKEY_free(r->key);
    free(r);
}

struct dio_rsa *dio_rsa_share(const struct dio_rsa *r)
{
    return EVP_PKEY_up_ref(r->key) == 1 ? rsa_of(r->key) : NULL;
}

size_t dio_rsa_size(const struct dio_rsa *r)
{
    int n = EVP_PKEY_get_size(r->key);
    return n > 0 ? (size_t)n : 0;
}

static EVP_PKEY_CTX *oaep(const struct dio_rsa *r, const char *label, int seal)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(r->key, NULL);
    /* the label ends with a NUL only for C: it is not part of it */
    char *copy = OPENSSL_strdup(label);
    if (ctx && copy && (seal ? EVP_PKEY_encrypt_init(ctx) : EVP_PKEY_decrypt_init(ctx)) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
        EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)strlen(label)) == 1)
        return ctx;
    OPENSSL_free(copy);
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

int dio_rsa_seal(const struct dio_rsa *r, const char *label, const uint8_t *in, size_t len,
                 uint8_t *out)
{
    size_t n = dio_rsa_size(r);
    EVP_PKEY_CTX *ctx = oaep(r, label, 1);
    int ok = ctx && EVP_PKEY_encrypt(ctx, out, &n, in, len) == 1 && n == dio_rsa_size(r);
    EVP_PKEY_CTX_free(ctx);
    return ok ? 0 : -1;
}

int dio_rsa_open(const struct dio_rsa *r, const char *label, const uint8_t *in, uint8_t *out,
                 size_t len)
{
    size_t size = dio_rsa_size(r), n = size;
    uint8_t *plain = malloc(size ? size : 1);
    EVP_PKEY_CTX *ctx = oaep(r, label, 0);
    int rc = -1;
    if (plain && ctx) {
        rc = EVP_PKEY_decrypt(ctx, plain, &n, in, size) != 1 || n != len;
        if (!rc)
            memcpy(out, plain, len);
        dio_wipe(plain, size);
    }
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    free(plain);
    return rc;
}

/* ---- signatures ------------------------------------------------------------------------------ */

static int sign(EVP_PKEY *key, const EVP_MD *md, uint8_t *sig, size_t size, const void *msg,
                size_t len)
{
    size_t n = size;
    EVP_MD_CTX *ctx = key ? EVP_MD_CTX_new() : NULL;
    int ok = ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
             EVP_DigestSign(ctx, sig, &n, msg, len) == 1 && n == size;
    ERR_clear_error();
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -1;
}

static int verify(EVP_PKEY *key, const EVP_MD *md, const uint8_t *sig, size_t size,
                  const void *msg, size_t len)
{
    EVP_MD_CTX *ctx = key ? EVP_MD_CTX_new() : NULL;
    int ok = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
             EVP_DigestVerify(ctx, sig, size, msg, len) == 1;
    ERR_clear_error();
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -1;
}

int dio_ed25519_sign(uint8_t sig[DIO_ED25519_SIG], const uint8_t seed[DIO_POINT], const void *msg,
                     size_t len)
{
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, DIO_POINT);
    int rc = sign(k, NULL, sig, DIO_ED25519_SIG, msg, len);
    EVP_PKEY_free(k);
    return rc;
}

int dio_ed25519_verify(const uint8_t sig[DIO_ED25519_SIG], const uint8_t ed[DIO_POINT],
                       const void *msg, size_t len)
{
    EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, ed, DIO_POINT);
    int rc = verify(k, NULL, sig, DIO_ED25519_SIG, msg, len);
    EVP_PKEY_free(k);
    return rc;
}

int dio_rsa_sign(const struct dio_rsa *r, unsigned bits, uint8_t *sig, const void *msg, size_t len)
{
    return sign(r->key, bits == 512 ? EVP_sha512() : EVP_sha256(), sig, dio_rsa_size(r), msg, len);
}

int dio_rsa_verify(const struct dio_rsa *r, unsigned bits, const uint8_t *sig, size_t sig_len,
                   const void *msg, size_t len)
{
    return verify(r->key, bits == 512 ? EVP_sha512() : EVP_sha256(), sig, sig_len, msg, len);
}

/* ---- PEM ------------------------------------------------------------------------------------- */

static int number_of(EVP_PKEY *key, const char *name, uint8_t **bytes, size_t *len)
{
    BIGNUM *b = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &b) != 1)
        return -1;
    *len = (size_t)BN_num_bytes(b);
    *bytes = *len <= DIO_RSA_MAX ? malloc(*len + 1) : NULL;
    if (*bytes)
        BN_bn2bin(b, *bytes);
    BN_free(b);
    return *bytes ? 0 : -1;
}

int dio_pem_read(struct dio_pem *out, const char *text, size_t len,
                 int (*ask)(char *buf, int size, int writing, void *user), void *user)
{
    memset(out, 0, sizeof *out);
    BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(text, (int)len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, ask, user) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (!key)
        return -1;
    size_t n = DIO_POINT;
    int type = EVP_PKEY_get_base_id(key), rc = -2;
    if (type == EVP_PKEY_ED25519) {
        rc = EVP_PKEY_get_raw_private_key(key, out->seed, &n) == 1 && n == DIO_POINT ? 0 : -1;
    } else if (type == EVP_PKEY_RSA) {
        rc = number_of(key, OSSL_PKEY_PARAM_RSA_N, &out->n, &out->n_len);
        if (!rc)
            rc = number_of(key, OSSL_PKEY_PARAM_RSA_E, &out->e, &out->e_len);
        if (!rc && EVP_PKEY_up_ref(key) == 1 && !(out->rsa = rsa_of(key)))
            rc = -1;
        if (rc) {
            free(out->n);
            free(out->e);
            out->n = out->e = NULL;
        }
    }
    EVP_PKEY_free(key);
    return rc;
}
