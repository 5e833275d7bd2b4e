/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The class of every kind of page in every encoding of struct page, word size and byte order.
 * Reference: that of pages_world.h.
 */
#include "pages_frames.h"

#define WINDOW 16384u /* frames */

/* What only younger kernels have. */
static void young(struct pw *w)
{
    const struct era *e = w->e;
    if (e->t_table) {
        pw_type(w, 0x5030, e->t_table);
        pw_mapping(w, 0x5030, 1);
        pw_lru(w, 0x5031, 0, 1, DUMPIO_CLASS_KERNEL);
        pw_type(w, 0x5031, e->t_table);
    }
    if (e->t_offline) {
        pw_type(w, 0x5032, e->t_offline);
        pw_expect(w, 0x5032, 1, DUMPIO_CLASS_OFFLINE);
    }
    if (e->t_unaccepted) {
        pw_type(w, WINDOW + 0x2000, e->t_unaccepted);
        pw_expect(w, WINDOW + 0x2000, 1u << MAX_ORDER, DUMPIO_CLASS_FREE);
        w->free_pages += 1u << MAX_ORDER;
    }
    if (e->hwpoison != NONE) {
        static const uint16_t at[] = {0x5040, 0x5041, 0x5042, 0x5043};
        pw_anon(w, 0x5041, 0);
        pw_lru(w, 0x5042, 0, 0, DUMPIO_CLASS_CACHE);
        pw_slab(w, 0x5043, 0);
        for (unsigned i = 0; i < 4; i++) {
            pw_flag(w, at[i], e->hwpoison);
            pw_expect(w, at[i], 1, DUMPIO_CLASS_HWPOISON);
        }
        pw_flag(w, 0x5500, e->hwpoison); /* a tail */
        pw_expect(w, 0x5500, 1, DUMPIO_CLASS_HWPOISON);
        pw_huge(w, 0x5a00, 9);
        pw_flag(w, 0x5a00, e->hwpoison);
        pw_expect(w, 0x5a00, 512, DUMPIO_CLASS_HWPOISON);
    }
}

/* One of everything, some at the borders of windows. */
static void everything(struct pw *w)
{
    const struct era *e = w->e;
    for (unsigned order = 0; order <= MAX_ORDER; order++)
        pw_free_block(w, 0x6000u + (1u << order), order);
    pw_free_block(w, WINDOW - 1024, 10);
    pw_free_block(w, WINDOW, 0);
    pw_free_block(w, 2 * WINDOW - 1, 0);
    pw_cache(w, 0x5000, 0);
    pw_private(w, 0x5001, 0);
    pw_anon(w, 0x5002, 0);
    pw_lru(w, 0x5003, 0, 3, DUMPIO_CLASS_USER); /* KSM */
    pw_mapping(w, 0x5004, 2);                   /* movable, not on the LRU */
    pw_slab(w, 0x5005, 0);
    pw_slab(w, 0x5008, 3);
    pw_compound(w, 0x5010, 2, false);           /* the kernel's */
    pw_swap(w, 0x5020, true);
    pw_swap(w, 0x5021, false);
    pw_anon(w, 0x5022, 0);
    pw_flag(w, 0x5022, e->swapcache);
    pw_anon(w, 0x5023, 0);
    pw_flag(w, 0x5023, e->private);
    pw_lru(w, 0x5024, 0, 0, DUMPIO_CLASS_KERNEL);
    pw_flag(w, 0x5024, e->reserved);
    pw_lru(w, 0x5025, 0, 1, DUMPIO_CLASS_KERNEL);
    pw_flag(w, 0x5025, e->reserved);
    pw_anon(w, 0x5400, 9);
    pw_huge(w, 0x5800, 9);
    pw_cache(w, 0x5c00, 4);
    pw_private(w, 0x5c10, 2);
    young(w);
}

/* Kernels of distributions: an old version, and the struct page of later ones. */
static void backports(void)
{
    static const struct {
        const char *release, *like;
    } of[] = {{"3.10.0-1160.el7", "4.4"}, {"3.10.0-1160.el7", "4.9"}, {"3.10.0-1160.el7", "4.14"},
              {"2.6.18-419.el5", "3.10"}, {"2.6.18-419.el5", "4.18"}, {"4.18.0-553.el8", "6.1"},
              {"4.18.0-553.el8", "6.9"}, {"5.14.0-427.el9", "6.3"}, {"5.14.0-503.el9", "6.6"},
              {"5.14.0-570.el9", "6.9"}, {"5.14.0-570.el9", "6.10"}, {"5.14.0-570.el9", "6.12"}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct era e = *era_of(of[i].like); /* what its VMCOREINFO holds, stays */
        e.release = of[i].release;
        struct pw *w = pw_new(&e, "ppc64", DUMPIO_LITTLE, 2 * WINDOW);
        everything(w);
        pw_run(w, false, of[i].like);
    }
}

int main(void)
{
    static const struct {
        const char *arch;
        enum dumpio_order order;
    } machines[] = {{"i386", DUMPIO_LITTLE}, {"ppc64", DUMPIO_LITTLE}, {"ppc64", DUMPIO_BIG},
                    {"x86_64", DUMPIO_LITTLE}};
    for (size_t i = 0; i < N_ERAS; i++)
        for (size_t m = 0; m < sizeof machines / sizeof *machines; m++) {
            if (!(m ? eras[i].wide : eras[i].narrow))
                continue;
            struct pw *w = pw_new(&eras[i], machines[m].arch, machines[m].order, 2 * WINDOW);
            everything(w);
            pw_run(w, false, "everything");
        }
    backports();
    return unit_result();
}
