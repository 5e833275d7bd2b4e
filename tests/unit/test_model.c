/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model: its fields and lists, what completion derives, and the carried block: there and back
 * for targets that hold nothing and for targets that hold notes, little room, and damage.
 * The register layouts themselves are tested in test_notes.c.
 */
#include "model_core.h"
#include "plug/decode.h"
#include "plug/format.h"
#include "unit.h"

#include <stdlib.h>

#define X86_REGS 216u
#define X86_PRSTATUS 336u

static const char core_text[] =
    "OSRELEASE=6.1.0-56\nBUILD-ID=00c0ffee\nPAGESIZE=4096\nSYMBOL(_text)=ffffffff81000000\n"
    "NUMBER(phys_base)=-16777216\nKERNELOFFSET=0\nCRASHTIME=1700000000\n";

static struct dio_model *new_model(void)
{
    struct dio_model *m = NULL;
    if (dio_model_new(&m, NULL))
        exit(1);
    return m;
}

/* ---- what a caller sees ---------------------------------------------------------------------- */

static void test_empty(void)
{
    struct dio_model *m = new_model();
    const struct dumpio_info *info = dio_model_info(m);
    CHECK_STR(info->format, "");
    CHECK_STR(info->containers, "");
    CHECK_STR(info->uts[DUMPIO_DOMAINNAME], "");
    CHECK_STR(info->vmcoreinfo, "");
    CHECK_STR(info->provenance, "");
    CHECK_EQ(info->version, -1);
    CHECK_EQ(info->panic_cpu, -1);
    CHECK(info->dump_sec == DUMPIO_UNKNOWN_TIME && info->crash_sec == DUMPIO_UNKNOWN_TIME);
    dio_model_complete(m, NULL);
    CHECK_STR(info->arch, "");
    CHECK_STR(info->uts[DUMPIO_MACHINE], "");
    CHECK_EQ(info->order, DUMPIO_ORDER_UNKNOWN);
    dio_model_free(m);
    dio_model_free(NULL);
}

static void test_fields(void)
{
    struct dio_model *m = new_model();
    struct dumpio_info *info = dio_model_info(m);
    uint8_t uts[390];
    memset(uts, 0xff, sizeof uts);
    for (unsigned i = 0; i < 6; i++)
        memcpy(uts + 65 * i, "Linux\n\x1b[1m", 11);
    memset(uts + 65, 'n', 65); /* no NUL in it */
    CHECK_EQ(dio_model_uts(m, uts, NULL), 0);
    CHECK_STR(info->uts[DUMPIO_SYSNAME], "Linux??[1m");
    CHECK_EQ(strlen(info->uts[DUMPIO_NODENAME]), 65);
    CHECK_EQ(strlen(dio_model_field(m, "", 0)), 0);

    size_t len;
    CHECK(!dio_info_extra(info, "lkcd.flags", &len));
    CHECK_EQ(dio_model_add_extra(m, NULL, "lkcd.device", "0x%x", 0x803), 0);
    CHECK_EQ(dio_model_add_extra(m, NULL, "lkcd.flags", "%s", "a\nb=c"), 0);
    CHECK_STR(info->extras, "lkcd.device=0x803\nlkcd.flags=a?b=c\n");
    const char *v = dio_info_extra(info, "lkcd.flags", &len);
    CHECK(v && len == 5 && !memcmp(v, "a?b=c", 5));
    CHECK(!dio_info_extra(info, "device", &len));
    CHECK(!dio_info_extra(info, "lkcd", &len));

    char *big = malloc(100000);
    memset(big, 'x', 100000);
    const char *copy = dio_model_text(m, big, 100000);
    memset(big, 'y', 100000);
    CHECK(copy && strlen(copy) == 100000 && copy[99999] == 'x');
    free(big);
    dio_model_free(m);
}

