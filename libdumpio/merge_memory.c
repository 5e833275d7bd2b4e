/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining dumps: the parts of a split set, or dumps of one machine that cover different memory.
 * The formats know their own sets; everything else is a union. No format by name.
 */
#include "dump.h"
#include "parts_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_set(struct dio_merge *g, const struct dumpio_env *env, struct dumpio_dump **d,
                    struct dumpio_error *err)
{
    g->result->kind = DUMPIO_MERGE_SET;
    return dumpio_open(d, g->paths, g->n, g->o->open, env, err);
}

static int open_union(struct dio_merge *g, const struct dumpio_env *quiet, struct dumpio_dump **d,
                      struct dumpio_error *err)
{
    struct dumpio_dump **parts = calloc(g->n, sizeof(struct dumpio_dump *));
    size_t n = 0;
    int rc = parts ? 0 : dio_nomem(err, "the parts");
    g->result->kind = DUMPIO_MERGE_UNION;
    for (size_t i = 0; i < g->n && !rc; i++) {
        struct dumpio_error e = {0};
        rc = dumpio_open(&parts[n], &g->paths[i], 1, g->o->open, quiet, &e);
        if (!rc) {
            n++;
        } else if (g->o->salvage && rc != DUMPIO_E_NOMEM) {
            dio_note(g->env, DUMPIO_WARNING, "%s is left out: %s", g->paths[i], e.message);
            rc = 0;
        } else if (err) {
            *err = e;
        }
    }
    if (!rc && !n)
        rc = dio_fail(err, DUMPIO_E_FORMAT, DUMPIO_NO_OFFSET, "no part can be opened");
    if (!rc)
        rc = dio_union_new(d, parts, n, g->o->salvage != 0, g->env, err);
    for (size_t i = 0; i < n && rc; i++)
        dumpio_close(parts[i]);
    free(parts);
    return rc;
}

/* Is one of the files a part of a set that its format knows? Alone, it lacks the others' memory. */
static int is_set(struct dio_merge *g, const struct dumpio_env *quiet, bool *set)
{
    *set = false;
    for (size_t i = 0; i < g->n && !*set; i++) {
        struct dumpio_dump *d = NULL;
        struct dumpio_error e = {0};
        int rc = dumpio_open(&d, &g->paths[i], 1, g->o->open, quiet, &e);
        if (rc)
            continue; /* whoever opens it for good says why it cannot be */
        *set = !strcmp(d->info->variant, "split");
        dumpio_close(d);
        if (!*set)
            return 0; /* sets are of one kind: the first that opens tells */
    }
    return 0;
}

/* Memory that no part has, or that a part is too short for. */
static int look_for_gaps(struct dio_merge *g, struct dumpio_dump *d, struct dumpio_error *err)
{
    struct dumpio_run run, first = {0};
    uint64_t lost = 0;
    int rc;
    for (uint64_t at = 0; !(rc = dumpio_next_run(d, at, &run, err)); at = run.end) {
        if (run.kind != DUMPIO_LOST)
            continue;
        if (!lost)
            first = run;
        lost += run.end - run.start;
        if (g->o->salvage && g->o->lost)
            g->o->lost(g->env ? g->env->user : NULL, run.start, run.end,
                       "in none of the parts, or a part ends before it");
    }
    if (rc != DUMPIO_END || !lost || g->o->salvage)
        return rc == DUMPIO_END ? 0 : rc;
    return dio_fail(err, DUMPIO_E_LOST, DUMPIO_NO_OFFSET, "%llu bytes of memory, from 0x%llx on, "
                    "should be there and are in none of the parts: one is missing or cut (--salvage "
                    "writes what there is)", (unsigned long long)lost,
                    (unsigned long long)first.start);
}

static int write_out(struct dio_merge *g, struct dumpio_dump *d, struct dumpio_error *err)
{
    struct dumpio_convert_options o = {.level = DUMPIO_LEVEL_DEFAULT};
    struct dumpio_convert_result r;
    if (g->o->convert)
        o = *g->o->convert;
    if (!o.format)
        o.format = d->info->format;
    o.force |= g->o->force;
    o.no_sync |= g->o->no_sync;
    int rc = dumpio_convert(d, g->out, &o, &r, g->env, err);
    g->result->parts = (uint32_t)g->n;
    g->result->bytes = r.out_bytes;
    g->result->lost_bytes = r.lost_pages * (d->info->page_size ? d->info->page_size : d->info->unit);
    return rc;
}

int dio_merge_memory(struct dio_merge *g, struct dumpio_error *err)
{
    const struct dumpio_env quiet = {.threads = g->env ? g->env->threads : 0,
                                     .memory_limit = g->env ? g->env->memory_limit : 0,
                                     .tmpdir = g->env ? g->env->tmpdir : NULL};
    struct dumpio_dump *d = NULL;
    bool set;
    int rc = is_set(g, &quiet, &set);
    if (!rc)
        rc = set ? open_set(g, g->env, &d, err) : open_union(g, &quiet, &d, err);
    if (!rc)
        rc = look_for_gaps(g, d, err);
    if (!rc)
        rc = write_out(g, d, err);
    dumpio_close(d);
    return rc;
}
