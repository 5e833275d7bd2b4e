/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of kdump-style ELF cores that crash, gdb, drgn, makedumpfile and libkdumpfile open.
 * Reference: the kernel's vmcore.c for the layout, crash's netdump.c for what it insists on.
 * Not handled: segments by page tables; only the direct map and the kernel image get addresses.
 *
 * File: Ehdr, PT_NOTE, PT_LOADs (kernel image, then memory ascending), section header 0 when the
 * count needs it, notes, room for marks of lost pages, pages from a page boundary on. In a stream the
 * marks come last, behind the pages, where no header tells of them.
 */
#include "elf.h"

#include <stdlib.h>

#define PHDR_BUFFER (64u << 10)
#define KNOWN_MARKS_MAX (64u << 20) /* bytes of text that name the lost pages known beforehand */
#define LINE_MIN 12u                /* "lost 0 1000\n" */
#define LINE_MAX 40u
#define NO_SEGMENT UINT64_MAX

/* What the first walk over the map finds. */
struct survey {
    uint64_t segments, bytes, max_memsz;
    struct dio_elf_segment first;    /* the first one with data */
    uint64_t first_index;            /* NO_SEGMENT: none */
    struct dio_elf_segment text;     /* holds text_phys; memsz 0: none */
    uint64_t text_phys;
};

struct writer {
    struct dio_out *out;
    const struct dio_write_plan *plan;
    const struct dumpio_env *env;
    struct dio_elf_head head;
    struct survey survey;
    bool text_first, move_first;     /* order of the first PT_LOADs, see put_loads */
    uint8_t *notes;
    size_t notes_len, room;
    uint64_t notes_at, data_at;
    struct dio_elf_ranges known, found; /* lost: in the map; met while writing */
    bool found_more;
    uint64_t placed;                 /* bytes of pages that have their place */
    uint64_t unreached;              /* bytes of pages that will not come */
    /* program headers on their way */
    uint8_t *buffer;
    size_t buffered;
    uint64_t buffer_at, index;
};

/* ---- survey ---------------------------------------------------------------------------------- */

static int survey_segment(void *ctx, const struct dio_elf_segment *s, struct dumpio_error *err)
{
    struct survey *v = ctx;
    (void)err;
    if (s->filesz && v->first_index == NO_SEGMENT) {
        v->first = *s;
        v->first_index = v->segments;
    }
    if (v->text_phys >= s->start && v->text_phys - s->start < s->filesz)
        v->text = *s;
    if (s->memsz > v->max_memsz)
        v->max_memsz = s->memsz;
    v->segments++;
    return 0;
}

static uint64_t load_count(const struct writer *w)
{
    return w->survey.segments + (w->text_first ? 1 : 0);
}

/* Places of everything for one class; false when the class is too small for it. */
static bool set_class(struct writer *w, unsigned word)
{
    const struct dio_write_plan *plan = w->plan;
    struct dio_elf_head *h = &w->head;
    h->word = word;
    h->phoff = dio_elf_ehdr_size(word);
    h->phnum = (uint32_t)(1 + load_count(w));
    uint64_t at = h->phoff + h->phnum * (uint64_t)dio_elf_phdr_size(word);
    h->shoff = h->phnum >= DIO_PN_XNUM ? at : 0;
    if (h->shoff)
        at += dio_elf_shdr_size(word);
    w->notes_at = dio_round_up(at, 4);
    uint64_t align = plan->unit > 4096 ? plan->unit : 4096;
    w->data_at = dio_round_up(w->notes_at + w->notes_len + w->room, align);
    return word == 8 || (!h->shoff && plan->end_addr <= (uint64_t)UINT32_MAX + 1 &&
                         w->survey.max_memsz <= UINT32_MAX &&
                         w->data_at + w->survey.bytes <= UINT32_MAX);
}

/* Lost pages that the map knows are named in the notes at once when the sink cannot go back. */
static int add_known_marks(struct writer *w, struct dumpio_error *err)
{
    struct dio_elf_marks m;
    int rc = dio_elf_marks_lost(&m, &w->known, KNOWN_MARKS_MAX, w->head.order, err);
    if (rc)
        return rc;
    uint8_t *notes = realloc(w->notes, w->notes_len + m.len);
    if (notes) {
        memcpy(notes + w->notes_len, m.note, m.len);
        w->notes = notes;
        w->notes_len += m.len;
    }
    dio_elf_marks_free(&m);
    return notes ? 0 : dio_nomem(err, "notes");
}

