/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a stream of ELF notes into the model, in either byte order.
 * Layout: elf(5) Nhdr; the kernel's elfcore.h (elf_prstatus); crash's netdump.h for old types.
 * Not handled: Xen's hypervisor notes and device dumps, which stay as they are.
 */
#include "model_core.h"

#include "plug/decode.h"

#include <inttypes.h>

#define NHDR_SIZE 12u

/* ---- facts ----------------------------------------------------------------------------------- */

/* Registers of cpu k from its note, as far as the layout is known. */
static int cpu_from_note(struct dio_model *m, uint32_t k, struct dumpio_error *err)
{
    const struct dio_cpu_note *note = &m->cpu_notes[k];
    const struct dio_arch *arch = dio_arch_by_name(m->info.arch);
    if (!note->data || !arch || note->len != arch->prstatus_size)
        return 0;
    struct dumpio_cpu *cpu = &m->cpus[k];
    enum dumpio_order order = dio_info_note_order(&m->info);
    const uint8_t *regs = note->data + arch->pr_reg;
    cpu->pid = (int32_t)dio_get32(note->data + dio_prstatus_pid(arch), order);
    cpu->has_fpregs = dio_get32(regs + arch->regs_size, order);
    cpu->regs_len = arch->regs_size;
    cpu->regs = regs;
    if (!m->info.order || m->info.order == order)
        return 0;
    uint8_t *copy = dio_model_alloc(m, arch->regs_size);
    if (copy) {
        memcpy(copy, regs, arch->regs_size);
        dio_regs_swap(arch, copy);
    }
    cpu->regs = copy;
    cpu->regs_len = copy ? cpu->regs_len : 0;
    return copy ? 0 : dio_nomem(err, "registers");
}

int dio_cpus_from_notes(struct dio_model *m, struct dumpio_error *err)
{
    int status = 0;
    for (uint32_t k = 0; !status && k < m->info.n_cpus; k++)
        status = cpu_from_note(m, k, err);
    return status;
}

/* The k-th register note belongs to the k-th cpu, which the file may have told of already. */
static int take_prstatus(struct dio_model *m, const struct dumpio_note *note,
                         struct dumpio_error *err)
{
    uint32_t k = m->n_prstatus < m->info.n_cpus ? m->n_prstatus : m->info.n_cpus;
    m->n_prstatus = k + 1;
    if (k == m->info.n_cpus) {
        struct dumpio_cpu cpu = {.number = k};
        int status = dio_model_add_cpu(m, &cpu, err);
        if (status)
            return status;
    }
    m->cpu_notes[k] = (struct dio_cpu_note){note->data, note->len};
    return cpu_from_note(m, k, err);
}

static void take_taskstruct(struct dumpio_info *info, const struct dumpio_note *note)
{
    unsigned word = info->word ? info->word : note->len >= 8 ? 8 : 4;
    if (note->len >= word)
        info->panic_task = dio_get_word(note->data, dio_info_note_order(info), word);
}

static int take_eraseinfo(struct dio_model *m, const struct dumpio_note *note,
                          struct dumpio_error *err)
{
    uint32_t len = note->len;
    while (len && !note->data[len - 1])
        len--;
    const char *text = dio_model_text(m, (const char *)note->data, len);
    if (!text)
        return dio_nomem(err, "ERASEINFO");
    m->info.eraseinfo = text;
    m->info.eraseinfo_len = len;
    return 0;
}

int dio_note_facts(struct dio_model *m, const struct dumpio_note *note, struct dumpio_error *err)
{
    if (dio_note_is(note, "CORE", DIO_NT_PRSTATUS))
        return take_prstatus(m, note, err);
    if (dio_note_is(note, "CORE", DIO_NT_TASKSTRUCT))
        take_taskstruct(&m->info, note);
    else if (dio_note_is(note, "VMCOREINFO", 0) && m->info.vmcoreinfo_found != 1)
        return dio_model_set_vmcoreinfo(m, (const char *)note->data, note->len, 1, err);
    else if (dio_note_is(note, "ERASEINFO", 0))
        return take_eraseinfo(m, note, err);
    return 0;
}

/* ---- the stream ------------------------------------------------------------------------------ */

struct raw_note {
    const uint8_t *name, *data;
    uint32_t namesz, descsz, type;
};

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* 0, DUMPIO_END at the end or at filler, DUMPIO_E_TRUNCATED when the note is cut. */
static int next_note(struct dio_cursor *c, struct raw_note *n)
{
    size_t left = c->len - c->pos;
    if (left < NHDR_SIZE)
        return all_zero(c->base + c->pos, left) ? DUMPIO_END : DUMPIO_E_TRUNCATED;
    n->namesz = dio_cur_u32(c);
    n->descsz = dio_cur_u32(c);
    n->type = dio_cur_u32(c);
    if (!n->namesz && !n->descsz && !n->type)
        return DUMPIO_END;
    uint64_t name_room = dio_round_up(n->namesz, 4);
    left -= NHDR_SIZE;
    if (n->namesz > left || (n->descsz && (name_room > left || n->descsz > left - name_room)))
        return DUMPIO_E_TRUNCATED;
    n->name = c->base + c->pos;
    /* Padding at the very end of the stream may be missing. */
    c->pos += name_room < left ? (size_t)name_room : left;
    n->data = c->base + c->pos;
    left = c->len - c->pos;
    uint64_t desc_room = dio_round_up(n->descsz, 4);
    c->pos += desc_room < left ? (size_t)desc_room : left;
    return 0;
}

static int take_note(struct dio_model *m, const struct raw_note *n, const struct dumpio_env *env,
                     struct dumpio_error *err)
{
    const uint8_t *nul = n->namesz ? memchr(n->name, 0, n->namesz) : NULL;
    size_t name_len = nul ? (size_t)(nul - n->name) : n->namesz;
    const char *name = dio_model_text(m, (const char *)n->name, name_len);
    if (!name)
        return dio_nomem(err, "a note's name");
    if (n->type == DIO_NOTE_CARRIED && !strcmp(name, DIO_NOTE_NAME))
        return dio_model_restore(m, n->data, n->descsz, env, err);
    int status = dio_model_add_note(m, name, n->type, n->data, n->descsz, err);
    return status ? status : dio_note_facts(m, &m->notes[m->info.n_notes - 1], err);
}

int dio_notes_parse(struct dio_model *m, const void *data, size_t len, enum dumpio_order order,
                    uint64_t file_offset, const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_cursor c = dio_cursor(data, len, order, 4);
    struct raw_note n;
    for (;;) {
        uint64_t at = file_offset + c.pos;
        int status = next_note(&c, &n);
        if (status == DUMPIO_END)
            return 0;
        if (status) {
            m->info.truncated = 1;
            dio_note(env, DUMPIO_WARNING, "note at 0x%" PRIx64 ": goes beyond the end of the notes"
                     " at 0x%" PRIx64, at, file_offset + len);
            return 0;
        }
        m->info.note_order = order;
        status = take_note(m, &n, env, err);
        if (status)
            return dio_context(err, status, "note at 0x%" PRIx64, at);
    }
}
