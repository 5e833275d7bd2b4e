/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .xz files (tukaani.org/xz/xz-file-format.txt): block by block through the index, else from the
 * start. Not handled: .lzma, .lz; liblzma is optional at build time.
 */
#include "layers.h"

#include <string.h>

static int xz_probe(const uint8_t *head, size_t n)
{
    static const uint8_t magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    return n >= sizeof magic && !memcmp(head, magic, sizeof magic) ? 100 : 0;
}

#ifdef DUMPIO_HAVE_LZMA
#include "xz_parts.h"

static int xz_open(struct dio_bytes **out, struct dio_bytes *below,
                   const struct dio_layer_options *o, const struct dumpio_env *env,
                   struct dumpio_error *err)
{
    int rc = dio_xz_open_blocks(out, below, o, env, err);
    return rc == DUMPIO_END ? dio_xz_unpack(out, below, o, env, err) : rc;
}

#else
#define dio_xz_find_index NULL
#define dio_xz_open_forward xz_open

static int xz_open(struct dio_bytes **out, struct dio_bytes *below,
                   const struct dio_layer_options *o, const struct dumpio_env *env,
                   struct dumpio_error *err)
{
    (void)out, (void)o, (void)env;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                    "%s: this dumpio was built without liblzma", below->name);
}

static int dio_xz_create(struct dio_out **out, struct dio_out *below,
                     const struct dio_layer_options *o, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    (void)out, (void)o, (void)env;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                    "%s: this dumpio was built without liblzma", below->name);
}

#endif

const struct dio_layer dio_layer_xz = {
    .name = "xz",
    .suffix = ".xz",
    .probe = xz_probe,
    .open = xz_open,
    .create = dio_xz_create,
    .find = dio_xz_find_index,
    .packs = true,
    .open_forward = dio_xz_open_forward,
};
