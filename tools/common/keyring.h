/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys from the command line: identities that open inputs, recipients that outputs are encrypted
 * for.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include "ui.h"

#include <dumpio/crypt.h>
#include <dumpio/manifest.h>

/*
 * Both make *keys at need (wiped when the program ends) and print their errors; -1: done, else the
 * exit code.
 */

/* Identities of a file; passphrases are asked for at the terminal when one turns out necessary. */
int keyring_identity(struct ui *ui, struct dumpio_keys **keys, const char *path);
/* A recipient as text ("age1...", "ssh-..."), or a file of them. */
int keyring_recipient(struct ui *ui, struct dumpio_keys **keys, const char *arg);
/* The SSH private key of a file, to sign with. */
int keyring_signer(struct ui *ui, const struct dumpio_signer **signer, const char *path);

#endif
