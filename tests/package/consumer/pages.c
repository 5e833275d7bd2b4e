/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Print how many bytes of memory a dump holds. Both public headers are used, in the language that C
 * and C++ share.
 */
#include <dumpio/crypt.h>
#include <dumpio/dumpio.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct dumpio_error err;
    struct dumpio_dump *dump = NULL;
    struct dumpio_keys *keys = NULL;
    struct dumpio_run run;
    const char *paths[1];
    unsigned long long present = 0;
    int rc = 0;
    if (argc != 2)
        return 2;
    paths[0] = argv[1];
    if (dumpio_keys_new(&keys, &err) || dumpio_open(&dump, paths, 1, NULL, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (uint64_t at = 0; !(rc = dumpio_next_run(dump, at, &run, &err)); at = run.end)
        present += run.kind == DUMPIO_PRESENT ? run.end - run.start : 0;
    printf("%llu\n", present);
    dumpio_close(dump);
    dumpio_keys_free(keys);
    return rc == DUMPIO_END ? 0 : 1;
}
