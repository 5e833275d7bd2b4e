/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens, walks, verifies and converts thousands of damaged variants of a dump in one process: cut
 * at every byte, every byte of the headers changed, every word set to an extreme.
 * Reference: dumpio.h. Not judged: what a changed byte ought to mean; see truncate.py.
 *
 * usage: driver [--every=N] [--cuts=N] [--shift=N] [--only=KIND:PLACE:VALUE] [--from=FORMAT] --out=FOLDER FILE [PART...]
 *   FILE is damaged; PARTs are the other files of its split set.
 *   --every, --cuts  only every N-th change or cut, beginning with the SHIFT-th
 *   --only           shows what one variant leads to
 */
#include <dumpio/dumpio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOW_SECONDS 5u             /* no variant of a few pages needs as long: stop it */
#define SLOW_MAX 4u                 /* such variants of one dump: then it is given up */
#define HANG_SECONDS 20u            /* it does not even let itself be stopped: give up */
#define ADDRESS_SPACE (512ull << 20)
#define FILE_LIMIT (64ull << 20)    /* of what is written: larger is an error of its own */
#define RSS_LIMIT_KIB (640l << 10)  /* with a sanitizer, which has no use for an address space limit */
#define NEAR 96u                    /* bytes of zero around others that are damaged as well */
#define PARTS 16

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum kind { WHOLE, CUT, BYTE, WORD32, WORD64 };
static const char *const kind_names[] = {"whole", "cut", "byte", "word32", "word64"};

struct variant {
    enum kind kind;
    uint64_t place; /* bytes kept, or offset of the change */
    uint64_t value;
};

/* What reading a variant came to. */
struct outcome {
    int status;
    int damaged; /* truncated, incomplete or lost pages */
    unsigned char digest[DUMPIO_DIGEST_SIZE];
    uint64_t lost_end;
};

static struct {
    const char *name;
    uint8_t *data;
    size_t size;
    int fd;
    const char *paths[PARTS];
    size_t n_paths;
    char self[64], out[4096];
    struct dumpio_open_options options;
    struct dumpio_env env;
    struct variant at;
    struct outcome whole;
    uint64_t every, cuts, turn, done, refused, failures, slow;
    int verbose;
} run;

/* ---- telling which variant it was ------------------------------------------------------------------ */

static char at_text[160];

static void describe(void)
{
    snprintf(at_text, sizeof at_text, "%s --only=%s:%" PRIu64 ":%" PRIu64 "\n", run.name,
             kind_names[run.at.kind], run.at.place, run.at.value);
}

static void tell(const char *what)
{
    ssize_t n = write(STDOUT_FILENO, what, strlen(what));
    n += write(STDOUT_FILENO, at_text, strlen(at_text));
    (void)n;
}

static volatile sig_atomic_t slow;

static void timed_out(int sig)
{
    (void)sig;
    if (slow++) {
        tell("FAILED: no end: ");
        _exit(99);
    }
    alarm(HANG_SECONDS);
}

static int stop_when_slow(void *user, const struct dumpio_progress *p)
{
    (void)user;
    (void)p;
    return slow;
}

static void died(int sig)
{
    (void)sig;
    tell("FAILED: crash: ");
    _exit(99);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void sanitizer_died(void)
{
    tell("FAILED: crash: ");
}

static void catch_death(void)
{
    struct sigaction act = {.sa_handler = died}, time = {.sa_handler = timed_out};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL};
    sigaction(SIGALRM, &time, NULL);
    for (size_t i = 0; !SANITIZED && i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &act, NULL);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(sanitizer_died);
    signal(SIGXFSZ, SIG_IGN);
}

static void fail(const char *what, const char *detail)
{
    if (run.failures++ < 20)
        printf("FAILED: %s (%s): %s", what, detail, at_text);
}

/* ---- one variant ------------------------------------------------------------------------------------- */

