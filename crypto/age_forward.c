/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the payload of age v1 files (c2sp.org/age) as it comes. Every chunk is authenticated
 * before a byte of it is given out; that the file is cut is known at its end, and an error then.
 */
#include "age.h"

#include "plug/window.h"

#include <stdlib.h>

struct age_stream {
    struct dio_bytes *below;
    struct dio_aead *aead;
    uint64_t start, chunk; /* of the first chunk, in below; number of the next */
    uint8_t *sealed;       /* a chunk, and one byte that tells that another follows */
    uint8_t *plain;        /* a chunk */
    size_t pos, len;       /* of it */
    bool ended;
};

static int bad_chunk(const struct age_stream *a, size_t got, bool fits_otherwise,
                     struct dumpio_error *err)
{
    unsigned long long at = a->start + a->chunk * DIO_AGE_SEALED;
    bool last = got <= DIO_AGE_SEALED;
    if (last && (fits_otherwise || got < DIO_AGE_SEALED))
        return dio_fail(err, DUMPIO_E_TRUNCATED, at,
                        "%s: chunk %llu at 0x%llx is not the last one, but the stream ends there: "
                        "cut, or damaged", a->below->name, (unsigned long long)a->chunk, at);
    return dio_fail(err, DUMPIO_E_CORRUPT, at,
                    "%s: chunk %llu at 0x%llx does not authenticate: damaged or changed",
                    a->below->name, (unsigned long long)a->chunk, at);
}

static int next_chunk(struct age_stream *a, struct dumpio_error *err)
{
    uint8_t nonce[DIO_AEAD_NONCE];
    size_t got = 0;
    int rc = dio_read_some(a->below, a->start + a->chunk * DIO_AGE_SEALED, a->sealed,
                           DIO_AGE_SEALED + 1, &got, err);
    if (rc)
        return rc;
    bool last = got <= DIO_AGE_SEALED;
    size_t n = last ? got : DIO_AGE_SEALED;
    if (n < DIO_AEAD_TAG || (n == DIO_AEAD_TAG && a->chunk))
        return bad_chunk(a, got, false, err);
    n -= DIO_AEAD_TAG;
    dio_age_chunk_nonce(nonce, a->chunk, last);
    if (dio_aead_open(a->aead, nonce, a->plain, a->sealed, n)) {
        dio_age_chunk_nonce(nonce, a->chunk, !last);
        return bad_chunk(a, got, !dio_aead_open(a->aead, nonce, a->plain, a->sealed, n), err);
    }
    a->chunk++;
    a->pos = 0;
    a->len = n;
    a->ended = last;
    return 0;
}

static int stream_more(void *ctx, uint8_t *buf, size_t room, size_t *got, int *truncated,
                       struct dumpio_error *err)
{
    struct age_stream *a = ctx;
    (void)truncated;
    *got = 0;
    while (*got < room) {
        if (a->pos == a->len && a->ended)
            break;
        int rc = a->pos == a->len ? next_chunk(a, err) : 0;
        if (rc)
            return rc;
        size_t n = a->len - a->pos < room - *got ? a->len - a->pos : room - *got;
        memcpy(buf + *got, a->plain + a->pos, n);
        a->pos += n;
        *got += n;
    }
    return 0;
}

static int stream_let_go(void *ctx, struct dumpio_error *err)
{
    return dio_window_let_go(((struct age_stream *)ctx)->below, false, err);
}

static void stream_free(struct age_stream *a)
{
    dio_aead_free(a->aead);
    free(a->sealed);
    if (a->plain)
        dio_wipe(a->plain, DIO_AGE_CHUNK);
    free(a->plain);
    free(a);
}

static void stream_close(void *ctx)
{
    struct age_stream *a = ctx;
    dio_bytes_close(a->below);
    stream_free(a);
}

static const struct dio_window_ops stream_ops = {stream_more, stream_let_go, stream_close};

int dio_age_open_forward(struct dio_bytes **out, struct dio_bytes *below,
                         const struct dio_layer_options *o, const struct dumpio_env *env,
                         struct dumpio_error *err)
{
    uint8_t *key;
    uint64_t start;
    (void)env;
    int rc = dio_age_start(below, o, &key, &start, err);
    if (rc)
        return rc;
    struct age_stream *a = calloc(1, sizeof *a);
    if (a) {
        *a = (struct age_stream){.below = below, .start = start, .aead = dio_aead_new(key),
                                 .sealed = malloc(DIO_AGE_SEALED + 1),
                                 .plain = malloc(DIO_AGE_CHUNK)};
    }
    dio_secret_free(key, DIO_AEAD_KEY);
    rc = a && a->aead && a->sealed && a->plain
             ? dio_window_new(out, below->name, &stream_ops, a, dio_window_head_max(below), err)
             : dio_nomem(err, "decryption");
    if (rc && a)
        stream_free(a);
    return rc;
}
