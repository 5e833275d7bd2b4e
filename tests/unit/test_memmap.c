/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where struct pages lie: FLATMEM, DISCONTIGMEM of both kinds, SPARSEMEM of all kinds, and tables
 * that are damaged.
 * Reference: include/linux/mmzone.h, asm-generic/memory_model.h of Linux 2.6.9 to 7.1.
 */
#include "pages_frames.h"

#include "kernel/memmap.h"

#define SECTION 4096u /* frames of a section of ppc64: 16 MiB */
#define TABLE 0x60000u
#define ROOTS 0x70000u

/* A kernel of which only the memory map matters. */
static struct pw *bare(const char *release, const char *arch, enum dumpio_order order)
{
    struct pw *w = pw_new(era_of(release), arch, order, 32768);
    char *model = strstr(w->text, "SYMBOL(contig_page_data)");
    *model = '\0'; /* what follows are the keys of the model */
    return w;
}

static const struct dio_memmap *memmap(struct pw *w)
{
    const struct dio_memmap *m = NULL;
    if (pw_open(w) || dio_kernel_memmap(w->dump.kernel, &m, &w->err))
        return NULL;
    return m;
}

static void run_is(const struct dio_memmap *m, size_t i, uint64_t pfn, uint64_t end, uint64_t virt)
{
    CHECK(m && i < m->n_runs);
    if (!m || i >= m->n_runs)
        return;
    CHECK_EQ(m->runs[i].pfn, pfn);
    CHECK_EQ(m->runs[i].end, end);
    CHECK_EQ(m->runs[i].virt, virt);
    uint64_t back = 0, at = 0;
    const uint64_t frames[] = {pfn, pfn + (end - pfn) / 2, end - 1};
    for (unsigned f = 0; f < 3; f++) {
        CHECK(dio_memmap_virt(m, frames[f], &at));
        CHECK_EQ(at, virt + (frames[f] - pfn) * m->record);
        CHECK(dio_memmap_pfn(m, at, &back));
        CHECK_EQ(back, frames[f]);
        CHECK(!dio_memmap_pfn(m, at + 1, &back));
        CHECK(!dio_memmap_pfn(m, at + m->record - 1, &back));
    }
}

static void fails(struct pw *w, int status, const char *message)
{
    w->err = (struct dumpio_error){0};
    CHECK(!memmap(w));
    CHECK_EQ(w->err.status, status);
    CHECK(strstr(w->err.message, message));
    if (!strstr(w->err.message, message))
        printf("  said: %s\n", w->err.message);
}

/* ---- FLATMEM --------------------------------------------------------------------------------- */

static void flat(const char *arch, enum dumpio_order order)
{
    struct pw *w = bare("5.10", arch, order);
    uint64_t virt = w->base + 0x2000000, pfn = 0;
    pw_say(w, "SYMBOL(contig_page_data)=%" PRIx64, w->base + PW_PGDAT);
    pw_say(w, "OFFSET(pglist_data.node_mem_map)=%d", N_MAP);
    pw_put(w, PW_PGDAT + N_START, w->word, 0x123);
    pw_put(w, PW_PGDAT + N_SPANNED, w->word, 0x10000);
    pw_put(w, PW_PGDAT + N_MAP, w->word, virt);
    const struct dio_memmap *m = memmap(w);
    run_is(m, 0, 0x123, 0x10123, virt);
    CHECK(m && m->n_runs == 1 && m->n_nodes == 1 && !strcmp(m->model, "flatmem"));
    /* outside: no arithmetic that wraps */
    CHECK(!dio_memmap_virt(m, 0x122, &pfn) && !dio_memmap_virt(m, 0x10123, &pfn));
    CHECK(!dio_memmap_virt(m, 0xfffff, &pfn) && !dio_memmap_virt(m, UINT64_MAX, &pfn));
    CHECK(!dio_memmap_pfn(m, virt - m->record, &pfn) && !dio_memmap_pfn(m, 0, &pfn));
    CHECK(!dio_memmap_pfn(m, UINT64_MAX, &pfn));
    pw_free(w);
}

