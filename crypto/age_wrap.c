/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipient stanzas: X25519 and scrypt of c2sp.org/age, ssh-ed25519 and ssh-rsa as the age program
 * writes them. Stanzas of other types are nobody's here.
 */
#include "age.h"

#define LABEL "age-encryption.org/v1/"
#define WRAPPED (DIO_AGE_FILE_KEY + DIO_AEAD_TAG)
#define SALT 16u
#define LINE_BYTES 48u /* of a body line of 64 columns */

static const uint8_t zero_nonce[DIO_AEAD_NONCE];

static int refused(struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                    "libcrypto refuses what age files need");
}

static int bad(const struct dio_age_stanza *s, const char *what, struct dumpio_error *err)
{
    struct dio_age_word type = s->args[0];
    return dio_fail(err, DUMPIO_E_CORRUPT, s->offset, "age header, byte %llu: stanza %.*s: %s",
                    (unsigned long long)s->offset, (int)type.len, type.p, what);
}

/* ---- the file key under another key ---------------------------------------------------------- */

static int seal_key(uint8_t out[WRAPPED], const uint8_t key[DIO_AEAD_KEY],
                    const uint8_t file_key[DIO_AGE_FILE_KEY])
{
    struct dio_aead *a = dio_aead_new(key);
    int rc = a ? dio_aead_seal(a, zero_nonce, out, file_key, DIO_AGE_FILE_KEY) : -1;
    dio_aead_free(a);
    return rc;
}

/* 0, 1 = another key, -1. The body has WRAPPED bytes. */
static int open_key(uint8_t file_key[DIO_AGE_FILE_KEY], const uint8_t key[DIO_AEAD_KEY],
                    const uint8_t *body)
{
    struct dio_aead *a = dio_aead_new(key);
    int rc = a ? dio_aead_open(a, zero_nonce, file_key, body, DIO_AGE_FILE_KEY) : -1;
    dio_aead_free(a);
    return rc;
}

/* What opening a body says, as a status. */
static int opened(int result, struct dumpio_error *err)
{
    return result < 0 ? refused(err) : result ? DUMPIO_END : 0;
}

static void put_body(struct dio_text *t, const uint8_t *body, size_t len)
{
    for (; len >= LINE_BYTES; len -= LINE_BYTES, body += LINE_BYTES) {
        dio_text_b64(t, body, LINE_BYTES);
        dio_text_str(t, "\n");
    }
    dio_text_b64(t, body, len);
    dio_text_str(t, "\n");
}

/* The argument is canonical base64 of `len` bytes. */
static bool arg_bytes(const struct dio_age_stanza *s, size_t i, uint8_t *out, size_t len)
{
    uint8_t room[96];
    struct dio_age_word w = s->args[i];
    if (w.len > 64 || dio_b64_decode(room, w.p, w.len) != (long)len)
        return false;
    memcpy(out, room, len);
    return true;
}

/* ---- X25519, and ssh-ed25519 that is made of it ---------------------------------------------- */

/* The key that wraps: from the shared secret, both points and, of SSH keys, the key's name. */
static int point_key(uint8_t key[DIO_HASH], const uint8_t scalar[DIO_POINT],
                     const uint8_t point[DIO_POINT], const uint8_t share[DIO_POINT],
                     const struct dio_key *k)
{
    uint8_t secret[DIO_POINT], tweak[DIO_HASH], salt[2 * DIO_POINT];
    bool ssh = k->kind == DIO_KEY_SSH_ED25519;
    const char *info = ssh ? LABEL "ssh-ed25519" : LABEL "X25519";
    int rc = dio_x25519(secret, scalar, point);
    if (!rc && ssh) {
        const struct dio_hkdf_in in = {NULL, k->wire, 0, k->wire_len, info};
        rc = dio_hkdf(tweak, &in);
        if (!rc)
            rc = dio_x25519(secret, tweak, secret);
    }
    if (!rc) {
        memcpy(salt, share, DIO_POINT);
        memcpy(salt + DIO_POINT, k->pub, DIO_POINT);
        const struct dio_hkdf_in in = {secret, salt, sizeof secret, sizeof salt, info};
        rc = dio_hkdf(key, &in);
    }
    dio_wipe(secret, sizeof secret);
    dio_wipe(tweak, sizeof tweak);
    return rc;
}

