/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dump opened with dumpio_open_options.salvage lacks, and what was done about it. See
 * dumpio.h for the conventions.
 */
#ifndef DUMPIO_SALVAGE_H
#define DUMPIO_SALVAGE_H

#include <dumpio/dumpio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dumpio_finding_kind {
    DUMPIO_FOUND_DAMAGE = 1,  /* bytes that cannot be read, or that are not what they should be */
    DUMPIO_FOUND_REBUILT = 2  /* damage that the rest of the file made good, and proves */
};

struct dumpio_finding {
    enum dumpio_finding_kind kind;
    const char *where;    /* the file, or the part of a set */
    const char *layer;    /* what the places count in: "file", "zstd", ..., or the format's name */
    uint64_t start, end;  /* [start, end) of it, bytes */
    const char *text;     /* what it is, or what was done */
};

/*
 * The i-th finding, in the order of finding; strings are the dump's. 0, or DUMPIO_END. At most
 * DUMPIO_FINDINGS_MAX are kept; *more (NULL allowed) = how many there were beyond.
 */
#define DUMPIO_FINDINGS_MAX 4096u
DUMPIO_API int dumpio_finding_at(struct dumpio_dump *dump, size_t i, struct dumpio_finding *f,
                                 uint64_t *more);

#ifdef __cplusplus
}
#endif
#endif
