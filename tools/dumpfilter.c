/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpfilter: leave pages out of a dump by what the dumped kernel says of them. Takes the place of
 * makedumpfile as a core_collector.
 */
#include "common/provenance.h"
#include "common/sandbox.h"
#include "common/text.h"
#include "dumpfilter.h"
#include "tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXCLUDE = 400, ONLY, EXCLUDE_RANGE, REDACT, KEEP_UNKNOWN, DRY_RUN, MAX_SIZE, INPUT_DIGEST,
    DUMP_DMESG, MESSAGE_LEVEL, NUM_THREADS
};

static const struct opt options[] = {
    {EXCLUDE, "exclude", "CLASSES", "of zero, cache, private (implies cache), user, free,\n"
                                 "freed (parked on per-processor lists), hwpoison, offline"},
    {'d', "dump-level", "LEVEL[,LEVEL...]", "makedumpfile's bits: 1 zero, 2 cache, 4 private,\n"
                                 "8 user, 16 free. Of several, the next is taken when the\n"
                                 "output does not fit"},
    {MAX_SIZE, "max-size", "SIZE", "the output fits when it is not larger than this"},
    {'c', NULL, NULL, "--to=kdump:zlib"},
    {'l', NULL, NULL, "--to=kdump:lzo"},
    {'p', NULL, NULL, "--to=kdump:snappy"},
    {'z', NULL, NULL, "--to=kdump:zstd"},
    {'E', NULL, NULL, "--to=elf"},
    {'F', "flatten", NULL, "write a flattened stream; to standard output without OUT"},
    {ONLY, "only", "RANGES", "leave out everything else: START-END[,START-END...]"},
    {EXCLUDE_RANGE, "exclude-range", "RANGES", "leave these pages out, whatever they hold"},
    {REDACT, "redact", NULL, "write zero pages in place of what is left out"},
    {KEEP_UNKNOWN, "keep-unknown", NULL, "keep what cannot be classified, and exit with 3"},
    {DRY_RUN, "dry-run", NULL, "say what would be left out and how large the output would\n"
                               "be; write nothing"},
    {INPUT_DIGEST, "input-digest", NULL, "note the input's image digest too (one more pass)"},
    {'x', "vmlinux", "FILE", "the kernel's image with debug information, for facts that\n"
                             "the dump does not hold (kernels before 2.6.24)"},
    {'i', "vmcoreinfo", "FILE", "use this VMCOREINFO"},
    {DUMP_DMESG, "dump-dmesg", NULL, "write the kernel log to OUT, and no dump"},
    {MESSAGE_LEVEL, "message-level", "N", "makedumpfile's bits: 1 progress, 2 notes, 16 report"},
    {NUM_THREADS, "num-threads", "N", "as --threads"},
    {'D', NULL, NULL, "as -v"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpfilter",
    .summary = "leave pages out of a kernel crash dump, by what the dumped kernel says of them",
    .usage = "dumpfilter -d LEVEL | --exclude=CLASSES [OPTIONS] IN... OUT\n"
             "dumpfilter -d LEVEL -F [OPTIONS] IN > OUT\n"
             "dumpfilter --dry-run -d LEVEL IN...\n"
             "dumpfilter --dump-dmesg IN OUT",
    .own = options,
    .output = output_options,
    .split = split_options,
    .more = ui_options,
    .notes =
        "Several IN are the parts of a split set. '-' is standard input or output; to a stream,\n"
        "formats that cannot be written forward come out flattened.\n\n"
        "The default format is kdump. What is not proved to be of a class is kept. A kernel that\n"
        "cannot be understood is an error that names the missing fact; in a capture kernel, where\n"
        "the dump must not be lost, use --keep-unknown. A page that a range cuts is kept whole.\n"
        "Levels with 2, 4, 8 or 16 leave broken (hwpoison) and offline pages out as well; 0 and 1 ask\n"
        "nothing of the kernel: add --exclude=hwpoison,offline.\n\n"
        "Exit status: 0 whole, 1 error, 2 usage, 3 finished but pages were lost, or kept because\n"
        "they could not be classified; an interrupted run leaves nothing, and ends by its signal.",
};

/* ---- the command line --------------------------------------------------------------------------- */

static int set_classes(struct filter_request *r, const char *text)
{
    const char *bad;
    size_t len;
    if (sets_classes(text, &r->exclude, &bad, &len))
        return -1;
    return opt_usage_error(&spec, "--exclude: no such class: %.*s", (int)len, bad);
}

static int set_ranges(struct sets_ranges *to, const char *option, const char *text)
{
    if (sets_add_ranges(to, text))
        return -1;
    return opt_usage_error(&spec, "--%s: %s is no list of START-END", option, text);
}

static int message_level(struct filter_request *r, const char *arg)
{
    long long v;
    if (!opt_number(arg, 0, 31, &v))
        return opt_usage_error(&spec, "--message-level: %s is not 0 to 31", arg);
    if (!(v & 1))
        r->ui.progress = PROGRESS_NONE;
    r->ui.verbosity = v & 16 ? 1 : v & 2 ? 0 : -1;
    return -1;
}

static int set_levels(struct filter_request *r, const char *arg)
{
    r->n_levels = sets_levels(arg, r->levels);
    return r->n_levels ? -1 : opt_usage_error(&spec, "-d: %s is no list of levels 0 to 31", arg);
}

static int set_max_size(struct filter_request *r, const char *arg)
{
    return sets_size(arg, &r->max_size) ? -1
                                        : opt_usage_error(&spec, "--max-size: %s is no size", arg);
}

/* makedumpfile's letters. */
static int format_option(struct filter_request *r, int id)
{
    static const struct { int id; const char *format; } letters[] = {
        {'c', "kdump:zlib"}, {'l', "kdump:lzo"}, {'p', "kdump:snappy"}, {'z', "kdump:zstd"},
        {'E', "elf"}};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].id == id)
            return output_format(&r->ui, &r->out, letters[i].format);
    return -2;
}

