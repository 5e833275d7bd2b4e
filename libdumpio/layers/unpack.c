/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking once from the start: into a temporary file, or as a forward source.
 * No on-disk format. What one damaged unit held is not given out: its checksum cannot tell which of
 * its bytes are right.
 */
#include "unpack.h"

#include "scratch.h"
#include "../plug/codec.h"
#include "../plug/window.h"

#include <stdlib.h>
#include <string.h>

#define FEED (1u << 18)  /* bytes read at once */
#define ROOM (1u << 20)  /* bytes unpacked at once */
#define EXPANSION_MAX (UINT64_C(1) << 50)
#define ZEROS_AS_ONE 16u /* bytes: they take time, but no room */

int dio_feed_need(struct dio_feed *f, size_t n, bool *all, struct dumpio_error *err)
{
    while (f->len - f->pos < n) {
        size_t got;
        memmove(f->buf, f->buf + f->pos, f->len - f->pos);
        f->len -= f->pos;
        f->pos = 0;
        int rc = dio_read_some(f->below, f->end, f->buf + f->len, FEED - f->len, &got, err);
        if (rc)
            return rc;
        f->len += got;
        f->end += got;
        if (!got)
            break;
    }
    *all = f->len - f->pos >= n;
    return 0;
}

/* ---- the source ------------------------------------------------------------------------------ */

struct unpacked {
    struct dio_bytes b;
    struct dio_bytes *below; /* kept for its name */
    struct dio_scratch s;
    uint64_t max, counted; /* bytes that may be made; made so far, zeros for less */
};

static int unpacked_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                            struct dumpio_error *err)
{
    return dio_scratch_get(&((struct unpacked *)b)->s, off, buf, len, got, err);
}

static void unpacked_close(struct dio_bytes *b)
{
    struct unpacked *u = (struct unpacked *)b;
    dio_scratch_close(&u->s);
    dio_bytes_close(u->below);
    free(u);
}

static const struct dio_bytes_ops bytes_ops = {unpacked_read_at, NULL, unpacked_close, NULL};

/* ---- filling it ------------------------------------------------------------------------------ */

struct progress {
    uint64_t packed, plain; /* places where the current unit starts */
};

static int check_expansion(struct unpacked *u, const uint8_t *p, size_t n, uint64_t at,
                           struct dumpio_error *err)
{
    u->counted += n && dio_is_zero(p, n) ? n / ZEROS_AS_ONE : n;
    if (u->counted <= u->max && u->s.size <= EXPANSION_MAX)
        return 0;
    return dio_fail(err, DUMPIO_E_LIMIT, at,
                    "%s unpacks to more than %llu bytes, which no dump of its size should; "
                    "--max-expansion allows more", u->b.name, (unsigned long long)u->max);
}

/* Step until the end, or an error. */
static int steps(struct unpacked *u, struct dio_feed *in, const struct dio_unpack_ops *ops,
                 void *ctx, uint8_t *out, struct progress *unit, struct dumpio_error *err)
{
    enum dio_step what = DIO_STEP_MORE;
    while (what != DIO_STEP_END) {
        size_t made = 0;
        int rc = ops->step(ctx, in, out, ROOM, &made, &what, err);
        if (!rc || rc == DUMPIO_E_TRUNCATED) {
            int put = dio_scratch_put(&u->s, out, made, err);
            rc = put ? put : rc;
        }
        if (rc)
            return rc;
        if (what == DIO_STEP_UNIT)
            *unit = (struct progress){dio_feed_at(in), u->s.size};
        rc = check_expansion(u, out, made, dio_feed_at(in), err);
        if (rc)
            return rc;
    }
    return 0;
}

/* What damage leaves: the whole units before it, and of a cut one what there is. */
static int take_damage(struct unpacked *u, const char *what, int rc, const struct progress *unit,
                       const struct dumpio_env *env, struct dumpio_error *err)
{
    if (rc == DUMPIO_E_CORRUPT)
        dio_scratch_cut(&u->s, unit->plain);
    else if (rc != DUMPIO_E_TRUNCATED)
        return rc;
    dio_context(err, rc, "%s at 0x%llx", what, (unsigned long long)unit->packed);
    if (!u->s.size)
        return rc;
    u->b.truncated = 1;
    dio_note(env, DUMPIO_WARNING,
             "%s: %s; what was unpacked before, %llu bytes, is used, the last %llu unchecked",
             u->b.name, err->message, (unsigned long long)u->s.size,
             (unsigned long long)(u->s.size - unit->plain));
    return 0;
}

