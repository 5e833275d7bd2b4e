/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ASCII armor of age files (c2sp.org/age; RFC 7468 in its strict form) as a layer of its own.
 * Lines have one length, so any place is found by arithmetic; what is read is checked. Line ends
 * are all LF or all CRLF. No headers, no checksums.
 */
#include "age.h"

#include <stdlib.h>

#define COLUMNS 64u
#define LINE_BYTES 48u
#define WHITESPACE_MAX 1024u /* in front and behind */
#define SPAN_LINES 4096u     /* lines read or written at once */

static const char begin_line[] = "-----BEGIN AGE ENCRYPTED FILE-----";
static const char end_line[] = "-----END AGE ENCRYPTED FILE-----";

#define BEGIN_LEN (sizeof begin_line - 1)
#define END_LEN (sizeof end_line - 1)

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int probe(const uint8_t *head, size_t n)
{
    size_t at = 0;
    while (at < n && at < WHITESPACE_MAX && is_space(head[at]))
        at++;
    return n - at >= BEGIN_LEN && !memcmp(head + at, begin_line, BEGIN_LEN) ? 100 : 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct armor_in {
    struct dio_bytes b;
    struct dio_bytes *below;
    uint64_t start;    /* of the first line with data */
    uint64_t end;      /* behind the last such line and its end */
    unsigned eol;      /* bytes of a line's end: 1 LF, 2 CRLF */
};

static int bad(const struct armor_in *a, uint64_t off, const char *what, struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_CORRUPT, off, "%s: armor, byte %llu: %s", a->b.name,
                    (unsigned long long)off, what);
}

static bool eol_at(const struct armor_in *a, const uint8_t *p)
{
    return a->eol == 2 ? p[0] == '\r' && p[1] == '\n' : p[0] == '\n';
}

/* The last line: padded to groups of four, canonical. Returns its bytes, or -1. */
static long last_line(uint8_t out[LINE_BYTES + 2], const uint8_t *line, size_t n)
{
    size_t pads = 0;
    while (pads < 2 && pads < n && line[n - 1 - pads] == '=')
        pads++;
    if (!n || n % 4)
        return -1;
    return dio_b64_decode(out, (const char *)line, n - pads);
}

/* Whole lines from line number `first`, `n` characters of text at `text`; all but the file's last
 * have COLUMNS. */
static int decode_lines(const struct armor_in *a, uint64_t first, const uint8_t *text, size_t n,
                        uint8_t *out, size_t *bytes, struct dumpio_error *err)
{
    size_t line = COLUMNS + a->eol;
    *bytes = 0;
    for (size_t at = 0; at < n; at += line) {
        uint64_t off = a->start + first * line + at;
        size_t len = n - at < line ? n - at : line;
        size_t chars = len - a->eol; /* open() saw to it that the last line has both */
        if (!eol_at(a, text + at + chars))
            return bad(a, off, "a line has not 64 columns", err);
        long got = off + len == a->end ? last_line(out + *bytes, text + at, chars)
                   : dio_b64_groups(out + *bytes, (const char *)text + at, COLUMNS / 4)
                       ? (long)LINE_BYTES
                       : -1;
        if (got < 0)
            return bad(a, off, "a line is no canonical base64", err);
        *bytes += (size_t)got;
    }
    return 0;
}

struct span {
    uint8_t *text, *bytes;
};

static void span_free(struct span *s)
{
    free(s->text);
    free(s->bytes);
}

static int span_new(struct span *s, size_t lines, struct dumpio_error *err)
{
    s->text = malloc(lines * (COLUMNS + 2));
    s->bytes = malloc(lines * LINE_BYTES + 2);
    if (s->text && s->bytes)
        return 0;
    span_free(s);
    return dio_nomem(err, "armor");
}

