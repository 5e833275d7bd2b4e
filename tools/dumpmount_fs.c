/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flat, read-only file system over views of a dump, by libfuse3.
 * Reference: libfuse 3.10's fuse.h. Does not handle: changes of the dump while it is mounted.
 */
#define FUSE_USE_VERSION 31

#include "dumpmount.h"

#include <errno.h>
#include <fuse.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NEVER 86400.0 /* seconds that the kernel may keep what it was told */

/* lseek's, which POSIX does not have yet; the kernel passes them on as these. */
enum { FUSE_SEEK_DATA = 3, FUSE_SEEK_HOLE = 4 };

static struct mount *self(void)
{
    return fuse_get_context()->private_data;
}

static const struct mount_file *find(const char *path)
{
    const struct mount *m = self();
    for (size_t i = 0; i < m->n; i++)
        if (path[0] == '/' && !strcmp(path + 1, m->files[i].name))
            return &m->files[i];
    return NULL;
}

static void *fs_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
    struct mount *m = self();
    (void)conn;
    cfg->kernel_cache = 1;
    cfg->entry_timeout = cfg->attr_timeout = cfg->negative_timeout = NEVER;
    m->mounted(m->user);
    return m;
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    const struct mount *m = self();
    const struct mount_file *f = find(path);
    (void)fi;
    bool root = !strcmp(path, "/");
    if (!root && !f)
        return -ENOENT;
    st->st_uid = getuid();
    st->st_gid = getgid();
    st->st_atim.tv_sec = st->st_mtim.tv_sec = st->st_ctim.tv_sec = m->time;
    if (root) {
        st->st_mode = S_IFDIR | m->mode | (m->mode & 0444) >> 2; /* to be read is to be entered */
        st->st_nlink = 2;
        return 0;
    }
    st->st_mode = S_IFREG | m->mode;
    st->st_nlink = 1;
    st->st_size = (off_t)f->size;
    st->st_blocks = (blkcnt_t)((f->stored + 511) / 512);
    return 0;
}

static int fs_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
                      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
    const struct mount *m = self();
    (void)off, (void)fi, (void)flags;
    if (strcmp(path, "/") != 0)
        return -ENOENT;
    fill(buf, ".", NULL, 0, 0);
    fill(buf, "..", NULL, 0, 0);
    for (size_t i = 0; i < m->n; i++)
        fill(buf, m->files[i].name, NULL, 0, 0);
    return 0;
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
    const struct mount_file *f = find(path);
    if (!f)
        return -ENOENT;
    if ((fi->flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    fi->fh = (uint64_t)(f - self()->files);
    fi->keep_cache = 1;
    return 0;
}

static int unreadable(const struct mount_file *f, const struct dumpio_error *err)
{
    const struct mount *m = self();
    char text[sizeof err->message + 64];
    snprintf(text, sizeof text, "%s: %s", f->name, err->message);
    m->unreadable(m->user, text);
    return -EIO;
}

static int fs_read(const char *path, char *buf, size_t len, off_t off, struct fuse_file_info *fi)
{
    const struct mount_file *f = &self()->files[fi->fh];
    struct dumpio_error err = {0};
    size_t got = 0;
    (void)path;
    if (f->view) {
        if (dumpio_view_read(f->view, (uint64_t)off, buf, len, &got, &err))
            return unreadable(f, &err);
        return (int)got;
    }
    if ((uint64_t)off < f->size)
        got = f->size - (uint64_t)off < len ? (size_t)(f->size - (uint64_t)off) : len;
    if (got)
        memcpy(buf, f->text + off, got);
    return (int)got;
}

/* Where the first data, or the first hole, begins; the end of the file counts as a hole. */
static off_t seek(const struct mount_file *f, uint64_t off, bool hole)
{
    struct dumpio_range piece;
    struct dumpio_error err = {0};
    int rc = 0;
    if (!f->view)
        return hole ? (off_t)f->size : (off_t)off;
    while (!(rc = dumpio_view_next_data(f->view, off, &piece, &err))) {
        if (!hole)
            return (off_t)piece.start;
        if (piece.start > off)
            return (off_t)off;
        off = piece.end;
    }
    if (rc < 0)
        return unreadable(f, &err);
    return hole ? (off_t)off : -ENXIO;
}

static off_t fs_lseek(const char *path, off_t off, int whence, struct fuse_file_info *fi)
{
    const struct mount_file *f = &self()->files[fi->fh];
    (void)path;
    if (whence != FUSE_SEEK_DATA && whence != FUSE_SEEK_HOLE)
        return -EINVAL;
    if (off < 0 || (uint64_t)off >= f->size)
        return -ENXIO;
    return seek(f, (uint64_t)off, whence == FUSE_SEEK_HOLE);
}

static const struct fuse_operations operations = {
    .init = fs_init,
    .getattr = fs_getattr,
    .readdir = fs_readdir,
    .open = fs_open,
    .read = fs_read,
    .lseek = fs_lseek,
};

static bool add(struct fuse_args *args, const char *option, const char *value)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "-o%s%s", option, value ? value : "");
    return n > 0 && (size_t)n < sizeof text && !fuse_opt_add_arg(args, text);
}

static bool make_args(const struct mount *m, struct fuse_args *args)
{
    bool plain = !strpbrk(m->source, ",\\"); /* what would have to be escaped is left out */
    return !fuse_opt_add_arg(args, "dumpmount") &&
           add(args, "ro,default_permissions,subtype=dumpio", NULL) &&
           add(args, "fsname=", plain ? m->source : "dump") &&
           (!m->options || add(args, m->options, NULL)) &&
           (!m->debug || !fuse_opt_add_arg(args, "-d"));
}

/* libfuse takes the signals that nobody else has; what is ignored stays so. */
static void release_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction sa = {.sa_handler = SIG_DFL}, old;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (!sigaction(ends[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(ends[i], &sa, NULL);
}

static struct fuse *new_fuse(struct mount *m)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    struct fuse *fuse = make_args(m, &args) ? fuse_new(&args, &operations, sizeof operations, m)
                                            : NULL;
    fuse_opt_free_args(&args);
    return fuse;
}

struct fuse *mount_make(struct mount *m, const char *dir, int *connection)
{
    struct fuse *fuse = new_fuse(m);
    if (fuse && fuse_mount(fuse, dir)) {
        fuse_destroy(fuse);
        fuse = NULL;
    }
    if (fuse)
        *connection = fuse_session_fd(fuse_get_session(fuse));
    return fuse;
}

void mount_end(struct fuse *fuse)
{
    fuse_unmount(fuse);
    fuse_destroy(fuse);
}

int mount_serve(struct mount *m, int connection)
{
    char name[32];
    struct fuse *fuse = new_fuse(m);
    if (!fuse)
        return 1;
    int code = 1;
    snprintf(name, sizeof name, "/dev/fd/%d", connection); /* libfuse's way to say: it is mounted */
    if (!fuse_mount(fuse, name)) {
        struct fuse_session *session = fuse_get_session(fuse);
        release_signals();
        if (!fuse_set_signal_handlers(session)) {
            /* a signal's number, where one ended it */
            int ended = m->single ? fuse_loop(fuse) : fuse_loop_mt(fuse, 0);
            code = ended < 0;
            fuse_remove_signal_handlers(session);
        }
        fuse_unmount(fuse);
    }
    fuse_destroy(fuse);
    return code;
}
