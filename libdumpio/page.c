/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages decoded: one at a time with a thread's codec states, or at random through a small cache,
 * which dumpio_read reads.
 */
#include "batch.h"
#include "dump.h"
#include "plug/decode.h"

#include <stdio.h>
#include <stdlib.h>

#define CACHE_MAX (8u << 20) /* bytes */
#define CACHE_MIN (1u << 20)
#define CACHE_SHARE 16u      /* of the memory limit */
#define READ_AHEAD (64u << 10)

void dio_decoder_free(struct dio_decoder *d)
{
    for (unsigned i = 0; i < DIO_CODECS_MAX; i++)
        if (d->states[i]) {
            dio_codec_at(i)->free_state(d->states[i]);
            d->states[i] = NULL;
        }
}

int dio_decode(struct dio_decoder *d, const struct dio_page *p, uint32_t unit, uint8_t *out,
               struct dumpio_error *err)
{
    if (!p->codec) {
        if (p->len != unit)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "plain page of %u bytes, not %u", p->len, unit);
        memcpy(out, p->data, unit);
        return 0;
    }
    if (p->codec->missing)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET, "%s pages: %s",
                        p->codec->name, p->codec->missing);
    unsigned i = dio_codec_index(p->codec);
    if (!d->states[i])
        d->states[i] = p->codec->new_state(p->codec->level_default);
    if (!d->states[i])
        return dio_nomem(err, "a decoder");
    return p->codec->expand(d->states[i], p->data, p->len, out, unit, err);
}

/* ---- random reads: direct-mapped cache of decoded units ------------------------------------- */

struct slot {
    uint64_t addr; /* UINT64_MAX = empty */
    int status;    /* 0, DUMPIO_E_ABSENT or DUMPIO_E_LOST */
};

struct dio_page_cache {
    struct dumpio_dump *dump;
    pthread_mutex_t lock;
    struct dio_batch *batch;
    struct dio_decoder decoder;
    uint32_t unit;
    size_t n;
    struct slot *slots;
    uint8_t *data;      /* n units */
    uint64_t last_miss; /* end of the last window fetched: sequential readers get more at once */
    char why[160];      /* of the last lost page */
};

static size_t cache_bytes(const struct dumpio_env *env)
{
    uint64_t n = dio_memory_limit(env) / CACHE_SHARE;
    return n > CACHE_MAX ? CACHE_MAX : n < CACHE_MIN ? CACHE_MIN : (size_t)n;
}

struct dio_page_cache *dio_page_cache_new(struct dumpio_dump *dump)
{
    struct dio_page_cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->dump = dump;
    c->unit = dump->info->unit;
    c->n = cache_bytes(&dump->env) / c->unit;
    c->last_miss = UINT64_MAX;
    pthread_mutex_init(&c->lock, NULL);
    c->batch = dio_batch_new();
    c->slots = calloc(c->n, sizeof *c->slots);
    c->data = malloc((size_t)c->unit * c->n);
    if (!c->batch || !c->slots || !c->data) {
        dio_page_cache_free(c);
        return NULL;
    }
    for (size_t i = 0; i < c->n; i++)
        c->slots[i].addr = UINT64_MAX;
    return c;
}

void dio_page_cache_free(struct dio_page_cache *c)
{
    if (!c)
        return;
    dio_decoder_free(&c->decoder);
    dio_batch_free(c->batch);
    pthread_mutex_destroy(&c->lock);
    free(c->slots);
    free(c->data);
    free(c);
}

static size_t slot_of(const struct dio_page_cache *c, uint64_t addr)
{
    return (size_t)(addr / c->unit % c->n);
}

/* Put one fetched page into its slot. */
static int keep(struct dio_page_cache *c, const struct dio_page *p, struct dumpio_error *err)
{
    size_t i = slot_of(c, p->addr);
    uint8_t *to = c->data + i * c->unit;
    int rc = 0;
    c->slots[i].addr = UINT64_MAX;
    if (p->kind == DIO_ZERO) {
        memset(to, 0, c->unit);
    } else if (p->kind == DIO_LOST) {
        rc = DUMPIO_E_LOST;
        snprintf(c->why, sizeof c->why, "%s", p->data ? (const char *)p->data : "lost");
    } else if (p->kind == DIO_ABSENT) {
        rc = DUMPIO_E_ABSENT;
    } else {
        struct dumpio_error e = {0};
        rc = dio_decode(&c->decoder, p, c->unit, to, &e);
        if (rc == DUMPIO_E_CORRUPT) {
            snprintf(c->why, sizeof c->why, "%.150s", e.message);
            rc = DUMPIO_E_LOST;
        } else if (rc) {
            if (err)
                *err = e;
            return rc;
        }
    }
    c->slots[i] = (struct slot){p->addr, rc};
    return 0;
}

