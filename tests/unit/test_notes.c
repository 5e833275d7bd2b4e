/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Note streams: register notes of every architecture in both byte orders, names with and without
 * NUL, damage, and what the writer makes. The NT_PRSTATUS layouts are spelled out here once more.
 * Layouts: the kernel's elfcore.h and each architecture's elf_gregset_t.
 */
#include "model_core.h"
#include "plug/decode.h"
#include "unit.h"

#include <stdlib.h>

enum { LE = DUMPIO_LITTLE, BE = DUMPIO_BIG };

struct layout {
    const char *arch;
    unsigned word, descsz, words; /* words of pr_reg; s390x has 16 half words among them */
};

static const struct layout layouts[] = {
    {"x86_64", 8, 336, 27}, {"i386", 4, 144, 17},    {"aarch64", 8, 392, 34},
    {"arm", 4, 148, 18},    {"ppc64", 8, 504, 48},   {"s390x", 8, 336, 27},
    {"ppc", 4, 268, 48},    {"riscv64", 8, 376, 32}, {"ia64", 8, 1144, 128},
    {"mips", 4, 256, 45},   {"mips64", 8, 480, 45},  {"loongarch64", 8, 480, 45},
};
#define N_LAYOUTS (sizeof layouts / sizeof layouts[0])

/* ---- bytes made without the library ---------------------------------------------------------- */

struct bytes {
    uint8_t p[16384];
    size_t n;
};

static void put(struct bytes *b, int order, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        b->p[b->n + (order == BE ? size - 1 - i : i)] = (uint8_t)(v >> (8 * i));
    b->n += size;
}

static void pad(struct bytes *b, size_t align)
{
    while (b->n % align)
        b->p[b->n++] = 0;
}

/* Every field gets another value, whose bytes all differ. */
static uint64_t field_value(unsigned *counter, unsigned cpu)
{
    ++*counter;
    return 0x0123456789abcdefull * (2 * *counter + 1) + cpu;
}

struct prstatus {
    struct bytes all, regs;
    int32_t pid;
};

static void make_prstatus(struct prstatus *s, const struct layout *l, int order, unsigned cpu)
{
    unsigned counter = 0;
    memset(s, 0, sizeof *s);
    struct bytes *b = &s->all;
    for (int i = 0; i < 3; i++)
        put(b, order, 4, field_value(&counter, cpu));
    put(b, order, 2, field_value(&counter, cpu));
    pad(b, 4);
    put(b, order, l->word, field_value(&counter, cpu));
    put(b, order, l->word, field_value(&counter, cpu));
    s->pid = (int32_t)(1000 + cpu);
    put(b, order, 4, (uint64_t)s->pid);
    for (int i = 0; i < 3; i++)
        put(b, order, 4, field_value(&counter, cpu));
    for (int i = 0; i < 8; i++)
        put(b, order, l->word, field_value(&counter, cpu));
    if (!strcmp(l->arch, "s390x")) {
        for (int i = 0; i < 18; i++)
            put(&s->regs, order, 8, field_value(&counter, cpu));
        for (int i = 0; i < 16; i++)
            put(&s->regs, order, 4, field_value(&counter, cpu));
        put(&s->regs, order, 8, field_value(&counter, cpu));
    } else {
        for (unsigned i = 0; i < l->words; i++)
            put(&s->regs, order, l->word, field_value(&counter, cpu));
    }
    memcpy(b->p + b->n, s->regs.p, s->regs.n);
    b->n += s->regs.n;
    put(b, order, 4, 1);
    pad(b, l->word);
}

static void put_note(struct bytes *b, int order, const char *name, size_t namesz, uint32_t type,
                     const void *data, size_t len)
{
    put(b, order, 4, namesz);
    put(b, order, 4, len);
    put(b, order, 4, type);
    for (size_t i = 0; i < namesz; i++)
        b->p[b->n++] = i < strlen(name) ? (uint8_t)name[i] : 0;
    pad(b, 4);
    if (len)
        memcpy(b->p + b->n, data, len);
    b->n += len;
    pad(b, 4);
}

static struct dio_model *new_model(const char *arch, int order, unsigned word)
{
    struct dio_model *m = NULL;
    if (dio_model_new(&m, NULL))
        exit(1);
    struct dumpio_info *info = dio_model_info(m);
    info->arch = arch;
    info->order = (enum dumpio_order)order;
    info->word = word;
    return m;
}

static int parse(struct dio_model *m, const struct bytes *b, int order)
{
    return dio_notes_parse(m, b->p, b->n, (enum dumpio_order)order, 0x1000, NULL, NULL);
}

