/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of allowed signers (ssh-keygen(1), "ALLOWED SIGNERS"): who a key belongs to, for which
 * namespaces, and when. Not handled: certificate authorities, whose lines are passed over.
 */
#include "keys.h"
#include "plug/sign.h"

#include <stdio.h>
#include <time.h>

#define LINE_MAX_BYTES 16384u

/* ---- words ----------------------------------------------------------------------------------- */

struct word {
    const char *p;
    size_t len;
};

static bool is(struct word w, const char *text)
{
    return w.len == strlen(text) && !memcmp(w.p, text, w.len);
}

/* The next word of a line; blanks inside quotation marks belong to it. */
static struct word next_word(const char **at, const char *end)
{
    bool quoted = false;
    while (*at < end && (**at == ' ' || **at == '\t'))
        ++*at;
    struct word w = {*at, 0};
    while (*at < end && (quoted || (**at != ' ' && **at != '\t')))
        quoted ^= *(*at)++ == '"';
    w.len = (size_t)(*at - w.p);
    return w;
}

/* Does a pattern of '*' and '?' fit the whole text? */
static bool glob(struct word pattern, const char *text)
{
    size_t p = 0, star = SIZE_MAX;
    const char *back = text;
    while (*text) {
        if (p < pattern.len && pattern.p[p] == '*') {
            star = p++;
            back = text;
        } else if (p < pattern.len && (pattern.p[p] == '?' || pattern.p[p] == *text)) {
            p++;
            text++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            text = ++back;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.p[p] == '*')
        p++;
    return p == pattern.len;
}

/* A list of patterns, commas between; '!' forbids. */
static bool listed(struct word list, const char *text)
{
    bool found = false;
    for (size_t i = 0; i <= list.len;) {
        const char *comma = memchr(list.p + i, ',', list.len - i);
        struct word one = {list.p + i, comma ? (size_t)(comma - list.p) - i : list.len - i};
        i += one.len + 1;
        bool not = one.len && *one.p == '!';
        one.p += not;
        one.len -= not;
        if (!glob(one, text))
            continue;
        if (not)
            return false;
        found = true;
    }
    return found;
}

/* ---- times ----------------------------------------------------------------------------------- */

static int number(const char *p, size_t n)
{
    int v = 0;
    for (; n; n--, p++)
        v = *p >= '0' && *p <= '9' && v >= 0 ? v * 10 + (*p - '0') : -1;
    return v;
}

/* Seconds of a date in UTC (days by the Gregorian calendar). */
static int64_t utc(const struct tm *t)
{
    int64_t y = t->tm_year + 1900 - (t->tm_mon < 2), era = y / 400, in_era = y % 400;
    int64_t day = (153 * ((t->tm_mon + 10) % 12) + 2) / 5 + t->tm_mday - 1;
    int64_t days = era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + day - 719468;
    return ((days * 24 + t->tm_hour) * 60 + t->tm_min) * 60 + t->tm_sec;
}

/* YYYYMMDD[HHMM[SS]][Z]; false when it is none. Without Z in the local time zone. */
static bool parse_time(struct word w, int64_t *seconds)
{
    struct tm t = {.tm_isdst = -1};
    bool z = w.len && (w.p[w.len - 1] == 'Z' || w.p[w.len - 1] == 'z');
    w.len -= z;
    if ((w.len != 8 && w.len != 12 && w.len != 14) || number(w.p, 4) < 1970)
        return false;
    t.tm_year = number(w.p, 4) - 1900;
    t.tm_mon = number(w.p + 4, 2) - 1;
    t.tm_mday = number(w.p + 6, 2);
    t.tm_hour = w.len > 8 ? number(w.p + 8, 2) : 0;
    t.tm_min = w.len > 8 ? number(w.p + 10, 2) : 0;
    t.tm_sec = w.len > 12 ? number(w.p + 12, 2) : 0;
    if (t.tm_mon < 0 || t.tm_mon > 11 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour < 0 ||
        t.tm_hour > 23 || t.tm_min < 0 || t.tm_min > 59 || t.tm_sec < 0 || t.tm_sec > 60)
        return false;
    *seconds = z ? utc(&t) : (int64_t)mktime(&t);
    return z || *seconds != -1;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* One option of a line: does it allow a signature now? What is not understood allows nothing. */
static bool allows(struct word option, int64_t now)
{
    const char *equals = memchr(option.p, '=', option.len);
    struct word name = {option.p, equals ? (size_t)(equals - option.p) : option.len};
    struct word value = {equals ? equals + 1 : "", equals ? option.len - name.len - 1 : 0};
    int64_t limit;
    if (value.len < 2 || value.p[0] != '"' || value.p[value.len - 1] != '"')
        return false;
    value.p++;
    value.len -= 2;
    if (is(name, "namespaces"))
        return listed(value, DIO_SIGN_NAMESPACE);
    if (!parse_time(value, &limit))
        return false;
    return is(name, "valid-after") ? now >= limit : is(name, "valid-before") && now <= limit;
}

/* Options, commas between; commas inside quotation marks belong to them. */
static bool all_allow(struct word options, int64_t now)
{
    size_t from = 0;
    bool quoted = false;
    for (size_t i = 0; i <= options.len; i++) {
        if (i < options.len && options.p[i] == '"')
            quoted = !quoted;
        if (i < options.len && (quoted || options.p[i] != ','))
            continue;
        if (!allows((struct word){options.p + from, i - from}, now))
            return false;
        from = i + 1;
    }
    return true;
}

static bool is_key_kind(struct word w)
{
    return (w.len > 4 && !memcmp(w.p, "ssh-", 4)) || (w.len > 6 && !memcmp(w.p, "ecdsa-", 6)) ||
           (w.len > 3 && !memcmp(w.p, "sk-", 3));
}

/* Is it a line that allows this key? *who: its principals; *forbidden: it names the key, but. */
static bool is_line_for(const char *line, const char *end, const struct dio_signed_by *by,
                        int64_t now, struct word *who, bool *forbidden)
{
    uint8_t hash[DIO_HASH];
    struct dio_key *key = NULL;
    *who = next_word(&line, end);
    struct word options = next_word(&line, end), kind = options;
    const char *from = options.p;
    bool has_options = !is_key_kind(options);
    if (has_options) {
        kind = next_word(&line, end);
        from = kind.p;
    }
    if (!who->len || *who->p == '#' || !kind.len ||
        dio_ssh_public(&key, from, (size_t)(end - from), NULL))
        return false;
    bool same = !dio_hash256(hash, key->wire, key->wire_len) &&
                !memcmp(hash, by->hash, sizeof hash);
    dio_key_free(key);
    *forbidden = same && has_options && !all_allow(options, now);
    return same && !*forbidden;
}

int dio_signer_name(const char *allowed, size_t len, const struct dio_signed_by *by, int64_t now,
                    char *who, size_t size)
{
    bool any = false;
    for (size_t i = 0; i < len;) {
        const char *nl = memchr(allowed + i, '\n', len - i);
        size_t n = nl ? (size_t)(nl - allowed) - i : len - i, cut = n;
        struct word name;
        bool forbidden = false;
        while (cut && allowed[i + cut - 1] == '\r')
            cut--;
        if (cut <= LINE_MAX_BYTES &&
            is_line_for(allowed + i, allowed + i + cut, by, now, &name, &forbidden)) {
            snprintf(who, size, "%.*s", (int)name.len, name.p);
            return 0;
        }
        any |= forbidden;
        i += n + 1;
    }
    snprintf(who, size, "%s", any ? "it is allowed for other times or namespaces only"
                                  : "it is not among the allowed signers");
    return DUMPIO_END;
}
