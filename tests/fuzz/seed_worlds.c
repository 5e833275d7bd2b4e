/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a unit test of libdumpio/kernel and writes every machine that it makes as an input of
 * fuzz_kernel, runs not yet shortened. Built once per test, whose source is SEED_TEST.
 *
 * usage: seed_TEST FOLDER
 */
#include "kernel/kernel.h"

static int seed_open(struct dio_kernel **k, const struct dio_mem *mem,
                     const struct dumpio_env *env, struct dumpio_error *err);
static int seed_find(const struct dio_mem *mem, char **text, size_t *len,
                     enum dumpio_order *order, struct dumpio_error *err);

#define dio_kernel_open seed_open
#define dio_vmcoreinfo_find seed_find
#define main unit_main
int unit_main(void);
#include SEED_TEST
#undef main
#undef dio_vmcoreinfo_find
#undef dio_kernel_open

static const char *folder;

static void put16(FILE *f, unsigned v)
{
    fputc((int)(v & 0xff), f);
    fputc((int)(v >> 8 & 0xff), f);
}

static void write_world(const struct dio_mem *mem, unsigned flags)
{
    static const char *const archs[] = {"x86_64", "i386", "aarch64", "ppc64", "s390x", "riscv64"};
    static unsigned number;
    const struct world *w = mem->ctx;
    const struct dumpio_info *i = mem->info;
    unsigned arch = 0, end = 63;
    char path[4096];
    while (arch < sizeof(archs) / sizeof(archs[0]) && strcmp(archs[arch], i->arch))
        arch++;
    while (end && (uint64_t)1 << end > i->end_addr)
        end--;
    snprintf(path, sizeof(path), "%s/%s-%03u", folder, i->arch, number++);
    FILE *f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    fputc((int)arch, f);
    fputc((int)(flags | (i->order == DUMPIO_BIG) | (i->order ? 0 : 2)), f);
    fputc((int)end, f);
    put16(f, i->vmcoreinfo_len);
    if (i->vmcoreinfo_len)
        fwrite(i->vmcoreinfo, 1, i->vmcoreinfo_len, f);
    for (unsigned p = 0; p < w->pages; p++) {
        put16(f, (unsigned)(w->page[p].pa / WORLD_PAGE));
        put16(f, (unsigned)(w->page[p].pa / WORLD_PAGE >> 16));
        fwrite(w->page[p].bytes, 1, WORLD_PAGE, f);
    }
    fclose(f);
}

static int seed_open(struct dio_kernel **k, const struct dio_mem *mem,
                     const struct dumpio_env *env, struct dumpio_error *err)
{
    write_world(mem, 0);
    return dio_kernel_open(k, mem, env, err);
}

static int seed_find(const struct dio_mem *mem, char **text, size_t *len,
                     enum dumpio_order *order, struct dumpio_error *err)
{
    write_world(mem, 4);
    return dio_vmcoreinfo_find(mem, text, len, order, err);
}

int main(int argc, char **argv)
{
    (void)seed_open;
    (void)seed_find;
    if (argc != 2) {
        fputs("usage: seed_TEST FOLDER\n", stderr);
        return 2;
    }
    folder = argv[1];
    return unit_main();
}
