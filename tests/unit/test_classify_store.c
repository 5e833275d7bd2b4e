/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of classes against a plain array, in memory and in its file; the verdicts of filters
 * and the page map against the same rules written plainly; a dump filtered by several threads.
 */
#include "classes.h"
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* ---- the store ------------------------------------------------------------------------------- */

#define WINDOW 16384u
#define HOLE 0xff

/* Fill window with runs about `mean` long; 0: one class for all. */
static void fill_window(uint8_t *at, size_t n, unsigned mean)
{
    uint8_t c = (uint8_t)rnd(DUMPIO_CLASSES);
    for (size_t i = 0; i < n; i++) {
        if (mean && !rnd(mean))
            c = (uint8_t)rnd(DUMPIO_CLASSES);
        at[i] = c;
    }
}

/* Add what is in `classes`, window by window; holes are left out. 0 or the status. */
static int add_all(struct dio_class_store *s, const uint8_t *classes, size_t n,
                   struct dumpio_error *err)
{
    uint8_t code[WINDOW + 16];
    int rc = 0;
    CHECK(dio_class_bound(WINDOW) <= sizeof code);
    for (size_t at = 0, end; at < n && !rc; at = end) {
        size_t limit = at - at % WINDOW + WINDOW < n ? at - at % WINDOW + WINDOW : n;
        bool hole = classes[at] == HOLE;
        for (end = at; end < limit && (classes[end] == HOLE) == hole; end++)
            ;
        if (hole)
            continue;
        size_t len = dio_class_code(classes + at, end - at, code);
        CHECK(len && len <= dio_class_bound(end - at));
        rc = dio_class_store_add(s, at, end - at, code, len, err);
    }
    return rc;
}

/* Frame p: its class, and no frame of another one before *end. */
static bool right_at(struct dio_class_store *s, const uint8_t *classes, size_t n, uint64_t p,
                     uint64_t *end)
{
    enum dumpio_class c;
    struct dumpio_error err = {0};
    if (dio_class_store_at(s, p, end, &c, &err) || *end <= p)
        return false;
    if (p >= n)
        return c == DUMPIO_CLASS_NO_RECORD && *end == UINT64_MAX;
    for (uint64_t i = p; i < n && i < *end; i++)
        if (c != (classes[i] == HOLE ? DUMPIO_CLASS_NO_RECORD : classes[i]))
            return false;
    return true;
}

static void store(size_t n, unsigned mean, unsigned lookups, const char *tmpdir, int status)
{
    struct dumpio_env env = {.tmpdir = tmpdir};
    struct dumpio_error err = {0};
    struct dio_class_store *s = NULL;
    uint8_t *classes = malloc(n);
    if (!classes)
        abort();
    for (size_t at = 0; at < n; at += WINDOW)
        fill_window(classes + at, n - at < WINDOW ? n - at : WINDOW, rnd(8) ? mean : 0);
    for (unsigned i = 0; i < 20; i++) { /* holes of any place and length */
        size_t at = (size_t)rnd(n), len = (size_t)rnd(3 * WINDOW);
        memset(classes + at, HOLE, len < n - at ? len : n - at);
    }
    CHECK_EQ(dio_class_store_new(&s, &env, &err), 0);
    int rc = add_all(s, classes, n, &err);
    CHECK_EQ(rc, status);
    if (rc)
        CHECK(err.status == rc && strstr(err.message, tmpdir));
    uint64_t end;
    unsigned wrong = 0;
    for (uint64_t p = 0; !rc && p < n; p = end)
        if (!right_at(s, classes, n, p, &end)) {
            wrong++;
            break;
        }
    for (unsigned i = 0; !rc && i < lookups; i++) {
        uint64_t near = rnd(n), p = rnd(4) ? rnd(n) : near + rnd(100);
        wrong += !right_at(s, classes, n, p, &end);
    }
    if (!rc)
        CHECK(right_at(s, classes, n, n, &end) && right_at(s, classes, n, UINT64_MAX - 1, &end));
    CHECK_EQ(wrong, 0);
    dio_class_store_free(s);
    free(classes);
}

