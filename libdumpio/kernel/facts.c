/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building texts of facts, and the list of what is wanted of types and symbols.
 * Reference: vmcoreinfo.rst for the grammar; struct members by their names in Linux 2.6.9 to 7.2.
 * Does not handle: where facts come from.
 */
#include "facts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_ROOM 512u

static void append(struct dio_facts *f, const char *fmt, ...) DIO_PRINTF(2, 3);

static void append(struct dio_facts *f, const char *fmt, ...)
{
    if (f->failed)
        return;
    if (f->cap - f->len < LINE_ROOM) {
        size_t cap = f->cap ? f->cap * 2 : 4096;
        char *text = realloc(f->text, cap);
        if (!text) {
            f->failed = true;
            return;
        }
        f->text = text;
        f->cap = cap;
    }
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(f->text + f->len, LINE_ROOM, fmt, ap);
    va_end(ap);
    if (n > 0 && (size_t)n < LINE_ROOM)
        f->len += (size_t)n;
    f->text[f->len] = '\0';
}

void dio_facts_number(struct dio_facts *f, const char *kind, const char *name, int64_t value)
{
    append(f, "%s(%s)=%" PRId64 "\n", kind, name, value);
}

void dio_facts_symbol(struct dio_facts *f, const char *name, uint64_t value)
{
    append(f, "SYMBOL(%s)=%" PRIx64 "\n", name, value);
}

void dio_facts_line(struct dio_facts *f, const char *key, const char *value)
{
    append(f, "%s=%s\n", key, value);
}

void dio_facts_free(struct dio_facts *f)
{
    free(f->text);
    *f = (struct dio_facts){0};
}

/* ---- what is wanted -------------------------------------------------------------------------- */

#define MEMBERS(...) ((const char *const[]){__VA_ARGS__, NULL})

const struct dio_wanted_struct dio_wanted_structs[] = {
    {"page", true, MEMBERS("flags", "_refcount", "_count", "mapping", "_mapcount", "page_type",
                           "private", "lru", "index", "first_page", "compound_head",
                           "compound_info", "compound_order", "compound_dtor")},
    {"folio", true, MEMBERS("_folio_dtor", "_folio_order", "_order")},
    {"mem_section", true, MEMBERS("section_mem_map")},
    {"pglist_data", true, MEMBERS("node_zones", "nr_zones", "node_mem_map", "node_start_pfn",
                                  "node_spanned_pages", "node_id", "pgdat_next")},
    {"zone", true, MEMBERS("free_pages", "free_area", "vm_stat", "spanned_pages",
                           "vmemmap_tails")},
    {"free_area", true, MEMBERS("free_list")},
    {"list_head", true, MEMBERS("next", "prev")},
    {"nodemask_t", true, MEMBERS("bits")},
    {"uts_namespace", false, MEMBERS("name")},
    {"vmemmap_backing", true, MEMBERS("list", "phys", "virt_addr")},
    {"printk_log", true, MEMBERS("ts_nsec", "len", "text_len", "dict_len")},
    {"log", true, MEMBERS("ts_nsec", "len", "text_len", "dict_len")},
    {NULL, false, NULL},
};

const char *const dio_wanted_enumerators[] = {
    "PG_lru", "PG_private", "PG_swapcache", "PG_swapbacked", "PG_slab", "PG_reserved",
    "PG_hwpoison", "PG_buddy", "PG_head", "PG_tail", "PG_compound", "PG_reclaim", "PG_hugetlb",
    "NR_FREE_PAGES", "N_ONLINE", "HUGETLB_PAGE_DTOR", NULL,
};

const char *const dio_wanted_symbols[] = {
    "init_uts_ns", "system_utsname", "node_online_map", "node_states", "swapper_pg_dir",
    "init_level4_pgt", "init_top_pgt", "_stext", "mem_map", "contig_page_data", "mem_section",
    "node_data", "pgdat_list", "vmemmap", "vmemmap_list", "free_huge_page", "phys_base",
    "log_buf", "log_buf_len", "log_end", "log_first_idx", "log_next_idx", "clear_idx", "prb",
    "kimage_voffset", "memstart_addr", NULL,
};
