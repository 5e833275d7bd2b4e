/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-checks of a classification: a wrong offset, a wrong number, a damaged memory map must not
 * pass for an answer.
 */
#include "classes.h"
#include "plug/decode.h"

#include <stdio.h>
#include <stdlib.h>

#define LAG_PER_MILLE 20u     /* free pages against the zones' counts: processors count apart */
#define LAG_PAGES 4096u
#define NONE_FREE_MAX 256u    /* more than these cannot all have been taken meanwhile */
#define BAD_PER_MILLE 5u      /* of samples: a running machine was changing some of them */
#define UNMANAGED_MAX ((uint64_t)64 << 20) /* bytes in one piece without struct pages ... */
#define UNMANAGED_INSIDE ((uint64_t)4 << 20) /* ... and inside a memory node */
#define FOUR_GIB ((uint64_t)4 << 30)
#define STRAYS_MIN 8u         /* fewer say nothing */

static bool too_many(uint64_t bad, uint64_t of)
{
    return bad > of / 1000 * BAD_PER_MILLE + 2;
}

/* ---- records against each other -------------------------------------------------------------------- */

static int check_records(const struct dio_class_sums *s, struct dumpio_error *err)
{
    if (too_many(s->broken_heads, s->compounds) || too_many(s->broken_tails, s->compounds))
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "compound pages contradict themselves: %llu agree, %llu heads and %llu "
                        "tails do not (frame 0x%llx); page.compound_head, PG_head_mask or the "
                        "compound order of this kernel are not as its facts say",
                        (unsigned long long)s->compounds, (unsigned long long)s->broken_heads,
                        (unsigned long long)s->broken_tails, (unsigned long long)s->broken_pfn);
    if (too_many(s->broken_free, s->pages[DUMPIO_CLASS_FREE] / 16))
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "%llu free blocks have an impossible order or place (frame 0x%llx); "
                        "OFFSET(page.private) or the mark of free pages is wrong",
                        (unsigned long long)s->broken_free, (unsigned long long)s->broken_pfn);
    if (too_many(s->bad_mappings, s->mappings))
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "%llu of %llu page.mapping looked at are no address of an owner; "
                        "OFFSET(page.mapping) or NUMBER(PG_lru) is wrong",
                        (unsigned long long)s->bad_mappings, (unsigned long long)s->mappings);
    if (s->ownerless > s->lru / 4 + 16)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "%llu of %llu LRU pages have no owner; OFFSET(page.mapping) or "
                        "NUMBER(PG_lru) is wrong", (unsigned long long)s->ownerless,
                        (unsigned long long)s->lru);
    if (s->on_list > STRAYS_MIN && s->on_list > s->off_lru / 2)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "%llu of %llu owned pages looked at are on a list and not marked LRU; "
                        "NUMBER(PG_lru) is wrong", (unsigned long long)s->on_list,
                        (unsigned long long)s->off_lru);
    if (s->small_huge)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "%llu compound pages are marked as hugetlb and too small for it; the mark "
                        "(HUGETLB_PAGE_DTOR, PG_hugetlb, PAGE_HUGETLB_MAPCOUNT_VALUE) is wrong",
                        (unsigned long long)s->small_huge);
    if (too_many(s->bad_links, s->links))
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "%llu of %llu free blocks looked at are on no list; OFFSET(page.lru) is "
                        "wrong", (unsigned long long)s->bad_links, (unsigned long long)s->links);
    return 0;
}

/* ---- free pages against the zones ------------------------------------------------------------------ */

/*
 * Frames that may be free and were not found so: those behind the dump's end, and blocks whose first
 * record cannot be read.
 */
static uint64_t hidden_free(const struct dio_classifier *how, const struct dio_class_sums *s)
{
    return s->beyond + s->pages[DUMPIO_CLASS_UNKNOWN] + (s->unread << how->layout.max_order);
}

static int no_free(struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "not one free page was found: the mark of free pages "
                    "(PAGE_BUDDY_MAPCOUNT_VALUE, OFFSET(page._mapcount)) is not as this kernel's "
                    "facts say");
}

