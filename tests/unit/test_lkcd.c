/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LKCD: what is written is read back, headers of old versions spelled out here once more, records
 * of every odd sort, and damage at every byte of a small dump. All on one file in memory, which is
 * why it is one long program.
 * Layouts: LKCD's linux/dump.h and asm/dump.h, crash's lkcd_dump_v1.h and _v2_v3.h.
 */
#include "batch.h"
#include "dump.h"
#include "model_core.h"
#include "plug/arch.h"
#include "plug/decode.h"
#include "unit.h"

#include <stdlib.h>

extern const struct dio_format dio_format_lkcd, dio_format_lkcd8;

#define LE DUMPIO_LITTLE
#define BE DUMPIO_BIG

#define PAGE 4096u
#define ROOM (1u << 20)

/* ---- a file in memory ------------------------------------------------------------------------ */

static uint8_t file[ROOM];
static size_t file_len;
static size_t bad_from, bad_to; /* bytes that cannot be read */

static int mem_read(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                    struct dumpio_error *err)
{
    *got = len < b->size - off ? len : (size_t)(b->size - off);
    if (off < bad_to && off + *got > bad_from)
        return dio_fail(err, DUMPIO_E_IO, off, "bad place");
    memcpy(buf, file + off, *got);
    return 0;
}

static void mem_close(struct dio_bytes *b)
{
    (void)b;
}

static const struct dio_bytes_ops mem_ops = {mem_read, NULL, mem_close, NULL};

static int mem_write(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                     struct dumpio_error *err)
{
    if (off + len > ROOM)
        return dio_fail(err, DUMPIO_E_IO, off, "full");
    CHECK(o->access != DIO_FORWARD || off >= file_len);
    memcpy(file + off, buf, len);
    if (off + len > file_len)
        file_len = (size_t)off + len;
    return 0;
}

static const struct dio_out_ops out_ops = {mem_write, NULL, NULL};

/* ---- opening --------------------------------------------------------------------------------- */

static char notes[4096]; /* all warnings since the last open */

static void take_note(void *user, enum dumpio_level level, const char *text)
{
    (void)user;
    if (level == DUMPIO_WARNING && strlen(notes) + strlen(text) + 2 < sizeof notes) {
        strcat(notes, text);
        strcat(notes, "\n");
    }
}

static const struct dumpio_env env = {.note = take_note};

struct dump {
    struct dio_bytes bytes, *part;
    struct dumpio_open_options options;
    struct dio_model *model;
    const struct dumpio_info *info;
    void *self;
    struct dumpio_error err;
};

static int open_file(struct dump *d)
{
    memset(d, 0, sizeof *d);
    notes[0] = 0;
    d->bytes = (struct dio_bytes){&mem_ops, file_len, "memory", 0, 0};
    d->part = &d->bytes;
    struct dio_input in = {&d->part, 1, &d->options, NULL};
    if (dio_model_new(&d->model, NULL))
        abort();
    int rc = dio_format_lkcd.open(&d->self, &in, d->model, &env, &d->err);
    dio_model_complete(d->model, &env);
    d->info = dio_model_info(d->model);
    return rc;
}

static void close_file(struct dump *d)
{
    if (d->self)
        dio_format_lkcd.close(d->self);
    dio_model_free(d->model);
}

static struct dio_batch *reading; /* reused, as the core does */
static struct dio_decoder decoder;

/* Kind of the page at addr; its bytes in out, or the reason in out when lost. */
static int read_page(struct dump *d, uint64_t addr, uint8_t *out)
{
    struct dio_batch *b = reading;
    uint32_t unit = d->info->unit;
    int kind = -1;
    dio_batch_reset(b);
    if (!dio_format_lkcd.fetch(d->self, addr, addr + unit, b, NULL)) {
        const struct dio_page *p = dio_batch_pages(b);
        CHECK_EQ(dio_batch_count(b), 1);
        CHECK_EQ(p->addr, addr);
        kind = p->kind;
        memset(out, 0, unit);
        if (kind == DIO_LOST)
            snprintf((char *)out, unit, "%s", (const char *)p->data);
        if (kind == DIO_DATA && dio_decode(&decoder, p, unit, out, NULL))
            kind = DIO_LOST;
    }
    return kind;
}

