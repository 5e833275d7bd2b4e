/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of frames, run-length coded by windows. A run is a varint: class in the low four bits,
 * length above, seven bits a byte, low first.
 */
#include "class_store.h"
#include "io/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)16 << 20) /* of code; more goes to a temporary file */

struct chunk {
    uint64_t pfn, end;
    uint64_t off;   /* of its code */
    uint32_t len;
    int32_t class_; /* of all frames; -1 = see the code */
};

struct dio_class_store {
    const struct dumpio_env *env;
    struct chunk *chunks;
    size_t n, cap;
    uint8_t *code;       /* in memory; NULL once it is in the file */
    size_t code_cap;
    uint64_t code_len;
    int fd;              /* -1 */
    /* the cursor: chunk at hand */
    size_t at;           /* index; SIZE_MAX = none */
    uint8_t *room;       /* its code, from the file */
    size_t room_len;
    const uint8_t *next; /* behind the run at hand */
    uint64_t start, end; /* the run at hand */
    enum dumpio_class class_;
};

int dio_class_store_new(struct dio_class_store **out, const struct dumpio_env *env,
                        struct dumpio_error *err)
{
    struct dio_class_store *s = calloc(1, sizeof *s);
    if (!s)
        return dio_nomem(err, "the classes of pages");
    s->env = env;
    s->fd = -1;
    s->at = SIZE_MAX;
    *out = s;
    return 0;
}

void dio_class_store_free(struct dio_class_store *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->chunks);
    free(s->code);
    free(s->room);
    free(s);
}

/* ---- coding ---------------------------------------------------------------------------------- */

size_t dio_class_bound(size_t n)
{
    return n + 16; /* a run of one frame takes one byte, a longer one no more than its frames */
}

static uint8_t *put_run(uint8_t *p, unsigned class_, uint64_t length)
{
    uint64_t v = length << 4 | class_;
    for (; v > 0x7f; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

size_t dio_class_code(const uint8_t *classes, size_t n, uint8_t *out)
{
    uint8_t *p = out;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && classes[j] == classes[i]; j++)
            ;
        p = put_run(p, classes[i], j - i);
    }
    return (size_t)(p - out);
}

static const uint8_t *get_run(const uint8_t *p, unsigned *class_, uint64_t *length)
{
    uint64_t v = 0;
    unsigned shift = 0;
    do
        v |= (uint64_t)(*p & 0x7f) << shift;
    while (shift += 7, *p++ & 0x80);
    *class_ = (unsigned)(v & 15);
    *length = v >> 4;
    return p;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static int write_code(struct dio_class_store *s, const uint8_t *code, size_t len,
                      struct dumpio_error *err)
{
    uint64_t off = s->code_len;
    while (len) {
        ssize_t n = pwrite(s->fd, code, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "a temporary file of page classes");
        code += n;
        len -= (size_t)n;
        off += (uint64_t)n;
    }
    return 0;
}

static int spill(struct dio_class_store *s, struct dumpio_error *err)
{
    uint64_t len = s->code_len;
    int rc = dio_temp_fd(&s->fd, NULL, s->env, err);
    s->code_len = 0;
    if (!rc)
        rc = write_code(s, s->code, (size_t)len, err);
    s->code_len = len;
    free(s->code);
    s->code = NULL;
    return rc;
}

static int add_code(struct dio_class_store *s, const uint8_t *code, size_t len,
                    struct dumpio_error *err)
{
    int rc = 0;
    if (s->fd < 0 && s->code_len + len > MEMORY_MAX)
        rc = spill(s, err);
    if (!rc && s->fd >= 0)
        rc = write_code(s, code, len, err);
    if (!rc && s->fd < 0) {
        if (s->code_len + len > s->code_cap) {
            size_t cap = s->code_cap ? s->code_cap * 2 : 64 << 10;
            while (cap < s->code_len + len)
                cap *= 2;
            uint8_t *p = realloc(s->code, cap);
            if (!p)
                return dio_nomem(err, "the classes of pages");
            s->code = p;
            s->code_cap = cap;
        }
        memcpy(s->code + s->code_len, code, len);
    }
    s->code_len += rc ? 0 : len;
    return rc;
}

int dio_class_store_add(struct dio_class_store *s, uint64_t pfn, size_t n, const uint8_t *code,
                        size_t len, struct dumpio_error *err)
{
    struct chunk c = {pfn, pfn + n, s->code_len, (uint32_t)len, -1};
    struct chunk *last = s->n ? &s->chunks[s->n - 1] : NULL;
    unsigned class_;
    uint64_t length;
    get_run(code, &class_, &length);
    if (length == n) {
        c.class_ = (int32_t)class_;
        if (last && last->end == pfn && last->class_ == c.class_) {
            last->end = c.end;
            return 0;
        }
    } else {
        int rc = add_code(s, code, len, err);
        if (rc)
            return rc;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        struct chunk *v = realloc(s->chunks, cap * sizeof *v);
        if (!v)
            return dio_nomem(err, "the classes of pages");
        s->chunks = v;
        s->cap = cap;
    }
    s->chunks[s->n++] = c;
    return 0;
}

/* ---- looking up ------------------------------------------------------------------------------ */

static int load(struct dio_class_store *s, size_t index, struct dumpio_error *err)
{
    const struct chunk *c = &s->chunks[index];
    s->at = SIZE_MAX;
    s->start = s->end = c->pfn;
    if (c->class_ >= 0) {
        s->end = c->end;
        s->class_ = (enum dumpio_class)c->class_;
    } else if (s->fd < 0) {
        s->next = s->code + c->off;
    } else {
        if (c->len > s->room_len) {
            uint8_t *p = realloc(s->room, c->len);
            if (!p)
                return dio_nomem(err, "the classes of pages");
            s->room = p;
            s->room_len = c->len;
        }
        for (size_t got = 0; got < c->len;) {
            ssize_t n = pread(s->fd, s->room + got, c->len - got, (off_t)(c->off + got));
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "a temporary file of page classes");
            got += (size_t)n;
        }
        s->next = s->room;
    }
    s->at = index;
    return 0;
}

/* Index of the first chunk that ends above pfn. */
static size_t find(const struct dio_class_store *s, uint64_t pfn)
{
    if (s->at < s->n && s->chunks[s->at].pfn <= pfn && s->chunks[s->at].end > pfn)
        return s->at;
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->chunks[mid].end > pfn)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

int dio_class_store_at(struct dio_class_store *s, uint64_t pfn, uint64_t *end,
                       enum dumpio_class *class_, struct dumpio_error *err)
{
    size_t index = find(s, pfn);
    if (index == s->n || s->chunks[index].pfn > pfn) {
        *class_ = DUMPIO_CLASS_NO_RECORD;
        *end = index == s->n ? UINT64_MAX : s->chunks[index].pfn;
        return 0;
    }
    if (s->at != index || s->start > pfn) {
        int rc = load(s, index, err);
        if (rc)
            return rc;
    }
    while (s->end <= pfn) {
        unsigned c;
        uint64_t length;
        s->next = get_run(s->next, &c, &length);
        s->start = s->end;
        s->end += length;
        s->class_ = (enum dumpio_class)c;
    }
    *class_ = s->class_;
    *end = s->end;
    return 0;
}
