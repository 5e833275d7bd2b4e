/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large reads of /proc/vmcore through mmap.
 */
#ifndef DIO_MAPPED_H
#define DIO_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIO_MAPPED_MIN (64u << 10) /* smaller reads are cheaper by pread */

/* Is this the kernel's /proc/vmcore, which cannot become shorter? */
bool dio_mapped_wanted(int fd, const char *path);

/*
 * Copy len bytes at off, all of them inside the file. False when the kernel does not map this (no
 * MMU, s390x, a part of the file that is no memory): read it then.
 */
bool dio_mapped_copy(int fd, uint64_t off, void *buf, size_t len);

#endif
