/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zlib streams (RFC 1950) by ISA-L's level 0: one page a call, fixed Huffman tables.
 */
#include "set.h"

#ifdef DUMPIO_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

struct dio_isal {
    struct isal_zstream z;
};

struct dio_isal *dio_isal_new(void)
{
    return calloc(1, sizeof(struct dio_isal));
}

void dio_isal_free(struct dio_isal *s)
{
    free(s);
}

size_t dio_isal_pack(struct dio_isal *s, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct isal_zstream *z = &s->z;
    isal_deflate_stateless_init(z);
    z->gzip_flag = IGZIP_ZLIB;
    z->end_of_stream = 1;
    z->flush = NO_FLUSH;
    z->next_in = (uint8_t *)(uintptr_t)in;
    z->avail_in = (uint32_t)n;
    z->next_out = out;
    z->avail_out = (uint32_t)cap;
    if (isal_deflate_stateless(z) != COMP_OK || z->avail_in)
        return 0;
    return z->total_out;
}
#else
struct dio_isal *dio_isal_new(void)
{
    return NULL;
}

void dio_isal_free(struct dio_isal *s)
{
    (void)s;
}

size_t dio_isal_pack(struct dio_isal *s, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    (void)s, (void)in, (void)n, (void)out, (void)cap;
    return 0;
}
#endif
