/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPARSEMEM: sections of memory, each with its array of struct pages; static and extreme tables.
 * Reference: include/linux/mmzone.h (mem_section, SECTION_HAS_MEM_MAP ...) of Linux 2.6.13 to 7.2.
 * Does not handle: memory that is hot-plugged in less than a section (kept: it has no records).
 */
#include "memmap.h"

#define PRESENT 1u          /* bit of section_mem_map: SECTION_MARKED_PRESENT */
#define FLAGS 63u           /* low bits of section_mem_map that are no address; six always */
#define POINTER_LOW 7u      /* low bits that a pointer to a mem_section never has */
#define LOOK_AT 64u         /* entries that tell static from extreme */
#define ENTRIES_MAX (1u << 24) /* of the table, roots or sections */

struct sections {
    uint64_t table;     /* virtual: of roots or of sections */
    uint64_t size;      /* of a mem_section, bytes */
    uint64_t map_at;    /* offset of section_mem_map */
    uint64_t per_root;  /* sections per root; 0 = one static array */
    uint64_t entries;   /* of the table */
    uint64_t count;     /* of sections */
    unsigned shift;     /* log2 of a section's frames */
};

static unsigned section_bits(const struct dio_kernel *k)
{
    int64_t bits;
    if (dio_kernel_number(k, "NUMBER", "SECTION_SIZE_BITS", &bits))
        return bits >= 20 && bits < 48 ? (unsigned)bits : 0;
    const char *arch = k->arch->name;
    uint32_t version = dio_kernel_version(k);
    size_t n;
    if (!strcmp(arch, "x86_64") || !strcmp(arch, "riscv64"))
        return 27;
    if (!strcmp(arch, "i386"))
        return !dio_vmcoreinfo_value(k->text, k->len, "CONFIG_X86_PAE", &n) ? 26
               : dio_kernel_before(k, 2, 6, 26)                            ? 30
                                                                           : 29;
    if (!strcmp(arch, "aarch64"))
        return version < ((5u << 16) | 12) ? 30 : k->page_size == 65536 ? 29 : 27;
    if (!strcmp(arch, "ppc64"))
        return 24;
    return !strcmp(arch, "s390x") ? 28 : 0;
}

/* Pointers to mem_sections have their low bits clear, section_mem_map has the PRESENT bit set. */
static bool looks_extreme(struct dio_view *v, uint64_t table, uint64_t n)
{
    for (uint64_t i = 0; i < n && i < LOOK_AT; i++) {
        uint8_t b[8];
        if (dio_view_read(v, table + i * v->k->word, b, v->k->word))
            return false;
        if (dio_get_word(b, v->k->order, v->k->word) & POINTER_LOW)
            return false;
    }
    return true;
}

static int facts(struct dio_kernel *k, struct sections *s, struct dumpio_error *err)
{
    int64_t size, at, length;
    if (!dio_kernel_number(k, "SIZE", "mem_section", &size) || size <= 0 || size > 4096 ||
        !dio_kernel_number(k, "OFFSET", "mem_section.section_mem_map", &at) || at < 0 ||
        at > size - (int64_t)k->word)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "SIZE(mem_section) or OFFSET(mem_section.section_mem_map) is not known or "
                        "impossible; --vmlinux supplies them");
    if (!dio_kernel_number(k, "LENGTH", "mem_section", &length) || length <= 0 ||
        length > (int64_t)ENTRIES_MAX)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "LENGTH(mem_section) is not known or impossible; --vmlinux supplies it");
    unsigned bits = section_bits(k);
    if (!bits)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "NUMBER(SECTION_SIZE_BITS) is not known for this kernel");
    s->size = (uint64_t)size;
    s->map_at = (uint64_t)at;
    s->entries = (uint64_t)length;
    s->shift = bits;
    for (uint64_t page = k->page_size; page > 1; page >>= 1)
        s->shift--;
    return 0;
}

/* section_mem_map of section i; *skip = how many sections from i on are absent with it at least. */
static int section_map(struct dio_view *v, const struct sections *s, uint64_t i, uint64_t *map,
                       uint64_t *skip, struct dumpio_error *err)
{
    uint64_t base = s->table, slot = i;
    *map = 0;
    *skip = 1;
    if (s->per_root) {
        int rc = dio_memmap_word(v, s->table + i / s->per_root * v->k->word, &base, err);
        if (rc)
            return rc;
        slot = i % s->per_root;
        if (!base) {
            *skip = s->per_root - slot;
            return 0;
        }
    }
    return dio_memmap_word(v, base + slot * s->size + s->map_at, map, err);
}

static uint64_t record_base(const struct dio_memmap *m, const struct dio_kernel *k, uint64_t map,
                            uint64_t pfn)
{
    uint64_t base = (map & ~(uint64_t)FLAGS) + pfn * m->record;
    return k->word == 4 ? base & UINT32_MAX : base;
}

