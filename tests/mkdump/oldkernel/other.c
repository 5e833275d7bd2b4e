/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit that knows the structures by name only, as most of a kernel's units do. It comes first.
 * Format reference: none.
 * Not handled: anything.
 */
struct page;
struct zone;
struct pglist_data;

struct mm_walk {
    struct page *page;
    struct zone *zone;
    struct pglist_data *pgdat;
};

struct mm_walk current_walk;
