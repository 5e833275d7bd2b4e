/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump seen as a file of another format: headers are made once and kept, runs of memory have
 * their place in a sorted index, pages are read when they are asked for.
 * Does not handle: formats whose layout depends on what the pages hold.
 */
#include "view.h"

#include "plug/index.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_SHARE 4u /* of the memory limit, for the headers */

/* The sink of the writer: its headers, in memory. */
struct head {
    struct dio_out out;
    uint8_t *data;
    size_t len, room, max;
};

struct dumpio_view {
    struct dumpio_dump *dump;
    struct head head;
    struct dio_index *runs; /* key: place in the file; value: physical address; extra: bytes */
    uint64_t size;
};

/* ---- headers ------------------------------------------------------------------------------------ */

static int grow(struct head *h, size_t need, struct dumpio_error *err)
{
    size_t room = h->room * 2 > need ? h->room * 2 : need;
    uint8_t *data = realloc(h->data, room);
    if (!data)
        return dio_nomem(err, "the headers of a view");
    h->data = data;
    h->room = room;
    return 0;
}

static int head_write(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                      struct dumpio_error *err)
{
    struct head *h = (struct head *)o;
    if (off < h->len)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                        "headers were written at 0x%llx, behind 0x%llx", (unsigned long long)off,
                        (unsigned long long)h->len);
    if (off > h->max || len > h->max - (size_t)off)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                        "the headers take more than %zu bytes; a quarter of the memory limit is "
                        "for them", h->max);
    int rc = off + len > h->room ? grow(h, (size_t)off + len, err) : 0;
    if (rc)
        return rc;
    memset(h->data + h->len, 0, (size_t)off - h->len);
    memcpy(h->data + off, buf, len);
    h->len = (size_t)off + len;
    return 0;
}

static int head_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    (void)o;
    (void)size;
    return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "a view is never finished");
}

/* It is part of the view, which stays. */
static void head_discard(struct dio_out *o)
{
    (void)o;
}

static const struct dio_out_ops head_ops = {head_write, head_finish, head_discard};

static int add_run(void *ctx, const struct dumpio_run *run, uint64_t where,
                   struct dumpio_error *err)
{
    struct dumpio_view *v = ctx;
    const struct dio_entry e = {where, run->start, run->end - run->start};
    return dio_index_add(v->runs, &e, err);
}

/* ---- life ----------------------------------------------------------------------------------------- */

int dumpio_view_open(struct dumpio_view **out, struct dumpio_dump *dump, const char *format,
                     const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_view *v = calloc(1, sizeof *v);
    if (!v)
        return dio_nomem(err, "a view");
    uint64_t limit = dio_memory_limit(env);
    v->dump = dump;
    v->head.out = (struct dio_out){&head_ops, DIO_FORWARD, "view"};
    v->head.max = (size_t)(limit / HEAD_SHARE);
    int rc = dio_index_new(&v->runs, 0, env, err);
    const struct dio_layout l = {&v->head.out, add_run, v};
    if (!rc)
        rc = dio_convert_layout(dump, format, &l, &v->size, env, err);
    if (!rc)
        rc = dio_index_seal(v->runs, DIO_KEEP_FIRST, NULL, err);
    if (rc)
        dumpio_view_close(v);
    else
        *out = v;
    return rc;
}

void dumpio_view_close(struct dumpio_view *v)
{
    if (!v)
        return;
    dio_index_free(v->runs);
    free(v->head.data);
    free(v);
}

uint64_t dumpio_view_size(const struct dumpio_view *v)
{
    return v->size;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* The first run of memory in the file that ends behind off. 0, DUMPIO_END or an error. */
static int run_from(struct dumpio_view *v, uint64_t off, struct dio_entry *e,
                    struct dumpio_error *err)
{
    size_t n;
    int rc = dio_index_floor(v->runs, off, e, err);
    if (rc < 0 || (!rc && off - e->key < e->extra))
        return rc;
    rc = dio_index_range(v->runs, off, e, 1, &n, err);
    return rc ? rc : n ? 0 : DUMPIO_END;
}

/* Memory as the file has it: zero where a page is not held, or held in part. */
static int read_memory(struct dumpio_dump *dump, uint64_t addr, uint8_t *to, size_t len,
                       struct dumpio_error *err)
{
    while (len) {
        struct dumpio_run run;
        int rc = dumpio_next_run(dump, addr, &run, err);
        if (rc < 0)
            return rc;
        uint64_t gap = rc == DUMPIO_END ? len : run.start - addr;
        bool held = !gap && run.kind == DUMPIO_PRESENT;
        uint64_t most = gap ? gap : run.end - addr;
        size_t n = most < len ? (size_t)most : len;
        if (!gap && run.kind == DUMPIO_LOST)
            return dio_fail(err, DUMPIO_E_LOST, 0, "physical address 0x%llx is lost: %s",
                            (unsigned long long)addr, DIO_LOST_RUN_WHY);
        rc = held ? dio_page_cache_read(dump->cache, addr, to, n, err) : 0;
        if (rc)
            return rc;
        if (!held)
            memset(to, 0, n);
        addr += n;
        to += n;
        len -= n;
    }
    return 0;
}

/* One piece of at most len bytes, *n of them; off is inside the file. */
static int read_piece(struct dumpio_view *v, uint64_t off, uint8_t *to, size_t len, size_t *n,
                      struct dumpio_error *err)
{
    struct dio_entry e;
    if (off < v->head.len) {
        *n = v->head.len - (size_t)off < len ? v->head.len - (size_t)off : len;
        memcpy(to, v->head.data + off, *n);
        return 0;
    }
    int rc = run_from(v, off, &e, err);
    if (rc < 0)
        return rc;
    bool inside = !rc && e.key <= off;
    uint64_t most = inside ? e.key + e.extra - off : rc ? len : e.key - off;
    *n = most < len ? (size_t)most : len;
    if (inside)
        return read_memory(v->dump, e.value + (off - e.key), to, *n, err);
    memset(to, 0, *n);
    return 0;
}

int dumpio_view_read(struct dumpio_view *v, uint64_t off, void *buf, size_t len, size_t *got,
                     struct dumpio_error *err)
{
    uint64_t left = off < v->size ? v->size - off : 0;
    size_t want = left < len ? (size_t)left : len, done = 0;
    int rc = 0;
    while (done < want && !rc) {
        size_t n = 0;
        rc = read_piece(v, off + done, (uint8_t *)buf + done, want - done, &n, err);
        done += n;
    }
    *got = rc ? 0 : done;
    return rc;
}

int dumpio_view_next_data(struct dumpio_view *v, uint64_t off, struct dumpio_range *piece,
                          struct dumpio_error *err)
{
    struct dio_entry e;
    if (off >= v->size)
        return DUMPIO_END;
    if (off < v->head.len) {
        *piece = (struct dumpio_range){off, v->head.len};
        return 0;
    }
    int rc = run_from(v, off, &e, err);
    if (rc)
        return rc;
    piece->start = e.key > off ? e.key : off;
    piece->end = v->size - e.key < e.extra ? v->size : e.key + e.extra;
    return piece->start < piece->end ? 0 : DUMPIO_END;
}
