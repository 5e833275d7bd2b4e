/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of LKCD dumps, versions 8 and 9, as crash and libkdumpfile open them.
 * Reference: LKCD's dump_fmt.c, crash's lkcd_v8.c for what it insists on.
 * Not handled: marks of single lost pages, which the format cannot have: END is marked then.
 *
 * File: main header, architecture header, carried model, zeros up to `data`, records, END.
 */
#include "lkcd.h"

#include <stdlib.h>

#define NO_PLACE UINT64_MAX
#define LEVEL_ALL 8u
#define FLAG_DISK 0x80000000u /* dump_flags: written to a disk */
#define TAG_ALIGN 16u

struct writer {
    struct dio_out *out;
    const struct dio_write_plan *plan;
    struct dio_lkcd_head head;
    uint8_t *front;       /* the headers and the carried model, front_len bytes at offset 0 */
    size_t front_len;
    uint8_t *zero;        /* payload of a zero page */
    uint32_t zero_len, zero_flags;
    uint64_t at;          /* end of what was placed */
    uint64_t pages;       /* placed */
    bool lost;            /* a page came as lost, or did not come */
};

/* ---- layout ---------------------------------------------------------------------------------- */

struct front_layout {
    size_t head, asm_len, tag_at; /* offset of the carried model's tag */
};

/* `version` 8 has DIO_LKCD_DATA bytes for everything, 9 has DIO_LKCD_FRONT_MAX. */
static struct front_layout lay_out(const struct dumpio_info *info, unsigned version)
{
    struct front_layout f;
    f.head = version == 8 ? DIO_LKCD_V8_SIZE : DIO_LKCD_V9_SIZE;
    size_t max = version == 8 ? DIO_LKCD_DATA : DIO_LKCD_FRONT_MAX;
    f.asm_len = dio_lkcd_asm_size(info, max - f.head);
    f.tag_at = (size_t)dio_round_up(f.head + f.asm_len, TAG_ALIGN);
    return f;
}

static size_t room(const struct dumpio_info *info, unsigned version)
{
    struct front_layout f = lay_out(info, version);
    size_t max = version == 8 ? DIO_LKCD_DATA : DIO_LKCD_FRONT_MAX;
    return f.tag_at + DIO_LKCD_TAG_SIZE < max ? max - f.tag_at - DIO_LKCD_TAG_SIZE : 0;
}

size_t dio_lkcd_room8(const struct dumpio_info *info)
{
    return room(info, 8);
}

size_t dio_lkcd_room9(const struct dumpio_info *info)
{
    return room(info, 9);
}

/* ---- headers --------------------------------------------------------------------------------- */

/* A field that an LKCD reader has kept in the extras, else `otherwise`. */
static uint32_t kept(const struct dumpio_info *info, const char *key, uint32_t otherwise)
{
    size_t len;
    const char *v = dio_info_extra(info, key, &len);
    if (!v || len < 3 || len > 10 || v[0] != '0' || v[1] != 'x')
        return otherwise;
    uint32_t n = 0;
    for (size_t i = 2; i < len; i++) {
        const char *digits = "0123456789abcdef", *d = memchr(digits, v[i], 16);
        if (!d)
            return otherwise;
        n = n << 4 | (uint32_t)(d - digits);
    }
    return n;
}

static enum dumpio_order order_of(const struct dumpio_info *info)
{
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    if (info->order)
        return info->order;
    return arch ? (enum dumpio_order)arch->default_order : DUMPIO_LITTLE;
}

static void put_uts(uint8_t *uts, const struct dumpio_info *info, enum dumpio_order order)
{
    struct dio_builder b = dio_builder(uts, DIO_LKCD_UTS, order, 8);
    for (unsigned i = 0; i < DUMPIO_UTS_FIELDS; i++) {
        const char *text = info->uts[i];
        if (!*text && i == DUMPIO_MACHINE)
            text = dio_arch_uts(info->arch, order);
        if (!*text && i == DUMPIO_SYSNAME)
            text = "Linux";
        dio_bld_str(&b, text, DIO_LKCD_UTS / DUMPIO_UTS_FIELDS);
    }
}

static uint32_t compress_of(const struct dio_codec *codec)
{
    if (!codec)
        return DIO_LKCD_NONE;
    return strcmp(codec->name, "rle") ? DIO_LKCD_GZIP : DIO_LKCD_RLE;
}

