/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every container implements: compression or encryption around a whole file. A layer stands
 * on a source or a sink and is one itself.
 */
#ifndef DIO_LAYER_H
#define DIO_LAYER_H

#include "bytes.h"
#include "out.h"

#include <stdbool.h>

struct dio_salvage;
struct dio_keys; /* crypto's: identities to open with, recipients to encrypt for */

struct dio_layer_options {
    int level;                     /* DUMPIO_LEVEL_DEFAULT = the layer's */
    const struct dio_keys *keys;   /* NULL when there are none */
    uint64_t max_unpacked;         /* bytes that opening may unpack, see unpack.h; 0 = any */
    struct dio_salvage *salvage;   /* NULL, or: give what can be read, see salvage.h */
};

struct dio_layer {
    const char *name;   /* "zstd" */
    const char *suffix; /* ".zst": output files with it get this layer */
    /* 0 = not this, 100 = surely; pure function of the first n bytes (<= 64 KiB). */
    int (*probe)(const uint8_t *head, size_t n);
    /*
     * Undo: a source over `below`, read at random by several threads; truncated set when it is
     * known that the container was cut. `below` is taken on success only. NULL = cannot.
     */
    int (*open)(struct dio_bytes **out, struct dio_bytes *below, const struct dio_layer_options *o,
                const struct dumpio_env *env, struct dumpio_error *err);
    /*
     * Do: a FORWARD sink over `below`, which is written ascending; finish and discard pass on to
     * it. Taken on success only. NULL = cannot.
     */
    int (*create)(struct dio_out **out, struct dio_out *below, const struct dio_layer_options *o,
                  const struct dumpio_env *env, struct dumpio_error *err);
    bool packs; /* it compresses: what is packed already would gain nothing in it */
    /*
     * NULL, or for salvage: `below`, which nothing recognises, proves to be of this layer with its
     * beginning damaged; `open` will do without that. 0 or an error.
     */
    int (*find)(struct dio_bytes *below, bool *there, struct dumpio_error *err);
    /*
     * As `open`, of a forward source: a forward source again. Damage is an error of it. NULL = it
     * cannot be undone in order.
     */
    int (*open_forward)(struct dio_bytes **out, struct dio_bytes *below,
                        const struct dio_layer_options *o, const struct dumpio_env *env,
                        struct dumpio_error *err);
};

#endif
