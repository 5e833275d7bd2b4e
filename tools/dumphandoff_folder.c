/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a handoff. Parts get their names as they are written; what makes a set of them, the
 * manifest, has a hidden name until all is proven, so what an interrupted run leaves proves nothing
 * and is in nobody's way.
 */
#include "dumphandoff.h"
#include "common/save.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".dumpio-" /* in names of files that have none yet */
#define UNPROVEN TEMPORARY "unproven"

/* FOLDER/, `dot`, the case, the name behind it, and `mark`. */
static char *path_of(const struct handoff *h, const char *dot, const char *name, const char *mark)
{
    size_t room = strlen(h->folder) + strlen(dot) + strlen(h->case_name) + strlen(name) +
                  strlen(mark) + 2;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%s%s%s%s", h->folder, dot, h->case_name, name, mark);
    return path;
}

static int say(struct handoff *h, const char *path)
{
    ui_message(&h->ui, "%s: %s", path, strerror(errno));
    return EXIT_ERROR;
}

static int no_memory(struct handoff *h)
{
    ui_message(&h->ui, "out of memory");
    return EXIT_ERROR;
}

int handoff_take_folder(struct handoff *h)
{
    h->parts = path_of(h, "", HANDOFF_DUMP, "");
    h->manifest = path_of(h, "", HANDOFF_MANIFEST, "");
    h->unproven = path_of(h, ".", HANDOFF_DUMP, UNPROVEN);
    if (!h->parts || !h->manifest || !h->unproven)
        return no_memory(h);
    if (mkdir(h->folder, 0700) && errno != EEXIST)
        return say(h, h->folder);
    h->lock = open(h->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (h->lock < 0)
        return say(h, h->folder);
    if (!flock(h->lock, LOCK_EX | LOCK_NB))
        return EXIT_WHOLE;
    ui_message(&h->ui, "%s: another run is at work there", h->folder);
    close(h->lock);
    h->lock = -1;
    return EXIT_ERROR;
}

/* ---- what was left ---------------------------------------------------------------------------- */

/* Is it a name that a run of this case which did not end has left? */
static bool is_left_over(const struct handoff *h, const char *name)
{
    size_t n = strlen(h->case_name);
    bool hidden = *name == '.';
    if (strncmp(name + hidden, h->case_name, n) != 0)
        return false;
    const char *rest = name + hidden + n;
    if (hidden)
        return *rest == '_' && strstr(rest, TEMPORARY);
    if (strncmp(rest, HANDOFF_DUMP, strlen(HANDOFF_DUMP)) != 0)
        return false;
    rest += strlen(HANDOFF_DUMP);
    return isdigit((unsigned char)*rest) && !rest[strspn(rest, "0123456789")];
}

/* Parts without a manifest, and what has no name, are nobody's: the folder is locked. */
static int remove_left_overs(struct handoff *h, unsigned *n)
{
    int copy = dup(h->lock), code = EXIT_WHOLE;
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *e;
    *n = 0;
    if (!d) {
        if (copy >= 0)
            close(copy);
        return say(h, h->folder);
    }
    rewinddir(d); /* the copy shares the place in the folder */
    while (code == EXIT_WHOLE && (e = readdir(d))) {
        if (!is_left_over(h, e->d_name))
            continue;
        if (unlinkat(h->lock, e->d_name, 0))
            code = say(h, e->d_name);
        ++*n;
    }
    closedir(d);
    return code;
}

int handoff_clear_folder(struct handoff *h)
{
    static const char *const old[] = {HANDOFF_MANIFEST, HANDOFF_SUMS, HANDOFF_SEALED,
                                      HANDOFF_MANIFEST HANDOFF_SIGNATURE,
                                      HANDOFF_SEALED HANDOFF_SIGNATURE, HANDOFF_TEXT, HANDOFF_HTML};
    bool complete = !access(h->manifest, F_OK);
    unsigned n;
    if (complete && !h->ui.force) {
        ui_message(&h->ui, "%s exists; --force removes it and its parts", h->manifest);
        return EXIT_ERROR;
    }
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) { /* the manifest first: it is no set then */
        char *path = path_of(h, "", old[i], "");
        int code = !path ? no_memory(h) : remove(path) && errno != ENOENT ? say(h, path) : 0;
        free(path);
        if (code)
            return code;
    }
    int code = remove_left_overs(h, &n);
    h->cleared = !code;
    if (!code && n && !complete && h->ui.verbosity >= 0)
        ui_message(&h->ui, "%u files of a run that did not end are removed", n);
    return code;
}

/* ---- what is made ----------------------------------------------------------------------------- */

int handoff_save(struct handoff *h, const char *name, bool (*put)(void *h, FILE *to))
{
    char *path = path_of(h, ".", name, UNPROVEN);
    int code = path ? save_file(&h->ui, path, 0600, put, h) : no_memory(h);
    free(path);
    return code;
}

/* The file `name`, the mark of what is unproven, and `suffix` gets the name `as`. */
static int publish(struct handoff *h, const char *name, const char *suffix, const char *as)
{
    char *mark = malloc(sizeof UNPROVEN + strlen(suffix));
    if (mark)
        sprintf(mark, "%s%s", UNPROVEN, suffix);
    char *from = mark ? path_of(h, ".", name, mark) : NULL, *to = path_of(h, "", as, "");
    int code = !from || !to ? no_memory(h)
               : rename(from, to) ? say(h, to)
                                  : EXIT_WHOLE;
    free(mark);
    free(from);
    free(to);
    return code;
}

int handoff_publish(struct handoff *h)
{
    static const struct { const char *name, *suffix, *as; } files[] = {
        {HANDOFF_DUMP, ".manifest.json.age.sig", HANDOFF_SEALED HANDOFF_SIGNATURE},
        {HANDOFF_DUMP, ".manifest.json.sig", HANDOFF_MANIFEST HANDOFF_SIGNATURE}, /* if signed */
        {HANDOFF_DUMP, ".manifest.json.age", HANDOFF_SEALED},
        {HANDOFF_TEXT, "", HANDOFF_TEXT},
        {HANDOFF_HTML, "", HANDOFF_HTML},
        {HANDOFF_DUMP, ".sha256", HANDOFF_SUMS},
        {HANDOFF_DUMP, ".manifest.json", HANDOFF_MANIFEST}};
    int code = EXIT_WHOLE;
    for (size_t i = h->sign.signer ? 0 : 2; i < sizeof files / sizeof *files && !code; i++)
        code = publish(h, files[i].name, files[i].suffix, files[i].as);
    if (!code && !h->convert.no_sync && fsync(h->lock))
        code = say(h, h->folder);
    h->published = !code;
    return code;
}

void handoff_leave_folder(struct handoff *h)
{
    unsigned n;
    if (h->lock >= 0 && h->cleared && !h->published)
        (void)remove_left_overs(h, &n);
    if (h->lock >= 0)
        close(h->lock);
    free(h->parts);
    free(h->manifest);
    free(h->unproven);
}
