/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passphrases: from the terminal, a file or a descriptor, never from arguments.
 */
#ifndef PASS_H
#define PASS_H

#include <stddef.h>

#define PASS_MAX_BYTES 1024 /* with the NUL */

void pass_wipe(void *p, size_t n);

/* All print their error and return 0, or 1 for failure. */

/* The first line of a file. */
int pass_from_file(const char *tool, const char *path, char *buf, size_t size);
/* The first line that a descriptor gives. */
int pass_from_fd(const char *tool, int fd, char *buf, size_t size);
/* Ask at the terminal without echo; `twice` to be sure of a new one. */
int pass_from_terminal(const char *tool, const char *what, int twice, char *buf, size_t size);

#endif
