/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of manual pages that the tables know: @HEAD@ (title, name, synopsis), @NOTES@ (what
 * --help says behind the options), @OPTIONS@, @COMMANDS@, @FORMATS@, @SEE_ALSO@. Language: man(7).
 */
#include "doc.h"

#include <ctype.h>
#include <dumpio/dumpio.h>
#include <string.h>

#define EXIT_PARAGRAPH "Exit status:" /* of the notes; the pages have a section of their own */

/* ---- words ---------------------------------------------------------------------------------- */

static void put_char(FILE *to, char c)
{
    if (c == '\\')
        fputs("\\e", to);
    else if (c == '-')
        fputs("\\-", to);
    else if (c == '\'')
        fputs("\\(aq", to);
    else
        fputc(c, to);
}

static size_t span(const char *s, size_t n, bool (*member)(char))
{
    size_t i = 0;
    while (i < n && member(s[i]))
        i++;
    return i;
}

static bool in_option(char c)
{
    return isalnum((unsigned char)c) || c == '-';
}

static bool in_variable(char c)
{
    return isupper((unsigned char)c) || isdigit((unsigned char)c);
}

/* `n` bytes of text: options bold and, with `variables`, words in capitals in italics. */
static void put_text(FILE *to, const char *s, size_t n, bool variables)
{
    char before = ' ';
    for (size_t i = 0; i < n;) {
        bool fresh = !isalnum((unsigned char)before) && before != '-';
        size_t option = fresh && s[i] == '-' ? span(s + i, n - i, in_option) : 0;
        size_t name = fresh && variables ? span(s + i, n - i, in_variable) : 0;
        size_t len = option > 1 ? option : name ? name : 1;
        if (option > 1 || name)
            fputs(option > 1 ? "\\fB" : "\\fI", to);
        for (size_t k = 0; k < len; k++)
            put_char(to, s[i + k]);
        if (option > 1 || name)
            fputs("\\fR", to);
        i += len;
        before = s[i - 1];
    }
}

/* Lines are joined, but for those that begin with a blank: rows of a list. */
static void put_paragraph(FILE *to, const char *s, size_t n)
{
    bool in_list = false;
    for (size_t at = 0; at < n;) {
        size_t len = strcspn(s + at, "\n");
        if (len > n - at)
            len = n - at;
        size_t indent = strspn(s + at, " ");
        bool fresh = !at || indent || in_list;
        in_list = indent > 0;
        if (at)
            fputs(fresh ? "\n.br\n" : " ", to);
        if (fresh && (s[at + indent] == '.' || s[at + indent] == '\''))
            fputs("\\&", to); /* else troff takes it for a request */
        put_text(to, s + at + indent, len - indent, false);
        at += len + 1;
    }
    fputc('\n', to);
}

static void put_upper(FILE *to, const char *s)
{
    for (; *s; s++)
        fputc(toupper((unsigned char)*s), to);
}

/* ---- parts ---------------------------------------------------------------------------------- */

static bool head(FILE *to, const struct opt_spec *spec)
{
    if (!spec)
        return false;
    fputs(".TH ", to);
    put_upper(to, spec->tool);
    fprintf(to, " 1 %s \"dumpio %s\" \"Kernel crash dumps\"\n.SH NAME\n%s \\- ", DUMPIO_DATE,
            DUMPIO_VERSION, spec->tool);
    put_paragraph(to, spec->summary, strlen(spec->summary));
    fputs(".SH SYNOPSIS\n", to);
    for (const char *u = spec->usage; u;) {
        size_t n = strcspn(u, "\n"), tool = strlen(spec->tool);
        fprintf(to, "%s\\fB%.*s\\fR", u == spec->usage ? ".nh\n.ad l\n" : ".br\n", (int)tool, u);
        put_text(to, u + tool, n - tool, true);
        fputc('\n', to);
        u = u[n] ? u + n + 1 : NULL;
    }
    fputs(".ad\n.hy\n", to);
    return true;
}

static bool notes(FILE *to, const struct opt_spec *spec)
{
    if (!spec || !spec->notes)
        return false;
    for (const char *s = spec->notes; s;) {
        const char *end = strstr(s, "\n\n");
        size_t n = end ? (size_t)(end - s) : strlen(s);
        if (strncmp(s, EXIT_PARAGRAPH, strlen(EXIT_PARAGRAPH)) != 0) {
            fputs(".PP\n", to);
            put_paragraph(to, s, n);
        }
        s = end ? end + 2 : NULL;
    }
    return true;
}

static void option(FILE *to, const struct opt *o)
{
    bool letter = o->id < 256;
    fputs(".TP\n", to);
    if (letter)
        fprintf(to, "\\fB\\-%c\\fR%s", o->id, o->name ? ", " : "");
    if (o->name) {
        fputs("\\fB\\-\\-", to);
        for (const char *s = o->name; *s; s++)
            put_char(to, *s);
        fputs("\\fR", to);
    }
    if (o->arg) {
        fputs(opt_optional(o) ? "" : o->name ? "=" : " ", to);
        put_text(to, o->arg, strlen(o->arg), true);
    }
    fputc('\n', to);
    put_paragraph(to, o->help, strlen(o->help));
}

static bool options(FILE *to, const struct opt_spec *spec)
{
    const struct opt *o;
    if (!spec)
        return false;
    for (size_t i = 0; (o = opt_at(spec, i)); i++)
        option(to, o);
    return true;
}

static bool commands(FILE *to, const struct opt_spec *spec)
{
    (void)spec;
    for (const struct tool *const *t = tools; *t; t++) {
        fprintf(to, ".TP\n\\fB%s\\fR, see \\fB%s\\fR(1)\n", (*t)->spec->tool + TOOL_PREFIX,
                (*t)->spec->tool);
        put_paragraph(to, (*t)->spec->summary, strlen((*t)->spec->summary));
    }
    return true;
}

static bool formats(FILE *to, const struct opt_spec *spec)
{
    struct dumpio_format_info f;
    (void)spec;
    for (size_t i = 0; !dumpio_format_at(i, &f); i++) {
        fprintf(to, ".TP\n\\fB%s\\fR (%s)\n", f.name,
                !f.writes ? "read" : f.reads ? "read and written" : "written");
        put_paragraph(to, f.title, strlen(f.title));
        for (size_t c = 0; f.codecs[c]; c++)
            fprintf(to, "%s%s", c ? ", " : ".br\nCodecs, the default first: ", f.codecs[c]);
        fputs(f.codecs[0] ? ".\n" : "", to);
    }
    return true;
}

/* All pages but the tool's own. */
static bool see_also(FILE *to, const struct opt_spec *spec)
{
    fputs(".SH SEE ALSO\n.nh\n", to);
    if (spec)
        fputs(".BR dumpio (1),\n", to);
    for (const struct tool *const *t = tools; *t; t++)
        if ((*t)->spec != spec)
            fprintf(to, ".BR %s (1),\n", (*t)->spec->tool);
    fputs(".BR dumpio\\-formats (5),\n.BR libdumpio (3)\n", to);
    return true;
}

static bool place(FILE *to, const char *word, const struct opt_spec *spec)
{
    static const struct {
        const char *word;
        bool (*put)(FILE *to, const struct opt_spec *spec);
    } parts[] = {
        {"HEAD", head}, {"NOTES", notes}, {"OPTIONS", options}, {"COMMANDS", commands},
        {"FORMATS", formats}, {"SEE_ALSO", see_also},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(word, parts[i].word))
            return parts[i].put(to, spec);
    return false;
}

const struct doc_places doc_man = {place};
