/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside libdumpio/kernel: struct page. Where the array lies (memmap), how one is laid out in this
 * kernel (layout), and what it says of its page (classify).
 *
 * Words: a frame is a page of physical memory of the kernel's page size, numbered by its pfn; a
 * record is its struct page.
 */
#ifndef DIO_KERNEL_PAGES_H
#define DIO_KERNEL_PAGES_H

#include "internal.h"

/* ---- where records lie ----------------------------------------------------------------------- */

/* Frames whose records lie one behind the other in virtual memory. */
struct dio_memmap_run {
    uint64_t pfn, end; /* [pfn, end) */
    uint64_t virt;     /* of the record of `pfn` */
};

/* A node: one bank of a NUMA machine's memory; the only one of others. */
struct dio_memnode {
    unsigned id;
    uint64_t pgdat;    /* its struct pglist_data, virtual */
    uint64_t pfn, end; /* span; nodes may interleave */
};

struct dio_memmap {
    unsigned record;             /* bytes of a struct page */
    struct dio_memmap_run *runs; /* ascending, disjoint, as long as they can be */
    size_t n_runs;
    uint32_t *by_virt;           /* indices of runs, by ascending virt */
    struct dio_memnode *nodes;   /* ascending id; none when this kernel's cannot be found */
    size_t n_nodes;
    uint64_t unmapped_sections;  /* sections of SPARSEMEM without memory */
    const char *model;           /* "flatmem", "discontigmem", "sparsemem" */
};

/*
 * Find all records: memory model, runs, nodes. Errors name the fact that is missing or wrong.
 * DUMPIO_E_LIMIT beyond a million runs.
 */
int dio_memmap_open(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err);
void dio_memmap_close(struct dio_memmap *m);

/* The run that holds pfn, or the first one above it; NULL when there is none. */
const struct dio_memmap_run *dio_memmap_at(const struct dio_memmap *m, uint64_t pfn);
/* Virtual address of a frame's record; false when it has none. */
bool dio_memmap_virt(const struct dio_memmap *m, uint64_t pfn, uint64_t *virt);
/* The frame whose record begins at virt; false when none does. */
bool dio_memmap_pfn(const struct dio_memmap *m, uint64_t virt, uint64_t *pfn);

/* How many frames from pfn on have a record. */
uint64_t dio_memmap_frames(const struct dio_memmap *m, uint64_t pfn);

/* The nodes of this kernel, into m->nodes; none is no error. */
int dio_memmap_nodes(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err);

/* ---- what a record looks like ---------------------------------------------------------------- */

enum dio_free_mark {
    DIO_FREE_TYPE = 1, /* _mapcount holds the buddy value; order in private */
    DIO_FREE_FLAG,     /* PG_buddy; order in private (2.6.17 to 2.6.37) */
    DIO_FREE_LISTS     /* only the free lists say it (before 2.6.17) */
};

enum dio_order_at {
    DIO_ORDER_NONE = 0, /* this kernel has no compound pages that can be told */
    DIO_ORDER_FIELD,    /* an integer in the second record */
    DIO_ORDER_FLAGS     /* the low byte of the second record's flags (6.6 and later) */
};

enum dio_huge_mark {
    DIO_HUGE_NONE = 0,
    DIO_HUGE_DTOR,      /* destructor number or address in the second record */
    DIO_HUGE_FLAG,      /* a flag of the second record (6.6 to 6.8) */
    DIO_HUGE_TYPE       /* the head's type (6.9 and later) */
};

#define DIO_NO_BIT 255u

struct dio_page_layout {
    unsigned word;          /* bytes of a long */
    enum dumpio_order order;
    unsigned size;          /* of a record */
    unsigned flags, flags_size, mapping, mapcount, refcount, private, lru; /* byte offsets */
    int free_count;         /* raw _refcount of a page nobody holds: 0, or -1 to 2.6.1x */
    /* numbers of bits in flags; DIO_NO_BIT = this kernel has none, or it is not known */
    uint8_t pg_lru, pg_private, pg_swapcache, pg_swapbacked, pg_slab, pg_reserved, pg_hwpoison,
        pg_buddy;
    /* tails: bit 0 of the word at head_word; or all bits of tail_flags */
    bool has_head_word;
    unsigned head_word;
    uint64_t head_flags;    /* of a head; all must be set */
    uint64_t tail_flags;
    unsigned first_page;    /* old tails: offset of the head's address */
    /* types: values of the u32 _mapcount; has_... false = this kernel has none */
    bool has_buddy, has_offline, has_slab, has_unaccepted;
    uint32_t buddy, offline, slab, unaccepted;
    enum dio_free_mark free_mark;
    unsigned max_order;     /* buddies are at most 1 << max_order pages */
    enum dio_order_at order_at;
    unsigned order_off, order_size; /* FIELD: offset in the second record, bytes */
    enum dio_huge_mark huge_mark;
    unsigned huge_off, huge_size;   /* DTOR */
    uint64_t huge_value;            /* DTOR: value; FLAG: bit number; TYPE: value */
    unsigned max_compound;  /* orders above are impossible */
};

/* From the kernel's facts. The error names the first fact that is missing and where to get it. */
int dio_page_layout(struct dio_page_layout *l, struct dio_kernel *k, struct dumpio_error *err);

static inline uint64_t dio_record_word(const struct dio_page_layout *l, const uint8_t *r,
                                       unsigned off)
{
    return dio_get_word(r + off, l->order, l->word);
}