/* Without node_mem_map: mem_map is the array's begin. */
static void flat_by_mem_map(void)
{
    struct pw *w = bare("2.6.24", "i386", DUMPIO_LITTLE);
    pw_say(w, "SYMBOL(contig_page_data)=%" PRIx64, w->base + PW_PGDAT);
    fails(w, DUMPIO_E_ABSENT, "SYMBOL(mem_map)");
    pw_say(w, "SYMBOL(mem_map)=%" PRIx64, w->base + TABLE);
    pw_put(w, TABLE, 4, w->base + 0x1000000);
    run_is(memmap(w), 0, 0, 32768, w->base + 0x1000000);
    pw_free(w);
}

/* Where memory begins higher up, mem_map is the record of its first frame. */
static void flat_from_above(const char *arch, const char *key)
{
    const struct dio_kernel_arch other = {.name = arch, .word = 8};
    struct pw *w = bare("5.10", "ppc64", DUMPIO_LITTLE);
    struct dumpio_error err = {0};
    uint64_t virt = w->base + 0x1000000, start = 0x80200;
    pw_say(w, "SYMBOL(contig_page_data)=%" PRIx64, w->base + PW_PGDAT);
    pw_say(w, "SYMBOL(mem_map)=%" PRIx64, w->base + TABLE);
    pw_put(w, TABLE, 8, virt);
    pw_put(w, PW_PGDAT + N_START, 8, start + 2);
    for (unsigned told = 0; told <= 3; told++) {
        struct dio_memmap m;
        if (told == 1)
            pw_say(w, "NUMBER(%s)=0x%" PRIx64, key, start * PW_PAGE);
        if (told == 2) {
            pw_say(w, "OFFSET(pglist_data.node_mem_map)=%d", N_MAP);
            pw_put(w, PW_PGDAT + N_MAP, 8, virt + 2 * w->s->size);
        }
        if (told == 3)
            pw_put(w, PW_PGDAT + N_MAP, 8, virt);
        CHECK_EQ(pw_open(w), 0);
        w->dump.kernel->arch = &other;
        int rc = dio_memmap_open(&m, w->dump.kernel, &err);
        if (told % 3 == 0) {
            CHECK_EQ(rc, told ? DUMPIO_E_CORRUPT : DUMPIO_E_ABSENT);
            CHECK(strstr(err.message, told ? "contradict each other" : key));
        } else {
            CHECK_EQ(rc, 0);
            if (!rc)
                run_is(&m, 0, start + 2, start + 2 + 32768, virt + 2 * w->s->size);
        }
        if (!rc)
            dio_memmap_close(&m);
    }
    pw_free(w);
}

/* mem_map and the node's own pointer must meet. */
static void flat_both_ways(const char *arch, enum dumpio_order order)
{
    struct pw *w = bare("3.10", arch, order);
    uint64_t virt = w->base + 0x2000000;
    pw_say(w, "SYMBOL(contig_page_data)=%" PRIx64, w->base + PW_PGDAT);
    pw_say(w, "OFFSET(pglist_data.node_mem_map)=%d", N_MAP);
    pw_say(w, "SYMBOL(mem_map)=%" PRIx64, w->base + TABLE);
    pw_put(w, PW_PGDAT + N_START, w->word, 16);
    pw_put(w, PW_PGDAT + N_MAP, w->word, virt + 16 * w->s->size);
    pw_put(w, TABLE, w->word, virt);
    run_is(memmap(w), 0, 16, 16 + 32768, virt + 16 * w->s->size);
    pw_put(w, TABLE, w->word, virt + w->s->size);
    fails(w, DUMPIO_E_CORRUPT, "contradict each other");
    pw_free(w);
}