static void check_error(const char *what, int rc, const struct dumpio_error *err)
{
    size_t len = strnlen(err->message, sizeof err->message);
    if (run.verbose)
        printf("%s: %d: %s\n", what, rc, err->message);
    if (rc > 0 || rc != err->status)
        fail(what, "status of the error is not the one returned");
    if (len < 12 || len == sizeof err->message || memchr(err->message, '\n', len))
        fail(what, "no clear message");
    if (rc == DUMPIO_E_INTERNAL || rc == DUMPIO_E_NOMEM ||
        (rc == DUMPIO_E_ARG && run.n_paths == 1)) /* ARG: the parts do not belong together */
        fail(what, err->message);
}

static void note(void *user, enum dumpio_level level, const char *text)
{
    (void)user;
    if (run.verbose)
        printf("note %d: %s\n", (int)level, text);
    if (!*text || strchr(text, '\n'))
        fail("note", "empty, or several lines");
}

static void lost(void *user, const struct dumpio_run *r, const char *why)
{
    struct outcome *o = user;
    if (run.verbose)
        printf("lost %#" PRIx64 "-%#" PRIx64 ": %s\n", r->start, r->end, why);
    if (r->start >= r->end || r->start < o->lost_end || !why || !*why)
        fail("lost range", "empty, not ascending or without a reason");
    o->lost_end = r->end;
}

static int walk(struct dumpio_dump *d, struct outcome *o, struct dumpio_error *err)
{
    struct dumpio_run r;
    uint64_t at = 0;
    int rc;
    unsigned char buf[64];
    for (unsigned n = 0; !(rc = dumpio_next_run(d, at, &r, err)); n++) {
        if (r.start < at || r.end <= r.start || (n && r.end <= at)) {
            fail("run", "not ascending");
            return DUMPIO_OK;
        }
        if (n < 8) {
            struct dumpio_error e = {0};
            int got = dumpio_read(d, r.start, buf, r.end - r.start < 64 ? 1 : 64, &e);
            if (got)
                check_error("dumpio_read", got, &e);
        }
        o->damaged |= r.kind == DUMPIO_LOST;
        at = r.end;
    }
    return rc == DUMPIO_END ? 0 : rc;
}

static void convert(struct dumpio_dump *d)
{
    struct dumpio_format_info f;
    struct dumpio_error err = {0};
    struct dumpio_convert_options o = {.level = DUMPIO_LEVEL_DEFAULT, .force = 1, .no_sync = 1};
    static size_t next;
    do {
        if (dumpio_format_at(next++, &f))
            next = 0;
    } while (!next || !f.writes);
    o.format = f.name;
    int rc = dumpio_convert(d, run.out, &o, NULL, &run.env, &err);
    if (rc == DUMPIO_E_CANCELLED && slow)
        fail("time, conversion to", f.name);
    else if (rc)
        check_error(f.name, rc, &err);
    else if (unlink(run.out))
        fail(f.name, "no output");
}

static void look(struct outcome *o, int converting)
{
    struct dumpio_dump *d = NULL;
    struct dumpio_error err = {0};
    struct dumpio_verify_result v;
    slow = 0;
    alarm(SLOW_SECONDS);
    o->status = dumpio_open(&d, run.paths, run.n_paths, &run.options, &run.env, &err);
    if (!o->status) {
        const struct dumpio_info *i = dumpio_get_info(d);
        o->damaged = i->truncated || i->incomplete;
        dumpio_explore(d, NULL);
        o->status = walk(d, o, &err);
        if (!o->status)
            o->status = dumpio_verify(d, 1, lost, o, &v, &run.env, &err);
        if (!o->status) {
            o->damaged |= v.lost_pages != 0;
            memcpy(o->digest, v.digest, sizeof o->digest);
            if (run.verbose)
                printf("%s: %" PRIu64 " pages, %" PRIu64 " lost, truncated %d, incomplete %d\n",
                       i->format, v.present_pages, v.lost_pages, i->truncated, i->incomplete);
        }
        if (converting)
            convert(d);
    }
    dumpio_close(d);
    alarm(0);
    if (slow) {
        fail("time", "no end after 5 seconds");
        run.slow++;
    }
    if (o->status && !(slow && o->status == DUMPIO_E_CANCELLED))
        check_error("read", o->status, &err);
    run.refused += o->status != 0;
    run.done++;
}