static int own_option(struct filter_request *r, int id, const char *arg)
{
    switch (id) {
    case EXCLUDE: return set_classes(r, arg);
    case 'd': return set_levels(r, arg);
    case MAX_SIZE: return set_max_size(r, arg);
    case ONLY: return set_ranges(&r->only, "only", arg);
    case EXCLUDE_RANGE: return set_ranges(&r->drop, "exclude-range", arg);
    case REDACT: r->redact = true; return -1;
    case KEEP_UNKNOWN: r->keep_unknown = true; return -1;
    case DRY_RUN: r->dry_run = true; return -1;
    case INPUT_DIGEST: r->input_digest = true; return -1;
    case 'x': r->ui.open.vmlinux = arg; return -1;
    case 'i': r->ui.open.vmcoreinfo = arg; return -1;
    case DUMP_DMESG: r->dump_dmesg = true; return -1;
    case MESSAGE_LEVEL: return message_level(r, arg);
    case NUM_THREADS: return ui_option(&r->ui, 'T', arg);
    case 'D': return ui_option(&r->ui, 'v', NULL);
    default: return format_option(r, id);
    }
}

static int any_option(struct filter_request *r, int id, const char *arg)
{
    int code = own_option(r, id, arg);
    if (code == -2)
        code = output_option(&r->ui, &r->out, id, arg);
    if (code == -2)
        code = split_option(&r->ui, &r->split, id, arg);
    return code != -2 ? code : ui_option(&r->ui, id, arg);
}

static bool asks_for_something(const struct filter_request *r)
{
    return r->n_levels || r->exclude || r->only.n || r->drop.n || r->out.convert.ram_only ||
           r->dump_dmesg;
}

/* Operands: inputs, and the output unless -o, -F alone or --dry-run say otherwise. -1: go on. */
static int operands(struct filter_request *r, struct opt_parse *p, const char **out)
{
    int n = p->n_operands;
    *out = split_output(&r->ui, &r->split);
    if (r->dry_run && r->ui.output)
        return opt_usage_error(&spec, "--dry-run writes nothing");
    if (!*out && !r->dry_run && !(r->out.convert.flatten && n == 1))
        *out = n ? p->operands[--n] : NULL;
    if (!*out && r->out.convert.flatten)
        *out = "-";
    if (n < 1 || (!*out && !r->dry_run))
        return opt_usage_error(&spec, "an input and an output are needed");
    p->n_operands = n;
    if (r->n_levels > 1 && *out && !strcmp(*out, "-"))
        return opt_usage_error(&spec, "several levels need an output that can be written anew: no "
                               "stream");
    return -1;
}

/* ---- the work ----------------------------------------------------------------------------------- */

