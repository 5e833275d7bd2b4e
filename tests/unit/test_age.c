/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The age layer and its armor: round trips, random reads from several threads, and every way of
 * damaging a file, none of which may give anything but an error or the true bytes.
 */
#include "unit.h"

#include "crypto/age.h"
#include "tests/crypto/mem.h"

#include <pthread.h>

#define CHUNK DIO_AGE_CHUNK

static struct dio_keys *keys;  /* an identity and its recipient */
static struct dio_keys *other; /* another identity */

static void make_keys(struct dio_keys **k)
{
    char id[DIO_KEY_TEXT], recipient[DIO_KEY_TEXT];
    CHECK_EQ(dio_keys_new(k, NULL), 0);
    CHECK_EQ(dio_keys_generate(id, recipient, NULL), 0);
    CHECK_EQ(dio_keys_add_identity(*k, id, NULL), 0);
}

static struct dio_layer_options with(const struct dio_keys *k)
{
    return (struct dio_layer_options){.level = DUMPIO_LEVEL_DEFAULT, .keys = k};
}

static uint8_t plain_at(uint64_t i)
{
    return (uint8_t)((i * 2654435761u) >> 13 ^ i);
}

static uint8_t *plaintext(size_t n)
{
    uint8_t *p = malloc(n + 1);
    if (!p)
        abort();
    for (size_t i = 0; i < n; i++)
        p[i] = plain_at(i);
    return p;
}

/* Encrypt in writes of `piece` bytes. */
static struct mem_result encrypt(const uint8_t *p, size_t n, size_t piece, unsigned threads,
                                 bool armor, const struct dio_keys *k)
{
    struct mem_result r = {0};
    struct dumpio_env env = {.threads = threads};
    struct dio_layer_options o = with(k);
    struct dio_out *out = mem_sink(&r), *above;
    if (armor) {
        CHECK_EQ(dio_layer_age_armor.create(&above, out, &o, &env, NULL), 0);
        out = above;
    }
    CHECK_EQ(dio_layer_age.create(&above, out, &o, &env, NULL), 0);
    CHECK_EQ(above->access, DIO_FORWARD);
    for (size_t at = 0; at < n; at += piece)
        CHECK_EQ(dio_write(above, at, p + at, n - at < piece ? n - at : piece, NULL), 0);
    CHECK_EQ(above->ops->finish(above, n, NULL), 0);
    CHECK(r.finished == 1 && !r.discarded && !r.disorder);
    return r;
}

/* NULL when it does not open. */
static struct dio_bytes *try_open(const uint8_t *p, size_t n, const struct dio_keys *k,
                                  struct dumpio_error *err)
{
    struct dio_bytes *b = mem_source(p, n), *above;
    struct dio_layer_options o = with(k);
    if (dio_layer_age_armor.probe(p, n)) {
        if (dio_layer_age_armor.open(&above, b, &o, NULL, err)) {
            dio_bytes_close(b);
            return NULL;
        }
        b = above;
    }
    if (dio_layer_age.open(&above, b, &o, NULL, err)) {
        dio_bytes_close(b);
        return NULL;
    }
    return above;
}

/* 0 when it opens and gives exactly this plaintext; -1 when it gives an error; 1: wrong bytes. */
static int verdict(const uint8_t *p, size_t n, const uint8_t *plain, size_t len,
                   struct dumpio_error *err)
{
    struct dio_bytes *b = try_open(p, n, keys, err);
    size_t got = 0;
    if (!b)
        return -1;
    uint8_t *out = malloc(len + 100);
    int rc = out ? dio_read_some(b, 0, out, len + 100, &got, err) : 0;
    int result = rc ? -1 : b->size != len || got != len || memcmp(out, plain, len) != 0;
    free(out);
    dio_bytes_close(b);
    return result;
}

/* ---- whole files ----------------------------------------------------------------------------- */

