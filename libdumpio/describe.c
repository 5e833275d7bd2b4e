/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a dump for what a manifest says of its contents (docs/manifest.md).
 */
#include "describe.h"
#include "image.h"
#include "stack.h"
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collecting {
    struct dio_image image;
    int rc;
    struct dumpio_error err;
};

static void leaf(void *user, uint64_t base, const unsigned char sha256[DUMPIO_DIGEST_SIZE])
{
    struct collecting *c = user;
    if (!c->rc)
        c->rc = dio_image_add(&c->image, base, sha256, &c->err);
}

/* The codec of most packed pages; "none" (which is first, if any) when there are no others. */
static const char *main_codec(const struct dumpio_verify_result *v)
{
    size_t best = 0;
    for (size_t i = 0; v->codecs[i].codec; i++)
        if (!strcmp(v->codecs[best].codec, "none") || v->codecs[i].pages > v->codecs[best].pages)
            best = i;
    return v->codecs[best].codec;
}

/* Two texts with `between` if neither is empty, malloc'ed; NULL: no memory. */
static char *both(const char *a, const char *b, const char *between)
{
    size_t room = strlen(a) + strlen(b) + 2;
    char *s = malloc(room);
    if (s)
        snprintf(s, room, "%s%s%s", a, *a && *b ? between : "", b);
    return s;
}

static int name_contents(struct dio_manifest *m, const struct dio_described *what,
                         const struct dumpio_info *i, const struct dumpio_verify_result *v,
                         struct dumpio_error *err)
{
    char names[DIO_STACK_NAMES];
    const char *codec = main_codec(v);
    dio_stack_names("", what->wrap, what->seal, names);
    char *around = both(what->outside ? what->outside : "", names, " ");
    m->format = strdup(i->format);
    m->codec = codec ? strdup(codec) : NULL;
    m->containers = around ? both(around, i->containers, " ") : NULL;
    free(around);
    m->provenance = strdup(i->provenance ? i->provenance : "");
    return m->format && m->containers && m->provenance && (m->codec || !codec)
               ? 0
               : dio_nomem(err, "a manifest");
}

static int read_all(struct dio_manifest *m, const struct dio_described *what,
                    struct dumpio_dump *d, const struct dumpio_env *env, struct dumpio_error *err)
{
    struct collecting c = {0};
    struct dumpio_verify_result v;
    const struct dio_verify_hear hear = {.user = &c, .leaf = leaf};
    int rc = dio_image_start(&c.image, false, err);
    if (!rc)
        rc = dio_verify(d, 1, &hear, &v, env, err);
    if (!rc && c.rc) {
        rc = c.rc;
        if (err)
            *err = c.err;
    }
    if (!rc && v.lost_pages)
        dio_note(env, DUMPIO_NOTE, "the dump in %s has %llu lost pages: they are in no leaf of the "
                 "manifest", what->path, (unsigned long long)v.lost_pages);
    if (!rc)
        rc = name_contents(m, what, dumpio_get_info(d), &v, err);
    if (!rc)
        rc = dio_image_tell(&c.image, 0, m, err);
    dio_image_free(&c.image);
    return rc;
}

int dio_describe(struct dio_manifest *m, const struct dio_described *what,
                 const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dumpio_env quiet = dio_quiet_env(env);
    struct dumpio_open_options o = {0};
    struct dumpio_dump *d = NULL;
    struct dumpio_error why = {0};
    struct dio_manifest found = {0};
    if (what->open)
        o = *what->open;
    if (!what->seal)
        o.keys = NULL; /* what only keys open is not for everybody */
    int rc = dumpio_open(&d, &what->path, 1, &o, &quiet, &why);
    if (!rc)
        rc = read_all(&found, what, d, env, &why);
    dumpio_close(d);
    if (!rc)
        dio_manifest_take_contents(m, &found);
    dio_manifest_free(&found);
    if (rc == DUMPIO_E_NOMEM || rc == DUMPIO_E_CANCELLED) {
        if (err)
            *err = why;
        return rc;
    }
    if (rc)
        dio_note(env, DUMPIO_DETAIL, "the manifest tells nothing of the contents: %s", why.message);
    return 0;
}

int dio_describe_making(struct dio_manifest *m, const char *lines, struct dumpio_error *err)
{
    if (!lines || !*lines)
        return 0;
    const char *old = m->provenance ? m->provenance : "";
    char *all = both(old, lines, *old && old[strlen(old) - 1] == '\n' ? "" : "\n");
    if (!all)
        return dio_nomem(err, "a manifest");
    free(m->provenance);
    m->provenance = all;
    return 0;
}