static int note_input_digest(struct filter_request *r, struct dumpio_dump *d,
                             struct dumpio_error *err)
{
    struct dumpio_verify_result v;
    int rc = dumpio_verify(d, 1, NULL, NULL, &v, &r->ui.env, err);
    if (!rc)
        text_digest(v.digest, r->digest);
    return rc;
}

static void tell(struct filter_request *r, const struct dumpio_convert_result *c)
{
    uint64_t out = c->range_pages;
    for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
        out += c->excluded_pages[i];
    if (r->ui.verbosity > 0) {
        for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
            if (c->excluded_pages[i])
                ui_message(&r->ui, "left out: %llu pages, %s",
                           (unsigned long long)c->excluded_pages[i],
                           dumpio_class_name((enum dumpio_class)i));
        ui_message(&r->ui, "%llu pages written (%llu zero, %llu shared, %llu passed unchanged), "
                   "%llu left out, %s", (unsigned long long)c->pages,
                   (unsigned long long)c->zero_pages, (unsigned long long)c->shared_pages,
                   (unsigned long long)c->passed_pages, (unsigned long long)out,
                   ui_size(c->out_bytes));
    }
}

static int result_code(struct filter_request *r, const struct dumpio_convert_result *c,
                       const struct dumpio_classes *classes, const char *path)
{
    int code = output_missing(&r->ui, c, path);
    if (c->unknown_pages) {
        ui_message(&r->ui, "%llu pages could not be classified and were kept: %s",
                   (unsigned long long)c->unknown_pages,
                   dumpio_classes_get_info(classes)->unknown_why);
        code = EXIT_LOST;
    }
    return code;
}

/* Write with one set of classes. */
static int write_once(struct filter_request *r, struct dumpio_dump *d, struct dumpio_classes *c,
                      const char *path, unsigned set, struct dumpio_convert_result *result,
                      struct dumpio_error *err)
{
    struct dumpio_filter f = {
        .exclude = set, .classes = c, .only = r->only.v, .n_only = r->only.n, .drop = r->drop.v,
        .n_drop = r->drop.n, .redact = r->redact, .max_bytes = r->max_size,
    };
    char *lines = filter_provenance(r, d, c, &f);
    if (!lines) {
        err->status = DUMPIO_E_NOMEM;
        return DUMPIO_E_NOMEM;
    }
    f.provenance = lines;
    r->out.convert.filter = &f;
    int rc = split_write(&r->ui, &r->out.convert, &r->split, d, path, result, err);
    r->out.convert.filter = NULL;
    ui_end_progress(&r->ui);
    free(lines);
    return rc;
}

static bool did_not_fit(int rc, const struct dumpio_error *err)
{
    return rc == DUMPIO_E_LIMIT || (rc == DUMPIO_E_IO && err->sys_errno == ENOSPC);
}

static int filter(struct filter_request *r, struct dumpio_dump *d, const char *path)
{
    struct dumpio_error err = {0};
    struct dumpio_classes *c = NULL;
    struct dumpio_convert_result result = {0};
    unsigned wanted = r->exclude;
    for (unsigned i = 0; i < r->n_levels; i++)
        wanted |= dumpio_level_set(r->levels[i]);
    struct dumpio_classify_options o = {
        .keep_unknown = r->keep_unknown,
        .freed = (wanted & DUMPIO_BIT(DUMPIO_CLASS_FREED)) != 0 || r->dry_run,
    };
    bool writing = false; /* then the arguments may turn out wrong */
    int rc = 0, code;
    if (r->input_digest)
        rc = note_input_digest(r, d, &err);
    if (!rc && (needs_classes(wanted) || r->dry_run))
        rc = dumpio_classify(d, &o, &c, &r->ui.env, &err);
    if (!rc && r->dry_run) {
        struct dumpio_filter f = {.exclude = r->exclude, .classes = c, .only = r->only.v,
                                  .n_only = r->only.n, .drop = r->drop.v, .n_drop = r->drop.n};
        f.exclude |= r->n_levels ? dumpio_level_set(r->levels[0]) : 0;
        code = filter_dry_run(r, d, c, &f);
        dumpio_classes_free(c);
        return code;
    }
    for (unsigned i = 0; !rc; i++) {
        writing = true;
        unsigned set = r->exclude | (r->n_levels ? dumpio_level_set(r->levels[i]) : 0);
        rc = write_once(r, d, c, path, set, &result, &err);
        if (!did_not_fit(rc, &err) || i + 1 >= r->n_levels)
            break;
        ui_message(&r->ui, "level %u does not fit (%s); trying %u", r->levels[i], err.message,
                   r->levels[i + 1]);
        rc = 0;
    }
    if (rc)
        code = rc == DUMPIO_E_ARG && writing ? opt_usage_error(&spec, "%s", err.message)
                                             : ui_error(&r->ui, &err);
    else
        code = result_code(r, &result, c, path);
    if (!rc)
        tell(r, &result);
    dumpio_classes_free(c);
    return code;
}

