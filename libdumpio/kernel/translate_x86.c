/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation of x86_64 (4 and 5 levels, KASLR, SME) and i386 (PAE or not).
 * Reference: Intel SDM volume 3 chapter 4; the kernel's Documentation/arch/x86/x86_64/mm.rst.
 * Does not handle: Xen's pseudo-physical tables, 4G/4G kernels, i386 images moved out of lowmem.
 */
#include "internal.h"

#define TEXT_BASE 0xffffffff80000000ull
#define TEXT_SIZE 0x40000000ull /* with KASLR; 512 MiB without */
#define GIB ((uint64_t)1 << 30)
#define ENTRY_ADDR 0x000ffffffffff000ull /* bits 51:12 */
#define SLOT_STEPS 65536u       /* holes and pages passed in search of the direct map */

enum { TWO_LEVEL = 1 };

static struct dio_step decode(const struct dio_geometry *g, unsigned level, uint64_t e)
{
    struct dio_step s = {DIO_STEP_NONE, e & ENTRY_ADDR, 0, 0, 0};
    unsigned shift = g->level[level].shift;
    if (!(e & 1))
        return s;
    bool leaf = shift == 12 || ((e & 0x80) && (shift == 21 || shift == 22 || shift == 30));
    s.kind = leaf ? DIO_STEP_LEAF : DIO_STEP_TABLE;
    if (g->variant == TWO_LEVEL && shift == 22 && leaf) /* PSE-36 */
        s.addr = (e & 0xffc00000u) | (e & 0x1fe000u) << 19;
    if (shift == 30 && g->levels == 3) /* a PAE root knows no leaves */
        s.kind = DIO_STEP_TABLE;
    return s;
}

/* ---- x86_64 ---------------------------------------------------------------------------------- */

static void geometry_64(struct dio_geometry *g, unsigned levels, uint64_t root, uint64_t sme)
{
    memset(g, 0, sizeof(*g));
    g->levels = levels;
    for (unsigned l = 0; l < levels; l++) {
        g->level[l].shift = (uint8_t)(12 + 9 * (levels - 1 - l));
        g->level[l].bits = 9;
    }
    g->entry = 8;
    g->order = DUMPIO_LITTLE;
    g->root = root;
    g->va_low = 0 - ((uint64_t)1 << (levels == 5 ? 56 : 47));
    g->va_high = UINT64_MAX;
    g->clear = sme;
    g->page_shift = 12;
    g->decode = decode;
}

static int try_base(struct dio_kernel *k, uint64_t phys_base, struct dumpio_error *err)
{
    int64_t l5 = -1, sme = 0;
    struct dio_geometry g;
    uint64_t root = k->root_virt - TEXT_BASE + phys_base;
    dio_kernel_number(k, "NUMBER", "pgtable_l5_enabled", &l5);
    dio_kernel_number(k, "NUMBER", "sme_mask", &sme);
    unsigned first = l5 == 1 ? 5 : 4;
    unsigned last = l5 < 0 ? 5 : first;
    k->n_fallback = 0;
    dio_kernel_add_fallback(k, TEXT_BASE, TEXT_SIZE, phys_base);
    int rc = 0;
    for (unsigned levels = first; levels <= last; levels++) {
        geometry_64(&g, levels, root, (uint64_t)sme);
        if (dio_kernel_before(k, 2, 6, 11)) /* the direct map was in the lower half */
            g.va_low = 0;
        dio_walk_set(&k->walk, &g);
        rc = dio_kernel_prove(k, root, err);
        if (!rc) {
            k->layout.phys_base = phys_base;
            k->layout.has_phys_base = 1;
            return 0;
        }
    }
    return rc;
}

static int open_64(struct dio_kernel *k, struct dumpio_error *err)
{
    int64_t told;
    uint64_t delta;
    struct dumpio_error ignored;
    k->order = DUMPIO_LITTLE;
    if (!dio_kernel_symbol(k, "init_top_pgt", &k->root_virt) &&
        !dio_kernel_symbol(k, "init_level4_pgt", &k->root_virt) &&
        !dio_kernel_symbol(k, "swapper_pg_dir", &k->root_virt))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO names no root page table (init_top_pgt, swapper_pg_dir)");
    if (k->root_virt < TEXT_BASE)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "root page table at 0x%llx is not in the kernel image",
                        (unsigned long long)k->root_virt);
    bool has_told = dio_kernel_number(k, "NUMBER", "phys_base", &told);
    int rc = try_base(k, has_told ? (uint64_t)told : 0, err);
    if (rc && k->mem.info->has_phys_base && !try_base(k, k->mem.info->phys_base, &ignored))
        return 0;
    if (rc && dio_kernel_find_image(k, 2u << 20, &delta) &&
        !try_base(k, delta + TEXT_BASE, &ignored))
        return 0;
    return rc;
}