static void stores(void)
{
    store(1, 0, 100, NULL, 0);
    store(1000, 1, 2000, NULL, 0);
    store(300000, 3, 20000, NULL, 0);
    store(3000000, 300, 20000, NULL, 0);
    store(5000000, 200000, 20000, NULL, 0);
    store((size_t)24 << 20, 1, 4000, NULL, 0); /* more code than is kept in memory */
    store((size_t)24 << 20, 1, 0, "/nonexistent/folder", DUMPIO_E_IO);
    dio_class_store_free(NULL);
}

/* ---- filters --------------------------------------------------------------------------------- */

#define FRAMES 64u
#define PAGE 4096u
#define STEP 256u /* bytes; everything begins and ends at multiples */
#define END (FRAMES * PAGE)

struct plan {
    uint8_t frame[FRAMES];
    struct dumpio_range only[4], drop[4];
    struct dumpio_filter f;
    struct dumpio_classes c;
    struct dumpio_run runs[64]; /* of the dump */
    size_t n_runs, at;
    struct dumpio_info info;
    struct dio_format format;
    struct dumpio_dump dump;
};

/* Ascending ranges, apart or touching. */
static size_t ranges(struct dumpio_range *r, size_t n)
{
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        r[i].start = at + rnd(END / STEP / n) * STEP;
        r[i].end = at = r[i].start + STEP + rnd(END / STEP / n) * STEP;
    }
    return n;
}

static int next_run(void *self, uint64_t addr, struct dumpio_run *run, struct dumpio_error *err)
{
    struct plan *p = self;
    (void)err;
    for (size_t i = 0; i < p->n_runs; i++)
        if (p->runs[i].end > addr) {
            *run = p->runs[i];
            if (run->start < addr)
                run->start = addr;
            return 0;
        }
    return DUMPIO_END;
}

static void make_plan(struct plan *p)
{
    static const enum dumpio_class out[] = {DUMPIO_CLASS_CACHE, DUMPIO_CLASS_PRIVATE,
                                            DUMPIO_CLASS_USER, DUMPIO_CLASS_FREE,
                                            DUMPIO_CLASS_FREED, DUMPIO_CLASS_OFFLINE};
    *p = (struct plan){0};
    for (unsigned i = 0; i < FRAMES; i++)
        p->frame[i] = rnd(3) && i ? p->frame[i - 1] : rnd(9) ? (uint8_t)rnd(DUMPIO_CLASSES) : HOLE;
    for (unsigned i = 0; i < FRAMES; i++)
        if (p->frame[i] == DUMPIO_CLASS_NO_RECORD)
            p->frame[i] = HOLE;
    p->c.page_size = PAGE;
    CHECK_EQ(dio_class_store_new(&p->c.store, NULL, NULL), 0);
    uint8_t stored[FRAMES]; /* FREED frames are in a list, and KERNEL in the store */
    for (unsigned i = 0; i < FRAMES; i++) {
        stored[i] = p->frame[i] == DUMPIO_CLASS_FREED ? DUMPIO_CLASS_KERNEL : p->frame[i];
        if (p->frame[i] == DUMPIO_CLASS_FREED)
            CHECK_EQ(dio_pfn_list_add(&p->c.freed, i, NULL), 0);
    }
    CHECK_EQ(add_all(p->c.store, stored, FRAMES, NULL), 0);
    for (unsigned i = 0; i < sizeof out / sizeof *out; i++)
        p->f.exclude |= rnd(2) ? DUMPIO_BIT(out[i]) : 0;
    p->f.exclude |= rnd(2) ? DUMPIO_EXCLUDE_ZERO : 0;
    p->f.classes = &p->c;
    p->f.only = p->only;
    p->f.drop = p->drop;
    p->f.n_only = rnd(2) ? ranges(p->only, 1 + (size_t)rnd(4)) : 0;
    p->f.n_drop = rnd(2) ? ranges(p->drop, 1 + (size_t)rnd(4)) : 0;
    uint64_t at = 0;
    for (; p->n_runs < 64 && at < END; p->n_runs++) {
        struct dumpio_run *r = &p->runs[p->n_runs];
        *r = (struct dumpio_run){at + (rnd(3) ? 0 : rnd(20) * STEP), 0, DUMPIO_PRESENT};
        r->end = at = r->start + STEP + rnd(rnd(2) ? 20 : 200) * STEP;
        r->kind = rnd(2) ? DUMPIO_PRESENT : rnd(2) ? DUMPIO_EXCLUDED : DUMPIO_LOST;
    }
    p->info = (struct dumpio_info){.unit = PAGE, .page_size = PAGE};
    p->format = (struct dio_format){.name = "plan", .next_run = next_run};
    p->dump = (struct dumpio_dump){.format = &p->format, .self = p, .info = &p->info};
}

