/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorted index in bounded memory (plug/index.h): sorted runs in an unlinked temporary file, one
 * merge at seal (index_runs.c), then a sparse table of keys over the sorted file. No on-disk
 * format: the file is the host's own.
 */
#include "index_runs.h"
#include "io.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MIN 4096u
#define GROW_FIRST 1024u     /* entries of the first allocation */
#define BLOCK 128u           /* entries between two fences */
#define ENTRY DIO_ENTRY

_Static_assert(offsetof(struct dio_entry, key) == 0, "fences are read from the start of entries");

struct dio_index {
    struct dumpio_env env; /* tmpdir is our copy */
    char *tmpdir;
    uint64_t memory;
    bool sealed;

    struct dio_entry *entries; /* being added; all of them when nothing was spilled */
    size_t n, room, limit;
    bool ascending, duplicates; /* of `entries`, as added */

    struct dio_runs runs; /* fd -1 = nothing spilled */

    uint64_t count;
    uint64_t *fences;  /* key of the first entry of every `step`-th block */
    size_t n_fences;
    uint64_t step;     /* blocks */
};

int dio_index_new(struct dio_index **out, uint64_t memory, const struct dumpio_env *env,
                  struct dumpio_error *err)
{
    struct dio_index *x = calloc(1, sizeof *x);
    if (!x)
        return dio_nomem(err, "an index");
    x->runs.fd = -1;
    x->ascending = true;
    uint64_t limit = dio_memory_limit(env);
    x->memory = memory ? memory : limit / 8;
    if (x->memory < MEMORY_MIN)
        x->memory = MEMORY_MIN;
    x->limit = (size_t)(x->memory / 2 / ENTRY); /* the other half is for sorting */
    if (env)
        x->env = *env;
    if (x->env.tmpdir && !(x->env.tmpdir = x->tmpdir = strdup(x->env.tmpdir))) {
        free(x);
        return dio_nomem(err, "an index");
    }
    *out = x;
    return 0;
}

void dio_index_free(struct dio_index *x)
{
    if (!x)
        return;
    if (x->runs.fd >= 0)
        close(x->runs.fd);
    free(x->entries);
    free(x->runs.run);
    free(x->fences);
    free(x->tmpdir);
    free(x);
}

uint64_t dio_index_count(const struct dio_index *x)
{
    return x->count;
}

/* ---- sorting and spilling ------------------------------------------------------------------- */

/* Merge the neighbours [a, b) and [b, c) of `from` into the same place of `to`, the left first. */
static void merge_pair(const struct dio_entry *from, struct dio_entry *to, size_t a, size_t b,
                       size_t c)
{
    size_t l = a, r = b, o = a;
    while (l < b && r < c)
        to[o++] = from[r].key < from[l].key ? from[r++] : from[l++];
    memcpy(to + o, from + l, (b - l) * ENTRY);
    o += b - l;
    memcpy(to + o, from + r, (c - r) * ENTRY);
}

/* Stable. x->entries may be another allocation afterwards. */
static int sort_entries(struct dio_index *x, struct dumpio_error *err)
{
    if (x->ascending)
        return 0;
    struct dio_entry *from = x->entries, *to = malloc(x->n * ENTRY);
    if (!to)
        return dio_nomem(err, "sorting an index");
    for (size_t width = 1; width < x->n; width *= 2) {
        for (size_t a = 0; a < x->n; a += 2 * width) {
            size_t b = x->n - a > width ? a + width : x->n;
            size_t c = x->n - b > width ? b + width : x->n;
            merge_pair(from, to, a, b, c);
        }
        struct dio_entry *t = from;
        from = to;
        to = t;
    }
    free(to);
    x->entries = from;
    x->room = x->n;
    x->ascending = true;
    for (size_t i = 1; i < x->n && !x->duplicates; i++)
        x->duplicates = from[i].key == from[i - 1].key;
    return 0;
}

static struct dio_run *new_run(struct dio_runs *runs, struct dumpio_error *err)
{
    if (runs->n == runs->room) {
        size_t room = runs->room ? runs->room * 2 : 16;
        struct dio_run *r = realloc(runs->run, room * sizeof *r);
        if (!r) {
            dio_nomem(err, "an index");
            return NULL;
        }
        runs->run = r;
        runs->room = room;
    }
    struct dio_run *r = &runs->run[runs->n++];
    *r = (struct dio_run){.start = runs->written};
    return r;
}

