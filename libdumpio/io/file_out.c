/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as sinks: a temporary name beside the target, made durable and renamed on finish; streams
 * and devices are written as they come. No on-disk format.
 */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define UNFINISHED_MAX 64
#define GAP_BLOCK 65536

struct file_out {
    struct dio_out o;
    int fd;
    bool force, no_sync, in_place;
    char *path, *temp; /* temp NULL when written in place */
    uint64_t pos;      /* FORWARD: bytes written */
    int slot;          /* in `unfinished`, -1 none */
};

/* Names to unlink when a signal ends the program: the one thing that has to be process-wide. */
static _Atomic(const char *) unfinished[UNFINISHED_MAX];

void dumpio_remove_unfinished(void)
{
    for (int i = 0; i < UNFINISHED_MAX; i++) {
        const char *name = atomic_exchange(&unfinished[i], NULL);
        if (name)
            unlink(name);
    }
}

static int remember(const char *name)
{
    for (int i = 0; i < UNFINISHED_MAX; i++) {
        const char *none = NULL;
        if (atomic_compare_exchange_strong(&unfinished[i], &none, name))
            return i;
    }
    return -1;
}

static void forget(struct file_out *f)
{
    if (f->slot >= 0)
        atomic_store(&unfinished[f->slot], NULL);
    f->slot = -1;
}

static int write_all(struct file_out *f, uint64_t off, const uint8_t *p, size_t len, bool seek,
                     struct dumpio_error *err)
{
    while (len) {
        ssize_t n = seek ? pwrite(f->fd, p, len, (off_t)off) : write(f->fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dio_fail_errno(err, errno, off, "%s: write of %zu bytes at 0x%llx", f->path, len,
                                  (unsigned long long)off);
        p += n;
        off += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static int random_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                           struct dumpio_error *err)
{
    return write_all((struct file_out *)o, off, buf, len, true, err);
}

static int forward_fill(struct file_out *f, uint64_t to, struct dumpio_error *err)
{
    static const uint8_t zeros[GAP_BLOCK];
    while (f->pos < to) {
        size_t n = to - f->pos < GAP_BLOCK ? (size_t)(to - f->pos) : GAP_BLOCK;
        int rc = write_all(f, f->pos, zeros, n, false, err);
        if (rc)
            return rc;
        f->pos += n;
    }
    return 0;
}

static int forward_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                            struct dumpio_error *err)
{
    struct file_out *f = (struct file_out *)o;
    if (off < f->pos)
        return dio_fail(err, DUMPIO_E_INTERNAL, off, "%s: a stream cannot go back to 0x%llx",
                        f->path, (unsigned long long)off);
    int rc = forward_fill(f, off, err);
    if (!rc)
        rc = write_all(f, off, buf, len, false, err);
    if (!rc)
        f->pos += len;
    return rc;
}

static void file_out_free(struct file_out *f)
{
    forget(f);
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f->temp);
    free(f);
}

static void out_discard(struct dio_out *o)
{
    struct file_out *f = (struct file_out *)o;
    if (f->temp)
        unlink(f->temp);
    file_out_free(f);
}

static int sync_directory(const char *path)
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

/* Give the temporary file its name: link() never replaces, rename() does. */
static int make_visible(struct file_out *f, struct dumpio_error *err)
{
    if (f->force) {
        if (rename(f->temp, f->path))
            return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot rename to %s", f->path);
    } else {
        if (!link(f->temp, f->path)) {
            unlink(f->temp);
        } else if (errno == EEXIST) {
            return dio_fail(err, DUMPIO_E_EXISTS, DUMPIO_NO_OFFSET,
                            "%s has appeared meanwhile; not replaced (-f replaces)", f->path);
        } else if (rename(f->temp, f->path)) { /* file systems without hard links */
            return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot rename to %s", f->path);
        }
    }
    forget(f);
    free(f->temp);
    f->temp = NULL;
    return 0;
}

static int random_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct file_out *f = (struct file_out *)o;
    int rc = 0;
    if (ftruncate(f->fd, (off_t)size) && !f->in_place)
        rc = dio_fail_errno(err, errno, size, "%s: cannot set the length", f->path);
    if (!rc && !f->no_sync && fsync(f->fd) && errno != EINVAL && errno != EROFS)
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: fsync", f->path);
    int fd = f->fd;
    f->fd = -1;
    if (close(fd) && !rc)
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: close", f->path);
    if (!rc && f->temp)
        rc = make_visible(f, err);
    if (!rc && !f->no_sync && !f->in_place) {
        int e = sync_directory(f->path);
        if (e)
            rc = dio_fail_errno(err, e, DUMPIO_NO_OFFSET, "%s: sync of its directory", f->path);
    }
    out_discard(o);
    return rc;
}