static int wrap_point(struct dio_text *t, const struct dio_key *k,
                      const uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    uint8_t scalar[DIO_POINT], share[DIO_POINT], key[DIO_HASH], body[WRAPPED];
    int rc = dio_random(scalar, sizeof scalar);
    if (!rc)
        rc = dio_x25519_base(share, scalar);
    if (!rc)
        rc = point_key(key, scalar, k->pub, share, k);
    if (rc == 1)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                      "a recipient is a point of low order, which hides nothing");
    else if (rc || seal_key(body, key, file_key))
        rc = refused(err);
    dio_wipe(scalar, sizeof scalar);
    dio_wipe(key, sizeof key);
    if (rc)
        return rc;
    dio_text_str(t, "-> ");
    if (k->kind == DIO_KEY_SSH_ED25519) {
        dio_text_str(t, "ssh-ed25519 ");
        dio_text_b64(t, k->tag, sizeof k->tag);
    } else {
        dio_text_str(t, "X25519");
    }
    dio_text_str(t, " ");
    dio_text_b64(t, share, sizeof share);
    dio_text_str(t, "\n");
    put_body(t, body, sizeof body);
    return 0;
}

static int unwrap_point(const struct dio_age_stanza *s, const struct dio_key *k,
                        uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    bool ssh = k->kind == DIO_KEY_SSH_ED25519;
    uint8_t share[DIO_POINT], tag[DIO_SSH_TAG], key[DIO_HASH];
    size_t n = ssh ? 3 : 2;
    if (s->n_args != n)
        return bad(s, "a wrong number of arguments", err);
    if (ssh && !arg_bytes(s, 1, tag, sizeof tag))
        return bad(s, "its tag is no base64 of 4 bytes", err);
    if (!arg_bytes(s, n - 1, share, sizeof share))
        return bad(s, "its share is no canonical base64 of 32 bytes", err);
    if (ssh && memcmp(tag, k->tag, sizeof tag) != 0)
        return DUMPIO_END;
    if (s->body_len != WRAPPED)
        return bad(s, "its body has not 32 bytes", err);
    int rc = point_key(key, k->secret, share, share, k);
    if (!rc)
        rc = opened(open_key(file_key, key, s->body), err);
    else
        rc = rc == 1 ? bad(s, "its share is a point of low order", err) : refused(err);
    dio_wipe(key, sizeof key);
    return rc;
}

/* ---- scrypt ---------------------------------------------------------------------------------- */

static int pass_key(uint8_t key[DIO_HASH], const char *pass, const uint8_t salt[SALT],
                    unsigned log_n)
{
    static const char label[] = LABEL "scrypt";
    uint8_t whole[sizeof label - 1 + SALT];
    memcpy(whole, label, sizeof label - 1);
    memcpy(whole + sizeof label - 1, salt, SALT);
    return dio_scrypt(key, pass, strlen(pass), whole, sizeof whole, log_n);
}

static int wrap_scrypt(struct dio_text *t, const struct dio_key *k,
                       const uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    uint8_t salt[SALT], key[DIO_HASH], body[WRAPPED];
    char work[2] = {(char)('0' + DIO_AGE_WORK / 10), (char)('0' + DIO_AGE_WORK % 10)};
    int rc = dio_random(salt, sizeof salt);
    if (!rc)
        rc = pass_key(key, k->pass, salt, DIO_AGE_WORK);
    if (!rc)
        rc = seal_key(body, key, file_key);
    dio_wipe(key, sizeof key);
    if (rc)
        return refused(err);
    dio_text_str(t, "-> scrypt ");
    dio_text_b64(t, salt, sizeof salt);
    dio_text_str(t, " ");
    dio_text_add(t, work, sizeof work);
    dio_text_str(t, "\n");
    put_body(t, body, sizeof body);
    return 0;
}

