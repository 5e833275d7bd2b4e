/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Temporary bytes of the layers, in a sparse file.
 * No on-disk format.
 */
#include "scratch.h"

#include "../io/io.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536u /* zeros are left out in pieces of this size */

int dio_scratch_open(struct dio_scratch *s, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    s->size = 0;
    return dio_temp_fd(&s->fd, NULL, env, err);
}

static int put_piece(struct dio_scratch *s, const uint8_t *p, size_t n, struct dumpio_error *err)
{
    uint64_t off = s->size;
    s->size += n;
    if (n && !p[0] && !memcmp(p, p + 1, n - 1))
        return 0;
    while (n) {
        ssize_t done = pwrite(s->fd, p, n, (off_t)off);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return dio_fail_errno(err, errno, off,
                                  "temporary file, after %llu bytes (TMPDIR names another place "
                                  "for it)",
                                  (unsigned long long)off);
        p += done;
        off += (uint64_t)done;
        n -= (size_t)done;
    }
    return 0;
}

int dio_scratch_put(struct dio_scratch *s, const void *p, size_t n, struct dumpio_error *err)
{
    const uint8_t *b = p;
    int rc = 0;
    while (n && !rc) {
        size_t part = PIECE - (size_t)(s->size % PIECE);
        part = part < n ? part : n;
        rc = put_piece(s, b, part, err);
        b += part;
        n -= part;
    }
    return rc;
}

void dio_scratch_cut(struct dio_scratch *s, uint64_t size)
{
    s->size = size;
}

int dio_scratch_get(const struct dio_scratch *s, uint64_t off, void *buf, size_t len, size_t *got,
                    struct dumpio_error *err)
{
    *got = 0;
    if (off >= s->size)
        return 0;
    if (len > s->size - off)
        len = (size_t)(s->size - off);
    while (*got < len) {
        ssize_t n = pread(s->fd, (uint8_t *)buf + *got, len - *got, (off_t)(off + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dio_fail_errno(err, errno, off, "read of a temporary file");
        if (n == 0) { /* zeros that end the file were never written */
            memset((uint8_t *)buf + *got, 0, len - *got);
            n = (ssize_t)(len - *got);
        }
        *got += (size_t)n;
    }
    return 0;
}

void dio_scratch_close(struct dio_scratch *s)
{
    close(s->fd);
}
