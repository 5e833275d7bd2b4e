/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers (.zst, .gz, .xz): round trips, the same bytes from any number of threads, files made
 * with the libraries, damage at every byte. With arguments a driver for interop/containers.sh.
 * Longer than most tests: one set of sources, sinks and makers serves all three containers.
 */
#include "io/io.h"
#include "layers/layers.h"
#include "plug/xxh64.h"
#include "plug/decode.h"
#include "unit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define FRAME 262144u

static const struct dio_layer *const layers[] = {&dio_layer_zstd, &dio_layer_gzip, &dio_layer_xz,
                                                 NULL};

static uint64_t seed = 88172645463325252u;

static uint64_t next64(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static bool built_in(const struct dio_layer *l)
{
#ifdef DUMPIO_HAVE_LZMA
    (void)l;
    return true;
#else
    return l != &dio_layer_xz;
#endif
}

/* ---- memory as source and sink --------------------------------------------------------------- */

struct buffer {
    uint8_t *p;
    size_t n, room;
};

static void place(struct buffer *b, size_t off, const void *from, size_t n)
{
    if (off + n > b->room) {
        b->room = 2 * (off + n);
        b->p = realloc(b->p, b->room);
        if (!b->p)
            abort();
    }
    if (off > b->n)
        memset(b->p + b->n, 0, off - b->n);
    memcpy(b->p + off, from, n);
    b->n = off + n > b->n ? off + n : b->n;
}

static void drop(struct buffer *b)
{
    free(b->p);
    *b = (struct buffer){NULL, 0, 0};
}

struct source {
    struct dio_bytes b;
    const uint8_t *p;
};

static unsigned sources_open;

static int source_read(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    (void)err;
    *got = off >= b->size ? 0 : b->size - off < len ? (size_t)(b->size - off) : len;
    memcpy(buf, ((struct source *)b)->p + off, *got);
    return 0;
}

static void source_close(struct dio_bytes *b)
{
    sources_open--;
    free(b);
}

static const struct dio_bytes_ops source_ops = {source_read, NULL, source_close, NULL};

static struct dio_bytes *source_new(const void *p, size_t n)
{
    struct source *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->b.ops = &source_ops;
    s->b.size = n;
    s->b.name = "memory";
    s->p = p;
    sources_open++;
    return &s->b;
}

struct sink {
    struct dio_out o;
    struct buffer *to;
    uint64_t room; /* writes beyond it fail */
};

enum end { OPEN, FINISHED, DISCARDED };
static enum end sink_end;
static uint64_t sink_size;

static int sink_write(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                      struct dumpio_error *err)
{
    struct sink *s = (struct sink *)o;
    CHECK_EQ(off, s->to->n); /* ascending, without gaps */
    if (off + len > s->room)
        return dio_fail_errno(err, 28, off, "sink");
    place(s->to, (size_t)off, buf, len);
    return 0;
}

static int sink_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    (void)err;
    sink_end = FINISHED;
    sink_size = size;
    free(o);
    return 0;
}

static void sink_discard(struct dio_out *o)
{
    sink_end = DISCARDED;
    free(o);
}

static const struct dio_out_ops sink_ops = {sink_write, sink_finish, sink_discard};

static struct dio_out *sink_new(struct buffer *to, uint64_t room)
{
    struct sink *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    *s = (struct sink){{&sink_ops, DIO_RANDOM, "memory"}, to, room};
    sink_end = OPEN;
    return &s->o;
}

/* ---- notes ----------------------------------------------------------------------------------- */

static unsigned notes[3];

static void count_note(void *user, enum dumpio_level level, const char *text)
{
    (void)user, (void)text;
    notes[level]++;
}

static struct dumpio_env env_of(unsigned threads)
{
    struct dumpio_env e = {.note = count_note, .threads = threads};
    memset(notes, 0, sizeof notes);
    return e;
}

/* ---- packing and unpacking ------------------------------------------------------------------- */

/* Bytes like those of a dump: zeros, repeats, noise. */
static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t run = 1 + (size_t)(next64(&seed) % 3000);
        uint64_t kind = next64(&seed) % 8;
        for (; run && i < n; run--, i++)
            p[i] = kind < 3   ? 0
                   : kind < 7 ? (uint8_t)(i % 41 * kind)
                              : (uint8_t)next64(&seed);
    }
}

