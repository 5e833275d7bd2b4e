/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ELF, netdump and raw formats over memory: images are made here field by field, from the gABI.
 * Real dumps and the whole tool chain are tested elsewhere.
 * Longer than other tests: image maker, sink, source and comparison serve every case below.
 */
#include "unit.h"

#include "batch.h"
#include "dump.h"
#include "formats/elf.h"
#include "model_core.h"

#include <stdlib.h>

#define PAGE 4096u

/* ---- a source and a sink in memory ----------------------------------------------------------- */

struct source {
    struct dio_bytes b;
    const uint8_t *data;
    uint64_t stored;   /* bytes at data; the rest of b.size is zero */
    uint64_t bad, bad_end; /* reading this range fails */
};

static int source_read(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    struct source *s = (struct source *)b;
    if (off < s->bad_end && off + len > s->bad)
        return dio_fail(err, DUMPIO_E_IO, off, "read error at 0x%llx", (unsigned long long)off);
    size_t have = off < s->stored ? (size_t)(s->stored - off) : 0;
    if (have > len)
        have = len;
    memcpy(buf, s->data + (have ? off : 0), have);
    memset((uint8_t *)buf + have, 0, len - have);
    *got = len;
    return 0;
}

static int source_next_data(struct dio_bytes *b, uint64_t off, uint64_t *start, uint64_t *end,
                            struct dumpio_error *err)
{
    struct source *s = (struct source *)b;
    (void)err;
    *start = off < s->stored ? off : b->size;
    *end = off < s->stored ? s->stored : b->size;
    return 0;
}

static const struct dio_bytes_ops plain_ops = {source_read, NULL, NULL, NULL};
static const struct dio_bytes_ops sparse_ops = {source_read, source_next_data, NULL, NULL};

struct sink {
    struct dio_out o;
    uint8_t *data, *written;
    size_t cap;
    uint64_t pos;
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
    CHECK(o->access != DIO_FORWARD || off >= s->pos);
    CHECK(!memchr(s->written + off, 1, len)); /* each byte at most once */
    memcpy(s->data + off, buf, len);
    memset(s->written + off, 1, len);
    s->pos = off + len;
    return 0;
}

static const struct dio_out_ops sink_ops = {sink_write, NULL, NULL};

static void sink_free(struct sink *s)
{
    free(s->data);
    free(s->written);
}

/* ---- ELF images, field by field -------------------------------------------------------------- */

struct image {
    uint8_t *p;
    size_t size;
    unsigned word;
    enum dumpio_order order;
    size_t phoff;
    unsigned phnum;
};

static void put(const struct image *m, size_t off, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        m->p[off + i] = (uint8_t)(v >> 8 * (m->order == DUMPIO_BIG ? size - 1 - i : i));
}

static void image_start(struct image *m, size_t size, unsigned word, enum dumpio_order order,
                        unsigned machine, size_t phoff)
{
    *m = (struct image){calloc(1, size), size, word, order, phoff, 0};
    memcpy(m->p, "\177ELF", 4);
    m->p[4] = word == 4 ? 1 : 2;
    m->p[5] = order == DUMPIO_BIG ? 2 : 1;
    m->p[6] = 1;
    put(m, 16, 2, 4);
    put(m, 18, 2, machine);
    put(m, 20, 4, 1);
    put(m, word == 4 ? 28 : 32, word, phoff);
    put(m, word == 4 ? 42 : 54, 2, word == 4 ? 32 : 56);
}

static void image_phnum(struct image *m, unsigned n)
{
    put(m, m->word == 4 ? 44 : 56, 2, n);
}

static void segment(struct image *m, unsigned type, uint64_t off, uint64_t paddr, uint64_t filesz,
                    uint64_t memsz)
{
    size_t at = m->phoff + m->phnum++ * (m->word == 4 ? 32u : 56u), w = m->word;
    put(m, at, 4, type);
    size_t f = w == 4 ? at + 4 : at + 8;
    put(m, f, (unsigned)w, off);
    put(m, f + w, (unsigned)w, paddr ? paddr + 0x40000000 : 0);
    put(m, f + 2 * w, (unsigned)w, paddr);
    put(m, f + 3 * w, (unsigned)w, filesz);
    put(m, f + 4 * w, (unsigned)w, memsz);
    image_phnum(m, m->phnum < 0xffff ? m->phnum : 0xffff);
}

