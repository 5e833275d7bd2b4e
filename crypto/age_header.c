/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The textual header of an age v1 file (c2sp.org/age), strictly: version line, stanzas, MAC.
 * What stanzas contain is age_wrap.c's, what the MAC says age_key.c's. No other version.
 */
#include "age.h"

#include <stdlib.h>

#define VERSION_PREFIX "age-encryption.org/"
#define COLUMNS 64u
#define MAC_DIGITS 43u
#define FIRST_READ 65536u

enum { NEED_MORE = 2 }; /* the text read so far ends inside the header */

/* A stanza while arrays still move: places in them instead of pointers. */
struct raw_stanza {
    size_t arg, n_args, body, body_len, offset;
};

struct parser {
    const char *text;
    size_t len, pos;
    struct raw_stanza *stanzas;
    size_t n_stanzas, stanza_room;
    struct dio_age_word *args;
    size_t n_args, arg_room;
    uint8_t *bodies; /* as many bytes as the text has are enough */
    size_t body_len;
    size_t authenticated;
    uint8_t mac[DIO_HASH];
};

static int bad(const struct parser *p, const char *what, struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_CORRUPT, p->pos, "age header, byte %zu: %s", p->pos, what);
}

/* The line at p->pos, without its LF; p->pos stays. */
static int peek_line(const struct parser *p, struct dio_age_word *line)
{
    const char *start = p->text + p->pos;
    const char *lf = memchr(start, '\n', p->len - p->pos);
    if (!lf)
        return NEED_MORE;
    *line = (struct dio_age_word){start, (size_t)(lf - start)};
    return 0;
}

/* Room for one more element. */
static int grow(void **array, size_t n, size_t *room, size_t size, struct dumpio_error *err)
{
    if (n < *room)
        return 0;
    size_t more = *room ? 2 * *room : 8;
    void *p = realloc(*array, more * size);
    if (!p)
        return dio_nomem(err, "the stanzas of an age header");
    *array = p;
    *room = more;
    return 0;
}

/* "-> " and the words behind it. */
static int parse_args(struct parser *p, struct dio_age_word line, struct raw_stanza *s,
                      struct dumpio_error *err)
{
    const char *end = line.p + line.len, *w = line.p + 3;
    s->arg = p->n_args;
    for (const char *c = w;; c++) {
        if (c < end && *c != ' ') {
            if (*c < 33 || *c > 126)
                return bad(p, "a stanza's arguments hold a character that is not printable", err);
            continue;
        }
        if (c == w)
            return bad(p, "a stanza's argument is empty", err);
        void *args = p->args;
        int rc = grow(&args, p->n_args, &p->arg_room, sizeof *p->args, err);
        p->args = args;
        if (rc)
            return rc;
        p->args[p->n_args++] = (struct dio_age_word){w, (size_t)(c - w)};
        if (c == end)
            break;
        w = c + 1;
    }
    s->n_args = p->n_args - s->arg;
    p->pos += line.len + 1;
    return 0;
}

/* Lines of 64 columns, then a shorter one. */
static int parse_body(struct parser *p, struct raw_stanza *s, struct dumpio_error *err)
{
    struct dio_age_word line;
    s->body = p->body_len;
    do {
        int rc = peek_line(p, &line);
        if (rc) /* what cannot become right is said at once */
            return p->len - p->pos > COLUMNS ? bad(p, "a stanza's line exceeds 64 columns", err)
                                             : rc;
        if (line.len > COLUMNS)
            return bad(p, "a stanza's line exceeds 64 columns", err);
        long n = dio_b64_decode(p->bodies + p->body_len, line.p, line.len);
        if (n < 0)
            return bad(p, "a stanza's line is no canonical base64", err);
        p->body_len += (size_t)n;
        p->pos += line.len + 1;
    } while (line.len == COLUMNS);
    s->body_len = p->body_len - s->body;
    return 0;
}

static int parse_stanza(struct parser *p, struct dio_age_word line, struct dumpio_error *err)
{
    void *stanzas = p->stanzas;
    int rc = grow(&stanzas, p->n_stanzas, &p->stanza_room, sizeof *p->stanzas, err);
    p->stanzas = stanzas;
    if (rc)
        return rc;
    struct raw_stanza *s = &p->stanzas[p->n_stanzas];
    s->offset = p->pos;
    rc = parse_args(p, line, s, err);
    if (!rc)
        rc = parse_body(p, s, err);
    if (!rc)
        p->n_stanzas++;
    return rc;
}