static int armor_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                         struct dumpio_error *err)
{
    struct armor_in *a = (struct armor_in *)b;
    struct span s;
    size_t lines = len / LINE_BYTES + 2;
    *got = 0;
    if (off >= b->size)
        return 0;
    if (len > b->size - off)
        len = (size_t)(b->size - off);
    lines = lines < SPAN_LINES ? lines : SPAN_LINES;
    int rc = span_new(&s, lines, err);
    if (rc)
        return rc;
    while (*got < len && !rc) {
        uint64_t first = (off + *got) / LINE_BYTES, at = a->start + first * (COLUMNS + a->eol);
        size_t skip = (size_t)((off + *got) % LINE_BYTES), n, bytes = 0;
        size_t need = (skip + (len - *got) + LINE_BYTES - 1) / LINE_BYTES;
        n = (need < lines ? need : lines) * (COLUMNS + a->eol);
        n = n < a->end - at ? n : (size_t)(a->end - at);
        rc = dio_read_exact(a->below, at, s.text, n, "armored lines", err);
        if (!rc)
            rc = decode_lines(a, first, s.text, n, s.bytes, &bytes, err);
        if (!rc && bytes <= skip)
            rc = bad(a, at, "a line is shorter than it was", err);
        if (rc)
            break;
        bytes -= skip;
        bytes = bytes < len - *got ? bytes : len - *got;
        memcpy((uint8_t *)buf + *got, s.bytes + skip, bytes);
        *got += bytes;
    }
    span_free(&s);
    return rc;
}

static void armor_close(struct dio_bytes *b)
{
    struct armor_in *a = (struct armor_in *)b;
    dio_bytes_close(a->below);
    free(a);
}

static const struct dio_bytes_ops in_ops = {armor_read_at, NULL, armor_close, NULL};

/* Where the data starts, and how lines end. */
static int read_begin(struct armor_in *a, struct dumpio_error *err)
{
    uint8_t head[WHITESPACE_MAX + BEGIN_LEN + 2];
    size_t n, at = 0;
    int rc = dio_read_some(a->below, 0, head, sizeof head, &n, err);
    if (rc)
        return rc;
    while (at < n && at < WHITESPACE_MAX && is_space(head[at]))
        at++;
    if (n - at < BEGIN_LEN + 2 || memcmp(head + at, begin_line, BEGIN_LEN) != 0)
        return bad(a, at, "no line -----BEGIN AGE ENCRYPTED FILE-----", err);
    at += BEGIN_LEN;
    a->eol = head[at] == '\r' ? 2 : 1;
    if (!eol_at(a, head + at))
        return bad(a, at, "its first line is longer than -----BEGIN AGE ENCRYPTED FILE-----", err);
    a->start = at + a->eol;
    return 0;
}

/* Where the data ends. */
static int read_end(struct armor_in *a, struct dumpio_error *err)
{
    uint8_t tail[WHITESPACE_MAX + END_LEN];
    uint64_t size = a->below->size;
    size_t n = size - a->start < sizeof tail ? (size_t)(size - a->start) : sizeof tail;
    int rc = dio_read_exact(a->below, size - n, tail, n, "the end of the armor", err);
    if (rc)
        return rc;
    while (n && is_space(tail[n - 1]) && size - a->start)
        n--, size--;
    if (n < END_LEN || memcmp(tail + n - END_LEN, end_line, END_LEN) != 0)
        return dio_fail(err, DUMPIO_E_TRUNCATED, a->below->size,
                        "%s: the armor's last line, %s, is missing: cut, or text behind it",
                        a->b.name, end_line);
    a->end = size - END_LEN;
    return 0;
}

/* The decoded size: from the length, and the padding in the last line. */
static int measure(struct armor_in *a, struct dumpio_error *err)
{
    uint64_t line = COLUMNS + a->eol, text = a->end - a->start;
    uint64_t lines = text / line + (text % line != 0);
    uint8_t last[COLUMNS + 2], bytes[LINE_BYTES + 2];
    if (!lines)
        return 0; /* nothing in it: size 0 */
    size_t n = (size_t)(text - (lines - 1) * line);
    int rc = dio_read_exact(a->below, a->end - n, last, n, "the last armored line", err);
    if (rc)
        return rc;
    if (n <= a->eol || !eol_at(a, last + n - a->eol))
        return bad(a, a->end - n, "the lines have not 64 columns", err);
    long got = last_line(bytes, last, n - a->eol);
    if (got < 0)
        return bad(a, a->end - n, "the last line is no canonical base64", err);
    a->b.size = (lines - 1) * LINE_BYTES + (uint64_t)got;
    return 0;
}

