/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding everything, for those who want to hear of every leaf.
 */
#ifndef DIO_VERIFY_H
#define DIO_VERIFY_H

#include "dump.h"

/* Called by one thread at a time, addresses ascending; NULL = not wanted. */
struct dio_verify_hear {
    void *user;
    void (*lost)(void *user, const struct dumpio_run *run, const char *why);
    void (*leaf)(void *user, uint64_t base, const unsigned char leaf[DUMPIO_DIGEST_SIZE]);
};

/* As dumpio_verify. */
int dio_verify(struct dumpio_dump *dump, int with_digest, const struct dio_verify_hear *hear,
               struct dumpio_verify_result *result, const struct dumpio_env *env,
               struct dumpio_error *err);

#endif
