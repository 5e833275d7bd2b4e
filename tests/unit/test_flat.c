/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flattened streams made here byte by byte, against an image kept in memory: order, overlaps, gaps,
 * every truncation, bad headers, both ways of reading; and what the writer makes, read back. One
 * file, because reader and writer are tested with the same sources and sinks in memory.
 */
#include "layers/flat.h"
#include "plug/decode.h"
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define HEADER 4096u
#define MAKEDUMPFILE "/usr/bin/makedumpfile"

static uint64_t seed = 88172645463325252u;

static uint64_t random64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static size_t below(size_t n)
{
    return (size_t)(random64() % n);
}

/* ---- memory as source and sink --------------------------------------------------------------- */

struct buffer {
    uint8_t *p;
    size_t n, room;
};

static void extend(struct buffer *b, size_t n)
{
    if (n > b->room) {
        b->room = 2 * n;
        b->p = realloc(b->p, b->room);
        if (!b->p)
            abort();
    }
    if (n > b->n) {
        memset(b->p + b->n, 0, n - b->n);
        b->n = n;
    }
}

static void place(struct buffer *b, size_t off, const void *from, size_t n)
{
    extend(b, off + n);
    memcpy(b->p + off, from, n);
}

struct source {
    struct dio_bytes b;
    const struct buffer *from;
    unsigned *closed;
};

static uint64_t bytes_read, bytes_announced;

static int source_read(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    const struct buffer *from = ((struct source *)b)->from;
    (void)err;
    *got = off >= from->n ? 0 : from->n - off < len ? (size_t)(from->n - off) : len;
    bytes_read += *got;
    if (*got)
        memcpy(buf, from->p + off, *got);
    return 0;
}

static void source_close(struct dio_bytes *b)
{
    ++*((struct source *)b)->closed;
}

static void source_expect(struct dio_bytes *b, uint64_t off, uint64_t len)
{
    (void)b;
    (void)off;
    bytes_announced += len;
}

static const struct dio_bytes_ops source_ops = {source_read, NULL, source_close, NULL};
static const struct dio_bytes_ops small_ops = {source_read, NULL, source_close, source_expect};

struct sink {
    struct dio_out o;
    struct buffer *to;
    bool disorder;
    unsigned finished, discarded;
    uint64_t size;
    size_t fail_at; /* writes beyond this fail; 0 = never */
};

static int sink_write(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                      struct dumpio_error *err)
{
    struct sink *s = (struct sink *)o;
    s->disorder |= o->access == DIO_FORWARD && off != s->to->n;
    if (s->fail_at && off + len > s->fail_at)
        return dio_fail(err, DUMPIO_E_IO, off, "full");
    place(s->to, (size_t)off, buf, len);
    return 0;
}

static int sink_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    (void)err;
    ((struct sink *)o)->finished++;
    ((struct sink *)o)->size = size;
    return 0;
}

static void sink_discard(struct dio_out *o)
{
    ((struct sink *)o)->discarded++;
}

static const struct dio_out_ops sink_ops = {sink_write, sink_finish, sink_discard};

/* ---- streams --------------------------------------------------------------------------------- */

/* A stream and the image that it holds. */
struct stream {
    struct buffer raw, image;
};

static void put64(struct buffer *b, uint64_t v)
{
    uint8_t p[8];
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (56 - 8 * i));
    place(b, b->n, p, 8);
}

static void begin(struct stream *s)
{
    memset(s, 0, sizeof *s);
    place(&s->raw, 0, "makedumpfile", 12);
    extend(&s->raw, 16);
    put64(&s->raw, 1);
    put64(&s->raw, 1);
    extend(&s->raw, HEADER);
}

/* A segment of n bytes other than zero, different each time. */
static void segment(struct stream *s, size_t off, size_t n)
{
    put64(&s->raw, off);
    put64(&s->raw, n);
    size_t at = s->raw.n;
    extend(&s->raw, at + n);
    for (size_t i = 0; i < n; i++)
        s->raw.p[at + i] = (uint8_t)(1 + random64() % 255);
    place(&s->image, off, s->raw.p + at, n);
}

