/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpverify: a verdict on one dump, a comparison of two, digests of many.
 */
#include "common/sandbox.h"
#include "common/text.h"
#include "dumpverify.h"
#include "tools.h"

#include <stdio.h>
#include <dumpio/parts.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST = 400, SET, SIGNER, NO_MANIFEST };

static const struct opt options[] = {
    {DIGEST, "digest", NULL, "print the digest of the memory of each IN: \"HEX  NAME\""},
    {SET, "set", NULL, "all IN together are one dump (the parts of a split set)"},
    {SIGNER, "signer", "FILE", "the manifest has to be signed by one of these allowed signers,\n"
                               "as ssh-keygen(1) describes them"},
    {NO_MANIFEST, "no-manifest", NULL, "do not look for a manifest"},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpverify",
    .summary = "check a kernel crash dump, or compare the memory of two",
    .usage = "dumpverify [OPTIONS] IN\n"
             "dumpverify [OPTIONS] PART...\n"
             "dumpverify [OPTIONS] IN1 IN2\n"
             "dumpverify --digest [OPTIONS] IN...\n"
             "dumpverify --set [--digest] PART...",
    .own = options,
    .more = UI_OPTIONS_READ,
    .notes =
        "IN alone: every structure, bitmap, descriptor and page is read and decoded; what is lost\n"
        "is listed as ranges of physical memory. Where its manifest stands beside it (--manifest of\n"
        "the tools that write dumps), every changed bit is found and located to a file and to 4 MiB\n"
        "of memory; IN may be all parts of several, one of them, or the name before their numbers.\n"
        "IN.sha256 alone locates it to a file. With neither, changes that leave pages readable are not\n"
        "seen. IN1 IN2: the same memory? The first differing address is named. The digest is that of\n"
        "the memory, the same in every format.\n\n"
        "Exit status: 0 whole or the same, 1 not whole, different, or error, 2 usage;\n"
        "--digest: 3 when pages were lost.",
};

static int open_dump(struct ui *ui, struct dumpio_dump **d, char **paths, int n)
{
    struct dumpio_error err = {0};
    size_t left_out;
    if (dumpio_open_parts(d, (const char *const *)paths, (size_t)n, &ui->open, &left_out, &ui->env,
                          &err))
        return ui_error(ui, &err);
    if (!left_out)
        return EXIT_WHOLE;
    ui_message(ui, "%zu of the %d files are no parts of it", left_out, n);
    dumpio_close(*d);
    *d = NULL;
    return EXIT_ERROR;
}

static void lost_range(void *user, const struct dumpio_run *run, const char *why)
{
    struct report *r = user;
    ui_end_progress(r->ui);
    if (r->json) {
        json_open(r->json, NULL, '{');
        json_hex(r->json, "start", run->start);
        json_hex(r->json, "end", run->end);
        json_text(r->json, "why", why);
        json_close(r->json, '}');
    } else {
        fprintf(r->text, "lost: 0x%llx-0x%llx: %s\n", (unsigned long long)run->start,
                (unsigned long long)run->end, why);
    }
}

/* ---- one dump --------------------------------------------------------------------------------- */

static void json_verdict(struct json *j, const struct dumpio_verify_result *v, bool whole)
{
    char text[TEXT_DIGEST];
    json_text(j, "verdict", whole ? "whole" : "not whole");
    json_u64(j, "present_pages", v->present_pages);
    json_u64(j, "zero_pages", v->zero_pages);
    json_u64(j, "excluded_pages", v->excluded_pages);
    json_u64(j, "lost_pages", v->lost_pages);
    json_u64(j, "partial_pages", v->partial_pages);
    json_text(j, "image_digest", text_digest(v->digest, text));
}

static void text_verdict(const struct dumpio_verify_result *v, const struct dumpio_info *info,
                         bool whole)
{
    char text[TEXT_DIGEST];
    printf("present   %llu pages of %u bytes, %llu of them zero\n",
           (unsigned long long)v->present_pages, info->unit, (unsigned long long)v->zero_pages);
    printf("excluded  %llu pages\n", (unsigned long long)v->excluded_pages);
    printf("lost      %llu pages\n", (unsigned long long)v->lost_pages);
    if (v->partial_pages)
        printf("partial   %llu pages are held in part only (missing bytes count as zero)\n",
               (unsigned long long)v->partial_pages);
    if (info->truncated)
        puts("the file ends before its structures do");
    if (info->incomplete)
        puts("its writer marked it as incomplete");
    printf("memory    %s\n", text_digest(v->digest, text));
    puts(whole ? "verdict   whole" : "verdict   NOT WHOLE");
}

/* What no manifest means; and encryption proves its own contents. */
static const char no_manifest[] =
    "no manifest stands beside it: whether it is what was written cannot be known. A changed bit\n"
    "shows where a header or a packed page no longer fits (zlib, zstd), seldom in LZO and snappy\n"
    "pages, and never in pages that are stored plain";

