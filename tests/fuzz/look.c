/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at everything an open dump has: the map, the pages by both ways to them, the model, what
 * the memory tells. For the targets that open dumps. Not covered: more than a few pages.
 */
#include "batch.h"
#include "fuzz.h"
#include "ranges.h"

#include "plug/decode.h"

#include <stdlib.h>
#include <string.h>

#define HELD_MAX ((uint64_t)4 << 20)     /* bytes of memory decoded */
#define EXPLORED_MAX ((uint64_t)16 << 20) /* bytes of memory that are searched */
#define VERIFIED_MAX ((uint64_t)1 << 20)
#define SPAN (1u << 20)

static void check_text(const char *text)
{
    FUZZ_REQUIRE(text && strlen(text) < FUZZ_EXPANDED_MAX);
}

static unsigned sum; /* keeps the reads */

static void touch(const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++)
        sum += p[i];
}

static void check_info(const struct dumpio_info *i)
{
    const char *const texts[] = {i->format, i->containers, i->variant, i->arch, i->build_id,
                                 i->panic, i->taint, i->hardware, i->extras, i->provenance};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        check_text(texts[t]);
    for (size_t t = 0; t < DUMPIO_UTS_FIELDS; t++)
        check_text(i->uts[t]);
    FUZZ_REQUIRE(i->unit >= 4096 && !(i->unit & (i->unit - 1)));
    FUZZ_REQUIRE(i->panic_cpu < (int64_t)i->n_cpus);
    touch(i->vmcoreinfo, i->vmcoreinfo_len);
    touch(i->eraseinfo, i->eraseinfo_len);
    for (uint32_t c = 0; c < i->n_cpus; c++)
        if (i->cpus[c].regs)
            touch(i->cpus[c].regs, i->cpus[c].regs_len);
    for (uint32_t n = 0; n < i->n_notes; n++) {
        check_text(i->notes[n].name);
        touch(i->notes[n].data, i->notes[n].len);
    }
    for (uint32_t p = 0; p < i->n_partials; p++) {
        const struct dumpio_partial *x = &i->partials[p];
        FUZZ_REQUIRE(x->start < x->end && (!p || x[-1].end <= x->start));
    }
}

/* A page as the format gives it, decoded, is what a reader of memory gets. */
static void check_page(struct dumpio_dump *d, struct dio_decoder *decoder,
                       const struct dio_page *p, uint8_t *plain, uint8_t *read)
{
    struct dumpio_error err = {0};
    uint32_t unit = d->info->unit;
    int rc = 0, want = p->kind == DIO_LOST ? DUMPIO_E_LOST : DUMPIO_E_ABSENT;
    FUZZ_REQUIRE(p->kind >= DIO_DATA && p->kind <= DIO_ABSENT);
    if (p->kind == DIO_DATA) {
        FUZZ_REQUIRE(p->len <= unit && (p->codec || p->len == unit));
        rc = dio_decode(decoder, p, unit, plain, &err);
        fuzz_check_error(rc, &err);
        want = rc == DUMPIO_E_CORRUPT ? DUMPIO_E_LOST : rc;
    } else if (p->kind == DIO_ZERO) {
        memset(plain, 0, unit);
        want = 0;
    } else if (p->kind == DIO_LOST && p->data) {
        check_text((const char *)p->data);
    }
    rc = d->mem.read(d->mem.ctx, p->addr, read, unit, &err); /* fills up what is held in part */
    FUZZ_REQUIRE(rc == want);
    FUZZ_REQUIRE(rc || !memcmp(plain, read, unit));
}

static void fetch(struct dumpio_dump *d, const struct dumpio_run *run, struct dio_batch *batch,
                  struct dio_decoder *decoder, uint8_t *room)
{
    struct dumpio_error err = {0};
    uint32_t unit = d->info->unit;
    dio_batch_reset(batch);
    int rc = d->format->fetch(d->self, run->start, run->end, batch, &err);
    fuzz_check_error(rc, &err);
    if (rc)
        return;
    size_t n = dio_batch_count(batch);
    const struct dio_page *p = dio_batch_pages(batch);
    FUZZ_REQUIRE(n == (run->end - run->start) / unit);
    for (size_t i = 0; i < n; i++) {
        FUZZ_REQUIRE(p[i].addr == run->start + i * unit);
        check_page(d, decoder, &p[i], room, room + unit);
    }
}

