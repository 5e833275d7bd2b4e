/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several tools print in the same words.
 */
#ifndef TEXT_H
#define TEXT_H

#include <dumpio/dumpio.h>

#define TEXT_DIGEST (2 * DUMPIO_DIGEST_SIZE + 1)
#define TEXT_UTC 32

/* As sha256sum prints it. Both return `text`. */
const char *text_digest(const unsigned char *digest, char text[TEXT_DIGEST]);
/* "2026-11-16 09:30:00 UTC" of seconds since 1970; "" when they are unknown, or no time. */
const char *text_utc(int64_t sec, char text[TEXT_UTC]);

#endif
