/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files that write and read .xz (tukaani.org/xz/xz-file-format.txt), for themselves.
 */
#ifndef DIO_LAYERS_XZ_PARTS_H
#define DIO_LAYERS_XZ_PARTS_H

#include "layers.h"

#include <lzma.h>

/* liblzma's refusal of `what` at `at` as an error. */
int dio_xz_verdict(lzma_ret ret, uint64_t at, const char *what, struct dumpio_error *err);

struct dio_xz_block {
    lzma_block b;
    lzma_filter filters[LZMA_FILTERS_MAX + 1];
    uint64_t memory; /* that unpacking takes */
};

/*
 * in: the whole header, whose size is b->b.header_size; DUMPIO_E_LIMIT: unpacking takes more memory
 * than `limit`. Free b->filters afterwards (lzma_filters_free) in case of success.
 */
int dio_xz_block_header(struct dio_xz_block *b, const uint8_t *in, lzma_check check, uint64_t at,
                        uint64_t limit, struct dumpio_error *err);

/* See struct dio_layer. DUMPIO_END: there is no index that describes the file. */
int dio_xz_open_blocks(struct dio_bytes **out, struct dio_bytes *below,
                       const struct dio_layer_options *o, const struct dumpio_env *env,
                       struct dumpio_error *err);
int dio_xz_find_index(struct dio_bytes *below, bool *there, struct dumpio_error *err);
int dio_xz_unpack(struct dio_bytes **out, struct dio_bytes *below,
                  const struct dio_layer_options *o, const struct dumpio_env *env,
                  struct dumpio_error *err);
int dio_xz_open_forward(struct dio_bytes **out, struct dio_bytes *below,
                        const struct dio_layer_options *o, const struct dumpio_env *env,
                        struct dumpio_error *err);
int dio_xz_create(struct dio_out **out, struct dio_out *below, const struct dio_layer_options *o,
                  const struct dumpio_env *env, struct dumpio_error *err);

#endif
