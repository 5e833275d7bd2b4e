/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation: page tables of every architecture built by hand and walked.
 * Reference: the architecture manuals named in libdumpio/kernel/translate_*.c.
 */
#include "world.h"

/* How an architecture writes its tables. */
struct style {
    const char *arch, *machine;
    enum dumpio_order order, entry_order;
    unsigned entry; /* bytes */
    unsigned levels;
    uint8_t shift[5], bits[5];
    uint64_t (*table)(const struct style *s, unsigned level, uint64_t pa);
    uint64_t (*leaf)(const struct style *s, unsigned level, uint64_t pa);
    uint64_t extra; /* bits that are set in every entry and are no address */
};

static uint64_t x86_table(const struct style *s, unsigned level, uint64_t pa)
{
    (void)level;
    return pa | 0x63 | s->extra;
}

static uint64_t x86_leaf(const struct style *s, unsigned level, uint64_t pa)
{
    return pa | 0x8000000000000063u | s->extra | (level + 1 == s->levels ? 0x100u : 0x80u);
}

static uint64_t x86_32_leaf(const struct style *s, unsigned level, uint64_t pa)
{
    /* PSE-36: bits 39:32 of the address stand in 20:13 */
    return (pa & 0xffffffffu) | (level + 1 == s->levels ? 0x63u : 0xe3u) |
           (level + 1 == s->levels ? 0 : pa >> 32 << 13);
}

static uint64_t arm_table(const struct style *s, unsigned level, uint64_t pa)
{
    (void)level;
    return pa | 3 | s->extra;
}

static uint64_t arm_leaf(const struct style *s, unsigned level, uint64_t pa)
{
    return pa | 0x0060000000000400u | (level + 1 == s->levels ? 3u : 1u) | s->extra;
}

/* 64 KiB pages: bits 51:48 of the address stand in 15:12. */
static uint64_t arm64k_leaf(const struct style *s, unsigned level, uint64_t pa)
{
    return arm_leaf(s, level, (pa & 0xffffffffffffu) | (pa >> 48 & 15) << 12);
}

/* LPA2: bits 51:50 stand in 9:8. */
static uint64_t lpa2_leaf(const struct style *s, unsigned level, uint64_t pa)
{
    return arm_leaf(s, level, (pa & 0x3ffffffffffffu) | (pa >> 50 & 3) << 8);
}

static uint64_t riscv_table(const struct style *s, unsigned level, uint64_t pa)
{
    (void)s;
    (void)level;
    return pa >> 12 << 10 | 1;
}

static uint64_t riscv_leaf(const struct style *s, unsigned level, uint64_t pa)
{
    (void)s;
    (void)level;
    return pa >> 12 << 10 | 0xef;
}

static uint64_t ppc_table(const struct style *s, unsigned level, uint64_t pa)
{
    (void)s;
    (void)level;
    return pa | (uint64_t)1 << 63 | 13;
}

static uint64_t ppc_leaf(const struct style *s, unsigned level, uint64_t pa)
{
    (void)s;
    (void)level;
    return pa | (uint64_t)3 << 62 | 0x18e;
}

static uint64_t s390_table(const struct style *s, unsigned level, uint64_t pa)
{
    unsigned type = s->levels - 2 - level;
    return type ? pa | type << 2 | 3 : pa; /* tables of full length */
}

static uint64_t s390_leaf(const struct style *s, unsigned level, uint64_t pa)
{
    return level + 1 == s->levels ? pa : pa | (s->levels - 2 - level) << 2 | 0x400;
}

