/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The carried model, writing: lines that take along what a target format has no place for.
 * The format is dumpio's own: "dumpio-model-1", then "KEY VALUE", and with LEN raw bytes and a
 * newline behind them "note NAME TYPE LEN" and "text KEY LEN". carried_restore.c reads it.
 */
#include "model_core.h"

#include "plug/decode.h"
#include "plug/format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAGIC "dumpio-model-1\n"
#define MAGIC_LEN (sizeof MAGIC - 1)
#define PANIC_FIELD 256u /* bytes of panic string that formats hold, NUL included */

static const char *const uts_keys[DUMPIO_UTS_FIELDS] = {
    "uts.sysname", "uts.nodename", "uts.release", "uts.version", "uts.machine", "uts.domainname",
};

/* ---- building -------------------------------------------------------------------------------- */

/* What is left out when room is short, the first one first. */
enum rank {
    R_OTHER_NOTES,
    R_ERASEINFO,
    R_EXTRAS,
    R_VMCOREINFO,
    R_REGISTERS,
    R_TASKS,
    R_PARTIALS,
    R_SCALARS,
    R_COUNT
};

#define NAMES_MAX 24

struct names {
    const char *list[NAMES_MAX];
    unsigned n;
};

struct carry {
    const struct dumpio_info *info;
    unsigned holds;
    unsigned left_out; /* ranks below this one are */
    bool needed;       /* the block says something that the target cannot */
    struct dio_buf out;
    struct names not_held, dropped;
};

static void add_name(struct names *names, const char *name)
{
    for (unsigned i = 0; i < names->n; i++)
        if (!strcmp(names->list[i], name))
            return;
    if (names->n < NAMES_MAX)
        names->list[names->n++] = name;
}

/* Record that `name` (NULL = known to the target too) is to be written; false = no room for it. */
static bool want(struct carry *c, enum rank rank, const char *name)
{
    if ((unsigned)rank < c->left_out) {
        if (name)
            add_name(&c->dropped, name);
        return false;
    }
    if (name) {
        add_name(&c->not_held, name);
        c->needed = true;
    }
    return true;
}

static bool holds(const struct carry *c, unsigned what)
{
    return (c->holds & what) != 0;
}

/* A value with %XX for what would end a line (or, in a name, a word). */
static void put_escaped(struct dio_buf *out, const char *text, bool word)
{
    if (word && !*text)
        dio_buf_add(out, "%-", 2);
    for (; *text; text++) {
        unsigned char b = (unsigned char)*text;
        if (b < (word ? 0x21 : 0x20) || b == 0x7f || b == '%')
            dio_buf_printf(out, "%%%02X", b);
        else
            dio_buf_add(out, text, 1);
    }
}

static void put_text_line(struct carry *c, const char *key, const char *text)
{
    dio_buf_printf(&c->out, "%s ", key);
    put_escaped(&c->out, text, false);
    dio_buf_add(&c->out, "\n", 1);
}

static void put_raw(struct carry *c, const char *key, const void *data, size_t len)
{
    dio_buf_printf(&c->out, "text %s %zu\n", key, len);
    dio_buf_add(&c->out, data, len);
    dio_buf_add(&c->out, "\n", 1);
}

/* Will a reader of the target find VMCOREINFO without the block? */
static bool has_vmcoreinfo(const struct carry *c)
{
    return c->info->vmcoreinfo_len &&
           (c->info->vmcoreinfo_found == 2 || holds(c, DIO_HOLDS_VMCOREINFO | DIO_HOLDS_NOTES) ||
            c->left_out <= R_VMCOREINFO);
}

/* Does VMCOREINFO, which the target's reader has, say the same as `text`? */
static bool core_says(const struct carry *c, const char *key, const char *text)
{
    size_t len;
    const char *v = dio_line_value(c->info->vmcoreinfo, c->info->vmcoreinfo_len, key, &len);
    return v && has_vmcoreinfo(c) && len == strlen(text) && !memcmp(v, text, len);
}

