/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSH keys as age takes them: public ones (RFC 4253, 6.6; RFC 8709) and private ones (OpenSSH's
 * PROTOCOL.key, or PEM by libcrypto), of the kinds ssh-ed25519 and ssh-rsa. No certificates, no
 * OpenSSH private keys with a passphrase (bcrypt).
 */
#include "keys.h"


#include <stdlib.h>

#define RSA_MIN 256u /* bytes: 2048 bits */
#define MAGIC "openssh-key-v1"

static const char begin_openssh[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
static const char end_openssh[] = "-----END OPENSSH PRIVATE KEY-----";

/* ---- pieces ---------------------------------------------------------------------------------- */

struct dio_number dio_ssh_piece(struct dio_cursor *c)
{
    struct dio_number s;
    s.len = dio_cur_u32(c);
    s.p = dio_cur_bytes(c, s.len);
    if (!s.p)
        s.len = 0;
    return s;
}

bool dio_ssh_is(struct dio_number s, const char *text)
{
    return s.len == strlen(text) && s.p && !memcmp(s.p, text, s.len);
}

/* A positive number without its leading zeros. */
static struct dio_number number(struct dio_cursor *c)
{
    struct dio_number n = dio_ssh_piece(c);
    if (n.len && n.p[0] & 0x80)
        c->overrun = true;
    while (n.len && !*n.p) {
        n.p++;
        n.len--;
    }
    return n;
}

void dio_ssh_put(struct dio_text *t, const void *p, size_t len)
{
    uint8_t head[4];
    dio_put(head, DUMPIO_BIG, 4, len);
    dio_text_add(t, head, sizeof head);
    dio_text_add(t, p, len);
}

static void put_number(struct dio_text *t, struct dio_number n)
{
    uint8_t padded[DIO_RSA_MAX + 1] = {0};
    bool sign = n.len && n.p[0] & 0x80;
    memcpy(padded + 1, n.p, n.len);
    dio_ssh_put(t, padded + !sign, n.len + sign);
}

/* Take `wire` over and compute the tag. */
static int set_wire(struct dio_key *key, struct dio_text *wire, struct dumpio_error *err)
{
    uint8_t h[DIO_HASH];
    if (wire->failed) {
        free(wire->p);
        return dio_nomem(err, "an SSH key");
    }
    key->wire = (uint8_t *)wire->p;
    key->wire_len = wire->len;
    if (dio_hash256(h, key->wire, key->wire_len))
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto has no SHA-256");
    memcpy(key->tag, h, sizeof key->tag);
    return 0;
}

static int bad_key(const char *what, struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "SSH key: %s", what);
}

/* ---- keys from their parts ------------------------------------------------------------------- */

/* seed NULL = a recipient. */
static int make_ed25519(struct dio_key **out, const uint8_t ed[DIO_POINT],
                        const uint8_t seed[DIO_POINT], struct dumpio_error *err)
{
    struct dio_text wire = {0};
    uint8_t own[DIO_POINT];
    struct dio_key *key = dio_key_new(DIO_KEY_SSH_ED25519, err);
    if (!key)
        return DUMPIO_E_NOMEM;
    int rc = 0;
    if (dio_ed25519_to_x25519(key->pub, ed))
        rc = bad_key("this is no point of Ed25519", err);
    else if (seed && (dio_ed25519_public(own, seed) || dio_ed25519_scalar(key->secret, seed) ||
                      memcmp(own, ed, sizeof own) != 0))
        rc = bad_key("its public half does not belong to its private half", err);
    if (!rc) {
        if (seed)
            memcpy(key->seed, seed, sizeof key->seed);
        dio_ssh_put(&wire, "ssh-ed25519", 11);
        dio_ssh_put(&wire, ed, DIO_POINT);
        rc = set_wire(key, &wire, err);
    }
    if (rc)
        dio_key_free(key);
    else
        *out = key;
    return rc;
}

/* d NULL = a recipient; rsa not NULL = this key (taken over) instead of a new one. */
static int make_rsa(struct dio_key **out, struct dio_number n, struct dio_number e,
                    const struct dio_number *d, struct dio_rsa *rsa, struct dumpio_error *err)
{
    struct dio_text wire = {0};
    struct dio_key *key = dio_key_new(DIO_KEY_SSH_RSA, err);
    if (!key) {
        dio_rsa_free(rsa);
        return DUMPIO_E_NOMEM;
    }
    key->rsa = rsa;
    int rc = 0;
    if (n.len > DIO_RSA_MAX || e.len > DIO_RSA_MAX)
        rc = bad_key("RSA keys beyond 16384 bits are not taken", err);
    else if (n.len < RSA_MIN || !(n.p[0] & 0x80 || n.len > RSA_MIN))
        rc = bad_key("RSA keys below 2048 bits are not taken", err);
    else if (!rsa && !(key->rsa = dio_rsa_new(n, e, d)))
        rc = bad_key("libcrypto takes it for no RSA key", err);
    if (!rc) {
        dio_ssh_put(&wire, "ssh-rsa", 7);
        put_number(&wire, e);
        put_number(&wire, n);
        rc = set_wire(key, &wire, err);
    }
    if (rc)
        dio_key_free(key);
    else
        *out = key;
    return rc;
}

