/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kdump and diskdump formats over memory: images are made here field by field, from crash's
 * diskdump.h. Real dumps and the whole tool chain are tested elsewhere.
 * Longer than other tests: image maker, source, sink and comparison serve every case below.
 */
#include "unit.h"

#include "batch.h"
#include "dump.h"
#include "formats/bitmap.h"
#include "formats/kdump.h"
#include "model_core.h"

#include <stdlib.h>

#define PAGE 4096u
#define FRAMES 200u

extern const struct dio_format dio_format_kdump, dio_format_diskdump;

/* ---- a source and a sink in memory ----------------------------------------------------------- */

struct source {
    struct dio_bytes b;
    const uint8_t *data;
    uint64_t bad, bad_end; /* reading this range fails */
    uint64_t bytes;        /* read so far */
};

static int source_read(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    struct source *s = (struct source *)b;
    if (off < s->bad_end && off + len > s->bad)
        return dio_fail(err, DUMPIO_E_IO, off, "read error at 0x%llx", (unsigned long long)off);
    memcpy(buf, s->data + off, len);
    *got = len;
    s->bytes += len;
    return 0;
}

static const struct dio_bytes_ops source_ops = {source_read, NULL, NULL, NULL};

struct sink {
    struct dio_out o;
    uint8_t *data, *written;
    size_t cap;
};

static int sink_write(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                      struct dumpio_error *err)
{
    struct sink *s = (struct sink *)o;
    (void)err;
    if (off + len > s->cap) {
        size_t cap = (size_t)(off + len) * 2;
        s->data = realloc(s->data, cap);
        s->written = realloc(s->written, cap);
        memset(s->data + s->cap, 0, cap - s->cap);
        memset(s->written + s->cap, 0, cap - s->cap);
        s->cap = cap;
    }
    CHECK(!off || !memchr(s->written + off, 1, len)); /* each byte once, but the headers */
    memcpy(s->data + off, buf, len);
    memset(s->written + off, 1, len);
    return 0;
}

static const struct dio_out_ops sink_ops = {sink_write, NULL, NULL};

/* ---- images, field by field ------------------------------------------------------------------ */

enum kind { HOLE, EXCLUDED, PLAIN, PACKED, ZERO, LOST };

enum layout { PACKED32, PADDED32, WIDE };

struct spec {
    const char *signature, *machine;
    enum layout layout;
    enum dumpio_order order;
    unsigned version;
    bool single;               /* one bitmap */
    bool split;
    unsigned start, end;       /* of a split set's part */
    uint64_t phys_base;
    uint8_t kind[FRAMES];      /* enum kind */
};

struct image {
    uint8_t *p;
    size_t size, desc_at, data_at;
    enum dumpio_order order;
};

static void put(const struct image *m, size_t off, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        m->p[off + i] = (uint8_t)(v >> 8 * (m->order == DUMPIO_BIG ? size - 1 - i : i));
}

static uint64_t get(const struct image *m, size_t off, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)m->p[off + (m->order == DUMPIO_BIG ? size - 1 - i : i)] << 8 * i;
    return v;
}

static uint8_t byte_of(unsigned pfn)
{
    return (uint8_t)(pfn * 7 + 1);
}

static void put_main(const struct image *m, const struct spec *s)
{
    bool wide = s->layout == WIDE;
    size_t at = wide ? 424 : 412;
    memcpy(m->p, s->signature, 8);
    put(m, 8, 4, s->version);
    memcpy(m->p + 12, "Linux", 5);
    memcpy(m->p + 12 + 4 * 65, s->machine, strlen(s->machine));
    put(m, wide ? 408 : 404, wide ? 8 : 4, 1700000000);
    put(m, wide ? 416 : 408, wide ? 8 : 4, 42);
    put(m, at + 4, 4, PAGE);
    put(m, at + 8, 4, 1);
    put(m, at + 12, 4, s->single ? 1 : 2);
    put(m, at + 16, 4, FRAMES);
    put(m, at + 36, 4, 2);
}

static void put_sub(const struct image *m, const struct spec *s)
{
    static const struct {
        size_t split, start, end, vmcoreinfo, size, start64, end64, max64;
    } places[] = {{8, 12, 16, 20, 28, 56, 64, 72}, {8, 12, 16, 24, 32, 72, 80, 88},
                  {12, 16, 24, 32, 40, 80, 88, 96}};
    unsigned word = s->layout == WIDE ? 8 : 4;
    size_t b = PAGE;
    put(m, b, word, s->phys_base);
    if (s->version >= 1)
        put(m, b + word, 4, 31);
    if (s->version >= 2) {
        put(m, b + places[s->layout].split, 4, s->split);
        put(m, b + places[s->layout].start, word, s->start);
        put(m, b + places[s->layout].end, word, s->end);
    }
    if (s->version >= 3) {
        put(m, b + places[s->layout].vmcoreinfo, 8, b + 200);
        put(m, b + places[s->layout].size, word, 14);
        memcpy(m->p + b + 200, "OSRELEASE=1.2\n", 14);
    }
    if (s->version >= 6) {
        put(m, b + places[s->layout].start64, 8, s->start);
        put(m, b + places[s->layout].end64, 8, s->end);
        put(m, b + places[s->layout].max64, 8, FRAMES);
    }
}

