/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fuzz.h declares: sparse files in memory as sources and sinks, and the expansion of inputs.
 * No on-disk format.
 */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "fuzz.h"
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 16384u
#define PIPE_PLAIN 65536u /* bytes that any pipe holds */

_Noreturn void fuzz_broken(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
    abort();
}

void fuzz_check_error(int rc, const struct dumpio_error *err)
{
    if (rc == 0 || rc == DUMPIO_END)
        return;
    size_t len = strnlen(err->message, sizeof err->message);
    bool line = len && len < sizeof err->message && !memchr(err->message, '\n', len);
    bool expected = rc != DUMPIO_E_INTERNAL && rc != DUMPIO_E_NOMEM;
    if (rc > 0 || rc != err->status || !line || !expected)
        fprintf(stderr, "status %d, error %d: %.479s\n", rc, err->status, err->message);
    FUZZ_REQUIRE(rc < 0 && rc == err->status);
    FUZZ_REQUIRE(line);
    FUZZ_REQUIRE(expected);
}

static void check_note(void *user, enum dumpio_level level, const char *text)
{
    (void)user;
    (void)level;
    FUZZ_REQUIRE(*text && !strchr(text, '\n'));
}

const struct dumpio_env fuzz_env = {.note = check_note, .threads = 1};

/* Freed memory is soon taken anew: most of an input's time would go to the kernel otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:clear_shadow_mmap_threshold=67108864:"
           "allocator_release_to_os_interval_ms=-1";
}

static void *allocate(size_t n)
{
    void *p = calloc(1, n);
    if (!p)
        abort();
    return p;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

#define ESCAPE 5u /* bytes */

/* What stands for itself at p: up to the next mark. */
static size_t literals(const uint8_t *p, size_t left)
{
    size_t n = 0;
    while (left - n >= ESCAPE) {
        const uint8_t *mark = memchr(p + n, 0xfe, left - n);
        if (!mark)
            break;
        n = (size_t)(mark - p);
        if (left - n >= ESCAPE && mark[1] == 0xed)
            return n;
        n++;
    }
    return left;
}

/* Expand into `to`; only count when it is NULL. */
static size_t expand(struct fuzz_input *in, const uint8_t *data, size_t size, uint8_t *to)
{
    size_t n = 0, room = FUZZ_EXPANDED_MAX;
    in->parts = 1;
    for (size_t i = 0; i < size;) {
        const uint8_t *p = data + i;
        size_t same = literals(p, size - i), run = 0;
        if (!same) {
            run = (size_t)p[3] | (size_t)p[4] << 8;
            if (!run && p[2] && in->parts < FUZZ_PARTS)
                in->start[in->parts++] = n;
            if (!run && !p[2])
                same = 2; /* fe ed themselves */
            i += ESCAPE;
        } else {
            i += same;
        }
        if (same + run > room - n)
            break;
        if (to && run)
            memset(to + n, p[2], run);
        else if (to)
            memcpy(to + n, p, same);
        n += same + run;
    }
    return n;
}

struct fuzz_input fuzz_expand(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {.parts = 1};
    in.size = expand(&in, data, size, NULL);
    in.bytes = malloc(in.size ? in.size : 1); /* exact, so that a sanitizer sees what is beyond */
    if (!in.bytes)
        abort();
    expand(&in, data, size, in.bytes);
    return in;
}

void fuzz_input_free(struct fuzz_input *in)
{
    free(in->bytes);
    in->bytes = NULL;
}

/* ---- files ------------------------------------------------------------------------------------- */

struct fuzz_chunk {
    uint64_t index; /* offset / CHUNK */
    uint8_t *bytes;
};

struct fuzz_file fuzz_files[FUZZ_PARTS + 1];

