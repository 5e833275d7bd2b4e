/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines made by hand whose kernel has struct pages: memory, page tables, VMCOREINFO, a memory
 * map, zones with their free lists, and what class every frame must come out as. The layouts of
 * struct page are written down here once more; nothing is shared with the reader.
 * Reference: include/linux/mm_types.h, page-flags.h, mmzone.h of Linux 2.6.9 to 7.1.
 */
#ifndef PAGES_WORLD_H
#define PAGES_WORLD_H

#include "dump.h"
#include "unit.h"

#include <stdarg.h>
#include <stdlib.h>

#define V(a, b, c) ((a) * 65536u + (b) * 256u + (c))
#define NONE 255

enum heads { ALL_ONE, COMPOUND_RECLAIM, HEAD_TAIL, HEAD_WORD };
enum orders { IN_INDEX, IN_LRU_PREV, IN_FIELD, IN_FOLIO, IN_FLAGS };

/* Offsets of struct page. */
struct shape {
    unsigned size, flags, count, mapcount, private, mapping, index, lru;
};
static const struct shape old8 = {56, 0, 8, 12, 16, 24, 32, 40},
    old4 = {32, 0, 4, 8, 12, 16, 20, 24}, short8 = {56, 0, 4, 8, 16, 24, 32, 40},
    mid8 = {56, 0, 28, 24, 48, 8, 16, 32},
    mid64 = {64, 0, 28, 24, 48, 8, 16, 32}, mid4 = {32, 0, 16, 12, 28, 4, 8, 20},
    new8 = {64, 0, 52, 48, 40, 24, 32, 8}, new4 = {40, 0, 28, 24, 20, 12, 16, 4};

/* A kernel's encoding. Bits NONE and types 0: this kernel has none. */
struct era {
    const char *release;
    unsigned version;
    const struct shape *wide, *narrow; /* of 64-bit and 32-bit machines; NULL: not there */
    uint8_t lru, slab, reserved, private, swapcache, swapbacked, hwpoison, buddy;
    enum heads heads;
    uint8_t head, tail; /* bits; ALL_ONE and COMPOUND_RECLAIM: PG_compound and PG_reclaim */
    enum orders order;
    uint8_t dtor_at, order_at, width; /* IN_FIELD, IN_FOLIO; order_at from the lru's offset */
    uint8_t huge_bit;                 /* of the second page's flags */
    uint32_t t_buddy, t_offline, t_huge, t_slab, t_unaccepted, t_table;
};

