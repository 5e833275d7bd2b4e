/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest or the checksums beside a file. What lies there is other people's: everything is bounded.
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
               int (*read)(struct dio_manifest *m, const char *path, struct dumpio_error *err),
               const struct dumpio_env *env)
{
    struct dumpio_error why = {0};
    if (!is_file(path))
        return DUMPIO_END;
    if (read(m, path, &why)) {
        dio_note(env, DUMPIO_DETAIL, "%s", why.message);
        return DUMPIO_END;
    }
    if (names(m, file))
        return 0;
    dio_manifest_free(m);
    return DUMPIO_END;
}

/* Of PREFIX001, PREFIX-001 and PREFIX.001: the length of PREFIX, from the end inwards. */
static size_t shorter(const char *path, size_t len, const char *without)
{
    size_t folder = (size_t)(base_name(path) - path);
    while (len > folder && strchr(without, path[len - 1]))
        len--;
    return len;
}

/* PREFIX and suffix, of what may be PREFIX001. */
static int try_prefixes(struct dio_manifest *m, const char *path, const char *suffix, char **where,
                        int (*read)(struct dio_manifest *m, const char *path,
                                    struct dumpio_error *err),
                        const struct dumpio_env *env, struct dumpio_error *err)
{
    size_t len[2];
    int rc = DUMPIO_END;
    len[0] = shorter(path, strlen(path), "0123456789");
    len[1] = shorter(path, len[0], "-_.");
    for (size_t i = 0; i < 2 && rc == DUMPIO_END; i++) {
        free(*where);
        *where = join(path, len[i], suffix);
        rc = *where ? try(m, *where, base_name(path), read, env) : dio_nomem(err, "a file name");
    }
    return rc;
}

/* PREFIX.manifest.json of PREFIX001; then all of the folder. */
static int look_around(struct dio_manifest *m, const char *path, char **where,
                       const struct dumpio_env *env, struct dumpio_error *err)
{
    const char *file = base_name(path);
    size_t folder = (size_t)(file - path);
    int rc = try_prefixes(m, path, DIO_MANIFEST_SUFFIX, where, load, env, err);
    char *name = rc == DUMPIO_END ? join(path, folder, "") : NULL;
    DIR *d = name ? opendir(*name ? name : ".") : NULL;
    struct dirent *e;
    for (unsigned i = 0; d && rc && i < LOOKED_AT_MAX && (e = readdir(d));) {
        if (*e->d_name == '.' || !ends_with(e->d_name, DIO_MANIFEST_SUFFIX))
            continue;
        i++;
        free(*where);
        *where = join(path, folder, e->d_name);
        rc = *where ? try(m, *where, file, load, env) : dio_nomem(err, "a file name");
        if (rc < 0)
            break;
    }
    if (d)
        closedir(d);
    free(name);
    return rc;
}

/* PATH and suffix, or, of a prefix that ends in dots, what stands before them; else *where is NULL. */
static int right_beside(const char *path, const char *suffix, char **where, struct dumpio_error *err)
{
    size_t len[2] = {strlen(path), shorter(path, strlen(path), ".")};
    *where = NULL;
    for (size_t i = 0; i < 2; i++) {
        *where = join(path, len[i], ends_with(path, suffix) ? "" : suffix);
        if (!*where)
            return dio_nomem(err, "a file name");
        if (is_file(*where))
            return 0;
        free(*where);
        *where = NULL;
    }
    return 0;
}

int dio_manifest_look(struct dio_manifest *m, const char *path, char **where,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    *m = (struct dio_manifest){0};
    int rc = right_beside(path, DIO_MANIFEST_SUFFIX, where, err);
    if (!rc && *where)
        rc = load(m, *where, err);
    else if (!rc)
        rc = look_around(m, path, where, env, err);
    if (rc) {
        free(*where);
        *where = NULL;
    }
    return rc;
}

/* OUT.sha256 is about OUT, whatever else somebody put into it. */
static void keep_only(struct dio_manifest *m, const char *file)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n_parts; i++)
        if (!kept && !strcmp(m->parts[i].name, file))
            m->parts[kept++] = m->parts[i];
        else
            free(m->parts[i].name);
    m->n_parts = kept;
}

int dio_sums_look(struct dio_manifest *m, const char *path, char **where,
                  const struct dumpio_env *env, struct dumpio_error *err)
{
    *m = (struct dio_manifest){0};
    int rc = right_beside(path, DIO_MANIFEST_SUMS, where, err);
    if (!rc && *where) {
        rc = dio_sums_load(m, *where, err);
        if (!rc && is_file(path) && !ends_with(path, DIO_MANIFEST_SUMS))
            keep_only(m, base_name(path));
        if (!rc && !m->n_parts) {
            dio_note(env, DUMPIO_NOTE, "%s has no checksum of %s: not used", *where, path);
            dio_manifest_free(m);
            rc = DUMPIO_END;
        }
    } else if (!rc) {
        rc = try_prefixes(m, path, DIO_MANIFEST_SUMS, where, dio_sums_load, env, err);
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
