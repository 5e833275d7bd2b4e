/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of a machine of pages_world.h: its kernel's facts, struct pages of every kind, zones
 * and free lists; and the comparison of what came out with what must.
 * Reference: that of pages_world.h.
 */
#ifndef PAGES_FRAMES_H
#define PAGES_FRAMES_H

#include "pages_world.h"

#include "classes.h"

/* Offsets in pglist_data and zone, of our own choice. */
enum { N_START = 0, N_SPANNED = 8, N_MAP = 16, N_NR_ZONES = 24, N_ID = 28, N_NEXT = 32,
       N_ZONES = 64, Z_STAT = 0, Z_FREE_PAGES = 24, Z_SPANNED = 32, Z_AREAS = 64,
       ZONE_SIZE = 0x800 };

/* ---- the kernel's facts ---------------------------------------------------------------------- */

static inline unsigned pw_types(const struct pw *w)
{
    return w->e->version < V(2, 6, 24) ? 1 : 3;
}

static inline unsigned pw_area(const struct pw *w)
{
    return (pw_types(w) * 2 + 1) * w->word;
}

static inline void pw_say_bit(struct pw *w, const char *name, unsigned bit)
{
    if (bit != NONE)
        pw_say(w, "NUMBER(%s)=%u", name, bit);
}

static inline void pw_say_type(struct pw *w, const char *name, uint32_t type)
{
    if (type && w->e->version >= V(3, 10, 0)) /* signed or not: both have been seen */
        pw_say(w, "NUMBER(PAGE_%s_MAPCOUNT_VALUE)=%" PRId64, name,
               w->e->version < V(6, 0, 0) ? (int64_t)(int32_t)type : (int64_t)type);
}

static inline void pw_say_flags(struct pw *w)
{
    const struct era *e = w->e;
    if (e->version < V(2, 6, 26)) /* numbers are macros: nothing tells them */
        return;
    pw_say_bit(w, "PG_lru", e->lru);
    pw_say_bit(w, "PG_private", e->private);
    pw_say_bit(w, "PG_swapcache", e->swapcache);
    pw_say_bit(w, "PG_slab", e->slab);
    pw_say_bit(w, "PG_hwpoison", e->hwpoison);
    pw_say_bit(w, "PG_buddy", e->buddy);
    if (e->version >= V(5, 0, 0))
        pw_say_bit(w, "PG_swapbacked", e->swapbacked);
    if (e->heads == HEAD_WORD)
        pw_say(w, "NUMBER(PG_head_mask)=%ld", 1l << e->head);
    else if (e->heads == HEAD_TAIL)
        pw_say(w, "NUMBER(PG_head)=%u\nNUMBER(PG_tail)=%u", e->head, e->tail);
    else
        pw_say(w, "NUMBER(PG_compound)=%u\nNUMBER(PG_reclaim)=%u", e->head, e->tail);
}

static inline void pw_say_compound(struct pw *w)
{
    const struct era *e = w->e;
    unsigned lru = w->s->lru, half = w->word / 4; /* members shrink with the word */
    if (e->heads == HEAD_WORD)
        pw_say(w, "OFFSET(page.compound_%s)=%u", e->version < V(7, 1, 0) ? "head" : "info", lru);
    if (e->order == IN_FIELD)
        pw_say(w, "OFFSET(page.compound_dtor)=%u\nOFFSET(page.compound_order)=%u",
               lru + e->dtor_at * half / 2, lru + e->dtor_at * half / 2 + e->order_at - e->dtor_at);
    else if (e->order == IN_FOLIO)
        pw_say(w, "OFFSET(folio._folio_dtor)=%u\nOFFSET(folio._folio_order)=%u",
               w->s->size + lru + e->dtor_at * half / 2,
               w->s->size + lru + e->dtor_at * half / 2 + e->order_at - e->dtor_at);
    else if (e->order == IN_INDEX)
        pw_say(w, "OFFSET(page.index)=%u", w->s->index);
    if (e->order == IN_FIELD || e->order == IN_FOLIO)
        pw_say(w, "NUMBER(HUGETLB_PAGE_DTOR)=2");
    else if (e->order == IN_LRU_PREV)
        pw_say(w, "SYMBOL(free_huge_page)=%" PRIx64, w->base + FREE_HUGE_PAGE);
    pw_say_bit(w, "PG_hugetlb", e->huge_bit);
}

