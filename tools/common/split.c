/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs in parts, straight from a conversion.
 */
#include "split.h"
#include "sets.h"

#include <stdio.h>
#include <string.h>

const struct opt split_options[] = {
    {SPLIT_SIZE, "split", "SIZE", "write OUT001, OUT002, ... of at most SIZE bytes (1G, ...),\n"
                                  "OUT.manifest.json and OUT.sha256; dumpmerge joins them"},
    {SPLIT_BY, "split-by", "HOW", "bytes (the default): `cat` joins them too; memory: every\n"
                                  "part is a dump of a range of the memory"},
    {SPLIT_PARTS, "split-parts", "N", "by memory: N parts, in place of --split"},
    {SPLIT_NAME, "split-name", "PATTERN", "names with %d or %03d for the number, in place of OUT"},
    {SPLIT_ALIGN, "split-align", "SIZE", "by memory: parts start at multiples; default 4M"},
    {0, NULL, NULL, NULL},
};

/* As the tool calls it. */
static const char *name_of(const struct ui *ui, int id)
{
    const struct opt *tables[] = {ui->spec->own, ui->spec->split};
    for (size_t t = 0; t < 2; t++)
        for (const struct opt *o = tables[t]; o && o->id; o++)
            if (o->id == id)
                return o->name;
    return "";
}

static int set_size(struct ui *ui, int id, const char *arg, uint64_t *size)
{
    if (sets_size(arg, size) && *size)
        return -1;
    return opt_usage_error(ui->spec, "--%s: %s is no size", name_of(ui, id), arg);
}

int split_option(struct ui *ui, struct dumpio_split_options *o, int id, const char *arg)
{
    long long n;
    switch (id) {
    case SPLIT_SIZE: return set_size(ui, id, arg, &o->size);
    case SPLIT_ALIGN: return set_size(ui, id, arg, &o->align);
    case SPLIT_NAME: o->name = arg; return -1;
    case SPLIT_PARTS:
        if (!opt_number(arg, 1, DUMPIO_PARTS_MAX, &n))
            return opt_usage_error(ui->spec, "--%s: %s is no number from 1 to %u", name_of(ui, id),
                                   arg, DUMPIO_PARTS_MAX);
        o->parts = (uint32_t)n;
        return -1;
    case SPLIT_BY:
        if (strcmp(arg, "bytes") != 0 && strcmp(arg, "memory") != 0)
            return opt_usage_error(ui->spec, "--%s is bytes or memory, not %s", name_of(ui, id),
                                   arg);
        o->by = *arg == 'm' ? DUMPIO_SPLIT_MEMORY : DUMPIO_SPLIT_BYTES;
        return -1;
    default: return -2;
    }
}

int split_write(struct ui *ui, const struct dumpio_convert_options *convert,
                struct dumpio_split_options *split, struct dumpio_dump *dump, const char *path,
                struct dumpio_convert_result *result, struct dumpio_error *err)
{
    struct dumpio_split_result parts;
    if (!split_wanted(split))
        return dumpio_convert(dump, path, convert, result, &ui->env, err);
    split->prefix = split->name ? NULL : path;
    split->convert = convert;
    split->force = convert->force;
    split->no_sync = convert->no_sync;
    int rc = dumpio_split_dump(dump, split, &parts, &ui->env, err);
    split->convert = NULL;
    *result = parts.dump;
    if (!rc && ui->verbosity > 0)
        ui_message(ui, "%u parts, %s", parts.parts, ui_size(parts.bytes));
    return rc;
}