static bool inside(const struct dumpio_range *r, size_t n, uint64_t addr)
{
    for (size_t i = 0; i < n; i++)
        if (addr >= r[i].start && addr < r[i].end)
            return true;
    return false;
}

/* The rules, plainly. */
static int verdict(const struct plan *p, uint64_t addr)
{
    uint8_t c = addr < END && p->frame[addr / PAGE] != HOLE ? p->frame[addr / PAGE]
                                                            : DUMPIO_CLASS_NO_RECORD;
    if (p->f.n_only && !inside(p->only, p->f.n_only, addr))
        return DIO_DROP_RANGE;
    if (inside(p->drop, p->f.n_drop, addr))
        return DIO_DROP_RANGE;
    if (!(p->f.exclude & ((1u << DUMPIO_CLASSES) - 1)))
        return DIO_KEEP;
    if (p->f.exclude >> c & 1)
        return c;
    return c == DUMPIO_CLASS_UNKNOWN ? DIO_KEEP_UNKNOWN : DIO_KEEP;
}

static void verdicts(struct plan *p)
{
    unsigned wrong = 0;
    CHECK_EQ(dio_filter_check(&p->f, NULL), 0);
    for (uint64_t from = 0; from < END + 2 * PAGE; from += STEP * (1 + rnd(40))) {
        uint64_t end = 0, limit = from + STEP * (1 + rnd(300));
        int reason = 0;
        CHECK_EQ(dio_filter_at(&p->f, from, limit, &reason, &end, NULL), 0);
        CHECK(end > from && end <= limit);
        for (uint64_t a = from; a < end; a += STEP)
            wrong += verdict(p, a) != reason;
    }
    CHECK_EQ(wrong, 0);
}

/* What the map must say of a page: the highest kind of what is in it; 0: nothing. */
static int page_kind(const struct plan *p, uint64_t page, bool redacted)
{
    static const int rank[] = {0, [DUMPIO_EXCLUDED] = 1, [DUMPIO_PRESENT] = 2, [DUMPIO_LOST] = 3};
    int best = 0;
    for (uint64_t a = page; a < page + PAGE; a += STEP)
        for (size_t i = 0; i < p->n_runs; i++) {
            if (a < p->runs[i].start || a >= p->runs[i].end)
                continue;
            int kind = verdict(p, a) >= 0 ? DUMPIO_EXCLUDED : (int)p->runs[i].kind;
            if (redacted && kind == DUMPIO_EXCLUDED)
                kind = DUMPIO_PRESENT;
            if (rank[kind] > rank[best])
                best = kind;
        }
    return best;
}

