/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model: any bytes as a note stream, or as a carried block; then what a writer makes of the
 * result, read once more. Input: flags, architecture, then the bytes as in fuzz.h.
 */
#include "fuzz.h"
#include "model_core.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1, BIG = 2, NETDUMP = 4, NO_ORDER = 8, TURN = 16, SECOND = 32 };

static const char *const archs[] = {"x86_64", "i386", "aarch64", "arm", "ppc64", "s390x",
                                    "riscv64", "ppc", "ia64", "mips64", "loongarch64", ""};

static struct dio_model *new_model(unsigned flags, unsigned arch)
{
    struct dio_model *m;
    struct dumpio_error err = {0};
    FUZZ_REQUIRE(!dio_model_new(&m, &err));
    struct dumpio_info *i = dio_model_info(m);
    i->format = "fuzz";
    i->arch = archs[arch % (sizeof archs / sizeof *archs)];
    const struct dio_arch *a = dio_arch_by_name(i->arch);
    i->word = a ? a->word : 8;
    i->unit = i->page_size = 4096;
    if (!(flags & NO_ORDER))
        i->order = flags & BIG ? DUMPIO_BIG : DUMPIO_LITTLE;
    return m;
}

static unsigned sum; /* keeps the reads */

static void touch(const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++)
        sum += p[i];
}

static void look(const struct dumpio_info *i)
{
    for (uint32_t c = 0; c < i->n_cpus; c++)
        if (i->cpus[c].regs)
            touch(i->cpus[c].regs, i->cpus[c].regs_len);
    for (uint32_t n = 0; n < i->n_notes; n++) {
        touch(i->notes[n].name, strlen(i->notes[n].name));
        touch(i->notes[n].data, i->notes[n].len);
    }
    for (uint32_t p = 0; p < i->n_partials; p++)
        FUZZ_REQUIRE(i->partials[p].start < i->partials[p].end);
    for (size_t u = 0; u < DUMPIO_UTS_FIELDS; u++)
        touch(i->uts[u], strlen(i->uts[u]));
    touch(i->vmcoreinfo, i->vmcoreinfo_len);
    touch(i->eraseinfo, i->eraseinfo_len);
    touch(i->extras, strlen(i->extras));
    touch(i->panic, strlen(i->panic));
    touch(i->provenance, strlen(i->provenance));
    FUZZ_REQUIRE(i->panic_cpu < (int64_t)i->n_cpus);
}

/* The block for a target that holds nothing; *len 0 when there is nothing to say. */
static uint8_t *carry(const struct dumpio_info *i, size_t *len)
{
    uint8_t *block = NULL;
    char *not_held = NULL, *dropped = NULL;
    struct dumpio_error err = {0};
    int rc = dio_carried_build(i, 0, SIZE_MAX, &block, len, &not_held, &dropped, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc && (block || !*len));
    free(not_held);
    free(dropped);
    return block;
}

/* A block built from a model, restored into an empty one, builds the same block. */
static void there_and_back(const struct dumpio_info *i, unsigned flags, unsigned arch)
{
    struct dumpio_error err = {0};
    size_t len = 0, len2 = 0;
    uint8_t *block = carry(i, &len), *again;
    if (!len) {
        free(block);
        return;
    }
    struct dio_model *m = new_model(flags, arch);
    FUZZ_REQUIRE(!dio_model_restore(m, block, len, &fuzz_env, &err));
    dio_model_complete(m, &fuzz_env);
    look(dio_model_info(m));
    struct dio_model *m2 = new_model(flags, arch);
    again = carry(dio_model_info(m), &len2);
    FUZZ_REQUIRE(!dio_model_restore(m2, again, len2, &fuzz_env, &err));
    dio_model_complete(m2, &fuzz_env);
    free(block);
    block = carry(dio_model_info(m2), &len);
    FUZZ_REQUIRE(len == len2 && (!len || !memcmp(block, again, len)));
    free(block);
    free(again);
    dio_model_free(m);
    dio_model_free(m2);
}

static void notes_again(const struct dumpio_info *i, unsigned flags, unsigned arch)
{
    struct dumpio_error err = {0};
    size_t len = 0, carried_len = 0;
    uint8_t *data = NULL, *carried = carry(i, &carried_len);
    struct dio_notes_request r = {.order = flags & BIG ? DUMPIO_BIG : DUMPIO_LITTLE,
                                  .word = i->word,
                                  .netdump = (flags & NETDUMP) != 0,
                                  .carried = carried,
                                  .carried_len = carried_len};
    int rc = dio_notes_build(i, &r, &data, &len, &err);
    fuzz_check_error(rc, &err);
    if (!rc && len) {
        struct dio_model *m = new_model(flags, arch);
        rc = dio_notes_parse(m, data, len, r.order, 0, &fuzz_env, &err);
        fuzz_check_error(rc, &err);
        FUZZ_REQUIRE(!rc && !dio_model_info(m)->truncated);
        dio_model_complete(m, &fuzz_env);
        look(dio_model_info(m));
        dio_model_free(m);
    }
    free(data);
    free(carried);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    unsigned flags = data[0], arch = data[1];
    struct dumpio_error err = {0};
    struct fuzz_input in = fuzz_expand(data + 2, size - 2);
    struct dio_model *m = new_model(flags, arch);
    enum dumpio_order order = flags & BIG ? DUMPIO_BIG : DUMPIO_LITTLE;
    size_t first = flags & SECOND && in.parts > 1 ? in.start[1] : in.size;
    int rc = flags & BLOCK ? dio_model_restore(m, in.bytes, first, &fuzz_env, &err)
                           : dio_notes_parse(m, in.bytes, first, order, 0x40, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    if (first < in.size) {
        rc = dio_notes_parse(m, in.bytes + first, in.size - first, order, 0x80, &fuzz_env, &err);
        fuzz_check_error(rc, &err);
    }
    dio_model_complete(m, &fuzz_env);
    if (flags & TURN)
        dio_model_set_order(m, flags & BIG ? DUMPIO_LITTLE : DUMPIO_BIG);
    dio_model_complete(m, &fuzz_env);
    look(dio_model_info(m));
    there_and_back(dio_model_info(m), flags, arch);
    notes_again(dio_model_info(m), flags, arch);
    dio_model_free(m);
    fuzz_input_free(&in);
    return 0;
}
