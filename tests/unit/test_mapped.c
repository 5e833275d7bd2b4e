/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies out of mappings: any place and length of a file, and files that cannot be mapped.
 * /proc/vmcore itself is there in capture kernels only.
 */
#include "unit.h"

#include "io/mapped.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SIZE 300000u

static void test_places(void)
{
    static const struct { uint32_t off, len; } places[] = {
        {0, SIZE}, {0, 1}, {SIZE - 1, 1}, {4095, 2}, {4096, 4096}, {65537, 200001}, {8192, 65536}};
    FILE *f = tmpfile();
    uint8_t *all = malloc(SIZE), *got = malloc(SIZE);
    CHECK(f && all && got);
    for (uint32_t i = 0; i < SIZE; i++)
        all[i] = (uint8_t)(i * 2654435761u >> 24);
    CHECK_EQ(fwrite(all, 1, SIZE, f), SIZE);
    fflush(f);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        memset(got, 0xa5, SIZE);
        CHECK(dio_mapped_copy(fileno(f), places[i].off, got, places[i].len));
        CHECK(!memcmp(got, all + places[i].off, places[i].len));
    }
    CHECK(!dio_mapped_wanted(fileno(f), "/proc/vmcore")); /* the name alone does not make it */
    fclose(f);
    free(all);
    free(got);
}

static void test_refused(void)
{
    uint8_t byte;
    int fd = open("/proc/version", O_RDONLY);
    CHECK(fd >= 0);
    CHECK(!dio_mapped_wanted(fd, "/proc/version"));
    CHECK(!dio_mapped_wanted(fd, "vmcore"));
    CHECK(dio_mapped_wanted(fd, "/proc/vmcore"));
    CHECK(!dio_mapped_copy(fd, 0, &byte, 1));
    close(fd);
}

int main(void)
{
    test_places();
    test_refused();
    return unit_result();
}
