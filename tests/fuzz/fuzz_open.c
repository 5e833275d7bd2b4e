/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a dump: detection, layers, every reader, and what look.c looks at. Input: a dump
 * (parts of a set) as fuzz.h writes it. Not covered: writers (fuzz_convert.c), salvage
 * (fuzz_salvage.c), dumps of more than a few pages.
 */
#include "fuzz.h"

#include <dumpio/dumpio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_expand(data, size);
    struct dumpio_dump *d = fuzz_open_input(&in, NULL);
    if (d)
        fuzz_look(d, size);
    dumpio_close(d);
    fuzz_files_clear();
    fuzz_input_free(&in);
    return 0;
}
