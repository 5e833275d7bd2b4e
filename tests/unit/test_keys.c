/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as text: Bech32, base64, recipients, identities, SSH keys, files of keys.
 */
#include "unit.h"

#include "crypto/age_text.h"
#include "crypto/keys.h"

#include <stdlib.h>

/* The pair that c2sp.org/age gives as its example. */
#define IDENTITY "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
#define RECIPIENT "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

static struct dio_keys *new_keys(void)
{
    struct dio_keys *k = NULL;
    CHECK_EQ(dio_keys_new(&k, NULL), 0);
    return k;
}

static void test_base64(void)
{
    static const struct {
        const char *text;
        long bytes; /* -1 refused */
    } cases[] = {
        {"", 0}, {"A", -1}, {"AA", 1}, {"AB", -1}, {"AAA", 2}, {"AAB", -1}, {"AAAA", 3},
        {"AA==", -1}, {"AAA=", -1}, {"AA A", -1}, {"AA-A", -1}, {"AA_A", -1}, {"////", 3},
        {"++++", 3}, {"/w", 1}, {"//8", 2}, {"AAAAA", -1}, {"AA\nA", -1}, {"AAA\xff", -1},
    };
    uint8_t out[16];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_EQ(dio_b64_decode(out, cases[i].text, strlen(cases[i].text)), cases[i].bytes);
    for (size_t n = 0; n < 60; n++) {
        uint8_t in[64], back[64];
        char text[100];
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)(i * 37 + n);
        size_t len = dio_b64_encode(text, in, n);
        CHECK_EQ(len, (4 * n + 2) / 3);
        CHECK_EQ(dio_b64_decode(back, text, len), (long)n);
        CHECK(!memcmp(in, back, n));
    }
}

static void test_bech32(void)
{
    static const char *const good[] = { /* BIP 173 */
        "A12UEL5L", "a12uel5l",
        ("an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1"
         "tt5tgs"),
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "?1ezyfcl",
    };
    static const char *const wrong[] = {
        "\x20" "1nwldj5", "\x7f" "1axkwrx", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v",
        "li1dgmt3", "de1lg7wt\xff", "A1G7SGD8", "10a06t8", "1qzzfhee", "a12UEL5L", "",
        "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1"
        "569pvx",
    };
    char hrp[DIO_HRP_MAX + 1], text[200];
    uint8_t data[100];
    bool upper;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(dio_bech32_decode(hrp, data, sizeof data, good[i], strlen(good[i]), &upper) >= 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQ(dio_bech32_decode(hrp, data, sizeof data, wrong[i], strlen(wrong[i]), &upper), -1);
    for (size_t n = 0; n < 80; n++) {
        uint8_t in[80];
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)(i * 101 + n);
        CHECK(dio_bech32_encode(text, sizeof text, "some-prefix", in, n));
        CHECK_EQ(dio_bech32_decode(hrp, data, sizeof data, text, strlen(text), &upper), (long)n);
        CHECK(!memcmp(in, data, n) && !upper);
        CHECK_STR(hrp, "some-prefix");
        if (n)
            CHECK_EQ(dio_bech32_decode(hrp, data, n - 1, text, strlen(text), &upper), -1);
    }
    CHECK(!dio_bech32_encode(text, 20, "some-prefix", data, 32));
}

