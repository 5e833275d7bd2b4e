/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a machine of tests/unit/pages_world.h, classified. Input, as in fuzz.h: era, machine and
 * flags (low two bits: i386, ppc64le, ppc64, x86_64; 4 freed pages too, 8 keep unknown ones, 16
 * heads by mask); then operations, numbers little-endian: a letter and its operands, below.
 */
#include "fuzz.h"

#define PW_BUCKETS 1024u
#include "pages_frames.h"

#define FRAMES 1024u
#define FACTS_MAX 64u
#define TICKS 4 /* of 50 ms: then the classification is stopped */

struct input {
    const uint8_t *p, *end;
};

static uint64_t take(struct input *in, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size && in->p < in->end; i++)
        v |= (uint64_t)*in->p++ << 8 * i;
    return v;
}

/* ---- what can be done to a machine ----------------------------------------------------------- */

/* Kind of page, frame, order. */
static void make_page(struct pw *w, unsigned kind, uint64_t pfn, unsigned order)
{
    order %= 10;
    pfn = pfn % FRAMES & ~(((uint64_t)1 << order) - 1);
    switch (kind % 12) {
    case 0: pw_free_block(w, pfn, order); break;
    case 1: pw_cache(w, pfn, order); break;
    case 2: pw_private(w, pfn, order); break;
    case 3: pw_anon(w, pfn, order); break;
    case 4: pw_slab(w, pfn, order); break;
    case 5: pw_compound(w, pfn, order, false); break;
    case 6:
        if (order)
            pw_huge(w, pfn, order);
        break;
    case 7: pw_swap(w, pfn, order & 1); break;
    case 8: pw_type(w, pfn, w->e->t_offline); break;
    case 9: pw_type(w, pfn, w->e->t_unaccepted); break;
    case 10: pw_flag(w, pfn, w->e->hwpoison); break;
    default: pw_type(w, pfn, w->e->t_table); break;
    }
}

/* A list of freed pages: head, first frame, how many. */
static void make_list(struct pw *w, uint64_t head, uint64_t pfn, unsigned n)
{
    uint64_t first = PW_LISTS + head % 64 * 16, last = first, before = w->base + first;
    pw_put(w, first, w->word, w->base + first);
    for (unsigned i = 0; i < n % 16; i++) {
        uint64_t p = (pfn + i * 3) % FRAMES, at = pw_record(w, p) + w->s->lru;
        uint64_t virt = pw_virt(w, p) + w->s->lru;
        pw_count(w, p, 0);
        pw_put(w, last, w->word, virt);
        pw_put(w, at + w->word, w->word, before);
        last = at;
        before = virt;
    }
    pw_put(w, last, w->word, w->base + first);
    pw_put(w, first + w->word, w->word, before);
}

/* Line n of the facts: gone, or with another value. */
static void change_fact(struct pw *w, unsigned n, unsigned how, uint64_t value)
{
    char key[80], text[32], *line = w->text;
    for (n %= FACTS_MAX; n && *line; n--)
        line = strchr(line, '\n') + 1;
    const char *equals = strchr(line, '=');
    if (!equals || (size_t)(equals - line) >= sizeof key)
        return;
    snprintf(key, sizeof key, "%.*s", (int)(equals - line), line);
    switch (how % 4) {
    case 0: pw_unsay(w, key, NULL); return;
    case 1: snprintf(text, sizeof text, "%" PRIu64, value & 0xffff); break;
    case 2: snprintf(text, sizeof text, "%" PRId64, (int64_t)value); break;
    default: snprintf(text, sizeof text, "%" PRIx64, value); break;
    }
    if (strlen(w->text) < sizeof w->text - 256)
        pw_unsay(w, key, text);
}

/* Where page `from` of the records of x86_64 is: at page `to`, or (255) nowhere. */
static void move_records(struct pw *w, uint64_t from, uint64_t to)
{
    if (*w->arch == 'x')
        pw_map(w, w->memmap + from * PW_PAGE,
               to == 255 ? UINT64_MAX : PW_MEMMAP + to * PW_PAGE, 12);
}

