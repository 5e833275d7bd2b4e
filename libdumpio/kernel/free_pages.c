/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free pages as zones know them: how many, and (before 2.6.17, where records do not tell) which.
 * Reference: include/linux/mmzone.h (zone, free_area) of Linux 2.6.9 to 7.2.
 * Does not handle: zones whose layout no fact tells.
 */
#include "pages.h"

#include <stdlib.h>

#define ZONES_MAX 16u  /* of a node */
#define LISTS_MAX 16u  /* of an order: migrate types */
#define BLOCKS_MAX ((size_t)16 << 20)

struct zone_facts {
    int64_t zones, nr_zones, size;            /* node_zones, nr_zones; SIZE(zone) */
    int64_t vm_stat, nr_free, free_pages;     /* one of the ways to the count */
    int64_t area, area_size, list, types;     /* free_area, its SIZE, free_list, its LENGTH */
};

static int64_t fact(const struct dio_kernel *k, const char *kind, const char *name)
{
    int64_t v;
    return dio_kernel_number(k, kind, name, &v) && v >= 0 && v < (1 << 24) ? v : -1;
}

static struct zone_facts zone_facts(const struct dio_kernel *k)
{
    return (struct zone_facts){
        .zones = fact(k, "OFFSET", "pglist_data.node_zones"),
        .nr_zones = fact(k, "OFFSET", "pglist_data.nr_zones"),
        .size = fact(k, "SIZE", "zone"),
        .vm_stat = fact(k, "OFFSET", "zone.vm_stat"),
        .nr_free = fact(k, "NUMBER", "NR_FREE_PAGES"),
        .free_pages = fact(k, "OFFSET", "zone.free_pages"),
        .area = fact(k, "OFFSET", "zone.free_area"),
        .area_size = fact(k, "SIZE", "free_area"),
        .list = fact(k, "OFFSET", "free_area.free_list"),
        .types = fact(k, "LENGTH", "free_area.free_list"),
    };
}

/* Call `visit` for every zone of every node; DUMPIO_END: no zone can be found. */
static int each_zone(struct dio_kernel *k, const struct dio_memmap *m, const struct zone_facts *f,
                     int (*visit)(void *ctx, uint64_t zone, struct dumpio_error *err), void *ctx,
                     struct dumpio_error *err)
{
    if (!m->n_nodes || f->zones < 0 || f->nr_zones < 0 || f->size <= 0)
        return DUMPIO_END;
    for (size_t i = 0; i < m->n_nodes; i++) {
        uint8_t b[4];
        int rc = dio_kernel_read(k, m->nodes[i].pgdat + (uint64_t)f->nr_zones, b, sizeof b, err);
        if (rc)
            return dio_context(err, rc, "the zones of memory node %u", m->nodes[i].id);
        uint32_t n = dio_get32(b, k->order);
        if (n > ZONES_MAX)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "memory node %u has %u zones: OFFSET(pglist_data.nr_zones) is wrong, "
                            "or the node is damaged", m->nodes[i].id, n);
        for (uint32_t z = 0; z < n && !rc; z++)
            rc = visit(ctx, m->nodes[i].pgdat + (uint64_t)(f->zones + z * f->size), err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- how many --------------------------------------------------------------------------------- */

struct counting {
    struct dio_kernel *k;
    int64_t at; /* of the count in a zone */
    uint64_t pages;
};

static int count_zone(void *ctx, uint64_t zone, struct dumpio_error *err)
{
    struct counting *c = ctx;
    uint8_t b[8];
    int rc = dio_kernel_read(c->k, zone + (uint64_t)c->at, b, c->k->word, err);
    if (rc)
        return dio_context(err, rc, "the free pages of a zone");
    uint64_t v = dio_get_word(b, c->k->order, c->k->word);
    bool negative = v >> (8 * c->k->word - 1); /* counts of processors may run ahead */
    c->pages += negative ? 0 : v;
    return 0;
}

int dio_free_counted(struct dio_kernel *k, const struct dio_memmap *m, uint64_t *pages,
                     struct dumpio_error *err)
{
    struct zone_facts f = zone_facts(k);
    struct counting c = {k, f.free_pages, 0};
    if (f.vm_stat >= 0 && f.nr_free >= 0)
        c.at = f.vm_stat + f.nr_free * (int64_t)k->word;
    if (c.at < 0)
        return DUMPIO_END;
    int rc = each_zone(k, m, &f, count_zone, &c, err);
    *pages = c.pages;
    return rc;
}

int dio_zones_spanned(struct dio_kernel *k, const struct dio_memmap *m, uint64_t *pages,
                      struct dumpio_error *err)
{
    struct zone_facts f = zone_facts(k);
    struct counting c = {k, fact(k, "OFFSET", "zone.spanned_pages"), 0};
    if (c.at < 0)
        return DUMPIO_END;
    int rc = each_zone(k, m, &f, count_zone, &c, err);
    *pages = c.pages;
    return rc;
}

/* ---- which ------------------------------------------------------------------------------------- */

struct listing {
    struct dio_kernel *k;
    const struct dio_memmap *m;
    const struct dio_page_layout *l;
    struct zone_facts f;
    struct dio_free_block *v;
    size_t n, cap;
};

static int add_block(struct listing *s, uint64_t pfn, unsigned order, struct dumpio_error *err)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        struct dio_free_block *v = cap > BLOCKS_MAX ? NULL : realloc(s->v, cap * sizeof *v);
        if (!v)
            return cap > BLOCKS_MAX
                       ? dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                                  "more than %zu free blocks", BLOCKS_MAX)
                       : dio_nomem(err, "the free lists");
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = (struct dio_free_block){pfn, order};
    return 0;
}

