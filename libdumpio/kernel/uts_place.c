/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the system's names stand in physical memory, by VMCOREINFO alone: for memory that passes and
 * cannot be looked into. Reference: the kernel's Documentation/admin-guide/kdump/vmcoreinfo.rst.
 * Does not handle: ppc64 (the order of its memory is to be found out first), s390x.
 */
#include "internal.h"

#include <string.h>

#define X86_64_TEXT 0xffffffff80000000ull

/* What virtual addresses of the kernel image are above the physical ones. */
static bool image_offset(const struct dio_kernel *k, const struct dumpio_info *i, uint64_t *offset)
{
    int64_t n = 0;
    bool known = false;
    if (!strcmp(i->arch, "x86_64")) {
        known = dio_kernel_number(k, "NUMBER", "phys_base", &n);
        *offset = X86_64_TEXT - (uint64_t)n;
    } else if (!strcmp(i->arch, "i386")) {
        known = i->page_offset != 0;
        *offset = i->page_offset;
    } else if (!strcmp(i->arch, "aarch64") || !strcmp(i->arch, "riscv64")) {
        known = dio_kernel_number(k, "NUMBER",
                                  *i->arch == 'a' ? "kimage_voffset" : "va_kernel_pa_offset", &n);
        *offset = (uint64_t)n;
    }
    return known;
}

bool dio_kernel_uts_place(const struct dumpio_info *i, uint64_t *phys)
{
    const struct dio_kernel k = {.text = (char *)(uintptr_t)i->vmcoreinfo, .len = i->vmcoreinfo_len};
    uint64_t virt, offset;
    if (!dio_kernel_uts_symbol(&k, &virt) || !image_offset(&k, i, &offset))
        return false;
    *phys = virt - offset;
    if (i->word == 4)
        *phys &= UINT32_MAX;
    return true;
}

bool dio_kernel_uts_in(const struct dumpio_info *i, const uint8_t window[DIO_UTS_WINDOW],
                       uint8_t uts[DIO_UTS_SIZE])
{
    const struct dio_kernel k = {.text = (char *)(uintptr_t)i->vmcoreinfo, .len = i->vmcoreinfo_len};
    const uint8_t *found = dio_kernel_find_uts(&k, window);
    if (found)
        memcpy(uts, found, DIO_UTS_SIZE);
    return found != NULL;
}