static int fill(struct unpacked *u, const struct dio_unpack_ops *ops, void *ctx,
                const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_feed in = {.below = u->below, .buf = malloc(FEED)};
    uint8_t *out = malloc(ROOM);
    struct progress unit = {0, 0};
    int rc = in.buf && out ? 0 : dio_nomem(err, "unpacking");
    if (!rc)
        rc = steps(u, &in, ops, ctx, out, &unit, err);
    if (rc)
        rc = take_damage(u, ops->unit, rc, &unit, env, err);
    free(out);
    free(in.buf);
    return rc;
}

int dio_unpack(struct dio_bytes **out, struct dio_bytes *below, const struct dio_unpack_ops *ops,
               void *ctx, const struct dio_layer_options *o, const struct dumpio_env *env,
               struct dumpio_error *err)
{
    struct dumpio_error e = {0};
    struct unpacked *u = calloc(1, sizeof *u);
    int rc = u ? dio_scratch_open(&u->s, env, err) : dio_nomem(err, "unpacking");
    if (rc) {
        free(u);
        ops->free(ctx);
        return rc;
    }
    u->b.ops = &bytes_ops;
    u->b.name = below->name;
    u->b.truncated = below->truncated;
    u->below = below;
    u->max = o && o->max_unpacked ? o->max_unpacked : EXPANSION_MAX;
    dio_note(env, DUMPIO_NOTE,
             "%s: can only be unpacked from its start: unpacking it to a temporary file",
             below->name);
    rc = fill(u, ops, ctx, env, &e);
    ops->free(ctx);
    if (rc) {
        if (err)
            *err = e;
        dio_scratch_close(&u->s);
        free(u);
        return rc;
    }
    u->b.size = u->s.size;
    *out = &u->b;
    return 0;
}

/* ---- forward --------------------------------------------------------------------------------- */

struct passing {
    struct dio_feed in;
    const struct dio_unpack_ops *ops;
    void *ctx;
    const struct dumpio_env *env;
    uint64_t unit; /* place where the current one starts */
    bool ended;
};

static int passing_more(void *ctx, uint8_t *buf, size_t room, size_t *got, int *truncated,
                        struct dumpio_error *err)
{
    struct passing *p = ctx;
    *got = 0;
    while (!p->ended && !*got) {
        enum dio_step what = DIO_STEP_MORE;
        struct dumpio_error e = {0};
        int rc = p->ops->step(p->ctx, &p->in, buf, room, got, &what, &e);
        if (rc && dio_window_failed(p->in.below, err)) /* not ours: it is no cut of this one */
            return rc;
        if (rc)
            dio_context(&e, rc, "%s at 0x%llx", p->ops->unit, (unsigned long long)p->unit);
        if (rc == DUMPIO_E_TRUNCATED) {
            dio_note(p->env, DUMPIO_WARNING, "%s: %s; what was unpacked before is used, unchecked",
                     p->in.below->name, e.message);
            *truncated = p->ended = 1;
            return 0;
        }
        if (rc == DUMPIO_E_CORRUPT)
            dio_fail(err, rc, e.offset, "%s: %s; the whole ones before it can be had with --spool",
                     p->in.below->name, e.message);
        else if (rc && err)
            *err = e;
        if (rc)
            return rc;
        if (what == DIO_STEP_UNIT)
            p->unit = dio_feed_at(&p->in);
        p->ended = what == DIO_STEP_END;
    }
    return 0;
}

static int passing_let_go(void *ctx, struct dumpio_error *err)
{
    return dio_window_let_go(((struct passing *)ctx)->in.below, false, err);
}

static void passing_free(struct passing *p)
{
    p->ops->free(p->ctx);
    free(p->in.buf);
    free(p);
}

static void passing_close(void *ctx)
{
    struct passing *p = ctx;
    dio_bytes_close(p->in.below);
    passing_free(p);
}

static const struct dio_window_ops passing_ops = {passing_more, passing_let_go, passing_close};

int dio_unpack_forward(struct dio_bytes **out, struct dio_bytes *below,
                       const struct dio_unpack_ops *ops, void *ctx, const struct dumpio_env *env,
                       struct dumpio_error *err)
{
    struct passing *p = calloc(1, sizeof *p);
    if (!p) {
        ops->free(ctx);
        return dio_nomem(err, "unpacking");
    }
    *p = (struct passing){.in = {.below = below, .buf = malloc(FEED)}, .ops = ops, .ctx = ctx,
                          .env = env};
    int rc = p->in.buf ? dio_window_new(out, below->name, &passing_ops, p,
                                        dio_window_head_max(below), err)
                       : dio_nomem(err, "unpacking");
    if (rc)
        passing_free(p);
    return rc;
}
