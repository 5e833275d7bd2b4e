/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines: options anywhere, clusters of short ones, "--name=value" or "--name value".
 */
#include "opt.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 28

void opt_start(struct opt_parse *p, const struct opt_spec *spec, int argc, char **argv)
{
    *p = (struct opt_parse){.spec = spec, .argc = argc, .argv = argv, .at = 1};
    p->operands = argv + 1;
}

int opt_usage_error(const struct opt_spec *spec, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "%s: ", spec->tool);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nTry '%s --help'.\n", spec->tool);
    return 2;
}

static const struct opt *find(const struct opt_spec *spec, int id, const char *name, size_t len)
{
    const struct opt *tables[] = {spec->own, spec->output, spec->split, spec->more};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct opt *o = tables[t]; o && o->id; o++)
            if (name ? o->name && strlen(o->name) == len && !strncmp(o->name, name, len)
                     : o->id == id)
                return o;
    return NULL;
}

static int fail(const struct opt_parse *p, const char *what, const char *name, int len)
{
    opt_usage_error(p->spec, "%s: %.*s", what, len, name);
    return OPT_ERROR;
}

bool opt_optional(const struct opt *o)
{
    return o->arg && o->arg[0] == '[';
}

static int long_option(struct opt_parse *p, const char *text)
{
    const char *eq = strchr(text, '=');
    size_t len = eq ? (size_t)(eq - text) : strlen(text);
    const struct opt *o = find(p->spec, 0, text, len);
    if (!o || find(p->spec, o->id, NULL, 0) != o) /* there is none, or it is hidden */
        return fail(p, "unknown option", text - 2, (int)len + 2);
    if (eq && !o->arg)
        return fail(p, "option takes no value", text - 2, (int)len + 2);
    p->arg = eq ? eq + 1 : NULL;
    if (!eq && o->arg && !opt_optional(o)) {
        if (p->at >= p->argc)
            return fail(p, "option needs a value", text - 2, (int)len + 2);
        p->arg = p->argv[p->at++];
    }
    return o->id;
}

/* A letter, or (where no option has it) the letter that stands for a long one: opt.h. */
static const struct opt *find_letter(const struct opt_spec *spec, int letter)
{
    const struct opt *o = find(spec, letter, NULL, 0);
    return o || letter != 'i' ? o : find(spec, 0, "identity", strlen("identity"));
}

static int short_option(struct opt_parse *p)
{
    const char *c = p->cluster;
    const struct opt *o = find_letter(p->spec, (unsigned char)*c);
    p->cluster = c[1] ? c + 1 : NULL;
    if (!o)
        return fail(p, "unknown option", c, 1);
    if (!o->arg || opt_optional(o))
        return o->id;
    if (p->cluster) {
        p->arg = p->cluster;
        p->cluster = NULL;
        return o->id;
    }
    if (p->at >= p->argc)
        return fail(p, "option needs a value", c, 1);
    p->arg = p->argv[p->at++];
    return o->id;
}

int opt_next(struct opt_parse *p)
{
    p->arg = NULL;
    if (p->cluster)
        return short_option(p);
    while (p->at < p->argc) {
        char *a = p->argv[p->at++];
        if (p->only_operands || a[0] != '-' || !a[1]) {
            p->operands[p->n_operands++] = a;
            continue;
        }
        if (!strcmp(a, "--")) {
            p->only_operands = true;
            continue;
        }
        if (a[1] == '-')
            return long_option(p, a + 2);
        p->cluster = a + 1;
        return short_option(p);
    }
    return OPT_DONE;
}

const struct opt *opt_at(const struct opt_spec *spec, size_t i)
{
    const struct opt *tables[] = {spec->own, spec->output, spec->split, spec->more};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct opt *o = tables[t]; o && o->id; o++)
            if (find(spec, o->id, o->name, o->name ? strlen(o->name) : 0) == o && !i--)
                return o;
    return NULL;
}

/* ---- help ---------------------------------------------------------------------------------------- */

static void print_option(const struct opt *o)
{
    char left[96] = "";
    size_t n = 0;
    bool has_short = o->id < 256;
    n += (size_t)snprintf(left, sizeof left, has_short ? "  -%c" : "    ", o->id);
    if (o->name)
        n += (size_t)snprintf(left + n, sizeof left - n, "%s--%s", has_short ? ", " : "  ",
                              o->name);
    if (o->arg)
        snprintf(left + n, sizeof left - n, "%s%s", opt_optional(o) ? "" : o->name ? "=" : " ",
                 o->arg);
    const char *text = o->help;
    size_t width = strlen(left);
    if (width + 2 > HELP_COLUMN)
        printf("%s\n%*s", left, HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, left);
    for (const char *nl; (nl = strchr(text, '\n')); text = nl + 1)
        printf("%.*s\n%*s", (int)(nl - text), text, HELP_COLUMN, "");
    puts(text);
}

void opt_help(const struct opt_spec *spec)
{
    const char *u = spec->usage;
    printf("%s - %s\n\n", spec->tool, spec->summary);
    for (const char *lead = "usage: "; u; lead = "       ") {
        const char *nl = strchr(u, '\n');
        printf("%s%.*s\n", lead, nl ? (int)(nl - u) : (int)strlen(u), u);
        u = nl ? nl + 1 : NULL;
    }
    puts("");
    const struct opt *o;
    for (size_t i = 0; (o = opt_at(spec, i)); i++)
        print_option(o);
    if (spec->notes)
        printf("\n%s\n", spec->notes);
}

bool opt_number(const char *text, long long min, long long max, long long *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return !errno && end != text && !*end && *value >= min && *value <= max;
}
