/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a manifest (docs/manifest.md) that may be hostile: bounds and order are checked, unknown
 * members are passed over, known ones stand once.
 */
#include "extent.h"
#include "json_read.h"
#include "manifest.h"
#include "sha256.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 255u
#define WORDS_MAX 255u
#define PROVENANCE_MAX (1u << 20)

/* ---- pieces ---------------------------------------------------------------------------------- */

static void digest(struct dio_json *j, unsigned char sha256[DUMPIO_DIGEST_SIZE])
{
    char hex[2 * DUMPIO_DIGEST_SIZE + 2];
    dio_json_text(j, hex, sizeof hex);
    if (!j->rc && strlen(hex) != 2 * DUMPIO_DIGEST_SIZE)
        dio_json_fail(j, "a SHA-256 has 64 hexadecimal digits");
    for (size_t i = 0; i < DUMPIO_DIGEST_SIZE && !j->rc; i++) {
        int hi = dio_hex_digit(hex[2 * i]), lo = dio_hex_digit(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            dio_json_fail(j, "a SHA-256 has 64 hexadecimal digits");
        else
            sha256[i] = (unsigned char)(hi << 4 | lo);
    }
}

/* Room for one more of `size` bytes; NULL after an error. */
static void *grow(struct dio_json *j, void *list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    size_t more = *cap ? *cap * 2 : 16;
    void *l = realloc(list, more * size);
    if (l)
        *cap = more;
    else
        j->rc = dio_nomem(j->err, "a manifest");
    return l;
}

/* Which of `names` is the key? It must not stand twice. -1: none of them, passed over. */
static int which(struct dio_json *j, const char *key, const char *const *names, unsigned *seen)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], key) != 0)
            continue;
        if (*seen & 1u << i) { /* what it gave is kept, to be freed */
            dio_json_fail(j, "a name stands twice");
            return -1;
        }
        *seen |= 1u << i;
        return i;
    }
    dio_json_skip(j);
    return -1;
}

static void need(struct dio_json *j, unsigned seen, unsigned wanted, const char *what)
{
    if ((seen & wanted) != wanted)
        dio_json_fail(j, what);
}

/* ---- its members ----------------------------------------------------------------------------- */

static void read_leaf(struct dio_json *j, struct dio_manifest *m)
{
    static const char *const names[] = {"start", "sha256", NULL};
    char key[DIO_JSON_KEY];
    unsigned seen = 0;
    struct dio_manifest_leaf *l = &m->leaves[m->n_leaves];
    dio_json_object(j);
    while (dio_json_key(j, key))
        switch (which(j, key, names, &seen)) {
        case 0: l->base = dio_json_u64(j); break;
        case 1: digest(j, l->sha256); break;
        default: break;
        }
    need(j, seen, 3, "a leaf has \"start\" and \"sha256\"");
    if (!j->rc && (l->base % DIO_EXTENT_SIZE || (m->n_leaves && l->base <= l[-1].base)))
        dio_json_fail(j, "leaves ascend, at multiples of 4 MiB");
    m->n_leaves += !j->rc;
}

static void read_leaves(struct dio_json *j, struct dio_manifest *m)
{
    size_t cap = 0;
    dio_json_array(j);
    while (dio_json_item(j)) {
        if (m->n_leaves == DIO_MANIFEST_LEAVES_MAX) {
            j->rc = dio_fail(j->err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "more than %u leaves",
                             DIO_MANIFEST_LEAVES_MAX);
            return;
        }
        void *l = grow(j, m->leaves, m->n_leaves, &cap, sizeof *m->leaves);
        if (!l)
            return;
        m->leaves = l;
        read_leaf(j, m);
    }
}

static void read_image(struct dio_json *j, struct dio_manifest *m)
{
    static const char *const names[] = {"sha256", "leaf_size", "leaves", NULL};
    char key[DIO_JSON_KEY];
    unsigned seen = 0;
    dio_json_object(j);
    while (dio_json_key(j, key))
        switch (which(j, key, names, &seen)) {
        case 0: digest(j, m->image); break;
        case 1:
            if (dio_json_u64(j) != DIO_EXTENT_SIZE)
                dio_json_fail(j, "leaves are of 4194304 bytes");
            break;
        case 2: read_leaves(j, m); break;
        default: break;
        }
    need(j, seen, 3, "an image has \"sha256\" and \"leaf_size\"");
    m->has_image = true;
}

static void read_file(struct dio_json *j, struct dio_manifest *m)
{
    static const char *const names[] = {"size", "sha256", NULL};
    char key[DIO_JSON_KEY];
    unsigned seen = 0;
    dio_json_object(j);
    while (dio_json_key(j, key))
        switch (which(j, key, names, &seen)) {
        case 0: m->file_size = dio_json_u64(j); break;
        case 1: digest(j, m->file_sha256); break;
        default: break;
        }
    need(j, seen, 3, "a file has \"size\" and \"sha256\"");
    m->has_file = true;
}

static bool is_plain_name(const char *name)
{
    return name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/');
}