#define TYPE_12(x) ((uint32_t)(x) << 24)
static const struct era eras[] = {
    {"2.6.9-eras", V(2, 6, 9), &short8, &old4, 5, 7, 11, 12, 16, NONE, NONE, NONE, ALL_ONE, 15, 18,
     IN_INDEX, 0, 0, 0, NONE, 0, 0, 0, 0, 0, 0},
    {"2.6.12-eras", V(2, 6, 12), &old8, &old4, 5, 7, 11, 12, 16, NONE, NONE, NONE, ALL_ONE, 15, 18,
     IN_INDEX, 0, 0, 0, NONE, 0, 0, 0, 0, 0, 0},
    {"2.6.13-eras", V(2, 6, 13), &old8, &old4, 5, 7, 10, 11, 15, NONE, NONE, NONE, ALL_ONE, 14, 17,
     IN_INDEX, 0, 0, 0, NONE, 0, 0, 0, 0, 0, 0},
    {"2.6.16-eras", V(2, 6, 16), &old8, &old4, 5, 7, 10, 11, 15, NONE, NONE, NONE, ALL_ONE, 14, 17,
     IN_LRU_PREV, 0, 0, 0, NONE, 0, 0, 0, 0, 0, 0},
    {"2.6.18-eras", V(2, 6, 18), &old8, &old4, 5, 7, 10, 11, 15, NONE, NONE, 19, ALL_ONE, 14, 17,
     IN_LRU_PREV, 0, 0, 0, NONE, 0, 0, 0, 0, 0, 0},
    {"2.6.24-eras", V(2, 6, 24), &old8, &old4, 5, 7, 10, 11, 15, NONE, NONE, 19, COMPOUND_RECLAIM,
     14, 17, IN_LRU_PREV, 0, 0, 0, NONE, 0, 0, 0, 0, 0, 0},
    {"2.6.32-eras", V(2, 6, 32), &old8, NULL, 5, 7, 10, 11, 16, 20, 23, 19, HEAD_TAIL, 14, 15,
     IN_LRU_PREV, 0, 0, 0, NONE, 0, 0, 0, 0, 0, 0},
    {"2.6.32-narrow", V(2, 6, 32), NULL, &old4, 5, 7, 10, 11, 15, 19, NONE, 18, COMPOUND_RECLAIM,
     14, 17, IN_LRU_PREV, 0, 0, 0, NONE, 0, 0, 0, 0, 0, 0},
    {"2.6.38-eras", V(2, 6, 38), &old8, &old4, 5, 7, 10, 11, 16, 19, 22, NONE, HEAD_TAIL, 14, 15,
     IN_LRU_PREV, 0, 0, 0, NONE, 0xfffffffe, 0, 0, 0, 0, 0},
    {"3.4.0-eras", V(3, 4, 0), &mid8, &mid4, 5, 7, 10, 11, 16, 19, 23, NONE, HEAD_TAIL, 14, 15,
     IN_LRU_PREV, 0, 0, 0, NONE, 0xffffff80, 0, 0, 0, 0, 0},
    {"3.10.0-eras", V(3, 10, 0), &mid8, &mid4, 5, 7, 10, 11, 16, 19, 23, NONE, HEAD_TAIL, 14, 15,
     IN_LRU_PREV, 0, 0, 0, NONE, 0xffffff80, 0, 0, 0, 0, 0},
    {"4.4.0-eras", V(4, 4, 0), &mid64, &mid4, 5, 7, 10, 11, 15, 18, 22, NONE, HEAD_WORD, 14, NONE,
     IN_FIELD, 8, 10, 2, NONE, 0xffffff80, 0, 0, 0, 0, 0},
    {"4.9.0-eras", V(4, 9, 0), &mid64, NULL, 5, 7, 10, 11, 15, 18, 22, NONE, HEAD_WORD, 14, NONE,
     IN_FIELD, 8, 12, 4, NONE, 0xffffff80, 0, 0, 0, 0, 0},
    {"4.14.0-eras", V(4, 14, 0), &mid64, &mid4, 5, 8, 11, 12, 9, 18, 22, NONE, HEAD_WORD, 15, NONE,
     IN_FIELD, 8, 9, 1, NONE, 0xffffff80, 0, 0, 0, 0, 0},
    {"4.18.0-eras", V(4, 18, 0), &new8, &new4, 5, 8, 11, 12, 9, 18, 22, NONE, HEAD_WORD, 15, NONE,
     IN_FIELD, 8, 9, 1, NONE, ~0x80u, 0, 0, 0, 0, ~0x400u},
    {"5.4.0-eras", V(5, 4, 0), &new8, &new4, 4, 9, 12, 13, 10, 19, 23, NONE, HEAD_WORD, 16, NONE,
     IN_FIELD, 8, 9, 1, NONE, ~0x80u, ~0x100u, 0, 0, 0, ~0x400u},
    {"5.10.0-eras", V(5, 10, 0), &new8, &new4, 4, 9, 12, 13, 10, 19, 23, NONE, HEAD_WORD, 16, NONE,
     IN_FIELD, 8, 9, 1, NONE, ~0x80u, ~0x100u, 0, 0, 0, ~0x400u},
    {"6.1.0-eras", V(6, 1, 0), &new8, &new4, 4, 9, 12, 13, 10, 19, 23, NONE, HEAD_WORD, 16, NONE,
     IN_FIELD, 8, 9, 1, NONE, ~0x80u, ~0x100u, 0, 0, 0, ~0x200u},
    {"6.3.0-eras", V(6, 3, 0), &new8, &new4, 4, 9, 12, 13, 10, 19, 23, NONE, HEAD_WORD, 16, NONE,
     IN_FOLIO, 8, 9, 1, NONE, ~0x80u, ~0x100u, 0, 0, 0, ~0x200u},
    {"6.6.0-eras", V(6, 6, 0), &new8, &new4, 5, 11, 14, 15, 12, 19, 23, NONE, HEAD_WORD, 6, NONE,
     IN_FLAGS, 0, 0, 0, 8, ~0x80u, ~0x100u, 0, 0, 0, ~0x200u},
    {"6.9.0-eras", V(6, 9, 0), &new8, &new4, 5, 11, 14, 15, 12, 19, 23, NONE, HEAD_WORD, 6, NONE,
     IN_FLAGS, 0, 0, 0, NONE, ~0x80u, ~0x100u, ~0x800u, 0, 0, ~0x200u},
    {"6.10.0-eras", V(6, 10, 0), &new8, &new4, 5, NONE, 14, 15, 12, 19, 23, NONE, HEAD_WORD, 6,
     NONE, IN_FLAGS, 0, 0, 0, NONE, ~0x80u, ~0x100u, ~0x800u, ~0x1000u, 0, ~0x200u},
    {"6.11.0-eras", V(6, 11, 0), &new8, &new4, 5, NONE, 13, 14, 10, 18, 21, NONE, HEAD_WORD, 6,
     NONE, IN_FLAGS, 0, 0, 0, NONE, ~0x40000000u, ~0x20000000u, ~0x04000000u, ~0x02000000u, 0,
     ~0x10000000u},
    {"6.12.0-eras", V(6, 12, 0), &new8, &new4, 5, NONE, 13, 14, 10, 17, 20, NONE, HEAD_WORD, 6,
     NONE, IN_FLAGS, 0, 0, 0, NONE, TYPE_12(0xf0), TYPE_12(0xf1), TYPE_12(0xf4), TYPE_12(0xf5), 0,
     TYPE_12(0xf2)},
    {"6.16.0-eras", V(6, 16, 0), &new8, &new4, 5, NONE, 13, 14, 10, 17, 20, NONE, HEAD_WORD, 6,
     NONE, IN_FLAGS, 0, 0, 0, NONE, TYPE_12(0xf0), TYPE_12(0xf1), TYPE_12(0xf4), TYPE_12(0xf5),
     TYPE_12(0xf7), TYPE_12(0xf2)},
    {"7.1.0-eras", V(7, 1, 0), &new8, &new4, 5, NONE, 13, 14, 10, 17, 20, NONE, HEAD_WORD, 6,
     NONE, IN_FLAGS, 0, 0, 0, NONE, TYPE_12(0xf0), TYPE_12(0xf1), TYPE_12(0xf4), TYPE_12(0xf5),
     TYPE_12(0xf7), TYPE_12(0xf2)},
};
#define N_ERAS (sizeof eras / sizeof *eras)

