/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpsplit: a dump, or any file, in several.
 */
#include "common/json.h"
#include "common/sets.h"
#include "common/target.h"
#include "common/ui.h"
#include "tools.h"

#include <dumpio/parts.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 400, PARTS, BY, NAME, ALIGN, NO_SYNC };

static const struct opt options[] = {
    {SIZE, "size", "SIZE", "parts of at most SIZE bytes (1G, 650M, ...)"},
    {PARTS, "parts", "N", "N parts, equally large"},
    {BY, "by", "HOW", "bytes (the default): one behind the other they are the file;\n"
                      "memory: every part is a dump of a range of the memory"},
    {NAME, "name", "PATTERN", "names of the parts, with %d or %03d for the number, instead of PREFIX"},
    {'t', "to", "FORMAT[:CODEC]", "by memory: kdump or elf; default: as the input"},
    {ALIGN, "align", "SIZE", "by memory: parts start at multiples of SIZE; default 4M"},
    {NO_SYNC, "no-sync", NULL, "do not wait for the disk"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpsplit",
    .summary = "split a kernel crash dump, or any file",
    .usage = "dumpsplit --size=SIZE|--parts=N [OPTIONS] IN PREFIX\n"
             "dumpsplit --size=SIZE|--parts=N --name=PATTERN [OPTIONS] IN\n"
             "dumpsplit --by=memory --size=SIZE|--parts=N [OPTIONS] IN... PREFIX",
    .own = options,
    .more = ui_options,
    .notes =
        "Writes PREFIX001, PREFIX002, ..., PREFIX.manifest.json and PREFIX.sha256. dumpmerge joins\n"
        "the parts and proves them; so do `cat PREFIX0*` for parts by bytes, `sha256sum -c`, and for\n"
        "kdump parts by memory `makedumpfile --reassemble`; crash opens those as they are.\n\n"
        "Exit status: 0 done, 1 error (nothing is left behind), 2 usage, 3 done, and the dump had\n"
        "lost pages.",
};

struct request {
    struct dumpio_split_options o;
    struct dumpio_convert_options convert;
    struct target target;
};

static int option(struct ui *ui, struct request *r, int id, const char *arg)
{
    long long n;
    switch (id) {
    case SIZE:
        return sets_size(arg, &r->o.size) ? -1
                                          : opt_usage_error(&spec, "--size: %s is no size", arg);
    case ALIGN:
        return sets_size(arg, &r->o.align) ? -1
                                           : opt_usage_error(&spec, "--align: %s is no size", arg);
    case PARTS:
        if (!opt_number(arg, 1, DUMPIO_PARTS_MAX, &n))
            return opt_usage_error(&spec, "--parts: %s is no number from 1 to %u", arg,
                                   DUMPIO_PARTS_MAX);
        r->o.parts = (uint32_t)n;
        return -1;
    case BY:
        if (strcmp(arg, "bytes") != 0 && strcmp(arg, "memory") != 0)
            return opt_usage_error(&spec, "--by is bytes or memory, not %s", arg);
        r->o.by = *arg == 'm' ? DUMPIO_SPLIT_MEMORY : DUMPIO_SPLIT_BYTES;
        return -1;
    case NAME: r->o.name = arg; return -1;
    case NO_SYNC: r->o.no_sync = 1; return -1;
    case 't':
        if (!target_parse(&r->target, arg))
            return opt_usage_error(&spec, "%s is no format", arg);
        r->convert.format = r->target.format;
        r->convert.codec = r->target.codec;
        return -1;
    default: return ui_option(ui, id, arg);
    }
}

static void report(const struct ui *ui, const struct dumpio_split_result *r, bool memory)
{
    struct json j;
    if (!ui->json) {
        if (ui->verbosity >= 0)
            fprintf(stderr, "%u parts, %s\n", r->parts, ui_size(r->bytes));
        return;
    }
    json_start(&j, stdout);
    json_open(&j, NULL, '{');
    json_u64(&j, "parts", r->parts);
    json_u64(&j, "bytes", r->bytes);
    if (memory) {
        json_u64(&j, "pages", r->pages);
        json_u64(&j, "lost_pages", r->lost_pages);
    }
    json_close(&j, '}');
}

static int split(struct ui *ui, struct request *r, char **paths, int n)
{
    struct dumpio_split_result result;
    struct dumpio_error err = {0};
    bool memory = r->o.by == DUMPIO_SPLIT_MEMORY;
    r->o.force = ui->force;
    r->o.open = &ui->open;
    r->o.convert = &r->convert;
    int rc = dumpio_split((const char *const *)paths, (size_t)n, &r->o, &result, &ui->env, &err);
    ui_end_progress(ui);
    if (rc)
        return ui_error(ui, &err);
    report(ui, &result, memory);
    return ui_finish_stdout(ui, result.lost_pages ? EXIT_LOST : EXIT_WHOLE);
}

int dumpsplit_main(int argc, char **argv)
{
    struct ui ui;
    struct opt_parse p;
    struct request r = {.convert = {.level = DUMPIO_LEVEL_DEFAULT}};
    int id, code;
    ui_start(&ui, &spec);
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE)
        if ((code = option(&ui, &r, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    if (ui.output && !r.o.name)
        r.o.prefix = ui.output;
    else if (!r.o.name && p.n_operands > 1)
        r.o.prefix = p.operands[--p.n_operands];
    if (!p.n_operands || (!r.o.prefix && !r.o.name))
        return opt_usage_error(&spec, "an input and a prefix for the parts are needed");
    if (!r.o.size == !r.o.parts)
        return opt_usage_error(&spec, "either --size or --parts is needed");
    if (r.o.by == DUMPIO_SPLIT_BYTES && (r.convert.format || r.o.align))
        return opt_usage_error(&spec, "--to and --align go with --by=memory");
    if (r.o.by == DUMPIO_SPLIT_BYTES && p.n_operands != 1)
        return opt_usage_error(&spec, "one input is split by bytes");
    return split(&ui, &r, p.operands, p.n_operands);
}
