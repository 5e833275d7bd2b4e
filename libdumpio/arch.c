/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about dumped architectures: names, ELF machine, word size, NT_PRSTATUS geometry.
 * Sources: the kernel's elf.h and ptrace.h per architecture, BFD's grok_prstatus functions.
 * Not handled: compat layouts (x32, n32), 31-bit s390, 32-bit riscv.
 */
#include "model_core.h"

#include "plug/decode.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/*
 * pr_reg stands at 72 where a word has 4 bytes and at 112 where it has 8; pr_fpvalid follows it,
 * and the whole is padded to a word. EM_MIPS is both: the first one found by e_machine is 64-bit.
 */
static const struct dio_arch archs[] = {
    {"x86_64", 62, 8, DUMPIO_LITTLE, 336, 112, 27 * 8, 4096},
    {"i386", 3, 4, DUMPIO_LITTLE, 144, 72, 17 * 4, 4096},
    {"aarch64", 183, 8, DUMPIO_LITTLE, 392, 112, 34 * 8, 4096},
    {"arm", 40, 4, DUMPIO_LITTLE, 148, 72, 18 * 4, 4096},
    {"ppc64", 21, 8, DUMPIO_BIG, 504, 112, 48 * 8, 65536},
    {"s390x", 22, 8, DUMPIO_BIG, 336, 112, 27 * 8, 4096},
    {"riscv64", 243, 8, DUMPIO_LITTLE, 376, 112, 32 * 8, 4096},
    {"ia64", 50, 8, DUMPIO_LITTLE, 1144, 112, 128 * 8, 16384},
    {"loongarch64", 258, 8, DUMPIO_LITTLE, 480, 112, 45 * 8, 16384},
    {"mips64", 8, 8, DUMPIO_BIG, 480, 112, 45 * 8, 4096},
    {"mips", 8, 4, DUMPIO_BIG, 256, 72, 45 * 4, 4096},
    {"ppc", 20, 4, DUMPIO_BIG, 268, 72, 48 * 4, 4096},
    {"m68k", 4, 4, DUMPIO_BIG, 0, 72, 0, 4096},
};

/* utsname.machine; order UNKNOWN where the name does not tell it. */
static const struct {
    const char *machine, *arch;
    enum dumpio_order order;
} machines[] = {
    {"x86_64", "x86_64", DUMPIO_LITTLE},   {"i386", "i386", DUMPIO_LITTLE},
    {"i486", "i386", DUMPIO_LITTLE},       {"i586", "i386", DUMPIO_LITTLE},
    {"i686", "i386", DUMPIO_LITTLE},       {"aarch64", "aarch64", DUMPIO_LITTLE},
    {"arm64", "aarch64", DUMPIO_LITTLE},   {"aarch64_be", "aarch64", DUMPIO_BIG},
    {"ppc64", "ppc64", DUMPIO_BIG},        {"ppc64le", "ppc64", DUMPIO_LITTLE},
    {"ppc", "ppc", DUMPIO_BIG},            {"s390x", "s390x", DUMPIO_BIG},
    {"riscv64", "riscv64", DUMPIO_LITTLE}, {"ia64", "ia64", DUMPIO_LITTLE},
    {"mips", "mips", DUMPIO_ORDER_UNKNOWN},
    {"mips64", "mips64", DUMPIO_ORDER_UNKNOWN},
    {"loongarch64", "loongarch64", DUMPIO_LITTLE}, {"m68k", "m68k", DUMPIO_BIG},
};

const struct dio_arch *dio_arch_by_name(const char *name)
{
    for (size_t i = 0; name && i < COUNT(archs); i++)
        if (!strcmp(archs[i].name, name))
            return &archs[i];
    return NULL;
}

const struct dio_arch *dio_arch_by_elf(uint16_t machine)
{
    for (size_t i = 0; i < COUNT(archs); i++)
        if (archs[i].elf_machine == machine)
            return &archs[i];
    return NULL;
}

/* "armv7l", "armv5tejl", "armv6b": the last letter is the byte order. */
static const struct dio_arch *arm_by_uts(const char *machine, enum dumpio_order *order)
{
    size_t n = strlen(machine);
    if (order && machine[n - 1] == 'l')
        *order = DUMPIO_LITTLE;
    else if (order && machine[n - 1] == 'b')
        *order = DUMPIO_BIG;
    return dio_arch_by_name("arm");
}

const struct dio_arch *dio_arch_by_uts(const char *machine, enum dumpio_order *order)
{
    if (!machine)
        return NULL;
    if (!strncmp(machine, "armv", 4))
        return arm_by_uts(machine, order);
    for (size_t i = 0; i < COUNT(machines); i++) {
        if (strcmp(machines[i].machine, machine))
            continue;
        if (order && machines[i].order != DUMPIO_ORDER_UNKNOWN)
            *order = machines[i].order;
        return dio_arch_by_name(machines[i].arch);
    }
    return NULL;
}

const char *dio_arch_uts(const char *arch, enum dumpio_order order)
{
    const struct dio_arch *a = dio_arch_by_name(arch);
    if (!a)
        return "";
    if (!strcmp(a->name, "i386"))
        return "i686";
    if (!strcmp(a->name, "arm"))
        return order == DUMPIO_BIG ? "armv7b" : "armv7l";
    if (!strcmp(a->name, "aarch64") && order == DUMPIO_BIG)
        return "aarch64_be";
    if (!strcmp(a->name, "ppc64") && order == DUMPIO_LITTLE)
        return "ppc64le";
    return a->name;
}

static void swap_items(uint8_t *p, size_t len, size_t size)
{
    for (; len >= size; p += size, len -= size)
        for (size_t i = 0; i < size / 2; i++) {
            uint8_t b = p[i];
            p[i] = p[size - 1 - i];
            p[size - 1 - i] = b;
        }
}

void dio_words_swap(uint8_t *p, size_t len, unsigned word)
{
    swap_items(p, len, word);
}

void dio_regs_swap(const struct dio_arch *arch, uint8_t *regs)
{
    if (strcmp(arch->name, "s390x")) {
        swap_items(regs, arch->regs_size, arch->word);
        return;
    }
    swap_items(regs, 144, 8);      /* psw, gprs */
    swap_items(regs + 144, 64, 4); /* access registers */
    swap_items(regs + 208, 8, 8);  /* orig_gpr2 */
}

void dio_prstatus_swap(const struct dio_arch *arch, uint8_t *prstatus)
{
    size_t word = arch->word, pid = dio_prstatus_pid(arch);
    swap_items(prstatus, 12, 4);                       /* pr_info */
    swap_items(prstatus + 12, 2, 2);                   /* pr_cursig */
    swap_items(prstatus + 16, 2 * word, word);         /* pr_sigpend, pr_sighold */
    swap_items(prstatus + pid, 16, 4);                 /* pr_pid, ppid, pgrp, sid */
    swap_items(prstatus + pid + 16, 8 * word, word);   /* four timevals */
    dio_regs_swap(arch, prstatus + arch->pr_reg);
    swap_items(prstatus + arch->pr_reg + arch->regs_size, 4, 4); /* pr_fpvalid */
}