/* Lists grow, and what was put in stays where the info points. */
static void test_lists(void)
{
    struct dio_model *m = new_model();
    struct dumpio_info *info = dio_model_info(m);
    info->unit = 4096;
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t regs[8];
        memset(regs, (int)(i & 0xff), sizeof regs);
        struct dumpio_cpu cpu = {.number = i, .regs = regs, .regs_len = sizeof regs};
        CHECK_EQ(dio_model_add_cpu(m, &cpu, NULL), 0);
        CHECK_EQ(dio_model_add_note(m, "N", i, &i, sizeof i, NULL), 0);
        uint64_t page = (uint64_t)(999 - i) * 4096;
        CHECK_EQ(dio_model_add_partial(m, page + 16, page + 32, NULL), 0);
    }
    CHECK_EQ(dio_model_add_partial(m, 4096 + 32, 4096 + 64, NULL), 0);     /* touches */
    CHECK_EQ(dio_model_add_partial(m, 2 * 4096, 3 * 4096, NULL), 0);       /* the whole page */
    CHECK_EQ(dio_model_add_partial(m, 4 * 4096 - 1, 4 * 4096 + 1, NULL), 0); /* two pages */
    dio_model_complete(m, NULL);
    CHECK_EQ(info->n_cpus, 1000);
    CHECK_EQ(info->nr_cpus, 1000);
    CHECK(info->cpus[777].regs[7] == (777 & 0xff) && info->cpus[777].number == 777);
    uint32_t stored;
    memcpy(&stored, info->notes[777].data, 4);
    CHECK_EQ(stored, 777);
    CHECK_EQ(info->n_partials, 999);
    CHECK_EQ(info->partials[0].start, 16);
    CHECK_EQ(info->partials[1].end, 4096 + 64);
    CHECK_EQ(info->partials[2].start, 3 * 4096 + 16);
    dio_model_free(m);
}

/* ---- completion ------------------------------------------------------------------------------ */

static void check_machine(const char *machine, const char *arch, int order, unsigned word)
{
    struct dio_model *m = new_model();
    struct dumpio_info *info = dio_model_info(m);
    info->uts[DUMPIO_MACHINE] = machine;
    dio_model_complete(m, NULL);
    CHECK_STR(info->arch, arch);
    CHECK_EQ(info->order, order);
    CHECK_EQ(info->word, word);
    CHECK_STR(info->uts[DUMPIO_MACHINE], machine);
    dio_model_free(m);
}

static void check_arch(const char *arch, int order, const char *machine)
{
    struct dio_model *m = new_model();
    struct dumpio_info *info = dio_model_info(m);
    info->arch = arch;
    info->file_order = (enum dumpio_order)order;
    info->uts[DUMPIO_MACHINE] = "Unknown";
    dio_model_complete(m, NULL);
    CHECK_EQ(info->order, order);
    CHECK_EQ(info->note_order, order);
    CHECK_STR(info->uts[DUMPIO_MACHINE], machine);
    dio_model_free(m);
}

static void test_machines(void)
{
    check_machine("x86_64", "x86_64", DUMPIO_LITTLE, 8);
    check_machine("i586", "i386", DUMPIO_LITTLE, 4);
    check_machine("i686", "i386", DUMPIO_LITTLE, 4);
    check_machine("arm64", "aarch64", DUMPIO_LITTLE, 8);
    check_machine("aarch64", "aarch64", DUMPIO_LITTLE, 8);
    check_machine("armv7l", "arm", DUMPIO_LITTLE, 4);
    check_machine("armv6b", "arm", DUMPIO_BIG, 4);
    check_machine("ppc64", "ppc64", DUMPIO_BIG, 8);
    check_machine("ppc64le", "ppc64", DUMPIO_LITTLE, 8);
    check_machine("ppc", "ppc", DUMPIO_BIG, 4);
    check_machine("s390x", "s390x", DUMPIO_BIG, 8);
    check_machine("riscv64", "riscv64", DUMPIO_LITTLE, 8);
    check_machine("ia64", "ia64", DUMPIO_LITTLE, 8);
    check_machine("loongarch64", "loongarch64", DUMPIO_LITTLE, 8);
    check_machine("mips64", "mips64", DUMPIO_BIG, 8);
    check_machine("vax", "", DUMPIO_ORDER_UNKNOWN, 0);
    check_arch("x86_64", DUMPIO_LITTLE, "x86_64");
    check_arch("i386", DUMPIO_LITTLE, "i686");
    check_arch("ppc64", DUMPIO_LITTLE, "ppc64le");
    check_arch("ppc64", DUMPIO_BIG, "ppc64");
    check_arch("arm", DUMPIO_BIG, "armv7b");
    check_arch("mips64", DUMPIO_LITTLE, "mips64");
    CHECK(dio_arch_by_elf(62) == dio_arch_by_name("x86_64"));
    CHECK(dio_arch_by_elf(22) == dio_arch_by_name("s390x"));
    CHECK(dio_arch_by_elf(21) == dio_arch_by_name("ppc64"));
    CHECK(!dio_arch_by_elf(0));
    CHECK(!dio_arch_by_name("") && !dio_arch_by_name(NULL) && !dio_arch_by_uts("", NULL));
    CHECK_STR(dio_arch_uts("", DUMPIO_LITTLE), "");
}

