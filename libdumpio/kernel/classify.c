/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The class of every frame of a window, from its struct pages. A white list: what is not proved to
 * be cache, user data or free is the kernel's.
 * Reference: include/linux/page-flags.h, mm.h, mm_types.h of Linux 2.6.9 to 7.2; the meaning of the
 * classes is makedumpfile's.
 * Does not handle: Xen domains, ZONE_DEVICE memory (the kernel's).
 */
#include "../plug/codec.h"
#include "classify_window.h"

#include <stdlib.h>

#define WINDOW_MIN ((uint64_t)1 << 14) /* frames */
#define MAPPING_ANON 1u            /* a low bit of page.mapping */
#define LOOKS 16u                  /* samples of mappings and of links per window */
#define HUGE_BYTES_MIN (64u << 10) /* of a hugetlb page */

/* A page, compound or not, as its head's records tell. */
struct head {
    uint64_t pfn;
    uint64_t pages;
    enum dumpio_class class_;
};

/* ---- opening --------------------------------------------------------------------------------- */

int dio_classifier_open(struct dio_classifier *c, struct dio_kernel *k, bool want_freed,
                        struct dumpio_error *err)
{
    *c = (struct dio_classifier){.k = k, .want_freed = want_freed,
                                 .all_set_up = !dio_kernel_before(k, 5, 5, 0),
                                 .balloons = !dio_kernel_before(k, 3, 7, 0) &&
                                             dio_kernel_before(k, 3, 18, 0)};
    uint64_t end = k->mem.info->end_addr;
    c->end = end / k->page_size + (end % k->page_size != 0);
    int rc = dio_page_layout(&c->layout, k, err);
    if (!rc)
        rc = dio_kernel_memmap(k, &c->memmap, err);
    if (!rc && c->layout.free_mark == DIO_FREE_LISTS)
        rc = dio_free_lists(k, c->memmap, &c->layout, &c->blocks, &c->n_blocks, err);
    c->window = WINDOW_MIN;
    while (c->window < (uint64_t)1 << c->layout.max_order && c->window < (uint64_t)1 << 20)
        c->window <<= 1;
    if (rc)
        dio_classifier_close(c);
    return rc;
}

void dio_classifier_close(struct dio_classifier *c)
{
    free(c->blocks);
    *c = (struct dio_classifier){0};
}

int dio_class_worker_init(struct dio_class_worker *w, const struct dio_classifier *c,
                          struct dumpio_error *err)
{
    w->reader = c->k->mem.new_reader(c->k->mem.ctx);
    size_t n = (size_t)c->window + 1;
    w->records = malloc(n * c->layout.size);
    w->bad = malloc(n);
    if (w->reader && w->records && w->bad)
        return 0;
    return dio_nomem(err, "struct pages");
}

void dio_class_worker_free(struct dio_class_worker *w, const struct dio_classifier *c)
{
    if (w->reader)
        c->k->mem.free_reader(w->reader);
    free(w->records);
    free(w->bad);
    *w = (struct dio_class_worker){0};
}

/* ---- reading records ------------------------------------------------------------------------- */

static bool is_missing(int rc)
{
    return rc == DUMPIO_E_ABSENT || rc == DUMPIO_E_LOST || rc == DUMPIO_E_CORRUPT;
}

/* n records at virt; those that cannot be read are marked in bad[]. */
static int read_records(const struct dio_classifier *c, struct dio_class_worker *w, uint64_t virt,
                        size_t n, struct dumpio_error *err)
{
    size_t size = c->layout.size, len = n * size, at = 0;
    memset(w->bad, 0, n);
    while (at < len) {
        size_t done = 0;
        struct dumpio_error e = {0};
        int rc = dio_kernel_read_large(c->k, w->reader, virt + at, w->records + at, len - at,
                                       &done, &e);
        at += done;
        if (!rc)
            break;
        if (!is_missing(rc)) {
            if (err)
                *err = e;
            return rc;
        }
        size_t end = at + (size_t)(c->k->page_size - (virt + at) % c->k->page_size);
        if (end > len)
            end = len;
        for (size_t i = at / size; i * size < end; i++)
            w->bad[i] = 1;
        at = end;
    }
    return 0;
}

/* `count` records at virt, in the caller's room. */
static bool read_few(const struct dio_class_window *x, uint64_t virt, uint8_t *room, unsigned count)
{
    uint64_t first = virt - x->virt;
    size_t size = x->l->size, len = count * size;
    if (virt >= x->virt && first + len <= x->n * size && !(first % size)) {
        size_t i = (size_t)(first / size);
        for (unsigned j = 0; j < count; j++)
            if (x->w->bad[i + j])
                return false;
        memcpy(room, x->w->records + first, len);
        return true;
    }
    return !dio_kernel_read(x->c->k, virt, room, len, NULL);
}

/* ---- compound pages -------------------------------------------------------------------------- */

/*
 * The head's address as the word of a tail tells: the address plus one, or (7.1 and later) the mask
 * that gives it from the tail's own address.
 */
static uint64_t head_of_word(const struct dio_page_layout *l, uint64_t virt, uint64_t word)
{
    uint64_t value = word - 1, span = 0 - value;
    if (l->word == 8 && span && !(span & (span - 1)) && span >= l->size &&
        span <= (uint64_t)l->size << 30)
        return virt & value;
    return value;
}

/* Is the record at virt a tail? Then *head is the address that it gives for its head. */
static bool is_tail(const struct dio_page_layout *l, const uint8_t *r, uint64_t virt,
                    uint64_t *head)
{
    if (l->has_head_word) {
        uint64_t word = dio_record_word(l, r, l->head_word);
        if (!(word & 1))
            return false;
        *head = head_of_word(l, virt, word);
        return true;
    }
    if ((dio_record_flags(l, r) & l->tail_flags) != l->tail_flags)
        return false;
    *head = dio_record_word(l, r, l->first_page);
    /* to 2.6.21 the head has the same marks, and points to itself */
    return *head != virt || (l->tail_flags & ~l->head_flags);
}

/* The order that the second record holds; 0 when it is impossible for a head at pfn. */
static unsigned order_of(const struct dio_page_layout *l, const uint8_t *second, uint64_t pfn)
{
    uint64_t order = 0;
    if (l->order_at == DIO_ORDER_FLAGS)
        order = dio_record_flags(l, second) & 0xff;
    else if (l->order_size == 1)
        order = second[l->order_off];
    else if (l->order_size == 2)
        order = dio_get16(second + l->order_off, l->order);
    else if (l->order_size)
        order = dio_get_word(second + l->order_off, l->order, l->order_size);
    if (!order || order > l->max_compound || pfn & (((uint64_t)1 << order) - 1))
        return 0;
    return (unsigned)order;
}

/* hugetlb pages are 64 KiB at least, and more than one page. */
static unsigned huge_order_min(const struct dio_kernel *k)
{
    unsigned order = 1;
    while (k->page_size << order < HUGE_BYTES_MIN)
        order++;
    return order;
}

static bool is_huge(const struct dio_page_layout *l, uint32_t type, const uint8_t *second)
{
    uint64_t dtor;
    switch (l->huge_mark) {
    case DIO_HUGE_TYPE: return dio_type_is(type, true, (uint32_t)l->huge_value);
    case DIO_HUGE_FLAG: return dio_record_flags(l, second) >> l->huge_value & 1;
    case DIO_HUGE_DTOR:
        dtor = l->huge_size == 1   ? second[l->huge_off]
               : l->huge_size == 2 ? dio_get16(second + l->huge_off, l->order)
                                   : dio_get_word(second + l->huge_off, l->order, l->huge_size);
        return dtor == l->huge_value;
    default: return false;
    }
}

/* ---- the rules ------------------------------------------------------------------------------- */

static bool is_free(const struct dio_class_window *x, const uint8_t *r, uint64_t pfn,
                    uint64_t *order)
{
    const struct dio_page_layout *l = x->l;
    *order = dio_record_word(l, r, l->private);
    if (l->free_mark == DIO_FREE_TYPE)
        return dio_type_is(dio_record_type(l, r), l->has_buddy, l->buddy);
    if (l->free_mark == DIO_FREE_FLAG)
        return dio_record_bit(dio_record_flags(l, r), l->pg_buddy);
    size_t lo = 0, hi = x->c->n_blocks;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->c->blocks[mid].pfn >= pfn)
            hi = mid;
        else
            lo = mid + 1;
    }
    if (lo == x->c->n_blocks || x->c->blocks[lo].pfn != pfn)
        return false;
    *order = x->c->blocks[lo].order;
    return true;
}

