/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and devices as sources: pread (of /proc/vmcore: mmap), no shared position, sparse ranges
 * known to the system.
 * No on-disk format.
 */
#define _GNU_SOURCE /* SEEK_DATA, SEEK_HOLE */

#include "io.h"
#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STALL_MS 200 /* a stream without data for so long asks whether to go on */
#define EXPECT_PIECE (128u << 10)
#define PIECES 4u /* readers walk bitmaps, descriptors and pages at a time */

/* Data [data, data_end), and a hole [hole, data) before it. */
struct piece {
    uint64_t hole, data, data_end;
};

struct file {
    struct dio_bytes b;
    int fd;
    char *path;
    atomic_bool mapped;       /* large reads go through mmap, until the kernel refuses */
    pthread_mutex_t lock;     /* of what follows */
    struct piece pieces[PIECES]; /* of a sparse file, those found last */
    unsigned next;            /* of them to be replaced */
};

static int file_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                        struct dumpio_error *err)
{
    struct file *f = (struct file *)b;
    uint8_t *p = buf;
    *got = 0;
    if (len >= DIO_MAPPED_MIN && atomic_load(&f->mapped) && off <= b->size && len <= b->size - off) {
        if (dio_mapped_copy(f->fd, off, buf, len)) {
            *got = len;
            return 0;
        }
        atomic_store(&f->mapped, false);
    }
    while (len) {
        ssize_t n = pread(f->fd, p, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dio_fail_errno(err, errno, off, "%s: read of %zu bytes at 0x%llx", f->path, len,
                                  (unsigned long long)off);
        if (n == 0)
            break;
        p += n;
        off += (uint64_t)n;
        len -= (size_t)n;
        *got += (size_t)n;
    }
    return 0;
}

#if defined(SEEK_DATA) && defined(SEEK_HOLE)
/* A piece that is known and has `off` in it, in the data or the hole before; NULL when none is. */
static const struct piece *find_piece(const struct file *f, uint64_t off)
{
    for (unsigned i = 0; i < PIECES; i++)
        if (off >= f->pieces[i].hole && off < f->pieces[i].data_end)
            return &f->pieces[i];
    return NULL;
}

/* Ask the system. Its answer may take a look at every page of the data. */
static struct piece seek_piece(const struct file *f, uint64_t off)
{
    struct piece p = {off, f->b.size, f->b.size};
    off_t s = lseek(f->fd, (off_t)off, SEEK_DATA);
    if (s < 0 && errno == ENXIO)
        return p;
    p.data = s < 0 ? off : (uint64_t)s; /* < 0: not supported here, everything may be data */
    off_t e = s < 0 ? -1 : lseek(f->fd, s, SEEK_HOLE);
    if (e >= 0)
        p.data_end = (uint64_t)e;
    return p;
}

static int file_next_data(struct dio_bytes *b, uint64_t off, uint64_t *start, uint64_t *end,
                          struct dumpio_error *err)
{
    struct file *f = (struct file *)b;
    (void)err;
    *start = *end = b->size;
    if (off >= b->size)
        return 0;
    pthread_mutex_lock(&f->lock);
    const struct piece *p = find_piece(f, off);
    if (!p) {
        struct piece *oldest = &f->pieces[f->next++ % PIECES];
        *oldest = seek_piece(f, off);
        p = oldest;
    }
    *start = off > p->data ? off : p->data;
    *end = p->data_end;
    pthread_mutex_unlock(&f->lock);
    return 0;
}
#else
#define file_next_data NULL
#endif

/* The kernel reads only so much ahead for one call: its readahead size, 128 KiB unless set. */
static void file_expect(struct dio_bytes *b, uint64_t off, uint64_t len)
{
    const struct file *f = (const struct file *)b;
    for (uint64_t at = 0; at < len; at += EXPECT_PIECE)
        (void)posix_fadvise(f->fd, (off_t)(off + at), EXPECT_PIECE, POSIX_FADV_WILLNEED);
}

static void file_close(struct dio_bytes *b)
{
    struct file *f = (struct file *)b;
    close(f->fd);
    pthread_mutex_destroy(&f->lock);
    free(f->path);
    free(f);
}

static const struct dio_bytes_ops file_ops = {file_read_at, NULL, file_close, file_expect};
static const struct dio_bytes_ops sparse_ops = {file_read_at, file_next_data, file_close,
                                                file_expect};

/* Size of something seekable; false when it is a stream. */
static bool seekable_size(int fd, const struct stat *st, uint64_t *size)
{
    if (S_ISREG(st->st_mode)) {
        *size = (uint64_t)st->st_size;
        if (*size)
            return true;
        /* /proc files say 0: a real empty file ends at once, /proc/vmcore can be sought */
    }
    if (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode) || S_ISCHR(st->st_mode))
        return false;
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return false;
    *size = (uint64_t)end;
    return lseek(fd, 0, SEEK_SET) == 0;
}