static void test_from_vmcoreinfo(void)
{
    struct dio_model *m = new_model();
    struct dumpio_info *info = dio_model_info(m);
    info->arch = "x86_64";
    info->phys_base = 0x16777216; /* as QEMU's sub-header misreads it */
    info->has_phys_base = 1;
    info->unit = info->page_size = 65536;
    CHECK_EQ(dio_model_set_vmcoreinfo(m, core_text, strlen(core_text) + 1, 1, NULL), 0);
    dio_model_complete(m, NULL);
    CHECK_EQ(info->vmcoreinfo_len, strlen(core_text));
    CHECK_STR(info->uts[DUMPIO_RELEASE], "6.1.0-56");
    CHECK_STR(info->build_id, "00c0ffee");
    CHECK_EQ(info->crash_sec, 1700000000);
    CHECK(info->phys_base == (uint64_t)-16777216);
    CHECK_EQ(info->page_size, 4096);
    CHECK_EQ(info->unit, 65536);
    dio_model_free(m);

    m = new_model();
    info = dio_model_info(m);
    static const char bad[] = "PAGESIZE=4097\nCRASHTIME=soon\nNUMBER(phys_base)=\nOSRELEASE=";
    CHECK_EQ(dio_model_set_vmcoreinfo(m, bad, strlen(bad), 1, NULL), 0);
    dio_model_complete(m, NULL);
    CHECK_EQ(info->page_size, 0);
    CHECK(info->crash_sec == DUMPIO_UNKNOWN_TIME);
    CHECK_EQ(info->has_phys_base, 0);
    CHECK_STR(info->uts[DUMPIO_RELEASE], "");
    dio_model_free(m);
}

static void test_panic_cpu(void)
{
    struct dio_model *m = new_model();
    struct dumpio_info *info = dio_model_info(m);
    for (uint32_t i = 0; i < 3; i++) {
        struct dumpio_cpu cpu = {.number = i, .task = 0x1000 + i};
        CHECK_EQ(dio_model_add_cpu(m, &cpu, NULL), 0);
    }
    info->panic_task = 0x1002;
    info->panic_cpu = 99; /* damage */
    dio_model_complete(m, NULL);
    CHECK_EQ(info->panic_cpu, 2);
    dio_model_free(m);
}

/* ---- two models ------------------------------------------------------------------------------ */

#define SAME_STR(f) CHECK_STR(a->f, b->f)
#define SAME_NUM(f) CHECK_EQ(a->f, b->f)

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (!a_len || !memcmp(a, b, a_len));
}

static void check_lists(const struct dumpio_info *a, const struct dumpio_info *b)
{
    SAME_NUM(n_cpus);
    for (uint32_t i = 0; i < a->n_cpus && i < b->n_cpus; i++) {
        SAME_NUM(cpus[i].number);
        SAME_NUM(cpus[i].pid);
        SAME_NUM(cpus[i].task);
        SAME_NUM(cpus[i].stack);
        SAME_NUM(cpus[i].stack_ptr);
        SAME_NUM(cpus[i].has_fpregs);
        CHECK(!a->cpus[i].regs == !b->cpus[i].regs);
        CHECK(same_bytes(a->cpus[i].regs, a->cpus[i].regs_len, b->cpus[i].regs,
                         b->cpus[i].regs_len));
    }
    SAME_NUM(n_notes);
    for (uint32_t i = 0; i < a->n_notes && i < b->n_notes; i++) {
        SAME_STR(notes[i].name);
        SAME_NUM(notes[i].type);
        CHECK(same_bytes(a->notes[i].data, a->notes[i].len, b->notes[i].data, b->notes[i].len));
    }
    SAME_NUM(n_partials);
    for (uint32_t i = 0; i < a->n_partials && i < b->n_partials; i++) {
        SAME_NUM(partials[i].start);
        SAME_NUM(partials[i].end);
    }
}

