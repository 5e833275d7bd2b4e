/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classifying every frame of a dump: windows of the kernel's memory map in parallel, joined in
 * order.
 */
#include "classes.h"
#include "pipeline.h"
#include "plug/decode.h"
#include "progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[DUMPIO_CLASSES] = {
    "kernel", "cache", "private", "user", "free", "freed", "hwpoison", "offline", "no-record",
    "unknown"};

const char *dumpio_class_name(enum dumpio_class c)
{
    return (unsigned)c < DUMPIO_CLASSES ? names[c] : "";
}

unsigned dumpio_level_set(unsigned level)
{
    unsigned set = 0;
    if (level & 1)
        set |= DUMPIO_EXCLUDE_ZERO;
    if (level & 2)
        set |= DUMPIO_BIT(DUMPIO_CLASS_CACHE);
    if (level & 4)
        set |= DUMPIO_BIT(DUMPIO_CLASS_CACHE) | DUMPIO_BIT(DUMPIO_CLASS_PRIVATE);
    if (level & 8)
        set |= DUMPIO_BIT(DUMPIO_CLASS_USER);
    if (level & 16)
        set |= DUMPIO_BIT(DUMPIO_CLASS_FREE);
    if (level & 30)
        set |= DUMPIO_BIT(DUMPIO_CLASS_HWPOISON) | DUMPIO_BIT(DUMPIO_CLASS_OFFLINE);
    return set;
}

/* ---- the pass --------------------------------------------------------------------------------- */

struct job {
    uint64_t pfn;
    size_t n;
    uint8_t *classes; /* a window of them */
    uint8_t *code;
    size_t code_len;
    struct dio_class_sums sums;
    struct dio_pfn_list candidates;
};

struct pass {
    struct dumpio_classes *c;
    const struct dio_classifier *how;
    struct dio_class_sums sums;
    uint64_t next;    /* pfn */
    struct dio_ticker ticker;
};

static int job_plan(void *ctx, void *job, struct dumpio_error *err)
{
    struct pass *p = ctx;
    struct job *j = job;
    (void)err;
    const struct dio_memmap_run *r = dio_memmap_at(p->how->memmap, p->next);
    if (!r)
        return DUMPIO_END;
    j->pfn = p->next > r->pfn ? p->next : r->pfn;
    if (j->pfn >= p->how->end) {
        p->sums.beyond = dio_memmap_frames(p->how->memmap, j->pfn);
        return DUMPIO_END;
    }
    uint64_t end = dio_round_down(j->pfn, p->how->window) + p->how->window;
    if (end > p->how->end)
        end = p->how->end;
    if (end > r->end)
        end = r->end;
    j->n = (size_t)(end - j->pfn);
    p->next = end;
    return 0;
}

static int job_work(void *ctx, void *worker, void *job, struct dumpio_error *err)
{
    struct pass *p = ctx;
    struct job *j = job;
    j->sums = (struct dio_class_sums){0};
    j->candidates.n = 0;
    int rc = dio_classify_window(p->how, worker, j->pfn, j->n, j->classes, &j->sums,
                                 &j->candidates, err);
    if (!rc)
        j->code_len = dio_class_code(j->classes, j->n, j->code);
    return rc;
}

static void add_sums(struct dio_class_sums *to, const struct dio_class_sums *s)
{
    for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
        to->pages[i] += s->pages[i];
    to->compounds += s->compounds;
    to->broken_heads += s->broken_heads;
    to->broken_tails += s->broken_tails;
    to->broken_free += s->broken_free;
    to->mappings += s->mappings;
    to->bad_mappings += s->bad_mappings;
    to->links += s->links;
    to->bad_links += s->bad_links;
    to->lru += s->lru;
    to->ownerless += s->ownerless;
    to->off_lru += s->off_lru;
    to->on_list += s->on_list;
    to->small_huge += s->small_huge;
    to->unread += s->unread;
    if (s->broken_heads || s->broken_tails || s->broken_free)
        to->broken_pfn = s->broken_pfn;
}

static int job_place(void *ctx, void *job, struct dumpio_error *err)
{
    struct pass *p = ctx;
    struct job *j = job;
    add_sums(&p->sums, &j->sums);
    int rc = dio_class_store_add(p->c->store, j->pfn, j->n, j->code, j->code_len, err);
    for (size_t i = 0; i < j->candidates.n && !rc; i++)
        rc = dio_pfn_list_add(&p->c->freed, j->candidates.v[i], err);
    return rc ? rc : dio_tick(&p->ticker, 0, err);
}

static int worker_init(void *ctx, void *worker, struct dumpio_error *err)
{
    return dio_class_worker_init(worker, ((struct pass *)ctx)->how, err);
}

static void worker_free(void *ctx, void *worker)
{
    dio_class_worker_free(worker, ((struct pass *)ctx)->how);
}

