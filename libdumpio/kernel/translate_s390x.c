/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation of s390x: identity mapping (before 6.10), moved mappings (6.10 on), tables.
 * Reference: z/Architecture Principles of Operation, dynamic address translation; the kernel's
 * arch/s390/include/asm/pgtable.h and os_info.h. Does not handle: 31-bit kernels.
 */
#include "internal.h"

#define ROOT_ENTRIES 2048u
#define OS_INFO_MAGIC 0x4f53494e464f535aull
#define LOWCORE_SIZE 0x2000u

/* Type bits of an entry: the level of the table it stands in. */
static unsigned type_of(uint64_t e)
{
    return (unsigned)(e >> 2 & 3);
}

static struct dio_step decode(const struct dio_geometry *g, unsigned level, uint64_t e)
{
    struct dio_step s = {DIO_STEP_NONE, 0, 0, 0, 0};
    if (level + 1 == g->levels) { /* page table */
        if (!(e & 0xc00)) {
            s.kind = DIO_STEP_LEAF;
            s.addr = e & ~(uint64_t)0xfff;
        }
        return s;
    }
    unsigned type = g->levels - 2 - level;
    if ((e & 0x20) || type_of(e) != type)
        return s;
    if ((e & 0x400) && type < 2) { /* 2 GiB or 1 MiB */
        s.kind = DIO_STEP_LEAF;
        s.addr = e & ~(uint64_t)0xfff;
    } else if (type) {
        s.kind = DIO_STEP_TABLE;
        s.addr = e & ~(uint64_t)0xfff;
        s.first = (unsigned)(e >> 6 & 3) * 512;
        s.last = (unsigned)(e & 3) * 512 + 511;
    } else {
        s.kind = DIO_STEP_TABLE;
        s.addr = e & ~(uint64_t)0x7ff;
    }
    return s;
}

/* Levels from the type of the root's first valid entry. */
static int set_tables(struct dio_kernel *k, uint64_t root, struct dumpio_error *err)
{
    static const uint8_t shift[] = {53, 42, 31, 20, 12}, bits[] = {11, 11, 11, 11, 8};
    uint8_t raw[DIO_WALK_CHUNK];
    struct dio_geometry g;
    memset(&g, 0, sizeof(g));
    for (unsigned i = 0; i < ROOT_ENTRIES && !g.levels; i++) {
        unsigned in = i * 8 % DIO_WALK_CHUNK;
        int rc = in ? 0 : k->mem.read(k->mem.ctx, root + i * 8, raw, sizeof(raw), err);
        if (rc)
            return dio_context(err, rc, "root page table");
        uint64_t e = dio_get64(raw + in, DUMPIO_BIG);
        if (!(e & 0x20))
            g.levels = type_of(e) + 2;
    }
    if (!g.levels)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "the root page table at 0x%llx has no valid entry",
                        (unsigned long long)root);
    for (unsigned l = 0; l < g.levels; l++) {
        g.level[l].shift = shift[DIO_WALK_LEVELS - g.levels + l];
        g.level[l].bits = bits[DIO_WALK_LEVELS - g.levels + l];
    }
    g.entry = 8;
    g.order = DUMPIO_BIG;
    g.root = root;
    unsigned width = g.level[0].shift + 11u;
    g.va_high = width >= 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
    g.page_shift = 12;
    g.decode = decode;
    dio_walk_set(&k->walk, &g);
    return 0;
}

/* What 6.10 and later say of their mappings. */
struct moved {
    uint64_t identity, kernel, kernel_phys, vmemmap, amode31, amode31_end;
    bool has_identity, has_kernel;
};

/* os_info entries 4 to 9: identity base, kernel, its physical address, vmemmap, amode31. */
static void from_os_info(struct dio_kernel *k, struct moved *m)
{
    uint8_t raw[32 + 10 * 20];
    uint64_t at;
    if (k->mem.read(k->mem.ctx, 0xe18, raw, 8, NULL))
        return;
    at = dio_get64(raw, DUMPIO_BIG);
    if (!at || k->mem.read(k->mem.ctx, at, raw, sizeof(raw), NULL) ||
        dio_get64(raw, DUMPIO_BIG) != OS_INFO_MAGIC)
        return;
    uint64_t v[6];
    for (unsigned i = 0; i < 6; i++)
        v[i] = dio_get64(raw + 32 + (4 + i) * 20, DUMPIO_BIG);
    if (!m->has_kernel && v[1]) {
        m->has_identity = m->has_kernel = true;
        m->identity = v[0];
        m->kernel = v[1];
        m->kernel_phys = v[2];
    }
    m->vmemmap = v[3];
    if (!m->amode31) {
        m->amode31 = v[4];
        m->amode31_end = v[5];
    }
}

static bool read_moved(struct dio_kernel *k, struct moved *m)
{
    memset(m, 0, sizeof(*m));
    m->has_identity = dio_kernel_hex(k, "IDENTITYBASE", &m->identity);
    m->has_kernel = m->has_identity && dio_kernel_hex(k, "KERNELOFFSET", &m->kernel) &&
                    dio_kernel_hex(k, "KERNELOFFPHYS", &m->kernel_phys);
    if (m->has_identity) {
        dio_kernel_hex(k, "SAMODE31", &m->amode31);
        dio_kernel_hex(k, "EAMODE31", &m->amode31_end);
    }
    from_os_info(k, m);
    return m->has_identity && m->has_kernel;
}

/*
 * The image is above its offset, the identity mapping from its base on. Where vmemmap begins is
 * not always told; memory ends before it, so the dump's end bounds the window.
 */
static void add_moved(struct dio_kernel *k, const struct moved *m)
{
    uint64_t end = k->mem.info->end_addr;
    dio_kernel_add_linear(k, 0, LOWCORE_SIZE, 0);
    if (m->amode31_end > m->amode31)
        dio_kernel_add_linear(k, m->amode31, m->amode31_end - m->amode31, m->amode31);
    if (m->kernel > m->identity && end > m->kernel - m->identity)
        end = m->kernel - m->identity;
    if (m->vmemmap > m->identity && end > m->vmemmap - m->identity)
        end = m->vmemmap - m->identity;
    dio_kernel_add_linear(k, m->identity, end, 0);
    dio_kernel_add_linear(k, m->kernel, 0 - m->kernel, m->kernel_phys);
}

static int open_s390x(struct dio_kernel *k, struct dumpio_error *err)
{
    struct moved m;
    struct dumpio_error tables;
    uint64_t root;
    k->order = DUMPIO_BIG;
    if (!dio_kernel_symbol(k, "swapper_pg_dir", &k->root_virt))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO has no SYMBOL(swapper_pg_dir)");
    bool moved = read_moved(k, &m);
    root = k->root_virt;
    if (moved) {
        root = k->root_virt - m.kernel + m.kernel_phys;
        add_moved(k, &m);
    } else {
        uint64_t end = k->mem.info->end_addr;
        dio_kernel_add_fallback(k, 0, end ? end : (uint64_t)1 << 46, 0);
    }
    int rc = set_tables(k, root, &tables);
    if (rc && rc != DUMPIO_E_ABSENT && rc != DUMPIO_E_LOST) {
        if (err)
            *err = tables;
        return rc;
    }
    rc = dio_kernel_prove(k, root, err);
    if (!rc) {
        k->layout.page_offset = moved ? m.identity : 0;
        k->layout.has_page_offset = 1;
    }
    return rc;
}

const struct dio_kernel_arch dio_kernel_s390x = {"s390x", 8, open_s390x, NULL};
