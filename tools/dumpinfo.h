/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dumpinfo gathers, and its two ways of printing it.
 */
#ifndef DUMPINFO_H
#define DUMPINFO_H

#include "common/ui.h"

#include <stdio.h>

struct findings {
    struct dumpio_dump *dump;
    const struct dumpio_info *info;
    const char *name;                   /* first input */
    bool counted;                       /* pages below are valid (not with --quick) */
    struct dumpio_verify_result pages;
    uint64_t present, excluded, lost;   /* bytes, from the page map */
    uint64_t kaslr;                     /* KERNELOFFSET */
    bool has_kaslr, kernel_found;
    char kernel_why[480];               /* why the page tables cannot be used */
    bool ranges, notes;
    struct dumpio_error *map_error;     /* set when the ranges could not be listed to their end */
    FILE *to;
};

/*
 * Fill f from f->dump; `quick` leaves the pages unread. 0, or the exit code (message printed).
 */
int dumpinfo_gather(struct ui *ui, struct findings *f, bool quick);

void print_text(const struct findings *f);
void print_json(const struct findings *f);

/* Words shared by both. */
const char *order_name(enum dumpio_order o);
const char *kind_name(enum dumpio_kind k);
/* Meaning of one taint letter; NULL when unknown. */
const char *taint_meaning(char letter);
/* The dump level in words: bit i of the level, NULL behind the last known. */
const char *level_bit(enum dumpio_level_kind kind, unsigned bit);

#endif