/* ---- public keys ----------------------------------------------------------------------------- */

static int parse_wire(struct dio_key **out, const uint8_t *wire, size_t len, const char *type,
                      size_t type_len, struct dumpio_error *err)
{
    struct dio_cursor c = dio_cursor(wire, len, DUMPIO_BIG, 4);
    struct dio_number name = dio_ssh_piece(&c);
    if (name.len != type_len || memcmp(name.p, type, type_len) != 0)
        return bad_key("its first word and its contents name different kinds", err);
    if (dio_ssh_is(name, "ssh-ed25519")) {
        struct dio_number ed = dio_ssh_piece(&c);
        if (c.overrun || ed.len != DIO_POINT || c.pos != c.len)
            return bad_key("an ssh-ed25519 key has 32 bytes", err);
        return make_ed25519(out, ed.p, NULL, err);
    }
    struct dio_number e = number(&c), n = number(&c);
    if (c.overrun || c.pos != c.len)
        return bad_key("an ssh-rsa key has two numbers", err);
    return make_rsa(out, n, e, NULL, NULL, err);
}

static int unknown_kind(const char *type, size_t len, struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                    "SSH keys of the kind %.*s are not supported (ssh-ed25519 and ssh-rsa are)",
                    len < 60 ? (int)len : 60, type);
}

int dio_ssh_wire(struct dio_key **out, const uint8_t *wire, size_t len, struct dumpio_error *err)
{
    struct dio_cursor c = dio_cursor(wire, len, DUMPIO_BIG, 4);
    struct dio_number name = dio_ssh_piece(&c);
    if (!dio_ssh_is(name, "ssh-ed25519") && !dio_ssh_is(name, "ssh-rsa"))
        return unknown_kind(name.p ? (const char *)name.p : "", name.len, err);
    return parse_wire(out, wire, len, (const char *)name.p, name.len, err);
}

int dio_ssh_public(struct dio_key **out, const char *text, size_t len, struct dumpio_error *err)
{
    const char *end = text + len, *blank = memchr(text, ' ', len);
    size_t type_len = blank ? (size_t)(blank - text) : len;
    bool known = (type_len == 11 && !memcmp(text, "ssh-ed25519", 11)) ||
                 (type_len == 7 && !memcmp(text, "ssh-rsa", 7));
    if (!known)
        return unknown_kind(text, type_len, err);
    const char *b64 = blank ? blank : end;
    while (b64 < end && *b64 == ' ')
        b64++;
    const char *stop = b64;
    while (stop < end && *stop != ' ' && *stop != '\t')
        stop++;
    size_t n = (size_t)(stop - b64), whole = n;
    while (n && n + 2 > whole && b64[n - 1] == '=')
        n--;
    uint8_t *wire = malloc(dio_b64_room(n));
    if (!wire)
        return dio_nomem(err, "an SSH key");
    long bytes = whole % 4 ? -1 : dio_b64_decode(wire, b64, n);
    int rc = bytes <= 0 ? bad_key("its second word is no base64", err)
                        : parse_wire(out, wire, (size_t)bytes, text, type_len, err);
    free(wire);
    return rc;
}

/* ---- private keys ---------------------------------------------------------------------------- */

/* The section with the secrets: check numbers, the key, a comment, padding. */
static int parse_private(struct dio_key **out, struct dio_number section, struct dumpio_error *err)
{
    struct dio_cursor c = dio_cursor(section.p, section.len, DUMPIO_BIG, 4);
    uint32_t check = dio_cur_u32(&c);
    if (dio_cur_u32(&c) != check)
        return bad_key("its check numbers differ", err);
    struct dio_number type = dio_ssh_piece(&c);
    if (dio_ssh_is(type, "ssh-ed25519")) {
        struct dio_number ed = dio_ssh_piece(&c), secret = dio_ssh_piece(&c);
        if (c.overrun || ed.len != DIO_POINT || secret.len != 2 * DIO_POINT)
            return bad_key("its contents are no Ed25519 key", err);
        return make_ed25519(out, ed.p, secret.p, err);
    }
    if (dio_ssh_is(type, "ssh-rsa")) {
        struct dio_number n = number(&c), e = number(&c), d = number(&c);
        if (c.overrun)
            return bad_key("its contents are no RSA key", err);
        return make_rsa(out, n, e, &d, NULL, err);
    }
    return unknown_kind(type.p ? (const char *)type.p : "", type.len, err);
}

