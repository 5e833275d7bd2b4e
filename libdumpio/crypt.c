/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <dumpio/crypt.h> on top of the encryption layer (plug/keys.h): whole files through it, and files
 * of keys. The format itself is crypto's.
 */
#include <dumpio/crypt.h>

#include "crypt_copy.h"
#include "crypt_out.h"
#include "describe.h"
#include "io/io.h"
#include "plug/keys.h"
#include "plug/secret.h"
#include "sha256.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The public names and the layer's are the same set. */
_Static_assert((int)DUMPIO_KEY_OPEN == (int)DIO_KEY_OPEN, "key uses");
_Static_assert((int)DUMPIO_KEY_SEAL == (int)DIO_KEY_SEAL, "key uses");
_Static_assert(DUMPIO_KEY_TEXT == DIO_KEY_TEXT, "room for a key");

struct dumpio_keys {
    struct dio_keys *k;
    struct dumpio_ask ask;
};

/* ---- keys ------------------------------------------------------------------------------------ */

void dumpio_crypto_prepare(void)
{
    dio_sha256_prepare(); /* all that is of libcrypto */
}

int dumpio_keys_new(struct dumpio_keys **out, struct dumpio_error *err)
{
    struct dumpio_keys *keys = calloc(1, sizeof *keys);
    if (!keys)
        return dio_nomem(err, "a set of keys");
    int rc = dio_keys_new(&keys->k, err);
    if (rc)
        free(keys);
    else
        *out = keys;
    return rc;
}

void dumpio_keys_free(struct dumpio_keys *keys)
{
    if (keys)
        dio_keys_free(keys->k);
    free(keys);
}

const struct dio_keys *dio_keys_inside(const struct dumpio_keys *keys)
{
    return keys ? keys->k : NULL;
}

void dumpio_keys_set_ask(struct dumpio_keys *keys, const struct dumpio_ask *ask)
{
    const struct dio_keys_ask a = {ask->passphrase, ask->user};
    dio_keys_set_ask(keys->k, &a);
}

int dumpio_keys_add_recipient(struct dumpio_keys *keys, const char *text, struct dumpio_error *err)
{
    return dio_keys_add_recipient(keys->k, text, err);
}

int dumpio_keys_add_identity(struct dumpio_keys *keys, const char *text, struct dumpio_error *err)
{
    return dio_keys_add_identity(keys->k, text, err);
}

int dumpio_keys_add_passphrase(struct dumpio_keys *keys, const char *text, unsigned use,
                               struct dumpio_error *err)
{
    return dio_keys_add_passphrase(keys->k, text, use, err);
}

int dumpio_keys_encrypt_to_self(struct dumpio_keys *keys, struct dumpio_error *err)
{
    return dio_keys_encrypt_to_self(keys->k, err);
}

size_t dumpio_keys_count(const struct dumpio_keys *keys, enum dumpio_key_use use)
{
    return dio_keys_count(keys->k, (enum dio_key_use)use);
}

int dumpio_keys_recipient_text(const struct dumpio_keys *keys, size_t i,
                               char text[DUMPIO_KEY_TEXT])
{
    return dio_keys_recipient_text(keys->k, i, text);
}

int dumpio_keys_seal_text(const struct dumpio_keys *keys, size_t i, char text[DUMPIO_KEY_TEXT])
{
    return dio_keys_seal_text(keys->k, i, text);
}

/* ---- files of keys --------------------------------------------------------------------------- */

static int key_file_contents(const char *path, char *buf, size_t *len, struct dumpio_error *err)
{
    struct dio_file_in in;
    int rc = dio_file_open(&in, path, err);
    if (rc)
        return rc;
    if (in.bytes) {
        rc = dio_read_some(in.bytes, 0, buf, DIO_KEY_FILE_MAX + 1, len, err);
        dio_bytes_close(in.bytes);
    } else {
        rc = dio_stream_read(in.fd, buf, DIO_KEY_FILE_MAX + 1, len, NULL, err);
        close(in.fd);
    }
    if (!rc && *len > DIO_KEY_FILE_MAX)
        rc = dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                      "%s: longer than %u bytes: no file of keys", path, DIO_KEY_FILE_MAX);
    return rc;
}

