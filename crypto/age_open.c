/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the payload of age v1 files (c2sp.org/age, STREAM over ChaCha20-Poly1305) at random, by
 * several threads at once. The last chunk is authenticated first: a cut file is known from the
 * start. Does not read files whose end is missing.
 */
#include "age.h"
#include "plug/salvage.h"

#include <pthread.h>
#include <stdlib.h>

#define SPAN 16u  /* chunks read at once: about 1 MiB */
#define CACHE 32u /* opened chunks kept for small reads */

/* What one thread needs while it opens chunks. */
struct worker {
    struct worker *next;
    struct dio_aead *aead;
    uint8_t *sealed; /* SPAN chunks */
    uint8_t *plain;  /* one chunk; NULL after it went into the cache */
};

struct cached {
    uint64_t chunk;
    uint64_t used; /* 0: nothing in it */
    uint8_t *plain;
};

struct age_in {
    struct dio_bytes b;
    struct dio_bytes *below;
    uint64_t start;  /* of the first chunk, in below */
    uint64_t chunks;
    size_t last;     /* sealed bytes of the last chunk */
    bool cut;        /* salvage: the last chunk is none that ends the file */
    uint8_t *key;    /* DIO_AEAD_KEY bytes of dio_secret_alloc */
    pthread_mutex_t lock; /* of everything below; never held while a chunk is opened */
    struct worker *idle;
    uint64_t clock;
    struct cached cache[CACHE];
};

static uint64_t chunk_at(const struct age_in *a, uint64_t chunk)
{
    return a->start + chunk * DIO_AGE_SEALED;
}

static size_t sealed_size(const struct age_in *a, uint64_t chunk)
{
    return chunk + 1 == a->chunks ? a->last : DIO_AGE_SEALED;
}

/* ---- workers --------------------------------------------------------------------------------- */

static void worker_free(struct worker *w)
{
    if (!w)
        return;
    dio_aead_free(w->aead);
    free(w->sealed);
    if (w->plain)
        dio_wipe(w->plain, DIO_AGE_CHUNK);
    free(w->plain);
    free(w);
}

static struct worker *worker_new(const struct age_in *a)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->aead = dio_aead_new(a->key);
    w->sealed = malloc((size_t)SPAN * DIO_AGE_SEALED);
    w->plain = malloc(DIO_AGE_CHUNK);
    if (!w->aead || !w->sealed || !w->plain) {
        worker_free(w);
        return NULL;
    }
    return w;
}

static int worker_get(struct age_in *a, struct worker **out, struct dumpio_error *err)
{
    pthread_mutex_lock(&a->lock);
    *out = a->idle;
    if (*out)
        a->idle = (*out)->next;
    pthread_mutex_unlock(&a->lock);
    if (!*out)
        *out = worker_new(a);
    return *out ? 0 : dio_nomem(err, "decryption");
}

