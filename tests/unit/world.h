/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small machine made by hand for the tests of libdumpio/kernel: sparse physical memory, a
 * VMCOREINFO text, utsname and page tables. Shares no code with the reader.
 */
#ifndef WORLD_H
#define WORLD_H

#include "unit.h"

#include "kernel/kernel.h"

#include <stdarg.h>
#include <stdlib.h>

#define WORLD_PAGES 4096
#define WORLD_PAGE 4096u

struct world {
    struct {
        uint64_t pa;
        uint8_t *bytes;
    } page[WORLD_PAGES];
    unsigned pages;
    struct {
        uint64_t slot, table;
    } child[256]; /* tables already linked: physical address of the entry, of the table */
    unsigned children;
    uint64_t next_table;
    char text[8192];
    char log[1 << 20]; /* what the log printed */
    size_t log_len;
    struct dumpio_info info;
    struct dio_mem mem;
    struct dumpio_error err;
};

static inline uint8_t *world_find(struct world *w, uint64_t pa)
{
    for (unsigned i = 0; i < w->pages; i++)
        if (w->page[i].pa == pa - pa % WORLD_PAGE)
            return w->page[i].bytes + pa % WORLD_PAGE;
    return NULL;
}

static inline uint8_t *world_at(struct world *w, uint64_t pa)
{
    uint8_t *p = world_find(w, pa);
    if (!p) {
        if (w->pages == WORLD_PAGES)
            abort();
        w->page[w->pages].pa = pa - pa % WORLD_PAGE;
        w->page[w->pages].bytes = calloc(1, WORLD_PAGE);
        p = w->page[w->pages++].bytes + pa % WORLD_PAGE;
    }
    return p;
}

static inline void world_drop(struct world *w, uint64_t pa)
{
    for (unsigned i = 0; i < w->pages; i++) {
        if (w->page[i].pa == pa - pa % WORLD_PAGE) {
            free(w->page[i].bytes);
            w->page[i] = w->page[--w->pages];
            return;
        }
    }
}

static inline void world_bytes(struct world *w, uint64_t pa, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *world_at(w, pa + i) = ((const uint8_t *)data)[i];
}

static inline void world_put_as(struct world *w, uint64_t pa, unsigned size, uint64_t v,
                                enum dumpio_order order)
{
    for (unsigned i = 0; i < size; i++) {
        unsigned byte = order == DUMPIO_BIG ? size - 1 - i : i;
        *world_at(w, pa + i) = (uint8_t)(v >> (8 * byte));
    }
}

/* A number in the machine's byte order. */
static inline void world_put(struct world *w, uint64_t pa, unsigned size, uint64_t v)
{
    world_put_as(w, pa, size, v, w->info.order);
}

static inline int world_read(void *ctx, uint64_t addr, void *buf, size_t len,
                             struct dumpio_error *err)
{
    struct world *w = ctx;
    for (size_t i = 0; i < len;) {
        const uint8_t *p = world_find(w, addr + i);
        size_t n = WORLD_PAGE - (addr + i) % WORLD_PAGE;
        if (n > len - i)
            n = len - i;
        if (!p) {
            if (err) {
                err->status = DUMPIO_E_ABSENT;
                snprintf(err->message, sizeof(err->message), "0x%" PRIx64 " is absent", addr + i);
            }
            return DUMPIO_E_ABSENT;
        }
        memcpy((uint8_t *)buf + i, p, n);
        i += n;
    }
    return 0;
}

static inline int world_next(void *ctx, uint64_t addr, struct dumpio_run *run,
                             struct dumpio_error *err)
{
    struct world *w = ctx;
    uint64_t best = UINT64_MAX;
    (void)err;
    for (unsigned i = 0; i < w->pages; i++)
        if (w->page[i].pa + WORLD_PAGE > addr && w->page[i].pa < best)
            best = w->page[i].pa;
    if (best == UINT64_MAX)
        return DUMPIO_END;
    run->start = best > addr ? best : addr;
    run->end = best + WORLD_PAGE;
    while (world_find(w, run->end))
        run->end += WORLD_PAGE;
    run->kind = DUMPIO_PRESENT;
    return 0;
}

static inline struct world *world_new(const char *arch, enum dumpio_order order)
{
    struct world *w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    w->info.arch = arch;
    w->info.order = order;
    w->info.page_size = 4096;
    w->info.end_addr = (uint64_t)1 << 40;
    w->mem.ctx = w;
    w->mem.read = world_read;
    w->mem.next_run = world_next;
    w->mem.info = &w->info;
    w->info.vmcoreinfo = w->text;
    w->next_table = 0x2000000;
    return w;
}

static inline void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->pages; i++)
        free(w->page[i].bytes);
    free(w);
}

/* One more line of VMCOREINFO. */
static inline void __attribute__((format(printf, 2, 3))) world_say(struct world *w,
                                                                   const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(w->text);
    va_start(ap, fmt);
    vsnprintf(w->text + n, sizeof(w->text) - n, fmt, ap);
    va_end(ap);
    n = strlen(w->text);
    w->text[n] = '\n';
    w->info.vmcoreinfo_len = (uint32_t)n + 1;
}

/* utsname: six strings of 65 bytes. */
static inline void world_uts(struct world *w, uint64_t pa, const char *release,
                             const char *machine)
{
    world_bytes(w, pa, "Linux", 6);
    world_bytes(w, pa + 2 * 65, release, strlen(release) + 1);
    world_bytes(w, pa + 4 * 65, machine, strlen(machine) + 1);
    world_at(w, pa + 512);
}

static inline int world_sink(void *user, const char *text, size_t len)
{
    struct world *w = user;
    if (len >= sizeof(w->log) - w->log_len)
        return 1;
    memcpy(w->log + w->log_len, text, len);
    w->log_len += len;
    w->log[w->log_len] = '\0';
    return 0;
}

/* The whole log, or the error's message. */
static inline const char *world_log(struct world *w)
{
    struct dio_kernel *k = NULL;
    w->log_len = 0;
    w->log[0] = '\0';
    if (dio_kernel_open(&k, &w->mem, NULL, &w->err))
        return w->err.message;
    int rc = dio_kernel_dmesg(k, world_sink, w, &w->err);
    dio_kernel_close(k);
    return rc ? w->err.message : w->log;
}

/* Physical address of virt, or the status. */
static inline int64_t world_phys(struct dio_kernel *k, uint64_t virt)
{
    uint64_t phys, run;
    int rc = dio_kernel_translate(k, virt, &phys, &run, NULL);
    return rc ? rc : (int64_t)phys;
}

#endif
