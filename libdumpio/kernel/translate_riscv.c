/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation of riscv64: Sv39, Sv48 and Sv57, with NAPOT pages.
 * Reference: the RISC-V privileged specification, supervisor chapter; vmcoreinfo.rst (RISCV64).
 * Does not handle: riscv32.
 */
#include "internal.h"

static struct dio_step decode(const struct dio_geometry *g, unsigned level, uint64_t e)
{
    struct dio_step s = {DIO_STEP_NONE, 0, 0, 0, 0};
    uint64_t ppn = e >> 10 & (((uint64_t)1 << 44) - 1);
    bool last = level + 1 == g->levels;
    if (!(e & 1))
        return s;
    s.addr = ppn << 12;
    if (!(e & 0xe)) { /* neither read, write nor execute: a table */
        s.kind = last ? DIO_STEP_NONE : DIO_STEP_TABLE;
        return s;
    }
    s.kind = DIO_STEP_LEAF;
    if (last && e >> 63 && (ppn & 0xf) == 8) /* one of sixteen pages that are mapped together */
        s.shift = 16;
    return s;
}

static int try_root(struct dio_kernel *k, uint64_t root, struct dumpio_error *err)
{
    int64_t va_bits = 0;
    struct dio_geometry g;
    struct dumpio_error e;
    int first = 0;
    dio_kernel_number(k, "NUMBER", "VA_BITS", &va_bits);
    for (unsigned levels = 3; levels <= 5; levels++) {
        if (va_bits >= 39 && va_bits <= 57 && levels != ((unsigned)va_bits - 12) / 9)
            continue;
        memset(&g, 0, sizeof(g));
        g.levels = levels;
        for (unsigned l = 0; l < levels; l++) {
            g.level[l].shift = (uint8_t)(12 + 9 * (levels - 1 - l));
            g.level[l].bits = 9;
        }
        g.entry = 8;
        g.order = DUMPIO_LITTLE;
        g.root = root;
        g.va_low = 0 - ((uint64_t)1 << (11 + 9 * levels));
        g.va_high = UINT64_MAX;
        g.page_shift = 12;
        g.decode = decode;
        dio_walk_set(&k->walk, &g);
        int rc = dio_kernel_prove(k, root, &e);
        if (!rc)
            return 0;
        if (!first) {
            first = rc;
            if (err)
                *err = e;
        }
    }
    return first;
}

static int open_riscv(struct dio_kernel *k, struct dumpio_error *err)
{
    int64_t image, page_offset, ram, link;
    uint64_t delta;
    struct dumpio_error ignored;
    int rc = dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                      "VMCOREINFO has neither va_kernel_pa_offset nor PAGE_OFFSET and "
                      "phys_ram_base");
    k->order = DUMPIO_LITTLE;
    if (!dio_kernel_symbol(k, "swapper_pg_dir", &k->root_virt))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO has no SYMBOL(swapper_pg_dir)");
    bool linear = dio_kernel_number(k, "NUMBER", "PAGE_OFFSET", &page_offset) &&
                  dio_kernel_number(k, "NUMBER", "phys_ram_base", &ram);
    if (linear && k->mem.info->end_addr > (uint64_t)ram)
        dio_kernel_add_fallback(k, (uint64_t)page_offset, k->mem.info->end_addr - (uint64_t)ram,
                                (uint64_t)ram);
    if (dio_kernel_number(k, "NUMBER", "va_kernel_pa_offset", &image)) {
        if (dio_kernel_number(k, "NUMBER", "KERNEL_LINK_ADDR", &link))
            dio_kernel_add_fallback(k, (uint64_t)link, 0 - (uint64_t)link,
                                    (uint64_t)link - (uint64_t)image);
        rc = try_root(k, k->root_virt - (uint64_t)image, err);
    } else if (linear) { /* before 5.13 the image is part of the linear map */
        rc = try_root(k, k->root_virt - (uint64_t)page_offset + (uint64_t)ram, err);
    }
    if (rc && dio_kernel_find_image(k, 2u << 20, &delta) &&
        !try_root(k, k->root_virt + delta, &ignored))
        return 0;
    return rc;
}

static void layout(struct dio_kernel *k)
{
    int64_t page_offset, ram;
    uint64_t stext, phys, run, root = k->walk.g.root;
    if (dio_kernel_number(k, "NUMBER", "PAGE_OFFSET", &page_offset) &&
        dio_kernel_number(k, "NUMBER", "phys_ram_base", &ram)) {
        uint64_t base = (uint64_t)page_offset - (uint64_t)ram;
        if (!dio_walk(&k->walk, base + root, &phys, &run, NULL) && phys == root) {
            k->layout.page_offset = base;
            k->layout.has_page_offset = 1;
        }
    }
    if (dio_kernel_symbol(k, "_stext", &stext))
        dio_kernel_text_run(k, stext, k->walk.g.va_low, UINT64_MAX);
}

const struct dio_kernel_arch dio_kernel_riscv64 = {"riscv64", 8, open_riscv, layout};