static inline const struct era *era_of(const char *release)
{
    for (size_t i = 0; i < N_ERAS; i++)
        if (!strncmp(eras[i].release, release, strlen(release)))
            return &eras[i];
    abort();
}

/* ---- the machine ----------------------------------------------------------------------------- */

#define PW_PAGE 4096u
#ifndef PW_BUCKETS
#define PW_BUCKETS (1u << 16)
#endif
#define MAX_ORDER 10u
/* physical addresses */
#define PW_ROOT 0x1000u
#define PW_UTS 0x3000u
#define PW_TABLES 0x100000u  /* page tables of x86_64 */
#define PW_PGDAT 0x10000u    /* nodes, 0x4000 each; zones inside */
#define PW_SECTIONS 0x20000u
#define PW_OWNERS 0x40000u   /* what page.mapping points to */
#define PW_LISTS 0x50000u    /* heads of processors' lists */
#define PW_MEMMAP 0x1000000u
#define FREE_HUGE_PAGE 0x3300u /* address of a function, behind the base */

struct pw_page {
    struct pw_page *next;
    uint64_t pa;
    uint8_t bytes[PW_PAGE];
};

struct pw {
    const struct era *e;
    const struct shape *s;
    const char *arch;
    unsigned word;
    enum dumpio_order order;
    uint64_t base;           /* virtual minus physical of the direct map */
    uint64_t memmap;         /* virtual: record of frame 0 */
    uint64_t frames;
    bool mask_heads;         /* 7.1 with vmemmap optimisation */
    uint8_t *expect;
    struct pw_page *bucket[PW_BUCKETS];
    uint64_t *sorted;        /* addresses of pages */
    size_t pages, n_sorted;
    uint64_t next_table;
    uint64_t free_pages;     /* as the zone counts */
    uint64_t end;            /* the dump's, bytes */
    char text[8192];
    struct dumpio_info info;
    struct dio_format format;
    struct dumpio_dump dump;
    struct dumpio_error err;
};

