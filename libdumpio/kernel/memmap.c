/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which frames have a struct page: sections of SPARSEMEM, the node's span of FLATMEM.
 * Reference: include/linux/mmzone.h of Linux and the keys of vmcoreinfo.rst.
 * Does not handle: DISCONTIGMEM (removed in 5.14).
 */
#include "internal.h"

#define PRESENT 1u         /* bit of section_mem_map: SECTION_MARKED_PRESENT */
#define FLAG_BITS 3u       /* low bits that a pointer to a mem_section never has */
#define LOOK_AT 64u        /* entries that tell static from extreme */

struct sections {
    uint64_t table;     /* virtual: of roots or of sections */
    uint64_t size;      /* of a mem_section, bytes */
    uint64_t map_at;    /* offset of section_mem_map */
    uint64_t per_root;  /* sections per root; 0 = one static array */
    uint64_t count;     /* of sections */
    unsigned shift;     /* log2 of a section's bytes of memory */
};

/* ---- the model --------------------------------------------------------------------------------- */

static unsigned section_shift(const struct dio_kernel *k)
{
    int64_t bits;
    if (dio_kernel_number(k, "NUMBER", "SECTION_SIZE_BITS", &bits))
        return bits >= 20 && bits < 48 ? (unsigned)bits : 0;
    const char *arch = k->arch->name;
    uint32_t version = dio_kernel_version(k);
    if (!strcmp(arch, "x86_64") || !strcmp(arch, "riscv64"))
        return 27;
    if (!strcmp(arch, "i386"))
        return dio_vmcoreinfo_value(k->text, k->len, "CONFIG_X86_PAE", NULL) ? 29 : 26;
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
        if (dio_get_word(b, v->k->order, v->k->word) & ((1u << FLAG_BITS) - 1))
            return false;
    }
    return true;
}

static int find_sections(struct dio_kernel *k, struct dio_view *v, struct sections *s,
                         struct dumpio_error *err)
{
    int64_t size, at, length;
    if (!dio_kernel_number(k, "SIZE", "mem_section", &size) || size <= 0 || size > 4096 ||
        !dio_kernel_number(k, "OFFSET", "mem_section.section_mem_map", &at) || at < 0 || at >= size)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO lacks SIZE(mem_section) or its section_mem_map");
    if (!dio_kernel_number(k, "LENGTH", "mem_section", &length) || length <= 0)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO lacks LENGTH(mem_section)");
    s->size = (uint64_t)size;
    s->map_at = (uint64_t)at;
    s->count = (uint64_t)length;
    s->shift = section_shift(k);
    if (!s->shift)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "the size of a memory section of this kernel is not known");
    uint64_t per_root = k->page_size / s->size;
    if (looks_extreme(v, s->table, s->count)) {
        s->per_root = per_root ? per_root : 1;
        if (dio_mul(s->count, s->per_root, &s->count))
            s->count = UINT64_MAX;
    }
    return 0;
}

/* ---- sections ------------------------------------------------------------------------------------ */

static int word_at(struct dio_view *v, uint64_t virt, uint64_t *value, struct dumpio_error *err)
{
    uint8_t b[8];
    if (dio_view_read(v, virt, b, v->k->word))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "the kernel's memory map at 0x%llx is not in the dump",
                        (unsigned long long)virt);
    *value = dio_get_word(b, v->k->order, v->k->word);
    return 0;
}

/* Is section i present? *skip = how many sections from i on share the answer at least. */
static int present(struct dio_view *v, const struct sections *s, uint64_t i, bool *yes,
                   uint64_t *skip, struct dumpio_error *err)
{
    uint64_t base = s->table, map, slot = i;
    *yes = false;
    *skip = 1;
    if (s->per_root) {
        int rc = word_at(v, s->table + i / s->per_root * v->k->word, &base, err);
        if (rc)
            return rc;
        slot = i % s->per_root;
        if (!base) {
            *skip = s->per_root - slot;
            return 0;
        }
    }
    int rc = word_at(v, base + slot * s->size + s->map_at, &map, err);
    *yes = !rc && (map & PRESENT);
    return rc;
}

static int next_section(struct dio_kernel *k, struct dio_view *v, uint64_t addr, uint64_t *start,
                        uint64_t *end, struct dumpio_error *err)
{
    struct sections s = {0};
    uint64_t limit = k->mem.info->end_addr;
    dio_kernel_symbol(k, "mem_section", &s.table);
    int rc = find_sections(k, v, &s, err);
    if (rc)
        return rc;
    for (uint64_t i = addr >> s.shift; i < s.count && i << s.shift < limit;) {
        bool yes;
        uint64_t skip;
        rc = present(v, &s, i, &yes, &skip, err);
        if (rc)
            return rc;
        if (yes) {
            *start = i << s.shift > addr ? i << s.shift : addr;
            *end = (i + 1) << s.shift;
            return 0;
        }
        i += skip;
    }
    return DUMPIO_END;
}

/* ---- one flat map ------------------------------------------------------------------------------- */

static int flat_span(struct dio_kernel *k, struct dio_view *v, uint64_t addr, uint64_t *start,
                     uint64_t *end, struct dumpio_error *err)
{
    uint64_t node, first, spanned;
    int64_t first_at, spanned_at;
    if (!dio_kernel_symbol(k, "contig_page_data", &node) ||
        !dio_kernel_number(k, "OFFSET", "pglist_data.node_start_pfn", &first_at) ||
        !dio_kernel_number(k, "OFFSET", "pglist_data.node_spanned_pages", &spanned_at))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO lacks mem_section and contig_page_data: this memory model is "
                        "not known");
    int rc = word_at(v, node + (uint64_t)first_at, &first, err);
    if (!rc)
        rc = word_at(v, node + (uint64_t)spanned_at, &spanned, err);
    if (rc)
        return rc;
    uint64_t last;
    if (dio_add(first, spanned, &last) || last > UINT64_MAX / k->page_size)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "the kernel's node spans 0x%llx frames from 0x%llx on",
                        (unsigned long long)spanned, (unsigned long long)first);
    *start = first * k->page_size > addr ? first * k->page_size : addr;
    *end = last * k->page_size;
    return *start < *end ? 0 : DUMPIO_END;
}

int dio_kernel_next_mapped(struct dio_kernel *k, uint64_t addr, uint64_t *start, uint64_t *end,
                           struct dumpio_error *err)
{
    struct dio_view v = {.k = k};
    uint64_t symbol;
    if (dio_kernel_symbol(k, "mem_section", &symbol))
        return next_section(k, &v, addr, start, end, err);
    return flat_span(k, &v, addr, start, end, err);
}
