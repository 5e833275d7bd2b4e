/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of frames that grows.
 */
#include "pages.h"

#include <stdlib.h>

#define LIST_MAX ((size_t)64 << 20)

int dio_pfn_list_add(struct dio_pfn_list *l, uint64_t pfn, struct dumpio_error *err)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        if (cap > LIST_MAX)
            return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                            "more than %zu pages look freed", LIST_MAX);
        uint64_t *v = realloc(l->v, cap * sizeof *v);
        if (!v)
            return dio_nomem(err, "a list of frames");
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = pfn;
    return 0;
}

bool dio_pfn_list_find(const struct dio_pfn_list *l, uint64_t pfn, size_t *index)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->v[mid] < pfn)
            lo = mid + 1;
        else
            hi = mid;
    }
    *index = lo;
    return lo < l->n && l->v[lo] == pfn;
}

void dio_pfn_list_free(struct dio_pfn_list *l)
{
    free(l->v);
    *l = (struct dio_pfn_list){0};
}