static void check_same(const struct dumpio_info *a, const struct dumpio_info *b)
{
    SAME_STR(arch);
    SAME_NUM(order);
    SAME_NUM(note_order);
    SAME_NUM(word);
    SAME_NUM(page_size);
    SAME_NUM(nr_cpus);
    for (int i = 0; i < DUMPIO_UTS_FIELDS; i++)
        SAME_STR(uts[i]);
    SAME_STR(build_id);
    CHECK(same_bytes(a->vmcoreinfo, a->vmcoreinfo_len, b->vmcoreinfo, b->vmcoreinfo_len));
    SAME_NUM(vmcoreinfo_found);
    SAME_NUM(phys_base);
    SAME_NUM(has_phys_base);
    SAME_NUM(page_offset);
    SAME_STR(panic);
    SAME_NUM(panic_task);
    SAME_NUM(panic_cpu);
    SAME_NUM(dump_sec);
    SAME_NUM(dump_usec);
    SAME_NUM(crash_sec);
    SAME_NUM(dump_level);
    SAME_NUM(dump_level_kind);
    SAME_NUM(incomplete);
    CHECK(same_bytes(a->eraseinfo, a->eraseinfo_len, b->eraseinfo, b->eraseinfo_len));
    SAME_STR(extras);
    SAME_STR(provenance);
    check_lists(a, b);
}

static void fill_common(struct dumpio_info *info)
{
    static const char *const uts[DUMPIO_UTS_FIELDS] = {
        "Linux", "node 1%25", "2.4.18", "#1 SMP Tue\xc3\xa9", "x86_64", "(none)",
    };
    for (int i = 0; i < DUMPIO_UTS_FIELDS; i++)
        info->uts[i] = uts[i];
    info->arch = "x86_64";
    info->order = info->file_order = DUMPIO_LITTLE;
    info->note_order = DUMPIO_LITTLE;
    info->word = 8;
    info->unit = 4096;
    info->page_size = 4096;
    info->nr_cpus = 3;
    info->phys_base = (uint64_t)-4096;
    info->has_phys_base = 1;
    info->page_offset = 0xffff888000000000ull;
    info->panic = "Oops: 0002\nat %s [tab\t]";
    info->panic_task = 0xffff8880deadbee0ull;
    info->dump_sec = 1039000000;
    info->dump_usec = 999999;
    info->crash_sec = -5;
    info->dump_level = 8;
    info->dump_level_kind = DUMPIO_LEVEL_LKCD;
    info->incomplete = 1;
    info->build_id = "abcdef";
    info->provenance = "filtered by rule 7\nthen compressed\n";
}

static void add_common(struct dio_model *m)
{
    CHECK_EQ(dio_model_add_extra(m, NULL, "lkcd.dump_device", "%d", 2051), 0);
    CHECK_EQ(dio_model_add_extra(m, NULL, "lkcd.flags", "%s", ""), 0);
    CHECK_EQ(dio_model_add_partial(m, 0x9f000, 0x9f400, NULL), 0);
    CHECK_EQ(dio_model_add_partial(m, 0x1ffff800, 0x20000000, NULL), 0);
}

/* As from LKCD: no notes, tasks and stacks of every cpu, one of them without registers. */
static struct dio_model *make_tasks(void)
{
    struct dio_model *m = new_model();
    struct dumpio_info *info = dio_model_info(m);
    fill_common(info);
    add_common(m);
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t regs[X86_REGS];
        memset(regs, (int)(0x11 * (i + 1)), sizeof regs);
        struct dumpio_cpu cpu = {
            .number = 2 * i, .pid = 100 + (int32_t)i, .task = info->panic_task + (2 - i),
            .stack = 0xffff888012340000ull + i, .stack_ptr = 0xffffc90000000000ull + i,
            .regs = i == 1 ? NULL : regs, .regs_len = X86_REGS, .has_fpregs = i == 0,
        };
        CHECK_EQ(dio_model_add_cpu(m, &cpu, NULL), 0);
    }
    CHECK_EQ(dio_model_set_vmcoreinfo(m, "KERNELOFFSET=1000\n", 18, 1, NULL), 0);
    info->eraseinfo = "erase a 1\n";
    info->eraseinfo_len = 10;
    dio_model_complete(m, NULL);
    CHECK_EQ(info->panic_cpu, 2);
    return m;
}

