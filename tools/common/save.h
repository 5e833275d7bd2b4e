/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files that a tool writes beside its output, which appear when they are whole.
 */
#ifndef SAVE_H
#define SAVE_H

#include "ui.h"

#include <stdio.h>
#include <sys/types.h>

/*
 * Have `put` write `path`, replacing what is there; false from it is errno's. mode: before the umask.
 * 0 or an exit code, with the message printed.
 */
int save_file(struct ui *ui, const char *path, mode_t mode, bool (*put)(void *ctx, FILE *to),
              void *ctx);

#endif