static int job_init(void *ctx, void *job, struct dumpio_error *err)
{
    struct pass *p = ctx;
    struct job *j = job;
    j->classes = malloc((size_t)p->how->window);
    j->code = malloc(dio_class_bound((size_t)p->how->window));
    return j->classes && j->code ? 0 : dio_nomem(err, "the classes of a window");
}

static void job_free(void *ctx, void *job)
{
    struct job *j = job;
    (void)ctx;
    free(j->classes);
    free(j->code);
    dio_pfn_list_free(&j->candidates);
}

static int run(struct pass *p, const struct dumpio_env *env, struct dumpio_error *err)
{
    size_t window = (size_t)p->how->window;
    struct dio_pipeline line = {
        .ctx = p,
        .plan = job_plan,
        .work = job_work,
        .place = job_place,
        .worker_size = sizeof(struct dio_class_worker),
        .job_size = sizeof(struct job),
        .worker_init = worker_init,
        .worker_free = worker_free,
        .job_init = job_init,
        .job_free = job_free,
        .jobs_per_thread = 2,
        .job_memory = 2 * window,
        .worker_memory = window * p->how->layout.size + (4u << 20),
    };
    p->ticker.env = env;
    return dio_pipeline_run(&line, env, err);
}

/* ---- the kernel's facts ------------------------------------------------------------------------ */

/* Open the classifier; what VMCOREINFO lacks may be in the dump's BTF. *checked: that was read. */
static int open_classifier(struct dio_classifier *how, struct dio_kernel *k, bool freed,
                           bool *checked, struct dumpio_error *err)
{
    int rc = dio_classifier_open(how, k, freed, err);
    /* a kernel may have been built without hugetlb, or not say so */
    bool open = !rc, doubtful = open && how->layout.huge_mark == DIO_HUGE_NONE;
    *checked = rc == DUMPIO_E_ABSENT || doubtful;
    if (!*checked)
        return rc;
    if (open)
        dio_classifier_close(how);
    struct dumpio_error first = err ? *err : (struct dumpio_error){0};
    rc = dio_kernel_complete_facts(k, err);
    if (rc)
        return rc;
    rc = dio_classifier_open(how, k, freed, err);
    if (rc == DUMPIO_E_ABSENT && err && !open)
        *err = first;
    return rc;
}

/* The check of the kernel's facts, which needs no more than a processor and may go on beside. */
struct fact_check {
    struct dio_kernel *k;
    pthread_t thread;
    bool started;
    int rc;
    struct dumpio_error err;
};

static void *check_facts(void *arg)
{
    struct fact_check *f = arg;
    f->rc = dio_kernel_check_facts(f->k, &f->err);
    return NULL;
}

static void start_check(struct fact_check *f, struct dio_kernel *k, const struct dumpio_env *env)
{
    *f = (struct fact_check){.k = k};
    bool beside = !env || env->threads != 1;
    f->started = beside && !pthread_create(&f->thread, NULL, check_facts, f);
    if (!f->started)
        check_facts(f);
}

static int end_check(struct fact_check *f, struct dumpio_error *err)
{
    if (f->started)
        pthread_join(f->thread, NULL);
    if (f->rc && err)
        *err = f->err;
    return f->rc;
}

static int copy_nodes(struct dumpio_classes *c, const struct dio_memmap *m,
                      struct dumpio_error *err)
{
    c->nodes = calloc(m->n_nodes + 1, sizeof *c->nodes);
    if (!c->nodes)
        return dio_nomem(err, "the kernel's nodes");
    for (size_t i = 0; i < m->n_nodes; i++)
        c->nodes[i] = (struct dumpio_node){m->nodes[i].id, m->nodes[i].pfn * c->page_size,
                                           m->nodes[i].end * c->page_size};
    c->info.nodes = c->nodes;
    c->info.n_nodes = m->n_nodes;
    return 0;
}

static int classify(struct dumpio_classes *c, struct dumpio_dump *d,
                    const struct dumpio_classify_options *o,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_classifier how;
    struct dumpio_error why = {0};
    dumpio_explore(d, &why);
    if (!d->kernel) {
        if (err)
            *err = why;
        return dio_context(err, why.status, "the kernel's view of its pages cannot be had");
    }
    bool checked;
    int rc = open_classifier(&how, d->kernel, o->freed, &checked, err);
    if (rc)
        return rc;
    struct fact_check check = {0};
    if (!checked)
        start_check(&check, d->kernel, env);
    struct pass p = {.c = c, .how = &how};
    c->page_size = (uint32_t)d->kernel->page_size;
    c->info.page_size = c->page_size;
    c->info.memory_model = how.memmap->model;
    rc = dio_class_store_new(&c->store, env, err);
    if (!rc)
        rc = copy_nodes(c, how.memmap, err);
    if (!rc)
        rc = run(&p, env, err);
    int facts = checked ? 0 : end_check(&check, err);
    if (facts) /* names the fact, whatever else went wrong for it */
        rc = facts;
    if (!rc)
        rc = dio_freed_pages(&how, &c->freed, err);
    if (!rc) {
        memcpy(c->info.pages, p.sums.pages, sizeof c->info.pages);
        c->info.pages[DUMPIO_CLASS_FREED] = c->freed.n;
        c->info.pages[DUMPIO_CLASS_KERNEL] -= c->freed.n;
        for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
            c->info.records += c->info.pages[i];
        rc = dio_classes_check(c, d, &how, &p.sums, o->keep_unknown, env, err);
    }
    dio_classifier_close(&how);
    return rc;
}

