/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detached signatures of OpenSSH (its PROTOCOL.sshsig): made with SHA-512, checked with SHA-512 and
 * SHA-256, in the namespace "file". Not handled: certificates, keys other than ssh-ed25519 and ssh-rsa.
 */
#include "keys.h"
#include "plug/sign.h"

#include <stdio.h>
#include <stdlib.h>

#define MAGIC "SSHSIG"
#define LINE 70u /* characters of base64 */

static const char begin[] = "-----BEGIN SSH SIGNATURE-----\n", end[] = "-----END SSH SIGNATURE-----";

struct dio_signer {
    struct dio_key *key;
};

/* ---- the key --------------------------------------------------------------------------------- */

int dio_signer_new(struct dio_signer **out, const char *text, size_t len, const char *name,
                   const struct dio_keys_ask *ask, struct dumpio_error *err)
{
    struct dio_keys *k = NULL;
    struct dio_signer *s = calloc(1, sizeof *s);
    int rc = s ? dio_keys_new(&k, err) : dio_nomem(err, "a key");
    if (!rc && ask)
        dio_keys_set_ask(k, ask);
    if (!rc)
        rc = dio_ssh_private(&s->key, k, text, len, name, err);
    dio_keys_free(k);
    if (rc)
        free(s);
    else
        *out = s;
    return rc;
}

void dio_signer_free(struct dio_signer *s)
{
    if (s)
        dio_key_free(s->key);
    free(s);
}

/* ---- what is signed -------------------------------------------------------------------------- */

static int hash_message(uint8_t hash[64], unsigned bits, const void *msg, size_t len,
                        struct dumpio_error *err)
{
    if (bits == 512 ? dio_hash512(hash, msg, len) : dio_hash256(hash, msg, len))
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto has no SHA-%u", bits);
    return 0;
}

static const char *hash_name(unsigned bits)
{
    return bits == 512 ? "sha512" : "sha256";
}

static void put_words(struct dio_text *t, unsigned bits)
{
    dio_ssh_put(t, DIO_SIGN_NAMESPACE, strlen(DIO_SIGN_NAMESPACE));
    dio_ssh_put(t, "", 0); /* reserved */
    dio_ssh_put(t, hash_name(bits), strlen(hash_name(bits)));
}

/* The bytes below the key's own signature scheme. */
static int signed_bytes(struct dio_text *t, unsigned bits, const void *msg, size_t len,
                        struct dumpio_error *err)
{
    uint8_t hash[64];
    int rc = hash_message(hash, bits, msg, len, err);
    dio_text_add(t, MAGIC, strlen(MAGIC));
    put_words(t, bits);
    dio_ssh_put(t, hash, bits / 8);
    if (!rc && t->failed)
        rc = dio_nomem(err, "a signature");
    return rc;
}

/* ---- making ---------------------------------------------------------------------------------- */

static int sign_bytes(const struct dio_key *key, const struct dio_text *msg, struct dio_text *sig,
                      struct dumpio_error *err)
{
    uint8_t raw[DIO_RSA_MAX];
    bool rsa = key->kind == DIO_KEY_SSH_RSA;
    size_t n = rsa ? dio_rsa_size(key->rsa) : DIO_ED25519_SIG;
    int bad = rsa ? n > sizeof raw || dio_rsa_sign(key->rsa, 512, raw, msg->p, msg->len)
                  : dio_ed25519_sign(raw, key->seed, msg->p, msg->len);
    if (bad)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto cannot sign with this "
                        "key");
    const char *kind = rsa ? "rsa-sha2-512" : "ssh-ed25519";
    dio_ssh_put(sig, kind, strlen(kind));
    dio_ssh_put(sig, raw, n);
    return 0;
}

static void armor(struct dio_text *out, const struct dio_text *blob)
{
    struct dio_text b64 = {0};
    dio_text_b64(&b64, (const uint8_t *)blob->p, blob->len);
    while (!b64.failed && b64.len % 4)
        dio_text_str(&b64, "=");
    out->failed |= b64.failed;
    dio_text_str(out, begin);
    for (size_t i = 0; !b64.failed && i < b64.len; i += LINE) {
        dio_text_add(out, b64.p + i, b64.len - i < LINE ? b64.len - i : LINE);
        dio_text_str(out, "\n");
    }
    dio_text_str(out, end);
    dio_text_str(out, "\n");
    free(b64.p);
}

int dio_sign(const struct dio_signer *s, const void *msg, size_t len, char **text,
             size_t *text_len, struct dumpio_error *err)
{
    struct dio_text bytes = {0}, sig = {0}, blob = {0}, out = {0};
    uint8_t version[4];
    int rc = signed_bytes(&bytes, 512, msg, len, err);
    if (!rc)
        rc = sign_bytes(s->key, &bytes, &sig, err);
    dio_put(version, DUMPIO_BIG, 4, 1);
    dio_text_add(&blob, MAGIC, strlen(MAGIC));
    dio_text_add(&blob, version, sizeof version);
    dio_ssh_put(&blob, s->key->wire, s->key->wire_len);
    put_words(&blob, 512);
    dio_ssh_put(&blob, sig.p, sig.len);
    if (!rc && !sig.failed && !blob.failed)
        armor(&out, &blob);
    if (!rc && (sig.failed || blob.failed || out.failed))
        rc = dio_nomem(err, "a signature");
    free(bytes.p);
    free(sig.p);
    free(blob.p);
    if (rc) {
        free(out.p);
        return rc;
    }
    *text = out.p;
    *text_len = out.len;
    return 0;
}

