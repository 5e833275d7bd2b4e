/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table walker for every architecture: levels from a geometry, entries by its decoder.
 * Reference: none of its own; the drivers (translate_*.c) name theirs.
 * Does not handle: nested translation (Xen), hashed page tables.
 */
#include "internal.h"


int dio_walk_init(struct dio_walk *w, const struct dio_mem *mem, struct dumpio_error *err)
{
    w->mem = mem;
    w->g.levels = 0;
    for (unsigned i = 0; i < DIO_WALK_LEVELS; i++)
        w->chunk[i].addr = UINT64_MAX;
    if (pthread_mutex_init(&w->lock, NULL))
        return dio_nomem(err, "the lock of the page-table walker");
    return 0;
}

void dio_walk_fini(struct dio_walk *w)
{
    pthread_mutex_destroy(&w->lock);
}

void dio_walk_set(struct dio_walk *w, const struct dio_geometry *g)
{
    w->g = *g;
    for (unsigned i = 0; i < DIO_WALK_LEVELS; i++)
        w->chunk[i].addr = UINT64_MAX;
}

/* The entry at a physical address, through the chunk kept for this level. Lock held. */
static int load(struct dio_walk *w, unsigned level, uint64_t addr, uint64_t *entry,
                struct dumpio_error *err)
{
    uint64_t chunk = dio_round_down(addr, DIO_WALK_CHUNK);
    const uint8_t *p = w->chunk[level].bytes + (addr - chunk);
    if (w->chunk[level].addr != chunk) {
        w->chunk[level].addr = UINT64_MAX;
        if (!w->mem->read(w->mem->ctx, chunk, w->chunk[level].bytes, DIO_WALK_CHUNK, NULL)) {
            w->chunk[level].addr = chunk;
        } else { /* a frame may be present in part */
            p = w->chunk[level].bytes;
            int rc = w->mem->read(w->mem->ctx, addr, w->chunk[level].bytes, w->g.entry, err);
            if (rc)
                return rc;
        }
    }
    *entry = dio_get_word(p, w->g.order, w->g.entry) & ~w->g.clear;
    return 0;
}

/* Bytes from virt to the end of its block of 1 << shift bytes. */
static uint64_t rest(uint64_t virt, unsigned shift)
{
    return ((uint64_t)1 << shift) - (virt & (((uint64_t)1 << shift) - 1));
}

static int walk(struct dio_walk *w, uint64_t virt, uint64_t *phys, uint64_t *run,
                struct dumpio_error *err)
{
    const struct dio_geometry *g = &w->g;
    struct dio_step step = {DIO_STEP_TABLE, g->root, 0, 0, 0};
    for (unsigned l = 0; l < g->levels; l++) {
        unsigned shift = g->level[l].shift;
        uint64_t index = virt >> shift & (((uint64_t)1 << g->level[l].bits) - 1);
        uint64_t addr, entry;
        *run = rest(virt, shift);
        if (index < step.first || (step.last && index > step.last))
            return DUMPIO_END;
        if (dio_add(step.addr, index * g->entry, &addr))
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "page table at 0x%llx is outside the address space",
                            (unsigned long long)step.addr);
        int rc = load(w, l, addr, &entry, err);
        if (rc)
            return dio_context(err, rc, "page table level %u for 0x%llx", g->levels - l,
                               (unsigned long long)virt);
        step = g->decode(g, l, entry);
        if (step.kind == DIO_STEP_NONE)
            return DUMPIO_END;
        if (step.kind == DIO_STEP_LEAF) {
            uint64_t mask = ((uint64_t)1 << (step.shift ? step.shift : shift)) - 1;
            *phys = (step.addr & ~mask) | (virt & mask);
            *run = mask + 1 - (virt & mask);
            return 0;
        }
    }
    return DUMPIO_END;
}

int dio_walk(struct dio_walk *w, uint64_t virt, uint64_t *phys, uint64_t *run,
             struct dumpio_error *err)
{
    if (!w->g.levels)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET, "no page tables are known");
    if (virt < w->g.va_low || virt > w->g.va_high) {
        *run = virt < w->g.va_low ? w->g.va_low - virt : 0 - virt;
        return DUMPIO_END;
    }
    pthread_mutex_lock(&w->lock);
    int rc = walk(w, virt, phys, run, err);
    pthread_mutex_unlock(&w->lock);
    return rc;
}
