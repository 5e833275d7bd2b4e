/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipients and identities as text: c2sp.org/age's X25519 keys and passphrases.
 * SSH keys are in keys_ssh.c, files of keys in keys_file.c; no post-quantum keys.
 */
#include "keys.h"

#include "age_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HRP_RECIPIENT "age"
#define HRP_IDENTITY "age-secret-key-"

/* ---- lists ----------------------------------------------------------------------------------- */

struct dio_key *dio_key_new(enum dio_key_kind kind, struct dumpio_error *err)
{
    struct dio_key *key = dio_secret_alloc(sizeof *key);
    if (key)
        key->kind = kind;
    else
        dio_nomem(err, "a key");
    return key;
}

void dio_key_free(struct dio_key *key)
{
    if (!key)
        return;
    dio_rsa_free(key->rsa);
    free(key->wire);
    dio_secret_free(key, sizeof *key);
}

void dio_key_append(struct dio_key **list, struct dio_key *key)
{
    while (*list)
        list = &(*list)->next;
    *list = key;
}

static void free_list(struct dio_key *key)
{
    while (key) {
        struct dio_key *next = key->next;
        dio_key_free(key);
        key = next;
    }
}

int dio_keys_new(struct dio_keys **out, struct dumpio_error *err)
{
    if (dio_prim_missing())
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "keys: %s",
                        dio_prim_missing());
    *out = calloc(1, sizeof **out);
    return *out ? 0 : dio_nomem(err, "a set of keys");
}

void dio_keys_free(struct dio_keys *k)
{
    if (!k)
        return;
    free_list(k->recipients);
    free_list(k->identities);
    free(k);
}

void dio_keys_set_ask(struct dio_keys *k, const struct dio_keys_ask *ask)
{
    k->ask = *ask;
}

size_t dio_keys_count(const struct dio_keys *k, enum dio_key_use use)
{
    size_t n = 0;
    const struct dio_key *key = use == DIO_KEY_OPEN ? k->identities : k->recipients;
    for (; key; key = key->next)
        n++;
    return n;
}

/* ---- passphrases ----------------------------------------------------------------------------- */

int dio_keys_passphrase(const struct dio_keys *k, const char *what, char pass[DIO_PASSPHRASE_MAX],
                        struct dumpio_error *err)
{
    if (!k->ask.passphrase)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: a passphrase is needed", what);
    if (k->ask.passphrase(k->ask.user, what, pass, DIO_PASSPHRASE_MAX) ||
        !memchr(pass, 0, DIO_PASSPHRASE_MAX)) {
        dio_wipe(pass, DIO_PASSPHRASE_MAX);
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: no passphrase was given", what);
    }
    return 0;
}

static int add_passphrase(struct dio_key **list, const char *text, struct dumpio_error *err)
{
    struct dio_key *key = dio_key_new(DIO_KEY_SCRYPT, err);
    if (!key)
        return DUMPIO_E_NOMEM;
    memcpy(key->pass, text, strlen(text) + 1);
    dio_key_append(list, key);
    return 0;
}

int dio_keys_add_passphrase(struct dio_keys *k, const char *text, unsigned use,
                            struct dumpio_error *err)
{
    size_t n = strlen(text);
    int rc = 0;
    if (!n || n >= DIO_PASSPHRASE_MAX)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "a passphrase has 1 to %u bytes, this one %zu", DIO_PASSPHRASE_MAX - 1, n);
    if (use & DIO_KEY_SEAL)
        rc = add_passphrase(&k->recipients, text, err);
    if (!rc && use & DIO_KEY_OPEN)
        rc = add_passphrase(&k->identities, text, err);
    return rc;
}

/* ---- X25519 ---------------------------------------------------------------------------------- */

/* What is known of Bech32 texts that are no X25519 key. `start`: of the text, to tell by. */
static int other_key(const char *start, struct dumpio_error *err)
{
    static const struct {
        const char *prefix, *why;
    } known[] = {
        {"age1pq1", "post-quantum recipients need ML-KEM, which this build does not have"},
        {"age1tag", "recipients of hardware keys are not supported"},
        {"AGE-SECRET-KEY-PQ-1",
         "post-quantum identities need ML-KEM, which this build does not have"},
        {"AGE-PLUGIN-", "identities of plugins are not supported"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(start, known[i].prefix, strlen(known[i].prefix)))
            return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "%s", known[i].why);
    return 0;
}

static int add_x25519_recipient(struct dio_keys *k, const char *text, struct dumpio_error *err)
{
    char hrp[DIO_HRP_MAX + 1];
    uint8_t point[DIO_POINT];
    bool upper;
    int rc = other_key(text, err);
    if (rc)
        return rc;
    long n = dio_bech32_decode(hrp, point, sizeof point, text, strlen(text), &upper);
    if (n >= 0 && !upper && !strncmp(hrp, "age1", 4))
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "recipients of plugins are not supported: %.60s", text);
    if (n != (long)sizeof point || upper || strcmp(hrp, HRP_RECIPIENT) != 0)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "no recipient (mistyped?): %.80s", text);
    struct dio_key *key = dio_key_new(DIO_KEY_X25519, err);
    if (!key)
        return DUMPIO_E_NOMEM;
    memcpy(key->pub, point, sizeof point);
    dio_key_append(&k->recipients, key);
    return 0;
}