/* Map va to pa by an entry of level `at` (0 = root). Makes the tables between. */
static void map(struct world *w, const struct style *s, uint64_t root, uint64_t va, unsigned at,
                uint64_t pa)
{
    uint64_t table = root;
    for (unsigned l = 0;; l++) {
        uint64_t slot = table + (va >> s->shift[l] & ((1ull << s->bits[l]) - 1)) * s->entry;
        if (l == at) {
            world_put_as(w, slot, s->entry, s->leaf(s, l, pa), s->entry_order);
            return;
        }
        unsigned c = 0;
        while (c < w->children && w->child[c].slot != slot)
            c++;
        if (c == w->children) {
            if (c == sizeof(w->child) / sizeof(w->child[0]))
                abort();
            w->child[c].slot = slot;
            w->child[c].table = w->next_table;
            w->children++;
            /* s390x: an all-zero entry is valid, so a new table says invalid everywhere */
            for (unsigned i = 0; s->table == s390_table && i < 2048; i++)
                world_put(w, w->next_table + i * 8, 8, 0x420);
            w->next_table += 0x10000;
        }
        table = w->child[c].table;
        world_put_as(w, slot, s->entry, s->table(s, l, table), s->entry_order);
    }
}

#define RELEASE "6.1-walk"

static struct world *begin(const struct style *s, uint64_t uts_va, uint64_t uts_pa,
                           uint64_t root_va)
{
    struct world *w = world_new(s->arch, s->order);
    world_uts(w, uts_pa, RELEASE, s->machine);
    world_say(w, "OSRELEASE=" RELEASE);
    world_say(w, "SYMBOL(init_uts_ns)=%" PRIx64, uts_va);
    world_say(w, "SYMBOL(swapper_pg_dir)=%" PRIx64, root_va);
    return w;
}

static struct dio_kernel *open_world(struct world *w)
{
    struct dio_kernel *k = NULL;
    int rc = dio_kernel_open(&k, &w->mem, NULL, &w->err);
    if (rc)
        printf("%s: %s\n", w->info.arch, w->err.message);
    CHECK_EQ(rc, 0);
    return k;
}

/* ---- x86 ------------------------------------------------------------------------------------- */

static void x86_64(unsigned levels, uint64_t sme, int told)
{
    struct style s = {"x86_64", "x86_64", DUMPIO_LITTLE, DUMPIO_LITTLE, 8, levels, {0},
                      {9, 9, 9, 9, 9}, x86_table, x86_leaf, sme};
    const uint64_t text = 0xffffffff91000000u, pa = 0x3000000, root = pa + 0x400000;
    const uint64_t direct = levels == 5 ? 0xff11003540000000u : 0xffff9b4640000000u;
    struct dio_kernel_layout l;
    uint64_t phys, run;
    for (unsigned i = 0; i < levels; i++)
        s.shift[i] = (uint8_t)(12 + 9 * (levels - 1 - i));
    struct world *w = begin(&s, text + 0x123450, pa + 0x123450, text + 0x400000);
    world_say(w, "PAGESIZE=4096\nSYMBOL(_stext)=%" PRIx64, text);
    if (told)
        world_say(w, "NUMBER(phys_base)=%lld\nNUMBER(pgtable_l5_enabled)=%d\n"
                  "NUMBER(sme_mask)=%llu", (long long)(pa - 0x11000000), levels == 5,
                  (unsigned long long)sme);
    for (unsigned i = 0; i < 4; i++)
        map(w, &s, root, text + i * 0x200000, levels - 2, pa + i * 0x200000);
    map(w, &s, root, direct, levels - 1, 0); /* the first pages are mapped one by one */
    map(w, &s, root, direct + 0x1000, levels - 1, 0x1000);
    for (unsigned i = 1; i < 64; i++)
        map(w, &s, root, direct + i * 0x200000, levels - 2, i * 0x200000);
    map(w, &s, root, direct + 0x40000000, levels - 3, 0x40000000);
    map(w, &s, root, 0xffffffffc0001000u, levels - 1, 0x7654000);
    struct dio_kernel *k = open_world(w);
    if (k) {
        CHECK_EQ(world_phys(k, 0xffffffffc0001234u), 0x7654234);
        CHECK_EQ(world_phys(k, 0xffffffffc0002000u), DUMPIO_E_ABSENT);
        CHECK_EQ(world_phys(k, 0x1000), DUMPIO_E_ABSENT);
        CHECK(!dio_kernel_translate(k, direct + 0x40001000, &phys, &run, NULL));
        CHECK(phys == 0x40001000 && run == 0x3ffff000);
        dio_kernel_layout(k, &l);
        CHECK(l.has_phys_base && l.phys_base == pa - 0x11000000);
        CHECK(l.has_page_offset && l.page_offset == direct);
        CHECK_EQ(l.text_virt, text);
        CHECK_EQ(l.text_phys, pa);
        CHECK_EQ(l.text_len, 0x800000);
        CHECK_EQ(l.order, DUMPIO_LITTLE);
    }
    dio_kernel_close(k);
    world_free(w);
}

