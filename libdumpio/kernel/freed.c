/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freed pages that are parked on a processor's own list: the list, followed from the page, must
 * close over exactly one head outside the memory map, every other member being such a page.
 * Reference: mm/page_alloc.c (per_cpu_pages) of Linux 2.6.9 to 7.2.
 * Does not handle: the later pages of a parked block of higher order, which carry no proof (kept).
 */
#include "pages.h"

#include <stdlib.h>

enum verdict { OPEN = 0, PARKED, REJECTED };

struct lists {
    const struct dio_classifier *c;
    struct dio_pfn_list *l; /* ascending */
    uint8_t *verdict;       /* per entry */
    size_t *members;        /* of the list being followed */
};

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* next and prev of the list entry at virt. */
static bool links(const struct lists *s, uint64_t virt, uint64_t *next, uint64_t *prev)
{
    const struct dio_page_layout *l = &s->c->layout;
    uint8_t b[16];
    if (dio_kernel_read(s->c->k, virt, b, 2 * l->word, NULL))
        return false;
    *next = dio_get_word(b, l->order, l->word);
    *prev = dio_get_word(b + l->word, l->order, l->word);
    return true;
}

/* Follow the list from member `first`; *n members seen. Does it close over one head? */
static bool follow(struct lists *s, size_t first, size_t *n)
{
    const struct dio_page_layout *l = &s->c->layout;
    uint64_t virt, next, prev, before;
    unsigned heads = 0;
    *n = 0;
    if (!dio_memmap_virt(s->c->memmap, s->l->v[first], &virt))
        return false;
    uint64_t start = virt + l->lru, at = start;
    s->members[(*n)++] = first;
    if (!links(s, at, &next, &prev))
        return false;
    for (before = at, at = next; at != start; before = at, at = next) {
        uint64_t pfn;
        size_t i;
        if (!links(s, at, &next, &prev) || prev != before)
            return false;
        if (!dio_memmap_pfn(s->c->memmap, at - l->lru, &pfn)) {
            if (++heads > 1)
                return false;
            continue;
        }
        if (!dio_pfn_list_find(s->l, pfn, &i) || s->verdict[i] != OPEN || *n >= s->l->n)
            return false;
        s->members[(*n)++] = i;
    }
    return heads == 1 && links(s, start, &next, &prev) && prev == before;
}

int dio_freed_pages(const struct dio_classifier *c, struct dio_pfn_list *candidates,
                    struct dumpio_error *err)
{
    struct lists s = {c, candidates, NULL, NULL};
    if (!candidates->n)
        return 0;
    qsort(candidates->v, candidates->n, sizeof *candidates->v, ascending);
    s.verdict = calloc(candidates->n, 1);
    s.members = calloc(candidates->n, sizeof *s.members);
    if (!s.verdict || !s.members) {
        free(s.verdict);
        free(s.members);
        return dio_nomem(err, "the lists of freed pages");
    }
    for (size_t i = 0; i < candidates->n; i++) {
        size_t n;
        if (s.verdict[i] != OPEN)
            continue;
        bool parked = follow(&s, i, &n);
        for (size_t j = 0; j < n; j++)
            s.verdict[s.members[j]] = parked ? PARKED : REJECTED;
        s.verdict[i] = parked ? PARKED : REJECTED;
    }
    size_t kept = 0;
    for (size_t i = 0; i < candidates->n; i++)
        if (s.verdict[i] == PARKED)
            candidates->v[kept++] = candidates->v[i];
    candidates->n = kept;
    free(s.verdict);
    free(s.members);
    return 0;
}