static int parse_openssh(struct dio_key **out, const uint8_t *data, size_t len,
                         struct dumpio_error *err)
{
    struct dio_cursor c = dio_cursor(data, len, DUMPIO_BIG, 4);
    const uint8_t *magic = dio_cur_bytes(&c, sizeof MAGIC);
    if (!magic || memcmp(magic, MAGIC, sizeof MAGIC) != 0)
        return bad_key("no openssh-key-v1 inside", err);
    struct dio_number cipher = dio_ssh_piece(&c);
    dio_ssh_piece(&c); /* key derivation and its options */
    dio_ssh_piece(&c);
    uint32_t keys = dio_cur_u32(&c);
    dio_ssh_piece(&c); /* the public key */
    struct dio_number section = dio_ssh_piece(&c);
    if (c.overrun || keys != 1)
        return bad_key("one whole key is wanted", err);
    if (!dio_ssh_is(cipher, "none"))
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "SSH private keys with a passphrase are not supported; make a copy "
                        "without one (ssh-keygen -p)");
    return parse_private(out, section, err);
}

static size_t squeeze(char *to, const char *from, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        if (!strchr("\r\n\t ", from[i]))
            to[at++] = from[i];
    while (at && to[at - 1] == '=')
        at--;
    return at;
}

static int read_openssh(struct dio_key **out, const char *text, size_t len,
                        struct dumpio_error *err)
{
    size_t from = sizeof begin_openssh - 1, to = len, marker = sizeof end_openssh - 1;
    while (to > from && strchr("\r\n\t ", text[to - 1]))
        to--;
    if (to < from + marker || memcmp(text + to - marker, end_openssh, marker) != 0)
        return bad_key("the line -----END OPENSSH PRIVATE KEY----- is missing", err);
    to -= marker;
    char *b64 = dio_secret_alloc(len);
    uint8_t *data = dio_secret_alloc(dio_b64_room(len));
    int rc;
    if (!b64 || !data) {
        rc = dio_nomem(err, "an SSH key");
    } else {
        long n = dio_b64_decode(data, b64, squeeze(b64, text + from, to - from));
        rc = n < 0 ? bad_key("its contents are no base64", err)
                   : parse_openssh(out, data, (size_t)n, err);
    }
    dio_secret_free(b64, len);
    dio_secret_free(data, dio_b64_room(len));
    return rc;
}

struct pem_ask {
    const struct dio_keys *keys;
    const char *name;
    bool asked;
};

static int pem_passphrase(char *buf, int size, int writing, void *user)
{
    struct pem_ask *a = user;
    char *pass = dio_secret_alloc(DIO_PASSPHRASE_MAX);
    int n = -1;
    (void)writing;
    a->asked = true;
    if (pass && !dio_keys_passphrase(a->keys, a->name, pass, NULL)) {
        size_t len = strlen(pass);
        if (size > 0 && len <= (size_t)size) {
            memcpy(buf, pass, len);
            n = (int)len;
        }
    }
    dio_secret_free(pass, DIO_PASSPHRASE_MAX);
    return n;
}

static int read_pem(struct dio_key **out, const struct dio_keys *k, const char *text, size_t len,
                    const char *name, struct dumpio_error *err)
{
    struct dio_pem pem;
    struct pem_ask ask = {k, name, false};
    uint8_t ed[DIO_POINT];
    int rc = dio_pem_read(&pem, text, len, pem_passphrase, &ask);
    if (rc == -2)
        rc = dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                      "%s: private keys other than RSA and Ed25519 are not supported", name);
    else if (rc)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: %s", name,
                      ask.asked ? "the passphrase does not fit" : "no private key inside");
    else if (pem.rsa)
        rc = make_rsa(out, (struct dio_number){pem.n, pem.n_len},
                      (struct dio_number){pem.e, pem.e_len}, NULL, pem.rsa, err);
    else if (dio_ed25519_public(ed, pem.seed))
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto has no Ed25519");
    else
        rc = make_ed25519(out, ed, pem.seed, err);
    free(pem.n);
    free(pem.e);
    dio_wipe(&pem, sizeof pem);
    return rc;
}

int dio_ssh_private(struct dio_key **out, const struct dio_keys *k, const char *text, size_t len,
                    const char *name, struct dumpio_error *err)
{
    size_t n = sizeof begin_openssh - 1;
    if (len > n && !memcmp(text, begin_openssh, n)) {
        int rc = read_openssh(out, text, len, err);
        return rc ? dio_context(err, rc, "%s", name) : 0;
    }
    return read_pem(out, k, text, len, name, err);
}

void dio_ssh_fingerprint(const struct dio_key *key, uint8_t hash[32], char text[DIO_FINGERPRINT])
{
    static const char prefix[] = "SHA256:";
    memset(text, 0, DIO_FINGERPRINT);
    (void)dio_hash256(hash, key->wire, key->wire_len); /* it was possible for key->tag */
    memcpy(text, prefix, sizeof prefix - 1);
    dio_b64_encode(text + sizeof prefix - 1, hash, 32);
}
