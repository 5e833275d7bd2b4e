/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several dumps of one machine, which cover different memory, as one dump: every page comes from
 * the part that holds it. What several parts hold has to be the same in all of them.
 * No on-disk format. Not handled: parts with pages of different sizes.
 */
#include "batch.h"
#include "dump.h"
#include "model_core.h"
#include "parts_core.h"
#include "plug/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct union_dump {
    struct dumpio_dump **parts;
    size_t n;
    uint32_t unit;
    bool conflicts_lost;
};

/* What is there in the first place: more than one part may say something of a page. */
static int rank(enum dumpio_kind k)
{
    return k == DUMPIO_PRESENT ? 3 : k == DUMPIO_LOST ? 2 : 1;
}

/* Where another part may know better than `best`: it has something to say from there on. */
static int cut_at_better(struct union_dump *u, struct dumpio_run *best, struct dumpio_error *err)
{
    for (size_t i = 0; i < u->n; i++) {
        struct dumpio_run r;
        int rc = dumpio_next_run(u->parts[i], best->start, &r, err);
        if (rc == DUMPIO_END)
            continue;
        if (rc)
            return rc;
        uint64_t edge = rank(r.kind) > rank(best->kind) ? r.start : r.end;
        if (edge < best->end)
            best->end = edge;
    }
    return 0;
}

static int next_run(void *self, uint64_t addr, struct dumpio_run *run, struct dumpio_error *err)
{
    struct union_dump *u = self;
    struct dumpio_run best = {UINT64_MAX, UINT64_MAX, DUMPIO_EXCLUDED};
    for (size_t i = 0; i < u->n; i++) {
        struct dumpio_run r;
        int rc = dumpio_next_run(u->parts[i], addr, &r, err);
        if (rc == DUMPIO_END)
            continue;
        if (rc)
            return rc;
        if (r.start < best.start || (r.start == best.start && rank(r.kind) > rank(best.kind)))
            best = r;
    }
    if (best.start == UINT64_MAX)
        return DUMPIO_END;
    *run = best;
    return best.kind == DUMPIO_PRESENT ? 0 : cut_at_better(u, run, err);
}

/* Does part d hold, or should it hold, anything of [start, end)? */
static int concerns(struct dumpio_dump *d, uint64_t start, uint64_t end, bool *yes,
                    struct dumpio_error *err)
{
    struct dumpio_run run;
    *yes = false;
    for (uint64_t at = start; at < end && !*yes; at = run.end) {
        int rc = dumpio_next_run(d, at, &run, err);
        if (rc)
            return rc == DUMPIO_END ? 0 : rc;
        if (run.start >= end)
            return 0;
        *yes = run.kind != DUMPIO_EXCLUDED;
    }
    return 0;
}

/* ---- pages that several parts may have ---------------------------------------------------------------- */

struct joiner {
    struct union_dump *u;
    struct dio_batch *batch;      /* of the part at hand */
    struct dio_decoder decoder;
    uint8_t *page, *other, *seen; /* a unit each; seen[i]: byte i of page is from a part */
};

static int expand(struct joiner *j, const struct dio_page *p, uint8_t *to,
                  struct dumpio_error *err)
{
    if (p->kind == DIO_ZERO) {
        memset(to, 0, j->u->unit);
        return 0;
    }
    return dio_decode(&j->decoder, p, j->u->unit, to, err);
}

/* Put what `part` holds of the page into j->page; *at = the first byte that contradicts, or unit. */
static int lay_over(struct joiner *j, struct dumpio_dump *part, uint64_t addr, uint32_t *at,
                    struct dumpio_error *err)
{
    struct dumpio_run run;
    uint64_t end = addr + j->u->unit;
    *at = j->u->unit;
    for (uint64_t pos = addr; pos < end; pos = run.end) {
        int rc = dumpio_next_run(part, pos, &run, err);
        if (rc || run.start >= end)
            return rc == DUMPIO_END ? 0 : rc;
        if (run.kind != DUMPIO_PRESENT)
            continue;
        uint64_t stop = run.end < end ? run.end : end;
        for (uint64_t b = run.start - addr; b < stop - addr; b++) {
            if (j->seen[b] && j->page[b] != j->other[b] && *at == j->u->unit)
                *at = (uint32_t)b;
            j->page[b] = j->other[b];
            j->seen[b] = 1;
        }
    }
    return 0;
}

static int conflict(struct joiner *j, struct dio_batch *out, uint64_t addr, uint32_t at, size_t a,
                    size_t b, struct dumpio_error *err)
{
    const char *x = j->u->parts[a]->parts[0]->name, *y = j->u->parts[b]->parts[0]->name;
    if (j->u->conflicts_lost)
        return dio_batch_add_lost(out, addr, "%s and %s differ at 0x%llx", x, y,
                                  (unsigned long long)(addr + at));
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%s and %s contradict each other: "
                    "physical address 0x%llx has different contents", x, y,
                    (unsigned long long)(addr + at));
}