static inline uint8_t *pw_find(const struct pw *w, uint64_t pa)
{
    struct pw_page *p = w->bucket[pa / PW_PAGE % PW_BUCKETS];
    while (p && p->pa != pa - pa % PW_PAGE)
        p = p->next;
    return p ? p->bytes + pa % PW_PAGE : NULL;
}

static inline uint8_t *pw_at(struct pw *w, uint64_t pa)
{
    uint8_t *at = pw_find(w, pa);
    if (at)
        return at;
    struct pw_page *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->pa = pa - pa % PW_PAGE;
    p->next = w->bucket[pa / PW_PAGE % PW_BUCKETS];
    w->bucket[pa / PW_PAGE % PW_BUCKETS] = p;
    w->pages++;
    return p->bytes + pa % PW_PAGE;
}

/* Take a page out of the dump. */
static inline void pw_drop(struct pw *w, uint64_t pa)
{
    struct pw_page **p = &w->bucket[pa / PW_PAGE % PW_BUCKETS];
    while (*p && (*p)->pa != pa - pa % PW_PAGE)
        p = &(*p)->next;
    if (*p) {
        struct pw_page *gone = *p;
        *p = gone->next;
        free(gone);
        w->pages--;
        w->n_sorted = 0;
    }
}

static inline void pw_put_as(struct pw *w, uint64_t pa, unsigned size, uint64_t v,
                             enum dumpio_order order)
{
    for (unsigned i = 0; i < size; i++)
        *pw_at(w, pa + i) = (uint8_t)(v >> 8 * (order == DUMPIO_BIG ? size - 1 - i : i));
}

static inline void pw_put(struct pw *w, uint64_t pa, unsigned size, uint64_t v)
{
    pw_put_as(w, pa, size, v, w->order);
}

static inline uint64_t pw_get(const struct pw *w, uint64_t pa, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        const uint8_t *at = pw_find(w, pa + i); /* what is not there is 0 */
        v |= (uint64_t)(at ? *at : 0) << 8 * (w->order == DUMPIO_BIG ? size - 1 - i : i);
    }
    return v;
}

static inline int pw_read(void *ctx, uint64_t addr, void *buf, size_t len,
                          struct dumpio_error *err)
{
    for (size_t i = 0; i < len;) {
        const uint8_t *p = pw_find(ctx, addr + i);
        size_t n = PW_PAGE - (addr + i) % PW_PAGE;
        if (n > len - i)
            n = len - i;
        if (!p)
            return dio_fail(err, DUMPIO_E_ABSENT, 0, "0x%" PRIx64 " is not there", addr + i);
        memcpy((uint8_t *)buf + i, p, n);
        i += n;
    }
    return 0;
}

static inline struct dio_mem_reader *pw_reader(void *ctx)
{
    return ctx;
}

static inline int pw_read_large(struct dio_mem_reader *r, uint64_t addr, void *buf, size_t len,
                                struct dumpio_error *err)
{
    return pw_read(r, addr, buf, len, err);
}

static inline void pw_no_reader(struct dio_mem_reader *r)
{
    (void)r;
}