static inline uint64_t dio_record_flags(const struct dio_page_layout *l, const uint8_t *r)
{
    return dio_get_word(r + l->flags, l->order, l->flags_size);
}

static inline bool dio_record_bit(uint64_t flags, uint8_t bit)
{
    return bit != DIO_NO_BIT && (flags >> bit & 1);
}

static inline uint32_t dio_record_type(const struct dio_page_layout *l, const uint8_t *r)
{
    return dio_get32(r + l->mapcount, l->order);
}

/* Types are compared whole, or by their top byte where the kernel exports nothing below it. */
static inline bool dio_type_is(uint32_t type, bool has, uint32_t value)
{
    return has && (value & 0xffffff ? type == value : type >> 24 == value >> 24);
}

/* ---- what records say ------------------------------------------------------------------------ */

/* Sums over windows, for the checks and the lists that come after. */
struct dio_class_sums {
    uint64_t pages[DUMPIO_CLASSES];
    uint64_t compounds;      /* heads whose tails agree */
    uint64_t broken_heads;   /* marked as heads, and the next record is no tail of theirs */
    uint64_t broken_tails;   /* tails without a head that covers them */
    uint64_t broken_free;    /* free blocks of impossible order or place */
    uint64_t mappings, bad_mappings; /* looked at on LRU pages; no address of an owner */
    uint64_t links, bad_links;       /* looked at on free blocks; not linked back */
    uint64_t lru, ownerless;         /* pages marked LRU; of them, without an owner */
    uint64_t off_lru, on_list;       /* owned and not marked LRU, looked at; of them, on a list */
    uint64_t small_huge;             /* marked as hugetlb, and too small for it */
    uint64_t unread;         /* runs of records that cannot be read, or were never set up */
    uint64_t beyond;         /* records of frames behind the dump's end, not looked at */
    uint64_t broken_pfn;     /* one of the broken ones */
};

/* Frames that may be parked on a processor's list. */
struct dio_pfn_list {
    uint64_t *v;
    size_t n, cap;
};
/* 0, DUMPIO_E_NOMEM or DUMPIO_E_LIMIT (64 Mi entries). */
int dio_pfn_list_add(struct dio_pfn_list *l, uint64_t pfn, struct dumpio_error *err);
/* Is pfn in the ascending list? *index = its place, or that of the first one above it. */
bool dio_pfn_list_find(const struct dio_pfn_list *l, uint64_t pfn, size_t *index);
void dio_pfn_list_free(struct dio_pfn_list *l);

/* Free blocks as the free lists tell, ascending; for DIO_FREE_LISTS. */
struct dio_free_block {
    uint64_t pfn;
    unsigned order;
};

/* Read-only once opened; shared by threads. */
struct dio_classifier {
    struct dio_kernel *k;
    const struct dio_memmap *memmap;
    struct dio_page_layout layout;
    struct dio_free_block *blocks; /* DIO_FREE_LISTS only */
    size_t n_blocks;
    uint64_t end;                  /* frame: the dump holds none from here on */
    uint64_t window;               /* frames; a power of two that no free block crosses */
    bool want_freed;
    bool all_set_up;               /* no record of a present section is all zero */
    bool balloons;                 /* pages of a balloon have an owner and are on its list */
};

int dio_classifier_open(struct dio_classifier *c, struct dio_kernel *k, bool want_freed,
                        struct dumpio_error *err);
void dio_classifier_close(struct dio_classifier *c);

/* What a thread needs: records of a window, and its reader. */
struct dio_class_worker {
    struct dio_mem_reader *reader;
    uint8_t *records; /* window + 1 of them */
    uint8_t *bad;     /* per record: cannot be read */
};
int dio_class_worker_init(struct dio_class_worker *w, const struct dio_classifier *c,
                          struct dumpio_error *err);
void dio_class_worker_free(struct dio_class_worker *w, const struct dio_classifier *c);

/*
 * Classify frames [pfn, pfn + n), n <= window, inside one run of the memory map and one window:
 * classes[i] (enum dumpio_class) is that of pfn + i. Adds to sums and to candidates. What cannot be
 * read is UNKNOWN. Errors: out of memory, limits, I/O.
 */
int dio_classify_window(const struct dio_classifier *c, struct dio_class_worker *w, uint64_t pfn,
                        size_t n, uint8_t *classes, struct dio_class_sums *sums,
                        struct dio_pfn_list *candidates, struct dumpio_error *err);

/* ---- free pages ------------------------------------------------------------------------------ */

/* Pages on the free lists of all zones, for DIO_FREE_LISTS: ascending, disjoint; malloc'ed. */
int dio_free_lists(struct dio_kernel *k, const struct dio_memmap *m,
                   const struct dio_page_layout *l, struct dio_free_block **blocks, size_t *n,
                   struct dumpio_error *err);

/* Free pages as the zones count them. DUMPIO_END: the zones of this kernel cannot be found. */
int dio_free_counted(struct dio_kernel *k, const struct dio_memmap *m, uint64_t *pages,
                     struct dumpio_error *err);

/* Frames that all zones span together; as above. */
int dio_zones_spanned(struct dio_kernel *k, const struct dio_memmap *m, uint64_t *pages,
                      struct dumpio_error *err);

/*
 * Of the candidates, those that are on a list of freed pages now: the list closes over exactly one
 * head outside the memory map. Ascending in place; the others are dropped.
 */
int dio_freed_pages(const struct dio_classifier *c, struct dio_pfn_list *candidates,
                    struct dumpio_error *err);

#endif
