/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's memory nodes, and the memory maps of FLATMEM and DISCONTIGMEM, which hang on them.
 * Reference: include/linux/mmzone.h (pglist_data) and nodemask.h of Linux 2.6.9 to 7.2.
 * Does not handle: ia64's overlapping nodes.
 */
#include "memmap.h"

#include <stdlib.h>

#define NODES_MAX 4096u

int dio_memmap_word(struct dio_view *v, uint64_t virt, uint64_t *value, struct dumpio_error *err)
{
    uint8_t b[8];
    if (dio_view_read(v, virt, b, v->k->word))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "the kernel's memory map at 0x%llx is not in the dump",
                        (unsigned long long)virt);
    *value = dio_get_word(b, v->k->order, v->k->word);
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

struct node_facts {
    int64_t start, spanned, map, next, id; /* offsets in pglist_data; -1 = not known */
};

static int64_t member(const struct dio_kernel *k, const char *name)
{
    int64_t at;
    return dio_kernel_number(k, "OFFSET", name, &at) && at >= 0 && at < (1 << 24) ? at : -1;
}

static struct node_facts node_facts(const struct dio_kernel *k)
{
    return (struct node_facts){
        member(k, "pglist_data.node_start_pfn"), member(k, "pglist_data.node_spanned_pages"),
        member(k, "pglist_data.node_mem_map"), member(k, "pglist_data.pgdat_next"),
        member(k, "pglist_data.node_id")};
}

static int add_node(struct dio_memmap *m, struct dio_view *v, const struct node_facts *f,
                    uint64_t pgdat, unsigned id, struct dumpio_error *err)
{
    uint64_t start = 0, spanned = 0, end;
    int rc = dio_memmap_word(v, pgdat + (uint64_t)f->start, &start, err);
    if (!rc)
        rc = dio_memmap_word(v, pgdat + (uint64_t)f->spanned, &spanned, err);
    if (rc)
        return rc;
    if (dio_add(start, spanned, &end) || end > UINT64_MAX / v->k->page_size)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "memory node %u spans 0x%llx frames from 0x%llx on", id,
                        (unsigned long long)spanned, (unsigned long long)start);
    if (m->n_nodes >= NODES_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "more than %u memory nodes",
                        NODES_MAX);
    struct dio_memnode *n = realloc(m->nodes, (m->n_nodes + 1) * sizeof *n);
    if (!n)
        return dio_nomem(err, "the kernel's nodes");
    m->nodes = n;
    n[m->n_nodes++] = (struct dio_memnode){id, pgdat, start, end};
    return 0;
}

/* Is node n online, as far as the kernel's map tells? */
static bool online(struct dio_kernel *k, struct dio_view *v, uint64_t n)
{
    uint64_t map, word;
    int64_t size, state;
    unsigned bits = 8 * k->word;
    if (!dio_kernel_symbol(k, "node_online_map", &map)) {
        if (!dio_kernel_symbol(k, "node_states", &map) ||
            !dio_kernel_number(k, "SIZE", "nodemask_t", &size) || size <= 0 ||
            !dio_kernel_number(k, "NUMBER", "N_ONLINE", &state) || state < 0)
            return true;
        map += (uint64_t)(state * size);
    }
    if (dio_memmap_word(v, map + n / bits * k->word, &word, NULL))
        return true;
    return word >> n % bits & 1;
}

/* node_data[]: one pointer per node. */
static int nodes_of_array(struct dio_memmap *m, struct dio_kernel *k, struct dio_view *v,
                          const struct node_facts *f, uint64_t array, struct dumpio_error *err)
{
    int64_t length = 0, size = 0;
    int rc = 0;
    if (!dio_kernel_number(k, "LENGTH", "node_data", &length) &&
        dio_kernel_number(k, "SIZE", "nodemask_t", &size))
        length = size * 8;
    if (length <= 0 || length > (int64_t)NODES_MAX)
        length = 1;
    for (int64_t i = 0; i < length && !rc; i++) {
        uint64_t pgdat;
        rc = dio_memmap_word(v, array + (uint64_t)i * k->word, &pgdat, err);
        if (!rc && pgdat && online(k, v, (uint64_t)i))
            rc = add_node(m, v, f, pgdat, (unsigned)i, err);
    }
    return rc;
}

/* pgdat_list and pgdat_next, up to 2.6.16. */
static int nodes_of_list(struct dio_memmap *m, struct dio_view *v, const struct node_facts *f,
                         uint64_t list, struct dumpio_error *err)
{
    uint64_t pgdat;
    int rc = dio_memmap_word(v, list, &pgdat, err);
    for (unsigned i = 0; !rc && pgdat; i++) {
        uint8_t id[4];
        unsigned number = i;
        if (f->id >= 0 && !dio_view_read(v, pgdat + (uint64_t)f->id, id, sizeof id))
            number = dio_get32(id, v->k->order);
        rc = add_node(m, v, f, pgdat, number, err);
        if (!rc)
            rc = dio_memmap_word(v, pgdat + (uint64_t)f->next, &pgdat, err);
    }
    return rc;
}

