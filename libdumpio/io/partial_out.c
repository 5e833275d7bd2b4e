/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PATH.dumpmerge: an output file that outlives an interruption. One writer at a time, by a lock.
 * No on-disk format: what is in it is the beginning of the output, and proves itself elsewhere.
 */
#include "partial.h"
#include "temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct partial {
    struct dio_out out;
    struct dio_bytes old;
    int fd;
    bool force, no_sync;
    const bool *keep;
    char *path, *temp;
};

static int read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                   struct dumpio_error *err)
{
    struct partial *p = (struct partial *)((char *)b - offsetof(struct partial, old));
    return dio_fd_read(p->fd, p->temp, off, buf, len, got, err);
}

static int write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                    struct dumpio_error *err)
{
    struct partial *p = (struct partial *)o;
    return dio_fd_write(p->fd, p->temp, off, buf, len, true, err);
}

static void release(struct partial *p)
{
    if (p->fd >= 0)
        close(p->fd);
    free(p->path);
    free(p->temp);
    free(p);
}

static void discard(struct dio_out *o)
{
    struct partial *p = (struct partial *)o;
    if (p->fd >= 0 && !*p->keep)
        unlink(p->temp);
    release(p);
}

static int finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct partial *p = (struct partial *)o;
    int rc = 0;
    if (ftruncate(p->fd, (off_t)size))
        rc = dio_fail_errno(err, errno, size, "%s: cannot set the length", p->temp);
    if (!rc && !p->no_sync && fsync(p->fd) && errno != EINVAL && errno != EROFS)
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: fsync", p->temp);
    if (!rc && !p->force && !access(p->path, F_OK))
        rc = dio_fail(err, DUMPIO_E_EXISTS, DUMPIO_NO_OFFSET,
                      "%s has appeared meanwhile; not replaced (-f replaces)", p->path);
    if (!rc && rename(p->temp, p->path))
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot rename to %s", p->path);
    if (rc)
        discard(o);
    else
        release(p);
    return rc;
}

bool dio_partial_can(const char *path)
{
    struct stat st;
    return strcmp(path, "-") != 0 && (stat(path, &st) || S_ISREG(st.st_mode));
}

/* Open and lock; *size of what is there. */
static int open_locked(struct partial *p, uint64_t *size, struct dumpio_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    p->fd = open(p->temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* holds secrets */
    if (p->fd < 0)
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot write %s", p->temp);
    if (fcntl(p->fd, F_SETLK, &lock) && (errno == EACCES || errno == EAGAIN)) {
        close(p->fd);
        p->fd = -1; /* it is not ours to remove */
        return dio_fail(err, DUMPIO_E_EXISTS, DUMPIO_NO_OFFSET, "%s is being written by another "
                        "program", p->temp);
    }
    if (fstat(p->fd, &st))
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s", p->temp);
    *size = (uint64_t)st.st_size;
    return 0;
}

int dio_partial_create(struct dio_out **out, struct dio_bytes **old, const char *path,
                       const struct dio_file_out_options *o, const bool *keep,
                       struct dumpio_error *err)
{
    static const struct dio_out_ops out_ops = {write_at, finish, discard};
    static const struct dio_bytes_ops in_ops = {read_at, NULL, NULL, NULL};
    if (!o->force && !access(path, F_OK))
        return dio_fail(err, DUMPIO_E_EXISTS, DUMPIO_NO_OFFSET, "%s exists; -f replaces it", path);
    struct partial *p = calloc(1, sizeof *p);
    size_t n = strlen(path) + sizeof ".dumpmerge";
    if (!p)
        return dio_nomem(err, "an output file");
    p->fd = -1;
    p->force = o->force;
    p->no_sync = o->no_sync;
    p->keep = keep;
    p->path = strdup(path);
    p->temp = malloc(n);
    uint64_t size = 0;
    int rc = p->path && p->temp ? 0 : dio_nomem(err, "an output file");
    if (!rc) {
        snprintf(p->temp, n, "%s.dumpmerge", path);
        rc = open_locked(p, &size, err);
    }
    if (rc) {
        release(p);
        return rc;
    }
    p->out = (struct dio_out){&out_ops, DIO_RANDOM, p->temp};
    p->old = (struct dio_bytes){&in_ops, size, p->temp, 0, 0};
    *out = &p->out;
    *old = &p->old;
    return 0;
}

void dio_stream_close(int fd)
{
    if (fd >= 0)
        close(fd);
}
