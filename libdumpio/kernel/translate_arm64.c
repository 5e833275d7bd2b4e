/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation of arm64: pages of 4, 16 and 64 KiB, any VA_BITS, LPA and LPA2.
 * Reference: Arm ARM D8 (VMSAv8-64 descriptors); the kernel's Documentation/arch/arm64/memory.rst.
 * Does not handle: pointers with tags or authentication codes.
 */
#include "internal.h"

/* How an entry holds its address. */
enum { PLAIN, LPA_64K, LPA2 };

#define LOW48 0x0000ffffffffffffull
#define LOW50 0x0003ffffffffffffull

static uint64_t entry_addr(const struct dio_geometry *g, uint64_t e)
{
    uint64_t page = ((uint64_t)1 << g->page_shift) - 1;
    if (g->variant == LPA_64K)
        return (e & LOW48 & ~page) | (e >> 12 & 0xf) << 48;
    if (g->variant == LPA2)
        return (e & LOW50 & ~page) | (e >> 8 & 3) << 50;
    return e & LOW48 & ~page;
}

/* May a block of this size stand above the last level? */
static bool block_allowed(const struct dio_geometry *g, unsigned shift)
{
    switch (g->page_shift) {
    case 12:
        return shift == 21 || shift == 30 || (shift == 39 && g->variant == LPA2);
    case 14:
        return shift == 25 || (shift == 36 && g->variant == LPA2);
    default:
        return shift == 29 || shift == 42;
    }
}

static struct dio_step decode(const struct dio_geometry *g, unsigned level, uint64_t e)
{
    struct dio_step s = {DIO_STEP_NONE, entry_addr(g, e), 0, 0, 0};
    bool last = level + 1 == g->levels;
    if ((e & 3) == 3)
        s.kind = last ? DIO_STEP_LEAF : DIO_STEP_TABLE;
    else if ((e & 3) == 1 && !last && block_allowed(g, g->level[level].shift))
        s.kind = DIO_STEP_LEAF;
    return s;
}

static bool geometry(const struct dio_kernel *k, struct dio_geometry *g, unsigned va_bits,
                     enum dumpio_order order, uint64_t root)
{
    unsigned page = dio_log2(k->page_size), bits = page - 3;
    memset(g, 0, sizeof(*g));
    if (va_bits < 36 || va_bits > 52)
        return false;
    g->levels = (va_bits - page + bits - 1) / bits;
    if (g->levels > DIO_WALK_LEVELS)
        return false;
    for (unsigned l = 0; l < g->levels; l++) {
        g->level[l].shift = (uint8_t)(page + bits * (g->levels - 1 - l));
        g->level[l].bits = (uint8_t)(l ? bits : va_bits - g->level[0].shift);
    }
    g->entry = 8;
    g->order = order;
    g->root = root;
    g->va_low = 0 - ((uint64_t)1 << va_bits);
    g->va_high = UINT64_MAX;
    g->page_shift = page;
    g->variant = page == 16 ? LPA_64K : va_bits == 52 ? LPA2 : PLAIN;
    g->decode = decode;
    return true;
}

/* Sizes of the address space to try, the likeliest first; the runtime size before the built one
 * except with 64 KiB pages, whose tables are laid out for the built size. */
static unsigned sizes(const struct dio_kernel *k, unsigned *out)
{
    static const unsigned usual[] = {48, 39, 52, 42, 47, 36};
    int64_t built = 0, t1sz = 0;
    unsigned n = 0, runtime = 0;
    dio_kernel_number(k, "NUMBER", "VA_BITS", &built);
    if (dio_kernel_number(k, "NUMBER", "TCR_EL1_T1SZ", &t1sz) && t1sz > 0 && t1sz < 64)
        runtime = (unsigned)(64 - t1sz);
    if (built < 0 || built > 64)
        built = 0;
    out[n++] = k->page_size == 65536 && built ? (unsigned)built : runtime;
    out[n++] = k->page_size == 65536 ? runtime : (unsigned)built;
    for (size_t i = 0; !built && i < sizeof(usual) / sizeof(usual[0]); i++)
        out[n++] = usual[i];
    return n;
}

/* The image lies at virt - voffset; prove it with every geometry. */
static int try_voffset(struct dio_kernel *k, uint64_t voffset, struct dumpio_error *err)
{
    unsigned bits[8], n = sizes(k, bits);
    struct dio_geometry g;
    struct dumpio_error e;
    uint64_t stext = 0, root = k->root_virt - voffset;
    int first = 0;
    k->n_fallback = 0;
    if (dio_kernel_symbol(k, "_stext", &stext))
        dio_kernel_add_fallback(k, dio_round_down(stext, 2u << 20), (uint64_t)256 << 20,
                                dio_round_down(stext, 2u << 20) - voffset);
    for (unsigned i = 0; i < 2 * n; i++) {
        enum dumpio_order order = i % 2 ? DUMPIO_BIG : DUMPIO_LITTLE;
        if (!geometry(k, &g, bits[i / 2], order, root))
            continue;
        dio_walk_set(&k->walk, &g);
        k->order = order;
        int rc = dio_kernel_prove(k, root, &e);
        if (!rc)
            return 0;
        if (!first) {
            first = rc;
            if (err)
                *err = e;
        }
    }
    return first ? first
                 : dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "VMCOREINFO gives no usable size of the address space");
}

static int open_arm64(struct dio_kernel *k, struct dumpio_error *err)
{
    int64_t told;
    uint64_t delta;
    struct dumpio_error ignored;
    int rc;
    if (!dio_kernel_symbol(k, "swapper_pg_dir", &k->root_virt))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO has no SYMBOL(swapper_pg_dir)");
    if (dio_kernel_number(k, "NUMBER", "kimage_voffset", &told))
        rc = try_voffset(k, (uint64_t)told, err);
    else
        rc = dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                      "VMCOREINFO has no NUMBER(kimage_voffset)");
    if (rc && dio_kernel_find_image(k, 2u << 20, &delta) &&
        !try_voffset(k, 0 - delta, &ignored))
        return 0;
    return rc;
}

/* virt = base + phys in the linear map: does the root table's own frame agree? */
static bool is_linear(struct dio_kernel *k, uint64_t base)
{
    uint64_t phys, run, root = k->walk.g.root;
    return !dio_walk(&k->walk, base + root, &phys, &run, NULL) && phys == root;
}

static void layout(struct dio_kernel *k)
{
    uint64_t stext;
    int64_t phys_offset, built = 0;
    unsigned bits = 64 - (unsigned)__builtin_clzll(~k->walk.g.va_low);
    dio_kernel_number(k, "NUMBER", "VA_BITS", &built);
    if (dio_kernel_number(k, "NUMBER", "PHYS_OFFSET", &phys_offset)) {
        const uint64_t size[] = {bits, built >= 36 && built <= 52 ? (unsigned)built : bits};
        for (unsigned i = 0; i < 4 && !k->layout.has_page_offset; i++) {
            /* since 5.4 the linear map is the lower half, before that the upper one */
            uint64_t start = 0 - ((uint64_t)1 << (size[i / 2] - i % 2));
            if (is_linear(k, start - (uint64_t)phys_offset)) {
                k->layout.page_offset = start - (uint64_t)phys_offset;
                k->layout.has_page_offset = 1;
            }
        }
    }
    if (dio_kernel_symbol(k, "_stext", &stext))
        dio_kernel_text_run(k, stext, k->walk.g.va_low, UINT64_MAX);
}

const struct dio_kernel_arch dio_kernel_arm64 = {"aarch64", 8, open_arm64, layout};