static bool built_as(const struct dumpio_info *info, const struct dio_notes_request *request,
                     const struct bytes *expected)
{
    uint8_t *data = NULL;
    size_t len = 0;
    bool same = !dio_notes_build(info, request, &data, &len, NULL) && len == expected->n &&
                !memcmp(data, expected->p, len);
    free(data);
    return same;
}

/* ---- registers ------------------------------------------------------------------------------- */

static void check_cpu(const struct dumpio_info *info, uint32_t i, const struct prstatus *expected)
{
    CHECK(i < info->n_cpus);
    if (i >= info->n_cpus)
        return;
    const struct dumpio_cpu *cpu = &info->cpus[i];
    CHECK_EQ(cpu->pid, expected->pid);
    CHECK_EQ(cpu->has_fpregs, 1);
    CHECK_EQ(cpu->regs_len, expected->regs.n);
    CHECK(cpu->regs && !memcmp(cpu->regs, expected->regs.p, expected->regs.n));
}

static void test_registers(const struct layout *l, int note_order, int memory_order)
{
    static struct prstatus in[2], out[2];
    static struct bytes stream, other;
    stream.n = other.n = 0;
    for (unsigned i = 0; i < 2; i++) {
        make_prstatus(&in[i], l, note_order, i);
        make_prstatus(&out[i], l, memory_order, i);
        CHECK_EQ(in[i].all.n, l->descsz);
        put_note(&stream, note_order, "CORE", 5, 1, in[i].all.p, in[i].all.n);
        put_note(&other, memory_order, "CORE", 5, 1, out[i].all.p, out[i].all.n);
    }
    struct dio_model *m = new_model(l->arch, memory_order, l->word);
    const struct dumpio_info *info = dio_model_info(m);
    CHECK_EQ(parse(m, &stream, note_order), 0);
    CHECK_EQ(info->note_order, note_order);
    CHECK_EQ(info->n_notes, 2);
    CHECK_EQ(info->n_cpus, 2);
    for (unsigned i = 0; i < 2; i++)
        check_cpu(info, i, &out[i]);
    struct dio_notes_request request = {.order = (enum dumpio_order)note_order, .word = l->word};
    CHECK(built_as(info, &request, &stream));
    request.order = (enum dumpio_order)memory_order;
    CHECK(built_as(info, &request, &other));

    /* the order of the memory turns out to be another one */
    dio_model_set_order(m, memory_order == LE ? DUMPIO_BIG : DUMPIO_LITTLE);
    for (unsigned i = 0; i < 2; i++) {
        make_prstatus(&out[i], l, memory_order == LE ? BE : LE, i);
        check_cpu(info, i, &out[i]);
    }
    dio_model_free(m);
}

/* The file does not say what machine it is from until its notes were read. */
static void test_late_arch(const struct layout *l)
{
    static struct prstatus s;
    static struct bytes stream;
    stream.n = 0;
    make_prstatus(&s, l, LE, 0);
    put_note(&stream, LE, "CORE", 5, 1, s.all.p, s.all.n);
    struct dio_model *m = new_model("", 0, 0);
    struct dumpio_info *info = dio_model_info(m);
    CHECK_EQ(parse(m, &stream, LE), 0);
    CHECK_EQ(info->n_cpus, 1);
    CHECK(info->cpus && !info->cpus[0].regs);
    info->arch = l->arch;
    info->order = DUMPIO_LITTLE;
    dio_model_complete(m, NULL);
    CHECK_EQ(info->word, l->word);
    check_cpu(info, 0, &s);
    dio_model_free(m);
}

/* Registers that did not come from notes: the writer makes the notes. */
static void test_synthesised(const struct layout *l, int order, int target)
{
    static struct prstatus s[3];
    struct dio_model *m = new_model(l->arch, order, l->word), *back;
    for (unsigned i = 0; i < 3; i++) {
        make_prstatus(&s[i], l, order, i);
        struct dumpio_cpu cpu = {
            .number = i,
            .pid = s[i].pid,
            .regs = i == 1 ? NULL : s[i].regs.p,
            .regs_len = (uint32_t)s[i].regs.n,
            .has_fpregs = 1,
        };
        CHECK_EQ(dio_model_add_cpu(m, &cpu, NULL), 0);
    }
    struct dio_notes_request request = {.order = (enum dumpio_order)target, .word = l->word};
    uint8_t *data = NULL;
    size_t len = 0;
    CHECK_EQ(dio_notes_build(dio_model_info(m), &request, &data, &len, NULL), 0);
    CHECK_EQ(len, 3 * (12 + 8 + (size_t)dio_round_up(l->descsz, 4)));

    back = new_model(l->arch, order, l->word);
    const struct dumpio_info *info = dio_model_info(back);
    CHECK_EQ(dio_notes_parse(back, data, len, request.order, 0, NULL, NULL), 0);
    CHECK_EQ(info->n_cpus, 3);
    check_cpu(info, 0, &s[0]);
    memset(s[1].regs.p, 0, s[1].regs.n);
    check_cpu(info, 1, &s[1]);
    check_cpu(info, 2, &s[2]);
    free(data);
    dio_model_free(m);
    dio_model_free(back);
}

