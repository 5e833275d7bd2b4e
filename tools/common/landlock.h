/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock (Linux 5.13 and later): from a moment on, this process opens nothing but what was allowed.
 */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum landlock_use {
    LANDLOCK_READ,    /* a file; of a folder only its list, so that it is seen to be one */
    LANDLOCK_WRITE,   /* a device or pipe */
    LANDLOCK_TALK,    /* a terminal: both, and its settings */
    LANDLOCK_FOLDER,  /* read what is beneath */
    LANDLOCK_SCRATCH, /* make, read, write and remove files beneath, not list them */
    LANDLOCK_STORE,   /* all of both */
};

struct landlock {
    int rules; /* descriptor */
    uint64_t handled; /* what the kernel can deny */
};

/* false: this system has none. */
bool landlock_start(struct landlock *l);
/* What is not there cannot be allowed: false. */
bool landlock_allow(const struct landlock *l, const char *path, enum landlock_use use);
/* Deny all else, for good, to this thread and those that it will start. Ends `l`. */
bool landlock_enter(struct landlock *l);

#endif