/* As from ELF: everything in notes. */
static struct dio_model *make_notes(enum dumpio_order note_order)
{
    struct dio_model *m = new_model();
    struct dumpio_info *info = dio_model_info(m);
    fill_common(info);
    add_common(m);
    info->note_order = note_order;
    info->dump_level_kind = DUMPIO_LEVEL_MAKEDUMPFILE;
    info->dump_level = 31;
    info->panic_cpu = 1;
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t payload[X86_PRSTATUS];
        for (uint32_t k = 0; k < sizeof payload; k++)
            payload[k] = (uint8_t)(k * 7 + i);
        CHECK_EQ(dio_model_add_note(m, "CORE", 1, payload, sizeof payload, NULL), 0);
        CHECK_EQ(dio_note_facts(m, &info->notes[info->n_notes - 1], NULL), 0);
        CHECK_EQ(dio_model_add_note(m, "LINUX X%", 0x301 + i, payload, i, NULL), 0);
    }
    CHECK_EQ(dio_model_add_note(m, "", 0, "\n\n", 2, NULL), 0);
    CHECK_EQ(dio_model_add_note(m, "VMCOREINFO", 0, core_text, sizeof core_text, NULL), 0);
    CHECK_EQ(dio_note_facts(m, &info->notes[info->n_notes - 1], NULL), 0);
    CHECK_EQ(dio_model_add_note(m, "ERASEINFO", 0, "erase b 2\n\0", 12, NULL), 0);
    CHECK_EQ(dio_note_facts(m, &info->notes[info->n_notes - 1], NULL), 0);
    CHECK_EQ(dio_model_add_note(m, "QEMU", 0, "qemu", 5, NULL), 0);
    dio_model_complete(m, NULL);
    CHECK_EQ(info->n_cpus, 3);
    CHECK(info->phys_base == (uint64_t)-16777216);
    return m;
}

struct block {
    uint8_t *data;
    size_t len;
    char *not_held, *dropped;
};

static void build(struct block *b, const struct dumpio_info *info, unsigned holds, size_t room)
{
    CHECK_EQ(dio_carried_build(info, holds, room, &b->data, &b->len, &b->not_held, &b->dropped,
                               NULL),
             0);
    CHECK(!b->data == !b->len);
    CHECK(b->len <= room);
}

static void release(struct block *b)
{
    free(b->data);
    free(b->not_held);
    free(b->dropped);
}

static bool lists(const char *names, const char *name)
{
    return names && strstr(names, name);
}

/* ---- there and back -------------------------------------------------------------------------- */

/* A target that says nothing of itself but carries the block. */
static void test_bare_target(struct dio_model *m)
{
    const struct dumpio_info *info = dio_model_info(m);
    struct block b;
    build(&b, info, 0, SIZE_MAX);
    CHECK(!b.dropped);
    CHECK(lists(b.not_held, "panic string") && lists(b.not_held, "VMCOREINFO") &&
          lists(b.not_held, "per-CPU registers") && lists(b.not_held, "partly held pages"));
    struct dio_model *back = new_model();
    dio_model_info(back)->unit = 4096;
    CHECK_EQ(dio_model_restore(back, b.data, b.len, NULL, NULL), 0);
    dio_model_complete(back, NULL);
    check_same(info, dio_model_info(back));
    dio_model_complete(back, NULL);
    check_same(info, dio_model_info(back));

    /* the same again from what came back */
    struct block again;
    build(&again, dio_model_info(back), 0, SIZE_MAX);
    CHECK(same_bytes(again.data, again.len, b.data, b.len));
    release(&again);
    dio_model_free(back);

    /* a reader that sets fields of its own, before and after */
    back = new_model();
    struct dumpio_info *fields = dio_model_info(back);
    fields->unit = 4096;
    for (uint32_t i = 0; i < 5; i++) {
        struct dumpio_cpu cpu = {.number = i, .regs = (const uint8_t *)"12345678", .regs_len = 8};
        CHECK_EQ(dio_model_add_cpu(back, &cpu, NULL), 0);
    }
    CHECK_EQ(dio_model_restore(back, b.data, b.len, NULL, NULL), 0);
    fields->panic = "";
    fields->dump_sec = 77;
    fields->panic_task = 5;
    fields->panic_cpu = 0;
    fields->page_size = 8192;
    dio_model_complete(back, NULL);
    check_same(info, fields);
    dio_model_free(back);
    release(&b);
}