static bool core_has(const struct carry *c, const char *key)
{
    size_t len;
    return has_vmcoreinfo(c) &&
           dio_line_value(c->info->vmcoreinfo, c->info->vmcoreinfo_len, key, &len);
}

static bool uts_follows(const struct carry *c, int field)
{
    const char *text = c->info->uts[field];
    if (field == DUMPIO_RELEASE)
        return core_says(c, "OSRELEASE", text);
    return field == DUMPIO_MACHINE && !strcmp(text, dio_arch_uts(c->info->arch, c->info->order));
}

static void put_uts(struct carry *c)
{
    const char *const *uts = c->info->uts;
    bool need = false;
    for (int i = 0; i < DUMPIO_UTS_FIELDS; i++)
        need |= *uts[i] && !uts_follows(c, i);
    if (!need || holds(c, DIO_HOLDS_UTS) || c->info->from_memory & DUMPIO_FROM_MEMORY_UTS ||
        !want(c, R_SCALARS, "utsname"))
        return;
    for (int i = 0; i < DUMPIO_UTS_FIELDS; i++)
        if (*uts[i])
            put_text_line(c, uts_keys[i], uts[i]);
}

static const char *order_name(enum dumpio_order order)
{
    return order == DUMPIO_LITTLE ? "little" : order == DUMPIO_BIG ? "big" : "unknown";
}

/* What makes the rest readable, and what most targets know themselves. */
static void put_machine(struct carry *c)
{
    const struct dumpio_info *info = c->info;
    if (*info->arch)
        put_text_line(c, "arch", info->arch);
    if (info->order)
        dio_buf_printf(&c->out, "order %s\n", order_name(info->order));
    if (info->word)
        dio_buf_printf(&c->out, "word %" PRIu32 "\n", info->word);
    bool odd_cpus = info->nr_cpus != info->n_cpus && !holds(c, DIO_HOLDS_NR_CPUS);
    if (want(c, R_SCALARS, odd_cpus ? "number of CPUs" : NULL))
        dio_buf_printf(&c->out, "nr_cpus %" PRIu32 "\n", info->nr_cpus);
    dio_buf_printf(&c->out, "cpus %" PRIu32 "\n", info->n_cpus);
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    bool odd_page = info->page_size && !core_has(c, "PAGESIZE") &&
                    (!arch || info->page_size != arch->default_page);
    bool own = holds(c, DIO_HOLDS_OWN);
    if (info->page_size && want(c, R_SCALARS, odd_page && !own ? "page size" : NULL))
        dio_buf_printf(&c->out, "page_size %" PRIu32 "\n", info->page_size);
    /* The kernel's tables, which VMCOREINFO leads to, tell the direct map's base as well. */
    if (info->page_offset &&
        want(c, R_SCALARS, has_vmcoreinfo(c) || own ? NULL : "base of the direct map"))
        dio_buf_printf(&c->out, "page_offset 0x%" PRIx64 "\n", info->page_offset);
    if (info->has_phys_base && !holds(c, DIO_HOLDS_PHYS_BASE) &&
        !core_has(c, "NUMBER(phys_base)") && want(c, R_SCALARS, "phys_base"))
        dio_buf_printf(&c->out, "phys_base 0x%" PRIx64 "\n", info->phys_base);
    if (*info->build_id && !core_says(c, "BUILD-ID", info->build_id) &&
        want(c, R_SCALARS, "build id"))
        put_text_line(c, "build_id", info->build_id);
}

static bool panic_cpu_follows(const struct carry *c)
{
    const struct dumpio_info *info = c->info;
    if (!info->panic_task || !holds(c, DIO_HOLDS_PANIC_TASK | DIO_HOLDS_NOTES))
        return false;
    if (info->n_cpus == 1)
        return true;
    for (uint32_t i = 0; i < info->n_cpus && holds(c, DIO_HOLDS_CPU_TASKS); i++)
        if (info->cpus[i].task == info->panic_task)
            return (int32_t)i == info->panic_cpu;
    return false;
}

