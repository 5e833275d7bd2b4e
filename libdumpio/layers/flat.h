/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flattened container ("makedumpfile" streams), both ways, as makedumpfile's IMPLEMENTATION
 * describes it. Knows nothing of what is inside.
 */
#ifndef DIO_FLAT_H
#define DIO_FLAT_H

#include "../plug/bytes.h"
#include "../plug/out.h"

#define DIO_FLAT_HEADER 4096u /* bytes before the first segment */

struct dio_salvage;

/* Nonzero when the first n bytes of a file are those of a flattened stream. */
int dio_flat_probe(const uint8_t *head, size_t n);

/*
 * What is inside a flattened file, at random. Takes `below` on success only. A stream that ends
 * too early or goes wrong behind its first segment opens with (*out)->truncated set and a note;
 * with `salvage`, it goes on behind damage, and what may be lost is DUMPIO_E_LOST when it is read.
 */
int dio_flat_open(struct dio_bytes **out, struct dio_bytes *below, struct dio_salvage *salvage,
                  const struct dumpio_env *env, struct dumpio_error *err);

/*
 * Write what is inside a flattened stream to `to` (RANDOM; overlapping segments are written in
 * their order). read: up to len bytes, fewer only at the end of the stream. head: the bytes already
 * read, at least DIO_FLAT_HEADER unless the stream is shorter. *size: bytes inside; *truncated:
 * as above.
 */
int dio_flat_unwrap(int (*read)(void *ctx, void *buf, size_t len, size_t *got,
                                struct dumpio_error *err),
                    void *ctx, const uint8_t *head, size_t head_len, struct dio_out *to,
                    uint64_t *size, int *truncated, const struct dumpio_env *env,
                    struct dumpio_error *err);

/*
 * A SERIAL sink that writes a flattened stream into `below`, ascending. Takes `below` on success.
 * The same calls in the same order give the same stream.
 */
int dio_flat_out_new(struct dio_out **out, struct dio_out *below, struct dumpio_error *err);

#endif