/* RFC 7748, 6.1; RFC 5869, A.1 (first 32 bytes) and A.3. */
static void test_primitives(void)
{
    static const uint8_t alice[32] = "\x77\x07\x6d\x0a\x73\x18\xa5\x7d\x3c\x16\xc1\x72\x51\xb2\x66"
                                     "\x45\xdf\x4c\x2f\x87\xeb\xc0\x99\x2a\xb1\x77\xfb\xa5\x1d\xb9"
                                     "\x2c\x2a";
    static const uint8_t bob_pub[32] = "\xde\x9e\xdb\x7d\x7b\x7d\xc1\xb4\xd3\x5b\x61\xc2\xec\xe4"
                                       "\x35\x37\x3f\x83\x43\xc8\x5b\x78\x67\x4d\xad\xfc\x7e\x14"
                                       "\x6f\x88\x2b\x4f";
    static const uint8_t shared[32] = "\x4a\x5d\x9d\x5b\xa4\xce\x2d\xe1\x72\x8e\x3b\xf4\x80\x35\x0f"
                                      "\x25\xe0\x7e\x21\xc9\x47\xd1\x9e\x33\x76\xf0\x9b\x3c\x1e\x16"
                                      "\x17\x42";
    static const uint8_t okm1[32] = "\x3c\xb2\x5f\x25\xfa\xac\xd5\x7a\x90\x43\x4f\x64\xd0\x36\x2f"
                                    "\x2a\x2d\x2d\x0a\x90\xcf\x1a\x5a\x4c\x5d\xb0\x2d\x56\xec\xc4"
                                    "\xc5\xbf";
    static const uint8_t okm3[32] = "\x8d\xa4\xe7\x75\xa5\x63\xc1\x8f\x71\x5f\x80\x2a\x06\x3c\x5a"
                                    "\x31\xb8\xa1\x1f\x5c\x5e\xe1\x87\x9e\xc3\x45\x4e\x5f\x3c\x73"
                                    "\x8d\x2d";
    static const uint8_t salt1[13] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c";
    uint8_t out[32], ikm[22], low[32] = {0};
    CHECK_EQ(dio_x25519(out, alice, bob_pub), 0);
    CHECK(!memcmp(out, shared, 32));
    CHECK_EQ(dio_x25519(out, alice, low), 1);
    low[0] = 1;
    CHECK_EQ(dio_x25519(out, alice, low), 1);
    memset(ikm, 0x0b, sizeof ikm);
    struct dio_hkdf_in in = {ikm, salt1, 22, sizeof salt1,
                             "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9"};
    CHECK_EQ(dio_hkdf(out, &in), 0);
    CHECK(!memcmp(out, okm1, 32));
    in = (struct dio_hkdf_in){ikm, NULL, 22, 0, ""};
    CHECK_EQ(dio_hkdf(out, &in), 0);
    CHECK(!memcmp(out, okm3, 32));
    CHECK(dio_equal("abc", "abc", 3) && !dio_equal("abc", "abd", 3));
}

static void test_native_keys(void)
{
    struct dio_keys *k = new_keys();
    char text[DIO_KEY_TEXT], id[DIO_KEY_TEXT], again[DIO_KEY_TEXT], changed[] = IDENTITY;
    CHECK_EQ(dio_keys_add_identity(k, IDENTITY, NULL), 0);
    CHECK_EQ(dio_keys_recipient_text(k, 0, text), 0);
    CHECK_STR(text, RECIPIENT);
    CHECK_EQ(dio_keys_recipient_text(k, 1, text), DUMPIO_END);
    CHECK_EQ(dio_keys_add_recipient(k, RECIPIENT, NULL), 0);
    /* one wrong character anywhere */
    for (size_t i = 0; changed[i]; i++) {
        char c = changed[i];
        changed[i] = c == 'Q' ? 'P' : 'Q';
        CHECK_EQ(dio_keys_add_identity(k, changed, NULL), DUMPIO_E_ARG);
        changed[i] = (char)(c | 0x20); /* mixed case */
        if (changed[i] != c)
            CHECK_EQ(dio_keys_add_identity(k, changed, NULL), DUMPIO_E_ARG);
        changed[i] = c;
    }
    char recipient[] = RECIPIENT;
    for (size_t i = 4; recipient[i]; i++) {
        char c = recipient[i];
        recipient[i] = c == 'q' ? 'p' : 'q';
        CHECK_EQ(dio_keys_add_recipient(k, recipient, NULL), DUMPIO_E_ARG);
        recipient[i] = c;
    }
    for (size_t n = 0; n + 1 < sizeof RECIPIENT; n++) {
        memcpy(recipient, RECIPIENT, sizeof recipient);
        recipient[n] = 0;
        CHECK_EQ(dio_keys_add_recipient(k, recipient, NULL), DUMPIO_E_ARG);
    }
    /* the wrong kind, the wrong case */
    CHECK_EQ(dio_keys_add_identity(k, RECIPIENT, NULL), DUMPIO_E_ARG);
    CHECK_EQ(dio_keys_add_recipient(k, IDENTITY, NULL), DUMPIO_E_ARG);
    CHECK_EQ(dio_keys_add_recipient(k, RECIPIENT " ", NULL), DUMPIO_E_ARG);
    CHECK_EQ(dio_keys_add_recipient(k, "age1pq1qqqqqqqq", NULL), DUMPIO_E_UNSUPPORTED);
    CHECK_EQ(dio_keys_add_identity(k, "AGE-SECRET-KEY-PQ-1QQQQQQQ", NULL), DUMPIO_E_UNSUPPORTED);
    CHECK_EQ(dio_keys_add_identity(k, "AGE-PLUGIN-FOO-1QQQQQQQ", NULL), DUMPIO_E_UNSUPPORTED);
    CHECK_EQ(dio_keys_count(k, DIO_KEY_OPEN), 1);
    CHECK_EQ(dio_keys_count(k, DIO_KEY_SEAL), 1);
    /* new ones */
    CHECK_EQ(dio_keys_generate(id, text, NULL), 0);
    CHECK_EQ(dio_keys_add_identity(k, id, NULL), 0);
    CHECK_EQ(dio_keys_recipient_text(k, 1, again), 0);
    CHECK_STR(again, text);
    dio_keys_free(k);
}

