/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of keys, as the age program takes them: recipients and identities one a line, SSH private
 * keys, and identity files that are age files themselves (with a passphrase).
 */
#include "keys.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LINE_ROOM 16384u /* an ssh-rsa line of 16384 bits has about 2800 characters */

/* ---- lines ----------------------------------------------------------------------------------- */

struct lines {
    const char *p, *end, *name;
    unsigned number;
    char *line; /* the current one, NUL-terminated, of LINE_ROOM bytes */
};

/* 1: a line that says something is in l->line; 0: the end; or an error. */
static int next_line(struct lines *l, struct dumpio_error *err)
{
    while (l->p < l->end) {
        const char *eol = memchr(l->p, '\n', (size_t)(l->end - l->p));
        const char *start = l->p, *stop = eol ? eol : l->end;
        l->p = eol ? eol + 1 : l->end;
        l->number++;
        while (start < stop && (*start == ' ' || *start == '\t'))
            start++;
        while (start < stop && strchr(" \t\r", stop[-1]))
            stop--;
        if (start == stop || *start == '#')
            continue;
        size_t n = (size_t)(stop - start);
        if (n >= LINE_ROOM || memchr(start, 0, n))
            return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s, line %u: no key", l->name,
                            l->number);
        memcpy(l->line, start, n);
        l->line[n] = 0;
        return 1;
    }
    return 0;
}

static int each_line(struct dio_keys *k, const char *text, size_t len, const char *name,
                     int (*add)(struct dio_keys *k, const char *line, const struct lines *l,
                                const struct dumpio_env *env, struct dumpio_error *err),
                     const struct dumpio_env *env, struct dumpio_error *err)
{
    struct lines l = {text, text + len, name, 0, dio_secret_alloc(LINE_ROOM)};
    unsigned found = 0;
    int rc = l.line ? 0 : dio_nomem(err, "a file of keys");
    while (!rc && (rc = next_line(&l, err)) == 1) {
        found++;
        rc = add(k, l.line, &l, env, err);
        if (rc)
            dio_context(err, rc, "%s, line %u", name, l.number);
    }
    dio_secret_free(l.line, LINE_ROOM);
    if (!rc && !found)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: no key in it", name);
    return rc;
}

/* ---- recipients ------------------------------------------------------------------------------ */

/* Files of SSH keys often hold kinds that age has no use for: those are left out, and said so. */
static int add_recipient(struct dio_keys *k, const char *line, const struct lines *l,
                         const struct dumpio_env *env, struct dumpio_error *err)
{
    int rc = dio_keys_add_recipient(k, line, err);
    bool ssh = !strncmp(line, "ecdsa-", 6) || !strncmp(line, "sk-", 3) ||
               !strncmp(line, "ssh-dss ", 8);
    if (rc != DUMPIO_E_UNSUPPORTED || !ssh)
        return rc;
    dio_note(env, DUMPIO_WARNING, "%s, line %u: left out: SSH keys of this kind are not supported",
             l->name, l->number);
    return 0;
}

int dio_keys_add_recipients(struct dio_keys *k, const char *text, size_t len, const char *name,
                            const struct dumpio_env *env, struct dumpio_error *err)
{
    size_t before = dio_keys_count(k, DIO_KEY_SEAL);
    int rc = each_line(k, text, len, name, add_recipient, env, err);
    if (!rc && dio_keys_count(k, DIO_KEY_SEAL) == before)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: no recipient in it", name);
    return rc;
}

/* ---- identities ------------------------------------------------------------------------------ */

static int add_identity(struct dio_keys *k, const char *line, const struct lines *l,
                        const struct dumpio_env *env, struct dumpio_error *err)
{
    (void)l;
    (void)env;
    return dio_keys_add_identity(k, line, err);
}

static int add_plain(struct dio_keys *k, const char *text, size_t len, const char *name,
                     const struct dumpio_env *env, struct dumpio_error *err)
{
    static const char pem[] = "-----BEGIN ";
    struct dio_key *key;
    if (len < sizeof pem || memcmp(text, pem, sizeof pem - 1) != 0)
        return each_line(k, text, len, name, add_identity, env, err);
    int rc = dio_ssh_private(&key, k, text, len, name, err);
    if (!rc)
        dio_key_append(&k->identities, key);
    return rc;
}

/* Bytes in memory as a source: borrowed, for as long as it is open. */
struct memory {
    struct dio_bytes b;
    const uint8_t *p;
};

static int memory_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                          struct dumpio_error *err)
{
    struct memory *m = (struct memory *)b;
    (void)err;
    *got = off < b->size ? (size_t)(b->size - off) : 0;
    if (*got > len)
        *got = len;
    if (*got)
        memcpy(buf, m->p + off, *got);
    return 0;
}

static void memory_close(struct dio_bytes *b)
{
    free(b);
}

static int memory_open(struct dio_bytes **out, const char *text, size_t len, const char *name,
                       struct dumpio_error *err)
{
    static const struct dio_bytes_ops ops = {memory_read_at, NULL, memory_close, NULL};
    struct memory *m = malloc(sizeof *m);
    if (!m)
        return dio_nomem(err, "a file of keys");
    *m = (struct memory){{&ops, len, name, 0, 0}, (const uint8_t *)text};
    *out = &m->b;
    return 0;
}

static int push(struct dio_bytes **b, const struct dio_layer *layer, const struct dio_keys *k,
                const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dio_layer_options o = {.level = DUMPIO_LEVEL_DEFAULT, .keys = k};
    struct dio_bytes *above;
    int rc = layer->open(&above, *b, &o, env, err);
    if (!rc)
        *b = above;
    return rc;
}

/* An identity file encrypted with a passphrase, which the keys' `ask` is for. */
static int add_encrypted(struct dio_keys *k, const char *text, size_t len, const char *name,
                         const struct dumpio_env *env, struct dumpio_error *err)
{
    /* only a passphrase opens it: the identities so far are for other files */
    struct dio_keys only = {NULL, NULL, k->ask};
    struct dio_bytes *b = NULL;
    int rc = memory_open(&b, text, len, name, err);
    if (rc)
        return rc;
    if (dio_layer_age_armor.probe((const uint8_t *)text, len))
        rc = push(&b, &dio_layer_age_armor, &only, env, err);
    if (!rc)
        rc = push(&b, &dio_layer_age, &only, env, err);
    if (!rc && b->size > DIO_KEY_FILE_MAX)
        rc = dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "%s: too large for a file of keys",
                      name);
    size_t n = rc ? 0 : (size_t)b->size;
    char *plain = rc ? NULL : dio_secret_alloc(n + 1);
    if (!rc && !plain)
        rc = dio_nomem(err, "a file of keys");
    if (!rc)
        rc = dio_read_exact(b, 0, plain, n, name, err);
    if (!rc)
        rc = add_plain(k, plain, n, name, env, err);
    dio_secret_free(plain, n + 1);
    dio_bytes_close(b);
    return rc;
}

int dio_keys_add_identities(struct dio_keys *k, const char *text, size_t len, const char *name,
                            const struct dumpio_env *env, struct dumpio_error *err)
{
    const uint8_t *head = (const uint8_t *)text;
    if (dio_layer_age.probe(head, len) || dio_layer_age_armor.probe(head, len))
        return add_encrypted(k, text, len, name, env, err);
    return add_plain(k, text, len, name, env, err);
}
