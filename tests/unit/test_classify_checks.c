/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wrong fact or a damaged record must not pass for an answer: every self-check of a
 * classification, made to speak and kept silent; UNKNOWN for everything instead of an error.
 * Reference: that of pages_world.h.
 */
#include "pages_frames.h"

#define FRAMES 65536u

/* A machine with enough of everything that a wrong fact shows. */
static struct pw *machine(const char *release, const char *arch, enum dumpio_order order)
{
    struct pw *w = pw_new(era_of(release), arch, order, FRAMES);
    for (unsigned i = 0; i < 24; i++) {
        pw_free_block(w, 0x4000 + 64 * i, i % 6);
        pw_anon(w, 0x5000 + i, 0);
        pw_cache(w, 0x5100 + i, 0);
        pw_private(w, 0x5200 + i, 0);
        pw_cache(w, 0x5400 + 4 * i, 2);
        pw_anon(w, 0x5800 + 8 * i, 3);
        pw_slab(w, 0x6000 + 8 * i, 3);
    }
    for (unsigned i = 0; i < 24; i++)
        pw_free_block(w, 0x8000 + 1024 * i, 10);
    pw_huge(w, 0x6400, 9);
    return w;
}

static struct dumpio_classes *classify(struct pw *w, bool keep_unknown)
{
    const struct dumpio_classify_options o = {.keep_unknown = keep_unknown};
    const struct dumpio_env env = {.threads = 1};
    struct dumpio_classes *c = NULL;
    w->err = (struct dumpio_error){0};
    int rc = pw_open(w);
    if (rc) { /* as dumpio_explore would leave it */
        w->dump.kernel = NULL;
        w->dump.kernel_error = w->err;
    }
    return dumpio_classify(&w->dump, &o, &c, &env, &w->err) ? NULL : c;
}

/* Refused for this reason; on request everything is UNKNOWN, for the same one. */
static void refused(struct pw *w, int status, const char *reason)
{
    struct dumpio_class_run run = {0};
    struct dumpio_classes *c = classify(w, false);
    CHECK(!c);
    CHECK_EQ(w->err.status, status);
    CHECK(strstr(w->err.message, reason));
    if (!strstr(w->err.message, reason))
        printf("  %s says: %s\n", w->e->release, w->err.message);
    dumpio_classes_free(c);
    char why[sizeof w->err.message];
    memcpy(why, w->err.message, sizeof why);
    c = classify(w, true);
    CHECK(c);
    if (c) {
        CHECK_STR(dumpio_classes_get_info(c)->unknown_why, why);
        CHECK_EQ(dumpio_classes_get_info(c)->page_size, PW_PAGE);
        unsigned others = 0;
        for (uint64_t at = 0; at < FRAMES * 2; at += 0x777)
            others += dumpio_classes_next(c, at * PW_PAGE, &run, &w->err) ||
                      run.class_ != DUMPIO_CLASS_UNKNOWN || run.end != UINT64_MAX;
        CHECK_EQ(others, 0);
        CHECK_EQ(dumpio_classes_next(c, UINT64_MAX, &run, &w->err), DUMPIO_END);
    }
    dumpio_classes_free(c);
    pw_free(w);
}

static void accepted(struct pw *w)
{
    struct dumpio_classes *c = classify(w, true);
    CHECK(c);
    if (c)
        CHECK_STR(dumpio_classes_get_info(c)->unknown_why, "");
    if (c && *dumpio_classes_get_info(c)->unknown_why)
        printf("  %s says: %s\n", w->e->release, dumpio_classes_get_info(c)->unknown_why);
    dumpio_classes_free(c);
    pw_free(w);
}

/* ---- wrong facts ----------------------------------------------------------------------------- */

static void fact(const char *release, const char *arch, const char *key, const char *value,
                 int status, const char *reason)
{
    struct pw *w = machine(release, arch, DUMPIO_LITTLE);
    unsigned before = unit_failures;
    pw_unsay(w, key, value);
    refused(w, status, reason);
    if (unit_failures > before)
        printf("  with %s=%s on %s\n", key, value ? value : "(none)", arch);
}