static inline void pw_facts(struct pw *w)
{
    const struct era *e = w->e;
    const struct shape *s = w->s;
    pw_say(w, "OSRELEASE=%s\nPAGESIZE=%u", e->release, PW_PAGE);
    pw_say(w, "SYMBOL(init_uts_ns)=%" PRIx64, w->base + PW_UTS);
    pw_say(w, "SIZE(page)=%u\nOFFSET(page.flags)=%u\nOFFSET(page.mapping)=%u", s->size, s->flags,
           s->mapping);
    pw_say(w, "OFFSET(page.lru)=%u\nOFFSET(page._mapcount)=%u\nOFFSET(page.private)=%u", s->lru,
           s->mapcount, s->private);
    pw_say(w, "OFFSET(page.%s)=%u", e->version < V(4, 7, 0) ? "_count" : "_refcount", s->count);
    if (s == &short8)
        pw_say(w, "SIZE(page.flags)=4");
    pw_say_flags(w);
    pw_say_type(w, "BUDDY", e->t_buddy);
    pw_say_type(w, "OFFLINE", e->t_offline);
    pw_say_type(w, "HUGETLB", e->t_huge);
    pw_say_type(w, "SLAB", e->t_slab);
    pw_say_type(w, "UNACCEPTED", e->t_unaccepted);
    pw_say_compound(w);
    pw_say(w, "LENGTH(zone.free_area)=%u\nOFFSET(zone.free_area)=%u\nSIZE(free_area)=%u",
           MAX_ORDER + 1, Z_AREAS, pw_area(w));
    pw_say(w, "OFFSET(free_area.free_list)=0");
    if (pw_types(w) > 1)
        pw_say(w, "LENGTH(free_area.free_list)=%u", pw_types(w));
    if (e->version < V(2, 6, 21))
        pw_say(w, "OFFSET(zone.free_pages)=%u", Z_FREE_PAGES);
    else
        pw_say(w, "OFFSET(zone.vm_stat)=%u\nNUMBER(NR_FREE_PAGES)=1", Z_STAT);
    pw_say(w, "SIZE(zone)=%u\nSIZE(pglist_data)=%u", ZONE_SIZE, 0x4000);
    pw_say(w, "OFFSET(zone.spanned_pages)=%u", Z_SPANNED);
    pw_say(w, "OFFSET(pglist_data.node_zones)=%d\nOFFSET(pglist_data.nr_zones)=%d", N_ZONES,
           N_NR_ZONES);
    pw_say(w, "OFFSET(pglist_data.node_start_pfn)=%d\nOFFSET(pglist_data.node_spanned_pages)=%d",
           N_START, N_SPANNED);
}

/* ---- records --------------------------------------------------------------------------------- */

/* Physical address of a frame's record. */
static inline uint64_t pw_record(const struct pw *w, uint64_t pfn)
{
    return PW_MEMMAP + pfn * w->s->size;
}

static inline uint64_t pw_virt(const struct pw *w, uint64_t pfn)
{
    uint64_t virt = w->memmap + pfn * w->s->size;
    return w->word == 4 ? virt & UINT32_MAX : virt;
}

static inline void pw_set(struct pw *w, uint64_t pfn, unsigned off, unsigned size, uint64_t v)
{
    pw_put(w, pw_record(w, pfn) + off, size, v);
}

static inline void pw_flag(struct pw *w, uint64_t pfn, unsigned bit)
{
    unsigned size = w->s == &short8 ? 4 : w->word;
    uint64_t at = pw_record(w, pfn) + w->s->flags;
    if (bit != NONE)
        pw_put(w, at, size, pw_get(w, at, size) | (uint64_t)1 << bit);
}

