/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How struct page is laid out in this kernel: offsets, flag numbers, types, compound pages, in every
 * encoding from Linux 2.6.9 to 7.2.
 * Reference: include/linux/mm_types.h, page-flags.h, mm.h of those versions; vmcoreinfo.rst.
 * Does not handle: kernels that have neither VMCOREINFO, BTF nor a vmlinux.
 */
#include "facts.h"
#include "pages.h"

#include <stdio.h>

#define LARGEST_PAGE_SHIFT 40u /* no compound page is larger than 1 TiB */
#define ORDERS_MAX 21          /* of buddies: 11 to 17 have been seen; windows hold 1 << 20 frames */

struct layout {
    struct dio_page_layout *l;
    struct dio_kernel *k;
    struct dumpio_error *err;
};

/* ---- facts ------------------------------------------------------------------------------------ */

static int missing(const struct layout *c, const char *what)
{
    return dio_fail(c->err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                    "%s is not known: neither VMCOREINFO nor BTF in the dump has it; --vmlinux "
                    "supplies it", what);
}

/* OFFSET(name) of a member of `size` bytes inside a record; false when it is not known. */
static bool offset(const struct layout *c, const char *name, unsigned size, unsigned *off)
{
    int64_t v;
    if (!dio_kernel_number(c->k, "OFFSET", name, &v) || v < 0 ||
        v > (int64_t)c->l->size - (int64_t)size)
        return false;
    *off = (unsigned)v;
    return true;
}

static int need(const struct layout *c, const char *name, unsigned size, unsigned *off)
{
    char what[80];
    if (offset(c, name, size, off))
        return 0;
    snprintf(what, sizeof what, "OFFSET(%s)", name);
    return missing(c, what);
}

/* Number of a bit of page.flags: the kernel's, else `otherwise` (DIO_NO_BIT = none). */
static uint8_t bit(const struct layout *c, const char *name, uint8_t otherwise)
{
    int64_t v;
    if (dio_kernel_number(c->k, "NUMBER", name, &v) && v >= 0 && v < 8 * c->l->flags_size)
        return (uint8_t)v;
    return otherwise;
}

/* NUMBER(name) as the u32 that _mapcount is compared with: below -1, as mapped pages never are. */
static bool type_value(const struct layout *c, const char *name, uint32_t *value)
{
    int64_t v;
    if (!dio_kernel_number(c->k, "NUMBER", name, &v))
        return false;
    *value = (uint32_t)v;
    return (int32_t)*value < -1;
}

/* ---- members ---------------------------------------------------------------------------------- */

static int members(const struct layout *c)
{
    struct dio_page_layout *l = c->l;
    int64_t size;
    l->flags_size = l->word;
    if (dio_kernel_number(c->k, "SIZE", "page.flags", &size) && size == 4)
        l->flags_size = 4; /* page_flags_t of 2.6.9 to 2.6.11 */
    int rc = need(c, "page.flags", l->flags_size, &l->flags);
    if (!rc)
        rc = need(c, "page.mapping", l->word, &l->mapping);
    if (!rc)
        rc = need(c, "page.lru", 2 * l->word, &l->lru);
    if (!rc)
        rc = need(c, "page.private", l->word, &l->private);
    if (!rc && !offset(c, "page.page_type", 4, &l->mapcount))
        rc = need(c, "page._mapcount", 4, &l->mapcount);
    if (!rc && !offset(c, "page._count", 4, &l->refcount))
        rc = need(c, "page._refcount", 4, &l->refcount);
    l->free_count = dio_kernel_before(c->k, 2, 6, 17) ? -1 : 0;
    return rc;
}

/* ---- flags ------------------------------------------------------------------------------------ */

/* Numbers from before the enumeration, which no debug information has; what has, comes first. */
struct old_flags {
    uint8_t lru, slab, reserved, private, swapcache, buddy, compound, reclaim;
};

static const struct old_flags *old_flags(const struct dio_kernel *k)
{
    static const struct old_flags v2_6_9 = {5, 7, 11, 12, 16, DIO_NO_BIT, 15, 18};
    static const struct old_flags v2_6_15 = {5, 7, 10, 11, 15, DIO_NO_BIT, 14, 17};
    static const struct old_flags v2_6_17 = {5, 7, 10, 11, 15, 19, 14, 17};
    int64_t told;
    if (dio_kernel_number(k, "NUMBER", "PG_lru", &told))
        return NULL;
    if (dio_kernel_before(k, 2, 6, 13)) /* PG_highmem was bit 8 */
        return &v2_6_9;
    if (dio_kernel_before(k, 2, 6, 17))
        return &v2_6_15;
    return dio_kernel_before(k, 2, 6, 26) ? &v2_6_17 : NULL;
}