static void put_pages(struct image *m, const struct spec *s)
{
    size_t bitmap2 = (s->single ? 2 : 3) * (size_t)PAGE, k = 0, at = m->data_at;
    memset(m->p + at, 0, PAGE);
    at += PAGE;
    for (unsigned pfn = 0; pfn < FRAMES; pfn++) {
        uint8_t kind = s->kind[pfn];
        if (kind != HOLE && !s->single)
            m->p[2 * PAGE + pfn / 8] |= (uint8_t)(1 << pfn % 8);
        if (kind < PLAIN)
            continue;
        m->p[bitmap2 + pfn / 8] |= (uint8_t)(1 << pfn % 8);
        if (s->split && (pfn < s->start || pfn >= s->end))
            continue;
        size_t desc = m->desc_at + 24 * k++, len = kind == PACKED ? 100 + pfn : PAGE;
        if (kind == LOST)
            continue;
        put(m, desc, 8, kind == ZERO ? m->data_at : at);
        put(m, desc + 8, 4, len);
        put(m, desc + 12, 4, kind == PACKED);
        if (kind == ZERO)
            continue;
        memset(m->p + at, byte_of(pfn), len);
        at += len;
    }
    m->size = at;
}

static struct image make(const struct spec *s)
{
    struct image m = {calloc(1, (FRAMES + 10) * (size_t)PAGE), 0, 0, 0, s->order};
    size_t stored = 0;
    for (unsigned i = 0; i < FRAMES; i++)
        stored += s->kind[i] >= PLAIN;
    m.desc_at = (s->single ? 3 : 4) * (size_t)PAGE;
    m.data_at = m.desc_at + 24 * stored;
    put_main(&m, s);
    put_sub(&m, s);
    put_pages(&m, s);
    return m;
}

/* Holes, and everything else that there is. */
static struct spec basic(void)
{
    struct spec s = {.signature = "KDUMP   ", .machine = "x86_64", .layout = WIDE,
                     .order = DUMPIO_LITTLE, .version = 6, .phys_base = 0x1000000};
    static const struct {
        unsigned first, n;
        uint8_t kind;
    } runs[] = {{3, 70, PLAIN}, {73, 7, EXCLUDED}, {90, 2, ZERO}, {92, 40, PACKED}, {132, 1, LOST},
                {133, 2, ZERO}, {135, 1, PLAIN}, {199, 1, PLAIN}};
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        memset(s.kind + runs[i].first, runs[i].kind, runs[i].n);
    return s;
}

/* ---- opening and comparing ------------------------------------------------------------------- */

#define PARTS_MAX 4

struct opened {
    const struct dio_format *format;
    struct source sources[PARTS_MAX];
    struct dio_bytes *parts[PARTS_MAX];
    struct dio_model *model;
    struct dumpio_info *info;
    void *self;
    struct dumpio_error err;
    int rc;
};

static void open_parts(struct opened *o, const struct image *const *images, size_t n)
{
    static const struct dumpio_open_options none = {0};
    *o = (struct opened){0};
    for (size_t i = 0; i < n; i++) {
        o->sources[i].b = (struct dio_bytes){&source_ops, images[i]->size, "image", 0, 0};
        o->sources[i].data = images[i]->p;
        o->parts[i] = &o->sources[i].b;
    }
    struct dio_input in = {o->parts, n, &none, NULL};
    o->format = dio_format_kdump.probe(images[0]->p, images[0]->size) ? &dio_format_kdump
                                                                      : &dio_format_diskdump;
    dio_model_new(&o->model, NULL);
    o->info = dio_model_info(o->model);
    o->rc = o->format->open(&o->self, &in, o->model, NULL, &o->err);
    if (!o->rc)
        dio_model_complete(o->model, NULL);
}

static void open_one(struct opened *o, const struct image *m)
{
    open_parts(o, &m, 1);
}

static void close_dump(struct opened *o)
{
    if (!o->rc)
        o->format->close(o->self);
    dio_model_free(o->model);
}

/* Kind of every frame by next_run: '.' hole, 'x' excluded, 'P' present, 'L' lost. */
static void list_runs(struct opened *o, char *out, uint64_t base)
{
    struct dumpio_run run;
    uint64_t at = 0;
    memset(out, '.', FRAMES);
    out[FRAMES] = 0;
    while (!(o->rc = o->format->next_run(o->self, at, &run, &o->err))) {
        CHECK(run.start >= at && run.end > run.start && run.start >= base);
        if (run.end <= at || run.end > base + FRAMES * PAGE)
            break;
        for (uint64_t a = run.start; a < run.end; a += PAGE)
            out[(a - base) / PAGE] = " PxL"[run.kind];
        at = run.end;
    }
    CHECK_EQ(o->rc, DUMPIO_END);
    o->rc = 0;
}

static void expect_runs(const struct spec *s, char *out)
{
    for (unsigned i = 0; i < FRAMES; i++)
        out[i] = ".xPPPP"[s->kind[i]];
    out[FRAMES] = 0;
}

