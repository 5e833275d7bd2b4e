/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as sinks: a temporary name beside the target, made durable and renamed on finish; streams
 * and devices are written as they come. No on-disk format.
 */
#include "io.h"
#include "temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define GAP_BLOCK 65536

struct file_out {
    struct dio_out o;
    struct dio_temp_file t; /* no temporary name when written in place */
    bool force, no_sync, in_place;
    uint64_t pos;           /* FORWARD: bytes written */
};

static int random_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                           struct dumpio_error *err)
{
    const struct file_out *f = (const struct file_out *)o;
    return dio_fd_write(f->t.fd, f->t.path, off, buf, len, true, err);
}

static int forward_fill(struct file_out *f, uint64_t to, struct dumpio_error *err)
{
    static const uint8_t zeros[GAP_BLOCK];
    while (f->pos < to) {
        size_t n = to - f->pos < GAP_BLOCK ? (size_t)(to - f->pos) : GAP_BLOCK;
        int rc = dio_fd_write(f->t.fd, f->t.path, f->pos, zeros, n, false, err);
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
                        f->t.path, (unsigned long long)off);
    int rc = forward_fill(f, off, err);
    if (!rc)
        rc = dio_fd_write(f->t.fd, f->t.path, off, buf, len, false, err);
    if (!rc)
        f->pos += len;
    return rc;
}

static void out_discard(struct dio_out *o)
{
    struct file_out *f = (struct file_out *)o;
    dio_temp_file_drop(&f->t);
    free(f);
}

static int random_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct file_out *f = (struct file_out *)o;
    int rc = 0;
    if (f->in_place && !f->no_sync && fsync(f->t.fd) && errno != EINVAL && errno != EROFS)
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: fsync", f->t.path);
    if (f->in_place && !rc)
        rc = dio_temp_file_close(&f->t, err);
    if (!f->in_place)
        rc = dio_temp_file_settle(&f->t, size, !f->no_sync, err);
    if (!rc && !f->in_place)
        rc = dio_temp_file_show(&f->t, f->force, err);
    if (!rc && !f->no_sync && !f->in_place) {
        int e = dio_sync_folder(f->t.path);
        if (e)
            rc = dio_fail_errno(err, e, DUMPIO_NO_OFFSET, "%s: sync of its directory", f->t.path);
    }
    out_discard(o);
    return rc;
}

static int forward_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct file_out *f = (struct file_out *)o;
    int rc = forward_fill(f, size, err);
    if (!rc && !f->no_sync && fsync(f->t.fd) && errno != EINVAL && errno != EROFS &&
        errno != ENOTSUP)
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s: fsync", f->t.path);
    int closed = dio_temp_file_close(&f->t, rc ? NULL : err);
    out_discard(o);
    return rc ? rc : closed;
}

static const struct dio_out_ops random_ops = {random_write_at, random_finish, out_discard};
static const struct dio_out_ops forward_ops = {forward_write_at, forward_finish, out_discard};

bool dio_file_room(const struct dio_out *o, uint64_t *bytes)
{
    const struct file_out *f = (const struct file_out *)o;
    struct statvfs v;
    if (o->ops != &random_ops || f->in_place || fstatvfs(f->t.fd, &v) || !v.f_blocks)
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
    return dio_fd_read(f->t.fd, o->name, off, buf, len, got, err);
}

/* Something that exists and is no regular file is written as it is. */
static int open_special(struct file_out *f, const struct stat *st, struct dumpio_error *err)
{
    f->t.fd = open(f->t.path, O_WRONLY | O_CLOEXEC);
    if (f->t.fd < 0)
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot write %s", f->t.path);
    bool block = S_ISBLK(st->st_mode);
    f->o.ops = block ? &random_ops : &forward_ops;
    f->o.access = block ? DIO_RANDOM : DIO_FORWARD;
    return 0;
}

static int open_stdout(struct file_out *f, struct dumpio_error *err)
{
    f->t.fd = dup(STDOUT_FILENO);
    if (f->t.fd < 0)
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot write to standard output");
    if (isatty(f->t.fd))
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
    struct stat st;
    bool exists = !std_out && stat(path, &st) == 0;
    bool special = std_out || (exists && !S_ISREG(st.st_mode));
    struct file_out *f = calloc(1, sizeof *f);
    if (f) {
        *f = (struct file_out){.t.fd = -1, .force = o->force, .no_sync = o->no_sync,
                               .in_place = special, .o = {&random_ops, DIO_RANDOM, NULL}};
        if (special)
            f->t.path = strdup(std_out ? "standard output" : path);
    }
    if (!f || (special && !f->t.path)) {
        free(f);
        return dio_nomem(err, "an output file");
    }
    int rc;
    if (std_out)
        rc = open_stdout(f, err);
    else if (exists && S_ISDIR(st.st_mode))
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is a directory", path);
    else if (special)
        rc = open_special(f, &st, err);
    else
        rc = dio_temp_file_create(&f->t, path, f->force, err);
    if (rc) {
        out_discard(&f->o);
        return rc;
    }
    f->o.name = f->t.path;
    *out = &f->o;
    return 0;
}
