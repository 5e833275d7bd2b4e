/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the page map to the segments of an ELF core, one at a time, and small things that the
 * writers of plain memory share.
 * Reference: makedumpfile's ELF output for p_filesz < p_memsz.
 * Not handled: virtual addresses, which the writer adds.
 */
#include "elf.h"

#include <stdlib.h>

#define ROOM_MIN (64u << 10)
#define ROOM_MAX (4u << 20)
#define WRITE_MAX (8u << 20) /* bytes of one write */

struct layout {
    const struct dio_write_plan *plan;
    int (*visit)(void *ctx, const struct dio_elf_segment *s, struct dumpio_error *err);
    void *ctx;
    struct dumpio_error *err;
    struct dio_elf_segment at; /* memsz 0: none */
    uint64_t bytes;            /* file space of the runs before */
    uint32_t partial;          /* first one that matters still */
};

static int flush(struct layout *l)
{
    int rc = l->at.memsz ? l->visit(l->ctx, &l->at, l->err) : 0;
    l->at.memsz = 0;
    return rc;
}

/* Stored memory [a, b), a piece of the run that begins at `run`. */
static int add_stored(struct layout *l, uint64_t run, uint64_t a, uint64_t b)
{
    uint64_t off = l->bytes + (a - run);
    struct dio_elf_segment *s = &l->at;
    if (s->memsz && s->filesz == s->memsz && s->start + s->memsz == a &&
        s->off + s->filesz == off) {
        s->filesz += b - a;
        s->memsz += b - a;
        return 0;
    }
    int rc = flush(l);
    *s = (struct dio_elf_segment){a, b - a, b - a, off};
    return rc;
}

/* A PRESENT run, cut to the bytes that the partials leave of it. */
static int add_present(struct layout *l, const struct dumpio_run *run)
{
    const struct dio_write_plan *plan = l->plan;
    const struct dumpio_partial *p = plan->partials;
    uint32_t unit = plan->unit;
    uint64_t at = run->start;
    int rc = 0;
    while (at < run->end && !rc) {
        while (l->partial < plan->n_partials && p[l->partial].end <= at)
            l->partial++;
        uint64_t page = l->partial < plan->n_partials ? dio_round_down(p[l->partial].start, unit)
                                                      : UINT64_MAX;
        if (page >= run->end)
            return add_stored(l, run->start, at, run->end);
        if (at < page)
            rc = add_stored(l, run->start, at, page);
        for (uint32_t i = l->partial; i < plan->n_partials && !rc; i++) {
            if (p[i].start >= page + unit)
                break;
            uint64_t a = p[i].start > at ? p[i].start : at;
            uint64_t b = p[i].end < run->end ? p[i].end : run->end;
            if (a < b)
                rc = add_stored(l, run->start, a, b);
        }
        at = page + unit;
    }
    return rc;
}

/* Memory without data: the tail of the segment before it, or one of its own. */
static int add_empty(struct layout *l, const struct dumpio_run *run)
{
    struct dio_elf_segment *s = &l->at;
    if (s->memsz && s->start + s->memsz == run->start) {
        s->memsz += run->end - run->start;
        return 0;
    }
    int rc = flush(l);
    *s = (struct dio_elf_segment){run->start, 0, run->end - run->start, 0};
    return rc;
}

int dio_elf_layout(const struct dio_write_plan *plan,
                   int (*visit)(void *ctx, const struct dio_elf_segment *s,
                                struct dumpio_error *err),
                   void *ctx, uint64_t *bytes, struct dumpio_error *err)
{
    struct layout l = {.plan = plan, .visit = visit, .ctx = ctx, .err = err};
    struct dumpio_run run;
    int rc;
    dio_map_rewind(plan->map);
    while (!(rc = dio_map_next(plan->map, &run, err))) {
        if (run.kind == DUMPIO_PRESENT) {
            rc = add_present(&l, &run);
            l.bytes += run.end - run.start;
        } else {
            rc = add_empty(&l, &run);
        }
        if (rc)
            return rc;
    }
    if (rc != DUMPIO_END)
        return rc;
    *bytes = l.bytes;
    return flush(&l);
}

