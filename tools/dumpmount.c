/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpmount: show a dump of any format as files that the usual tools open, without converting it.
 */
#define _XOPEN_SOURCE 700 /* realpath */

#include "dumpmount.h"

#include "common/sandbox.h"
#include "dumpinfo.h"
#include "tools.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#define LOG_MAX (64u << 20) /* bytes of dmesg.txt; kernels keep a few MiB */

static const struct opt options[] = {
    {'f', "foreground", NULL, "do not go to the background"},
    {'d', "debug", NULL, "tell of every request; implies -f"},
    {'s', "single-thread", NULL, "one request at a time"},
    {'o', "options", "OPT[,OPT...]", "of mount and FUSE: allow_other, ..."},
    {0, NULL, NULL, NULL},
};

static const struct opt_spec spec = {
    .tool = "dumpmount",
    .summary = "show a kernel crash dump as an ELF core and as raw memory, without converting it",
    .usage = "dumpmount [OPTIONS] IN... DIR\n"
             "fusermount3 -u DIR",
    .own = options,
    .more = UI_OPTIONS_READ,
    .notes =
        "Several IN are the parts of a split set. In DIR appear\n"
        "  vmcore     an ELF core for crash, gdb, drgn: what 'dumpconv --to=elf IN -' would write\n"
        "  memory     physical memory, offset = address; what is not in the dump is a hole\n"
        "  info.json  what 'dumpinfo --quick --json' says\n"
        "  dmesg.txt  the kernel log, where it can be found\n"
        "All are read-only, with the permissions of the first IN; pages that turn out lost are\n"
        "I/O errors. In the background, it ends when DIR is unmounted, or by SIGTERM.\n\n"
        "Exit status: 0 mounted (with -f: and unmounted), 1 error, 2 usage.",
};

struct request {
    struct ui ui;
    struct mount mount;
    struct findings found;
    char *dir;
    const char *const *paths; /* the inputs */
    size_t n_paths;
    bool foreground;
    int guard; /* in the server: to the process that mounts */
    int ready; /* in the latter: to the parent that waits; -1: none does */
};

/* ---- the files ------------------------------------------------------------------------------------ */

static struct mount_file *add_file(struct request *r, const char *name)
{
    struct mount_file *f = &r->mount.files[r->mount.n++];
    f->name = name;
    return f;
}

static int add_view(struct request *r, const char *name, const char *format)
{
    struct dumpio_error err = {0};
    struct dumpio_env env = r->ui.env;
    struct mount_file *f = add_file(r, name);
    if (r->ui.verbosity < 1)
        env.note = NULL; /* what the format has no place for: the other files have it */
    if (dumpio_view_open(&f->view, r->found.dump, format, &env, &err))
        return ui_error(&r->ui, &err);
    f->size = dumpio_view_size(f->view);
    f->stored = f->size < r->found.present ? f->size : r->found.present;
    if (f->size <= INT64_MAX)
        return 0;
    ui_message(&r->ui, "%s would have %llu bytes, more than a file can", name,
               (unsigned long long)f->size);
    dumpio_view_close(f->view);
    r->mount.n--;
    return 0;
}

static int add_info(struct request *r)
{
    struct mount_file *f = add_file(r, "info.json");
    size_t size = 0;
    r->found.to = open_memstream(&f->text, &size);
    if (r->found.to)
        print_json(&r->found);
    if (!r->found.to || fclose(r->found.to)) {
        ui_message(&r->ui, "out of memory for info.json");
        return EXIT_ERROR;
    }
    f->size = f->stored = size;
    return 0;
}

static int to_log(void *user, const char *text, size_t len)
{
    FILE *log = user;
    return ftell(log) + (long)len > (long)LOG_MAX || fwrite(text, 1, len, log) != len;
}

/* A dump without a log is a dump. */
static int add_log(struct request *r)
{
    struct dumpio_error err = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *log = open_memstream(&text, &size);
    int rc = log ? dumpio_dmesg(r->found.dump, to_log, log, &err) : DUMPIO_E_NOMEM;
    if (log && fclose(log))
        rc = DUMPIO_E_NOMEM;
    if (rc) {
        if (r->ui.verbosity >= 0)
            ui_message(&r->ui, "no dmesg.txt: %s",
                       *err.message ? err.message : dumpio_strerror(rc));
        free(text);
        return 0;
    }
    struct mount_file *f = add_file(r, "dmesg.txt");
    f->text = text;
    f->size = f->stored = size;
    return 0;
}

static int make_files(struct request *r, const char *const *paths, size_t n)
{
    struct dumpio_error err = {0};
    struct stat st = {.st_mode = 0400};
    r->found.name = paths[0];
    if (dumpio_open(&r->found.dump, paths, n, &r->ui.open, &r->ui.env, &err))
        return ui_error(&r->ui, &err);
    int code = dumpinfo_gather(&r->ui, &r->found, true);
    if (!code && strcmp(paths[0], "-") != 0 && stat(paths[0], &st))
        code = EXIT_ERROR;
    r->mount.mode = st.st_mode & 0444;
    r->mount.time = st.st_mtime;
    if (!code)
        code = add_view(r, "vmcore", "elf");
    if (!code)
        code = add_view(r, "memory", "raw");
    if (!code)
        code = add_info(r);
    return code ? code : add_log(r);
}

