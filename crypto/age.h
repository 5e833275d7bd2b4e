/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The age v1 format inside crypto/: header, stanzas, payload geometry (c2sp.org/age).
 */
#ifndef DIO_AGE_H
#define DIO_AGE_H

#include "age_text.h"
#include "keys.h"

#include <string.h>

#define DIO_AGE_VERSION "age-encryption.org/v1\n" /* the first line */
#define DIO_AGE_FILE_KEY 16u
#define DIO_AGE_NONCE 16u             /* in front of the chunks */
#define DIO_AGE_CHUNK 65536u          /* plaintext of every chunk but the last */
#define DIO_AGE_SEALED (DIO_AGE_CHUNK + DIO_AEAD_TAG)
#define DIO_AGE_HEADER_MAX (1u << 20) /* bytes; a stanza of an X25519 recipient has about 100 */

/* ---- header (age_header.c) ------------------------------------------------------------------- */

struct dio_age_word {
    const char *p; /* not NUL-terminated */
    size_t len;
};

static inline bool dio_age_word_is(struct dio_age_word w, const char *text)
{
    return w.len == strlen(text) && !memcmp(w.p, text, w.len);
}

struct dio_age_stanza {
    const struct dio_age_word *args; /* the first is the type */
    size_t n_args;
    const uint8_t *body;
    size_t body_len;
    uint64_t offset; /* in the file */
};

struct dio_age_header {
    char *text;           /* as in the file */
    size_t len;           /* bytes, the MAC's line included */
    size_t authenticated; /* bytes that the MAC covers */
    uint8_t mac[DIO_HASH];
    struct dio_age_stanza *stanzas;
    size_t n_stanzas;
    /* what the stanzas point into */
    struct dio_age_word *args;
    uint8_t *bodies;
};

/* Read and check the form of b's header. *h is to be freed on success only. */
int dio_age_header_read(struct dio_age_header *h, struct dio_bytes *b, struct dumpio_error *err);
void dio_age_header_free(struct dio_age_header *h);

/* ---- the file key (age_key.c) ---------------------------------------------------------------- */

/* Find the file key with one of k's identities, and check the MAC with it. */
int dio_age_header_open(const struct dio_age_header *h, const struct dio_keys *k, const char *name,
                        uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err);

/* A header for k's recipients; *text is the caller's to free. */
int dio_age_header_make(char **text, size_t *len, const struct dio_keys *k,
                        const uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err);

/* ---- stanzas (age_wrap.c) -------------------------------------------------------------------- */

/* Add a stanza that wraps the file key for one recipient. */
int dio_age_wrap(struct dio_text *t, const struct dio_key *recipient,
                 const uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err);

/*
 * Try one identity on one stanza: 0 opened; DUMPIO_END not for this identity; or an error, when the
 * stanza is of the identity's type and impossible.
 */
int dio_age_unwrap(const struct dio_age_stanza *s, const struct dio_key *identity,
                   uint8_t file_key[DIO_AGE_FILE_KEY], struct dumpio_error *err);

/* The work factor of an scrypt stanza, with all that must be checked before it is used. */
int dio_age_work(const struct dio_age_stanza *s, unsigned *log_n, struct dumpio_error *err);

/* ---- payload --------------------------------------------------------------------------------- */

/* HKDF of the file key and the payload's nonce. 0 or -1. */
int dio_age_payload_key(uint8_t key[DIO_AEAD_KEY], const uint8_t file_key[DIO_AGE_FILE_KEY],
                        const uint8_t nonce[DIO_AGE_NONCE]);

/* The nonce of a chunk: its number, 11 bytes big-endian, and the mark of the last one. */
static inline void dio_age_chunk_nonce(uint8_t nonce[DIO_AEAD_NONCE], uint64_t chunk, bool last)
{
    memset(nonce, 0, DIO_AEAD_NONCE);
    for (unsigned i = 0; i < 8; i++)
        nonce[10 - i] = (uint8_t)(chunk >> (8 * i));
    nonce[11] = last;
}

/* How many chunks `sealed` bytes are, and the sealed bytes of the last; false: impossible. */
bool dio_age_geometry(uint64_t sealed, uint64_t *chunks, size_t *last);

/*
 * Up to the payload: its key, to be freed with dio_secret_free, and where its first chunk is. Errors
 * name the file.
 */
int dio_age_start(struct dio_bytes *below, const struct dio_layer_options *o, uint8_t **key,
                  uint64_t *start, struct dumpio_error *err);

/* ---- layers (age_open.c, age_forward.c, age_create.c) ---------------------------------------- */

int dio_age_open(struct dio_bytes **out, struct dio_bytes *below, const struct dio_layer_options *o,
                 const struct dumpio_env *env, struct dumpio_error *err);
int dio_age_open_forward(struct dio_bytes **out, struct dio_bytes *below,
                         const struct dio_layer_options *o, const struct dumpio_env *env,
                         struct dumpio_error *err);
int dio_age_create(struct dio_out **out, struct dio_out *below, const struct dio_layer_options *o,
                   const struct dumpio_env *env, struct dumpio_error *err);

#endif