static int add_joined(struct joiner *j, struct dio_batch *out, uint64_t addr,
                      struct dumpio_error *err)
{
    struct dio_page *p = dio_batch_add(out, addr);
    uint8_t *data = p ? dio_batch_alloc(out, j->u->unit) : NULL;
    if (!data)
        return dio_nomem(err, "a batch");
    memcpy(data, j->page, j->u->unit);
    p->kind = DIO_DATA;
    p->data = data;
    p->len = j->u->unit;
    return 0;
}

/* One page, of all the parts that have something of it. */
static int join_page(struct joiner *j, uint64_t addr, struct dio_batch *out,
                     struct dumpio_error *err)
{
    struct union_dump *u = j->u;
    size_t from = SIZE_MAX;
    char why[160] = "";
    memset(j->page, 0, u->unit);
    memset(j->seen, 0, u->unit);
    for (size_t i = 0; i < u->n; i++) {
        struct dumpio_dump *d = u->parts[i];
        struct dumpio_error e = {0};
        uint32_t at;
        dio_batch_reset(j->batch);
        int rc = d->format->fetch(d->self, addr, addr + u->unit, j->batch, err);
        if (rc)
            return rc;
        const struct dio_page *p = dio_batch_pages(j->batch);
        if (!dio_batch_count(j->batch) || p->kind == DIO_ABSENT)
            continue;
        rc = p->kind == DIO_LOST ? DUMPIO_E_LOST : expand(j, p, j->other, &e);
        if (rc == DUMPIO_E_NOMEM)
            return dio_nomem(err, "a page");
        if (rc) { /* another part may have it */
            snprintf(why, sizeof why, "%.159s", p->kind != DIO_LOST ? e.message
                                                : p->data ? (const char *)p->data : "lost");
            continue;
        }
        rc = lay_over(j, d, addr, &at, err);
        if (rc)
            return rc;
        if (at < u->unit)
            return conflict(j, out, addr, at, from, i, err);
        from = i;
    }
    if (from != SIZE_MAX)
        return add_joined(j, out, addr, err);
    if (*why)
        return dio_batch_add_lost(out, addr, "%s", why);
    struct dio_page *p = dio_batch_add(out, addr);
    if (!p)
        return dio_nomem(err, "a batch");
    p->kind = DIO_ABSENT;
    return 0;
}

static void joiner_free(struct joiner *j)
{
    dio_batch_free(j->batch);
    dio_decoder_free(&j->decoder);
    free(j->page);
    free(j->other);
    free(j->seen);
}

static int join_pages(struct union_dump *u, uint64_t start, uint64_t end, struct dio_batch *out,
                      struct dumpio_error *err)
{
    struct joiner j = {.u = u, .batch = dio_batch_new()};
    j.page = malloc(u->unit);
    j.other = malloc(u->unit);
    j.seen = malloc(u->unit);
    int rc = j.batch && j.page && j.other && j.seen ? 0 : dio_nomem(err, "a page");
    for (uint64_t at = start; at < end && !rc; at += u->unit)
        rc = join_page(&j, at, out, err);
    joiner_free(&j);
    return rc;
}

static int fetch(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                 struct dumpio_error *err)
{
    struct union_dump *u = self;
    size_t who = 0, several = 0;
    for (size_t i = 0; i < u->n && several < 2; i++) {
        bool yes;
        int rc = concerns(u->parts[i], start, end, &yes, err);
        if (rc)
            return rc;
        if (yes)
            who = i;
        several += yes;
    }
    if (several > 1)
        return join_pages(u, start, end, batch, err);
    return u->parts[who]->format->fetch(u->parts[who]->self, start, end, batch, err);
}

static void close_union(void *self)
{
    struct union_dump *u = self;
    for (size_t i = 0; i < u->n; i++)
        dumpio_close(u->parts[i]);
    free(u->parts);
    free(u);
}

/* ---- one machine ------------------------------------------------------------------------------------ */

static int foreign(struct dumpio_dump *a, struct dumpio_dump *b, const char *what,
                   struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                    "%s is foreign: not of the same dump as %s: %s differ", b->parts[0]->name,
                    a->parts[0]->name, what);
}

static bool same_text(const char *a, const char *b)
{
    return !*a || !*b || !strcmp(a, b);
}

static bool same_registers(const struct dumpio_info *a, const struct dumpio_info *b)
{
    if (!a->n_cpus || !b->n_cpus || a->order != b->order)
        return true;
    bool same = a->n_cpus == b->n_cpus;
    for (uint32_t i = 0; same && i < a->n_cpus; i++) {
        const struct dumpio_cpu *x = &a->cpus[i], *y = &b->cpus[i];
        if (x->regs && y->regs && x->regs_len == y->regs_len)
            same = !memcmp(x->regs, y->regs, x->regs_len);
    }
    return same;
}