/* ---- open, read ------------------------------------------------------------------------------ */

struct fixture {
    struct source src;
    struct dio_bytes *part;
    struct dumpio_open_options options;
    struct dumpio_dump d;
    struct dumpio_error err;
};

static int open_dump(struct fixture *f, const struct dio_format *format, const void *data,
                     uint64_t size)
{
    *f = (struct fixture){.src = {.b = {&plain_ops, size, "image", 0, 0}, .data = data,
                                  .stored = size}};
    f->part = &f->src.b;
    struct dio_input in = {&f->part, 1, &f->options, NULL};
    f->d.format = format;
    CHECK_EQ(dio_model_new(&f->d.model, &f->err), 0);
    int rc = format->open(&f->d.self, &in, f->d.model, NULL, &f->err);
    if (!rc)
        dio_model_complete(f->d.model, NULL);
    f->d.info = dio_model_info(f->d.model);
    return rc;
}

static void close_dump(struct fixture *f)
{
    if (f->d.self)
        f->d.format->close(f->d.self);
    dio_model_free(f->d.model);
}

static struct dio_batch *batch; /* of read_page and write_run */

/* The page at addr: its kind, and its contents in page[] (zero when there are none). */
static int read_page(struct fixture *f, uint64_t addr, uint8_t *page)
{
    struct dio_batch *b = batch;
    dio_batch_reset(b);
    uint32_t unit = f->d.info->unit;
    uint64_t at = addr & ~(uint64_t)(unit - 1);
    CHECK_EQ(f->d.format->fetch(f->d.self, at, at + unit, b, &f->err), 0);
    CHECK_EQ(dio_batch_count(b), 1);
    const struct dio_page *p = dio_batch_pages(b);
    int kind = p->kind;
    memset(page, 0, PAGE);
    if (kind == DIO_DATA)
        memcpy(page, p->data + (addr - at), PAGE);
    return kind;
}

/* All runs as text: "P1000-2000 E2000-3000", neighbours of one kind merged. */
static const char *runs(struct fixture *f)
{
    static char text[4096];
    struct dumpio_run r, at = {0, 0, 0};
    size_t n = 0;
    int more = 1;
    text[0] = 0;
    for (uint64_t addr = 0; more && n < sizeof text - 100; addr = r.end) {
        more = !dumpio_next_run(&f->d, addr, &r, &f->err);
        if (more && at.end == r.start && at.kind == r.kind && at.end) {
            at.end = r.end;
            continue;
        }
        if (at.end)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%c%llx-%llx", n ? " " : "",
                                  "?PEL"[at.kind], (unsigned long long)at.start,
                                  (unsigned long long)at.end);
        at = r;
    }
    return text;
}

/* ---- convert --------------------------------------------------------------------------------- */

static uint64_t virt_of(void *ctx, uint64_t phys)
{
    (void)ctx;
    return phys + 0x40000000;
}

static int write_run(struct fixture *f, const struct dio_format *to, void *w,
                     const struct dumpio_run *run, uint64_t lose)
{
    struct dio_batch *b = batch;
    int rc = 0;
    if (run->kind == DUMPIO_LOST)
        return to->lost(w, run->start, run->end, &f->err);
    for (uint64_t a = run->start; a < run->end && !rc; a += f->d.info->unit) {
        dio_batch_reset(b);
        rc = f->d.format->fetch(f->d.self, a, a + f->d.info->unit, b, &f->err);
        if (a == lose)
            dio_batch_pages(b)->kind = DIO_LOST, dio_batch_pages(b)->data = NULL;
        if (!rc)
            rc = to->place(w, b, &f->err);
        if (!rc)
            rc = to->store(w, b, &f->err);
    }
    return rc;
}

