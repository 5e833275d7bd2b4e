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
    char **paths;             /* of the parts */
    struct dumpio_manifest_info info;
};

#endif
