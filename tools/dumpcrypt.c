/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpcrypt: encrypt and decrypt files in the age format, with the habits of the age program; make
 * keys, look at encrypted files, change their recipients.
 */
#include "common/json.h"
#include "common/keyring.h"
#include "common/pass.h"
#include "common/provenance.h"
#include "common/sandbox.h"
#include "common/ui.h"
#include "tools.h"

#include <dumpio/crypt.h>
#include <dumpio/manifest.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASS_FILE = 400, PASS_FD, NEW_PASS_FILE, MANIFEST, SIGN, NO_IMAGE };

static const struct opt options[] = {
    {'e', "encrypt", NULL, "encrypt (default)"},
    {'d', "decrypt", NULL, "decrypt"},
    {'r', "recipient", "RECIPIENT", "encrypt for age1..., \"ssh-ed25519 AAAA...\" or\n"
                                    "\"ssh-rsa AAAA...\"; may be repeated"},
    {'R', "recipients-file", "FILE", "encrypt for the recipients in FILE, one a line"},
    {'i', "identity", "FILE", "decrypt with the identities in FILE: AGE-SECRET-KEY-1...\n"
                              "one a line, or an SSH private key; FILE itself may be an age\n"
                              "file with a passphrase. With -e: encrypt for them too"},
    {'p', "passphrase", NULL, "encrypt with a passphrase"},
    {'a', "armor", NULL, "write ASCII armor"},
    {PASS_FILE, "passphrase-file", "FILE", "take the passphrase from FILE's first line"},
    {PASS_FD, "passphrase-fd", "N", "take the passphrase from descriptor N's first line"},
    {NEW_PASS_FILE, "new-passphrase-file", "FILE", "rewrap -p: take the new one from there"},
    {MANIFEST, "manifest", NULL, "encrypting: write OUT.manifest.json and OUT.sha256 too, and\n"
                                 "OUT.manifest.json.age, which tells the recipients what OUT\n"
                                 "holds: a dump is read a second time for it"},
    {SIGN, "sign", "SSHKEY", "sign the manifests (ssh-keygen -Y verify -n file checks it)"},
    {NO_IMAGE, "no-image", NULL, "with --manifest: do not read a dump a second time"},
    {'y', NULL, NULL, "keygen: print the recipients of the identities in -i FILE"},
    {0, NULL, NULL, NULL},
};

enum command { CRYPT, KEYGEN, INSPECT, REWRAP };

static const char *const commands[] = {"keygen", "inspect", "rewrap", NULL}; /* from KEYGEN */

static const struct opt_spec spec = {
    .tool = "dumpcrypt",
    .summary = "encrypt and decrypt dumps (age format)",
    .usage = "dumpcrypt [-e] {-r RECIPIENT | -R FILE | -i FILE}... [-a] [-o OUT] [IN]\n"
             "dumpcrypt [-e] -p [-a] [-o OUT] [IN]\n"
             "dumpcrypt -d [-i FILE]... [-o OUT] [IN]\n"
             "dumpcrypt keygen [-o FILE]\n"
             "dumpcrypt keygen -y -i FILE\n"
             "dumpcrypt inspect [--json] [IN]\n"
             "dumpcrypt rewrap [-i FILE]... {-r RECIPIENT | -R FILE | -p}... -o OUT IN",
    .commands = commands,
    .own = options,
    .more = ui_options,
    .notes =
        "IN and OUT default to standard input and output. OUT appears only when whole, and only\n"
        "its owner may read it. Passphrases are asked for at the terminal unless they come from a\n"
        "file or a descriptor; they are never arguments.\n\n"
        "rewrap encrypts for other recipients without touching the payload; those who could open\n"
        "the file before can still open its old copies, and the new one if they kept its key.\n\n"
        "Exit status: 0 done, 1 error (nothing was written, or inspect found the file cut),\n"
        "2 usage.",
};

struct key_arg {
    int id; /* 'r', 'R', 'i' */
    const char *arg;
};

struct crypt {
    struct ui ui;
    struct dumpio_keys *keys;
    struct key_arg *key_args; /* as given; read once all options are known */
    int n_key_args;
    bool decrypt, encrypt, passphrase, show;
    const char *pass_file, *new_pass_file;
    long long pass_fd; /* -1 none */
    struct dumpio_crypt_options o;
    struct dumpio_manifest_options manifest; /* behind o.manifest, when asked for */
    char options[512]; /* as given, without names of files and keys */
    const char *in;
};

