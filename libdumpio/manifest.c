/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest as text (docs/manifest.md): JSON of one form, and lines for sha256sum.
 */
#include "manifest.h"
#include "extent.h"
#include "sha256.h"
#include "utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEX (2 * DUMPIO_DIGEST_SIZE + 1)

void dio_manifest_free(struct dio_manifest *m)
{
    for (size_t i = 0; i < m->n_parts; i++)
        free(m->parts[i].name);
    free(m->parts);
    free(m->leaves);
    free(m->format);
    free(m->codec);
    free(m->containers);
    free(m->provenance);
    *m = (struct dio_manifest){0};
}

static void take_text(char **to, char **from)
{
    free(*to);
    *to = *from;
    *from = NULL;
}

void dio_manifest_take_contents(struct dio_manifest *to, struct dio_manifest *from)
{
    take_text(&to->format, &from->format);
    take_text(&to->codec, &from->codec);
    take_text(&to->containers, &from->containers);
    take_text(&to->provenance, &from->provenance);
    to->has_image = from->has_image;
    memcpy(to->image, from->image, sizeof to->image);
    free(to->leaves);
    to->leaves = from->leaves;
    to->n_leaves = from->n_leaves;
    from->leaves = NULL;
    from->n_leaves = 0;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* What is no UTF-8 becomes U+FFFD. */
static void quoted(FILE *f, const char *text, size_t len)
{
    fputc('"', f);
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = dio_utf8((const uint8_t *)text + i, len - i);
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(f, "\\u%04x", c);
        else if (n)
            fwrite(text + i, 1, n, f);
        else
            fputs("\\ufffd", f);
        i += n ? n : 1;
    }
    fputc('"', f);
}

static void member(FILE *f, const char *key, const char *text)
{
    fprintf(f, "  \"%s\": ", key);
    if (text && *text)
        quoted(f, text, strlen(text));
    else
        fputs("null", f);
    fputs(",\n", f);
}

static void put_provenance(FILE *f, const char *lines)
{
    const char *comma = "";
    fputs("  \"provenance\": [", f);
    for (const char *l = lines; l && *l;) {
        size_t n = strcspn(l, "\n");
        if (n) {
            fprintf(f, "%s\n    ", comma);
            quoted(f, l, n);
            comma = ",";
        }
        l += n + (l[n] == '\n');
    }
    fprintf(f, "%s],\n", *comma ? "\n  " : "");
}

static void put_image(FILE *f, const struct dio_manifest *m)
{
    char hex[HEX];
    dio_hex(hex, m->image, sizeof m->image);
    fprintf(f, "  \"image\": {\n    \"sha256\": \"%s\",\n    \"leaf_size\": %u,\n    \"leaves\": [",
            hex, DIO_EXTENT_SIZE);
    for (size_t i = 0; i < m->n_leaves; i++) {
        dio_hex(hex, m->leaves[i].sha256, sizeof m->leaves[i].sha256);
        fprintf(f, "%s\n      {\"start\": %" PRIu64 ", \"sha256\": \"%s\"}", i ? "," : "",
                m->leaves[i].base, hex);
    }
    fprintf(f, "%s]\n  },\n", m->n_leaves ? "\n    " : "");
}

static void put_parts(FILE *f, const struct dio_manifest *m)
{
    char hex[HEX];
    fputs("  \"parts\": [", f);
    for (size_t i = 0; i < m->n_parts; i++) {
        const struct dio_manifest_part *p = &m->parts[i];
        fprintf(f, "%s\n    {\"name\": ", i ? "," : "");
        quoted(f, p->name, strlen(p->name));
        dio_hex(hex, p->sha256, sizeof p->sha256);
        fprintf(f, ", \"size\": %" PRIu64 ", \"sha256\": \"%s\"", p->size, hex);
        if (m->split == DIO_SPLIT_BYTES)
            fprintf(f, ", \"offset\": %" PRIu64, p->offset);
        if (p->start < p->end)
            fprintf(f, ", \"start\": %" PRIu64 ", \"end\": %" PRIu64, p->start, p->end);
        fputc('}', f);
    }
    fputs("\n  ],\n", f);
}