static void worker_put(struct age_in *a, struct worker *w)
{
    pthread_mutex_lock(&a->lock);
    w->next = a->idle;
    a->idle = w;
    pthread_mutex_unlock(&a->lock);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

/* 0, 1 = does not authenticate, -1; in: `sealed` bytes. */
static int open_chunk(struct worker *w, uint64_t chunk, bool last, const uint8_t *in,
                      size_t sealed, uint8_t *plain)
{
    uint8_t nonce[DIO_AEAD_NONCE];
    dio_age_chunk_nonce(nonce, chunk, last);
    return dio_aead_open(w->aead, nonce, plain, in, sealed - DIO_AEAD_TAG);
}

static int chunk_error(const struct age_in *a, uint64_t chunk, int result,
                       struct dumpio_error *err)
{
    unsigned long long at = chunk_at(a, chunk);
    if (result < 0)
        return dio_fail(err, DUMPIO_E_INTERNAL, at, "libcrypto refuses what age files need");
    return dio_fail(err, DUMPIO_E_CORRUPT, at,
                    "%s: chunk %llu of %llu at 0x%llx does not authenticate: damaged or changed",
                    a->b.name, (unsigned long long)chunk, (unsigned long long)a->chunks, at);
}

/* `n` whole chunks, of which the last may be the file's; n <= SPAN. */
static int open_span(struct age_in *a, struct worker *w, uint64_t chunk, unsigned n, uint8_t *out,
                     struct dumpio_error *err)
{
    size_t bytes = (size_t)(n - 1) * DIO_AGE_SEALED + sealed_size(a, chunk + n - 1);
    int rc = dio_read_exact(a->below, chunk_at(a, chunk), w->sealed, bytes, "an encrypted chunk",
                            err);
    for (unsigned i = 0; i < n && !rc; i++) {
        rc = open_chunk(w, chunk + i, chunk + i + 1 == a->chunks && !a->cut,
                        w->sealed + (size_t)i * DIO_AGE_SEALED, sealed_size(a, chunk + i),
                        out + (size_t)i * DIO_AGE_CHUNK);
        if (rc)
            rc = chunk_error(a, chunk + i, rc, err);
    }
    return rc;
}

/* ---- the cache ------------------------------------------------------------------------------- */

static bool from_cache(struct age_in *a, uint64_t chunk, size_t at, void *buf, size_t len)
{
    bool found = false;
    pthread_mutex_lock(&a->lock);
    for (unsigned i = 0; i < CACHE && !found; i++) {
        struct cached *c = &a->cache[i];
        if (c->used && c->chunk == chunk) {
            memcpy(buf, c->plain + at, len);
            c->used = ++a->clock;
            found = true;
        }
    }
    pthread_mutex_unlock(&a->lock);
    return found;
}

/* w's opened chunk changes places with the entry that rested longest. */
static void into_cache(struct age_in *a, uint64_t chunk, struct worker *w)
{
    pthread_mutex_lock(&a->lock);
    struct cached *c = &a->cache[0];
    for (unsigned i = 0; i < CACHE; i++) {
        if (a->cache[i].used && a->cache[i].chunk == chunk) { /* another thread was faster */
            c = NULL;
            break;
        }
        if (a->cache[i].used < c->used)
            c = &a->cache[i];
    }
    if (c) {
        uint8_t *p = c->plain;
        c->plain = w->plain;
        c->chunk = chunk;
        c->used = ++a->clock;
        w->plain = p;
    }
    pthread_mutex_unlock(&a->lock);
}

static int read_part(struct age_in *a, struct worker *w, uint64_t chunk, size_t at, void *buf,
                     size_t len, struct dumpio_error *err)
{
    if (from_cache(a, chunk, at, buf, len))
        return 0;
    if (!w->plain && !(w->plain = malloc(DIO_AGE_CHUNK)))
        return dio_nomem(err, "decryption");
    int rc = open_span(a, w, chunk, 1, w->plain, err);
    if (rc)
        return rc;
    memcpy(buf, w->plain + at, len);
    into_cache(a, chunk, w);
    return 0;
}

/* ---- the source ------------------------------------------------------------------------------ */

static int read_with(struct age_in *a, struct worker *w, uint64_t off, uint8_t *p, size_t len,
                     struct dumpio_error *err)
{
    int rc = 0;
    while (len && !rc) {
        uint64_t chunk = off / DIO_AGE_CHUNK;
        size_t at = (size_t)(off % DIO_AGE_CHUNK), n;
        size_t whole = sealed_size(a, chunk) - DIO_AEAD_TAG;
        if (at || len < whole) {
            n = whole - at < len ? whole - at : len;
            rc = read_part(a, w, chunk, at, p, n, err);
        } else {
            size_t chunks = len / DIO_AGE_CHUNK;
            chunks += len >= chunks * DIO_AGE_CHUNK + a->last - DIO_AEAD_TAG &&
                      chunk + chunks + 1 == a->chunks;
            chunks = chunks < SPAN ? chunks : SPAN;
            chunks = chunks ? chunks : 1;
            rc = open_span(a, w, chunk, (unsigned)chunks, p, err);
            n = (chunks - 1) * DIO_AGE_CHUNK + sealed_size(a, chunk + chunks - 1) - DIO_AEAD_TAG;
        }
        off += n;
        p += n;
        len -= n;
    }
    return rc;
}

static int age_read_at(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                       struct dumpio_error *err)
{
    struct age_in *a = (struct age_in *)b;
    struct worker *w;
    *got = 0;
    if (off >= b->size)
        return 0;
    if (len > b->size - off)
        len = (size_t)(b->size - off);
    int rc = worker_get(a, &w, err);
    if (rc)
        return rc;
    rc = read_with(a, w, off, buf, len, err);
    worker_put(a, w);
    if (rc && err)
        err->offset = off;
    if (!rc)
        *got = len;
    return rc;
}

/* Everything but `below`. */
static void release(struct age_in *a)
{
    while (a->idle) {
        struct worker *w = a->idle;
        a->idle = w->next;
        worker_free(w);
    }
    for (unsigned i = 0; i < CACHE; i++) {
        if (a->cache[i].plain)
            dio_wipe(a->cache[i].plain, DIO_AGE_CHUNK);
        free(a->cache[i].plain);
    }
    dio_secret_free(a->key, DIO_AEAD_KEY);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static void age_close(struct dio_bytes *b)
{
    struct age_in *a = (struct age_in *)b;
    dio_bytes_close(a->below);
    release(a);
}

static const struct dio_bytes_ops age_ops = {age_read_at, NULL, age_close, NULL};

/* ---- opening --------------------------------------------------------------------------------- */

static int cut(const struct age_in *a, const char *how, struct dumpio_error *err)
{
    uint64_t chunk = a->chunks ? a->chunks - 1 : 0;
    return dio_fail(err, DUMPIO_E_TRUNCATED, a->below->size,
                    "%s: chunk %llu at 0x%llx: %s (size %llu)", a->b.name,
                    (unsigned long long)chunk, (unsigned long long)chunk_at(a, chunk), how,
                    (unsigned long long)a->below->size);
}

/* Does this chunk authenticate with that mark? The plaintext is nobody's. */
static bool chunk_fits(struct age_in *a, struct worker *w, uint64_t chunk, bool last)
{
    size_t n = sealed_size(a, chunk);
    bool fits = !dio_read_exact(a->below, chunk_at(a, chunk), w->sealed, n, "", NULL) &&
                !open_chunk(w, chunk, last, w->sealed, n, w->plain);
    dio_wipe(w->plain, DIO_AGE_CHUNK);
    return fits;
}

/* The last chunk does not authenticate as such: say what is most likely the matter. */
static int explain_end(struct age_in *a, struct worker *w, struct dumpio_error *err)
{
    uint64_t chunk = a->chunks - 1;
    if (a->last == DIO_AGE_SEALED && chunk_fits(a, w, chunk, false))
        return cut(a, "the file ends behind it, and it is not the last one: cut", err);
    if (chunk && chunk_fits(a, w, chunk - 1, true))
        return dio_fail(err, DUMPIO_E_CORRUPT, chunk_at(a, chunk),
                        "%s: %zu bytes follow the last chunk, from 0x%llx on", a->b.name, a->last,
                        (unsigned long long)chunk_at(a, chunk));
    if (a->last == DIO_AGE_SEALED)
        return chunk_error(a, chunk, 1, err);
    return cut(a, "the last one does not authenticate: cut, or damaged", err);
}

/*
 * Salvage: every chunk that authenticates is what it was; what the file lacks behind them, or in
 * the last, is not known.
 */
static void do_without_end(struct age_in *a, struct worker *w, struct dio_salvage *s)
{
    uint64_t chunk = a->chunks - 1;
    if (chunk && chunk_fits(a, w, chunk - 1, true)) { /* bytes behind the end */
        a->chunks = chunk;
        a->last = DIO_AGE_SEALED;
        a->b.size = chunk * DIO_AGE_CHUNK;
        return;
    }
    a->cut = a->last == DIO_AGE_SEALED && chunk_fits(a, w, chunk, false);
    a->b.truncated = 1;
    dio_salvage_found(s, DUMPIO_FOUND_DAMAGE, a->below, "file",
                      a->cut ? a->below->size : chunk_at(a, chunk), a->below->size,
                      "encrypted: the last chunk does not end the file: cut, or damaged; all that "
                      "authenticates before it is used");
}

static int check_end(struct age_in *a, struct dio_salvage *salvage, struct dumpio_error *err)
{
    struct worker *w;
    int rc = worker_get(a, &w, err);
    if (rc)
        return rc;
    uint64_t chunk = a->chunks - 1;
    rc = dio_read_exact(a->below, chunk_at(a, chunk), w->sealed, a->last, "the last chunk", err);
    if (!rc && open_chunk(w, chunk, true, w->sealed, a->last, w->plain))
        rc = salvage ? (do_without_end(a, w, salvage), 0) : explain_end(a, w, err);
    else if (!rc)
        into_cache(a, chunk, w);
    worker_put(a, w);
    return rc;
}

int dio_age_start(struct dio_bytes *below, const struct dio_layer_options *o, uint8_t **key,
                  uint64_t *start, struct dumpio_error *err)
{
    struct dio_age_header h;
    uint8_t file_key[DIO_AGE_FILE_KEY], nonce[DIO_AGE_NONCE];
    if (dio_prim_missing())
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, 0, "%s: encrypted: %s", below->name,
                        dio_prim_missing());
    int rc = dio_age_header_read(&h, below, err);
    if (rc)
        return dio_context(err, rc, "%s", below->name);
    rc = dio_age_header_open(&h, o->keys, below->name, file_key, err);
    *start = h.len + DIO_AGE_NONCE;
    dio_age_header_free(&h);
    if (rc)
        return dio_context(err, rc, "%s", below->name);
    rc = dio_read_exact(below, *start - DIO_AGE_NONCE, nonce, sizeof nonce, "the payload's nonce",
                        err);
    if (!rc && !(*key = dio_secret_alloc(DIO_AEAD_KEY)))
        rc = dio_nomem(err, "a key");
    if (!rc && dio_age_payload_key(*key, file_key, nonce)) {
        dio_secret_free(*key, DIO_AEAD_KEY);
        rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "libcrypto has no HKDF");
    }
    dio_wipe(file_key, sizeof file_key);
    return rc;
}