/* As the core does it; page `lose` turns out lost on the way. text_phys 0 = no kernel image. */
static int convert(struct fixture *f, const struct dio_format *to, enum dio_access access,
                   struct sink *out, uint64_t *size, uint64_t lose, uint64_t text_phys)
{
    struct dumpio_run run;
    void *w = NULL;
    *out = (struct sink){.o = {&sink_ops, access, "out"}};
    struct dio_map *map = dio_map_new(&f->d, &(struct dio_map_options){.unit = f->d.info->unit});
    struct dio_write_plan plan = {.info = f->d.info, .unit = f->d.info->unit, .map = map,
                                  .partials = f->d.info->partials,
                                  .n_partials = f->d.info->n_partials, .virt_of = virt_of,
                                  .text_virt = 0xffffffff81000000, .text_phys = text_phys,
                                  .text_len = text_phys ? 2 * PAGE : 0};
    while (!dio_map_next(map, &run, &f->err)) {
        plan.end_addr = run.end;
        plan.present_pages += run.kind == DUMPIO_EXCLUDED ? 0 : (run.end - run.start) / plan.unit;
    }
    int rc = to->create(&w, &out->o, &plan, NULL, &f->err);
    dio_map_rewind(map);
    while (!rc && !dio_map_next(map, &run, &f->err))
        if (run.kind != DUMPIO_EXCLUDED)
            rc = write_run(f, to, w, &run, lose);
    if (!rc)
        rc = to->finish(w, size, &f->err);
    if (!rc && *size > out->cap)
        CHECK_EQ(sink_write(&out->o, *size - 1, "", 1, NULL), 0); /* the sink makes it as long */
    if (w)
        to->free(w);
    dio_map_free(map);
    return rc;
}

/* Pages of a that are present have the same contents in b. */
static void same_contents(struct fixture *a, struct fixture *b)
{
    uint8_t pa[PAGE], pb[PAGE];
    unsigned differ = 0;
    for (uint64_t at = 0; at < a->d.info->end_addr; at += PAGE) {
        int ka = read_page(a, at, pa), kb = read_page(b, at, pb);
        if (ka == DIO_DATA || ka == DIO_ZERO)
            differ += (kb != DIO_DATA && kb != DIO_ZERO) || memcmp(pa, pb, PAGE) != 0;
    }
    CHECK_EQ(differ, 0);
}

/* ---- cases ----------------------------------------------------------------------------------- */

/*
 * Unsorted segments; a text segment over the direct map; an end in mid-page; excluded tail and
 * excluded segment; unknown physical address; program headers far from the file header.
 */
static void make_mixed(struct image *m, unsigned word, enum dumpio_order order)
{
    uint64_t ones = word == 4 ? UINT32_MAX : UINT64_MAX;
    image_start(m, 0x9000, word, order, word == 4 ? 3 : 62, 200);
    for (size_t i = 0x1000; i < m->size; i++)
        m->p[i] = (uint8_t)(i / 7 + i);
    put(m, word == 4 ? 40 : 52, 2, 99); /* e_ehsize is not believed */
    segment(m, 4, 0x400, 0, 16, 0);
    segment(m, 1, 0x2000, 0x11000, 0x1000, 0x1000);  /* text, inside the next */
    segment(m, 1, 0x1000, 0x10000, 0x3000, 0x5000);  /* excluded 0x13000-0x15000 */
    segment(m, 1, 0x4000, 0x1000, 0x1c00, 0x1c00);   /* ends in mid-page */
    segment(m, 1, 0, 0x20000, 0, 0x1000);
    segment(m, 1, ones, 0x30000, 0, 0x1000);
    segment(m, 1, 0x7000, ones, 0x1000, 0x1000);
    segment(m, 1, 0x6000, 0x21000, 0x1000, 0x1000);
    put(m, 0x400, 4, 4), put(m, 0x404, 4, 0), put(m, 0x408, 4, 9);
    memcpy(m->p + 0x40c, "TEST", 4);
}

#define MIXED_RUNS "P1000-2c00 P10000-13000 E13000-15000 E20000-21000 P21000-22000 E30000-31000"

