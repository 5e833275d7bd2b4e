/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age files (c2sp.org/age, version 1) as a container layer, and what can be told or done without
 * touching the payload. Armor is a layer of its own, age_armor.c.
 */
#include "age.h"

#include <stdio.h>
#include <stdlib.h>

static int probe(const uint8_t *head, size_t n)
{
    static const char prefix[] = "age-encryption.org/";
    return n >= sizeof prefix && !memcmp(head, prefix, sizeof prefix - 1) ? 100 : 0;
}

const struct dio_layer dio_layer_age = {
    .name = "age",
    .suffix = ".age",
    .probe = probe,
    .open = dio_age_open,
    .open_forward = dio_age_open_forward,
    .create = dio_age_create,
};

int dio_age_payload_key(uint8_t key[DIO_AEAD_KEY], const uint8_t file_key[DIO_AGE_FILE_KEY],
                        const uint8_t nonce[DIO_AGE_NONCE])
{
    const struct dio_hkdf_in in = {file_key, nonce, DIO_AGE_FILE_KEY, DIO_AGE_NONCE, "payload"};
    return dio_hkdf(key, &in);
}

bool dio_age_geometry(uint64_t sealed, uint64_t *chunks, size_t *last)
{
    *chunks = sealed / DIO_AGE_SEALED + (sealed % DIO_AGE_SEALED != 0);
    if (!*chunks)
        return false;
    *last = (size_t)(sealed - (*chunks - 1) * DIO_AGE_SEALED);
    return *last >= DIO_AEAD_TAG && (*last > DIO_AEAD_TAG || *chunks == 1);
}

int dio_age_inspect(struct dio_bytes *b, struct dio_age_facts *facts, struct dumpio_error *err)
{
    struct dio_age_header h;
    size_t at = 0, last;
    int rc = dio_age_header_read(&h, b, err);
    if (rc)
        return rc;
    *facts = (struct dio_age_facts){.header = h.len, .n_stanzas = (unsigned)h.n_stanzas};
    for (size_t i = 0; i < h.n_stanzas; i++) {
        struct dio_age_word w = h.stanzas[i].args[0];
        if (at + w.len + 2 < sizeof facts->stanzas)
            at += (size_t)snprintf(facts->stanzas + at, sizeof facts->stanzas - at, "%s%.*s",
                                   at ? " " : "", (int)w.len, w.p);
        if (dio_age_word_is(w, "scrypt") && !rc)
            rc = dio_age_work(&h.stanzas[i], &facts->work, err);
    }
    uint64_t payload = b->size - h.len;
    if (payload >= DIO_AGE_NONCE &&
        dio_age_geometry(payload - DIO_AGE_NONCE, &facts->chunks, &last)) {
        facts->overhead = DIO_AGE_NONCE + facts->chunks * DIO_AEAD_TAG;
        facts->plain = payload - facts->overhead;
    } else {
        facts->impossible = 1;
    }
    dio_age_header_free(&h);
    return rc;
}

int dio_age_rewrap(struct dio_bytes *b, const struct dio_keys *k, char **header, size_t *len,
                   uint64_t *payload, struct dumpio_error *err)
{
    struct dio_age_header h;
    uint8_t file_key[DIO_AGE_FILE_KEY];
    int rc = dio_age_header_read(&h, b, err);
    if (rc)
        return dio_context(err, rc, "%s", b->name);
    rc = dio_age_header_open(&h, k, b->name, file_key, err);
    if (rc)
        dio_context(err, rc, "%s", b->name);
    else
        rc = dio_age_header_make(header, len, k, file_key, err);
    *payload = h.len;
    dio_wipe(file_key, sizeof file_key);
    dio_age_header_free(&h);
    return rc;
}