static void wrong_facts(void)
{
    const int corrupt = DUMPIO_E_CORRUPT, absent = DUMPIO_E_ABSENT;
    static const char *const archs[] = {"ppc64", "x86_64"};
    for (unsigned i = 0; i < 2; i++) {
        const char *a = archs[i];
        fact("6.1", a, "NUMBER(PG_head_mask)", "16", corrupt, "compound pages contradict");
        fact("6.1", a, "OFFSET(page.compound_head)", "16", corrupt, "compound pages contradict");
        fact("6.12", a, "OFFSET(page.flags)", "8", corrupt, "");
        fact("6.1", a, "OFFSET(page.compound_order)", "24", corrupt, "compound pages contradict");
        fact("6.1", a, "OFFSET(page.private)", "32", corrupt, "");
        fact("6.1", a, "OFFSET(page.mapping)", "8", corrupt, "");
        fact("6.1", a, "OFFSET(page.lru)", "32", corrupt, "OFFSET(page.lru)");
        fact("6.1", a, "OFFSET(page._mapcount)", "52", corrupt, "");
        fact("6.1", a, "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "4294967294", corrupt, "free page");
        fact("6.1", a, "SIZE(page)", "56", corrupt, "");
        fact("6.1", a, "SIZE(page)", "72", corrupt, "");
    }
    fact("3.10", "ppc64", "NUMBER(PG_head)", "5", corrupt, "compound pages contradict");
    fact("2.6.38", "i386", "OFFSET(page.lru)", "16", corrupt, "");
    /* what is missing is named, and how to supply it */
    static const char *const keys[] = {
        "SIZE(page)", "OFFSET(page.flags)", "OFFSET(page.mapping)", "OFFSET(page.lru)",
        "OFFSET(page._mapcount)", "OFFSET(page.private)", "OFFSET(page._refcount)",
        "NUMBER(PG_lru)", "NUMBER(PG_private)", "NUMBER(PG_swapcache)", "NUMBER(PG_slab)",
        "NUMBER(PG_head_mask)", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "LENGTH(zone.free_area)",
        "OFFSET(page.compound_head)", "OFFSET(page.compound_order)"};
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        char name[40];
        const char *in = strchr(keys[i], '(');
        /* of those with two names, either is */
        bool other = strstr(keys[i], "_refcount") || strstr(keys[i], "_mapcount");
        snprintf(name, sizeof name, "%s", other ? "OFFSET(page." : in);
        fact("5.4", "ppc64", keys[i], NULL, absent, name);
    }
    fact("2.6.32-eras", "ppc64", "NUMBER(PG_buddy)", NULL, absent, "PG_buddy");
    fact("3.4", "ppc64", "NUMBER(PG_tail)", NULL, absent, "PG_tail");
    fact("6.10", "ppc64", "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", NULL, absent, "SLAB");
    fact("6.1", "ppc64", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "0", absent, "BUDDY");
    fact("6.1", "ppc64", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "-1", absent, "BUDDY");
    fact("5.4", "ppc64", "LENGTH(zone.free_area)", "22", corrupt, "zone.free_area");
    fact("5.4", "ppc64", "LENGTH(zone.free_area)", "0", corrupt, "zone.free_area");
    /* told to lie partly behind the record */
    struct pw *w = machine("5.4", "ppc64", DUMPIO_LITTLE);
    pw_unsay(w, "OFFSET(page.compound_order)", "63");
    pw_say(w, "SIZE(page.compound_order)=8");
    refused(w, absent, "compound_order");
    w = machine("5.4", "ppc64", DUMPIO_LITTLE);
    pw_unsay(w, "OFFSET(page.compound_dtor)", "63");
    pw_say(w, "SIZE(page.compound_order)=2");
    refused(w, absent, "mark of hugetlb");
    fact("6.6", "ppc64", "OSRELEASE", "7.7.7", DUMPIO_E_CORRUPT, "OSRELEASE");
}

/* ---- damaged records ------------------------------------------------------------------------- */

static void heads_and_tails(void)
{
    for (unsigned n = 2; n <= 3; n++) { /* two may be a machine at work */
        struct pw *w = machine("6.1", "ppc64", DUMPIO_BIG);
        for (unsigned i = 0; i < n; i++)
            pw_flag(w, 0x5000 + 2 * i, w->e->head);
        if (n == 2)
            accepted(w);
        else
            refused(w, DUMPIO_E_CORRUPT, "3 heads and 0 tails");
        w = machine("6.12", "ppc64", DUMPIO_LITTLE);
        for (unsigned i = 0; i < n; i++)
            pw_set(w, 0x5001 + 2 * i, w->s->lru, 8, pw_virt(w, 0x5300) | 1);
        if (n == 2)
            accepted(w);
        else
            refused(w, DUMPIO_E_CORRUPT, "0 heads and 3 tails");
        w = machine("6.12", "ppc64", DUMPIO_LITTLE);
        for (unsigned i = 0; i < n + 5; i++) { /* of 25000 free pages */
            pw_type(w, 0x5001 + 2 * i, w->e->t_buddy);
            pw_set(w, 0x5001 + 2 * i, w->s->private, 8, 4);
        }
        if (n == 2)
            accepted(w);
        else
            refused(w, DUMPIO_E_CORRUPT, "8 free blocks have an impossible order");
    }
}

