/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd pages: one standard frame each (RFC 8878), written with the frame's checksum so that a
 * flipped bit does not decode in silence.
 *
 * Level 1, the default, takes parameters of our own, which an empty dictionary carries: for pages as
 * short as these a large table means fewer vain candidates, and nothing is derived anew for each
 * page. What matches leave over of pages that are half zeros is stored as it is: entropy coding takes
 * a third of the time spent on them, and gains 0.2% of all output (2% of a 32-bit kernel's). It makes
 * about as much as libzstd's level 1 in 8 to 15% less time, the checksum included. Where libzstd has
 * no such entry, its level 3 for long inputs comes next.
 */
#ifdef DUMPIO_HAVE_ZSTD_ADVANCED
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticCDict */
#endif
#include <zstd.h>

#include "set.h"

#include "../plug/decode.h"
#include "../plug/xxh64.h"

#include <stdlib.h>
#include <string.h>

#define LEVEL_DEFAULT 1
#define LEVEL_LONG 3        /* of libzstd, for the default where it cannot be tuned */
#define CHECKSUM 4u         /* bytes behind a frame's blocks */
#define DESCRIPTOR 4u       /* where a frame's descriptor is */
#define HAS_CHECKSUM (1 << 2)

enum { DENSE, SPARSE, KINDS }; /* of pages */

struct state {
    ZSTD_CCtx *pack;
    void *room[KINDS];              /* of `tuned`, or */
    ZSTD_CDict *made;               /* itself, where libzstd makes it, for both kinds */
    const ZSTD_CDict *tuned[KINDS]; /* of the default level only */
    ZSTD_DCtx *expand;
};

static void zstd_free(void *state)
{
    struct state *s = state;
    ZSTD_freeCCtx(s->pack);
    free(s->room[DENSE]);
    free(s->room[SPARSE]);
    ZSTD_freeCDict(s->made);
    ZSTD_freeDCtx(s->expand);
    free(s);
}

#ifdef DUMPIO_HAVE_ZSTD_ADVANCED
/*
 * In memory of our own: libzstd's own ways to make one, up to 1.5.5, do not survive want of it.
 * A target length keeps the fast strategy from entropy coding literals; 1 changes nothing else.
 */
static void tune(struct state *s, int kind)
{
    const ZSTD_compressionParameters p = {.windowLog = 12, .chainLog = 12, .hashLog = 16,
                                          .searchLog = 1, .minMatch = 4,
                                          .targetLength = kind == SPARSE, .strategy = ZSTD_fast};
    size_t size = ZSTD_estimateCDictSize_advanced(0, p, ZSTD_dlm_byRef);
    s->room[kind] = calloc(1, size); /* 1.5.4 leaves the level as it finds it: 0 is none */
    if (s->room[kind])
        s->tuned[kind] = ZSTD_initStaticCDict(s->room[kind], size, NULL, 0, ZSTD_dlm_byRef,
                                              ZSTD_dct_rawContent, p);
}
#else
static void tune(struct state *s, int kind)
{
    if (!s->made)
        s->made = ZSTD_createCDict(NULL, 0, LEVEL_LONG);
    s->tuned[kind] = s->made;
}
#endif

static bool tuned(const struct state *s)
{
    return s->tuned[DENSE] && s->tuned[SPARSE];
}

static void *zstd_new(int level)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->pack = ZSTD_createCCtx();
    s->expand = ZSTD_createDCtx();
    for (int kind = 0; kind < KINDS && level == LEVEL_DEFAULT; kind++)
        tune(s, kind);
    if (s->pack && s->expand && (tuned(s) || level != LEVEL_DEFAULT) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(s->pack, ZSTD_c_compressionLevel, level)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(s->pack, ZSTD_c_checksumFlag, 1)))
        return s;
    zstd_free(s);
    return NULL;
}

/* Whether half of the 32-bit words at most are not zero. */
static int kind_of(const uint8_t *in, size_t n)
{
    uint32_t set = 0, w;
    for (size_t i = 0; i + sizeof w <= n; i += sizeof w) {
        memcpy(&w, in + i, sizeof w);
        set += w != 0;
    }
    return set <= n / sizeof w / 2 ? SPARSE : DENSE;
}

/* Frames by a dictionary have no checksum: it is added to them. */
static size_t tuned_pack(struct state *s, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    if (cap <= CHECKSUM || (cap < n && dio_is_noise_page(in, n)))
        return 0;
    size_t len = ZSTD_compress_usingCDict(s->pack, out, cap - CHECKSUM, in, n,
                                           s->tuned[kind_of(in, n)]);
    if (ZSTD_isError(len))
        return 0;
    out[DESCRIPTOR] |= HAS_CHECKSUM;
    dio_put(out + len, DUMPIO_LITTLE, CHECKSUM, dio_xxh64(in, n));
    return len + CHECKSUM;
}

static size_t zstd_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct state *s = state;
    if (tuned(s))
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