/* Packed in pieces of odd sizes; what was left out reads as zeros. */
static struct buffer packed(const struct dio_layer *l, const uint8_t *p, size_t n, unsigned threads,
                            int level, size_t gap_at, size_t gap)
{
    struct buffer to = {NULL, 0, 0};
    struct dumpio_env env = env_of(threads);
    struct dio_layer_options o = {.level = level, .keys = NULL};
    struct dumpio_error err = {0};
    struct dio_out *out, *below = sink_new(&to, UINT64_MAX);
    uint64_t pieces = 99;
    int rc = l->create(&out, below, &o, &env, &err);
    CHECK_EQ(rc, 0);
    CHECK_EQ(out->access, DIO_FORWARD);
    for (size_t at = 0; at < n && !rc;) {
        size_t part = (size_t)(next64(&pieces) % (n < 100 ? 10 : 100000)) + 1;
        size_t end = at < gap_at ? gap_at : n;
        part = part < end - at ? part : end - at;
        rc = dio_write(out, at, p + at, part, &err);
        CHECK_EQ(rc, 0);
        at += part;
        if (at == gap_at)
            at += gap;
    }
    CHECK_EQ(out->ops->finish(out, n, &err), 0);
    CHECK_EQ(sink_end, FINISHED);
    CHECK_EQ(sink_size, to.n);
    return to;
}

static int open_memory(struct dio_bytes **b, const struct dio_layer *l, const uint8_t *p, size_t n,
                       const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_bytes *below = source_new(p, n);
    int rc = l->open(b, below, NULL, env, err);
    if (rc)
        dio_bytes_close(below);
    return rc;
}

/* Everything comes back, in one read and in small ones. */
static void check_whole(const struct dio_layer *l, const struct buffer *z, const uint8_t *p,
                        size_t n)
{
    struct dumpio_env env = env_of(2);
    struct dumpio_error err = {0};
    struct dio_bytes *b;
    size_t got;
    uint8_t *back = malloc(n + 10), small[100];
    int rc = open_memory(&b, l, z->p, z->n, &env, &err);
    CHECK_EQ(rc, 0);
    if (rc || !back) {
        printf("%s\n", err.message);
        free(back);
        return;
    }
    CHECK_EQ(b->size, n);
    CHECK_EQ(b->truncated, 0);
    CHECK_EQ(notes[DUMPIO_WARNING], 0);
    CHECK_EQ(b->ops->read_at(b, 0, back, n + 10, &got, &err), 0);
    CHECK_EQ(got, n);
    CHECK(!n || !memcmp(back, p, n));
    for (unsigned i = 0; i < 50 && n; i++) {
        size_t off = (size_t)(next64(&seed) % n), want = n - off < 100 ? n - off : 100;
        CHECK_EQ(b->ops->read_at(b, off, small, 100, &got, &err), 0);
        CHECK_EQ(got, want);
        CHECK(!memcmp(small, p + off, want));
    }
    CHECK_EQ(b->ops->read_at(b, n, small, 1, &got, &err), 0);
    CHECK_EQ(got, 0);
    dio_bytes_close(b);
    CHECK_EQ(sources_open, 0);
    free(back);
}

static void test_round_trips(const struct dio_layer *l, const uint8_t *p)
{
    static const size_t sizes[] = {0, 1, 2, 5000, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME,
                                   5 * FRAME + 4321, 9u << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buffer one = packed(l, p, sizes[i], 1, DUMPIO_LEVEL_DEFAULT, 0, 0);
        CHECK(l->probe(one.p, one.n < 65536 ? one.n : 65536) >= 90);
        check_whole(l, &one, p, sizes[i]);
        for (unsigned threads = 0; threads < 6; threads += 2) {
            struct buffer many = packed(l, p, sizes[i], threads, DUMPIO_LEVEL_DEFAULT, 0, 0);
            CHECK_EQ(many.n, one.n);
            CHECK(many.n == one.n && !memcmp(many.p, one.p, one.n));
            drop(&many);
        }
        drop(&one);
    }
}

static void test_gap(const struct dio_layer *l, const uint8_t *p)
{
    size_t n = 3 * FRAME, at = 70000, gap = 2 * FRAME - 5;
    uint8_t *q = malloc(n);
    if (!q)
        abort();
    memcpy(q, p, n);
    struct buffer z = packed(l, q, n, 2, DUMPIO_LEVEL_DEFAULT, at, gap);
    memset(q + at, 0, gap);
    check_whole(l, &z, q, n);
    drop(&z);
    free(q);
}

