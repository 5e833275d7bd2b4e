/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source that comes once, from its start to its end: the head of it is kept, behind that the last
 * megabytes. By one thread at a time. Nothing goes to disk.
 */
#ifndef DIO_WINDOW_H
#define DIO_WINDOW_H

#include "bytes.h"

#include <stdbool.h>

struct dio_window_ops {
    /* Up to `room` bytes (*got 0: the end; *truncated then tells that it came too early). */
    int (*more)(void *ctx, uint8_t *buf, size_t room, size_t *got, int *truncated,
                struct dumpio_error *err);
    /* NULL, or: see dio_window_let_go, for what stands below. */
    int (*let_go)(void *ctx, struct dumpio_error *err);
    void (*close)(void *ctx);
};

/*
 * At first all that is read stays, and may be read again: up to head_max bytes, more is
 * DUMPIO_E_LIMIT. Takes ctx on success only. The name is borrowed.
 */
int dio_window_new(struct dio_bytes **out, const char *name, const struct dio_window_ops *ops,
                   void *ctx, uint64_t head_max, struct dumpio_error *err);

/* These take what dio_window_new made. */
uint64_t dio_window_head_max(const struct dio_bytes *b);
void *dio_window_ctx(struct dio_bytes *b);
/* All of it that was read, while all of it stays; *ended: and there is no more. */
const uint8_t *dio_window_head(const struct dio_bytes *b, size_t *len, bool *ended);
/* It has ended within its head: from now on it is a source like any other. */
void dio_window_settle(struct dio_bytes *b);
/* While `kept`, closing it does nothing: what stands on it is taken down. */
void dio_window_keep(struct dio_bytes *b, bool kept);
/*
 * Keep [off, off + len) when it passes. While all stays, before dio_window_let_go; the bytes count
 * as the head's. len is at most a page.
 */
int dio_window_pin(struct dio_bytes *b, uint64_t off, uint32_t len, struct dumpio_error *err);
/* Let the head grow by so much. */
void dio_window_grow(struct dio_bytes *b, uint64_t more);
/*
 * The head is complete: of what comes now only the last few megabytes stay. A source that another
 * window stands on and reads in order needs no head any more.
 */
int dio_window_let_go(struct dio_bytes *b, bool keep_head, struct dumpio_error *err);
/* The first error met, which formats take for damage of one place: a place that has gone by, too. */
int dio_window_failed(const struct dio_bytes *b, struct dumpio_error *err);
/* Read on to the end, so that checksums there are checked and the sender is not cut off. */
int dio_window_drain(struct dio_bytes *b, struct dumpio_error *err);

#endif