/* One operation; false at the end. */
static bool operate(struct pw *w, struct input *in)
{
    static const unsigned sizes[] = {1, 2, 4, 8};
    if (in->p >= in->end)
        return false;
    uint8_t op = (uint8_t)take(in, 1);
    uint64_t a, b, c;
    switch (op) {
    case 'K': /* kind, frame (2), order */
        a = take(in, 1);
        b = take(in, 2);
        make_page(w, (unsigned)a, b, (unsigned)take(in, 1));
        break;
    case 'L': /* head, frame (2), number */
        a = take(in, 1);
        b = take(in, 2);
        make_list(w, a, b, (unsigned)take(in, 1));
        break;
    case 'F': /* line, how, value (8) */
        a = take(in, 1);
        b = take(in, 1);
        change_fact(w, (unsigned)a, (unsigned)b, take(in, 8));
        break;
    case 'R': /* frame (2), offset, log2 of size, value (8) */
        a = take(in, 2) % FRAMES;
        b = take(in, 1) % w->s->size;
        c = sizes[take(in, 1) & 3];
        pw_set(w, a, (unsigned)b, (unsigned)c, take(in, 8));
        break;
    case 'A': /* frame (2), offset, frame (2), offset: the address of a record in a record */
        a = pw_record(w, take(in, 2) % FRAMES);
        a += take(in, 1) % w->s->size;
        b = pw_virt(w, take(in, 2) % FRAMES);
        pw_put(w, a, w->word, b + take(in, 1));
        break;
    case 'M': /* physical (3), log2 of size, value (8) */
        a = take(in, 3);
        b = sizes[take(in, 1) & 3];
        pw_put(w, a, (unsigned)b, take(in, 8));
        break;
    case 'D': /* page (2) */
        pw_drop(w, take(in, 2) * PW_PAGE);
        break;
    case 'V': /* page, page */
        a = take(in, 1);
        move_records(w, a, take(in, 1));
        break;
    case 'C': /* pages that the zone counts (4) */
        w->free_pages = take(in, 4);
        break;
    default: /* none: so that bytes may be left out */
        break;
    }
    return true;
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check_classes(struct pw *w, struct dumpio_classes *c)
{
    const struct dumpio_classes_info *info = dumpio_classes_get_info(c);
    struct dumpio_error err = {0};
    struct dumpio_class_run run;
    uint64_t sum = 0, records = 0, at = 0;
    unsigned n = 0;
    int rc;
    for (unsigned i = 0; i < DUMPIO_CLASSES; i++)
        sum += info->pages[i];
    FUZZ_REQUIRE(sum == info->records && !info->pages[DUMPIO_CLASS_NO_RECORD]);
    while (n++ < 8192 && !(rc = dumpio_classes_next(c, at, &run, &err))) {
        FUZZ_REQUIRE(run.start == at && run.end > at && run.class_ < DUMPIO_CLASSES);
        if (run.class_ != DUMPIO_CLASS_NO_RECORD)
            records += (run.end - at) / info->page_size;
        at = run.end;
    }
    FUZZ_REQUIRE(n > 8192 || rc == DUMPIO_END);
    FUZZ_REQUIRE(n > 8192 || *info->unknown_why || records == info->records);
    const struct dumpio_filter f = {.exclude = dumpio_level_set(31), .classes = c};
    for (uint64_t pa = 0; pa < FRAMES * PW_PAGE;) {
        int reason;
        uint64_t end;
        fuzz_check_error(rc = dio_filter_at(&f, pa, FRAMES * PW_PAGE, &reason, &end, &err), &err);
        FUZZ_REQUIRE(!rc && end > pa);
        pa = end;
    }
    (void)w;
}

static int tick(void *user, const struct dumpio_progress *p)
{
    (void)p;
    return ++*(int *)user > TICKS;
}

static void classify(struct pw *w, bool freed, bool keep_unknown)
{
    int ticks = 0;
    struct dumpio_env env = fuzz_env;
    env.progress = tick;
    env.user = &ticks;
    const struct dumpio_classify_options o = {.freed = freed, .keep_unknown = keep_unknown};
    struct dumpio_classes *c = NULL;
    struct dumpio_error err = {0};
    int rc = pw_open(w);
    fuzz_check_error(rc, &w->err);
    if (rc) {
        w->dump.kernel = NULL;
        w->dump.kernel_error = w->err;
    }
    rc = dumpio_classify(&w->dump, &o, &c, &env, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == !!c);
    if (c)
        check_classes(w, c);
    dumpio_classes_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const archs[] = {"i386", "ppc64", "ppc64", "x86_64"};
    struct fuzz_input expanded = fuzz_expand(data, size);
    size_t length = expanded.size < 8192 ? expanded.size : 8192;
    struct input in = {expanded.bytes, expanded.bytes + length};
    const struct era *e = &eras[take(&in, 1) % N_ERAS];
    unsigned flags = (unsigned)take(&in, 1);
    const char *arch = archs[flags & 3];
    if (flags & 3 ? !e->wide : !e->narrow)
        arch = e->wide ? "ppc64" : "i386";
    struct pw *w = pw_new(e, arch, (flags & 3) == 2 ? DUMPIO_BIG : DUMPIO_LITTLE, FRAMES);
    w->mask_heads = flags & 16;
    if (*arch == 'x') { /* one section; most of its records are not mapped: those of records are */
        pw_put(w, PW_SECTIONS + 0x8000, 8, w->memmap | 0x3f);
        pw_map(w, pw_virt(w, PW_MEMMAP / PW_PAGE), PW_MEMMAP, 12);
    }
    while (operate(w, &in))
        ;
    classify(w, flags & 4, flags & 8);
    pw_free(w);
    fuzz_input_free(&expanded);
    return 0;
}