static void test_round_trips(void)
{
    static const size_t sizes[] = {0, 1, 47, 48, 49, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK,
                                   16 * CHUNK - 1, 16 * CHUNK, 16 * CHUNK + 1, 64 * CHUNK + 77};
    static const size_t pieces[] = {4096, CHUNK, 1000003};
    struct dumpio_error err;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *p = plaintext(sizes[i]);
        for (unsigned threads = 1; threads <= 4; threads++) {
            bool armor = threads == 3;
            struct mem_result r = encrypt(p, sizes[i], pieces[threads % 3], threads, armor, keys);
            CHECK_EQ(verdict(r.p, r.len, p, sizes[i], &err), 0);
            CHECK(try_open(r.p, r.len, other, &err) == NULL);
            CHECK_EQ(err.status, DUMPIO_E_ARG);
            CHECK(try_open(r.p, r.len, NULL, &err) == NULL);
            CHECK_EQ(err.status, DUMPIO_E_ARG);
            free(r.p);
        }
        free(p);
    }
}

/* What is skipped reads as zeros; so does the end. */
static void test_gaps(void)
{
    struct mem_result r = {0};
    struct dio_layer_options o = with(keys);
    struct dio_out *out;
    size_t len = 20 * CHUNK + 9;
    uint8_t *want = calloc(1, len);
    CHECK_EQ(dio_layer_age.create(&out, mem_sink(&r), &o, NULL, NULL), 0);
    CHECK_EQ(dio_write(out, 5, "abc", 3, NULL), 0);
    CHECK_EQ(dio_write(out, 18 * CHUNK - 1, "def", 3, NULL), 0);
    CHECK_EQ(dio_write(out, 7, "x", 1, NULL), DUMPIO_E_INTERNAL);
    CHECK_EQ(out->ops->finish(out, len, NULL), 0);
    memcpy(want + 5, "abc", 3);
    memcpy(want + 18 * CHUNK - 1, "def", 3);
    CHECK_EQ(verdict(r.p, r.len, want, len, NULL), 0);
    free(want);
    free(r.p);
}

static void test_failing_sink(void)
{
    struct dio_layer_options o = with(keys);
    uint8_t *p = plaintext(8u << 20);
    for (unsigned threads = 1; threads <= 2; threads++) {
        for (size_t at = 100; at < 9u << 20; at += 1234567) {
            struct mem_result r = {.fail_at = at};
            struct dumpio_env env = {.threads = threads};
            struct dumpio_error err = {0};
            struct dio_out *out, *sink = mem_sink(&r);
            if (dio_layer_age.create(&out, sink, &o, &env, &err)) {
                sink->ops->discard(sink);
            } else {
                int rc = dio_write(out, 0, p, 8u << 20, &err);
                if (rc)
                    out->ops->discard(out);
                else
                    rc = out->ops->finish(out, 8u << 20, &err);
                CHECK_EQ(rc, at > 8400000 ? 0 : DUMPIO_E_IO);
            }
            CHECK_EQ(r.finished + r.discarded, 1);
            CHECK_EQ(r.discarded, at <= 8400000);
            free(r.p);
        }
    }
    free(p);
    struct mem_result r = {0};
    struct dio_out *out, *sink = mem_sink(&r);
    CHECK_EQ(dio_layer_age.create(&out, sink, &(struct dio_layer_options){.keys = other}, NULL, NULL),
             DUMPIO_E_ARG); /* no recipient */
    CHECK_EQ(r.len, 0);
    sink->ops->discard(sink);
    free(r.p);
}

struct reader {
    struct dio_bytes *b;
    unsigned seed;
    unsigned wrong;
};

static void *read_randomly(void *arg)
{
    struct reader *r = arg;
    uint64_t s = r->seed;
    uint8_t *buf = malloc(2u << 20);
    for (int i = 0; buf && i < 300; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        uint64_t off = (s >> 20) % (r->b->size + 100);
        size_t len = (size_t)(s >> 11) % (i % 10 ? 9000 : 2u << 20), got;
        uint64_t left = off >= r->b->size ? 0 : r->b->size - off;
        size_t want = left < len ? (size_t)left : len;
        r->wrong += dio_read_some(r->b, off, buf, len, &got, NULL) || got != want;
        for (size_t j = 0; j < got; j++)
            r->wrong += buf[j] != plain_at(off + j);
    }
    r->wrong += !buf;
    free(buf);
    return NULL;
}

