/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of containers, and how to find one in it.
 * No on-disk format.
 */
#include "layers.h"

#include "../plug/keys.h"

#include <string.h>

const struct dio_layer *const dio_layers[] = {
    &dio_layer_flat, &dio_layer_zstd, &dio_layer_gzip,      &dio_layer_xz,
    &dio_layer_age,  &dio_layer_age_armor, NULL,
};

const struct dio_layer *dio_layer_by_name(const char *name)
{
    for (size_t i = 0; dio_layers[i]; i++)
        if (!strcmp(dio_layers[i]->name, name))
            return dio_layers[i];
    return NULL;
}

const struct dio_layer *dio_layer_by_suffix(const char *path, size_t len)
{
    for (size_t i = 0; dio_layers[i]; i++) {
        size_t n = strlen(dio_layers[i]->suffix);
        if (dio_layers[i]->create && len > n && path[len - n - 1] != '/' &&
            !memcmp(path + len - n, dio_layers[i]->suffix, n))
            return dio_layers[i];
    }
    return NULL;
}
