/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LKCD architecture header: registers, tasks and stacks of every processor.
 * Reference: LKCD's asm/dump.h of versions 8 and 9, crash's lkcd_dump_*.h, the kernel's ptrace.h.
 * Not handled: versions 5 to 7 (no definition known), registers of s390x, ia64's f6 to f11.
 */
#include "lkcd.h"

#include <stdlib.h>

#define MAGIC 0xdeaddeadu
#define MAGIC_S390 0x733339302d64756du /* "s390-dum": written by zfcpdump */
#define FIXED 16u                      /* magic, version, header size */
#define OWN_VERSION 0x646d7069u        /* "dmpi": of architectures that LKCD never defined */
#define NO_CPU UINT32_MAX
#define SLOTS_MAX 65536u
#define NONE 255u
#define EARLY_REGS 24u                 /* versions 2 and 3 on i386: one set of registers here */

/* Places in elf_gregset of the words of the kernel's pt_regs. */
static const uint8_t i386_words[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16};
static const uint8_t ia64_words[] = {
    /* b6, b7, csd, ssd, r8 to r11, ipsr, iip, ifs, unat, pfs, rsc, rnat, bspstore */
    40, 41, 55, 56, 8, 9, 10, 11, 44, 42, 43, 50, 52, 45, 48, 47,
    /* pr, b0, loadrs, r1, r12, r13, fpsr, r15, r14, r2, r3 */
    33, 34, NONE, 1, 12, 13, 51, 15, 14, 2, 3,
    /* r16 to r31, ccv, f6 to f11 */
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 49,
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
};

struct shape {
    uint32_t version;     /* to write */
    uint16_t regs_at;     /* registers of the dumping cpu; 0 = no such copy */
    uint16_t cpus_at;     /* u32 smp_num_cpus, u32 dumping_cpu; the arrays follow */
    uint16_t regs_len;    /* bytes per cpu */
    uint16_t greg_len;    /* bytes of the elf_gregset that it becomes */
    const uint8_t *words; /* see above; NULL: the first words are the same */
    unsigned word;
};

static void shape_of(struct shape *s, const char *arch_name)
{
    static const struct {
        const char *arch;
        struct shape shape;
    } known[] = {
        {"i386", {3, 24, 84, 60, 0, i386_words, 4}},
        {"x86_64", {2, 16, 184, 168, 0, NULL, 8}},
        {"ppc64", {5, 16, 368, 352, 0, NULL, 8}},
        {"ia64", {4, 24, 496, 448, 0, ia64_words, 8}},
    };
    const struct dio_arch *arch = dio_arch_by_name(arch_name);
    *s = (struct shape){OWN_VERSION, 0, FIXED, 0, 0, NULL, 8};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(known[i].arch, arch_name))
            *s = known[i].shape;
    if (!arch)
        return;
    s->greg_len = arch->regs_size;
    if (s->version == OWN_VERSION) {
        s->regs_len = arch->regs_size;
        s->word = arch->word;
    }
}

/* Four arrays with one element per cpu: registers, task, stack, stack_ptr. */
static size_t per_cpu(const struct shape *s)
{
    return s->regs_len + 3 * (size_t)s->word;
}

static size_t arrays_at(const struct shape *s)
{
    return s->cpus_at + 8u;
}

/* ---- registers ------------------------------------------------------------------------------- */

static size_t greg_at(const struct shape *s, size_t i)
{
    size_t place = s->words ? s->words[i] : i;
    return place == NONE ? SIZE_MAX : place * s->word;
}

static void to_gregset(const struct shape *s, const uint8_t *regs, uint8_t *greg)
{
    memset(greg, 0, s->greg_len);
    for (size_t i = 0; i < s->regs_len / s->word; i++)
        if (greg_at(s, i) != SIZE_MAX)
            memcpy(greg + greg_at(s, i), regs + i * s->word, s->word);
}

static void from_gregset(const struct shape *s, const uint8_t *greg, uint8_t *regs)
{
    for (size_t i = 0; i < s->regs_len / s->word; i++)
        if (greg_at(s, i) != SIZE_MAX)
            memcpy(regs + i * s->word, greg + greg_at(s, i), s->word);
}

static bool any_set(const uint8_t *p, size_t n)
{
    while (n)
        if (p[--n])
            return true;
    return false;
}

