/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest that was found, for those who check against it.
 */
#ifndef DIO_PROVE_H
#define DIO_PROVE_H

#include "manifest.h"

#include <dumpio/manifest.h>

struct dumpio_manifest {
    struct dio_manifest m;
    char *path, *sealed_path; /* sealed_path NULL = there is none */
    bool sums_only;           /* no manifest: path is of checksums */
    char *sums_path;          /* checksums beside the manifest; NULL = none */
    char sums_why[220];       /* how they contradict it; "" = they do not */
    char **paths;             /* of the parts */
    struct dumpio_manifest_info info;
};

/* As dumpio_manifest_check_signature, of files; sealed NULL: there is none. */
int dio_check_signatures(const char *manifest, const char *sealed, const char *allowed,
                         struct dumpio_signature *result, struct dumpio_error *err);

#endif