static void mappings_and_links(void)
{
    for (unsigned n = 2; n <= 3; n++) {
        static const uint64_t owners[] = {0x1230, 0xc00c000000001000, 0x10};
        struct pw *w = machine("6.1", "ppc64", DUMPIO_LITTLE);
        for (unsigned i = 0; i < n; i++)
            pw_set(w, 0x5000 + i, w->s->mapping, 8, owners[i] | 1);
        if (n == 2)
            accepted(w);
        else
            refused(w, DUMPIO_E_CORRUPT, "page.mapping");
        w = machine("6.1", "ppc64", DUMPIO_LITTLE); /* a struct page owns nothing */
        for (unsigned i = 0; i < n; i++)
            pw_set(w, 0x5000 + i, w->s->mapping, 8, pw_virt(w, 0x100 + i) + 16 * i + 1);
        if (n == 2)
            accepted(w);
        else
            refused(w, DUMPIO_E_CORRUPT, "page.mapping");
        w = machine("6.1", "ppc64", DUMPIO_BIG);
        for (unsigned i = 0; i < n; i++)
            pw_set(w, 0x4000 + 64 * i, w->s->lru, 8, w->base + PW_OWNERS);
        if (n == 2)
            accepted(w);
        else
            refused(w, DUMPIO_E_CORRUPT, "are on no list");
    }
}

static void counts(void)
{
    struct pw *w = machine("6.1", "ppc64", DUMPIO_LITTLE);
    w->free_pages += 100; /* processors count apart */
    accepted(w);
    w = machine("6.1", "ppc64", DUMPIO_BIG);
    w->free_pages += 200000;
    refused(w, DUMPIO_E_CORRUPT, "the zones count");
    w = machine("2.6.18", "ppc64", DUMPIO_BIG);
    w->free_pages += 200000;
    refused(w, DUMPIO_E_CORRUPT, "the zones count");
    w = pw_new(era_of("6.1"), "x86_64", DUMPIO_LITTLE, FRAMES);
    for (unsigned i = 0; i < 24; i++)
        pw_free_block(w, 0x8000 + 1024 * i, 10);
    w->free_pages = 0;
    refused(w, DUMPIO_E_CORRUPT, "24576 free pages were found, the zones count 0");
    w = pw_new(era_of("6.1"), "ppc64", DUMPIO_BIG, FRAMES);
    w->free_pages = 24576;
    refused(w, DUMPIO_E_CORRUPT, "0 free pages were found, the zones count 24576");
    for (unsigned counted = 256; counted <= 257; counted++) { /* few, and none is found */
        w = pw_new(era_of("6.1"), "ppc64", DUMPIO_LITTLE, FRAMES);
        w->free_pages = counted;
        if (counted == 256)
            accepted(w);
        else
            refused(w, DUMPIO_E_CORRUPT, "0 free pages were found, the zones count 257");
    }
    /* no zones are known: free pages there must be at least */
    w = machine("6.1", "ppc64", DUMPIO_LITTLE);
    pw_unsay(w, "SIZE(zone)", NULL);
    accepted(w);
    w = pw_new(era_of("6.1"), "ppc64", DUMPIO_LITTLE, FRAMES);
    pw_unsay(w, "SIZE(zone)", NULL);
    refused(w, DUMPIO_E_CORRUPT, "not one free page");
}

/* n single pages that are on a list and not on the LRU; mapping of the i-th: first + i * step. */
static void parked(struct pw *w, unsigned n, uint64_t first, uint64_t step)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t pfn = 0x7000 + i;
        pw_set(w, pfn, w->s->mapping, w->word, first + i * step);
        pw_link(w, PW_LISTS + 0x800, pfn);
    }
}

/* Owned pages on lists that are no LRU lists. */
static void parked_pages(void)
{
    static const struct {
        const char *release;
        bool balloon, numbers; /* is it right to have such pages? */
    } at[] = {{"3.4", false, true}, {"3.10", true, true}, {"4.4", false, true}};
    for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
        struct pw *w = machine(at[i].release, "ppc64", DUMPIO_LITTLE);
        uint64_t owner = w->base + PW_OWNERS;
        parked(w, 400, owner, 0);
        if (at[i].balloon)
            accepted(w);
        else
            refused(w, DUMPIO_E_CORRUPT, "not marked LRU");
        w = machine(at[i].release, "ppc64", DUMPIO_LITTLE);
        parked(w, 400, 0x10, 1); /* zsmalloc: a number */
        accepted(w);
        w = machine(at[i].release, "ppc64", DUMPIO_LITTLE);
        parked(w, 400, owner, 8);
        refused(w, DUMPIO_E_CORRUPT, "not marked LRU");
    }
}

