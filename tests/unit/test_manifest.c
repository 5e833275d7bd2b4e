/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests as text: what is written is read; what is hostile is refused, with its reason.
 */
#include "manifest.h"
#include "sha256.h"
#include "unit.h"
#include "utf8.h"

#include <stdlib.h>

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SUM "\"sha256\": \"" HASH "\""
#define PART "{\"name\": \"x\", \"size\": 7, " SUM "}"
#define FRONT "{\"dumpio_manifest\": 1, \"split\": \"none\", "
#define GOOD FRONT "\"parts\": [" PART "],\n"
#define NAMED(name) FRONT "\"parts\": [{\"name\": " name ", \"size\": 1, " SUM "}],\n"
#define SIZED(size) FRONT "\"parts\": [{\"name\": \"x\", \"size\": " size ", " SUM "}],\n"
#define LEAVES(list)                                                                               \
    FRONT "\"parts\": [" PART "], \"image\": {" SUM ", \"leaf_size\": 4194304, \"leaves\": [" list "]},\n"

/* Parse a body with the digest of itself set right behind it. */
static int parse(struct dio_manifest *m, const char *body, struct dumpio_error *err)
{
    unsigned char digest[32];
    char hex[65], text[4096];
    struct dio_sha256 *h = dio_sha256_new();
    dio_sha256_start(h);
    dio_sha256_add(h, body, strlen(body));
    CHECK_EQ(dio_sha256_end(h, digest, NULL), 0);
    dio_sha256_free(h);
    dio_hex(hex, digest, sizeof digest);
    int n = snprintf(text, sizeof text, "%s  \"sha256_before\": \"%s\"\n}\n", body, hex);
    *err = (struct dumpio_error){0};
    return dio_manifest_parse(m, text, (size_t)n, err);
}

static void refused(const char *body, const char *why)
{
    struct dio_manifest m;
    struct dumpio_error err;
    int rc = parse(&m, body, &err);
    CHECK(rc == DUMPIO_E_CORRUPT);
    CHECK(!m.parts && !m.n_parts);
    CHECK(strstr(err.message, why));
    if (!strstr(err.message, why))
        printf("  %s\n  said: %s\n", body, err.message);
    dio_manifest_free(&m);
}

static void test_good(void)
{
    struct dio_manifest m;
    struct dumpio_error err;
    CHECK_EQ(parse(&m, GOOD, &err), 0);
    CHECK_EQ(m.n_parts, 1);
    CHECK_STR(m.parts[0].name, "x");
    CHECK_EQ(m.parts[0].size, 7);
    CHECK_EQ(m.parts[0].sha256[31], 0xff);
    CHECK(!m.has_image && !m.has_file && !m.provenance);
    dio_manifest_free(&m);
    CHECK_EQ(parse(&m, FRONT "\"later\": {\"a\": [1, -2.5e+3, [], {}, \"\\u0041\", null, true]}, "
                   "\"parts\": [" PART ", " PART "], \"provenance\": [\"a=1\", \"\\u00e4=\\\"\"], "
                   "\"image\": {\"leaf_size\": 4194304, " SUM ", \"leaves\": "
                   "[{\"start\": 0, " SUM "}]},\n", &err), 0);
    CHECK_EQ(m.n_parts, 2);
    CHECK_STR(m.provenance, "a=1\n\xc3\xa4=\"\n");
    CHECK(m.has_image && m.n_leaves == 1);
    dio_manifest_free(&m);
}

static void test_members(void)
{
    refused("{\"split\": \"none\", \"parts\": [" PART "],\n", "a manifest has");
    refused(FRONT "\"parts\": [],\n", "there is no part");
    refused("{\"dumpio_manifest\": 2, \"split\": \"none\", \"parts\": [" PART "],\n", "newer");
    refused(FRONT "\"split\": \"none\", \"parts\": [" PART "],\n", "twice");
    refused(NAMED("\"../x\""), "without a folder");
    refused(NAMED("\"..\""), "without a folder");
    refused(NAMED("null"), "without a folder");
    refused(NAMED("\"\""), "an empty string");
    refused(SIZED("18446744073709551616"), "beyond 64 bits");
    refused(SIZED("01"), "a whole number");
    refused(SIZED("-1"), "a whole number");
    refused(SIZED("1.0"), "a whole number");
    refused(FRONT "\"parts\": [{\"name\": \"x\", \"size\": 1, \"sha256\": \"00\"}],\n", "64 hex");
    refused(FRONT "\"parts\": [{\"name\": \"x\", \"size\": 1}],\n", "a part has");
    refused(LEAVES("{\"start\": 4096, " SUM "}"), "multiples");
    refused(LEAVES("{\"start\": 4194304, " SUM "}, {\"start\": 4194304, " SUM "}"), "ascend");
}

static void test_json(void)
{
    refused("", "expected");
    refused("{\"a\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]", "too many brackets");
    refused("{\"a\" 1,\n", "a colon");
    refused("{\"a\": 1 \"b\": 2,\n", "a comma");
    refused("{\"a\": tru,\n", "a digit");
    refused("{\"a\": \"\\x\",\n", "an escape");
    refused(NAMED("\"a\\u0000b\""), "a zero byte");
    refused(NAMED("\"\xff\""), "no UTF-8");
    refused(NAMED("\"\xed\xa0\x80\""), "no UTF-8");
    refused(NAMED("\"\\ud800\""), "surrogate");
    refused(NAMED("\"\t\""), "a control character");
}

static void test_changed(void)
{
    char name[] = "o\"\n\\", no_utf8[] = "\xfe";
    struct dio_manifest_part part = {.name = name, .size = 5};
    struct dio_manifest m = {.parts = &part, .n_parts = 1}, n;
    struct dumpio_error err;
    char *text;
    size_t len;
    CHECK_EQ(dio_manifest_text(&m, &text, &len, &err), 0);
    CHECK_EQ(dio_manifest_parse(&n, text, len, &err), 0);
    CHECK_STR(n.parts[0].name, name);
    dio_manifest_free(&n);
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ 1 << bit);
            CHECK_EQ(dio_manifest_parse(&n, text, len, &err), DUMPIO_E_CORRUPT);
            text[i] = (char)(text[i] ^ 1 << bit);
        }
        CHECK_EQ(dio_manifest_parse(&n, text, i, &err), DUMPIO_E_CORRUPT);
    }
    free(text);
    part.name = no_utf8;
    CHECK_EQ(dio_manifest_text(&m, &text, &len, &err), DUMPIO_E_ARG);
}

int main(void)
{
    test_good();
    test_members();
    test_json();
    test_changed();
    return unit_result();
}