static inline void pw_mapping(struct pw *w, uint64_t pfn, unsigned low)
{
    pw_set(w, pfn, w->s->mapping, w->word, (w->base + PW_OWNERS + pfn % 64 * 32) | low);
}

static inline void pw_type(struct pw *w, uint64_t pfn, uint32_t type)
{
    if (type)
        pw_set(w, pfn, w->s->mapcount, 4, type);
}

static inline void pw_count(struct pw *w, uint64_t pfn, int count)
{
    pw_set(w, pfn, w->s->count, 4, (uint32_t)(count - (w->e->version < V(2, 6, 17))));
}

static inline void pw_expect(struct pw *w, uint64_t pfn, uint64_t n, enum dumpio_class c)
{
    memset(w->expect + pfn, (int)c, (size_t)n);
}

/* Order of the compound page whose second record is that of pfn + 1; its hugetlb mark. */
static inline void pw_order(struct pw *w, uint64_t pfn, unsigned order, bool huge)
{
    const struct era *e = w->e;
    unsigned lru = w->s->lru, dtor = lru + e->dtor_at * (w->word / 4) / 2;
    if (e->order == IN_INDEX) {
        pw_set(w, pfn + 1, w->s->index, w->word, order);
    } else if (e->order == IN_LRU_PREV) {
        pw_set(w, pfn + 1, lru + w->word, w->word, order);
        pw_set(w, pfn + 1, lru, w->word, w->base + FREE_HUGE_PAGE + (huge ? 0 : 64));
    } else if (e->order == IN_FLAGS) {
        pw_put(w, pw_record(w, pfn + 1) + w->s->flags, w->word, order | 0x4200);
        if (huge)
            pw_flag(w, pfn + 1, e->huge_bit);
    } else {
        pw_set(w, pfn + 1, dtor, e->width, huge ? 2 : 1);
        pw_set(w, pfn + 1, dtor + e->order_at - e->dtor_at, e->width, order);
    }
    if (huge)
        pw_type(w, pfn, e->t_huge);
}

/* Make frames [pfn, pfn + 1 << order) one compound page; their class is the caller's. */
static inline void pw_compound(struct pw *w, uint64_t pfn, unsigned order, bool huge)
{
    const struct era *e = w->e;
    uint64_t n = (uint64_t)1 << order, head = pw_virt(w, pfn);
    if (!order)
        return;
    pw_flag(w, pfn, e->head);
    if (e->heads == ALL_ONE)
        pw_set(w, pfn, w->s->private, w->word, head);
    for (uint64_t i = pfn + 1; i < pfn + n; i++) {
        if (e->heads == HEAD_WORD) {
            uint64_t mask = 0 - ((uint64_t)w->s->size << order);
            pw_set(w, i, w->s->lru, w->word, (w->mask_heads ? mask : head) | 1);
        } else {
            pw_set(w, i, w->s->private, w->word, head);
            if (e->heads != HEAD_TAIL)
                pw_flag(w, i, e->head);
            if (e->heads != ALL_ONE)
                pw_flag(w, i, e->tail);
        }
        if (e->heads == HEAD_WORD || i > pfn + 1) /* other data */
            pw_set(w, i, w->s->mapping, w->word, 0x401);
    }
    pw_order(w, pfn, order, huge);
}

/* Put a frame first on the list whose head is at `list`, physical; 0 there: an empty list. */
static inline void pw_link(struct pw *w, uint64_t list, uint64_t pfn)
{
    uint64_t entry = pw_virt(w, pfn) + w->s->lru, next = pw_get(w, list, w->word);
    if (!next)
        next = w->base + list;
    pw_set(w, pfn, w->s->lru, w->word, next);
    pw_set(w, pfn, w->s->lru + w->word, w->word, w->base + list);
    uint64_t was = next - w->base == list ? list : PW_MEMMAP + (next - pw_virt(w, 0));
    pw_put(w, was + w->word, w->word, entry);
    pw_put(w, list, w->word, entry);
}

/* ---- frames of every kind -------------------------------------------------------------------- */

