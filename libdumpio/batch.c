/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch of pages and the arena they stand in. The arena is a list of chunks that never move and
 * are reused from batch to batch.
 */
#include "batch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_SIZE (1u << 20)
#define ALIGN 64u
#define WHY_MAX 200

struct chunk {
    struct chunk *next;
    uint8_t *mem; /* aligned to ALIGN */
    size_t cap, used;
};

struct dio_batch {
    struct dio_page *pages;
    size_t n, cap;
    struct chunk *first, *current;
};

struct dio_batch *dio_batch_new(void)
{
    return calloc(1, sizeof(struct dio_batch));
}

void dio_batch_reset(struct dio_batch *b)
{
    b->n = 0;
    for (struct chunk *c = b->first; c; c = c->next)
        c->used = 0;
    b->current = b->first;
}

void dio_batch_clear_pages(struct dio_batch *b)
{
    b->n = 0;
}

void dio_batch_free(struct dio_batch *b)
{
    if (!b)
        return;
    for (struct chunk *c = b->first; c;) {
        struct chunk *next = c->next;
        free(c->mem);
        free(c);
        c = next;
    }
    free(b->pages);
    free(b);
}

static struct chunk *add_chunk(struct dio_batch *b, size_t n)
{
    struct chunk *c = calloc(1, sizeof *c);
    size_t cap = n > CHUNK_SIZE ? n : CHUNK_SIZE;
    if (!c)
        return NULL;
    c->mem = aligned_alloc(ALIGN, cap);
    if (!c->mem) {
        free(c);
        return NULL;
    }
    c->cap = cap;
    if (b->current) {
        c->next = b->current->next;
        b->current->next = c;
    } else {
        b->first = c;
    }
    b->current = c;
    return c;
}

void *dio_batch_alloc(struct dio_batch *b, size_t n)
{
    if (n > SIZE_MAX - ALIGN)
        return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct chunk *c = b->current;
    while (c && n > c->cap - c->used && c->next) {
        c = c->next;
        b->current = c;
    }
    if (!c || n > c->cap - c->used)
        c = add_chunk(b, n);
    if (!c)
        return NULL;
    void *p = c->mem + c->used;
    c->used += n;
    return p;
}

void dio_batch_trim(struct dio_batch *b, const void *last, size_t n)
{
    struct chunk *c = b->current;
    size_t start = (size_t)((const uint8_t *)last - c->mem);
    c->used = start + ((n + ALIGN - 1) & ~(size_t)(ALIGN - 1));
}

struct dio_page *dio_batch_add(struct dio_batch *b, uint64_t addr)
{
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        struct dio_page *p = realloc(b->pages, cap * sizeof *p);
        if (!p)
            return NULL;
        b->pages = p;
        b->cap = cap;
    }
    struct dio_page *p = &b->pages[b->n++];
    *p = (struct dio_page){.addr = addr, .kind = DIO_ABSENT};
    return p;
}

int dio_batch_add_lost(struct dio_batch *b, uint64_t addr, const char *fmt, ...)
{
    struct dio_page *p = dio_batch_add(b, addr);
    char *why = p ? dio_batch_alloc(b, WHY_MAX) : NULL;
    if (!why)
        return DUMPIO_E_NOMEM;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, WHY_MAX, fmt, ap);
    va_end(ap);
    p->kind = DIO_LOST;
    p->data = (const uint8_t *)why;
    return 0;
}

size_t dio_batch_count(const struct dio_batch *b)
{
    return b->n;
}

struct dio_page *dio_batch_pages(struct dio_batch *b)
{
    return b->pages;
}
