/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines of every tool, run as they are; and the parsers of sizes, levels, classes and
 * ranges. Input: the tool (or WORDS), the arguments, one a line; then (next part) the dump that
 * they may name as "0", as fuzz.h writes them. No argument reaches the disk: open and fopen find
 * nothing, other dumps than "0" to "4" are not there.
 * Not covered: terminals, files of keys and their like.
 */
#include "fuzz.h"
#include "common/sandbox.h"
#include "common/sets.h"
#include "tools.h"

#include <dumpio/crypt.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS 24u
#define KEYRINGS 8u
#define WORDS 5u /* behind the tools */

/* By number, which inputs begin with: new ones go behind. */
static const char *const names[WORDS] = {"dumpconv", "dumpcrypt", "dumpfilter", "dumpinfo",
                                         "dumpverify"};

static int run_tool(const char *name, int argc, char **argv)
{
    for (const struct tool *const *t = tools; *t; t++)
        if (!strcmp((*t)->spec->tool, name))
            return (*t)->main(argc, argv);
    abort();
}

/* ---- what tools may not touch ---------------------------------------------------------------- */

static bool inside; /* a tool; else the fuzzer itself wants the file */

FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopen(const char *path, const char *mode);
int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_dumpio_keys_new(struct dumpio_keys **k, struct dumpio_error *err);
int __real_dumpio_keys_new(struct dumpio_keys **k, struct dumpio_error *err);
void __wrap_dumpio_keys_free(struct dumpio_keys *k);
void __wrap_sandbox_enter(struct ui *ui, const struct sandbox *s);
void __wrap_signals_start(void);
void __real_dumpio_keys_free(struct dumpio_keys *k);

FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (!inside)
        return __real_fopen(path, mode);
    errno = ENOENT;
    return NULL;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    if (!inside)
        return __real_open(path, flags, mode);
    errno = ENOENT;
    return -1;
}

/* Keys live as long as a tool's run, which is not this program's. */
static struct dumpio_keys *rings[KEYRINGS];

int __wrap_dumpio_keys_new(struct dumpio_keys **k, struct dumpio_error *err)
{
    for (size_t i = 0; i < KEYRINGS; i++)
        if (!rings[i]) {
            int rc = __real_dumpio_keys_new(k, err);
            rings[i] = rc ? NULL : *k;
            return rc;
        }
    fuzz_broken(__FILE__, __LINE__, "so many rings of keys");
}

void __wrap_dumpio_keys_free(struct dumpio_keys *k)
{
    (void)k;
}

/* For good means: for this program, too. */
void __wrap_sandbox_enter(struct ui *ui, const struct sandbox *s)
{
    (void)ui, (void)s;
}

/* The alarm is libFuzzer's, by which it ends what takes too long; and each run would leave a timer. */
void __wrap_signals_start(void)
{
}

/* ---- words ----------------------------------------------------------------------------------- */

static void ranges(const char *text)
{
    struct sets_ranges r = {0};
    for (unsigned times = 0; times < 2; times++) { /* adding them again changes nothing */
        size_t n = r.n;
        if (!sets_add_ranges(&r, text))
            break;
        FUZZ_REQUIRE(r.n && (!times || r.n == n));
        for (size_t i = 0; i < r.n; i++)
            FUZZ_REQUIRE(r.v[i].start < r.v[i].end && (!i || r.v[i].start > r.v[i - 1].end));
    }
    sets_free_ranges(&r);
}

static void words(const char *text)
{
    unsigned levels[SETS_LEVELS_MAX], set = 0, n = sets_levels(text, levels);
    uint64_t bytes = 0, again = 0;
    const char *bad = NULL;
    size_t len = 0;
    char plain[24];
    FUZZ_REQUIRE(n <= SETS_LEVELS_MAX);
    for (unsigned i = 0; i < n; i++)
        FUZZ_REQUIRE(levels[i] < 32);
    if (!sets_classes(text, &set, &bad, &len))
        FUZZ_REQUIRE(bad >= text && bad + len <= text + strlen(text));
    else
        FUZZ_REQUIRE(set);
    if (sets_size(text, &bytes)) {
        FUZZ_REQUIRE(bytes);
        snprintf(plain, sizeof plain, "%llu", (unsigned long long)bytes);
        if (bytes < (uint64_t)1 << 53) /* a double has no more */
            FUZZ_REQUIRE(sets_size(plain, &again) && again == bytes);
    }
    ranges(text);
}

/* ---- command lines --------------------------------------------------------------------------- */

static void run(unsigned tool, char *text)
{
    char name[] = "tool", *argv[ARGS + 2] = {name};
    int argc = 1;
    for (char *line = text; line && (unsigned)argc <= ARGS;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        argv[argc++] = line;
        line = next;
    }
    inside = true;
    int code = run_tool(names[tool], argc, argv);
    inside = false;
    FUZZ_REQUIRE(code >= 0 && code <= 3);
    for (size_t i = 0; i < KEYRINGS; i++) {
        __real_dumpio_keys_free(rings[i]);
        rings[i] = NULL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct fuzz_input in = fuzz_expand(data + 1, size - 1);
    size_t len = in.parts > 1 ? in.start[1] : in.size;
    char *text = malloc(len + 1);
    if (!text)
        abort();
    memcpy(text, in.bytes, len);
    text[len] = '\0';
    fuzz_file_set(&fuzz_files[0], in.bytes + len, in.size - len);
    unsigned what = data[0] % (WORDS + 1);
    if (what == WORDS)
        words(text);
    else
        run(what, text);
    fuzz_files_clear();
    free(text);
    fuzz_input_free(&in);
    return 0;
}