static int flags(const struct layout *c)
{
    static const struct old_flags none = {DIO_NO_BIT, DIO_NO_BIT, DIO_NO_BIT, DIO_NO_BIT,
                                          DIO_NO_BIT, DIO_NO_BIT, DIO_NO_BIT, DIO_NO_BIT};
    struct dio_page_layout *l = c->l;
    const struct old_flags *old = old_flags(c->k);
    const struct old_flags *o = old ? old : &none;
    l->pg_lru = bit(c, "PG_lru", o->lru);
    l->pg_private = bit(c, "PG_private", o->private);
    l->pg_swapcache = bit(c, "PG_swapcache", o->swapcache);
    l->pg_slab = bit(c, "PG_slab", dio_kernel_before(c->k, 3, 10, 0) ? 7 : DIO_NO_BIT);
    l->pg_buddy = dio_kernel_before(c->k, 2, 6, 38) ? bit(c, "PG_buddy", o->buddy) : DIO_NO_BIT;
    l->pg_hwpoison = bit(c, "PG_hwpoison", DIO_NO_BIT);
    if (l->pg_lru == DIO_NO_BIT)
        return missing(c, "NUMBER(PG_lru)");
    if (l->pg_private == DIO_NO_BIT)
        return missing(c, "NUMBER(PG_private)");
    if (l->pg_swapcache == DIO_NO_BIT)
        return missing(c, "NUMBER(PG_swapcache)");
    l->pg_reserved = bit(c, "PG_reserved", old ? o->reserved : (uint8_t)(l->pg_private - 1));
    /* since 4.10 PG_swapcache shares its bit with PG_owner_priv_1 */
    bool shared = l->pg_swapcache < l->pg_private && !old;
    bool follows = shared && dio_kernel_before(c->k, 6, 12, 0);
    l->pg_swapbacked = bit(c, "PG_swapbacked",
                           follows ? (uint8_t)(l->pg_private + 6) : DIO_NO_BIT);
    return shared && l->pg_swapbacked == DIO_NO_BIT ? missing(c, "NUMBER(PG_swapbacked)") : 0;
}

/* ---- types ------------------------------------------------------------------------------------ */

static int types(const struct layout *c)
{
    struct dio_page_layout *l = c->l;
    const struct dio_kernel *k = c->k;
    int64_t orders;
    l->has_buddy = type_value(c, "PAGE_BUDDY_MAPCOUNT_VALUE", &l->buddy);
    l->has_offline = type_value(c, "PAGE_OFFLINE_MAPCOUNT_VALUE", &l->offline);
    l->has_slab = type_value(c, "PAGE_SLAB_MAPCOUNT_VALUE", &l->slab);
    l->has_unaccepted = type_value(c, "PAGE_UNACCEPTED_MAPCOUNT_VALUE", &l->unaccepted);
    l->free_mark = DIO_FREE_TYPE;
    if (!l->has_buddy && dio_kernel_before(k, 2, 6, 17)) {
        l->free_mark = DIO_FREE_LISTS;
    } else if (!l->has_buddy && dio_kernel_before(k, 2, 6, 38)) {
        l->free_mark = DIO_FREE_FLAG;
        if (l->pg_buddy == DIO_NO_BIT)
            return missing(c, "NUMBER(PG_buddy)");
    } else if (!l->has_buddy && dio_kernel_before(k, 3, 10, 0)) {
        l->has_buddy = true;
        l->buddy = dio_kernel_before(k, 2, 6, 39) ? (uint32_t)-2 : (uint32_t)-128;
    } else if (!l->has_buddy) {
        return missing(c, "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)");
    }
    if (l->has_slab)
        l->pg_slab = DIO_NO_BIT;
    else if (l->pg_slab == DIO_NO_BIT)
        return missing(c, "NUMBER(PG_slab) or NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)");
    if (!dio_kernel_number(k, "LENGTH", "zone.free_area", &orders))
        return missing(c, "LENGTH(zone.free_area)");
    if (orders < 1 || orders > ORDERS_MAX)
        return dio_fail(c->err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "LENGTH(zone.free_area) of %lld is impossible", (long long)orders);
    l->max_order = (unsigned)orders - 1;
    return 0;
}

