/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are written under a temporary name beside their target. Only libdumpio/io and those
 * who write several files that get their names together need them; for one file there are sinks.
 */
#ifndef DIO_TEMP_FILE_H
#define DIO_TEMP_FILE_H

#include "../plug/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct stat;

/* ---- what a signal has to remove ------------------------------------------------------------- */

/* `name` stays valid until it is dropped. NULL: no memory; the file outlives a signal then. */
_Atomic(const char *) *dio_unfinished_add(const char *name);
void dio_unfinished_drop(_Atomic(const char *) *slot); /* NULL allowed */

/* ---- a file ------------------------------------------------------------------------------------ */

struct dio_temp_file {
    int fd;           /* -1 = not open */
    char *path;       /* the target */
    char *temp;       /* NULL: there is none, or it has become the target */
    _Atomic(const char *) *slot;
};

/* Make ".NAME.dumpio-XXXXXX", mode 0600, or as `old` has (NULL allowed). On failure nothing is. */
int dio_temp_file_make(struct dio_temp_file *t, const char *path, const struct stat *old,
                       struct dumpio_error *err);
/* The same, unless the target exists and `force` is not set, or is no regular file. */
int dio_temp_file_create(struct dio_temp_file *t, const char *path, bool force,
                         struct dumpio_error *err);
int dio_temp_file_open(struct dio_temp_file *t, struct dumpio_error *err); /* after a close */
int dio_temp_file_close(struct dio_temp_file *t, struct dumpio_error *err);
/* Make it `size` bytes long, and durable with `sync`; close it. */
int dio_temp_file_settle(struct dio_temp_file *t, uint64_t size, bool sync,
                         struct dumpio_error *err);
/* Give it its name: without `force` nothing is replaced. The folder is not synced. */
int dio_temp_file_show(struct dio_temp_file *t, bool force, struct dumpio_error *err);
/* Close it, remove it unless it has its name, and free what it holds. Not t itself. */
void dio_temp_file_drop(struct dio_temp_file *t);

/* ---- descriptors --------------------------------------------------------------------------------- */

/* All of buf; `seek` false: at the end of a stream, and off is for messages. */
int dio_fd_write(int fd, const char *name, uint64_t off, const void *buf, size_t len, bool seek,
                 struct dumpio_error *err);
/* Up to len bytes, fewer at the end only. */
int dio_fd_read(int fd, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
                struct dumpio_error *err);
/* Make the folder of `path` durable. 0 or an errno. */
int dio_sync_folder(const char *path);

#endif