static void test_files(void)
{
    static const char recipients[] = "# comment\n\n  " RECIPIENT "\r\n" RECIPIENT "\n"
                                     "ecdsa-sha2-nistp256 AAAA left out\n" RECIPIENT;
    struct dio_keys *k = new_keys();
    struct dumpio_error err;
    CHECK_EQ(dio_keys_add_recipients(k, recipients, sizeof recipients - 1, "f", NULL, &err), 0);
    CHECK_EQ(dio_keys_count(k, DIO_KEY_SEAL), 3);
    CHECK_EQ(dio_keys_add_recipients(k, "# no\n", 5, "f", NULL, &err), DUMPIO_E_ARG);
    CHECK_EQ(dio_keys_add_recipients(k, "", 0, "f", NULL, &err), DUMPIO_E_ARG);
    CHECK_EQ(dio_keys_add_recipients(k, "#\nage1x\n", 8, "f", NULL, &err), DUMPIO_E_ARG);
    CHECK(strstr(err.message, "f, line 2") != NULL);
    CHECK_EQ(dio_keys_add_recipients(k, "a\0b\n", 4, "f", NULL, &err), DUMPIO_E_ARG);
    static const char identities[] = "# created: now\n" IDENTITY "\n" IDENTITY "\n";
    CHECK_EQ(dio_keys_add_identities(k, identities, sizeof identities - 1, "f", NULL, &err), 0);
    CHECK_EQ(dio_keys_count(k, DIO_KEY_OPEN), 2);
    CHECK_EQ(dio_keys_encrypt_to_self(k, &err), 0);
    CHECK_EQ(dio_keys_count(k, DIO_KEY_SEAL), 5);
    CHECK_EQ(dio_keys_add_passphrase(k, "", DIO_KEY_OPEN, &err), DUMPIO_E_ARG);
    dio_keys_free(k);
}

/* ---- SSH: keys written here, from a known seed ----------------------------------------------- */

struct writer {
    uint8_t p[1024];
    size_t len;
};

static void put(struct writer *w, const void *p, size_t n)
{
    memcpy(w->p + w->len, p, n);
    w->len += n;
}

static void put_u32(struct writer *w, uint32_t v)
{
    const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    put(w, b, 4);
}

static void put_str(struct writer *w, const void *p, size_t n)
{
    put_u32(w, (uint32_t)n);
    put(w, p, n);
}

