/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of ELF cores of kernels: /proc/vmcore, makedumpfile -E, QEMU, netdump, diskdump.
 * Reference: System V gABI; QEMU's dump/dump.c; crash's netdump.c; libkdumpfile's elfdump.c.
 * Not handled: cores of processes, Xen's xc_core files (sections instead of segments).
 */
#include "elf.h"

#include <stdlib.h>

#define NOTES_MAX (64u << 20) /* of all segments together, bytes */

struct reader {
    struct dio_elf_extents extents;
    uint64_t trailer; /* of a forward source: where marks of lost pages may stand */
    enum dumpio_order order;
};

/* While a dump is being opened. */
struct opening {
    struct dio_bytes *src;
    struct dio_elf_head head;
    struct dio_elf_loads loads;
    struct dio_elf_loads note_segments;
    struct dio_elf_notes seen;
    struct dio_elf_claims claims;
    struct dio_model *model;
    const struct dumpio_env *env;
};

/* ---- segments -------------------------------------------------------------------------------- */

static int add_load(struct dio_elf_loads *l, const struct dio_elf_phdr *p,
                    struct dumpio_error *err)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        struct dio_elf_phdr *v =
            cap > SIZE_MAX / sizeof *v ? NULL : realloc(l->v, cap * sizeof *v);
        if (!v)
            return dio_nomem(err, "program headers");
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *p;
    return 0;
}

static int take_phdr(void *ctx, uint32_t i, const struct dio_elf_phdr *p,
                     struct dumpio_error *err)
{
    struct opening *o = ctx;
    if (p->type == DIO_PT_NOTE && p->filesz)
        return add_load(&o->note_segments, p, err);
    if (p->type != DIO_PT_LOAD || (!p->filesz && !p->memsz))
        return 0;
    if (p->paddr != UINT64_MAX && p->paddr >= DIO_ADDR_LIMIT)
        dio_note(o->env, DUMPIO_WARNING, "program header %u: physical address 0x%llx is impossible,"
                 " segment not used", i, (unsigned long long)p->paddr);
    return add_load(&o->loads, p, err);
}

/* Physical addresses that are all zero tell nothing, unless there is just one segment. */
static int check_addresses(const struct opening *o, struct dumpio_error *err)
{
    size_t usable = 0;
    for (size_t i = 0; i < o->loads.n; i++) {
        if (o->loads.v[i].paddr && o->loads.v[i].paddr != UINT64_MAX)
            return 0;
        usable += o->loads.v[i].paddr == 0;
    }
    if (usable < 2)
        return 0;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, o->head.phoff,
                    "all %zu segments have physical address 0: the core of a process, or a dump by"
                    " virtual addresses only; its physical memory cannot be told", usable);
}

/*
 * A 32-bit header cannot say more than 4 GiB: the image behind a netdump header goes on to the end
 * of the file.
 */
static bool is_linear(const struct opening *o)
{
    uint64_t end = 0;
    if (o->src->forward || o->head.word != 4 || !o->loads.n || o->loads.v[0].paddr || o->seen.mapped ||
        strcmp(dio_elf_style(&o->head, &o->loads, &o->seen), "netdump") != 0)
        return false;
    for (size_t i = 0; i < o->loads.n; i++)
        if (o->loads.v[i].offset + o->loads.v[i].filesz > end)
            end = o->loads.v[i].offset + o->loads.v[i].filesz;
    return o->src->size > end && o->loads.v[0].offset < o->src->size;
}

/* Claim `len` bytes that begin `from` bytes into the segment; DATA, AGAIN and CUT lie in the file. */
static int claim_part(struct opening *o, const struct dio_elf_phdr *p,
                      enum dio_elf_claim_class class, uint64_t from, uint64_t len,
                      struct dumpio_error *err)
{
    static const int kinds[] = {[DIO_ELF_CLAIM_DATA] = DUMPIO_PRESENT,
                                [DIO_ELF_CLAIM_AGAIN] = DUMPIO_PRESENT,
                                [DIO_ELF_CLAIM_CUT] = DUMPIO_LOST,
                                [DIO_ELF_CLAIM_EXCLUDED] = DUMPIO_EXCLUDED};
    uint64_t start, off = DIO_NO_PLACE;
    if (dio_add(p->paddr, from, &start))
        return 0;
    if (class != DIO_ELF_CLAIM_EXCLUDED && dio_add(p->offset, from, &off))
        off = DIO_NO_PLACE;
    return dio_elf_claims_add(&o->claims, class, kinds[class], start, len, off, err);
}

