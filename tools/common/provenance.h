/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an output says of its making: lines of KEY=VALUE.
 */
#ifndef PROVENANCE_H
#define PROVENANCE_H

#include <dumpio/dumpio.h>
#include <stdbool.h>
#include <stddef.h>

struct lines {
    char *v; /* malloc'ed, NUL-terminated; NULL = nothing yet */
    size_t len, cap;
    bool failed; /* sticky: no memory */
};

void lines_add(struct lines *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text, the caller's to free; NULL: out of memory. */
char *lines_end(struct lines *t);

/*
 * The options among the arguments, names of files, keys and recipients left out: they are nobody's
 * business. Before the arguments are parsed: that moves them.
 */
void provenance_options(char *buf, size_t size, int argc, char **argv);

/* tool=, options= */
void provenance_tool(struct lines *t, const char *tool, const char *options);
/* pages.CLASS= of what the dump holds, and whether the filter keeps it */
void provenance_classes(struct lines *t, const struct dumpio_classes_info *c,
                        const struct dumpio_filter *f);
/* input.format=, input.size= and what tells this dump from others */
void provenance_input(struct lines *t, const struct dumpio_info *i);

#endif