/* ---- contents -------------------------------------------------------------------------------- */

/* Half of it does not shrink; page 3 is zero. */
static void content(uint64_t addr, uint8_t *out, size_t n)
{
    uint32_t x = (uint32_t)(addr >> 12) * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        uint8_t random = (uint8_t)(x >> 24), step = (uint8_t)(i / 64);
        out[i] = addr == 3 * PAGE ? 0 : addr & PAGE ? random : step;
    }
}

static void check_page(struct dump *d, uint64_t addr)
{
    uint8_t want[PAGE], have[PAGE];
    content(addr, want, PAGE);
    int kind = read_page(d, addr, have);
    CHECK(kind == DIO_DATA || kind == DIO_ZERO);
    CHECK(!memcmp(want, have, PAGE));
}

static int kind_of(struct dump *d, uint64_t addr)
{
    uint8_t out[PAGE];
    return read_page(d, addr, out);
}

/* ---- what is written is read ----------------------------------------------------------------- */

static const struct dumpio_run runs[] = {
    {0, 5 * PAGE, DUMPIO_PRESENT},
    {0x100000, 0x103000, DUMPIO_PRESENT},
    {0x1234567000, 0x1234568000, DUMPIO_PRESENT},
};

static int fake_next_run(void *self, uint64_t addr, struct dumpio_run *run,
                         struct dumpio_error *err)
{
    (void)self;
    (void)err;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        if (runs[i].end > addr) {
            *run = runs[i];
            return 0;
        }
    return DUMPIO_END;
}

static const struct dio_format fake_format = {.name = "fake", .next_run = fake_next_run};

static void add_page(struct dio_batch *b, uint64_t addr, const struct dio_codec *codec,
                     void *state, uint64_t lost)
{
    uint8_t *plain = dio_batch_alloc(b, PAGE), *packed = dio_batch_alloc(b, PAGE);
    struct dio_page *p = dio_batch_add(b, addr);
    content(addr, plain, PAGE);
    size_t n = codec ? codec->pack(state, plain, PAGE, packed, PAGE - 1) : 0;
    p->kind = addr == lost ? DIO_LOST : addr == 3 * PAGE ? DIO_ZERO : DIO_DATA;
    p->data = p->kind != DIO_DATA ? NULL : n ? packed : plain;
    p->len = p->kind != DIO_DATA ? 0 : n ? (uint32_t)n : PAGE;
    p->codec = n ? codec : NULL;
}

static void write_pages(const struct dio_format *f, void *w, const struct dio_codec *codec,
                        uint64_t lost)
{
    struct dio_batch *b = dio_batch_new();
    void *state = codec ? codec->new_state(codec->level_default) : NULL;
    for (size_t r = 0; r < sizeof runs / sizeof runs[0]; r++) {
        dio_batch_reset(b);
        for (uint64_t a = runs[r].start; a < runs[r].end; a += PAGE)
            add_page(b, a, codec, state, lost);
        CHECK_EQ(f->place(w, b, NULL), 0);
        CHECK_EQ(f->store(w, b, NULL), 0);
    }
    if (state)
        codec->free_state(state);
    dio_batch_free(b);
}

static void write_dump(const struct dio_format *f, const struct dumpio_info *info,
                       const char *codec_name, enum dio_access access, const char *carried,
                       uint64_t lost)
{
    struct dumpio_dump fake = {.format = &fake_format, .info = info};
    struct dio_out out = {&out_ops, access, "memory"};
    const struct dio_codec *codec = codec_name ? dio_codec_by_name(codec_name) : NULL;
    struct dio_write_plan plan = {
        .info = info, .unit = PAGE, .codec = codec, .level = codec ? codec->level_default : 0,
        .map = dio_map_new(&fake, &(struct dio_map_options){.unit = PAGE}), .end_addr = 0x1234568000, .present_pages = 9,
        .carried = carried, .carried_len = carried ? strlen(carried) : 0,
    };
    struct dumpio_error err = {0};
    void *w = NULL;
    uint64_t size = 0;
    memset(file, 0, sizeof file);
    file_len = 0;
    CHECK_EQ(f->create(&w, &out, &plan, &env, &err), 0);
    if (w) {
        write_pages(f, w, codec, lost);
        CHECK_EQ(f->finish(w, &size, &err), 0);
        CHECK_EQ(size, file_len);
        f->free(w);
    }
    dio_map_free(plan.map);
}

