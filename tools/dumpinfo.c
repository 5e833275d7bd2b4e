/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpinfo: what a dump is and what is in it.
 */
#include "common/sandbox.h"
#include "dumpinfo.h"
#include "dumpinfo_memory.h"
#include "tools.h"

#include <stdlib.h>
#include <string.h>

enum { DMESG = 400, RANGES, NOTES, QUICK, VMCOREINFO, MAP, MEM_USAGE, COLOR };

static const struct opt options[] = {
    {DMESG, "dmesg", NULL, "print the kernel log and nothing else"},
    {VMCOREINFO, "vmcoreinfo", NULL, "print VMCOREINFO and nothing else"},
    {RANGES, "ranges", NULL, "list the ranges of physical memory"},
    {NOTES, "notes", NULL, "list the notes"},
    {MEM_USAGE, "mem-usage", NULL, "count pages by class and NUMA node"},
    {MAP, "map", "[=FILE]", "draw physical memory by class; FILE ends in .svg or .png"},
    {COLOR, "color", "WHEN", "for --map: auto (default), always or never"},
    {QUICK, "quick", NULL, "headers and page map only: do not read the pages"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpinfo",
    .summary = "say what a kernel crash dump is and what is in it",
    .usage = "dumpinfo [OPTIONS] IN...",
    .own = options,
    .more = UI_OPTIONS_NO_OUTPUT,
    .notes = "Several IN are the parts of a split set. '-' is standard input.\n\n"
             "Exit status: 0 whole, 1 error, 2 usage, 3 pages are lost.",
};

/* ---- words ------------------------------------------------------------------------------------ */

const char *order_name(enum dumpio_order o)
{
    return o == DUMPIO_LITTLE ? "little" : o == DUMPIO_BIG ? "big" : "unknown";
}

const char *kind_name(enum dumpio_kind k)
{
    return k == DUMPIO_PRESENT ? "present" : k == DUMPIO_EXCLUDED ? "excluded" : "lost";
}

/* Documentation/admin-guide/tainted-kernels.rst of Linux. */
const char *taint_meaning(char letter)
{
    static const char *const words[26] = {
        ['A' - 'A'] = "ACPI table overridden",     ['B' - 'A'] = "bad page referenced",
        ['C' - 'A'] = "staging driver loaded",     ['D' - 'A'] = "died recently (oops or BUG)",
        ['E' - 'A'] = "unsigned module loaded",    ['F' - 'A'] = "module force-loaded",
        ['G' - 'A'] = "no proprietary modules",    ['I' - 'A'] = "firmware bug worked around",
        ['J' - 'A'] = "fwctl used",                ['K' - 'A'] = "live patched",
        ['L' - 'A'] = "soft lockup",               ['M' - 'A'] = "machine check exception",
        ['N' - 'A'] = "in-kernel test run",        ['O' - 'A'] = "out-of-tree module loaded",
        ['P' - 'A'] = "proprietary module loaded", ['R' - 'A'] = "module force-unloaded",
        ['S' - 'A'] = "processor out of specification", ['T' - 'A'] = "randstruct",
        ['U' - 'A'] = "set by user space",         ['W' - 'A'] = "kernel warning",
        ['X' - 'A'] = "auxiliary (distribution)",
    };
    return letter >= 'A' && letter <= 'Z' ? words[letter - 'A'] : NULL;
}

const char *level_bit(enum dumpio_level_kind kind, unsigned bit)
{
    static const char *const makedumpfile[] = {"zero", "cache", "cache with private data", "user",
                                               "free"};
    static const char *const diskdump[] = {"cache", "zero", "free", "user"};
    if (kind == DUMPIO_LEVEL_MAKEDUMPFILE)
        return bit < 5 ? makedumpfile[bit] : NULL;
    if (kind == DUMPIO_LEVEL_DISKDUMP)
        return bit < 4 ? diskdump[bit] : NULL;
    return NULL;
}

/* ---- gathering ---------------------------------------------------------------------------------- */

static int walk_map(struct findings *f, struct dumpio_error *err)
{
    struct dumpio_run run;
    uint64_t at = 0;
    int rc;
    while (!(rc = dumpio_next_run(f->dump, at, &run, err))) {
        uint64_t n = run.end - run.start;
        if (run.kind == DUMPIO_PRESENT)
            f->present += n;
        else if (run.kind == DUMPIO_EXCLUDED)
            f->excluded += n;
        else
            f->lost += n;
        at = run.end;
    }
    return rc == DUMPIO_END ? 0 : rc;
}

/* That there is none is no error, want of memory to look for it is. */
static int find_kernel(struct findings *f, struct dumpio_error *err)
{
    struct dumpio_error why = {0};
    int rc = dumpio_explore(f->dump, &why);
    if (rc || why.status == DUMPIO_E_NOMEM) {
        *err = why;
        return why.status;
    }
    f->kernel_found = why.status == 0;
    snprintf(f->kernel_why, sizeof f->kernel_why, "%s", why.message);
    size_t len;
    const char *v = dumpio_vmcoreinfo(f->dump, "KERNELOFFSET", &len);
    f->has_kaslr = v != NULL;
    f->kaslr = v ? strtoull(v, NULL, 16) : 0;
    return 0;
}

int dumpinfo_gather(struct ui *ui, struct findings *f, bool quick)
{
    struct dumpio_error err = {0};
    f->info = dumpio_get_info(f->dump);
    int rc = find_kernel(f, &err);
    if (!rc)
        rc = walk_map(f, &err);
    if (!rc && !quick) {
        rc = dumpio_verify(f->dump, 0, NULL, NULL, &f->pages, &ui->env, &err);
        f->counted = !rc;
    }
    ui_end_progress(ui);
    return rc ? ui_error(ui, &err) : 0;
}

/* ---- plain texts --------------------------------------------------------------------------------- */

static int to_stdout(void *user, const char *text, size_t len)
{
    (void)user;
    return fwrite(text, 1, len, stdout) != len;
}

static int print_dmesg(struct ui *ui, struct dumpio_dump *d)
{
    struct dumpio_error err = {0};
    int rc = dumpio_dmesg(d, to_stdout, NULL, &err);
    return rc ? ui_error(ui, &err) : EXIT_WHOLE;
}

static int print_vmcoreinfo(struct ui *ui, struct dumpio_dump *d)
{
    const struct dumpio_info *i = dumpio_get_info(d);
    dumpio_explore(d, NULL);
    if (!i->vmcoreinfo_len) {
        ui_message(ui, "no VMCOREINFO in the file nor in the memory");
        return EXIT_ERROR;
    }
    to_stdout(NULL, i->vmcoreinfo, i->vmcoreinfo_len);
    return EXIT_WHOLE;
}

static int print_findings(struct ui *ui, struct findings *f, bool quick)
{
    struct dumpio_error err = {0};
    int code = dumpinfo_gather(ui, f, quick);
    if (code)
        return code;
    f->to = stdout;
    f->map_error = &err;
    if (ui->json)
        print_json(f);
    else
        print_text(f);
    if (err.status)
        return ui_error(ui, &err);
    return f->lost || f->pages.lost_pages ? EXIT_LOST : EXIT_WHOLE;
}

static int dumpinfo_main(int argc, char **argv)
{
    struct ui ui;
    struct opt_parse p;
    struct findings f = {0};
    bool quick = false;
    const char *map_file = NULL, *color = NULL;
    int id, code, mode = 0;
    ui_start(&ui, &spec);
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE) {
        if (id == DMESG || id == VMCOREINFO || id == MEM_USAGE || id == MAP) {
            mode = id;
            map_file = id == MAP ? p.arg : map_file;
        } else if (id == COLOR)
            color = p.arg;
        else if (id == RANGES)
            f.ranges = true;
        else if (id == NOTES)
            f.notes = true;
        else if (id == QUICK)
            quick = true;
        else if ((code = ui_option(&ui, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    }
    if (!p.n_operands)
        return opt_usage_error(&spec, "an input is needed");
    const struct sandbox s = {.inputs = (const char *const *)p.operands,
                              .n_inputs = (size_t)p.n_operands, .beside = p.n_operands > 1,
                              .output = map_file, .crypto = !mode && !quick};
    sandbox_enter(&ui, &s);
    if (quick && !mode && ui.open.no_spool)
        ui_forward(&ui, "info");
    struct dumpio_error err = {0};
    if (dumpio_open(&f.dump, (const char *const *)p.operands, (size_t)p.n_operands, &ui.open,
                    &ui.env, &err))
        return ui_error(&ui, &err);
    f.name = p.operands[0];
    code = mode == DMESG ? print_dmesg(&ui, f.dump)
           : mode == VMCOREINFO ? print_vmcoreinfo(&ui, f.dump)
           : mode == MEM_USAGE ? print_mem_usage(&ui, f.dump, f.name)
           : mode == MAP ? print_map(&ui, f.dump, f.name, map_file, color)
                         : print_findings(&ui, &f, quick);
    dumpio_close(f.dump);
    return ui_finish_stdout(&ui, code);
}

const struct tool tool_dumpinfo = {&spec, dumpinfo_main};