int dio_elf_known_lost(const struct dio_write_plan *plan, struct dio_elf_ranges *lost,
                       struct dumpio_error *err)
{
    struct dumpio_run run;
    int rc;
    dio_map_rewind(plan->map);
    while (!(rc = dio_map_next(plan->map, &run, err))) {
        if (run.kind == DUMPIO_LOST)
            rc = dio_elf_ranges_add(lost, run.start, run.end, err);
        if (rc)
            return rc;
    }
    return rc == DUMPIO_END ? 0 : rc;
}

/* ---- shared by the writers ------------------------------------------------------------------- */

size_t dio_elf_marks_room(const struct dio_write_plan *plan)
{
    uint64_t room = plan->present_pages > ROOM_MAX ? ROOM_MAX : plan->present_pages * 2;
    if (room < ROOM_MIN)
        room = ROOM_MIN;
    if (room > ROOM_MAX)
        room = ROOM_MAX;
    return (size_t)dio_round_up(room, 4096);
}

uint16_t dio_elf_machine(const struct dumpio_info *info, const struct dumpio_env *env)
{
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    if (arch)
        return arch->elf_machine;
    dio_note(env, DUMPIO_WARNING, "the architecture is unknown: e_machine 0 is written, which "
             "other tools refuse");
    return 0;
}

enum dumpio_order dio_elf_order(const struct dumpio_info *info)
{
    return info->order == DUMPIO_BIG ? DUMPIO_BIG : DUMPIO_LITTLE;
}

/* Marks are true of the image that they came with only: *kept gets the other notes, or NULL. */
static int drop_marks(const struct dumpio_info *info, struct dumpio_note **kept, uint32_t *n,
                      struct dumpio_error *err)
{
    struct dumpio_note *v = NULL;
    *n = 0;
    if (info->n_notes) {
        v = calloc(info->n_notes, sizeof *v);
        if (!v)
            return dio_nomem(err, "notes");
    }
    for (uint32_t i = 0; i < info->n_notes; i++) {
        const struct dumpio_note *note = &info->notes[i];
        if (strcmp(note->name, DIO_NOTE_NAME) != 0 ||
            (note->type != DIO_NOTE_MARKS && note->type != DIO_NOTE_MAP))
            v[(*n)++] = *note;
    }
    *kept = v;
    return 0;
}

int dio_elf_build_notes(const struct dio_write_plan *plan, int netdump, uint8_t **data,
                        size_t *len, struct dumpio_error *err)
{
    struct dio_notes_request r = {
        .order = dio_elf_order(plan->info),
        .word = plan->info->word == 4 ? 4 : 8,
        .netdump = netdump,
        .carried = plan->carried,
        .carried_len = plan->carried_len,
    };
    struct dumpio_info info = *plan->info;
    struct dumpio_note *notes = NULL;
    int rc = drop_marks(plan->info, &notes, &info.n_notes, err);
    info.notes = notes;
    if (!rc)
        rc = dio_notes_build(&info, &r, data, len, err);
    free(notes);
    return rc;
}

int dio_elf_store_plain(struct dio_out *out, struct dio_batch *batch, struct dumpio_error *err)
{
    const struct dio_page *p = dio_batch_pages(batch);
    size_t n = dio_batch_count(batch);
    int rc = 0;
    for (size_t i = 0; i < n && !rc;) {
        if (p[i].kind != DIO_DATA || p[i].where == DIO_NO_PLACE) {
            i++;
            continue;
        }
        if (p[i].codec)
            return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                            "page 0x%llx came packed to a plain format",
                            (unsigned long long)p[i].addr);
        size_t first = i, len = p[i].len;
        for (i++; i < n && len < WRITE_MAX; len += p[i++].len)
            if (p[i].kind != DIO_DATA || p[i].codec || p[i].where != p[first].where + len ||
                p[i].data != p[first].data + len)
                break;
        rc = dio_write(out, p[first].where, p[first].data, len, err);
    }
    return rc;
}
