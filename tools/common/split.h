/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs in parts: options, and writing a dump as one file or several.
 */
#ifndef SPLIT_H
#define SPLIT_H

#include "output.h"

#include <dumpio/parts.h>

enum { SPLIT_SIZE = 380, SPLIT_PARTS, SPLIT_BY, SPLIT_NAME, SPLIT_ALIGN };

/* For tools that write parts when asked to; dumpsplit names the same ids in a table of its own. */
extern const struct opt split_options[];

/* Handle one of the ids. -1: handled; -2: not one of them; else exit with this code. */
int split_option(struct ui *ui, struct dumpio_split_options *o, int id, const char *arg);

/* Were parts asked for? */
static inline bool split_wanted(const struct dumpio_split_options *o)
{
    return o->size || o->parts;
}

/* The output, when it is none of the operands: -o, or the names of parts; else NULL. */
static inline const char *split_output(const struct ui *ui, const struct dumpio_split_options *o)
{
    return ui->output ? ui->output : split_wanted(o) ? o->name : NULL;
}

/* Write `dump` to `path`, or, as `split` says, to parts that begin with it. A library status. */
int split_write(struct ui *ui, const struct dumpio_convert_options *convert,
                struct dumpio_split_options *split, struct dumpio_dump *dump, const char *path,
                struct dumpio_convert_result *result, struct dumpio_error *err);

#endif