static int check_free(const struct dio_classifier *how, const struct dio_class_sums *s,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    uint64_t counted, found = s->pages[DUMPIO_CLASS_FREE], hidden = hidden_free(how, s);
    int rc = dio_free_counted(how->k, how->memmap, &counted, err);
    if (rc == DUMPIO_END) {
        dio_note(env, DUMPIO_DETAIL, "the zones' count of free pages cannot be had: %llu found",
                 (unsigned long long)found);
        return found ? 0 : no_free(err);
    }
    if (rc)
        return rc;
    uint64_t wanted = counted > hidden ? counted - hidden : 0; /* to be found at least */
    uint64_t lag = LAG_PAGES + counted / 1000 * LAG_PER_MILLE;
    bool enough = wanted <= found + lag && (found || wanted <= NONE_FREE_MAX);
    if (enough && found <= counted + lag)
        return 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "%llu free pages were found, the zones count %llu: the mark of free pages "
                    "(PAGE_BUDDY_MAPCOUNT_VALUE, OFFSET(page._mapcount), OFFSET(page.private)) or "
                    "the memory map is not as this kernel's facts say",
                    (unsigned long long)found, (unsigned long long)counted);
}

/* The one node of FLATMEM spans what its zones span, which lie one behind the other. */
static int check_span(const struct dio_classifier *how, struct dumpio_error *err)
{
    const struct dio_memmap *m = how->memmap;
    uint64_t zones;
    if (strcmp(m->model, "flatmem") != 0 || m->n_nodes != 1)
        return 0;
    int rc = dio_zones_spanned(how->k, m, &zones, err);
    uint64_t node = m->nodes[0].end - m->nodes[0].pfn;
    if (rc || zones == node)
        return rc == DUMPIO_END ? 0 : rc;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "the node spans %llu frames, its zones %llu: one of them is damaged",
                    (unsigned long long)node, (unsigned long long)zones);
}

/* ---- what translation and memory map stand on ------------------------------------------------------- */

/* Is any frame of [phys, phys + len) of a class that can be left out? */
static int must_stay(struct dumpio_classes *c, uint64_t phys, uint64_t len, const char *what,
                     struct dumpio_error *err)
{
    uint64_t at = phys, end = phys + len;
    while (at < end) {
        struct dumpio_class_run run;
        int rc = dumpio_classes_next(c, at, &run, err);
        if (rc)
            return rc == DUMPIO_END ? 0 : rc;
        if (run.class_ != DUMPIO_CLASS_KERNEL && run.class_ != DUMPIO_CLASS_NO_RECORD &&
            run.class_ != DUMPIO_CLASS_UNKNOWN)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "the page at 0x%llx, which holds %s, came out as %s: this kernel's "
                            "facts or its memory map are wrong", (unsigned long long)at, what,
                            dumpio_class_name(run.class_));
        at = run.end;
    }
    return 0;
}

/* The same for kernel memory [virt, virt + len); what is not mapped holds nothing. */
static int virt_must_stay(struct dumpio_classes *c, struct dio_kernel *k, uint64_t virt,
                          uint64_t len, const char *what, struct dumpio_error *err)
{
    uint64_t from = 0, held = 0; /* physical run at hand */
    int rc = 0;
    for (uint64_t at = virt, left = len; left && !rc;) {
        uint64_t phys, run, step = k->page_size - at % k->page_size;
        if (!dio_kernel_translate(k, at, &phys, &run, NULL) && run) {
            step = run < left ? run : left;
            if (held && from + held == phys) {
                held += step;
            } else {
                rc = must_stay(c, from, held, what, err);
                from = phys;
                held = step;
            }
        }
        if (step > left)
            step = left;
        at += step;
        left -= step;
    }
    return rc ? rc : must_stay(c, from, held, what, err);
}

static int check_pillars(struct dumpio_classes *c, const struct dio_classifier *how,
                         struct dumpio_error *err)
{
    static const char *const symbols[] = {"init_uts_ns", "system_utsname", "mem_section", "prb",
                                          "node_data", "contig_page_data", "mem_map", "_stext"};
    struct dio_kernel *k = how->k;
    const struct dio_memmap *m = how->memmap;
    int rc = k->walk.g.levels ? must_stay(c, k->walk.g.root, 1, "the root page table", err) : 0;
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols && !rc; i++) {
        uint64_t virt;
        if (dio_kernel_symbol(k, symbols[i], &virt))
            rc = virt_must_stay(c, k, virt, 1, symbols[i], err);
    }
    for (size_t i = 0; i < m->n_runs && m->runs[i].pfn < how->end && !rc; i++) {
        uint64_t end = m->runs[i].end < how->end ? m->runs[i].end : how->end;
        rc = virt_must_stay(c, k, m->runs[i].virt, (end - m->runs[i].pfn) * m->record,
                            "struct pages", err);
    }
    return rc;
}

/* ---- the dump against the memory map ----------------------------------------------------------------- */