/* A target that holds notes: the block travels in its note. */
static void test_note_target(struct dio_model *m, int netdump)
{
    const struct dumpio_info *info = dio_model_info(m);
    unsigned holds = DIO_HOLDS_NOTES | DIO_HOLDS_REGS_ALL | DIO_HOLDS_VMCOREINFO |
                     DIO_HOLDS_ERASEINFO;
    struct block b;
    build(&b, info, holds, SIZE_MAX);
    CHECK(!lists(b.not_held, "VMCOREINFO") && !lists(b.not_held, "ELF notes"));
    struct dio_notes_request request = {
        .order = info->order, .word = 8, .netdump = netdump,
        .carried = b.data, .carried_len = b.len,
    };
    uint8_t *data = NULL;
    size_t len = 0;
    CHECK_EQ(dio_notes_build(info, &request, &data, &len, NULL), 0);
    struct dio_model *back = new_model();
    struct dumpio_info *fields = dio_model_info(back);
    fields->unit = 4096;
    fields->arch = "x86_64";
    fields->order = fields->file_order = DUMPIO_LITTLE;
    fields->word = 8;
    CHECK_EQ(dio_notes_parse(back, data, len, request.order, 0, NULL, NULL), 0);
    dio_model_complete(back, NULL);
    check_same(info, fields);
    free(data);
    dio_model_free(back);
    release(&b);
}

static void test_there_and_back(void)
{
    struct dio_model *m = make_tasks();
    test_bare_target(m);
    test_note_target(m, 0);
    test_note_target(m, 1);
    dio_model_free(m);
    m = make_notes(DUMPIO_LITTLE);
    test_bare_target(m);
    test_note_target(m, 0);
    dio_model_free(m);
    m = make_notes(DUMPIO_BIG);
    test_bare_target(m);
    dio_model_free(m);
}

/* What the target has a place for does not travel twice. */
static void test_not_needed(void)
{
    struct dio_model *m = make_tasks();
    struct dumpio_info *info = dio_model_info(m);
    struct block b;
    info->provenance = "";
    info->build_id = "";
    info->crash_sec = DUMPIO_UNKNOWN_TIME;
    build(&b, info, ~0u, SIZE_MAX);
    CHECK(!b.data && !b.not_held && !b.dropped);
    release(&b);
    build(&b, info, ~0u & ~DIO_HOLDS_OWN, SIZE_MAX);
    CHECK(b.data && !lists(b.not_held, "panic") && lists(b.not_held, "dump level"));
    release(&b);
    dio_model_free(m);

    /* an ordinary ELF dump, to ELF and to a format with utsname and VMCOREINFO */
    m = new_model();
    info = dio_model_info(m);
    info->arch = "x86_64";
    info->unit = info->page_size = 4096;
    CHECK_EQ(dio_model_add_note(m, "VMCOREINFO", 0, core_text, sizeof core_text - 1, NULL), 0);
    CHECK_EQ(dio_note_facts(m, &info->notes[0], NULL), 0);
    info->page_offset = 0xffff888000000000ull;
    dio_model_complete(m, NULL);
    build(&b, info, DIO_HOLDS_NOTES | DIO_HOLDS_REGS_ALL | DIO_HOLDS_VMCOREINFO, SIZE_MAX);
    CHECK(!b.data && !b.not_held && !b.dropped);
    release(&b);
    build(&b, info, DIO_HOLDS_UTS | DIO_HOLDS_VMCOREINFO, SIZE_MAX);
    CHECK_STR(b.not_held, "ELF notes");
    release(&b);
    dio_model_free(m);
}