static inline void pw_lru(struct pw *w, uint64_t pfn, unsigned order, unsigned low,
                          enum dumpio_class c)
{
    pw_compound(w, pfn, order, false);
    pw_flag(w, pfn, w->e->lru);
    pw_mapping(w, pfn, low);
    pw_link(w, PW_LISTS + 0xc00, pfn);
    pw_set(w, pfn, w->s->mapcount, 4, low ? 2 : 0xffffffff);
    pw_expect(w, pfn, (uint64_t)1 << order, c);
}

static inline void pw_cache(struct pw *w, uint64_t pfn, unsigned order)
{
    pw_lru(w, pfn, order, 0, DUMPIO_CLASS_CACHE);
}

static inline void pw_private(struct pw *w, uint64_t pfn, unsigned order)
{
    pw_lru(w, pfn, order, 0, DUMPIO_CLASS_PRIVATE);
    pw_flag(w, pfn, w->e->private);
}

static inline void pw_anon(struct pw *w, uint64_t pfn, unsigned order)
{
    pw_lru(w, pfn, order, 1, DUMPIO_CLASS_USER);
    pw_flag(w, pfn, w->e->swapbacked);
}

/* In the swap cache, on no LRU list; bit without PG_swapbacked means something else since 4.10. */
static inline void pw_swap(struct pw *w, uint64_t pfn, bool backed)
{
    bool told = w->e->swapcache > w->e->private; /* a bit of its own */
    pw_flag(w, pfn, w->e->swapcache);
    if (backed)
        pw_flag(w, pfn, w->e->swapbacked);
    if (backed || told)
        pw_expect(w, pfn, 1, DUMPIO_CLASS_CACHE);
}

static inline void pw_huge(struct pw *w, uint64_t pfn, unsigned order)
{
    pw_compound(w, pfn, order, true);
    pw_expect(w, pfn, (uint64_t)1 << order,
              w->e->order == IN_INDEX ? DUMPIO_CLASS_KERNEL : DUMPIO_CLASS_USER);
}

/* mapping is other data in slabs: it looks anonymous. */
static inline void pw_slab(struct pw *w, uint64_t pfn, unsigned order)
{
    pw_compound(w, pfn, order, false);
    pw_flag(w, pfn, w->e->slab);
    if (w->e->t_slab)
        pw_type(w, pfn, w->e->t_slab | (w->e->t_slab & 0xffffff ? 0 : 0x1234));
    pw_set(w, pfn, w->s->mapping, w->word, w->base + PW_OWNERS + 1);
}

