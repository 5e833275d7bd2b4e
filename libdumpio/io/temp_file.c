/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files under a temporary name: made, written, made durable, given their name or removed.
 * No on-disk format. Not handled: what kills without a signal handler; the file stays then.
 */
#include "temp_file.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what a signal has to remove ------------------------------------------------------------- */

#define CHUNK 64

struct chunk {
    _Atomic(const char *) name[CHUNK];
    _Atomic(struct chunk *) next;
};

/* The one thing that has to be process-wide. It grows, and never shrinks. */
static struct chunk unfinished;

void dumpio_remove_unfinished(void)
{
    for (struct chunk *c = &unfinished; c; c = atomic_load(&c->next))
        for (int i = 0; i < CHUNK; i++) {
            const char *name = atomic_exchange(&c->name[i], NULL);
            if (name)
                unlink(name);
        }
}

static struct chunk *next_chunk(struct chunk *c)
{
    struct chunk *next = atomic_load(&c->next), *none = NULL;
    if (next)
        return next;
    next = calloc(1, sizeof *next);
    if (next && !atomic_compare_exchange_strong(&c->next, &none, next)) {
        free(next);
        next = none; /* another thread's */
    }
    return next;
}

_Atomic(const char *) *dio_unfinished_add(const char *name)
{
    for (struct chunk *c = &unfinished; c; c = next_chunk(c))
        for (int i = 0; i < CHUNK; i++) {
            const char *none = NULL;
            if (atomic_compare_exchange_strong(&c->name[i], &none, name))
                return &c->name[i];
        }
    return NULL;
}

void dio_unfinished_drop(_Atomic(const char *) *slot)
{
    if (slot)
        atomic_store(slot, NULL);
}

/* ---- descriptors --------------------------------------------------------------------------------- */

int dio_fd_write(int fd, const char *name, uint64_t off, const void *buf, size_t len, bool seek,
                 struct dumpio_error *err)
{
    const uint8_t *p = buf;
    while (len) {
        ssize_t n = seek ? pwrite(fd, p, len, (off_t)off) : write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* 0: it would never end */
            return dio_fail_errno(err, n ? errno : EIO, off, "%s: write of %zu bytes at 0x%llx",
                                  name, len, (unsigned long long)off);
        p += n;
        off += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

int dio_fd_read(int fd, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
                struct dumpio_error *err)
{
    *got = 0;
    while (*got < len) {
        ssize_t n = pread(fd, (uint8_t *)buf + *got, len - *got, (off_t)(off + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dio_fail_errno(err, errno, off, "%s: read at 0x%llx", name,
                                  (unsigned long long)off);
        if (!n)
            break;
        *got += (size_t)n;
    }
    return 0;
}

int dio_sync_folder(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return ENOMEM;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = 0;
    if (fd >= 0) {
        if (fsync(fd) && errno != EINVAL && errno != EROFS)
            rc = errno;
        close(fd);
    }
    free(copy);
    return rc;
}

/* ---- a file ------------------------------------------------------------------------------------ */

/* ".NAME.dumpio-XXXXXX" in the target's folder. */
static char *temp_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
    size_t n = strlen(path) + sizeof ".." + sizeof ".dumpio-XXXXXX";
    char *t = malloc(n);
    if (t)
        snprintf(t, n, "%.*s.%s.dumpio-XXXXXX", (int)dir, path, path + dir);
    return t;
}

/* Make it and remember its name. No signal comes between: it would leave the file behind. */
static int make(struct dio_temp_file *t)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    t->fd = mkstemp(t->temp); /* mode 0600: dumps hold secrets */
    int e = errno;
    if (t->fd >= 0)
        t->slot = dio_unfinished_add(t->temp);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return t->fd < 0 ? e : 0;
}

int dio_temp_file_make(struct dio_temp_file *t, const char *path, const struct stat *old,
                       struct dumpio_error *err)
{
    *t = (struct dio_temp_file){-1, strdup(path), temp_name(path), NULL};
    int e = t->path && t->temp ? make(t) : ENOMEM;
    if (t->fd < 0) {
        free(t->path);
        free(t->temp);
        *t = (struct dio_temp_file){.fd = -1};
        return e == ENOMEM ? dio_nomem(err, "an output file")
                           : dio_fail_errno(err, e, DUMPIO_NO_OFFSET, "cannot write beside %s",
                                            path);
    }
    fcntl(t->fd, F_SETFD, FD_CLOEXEC);
    if (old && fchmod(t->fd, old->st_mode & 07777)) {
        /* the replaced file's mode is a courtesy: 0600 is safe */
    }
    return 0;
}

int dio_temp_file_create(struct dio_temp_file *t, const char *path, bool force,
                         struct dumpio_error *err)
{
    struct stat st;
    bool exists = stat(path, &st) == 0;
    *t = (struct dio_temp_file){.fd = -1};
    if (exists && !S_ISREG(st.st_mode))
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is no file", path);
    if (exists && !force)
        return dio_fail(err, DUMPIO_E_EXISTS, DUMPIO_NO_OFFSET, "%s exists; -f replaces it", path);
    return dio_temp_file_make(t, path, exists ? &st : NULL, err);
}

int dio_temp_file_open(struct dio_temp_file *t, struct dumpio_error *err)
{
    t->fd = open(t->temp, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (t->fd < 0)
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s", t->temp);
    return 0;
}

int dio_temp_file_close(struct dio_temp_file *t, struct dumpio_error *err)
{
    int fd = t->fd;
    t->fd = -1;
    if (fd >= 0 && close(fd))
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: close", t->path);
    return 0;
}

int dio_temp_file_settle(struct dio_temp_file *t, uint64_t size, bool sync,
                         struct dumpio_error *err)
{
    int rc = t->fd < 0 ? dio_temp_file_open(t, err) : 0;
    if (rc)
        return rc;
    if (ftruncate(t->fd, (off_t)size))
        rc = dio_fail_errno(err, errno, size, "%s: cannot set the length", t->path);
    if (!rc && sync && fsync(t->fd) && errno != EINVAL && errno != EROFS)
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: fsync", t->path);
    int closed = dio_temp_file_close(t, rc ? NULL : err);
    return rc ? rc : closed;
}

/* link() never replaces, rename() does. */
int dio_temp_file_show(struct dio_temp_file *t, bool force, struct dumpio_error *err)
{
    if (!force && !link(t->temp, t->path)) {
        unlink(t->temp);
    } else if (!force && errno == EEXIST) {
        return dio_fail(err, DUMPIO_E_EXISTS, DUMPIO_NO_OFFSET,
                        "%s has appeared meanwhile; not replaced (-f replaces)", t->path);
    } else if (rename(t->temp, t->path)) { /* also where there are no hard links */
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot rename to %s", t->path);
    }
    dio_unfinished_drop(t->slot);
    t->slot = NULL;
    free(t->temp);
    t->temp = NULL;
    return 0;
}

void dio_temp_file_drop(struct dio_temp_file *t)
{
    if (t->fd >= 0)
        close(t->fd);
    if (t->temp)
        unlink(t->temp);
    dio_unfinished_drop(t->slot);
    free(t->path);
    free(t->temp);
    *t = (struct dio_temp_file){.fd = -1};
}
