/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format "diskdump": compressed files of Red Hat's diskdump, signature "DISKDUMP".
 * Reference: Red Hat EL4's linux/diskdump.h, crash's diskdump.h and diskdump.c.
 * Not handled: the raw dump partition ("diskdump" in lower case); switch stacks of ia64.
 *
 * The first block of the sub header has the registers of the panic CPU. dumpio's own files have
 * further ones with the carried model, which readers skip because sub_hdr_size counts them.
 */
#include "kdump.h"

#include <stdlib.h>

#define CPUS_MAX 65536u /* no machine had more */
#define CARRIED_LINE "dumpio-model-1\n"
#define VERSION 1

static int probe(const uint8_t *head, size_t n)
{
    return dio_kdump_probe_for(DIO_DISKDUMP_SIGNATURE, head, n);
}

/* Task pointers behind the main header that its block has room for. */
static uint32_t tasks_room(const struct dio_kdump_head *h)
{
    return (uint32_t)((h->block_size - dio_kdump_head_size(h->word)) / h->word);
}

/* ---- reader ---------------------------------------------------------------------------------- */

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

struct front {
    uint8_t *tasks;      /* the first block, from tasks[] on */
    uint32_t n_tasks;
    uint8_t *regs;       /* the second block */
    uint32_t regs_len;   /* 0: none */
};

/* Some kernels clear the registers after having copied them: zeros are none. */
static int read_front(const struct dio_kdump *d, const struct dumpio_info *info, struct front *f,
                      struct dumpio_error *err)
{
    const struct dio_kdump_head *h = &d->head;
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    struct dio_bytes *src = d->parts[0].src;
    size_t at = dio_kdump_head_size(h->word), got;
    f->n_tasks = h->nr_cpus < tasks_room(h) ? h->nr_cpus : tasks_room(h);
    f->tasks = calloc(1, h->block_size);
    f->regs = calloc(1, h->block_size);
    if (!f->tasks || !f->regs)
        return dio_nomem(err, "the header blocks");
    int rc = dio_read_some(src, at, f->tasks, f->n_tasks * (size_t)h->word, &got, err);
    if (rc)
        return dio_context(err, rc, "tasks");
    rc = dio_read_some(src, h->block_size, f->regs, h->block_size, &got, err);
    if (rc)
        return dio_context(err, rc, "sub header");
    if (arch && arch->regs_size <= got && !all_zero(f->regs, arch->regs_size))
        f->regs_len = arch->regs_size;
    return 0;
}

static uint64_t task_of(const struct dio_kdump_head *h, const struct front *f, uint32_t cpu)
{
    return cpu < f->n_tasks ? dio_get_word(f->tasks + cpu * h->word, h->order, h->word) : 0;
}

/* The CPUs that there is something to say of, up to the last such. */
static int add_cpus(const struct dio_kdump_head *h, const struct front *f, struct dio_model *model,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(model);
    uint32_t panic = h->current_cpu, n = 0;
    for (uint32_t i = 0; i < f->n_tasks; i++)
        if (task_of(h, f, i))
            n = i + 1;
    if (f->regs_len &&
        (panic >= CPUS_MAX || (panic >= tasks_room(h) && panic >= h->nr_cpus))) {
        dio_note(env, DUMPIO_WARNING, "current_cpu %u of %u processors: taken for 0", panic,
                 h->nr_cpus);
        panic = 0;
    }
    if (f->regs_len && panic >= n)
        n = panic + 1;
    for (uint32_t i = 0; i < n; i++) {
        struct dumpio_cpu cpu = {.number = i, .task = task_of(h, f, i)};
        if (i == panic) {
            cpu.regs = f->regs_len ? f->regs : NULL;
            cpu.regs_len = f->regs_len;
        }
        int rc = dio_model_add_cpu(model, &cpu, err);
        if (rc)
            return rc;
    }
    info->panic_task = task_of(h, f, panic);
    if (panic < n && (f->regs_len || info->panic_task))
        info->panic_cpu = (int32_t)panic;
    return 0;
}

static int read_carried(const struct dio_kdump *d, struct dio_model *model,
                        const struct dumpio_env *env, struct dumpio_error *err)
{
    uint64_t block = d->head.block_size, at = 2 * block;
    uint64_t want = (uint64_t)(d->head.sub_blocks - 1) * block;
    struct dio_bytes *src = d->parts[0].src;
    char line[sizeof CARRIED_LINE - 1];
    size_t len;
    if (want < sizeof line || want > DIO_KDUMP_TEXT_MAX || at >= src->size)
        return 0;
    int rc = dio_read_some(src, at, line, sizeof line, &len, err);
    if (rc || len < sizeof line || memcmp(line, CARRIED_LINE, sizeof line))
        return rc;
    if (want > src->size - at)
        want = src->size - at;
    uint8_t *data = malloc((size_t)want);
    if (!data)
        return dio_nomem(err, "the carried description");
    rc = dio_read_some(src, at, data, (size_t)want, &len, err);
    while (!rc && len && !data[len - 1])
        len--;
    if (!rc) {
        /* current_cpu cannot tell that the panic CPU is unknown; the description can. */
        dio_model_info(model)->panic_cpu = -1;
        rc = dio_model_restore(model, data, len, env, err);
    }
    free(data);
    return rc;
}

static int describe(struct dio_kdump *d, const struct dio_input *in, struct dio_model *model,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(model);
    struct front f = {0};
    int rc = dio_kdump_describe_head(d, model, err);
    const struct dio_arch *arch = in->options->arch ? dio_arch_by_name(in->options->arch) : NULL;
    if (!*info->arch && arch) {
        info->arch = arch->name;
        info->word = arch->word;
    }
    if (!rc)
        rc = read_front(d, info, &f, err);
    if (!rc)
        rc = add_cpus(&d->head, &f, model, env, err);
    if (!rc)
        rc = read_carried(d, model, env, err);
    free(f.tasks);
    free(f.regs);
    return rc;
}

