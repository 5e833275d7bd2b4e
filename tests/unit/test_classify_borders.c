/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that cross the windows of a classification, heads that are none, records that are not
 * there, and damage: what is not proved stays the kernel's.
 * Reference: that of pages_world.h; Documentation/mm/vmemmap_dedup.rst.
 */
#include "pages_frames.h"

#define WINDOW 16384u /* frames */
#define GIB_FRAMES 262144u

/* ---- across windows -------------------------------------------------------------------------- */

static void crossing(const char *release, const char *arch, enum dumpio_order order)
{
    struct pw *w = pw_new(era_of(release), arch, order, 4 * WINDOW);
    /* no buddy may cross; compound pages of any order do */
    pw_free_block(w, WINDOW - 2048, 10);
    pw_anon(w, WINDOW, 9);
    pw_cache(w, 2 * WINDOW - 512, 9);
    pw_anon(w, 2 * WINDOW, 15); /* two windows */
    pw_run(w, false, "crossing");
}

/* The map begins inside a window, so that a THP lies across the border. */
static void moved_by_damage(void)
{
    struct pw *w = pw_new(era_of("5.10"), "x86_64", DUMPIO_LITTLE, 4 * WINDOW);
    pw_free_block(w, 0x2000, 3);
    pw_anon(w, WINDOW - 512, 9);
    pw_anon(w, 2 * WINDOW - 1024, 9);
    pw_slab(w, 2 * WINDOW - 512, 3);
    pw_run(w, false, "borders");
}

static void gigantic(const char *release, enum dumpio_order order)
{
    struct pw *w = pw_new(era_of(release), "ppc64", order, 2 * GIB_FRAMES);
    pw_free_block(w, 0x8000, 10);
    pw_huge(w, GIB_FRAMES, 18);
    if (w->e->hwpoison != NONE) { /* a tail, first of a window and inside one */
        uint64_t at[] = {GIB_FRAMES + 3 * WINDOW, GIB_FRAMES + 5 * WINDOW + 77};
        for (unsigned i = 0; i < 2; i++) {
            pw_flag(w, at[i], w->e->hwpoison);
            pw_expect(w, at[i], 1, DUMPIO_CLASS_HWPOISON);
        }
    }
    pw_anon(w, GIB_FRAMES - 512, 9);
    pw_run(w, false, "gigantic");
}

/* ---- heads that are none --------------------------------------------------------------------- */

/*
 * Vmemmap optimisation to 7.0: all pages of the records map to the first one, so that the head's
 * record appears again and again.
 */
static void fake_heads(const char *release, unsigned order, bool poisoned)
{
    uint64_t first = order == 18 ? GIB_FRAMES : 0x4000;
    struct pw *w = pw_new(era_of(release), "x86_64", DUMPIO_LITTLE, 2 * first);
    pw_free_block(w, 0x800, 10);
    pw_huge(w, first, order);
    if (poisoned) {
        pw_flag(w, first, w->e->hwpoison);
        pw_expect(w, first, (uint64_t)1 << order, DUMPIO_CLASS_HWPOISON);
    }
    uint64_t bytes = (uint64_t)w->s->size << order;
    for (uint64_t at = PW_PAGE; at < bytes; at += PW_PAGE) {
        pw_drop(w, pw_record(w, first) + at); /* given back */
        pw_map(w, pw_virt(w, first) + at, pw_record(w, first), 12);
    }
    pw_run(w, false, "fake heads");
}

/* 7.1: tails behind the first page of records are shared by all pages of an order. */
static void mask_heads(unsigned order, bool optimized)
{
    uint64_t first = order == 18 ? GIB_FRAMES : 0x4000;
    struct pw *w = pw_new(era_of("7.1"), "x86_64", DUMPIO_LITTLE, 2 * first);
    w->mask_heads = true;
    pw_free_block(w, 0x800, 10);
    pw_anon(w, first - 1024, 9);
    pw_slab(w, first - 512, 3);
    pw_cache(w, first - 504, 2);
    pw_huge(w, first, order);
    uint64_t bytes = (uint64_t)w->s->size << order;
    for (uint64_t at = 2 * PW_PAGE; optimized && at < bytes; at += PW_PAGE) {
        pw_drop(w, pw_record(w, first) + at);
        pw_map(w, pw_virt(w, first) + at, pw_record(w, first) + PW_PAGE, 12);
    }
    pw_run(w, false, "mask heads");
}

