/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which frames the kernel's own memory map knows.
 */
#ifndef DIO_RAM_H
#define DIO_RAM_H

#include "dump.h"

struct dio_ram {
    struct dumpio_range *keep; /* NULL: keep everything */
    size_t n_keep;
    uint64_t dropped;       /* bytes of dumped memory outside keep */
};

/*
 * With `only`, restrict a conversion to the kernel's memory map and name what is dropped: an error
 * when the map cannot be found. Without, warn when frames reach past it: makedumpfile cannot
 * filter a KDUMP that has them.
 */
int dio_ram_find(struct dio_ram *ram, struct dumpio_dump *dump, int only, unsigned target_holds,
                 const struct dumpio_env *env, struct dumpio_error *err);
void dio_ram_free(struct dio_ram *ram);

#endif
