/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LZO1X-1 blocks without any header. liblzo2 is GPL-2.0-or-later: optional at build time.
 * No checksum: damage is found only where it breaks the block's structure.
 */
#include "set.h"

#ifdef DUMPIO_HAVE_LZO
#include <lzo/lzo1x.h>
#include <stdlib.h>
#include <string.h>

/* The worst case of LZO1X for a page. */
#define ROOM (DIO_PAGE_MAX + DIO_PAGE_MAX / 16 + 64 + 3)

struct state {
    uint8_t out[ROOM]; /* lzo1x_1_12_compress knows no bound of its output */
    /* its dictionary is cleared for every page: a small one is 10% faster, and 0.3% larger */
    lzo_align_t work[(LZO1X_1_12_MEM_COMPRESS + sizeof(lzo_align_t) - 1) / sizeof(lzo_align_t)];
};

static void *lzo_new(int level)
{
    (void)level;
    return lzo_init() == LZO_E_OK ? malloc(sizeof(struct state)) : NULL;
}

static void lzo_free(void *state)
{
    free(state);
}

static size_t lzo_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct state *s = state;
    lzo_uint len = 0;
    if (sizeof(void *) < 8) /* liblzo2 keeps what the dictionary has of other pages then */
        memset(s->work, 0, sizeof s->work);
    if (n > DIO_PAGE_MAX ||
        lzo1x_1_12_compress(in, n, s->out, &len, s->work) != LZO_E_OK || len > cap)
        return 0;
    memcpy(out, s->out, len);
    return len;
}

static int lzo_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n,
                      struct dumpio_error *err)
{
    lzo_uint made = n;
    (void)state;
    int rc = lzo1x_decompress_safe(in, len, out, &made, NULL);
    if (rc == LZO_E_OK && made == n)
        return 0;
    if (rc == LZO_E_OK)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "LZO block gives %zu bytes, not %zu", (size_t)made, n);
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "LZO block of %zu bytes is damaged (%s)", len,
                    rc == LZO_E_OUTPUT_OVERRUN        ? "expands too far"
                    : rc == LZO_E_INPUT_OVERRUN       ? "ends too early"
                    : rc == LZO_E_LOOKBEHIND_OVERRUN  ? "refers before its start"
                    : rc == LZO_E_INPUT_NOT_CONSUMED  ? "goes on behind its end"
                                                      : "no end mark");
}
#define MISSING NULL
#else
#define MISSING "LZO is not built in (liblzo2, -DDUMPIO_LZO=ON)"
#define lzo_new NULL
#define lzo_free NULL
#define lzo_pack NULL
#define lzo_expand NULL
#endif

const struct dio_codec dio_codec_lzo = {
    .name = "lzo",
    .missing = MISSING,
    .new_state = lzo_new,
    .free_state = lzo_free,
    .pack = lzo_pack,
    .expand = lzo_expand,
};