/* ---- what is not there ----------------------------------------------------------------------- */

static void unmapped_records(void)
{
    struct pw *w = pw_new(era_of("6.1"), "x86_64", DUMPIO_LITTLE, 2 * WINDOW);
    pw_free_block(w, 0x800, 3);
    pw_anon(w, 0x2000, 9);
    pw_cache(w, 0x3000, 0);
    pw_map(w, pw_virt(w, 0x2040), UINT64_MAX, 12); /* tails: their head speaks for them */
    pw_map(w, pw_virt(w, 0x3000), UINT64_MAX, 12);
    pw_map(w, pw_virt(w, WINDOW - 64), UINT64_MAX, 12);
    pw_expect(w, 0x3000, 64, DUMPIO_CLASS_UNKNOWN);
    pw_expect(w, WINDOW - 64, 64, DUMPIO_CLASS_UNKNOWN);
    pw_run(w, false, "unmapped");
}

/* Records of 56 bytes lie across pages: a missing page takes both that it cuts. */
static void missing_records(enum dumpio_order order)
{
    struct pw *w = pw_new(era_of("3.10"), "ppc64", order, 2 * WINDOW);
    uint64_t page = (pw_record(w, 0x3000) + PW_PAGE) & ~(uint64_t)(PW_PAGE - 1);
    uint64_t first = (page - PW_MEMMAP) / w->s->size;
    uint64_t last = (page + PW_PAGE - 1 - PW_MEMMAP) / w->s->size;
    CHECK((page - PW_MEMMAP) % w->s->size && (page + PW_PAGE - PW_MEMMAP) % w->s->size);
    pw_free_block(w, 0x800, 3);
    for (uint64_t p = first - 2; p <= last + 2; p++)
        pw_anon(w, p, 0);
    pw_expect(w, first, last - first + 1, DUMPIO_CLASS_UNKNOWN);
    pw_drop(w, page);
    /* frames that the dump holds, and whose records it lacks, would be an error: these it lacks */
    pw_run(w, false, "missing");
}

/* The second record of a compound page is not there: the first speaks for itself alone. */
static void lonely_head(void)
{
    struct pw *w = pw_new(era_of("3.10"), "ppc64", DUMPIO_LITTLE, 2 * WINDOW);
    uint64_t pfn = 0x3000; /* its record is the last that lies whole in a page */
    while (pw_record(w, pfn) % PW_PAGE + w->s->size > PW_PAGE ||
           pw_record(w, pfn) % PW_PAGE + 2 * w->s->size <= PW_PAGE)
        pfn += 2;
    uint8_t *classes = calloc(1, (size_t)w->frames);
    struct dio_class_sums sums;
    pw_free_block(w, 0x800, 3);
    pw_anon(w, pfn, 1);
    pw_drop(w, pw_record(w, pfn) + PW_PAGE);
    CHECK_EQ(pw_windows(w, classes, &sums), 0);
    CHECK_EQ(classes[pfn], DUMPIO_CLASS_USER);
    CHECK_EQ(classes[pfn + 1], DUMPIO_CLASS_UNKNOWN);
    free(classes);
    pw_free(w);
}

/* ---- damage ---------------------------------------------------------------------------------- */

struct damage {
    struct pw *w;
    uint8_t *classes;
    struct dio_class_sums sums;
};

static struct damage damaged(const char *release, const char *arch)
{
    struct damage d = {.w = pw_new(era_of(release), arch, DUMPIO_LITTLE, 2 * WINDOW)};
    d.classes = calloc(1, (size_t)d.w->frames);
    pw_free_block(d.w, 0x800, 3);
    return d;
}

