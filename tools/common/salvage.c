/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of a salvage: findings, lost ranges, counts; as lines or as JSON.
 */
#include "salvage.h"
#include "json.h"
#include "save.h"

#include <stdlib.h>
#include <string.h>

#define RANGES_MAX (1u << 20)
#define FINDINGS_SHOWN 16u /* without -v */

struct salvage_lost {
    struct dumpio_run run;
    char *why;
};

int salvage_option(struct ui *ui, struct salvage *s, int id, const char *arg)
{
    if (id != SALVAGE && id != SALVAGE_REPORT)
        return -2;
    ui->open.salvage = 1;
    if (id == SALVAGE_REPORT)
        s->path = arg;
    return -1;
}

void salvage_free(struct salvage *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->lost[i].why);
    free(s->lost);
}

void salvage_keep(struct salvage *s, const struct dumpio_run *run, const char *why)
{
    if (s->n == s->cap && s->n < RANGES_MAX) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct salvage_lost *v = realloc(s->lost, cap * sizeof *v);
        if (v) {
            s->lost = v;
            s->cap = cap;
        }
    }
    if (s->n == s->cap) {
        s->more++;
        return;
    }
    s->lost[s->n++] = (struct salvage_lost){*run, strdup(why)};
}

/* Is there damage that nothing made good? */
static bool damaged(struct dumpio_dump *d)
{
    struct dumpio_finding f;
    for (size_t i = 0; !dumpio_finding_at(d, i, &f, NULL); i++)
        if (f.kind == DUMPIO_FOUND_DAMAGE)
            return true;
    return false;
}

static const char *kind_of(const struct dumpio_finding *f)
{
    return f->kind == DUMPIO_FOUND_REBUILT ? "rebuilt" : "damaged";
}

void salvage_findings(struct ui *ui, struct dumpio_dump *d)
{
    struct dumpio_finding f;
    uint64_t more = 0, hidden = 0;
    for (size_t i = 0; !dumpio_finding_at(d, i, &f, &more); i++)
        if (i < FINDINGS_SHOWN || ui->verbosity > 0)
            ui_message(ui, "%s: %s: %s 0x%llx-0x%llx: %s", kind_of(&f), f.where, f.layer,
                       (unsigned long long)f.start, (unsigned long long)f.end, f.text);
        else
            hidden++;
    if (hidden + more)
        ui_message(ui, "and %llu more places (--verbose, --salvage-report)",
                   (unsigned long long)(hidden + more));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

struct report {
    const struct salvage *s;
    struct dumpio_dump *dump;
    const struct dumpio_convert_result *result;
    bool whole;
};

static void json_findings(struct json *j, struct dumpio_dump *d)
{
    struct dumpio_finding f;
    uint64_t more = 0;
    json_open(j, "findings", '[');
    for (size_t i = 0; !dumpio_finding_at(d, i, &f, &more); i++) {
        json_open(j, NULL, '{');
        json_text(j, "kind", kind_of(&f));
        json_text(j, "where", f.where);
        json_text(j, "layer", f.layer);
        json_hex(j, "start", f.start);
        json_hex(j, "end", f.end);
        json_text(j, "text", f.text);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_u64(j, "more_findings", more);
}

static void json_lost(struct json *j, const struct salvage *s)
{
    json_open(j, "lost", '[');
    for (size_t i = 0; i < s->n; i++) {
        json_open(j, NULL, '{');
        json_hex(j, "start", s->lost[i].run.start);
        json_hex(j, "end", s->lost[i].run.end);
        json_u64(j, "bytes", s->lost[i].run.end - s->lost[i].run.start);
        json_text(j, "why", s->lost[i].why);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_u64(j, "more_lost_ranges", s->more);
}

static bool put_report(void *ctx, FILE *to)
{
    const struct report *r = ctx;
    const struct dumpio_info *info = dumpio_get_info(r->dump);
    struct json j;
    json_start(&j, to);
    json_open(&j, NULL, '{');
    json_bool(&j, "whole", r->whole);
    json_text(&j, "format", info->format);
    json_text(&j, "containers", info->containers);
    json_u64(&j, "pages", r->result->pages);
    json_u64(&j, "unproved_pages", r->result->unproved_pages);
    json_u64(&j, "lost_pages", r->result->lost_pages);
    json_bool(&j, "truncated", info->truncated);
    json_lost(&j, r->s);
    json_findings(&j, r->dump);
    json_close(&j, '}');
    return fputc('\n', to) != EOF && !ferror(to);
}

/* ---- all of it ------------------------------------------------------------------------------- */

int salvage_report(struct ui *ui, const struct salvage *s, struct dumpio_dump *d,
                   const struct dumpio_convert_result *result, int code)
{
    const struct dumpio_info *info = dumpio_get_info(d);
    if (code == EXIT_WHOLE && (info->truncated || damaged(d))) {
        ui_message(ui, "pages may be lost whose addresses nothing tells");
        code = EXIT_LOST;
    }
    struct report r = {s, d, result, code == EXIT_WHOLE};
    if (s->path && save_file(ui, s->path, 0666, put_report, &r))
        return EXIT_ERROR;
    if (!s->path)
        salvage_findings(ui, d);
    ui_message(ui, "salvaged: %llu pages, of which %llu are stored plain, and nothing shows whether"
               " they were changed; %llu pages lost", (unsigned long long)result->pages,
               (unsigned long long)result->unproved_pages, (unsigned long long)result->lost_pages);
    return code;
}
