/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw snappy blocks with their varint length; not the framing format. No checksum.
 */
#include "set.h"

#ifdef DUMPIO_HAVE_SNAPPY
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>

/* snappy_max_compressed_length of the largest page: 32 + n + n / 6 */
#define ROOM (32 + DIO_PAGE_MAX + DIO_PAGE_MAX / 6)

static void *snappy_new(int level)
{
    (void)level;
    return malloc(ROOM);
}

static void snappy_free(void *state)
{
    free(state);
}

static size_t snappy_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    size_t len = ROOM;
    if (n > DIO_PAGE_MAX || (cap < n && dio_is_noise_page(in, n)) ||
        snappy_compress((const char *)in, n, state, &len) != SNAPPY_OK || len > cap)
        return 0;
    memcpy(out, state, len);
    return len;
}

static int snappy_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n,
                         struct dumpio_error *err)
{
    size_t made;
    (void)state;
    if (snappy_uncompressed_length((const char *)in, len, &made) != SNAPPY_OK)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "snappy block of %zu bytes has no length", len);
    if (made != n)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "snappy block says %zu bytes, not %zu", made, n);
    if (snappy_uncompress((const char *)in, len, (char *)out, &made) != SNAPPY_OK || made != n)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "snappy block of %zu bytes is damaged", len);
    return 0;
}
#define MISSING NULL
#else
#define MISSING "snappy is not built in (libsnappy, -DDUMPIO_SNAPPY=ON)"
#define snappy_new NULL
#define snappy_free NULL
#define snappy_pack NULL
#define snappy_expand NULL
#endif

const struct dio_codec dio_codec_snappy = {
    .name = "snappy",
    .missing = MISSING,
    .new_state = snappy_new,
    .free_state = snappy_free,
    .pack = snappy_pack,
    .expand = snappy_expand,
};
