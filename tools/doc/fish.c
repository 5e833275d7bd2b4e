/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the fish completion that the tables know, @TOOLS@: "complete" for every option, once
 * for "dumpconv" and once for "dumpio conv".
 */
#include "doc.h"

#include <string.h>

static void put_quoted(FILE *to, const char *s)
{
    fputc('\'', to);
    for (; *s; s++)
        fprintf(to, *s == '\'' || *s == '\\' ? "\\%c" : "%c", *s == '\n' ? ' ' : *s);
    fputc('\'', to);
}

static void put_values(FILE *to, const struct opt *o)
{
    const char *name = doc_argument(o), *w;
    if (!name)
        return;
    enum doc_kind kind = doc_kind(name);
    fputs(opt_optional(o) ? "" : kind == DOC_FILE ? " -r -F" : " -x", to);
    if (kind != DOC_WORD && kind != DOC_LIST)
        return;
    fputs(kind == DOC_LIST ? " -a '(__dumpio_list" : " -a '", to);
    for (size_t i = 0; (w = doc_value(name, i)); i++)
        fprintf(to, "%s%s", i || kind == DOC_LIST ? " " : "", w);
    fputs(kind == DOC_LIST ? ")'" : "'", to);
}

/* Every option of the tool, behind `command`. */
static void put_options(FILE *to, const struct opt_spec *spec, const char *command)
{
    const struct opt *o;
    const char *w;
    for (size_t i = 0; (o = opt_at(spec, i)); i++) {
        fputs(command, to);
        if (o->id < 256)
            fprintf(to, " -s %c", o->id);
        if (o->name)
            fprintf(to, " -l %s", o->name);
        put_values(to, o);
        fputs(" -d ", to);
        put_quoted(to, o->help);
        fputc('\n', to);
    }
    for (size_t i = 0; spec->commands && spec->commands[i]; i++)
        fprintf(to, "%s -a %s\n", command, spec->commands[i]);
    for (size_t i = 0; doc_converts(spec) && (w = doc_conversion(i)); i++)
        fprintf(to, "%s -a %s\n", command, w);
}

static bool place(FILE *to, const char *word, const struct opt_spec *spec)
{
    char command[160];
    (void)spec;
    if (strcmp(word, "TOOLS") != 0)
        return false;
    for (const struct tool *const *t = tools; *t; t++) {
        const char *tool = (*t)->spec->tool;
        fprintf(to, "complete -c dumpio -n __fish_use_subcommand -f -a %s -d ", tool + TOOL_PREFIX);
        put_quoted(to, (*t)->spec->summary);
        fputc('\n', to);
        snprintf(command, sizeof command, "complete -c %s", tool);
        put_options(to, (*t)->spec, command);
        snprintf(command, sizeof command, "complete -c dumpio -n '__fish_seen_subcommand_from %s'",
                 tool + TOOL_PREFIX);
        put_options(to, (*t)->spec, command);
    }
    return true;
}

const struct doc_places doc_fish = {place};
