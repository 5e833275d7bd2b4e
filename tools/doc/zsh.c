/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the zsh completion that the tables know: @COMPDEF@, @COMMANDS@, @TOOLS@. Options are
 * specifications of _arguments (zshcompsys(1)).
 */
#include "doc.h"

#include <string.h>

/* Text inside single quotes; characters of `special` get a backslash, a newline is a blank. */
static void put_quoted(FILE *to, const char *s, const char *special)
{
    for (; *s; s++) {
        if (*s == '\'')
            fputs("'\\''", to);
        else if (strchr(special, *s))
            fprintf(to, "\\%c", *s);
        else
            fputc(*s == '\n' ? ' ' : *s, to);
    }
}

static void put_action(FILE *to, const struct opt *o)
{
    const char *name = doc_argument(o), *w;
    if (!name)
        return;
    enum doc_kind kind = doc_kind(name);
    fputs(opt_optional(o) ? "::" : ":", to);
    put_quoted(to, name, ":");
    fputs(kind == DOC_FILE   ? ":_files"
          : kind == DOC_WORD ? ":("
          : kind == DOC_LIST ? ":_values -s , word"
                             : ": ", to);
    for (size_t i = 0; (w = doc_value(name, i)); i++) {
        fputs(i || kind == DOC_LIST ? " " : "", to);
        put_quoted(to, w, ":\\");
    }
    fputs(kind == DOC_WORD ? ")" : "", to);
}

/* One name of an option; `joined` says how its argument may follow. */
static void put_option(FILE *to, const struct opt *o, const char *dashes, const char *name,
                       const char *joined)
{
    fprintf(to, "            '*%s%s%s[", dashes, name, o->arg ? joined : "");
    put_quoted(to, o->help, "[]\\");
    fputc(']', to);
    put_action(to, o);
    fputs("'\n", to);
}

static void put_tool(FILE *to, const struct opt_spec *spec)
{
    const struct opt *o;
    const char *w;
    fprintf(to, "    %s)\n        options=(\n", spec->tool);
    for (size_t i = 0; (o = opt_at(spec, i)); i++) {
        char letter[2] = {(char)o->id, 0};
        if (o->id < 256)
            put_option(to, o, "-", letter, "+");
        if (o->name)
            put_option(to, o, "--", o->name, opt_optional(o) ? "=-" : "=");
    }
    fputs("        )\n        commands=(", to);
    for (size_t i = 0; spec->commands && spec->commands[i]; i++)
        fprintf(to, " %s", spec->commands[i]);
    for (size_t i = 0; doc_converts(spec) && (w = doc_conversion(i)); i++)
        fprintf(to, " %s", w);
    fputs(")\n        ;;\n", to);
}

static bool place(FILE *to, const char *word, const struct opt_spec *spec)
{
    bool tool_parts = !strcmp(word, "TOOLS"), commands = !strcmp(word, "COMMANDS");
    bool compdef = !strcmp(word, "COMPDEF");
    (void)spec;
    fputs(compdef ? "#compdef dumpio" : "", to);
    for (const struct tool *const *t = tools; *t; t++) {
        if (tool_parts)
            put_tool(to, (*t)->spec);
        if (compdef)
            fprintf(to, " %s", (*t)->spec->tool);
        if (commands) {
            fprintf(to, "                '%s:", (*t)->spec->tool + TOOL_PREFIX);
            put_quoted(to, (*t)->spec->summary, ":\\");
            fputs("'\n", to);
        }
    }
    fputs(compdef ? "\n" : "", to);
    return tool_parts || commands || compdef;
}

const struct doc_places doc_zsh = {place};
