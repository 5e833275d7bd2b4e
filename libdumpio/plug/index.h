/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sorted index in bounded memory: entries are added in any order, sealed once, then looked up by
 * several threads. Beyond its memory it spills sorted runs to an unlinked temporary file.
 */
#ifndef DIO_INDEX_H
#define DIO_INDEX_H

#include "error.h"

struct dio_index;

struct dio_entry {
    uint64_t key;   /* sorted by this */
    uint64_t value; /* the caller's */
    uint64_t extra; /* the caller's */
};

enum dio_duplicates { DIO_KEEP_FIRST, DIO_KEEP_LAST, DIO_KEEP_ALL /* in order of adding */ };

/* memory: bytes to use before spilling to env->tmpdir; 0 = an eighth of env's limit. */
int dio_index_new(struct dio_index **out, uint64_t memory, const struct dumpio_env *env,
                  struct dumpio_error *err);
void dio_index_free(struct dio_index *x); /* NULL allowed */

int dio_index_add(struct dio_index *x, const struct dio_entry *e, struct dumpio_error *err);

/* Sort; nothing can be added afterwards. *dropped (NULL allowed) = duplicates not kept. */
int dio_index_seal(struct dio_index *x, enum dio_duplicates policy, uint64_t *dropped,
                   struct dumpio_error *err);

uint64_t dio_index_count(const struct dio_index *x);

/*
 * Copy up to `max` entries with key >= `key`, ascending, into `entries`; *n = how many.
 * Thread-safe; cheap when called with ascending keys. 0 or an I/O error of the spill file.
 */
int dio_index_range(struct dio_index *x, uint64_t key, struct dio_entry *entries, size_t max,
                    size_t *n, struct dumpio_error *err);

/* The entry with the greatest key <= `key`; DUMPIO_END when there is none. Thread-safe. */
int dio_index_floor(struct dio_index *x, uint64_t key, struct dio_entry *e,
                    struct dumpio_error *err);

#endif