static void test_levels(const struct dio_layer *l, const uint8_t *p, int low, int high)
{
    size_t n = FRAME + 100, sizes[2];
    for (unsigned i = 0; i < 2; i++) {
        struct buffer z = packed(l, p, n, 2, i ? high : low, 0, 0);
        check_whole(l, &z, p, n);
        sizes[i] = z.n;
        drop(&z);
    }
    CHECK(sizes[1] < sizes[0]);
    for (int wrong = low - 1; wrong <= high + 1; wrong += high - low + 2) {
        struct buffer to = {NULL, 0, 0};
        struct dio_layer_options o = {.level = wrong, .keys = NULL};
        struct dio_out *out, *below = sink_new(&to, UINT64_MAX);
        struct dumpio_error err = {0};
        CHECK_EQ(l->create(&out, below, &o, NULL, &err), DUMPIO_E_ARG);
        CHECK_EQ(sink_end, OPEN);
        below->ops->discard(below);
    }
}

static void test_sink_errors(const struct dio_layer *l, const uint8_t *p)
{
    struct buffer to = {NULL, 0, 0};
    struct dumpio_error err = {0};
    struct dumpio_env env = env_of(2);
    struct dio_out *out;
    CHECK_EQ(l->create(&out, sink_new(&to, 1000), NULL, &env, &err), 0);
    int rc = 0;
    for (size_t at = 0; at < 9u << 20 && !rc; at += FRAME)
        rc = dio_write(out, at, p + at, FRAME, &err);
    rc = out->ops->finish(out, 9u << 20, &err);
    CHECK_EQ(rc, DUMPIO_E_IO);
    CHECK_EQ(err.sys_errno, 28);
    CHECK_EQ(sink_end, DISCARDED);
    drop(&to);

    CHECK_EQ(l->create(&out, sink_new(&to, UINT64_MAX), NULL, &env, &err), 0);
    CHECK_EQ(dio_write(out, 0, p, 1000, &err), 0);
    CHECK_EQ(dio_write(out, 999, p, 1, &err), DUMPIO_E_INTERNAL);
    CHECK_EQ(dio_write(out, 1000, p, 1, &err), DUMPIO_E_INTERNAL); /* the error stays */
    out->ops->discard(out);
    CHECK_EQ(sink_end, DISCARDED);
    drop(&to);
}

/* ---- several threads ------------------------------------------------------------------------- */

struct readers {
    struct dio_bytes *b;
    const uint8_t *p;
    size_t most;    /* bytes of a read */
    unsigned reads; /* of each thread */
};

struct one_reader {
    const struct readers *r;
    uint64_t seed;
    unsigned wrong;
    pthread_t id;
};

static void *read_much(void *arg)
{
    struct one_reader *o = arg;
    const struct readers *r = o->r;
    uint8_t *buf = malloc(r->most);
    for (unsigned i = 0; buf && i < r->reads; i++) {
        size_t off = (size_t)(next64(&o->seed) % r->b->size), got = 0;
        size_t n = (size_t)(next64(&o->seed) % r->most) + 1;
        if (i % 4 == 0) /* whole frames */
            off = off / FRAME * FRAME;
        size_t want = r->b->size - off < n ? (size_t)(r->b->size - off) : n;
        if (r->b->ops->read_at(r->b, off, buf, n, &got, NULL) || got != want ||
            memcmp(buf, r->p + off, want))
            o->wrong++;
    }
    free(buf);
    return NULL;
}

static unsigned read_by_threads(const struct readers *r, unsigned threads)
{
    struct one_reader o[16];
    unsigned wrong = 0;
    for (unsigned i = 0; i < threads; i++) {
        o[i] = (struct one_reader){.r = r, .seed = seed + 77 * i + 1};
        if (pthread_create(&o[i].id, NULL, read_much, &o[i]))
            abort();
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(o[i].id, NULL);
        wrong += o[i].wrong;
    }
    return wrong;
}

