/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LKCD dump files: the readers' side of versions 1 to 10, and the formats' tables.
 * Reference: LKCD's linux/dump.h and dump_fmt.c, crash's lkcd_common.c, libkdumpfile's lkcd.c.
 * Not handled: copies of dump partitions, whose header lies behind a swap header; s390 stand-alone
 * dumps, which are another format.
 */
#include "lkcd.h"
#include "lkcd_salvage.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK 128u      /* index entries looked at together */
#define BLOCKS_MAX 256u /* of them per run, so that no call costs much */

static int lkcd_probe(const uint8_t *head, size_t n)
{
    if (n < 8)
        return 0;
    uint64_t le = dio_get64(head, DUMPIO_LITTLE), be = dio_get64(head, DUMPIO_BIG);
    return le == DIO_LKCD_MAGIC || be == DIO_LKCD_MAGIC || le == DIO_LKCD_MAGIC_LIVE ||
                   be == DIO_LKCD_MAGIC_LIVE
               ? 100
               : 0;
}

/* ---- open ------------------------------------------------------------------------------------ */

static void choose_codec(struct dio_lkcd *l)
{
    const uint32_t compress = l->head.compress;
    if (compress == DIO_LKCD_RLE)
        l->codec = dio_codec_by_name("rle");
    else if (compress == DIO_LKCD_GZIP)
        l->codec = dio_codec_by_name("zlib");
    if (compress == DIO_LKCD_NONE)
        snprintf(l->why, sizeof l->why, "packed page in a dump that says it has none");
    else if (!l->codec)
        snprintf(l->why, sizeof l->why, "packed with unknown compression %u", compress);
}

/* What dumpio's writer left in the filler before the pages; anything else there means nothing. */
static int read_carried(struct dio_lkcd *l, uint64_t at, struct dio_model *model,
                        const struct dumpio_env *env, struct dumpio_error *err)
{
    uint8_t tag[DIO_LKCD_TAG_SIZE];
    size_t got;
    at = dio_round_up(at, 16);
    if (l->head.data < at + sizeof tag)
        return 0;
    int rc = dio_read_some(l->src, at, tag, sizeof tag, &got, err);
    if (rc || got < sizeof tag || memcmp(tag, DIO_LKCD_TAG, 8))
        return rc;
    uint32_t len = dio_get32(tag + 8, l->head.order);
    at += sizeof tag;
    if (len > l->head.data - at || len > DIO_LKCD_FRONT_MAX) {
        dio_note(env, DUMPIO_WARNING, "the carried description at 0x%llx: size %u is impossible, it"
                 " is ignored", (unsigned long long)at, len);
        return 0;
    }
    void *block = malloc(len ? len : 1);
    if (!block)
        return dio_nomem(err, "the carried description");
    rc = dio_read_some(l->src, at, block, len, &got, err);
    if (!rc)
        rc = dio_model_restore(model, block, got, env, err);
    free(block);
    return rc;
}

static void lkcd_close(void *self)
{
    struct dio_lkcd *l = self;
    dio_index_free(l->index);
    free(l);
}

/* The main header; for salvage, what the records tell where it is damaged. */
static int read_head(struct dio_lkcd *l, const struct dumpio_env *env, struct dumpio_error *err)
{
    int rc = dio_lkcd_read_head(l->src, &l->head, env, err);
    if (!rc || !l->salvage || rc == DUMPIO_E_NOMEM || rc == DUMPIO_E_CANCELLED)
        return rc;
    int guess = dio_lkcd_guess_head(l->src, &l->head, err);
    if (guess)
        return guess == DUMPIO_END ? rc : guess;
    dio_salvage_found(l->salvage, DUMPIO_FOUND_DAMAGE, l->src, "lkcd", 0, l->head.data,
                      "the headers are lost, and with them what they tell of machine and crash; "
                      "pages of %u bytes are taken from the records", l->head.page_size);
    return 0;
}

