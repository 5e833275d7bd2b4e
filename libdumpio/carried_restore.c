/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The carried model, reading: the lines of a block back into the model (carried.c writes them).
 * A block comes from a file, so every length is checked and no count in it is believed.
 * Not handled: blocks of a later major format, which are left alone with a warning.
 */
#include "carried_words.h"
#include "model_core.h"

#include "plug/decode.h"

#include <inttypes.h>

#define MAGIC "dumpio-model-1\n"
#define MAGIC_LEN (sizeof MAGIC - 1)

struct restore {
    struct dio_model *m;
    bool partials, notes; /* the list was emptied for the carried one */
    struct dumpio_error *err;
};

/* ---- one function per key; a value that makes no sense is ignored ---------------------------- */

static int set_text(struct restore *r, struct dio_span v, const char **field)
{
    char *text = dio_span_unescape(r->m, v);
    if (!text)
        return dio_nomem(r->err, "the carried description");
    for (char *p = text; *p; p++) /* as printable as the fields of other formats */
        if (((unsigned char)*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
            *p = '?';
    *field = text;
    return 0;
}

static int on_uts(struct restore *r, struct dio_span v, unsigned field)
{
    return set_text(r, v, &r->m->info.uts[field]);
}

static int on_panic(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    return set_text(r, v, &r->m->info.panic);
}

static int on_build_id(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    return set_text(r, v, &r->m->info.build_id);
}

static int on_arch(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    const char *text = dio_span_unescape(r->m, v);
    if (!text)
        return dio_nomem(r->err, "the carried description");
    const struct dio_arch *arch = dio_arch_by_name(text);
    if (arch)
        r->m->info.arch = arch->name;
    else if (!*r->m->info.arch)
        r->m->info.arch = text;
    return 0;
}

static int on_order(struct restore *r, struct dio_span v, unsigned of_notes)
{
    enum dumpio_order order = dio_span_is(&v, "little") ? DUMPIO_LITTLE
                              : dio_span_is(&v, "big")  ? DUMPIO_BIG
                                                    : DUMPIO_ORDER_UNKNOWN;
    if (order && of_notes)
        r->m->info.note_order = order;
    else if (order)
        r->m->info.order = order;
    return 0;
}

static int on_machine_number(struct restore *r, struct dio_span v, unsigned which)
{
    struct dumpio_info *info = &r->m->info;
    uint32_t n;
    if (!dio_take_u32(&v, &n))
        return 0;
    if (which == 'w' && (n == 4 || n == 8))
        info->word = n;
    else if (which == 'p' && dio_page_size_ok(n))
        info->page_size = n;
    else if (which == 'n')
        info->nr_cpus = n;
    else if (which == 'c' && n < info->n_cpus)
        info->n_cpus = n;
    return 0;
}

static int on_address(struct restore *r, struct dio_span v, unsigned which)
{
    struct dumpio_info *info = &r->m->info;
    uint64_t n;
    if (!dio_take_u64(&v, &n))
        return 0;
    if (which == 't')
        info->panic_task = n;
    else if (which == 'o')
        info->page_offset = n;
    else {
        info->phys_base = n;
        info->has_phys_base = 1;
    }
    return 0;
}

static int on_dump_time(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    int64_t sec;
    int32_t usec;
    if (dio_take_i64(&v, &sec) && dio_take_i32(&v, &usec)) {
        r->m->info.dump_sec = sec;
        r->m->info.dump_usec = usec;
    }
    return 0;
}

static int on_crash_time(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    int64_t sec;
    if (dio_take_i64(&v, &sec))
        r->m->info.crash_sec = sec;
    return 0;
}

static int on_panic_cpu(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    int32_t cpu;
    if (dio_take_i32(&v, &cpu) && cpu >= 0)
        r->m->info.panic_cpu = cpu;
    return 0;
}

static int on_dump_level(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    static const struct {
        const char *name;
        enum dumpio_level_kind kind;
    } kinds[] = {
        {"makedumpfile", DUMPIO_LEVEL_MAKEDUMPFILE},
        {"diskdump", DUMPIO_LEVEL_DISKDUMP},
        {"lkcd", DUMPIO_LEVEL_LKCD},
    };
    uint32_t level;
    struct dio_span kind;
    if (!dio_take_u32(&v, &level) || !dio_take_word(&v, &kind))
        return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (dio_span_is(&kind, kinds[i].name)) {
            r->m->info.dump_level = level;
            r->m->info.dump_level_kind = kinds[i].kind;
        }
    return 0;
}

static int on_incomplete(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    if (dio_span_is(&v, "1"))
        r->m->info.incomplete = 1;
    return 0;
}

static int on_partial(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    uint64_t start, end;
    if (!dio_take_u64(&v, &start) || !dio_take_u64(&v, &end) || start >= end)
        return 0;
    if (!r->partials)
        r->m->info.n_partials = 0;
    r->partials = true;
    return dio_model_add_partial(r->m, start, end, r->err);
}

/* "cpu INDEX NUMBER PID TASK STACK STACK_PTR FPVALID HAS_REGS"; the index is at most the next. */
static int on_cpu(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    struct dio_model *m = r->m;
    struct dumpio_cpu cpu = {0};
    uint32_t i, has_regs;
    if (!dio_take_u32(&v, &i) || i > m->info.n_cpus || !dio_take_u32(&v, &cpu.number) ||
        !dio_take_i32(&v, &cpu.pid) || !dio_take_u64(&v, &cpu.task) ||
        !dio_take_u64(&v, &cpu.stack) || !dio_take_u64(&v, &cpu.stack_ptr) || !dio_take_u32(&v, &cpu.has_fpregs) ||
        !dio_take_u32(&v, &has_regs))
        return 0;
    if (i == m->info.n_cpus)
        return dio_model_add_cpu(m, &cpu, r->err);
    if (has_regs) {
        cpu.regs = m->cpus[i].regs;
        cpu.regs_len = m->cpus[i].regs_len;
    } else {
        m->cpu_notes[i].data = NULL;
    }
    m->cpus[i] = cpu;
    return 0;
}

static void remove_notes(struct dio_model *m, const char *name, uint32_t type)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->info.n_notes; i++)
        if (!dio_note_is(&m->notes[i], name, type))
            m->notes[kept++] = m->notes[i];
    m->info.n_notes = kept;
}

