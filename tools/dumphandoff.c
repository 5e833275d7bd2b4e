/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumphandoff: a dump for somebody else, in one pass: filtered, packed, encrypted for them, cut to
 * what their portal takes, with a manifest, read again from the disk, and a report of what it is.
 */
#include "dumphandoff.h"
#include "common/keyring.h"
#include "common/provenance.h"
#include "common/sandbox.h"
#include "common/sets.h"
#include "tools.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CASE = 400, EXCLUDE, ENCRYPT_TO, SPLIT, PACK_LEVEL, KEEP_UNKNOWN, NO_SYNC, STRICT, SCAN,
       SIGN };

#define CASE_MAX 64

static const struct opt options[] = {
    {CASE, "case", "NAME", "what the files' names begin with: letters, digits, '-', '_', '.'"},
    {'d', "dump-level", "LEVEL", "makedumpfile's bits of what to leave out: 1 zero, 2 cache,\n"
                                 "4 private, 8 user, 16 free"},
    {EXCLUDE, "exclude", "CLASSES", "of zero, cache, private (implies cache), user, free, freed,\n"
                                 "hwpoison, offline"},
    {ENCRYPT_TO, "encrypt-to", "WHOM", "encrypt for age1..., ssh-ed25519 ..., ssh-rsa ..., or\n"
                                       "the recipients in a file; may be repeated"},
    {SPLIT, "split", "SIZE", "parts of at most SIZE bytes (1G, ...); default: one part"},
    {PACK_LEVEL, "level", "N", "of zstd"},
    {KEEP_UNKNOWN, "keep-unknown", NULL, "keep what cannot be classified, and exit with 3"},
    {SCAN, "scan", "[=FILE]", "look for private keys and tokens (AWS, GitHub, Slack, age), and for\n"
                             "the lines of FILE, in all pages that are kept (one more pass);\n"
                             "found: stop, and say what is where, but not what it says"},
    {SIGN, "sign", "SSHKEY", "sign both manifests (ssh-keygen -Y verify -n file checks it)"},
    {NO_SYNC, "no-sync", NULL, "do not wait until the disk has it"},
    {STRICT, "strict", NULL, "stop at the first lost page"},
    {'x', "vmlinux", "FILE", "the kernel's image with debug information, for facts that\n"
                             "the dump does not hold (kernels before 2.6.24)"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumphandoff",
    .summary = "a kernel crash dump for somebody else: filtered, encrypted, in parts, with a report",
    .usage = "dumphandoff -d LEVEL --encrypt-to=WHOM --case=NAME [--split=SIZE] [OPTIONS] IN... DIR",
    .own = options,
    .more = ui_options,
    .notes =
        "Writes DIR/NAME_vmcore.elf.zst.age.part001, 002, ..., and beside them .part.manifest.json\n"
        "(of the files), .part.manifest.json.age (of the contents, for the recipients) and\n"
        ".part.sha256; then reads every part again from the disk, and writes NAME_report.txt and\n"
        "NAME_report.html: what left the house, for whom, and what is to be uploaded. The recipient\n"
        "needs no dumpio: `cat NAME_*.part0* | age -d -i KEY | zstd -d` is the dump.\n\n"
        "The parts have names when all are whole, the manifest comes last. What a killed run left is\n"
        "removed by the next; with --force so is what a whole one made. With --identity of a recipient\n"
        "the parts are opened and compared, too.\n\n"
        "Exit status: 0 done, 1 error (what is there is not to be uploaded), 2 usage, 3 done, but\n"
        "pages were lost, or kept because they could not be classified.",
};

/* ---- the command line ------------------------------------------------------------------------- */

static int set_case(struct handoff *h, const char *arg)
{
    bool good = *arg && *arg != '.' && *arg != '-' && strlen(arg) <= CASE_MAX;
    for (const char *s = arg; *s; s++)
        good &= isalnum((unsigned char)*s) || strchr("-_.", *s);
    if (!good)
        return opt_usage_error(&spec, "--case: %s is no beginning of a file name", arg);
    h->case_name = arg;
    return -1;
}

static int set_level(struct handoff *h, const char *arg)
{
    long long level;
    if (!opt_number(arg, 0, 31, &level))
        return opt_usage_error(&spec, "-d: %s is not 0 to 31", arg);
    h->exclude |= dumpio_level_set((unsigned)level);
    h->asked = true;
    return -1;
}

static int set_classes(struct handoff *h, const char *arg)
{
    const char *bad;
    size_t len;
    h->asked = true;
    if (sets_classes(arg, &h->exclude, &bad, &len))
        return -1;
    return opt_usage_error(&spec, "--exclude: no such class: %.*s", (int)len, bad);
}

static int set_pack_level(struct handoff *h, const char *arg)
{
    long long level;
    if (!opt_number(arg, 1, 22, &level))
        return opt_usage_error(&spec, "--level: %s is not 1 to 22", arg);
    h->convert.wrap_level = (int)level;
    return -1;
}

static int set_scan(struct handoff *h, const char *file)
{
    scan_free(h->scan);
    h->scan = NULL;
    int code = scan_new(&h->scan, &h->ui, file);
    return code ? code : -1;
}

static int option(struct handoff *h, int id, const char *arg)
{
    switch (id) {
    case CASE: return set_case(h, arg);
    case 'd': return set_level(h, arg);
    case EXCLUDE: return set_classes(h, arg);
    case ENCRYPT_TO: return keyring_recipient(&h->ui, &h->recipients, arg);
    case SPLIT:
        return sets_size(arg, &h->split.size) && h->split.size
                   ? -1
                   : opt_usage_error(&spec, "--split: %s is no size", arg);
    case PACK_LEVEL: return set_pack_level(h, arg);
    case KEEP_UNKNOWN: h->keep_unknown = true; return -1;
    case SCAN: return set_scan(h, arg);
    case SIGN:
        h->convert.manifest = &h->sign;
        return keyring_signer(&h->ui, &h->sign.signer, arg);
    case NO_SYNC: h->convert.no_sync = 1; return -1;
    case STRICT: h->ui.env.strict = 1; return -1;
    case 'x': h->ui.open.vmlinux = arg; return -1;
    default: return ui_option(&h->ui, id, arg);
    }
}

static int take_arguments(struct handoff *h, struct opt_parse *p)
{
    int id, code;
    while ((id = opt_next(p)) != OPT_DONE)
        if ((code = option(h, id, p->arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    int n = p->n_operands;
    h->folder = h->ui.output ? h->ui.output : n > 1 ? p->operands[--n] : NULL;
    if (!h->folder || !*h->folder || n < 1)
        return opt_usage_error(&spec, "an input and a folder are needed");
    if (!h->case_name)
        return opt_usage_error(&spec, "whose is it? --case=NAME");
    if (!h->recipients)
        return opt_usage_error(&spec, "who shall read it? --encrypt-to=WHOM");
    if (!h->asked)
        return opt_usage_error(&spec, "what shall be left out? -d LEVEL (0: nothing) or "
                               "--exclude=CLASSES");
    h->inputs = (const char *const *)p->operands;
    h->n_inputs = (size_t)n;
    return -1;
}

/* ---- the work --------------------------------------------------------------------------------- */

static char *provenance(const struct handoff *h, const struct dumpio_filter *f)
{
    struct lines t = {0};
    provenance_tool(&t, "dumphandoff", h->options);
    provenance_classes(&t, dumpio_classes_get_info(f->classes), f);
    provenance_input(&t, h->info);
    return lines_end(&t);
}

static int write_parts(struct handoff *h, struct dumpio_dump *d, struct dumpio_filter *f,
                       struct dumpio_error *err)
{
    char *lines = provenance(h, f);
    if (!lines) {
        err->status = DUMPIO_E_NOMEM;
        return DUMPIO_E_NOMEM;
    }
    f->provenance = lines;
    h->convert.format = "elf";
    h->convert.wrap = "zst";
    h->convert.keys = h->recipients;
    h->convert.filter = f;
    h->split.by = DUMPIO_SPLIT_BYTES;
    if (!h->split.size)
        h->split.size = UINT64_MAX;
    h->split.prefix = h->parts;
    h->split.beside = h->unproven; /* not for others to find before all is proven */
    h->split.convert = &h->convert;
    h->split.force = h->convert.force = 1; /* what is there still is left over */
    h->split.no_sync = h->convert.no_sync;
    int rc = dumpio_split_dump(d, &h->split, &h->result, &h->ui.env, err);
    ui_end_progress(&h->ui);
    h->convert.filter = NULL;
    f->provenance = NULL;
    free(lines);
    return rc;
}

static void tell_part(void *user, size_t i, enum dumpio_part_state state, const char *why)
{
    struct handoff *h = user;
    if (state != DUMPIO_PART_WHOLE)
        ui_message(&h->ui, "%s is not as it was written: %s", dumpio_manifest_part(h->written, i).path,
                   why);
}

/* The parts as the disk has them, not as memory does. */
static void forget_cached(const struct dumpio_manifest *m)
{
    for (size_t i = 0; i < dumpio_manifest_get_info(m)->parts; i++) {
        int fd = open(dumpio_manifest_part(m, i).path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
            close(fd);
        }
    }
}

static int check_signature(struct handoff *h)
{
    struct dumpio_error err = {0};
    if (dumpio_manifest_check_signature(h->written, NULL, &h->signature, &err))
        return ui_error(&h->ui, &err);
    if (h->signature.state == DUMPIO_SIGNED)
        return EXIT_WHOLE;
    ui_message(&h->ui, "the signature is no good: upload nothing: %s", h->signature.who);
    return EXIT_ERROR;
}

static int check_parts(struct handoff *h)
{
    struct dumpio_error err = {0};
    size_t bad = 0;
    int rc = dumpio_manifest_open(&h->written, h->unproven, NULL, &h->ui.env, &err);
    if (rc == DUMPIO_END) {
        ui_message(&h->ui, "the manifest in %s has vanished", h->folder);
        return EXIT_ERROR;
    }
    if (!rc) {
        forget_cached(h->written);
        rc = dumpio_manifest_check_parts(h->written, tell_part, h, &bad, &h->ui.env, &err);
        ui_end_progress(&h->ui);
    }
    if (rc)
        return ui_error(&h->ui, &err);
    if (bad)
        ui_message(&h->ui, "%zu parts came back from the disk changed: upload nothing", bad);
    if (!bad && h->sign.signer)
        return check_signature(h);
    return bad ? EXIT_ERROR : EXIT_WHOLE;
}

static int open_parts(struct handoff *h, struct dumpio_dump **d, struct dumpio_error *err)
{
    size_t n = dumpio_manifest_get_info(h->written)->parts;
    const char **paths = malloc(n * sizeof *paths);
    if (!paths) {
        err->status = DUMPIO_E_NOMEM;
        return DUMPIO_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++)
        paths[i] = dumpio_manifest_part(h->written, i).path;
    const struct dumpio_open_options o = {.keys = h->ui.identities};
    int rc = dumpio_open(d, paths, n, &o, &h->ui.env, err);
    free(paths);
    return rc;
}

/* With an identity: is what a recipient will see what was written? */
static int compare_image(struct handoff *h)
{
    struct dumpio_error err = {0};
    struct dumpio_verify_result v;
    struct dumpio_dump *d = NULL;
    if (!h->ui.identities)
        return EXIT_WHOLE;
    int rc = open_parts(h, &d, &err);
    if (rc == DUMPIO_E_ARG) {
        ui_message(&h->ui, "not opened: %s", err.message);
        h->opened = NO_KEY_FITS;
        return EXIT_WHOLE;
    }
    if (!rc)
        rc = dumpio_verify(d, 1, NULL, NULL, &v, &h->ui.env, &err);
    ui_end_progress(&h->ui);
    dumpio_close(d);
    if (rc)
        return ui_error(&h->ui, &err);
    if (memcmp(v.digest, h->result.image, sizeof v.digest) != 0) {
        ui_message(&h->ui, "the parts open to other memory than was written: upload nothing");
        return EXIT_ERROR;
    }
    h->opened = SAME_IMAGE;
    return EXIT_WHOLE;
}

static bool put_text(void *h, FILE *to)
{
    return handoff_report_text(h, to);
}

static bool put_html(void *h, FILE *to)
{
    return handoff_report_html(h, to);
}

/* In the folder under names of their own, as all that stands beside the parts. */
static int report(struct handoff *h, struct dumpio_dump *d, const struct dumpio_filter *f)
{
    int code = memory_gather_filtered(&h->memory, &h->ui, d, h->inputs[0], f);
    if (code)
        return code;
    code = handoff_save(h, HANDOFF_TEXT, put_text);
    if (!code)
        code = handoff_save(h, HANDOFF_HTML, put_html);
    if (!code && h->ui.verbosity >= 0 && !handoff_report_text(h, stdout))
        code = EXIT_ERROR; /* told at the end */
    memory_free(&h->memory);
    return code;
}

static int exit_code(struct handoff *h, const struct dumpio_filter *f)
{
    const struct dumpio_convert_result *r = &h->result.dump;
    if (r->lost_pages)
        ui_message(&h->ui, "%llu pages were lost; the rest is in %s",
                   (unsigned long long)r->lost_pages, h->folder);
    if (r->unknown_pages)
        ui_message(&h->ui, "%llu pages could not be classified and were kept: %s",
                   (unsigned long long)r->unknown_pages,
                   dumpio_classes_get_info(f->classes)->unknown_why);
    return r->lost_pages || r->unknown_pages ? EXIT_LOST : EXIT_WHOLE;
}

static int hand_over(struct handoff *h, struct dumpio_dump *d)
{
    struct dumpio_error err = {0};
    bool needs_classes = (h->exclude & ~DUMPIO_EXCLUDE_ZERO) != 0;
    const struct dumpio_classify_options o = {
        .keep_unknown = h->keep_unknown || !needs_classes, .freed = 1};
    struct dumpio_filter f = {.exclude = h->exclude};
    int rc = dumpio_classify(d, &o, &f.classes, &h->ui.env, &err), code;
    h->info = dumpio_get_info(d);
    code = !rc && h->scan ? scan_memory(h->scan, &h->ui, d, &f) : EXIT_WHOLE;
    if (!rc && !code)
        rc = write_parts(h, d, &f, &err);
    if (rc)
        code = ui_error(&h->ui, &err);
    if (!code) {
        code = check_parts(h);
        if (!code)
            code = compare_image(h);
        if (!code)
            code = report(h, d, &f);
        if (!code)
            code = handoff_publish(h);
        if (!code)
            code = exit_code(h, &f);
    }
    dumpio_manifest_close(h->written);
    dumpio_classes_free(f.classes);
    return code;
}

static int open_and_hand_over(struct handoff *h)
{
    struct dumpio_dump *d = NULL;
    struct dumpio_error err = {0};
    int code = handoff_take_folder(h);
    if (!code) {
        const struct sandbox s = {.inputs = h->inputs, .n_inputs = h->n_inputs,
                                  .output = h->manifest, .crypto = true};
        sandbox_enter(&h->ui, &s);
        code = dumpio_open(&d, h->inputs, h->n_inputs, &h->ui.open, &h->ui.env, &err)
                   ? ui_error(&h->ui, &err)
                   : handoff_clear_folder(h);
        if (!code)
            code = hand_over(h, d);
    }
    handoff_leave_folder(h);
    dumpio_close(d);
    return ui_finish_stdout(&h->ui, code);
}

static int dumphandoff_main(int argc, char **argv)
{
    struct handoff h = {.convert.level = DUMPIO_LEVEL_DEFAULT, .lock = -1};
    struct opt_parse p;
    ui_start(&h.ui, &spec);
    provenance_options(h.options, sizeof h.options, argc, argv);
    opt_start(&p, &spec, argc, argv);
    int code = take_arguments(&h, &p);
    if (code == -1)
        code = open_and_hand_over(&h);
    scan_free(h.scan);
    return code;
}

const struct tool tool_dumphandoff = {&spec, dumphandoff_main};
