/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples of struct pages, which tell whether the layout they are read by is this kernel's.
 * Reference: include/linux/mm_types.h, page-flags.h of Linux 2.6.9 to 7.2. Not here: the verdict
 * (../class_check.c).
 */
#include "classify_window.h"

#define MAPPING_FLAGS 3u   /* low bits of page.mapping: anonymous, movable; both: KSM */
#define MAPPING_MOVABLE 2u
#define NO_OWNER 65536u    /* a page.mapping below is no address */

/* The owner of an LRU page is an aligned structure at a mapped address, and no struct page. */
void dio_class_sample_mapping(struct dio_class_window *x, const uint8_t *r)
{
    uint64_t mapping = dio_record_word(x->l, r, x->l->mapping) & ~(uint64_t)MAPPING_FLAGS;
    uint64_t phys, pfn, record = mapping - mapping % x->l->word;
    x->sums->lru++;
    x->sums->ownerless += !mapping;
    if (!x->mappings || !mapping)
        return;
    x->mappings--;
    x->sums->mappings++;
    if (mapping % x->l->word) {
        x->sums->bad_mappings++;
        return;
    }
    for (unsigned off = 0; off < x->l->size; off += x->l->word)
        if (dio_memmap_pfn(x->c->memmap, record - off, &pfn)) {
            x->sums->bad_mappings++;
            return;
        }
    if (dio_kernel_translate(x->c->k, mapping, &phys, NULL, NULL))
        x->sums->bad_mappings++;
}

/* Is the record on a list: does what comes behind it point back? */
static bool on_list(const struct dio_class_window *x, const uint8_t *r, uint64_t virt)
{
    uint8_t back[8];
    uint64_t next = dio_record_word(x->l, r, x->l->lru);
    return next && next != virt + x->l->lru &&
           !dio_kernel_read(x->c->k, next + x->l->word, back, x->l->word, NULL) &&
           dio_get_word(back, x->l->order, x->l->word) == virt + x->l->lru;
}

/* Is what comes behind the record on its list a record that cannot be read? */
static bool next_is_lost(const struct dio_class_window *x, const uint8_t *r)
{
    uint8_t word[8];
    uint64_t next = dio_record_word(x->l, r, x->l->lru), pfn;
    return dio_memmap_pfn(x->c->memmap, next - x->l->lru, &pfn) &&
           dio_kernel_read(x->c->k, next, word, x->l->word, NULL);
}

/* A free block is on a list. */
void dio_class_sample_link(struct dio_class_window *x, const uint8_t *r, uint64_t virt)
{
    if (!x->links)
        return;
    bool linked = on_list(x, r, virt);
    if (!linked && next_is_lost(x, r))
        return;
    x->links--;
    x->sums->links++;
    x->sums->bad_links += !linked;
}

/*
 * A single page that has an owner and is on a list, is on one of the LRU lists, and marked so. Not
 * meant: zsmalloc's to 4.7, whose mapping is a small number; balloons of 3.7 to 3.17, all of whose
 * pages have one owner.
 */
void dio_class_sample_stray(struct dio_class_window *x, const uint8_t *r, uint64_t virt)
{
    uint64_t mapping = dio_record_word(x->l, r, x->l->mapping), flags = dio_record_flags(x->l, r);
    if (!x->strays || mapping < NO_OWNER || (mapping & MAPPING_FLAGS) == MAPPING_MOVABLE ||
        mapping == x->balloon || dio_record_bit(flags, x->l->pg_lru) ||
        dio_record_bit(flags, x->l->pg_slab) ||
        dio_record_bit(flags, x->l->pg_reserved) || (int32_t)dio_record_type(x->l, r) < -1 ||
        !dio_get32(r + x->l->refcount, x->l->order))
        return;
    bool stray = on_list(x, r, virt);
    if (stray && x->c->balloons && !x->balloon) {
        x->balloon = mapping;
        return;
    }
    x->strays--;
    x->sums->off_lru++;
    x->sums->on_list += stray;
}
