/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is there room for an output whose pages are stored as they are, and zero pages as holes?
 */
#ifndef DIO_ROOM_H
#define DIO_ROOM_H

#include "plug/out.h"
#include "transcode.h"

/*
 * Fail (DUMPIO_E_IO, ENOSPC) when `memory` bytes of pages, the zero ones left out, are sure to be more
 * than the file system of `out` has free. Pages are counted, by one pass over the map, only when
 * nothing cheaper tells that they fit. Sinks that are no new files pass. The map is rewound.
 */
int dio_room_check(const struct dio_out *out, const struct dio_transcode *how, struct dio_map *map,
                   uint64_t memory, const struct dumpio_env *env, struct dumpio_error *err);

#endif