/* Registers whose words all differ, zero where LKCD has no place for them. */
static struct dio_model *make_model(const char *arch, enum dumpio_order order, unsigned cpus)
{
    struct dio_model *m;
    if (dio_model_new(&m, NULL))
        abort();
    struct dumpio_info *info = dio_model_info(m);
    const struct dio_arch *a = dio_arch_by_name(arch);
    info->arch = a->name;
    info->order = order;
    info->word = a->word;
    info->unit = info->page_size = PAGE;
    info->uts[DUMPIO_RELEASE] = "6.1.0-test";
    info->uts[DUMPIO_KVERSION] = "#1 SMP";
    info->uts[DUMPIO_NODENAME] = "host";
    info->panic = "Oops: something";
    info->panic_task = 0x81234560;
    info->page_offset = a->word == 4 ? 0xc0000000 : 0xffff888000000000;
    info->dump_sec = 1700000000;
    info->dump_usec = 123456;
    info->panic_cpu = (int32_t)cpus - 1;
    for (unsigned i = 0; i < cpus; i++) {
        uint8_t regs[1024];
        for (size_t k = 0; k < sizeof regs; k++)
            regs[k] = (uint8_t)(k * 7 + i + 1);
        if (!strcmp(arch, "x86_64"))
            memset(regs + 21 * 8, 0, 6 * 8);  /* segment bases, ds es fs gs */
        if (!strcmp(arch, "i386"))
            memset(regs + 9 * 4, 0, 2 * 4);   /* fs, gs */
        if (!strcmp(arch, "ppc64"))
            memset(regs + 44 * 8, 0, 4 * 8);
        struct dumpio_cpu cpu = {.number = i, .task = i + 1 == cpus ? 0x81234560 : 0x8888000 + i,
                                 .stack = 0x1000 + i, .stack_ptr = 0x2000 + i, .regs = regs,
                                 .regs_len = a->regs_size};
        dio_model_add_cpu(m, &cpu, NULL);
    }
    return m;
}

static void check_model(const struct dumpio_info *a, const struct dumpio_info *b, bool regs)
{
    CHECK_STR(b->arch, a->arch);
    CHECK_EQ(b->order, a->order);
    CHECK_EQ(b->word, a->word);
    CHECK_EQ(b->page_size, PAGE);
    CHECK_EQ(b->end_addr, 0x1234568000);
    CHECK_STR(b->uts[DUMPIO_SYSNAME], "Linux");
    CHECK_STR(b->uts[DUMPIO_RELEASE], a->uts[DUMPIO_RELEASE]);
    CHECK_STR(b->uts[DUMPIO_MACHINE], dio_arch_uts(a->arch, a->order));
    CHECK_STR(b->panic, a->panic);
    CHECK_EQ(b->panic_task, a->panic_task);
    CHECK_EQ(b->page_offset, a->page_offset);
    CHECK_EQ(b->dump_sec, a->dump_sec);
    CHECK_EQ(b->dump_usec, a->dump_usec);
    CHECK_EQ(b->panic_cpu, a->panic_cpu);
    CHECK_EQ(b->n_cpus, a->n_cpus);
    for (uint32_t i = 0; i < a->n_cpus && i < b->n_cpus; i++) {
        CHECK_EQ(b->cpus[i].task, a->cpus[i].task);
        CHECK_EQ(b->cpus[i].stack, a->cpus[i].stack);
        CHECK_EQ(b->cpus[i].stack_ptr, a->cpus[i].stack_ptr);
        CHECK_EQ(b->cpus[i].regs_len, a->cpus[i].regs_len);
        CHECK(!regs || (b->cpus[i].regs && b->cpus[i].regs_len == a->cpus[i].regs_len &&
                        !memcmp(a->cpus[i].regs, b->cpus[i].regs, a->cpus[i].regs_len)));
    }
}

