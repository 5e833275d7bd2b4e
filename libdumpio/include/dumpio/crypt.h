/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted dumps: the age v1 format (c2sp.org/age), read and written, binary and ASCII-armored.
 * For any file, not dumps alone. Conventions are those of dumpio.h.
 */
#ifndef DUMPIO_CRYPT_H
#define DUMPIO_CRYPT_H

#include <dumpio/dumpio.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Have libcrypto read its configuration and load what that names now, not when it is first used: for
 * programs that are about to give up the right to open files.
 */
DUMPIO_API void dumpio_crypto_prepare(void);

/* ---- keys ------------------------------------------------------------------------------------ */

/*
 * Identities, which open files, and recipients, for whom files are encrypted. Secrets are kept from
 * swap where the system allows it, and are wiped. One thread at a time; read-only once in use.
 */
struct dumpio_keys;

DUMPIO_API int dumpio_keys_new(struct dumpio_keys **out, struct dumpio_error *err);
DUMPIO_API void dumpio_keys_free(struct dumpio_keys *keys); /* NULL allowed */

/*
 * How to get a passphrase when one turns out to be needed: `what` names the file. It goes into buf,
 * NUL-terminated, `size` bytes at most; nonzero gives up.
 */
struct dumpio_ask {
    int (*passphrase)(void *user, const char *what, char *buf, size_t size);
    void *user;
};
DUMPIO_API void dumpio_keys_set_ask(struct dumpio_keys *keys, const struct dumpio_ask *ask);

/* One recipient as text: "age1...", "ssh-ed25519 AAAA...", "ssh-rsa AAAA...". */
DUMPIO_API int dumpio_keys_add_recipient(struct dumpio_keys *keys, const char *text,
                                         struct dumpio_error *err);
/* A file of them, one a line; "#" comments and empty lines. "-" = standard input. */
DUMPIO_API int dumpio_keys_add_recipients_file(struct dumpio_keys *keys, const char *path,
                                               const struct dumpio_env *env,
                                               struct dumpio_error *err);
/* One identity as text: "AGE-SECRET-KEY-1...". */
DUMPIO_API int dumpio_keys_add_identity(struct dumpio_keys *keys, const char *text,
                                        struct dumpio_error *err);
/*
 * A file of them, or an SSH private key, or either as an age file with a passphrase (asked for).
 * "-" = standard input.
 */
DUMPIO_API int dumpio_keys_add_identity_file(struct dumpio_keys *keys, const char *path,
                                             const struct dumpio_env *env,
                                             struct dumpio_error *err);

/* Bits of `use`: to open files with, to encrypt files for. */
enum dumpio_key_use { DUMPIO_KEY_OPEN = 1, DUMPIO_KEY_SEAL = 2 };

/* 1 to 1023 bytes. A passphrase to encrypt for allows no other recipient. */
DUMPIO_API int dumpio_keys_add_passphrase(struct dumpio_keys *keys, const char *text, unsigned use,
                                          struct dumpio_error *err);

/* Encrypt for the recipient of every identity, too. */
DUMPIO_API int dumpio_keys_encrypt_to_self(struct dumpio_keys *keys, struct dumpio_error *err);

DUMPIO_API size_t dumpio_keys_count(const struct dumpio_keys *keys, enum dumpio_key_use use);

#define DUMPIO_KEY_TEXT 96 /* room for a recipient "age1..." */

/* The recipient of the i-th "AGE-SECRET-KEY-1..." identity. 0, or DUMPIO_END behind the last. */
DUMPIO_API int dumpio_keys_recipient_text(const struct dumpio_keys *keys, size_t i,
                                          char text[DUMPIO_KEY_TEXT]);

/*
 * The i-th recipient as people know it: "age1...", "ssh-ed25519 SHA256:...", "ssh-rsa SHA256:...",
 * "a passphrase". 0, or DUMPIO_END behind the last.
 */
DUMPIO_API int dumpio_keys_seal_text(const struct dumpio_keys *keys, size_t i,
                                     char text[DUMPIO_KEY_TEXT]);

/*
 * Write a new identity to a file that its owner alone may read, "-" = standard output; its
 * recipient goes to `recipient`.
 */
DUMPIO_API int dumpio_keygen(const char *path, int force, char recipient[DUMPIO_KEY_TEXT],
                             struct dumpio_error *err);

/* ---- files ----------------------------------------------------------------------------------- */

struct dumpio_manifest_options; /* dumpio/manifest.h */

struct dumpio_crypt_options {
    const struct dumpio_keys *keys;
    int armor;   /* ASCII armor; rewrap: also when the input has it */
    int force;   /* replace an existing output */
    int no_sync; /* do not wait for the disk */
    /* dumpio_encrypt: what to write beside the output; NULL = nothing. What tells of the contents is
       for the recipients alone; an input that is a dump is read once more for it. */
    const struct dumpio_manifest_options *manifest;
    int no_image; /* it is not: the manifest has the file's digest only */
};

/*
 * Encrypt `in` to `out`. "-" is standard input or output. The output appears under its name only
 * when whole; input and output have to be different files.
 */
DUMPIO_API int dumpio_encrypt(const char *in, const char *out,
                              const struct dumpio_crypt_options *options,
                              const struct dumpio_env *env, struct dumpio_error *err);

/*
 * Decrypt, armored or not. Nothing that is not authenticated is written. A file that was cut is
 * DUMPIO_E_TRUNCATED, one that was changed DUMPIO_E_CORRUPT; DUMPIO_E_ARG when no key fits.
 */
DUMPIO_API int dumpio_decrypt(const char *in, const char *out,
                              const struct dumpio_crypt_options *options,
                              const struct dumpio_env *env, struct dumpio_error *err);

/*
 * Encrypt for other recipients without touching the payload: the file key stays the same, so this
 * takes nothing from those who could open the file before.
 */
DUMPIO_API int dumpio_rewrap(const char *in, const char *out,
                             const struct dumpio_crypt_options *options,
                             const struct dumpio_env *env, struct dumpio_error *err);

/* What can be told of an encrypted file without a key. Nothing of it is authenticated. */
struct dumpio_inspection {
    uint64_t size;       /* bytes of the file */
    uint64_t header;     /* bytes of the header */
    uint64_t overhead;   /* bytes of nonce and tags */
    uint64_t armor;      /* bytes that the armor adds */
    uint64_t plain;      /* bytes of plaintext */
    uint64_t chunks;     /* of 64 KiB */
    int armored;
    int cut;             /* the length is impossible: overhead, plain and chunks are 0 */
    unsigned work;       /* log2 of the passphrase's work factor; 0 = no passphrase */
    unsigned n_stanzas;
    char stanzas[480];   /* their types, separated by blanks; left out when there is no room */
};

DUMPIO_API int dumpio_inspect(const char *path, struct dumpio_inspection *result,
                              const struct dumpio_env *env, struct dumpio_error *err);

#ifdef __cplusplus
}
#endif
#endif