static void check_page(const struct spec *s, unsigned pfn, const struct dio_page *p)
{
    switch (s->kind[pfn]) {
    case PLAIN:
    case PACKED:
        CHECK_EQ(p->kind, DIO_DATA);
        CHECK_EQ(p->len, s->kind[pfn] == PLAIN ? PAGE : 100 + pfn);
        CHECK((p->codec != NULL) == (s->kind[pfn] == PACKED));
        CHECK(p->kind == DIO_DATA && p->data[0] == byte_of(pfn) &&
              p->data[p->len - 1] == byte_of(pfn));
        break;
    case ZERO:
        CHECK(p->kind == DIO_DATA && p->len == PAGE && dio_is_zero(p->data, PAGE));
        break;
    case LOST:
        CHECK_EQ(p->kind, DIO_LOST);
        break;
    default:
        CHECK_EQ(p->kind, DIO_ABSENT);
    }
}

static void check_pages(struct opened *o, const struct spec *s, uint64_t base)
{
    struct dio_batch *b = dio_batch_new();
    static const unsigned edges[] = {0, 1, 64, 75, 134, 140, FRAMES};
    for (unsigned i = 0; i + 1 < sizeof edges / sizeof edges[0]; i++) {
        dio_batch_reset(b);
        CHECK_EQ(o->format->fetch(o->self, base + edges[i] * PAGE, base + edges[i + 1] * PAGE, b,
                                  &o->err), 0);
        CHECK_EQ(dio_batch_count(b), edges[i + 1] - edges[i]);
        for (unsigned k = 0; k < dio_batch_count(b); k++) {
            const struct dio_page *p = dio_batch_pages(b) + k;
            CHECK_EQ(p->addr, base + (edges[i] + k) * PAGE);
            check_page(s, edges[i] + k, p);
        }
    }
    dio_batch_free(b);
}

/* ---- reader ---------------------------------------------------------------------------------- */

static void test_layout(const struct spec *s, const char *arch)
{
    struct image m = make(s);
    struct opened o;
    char got[FRAMES + 1], want[FRAMES + 1];
    uint64_t base = strcmp(arch, "arm") ? 0 : s->phys_base;
    open_one(&o, &m);
    CHECK_EQ(o.rc, 0);
    if (!o.rc) {
        CHECK_STR(o.info->arch, arch);
        CHECK_EQ(o.info->file_order, s->order);
        CHECK_EQ(o.info->file_word, s->layout == WIDE ? 8 : 4);
        CHECK_EQ(o.info->version, s->version);
        CHECK_EQ(o.info->dump_sec, 1700000000);
        CHECK_EQ(o.info->dump_usec, 42);
        CHECK_EQ(o.info->nr_cpus, 2);
        CHECK_EQ(o.info->end_addr, base + FRAMES * PAGE);
        CHECK_EQ(o.info->truncated, 0);
        CHECK_EQ(o.info->phys_base, s->phys_base);
        CHECK_EQ(o.info->dump_level, s->version ? 31 : 0);
        CHECK_STR(o.info->vmcoreinfo, s->version >= 3 ? "OSRELEASE=1.2\n" : "");
        list_runs(&o, got, base);
        expect_runs(s, want);
        CHECK_STR(got, want);
        check_pages(&o, s, base);
    }
    close_dump(&o);
    free(m.p);
}

static void test_layouts(void)
{
    static const struct {
        const char *machine, *arch;
        enum layout layout;
        enum dumpio_order order;
    } cases[] = {{"x86_64", "x86_64", WIDE, DUMPIO_LITTLE}, {"s390x", "s390x", WIDE, DUMPIO_BIG},
                 {"i686", "i386", PACKED32, DUMPIO_LITTLE},
                 {"armv7l", "arm", PADDED32, DUMPIO_LITTLE},
                 {"armv7l", "arm", PACKED32, DUMPIO_LITTLE}, {"ppc", "ppc", PADDED32, DUMPIO_BIG},
                 {"ppc64le", "ppc64", WIDE, DUMPIO_BIG}, {"Unknown", "", WIDE, DUMPIO_LITTLE},
                 {"", "", PACKED32, DUMPIO_BIG}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (unsigned version = 0; version <= 7; version++) {
            struct spec s = basic();
            s.machine = cases[i].machine;
            s.layout = cases[i].layout;
            s.order = cases[i].order;
            s.version = version;
            test_layout(&s, cases[i].arch);
        }
}

static void test_single_bitmap(void)
{
    struct spec s = basic();
    s.single = true;
    memset(s.kind + 73, HOLE, 7); /* nothing can be excluded */
    test_layout(&s, "x86_64");
}

static void lost_because(struct opened *o, unsigned pfn, const char *why)
{
    struct dio_batch *b = dio_batch_new();
    CHECK_EQ(o->format->fetch(o->self, pfn * PAGE, (pfn + 1) * PAGE, b, &o->err), 0);
    CHECK_EQ(dio_batch_count(b), 1);
    CHECK_EQ(dio_batch_pages(b)->kind, DIO_LOST);
    if (dio_batch_pages(b)->kind == DIO_LOST)
        CHECK_STR((const char *)dio_batch_pages(b)->data, why);
    dio_batch_free(b);
}

static void test_damaged_descriptors(void)
{
    static const struct {
        unsigned at, size;
        uint64_t value;
        const char *why;
    } cases[] = {
        {0, 8, 0, "page descriptor 0 at 0x4000: marked as not written"},
        {8, 4, 9000, "page descriptor 0 at 0x4000: size 9000 exceeds page size 4096"},
        {8, 4, 0, "page descriptor 0 at 0x4000: size 0 is not possible for page size 4096"},
        {8, 4, 4095, "page descriptor 0 at 0x4000: a plain page of 4095 bytes, not 4096"},
        {12, 4, 3, "page descriptor 0 at 0x4000: unknown flags 0x3"},
        {12, 4, 0x40000000, "page descriptor 0 at 0x4000: unknown flags 0x40000000"},
        {12, 4, 8, "page descriptor 0 at 0x4000: unknown flags 0x8"},
        {0, 8, 0x3fff, "page descriptor 0 at 0x4000: data at 0x3fff, inside the headers"},
        {0, 8, UINT64_MAX, "page descriptor 0 at 0x4000: data at 0xffffffffffffffff, 4096 bytes, "
                           "but the file ends at 0x4fc04"},
    };
    struct spec s = basic();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct image m = make(&s);
        struct opened o;
        put(&m, m.desc_at + cases[i].at, cases[i].size, cases[i].value);
        open_one(&o, &m);
        CHECK_EQ(o.rc, 0);
        lost_because(&o, 3, cases[i].why);
        close_dump(&o);
        free(m.p);
    }
}