/* Stored bytes, what the file is too short for, and the rest up to p_memsz. */
static int claim_segment(struct opening *o, const struct dio_elf_phdr *p, bool again,
                         struct dumpio_error *err)
{
    enum dio_elf_claim_class stored = again ? DIO_ELF_CLAIM_AGAIN : DIO_ELF_CLAIM_DATA;
    uint64_t there = p->offset < o->src->size ? o->src->size - p->offset : 0;
    uint64_t data = p->filesz < there ? p->filesz : there;
    if (p->paddr == UINT64_MAX)
        return 0;
    if (data < p->filesz)
        dio_model_info(o->model)->truncated = 1;
    int rc = claim_part(o, p, stored, 0, data, err);
    if (!rc && data < p->filesz)
        rc = claim_part(o, p, DIO_ELF_CLAIM_CUT, data, p->filesz - data, err);
    if (!rc && p->filesz < p->memsz)
        rc = claim_part(o, p, DIO_ELF_CLAIM_EXCLUDED, p->filesz, p->memsz - p->filesz, err);
    return rc;
}

/* ---- segments within others ------------------------------------------------------------------ */

struct by_address {
    const struct dio_elf_phdr *p;
    bool again;
};

/* The lowest first, of those the longest, of those the last in the file. */
static int by_address(const void *a, const void *b)
{
    const struct dio_elf_phdr *x = ((const struct by_address *)a)->p;
    const struct dio_elf_phdr *y = ((const struct by_address *)b)->p;
    if (x->paddr != y->paddr)
        return x->paddr < y->paddr ? -1 : 1;
    if (x->filesz != y->filesz)
        return x->filesz > y->filesz ? -1 : 1;
    return x > y ? -1 : x < y;
}

static int by_number(const void *a, const void *b)
{
    const struct dio_elf_phdr *x = ((const struct by_address *)a)->p;
    const struct dio_elf_phdr *y = ((const struct by_address *)b)->p;
    return x < y ? -1 : x > y;
}

static struct by_address *sort_loads(struct opening *o, struct dumpio_error *err)
{
    struct by_address *v = calloc(o->loads.n + 1, sizeof *v);
    if (!v) {
        dio_nomem(err, "program headers");
        return NULL;
    }
    for (size_t i = 0; i < o->loads.n; i++)
        v[i].p = &o->loads.v[i];
    qsort(v, o->loads.n, sizeof *v, by_address);
    return v;
}

/*
 * Is all that p stores in segments before it, up to *end? /proc/vmcore has the kernel's text in
 * front, and once more in its place; read from there, the file is read in order.
 */
static bool lies_within(const struct dio_elf_phdr *p, uint64_t *end)
{
    uint64_t stop;
    if (p->paddr == UINT64_MAX || !p->filesz || dio_add(p->paddr, p->filesz, &stop))
        return false;
    if (stop <= *end)
        return true;
    *end = stop;
    return false;
}

static int claim_all(struct opening *o, struct dumpio_error *err)
{
    if (is_linear(o)) {
        struct dio_elf_phdr whole = o->loads.v[0];
        whole.filesz = whole.memsz = o->src->size - whole.offset;
        dio_note(o->env, DUMPIO_DETAIL, "a 32-bit netdump image that its header is too small for: "
                 "%llu bytes of memory", (unsigned long long)whole.filesz);
        return claim_segment(o, &whole, false, err);
    }
    int rc = check_addresses(o, err);
    struct by_address *order = rc ? NULL : sort_loads(o, err);
    uint64_t end = 0; /* of what the segments up to here store */
    if (!rc && !order)
        return DUMPIO_E_NOMEM;
    for (size_t i = 0; i < o->loads.n && !rc; i++)
        order[i].again = lies_within(order[i].p, &end);
    if (!rc)
        qsort(order, o->loads.n, sizeof *order, by_number);
    for (size_t i = 0; i < o->loads.n && !rc; i++)
        rc = claim_segment(o, order[i].p, order[i].again, err);
    free(order);
    return rc;
}

/* ---- notes ----------------------------------------------------------------------------------- */