static void flat_damage(void)
{
    struct pw *w = bare("5.10", "ppc64", DUMPIO_LITTLE);
    fails(w, DUMPIO_E_ABSENT, "SYMBOL(mem_section)");
    pw_say(w, "SYMBOL(contig_page_data)=%" PRIx64, w->base + PW_PGDAT);
    pw_say(w, "OFFSET(pglist_data.node_mem_map)=%d", N_MAP);
    pw_put(w, PW_PGDAT + N_SPANNED, 8, 0);
    fails(w, DUMPIO_E_CORRUPT, "empty");
    pw_put(w, PW_PGDAT + N_SPANNED, 8, UINT64_MAX);
    pw_put(w, PW_PGDAT + N_START, 8, 2);
    fails(w, DUMPIO_E_CORRUPT, "memory node 0");
    pw_put(w, PW_PGDAT + N_SPANNED, 8, (uint64_t)1 << 52);
    fails(w, DUMPIO_E_CORRUPT, "memory node 0");
    pw_put(w, PW_PGDAT + N_SPANNED, 8, 1000);
    pw_put(w, PW_PGDAT + N_MAP, 8, 0 - (uint64_t)4096);
    fails(w, DUMPIO_E_CORRUPT, "contradicts itself"); /* it wraps */
    pw_put(w, PW_PGDAT + N_MAP, 8, w->base + PW_MEMMAP);
    run_is(memmap(w), 0, 2, 1002, w->base + PW_MEMMAP);
    pw_unsay(w, "SIZE(page)", NULL);
    fails(w, DUMPIO_E_ABSENT, "SIZE(page)");
    static const char *const sizes[] = {"0", "-64", "23", "60", "1028", "99999999999"};
    for (unsigned i = 0; i < 6; i++) {
        struct pw *x = bare("5.10", "ppc64", DUMPIO_LITTLE);
        pw_unsay(x, "SIZE(page)", sizes[i]);
        fails(x, DUMPIO_E_CORRUPT, "SIZE(page)");
        pw_free(x);
    }
    pw_say(w, "SIZE(page)=64");
    CHECK(memmap(w));
    pw_unsay(w, "SYMBOL(contig_page_data)", "c000000020000000");
    fails(w, DUMPIO_E_ABSENT, "not in the dump");
    pw_free(w);
}

/* ---- DISCONTIGMEM ---------------------------------------------------------------------------- */

static void node(struct pw *w, unsigned i, uint64_t start, uint64_t spanned, uint64_t virt)
{
    uint64_t at = PW_PGDAT + i * 0x4000u;
    pw_put(w, at + N_START, w->word, start);
    pw_put(w, at + N_SPANNED, w->word, spanned);
    pw_put(w, at + N_MAP, w->word, virt);
    pw_put(w, at + N_ID, 4, i);
    pw_put(w, at + N_NEXT, w->word, 0);
    pw_put(w, TABLE + i * w->word, w->word, w->base + at);
}

static void discontig_array(const char *release, const char *arch, enum dumpio_order order)
{
    struct pw *w = bare(release, arch, order);
    pw_say(w, "SYMBOL(node_data)=%" PRIx64 "\nLENGTH(node_data)=8", w->base + TABLE);
    pw_say(w, "OFFSET(pglist_data.node_mem_map)=%d", N_MAP);
    pw_at(w, TABLE);
    node(w, 0, 0x8000, 0x1000, w->base + 0x3000000); /* nodes need not ascend */
    node(w, 1, 0, 0x4000, w->base + 0x2000000);
    node(w, 3, 0x4000, 0, 0); /* empty */
    const struct dio_memmap *m = memmap(w);
    run_is(m, 0, 0, 0x4000, w->base + 0x2000000);
    run_is(m, 1, 0x8000, 0x9000, w->base + 0x3000000);
    CHECK(m && m->n_runs == 2 && m->n_nodes == 3 && !strcmp(m->model, "discontigmem"));
    CHECK(m && m->nodes[0].id == 0 && m->nodes[1].id == 1 && m->nodes[2].id == 3);
    /* a node that is not online has no memory, whatever its pglist_data says */
    pw_say(w, "SYMBOL(node_online_map)=%" PRIx64, w->base + ROOTS);
    pw_put(w, ROOTS, w->word, 2);
    m = memmap(w);
    run_is(m, 0, 0, 0x4000, w->base + 0x2000000);
    CHECK(m && m->n_runs == 1 && m->n_nodes == 1);
    /* two that overlap; two that share records */
    pw_put(w, ROOTS, w->word, 3);
    node(w, 0, 0x3fff, 0x1000, w->base + 0x3000000);
    fails(w, DUMPIO_E_CORRUPT, "twice");
    node(w, 0, 0x4000, 0x1000, w->base + 0x2000000 + w->s->size);
    fails(w, DUMPIO_E_CORRUPT, "contradicts itself");
    /* one behind the other is one run */
    node(w, 0, 0x4000, 0x1000, w->base + 0x2000000 + 0x4000u * w->s->size);
    run_is(memmap(w), 0, 0, 0x5000, w->base + 0x2000000);
    pw_free(w);
}

