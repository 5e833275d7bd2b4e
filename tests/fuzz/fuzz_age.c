/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The age format and its keys. Input: what to do (enum task), then bytes, runs written as in fuzz.h:
 * an age file for the keys of age_keys.h; armor; a file of identities or of recipients; or a
 * plaintext, with edits (struct edit) to make in what it becomes.
 * Not covered: passphrases, whose scrypt takes what time it wants to.
 */
#include "age_keys.h"
#include "fuzz.h"
#include "plug/decode.h"
#include "plug/keys.h"

#include <stdlib.h>
#include <string.h>

enum task { OPEN, ARMOR, IDENTITIES, RECIPIENTS, EDIT, REWRAP, TASKS };

#define BLOCK 50000u
#define READ_MAX ((uint64_t)1 << 20)
#define EDIT_BYTES 4u
#define EDITS 4u

static struct dio_keys *keys, *sealing; /* all identities; the X25519 recipient */

static void add(struct dio_keys *k, const char *identity)
{
    struct dumpio_error err = {0};
    FUZZ_REQUIRE(!dio_keys_add_identities(k, identity, strlen(identity), "a key", &fuzz_env, &err));
}

static void make_keys(void)
{
    struct dumpio_error err = {0};
    FUZZ_REQUIRE(!dio_keys_new(&keys, &err) && !dio_keys_new(&sealing, &err));
    add(keys, age_identity);
    add(keys, ssh_ed25519_identity);
    add(keys, ssh_rsa_identity);
    FUZZ_REQUIRE(!dio_keys_add_recipient(sealing, age_recipient, &err));
    FUZZ_REQUIRE(!dio_keys_add_recipient(keys, ssh_ed25519_recipient, &err));
    FUZZ_REQUIRE(!dio_keys_add_recipient(keys, ssh_rsa_recipient, &err));
}

/* `want`: the only bytes that may be read; NULL = not known. */
static void read_all(struct dio_bytes *b, const uint8_t *want, size_t want_len)
{
    static uint8_t x[BLOCK], y[BLOCK];
    struct dumpio_error err = {0};
    size_t n = 0, m = 0;
    FUZZ_REQUIRE(!want || b->size <= want_len);
    for (uint64_t at = 0; at < b->size && at < READ_MAX; at += BLOCK) {
        int rc = dio_read_some(b, at, x, BLOCK, &n, &err), again;
        fuzz_check_error(rc, &err);
        again = dio_read_some(b, at, y, BLOCK, &m, &err);
        FUZZ_REQUIRE(rc == again);
        FUZZ_REQUIRE(rc || (n == m && !memcmp(x, y, n)));
        FUZZ_REQUIRE(rc || n == (b->size - at < BLOCK ? b->size - at : BLOCK));
        FUZZ_REQUIRE(rc || !want || !memcmp(x, want + at, n));
    }
}

