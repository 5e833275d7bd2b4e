/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes and offsets as the compiler lays the structures out, one assembler line each.
 * Format reference: the kernel's asm-offsets.c has the idea.
 * Not handled: linking; only the assembler text is used.
 */
#include "kernel.h"

#define VALUE(name, value) __asm__ volatile("\n@@ " name " %c0 @@" : : "i"(value))
#define SIZE(type) VALUE(#type, sizeof(struct type))
#define OFFSET(type, member) VALUE(#type "." #member, __builtin_offsetof(struct type, member))

#if BITS_PER_LONG == 64
_Static_assert(sizeof(struct page) == 56, "struct page of x86_64");
#else
_Static_assert(sizeof(struct page) == 32, "struct page of i386");
#endif

void offsets(void);
void offsets(void)
{
    SIZE(page);
    OFFSET(page, flags);
    VALUE("page.flags size", sizeof(((struct page *)0)->flags));
    OFFSET(page, _count);
    OFFSET(page, _mapcount);
    OFFSET(page, private);
    OFFSET(page, mapping);
    OFFSET(page, index);
    OFFSET(page, lru);
    SIZE(free_area);
    SIZE(per_cpu_pages);
    OFFSET(per_cpu_pages, list);
    SIZE(per_cpu_pageset);
    SIZE(zone);
    OFFSET(zone, free_pages);
    OFFSET(zone, free_area);
    OFFSET(zone, active_list);
    OFFSET(zone, inactive_list);
    OFFSET(zone, pageset);
    OFFSET(zone, zone_pgdat);
    OFFSET(zone, zone_start_pfn);
    OFFSET(zone, spanned_pages);
    OFFSET(zone, present_pages);
#if OLD
    OFFSET(zone, zone_mem_map);
    OFFSET(pglist_data, pgdat_next);
#else
    OFFSET(zone, vm_stat);
#endif
    SIZE(pglist_data);
    OFFSET(pglist_data, node_zones);
    OFFSET(pglist_data, nr_zones);
    OFFSET(pglist_data, node_mem_map);
    OFFSET(pglist_data, node_start_pfn);
    OFFSET(pglist_data, node_present_pages);
    OFFSET(pglist_data, node_spanned_pages);
    OFFSET(pglist_data, node_id);
    SIZE(new_utsname);
}