static int make_layout(struct writer *w, struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    struct survey *v = &w->survey;
    v->first_index = NO_SEGMENT;
    v->text_phys = plan->text_len ? plan->text_phys : UINT64_MAX;
    w->head.order = dio_elf_order(plan->info);
    w->head.machine = dio_elf_machine(plan->info, w->env);
    int rc = dio_elf_layout(plan, survey_segment, v, &v->bytes, err);
    if (!rc)
        rc = dio_elf_known_lost(plan, &w->known, err);
    if (!rc)
        rc = dio_elf_build_notes(plan, 0, &w->notes, &w->notes_len, err);
    if (!rc && w->out->access == DIO_FORWARD && w->known.n)
        rc = add_known_marks(w, err);
    if (rc)
        return rc;
    /* a stream has no use for the room, but shall have the same bytes as a file */
    w->room = dio_elf_marks_room(plan) + w->known.n * LINE_MAX;
    w->text_first = v->text.memsz != 0;
    w->move_first = !w->text_first && v->first_index != NO_SEGMENT && v->first_index > 0;
    if (load_count(w) >= UINT32_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                        "%llu segments are more than ELF can count",
                        (unsigned long long)load_count(w));
    if (plan->info->word != 4 || !set_class(w, 4))
        set_class(w, 8);
    return 0;
}

/* ---- headers --------------------------------------------------------------------------------- */

static int flush_phdrs(struct writer *w, struct dumpio_error *err)
{
    int rc = dio_write(w->out, w->buffer_at, w->buffer, w->buffered, err);
    w->buffer_at += w->buffered;
    w->buffered = 0;
    return rc;
}

static int put_load(struct writer *w, const struct dio_elf_segment *s, uint64_t vaddr,
                    struct dumpio_error *err)
{
    struct dio_elf_phdr p = {
        .type = DIO_PT_LOAD,
        .flags = DIO_PF_RWX,
        .offset = s->filesz ? w->data_at + s->off : 0,
        .vaddr = w->head.word == 4 && vaddr > UINT32_MAX ? 0 : vaddr,
        .paddr = s->start,
        .filesz = s->filesz,
        .memsz = s->memsz,
    };
    if (w->buffered > PHDR_BUFFER - DIO_ELF_PHDR_MAX) {
        int rc = flush_phdrs(w, err);
        if (rc)
            return rc;
    }
    w->buffered += dio_elf_put_phdr(w->buffer + w->buffered, &w->head, &p);
    return 0;
}

static int put_direct(struct writer *w, const struct dio_elf_segment *s, struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    return put_load(w, s, plan->virt_of ? plan->virt_of(plan->virt_ctx, s->start) : 0, err);
}

static int put_segment(void *ctx, const struct dio_elf_segment *s, struct dumpio_error *err)
{
    struct writer *w = ctx;
    if (w->index++ == w->survey.first_index && w->move_first)
        return 0;
    return put_direct(w, s, err);
}

/* The kernel image: a second view of the data of the segment that it begins in. */
static int put_text(struct writer *w, struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    const struct dio_elf_segment *in = &w->survey.text;
    uint64_t skip = plan->text_phys - in->start, len = in->filesz - skip;
    if (len > plan->text_len)
        len = plan->text_len;
    struct dio_elf_segment s = {plan->text_phys, len, len, in->off + skip};
    return put_load(w, &s, plan->text_virt, err);
}

/*
 * PT_LOADs and section header 0. The first PT_LOAD must have data, because readers take its place
 * for the end of the headers: memory below it that was left out comes second.
 */
static int put_loads(struct writer *w, struct dumpio_error *err)
{
    uint64_t bytes;
    int rc = 0;
    w->buffer = malloc(PHDR_BUFFER);
    if (!w->buffer)
        return dio_nomem(err, "program headers");
    w->buffer_at = w->head.phoff + dio_elf_phdr_size(w->head.word);
    if (w->text_first)
        rc = put_text(w, err);
    else if (w->move_first)
        rc = put_direct(w, &w->survey.first, err);
    if (!rc)
        rc = dio_elf_layout(w->plan, put_segment, w, &bytes, err);
    if (!rc)
        rc = flush_phdrs(w, err);
    if (!rc && w->index != w->survey.segments)
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                      "the page map changed between two walks: %llu segments, then %llu",
                      (unsigned long long)w->survey.segments, (unsigned long long)w->index);
    if (!rc && w->head.shoff) {
        uint8_t raw[DIO_ELF_SHDR_MAX];
        size_t n = dio_elf_put_shdr0(raw, &w->head);
        rc = dio_write(w->out, w->head.shoff, raw, n, err);
    }
    free(w->buffer);
    w->buffer = NULL;
    return rc;
}

/* Ehdr and PT_NOTE; extra = bytes of marks behind the notes. */
static int put_head(struct writer *w, size_t extra, bool incomplete, struct dumpio_error *err)
{
    uint8_t raw[DIO_ELF_EHDR_MAX + DIO_ELF_PHDR_MAX];
    struct dio_elf_phdr p = {
        .type = DIO_PT_NOTE,
        .offset = w->notes_at,
        .filesz = w->notes_len + extra,
        .memsz = w->notes_len + extra,
    };
    const struct dumpio_info *info = w->plan->info;
    if (incomplete || info->incomplete || info->truncated)
        w->head.flags |= DIO_ELF_INCOMPLETE;
    size_t n = dio_elf_put_head(raw, &w->head);
    n += dio_elf_put_phdr(raw + n, &w->head, &p);
    return dio_write(w->out, 0, raw, n, err);
}

