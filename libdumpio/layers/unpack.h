/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that can only be unpacked from their start: once, into a temporary file, which is then
 * the source. Also the forward reader that such unpacking uses.
 */
#ifndef DIO_UNPACK_H
#define DIO_UNPACK_H

#include "../plug/layer.h"

#include <stdbool.h>

/* ---- reading forward ------------------------------------------------------------------------- */

struct dio_feed {
    struct dio_bytes *below;
    uint64_t end; /* place of the byte behind what is in buf */
    uint8_t *buf;
    size_t pos, len; /* buf[pos, len) has not been used */
};

/* Place of the next byte. */
static inline uint64_t dio_feed_at(const struct dio_feed *f)
{
    return f->end - (f->len - f->pos);
}

/* Have at least n (<= 4096) bytes at buf + pos; *all = false when the file ends before. */
int dio_feed_need(struct dio_feed *f, size_t n, bool *all, struct dumpio_error *err);

/* ---- unpacking ------------------------------------------------------------------------------- */

enum dio_step {
    DIO_STEP_MORE, /* inside a unit */
    DIO_STEP_UNIT, /* a unit (member, frame, block) ended and its checksum is right */
    DIO_STEP_END   /* nothing follows */
};

struct dio_unpack_ops {
    const char *unit; /* "gzip member": what has a checksum of its own */
    /*
     * Unpack some more: up to room bytes to out, *made counts them in every case.
     * DUMPIO_E_TRUNCATED: the input ends within a unit; what was made of it stays, unchecked.
     * DUMPIO_E_CORRUPT: the unit is not to be trusted, and nothing behind it can be found.
     * Other errors end the opening.
     */
    int (*step)(void *ctx, struct dio_feed *in, uint8_t *out, size_t room, size_t *made,
                enum dio_step *what, struct dumpio_error *err);
    void (*free)(void *ctx);
};

/*
 * A source of everything that ops make of `below`, by way of a temporary file; says so in a note.
 * Damage behind the first unit: the source ends there, `truncated`, with a warning; a file that is
 * cut likewise, and what the cut unit gave stays, though no checksum proves it. Takes `below` on
 * success only, ctx in every case. DUMPIO_E_LIMIT: more than o->max_unpacked bytes; of zeros,
 * sixteen count as one.
 */
int dio_unpack(struct dio_bytes **out, struct dio_bytes *below, const struct dio_unpack_ops *ops,
               void *ctx, const struct dio_layer_options *o, const struct dumpio_env *env,
               struct dumpio_error *err);

/*
 * The same of a forward source, as one: nothing goes to disk. A file that is cut ends it with a
 * warning, `truncated`; damage is an error, for what came before may be used already.
 */
int dio_unpack_forward(struct dio_bytes **out, struct dio_bytes *below,
                       const struct dio_unpack_ops *ops, void *ctx, const struct dumpio_env *env,
                       struct dumpio_error *err);

#endif