int dio_age_work(const struct dio_age_stanza *s, unsigned *log_n, struct dumpio_error *err)
{
    uint8_t salt[SALT];
    if (s->n_args != 3)
        return bad(s, "a wrong number of arguments", err);
    if (!arg_bytes(s, 1, salt, sizeof salt))
        return bad(s, "its salt is no canonical base64 of 16 bytes", err);
    struct dio_age_word w = s->args[2];
    *log_n = 0;
    for (size_t i = 0; i < w.len; i++) {
        if (w.p[i] < (i ? '0' : '1') || w.p[i] > '9')
            return bad(s, "its work factor is no decimal number", err);
        if (*log_n < 1000)
            *log_n = *log_n * 10 + (unsigned)(w.p[i] - '0');
    }
    if (s->body_len != WRAPPED)
        return bad(s, "its body has not 32 bytes", err);
    return 0;
}

static int unwrap_scrypt(const struct dio_age_stanza *s, const struct dio_key *k,
                         uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    uint8_t salt[SALT] = {0}, key[DIO_HASH];
    unsigned log_n;
    int rc = dio_age_work(s, &log_n, err);
    if (rc)
        return rc;
    if (log_n > DIO_AGE_WORK_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, s->offset,
                        "age header, byte %llu: the passphrase's work factor %u exceeds %u",
                        (unsigned long long)s->offset, log_n, DIO_AGE_WORK_MAX);
    arg_bytes(s, 1, salt, sizeof salt);
    if (pass_key(key, k->pass, salt, log_n))
        rc = dio_fail(err, DUMPIO_E_NOMEM, s->offset,
                      "the passphrase's work factor %u needs %llu MiB of memory", log_n,
                      1ull << log_n >> 10);
    else
        rc = opened(open_key(file_key, key, s->body), err);
    dio_wipe(key, sizeof key);
    return rc;
}

/* ---- ssh-rsa --------------------------------------------------------------------------------- */

static int wrap_rsa(struct dio_text *t, const struct dio_key *k,
                    const uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    uint8_t body[DIO_RSA_MAX];
    if (dio_rsa_size(k->rsa) > sizeof body ||
        dio_rsa_seal(k->rsa, LABEL "ssh-rsa", file_key, DIO_AGE_FILE_KEY, body))
        return refused(err);
    dio_text_str(t, "-> ssh-rsa ");
    dio_text_b64(t, k->tag, sizeof k->tag);
    dio_text_str(t, "\n");
    put_body(t, body, dio_rsa_size(k->rsa));
    return 0;
}

static int unwrap_rsa(const struct dio_age_stanza *s, const struct dio_key *k,
                      uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    uint8_t tag[DIO_SSH_TAG];
    if (s->n_args != 2 || !arg_bytes(s, 1, tag, sizeof tag))
        return bad(s, "one argument of 4 bytes in base64 is wanted", err);
    if (memcmp(tag, k->tag, sizeof tag) != 0)
        return DUMPIO_END;
    if (s->body_len != dio_rsa_size(k->rsa))
        return bad(s, "its body has not the length of the key", err);
    return opened(dio_rsa_open(k->rsa, LABEL "ssh-rsa", s->body, file_key, DIO_AGE_FILE_KEY), err);
}

/* ---- all ------------------------------------------------------------------------------------- */

static const struct {
    const char *type;
    int (*wrap)(struct dio_text *t, const struct dio_key *k,
                const uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err);
    int (*unwrap)(const struct dio_age_stanza *s, const struct dio_key *k,
                  uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err);
} kinds[] = {
    [DIO_KEY_X25519] = {"X25519", wrap_point, unwrap_point},
    [DIO_KEY_SCRYPT] = {"scrypt", wrap_scrypt, unwrap_scrypt},
    [DIO_KEY_SSH_ED25519] = {"ssh-ed25519", wrap_point, unwrap_point},
    [DIO_KEY_SSH_RSA] = {"ssh-rsa", wrap_rsa, unwrap_rsa},
};

int dio_age_wrap(struct dio_text *t, const struct dio_key *recipient,
                 const uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    return kinds[recipient->kind].wrap(t, recipient, file_key, err);
}

int dio_age_unwrap(const struct dio_age_stanza *s, const struct dio_key *identity,
                   uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err)
{
    if (!dio_age_word_is(s->args[0], kinds[identity->kind].type))
        return DUMPIO_END;
    return kinds[identity->kind].unwrap(s, identity, file_key, err);
}
