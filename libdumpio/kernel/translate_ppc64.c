/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation of ppc64 and ppc64le: direct map, radix tables, hash-MMU tables from 4.6 on.
 * Reference: Power ISA book III (radix tree); the kernel's arch/powerpc/include/asm/book3s/64.
 * Does not handle: vmemmap_list and, before 4.6, anything outside the direct map.
 */
#include "internal.h"

#define DIRECT 0xc000000000000000ull
#define DIRECT_END 0xc008000000000000ull /* radix and newer hash: vmalloc begins */
#define PRESENT ((uint64_t)1 << 63)
#define LEAF ((uint64_t)1 << 62)
#define VERSION(a, b) ((uint32_t)(a) << 16 | (b))

/* Bits of an index, root first; zero bits = level left out. */
struct shape {
    uint32_t since;    /* kernel version */
    uint8_t page_shift;
    uint8_t bits[4];
};

static const struct shape radix[] = {{0, 16, {13, 9, 9, 5}}, {0, 12, {13, 9, 9, 9}}};
/* The youngest first. */
static const struct shape hash[] = {
    {VERSION(4, 17), 16, {8, 10, 10, 8}}, {VERSION(4, 12), 16, {8, 7, 10, 8}},
    {VERSION(4, 6), 16, {12, 5, 5, 8}},   {VERSION(4, 6), 12, {9, 9, 7, 9}},
};

/* Entries since 4.6; g->variant is the bit above the frame's number: 57, since 4.11 53. */
static struct dio_step decode(const struct dio_geometry *g, unsigned level, uint64_t e)
{
    struct dio_step s = {DIO_STEP_NONE, 0, 0, 0, 0};
    bool last = level + 1 == g->levels;
    if (!(e & PRESENT) || (last && !(e & LEAF)))
        return s;
    if (e & LEAF) {
        unsigned top = g->variant;
        s.kind = DIO_STEP_LEAF;
        s.addr = e & (((uint64_t)1 << top) - 1) & ~(((uint64_t)1 << g->page_shift) - 1);
    } else {
        s.kind = DIO_STEP_TABLE;
        s.addr = e & ~0xc0000000000000ffull;
    }
    return s;
}

static void set_tables(struct dio_kernel *k, const struct shape *shape, uint64_t root)
{
    struct dio_geometry g;
    uint32_t version = dio_kernel_version(k);
    unsigned shift = shape->page_shift;
    memset(&g, 0, sizeof(g));
    for (unsigned i = 4; i-- > 0;) {
        g.level[i].shift = (uint8_t)shift;
        g.level[i].bits = shape->bits[i];
        shift += shape->bits[i];
    }
    g.levels = 4;
    g.entry = 8;
    /* big-endian on either kind of kernel since 4.7 */
    g.order = version && version < VERSION(4, 7) ? k->order : DUMPIO_BIG;
    g.root = root;
    g.va_low = DIRECT;
    g.va_high = 0xdfffffffffffffffull;
    g.page_shift = shape->page_shift;
    g.variant = version && version < VERSION(4, 11) ? 57 : 53;
    g.decode = decode;
    dio_walk_set(&k->walk, &g);
}

/* Radix maps the direct map by tables. Low addresses prove nothing: hash shapes map them too. */
static bool is_radix(struct dio_kernel *k)
{
    uint64_t phys, run;
    return !dio_walk(&k->walk, DIRECT + 0x1000000, &phys, &run, NULL) && phys == 0x1000000 &&
           !dio_walk(&k->walk, k->root_virt, &phys, &run, NULL) &&
           phys == k->root_virt - DIRECT;
}

static void find_tables(struct dio_kernel *k)
{
    unsigned page = dio_log2(k->page_size);
    uint64_t root = k->root_virt - DIRECT;
    uint32_t version = dio_kernel_version(k);
    int64_t told = -1;
    dio_kernel_number(k, "NUMBER", "RADIX_MMU", &told);
    for (size_t i = 0; told != 0 && i < sizeof(radix) / sizeof(radix[0]); i++) {
        if (radix[i].page_shift != page)
            continue;
        set_tables(k, &radix[i], root);
        if (is_radix(k))
            return;
    }
    for (size_t i = 0; told != 1 && i < sizeof(hash) / sizeof(hash[0]); i++) {
        if (hash[i].page_shift == page && (!version || version >= hash[i].since)) {
            set_tables(k, &hash[i], root);
            return;
        }
    }
    dio_walk_set(&k->walk, &(struct dio_geometry){0});
}

/*
 * The order of the memory: utsname.machine says it; a container may be wrong (QEMU marks
 * little-endian guests big-endian).
 */
static enum dumpio_order true_order(const struct dio_kernel *k)
{
    if (!strcmp(k->machine, "ppc64le"))
        return DUMPIO_LITTLE;
    if (!strcmp(k->machine, "ppc64"))
        return DUMPIO_BIG;
    return k->order;
}

static int open_ppc64(struct dio_kernel *k, struct dumpio_error *err)
{
    if (!dio_kernel_symbol(k, "swapper_pg_dir", &k->root_virt))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO has no SYMBOL(swapper_pg_dir)");
    if (k->root_virt < DIRECT || k->root_virt >= DIRECT_END)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "root page table at 0x%llx is outside the direct map",
                        (unsigned long long)k->root_virt);
    dio_kernel_add_linear(k, DIRECT, DIRECT_END - DIRECT, 0);
    int rc = dio_kernel_prove(k, k->root_virt - DIRECT, err);
    if (rc)
        return rc;
    enum dumpio_order order = true_order(k);
    if (order != k->order && k->order && !k->quick)
        dio_note(k->env, DUMPIO_NOTE, "the dump says %s-endian, its kernel is %s: %s-endian",
                 k->order == DUMPIO_BIG ? "big" : "little", k->machine,
                 order == DUMPIO_BIG ? "big" : "little");
    k->order = order ? order : DUMPIO_BIG;
    find_tables(k);
    k->layout.page_offset = DIRECT;
    k->layout.has_page_offset = 1;
    return 0;
}

const struct dio_kernel_arch dio_kernel_ppc64 = {"ppc64", 8, open_ppc64, NULL};