static void open_file(const struct dio_layer *l, struct fuzz_file *f, const uint8_t *want,
                      size_t want_len)
{
    const struct dio_layer_options o = {.level = DUMPIO_LEVEL_DEFAULT, .keys = keys};
    struct dumpio_error err = {0};
    struct dio_bytes *below = fuzz_source(f), *b = NULL;
    int rc = l->open(&b, below, &o, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    if (!rc)
        read_all(b, want, want_len);
    dio_bytes_close(rc ? below : b);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int give_up(void *user, const char *what, char *buf, size_t size)
{
    (void)user;
    FUZZ_REQUIRE(*what && size);
    *buf = '\0';
    return 1;
}

static void key_file(enum task task, const struct fuzz_input *in)
{
    const struct dio_keys_ask ask = {give_up, NULL};
    struct dumpio_error err = {0};
    struct dio_keys *k;
    char text[DIO_KEY_TEXT];
    FUZZ_REQUIRE(!dio_keys_new(&k, &err));
    dio_keys_set_ask(k, &ask);
    int rc = task == IDENTITIES
                 ? dio_keys_add_identities(k, (char *)in->bytes, in->size, "in", &fuzz_env, &err)
                 : dio_keys_add_recipients(k, (char *)in->bytes, in->size, "in", &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    if (!rc && task == IDENTITIES) {
        rc = dio_keys_encrypt_to_self(k, &err);
        fuzz_check_error(rc, &err);
        FUZZ_REQUIRE(rc || dio_keys_count(k, DIO_KEY_SEAL) == dio_keys_count(k, DIO_KEY_OPEN));
    }
    for (size_t i = 0; !dio_keys_recipient_text(k, i, text); i++) {
        struct dio_keys *again; /* what it prints, it reads */
        FUZZ_REQUIRE(!dio_keys_new(&again, &err));
        FUZZ_REQUIRE(!dio_keys_add_recipient(again, text, &err));
        dio_keys_free(again);
    }
    dio_keys_free(k);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void rewrap(struct fuzz_file *f)
{
    struct dumpio_error err = {0};
    struct dio_age_facts facts;
    struct dio_bytes *b = fuzz_source(f);
    int rc = dio_age_inspect(b, &facts, &err);
    fuzz_check_error(rc, &err);
    char *header = NULL;
    size_t len = 0;
    uint64_t payload = 0;
    int made = dio_age_rewrap(b, keys, &header, &len, &payload, &err);
    fuzz_check_error(made, &err);
    if (!made) {
        FUZZ_REQUIRE(!rc && payload == facts.header && len);
        free(header);
    }
    dio_bytes_close(b);
}

/* Seal the plaintext, change it as `edits` say: what can be read is the plaintext, or nothing. */
static void edit(const uint8_t *edits, const struct fuzz_input *in)
{
    const struct dio_layer_options o = {.level = DUMPIO_LEVEL_DEFAULT, .keys = sealing};
    struct fuzz_file f = {.access = DIO_FORWARD};
    struct dumpio_error err = {0};
    struct dio_out *out;
    FUZZ_REQUIRE(!dio_layer_age.create(&out, fuzz_sink(&f), &o, &fuzz_env, &err));
    if (in->size)
        FUZZ_REQUIRE(!dio_write(out, 0, in->bytes, in->size, &err));
    FUZZ_REQUIRE(!out->ops->finish(out, in->size, &err));
    for (unsigned i = 0; i < EDITS; i++, edits += EDIT_BYTES) {
        uint64_t at = dio_get16(edits, DUMPIO_LITTLE) * (edits[2] & 3u ? 1u : 37u);
        uint8_t byte;
        if (edits[2] & 0x80) /* cut there, or make it longer */
            f.size = edits[2] & 0x40 ? f.size + at % 97 : f.size - at % (f.size + 1);
        fuzz_file_read(&f, at, &byte, 1);
        byte ^= edits[3];
        if (at < f.size)
            FUZZ_REQUIRE(!fuzz_file_write(&f, at, &byte, 1, &err));
    }
    open_file(&dio_layer_age, &f, in->bytes, in->size);
    fuzz_file_clear(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t head = 1 + EDITS * EDIT_BYTES;
    if (!keys)
        make_keys();
    if (!size)
        return 0;
    enum task task = (enum task)(data[0] % TASKS);
    size_t skip = task == EDIT ? head : 1;
    if (size < skip)
        return 0;
    struct fuzz_input in = fuzz_expand(data + skip, size - skip);
    struct fuzz_file f = {0};
    fuzz_file_set(&f, in.bytes, in.size);
    dio_layer_age.probe(in.bytes, in.size);
    dio_layer_age_armor.probe(in.bytes, in.size);
    if (task == OPEN)
        open_file(&dio_layer_age, &f, NULL, 0);
    else if (task == ARMOR)
        open_file(&dio_layer_age_armor, &f, NULL, 0);
    else if (task == REWRAP)
        rewrap(&f);
    else if (task == EDIT)
        edit(data + 1, &in);
    else
        key_file(task, &in);
    fuzz_file_clear(&f);
    fuzz_input_free(&in);
    return 0;
}