/* A note that the converter made from the model; what it says has been taken. */
static int on_added_note(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    if (dio_span_is(&v, "prstatus"))
        remove_notes(r->m, "CORE", DIO_NT_PRSTATUS);
    else if (dio_span_is(&v, "taskstruct"))
        remove_notes(r->m, "CORE", DIO_NT_TASKSTRUCT);
    else if (dio_span_is(&v, "vmcoreinfo"))
        remove_notes(r->m, "VMCOREINFO", 0);
    else if (dio_span_is(&v, "eraseinfo"))
        remove_notes(r->m, "ERASEINFO", 0);
    return 0;
}

/* The block has the input's notes: the model's own give way. */
static int on_notes(struct restore *r, struct dio_span v, unsigned unused)
{
    (void)unused;
    (void)v;
    if (!r->notes)
        dio_model_clear_notes(r->m);
    r->notes = true;
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct restore *r, struct dio_span value, unsigned arg);
    unsigned arg;
} keys[] = {
    {"arch", on_arch, 0},
    {"order", on_order, 0},
    {"word", on_machine_number, 'w'},
    {"nr_cpus", on_machine_number, 'n'},
    {"cpus", on_machine_number, 'c'},
    {"page_size", on_machine_number, 'p'},
    {"page_offset", on_address, 'o'},
    {"phys_base", on_address, 'b'},
    {"panic_task", on_address, 't'},
    {"build_id", on_build_id, 0},
    {"uts.sysname", on_uts, DUMPIO_SYSNAME},
    {"uts.nodename", on_uts, DUMPIO_NODENAME},
    {"uts.release", on_uts, DUMPIO_RELEASE},
    {"uts.version", on_uts, DUMPIO_KVERSION},
    {"uts.machine", on_uts, DUMPIO_MACHINE},
    {"uts.domainname", on_uts, DUMPIO_DOMAINNAME},
    {"dump_time", on_dump_time, 0},
    {"crash_time", on_crash_time, 0},
    {"panic", on_panic, 0},
    {"panic_cpu", on_panic_cpu, 0},
    {"added_note", on_added_note, 0},
    {"note_order", on_order, 1},
    {"notes", on_notes, 0},
    {"cpu", on_cpu, 0},
    {"dump_level", on_dump_level, 0},
    {"incomplete", on_incomplete, 0},
    {"partial", on_partial, 0},
};

/* ---- raw bytes ------------------------------------------------------------------------------- */

static int take_regs(struct restore *r, uint32_t i, const uint8_t *data, uint32_t len)
{
    struct dio_model *m = r->m;
    if (i >= m->info.n_cpus)
        return 0;
    const uint8_t *copy = dio_model_copy(m, data, len);
    if (!copy)
        return dio_nomem(r->err, "registers");
    m->cpus[i].regs = copy;
    m->cpus[i].regs_len = len;
    m->cpu_notes[i].data = NULL;
    return 0;
}