/* Of a page that is neither free nor a tail. `huge`: its compound page is hugetlb's. */
static enum dumpio_class class_of(const struct dio_page_layout *l, const uint8_t *r, bool huge)
{
    uint64_t flags = dio_record_flags(l, r), mapping = dio_record_word(l, r, l->mapping);
    uint32_t type = dio_record_type(l, r);
    bool slab = dio_type_is(type, l->has_slab, l->slab) || dio_record_bit(flags, l->pg_slab);
    if (dio_record_bit(flags, l->pg_hwpoison))
        return DUMPIO_CLASS_HWPOISON;
    if (!slab && dio_type_is(type, l->has_offline, l->offline))
        return DUMPIO_CLASS_OFFLINE;
    if (slab || dio_record_bit(flags, l->pg_reserved))
        return DUMPIO_CLASS_KERNEL;
    if (huge)
        return DUMPIO_CLASS_USER;
    if ((int32_t)type < -1)
        return DUMPIO_CLASS_KERNEL;
    if (mapping & MAPPING_ANON)
        return DUMPIO_CLASS_USER;
    bool swap = dio_record_bit(flags, l->pg_swapcache) &&
                (l->pg_swapbacked == DIO_NO_BIT || dio_record_bit(flags, l->pg_swapbacked));
    if (dio_record_bit(flags, l->pg_lru) || swap)
        return dio_record_bit(flags, l->pg_private) ? DUMPIO_CLASS_PRIVATE : DUMPIO_CLASS_CACHE;
    return DUMPIO_CLASS_KERNEL;
}

