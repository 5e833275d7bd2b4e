/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads of LKCD pages: what lies near each other in the file is read at once.
 * Reference: the page records of LKCD's dump_fmt.c.
 * Not handled: decoding, which is the core's.
 */
#include "lkcd.h"
#include "lkcd_salvage.h"

#define GAP_MAX 4096u        /* bytes read for nothing between two payloads */
#define READ_MAX (1u << 20)  /* bytes per read */

struct piece {
    struct dio_entry entry;
    const uint8_t *data;     /* NULL: see why */
    const char *why;         /* reason that the page is lost */
};

static uint32_t size_of(const struct dio_entry *e)
{
    return (uint32_t)e->extra;
}

static uint32_t flags_of(const struct dio_entry *e)
{
    return (uint32_t)(e->extra >> 32) & 0xff;
}

static const char *keep(struct dio_batch *batch, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = dio_batch_alloc(batch, n);
    return copy ? memcpy(copy, text, n) : "unreadable";
}

/* End of the pieces from i on that one read takes. */
static size_t group_end(const struct piece *p, size_t i, size_t n)
{
    uint64_t start = p[i].entry.value, end = start + size_of(&p[i].entry);
    size_t k = i + 1;
    for (; k < n; k++) {
        uint64_t at = p[k].entry.value, stop = at + size_of(&p[k].entry);
        if (at < end || at - end > GAP_MAX || stop - start > READ_MAX)
            break;
        end = stop;
    }
    return k;
}

/* Read pieces [0, n), which ascend in the file; one by one when they cannot be read together. */
static int read_group(const struct dio_lkcd *l, struct piece *p, size_t n,
                      struct dio_batch *batch, struct dumpio_error *err)
{
    struct dumpio_error e = {0};
    uint64_t start = p[0].entry.value;
    size_t len = (size_t)(p[n - 1].entry.value - start) + size_of(&p[n - 1].entry), got = 0;
    uint8_t *buf = dio_batch_alloc(batch, len ? len : 1);
    if (!buf)
        return dio_nomem(err, "a batch");
    int rc = dio_read_some(l->src, start, buf, len, &got, &e);
    bool bad = rc == DUMPIO_E_IO || (l->salvage && rc && rc != DUMPIO_E_NOMEM &&
                                     rc != DUMPIO_E_CANCELLED);
    if (bad && n > 1) {
        rc = 0;
        for (size_t i = 0; i < n && !rc; i++)
            rc = read_group(l, p + i, 1, batch, err);
        return rc;
    }
    if (bad) {
        p[0].why = keep(batch, e.message);
        return 0;
    }
    if (rc) {
        if (err)
            *err = e;
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)(p[i].entry.value - start);
        if (at + size_of(&p[i].entry) <= got)
            p[i].data = buf + at;
        else
            p[i].why = "the file ends in its page record";
    }
    return 0;
}

/* One page that the index knows. */
static int add_page(const struct dio_lkcd *l, const struct piece *p, struct dio_batch *batch)
{
    const struct dio_entry *e = &p->entry;
    uint32_t size = size_of(e), unit = l->head.page_size;
    unsigned long long at = (unsigned long long)(e->value - DIO_LKCD_RECORD);
    bool raw = flags_of(e) & DIO_LKCD_RAW;
    if (e->extra & DIO_LKCD_LOST)
        return dio_batch_add_lost(batch, e->key, "its page record is damaged, at 0x%llx or behind",
                                  (unsigned long long)e->value);
    if (!p->data)
        return dio_batch_add_lost(batch, e->key, "page record at 0x%llx: %s", at, p->why);
    if (raw && size && size != unit)
        return dio_batch_add_lost(batch, e->key, "page record at 0x%llx: raw page of %u bytes, not "
                                  "%u", at, size, unit);
    if (!raw && !l->codec)
        return dio_batch_add_lost(batch, e->key, "page record at 0x%llx: %s", at, l->why);
    if (!raw && !size)
        return dio_batch_add_lost(batch, e->key, "page record at 0x%llx: packed page of 0 bytes",
                                  at);
    struct dio_page *page = dio_batch_add(batch, e->key);
    if (!page)
        return DUMPIO_E_NOMEM;
    page->kind = size ? DIO_DATA : DIO_ZERO;
    page->data = size ? p->data : NULL;
    page->len = size;
    page->codec = raw ? NULL : l->codec;
    return 0;
}

static int add_pages(const struct dio_lkcd *l, uint64_t start, uint64_t end,
                     const struct piece *p, size_t n, struct dio_batch *batch,
                     struct dumpio_error *err)
{
    for (uint64_t addr = start; addr < end; addr += l->head.page_size) {
        int rc;
        if (n && p->entry.key == addr) {
            rc = add_page(l, p++, batch);
            n--;
        } else {
            rc = dio_batch_add(batch, addr) ? 0 : DUMPIO_E_NOMEM; /* stays ABSENT */
        }
        if (rc)
            return dio_nomem(err, "a batch");
    }
    return 0;
}

int dio_lkcd_fetch(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                   struct dumpio_error *err)
{
    const struct dio_lkcd *l = self;
    size_t max = (size_t)((end - start) / l->head.page_size), found = 0, n = 0;
    struct dio_entry *entries = dio_batch_alloc(batch, max * sizeof *entries);
    struct piece *p = dio_batch_alloc(batch, max * sizeof *p);
    if (!entries || !p)
        return dio_nomem(err, "a batch");
    int rc = dio_index_range(l->index, start, entries, max, &found, err);
    for (; n < found && entries[n].key < end; n++)
        p[n] = (struct piece){entries[n], NULL, NULL};
    for (size_t i = 0, next; i < n && !rc; i = next) {
        next = group_end(p, i, n);
        rc = read_group(l, p + i, next - i, batch, err);
    }
    return rc ? rc : add_pages(l, start, end, p, n, batch, err);
}
