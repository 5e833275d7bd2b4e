/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage of flattened files: what belongs into the gaps between the segments that are sure. A
 * suspect that goes on where another one ends, or another at its end, is believed; data without a
 * header goes to the one gap that is as long. Format: makedumpfile's IMPLEMENTATION. Not handled:
 * two lost headers in one stretch, and gaps of the same length; their data is lost.
 */
#include "flat_salvage.h"
#include "flat_segments.h"

#include <stdlib.h>
#include <string.h>

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

/*
 * Does it fill a gap from one of its ends, or with company from anywhere? The gap is what is left of
 * it then, or two are.
 */
static bool fills(struct gaps *g, const struct dio_flat_suspect *s, bool company)
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
    if (before > p->len || s->len > p->len - before)
        return false;
    uint64_t after = p->len - before - s->len;
    if (!before || !after) {
        p->start = before ? p->start : end;
        p->len -= s->len;
        return true;
    }
    if (!company || g->n == GAPS_MAX)
        return false;
    memmove(p + 2, p + 1, (g->n - first - 1) * sizeof *p);
    p->len = before;
    p[1] = (struct gap){end, after};
    g->n++;
    return true;
}

/* Does the next one of the stream go on where suspect i ends, or i where the one before does? */
static bool has_company(const struct dio_flat_rescue *r, size_t i)
{
    const struct dio_flat_suspect *s = &r->suspects[i];
    return (i && s[-1].behind == s->behind && s[-1].offset + s[-1].len == s->offset) ||
           (i + 1 < r->n_suspects && s[1].behind == s->behind && s->offset + s->len == s[1].offset);
}

static void judge_suspects(struct dio_flat_rescue *r, struct gaps *g)
{
    bool more = true;
    for (unsigned pass = 0; pass < PASSES && more; pass++) {
        more = false;
        for (size_t i = 0; i < r->n_suspects; i++) {
            struct dio_flat_suspect *s = &r->suspects[i];
            if (s->believed || !fills(g, s, has_company(r, i)))
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

/* The extents of `have`, and what belongs into its gaps; *to is NULL when nothing does. */
static int place_lost(struct dio_index *have, struct dio_index **to, struct dio_flat_rescue *r,
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

int dio_flat_index_around(struct dio_index **out, struct dio_bytes *below,
                          struct dio_flat_rescue *r, const struct dumpio_env *env,
                          struct dumpio_error *err)
{
    struct dio_index *starts = NULL, *have = NULL, *more = NULL;
    int rc = dio_index_new(&starts, 0, env, err);
    if (!rc)
        rc = dio_flat_scan_around(below, starts, r, err);
    if (!rc)
        rc = dio_index_seal(starts, DIO_KEEP_ALL, NULL, err);
    if (!rc)
        rc = dio_index_new(&have, 0, env, err);
    if (!rc)
        rc = dio_flat_resolve(starts, have, err);
    if (!rc)
        rc = dio_index_seal(have, DIO_KEEP_ALL, NULL, err);
    if (!rc)
        rc = place_lost(have, &more, r, env, err);
    if (!rc)
        dio_flat_tell(r, below);
    if (more) {
        dio_index_free(have);
        have = more;
    }
    dio_index_free(starts);
    *out = have;
    return rc;
}
