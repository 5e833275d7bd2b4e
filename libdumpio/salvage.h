/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's side of salvage: who keeps the findings, and what is opened without its beginning.
 */
#ifndef DIO_CORE_SALVAGE_H
#define DIO_CORE_SALVAGE_H

#include "dump.h"
#include "plug/salvage.h"

struct dio_salvage *dio_salvage_new(void); /* NULL: out of memory */
void dio_salvage_free(struct dio_salvage *s); /* NULL allowed */

/*
 * The container around *b whose beginning is damaged, if one proves to be there, is undone. 0,
 * DUMPIO_END when there is none, or an error.
 */
int dio_salvage_container(struct dio_bytes **b, const struct dio_layer_options *o,
                          const struct dumpio_env *env, char names[DIO_STACK_NAMES],
                          struct dumpio_error *err);

/*
 * No format knows the head: let each that can do without it try `open`. 0 with d->format set and
 * open, else err as it was.
 */
int dio_salvage_format(struct dumpio_dump *d,
                       int (*open)(struct dumpio_dump *d, struct dumpio_error *err),
                       struct dumpio_error *err);

#endif