/*
 * Whether asking for holes can be worth it. Where a file has all its blocks it is not: tmpfs looks
 * at every page up to the end before it says that there is none (50 ms a GiB).
 */
static bool is_sparse(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
}

static int wrap(struct dio_bytes **out, int fd, const char *path, const struct stat *st,
                uint64_t size, struct dumpio_error *err)
{
    struct file *f = calloc(1, sizeof *f);
    if (f)
        f->path = strdup(path);
    if (!f || !f->path) {
        free(f);
        close(fd);
        return dio_nomem(err, "a source file");
    }
    pthread_mutex_init(&f->lock, NULL);
    f->b.ops = is_sparse(st) ? &sparse_ops : &file_ops;
    f->b.size = size;
    f->b.name = f->path;
    f->fd = fd;
    atomic_init(&f->mapped, dio_mapped_wanted(fd, path));
    *out = &f->b;
    return 0;
}

int dio_file_open(struct dio_file_in *in, const char *path, struct dumpio_error *err)
{
    bool std_in = !strcmp(path, "-");
    int fd = std_in ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    *in = (struct dio_file_in){NULL, -1};
    if (fd < 0)
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "cannot open %s",
                              std_in ? "standard input" : path);
    struct stat st;
    if (fstat(fd, &st)) {
        int e = errno;
        close(fd);
        return dio_fail_errno(err, e, DUMPIO_NO_OFFSET, "%s", path);
    }
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is a directory", path);
    }
    uint64_t size = 0;
    /* Standard input may stand in the middle of a file: only a stream is safe then. */
    bool at_start = !std_in || lseek(fd, 0, SEEK_CUR) == 0;
    if (!at_start || !seekable_size(fd, &st, &size)) {
        in->fd = fd;
        return 0;
    }
    return wrap(&in->bytes, fd, std_in ? "standard input" : path, &st, size, err);
}

int dio_stream_read(int fd, void *buf, size_t len, size_t *got, struct dio_ticker *t,
                    struct dumpio_error *err)
{
    *got = 0;
    while (*got < len) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = t ? poll(&p, 1, STALL_MS) : 1;
        if (!ready || (ready < 0 && errno == EINTR)) { /* a signal may have hit another thread */
            int rc = dio_tick(t, 1, err);
            if (rc)
                return rc;
            continue;
        }
        ssize_t n = read(fd, (uint8_t *)buf + *got, len - *got);
        if (n < 0 && errno == EINTR) {
            int rc = t ? dio_tick(t, 1, err) : 0;
            if (rc)
                return rc;
            continue;
        }
        if (n < 0)
            return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "read from the input stream");
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

/* ---- temporary files ---------------------------------------------------------------------- */

/* An unlinked file in dir; -1 with errno. */
static int temp_in(const char *dir)
{
    size_t n = strlen(dir) + sizeof "/dumpio-XXXXXX";
    char *path = malloc(n);
    if (!path)
        return -1;
    memcpy(path, dir, strlen(dir));
    memcpy(path + strlen(dir), "/dumpio-XXXXXX", sizeof "/dumpio-XXXXXX");
    int fd = mkstemp(path);
    int e = errno;
    if (fd >= 0)
        unlink(path);
    free(path);
    errno = e;
    return fd;
}

const char *dumpio_tmpdir(const struct dumpio_env *env)
{
    const char *dir = env && env->tmpdir ? env->tmpdir : getenv("TMPDIR");
    if (dir && *dir)
        return dir;
    return !access("/var/tmp", F_OK) ? "/var/tmp" : "/tmp"; /* an initramfs has no /var/tmp */
}

int dio_temp_fd(int *fd, const char **where, const struct dumpio_env *env,
                struct dumpio_error *err)
{
    const char *dir = dumpio_tmpdir(env);
    *fd = temp_in(dir);
    if (*fd < 0)
        return dio_fail_errno(err, errno, DUMPIO_NO_OFFSET,
                              "cannot make a temporary file in %s; TMPDIR names another place", dir);
    if (where)
        *where = dir;
    return 0;
}