static void test_readers(const struct dio_layer *l, const uint8_t *p, size_t n)
{
    struct dumpio_env env = env_of(2);
    struct dumpio_error err = {0};
    struct buffer z = packed(l, p, n, 2, DUMPIO_LEVEL_DEFAULT, 0, 0);
    env.memory_limit = 32u << 20; /* few cached blocks */
    struct readers r = {NULL, p, 3 * FRAME, 40};
    int rc = open_memory(&r.b, l, z.p, z.n, &env, &err);
    CHECK_EQ(rc, 0);
    if (!rc) {
        CHECK_EQ(read_by_threads(&r, 8), 0);
        dio_bytes_close(r.b);
    }
    drop(&z);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/*
 * Every byte that can be read is right; returns how many cannot. *said: an error, mark or warning.
 * A stream that seems to be cut may hold wrong bytes, but marks itself and warns: `unchecked`.
 */
static size_t right_or_error(const struct dio_layer *l, const uint8_t *z, size_t zn,
                             const uint8_t *p, size_t n, bool *said)
{
    struct dumpio_env env = env_of(1);
    struct dumpio_error err = {0};
    struct dio_bytes *b;
    static uint8_t buf[4096];
    size_t lost = 0;
    if (open_memory(&b, l, z, zn, &env, &err)) {
        CHECK(err.status < 0 && err.message[0]);
        *said = true;
        return n;
    }
    *said = b->truncated || notes[DUMPIO_WARNING];
    bool unchecked = b->truncated && notes[DUMPIO_WARNING] && notes[DUMPIO_NOTE];
    CHECK(b->size <= n || unchecked);
    for (size_t off = 0; off < n; off += sizeof buf) {
        size_t want = n - off < sizeof buf ? n - off : sizeof buf, got = 0;
        int rc = b->ops->read_at(b, off, buf, want, &got, &err);
        if (rc) {
            CHECK_EQ(rc, DUMPIO_E_CORRUPT);
            CHECK_EQ(err.offset, off);
            *said = true;
            lost += want;
            continue;
        }
        CHECK(unchecked || !memcmp(buf, p + off, got));
        lost += want - got;
    }
    dio_bytes_close(b);
    return lost;
}

struct damage {
    const struct dio_layer *l;
    const struct buffer *z;
    const uint8_t *p;
    size_t n;
    size_t step; /* every step-th byte */
};

/* A .zst file that ends behind a frame looks whole. */
static bool frames_only(const struct dio_layer *l, const uint8_t *z, size_t n)
{
    while (l == &dio_layer_zstd && n) {
        size_t len = ZSTD_findFrameCompressedSize(z, n);
        if (ZSTD_isError(len))
            break;
        z += len;
        n -= len;
    }
    return l == &dio_layer_zstd && !n;
}

/* Cuts: what is lost is told, longer files never give less. */
static void every_cut(const struct damage *d)
{
    size_t least = d->n;
    for (size_t cut = 0; cut < d->z->n; cut += d->step) {
        bool said;
        uint8_t *copy = malloc(cut + 1); /* so that reading too far is noticed */
        if (!copy)
            abort();
        memcpy(copy, d->z->p, cut);
        size_t lost = right_or_error(d->l, copy, cut, d->p, d->n, &said);
        CHECK(lost <= least);
        CHECK(lost == 0 || said || frames_only(d->l, copy, cut));
        least = lost;
        free(copy);
    }
}

/* Flipped bytes: never a wrong byte; lost ones are told. Returns the bytes lost at most at once. */
static size_t every_flip(const struct damage *d)
{
    size_t most = 0;
    for (size_t at = 0; at < d->z->n; at += d->step)
        for (unsigned bit = 0; bit < 3; bit++) {
            static const uint8_t flips[3] = {1, 0x40, 0xff};
            bool said;
            d->z->p[at] ^= flips[bit];
            size_t lost = right_or_error(d->l, d->z->p, d->z->n, d->p, d->n, &said);
            d->z->p[at] ^= flips[bit];
            CHECK(lost == 0 || said);
            most = lost > most ? lost : most;
        }
    return most;
}

static void test_damage(const struct dio_layer *l, uint8_t *p)
{
    size_t n = l == &dio_layer_zstd ? 3 * FRAME + 1000 : 100000;
    memset(p, 'x', n); /* so that the container is small */
    for (size_t i = 0; i < n; i += 4096)
        p[i] = (uint8_t)(i / 4096);
    struct buffer z = packed(l, p, n, 1, DUMPIO_LEVEL_DEFAULT, 0, 0);
    struct damage d = {l, &z, p, n, 1};
    every_cut(&d);
    size_t most = every_flip(&d);
    if (l == &dio_layer_zstd)
        CHECK(most == FRAME); /* one frame is lost, the others are not */
    drop(&z);
}

/* ---- foreign .zst ---------------------------------------------------------------------------- */

enum { WITH_SIZE = 1, WITH_CHECK = 2 };

static void add_frame(struct buffer *z, const uint8_t *p, size_t n, int what)
{
    size_t room = ZSTD_compressBound(n) + 64;
    uint8_t *out = malloc(room);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    if (!out || !c)
        abort();
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, (what & WITH_SIZE) != 0);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, (what & WITH_CHECK) != 0);
    size_t len = ZSTD_compress2(c, out, room, p, n);
    CHECK(!ZSTD_isError(len));
    place(z, z->n, out, len);
    ZSTD_freeCCtx(c);
    free(out);
}

