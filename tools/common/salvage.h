/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --salvage and its report: what was found damaged, and which memory is lost.
 */
#ifndef SALVAGE_H
#define SALVAGE_H

#include "ui.h"

#include <dumpio/salvage.h>

struct salvage {
    const char *path; /* of the report; NULL = on stderr */
    struct salvage_lost *lost;
    size_t n, cap;
    uint64_t more;    /* ranges that there was no room for */
};

/* Rows of an option table. */
enum { SALVAGE = 450, SALVAGE_REPORT };
#define SALVAGE_OPTION                                                                             \
    {SALVAGE, "salvage", NULL, "of a damaged input, everything that can be read and proved; the\n" \
                               "rest is lost, and told (exit status 3)"}
#define SALVAGE_REPORT_OPTION                                                                      \
    {SALVAGE_REPORT, "salvage-report", "FILE", "--salvage, with the report as JSON in FILE"}

/* Handle an option of these. -1: handled; -2: not one of them. */
int salvage_option(struct ui *ui, struct salvage *s, int id, const char *arg);

void salvage_free(struct salvage *s);

/* Keep a range, as struct dumpio_convert_options has it. */
void salvage_keep(struct salvage *s, const struct dumpio_run *run, const char *why);

/* What was found while opening, on stderr: all of it with -v, else the first few. */
void salvage_findings(struct ui *ui, struct dumpio_dump *d);

/* The whole report. `code`, or EXIT_LOST when more was lost than it says; EXIT_ERROR. */
int salvage_report(struct ui *ui, const struct salvage *s, struct dumpio_dump *d,
                   const struct dumpio_convert_result *result, int code);

#endif