static void test_mixed(void)
{
    for (int i = 0; i < 4; i++) {
        struct image m;
        struct fixture f;
        uint8_t page[PAGE];
        make_mixed(&m, i & 1 ? 8 : 4, i & 2 ? DUMPIO_BIG : DUMPIO_LITTLE);
        CHECK_EQ(dio_format_elf.probe(m.p, m.size), 100);
        CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
        CHECK_STR(runs(&f), MIXED_RUNS);
        CHECK_STR(f.d.info->arch, m.word == 4 ? "i386" : "x86_64");
        CHECK_EQ(f.d.info->order, m.order);
        CHECK_EQ(f.d.info->unit, PAGE);
        CHECK_EQ(f.d.info->end_addr, 0x31000);
        CHECK_EQ(f.d.info->n_notes, 1);
        CHECK_EQ(f.d.info->n_partials, 1);
        CHECK_EQ(f.d.info->partials[0].start, 0x2000);
        CHECK_EQ(f.d.info->partials[0].end, 0x2c00);
        CHECK_EQ(read_page(&f, 0x2000, page), DIO_DATA);
        CHECK(!memcmp(page, m.p + 0x5000, 0xc00) && dio_is_zero(page + 0xc00, 0x400));
        CHECK_EQ(read_page(&f, 0x11000, page), DIO_DATA);
        CHECK(!memcmp(page, m.p + 0x2000, PAGE));
        CHECK_EQ(read_page(&f, 0x13000, page), DIO_ABSENT);
        CHECK_EQ(read_page(&f, 0x40000, page), DIO_ABSENT);
        close_dump(&f);
        free(m.p);
    }
}

/* Whatever the length: no byte is wrong, and what is missing is told. */
static void test_truncation(void)
{
    struct image m;
    struct fixture whole, f;
    uint8_t a[PAGE], b[PAGE];
    unsigned opened = 0, wrong = 0, untold = 0;
    make_mixed(&m, 8, DUMPIO_LITTLE);
    CHECK_EQ(open_dump(&whole, &dio_format_elf, m.p, m.size), 0);
    for (size_t n = 0; n < m.size; n += n < 0x420 || n % 512 > 500 || n % 512 < 8 ? 1 : 7) {
        uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees the end */
        memcpy(exact, m.p, n);
        if (open_dump(&f, &dio_format_elf, exact, n) == 0) {
            opened++;
            untold += !f.d.info->truncated && n < 0x7000;
            for (uint64_t at = 0x1000; at < 0x23000; at += at == 0x14000 ? 0xc000 : PAGE) {
                int ka = read_page(&whole, at, a), kb = read_page(&f, at, b);
                size_t got = PAGE;
                for (uint32_t i = 0; i < f.d.info->n_partials; i++)
                    if (f.d.info->partials[i].start / PAGE == at / PAGE)
                        got = (size_t)(f.d.info->partials[i].end - at);
                wrong += kb == DIO_DATA && (ka != DIO_DATA || memcmp(a, b, got) != 0);
            }
        }
        close_dump(&f);
        free(exact);
    }
    CHECK(opened > 1000);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(untold, 0);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, 0x1800), 0);
    CHECK_STR(runs(&f), "L1000-2c00 P10000-10800 L10800-13000 E13000-15000 E20000-21000 "
                        "L21000-22000 E30000-31000");
    close_dump(&f);
    close_dump(&whole);
    free(m.p);
}

static void test_round_trips(void)
{
    static const struct { const struct dio_format *to; enum dio_access access; } ways[] = {
        {&dio_format_elf, DIO_RANDOM}, {&dio_format_elf, DIO_FORWARD},
        {&dio_format_netdump, DIO_RANDOM}, {&dio_format_netdump, DIO_FORWARD}};
    for (unsigned i = 0; i < 4 * 4; i++) {
        struct image m;
        struct fixture f, g;
        struct sink out;
        uint64_t size = 0;
        int elf = ways[i / 4].to == &dio_format_elf;
        make_mixed(&m, i & 1 ? 8 : 4, i & 2 ? DUMPIO_BIG : DUMPIO_LITTLE);
        CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
        CHECK_EQ(convert(&f, ways[i / 4].to, ways[i / 4].access, &out, &size, 1, 0), 0);
        CHECK_EQ(open_dump(&g, &dio_format_elf, out.data, size), 0);
        CHECK_STR(runs(&g), elf ? MIXED_RUNS
                                : "P1000-3000 P10000-13000 E13000-15000 E20000-21000 P21000-22000 "
                                  "E30000-31000");
        CHECK_STR(g.d.info->variant, elf ? "makedumpfile" : "netdump");
        CHECK_EQ(g.d.info->file_word, m.word);
        CHECK_EQ(g.d.info->file_order, m.order);
        CHECK_EQ(g.d.info->n_notes, 1);
        same_contents(&f, &g);
        close_dump(&g);
        close_dump(&f);
        sink_free(&out);
        free(m.p);
    }
}

