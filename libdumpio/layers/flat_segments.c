/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of a flattened ("makedumpfile") stream; format: makedumpfile's IMPLEMENTATION and
 * makedumpfile.h. All integers are big-endian.
 * Not for the data between them: flat.c and flat_unwrap.c read it.
 */
#include "flat_segments.h"

#include "../plug/decode.h"

#include <string.h>

#define SIGNATURE "makedumpfile" /* and its NUL */
#define TYPE_AT 16u
#define VERSION_AT 24u

int dio_flat_probe(const uint8_t *head, size_t n)
{
    return n >= TYPE_AT && !memcmp(head, SIGNATURE, sizeof SIGNATURE);
}

int dio_flat_check_header(const uint8_t *head, size_t n, const struct dumpio_env *env,
                          struct dumpio_error *err)
{
    if (!dio_flat_probe(head, n))
        return dio_fail(err, DUMPIO_E_FORMAT, 0, "not a flattened stream");
    if (n < DIO_FLAT_HEADER)
        return dio_fail(err, DUMPIO_E_TRUNCATED, n,
                        "flattened stream ends after %zu of the %u bytes of its header", n,
                        DIO_FLAT_HEADER);
    uint64_t type = dio_get64(head + TYPE_AT, DUMPIO_BIG);
    uint64_t version = dio_get64(head + VERSION_AT, DUMPIO_BIG);
    if (type != 1)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, TYPE_AT,
                        "flattened stream of type %llu; only type 1 is known",
                        (unsigned long long)type);
    if (version != 1)
        dio_note(env, DUMPIO_WARNING, "flattened stream of version %llu is read as version 1",
                 (unsigned long long)version);
    return 0;
}

int dio_flat_ended_early(struct dio_flat_segments *s, struct dumpio_error *err)
{
    if (!s->count)
        return dio_fail(err, DUMPIO_E_TRUNCATED, s->at,
                        "flattened stream ends at 0x%llx before any data",
                        (unsigned long long)s->at);
    s->truncated = true;
    dio_note(s->env, DUMPIO_WARNING,
             "flattened stream ends at 0x%llx without an end marker: what follows is missing",
             (unsigned long long)s->at);
    return DUMPIO_END;
}

int dio_flat_take_header(struct dio_flat_segments *s, const uint8_t *h,
                         struct dumpio_error *err)
{
    int64_t offset = (int64_t)dio_get64(h, DUMPIO_BIG);
    int64_t len = (int64_t)dio_get64(h + 8, DUMPIO_BIG);
    if (offset == -1) {
        if (len != -1)
            dio_note(s->env, DUMPIO_WARNING,
                     "flattened stream: end marker at 0x%llx has size %lld instead of -1",
                     (unsigned long long)s->at, (long long)len);
        return DUMPIO_END;
    }
    if (offset < 0 || len <= 0 || offset > INT64_MAX - len) {
        if (!s->count)
            return dio_fail(err, DUMPIO_E_CORRUPT, s->at,
                            "flattened segment header at 0x%llx: %lld bytes for offset %lld",
                            (unsigned long long)s->at, (long long)len, (long long)offset);
        s->truncated = true;
        dio_note(s->env, DUMPIO_WARNING,
                 "flattened segment header at 0x%llx: %lld bytes for offset %lld: what follows "
                 "is missing",
                 (unsigned long long)s->at, (long long)len, (long long)offset);
        return DUMPIO_END;
    }
    s->offset = (uint64_t)offset;
    s->len = (uint64_t)len;
    return 0;
}

int dio_flat_take_data(struct dio_flat_segments *s, uint64_t got, struct dumpio_error *err)
{
    s->at += DIO_FLAT_SEGMENT + got;
    if (got) {
        s->count++;
        if (s->offset + got > s->size)
            s->size = s->offset + got;
    }
    return got < s->len ? dio_flat_ended_early(s, err) : 0;
}
