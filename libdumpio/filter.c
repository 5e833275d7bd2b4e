/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict of a filter on physical memory: ranges first, then classes.
 */
#include "filter.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned any_class = (1u << DUMPIO_CLASSES) - 1;

static int check_ranges(const struct dumpio_range *r, size_t n, const char *what,
                        struct dumpio_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (r[i].start >= r[i].end || (i && r[i].start < r[i - 1].end))
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                            "%s 0x%llx-0x%llx is empty, or out of order", what,
                            (unsigned long long)r[i].start, (unsigned long long)r[i].end);
    return 0;
}

int dio_filter_check(const struct dumpio_filter *f, struct dumpio_error *err)
{
    const unsigned never = DUMPIO_BIT(DUMPIO_CLASS_KERNEL) | DUMPIO_BIT(DUMPIO_CLASS_NO_RECORD) |
                           DUMPIO_BIT(DUMPIO_CLASS_UNKNOWN);
    if (f->exclude & never)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "pages of the kernel, or of no known owner, cannot be left out as a class");
    if (f->exclude & any_class && !f->classes)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "leaving classes out needs the pages classified");
    int rc = check_ranges(f->only, f->n_only, "the range to keep", err);
    return rc ? rc : check_ranges(f->drop, f->n_drop, "the range to leave out", err);
}

/* The page at addr: is a part of it, and no more, in [r->start, r->end)? Then it is told. */
static void tell_cut(const struct dumpio_range *r, uint64_t addr, uint64_t unit,
                     enum dumpio_level level, const char *what, const struct dumpio_env *env)
{
    uint64_t page = addr & ~(unit - 1), last = page + (unit - 1);
    uint64_t from = r->start > page ? r->start : page, to = r->end <= last ? r->end : last + 1;
    if (from > page || r->end <= last)
        dio_note(env, level, "the page at 0x%llx is kept whole: only 0x%llx-0x%llx of it is in a "
                 "range to %s", (unsigned long long)page, (unsigned long long)from,
                 (unsigned long long)to, what);
}

static void tell_cuts(const struct dumpio_range *v, size_t n, uint64_t unit,
                      enum dumpio_level level, const char *what, const struct dumpio_env *env)
{
    for (size_t i = 0; i < n;) {
        struct dumpio_range r = v[i++];
        while (i < n && v[i].start == r.end) /* one range */
            r.end = v[i++].end;
        tell_cut(&r, r.start, unit, level, what, env);
        if (((r.start ^ (r.end - 1)) & ~(unit - 1)) != 0) /* the last page is another one */
            tell_cut(&r, r.end - 1, unit, level, what, env);
    }
}

void dio_filter_tell_cut(const struct dumpio_filter *f, uint64_t unit,
                         const struct dumpio_env *env)
{
    tell_cuts(f->only, f->n_only, unit, DUMPIO_NOTE, "keep", env);
    tell_cuts(f->drop, f->n_drop, unit, DUMPIO_WARNING, "leave out", env);
}

/* Is addr in one of the ranges? *end is cut to where that changes. */
static bool in_ranges(const struct dumpio_range *r, size_t n, uint64_t addr, uint64_t *end)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r[mid].end > addr)
            hi = mid;
        else
            lo = mid + 1;
    }
    if (lo == n)
        return false;
    bool in = r[lo].start <= addr;
    uint64_t edge = in ? r[lo].end : r[lo].start;
    if (edge < *end)
        *end = edge;
    return in;
}

int dio_filter_at(const struct dumpio_filter *f, uint64_t addr, uint64_t limit, int *reason,
                  uint64_t *end, struct dumpio_error *err)
{
    struct dumpio_class_run run;
    *end = limit;
    *reason = DIO_KEEP;
    if ((f->n_only && !in_ranges(f->only, f->n_only, addr, end)) ||
        in_ranges(f->drop, f->n_drop, addr, end)) {
        *reason = DIO_DROP_RANGE;
        return 0;
    }
    if (!(f->exclude & any_class))
        return 0;
    int rc = dumpio_classes_next(f->classes, addr, &run, err);
    if (rc)
        return rc == DUMPIO_END ? 0 : rc;
    if (run.end < *end)
        *end = run.end;
    if (f->exclude & DUMPIO_BIT(run.class_))
        *reason = (int)run.class_;
    else if (run.class_ == DUMPIO_CLASS_UNKNOWN)
        *reason = DIO_KEEP_UNKNOWN;
    return 0;
}

unsigned dio_level_before(const struct dumpio_info *i)
{
    static const struct { unsigned theirs, ours; } diskdump[] = {{1, 6}, {2, 1}, {4, 16}, {8, 8}};
    unsigned level = 0;
    if (i->dump_level_kind == DUMPIO_LEVEL_MAKEDUMPFILE)
        return i->dump_level;
    for (size_t b = 0; i->dump_level_kind == DUMPIO_LEVEL_DISKDUMP && b < 4; b++)
        if (i->dump_level & diskdump[b].theirs)
            level |= diskdump[b].ours;
    return level;
}

unsigned dio_filter_level(const struct dumpio_filter *f, unsigned before)
{
    static const struct { unsigned set, level; } bits[] = {
        {DUMPIO_EXCLUDE_ZERO, 1},
        {DUMPIO_BIT(DUMPIO_CLASS_CACHE), 2},
        {DUMPIO_BIT(DUMPIO_CLASS_CACHE) | DUMPIO_BIT(DUMPIO_CLASS_PRIVATE), 4},
        {DUMPIO_BIT(DUMPIO_CLASS_USER), 8},
        {DUMPIO_BIT(DUMPIO_CLASS_FREE), 16},
    };
    unsigned level = before;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if ((f->exclude & bits[i].set) == bits[i].set)
            level |= bits[i].level;
    return level;
}

char *dio_filter_provenance(const struct dumpio_filter *f, const struct dumpio_info *dump)
{
    const char *old = dump->provenance, *add = f && f->provenance ? f->provenance : "";
    size_t n = strlen(old), room = n + strlen(add) + 2;
    bool join = n && *add && old[n - 1] != '\n';
    char *text = malloc(room);
    if (text)
        snprintf(text, room, "%s%s%s", old, join ? "\n" : "", add);
    return text;
}