/* Everything is UNKNOWN, for the reason in `why`. */
static int all_unknown(struct dumpio_classes *c, struct dumpio_dump *d,
                       const struct dumpio_error *why)
{
    dio_class_store_free(c->store);
    dio_pfn_list_free(&c->freed);
    free(c->nodes);
    *c = (struct dumpio_classes){.all_unknown = true};
    c->page_size = d->info->page_size ? d->info->page_size : d->info->unit;
    snprintf(c->unknown_why, sizeof c->unknown_why, "%s", why->message);
    c->info = (struct dumpio_classes_info){.page_size = c->page_size, .memory_model = ""};
    return 0;
}

static bool is_about_the_dump(int rc)
{
    return rc == DUMPIO_E_ABSENT || rc == DUMPIO_E_LOST || rc == DUMPIO_E_CORRUPT ||
           rc == DUMPIO_E_UNSUPPORTED || rc == DUMPIO_E_LIMIT || rc == DUMPIO_E_TRUNCATED;
}

int dumpio_classify(struct dumpio_dump *dump, const struct dumpio_classify_options *options,
                    struct dumpio_classes **out, const struct dumpio_env *env,
                    struct dumpio_error *err)
{
    static const struct dumpio_classify_options defaults = {0};
    struct dumpio_error e = {0};
    struct dumpio_classes *c = calloc(1, sizeof *c);
    if (!options)
        options = &defaults;
    if (!c)
        return dio_nomem(err, "the classes of pages");
    int rc = classify(c, dump, options, env, &e);
    if (rc && options->keep_unknown && is_about_the_dump(rc))
        rc = all_unknown(c, dump, &e);
    if (rc) {
        if (err)
            *err = e;
        dumpio_classes_free(c);
        return rc;
    }
    c->info.unknown_why = c->unknown_why;
    *out = c;
    return 0;
}

void dumpio_classes_free(struct dumpio_classes *c)
{
    if (!c)
        return;
    dio_class_store_free(c->store);
    dio_pfn_list_free(&c->freed);
    free(c->nodes);
    free(c);
}

const struct dumpio_classes_info *dumpio_classes_get_info(const struct dumpio_classes *c)
{
    return &c->info;
}

/* ---- looking up -------------------------------------------------------------------------------- */

/* Cut a KERNEL run [pfn, *end) at the first FREED frame, or make it one. */
static void cut_freed(const struct dumpio_classes *c, uint64_t pfn, uint64_t *end,
                      enum dumpio_class *class_)
{
    const struct dio_pfn_list *l = &c->freed;
    size_t lo;
    if (!dio_pfn_list_find(l, pfn, &lo)) {
        if (lo < l->n && l->v[lo] < *end)
            *end = l->v[lo];
        return;
    }
    uint64_t last = pfn;
    while (++lo < l->n && l->v[lo] == last + 1)
        last++;
    *class_ = DUMPIO_CLASS_FREED;
    *end = last + 1 < *end ? last + 1 : *end;
}

int dumpio_classes_next(struct dumpio_classes *c, uint64_t addr, struct dumpio_class_run *run,
                        struct dumpio_error *err)
{
    uint64_t pfn = addr / c->page_size, end;
    int rc = 0;
    run->start = addr;
    run->end = UINT64_MAX;
    run->class_ = DUMPIO_CLASS_UNKNOWN;
    if (c->all_unknown)
        return addr == UINT64_MAX ? DUMPIO_END : 0;
    if (addr == UINT64_MAX)
        return DUMPIO_END;
    for (bool first = true;; first = false) {
        enum dumpio_class class_;
        rc = dio_class_store_at(c->store, pfn, &end, &class_, err);
        if (rc)
            return rc;
        if (class_ == DUMPIO_CLASS_KERNEL)
            cut_freed(c, pfn, &end, &class_);
        if (first)
            run->class_ = class_;
        else if (class_ != run->class_)
            return 0;
        if (end > UINT64_MAX / c->page_size) {
            run->end = UINT64_MAX;
            return 0;
        }
        run->end = end * c->page_size;
        pfn = end;
    }
}
