/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a dump to be salvaged: as fuzz_open.c, and what is opened although it is damaged is
 * said to be so. Input: a dump (parts of a set) as fuzz.h writes it. Not covered: whether the pages
 * are the right ones, which tests/robust/salvage.py knows.
 */
#include "fuzz.h"

#include <dumpio/salvage.h>

/* Findings have a place and a text. Their number. */
static size_t check_findings(struct dumpio_dump *d)
{
    struct dumpio_finding f;
    size_t n = 0;
    uint64_t more;
    for (; !dumpio_finding_at(d, n, &f, &more); n++) {
        FUZZ_REQUIRE(f.kind == DUMPIO_FOUND_DAMAGE || f.kind == DUMPIO_FOUND_REBUILT);
        FUZZ_REQUIRE(f.start <= f.end && *f.where && *f.layer && *f.text);
    }
    FUZZ_REQUIRE(!more || n == DUMPIO_FINDINGS_MAX);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_expand(data, size);
    struct dumpio_dump *d = fuzz_open_input(&in, NULL);
    bool sound = d != NULL;
    dumpio_close(d);
    fuzz_files_clear();
    d = fuzz_open_input(&in, &(struct dumpio_open_options){.salvage = 1});
    if (d) {
        FUZZ_REQUIRE(check_findings(d) || sound || dumpio_get_info(d)->truncated);
        fuzz_look(d, size);
        (void)check_findings(d);
    }
    dumpio_close(d);
    fuzz_files_clear();
    fuzz_input_free(&in);
    return 0;
}