/* ---- passphrases ----------------------------------------------------------------------------- */

/* Where the user said it is, or the terminal. */
static int get_pass(struct crypt *c, const char *what, int twice, char *buf, size_t size)
{
    ui_end_progress(&c->ui);
    if (c->pass_file)
        return pass_from_file(spec.tool, c->pass_file, buf, size);
    if (c->pass_fd >= 0)
        return pass_from_fd(spec.tool, (int)c->pass_fd, buf, size);
    return pass_from_terminal(spec.tool, what, twice, buf, size);
}

static int ask(void *user, const char *what, char *buf, size_t size)
{
    return get_pass(user, what, 0, buf, size);
}

/* The passphrase to encrypt with. */
static int add_new_pass(struct crypt *c, bool rewrap)
{
    char pass[PASS_MAX_BYTES];
    struct dumpio_error err = {0};
    int code = EXIT_ERROR, rc;
    if (!rewrap)
        rc = get_pass(c, "the encrypted file", 1, pass, sizeof pass);
    else if (c->new_pass_file)
        rc = pass_from_file(spec.tool, c->new_pass_file, pass, sizeof pass);
    else
        rc = pass_from_terminal(spec.tool, "the rewrapped file (new)", 1, pass, sizeof pass);
    if (!rc)
        code = dumpio_keys_add_passphrase(c->keys, pass, DUMPIO_KEY_SEAL, &err)
                   ? ui_error(&c->ui, &err)
                   : EXIT_WHOLE;
    pass_wipe(pass, sizeof pass);
    return code;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int report(struct crypt *c, int rc, const struct dumpio_error *err)
{
    ui_end_progress(&c->ui);
    return rc ? ui_error(&c->ui, err) : EXIT_WHOLE;
}

static int do_encrypt(struct crypt *c, const char *out)
{
    struct dumpio_error err = {0};
    int code;
    if (dumpio_keys_encrypt_to_self(c->keys, &err))
        return ui_error(&c->ui, &err);
    if (c->passphrase && (code = add_new_pass(c, false)))
        return code;
    struct lines lines = {0};
    provenance_tool(&lines, spec.tool, c->options);
    char *provenance = lines_end(&lines);
    c->manifest.provenance = provenance;
    int rc = dumpio_encrypt(c->in, out, &c->o, &c->ui.env, &err);
    free(provenance);
    return report(c, rc, &err);
}

static int do_decrypt(struct crypt *c, const char *out)
{
    struct dumpio_error err = {0};
    return report(c, dumpio_decrypt(c->in, out, &c->o, &c->ui.env, &err), &err);
}

static int do_rewrap(struct crypt *c, const char *out)
{
    struct dumpio_error err = {0};
    int code;
    if (c->passphrase && (code = add_new_pass(c, true)))
        return code;
    return report(c, dumpio_rewrap(c->in, out, &c->o, &c->ui.env, &err), &err);
}

static int do_keygen(struct crypt *c, const char *out)
{
    struct dumpio_error err = {0};
    char recipient[DUMPIO_KEY_TEXT];
    if (c->show) {
        for (size_t i = 0; !dumpio_keys_recipient_text(c->keys, i, recipient); i++)
            puts(recipient);
        return ui_finish_stdout(&c->ui, EXIT_WHOLE);
    }
    if (dumpio_keygen(out, c->ui.force, recipient, &err))
        return ui_error(&c->ui, &err);
    if (c->ui.verbosity >= 0)
        fprintf(stderr, "Public key: %s\n", recipient);
    return EXIT_WHOLE;
}

static void inspect_json(const struct dumpio_inspection *f)
{
    struct json j;
    char types[sizeof f->stanzas];
    memcpy(types, f->stanzas, sizeof types);
    json_start(&j, stdout);
    json_open(&j, NULL, '{');
    json_text(&j, "version", "age-encryption.org/v1");
    json_bool(&j, "armored", f->armored);
    json_u64(&j, "stanzas", f->n_stanzas);
    json_open(&j, "stanza_types", '[');
    for (char *t = types, *end; *t; t = end) {
        end = t + strcspn(t, " ");
        if (*end)
            *end++ = 0;
        json_text(&j, NULL, t);
    }
    json_close(&j, ']');
    if (f->work)
        json_u64(&j, "scrypt_work_factor", f->work);
    json_bool(&j, "cut", f->cut);
    json_open(&j, "sizes", '{');
    json_u64(&j, "file", f->size);
    json_u64(&j, "header", f->header);
    json_u64(&j, "armor", f->armor);
    json_u64(&j, "overhead", f->overhead);
    json_u64(&j, "plain", f->plain);
    json_u64(&j, "chunks", f->chunks);
    json_close(&j, '}');
    json_close(&j, '}');
}

static int do_inspect(struct crypt *c)
{
    struct dumpio_inspection f;
    struct dumpio_error err = {0};
    if (dumpio_inspect(c->in, &f, &c->ui.env, &err))
        return ui_error(&c->ui, &err);
    if (c->ui.json) {
        inspect_json(&f);
        return ui_finish_stdout(&c->ui, f.cut ? EXIT_ERROR : EXIT_WHOLE);
    }
    printf("format      age-encryption.org/v1%s\n", f.armored ? ", ASCII armor" : "");
    printf("recipients  %u: %s\n", f.n_stanzas, f.stanzas);
    if (f.work)
        printf("passphrase  scrypt, work factor %u\n", f.work);
    printf("file        %llu bytes\n", (unsigned long long)f.size);
    if (f.armored)
        printf("armor       %llu bytes\n", (unsigned long long)f.armor);
    printf("header      %llu bytes\n", (unsigned long long)f.header);
    if (f.cut)
        puts("payload     the file is cut");
    else
        printf("overhead    %llu bytes\npayload     %llu bytes in %llu chunks\n",
               (unsigned long long)f.overhead, (unsigned long long)f.plain,
               (unsigned long long)f.chunks);
    return ui_finish_stdout(&c->ui, f.cut ? EXIT_ERROR : EXIT_WHOLE);
}

/* ---- the command line ------------------------------------------------------------------------ */

/* -1: handled; -2: not one of ours; else an exit code. */
static int own_option(struct crypt *c, int id, const char *arg)
{
    switch (id) {
    case 'e': c->encrypt = true; return -1;
    case 'd': c->decrypt = true; return -1;
    case 'p': c->passphrase = true; return -1;
    case 'a': c->o.armor = 1; return -1;
    case 'y': c->show = true; return -1;
    case 'r': case 'R': case 'i':
        c->key_args[c->n_key_args++] = (struct key_arg){id, arg};
        return -1;
    case PASS_FILE: c->pass_file = arg; return -1;
    case NEW_PASS_FILE: c->new_pass_file = arg; return -1;
    case MANIFEST: c->o.manifest = &c->manifest; return -1;
    case NO_IMAGE: c->o.no_image = 1; return -1;
    case SIGN:
        c->o.manifest = &c->manifest;
        return keyring_signer(&c->ui, &c->manifest.signer, arg);
    case PASS_FD:
        return opt_number(arg, 0, 1 << 20, &c->pass_fd)
                   ? -1
                   : opt_usage_error(&spec, "--passphrase-fd: %s is no descriptor", arg);
    default: return -2;
    }
}

static int load_keys(struct crypt *c)
{
    const struct dumpio_ask a = {ask, c};
    struct dumpio_error err = {0};
    int rc = dumpio_keys_new(&c->keys, &err);
    if (rc)
        return ui_error(&c->ui, &err);
    dumpio_keys_set_ask(c->keys, &a);
    for (int i = 0; i < c->n_key_args && !rc; i++) {
        const struct key_arg *k = &c->key_args[i];
        if (k->id == 'r')
            rc = dumpio_keys_add_recipient(c->keys, k->arg, &err);
        else if (k->id == 'R')
            rc = dumpio_keys_add_recipients_file(c->keys, k->arg, &c->ui.env, &err);
        else
            rc = dumpio_keys_add_identity_file(c->keys, k->arg, &c->ui.env, &err);
    }
    return rc ? ui_error(&c->ui, &err) : EXIT_WHOLE;
}

static int check_usage(const struct crypt *c, enum command cmd)
{
    bool sealing = dumpio_keys_count(c->keys, DUMPIO_KEY_SEAL) || c->passphrase;
    bool opening = dumpio_keys_count(c->keys, DUMPIO_KEY_OPEN);
    if (c->o.manifest && (cmd != CRYPT || c->decrypt))
        return opt_usage_error(&spec, "--manifest and --sign are for encrypting");
    if (c->o.no_image && !c->o.manifest)
        return opt_usage_error(&spec, "--no-image goes with --manifest");
    if (c->encrypt && c->decrypt)
        return opt_usage_error(&spec, "-e and -d exclude each other");
    if (c->passphrase && (dumpio_keys_count(c->keys, DUMPIO_KEY_SEAL) ||
                          (cmd == CRYPT && opening)))
        return opt_usage_error(&spec, "-p cannot be combined with recipients");
    if (c->decrypt && (sealing || c->o.armor))
        return opt_usage_error(&spec, "-d takes no recipient, no -p and no -a (armor is found, "
                                      "a passphrase asked for)");
    if (cmd == CRYPT && !c->decrypt && !sealing && !opening)
        return opt_usage_error(&spec, "whom for? -r, -R, -i or -p is needed (-d decrypts)");
    if (cmd == REWRAP && !sealing)
        return opt_usage_error(&spec, "rewrap: whom for? -r, -R or -p is needed");
    if (cmd == KEYGEN && c->show != opening)
        return opt_usage_error(&spec, "keygen: -y and -i belong together");
    return EXIT_WHOLE;
}

static int run(struct crypt *c, enum command cmd)
{
    const char *out = c->ui.output ? c->ui.output : "-";
    c->o.keys = c->keys;
    c->o.force = c->ui.force;
    int code = check_usage(c, cmd);
    if (code)
        return code;
    const struct sandbox s = {.inputs = &c->in, .n_inputs = 1, .output = out,
                              .more = {c->pass_file, c->new_pass_file}, .asks = true,
                              .crypto = true};
    sandbox_enter(&c->ui, &s);
    switch (cmd) {
    case KEYGEN: return do_keygen(c, out);
    case INSPECT: return do_inspect(c);
    case REWRAP: return do_rewrap(c, out);
    default: return c->decrypt ? do_decrypt(c, out) : do_encrypt(c, out);
    }
}

/* The first operand, when it is a command's name. */
static enum command take_command(struct opt_parse *p)
{
    for (int i = KEYGEN; i <= REWRAP; i++)
        if (p->n_operands && !strcmp(p->operands[0], commands[i - KEYGEN])) {
            p->operands++;
            p->n_operands--;
            return (enum command)i;
        }
    return CRYPT;
}

/* Everything but the keys. -1: go on; else an exit code. */
static int read_arguments(struct crypt *c, enum command *cmd, int argc, char **argv)
{
    struct opt_parse p;
    int id;
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE) {
        int code = own_option(c, id, p.arg);
        if (code == -2)
            code = ui_option(&c->ui, id, p.arg);
        if (code != -1)
            return code == -2 ? EXIT_USAGE : code;
    }
    *cmd = take_command(&p);
    if (p.n_operands > 1 || (*cmd == KEYGEN && p.n_operands))
        return opt_usage_error(&spec, "one input at most");
    c->in = p.n_operands ? p.operands[0] : "-";
    return -1;
}

static int dumpcrypt_main(int argc, char **argv)
{
    struct crypt c = {.pass_fd = -1};
    enum command cmd = CRYPT;
    ui_start(&c.ui, &spec);
    provenance_options(c.options, sizeof c.options, argc, argv);
    c.key_args = calloc((size_t)argc + 1, sizeof *c.key_args);
    if (!c.key_args) {
        ui_message(&c.ui, "out of memory");
        return EXIT_ERROR;
    }
    int code = read_arguments(&c, &cmd, argc, argv);
    if (code == -1)
        code = load_keys(&c);
    if (!code && c.keys)
        code = run(&c, cmd);
    dumpio_keys_free(c.keys);
    free(c.key_args);
    return code;
}

const struct tool tool_dumpcrypt = {&spec, dumpcrypt_main};
