/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the fuzz targets: inputs with long runs written short, files in memory behind the
 * library's own file functions, checks of what every call promises. See README.md.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "plug/bytes.h"
#include "plug/out.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stop with a crash that the fuzzer keeps: a promise of the library is broken. */
#define FUZZ_REQUIRE(cond)                                                                         \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fuzz_broken(__FILE__, __LINE__, #cond);                                                \
    } while (0)
_Noreturn void fuzz_broken(const char *file, int line, const char *what);

/* rc is 0, DUMPIO_END or an error that err describes as the public header says. */
void fuzz_check_error(int rc, const struct dumpio_error *err);

/* One thread; notes are checked. */
extern const struct dumpio_env fuzz_env;

/* ---- inputs -------------------------------------------------------------------------------- */

/*
 * fe ed V L H stands for V, repeated L + 256 * H times; fe ed 0 0 0 for the bytes fe ed; fe ed V 0 0
 * with V > 0 begins the next part of a split set. All other bytes stand for themselves.
 */
#define FUZZ_PARTS 4u
#define FUZZ_EXPANDED_MAX ((size_t)1 << 20)

struct fuzz_input {
    uint8_t *bytes;           /* malloc'ed, exactly `size`; never NULL */
    size_t size;
    size_t start[FUZZ_PARTS]; /* of each part; they follow one another */
    size_t parts;             /* at least 1 */
};
struct fuzz_input fuzz_expand(const uint8_t *data, size_t size);
void fuzz_input_free(struct fuzz_input *in);

/* ---- files in memory ------------------------------------------------------------------------- */

#define FUZZ_STORED_MAX ((uint64_t)16 << 20) /* bytes stored in one file, rounded up to chunks */

struct fuzz_file {
    uint64_t size;
    struct fuzz_chunk *chunks; /* ascending */
    size_t n, cap;
    enum dio_access access;    /* of its sink */
    bool finished;
};

/* What is not written reads as zero. 0, or DUMPIO_E_LIMIT beyond FUZZ_STORED_MAX. */
int fuzz_file_write(struct fuzz_file *f, uint64_t off, const void *buf, size_t len,
                    struct dumpio_error *err);
void fuzz_file_read(const struct fuzz_file *f, uint64_t off, void *buf, size_t len);
/* Empty it. */
void fuzz_file_clear(struct fuzz_file *f);
void fuzz_file_set(struct fuzz_file *f, const uint8_t *data, size_t size);

/* A source; it borrows f. */
struct dio_bytes *fuzz_source(struct fuzz_file *f);
/* A sink of f->access; f->size is set by finish. */
struct dio_out *fuzz_sink(struct fuzz_file *f);

/*
 * The files that dumpio_open and dumpio_convert see under the names "0", "1", ...: the linker puts
 * dio_file_open and dio_file_create of files.c in place of the library's.
 */
#define FUZZ_OUTPUT "4" /* behind the parts of the input */
#define FUZZ_PIPE "-"   /* file "0" comes through a pipe, if it is no longer than FUZZ_EXPANDED_MAX */
extern struct fuzz_file fuzz_files[FUZZ_PARTS + 1];

/* Open the parts of an input. NULL when it is no dump. */
struct dumpio_dump *fuzz_open_input(const struct fuzz_input *in,
                                    const struct dumpio_open_options *options);
/* Empty all files. */
void fuzz_files_clear(void);

/* What a walk over the map found. */
struct fuzz_extent {
    uint64_t held; /* bytes of PRESENT and LOST runs */
    unsigned runs;
    bool whole;    /* the walk came to the end, within FUZZ_RUNS_MAX runs */
};
#define FUZZ_RUNS_MAX 2048u
/* Walks the map and checks that the runs ascend. */
struct fuzz_extent fuzz_walk(struct dumpio_dump *d);

/* Everything that an open dump has; `size` is its input's, and chooses. look.c */
void fuzz_look(struct dumpio_dump *d, size_t size);

#endif
