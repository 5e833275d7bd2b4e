/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing flattened ("makedumpfile") streams; format: makedumpfile's IMPLEMENTATION and
 * makedumpfile.h. Neighbouring writes become one segment of up to 1 MiB. Before a full one goes out,
 * so does what was written elsewhere until then: of a stream that is cut, all but the last of what
 * came before can be used. Does not check what callers write there.
 */
#include "flat.h"

#include "../plug/decode.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENT_HEADER 16u
#define SEGMENT_MAX (1u << 20) /* bytes of data in one segment */
#define OPEN_MAX 4u            /* places where writers go on, each with its own memory */

struct open_segment {
    uint8_t *buf;  /* room for the header, then the data */
    uint64_t off;  /* of the data, inside */
    size_t len;    /* bytes of data held */
    uint64_t used; /* time of the last write; 0: free */
};

struct flat_out {
    struct dio_out o;
    struct dio_out *below;
    struct open_segment open[OPEN_MAX];
    uint64_t time;
    uint64_t pos; /* bytes written to below */
    uint64_t end; /* behind the furthest byte taken */
};

static int emit(struct flat_out *f, const void *buf, size_t len, struct dumpio_error *err)
{
    int rc = dio_write(f->below, f->pos, buf, len, err);
    f->pos += len;
    return rc;
}

static void put_header(uint8_t *h, uint64_t off, uint64_t len)
{
    dio_put(h, DUMPIO_BIG, 8, off);
    dio_put(h + 8, DUMPIO_BIG, 8, len);
}

/* The file's header goes out with the first segment, so that a failed start writes nothing. */
static int emit_file_header(struct flat_out *f, struct dumpio_error *err)
{
    uint8_t h[DIO_FLAT_HEADER];
    struct dio_builder b = dio_builder(h, sizeof h, DUMPIO_BIG, 8);
    dio_bld_str(&b, "makedumpfile", 16);
    dio_bld_u64(&b, 1); /* type */
    dio_bld_u64(&b, 1); /* version */
    dio_bld_seek(&b, sizeof h);
    return f->pos ? 0 : emit(f, h, sizeof h, err);
}

/* Write what the segment holds; it stays open behind that. */
static int flush(struct flat_out *f, struct open_segment *s, struct dumpio_error *err)
{
    if (!s->len)
        return 0;
    int rc = emit_file_header(f, err);
    put_header(s->buf, s->off, s->len);
    if (!rc)
        rc = emit(f, s->buf, SEGMENT_HEADER + s->len, err);
    s->off += s->len;
    s->len = 0;
    return rc;
}

/* What the segments but s hold (NULL: all), in the order of their places. */
static int flush_others(struct flat_out *f, const struct open_segment *s, struct dumpio_error *err)
{
    struct open_segment *order[OPEN_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        unsigned at = n;
        if (&f->open[i] == s || !f->open[i].len)
            continue;
        for (; at && order[at - 1]->off > f->open[i].off; at--)
            order[at] = order[at - 1];
        order[at] = &f->open[i];
        n++;
    }
    int rc = 0;
    for (unsigned i = 0; !rc && i < n; i++)
        rc = flush(f, order[i], err);
    return rc;
}

static int emit_large(struct flat_out *f, uint64_t off, const uint8_t *p, struct dumpio_error *err)
{
    uint8_t h[SEGMENT_HEADER];
    put_header(h, off, SEGMENT_MAX);
    int rc = flush_others(f, NULL, err);
    if (!rc)
        rc = emit_file_header(f, err);
    if (!rc)
        rc = emit(f, h, sizeof h, err);
    return rc ? rc : emit(f, p, SEGMENT_MAX, err);
}

/* The open segment that `off` continues, or NULL. */
static struct open_segment *find_open(struct flat_out *f, uint64_t off)
{
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (f->open[i].used && f->open[i].off + f->open[i].len == off)
            return &f->open[i];
    return NULL;
}

