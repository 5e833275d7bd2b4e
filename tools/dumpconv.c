/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpconv: convert a dump from any format to any format.
 */
#include "common/json.h"
#include "common/keyring.h"
#include "common/target.h"
#include "common/ui.h"
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TO = 400, CODEC, LEVEL, RAM_ONLY, NO_SYNC, STRICT, LIST, WRAP, WRAP_LEVEL, ENCRYPT_TO };

static const struct opt options[] = {
    {TO, "to", "FORMAT[:CODEC]", "format to write; --list names them"},
    {CODEC, "codec", "CODEC", "how pages are packed (default: as in the input where FORMAT\n"
                              "has it, so that pages pass unchanged; else FORMAT's first)"},
    {LEVEL, "level", "N", "of the codec; repacks every page"},
    {RAM_ONLY, "ram-only", NULL, "leave out frames outside the kernel's memory map"},
    {'F', "flatten", NULL, "write a flattened stream, as makedumpfile -F does"},
    {WRAP, "wrap", "LIST", "containers around the output, innermost first: zst, gz, xz, none\n"
                           "(default: as the suffixes of OUT say)"},
    {WRAP_LEVEL, "wrap-level", "N", "of the compressing container"},
    {ENCRYPT_TO, "encrypt-to", "WHOM", "encrypt for age1..., ssh-ed25519 ..., ssh-rsa ..., or\n"
                                       "the recipients in a file; may be repeated"},
    {NO_SYNC, "no-sync", NULL, "do not wait until the disk has it"},
    {STRICT, "strict", NULL, "stop at the first lost page"},
    {LIST, "list", NULL, "list formats and their codecs, the default first"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpconv",
    .summary = "convert a kernel crash dump between formats",
    .usage = "dumpconv FROM2TO [OPTIONS] IN... OUT\n"
             "dumpconv --to=FORMAT[:CODEC] [OPTIONS] IN... OUT\n"
             "dumpconv --list [--json]",
    .own = options,
    .more = ui_options,
    .notes =
        "FROM2TO names both formats (lkcd2elf); the input is checked against FROM. Several IN are\n"
        "the parts of a split set. '-' is standard input or output; to a stream, formats that\n"
        "cannot be written forward come out flattened (makedumpfile -R, and every tool here, undo\n"
        "it).\n\n"
        "Exit status: 0 whole, 1 error, 2 usage, 3 finished but pages were lost.",
};

struct request {
    struct ui ui;
    struct dumpio_convert_options convert;
    struct target to;
    char from[64];
    struct dumpio_keys *recipients;
    bool list;
};

/* "FORMAT" or "FORMAT:CODEC" into the request. */
static int set_target(struct request *r, const char *text)
{
    if (!target_parse(&r->to, text))
        return opt_usage_error(&spec, "unknown format: %s", text);
    r->convert.format = r->to.format;
    if (r->to.codec)
        r->convert.codec = r->to.codec;
    return -1;
}

/* "lkcd2elf[:codec]"; false when it is no such word. */
static bool from_to(struct request *r, const char *word, int *code)
{
    for (const char *two = strchr(word, '2'); two; two = strchr(two + 1, '2')) {
        size_t from = (size_t)(two - word);
        if (!target_known(word, from) || !target_known(two + 1, strcspn(two + 1, ":")))
            continue;
        memcpy(r->from, word, from);
        r->from[from] = 0;
        *code = set_target(r, two + 1);
        return true;
    }
    return false;
}

static int own_option(struct request *r, int id, const char *arg)
{
    long long v;
    int code;
    switch (id) {
    case TO: return set_target(r, arg);
    case CODEC: r->convert.codec = arg; return -1;
    case LEVEL:
        if (!opt_number(arg, -1000, 1000, &v))
            return opt_usage_error(&spec, "--level: %s is no number", arg);
        r->convert.level = (int)v;
        return -1;
    case RAM_ONLY: r->convert.ram_only = 1; return -1;
    case 'F': r->convert.flatten = 1; return -1;
    case WRAP: r->convert.wrap = arg; return -1;
    case WRAP_LEVEL:
        if (!opt_number(arg, -1000, 1000, &v))
            return opt_usage_error(&spec, "--wrap-level: %s is no number", arg);
        r->convert.wrap_level = (int)v;
        return -1;
    case ENCRYPT_TO:
        code = keyring_recipient(&r->ui, &r->recipients, arg);
        r->convert.keys = r->recipients;
        return code;
    case NO_SYNC: r->convert.no_sync = 1; return -1;
    case STRICT: r->ui.env.strict = 1; return -1;
    case LIST: r->list = true; return -1;
    default: return ui_option(&r->ui, id, arg);
    }
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
               "\"dropped_pages\":%llu,\"out_bytes\":%llu}\n",
               (unsigned long long)c->pages, (unsigned long long)c->zero_pages,
               (unsigned long long)c->passed_pages, (unsigned long long)c->lost_pages,
               (unsigned long long)c->dropped_pages, (unsigned long long)c->out_bytes);
    else if (r->ui.verbosity > 0)
        ui_message(&r->ui, "%llu pages (%llu zero, %llu passed unchanged), %s written",
                   (unsigned long long)c->pages, (unsigned long long)c->zero_pages,
                   (unsigned long long)c->passed_pages, ui_size(c->out_bytes));
}

static int convert(struct request *r, struct dumpio_dump *d, const char *path)
{
    struct dumpio_error err = {0};
    struct dumpio_convert_result result;
    int code = check_from(r, dumpio_get_info(d));
    if (code)
        return code;
    int rc = dumpio_convert(d, path, &r->convert, &result, &r->ui.env, &err);
    ui_end_progress(&r->ui);
    if (rc == DUMPIO_E_ARG)
        return opt_usage_error(&spec, "%s", err.message);
    if (rc)
        return ui_error(&r->ui, &err);
    print_result(r, &result, path);
    if (result.lost_pages) {
        ui_message(&r->ui, "%llu pages were lost; the rest is in %s",
                   (unsigned long long)result.lost_pages, path);
        return EXIT_LOST;
    }
    return EXIT_WHOLE;
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

int dumpconv_main(int argc, char **argv)
{
    struct request r = {.convert.level = DUMPIO_LEVEL_DEFAULT};
    struct opt_parse p;
    int id, code;
    ui_start(&r.ui, &spec);
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE)
        if ((code = own_option(&r, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    if (r.list)
        return list_formats(&r);
    char **operands = p.operands;
    int n = p.n_operands;
    if (!r.convert.format && n && from_to(&r, operands[0], &code)) {
        if (code != -1)
            return code;
        operands++;
        n--;
    }
    if (!r.convert.format)
        return opt_usage_error(&spec, "which format? --to=FORMAT or FROM2TO");
    const char *path = r.ui.output ? r.ui.output : n ? operands[--n] : NULL;
    if (!path || n < 1)
        return opt_usage_error(&spec, "an input and an output are needed");
    if (!r.ui.open.from && !strcmp(r.from, "raw"))
        r.ui.open.from = "raw";
    r.convert.force = r.ui.force;

    struct dumpio_dump *d = NULL;
    struct dumpio_error err = {0};
    if (dumpio_open(&d, (const char *const *)operands, (size_t)n, &r.ui.open, &r.ui.env, &err))
        return ui_error(&r.ui, &err);
    code = convert(&r, d, path);
    dumpio_close(d);
    return ui_finish_stdout(&r.ui, code);
}
