/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumphandoff --scan: one walk over the pages that are kept, as a stream of bytes as long as they
 * are neighbours. Not found: what is encoded or packed, and what lies across two pages that are
 * neighbours in a process only; notes and registers are not looked at.
 */
#include "dumphandoff_scan.h"
#include "common/pass.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MIN 4u
#define PATTERN_MAX 1024u
#define LOOK 1200u            /* bytes behind a place that decide about it */
#define CHUNK (1u << 20)      /* of memory, at a time */
#define PAGE 4096u            /* tried alone where a chunk cannot be read */
#define FILE_MAX (16u << 20)  /* bytes of patterns */
#define HITS_SHOWN 32u
#define CUT_MIN 8u            /* characters of a token that ends where its page does */

struct rule {
    const char *kind;    /* NULL: of the file */
    const char *text;    /* begins with */
    size_t len;
    const char *set;     /* then at least `more` of these characters; NULL = none */
    size_t more;
    bool word;           /* no letter or digit before or behind it */
    bool pem;            /* begins a PEM block */
    unsigned line;
};

struct scan {
    struct rule *rules;  /* by the first two bytes */
    size_t n;
    uint32_t *first;     /* of each such pair; 65537 */
    char *file_text;
    size_t file_len;
    const char *file;
    uint8_t *buf;        /* one byte that was before, then LOOK and CHUNK */
    size_t have;         /* bytes behind the first */
    uint64_t at;         /* physical address of the first of them */
    uint64_t bytes, hits;
};

#define DIGITS "0123456789"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define ALNUM CAPITALS SMALL DIGITS

#define RULE(kind, text, set, more, word) {kind, text, sizeof text - 1, set, more, word, false, 0}
static const struct rule built_in[] = {
    {"private key", "-----BEGIN ", 11, NULL, 0, false, true, 0},
    RULE("AWS access key", "AKIA", CAPITALS "234567", 16, true),
    RULE("AWS access key", "ASIA", CAPITALS "234567", 16, true),
    RULE("GitHub token", "ghp_", ALNUM, 36, false),
    RULE("GitHub token", "gho_", ALNUM, 36, false),
    RULE("GitHub token", "ghu_", ALNUM, 36, false),
    RULE("GitHub token", "ghs_", ALNUM, 36, false),
    RULE("GitHub token", "ghr_", ALNUM, 36, false),
    RULE("GitHub token", "github_pat_", ALNUM "_", 82, false),
    RULE("Slack token", "xoxa-", ALNUM "-", 10, false),
    RULE("Slack token", "xoxb-", ALNUM "-", 10, false),
    RULE("Slack token", "xoxp-", ALNUM "-", 10, false),
    RULE("Slack token", "xoxr-", ALNUM "-", 10, false),
    RULE("Slack token", "xoxs-", ALNUM "-", 10, false),
    RULE("Slack token", "xapp-", ALNUM "-", 10, false),
    RULE("age secret key", "AGE-SECRET-KEY-1", CAPITALS DIGITS, 58, false),
};
#define BUILT_IN (sizeof built_in / sizeof *built_in)

/* ---- the rules ------------------------------------------------------------------------------- */

static unsigned pair(const char *text)
{
    return (unsigned)(unsigned char)text[0] << 8 | (unsigned char)text[1];
}

static int by_pair(const void *a, const void *b)
{
    unsigned x = pair(((const struct rule *)a)->text), y = pair(((const struct rule *)b)->text);
    return x < y ? -1 : x > y;
}

static int no_memory(struct ui *ui)
{
    const struct dumpio_error err = {.status = DUMPIO_E_NOMEM};
    return ui_error(ui, &err);
}

static int read_file(struct scan *s, struct ui *ui)
{
    FILE *f = fopen(s->file, "rb");
    s->file_text = malloc(FILE_MAX + 1);
    if (f && s->file_text)
        s->file_len = fread(s->file_text, 1, FILE_MAX + 1, f);
    int error = !f || ferror(f) ? errno : 0;
    if (f)
        fclose(f);
    if (!s->file_text)
        return no_memory(ui);
    if (error || s->file_len > FILE_MAX) {
        ui_message(ui, "%s: %s", s->file, error ? strerror(error) : "too long for a file of patterns");
        return EXIT_ERROR;
    }
    return 0;
}

/* A line of the file as a rule. 0 or an exit code. */
static int add_line(struct scan *s, struct ui *ui, const char *text, size_t len, unsigned line)
{
    if (len && text[len - 1] == '\r')
        len--;
    if (!len || *text == '#')
        return 0;
    if (len < PATTERN_MIN || len > PATTERN_MAX) {
        ui_message(ui, "%s, line %u: a pattern has %u to %u bytes, not %zu", s->file, line,
                   PATTERN_MIN, PATTERN_MAX, len);
        return EXIT_ERROR;
    }
    s->rules[s->n++] = (struct rule){.text = text, .len = len, .line = line};
    return 0;
}