/* Chunks and size; for salvage, a piece that is too short for a last chunk is let go. */
static int measure(struct age_in *a, bool salvage, struct dumpio_error *err)
{
    uint64_t sealed = a->below->size - a->start;
    bool good = dio_age_geometry(sealed, &a->chunks, &a->last);
    if (!good && salvage && a->chunks > 1) {
        sealed = --a->chunks * DIO_AGE_SEALED;
        a->last = DIO_AGE_SEALED;
        good = true;
    }
    if (!good)
        return cut(a, a->chunks ? "too short for the last chunk: cut" : "no chunk: cut", err);
    a->b.size = sealed - a->chunks * DIO_AEAD_TAG;
    return 0;
}

static int open_payload(struct age_in *a, struct dio_salvage *salvage, struct dumpio_error *err)
{
    int rc = measure(a, salvage != NULL, err);
    return rc ? rc : check_end(a, salvage, err);
}

int dio_age_open(struct dio_bytes **out, struct dio_bytes *below, const struct dio_layer_options *o,
                 const struct dumpio_env *env, struct dumpio_error *err)
{
    uint8_t *key;
    uint64_t start;
    (void)env;
    int rc = dio_age_start(below, o, &key, &start, err);
    if (rc)
        return rc;
    struct age_in *a = calloc(1, sizeof *a);
    if (!a) {
        dio_secret_free(key, DIO_AEAD_KEY);
        return dio_nomem(err, "an encrypted file");
    }
    a->b = (struct dio_bytes){&age_ops, 0, below->name, below->truncated, 0};
    a->below = below;
    a->start = start;
    a->key = key;
    pthread_mutex_init(&a->lock, NULL);
    rc = open_payload(a, o->salvage, err);
    if (rc)
        release(a);
    else
        *out = &a->b;
    return rc;
}