/* Tables that are not in the dump: the image is read by its own rule. */
static void x86_64_without_tables(void)
{
    const struct style s = {.arch = "x86_64", .machine = "x86_64", .order = DUMPIO_LITTLE};
    struct world *w = begin(&s, 0xffffffff82000000u, 0x5000000, 0xffffffff82400000u);
    struct dio_kernel *k = NULL;
    struct dio_kernel_layout l;
    world_say(w, "PAGESIZE=4096\nNUMBER(phys_base)=50331648\nSYMBOL(_stext)=ffffffff81000000");
    k = open_world(w);
    if (k)
        CHECK_EQ(world_phys(k, 0xffffffff82345678u), 0x5345678);
    if (k) {
        dio_kernel_layout(k, &l); /* tells only what the tables prove */
        CHECK(!l.text_len && !l.has_page_offset && l.has_phys_base);
    }
    dio_kernel_close(k);
    world_bytes(w, 0x5000000 + 2 * 65, "6.1-other", 10);
    CHECK_EQ(dio_kernel_open(&k, &w->mem, NULL, &w->err), DUMPIO_E_CORRUPT);
    CHECK(strstr(w->err.message, "OSRELEASE"));
    world_free(w);
}

static void i386(int pae)
{
    const struct style two = {"i386", "i686", DUMPIO_LITTLE, DUMPIO_LITTLE, 4, 2, {22, 12},
                              {10, 10}, x86_table, x86_32_leaf, 0};
    const struct style three = {"i386", "i686", DUMPIO_LITTLE, DUMPIO_LITTLE, 8, 3, {30, 21, 12},
                                {2, 9, 9}, x86_table, x86_leaf, 0};
    const struct style *s = pae ? &three : &two;
    const uint64_t root = 0x2400000, high = pae ? 0xf12345000u : 0x1200000000u;
    struct dio_kernel_layout l;
    struct world *w = begin(s, 0x80000000u + 0x2123450, 0x2123450, 0x80000000u + root);
    world_say(w, "PAGESIZE=4096\nSYMBOL(_stext)=82000000%s", pae ? "\nCONFIG_X86_PAE=y" : "");
    w->next_table = 0x3000000;
    for (uint64_t a = 0; a < 0x4000000; a += 1u << s->shift[s->levels - 2])
        map(w, s, root, 0x80000000u + a, s->levels - 2, a);
    map(w, s, root, 0xf7c00000u, pae ? 2 : 0, high);
    struct dio_kernel *k = open_world(w);
    if (k) {
        CHECK_EQ(world_phys(k, 0x82123456u), 0x2123456);
        CHECK_EQ(world_phys(k, 0xf7c00010u), (int64_t)high + 0x10);
        CHECK_EQ(world_phys(k, 0xc0000000u), DUMPIO_E_ABSENT);
        CHECK_EQ(world_phys(k, 0xffffffff82123456u), DUMPIO_E_ABSENT);
        dio_kernel_layout(k, &l);
        CHECK(l.has_page_offset && l.page_offset == 0x80000000u);
    }
    dio_kernel_close(k);
    world_free(w);
}

