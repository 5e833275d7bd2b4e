/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a carried model's line: numbers and escaped text.
 */
#include "carried_words.h"

#include <string.h>

bool dio_take_word(struct dio_span *s, struct dio_span *word)
{
    while (s->p < s->end && *s->p == ' ')
        s->p++;
    word->p = s->p;
    while (s->p < s->end && *s->p != ' ')
        s->p++;
    word->end = s->p;
    return word->p < word->end;
}

bool dio_span_is(const struct dio_span *s, const char *text)
{
    size_t n = (size_t)(s->end - s->p);
    return n == strlen(text) && !memcmp(s->p, text, n);
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool dio_span_number(struct dio_span w, uint64_t max, uint64_t *v)
{
    unsigned base = w.end - w.p > 2 && w.p[0] == '0' && w.p[1] == 'x' ? 16 : 10;
    if (base == 16)
        w.p += 2;
    if (w.p == w.end)
        return false;
    uint64_t n = 0;
    for (; w.p < w.end; w.p++) {
        int d = digit_value(*w.p);
        if (d < 0 || (unsigned)d >= base || n > (UINT64_MAX - (unsigned)d) / base)
            return false;
        n = n * base + (unsigned)d;
    }
    *v = n;
    return n <= max;
}

bool dio_take_u64(struct dio_span *s, uint64_t *v)
{
    struct dio_span w;
    return dio_take_word(s, &w) && dio_span_number(w, UINT64_MAX, v);
}

bool dio_take_u32(struct dio_span *s, uint32_t *v)
{
    struct dio_span w;
    uint64_t n;
    if (!dio_take_word(s, &w) || !dio_span_number(w, UINT32_MAX, &n))
        return false;
    *v = (uint32_t)n;
    return true;
}

bool dio_take_i64(struct dio_span *s, int64_t *v)
{
    struct dio_span w;
    uint64_t n;
    if (!dio_take_word(s, &w))
        return false;
    bool negative = *w.p == '-';
    if (negative)
        w.p++;
    if (!dio_span_number(w, INT64_MAX, &n))
        return false;
    *v = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

bool dio_take_i32(struct dio_span *s, int32_t *v)
{
    int64_t n;
    if (!dio_take_i64(s, &n) || n < INT32_MIN || n > INT32_MAX)
        return false;
    *v = (int32_t)n;
    return true;
}

char *dio_span_unescape(struct dio_model *m, struct dio_span s)
{
    char *text = dio_model_alloc(m, (size_t)(s.end - s.p) + 1), *q = text;
    if (!text)
        return NULL;
    while (s.p < s.end) {
        int hi = -1, lo = -1;
        if (*s.p == '%' && s.end - s.p > 2) {
            hi = digit_value(s.p[1]);
            lo = digit_value(s.p[2]);
        }
        bool coded = hi >= 0 && lo >= 0;
        *q++ = coded ? (char)(hi * 16 + lo) : *s.p;
        s.p += coded ? 3 : 1;
    }
    *q = 0;
    return text;
}