static void end_marker(struct stream *s)
{
    put64(&s->raw, UINT64_MAX);
    put64(&s->raw, UINT64_MAX);
}

static void drop(struct stream *s)
{
    free(s->raw.p);
    free(s->image.p);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static unsigned warnings;

static void note(void *user, enum dumpio_level level, const char *text)
{
    (void)user;
    (void)text;
    warnings += level == DUMPIO_WARNING;
}

static const struct dumpio_env env = {.note = note};

static void check_reads(struct dio_bytes *b, const struct buffer *image)
{
    uint8_t *buf = malloc(image->n + 100);
    struct dumpio_error err;
    size_t got = 1;
    CHECK_EQ(b->ops->read_at(b, 0, buf, image->n + 100, &got, &err), 0);
    CHECK_EQ(got, image->n);
    CHECK(!image->n || !memcmp(buf, image->p, image->n));
    CHECK_EQ(b->ops->read_at(b, image->n, buf, 1, &got, &err), 0);
    CHECK_EQ(got, 0);
    bool same = true;
    for (int i = 0; i < 100 && image->n; i++) {
        size_t off = below(image->n), len = 1 + below(i & 1 ? image->n : 50);
        size_t left = image->n - off;
        same &= !b->ops->read_at(b, off, buf, len, &got, &err);
        same &= got == (len < left ? len : left) && !memcmp(buf, image->p + off, got);
    }
    CHECK(same);
    free(buf);
}

/* Ranges ascend, and between them is nothing but zeros. */
static void check_next_data(struct dio_bytes *b, const struct buffer *image)
{
    struct dumpio_error err;
    bool right = true;
    for (uint64_t at = 0; at < image->n;) {
        uint64_t start, end;
        CHECK_EQ(b->ops->next_data(b, at, &start, &end, &err), 0);
        if (start < at || start > image->n || (start < image->n && end <= start)) {
            right = false; /* not ascending */
            break;
        }
        for (uint64_t i = at; i < start; i++)
            right &= !image->p[i];
        at = start < image->n ? end : image->n;
    }
    CHECK(right);
}

static void check_open_by(const struct dio_bytes_ops *ops, const struct stream *s, bool truncated)
{
    unsigned closed = 0;
    struct source below_it = {.b = {.ops = ops, .size = s->raw.n, .name = "test"},
                              .from = &s->raw, .closed = &closed};
    struct dumpio_error err;
    struct dio_bytes *b;
    warnings = 0;
    int rc = dio_flat_open(&b, &below_it.b, NULL, &env, &err);
    CHECK_EQ(rc, 0);
    if (rc) {
        printf("%s\n", err.message);
        return;
    }
    CHECK_EQ(b->size, s->image.n);
    CHECK_EQ(b->truncated, truncated);
    CHECK(!truncated || warnings == 1);
    check_reads(b, &s->image);
    check_next_data(b, &s->image);
    CHECK_EQ(closed, 0);
    dio_bytes_close(b);
    CHECK_EQ(closed, 1);
}

static void check_open(const struct stream *s, bool truncated)
{
    check_open_by(&source_ops, s, truncated);
    check_open_by(&small_ops, s, truncated);
}

struct pipe_end {
    const struct buffer *from;
    size_t at;
};

static int pipe_read(void *ctx, void *buf, size_t len, size_t *got, struct dumpio_error *err)
{
    struct pipe_end *p = ctx;
    (void)err;
    *got = p->from->n - p->at < len ? p->from->n - p->at : len;
    if (*got)
        memcpy(buf, p->from->p + p->at, *got);
    p->at += *got;
    return 0;
}

/* head: bytes read before, as the caller does it. */
static int unwrap(const struct stream *s, size_t head, struct buffer *to, uint64_t *size,
                  int *truncated)
{
    struct sink sink = {.o = {.ops = &sink_ops, .access = DIO_RANDOM, .name = "test"}, .to = to};
    struct pipe_end in = {&s->raw, head < s->raw.n ? head : s->raw.n};
    struct dumpio_error err;
    warnings = 0;
    return dio_flat_unwrap(pipe_read, &in, s->raw.p, in.at, &sink.o, size, truncated, &env, &err);
}

static void check_unwrap(const struct stream *s, bool truncated)
{
    static const size_t heads[] = {HEADER, HEADER + 1, HEADER + 20, 65536};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct buffer to = {0};
        uint64_t size = 1;
        int cut = -1;
        CHECK_EQ(unwrap(s, heads[i], &to, &size, &cut), 0);
        CHECK_EQ(size, s->image.n);
        CHECK_EQ(cut, truncated);
        CHECK(!truncated || warnings == 1);
        CHECK_EQ(to.n, s->image.n);
        CHECK(to.n != s->image.n || !to.n || !memcmp(to.p, s->image.p, to.n));
        free(to.p);
    }
}

