/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may stand for the arguments that --help names: the library's formats, codecs and classes,
 * and the few words of the tools' own.
 */
#include "doc.h"

#include <dumpio/dumpio.h>
#include <string.h>

/* Own words, by the name of the argument. */
static const struct {
    const char *metavar;
    const char *words[6];
} own[] = {
    {"HOW", {"auto", "bar", "json", "none"}},
    {"WHEN", {"auto", "always", "never"}},
    {"CONTAINERS", {"zst", "gz", "xz", "none"}},
};

static char text[128];

/* ---- from the registry ---------------------------------------------------------------------- */

static bool any_format(const struct dumpio_format_info *f)
{
    (void)f;
    return true;
}

static bool writes(const struct dumpio_format_info *f)
{
    return f->writes != 0;
}

/* The i-th format that is `wanted`, and with `codecs` behind each those of its codecs. */
static const char *format(size_t i, bool codecs, bool (*wanted)(const struct dumpio_format_info *))
{
    struct dumpio_format_info f;
    for (size_t n = 0; !dumpio_format_at(n, &f); n++) {
        if (!wanted(&f))
            continue;
        if (!i--)
            return f.name;
        for (size_t c = 0; codecs && f.codecs[c]; c++)
            if (!i--) {
                snprintf(text, sizeof text, "%s:%s", f.name, f.codecs[c]);
                return text;
            }
    }
    return NULL;
}

static const char *target(size_t i)
{
    return format(i, true, writes);
}

static const char *source(size_t i)
{
    return format(i, false, any_format);
}

/* The i-th codec of all formats, each once. */
static const char *codec(size_t i)
{
    const char *seen[64];
    size_t n = 0;
    struct dumpio_format_info f;
    for (size_t k = 0; !dumpio_format_at(k, &f); k++)
        for (size_t c = 0; f.codecs[c] && n < sizeof seen / sizeof *seen; c++) {
            size_t s = 0;
            while (s < n && strcmp(seen[s], f.codecs[c]) != 0)
                s++;
            if (s == n)
                seen[n++] = f.codecs[c];
        }
    return i < n ? seen[i] : NULL;
}

/* Zero pages, and the classes that can be left out. */
static const char *class_(size_t i)
{
    if (!i)
        return "zero";
    i += DUMPIO_CLASS_KERNEL;
    return i < DUMPIO_CLASS_NO_RECORD ? dumpio_class_name((enum dumpio_class)i) : NULL;
}

static const struct {
    const char *metavar;
    const char *(*at)(size_t i);
} from_library[] = {
    {"FORMAT[:CODEC]", target}, {"FORMAT", source}, {"CODEC", codec}, {"CLASSES", class_},
};

/* ---- questions ------------------------------------------------------------------------------ */

#define N_OWN (sizeof own / sizeof *own)
#define N_LIBRARY (sizeof from_library / sizeof *from_library)

const char *doc_metavar(size_t i)
{
    return i < N_LIBRARY ? from_library[i].metavar : i < N_LIBRARY + N_OWN
                                                        ? own[i - N_LIBRARY].metavar
                                                        : NULL;
}

const char *doc_value(const char *metavar, size_t i)
{
    for (size_t k = 0; k < N_LIBRARY; k++)
        if (!strcmp(metavar, from_library[k].metavar))
            return from_library[k].at(i);
    for (size_t k = 0; k < N_OWN; k++)
        if (!strcmp(metavar, own[k].metavar))
            return i < sizeof own[k].words / sizeof *own[k].words ? own[k].words[i] : NULL;
    return NULL;
}

enum doc_kind doc_kind(const char *metavar)
{
    if (!strcmp(metavar, "CLASSES") || !strcmp(metavar, "CONTAINERS"))
        return DOC_LIST;
    if (doc_value(metavar, 0))
        return DOC_WORD;
    bool file = !strcmp(metavar, "FILE") || !strcmp(metavar, "WHOM") || !strcmp(metavar, "PREFIX");
    return file ? DOC_FILE : DOC_FREE;
}

bool doc_converts(const struct opt_spec *spec)
{
    return strstr(spec->usage, "FROM2TO") != NULL;
}

const char *doc_conversion(size_t i)
{
    static char words[64];
    struct dumpio_format_info from, to;
    for (size_t a = 0; !dumpio_format_at(a, &from); a++)
        for (size_t b = 0; from.reads && !dumpio_format_at(b, &to); b++)
            if (to.writes && a != b && !i--) {
                snprintf(words, sizeof words, "%s2%s", from.name, to.name);
                return words;
            }
    return NULL;
}

const char *doc_argument(const struct opt *o)
{
    static char name[64];
    if (!o->arg || !opt_optional(o))
        return o->arg;
    snprintf(name, sizeof name, "%s", o->arg + strspn(o->arg, "[="));
    name[strcspn(name, "]")] = 0;
    return name;
}
