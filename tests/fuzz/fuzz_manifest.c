/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies beside an output and is other people's. Input: one byte, then by it a manifest up to its
 * digest of itself (which is set right here), a signature, or a file of allowed signers.
 */
#include "fuzz.h"
#include "manifest.h"
#include "plug/sign.h"
#include "sha256.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

/* The text with its last member behind it, as dio_manifest_text ends it. */
static char *sealed(const uint8_t *body, size_t len, size_t *all)
{
    unsigned char digest[32];
    char hex[65], tail[128];
    struct dio_sha256 *h = dio_sha256_new();
    if (!h)
        abort();
    dio_sha256_start(h);
    dio_sha256_add(h, body, len);
    FUZZ_REQUIRE(!dio_sha256_end(h, digest, NULL));
    dio_sha256_free(h);
    dio_hex(hex, digest, sizeof digest);
    size_t n = (size_t)snprintf(tail, sizeof tail, "  \"sha256_before\": \"%s\"\n}\n", hex);
    char *text = malloc(len + n); /* exact, so that a sanitizer sees what is beyond */
    if (!text)
        abort();
    memcpy(text, body, len);
    memcpy(text + len, tail, n);
    *all = len + n;
    return text;
}

static void check_bounds(const struct dio_manifest *m)
{
    FUZZ_REQUIRE(m->n_parts >= 1 && m->n_parts <= DIO_MANIFEST_PARTS_MAX);
    for (size_t i = 0; i < m->n_parts; i++)
        FUZZ_REQUIRE(*m->parts[i].name && !strchr(m->parts[i].name, '/'));
    for (size_t i = 1; i < m->n_leaves; i++)
        FUZZ_REQUIRE(m->leaves[i - 1].base < m->leaves[i].base);
}

/* What was read is written, and reads as the same. */
static void manifest(const uint8_t *body, size_t len)
{
    struct dio_manifest m, again;
    struct dumpio_error err = {0};
    size_t n, n1, n2;
    char *text = sealed(body, len, &n), *one, *two;
    int rc = dio_manifest_parse(&m, text, n, &err);
    fuzz_check_error(rc, &err);
    free(text);
    if (rc) {
        FUZZ_REQUIRE(!m.parts && !m.leaves && !m.provenance);
        return;
    }
    check_bounds(&m);
    FUZZ_REQUIRE(!dio_manifest_text(&m, &one, &n1, &err));
    FUZZ_REQUIRE(!dio_manifest_parse(&again, one, n1, &err));
    FUZZ_REQUIRE(!dio_manifest_text(&again, &two, &n2, &err));
    FUZZ_REQUIRE(n1 == n2 && !memcmp(one, two, n1));
    free(one);
    free(two);
    FUZZ_REQUIRE(!dio_manifest_sums(&m, &one, &n1, &err));
    free(one);
    dio_manifest_free(&m);
    dio_manifest_free(&again);
}

static void signature(const char *text, size_t len)
{
    struct dio_signed_by by;
    struct dumpio_error err = {0};
    int rc = dio_sign_check(text, len, "message", 7, &by, &err);
    fuzz_check_error(rc, &err);
}

static void allowed(const char *text, size_t len)
{
    char who[80];
    struct dio_signed_by by = {{0}, {0}};
    memset(who, 'x', sizeof who);
    int rc = dio_signer_name(text, len, &by, 1700000000, who, sizeof who);
    FUZZ_REQUIRE((rc == 0 || rc == DUMPIO_END) && memchr(who, 0, sizeof who));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    char *rest = malloc(size); /* never empty */
    if (!rest)
        abort();
    memcpy(rest, data + 1, size - 1);
    if (*data == 's')
        signature(rest, size - 1);
    else if (*data == 'a')
        allowed(rest, size - 1);
    else
        manifest(data + 1, size - 1);
    free(rest);
    return 0;
}
