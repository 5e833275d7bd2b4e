/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest beside a file. What lies there is other people's: everything is bounded.
 */
#include "io/io.h"
#include "manifest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOKED_AT_MAX 256 /* manifests of a folder */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n > k && !strcmp(text + n - k, end);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The first `keep` bytes of path, and `suffix`; NULL: no memory. */
static char *join(const char *path, size_t keep, const char *suffix)
{
    char *s = malloc(keep + strlen(suffix) + 1);
    if (s)
        sprintf(s, "%.*s%s", (int)keep, path, suffix);
    return s;
}

static bool is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

static int load(struct dio_manifest *m, const char *path, struct dumpio_error *err)
{
    char *text = NULL;
    size_t len;
    int rc = dio_small_file(path, DIO_MANIFEST_MAX, &text, &len, err);
    if (rc)
        return rc;
    rc = dio_manifest_parse(m, text, len, err);
    if (rc)
        dio_context(err, rc, "%s", path);
    free(text);
    return rc;
}

static bool names(const struct dio_manifest *m, const char *file)
{
    for (size_t i = 0; i < m->n_parts; i++)
        if (!strcmp(m->parts[i].name, file))
            return true;
    return false;
}

/* Is it one that names this file? Then it is kept. */
static int try(struct dio_manifest *m, const char *path, const char *file,
               const struct dumpio_env *env)
{
    struct dumpio_error why = {0};
    if (!is_file(path))
        return DUMPIO_END;
    if (load(m, path, &why)) {
        dio_note(env, DUMPIO_DETAIL, "%s", why.message);
        return DUMPIO_END;
    }
    if (names(m, file))
        return 0;
    dio_manifest_free(m);
    return DUMPIO_END;
}

/* PREFIX.manifest.json of PREFIX001; then all of the folder. */
static int look_around(struct dio_manifest *m, const char *path, char **where,
                       const struct dumpio_env *env, struct dumpio_error *err)
{
    const char *file = base_name(path);
    size_t stem = strlen(path), folder = (size_t)(file - path);
    while (stem > folder && path[stem - 1] >= '0' && path[stem - 1] <= '9')
        stem--;
    *where = join(path, stem, DIO_MANIFEST_SUFFIX);
    if (!*where)
        return dio_nomem(err, "a file name");
    int rc = try(m, *where, file, env);
    char *name = rc ? join(path, folder, "") : NULL;
    DIR *d = name ? opendir(*name ? name : ".") : NULL;
    struct dirent *e;
    for (unsigned i = 0; d && rc && i < LOOKED_AT_MAX && (e = readdir(d));) {
        if (!ends_with(e->d_name, DIO_MANIFEST_SUFFIX))
            continue;
        i++;
        free(*where);
        *where = join(path, folder, e->d_name);
        rc = *where ? try(m, *where, file, env) : dio_nomem(err, "a file name");
        if (rc < 0)
            break;
    }
    if (d)
        closedir(d);
    free(name);
    return rc;
}

int dio_manifest_look(struct dio_manifest *m, const char *path, char **where,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    *m = (struct dio_manifest){0};
    *where = join(path, strlen(path), ends_with(path, DIO_MANIFEST_SUFFIX) ? ""
                                                                           : DIO_MANIFEST_SUFFIX);
    int rc = *where ? 0 : dio_nomem(err, "a file name");
    if (!rc && is_file(*where)) {
        rc = load(m, *where, err);
    } else if (!rc) {
        free(*where);
        rc = look_around(m, path, where, env, err);
    }
    if (rc) {
        free(*where);
        *where = NULL;
    }
    return rc;
}

int dio_manifest_find(struct dio_manifest *m, const char *path, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    char *where;
    int rc = dio_manifest_look(m, path, &where, env, err);
    free(where);
    return rc;
}