static int read_notes(struct opening *o, const struct dio_elf_phdr *p, uint64_t *room,
                      struct dumpio_error *err)
{
    uint64_t want = p->filesz < *room ? p->filesz : *room;
    uint64_t there = p->offset < o->src->size ? o->src->size - p->offset : 0;
    size_t len = (size_t)(want < there ? want : there), got = 0;
    if (want < p->filesz)
        dio_note(o->env, DUMPIO_WARNING, "notes at 0x%llx: %llu bytes, only %llu are read",
                 (unsigned long long)p->offset, (unsigned long long)p->filesz,
                 (unsigned long long)want);
    if (len < want)
        dio_model_info(o->model)->truncated = 1;
    if (!len)
        return 0;
    *room -= len;
    uint8_t *data = malloc(len);
    if (!data)
        return dio_nomem(err, "notes");
    int rc = dio_read_some(o->src, p->offset, data, len, &got, err);
    if (!rc)
        rc = dio_elf_scan_notes(data, &got, o->head.order, &o->seen, &o->claims, o->env, err);
    if (!rc)
        rc = dio_notes_parse(o->model, data, got, o->head.order, p->offset, o->env, err);
    free(data);
    return rc;
}

static uint64_t trailer_at(const struct opening *o)
{
    uint64_t end = 0, stop;
    for (size_t i = 0; i < o->loads.n; i++)
        if (!dio_add(o->loads.v[i].offset, o->loads.v[i].filesz, &stop) && stop > end)
            end = stop;
    return end > INT64_MAX ? end : dio_round_up(end, dio_model_info(o->model)->page_size);
}

/*
 * A stream that had lost pages ends with a note that marks them, a whole page behind the last
 * segment's beginning.
 */
static int read_trailer(struct opening *o, uint64_t room, struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(o->model);
    struct dio_elf_phdr p = {.offset = trailer_at(o)};
    uint8_t head[DIO_MARKS_HEAD];
    if (o->src->forward || p.offset > INT64_MAX || p.offset >= o->src->size ||
        o->src->size - p.offset < sizeof head)
        return 0;
    int rc = dio_read_exact(o->src, p.offset, head, sizeof head, "what follows the pages", err);
    uint32_t len;
    if (rc || !dio_elf_marks_head(head, o->head.order, DIO_NOTE_MARKS, &len))
        return rc;
    info->incomplete = 1;
    p.filesz = o->src->size - p.offset;
    info->truncated |= p.filesz - sizeof head < len;
    return read_notes(o, &p, &room, err);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void describe_machine(const struct opening *o)
{
    struct dumpio_info *info = dio_model_info(o->model);
    const struct dio_elf_head *h = &o->head;
    const struct dio_arch *arch = dio_arch_by_elf(h->machine);
    if (arch && h->word == 4 && !strcmp(arch->name, "mips64"))
        arch = dio_arch_by_name("mips"); /* e_machine is the same, the class tells them apart */
    if (!arch)
        dio_note(o->env, DUMPIO_WARNING, "ELF machine %u is not known", h->machine);
    info->version = -1;
    info->file_order = info->order = info->note_order = h->order;
    info->file_word = h->word;
    info->arch = arch ? arch->name : "";
    info->word = arch ? arch->word : h->word;
}

static int read_all(struct opening *o, struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(o->model);
    uint64_t room = NOTES_MAX;
    int cut = 0, rc = dio_elf_read_head(o->src, &o->head, err);
    if (rc)
        return rc;
    describe_machine(o);
    rc = dio_elf_walk_phdrs(o->src, &o->head, take_phdr, o, &cut, err);
    for (size_t i = 0; i < o->note_segments.n && !rc; i++)
        rc = read_notes(o, &o->note_segments.v[i], &room, err);
    if (!rc && cut && !o->loads.n)
        rc = dio_fail(err, DUMPIO_E_TRUNCATED, o->head.phoff,
                      "program headers at 0x%llx: the file ends at 0x%llx, before the first segment"
                      " of memory", (unsigned long long)o->head.phoff,
                      (unsigned long long)o->src->size);
    if (rc)
        return rc;
    info->truncated |= cut;
    dio_elf_describe(o->model, &o->head, &o->loads, &o->seen, o->env);
    rc = read_trailer(o, room, err);
    return rc ? rc : claim_all(o, err);
}

static void elf_close(void *self)
{
    struct reader *r = self;
    dio_elf_extents_free(&r->extents);
    free(r);
}

/* A 32-bit netdump image goes on to the end of the file, which is not known. */
static int check_forward(struct reader *r, const struct opening *o, struct dumpio_error *err)
{
    r->trailer = trailer_at(o);
    r->order = o->head.order;
    if (o->head.word == 4 && !strcmp(dio_elf_style(&o->head, &o->loads, &o->seen), "netdump"))
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "the length of a 32-bit netdump image is that of its file");
    if (!dio_elf_extents_ascend(&r->extents))
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "the segments are not in the order of their addresses");
    return 0;
}

