/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON (RFC 8259). Bytes that are no UTF-8 are written as U+FFFD.
 */
#include "json.h"

#include <inttypes.h>
#include <string.h>

void json_start(struct json *j, FILE *to)
{
    *j = (struct json){to, 0, true};
}

/* Length of the UTF-8 sequence at s, 0 when it is none. */
static int utf8(const unsigned char *s)
{
    int n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3
            : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
        (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static void quoted(struct json *j, const char *text)
{
    fputc('"', j->to);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int n = utf8(s);
        if (*s == '"' || *s == '\\')
            fprintf(j->to, "\\%c", *s);
        else if (*s == '\n')
            fputs("\\n", j->to);
        else if (*s == '\t')
            fputs("\\t", j->to);
        else if (*s < 0x20)
            fprintf(j->to, "\\u%04x", *s);
        else if (n)
            fwrite(s, 1, (size_t)n, j->to);
        else
            fputs("\\ufffd", j->to);
        s += n ? n : 1;
    }
    fputc('"', j->to);
}

static void lead(struct json *j, const char *key)
{
    if (!j->first)
        fputc(',', j->to);
    if (j->depth)
        fprintf(j->to, "\n%*s", j->depth * 2, "");
    j->first = false;
    if (key) {
        quoted(j, key);
        fputs(": ", j->to);
    }
}

void json_open(struct json *j, const char *key, char bracket)
{
    lead(j, key);
    fputc(bracket, j->to);
    j->depth++;
    j->first = true;
}

void json_close(struct json *j, char bracket)
{
    j->depth--;
    if (!j->first)
        fprintf(j->to, "\n%*s", j->depth * 2, "");
    fputc(bracket, j->to);
    j->first = false;
    if (!j->depth)
        fputc('\n', j->to);
}

void json_text(struct json *j, const char *key, const char *text)
{
    lead(j, key);
    if (text && *text)
        quoted(j, text);
    else
        fputs("null", j->to);
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
    lead(j, key);
    fprintf(j->to, "%" PRIu64, v);
}

void json_i64(struct json *j, const char *key, int64_t v)
{
    lead(j, key);
    fprintf(j->to, "%" PRId64, v);
}

void json_hex(struct json *j, const char *key, uint64_t v)
{
    lead(j, key);
    fprintf(j->to, "\"0x%" PRIx64 "\"", v);
}

void json_bool(struct json *j, const char *key, bool v)
{
    lead(j, key);
    fputs(v ? "true" : "false", j->to);
}

void json_null(struct json *j, const char *key)
{
    lead(j, key);
    fputs("null", j->to);
}

void json_real(struct json *j, const char *key, double v)
{
    lead(j, key);
    fprintf(j->to, "%.4f", v);
}