/* ---- little room ----------------------------------------------------------------------------- */

static void test_rooms(void)
{
    static const char *const order[] = {"ELF notes", "erased symbols", "provenance", "VMCOREINFO",
                                        "per-CPU registers", "partly held pages", "panic string"};
    struct dio_model *m = make_notes(DUMPIO_LITTLE);
    const struct dumpio_info *info = dio_model_info(m);
    struct block full;
    build(&full, info, 0, SIZE_MAX);
    for (size_t room = 0; room <= full.len; room += room + 9 > full.len ? 1 : 9) {
        struct block b;
        build(&b, info, 0, room);
        bool ended = false;
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
            bool gone = lists(b.dropped, order[i]);
            CHECK(!(ended && gone)); /* the less important ones are dropped first */
            CHECK(gone != lists(b.not_held, order[i]));
            ended |= !gone;
        }
        CHECK((b.data != NULL) == ended);
        struct dio_model *back = new_model();
        dio_model_info(back)->unit = 4096;
        if (b.data)
            CHECK_EQ(dio_model_restore(back, b.data, b.len, NULL, NULL), 0);
        dio_model_complete(back, NULL);
        CHECK_STR(dio_model_info(back)->panic, ended ? info->panic : "");
        if (room == full.len)
            check_same(info, dio_model_info(back));
        dio_model_free(back);
        release(&b);
    }
    release(&full);
    dio_model_free(m);
}

/* ---- damage and later versions --------------------------------------------------------------- */

static unsigned warnings;

static void count_warning(void *user, enum dumpio_level level, const char *text)
{
    (void)user;
    (void)text;
    warnings += level == DUMPIO_WARNING;
}

static struct dio_model *restored(const char *block, size_t len)
{
    static const struct dumpio_env env = {.note = count_warning};
    struct dio_model *m = new_model();
    dio_model_info(m)->unit = 4096;
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, block, len);
    CHECK_EQ(dio_model_restore(m, copy, len, &env, NULL), 0);
    free(copy);
    dio_model_complete(m, &env);
    return m;
}

static void test_forward(void)
{
    static const char block[] =
        "dumpio-model-1\nfuture 1 2 3\n\nalone\ntext future.blob 12\npanic Wrong!\n\n"
        "panic Right\ncpu 0 7 x\ncpu 5 7 0 0 0 0 0 0\npage_size 3\nword 5\norder sideways\n"
        "panic_task -4\nphys_base 0x\ndump_time 5\npartial 9 9\nregs.0 4\n"
        "cpu 0 4294967295 -1 0xffffffffffffffff 18446744073709551615 1 0 0 further\n"
        "panic_task 18446744073709551616\nuts.sysname %4cinux%\nuts.nodename %zz%0\n";
    warnings = 0;
    struct dio_model *m = restored(block, sizeof block - 1);
    const struct dumpio_info *info = dio_model_info(m);
    CHECK_EQ(warnings, 0);
    CHECK_STR(info->panic, "Right");
    CHECK_STR(info->uts[DUMPIO_SYSNAME], "Linux%");
    CHECK_STR(info->uts[DUMPIO_NODENAME], "%zz%0");
    CHECK_EQ(info->n_cpus, 1);
    CHECK_EQ(info->word, 0);
    CHECK_EQ(info->order, 0);
    CHECK_EQ(info->page_size, 4096);
    CHECK_EQ(info->panic_task, 0);
    CHECK_EQ(info->has_phys_base, 0);
    CHECK_EQ(info->n_partials, 0);
    CHECK(info->dump_sec == DUMPIO_UNKNOWN_TIME);
    if (info->n_cpus) {
        CHECK_EQ(info->cpus[0].number, UINT32_MAX);
        CHECK_EQ(info->cpus[0].pid, -1);
        CHECK(info->cpus[0].stack == UINT64_MAX && info->cpus[0].stack_ptr == 1);
    }
    dio_model_free(m);
}