static int take_text(struct restore *r, struct dio_span key, const uint8_t *data, uint32_t len)
{
    struct dumpio_info *info = &r->m->info;
    uint64_t cpu;
    if (key.end - key.p > 5 && !memcmp(key.p, "regs.", 5)) {
        struct dio_span index = {key.p + 5, key.end};
        bool good = dio_span_number(index, UINT32_MAX, &cpu);
        return good ? take_regs(r, (uint32_t)cpu, data, len) : 0;
    }
    if (dio_span_is(&key, "vmcoreinfo"))
        return dio_model_set_vmcoreinfo(r->m, (const char *)data, len, 1, r->err);
    bool erase = dio_span_is(&key, "eraseinfo"), extras = dio_span_is(&key, "extras");
    if (!erase && !extras && !dio_span_is(&key, "provenance"))
        return 0;
    const char *text = dio_model_text(r->m, (const char *)data, len);
    if (!text)
        return dio_nomem(r->err, "the carried description");
    if (erase) {
        info->eraseinfo = text;
        info->eraseinfo_len = len;
    } else if (extras) {
        info->extras = text;
    } else {
        info->provenance = text;
    }
    return 0;
}

static int take_note(struct restore *r, struct dio_span word, uint32_t type, const uint8_t *data,
                     uint32_t len)
{
    const char *name = dio_span_is(&word, "%-") ? "" : dio_span_unescape(r->m, word);
    if (!name)
        return dio_nomem(r->err, "a carried note");
    if (!strcmp(name, DIO_NOTE_NAME) && type == DIO_NOTE_CARRIED)
        return 0;
    on_notes(r, word, 0);
    int status = dio_model_add_note(r->m, name, type, data, len, r->err);
    return status ? status : dio_note_facts(r->m, &r->m->notes[r->m->info.n_notes - 1], r->err);
}

/*
 * "note NAME TYPE LEN" or "text KEY LEN" and the bytes behind the line. DUMPIO_E_CORRUPT when the
 * rest of the block cannot be read because LEN is wrong.
 */
static int raw_line(struct restore *r, struct dio_span line, bool note, struct dio_cursor *c)
{
    struct dio_span name;
    uint32_t type = 0, len;
    if (!dio_take_word(&line, &name) || (note && !dio_take_u32(&line, &type)) ||
        !dio_take_u32(&line, &len))
        return DUMPIO_E_CORRUPT;
    const uint8_t *data = dio_cur_bytes(c, len), *newline = dio_cur_bytes(c, 1);
    if (!data || !newline || *newline != '\n')
        return DUMPIO_E_CORRUPT;
    return note ? take_note(r, name, type, data, len) : take_text(r, name, data, len);
}

static int scalar_line(struct restore *r, struct dio_span key, struct dio_span value)
{
    if (value.p < value.end)
        value.p++; /* the space */
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (dio_span_is(&key, keys[i].key))
            return keys[i].set(r, value, keys[i].arg);
    return 0;
}

static int one_line(struct restore *r, struct dio_cursor *c)
{
    const char *start = (const char *)c->base + c->pos;
    const char *newline = memchr(start, '\n', c->len - c->pos);
    if (!newline)
        return DUMPIO_E_CORRUPT;
    c->pos += (size_t)(newline - start) + 1;
    struct dio_span line = {start, newline}, key;
    if (!dio_take_word(&line, &key))
        return 0;
    if (dio_span_is(&key, "note") || dio_span_is(&key, "text"))
        return raw_line(r, line, *key.p == 'n', c);
    return scalar_line(r, key, line);
}

int dio_carried_apply(struct dio_model *m, const uint8_t *block, size_t len,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    struct restore r = {.m = m, .err = err};
    struct dio_cursor c = dio_cursor(block, len, DUMPIO_LITTLE, 8);
    c.pos = MAGIC_LEN;
    while (c.pos < len) {
        size_t at = c.pos;
        int status = one_line(&r, &c);
        if (status == DUMPIO_E_CORRUPT) {
            dio_note(env, DUMPIO_WARNING, "carried description: line at byte %zu of %zu is damaged,"
                     " the rest is ignored", at, len);
            return 0;
        }
        if (status)
            return status;
    }
    return 0;
}

int dio_model_restore(struct dio_model *m, const void *block, size_t len,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    if (len < MAGIC_LEN || memcmp(block, MAGIC, MAGIC_LEN)) {
        dio_note(env, DUMPIO_WARNING, "a carried description of %zu bytes is not of a known form"
                 " and ignored", len);
        return 0;
    }
    /* Applied at once, and again by complete: formats may set fields after this. */
    const uint8_t *copy = dio_model_copy(m, block, len);
    if (!copy)
        return dio_nomem(err, "the carried description");
    m->carried = copy;
    m->info.carried = 1;
    m->carried_len = len;
    return dio_carried_apply(m, copy, len, env, err);
}