/* A free place or that of the segment that rested longest. */
static int open_at(struct flat_out *f, uint64_t off, struct open_segment **out,
                   struct dumpio_error *err)
{
    struct open_segment *s = &f->open[0];
    for (unsigned i = 1; i < OPEN_MAX; i++)
        if (f->open[i].used < s->used)
            s = &f->open[i];
    int rc = flush(f, s, err);
    if (rc)
        return rc;
    if (!s->buf)
        s->buf = malloc(SEGMENT_HEADER + SEGMENT_MAX);
    if (!s->buf)
        return dio_nomem(err, "a flattened segment");
    s->off = off;
    *out = s;
    return 0;
}

static int append(struct flat_out *f, struct open_segment *s, const uint8_t *p, size_t n,
                  struct dumpio_error *err)
{
    memcpy(s->buf + SEGMENT_HEADER + s->len, p, n);
    s->len += n;
    if (s->len < SEGMENT_MAX)
        return 0;
    int rc = flush_others(f, s, err);
    return rc ? rc : flush(f, s, err);
}

static int flat_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                         struct dumpio_error *err)
{
    struct flat_out *f = (struct flat_out *)o;
    const uint8_t *p = buf;
    if (off > INT64_MAX || len > INT64_MAX - off)
        return dio_fail(err, DUMPIO_E_ARG, off, "%s: %zu bytes at 0x%llx: beyond any file",
                        o->name, len, (unsigned long long)off);
    if (off + len > f->end)
        f->end = off + len;
    int rc = 0;
    while (!rc && len) {
        struct open_segment *s = find_open(f, off);
        size_t n = SEGMENT_MAX;
        if (len >= n && (!s || !s->len)) {
            rc = emit_large(f, off, p, err);
            if (s)
                s->off += n;
        } else {
            rc = s ? 0 : open_at(f, off, &s, err);
            if (rc)
                break;
            n = len < SEGMENT_MAX - s->len ? len : SEGMENT_MAX - s->len;
            rc = append(f, s, p, n, err);
        }
        if (s)
            s->used = ++f->time;
        off += n;
        p += n;
        len -= n;
    }
    return rc;
}

static void flat_out_free(struct flat_out *f)
{
    for (unsigned i = 0; i < OPEN_MAX; i++)
        free(f->open[i].buf);
    free(f);
}

/* Open segments in ascending order, the length, the end marker. */
static int complete(struct flat_out *f, uint64_t size, struct dumpio_error *err)
{
    if (size < f->end)
        return dio_fail(err, DUMPIO_E_INTERNAL, size,
                        "%s: size %llu, but bytes were written up to %llu", f->o.name,
                        (unsigned long long)size, (unsigned long long)f->end);
    int rc = emit_file_header(f, err);
    if (!rc && size > f->end) { /* readers take the last byte for the end */
        static const uint8_t zero;
        rc = flat_write_at(&f->o, size - 1, &zero, 1, err);
    }
    if (!rc)
        rc = flush_others(f, NULL, err);
    uint8_t marker[SEGMENT_HEADER];
    memset(marker, 0xff, sizeof marker);
    return rc ? rc : emit(f, marker, sizeof marker, err);
}

static int flat_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct flat_out *f = (struct flat_out *)o;
    int rc = complete(f, size, err);
    if (rc)
        f->below->ops->discard(f->below);
    else
        rc = f->below->ops->finish(f->below, f->pos, err);
    flat_out_free(f);
    return rc;
}

static void flat_discard(struct dio_out *o)
{
    struct flat_out *f = (struct flat_out *)o;
    f->below->ops->discard(f->below);
    flat_out_free(f);
}

static const struct dio_out_ops flat_out_ops = {flat_write_at, flat_finish, flat_discard};

int dio_flat_out_new(struct dio_out **out, struct dio_out *below, struct dumpio_error *err)
{
    struct flat_out *f = calloc(1, sizeof *f);
    if (!f)
        return dio_nomem(err, "a flattened output");
    f->o.ops = &flat_out_ops;
    f->o.access = DIO_SERIAL;
    f->o.name = below->name;
    f->below = below;
    *out = &f->o;
    return 0;
}