static void discontig_states(void)
{
    struct pw *w = bare("2.6.32-eras", "ppc64", DUMPIO_BIG);
    pw_say(w, "SYMBOL(node_data)=%" PRIx64 "\nSIZE(nodemask_t)=32", w->base + TABLE);
    pw_say(w, "OFFSET(pglist_data.node_mem_map)=%d\nNUMBER(N_ONLINE)=1", N_MAP);
    pw_say(w, "SYMBOL(node_states)=%" PRIx64, w->base + ROOTS);
    pw_at(w, TABLE);
    node(w, 0, 0, 0x1000, w->base + 0x2000000);
    node(w, 70, 0x1000, 0x1000, w->base + 0x3000000);
    pw_put(w, ROOTS + 32 + 8, 8, 1u << 6);
    const struct dio_memmap *m = memmap(w);
    run_is(m, 0, 0x1000, 0x2000, w->base + 0x3000000);
    CHECK(m && m->n_nodes == 1 && m->nodes[0].id == 70);
    pw_free(w);
}

static void discontig_list(const char *arch, enum dumpio_order order)
{
    struct pw *w = bare("2.6.9", arch, order);
    pw_say(w, "SYMBOL(pgdat_list)=%" PRIx64, w->base + TABLE);
    pw_say(w, "OFFSET(pglist_data.node_mem_map)=%d\nOFFSET(pglist_data.node_id)=%d", N_MAP, N_ID);
    fails(w, DUMPIO_E_ABSENT, "no memory node");
    pw_say(w, "OFFSET(pglist_data.pgdat_next)=%d", N_NEXT);
    node(w, 0, 0, 0x4000, w->base + 0x2000000);
    node(w, 2, 0x9000, 0x800, w->base + 0x3000000);
    pw_put(w, TABLE, w->word, w->base + PW_PGDAT + 0x8000); /* 2, then 0 */
    pw_put(w, PW_PGDAT + 0x8000 + N_NEXT, w->word, w->base + PW_PGDAT);
    const struct dio_memmap *m = memmap(w);
    run_is(m, 0, 0, 0x4000, w->base + 0x2000000);
    run_is(m, 1, 0x9000, 0x9800, w->base + 0x3000000);
    CHECK(m && m->n_nodes == 2 && m->nodes[0].id == 0 && m->nodes[1].id == 2);
    pw_put(w, PW_PGDAT + N_NEXT, w->word, w->base + PW_PGDAT + 0x8000); /* a circle */
    fails(w, DUMPIO_E_LIMIT, "memory nodes");
    pw_free(w);
}

/* ---- SPARSEMEM ------------------------------------------------------------------------------- */

enum kind { STATIC, EXTREME, POINTER, TOLD_POINTER };

#define ENTRY 24u /* bytes of a mem_section, not a power of two */

