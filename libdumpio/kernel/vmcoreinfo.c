/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a VMCOREINFO text: lines of KEY=VALUE, matched at the line's start only.
 * Reference: the kernel's Documentation/admin-guide/kdump/vmcoreinfo.rst.
 * Does not handle: SRCFILE() of texts made from a vmlinux.
 */
#include "internal.h"

#include <stdio.h>

/* Longest key asked for, with kind and parentheses. */
#define KEY_MAX 120

const char *dio_vmcoreinfo_value(const char *text, size_t len, const char *key, size_t *value_len)
{
    size_t n = strlen(key);
    size_t pos = 0;
    while (text && pos < len) {
        const char *line = text + pos;
        const char *nl = memchr(line, '\n', len - pos);
        size_t line_len = nl ? (size_t)(nl - line) : len - pos;
        if (line_len > n && line[n] == '=' && !memcmp(line, key, n)) {
            *value_len = line_len - n - 1;
            return line + n + 1;
        }
        pos += line_len + 1;
    }
    return NULL;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* The whole of s[0..n) as a number; false when it is empty, has other characters or overflows. */
static bool parse(const char *s, size_t n, unsigned base, uint64_t *value)
{
    uint64_t v = 0;
    if (!n)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)digit(s[i]);
        if (d >= base || v > (UINT64_MAX - d) / base)
            return false;
        v = v * base + d;
    }
    *value = v;
    return true;
}

static bool has_0x(const char *s, size_t n)
{
    return n > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
}

static bool parse_hex(const char *s, size_t n, uint64_t *value)
{
    return has_0x(s, n) ? parse(s + 2, n - 2, 16, value) : parse(s, n, 16, value);
}

/* Decimal with a sign, or 0x and hex digits; values above INT64_MAX wrap. */
static bool parse_signed(const char *s, size_t n, int64_t *value)
{
    uint64_t v;
    bool minus = n && s[0] == '-';
    if (minus) {
        s++;
        n--;
    }
    if (!(has_0x(s, n) ? parse(s + 2, n - 2, 16, &v) : parse(s, n, 10, &v)))
        return false;
    *value = (int64_t)(minus ? 0 - v : v);
    return true;
}

static const char *value_of(const char *text, size_t len, const char *kind, const char *name,
                            size_t *value_len)
{
    char key[KEY_MAX];
    int n = snprintf(key, sizeof(key), "%s(%s)", kind, name);
    if (n < 0 || (size_t)n >= sizeof(key))
        return NULL;
    return dio_vmcoreinfo_value(text, len, key, value_len);
}

int dio_vmcoreinfo_symbol(const char *text, size_t len, const char *name, uint64_t *value)
{
    size_t n;
    const char *s = value_of(text, len, "SYMBOL", name, &n);
    return s && parse_hex(s, n, value);
}

int dio_vmcoreinfo_number(const char *text, size_t len, const char *kind, const char *name,
                          int64_t *value)
{
    size_t n;
    const char *s = value_of(text, len, kind, name, &n);
    return s && parse_signed(s, n, value);
}

bool dio_kernel_symbol(const struct dio_kernel *k, const char *name, uint64_t *value)
{
    return dio_vmcoreinfo_symbol(k->text, k->len, name, value);
}

bool dio_kernel_number(const struct dio_kernel *k, const char *kind, const char *name,
                       int64_t *value)
{
    return dio_vmcoreinfo_number(k->text, k->len, kind, name, value);
}

/* KERNELOFFSET and its like: hex without 0x. */
bool dio_kernel_hex(const struct dio_kernel *k, const char *key, uint64_t *value)
{
    size_t n;
    const char *s = dio_vmcoreinfo_value(k->text, k->len, key, &n);
    return s && parse_hex(s, n, value);
}

uint32_t dio_kernel_version(const struct dio_kernel *k)
{
    size_t n;
    uint64_t major, minor;
    const char *s = dio_vmcoreinfo_value(k->text, k->len, "OSRELEASE", &n);
    if (!s)
        return 0;
    size_t a = 0;
    while (a < n && digit(s[a]) < 10)
        a++;
    size_t b = a + 1;
    while (b < n && digit(s[b]) < 10)
        b++;
    if (a >= n || s[a] != '.' || !parse(s, a, 10, &major) ||
        !parse(s + a + 1, b - a - 1, 10, &minor))
        return 0;
    return major > 0x7fff || minor > 0xffff ? 0 : (uint32_t)(major << 16 | minor);
}

bool dio_kernel_before(const struct dio_kernel *k, unsigned major, unsigned minor, unsigned patch)
{
    size_t n;
    unsigned want[3] = {major, minor, patch}, is[3] = {0, 0, 0}, at = 0;
    const char *s = dio_vmcoreinfo_value(k->text, k->len, "OSRELEASE", &n);
    if (!s || !n || digit(*s) > 9)
        return false;
    for (size_t i = 0; i < n && at < 3; i++) {
        if (s[i] == '.')
            at++;
        else if (digit(s[i]) > 9)
            break;
        else if (is[at] < 100000)
            is[at] = is[at] * 10 + (unsigned)digit(s[i]);
    }
    for (unsigned i = 0; i < 3; i++)
        if (is[i] != want[i])
            return is[i] < want[i];
    return false;
}