static int open_all(struct dio_lkcd *l, const struct dio_input *in, struct dio_model *model,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    uint64_t end;
    int rc = read_head(l, env, err);
    if (!rc)
        rc = dio_lkcd_describe(&l->head, in, model, err);
    if (!rc && !l->head.rebuilt)
        rc = dio_lkcd_read_asm(l->src, &l->head, model, &end, env, err);
    if (!rc && l->head.version >= 8 && !l->head.rebuilt)
        rc = read_carried(l, end, model, env, err);
    if (rc)
        return rc;
    choose_codec(l);
    return dio_lkcd_scan(l, dio_model_info(model), env, err);
}

static int lkcd_open(void **self, const struct dio_input *in, struct dio_model *model,
                     const struct dumpio_env *env, struct dumpio_error *err)
{
    if (in->n != 1)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "an LKCD dump is one file, not %zu", in->n);
    struct dio_lkcd *l = calloc(1, sizeof *l);
    if (!l)
        return dio_nomem(err, "an LKCD dump");
    l->src = in->parts[0];
    l->salvage = in->salvage;
    int rc = open_all(l, in, model, env, err);
    if (rc)
        lkcd_close(l);
    else
        *self = l;
    return rc;
}

/* ---- the page map ---------------------------------------------------------------------------- */

static enum dumpio_kind kind_of(const struct dio_entry *e)
{
    return e->extra & DIO_LKCD_LOST ? DUMPIO_LOST : DUMPIO_PRESENT;
}

static int lkcd_next_run(void *self, uint64_t addr, struct dumpio_run *run,
                         struct dumpio_error *err)
{
    const struct dio_lkcd *l = self;
    const uint64_t unit = l->head.page_size;
    uint64_t key = dio_round_down(addr, unit);
    run->start = run->end = 0;
    for (unsigned block = 0; block < BLOCKS_MAX; block++) {
        struct dio_entry e[BLOCK];
        size_t n, i = 0;
        int rc = dio_index_range(l->index, key, e, BLOCK, &n, err);
        if (rc)
            return rc;
        if (n && !block) {
            run->start = e[0].key > addr ? e[0].key : addr;
            run->end = e[0].key;
            run->kind = kind_of(&e[0]);
        }
        for (; i < n && e[i].key == run->end && kind_of(&e[i]) == run->kind; i++)
            run->end += unit;
        if (i < BLOCK)
            break;
        key = run->end;
    }
    return run->end ? 0 : DUMPIO_END;
}

/* ---- the formats ----------------------------------------------------------------------------- */

static const struct dio_format_codec codecs[] = {
    {"gzip", "zlib"}, {"rle", "rle"}, {"raw", NULL}, {"none", NULL}, {"zlib", "zlib"}, {NULL, NULL},
};

/* Registers of every CPU are written, but as pt_regs: what these lack (segment bases, which CPU has
 * none at all) has to be carried. */
#define HOLDS                                                                                      \
    (DIO_HOLDS_UTS | DIO_HOLDS_DUMP_TIME | DIO_HOLDS_PANIC | DIO_HOLDS_PANIC_TASK | \
     DIO_HOLDS_ABSENT | DIO_HOLDS_VIRTUAL)

const struct dio_format dio_format_lkcd = {
    .name = "lkcd",
    .title = "LKCD: reads versions 1 to 10, writes version 9",
    .flags = DIO_FORMAT_SALVAGES,
    .probe = lkcd_probe,
    .open = lkcd_open,
    .close = lkcd_close,
    .next_run = lkcd_next_run,
    .fetch = dio_lkcd_fetch,
    .codecs = codecs,
    .holds = HOLDS,
    .carry_room = dio_lkcd_room9,
    .create = dio_lkcd_create9,
    .place = dio_lkcd_place,
    .lost = dio_lkcd_lost,
    .unreached = dio_lkcd_lost,
    .store = dio_lkcd_store,
    .finish = dio_lkcd_finish,
    .free = dio_lkcd_free,
};

const struct dio_format dio_format_lkcd8 = {
    .name = "lkcd8",
    .title = "LKCD version 8, for readers that know no later one",
    .codecs = codecs,
    .holds = HOLDS,
    .carry_room = dio_lkcd_room8,
    .create = dio_lkcd_create8,
    .place = dio_lkcd_place,
    .lost = dio_lkcd_lost,
    .unreached = dio_lkcd_lost,
    .store = dio_lkcd_store,
    .finish = dio_lkcd_finish,
    .free = dio_lkcd_free,
};