/* ---- --dump-dmesg ------------------------------------------------------------------------------- */

static int to_file(void *user, const char *text, size_t len)
{
    return fwrite(text, 1, len, user) != len;
}

static int dump_dmesg(struct filter_request *r, struct dumpio_dump *d, const char *path)
{
    struct dumpio_error err = {0};
    bool stream = !strcmp(path, "-");
    FILE *to = stream ? stdout : fopen(path, r->ui.force ? "w" : "wx");
    if (!to) {
        ui_message(&r->ui, "%s: %s", path, strerror(errno));
        return EXIT_ERROR;
    }
    int rc = dumpio_dmesg(d, to_file, to, &err);
    bool failed = !stream && (ferror(to) || fclose(to));
    if (!rc && !failed)
        return EXIT_WHOLE;
    if (!stream)
        remove(path);
    if (rc)
        return ui_error(&r->ui, &err);
    ui_message(&r->ui, "%s: cannot be written", path);
    return EXIT_ERROR;
}

/* The command line; -1 to go on, else the exit code. */
static int take_arguments(struct filter_request *r, struct opt_parse *p, const char **out)
{
    int id, code;
    while ((id = opt_next(p)) != OPT_DONE)
        if ((code = any_option(r, id, p->arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    if (!asks_for_something(r))
        return opt_usage_error(&spec, "what shall be left out? -d LEVEL or --exclude=CLASSES");
    return operands(r, p, out);
}

/* Is the memory read just once, in order? */
static bool reads_once(const struct filter_request *r)
{
    unsigned set = r->exclude | (r->n_levels ? dumpio_level_set(r->levels[0]) : 0);
    return !needs_classes(set) && r->n_levels < 2 && !r->input_digest && !r->dry_run &&
           !r->dump_dmesg && !r->out.convert.ram_only && r->split.by != DUMPIO_SPLIT_MEMORY;
}

static int open_and_filter(struct filter_request *r, const struct opt_parse *p, const char *out)
{
    struct dumpio_dump *d = NULL;
    struct dumpio_error err = {0};
    if (!r->out.convert.format)
        output_format(&r->ui, &r->out, "kdump");
    r->out.convert.force = r->ui.force;
    const struct sandbox s = {.inputs = (const char *const *)p->operands,
                              .n_inputs = (size_t)p->n_operands, .beside = p->n_operands > 1,
                              .output = r->dry_run ? NULL : out,
                              .crypto = output_uses_crypto(&r->out) || r->input_digest ||
                                        split_wanted(&r->split)};
    sandbox_enter(&r->ui, &s);
    ui_forward(&r->ui, reads_once(r) ? r->out.convert.format : NULL);
    if (dumpio_open(&d, (const char *const *)p->operands, (size_t)p->n_operands, &r->ui.open,
                    &r->ui.env, &err))
        return ui_error(&r->ui, &err);
    int code = r->dump_dmesg ? dump_dmesg(r, d, out) : filter(r, d, out);
    dumpio_close(d);
    return ui_finish_stdout(&r->ui, code);
}

static int dumpfilter_main(int argc, char **argv)
{
    struct filter_request r = {.out.convert.level = DUMPIO_LEVEL_DEFAULT};
    struct opt_parse p;
    const char *out = NULL;
    ui_start(&r.ui, &spec);
    provenance_options(r.options, sizeof r.options, argc, argv);
    opt_start(&p, &spec, argc, argv);
    int code = take_arguments(&r, &p, &out);
    if (code == -1)
        code = open_and_filter(&r, &p, out);
    sets_free_ranges(&r.only);
    sets_free_ranges(&r.drop);
    return code;
}

const struct tool tool_dumpfilter = {&spec, dumpfilter_main};