/* Where section n stands; roots are made as they are needed. */
static uint64_t section_at(struct pw *w, enum kind kind, uint64_t n)
{
    uint64_t table = kind >= POINTER ? TABLE + 0x1000 : TABLE, per = PW_PAGE / ENTRY;
    if (kind == STATIC)
        return TABLE + n * ENTRY;
    uint64_t root = pw_get(w, table + n / per * w->word, w->word);
    if (!root) {
        root = w->base + ROOTS + n / per * PW_PAGE;
        pw_put(w, table + n / per * w->word, w->word, root);
        pw_at(w, root - w->base);
    }
    return root - w->base + n % per * ENTRY;
}

/* virt: of the section's first record; the table holds it less what all frames before take. */
static void section(struct pw *w, enum kind kind, uint64_t n, uint64_t virt, unsigned low)
{
    uint64_t at = section_at(w, kind, n) + 8;
    pw_put(w, at, w->word, (virt - n * SECTION * w->s->size) | low);
}

static struct pw *sparse(enum kind kind, enum dumpio_order order)
{
    struct pw *w = bare("5.4", "ppc64", order);
    pw_say(w, "SYMBOL(mem_section)=%" PRIx64 "\nLENGTH(mem_section)=%u", w->base + TABLE,
           kind == STATIC ? 600u : 16u);
    pw_say(w, "SIZE(mem_section)=%u\nOFFSET(mem_section.section_mem_map)=8", ENTRY);
    for (uint64_t i = 0; i < 4; i++)
        pw_at(w, TABLE + i * PW_PAGE);
    if (kind >= POINTER)
        pw_put(w, TABLE, 8, w->base + TABLE + 0x1000);
    if (kind == POINTER) /* other variables behind it */
        for (unsigned i = 1; i < 64; i++)
            pw_put(w, TABLE + 8 * i, 8, 0x1003 + 2 * i);
    if (kind == TOLD_POINTER)
        pw_say(w, "POINTER(mem_section)=1");
    return w;
}

static void sparse_kind(enum kind kind, enum dumpio_order order)
{
    struct pw *w = sparse(kind, order);
    uint64_t bytes = (uint64_t)SECTION * w->s->size, a = w->base + 0x2000000;
    section(w, kind, 0, a, 0x3f); /* six bits below the address */
    section(w, kind, 1, a + bytes, 1);
    section(w, kind, 2, a + 5 * bytes, 3);
    section(w, kind, 3, 0, 0); /* removed: not PRESENT, and not 0 */
    section(w, kind, 5, a + 2 * bytes, 0xb);        /* records in front of those of 2 */
    section(w, kind, 340, a + 9 * bytes, 7);        /* behind roots that are not there */
    section(w, kind, 341, a + 10 * bytes, 0x1f);
    const struct dio_memmap *m = memmap(w);
    if (!m)
        printf("kind %d: %s\n", (int)kind, w->err.message);
    CHECK(m && m->n_runs == 4 && !strcmp(m->model, "sparsemem"));
    run_is(m, 0, 0, 2 * SECTION, a);
    run_is(m, 1, 2 * SECTION, 3 * SECTION, a + 5 * bytes);
    run_is(m, 2, 5 * SECTION, 6 * SECTION, a + 2 * bytes);
    run_is(m, 3, 340 * SECTION, 342 * SECTION, a + 9 * bytes);
    uint64_t sections = kind == STATIC ? 600 : 16 * (PW_PAGE / ENTRY), at;
    CHECK(m && m->unmapped_sections == sections - 6);
    CHECK(m && !dio_memmap_virt(m, 3 * SECTION, &at) && !dio_memmap_virt(m, 342 * SECTION, &at));
    CHECK(m && dio_memmap_at(m, 3 * SECTION) == &m->runs[2] && !dio_memmap_at(m, 342 * SECTION));
    /* what others see */
    uint64_t start, end;
    CHECK_EQ(dio_kernel_next_mapped(w->dump.kernel, 3 * SECTION * PW_PAGE, &start, &end, &w->err),
             0);
    CHECK_EQ(start, 5 * SECTION * PW_PAGE);
    CHECK_EQ(end, 6 * SECTION * PW_PAGE);
    CHECK_EQ(dio_kernel_next_mapped(w->dump.kernel, start + 5, &start, &end, &w->err), 0);
    CHECK_EQ(start, 5 * SECTION * PW_PAGE + 5);
    CHECK_EQ(dio_kernel_next_mapped(w->dump.kernel, 342ull * SECTION * PW_PAGE, &start, &end,
                                    &w->err), DUMPIO_END);
    pw_free(w);
}