static void check(struct stream *s, bool truncated)
{
    check_open(s, truncated);
    check_unwrap(s, truncated);
}

static void check_refused(const struct stream *s, int status)
{
    unsigned closed = 0;
    struct source below_it = {.b = {.ops = &source_ops, .size = s->raw.n, .name = "test"},
                              .from = &s->raw, .closed = &closed};
    struct dio_bytes *b;
    struct dumpio_error err;
    struct buffer to = {0};
    uint64_t size;
    int cut;
    CHECK_EQ(dio_flat_open(&b, &below_it.b, NULL, &env, &err), status);
    CHECK_EQ(closed, 0);
    CHECK_EQ(unwrap(s, 65536, &to, &size, &cut), status);
    free(to.p);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void test_orders(void)
{
    static const size_t sizes[] = {1, 24, 4096, 70000, 1500000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i], count = n > 100000 ? 5 : 300;
        for (int order = 0; order < 4; order++) { /* up, down, with gaps, down with gaps */
            struct stream s;
            begin(&s);
            for (size_t k = 0; k < count; k++)
                segment(&s, (order & 1 ? count - 1 - k : k) * (n + (order & 2 ? 1000 : 0)), n);
            end_marker(&s);
            place(&s.raw, s.raw.n, "ignored", 7);
            check(&s, false);
            drop(&s);
        }
    }
}

/* Bytes that opening reads of a stream. */
static uint64_t read_to_open(const struct dio_bytes_ops *ops, const struct stream *s)
{
    unsigned closed = 0;
    struct source below_it = {.b = {.ops = ops, .size = s->raw.n, .name = "test"},
                              .from = &s->raw, .closed = &closed};
    struct dumpio_error err;
    struct dio_bytes *b;
    bytes_read = bytes_announced = 0;
    CHECK_EQ(dio_flat_open(&b, &below_it.b, NULL, &env, &err), 0);
    uint64_t n = bytes_read;
    dio_bytes_close(b);
    return n;
}

/* Headers far apart are read alone where small reads cost little, and dense ones together. */
static void test_hops(void)
{
    struct stream s;
    size_t at = 0;
    begin(&s);
    for (unsigned k = 0; k < 9000; k++) {
        size_t n = k / 3000 == 1 ? 100 : 2500 + below(20000);
        segment(&s, at, n);
        at += n;
    }
    end_marker(&s);
    CHECK(read_to_open(&source_ops, &s) > s.raw.n * 9 / 10);
    CHECK_EQ(bytes_announced, 0);
    CHECK(read_to_open(&small_ops, &s) < s.raw.n / 8);
    CHECK(bytes_announced >= s.raw.n * 8 / 10 && bytes_announced < s.raw.n + (16 << 20));
    check(&s, false);
    drop(&s);
}

