/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the bash completion that the tables know: @TOOLS@, @VALUES@, @COMMANDS@, @COMPLETE@.
 */
#include "doc.h"

#include <string.h>

/* "--name" and "-x", each with `behind` and the name of its argument ("" = none) behind it. */
static void put_names(FILE *to, const struct opt *o, const char *behind, const char *argument)
{
    if (o->name)
        fprintf(to, " '--%s%s%s'", o->name, behind, argument);
    if (o->id < 256)
        fprintf(to, " '-%c%s%s'", o->id, *argument ? behind : "", argument);
}

static void put_arguments(FILE *to, const struct opt_spec *spec, const char *array, bool optional)
{
    const struct opt *o;
    fprintf(to, "        %s=(", array);
    for (size_t i = 0; (o = opt_at(spec, i)); i++)
        if (o->arg && opt_optional(o) == optional)
            put_names(to, o, "=", doc_argument(o));
    fputs(")\n", to);
}

static void put_tool(FILE *to, const struct opt_spec *spec)
{
    const struct opt *o;
    fprintf(to, "    %s)\n        options=(", spec->tool);
    for (size_t i = 0; (o = opt_at(spec, i)); i++)
        put_names(to, o, o->arg && !opt_optional(o) ? "=" : "", "");
    fputs(")\n", to);
    put_arguments(to, spec, "takes", false);
    put_arguments(to, spec, "may_take", true);
    fputs("        commands=(", to);
    for (size_t i = 0; spec->commands && spec->commands[i]; i++)
        fprintf(to, " %s", spec->commands[i]);
    const char *w;
    for (size_t i = 0; doc_converts(spec) && (w = doc_conversion(i)); i++)
        fprintf(to, " %s", w);
    fputs(")\n        ;;\n", to);
}

static bool tool_parts(FILE *to)
{
    for (const struct tool *const *t = tools; *t; t++)
        put_tool(to, (*t)->spec);
    return true;
}

static bool values(FILE *to)
{
    const char *name, *w;
    for (size_t m = 0; (name = doc_metavar(m)); m++) {
        fprintf(to, "    '%s') %svalues='", name, doc_kind(name) == DOC_LIST ? "list=yes " : "");
        for (size_t i = 0; (w = doc_value(name, i)); i++)
            fprintf(to, "%s%s", i ? " " : "", w);
        fputs("' ;;\n", to);
    }
    return true;
}

static bool complete(FILE *to)
{
    fputs("complete -o default -o bashdefault -F _dumpio dumpio", to);
    for (const struct tool *const *t = tools; *t; t++)
        fprintf(to, " %s", (*t)->spec->tool);
    fputc('\n', to);
    return true;
}

static bool commands(FILE *to)
{
    fputs("    commands=(", to);
    for (const struct tool *const *t = tools; *t; t++)
        fprintf(to, "%s ", (*t)->spec->tool + TOOL_PREFIX);
    fputs("--help --version)\n", to);
    return true;
}

static bool place(FILE *to, const char *word, const struct opt_spec *spec)
{
    (void)spec;
    return !strcmp(word, "TOOLS")      ? tool_parts(to)
           : !strcmp(word, "VALUES")   ? values(to)
           : !strcmp(word, "COMMANDS") ? commands(to)
           : !strcmp(word, "COMPLETE") ? complete(to)
                                       : false;
}

const struct doc_places doc_bash = {place};