static void check_pages(struct dump *d)
{
    struct dumpio_run run;
    uint64_t at = 0;
    for (size_t r = 0; r < sizeof runs / sizeof runs[0]; r++) {
        CHECK_EQ(dio_format_lkcd.next_run(d->self, at, &run, NULL), 0);
        CHECK_EQ(run.start, runs[r].start);
        CHECK_EQ(run.end, runs[r].end);
        for (uint64_t a = run.start; a < run.end; a += PAGE)
            check_page(d, a);
        at = run.end;
    }
    CHECK_EQ(dio_format_lkcd.next_run(d->self, at, &run, NULL), DUMPIO_END);
    CHECK_EQ(dio_format_lkcd.next_run(d->self, 0x101234, &run, NULL), 0);
    CHECK_EQ(run.start, 0x101234);
    CHECK_EQ(kind_of(d, 0x200000), DIO_ABSENT);
}

static void test_roundtrip(const char *arch, enum dumpio_order order)
{
    static const char *const packers[] = {NULL, "rle", "zlib"};
    static uint8_t random_file[ROOM];
    struct dio_model *m = make_model(arch, order, 3);
    const struct dumpio_info *info = dio_model_info(m);
    struct dump d;
    for (unsigned k = 0; k < 6; k++) {
        const struct dio_format *f = k < 3 ? &dio_format_lkcd8 : &dio_format_lkcd;
        write_dump(f, info, packers[k % 3], DIO_RANDOM, k == 5 ? "dumpio-model-1\nbuild_id abcd\n"
                                                               : NULL, UINT64_MAX);
        CHECK_EQ(open_file(&d), 0);
        CHECK_STR(notes, "");
        CHECK_EQ(d.info->version, k < 3 ? 8 : 9);
        CHECK_EQ(d.info->incomplete, 0);
        CHECK_EQ(d.info->truncated, 0);
        CHECK_STR(d.info->build_id, k == 5 ? "abcd" : "");
        check_model(info, d.info, strcmp(arch, "ia64") != 0);
        check_pages(&d);
        close_file(&d);
        CHECK_EQ(dio_get32(file + 48, order), 9); /* num_dump_pages */
        size_t len = file_len;
        memcpy(random_file, file, len);
        write_dump(f, info, packers[k % 3], DIO_FORWARD,
                   k == 5 ? "dumpio-model-1\nbuild_id abcd\n" : NULL, UINT64_MAX);
        CHECK_EQ(file_len, len);
        CHECK(!memcmp(random_file, file, len));
    }
    dio_model_free(m);
}

static void test_lost_page(void)
{
    struct dio_model *m = make_model("x86_64", LE, 1);
    struct dump d;
    write_dump(&dio_format_lkcd, dio_model_info(m), "rle", DIO_RANDOM, NULL, PAGE);
    CHECK_EQ(open_file(&d), 0);
    CHECK_EQ(d.info->incomplete, 1);
    CHECK_EQ(d.info->truncated, 0);
    CHECK(strstr(notes, "marked as truncated after 8 pages"));
    CHECK_EQ(kind_of(&d, PAGE), DIO_ABSENT);
    check_page(&d, 2 * PAGE);
    close_file(&d);
    dio_model_free(m);
}