/*
 * Does [a, end), without struct pages up to `gap_end`, lie in a node, or else between such? The hole
 * below 4 GiB of PCs does not count, nor does it in a node that goes beyond it: a virtual machine's
 * video memory is there.
 */
static bool is_inside(const struct dumpio_classes *c, uint64_t a, uint64_t end, uint64_t gap_end)
{
    bool hole = end <= FOUR_GIB && gap_end >= FOUR_GIB;
    for (size_t i = 0; i < c->info.n_nodes; i++) {
        const struct dumpio_node *n = &c->info.nodes[i];
        if (a < n->end && end > n->start && !(hole && n->end > FOUR_GIB))
            return true;
    }
    return !hole && !c->info.n_nodes && gap_end != UINT64_MAX;
}

struct holding {
    uint64_t bytes[DUMPIO_CLASSES];
    uint64_t unmanaged, unmanaged_at; /* the longest piece that should have records and has none */
    uint64_t unknown_at;              /* UINT64_MAX: nothing is UNKNOWN */
};

static void add_held(const struct dumpio_classes *c, struct holding *h,
                     const struct dumpio_class_run *cr, uint64_t a, uint64_t end)
{
    uint64_t len = end - a;
    bool inside = is_inside(c, a, end, cr->end);
    h->bytes[cr->class_] += len;
    if (cr->class_ == DUMPIO_CLASS_NO_RECORD && len > h->unmanaged &&
        (len > UNMANAGED_MAX || (inside && len > UNMANAGED_INSIDE))) {
        h->unmanaged = len;
        h->unmanaged_at = a;
    }
    if (cr->class_ == DUMPIO_CLASS_UNKNOWN && a < h->unknown_at)
        h->unknown_at = a;
}

/* The classes of what the dump holds. */
static int look_at_held(struct dumpio_classes *c, struct dumpio_dump *d, struct holding *h,
                        struct dumpio_error *err)
{
    uint64_t at = 0;
    struct dumpio_run run;
    int rc;
    while (!(rc = dumpio_next_run(d, at, &run, err))) {
        at = run.end;
        if (run.kind != DUMPIO_PRESENT)
            continue;
        for (uint64_t a = run.start; a < run.end;) {
            struct dumpio_class_run cr;
            rc = dumpio_classes_next(c, a, &cr, err);
            if (rc)
                return rc;
            uint64_t end = cr.end < run.end ? cr.end : run.end;
            add_held(c, h, &cr, a, end);
            a = end;
        }
    }
    return rc == DUMPIO_END ? 0 : rc;
}

/* Count the classes of what the dump holds; say no to what should have a class and has none. */
static int check_held(struct dumpio_classes *c, struct dumpio_dump *d, bool keep_unknown,
                      struct dumpio_error *err)
{
    struct holding h = {.unknown_at = UINT64_MAX};
    struct dumpio_error why = {0};
    int rc = look_at_held(c, d, &h, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
        c->info.held[i] = (h.bytes[i] + c->page_size - 1) / c->page_size;
    if (h.unknown_at != UINT64_MAX) {
        rc = dio_fail(&why, DUMPIO_E_LOST, DUMPIO_NO_OFFSET,
                      "the struct pages of %llu pages in the dump (0x%llx first) cannot be read: "
                      "the memory map is damaged, cut off or filtered out",
                      (unsigned long long)c->info.held[DUMPIO_CLASS_UNKNOWN],
                      (unsigned long long)h.unknown_at);
        snprintf(c->unknown_why, sizeof c->unknown_why, "%s", why.message);
    }
    if (rc && !keep_unknown) {
        if (err)
            *err = why;
        return rc;
    }
    if (h.unmanaged)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "0x%llx bytes of memory in the dump, from 0x%llx on, have no struct page: "
                        "the kernel's memory map is damaged, or not found whole",
                        (unsigned long long)h.unmanaged, (unsigned long long)h.unmanaged_at);
    return 0;
}

int dio_classes_check(struct dumpio_classes *c, struct dumpio_dump *d,
                      const struct dio_classifier *how, const struct dio_class_sums *sums,
                      bool keep_unknown, const struct dumpio_env *env, struct dumpio_error *err)
{
    int rc = check_records(sums, err);
    if (!rc)
        rc = check_span(how, err);
    if (!rc)
        rc = check_free(how, sums, env, err);
    if (!rc)
        rc = check_pillars(c, how, err);
    return rc ? rc : check_held(c, d, keep_unknown, err);
}