static void sparse_damage(void)
{
    for (unsigned i = 0; i < 9; i++) {
        static const struct {
            const char *key, *value;
            int status;
        } facts[] = {{"SIZE(mem_section)", NULL, DUMPIO_E_ABSENT},
                     {"SIZE(mem_section)", "8", DUMPIO_E_ABSENT},
                     {"SIZE(mem_section)", "4097", DUMPIO_E_ABSENT},
                     {"OFFSET(mem_section.section_mem_map)", NULL, DUMPIO_E_ABSENT},
                     {"OFFSET(mem_section.section_mem_map)", "-8", DUMPIO_E_ABSENT},
                     {"OFFSET(mem_section.section_mem_map)", "17", DUMPIO_E_ABSENT},
                     {"LENGTH(mem_section)", NULL, DUMPIO_E_ABSENT},
                     {"LENGTH(mem_section)", "0", DUMPIO_E_ABSENT},
                     {"LENGTH(mem_section)", "99999999999", DUMPIO_E_ABSENT}};
        struct pw *w = sparse(EXTREME, DUMPIO_LITTLE);
        section(w, EXTREME, 0, w->base + 0x2000000, 3);
        pw_unsay(w, facts[i].key, facts[i].value);
        fails(w, facts[i].status, "mem_section");
        pw_free(w);
    }
    struct pw *w = sparse(EXTREME, DUMPIO_BIG);
    fails(w, DUMPIO_E_CORRUPT, "no table of sections"); /* nothing is present */
    section(w, EXTREME, 0, w->base + 0x2000000, 3);
    section(w, EXTREME, 1, w->base + 0x2000000, 3);
    fails(w, DUMPIO_E_CORRUPT, "contradicts itself");
    section(w, EXTREME, 1, 0x1000, 3); /* no address of the kernel's: found out when it is read */
    CHECK(memmap(w));
    section(w, EXTREME, 0, 0x1000, 3);
    fails(w, DUMPIO_E_CORRUPT, "no table of sections");
    section(w, EXTREME, 0, w->base + 0x2000000, 3);
    section(w, EXTREME, 700, w->base + 0x2000000, 3);
    pw_drop(w, section_at(w, EXTREME, 700)); /* a root that is not in the dump */
    fails(w, DUMPIO_E_ABSENT, "not in the dump");
    pw_unsay(w, "LENGTH(mem_section)", "4");
    CHECK(memmap(w));
    pw_free(w);
}

/* One section that has nothing to do with the others; one that is neither there nor absent. */
static void sparse_outliers(void)
{
    for (unsigned odd = 0; odd < 4; odd++) {
        struct pw *w = sparse(EXTREME, DUMPIO_LITTLE);
        uint64_t bytes = (uint64_t)SECTION * w->s->size;
        for (uint64_t i = 0; i < 4; i++)
            section(w, EXTREME, i, w->base + 0x2000000 + (i == odd ? 7 + i : i) * bytes, 3);
        fails(w, DUMPIO_E_CORRUPT, "contradicts itself");
        pw_free(w);
    }
    struct pw *w = bare("4.18", "ppc64", DUMPIO_BIG);
    pw_say(w, "SYMBOL(mem_section)=%" PRIx64 "\nLENGTH(mem_section)=64", w->base + TABLE);
    pw_say(w, "SIZE(mem_section)=%u\nOFFSET(mem_section.section_mem_map)=8", ENTRY);
    section(w, STATIC, 0, w->base + 0x2000000, 3);
    CHECK(memmap(w));
    section(w, STATIC, 1, w->base + 0x2000000 + SECTION * 64u, 2);
    fails(w, DUMPIO_E_CORRUPT, "section 1 is damaged");
    pw_free(w);
}

