/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record log of kernels 3.5 to 5.9: struct log, later struct printk_log, in a plain buffer.
 * Reference: kernel/printk.c of 3.5 and kernel/printk/printk.c of 4.14 (log_text, msg_print_text).
 * Does not handle: the dictionary behind a record's text.
 */
#include "internal.h"

#include <stdlib.h>
#include <stdio.h>

#define SIZE_MAX_BYTES 256u /* of the record header */
#define LOG_MAX (1u << 31)  /* bytes of log: the kernel's own limit */
#define RECORD_MAX 65536u   /* len is 16 bits wide */

/* Flags of a record, five bits beside its level. */
enum { NEWLINE = 2, PREFIX = 4, CONT = 8 };

struct records {
    struct dio_kernel *k;
    uint64_t header, ts, len, text_len; /* bytes of the header; offsets in it */
    uint64_t buf, size, first, next;
    bool joins;    /* pieces of a line are separate records (before 4.10) */
    unsigned prev; /* flags of the record before */
    struct dio_view view;
    uint8_t text[RECORD_MAX];
};

static int key(const struct dio_kernel *k, const char *kind, const char *tag, const char *member,
               uint64_t *value, struct dumpio_error *err)
{
    char name[40];
    snprintf(name, sizeof(name), "%s%s%s", tag, *member ? "." : "", member);
    return dio_log_key(k, kind, name, SIZE_MAX_BYTES, value, err);
}

static int read_keys(struct records *r, struct dumpio_error *err)
{
    int64_t ignored;
    const char *tag = dio_kernel_number(r->k, "SIZE", "printk_log", &ignored) ? "printk_log"
                                                                                : "log";
    uint32_t version = dio_kernel_version(r->k);
    int rc = key(r->k, "SIZE", tag, "", &r->header, err);
    if (!rc)
        rc = key(r->k, "OFFSET", tag, "ts_nsec", &r->ts, err);
    if (!rc)
        rc = key(r->k, "OFFSET", tag, "len", &r->len, err);
    if (!rc)
        rc = key(r->k, "OFFSET", tag, "text_len", &r->text_len, err);
    if (!rc && (r->ts + 8 > r->header || r->len + 2 > r->header || r->text_len + 2 > r->header))
        rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                      "SIZE(%s) of VMCOREINFO is impossible: %llu", tag,
                      (unsigned long long)r->header);
    r->joins = version && version < (4u << 16 | 10) && r->text_len + 6 <= r->header;
    return rc;
}

static int read_variables(struct records *r, struct dumpio_error *err)
{
    int rc = dio_log_pointer(r->k, "log_buf", &r->buf, err);
    if (!rc)
        rc = dio_log_u32(r->k, "log_buf_len", &r->size, err);
    if (!rc)
        rc = dio_log_u32(r->k, "log_first_idx", &r->first, err);
    if (!rc)
        rc = dio_log_u32(r->k, "log_next_idx", &r->next, err);
    if (rc)
        return rc;
    if (r->size < r->header || r->size > LOG_MAX || r->first >= r->size || r->next >= r->size ||
        r->buf > UINT64_MAX - r->size)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "kernel log of %llu bytes from %llu to %llu is impossible",
                        (unsigned long long)r->size, (unsigned long long)r->first,
                        (unsigned long long)r->next);
    return 0;
}

/* The five flag bits: behind text_len, dict_len and the facility, beside three bits of level. */
static unsigned flags_of(const struct records *r, const uint8_t *head)
{
    uint8_t b = head[r->text_len + 5];
    return r->k->order == DUMPIO_BIG ? b >> 3 : b & 31u;
}

/* Before 4.10 a line printed in pieces is several records, which the kernel joins when reading. */
static unsigned joining(struct records *r, const uint8_t *head)
{
    unsigned out = 0;
    if (!r->joins)
        return 0;
    unsigned flags = flags_of(r, head);
    if ((r->prev & CONT) && !(flags & PREFIX))
        out |= DIO_LOG_NO_PREFIX;
    if (flags & CONT) {
        if ((r->prev & CONT) && !(r->prev & NEWLINE))
            out |= DIO_LOG_NO_PREFIX;
        if (!(flags & NEWLINE))
            out |= DIO_LOG_NO_NEWLINE;
    }
    r->prev = flags;
    return out;
}

static void print(struct records *r, struct dio_log *log, uint64_t at, const uint8_t *head,
                  uint64_t len)
{
    uint64_t text_len = dio_get16(head + r->text_len, r->k->order);
    uint64_t ts = dio_get64(head + r->ts, r->k->order);
    if (text_len > len - r->header)
        text_len = len - r->header;
    unsigned flags = joining(r, head);
    if (!log->open_line) /* what it continues is missing */
        flags &= ~(unsigned)DIO_LOG_NO_PREFIX;
    size_t got = dio_view_some(&r->view, r->buf + at + r->header, r->text, (size_t)text_len);
    if (got || !text_len)
        dio_log_record(log, ts, r->text, got, flags);
    log->gap += text_len - got;
}

/*
 * Where the records go on behind a page that is not there: unknown, they are a chain. So the rest
 * up to the end (or the wrap) is lost; from the front of the buffer on they can be read again.
 */
static void lose(struct records *r, struct dio_log *log, uint64_t *at, bool *wrapped)
{
    bool wraps = !*wrapped && r->next <= r->first;
    log->gap += (wraps ? r->size : r->next) - *at;
    *at = wraps ? 0 : r->next;
    *wrapped = true;
}

static void print_all(struct records *r, struct dio_log *log)
{
    uint8_t head[SIZE_MAX_BYTES];
    uint64_t at = r->first;
    bool wrapped = r->next > r->first;
    /* first == next is an empty log only when nothing was ever written: the kernel keeps a gap */
    while (!log->stopped && !(wrapped && at >= r->next)) {
        if (r->size - at < r->header ||
            dio_view_read(&r->view, r->buf + at, head, (size_t)r->header)) {
            lose(r, log, &at, &wrapped);
            continue;
        }
        uint64_t len = dio_get16(head + r->len, r->k->order);
        if (!len && !wrapped) { /* the mark of the wrap */
            at = 0;
            wrapped = true;
        } else if (len < r->header || len > r->size - at) {
            lose(r, log, &at, &wrapped);
        } else {
            print(r, log, at, head, len);
            at += len;
        }
    }
}

int dio_log_records(struct dio_log *log, struct dumpio_error *err)
{
    struct records *r = calloc(1, sizeof(*r));
    if (!r)
        return dio_nomem(err, "the kernel log");
    r->k = r->view.k = log->k;
    int rc = read_keys(r, err);
    if (!rc)
        rc = read_variables(r, err);
    if (!rc && r->first != r->next)
        print_all(r, log);
    free(r);
    return rc;
}
