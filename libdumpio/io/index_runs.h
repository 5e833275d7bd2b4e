/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file half of the sorted index: runs of entries in a temporary file, and their merge.
 */
#ifndef DIO_INDEX_RUNS_H
#define DIO_INDEX_RUNS_H

#include "../plug/index.h"

#include <stdbool.h>

#define DIO_ENTRY sizeof(struct dio_entry)

struct dio_run {
    uint64_t start, n; /* in entries, in the file */
    uint64_t last_key;
    bool duplicates;   /* equal neighbours within */
};

/* Write n entries behind the first `at` ones of the file. */
int dio_run_put(int fd, uint64_t at, const struct dio_entry *e, size_t n,
                struct dumpio_error *err);

/* Read len bytes at byte `off`: they were written, so fewer are an error. */
int dio_run_get(int fd, uint64_t off, void *buf, size_t len, struct dumpio_error *err);

struct dio_runs {
    int fd;
    uint64_t written; /* entries in fd */
    struct dio_run *run;
    size_t n, room;
};

/*
 * Merge all runs of r into a new temporary file, which replaces r->fd; r->written = entries left,
 * *dropped = duplicates that the policy left out. Equal keys: the earlier run comes first. Uses
 * about `memory` bytes. On error r is as before.
 */
int dio_runs_merge(struct dio_runs *r, enum dio_duplicates policy, uint64_t memory,
                   const struct dumpio_env *env, uint64_t *dropped, struct dumpio_error *err);

#endif
