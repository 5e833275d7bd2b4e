/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output files that outlive an interruption, to be gone on with.
 */
#ifndef DIO_PARTIAL_H
#define DIO_PARTIAL_H

#include "io.h"

/*
 * A RANDOM sink that is PATH.dumpmerge until finish gives it the name PATH. *size: what an earlier
 * run left in it; *old reads that (borrowed from the sink). discard keeps the file when *keep says
 * so at that time, else removes it. PATH must be a regular file or not exist: DUMPIO_E_ARG.
 */
int dio_partial_create(struct dio_out **out, struct dio_bytes **old, const char *path,
                       const struct dio_file_out_options *o, const bool *keep,
                       struct dumpio_error *err);

/* Can `path` be written that way? */
bool dio_partial_can(const char *path);

void dio_stream_close(int fd); /* -1 allowed */

#endif