static int armor_open(struct dio_bytes **out, struct dio_bytes *below,
                      const struct dio_layer_options *o, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    (void)o;
    (void)env;
    struct armor_in *a = calloc(1, sizeof *a);
    if (!a)
        return dio_nomem(err, "armor");
    a->b = (struct dio_bytes){&in_ops, 0, below->name, below->truncated, 0};
    a->below = below;
    int rc = read_begin(a, err);
    if (!rc)
        rc = read_end(a, err);
    if (!rc)
        rc = measure(a, err);
    if (rc)
        free(a);
    else
        *out = &a->b;
    return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct armor_out {
    struct dio_out o;
    struct dio_out *below;
    uint64_t pos;       /* bytes taken */
    uint64_t below_pos; /* bytes written below */
    size_t held;        /* bytes at bytes */
    uint8_t *bytes;     /* SPAN_LINES lines */
    char *text;         /* their text */
};

static int put(struct armor_out *a, const void *p, size_t n, struct dumpio_error *err)
{
    int rc = dio_write(a->below, a->below_pos, p, n, err);
    a->below_pos += n;
    return rc;
}

/* Write what is held; only at the end is it no whole number of lines. */
static int flush(struct armor_out *a, struct dumpio_error *err)
{
    char *t = a->text;
    for (size_t at = 0; at < a->held; at += LINE_BYTES) {
        size_t n = a->held - at < LINE_BYTES ? a->held - at : LINE_BYTES;
        t += dio_b64_encode(t, a->bytes + at, n);
        for (; n % 3; n++)
            *t++ = '=';
        *t++ = '\n';
    }
    a->held = 0;
    return put(a, a->text, (size_t)(t - a->text), err);
}

static int add(struct armor_out *a, const uint8_t *p, size_t len, struct dumpio_error *err)
{
    size_t room = SPAN_LINES * LINE_BYTES;
    int rc = 0;
    while (len && !rc) {
        size_t n = room - a->held < len ? room - a->held : len;
        memcpy(a->bytes + a->held, p, n);
        a->held += n;
        a->pos += n;
        p += n;
        len -= n;
        if (a->held == room)
            rc = flush(a, err);
    }
    return rc;
}

static int fill(struct armor_out *a, uint64_t to, struct dumpio_error *err)
{
    static const uint8_t zeros[4096];
    int rc = 0;
    while (a->pos < to && !rc)
        rc = add(a, zeros, to - a->pos < sizeof zeros ? (size_t)(to - a->pos) : sizeof zeros, err);
    return rc;
}

static int armor_write_at(struct dio_out *o, uint64_t off, const void *buf, size_t len,
                          struct dumpio_error *err)
{
    struct armor_out *a = (struct armor_out *)o;
    if (off < a->pos)
        return dio_fail(err, DUMPIO_E_INTERNAL, off, "%s: armor cannot go back to 0x%llx", o->name,
                        (unsigned long long)off);
    int rc = fill(a, off, err);
    return rc ? rc : add(a, buf, len, err);
}

static void armor_free(struct armor_out *a)
{
    free(a->bytes);
    free(a->text);
    free(a);
}

static int armor_finish(struct dio_out *o, uint64_t size, struct dumpio_error *err)
{
    struct armor_out *a = (struct armor_out *)o;
    int rc = fill(a, size, err);
    if (!rc)
        rc = flush(a, err);
    if (!rc)
        rc = put(a, end_line, END_LEN, err);
    if (!rc)
        rc = put(a, "\n", 1, err);
    if (rc)
        a->below->ops->discard(a->below);
    else
        rc = a->below->ops->finish(a->below, a->below_pos, err);
    armor_free(a);
    return rc;
}

static void armor_discard(struct dio_out *o)
{
    struct armor_out *a = (struct armor_out *)o;
    a->below->ops->discard(a->below);
    armor_free(a);
}

static int armor_create(struct dio_out **out, struct dio_out *below,
                        const struct dio_layer_options *o, const struct dumpio_env *env,
                        struct dumpio_error *err)
{
    static const struct dio_out_ops ops = {armor_write_at, armor_finish, armor_discard};
    (void)o;
    (void)env;
    struct armor_out *a = calloc(1, sizeof *a);
    if (a) {
        a->bytes = malloc(SPAN_LINES * LINE_BYTES);
        a->text = malloc(SPAN_LINES * (COLUMNS + 1));
    }
    if (!a || !a->bytes || !a->text) {
        if (a)
            armor_free(a);
        return dio_nomem(err, "armor");
    }
    a->o = (struct dio_out){&ops, DIO_FORWARD, below->name};
    a->below = below;
    int rc = put(a, begin_line, BEGIN_LEN, err);
    if (!rc)
        rc = put(a, "\n", 1, err);
    if (rc)
        armor_free(a);
    else
        *out = &a->o;
    return rc;
}

const struct dio_layer dio_layer_age_armor = {
    .name = "age-armor",
    .suffix = ".asc",
    .probe = probe,
    .open = armor_open,
    .create = armor_create,
};
