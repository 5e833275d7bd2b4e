/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public-key primitives of SSH keys, over libcrypto: RSA-OAEP, Ed25519 keys as X25519 keys, PEM,
 * signatures.
 * Functions return 0, or -1 when libcrypto refuses or the key is impossible.
 */
#ifndef DIO_PRIM_PK_H
#define DIO_PRIM_PK_H

#include "prim.h"

/* The Montgomery form of an Ed25519 public key (RFC 7748, 4.1: u = (1 + y) / (1 - y)). */
int dio_ed25519_to_x25519(uint8_t out[DIO_POINT], const uint8_t ed[DIO_POINT]);
/* The Ed25519 public key of a seed, and the X25519 scalar that belongs to it (RFC 8032, 5.1.5). */
int dio_ed25519_public(uint8_t ed[DIO_POINT], const uint8_t seed[DIO_POINT]);
int dio_ed25519_scalar(uint8_t scalar[DIO_POINT], const uint8_t seed[DIO_POINT]);

#define DIO_ED25519_SIG 64u

int dio_ed25519_sign(uint8_t sig[DIO_ED25519_SIG], const uint8_t seed[DIO_POINT], const void *msg,
                     size_t len);
int dio_ed25519_verify(const uint8_t sig[DIO_ED25519_SIG], const uint8_t ed[DIO_POINT],
                       const void *msg, size_t len); /* -1: not its signature */

struct dio_rsa;

/* Big-endian number. */
struct dio_number {
    const uint8_t *p;
    size_t len;
};

/* d NULL = public only. NULL: libcrypto refuses. */
struct dio_rsa *dio_rsa_new(struct dio_number n, struct dio_number e, const struct dio_number *d);
struct dio_rsa *dio_rsa_share(const struct dio_rsa *r); /* the same key again; NULL: no memory */
void dio_rsa_free(struct dio_rsa *r); /* NULL allowed; libcrypto wipes the private part */
size_t dio_rsa_size(const struct dio_rsa *r); /* bytes of the modulus */

#define DIO_RSA_MAX 2048u /* bytes of a modulus taken: 16384 bits */

/* OAEP with SHA-256 for both hashes. out: dio_rsa_size() bytes. */
int dio_rsa_seal(const struct dio_rsa *r, const char *label, const uint8_t *in, size_t len,
                 uint8_t *out);
/* in: dio_rsa_size() bytes; out: exactly len bytes. 1: this is not for that key. */
int dio_rsa_open(const struct dio_rsa *r, const char *label, const uint8_t *in, uint8_t *out,
                 size_t len);

/* PKCS #1 v1.5 with SHA-512 (`bits` 512) or SHA-256. sig: dio_rsa_size() bytes. */
int dio_rsa_sign(const struct dio_rsa *r, unsigned bits, uint8_t *sig, const void *msg, size_t len);
int dio_rsa_verify(const struct dio_rsa *r, unsigned bits, const uint8_t *sig, size_t sig_len,
                   const void *msg, size_t len); /* -1: not its signature */

/* A private key in PEM (PKCS#1, PKCS#8). */
struct dio_pem {
    struct dio_rsa *rsa;       /* RSA, the caller's; else NULL */
    uint8_t *n, *e;            /* its public numbers, the caller's to free */
    size_t n_len, e_len;
    uint8_t seed[DIO_POINT];   /* Ed25519 otherwise */
};

/*
 * `ask` is called when the key is encrypted: a passphrase of up to size bytes into buf, its length
 * returned, negative to give up. -2: another kind of key.
 */
int dio_pem_read(struct dio_pem *out, const char *text, size_t len,
                 int (*ask)(char *buf, int size, int writing, void *user), void *user);

#endif
