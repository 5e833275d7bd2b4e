/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all tools share towards the user: common options, messages, progress.
 */
#ifndef UI_H
#define UI_H

#include "opt.h"

#include <dumpio/dumpio.h>

enum ui_exit { EXIT_WHOLE = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_LOST = 3 };

enum ui_progress { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_JSON, PROGRESS_NONE };

struct ui {
    const struct opt_spec *spec;
    struct dumpio_env env;
    int verbosity;             /* -1 quiet: errors and warnings of loss only; 0; 1 verbose */
    enum ui_progress progress;
    bool json, force, no_sandbox;
    const char *output;        /* -o */
    struct dumpio_open_options open;
    bool spool;                /* streams, whatever they are for */
    struct dumpio_keys *identities; /* behind open.keys; NULL = none */
    bool bar_shown;
    long long started_ns, next_ns;
    unsigned warnings;
};

/* The options that every tool has; ids below. The first two are of those that have an output. */
extern const struct opt ui_options[];
#define UI_OPTIONS_NO_OUTPUT (ui_options + 1) /* without --output */
#define UI_OPTIONS_READ (ui_options + 2)      /* without --force, too */

enum {
    UI_PROGRESS = 300, UI_NO_PROGRESS, UI_JSON, UI_FROM, UI_ARCH, UI_PAGE_SIZE, UI_IDENTITY,
    UI_MAX_EXPANSION, UI_NO_SANDBOX, UI_SPOOL, UI_NO_SPOOL
};

void ui_start(struct ui *ui, const struct opt_spec *spec);
/*
 * Handle a common option. -1: handled; -2: not one of them; else exit with this code (help and
 * version were printed, or the value is wrong).
 */
int ui_option(struct ui *ui, int id, const char *arg);

/* What a stream is for, as dumpio_open_options.forward says; --spool overrules it. */
void ui_forward(struct ui *ui, const char *use);

/* Print err as "tool: message" and return the exit code for it. */
int ui_error(struct ui *ui, const struct dumpio_error *err);
void ui_message(struct ui *ui, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Clear the progress bar. */
void ui_end_progress(struct ui *ui);

/* "1.2 GiB" in a static ring of buffers. */
const char *ui_size(uint64_t bytes);

/* Flush standard output; EXIT_ERROR with a message when that fails, else `code`. */
int ui_finish_stdout(struct ui *ui, int code);

#endif
