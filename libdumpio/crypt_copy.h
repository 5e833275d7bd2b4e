/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from a source to a sink: one thread, or all of them.
 */
#ifndef DIO_CRYPT_COPY_H
#define DIO_CRYPT_COPY_H

#include "io/io.h"

/* Everything from a file or stream, in order, by the calling thread. *bytes: how many. */
int dio_copy_serial(const struct dio_file_in *from, struct dio_out *to, uint64_t *bytes,
                    const struct dumpio_env *env, struct dumpio_error *err);

/*
 * [start, end) of the source to `at` of the sink, read by env->threads threads: for sources whose
 * reading is work. A FORWARD sink is written in order, by one thread at a time.
 */
struct dio_copy_range {
    uint64_t start, end, at;
};
int dio_copy_parallel(struct dio_bytes *from, struct dio_out *to, struct dio_copy_range range,
                      const struct dumpio_env *env, struct dumpio_error *err);

#endif