static int add_file(struct dumpio_keys *keys, const char *path,
                    int (*add)(struct dio_keys *k, const char *text, size_t len, const char *name,
                               const struct dumpio_env *env, struct dumpio_error *err),
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    size_t room = DIO_KEY_FILE_MAX + 1, len = 0;
    char *buf = dio_secret_alloc(room);
    if (!buf)
        return dio_nomem(err, "a file of keys");
    int rc = key_file_contents(path, buf, &len, err);
    if (!rc)
        rc = add(keys->k, buf, len, strcmp(path, "-") ? path : "standard input", env, err);
    dio_secret_free(buf, room);
    return rc;
}

int dumpio_keys_add_recipients_file(struct dumpio_keys *keys, const char *path,
                                    const struct dumpio_env *env, struct dumpio_error *err)
{
    return add_file(keys, path, dio_keys_add_recipients, env, err);
}

int dumpio_keys_add_identity_file(struct dumpio_keys *keys, const char *path,
                                  const struct dumpio_env *env, struct dumpio_error *err)
{
    return add_file(keys, path, dio_keys_add_identities, env, err);
}

int dumpio_keygen(const char *path, int force, char recipient[DUMPIO_KEY_TEXT],
                  struct dumpio_error *err)
{
    const struct dio_file_out_options o = {force != 0, false};
    char now[40] = "", identity[DIO_KEY_TEXT] = "";
    size_t room = 512;
    struct dio_out *out;
    time_t t = time(NULL);
    struct tm tm;
    char *text = dio_secret_alloc(room);
    if (!text)
        return dio_nomem(err, "a key");
    if (gmtime_r(&t, &tm))
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &tm);
    int rc = dio_keys_generate(identity, recipient, err);
    size_t n = (size_t)snprintf(text, room, "# created: %s\n# public key: %s\n%s\n", now,
                                rc ? "" : recipient, identity);
    if (!rc)
        rc = dio_file_create(&out, path, &o, err);
    if (!rc) {
        rc = dio_write(out, 0, text, n, err);
        if (rc)
            out->ops->discard(out);
        else
            rc = out->ops->finish(out, n, err);
    }
    dio_wipe(identity, sizeof identity);
    dio_secret_free(text, room);
    return rc;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static int push_in(struct dio_bytes **b, const struct dio_layer *layer, const struct dio_keys *k,
                   const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dio_layer_options o = {.level = DUMPIO_LEVEL_DEFAULT, .keys = k};
    struct dio_bytes *above;
    int rc = layer->open(&above, *b, &o, env, err);
    if (!rc)
        *b = above;
    return rc;
}

struct outside {
    bool armored;
    uint64_t size; /* bytes, with the armor */
};

/* The file without its armor. A stream is put into a temporary file, encrypted as it is. */
static int open_encrypted(struct dio_bytes **out, const char *path, struct outside *outside,
                          const struct dumpio_env *env, struct dumpio_error *err)
{
    uint8_t head[2048];
    size_t n;
    struct dio_file_in in;
    struct dio_bytes *b = NULL;
    int rc = dio_file_open(&in, path, err);
    if (rc)
        return rc;
    b = in.bytes;
    if (!b)
        rc = dio_spool(&b, in.fd, NULL, 0, false, env, err);
    if (rc)
        return rc;
    rc = dio_read_some(b, 0, head, sizeof head, &n, err);
    outside->size = b->size;
    outside->armored = !rc && dio_layer_age_armor.probe(head, n);
    if (outside->armored)
        rc = push_in(&b, &dio_layer_age_armor, NULL, env, err);
    else if (!rc && !dio_layer_age.probe(head, n))
        rc = dio_fail(err, DUMPIO_E_FORMAT, 0, "%s: not encrypted with age", b->name);
    if (rc)
        dio_bytes_close(b);
    else
        *out = b;
    return rc;
}

static int same_file(const char *in, const char *out, struct dumpio_error *err)
{
    struct stat a, b;
    if (!strcmp(in, "-") || !strcmp(out, "-") || stat(in, &a) || stat(out, &b) ||
        a.st_dev != b.st_dev || a.st_ino != b.st_ino || !S_ISREG(a.st_mode))
        return 0;
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s and %s are the same file", in, out);
}

/* ---- encrypt, decrypt, rewrap ---------------------------------------------------------------- */

/* What the input holds, for the recipients. */
static int describe(struct dio_crypt_out *c, const struct dio_file_in *from, const char *in,
                    struct dumpio_error *err)
{
    const struct dumpio_crypt_options *o = c->o;
    const struct dio_described what = {
        .path = in, .seal = o->keys->k, .outside = o->armor ? dio_layer_age_armor.name : ""};
    int rc = 0;
    if (!o->manifest)
        return 0;
    if (from->bytes && !o->no_image)
        rc = dio_describe(&c->contents, &what, c->env, err);
    return rc ? rc : dio_describe_making(&c->contents, o->manifest->provenance, err);
}

