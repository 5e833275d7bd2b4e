/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorted index in bounded memory (plug/index.h): sorted runs in an unlinked temporary file, one
 * k-way merge at seal, then a sparse table of keys over the sorted file. No on-disk format: the
 * file is the host's own. Memory holds while entries <= memory^2 / 37000 (3e10 for 32 MiB).
 */
#include "../plug/index.h"
#include "io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_DEFAULT ((uint64_t)32 << 20)
#define MEMORY_MIN 4096u
#define GROW_FIRST 1024u     /* entries of the first allocation */
#define BLOCK 128u           /* entries between two fences */
#define RUN_BUFFER_MIN 32u   /* entries buffered of each run in a merge */
#define ENTRY sizeof(struct dio_entry)

struct run {
    uint64_t start, n; /* in entries, in the file */
    uint64_t last_key;
    bool duplicates;   /* equal neighbours within */
};

struct dio_index {
    struct dumpio_env env; /* tmpdir is our copy */
    char *tmpdir;
    uint64_t memory;
    bool sealed;

    struct dio_entry *entries; /* being added; all of them when nothing was spilled */
    size_t n, room, limit;
    bool ascending, duplicates; /* of `entries`, as added */

    int fd;           /* -1 = nothing spilled */
    uint64_t written; /* entries in fd */
    struct run *runs;
    size_t n_runs, runs_room;

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
    x->fd = -1;
    x->ascending = true;
    x->memory = memory ? memory : MEMORY_DEFAULT;
    if (x->memory < MEMORY_MIN)
        x->memory = MEMORY_MIN;
    if (x->memory > SIZE_MAX / 4)
        x->memory = SIZE_MAX / 4;
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
    if (x->fd >= 0)
        close(x->fd);
    free(x->entries);
    free(x->runs);
    free(x->fences);
    free(x->tmpdir);
    free(x);
}

uint64_t dio_index_count(const struct dio_index *x)
{
    return x->count;
}

/* ---- the temporary file --------------------------------------------------------------------- */

static int put(int fd, uint64_t at, const struct dio_entry *e, size_t n, struct dumpio_error *err)
{
    const uint8_t *p = (const uint8_t *)e;
    size_t left = n * ENTRY;
    uint64_t off = at * ENTRY;
    while (left) {
        ssize_t done = pwrite(fd, p, left, (off_t)off);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return dio_fail_errno(err, errno, off,
                                  "spilling an index (TMPDIR names another place)");
        p += done;
        off += (uint64_t)done;
        left -= (size_t)done;
    }
    return 0;
}

static int get(int fd, uint64_t off, void *buf, size_t left, struct dumpio_error *err)
{
    uint8_t *p = buf;
    while (left) {
        ssize_t done = pread(fd, p, left, (off_t)off);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return dio_fail_errno(err, errno, off, "reading a spilled index");
        if (!done)
            return dio_fail(err, DUMPIO_E_IO, off, "a spilled index has lost its end");
        p += done;
        off += (uint64_t)done;
        left -= (size_t)done;
    }
    return 0;
}

static int get_entries(int fd, uint64_t at, struct dio_entry *e, size_t n,
                       struct dumpio_error *err)
{
    return get(fd, at * ENTRY, e, n * ENTRY, err);
}

/* ---- sorting and spilling ------------------------------------------------------------------- */

/* Merge the neighbours [a, b) and [b, c) of `from` into the same place of `to`; ties: left first. */
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

static struct run *new_run(struct dio_index *x, struct dumpio_error *err)
{
    if (x->n_runs == x->runs_room) {
        size_t room = x->runs_room ? x->runs_room * 2 : 16;
        struct run *r = realloc(x->runs, room * sizeof *r);
        if (!r) {
            dio_nomem(err, "an index");
            return NULL;
        }
        x->runs = r;
        x->runs_room = room;
    }
    struct run *r = &x->runs[x->n_runs++];
    *r = (struct run){.start = x->written};
    return r;
}

/* Append the entries in memory to the file: to its last run where they continue it. */
static int spill(struct dio_index *x, struct dumpio_error *err)
{
    if (!x->n)
        return 0;
    int rc = x->fd < 0 ? dio_temp_fd(&x->fd, &x->env, err) : 0;
    if (!rc)
        rc = sort_entries(x, err);
    if (!rc)
        rc = put(x->fd, x->written, x->entries, x->n, err);
    if (rc)
        return rc;
    struct run *last = x->n_runs ? &x->runs[x->n_runs - 1] : NULL;
    if (last && last->last_key <= x->entries[0].key)
        last->duplicates |= last->last_key == x->entries[0].key;
    else
        last = new_run(x, err);
    if (!last)
        return DUMPIO_E_NOMEM;
    last->n += x->n;
    last->last_key = x->entries[x->n - 1].key;
    last->duplicates |= x->duplicates;
    x->written += x->n;
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

/* ---- the merge ------------------------------------------------------------------------------ */

struct source {
    uint64_t next, left; /* of the run, in the file, behind the buffer */
    struct dio_entry *buf;
    size_t at, n;
};

struct merge {
    int from, to;
    struct source *sources;
    size_t *heap, n_heap; /* numbers of sources, the least entry first */
    size_t buffer;        /* entries of each buffer */
    struct dio_entry *memory, *out;
    size_t n_out;
    uint64_t written, dropped;
    enum dio_duplicates policy;
};

static int refill(struct merge *m, struct source *s, struct dumpio_error *err)
{
    s->at = 0;
    s->n = s->left < m->buffer ? (size_t)s->left : m->buffer;
    int rc = get_entries(m->from, s->next, s->buf, s->n, err);
    s->next += s->n;
    s->left -= s->n;
    return rc;
}

/* Equal keys come in the order of their runs, which is that of adding. */
static bool before(const struct merge *m, size_t a, size_t b)
{
    const struct source *s = m->sources;
    uint64_t ka = s[a].buf[s[a].at].key, kb = s[b].buf[s[b].at].key;
    return ka < kb || (ka == kb && a < b);
}

static void sift_down(struct merge *m, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < m->n_heap; i = child) {
        if (child + 1 < m->n_heap && before(m, m->heap[child + 1], m->heap[child]))
            child++;
        if (before(m, m->heap[i], m->heap[child]))
            return;
        size_t t = m->heap[i];
        m->heap[i] = m->heap[child];
        m->heap[child] = t;
    }
}