/* Is the file one of the parts, or something that stands beside them? */
static bool names_it(const struct dumpio_manifest *m, const char *path)
{
    static const char *const beside[] = {".manifest.json", ".manifest.json.age", ".sha256", ".sig"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name), parts = dumpio_manifest_get_info(m)->parts;
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        if (len > strlen(beside[i]) && !strcmp(name + len - strlen(beside[i]), beside[i]))
            return true;
    for (size_t i = 0; i < parts; i++)
        if (!strcmp(dumpio_manifest_part(m, i).name, name))
            return true;
    return false;
}

/* The files that make up the dump: those of the manifest that are there, or those given. */
struct inputs {
    char **given;
    int n;
    const char *const *paths;
    size_t n_paths;
    const char **list; /* behind paths, when made */
};

static int find_inputs(struct inputs *in, const struct proof *p, struct ui *ui)
{
    size_t n = p->m ? dumpio_manifest_get_info(p->m)->parts : 0;
    in->paths = (const char *const *)in->given;
    in->n_paths = (size_t)in->n;
    if (!p->m)
        return EXIT_WHOLE;
    for (int i = 0; i < in->n; i++)
        if (in->n > 1 && !names_it(p->m, in->given[i])) {
            ui_message(ui, "%s is none of the parts that %s names", in->given[i],
                       dumpio_manifest_get_info(p->m)->path);
            return EXIT_ERROR;
        }
    in->list = malloc((n + 1) * sizeof *in->list);
    if (!in->list) {
        ui_message(ui, "out of memory");
        return EXIT_ERROR;
    }
    in->paths = in->list;
    in->n_paths = 0;
    for (size_t i = 0; i < n; i++) {
        const char *path = dumpio_manifest_part(p->m, i).path;
        FILE *f = fopen(path, "rb");
        if (f)
            in->list[in->n_paths++] = path;
        if (f)
            fclose(f);
    }
    return EXIT_WHOLE;
}

/* The files alone: their contents are encrypted, or `why`. */
static void verify_outside(struct report *r, const struct proof *p, const char *allowed,
                           const char *why, bool *whole)
{
    *whole = proof_holds(p, NULL, allowed);
    if (r->json)
        json_text(r->json, "verdict", *whole ? "as written, contents not looked at" : "not whole");
    else
        printf("contents  %s\nverdict   %s\n",
               why ? why : "encrypted: --identity=FILE looks inside",
               *whole ? "the files are as they were written" : "NOT WHOLE");
}

/* Everything that is inside. -1: verdict printed and `whole` set; else an exit code. */
static int verify_contents(struct report *r, struct proof *p, const struct inputs *in,
                           const char *allowed, bool *whole)
{
    struct dumpio_dump *d = NULL;
    struct dumpio_verify_result v;
    struct dumpio_error err = {0};
    size_t left_out;
    int rc = dumpio_open_parts(&d, in->paths, in->n_paths, &r->ui->open, &left_out, &r->ui->env,
                               &err);
    if (rc == DUMPIO_E_ARG && p->m && !r->ui->open.keys) { /* encrypted, and checksums tell no more */
        verify_outside(r, p, allowed, err.message, whole);
        return -1;
    }
    if (r->json)
        json_open(r->json, "lost", '[');
    if (!rc)
        rc = proof_memory(p, d, r, lost_range, &v, &err);
    ui_end_progress(r->ui);
    if (r->json)
        json_close(r->json, ']');
    if (rc) {
        dumpio_close(d);
        return ui_error(r->ui, &err);
    }
    const struct dumpio_info *info = dumpio_get_info(d);
    *whole = !left_out && !v.lost_pages && !info->truncated && !info->incomplete &&
             proof_holds(p, &v, allowed);
    if (p->m)
        proof_print_changed(p, r);
    if (r->json)
        json_verdict(r->json, &v, *whole);
    else
        text_verdict(&v, info, *whole);
    dumpio_close(d);
    return -1;
}

static int verify_one(struct ui *ui, char **paths, int n, const char *allowed, bool use_manifest)
{
    struct json j;
    struct report r = {ui, ui->json ? &j : NULL, stdout};
    struct inputs in = {.given = paths, .n = n};
    struct proof p = {0};
    bool whole = false;
    if (ui->json) {
        json_start(&j, stdout);
        json_open(&j, NULL, '{');
    }
    int code = use_manifest ? proof_start(&p, &r, paths[0], allowed) : EXIT_WHOLE;
    if (!code)
        code = find_inputs(&in, &p, ui);
    if (!code && p.sealed)
        verify_outside(&r, &p, allowed, NULL, &whole);
    else if (!code)
        code = verify_contents(&r, &p, &in, allowed, &whole);
    if (ui->json)
        json_close(&j, '}');
    else if (code == -1 && use_manifest && !p.m && !p.damaged)
        puts(no_manifest);
    if (allowed && !p.m)
        ui_message(ui, "no manifest, so nothing is signed");
    free(in.list);
    proof_free(&p);
    return code > 0 ? code : ui_finish_stdout(ui, whole ? EXIT_WHOLE : EXIT_ERROR);
}

/* ---- two dumps ------------------------------------------------------------------------------------ */

