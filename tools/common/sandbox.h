/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tool gives up before it looks at the first byte of an input that may be hostile.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "ui.h"

/* What it goes on needing. All is borrowed for the call. "-" is no path. */
struct sandbox {
    const char *const *inputs; /* files that are read */
    size_t n_inputs;
    bool beside;         /* what stands beside the inputs is read, too: manifests, parts */
    const char *output;  /* written; so may be all that is in its folder. NULL = nothing is */
    const char *report;  /* as output: what is said of it in a file of its own. NULL = nothing is */
    const char *more[2]; /* further files to be read; NULL = none */
    bool asks;           /* for passphrases, at the terminal */
    bool crypto;         /* digests are made or keys are used */
};

/*
 * For good: no other file is opened, nothing is run, nobody is talked to, as far as the system can
 * see to it; a note says what it cannot. Files that the options name (ui->open) and temporary ones
 * are seen to. To be called while there is one thread.
 */
void sandbox_enter(struct ui *ui, const struct sandbox *s);

#endif