/* Where a type is the top byte alone (6.12 and later), that holds for all of them. */
static int same_kind(const struct layout *c, const char *name, uint32_t value)
{
    const struct dio_page_layout *l = c->l;
    if (!l->has_buddy || l->buddy & 0xffffff || !(value & 0xffffff))
        return 0;
    return dio_fail(c->err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "%s 0x%x is no type of this kernel, whose types are one byte", name, value);
}

static int same_kinds(const struct layout *c)
{
    const struct dio_page_layout *l = c->l;
    int rc = l->has_slab ? same_kind(c, "PAGE_SLAB_MAPCOUNT_VALUE", l->slab) : 0;
    if (!rc && l->has_offline)
        rc = same_kind(c, "PAGE_OFFLINE_MAPCOUNT_VALUE", l->offline);
    if (!rc && l->has_unaccepted)
        rc = same_kind(c, "PAGE_UNACCEPTED_MAPCOUNT_VALUE", l->unaccepted);
    if (!rc && l->huge_mark == DIO_HUGE_TYPE)
        rc = same_kind(c, "PAGE_HUGETLB_MAPCOUNT_VALUE", (uint32_t)l->huge_value);
    return rc;
}

/* ---- compound pages --------------------------------------------------------------------------- */

static int heads(const struct layout *c)
{
    struct dio_page_layout *l = c->l;
    const struct old_flags *old = old_flags(c->k);
    int64_t mask;
    l->has_head_word = offset(c, "page.compound_info", l->word, &l->head_word) ||
                       offset(c, "page.compound_head", l->word, &l->head_word);
    l->first_page = l->private;
    offset(c, "page.first_page", l->word, &l->first_page);
    if (old) {
        l->head_flags = (uint64_t)1 << old->compound;
        l->tail_flags = l->head_flags;
        if (!dio_kernel_before(c->k, 2, 6, 22)) /* before, heads and tails were marked alike */
            l->tail_flags |= (uint64_t)1 << old->reclaim;
        return 0;
    }
    uint8_t head = bit(c, "PG_head", DIO_NO_BIT), tail = bit(c, "PG_tail", DIO_NO_BIT);
    uint8_t compound = bit(c, "PG_compound", DIO_NO_BIT), reclaim = bit(c, "PG_reclaim", DIO_NO_BIT);
    if (dio_kernel_number(c->k, "NUMBER", "PG_head_mask", &mask) && mask)
        l->head_flags = (uint64_t)mask;
    else if (head != DIO_NO_BIT)
        l->head_flags = (uint64_t)1 << head;
    else if (compound != DIO_NO_BIT)
        l->head_flags = (uint64_t)1 << compound;
    else
        return missing(c, "NUMBER(PG_head_mask)");
    if (l->has_head_word)
        return 0;
    if (!dio_kernel_before(c->k, 4, 4, 0))
        return missing(c, "OFFSET(page.compound_head)");
    if (tail != DIO_NO_BIT)
        l->tail_flags = (uint64_t)1 << tail;
    else if (compound != DIO_NO_BIT && reclaim != DIO_NO_BIT)
        l->tail_flags = (uint64_t)1 << compound | (uint64_t)1 << reclaim;
    else
        return missing(c, "NUMBER(PG_tail)");
    return 0;
}

/* The offset of a folio's member in the second record; false when it is not known. */
static bool in_second(const struct layout *c, const char *name, unsigned *off)
{
    int64_t v;
    int64_t size = c->l->size;
    if (!dio_kernel_number(c->k, "OFFSET", name, &v) || v < size || v >= 2 * size)
        return false;
    *off = (unsigned)(v - size);
    return true;
}

/*
 * Width of page.compound_order: told, or its distance from compound_dtor before it (0: not known),
 * or one byte.
 */
static unsigned order_width(const struct layout *c, unsigned order_off, unsigned dtor_off)
{
    int64_t size;
    if (dio_kernel_number(c->k, "SIZE", "page.compound_order", &size) &&
        (size == 1 || size == 2 || size == 4 || size == 8))
        return (unsigned)size;
    unsigned apart = order_off - dtor_off;
    if (dtor_off && (apart == 1 || apart == 4 || apart == 8))
        return apart;
    return dio_kernel_before(c->k, 4, 16, 0) ? 2 : 1;
}

/* Is the order in the second record's flags? Then hugetlb is no destructor any more. */
static bool order_in_flags(const struct layout *c)
{
    uint32_t type;
    return bit(c, "PG_hugetlb", DIO_NO_BIT) != DIO_NO_BIT ||
           type_value(c, "PAGE_HUGETLB_MAPCOUNT_VALUE", &type) ||
           !dio_kernel_before(c->k, 6, 6, 0);
}

