/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on stderr, progress.
 */
#include "keyring.h"
#include "sets.h"
#include "signals.h"
#include "ui.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_INTERVAL_NS 100000000LL    /* at most 10 per second */
#define LINE_INTERVAL_NS 10000000000LL /* when stderr is no terminal */
#define BAR_WIDTH 30
#define MEMORY_MIN (32u << 20)

const struct opt ui_options[] = {
    {'o', "output", "FILE", "write to FILE"},
    {'f', "force", NULL, "replace an existing output"},
    {'T', "threads", "N", "worker threads; 0 (default) = one per processor.\n"
                          "The output is the same for every N"},
    {'M', "memory", "SIZE", "memory to use for buffers, caches and indexes (default 256M)"},
    {'q', "quiet", NULL, "no notes, no progress"},
    {'v', "verbose", NULL, "more notes"},
    {UI_PROGRESS, "progress", "[=HOW]", "bar, also where stderr is no terminal; or auto (default:\n"
                                        "there a line every 10 s), json, none. SIGUSR1 prints a\n"
                                        "line at any time"},
    {UI_NO_PROGRESS, "no-progress", NULL, "--progress=none"},
    {UI_JSON, "json", NULL, "machine-readable result on stdout"},
    {UI_FROM, "from", "FORMAT", "take the input as FORMAT; needed for raw only"},
    {UI_ARCH, "arch", "NAME", "architecture of a raw input"},
    {UI_PAGE_SIZE, "page-size", "BYTES", "page size of a raw input (default 4096)"},
    {UI_MAX_EXPANSION, "max-expansion", "N", "unpack a container that must be unpacked whole to at\n"
                                             "most N times its size (default 1000); 0 = any"},
    {UI_SPOOL, "spool", NULL, "copy an input that is a stream to a temporary file (TMPDIR), even\n"
                              "where it can be read in order"},
    {UI_NO_SPOOL, "no-spool", NULL, "never do so: fail where that is needed. What only a look into\n"
                                    "the memory would tell is missing in the result then"},
    {UI_IDENTITY, "identity", "FILE", "open encrypted inputs with the identities in FILE; may be\n"
                                      "repeated. -i is the same where it means nothing else"},
    {UI_NO_SANDBOX, "no-sandbox", NULL, "keep the right to open any file and to start programs, which\n"
                                        "is otherwise given up before inputs are looked at"},
    {'h', "help", NULL, "this text"},
    {'V', "version", NULL, "version"},
    {0, NULL, NULL, NULL},
};

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- messages ----------------------------------------------------------------------------------- */

void ui_end_progress(struct ui *ui)
{
    if (ui->bar_shown)
        fputs("\r\033[K", stderr);
    ui->bar_shown = false;
}