/* An unencrypted OpenSSH private key; `twist` is added to the second check number. */
static size_t openssh_key(char *out, const uint8_t seed[32], const uint8_t pub[32], uint32_t twist,
                          const char *cipher)
{
    struct writer wire = {.len = 0}, secret = {.len = 0}, all = {.len = 0};
    uint8_t both[64];
    memcpy(both, seed, 32);
    memcpy(both + 32, pub, 32);
    put_str(&wire, "ssh-ed25519", 11);
    put_str(&wire, pub, 32);
    put_u32(&secret, 12345);
    put_u32(&secret, 12345 + twist);
    put_str(&secret, "ssh-ed25519", 11);
    put_str(&secret, pub, 32);
    put_str(&secret, both, 64);
    put_str(&secret, "comment", 7);
    put(&all, "openssh-key-v1", 15);
    put_str(&all, cipher, strlen(cipher));
    put_str(&all, "none", 4);
    put_str(&all, "", 0);
    put_u32(&all, 1);
    put_str(&all, wire.p, wire.len);
    put_str(&all, secret.p, secret.len);
    char b64[2048];
    size_t n = dio_b64_encode(b64, all.p, all.len), at = 0;
    at += (size_t)sprintf(out, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    for (size_t i = 0; i < n; i += 70)
        at += (size_t)sprintf(out + at, "%.*s\n", (int)(n - i < 70 ? n - i : 70), b64 + i);
    at += (size_t)sprintf(out + at, "-----END OPENSSH PRIVATE KEY-----\n");
    return at;
}

static void test_ssh(void)
{
    struct dio_keys *k = new_keys();
    struct dumpio_error err;
    uint8_t seed[32], pub[32];
    char text[4096], line[256];
    struct writer wire = {.len = 0};
    for (unsigned i = 0; i < 32; i++)
        seed[i] = (uint8_t)(i + 1);
    CHECK_EQ(dio_ed25519_public(pub, seed), 0);
    size_t n = openssh_key(text, seed, pub, 0, "none");
    CHECK_EQ(dio_keys_add_identities(k, text, n, "f", NULL, &err), 0);
    for (size_t cut = 0; cut + 2 < n; cut++) /* the last newline may be missing */
        CHECK(dio_keys_add_identities(k, text, cut, "f", NULL, &err) != 0);
    n = openssh_key(text, seed, pub, 1, "none");
    CHECK_EQ(dio_keys_add_identities(k, text, n, "f", NULL, &err), DUMPIO_E_ARG);
    n = openssh_key(text, seed, pub, 0, "aes256-ctr");
    CHECK_EQ(dio_keys_add_identities(k, text, n, "f", NULL, &err), DUMPIO_E_UNSUPPORTED);
    n = openssh_key(text, pub, pub, 0, "none"); /* halves of different keys */
    CHECK_EQ(dio_keys_add_identities(k, text, n, "f", NULL, &err), DUMPIO_E_ARG);
    CHECK_EQ(dio_keys_count(k, DIO_KEY_OPEN), 1);

    put_str(&wire, "ssh-ed25519", 11);
    put_str(&wire, pub, 32);
    size_t at = (size_t)sprintf(line, "ssh-ed25519 ");
    at += dio_b64_encode(line + at, wire.p, wire.len);
    strcpy(line + at, " me@there");
    CHECK_EQ(dio_keys_add_recipient(k, line, &err), 0);
    CHECK(!memcmp(k->recipients->pub, k->identities->pub, 32));
    CHECK(!memcmp(k->recipients->tag, k->identities->tag, sizeof k->identities->tag));
    uint8_t point[32];
    CHECK_EQ(dio_x25519_base(point, k->identities->secret), 0);
    CHECK(!memcmp(point, k->identities->pub, 32)); /* both ways to Montgomery agree */
    memcpy(line, "ssh-rsa     ", 12);
    CHECK_EQ(dio_keys_add_recipient(k, line, &err), DUMPIO_E_ARG);
    CHECK_EQ(dio_keys_add_recipient(k, "ssh-dss AAAA", &err), DUMPIO_E_UNSUPPORTED);
    CHECK_EQ(dio_keys_add_recipient(k, "ssh-ed25519 AAA!", &err), DUMPIO_E_ARG);
    CHECK_EQ(dio_keys_add_recipient(k, "ssh-ed25519 ", &err), DUMPIO_E_ARG);
    dio_keys_free(k);
}

int main(void)
{
    test_base64();
    test_bech32();
    test_primitives();
    test_native_keys();
    test_files();
    test_ssh();
    return unit_result();
}