static void put_crash(struct carry *c)
{
    const struct dumpio_info *info = c->info;
    bool task_noted = holds(c, DIO_HOLDS_NOTES) &&
                      dio_info_has_note(info, "CORE", DIO_NT_TASKSTRUCT);
    char crash_time[24];
    snprintf(crash_time, sizeof crash_time, "%" PRId64, info->crash_sec);
    if (info->dump_sec != DUMPIO_UNKNOWN_TIME && !holds(c, DIO_HOLDS_DUMP_TIME) &&
        want(c, R_SCALARS, "dump time"))
        dio_buf_printf(&c->out, "dump_time %" PRId64 " %" PRId32 "\n", info->dump_sec,
                       info->dump_usec);
    if (info->crash_sec != DUMPIO_UNKNOWN_TIME && !core_says(c, "CRASHTIME", crash_time) &&
        want(c, R_SCALARS, "crash time"))
        dio_buf_printf(&c->out, "crash_time %s\n", crash_time);
    if (*info->panic && !(info->from_memory & DUMPIO_FROM_MEMORY_PANIC) &&
        (!holds(c, DIO_HOLDS_PANIC) || strlen(info->panic) >= PANIC_FIELD) &&
        want(c, R_SCALARS, "panic string"))
        put_text_line(c, "panic", info->panic);
    if (info->panic_task && !holds(c, DIO_HOLDS_PANIC_TASK) && !task_noted &&
        want(c, R_SCALARS, "panic task"))
        dio_buf_printf(&c->out, "panic_task 0x%" PRIx64 "\n", info->panic_task);
    bool own = holds(c, DIO_HOLDS_OWN);
    if (info->panic_cpu >= 0 &&
        want(c, R_SCALARS, own || panic_cpu_follows(c) ? NULL : "panic CPU"))
        dio_buf_printf(&c->out, "panic_cpu %" PRId32 "\n", info->panic_cpu);
}

static void put_contents(struct carry *c)
{
    static const char *const kinds[] = {"none", "makedumpfile", "diskdump", "lkcd"};
    const struct dumpio_info *info = c->info;
    enum dumpio_level_kind kind = info->dump_level_kind;
    bool own = holds(c, DIO_HOLDS_OWN);
    /* makedumpfile's level may be new, whatever the input's format told */
    bool level_held = kind == DUMPIO_LEVEL_MAKEDUMPFILE ? holds(c, DIO_HOLDS_DUMP_LEVEL) : own;
    if (kind > DUMPIO_LEVEL_NONE && kind <= DUMPIO_LEVEL_LKCD && !level_held &&
        want(c, R_SCALARS, "dump level"))
        dio_buf_printf(&c->out, "dump_level %" PRIu32 " %s\n", info->dump_level, kinds[kind]);
    if (info->incomplete && want(c, R_SCALARS, own ? NULL : "incomplete mark"))
        dio_buf_printf(&c->out, "incomplete 1\n");
    for (uint32_t i = 0; i < info->n_partials && !holds(c, DIO_HOLDS_PARTIAL) &&
                         want(c, R_PARTIALS, "partly held pages"); i++)
        dio_buf_printf(&c->out, "partial 0x%" PRIx64 " 0x%" PRIx64 "\n", info->partials[i].start,
                       info->partials[i].end);
    if (info->eraseinfo_len && !holds(c, DIO_HOLDS_ERASEINFO | DIO_HOLDS_NOTES) &&
        !dio_info_has_note(info, "ERASEINFO", 0) && want(c, R_ERASEINFO, "erased symbols"))
        put_raw(c, "eraseinfo", info->eraseinfo, info->eraseinfo_len);
    if (*info->extras && !own && want(c, R_EXTRAS, "format-specific fields"))
        put_raw(c, "extras", info->extras, strlen(info->extras));
    if (*info->provenance && want(c, R_EXTRAS, "provenance"))
        put_raw(c, "provenance", info->provenance, strlen(info->provenance));
    if (info->vmcoreinfo_len && info->vmcoreinfo_found == 1 &&
        !holds(c, DIO_HOLDS_VMCOREINFO | DIO_HOLDS_NOTES) &&
        !dio_info_has_note(info, "VMCOREINFO", 0) && want(c, R_VMCOREINFO, "VMCOREINFO"))
        put_raw(c, "vmcoreinfo", info->vmcoreinfo, info->vmcoreinfo_len);
}

