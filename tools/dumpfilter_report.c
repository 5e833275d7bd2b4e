/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpfilter's reports: the dry run, and the lines about itself that go into the output.
 */
#include "common/json.h"
#include "common/provenance.h"
#include "dumpfilter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESTIMATES_MAX 16

static bool left_out(const struct dumpio_filter *f, unsigned class_)
{
    return (f->exclude & DUMPIO_BIT(class_)) != 0;
}

/* ---- the dry run -------------------------------------------------------------------------------- */

struct dry {
    const struct dumpio_classes_info *i;
    const struct dumpio_filter *f;
    struct dumpio_estimate estimates[ESTIMATES_MAX];
    size_t n;
    uint64_t kept, excluded; /* pages */
    const char *format;
};

static void print_json(const struct dry *y)
{
    struct json j;
    json_start(&j, stdout);
    json_open(&j, NULL, '{');
    json_u64(&j, "page_size", y->i->page_size);
    json_text(&j, "memory_model", y->i->memory_model);
    json_open(&j, "classes", '{');
    for (unsigned c = 0; c < DUMPIO_CLASSES; c++) {
        json_open(&j, dumpio_class_name((enum dumpio_class)c), '{');
        json_u64(&j, "pages", y->i->held[c]);
        json_u64(&j, "bytes", y->i->held[c] * y->i->page_size);
        json_bool(&j, "excluded", left_out(y->f, c));
        json_close(&j, '}');
    }
    json_close(&j, '}');
    json_u64(&j, "excluded_pages", y->excluded);
    json_u64(&j, "kept_pages", y->kept);
    json_open(&j, "estimates", '{');
    for (size_t e = 0; e < y->n; e++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s%s", y->format, y->estimates[e].codec ? ":" : "",
                 y->estimates[e].codec ? y->estimates[e].codec : "");
        json_u64(&j, name, y->estimates[e].bytes);
    }
    json_close(&j, '}');
    if (*y->i->unknown_why)
        json_text(&j, "unknown_why", y->i->unknown_why);
    json_close(&j, '}');
}

static void print_text(const struct dry *y)
{
    printf("%-12s %14s %12s\n", "class", "pages", "bytes");
    for (unsigned c = 0; c < DUMPIO_CLASSES; c++)
        if (y->i->held[c])
            printf("%-12s %14llu %12s  %s\n", dumpio_class_name((enum dumpio_class)c),
                   (unsigned long long)y->i->held[c], ui_size(y->i->held[c] * y->i->page_size),
                   left_out(y->f, c) ? "left out" : "kept");
    printf("%-12s %14llu %12s\n", "kept", (unsigned long long)y->kept,
           ui_size(y->kept * y->i->page_size));
    printf("%-12s %14llu %12s\n\n", "left out", (unsigned long long)y->excluded,
           ui_size(y->excluded * y->i->page_size));
    for (size_t e = 0; e < y->n; e++)
        printf("about %12s as %s%s%s\n", ui_size(y->estimates[e].bytes), y->format,
               y->estimates[e].codec ? ":" : "", y->estimates[e].codec ? y->estimates[e].codec : "");
}

int filter_dry_run(struct filter_request *r, struct dumpio_dump *d, struct dumpio_classes *c,
                   const struct dumpio_filter *f)
{
    struct dumpio_error err = {0};
    struct dry y = {.i = dumpio_classes_get_info(c), .f = f, .format = r->out.convert.format};
    int rc = dumpio_estimate(d, &r->out.convert, f, y.estimates, ESTIMATES_MAX, &y.n, &y.kept,
                             &y.excluded, &r->ui.env, &err);
    ui_end_progress(&r->ui);
    if (rc)
        return ui_error(&r->ui, &err);
    if (r->ui.json)
        print_json(&y);
    else
        print_text(&y);
    if (!*y.i->unknown_why)
        return EXIT_WHOLE;
    ui_message(&r->ui, "pages cannot be classified: %s", y.i->unknown_why);
    return EXIT_LOST;
}

/* ---- provenance --------------------------------------------------------------------------------- */

char *filter_provenance(const struct filter_request *r, struct dumpio_dump *d,
                        const struct dumpio_classes *c, const struct dumpio_filter *f)
{
    struct lines t = {0};
    provenance_tool(&t, "dumpfilter", r->options);
    if (c)
        provenance_classes(&t, dumpio_classes_get_info(c), f);
    if (f->redact)
        lines_add(&t, "redacted=zero pages stand for what was left out\n");
    provenance_input(&t, dumpio_get_info(d));
    if (*r->digest)
        lines_add(&t, "input.digest=%s\n", r->digest);
    return lines_end(&t);
}