static void test_random_reads(void)
{
    size_t len = 100 * CHUNK + 12345; /* more than the cache holds */
    uint8_t *p = plaintext(len);
    for (int armor = 0; armor < 2; armor++) {
        struct mem_result r = encrypt(p, len, 1u << 20, 2, armor, keys);
        struct dio_bytes *b = try_open(r.p, r.len, keys, NULL);
        struct reader readers[4];
        pthread_t t[4];
        CHECK(b != NULL);
        for (unsigned i = 0; i < 4 && b; i++) {
            readers[i] = (struct reader){b, i + 1, 0};
            CHECK_EQ(pthread_create(&t[i], NULL, read_randomly, &readers[i]), 0);
        }
        for (unsigned i = 0; i < 4 && b; i++) {
            pthread_join(t[i], NULL);
            CHECK_EQ(readers[i].wrong, 0);
        }
        dio_bytes_close(b);
        free(r.p);
    }
    free(p);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static size_t header_size(const struct mem_result *r)
{
    struct dio_age_facts f;
    struct dio_bytes *b = mem_source(r->p, r->len);
    CHECK_EQ(dio_age_inspect(b, &f, NULL), 0);
    dio_bytes_close(b);
    return (size_t)f.header;
}

static void test_header_damage(void)
{
    uint8_t *p = plaintext(1000);
    struct dumpio_error err;
    struct mem_result r = encrypt(p, 1000, 1000, 1, false, keys);
    size_t n = header_size(&r);
    uint8_t *copy = malloc(r.len + 1);
    for (size_t i = 0; i < n + DIO_AGE_NONCE; i++) {
        static const uint8_t flips[] = {0x01, 0x20, 0x80, 0x7f};
        for (size_t f = 0; f < sizeof flips; f++) { /* changed */
            memcpy(copy, r.p, r.len);
            copy[i] ^= flips[f];
            CHECK_EQ(verdict(copy, r.len, p, 1000, &err), -1);
        }
        memcpy(copy, r.p, i); /* left out */
        memcpy(copy + i, r.p + i + 1, r.len - i - 1);
        CHECK_EQ(verdict(copy, r.len - 1, p, 1000, &err), -1);
        memcpy(copy, r.p, i); /* one more */
        copy[i] = (uint8_t)"\n A=\r"[i % 5];
        memcpy(copy + i + 1, r.p + i, r.len - i);
        CHECK_EQ(verdict(copy, r.len + 1, p, 1000, &err), -1);
        CHECK_EQ(verdict(r.p, i, p, 1000, &err), -1); /* cut */
        CHECK_EQ(err.status, DUMPIO_E_TRUNCATED);
    }
    free(copy);
    free(r.p);
    free(p);
}

static void test_truncation(void)
{
    size_t len = 3 * CHUNK + 500;
    uint8_t *p = plaintext(len);
    struct dumpio_error err;
    struct mem_result r = encrypt(p, len, len, 2, false, keys);
    size_t start = header_size(&r) + DIO_AGE_NONCE;
    for (size_t cut = start; cut < r.len; cut += cut % 997 ? 1 : 301) {
        size_t in = (cut - start) % DIO_AGE_SEALED;
        if (in > 40 && in + 40 < DIO_AGE_SEALED && cut + 40 < r.len && in % 1009)
            continue; /* near the borders every place, else some */
        CHECK_EQ(verdict(r.p, cut, p, len, &err), -1);
        CHECK_EQ(err.status, DUMPIO_E_TRUNCATED);
        CHECK(strstr(err.message, "chunk") != NULL);
    }
    /* a file that ends with a whole chunk, cut behind whole ones */
    free(r.p);
    r = encrypt(p, 3 * CHUNK, len, 2, false, keys);
    for (unsigned i = 1; i < 3; i++) {
        CHECK_EQ(verdict(r.p, start + (size_t)i * DIO_AGE_SEALED, p, len, &err), -1);
        CHECK_EQ(err.status, DUMPIO_E_TRUNCATED);
        char want[64];
        snprintf(want, sizeof want, "chunk %u ", i - 1);
        CHECK(strstr(err.message, want) != NULL);
    }
    free(r.p);
    free(p);
}

/* One chunk is damaged: it alone is lost, and nothing of it comes out. */
static void test_payload_damage(void)
{
    size_t len = 5 * CHUNK + 500;
    uint8_t *p = plaintext(len), *out = malloc(len);
    struct dumpio_error err;
    struct mem_result r = encrypt(p, len, len, 2, false, keys);
    size_t start = header_size(&r) + DIO_AGE_NONCE, got;
    for (size_t c = 0; c < 6; c++) {
        size_t at = start + c * DIO_AGE_SEALED, sealed = c == 5 ? 516 : DIO_AGE_SEALED;
        size_t places[] = {0, 1, sealed / 2, sealed - 17, sealed - 16, sealed - 1};
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            r.p[at + places[i]] ^= 4;
            struct dio_bytes *b = try_open(r.p, r.len, keys, &err);
            CHECK((b == NULL) == (c == 5));
            for (size_t other_chunk = 0; b && other_chunk < 6; other_chunk++) {
                memset(out, 0xee, len);
                int rc = dio_read_some(b, other_chunk * CHUNK, out, other_chunk == 5 ? 500 : CHUNK,
                                       &got, &err);
                CHECK_EQ(rc, other_chunk == c ? DUMPIO_E_CORRUPT : 0);
                rc = dio_read_some(b, other_chunk * CHUNK + 10, out, 100, &got, &err);
                CHECK_EQ(rc, other_chunk == c ? DUMPIO_E_CORRUPT : 0);
                if (rc) /* neither wrong nor right bytes */
                    CHECK(memcmp(out, p + c * CHUNK, 64) != 0 &&
                          (out[0] == 0xee || out[0] == 0));
            }
            dio_bytes_close(b);
            r.p[at + places[i]] ^= 4;
        }
    }
    CHECK_EQ(verdict(r.p, r.len, p, len, &err), 0);
    free(out);
    free(r.p);
    free(p);
}