static void maps(struct plan *p, bool redacted)
{
    struct dio_map_options o = {.unit = PAGE, .filter = &p->f, .redacted = redacted};
    struct dio_map *m = dio_map_new(&p->dump, &o);
    uint64_t dropped[DIO_DROP_REASONS] = {0}, unknown = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        struct dumpio_run run;
        uint64_t at = 0;
        unsigned wrong = 0;
        int rc;
        while (!(rc = dio_map_next(m, &run, NULL))) {
            CHECK(run.start >= at && run.end > run.start && run.start % PAGE == 0);
            for (; at < run.start; at += PAGE)
                wrong += page_kind(p, at, redacted) != 0;
            for (; at < run.end; at += PAGE)
                wrong += page_kind(p, at, redacted) != (int)run.kind;
        }
        CHECK_EQ(rc, DUMPIO_END);
        for (; at < 4 * END; at += PAGE)
            wrong += page_kind(p, at, redacted) != 0;
        CHECK_EQ(wrong, 0);
        if (!pass)
            dio_map_rewind(m);
    }
    for (size_t i = 0; i < p->n_runs; i++)
        for (uint64_t a = p->runs[i].start; a < p->runs[i].end; a += STEP) {
            int v = verdict(p, a);
            if (p->runs[i].kind == DUMPIO_EXCLUDED)
                continue;
            unknown += v == DIO_KEEP_UNKNOWN ? STEP : 0;
            if (v >= 0)
                dropped[v] += STEP;
        }
    for (unsigned i = 0; i < DIO_DROP_REASONS; i++)
        CHECK_EQ(dio_map_dropped(m)[i], dropped[i]);
    CHECK_EQ(dio_map_unknown(m), unknown);
    dio_map_free(m);
}

static void filters(void)
{
    for (unsigned i = 0; i < 400; i++) {
        struct plan p;
        make_plan(&p);
        verdicts(&p);
        maps(&p, false);
        maps(&p, true);
        dio_class_store_free(p.c.store);
        dio_pfn_list_free(&p.c.freed);
    }
}

static void bad_filters(void)
{
    struct dumpio_classes c = {0};
    const struct dumpio_range good[] = {{0, 5}, {5, 6}}, empty = {7, 7},
                              overlap[] = {{0, 6}, {5, 9}}, unordered[] = {{8, 9}, {1, 2}},
                              reversed = {9, 3};
    const struct dumpio_filter bad[] = {
        {.exclude = DUMPIO_BIT(DUMPIO_CLASS_KERNEL), .classes = &c},
        {.exclude = DUMPIO_BIT(DUMPIO_CLASS_NO_RECORD), .classes = &c},
        {.exclude = DUMPIO_BIT(DUMPIO_CLASS_UNKNOWN), .classes = &c},
        {.exclude = DUMPIO_BIT(DUMPIO_CLASS_FREE)},
        {.only = &empty, .n_only = 1}, {.drop = overlap, .n_drop = 2},
        {.only = unordered, .n_only = 2}, {.drop = &reversed, .n_drop = 1}};
    struct dumpio_error err;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(dio_filter_check(&bad[i], &err), DUMPIO_E_ARG);
        CHECK_EQ(err.status, DUMPIO_E_ARG);
    }
    const struct dumpio_filter ok = {.only = good, .n_only = 2, .exclude = DUMPIO_EXCLUDE_ZERO};
    CHECK_EQ(dio_filter_check(&ok, &err), 0);
    /* levels there and back */
    for (unsigned level = 0; level < 32; level++) {
        const struct dumpio_filter f = {.exclude = dumpio_level_set(level), .classes = &c};
        CHECK_EQ(dio_filter_check(&f, &err), 0);
        CHECK_EQ(dio_filter_level(&f, 0), level & 4 ? level | 2 : level);
        CHECK_EQ(dio_filter_level(&f, 16), (level & 4 ? level | 2 : level) | 16);
        /* 0 and 1 ask nothing of the kernel; all others leave broken and offline pages out */
        unsigned unfit = DUMPIO_BIT(DUMPIO_CLASS_HWPOISON) | DUMPIO_BIT(DUMPIO_CLASS_OFFLINE);
        CHECK_EQ(f.exclude & unfit, level > 1 ? unfit : 0);
    }
}

/* ---- a dump, filtered ------------------------------------------------------------------------ */

