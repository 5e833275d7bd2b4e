/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a tool needs to what the system shall allow.
 * Not handled: folders narrower than a file's, since files are written beside their final place.
 */
#include "sandbox.h"
#include "landlock.h"
#include "seccomp.h"

#include <dumpio/crypt.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static bool is_path(const char *path)
{
    return path && strcmp(path, "-") != 0;
}

static void allow_file(const struct landlock *l, const char *path, enum landlock_use use)
{
    if (is_path(path))
        (void)landlock_allow(l, path, use); /* what is not there, nobody opens */
}

/* The folder that a file is in; where the number of a part is in its name, the one above. */
static void allow_folder_of(const struct landlock *l, const char *path, enum landlock_use use)
{
    char copy[PATH_MAX];
    int n = snprintf(copy, sizeof copy, "%s", path);
    char *folder = copy;
    if (n < 0 || (size_t)n >= sizeof copy)
        return;
    do
        folder = dirname(folder);
    while (!landlock_allow(l, folder, use) && strchr(folder, '%'));
}

/* A device or a pipe is written as it is; a file is made anew, under a name that it has first. */
static void allow_output(const struct landlock *l, const char *path)
{
    struct stat st;
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        allow_file(l, path, LANDLOCK_WRITE);
    else
        allow_folder_of(l, path, LANDLOCK_STORE);
}

/* What libraries and the system's own reporting go on opening. */
static void allow_system(const struct landlock *l)
{
    static const char *const files[] = {
        "/sys/devices/system/cpu/online",   /* how many threads? */
        "/proc/sys/vm/overcommit_memory",   /* malloc: may memory be given back? */
        "/etc/localtime",                   /* strftime, for UTC as well */
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        allow_file(l, files[i], LANDLOCK_READ);
    allow_file(l, "/dev/null", LANDLOCK_TALK);
#ifdef DUMPIO_SANITIZED /* a sanitizer looks at the process, and at programs to name what it found */
    static const char *const folders[] = {"/proc", "/usr", "/lib", "/lib64"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        (void)landlock_allow(l, folders[i], LANDLOCK_FOLDER);
    allow_file(l, "/proc/self/exe", LANDLOCK_READ);
#endif
}

static bool restrict_files(const struct ui *ui, const struct sandbox *s)
{
    struct landlock l;
    if (!landlock_start(&l))
        return false;
    const char *const files[] = {ui->open.vmlinux, ui->open.vmcoreinfo, s->more[0], s->more[1]};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        allow_file(&l, files[i], LANDLOCK_READ);
    for (size_t i = 0; i < s->n_inputs; i++) {
        allow_file(&l, s->inputs[i], LANDLOCK_READ);
        if (s->beside && is_path(s->inputs[i]))
            allow_folder_of(&l, s->inputs[i], LANDLOCK_FOLDER);
    }
    if (is_path(s->output))
        allow_output(&l, s->output);
    if (is_path(s->report))
        allow_output(&l, s->report);
    if (s->asks || ui->identities)
        allow_file(&l, "/dev/tty", LANDLOCK_TALK);
    (void)landlock_allow(&l, dumpio_tmpdir(&ui->env), LANDLOCK_SCRATCH);
    allow_system(&l);
    return landlock_enter(&l);
}

/* Both need it: no program that is started could have more rights than this one. */
static bool no_new_privileges(void)
{
#ifdef PR_SET_NO_NEW_PRIVS
    return !prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
#else
    return false;
#endif
}

void sandbox_enter(struct ui *ui, const struct sandbox *s)
{
    if (ui->no_sandbox)
        return;
    if (s->crypto || ui->identities)
        dumpio_crypto_prepare();
    bool can = no_new_privileges(), files = can && restrict_files(ui, s);
    bool calls = can && seccomp_enter();
    if (ui->verbosity < 1)
        return;
    if (!files)
        ui_message(ui, "not restricted in which files it opens: this system has no Landlock");
    if (!calls)
        ui_message(ui, "not restricted in what it calls: this system has no seccomp filters");
}