/* ---- arm64, riscv64 -------------------------------------------------------------------------- */

static void arm64(unsigned page_shift, unsigned va_bits, unsigned built, uint64_t module_pa,
                  uint64_t (*leaf)(const struct style *, unsigned, uint64_t))
{
    struct style s = {"aarch64", "aarch64", DUMPIO_LITTLE, DUMPIO_LITTLE, 8, 0, {0}, {0},
                      arm_table, leaf, 0};
    unsigned laid = page_shift == 16 ? built : va_bits, bits = page_shift - 3;
    const uint64_t image = 0xffffffc010000000u, pa = 0x40200000, root = pa + 0x80000;
    const uint64_t linear = 0 - (1ull << laid), module = 0xffffffc008000000u;
    struct dio_kernel_layout l;
    for (unsigned at = page_shift; at < laid; at += bits)
        s.levels++;
    for (unsigned i = 0; i < s.levels; i++) {
        s.shift[i] = (uint8_t)(page_shift + bits * (s.levels - 1 - i));
        s.bits[i] = (uint8_t)bits;
    }
    s.bits[0] = (uint8_t)(laid - s.shift[0]);
    struct world *w = begin(&s, image + 0x10000, pa + 0x10000, image + 0x80000);
    world_say(w, "PAGESIZE=%u\nNUMBER(VA_BITS)=%u\nNUMBER(TCR_EL1_T1SZ)=0x%x", 1u << page_shift,
              built, 64 - va_bits);
    world_say(w, "NUMBER(kimage_voffset)=0x%" PRIx64 "\nNUMBER(PHYS_OFFSET)=0x40000000\n"
              "SYMBOL(_stext)=%" PRIx64, image - pa, image + 0x10000);
    for (uint64_t a = 0; a < 0x90000; a += 1u << page_shift) {
        map(w, &s, root, image + a, s.levels - 1, pa + a);
        map(w, &s, root, linear + pa - 0x40000000 + a, s.levels - 1, pa + a);
    }
    map(w, &s, root, module, s.levels - 1, module_pa);
    struct dio_kernel *k = open_world(w);
    if (k) {
        CHECK_EQ(world_phys(k, module + 0x123), (int64_t)module_pa + 0x123);
        CHECK_EQ(world_phys(k, image + 0x100000), DUMPIO_E_ABSENT);
        CHECK_EQ(world_phys(k, 0x100000), DUMPIO_E_ABSENT);
        dio_kernel_layout(k, &l);
        CHECK(l.has_page_offset && l.page_offset == linear - 0x40000000);
        CHECK_EQ(l.text_virt, image);
        CHECK_EQ(l.text_len, 0x90000);
    }
    dio_kernel_close(k);
    world_free(w);
}

