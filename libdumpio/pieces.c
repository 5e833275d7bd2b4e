/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the pieces of one file. Only their names and sizes are looked at: dumpmerge and
 * dumpverify prove what is in them. Manifest: docs/manifest.md.
 */
#include "pieces.h"
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

static size_t index_of(const struct dio_manifest *m, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t i = 0;
    while (i < m->n_parts && strcmp(m->parts[i].name, slash ? slash + 1 : path))
        i++;
    return i;
}

/* in_order[i] = the piece that the manifest has at i. */
static int sort(const struct dio_manifest *m, struct dio_bytes *const *parts, size_t n,
                struct dio_bytes **in_order, struct dumpio_error *err)
{
    for (size_t k = 0; k < n; k++) {
        size_t i = index_of(m, parts[k]->name);
        if (i == m->n_parts)
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is none of the %zu parts that "
                            "the manifest beside them names", parts[k]->name, m->n_parts);
        if (in_order[i])
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "part %s is named twice",
                            parts[k]->name);
        if (parts[k]->size != m->parts[i].size)
            return dio_fail(err, DUMPIO_E_TRUNCATED, parts[k]->size, "part %s has %llu bytes, had "
                            "%llu: dumpmerge --salvage takes what is left", parts[k]->name,
                            (unsigned long long)parts[k]->size,
                            (unsigned long long)m->parts[i].size);
        in_order[i] = parts[k];
    }
    for (size_t i = 0; i < m->n_parts; i++)
        if (!in_order[i])
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "part %s of %zu is missing",
                            m->parts[i].name, m->n_parts);
    return 0;
}

static int order_by(const struct dio_manifest *m, struct dio_bytes **parts, size_t n,
                    struct dumpio_error *err)
{
    struct dio_bytes **in_order = calloc(m->n_parts, sizeof(struct dio_bytes *));
    int rc = in_order ? sort(m, parts, n, in_order, err) : dio_nomem(err, "the order of the parts");
    if (!rc)
        memcpy(parts, in_order, n * sizeof(struct dio_bytes *));
    free(in_order);
    return rc;
}

int dio_pieces_order(struct dio_bytes **parts, size_t n, size_t first, bool *told,
                     const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_error why = {0};
    struct dio_manifest m = {0};
    struct dio_bytes *begin = parts[first];
    int rc = dio_manifest_find(&m, begin->name, env, &why);
    if (rc == DUMPIO_E_NOMEM) {
        if (err)
            *err = why;
        return rc;
    }
    if (rc < 0)
        dio_note(env, DUMPIO_WARNING, "the manifest beside %s is not used: %s", begin->name,
                 why.message);
    *told = !rc && m.split == DIO_SPLIT_BYTES && index_of(&m, begin->name) < m.n_parts;
    rc = 0;
    if (*told) {
        rc = order_by(&m, parts, n, err);
    } else {
        memmove(&parts[1], &parts[0], first * sizeof(struct dio_bytes *));
        parts[0] = begin;
    }
    dio_manifest_free(&m);
    return rc;
}
