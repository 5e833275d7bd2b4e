/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs age's public test vectors (C2SP's CCTV, age/testdata; described in its README.md) against
 * the layer: the outcome has to be of the stated class, and nothing but the stated plaintext may
 * come out.
 *
 * Environment: DUMPIO_TEST_AGE_VECTORS (their folder). Those of keys that are not supported are
 * counted as skipped.
 */
#include "crypto/mem.h"
#include "plug/keys.h"
#include "sha256.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <zlib.h>

#define FILE_MAX (32u << 20)

struct vector {
    char expect[32], payload[65];
    bool compressed, armored;
    struct dio_keys *keys;
    unsigned keys_given, keys_taken;
    uint8_t *data; /* the age file */
    size_t len;
};

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

static void take_line(struct vector *v, const char *line)
{
    const char *value = strstr(line, ": ");
    if (!value)
        return;
    size_t key = (size_t)(value - line);
    value += 2;
    if (key == 6 && !strncmp(line, "expect", key))
        snprintf(v->expect, sizeof v->expect, "%s", value);
    else if (key == 7 && !strncmp(line, "payload", key))
        snprintf(v->payload, sizeof v->payload, "%s", value);
    else if (key == 10 && !strncmp(line, "compressed", key))
        v->compressed = true;
    else if (key == 7 && !strncmp(line, "armored", key))
        v->armored = true;
    else if (key == 8 && !strncmp(line, "identity", key)) {
        v->keys_given++;
        v->keys_taken += !dio_keys_add_identity(v->keys, value, NULL);
    } else if (key == 10 && !strncmp(line, "passphrase", key)) {
        v->keys_given++;
        v->keys_taken += !dio_keys_add_passphrase(v->keys, value, DIO_KEY_OPEN, NULL);
    }
}

static void inflate_data(struct vector *v)
{
    uLongf n = FILE_MAX;
    uint8_t *p = need(malloc(n));
    if (uncompress(p, &n, v->data, v->len) != Z_OK)
        abort();
    free(v->data);
    v->data = p;
    v->len = n;
}

static void load(struct vector *v, const char *path)
{
    char line[8192];
    size_t n = 0;
    int c;
    FILE *f = need(fopen(path, "rb"));
    memset(v, 0, sizeof *v);
    if (dio_keys_new(&v->keys, NULL))
        abort();
    while ((c = getc(f)) != EOF) {
        if (c != '\n' && n + 1 < sizeof line) {
            line[n++] = (char)c;
            continue;
        }
        line[n] = 0;
        if (!n)
            break;
        take_line(v, line);
        n = 0;
    }
    v->data = need(malloc(FILE_MAX));
    v->len = fread(v->data, 1, FILE_MAX, f);
    fclose(f);
    if (v->compressed)
        inflate_data(v);
}

/* The class of a failure, as the vectors name it. */
static const char *classify(const struct dumpio_error *err)
{
    if (err->status == DUMPIO_E_ARG)
        return "no match";
    if (strstr(err->message, "armor"))
        return "armor failure";
    if (strstr(err->message, "its MAC"))
        return "HMAC failure";
    if (strstr(err->message, "chunk"))
        return "payload failure";
    if (strstr(err->message, "age header") || strstr(err->message, "another version") ||
        strstr(err->message, "payload's nonce"))
        return "header failure";
    return "something else";
}

static void hash_hex(const uint8_t *p, size_t n, char hex[65])
{
    unsigned char digest[32];
    struct dio_sha256 *h = need(dio_sha256_new());
    dio_sha256_start(h);
    dio_sha256_add(h, p, n);
    if (dio_sha256_end(h, digest, NULL))
        abort();
    dio_sha256_free(h);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* Read everything in pieces; what came out before an error is in *out. */
static const char *read_all(struct dio_bytes *b, uint8_t *out, size_t *len,
                            struct dumpio_error *err)
{
    *len = 0;
    for (;;) {
        size_t got;
        if (dio_read_some(b, *len, out + *len, 65536, &got, err))
            return classify(err);
        if (!got)
            return "success";
        *len += got;
    }
}

static const char *outcome(const struct vector *v, uint8_t *out, size_t *len,
                           struct dumpio_error *err)
{
    const struct dio_layer_options o = {.level = DUMPIO_LEVEL_DEFAULT, .keys = v->keys};
    struct dio_bytes *b = mem_source(v->data, v->len), *above;
    const char *result;
    *len = 0;
    if (v->armored && dio_layer_age_armor.open(&above, b, &o, NULL, err)) {
        result = classify(err);
    } else {
        b = v->armored ? above : b;
        if (dio_layer_age.open(&above, b, &o, NULL, err)) {
            result = classify(err);
        } else {
            b = above;
            result = read_all(b, out, len, err);
        }
    }
    dio_bytes_close(b);
    return result;
}

/*
 * Readers of streams learn behind a chunk that it was marked as the last and is not. Here the place
 * tells, so that such a chunk does not come out at all.
 */
static bool right_plaintext(const char *name, const struct vector *v, const char *hex, size_t len)
{
    if (!strcmp(v->expect, "success"))
        return !strcmp(hex, v->payload);
    if (!strcmp(name, "stream_two_final_chunks_second"))
        return len == 65536;
    return !len || !strcmp(hex, v->payload);
}

/* 1 passed, 0 failed, -1 skipped. */
static int run(const char *folder, const char *name)
{
    char path[1024], hex[65];
    struct vector v;
    struct dumpio_error err = {0};
    size_t len;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    load(&v, path);
    int verdict = -1;
    if (v.keys_taken == v.keys_given) {
        uint8_t *out = need(malloc(FILE_MAX));
        const char *result = outcome(&v, out, &len, &err);
        hash_hex(out, len, hex);
        verdict = !strcmp(result, v.expect) && right_plaintext(name, &v, hex, len);
        if (!verdict)
            printf("FAILED %s: expected %s, got %s (%s), %zu bytes\n", name, v.expect, result,
                   err.message, len);
        free(out);
    }
    dio_keys_free(v.keys);
    free(v.data);
    return verdict;
}

int main(void)
{
    unsigned count[3] = {0};
    const char *folder = getenv("DUMPIO_TEST_AGE_VECTORS");
    DIR *d = folder ? opendir(folder) : NULL;
    if (!d) {
        puts("skipped: DUMPIO_TEST_AGE_VECTORS names no folder with vectors (C2SP/CCTV, age/testdata)");
        return 77;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            count[1 + run(folder, e->d_name)]++;
    closedir(d);
    printf("%u vectors passed, %u failed, %u skipped (keys of unsupported kinds)\n", count[2],
           count[1], count[0]);
    return count[1] || !count[2];
}