static uint8_t *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc((size_t)96 << 20);
    *n = f && p ? fread(p, 1, (size_t)96 << 20, f) : 0;
    if (f)
        fclose(f);
    return p;
}

/* The dump that comes with the tests, unpacked to path. */
static void unpack(const char *path)
{
    const char *slash = strrchr(__FILE__, '/');
    char packed[512];
    size_t n, room = (size_t)64 << 20;
    snprintf(packed, sizeof packed, "%.*s/../data/vmcore-x86_64-6.1.kdump.zst",
             slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".");
    uint8_t *in = slurp(packed, &n), *out = malloc(room);
    FILE *f = fopen(path, "wb");
    size_t len = in && out ? ZSTD_decompress(out, room, in, n) : 0;
    CHECK(n && !ZSTD_isError(len) && f && fwrite(out, 1, len, f) == len);
    if (f)
        fclose(f);
    free(in);
    free(out);
}

static void convert(const char *folder, const char *format, const char *codec,
                    const struct dumpio_filter *filter)
{
    static const unsigned threads[] = {1, 2, 4};
    struct dumpio_convert_result first = {0};
    char path[512], data[512];
    const char *paths[] = {data};
    uint8_t *one = NULL;
    size_t n_one = 0;
    snprintf(path, sizeof path, "%s/out", folder);
    snprintf(data, sizeof data, "%s/in", folder);
    for (unsigned i = 0; i < 3; i++) {
        const struct dumpio_env env = {.threads = threads[i]};
        const struct dumpio_classify_options how = {.freed = 1};
        struct dumpio_convert_result r = {0};
        struct dumpio_error err = {0};
        struct dumpio_dump *d = NULL;
        struct dumpio_classes *c = NULL;
        struct dumpio_filter f = *filter;
        CHECK_EQ(dumpio_open(&d, paths, 1, NULL, &env, &err), 0);
        CHECK_EQ(d ? dumpio_classify(d, &how, &c, &env, &err) : 1, 0);
        f.classes = c;
        const struct dumpio_convert_options o = {.format = format, .codec = codec, .force = 1,
                                                 .level = DUMPIO_LEVEL_DEFAULT, .no_sync = 1,
                                                 .filter = &f};
        CHECK_EQ(c ? dumpio_convert(d, path, &o, &r, &env, &err) : 1, 0);
        if (*err.message)
            printf("%s\n", err.message);
        size_t n;
        uint8_t *out = slurp(path, &n);
        if (i) {
            CHECK(n && n == n_one && !memcmp(out, one, n));
            CHECK(!memcmp(&r, &first, sizeof r));
            free(out);
        } else {
            one = out;
            n_one = n;
            first = r;
            CHECK(r.pages && r.excluded_pages[DUMPIO_CLASS_FREED]);
            CHECK_EQ(r.range_pages, f.n_drop ? 256 : 0);
        }
        dumpio_classes_free(c);
        dumpio_close(d);
        unlink(path);
    }
    free(one);
}

static void conversions(void)
{
    char folder[256];
    const char *tmp = getenv("TMPDIR");
    const struct dumpio_range drop[] = {{0x1000000, 0x1100000}};
    const struct dumpio_filter filter = {
        .exclude = dumpio_level_set(31) | DUMPIO_BIT(DUMPIO_CLASS_FREED), .drop = drop, .n_drop = 1,
        .provenance = "FILTER=test"};
    struct dumpio_filter redact = filter;
    redact.redact = 1;
    redact.n_drop = 0;
    snprintf(folder, sizeof folder, "%s/dumpio-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        abort();
    char in[300];
    snprintf(in, sizeof in, "%s/in", folder);
    unpack(in);
    convert(folder, "kdump", "zlib", &filter);
    convert(folder, "elf", NULL, &redact);
    unlink(in);
    rmdir(folder);
}

int main(void)
{
    stores();
    filters();
    bad_filters();
    conversions();
    return unit_result();
}