/* Kernels of distributions have members of later ones: what is told comes before the version. */
static int orders(const struct layout *c)
{
    struct dio_page_layout *l = c->l;
    unsigned dtor = 0;
    l->order_at = DIO_ORDER_FIELD;
    if (offset(c, "page.compound_order", 1, &l->order_off)) {
        offset(c, "page.compound_dtor", 1, &dtor);
        l->order_size = order_width(c, l->order_off, dtor);
        return l->order_off + l->order_size <= l->size
                   ? 0
                   : missing(c, "OFFSET(page.compound_order), inside struct page,");
    }
    if (in_second(c, "folio._folio_order", &l->order_off)) {
        l->order_size = 1;
        return 0;
    }
    if (dio_kernel_before(c->k, 2, 6, 16)) {
        l->order_size = l->word;
        return need(c, "page.index", l->word, &l->order_off);
    }
    if (order_in_flags(c)) {
        l->order_at = DIO_ORDER_FLAGS;
        return 0;
    }
    if (!dio_kernel_before(c->k, 4, 4, 0) || l->has_head_word)
        return missing(c, "OFFSET(page.compound_order) or OFFSET(folio._folio_order)");
    l->order_off = l->lru + l->word; /* an unsigned long where lru.prev is */
    l->order_size = l->word;
    return 0;
}

/* Was this kernel built with hugetlb? Its functions are in kallsyms (6.0 and later). */
static bool has_hugetlb(const struct layout *c)
{
    static const char *const function[] = {"hugetlb_fault"};
    uint64_t addr = 0;
    return !dio_kallsyms_find(c->k, function, 1, &addr, NULL) && addr;
}

static int huge(const struct layout *c)
{
    struct dio_page_layout *l = c->l;
    uint64_t symbol;
    uint32_t type;
    int64_t number;
    l->huge_mark = DIO_HUGE_NONE;
    if (type_value(c, "PAGE_HUGETLB_MAPCOUNT_VALUE", &type)) {
        l->huge_mark = DIO_HUGE_TYPE;
        l->huge_value = type;
    } else if (bit(c, "PG_hugetlb", DIO_NO_BIT) != DIO_NO_BIT) {
        l->huge_mark = DIO_HUGE_FLAG;
        l->huge_value = bit(c, "PG_hugetlb", DIO_NO_BIT);
    } else if (dio_kernel_number(c->k, "NUMBER", "HUGETLB_PAGE_DTOR", &number) &&
               (offset(c, "page.compound_dtor", l->order_size, &l->huge_off) ||
                in_second(c, "folio._folio_dtor", &l->huge_off)) &&
               l->huge_off + l->order_size <= l->size) {
        l->huge_mark = DIO_HUGE_DTOR;
        l->huge_value = (uint64_t)number;
        l->huge_size = l->order_size;
    } else if (dio_kernel_before(c->k, 4, 4, 0) && !dio_kernel_before(c->k, 2, 6, 16) &&
               dio_kernel_symbol(c->k, "free_huge_page", &symbol)) {
        l->huge_mark = DIO_HUGE_DTOR;
        l->huge_value = symbol;
        l->huge_off = l->lru;
        l->huge_size = l->word;
    }
    bool told = dio_kernel_number(c->k, "NUMBER", "HUGETLB_PAGE_DTOR", &number);
    return l->huge_mark == DIO_HUGE_NONE && (told || has_hugetlb(c))
               ? missing(c, "the mark of hugetlb pages (NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE); "
                            "NUMBER(PG_hugetlb); NUMBER(HUGETLB_PAGE_DTOR) with "
                            "OFFSET(page.compound_dtor) or OFFSET(folio._folio_dtor))")
               : 0;
}

int dio_page_layout(struct dio_page_layout *l, struct dio_kernel *k, struct dumpio_error *err)
{
    struct layout c = {l, k, err};
    int64_t size;
    *l = (struct dio_page_layout){.word = k->word, .order = k->order};
    if (!dio_kernel_number(k, "SIZE", "page", &size) || size < 24 || size > 1024)
        return missing(&c, "SIZE(page)");
    l->size = (unsigned)size;
    int rc = members(&c);
    if (!rc)
        rc = flags(&c);
    if (!rc)
        rc = types(&c);
    if (!rc)
        rc = heads(&c);
    if (!rc)
        rc = orders(&c);
    if (!rc)
        rc = huge(&c);
    if (!rc)
        rc = same_kinds(&c);
    l->max_compound = LARGEST_PAGE_SHIFT;
    for (uint64_t page = k->page_size; page > 1; page >>= 1)
        l->max_compound--;
    return rc;
}
