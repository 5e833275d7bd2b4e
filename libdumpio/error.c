/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors and notes: formatted once, where the fact is known, into the caller's own memory.
 * No on-disk format.
 */
#include "plug/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NOTE_MAX 1024

/* Control characters could drive a terminal: file contents reach messages. */
static void make_printable(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
}

static int fill(struct dumpio_error *err, int status, int sys_errno, uint64_t offset,
                const char *fmt, va_list ap) DIO_PRINTF(5, 0);

static int fill(struct dumpio_error *err, int status, int sys_errno, uint64_t offset,
                const char *fmt, va_list ap)
{
    if (!err)
        return status;
    err->status = status;
    err->sys_errno = sys_errno;
    err->offset = offset;
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    make_printable(err->message);
    return status;
}

int dio_fail(struct dumpio_error *err, int status, uint64_t offset, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, status, 0, offset, fmt, ap);
    va_end(ap);
    return status;
}

int dio_fail_errno(struct dumpio_error *err, int sys_errno, uint64_t offset, const char *fmt, ...)
{
    int status = sys_errno == ENOMEM ? DUMPIO_E_NOMEM : DUMPIO_E_IO;
    va_list ap;
    va_start(ap, fmt);
    fill(err, status, sys_errno, offset, fmt, ap);
    va_end(ap);
    if (err) {
        size_t n = strlen(err->message);
        char text[128] = "";
        if (strerror_r(sys_errno, text, sizeof text))
            snprintf(text, sizeof text, "errno %d", sys_errno);
        snprintf(err->message + n, sizeof err->message - n, ": %s", text);
    }
    return status;
}

int dio_nomem(struct dumpio_error *err, const char *what)
{
    return dio_fail(err, DUMPIO_E_NOMEM, DUMPIO_NO_OFFSET, "out of memory for %s", what);
}

int dio_context(struct dumpio_error *err, int status, const char *fmt, ...)
{
    if (!err)
        return status;
    char head[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    make_printable(head);
    size_t n = strlen(head), room = sizeof err->message - n - 3;
    size_t old = strlen(err->message);
    if (old > room)
        old = room;
    memmove(err->message + n + 2, err->message, old);
    memcpy(err->message, head, n);
    memcpy(err->message + n, ": ", 2);
    err->message[n + 2 + old] = 0;
    return err->status ? err->status : status;
}

void dio_note(const struct dumpio_env *env, enum dumpio_level level, const char *fmt, ...)
{
    if (!env || !env->note)
        return;
    char text[NOTE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    make_printable(text);
    env->note(env->user, level, text);
}

struct dumpio_env dio_quiet_env(const struct dumpio_env *env)
{
    struct dumpio_env quiet = {0};
    if (!env)
        return quiet;
    quiet.threads = env->threads;
    quiet.memory_limit = env->memory_limit;
    quiet.tmpdir = env->tmpdir;
    return quiet;
}

uint64_t dio_memory_limit(const struct dumpio_env *env)
{
    uint64_t limit = env && env->memory_limit ? env->memory_limit : DUMPIO_MEMORY_DEFAULT;
    return limit < SIZE_MAX / 4 ? limit : SIZE_MAX / 4;
}

const char *dumpio_strerror(int status)
{
    switch (status) {
    case DUMPIO_OK: return "no error";
    case DUMPIO_END: return "nothing further";
    case DUMPIO_E_ARG: return "invalid argument";
    case DUMPIO_E_NOMEM: return "out of memory";
    case DUMPIO_E_IO: return "input/output error";
    case DUMPIO_E_FORMAT: return "not a dump of a known format";
    case DUMPIO_E_CORRUPT: return "corrupt";
    case DUMPIO_E_TRUNCATED: return "truncated";
    case DUMPIO_E_UNSUPPORTED: return "not supported";
    case DUMPIO_E_EXISTS: return "exists already";
    case DUMPIO_E_LIMIT: return "limit reached";
    case DUMPIO_E_ABSENT: return "not in the dump";
    case DUMPIO_E_LOST: return "lost";
    case DUMPIO_E_CANCELLED: return "cancelled";
    case DUMPIO_E_INTERNAL: return "internal error";
    default: return "unknown status";
    }
}

const char *dumpio_version(void)
{
    return DUMPIO_VERSION;
}