/* A page found lost on the way, next to memory that the input knows to be lost. */
static void test_lost(void)
{
    struct image m;
    struct fixture f, g;
    struct sink out;
    uint64_t size;
    make_mixed(&m, 8, DUMPIO_LITTLE);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, 0x6800), 0);
    CHECK_STR(runs(&f), "P1000-2c00 P10000-13000 E13000-15000 E20000-21000 P21000-21800 "
                        "L21800-22000 E30000-31000");
    static const enum dio_access both[] = {DIO_RANDOM, DIO_FORWARD};
    for (int i = 0; i < 2; i++) { /* marked in the notes, and behind the pages */
        CHECK_EQ(convert(&f, &dio_format_elf, both[i], &out, &size, 0x11000, 0), 0);
        CHECK_EQ(open_dump(&g, &dio_format_elf, out.data, size), 0);
        CHECK_STR(runs(&g), "P1000-2c00 P10000-11000 L11000-12000 P12000-13000 E13000-15000 "
                            "E20000-21000 L21000-22000 E30000-31000"); /* half a page: lost whole */
        CHECK_EQ(g.d.info->incomplete, 1);
        close_dump(&g);
        sink_free(&out);
    }
    CHECK_EQ(convert(&f, &dio_format_netdump, DIO_SERIAL, &out, &size, 0x11000, 0), 0);
    CHECK_EQ(open_dump(&g, &dio_format_elf, out.data, size), 0);
    CHECK_STR(runs(&g), "P1000-3000 P10000-11000 L11000-12000 P12000-13000 E13000-15000 "
                        "E20000-21000 L21000-22000 E30000-31000");
    close_dump(&g);
    sink_free(&out);
    close_dump(&f);

    /* lost runs known beforehand are marked in a stream too */
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, 0x1000), 0);
    CHECK_EQ(convert(&f, &dio_format_elf, DIO_FORWARD, &out, &size, 1, 0), 0);
    CHECK_EQ(open_dump(&g, &dio_format_elf, out.data, size), 0);
    CHECK_STR(runs(&g), "L1000-3000 L10000-13000 E13000-15000 E20000-21000 L21000-22000 "
                        "E30000-31000");
    close_dump(&g);
    sink_free(&out);
    close_dump(&f);
    free(m.p);
}

/* A unit that cannot be read costs itself alone; sparse parts are zero pages. */
static void test_damage_and_holes(void)
{
    struct image m;
    struct fixture f;
    uint8_t page[PAGE];
    make_mixed(&m, 8, DUMPIO_LITTLE);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
    f.src.bad = 0x2800;
    f.src.bad_end = 0x2801;
    struct dio_batch *b = dio_batch_new();
    CHECK_EQ(f.d.format->fetch(f.d.self, 0x10000, 0x14000, b, &f.err), 0);
    CHECK_EQ(dio_batch_count(b), 4);
    static const int kinds[] = {DIO_DATA, DIO_LOST, DIO_DATA, DIO_ABSENT};
    for (int i = 0; i < 4; i++)
        CHECK_EQ(dio_batch_pages(b)[i].kind, kinds[i]);
    CHECK_STR((const char *)dio_batch_pages(b)[1].data, "read error at 0x2000");
    dio_batch_free(b);
    f.src.bad_end = 0;
    f.src.b.ops = &sparse_ops;
    f.src.stored = 0x2800;
    CHECK_EQ(read_page(&f, 0x12000, page), DIO_ZERO);
    CHECK_EQ(read_page(&f, 0x11000, page), DIO_DATA);
    CHECK(!memcmp(page, m.p + 0x2000, 0x800) && dio_is_zero(page + 0x800, 0x800));
    close_dump(&f);
    free(m.p);
}

