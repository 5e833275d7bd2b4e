/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON (RFC 8259) piece by piece.
 */
#include "json_read.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define DEEPEST 32

struct dio_json dio_json_start(const char *text, size_t len, struct dumpio_error *err)
{
    return (struct dio_json){.start = text, .p = text, .end = text + len, .err = err};
}

int dio_json_fail(struct dio_json *j, const char *what)
{
    uint64_t at = (uint64_t)(j->p - j->start);
    if (!j->rc)
        j->rc = dio_fail(j->err, DUMPIO_E_CORRUPT, at, "byte %llu: %s", (unsigned long long)at,
                         what);
    return j->rc;
}

static void blanks(struct dio_json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
        j->p++;
}

static bool take(struct dio_json *j, char c)
{
    blanks(j);
    if (j->rc || j->p == j->end || *j->p != c)
        return false;
    j->p++;
    return true;
}

int dio_json_end(struct dio_json *j)
{
    blanks(j);
    if (j->p != j->end)
        dio_json_fail(j, "something follows the last bracket");
    return j->rc;
}

/* ---- strings --------------------------------------------------------------------------------- */

/* A sink of bytes: buf NULL = they are only counted. */
struct text {
    char *buf;
    size_t size, len;
};

static void put(struct text *t, const char *bytes, size_t n)
{
    if (t->buf && n < t->size && t->len < t->size - n)
        memcpy(t->buf + t->len, bytes, n);
    t->len += n;
}

static void put_code(struct text *t, uint32_t c)
{
    char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3f));
    b[0] = (char)(n == 1 ? c : (0xf0u << (4 - n) & 0xff) | c);
    put(t, b, n);
}

static bool hex4(struct dio_json *j, uint32_t *v)
{
    *v = 0;
    if (j->end - j->p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int d = dio_hex_digit(*j->p++);
        if (d < 0)
            return false;
        *v = *v << 4 | (uint32_t)d;
    }
    return true;
}

/* Behind "\u". */
static void unicode(struct dio_json *j, struct text *t)
{
    uint32_t c, low;
    if (!hex4(j, &c)) {
        dio_json_fail(j, "\\u without four hexadecimal digits");
        return;
    }
    if (c >= 0xd800 && c < 0xdc00) {
        bool pair = j->end - j->p >= 6 && j->p[0] == '\\' && j->p[1] == 'u';
        j->p += pair ? 2 : 0;
        if (!pair || !hex4(j, &low) || low < 0xdc00 || low > 0xdfff) {
            dio_json_fail(j, "half of a surrogate pair");
            return;
        }
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
    } else if (c >= 0xdc00 && c < 0xe000) {
        dio_json_fail(j, "half of a surrogate pair");
        return;
    }
    if (!c)
        dio_json_fail(j, "a zero byte in a string");
    put_code(t, c);
}

static void escape(struct dio_json *j, struct text *t)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = j->p < j->end ? *j->p++ : '\0';
    const char *at = c ? strchr(from, c) : NULL;
    if (c == 'u')
        unicode(j, t);
    else if (at)
        put(t, to + (at - from), 1);
    else
        dio_json_fail(j, "an escape that JSON does not have");
}

/* Behind the first quotation mark, to behind the last. */
static void string(struct dio_json *j, struct text *t)
{
    while (!j->rc) {
        if (j->p == j->end) {
            dio_json_fail(j, "the text ends inside a string");
        } else if (*j->p == '"') {
            j->p++;
            return;
        } else if (*j->p == '\\') {
            j->p++;
            escape(j, t);
        } else {
            size_t n = dio_utf8((const uint8_t *)j->p, (size_t)(j->end - j->p));
            if (!n || (unsigned char)*j->p < 0x20) {
                dio_json_fail(j, n ? "a control character in a string" : "no UTF-8");
                return;
            }
            put(t, j->p, n);
            j->p += n;
        }
    }
}

void dio_json_text(struct dio_json *j, char *buf, size_t size)
{
    struct text t = {buf, size, 0};
    *buf = '\0';
    if (!take(j, '"')) {
        dio_json_fail(j, "a string is expected");
        return;
    }
    string(j, &t);
    if (t.len >= size)
        dio_json_fail(j, "the string before is too long");
    buf[j->rc ? 0 : t.len] = '\0';
}

static bool word(struct dio_json *j, const char *w)
{
    size_t n = strlen(w);
    blanks(j);
    if (j->rc || (size_t)(j->end - j->p) < n || memcmp(j->p, w, n) != 0)
        return false;
    j->p += n;
    return true;
}