static void add_skippable(struct buffer *z, size_t n)
{
    uint8_t head[8], filler[300] = {7};
    dio_put(head, DUMPIO_LITTLE, 4, 0x184D2A53);
    dio_put(head + 4, DUMPIO_LITTLE, 4, n);
    place(z, z->n, head, sizeof head);
    place(z, z->n, filler, n);
}

static void test_foreign_zstd(const uint8_t *p)
{
    size_t n = 3 * FRAME + 77;
    for (int what = 0; what < 4; what++)
        for (int skippable = 0; skippable < 2; skippable++) {
            struct buffer z = {NULL, 0, 0};
            if (skippable)
                add_skippable(&z, 4);
            add_frame(&z, p, 100000, what);
            add_frame(&z, p, 0, what);
            if (skippable)
                add_skippable(&z, 300);
            add_frame(&z, p + 100000, n - 100000, what);
            if (skippable)
                add_skippable(&z, 0);
            CHECK(dio_layer_zstd.probe(z.p, 60000) >= 90);
            check_whole(&dio_layer_zstd, &z, p, n);
            CHECK_EQ(notes[DUMPIO_NOTE], !(what & WITH_SIZE)); /* a temporary file, or none */
            if (what & WITH_CHECK) {
                struct damage d = {&dio_layer_zstd, &z, p, n, z.n / 100};
                every_cut(&d);
                every_flip(&d);
            }
            drop(&z);
        }
}

/* A window larger than half the memory limit is refused, with the reason. */
static void test_zstd_memory(const uint8_t *p)
{
    struct buffer z = {NULL, 0, 0};
    struct dumpio_env env = env_of(1);
    struct dumpio_error err = {0};
    struct dio_bytes *b;
    size_t n = 9u << 20, room = ZSTD_compressBound(n);
    uint8_t *out = malloc(room);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    if (!out || !c)
        abort();
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 23);
    ZSTD_inBuffer in = {p, n, 0};
    ZSTD_outBuffer to = {out, room, 0};
    while (ZSTD_compressStream2(c, &to, &in, ZSTD_e_continue) && in.pos < n)
        ;
    CHECK_EQ(ZSTD_compressStream2(c, &to, &in, ZSTD_e_end), 0);
    place(&z, 0, out, to.pos);
    check_whole(&dio_layer_zstd, &z, p, n);
    env.memory_limit = 8u << 20;
    CHECK_EQ(open_memory(&b, &dio_layer_zstd, z.p, z.n, &env, &err), DUMPIO_E_LIMIT);
    CHECK(strstr(err.message, "memory") != NULL);
    ZSTD_freeCCtx(c);
    free(out);
    drop(&z);
}

/* ---- seek tables ----------------------------------------------------------------------------- */

/* The table of what we write, read by other means. */
static void test_our_table(const uint8_t *p)
{
    size_t n = 3 * FRAME + 12345;
    struct buffer z = packed(&dio_layer_zstd, p, n, 2, 1, 0, 0);
    const uint8_t *end = z.p + z.n, *e = end - 9 - 4 * 12;
    size_t at = 0, plain = 0;
    CHECK_EQ(dio_get32(end - 4, DUMPIO_LITTLE), 0x8F92EAB1);
    CHECK_EQ(end[-5], 0x80);
    CHECK_EQ(dio_get32(end - 9, DUMPIO_LITTLE), 4);
    CHECK_EQ(dio_get32(e - 8, DUMPIO_LITTLE), 0x184D2A5E);
    CHECK_EQ(dio_get32(e - 4, DUMPIO_LITTLE), 4 * 12 + 9);
    for (unsigned i = 0; i < 4; i++, e += 12) {
        uint32_t len = dio_get32(e + 4, DUMPIO_LITTLE);
        CHECK_EQ(len, i < 3 ? FRAME : 12345);
        CHECK_EQ(ZSTD_getFrameContentSize(z.p + at, z.n - at), len);
        CHECK_EQ(dio_get32(e + 8, DUMPIO_LITTLE), (uint32_t)dio_xxh64(p + plain, len));
        at += dio_get32(e, DUMPIO_LITTLE);
        plain += len;
    }
    CHECK_EQ(at + 8 + 4 * 12 + 9, z.n);
    drop(&z);
}