/* Append the entries in memory to the file: to its last run where they continue it. */
static int spill(struct dio_index *x, struct dumpio_error *err)
{
    if (!x->n)
        return 0;
    int rc = x->runs.fd < 0 ? dio_temp_fd(&x->runs.fd, NULL, &x->env, err) : 0;
    if (!rc)
        rc = sort_entries(x, err);
    if (!rc)
        rc = dio_run_put(x->runs.fd, x->runs.written, x->entries, x->n, err);
    if (rc)
        return rc;
    struct dio_run *last = x->runs.n ? &x->runs.run[x->runs.n - 1] : NULL;
    if (last && last->last_key <= x->entries[0].key)
        last->duplicates |= last->last_key == x->entries[0].key;
    else
        last = new_run(&x->runs, err);
    if (!last)
        return DUMPIO_E_NOMEM;
    last->n += x->n;
    last->last_key = x->entries[x->n - 1].key;
    last->duplicates |= x->duplicates;
    x->runs.written += x->n;
    x->n = 0;
    x->duplicates = false;
    return 0;
}

static int grow(struct dio_index *x, struct dumpio_error *err)
{
    size_t room = x->room ? x->room * 2 : GROW_FIRST;
    if (room > x->limit)
        room = x->limit;
    struct dio_entry *e = realloc(x->entries, room * ENTRY);
    if (!e)
        return dio_nomem(err, "an index");
    x->entries = e;
    x->room = room;
    return 0;
}

int dio_index_add(struct dio_index *x, const struct dio_entry *e, struct dumpio_error *err)
{
    if (x->sealed)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "addition to a sealed index");
    int rc = x->n == x->limit ? spill(x, err) : 0;
    if (!rc && x->n == x->room)
        rc = grow(x, err);
    if (rc)
        return rc;
    if (x->n && e->key <= x->entries[x->n - 1].key) {
        x->ascending &= e->key == x->entries[x->n - 1].key;
        x->duplicates |= e->key == x->entries[x->n - 1].key;
    }
    x->entries[x->n++] = *e;
    return 0;
}

/* ---- seal ----------------------------------------------------------------------------------- */

/* One fence every `step` blocks, so that the table takes a quarter of the memory at most. */
static int build_fences(struct dio_index *x, struct dumpio_error *err)
{
    uint64_t blocks = (x->count + BLOCK - 1) / BLOCK, most = x->memory / 4 / sizeof *x->fences;
    x->step = (blocks + most - 1) / most;
    x->n_fences = (size_t)((blocks + x->step - 1) / x->step);
    x->fences = malloc(x->n_fences * sizeof *x->fences);
    if (!x->fences)
        return dio_nomem(err, "an index");
    int rc = 0;
    for (size_t i = 0; i < x->n_fences && !rc; i++)
        rc = dio_run_get(x->runs.fd, i * x->step * BLOCK * ENTRY, &x->fences[i],
                         sizeof *x->fences, err);
    return rc;
}

static int seal_spilled(struct dio_index *x, enum dio_duplicates policy, uint64_t *dropped,
                        struct dumpio_error *err)
{
    int rc = spill(x, err);
    free(x->entries);
    x->entries = NULL;
    x->room = 0;
    if (!rc && (x->runs.n > 1 || (x->runs.run[0].duplicates && policy != DIO_KEEP_ALL)))
        rc = dio_runs_merge(&x->runs, policy, x->memory, &x->env, dropped, err);
    free(x->runs.run);
    x->runs.run = NULL;
    x->runs.n = x->runs.room = 0;
    x->count = x->runs.written;
    return rc ? rc : build_fences(x, err);
}

static int seal_in_memory(struct dio_index *x, enum dio_duplicates policy, uint64_t *dropped,
                          struct dumpio_error *err)
{
    int rc = sort_entries(x, err);
    if (rc)
        return rc;
    size_t o = 0;
    struct dio_entry *e = x->entries;
    for (size_t i = 0; i < x->n; i++) {
        bool again = o && e[o - 1].key == e[i].key && policy != DIO_KEEP_ALL;
        *dropped += again;
        if (!again)
            e[o++] = e[i];
        else if (policy == DIO_KEEP_LAST)
            e[o - 1] = e[i];
    }
    x->count = x->n = o;
    if (o && (e = realloc(x->entries, o * ENTRY)))
        x->entries = e;
    return 0;
}

