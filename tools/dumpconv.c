/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpconv: convert a dump from any format to any format.
 */
#include "common/json.h"
#include "common/output.h"
#include "common/provenance.h"
#include "common/salvage.h"
#include "common/sandbox.h"
#include "common/split.h"
#include "tools.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST = 400 };

static const struct opt options[] = {
    {LIST, "list", NULL, "list formats and their codecs, the default first"},
    SALVAGE_OPTION,
    SALVAGE_REPORT_OPTION,
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpconv",
    .summary = "convert a kernel crash dump between formats",
    .usage = "dumpconv FROM2TO [OPTIONS] IN... OUT\n"
             "dumpconv --to=FORMAT[:CODEC] [OPTIONS] IN... OUT\n"
             "dumpconv --list [--json]",
    .own = options,
    .output = output_options,
    .split = split_options,
    .more = ui_options,
    .notes =
        "FROM2TO names both formats (lkcd2elf); the input is checked against FROM. Several IN are\n"
        "the parts of a split set. '-' is standard input or output; to a stream, formats that\n"
        "cannot be written forward come out flattened (makedumpfile -R, and every tool here, undo\n"
        "it).\n\n"
        "Exit status: 0 whole, 1 error, 2 usage, 3 finished but pages were lost; an interrupted\n"
        "run leaves nothing, and ends by its signal.",
};

struct request {
    struct ui ui;
    struct output out;
    struct dumpio_split_options split;
    char from[64];
    char options[512]; /* as given, for the manifest */
    bool list;
    struct salvage salvage;
};

/* "lkcd2elf[:codec]"; false when it is no such word. */
static bool from_to(struct request *r, const char *word, int *code)
{
    for (const char *two = strchr(word, '2'); two; two = strchr(two + 1, '2')) {
        size_t from = (size_t)(two - word);
        if (!target_known(word, from) || !target_known(two + 1, strcspn(two + 1, ":")))
            continue;
        memcpy(r->from, word, from);
        r->from[from] = 0;
        *code = output_format(&r->ui, &r->out, two + 1);
        return true;
    }
    return false;
}

static int own_option(struct request *r, int id, const char *arg)
{
    if (id == LIST) {
        r->list = true;
        return -1;
    }
    int code = output_option(&r->ui, &r->out, id, arg);
    if (code == -2)
        code = salvage_option(&r->ui, &r->salvage, id, arg);
    if (code == -2)
        code = split_option(&r->ui, &r->split, id, arg);
    return code != -2 ? code : ui_option(&r->ui, id, arg);
}

/* The input is what it was said to be. "netdump" and "lkcd8" are ways of writing elf and lkcd. */
static int check_from(struct request *r, const struct dumpio_info *info)
{
    const char *want = r->from;
    if (!strcmp(want, "netdump"))
        want = "elf";
    if (!strcmp(want, "lkcd8"))
        want = "lkcd";
    if (!*want || !strcmp(want, info->format))
        return 0;
    ui_message(&r->ui, "the input is in %s format, not %s", info->format, r->from);
    return EXIT_ERROR;
}

static void print_result(struct request *r, const struct dumpio_convert_result *c,
                         const char *path)
{
    if (r->ui.json && strcmp(path, "-") != 0)
        printf("{\"pages\":%llu,\"zero_pages\":%llu,\"passed_pages\":%llu,\"lost_pages\":%llu,"
               "\"unreached_pages\":%llu,\"dropped_pages\":%llu,\"shared_pages\":%llu,\"out_bytes\":%llu}\n",
               (unsigned long long)c->pages, (unsigned long long)c->zero_pages,
               (unsigned long long)c->passed_pages, (unsigned long long)c->lost_pages,
               (unsigned long long)c->unreached_pages, (unsigned long long)c->dropped_pages,
               (unsigned long long)c->shared_pages,
               (unsigned long long)c->out_bytes);
    else if (r->ui.verbosity > 0)
        ui_message(&r->ui, "%llu pages (%llu zero, %llu shared, %llu passed unchanged), %s written",
                   (unsigned long long)c->pages, (unsigned long long)c->zero_pages,
                   (unsigned long long)c->shared_pages, (unsigned long long)c->passed_pages,
                   ui_size(c->out_bytes));
}

static void lost(void *user, const struct dumpio_run *run, const char *why)
{
    struct request *r = (struct request *)(void *)((char *)user - offsetof(struct request, ui));
    salvage_keep(&r->salvage, run, why);
}

