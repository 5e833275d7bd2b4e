/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlapping segments of a flattened stream become disjoint extents: one walk in ascending order,
 * the later segment wins. Format: makedumpfile's IMPLEMENTATION.
 * Not for more than LAYERS_MAX segments over one another; hidden ones do not count.
 */
#include "flat_overlap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WALK_ROOM (1u << 20)  /* segments that may begin at the same place */
#define LAYERS_MAX (1u << 16) /* segments over one another that all show somewhere */

/*
 * Extents that reach beyond the place `at`, newest last. What is hidden for good is left out, so
 * that ends descend from first to last.
 */
struct layers {
    struct extent *e;
    size_t n, room;
    uint64_t at;
    struct extent made; /* not yet in the index; len 0: none */
    struct dio_index *to;
};

static uint64_t end_of(const struct extent *e)
{
    return e->start + e->len;
}

static int make(struct layers *l, uint64_t end, struct dumpio_error *err)
{
    const struct extent *top = &l->e[l->n - 1];
    struct extent part = {l->at, end - l->at, top->pos + (l->at - top->start)};
    l->at = end;
    if (l->made.len && end_of(&l->made) == part.start &&
        l->made.pos + l->made.len == part.pos) {
        l->made.len += part.len;
        return 0;
    }
    int rc = l->made.len ? add_extent(l->to, &l->made, err) : 0;
    l->made = part;
    return rc;
}

/* Everything before `to` is settled. */
static int settle(struct layers *l, uint64_t to, struct dumpio_error *err)
{
    int rc = 0;
    while (!rc && l->n) {
        uint64_t end = end_of(&l->e[l->n - 1]);
        if (end <= l->at) {
            l->n--;
            continue;
        }
        if (l->at >= to)
            break;
        rc = make(l, end < to ? end : to, err);
    }
    if (l->at < to)
        l->at = to;
    return rc;
}

static int lay(struct layers *l, const struct extent *e, struct dumpio_error *err)
{
    int rc = settle(l, e->start, err);
    if (rc)
        return rc;
    size_t newer = l->n; /* the first layer that is newer */
    while (newer && l->e[newer - 1].pos > e->pos)
        newer--;
    if (newer < l->n && end_of(&l->e[newer]) >= end_of(e))
        return 0;
    size_t at = newer;
    while (at && end_of(&l->e[at - 1]) <= end_of(e))
        at--;
    if (l->n - (newer - at) == LAYERS_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, e->pos,
                        "more than %u flattened segments lie over one another at 0x%llx",
                        LAYERS_MAX, (unsigned long long)e->start);
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct extent *more = realloc(l->e, room * sizeof *more);
        if (!more)
            return dio_nomem(err, "overlapping segments");
        l->e = more;
        l->room = room;
    }
    memmove(l->e + at + 1, l->e + newer, (l->n - newer) * sizeof *l->e);
    l->e[at] = *e;
    l->n += 1 + at - newer;
    return 0;
}

/* The segments in the order of their start, a batch at a time. */
struct walk {
    struct dio_index *x;
    struct dio_entry *e;
    size_t n, room; /* n: of the batch */
    bool last;
};

/* The next batch holds all segments with the least start >= `start`. */
static int walk_next(struct walk *w, uint64_t start, struct dumpio_error *err)
{
    for (;;) {
        int rc = w->room ? dio_index_range(w->x, start, w->e, w->room, &w->n, err) : 0;
        if (rc)
            return rc;
        w->last = w->room && w->n < w->room;
        if (w->last)
            return 0;
        while (w->n && w->e[w->n - 1].key == w->e[w->room - 1].key)
            w->n--; /* there may be more with this start behind the batch */
        if (w->n)
            return 0;
        if (w->room >= WALK_ROOM)
            return dio_fail(err, DUMPIO_E_LIMIT, w->e[0].value,
                            "more than %u flattened segments begin at 0x%llx", WALK_ROOM,
                            (unsigned long long)w->e[0].key);
        size_t room = w->room ? 4 * w->room : 1024;
        struct dio_entry *e = realloc(w->e, room * sizeof *e);
        if (!e)
            return dio_nomem(err, "overlapping segments");
        w->e = e;
        w->room = room;
    }
}

static int lay_all(struct layers *l, struct walk *w, struct dumpio_error *err)
{
    int rc = 0;
    for (uint64_t start = 0; !rc && !w->last; start = w->n ? w->e[w->n - 1].key + 1 : start) {
        rc = walk_next(w, start, err);
        for (size_t i = 0; !rc && i < w->n; i++) {
            struct extent e = {w->e[i].key, w->e[i].extra, w->e[i].value};
            rc = lay(l, &e, err);
        }
    }
    if (!rc)
        rc = settle(l, UINT64_MAX, err);
    if (!rc && l->made.len)
        rc = add_extent(l->to, &l->made, err);
    return rc;
}

int dio_flat_resolve(struct dio_index *starts, struct dio_index *to, struct dumpio_error *err)
{
    struct layers l = {.to = to};
    struct walk w = {.x = starts};
    int rc = lay_all(&l, &w, err);
    free(l.e);
    free(w.e);
    return rc;
}