static void test_unknown_size(void)
{
    static struct bytes stream;
    uint8_t payload[200] = {1, 2, 3};
    stream.n = 0;
    put_note(&stream, LE, "CORE", 5, 1, payload, sizeof payload);
    struct dio_model *m = new_model("x86_64", LE, 8);
    const struct dumpio_info *info = dio_model_info(m);
    CHECK_EQ(parse(m, &stream, LE), 0);
    CHECK_EQ(info->n_cpus, 1);
    CHECK(info->n_cpus && !info->cpus[0].regs && !info->cpus[0].regs_len);
    CHECK_EQ(info->n_notes, 1);
    CHECK(info->n_notes && info->notes[0].len == sizeof payload);
    dio_model_free(m);
}

/* ---- other notes ----------------------------------------------------------------------------- */

static const char core_text[] = "OSRELEASE=6.1.0\nPAGESIZE=4096\nNUMBER(phys_base)=-16777216\n"
                                "CRASHTIME=1700000000\n";

static void test_order_of_notes(void)
{
    static const struct layout *l = &layouts[5];
    static struct prstatus s[2];
    static struct bytes stream;
    uint8_t extra[136];
    memset(extra, 0x5a, sizeof extra);
    stream.n = 0;
    for (unsigned i = 0; i < 2; i++) {
        make_prstatus(&s[i], l, BE, i);
        put_note(&stream, BE, "CORE", 5, 1, s[i].all.p, s[i].all.n);
        put_note(&stream, BE, "CORE", 5, 2, extra, 136);
        put_note(&stream, BE, "LINUX", 6, 0x305, extra, 4);
        put_note(&stream, BE, "LINUX", 6, 0x309, extra, 127);
    }
    put_note(&stream, BE, "VMCOREINFO", 11, 0, core_text, sizeof core_text - 1);
    struct dio_model *m = new_model("s390x", BE, 8);
    const struct dumpio_info *info = dio_model_info(m);
    CHECK_EQ(parse(m, &stream, BE), 0);
    CHECK_EQ(info->n_cpus, 2);
    CHECK_EQ(info->n_notes, 9);
    check_cpu(info, 1, &s[1]);
    struct dio_notes_request request = {.order = DUMPIO_BIG, .word = 8};
    CHECK(built_as(info, &request, &stream));
    dio_model_free(m);
}

