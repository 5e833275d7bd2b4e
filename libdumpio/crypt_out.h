/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of an encryption or decryption: a file, its armor, and what stands beside it.
 */
#ifndef DIO_CRYPT_OUT_H
#define DIO_CRYPT_OUT_H

#include "beside.h"
#include "io/io.h"

#include <dumpio/crypt.h>
#include <dumpio/manifest.h>

struct dio_crypt_out {
    const struct dumpio_crypt_options *o;
    const char *path;
    const struct dumpio_env *env;
    struct dio_out *sink;         /* to write to; the caller may put layers on it */
    struct dio_beside beside;
    struct dio_file_sum sum;
    struct dio_manifest contents; /* what the manifest says of them: the caller's to fill */
};

/* In every case to be ended. */
int dio_crypt_out_start(struct dio_crypt_out *c, const char *path,
                        const struct dumpio_crypt_options *o, bool armor,
                        const struct dumpio_env *env, struct dumpio_error *err);
/* With rc 0: `size` bytes were written, give it its name, and write what stands beside it. */
int dio_crypt_out_end(struct dio_crypt_out *c, uint64_t size, int rc, struct dumpio_error *err);

#endif