static void test_tiny_segments(void)
{
    struct stream s;
    begin(&s);
    for (size_t i = 0; i < 200000; i++)
        segment(&s, i * 7, 5);
    end_marker(&s);
    check(&s, false);
    drop(&s);
}

static void test_overlaps(void)
{
    for (int round = 0; round < 400; round++) {
        struct stream s;
        size_t span = 1 + below(3000), longest = 1 + below(400), count = 1 + below(150);
        begin(&s);
        for (size_t i = 0; i < count; i++)
            segment(&s, below(span), 1 + below(longest));
        end_marker(&s);
        check(&s, false);
        drop(&s);
    }
}

/* Nested ever deeper: later inside earlier, and earlier inside later (hidden). */
static void test_nested(void)
{
    for (int inwards = 0; inwards < 2; inwards++) {
        struct stream s;
        begin(&s);
        for (size_t i = 0; i < 700; i++) {
            size_t k = inwards ? i : 699 - i;
            segment(&s, k, 1400 - 2 * k);
        }
        end_marker(&s);
        check(&s, false);
        drop(&s);
    }
}

/* One place written again and again: more often than fits the first batch of a walk. */
static void test_same_place(void)
{
    struct stream s;
    begin(&s);
    segment(&s, 0, 100);
    for (size_t i = 0; i < 5000; i++)
        segment(&s, 50, 1 + below(30));
    segment(&s, 90, 100);
    end_marker(&s);
    check(&s, false);
    drop(&s);
}

/* The last bytes of many segments are equal, their starts are not, and one lies beyond. */
static void test_same_end(void)
{
    struct stream s;
    begin(&s);
    for (size_t i = 0; i < 200; i++)
        segment(&s, 300 - i, i + 1);
    segment(&s, 400, 5);
    end_marker(&s);
    check(&s, false);
    drop(&s);
}

/* Descending, and one pair overlaps: at each place of the batches in which they are read. */
static void test_one_overlap(void)
{
    for (size_t k = 0; k < 140; k++) {
        struct stream s;
        begin(&s);
        for (size_t i = 140; i-- > 0;)
            if (i != k)
                segment(&s, i * 20, i + 1 == k ? 20 : 10);
        segment(&s, k * 20 - (k > 0), 10);
        end_marker(&s);
        check(&s, false);
        drop(&s);
    }
}

static void test_truncation(void)
{
    struct stream s;
    struct { size_t off, len; } part[] = {{100, 30}, {0, 50}, {20, 40}, {200, 1}};
    size_t header_at[5] = {HEADER};
    begin(&s);
    for (size_t i = 0; i < 4; i++) {
        segment(&s, part[i].off, part[i].len);
        header_at[i + 1] = s.raw.n;
    }
    end_marker(&s);
    check(&s, false);
    struct buffer raw = s.raw;
    for (size_t n = 0; n < raw.n; n++) {
        struct stream cut = {{malloc(n ? n : 1), n, n}, {0}};
        memcpy(cut.raw.p, raw.p, n); /* exactly as long: reads beyond are found */
        for (size_t i = 0; i < 4; i++) {
            size_t data = header_at[i] + 16, have = n > data ? n - data : 0;
            if (have > part[i].len)
                have = part[i].len;
            if (have)
                place(&cut.image, part[i].off, raw.p + data, have);
        }
        if (n < 16)
            check_refused(&cut, DUMPIO_E_FORMAT);
        else if (n <= HEADER + 16)
            check_refused(&cut, DUMPIO_E_TRUNCATED);
        else
            check(&cut, true);
        drop(&cut);
    }
    drop(&s);
}