/* Place of the first chunk with at least this index. */
static size_t lower(const struct fuzz_file *f, uint64_t index)
{
    size_t lo = 0, hi = f->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (f->chunks[mid].index < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* NULL when the file is full. */
static uint8_t *chunk_for(struct fuzz_file *f, uint64_t index)
{
    size_t i = lower(f, index);
    if (i < f->n && f->chunks[i].index == index)
        return f->chunks[i].bytes;
    if ((f->n + 1) * CHUNK > FUZZ_STORED_MAX)
        return NULL;
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->chunks = realloc(f->chunks, f->cap * sizeof *f->chunks);
        if (!f->chunks)
            abort();
    }
    memmove(f->chunks + i + 1, f->chunks + i, (f->n++ - i) * sizeof *f->chunks);
    f->chunks[i] = (struct fuzz_chunk){index, allocate(CHUNK)};
    return f->chunks[i].bytes;
}

int fuzz_file_write(struct fuzz_file *f, uint64_t off, const void *buf, size_t len,
                    struct dumpio_error *err)
{
    const uint8_t *p = buf;
    while (len) {
        size_t at = (size_t)(off % CHUNK), n = CHUNK - at < len ? CHUNK - at : len;
        uint8_t *chunk = chunk_for(f, off / CHUNK);
        if (!chunk)
            return dio_fail(err, DUMPIO_E_LIMIT, off, "the file in memory is full");
        memcpy(chunk + at, p, n);
        p += n;
        off += n;
        len -= n;
    }
    return 0;
}

void fuzz_file_read(const struct fuzz_file *f, uint64_t off, void *buf, size_t len)
{
    uint8_t *p = buf;
    while (len) {
        size_t at = (size_t)(off % CHUNK), n = CHUNK - at < len ? CHUNK - at : len;
        size_t i = lower(f, off / CHUNK);
        if (i < f->n && f->chunks[i].index == off / CHUNK)
            memcpy(p, f->chunks[i].bytes + at, n);
        else
            memset(p, 0, n);
        p += n;
        off += n;
        len -= n;
    }
}

void fuzz_file_clear(struct fuzz_file *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->chunks[i].bytes);
    free(f->chunks);
    *f = (struct fuzz_file){0};
}

void fuzz_file_set(struct fuzz_file *f, const uint8_t *data, size_t size)
{
    fuzz_file_clear(f);
    f->size = size;
    for (size_t at = 0; at < size; at += CHUNK) {
        size_t n = size - at < CHUNK ? size - at : CHUNK;
        bool zero = !data[at] && !memcmp(data + at, data + at + 1, n - 1);
        if (!zero && fuzz_file_write(f, at, data + at, n, NULL))
            abort();
    }
}

void fuzz_files_clear(void)
{
    for (size_t i = 0; i <= FUZZ_PARTS; i++)
        fuzz_file_clear(&fuzz_files[i]);
}

/* ---- as sources --------------------------------------------------------------------------------- */

struct source {
    struct dio_bytes b;
    struct fuzz_file *f;
};

static int source_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                          struct dumpio_error *err)
{
    const struct fuzz_file *f = ((struct source *)b)->f;
    (void)err;
    *got = off >= f->size ? 0 : len < f->size - off ? len : (size_t)(f->size - off);
    fuzz_file_read(f, off, buf, *got);
    return 0;
}

static int source_next_data(struct dio_bytes *b, uint64_t off, uint64_t *start, uint64_t *end,
                            struct dumpio_error *err)
{
    const struct fuzz_file *f = ((struct source *)b)->f;
    (void)err;
    size_t i = lower(f, off / CHUNK);
    *start = *end = f->size;
    if (i == f->n || f->chunks[i].index * CHUNK >= f->size)
        return 0;
    *start = f->chunks[i].index * CHUNK;
    *end = f->size - *start < CHUNK ? f->size : *start + CHUNK;
    if (*start < off)
        *start = off;
    return 0;
}

static void source_close(struct dio_bytes *b)
{
    free(b);
}

static const struct dio_bytes_ops source_ops = {source_read_at, source_next_data, source_close, NULL};

struct dio_bytes *fuzz_source(struct fuzz_file *f)
{
    struct source *s = allocate(sizeof *s);
    *s = (struct source){{&source_ops, f->size, "input", 0, 0}, f};
    return &s->b;
}

/* ---- as sinks ------------------------------------------------------------------------------------- */

struct sink {
    struct dio_out o;
    struct fuzz_file *f;
};

static int sink_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                         struct dumpio_error *err)
{
    struct fuzz_file *f = ((struct sink *)o)->f;
    FUZZ_REQUIRE(f->access != DIO_FORWARD || off >= f->size);
    FUZZ_REQUIRE(len && off <= UINT64_MAX - len);
    if (f->access == DIO_FORWARD)
        f->size = off + len;
    return fuzz_file_write(f, off, buf, len, err);
}

