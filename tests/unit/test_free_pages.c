/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free lists and the zones' counts; pages parked on the lists of processors: whole lists, and
 * broken ones, whose pages stay.
 * Reference: mm/page_alloc.c (free_area, per_cpu_pages) of Linux; pages_world.h.
 */
#include "pages_frames.h"

#define WINDOW 16384u
#define LIST 12u /* pages of a list */

/* ---- parked pages ---------------------------------------------------------------------------- */

static uint64_t entry(const struct pw *w, uint64_t pfn)
{
    return pw_virt(w, pfn) + w->s->lru;
}

/* Where the list entry at a virtual address lies. */
static uint64_t place(const struct pw *w, uint64_t virt)
{
    uint64_t end = pw_virt(w, 0) + w->frames * w->s->size;
    bool record = virt >= pw_virt(w, 0) && virt < end;
    return record ? PW_MEMMAP + (virt - pw_virt(w, 0)) : virt - w->base;
}

static void link_to(struct pw *w, uint64_t a, uint64_t b)
{
    pw_put(w, place(w, a), w->word, b);
    pw_put(w, place(w, b) + w->word, w->word, a);
}

/* LIST pages from pfn on, in no order, on the list whose head is at `head` (physical). */
static void parked(struct pw *w, uint64_t pfn, uint64_t head, enum dumpio_class c)
{
    uint64_t last = w->base + head;
    for (uint64_t i = 0; i < LIST; i++) {
        uint64_t p = pfn + i * 5 % LIST;
        pw_count(w, p, 0);
        link_to(w, last, entry(w, p));
        last = entry(w, p);
    }
    link_to(w, last, w->base + head);
    pw_expect(w, pfn, LIST, c);
}

static struct pw *machine(const char *release, const char *arch, enum dumpio_order order)
{
    struct pw *w = pw_new(era_of(release), arch, order, 2 * WINDOW);
    pw_free_block(w, 0x800, 10);
    return w;
}

static void whole_lists(const char *release, const char *arch, enum dumpio_order order)
{
    struct pw *w = machine(release, arch, order);
    parked(w, 0x2000, PW_LISTS, DUMPIO_CLASS_FREED);
    parked(w, WINDOW - 5, PW_LISTS + 0x100, DUMPIO_CLASS_FREED); /* in two windows */
    parked(w, 0x2100, PW_LISTS + 0x200, DUMPIO_CLASS_FREED);
    pw_anon(w, 0x2000 + LIST, 0);
    pw_run(w, true, "lists");
    w = machine(release, arch, order); /* not asked for */
    parked(w, 0x2000, PW_LISTS, DUMPIO_CLASS_KERNEL);
    pw_run(w, false, "lists");
}

enum harm { TWO_HEADS, NO_HEAD, ENDS, POISONED, HELD, MAPPED, OWNED, SLAB, LRU, RESERVED, SWAP,
            HEAD, WRONG_PREV, HEAD_PREV, STRANGER, UNREADABLE, HARMS };

static void harm(struct pw *w, enum harm h, uint64_t pfn)
{
    const struct era *e = w->e;
    uint64_t head = w->base + PW_LISTS, p = pfn + 5;
    switch (h) {
    case TWO_HEADS:
        link_to(w, w->base + PW_LISTS + 0x800, place(w, head) ? pw_get(w, PW_LISTS, w->word) : 0);
        link_to(w, head, w->base + PW_LISTS + 0x800);
        break;
    case NO_HEAD:
        link_to(w, pw_get(w, PW_LISTS + w->word, w->word), pw_get(w, PW_LISTS, w->word));
        break;
    case ENDS: pw_put(w, PW_LISTS + w->word, w->word, 0); break;
    case POISONED:
        pw_set(w, p, w->s->lru, w->word, 0x100100);
        pw_set(w, p, w->s->lru + w->word, w->word, 0x200200);
        break;
    case HELD: pw_count(w, p, 1); break;
    case MAPPED: pw_set(w, p, w->s->mapcount, 4, 0); break;
    case OWNED: pw_mapping(w, p, 2); break;
    case SLAB:
        pw_flag(w, p, e->slab);
        pw_type(w, p, e->t_slab);
        break;
    case LRU: pw_flag(w, p, e->lru); break;
    case RESERVED: pw_flag(w, p, e->reserved); break;
    case SWAP:
        pw_flag(w, p, e->swapcache);
        break;
    case HEAD:
        pw_flag(w, p, e->head);
        if (e->heads == ALL_ONE)
            pw_set(w, p, w->s->private, w->word, pw_virt(w, p));
        break;
    case WRONG_PREV: pw_set(w, p, w->s->lru + w->word, w->word, head); break;
    case HEAD_PREV: pw_put(w, PW_LISTS + w->word, w->word, entry(w, p)); break;
    case STRANGER: link_to(w, entry(w, p), entry(w, 0x3000)); break;
    default: pw_put(w, PW_LISTS, w->word, w->base + ((uint64_t)1 << 29)); break;
    }
}