static void test_bad_headers(void)
{
    static const struct {
        uint64_t off, len;
        bool end;
    } bad[] = {
        {UINT64_MAX, 5, true}, {UINT64_MAX, 0, true}, /* -1 ends whatever its size */
        {UINT64_MAX - 1, UINT64_MAX, false}, {1u << 20, 0, false}, {0, UINT64_MAX, false},
        {1ull << 63, 10, false}, {INT64_MAX, 1, false}, {1, INT64_MAX, false},
        {0, 1ull << 63, false},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct stream s;
        begin(&s);
        put64(&s.raw, bad[i].off);
        put64(&s.raw, bad[i].len);
        place(&s.raw, s.raw.n, "0123456789", 10);
        if (!bad[i].end)
            check_refused(&s, DUMPIO_E_CORRUPT);
        else
            check(&s, false);
        CHECK_EQ(warnings, bad[i].end);
        drop(&s);

        begin(&s);
        segment(&s, 5, 100);
        put64(&s.raw, bad[i].off);
        put64(&s.raw, bad[i].len);
        place(&s.raw, s.raw.n, "0123456789", 10);
        check(&s, !bad[i].end);
        CHECK_EQ(warnings, 1);
        drop(&s);
    }
}

static void test_file_header(void)
{
    struct stream s;
    begin(&s);
    segment(&s, 0, 10);
    end_marker(&s);
    CHECK(dio_flat_probe(s.raw.p, s.raw.n));
    CHECK(dio_flat_probe(s.raw.p, 16));
    CHECK(!dio_flat_probe(s.raw.p, 15));
    s.raw.p[31] = 2; /* version */
    check_open(&s, false);
    CHECK_EQ(warnings, 1);
    s.raw.p[23] = 2; /* type */
    check_refused(&s, DUMPIO_E_UNSUPPORTED);
    s.raw.p[23] = 1;
    s.raw.p[12] = 'x';
    CHECK(!dio_flat_probe(s.raw.p, s.raw.n));
    check_refused(&s, DUMPIO_E_FORMAT);
    drop(&s);

    begin(&s); /* of an empty file */
    end_marker(&s);
    check(&s, false);
    drop(&s);
}

/* ---- writing --------------------------------------------------------------------------------- */

static struct dio_out *new_out(struct sink *sink, struct buffer *to)
{
    struct dumpio_error err;
    struct dio_out *o = NULL;
    *sink = (struct sink){.o = {.ops = &sink_ops, .access = DIO_FORWARD, .name = "test"},
                          .to = to};
    CHECK_EQ(dio_flat_out_new(&o, &sink->o, &err), 0);
    CHECK_EQ(o->access, DIO_SERIAL);
    return o;
}

/* Several writers side by side, each ascending in its own region, sometimes with a gap. */
static void write_regions(struct dio_out *o, struct buffer *image, size_t regions, size_t longest)
{
    struct dumpio_error err;
    uint8_t *data = malloc(longest);
    size_t each = 12 * longest, at[8] = {0};
    int rc = 0;
    for (size_t k = 0; k < 30 * regions; k++) {
        size_t r = below(regions), n = 1 + below(longest);
        if (at[r] + n > each)
            continue;
        if (!below(20))
            at[r] += below(each - at[r] - n + 1); /* a gap */
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)random64();
        rc |= o->ops->write_at(o, r * each + at[r], data, n, &err);
        place(image, r * each + at[r], data, n);
        at[r] += n;
    }
    CHECK_EQ(rc, 0);
    free(data);
}

static void test_writer(void)
{
    static const size_t longest[] = {3, 100, 5000, 300000};
    for (size_t i = 0; i < sizeof longest / sizeof *longest; i++) {
        for (size_t regions = 1; regions <= 6; regions++) {
            struct stream s[2] = {0};
            uint64_t start = seed, size = 0;
            for (int again = 0; again < 2; again++) {
                struct sink sink;
                struct dumpio_error err;
                struct dio_out *o = new_out(&sink, &s[again].raw);
                seed = start;
                write_regions(o, &s[again].image, regions, longest[i]);
                size = s[again].image.n + (regions & 1 ? 0 : 12345);
                CHECK_EQ(o->ops->finish(o, size, &err), 0);
                CHECK_EQ(sink.finished, 1);
                CHECK_EQ(sink.size, s[again].raw.n);
                CHECK(!sink.disorder);
                extend(&s[again].image, (size_t)size);
            }
            CHECK_EQ(s[0].raw.n, s[1].raw.n);
            CHECK(!memcmp(s[0].raw.p, s[1].raw.p, s[0].raw.n));
            check(&s[0], false);
            drop(&s[0]);
            drop(&s[1]);
        }
    }
}

