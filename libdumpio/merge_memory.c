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

/*
 * Every file by itself, and all of them as one dump. left_out not NULL: those that cannot be opened
 * are left out with a warning, and counted there; and pages that differ are lost.
 */
static int open_union(struct dumpio_dump **d, const char *const *paths, size_t n, size_t *left_out,
                      const struct dumpio_open_options *options, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    const struct dumpio_env quiet = dio_quiet_env(env);
    struct dumpio_dump **parts = calloc(n, sizeof(struct dumpio_dump *));
    size_t k = 0;
    int rc = parts ? 0 : dio_nomem(err, "the parts");
    for (size_t i = 0; i < n && !rc; i++) {
        struct dumpio_error e = {0};
        rc = dumpio_open(&parts[k], &paths[i], 1, options, &quiet, &e);
        if (!rc) {
            k++;
        } else if (left_out && rc != DUMPIO_E_NOMEM) {
            ++*left_out;
            dio_note(env, DUMPIO_WARNING, "%s is left out: %s", paths[i], e.message);
            rc = 0;
        } else if (err) {
            *err = e;
        }
    }
    if (!rc && !k)
        rc = dio_fail(err, DUMPIO_E_FORMAT, DUMPIO_NO_OFFSET, "no part can be opened");
    if (!rc)
        rc = dio_union_new(d, parts, k, left_out != NULL, env, err);
    for (size_t i = 0; i < k && rc; i++)
        dumpio_close(parts[i]);
    free(parts);
    return rc;
}

int dumpio_open_parts(struct dumpio_dump **out, const char *const *paths, size_t n,
                      const struct dumpio_open_options *options, size_t *left_out,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_error why = {0};
    size_t unused;
    if (!left_out)
        left_out = &unused;
    *left_out = 0;
    int rc = dumpio_open(out, paths, n, options, env, &why);
    bool alone = rc == DUMPIO_E_NOMEM || rc == DUMPIO_E_CANCELLED;
    if (rc && n > 1 && !alone && !open_union(out, paths, n, left_out, options, env, NULL))
        return 0;
    if (rc && err)
        *err = why;
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
    const struct dumpio_env quiet = dio_quiet_env(g->env);
    struct dumpio_dump *d = NULL;
    size_t left_out = 0; /* what they held is lost, and told as that */
    bool set;
    int rc = is_set(g, &quiet, &set);
    g->result->kind = set ? DUMPIO_MERGE_SET : DUMPIO_MERGE_UNION;
    if (!rc && set)
        rc = dumpio_open(&d, g->paths, g->n, g->o->open, g->env, err);
    else if (!rc)
        rc = open_union(&d, g->paths, g->n, g->o->salvage ? &left_out : NULL, g->o->open, g->env,
                        err);
    if (!rc)
        rc = look_for_gaps(g, d, err);
    if (!rc)
        rc = write_out(g, d, err);
    dumpio_close(d);
    return rc;
}
