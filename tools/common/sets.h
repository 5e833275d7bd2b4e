/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people write to say which pages: lists of classes, of levels, of address ranges.
 */
#ifndef SETS_H
#define SETS_H

#include <dumpio/dumpio.h>
#include <stdbool.h>

/* "zero,cache,..." into a set (DUMPIO_EXCLUDE_ZERO and classes). false: *bad, of *len, is unknown. */
bool sets_classes(const char *text, unsigned *set, const char **bad, size_t *len);

#define SETS_LEVELS_MAX 16

/* "31" or "11,31": each 0 to 31. Returns how many, 0 when the text is wrong. */
unsigned sets_levels(const char *text, unsigned levels[SETS_LEVELS_MAX]);

/* Address ranges, kept ascending and disjoint. */
struct sets_ranges {
    struct dumpio_range *v;
    size_t n;
};
/* Add "START-END[,START-END...]", hexadecimal with 0x or decimal, END excluded. false: wrong. */
bool sets_add_ranges(struct sets_ranges *r, const char *text);
void sets_free_ranges(struct sets_ranges *r);

/* "500M", "1.5G" (1024s), "1000": false when it is no size. */
bool sets_size(const char *text, uint64_t *bytes);

#endif
