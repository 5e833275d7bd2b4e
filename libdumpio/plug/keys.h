/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, and what the encryption layer offers beside open and create (plug/layer.h). Implemented by
 * crypto/; the core sees no more of it than this.
 */
#ifndef DIO_KEYS_H
#define DIO_KEYS_H

#include "layer.h"

/* The layers themselves. Armor is one of its own, to stand below the other. */
extern const struct dio_layer dio_layer_age;
extern const struct dio_layer dio_layer_age_armor;

/* ---- keys ------------------------------------------------------------------------------------ */

/*
 * Identities (to open with) and recipients (to encrypt for). Secrets are kept from swap where the
 * system allows it, and wiped.
 */
struct dio_keys;

int dio_keys_new(struct dio_keys **out, struct dumpio_error *err);
void dio_keys_free(struct dio_keys *k); /* NULL allowed */

/*
 * How to ask for a passphrase: it goes into buf, NUL-terminated; nonzero gives up. `what` is what
 * it is for. May be called while a layer is opened, then in the thread that opens.
 */
struct dio_keys_ask {
    int (*passphrase)(void *user, const char *what, char *buf, size_t size);
    void *user;
};
void dio_keys_set_ask(struct dio_keys *k, const struct dio_keys_ask *ask);

#define DIO_PASSPHRASE_MAX 1024u /* bytes, with the NUL */

/* "age1...", "ssh-ed25519 AAAA...", "ssh-rsa AAAA...". */
int dio_keys_add_recipient(struct dio_keys *k, const char *text, struct dumpio_error *err);
/* "AGE-SECRET-KEY-1..." */
int dio_keys_add_identity(struct dio_keys *k, const char *text, struct dumpio_error *err);

enum dio_key_use { DIO_KEY_OPEN = 1, DIO_KEY_SEAL = 2 };
/* use: a set of enum dio_key_use. */
int dio_keys_add_passphrase(struct dio_keys *k, const char *text, unsigned use,
                            struct dumpio_error *err);

#define DIO_KEY_FILE_MAX (1u << 20) /* bytes of a file of keys */

/* A file's contents, `name` for messages. One recipient a line; "#" comments and empty lines. */
int dio_keys_add_recipients(struct dio_keys *k, const char *text, size_t len, const char *name,
                            const struct dumpio_env *env, struct dumpio_error *err);
/*
 * Identities one a line, or one SSH private key (OpenSSH or PEM), or either of them as an age file
 * encrypted with a passphrase, which is asked for.
 */
int dio_keys_add_identities(struct dio_keys *k, const char *text, size_t len, const char *name,
                            const struct dumpio_env *env, struct dumpio_error *err);

/* Make the recipient of every identity a recipient too. */
int dio_keys_encrypt_to_self(struct dio_keys *k, struct dumpio_error *err);

size_t dio_keys_count(const struct dio_keys *k, enum dio_key_use use);

#define DIO_KEY_TEXT 96u /* room for an X25519 identity or recipient as text */

/* A new X25519 identity as text. */
int dio_keys_generate(char identity[DIO_KEY_TEXT], char recipient[DIO_KEY_TEXT],
                      struct dumpio_error *err);
/* The i-th X25519 identity's recipient; DUMPIO_END behind the last. */
int dio_keys_recipient_text(const struct dio_keys *k, size_t i, char text[DIO_KEY_TEXT]);

/* The i-th recipient as people know it; DUMPIO_END behind the last. */
int dio_keys_seal_text(const struct dio_keys *k, size_t i, char text[DIO_KEY_TEXT]);

/* ---- encrypted files ------------------------------------------------------------------------- */

struct dio_age_facts {
    uint64_t header;     /* bytes of the header */
    uint64_t overhead;   /* bytes of nonce and tags in the payload */
    uint64_t plain;      /* bytes of plaintext that the length stands for */
    uint64_t chunks;     /* of 64 KiB */
    unsigned work;       /* of a scrypt stanza: log2 of N; else 0 */
    int impossible;      /* the payload has a length that no age file has: cut */
    char stanzas[480];   /* types in the header's order, separated by blanks; cut when longer */
    unsigned n_stanzas;
};

/* What can be told without a key. `b` is an age file without armor. Nothing is authenticated. */
int dio_age_inspect(struct dio_bytes *b, struct dio_age_facts *facts, struct dumpio_error *err);

/*
 * A new header for the same payload: opened by k's identities, made for k's recipients. *header is
 * the caller's to free; the payload (nonce first) starts at *payload of b.
 */
int dio_age_rewrap(struct dio_bytes *b, const struct dio_keys *k, char **header, size_t *len,
                   uint64_t *payload, struct dumpio_error *err);

/* Log2 of scrypt's N: what is written, and the most that is read. 2^(this + 10) bytes of memory. */
#define DIO_AGE_WORK 18u
#define DIO_AGE_WORK_MAX 22u

#endif