/* Frames of one stored byte, with the table's checksums only. */
static struct buffer tiny_frames(uint32_t n)
{
    struct buffer z = {NULL, 0, 0};
    uint8_t frame[10] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 0x09, 0, 0, 0}, e[12], b[9];
    for (uint32_t i = 0; i < n; i++) {
        frame[9] = (uint8_t)(i * 7 + i / 256);
        place(&z, z.n, frame, sizeof frame);
    }
    dio_put(b, DUMPIO_LITTLE, 4, 0x184D2A5E);
    dio_put(b + 4, DUMPIO_LITTLE, 4, n * 12 + 9);
    place(&z, z.n, b, 8);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)(i * 7 + i / 256);
        dio_put(e, DUMPIO_LITTLE, 4, sizeof frame);
        dio_put(e + 4, DUMPIO_LITTLE, 4, 1);
        dio_put(e + 8, DUMPIO_LITTLE, 4, dio_xxh64(&byte, 1));
        place(&z, z.n, e, sizeof e);
    }
    dio_put(b, DUMPIO_LITTLE, 4, n);
    b[4] = 0x80;
    dio_put(b + 5, DUMPIO_LITTLE, 4, 0x8F92EAB1);
    place(&z, z.n, b, sizeof b);
    return z;
}

/* More frames than are kept in memory one by one. */
static void test_large_table(void)
{
    uint32_t n = (1u << 20) + 100;
    struct buffer z = tiny_frames(n);
    struct dumpio_error err = {0};
    struct dio_bytes *b;
    uint8_t got8[8];
    size_t got;
    int rc = open_memory(&b, &dio_layer_zstd, z.p, z.n, NULL, &err);
    CHECK_EQ(rc, 0);
    CHECK_EQ(b->size, n);
    for (unsigned i = 0; i < 300; i++) {
        uint32_t off = i < 100 ? n - 8 - i : (uint32_t)(next64(&seed) % (n - 8));
        CHECK_EQ(b->ops->read_at(b, off, got8, 8, &got, &err), 0);
        for (uint32_t k = 0; k < 8; k++)
            CHECK_EQ(got8[k], (uint8_t)((off + k) * 7 + (off + k) / 256));
    }
    z.p[10 * 5000 + 9] ^= 1; /* a frame without a checksum: the table's tells */
    CHECK_EQ(b->ops->read_at(b, 4999, got8, 1, &got, &err), 0);
    CHECK_EQ(b->ops->read_at(b, 5000, got8, 1, &got, &err), DUMPIO_E_CORRUPT);
    CHECK_EQ(b->ops->read_at(b, 5001, got8, 1, &got, &err), 0);
    dio_bytes_close(b);
    drop(&z);

    z = tiny_frames(40);
    uint8_t plain[40];
    for (unsigned i = 0; i < 40; i++)
        plain[i] = (uint8_t)(i * 7);
    struct damage d = {&dio_layer_zstd, &z, plain, 40, 1};
    every_cut(&d);
    drop(&z);
}

static void test_xxh64(void)
{
    CHECK(dio_xxh64("", 0) == UINT64_C(0xEF46DB3751D8E999));
    CHECK(dio_xxh64("a", 1) == UINT64_C(0xD24EC4F1A98C6E5B));
    CHECK(dio_xxh64("abc", 3) == UINT64_C(0x44BC2CF5AD770999));
    uint8_t p[200], z[1000];
    fill(p, sizeof p);
    for (size_t n = 0; n <= sizeof p; n++) { /* the library's low half ends a frame */
        ZSTD_CCtx *c = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
        size_t len = ZSTD_compress2(c, z, sizeof z, p, n);
        CHECK_EQ(dio_get32(z + len - 4, DUMPIO_LITTLE), (uint32_t)dio_xxh64(p, n));
        ZSTD_freeCCtx(c);
    }
}

/* ---- foreign .gz ----------------------------------------------------------------------------- */