static int flush(struct merge *m, size_t keep, struct dumpio_error *err)
{
    size_t n = m->n_out - keep;
    int rc = put(m->to, m->written, m->out, n, err);
    m->written += n;
    memmove(m->out, m->out + n, keep * ENTRY);
    m->n_out = keep;
    return rc;
}

/* The last entry stays in the buffer: the next may be its duplicate. */
static int emit(struct merge *m, const struct dio_entry *e, struct dumpio_error *err)
{
    struct dio_entry *last = m->n_out ? &m->out[m->n_out - 1] : NULL;
    if (last && last->key == e->key && m->policy != DIO_KEEP_ALL) {
        m->dropped++;
        if (m->policy == DIO_KEEP_LAST)
            *last = *e;
        return 0;
    }
    int rc = m->n_out == m->buffer ? flush(m, 1, err) : 0;
    m->out[m->n_out++] = *e;
    return rc;
}

static int merge_all(struct merge *m, struct dumpio_error *err)
{
    int rc = 0;
    for (size_t i = m->n_heap; i-- > 0 && !rc;)
        rc = refill(m, &m->sources[i], err);
    for (size_t i = m->n_heap / 2; i-- > 0 && !rc;)
        sift_down(m, i);
    while (!rc && m->n_heap) {
        struct source *s = &m->sources[m->heap[0]];
        rc = emit(m, &s->buf[s->at++], err);
        if (s->at == s->n && s->left && !rc)
            rc = refill(m, s, err);
        else if (s->at == s->n)
            m->heap[0] = m->heap[--m->n_heap];
        sift_down(m, 0);
    }
    return rc ? rc : flush(m, 0, err);
}

static int new_merge(struct merge *m, const struct dio_index *x, struct dumpio_error *err)
{
    size_t n = x->n_runs;
    m->buffer = (size_t)(x->memory / ENTRY) / (n + 1);
    if (m->buffer < RUN_BUFFER_MIN)
        m->buffer = RUN_BUFFER_MIN;
    m->sources = calloc(n, sizeof *m->sources);
    m->heap = calloc(n, sizeof *m->heap);
    m->memory = n < SIZE_MAX / ENTRY / m->buffer - 1 ? malloc((n + 1) * m->buffer * ENTRY) : NULL;
    if (!m->sources || !m->heap || !m->memory)
        return dio_nomem(err, "merging an index");
    for (size_t i = 0; i < n; i++) {
        m->sources[i] = (struct source){.next = x->runs[i].start, .left = x->runs[i].n,
                                        .buf = m->memory + i * m->buffer};
        m->heap[i] = i;
    }
    m->n_heap = n;
    m->out = m->memory + n * m->buffer;
    return dio_temp_fd(&m->to, &x->env, err);
}

/* Replace the file by one with a single sorted run. */
static int merge_runs(struct dio_index *x, enum dio_duplicates policy, uint64_t *dropped,
                      struct dumpio_error *err)
{
    struct merge m = {.from = x->fd, .to = -1, .policy = policy};
    int rc = new_merge(&m, x, err);
    if (!rc)
        rc = merge_all(&m, err);
    free(m.sources);
    free(m.heap);
    free(m.memory);
    if (rc) {
        if (m.to >= 0)
            close(m.to);
        return rc;
    }
    close(x->fd);
    x->fd = m.to;
    x->written = m.written;
    *dropped = m.dropped;
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
        rc = get(x->fd, i * x->step * BLOCK * ENTRY, &x->fences[i], sizeof *x->fences, err);
    return rc;
}

static int seal_spilled(struct dio_index *x, enum dio_duplicates policy, uint64_t *dropped,
                        struct dumpio_error *err)
{
    int rc = spill(x, err);
    free(x->entries);
    x->entries = NULL;
    x->room = 0;
    if (!rc && (x->n_runs > 1 || (x->runs[0].duplicates && policy != DIO_KEEP_ALL)))
        rc = merge_runs(x, policy, dropped, err);
    free(x->runs);
    x->runs = NULL;
    x->n_runs = x->runs_room = 0;
    x->count = x->written;
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
    int rc = x->fd >= 0 ? seal_spilled(x, policy, &gone, err)
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
        int rc = get(x->fd, mid * BLOCK * ENTRY, &k, sizeof k, err);
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
    rc = get_entries(x->fd, *first, e, *n, err);
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
    if (x->fd < 0) {
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
    rc = get_entries(x->fd, at + here, entries + here, want - here, err);
    if (!rc)
        *n = want;
    return rc;
}

int dio_index_floor(struct dio_index *x, uint64_t key, struct dio_entry *e,
                    struct dumpio_error *err)
{
    if (!x->sealed)
        return not_sealed(err);
    if (x->fd < 0) {
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
