/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests and times as text.
 */
#include "text.h"

#include <stdio.h>
#include <time.h>

const char *text_digest(const unsigned char *digest, char text[TEXT_DIGEST])
{
    for (size_t i = 0; i < DUMPIO_DIGEST_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

const char *text_utc(int64_t sec, char text[TEXT_UTC])
{
    struct tm tm;
    time_t t = (time_t)sec;
    if (sec == DUMPIO_UNKNOWN_TIME || !gmtime_r(&t, &tm) ||
        !strftime(text, TEXT_UTC, "%Y-%m-%d %H:%M:%S UTC", &tm))
        *text = '\0';
    return text;
}