/* Add a cpu; registers that are all zero were never stored. */
static int add_cpu(struct dio_model *model, const struct shape *s, struct dumpio_cpu *cpu,
                   const uint8_t *regs, struct dumpio_error *err)
{
    uint8_t greg[1024];
    if (regs && s->greg_len <= sizeof greg && any_set(regs, s->regs_len)) {
        to_gregset(s, regs, greg);
        cpu->regs = greg;
        cpu->regs_len = s->greg_len;
    }
    return dio_model_add_cpu(model, cpu, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct block {
    struct shape shape;
    const uint8_t *p;     /* the header */
    size_t len;
    size_t shift;         /* ia64: 8 when kernel_addr stands before everything */
    uint32_t slots, cpus, dumping;
    enum dumpio_order order;
};

/* One register set: i386 of versions 1 to 3. */
static int read_single(struct dio_model *model, const uint8_t *regs, uint64_t task,
                       struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(model);
    struct dumpio_cpu cpu = {.task = task};
    struct shape s;
    shape_of(&s, "i386");
    if (strcmp(info->arch, "i386") || !any_set(regs, s.regs_len))
        return 0;
    info->panic_cpu = 0;
    return add_cpu(model, &s, &cpu, regs, err);
}

static bool plausible(const struct block *b, size_t shift)
{
    size_t at = b->shape.cpus_at + shift;
    uint32_t cpus = dio_get32(b->p + at, b->order), dumping = dio_get32(b->p + at + 4, b->order);
    return cpus && cpus <= b->slots && dumping < cpus;
}

/* ia64 with kernel_addr: sources differ on whether it stands first or last. */
static bool place_kernel_addr(struct block *b)
{
    bool last = plausible(b, 0), first = plausible(b, 8);
    b->shift = first ? 8 : 0;
    return first != last;
}

/* Find the arrays; false when they cannot be. */
static bool measure(struct block *b, const char *arch)
{
    shape_of(&b->shape, arch);
    size_t fixed = arrays_at(&b->shape), each = per_cpu(&b->shape);
    bool own = dio_get32(b->p + 8, b->order) == OWN_VERSION;
    if (own != (b->shape.version == OWN_VERSION) || b->len < fixed)
        return false;
    if (own && (b->len - fixed) % each) /* made for another architecture */
        return false;
    b->slots = (uint32_t)((b->len - fixed) / each);
    if (!strcmp(arch, "ia64") && b->len >= fixed + 8 && (b->len - fixed) % each == 8 &&
        !place_kernel_addr(b))
        return false;
    b->cpus = dio_get32(b->p + b->shift + b->shape.cpus_at, b->order);
    b->dumping = dio_get32(b->p + b->shift + b->shape.cpus_at + 4, b->order);
    return true;
}

static int read_cpus(const struct block *b, struct dio_model *model, struct dumpio_error *err)
{
    const struct shape *s = &b->shape;
    const uint8_t *array = b->p + b->shift + arrays_at(s);
    const uint8_t *tasks = array + b->slots * (size_t)s->regs_len;
    size_t column = b->slots * (size_t)s->word;
    for (uint32_t i = 0; i < b->cpus; i++) {
        const uint8_t *regs = array + i * (size_t)s->regs_len, *p = tasks + i * (size_t)s->word;
        if (i == b->dumping && s->regs_at && !any_set(regs, s->regs_len))
            regs = b->p + b->shift + s->regs_at;
        struct dumpio_cpu cpu = {
            .number = i,
            .task = dio_get_word(p, b->order, s->word),
            .stack = dio_get_word(p + column, b->order, s->word),
            .stack_ptr = dio_get_word(p + 2 * column, b->order, s->word),
        };
        int rc = add_cpu(model, s, &cpu, regs, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_smp(struct block *b, struct dio_model *model, uint64_t at,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(model);
    if (!measure(b, info->arch)) {
        dio_note(env, DUMPIO_DETAIL, "the architecture header at 0x%llx (version %u, %zu bytes) is "
                 "of no known form for \"%s\"", (unsigned long long)at,
                 dio_get32(b->p + 8, b->order), b->len, info->arch);
        return 0;
    }
    if (b->cpus > b->slots || b->cpus > SLOTS_MAX) {
        dio_note(env, DUMPIO_WARNING, "the architecture header at 0x%llx counts %u processors and "
                 "has room for %u", (unsigned long long)at, b->cpus, b->slots);
        b->cpus = b->slots < SLOTS_MAX ? b->slots : SLOTS_MAX;
    }
    if (b->dumping >= b->cpus && b->dumping != NO_CPU)
        dio_note(env, DUMPIO_WARNING, "the architecture header at 0x%llx: processor %u of %u is "
                 "said to have dumped", (unsigned long long)at, b->dumping, b->cpus);
    info->nr_cpus = b->cpus;
    info->panic_cpu = b->dumping < b->cpus ? (int32_t)b->dumping : -1;
    return read_cpus(b, model, err);
}

/* By magic and version of the dump: who is responsible. */
static int read_block(struct block *b, const struct dio_lkcd_head *h, struct dio_model *model,
                      uint64_t at, const struct dumpio_env *env, struct dumpio_error *err)
{
    if (dio_get64(b->p, b->order) == MAGIC_S390) {
        if (b->len >= FIXED + 4)
            dio_model_info(model)->nr_cpus = dio_get16(b->p + FIXED, b->order);
        return 0;
    }
    if (h->version >= 8)
        return read_smp(b, model, at, env, err);
    if (h->version <= 3 && b->len >= EARLY_REGS + DIO_LKCD_V1_REGS)
        return read_single(model, b->p + EARLY_REGS, h->task, err);
    return 0;
}

/* The size that the header at `at` gives itself; 0 = there is none. */
static int read_size(struct dio_bytes *src, const struct dio_lkcd_head *h, uint64_t at,
                     size_t *size, const struct dumpio_env *env, struct dumpio_error *err)
{
    uint8_t fixed[FIXED];
    size_t got;
    *size = 0;
    int rc = dio_read_some(src, at, fixed, sizeof fixed, &got, err);
    if (rc || got < sizeof fixed || !any_set(fixed, sizeof fixed))
        return rc;
    uint64_t magic = dio_get64(fixed, h->order);
    uint32_t len = dio_get32(fixed + 12, h->order);
    if (magic != MAGIC && magic != MAGIC_S390)
        dio_note(env, DUMPIO_WARNING, "no architecture header at 0x%llx, so no registers: its magic"
                 " number is 0x%llx", (unsigned long long)at, (unsigned long long)magic);
    else if (len < FIXED || len > h->data - at || len > DIO_LKCD_FRONT_MAX)
        dio_note(env, DUMPIO_WARNING, "the architecture header at 0x%llx: size %u is impossible, "
                 "the pages begin at 0x%llx", (unsigned long long)at, len,
                 (unsigned long long)h->data);
    else
        *size = len;
    return 0;
}

int dio_lkcd_read_asm(struct dio_bytes *src, const struct dio_lkcd_head *h,
                      struct dio_model *model, uint64_t *end, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    const uint64_t index = h->mclx & 0x40000000u ? 4096 * 8 : 0; /* MCLX's table of pages */
    struct block b = {.order = h->order};
    uint64_t at = h->header_size + index;
    *end = at;
    if (h->version == 1)
        return h->has_regs ? read_single(model, h->regs, h->task, err) : 0;
    if (at > h->data)
        return 0;
    int rc = read_size(src, h, at, &b.len, env, err);
    if (rc || !b.len)
        return rc;
    uint8_t *p = malloc(b.len);
    size_t got = 0;
    if (!p)
        return dio_nomem(err, "the architecture header");
    rc = dio_read_some(src, at, p, b.len, &got, err);
    b.p = p;
    if (!rc && got == b.len) {
        *end = at + b.len;
        rc = read_block(&b, h, model, at, env, err);
    }
    free(p);
    return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

size_t dio_lkcd_asm_size(const struct dumpio_info *info, size_t room)
{
    struct shape s;
    shape_of(&s, info->arch);
    size_t slots = info->n_cpus > 1 ? info->n_cpus : 1, fixed = arrays_at(&s), each = per_cpu(&s);
    if (slots > SLOTS_MAX)
        slots = SLOTS_MAX;
    if (room < fixed + each)
        return 0;
    if (slots > (room - fixed) / each)
        slots = (room - fixed) / each;
    return fixed + slots * each;
}

static void put_i386_pointers(uint8_t *out, const uint8_t *regs, enum dumpio_order order)
{
    dio_put(out + FIXED, order, 4, dio_get32(regs + 13 * 4, order));     /* esp */
    dio_put(out + FIXED + 4, order, 4, dio_get32(regs + 10 * 4, order)); /* eip */
}

void dio_lkcd_put_asm(uint8_t *out, size_t size, const struct dumpio_info *info,
                      enum dumpio_order order)
{
    struct shape s;
    shape_of(&s, info->arch);
    size_t slots = (size - arrays_at(&s)) / per_cpu(&s);
    uint32_t cpus = info->n_cpus < slots ? info->n_cpus : (uint32_t)slots;
    int64_t dumping = info->panic_cpu >= 0 && (uint32_t)info->panic_cpu < cpus ? info->panic_cpu
                                                                               : -1;
    uint8_t *array = out + arrays_at(&s), *tasks = array + slots * s.regs_len;
    dio_put(out, order, 8, MAGIC);
    dio_put(out + 8, order, 4, s.version);
    dio_put(out + 12, order, 4, size);
    dio_put(out + s.cpus_at, order, 4, cpus);
    dio_put(out + s.cpus_at + 4, order, 4, dumping < 0 ? NO_CPU : (uint64_t)dumping);
    for (uint32_t i = 0; i < cpus; i++) {
        const struct dumpio_cpu *cpu = &info->cpus[i];
        uint8_t *regs = array + i * (size_t)s.regs_len, *p = tasks + i * (size_t)s.word;
        if (cpu->regs && cpu->regs_len == s.greg_len)
            from_gregset(&s, cpu->regs, regs);
        uint64_t task = cpu->task || i != dumping ? cpu->task : info->panic_task;
        dio_put(p, order, s.word, task);
        dio_put(p + slots * s.word, order, s.word, cpu->stack);
        dio_put(p + 2 * slots * s.word, order, s.word, cpu->stack_ptr);
        if (i == dumping && s.regs_at)
            memcpy(out + s.regs_at, regs, s.regs_len);
        if (i == dumping && !strcmp(info->arch, "i386"))
            put_i386_pointers(out, regs, order);
    }
}
