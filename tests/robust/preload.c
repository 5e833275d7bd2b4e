/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded before the C library into a tool (LD_PRELOAD): counts its calls of the system and of the
 * allocator, and makes one of them fail. See syscalls.py, which asks for it.
 * Not reached: what the C library calls itself (stdio), libraries that ask the system directly, the
 * start of libcrypto (which does not survive it when memory is short then).
 *
 * Environment: FAULT_KIND  read, write, alloc, thread, sync, name; any
 *              FAULT_AT    the n-th call of this kind fails; 0 = every one
 *              FAULT_HOW   an errno; eintr (every other call); short (a byte, or half); kill
 *              FAULT_COUNT file that gets a line "KIND CALLS" for each kind at the end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { READ, WRITE, ALLOC, THREAD, SYNC, NAME, KINDS };
static const char *const names[KINDS] = {"read", "write", "alloc", "thread", "sync", "name"};
enum how { NOTHING, FAIL, EINTR_OFTEN, SHORT, KILL };

static unsigned long counts[KINDS], total, at;
static unsigned wanted; /* set of kinds */
static enum how how;
static int error;

/* What libcrypto makes once, it makes before anything fails. */
static void start_libcrypto(void)
{
    void *(*fetch)(void *, const char *, const char *);
    void (*release)(void *);
    *(void **)&fetch = dlsym(RTLD_DEFAULT, "EVP_MD_fetch");
    *(void **)&release = dlsym(RTLD_DEFAULT, "EVP_MD_free");
    if (fetch && release)
        release(fetch(NULL, "SHA256", NULL));
}

__attribute__((constructor)) static void begin(void)
{
    const char *kind = getenv("FAULT_KIND"), *n = getenv("FAULT_AT"), *what = getenv("FAULT_HOW");
    start_libcrypto();
    memset(counts, 0, sizeof counts);
    if (!kind || !n || !what)
        return;
    at = strtoul(n, NULL, 10);
    error = atoi(what);
    how = !strcmp(what, "eintr") ? EINTR_OFTEN : !strcmp(what, "short") ? SHORT
          : !strcmp(what, "kill") ? KILL : FAIL;
    for (unsigned k = 0; k < KINDS; k++)
        if (!strcmp(kind, names[k]) || !strcmp(kind, "any"))
            wanted |= 1u << k;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAULT_COUNT");
    char text[200];
    int len = 0;
    how = NOTHING;
    FILE *f = path ? fopen(path, "w") : NULL;
    for (unsigned k = 0; k < KINDS; k++)
        len += snprintf(text + len, sizeof text - (size_t)len, "%s %lu\n", names[k], counts[k]);
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

/* What is to happen to this call. */
static enum how due(enum kind k)
{
    unsigned long n = __atomic_add_fetch(&counts[k], 1, __ATOMIC_RELAXED);
    if (!(wanted & 1u << k))
        return NOTHING;
    if (how == KILL || how == EINTR_OFTEN)
        n = __atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
    if (how == EINTR_OFTEN)
        return n & 1 ? how : NOTHING;
    if (at && n != at)
        return NOTHING;
    if (how == KILL)
        syscall(SYS_kill, getpid(), SIGKILL);
    return how;
}

/* ---- memory ---------------------------------------------------------------------------------- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

static int no_memory(void)
{
    if (due(ALLOC) == NOTHING)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t n)
{
    return no_memory() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return no_memory() ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    return no_memory() ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
    void *got = no_memory() ? NULL : __libc_memalign(align, n);
    if (!got)
        return ENOMEM;
    *p = got;
    return 0;
}

/* ---- reading and writing --------------------------------------------------------------------- */

/* -1 with errno when the call fails; else 0, and *len is what it may move. */
static int moves(enum kind k, size_t *len)
{
    switch (due(k)) {
    case FAIL: errno = error; return -1;
    case EINTR_OFTEN: errno = EINTR; return -1;
    case SHORT: *len = *len > 1 ? (*len + 1) / 2 : *len; return 0;
    default: return 0;
    }
}

ssize_t read(int fd, void *buf, size_t len)
{
    return moves(READ, &len) ? -1 : syscall(SYS_read, fd, buf, len);
}

ssize_t pread64(int fd, void *buf, size_t len, off64_t off)
{
    return moves(READ, &len) ? -1 : syscall(SYS_pread64, fd, buf, len, off);
}

ssize_t write(int fd, const void *buf, size_t len)
{
    return moves(WRITE, &len) ? -1 : syscall(SYS_write, fd, buf, len);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t off)
{
    return moves(WRITE, &len) ? -1 : syscall(SYS_pwrite64, fd, buf, len, off);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static int fails(enum kind k)
{
    if (due(k) != FAIL)
        return 0;
    errno = error;
    return 1;
}

int fsync(int fd)
{
    return fails(SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int ftruncate64(int fd, off64_t size)
{
    return fails(SYNC) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int rename(const char *from, const char *to)
{
    return fails(NAME) ? -1 : (int)syscall(SYS_rename, from, to);
}

int link(const char *from, const char *to)
{
    return fails(NAME) ? -1 : (int)syscall(SYS_link, from, to);
}

int mkstemp64(char *template)
{
    static int (*real)(char *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "mkstemp64");
    return fails(NAME) ? -1 : real(template);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return due(THREAD) == FAIL ? error : real(thread, attr, run, arg);
}