static void close_files(struct request *r)
{
    for (size_t i = 0; i < r->mount.n; i++) {
        dumpio_view_close(r->mount.files[i].view);
        free(r->mount.files[i].text);
    }
    dumpio_close(r->found.dump);
}

/* ---- the processes ------------------------------------------------------------------------------------ */

static void unreadable(void *user, const char *text)
{
    struct request *r = user;
    if (r->foreground)
        ui_message(&r->ui, "%s", text);
}

/* From here on nobody waits, and nobody reads what is said. */
static void leave_terminal(const struct request *r)
{
    if (r->foreground)
        return;
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    if (!chdir("/"))
        setsid();
}

/* In the server: the kernel's first request has come. */
static void mounted(void *user)
{
    const struct request *r = user;
    guard_mounted(r->guard);
    leave_terminal(r);
}

/* In the guard. */
static void tell_parent(void *user)
{
    const struct request *r = user;
    leave_terminal(r);
    if (r->ready >= 0 && write(r->ready, "", 1) == 1)
        close(r->ready);
}

static void *nothing(void *user)
{
    for (;;)
        pause();
    return user;
}

/* libfuse ends its threads by pthread_cancel, for which the C library loads another at first use. */
static void load_unwinder(void)
{
    pthread_t t;
    if (pthread_create(&t, NULL, nothing, NULL))
        return;
    pthread_cancel(t);
    pthread_join(t, NULL);
}

static int serve(void *user, int guard)
{
    struct request *r = user;
    const struct sandbox s = {.inputs = r->paths, .n_inputs = r->n_paths,
                              .beside = r->n_paths > 1};
    r->guard = guard;
    load_unwinder();
    sandbox_enter(&r->ui, &s);
    int code = make_files(r, r->paths, r->n_paths);
    int connection = code ? -1 : guard_connection(guard);
    if (!code)
        code = connection < 0 ? EXIT_ERROR : mount_serve(&r->mount, connection);
    close_files(r);
    return code;
}

static int serve_guarded(struct request *r)
{
    const struct guarded g = {&r->mount, r->dir, serve, tell_parent, r};
    return guard_run(&g);
}

/* The child does everything; the parent's exit code is the child's until it has mounted. */
static int serve_behind(struct request *r)
{
    int ends[2], status;
    char byte;
    pid_t child = pipe(ends) ? -1 : fork();
    if (child < 0) {
        ui_message(&r->ui, "cannot go to the background");
        return EXIT_ERROR;
    }
    if (!child) {
        close(ends[0]);
        r->ready = ends[1];
        return serve_guarded(r);
    }
    close(ends[1]);
    if (read(ends[0], &byte, 1) == 1)
        return EXIT_WHOLE;
    if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status))
        return WEXITSTATUS(status);
    ui_message(&r->ui, "the server ended before it had mounted");
    return EXIT_ERROR;
}

/* ---- the command line -------------------------------------------------------------------------------- */

/* "-o ro" is what it is anyway; "rw" cannot be had. -1: go on. */
static int mount_options(struct request *r, const char *list)
{
    for (const char *o = list; *o; o += strcspn(o, ","), o += *o == ',')
        if (!strncmp(o, "rw", 2) && strcspn(o, ",") == 2)
            return opt_usage_error(&spec, "-o rw: a dump is never written to");
    if (r->mount.options)
        return opt_usage_error(&spec, "-o is given once: -o OPTION,OPTION");
    r->mount.options = *list ? list : NULL;
    return -1;
}

static int own_option(struct request *r, int id, const char *arg)
{
    switch (id) {
    case 'f': r->foreground = true; return -1;
    case 'd': r->mount.debug = r->foreground = true; return -1;
    case 's': r->mount.single = true; return -1;
    case 'o': return mount_options(r, arg);
    default: return ui_option(&r->ui, id, arg);
    }
}

/* DIR outlives the change of folder that going to the background brings. */
static int find_dir(struct request *r, const char *dir)
{
    struct stat st;
    r->dir = realpath(dir, NULL);
    if (r->dir && !stat(r->dir, &st) && S_ISDIR(st.st_mode))
        return -1;
    ui_message(&r->ui, "%s is no folder to mount on", dir);
    return EXIT_ERROR;
}

static int dumpmount_main(int argc, char **argv)
{
    struct request r = {.ready = -1};
    struct opt_parse p;
    int id, code;
    ui_start(&r.ui, &spec);
    r.ui.progress = PROGRESS_NONE;
    r.mount.mounted = mounted;
    r.mount.unreadable = unreadable;
    r.mount.user = &r;
    opt_start(&p, &spec, argc, argv);
    while ((id = opt_next(&p)) != OPT_DONE)
        if ((code = own_option(&r, id, p.arg)) != -1)
            return code == -2 ? EXIT_USAGE : code;
    if (p.n_operands < 2)
        return opt_usage_error(&spec, "an input and a folder to mount on are needed");
    r.n_paths = (size_t)p.n_operands - 1;
    r.paths = (const char *const *)p.operands;
    if ((code = find_dir(&r, r.paths[r.n_paths])) != -1) {
        free(r.dir);
        return code;
    }
    r.mount.source = r.paths[0];
    code = r.foreground ? serve_guarded(&r) : serve_behind(&r);
    free(r.dir);
    return code;
}

const struct tool tool_dumpmount = {&spec, dumpmount_main};