/* One wrong thing in a list, and all its pages stay; another list does not care. */
static void broken_lists(const char *release, const char *arch, enum dumpio_order order)
{
    for (enum harm h = 0; h < HARMS; h++) {
        struct pw *w = machine(release, arch, order);
        parked(w, 0x2000, PW_LISTS, DUMPIO_CLASS_KERNEL);
        parked(w, 0x2000 + LIST, PW_LISTS + 0x100, DUMPIO_CLASS_FREED);
        harm(w, h, 0x2000);
        if (h == LRU)
            pw_expect(w, 0x2005, 1, DUMPIO_CLASS_CACHE);
        if (h == SWAP && w->e->swapcache > w->e->private)
            pw_expect(w, 0x2005, 1, DUMPIO_CLASS_CACHE);
        char what[32];
        snprintf(what, sizeof what, "harm %d", (int)h);
        pw_run(w, true, what);
    }
}

/* Every page linked to itself, as after list_del_init; a ring through pages only. */
static void no_lists(void)
{
    struct pw *w = machine("6.12", "ppc64", DUMPIO_LITTLE);
    for (uint64_t p = 0x2000; p < 0x2010; p++) {
        pw_count(w, p, 0);
        link_to(w, entry(w, p), entry(w, p));
    }
    for (uint64_t p = 0x2020; p < 0x2030; p++) {
        pw_count(w, p, 0);
        link_to(w, entry(w, p), entry(w, p == 0x202f ? 0x2020 : p + 1));
    }
    pw_run(w, true, "no lists");
}

/* ---- free lists and counts ------------------------------------------------------------------- */

static int lists(struct pw *w, struct dio_free_block **blocks, size_t *n)
{
    const struct dio_memmap *m;
    struct dio_page_layout l;
    int rc = pw_open(w);
    if (!rc)
        rc = dio_kernel_memmap(w->dump.kernel, &m, &w->err);
    if (!rc)
        rc = dio_page_layout(&l, w->dump.kernel, &w->err);
    *blocks = NULL;
    return rc ? rc : dio_free_lists(w->dump.kernel, m, &l, blocks, n, &w->err);
}

static void free_lists(const char *release, const char *arch, enum dumpio_order order)
{
    struct pw *w = pw_new(era_of(release), arch, order, 2 * WINDOW);
    struct dio_free_block *b;
    size_t n = 0;
    CHECK_EQ(lists(w, &b, &n), 0);
    CHECK_EQ(n, 0);
    free(b);
    for (unsigned o = 0; o <= MAX_ORDER; o++)
        for (unsigned i = 0; i < 3; i++) /* descending, so that they must be sorted */
            pw_free_block(w, 0x7000 - 3 * (2u << o) + (i << o), o);
    CHECK_EQ(lists(w, &b, &n), 0);
    CHECK_EQ(n, 3 * (MAX_ORDER + 1));
    uint64_t pages = 0, at = 0, counted = 0;
    for (size_t i = 0; i < n; i++) {
        CHECK(b[i].pfn >= at);
        at = b[i].pfn + ((uint64_t)1 << b[i].order);
        pages += (uint64_t)1 << b[i].order;
    }
    CHECK_EQ(pages, w->free_pages);
    const struct dio_memmap *m;
    CHECK_EQ(dio_kernel_memmap(w->dump.kernel, &m, &w->err), 0);
    CHECK_EQ(dio_free_counted(w->dump.kernel, m, &counted, &w->err), 0);
    CHECK_EQ(counted, w->free_pages);
    free(b);
    pw_free(w);
}