/* Does the first section present have records that are mapped? */
static bool plausible(const struct dio_memmap *m, struct dio_view *v, const struct sections *s)
{
    for (uint64_t i = 0, skip; i < s->count; i += skip) {
        uint64_t map, phys, pfn = i << s->shift;
        if (section_map(v, s, i, &map, &skip, NULL))
            return false;
        if (map & PRESENT)
            return !dio_kernel_translate(v->k, record_base(m, v->k, map, pfn), &phys, NULL, NULL);
    }
    return false;
}

static void set_table(struct dio_kernel *k, struct dio_view *v, struct sections *s, uint64_t table)
{
    s->table = table;
    s->count = s->entries;
    s->per_root = 0;
    if (!looks_extreme(v, table, s->entries))
        return;
    s->per_root = k->page_size / s->size ? k->page_size / s->size : 1;
    s->count = s->entries * s->per_root;
}

/* Where the table is and of which kind: the symbol is the table, or (4.14 on) a pointer to it. */
static int find_table(const struct dio_memmap *m, struct dio_kernel *k, struct dio_view *v,
                      struct sections *s, struct dumpio_error *err)
{
    int64_t pointer = 0;
    uint64_t symbol = 0, target;
    dio_kernel_symbol(k, "mem_section", &symbol);
    dio_kernel_number(k, "POINTER", "mem_section", &pointer);
    set_table(k, v, s, symbol);
    if (!pointer && plausible(m, v, s))
        return 0;
    int rc = dio_memmap_word(v, symbol, &target, err);
    if (rc)
        return rc;
    set_table(k, v, s, target);
    if (plausible(m, v, s))
        return 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "mem_section at 0x%llx is no table of sections, nor a pointer to one: "
                    "SYMBOL(mem_section), its SIZE, LENGTH or OFFSET are wrong, or the table is "
                    "damaged", (unsigned long long)symbol);
}

/* ---- all of them ------------------------------------------------------------------------------ */

/* Where section 0's records would be, as the sections say: with a virtual memory map all the same. */
struct biases {
    uint64_t most, lone;      /* the common one; the last that differs */
    uint64_t sections, same;  /* in all, of the common one */
    uint64_t lone_at;         /* section */
    uint64_t lone_same;       /* of the last that differs */
};

static void count_bias(struct biases *b, uint64_t bias, uint64_t section)
{
    if (!b->sections++ || bias == b->most) {
        b->most = bias;
        b->same++;
        return;
    }
    b->lone_same = bias == b->lone ? b->lone_same + 1 : 1;
    b->lone = bias;
    b->lone_at = section;
}

static int check_biases(const struct biases *b, struct dumpio_error *err)
{
    uint64_t others = b->sections - b->same;
    bool first_alone = b->same == 1 && b->lone_same == others && others > 2;
    if (!first_alone && (others != 1 || b->same < 3))
        return 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "mem_section contradicts itself: section %llu alone has its struct pages "
                    "elsewhere than %llu others", first_alone ? 0 : (unsigned long long)b->lone_at,
                    (unsigned long long)b->sections - 1);
}

/*
 * A section that is not there is all zero; hot-removed ones (5.3 to 5.5, and backports) hold the
 * bias of a map at 0.
 */
static int check_absent(const struct dio_kernel *k, const struct dio_memmap *m, uint64_t map,
                        uint64_t section, uint64_t pfn, struct dumpio_error *err)
{
    bool removed = (map & ~(uint64_t)FLAGS) == ((0 - pfn * m->record) & ~(uint64_t)FLAGS);
    if (!map || removed || (!dio_kernel_before(k, 5, 3, 0) && dio_kernel_before(k, 5, 6, 0)))
        return 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "mem_section of section %llu is damaged: 0x%llx is not marked as present",
                    (unsigned long long)section, (unsigned long long)map);
}

int dio_memmap_of_sections(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err)
{
    struct dio_view v = {.k = k};
    struct sections s = {0};
    struct biases b = {0};
    size_t cap = 0;
    int rc = facts(k, &s, err);
    if (!rc)
        rc = find_table(m, k, &v, &s, err);
    for (uint64_t i = 0, skip; !rc && i < s.count; i += skip) {
        uint64_t map, pfn = i << s.shift;
        rc = section_map(&v, &s, i, &map, &skip, err);
        if (rc)
            break;
        if (!(map & PRESENT)) {
            rc = check_absent(k, m, map, i, pfn, err);
            m->unmapped_sections += skip;
            continue;
        }
        count_bias(&b, map & ~(uint64_t)FLAGS, i);
        rc = dio_memmap_add(m, &cap, pfn, pfn + ((uint64_t)1 << s.shift),
                            record_base(m, k, map, pfn), err);
    }
    bool one_map = k->word == 8 && !dio_kernel_before(k, 2, 6, 24); /* vmemmap came then */
    return rc || !one_map ? rc : check_biases(&b, err);
}
