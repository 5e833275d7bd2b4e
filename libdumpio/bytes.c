/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from any source of bytes: exactly, or as much as there is.
 * No on-disk format.
 */
#include "plug/bytes.h"

int dio_read_some(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                  struct dumpio_error *err)
{
    *got = 0;
    if (off >= b->size)
        return 0;
    if (len > b->size - off)
        len = (size_t)(b->size - off);
    return len ? b->ops->read_at(b, off, buf, len, got, err) : 0;
}

int dio_read_exact(struct dio_bytes *b, uint64_t off, void *buf, size_t len, const char *what,
                   struct dumpio_error *err)
{
    size_t got;
    int rc = dio_read_some(b, off, buf, len, &got, err);
    if (rc)
        return dio_context(err, rc, "%s", what);
    if (got == len)
        return 0;
    return dio_fail(err, DUMPIO_E_TRUNCATED, off,
                    "%s at 0x%llx: needs %zu bytes, the file ends after %zu (size %llu)", what,
                    (unsigned long long)off, len, got, (unsigned long long)b->size);
}