/* One bad place costs the pages that stand in it. */
/* One bit of the second bitmap wrong: all pages behind it would be others'. */
static void test_wrong_bit(void)
{
    static const unsigned frames[] = {75, 80, 5, 91, 198};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct spec s = basic();
        struct image m = make(&s);
        struct opened o;
        m.p[m.desc_at - PAGE + frames[i] / 8] ^= (uint8_t)(1u << frames[i] % 8);
        open_one(&o, &m);
        CHECK_EQ(o.rc, DUMPIO_E_CORRUPT);
        CHECK(strstr(o.err.message, "bits are set in the second page bitmap") != NULL);
        close_dump(&o);
        free(m.p);
    }
}

static void test_read_errors(void)
{
    struct spec s = basic(), want = s;
    struct image m = make(&s);
    struct opened o;
    open_one(&o, &m);
    o.sources[0].bad = m.data_at + 2 * PAGE + 5;
    o.sources[0].bad_end = o.sources[0].bad + 1;
    want.kind[4] = LOST;
    check_pages(&o, &want, 0);
    o.sources[0].bad = m.desc_at + 2 * 24;
    o.sources[0].bad_end = o.sources[0].bad + 1;
    want.kind[4] = PLAIN;
    want.kind[5] = LOST;
    check_pages(&o, &want, 0);
    close_dump(&o);
    free(m.p);
}

/* ---- split sets ------------------------------------------------------------------------------ */

static struct image make_part(const struct spec *whole, unsigned start, unsigned end)
{
    struct spec s = *whole;
    s.split = true;
    s.start = start;
    s.end = end;
    return make(&s);
}

static int open_set(const struct image *a, const struct image *b, const char *message)
{
    const struct image *set[2] = {a, b};
    struct opened o;
    open_parts(&o, set, 2);
    int rc = o.rc;
    CHECK(rc ? strstr(o.err.message, message) != NULL : !*message);
    close_dump(&o);
    return rc;
}

static void test_split(unsigned version)
{
    struct spec s = basic();
    s.version = version;
    struct image a = make_part(&s, 0, 69), b = make_part(&s, 69, 100);
    struct image c = make_part(&s, 100, FRAMES);
    const struct image *all[3] = {&c, &a, &b}, *two[2] = {&c, &a};
    struct opened o;
    char got[FRAMES + 1], want[FRAMES + 1];
    expect_runs(&s, want);
    open_parts(&o, all, 3);
    CHECK_EQ(o.rc, 0);
    list_runs(&o, got, 0);
    CHECK_STR(got, want);
    check_pages(&o, &s, 0);
    close_dump(&o);

    open_parts(&o, two, 2);
    CHECK_EQ(o.rc, 0);
    for (unsigned i = 69; i < 100; i++) {
        want[i] = want[i] == 'P' ? 'L' : want[i];
        s.kind[i] = s.kind[i] >= PLAIN ? LOST : s.kind[i];
    }
    list_runs(&o, got, 0);
    CHECK_STR(got, want);
    check_pages(&o, &s, 0);
    lost_because(&o, 70, "in a part of the split set that is missing");
    close_dump(&o);

    CHECK_EQ(open_set(&a, &a, "which another part of the set holds up to 0x45"), DUMPIO_E_ARG);
    struct spec other = basic();
    other.version = version;
    struct image whole = make(&other);
    CHECK_EQ(open_set(&a, &whole, "is a whole dump and no part"), DUMPIO_E_ARG);
    put(&b, 456, 4, 1);
    CHECK_EQ(open_set(&a, &b, "the main headers differ at 0x1c8"), DUMPIO_E_ARG);
    put(&b, 456, 4, 0);
    put(&b, PAGE + (version < 6 ? 24 : 88), 8, FRAMES + 1);
    CHECK_EQ(open_set(&a, &b, "make no range"), DUMPIO_E_CORRUPT);
    free(a.p);
    free(b.p);
    free(c.p);
    free(whole.p);
}