/* Frames [pfn, pfn + n) must come out as c. */
static void must_be(struct damage *d, uint64_t pfn, uint64_t n, enum dumpio_class c)
{
    CHECK_EQ(pw_windows(d->w, d->classes, &d->sums), 0);
    uint64_t i = pfn;
    while (i < pfn + n && d->classes[i] == c)
        i++;
    if (i < pfn + n)
        printf("%s %s: frame 0x%" PRIx64 " is %s\n", d->w->e->release, d->w->arch, i,
               dumpio_class_name(d->classes[i]));
    CHECK_EQ(i, pfn + n);
}

static void end(struct damage *d)
{
    free(d->classes);
    pw_free(d->w);
}

static void free_damage(const char *release, const char *arch)
{
    static const struct {
        unsigned pfn, order;
    } bad[] = {{0x2000, 11}, {0x2001, 1}, {0x2004, 3}, {0x2400, 64}, {0x2800, 0xffffffff}};
    struct damage d = damaged(release, arch);
    for (unsigned i = 0; i < 5; i++) {
        pw_flag(d.w, bad[i].pfn, d.w->e->buddy);
        pw_type(d.w, bad[i].pfn, d.w->e->t_buddy);
        pw_set(d.w, bad[i].pfn, d.w->s->private, d.w->word, bad[i].order);
    }
    must_be(&d, 0x2000, 0x1000, DUMPIO_CLASS_KERNEL);
    CHECK_EQ(d.sums.broken_free, 5);
    CHECK_EQ(d.sums.pages[DUMPIO_CLASS_FREE], 8);
    /* slab is no free page, whatever else it looks like */
    if (d.w->e->slab != NONE && d.w->e->t_buddy) {
        pw_slab(d.w, 0x3000, 0);
        pw_type(d.w, 0x3000, d.w->e->t_buddy);
        must_be(&d, 0x3000, 1, DUMPIO_CLASS_KERNEL);
        CHECK_EQ(d.sums.broken_free, 5);
    }
    end(&d);
}

static void unaccepted_damage(void)
{
    struct damage d = damaged("6.16", "ppc64");
    pw_type(d.w, 0x2001, d.w->e->t_unaccepted);
    must_be(&d, 0x2001, 0x500, DUMPIO_CLASS_KERNEL);
    CHECK_EQ(d.sums.broken_free, 1);
    end(&d);
}

/* An order larger than the page: the kernel's pages behind it must stay. */
static void order_damage(const char *release, const char *arch)
{
    struct damage d = damaged(release, arch);
    pw_anon(d.w, 0x2000, 3);
    pw_order(d.w, 0x2000, 9, false);
    must_be(&d, 0x2008, 0x800, DUMPIO_CLASS_KERNEL);
    CHECK(d.sums.broken_heads > 0);
    for (unsigned order = 10; order < 256; order = order * 2 - 3) {
        pw_order(d.w, 0x2000, order, false);
        must_be(&d, 0x2008, 0x800, DUMPIO_CLASS_KERNEL);
    }
    /* smaller: the tails that no head covers */
    pw_order(d.w, 0x2000, 2, false);
    must_be(&d, 0x2004, 4, DUMPIO_CLASS_KERNEL);
    CHECK_EQ(d.sums.broken_tails, 4);
    end(&d);
}

/* Tails of something else, of nothing, of themselves, of a frame behind them. */
static void tail_damage(const char *release, const char *arch)
{
    struct damage d = damaged(release, arch);
    struct pw *w = d.w;
    uint64_t heads[] = {0, 1, UINT64_MAX - 1, pw_virt(w, 0x2401), pw_virt(w, 0x2900),
                        pw_virt(w, 0x2402) + 4, w->base + PW_OWNERS, pw_virt(w, 0x2000)};
    bool word = w->e->heads == HEAD_WORD;
    unsigned off = word ? w->s->lru : w->s->private;
    for (unsigned i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (w->e->heads == ALL_ONE && heads[i] == pw_virt(w, 0x2401))
            continue; /* that is what a head looks like */
        pw_anon(w, 0x2400, 1);
        pw_set(w, 0x2401, off, w->word, word ? heads[i] | 1 : heads[i]);
        pw_mapping(w, 0x2401, 1);
        must_be(&d, 0x2401, 0x10, DUMPIO_CLASS_KERNEL);
        CHECK(d.sums.broken_heads || d.sums.broken_tails);
    }
    end(&d);
}