static void broken(const struct dio_class_window *x, uint64_t *count, uint64_t pfn)
{
    ++*count;
    x->sums->broken_pfn = pfn;
}

/* Is the last record of a compound page of this order a tail of its head at virt? Unread: yes. */
static bool ends_there(const struct dio_class_window *x, uint64_t pfn, uint64_t virt,
                       unsigned order)
{
    uint8_t room[1024];
    uint64_t last, head;
    if (!dio_memmap_virt(x->c->memmap, pfn + ((uint64_t)1 << order) - 1, &last))
        return false;
    return !read_few(x, last, room, 1) || (is_tail(x->l, room, last, &head) && head == virt);
}

/*
 * The page whose records begin at `r` (two of them; `two` false: the second cannot be read). False
 * when it is marked as a head and turns out to be a tail (of a hugetlb page whose own records are
 * mapped many times); *real is then the head's address.
 */
static bool look_at_head(const struct dio_class_window *x, const uint8_t *r, bool two, uint64_t pfn,
                         uint64_t virt, struct head *h, uint64_t *real)
{
    const struct dio_page_layout *l = x->l;
    const uint8_t *second = r + l->size;
    uint64_t head;
    bool marked = (dio_record_flags(l, r) & l->head_flags) == l->head_flags;
    *h = (struct head){pfn, 1, DUMPIO_CLASS_KERNEL};
    if (!marked || !two) {
        h->class_ = class_of(l, r, false);
        return true;
    }
    if (!is_tail(l, second, virt + l->size, &head)) {
        broken(x, &x->sums->broken_heads, pfn);
        h->class_ = class_of(l, r, false);
        return true;
    }
    if (head != virt) {
        *real = head;
        return false;
    }
    unsigned order = order_of(l, second, pfn);
    if (order && !ends_there(x, pfn, virt, order))
        order = 0;
    if (!order)
        broken(x, &x->sums->broken_heads, pfn);
    else
        x->sums->compounds++;
    h->pages = (uint64_t)1 << order;
    bool huge = order && is_huge(l, dio_record_type(l, r), second);
    if (huge && order < huge_order_min(x->c->k)) {
        huge = false;
        x->sums->small_huge++;
    }
    h->class_ = class_of(l, r, huge);
    return true;
}