/* ---- hostile files --------------------------------------------------------------------------- */

static volatile uint8_t touched;

/* Whatever it says: every frame has its page, every payload fits, and nothing else happens. */
static void survey(const struct image *m)
{
    struct opened o;
    struct dumpio_run run;
    struct dio_batch *b = dio_batch_new();
    uint64_t at = 0;
    open_one(&o, m);
    for (unsigned n = 0; !o.rc && n < 500 && !o.format->next_run(o.self, at, &run, &o.err); n++) {
        CHECK(run.start >= at && run.end > run.start);
        uint64_t unit = o.info->unit, end = dio_round_down(DIO_SPAN_MAX, unit);
        end = run.end - run.start < end ? run.end : run.start + end;
        dio_batch_reset(b);
        CHECK_EQ(o.format->fetch(o.self, run.start, end, b, &o.err), 0);
        CHECK_EQ(dio_batch_count(b), (end - run.start) / unit);
        for (size_t i = 0; i < dio_batch_count(b); i++) {
            const struct dio_page *p = dio_batch_pages(b) + i;
            if (p->kind != DIO_DATA)
                continue;
            CHECK(p->len && p->len <= unit);
            touched ^= (uint8_t)(p->data[0] + p->data[p->len - 1]); /* sanitizers look at it */
        }
        at = run.end;
    }
    dio_batch_free(b);
    close_dump(&o);
}

static void test_truncated(const char *signature)
{
    struct spec s = basic();
    s.signature = signature;
    s.version = *signature == 'D' ? 1 : 6;
    struct image m = make(&s);
    size_t size = m.size;
    for (m.size = 0; m.size <= size; m.size += m.size < m.data_at ? 1 : 501) {
        uint8_t *exact = malloc(m.size ? m.size : 1), *all = m.p;
        memcpy(exact, all, m.size);
        m.p = exact;
        survey(&m);
        m.p = all;
        free(exact);
    }
    struct opened o;
    char got[FRAMES + 1];
    m.size = 3 * PAGE + 8; /* the 2nd bitmap ends with frame 63 */
    open_one(&o, &m);
    CHECK_EQ(o.rc, 0);
    CHECK_EQ(o.info->truncated, 1);
    list_runs(&o, got, 0);
    CHECK(!strncmp(got + 60, "PPPPLLLLLLLLLLLLLLLL..........LL", 32));
    lost_because(&o, 64, "the file ends inside its page bitmaps");
    close_dump(&o);
    m.size = size - 1;
    open_one(&o, &m);
    CHECK_EQ(o.info->truncated, 1);
    close_dump(&o);
    free(m.p);
}

static void test_corrupted(const char *signature)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct spec s = basic();
    s.signature = signature;
    s.version = *signature == 'D' ? 1 : 6;
    struct image m = make(&s);
    for (size_t at = 0; at < m.data_at; at++) {
        bool plain = (at > 480 && at < PAGE) || (at > PAGE + 240 && at < 2 * PAGE) ||
                     (at > 2 * PAGE + 32 && at < 3 * PAGE) || (at > 3 * PAGE + 32 && at < 4 * PAGE);
        uint8_t was = m.p[at];
        for (size_t i = 0; i < sizeof values && !(plain && at % 64); i++) {
            m.p[at] = values[i];
            survey(&m);
        }
        m.p[at] = was;
    }
    free(m.p);
}

/* ---- bitmap ---------------------------------------------------------------------------------- */

static void test_rank(void)
{
    size_t bytes = 50000;
    uint8_t *data = malloc(bytes);
    uint64_t naive = 0, rank, seed = 1;
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        data[i] = i > 20000 && i < 30000 ? 0 : (uint8_t)(seed >> 56);
    }
    struct source src = {{&source_ops, bytes, "bits", 0, 0}, data, 0, 0, 0};
    struct dio_bitmap m;
    struct dio_rank r;
    dio_bitmap_init(&m, &src.b, 3, 399000);
    CHECK_EQ(m.have, 399000);
    CHECK_EQ(dio_rank_init(&r, &m, NULL), 0);
    CHECK_EQ(dio_rank_of(&r, 399000, &rank, NULL), 0);
    uint64_t total = rank;
    for (uint64_t bit = 0; bit < 399000; bit++) {
        if (bit % 997 == 0 || bit % 32768 < 2) {
            CHECK_EQ(dio_rank_of(&r, bit, &rank, NULL), 0);
            CHECK_EQ(rank, naive);
        }
        naive += data[3 + bit / 8] >> bit % 8 & 1;
    }
    CHECK_EQ(total, naive);
    dio_rank_free(&r);
    dio_bitmap_init(&m, &src.b, 49000, 399000);
    CHECK_EQ(m.have, 8000);
    dio_bitmap_init(&m, &src.b, 60000, 399000);
    CHECK_EQ(m.have, 0);
    free(data);
}

