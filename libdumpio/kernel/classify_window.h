/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window while it is classified (classify.c), and the samples that are taken of it for the checks
 * (classify_samples.c).
 */
#ifndef DIO_KERNEL_CLASSIFY_WINDOW_H
#define DIO_KERNEL_CLASSIFY_WINDOW_H

#include "pages.h"

struct dio_class_window {
    const struct dio_classifier *c;
    const struct dio_page_layout *l;
    struct dio_class_worker *w;
    uint64_t pfn, virt;   /* of the first record */
    size_t n;
    uint8_t *classes;
    struct dio_class_sums *sums;
    struct dio_pfn_list *candidates;
    unsigned mappings, links, strays; /* samples left */
    uint64_t balloon;     /* an owner whose pages are on its list; 0 = none yet */
};

/* The owner of the LRU page with record r. */
void dio_class_sample_mapping(struct dio_class_window *x, const uint8_t *r);

/* The links of the free block whose first record is r, at virt. */
void dio_class_sample_link(struct dio_class_window *x, const uint8_t *r, uint64_t virt);

/* A single page with record r, at virt, that has an owner: is it on a list, and not marked so? */
void dio_class_sample_stray(struct dio_class_window *x, const uint8_t *r, uint64_t virt);

#endif
