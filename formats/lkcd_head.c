/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LKCD main header, versions 1 to 10, and what it says of the crash.
 * Reference: LKCD's linux/dump.h (versions 8 and 9), crash's lkcd_dump_v1.h to _v8.h.
 * Not handled: 64-bit version 1 with registers; the u64 that debugging kernels put in version 8.
 */
#include "lkcd.h"

#define COMMON 48u         /* bytes that all versions share */
#define HEAD_MAX 1024u     /* more than any layout has */
#define DATA_MAX (1u << 30)
#define UTS_FIELD 65u

/* Offsets in the header; 0 = it has no such field. */
struct layout {
    uint16_t num_pages, panic, time, uts, task, extra, regs, size;
};

/* extra: u32 dump_compress, dump_flags, dump_device. */
static const struct layout v1_32 = {56, 60, 316, 324, 776, 0, 716, 780};
static const struct layout v1_64 = {56, 60, 320, 336, 728, 0, 0, 736};
static const struct layout v2_32 = {48, 52, 308, 316, 708, 0, 0, 712};
static const struct layout v2_64 = {48, 52, 312, 328, 720, 0, 0, 728};
static const struct layout v5_32 = {48, 52, 308, 316, 708, 712, 0, 724};
static const struct layout v5_64 = {48, 52, 312, 328, 720, 728, 0, 740};
static const struct layout v8 = {48, 52, 308, 324, 714, 722, 0, DIO_LKCD_V8_SIZE};
static const struct layout v9 = {48, 52, 308, 324, 714, 722, 0, DIO_LKCD_V9_SIZE};

static const struct layout *layout_of(uint32_t version, unsigned word)
{
    if (version >= 8)
        return version == 8 ? &v8 : &v9;
    if (version == 1)
        return word == 4 ? &v1_32 : &v1_64;
    if (version < 5) /* 4 was never seen; its neighbours are alike */
        return word == 4 ? &v2_32 : &v2_64;
    return word == 4 ? &v5_32 : &v5_64;
}

/* ---- 32 or 64 bits --------------------------------------------------------------------------- */

/* Do six utsname fields stand at p? */
static bool uts_sane(const uint8_t *p)
{
    for (unsigned i = 0; i < DUMPIO_UTS_FIELDS; i++)
        if (p[i * UTS_FIELD + UTS_FIELD - 1])
            return false;
    return !strcmp((const char *)p, "Linux") && p[DUMPIO_RELEASE * UTS_FIELD] &&
           p[DUMPIO_KVERSION * UTS_FIELD] && p[DUMPIO_MACHINE * UTS_FIELD];
}

/*
 * Nothing in the headers of versions 1 to 7 says how wide a long was: the utsname tells by its
 * place, else the header's size, else the address of the direct map.
 */
static unsigned guess_word(const uint8_t *head, uint32_t version, uint32_t header_size,
                           uint64_t memory_start)
{
    const struct layout *narrow = layout_of(version, 4), *wide = layout_of(version, 8);
    if (uts_sane(head + narrow->uts))
        return 4;
    if (uts_sane(head + wide->uts))
        return 8;
    if (header_size == narrow->size)
        return 4;
    if (header_size == (wide->size + 7u) / 8 * 8)
        return 8;
    return memory_start > UINT32_MAX ? 8 : 4;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_magic(struct dio_lkcd_head *h, const uint8_t *p, struct dumpio_error *err)
{
    for (int o = DUMPIO_LITTLE; o <= DUMPIO_BIG; o++) {
        uint64_t magic = dio_get64(p, (enum dumpio_order)o);
        if (magic != DIO_LKCD_MAGIC && magic != DIO_LKCD_MAGIC_LIVE)
            continue;
        h->order = (enum dumpio_order)o;
        h->live = magic == DIO_LKCD_MAGIC_LIVE;
        return 0;
    }
    return dio_fail(err, DUMPIO_E_FORMAT, 0, "no LKCD magic number");
}

static int read_common(struct dio_lkcd_head *h, struct dio_cursor *c, struct dumpio_error *err)
{
    dio_cur_skip(c, 8);
    uint32_t version = dio_cur_u32(c);
    h->mclx = version & DIO_LKCD_MCLX;
    h->version = version & ~DIO_LKCD_MCLX;
    h->header_size = dio_cur_u32(c);
    h->level = dio_cur_u32(c);
    h->page_size = dio_cur_u32(c);
    h->memory_size = dio_cur_u64(c);
    h->memory_start = dio_cur_u64(c);
    if (h->version < 1 || h->version > 10)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, 8, "LKCD version %u (0x%x); 1 to 10 are known",
                        h->version, version);
    if (!dio_is_pow2(h->page_size) || h->page_size < DIO_LKCD_PAGE_MIN ||
        h->page_size > DIO_PAGE_MAX)
        return dio_fail(err, DUMPIO_E_CORRUPT, 20,
                        "page size %u is no power of two from %u to %u", h->page_size,
                        DIO_LKCD_PAGE_MIN, DIO_PAGE_MAX);
    return 0;
}