/* ---- writer ---------------------------------------------------------------------------------- */

struct written {
    struct sink sink;
    uint64_t size;
    unsigned shared; /* pages that place said are */
    bool tags;       /* pages came with tags */
    int rc;
    struct dumpio_error err;
};

static const struct dio_codec pretend_zlib = {.name = "zlib"};

#define NO_TAG 98u /* a frame that comes without */

/* Payloads are one byte over and over: that is their tag. */
static void add_page(struct written *w, struct dio_batch *out, const struct dio_page *p)
{
    struct dio_page *q = dio_batch_add(out, p->addr);
    *q = *p;
    if (p->kind == DIO_DATA && p->len == PAGE && dio_is_zero(p->data, PAGE))
        q->kind = DIO_ZERO;
    else if (p->kind == DIO_DATA && w->tags && p->addr != NO_TAG * PAGE)
        q->tag[1] = p->data[0];
}

/* Write o's dump, page by page as it is, in batches of `step` frames; w is zero but for tags. */
static void write_tagged(struct written *w, const struct dio_format *to, struct opened *o,
                         enum dio_access access, unsigned step, const char *carried)
{
    struct dumpio_dump dump = {.format = o->format, .self = o->self, .model = o->model,
                               .info = o->info};
    struct dio_map *map = dio_map_new(&dump, &(struct dio_map_options){.unit = PAGE});
    struct dio_write_plan plan = {.info = o->info, .unit = PAGE, .codec = &pretend_zlib, .map = map,
                                  .end_addr = o->info->end_addr, .carried = carried,
                                  .carried_len = carried ? strlen(carried) : 0};
    struct dumpio_run run;
    struct dio_batch *in = dio_batch_new(), *out = dio_batch_new();
    void *self = NULL;
    w->sink.o = (struct dio_out){&sink_ops, access, "sink"};
    while (!dio_map_next(map, &run, NULL))
        plan.present_pages += run.kind == DUMPIO_EXCLUDED ? 0 : (run.end - run.start) / PAGE;
    w->rc = to->create(&self, &w->sink.o, &plan, NULL, &w->err);
    for (uint64_t a = 0; !w->rc && a < o->info->end_addr; a += step * PAGE) {
        dio_batch_reset(in);
        dio_batch_reset(out);
        CHECK_EQ(o->format->fetch(o->self, a, a + step * PAGE, in, &o->err), 0);
        for (size_t i = 0; i < dio_batch_count(in); i++) {
            const struct dio_page *p = dio_batch_pages(in) + i;
            if (p->kind != DIO_ABSENT)
                add_page(w, out, p);
        }
        w->rc = to->place(self, out, &w->err);
        for (size_t i = 0; i < dio_batch_count(out); i++)
            w->shared += dio_batch_pages(out)[i].shared;
        if (!w->rc)
            w->rc = to->store(self, out, &w->err);
    }
    if (!w->rc)
        w->rc = to->finish(self, &w->size, &w->err);
    if (self)
        to->free(self);
    dio_batch_free(in);
    dio_batch_free(out);
    dio_map_free(map);
}

static void write_dump(struct written *w, const struct dio_format *to, struct opened *o,
                       enum dio_access access, unsigned step, const char *carried)
{
    *w = (struct written){.tags = false};
    write_tagged(w, to, o, access, step, carried);
}

static void written_free(struct written *w)
{
    free(w->sink.data);
    free(w->sink.written);
}

static void test_write(const struct dio_format *to, enum dio_access access, unsigned step)
{
    struct spec s = basic();
    struct image m = make(&s);
    struct opened o, again;
    struct written w;
    char got[FRAMES + 1], want[FRAMES + 1];
    expect_runs(&s, want);
    open_one(&o, &m);
    write_dump(&w, to, &o, access, step, NULL);
    CHECK_EQ(w.rc, 0);
    struct image out = {w.sink.data, (size_t)w.size, 0, 0, DUMPIO_LITTLE};
    open_one(&again, &out);
    CHECK_EQ(again.rc, 0);
    if (!again.rc) {
        list_runs(&again, got, 0);
        CHECK_STR(got, want);
        check_pages(&again, &s, 0);
        CHECK_STR(again.info->uts[DUMPIO_MACHINE], "x86_64");
        CHECK_EQ(again.info->dump_sec, 1700000000);
        CHECK_EQ(again.info->incomplete, 1); /* a page was lost */
        CHECK_EQ(get(&out, 428, 4), PAGE);
        CHECK_EQ(get(&out, 436, 4), 2);
        CHECK_EQ(get(&out, 460, 4), 2);
    }
    if (!again.rc && to == &dio_format_kdump) {
        CHECK_EQ(get(&out, 424, 4), 0x9); /* zlib, incomplete */
        CHECK_STR(again.info->vmcoreinfo, "OSRELEASE=1.2\n");
        CHECK_EQ(again.info->phys_base, 0x1000000);
        CHECK_EQ(again.info->dump_level, 31);
        CHECK_EQ(get(&out, PAGE + 96, 8), FRAMES);
        CHECK(!memcmp(out.p + get(&out, PAGE + 32, 8), "OSRELEASE=1.2\n", 14));
        CHECK_EQ(get(&out, PAGE + 40, 8), 14);
        size_t zero = 4 * PAGE + 24 * 117; /* right behind the descriptors */
        CHECK(dio_is_zero(out.p + zero, PAGE));
        CHECK_EQ(get(&out, 4 * PAGE + 24 * 70, 8), zero); /* of frame 90 */
    } else if (!again.rc) {
        CHECK_EQ(get(&out, 424, 4), 0x9); /* incompleted, compressed */
    }
    close_dump(&again);
    close_dump(&o);
    written_free(&w);
    free(m.p);
}

