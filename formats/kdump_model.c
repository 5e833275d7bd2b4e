/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the headers of a KDUMP or DISKDUMP say, into the model.
 * Reference: makedumpfile's IMPLEMENTATION, crash's diskdump.c, libkdumpfile's diskdump.c.
 * Not handled: registers of DISKDUMP (diskdump.c).
 */
#include "kdump.h"

#include <inttypes.h>
#include <stdlib.h>

#define ARM_MAX ((uint64_t)1 << 40) /* end of physical memory with the long page tables */
#define VMCOREINFO_MIN 3u           /* shorter ones are none */
#define NOTES_MIN 4u
#define ERASEINFO_MIN 5u

int dio_kdump_describe_head(const struct dio_kdump *d, struct dio_model *model,
                            struct dumpio_error *err)
{
    const struct dio_kdump_head *h = &d->head;
    struct dumpio_info *info = dio_model_info(model);
    int rc = dio_model_uts(model, h->uts, err);
    if (rc)
        return rc;
    const struct dio_arch *arch = dio_arch_by_uts(info->uts[DUMPIO_MACHINE], NULL);
    info->version = h->version;
    info->file_order = info->order = h->order;
    info->file_word = h->word;
    info->unit = info->page_size = h->block_size;
    info->word = h->word;
    info->nr_cpus = h->nr_cpus;
    if (arch) {
        info->arch = arch->name;
        info->word = arch->word;
    }
    if (h->sec && h->sec <= INT64_MAX) {
        info->dump_sec = (int64_t)h->sec;
        if (h->usec < 1000000)
            info->dump_usec = (int32_t)h->usec;
        else if (h->diskdump && h->usec < 1000000000) /* the kernel's has nanoseconds */
            info->dump_usec = (int32_t)(h->usec / 1000);
    }
    info->incomplete = (h->status & (h->diskdump ? DIO_DISKDUMP_UNFINISHED
                                                 : DIO_KDUMP_INCOMPLETE)) != 0;
    return 0;
}

/* ---- notes, VMCOREINFO, eraseinfo ------------------------------------------------------------ */

/*
 * The bytes at p as far as the file has them, malloc'ed. 0 with *data NULL when there are none;
 * damage costs them, with a warning.
 */
static int read_place(struct dio_bytes *src, const struct dio_kdump_place *p, const char *what,
                      uint8_t **data, size_t *len, struct dumpio_info *info,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_error e = {0};
    *data = NULL;
    *len = 0;
    uint64_t left = p->offset < src->size ? src->size - p->offset : 0;
    uint64_t want = p->size < left ? p->size : left;
    if (want < p->size) {
        info->truncated = 1;
        dio_note(env, DUMPIO_WARNING, "%s at 0x%" PRIx64 ": %" PRIu64 " bytes, but the file ends "
                 "after %" PRIu64 " of them", what, p->offset, p->size, want);
    }
    if (want > DIO_KDUMP_TEXT_MAX) {
        dio_note(env, DUMPIO_WARNING, "%s at 0x%" PRIx64 ": %" PRIu64 " bytes are not believed",
                 what, p->offset, p->size);
        return 0;
    }
    if (!want)
        return 0;
    *data = malloc((size_t)want);
    if (!*data)
        return dio_nomem(err, what);
    int rc = dio_read_some(src, p->offset, *data, (size_t)want, len, &e);
    if (!rc)
        return 0;
    free(*data);
    *data = NULL;
    *len = 0;
    if (rc == DUMPIO_E_NOMEM)
        return dio_nomem(err, what);
    dio_note(env, DUMPIO_WARNING, "%s is lost: %s", what, e.message);
    return 0;
}

/* Of a dump whose utsname does not tell: by the size of a register note, and the byte order. */
static const struct dio_arch *arch_by_notes(const uint8_t *notes, size_t len,
                                            enum dumpio_order order)
{
    static const char *const names[] = {"x86_64", "i386",    "aarch64", "arm",         "ppc64",
                                        "s390x",  "riscv64", "ia64",    "loongarch64", "mips64",
                                        "ppc"};
    struct dio_cursor c = dio_cursor(notes, len, order, 4);
    uint32_t namesz = dio_cur_u32(&c), descsz = dio_cur_u32(&c), type = dio_cur_u32(&c);
    const uint8_t *name = dio_cur_bytes(&c, 5);
    if (!name || namesz != 5 || type != 1 || memcmp(name, "CORE", 5))
        return NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct dio_arch *a = dio_arch_by_name(names[i]);
        bool either = a && !strcmp(a->name, "ppc64");
        if (a && a->prstatus_size == descsz && (either || a->default_order == order))
            return a;
    }
    return NULL;
}

static void find_arch(const struct dio_kdump *d, const struct dio_input *in, const uint8_t *notes,
                      size_t len, struct dumpio_info *info)
{
    if (*info->arch)
        return;
    const struct dio_arch *arch = arch_by_notes(notes, len, d->head.order);
    if (!arch && in->options->arch)
        arch = dio_arch_by_name(in->options->arch);
    if (arch) {
        info->arch = arch->name;
        info->word = arch->word;
    }
}