/* Too many processors for 64 KiB of headers: version 8 says so, version 9 grows. */
static void test_many_cpus(void)
{
    struct dio_model *m = make_model("x86_64", LE, 500);
    const struct dumpio_info *info = dio_model_info(m);
    struct dump d;
    notes[0] = 0;
    write_dump(&dio_format_lkcd8, info, "rle", DIO_RANDOM, NULL, UINT64_MAX);
    CHECK(strstr(notes, "no room for the registers of all 500"));
    CHECK_EQ(open_file(&d), 0);
    CHECK_EQ(d.info->n_cpus, (65536 - 734 - 192) / 192);
    CHECK_EQ(d.info->panic_cpu, -1);
    check_pages(&d);
    close_file(&d);
    write_dump(&dio_format_lkcd, info, "rle", DIO_RANDOM, NULL, UINT64_MAX);
    CHECK_EQ(dio_get64(file + 734, LE), 131072);
    CHECK_EQ(open_file(&d), 0);
    check_model(info, d.info, true);
    check_pages(&d);
    close_file(&d);
    CHECK(dio_format_lkcd8.carry_room(info) < 200);
    CHECK(dio_format_lkcd.carry_room(info) > (15u << 20));
    dio_model_free(m);
}

/* ia64's kernel_addr, 8 bytes more, stands behind the size or behind the arrays. */
static void test_kernel_addr(bool first)
{
    struct dio_model *m = make_model("ia64", LE, 2);
    struct dump d;
    write_dump(&dio_format_lkcd8, dio_model_info(m), NULL, DIO_RANDOM, NULL, UINT64_MAX);
    uint8_t *header = file + 734;
    uint32_t size = dio_get32(header + 12, LE);
    CHECK_EQ(size, 504 + 2 * 472);
    dio_put(header + 12, LE, 4, size + 8);
    if (first)
        memmove(header + 24, header + 16, size - 16);
    dio_put(first ? header + 16 : header + size, LE, 8, 0xe000000004000000);
    CHECK_EQ(open_file(&d), 0);
    check_model(dio_model_info(m), d.info, false);
    close_file(&d);
    dio_model_free(m);
}

/* ---- dumps made by hand ---------------------------------------------------------------------- */

#define RAW 1u
#define PACKED 2u
#define END 4u

static void put(size_t at, enum dumpio_order order, unsigned size, uint64_t v)
{
    dio_put(file + at, order, size, v);
}

/* A version 2 header of a 32-bit machine, records to follow at 65536. */
static void start_file(enum dumpio_order order, uint32_t version, const char *machine)
{
    static const char *const uts[] = {"Linux", "n", "2.4.18", "#1", NULL, "d"};
    size_t at = version == 1 ? 324 : 316;
    memset(file, 0, sizeof file);
    put(0, order, 8, 0xa8190173618f23ed);
    put(8, order, 4, version);
    put(12, order, 4, version == 1 ? 780 : 712);
    put(16, order, 4, 4);
    put(20, order, 4, PAGE);
    put(32, order, 8, 0xc0000000);
    memcpy(file + (version == 1 ? 60 : 52), "Oops\n", 5);
    for (int i = 0; i < 6; i++, at += 65)
        strcpy((char *)file + at, uts[i] ? uts[i] : machine);
    put(version == 1 ? 776 : 708, order, 4, 0xc0345600);
    file_len = 65536;
}

static size_t record(enum dumpio_order order, uint64_t addr, uint32_t size, uint32_t flags)
{
    size_t at = file_len;
    put(at, order, 8, addr);
    put(at + 8, order, 4, size);
    put(at + 12, order, 4, flags);
    if (flags & RAW && size == PAGE)
        content(addr & 0x3fffffff, file + at + 16, PAGE);
    file_len += 16 + size;
    return at;
}