static void test_rearranged(void)
{
    size_t len = 4 * CHUNK;
    uint8_t *p = plaintext(len);
    struct dumpio_error err;
    struct mem_result r = encrypt(p, len, len, 2, false, keys);
    size_t start = header_size(&r) + DIO_AGE_NONCE;
    uint8_t *copy = malloc(r.len + DIO_AGE_SEALED);
    for (unsigned a = 0; a < 4; a++)
        for (unsigned b = 0; b < 4; b++) { /* chunk a in the place of b */
            memcpy(copy, r.p, r.len);
            memcpy(copy + start + b * DIO_AGE_SEALED, r.p + start + a * DIO_AGE_SEALED,
                   DIO_AGE_SEALED);
            CHECK_EQ(verdict(copy, r.len, p, len, &err), a == b ? 0 : -1);
            if (a != b)
                CHECK_EQ(err.status, DUMPIO_E_CORRUPT);
        }
    /* anything behind */
    static const size_t more[] = {1, 15, 16, 17, 1000, DIO_AGE_SEALED};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        memcpy(copy, r.p, r.len);
        memcpy(copy + r.len, r.p + start, more[i]);
        CHECK_EQ(verdict(copy, r.len + more[i], p, len, &err), -1);
    }
    CHECK_EQ(err.status, DUMPIO_E_CORRUPT);
    CHECK(strstr(err.message, "follow the last chunk") != NULL);
    free(copy);
    free(r.p);
    free(p);
}

/* ---- armor ----------------------------------------------------------------------------------- */