static int same_machine(struct dumpio_dump *x, struct dumpio_dump *y, struct dumpio_error *err)
{
    const struct dumpio_info *a = x->info, *b = y->info;
    if (!same_text(a->arch, b->arch) || a->word != b->word)
        return foreign(x, y, "the architectures", err);
    if (a->unit != b->unit)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "%s holds pages of %u bytes, "
                        "%s of %u: convert one of them first", x->parts[0]->name, a->unit,
                        y->parts[0]->name, b->unit);
    if (!same_text(a->uts[DUMPIO_RELEASE], b->uts[DUMPIO_RELEASE]))
        return foreign(x, y, "the kernels' releases", err);
    if (!same_text(a->build_id, b->build_id))
        return foreign(x, y, "the kernels' build ids", err);
    if (a->crash_sec != DUMPIO_UNKNOWN_TIME && b->crash_sec != DUMPIO_UNKNOWN_TIME &&
        a->crash_sec != b->crash_sec)
        return foreign(x, y, "the times of the crash", err);
    if (a->vmcoreinfo_len && b->vmcoreinfo_len &&
        (a->vmcoreinfo_len != b->vmcoreinfo_len ||
         memcmp(a->vmcoreinfo, b->vmcoreinfo, a->vmcoreinfo_len) != 0))
        return foreign(x, y, "the VMCOREINFO texts", err);
    return same_registers(a, b) ? 0 : foreign(x, y, "the registers", err);
}

/* ---- the dump ------------------------------------------------------------------------------------------ */

static int by_start(const void *a, const void *b)
{
    const struct dumpio_partial *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * Partly held pages: runs of the parts are cut by their own lists already, so the list of the whole
 * names what a page of the union really has. A page that another part completes is none.
 */
static int join_partials(struct dumpio_dump *d, struct union_dump *u, struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(d->model);
    size_t n = 0;
    for (size_t i = 0; i < u->n; i++)
        n += u->parts[i]->info->n_partials;
    struct dumpio_partial *all = calloc(n + 1, sizeof *all), *list;
    if (!all)
        return dio_nomem(err, "partly held pages");
    n = 0;
    for (size_t i = 0; i < u->n; i++) {
        const struct dumpio_info *p = u->parts[i]->info;
        for (uint32_t k = 0; k < p->n_partials; k++)
            all[n++] = p->partials[k];
    }
    qsort(all, n, sizeof *all, by_start);
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        struct dumpio_run run;
        rc = next_run(u, all[i].start, &run, err);
        bool twice = kept && all[kept - 1].end >= all[i].end;
        if (!rc && !twice && run.end <= dio_round_down(all[i].start, u->unit) + u->unit)
            all[kept++] = (struct dumpio_partial){run.start, run.end};
    }
    list = kept ? (void *)(uintptr_t)dio_model_copy(d->model, all, kept * sizeof *all) : NULL;
    free(all);
    if (rc < 0 || (kept && !list))
        return rc < 0 ? rc : dio_nomem(err, "partly held pages");
    info->partials = list;
    info->n_partials = (uint32_t)kept;
    return 0;
}

/* The model of the first part that has registers, else of the first: it is taken out of it. */
static int take_model(struct dumpio_dump *d, struct union_dump *u, struct dumpio_error *err)
{
    struct dumpio_dump *first = u->parts[0];
    struct dumpio_info *info = dio_model_info(first->model);
    uint64_t end = 0, size = 0;
    for (size_t i = 0; i < u->n; i++) {
        const struct dumpio_info *p = u->parts[i]->info;
        end = p->end_addr > end ? p->end_addr : end;
        size += p->file_size;
        info->truncated |= p->truncated;
        info->incomplete |= p->incomplete;
    }
    d->model = first->model;
    d->info = info;
    int rc = join_partials(d, u, err);
    if (rc) {
        d->model = NULL; /* it stays the part's */
        return rc;
    }
    info->end_addr = end;
    info->file_size = size;
    info->parts = (uint32_t)u->n;
    return 0;
}

int dio_union_new(struct dumpio_dump **out, struct dumpio_dump **parts, size_t n,
                  bool conflicts_lost, const struct dumpio_env *env, struct dumpio_error *err)
{
    static const struct dio_format format = {
        .name = "union", .title = "several dumps of one machine", .close = close_union,
        .next_run = next_run, .fetch = fetch,
    };
    for (size_t i = 1; i < n; i++) {
        int rc = same_machine(parts[0], parts[i], err);
        if (rc)
            return rc;
    }
    struct dumpio_dump *d = calloc(1, sizeof *d);
    struct union_dump *u = calloc(1, sizeof *u);
    struct dumpio_dump **list = calloc(n, sizeof(struct dumpio_dump *));
    int rc = d && u && list ? 0 : dio_nomem(err, "a union of dumps");
    if (!rc) {
        memcpy(list, parts, n * sizeof(struct dumpio_dump *));
        *u = (struct union_dump){list, n, parts[0]->info->unit, conflicts_lost};
        d->format = &format;
        if (env)
            d->env = *env;
        rc = take_model(d, u, err);
    }
    if (!rc) {
        d->cache = dio_page_cache_new(d);
        rc = d->cache ? 0 : dio_nomem(err, "the page cache");
    }
    if (rc) {
        free(d); /* the model is the first part's still */
        free(u);
        free(list);
        return rc;
    }
    d->self = u;
    parts[0]->model = NULL; /* the union's now; its facts stay where they are until it closes */
    d->mem = dio_dump_mem(d);
    *out = d;
    return 0;
}