/* Segments of a whole stream that this program wrote. */
static size_t count_segments(const struct buffer *raw)
{
    size_t count = 0;
    for (size_t at = HEADER; at + 16 <= raw->n;) {
        uint64_t len = 0;
        for (int i = 0; i < 8; i++)
            len = len << 8 | raw->p[at + 8 + (size_t)i];
        if (len == UINT64_MAX)
            return at + 16 == raw->n ? count : 0;
        at += 16 + (size_t)len;
        count++;
    }
    return 0;
}

/* Two places in turn by small writes: as many segments as whole MiB, not as writes. */
static void test_coalescing(void)
{
    enum { MIB = 1 << 20 };
    struct stream s = {0};
    struct sink sink;
    struct dumpio_error err;
    struct dio_out *o = new_out(&sink, &s.raw);
    uint8_t page[4096];
    for (size_t i = 0; i < 512; i++) {
        memset(page, (int)i | 1, sizeof page);
        CHECK_EQ(o->ops->write_at(o, i * 24, page, 24, &err), 0);
        place(&s.image, i * 24, page, 24);
        CHECK_EQ(o->ops->write_at(o, MIB + i * 4096, page, 4096, &err), 0);
        place(&s.image, MIB + i * 4096, page, 4096);
    }
    uint8_t *large = malloc(5 * MIB / 2); /* goes out in pieces, then on */
    memset(large, 7, 5 * MIB / 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ(o->ops->write_at(o, 8 * MIB + i * 5 * MIB / 2, large, 5 * MIB / 2, &err), 0);
        place(&s.image, 8 * MIB + i * 5 * MIB / 2, large, 5 * MIB / 2);
    }
    free(large);
    CHECK_EQ(o->ops->finish(o, s.image.n, &err), 0);
    CHECK_EQ(count_segments(&s.raw), 2 + 2 + 5); /* the small ones go out before each large one */
    CHECK_EQ(s.raw.n, HEADER + 512 * 24 + 2 * MIB + 5 * MIB + 9 * 16 + 16);
    check(&s, false);
    drop(&s);
}

/* A stream that is cut has what was written before, but for the last segment of each place. */
static void test_order(void)
{
    enum { MIB = 1 << 20, N = 700 };
    struct stream s = {0};
    struct sink sink;
    struct dumpio_error err;
    struct dio_out *o = new_out(&sink, &s.raw);
    uint8_t page[4096] = {1};
    for (size_t i = 0; i < N; i++) {
        CHECK_EQ(o->ops->write_at(o, i * 24, page, 24, &err), 0);
        CHECK_EQ(o->ops->write_at(o, MIB + i * 4096, page, 4096, &err), 0);
    }
    uint64_t small = 0, large = 0; /* how far each place has come */
    for (size_t at = HEADER; at < s.raw.n;) {
        uint64_t off = dio_get64(s.raw.p + at, DUMPIO_BIG);
        uint64_t len = dio_get64(s.raw.p + at + 8, DUMPIO_BIG);
        *(off < MIB ? &small : &large) = off + len;
        CHECK(!large || small / 24 >= (large - MIB) / 4096);
        at += 16 + (size_t)len;
    }
    CHECK_EQ(large, 3 * MIB);
    o->ops->discard(o);
    drop(&s);
}