static void read_fields(struct dio_lkcd_head *h, struct dio_cursor *c, const struct layout *l)
{
    dio_cur_seek(c, l->num_pages);
    h->num_pages = dio_cur_u32(c);
    memcpy(h->panic, c->base + l->panic, sizeof h->panic);
    memcpy(h->uts, c->base + l->uts, sizeof h->uts);
    dio_cur_seek(c, l->time);
    h->sec = dio_cur_word(c);
    h->usec = dio_cur_word(c);
    dio_cur_seek(c, l->task);
    h->task = dio_cur_word(c);
    h->compress = DIO_LKCD_RLE;
    if (l->extra) {
        dio_cur_seek(c, l->extra);
        h->compress = dio_cur_u32(c);
        h->flags = dio_cur_u32(c);
        h->device = dio_cur_u32(c);
    }
    if (l->regs) {
        h->has_regs = true;
        memcpy(h->regs, c->base + l->regs, sizeof h->regs);
    }
}

/* Version 9 says where the records begin; of version 10 both places are told. */
static void find_data(struct dio_lkcd_head *h, struct dio_cursor *c, const struct dumpio_env *env)
{
    h->data = DIO_LKCD_DATA;
    if (h->version < 9)
        return;
    dio_cur_seek(c, DIO_LKCD_V8_SIZE);
    uint64_t size = dio_cur_u64(c);
    if (size >= DIO_LKCD_V9_SIZE && size <= DATA_MAX)
        h->data = size;
    else
        dio_note(env, DUMPIO_WARNING,
                 "dump_buffer_size is 0x%llx: the first page is looked for at 0x%x",
                 (unsigned long long)size, DIO_LKCD_DATA);
}

int dio_lkcd_read_head(struct dio_bytes *src, struct dio_lkcd_head *h,
                       const struct dumpio_env *env, struct dumpio_error *err)
{
    uint8_t buf[HEAD_MAX] = {0};
    size_t got;
    memset(h, 0, sizeof *h);
    int rc = dio_read_some(src, 0, buf, sizeof buf, &got, err);
    if (!rc && got < COMMON)
        rc = dio_fail(err, DUMPIO_E_TRUNCATED, got, "the file ends in the LKCD header, after %zu "
                      "bytes", got);
    if (!rc)
        rc = read_magic(h, buf, err);
    if (rc)
        return rc;
    struct dio_cursor c = dio_cursor(buf, sizeof buf, h->order, 8);
    rc = read_common(h, &c, err);
    if (rc)
        return rc;
    if (h->version < 8)
        c.word = h->word = guess_word(buf, h->version, h->header_size, h->memory_start);
    const struct layout *l = layout_of(h->version, h->word);
    if (got < l->size)
        return dio_fail(err, DUMPIO_E_TRUNCATED, got, "the LKCD version %u header has %u bytes, "
                        "the file ends after %zu", h->version, l->size, got);
    read_fields(h, &c, l);
    find_data(h, &c, env);
    if (h->header_size < l->size || h->header_size >= h->data) {
        dio_note(env, DUMPIO_WARNING, "the main header's size is given as %u, taken as %u",
                 h->header_size, l->size);
        h->header_size = l->size;
    }
    return 0;
}

/* ---- the model ------------------------------------------------------------------------------- */

