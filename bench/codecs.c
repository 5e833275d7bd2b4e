/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures the page codecs on the pages of a dump that are not zero, in memory, one thread, in CPU
 * time, beside what their libraries do without us.
 * Prints tab-separated lines: what the dump holds; then a title and one line for each codec, a
 * library alone behind the codec that uses it.
 * Format reference: none. Not measured: reading, writing, threads (suite: whole conversions).
 */
#include "codecs.h"
#include "dumpio/dumpio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB_DEFAULT 64u
#define ROUNDS_DEFAULT 5u
#define PIECE (1u << 20)

struct sample {
    uint8_t *pages;
    size_t n, unit;  /* pages, bytes of each */
    uint8_t *packed; /* room for all of them, and for one that grows */
    size_t *len;     /* of each; 0: it did not shrink */
};

void bench_die(const char *what)
{
    fprintf(stderr, "codecs: %s\n", what);
    exit(1);
}

/* ---- the sample: pages that are not zero, evenly over the dump ------------------------------- */

/* Visits them: returns how many, and keeps s->n of `of` of them when s is not NULL. */
static size_t visit(struct dumpio_dump *d, size_t unit, struct sample *s, size_t of)
{
    static uint8_t piece[PIECE];
    struct dumpio_error err;
    struct dumpio_run run = {0};
    size_t seen = 0, kept = 0;
    int rc;
    while ((rc = dumpio_next_run(d, run.end, &run, &err)) == 0)
        for (uint64_t at = run.start; run.kind == DUMPIO_PRESENT && at < run.end;) {
            size_t n = run.end - at < PIECE ? (size_t)(run.end - at) : PIECE;
            if (dumpio_read(d, at, piece, n, &err))
                memset(piece, 0, n); /* lost pages are no part of the sample */
            for (size_t i = 0; i + unit <= n; i += unit) {
                if (dio_is_zero(piece + i, unit))
                    continue;
                if (s && kept < s->n && (uint64_t)seen * s->n / of >= kept)
                    memcpy(s->pages + kept++ * unit, piece + i, unit);
                seen++;
            }
            at += n;
        }
    if (rc != DUMPIO_END)
        bench_die(err.message);
    return seen;
}

static void load(const char *path, size_t mib, struct sample *s)
{
    struct dumpio_dump *d;
    struct dumpio_error err;
    if (dumpio_open(&d, &path, 1, NULL, NULL, &err))
        bench_die(err.message);
    s->unit = dumpio_get_info(d)->unit;
    size_t of = visit(d, s->unit, NULL, 0), want = mib * (1u << 20) / s->unit;
    s->n = want < of ? want : of;
    s->pages = malloc(s->n * s->unit + 1);
    s->packed = malloc(s->n * s->unit + ROOM_TO_GROW);
    s->len = calloc(s->n + 1, sizeof *s->len);
    if (!s->n || !s->pages || !s->packed || !s->len)
        bench_die("no page that is not zero, or no memory");
    visit(d, s->unit, s, of);
    dumpio_close(d);
    printf("sampled\tpages\tunit\n%zu\t%zu\t%zu\n", s->n, of, s->unit); /* not zero, both */
}

/* ---- measuring ------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double pack_all(struct contender *c, struct sample *s)
{
    uint8_t *to = s->packed;
    double start = now();
    c->bytes = c->stored = 0;
    for (size_t i = 0; i < s->n; i++) {
        const uint8_t *page = s->pages + i * s->unit;
        size_t len = c->codec ? c->codec->pack(c->packer, page, s->unit, to, s->unit - 1)
                              : c->library->pack(c->packer, page, s->unit, to, s->unit - 1);
        s->len[i] = len;
        to += len;
        c->stored += !len;
        c->bytes += len ? len : s->unit;
    }
    return now() - start;
}

/* Pages that did not shrink do not count. */
static double expand_all(struct contender *c, struct sample *s, int compare)
{
    static uint8_t page[DIO_PAGE_MAX];
    const uint8_t *from = s->packed;
    double start = now();
    for (size_t i = 0; i < s->n; from += s->len[i++]) {
        if (!s->len[i])
            continue;
        int rc = c->codec ? c->codec->expand(c->expander, from, s->len[i], page, s->unit, NULL)
                          : c->library->expand(c->expander, from, s->len[i], page, s->unit);
        if (rc || (compare && memcmp(page, s->pages + i * s->unit, s->unit)))
            bench_die("a page did not come back");
    }
    return now() - start;
}

static void measure(struct contender *c, struct sample *s, int first)
{
    double pack = pack_all(c, s);
    if (first)
        expand_all(c, s, 1);
    double expand = expand_all(c, s, 0);
    if (first || pack < c->pack_s)
        c->pack_s = pack;
    if (first || expand < c->expand_s)
        c->expand_s = expand;
}

static double measure_zero(struct sample *s, unsigned rounds)
{
    double best = 0;
    memset(s->packed, 0, s->n * s->unit);
    for (unsigned round = 0; round < rounds; round++) {
        double start = now();
        for (size_t i = 0; i < s->n; i++)
            if (!dio_is_zero(s->packed + i * s->unit, s->unit))
                bench_die("a zero page is none");
        double t = now() - start;
        if (!round || t < best)
            best = t;
    }
    return best;
}

/* Megabytes of pages a second. */
static double speed(const struct sample *s, size_t pages, double seconds)
{
    return (double)(pages * s->unit) / seconds / 1e6;
}

static void report(const struct sample *s)
{
    printf("codec\tpack\texpand\tratio\tstored\tlibrary pack\tlibrary expand\n");
    for (size_t i = 0; i < n_contenders; i++) {
        const struct contender *c = &contenders[i];
        const struct contender *l = i + 1 < n_contenders && contenders[i + 1].same ? c + 1 : NULL;
        printf("%s\t%.1f\t%.1f\t%.4f\t%zu\t", c->title, speed(s, s->n, c->pack_s),
               speed(s, s->n - c->stored, c->expand_s),
               (double)c->bytes / (double)(s->n * s->unit), c->stored);
        if (l)
            printf("%.1f\t%.1f\n", speed(s, s->n, l->pack_s),
                   speed(s, s->n - l->stored, l->expand_s));
        else
            printf("-\t-\n");
    }
}

int main(int argc, char **argv)
{
    struct sample s;
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: codecs DUMP [MIB [ROUNDS]]\n"
                        "MIB of pages (%u), the best of ROUNDS (%u)\n", MIB_DEFAULT,
                ROUNDS_DEFAULT);
        return 2;
    }
    unsigned long mib = argc > 2 ? strtoul(argv[2], NULL, 10) : MIB_DEFAULT;
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : ROUNDS_DEFAULT;
    load(argv[1], mib, &s);
    add_contenders();
    for (unsigned round = 0; round < rounds || !round; round++) /* in turns: load hits all */
        for (size_t i = 0; i < n_contenders; i++)
            measure(&contenders[i], &s, !round);
    report(&s);
    printf("zero pages\t%.1f\t-\t-\t-\t-\t-\n", speed(&s, s.n, measure_zero(&s, rounds)));
    return 0;
}