/* What searches the memory goes past holes without reading them, and takes up what is behind. */
static void test_search_past_holes(void)
{
    struct image m;
    struct fixture f;
    uint8_t page[2 * PAGE];
    bool zeros;
    make_mixed(&m, 8, DUMPIO_LITTLE);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
    f.src.b.ops = &sparse_ops;
    f.src.stored = 0x2000;
    f.src.bad = 0x2000; /* a hole that is read fails */
    f.src.bad_end = 0x4000;
    struct dio_mem_reader *r = dio_large_reader_new(&f.d);
    CHECK_EQ(dio_large_look(r, 0x11000, page, PAGE, &zeros, &f.err), 0);
    CHECK(zeros);
    CHECK_EQ(dio_large_look(r, 0x10800, page, PAGE, &zeros, &f.err), 0);
    CHECK(!zeros && !memcmp(page, m.p + 0x1800, 0x800) && dio_is_zero(page + 0x800, 0x800));
    CHECK_EQ(dio_large_look(r, 0x12000, page, 2 * PAGE, &zeros, &f.err), DUMPIO_E_ABSENT);
    CHECK(!zeros);
    CHECK_EQ(dio_large_look(r, UINT64_MAX - 8, page, 16, &zeros, &f.err), DUMPIO_E_ARG);
    dio_large_reader_free(r);
    close_dump(&f);
    free(m.p);
}

/* More segments than e_phnum can say, overlapping one another as badly as they can. */
static void test_many_segments(void)
{
    enum { N = 70000 };
    for (unsigned word = 4; word <= 8; word += 4) {
        struct image m;
        struct fixture f, g;
        struct sink out;
        uint64_t size;
        size_t data = 0x1000 + N * 56 + 0x1000;
        image_start(&m, data + 0x1000, word, DUMPIO_LITTLE, word == 4 ? 3 : 62, 0x1000);
        put(&m, word == 4 ? 32 : 40, word, 0x800); /* e_shoff */
        put(&m, word == 4 ? 48 : 60, 2, 1);
        put(&m, 0x800 + (word == 4 ? 28 : 44), 4, N);
        for (unsigned i = 0; i < N; i++) /* every one reaches to the same end; every other byte */
            segment(&m, 1, data, 0x1000 + 0x2000 * (uint64_t)i, i % 2 ? 0 : 0x1000,
                    0x2000 * (uint64_t)(N - i) - 0x1000);
        CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
        CHECK_EQ(f.d.info->end_addr, 0x2000 * (uint64_t)N);
        unsigned n = 0;
        struct dumpio_run r = {0, 0, 0};
        while (!dumpio_next_run(&f.d, r.end, &r, &f.err))
            n += r.kind == DUMPIO_PRESENT && r.end - r.start == 0x1000;
        CHECK_EQ(n, N / 2);
        CHECK_EQ(convert(&f, &dio_format_elf, DIO_RANDOM, &out, &size, 1, 0), 0);
        CHECK_EQ(open_dump(&g, &dio_format_elf, out.data, size), 0);
        CHECK_EQ(g.d.info->end_addr, f.d.info->end_addr);
        close_dump(&g);
        sink_free(&out);
        close_dump(&f);
        free(m.p);
    }
}

/* 70000 islands: the writer itself needs PN_XNUM, and ELF64 for a 32-bit machine. */
static void test_write_xnum(void)
{
    enum { N = 70000 };
    struct image m;
    struct fixture f, g;
    struct sink out;
    uint64_t size;
    image_start(&m, 0x2000 + N * 32, 4, DUMPIO_LITTLE, 3, 0x2000);
    put(&m, 32, 4, 0x800);
    put(&m, 48, 2, 1);
    put(&m, 0x800 + 28, 4, N);
    for (unsigned i = 0; i < N; i++)
        segment(&m, 1, i == 30000 ? 0x1000 : 0, 0x1000 + 0x2000 * (uint64_t)i,
                i == 30000 ? 0x1000 : 0, 0x1000);
    memset(m.p + 0x1000, 7, 0x1000);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
    CHECK_EQ(convert(&f, &dio_format_elf, DIO_RANDOM, &out, &size, 1, 0), 0);
    CHECK_EQ(out.data[4], 2);
    CHECK_EQ(dio_get16(out.data + 56, DUMPIO_LITTLE), 0xffff);
    uint64_t shoff = dio_get64(out.data + 40, DUMPIO_LITTLE);
    CHECK_EQ(dio_get32(out.data + shoff + 44, DUMPIO_LITTLE), N + 1);
    /* the first PT_LOAD has the data, although excluded memory lies below */
    CHECK_EQ(dio_get64(out.data + 64 + 56 + 24, DUMPIO_LITTLE), 0x1000 + 0x2000 * 30000ull);
    CHECK_EQ(open_dump(&g, &dio_format_elf, out.data, size), 0);
    CHECK_EQ(g.d.info->file_word, 8);
    CHECK_EQ(g.d.info->word, 4);
    same_contents(&f, &g);
    close_dump(&g);
    sink_free(&out);
    close_dump(&f);
    free(m.p);
}