/* Before version 5 the level was a number from 0 to 4, later a bit per kind of page. */
static uint32_t level_bits(const struct dio_lkcd_head *h)
{
    static const uint8_t bits[] = {0, 1, 2, 4, 8};
    return h->version < 5 && h->level < sizeof bits ? bits[h->level] : h->level;
}

static int add_extras(const struct dio_lkcd_head *h, struct dio_model *m, struct dumpio_error *err)
{
    int rc = dio_model_add_extra(m, err, "lkcd.memory_size", "%llu",
                                 (unsigned long long)h->memory_size);
    if (!rc && h->version >= 5) {
        rc = dio_model_add_extra(m, err, "lkcd.dump_compress", "%u", h->compress);
        if (!rc)
            rc = dio_model_add_extra(m, err, "lkcd.dump_flags", "0x%x", h->flags);
        if (!rc)
            rc = dio_model_add_extra(m, err, "lkcd.dump_device", "0x%x", h->device);
    }
    if (!rc && h->live)
        rc = dio_model_add_extra(m, err, "lkcd.live", "1");
    if (!rc && h->mclx)
        rc = dio_model_add_extra(m, err, "lkcd.mclx", "0x%x", h->mclx);
    return rc;
}

static void set_machine(const struct dio_lkcd_head *h, const struct dumpio_open_options *options,
                        struct dumpio_info *info)
{
    enum dumpio_order ignored;
    const struct dio_arch *arch = dio_arch_by_uts(info->uts[DUMPIO_MACHINE], &ignored);
    if (!arch && options->arch)
        arch = dio_arch_by_name(options->arch);
    info->file_order = info->order = h->order;
    info->file_word = h->word;
    info->word = h->word;
    if (arch) {
        info->arch = arch->name;
        info->word = arch->word;
    }
}

int dio_lkcd_describe(const struct dio_lkcd_head *h, const struct dio_input *in,
                      struct dio_model *model, struct dumpio_error *err)
{
    struct dumpio_info *info = dio_model_info(model);
    size_t n = strnlen((const char *)h->panic, sizeof h->panic);
    while (n && h->panic[n - 1] == '\n')
        n--;
    const char *panic = dio_model_field(model, h->panic, n);
    if (!panic)
        return dio_nomem(err, "the panic string");
    int rc = dio_model_uts(model, h->uts, err);
    if (rc)
        return rc;
    set_machine(h, in->options, info);
    info->version = (int32_t)h->version;
    info->unit = info->page_size = h->page_size;
    info->panic = panic;
    info->panic_task = h->task;
    info->page_offset = h->memory_start;
    info->dump_level = level_bits(h);
    info->dump_level_kind = DUMPIO_LEVEL_LKCD;
    if (h->sec && h->sec <= INT64_MAX) {
        info->dump_sec = (int64_t)h->sec;
        info->dump_usec = h->usec < 1000000 ? (int32_t)h->usec : 0;
    }
    return add_extras(h, model, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

void dio_lkcd_put_head(uint8_t *out, const struct dio_lkcd_head *h)
{
    struct dio_builder b = dio_builder(out, h->header_size, h->order, 8);
    dio_bld_u64(&b, DIO_LKCD_MAGIC);
    dio_bld_u32(&b, h->version);
    dio_bld_u32(&b, h->header_size);
    dio_bld_u32(&b, h->level);
    dio_bld_u32(&b, h->page_size);
    dio_bld_u64(&b, h->memory_size);
    dio_bld_u64(&b, h->memory_start);
    dio_bld_u64(&b, DIO_LKCD_MAGIC); /* memory_end: what the kernels put there */
    dio_bld_u32(&b, h->num_pages);
    dio_bld_bytes(&b, h->panic, sizeof h->panic);
    dio_bld_u64(&b, h->sec);
    dio_bld_u64(&b, h->usec);
    dio_bld_bytes(&b, h->uts, sizeof h->uts);
    dio_bld_u64(&b, h->task);
    dio_bld_u32(&b, h->compress);
    dio_bld_u32(&b, h->flags);
    dio_bld_u32(&b, h->device);
    if (h->version >= 9)
        dio_bld_u64(&b, h->data);
}
