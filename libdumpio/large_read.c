/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading large pieces of memory at random, in one thread, past the page cache.
 */
#include "batch.h"
#include "dump.h"
#include "plug/decode.h"

#include <stdlib.h>

#define PIECE (256u << 10) /* bytes fetched at once, at most: still in the cache when copied */

struct dio_mem_reader {
    struct dumpio_dump *dump;
    struct dio_batch *batch;
    struct dio_decoder decoder;
    uint8_t *edge; /* one unit, for pages wanted in part */
};

struct dio_mem_reader *dio_large_reader_new(struct dumpio_dump *dump)
{
    struct dio_mem_reader *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->dump = dump;
    r->batch = dio_batch_new();
    r->edge = malloc(dump->info->unit);
    if (r->batch && r->edge)
        return r;
    dio_large_reader_free(r);
    return NULL;
}

void dio_large_reader_free(struct dio_mem_reader *r)
{
    if (!r)
        return;
    dio_decoder_free(&r->decoder);
    dio_batch_free(r->batch);
    free(r->edge);
    free(r);
}

static int page_missing(const struct dio_page *p, struct dumpio_error *err)
{
    if (p->kind == DIO_ABSENT)
        return dio_fail(err, DUMPIO_E_ABSENT, 0, "physical address 0x%llx is not in the dump",
                        (unsigned long long)p->addr);
    return dio_fail(err, DUMPIO_E_LOST, 0, "physical address 0x%llx is lost: %s",
                    (unsigned long long)p->addr, p->data ? (const char *)p->data : "lost");
}

/* The bytes of page p that lie in [addr, addr + len), to their place in buf. */
static int take(struct dio_mem_reader *r, const struct dio_page *p, uint64_t addr, uint8_t *buf,
                size_t len, struct dumpio_error *err)
{
    uint32_t unit = r->dump->info->unit;
    uint64_t from = p->addr > addr ? p->addr : addr;
    size_t off = (size_t)(from - p->addr), room = len - (size_t)(from - addr);
    size_t n = unit - off < room ? unit - off : room;
    uint8_t *to = buf + (from - addr);
    if (p->kind == DIO_ZERO) {
        memset(to, 0, n);
        return 0;
    }
    if (p->kind != DIO_DATA)
        return page_missing(p, err);
    if (!p->codec && p->len == unit) {
        memcpy(to, p->data + off, n);
        return 0;
    }
    struct dumpio_error e = {0};
    int rc = dio_decode(&r->decoder, p, unit, n == unit ? to : r->edge, &e);
    if (rc == DUMPIO_E_CORRUPT)
        return dio_fail(err, DUMPIO_E_LOST, 0, "physical address 0x%llx is lost: %.200s",
                        (unsigned long long)p->addr, e.message);
    if (rc && err)
        *err = e;
    if (!rc && n != unit)
        memcpy(to, r->edge + off, n);
    return rc;
}

/* What stands plain in the file, without a copy; *got may be 0. */
static int read_plain(struct dio_mem_reader *r, uint64_t addr, uint8_t *buf, size_t len,
                      size_t *got, struct dumpio_error *err)
{
    const struct dio_format *f = r->dump->format;
    *got = 0;
    return f->read_plain ? f->read_plain(r->dump->self, addr, buf, len, got, err) : 0;
}

/* The pages that hold [addr, addr + len), into the batch. */
static int fetch(struct dio_mem_reader *r, uint64_t addr, size_t len, struct dumpio_error *err)
{
    uint32_t unit = r->dump->info->unit;
    dio_batch_reset(r->batch);
    return r->dump->format->fetch(r->dump->self, dio_round_down(addr, unit),
                                  dio_round_up(addr + len, unit), r->batch, err);
}

static int take_all(struct dio_mem_reader *r, uint64_t addr, uint8_t *buf, size_t len,
                    struct dumpio_error *err)
{
    const struct dio_page *p = dio_batch_pages(r->batch);
    int rc = 0;
    for (size_t i = 0, n = dio_batch_count(r->batch); i < n && !rc; i++)
        rc = take(r, &p[i], addr, buf, len, err);
    return rc;
}

static int check_range(uint64_t addr, size_t len, struct dumpio_error *err)
{
    uint64_t last;
    if (dio_add(addr, len, &last) || last > UINT64_MAX - DIO_PAGE_MAX)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "%zu bytes at 0x%llx go beyond the address space", len,
                        (unsigned long long)addr);
    return 0;
}

int dio_large_read(struct dio_mem_reader *r, uint64_t addr, void *buf, size_t len,
                   struct dumpio_error *err)
{
    uint8_t *to = buf;
    int rc = check_range(addr, len, err);
    if (rc)
        return rc;
    while (len) {
        size_t n;
        rc = read_plain(r, addr, to, len, &n, err);
        if (!rc && !n) {
            n = PIECE - (size_t)(addr % PIECE);
            if (n > len)
                n = len;
            rc = fetch(r, addr, n, err);
            if (!rc)
                rc = take_all(r, addr, to, n, err);
        }
        if (rc)
            return rc;
        to += n;
        addr += n;
        len -= n;
    }
    return 0;
}

int dio_large_look(struct dio_mem_reader *r, uint64_t addr, void *buf, size_t len, bool *zeros,
                   struct dumpio_error *err)
{
    *zeros = false;
    int rc = check_range(addr, len, err);
    if (!rc)
        rc = fetch(r, addr, len, err);
    if (rc)
        return rc;
    const struct dio_page *p = dio_batch_pages(r->batch);
    size_t n = dio_batch_count(r->batch), i = 0;
    while (i < n && p[i].kind == DIO_ZERO)
        i++;
    *zeros = i == n;
    return *zeros ? 0 : take_all(r, addr, buf, len, err);
}