/*
 * The head of a tail at pfn, by the address that the tail gives. True too when its records cannot
 * be read: then the tail is UNKNOWN.
 */
static bool find_head(const struct dio_class_window *x, uint64_t pfn, uint64_t head, struct head *h)
{
    uint8_t room[2 * 1024];
    uint64_t head_pfn, other, ignored;
    if (!dio_memmap_pfn(x->c->memmap, head, &head_pfn) || head_pfn >= pfn)
        return false;
    if (!read_few(x, head, room, 2)) {
        *h = (struct head){pfn, 1, DUMPIO_CLASS_UNKNOWN};
        return true;
    }
    if (is_tail(x->l, room, head, &other) ||
        (dio_record_flags(x->l, room) & x->l->head_flags) != x->l->head_flags ||
        !look_at_head(x, room, true, head_pfn, head, h, &ignored))
        return false;
    return pfn - head_pfn < h->pages;
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* Nobody holds it, it is of no type and owner, and it is linked into a list. */
static bool may_be_freed(const struct dio_page_layout *l, const uint8_t *r, uint64_t virt)
{
    uint64_t flags = dio_record_flags(l, r);
    if (dio_record_type(l, r) != 0xffffffffu ||
        (int32_t)dio_get32(r + l->refcount, l->order) != l->free_count ||
        dio_record_word(l, r, l->mapping) || (flags & l->head_flags) == l->head_flags ||
        dio_record_bit(flags, l->pg_lru) || dio_record_bit(flags, l->pg_slab) ||
        dio_record_bit(flags, l->pg_reserved) || dio_record_bit(flags, l->pg_swapcache))
        return false;
    uint64_t next = dio_record_word(l, r, l->lru), prev = dio_record_word(l, r, l->lru + l->word);
    return next && prev && next != virt + l->lru && prev != virt + l->lru;
}

static void fill(const struct dio_class_window *x, size_t i, uint64_t pages,
                 enum dumpio_class class_)
{
    size_t n = pages < x->n - i ? (size_t)pages : x->n - i;
    memset(x->classes + i, (int)class_, n);
    x->sums->pages[class_] += n;
    if (x->l->pg_hwpoison == DIO_NO_BIT || class_ == DUMPIO_CLASS_HWPOISON)
        return;
    for (size_t j = i; j < i + n; j++) { /* single pages inside may be broken */
        const uint8_t *r = x->w->records + j * x->l->size;
        if (!x->w->bad[j] && dio_record_bit(dio_record_flags(x->l, r), x->l->pg_hwpoison)) {
            x->classes[j] = DUMPIO_CLASS_HWPOISON;
            x->sums->pages[class_]--;
            x->sums->pages[DUMPIO_CLASS_HWPOISON]++;
        }
    }
}

/* r: its record, when it hangs on a free list. */
static uint64_t free_block(struct dio_class_window *x, size_t i, const uint8_t *r, uint64_t order)
{
    uint64_t pfn = x->pfn + i;
    if (order > x->l->max_order || pfn & (((uint64_t)1 << order) - 1)) {
        broken(x, &x->sums->broken_free, pfn);
        fill(x, i, 1, DUMPIO_CLASS_KERNEL);
        return 1;
    }
    if (r && x->l->free_mark != DIO_FREE_LISTS)
        dio_class_sample_link(x, r, x->virt + i * x->l->size);
    fill(x, i, (uint64_t)1 << order, DUMPIO_CLASS_FREE);
    return (uint64_t)1 << order;
}

static uint64_t tail_page(struct dio_class_window *x, size_t i, uint64_t head)
{
    struct head h;
    uint64_t pfn = x->pfn + i;
    if (!find_head(x, pfn, head, &h)) {
        broken(x, &x->sums->broken_tails, pfn);
        fill(x, i, 1, DUMPIO_CLASS_KERNEL);
        return 1;
    }
    uint64_t pages = h.pfn + h.pages - pfn;
    fill(x, i, pages, h.class_);
    return pages;
}

/* Classify the page that begins at record i; frames that it takes. */
static int one_page(struct dio_class_window *x, size_t i, uint64_t *pages, struct dumpio_error *err)
{
    const struct dio_page_layout *l = x->l;
    const uint8_t *r = x->w->records + i * l->size;
    uint64_t virt = x->virt + i * l->size, pfn = x->pfn + i, head, order;
    struct head h;
    *pages = 1;
    /* zero: never set up; kernels up to 5.4 left those of holes so */
    if (x->w->bad[i] || (x->c->all_set_up && dio_is_zero(r, l->size))) {
        x->sums->unread += !i || x->classes[i - 1] != DUMPIO_CLASS_UNKNOWN;
        fill(x, i, 1, DUMPIO_CLASS_UNKNOWN);
        return 0;
    }
    if (is_tail(l, r, virt, &head)) {
        *pages = tail_page(x, i, head);
        return 0;
    }
    bool slab = dio_record_bit(dio_record_flags(l, r), l->pg_slab);
    if (!slab && is_free(x, r, pfn, &order)) {
        *pages = free_block(x, i, r, order);
        return 0;
    }
    if (dio_type_is(dio_record_type(l, r), l->has_unaccepted, l->unaccepted)) {
        *pages = free_block(x, i, NULL, l->max_order);
        return 0;
    }
    if (!look_at_head(x, r, !x->w->bad[i + 1], pfn, virt, &h, &head)) {
        *pages = tail_page(x, i, head);
        return 0;
    }
    if (dio_record_bit(dio_record_flags(l, r), l->pg_lru) &&
        (h.class_ == DUMPIO_CLASS_CACHE || h.class_ == DUMPIO_CLASS_USER))
        dio_class_sample_mapping(x, r);
    else if (h.pages == 1)
        dio_class_sample_stray(x, r, virt);
    *pages = h.pages;
    fill(x, i, h.pages, h.class_);
    if (x->c->want_freed && h.pages == 1 && h.class_ == DUMPIO_CLASS_KERNEL &&
        may_be_freed(l, r, virt))
        return dio_pfn_list_add(x->candidates, pfn, err);
    return 0;
}

int dio_classify_window(const struct dio_classifier *c, struct dio_class_worker *w, uint64_t pfn,
                        size_t n, uint8_t *classes, struct dio_class_sums *sums,
                        struct dio_pfn_list *candidates, struct dumpio_error *err)
{
    struct dio_class_window x = {.c = c, .l = &c->layout, .w = w, .pfn = pfn, .n = n,
                                 .classes = classes, .sums = sums, .candidates = candidates,
                                 .mappings = LOOKS, .links = LOOKS, .strays = LOOKS};
    if (!dio_memmap_virt(c->memmap, pfn, &x.virt))
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                        "frame 0x%llx has no struct page", (unsigned long long)pfn);
    int rc = read_records(c, w, x.virt, n, err);
    w->bad[n] = 1; /* the record behind the window belongs to no head in it */
    for (size_t i = 0; i < n && !rc;) {
        uint64_t pages;
        rc = one_page(&x, i, &pages, err);
        i += pages < n - i ? (size_t)pages : n - i;
    }
    return rc;
}
