/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What if the n-th read, write or allocation fails? The linker puts a source, a sink and an
 * allocator that fail on request between the library and the real ones (ld --wrap).
 * Reference: plug/bytes.h, plug/out.h. Not looked at: crashes of the machine.
 *
 * usage: faults [--from=FORMAT] --out=FOLDER FILE...      the FILEs are one dump
 */
#include "io/io.h"
#include "plug/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Places tried for one target and fault: all, when there are fewer. */
#ifdef __SANITIZE_ADDRESS__
#define TRIES 60u
#else
#define TRIES 160u
#endif
#define HANG_SECONDS 60u

enum fault { NONE, READ_EIO, READ_SHORT, WRITE_ENOSPC, FINISH_EIO, ALLOCATION, FAULTS };
static const char *const fault_names[] = {"none", "read-eio", "read-short", "write-enospc",
                                          "finish-eio", "allocation"};

static struct {
    enum fault fault;
    uint64_t at;                     /* fails at this count, 0 = never */
    uint64_t count[FAULTS];          /* what has been asked for so far */
    int fired;
    int sources, sinks;              /* open ones */
    int finished, discarded;
    enum dio_access access;          /* of sinks */
} now;

static struct {
    const char *paths[16], *out;
    size_t n;
    struct dumpio_open_options options;
    unsigned char digest[DUMPIO_DIGEST_SIZE];
    uint64_t lost;
    uint64_t variants, refused, failures;
    char text[200];
} all;

/* True when this is the one that has to fail. */
static int due(enum fault f)
{
    uint64_t n = __atomic_add_fetch(&now.count[f], 1, __ATOMIC_RELAXED);
    if (now.fault != f || n != now.at)
        return 0;
    now.fired = 1;
    return 1;
}

static void fail(const char *what)
{
    if (all.failures++ < 20)
        printf("FAILED: %s: %s\n", all.text, what);
}

/* ---- memory ------------------------------------------------------------------------------------ */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

void *__wrap_malloc(size_t n)
{
    return due(ALLOCATION) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return due(ALLOCATION) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return due(ALLOCATION) ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return due(ALLOCATION) ? NULL : __real_aligned_alloc(align, n);
}

/* ---- the source ---------------------------------------------------------------------------------- */

struct source {
    struct dio_bytes b;
    struct dio_bytes *real;
};

static int source_read(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    struct dio_bytes *real = ((struct source *)b)->real;
    *got = 0;
    if (due(READ_EIO))
        return dio_fail_errno(err, EIO, off, "%s: read of %zu bytes", b->name, len);
    int rc = real->ops->read_at(real, off, buf, len, got, err);
    if (!rc && due(READ_SHORT)) /* somebody cut the file while it is read */
        *got /= 2;
    return rc;
}

static int source_next_data(struct dio_bytes *b, uint64_t off, uint64_t *start, uint64_t *end,
                            struct dumpio_error *err)
{
    struct dio_bytes *real = ((struct source *)b)->real;
    return real->ops->next_data(real, off, start, end, err);
}

static void source_close(struct dio_bytes *b)
{
    struct source *s = (struct source *)b;
    dio_bytes_close(s->real);
    free(s);
    now.sources--;
}

static const struct dio_bytes_ops with_next = {source_read, source_next_data, source_close, NULL};
static const struct dio_bytes_ops without_next = {source_read, NULL, source_close, NULL};

int __real_dio_file_open(struct dio_file_in *in, const char *path, struct dumpio_error *err);
int __wrap_dio_file_open(struct dio_file_in *in, const char *path, struct dumpio_error *err);

int __wrap_dio_file_open(struct dio_file_in *in, const char *path, struct dumpio_error *err)
{
    int rc = __real_dio_file_open(in, path, err);
    if (rc || !in->bytes)
        return rc;
    struct source *s = __real_calloc(1, sizeof *s);
    if (!s)
        abort();
    s->real = in->bytes;
    s->b = *s->real;
    s->b.ops = s->real->ops->next_data ? &with_next : &without_next;
    in->bytes = &s->b;
    now.sources++;
    return 0;
}

/* ---- the sink -------------------------------------------------------------------------------------- */

static int sink_write(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                      struct dumpio_error *err)
{
    uint8_t sum = 0;
    if (due(WRITE_ENOSPC))
        return dio_fail_errno(err, ENOSPC, off, "%s: write of %zu bytes", o->name, len);
    for (size_t i = 0; i < len; i++) /* look at all of it: a sanitizer sees what is not there */
        sum ^= ((const uint8_t *)buf)[i];
    __asm__ volatile("" : : "r"(sum));
    return 0;
}

static int sink_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    free(o);
    now.sinks--;
    now.finished++;
    return due(FINISH_EIO) ? dio_fail_errno(err, EIO, size, "sync") : 0;
}

static void sink_discard(struct dio_out *o)
{
    free(o);
    now.sinks--;
    now.discarded++;
}

static const struct dio_out_ops sink_ops = {sink_write, sink_finish, sink_discard};

int __wrap_dio_file_create(struct dio_out **out, const char *path,
                           const struct dio_file_out_options *o, struct dumpio_error *err);

int __wrap_dio_file_create(struct dio_out **out, const char *path,
                           const struct dio_file_out_options *o, struct dumpio_error *err)
{
    (void)path;
    (void)o;
    (void)err;
    struct dio_out *s = __real_calloc(1, sizeof *s);
    if (!s)
        abort();
    *s = (struct dio_out){&sink_ops, now.access, "the failing sink"};
    *out = s;
    now.sinks++;
    return 0;
}