static int convert(struct request *r, struct dumpio_dump *d, const char *path)
{
    struct dumpio_error err = {0};
    struct dumpio_convert_result result;
    int code = check_from(r, dumpio_get_info(d));
    if (code)
        return code;
    struct lines lines = {0};
    provenance_tool(&lines, "dumpconv", r->options);
    provenance_input(&lines, dumpio_get_info(d));
    char *provenance = lines_end(&lines);
    if (r->ui.open.salvage)
        r->out.convert.lost = lost;
    r->out.manifest.provenance = provenance; /* for a manifest, where one is asked for */
    if (split_wanted(&r->split))
        r->out.convert.manifest = &r->out.manifest; /* parts have one always */
    int rc = split_write(&r->ui, &r->out.convert, &r->split, d, path, &result, &err);
    free(provenance);
    ui_end_progress(&r->ui);
    if (rc == DUMPIO_E_ARG)
        return opt_usage_error(&spec, "%s", err.message);
    if (rc)
        return ui_error(&r->ui, &err);
    print_result(r, &result, path);
    code = output_missing(&r->ui, &result, path);
    return r->ui.open.salvage ? salvage_report(&r->ui, &r->salvage, d, &result, code) : code;
}

/* ---- --list --------------------------------------------------------------------------------- */

static void list_json(const struct dumpio_format_info *f, struct json *j)
{
    json_open(j, NULL, '{');
    json_text(j, "name", f->name);
    json_text(j, "title", f->title);
    json_bool(j, "reads", f->reads);
    json_bool(j, "writes", f->writes);
    json_bool(j, "holds_absent", f->holds_absent);
    json_open(j, "codecs", '[');
    for (size_t c = 0; f->codecs[c]; c++)
        json_text(j, NULL, f->codecs[c]);
    json_close(j, ']');
    json_close(j, '}');
}

static void list_text(const struct dumpio_format_info *f)
{
    printf("%-10s %s%s  %s\n", f->name, f->reads ? "r" : "-", f->writes ? "w" : "-", f->title);
    if (f->codecs[0])
        printf("%-14s codecs:", "");
    for (size_t c = 0; f->codecs[c]; c++)
        printf(" %s", f->codecs[c]);
    if (f->codecs[0])
        putchar('\n');
}

static int list_formats(struct request *r)
{
    struct dumpio_format_info f;
    struct json j;
    json_start(&j, stdout);
    if (r->ui.json) {
        json_open(&j, NULL, '{');
        json_open(&j, "formats", '[');
    }
    for (size_t i = 0; !dumpio_format_at(i, &f); i++)
        if (r->ui.json)
            list_json(&f, &j);
        else
            list_text(&f);
    if (r->ui.json) {
        json_close(&j, ']');
        json_close(&j, '}');
    }
    return ui_finish_stdout(&r->ui, EXIT_WHOLE);
}

/* Open and convert, confined to what that needs. */
static int run(struct request *r, const char *const *paths, size_t n, const char *path)
{
    const struct sandbox s = {.inputs = paths, .n_inputs = n, .beside = n > 1, .output = path,
                              .report = r->salvage.path,
                              .crypto = output_uses_crypto(&r->out) || split_wanted(&r->split)};
    sandbox_enter(&r->ui, &s);
    bool once = !r->out.convert.ram_only && r->split.by != DUMPIO_SPLIT_MEMORY;
    ui_forward(&r->ui, once ? r->out.convert.format : NULL);

    struct dumpio_dump *d = NULL;
    struct dumpio_error err = {0};
    if (dumpio_open(&d, paths, n, &r->ui.open, &r->ui.env, &err))
        return ui_error(&r->ui, &err);
    int code = convert(r, d, path);
    dumpio_close(d);
    return code;
}

static int dumpconv_main(int argc, char **argv)
{
    struct request r = {.out.convert.level = DUMPIO_LEVEL_DEFAULT};
    struct opt_parse p;
    int id, code;
    ui_start(&r.ui, &spec);
    provenance_options(r.options, sizeof r.options, argc, argv);
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE)
        if ((code = own_option(&r, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    if (r.list)
        return list_formats(&r);
    char **operands = p.operands;
    int n = p.n_operands;
    if (!r.out.convert.format && n && from_to(&r, operands[0], &code)) {
        if (code != -1)
            return code;
        operands++;
        n--;
    }
    if (!r.out.convert.format)
        return opt_usage_error(&spec, "which format? --to=FORMAT or FROM2TO");
    const char *path = split_output(&r.ui, &r.split);
    if (!path && n)
        path = operands[--n];
    if (!path || n < 1)
        return opt_usage_error(&spec, "an input and an output are needed");
    if (!r.ui.open.from && !strcmp(r.from, "raw"))
        r.ui.open.from = "raw";
    r.out.convert.force = r.ui.force;
    code = run(&r, (const char *const *)operands, (size_t)n, path);
    salvage_free(&r.salvage);
    return ui_finish_stdout(&r.ui, code);
}

const struct tool tool_dumpconv = {&spec, dumpconv_main};