static int forward_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct file_out *f = (struct file_out *)o;
    int rc = forward_fill(f, size, err);
    if (!rc && !f->no_sync && fsync(f->fd) && errno != EINVAL && errno != EROFS &&
        errno != ENOTSUP)
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: fsync", f->path);
    int fd = f->fd;
    f->fd = -1;
    if (close(fd) && !rc)
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: close", f->path);
    file_out_free(f);
    return rc;
}

static const struct dio_out_ops random_ops = {random_write_at, random_finish, out_discard};
static const struct dio_out_ops forward_ops = {forward_write_at, forward_finish, out_discard};

bool dio_file_room(const struct dio_out *o, uint64_t *bytes)
{
    const struct file_out *f = (const struct file_out *)o;
    struct statvfs v;
    if (o->ops != &random_ops || f->in_place || fstatvfs(f->fd, &v) || !v.f_blocks)
        return false; /* some file systems do not know */
    *bytes = (uint64_t)(geteuid() ? v.f_bavail : v.f_bfree) * v.f_frsize;
    return true;
}

int dio_file_read_back(struct dio_out *o, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    struct file_out *f = (struct file_out *)o;
    if (o->ops != &random_ops)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s cannot be read back", o->name);
    for (*got = 0; *got < len;) {
        ssize_t n = pread(f->fd, (uint8_t *)buf + *got, len - *got, (off_t)(off + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dio_fail_errno(err, errno, off, "%s: cannot read what was written", f->path);
        if (!n)
            return 0;
        *got += (size_t)n;
    }
    return 0;
}

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

static int open_temp(struct file_out *f, const struct stat *old, struct dumpio_error *err)
{
    f->temp = temp_name(f->path);
    if (!f->temp)
        return dio_nomem(err, "an output file's name");
    f->fd = mkstemp(f->temp); /* mode 0600: dumps hold secrets */
    if (f->fd < 0) {
        int e = errno;
        free(f->temp);
        f->temp = NULL;
        return dio_fail_errno(err, e, DUMPIO_NO_OFFSET, "cannot write beside %s", f->path);
    }
    fcntl(f->fd, F_SETFD, FD_CLOEXEC);
    f->slot = remember(f->temp);
    if (old && fchmod(f->fd, old->st_mode & 07777)) {
        /* the replaced file's mode is a courtesy: 0600 is safe */
    }
    f->o.ops = &random_ops;
    f->o.access = DIO_RANDOM;
    return 0;
}

/* Something that exists and is no regular file is written as it is. */
static int open_special(struct file_out *f, const struct stat *st, struct dumpio_error *err)
{
    f->in_place = true;
    f->fd = open(f->path, O_WRONLY | O_CLOEXEC);
    if (f->fd < 0)
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot write %s", f->path);
    bool block = S_ISBLK(st->st_mode);
    f->o.ops = block ? &random_ops : &forward_ops;
    f->o.access = block ? DIO_RANDOM : DIO_FORWARD;
    return 0;
}

static int open_stdout(struct file_out *f, struct dumpio_error *err)
{
    f->in_place = true;
    f->fd = dup(STDOUT_FILENO);
    if (f->fd < 0)
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot write to standard output");
    if (isatty(f->fd))
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "a dump is not written to a terminal; redirect standard output");
    f->o.ops = &forward_ops;
    f->o.access = DIO_FORWARD;
    return 0;
}

int dio_file_create(struct dio_out **out, const char *path, const struct dio_file_out_options *o,
                    struct dumpio_error *err)
{
    bool std_out = !strcmp(path, "-");
    struct file_out *f = calloc(1, sizeof *f);
    if (f)
        f->path = strdup(std_out ? "standard output" : path);
    if (!f || !f->path) {
        free(f);
        return dio_nomem(err, "an output file");
    }
    f->fd = f->slot = -1;
    f->force = o->force;
    f->no_sync = o->no_sync;
    f->o.name = f->path;

    struct stat st;
    bool exists = !std_out && stat(path, &st) == 0;
    int rc;
    if (std_out)
        rc = open_stdout(f, err);
    else if (exists && S_ISDIR(st.st_mode))
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is a directory", path);
    else if (exists && !S_ISREG(st.st_mode))
        rc = open_special(f, &st, err);
    else if (exists && !o->force)
        rc = dio_fail(err, DUMPIO_E_EXISTS, DUMPIO_NO_OFFSET, "%s exists; -f replaces it", path);
    else
        rc = open_temp(f, exists ? &st : NULL, err);
    if (rc) {
        file_out_free(f);
        return rc;
    }
    *out = &f->o;
    return 0;
}