static void fetch_all(struct dumpio_dump *d)
{
    struct dumpio_error err = {0};
    struct dio_windows windows = {.map = dio_map_new(d, &(struct dio_map_options){.unit = d->info->unit}), .span = SPAN};
    struct dio_window w;
    struct dio_batch *batch = dio_batch_new();
    struct dio_decoder decoder = {{0}};
    uint8_t *room = malloc(2 * (size_t)d->info->unit);
    uint64_t done = 0;
    int rc = 0;
    FUZZ_REQUIRE(windows.map && batch && room);
    for (unsigned i = 0; i < 64 && done < HELD_MAX; i++) {
        rc = dio_windows_next(&windows, &w, &err);
        if (rc)
            break;
        for (size_t p = 0; p < w.n && done < HELD_MAX; p++) {
            if (w.pieces[p].kind != DUMPIO_PRESENT)
                continue;
            done += w.pieces[p].end - w.pieces[p].start;
            fetch(d, &w.pieces[p], batch, &decoder, room);
        }
    }
    fuzz_check_error(rc, &err);
    dio_map_free(windows.map);
    dio_batch_free(batch);
    dio_decoder_free(&decoder);
    free(room);
}

/* Fetching does not depend on the map: holes and the ends of the address space give ABSENT. */
static void fetch_odd(struct dumpio_dump *d)
{
    uint64_t unit = d->info->unit, end = dio_round_up(d->info->end_addr, unit);
    const struct dumpio_run odd[] = {{0, 4 * unit, 0}, {end, end + 2 * unit, 0},
                                     {0 - 2 * unit, 0 - unit, 0}, {1ull << 52, (1ull << 52) + unit, 0}};
    struct dio_batch *batch = dio_batch_new();
    struct dio_decoder decoder = {{0}};
    uint8_t *room = malloc(2 * (size_t)unit);
    FUZZ_REQUIRE(batch && room);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (odd[i].start < odd[i].end)
            fetch(d, &odd[i], batch, &decoder, room);
    dio_batch_free(batch);
    dio_decoder_free(&decoder);
    free(room);
}

static int take_log(void *user, const char *text, size_t len)
{
    size_t *left = user;
    touch(text, len);
    if (len > *left)
        return 1;
    *left -= len;
    return 0;
}

static void take_lost(void *user, const struct dumpio_run *run, const char *why)
{
    uint64_t *end = user;
    FUZZ_REQUIRE(run->start >= *end && run->end > run->start && *why);
    *end = run->end;
}

/* The edges of the runs, as bytes: what is present can be read unless lost, holes cannot. */
static void read_edges(struct dumpio_dump *d)
{
    struct dumpio_error err = {0};
    struct dumpio_run run;
    uint64_t at = 0;
    uint8_t buf[2];
    for (unsigned i = 0; i < 64 && !dumpio_next_run(d, at, &run, &err); i++) {
        bool hole = run.start > at;
        int before = hole ? dumpio_read(d, run.start - 1, buf, 2, &err) : DUMPIO_E_ABSENT;
        int last = dumpio_read(d, run.end - 1, buf, 1, &err);
        fuzz_check_error(last, &err);
        FUZZ_REQUIRE(before == DUMPIO_E_ABSENT || before == DUMPIO_E_LOST);
        FUZZ_REQUIRE(run.kind == DUMPIO_PRESENT ? last != DUMPIO_E_ABSENT : last != 0);
        at = run.end;
    }
}

void fuzz_look(struct dumpio_dump *d, size_t size)
{
    struct dumpio_error err = {0};
    struct dumpio_verify_result result;
    size_t log = (size_t)1 << 20;
    uint64_t lost = 0;
    check_info(dumpio_get_info(d));
    struct fuzz_extent x = fuzz_walk(d);
    fetch_all(d);
    fetch_odd(d);
    read_edges(d);
    if (!x.whole || x.held > EXPLORED_MAX)
        return;
    int rc = dumpio_explore(d, &err);
    FUZZ_REQUIRE(!rc);
    check_info(dumpio_get_info(d));
    if (d->kernel)
        fuzz_check_error(dumpio_dmesg(d, take_log, &log, &err), &err);
    if (x.held <= VERIFIED_MAX && x.runs < 8 && size % 16 == 0)
        fuzz_check_error(dumpio_verify(d, 1, take_lost, &lost, &result, &fuzz_env, &err), &err);
}
