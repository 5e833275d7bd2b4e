/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw physical memory: the byte at offset N is the byte at address N.
 * Reference: none.
 * Not handled: absence, which the format cannot tell from zeros; anything but memory.
 */
#include "elf.h"

#include <stdlib.h>

#define PAGE_DEFAULT 4096u

/* ---- reader ---------------------------------------------------------------------------------- */

static int raw_probe(const uint8_t *head, size_t n)
{
    (void)head;
    (void)n;
    return 0; /* anything could be raw memory: on request only */
}

static int describe(const struct dio_input *in, struct dumpio_info *info, struct dumpio_error *err)
{
    const struct dumpio_open_options *o = in->options;
    const struct dio_arch *arch = o->arch ? dio_arch_by_name(o->arch) : NULL;
    uint32_t page = o->page_size ? o->page_size : PAGE_DEFAULT;
    if (in->n != 1)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "raw memory is one file, not %zu", in->n);
    if (o->arch && !arch)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "unknown architecture %s", o->arch);
    if (!dio_is_pow2(page) || page < 512 || page > DIO_PAGE_MAX)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "page size %u is no power of two from 512 to %u", page, DIO_PAGE_MAX);
    if (!in->parts[0]->size)
        return dio_fail(err, DUMPIO_E_TRUNCATED, 0, "raw memory of 0 bytes");
    info->version = -1;
    info->unit = info->page_size = page;
    info->end_addr = in->parts[0]->size;
    if (arch) {
        info->arch = arch->name;
        info->order = (enum dumpio_order)arch->default_order;
        info->word = arch->word;
    }
    return 0;
}

static void raw_close(void *self)
{
    struct dio_elf_extents *x = self;
    dio_elf_extents_free(x);
    free(x);
}

static int raw_open(void **self, const struct dio_input *in, struct dio_model *model,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    (void)env;
    struct dumpio_info *info = dio_model_info(model);
    struct dio_elf_claims c = {NULL, 0, 0};
    int rc = describe(in, info, err);
    if (rc)
        return rc;
    struct dio_elf_extents *x = calloc(1, sizeof *x);
    if (!x)
        return dio_nomem(err, "raw memory");
    x->src = in->parts[0];
    x->unit = info->unit;
    rc = dio_elf_claims_add(&c, DIO_ELF_CLAIM_DATA, DUMPIO_PRESENT, 0, x->src->size, 0, err);
    if (!rc)
        rc = dio_elf_extents_resolve(x, &c, err);
    if (!rc)
        rc = dio_elf_extents_partials(x, model, err);
    if (rc)
        raw_close(x);
    else
        *self = x;
    return rc;
}

static int raw_next_run(void *self, uint64_t addr, struct dumpio_run *run,
                        struct dumpio_error *err)
{
    (void)err;
    return dio_elf_extents_next_run(self, addr, run);
}

static int raw_fetch(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                     struct dumpio_error *err)
{
    return dio_elf_extents_fetch(self, start, end, batch, err);
}

static int raw_read_plain(void *self, uint64_t addr, void *buf, size_t len, size_t *got,
                          struct dumpio_error *err)
{
    return dio_elf_extents_read(self, addr, buf, len, got, err);
}

/* ---- writer ---------------------------------------------------------------------------------- */

struct raw_writer {
    struct dio_out *out;
    uint64_t size;
};

/* Memory and nothing else. */
static size_t raw_carry_room(const struct dumpio_info *info)
{
    (void)info;
    return 0;
}

static int raw_create(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    (void)env;
    struct raw_writer *w = malloc(sizeof *w);
    if (!w)
        return dio_nomem(err, "a raw writer");
    w->out = out;
    w->size = plan->end_addr;
    /* a last page that is held in part ends the file where it ends */
    const struct dumpio_partial *last =
        plan->n_partials ? &plan->partials[plan->n_partials - 1] : NULL;
    if (last && dio_round_up(last->end, plan->unit) == plan->end_addr)
        w->size = last->end;
    *self = w;
    return 0;
}

static int raw_place(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    struct raw_writer *w = self;
    struct dio_page *p = dio_batch_pages(batch);
    (void)err;
    for (size_t i = 0, n = dio_batch_count(batch); i < n; i++) {
        p[i].where = p[i].kind == DIO_DATA ? p[i].addr : DIO_NO_PLACE;
        if (p[i].kind == DIO_DATA && w->size - p[i].addr < p[i].len)
            p[i].len = (uint32_t)(w->size - p[i].addr);
    }
    return 0;
}

static uint64_t raw_locate(void *self, const struct dumpio_run *run)
{
    (void)self;
    return run->start;
}

/* Lost memory reads as zero, as does whatever else is not there. */
static int raw_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    (void)self, (void)start, (void)end, (void)err;
    return 0;
}

/* The file ends with what was reached: more would be taken for zeros. */
static int raw_unreached(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    struct raw_writer *w = self;
    (void)end, (void)err;
    if (w->size > start)
        w->size = start;
    return 0;
}

static int raw_store(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    return dio_elf_store_plain(((struct raw_writer *)self)->out, batch, err);
}

static int raw_finish(void *self, uint64_t *size, struct dumpio_error *err)
{
    (void)err;
    *size = ((struct raw_writer *)self)->size;
    return 0;
}

const struct dio_format dio_format_raw = {
    .name = "raw",
    .title = "raw physical memory, offset = address; holes become zeros",
    .flags = DIO_FORMAT_ON_REQUEST,
    .probe = raw_probe,
    .open = raw_open,
    .close = raw_close,
    .next_run = raw_next_run,
    .fetch = raw_fetch,
    .read_plain = raw_read_plain,
    .carry_room = raw_carry_room,
    .create = raw_create,
    .place = raw_place,
    .locate = raw_locate,
    .lost = raw_lost,
    .unreached = raw_unreached,
    .store = raw_store,
    .finish = raw_finish,
    .free = free,
};
