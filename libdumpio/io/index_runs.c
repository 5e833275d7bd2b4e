/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of a spilled index and their k-way merge. No on-disk format: the file is the host's own and
 * has no name. All runs are merged in one pass, so memory holds while the entries are no more than
 * memory^2 / 37000 (3e10 for 32 MiB).
 */
#include "index_runs.h"
#include "io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_MIN 32u /* entries buffered of each run */

int dio_run_put(int fd, uint64_t at, const struct dio_entry *e, size_t n, struct dumpio_error *err)
{
    const uint8_t *p = (const uint8_t *)e;
    size_t left = n * DIO_ENTRY;
    uint64_t off = at * DIO_ENTRY;
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

int dio_run_get(int fd, uint64_t off, void *buf, size_t left, struct dumpio_error *err)
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
    int rc = dio_run_get(m->from, s->next * DIO_ENTRY, s->buf, s->n * DIO_ENTRY, err);
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
    int rc = dio_run_put(m->to, m->written, m->out, n, err);
    m->written += n;
    memmove(m->out, m->out + n, keep * DIO_ENTRY);
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

static int new_merge(struct merge *m, const struct dio_runs *r, uint64_t memory,
                     struct dumpio_error *err)
{
    size_t n = r->n;
    m->buffer = (size_t)(memory / DIO_ENTRY) / (n + 1);
    if (m->buffer < BUFFER_MIN)
        m->buffer = BUFFER_MIN;
    m->sources = calloc(n, sizeof *m->sources);
    m->heap = calloc(n, sizeof *m->heap);
    m->memory = calloc(n + 1, m->buffer * DIO_ENTRY);
    if (!m->sources || !m->heap || !m->memory)
        return dio_nomem(err, "merging an index");
    for (size_t i = 0; i < n; i++) {
        m->sources[i] = (struct source){.next = r->run[i].start, .left = r->run[i].n,
                                        .buf = m->memory + i * m->buffer};
        m->heap[i] = i;
    }
    m->n_heap = n;
    m->out = m->memory + n * m->buffer;
    return 0;
}

int dio_runs_merge(struct dio_runs *r, enum dio_duplicates policy, uint64_t memory,
                   const struct dumpio_env *env, uint64_t *dropped, struct dumpio_error *err)
{
    struct merge m = {.from = r->fd, .to = -1, .policy = policy};
    int rc = new_merge(&m, r, memory, err);
    if (!rc)
        rc = dio_temp_fd(&m.to, NULL, env, err);
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
    close(r->fd);
    r->fd = m.to;
    r->written = m.written;
    *dropped = m.dropped;
    return 0;
}