static int elf_behind(void *self, struct dumpio_error *err)
{
    struct reader *r = self;
    uint8_t head[DIO_MARKS_HEAD];
    size_t got = 0;
    uint32_t len;
    if (r->trailer > INT64_MAX)
        return 0;
    int rc = dio_read_some(r->extents.src, r->trailer, head, sizeof head, &got, err);
    if (rc || got < sizeof head || !dio_elf_marks_head(head, r->order, DIO_NOTE_MARKS, &len))
        return rc;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, r->trailer,
                    "the stream ends with marks of pages that were lost, which have been taken for "
                    "zeros: --spool reads the marks first");
}

static int elf_open(void **self, const struct dio_input *in, struct dio_model *model,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    if (in->n != 1)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "an ELF core is one file, not %zu", in->n);
    struct opening o = {.src = in->parts[0], .model = model, .env = env};
    struct reader *r = calloc(1, sizeof *r);
    int rc = r ? read_all(&o, err) : dio_nomem(err, "an ELF core");
    struct dumpio_info *info = dio_model_info(model);
    if (!rc) {
        r->extents.src = o.src;
        r->extents.unit = info->unit;
        rc = dio_elf_extents_resolve(&r->extents, &o.claims, err);
    }
    if (!rc && o.src->forward)
        rc = check_forward(r, &o, err);
    if (!rc)
        rc = dio_elf_extents_partials(&r->extents, model, err);
    free(o.claims.v);
    free(o.loads.v);
    free(o.note_segments.v);
    if (rc) {
        if (r)
            elf_close(r);
        return rc;
    }
    info->end_addr = dio_elf_extents_end(&r->extents);
    if (!r->extents.n)
        dio_note(env, DUMPIO_WARNING, "the core holds no memory");
    *self = r;
    return 0;
}

static int elf_next_run(void *self, uint64_t addr, struct dumpio_run *run,
                        struct dumpio_error *err)
{
    (void)err;
    return dio_elf_extents_next_run(&((struct reader *)self)->extents, addr, run);
}

static int elf_fetch(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                     struct dumpio_error *err)
{
    return dio_elf_extents_fetch(&((struct reader *)self)->extents, start, end, batch, err);
}

static int elf_read_plain(void *self, uint64_t addr, void *buf, size_t len, size_t *got,
                          struct dumpio_error *err)
{
    return dio_elf_extents_read(&((struct reader *)self)->extents, addr, buf, len, got, err);
}

const struct dio_format dio_format_elf = {
    .name = "elf",
    .title = "ELF core of a kernel (/proc/vmcore, makedumpfile -E, QEMU, netdump, diskdump)",
    .flags = DIO_FORMAT_FORWARD,
    .probe = dio_elf_probe,
    .open = elf_open,
    .close = elf_close,
    .next_run = elf_next_run,
    .fetch = elf_fetch,
    .behind = elf_behind,
    .read_plain = elf_read_plain,
    .holds = DIO_HOLDS_NOTES | DIO_HOLDS_VMCOREINFO | DIO_HOLDS_ERASEINFO | DIO_HOLDS_REGS_ALL |
             DIO_HOLDS_EXCLUDED | DIO_HOLDS_ABSENT | DIO_HOLDS_PARTIAL | DIO_HOLDS_LOST |
             DIO_HOLDS_VIRTUAL,
    .create = dio_elf_create,
    .place = dio_elf_place,
    .locate = dio_elf_locate,
    .lost = dio_elf_lost,
    .unreached = dio_elf_unreached,
    .store = dio_elf_store,
    .finish = dio_elf_finish,
    .free = dio_elf_free,
};