static int open_diskdump(void **self, const struct dio_input *in, struct dio_model *model,
                         const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_kdump *d;
    int rc = dio_kdump_new(&d, in, env, err);
    if (rc)
        return rc;
    rc = describe(d, in, model, env, err);
    if (!rc)
        rc = dio_kdump_tables(d, dio_model_info(model), env, err);
    if (rc) {
        dio_kdump_close(d);
        return rc;
    }
    *self = d;
    return 0;
}

/* ---- writer ---------------------------------------------------------------------------------- */

/* Index into info->cpus of the CPU whose registers are stored. */
static uint32_t panic_index(const struct dumpio_info *info)
{
    return info->panic_cpu >= 0 && (uint32_t)info->panic_cpu < info->n_cpus
               ? (uint32_t)info->panic_cpu
               : 0;
}

static void set_cpus(struct dio_kdump_writer *w, const struct dumpio_env *env)
{
    struct dio_kdump_head *h = &w->head;
    uint32_t room = tasks_room(h);
    h->current_cpu = panic_index(w->plan->info);
    if (h->nr_cpus <= room)
        return;
    dio_note(env, DUMPIO_WARNING, "diskdump has room for the tasks of %u processors, not of %u",
             room, h->nr_cpus);
    h->nr_cpus = room;
    if (h->current_cpu >= room)
        h->current_cpu = 0;
}

static int set_tail(struct dio_kdump_writer *w, struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    w->tail_at = 2 * (uint64_t)plan->unit;
    if (!plan->carried || !plan->carried_len)
        return 0;
    w->tail = malloc(plan->carried_len);
    if (!w->tail)
        return dio_nomem(err, "the carried description");
    memcpy(w->tail, plan->carried, plan->carried_len);
    w->tail_len = plan->carried_len;
    return 0;
}

static void put_tasks(uint8_t *front, const struct dio_kdump_writer *w)
{
    const struct dio_kdump_head *h = &w->head;
    const struct dumpio_info *info = w->plan->info;
    uint8_t *tasks = front + dio_kdump_head_size(h->word);
    for (uint32_t i = 0; i < h->nr_cpus && i < info->n_cpus; i++)
        dio_put(tasks + i * h->word, h->order, h->word, info->cpus[i].task);
    uint32_t panic = panic_index(info);
    uint64_t task = info->panic_task;
    if (!task && info->n_cpus)
        task = info->cpus[panic].task;
    dio_put(tasks + h->current_cpu * h->word, h->order, h->word, task);
}

static void put_regs(uint8_t *front, const struct dio_kdump_writer *w)
{
    const struct dumpio_info *info = w->plan->info;
    if (!info->n_cpus)
        return;
    const struct dumpio_cpu *cpu = &info->cpus[panic_index(info)];
    uint32_t block = w->plan->unit;
    if (cpu->regs)
        memcpy(front + block, cpu->regs, cpu->regs_len < block ? cpu->regs_len : block);
}

static void fill(uint8_t *front, const struct dio_kdump_writer *w)
{
    put_tasks(front, w);
    put_regs(front, w);
}

static int write_front(struct dio_kdump_writer *w, bool unfinished, struct dumpio_error *err)
{
    struct dio_kdump_head *h = &w->head;
    uint64_t blocks = dio_div_up(w->at, w->plan->unit);
    h->written_blocks = blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)blocks;
    h->status = (w->plan->codec ? DIO_DISKDUMP_COMPRESSED : 0) |
                (w->lost || unfinished ? DIO_DISKDUMP_INCOMPLETE : 0);
    return dio_kdump_write_front(w, fill, err);
}

static int create(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                  const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_kdump_writer *w;
    int rc = dio_kdump_writer_new(&w, out, plan, true, err);
    if (rc)
        return rc;
    w->head.version = VERSION;
    set_cpus(w, env);
    rc = set_tail(w, err);
    if (!rc)
        rc = dio_kdump_writer_start(w, err);
    if (!rc)
        rc = write_front(w, dio_kdump_marks_unfinished(w), err);
    if (rc) {
        dio_kdump_writer_free(w);
        return rc;
    }
    *self = w;
    return 0;
}

static int finish(void *self, uint64_t *size, struct dumpio_error *err)
{
    struct dio_kdump_writer *w = self;
    int rc = dio_kdump_check_placed(w, err);
    *size = w->at;
    return rc ? rc : write_front(w, false, err);
}

static const struct dio_format_codec codecs[] = {{"zlib", "zlib"}, {"none", NULL}, {NULL, NULL}};

const struct dio_format dio_format_diskdump = {
    .name = "diskdump",
    .title = "compressed dump of Red Hat's diskdump",
    .flags = DIO_FORMAT_SEEKS,
    .probe = probe,
    .open = open_diskdump,
    .close = dio_kdump_close,
    .next_run = dio_kdump_next_run,
    .fetch = dio_kdump_fetch,
    .codecs = codecs,
    .holds = DIO_HOLDS_UTS | DIO_HOLDS_DUMP_TIME | DIO_HOLDS_PANIC_TASK | DIO_HOLDS_REGS_ONE |
             DIO_HOLDS_EXCLUDED | DIO_HOLDS_LOST | DIO_HOLDS_ABSENT | DIO_HOLDS_NR_CPUS,
    .create = create,
    .place = dio_kdump_place,
    .lost = dio_kdump_lost,
    .unreached = dio_kdump_lost,
    .store = dio_kdump_store,
    .finish = finish,
    .free = dio_kdump_writer_free,
};