static int add_lines(struct scan *s, struct ui *ui)
{
    const char *at = s->file_text;
    size_t left = s->file_len;
    unsigned line = 0;
    int code = 0;
    while (!code && left) {
        const char *stop = memchr(at, '\n', left);
        size_t len = stop ? (size_t)(stop - at) : left;
        code = add_line(s, ui, at, len, ++line);
        at += len + (stop != NULL);
        left -= len + (stop != NULL);
    }
    return code;
}

static int fill(struct scan *s, struct ui *ui)
{
    size_t room = BUILT_IN + 1; /* the last line may have no end */
    int code = s->file ? read_file(s, ui) : 0;
    if (code)
        return code;
    for (size_t i = 0; i < s->file_len; i++)
        room += s->file_text[i] == '\n';
    s->rules = malloc(room * sizeof *s->rules);
    s->first = calloc(65537, sizeof *s->first);
    s->buf = malloc(1 + LOOK + CHUNK);
    if (!s->rules || !s->first || !s->buf)
        return no_memory(ui);
    s->buf[0] = 0;
    memcpy(s->rules, built_in, sizeof built_in);
    s->n = BUILT_IN;
    code = add_lines(s, ui);
    qsort(s->rules, s->n, sizeof *s->rules, by_pair);
    for (size_t i = 0; i < s->n; i++)
        s->first[pair(s->rules[i].text) + 1]++;
    for (size_t i = 0; i < 65536; i++)
        s->first[i + 1] += s->first[i];
    return code;
}

int scan_new(struct scan **out, struct ui *ui, const char *file)
{
    struct scan *s = calloc(1, sizeof *s);
    if (!s)
        return no_memory(ui);
    s->file = file;
    int code = fill(s, ui);
    if (code)
        scan_free(s);
    else
        *out = s;
    return code;
}

void scan_free(struct scan *s)
{
    if (!s)
        return;
    if (s->buf)
        pass_wipe(s->buf, 1 + LOOK + CHUNK);
    if (s->file_text)
        pass_wipe(s->file_text, s->file_len);
    free(s->buf);
    free(s->file_text);
    free(s->rules);
    free(s->first);
    free(s);
}

size_t scan_rules(const struct scan *s)
{
    return s->n;
}

uint64_t scan_bytes(const struct scan *s)
{
    return s->bytes;
}

/* ---- does a rule fit? ------------------------------------------------------------------------ */

static bool in_set(const char *set, uint8_t c)
{
    return c && strchr(set, c);
}

static size_t span(const uint8_t *p, size_t n, const char *set, size_t most)
{
    size_t k = 0;
    while (k < n && k < most && in_set(set, p[k]))
        k++;
    return k;
}

static bool begins(const uint8_t *p, size_t n, const char *text)
{
    return n >= strlen(text) && !memcmp(p, text, strlen(text));
}

/*
 * Behind "-----BEGIN ": "RSA PRIVATE KEY-----", a line's end, and something like base64. Programs have
 * the header alone. n ends where the memory does (`cut`): what is behind may be anything.
 */
static bool is_private_key(const uint8_t *p, size_t n, bool cut)
{
    size_t k = 0;
    while (k < n && k < 40 && in_set(CAPITALS DIGITS " ", p[k]) && !begins(p + k, n - k, "PRIVATE"))
        k++;
    if (!begins(p + k, n - k, "PRIVATE KEY"))
        return false;
    k += strlen("PRIVATE KEY");
    if (begins(p + k, n - k, " BLOCK"))
        k += strlen(" BLOCK");
    if (!begins(p + k, n - k, "-----"))
        return cut && n - k < 5;
    k += 5;
    size_t ends = span(p + k, n - k, "\r\n\\nr", 8); /* a line's end, or "\n" spelled out */
    size_t text = span(p + k + ends, n - k - ends, ALNUM "+/=:,- ", 16);
    return (ends && text == 16) || (cut && k + ends + text == n);
}

static bool fits(const struct rule *r, const uint8_t *p, size_t n, bool cut)
{
    if (n < r->len || memcmp(p, r->text, r->len) != 0)
        return false;
    const uint8_t *rest = p + r->len;
    n -= r->len;
    if (r->pem)
        return is_private_key(rest, n, cut);
    if (!r->set)
        return true;
    size_t have = span(rest, n, r->set, r->more);
    if (have < r->more)
        return cut && have == n && have >= CUT_MIN;
    return !r->word || (!in_set(ALNUM, p[-1]) && (have == n || !in_set(ALNUM, rest[have])));
}

