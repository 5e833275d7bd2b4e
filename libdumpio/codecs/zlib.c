/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zlib pages (RFC 1950). With ISA-L built in, its levels 0 to 3 do the levels 0 to 3 here and all
 * expanding of sound streams; zlib does the other levels and explains bad streams.
 * A stream must end with the payload: trailing bytes are corruption.
 */
#include "set.h"

#include <stdlib.h>
#include <zlib.h>

#ifdef DUMPIO_HAVE_ISAL
#define FAST_LEVELS DIO_ISAL_LEVELS
#else
#define FAST_LEVELS 0
#endif

struct state {
    struct dio_isal *fast; /* NULL without ISA-L */
    int level;
    z_stream deflate, inflate;
    int has_deflate, has_inflate;
};

static void zlib_free(void *state)
{
    struct state *s = state;
    if (s->has_deflate)
        deflateEnd(&s->deflate);
    if (s->has_inflate)
        inflateEnd(&s->inflate);
#ifdef DUMPIO_HAVE_ISAL
    dio_isal_free(s->fast);
#endif
    free(s);
}

static void *zlib_new(int level)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->level = level;
    s->has_inflate = inflateInit(&s->inflate) == Z_OK;
    int ok = s->has_inflate;
    if (level >= FAST_LEVELS) {
        s->has_deflate = deflateInit(&s->deflate, level) == Z_OK;
        ok = ok && s->has_deflate;
    }
#ifdef DUMPIO_HAVE_ISAL
    s->fast = dio_isal_new(level < FAST_LEVELS ? level : 0);
    ok = ok && s->fast;
#endif
    if (ok)
        return s;
    zlib_free(s);
    return NULL;
}

static size_t zlib_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct state *s = state;
#ifdef DUMPIO_HAVE_ISAL
    if (s->level < FAST_LEVELS)
        return dio_isal_pack(s->fast, in, n, out, cap);
#endif
    if (deflateReset(&s->deflate) != Z_OK)
        return 0;
    s->deflate.next_in = (Bytef *)(uintptr_t)in;
    s->deflate.avail_in = (uInt)n;
    s->deflate.next_out = out;
    s->deflate.avail_out = (uInt)cap;
    return deflate(&s->deflate, Z_FINISH) == Z_STREAM_END ? cap - s->deflate.avail_out : 0;
}

static int zlib_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n,
                       struct dumpio_error *err)
{
    struct state *s = state;
#ifdef DUMPIO_HAVE_ISAL
    if (!dio_isal_expand(s->fast, in, len, out, n))
        return 0;
#endif
    z_stream *z = &s->inflate;
    if (inflateReset(z) != Z_OK)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "zlib cannot be reset");
    z->next_in = (Bytef *)(uintptr_t)in;
    z->avail_in = (uInt)len;
    z->next_out = out;
    z->avail_out = (uInt)n;
    int rc = inflate(z, Z_FINISH);
    size_t made = n - z->avail_out;
    if (rc == Z_STREAM_END && made == n && !z->avail_in)
        return 0;
    if (rc == Z_STREAM_END && made == n)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "zlib stream: %u bytes behind its end", z->avail_in);
    if (rc == Z_STREAM_END)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "zlib stream ends after %zu of %zu bytes", made, n);
    if (rc == Z_BUF_ERROR && !z->avail_out)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "zlib stream expands beyond %zu bytes", n);
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "zlib stream of %zu bytes: %s", len,
                    z->msg ? z->msg : "incomplete");
}

const struct dio_codec dio_codec_zlib = {
    .name = "zlib",
    .level_min = 0,
    .level_max = 9,
    .level_default = 1,
    .new_state = zlib_new,
    .free_state = zlib_free,
    .pack = zlib_pack,
    .expand = zlib_expand,
};