static int parse_mac(struct parser *p, struct dio_age_word line, struct dumpio_error *err)
{
    uint8_t mac[DIO_HASH + 2];
    if (line.len != 4 + MAC_DIGITS || line.p[3] != ' ' ||
        dio_b64_decode(mac, line.p + 4, MAC_DIGITS) != (long)DIO_HASH)
        return bad(p, "its last line is not \"--- \" and 43 characters of canonical base64", err);
    memcpy(p->mac, mac, DIO_HASH);
    p->authenticated = p->pos + 3;
    p->pos += line.len + 1;
    return 0;
}

static int parse_version(struct parser *p, struct dumpio_error *err)
{
    size_t prefix = sizeof VERSION_PREFIX - 1, whole = sizeof DIO_AGE_VERSION - 1;
    if (memcmp(p->text, DIO_AGE_VERSION, p->len < whole ? p->len : whole) != 0) {
        if (p->len > prefix && !memcmp(p->text, VERSION_PREFIX, prefix))
            return dio_fail(err, DUMPIO_E_UNSUPPORTED, 0,
                            "an age file of another version than v1, or with a bad first line");
        return bad(p, "no age file: its first line is not " VERSION_PREFIX "v1", err);
    }
    if (p->len < whole)
        return NEED_MORE;
    p->pos = whole;
    return 0;
}

/* 0, NEED_MORE or an error. */
static int parse(struct parser *p, struct dumpio_error *err)
{
    struct dio_age_word line;
    p->pos = p->n_stanzas = p->n_args = p->body_len = 0;
    int rc = parse_version(p, err);
    while (!rc) {
        rc = peek_line(p, &line);
        if (rc)
            break;
        if (line.len >= 3 && !memcmp(line.p, "---", 3))
            return p->n_stanzas ? parse_mac(p, line, err) : bad(p, "no recipient stanza", err);
        if (line.len < 4 || memcmp(line.p, "-> ", 3) != 0)
            return bad(p, "a line is neither a stanza's nor the last one", err);
        rc = parse_stanza(p, line, err);
    }
    return rc;
}

static void parser_free(struct parser *p)
{
    free(p->stanzas);
    free(p->args);
    free(p->bodies);
}

/* The parser's arrays become the header's. */
static int take(struct dio_age_header *h, struct parser *p, struct dumpio_error *err)
{
    h->stanzas = calloc(p->n_stanzas, sizeof *h->stanzas);
    if (!h->stanzas)
        return dio_nomem(err, "the stanzas of an age header");
    for (size_t i = 0; i < p->n_stanzas; i++) {
        const struct raw_stanza *r = &p->stanzas[i];
        h->stanzas[i] = (struct dio_age_stanza){p->args + r->arg, r->n_args, p->bodies + r->body,
                                                r->body_len, r->offset};
    }
    h->n_stanzas = p->n_stanzas;
    h->len = p->pos;
    h->authenticated = p->authenticated;
    memcpy(h->mac, p->mac, sizeof h->mac);
    h->args = p->args;
    h->bodies = p->bodies;
    p->args = NULL;
    p->bodies = NULL;
    return 0;
}

/* One try with the first `want` bytes; NEED_MORE when the header is longer. */
static int try_read(struct dio_age_header *h, struct dio_bytes *b, size_t want,
                    struct dumpio_error *err)
{
    struct parser p = {0};
    size_t got;
    char *text = malloc(want);
    p.bodies = malloc(want + 2);
    int rc = text && p.bodies ? dio_read_some(b, 0, text, want, &got, err)
                              : dio_nomem(err, "an age header");
    if (!rc) {
        p.text = text;
        p.len = got;
        rc = parse(&p, err);
        if (rc == NEED_MORE && got < want)
            rc = dio_fail(err, DUMPIO_E_TRUNCATED, got, "the age header ends too early, after %zu "
                          "bytes", got);
    }
    if (!rc)
        rc = take(h, &p, err);
    if (rc)
        free(text);
    else
        h->text = text;
    parser_free(&p);
    return rc;
}

int dio_age_header_read(struct dio_age_header *h, struct dio_bytes *b, struct dumpio_error *err)
{
    memset(h, 0, sizeof *h);
    int rc = NEED_MORE;
    for (size_t want = FIRST_READ; rc == NEED_MORE && want <= DIO_AGE_HEADER_MAX; want *= 4)
        rc = try_read(h, b, want, err);
    if (rc == NEED_MORE)
        rc = dio_fail(err, DUMPIO_E_LIMIT, 0, "the age header exceeds %u bytes",
                      DIO_AGE_HEADER_MAX);
    return rc;
}

void dio_age_header_free(struct dio_age_header *h)
{
    free(h->text);
    free(h->stanzas);
    free(h->args);
    free(h->bodies);
    memset(h, 0, sizeof *h);
}
