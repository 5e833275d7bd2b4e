/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where payloads were placed, found again by their tag: pages with the same one share it, as
 * makedumpfile's format allows ("page_desc.offset", which crash and libkdumpfile follow).
 * Not handled: payloads without tag, and those that a full table has forgotten.
 *
 * What is forgotten must depend on the pages alone, for the file to come out the same in every
 * run: tags are made with another key each time, so they choose the chain that an entry is found
 * in, and never the entry to be replaced. That is the oldest that was not found since it was last
 * passed over (the clock algorithm).
 */
#include "kdump.h"

#include <stdlib.h>

#define USED 0x80000000u

struct entry {
    uint64_t tag[2];
    uint64_t at;    /* file offset of the payload */
    uint32_t what;  /* length << 8 | descriptor flag; USED */
    uint32_t next;  /* of the chain: number of the entry + 1; 0 = none */
};

struct dio_kdump_share {
    uint32_t size;    /* a power of two */
    uint32_t n;       /* entries filled */
    uint32_t hand;    /* of the clock: the entry looked at next, once all are filled */
    uint32_t *chains; /* `size` of them; as entry.next */
    struct entry entries[];
};

struct dio_kdump_share *dio_kdump_share_new(unsigned bits)
{
    uint32_t size = (uint32_t)1 << bits;
    struct dio_kdump_share *s = calloc(1, sizeof *s + size * sizeof s->entries[0]);
    if (!s)
        return NULL;
    s->size = size;
    s->chains = calloc(size, sizeof *s->chains);
    if (!s->chains) {
        free(s);
        return NULL;
    }
    return s;
}

void dio_kdump_share_free(struct dio_kdump_share *s)
{
    if (!s)
        return;
    free(s->chains);
    free(s);
}

static uint32_t *chain_of(struct dio_kdump_share *s, const uint64_t tag[2])
{
    return &s->chains[tag[0] & (s->size - 1)];
}

/* An entry that is in no chain. */
static uint32_t take(struct dio_kdump_share *s)
{
    if (s->n < s->size)
        return s->n++;
    while (s->entries[s->hand].what & USED) {
        s->entries[s->hand].what &= ~USED;
        s->hand = (s->hand + 1) & (s->size - 1);
    }
    uint32_t i = s->hand, *link = chain_of(s, s->entries[i].tag);
    s->hand = (s->hand + 1) & (s->size - 1);
    while (*link != i + 1)
        link = &s->entries[*link - 1].next;
    *link = s->entries[i].next;
    return i;
}

uint64_t dio_kdump_share_find(struct dio_kdump_share *s, const uint64_t tag[2], uint32_t len,
                              uint8_t flag, uint64_t at)
{
    uint32_t what = len << 8 | flag, *chain = chain_of(s, tag);
    for (uint32_t i = *chain; i; i = s->entries[i - 1].next) {
        struct entry *e = &s->entries[i - 1];
        if (e->tag[0] != tag[0] || e->tag[1] != tag[1] || (e->what & ~USED) != what)
            continue;
        e->what |= USED;
        return e->at;
    }
    uint32_t i = take(s);
    s->entries[i] = (struct entry){{tag[0], tag[1]}, at, what, *chain};
    *chain = i + 1;
    return at;
}