static inline void pw_free_block(struct pw *w, uint64_t pfn, unsigned order)
{
    if (w->e->buddy != NONE)
        pw_flag(w, pfn, w->e->buddy);
    pw_type(w, pfn, w->e->t_buddy);
    pw_count(w, pfn, 0);
    if (w->e->version < V(2, 6, 17) && w->e->version >= V(2, 6, 11))
        pw_flag(w, pfn, w->e->private);
    if (w->e->version >= V(2, 6, 11))
        pw_set(w, pfn, w->s->private, w->word, order);
    uint64_t zone = PW_PGDAT + N_ZONES;
    uint64_t list = zone + Z_AREAS + order * pw_area(w) + pfn % pw_types(w) * 2 * w->word;
    pw_link(w, list, pfn);
    w->free_pages += (uint64_t)1 << order;
    pw_expect(w, pfn, (uint64_t)1 << order, DUMPIO_CLASS_FREE);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static inline void pw_zone(struct pw *w, uint64_t start, uint64_t frames)
{
    uint64_t zone = PW_PGDAT + N_ZONES;
    pw_put(w, PW_PGDAT + N_START, w->word, start);
    pw_put(w, PW_PGDAT + N_SPANNED, w->word, frames);
    pw_put(w, PW_PGDAT + N_MAP, w->word, pw_virt(w, start));
    pw_put(w, PW_PGDAT + N_NR_ZONES, 4, 1);
    pw_put(w, zone + Z_SPANNED, w->word, frames);
    for (unsigned order = 0; order <= MAX_ORDER; order++)
        for (unsigned type = 0; type < pw_types(w); type++) {
            uint64_t list = zone + Z_AREAS + order * pw_area(w) + type * 2 * w->word;
            pw_put(w, list, w->word, w->base + list);
            pw_put(w, list + w->word, w->word, w->base + list);
        }
}

/* A memory map of one run. x86_64: SPARSEMEM, by 4 KiB pages of vmemmap; else FLATMEM. */
static inline void pw_map_records(struct pw *w)
{
    uint64_t bytes = w->frames * w->s->size;
    if (strcmp(w->arch, "x86_64")) {
        pw_say(w, "SYMBOL(contig_page_data)=%" PRIx64, w->base + PW_PGDAT);
        pw_say(w, "OFFSET(pglist_data.node_mem_map)=%d", N_MAP);
        return;
    }
    pw_say(w, "SYMBOL(contig_page_data)=%" PRIx64, w->base + PW_PGDAT);
    pw_say(w, "SYMBOL(mem_section)=%" PRIx64, w->base + PW_SECTIONS);
    pw_say(w, "LENGTH(mem_section)=2048\nSIZE(mem_section)=16");
    pw_say(w, "OFFSET(mem_section.section_mem_map)=0\nNUMBER(SECTION_SIZE_BITS)=27");
    for (uint64_t i = 0; i < 2048 * 8; i += PW_PAGE)
        pw_at(w, PW_SECTIONS + i);
    pw_put(w, PW_SECTIONS, 8, w->base + PW_SECTIONS + 0x8000);
    for (uint64_t i = 0; i < w->frames >> 15; i++)
        pw_put(w, PW_SECTIONS + 0x8000 + i * 16, 8, w->memmap | 0x3f);
    for (uint64_t at = 0; at < bytes; at += PW_PAGE)
        pw_map(w, w->memmap + at, PW_MEMMAP + at, 12);
}

/* `frames` of the kernel's, each held once. Their number: a multiple of 32768. */
static inline struct pw *pw_new(const struct era *e, const char *arch, enum dumpio_order order,
                                uint64_t frames)
{
    struct pw *w = calloc(1, sizeof *w);
    if (!w || !(w->expect = calloc(1, (size_t)frames)))
        abort();
    w->e = e;
    w->arch = arch;
    w->order = order;
    w->frames = frames;
    w->end = (uint64_t)1 << 40;
    w->word = strcmp(arch, "i386") ? 8 : 4;
    w->s = w->word == 8 ? e->wide : e->narrow;
    w->base = w->word == 4 ? I386_DIRECT : *arch == 'p' ? PPC64_DIRECT : X86_DIRECT;
    w->memmap = *arch == 'x' ? X86_VMEMMAP : w->base + PW_MEMMAP;
    pw_facts(w);
    pw_tables(w);
    pw_map_records(w);
    memcpy(pw_at(w, PW_UTS), "Linux", 6);
    memcpy(pw_at(w, PW_UTS + 130), e->release, strlen(e->release) + 1);
    strcpy((char *)pw_at(w, PW_UTS + 260),
           *arch != 'p' ? arch : order == DUMPIO_BIG ? "ppc64" : "ppc64le");
    pw_at(w, PW_OWNERS);
    pw_at(w, PW_LISTS);
    for (uint64_t i = 0; i < frames; i++) {
        pw_set(w, i, w->s->mapcount, 4, 0xffffffff);
        pw_count(w, i, 1);
    }
    pw_zone(w, 0, frames);
    return w;
}

/* The zone's count; then the dump, as a format would give it, and its kernel. */
static inline int pw_open(struct pw *w)
{
    uint64_t zone = PW_PGDAT + N_ZONES;
    unsigned at = w->e->version < V(2, 6, 21) ? Z_FREE_PAGES : Z_STAT + w->word;
    pw_put(w, zone + at, w->word, w->free_pages);
    w->info = (struct dumpio_info){.arch = w->arch, .order = w->order, .page_size = PW_PAGE,
                                   .unit = PW_PAGE, .end_addr = w->end,
                                   .vmcoreinfo = w->text,
                                   .vmcoreinfo_len = (uint32_t)strlen(w->text)};
    w->format = (struct dio_format){.name = "machine", .next_run = pw_next};
    dio_kernel_close(w->dump.kernel);
    w->dump = (struct dumpio_dump){.format = &w->format, .self = w, .info = &w->info, .explored = 1,
                                   .mem = {.ctx = w, .read = pw_read, .next_run = pw_next,
                                           .info = &w->info, .new_reader = pw_reader,
                                           .read_large = pw_read_large,
                                           .free_reader = pw_no_reader}};
    return dio_kernel_open(&w->dump.kernel, &w->dump.mem, NULL, &w->err);
}

/* Classify; NULL and w->err when that fails. */
static inline struct dumpio_classes *pw_classify(struct pw *w, bool freed, unsigned threads)
{
    const struct dumpio_classify_options o = {.freed = freed};
    const struct dumpio_env env = {.threads = threads};
    struct dumpio_classes *c = NULL;
    w->err = (struct dumpio_error){0};
    if (pw_open(w))
        return NULL;
    return dumpio_classify(&w->dump, &o, &c, &env, &w->err) ? NULL : c;
}

/* Classify without the checks that follow; classes of all frames into out. */
static inline int pw_windows(struct pw *w, uint8_t *out, struct dio_class_sums *sums)
{
    struct dio_classifier how;
    struct dio_class_worker worker;
    struct dio_pfn_list freed = {0};
    *sums = (struct dio_class_sums){0};
    int rc = pw_open(w);
    if (!rc)
        rc = dio_classifier_open(&how, w->dump.kernel, false, &w->err);
    if (rc)
        return rc;
    rc = dio_class_worker_init(&worker, &how, &w->err);
    for (uint64_t p = 0; p < w->frames && !rc; p += how.window) {
        size_t n = (size_t)(w->frames - p < how.window ? w->frames - p : how.window);
        rc = dio_classify_window(&how, &worker, p, n, out + p, sums, &freed, &w->err);
    }
    dio_class_worker_free(&worker, &how);
    dio_classifier_close(&how);
    return rc;
}

/* Does every frame have its class? */
static inline void pw_compare(struct pw *w, struct dumpio_classes *c, const char *what)
{
    struct dumpio_class_run run;
    uint64_t count[DUMPIO_CLASSES] = {0};
    unsigned wrong = 0;
    for (uint64_t at = 0; at < w->frames * PW_PAGE && wrong < 8; at = run.end) {
        CHECK_EQ(dumpio_classes_next(c, at, &run, &w->err), 0);
        CHECK(run.end > at);
        for (uint64_t p = at / PW_PAGE; p < run.end / PW_PAGE && p < w->frames && wrong < 8; p++) {
            if (w->expect[p] == run.class_)
                continue;
            printf("%s %s: frame %" PRIu64 " is %s, expected %s\n", what, w->e->release, p,
                   dumpio_class_name(run.class_), dumpio_class_name(w->expect[p]));
            wrong++;
        }
    }
    CHECK_EQ(wrong, 0);
    for (uint64_t p = 0; p < w->frames; p++)
        count[w->expect[p]]++;
    for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
        CHECK_EQ(dumpio_classes_get_info(c)->pages[i], count[i]);
    CHECK_EQ(dumpio_classes_get_info(c)->records, w->frames);
    /* no records behind the last frame */
    CHECK_EQ(dumpio_classes_next(c, w->frames * PW_PAGE, &run, &w->err), 0);
    CHECK(run.end == UINT64_MAX && run.class_ == DUMPIO_CLASS_NO_RECORD);
}

/* Classify and compare; frees the machine. */
static inline void pw_run(struct pw *w, bool freed, const char *what)
{
    struct dumpio_classes *c = pw_classify(w, freed, 2);
    if (!c)
        printf("%s %s (%s, %u bits, %s-endian): %s\n", what, w->e->release, w->arch, 8 * w->word,
               w->order == DUMPIO_BIG ? "big" : "little", w->err.message);
    CHECK(c);
    if (c)
        pw_compare(w, c, what);
    dumpio_classes_free(c);
    pw_free(w);
}

#endif