/* What crash and gdb ask of the headers. */
static void test_written_headers(void)
{
    struct image m;
    struct fixture f;
    struct sink out;
    uint64_t size;
    make_mixed(&m, 8, DUMPIO_LITTLE);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
    CHECK_EQ(convert(&f, &dio_format_elf, DIO_FORWARD, &out, &size, 1, 0x12000), 0);
    const uint8_t *ph = out.data + 64;
    CHECK_EQ(dio_get64(out.data + 32, DUMPIO_LITTLE), 64);
    CHECK_EQ(dio_get16(out.data + 52, DUMPIO_LITTLE), 64);
    CHECK_EQ(dio_get16(out.data + 56, DUMPIO_LITTLE), 7);
    CHECK_EQ(dio_get32(ph, DUMPIO_LITTLE), 4);
    ph += 56; /* the kernel image, cut where the stored memory ends */
    uint64_t text = dio_get64(ph + 8, DUMPIO_LITTLE);
    CHECK_EQ(dio_get64(ph + 16, DUMPIO_LITTLE), 0xffffffff81000000);
    CHECK_EQ(dio_get64(ph + 24, DUMPIO_LITTLE), 0x12000);
    CHECK_EQ(dio_get64(ph + 32, DUMPIO_LITTLE), 0x1000);
    CHECK_EQ(dio_get64(ph + 48, DUMPIO_LITTLE), 0);
    CHECK(!memcmp(out.data + text, m.p + 0x3000, PAGE));
    ph += 56;
    CHECK_EQ(dio_get64(ph + 8, DUMPIO_LITTLE) % 4096, 0);
    CHECK_EQ(dio_get64(ph + 16, DUMPIO_LITTLE), 0x40001000);
    CHECK_EQ(dio_get64(ph + 32, DUMPIO_LITTLE), 0x1c00);
    CHECK_EQ(dio_get64(ph + 48, DUMPIO_LITTLE), 0);
    ph += 56;
    CHECK_EQ(text, dio_get64(ph + 8, DUMPIO_LITTLE) + 0x2000);
    CHECK_EQ(dio_get64(ph + 40, DUMPIO_LITTLE), 0x5000);
    sink_free(&out);
    CHECK_EQ(convert(&f, &dio_format_elf, DIO_RANDOM, &out, &size, 1, 0x10000), 0);
    CHECK_EQ(dio_get64(out.data + 64 + 56 + 32, DUMPIO_LITTLE), 0x2000); /* not the whole segment */
    sink_free(&out);
    close_dump(&f);
    free(m.p);
}

/* A 32-bit netdump header before more memory than it can say. */
static void test_linear_netdump(void)
{
    struct image m;
    struct fixture f;
    uint8_t page[PAGE];
    image_start(&m, 0x2000, 4, DUMPIO_LITTLE, 3, 52);
    segment(&m, 4, 0x200, 0, 0, 0);
    segment(&m, 1, 0x1000, 0, 0x1000, 0x1000);
    put(&m, 52 + 32 + 28, 4, 4096); /* p_align */
    memset(m.p + 0x1000, 5, 0x1000);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
    CHECK_STR(runs(&f), "P0-1000");
    CHECK_STR(f.d.info->variant, "netdump");
    close_dump(&f);
    put(&m, 52 + 32 + 4, 4, 0x1010); /* not at a page boundary: crash takes it for kdump */
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
    CHECK_STR(f.d.info->variant, "kdump");
    close_dump(&f);
    put(&m, 52 + 32 + 4, 4, 0x1000);
    f = (struct fixture){.src = {.b = {&sparse_ops, 0x1800001000, "image", 0, 0}, .data = m.p,
                                 .stored = m.size}};
    f.part = &f.src.b;
    struct dio_input in = {&f.part, 1, &f.options, NULL};
    f.d.format = &dio_format_elf;
    CHECK_EQ(dio_model_new(&f.d.model, &f.err), 0);
    CHECK_EQ(dio_format_elf.open(&f.d.self, &in, f.d.model, NULL, &f.err), 0);
    f.d.info = dio_model_info(f.d.model);
    CHECK_STR(runs(&f), "P0-1800000000");
    CHECK_EQ(read_page(&f, 0, page), DIO_DATA);
    CHECK_EQ(page[77], 5);
    CHECK_EQ(read_page(&f, 0x1234567000, page), DIO_ZERO);
    close_dump(&f);
    free(m.p);
}

