/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd pages: one standard frame each (RFC 8878), written with the frame's checksum so that a
 * flipped bit does not decode in silence.
 */
#include "set.h"

#include <stdlib.h>
#include <zstd.h>

struct state {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *expand;
};

static void zstd_free(void *state)
{
    struct state *s = state;
    ZSTD_freeCCtx(s->pack);
    ZSTD_freeDCtx(s->expand);
    free(s);
}

static void *zstd_new(int level)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->pack = ZSTD_createCCtx();
    s->expand = ZSTD_createDCtx();
    if (s->pack && s->expand &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(s->pack, ZSTD_c_compressionLevel, level)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(s->pack, ZSTD_c_checksumFlag, 1)))
        return s;
    zstd_free(s);
    return NULL;
}

static size_t zstd_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct state *s = state;
    size_t len = ZSTD_compress2(s->pack, out, cap, in, n);
    return ZSTD_isError(len) ? 0 : len;
}

static int zstd_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n,
                       struct dumpio_error *err)
{
    struct state *s = state;
    size_t made = ZSTD_decompressDCtx(s->expand, out, n, in, len);
    if (ZSTD_isError(made))
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "zstd frame of %zu bytes: %s",
                        len, ZSTD_getErrorName(made));
    if (made != n)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "zstd frame gives %zu bytes, not %zu", made, n);
    return 0;
}

const struct dio_codec dio_codec_zstd = {
    .name = "zstd",
    .level_min = -7,
    .level_max = 19,
    .level_default = 1,
    .new_state = zstd_new,
    .free_state = zstd_free,
    .pack = zstd_pack,
    .expand = zstd_expand,
};