static void put_all(FILE *f, const struct dio_manifest *m)
{
    static const char *const splits[] = {"none", "bytes", "memory"};
    char hex[HEX];
    fputs("{\n  \"dumpio_manifest\": 1,\n", f);
    member(f, "split", splits[m->split]);
    member(f, "format", m->format);
    member(f, "codec", m->codec);
    member(f, "containers", m->containers);
    put_provenance(f, m->provenance);
    if (m->has_image)
        put_image(f, m);
    if (m->has_file) {
        dio_hex(hex, m->file_sha256, sizeof m->file_sha256);
        fprintf(f, "  \"file\": {\"size\": %" PRIu64 ", \"sha256\": \"%s\"},\n", m->file_size, hex);
    }
    put_parts(f, m);
}

static int check_names(const struct dio_manifest *m, struct dumpio_error *err)
{
    for (size_t i = 0; i < m->n_parts; i++) {
        const uint8_t *s = (const uint8_t *)m->parts[i].name;
        for (size_t n = strlen(m->parts[i].name), k; n; s += k, n -= k)
            if (!(k = dio_utf8(s, n)))
                return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "the file name %s is not "
                                "UTF-8: no manifest can hold it", m->parts[i].name);
    }
    return 0;
}

/* The last member: the digest of everything before its line. */
static int seal(char **text, size_t *len, struct dumpio_error *err)
{
    static const char form[] = "  \"sha256_before\": \"%s\"\n}\n";
    unsigned char digest[DUMPIO_DIGEST_SIZE];
    char hex[HEX];
    struct dio_sha256 *h = dio_sha256_new();
    char *more = realloc(*text, *len + sizeof form + HEX);
    if (more)
        *text = more;
    if (!h || !more) {
        dio_sha256_free(h);
        return dio_nomem(err, "a manifest");
    }
    dio_sha256_start(h);
    dio_sha256_add(h, *text, *len);
    int rc = dio_sha256_end(h, digest, err);
    dio_sha256_free(h);
    if (rc)
        return rc;
    dio_hex(hex, digest, sizeof digest);
    *len += (size_t)snprintf(*text + *len, sizeof form + HEX, form, hex);
    return 0;
}

int dio_manifest_text(const struct dio_manifest *m, char **text, size_t *len,
                      struct dumpio_error *err)
{
    int rc = check_names(m, err);
    if (rc)
        return rc;
    *text = NULL;
    FILE *f = open_memstream(text, len);
    if (!f)
        return dio_nomem(err, "a manifest");
    put_all(f, m);
    bool failed = ferror(f);
    if (fclose(f) || failed)
        rc = dio_nomem(err, "a manifest");
    else
        rc = seal(text, len, err);
    if (rc) {
        free(*text);
        *text = NULL;
    }
    return rc;
}

/* ---- sha256sum ------------------------------------------------------------------------------- */

/* A name with a newline or a backslash is escaped, and a backslash in front of the line tells. */
static void put_sum(FILE *f, const struct dio_manifest_part *p)
{
    char hex[HEX];
    dio_hex(hex, p->sha256, sizeof p->sha256);
    fprintf(f, "%s%s  ", strpbrk(p->name, "\\\n") ? "\\" : "", hex);
    for (const char *c = p->name; *c; c++)
        if (*c == '\\' || *c == '\n')
            fprintf(f, "\\%c", *c == '\n' ? 'n' : '\\');
        else
            fputc(*c, f);
    fputc('\n', f);
}

int dio_manifest_sums(const struct dio_manifest *m, char **text, size_t *len,
                      struct dumpio_error *err)
{
    *text = NULL;
    FILE *f = open_memstream(text, len);
    if (!f)
        return dio_nomem(err, "checksums");
    for (size_t i = 0; i < m->n_parts; i++)
        put_sum(f, &m->parts[i]);
    bool failed = ferror(f);
    if (!fclose(f) && !failed)
        return 0;
    free(*text);
    *text = NULL;
    return dio_nomem(err, "checksums");
}