void ui_message(struct ui *ui, const char *fmt, ...)
{
    va_list ap;
    ui_end_progress(ui);
    fprintf(stderr, "%s: ", ui->spec->tool);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

int ui_error(struct ui *ui, const struct dumpio_error *err)
{
    if (err->status == DUMPIO_E_CANCELLED && signals_interrupted()) {
        ui_message(ui, "stopped by a signal (%s)", strsignal(signals_interrupted()));
        return EXIT_ERROR;
    }
    ui_message(ui, "%s", *err->message ? err->message : dumpio_strerror(err->status));
    return EXIT_ERROR;
}

static void note(void *user, enum dumpio_level level, const char *text)
{
    struct ui *ui = user;
    if (level == DUMPIO_WARNING) {
        ui->warnings++;
        ui_message(ui, "warning: %s", text);
    } else if ((int)level <= ui->verbosity + 1) {
        ui_message(ui, "%s", text);
    }
}

/* ---- progress ------------------------------------------------------------------------------------ */

const char *ui_size(uint64_t bytes)
{
    static char ring[8][32];
    static unsigned next;
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    char *s = ring[next++ % 8];
    double v = (double)bytes;
    unsigned u = 0;
    while (v >= 1024 && u < 6) {
        v /= 1024;
        u++;
    }
    snprintf(s, sizeof ring[0], u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
    return s;
}

/* "1.2 GiB of 3.4 GiB  240 MiB/s  9 s left"; without a total, what is known. */
static void show_figures(const struct dumpio_progress *p, double seconds)
{
    double rate = seconds > 0 ? (double)p->done / seconds : 0;
    fputs(ui_size(p->done), stderr);
    if (p->total)
        fprintf(stderr, " of %s", ui_size(p->total));
    fprintf(stderr, "  %s/s", ui_size((uint64_t)rate));
    if (rate > 0 && p->total > p->done)
        fprintf(stderr, "  %.0f s left", (double)(p->total - p->done) / rate);
}

static double percent(const struct dumpio_progress *p)
{
    return (double)p->done * 100 / (double)p->total;
}

static void show_bar(struct ui *ui, const struct dumpio_progress *p, double seconds)
{
    fputc('\r', stderr);
    if (p->total) {
        int filled = (int)(percent(p) * BAR_WIDTH / 100);
        char bar[BAR_WIDTH + 1];
        for (int i = 0; i < BAR_WIDTH; i++)
            bar[i] = i < filled ? '#' : '.';
        bar[BAR_WIDTH] = 0;
        fprintf(stderr, "[%s] %3.0f%%  ", bar, percent(p));
    }
    show_figures(p, seconds);
    fputs("\033[K", stderr);
    ui->bar_shown = true;
}

static void show_line(struct ui *ui, const struct dumpio_progress *p, double seconds)
{
    ui_end_progress(ui);
    fprintf(stderr, "%s: ", ui->spec->tool);
    if (p->total)
        fprintf(stderr, "%.0f%%  ", percent(p));
    show_figures(p, seconds);
    fprintf(stderr, "  after %.0f s\n", seconds);
}

static void show_json(const struct dumpio_progress *p, double seconds)
{
    fprintf(stderr, "{\"done\":%llu,\"total\":%llu,\"seconds\":%.3f}\n",
            (unsigned long long)p->done, (unsigned long long)p->total, seconds);
}

static int progress(void *user, const struct dumpio_progress *p)
{
    struct ui *ui = user;
    long long now = now_ns();
    double seconds = (double)(now - ui->started_ns) / 1e9;
    if (signals_interrupted())
        return 1;
    if (signals_asked())
        show_line(ui, p, seconds);
    if (ui->progress == PROGRESS_NONE || now < ui->next_ns)
        return 0;
    bool terminal = isatty(STDERR_FILENO);
    bool bar = ui->progress == PROGRESS_BAR || (ui->progress == PROGRESS_AUTO && terminal);
    ui->next_ns = now + (bar ? BAR_INTERVAL_NS
                             : ui->progress == PROGRESS_JSON ? BAR_INTERVAL_NS : LINE_INTERVAL_NS);
    if (ui->progress == PROGRESS_JSON)
        show_json(p, seconds);
    else if (bar)
        show_bar(ui, p, seconds);
    else
        show_line(ui, p, seconds);
    return 0;
}

/* ---- common options -------------------------------------------------------------------------------- */

void ui_start(struct ui *ui, const struct opt_spec *spec)
{
    *ui = (struct ui){.spec = spec};
    ui->env.user = ui;
    ui->env.note = note;
    ui->env.progress = progress;
    ui->started_ns = now_ns();
    ui->next_ns = ui->started_ns + (isatty(STDERR_FILENO) ? BAR_INTERVAL_NS : LINE_INTERVAL_NS);
    signals_start();
}

static int set_progress(struct ui *ui, const char *how)
{
    static const char *const names[] = {"auto", "bar", "json", "none"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(how ? how : "bar", names[i])) {
            ui->progress = (enum ui_progress)i;
            if (i == PROGRESS_BAR || i == PROGRESS_JSON)
                ui->next_ns = 0;
            return -1;
        }
    return opt_usage_error(ui->spec, "--progress is auto, bar, json or none, not %s", how);
}

static int set_number(struct ui *ui, const char *name, const char *arg, long long max,
                      uint32_t *value)
{
    long long v;
    if (!opt_number(arg, 0, max, &v))
        return opt_usage_error(ui->spec, "--%s: %s is no number from 0 to %lld", name, arg, max);
    *value = (uint32_t)v;
    return -1;
}

static int set_expansion(struct ui *ui, const char *arg)
{
    int code = set_number(ui, "max-expansion", arg, 1000000000, &ui->open.max_expansion);
    if (code == -1 && !ui->open.max_expansion)
        ui->open.max_expansion = DUMPIO_EXPANSION_ANY;
    return code;
}

static int set_memory(struct ui *ui, const char *arg)
{
    if (!sets_size(arg, &ui->env.memory_limit) || ui->env.memory_limit < MEMORY_MIN)
        return opt_usage_error(ui->spec, "--memory: %s is no size of at least 32M", arg);
    return -1;
}

static int add_identity(struct ui *ui, const char *path)
{
    int code = keyring_identity(ui, &ui->identities, path);
    ui->open.keys = ui->identities;
    return code;
}

int ui_option(struct ui *ui, int id, const char *arg)
{
    switch (id) {
    case 'o': ui->output = arg; return -1;
    case 'f': ui->force = true; return -1;
    case 'T': return set_number(ui, "threads", arg, 256, &ui->env.threads);
    case 'M': return set_memory(ui, arg);
    case 'q': ui->verbosity = -1; ui->progress = PROGRESS_NONE; return -1;
    case 'v': ui->verbosity++; return -1;
    case UI_PROGRESS: return set_progress(ui, arg);
    case UI_NO_PROGRESS: return set_progress(ui, "none");
    case UI_JSON: ui->json = true; return -1;
    case UI_FROM: ui->open.from = arg; return -1;
    case UI_ARCH: ui->open.arch = arg; return -1;
    case UI_PAGE_SIZE: return set_number(ui, "page-size", arg, 262144, &ui->open.page_size);
    case UI_MAX_EXPANSION: return set_expansion(ui, arg);
    case UI_NO_SANDBOX: ui->no_sandbox = true; return -1;
    case UI_SPOOL: ui->spool = true; ui->open.no_spool = 0; return -1;
    case UI_NO_SPOOL: ui->spool = false; ui->open.no_spool = 1; return -1;
    case 'i':
    case UI_IDENTITY: return add_identity(ui, arg);
    case 'h': opt_help(ui->spec); return ui_finish_stdout(ui, EXIT_WHOLE);
    case 'V':
        printf("%s (dumpio) %s\n", ui->spec->tool, dumpio_version());
        return ui_finish_stdout(ui, EXIT_WHOLE);
    case OPT_ERROR: return EXIT_USAGE;
    default: return -2;
    }
}

void ui_forward(struct ui *ui, const char *use)
{
    ui->open.forward = ui->spool ? NULL : use;
}

int ui_finish_stdout(struct ui *ui, int code)
{
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    ui_message(ui, "cannot write to standard output");
    return EXIT_ERROR;
}
