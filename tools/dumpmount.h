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

/* Mount on `dir`, serve until it is unmounted or SIGINT, SIGTERM, SIGHUP. 0, or 1 with a message. */
int mount_serve(struct mount *m, const char *dir);

#endif
