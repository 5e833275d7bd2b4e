/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ELF core's headers and notes tell of the machine: style, page size, address bases.
 * Reference: crash's netdump.c for the styles, the kernel's vmcore.c for the mappings.
 * Not handled: what only the memory knows, which is the core's.
 */
#include "elf.h"

#define X86_64_TEXT UINT64_C(0xffffffff80000000) /* __START_KERNEL_map */
#define X86_64_HIGH UINT64_C(0xff00000000000000) /* direct map with 5 levels starts here */
#define IA64_DIRECT UINT64_C(0xe000000000000000) /* region 7 */
#define PAGE_MIN 4096u
#define QEMU_EHSIZE 8 /* of QEMU 7.2 and later, on every architecture */

static const struct dio_elf_phdr *first_stored(const struct dio_elf_loads *loads)
{
    for (size_t i = 0; i < loads->n; i++)
        if (loads->v[i].filesz)
            return &loads->v[i];
    return NULL;
}

/* Segments that end in memory without data: left out by a filter. */
static bool has_cuts(const struct dio_elf_loads *loads)
{
    for (size_t i = 0; i < loads->n; i++)
        if (loads->v[i].filesz < loads->v[i].memsz && loads->v[i].offset != UINT64_MAX)
            return true;
    return false;
}

const char *dio_elf_style(const struct dio_elf_head *h, const struct dio_elf_loads *loads,
                          const struct dio_elf_notes *seen)
{
    const struct dio_elf_phdr *p = first_stored(loads);
    if (seen->qemu || h->ehsize == QEMU_EHSIZE)
        return "qemu";
    if (seen->diskdump)
        return "diskdump";
    if (p && p->align && p->offset % 4096 == 0 && (seen->core_short || !seen->core_seen))
        return "netdump";
    if (seen->eraseinfo || has_cuts(loads))
        return "makedumpfile";
    return "kdump";
}

/* Decimal value of "PAGESIZE=" in VMCOREINFO; 0 when absent or impossible. */
static uint32_t vmcoreinfo_page(const struct dumpio_info *info, const struct dumpio_env *env)
{
    static const char key[] = "PAGESIZE=";
    const char *p = info->vmcoreinfo, *end = p + info->vmcoreinfo_len;
    uint64_t v = 0;
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        if ((size_t)(end - p) > sizeof key - 1 && !memcmp(p, key, sizeof key - 1)) {
            for (p += sizeof key - 1; p < end && *p >= '0' && *p <= '9' && v < UINT32_MAX; p++)
                v = v * 10 + (uint64_t)(*p - '0');
            break;
        }
        p = eol ? eol + 1 : end;
    }
    if (!v || (dio_is_pow2(v) && v >= PAGE_MIN && v <= DIO_PAGE_MAX))
        return (uint32_t)v;
    dio_note(env, DUMPIO_WARNING, "VMCOREINFO: PAGESIZE=%llu is impossible, not used",
             (unsigned long long)v);
    return 0;
}

static uint32_t page_size(const struct dumpio_info *info, const struct dio_elf_loads *loads,
                          const char *style, const struct dumpio_env *env)
{
    const struct dio_elf_phdr *p = first_stored(loads);
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    uint32_t v = vmcoreinfo_page(info, env);
    if (v)
        return v;
    if (info->carried && dio_is_pow2(info->page_size) && info->page_size >= PAGE_MIN &&
        info->page_size <= DIO_PAGE_MAX)
        return info->page_size;
    if (p && (!strcmp(style, "netdump") || !strcmp(style, "diskdump")) &&
        dio_is_pow2(p->align) && p->align >= PAGE_MIN && p->align <= DIO_PAGE_MAX)
        return (uint32_t)p->align;
    return arch && arch->default_page ? arch->default_page : PAGE_MIN;
}

/* Is this the direct mapping of physical memory on the architecture? */
static bool is_direct(const struct dumpio_info *info, const struct dio_elf_phdr *p)
{
    if (p->vaddr == p->paddr || !p->memsz)
        return false;
    if (!strcmp(info->arch, "x86_64"))
        return p->vaddr >= X86_64_HIGH && p->vaddr < X86_64_TEXT;
    if (!strcmp(info->arch, "ia64"))
        return p->vaddr >= IA64_DIRECT;
    return (!strcmp(info->arch, "i386") || !strcmp(info->arch, "ppc64") ||
            !strcmp(info->arch, "ppc")) && p->vaddr > p->paddr;
}

/* Bases from the mappings; where VMCOREINFO is, the core takes phys_base from there. */
static void address_bases(struct dumpio_info *info, const struct dio_elf_loads *loads)
{
    bool x86_64 = !strcmp(info->arch, "x86_64");
    for (size_t i = 0; i < loads->n; i++) {
        const struct dio_elf_phdr *p = &loads->v[i];
        if (p->paddr == UINT64_MAX)
            continue;
        if (x86_64 && !info->has_phys_base && !info->vmcoreinfo_len && p->memsz &&
            p->vaddr >= X86_64_TEXT) {
            info->phys_base = p->paddr - (p->vaddr - X86_64_TEXT);
            info->has_phys_base = 1;
        }
        if (!info->page_offset && is_direct(info, p))
            info->page_offset = p->vaddr - p->paddr;
    }
}

void dio_elf_describe(struct dio_model *model, const struct dio_elf_head *h,
                     const struct dio_elf_loads *loads, const struct dio_elf_notes *seen,
                     const struct dumpio_env *env)
{
    struct dumpio_info *info = dio_model_info(model);
    const char *style = dio_elf_style(h, loads, seen);
    info->unit = page_size(info, loads, style, env);
    info->page_size = info->unit;
    address_bases(info, loads);
    if ((h->flags & DIO_ELF_INCOMPLETE) || seen->lost_more)
        info->incomplete = 1;
    if (seen->lost_more)
        dio_note(env, DUMPIO_WARNING, "more pages are lost than the dump had room to name: they "
                 "read as zero");
    info->variant = style;
}