char *dio_json_string(struct dio_json *j, size_t max)
{
    struct text t = {0};
    if (word(j, "null"))
        return NULL;
    if (!take(j, '"')) {
        dio_json_fail(j, "a string is expected");
        return NULL;
    }
    const char *from = j->p;
    string(j, &t);
    if (t.len > max || !t.len)
        dio_json_fail(j, t.len ? "the string before is too long" : "an empty string");
    if (j->rc)
        return NULL;
    char *s = malloc(t.len + 1);
    if (!s) {
        j->rc = dio_nomem(j->err, "a string");
        return NULL;
    }
    t = (struct text){s, t.len + 1, 0};
    j->p = from;
    string(j, &t);
    s[t.len] = '\0';
    return s;
}

/* ---- objects and arrays ---------------------------------------------------------------------- */

void dio_json_object(struct dio_json *j)
{
    if (!take(j, '{'))
        dio_json_fail(j, "\"{\" is expected");
    j->first = true;
}

void dio_json_array(struct dio_json *j)
{
    if (!take(j, '['))
        dio_json_fail(j, "\"[\" is expected");
    j->first = true;
}

/* Is there another one before the closing bracket? */
static bool another(struct dio_json *j, char bracket)
{
    bool first = j->first;
    j->first = false;
    if (j->rc || take(j, bracket))
        return false;
    if (!first && !take(j, ','))
        return !dio_json_fail(j, "a comma or the closing bracket is expected");
    return !j->rc;
}

bool dio_json_key(struct dio_json *j, char key[DIO_JSON_KEY])
{
    struct text t = {key, DIO_JSON_KEY, 0};
    if (!another(j, '}'))
        return false;
    if (!take(j, '"')) {
        dio_json_fail(j, "a name in quotation marks is expected");
        return false;
    }
    string(j, &t);
    key[t.len < DIO_JSON_KEY ? t.len : 0] = '\0'; /* no name that is known is longer */
    if (!j->rc && !take(j, ':'))
        dio_json_fail(j, "a colon is expected");
    return !j->rc;
}

bool dio_json_item(struct dio_json *j)
{
    return another(j, ']');
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool digit(const struct dio_json *j)
{
    return j->p < j->end && *j->p >= '0' && *j->p <= '9';
}

uint64_t dio_json_u64(struct dio_json *j)
{
    uint64_t v = 0;
    blanks(j);
    const char *from = j->p;
    for (; digit(j) && !j->rc; j->p++) {
        unsigned d = (unsigned)(*j->p - '0');
        if (v > (UINT64_MAX - d) / 10)
            dio_json_fail(j, "a number beyond 64 bits");
        v = v * 10 + d;
    }
    if (j->p == from || (*from == '0' && j->p - from > 1) ||
        (j->p < j->end && strchr(".eE", *j->p)))
        dio_json_fail(j, "a whole number from 0 is expected");
    return j->rc ? 0 : v;
}

static void digits(struct dio_json *j)
{
    if (!digit(j))
        dio_json_fail(j, "a digit is expected");
    while (digit(j))
        j->p++;
}

static bool is(const struct dio_json *j, const char *set)
{
    return j->p < j->end && *j->p && strchr(set, *j->p);
}

static void number(struct dio_json *j)
{
    j->p += is(j, "-");
    if (is(j, "0"))
        j->p++;
    else
        digits(j);
    if (is(j, ".")) {
        j->p++;
        digits(j);
    }
    if (is(j, "eE")) {
        j->p++;
        j->p += is(j, "+-");
        digits(j);
    }
}

/* ---- anything -------------------------------------------------------------------------------- */

static void scalar(struct dio_json *j)
{
    struct text nowhere = {0};
    if (word(j, "null") || word(j, "true") || word(j, "false") || j->rc)
        return;
    if (take(j, '"'))
        string(j, &nowhere);
    else
        number(j);
}

void dio_json_skip(struct dio_json *j)
{
    char kinds[DEEPEST], key[DIO_JSON_KEY];
    unsigned depth = 0;
    do {
        blanks(j);
        if (is(j, "{[")) {
            if (depth == DEEPEST) {
                dio_json_fail(j, "too many brackets inside each other");
                return;
            }
            kinds[depth++] = *j->p++;
            j->first = true;
        } else {
            scalar(j);
        }
        while (depth && !j->rc &&
               !(kinds[depth - 1] == '{' ? dio_json_key(j, key) : dio_json_item(j)))
            depth--;
    } while (depth && !j->rc);
}