/* The memory is the same, or something tells that it is not; raw images cannot tell. */
static void judge_cut(const struct outcome *o)
{
    if (!o->status && !o->damaged && !run.options.from && !run.whole.damaged &&
        memcmp(o->digest, run.whole.digest, sizeof o->digest) != 0)
        fail("cut", "memory is missing and nothing tells so");
}

static void put(uint64_t at, const void *data, size_t len)
{
    if (pwrite(run.fd, data, len, (off_t)at) != (ssize_t)len) {
        perror("write of a variant");
        exit(2);
    }
}

static void try_one(enum kind kind, uint64_t place, uint64_t value, size_t len)
{
    struct outcome o = {0};
    if ((run.turn++ % (kind == CUT ? run.cuts : run.every) && !run.verbose) || run.slow > SLOW_MAX)
        return;
    run.at = (struct variant){kind, place, value};
    describe();
    if (kind == CUT) {
        if (ftruncate(run.fd, (off_t)place))
            perror("ftruncate");
    } else {
        put(place, &value, len);
    }
    look(&o, run.done % 4 == 0 || run.verbose);
    if (kind == CUT)
        judge_cut(&o);
    else
        put(place, run.data + place, len);
}

/* ---- all variants --------------------------------------------------------------------------------------- */

/* Within NEAR of a byte that is not zero: not the padding of a block or a page. */
static int worth(size_t at)
{
    size_t end = at + NEAR < run.size ? at + NEAR : run.size;
    for (size_t i = at > NEAR ? at - NEAR : 0; i < end; i++)
        if (run.data[i])
            return 1;
    return at % 509 == 0;
}

static void bytes(void)
{
    for (size_t at = 0; at < run.size; at++) {
        uint8_t old = run.data[at];
        const uint8_t values[] = {0x00, 0xff, (uint8_t)(old + 1), old ^ 0x80};
        for (size_t i = 0; worth(at) && i < sizeof values; i++)
            if (values[i] != old)
                try_one(BYTE, at, values[i], 1);
    }
}

static void words(void)
{
    static const uint32_t small[] = {0, 0xffffffff, 0x7fffffff, 0xffffff7f, 0x80000000, 0x00000080,
                                     1, 0x01000000};
    static const uint64_t large[] = {0, UINT64_MAX, INT64_MAX, 0xffffffffffffff7f,
                                     0x8000000000000000, 0x80, 0x100000000, 0xfffffffffffff000,
                                     0x00f0ffffffffffff};
    for (size_t at = 0; at + 8 <= run.size; at += 2) {
        if (!worth(at))
            continue;
        for (size_t i = 0; i < sizeof small / sizeof *small; i++)
            try_one(WORD32, at, small[i], 4);
        for (size_t i = 0; i < sizeof large / sizeof *large; i++)
            try_one(WORD64, at, large[i], 8);
    }
}

static void cuts(void)
{
    for (size_t size = run.size; size--;)
        if (worth(size) || (size + 1 < run.size && worth(size + 1)))
            try_one(CUT, size, 0, 0);
    put(0, run.data, run.size);
}

static int only(const char *what)
{
    char kind[16];
    uint64_t place, value;
    if (sscanf(what, "%15[^:]:%" SCNu64 ":%" SCNu64, kind, &place, &value) != 3)
        return 2;
    run.verbose = 1;
    for (int k = CUT; k <= WORD64; k++)
        if (!strcmp(kind, kind_names[k]))
            try_one((enum kind)k, place, value, k == WORD64 ? 8 : k == WORD32 ? 4 : 1);
    return run.failures || !run.done;
}