static void test_facts(int note_order)
{
    static struct bytes stream, task, partial;
    char padded[sizeof core_text + 5] = {0}; /* NULs behind the text are no part of it */
    memcpy(padded, core_text, sizeof core_text);
    stream.n = task.n = partial.n = 0;
    put(&task, note_order, 8, 0xffff8800deadb000ull);
    put(&partial, note_order, 4, 0x01020304);
    put_note(&stream, note_order, "SNAP", 4, 4, "\1\2\3\4\5\6\7\10", 8);
    put_note(&stream, note_order, "CORE", 4, 4, task.p, task.n);
    put_note(&stream, note_order, "CORE", 4, 0x70000001, partial.p, partial.n);
    put_note(&stream, note_order, "VMCOREINFO", 11, 0, padded, sizeof padded);
    put_note(&stream, note_order, "ERASEINFO", 10, 0, "erase modules 8\n\0\0\0", 19);
    put_note(&stream, note_order, "", 0, 7, "x", 1);
    struct dio_model *m = new_model("x86_64", LE, 8);
    struct dumpio_info *info = dio_model_info(m);
    CHECK_EQ(parse(m, &stream, note_order), 0);
    CHECK_EQ(info->n_notes, 6);
    CHECK_EQ(info->n_cpus, 0);
    CHECK(info->panic_task == 0xffff8800deadb000ull);
    CHECK_STR(info->vmcoreinfo, core_text);
    CHECK_EQ(info->vmcoreinfo_len, sizeof core_text - 1);
    CHECK_EQ(info->vmcoreinfo_found, 1);
    CHECK_STR(info->eraseinfo, "erase modules 8\n");
    CHECK_EQ(info->eraseinfo_len, 16);
    CHECK_STR(info->notes[5].name, "");
    CHECK_EQ(info->truncated, 0);

    /* known payloads follow the target's order, unknown and text ones stay */
    struct dio_notes_request request = {.order = DUMPIO_LITTLE, .word = 8};
    uint8_t *data = NULL;
    size_t len = 0;
    CHECK_EQ(dio_notes_build(info, &request, &data, &len, NULL), 0);
    struct dio_model *back = new_model("x86_64", LE, 8);
    const struct dumpio_info *b = dio_model_info(back);
    CHECK_EQ(dio_notes_parse(back, data, len, DUMPIO_LITTLE, 0, NULL, NULL), 0);
    CHECK(b->panic_task == 0xffff8800deadb000ull);
    CHECK_EQ(b->n_notes, 6);
    CHECK(b->n_notes == 6 && !memcmp(b->notes[0].data, "\1\2\3\4\5\6\7\10", 8));
    CHECK(b->n_notes == 6 && dio_get32(b->notes[2].data, DUMPIO_LITTLE) == 0x01020304);
    CHECK(b->n_notes == 6 && b->notes[3].len == sizeof padded);
    free(data);
    dio_model_free(back);

    /* symbols were erased since: the old note gives way to the model's text */
    info->eraseinfo = "erase modules 8\nerase key 64\n";
    info->eraseinfo_len = (uint32_t)strlen(info->eraseinfo);
    CHECK_EQ(dio_notes_build(info, &request, &data, &len, NULL), 0);
    back = new_model("x86_64", LE, 8);
    b = dio_model_info(back);
    CHECK_EQ(dio_notes_parse(back, data, len, DUMPIO_LITTLE, 0, NULL, NULL), 0);
    CHECK_EQ(b->n_notes, 6);
    CHECK_STR(b->eraseinfo, info->eraseinfo);
    free(data);
    dio_model_free(back);
    dio_model_free(m);
}

static void test_added(int netdump)
{
    static struct bytes expected, task;
    expected.n = task.n = 0;
    put(&task, BE, 8, 0xc000000001234500ull);
    size_t nul = netdump ? 0 : 1;
    if (netdump)
        put_note(&expected, BE, "CORE", 4, 4, task.p, task.n);
    put_note(&expected, BE, "VMCOREINFO", 11, 0, core_text, sizeof core_text - 1);
    put_note(&expected, BE, "ERASEINFO", 9 + nul, 0, "erase x 1\n", 10);
    put_note(&expected, BE, "DUMPIO", 6 + nul, 1, "carried", 7);
    struct dio_model *m = new_model("ppc64", BE, 8);
    struct dumpio_info *info = dio_model_info(m);
    info->panic_task = 0xc000000001234500ull;
    info->eraseinfo = "erase x 1\n";
    info->eraseinfo_len = 10;
    CHECK_EQ(dio_model_set_vmcoreinfo(m, core_text, sizeof core_text, 2, NULL), 0);
    CHECK_EQ(info->vmcoreinfo_found, 2);
    struct dio_notes_request request = {
        .order = DUMPIO_BIG, .word = 8, .netdump = netdump, .carried = "carried", .carried_len = 7,
    };
    CHECK(built_as(info, &request, &expected));
    dio_model_free(m);
}

