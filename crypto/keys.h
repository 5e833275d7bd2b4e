/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys inside crypto/: one struct for recipients and identities of every kind.
 */
#ifndef DIO_CRYPTO_KEYS_H
#define DIO_CRYPTO_KEYS_H

#include "age_text.h"
#include "plug/decode.h"
#include "plug/keys.h"
#include "prim_pk.h"

enum dio_key_kind { DIO_KEY_X25519, DIO_KEY_SCRYPT, DIO_KEY_SSH_ED25519, DIO_KEY_SSH_RSA };

#define DIO_SSH_TAG 4u

/* In memory of dio_secret_alloc. */
struct dio_key {
    struct dio_key *next;
    enum dio_key_kind kind;
    uint8_t pub[DIO_POINT];    /* X25519 point of X25519 and SSH_ED25519 */
    uint8_t secret[DIO_POINT]; /* its scalar, in identities */
    uint8_t seed[DIO_POINT];   /* SSH_ED25519: what the scalar is made of, to sign with */
    uint8_t *wire;             /* SSH: the public key as in SSH's protocol */
    size_t wire_len;
    uint8_t tag[DIO_SSH_TAG];  /* SSH: first bytes of SHA-256 of wire */
    struct dio_rsa *rsa;
    char pass[DIO_PASSPHRASE_MAX]; /* SCRYPT */
};

struct dio_keys {
    struct dio_key *recipients, *identities; /* in the order of adding */
    struct dio_keys_ask ask;
};

struct dio_key *dio_key_new(enum dio_key_kind kind, struct dumpio_error *err);
void dio_key_free(struct dio_key *key); /* NULL allowed */
/* At the end of the list, which owns it then. */
void dio_key_append(struct dio_key **list, struct dio_key *key);

/* Ask for a passphrase, into pass; DUMPIO_E_ARG when there is nobody to ask or no answer. */
int dio_keys_passphrase(const struct dio_keys *k, const char *what, char pass[DIO_PASSPHRASE_MAX],
                        struct dumpio_error *err);

/* ---- SSH (keys_ssh.c) ------------------------------------------------------------------------ */

/* A length and so many bytes; NULL (and overrun) when there are fewer. */
struct dio_number dio_ssh_piece(struct dio_cursor *c);
bool dio_ssh_is(struct dio_number piece, const char *text);
void dio_ssh_put(struct dio_text *t, const void *p, size_t len);

/* "ssh-ed25519 AAAA... comment". DUMPIO_E_UNSUPPORTED for SSH's other kinds. */
int dio_ssh_public(struct dio_key **out, const char *text, size_t len, struct dumpio_error *err);
/* A public key as in SSH's protocol. */
int dio_ssh_wire(struct dio_key **out, const uint8_t *wire, size_t len, struct dumpio_error *err);
#define DIO_FINGERPRINT 64u
/* SHA-256 of its wire, and "SHA256:..." as ssh-keygen -l prints it. */
void dio_ssh_fingerprint(const struct dio_key *key, uint8_t hash[32], char text[DIO_FINGERPRINT]);
/* A private key, OpenSSH or PEM. The keys' ask is for PEM's encryption. */
int dio_ssh_private(struct dio_key **out, const struct dio_keys *k, const char *text, size_t len,
                    const char *name, struct dumpio_error *err);

#endif
