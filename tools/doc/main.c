/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fill a template: doc KIND [TOOL] < TEMPLATE > OUT, KIND one of man, bash, zsh, fish. A line
 * "@WORD@" becomes what KIND prints for WORD; "@VERSION@" and "@DATE@" stand anywhere in a line.
 */
#include "doc.h"

#include <dumpio/dumpio.h>
#include <string.h>

#define LINE_MAX_BYTES 4096
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"

static const struct {
    const char *name;
    const struct doc_places *places;
} kinds[] = {{"man", &doc_man}, {"bash", &doc_bash}, {"zsh", &doc_zsh}, {"fish", &doc_fish}};

static void put_line(FILE *to, const char *line)
{
    static const char *const words[][2] = {{"@DATE@", DUMPIO_DATE}, {"@VERSION@", DUMPIO_VERSION}};
    while (*line) {
        const char *with = NULL;
        size_t len = 1;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (!strncmp(line, words[i][0], strlen(words[i][0]))) {
                with = words[i][1];
                len = strlen(words[i][0]);
            }
        fprintf(to, "%.*s", with ? (int)strlen(with) : 1, with ? with : line);
        line += len;
    }
}

/* Is the whole line "@WORD@"? Then WORD is cut out of it. */
static char *only_word(char *line)
{
    size_t n = strcspn(line, "\n");
    if (n < 3 || line[0] != '@' || line[n - 1] != '@' || strspn(line + 1, CAPITALS) != n - 2)
        return NULL;
    line[n - 1] = 0;
    return line + 1;
}

static int fill(const struct doc_places *p, const struct opt_spec *spec)
{
    char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        char *word = only_word(line);
        if (!word)
            put_line(stdout, line);
        else if (!p->place(stdout, word, spec)) {
            fprintf(stderr, "doc: unknown word in the template: @%s@\n", word);
            return 1;
        }
    }
    return ferror(stdin) || fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
    const struct doc_places *places = NULL;
    const struct opt_spec *spec = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(argv[1], kinds[i].name))
            places = kinds[i].places;
    for (const struct tool *const *t = tools; argc > 2 && *t; t++)
        if (!strcmp(argv[2], (*t)->spec->tool))
            spec = (*t)->spec;
    if (!places) {
        fputs("usage: doc man|bash|zsh|fish [TOOL] < TEMPLATE\n", stderr);
        return 2;
    }
    return fill(places, spec);
}
