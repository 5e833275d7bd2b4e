/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The character log of kernels before 3.5: a circle of text, lines beginning with "<level>".
 * Reference: kernel/printk.c of 2.6.32. Time stamps are there when the kernel wrote them.
 * Does not handle: a reader's position (logged_chars, log_start): all that is left is shown.
 */
#include "internal.h"

#define LOG_MAX (1u << 31)

struct chars {
    uint64_t buf, size, end; /* end counts all characters ever written */
};

static int read_variables(struct dio_kernel *k, struct chars *c, struct dumpio_error *err)
{
    uint32_t version = dio_kernel_version(k);
    bool is_long = version == (2u << 16 | 6) && k->word == 8;
    int rc = dio_log_pointer(k, "log_buf", &c->buf, err);
    if (!rc)
        rc = dio_log_u32(k, "log_buf_len", &c->size, err);
    if (rc)
        return rc;
    /* 2.6.24 has an unsigned long, later kernels 32 bits: their release says which */
    size_t n;
    const char *release = dio_vmcoreinfo_value(k->text, k->len, "OSRELEASE", &n);
    is_long = is_long && release && n >= 6 && !memcmp(release, "2.6.24", 6);
    rc = is_long ? dio_log_pointer(k, "log_end", &c->end, err)
                 : dio_log_u32(k, "log_end", &c->end, err);
    if (rc)
        return rc;
    if (!dio_is_pow2(c->size) || c->size > LOG_MAX || c->buf > UINT64_MAX - c->size)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "kernel log of %llu bytes at 0x%llx is impossible",
                        (unsigned long long)c->size, (unsigned long long)c->buf);
    return 0;
}

/* Leaves out "<digits>" at the start of lines. */
struct strip {
    int at_start;  /* a line begins here */
    size_t held;   /* bytes of a possible level kept back */
    uint8_t hold[8];
};

static void strip_text(struct strip *s, struct dio_log *log, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && !log->stopped; i++) {
        uint8_t c = p[i];
        bool level = s->held ? (c >= '0' && c <= '9') : c == '<';
        if (s->at_start && level && s->held < sizeof(s->hold)) {
            s->hold[s->held++] = c;
            continue;
        }
        if (s->at_start && s->held > 1 && c == '>') {
            s->held = 0;
            s->at_start = 0;
            continue;
        }
        dio_log_text(log, s->hold, s->held);
        s->held = 0;
        dio_log_text(log, &c, 1);
        s->at_start = c == '\n';
    }
}

int dio_log_buf(struct dio_log *log, struct dumpio_error *err)
{
    struct chars c;
    struct dio_view view = {.k = log->k};
    struct strip strip = {.at_start = 1};
    uint8_t part[1024];
    int rc = read_variables(log->k, &c, err);
    if (rc)
        return rc;
    uint64_t total = c.end < c.size ? c.end : c.size;
    uint64_t start = c.end - total;
    for (uint64_t i = 0; i < total && !log->stopped;) {
        uint64_t at = (start + i) & (c.size - 1);
        uint64_t n = sizeof(part);
        if (n > total - i)
            n = total - i;
        if (n > c.size - at)
            n = c.size - at;
        if (n > 1024 - ((c.buf + at) & 1023)) /* stay inside a page */
            n = 1024 - ((c.buf + at) & 1023);
        size_t got = dio_view_some(&view, c.buf + at, part, (size_t)n);
        strip_text(&strip, log, part, got);
        log->gap += n - got;
        if (got < n)
            strip.at_start = 1;
        i += n;
    }
    dio_log_text(log, strip.hold, strip.held);
    return 0;
}