static void riscv(unsigned levels)
{
    struct style s = {"riscv64", "riscv64", DUMPIO_LITTLE, DUMPIO_LITTLE, 8, levels, {0},
                      {9, 9, 9, 9, 9}, riscv_table, riscv_leaf, 0};
    const uint64_t image = 0xffffffff80000000u, pa = 0x80200000, root = pa + 0x400000;
    const uint64_t offset = 0 - (1ull << (9 * levels + 10));
    struct dio_kernel_layout l;
    for (unsigned i = 0; i < levels; i++)
        s.shift[i] = (uint8_t)(12 + 9 * (levels - 1 - i));
    struct world *w = begin(&s, image + 0x1000, pa + 0x1000, image + 0x400000);
    world_say(w, "PAGESIZE=4096\nNUMBER(VA_BITS)=%u\nNUMBER(PAGE_OFFSET)=0x%" PRIx64,
              12 + 9 * levels, offset);
    world_say(w, "NUMBER(va_kernel_pa_offset)=0x%" PRIx64 "\nNUMBER(phys_ram_base)=0x80000000\n"
              "NUMBER(KERNEL_LINK_ADDR)=0x%" PRIx64, image - pa, image);
    for (unsigned i = 0; i < 4; i++) {
        map(w, &s, root, image + i * 0x200000, levels - 2, pa + i * 0x200000);
        map(w, &s, root, offset + 0x200000 + i * 0x200000, levels - 2, pa + i * 0x200000);
    }
    map(w, &s, root, 0xffffffff00005000u, levels - 1, 0x90008000); /* NAPOT: 64 KiB at ..90000000 */
    struct dio_kernel *k = open_world(w);
    uint64_t slot = w->child[w->children - 1].table + 5 * 8;
    world_put(w, slot, 8, 0x80000000000000efu | (0x90000000ull >> 12 | 8) << 10);
    dio_kernel_close(k);
    k = open_world(w);
    if (k) {
        CHECK_EQ(world_phys(k, 0xffffffff00005678u), 0x90005678);
        CHECK_EQ(world_phys(k, image + 0x234567), (int64_t)pa + 0x234567);
        dio_kernel_layout(k, &l);
        CHECK(l.has_page_offset && l.page_offset == offset - 0x80000000u);
    }
    dio_kernel_close(k);
    world_free(w);
}

/* ---- ppc64, s390x ---------------------------------------------------------------------------- */

static void ppc64(int radix, unsigned page_shift)
{
    struct style s = {"ppc64", "ppc64le", DUMPIO_BIG, DUMPIO_BIG, 8, 4, {0}, {13, 9, 9, 9},
                      ppc_table, ppc_leaf, 0};
    static const uint8_t hash[] = {8, 10, 10, 8};
    const uint64_t base = 0xc000000000000000u, root = 0x2740000, vmalloc = 0xc008000000010000u;
    struct dio_kernel_layout l;
    unsigned shift = page_shift;
    if (!radix)
        memcpy(s.bits, hash, 4);
    else if (page_shift == 16)
        s.bits[3] = 5;
    for (unsigned i = 4; i-- > 0;) {
        s.shift[i] = (uint8_t)shift;
        shift += s.bits[i];
    }
    struct world *w = begin(&s, base + 0x26ab1c0, 0x26ab1c0, base + root);
    world_say(w, "PAGESIZE=%u", 1u << page_shift);
    w->next_table = 0x4000000;
    map(w, &s, root, vmalloc, 3, 0x1230000);
    for (uint64_t a = 0; radix && a < 0x4000000; a += 1u << s.shift[2])
        map(w, &s, root, base + a, 2, a);
    struct dio_kernel *k = open_world(w); /* w says big-endian, utsname little-endian */
    if (k) {
        CHECK_EQ(world_phys(k, vmalloc + 0x567), 0x1230567);
        CHECK_EQ(world_phys(k, base + 0x1234567), 0x1234567);
        CHECK_EQ(world_phys(k, 0xc00c000000000000u), DUMPIO_E_ABSENT);
        dio_kernel_layout(k, &l);
        CHECK_EQ(l.order, DUMPIO_LITTLE);
        CHECK(l.has_page_offset && l.page_offset == base);
    }
    dio_kernel_close(k);
    world_free(w);
}

