/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel log: which era's layout is there, and the printing that all of them share.
 * Reference: the kernel's kernel/printk/printk.c (line prefix, one per line of a record).
 * Does not handle: caller ids, device properties, the log's facility and level.
 */
#include "internal.h"

#include <stdio.h>

/* ---- reading --------------------------------------------------------------------------------- */

static bool view_page(struct dio_view *v, uint64_t page)
{
    if (!v->state || v->page != page) {
        v->page = page;
        v->state = dio_kernel_read(v->k, page, v->bytes, sizeof(v->bytes), NULL) ? 2 : 1;
    }
    return v->state == 1;
}

size_t dio_view_some(struct dio_view *v, uint64_t virt, void *buf, size_t len)
{
    uint8_t *out = buf;
    size_t done = 0;
    if (len && virt > UINT64_MAX - (len - 1))
        return 0;
    while (done < len) {
        uint64_t at = virt + done;
        size_t in = (size_t)(at & (sizeof(v->bytes) - 1));
        size_t n = sizeof(v->bytes) - in < len - done ? sizeof(v->bytes) - in : len - done;
        if (view_page(v, at - in))
            memcpy(out + done, v->bytes + in, n);
        else if (dio_kernel_read(v->k, at, out + done, n, NULL)) /* a frame present in part */
            break;
        done += n;
    }
    return done;
}

int dio_view_read(struct dio_view *v, uint64_t virt, void *buf, size_t len)
{
    return dio_view_some(v, virt, buf, len) == len ? 0 : DUMPIO_E_ABSENT;
}

int dio_log_key(const struct dio_kernel *k, const char *kind, const char *name, uint64_t max,
                uint64_t *value, struct dumpio_error *err)
{
    int64_t v;
    if (!dio_kernel_number(k, kind, name, &v))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO has no %s(%s), which the kernel log needs", kind, name);
    if (v < 0 || (uint64_t)v > max)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "%s(%s) of VMCOREINFO is impossible: %lld", kind, name, (long long)v);
    *value = (uint64_t)v;
    return 0;
}

static int read_symbol(struct dio_kernel *k, const char *name, unsigned size, uint64_t *value,
                       struct dumpio_error *err)
{
    uint8_t raw[8];
    uint64_t virt;
    if (!dio_kernel_symbol(k, name, &virt))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO has no SYMBOL(%s), which the kernel log needs", name);
    int rc = dio_kernel_read(k, virt, raw, size, err);
    if (rc)
        return dio_context(err, rc, "variable %s", name);
    *value = dio_get_word(raw, k->order, size);
    return 0;
}

int dio_log_pointer(struct dio_kernel *k, const char *name, uint64_t *value,
                    struct dumpio_error *err)
{
    return read_symbol(k, name, k->word, value, err);
}

int dio_log_u32(struct dio_kernel *k, const char *name, uint64_t *value,
                struct dumpio_error *err)
{
    return read_symbol(k, name, 4, value, err);
}

/* ---- printing -------------------------------------------------------------------------------- */

static void drain(struct dio_log *log)
{
    if (log->n && !log->stopped && log->sink(log->user, log->out, log->n))
        log->stopped = 1;
    log->n = 0;
}

static void put(struct dio_log *log, const char *s, size_t n)
{
    while (n) {
        size_t part = sizeof(log->out) - log->n;
        if (part > n)
            part = n;
        memcpy(log->out + log->n, s, part);
        log->n += part;
        s += part;
        n -= part;
        if (log->n == sizeof(log->out))
            drain(log);
    }
}

static void put_char(struct dio_log *log, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
    if ((c >= ' ' && c < 127) || c == '\t' || c == '\n')
        put(log, (const char *)&c, 1);
    else
        put(log, escape, sizeof(escape));
}

/* Say what is missing before the next text. */
static void put_gap(struct dio_log *log)
{
    char line[80];
    if (!log->gap)
        return;
    int n = snprintf(line, sizeof(line), "%s-- %llu bytes of the log are not in the dump --\n",
                     log->open_line ? "\n" : "", (unsigned long long)log->gap);
    log->gap = 0;
    log->open_line = 0;
    put(log, line, (size_t)n);
}

void dio_log_text(struct dio_log *log, const uint8_t *text, size_t len)
{
    if (!len)
        return;
    put_gap(log);
    for (size_t i = 0; i < len && !log->stopped; i++)
        put_char(log, text[i]);
    log->open_line = text[len - 1] != '\n';
}

void dio_log_record(struct dio_log *log, uint64_t ts_nsec, const uint8_t *text, size_t len,
                    unsigned flags)
{
    char prefix[48];
    int n = snprintf(prefix, sizeof(prefix), "[%5llu.%06u] ",
                     (unsigned long long)(ts_nsec / 1000000000u),
                     (unsigned)(ts_nsec % 1000000000u / 1000u));
    put_gap(log);
    if (len && text[len - 1] == '\n')
        len--;
    if (log->open_line && !(flags & DIO_LOG_NO_PREFIX))
        put(log, "\n", 1);
    if (!(flags & DIO_LOG_NO_PREFIX))
        put(log, prefix, (size_t)n);
    for (size_t i = 0; i < len && !log->stopped; i++) {
        put_char(log, text[i]);
        if (text[i] == '\n')
            put(log, prefix, (size_t)n);
    }
    log->open_line = (flags & DIO_LOG_NO_NEWLINE) != 0;
    if (!log->open_line)
        put(log, "\n", 1);
}

void dio_log_flush(struct dio_log *log)
{
    if (log->open_line)
        put(log, "\n", 1);
    log->open_line = 0;
    put_gap(log);
    drain(log);
}

int dio_kernel_dmesg(struct dio_kernel *k, int (*sink)(void *user, const char *text, size_t len),
                     void *user, struct dumpio_error *err)
{
    struct dio_log log = {.k = k, .sink = sink, .user = user};
    uint64_t ignored;
    int rc;
    if (dio_kernel_symbol(k, "prb", &ignored))
        rc = dio_log_ring(&log, err);
    else if (dio_kernel_symbol(k, "log_first_idx", &ignored))
        rc = dio_log_records(&log, err);
    else if (dio_kernel_symbol(k, "log_buf", &ignored))
        rc = dio_log_buf(&log, err);
    else
        rc = dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                      "VMCOREINFO has neither SYMBOL(prb) nor SYMBOL(log_buf)");
    dio_log_flush(&log);
    return rc;
}
