/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink that cuts what is written into parts. Any place, several threads at once; few files are
 * open at a time, and none has its name before all are finished. What comes in order is hashed as
 * it passes, the rest is read again at the end.
 */
#include "io/temp_file.h"
#include "parts_core.h"
#include "sha256.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 32u /* files at a time, besides those being written to */

struct part {
    struct dio_temp_file file; /* path NULL: not made yet */
    unsigned users;
    uint64_t used;             /* when, by the clock below */
    unsigned char sha256[DUMPIO_DIGEST_SIZE];
};

struct parts_out {
    struct dio_out out;
    struct dio_parts *parts;
    uint64_t size, larger;     /* of a part; the first `larger` ones have a byte more */
    pthread_mutex_t lock;      /* of all below */
    struct part **list;
    size_t n, cap;
    unsigned open;
    uint64_t clock;
    pthread_mutex_t hashing;   /* of the digests */
    uint64_t hashed;           /* bytes from the start that are in them */
    bool no_digest;      /* libcrypto failed, and it will be told at the end */
    struct dio_sha256 *digest, *whole;
};

/* ---- where parts are ------------------------------------------------------------------------- */

static uint64_t start_of(const struct parts_out *s, uint64_t k)
{
    return k * s->size + (k < s->larger ? k : s->larger);
}

/* Where part k ends, UINT64_MAX for a part without an end. */
static uint64_t end_of(const struct parts_out *s, uint64_t k)
{
    uint64_t start = start_of(s, k), len = s->size + (k < s->larger);
    return len > UINT64_MAX - start ? UINT64_MAX : start + len;
}

static uint64_t part_at(const struct parts_out *s, uint64_t off)
{
    uint64_t edge = s->larger ? s->larger * (s->size + 1) : 0;
    return off < edge ? off / (s->size + 1) : s->larger + (off - edge) / s->size;
}

/* ---- their files ----------------------------------------------------------------------------- */

/* Room for part k, under the lock. */
static int make_room(struct parts_out *s, uint64_t k, struct dumpio_error *err)
{
    if (k >= DUMPIO_PARTS_MAX - s->parts->m.n_parts)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "more than %u parts: make them "
                        "larger", DUMPIO_PARTS_MAX);
    if (k >= s->cap) {
        size_t cap = k < 8 ? 16 : 2 * (size_t)k;
        struct part **list = realloc(s->list, cap * sizeof(struct part *));
        if (!list)
            return dio_nomem(err, "the list of parts");
        s->list = list;
        s->cap = cap;
    }
    for (; s->n <= k; s->n++) {
        s->list[s->n] = calloc(1, sizeof **s->list);
        if (!s->list[s->n])
            return dio_nomem(err, "the list of parts");
        s->list[s->n]->file.fd = -1;
    }
    return 0;
}

/* Close the file that was used longest ago, under the lock. */
static int close_one(struct parts_out *s, struct dumpio_error *err)
{
    struct part *oldest = NULL;
    for (size_t i = 0; i < s->n; i++) {
        struct part *p = s->list[i];
        if (p->file.fd >= 0 && !p->users && (!oldest || p->used < oldest->used))
            oldest = p;
    }
    if (!oldest)
        return 0;
    s->open--;
    return dio_temp_file_close(&oldest->file, err);
}

static int open_part(struct parts_out *s, uint64_t k, struct dumpio_error *err)
{
    struct part *p = s->list[k];
    int rc;
    if (p->file.path) {
        rc = dio_temp_file_open(&p->file, err);
    } else {
        char *path = dio_parts_path(s->parts, s->parts->m.n_parts + k + 1);
        rc = path ? dio_temp_file_create(&p->file, path, s->parts->o->force != 0, err)
                  : dio_nomem(err, "a file name");
        free(path);
    }
    s->open += !rc;
    return rc;
}

