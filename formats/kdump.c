/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format "kdump": compressed kdump files of makedumpfile and QEMU, single or split.
 * Reference: makedumpfile's IMPLEMENTATION and diskdump_mod.h, crash's diskdump.c.
 * Not handled: flattened files, which a layer below turns into plain ones.
 */
#include "kdump.h"

#include <stdlib.h>

static int probe(const uint8_t *head, size_t n)
{
    return dio_kdump_probe_for(DIO_KDUMP_SIGNATURE, head, n);
}

static int open_kdump(void **self, const struct dio_input *in, struct dio_model *model,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_kdump *d;
    int rc = dio_kdump_new(&d, in, env, err);
    if (rc)
        return rc;
    rc = dio_kdump_describe_head(d, model, err);
    if (!rc)
        rc = dio_kdump_describe_sub(d, in, model, env, err);
    if (!rc)
        rc = dio_kdump_tables(d, dio_model_info(model), env, err);
    if (!rc)
        rc = dio_kdump_check_order(d, err);
    if (rc) {
        dio_kdump_close(d);
        return rc;
    }
    *self = d;
    return 0;
}

/* ---- writer ---------------------------------------------------------------------------------- */

static enum dio_kdump_layout layout_of(const struct dio_kdump_writer *w)
{
    const char *arch = w->plan->info->arch;
    if (w->head.word == 8)
        return DIO_KDUMP_64;
    return !*arch || !strcmp(arch, "i386") ? DIO_KDUMP_PACKED32 : DIO_KDUMP_PADDED32;
}

/* Start of the lowest run; UINT64_MAX when there is none. */
static int lowest(const struct dio_write_plan *plan, uint64_t *addr, struct dumpio_error *err)
{
    struct dumpio_run run;
    dio_map_rewind(plan->map);
    int rc = dio_map_next(plan->map, &run, err);
    *addr = rc ? UINT64_MAX : run.start;
    return rc == DUMPIO_END ? 0 : rc;
}

/* phys_base of the sub header; on ARM, readers take it for the address of page frame 0. */
static int set_phys_base(struct dio_kdump_writer *w, const struct dumpio_env *env,
                         struct dumpio_error *err)
{
    const struct dumpio_info *info = w->plan->info;
    uint64_t low;
    w->sub.phys_base = info->has_phys_base ? info->phys_base : 0;
    if (strcmp(info->arch, "arm"))
        return 0;
    int rc = lowest(w->plan, &low, err);
    if (rc || low == UINT64_MAX)
        return rc;
    uint64_t base = dio_round_down(w->sub.phys_base, w->plan->unit);
    if (base > low || base > UINT32_MAX) {
        dio_note(env, DUMPIO_WARNING, "memory at 0x%llx lies below phys_base 0x%llx: page frames "
                 "are counted from there, which misleads readers about phys_base",
                 (unsigned long long)low, (unsigned long long)w->sub.phys_base);
        w->sub.phys_base = low > UINT32_MAX ? 0 : low;
    } else if (!info->has_phys_base) {
        w->sub.phys_base = low > UINT32_MAX ? 0 : low;
    }
    w->base = dio_round_down(w->sub.phys_base, w->plan->unit);
    return 0;
}

/* The text inside the VMCOREINFO note of the tail. */
static void place_vmcoreinfo(struct dio_kdump_writer *w)
{
    struct dio_cursor c = dio_cursor(w->tail, w->tail_len, w->head.order, w->head.word);
    while (!c.overrun && c.len - c.pos >= 12) {
        uint32_t namesz = dio_cur_u32(&c), descsz = dio_cur_u32(&c);
        dio_cur_skip(&c, 4);
        const uint8_t *name = dio_cur_bytes(&c, namesz);
        dio_cur_align(&c, 4);
        uint64_t at = w->tail_at + c.pos;
        const uint8_t *text = dio_cur_bytes(&c, descsz);
        if (name && text && namesz == 11 && !memcmp(name, "VMCOREINFO", 11)) {
            while (descsz && !text[descsz - 1])
                descsz--;
            w->sub.vmcoreinfo = (struct dio_kdump_place){descsz ? at : 0, descsz};
            return;
        }
        dio_cur_align(&c, 4);
    }
}

static bool has_eraseinfo_note(const struct dumpio_info *info)
{
    for (uint32_t i = 0; i < info->n_notes; i++)
        if (!strcmp(info->notes[i].name, "ERASEINFO"))
            return true;
    return false;
}

static int set_tail(struct dio_kdump_writer *w, struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    struct dumpio_info info = *plan->info;
    struct dio_notes_request request = {
        .order = w->head.order,
        .word = w->head.word,
        .carried = plan->carried,
        .carried_len = plan->carried_len,
    };
    w->tail_at = plan->unit + dio_kdump_sub_size(w->layout);
    if (!has_eraseinfo_note(&info)) /* no note is to be made of it: it has its place at the end */
        info.eraseinfo_len = 0;
    int rc = dio_notes_build(&info, &request, &w->tail, &w->tail_len, err);
    if (rc)
        return rc;
    if (w->tail_len)
        w->sub.notes = (struct dio_kdump_place){w->tail_at, w->tail_len};
    place_vmcoreinfo(w);
    return 0;
}

