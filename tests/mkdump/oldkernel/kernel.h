/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structures of Linux 2.6.9 and 2.6.18 that describe memory, member for member.
 * Format reference: include/linux/mm.h, mmzone.h, utsname.h and asm/page.h of those versions.
 * Not handled: SPARSEMEM, memory hotplug, lock debugging, configurations other than SMP.
 *
 * ERA is 20609 or 20618; PAE and DISCONTIG are defined or not; -m32 and -m64 choose the machine.
 */
#ifndef OLDKERNEL_H
#define OLDKERNEL_H

#define OLD (ERA < 20612)
#define NR_CPUS 2
#define MAX_ORDER 11
#define CACHE_LINE __attribute__((aligned(128)))
#define PADDING(name) struct zone_padding name;

#ifdef __x86_64__
#define BITS_PER_LONG 64
#else
#define BITS_PER_LONG 32
#endif
#ifdef DISCONTIG
#define MAX_NUMNODES 8
#else
#define MAX_NUMNODES 1
#endif
#define MAX_NR_ZONES (OLD ? 3 : 4)
#define GFP_ZONETYPES (OLD ? 3 : 5)

typedef struct { volatile int counter; } atomic_t;
typedef struct { volatile long counter; } atomic_long_t;
typedef struct { volatile unsigned int slock; } spinlock_t;
typedef unsigned long pgoff_t;
#if OLD && BITS_PER_LONG == 64
typedef unsigned page_flags_t;
#else
typedef unsigned long page_flags_t;
#endif
typedef struct { unsigned long bits[1]; } nodemask_t;

#if BITS_PER_LONG == 64
typedef struct { unsigned long pte; } pte_t;
typedef struct { unsigned long pgd; } pgd_t;
#elif defined(PAE)
typedef struct { unsigned long pte_low, pte_high; } pte_t;
typedef struct { unsigned long long pgd; } pgd_t;
#else
typedef struct { unsigned long pte_low; } pte_t;
typedef struct { unsigned long pgd; } pgd_t;
#endif

struct address_space;
struct bootmem_data;
struct task_struct;

struct list_head {
    struct list_head *next, *prev;
};

struct zone_padding {
    char x[0];
} CACHE_LINE;

typedef struct {
    spinlock_t lock;
    struct list_head task_list;
} wait_queue_head_t;

#if OLD
struct page {
    page_flags_t flags;
    atomic_t _count;
    atomic_t _mapcount;
    unsigned long private;
    struct address_space *mapping;
    pgoff_t index;
    struct list_head lru;
};
#else
struct page {
    unsigned long flags;
    atomic_t _count;
    atomic_t _mapcount;
    union {
        struct {
            unsigned long private;
            struct address_space *mapping;
        };
        spinlock_t ptl;
    };
    pgoff_t index;
    struct list_head lru;
};
#endif

struct free_area {
    struct list_head free_list;
#if OLD
    unsigned long *map;
#else
    unsigned long nr_free;
#endif
};

struct per_cpu_pages {
    int count;
#if OLD
    int low;
#endif
    int high;
    int batch;
    struct list_head list;
};

struct per_cpu_pageset {
    struct per_cpu_pages pcp[2];
#ifdef DISCONTIG
    unsigned long numa_hit, numa_miss, numa_foreign, interleave_hit, local_node, other_node;
#endif
} CACHE_LINE;

#if OLD
struct zone {
    spinlock_t lock;
    unsigned long free_pages;
    unsigned long pages_min, pages_low, pages_high;
    unsigned long protection[MAX_NR_ZONES];
    PADDING(_pad1_)
    spinlock_t lru_lock;
    struct list_head active_list;
    struct list_head inactive_list;
    unsigned long nr_scan_active, nr_scan_inactive;
    unsigned long nr_active, nr_inactive;
    int all_unreclaimable;
    unsigned long pages_scanned;
    int temp_priority, prev_priority;
    struct free_area free_area[MAX_ORDER];
    wait_queue_head_t *wait_table;
    unsigned long wait_table_size;
    unsigned long wait_table_bits;
    PADDING(_pad2_)
    struct per_cpu_pageset pageset[NR_CPUS];
    struct pglist_data *zone_pgdat;
    struct page *zone_mem_map;
    unsigned long zone_start_pfn;
    char *name;
    unsigned long spanned_pages;
    unsigned long present_pages;
} CACHE_LINE;
#else
enum zone_stat_item {
    NR_ANON_PAGES, NR_FILE_MAPPED, NR_FILE_PAGES, NR_SLAB, NR_PAGETABLE, NR_FILE_DIRTY,
    NR_WRITEBACK, NR_UNSTABLE_NFS, NR_BOUNCE,
#ifdef DISCONTIG
    NUMA_HIT, NUMA_MISS, NUMA_FOREIGN, NUMA_INTERLEAVE_HIT, NUMA_LOCAL, NUMA_OTHER,
#endif
    NR_VM_ZONE_STAT_ITEMS
};

struct zone {
    unsigned long free_pages;
    unsigned long pages_min, pages_low, pages_high;
    unsigned long lowmem_reserve[MAX_NR_ZONES];
#ifdef DISCONTIG
    unsigned long min_unmapped_pages;
    struct per_cpu_pageset *pageset[NR_CPUS];
#else
    struct per_cpu_pageset pageset[NR_CPUS];
#endif
    spinlock_t lock;
    struct free_area free_area[MAX_ORDER];
    PADDING(_pad1_)
    spinlock_t lru_lock;
    struct list_head active_list;
    struct list_head inactive_list;
    unsigned long nr_scan_active, nr_scan_inactive;
    unsigned long nr_active, nr_inactive;
    unsigned long pages_scanned;
    int all_unreclaimable;
    atomic_t reclaim_in_progress;
    atomic_long_t vm_stat[NR_VM_ZONE_STAT_ITEMS];
    int temp_priority, prev_priority;
    PADDING(_pad2_)
    wait_queue_head_t *wait_table;
    unsigned long wait_table_hash_nr_entries;
    unsigned long wait_table_bits;
    struct pglist_data *zone_pgdat;
    unsigned long zone_start_pfn;
    unsigned long spanned_pages;
    unsigned long present_pages;
    char *name;
} CACHE_LINE;
#endif

struct zonelist {
    struct zone *zones[MAX_NUMNODES * MAX_NR_ZONES + 1];
};

typedef struct pglist_data {
    struct zone node_zones[MAX_NR_ZONES];
    struct zonelist node_zonelists[GFP_ZONETYPES];
    int nr_zones;
    struct page *node_mem_map;
    struct bootmem_data *bdata;
    unsigned long node_start_pfn;
    unsigned long node_present_pages;
    unsigned long node_spanned_pages;
    int node_id;
#if OLD
    struct pglist_data *pgdat_next;
#endif
    wait_queue_head_t kswapd_wait;
    struct task_struct *kswapd;
#if !OLD
    int kswapd_max_order;
#endif
} pg_data_t;

struct new_utsname {
    char sysname[65];
    char nodename[65];
    char release[65];
    char version[65];
    char machine[65];
    char domainname[65];
};

#endif