/* Where the target gets a cpu's registers from. */
struct reg_sources {
    bool noted;       /* the model has register notes, which travel as notes */
    bool synthesised; /* the target gets register notes made from cpus[] */
};

static bool regs_carried(const struct carry *c, const struct reg_sources *s, uint32_t i)
{
    const struct dumpio_info *info = c->info;
    if (!info->cpus[i].regs || s->noted || s->synthesised || holds(c, DIO_HOLDS_REGS_ALL))
        return false;
    bool the_one = info->n_cpus == 1 || (int64_t)i == info->panic_cpu;
    return !(the_one && holds(c, DIO_HOLDS_REGS_ONE));
}

/* What of cpu i only the block can tell, apart from registers; NULL when nothing. */
static const char *cpu_need(const struct carry *c, const struct reg_sources *s, uint32_t i,
                            bool any_regs)
{
    const struct dumpio_cpu *cpu = &c->info->cpus[i];
    if ((cpu->task || cpu->stack || cpu->stack_ptr) && !holds(c, DIO_HOLDS_CPU_TASKS))
        return "per-CPU tasks";
    if (holds(c, DIO_HOLDS_OWN))
        return NULL;
    if (cpu->number != i)
        return "CPU numbers";
    if ((cpu->pid || cpu->has_fpregs) && !s->noted && !s->synthesised)
        return "per-CPU process ids";
    return any_regs && !cpu->regs && !s->noted ? "per-CPU registers" : NULL;
}

static void put_cpus(struct carry *c, const struct reg_sources *s)
{
    const struct dumpio_info *info = c->info;
    bool any_regs = false, need = false, fits = true;
    for (uint32_t i = 0; i < info->n_cpus; i++)
        any_regs |= info->cpus[i].regs != NULL;
    for (uint32_t i = 0; i < info->n_cpus; i++) {
        const char *name = cpu_need(c, s, i, any_regs);
        need |= name != NULL;
        fits &= !name || want(c, R_TASKS, name);
        if (regs_carried(c, s, i))
            need |= want(c, R_REGISTERS, "per-CPU registers");
    }
    for (uint32_t i = 0; i < info->n_cpus && need && fits && c->left_out <= R_TASKS; i++) {
        const struct dumpio_cpu *cpu = &info->cpus[i];
        dio_buf_printf(&c->out,
                       "cpu %" PRIu32 " %" PRIu32 " %" PRId32 " 0x%" PRIx64 " 0x%" PRIx64
                       " 0x%" PRIx64 " %" PRIu32 " %d\n",
                       i, cpu->number, cpu->pid, cpu->task, cpu->stack, cpu->stack_ptr,
                       cpu->has_fpregs, cpu->regs != NULL);
        char key[24];
        snprintf(key, sizeof key, "regs.%" PRIu32, i);
        if (regs_carried(c, s, i) && c->left_out <= R_REGISTERS)
            put_raw(c, key, cpu->regs, cpu->regs_len);
    }
}

/* Rank of a note; *name = what the target lacks when it has no place for it. */
static enum rank note_rank(const struct carry *c, const struct dumpio_note *note,
                           const char **name)
{
    *name = "ELF notes";
    if (dio_note_is(note, "CORE", DIO_NT_PRSTATUS)) {
        bool held = holds(c, DIO_HOLDS_REGS_ALL) ||
                    (c->info->n_cpus <= 1 && holds(c, DIO_HOLDS_REGS_ONE));
        *name = held ? *name : "per-CPU registers";
        return R_REGISTERS;
    }
    if (dio_note_is(note, "VMCOREINFO", 0)) {
        *name = holds(c, DIO_HOLDS_VMCOREINFO) ? *name : "VMCOREINFO";
        return R_VMCOREINFO;
    }
    if (dio_note_is(note, "ERASEINFO", 0)) {
        *name = holds(c, DIO_HOLDS_ERASEINFO) ? *name : "erased symbols";
        return R_ERASEINFO;
    }
    return R_OTHER_NOTES;
}