static void fill_head(struct writer *w, unsigned version, size_t size)
{
    const struct dumpio_info *info = w->plan->info;
    struct dio_lkcd_head *h = &w->head;
    h->order = order_of(info);
    h->version = version;
    h->header_size = (uint32_t)size;
    h->level = info->dump_level_kind == DUMPIO_LEVEL_LKCD ? info->dump_level : LEVEL_ALL;
    h->page_size = w->plan->unit;
    h->memory_size = w->plan->end_addr / w->plan->unit;
    h->memory_start = info->page_offset;
    struct dio_builder panic = dio_builder(h->panic, sizeof h->panic, h->order, 8);
    dio_bld_str(&panic, info->panic, sizeof h->panic);
    put_uts(h->uts, info, h->order);
    if (info->dump_sec != DUMPIO_UNKNOWN_TIME && info->dump_sec > 0) {
        h->sec = (uint64_t)info->dump_sec;
        h->usec = info->dump_usec > 0 ? (uint64_t)info->dump_usec : 0;
    }
    h->task = info->panic_task;
    h->compress = compress_of(w->plan->codec);
    h->flags = kept(info, "lkcd.dump_flags", FLAG_DISK);
    h->device = kept(info, "lkcd.dump_device", 0);
}

static int make_front(struct writer *w, unsigned version, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    const struct dio_write_plan *plan = w->plan;
    struct front_layout f = lay_out(plan->info, version);
    size_t carried = plan->carried ? plan->carried_len : 0;
    uint64_t base = plan->unit < 65536 ? 65536 : 262144; /* as the kernel chose it */
    if (carried > room(plan->info, version))
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                        "a carried description of %zu bytes, room for %zu", carried,
                        room(plan->info, version));
    w->front_len = carried ? f.tag_at + DIO_LKCD_TAG_SIZE + carried : f.tag_at;
    w->front = calloc(1, w->front_len);
    if (!w->front)
        return dio_nomem(err, "the LKCD headers");
    fill_head(w, version, f.head);
    w->head.data = version == 8 ? DIO_LKCD_DATA : dio_round_up(w->front_len, base);
    if (dio_lkcd_asm_size(plan->info, SIZE_MAX) > f.asm_len)
        dio_note(env, DUMPIO_WARNING, "LKCD version %u has no room for the registers of all %u "
                 "processors", version, plan->info->n_cpus);
    dio_lkcd_put_asm(w->front + f.head, f.asm_len, plan->info, w->head.order);
    if (carried) {
        uint8_t *tag = w->front + f.tag_at;
        memcpy(tag, DIO_LKCD_TAG, 8);
        dio_put(tag + 8, w->head.order, 4, carried);
        memcpy(tag + DIO_LKCD_TAG_SIZE, plan->carried, carried);
    }
    w->at = w->head.data;
    return 0;
}

static int write_front(struct writer *w, uint64_t pages, struct dumpio_error *err)
{
    w->head.num_pages = pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
    dio_lkcd_put_head(w->front, &w->head);
    return dio_write(w->out, 0, w->front, w->front_len, err);
}

/* ---- create ---------------------------------------------------------------------------------- */

/* The one payload of all zero pages. */
static int make_zero(struct writer *w, struct dumpio_error *err)
{
    const struct dio_codec *codec = w->plan->codec;
    uint32_t unit = w->plan->unit;
    uint8_t *plain = calloc(1, unit);
    void *state = codec ? codec->new_state(w->plan->level) : NULL;
    w->zero = calloc(1, unit);
    w->zero_len = unit;
    w->zero_flags = DIO_LKCD_RAW;
    bool ok = plain && w->zero && (state || !codec);
    if (ok && codec) {
        size_t n = codec->pack(state, plain, unit, w->zero, unit - 1);
        if (n) {
            w->zero_len = (uint32_t)n;
            w->zero_flags = DIO_LKCD_COMPRESSED;
        } else {
            memset(w->zero, 0, unit);
        }
    }
    if (state)
        codec->free_state(state);
    free(plain);
    return ok ? 0 : dio_nomem(err, "a zero page");
}

/* Pages that are known to come, for sinks that want the header first. */
static int count_pages(const struct dio_write_plan *plan, uint64_t *pages,
                       struct dumpio_error *err)
{
    struct dumpio_run run;
    int rc;
    *pages = 0;
    dio_map_rewind(plan->map);
    while (!(rc = dio_map_next(plan->map, &run, err)))
        if (run.kind == DUMPIO_PRESENT)
            *pages += (run.end - run.start) / plan->unit;
    return rc == DUMPIO_END ? 0 : rc;
}