static void test_old_versions(void)
{
    struct dump d;
    start_file(BE, 2, "ppc");
    record(BE, 0x5000, PAGE, RAW);
    record(BE, 0x1000, PAGE, RAW);
    record(BE, 0xdeadbeef, 0, END);
    memset(file + file_len, 'm', 4096);
    file_len += 4096;
    CHECK_EQ(open_file(&d), 0);
    CHECK_STR(notes, "");
    CHECK_EQ(d.info->order, BE);
    CHECK_EQ(d.info->file_word, 4);
    CHECK_STR(d.info->arch, "ppc");
    CHECK_STR(d.info->panic, "Oops");
    CHECK_EQ(d.info->dump_level, 8);
    CHECK_EQ(d.info->panic_task, 0xc0345600);
    CHECK_EQ(d.info->truncated, 0);
    CHECK_EQ(d.info->end_addr, 0x6000);
    check_page(&d, 0x1000);
    check_page(&d, 0x5000);
    close_file(&d);

    start_file(LE, 1, "i686"); /* virtual addresses, registers in the main header */
    for (uint32_t i = 0; i < 15; i++)
        put(716 + 4 * i, LE, 4, 100 + i);
    record(LE, 0xc0001000, PAGE, RAW);
    record(LE, 0, 0, END);
    CHECK_EQ(open_file(&d), 0);
    CHECK_EQ(d.info->n_cpus, 1);
    CHECK_EQ(d.info->panic_cpu, 0);
    CHECK_EQ(d.info->cpus[0].regs_len, 68);
    CHECK(d.info->cpus[0].regs && dio_get32(d.info->cpus[0].regs + 12 * 4, LE) == 110); /* eip */
    check_page(&d, 0x1000);
    close_file(&d);

    start_file(LE, 3 | 0x80000000u, "i686"); /* page numbers */
    record(LE, 5, PAGE, RAW | 0x80000000u);
    record(LE, 0, 0, END);
    content(0x5000, file + 65536 + 16, PAGE);
    CHECK_EQ(open_file(&d), 0);
    CHECK_EQ(d.info->version, 3);
    check_page(&d, 0x5000);
    close_file(&d);
}

static void test_odd_records(void)
{
    struct dump d;
    uint8_t text[PAGE];
    start_file(LE, 2, "i686");
    record(LE, 0x1000, PAGE, RAW);
    record(LE, 0x2000, 0, RAW);
    record(LE, 0x3000, 0, 0x20);
    record(LE, 0x4000, 100, RAW);
    record(LE, 0x5000, 0, PACKED);
    record(LE, 0x1000, PAGE, RAW);
    record(LE, 0x6001, PAGE, RAW);
    size_t end = record(LE, 0, 0, END);
    CHECK_EQ(open_file(&d), 0);
    CHECK(strstr(notes, "1 pages are stored more than once"));
    CHECK(strstr(notes, "0x1000 again at 0x110b4"));
    CHECK(strstr(notes, "1 page records have impossible addresses"));
    CHECK_EQ(d.info->truncated, 0);
    check_page(&d, 0x1000);
    CHECK_EQ(read_page(&d, 0x2000, text), DIO_ZERO);
    CHECK_EQ(read_page(&d, 0x3000, text), DIO_ABSENT);
    CHECK_EQ(read_page(&d, 0x4000, text), DIO_LOST);
    CHECK(strstr((char *)text, "raw page of 100 bytes"));
    CHECK_EQ(read_page(&d, 0x5000, text), DIO_LOST);
    close_file(&d);

    put(end + 8, LE, 4, PAGE + 1); /* the chain is lost here */
    put(end + 12, LE, 4, PACKED);
    CHECK_EQ(open_file(&d), 0);
    CHECK(strstr(notes, "size 4097 exceeds page size 4096"));
    CHECK_EQ(d.info->truncated, 1);
    CHECK_EQ(d.info->incomplete, 1);
    check_page(&d, 0x1000);
    close_file(&d);

    file_len = end; /* no END */
    CHECK_EQ(open_file(&d), 0);
    CHECK(strstr(notes, "without an END record"));
    CHECK_EQ(d.info->truncated, 1);
    close_file(&d);
}

/* A place that cannot be read costs the pages there, and the chain where it holds a header. */
static void test_bad_places(void)
{
    struct dump d;
    start_file(LE, 2, "i686");
    for (uint64_t a = 0; a < 4; a++)
        record(LE, a * PAGE, PAGE, RAW);
    size_t end = record(LE, 0, 0, END);
    bad_from = 65536 + 4112 + 100;
    bad_to = bad_from + 512;
    CHECK_EQ(open_file(&d), 0);
    CHECK_EQ(d.info->truncated, 0);
    check_page(&d, 0);
    CHECK_EQ(kind_of(&d, PAGE), DIO_LOST);
    check_page(&d, 2 * PAGE);
    close_file(&d);
    bad_from = end;
    bad_to = end + 1;
    CHECK_EQ(open_file(&d), 0);
    CHECK_EQ(d.info->truncated, 1);
    check_page(&d, 2 * PAGE);
    close_file(&d);
    bad_from = bad_to = 0;
}

