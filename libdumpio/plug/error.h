/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making errors and notes. The message is made where the fact is known.
 * Not for tools: they read struct dumpio_error.
 */
#ifndef DIO_ERROR_H
#define DIO_ERROR_H

#include <dumpio/dumpio.h>

#if defined(__GNUC__)
#define DIO_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define DIO_PRINTF(f, a)
#endif

/* Fill *err (NULL allowed) and return `status`. offset: place in the file or DUMPIO_NO_OFFSET. */
int dio_fail(struct dumpio_error *err, int status, uint64_t offset, const char *fmt, ...)
    DIO_PRINTF(4, 5);

/* DUMPIO_E_IO (or _NOMEM) with errno's text behind the message. */
int dio_fail_errno(struct dumpio_error *err, int sys_errno, uint64_t offset, const char *fmt, ...)
    DIO_PRINTF(4, 5);

/* DUMPIO_E_NOMEM for `what`. */
int dio_nomem(struct dumpio_error *err, const char *what);

/* Put "PREFIX: " before err's message; returns err's status (`status` when err is NULL). */
int dio_context(struct dumpio_error *err, int status, const char *fmt, ...) DIO_PRINTF(3, 4);

/* Tell the caller one line; env NULL allowed. */
void dio_note(const struct dumpio_env *env, enum dumpio_level level, const char *fmt, ...)
    DIO_PRINTF(3, 4);

/* The same surroundings for something that is tried: it tells nothing. env NULL allowed. */
struct dumpio_env dio_quiet_env(const struct dumpio_env *env);

/*
 * The caller's limit or the default, bytes; env NULL allowed. A 32-bit process has at most a quarter of
 * its addresses, so that what a limit admits fits a size_t.
 */
uint64_t dio_memory_limit(const struct dumpio_env *env);

#endif