static void read_part(struct dio_json *j, struct dio_manifest *m)
{
    static const char *const names[] = {"name", "size", "sha256", "offset", "start", "end", NULL};
    char key[DIO_JSON_KEY];
    unsigned seen = 0;
    struct dio_manifest_part *p = &m->parts[m->n_parts++];
    *p = (struct dio_manifest_part){0};
    dio_json_object(j);
    while (dio_json_key(j, key))
        switch (which(j, key, names, &seen)) {
        case 0: p->name = dio_json_string(j, NAME_MAX_BYTES); break;
        case 1: p->size = dio_json_u64(j); break;
        case 2: digest(j, p->sha256); break;
        case 3: p->offset = dio_json_u64(j); break;
        case 4: p->start = dio_json_u64(j); break;
        case 5: p->end = dio_json_u64(j); break;
        default: break;
        }
    need(j, seen, 7, "a part has \"name\", \"size\" and \"sha256\"");
    if (!j->rc && !is_plain_name(p->name))
        dio_json_fail(j, "the name of a part is a file name without a folder");
    if (!j->rc && p->start > p->end)
        dio_json_fail(j, "a part ends before its start");
}

static void read_parts(struct dio_json *j, struct dio_manifest *m)
{
    size_t cap = 0;
    dio_json_array(j);
    while (dio_json_item(j)) {
        if (m->n_parts == DIO_MANIFEST_PARTS_MAX) {
            j->rc = dio_fail(j->err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "more than %u parts",
                             DIO_MANIFEST_PARTS_MAX);
            return;
        }
        void *l = grow(j, m->parts, m->n_parts, &cap, sizeof *m->parts);
        if (!l)
            return;
        m->parts = l;
        read_part(j, m);
    }
    if (!j->rc && !m->n_parts)
        dio_json_fail(j, "there is no part");
}

static void read_provenance(struct dio_json *j, struct dio_manifest *m)
{
    size_t len = 0;
    dio_json_array(j);
    while (dio_json_item(j)) {
        char *line = dio_json_string(j, PROVENANCE_MAX);
        size_t n = line ? strlen(line) : 0;
        char *all = len + n < PROVENANCE_MAX ? realloc(m->provenance, len + n + 2) : NULL;
        if (all) {
            m->provenance = all;
            len += (size_t)snprintf(all + len, n + 2, "%s\n", line ? line : "");
        } else if (!j->rc) {
            dio_json_fail(j, "the provenance is too long");
        }
        free(line);
    }
}

static void read_split(struct dio_json *j, struct dio_manifest *m)
{
    char word[16];
    dio_json_text(j, word, sizeof word);
    m->split = !strcmp(word, "bytes") ? DIO_SPLIT_BYTES
             : !strcmp(word, "memory") ? DIO_SPLIT_MEMORY : DIO_SPLIT_NONE;
    if (m->split == DIO_SPLIT_NONE && strcmp(word, "none") != 0)
        dio_json_fail(j, "\"split\" is none, bytes or memory");
}

static void read_all(struct dio_json *j, struct dio_manifest *m)
{
    static const char *const names[] = {"dumpio_manifest", "split", "parts", "format", "codec",
                                        "containers", "provenance", "image", "file", NULL};
    char key[DIO_JSON_KEY];
    unsigned seen = 0;
    dio_json_object(j);
    while (dio_json_key(j, key))
        switch (which(j, key, names, &seen)) {
        case 0:
            if (dio_json_u64(j) != 1)
                dio_json_fail(j, "a manifest of a newer version");
            break;
        case 1: read_split(j, m); break;
        case 2: read_parts(j, m); break;
        case 3: m->format = dio_json_string(j, WORDS_MAX); break;
        case 4: m->codec = dio_json_string(j, WORDS_MAX); break;
        case 5: m->containers = dio_json_string(j, WORDS_MAX); break;
        case 6: read_provenance(j, m); break;
        case 7: read_image(j, m); break;
        case 8: read_file(j, m); break;
        default: break;
        }
    need(j, seen, 7, "a manifest has \"dumpio_manifest\", \"split\" and \"parts\"");
    dio_json_end(j);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What seal() in manifest.c wrote. */
static int check_seal(const char *text, size_t len, struct dumpio_error *err)
{
    static const char before[] = "  \"sha256_before\": \"", after[] = "\"\n}\n";
    size_t tail = sizeof before - 1 + 2 * DUMPIO_DIGEST_SIZE + sizeof after - 1;
    unsigned char digest_of[DUMPIO_DIGEST_SIZE];
    char hex[2 * DUMPIO_DIGEST_SIZE + 1];
    const char *at = text + (len < tail ? 0 : len - tail);
    const char *digits = at + sizeof before - 1;
    if (len < tail || memcmp(at, before, sizeof before - 1) != 0 ||
        memcmp(digits + sizeof hex - 1, after, sizeof after - 1) != 0)
        return dio_fail(err, DUMPIO_E_CORRUPT, len, "it does not end with the digest of itself: it "
                        "was cut or changed");
    struct dio_sha256 *h = dio_sha256_new();
    if (!h)
        return dio_nomem(err, "a digest");
    dio_sha256_start(h);
    dio_sha256_add(h, text, len - tail);
    int rc = dio_sha256_end(h, digest_of, err);
    dio_sha256_free(h);
    if (rc)
        return rc;
    dio_hex(hex, digest_of, sizeof digest_of);
    if (memcmp(hex, digits, sizeof hex - 1) != 0)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "it was changed since it was "
                        "written: the digest of itself is another one");
    return 0;
}

int dio_manifest_parse(struct dio_manifest *m, const char *text, size_t len,
                       struct dumpio_error *err)
{
    *m = (struct dio_manifest){0};
    if (len > DIO_MANIFEST_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "longer than %zu bytes",
                        DIO_MANIFEST_MAX);
    int rc = check_seal(text, len, err);
    if (rc)
        return rc;
    struct dio_json j = dio_json_start(text, len, err);
    read_all(&j, m);
    if (j.rc)
        dio_manifest_free(m);
    return j.rc;
}
