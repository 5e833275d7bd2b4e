/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys for the tools that read and write dumps.
 */
#include "keyring.h"
#include "pass.h"

#include <stdlib.h>
#include <string.h>

static int ask(void *user, const char *what, char *buf, size_t size)
{
    const struct ui *ui = user;
    return pass_from_terminal(ui->spec->tool, what, 0, buf, size);
}

#define RINGS 2 /* of one run: identities, recipients */

static struct dumpio_keys *made[RINGS];
static struct dumpio_signer *signs;

/* However the tool ends, the keys are wiped. */
static void wipe(void)
{
    for (size_t i = 0; i < RINGS; i++)
        dumpio_keys_free(made[i]);
    dumpio_signer_free(signs);
}

static void wipe_at_the_end(void)
{
    static bool will;
    if (!will)
        atexit(wipe);
    will = true;
}

static void remember(struct dumpio_keys *keys)
{
    made[made[0] ? 1 : 0] = keys;
}

static int prepare(struct ui *ui, struct dumpio_keys **keys, struct dumpio_error *err)
{
    const struct dumpio_ask a = {ask, ui};
    if (*keys)
        return 0;
    int rc = dumpio_keys_new(keys, err);
    if (!rc) {
        dumpio_keys_set_ask(*keys, &a);
        wipe_at_the_end();
        remember(*keys);
    }
    return rc;
}

int keyring_identity(struct ui *ui, struct dumpio_keys **keys, const char *path)
{
    struct dumpio_error err = {0};
    int rc = prepare(ui, keys, &err);
    if (!rc)
        rc = dumpio_keys_add_identity_file(*keys, path, &ui->env, &err);
    return rc ? ui_error(ui, &err) : -1;
}

int keyring_recipient(struct ui *ui, struct dumpio_keys **keys, const char *arg)
{
    struct dumpio_error err = {0};
    bool text = !strncmp(arg, "age1", 4) || !strncmp(arg, "ssh-", 4);
    int rc = prepare(ui, keys, &err);
    if (!rc && text)
        rc = dumpio_keys_add_recipient(*keys, arg, &err);
    else if (!rc)
        rc = dumpio_keys_add_recipients_file(*keys, arg, &ui->env, &err);
    if (!rc && !dumpio_keys_count(*keys, DUMPIO_KEY_SEAL)) {
        ui_message(ui, "%s names no recipient", arg);
        return EXIT_ERROR;
    }
    return rc ? ui_error(ui, &err) : -1;
}

int keyring_signer(struct ui *ui, const struct dumpio_signer **signer, const char *path)
{
    const struct dumpio_ask a = {ask, ui};
    struct dumpio_error err = {0};
    if (signs)
        return opt_usage_error(ui->spec, "one key signs");
    if (dumpio_signer_open(&signs, path, &a, &err))
        return ui_error(ui, &err);
    wipe_at_the_end();
    *signer = signs;
    return -1;
}
