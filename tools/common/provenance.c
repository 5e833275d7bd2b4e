/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Provenance: what a tool was asked for, and of which input.
 */
#include "provenance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lines_add(struct lines *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || t->failed)
        return;
    if (t->len + (size_t)n + 1 > t->cap) {
        size_t cap = (t->cap + (size_t)n + 256) * 2;
        char *v = realloc(t->v, cap);
        if (!v) {
            t->failed = true;
            return;
        }
        t->v = v;
        t->cap = cap;
    }
    va_start(ap, fmt);
    vsnprintf(t->v + t->len, t->cap - t->len, fmt, ap);
    va_end(ap);
    t->len += (size_t)n;
}

char *lines_end(struct lines *t)
{
    if (t->failed) {
        free(t->v);
        t->v = NULL;
    }
    return t->v;
}

void provenance_options(char *buf, size_t size, int argc, char **argv)
{
    static const char *const files[] = {"--vmlinux", "--vmcoreinfo", "--output", "--identity",
                                        "--encrypt-to", "--recipient", "--passphrase-f", "--sign",
                                        "--scan", "--name", "--split-name", "-x", "-i", "-o", "-r",
                                        "-R"};
    size_t n = 0;
    *buf = '\0';
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        bool file = a[0] != '-' || !a[1];
        for (size_t f = 0; f < sizeof files / sizeof *files; f++)
            file |= !strncmp(a, files[f], strlen(files[f]));
        if (file)
            continue;
        bool value = !strcmp(a, "-d") && i + 1 < argc;
        int more = snprintf(buf + n, size - n, "%s%s%s%s", n ? " " : "", a, value ? " " : "",
                            value ? argv[i + 1] : "");
        if (more > 0 && (size_t)more < size - n)
            n += (size_t)more;
        buf[n] = '\0';
    }
}

void provenance_tool(struct lines *t, const char *tool, const char *options)
{
    lines_add(t, "tool=%s %s\noptions=%s\n", tool, dumpio_version(), options);
}

void provenance_input(struct lines *t, const struct dumpio_info *i)
{
    lines_add(t, "input.format=%s\n", i->format);
    if (!i->forward) /* a stream's size is known when it has passed */
        lines_add(t, "input.size=%llu\n", (unsigned long long)i->file_size);
    if (*i->uts[DUMPIO_RELEASE])
        lines_add(t, "input.release=%s\n", i->uts[DUMPIO_RELEASE]);
    if (*i->build_id)
        lines_add(t, "input.build_id=%s\n", i->build_id);
    if (i->crash_sec != DUMPIO_UNKNOWN_TIME)
        lines_add(t, "input.crash_time=%lld\n", (long long)i->crash_sec);
}

void provenance_classes(struct lines *t, const struct dumpio_classes_info *c,
                        const struct dumpio_filter *f)
{
    for (unsigned k = 0; k < DUMPIO_CLASSES; k++)
        if (c->held[k])
            lines_add(t, "pages.%s=%llu %s\n", dumpio_class_name((enum dumpio_class)k),
                      (unsigned long long)c->held[k],
                      f->exclude & DUMPIO_BIT(k) ? "left out" : "kept");
    if (*c->unknown_why)
        lines_add(t, "unknown=%s\n", c->unknown_why);
}
