/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs every file of the given folders (or the given files) through a fuzz target, without a
 * fuzzer: what the tests do with the corpus, and what reproduces a finding under a debugger.
 *
 * usage: replay_TARGET FOLDER|FILE...
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 20)
#define SECONDS_MAX 60u /* for one input, under any sanitizer: then SIGALRM ends the test */

static unsigned done;

static int run_file(const char *path)
{
    uint8_t *buf = malloc(FILE_MAX);
    FILE *f = fopen(path, "rb");
    if (!f || !buf) {
        perror(path);
        free(buf);
        if (f)
            fclose(f);
        return -1;
    }
    size_t n = fread(buf, 1, FILE_MAX, f);
    fclose(f);
    uint8_t *exact = malloc(n ? n : 1); /* a read behind the input is seen */
    if (!exact) {
        free(buf);
        return -1;
    }
    memcpy(exact, buf, n);
    free(buf);
    fprintf(stderr, "%s (%zu bytes)\n", path, n);
    alarm(SECONDS_MAX);
    LLVMFuzzerTestOneInput(exact, n);
    alarm(0);
    free(exact);
    done++;
    return 0;
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int run_folder(const char *folder)
{
    struct dirent **list;
    int n = scandir(folder, &list, visible, alphasort), rc = 0;
    if (n < 0) {
        perror(folder);
        return -1;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        int len = snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        if (len < 0 || (size_t)len >= sizeof path || run_file(path))
            rc = -1;
        free(list[i]);
    }
    free(list);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool folder = !stat(argv[i], &st) && S_ISDIR(st.st_mode);
        if (folder ? run_folder(argv[i]) : run_file(argv[i]))
            rc = 1;
    }
    printf("%u inputs\n", done);
    return rc || !done;
}