static void put_notes(struct carry *c)
{
    const struct dumpio_info *info = c->info;
    if (info->n_notes)
        dio_buf_printf(&c->out, "note_order %s\nnotes %" PRIu32 "\n",
                       order_name(dio_info_note_order(info)), info->n_notes);
    for (uint32_t i = 0; i < info->n_notes; i++) {
        const struct dumpio_note *note = &info->notes[i];
        const char *name;
        enum rank rank = note_rank(c, note, &name);
        if (!want(c, rank, name))
            continue;
        dio_buf_add(&c->out, "note ", 5);
        put_escaped(&c->out, note->name, true);
        dio_buf_printf(&c->out, " %" PRIu32 " %" PRIu32 "\n", note->type, note->len);
        dio_buf_add(&c->out, note->data, note->len);
        dio_buf_add(&c->out, "\n", 1);
    }
}

/* Notes that the writer of the target makes and the input did not have. */
static void put_added_notes(struct carry *c, bool synthesised)
{
    const struct dumpio_info *info = c->info;
    bool core = info->vmcoreinfo_len && !dio_info_has_note(info, "VMCOREINFO", 0);
    bool erase = info->eraseinfo_len && !dio_info_has_note(info, "ERASEINFO", 0);
    bool task = info->panic_task && !dio_info_has_note(info, "CORE", DIO_NT_TASKSTRUCT);
    if (synthesised)
        dio_buf_printf(&c->out, "added_note prstatus\n");
    if (task)
        dio_buf_printf(&c->out, "added_note taskstruct\n");
    if (core)
        dio_buf_printf(&c->out, "added_note vmcoreinfo\n");
    if (erase)
        dio_buf_printf(&c->out, "added_note eraseinfo\n");
}

static void put_block(struct carry *c)
{
    struct reg_sources s = {
        dio_info_has_note(c->info, "CORE", DIO_NT_PRSTATUS),
        holds(c, DIO_HOLDS_NOTES) && dio_info_synthesises(c->info),
    };
    c->out.len = 0;
    c->needed = false;
    c->not_held.n = c->dropped.n = 0;
    dio_buf_add(&c->out, MAGIC, MAGIC_LEN);
    put_machine(c);
    put_uts(c);
    put_crash(c);
    if (holds(c, DIO_HOLDS_NOTES))
        put_added_notes(c, s.synthesised);
    else
        put_notes(c);
    put_cpus(c, &s);
    put_contents(c);
}

/* "a, b, c"; NULL when empty or out of memory (then *failed). */
static char *join_names(const struct names *names, bool *failed)
{
    size_t len = 0;
    for (unsigned i = 0; i < names->n; i++)
        len += strlen(names->list[i]) + 2;
    char *text = len ? malloc(len + 1) : NULL;
    if (!text) {
        *failed |= len != 0;
        return NULL;
    }
    *text = 0;
    for (unsigned i = 0; i < names->n; i++) {
        strcat(text, i ? ", " : "");
        strcat(text, names->list[i]);
    }
    return text;
}

int dio_carried_build(const struct dumpio_info *info, unsigned target_holds, size_t room,
                      uint8_t **block, size_t *len, char **not_held, char **dropped,
                      struct dumpio_error *err)
{
    struct carry c = {.info = info, .holds = target_holds};
    bool failed = false;
    *block = NULL;
    *len = 0;
    *not_held = *dropped = NULL;
    put_block(&c);
    while (!c.out.failed && c.needed && c.out.len > room && c.left_out < R_COUNT) {
        c.left_out++;
        put_block(&c);
    }
    *not_held = join_names(&c.not_held, &failed);
    *dropped = join_names(&c.dropped, &failed);
    if (c.out.failed || failed) {
        free(c.out.data);
        free(*not_held);
        free(*dropped);
        *not_held = *dropped = NULL;
        return dio_nomem(err, "the carried description");
    }
    if (!c.needed) {
        free(c.out.data);
        return 0;
    }
    *block = c.out.data;
    *len = c.out.len;
    return 0;
}