/* ---- damage everywhere ----------------------------------------------------------------------- */

/* Open and read everything; what matters is that nothing else happens. */
static void use(int *opened)
{
    struct dump d;
    struct dumpio_run run;
    uint64_t at = 0;
    uint8_t *page = malloc(DIO_PAGE_MAX);
    int rc = open_file(&d);
    CHECK(rc <= 0);
    *opened += !rc;
    for (int i = 0; !rc && i < 64 && !dio_format_lkcd.next_run(d.self, at, &run, NULL); i++) {
        CHECK(run.end > at && run.start < run.end);
        CHECK(run.end <= d.info->end_addr);
        for (uint64_t a = run.start; a < run.end; a += d.info->unit)
            CHECK(read_page(&d, a, page) > 0);
        at = run.end;
    }
    close_file(&d);
    free(page);
}

static void test_damage(void)
{
    struct dio_model *m = make_model("i386", LE, 2);
    int opened = 0;
    write_dump(&dio_format_lkcd8, dio_model_info(m), "rle", DIO_RANDOM,
               "dumpio-model-1\nbuild_id abcd\n", UINT64_MAX);
    size_t whole = file_len;
    for (size_t n = whole; n-- > 65536 - 8;) { /* records; the headers are cut below */
        file_len = n;
        use(&opened);
    }
    CHECK_EQ(opened, whole - (65536 - 8));
    opened = 0;
    for (size_t n = 0; n < 2000; n++) {
        file_len = n;
        use(&opened);
    }
    CHECK_EQ(opened, 2000 - 734);
    file_len = whole;
    for (size_t i = 0; i < whole; i += i < 2000 || i >= 65536 ? 1 : 61) {
        static const uint8_t flips[] = {0x01, 0x80, 0xff};
        for (int k = 0; k < (i < 2000 ? 3 : 1); k++) {
            file[i] ^= flips[k];
            use(&opened);
            file[i] ^= flips[k];
        }
    }
    use(&opened);
    dio_model_free(m);
}

static void test_probe(void)
{
    uint8_t head[16] = {0xed, 0x23, 0x8f, 0x61, 0x73, 0x01, 0x19, 0xa8, 8};
    struct dump d;
    CHECK_EQ(dio_format_lkcd.probe(head, 16), 100);
    CHECK_EQ(dio_format_lkcd.probe(head, 7), 0);
    head[0] = 0xcd;
    CHECK_EQ(dio_format_lkcd.probe(head, 16), 100);
    head[0] = 0xfd; /* s390 stand-alone */
    CHECK_EQ(dio_format_lkcd.probe(head, 16), 0);
    start_file(LE, 11, "i686");
    CHECK_EQ(open_file(&d), DUMPIO_E_UNSUPPORTED);
    close_file(&d);
    start_file(LE, 2, "i686");
    put(20, LE, 4, 5000);
    CHECK_EQ(open_file(&d), DUMPIO_E_CORRUPT);
    close_file(&d);
}

int main(void)
{
    reading = dio_batch_new();
    test_probe();
    test_roundtrip("x86_64", LE);
    test_roundtrip("i386", LE);
    test_roundtrip("ppc64", BE);
    test_roundtrip("ppc64", LE);
    test_roundtrip("s390x", BE);
    test_roundtrip("aarch64", LE);
    test_roundtrip("ia64", LE);
    test_lost_page();
    test_many_cpus();
    test_kernel_addr(true);
    test_kernel_addr(false);
    test_old_versions();
    test_odd_records();
    test_bad_places();
    test_damage();
    dio_decoder_free(&decoder);
    dio_batch_free(reading);
    return unit_result();
}
