/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for secrets: see plug/secret.h. Not handled: copies that the system makes (core files).
 */
#include "plug/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

void dio_wipe(void *p, size_t n)
{
    static void *(*const volatile set)(void *, int, size_t) = memset; /* may be anything */
    if (n)
        set(p, 0, n);
}

static size_t whole_pages(size_t n)
{
    return (n + PAGE - 1) & ~(size_t)(PAGE - 1);
}

void *dio_secret_alloc(size_t n)
{
    void *p;
    if (posix_memalign(&p, PAGE, whole_pages(n)))
        return NULL;
    memset(p, 0, whole_pages(n));
    if (mlock(p, whole_pages(n))) {
        /* RLIMIT_MEMLOCK: secrets may be swapped, which is no reason to stop */
    }
    return p;
}

void dio_secret_free(void *p, size_t n)
{
    if (!p)
        return;
    dio_wipe(p, n);
    munlock(p, whole_pages(n));
    free(p);
}
