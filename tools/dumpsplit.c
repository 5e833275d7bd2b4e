/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpsplit: a dump, or any file, in several.
 */
#include "common/json.h"
#include "common/provenance.h"
#include "common/sandbox.h"
#include "common/split.h"
#include "common/text.h"
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>

enum { NO_IMAGE = 400 };

static const struct opt options[] = {
    {SPLIT_SIZE, "size", "SIZE", "parts of at most SIZE bytes (1G, 650M, ...)"},
    {SPLIT_PARTS, "parts", "N", "N parts, equally large"},
    {SPLIT_BY, "by", "HOW", "bytes (the default): one behind the other they are the file;\n"
                            "memory: every part is a dump of a range of the memory"},
    {SPLIT_NAME, "name", "PATTERN", "names with %d or %03d for the number, in place of PREFIX"},
    {NO_IMAGE, "no-image", NULL, "by bytes: do not read a dump a second time for what its manifest\n"
                                 "says of the memory"},
    {SPLIT_ALIGN, "align", "SIZE", "by memory: parts start at multiples of SIZE; default 4M"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpsplit",
    .summary = "split a kernel crash dump, or any file",
    .usage = "dumpsplit --size=SIZE|--parts=N [OPTIONS] IN PREFIX\n"
             "dumpsplit --size=SIZE|--parts=N --name=PATTERN [OPTIONS] IN\n"
             "dumpsplit --by=memory --size=SIZE|--parts=N [OPTIONS] IN... PREFIX",
    .own = options,
    .output = output_options,
    .more = ui_options,
    .notes =
        "Writes PREFIX001, PREFIX002, ..., PREFIX.manifest.json and PREFIX.sha256. dumpmerge joins\n"
        "the parts and proves them; so do `cat PREFIX0*` for parts by bytes, `sha256sum -c`, and for\n"
        "kdump parts by memory `makedumpfile --reassemble`; crash opens those as they are.\n"
        "By bytes, --wrap and --encrypt-to go around the file before it is cut; by memory, around\n"
        "every part. The manifest has the digests of a dump's memory, 4 MiB each, by which dumpverify\n"
        "locates damage; of a file that is split by bytes, they cost a second reading (--no-image).\n\n"
        "Exit status: 0 done, 1 error (nothing is left behind), 2 usage, 3 done, and the dump had\n"
        "lost pages.",
};

struct request {
    struct ui ui;
    char options[1024]; /* as given, without names of files */
    struct output out;
    struct dumpio_split_options split;
};

static int option(struct request *r, int id, const char *arg)
{
    if (id == NO_IMAGE) {
        r->split.no_image = 1;
        return -1;
    }
    int code = split_option(&r->ui, &r->split, id, arg);
    if (code == -2)
        code = output_option(&r->ui, &r->out, id, arg);
    return code != -2 ? code : ui_option(&r->ui, id, arg);
}

static void report(const struct ui *ui, const struct dumpio_split_result *r, bool memory)
{
    char text[TEXT_DIGEST];
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
    if (r->has_image)
        json_text(&j, "image_digest", text_digest(r->image, text));
    if (memory) {
        json_u64(&j, "pages", r->dump.pages);
        json_u64(&j, "lost_pages", r->dump.lost_pages);
    }
    json_close(&j, '}');
}

static int split(struct request *r, char **paths, int n)
{
    struct dumpio_split_result result;
    struct dumpio_error err = {0};
    struct lines lines = {0};
    provenance_tool(&lines, "dumpsplit", r->options);
    char *provenance = lines_end(&lines);
    r->out.manifest.provenance = provenance;
    r->out.convert.manifest = &r->out.manifest; /* parts have one always */
    r->split.force = r->out.convert.force = r->ui.force;
    r->split.no_sync = r->out.convert.no_sync;
    r->split.open = &r->ui.open;
    r->split.convert = &r->out.convert;
    const struct sandbox s = {.inputs = (const char *const *)paths, .n_inputs = (size_t)n,
                              .output = r->split.name ? r->split.name : r->split.prefix,
                              .beside = true, .crypto = true};
    sandbox_enter(&r->ui, &s);
    int rc = dumpio_split((const char *const *)paths, (size_t)n, &r->split, &result, &r->ui.env,
                          &err);
    free(provenance);
    ui_end_progress(&r->ui);
    if (rc == DUMPIO_E_ARG)
        return opt_usage_error(&spec, "%s", err.message);
    if (rc)
        return ui_error(&r->ui, &err);
    report(&r->ui, &result, r->split.by == DUMPIO_SPLIT_MEMORY);
    return ui_finish_stdout(&r->ui, result.dump.lost_pages ? EXIT_LOST : EXIT_WHOLE);
}

/* Options that say how pages are written, where no page is looked at. */
static bool only_for_dumps(const struct request *r)
{
    const struct dumpio_convert_options *c = &r->out.convert;
    return c->format || c->codec || c->level != DUMPIO_LEVEL_DEFAULT || c->ram_only ||
           c->flatten || c->no_share || r->split.align;
}

static int dumpsplit_main(int argc, char **argv)
{
    struct request r = {.out.convert.level = DUMPIO_LEVEL_DEFAULT};
    struct opt_parse p;
    int id, code;
    ui_start(&r.ui, &spec);
    provenance_options(r.options, sizeof r.options, argc, argv);
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE)
        if ((code = option(&r, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    if (!r.split.name && r.ui.output)
        r.split.prefix = r.ui.output;
    else if (!r.split.name && p.n_operands > 1)
        r.split.prefix = p.operands[--p.n_operands];
    if (!p.n_operands || (!r.split.prefix && !r.split.name))
        return opt_usage_error(&spec, "an input and a prefix for the parts are needed");
    if (!r.split.size == !r.split.parts)
        return opt_usage_error(&spec, "either --size or --parts is needed");
    bool bytes = r.split.by == DUMPIO_SPLIT_BYTES;
    if (bytes && only_for_dumps(&r))
        return opt_usage_error(&spec, "options that say how a dump is written go with --by=memory");
    if (!bytes && r.split.no_image)
        return opt_usage_error(&spec, "--no-image is for splitting by bytes");
    if (bytes && p.n_operands != 1)
        return opt_usage_error(&spec, "one input is split by bytes");
    return split(&r, p.operands, p.n_operands);
}

const struct tool tool_dumpsplit = {&spec, dumpsplit_main};