static void test_writer_ends(void)
{
    struct stream s = {0};
    struct sink sink;
    struct dumpio_error err;
    struct dio_out *o = new_out(&sink, &s.raw);
    CHECK_EQ(o->ops->finish(o, 0, &err), 0); /* an empty file */
    CHECK_EQ(s.raw.n, HEADER + 16);
    check(&s, false);
    drop(&s);

    memset(&s, 0, sizeof s);
    o = new_out(&sink, &s.raw);
    CHECK_EQ(o->ops->write_at(o, INT64_MAX, "x", 1, &err), DUMPIO_E_ARG);
    CHECK_EQ(o->ops->write_at(o, 5, "xyz", 3, &err), 0);
    o->ops->discard(o);
    CHECK_EQ(sink.discarded, 1);
    CHECK_EQ(sink.finished, 0);
    drop(&s);

    memset(&s, 0, sizeof s);
    o = new_out(&sink, &s.raw);
    CHECK_EQ(o->ops->write_at(o, 5, "xyz", 3, &err), 0);
    CHECK_EQ(o->ops->finish(o, 7, &err), DUMPIO_E_INTERNAL); /* bytes lie beyond */
    CHECK_EQ(sink.discarded, 1);
    drop(&s);

    for (size_t fail_at = HEADER - 1; fail_at < HEADER + 16 + 3 + 16; fail_at++) {
        memset(&s, 0, sizeof s);
        o = new_out(&sink, &s.raw);
        sink.fail_at = fail_at;
        CHECK_EQ(o->ops->write_at(o, 5, "xyz", 3, &err), 0);
        CHECK_EQ(o->ops->finish(o, 8, &err), DUMPIO_E_IO);
        CHECK_EQ(sink.discarded, 1);
        CHECK_EQ(sink.finished, 0);
        drop(&s);
    }
}

/* ---- the reference tool ---------------------------------------------------------------------- */

static bool save(const char *path, const struct buffer *b)
{
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(b->p, 1, b->n, f) == b->n;
    return f && !fclose(f) && ok;
}

static bool holds(const char *path, const struct buffer *b)
{
    uint8_t *got = malloc(b->n + 1);
    FILE *f = fopen(path, "rb");
    bool same = f && fread(got, 1, b->n + 1, f) == b->n && !memcmp(got, b->p, b->n);
    if (f)
        fclose(f);
    free(got);
    return same;
}

/* makedumpfile -R restores what the writer made. */
static void test_makedumpfile(void)
{
    if (access(MAKEDUMPFILE, X_OK)) {
        printf("skipped: no " MAKEDUMPFILE " to restore a stream with\n");
        return;
    }
    char dir[] = "/tmp/test_flat-XXXXXX", in[64], out[64], command[256];
    CHECK(mkdtemp(dir) != NULL);
    snprintf(in, sizeof in, "%s/in", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    snprintf(command, sizeof command, "timeout 20 " MAKEDUMPFILE " -R %s < %s > /dev/null 2>&1",
             out, in);
    struct stream s = {0};
    struct sink sink;
    struct dumpio_error err;
    struct dio_out *o = new_out(&sink, &s.raw);
    write_regions(o, &s.image, 5, 20000);
    extend(&s.image, s.image.n + 999);
    CHECK_EQ(o->ops->finish(o, s.image.n, &err), 0);
    CHECK(save(in, &s.raw));
    CHECK_EQ(system(command), 0);
    CHECK(holds(out, &s.image));
    unlink(in);
    unlink(out);
    rmdir(dir);
    drop(&s);
}

int main(void)
{
    test_orders();
    test_hops();
    test_tiny_segments();
    test_overlaps();
    test_nested();
    test_same_place();
    test_same_end();
    test_one_overlap();
    test_truncation();
    test_bad_headers();
    test_file_header();
    test_writer();
    test_coalescing();
    test_order();
    test_writer_ends();
    test_makedumpfile();
    return unit_result();
}
