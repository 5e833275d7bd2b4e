/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classes of a dump's frames, inside the library: built by classes.c, checked by class_check.c.
 */
#ifndef DIO_CLASSES_H
#define DIO_CLASSES_H

#include "class_store.h"
#include "dump.h"
#include "kernel/pages.h"

struct dumpio_classes {
    struct dumpio_classes_info info;
    struct dio_class_store *store;
    struct dio_pfn_list freed; /* ascending: FREED frames, KERNEL in the store */
    struct dumpio_node *nodes;
    uint32_t page_size;
    bool all_unknown;          /* keep_unknown, and the kernel is not understood */
    char unknown_why[480];     /* why frames are UNKNOWN: all of them, or some */
};

/*
 * Does the result agree with what else the kernel tells? DUMPIO_E_CORRUPT names what does not. Also
 * counts what the dump holds into c->info.held. keep_unknown: records that cannot be read are no
 * error; c->unknown_why tells of them.
 */
int dio_classes_check(struct dumpio_classes *c, struct dumpio_dump *d,
                      const struct dio_classifier *how, const struct dio_class_sums *sums,
                      bool keep_unknown, const struct dumpio_env *env, struct dumpio_error *err);

#endif