/* ---- around it ------------------------------------------------------------------------------------------- */

static int load(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    run.name = path;
    if (fd < 0 || fstat(fd, &st) || !(run.data = malloc((size_t)st.st_size + 1)))
        return -1;
    run.size = (size_t)st.st_size;
    ssize_t n = read(fd, run.data, run.size);
    close(fd);
    snprintf(run.self, sizeof run.self, "/dumpio-variant-%ld", (long)getpid());
    run.fd = shm_open(run.self, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (n != (ssize_t)run.size || run.fd < 0)
        return -1;
    shm_unlink(run.self);
    snprintf(run.self, sizeof run.self, "/proc/self/fd/%d", run.fd);
    put(0, run.data, run.size);
    run.paths[0] = run.self;
    return 0;
}

static unsigned open_files(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

static void limits(void)
{
    struct rlimit space = {ADDRESS_SPACE, ADDRESS_SPACE}, file = {FILE_LIMIT, FILE_LIMIT};
    struct rlimit core = {0, 0};
    if (!SANITIZED)
        setrlimit(RLIMIT_AS, &space);
    setrlimit(RLIMIT_FSIZE, &file);
    setrlimit(RLIMIT_CORE, &core);
}

static int all(void)
{
    struct rusage used;
    unsigned before = open_files();
    run.at = (struct variant){WHOLE, run.size, 0};
    describe();
    for (int i = 0; i < 24; i++) { /* every target */
        run.whole = (struct outcome){0};
        look(&run.whole, 1);
    }
    if (run.whole.status)
        fail("whole", "the undamaged dump cannot be read");
    cuts();
    bytes();
    words();
    getrusage(RUSAGE_SELF, &used);
    if (open_files() != before)
        fail("end", "files were left open");
    if (used.ru_maxrss > RSS_LIMIT_KIB)
        fail("end", "more memory than the limit");
    printf("%s: %" PRIu64 " variants, %" PRIu64 " refused, %" PRIu64 " failures, %ld MiB\n",
           run.name, run.done, run.refused, run.failures, used.ru_maxrss >> 10);
    return run.failures != 0;
}

int main(int argc, char **argv)
{
    const char *variant = NULL;
    int i = 1, rc;
    run.every = run.cuts = 1;
    run.env = (struct dumpio_env){.note = note, .progress = stop_when_slow, .threads = 1};
    for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
        const char *value = strchr(argv[i], '=') ? strchr(argv[i], '=') + 1 : "";
        if (!strncmp(argv[i], "--every=", 8))
            run.every = strtoull(value, NULL, 10);
        else if (!strncmp(argv[i], "--cuts=", 7))
            run.cuts = strtoull(value, NULL, 10);
        else if (!strncmp(argv[i], "--shift=", 8))
            run.turn = strtoull(value, NULL, 10);
        else if (!strncmp(argv[i], "--only=", 7))
            variant = value;
        else if (!strncmp(argv[i], "--from=", 7))
            run.options.from = value;
        else if (!strncmp(argv[i], "--out=", 6))
            run.env.tmpdir = value;
    }
    if (i >= argc || argc - i > PARTS || !run.every || !run.cuts || !run.env.tmpdir) {
        fputs("usage: driver [--every=N] [--cuts=N] [--shift=N] [--only=...] [--from=FORMAT] --out=FOLDER FILE...\n",
              stderr);
        return 2;
    }
    if (load(argv[i])) {
        perror(argv[i]);
        return 2;
    }
    for (run.n_paths = 1; ++i < argc; run.n_paths++)
        run.paths[run.n_paths] = argv[i];
    snprintf(run.out, sizeof run.out, "%s/out-%ld", run.env.tmpdir, (long)getpid());
    setvbuf(stdout, NULL, _IOLBF, 0);
    limits();
    catch_death();
    rc = variant ? only(variant) : all();
    close(run.fd);
    free(run.data);
    return rc;
}
