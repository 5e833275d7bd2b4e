/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion of the model: what follows from what is known, and what changes when the byte order
 * becomes known.
 * Facts: the kernel's VMCOREINFO documentation (admin-guide/kdump/vmcoreinfo).
 * Not handled: anything that needs the dumped memory (libdumpio/kernel does that).
 */
#include "model_core.h"

#include "plug/decode.h"

#include <stdlib.h>

/* VMCOREINFO's "KEY=VALUE" as text of the model; NULL when absent or empty. */
static const char *core_text(struct dio_model *m, const char *key)
{
    size_t len;
    const char *v = dio_line_value(m->info.vmcoreinfo, m->info.vmcoreinfo_len, key, &len);
    return v && len ? dio_model_field(m, v, len) : NULL;
}

/* A number in decimal, or in hexadecimal behind 0x; negative ones wrap. */
static bool core_number(struct dio_model *m, const char *key, uint64_t *value)
{
    size_t len;
    const char *v = dio_line_value(m->info.vmcoreinfo, m->info.vmcoreinfo_len, key, &len);
    char text[32], *end;
    if (!v || !len || len >= sizeof text)
        return false;
    memcpy(text, v, len);
    text[len] = 0;
    bool hex = !strncmp(text, "0x", 2);
    if (!hex && text[0] != '-' && (text[0] < '0' || text[0] > '9'))
        return false;
    *value = strtoull(text, &end, hex ? 16 : 10);
    return end != text && !*end;
}

static void complete_from_vmcoreinfo(struct dio_model *m)
{
    struct dumpio_info *info = &m->info;
    uint64_t n;
    const char *text;
    if (!*info->uts[DUMPIO_RELEASE] && (text = core_text(m, "OSRELEASE")))
        info->uts[DUMPIO_RELEASE] = text;
    if (!*info->build_id && (text = core_text(m, "BUILD-ID")))
        info->build_id = text;
    if (info->crash_sec == DUMPIO_UNKNOWN_TIME && core_number(m, "CRASHTIME", &n) &&
        n <= INT64_MAX)
        info->crash_sec = (int64_t)n;
    if (core_number(m, "NUMBER(phys_base)", &n)) {
        info->phys_base = n;
        info->has_phys_base = 1;
    }
    if (core_number(m, "PAGESIZE", &n) && n >= 4096 && dio_page_size_ok(n)) /* none is smaller */
        info->page_size = (uint32_t)n;
}

/* Some producers write "Unknown" there. */
static bool machine_unknown(const char *machine)
{
    return !*machine || !strcmp(machine, "Unknown") || !strcmp(machine, "unknown");
}

static void complete_machine(struct dumpio_info *info)
{
    enum dumpio_order order = DUMPIO_ORDER_UNKNOWN;
    const struct dio_arch *by_uts = dio_arch_by_uts(info->uts[DUMPIO_MACHINE], &order);
    if (!*info->arch && by_uts)
        info->arch = by_uts->name;
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    if (!info->order && arch && arch == by_uts)
        info->order = order;
    if (!info->order)
        info->order = info->file_order;
    if (!info->order && arch)
        info->order = (enum dumpio_order)arch->default_order;
    if (!info->word)
        info->word = arch ? arch->word : info->file_word;
    if (!info->page_size)
        info->page_size = info->unit ? info->unit : arch ? arch->default_page : 0;
    if (arch && machine_unknown(info->uts[DUMPIO_MACHINE]))
        info->uts[DUMPIO_MACHINE] = dio_arch_uts(info->arch, info->order);
    if (!info->note_order)
        info->note_order = dio_info_note_order(info);
}

static void complete_panic_cpu(struct dumpio_info *info)
{
    if (info->panic_cpu >= 0 && (uint32_t)info->panic_cpu >= info->n_cpus)
        info->panic_cpu = -1;
    if (info->panic_cpu >= 0 || !info->panic_task)
        return;
    for (uint32_t i = 0; i < info->n_cpus; i++)
        if (info->cpus[i].task == info->panic_task) {
            info->panic_cpu = (int32_t)i;
            return;
        }
    if (info->n_cpus == 1)
        info->panic_cpu = 0;
}

static int by_start(const void *a, const void *b)
{
    const struct dumpio_partial *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Ascending, not touching, each a part of one unit; what crosses units makes no sense. */
static void complete_partials(struct dio_model *m)
{
    struct dumpio_partial *list = m->partials;
    uint64_t unit = m->info.unit;
    uint32_t n = m->info.n_partials, kept = 0;
    if (!n || !dio_is_pow2(unit))
        return;
    qsort(list, n, sizeof *list, by_start);
    for (uint32_t i = 0; i < n; i++) {
        struct dumpio_partial p = list[i];
        if (p.start >= p.end || p.start / unit != (p.end - 1) / unit)
            continue;
        if (kept && list[kept - 1].end >= p.start && list[kept - 1].start / unit == p.start / unit)
            list[kept - 1].end = p.end > list[kept - 1].end ? p.end : list[kept - 1].end;
        else
            list[kept++] = p;
    }
    n = kept;
    kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (list[i].end - list[i].start < unit)
            list[kept++] = list[i];
    m->info.n_partials = kept;
}

void dio_model_set_order(struct dio_model *m, enum dumpio_order order)
{
    struct dumpio_info *info = &m->info;
    enum dumpio_order old = info->order;
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    if (!order || order == old)
        return;
    info->order = order;
    if (!old || !arch)
        return;
    if (!strcmp(info->uts[DUMPIO_MACHINE], dio_arch_uts(info->arch, old)))
        info->uts[DUMPIO_MACHINE] = dio_arch_uts(info->arch, order);
    for (uint32_t i = 0; i < info->n_cpus; i++) {
        struct dumpio_cpu *cpu = &m->cpus[i];
        if (!cpu->regs || cpu->regs_len != arch->regs_size || m->cpu_notes[i].data)
            continue;
        uint8_t *copy = dio_model_alloc(m, cpu->regs_len);
        if (copy) {
            memcpy(copy, cpu->regs, cpu->regs_len);
            dio_regs_swap(arch, copy);
        }
        cpu->regs = copy;
        cpu->regs_len = copy ? cpu->regs_len : 0;
    }
    (void)dio_cpus_from_notes(m, NULL);
}

void dio_model_complete(struct dio_model *m, const struct dumpio_env *env)
{
    struct dumpio_info *info = &m->info;
    const uint8_t *carried = m->carried;
    m->carried = NULL;
    if (carried && dio_carried_apply(m, carried, m->carried_len, env, NULL))
        dio_note(env, DUMPIO_WARNING, "out of memory: the carried description is incomplete");
    complete_from_vmcoreinfo(m);
    complete_machine(info);
    if (dio_cpus_from_notes(m, NULL))
        dio_note(env, DUMPIO_WARNING, "out of memory: registers are missing");
    if (!info->nr_cpus)
        info->nr_cpus = info->n_cpus;
    complete_panic_cpu(info);
    complete_partials(m);
}