static void not_a_head(const char *release)
{
    struct damage d = damaged(release, "ppc64");
    pw_anon(d.w, 0x2000, 0);
    pw_flag(d.w, 0x2000, d.w->e->head); /* and what follows is no tail */
    if (d.w->e->heads == ALL_ONE)
        pw_set(d.w, 0x2000, d.w->s->private, d.w->word, pw_virt(d.w, 0x2000));
    must_be(&d, 0x2001, 0x1000, DUMPIO_CLASS_KERNEL);
    CHECK_EQ(d.classes[0x2000], DUMPIO_CLASS_USER);
    CHECK_EQ(d.sums.broken_heads, 1);
    end(&d);
}

/* Pages of a type are never cache or user data, whatever the rest of the record says. */
static void typed(const char *release)
{
    static const uint32_t types[] = {0xfffffffe, 0x80000000, 0xf3000000, 0xf8000001, 0xff000000};
    struct damage d = damaged(release, "ppc64");
    for (unsigned i = d.w->e->t_buddy == types[0]; i < 5; i++) {
        pw_anon(d.w, 0x2000 + 2 * i, 0);
        pw_cache(d.w, 0x2001 + 2 * i, 0);
        pw_type(d.w, 0x2000 + 2 * i, types[i]);
        pw_type(d.w, 0x2001 + 2 * i, types[i]);
    }
    must_be(&d, 0x2002, 8, DUMPIO_CLASS_KERNEL);
    if (d.w->e->t_buddy != types[0])
        must_be(&d, 0x2000, 2, DUMPIO_CLASS_KERNEL);
    end(&d);
}

/* A hugetlb page that is reserved too, or a slab: no free hand with what belongs to the kernel. */
static void reserved_huge(const char *release)
{
    struct damage d = damaged(release, "ppc64");
    pw_huge(d.w, 0x2000, 9);
    must_be(&d, 0x2000, 512, DUMPIO_CLASS_USER);
    pw_flag(d.w, 0x2000, d.w->e->reserved);
    must_be(&d, 0x2000, 512, DUMPIO_CLASS_KERNEL);
    if (d.w->e->slab != NONE) {
        pw_huge(d.w, 0x2400, 9);
        pw_flag(d.w, 0x2400, d.w->e->slab);
        must_be(&d, 0x2400, 512, DUMPIO_CLASS_KERNEL);
    }
    end(&d);
}

static void damage(void)
{
    static const char *const releases[] = {"2.6.18", "2.6.38", "3.10", "4.9",
                                           "5.10",   "6.3",    "6.12"};
    for (unsigned i = 0; i < sizeof releases / sizeof *releases; i++) {
        free_damage(releases[i], "ppc64");
        order_damage(releases[i], "ppc64");
        tail_damage(releases[i], "ppc64");
        not_a_head(releases[i]);
        typed(releases[i]);
    }
    free_damage("6.12", "i386");
    order_damage("6.1", "i386");
    tail_damage("6.1", "i386");
    unaccepted_damage();
    reserved_huge("2.6.24");
    reserved_huge("5.10");
    reserved_huge("6.6");
    reserved_huge("6.12");
}

int main(void)
{
    crossing("2.6.9", "ppc64", DUMPIO_BIG);
    crossing("2.6.24", "i386", DUMPIO_LITTLE);
    crossing("3.10", "ppc64", DUMPIO_LITTLE);
    crossing("6.12", "ppc64", DUMPIO_BIG);
    crossing("6.1", "x86_64", DUMPIO_LITTLE);
    moved_by_damage();
    gigantic("2.6.32-eras", DUMPIO_LITTLE);
    gigantic("5.10", DUMPIO_BIG);
    gigantic("6.9", DUMPIO_LITTLE);
    fake_heads("6.1", 9, false);
    fake_heads("6.6", 18, false);
    fake_heads("6.12", 9, true);
    fake_heads("6.12", 18, false);
    mask_heads(9, false);
    mask_heads(9, true);
    mask_heads(18, true);
    unmapped_records();
    missing_records(DUMPIO_LITTLE);
    missing_records(DUMPIO_BIG);
    lonely_head();
    damage();
    return unit_result();
}
