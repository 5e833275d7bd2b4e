/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page codecs. Input: codec and what to do (expand, or pack and expand again), then log2 of the page
 * size and the level, then the payload or the page, runs written as in fuzz.h.
 */
#include "fuzz.h"
#include "plug/codec.h"

#include <stdlib.h>
#include <string.h>

#define PACK 0x80u

static uint8_t *room_for(size_t n)
{
    uint8_t *p = malloc(n ? n : 1); /* exact, so that a sanitizer sees what is beyond */
    if (!p)
        abort();
    memset(p, 0xaa, n);
    return p;
}

static void expand(const struct dio_codec *c, void *state, const uint8_t *in, size_t len,
                   size_t page)
{
    struct dumpio_error err = {0}, again = {0};
    uint8_t *out = room_for(page), *second = room_for(page);
    int rc = c->expand(state, in, len, out, page, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(rc == 0 || rc == DUMPIO_E_CORRUPT);
    /* the state keeps nothing of what it expanded before */
    FUZZ_REQUIRE(c->expand(state, in, len, second, page, &again) == rc);
    FUZZ_REQUIRE(rc || !memcmp(out, second, page));
    free(out);
    free(second);
}

static void pack(const struct dio_codec *c, void *state, const uint8_t *in, size_t len, size_t page)
{
    struct dumpio_error err = {0};
    uint8_t *plain = room_for(page), *packed = room_for(page - 1), *twice = room_for(page - 1);
    uint8_t *back = room_for(page);
    for (size_t at = 0; len && at < page; at += len) /* the input, over and over */
        memcpy(plain + at, in, len < page - at ? len : page - at);
    size_t n = c->pack(state, plain, page, packed, page - 1);
    FUZZ_REQUIRE(n < page);
    if (n) {
        FUZZ_REQUIRE(!c->expand(state, packed, n, back, page, &err));
        FUZZ_REQUIRE(!memcmp(plain, back, page));
    }
    FUZZ_REQUIRE(c->pack(state, plain, page, twice, page - 1) == n);
    FUZZ_REQUIRE(!memcmp(packed, twice, n));
    if (n > 1) { /* no more room than the result needs, then one byte less: fits, or 0 */
        uint8_t *tight = room_for(n);
        size_t m = c->pack(state, plain, page, tight, n);
        FUZZ_REQUIRE(m <= n);
        FUZZ_REQUIRE(!m || !c->expand(state, tight, m, back, page, &err));
        FUZZ_REQUIRE(!m || !memcmp(plain, back, page));
        free(tight);
        tight = room_for(n - 1);
        m = c->pack(state, plain, page, tight, n - 1);
        FUZZ_REQUIRE(m < n);
        free(tight);
    }
    free(plain);
    free(packed);
    free(twice);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    unsigned n = 0;
    while (dio_codec_at(n))
        n++;
    const struct dio_codec *c = dio_codec_at((data[0] & 0x7fu) % n);
    size_t page = (size_t)1 << (9 + data[1] % 10); /* 512 to DIO_PAGE_MAX */
    int level = c->level_min;
    if (c->level_max > c->level_min) /* the strongest ones take too long to be tried often */
        level += data[1] / 10 % ((c->level_max < 9 ? c->level_max : 9) - c->level_min + 1);
    if (c->missing)
        return 0;
    struct fuzz_input in = fuzz_expand(data + 2, size - 2);
    size_t len = in.size < DIO_PAGE_MAX ? in.size : DIO_PAGE_MAX;
    uint8_t *exact = room_for(len);
    if (len)
        memcpy(exact, in.bytes, len);
    void *state = c->new_state(level);
    FUZZ_REQUIRE(state);
    if (data[0] & PACK)
        pack(c, state, exact, len, page);
    else
        expand(c, state, exact, len, page);
    c->free_state(state);
    free(exact);
    fuzz_input_free(&in);
    return 0;
}
