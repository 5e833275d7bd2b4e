/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file key of an age v1 file (c2sp.org/age): found in the header by identities and proved by
 * the MAC; put into a new header for recipients. Text is age_header.c's, stanzas are age_wrap.c's.
 */
#include "age.h"

#include <stdlib.h>

static int header_mac(uint8_t mac[DIO_HASH], const uint8_t file_key[DIO_AGE_FILE_KEY],
                      const char *text, size_t len)
{
    uint8_t key[DIO_HASH];
    const struct dio_hkdf_in in = {file_key, NULL, DIO_AGE_FILE_KEY, 0, "header"};
    int rc = dio_hkdf(key, &in);
    if (!rc)
        rc = dio_hmac256(mac, key, sizeof key, text, len);
    dio_wipe(key, sizeof key);
    return rc;
}

/* The types in the header, for a message. */
static void list_types(const struct dio_age_header *h, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < h->n_stanzas; i++) {
        struct dio_age_word w = h->stanzas[i].args[0];
        if (at + w.len + 6 > size) {
            memcpy(out + at, " ...", 5);
            break;
        }
        if (at)
            out[at++] = ' ';
        memcpy(out + at, w.p, w.len);
        at += w.len;
        out[at] = 0;
    }
}

/* A passphrase is asked for when none was given. */
static int ask_passphrase(const struct dio_age_stanza *s, const struct dio_keys *k,
                          const char *name, uint8_t file_key[DIO_AGE_FILE_KEY],
                          struct dumpio_error *err)
{
    struct dio_key *key = dio_key_new(DIO_KEY_SCRYPT, err);
    if (!key)
        return DUMPIO_E_NOMEM;
    int rc = dio_keys_passphrase(k, name, key->pass, err);
    if (!rc)
        rc = dio_age_unwrap(s, key, file_key, err);
    dio_key_free(key);
    return rc;
}

/* scrypt stands alone, or the holder of a passphrase could be deceived about who wrote the file. */
static int check_scrypt(const struct dio_age_header *h, const struct dio_age_stanza **scrypt,
                        struct dumpio_error *err)
{
    *scrypt = NULL;
    for (size_t i = 0; i < h->n_stanzas; i++)
        if (dio_age_word_is(h->stanzas[i].args[0], "scrypt"))
            *scrypt = &h->stanzas[i];
    if (*scrypt && h->n_stanzas > 1)
        return dio_fail(err, DUMPIO_E_CORRUPT, (*scrypt)->offset,
                        "age header, byte %llu: an scrypt stanza has to be the only one",
                        (unsigned long long)(*scrypt)->offset);
    return 0;
}

static int find_key(const struct dio_age_header *h, const struct dio_keys *k, const char *name,
                    uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    const struct dio_age_stanza *scrypt;
    bool tried = false;
    char types[200];
    int rc = check_scrypt(h, &scrypt, err);
    if (rc)
        return rc;
    for (const struct dio_key *key = k ? k->identities : NULL; key; key = key->next) {
        tried |= key->kind == DIO_KEY_SCRYPT;
        for (size_t i = 0; i < h->n_stanzas; i++) {
            rc = dio_age_unwrap(&h->stanzas[i], key, file_key, err);
            if (rc != DUMPIO_END)
                return rc;
        }
    }
    if (scrypt && k && k->ask.passphrase && !tried) {
        tried = true;
        rc = ask_passphrase(scrypt, k, name, file_key, err);
        if (rc != DUMPIO_END)
            return rc;
    }
    list_types(h, types, sizeof types);
    if (scrypt)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        tried ? "the passphrase does not fit"
                              : "encrypted with a passphrase: it is needed");
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                    k && k->identities ? "none of the identities opens it (encrypted for: %s)"
                                       : "encrypted: an identity is needed (encrypted for: %s)",
                    types);
}

int dio_age_header_open(const struct dio_age_header *h, const struct dio_keys *k, const char *name,
                        uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    uint8_t mac[DIO_HASH];
    int rc = find_key(h, k, name, file_key, err);
    if (rc)
        return rc;
    if (header_mac(mac, file_key, h->text, h->authenticated))
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto has no HMAC-SHA-256");
    else if (!dio_equal(mac, h->mac, sizeof mac))
        rc = dio_fail(err, DUMPIO_E_CORRUPT, 0,
                      "the age header (%zu bytes) does not fit its MAC: it was changed", h->len);
    if (rc)
        dio_wipe(file_key, DIO_AGE_FILE_KEY);
    return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int check_recipients(const struct dio_keys *k, struct dumpio_error *err)
{
    size_t n = 0, passphrases = 0;
    for (const struct dio_key *r = k ? k->recipients : NULL; r; r = r->next) {
        n++;
        passphrases += r->kind == DIO_KEY_SCRYPT;
    }
    if (!n)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "nobody to encrypt for was named");
    if (passphrases && n > 1)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "a passphrase cannot be combined with other recipients");
    return 0;
}

int dio_age_header_make(char **text, size_t *len, const struct dio_keys *k,
                        const uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    struct dio_text t = {0};
    uint8_t mac[DIO_HASH];
    int rc = check_recipients(k, err);
    dio_text_str(&t, DIO_AGE_VERSION);
    for (const struct dio_key *r = rc ? NULL : k->recipients; r && !rc; r = r->next)
        rc = dio_age_wrap(&t, r, file_key, err);
    dio_text_str(&t, "---");
    if (!rc && !t.failed && header_mac(mac, file_key, t.p, t.len))
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto has no HMAC-SHA-256");
    if (!rc) {
        dio_text_str(&t, " ");
        dio_text_b64(&t, mac, sizeof mac);
        dio_text_str(&t, "\n");
    }
    if (!rc && t.failed)
        rc = dio_nomem(err, "an age header");
    if (!rc && t.len > DIO_AGE_HEADER_MAX)
        rc = dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                      "too many recipients: the header exceeds %u bytes", DIO_AGE_HEADER_MAX);
    if (rc) {
        free(t.p);
        return rc;
    }
    *text = t.p;
    *len = t.len;
    return 0;
}