static void add_member(struct buffer *z, const uint8_t *p, size_t n, bool with_head)
{
    z_stream s = {0};
    gz_header h = {.name = (Bytef *)(uintptr_t) "a name", .comment = (Bytef *)(uintptr_t) "words",
                   .extra = (Bytef *)(uintptr_t) "1234567", .extra_len = 7, .hcrc = 1};
    size_t room = n + n / 100 + 1000;
    uint8_t *out = malloc(room);
    if (!out || deflateInit2(&s, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY))
        abort();
    if (with_head)
        deflateSetHeader(&s, &h);
    s.next_in = (Bytef *)(uintptr_t)p;
    s.avail_in = (uInt)n;
    s.next_out = out;
    s.avail_out = (uInt)room;
    CHECK_EQ(deflate(&s, Z_FINISH), Z_STREAM_END);
    place(z, z->n, out, room - s.avail_out);
    deflateEnd(&s);
    free(out);
}

static void test_foreign_gzip(const uint8_t *p)
{
    struct buffer z = {NULL, 0, 0};
    struct dumpio_env env = env_of(1);
    struct dumpio_error err = {0};
    struct dio_bytes *b;
    bool said;
    size_t n = 2 * FRAME;
    add_member(&z, p, 1000, true);
    size_t first = z.n;
    add_member(&z, p, 0, false);
    add_member(&z, p + 1000, n - 1000, true);
    check_whole(&dio_layer_gzip, &z, p, n);

    z.p[z.n - 7] ^= 1; /* CRC32 of the last member: the others stay */
    CHECK_EQ(right_or_error(&dio_layer_gzip, z.p, z.n, p, n, &said), n - 1000);
    CHECK(said);
    z.p[z.n - 7] ^= 1;
    z.p[z.n - 2] ^= 1; /* its length */
    CHECK_EQ(right_or_error(&dio_layer_gzip, z.p, z.n, p, n, &said), n - 1000);
    z.p[z.n - 2] ^= 1;
    struct damage d = {&dio_layer_gzip, &z, p, n, z.n / 150};
    every_cut(&d);
    every_flip(&d);
    CHECK_EQ(right_or_error(&dio_layer_gzip, z.p, first - 3, p, 1000, &said), 0);
    CHECK(said); /* all of the cut member's contents, and the cut told */

    place(&z, z.n, "rubbish", 7);
    env = env_of(1);
    CHECK_EQ(open_memory(&b, &dio_layer_gzip, z.p, z.n, &env, &err), 0);
    CHECK_EQ(b->size, n);
    CHECK_EQ(b->truncated, 0);
    CHECK_EQ(notes[DUMPIO_WARNING], 1);
    dio_bytes_close(b);
    drop(&z);
}

/* ---- the table ------------------------------------------------------------------------------- */

static void test_names(void)
{
    CHECK(dio_layer_by_name("zstd") == &dio_layer_zstd);
    CHECK(dio_layer_by_name("zst") == NULL);
    CHECK(dio_layer_by_suffix("a/b.gz", 6) == &dio_layer_gzip);
    CHECK(dio_layer_by_suffix("a/b.xz.gz", 6) == &dio_layer_xz);
    CHECK(dio_layer_by_suffix("a/.gz", 5) == NULL);
    CHECK(dio_layer_by_suffix(".zst", 4) == NULL);
    CHECK(dio_layer_by_suffix("b.elf", 5) == NULL);
    for (size_t i = 0; layers[i]; i++) {
        CHECK_EQ(layers[i]->probe((const uint8_t *)"\177ELF2345678", 12), 0);
        CHECK_EQ(layers[i]->probe((const uint8_t *)"", 0), 0);
    }
}

static int run_tests(void)
{
    size_t n = 9u << 20;
    uint8_t *p = malloc(n);
    if (!p)
        abort();
    test_names();
    test_xxh64();
    for (size_t i = 0; layers[i]; i++) {
        const struct dio_layer *l = layers[i];
        if (!built_in(l)) {
            printf("skip  %s: not built in\n", l->name);
            continue;
        }
        fill(p, n);
        test_round_trips(l, p);
        test_gap(l, p);
        test_levels(l, p, l == &dio_layer_zstd ? -7 : l == &dio_layer_gzip ? 1 : 0,
                    l == &dio_layer_zstd ? 22 : 9);
        test_sink_errors(l, p);
        test_readers(l, p, n);
        test_damage(l, p);
    }
    fill(p, n);
    test_foreign_zstd(p);
    test_zstd_memory(p);
    test_our_table(p);
    test_large_table();
    test_foreign_gzip(p);
    free(p);
    CHECK_EQ(sources_open, 0);
    return unit_result();
}

