/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Format, codec, containers and recipients of an output, from the command line.
 */
#include "output.h"
#include "keyring.h"
#include "signals.h"

enum {
    TO = 350, CODEC, LEVEL, RAM_ONLY, WRAP, WRAP_LEVEL, BEST, ENCRYPT_TO, MANIFEST, SIGN, NO_SHARE,
    NO_SYNC, STRICT, KEEP_PARTIAL
};

#define BEST_LEVEL 19
#define LEVEL_FAR 1000 /* beyond every codec's levels; the codec says which it has */

const struct opt output_options[] = {
    {TO, "to", "FORMAT[:CODEC]", "format to write; dumpconv --list names them"},
    {CODEC, "codec", "CODEC", "how pages are packed (default: as in the input where FORMAT\n"
                              "has it, so that pages pass unchanged; else FORMAT's first)"},
    {LEVEL, "level", "N", "of the codec; repacks every page"},
    {RAM_ONLY, "ram-only", NULL, "leave out frames outside the kernel's memory map"},
    {'F', "flatten", NULL, "write a flattened stream, as makedumpfile -F does"},
    {WRAP, "wrap", "CONTAINERS", "containers around the output, innermost first: zst, gz, xz, none\n"
                           "(default: as the suffixes of OUT say)"},
    {WRAP_LEVEL, "wrap-level", "N", "of the compressing container"},
    {BEST, "best", NULL, "the smallest output: a zst container at its level 19, slow"},
    {ENCRYPT_TO, "encrypt-to", "WHOM", "encrypt for age1..., ssh-ed25519 ..., ssh-rsa ..., or\n"
                                       "the recipients in a file; may be repeated"},
    {MANIFEST, "manifest", NULL, "write OUT.manifest.json and OUT.sha256 too, by which dumpverify\n"
                                 "finds every changed bit; with --encrypt-to, what tells of the\n"
                                 "contents is in OUT.manifest.json.age"},
    {SIGN, "sign", "SSHKEY", "sign the manifest (ssh-keygen -Y verify -n file checks it)"},
    {NO_SHARE, "no-share", NULL, "store identical pages anew, where FORMAT (kdump) could have\n"
                                 "them once"},
    {NO_SYNC, "no-sync", NULL, "do not wait until the disk has it"},
    {STRICT, "strict", NULL, "stop at the first lost page"},
    {KEEP_PARTIAL, "keep-partial", NULL, "when interrupted, finish OUT with what was reached: a\n"
                                         "dump that is marked incomplete, exit status 3"},
    {0, NULL, NULL, NULL},
};

int output_format(struct ui *ui, struct output *o, const char *text)
{
    if (!target_parse(&o->to, text))
        return opt_usage_error(ui->spec, "unknown format: %s", text);
    o->convert.format = o->to.format;
    if (o->to.codec)
        o->convert.codec = o->to.codec;
    return -1;
}

static int set_level(struct ui *ui, const char *name, const char *arg, int *level)
{
    long long v;
    if (!opt_number(arg, -LEVEL_FAR, LEVEL_FAR, &v))
        return opt_usage_error(ui->spec, "--%s: %s is no number", name, arg);
    *level = (int)v;
    return -1;
}

static int add_recipient(struct ui *ui, struct output *o, const char *arg)
{
    int code = keyring_recipient(ui, &o->recipients, arg);
    o->convert.keys = o->recipients;
    return code;
}

int output_option(struct ui *ui, struct output *o, int id, const char *arg)
{
    struct dumpio_convert_options *c = &o->convert;
    switch (id) {
    case TO: return output_format(ui, o, arg);
    case CODEC: c->codec = arg; return -1;
    case LEVEL: return set_level(ui, "level", arg, &c->level);
    case RAM_ONLY: c->ram_only = 1; return -1;
    case 'F': c->flatten = 1; return -1;
    case WRAP: c->wrap = arg; return -1;
    case WRAP_LEVEL: return set_level(ui, "wrap-level", arg, &c->wrap_level);
    case BEST: c->wrap = c->wrap ? c->wrap : "zst"; c->wrap_level = BEST_LEVEL; return -1;
    case ENCRYPT_TO: return add_recipient(ui, o, arg);
    case MANIFEST: c->manifest = &o->manifest; return -1;
    case SIGN:
        c->manifest = &o->manifest;
        return keyring_signer(ui, &o->manifest.signer, arg);
    case NO_SHARE: c->no_share = 1; return -1;
    case NO_SYNC: c->no_sync = 1; return -1;
    case KEEP_PARTIAL:
        c->keep_partial = 1;
        signals_without_deadline();
        return -1;
    case STRICT: ui->env.strict = 1; return -1;
    default: return -2;
    }
}

int output_missing(struct ui *ui, const struct dumpio_convert_result *c, const char *path)
{
    if (c->lost_pages)
        ui_message(ui, "%llu pages were lost; the rest is in %s",
                   (unsigned long long)c->lost_pages, path);
    if (c->unreached_pages)
        ui_message(ui, "stopped by a signal: %llu pages were not reached; %s is incomplete",
                   (unsigned long long)c->unreached_pages, path);
    return c->lost_pages || c->unreached_pages ? EXIT_LOST : EXIT_WHOLE;
}
