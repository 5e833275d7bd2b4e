/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying out of a mapping, for /proc/vmcore: its read() maps, copies and unmaps every page by
 * itself, mmap() maps a whole range of the old kernel's memory at once.
 * Not for files that can become shorter: touching what is gone is SIGBUS.
 */
#include "mapped.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PROC_MAGIC 0x9fa0 /* linux/magic.h */

bool dio_mapped_wanted(int fd, const char *path)
{
    struct statfs fs;
    size_t len = strlen(path), n = strlen("/vmcore");
    return len >= n && !strcmp(path + len - n, "/vmcore") && !fstatfs(fd, &fs) &&
           fs.f_type == PROC_MAGIC;
}

bool dio_mapped_copy(int fd, uint64_t off, void *buf, size_t len)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), skip = off & (page - 1);
    size_t n = (size_t)(skip + len);
    const uint8_t *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, (off_t)(off - skip));
    if (p == MAP_FAILED)
        return false;
    memcpy(buf, p + skip, len);
    munmap((void *)(uintptr_t)p, n);
    return true;
}