static inline int pw_ascending(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static inline int pw_next(void *ctx, uint64_t addr, struct dumpio_run *run,
                          struct dumpio_error *err)
{
    struct pw *w = ctx;
    (void)err;
    if (w->n_sorted != w->pages) {
        w->sorted = realloc(w->sorted, (w->pages + 1) * sizeof *w->sorted);
        w->n_sorted = 0;
        for (size_t i = 0; i < PW_BUCKETS; i++)
            for (const struct pw_page *p = w->bucket[i]; p; p = p->next)
                w->sorted[w->n_sorted++] = p->pa;
        qsort(w->sorted, w->n_sorted, sizeof *w->sorted, pw_ascending);
    }
    size_t i = 0;
    while (i < w->n_sorted && w->sorted[i] + PW_PAGE <= addr)
        i++;
    if (i == w->n_sorted)
        return DUMPIO_END;
    *run = (struct dumpio_run){w->sorted[i] > addr ? w->sorted[i] : addr, w->sorted[i],
                               DUMPIO_PRESENT};
    while (i < w->n_sorted && w->sorted[i] == run->end) {
        run->end += PW_PAGE;
        i++;
    }
    return 0;
}

static inline void __attribute__((format(printf, 2, 3))) pw_say(struct pw *w, const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(w->text);
    va_start(ap, fmt);
    vsnprintf(w->text + n, sizeof w->text - n - 2, fmt, ap);
    va_end(ap);
    strcat(w->text, "\n");
}

/* Replace the value of KEY, or (value NULL) leave the line out. */
static inline void pw_unsay(struct pw *w, const char *key, const char *value)
{
    char line[200];
    snprintf(line, sizeof line, "\n%s=", key);
    char *at = strncmp(w->text, line + 1, strlen(line + 1)) ? strstr(w->text, line) : w->text;
    if (!at)
        abort();
    at += *at == '\n';
    char *end = strchr(at, '\n') + 1;
    memmove(at, end, strlen(end) + 1);
    if (value)
        pw_say(w, "%s=%s", key, value);
}

static inline void pw_free(struct pw *w)
{
    dio_kernel_close(w->dump.kernel);
    for (size_t i = 0; i < PW_BUCKETS; i++)
        for (struct pw_page *p = w->bucket[i], *next; p; p = next) {
            next = p->next;
            free(p);
        }
    free(w->sorted);
    free(w->expect);
    free(w);
}

/* ---- page tables ----------------------------------------------------------------------------- */

#define X86_TEXT 0xffffffff80000000ull
#define X86_DIRECT 0xffff888000000000ull
#define X86_VMEMMAP 0xffffea0000000000ull
#define I386_DIRECT 0xc0000000ull
#define PPC64_DIRECT 0xc000000000000000ull

static inline uint64_t pw_table(struct pw *w, uint64_t slot)
{
    uint64_t e = pw_get(w, slot, 8);
    if (!e) {
        e = w->next_table | 0x63;
        w->next_table += PW_PAGE;
        pw_at(w, e & ~0xfffull);
        pw_put(w, slot, 8, e);
    }
    return e & ~0xfffull;
}

/* Map virt to phys on x86_64 by a page of 1 << shift bytes (12, 21, 30); UINT64_MAX unmaps it. */
static inline void pw_map(struct pw *w, uint64_t virt, uint64_t phys, unsigned shift)
{
    uint64_t table = PW_ROOT;
    for (unsigned s = 39; s > shift; s -= 9)
        table = pw_table(w, table + (virt >> s & 511) * 8);
    uint64_t e = phys == UINT64_MAX ? 0 : phys | 0x63 | (shift > 12 ? 0x80 : 0);
    pw_put(w, table + (virt >> shift & 511) * 8, 8, e);
}

static inline void pw_tables(struct pw *w)
{
    w->next_table = PW_TABLES;
    pw_at(w, PW_ROOT);
    if (!strcmp(w->arch, "i386")) { /* 4 MiB pages */
        for (unsigned i = 0; i < 224; i++)
            pw_put(w, PW_ROOT + (768 + i) * 4, 4, i << 22 | 0xe3);
        pw_say(w, "SYMBOL(swapper_pg_dir)=%" PRIx64, w->base + PW_ROOT);
    } else if (!strcmp(w->arch, "ppc64")) {
        pw_say(w, "SYMBOL(swapper_pg_dir)=%" PRIx64, w->base + PW_ROOT);
    } else {
        for (uint64_t i = 0; i < 8; i++)
            pw_map(w, X86_TEXT + (i << 21), i << 21, 21);
        for (uint64_t i = 0; i < 8; i++)
            pw_map(w, X86_DIRECT + (i << 30), i << 30, 30);
        pw_say(w, "SYMBOL(init_top_pgt)=%llx", X86_TEXT + PW_ROOT);
    }
}

#endif