/* ---- identical payloads ---------------------------------------------------------------------- */

/* The payload of descriptor `to` becomes that of `from`, cut to `len` bytes. */
static void same_payload(const struct image *m, size_t from, size_t to, size_t len)
{
    put(m, m->desc_at + 24 * to + 8, 4, len);
    memcpy(m->p + get(m, m->desc_at + 24 * to, 8), m->p + get(m, m->desc_at + 24 * from, 8), len);
}

static void same_pages(struct opened *a, struct opened *b)
{
    struct dio_batch *x = dio_batch_new(), *y = dio_batch_new();
    CHECK_EQ(a->format->fetch(a->self, 0, FRAMES * PAGE, x, &a->err), 0);
    CHECK_EQ(b->format->fetch(b->self, 0, FRAMES * PAGE, y, &b->err), 0);
    CHECK_EQ(dio_batch_count(x), FRAMES);
    CHECK_EQ(dio_batch_count(y), FRAMES);
    for (unsigned i = 0; i < FRAMES; i++) {
        const struct dio_page *p = dio_batch_pages(x) + i, *q = dio_batch_pages(y) + i;
        CHECK_EQ(p->kind, q->kind);
        CHECK_EQ(p->len, q->len);
        CHECK((p->codec == NULL) == (q->codec == NULL));
        CHECK(p->kind != DIO_DATA || !memcmp(p->data, q->data, p->len));
    }
    dio_batch_free(x);
    dio_batch_free(y);
}

/* Frames 3 to 72 have descriptors 0 to 69, frames 92 to 131 have 72 to 111. */
static void test_shared(enum dio_access access, unsigned step)
{
    struct spec s = basic();
    struct image m = make(&s);
    struct opened o, again;
    struct written anew, w = {.tags = true};
    for (unsigned i = 20; i < 30; i++)
        same_payload(&m, 0, i, PAGE);
    same_payload(&m, 75, 76, 195);
    same_payload(&m, 0, 77, 195);  /* equal as far as it goes, and as long as another */
    same_payload(&m, 75, NO_TAG - 20, 195);
    same_payload(&m, 75, 111, 195);
    open_one(&o, &m);
    write_dump(&anew, &dio_format_kdump, &o, access, step, NULL);
    CHECK_EQ(anew.rc, 0);
    CHECK_EQ(anew.shared, 0);
    write_tagged(&w, &dio_format_kdump, &o, access, step, NULL);
    CHECK_EQ(w.rc, 0);
    CHECK_EQ(w.shared, 12);
    CHECK_EQ(anew.size - w.size, 10 * PAGE + 2 * 195);
    struct image out = {w.sink.data, (size_t)w.size, 4 * PAGE, 0, DUMPIO_LITTLE};
    for (unsigned i = 0; i < 117; i++) {
        unsigned with = i >= 20 && i < 30 ? 0 : i == 76 || i == 111 ? 75 : i;
        for (unsigned k = 0; k < i; k++) {
            bool one = get(&out, out.desc_at + 24 * k, 8) == get(&out, out.desc_at + 24 * i, 8);
            bool zeros = (k == 70 || k == 71 || (k >= 113 && k < 115)) &&
                         (i == 71 || (i >= 113 && i < 115));
            bool expected = with < i && (k == with || (k >= 20 && k < 30 && !with) ||
                                         (k == 76 && with == 75));
            CHECK_EQ(one, expected || zeros);
        }
    }
    open_one(&again, &out);
    CHECK_EQ(again.rc, 0);
    same_pages(&o, &again);

    /* what pages share is read once */
    struct dio_batch *b = dio_batch_new();
    uint64_t before = again.sources[0].bytes;
    CHECK_EQ(again.format->fetch(again.self, 3 * PAGE, 73 * PAGE, b, &again.err), 0);
    CHECK(again.sources[0].bytes - before >= 60 * PAGE);
    CHECK(again.sources[0].bytes - before < 61 * PAGE);
    dio_batch_free(b);
    close_dump(&again);
    close_dump(&o);
    written_free(&anew);
    written_free(&w);
    free(m.p);
}