static int by_id(const void *a, const void *b)
{
    const struct dio_memnode *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

int dio_memmap_nodes(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err)
{
    struct dio_view v = {.k = k};
    struct node_facts f = node_facts(k);
    uint64_t at;
    int rc = 0;
    if (f.start < 0 || f.spanned < 0)
        return 0;
    if (dio_kernel_symbol(k, "node_data", &at))
        rc = nodes_of_array(m, k, &v, &f, at, err);
    else if (dio_kernel_symbol(k, "pgdat_list", &at) && f.next >= 0)
        rc = nodes_of_list(m, &v, &f, at, err);
    else if (dio_kernel_symbol(k, "contig_page_data", &at))
        rc = add_node(m, &v, &f, at, 0, err);
    if (m->n_nodes)
        qsort(m->nodes, m->n_nodes, sizeof *m->nodes, by_id);
    return rc;
}

/* ---- their memory maps ----------------------------------------------------------------------- */

static int by_pfn(const void *a, const void *b)
{
    const struct dio_memnode *x = a, *y = b;
    return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

/*
 * The frame whose record mem_map is (ARCH_PFN_OFFSET): 0, or the first one of memory where that
 * begins higher up. False when that is not known.
 */
static bool first_frame(const struct dio_kernel *k, uint64_t *pfn)
{
    bool riscv = !strcmp(k->arch->name, "riscv64");
    int64_t addr = 0;
    if ((riscv || !strcmp(k->arch->name, "aarch64")) &&
        !dio_kernel_number(k, "NUMBER", riscv ? "phys_ram_base" : "PHYS_OFFSET", &addr))
        return false;
    *pfn = (uint64_t)addr / k->page_size;
    return true;
}

/* FLATMEM's two ways to the records must meet: the node's, and mem_map. */
static int check_flat(struct dio_kernel *k, struct dio_view *v, const struct dio_memnode *n,
                      unsigned record, uint64_t symbol, uint64_t virt, struct dumpio_error *err)
{
    uint64_t map, first, mask = k->word == 4 ? UINT32_MAX : UINT64_MAX;
    int rc = dio_memmap_word(v, symbol, &map, err);
    if (rc || !first_frame(k, &first) || ((map + (n->pfn - first) * record) & mask) == virt)
        return rc;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "mem_map 0x%llx and the node, which begins at frame 0x%llx with records at "
                    "0x%llx, contradict each other", (unsigned long long)map,
                    (unsigned long long)n->pfn, (unsigned long long)virt);
}

/* The record of the node's first frame. */
static int node_map(struct dio_kernel *k, struct dio_view *v, const struct dio_memnode *n,
                    unsigned record, bool flat, uint64_t *virt, struct dumpio_error *err)
{
    uint64_t symbol, first;
    int64_t at = member(k, "pglist_data.node_mem_map");
    bool has_map = dio_kernel_symbol(k, "mem_map", &symbol);
    if (at >= 0) {
        int rc = dio_memmap_word(v, n->pgdat + (uint64_t)at, virt, err);
        return rc || !flat || !has_map ? rc : check_flat(k, v, n, record, symbol, *virt, err);
    }
    if (!has_map)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "neither OFFSET(pglist_data.node_mem_map) nor SYMBOL(mem_map) is known; "
                        "--vmlinux supplies them");
    if (!first_frame(k, &first))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "which frame mem_map begins with is not known: VMCOREINFO has neither "
                        "OFFSET(pglist_data.node_mem_map) nor the address where memory begins "
                        "(NUMBER(phys_ram_base), NUMBER(PHYS_OFFSET)); --vmlinux supplies the "
                        "first");
    int rc = dio_memmap_word(v, symbol, virt, err);
    *virt += (n->pfn - first) * record;
    return rc;
}

int dio_memmap_of_nodes(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err)
{
    struct dio_view v = {.k = k};
    size_t cap = 0;
    if (!m->n_nodes)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "no memory node is found: OFFSET(pglist_data.node_start_pfn) or "
                        "node_spanned_pages is not known; --vmlinux supplies them");
    struct dio_memnode *sorted = malloc(m->n_nodes * sizeof *sorted);
    if (!sorted)
        return dio_nomem(err, "the kernel's nodes");
    memcpy(sorted, m->nodes, m->n_nodes * sizeof *sorted);
    qsort(sorted, m->n_nodes, sizeof *sorted, by_pfn);
    int rc = 0;
    for (size_t i = 0; i < m->n_nodes && !rc; i++) {
        uint64_t virt;
        if (sorted[i].pfn == sorted[i].end)
            continue;
        rc = node_map(k, &v, &sorted[i], m->record, m->n_nodes == 1, &virt, err);
        if (!rc)
            rc = dio_memmap_add(m, &cap, sorted[i].pfn, sorted[i].end,
                                k->word == 4 ? virt & UINT32_MAX : virt, err);
    }
    free(sorted);
    return rc;
}