static int fill(struct dio_page_cache *c, uint64_t page, struct dumpio_error *err)
{
    uint64_t window = c->unit;
    if (page == c->last_miss && c->unit < READ_AHEAD)
        window = READ_AHEAD - page % READ_AHEAD;
    uint64_t end = page + window;
    if (end < page)
        end = UINT64_MAX & ~(uint64_t)(c->unit - 1);
    dio_batch_reset(c->batch);
    int rc = c->dump->format->fetch(c->dump->self, page, end, c->batch, err);
    struct dio_page *p = dio_batch_pages(c->batch);
    for (size_t i = 0, n = dio_batch_count(c->batch); !rc && i < n; i++)
        rc = keep(c, &p[i], err);
    c->last_miss = end;
    return rc;
}

static int read_piece(struct dio_page_cache *c, uint64_t page, size_t off, uint8_t *to, size_t n,
                      struct dumpio_error *err)
{
    size_t i = slot_of(c, page);
    if (page > UINT64_MAX - c->unit) /* its end is no address: no dump holds it */
        return dio_fail(err, DUMPIO_E_ABSENT, 0, "physical address 0x%llx is not in the dump",
                        (unsigned long long)(page + off));
    if (c->slots[i].addr != page) {
        int rc = fill(c, page, err);
        if (rc)
            return rc;
        if (c->slots[i].addr != page)
            return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                            "the %s reader left out page 0x%llx", c->dump->format->name,
                            (unsigned long long)page);
    }
    if (c->slots[i].status == DUMPIO_E_ABSENT)
        return dio_fail(err, DUMPIO_E_ABSENT, 0, "physical address 0x%llx is not in the dump",
                        (unsigned long long)(page + off));
    if (c->slots[i].status)
        return dio_fail(err, DUMPIO_E_LOST, 0, "physical address 0x%llx is lost: %s",
                        (unsigned long long)(page + off), c->why);
    memcpy(to, c->data + i * c->unit + off, n);
    return 0;
}

int dio_page_cache_read(struct dio_page_cache *c, uint64_t addr, void *buf, size_t len,
                        struct dumpio_error *err)
{
    uint8_t *to = buf;
    int rc = 0;
    if (len && addr + (len - 1) < addr)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "%zu bytes at 0x%llx go beyond the address space", len,
                        (unsigned long long)addr);
    pthread_mutex_lock(&c->lock);
    while (len && !rc) {
        size_t off = (size_t)(addr % c->unit);
        size_t n = c->unit - off < len ? c->unit - off : len;
        rc = read_piece(c, addr - off, off, to, n, err);
        to += n;
        addr += n;
        len -= n;
    }
    pthread_mutex_unlock(&c->lock);
    return rc;
}

/* The cache fills up pages that are held in part: are all bytes of [addr, addr + len) there? */
static int all_held(struct dumpio_dump *dump, uint64_t addr, size_t len, struct dumpio_error *err)
{
    struct dumpio_run run;
    while (len) {
        int rc = dumpio_next_run(dump, addr, &run, err);
        if (rc < 0)
            return rc;
        if (rc == DUMPIO_END || run.start > addr || run.kind == DUMPIO_EXCLUDED)
            return dio_fail(err, DUMPIO_E_ABSENT, 0, "physical address 0x%llx is not in the dump",
                            (unsigned long long)addr);
        if (run.kind == DUMPIO_LOST)
            return dio_fail(err, DUMPIO_E_LOST, 0, "physical address 0x%llx is lost",
                            (unsigned long long)addr);
        if (run.end - addr >= len)
            return 0;
        len -= (size_t)(run.end - addr);
        addr = run.end;
    }
    return 0;
}

int dumpio_read(struct dumpio_dump *dump, uint64_t addr, void *buf, size_t len,
                struct dumpio_error *err)
{
    int rc = dio_stream_refuse(dump, "reading at random", err);
    if (!rc)
        rc = dio_page_cache_read(dump->cache, addr, buf, len, err);
    return rc || !dump->info->n_partials ? rc : all_held(dump, addr, len, err);
}