static int walk_list(struct listing *s, uint64_t head, unsigned order, struct dumpio_error *err)
{
    uint8_t b[16];
    uint64_t at = head;
    unsigned word = s->k->word;
    for (;;) {
        int rc = dio_kernel_read(s->k, at, b, 2 * word, err);
        if (rc)
            return dio_context(err, rc, "a free list of order %u", order);
        uint64_t next = dio_get_word(b, s->k->order, word), pfn;
        rc = dio_kernel_read(s->k, next, b, 2 * word, err);
        if (rc)
            return dio_context(err, rc, "a free list of order %u", order);
        if (dio_get_word(b + word, s->k->order, word) != at)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "the free list of order %u is broken at 0x%llx: OFFSET(zone.free_area) "
                            "is wrong, or memory is damaged", order, (unsigned long long)at);
        if (next == head)
            return 0;
        if (!dio_memmap_pfn(s->m, next - s->l->lru, &pfn))
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "the free list of order %u leads to 0x%llx, which is no struct page",
                            order, (unsigned long long)next);
        rc = add_block(s, pfn, order, err);
        if (rc)
            return rc;
        at = next;
    }
}

static int list_zone(void *ctx, uint64_t zone, struct dumpio_error *err)
{
    struct listing *s = ctx;
    int64_t types = s->f.types > 0 ? s->f.types : 1;
    if (types > (int64_t)LISTS_MAX)
        types = LISTS_MAX;
    for (unsigned order = 0; order <= s->l->max_order; order++)
        for (int64_t type = 0; type < types; type++) {
            int64_t at = s->f.area + order * s->f.area_size + s->f.list +
                         type * 2 * (int64_t)s->k->word;
            uint8_t b[8];
            int rc = dio_kernel_read(s->k, zone + (uint64_t)at, b, s->k->word, err);
            if (!rc && dio_get_word(b, s->k->order, s->k->word)) /* zero: a zone without pages */
                rc = walk_list(s, zone + (uint64_t)at, order, err);
            if (rc)
                return rc;
        }
    return 0;
}

static int by_pfn(const void *a, const void *b)
{
    const struct dio_free_block *x = a, *y = b;
    return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

int dio_free_lists(struct dio_kernel *k, const struct dio_memmap *m,
                   const struct dio_page_layout *l, struct dio_free_block **blocks, size_t *n,
                   struct dumpio_error *err)
{
    struct listing s = {.k = k, .m = m, .l = l, .f = zone_facts(k)};
    int rc = DUMPIO_END;
    if (s.f.area >= 0 && s.f.area_size > 0 && s.f.list >= 0)
        rc = each_zone(k, m, &s.f, list_zone, &s, err);
    if (rc == DUMPIO_END)
        rc = dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                      "the zones' free lists cannot be found (pglist_data.node_zones, "
                      "zone.free_area); --vmlinux supplies the facts");
    if (rc) {
        free(s.v);
        return rc;
    }
    if (s.n)
        qsort(s.v, s.n, sizeof *s.v, by_pfn);
    for (size_t i = 1; i < s.n; i++)
        if (s.v[i].pfn < s.v[i - 1].pfn + ((uint64_t)1 << s.v[i - 1].order)) {
            rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "frame 0x%llx is free twice",
                          (unsigned long long)s.v[i].pfn);
            free(s.v);
            return rc;
        }
    *blocks = s.v;
    *n = s.n;
    return 0;
}
