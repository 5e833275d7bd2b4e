/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a stream of ELF notes from the model, in either byte order.
 * Layout: elf(5) Nhdr; the kernel's elfcore.h (elf_prstatus); crash's netdump.h for old types.
 * Not handled: payloads of unknown layout keep the byte order that they came in.
 */
#include "model_core.h"

#include "plug/decode.h"

#include <stdlib.h>

#define NHDR_SIZE 12u

struct stream {
    struct dio_buf out;
    enum dumpio_order order;
    bool netdump;
    bool too_long; /* a payload beyond what descsz can say */
};

static void pad4(struct dio_buf *out)
{
    static const uint8_t zero[4];
    dio_buf_add(out, zero, (4 - out->len % 4) % 4);
}

static void put_note(struct stream *s, const char *name, uint32_t type, const void *data,
                     size_t len)
{
    if (len > UINT32_MAX) {
        s->too_long = true;
        return;
    }
    /* netdump counts no NUL in its names; readers expect one in VMCOREINFO's all the same. */
    size_t namesz = strlen(name) + (!s->netdump || !strcmp(name, "VMCOREINFO"));
    uint8_t head[NHDR_SIZE];
    struct dio_builder b = dio_builder(head, sizeof head, s->order, 4);
    dio_bld_u32(&b, (uint32_t)namesz);
    dio_bld_u32(&b, (uint32_t)len);
    dio_bld_u32(&b, type);
    dio_buf_add(&s->out, head, sizeof head);
    dio_buf_add(&s->out, name, namesz);
    pad4(&s->out);
    dio_buf_add(&s->out, data, len);
    pad4(&s->out);
}

/* The note as it is, its payload in the stream's order where its layout is known. */
static void put_stored(struct stream *s, const struct dumpio_info *info,
                       const struct dumpio_note *note)
{
    put_note(s, note->name, note->type, note->data, note->len);
    enum dumpio_order from = dio_info_note_order(info);
    if (s->out.failed || s->too_long || !from || from == s->order)
        return;
    uint8_t *data = s->out.data + s->out.len - dio_round_up(note->len, 4);
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    unsigned word = info->word ? info->word : arch ? arch->word : 8;
    if (dio_note_is(note, "CORE", DIO_NT_PRSTATUS) && arch && note->len == arch->prstatus_size)
        dio_prstatus_swap(arch, data);
    else if (dio_note_is(note, "CORE", DIO_NT_TASKSTRUCT))
        dio_words_swap(data, note->len, word);
    else if (dio_note_is(note, "CORE", DIO_NT_DISKDUMP))
        dio_words_swap(data, note->len, 4);
}

/* A cpu without registers gets zeros, so that the k-th note stays that of the k-th cpu. */
static void put_prstatus(struct stream *s, const struct dumpio_info *info,
                         const struct dio_arch *arch, const struct dumpio_cpu *cpu)
{
    uint8_t payload[2048] = {0};
    if (arch->prstatus_size > sizeof payload)
        return;
    dio_put(payload + dio_prstatus_pid(arch), s->order, 4, (uint32_t)cpu->pid);
    dio_put(payload + arch->pr_reg + arch->regs_size, s->order, 4, cpu->has_fpregs);
    if (cpu->regs) {
        memcpy(payload + arch->pr_reg, cpu->regs, arch->regs_size);
        if (info->order && info->order != s->order)
            dio_regs_swap(arch, payload + arch->pr_reg);
    }
    put_note(s, "CORE", DIO_NT_PRSTATUS, payload, arch->prstatus_size);
}

/* Is a note of the model's eraseinfo text there? If not, symbols were erased since. */
static bool eraseinfo_noted(const struct dumpio_info *info)
{
    for (uint32_t i = 0; i < info->n_notes; i++) {
        const struct dumpio_note *note = &info->notes[i];
        uint32_t len = note->len;
        while (len && !note->data[len - 1])
            len--;
        if (dio_note_is(note, "ERASEINFO", 0) && len == info->eraseinfo_len &&
            (!len || !memcmp(note->data, info->eraseinfo, len)))
            return true;
    }
    return false;
}

static void put_all(struct stream *s, const struct dumpio_info *info,
                    const struct dio_notes_request *request)
{
    const struct dio_arch *arch = dio_info_synthesises(info);
    for (uint32_t i = 0; arch && i < info->n_cpus; i++)
        put_prstatus(s, info, arch, &info->cpus[i]);

    bool eraseinfo = eraseinfo_noted(info);
    for (uint32_t i = 0; i < info->n_notes; i++)
        if (eraseinfo || !dio_note_is(&info->notes[i], "ERASEINFO", 0))
            put_stored(s, info, &info->notes[i]);
    if (request->netdump && info->panic_task &&
        !dio_info_has_note(info, "CORE", DIO_NT_TASKSTRUCT)) {
        uint8_t task[8];
        unsigned word = info->word ? info->word : request->word;
        word = word == 4 ? 4 : 8;
        dio_put(task, s->order, word, info->panic_task);
        put_note(s, "CORE", DIO_NT_TASKSTRUCT, task, word);
    }
    if (info->vmcoreinfo_len && !dio_info_has_note(info, "VMCOREINFO", 0))
        put_note(s, "VMCOREINFO", 0, info->vmcoreinfo, info->vmcoreinfo_len);
    if (info->eraseinfo_len && !eraseinfo)
        put_note(s, "ERASEINFO", 0, info->eraseinfo, info->eraseinfo_len);
    if (request->carried)
        put_note(s, DIO_NOTE_NAME, DIO_NOTE_CARRIED, request->carried, request->carried_len);
}

int dio_notes_build(const struct dumpio_info *info, const struct dio_notes_request *request,
                    uint8_t **data, size_t *len, struct dumpio_error *err)
{
    struct stream s = {.order = request->order, .netdump = request->netdump != 0};
    if (!s.order)
        s.order = info->order ? info->order : DUMPIO_LITTLE;
    put_all(&s, info, request);
    *data = NULL;
    *len = 0;
    if (s.out.failed || s.too_long) {
        free(s.out.data);
        return s.too_long ? dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                                     "a note is longer than 4 GiB")
                          : dio_nomem(err, "notes");
    }
    *data = s.out.data;
    *len = s.out.len;
    return 0;
}