static void hit(struct scan *s, struct ui *ui, const struct rule *r, uint64_t addr)
{
    if (s->hits++ >= HITS_SHOWN)
        return;
    if (r->kind)
        ui_message(ui, "%s at physical address 0x%llx", r->kind, (unsigned long long)addr);
    else
        ui_message(ui, "the pattern of line %u of %s at physical address 0x%llx", r->line, s->file,
                   (unsigned long long)addr);
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* Decide about every place that has LOOK bytes behind it, or, at the end, all; keep the rest. */
static void examine(struct scan *s, struct ui *ui, bool end)
{
    const uint8_t *p = s->buf + 1;
    size_t stop = end ? s->have : s->have > LOOK ? s->have - LOOK : 0;
    for (size_t i = 0; i < stop && i + 1 < s->have; i++) {
        unsigned which = (unsigned)p[i] << 8 | p[i + 1];
        for (uint32_t k = s->first[which]; k < s->first[which + 1]; k++)
            if (fits(&s->rules[k], p + i, s->have - i, end))
                hit(s, ui, &s->rules[k], s->at + i);
    }
    if (stop)
        s->buf[0] = p[stop - 1];
    memmove(s->buf + 1, p + stop, s->have - stop);
    s->have -= stop;
    s->at += stop;
}

static int read_piece(struct scan *s, struct ui *ui, struct dumpio_dump *d, uint64_t addr,
                      size_t len, struct dumpio_error *err)
{
    if (s->at + s->have != addr) {
        examine(s, ui, true);
        s->at = addr;
        s->buf[0] = 0;
    }
    int rc = dumpio_read(d, addr, s->buf + 1 + s->have, len, err);
    if (rc)
        return rc;
    s->have += len;
    s->bytes += len;
    examine(s, ui, false);
    return 0;
}

/* A chunk, or of one with lost pages the others: those are not sent. */
static int read_chunk(struct scan *s, struct ui *ui, struct dumpio_dump *d, uint64_t addr,
                      uint64_t end, struct dumpio_error *err)
{
    int rc = read_piece(s, ui, d, addr, (size_t)(end - addr), err);
    while (rc == DUMPIO_E_LOST && addr < end) {
        uint64_t next = (addr | (PAGE - 1)) + 1;
        next = next < end ? next : end;
        int one = read_piece(s, ui, d, addr, (size_t)(next - addr), err);
        if (one && one != DUMPIO_E_LOST)
            return one;
        addr = next;
    }
    return rc == DUMPIO_E_LOST ? 0 : rc;
}

static int cancelled(struct ui *ui, uint64_t at, uint64_t end, struct dumpio_error *err)
{
    const struct dumpio_progress p = {at, end, 0};
    if (!ui->env.progress || !ui->env.progress(ui->env.user, &p))
        return 0;
    *err = (struct dumpio_error){.status = DUMPIO_E_CANCELLED, .offset = DUMPIO_NO_OFFSET};
    return DUMPIO_E_CANCELLED;
}

/* What the filter keeps of a run. */
static int scan_run(struct scan *s, struct ui *ui, struct dumpio_dump *d,
                    const struct dumpio_filter *f, const struct dumpio_run *run,
                    struct dumpio_error *err)
{
    struct dumpio_class_run c = {0, 0, DUMPIO_CLASS_UNKNOWN};
    int rc = 0;
    for (uint64_t at = run->start; !rc && at < run->end;) {
        if (c.end <= at && (rc = dumpio_classes_next(f->classes, at, &c, err)))
            break;
        uint64_t end = c.end < run->end ? c.end : run->end;
        bool kept = !(f->exclude & DUMPIO_BIT((unsigned)c.class_));
        if (kept && end - at > CHUNK)
            end = at + CHUNK;
        if (kept)
            rc = read_chunk(s, ui, d, at, end, err);
        if (!rc)
            rc = cancelled(ui, end, dumpio_get_info(d)->end_addr, err);
        at = end;
    }
    return rc;
}

int scan_memory(struct scan *s, struct ui *ui, struct dumpio_dump *dump,
                const struct dumpio_filter *f)
{
    struct dumpio_error err = {0};
    struct dumpio_run run = {0};
    int rc;
    while (!(rc = dumpio_next_run(dump, run.end, &run, &err)))
        if (run.kind == DUMPIO_PRESENT && (rc = scan_run(s, ui, dump, f, &run, &err)))
            break;
    examine(s, ui, true);
    ui_end_progress(ui);
    if (rc != DUMPIO_END)
        return ui_error(ui, &err);
    if (s->hits > HITS_SHOWN)
        ui_message(ui, "and %llu more", (unsigned long long)(s->hits - HITS_SHOWN));
    if (s->hits)
        ui_message(ui, "secrets are in what was to be handed over: nothing was written "
                   "(dumpfilter --exclude-range leaves their pages out)");
    return s->hits ? EXIT_ERROR : 0;
}
