/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of netdump-style ELF: a linear image of memory behind a header of whole pages.
 * Reference: Red Hat's netdump and diskdump as crash's netdump.c reads them.
 * Not handled: reading, which is the ELF reader's.
 *
 * The image cannot tell absent memory from zeros; a note of our own holds the page map.
 */
#include "elf.h"

#include <stdlib.h>

#define MAP_MAX (1u << 20) /* bytes of the page map's note */

struct netdump {
    struct dio_out *out;
    const struct dio_write_plan *plan;
    const struct dumpio_env *env;
    struct dio_elf_head head;
    uint8_t *notes;
    size_t notes_len, room;      /* room: for marks of lost pages, behind the notes */
    uint64_t header;             /* bytes before the image */
    struct dio_elf_ranges known, found;
    uint64_t unmarked;           /* lost pages that no note names */
    uint64_t end;                /* of the memory in the image */
};

static int map_lines(const struct dio_write_plan *plan, struct dio_elf_marks *m, bool *plain,
                     struct dumpio_error *err)
{
    static const char *const kinds[] = {[DUMPIO_PRESENT] = "present",
                                        [DUMPIO_EXCLUDED] = "excluded",
                                        [DUMPIO_LOST] = "lost"};
    struct dumpio_run run;
    int rc;
    *plain = false;
    dio_map_rewind(plan->map);
    while (!(rc = dio_map_next(plan->map, &run, err))) {
        *plain = run.kind == DUMPIO_PRESENT && !run.start && run.end == plan->end_addr;
        dio_elf_marks_line(m, kinds[run.kind], run.start, run.end);
    }
    return rc == DUMPIO_END ? 0 : rc;
}

/* Append the page map to the notes, unless the image says the same without it. */
static int add_map(struct netdump *w, struct dumpio_error *err)
{
    struct dio_elf_marks m;
    bool plain;
    int rc = dio_elf_marks_start(&m, MAP_MAX, err);
    if (rc)
        return rc;
    rc = map_lines(w->plan, &m, &plain, err);
    if (!rc && m.full) {
        dio_note(w->env, DUMPIO_WARNING, "the page map is too long for a note: absent memory will "
                 "read as zero");
    } else if (!rc && !plain) {
        dio_elf_marks_close(&m, DIO_NOTE_MAP, w->head.order);
        uint8_t *notes = realloc(w->notes, w->notes_len + m.len);
        if (notes) {
            memcpy(notes + w->notes_len, m.note, m.len);
            w->notes = notes;
            w->notes_len += m.len;
        } else {
            rc = dio_nomem(err, "notes");
        }
    }
    dio_elf_marks_free(&m);
    return rc;
}

static bool set_class(struct netdump *w, unsigned word)
{
    uint64_t align = w->plan->unit > 4096 ? w->plan->unit : 4096;
    w->head.word = word;
    w->head.phoff = dio_elf_ehdr_size(word);
    w->head.phnum = 2;
    w->header = w->head.phoff + 2 * dio_elf_phdr_size(word) + w->notes_len + w->room;
    w->header = dio_round_up(w->header, align);
    return word == 8 || (w->plan->end_addr <= UINT32_MAX &&
                         w->header + w->plan->end_addr <= UINT32_MAX);
}

static uint64_t notes_at(const struct netdump *w)
{
    return w->head.phoff + 2 * dio_elf_phdr_size(w->head.word);
}

static int put_head(struct netdump *w, size_t marks, struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    uint8_t raw[DIO_ELF_EHDR_MAX + 2 * DIO_ELF_PHDR_MAX];
    uint64_t base = plan->virt_of ? plan->virt_of(plan->virt_ctx, 0) : 0;
    struct dio_elf_phdr note = {
        .type = DIO_PT_NOTE,
        .offset = notes_at(w),
        .filesz = w->notes_len + marks,
    };
    struct dio_elf_phdr load = {
        .type = DIO_PT_LOAD,
        .flags = DIO_PF_RWX,
        .offset = w->header,
        .vaddr = base ? base : plan->info->page_offset,
        .filesz = plan->end_addr,
        .memsz = plan->end_addr,
        .align = plan->unit,
    };
    size_t n = dio_elf_put_head(raw, &w->head);
    n += dio_elf_put_phdr(raw + n, &w->head, &note);
    n += dio_elf_put_phdr(raw + n, &w->head, &load);
    return dio_write(w->out, 0, raw, n, err);
}

static void netdump_free(void *self)
{
    struct netdump *w = self;
    dio_elf_ranges_free(&w->known);
    dio_elf_ranges_free(&w->found);
    free(w->notes);
    free(w);
}

