/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A FORWARD sink for packers.
 * No on-disk format.
 */
#include "forward.h"

static const uint8_t zeros[65536];

/* The first error is the one that every later call gives again. */
static int keep_error(struct dio_forward *f, int rc, const struct dumpio_error *e,
                      struct dumpio_error *err)
{
    if (rc && !f->failed) {
        f->failed = rc;
        f->error = *e;
    }
    if (f->failed && err)
        *err = f->error;
    return f->failed;
}

static int fill_gap(struct dio_forward *f, uint64_t to, struct dumpio_error *err)
{
    if (to < f->in)
        return dio_fail(err, DUMPIO_E_INTERNAL, to,
                        "%s: place 0x%llx comes after place 0x%llx in a stream", f->o.name,
                        (unsigned long long)to, (unsigned long long)f->in);
    int rc = 0;
    while (!rc && f->in < to) {
        size_t n = to - f->in < sizeof zeros ? (size_t)(to - f->in) : sizeof zeros;
        rc = f->ops->append(f, zeros, n, err);
        f->in += n;
    }
    return rc;
}

static int forward_write(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                         struct dumpio_error *err)
{
    struct dio_forward *f = (struct dio_forward *)o;
    struct dumpio_error e = {0};
    int rc = f->failed ? f->failed : fill_gap(f, off, &e);
    if (!rc)
        rc = f->ops->append(f, buf, len, &e);
    if (!rc)
        f->in += len;
    return keep_error(f, rc, &e, err);
}

static int forward_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct dio_forward *f = (struct dio_forward *)o;
    struct dumpio_error e = {0};
    int rc = f->failed ? f->failed : fill_gap(f, size, &e);
    if (!rc)
        rc = f->ops->end(f, &e);
    rc = keep_error(f, rc, &e, err);
    if (rc)
        f->below->ops->discard(f->below);
    else
        rc = f->below->ops->finish(f->below, f->out, err);
    f->ops->free(f);
    return rc;
}

static void forward_discard(struct dio_out *o)
{
    struct dio_forward *f = (struct dio_forward *)o;
    f->below->ops->discard(f->below);
    f->ops->free(f);
}

static const struct dio_out_ops out_ops = {forward_write, forward_finish, forward_discard};

void dio_forward_init(struct dio_forward *f, const struct dio_forward_ops *ops,
                      struct dio_out *below)
{
    f->o.ops = &out_ops;
    f->o.access = DIO_FORWARD;
    f->o.name = below->name;
    f->ops = ops;
    f->below = below;
    f->in = f->out = 0;
    f->failed = 0;
}

int dio_forward_put(struct dio_forward *f, const void *p, size_t n, struct dumpio_error *err)
{
    int rc = dio_write(f->below, f->out, p, n, err);
    f->out += n;
    return rc;
}