static int create(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                  unsigned version, const struct dumpio_env *env, struct dumpio_error *err)
{
    if (!dio_is_pow2(plan->unit) || plan->unit < DIO_LKCD_PAGE_MIN || plan->unit > DIO_PAGE_MAX)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "LKCD has pages of %u to %u bytes, not %u", DIO_LKCD_PAGE_MIN,
                        DIO_PAGE_MAX, plan->unit);
    if (plan->end_addr > DIO_LKCD_ADDR_MAX)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "memory up to address 0x%llx: LKCD files end below 0x%llx",
                        (unsigned long long)plan->end_addr,
                        (unsigned long long)DIO_LKCD_ADDR_MAX);
    struct writer *w = calloc(1, sizeof *w);
    uint64_t pages;
    if (!w)
        return dio_nomem(err, "an LKCD writer");
    w->out = out;
    w->plan = plan;
    w->lost = plan->info->incomplete || plan->info->truncated;
    int rc = make_front(w, version, env, err);
    if (!rc)
        rc = make_zero(w, err);
    if (!rc && out->access == DIO_FORWARD) {
        rc = count_pages(plan, &pages, err);
        if (!rc)
            rc = write_front(w, pages, err);
    }
    if (rc)
        dio_lkcd_free(w);
    else
        *self = w;
    return rc;
}

int dio_lkcd_create8(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                     const struct dumpio_env *env, struct dumpio_error *err)
{
    return create(self, out, plan, 8, env, err);
}

int dio_lkcd_create9(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                     const struct dumpio_env *env, struct dumpio_error *err)
{
    return create(self, out, plan, 9, env, err);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static uint32_t stored_len(const struct writer *w, const struct dio_page *p)
{
    return p->kind == DIO_ZERO ? w->zero_len : p->len;
}

int dio_lkcd_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    (void)start, (void)end, (void)err;
    ((struct writer *)self)->lost = true;
    return 0;
}

int dio_lkcd_place(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    struct writer *w = self;
    struct dio_page *p = dio_batch_pages(batch);
    (void)err;
    for (size_t i = 0, n = dio_batch_count(batch); i < n; i++) {
        if (p[i].kind != DIO_DATA && p[i].kind != DIO_ZERO) {
            p[i].where = NO_PLACE;
            w->lost = true;
            continue;
        }
        p[i].where = w->at;
        w->at += DIO_LKCD_RECORD + stored_len(w, &p[i]);
        w->pages++;
    }
    return 0;
}

static uint8_t *put_record(uint8_t *out, enum dumpio_order order, uint64_t addr, uint32_t len,
                           uint32_t flags)
{
    dio_put(out, order, 8, addr);
    dio_put(out + 8, order, 4, len);
    dio_put(out + 12, order, 4, flags);
    return out + DIO_LKCD_RECORD;
}

/* The records of a batch follow each other: one write. */
int dio_lkcd_store(void *self, struct dio_batch *batch, struct dumpio_error *err)
{
    const struct writer *w = self;
    const struct dio_page *p = dio_batch_pages(batch);
    uint64_t start = NO_PLACE;
    size_t n = dio_batch_count(batch), len = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i].where == NO_PLACE)
            continue;
        if (start == NO_PLACE)
            start = p[i].where;
        len += DIO_LKCD_RECORD + stored_len(w, &p[i]);
    }
    if (!len)
        return 0;
    uint8_t *buf = dio_batch_alloc(batch, len), *q = buf;
    if (!buf)
        return dio_nomem(err, "page records");
    for (size_t i = 0; i < n; i++) {
        if (p[i].where == NO_PLACE)
            continue;
        bool zero = p[i].kind == DIO_ZERO;
        uint32_t flags = zero ? w->zero_flags : p[i].codec ? DIO_LKCD_COMPRESSED : DIO_LKCD_RAW;
        uint32_t size = stored_len(w, &p[i]);
        q = put_record(q, w->head.order, p[i].addr, size, flags);
        memcpy(q, zero ? w->zero : p[i].data, size);
        q += size;
    }
    return dio_write(w->out, start, buf, len, err);
}

int dio_lkcd_finish(void *self, uint64_t *size, struct dumpio_error *err)
{
    struct writer *w = self;
    uint8_t end[DIO_LKCD_RECORD];
    int rc = 0;
    put_record(end, w->head.order, 0, 0, DIO_LKCD_END | (w->lost ? DIO_LKCD_TRUNCATED : 0u));
    if (w->out->access != DIO_FORWARD)
        rc = write_front(w, w->pages, err);
    if (!rc)
        rc = dio_write(w->out, w->at, end, sizeof end, err);
    *size = w->at + sizeof end;
    return rc;
}

void dio_lkcd_free(void *self)
{
    struct writer *w = self;
    free(w->front);
    free(w->zero);
    free(w);
}
