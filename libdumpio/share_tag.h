/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags of page payloads: two payloads of one length and codec are the same when their tags are.
 */
#ifndef DIO_SHARE_TAG_H
#define DIO_SHARE_TAG_H

#include "plug/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A secret, random, made for one run and never written anywhere: that nobody knows it when the
 * payloads are made is what the tags' proof stands on.
 */
struct dio_share_key {
    uint64_t fold[2][4];
    size_t max_len;      /* of a payload, bytes; a multiple of 32 */
    uint64_t nh[];       /* max_len / 8 + 2 words */
};

/* DUMPIO_E_NOMEM, or DUMPIO_E_UNSUPPORTED when the system has no random numbers. */
int dio_share_key_new(struct dio_share_key **out, size_t max_len, struct dumpio_error *err);
void dio_share_key_free(struct dio_share_key *key); /* wipes; NULL allowed */

/* len <= key->max_len. Thread-safe. Depends on the byte order of the machine. */
void dio_share_tag(const struct dio_share_key *key, const uint8_t *data, size_t len,
                   uint64_t tag[2]);

#endif
