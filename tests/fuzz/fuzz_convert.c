/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any dump into any format: what was read before must be read from the result. Input: target,
 * codec, flags (1 flattened, 2 known frames only, 4 a stream), then the dump as fuzz.h writes it.
 * Not covered: more than a few megabytes.
 */
#include "dump.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#define HELD_MAX ((uint64_t)2 << 20) /* larger dumps are left out: they only take longer */
#define RUNS_MAX 256u
#define PIECE 4096u

enum { FLATTEN = 1, RAM_ONLY = 2, STREAM = 4 };

static struct dumpio_format_info target_of(uint8_t pick)
{
    struct dumpio_format_info f = {0}, writers[32];
    size_t n = 0;
    for (size_t i = 0; n < 32 && !dumpio_format_at(i, &f); i++)
        if (f.writes)
            writers[n++] = f;
    return writers[pick % n];
}

static const char *codec_of(const struct dumpio_format_info *f, uint8_t pick)
{
    size_t n = 0;
    while (f->codecs[n])
        n++;
    n = pick % (n + 1);
    return n ? f->codecs[n - 1] : NULL;
}

/* Is the page at addr present in the page map? Asked for ascending addresses. */
static bool page_present(struct dio_map *map, struct dumpio_run *at, uint64_t addr)
{
    struct dumpio_error err = {0};
    while (at->end <= addr)
        if (dio_map_next(map, at, &err))
            return false;
    return at->start <= addr && at->kind == DUMPIO_PRESENT;
}

/* Does the output's page around addr hold an input page that turned out lost? */
static bool lost_within(struct dumpio_dump *a, uint64_t addr)
{
    static uint8_t buf[PIECE];
    struct dumpio_error err = {0};
    uint64_t size = a->info->page_size, start = addr - addr % size;
    for (uint64_t at = 0; at < size; at += PIECE)
        if (dumpio_read(a, start + at, buf, PIECE, &err) == DUMPIO_E_LOST)
            return true;
    return false;
}

/* Every byte of `a` that can be read is in `b`, unless its page there has lost bytes. */
static void compare(struct dumpio_dump *a, struct dumpio_dump *b)
{
    static uint8_t x[PIECE], y[PIECE];
    struct dumpio_error err = {0};
    struct dumpio_run run, page = {0};
    struct dio_map *map = dio_map_new(a, &(struct dio_map_options){.unit = a->info->page_size});
    uint64_t next = 0;
    FUZZ_REQUIRE(map);
    for (unsigned i = 0; i < RUNS_MAX && !dumpio_next_run(a, next, &run, &err); i++) {
        next = run.end;
        for (uint64_t p = run.start, n; run.kind == DUMPIO_PRESENT && p < run.end; p += n) {
            n = PIECE - p % PIECE < run.end - p ? PIECE - p % PIECE : run.end - p;
            if (!page_present(map, &page, p) || dumpio_read(a, p, x, (size_t)n, &err))
                continue;
            int rc = dumpio_read(b, p, y, (size_t)n, &err);
            if (rc == DUMPIO_E_LOST && lost_within(a, p))
                continue;
            bool same = !rc && !memcmp(x, y, (size_t)n);
            if (!same)
                fprintf(stderr, "0x%llx, %llu bytes: %s\n", (unsigned long long)p,
                        (unsigned long long)n, *err.message ? err.message : "other bytes");
            FUZZ_REQUIRE(same);
        }
    }
    dio_map_free(map);
}

/* Nothing is in `b` that is not in `a`. */
static void nothing_else(struct dumpio_dump *a, struct dumpio_dump *b)
{
    static uint8_t x[PIECE], y[PIECE];
    struct dumpio_error err = {0};
    struct dumpio_run run;
    uint64_t at = 0;
    for (unsigned i = 0; i < RUNS_MAX && !dumpio_next_run(b, at, &run, &err); i++) {
        at = run.end;
        for (uint64_t p = run.start - run.start % PIECE; run.kind == DUMPIO_PRESENT && p < run.end;
             p += PIECE)
            if (!dumpio_read(b, p, y, PIECE, &err))
                FUZZ_REQUIRE(dumpio_read(a, p, x, PIECE, &err) != DUMPIO_E_ABSENT);
    }
}

static void read_back(struct dumpio_dump *a, uint64_t held, const struct dumpio_format_info *f,
                      unsigned flags)
{
    static const char *const name[] = {FUZZ_OUTPUT};
    struct dumpio_open_options options = {.page_size = a->info->page_size};
    struct dumpio_dump *b = NULL;
    struct dumpio_error err = {0};
    bool raw = !strcmp(f->name, "raw");
    if (raw)
        options.from = "raw";
    if (raw && !held) /* an image of no bytes, which no reader takes */
        return;
    int rc = dumpio_open(&b, name, 1, &options, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    if (rc)
        fprintf(stderr, "%s written, not read: %s\n", f->name, err.message);
    FUZZ_REQUIRE(!rc);
    if (!(flags & RAM_ONLY))
        compare(a, b);
    if (f->holds_absent && a->info->unit == b->info->unit)
        nothing_else(a, b);
    dumpio_close(b);
}

static void convert(struct dumpio_dump *d, uint64_t held, const uint8_t *choice)
{
    struct dumpio_format_info f = target_of(choice[0]);
    unsigned flags = choice[2];
    struct dumpio_convert_options o = {.format = f.name, .codec = codec_of(&f, choice[1]),
                                       .level = DUMPIO_LEVEL_DEFAULT,
                                       .flatten = (flags & FLATTEN) != 0,
                                       .ram_only = (flags & RAM_ONLY) != 0};
    struct dumpio_convert_result result = {0};
    struct dumpio_error err = {0};
    struct fuzz_file *out = &fuzz_files[FUZZ_PARTS];
    out->access = flags & STREAM ? DIO_FORWARD : DIO_RANDOM;
    int rc = dumpio_convert(d, FUZZ_OUTPUT, &o, &result, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == out->finished);
    if (!rc)
        read_back(d, held, &f, flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct fuzz_input in = fuzz_expand(data + 3, size - 3);
    struct dumpio_dump *d = fuzz_open_input(&in, NULL);
    if (d) {
        struct fuzz_extent x = fuzz_walk(d);
        if (x.whole && x.runs <= RUNS_MAX && x.held <= HELD_MAX)
            convert(d, x.held, data);
    }
    dumpio_close(d);
    fuzz_files_clear();
    fuzz_input_free(&in);
    return 0;
}