/* A stream cannot skip what is not there. */
static void warn_of_zeros(const struct netdump *w)
{
    uint64_t stored = w->plan->present_pages * w->plan->unit;
    if (w->out->access == DIO_FORWARD && w->plan->end_addr / 2 > stored)
        dio_note(w->env, DUMPIO_WARNING, "the linear image has %llu bytes for %llu bytes of memory:"
                 " holes become zeros in a stream", (unsigned long long)w->plan->end_addr,
                 (unsigned long long)stored);
}

static int netdump_create(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                          const struct dumpio_env *env, struct dumpio_error *err)
{
    struct netdump *w = calloc(1, sizeof *w);
    if (!w)
        return dio_nomem(err, "a netdump writer");
    w->out = out;
    w->plan = plan;
    w->env = env;
    w->end = plan->end_addr;
    w->head.order = dio_elf_order(plan->info);
    w->head.machine = dio_elf_machine(plan->info, env);
    int rc = dio_elf_known_lost(plan, &w->known, err);
    if (!rc)
        rc = dio_elf_build_notes(plan, 1, &w->notes, &w->notes_len, err);
    if (!rc)
        rc = add_map(w, err);
    w->room = dio_elf_marks_room(plan); /* in a stream too: it has the same bytes as a file */
    if (!rc && (plan->info->word != 4 || !set_class(w, 4)))
        set_class(w, 8);
    warn_of_zeros(w);
    if (!rc && out->access == DIO_FORWARD)
        rc = put_head(w, 0, err);
    if (!rc && out->access == DIO_FORWARD)
        rc = dio_write(out, notes_at(w), w->notes, w->notes_len, err);
    if (rc) {
        netdump_free(w);
        return rc;
    }
    *self = w;
    return 0;
}

static int place_lost(struct netdump *w, struct dio_page *p, struct dumpio_error *err)
{
    p->where = DIO_NO_PLACE;
    if (w->out->access == DIO_FORWARD || w->found.n >= w->room / 40) {
        w->unmarked++;
        return 0;
    }
    return dio_elf_ranges_add(&w->found, p->addr, p->addr + w->plan->unit, err);
}

/* The note of the page map names it. */
static int netdump_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    (void)self, (void)start, (void)end, (void)err;
    return 0;
}

/* The image ends before it, shorter than its header says. */
static int netdump_unreached(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    struct netdump *w = self;
    (void)end, (void)err;
    if (w->end > start)
        w->end = start;
    w->head.flags |= DIO_ELF_INCOMPLETE;
    return 0;
}

static int netdump_place(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    struct netdump *w = self;
    struct dio_page *p = dio_batch_pages(batch);
    int rc = 0;
    for (size_t i = 0, n = dio_batch_count(batch); i < n && !rc; i++) {
        p[i].where = w->header + p[i].addr;
        if (p[i].kind == DIO_LOST)
            rc = place_lost(w, &p[i], err);
    }
    return rc;
}

static int netdump_store(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    return dio_elf_store_plain(((struct netdump *)self)->out, batch, err);
}

static int netdump_finish(void *self, uint64_t *size, struct dumpio_error *err)
{
    struct netdump *w = self;
    struct dio_elf_marks m = {0};
    int rc = 0;
    *size = w->header + w->end;
    if (w->unmarked)
        dio_note(w->env, DUMPIO_WARNING, "%llu lost pages could not be named in the output: they "
                 "read as zero", (unsigned long long)w->unmarked);
    if (w->out->access == DIO_FORWARD)
        return 0;
    if (w->found.n)
        rc = dio_elf_marks_lost(&m, &w->found, w->room, w->head.order, err);
    if (!rc)
        rc = dio_write(w->out, notes_at(w), w->notes, w->notes_len, err);
    if (!rc)
        rc = dio_write(w->out, notes_at(w) + w->notes_len, m.note, m.len, err);
    if (!rc)
        rc = put_head(w, m.len, err);
    dio_elf_marks_free(&m);
    return rc;
}

const struct dio_format dio_format_netdump = {
    .name = "netdump",
    .title = "netdump-style ELF, a linear image (read as elf)",
    .holds = DIO_HOLDS_NOTES | DIO_HOLDS_VMCOREINFO | DIO_HOLDS_ERASEINFO | DIO_HOLDS_REGS_ALL |
             DIO_HOLDS_ABSENT | DIO_HOLDS_EXCLUDED |
             DIO_HOLDS_PANIC_TASK | DIO_HOLDS_VIRTUAL,
    .create = netdump_create,
    .place = netdump_place,
    .lost = netdump_lost,
    .unreached = netdump_unreached,
    .store = netdump_store,
    .finish = netdump_finish,
    .free = netdump_free,
};