int dio_index_seal(struct dio_index *x, enum dio_duplicates policy, uint64_t *dropped,
                   struct dumpio_error *err)
{
    uint64_t gone = 0;
    if (x->sealed)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "index sealed twice");
    int rc = x->runs.fd >= 0 ? seal_spilled(x, policy, &gone, err)
                        : seal_in_memory(x, policy, &gone, err);
    x->sealed = !rc;
    if (dropped)
        *dropped = gone;
    return rc;
}

/* ---- lookups: nothing of the index changes any more ----------------------------------------- */

/* Is `k` on the left side of the place looked for: below `key`, or (with `equal`) equal to it? */
static bool left_of(uint64_t k, uint64_t key, bool equal)
{
    return k < key || (equal && k == key);
}

/* How many of e[0..n) are left. */
static size_t count_left(const struct dio_entry *e, size_t n, uint64_t key, bool equal)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (left_of(e[mid].key, key, equal))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The last block whose first key is left (0 when none is). */
static int find_block(const struct dio_index *x, uint64_t key, bool equal, uint64_t *block,
                      struct dumpio_error *err)
{
    size_t a = 0, b = x->n_fences;
    while (a < b) {
        size_t mid = a + (b - a) / 2;
        if (left_of(x->fences[mid], key, equal))
            a = mid + 1;
        else
            b = mid;
    }
    uint64_t lo = a ? (a - 1) * x->step : 0; /* left, or 0 */
    uint64_t hi = a * x->step, blocks = (x->count + BLOCK - 1) / BLOCK; /* not left */
    if (hi > blocks)
        hi = blocks;
    while (lo + 1 < hi) {
        uint64_t mid = lo + (hi - lo) / 2, k;
        int rc = dio_run_get(x->runs.fd, mid * BLOCK * ENTRY, &k, sizeof k, err);
        if (rc)
            return rc;
        if (left_of(k, key, equal))
            lo = mid;
        else
            hi = mid;
    }
    *block = lo;
    return 0;
}

/*
 * *at = the number of entries left of the place; in `e`, which has room for BLOCK, the block that
 * holds the entry before it, from place *first; *n entries. Only for a spilled index with entries.
 */
static int find(const struct dio_index *x, uint64_t key, bool equal, struct dio_entry *e,
                uint64_t *first, size_t *n, uint64_t *at, struct dumpio_error *err)
{
    uint64_t block;
    int rc = find_block(x, key, equal, &block, err);
    if (rc)
        return rc;
    *first = block * BLOCK;
    *n = x->count - *first < BLOCK ? (size_t)(x->count - *first) : BLOCK;
    rc = dio_run_get(x->runs.fd, *first * ENTRY, e, *n * ENTRY, err);
    *at = *first + count_left(e, *n, key, equal);
    return rc;
}

static int not_sealed(struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "lookup in an unsealed index");
}

int dio_index_range(struct dio_index *x, uint64_t key, struct dio_entry *entries, size_t max,
                    size_t *n, struct dumpio_error *err)
{
    *n = 0;
    if (!x->sealed)
        return not_sealed(err);
    if (!x->count || !max)
        return 0;
    if (x->runs.fd < 0) {
        size_t at = count_left(x->entries, x->n, key, false);
        *n = x->n - at < max ? x->n - at : max;
        memcpy(entries, x->entries + at, *n * ENTRY);
        return 0;
    }
    struct dio_entry block[BLOCK];
    uint64_t first, at;
    size_t in_block;
    int rc = find(x, key, false, block, &first, &in_block, &at, err);
    if (rc)
        return rc;
    size_t want = x->count - at < max ? (size_t)(x->count - at) : max;
    size_t here = (size_t)(first + in_block - at);
    if (here > want)
        here = want;
    memcpy(entries, block + (at - first), here * ENTRY);
    rc = dio_run_get(x->runs.fd, (at + here) * ENTRY, entries + here, (want - here) * ENTRY, err);
    if (!rc)
        *n = want;
    return rc;
}

int dio_index_floor(struct dio_index *x, uint64_t key, struct dio_entry *e,
                    struct dumpio_error *err)
{
    if (!x->sealed)
        return not_sealed(err);
    if (x->runs.fd < 0) {
        size_t at = count_left(x->entries, x->n, key, true);
        if (!at)
            return DUMPIO_END;
        *e = x->entries[at - 1];
        return 0;
    }
    struct dio_entry block[BLOCK];
    uint64_t first, at;
    size_t n;
    int rc = find(x, key, true, block, &first, &n, &at, err);
    if (rc)
        return rc;
    if (!at)
        return DUMPIO_END;
    *e = block[at - 1 - first];
    return 0;
}