static void test_refused(void)
{
    struct image m;
    struct fixture f;
    make_mixed(&m, 8, DUMPIO_LITTLE);
    put(&m, 54, 2, 64);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), DUMPIO_E_CORRUPT);
    close_dump(&f);
    put(&m, 54, 2, 56);
    put(&m, 32, 8, m.size);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), DUMPIO_E_TRUNCATED);
    close_dump(&f);
    put(&m, 32, 8, 200);
    for (size_t i = 0; i < 8; i++)
        put(&m, 200 + i * 56 + 24, 8, 0);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), DUMPIO_E_UNSUPPORTED);
    CHECK(strstr(f.err.message, "physical address 0") != NULL);
    close_dump(&f);
    put(&m, 16, 2, 2);
    CHECK_EQ(dio_format_elf.probe(m.p, m.size), 0);
    free(m.p);
}

static void test_raw(void)
{
    uint8_t mem[3 * PAGE + 100];
    struct fixture f, g;
    struct sink out;
    uint64_t size;
    for (size_t i = 0; i < sizeof mem; i++)
        mem[i] = i / PAGE == 1 ? 0 : (uint8_t)(i * 31 + 1);
    CHECK_EQ(dio_format_raw.probe(mem, sizeof mem), 0);
    CHECK_EQ(open_dump(&f, &dio_format_raw, mem, sizeof mem), 0);
    CHECK_STR(runs(&f), "P0-3064");
    CHECK_EQ(convert(&f, &dio_format_raw, DIO_FORWARD, &out, &size, 1, 0), 0);
    CHECK_EQ(size, sizeof mem);
    CHECK(!memcmp(out.data, mem, sizeof mem));
    sink_free(&out);
    CHECK_EQ(convert(&f, &dio_format_elf, DIO_RANDOM, &out, &size, 1, 0), 0);
    CHECK_EQ(open_dump(&g, &dio_format_elf, out.data, size), 0);
    CHECK_STR(runs(&g), "P0-3064");
    same_contents(&f, &g);
    close_dump(&g);
    sink_free(&out);
    /* marks of another image, which some other tool took along, are not true of this one */
    CHECK_EQ(dio_model_add_note(f.d.model, "DUMPIO", 3, "present 0 1000\n", 15, &f.err), 0);
    CHECK_EQ(convert(&f, &dio_format_elf, DIO_RANDOM, &out, &size, 1, 0), 0);
    CHECK_EQ(open_dump(&g, &dio_format_elf, out.data, size), 0);
    CHECK_STR(runs(&g), "P0-3064");
    close_dump(&g);
    sink_free(&out);
    close_dump(&f);
    struct image m;
    make_mixed(&m, 8, DUMPIO_LITTLE);
    CHECK_EQ(open_dump(&f, &dio_format_elf, m.p, m.size), 0);
    CHECK_EQ(convert(&f, &dio_format_raw, DIO_RANDOM, &out, &size, 1, 0), 0);
    CHECK_EQ(size, 0x31000);
    CHECK(!memcmp(out.data + 0x1000, m.p + 0x4000, 0x1c00));
    CHECK(!memcmp(out.data + 0x21000, m.p + 0x6000, 0x1000));
    sink_free(&out);
    close_dump(&f);
    free(m.p);
}

int main(void)
{
    batch = dio_batch_new();
    test_mixed();
    test_truncation();
    test_round_trips();
    test_lost();
    test_damage_and_holes();
    test_search_past_holes();
    test_many_segments();
    test_write_xnum();
    test_written_headers();
    test_linear_netdump();
    test_refused();
    test_raw();
    dio_batch_free(batch);
    return unit_result();
}
