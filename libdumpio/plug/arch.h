/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about dumped architectures that several formats need.
 */
#ifndef DIO_ARCH_H
#define DIO_ARCH_H

#include <dumpio/dumpio.h>

struct dio_arch {
    const char *name;        /* info.arch: "x86_64", "i386", "aarch64", "arm", "ppc64", "s390x",
                                "riscv64", "ia64", "loongarch64", "mips", "mips64", "ppc",
                                "m68k" */
    uint16_t elf_machine;    /* e_machine */
    uint8_t word;            /* 4 or 8 */
    uint8_t default_order;   /* enum dumpio_order; ppc64 may be either */
    uint16_t prstatus_size;  /* descsz of NT_PRSTATUS; 0 unknown */
    uint16_t pr_reg;         /* offset of pr_reg in it: 72 or 112 */
    uint16_t regs_size;      /* bytes of pr_reg */
    uint32_t default_page;   /* bytes */
};

const struct dio_arch *dio_arch_by_name(const char *name);       /* NULL when unknown */
const struct dio_arch *dio_arch_by_elf(uint16_t machine);
/* From utsname.machine ("i686", "ppc64le", "armv7l", ...); *order set when the name decides it. */
const struct dio_arch *dio_arch_by_uts(const char *machine, enum dumpio_order *order);
/* What uname -m says: "i686", "ppc64le", ...; "" when arch is unknown. */
const char *dio_arch_uts(const char *arch, enum dumpio_order order);

#endif
