/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which frames the kernel's own memory map knows, and what a dump holds beyond them (the ROM of a
 * virtual machine, for example).
 */
#include "ram.h"

#include <stdbool.h>
#include <stdlib.h>

#define NAMED_MAX 8 /* ranges named one by one */

void dio_ram_free(struct dio_ram *ram)
{
    free(ram->keep);
    *ram = (struct dio_ram){0};
}

static int add_range(struct dio_ram *ram, size_t *cap, uint64_t start, uint64_t end,
                     struct dumpio_error *err)
{
    if (ram->n_keep && ram->keep[ram->n_keep - 1].end == start) {
        ram->keep[ram->n_keep - 1].end = end;
        return 0;
    }
    if (ram->n_keep == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        struct dumpio_range *r = realloc(ram->keep, *cap * sizeof *r);
        if (!r)
            return dio_nomem(err, "the kernel's memory map");
        ram->keep = r;
    }
    ram->keep[ram->n_keep++] = (struct dumpio_range){start, end};
    return 0;
}

/* The ranges of frames that have a struct page. */
static int kernel_ranges(struct dio_ram *ram, struct dio_kernel *k, struct dumpio_error *err)
{
    size_t cap = 0;
    uint64_t at = 0, start, end;
    int rc;
    while (!(rc = dio_kernel_next_mapped(k, at, &start, &end, err))) {
        rc = add_range(ram, &cap, start, end, err);
        if (rc)
            return rc;
        at = end;
    }
    return rc == DUMPIO_END ? 0 : rc;
}

/* Sum up (and with `name`, tell) the dumped ranges outside ram->keep. */
static int outside(struct dio_ram *ram, struct dumpio_dump *d, int name,
                   const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_run run;
    uint64_t at = 0;
    size_t i = 0;
    unsigned named = 0;
    int rc;
    ram->dropped = 0;
    while (!(rc = dumpio_next_run(d, at, &run, err))) {
        while (i < ram->n_keep && ram->keep[i].end <= run.start)
            i++;
        bool inside = i < ram->n_keep && ram->keep[i].start <= run.start;
        uint64_t edge = i == ram->n_keep ? run.end : inside ? ram->keep[i].end : ram->keep[i].start;
        at = edge < run.end ? edge : run.end;
        if (inside)
            continue;
        ram->dropped += at - run.start;
        if (name && named++ < NAMED_MAX)
            dio_note(env, DUMPIO_NOTE, "outside the kernel's memory map, dropped: 0x%llx-0x%llx",
                     (unsigned long long)run.start, (unsigned long long)at);
    }
    return rc == DUMPIO_END ? 0 : rc;
}

int dio_ram_find(struct dio_ram *ram, struct dumpio_dump *d, int only, unsigned target_holds,
                 const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dumpio_error why = {0};
    bool warns = target_holds & DIO_HOLDS_EXCLUDED;
    if (!only && !warns)
        return 0;
    dumpio_explore(d, &why);
    if (!d->kernel) {
        if (!only)
            return 0;
        if (err)
            *err = why;
        return dio_context(err, why.status, "the kernel's memory map cannot be found");
    }
    int rc = kernel_ranges(ram, d->kernel, &why);
    if (!rc)
        rc = outside(ram, d, only, env, &why);
    if (rc && only) {
        if (err)
            *err = why;
        return dio_context(err, rc, "the kernel's memory map");
    }
    if (only)
        return 0;
    if (!rc && ram->dropped)
        dio_note(env, DUMPIO_WARNING,
                 "0x%llx bytes lie outside the kernel's memory map (a virtual machine's ROM, for "
                 "example); makedumpfile cannot filter such a dump; --ram-only leaves them out",
                 (unsigned long long)ram->dropped);
    dio_ram_free(ram);
    return 0;
}