static void test_write_layouts(void)
{
    static const struct {
        const char *machine;
        enum dumpio_order order;
        enum layout layout;
        size_t max64;
    } cases[] = {{"i686", DUMPIO_LITTLE, PACKED32, 72}, {"armv7l", DUMPIO_LITTLE, PADDED32, 88},
                 {"ppc", DUMPIO_BIG, PADDED32, 88}, {"s390x", DUMPIO_BIG, WIDE, 96}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct spec s = basic();
        s.machine = cases[i].machine;
        s.order = cases[i].order;
        s.layout = cases[i].layout;
        s.phys_base = 0;
        struct image m = make(&s);
        struct opened o, again;
        struct written w;
        open_one(&o, &m);
        CHECK_EQ(o.rc, 0);
        write_dump(&w, &dio_format_kdump, &o, DIO_RANDOM, 50, NULL);
        CHECK_EQ(w.rc, 0);
        struct image out = {w.sink.data, (size_t)w.size, 0, 0, s.order};
        /* ARM counts frames from the lowest one, as phys_base says */
        unsigned low = *cases[i].machine == 'a' ? 3 : 0;
        CHECK_EQ(get(&out, PAGE, 4), low * PAGE);
        CHECK_EQ(get(&out, PAGE + cases[i].max64, 8), FRAMES - low);
        CHECK_EQ(get(&out, cases[i].layout == WIDE ? 428 : 416, 4), PAGE);
        open_one(&again, &out);
        CHECK_EQ(again.rc, 0);
        CHECK_EQ(again.info->end_addr, FRAMES * PAGE);
        check_pages(&again, &s, 0);
        close_dump(&again);
        close_dump(&o);
        written_free(&w);
        free(m.p);
    }
}

static void test_write_refusals(void)
{
    struct spec s = basic();
    struct image m = make(&s);
    struct opened o;
    struct written w;
    open_one(&o, &m);
    write_dump(&w, &dio_format_kdump, &o, DIO_FORWARD, 50, NULL);
    CHECK_EQ(w.rc, DUMPIO_E_ARG);
    written_free(&w);
    write_dump(&w, &dio_format_diskdump, &o, DIO_FORWARD, 50, NULL);
    CHECK_EQ(w.rc, DUMPIO_E_ARG);
    written_free(&w);
    close_dump(&o);
    free(m.p);
}

/* Registers, tasks, panic CPU, and a carried description. */
static void test_diskdump_model(void)
{
    struct spec s = basic();
    s.signature = "DISKDUMP";
    s.version = 1;
    struct image m = make(&s);
    struct opened o, again;
    struct written w;
    put(&m, 416, 8, 42000);     /* nanoseconds when above a million: this is not */
    put(&m, 456, 4, 1);         /* current_cpu */
    put(&m, 464, 8, 0x1111);    /* tasks */
    put(&m, 472, 8, 0x2222);
    memset(m.p + PAGE, 0x5a, 216);
    open_one(&o, &m);
    CHECK_EQ(o.rc, 0);
    CHECK_EQ(o.info->n_cpus, 2);
    CHECK_EQ(o.info->panic_cpu, 1);
    CHECK_EQ(o.info->panic_task, 0x2222);
    CHECK_EQ(o.info->cpus[0].task, 0x1111);
    CHECK(!o.info->cpus[0].regs);
    CHECK_EQ(o.info->cpus[1].regs_len, 216);
    CHECK_EQ(o.info->dump_usec, 42000);
    write_dump(&w, &dio_format_diskdump, &o, DIO_SERIAL, 25,
               "dumpio-model-1\npanic_cpu 1\ncrash_time 77\n");
    CHECK_EQ(w.rc, 0);
    struct image out = {w.sink.data, (size_t)w.size, 0, 0, DUMPIO_LITTLE};
    CHECK_EQ(get(&out, 432, 4), 2); /* sub header: registers, description */
    open_one(&again, &out);
    CHECK_EQ(again.rc, 0);
    CHECK_EQ(again.info->crash_sec, 77);
    CHECK_EQ(again.info->n_cpus, 2);
    CHECK_EQ(again.info->panic_cpu, 1);
    CHECK_EQ(again.info->cpus[1].task, 0x2222);
    CHECK(again.info->n_cpus == 2 && again.info->cpus[1].regs_len == 216 &&
          !memcmp(again.info->cpus[1].regs, m.p + PAGE, 216));
    check_pages(&again, &s, 0);
    close_dump(&again);
    close_dump(&o);
    written_free(&w);
    free(m.p);
}

int main(void)
{
    test_layouts();
    test_single_bitmap();
    test_damaged_descriptors();
    test_wrong_bit();
    test_read_errors();
    test_split(2);
    test_split(5);
    test_split(6);
    test_rank();
    test_write(&dio_format_kdump, DIO_RANDOM, FRAMES);
    test_write(&dio_format_kdump, DIO_SERIAL, 1);
    test_write(&dio_format_kdump, DIO_RANDOM, 40);
    test_write(&dio_format_diskdump, DIO_SERIAL, 8);
    test_write(&dio_format_diskdump, DIO_RANDOM, 100);
    test_shared(DIO_RANDOM, FRAMES);
    test_shared(DIO_SERIAL, 8);
    test_shared(DIO_RANDOM, 1);
    test_write_layouts();
    test_write_refusals();
    test_diskdump_model();
    test_truncated("KDUMP   ");
    test_truncated("DISKDUMP");
    test_corrupted("KDUMP   ");
    test_corrupted("DISKDUMP");
    return unit_result();
}