int dumpio_encrypt(const char *in, const char *out, const struct dumpio_crypt_options *options,
                   const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dio_layer_options lo = {.level = DUMPIO_LEVEL_DEFAULT,
                                         .keys = options->keys->k};
    struct dio_file_in from;
    struct dio_crypt_out c;
    struct dio_out *above;
    uint64_t bytes = 0;
    int rc = same_file(in, out, err);
    if (!rc)
        rc = dio_file_open(&from, in, err);
    if (rc)
        return rc;
    rc = dio_crypt_out_start(&c, out, options, options->armor != 0, env, err);
    if (!rc)
        rc = dio_layer_age.create(&above, c.sink, &lo, env, err);
    if (!rc) {
        c.sink = above;
        rc = dio_copy_serial(&from, c.sink, &bytes, env, err);
    }
    if (!rc)
        rc = describe(&c, &from, in, err);
    rc = dio_crypt_out_end(&c, bytes, rc, err);
    if (from.bytes)
        dio_bytes_close(from.bytes);
    else
        close(from.fd);
    return rc;
}

/* A manifest is made of what is at hand when a file is encrypted. */
static int no_manifest(const struct dumpio_crypt_options *o, struct dumpio_error *err)
{
    return o->manifest ? dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "a manifest is written when "
                                  "a file is encrypted, not when it is decrypted or rewrapped")
                       : 0;
}

int dumpio_decrypt(const char *in, const char *out, const struct dumpio_crypt_options *options,
                   const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_bytes *b;
    struct dio_crypt_out c;
    struct outside outside;
    int rc = no_manifest(options, err);
    if (!rc)
        rc = same_file(in, out, err);
    if (!rc)
        rc = open_encrypted(&b, in, &outside, env, err);
    if (rc)
        return rc;
    rc = push_in(&b, &dio_layer_age, options->keys->k, env, err);
    if (!rc) {
        rc = dio_crypt_out_start(&c, out, options, false, env, err);
        if (!rc)
            rc = dio_copy_parallel(b, c.sink, (struct dio_copy_range){0, b->size, 0}, env, err);
        rc = dio_crypt_out_end(&c, b->size, rc, err);
    }
    dio_bytes_close(b);
    return rc;
}

int dumpio_rewrap(const char *in, const char *out, const struct dumpio_crypt_options *options,
                  const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_bytes *b;
    struct dio_crypt_out c;
    struct outside outside;
    char *header = NULL;
    size_t len;
    uint64_t payload;
    int rc = no_manifest(options, err);
    if (!rc)
        rc = same_file(in, out, err);
    if (!rc)
        rc = open_encrypted(&b, in, &outside, env, err);
    if (rc)
        return rc;
    rc = dio_age_rewrap(b, options->keys->k, &header, &len, &payload, err);
    if (!rc) {
        rc = dio_crypt_out_start(&c, out, options, outside.armored || options->armor, env, err);
        if (!rc)
            rc = dio_write(c.sink, 0, header, len, err);
        if (!rc)
            rc = dio_copy_parallel(b, c.sink, (struct dio_copy_range){payload, b->size, len}, env,
                                   err);
        rc = dio_crypt_out_end(&c, len + b->size - payload, rc, err);
    }
    free(header);
    dio_bytes_close(b);
    return rc;
}

/* ---- inspect --------------------------------------------------------------------------------- */

int dumpio_inspect(const char *path, struct dumpio_inspection *result,
                   const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_bytes *b;
    struct dio_age_facts f;
    struct outside outside;
    int rc = open_encrypted(&b, path, &outside, env, err);
    if (rc)
        return rc;
    rc = dio_age_inspect(b, &f, err);
    if (rc) {
        dio_context(err, rc, "%s", path);
    } else {
        *result = (struct dumpio_inspection){
            .size = outside.size, .header = f.header, .overhead = f.overhead,
            .armor = outside.size - b->size, .plain = f.plain, .chunks = f.chunks,
            .armored = outside.armored, .cut = f.impossible, .work = f.work,
            .n_stanzas = f.n_stanzas};
        memcpy(result->stanzas, f.stanzas, sizeof result->stanzas);
    }
    dio_bytes_close(b);
    return rc;
}
