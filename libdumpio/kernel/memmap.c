/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel's struct pages lie: the memory model chosen, its runs checked and looked up.
 * Reference: include/linux/mmzone.h and asm-generic/memory_model.h of Linux; vmcoreinfo.rst.
 * Does not handle: ia64's vmem_map.
 */
#include "memmap.h"

#include <stdlib.h>

#define RUNS_MAX (1u << 20)
#define RECORD_MAX 1024u /* bytes of a struct page; 32 to 80 have been seen */

/* ---- building -------------------------------------------------------------------------------- */

int dio_memmap_add(struct dio_memmap *m, size_t *cap, uint64_t pfn, uint64_t end, uint64_t virt,
                   struct dumpio_error *err)
{
    struct dio_memmap_run *last = m->n_runs ? &m->runs[m->n_runs - 1] : NULL;
    if (last && pfn < last->end)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "the kernel's memory map describes frame 0x%llx twice",
                        (unsigned long long)pfn);
    if (last && last->end == pfn && last->virt + (pfn - last->pfn) * m->record == virt) {
        last->end = end;
        return 0;
    }
    if (m->n_runs == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        struct dio_memmap_run *r = realloc(m->runs, *cap * sizeof *r);
        if (!r)
            return dio_nomem(err, "the kernel's memory map");
        m->runs = r;
    }
    if (m->n_runs >= RUNS_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                        "the kernel's memory map has more than %u pieces", RUNS_MAX);
    m->runs[m->n_runs++] = (struct dio_memmap_run){pfn, end, virt};
    return 0;
}

struct virt_index {
    uint64_t virt;
    uint32_t run;
};

static int by_virt(const void *a, const void *b)
{
    const struct virt_index *x = a, *y = b;
    return x->virt < y->virt ? -1 : x->virt > y->virt;
}

static uint64_t run_bytes(const struct dio_memmap *m, const struct dio_memmap_run *r)
{
    return (r->end - r->pfn) * m->record;
}

/* Sort the runs by address; two that share records contradict each other. */
static int index_by_virt(struct dio_memmap *m, struct dumpio_error *err)
{
    struct virt_index *v = calloc(m->n_runs + 1, sizeof *v);
    m->by_virt = calloc(m->n_runs + 1, sizeof *m->by_virt);
    if (!v || !m->by_virt) {
        free(v);
        return dio_nomem(err, "the kernel's memory map");
    }
    for (size_t i = 0; i < m->n_runs; i++)
        v[i] = (struct virt_index){m->runs[i].virt, (uint32_t)i};
    qsort(v, m->n_runs, sizeof *v, by_virt);
    int rc = 0;
    for (size_t i = 0; i < m->n_runs; i++) {
        const struct dio_memmap_run *r = &m->runs[v[i].run];
        m->by_virt[i] = v[i].run;
        uint64_t end;
        bool wraps = dio_add(r->virt, run_bytes(m, r), &end) && end;
        if (wraps || (i + 1 < m->n_runs && end > v[i + 1].virt)) {
            rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                          "the kernel's memory map contradicts itself: the records of frame 0x%llx "
                          "on, at 0x%llx, belong to other frames too",
                          (unsigned long long)r->pfn, (unsigned long long)r->virt);
            break;
        }
    }
    free(v);
    return rc;
}

/* ---- the model ------------------------------------------------------------------------------- */

static int choose_model(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err)
{
    uint64_t symbol;
    int64_t at;
    bool node_maps = dio_kernel_number(k, "OFFSET", "pglist_data.node_mem_map", &at);
    if (node_maps && (dio_kernel_symbol(k, "node_data", &symbol) ||
                      dio_kernel_symbol(k, "pgdat_list", &symbol))) {
        m->model = "discontigmem";
        return dio_memmap_of_nodes(m, k, err);
    }
    if (dio_kernel_symbol(k, "mem_section", &symbol)) {
        m->model = "sparsemem";
        return dio_memmap_of_sections(m, k, err);
    }
    if (dio_kernel_number(k, "SIZE", "mem_section", &at))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "SYMBOL(mem_section) is not known, and this kernel has mem_sections; "
                        "--vmlinux supplies it");
    if (dio_kernel_symbol(k, "contig_page_data", &symbol)) {
        m->model = "flatmem";
        return dio_memmap_of_nodes(m, k, err);
    }
    return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                    "none of SYMBOL(mem_section), SYMBOL(contig_page_data) and SYMBOL(node_data) "
                    "is known: where the kernel keeps its struct pages cannot be told; --vmlinux "
                    "supplies them");
}