static void test_bad_blocks(void)
{
    static const char *const blocks[] = {
        "",
        "dumpio-model-",
        "dumpio-model-2\npanic X\n",
        "dumpio-model-1\npanic X",
        "dumpio-model-1\ntext vmcoreinfo 4294967295\nabc\n",
        "dumpio-model-1\ntext vmcoreinfo 3\nabcd\n",
        "dumpio-model-1\nnote A 1 -1\n\n",
        "dumpio-model-1\nnote A 1\n",
        "dumpio-model-1\ntext\n",
        "dumpio-model-1\nnote A 4294967296 0\n\n",
        "dumpio-model-1\ntext k 18446744073709551615\n\n",
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        warnings = 0;
        struct dio_model *m = restored(blocks[i], strlen(blocks[i]));
        CHECK(warnings > 0);
        CHECK_STR(dio_model_info(m)->panic, "");
        CHECK_EQ(dio_model_info(m)->n_notes, 0);
        CHECK_EQ(dio_model_info(m)->vmcoreinfo_len, 0);
        dio_model_free(m);
    }
    /* a block inside a block stays unread */
    static const char nested[] = "dumpio-model-1\nnote DUMPIO 1 26\ndumpio-model-1\npanic Deep\n\n"
                                 "note DUMPIO 2 0\n\n";
    struct dio_model *m = restored(nested, sizeof nested - 1);
    CHECK_STR(dio_model_info(m)->panic, "");
    CHECK_EQ(dio_model_info(m)->n_notes, 1);
    dio_model_free(m);
    /* fewer cpus than register notes, then more notes */
    static const char fewer[] = "dumpio-model-1\nnote CORE 1 0\n\nnote CORE 1 0\n\ncpus 0\n"
                                "note CORE 1 0\n\nnote CORE 1 0\n\ncpu 2 1 1 1 1 1 1 1\n"
                                "text regs.2 1\nx\ntext regs.3 1\ny\ntext regs. 1\nz\n";
    m = restored(fewer, sizeof fewer - 1);
    CHECK(dio_model_info(m)->n_cpus >= 2);
    dio_model_free(m);
}

static uint32_t next_random(void)
{
    static uint32_t seed = 20240229;
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Random damage to a block: no crash, and what is left can be written again. */
static void test_random(struct dio_model *m)
{
    static const char *const inserts[] = {"4294967295", "\n", " ", "-", "%", "cpus 0\n",
                                          "notes 9\n", "note CORE 1 0\n\n", "arch i386\n",
                                          "order big\n", "added_note prstatus\n"};
    struct block b;
    build(&b, dio_model_info(m), 0, SIZE_MAX);
    char *copy = malloc(b.len + 4096);
    for (int round = 0; round < 6000; round++) {
        size_t len = b.len;
        memcpy(copy, b.data, len);
        for (unsigned k = 0; k <= next_random() % 4; k++) {
            const char *text = inserts[next_random() % (sizeof inserts / sizeof inserts[0])];
            size_t at = 15 + next_random() % (len - 15), n = strlen(text);
            if (next_random() % 2) {
                memmove(copy + at + n, copy + at, len - at);
                memcpy(copy + at, text, n);
                len += n;
            } else {
                copy[at] = (char)next_random();
            }
        }
        if (next_random() % 4 == 0)
            len = next_random() % (len + 1);
        struct dio_model *back = restored(copy, len);
        struct block again;
        build(&again, dio_model_info(back), next_random(), next_random() % 8192);
        struct dio_notes_request request = {
            .order = DUMPIO_BIG, .word = 8, .carried = again.data, .carried_len = again.len,
        };
        uint8_t *data = NULL;
        size_t n = 0;
        CHECK_EQ(dio_notes_build(dio_model_info(back), &request, &data, &n, NULL), 0);
        dio_model_set_order(back, DUMPIO_BIG);
        free(data);
        release(&again);
        dio_model_free(back);
    }
    free(copy);
    release(&b);
}

int main(void)
{
    test_empty();
    test_fields();
    test_lists();
    test_machines();
    test_from_vmcoreinfo();
    test_panic_cpu();
    test_there_and_back();
    test_not_needed();
    test_rooms();
    test_forward();
    test_bad_blocks();
    struct dio_model *m = make_tasks();
    test_random(m);
    dio_model_free(m);
    m = make_notes(DUMPIO_BIG);
    test_random(m);
    dio_model_free(m);
    return unit_result();
}
