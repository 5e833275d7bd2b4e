/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump read in order from a pipe: where that is possible, what is read is what a file gives. Input:
 * a dump, or a container, as fuzz.h writes it.
 * Not covered: streams longer than a pipe holds at once (1 MiB), so nothing leaves the window.
 */
#include "dump.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#define HELD_MAX ((uint64_t)4 << 20) /* larger dumps are left out: they only take longer */

/* 0, or the error that either call ended with. */
static int verify(const char *name, const struct dumpio_open_options *options,
                  struct dumpio_verify_result *v, bool *in_order)
{
    struct dumpio_dump *d = NULL;
    struct dumpio_error err = {0};
    int rc = dumpio_open(&d, &name, 1, options, &fuzz_env, &err);
    if (!rc) {
        *in_order = d->info->forward;
        struct fuzz_extent x = fuzz_walk(d);
        if (!x.whole || x.held > HELD_MAX)
            rc = dio_fail(&err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "too large to be interesting");
    }
    if (!rc)
        rc = dumpio_verify(d, 1, NULL, NULL, v, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    if (rc && *in_order)
        *in_order = false; /* it said that it cannot */
    dumpio_close(d);
    return rc;
}

static void compare(const struct dumpio_verify_result *file, const struct dumpio_verify_result *pipe)
{
    bool same = file->present_pages == pipe->present_pages &&
                file->zero_pages == pipe->zero_pages &&
                file->excluded_pages == pipe->excluded_pages &&
                file->lost_pages == pipe->lost_pages &&
                file->partial_pages == pipe->partial_pages &&
                !memcmp(file->digest, pipe->digest, sizeof file->digest);
    if (!same)
        fprintf(stderr, "pages present %llu and %llu, zero %llu and %llu, lost %llu and %llu\n",
                (unsigned long long)file->present_pages, (unsigned long long)pipe->present_pages,
                (unsigned long long)file->zero_pages, (unsigned long long)pipe->zero_pages,
                (unsigned long long)file->lost_pages, (unsigned long long)pipe->lost_pages);
    FUZZ_REQUIRE(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dumpio_open_options in_order = {.forward = "verify", .no_spool = 1};
    struct dumpio_verify_result file, pipe;
    struct fuzz_input in = fuzz_expand(data, size);
    bool forward = false, ignored = false;
    fuzz_file_set(&fuzz_files[0], in.bytes, in.size);
    if (!verify(FUZZ_PIPE, &in_order, &pipe, &forward) && forward) {
        FUZZ_REQUIRE(!verify("0", NULL, &file, &ignored));
        compare(&file, &pipe);
    }
    fuzz_files_clear();
    fuzz_input_free(&in);
    return 0;
}