static int compare(struct ui *ui, char **paths)
{
    static const char *const what[] = {"same", "different content", "present in one only",
                                       "lost in one"};
    struct dumpio_dump *a = NULL, *b = NULL;
    struct dumpio_compare_result c;
    struct dumpio_error err = {0};
    int code = open_dump(ui, &a, paths, 1);
    if (!code)
        code = open_dump(ui, &b, paths + 1, 1);
    if (!code && dumpio_compare(a, b, &c, &ui->env, &err))
        code = ui_error(ui, &err);
    dumpio_close(a);
    dumpio_close(b);
    if (code)
        return code;
    ui_end_progress(ui);
    if (ui->json) {
        struct json j;
        json_start(&j, stdout);
        json_open(&j, NULL, '{');
        json_bool(&j, "same", c.difference == DUMPIO_SAME);
        json_text(&j, "difference", what[c.difference]);
        if (c.difference)
            json_hex(&j, "address", c.addr);
        json_u64(&j, "frames_compared", c.frames);
        json_close(&j, '}');
    } else if (c.difference) {
        printf("different: physical address 0x%llx: %s\n", (unsigned long long)c.addr,
               what[c.difference]);
    } else {
        printf("the same memory: %llu frames of 4096 bytes\n", (unsigned long long)c.frames);
    }
    return ui_finish_stdout(ui, c.difference ? EXIT_ERROR : EXIT_WHOLE);
}

/* ---- digests --------------------------------------------------------------------------------------- */

static int digest(struct ui *ui, char **paths, int n)
{
    struct dumpio_dump *d = NULL;
    int code = open_dump(ui, &d, paths, n);
    if (code)
        return code;
    char text[TEXT_DIGEST];
    struct dumpio_verify_result v;
    struct dumpio_error err = {0};
    struct report r = {ui, NULL, stderr};
    int rc = dumpio_verify(d, 1, lost_range, &r, &v, &ui->env, &err);
    dumpio_close(d);
    ui_end_progress(ui);
    if (rc)
        return ui_error(ui, &err);
    printf("%s  %s\n", text_digest(v.digest, text), paths[0]);
    if (v.partial_pages)
        ui->verbosity >= 0
            ? ui_message(ui, "%s: %llu pages are held in part only; missing bytes count as zero",
                         paths[0], (unsigned long long)v.partial_pages)
            : (void)0;
    return v.lost_pages ? EXIT_LOST : EXIT_WHOLE;
}

static int digests(struct ui *ui, char **paths, int n, bool set)
{
    int worst = EXIT_WHOLE;
    if (set)
        return ui_finish_stdout(ui, digest(ui, paths, n));
    for (int i = 0; i < n; i++) {
        int code = digest(ui, paths + i, 1);
        if (code == EXIT_ERROR || (code == EXIT_LOST && worst == EXIT_WHOLE))
            worst = code;
    }
    return ui_finish_stdout(ui, worst);
}

/* ---- parts ---------------------------------------------------------------------------------------- */

/* Does the manifest of the first name them all? Then they are one output. */
static bool is_one_set(char **paths, int n)
{
    struct dumpio_manifest *m = NULL;
    if (dumpio_manifest_open(&m, paths[0], NULL, NULL, NULL))
        return false;
    bool set = dumpio_manifest_get_info(m)->parts > 1;
    for (int i = 0; i < n && set; i++)
        set = names_it(m, paths[i]);
    dumpio_manifest_close(m);
    return set;
}

static int dumpverify_main(int argc, char **argv)
{
    struct ui ui;
    struct opt_parse p;
    bool want_digest = false, set = false, use_manifest = true;
    const char *allowed = NULL;
    int id, code;
    ui_start(&ui, &spec);
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE) {
        if (id == DIGEST)
            want_digest = true;
        else if (id == SET)
            set = true;
        else if (id == SIGNER)
            allowed = p.arg;
        else if (id == NO_MANIFEST)
            use_manifest = false;
        else if ((code = ui_option(&ui, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    }
    if (!p.n_operands)
        return opt_usage_error(&spec, "an input is needed");
    set |= use_manifest && p.n_operands > 1 && !want_digest && is_one_set(p.operands, p.n_operands);
    if (allowed && (!use_manifest || want_digest || (p.n_operands != 1 && !set)))
        return opt_usage_error(&spec, "--signer is about the manifest of one dump");
    bool one = !want_digest && (set || p.n_operands == 1);
    const struct sandbox s = {.inputs = (const char *const *)p.operands,
                              .n_inputs = (size_t)p.n_operands, .beside = (one && use_manifest) || set,
                              .more = {allowed}, .crypto = true};
    if (!want_digest && !one && p.n_operands != 2)
        return opt_usage_error(&spec, "one or two inputs; --set takes several as one dump");
    sandbox_enter(&ui, &s);
    if (want_digest || set || p.n_operands == 1)
        ui_forward(&ui, "verify");
    if (want_digest)
        return digests(&ui, p.operands, p.n_operands, set);
    if (one)
        return verify_one(&ui, p.operands, p.n_operands, allowed, use_manifest);
    return compare(&ui, p.operands);
}

const struct tool tool_dumpverify = {&spec, dumpverify_main};
