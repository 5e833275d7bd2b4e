/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several sources one behind the other, as one: the parts of a file that was cut by bytes.
 */
#include "io.h"

#include <stdlib.h>
#include <string.h>

struct concat {
    struct dio_bytes bytes;
    size_t n;
    struct dio_bytes **parts;
    uint64_t *ends; /* of each part, in the whole */
};

static size_t part_of(const struct concat *c, uint64_t off)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->ends[mid] > off)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static int read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                   struct dumpio_error *err)
{
    struct concat *c = (struct concat *)b;
    uint8_t *to = buf;
    *got = 0;
    for (size_t i = part_of(c, off); i < c->n && *got < len; i++) {
        uint64_t start = i ? c->ends[i - 1] : 0, at = off + *got;
        uint64_t left = c->ends[i] - at;
        size_t want = left < len - *got ? (size_t)left : len - *got, n;
        int rc = dio_read_exact(c->parts[i], at - start, to + *got, want, "a part", err);
        if (rc)
            return dio_context(err, rc, "%s", c->parts[i]->name);
        n = want;
        *got += n;
    }
    return 0;
}

static void close_all(struct dio_bytes *b)
{
    struct concat *c = (struct concat *)b;
    for (size_t i = 0; i < c->n; i++)
        dio_bytes_close(c->parts[i]);
    free(c->parts);
    free(c->ends);
    free(c);
}

int dio_concat(struct dio_bytes **out, struct dio_bytes *const *parts, size_t n,
               struct dumpio_error *err)
{
    static const struct dio_bytes_ops ops = {read_at, NULL, close_all, NULL};
    struct concat *c = calloc(1, sizeof *c);
    if (c) {
        c->parts = calloc(n, sizeof(struct dio_bytes *));
        c->ends = calloc(n, sizeof *c->ends);
    }
    if (!c || !c->parts || !c->ends) {
        if (c) {
            free(c->parts);
            free(c->ends);
        }
        free(c);
        return dio_nomem(err, "parts of a file");
    }
    c->n = n;
    memcpy(c->parts, parts, n * sizeof(struct dio_bytes *));
    c->bytes = (struct dio_bytes){&ops, 0, parts[0]->name, 0, 0};
    for (size_t i = 0; i < n; i++) {
        if (parts[i]->size > UINT64_MAX - c->bytes.size) {
            c->n = 0;
            close_all(&c->bytes);
            return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "%s: the parts are too large",
                            parts[i]->name);
        }
        c->bytes.size += parts[i]->size;
        c->ends[i] = c->bytes.size;
    }
    *out = &c->bytes;
    return 0;
}
