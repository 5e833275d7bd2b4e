/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpmerge: the parts of a dump, or of any file, joined and proved.
 */
#include "common/json.h"
#include "common/target.h"
#include "common/ui.h"
#include "tools.h"

#include <dumpio/parts.h>
#include <stdio.h>

enum { SALVAGE = 400, NO_SYNC };

static const struct opt options[] = {
    {SALVAGE, "salvage", NULL, "write what there is; what is lost is listed (exit status 3)"},
    {'t', "to", "FORMAT[:CODEC]", "of the output, when the parts are dumps; default: as the parts"},
    {NO_SYNC, "no-sync", NULL, "do not wait for the disk"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpmerge",
    .summary = "join the parts of a kernel crash dump, or of any file",
    .usage = "dumpmerge [OPTIONS] PART... OUT\n"
             "dumpmerge [OPTIONS] -o OUT PART...",
    .own = options,
    .more = ui_options,
    .notes =
        "Parts of dumpsplit in any order, by bytes or by memory; sets of makedumpfile --split; dumps\n"
        "of one machine that cover different memory. The manifest is found beside the parts, or is\n"
        "one of the files given. Parts that are missing, damaged, foreign or there twice are named\n"
        "before anything is written. After an interruption the same call goes on behind what\n"
        "OUT.dumpmerge has, which is proved by the manifest first.\n\n"
        "Exit status: 0 done, 1 error, 2 usage, 3 salvaged, and something is lost.",
};

static void lost(void *user, uint64_t start, uint64_t end, const char *why)
{
    ui_message(user, "lost: 0x%llx-0x%llx: %s", (unsigned long long)start, (unsigned long long)end,
               why);
}

static void report(const struct ui *ui, const struct dumpio_merge_result *r)
{
    static const char *const kinds[] = {"bytes", "set", "union"};
    struct json j;
    if (!ui->json) {
        if (ui->verbosity >= 0)
            fprintf(stderr, "%u parts joined, %s%s\n", r->parts, ui_size(r->bytes),
                    r->verified ? ", proved by their manifest" : "");
        return;
    }
    json_start(&j, stdout);
    json_open(&j, NULL, '{');
    json_text(&j, "kind", kinds[r->kind]);
    json_bool(&j, "verified", r->verified);
    json_u64(&j, "parts", r->parts);
    json_u64(&j, "resumed", r->resumed);
    json_u64(&j, "bytes", r->bytes);
    json_u64(&j, "lost_bytes", r->lost_bytes);
    json_close(&j, '}');
}

static int merge(struct ui *ui, struct dumpio_merge_options *o, char **paths, int n,
                 const char *out)
{
    struct dumpio_merge_result r;
    struct dumpio_error err = {0};
    o->force = ui->force;
    o->open = &ui->open;
    o->lost = lost;
    int rc = dumpio_merge((const char *const *)paths, (size_t)n, out, o, &r, &ui->env, &err);
    ui_end_progress(ui);
    if (rc)
        return ui_error(ui, &err);
    report(ui, &r);
    return ui_finish_stdout(ui, r.lost_bytes ? EXIT_LOST : EXIT_WHOLE);
}

int dumpmerge_main(int argc, char **argv)
{
    struct ui ui;
    struct opt_parse p;
    struct dumpio_convert_options convert = {.level = DUMPIO_LEVEL_DEFAULT};
    struct dumpio_merge_options o = {.convert = &convert};
    struct target target = {0};
    int id, code;
    ui_start(&ui, &spec);
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE) {
        if (id == SALVAGE)
            o.salvage = 1;
        else if (id == NO_SYNC)
            o.no_sync = 1;
        else if (id == 't' && !target_parse(&target, p.arg))
            return opt_usage_error(&spec, "%s is no format", p.arg);
        else if (id != 't' && (code = ui_option(&ui, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    }
    if (*target.format) {
        convert.format = target.format;
        convert.codec = target.codec;
    }
    const char *out = ui.output;
    if (!out && p.n_operands > 1)
        out = p.operands[--p.n_operands];
    if (!out || !p.n_operands)
        return opt_usage_error(&spec, "parts and an output are needed");
    return merge(&ui, &o, p.operands, p.n_operands, out);
}