/* ---- the operations -------------------------------------------------------------------------- */

void dio_elf_free(void *self)
{
    struct writer *w = self;
    dio_elf_ranges_free(&w->known);
    dio_elf_ranges_free(&w->found);
    free(w->notes);
    free(w->buffer);
    free(w);
}

int dio_elf_create(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                   const struct dumpio_env *env, struct dumpio_error *err)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w)
        return dio_nomem(err, "an ELF writer");
    w->out = out;
    w->plan = plan;
    w->env = env;
    bool forward = out->access == DIO_FORWARD;
    int rc = make_layout(w, err);
    if (!rc && forward)
        rc = put_head(w, 0, w->known.n != 0, err);
    if (!rc)
        rc = put_loads(w, err);
    if (!rc && forward)
        rc = dio_write(out, w->notes_at, w->notes, w->notes_len, err);
    if (rc) {
        dio_elf_free(w);
        return rc;
    }
    *self = w;
    return 0;
}

static int mark_lost(struct writer *w, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    if (w->found.n > w->room / LINE_MIN) {
        w->found_more = true;
        return 0;
    }
    return dio_elf_ranges_add(&w->found, start, end, err);
}

/* Lost in the map: no room in the file; a stream has named it in its notes already. */
int dio_elf_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    struct writer *w = self;
    return w->out->access == DIO_FORWARD ? 0 : mark_lost(w, start, end, err);
}

/* The file ends before their place, so that every reader sees that they are not there. */
int dio_elf_unreached(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    struct writer *w = self;
    (void)err;
    w->unreached += end - start;
    w->head.flags |= DIO_ELF_INCOMPLETE;
    return 0;
}

/* A page that turned out lost: its room in the file stays unwritten. */
static int place_lost(struct writer *w, struct dio_page *p, struct dumpio_error *err)
{
    p->where = DIO_NO_PLACE;
    w->placed += w->plan->unit;
    return mark_lost(w, p->addr, p->addr + w->plan->unit, err);
}

int dio_elf_place(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    struct writer *w = self;
    struct dio_page *p = dio_batch_pages(batch);
    int rc = 0;
    for (size_t i = 0, n = dio_batch_count(batch); i < n && !rc; i++) {
        if (p[i].kind == DIO_LOST) {
            rc = place_lost(w, &p[i], err);
            continue;
        }
        p[i].where = w->data_at + w->placed;
        w->placed += w->plan->unit;
    }
    return rc;
}

uint64_t dio_elf_locate(void *self, const struct dumpio_run *run)
{
    struct writer *w = self;
    uint64_t where = w->data_at + w->placed;
    w->placed += run->end - run->start;
    return where;
}

int dio_elf_store(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    return dio_elf_store_plain(((struct writer *)self)->out, batch, err);
}

/* Notes and the headers that point to them: last, when lost pages are known. */
static int put_notes(struct writer *w, const struct dio_elf_marks *m, struct dumpio_error *err)
{
    int rc = dio_write(w->out, w->notes_at, w->notes, w->notes_len, err);
    if (!rc)
        rc = dio_write(w->out, w->notes_at + w->notes_len, m->note, m->len, err);
    return rc ? rc : put_head(w, m->len, w->found.n != 0, err);
}

/* The headers are out: marks follow the pages, unless the pages end early. */
static int put_trailer(struct writer *w, const struct dio_elf_marks *m, uint64_t *size,
                       struct dumpio_error *err)
{
    if (w->unreached || !m->len)
        return 0;
    *size += m->len;
    dio_note(w->env, DUMPIO_WARNING, "pages turned out lost when the headers were written already: "
             "they are marked at the end, where only dumpio looks; others read zeros");
    return dio_write(w->out, *size - m->len, m->note, m->len, err);
}

static int put_late(struct writer *w, uint64_t *size, struct dumpio_error *err)
{
    struct dio_elf_marks m = {0};
    bool forward = w->out->access == DIO_FORWARD;
    int rc = 0;
    if (w->found.n)
        rc = dio_elf_marks_lost(&m, &w->found, w->room, w->head.order, err);
    if (!rc)
        rc = forward ? put_trailer(w, &m, size, err) : put_notes(w, &m, err);
    if (m.full || w->found_more || (forward && w->unreached && w->found.n))
        dio_note(w->env, DUMPIO_WARNING, "not every lost page could be named in the output: the "
                 "others read as zero, and the dump is marked incomplete");
    dio_elf_marks_free(&m);
    return rc;
}

int dio_elf_finish(void *self, uint64_t *size, struct dumpio_error *err)
{
    struct writer *w = self;
    if (w->placed + w->unreached != w->survey.bytes)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                        "%llu bytes of pages came, the page map has %llu",
                        (unsigned long long)(w->placed + w->unreached),
                        (unsigned long long)w->survey.bytes);
    *size = w->data_at + w->placed;
    return put_late(w, size, err);
}