/* Owners, lists, hugetlb, zones: what a kernel never contradicts. */
static void consistency(void)
{
    const int corrupt = DUMPIO_E_CORRUPT;
    fact("6.1", "ppc64", "OFFSET(page.mapping)", "32", corrupt, "have no owner");
    fact("6.1", "ppc64", "NUMBER(PG_lru)", "25", corrupt, "not marked LRU");
    fact("2.6.32-eras", "ppc64", "NUMBER(PG_lru)", "25", corrupt, "not marked LRU");
    struct pw *w = machine("6.1", "ppc64", DUMPIO_BIG);
    pw_huge(w, 0x6a00, 4); /* 64 KiB: there are such */
    accepted(w);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const releases[] = {"5.10", "6.6", "6.12"};
        w = machine(releases[i], "x86_64", DUMPIO_LITTLE);
        pw_huge(w, 0x6a00, 3);
        refused(w, corrupt, "too small");
    }
    w = machine("5.10", "i386", DUMPIO_LITTLE);
    pw_put(w, PW_PGDAT + N_ZONES + Z_SPANNED, 4, FRAMES - 1);
    refused(w, corrupt, "its zones 65535");
}

/* ---- what must stay -------------------------------------------------------------------------- */

static void pillars(void)
{
    static const struct {
        uint64_t pa;
        const char *what;
    } at[] = {{PW_UTS, "init_uts_ns"}, {PW_PGDAT, "contig_page_data"}, {PW_SECTIONS, "mem_section"},
              {PW_MEMMAP, "struct pages"}, {PW_MEMMAP + 37 * PW_PAGE, "struct pages"},
              {PW_MEMMAP + (uint64_t)FRAMES * 64 - PW_PAGE, "struct pages"},
              {PW_ROOT, "the root page table"}};
    for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
        struct pw *w = machine("6.12", "x86_64", DUMPIO_LITTLE);
        uint64_t pfn = at[i].pa / PW_PAGE;
        if (i % 3 == 0)
            pw_cache(w, pfn, 0);
        else if (i % 3 == 1)
            pw_free_block(w, pfn, 0);
        else
            pw_anon(w, pfn, 0);
        unsigned before = unit_failures;
        refused(w, DUMPIO_E_CORRUPT, at[i].what);
        if (unit_failures > before)
            printf("  %s at 0x%" PRIx64 "\n", at[i].what, at[i].pa);
    }
}

/* Records that are lost leave only their own frames without a class. */
static void unread(void)
{
    const char *const reason = "64 pages in the dump (0x1000000 first)";
    const uint64_t lost = PW_MEMMAP / PW_PAGE; /* frames in the dump */
    struct pw *w = machine("6.12", "x86_64", DUMPIO_LITTLE);
    pw_map(w, pw_virt(w, lost), UINT64_MAX, 12);
    struct dumpio_classes *c = classify(w, false);
    CHECK(!c && w->err.status == DUMPIO_E_LOST && strstr(w->err.message, reason));
    dumpio_classes_free(c);
    c = classify(w, true);
    CHECK(c);
    if (c) {
        CHECK(strstr(dumpio_classes_get_info(c)->unknown_why, reason));
        pw_expect(w, lost, 64, DUMPIO_CLASS_UNKNOWN);
        pw_compare(w, c, "unread");
    }
    dumpio_classes_free(c);
    pw_free(w);
    /* a compound page whose head is among them: so are its tails; a free block: it is not counted */
    w = machine("6.12", "x86_64", DUMPIO_LITTLE);
    pw_anon(w, lost + 0x200, 9);
    pw_map(w, pw_virt(w, lost + 0x200), UINT64_MAX, 12);
    pw_expect(w, lost + 0x200, 512, DUMPIO_CLASS_UNKNOWN);
    for (unsigned i = 0; i < 8; i++) { /* beyond what the counts may be apart */
        uint64_t block = 0x8000 + 1024 * i;
        pw_map(w, pw_virt(w, block), UINT64_MAX, 12);
        pw_expect(w, block, 64, DUMPIO_CLASS_UNKNOWN);
        pw_expect(w, block + 64, 960, DUMPIO_CLASS_KERNEL);
    }
    pw_at(w, (lost + 0x210) * PW_PAGE);
    c = classify(w, true);
    CHECK(c);
    if (c)
        pw_compare(w, c, dumpio_classes_get_info(c)->unknown_why);
    dumpio_classes_free(c);
    pw_free(w);
}

