/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a mounted dump, and the file system that shows them.
 */
#ifndef DUMPMOUNT_H
#define DUMPMOUNT_H

#include <dumpio/dumpio.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#define MOUNT_FILES_MAX 4

struct mount_file {
    const char *name;
    struct dumpio_view *view; /* NULL: it is `text` */
    char *text;               /* malloc'ed */
    uint64_t size, stored;    /* bytes; of them, no hole */
};

struct mount {
    struct mount_file files[MOUNT_FILES_MAX];
    size_t n;
    mode_t mode; /* of the files: permissions */
    time_t time; /* of the input */
    const char *options; /* of mount and FUSE, separated by commas; NULL = none */
    const char *source;  /* shown in the list of mounts */
    bool debug, single;
    void (*mounted)(void *user);                      /* called once it is */
    void (*unreadable)(void *user, const char *text); /* a read failed; by any thread */
    void *user;
};

struct fuse;

/* Mount on `dir`. NULL: a message was printed. *connection: to be served; it stays the mount's. */
struct fuse *mount_make(struct mount *m, const char *dir, int *connection);
/* Unmount, when that has not been done. */
void mount_end(struct fuse *fuse);
/*
 * Serve a connection, which becomes this function's, until it is unmounted or SIGINT, SIGTERM, SIGHUP.
 * 0, or 1 with a message.
 */
int mount_serve(struct mount *m, int connection);

/* What the two processes do (dumpmount_guard.c). */
struct guarded {
    struct mount *mount;
    const char *dir;
    /* In the one that looks at the dump; between, it calls guard_connection. The exit code. */
    int (*serve)(void *user, int guard);
    void (*mounted)(void *user); /* in the one that mounts */
    void *user;
};

/*
 * Serve in a process of its own, which may have given up all rights: this one mounts and unmounts, and
 * never looks at the dump. Returns in both, with the exit code.
 */
int guard_run(const struct guarded *g);
/* Ask the guard to mount. The connection to serve, or -1: it could not. */
int guard_connection(int guard);
/* Tell the guard that the files can be read. */
void guard_mounted(int guard);

#endif