/* ---- one run ------------------------------------------------------------------------------------------ */

struct outcome {
    int rc;
    int damaged;
    uint64_t lost;
    unsigned char digest[DUMPIO_DIGEST_SIZE];
    int has_digest;
};

/* Forward, a format that lists its pages first has no way to leave one out later. */
static int too_late(int rc)
{
    return rc == DUMPIO_E_LOST && now.access == DIO_FORWARD;
}

static void check_error(int rc, const struct dumpio_error *err)
{
    if (rc >= 0 || rc != err->status || strlen(err->message) < 8)
        fail("no clear error");
    if (too_late(rc))
        return;
    if (rc == DUMPIO_E_INTERNAL || rc == DUMPIO_E_ARG)
        fail(err->message);
    if (now.fault == ALLOCATION && rc != DUMPIO_E_NOMEM)
        fail(err->message);
    if (now.fault == READ_EIO && (rc != DUMPIO_E_IO || err->sys_errno != EIO))
        fail(err->message);
    if (now.fault == WRITE_ENOSPC && (rc != DUMPIO_E_IO || err->sys_errno != ENOSPC))
        fail(err->message);
}

/* Open, then verify (no target) or convert. */
static void go(const char *target, struct outcome *o)
{
    struct dumpio_env env = {.threads = 1, .tmpdir = all.out};
    struct dumpio_error err = {0};
    struct dumpio_dump *d = NULL;
    struct dumpio_verify_result v;
    struct dumpio_convert_result c;
    struct dumpio_convert_options how = {.format = target, .level = DUMPIO_LEVEL_DEFAULT};
    *o = (struct outcome){0};
    memset(now.count, 0, sizeof now.count);
    now.fired = now.finished = now.discarded = 0;
    alarm(HANG_SECONDS);
    o->rc = dumpio_open(&d, all.paths, all.n, &all.options, &env, &err);
    if (!o->rc && target) {
        o->rc = dumpio_convert(d, "nowhere", &how, &c, &env, &err);
        o->lost = o->rc ? 0 : c.lost_pages;
    } else if (!o->rc) {
        o->rc = dumpio_verify(d, 1, NULL, NULL, &v, &env, &err);
        o->has_digest = !o->rc;
        if (!o->rc) {
            memcpy(o->digest, v.digest, sizeof o->digest);
            o->lost = v.lost_pages;
        }
    }
    if (d)
        o->damaged = dumpio_get_info(d)->truncated || dumpio_get_info(d)->incomplete;
    dumpio_close(d);
    alarm(0);
    if (o->rc)
        check_error(o->rc, &err);
    if (now.sources || now.sinks)
        fail("a source or a sink was not closed, or twice");
    if (target && now.finished + now.discarded > 1)
        fail("finished and discarded");
    if (target && o->rc && now.finished && now.fault != FINISH_EIO)
        fail("an error, and the output was finished");
    now.sources = now.sinks = 0;
    all.variants++;
    all.refused += o->rc != 0;
}

static void judge(const char *target, const struct outcome *o)
{
    int same = o->lost == all.lost && (!o->has_digest || !memcmp(o->digest, all.digest, 32));
    if (o->rc || !now.fired)
        return;
    if ((now.fault == WRITE_ENOSPC || now.fault == FINISH_EIO) && target)
        fail("the failure was not told");
    else if (now.fault == ALLOCATION && !same)
        fail("for want of memory the result is another one");
    else if (!same && !o->damaged && o->lost <= all.lost)
        fail("memory is missing and nothing tells so");
}

static void try_faults(const char *target)
{
    struct outcome o;
    uint64_t total[FAULTS];
    now.fault = NONE;
    snprintf(all.text, sizeof all.text, "%s, %s", all.paths[0], target ? target : "verify");
    go(target, &o);
    if (too_late(o.rc))
        return;
    if (o.rc)
        fail("fails even so");
    if (!target) {
        memcpy(all.digest, o.digest, sizeof all.digest);
        all.lost = o.lost;
    }
    memcpy(total, now.count, sizeof total);
    for (now.fault = READ_EIO; now.fault < FAULTS; now.fault++) {
        uint64_t step = 1 + total[now.fault] / TRIES;
        for (now.at = 1; now.at <= total[now.fault]; now.at += step) {
            snprintf(all.text, sizeof all.text, "%s, %s, %s %" PRIu64 " of %" PRIu64,
                     all.paths[0], target ? target : "verify", fault_names[now.fault], now.at,
                     total[now.fault]);
            go(target, &o);
            judge(target, &o);
            if (!now.fired)
                fail("not the same course as before");
        }
    }
    now.fault = NONE;
}

int main(int argc, char **argv)
{
    struct dumpio_format_info f;
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "--out=", 6))
            all.out = argv[i] + 6;
        else if (!strncmp(argv[i], "--from=", 7))
            all.options.from = argv[i] + 7;
        else if (all.n < 16)
            all.paths[all.n++] = argv[i];
    if (!all.n || !all.out) {
        fputs("usage: faults [--from=FORMAT] --out=FOLDER FILE...\n", stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    try_faults(NULL);
    for (size_t i = 0; !dumpio_format_at(i, &f); i++)
        for (int access = DIO_RANDOM; f.writes && access <= DIO_FORWARD; access++) {
            now.access = (enum dio_access)access;
            try_faults(f.name);
        }
    printf("%s: %" PRIu64 " variants, %" PRIu64 " refused, %" PRIu64 " failures\n", all.paths[0],
           all.variants, all.refused, all.failures);
    return all.failures != 0;
}