static int read_notes(struct dio_kdump *d, const struct dio_input *in, struct dio_model *model,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dio_kdump_part *p = &d->parts[0];
    struct dumpio_info *info = dio_model_info(model);
    struct dio_kdump_place place = p->sub.notes;
    uint8_t *data;
    size_t len;
    if (place.size < NOTES_MIN)
        place.size = 0;
    int rc = read_place(p->src, &place, "notes", &data, &len, info, env, err);
    if (rc)
        return rc;
    find_arch(d, in, data, len, info);
    if (data)
        rc = dio_notes_parse(model, data, len, d->head.order, place.offset, env, err);
    free(data);
    return rc;
}

/* Of version 3, whose VMCOREINFO is not in notes, and of dumps whose notes do not have it. */
static int read_vmcoreinfo(struct dio_kdump *d, struct dio_model *model,
                           const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dio_kdump_part *p = &d->parts[0];
    struct dumpio_info *info = dio_model_info(model);
    uint8_t *data;
    size_t len;
    if (info->vmcoreinfo_found || p->sub.vmcoreinfo.size < VMCOREINFO_MIN)
        return 0;
    int rc = read_place(p->src, &p->sub.vmcoreinfo, "VMCOREINFO", &data, &len, info, env, err);
    while (len && !data[len - 1])
        len--;
    if (!rc && len) {
        const char *text = dio_model_text(model, (const char *)data, len);
        if (text) {
            info->vmcoreinfo = text;
            info->vmcoreinfo_len = (uint32_t)len;
            info->vmcoreinfo_found = 1;
        } else {
            rc = dio_nomem(err, "VMCOREINFO");
        }
    }
    free(data);
    return rc;
}

/* Every part has what was erased from its own pages. */
static int read_eraseinfo(struct dio_kdump *d, struct dio_model *model,
                          const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(model);
    char *all = NULL;
    size_t total = 0;
    int rc = 0;
    for (size_t i = 0; i < d->n_parts && !rc; i++) {
        const struct dio_kdump_part *p = &d->parts[i];
        uint8_t *data;
        size_t len;
        if (p->sub.eraseinfo.size < ERASEINFO_MIN)
            continue;
        rc = read_place(p->src, &p->sub.eraseinfo, "eraseinfo", &data, &len, info, env, err);
        char *more = rc || !len || len > UINT32_MAX - total ? NULL : realloc(all, total + len);
        if (more) {
            memcpy(more + total, data, len);
            all = more;
            total += len;
        } else if (len) {
            rc = dio_nomem(err, "eraseinfo");
        }
        free(data);
    }
    const char *text = !rc && total ? dio_model_text(model, all, total) : NULL;
    if (text) {
        info->eraseinfo = text;
        info->eraseinfo_len = (uint32_t)total;
    } else if (!rc && total) {
        rc = dio_nomem(err, "eraseinfo");
    }
    free(all);
    return rc;
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* Page frame 0 is the start of memory on ARM, else physical address 0. */
static uint64_t base_of(const struct dio_kdump *d, const struct dumpio_info *info,
                        const struct dumpio_env *env)
{
    uint64_t base = dio_round_down(d->parts[0].sub.phys_base, d->head.block_size);
    if (strcmp(info->arch, "arm") || !base)
        return 0;
    if (base < ARM_MAX && d->max_pfn <= (ARM_MAX - base) >> d->shift)
        return base;
    dio_note(env, DUMPIO_WARNING, "phys_base 0x%" PRIx64 " cannot be the start of %" PRIu64
             " page frames of an ARM: counted from address 0", base, d->max_pfn);
    return 0;
}

int dio_kdump_describe_sub(struct dio_kdump *d, const struct dio_input *in,
                           struct dio_model *model, const struct dumpio_env *env,
                           struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(model);
    const struct dio_kdump_sub *s = &d->parts[0].sub;
    info->phys_base = s->phys_base;
    if (s->split)
        info->variant = "split";
    if (s->has_level) {
        info->dump_level = s->dump_level;
        info->dump_level_kind = DUMPIO_LEVEL_MAKEDUMPFILE;
    }
    int rc = read_notes(d, in, model, env, err);
    if (!rc)
        rc = read_vmcoreinfo(d, model, env, err);
    if (!rc)
        rc = read_eraseinfo(d, model, env, err);
    if (!rc && d->head.status & DIO_KDUMP_VMEMMAP)
        rc = dio_model_add_extra(model, err, "kdump.vmemmap_excluded", "1");
    /* Writers put 0 where there is none; on x86_64 it is what kernels without KASLR have. */
    info->has_phys_base |= s->phys_base || !strcmp(info->arch, "x86_64");
    d->base = base_of(d, info, env);
    return rc;
}
