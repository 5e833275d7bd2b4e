/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One executable for all tools: "dumpio conv ..." or a link named "dumpconv".
 */
#include "common/signals.h"
#include "tools.h"

#include <dumpio/dumpio.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static void usage(FILE *to)
{
    fputs("usage: dumpio COMMAND ARGUMENTS...   (dumpCOMMAND is the same)\n\n", to);
    for (const struct tool *const *t = tools; *t; t++)
        fprintf(to, "  %-10s %s\n", (*t)->spec->tool + TOOL_PREFIX, (*t)->spec->summary);
    fputs("\n'dumpio COMMAND --help' tells more; 'dumpio --version' the version.\n", to);
}

static int run(const char *name, int argc, char **argv)
{
    for (const struct tool *const *t = tools; *t; t++)
        if (!strcmp(name, (*t)->spec->tool) || !strcmp(name, (*t)->spec->tool + TOOL_PREFIX))
            return signals_end((*t)->main(argc, argv));
    return -1;
}

/* Parts are files: as many as the system allows. The lower limit is for programs that select(). */
static void allow_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur == r.rlim_max)
        return;
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r); /* else it stays as it is */
}

/*
 * Large buffers go back to the system when they are freed. glibc raises the size from which they do
 * with every one that is freed, and keeps a quarter of the limit of -M in the heaps of the threads.
 */
static void give_back_memory(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

int main(int argc, char **argv)
{
    allow_files();
    give_back_memory();
    const char *slash = argc ? strrchr(argv[0], '/') : NULL;
    const char *self = slash ? slash + 1 : argc ? argv[0] : "";
    if (strcmp(self, "dumpio") != 0) {
        int rc = run(self, argc, argv);
        if (rc >= 0)
            return rc;
    }
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        usage(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        printf("dumpio %s\n", dumpio_version());
        return 0;
    }
    int rc = run(argv[1], argc - 1, argv + 1);
    if (rc >= 0)
        return rc;
    fprintf(stderr, "dumpio: unknown command: %s\n", argv[1]);
    usage(stderr);
    return 2;
}