int dio_memmap_open(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err)
{
    int64_t size;
    *m = (struct dio_memmap){0};
    if (!dio_kernel_number(k, "SIZE", "page", &size))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "SIZE(page) is not known; --vmlinux supplies it");
    if (size < 24 || size > (int64_t)RECORD_MAX || size % k->word)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "SIZE(page) of %lld is impossible", (long long)size);
    m->record = (unsigned)size;
    int rc = dio_memmap_nodes(m, k, err);
    if (!rc)
        rc = choose_model(m, k, err);
    if (!rc && !m->n_runs)
        rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                      "the kernel's memory map is empty (%s)", m->model);
    if (!rc)
        rc = index_by_virt(m, err);
    if (rc)
        dio_memmap_close(m);
    return rc;
}

void dio_memmap_close(struct dio_memmap *m)
{
    free(m->runs);
    free(m->by_virt);
    free(m->nodes);
    *m = (struct dio_memmap){0};
}

void dio_memmap_free(struct dio_memmap *m)
{
    if (m)
        dio_memmap_close(m);
    free(m);
}

/* ---- looking up ------------------------------------------------------------------------------ */

const struct dio_memmap_run *dio_memmap_at(const struct dio_memmap *m, uint64_t pfn)
{
    size_t lo = 0, hi = m->n_runs;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->runs[mid].end > pfn)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo < m->n_runs ? &m->runs[lo] : NULL;
}

uint64_t dio_memmap_frames(const struct dio_memmap *m, uint64_t pfn)
{
    uint64_t n = 0;
    for (size_t i = m->n_runs; i-- && m->runs[i].end > pfn;)
        n += m->runs[i].end - (m->runs[i].pfn > pfn ? m->runs[i].pfn : pfn);
    return n;
}

bool dio_memmap_virt(const struct dio_memmap *m, uint64_t pfn, uint64_t *virt)
{
    const struct dio_memmap_run *r = dio_memmap_at(m, pfn);
    if (!r || r->pfn > pfn)
        return false;
    *virt = r->virt + (pfn - r->pfn) * m->record;
    return true;
}

bool dio_memmap_pfn(const struct dio_memmap *m, uint64_t virt, uint64_t *pfn)
{
    size_t lo = 0, hi = m->n_runs; /* the last run that begins at or below virt */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->runs[m->by_virt[mid]].virt > virt)
            hi = mid;
        else
            lo = mid + 1;
    }
    if (!lo)
        return false;
    const struct dio_memmap_run *r = &m->runs[m->by_virt[lo - 1]];
    uint64_t off = virt - r->virt;
    if (off >= run_bytes(m, r) || off % m->record)
        return false;
    *pfn = r->pfn + off / m->record;
    return true;
}

/* ---- for others ------------------------------------------------------------------------------ */

int dio_kernel_memmap(struct dio_kernel *k, const struct dio_memmap **m, struct dumpio_error *err)
{
    if (!k->memmap) {
        k->memmap = calloc(1, sizeof *k->memmap);
        if (!k->memmap)
            return dio_nomem(err, "the kernel's memory map");
        int rc = dio_memmap_open(k->memmap, k, err);
        if (rc) {
            free(k->memmap);
            k->memmap = NULL;
            return rc;
        }
    }
    *m = k->memmap;
    return 0;
}

int dio_kernel_next_mapped(struct dio_kernel *k, uint64_t addr, uint64_t *start, uint64_t *end,
                           struct dumpio_error *err)
{
    const struct dio_memmap *m = NULL;
    int rc = dio_kernel_memmap(k, &m, err);
    if (rc)
        return rc;
    const struct dio_memmap_run *r = dio_memmap_at(m, addr / k->page_size);
    if (!r)
        return DUMPIO_END;
    *start = r->pfn * k->page_size > addr ? r->pfn * k->page_size : addr;
    *end = r->end * k->page_size;
    return 0;
}