/* ---- the driver ------------------------------------------------------------------------------ */

static void print_note(void *user, enum dumpio_level level, const char *text)
{
    (void)user;
    fprintf(stderr, "%s: %s\n", level == DUMPIO_WARNING ? "warning" : "note", text);
}

/* pack LAYER LEVEL THREADS IN OUT; level "-" is the default. IN is a file, or a number of zeros. */
static int drive_pack(char **a, struct dumpio_error *err)
{
    struct dumpio_env env = {.note = print_note, .threads = (unsigned)atoi(a[2])};
    struct dio_layer_options o = {.level = strcmp(a[1], "-") ? atoi(a[1]) : DUMPIO_LEVEL_DEFAULT};
    const struct dio_layer *l = dio_layer_by_name(a[0]);
    const struct dio_file_out_options fo = {true, true};
    struct dio_file_in in = {NULL, -1};
    struct dio_out *file, *out;
    uint64_t zeros = strtoull(a[3], NULL, 10), at = 0;
    static uint8_t buf[1 << 20];
    int rc = zeros ? 0 : dio_file_open(&in, a[3], err);
    if (!rc)
        rc = dio_file_create(&file, a[4], &fo, err);
    if (!rc)
        rc = l->create(&out, file, &o, &env, err);
    while (!rc && in.bytes && at < in.bytes->size) {
        size_t got = 0;
        rc = dio_read_some(in.bytes, at, buf, sizeof buf, &got, err);
        if (!rc)
            rc = dio_write(out, at, buf, got, err);
        at += got;
    }
    if (!rc)
        rc = out->ops->finish(out, zeros ? zeros : at, err);
    dio_bytes_close(in.bytes);
    return rc;
}

static struct dio_bytes *open_file(const char *path, bool unpack, const struct dumpio_env *env,
                                   struct dumpio_error *err)
{
    uint8_t head[65536];
    struct dio_file_in in;
    struct dio_bytes *b;
    size_t n, best = 0;
    if (dio_file_open(&in, path, err) || dio_read_some(in.bytes, 0, head, sizeof head, &n, err))
        return NULL;
    if (!unpack)
        return in.bytes;
    while (layers[best] && !layers[best]->probe(head, n))
        best++;
    return layers[best] && !layers[best]->open(&b, in.bytes, NULL, env, err) ? b : NULL;
}

/* check THREADS MEMORY-MIB IN PLAIN: the same bytes, from start to end and at random by threads */
static int drive_check(char **a, struct dumpio_error *err)
{
    struct dumpio_env env = {.note = print_note, .memory_limit = strtoull(a[1], NULL, 10) << 20};
    struct dio_bytes *b = open_file(a[2], true, &env, err);
    struct dio_bytes *plain = b ? open_file(a[3], false, &env, err) : NULL;
    if (!plain)
        return err->status;
    size_t size = (size_t)plain->size, got, n;
    uint8_t *p = malloc(size + 1), *q = malloc(size + 1);
    if (!p || !q)
        abort();
    int rc = dio_read_some(plain, 0, p, size, &got, err);
    CHECK_EQ(rc, 0);
    CHECK_EQ(b->size, plain->size);
    CHECK_EQ(b->truncated, 0);
    CHECK_EQ(b->ops->read_at(b, 0, q, size + 1, &n, err), 0);
    CHECK(n == got && !memcmp(p, q, n));
    struct readers r = {b, p, 3 * FRAME, 60};
    if (b->size && !unit_failures)
        CHECK_EQ(read_by_threads(&r, (unsigned)atoi(a[0]) % 17), 0);
    dio_bytes_close(b);
    dio_bytes_close(plain);
    free(p);
    free(q);
    return unit_failures ? DUMPIO_E_CORRUPT : 0;
}

int main(int argc, char **argv)
{
    struct dumpio_error err = {0};
    int rc = DUMPIO_E_ARG;
    if (argc == 1)
        return run_tests();
    if (argc == 7 && !strcmp(argv[1], "pack"))
        rc = drive_pack(argv + 2, &err);
    else if (argc == 6 && !strcmp(argv[1], "check"))
        rc = drive_check(argv + 2, &err);
    if (rc)
        fprintf(stderr, "%s: %s\n", argv[1], err.message);
    return rc ? 1 : 0;
}