/*
 * Page frames of the part of a split set; the ends of the address space are those of the dump.
 * Readers want the same main header in all parts: what only this part's pages tell is not in it.
 */
static void set_split(struct dio_kdump_writer *w)
{
    const struct dio_split *split = w->plan->split;
    uint64_t unit = w->plan->unit;
    if (!split)
        return;
    w->sub.split = 1;
    w->sub.start_pfn = split->start > w->base ? (split->start - w->base) / unit : 0;
    w->sub.end_pfn = split->end > w->base ? (split->end - w->base) / unit : 0;
    if (w->sub.start_pfn > w->max_pfn)
        w->sub.start_pfn = w->max_pfn;
    if (w->sub.end_pfn > w->max_pfn)
        w->sub.end_pfn = w->max_pfn;
}

static uint32_t status_of(const struct dio_kdump_writer *w)
{
    const struct dumpio_info *info = w->plan->info;
    size_t mark;
    const char *vmemmap = dio_info_extra(info, "kdump.vmemmap_excluded", &mark);
    bool lost = w->lost;
    if (w->plan->split)
        lost = info->incomplete || info->truncated || w->plan->split->lost;
    return (uint32_t)dio_kdump_codec_flag(w->plan->codec) | (lost ? DIO_KDUMP_INCOMPLETE : 0) |
           (vmemmap && mark ? DIO_KDUMP_VMEMMAP : 0);
}

static void fill(uint8_t *front, const struct dio_kdump_writer *w)
{
    dio_kdump_put_sub(front + w->plan->unit, w->head.order, w->layout, &w->sub);
}

static int write_front(struct dio_kdump_writer *w, bool unfinished, struct dumpio_error *err)
{
    w->head.status = status_of(w) | (unfinished ? DIO_KDUMP_INCOMPLETE : 0);
    return dio_kdump_write_front(w, fill, err);
}

static int create(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                  const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_kdump_writer *w;
    const struct dumpio_info *info = plan->info;
    int rc = dio_kdump_writer_new(&w, out, plan, false, err);
    if (rc)
        return rc;
    w->layout = layout_of(w);
    w->head.version = DIO_KDUMP_VERSION;
    if (info->dump_level_kind == DUMPIO_LEVEL_MAKEDUMPFILE)
        w->sub.dump_level = info->dump_level;
    rc = set_phys_base(w, env, err);
    if (!rc)
        rc = set_tail(w, err);
    if (!rc)
        rc = dio_kdump_writer_start(w, err);
    if (!rc) {
        w->sub.max_mapnr = w->max_pfn;
        set_split(w);
        rc = write_front(w, dio_kdump_marks_unfinished(w), err);
    }
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
    const struct dumpio_info *info = w->plan->info;
    int rc = dio_kdump_check_placed(w, err);
    if (rc)
        return rc;
    *size = w->at + info->eraseinfo_len;
    if (info->eraseinfo_len) {
        w->sub.eraseinfo = (struct dio_kdump_place){w->at, info->eraseinfo_len};
        rc = dio_write(w->out, w->at, info->eraseinfo, info->eraseinfo_len, err);
    }
    return rc ? rc : write_front(w, false, err);
}

static const struct dio_format_codec codecs[] = {
    {"zlib", "zlib"}, {"lzo", "lzo"}, {"snappy", "snappy"}, {"zstd", "zstd"}, {"none", NULL},
    {NULL, NULL},
};

const struct dio_format dio_format_kdump = {
    .name = "kdump",
    .title = "compressed kdump of makedumpfile and QEMU",
    .flags = DIO_FORMAT_SEEKS | DIO_FORMAT_SHARES | DIO_FORMAT_SPLITS | DIO_FORMAT_FORWARD |
             DIO_FORMAT_SALVAGES,
    .probe = probe,
    .open = open_kdump,
    .close = dio_kdump_close,
    .next_run = dio_kdump_next_run,
    .fetch = dio_kdump_fetch,
    .codecs = codecs,
    .holds = DIO_HOLDS_UTS | DIO_HOLDS_DUMP_TIME | DIO_HOLDS_NOTES | DIO_HOLDS_REGS_ALL |
             DIO_HOLDS_VMCOREINFO | DIO_HOLDS_ERASEINFO | DIO_HOLDS_PHYS_BASE |
             DIO_HOLDS_DUMP_LEVEL | DIO_HOLDS_EXCLUDED | DIO_HOLDS_LOST | DIO_HOLDS_ABSENT |
             DIO_HOLDS_NR_CPUS,
    .create = create,
    .place = dio_kdump_place,
    .lost = dio_kdump_lost,
    .unreached = dio_kdump_lost,
    .store = dio_kdump_store,
    .finish = finish,
    .free = dio_kdump_writer_free,
};
