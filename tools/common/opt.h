/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines: one table gives parsing, --help, the manual's options and the completions.
 */
#ifndef OPT_H
#define OPT_H

#include <stdbool.h>
#include <stddef.h>

struct opt {
    int id;            /* the short letter where there is one; else > 255 */
    const char *name;  /* long name without dashes; NULL = short only */
    const char *arg;   /* metavariable of its argument; NULL = none. "[=X]" = optional */
    const char *help;  /* may hold \n */
};

struct opt_spec {
    const char *tool;       /* "dumpconv" */
    const char *summary;    /* one line */
    const char *usage;      /* lines behind "usage: ", separated by \n */
    const char *const *commands; /* words the first operand may be; NULL or ends with NULL */
    const struct opt *own;    /* ends with id 0; what stands here hides the same in the others */
    const struct opt *output; /* of tools that write dumps; NULL or ends with id 0 */
    const struct opt *split;  /* of those that write them in parts; likewise */
    const struct opt *more;   /* of all tools; NULL or ends with id 0 */
    const char *notes;      /* printed behind the options; NULL = none */
};

struct opt_parse {
    const struct opt_spec *spec;
    int argc;
    char **argv;
    int at;               /* next argument */
    const char *cluster;  /* rest of "-xyz" */
    const char *arg;      /* argument of the option just returned; NULL = none */
    char **operands;      /* collected, in argv's own memory */
    int n_operands;
    bool only_operands;   /* behind "--" */
};

enum { OPT_DONE = -1, OPT_ERROR = -2 };

void opt_start(struct opt_parse *p, const struct opt_spec *spec, int argc, char **argv);
/* The next option's id, OPT_DONE, or OPT_ERROR (message printed). Operands are collected. */
int opt_next(struct opt_parse *p);

/* The i-th option that a tool has, in the order of --help; NULL behind the last. */
const struct opt *opt_at(const struct opt_spec *spec, size_t i);
/* May its argument be left out? */
bool opt_optional(const struct opt *o);
void opt_help(const struct opt_spec *spec);
/* "tool: message" and the hint at --help, on stderr; returns 2, the exit code. */
int opt_usage_error(const struct opt_spec *spec, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A decimal number in [min, max]; false when it is none. */
bool opt_number(const char *text, long long min, long long max, long long *value);

#endif
