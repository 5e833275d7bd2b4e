/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by OpenSSL's libcrypto. A failure inside libcrypto is remembered up to the end.
 */
#include "sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct dio_sha256 {
    EVP_MD_CTX *ctx;
    int failed;
};

void dio_sha256_prepare(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL); /* what fails now is told at first use */
}

struct dio_sha256 *dio_sha256_new(void)
{
    struct dio_sha256 *h = calloc(1, sizeof *h);
    if (h && !(h->ctx = EVP_MD_CTX_new())) {
        free(h);
        h = NULL;
    }
    return h;
}

void dio_sha256_free(struct dio_sha256 *h)
{
    if (h)
        EVP_MD_CTX_free(h->ctx);
    free(h);
}

void dio_sha256_start(struct dio_sha256 *h)
{
    h->failed = !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL);
}

void dio_sha256_copy(struct dio_sha256 *to, const struct dio_sha256 *from)
{
    to->failed = from->failed || !EVP_MD_CTX_copy_ex(to->ctx, from->ctx);
}

void dio_sha256_add(struct dio_sha256 *h, const void *data, size_t len)
{
    h->failed = h->failed || !EVP_DigestUpdate(h->ctx, data, len); /* not into a failed start */
}

int dio_sha256_end(struct dio_sha256 *h, unsigned char digest[32], struct dumpio_error *err)
{
    h->failed = h->failed || !EVP_DigestFinal_ex(h->ctx, digest, NULL);
    if (!h->failed)
        return 0;
    memset(digest, 0, 32);
    return dio_nomem(err, "a digest");
}