/* Part k, open until it is given back. */
static int take(struct parts_out *s, uint64_t k, struct part **p, struct dumpio_error *err)
{
    pthread_mutex_lock(&s->lock);
    int rc = make_room(s, k, err);
    if (!rc && s->list[k]->file.fd < 0) {
        if (s->open >= OPEN_MAX)
            rc = close_one(s, err);
        if (!rc)
            rc = open_part(s, k, err);
    }
    if (!rc) {
        *p = s->list[k];
        (*p)->users++;
        (*p)->used = s->clock++;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void give_back(struct parts_out *s, struct part *p)
{
    pthread_mutex_lock(&s->lock);
    p->users--;
    pthread_mutex_unlock(&s->lock);
}

/* ---- digests ----------------------------------------------------------------------------------- */

/* The next len bytes, all of one part, which ends at `end`. */
static void hash(struct parts_out *s, struct part *p, uint64_t end, const void *buf, size_t len)
{
    dio_sha256_add(s->digest, buf, len);
    if (s->whole)
        dio_sha256_add(s->whole, buf, len);
    s->hashed += len;
    if (s->hashed == end) {
        s->no_digest |= dio_sha256_end(s->digest, p->sha256, NULL) != 0;
        dio_sha256_start(s->digest);
    }
}

/* A byte that is in the digests has been written again. */
static void hash_anew(struct parts_out *s)
{
    dio_sha256_start(s->digest);
    if (s->whole)
        dio_sha256_start(s->whole);
    s->hashed = 0;
}

/* Hash what did not come in order. */
static int hash_rest(struct parts_out *s, uint64_t size, struct dumpio_error *err)
{
    uint8_t *block = malloc(DIO_COPY_BLOCK);
    int rc = block ? 0 : dio_nomem(err, "a buffer");
    while (!rc && s->hashed < size) {
        uint64_t k = part_at(s, s->hashed), end = end_of(s, k) < size ? end_of(s, k) : size;
        size_t n = end - s->hashed < DIO_COPY_BLOCK ? (size_t)(end - s->hashed) : DIO_COPY_BLOCK;
        size_t got;
        struct part *p;
        rc = take(s, k, &p, err);
        if (rc)
            break;
        rc = dio_fd_read(p->file.fd, p->file.path, s->hashed - start_of(s, k), block, n, &got, err);
        give_back(s, p);
        if (!rc && got < n)
            rc = dio_fail(err, DUMPIO_E_IO, got, "%s has become shorter while it was written",
                          p->file.path);
        if (!rc)
            hash(s, p, end_of(s, k), block, n);
    }
    free(block);
    return rc;
}

/* ---- the sink ------------------------------------------------------------------------------------ */

static int write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                    struct dumpio_error *err)
{
    struct parts_out *s = (struct parts_out *)o;
    const uint8_t *from = buf;
    int rc = 0;
    while (len && !rc) {
        uint64_t k = part_at(s, off), left = end_of(s, k) - off;
        size_t n = left < len ? (size_t)left : len;
        struct part *p;
        rc = take(s, k, &p, err);
        if (rc)
            return rc;
        rc = dio_fd_write(p->file.fd, p->file.path, off - start_of(s, k), from, n, true, err);
        give_back(s, p);
        if (!rc && !pthread_mutex_trylock(&s->hashing)) { /* else somebody else is at it */
            if (off < s->hashed)
                hash_anew(s);
            if (s->hashed == off)
                hash(s, p, end_of(s, k), from, n);
            pthread_mutex_unlock(&s->hashing);
        }
        off += n;
        from += n;
        len -= n;
    }
    return rc;
}

static void discard(struct dio_out *o)
{
    struct parts_out *s = (struct parts_out *)o;
    for (size_t i = 0; i < s->n; i++) {
        dio_temp_file_drop(&s->list[i]->file);
        free(s->list[i]);
    }
    free(s->list);
    dio_sha256_free(s->digest);
    dio_sha256_free(s->whole);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->hashing);
    free(s);
}

/* All parts have their lengths, also those that nothing was written to. */
static int set_lengths(struct parts_out *s, uint64_t size, uint64_t n, struct dumpio_error *err)
{
    int rc = 0;
    for (uint64_t k = 0; k < n && !rc; k++) {
        uint64_t end = end_of(s, k) < size ? end_of(s, k) : size;
        struct part *p;
        rc = take(s, k, &p, err);
        if (rc)
            return rc;
        give_back(s, p);
        s->open--;
        rc = dio_temp_file_settle(&p->file, end - start_of(s, k), !s->parts->o->no_sync, err);
    }
    return rc;
}

static int finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct parts_out *s = (struct parts_out *)o;
    struct dio_manifest *m = &s->parts->m;
    uint64_t n = size ? part_at(s, size - 1) + 1 : 1;
    int rc = set_lengths(s, size, n, err);
    if (!rc)
        rc = hash_rest(s, size, err);
    if (!rc && s->hashed != size)
        rc = dio_fail(err, DUMPIO_E_INTERNAL, size, "%s: written beyond its end", o->name);
    if (!rc && s->no_digest)
        rc = dio_nomem(err, "a digest");
    if (!rc && end_of(s, n - 1) != size)
        rc = dio_sha256_end(s->digest, s->list[n - 1]->sha256, err);
    for (uint64_t k = 0; k < n && !rc; k++) {
        uint64_t end = end_of(s, k) < size ? end_of(s, k) : size;
        struct dio_manifest_part part = {.size = end - start_of(s, k)};
        if (s->whole)
            part.offset = start_of(s, k);
        memcpy(part.sha256, s->list[k]->sha256, sizeof part.sha256);
        rc = dio_temp_file_close(&s->list[k]->file, err);
        if (!rc)
            rc = dio_parts_add(s->parts, &s->list[k]->file, &part, err);
    }
    if (!rc && s->whole) {
        m->has_file = true;
        m->file_size = size;
        rc = dio_sha256_end(s->whole, m->file_sha256, err);
    }
    discard(o);
    return rc;
}

int dio_parts_sink(struct dio_out **out, struct dio_parts *parts, uint64_t size, uint64_t larger,
                   struct dumpio_error *err)
{
    static const struct dio_out_ops ops = {write_at, finish, discard};
    struct parts_out *s = calloc(1, sizeof *s);
    if (!s)
        return dio_nomem(err, "a sink");
    *s = (struct parts_out){
        .out = {&ops, DIO_RANDOM, parts->o->name ? parts->o->name : parts->o->prefix},
        .parts = parts, .size = size, .larger = larger,
        .digest = dio_sha256_new(),
        .whole = parts->m.split == DIO_SPLIT_BYTES ? dio_sha256_new() : NULL,
    };
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->hashing, NULL);
    *out = &s->out;
    if (!s->digest || (!s->whole && parts->m.split == DIO_SPLIT_BYTES)) {
        discard(*out);
        return dio_nomem(err, "a digest");
    }
    dio_sha256_start(s->digest);
    if (s->whole)
        dio_sha256_start(s->whole);
    return 0;
}