/* ---- checking -------------------------------------------------------------------------------- */

static int no_signature(const char *why, struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%s", why);
}

/* The bytes between the two lines of the armor. */
static int disarm(struct dio_text *blob, const char *text, size_t len, struct dumpio_error *err)
{
    char b64[DIO_SIGNATURE_MAX];
    uint8_t raw[DIO_SIGNATURE_MAX];
    size_t n = 0, from = sizeof begin - 1, tail = sizeof end - 1;
    while (len && strchr("\r\n\t ", text[len - 1]))
        len--;
    if (len > DIO_SIGNATURE_MAX || len < from + tail || memcmp(text, begin, from) != 0 ||
        memcmp(text + len - tail, end, tail) != 0)
        return no_signature("no \"SSH SIGNATURE\" inside", err);
    for (size_t i = from; i < len - tail; i++)
        if (!strchr("\r\n", text[i]) || !text[i])
            b64[n++] = text[i];
    for (int pad = 0; pad < 2 && n && b64[n - 1] == '='; pad++)
        n--;
    long bytes = dio_b64_decode(raw, b64, n);
    if (bytes < 0)
        return no_signature("its contents are no base64", err);
    dio_text_add(blob, raw, (size_t)bytes);
    return blob->failed ? dio_nomem(err, "a signature") : 0;
}

struct parsed {
    struct dio_number wire, sig;
    unsigned bits; /* of the hash of the message */
};

static int parse(struct parsed *p, const struct dio_text *blob, struct dumpio_error *err)
{
    struct dio_cursor c = dio_cursor((const uint8_t *)blob->p, blob->len, DUMPIO_BIG, 4);
    const uint8_t *magic = dio_cur_bytes(&c, strlen(MAGIC));
    if (!magic || memcmp(magic, MAGIC, strlen(MAGIC)) != 0 || dio_cur_u32(&c) != 1)
        return no_signature("no SSH signature of version 1", err);
    p->wire = dio_ssh_piece(&c);
    struct dio_number space = dio_ssh_piece(&c);
    dio_ssh_piece(&c); /* reserved */
    struct dio_number hash = dio_ssh_piece(&c);
    p->sig = dio_ssh_piece(&c);
    if (c.overrun || c.pos != c.len)
        return no_signature("its structure is damaged", err);
    if (!dio_ssh_is(space, DIO_SIGN_NAMESPACE))
        return no_signature("it is for another namespace than \"" DIO_SIGN_NAMESPACE "\"", err);
    p->bits = dio_ssh_is(hash, "sha512") ? 512 : dio_ssh_is(hash, "sha256") ? 256 : 0;
    return p->bits ? 0 : no_signature("its hash is neither sha512 nor sha256", err);
}

static bool fits(const struct dio_key *key, struct dio_number sig, const struct dio_text *msg)
{
    struct dio_cursor c = dio_cursor(sig.p, sig.len, DUMPIO_BIG, 4);
    struct dio_number kind = dio_ssh_piece(&c), raw = dio_ssh_piece(&c);
    if (c.overrun || c.pos != c.len)
        return false;
    if (key->kind == DIO_KEY_SSH_ED25519) /* the point ends the key's own form */
        return dio_ssh_is(kind, "ssh-ed25519") && raw.len == DIO_ED25519_SIG &&
               !dio_ed25519_verify(raw.p, key->wire + key->wire_len - DIO_POINT, msg->p, msg->len);
    unsigned bits = dio_ssh_is(kind, "rsa-sha2-512") ? 512 : 256;
    return (bits == 512 || dio_ssh_is(kind, "rsa-sha2-256")) &&
           !dio_rsa_verify(key->rsa, bits, raw.p, raw.len, msg->p, msg->len);
}

static void name_key(struct dio_signed_by *by, const struct dio_key *key)
{
    memset(by, 0, sizeof *by);
    dio_ssh_fingerprint(key, by->hash, by->fingerprint);
}

int dio_sign_check(const char *text, size_t text_len, const void *msg, size_t len,
                   struct dio_signed_by *by, struct dumpio_error *err)
{
    struct dio_text blob = {0}, bytes = {0};
    struct dio_key *key = NULL;
    struct parsed p;
    int rc = disarm(&blob, text, text_len, err);
    if (!rc)
        rc = parse(&p, &blob, err);
    if (!rc)
        rc = dio_ssh_wire(&key, p.wire.p, p.wire.len, err);
    if (!rc)
        rc = signed_bytes(&bytes, p.bits, msg, len, err);
    if (!rc) {
        name_key(by, key);
        if (!fits(key, p.sig, &bytes))
            rc = no_signature("it is not the signature of this content", err);
    }
    dio_key_free(key);
    free(blob.p);
    free(bytes.p);
    return rc;
}