/* Frames behind the dump's end are not looked at, however many the kernel says there are. */
static void beyond_the_end(void)
{
    for (unsigned more = 0; more <= 1; more++) {
        struct pw *w = machine("6.1", "ppc64", DUMPIO_BIG);
        w->end = (uint64_t)FRAMES * PW_PAGE - 17;
        pw_put(w, PW_PGDAT + N_SPANNED, 8, 1u << 24);
        pw_put(w, PW_PGDAT + N_ZONES + Z_SPANNED, 8, 1u << 24);
        w->free_pages += more ? 1u << 25 : 200000; /* there may be free ones, but not so many */
        if (more) {
            refused(w, DUMPIO_E_CORRUPT, "the zones count");
            continue;
        }
        struct dumpio_classes *c = classify(w, false);
        CHECK(c);
        if (!c)
            printf("  says: %s\n", w->err.message);
        if (c)
            pw_compare(w, c, "beyond the end"); /* counts the records too */
        dumpio_classes_free(c);
        pw_free(w);
    }
}

static void held(void)
{
    struct pw *w = machine("6.12", "x86_64", DUMPIO_LITTLE);
    pw_map(w, pw_virt(w, 0x7c00), UINT64_MAX, 12); /* of others */
    accepted(w);
    /* ROM and its like have no struct page; a gibibyte without is no ROM */
    for (unsigned more = 0; more <= 1; more++) {
        w = machine("6.12", "x86_64", DUMPIO_LITTLE);
        for (uint64_t i = 0; i < 16384 + more; i++)
            pw_at(w, (FRAMES + 7 + i) * PW_PAGE);
        if (more)
            refused(w, DUMPIO_E_CORRUPT, "have no struct page");
        else
            accepted(w);
    }
    /* in a node, 4 MiB are too many, were it the last memory of all */
    for (unsigned more = 0; more <= 1; more++) {
        w = machine("6.12", "x86_64", DUMPIO_LITTLE);
        pw_put(w, PW_SECTIONS + 0x8000 + 16, 8, 0); /* the second section, where all is free */
        w->free_pages -= 24 * 1024;
        for (uint64_t i = 0; i < 1024 + more; i++)
            pw_at(w, (0xa000 + i) * PW_PAGE);
        if (more)
            refused(w, DUMPIO_E_CORRUPT, "0x401000 bytes of memory in the dump, from 0xa000000 on");
        else
            accepted(w);
    }
    /* what the dump holds, by classes */
    w = machine("6.12", "ppc64", DUMPIO_LITTLE);
    static const uint16_t there[] = {0x5000, 0x5001, 0x5100, 0x5200, 0x4000, 0x8123};
    for (unsigned i = 0; i < sizeof there / sizeof *there; i++)
        pw_at(w, (uint64_t)there[i] * PW_PAGE);
    pw_at(w, (uint64_t)(FRAMES + 3) * PW_PAGE);
    size_t pages = w->pages;
    struct dumpio_classes *c = classify(w, false);
    CHECK(c);
    if (c) {
        const struct dumpio_classes_info *info = dumpio_classes_get_info(c);
        static const uint64_t of[DUMPIO_CLASSES] = {0, 1, 1, 2, 2, 0, 0, 0, 1, 0};
        for (unsigned i = 1; i < DUMPIO_CLASSES; i++)
            CHECK_EQ(info->held[i], of[i]);
        CHECK_EQ(info->held[DUMPIO_CLASS_KERNEL], pages - 7);
        CHECK(info->n_nodes == 1 && info->nodes[0].end == (uint64_t)FRAMES * PW_PAGE);
        CHECK_STR(info->memory_model, "flatmem");
    }
    dumpio_classes_free(c);
    pw_free(w);
}

int main(void)
{
    for (size_t i = 0; i < N_ERAS; i++)
        for (unsigned m = 0; m < 3; m++)
            if (m == 2 ? !!eras[i].narrow : !!eras[i].wide)
                accepted(machine(eras[i].release, m == 2 ? "i386" : "ppc64",
                                 m == 1 ? DUMPIO_BIG : DUMPIO_LITTLE));
    wrong_facts();
    heads_and_tails();
    mappings_and_links();
    counts();
    parked_pages();
    consistency();
    pillars();
    held();
    unread();
    beyond_the_end();
    return unit_result();
}