/* log2 of a section's bytes, where no key tells it. */
static void section_bits(const char *release, const char *arch, const char *more, unsigned bits)
{
    struct pw *w = bare(release, arch, DUMPIO_LITTLE);
    uint64_t frames = (uint64_t)1 << (bits - 12);
    pw_say(w, "SYMBOL(mem_section)=%" PRIx64 "\nLENGTH(mem_section)=64", w->base + TABLE);
    pw_say(w, "SIZE(mem_section)=16\nOFFSET(mem_section.section_mem_map)=0");
    if (*more)
        pw_say(w, "%s", more);
    pw_put(w, TABLE, w->word, w->base + 0x2000000 + 1);
    pw_put(w, TABLE + 16, w->word, (w->base + 0x10000000 - frames * w->s->size) | 1);
    const struct dio_memmap *m = memmap(w);
    CHECK(m && m->n_runs == 2);
    if (m)
        CHECK_EQ(m->runs[1].pfn, frames);
    pw_free(w);
}

/* 32-bit: the base of a section with high frames lies below 0. */
static void sparse_wraps(void)
{
    struct pw *w = bare("6.1", "i386", DUMPIO_LITTLE);
    pw_say(w, "SYMBOL(mem_section)=%" PRIx64 "\nLENGTH(mem_section)=64", w->base + TABLE);
    pw_say(w, "SIZE(mem_section)=8\nOFFSET(mem_section.section_mem_map)=0");
    pw_say(w, "NUMBER(SECTION_SIZE_BITS)=29\nCONFIG_X86_PAE=y");
    uint64_t pfn = (uint64_t)31 << 17, virt = 0xc8000000u;
    pw_put(w, TABLE + 31 * 8, 4, ((virt - pfn * w->s->size) & UINT32_MAX) | 0x37);
    const struct dio_memmap *m = memmap(w);
    CHECK(m && m->n_runs == 1);
    run_is(m, 0, pfn, pfn + (1 << 17), virt);
    pw_free(w);
}

int main(void)
{
    flat("ppc64", DUMPIO_LITTLE);
    flat("ppc64", DUMPIO_BIG);
    flat("i386", DUMPIO_LITTLE);
    flat_by_mem_map();
    flat_from_above("riscv64", "phys_ram_base");
    flat_from_above("aarch64", "PHYS_OFFSET");
    flat_both_ways("ppc64", DUMPIO_BIG);
    flat_both_ways("i386", DUMPIO_LITTLE);
    flat_damage();
    discontig_array("2.6.18", "ppc64", DUMPIO_BIG);
    discontig_array("2.6.32-eras", "ppc64", DUMPIO_LITTLE);
    discontig_array("2.6.24", "i386", DUMPIO_LITTLE);
    discontig_states();
    discontig_list("ppc64", DUMPIO_LITTLE);
    discontig_list("ppc64", DUMPIO_BIG);
    discontig_list("i386", DUMPIO_LITTLE);
    for (enum kind kind = STATIC; kind <= TOLD_POINTER; kind++) {
        sparse_kind(kind, DUMPIO_LITTLE);
        sparse_kind(kind, DUMPIO_BIG);
    }
    sparse_damage();
    sparse_outliers();
    section_bits("2.6.32-eras", "x86_64", "", 27);
    section_bits("6.1", "x86_64", "NUMBER(SECTION_SIZE_BITS)=28", 28);
    section_bits("3.10", "ppc64", "", 24);
    section_bits("2.6.32-narrow", "i386", "", 26);
    section_bits("2.6.32-narrow", "i386", "CONFIG_X86_PAE=y", 29);
    section_bits("2.6.24", "i386", "CONFIG_X86_PAE=y", 30);
    sparse_wraps();
    return unit_result();
}
