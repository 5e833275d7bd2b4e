/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a kernel image: ELF, symbols, DWARF, as facts; the same twice. Input: the image,
 * then (next part) the VMCOREINFO that it must fit, as fuzz.h writes them.
 * Not covered: what is done with the facts (fuzz_kernel.c, fuzz_classify.c).
 */
#include "fuzz.h"
#include "kernel/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libelf wants a file: one without a name, used again and again. */
static const char *save(const uint8_t *p, size_t n)
{
    static char path[32];
    static FILE *f;
    if (!f && !(f = tmpfile()))
        abort();
    int fd = fileno(f);
    if (ftruncate(fd, 0) || pwrite(fd, p, n, 0) != (ssize_t)n)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* Lines of VMCOREINFO's grammar, or none. */
static void check_facts(const struct dio_facts *f)
{
    FUZZ_REQUIRE(!f->failed);
    for (size_t at = 0; at < f->len;) {
        const char *line = f->text + at, *end = memchr(line, '\n', f->len - at);
        FUZZ_REQUIRE(end && end > line);
        const char *eq = memchr(line, '=', (size_t)(end - line));
        FUZZ_REQUIRE(eq && eq > line);
        at += (size_t)(end - line) + 1;
    }
    FUZZ_REQUIRE(!f->len || !f->text[f->len]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_expand(data, size);
    size_t image = in.parts > 1 ? in.start[1] : in.size;
    const char *path = save(in.bytes, image), *told = (const char *)in.bytes + image;
    struct dio_facts f[2] = {{0}, {0}};
    struct dumpio_error err[2] = {{0}, {0}};
    int rc[2];
    for (unsigned i = 0; i < 2; i++) {
        rc[i] = dio_vmlinux_facts(path, told, in.size - image, &f[i], &err[i]);
        fuzz_check_error(rc[i], &err[i]);
        check_facts(&f[i]);
        FUZZ_REQUIRE(!rc[i] || !f[i].len);
    }
    FUZZ_REQUIRE(rc[0] == rc[1] && f[0].len == f[1].len);
    FUZZ_REQUIRE(!f[0].len || !memcmp(f[0].text, f[1].text, f[0].len));
    dio_facts_free(&f[0]);
    dio_facts_free(&f[1]);
    fuzz_input_free(&in);
    return 0;
}