static int is_white(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void test_armor_damage(void)
{
    uint8_t *p = plaintext(700);
    struct dumpio_error err;
    for (size_t len = 660; len < 664; len++) { /* every kind of padding */
        struct mem_result r = encrypt(p, len, len, 1, true, keys);
        uint8_t *copy = malloc(r.len + 4096);
        for (size_t i = 0; i < r.len; i++) {
            static const uint8_t flips[] = {0x01, 0x20, 0x80};
            for (size_t f = 0; f < sizeof flips; f++) {
                memcpy(copy, r.p, r.len);
                copy[i] ^= flips[f];
                bool outside = i + 1 == r.len && is_white(copy[i]);
                CHECK_EQ(verdict(copy, r.len, p, len, &err), outside ? 0 : -1);
            }
            memcpy(copy, r.p, i);
            copy[i] = (uint8_t)"\n \r\tA="[i % 6];
            memcpy(copy + i + 1, r.p + i, r.len - i);
            bool outside = is_white(copy[i]) && (i == 0 || i + 1 >= r.len);
            CHECK_EQ(verdict(copy, r.len + 1, p, len, &err), outside ? 0 : -1);
            memcpy(copy, r.p, i);
            memcpy(copy + i, r.p + i + 1, r.len - i - 1);
            CHECK_EQ(verdict(copy, r.len - 1, p, len, &err), i + 1 == r.len ? 0 : -1);
            CHECK_EQ(verdict(r.p, i, p, len, &err), i + 1 >= r.len ? 0 : -1);
        }
        /* CRLF everywhere, and whitespace around */
        size_t n = 0;
        memcpy(copy, " \n\t", 3);
        n = 3;
        for (size_t i = 0; i < r.len; i++) {
            if (r.p[i] == '\n')
                copy[n++] = '\r';
            copy[n++] = r.p[i];
        }
        memcpy(copy + n, "\n  \r\n", 5);
        CHECK_EQ(verdict(copy, n + 5, p, len, &err), 0);
        free(copy);
        free(r.p);
    }
    free(p);
}

/* ---- passphrases, several recipients, rewrapping --------------------------------------------- */

static int answer(void *user, const char *what, char *buf, size_t size)
{
    (void)what;
    snprintf(buf, size, "%s", (const char *)user);
    return 0;
}

static void test_passphrase(void)
{
    struct dio_keys *k, *ask, *mixed;
    struct dumpio_error err;
    char right[] = "correct horse", wrong[] = "battery staple";
    CHECK_EQ(dio_keys_new(&k, NULL), 0);
    CHECK_EQ(dio_keys_new(&ask, NULL), 0);
    CHECK_EQ(dio_keys_new(&mixed, NULL), 0);
    CHECK_EQ(dio_keys_add_passphrase(k, right, DIO_KEY_OPEN | DIO_KEY_SEAL, NULL), 0);
    struct mem_result r = encrypt((const uint8_t *)"hello", 5, 5, 1, false, k);
    struct dio_bytes *b = try_open(r.p, r.len, k, &err);
    CHECK(b && b->size == 5);
    dio_bytes_close(b);
    dio_keys_set_ask(ask, &(struct dio_keys_ask){answer, right});
    b = try_open(r.p, r.len, ask, &err);
    CHECK(b && b->size == 5);
    dio_bytes_close(b);
    dio_keys_set_ask(ask, &(struct dio_keys_ask){answer, wrong});
    CHECK(try_open(r.p, r.len, ask, &err) == NULL);
    CHECK_EQ(err.status, DUMPIO_E_ARG);
    CHECK(try_open(r.p, r.len, keys, &err) == NULL); /* an identity alone */
    CHECK_EQ(err.status, DUMPIO_E_ARG);
    struct dio_age_facts f;
    b = mem_source(r.p, r.len);
    CHECK_EQ(dio_age_inspect(b, &f, NULL), 0);
    CHECK_EQ(f.work, DIO_AGE_WORK);
    CHECK_STR(f.stanzas, "scrypt");
    dio_bytes_close(b);
    free(r.p);
    /* a passphrase is alone */
    CHECK_EQ(dio_keys_add_passphrase(mixed, right, DIO_KEY_SEAL, NULL), 0);
    CHECK_EQ(dio_keys_add_passphrase(mixed, wrong, DIO_KEY_SEAL, NULL), 0);
    r = (struct mem_result){0};
    struct dio_out *out, *sink = mem_sink(&r);
    struct dio_layer_options o = with(mixed);
    CHECK_EQ(dio_layer_age.create(&out, sink, &o, NULL, &err), DUMPIO_E_ARG);
    sink->ops->discard(sink);
    dio_keys_free(k);
    dio_keys_free(ask);
    dio_keys_free(mixed);
}

static void add_recipient_of(struct dio_keys *to, const struct dio_keys *from)
{
    char text[DIO_KEY_TEXT];
    CHECK_EQ(dio_keys_recipient_text(from, 0, text), 0);
    CHECK_EQ(dio_keys_add_recipient(to, text, NULL), 0);
}

#define V1 "age-encryption.org/v1\n"
#define B43 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define MAC "--- " B43 "\n"
#define SALT "AAAAAAAAAAAAAAAAAAAAAA"

/* Headers that no writer makes, opened with an identity and a passphrase. */
static void test_bad_headers(void)
{
    static const struct {
        const char *text, *says;
        int status;
    } cases[] = {
        {V1 "-> X25519 " B43 "\n" B43 "\n" MAC, "low order", DUMPIO_E_CORRUPT},
        {V1 "-> X25519 " B43 "\n\n" MAC, "32 bytes", DUMPIO_E_CORRUPT},
        {V1 "-> X25519\n" B43 "\n" MAC, "number of arguments", DUMPIO_E_CORRUPT},
        {V1 "-> X25519 " B43 " x\n" B43 "\n" MAC, "number of arguments", DUMPIO_E_CORRUPT},
        {V1 "-> X25519 " B43 "A\n" B43 "\n" MAC, "share", DUMPIO_E_CORRUPT},
        {V1 "-> x25519 " B43 "\n" B43 "\n" MAC, "none of the identities", DUMPIO_E_ARG},
        {V1 "-> scrypt " SALT " 1\n" B43 "\n-> other\n\n" MAC, "the only one", DUMPIO_E_CORRUPT},
        {V1 "-> scrypt " SALT " 23\n" B43 "\n" MAC, "work factor 23", DUMPIO_E_LIMIT},
        {V1 "-> scrypt " SALT " 99999999999999999999\n" B43 "\n" MAC, "exceeds", DUMPIO_E_LIMIT},
        {V1 "-> scrypt " SALT " 01\n" B43 "\n" MAC, "decimal", DUMPIO_E_CORRUPT},
        {V1 "-> scrypt " SALT " 0\n" B43 "\n" MAC, "decimal", DUMPIO_E_CORRUPT},
        {V1 "-> scrypt " SALT " +1\n" B43 "\n" MAC, "decimal", DUMPIO_E_CORRUPT},
        {V1 "-> scrypt " SALT "\n" B43 "\n" MAC, "number of arguments", DUMPIO_E_CORRUPT},
        {V1 "-> scrypt AAAA 1\n" B43 "\n" MAC, "salt", DUMPIO_E_CORRUPT},
        {V1 "-> scrypt " SALT " 1\n" B64 "\n\n" MAC, "32 bytes", DUMPIO_E_CORRUPT},
        {V1 "-> scrypt " SALT " 1\n" B43 "\n" MAC, "does not fit", DUMPIO_E_ARG},
        {V1 "-> other " B64 B64 "\n" B64 "\n" B64 "\nAA\n" MAC, "none of the", DUMPIO_E_ARG},
        {V1 "-> other\n" B64 "A\n" MAC, "exceeds 64", DUMPIO_E_CORRUPT},
        {V1 "-> other\n" B64 "\n" MAC, "base64", DUMPIO_E_CORRUPT},
        {V1 "-> other\nAA\nAA\n" MAC, "neither", DUMPIO_E_CORRUPT},
        {V1 "-> other\nAB\n" MAC, "base64", DUMPIO_E_CORRUPT},
        {V1 "-> other\nAA==\n" MAC, "base64", DUMPIO_E_CORRUPT},
        {V1 "-> other \n\n" MAC, "empty", DUMPIO_E_CORRUPT},
        {V1 "-> other  x\n\n" MAC, "empty", DUMPIO_E_CORRUPT},
        {V1 "-> oth\x7f\n\n" MAC, "printable", DUMPIO_E_CORRUPT},
        {V1 "-> \n\n" MAC, "neither", DUMPIO_E_CORRUPT},
        {V1 "->other\n\n" MAC, "neither", DUMPIO_E_CORRUPT},
        {V1 "-> other\r\n\r\n" MAC, "printable", DUMPIO_E_CORRUPT},
        {V1 MAC, "no recipient", DUMPIO_E_CORRUPT},
        {V1 "-> other\n\n---" B43 "\n", "last line", DUMPIO_E_CORRUPT},
        {V1 "-> other\n\n---  " B43 "\n", "last line", DUMPIO_E_CORRUPT},
        {V1 "-> other\n\n--- " B43 " \n", "last line", DUMPIO_E_CORRUPT},
        {V1 "-> other\n\n--- " B43 "=\n", "last line", DUMPIO_E_CORRUPT},
        {V1 "-> other\n\n--- AAAA\n", "last line", DUMPIO_E_CORRUPT},
        {V1 "-> other\n\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n", "last line",
         DUMPIO_E_CORRUPT},
        {"age-encryption.org/v2\n-> other\n\n" MAC, "version", DUMPIO_E_UNSUPPORTED},
        {V1 "-> other\n\n", "ends too early", DUMPIO_E_TRUNCATED},
    };
    struct dio_keys *k;
    make_keys(&k);
    CHECK_EQ(dio_keys_add_passphrase(k, "x", DIO_KEY_OPEN, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dumpio_error err = {0};
        CHECK(try_open((const uint8_t *)cases[i].text, strlen(cases[i].text), k, &err) == NULL);
        if (err.status != cases[i].status || !strstr(err.message, cases[i].says))
            printf("header %zu: %d %s\n", i, err.status, err.message);
        CHECK_EQ(err.status, cases[i].status);
        CHECK(strstr(err.message, cases[i].says) != NULL);
    }
    dio_keys_free(k);
}

static void test_rewrap(void)
{
    struct dio_keys *both;
    struct dumpio_error err;
    size_t len = CHUNK + 10, header_len;
    uint64_t payload;
    char *header;
    uint8_t *p = plaintext(len);
    struct mem_result r = encrypt(p, len, len, 1, false, keys);
    /* opened by `keys`, made for `other` and, at the second time, for both */
    CHECK_EQ(dio_keys_new(&both, NULL), 0);
    both->identities = keys->identities;
    for (int i = 0; i < 2; i++) {
        add_recipient_of(both, i ? keys : other);
        struct dio_bytes *b = mem_source(r.p, r.len);
        CHECK_EQ(dio_age_rewrap(b, both, &header, &header_len, &payload, &err), 0);
        dio_bytes_close(b);
        size_t rest = r.len - (size_t)payload;
        uint8_t *copy = malloc(header_len + rest);
        memcpy(copy, header, header_len);
        memcpy(copy + header_len, r.p + payload, rest);
        b = try_open(copy, header_len + rest, other, &err);
        CHECK(b && b->size == len);
        dio_bytes_close(b);
        CHECK_EQ(verdict(copy, header_len + rest, p, len, &err), i ? 0 : -1);
        free(copy);
        free(header);
    }
    struct dio_bytes *b = mem_source(r.p, r.len);
    CHECK_EQ(dio_age_rewrap(b, other, &header, &header_len, &payload, &err), DUMPIO_E_ARG);
    dio_bytes_close(b);
    both->identities = NULL;
    dio_keys_free(both);
    free(r.p);
    free(p);
}

static void test_probe(void)
{
    static const struct {
        const char *text;
        int age, armor;
    } cases[] = {
        {"age-encryption.org/v1\n", 100, 0}, {"age-encryption.org/v2\n", 100, 0},
        {"age-encryption.org", 0, 0}, {"Age-encryption.org/v1\n", 0, 0}, {"", 0, 0},
        {"-----BEGIN AGE ENCRYPTED FILE-----\n", 0, 100},
        {" \r\n-----BEGIN AGE ENCRYPTED FILE-----\n", 0, 100},
        {"-----BEGIN AGE ENCRYPTED FILE----", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *p = (const uint8_t *)cases[i].text;
        CHECK_EQ(dio_layer_age.probe(p, strlen(cases[i].text)), cases[i].age);
        CHECK_EQ(dio_layer_age_armor.probe(p, strlen(cases[i].text)), cases[i].armor);
    }
}

int main(void)
{
    make_keys(&keys);
    make_keys(&other);
    CHECK_EQ(dio_keys_encrypt_to_self(keys, NULL), 0);
    test_probe();
    test_round_trips();
    test_gaps();
    test_failing_sink();
    test_random_reads();
    test_header_damage();
    test_truncation();
    test_payload_damage();
    test_rearranged();
    test_armor_damage();
    test_passphrase();
    test_bad_headers();
    test_rewrap();
    dio_keys_free(keys);
    dio_keys_free(other);
    return unit_result();
}