/* levels 3 to 5; moved: as 6.10 and later, with the identity mapping away from 0. */
static void s390x(unsigned levels, int moved)
{
    struct style s = {"s390x", "s390x", DUMPIO_BIG, DUMPIO_BIG, 8, levels, {0},
                      {11, 11, 11, 11, 8}, s390_table, s390_leaf, 0};
    static const uint8_t shift[] = {53, 42, 31, 20, 12};
    const uint64_t kernel = 0x3ffe0000000u, phys = 0x1000000, image = moved ? kernel : phys;
    const uint64_t root = phys + 0x290000, vmalloc = 0x37fe0000000u;
    struct dio_kernel_layout l;
    memcpy(s.shift, shift + 5 - levels, levels);
    s.bits[levels - 1] = 8;
    struct world *w = begin(&s, image + 0xf4898, phys + 0xf4898, image + 0x290000);
    world_say(w, "PAGESIZE=4096\nKERNELOFFSET=%" PRIx64, moved ? kernel : 0);
    if (moved)
        world_say(w, "IDENTITYBASE=10000000000\nKERNELOFFPHYS=%" PRIx64, phys);
    w->info.end_addr = 0x10000000;
    for (unsigned i = 0; i < 2048; i++)
        world_put(w, root + i * 8, 8, 0x20);
    for (uint64_t a = 0; a < 0x400000; a += 0x100000)
        map(w, &s, root, image + a, levels - 2, phys + a);
    map(w, &s, root, vmalloc, levels - 1, 0x765000);
    struct dio_kernel *k = open_world(w);
    if (k) {
        CHECK_EQ(world_phys(k, vmalloc + 0x12), 0x765012);
        CHECK_EQ(world_phys(k, vmalloc + 0x1000), DUMPIO_E_ABSENT);
        CHECK_EQ(world_phys(k, image + 0x212345), (int64_t)phys + 0x212345);
        if (moved)
            CHECK_EQ(world_phys(k, 0x10000123456u), 0x123456);
        dio_kernel_layout(k, &l);
        CHECK(l.has_page_offset && l.page_offset == (moved ? 0x10000000000u : 0));
        CHECK_EQ(l.order, DUMPIO_BIG);
    }
    dio_kernel_close(k);
    world_free(w);
}

/* A table that leads to itself ends after as many steps as there are levels. */
static void cycle(void)
{
    const struct style s = {.arch = "x86_64", .machine = "x86_64", .order = DUMPIO_LITTLE};
    struct world *w = begin(&s, 0xffffffff82000000u, 0x2000000, 0xffffffff82400000u);
    struct dio_kernel *k = NULL;
    world_say(w, "PAGESIZE=4096\nNUMBER(phys_base)=0");
    for (unsigned i = 0; i < 512; i++)
        world_put(w, 0x2400000 + i * 8, 8, 0x2400063);
    CHECK_EQ(dio_kernel_open(&k, &w->mem, NULL, &w->err), DUMPIO_E_CORRUPT);
    CHECK(!k);
    for (unsigned i = 0; i < 512; i++) /* tables beyond every address */
        world_put(w, 0x2400000 + i * 8, 8, UINT64_MAX & ~0x80u);
    CHECK_EQ(dio_kernel_open(&k, &w->mem, NULL, &w->err), 0); /* read by the image's rule */
    dio_kernel_close(k);
    world_free(w);
}

int main(void)
{
    x86_64(4, 0, 1);
    x86_64(5, 0, 1);
    x86_64(4, (uint64_t)1 << 47, 1);
    x86_64(5, 0, 0); /* phys_base and levels found by looking */
    x86_64_without_tables();
    i386(0);
    i386(1);
    arm64(12, 39, 39, 0x55555000, arm_leaf);
    arm64(12, 48, 52, 0x55555000, arm_leaf);           /* built for 52, runs with 48 */
    arm64(12, 52, 52, 0xc000055555000u, lpa2_leaf);
    arm64(14, 52, 52, 0xc000055554000u, lpa2_leaf);
    arm64(14, 47, 52, 0x55554000, arm_leaf);
    arm64(16, 48, 52, 0x55550000, arm64k_leaf);        /* laid out for 52 */
    arm64(16, 52, 52, 0xf000055550000u, arm64k_leaf);
    riscv(3);
    riscv(4);
    riscv(5);
    ppc64(1, 16);
    ppc64(1, 12);
    ppc64(0, 16);
    for (unsigned levels = 3; levels <= 5; levels++) {
        s390x(levels, 0);
        s390x(levels, 1);
    }
    cycle();
    return unit_result();
}
