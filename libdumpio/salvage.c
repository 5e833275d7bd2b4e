/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage: findings, reads around what cannot be read, and dumps whose beginning is lost.
 * Not here: what each format and layer makes of its own damage.
 */
#include "salvage.h"
#include "layers/layers.h"
#include "plug/codec.h"
#include "plug/decode.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 320u
#define PIECE 512u      /* a sector: what cannot be read is told to this */
#define ZEROS_BLOCK 1024u
#define NOISE_FACTOR 5u /* in noise, the most frequent value is less than so much above the mean */

/* ---- findings -------------------------------------------------------------------------------- */

struct finding {
    enum dumpio_finding_kind kind;
    uint64_t start, end;
    char *text; /* where, layer and text, each with its NUL */
};

struct dio_salvage {
    pthread_mutex_t lock;
    struct finding *v;
    size_t n, cap;
    uint64_t more;
};

struct dio_salvage *dio_salvage_new(void)
{
    struct dio_salvage *s = calloc(1, sizeof *s);
    if (s)
        pthread_mutex_init(&s->lock, NULL);
    return s;
}

void dio_salvage_free(struct dio_salvage *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].text);
    free(s->v);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool grow(struct dio_salvage *s)
{
    if (s->n < s->cap)
        return true;
    size_t cap = s->cap ? s->cap * 2 : 16;
    struct finding *v = realloc(s->v, cap * sizeof *v);
    if (!v)
        return false;
    s->v = v;
    s->cap = cap;
    return true;
}

static void keep(struct dio_salvage *s, const struct finding *f)
{
    bool kept = false;
    pthread_mutex_lock(&s->lock);
    if (s->n < DUMPIO_FINDINGS_MAX && f->text && grow(s)) {
        s->v[s->n++] = *f;
        kept = true;
    }
    s->more += !kept;
    pthread_mutex_unlock(&s->lock);
    if (!kept)
        free(f->text);
}

void dio_salvage_found(struct dio_salvage *s, enum dumpio_finding_kind kind,
                       const struct dio_bytes *b, const char *layer, uint64_t start, uint64_t end,
                       const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;
    if (!s)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t n = strlen(b->name) + strlen(layer) + strlen(text) + 3;
    struct finding f = {kind, start, end, malloc(n)};
    if (f.text)
        snprintf(f.text, n, "%s%c%s%c%s", b->name, 0, layer, 0, text);
    keep(s, &f);
}

int dumpio_finding_at(struct dumpio_dump *dump, size_t i, struct dumpio_finding *f, uint64_t *more)
{
    struct dio_salvage *s = dump->salvage;
    if (more)
        *more = s ? s->more : 0;
    if (!s || i >= s->n)
        return DUMPIO_END;
    *f = (struct dumpio_finding){.kind = s->v[i].kind, .where = s->v[i].text,
                                 .start = s->v[i].start, .end = s->v[i].end};
    f->layer = f->where + strlen(f->where) + 1;
    f->text = f->layer + strlen(f->layer) + 1;
    return 0;
}

/* ---- reading around -------------------------------------------------------------------------- */

void dio_gaps_free(struct dio_gaps *g)
{
    free(g->v);
    *g = (struct dio_gaps){NULL, 0, 0};
}

static int add_gap(struct dio_gaps *g, uint64_t start, uint64_t end, struct dumpio_error *err)
{
    if (g->n && g->v[g->n - 1].end == start) {
        g->v[g->n - 1].end = end;
        return 0;
    }
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        void *v = realloc(g->v, cap * sizeof *g->v);
        if (!v)
            return dio_nomem(err, "what cannot be read");
        g->v = v;
        g->cap = cap;
    }
    g->v[g->n].start = start;
    g->v[g->n++].end = end;
    return 0;
}

/* Bytes that are inside the source; halved until what fails is one piece. */
static int read_around(struct dio_bytes *b, uint64_t off, uint8_t *buf, size_t len, uint8_t fill,
                       struct dio_gaps *gaps, struct dumpio_error *err)
{
    struct dumpio_error e = {0};
    size_t got;
    int rc = dio_read_some(b, off, buf, len, &got, &e);
    if (!rc && got == len)
        return 0;
    if (rc == DUMPIO_E_NOMEM || rc == DUMPIO_E_CANCELLED) {
        if (err)
            *err = e;
        return rc;
    }
    if (len <= PIECE) {
        memset(buf, fill, len);
        return gaps ? add_gap(gaps, off, off + len, err) : 0;
    }
    size_t half = (size_t)dio_round_up(len / 2, PIECE);
    rc = read_around(b, off, buf, half, fill, gaps, err);
    return rc ? rc : read_around(b, off + half, buf + half, len - half, fill, gaps, err);
}

int dio_read_around(struct dio_bytes *b, uint64_t off, void *buf, size_t len, size_t *got,
                    uint8_t fill, struct dio_gaps *gaps, struct dumpio_error *err)
{
    *got = 0;
    if (off >= b->size)
        return 0;
    if (len > b->size - off)
        len = (size_t)(b->size - off);
    *got = len;
    return len ? read_around(b, off, buf, len, fill, gaps, err) : 0;
}

bool dio_is_noise(const uint8_t *p, size_t n)
{
    size_t count[256] = {0};
    size_t limit = n / 256 * NOISE_FACTOR + 8;
    for (size_t i = 0; i < n; i++)
        if (++count[p[i]] > limit)
            return false;
    return true;
}

size_t dio_zeros_to_skip(const uint8_t *p, size_t room, uint64_t off, size_t header)
{
    bool zeros = off % ZEROS_BLOCK == 0 && room >= ZEROS_BLOCK && dio_is_zero(p, ZEROS_BLOCK);
    return zeros ? ZEROS_BLOCK + 1 - header : 0;
}

/* ---- without the beginning ------------------------------------------------------------------- */

int dio_salvage_container(struct dio_bytes **b, const struct dio_layer_options *o,
                          const struct dumpio_env *env, char names[DIO_STACK_NAMES],
                          struct dumpio_error *err)
{
    for (size_t i = 0; dio_layers[i]; i++) {
        const struct dio_layer *l = dio_layers[i];
        struct dio_bytes *inside;
        bool there = false;
        int rc = l->find ? l->find(*b, &there, err) : 0;
        if (!rc && there) {
            rc = l->open(&inside, *b, o, env, err);
            if (!rc) {
                size_t len = strlen(names);
                *b = inside;
                snprintf(names + len, DIO_STACK_NAMES - len, "%s%s", len ? " " : "", l->name);
                return 0;
            }
        }
        if (rc)
            return rc;
    }
    return DUMPIO_END;
}

int dio_salvage_format(struct dumpio_dump *d,
                       int (*open)(struct dumpio_dump *d, struct dumpio_error *err),
                       struct dumpio_error *err)
{
    int first = err ? err->status : DUMPIO_E_FORMAT;
    for (size_t i = 0; dio_formats[i]; i++) {
        const struct dio_format *f = dio_formats[i];
        struct dumpio_error e = {0};
        if (!f->open || !(f->flags & DIO_FORMAT_SALVAGES))
            continue;
        d->format = f;
        int rc = open(d, &e);
        if (!rc)
            return 0;
        if (rc == DUMPIO_E_NOMEM || rc == DUMPIO_E_CANCELLED) {
            if (err)
                *err = e;
            return rc;
        }
    }
    d->format = NULL;
    return first;
}
