/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of flattened files: what belongs into the gaps between the segments that are sure. A
 * suspect that goes on where another segment ends, or leads to one, is believed; data without a
 * header goes to the one gap that is as long. Format: makedumpfile's IMPLEMENTATION. Not handled:
 * two lost headers in one stretch, and gaps of the same length; their data is lost.
 */
#include "flat_salvage.h"
#include "flat_segments.h"

#include <stdlib.h>

#define DAMAGE_MAX 1024u /* stretches whose length is held against every gap */
#define GAPS_MAX 65536u
#define PASSES 8u /* a suspect may go on where only another one ends */

struct gap {
    uint64_t start, len;
};

struct gaps {
    struct gap *v; /* ascending; what follows all segments has no end */
    size_t n;
};

static int find_gaps(struct dio_index *have, struct gaps *g, struct dumpio_error *err)
{
    uint64_t end = 0;
    for (;;) {
        struct dio_entry e;
        size_t got;
        int rc = dio_index_range(have, end, &e, 1, &got, err);
        if (rc)
            return rc;
        uint64_t start = got ? e.key - (e.extra - 1) : UINT64_MAX;
        if (start > end)
            g->v[g->n++] = (struct gap){end, start - end};
        if (!got || g->n == GAPS_MAX)
            return 0;
        end = e.key + 1;
    }
}

/* ---- suspects -------------------------------------------------------------------------------- */

/* Does it fill a gap from one of its ends? The gap is what is left of it then. */
static bool fills(struct gaps *g, const struct dio_flat_suspect *s)
{
    uint64_t end = s->offset + s->len;
    size_t first = 0, behind = g->n; /* the last gap that begins at or before it */
    while (behind - first > 1) {
        size_t middle = first + (behind - first) / 2;
        if (g->v[middle].start <= s->offset)
            first = middle;
        else
            behind = middle;
    }
    if (first == behind || s->offset < g->v[first].start)
        return false;
    struct gap *p = &g->v[first];
    uint64_t before = s->offset - p->start;
    if (before > p->len || s->len > p->len - before || (before && before + s->len != p->len))
        return false;
    p->start = before ? p->start : end;
    p->len -= s->len;
    return true;
}

static void judge_suspects(struct dio_flat_rescue *r, struct gaps *g)
{
    bool more = true;
    for (unsigned pass = 0; pass < PASSES && more; pass++) {
        more = false;
        for (size_t i = 0; i < r->n_suspects; i++) {
            struct dio_flat_suspect *s = &r->suspects[i];
            if (s->believed || !fills(g, s))
                continue;
            s->believed = more = true;
            r->size = s->offset + s->len > r->size ? s->offset + s->len : r->size;
        }
    }
}

/* What is no segment belongs to the damage before it. */
static int drop_suspects(struct dio_flat_rescue *r, struct dumpio_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < r->n_suspects && !rc; i++) {
        const struct dio_flat_suspect *s = &r->suspects[i];
        uint64_t start = s->pos - DIO_FLAT_SEGMENT;
        if (s->believed)
            continue;
        if (r->damage[s->behind].end == start)
            r->damage[s->behind].end = s->pos + s->len;
        else
            rc = dio_flat_add_damage(r, start, s->pos + s->len, err);
    }
    return rc;
}

/* ---- data without a header ------------------------------------------------------------------- */

static uint64_t data_len(const struct dio_flat_damage *d)
{
    return d->end - d->start > DIO_FLAT_SEGMENT ? d->end - d->start - DIO_FLAT_SEGMENT : 0;
}

/* Gaps of that length, and lost segments of it. */
static bool only_one(const struct dio_flat_rescue *r, const struct gaps *g, uint64_t len,
                     const struct gap **found)
{
    size_t gaps = 0, segments = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].len == len) {
            gaps++;
            *found = &g->v[i];
        }
    for (size_t i = 0; i < r->n; i++)
        segments += data_len(&r->damage[i]) == len;
    return gaps == 1 && segments == 1;
}

static void place_damage(struct dio_flat_rescue *r, const struct gaps *g)
{
    const struct gap *place = NULL;
    for (size_t i = 0; i < r->n; i++) {
        struct dio_flat_damage *d = &r->damage[i];
        if (data_len(d) && only_one(r, g, data_len(d), &place)) {
            d->offset = place->start;
            d->placed = true;
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int copy_index(struct dio_index *from, struct dio_index *to, struct dumpio_error *err)
{
    uint64_t key = 0;
    for (;;) {
        struct dio_entry e;
        size_t got;
        int rc = dio_index_range(from, key, &e, 1, &got, err);
        if (!rc && got)
            rc = dio_index_add(to, &e, err);
        if (rc || !got)
            return rc;
        key = e.key + 1;
    }
}

static int build(struct dio_index *have, struct dio_index *to, const struct dio_flat_rescue *r,
                 struct dumpio_error *err)
{
    int rc = copy_index(have, to, err);
    for (size_t i = 0; i < r->n_suspects && !rc; i++) {
        const struct dio_flat_suspect *s = &r->suspects[i];
        struct extent e = {s->offset, s->len, s->pos};
        if (s->believed)
            rc = add_extent(to, &e, err);
    }
    for (size_t i = 0; i < r->n && !rc; i++) {
        const struct dio_flat_damage *d = &r->damage[i];
        struct extent e = {d->offset, data_len(d), d->start + DIO_FLAT_SEGMENT};
        if (d->placed)
            rc = add_extent(to, &e, err);
    }
    return rc ? rc : dio_index_seal(to, DIO_KEEP_ALL, NULL, err);
}

int dio_flat_place_lost(struct dio_index *have, struct dio_index **to, struct dio_flat_rescue *r,
                        const struct dumpio_env *env, struct dumpio_error *err)
{
    struct gaps g = {malloc(GAPS_MAX * sizeof *g.v), 0};
    bool any = false;
    *to = NULL;
    int rc = g.v ? 0 : dio_nomem(err, "flattened segments");
    if (!rc && r->n)
        rc = find_gaps(have, &g, err);
    if (!rc)
        judge_suspects(r, &g);
    if (!rc)
        rc = drop_suspects(r, err);
    if (!rc && r->n <= DAMAGE_MAX)
        place_damage(r, &g);
    for (size_t i = 0; i < r->n_suspects; i++)
        any |= r->suspects[i].believed;
    for (size_t i = 0; i < r->n; i++)
        any |= r->damage[i].placed;
    if (!rc && any)
        rc = dio_index_new(to, 0, env, err);
    if (!rc && any)
        rc = build(have, *to, r, err);
    free(g.v);
    return rc;
}