static int sink_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct fuzz_file *f = ((struct sink *)o)->f;
    (void)err;
    FUZZ_REQUIRE(f->access != DIO_FORWARD || size >= f->size);
    f->size = size;
    f->finished = true;
    free(o);
    return 0;
}

static void sink_discard(struct dio_out *o)
{
    free(o);
}

static const struct dio_out_ops sink_ops = {sink_write_at, sink_finish, sink_discard};

struct dio_out *fuzz_sink(struct fuzz_file *f)
{
    struct sink *s = allocate(sizeof *s);
    *s = (struct sink){{&sink_ops, f->access, "output"}, f};
    return &s->o;
}

/* ---- in place of the library's files ---------------------------------------------------------------- */

int __wrap_dio_file_open(struct dio_file_in *in, const char *path, struct dumpio_error *err);
int __wrap_dio_file_create(struct dio_out **out, const char *path,
                           const struct dio_file_out_options *o, struct dumpio_error *err);

/* One of fuzz_files? */
static bool is_file(const char *path)
{
    return path[0] >= '0' && path[0] <= *FUZZ_OUTPUT && !path[1];
}

static int open_pipe(struct dio_file_in *in, struct dumpio_error *err)
{
    int fd[2];
    size_t size = (size_t)fuzz_files[0].size;
    uint8_t *all = allocate(size + 1);
    FUZZ_REQUIRE(size <= FUZZ_EXPANDED_MAX);
    fuzz_file_read(&fuzz_files[0], 0, all, size);
    if (pipe(fd))
        abort();
    bool fits = size <= PIPE_PLAIN || fcntl(fd[1], F_SETPIPE_SZ, FUZZ_EXPANDED_MAX) >= 0;
    if (fits && write(fd[1], all, size) != (ssize_t)size)
        abort();
    free(all);
    close(fd[1]);
    *in = (struct dio_file_in){NULL, fd[0]};
    if (fits)
        return 0;
    close(fd[0]);
    return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "longer than a pipe may be here");
}

int __wrap_dio_file_open(struct dio_file_in *in, const char *path, struct dumpio_error *err)
{
    if (!strcmp(path, FUZZ_PIPE))
        return open_pipe(in, err);
    if (!is_file(path))
        return dio_fail_errno(err, ENOENT, DUMPIO_NO_OFFSET, "no such file in memory");
    *in = (struct dio_file_in){fuzz_source(&fuzz_files[path[0] - '0']), -1};
    return 0;
}

int __wrap_dio_file_create(struct dio_out **out, const char *path,
                           const struct dio_file_out_options *o, struct dumpio_error *err)
{
    (void)o;
    if (!is_file(path))
        return dio_fail_errno(err, ENOENT, DUMPIO_NO_OFFSET, "no such file in memory");
    *out = fuzz_sink(&fuzz_files[path[0] - '0']);
    return 0;
}

struct dumpio_dump *fuzz_open_input(const struct fuzz_input *in,
                                    const struct dumpio_open_options *options)
{
    static const char *const names[FUZZ_PARTS] = {"0", "1", "2", "3"};
    struct dumpio_dump *d = NULL;
    struct dumpio_error err = {0};
    for (size_t i = 0; i < in->parts; i++) {
        size_t end = i + 1 < in->parts ? in->start[i + 1] : in->size;
        fuzz_file_set(&fuzz_files[i], in->bytes + in->start[i], end - in->start[i]);
    }
    int rc = dumpio_open(&d, names, in->parts, options, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    return rc ? NULL : d;
}

struct fuzz_extent fuzz_walk(struct dumpio_dump *d)
{
    struct fuzz_extent x = {0};
    struct dumpio_error err = {0};
    struct dumpio_run run;
    uint64_t at = 0;
    int rc = 0;
    while (x.runs < FUZZ_RUNS_MAX && !(rc = dumpio_next_run(d, at, &run, &err))) {
        FUZZ_REQUIRE(run.start >= at && run.end > run.start);
        FUZZ_REQUIRE(run.kind == DUMPIO_PRESENT || run.kind == DUMPIO_EXCLUDED ||
                     run.kind == DUMPIO_LOST);
        if (run.kind != DUMPIO_EXCLUDED)
            x.held += run.end - run.start;
        at = run.end;
        x.runs++;
    }
    fuzz_check_error(rc, &err);
    x.whole = rc == DUMPIO_END;
    return x;
}
