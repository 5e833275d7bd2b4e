/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink that refuses to grow beyond a size.
 */
#include "io.h"

#include <stdlib.h>

struct limited {
    struct dio_out out;
    struct dio_out *below;
    uint64_t max;
};

static int write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                    struct dumpio_error *err)
{
    struct limited *l = (struct limited *)o;
    if (off > l->max || len > l->max - off)
        return dio_fail(err, DUMPIO_E_LIMIT, off, "%s would become larger than %llu bytes",
                        o->name, (unsigned long long)l->max);
    return dio_write(l->below, off, buf, len, err);
}

static int finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct limited *l = (struct limited *)o;
    struct dio_out *below = l->below;
    int rc = 0;
    if (size > l->max) {
        rc = dio_fail(err, DUMPIO_E_LIMIT, size, "%s would become larger than %llu bytes", o->name,
                      (unsigned long long)l->max);
        below->ops->discard(below);
    } else {
        rc = below->ops->finish(below, size, err);
    }
    free(l);
    return rc;
}

static void discard(struct dio_out *o)
{
    struct limited *l = (struct limited *)o;
    l->below->ops->discard(l->below);
    free(l);
}

int dio_limit_out(struct dio_out **out, uint64_t max, struct dumpio_error *err)
{
    static const struct dio_out_ops ops = {write_at, finish, discard};
    struct limited *l = calloc(1, sizeof *l);
    if (!l)
        return dio_nomem(err, "a sink");
    *l = (struct limited){{&ops, (*out)->access, (*out)->name}, *out, max};
    *out = &l->out;
    return 0;
}
