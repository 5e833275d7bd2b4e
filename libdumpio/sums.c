/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums as sha256sum(1) writes and reads them, "HEX  NAME" lines.
 * Not handled: its --tag form, names in folders: such lines are passed over.
 */
#include "io/io.h"
#include "manifest.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define SUMS_MAX ((size_t)64 << 20) /* bytes of text */
#define HEX (2 * DUMPIO_DIGEST_SIZE)

/* Letters are all small, or all capital: one alone of the other kind is a bit that was flipped. */
static bool take_digest(const char *line, unsigned char sha256[DUMPIO_DIGEST_SIZE])
{
    bool small = false, capital = false;
    for (size_t i = 0; i < HEX; i++) {
        small |= line[i] >= 'a';
        capital |= line[i] >= 'A' && line[i] <= 'F';
    }
    if (small && capital)
        return false;
    for (size_t i = 0; i < DUMPIO_DIGEST_SIZE; i++) {
        int hi = dio_hex_digit(line[2 * i]), lo = hi < 0 ? -1 : dio_hex_digit(line[2 * i + 1]);
        if (lo < 0)
            return false;
        sha256[i] = (unsigned char)(hi * 16 + lo);
    }
    return true;
}

/* "\\n" and "\\\\" where a backslash in front of the line says so; false: neither of them. */
static bool unescape(char *name)
{
    char *to = name;
    for (const char *c = name; *c; c++) {
        if (*c != '\\') {
            *to++ = *c;
            continue;
        }
        c++;
        if (*c != '\\' && *c != 'n' && *c != 'r')
            return false;
        *to++ = *c == 'n' ? '\n' : *c == 'r' ? '\r' : '\\';
    }
    *to = 0;
    return true;
}

/* The line of n bytes as a part; name NULL: it is none. DUMPIO_E_NOMEM. */
static int take_line(struct dio_manifest_part *part, const char *line, size_t n,
                     struct dumpio_error *err)
{
    bool escaped = n && *line == '\\';
    line += escaped;
    n -= escaped;
    *part = (struct dio_manifest_part){.size = DIO_PART_UNSIZED};
    if (n < HEX + 3 || line[HEX] != ' ' || (line[HEX + 1] != ' ' && line[HEX + 1] != '*') ||
        !take_digest(line, part->sha256) || memchr(line, 0, n))
        return 0;
    part->name = strndup(line + HEX + 2, n - HEX - 2);
    if (!part->name)
        return dio_nomem(err, "checksums");
    if (strchr(part->name, '/') || (escaped && !unescape(part->name))) {
        free(part->name);
        part->name = NULL;
    }
    return 0;
}

static int parse(struct dio_manifest *m, const char *text, size_t len, struct dumpio_error *err)
{
    size_t cap = 0;
    int rc = 0;
    for (size_t at = 0; at < len && !rc;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        if (m->n_parts == DIO_MANIFEST_PARTS_MAX)
            return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "more than %u checksums",
                            DIO_MANIFEST_PARTS_MAX);
        if (m->n_parts == cap) {
            cap = cap ? 2 * cap : 16;
            void *parts = realloc(m->parts, cap * sizeof *m->parts);
            if (!parts)
                return dio_nomem(err, "checksums");
            m->parts = parts;
        }
        rc = take_line(&m->parts[m->n_parts], text + at, n, err);
        m->n_parts += !rc && m->parts[m->n_parts].name;
        at += n + 1;
    }
    return rc;
}

int dio_sums_load(struct dio_manifest *m, const char *path, struct dumpio_error *err)
{
    char *text = NULL;
    size_t len;
    *m = (struct dio_manifest){0};
    int rc = dio_small_file(path, SUMS_MAX, &text, &len, err);
    if (rc)
        return rc;
    rc = parse(m, text, len, err);
    free(text);
    if (rc)
        dio_manifest_free(m);
    return rc;
}