static bool is_direct_map(struct dio_kernel *k, uint64_t base)
{
    uint64_t phys, run, root = k->walk.g.root;
    return !(base & (GIB - 1)) && base >= k->walk.g.va_low && base < TEXT_BASE &&
           !dio_walk(&k->walk, base + root, &phys, &run, NULL) && phys == root;
}

/*
 * Base of the direct map: the lowest mapped address of the kernel half whose distance to its
 * physical address is a multiple of 1 GiB, and which maps the root table too.
 */
static bool find_direct_map(struct dio_kernel *k, uint64_t *base)
{
    uint64_t virt = k->walk.g.va_low;
    for (unsigned i = 0; i < SLOT_STEPS && virt < TEXT_BASE; i++) {
        uint64_t phys = 0, run = 0;
        int rc = dio_walk(&k->walk, virt, &phys, &run, NULL);
        if (!rc && is_direct_map(k, virt - phys)) {
            *base = virt - phys;
            return true;
        }
        if (!run || dio_add(virt, run, &virt))
            break;
    }
    return false;
}

static void layout_64(struct dio_kernel *k)
{
    uint64_t stext;
    if (find_direct_map(k, &k->layout.page_offset)) {
        k->layout.has_page_offset = 1;
        uint64_t end = k->mem.info->end_addr;
        dio_kernel_add_fallback(k, k->layout.page_offset, end ? end : (uint64_t)1 << 46, 0);
    }
    if (dio_kernel_symbol(k, "_stext", &stext))
        dio_kernel_text_run(k, stext, TEXT_BASE, TEXT_BASE + TEXT_SIZE);
}

const struct dio_kernel_arch dio_kernel_x86_64 = {"x86_64", 8, open_64, layout_64};

/* ---- i386 ------------------------------------------------------------------------------------ */

static void geometry_32(struct dio_geometry *g, bool pae, uint64_t root)
{
    static const uint8_t pae_shift[] = {30, 21, 12}, pae_bits[] = {2, 9, 9};
    memset(g, 0, sizeof(*g));
    g->levels = pae ? 3 : 2;
    for (unsigned l = 0; l < g->levels; l++) {
        g->level[l].shift = pae ? pae_shift[l] : (uint8_t)(l ? 12 : 22);
        g->level[l].bits = pae ? pae_bits[l] : 10;
    }
    g->entry = pae ? 8 : 4;
    g->order = DUMPIO_LITTLE;
    g->root = root;
    g->va_high = UINT32_MAX;
    g->page_shift = 12;
    g->variant = pae ? 0 : TWO_LEVEL;
    g->decode = decode;
}

static int try_offset(struct dio_kernel *k, bool pae, uint64_t page_offset,
                      struct dumpio_error *err)
{
    struct dio_geometry g;
    uint64_t phys, run;
    if (k->root_virt < page_offset)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "root page table 0x%llx lies below PAGE_OFFSET 0x%llx",
                        (unsigned long long)k->root_virt, (unsigned long long)page_offset);
    geometry_32(&g, pae, k->root_virt - page_offset);
    dio_walk_set(&k->walk, &g);
    int rc = dio_walk(&k->walk, page_offset, &phys, &run, err);
    if (rc == DUMPIO_END || (!rc && phys))
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "the page tables do not map 0x%llx to 0",
                        (unsigned long long)page_offset);
    k->n_fallback = 0;
    dio_kernel_add_fallback(k, page_offset, 0x38000000, 0); /* lowmem: 896 MiB */
    rc = dio_kernel_prove(k, k->root_virt - page_offset, err);
    if (!rc) {
        k->layout.page_offset = page_offset;
        k->layout.has_page_offset = 1;
    }
    return rc;
}

static int open_32(struct dio_kernel *k, struct dumpio_error *err)
{
    uint64_t stext = 0;
    size_t n;
    k->order = DUMPIO_LITTLE;
    if (!dio_kernel_symbol(k, "swapper_pg_dir", &k->root_virt))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO has no SYMBOL(swapper_pg_dir)");
    if (k->root_virt > UINT32_MAX)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "root page table at 0x%llx on a 32-bit machine",
                        (unsigned long long)k->root_virt);
    dio_kernel_symbol(k, "_stext", &stext);
    const uint64_t offsets[] = {0xc0000000u, k->mem.info->page_offset & UINT32_MAX, 0x80000000u,
                                0xb0000000u, 0x78000000u, 0x40000000u, stext & 0xff800000u,
                                stext & 0xfe000000u};
    bool pae = dio_vmcoreinfo_value(k->text, k->len, "CONFIG_X86_PAE", &n) != NULL;
    struct dumpio_error e;
    int first = 0;
    for (unsigned i = 0; i < 2 * sizeof(offsets) / sizeof(offsets[0]); i++) {
        if (!offsets[i / 2])
            continue;
        int rc = try_offset(k, i % 2 ? !pae : pae, offsets[i / 2], &e);
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

/* The image lies inside the direct map: no mapping of its own to tell. */
const struct dio_kernel_arch dio_kernel_i386 = {"i386", 4, open_32, NULL};