static void test_nothing(void)
{
    struct dio_model *m = new_model("x86_64", LE, 8);
    struct dio_notes_request request = {.order = DUMPIO_LITTLE, .word = 8};
    uint8_t *data = (uint8_t *)"";
    size_t len = 1;
    CHECK_EQ(dio_notes_build(dio_model_info(m), &request, &data, &len, NULL), 0);
    CHECK_EQ(len, 0);
    CHECK(!data);
    dio_model_free(m);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void make_mixed(struct bytes *b)
{
    static struct prstatus s;
    make_prstatus(&s, &layouts[0], LE, 0);
    b->n = 0;
    put_note(b, LE, "CORE", 4, 1, s.all.p, s.all.n);
    put_note(b, LE, "VMCOREINFO", 11, 0, core_text, sizeof core_text - 1);
    put_note(b, LE, "QEMU", 5, 0, "0123456789abcdef", 16);
    put_note(b, LE, "DUMPIO", 7, 1, "dumpio-model-1\npanic Oops\n", 26);
}

/* Cut anywhere: what is whole is there, and a cut inside a note is told. */
static void test_cuts(void)
{
    static struct bytes b;
    make_mixed(&b);
    size_t ends[4], n_ends = 0;
    for (size_t at = 0; at < b.n; n_ends++) {
        size_t name = dio_get32(b.p + at, DUMPIO_LITTLE);
        size_t data = dio_get32(b.p + at + 4, DUMPIO_LITTLE);
        at += 12 + (size_t)dio_round_up(name, 4);
        ends[n_ends] = at + data; /* the padding behind it may be missing */
        at += (size_t)dio_round_up(data, 4);
    }
    CHECK_EQ(n_ends, 4);
    for (size_t cut = 0; cut <= b.n; cut++) {
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, b.p, cut);
        struct dio_model *m = new_model("x86_64", LE, 8);
        const struct dumpio_info *info = dio_model_info(m);
        CHECK_EQ(dio_notes_parse(m, copy, cut, DUMPIO_LITTLE, 0, NULL, NULL), 0);
        int whole = (cut >= ends[0]) + (cut >= ends[1]) + (cut >= ends[2]);
        CHECK_EQ(info->n_notes, whole);
        CHECK_STR(info->panic, cut >= ends[3] ? "Oops" : "");
        if (cut == b.n)
            CHECK_EQ(info->truncated, 0);
        if (cut > ends[1] + 16 && cut < ends[2])
            CHECK_EQ(info->truncated, 1);
        dio_model_free(m);
        free(copy);
    }
}

static void test_filler_and_sizes(void)
{
    static struct bytes b;
    static const uint32_t hostile[][2] = {
        {0xffffffffu, 0}, {0, 0xffffffffu}, {0xfffffffdu, 0xfffffffdu}, {5, 0xfffffffcu},
        {0x80000000u, 0x80000000u},
    };
    make_mixed(&b);
    size_t end = b.n;
    memset(b.p + b.n, 0, 64);
    b.n += 64;
    put_note(&b, LE, "CORE", 5, 9, "late", 4);
    struct dio_model *m = new_model("x86_64", LE, 8);
    CHECK_EQ(parse(m, &b, LE), 0);
    CHECK_EQ(dio_model_info(m)->n_notes, 3);
    CHECK_EQ(dio_model_info(m)->truncated, 0);
    dio_model_free(m);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        b.n = end;
        put(&b, LE, 4, hostile[i][0]);
        put(&b, LE, 4, hostile[i][1]);
        put(&b, LE, 4, 1);
        b.n += 32;
        m = new_model("x86_64", LE, 8);
        CHECK_EQ(parse(m, &b, LE), 0);
        CHECK_EQ(dio_model_info(m)->n_notes, 3);
        CHECK_EQ(dio_model_info(m)->truncated, 1);
        dio_model_free(m);
    }
}

/* Random damage: nothing but a status comes of it, and what was read can be written. */
static void test_random(void)
{
    static struct bytes b;
    uint32_t seed = 12345;
    for (int round = 0; round < 4000; round++) {
        make_mixed(&b);
        for (int k = 0; k < 1 + round % 5; k++) {
            seed = seed * 1664525u + 1013904223u;
            b.p[(seed >> 8) % b.n] = (uint8_t)(seed >> 24);
        }
        uint8_t *copy = malloc(b.n);
        memcpy(copy, b.p, b.n);
        struct dio_model *m = new_model(round % 2 ? "x86_64" : "i386", round % 3, 8);
        int status = dio_notes_parse(m, copy, b.n, round % 7 ? DUMPIO_LITTLE : DUMPIO_BIG, 0,
                                     NULL, NULL);
        free(copy);
        CHECK_EQ(status, 0);
        dio_model_complete(m, NULL);
        struct dio_notes_request request = {.order = DUMPIO_BIG, .word = 8};
        uint8_t *data = NULL;
        size_t len = 0;
        CHECK_EQ(dio_notes_build(dio_model_info(m), &request, &data, &len, NULL), 0);
        free(data);
        dio_model_free(m);
    }
}

int main(void)
{
    for (size_t i = 0; i < N_LAYOUTS; i++) {
        test_registers(&layouts[i], LE, LE);
        test_registers(&layouts[i], BE, BE);
        test_registers(&layouts[i], LE, BE);
        test_registers(&layouts[i], BE, LE);
        test_late_arch(&layouts[i]);
        test_synthesised(&layouts[i], LE, LE);
        test_synthesised(&layouts[i], LE, BE);
        test_synthesised(&layouts[i], BE, LE);
    }
    test_unknown_size();
    test_order_of_notes();
    test_facts(LE);
    test_facts(BE);
    test_added(0);
    test_added(1);
    test_nothing();
    test_cuts();
    test_filler_and_sizes();
    test_random();
    return unit_result();
}
