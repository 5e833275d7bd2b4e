/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpmerge: the parts of a dump, or of any file, joined and proved.
 */
#include "common/json.h"
#include "common/output.h"
#include "common/sandbox.h"
#include "tools.h"

#include <dumpio/parts.h>
#include <stdio.h>

enum { SALVAGE = 400, SIGNER };

static const struct opt options[] = {
    {SALVAGE, "salvage", NULL, "write what there is; what is lost is listed (exit status 3)"},
    {SIGNER, "signer", "FILE", "the manifest has to be signed by one of these allowed signers,\n"
                               "as ssh-keygen(1) describes them"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpmerge",
    .summary = "join the parts of a kernel crash dump, or of any file",
    .usage = "dumpmerge [OPTIONS] PART... OUT\n"
             "dumpmerge [OPTIONS] -o OUT PART...",
    .own = options,
    .output = output_options,
    .more = ui_options,
    .notes =
        "Parts of dumpsplit in any order, by bytes or by memory; sets of makedumpfile --split; dumps\n"
        "of one machine that cover different memory. The manifest is found beside the parts, or is\n"
        "one of the files given; a signature of it has to fit. What is joined from dumps is written as\n"
        "dumpconv would, by default in the format of the parts; what is joined by bytes is what it\n"
        "was. Parts that are missing, damaged, foreign or there twice are named before anything is\n"
        "written. After an interruption the same call goes on behind what OUT.dumpmerge has, which is\n"
        "proved by the manifest first.\n\n"
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

struct request {
    struct ui ui;
    struct output out;
    struct dumpio_merge_options merge;
};

static int merge(struct request *r, char **paths, int n, const char *out)
{
    struct dumpio_merge_result result;
    struct dumpio_error err = {0};
    struct dumpio_merge_options *o = &r->merge;
    o->force = r->out.convert.force = r->ui.force;
    o->no_sync = r->out.convert.no_sync;
    o->open = &r->ui.open;
    o->convert = &r->out.convert;
    o->lost = lost;
    const struct sandbox s = {.inputs = (const char *const *)paths, .n_inputs = (size_t)n,
                              .beside = true, .output = out, .crypto = true};
    sandbox_enter(&r->ui, &s);
    int rc = dumpio_merge((const char *const *)paths, (size_t)n, out, o, &result, &r->ui.env, &err);
    ui_end_progress(&r->ui);
    if (rc)
        return ui_error(&r->ui, &err);
    report(&r->ui, &result);
    return ui_finish_stdout(&r->ui, result.lost_bytes ? EXIT_LOST : EXIT_WHOLE);
}

static int option(struct request *r, int id, const char *arg)
{
    if (id == SALVAGE || id == SIGNER) {
        r->merge.salvage |= id == SALVAGE;
        r->merge.allowed_signers = id == SIGNER ? arg : r->merge.allowed_signers;
        return -1;
    }
    int code = output_option(&r->ui, &r->out, id, arg);
    return code != -2 ? code : ui_option(&r->ui, id, arg);
}

static int dumpmerge_main(int argc, char **argv)
{
    struct request r = {.out.convert.level = DUMPIO_LEVEL_DEFAULT};
    struct opt_parse p;
    int id, code;
    ui_start(&r.ui, &spec);
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE)
        if ((code = option(&r, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    const char *out = r.ui.output;
    if (!out && p.n_operands > 1)
        out = p.operands[--p.n_operands];
    if (!out || !p.n_operands)
        return opt_usage_error(&spec, "parts and an output are needed");
    return merge(&r, p.operands, p.n_operands, out);
}

const struct tool tool_dumpmerge = {&spec, dumpmerge_main};