int dio_keys_add_recipient(struct dio_keys *k, const char *text, struct dumpio_error *err)
{
    struct dio_key *key;
    if (!strncmp(text, "AGE-", 4))
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "this is an identity (secret), not a recipient");
    if (!strncmp(text, "age1", 4))
        return add_x25519_recipient(k, text, err);
    if (!strchr(text, ' '))
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "no recipient (age1... or a line of an SSH public key): %.80s", text);
    int rc = dio_ssh_public(&key, text, strlen(text), err);
    if (!rc)
        dio_key_append(&k->recipients, key);
    return rc;
}

int dio_keys_add_identity(struct dio_keys *k, const char *text, struct dumpio_error *err)
{
    char hrp[DIO_HRP_MAX + 1];
    bool upper;
    int rc = other_key(text, err);
    if (rc)
        return rc;
    struct dio_key *key = dio_key_new(DIO_KEY_X25519, err);
    if (!key)
        return DUMPIO_E_NOMEM;
    long n = dio_bech32_decode(hrp, key->secret, DIO_POINT, text, strlen(text), &upper);
    if (n != (long)DIO_POINT || !upper || strcmp(hrp, HRP_IDENTITY) != 0)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                      "no identity: an AGE-SECRET-KEY-1... of 74 characters is wanted%s",
                      strncmp(text, "age1", 4) ? "" : ", this is a recipient");
    else if (dio_x25519_base(key->pub, key->secret))
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto has no X25519");
    if (rc)
        dio_key_free(key);
    else
        dio_key_append(&k->identities, key);
    return rc;
}

static void upper_case(char *s)
{
    for (; *s; s++)
        if (*s >= 'a' && *s <= 'z')
            *s = (char)(*s - ('a' - 'A'));
}

int dio_keys_generate(char identity[DIO_KEY_TEXT], char recipient[DIO_KEY_TEXT],
                      struct dumpio_error *err)
{
    uint8_t secret[DIO_POINT], pub[DIO_POINT];
    int rc = 0;
    if (dio_random(secret, sizeof secret) || dio_x25519_base(pub, secret) ||
        !dio_bech32_encode(identity, DIO_KEY_TEXT, HRP_IDENTITY, secret, sizeof secret) ||
        !dio_bech32_encode(recipient, DIO_KEY_TEXT, HRP_RECIPIENT, pub, sizeof pub))
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto makes no key");
    else
        upper_case(identity);
    dio_wipe(secret, sizeof secret);
    return rc;
}

int dio_keys_recipient_text(const struct dio_keys *k, size_t i, char text[DIO_KEY_TEXT])
{
    for (const struct dio_key *key = k->identities; key; key = key->next)
        if (key->kind == DIO_KEY_X25519 && i-- == 0)
            return dio_bech32_encode(text, DIO_KEY_TEXT, HRP_RECIPIENT, key->pub, DIO_POINT)
                       ? 0
                       : DUMPIO_E_INTERNAL;
    return DUMPIO_END;
}

int dio_keys_seal_text(const struct dio_keys *k, size_t i, char text[DIO_KEY_TEXT])
{
    const struct dio_key *key = k->recipients;
    char print[DIO_FINGERPRINT];
    uint8_t hash[32];
    while (key && i--)
        key = key->next;
    if (!key)
        return DUMPIO_END;
    switch (key->kind) {
    case DIO_KEY_X25519:
        return dio_bech32_encode(text, DIO_KEY_TEXT, HRP_RECIPIENT, key->pub, DIO_POINT)
                   ? 0
                   : DUMPIO_E_INTERNAL;
    case DIO_KEY_SCRYPT: snprintf(text, DIO_KEY_TEXT, "a passphrase"); return 0;
    default:
        dio_ssh_fingerprint(key, hash, print);
        snprintf(text, DIO_KEY_TEXT, "%s %s",
                 key->kind == DIO_KEY_SSH_RSA ? "ssh-rsa" : "ssh-ed25519", print);
        return 0;
    }
}

/* ---- both at once ---------------------------------------------------------------------------- */

int dio_keys_encrypt_to_self(struct dio_keys *k, struct dumpio_error *err)
{
    for (const struct dio_key *key = k->identities; key; key = key->next) {
        struct dio_key *r = dio_key_new(key->kind, err);
        if (!r)
            return DUMPIO_E_NOMEM;
        memcpy(r->pub, key->pub, sizeof r->pub);
        memcpy(r->tag, key->tag, sizeof r->tag);
        memcpy(r->pass, key->pass, sizeof r->pass);
        if (key->wire && !(r->wire = malloc(key->wire_len))) {
            dio_key_free(r);
            return dio_nomem(err, "a key");
        }
        if (key->wire)
            memcpy(r->wire, key->wire, r->wire_len = key->wire_len);
        if (key->rsa && !(r->rsa = dio_rsa_share(key->rsa))) {
            dio_key_free(r);
            return dio_nomem(err, "a key");
        }
        dio_key_append(&k->recipients, r);
    }
    return 0;
}
