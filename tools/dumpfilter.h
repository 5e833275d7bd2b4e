/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dumpfilter was asked for, shared by its files.
 */
#ifndef DUMPFILTER_H
#define DUMPFILTER_H

#include "common/sets.h"
#include "common/split.h"

struct filter_request {
    struct ui ui;
    struct output out;
    struct dumpio_split_options split;
    unsigned levels[SETS_LEVELS_MAX], n_levels; /* tried in order */
    unsigned exclude;               /* --exclude; joined with the level at hand */
    struct sets_ranges only, drop;
    bool redact, keep_unknown, input_digest, dry_run, dump_dmesg;
    uint64_t max_size;
    char digest[2 * DUMPIO_DIGEST_SIZE + 1]; /* of the input; "" not asked for */
    char options[512];              /* as given, for the provenance */
};

/* Classes are needed for this set. */
static inline bool needs_classes(unsigned set)
{
    return (set & ~DUMPIO_EXCLUDE_ZERO) != 0;
}

/* Print what would be left out, and how large the output would be. An exit code. */
int filter_dry_run(struct filter_request *r, struct dumpio_dump *d, struct dumpio_classes *c,
                   const struct dumpio_filter *f);

/* Lines for the output's provenance; malloc'ed, NULL when out of memory. `c` may be NULL. */
char *filter_provenance(const struct filter_request *r, struct dumpio_dump *d,
                        const struct dumpio_classes *c, const struct dumpio_filter *f);

#endif