/* Damage to the lists of the oldest kernels, where nothing else tells what is free. */
static void free_list_damage(void)
{
    for (unsigned i = 0; i < 8; i++) {
        struct pw *w = pw_new(era_of("2.6.9"), "ppc64", DUMPIO_BIG, 2 * WINDOW);
        struct dio_free_block *b;
        uint64_t list = PW_PGDAT + N_ZONES + Z_AREAS;
        size_t n = 0;
        for (unsigned j = 0; j < 4; j++)
            pw_free_block(w, 0x2000 + 2 * j, 0);
        switch (i) {
        case 0: pw_set(w, 0x2002, w->s->lru + 8, 8, 0x1234); break;
        case 1: pw_set(w, 0x2002, w->s->lru, 8, 0); break;
        case 2: link_to(w, entry(w, 0x2002), w->base + PW_LISTS); break;
        case 3: link_to(w, entry(w, 0x2002), entry(w, 0x2006)); break; /* a circle without a head */
        case 4: pw_put(w, list, 8, w->base + PW_LISTS); break;
        case 5: pw_free_block(w, 0x2000, 3); break; /* on two lists */
        case 6: /* twice: inside another block */
            pw_free_block(w, 0x2010, 3);
            pw_free_block(w, 0x2012, 0);
            break;
        default: pw_put(w, PW_PGDAT + N_NR_ZONES, 4, 17); break;
        }
        CHECK_EQ(lists(w, &b, &n), i == 1 ? DUMPIO_E_ABSENT : DUMPIO_E_CORRUPT);
        CHECK(*w->err.message && !strchr(w->err.message, '\n'));
        CHECK(i != 6 || strstr(w->err.message, "0x2012 is free twice"));
        free(b);
        pw_free(w);
    }
}

/* Facts that are missing: the count cannot be had, the lists are an error. */
static void missing_facts(void)
{
    static const char *const keys[] = {"OFFSET(pglist_data.node_zones)", "SIZE(zone)",
                                       "OFFSET(pglist_data.nr_zones)", "OFFSET(zone.free_area)",
                                       "SIZE(free_area)", "OFFSET(free_area.free_list)"};
    for (unsigned i = 0; i < 6; i++) {
        struct pw *w = pw_new(era_of("2.6.16"), "ppc64", DUMPIO_LITTLE, 2 * WINDOW);
        const struct dio_memmap *m;
        struct dio_free_block *b;
        uint64_t counted;
        size_t n;
        pw_unsay(w, keys[i], NULL);
        CHECK_EQ(lists(w, &b, &n), DUMPIO_E_ABSENT);
        CHECK(strstr(w->err.message, "--vmlinux"));
        CHECK_EQ(dio_kernel_memmap(w->dump.kernel, &m, &w->err), 0);
        CHECK_EQ(dio_free_counted(w->dump.kernel, m, &counted, &w->err), i < 3 ? DUMPIO_END : 0);
        pw_unsay(w, "OFFSET(zone.free_pages)", NULL);
        CHECK_EQ(pw_open(w), 0);
        CHECK_EQ(dio_kernel_memmap(w->dump.kernel, &m, &w->err), 0);
        CHECK_EQ(dio_free_counted(w->dump.kernel, m, &counted, &w->err), DUMPIO_END);
        pw_free(w);
    }
}

int main(void)
{
    static const char *const releases[] = {"2.6.9", "2.6.16", "2.6.18", "2.6.32-eras", "3.10",
                                           "4.4", "5.10", "6.3", "6.12"};
    for (unsigned i = 0; i < sizeof releases / sizeof *releases; i++) {
        whole_lists(releases[i], "ppc64", DUMPIO_LITTLE);
        whole_lists(releases[i], "ppc64", DUMPIO_BIG);
        free_lists(releases[i], "ppc64", DUMPIO_BIG);
        broken_lists(releases[i], "ppc64", DUMPIO_LITTLE);
    }
    whole_lists("2.6.9", "i386", DUMPIO_LITTLE);
    whole_lists("6.1", "i386", DUMPIO_LITTLE);
    whole_lists("7.1", "x86_64", DUMPIO_LITTLE);
    broken_lists("6.1", "i386", DUMPIO_LITTLE);
    broken_lists("6.12", "x86_64", DUMPIO_LITTLE);
    free_lists("2.6.24", "i386", DUMPIO_LITTLE);
    free_lists("6.9", "x86_64", DUMPIO_LITTLE);
    no_lists();
    free_list_damage();
    missing_facts();
    return unit_result();
}
