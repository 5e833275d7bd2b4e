/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zlib streams (RFC 1950) by ISA-L: levels 0 to 3, stateless, one page a call.
 * Does not say why a stream is bad: zlib.c asks zlib for that.
 */
#include "set.h"

#ifdef DUMPIO_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

struct dio_isal {
    struct isal_zstream out;
    struct inflate_state in;
    uint8_t *level_buf;
    uint32_t level_buf_size;
    uint32_t level;
};

static uint32_t buffer_size(int level)
{
    static const uint32_t sizes[DIO_ISAL_LEVELS] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                                    ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
    return sizes[level];
}

struct dio_isal *dio_isal_new(int level)
{
    struct dio_isal *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->level = (uint32_t)level;
    s->level_buf_size = buffer_size(level);
    s->level_buf = s->level_buf_size ? malloc(s->level_buf_size) : NULL;
    if (s->level_buf_size && !s->level_buf) {
        free(s);
        return NULL;
    }
    return s;
}

void dio_isal_free(struct dio_isal *s)
{
    if (s)
        free(s->level_buf);
    free(s);
}

size_t dio_isal_pack(struct dio_isal *s, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    struct isal_zstream *z = &s->out;
    isal_deflate_stateless_init(z);
    z->gzip_flag = IGZIP_ZLIB;
    z->end_of_stream = 1;
    z->flush = NO_FLUSH;
    z->level = s->level;
    z->level_buf = s->level_buf;
    z->level_buf_size = s->level_buf_size;
    z->next_in = (uint8_t *)(uintptr_t)in;
    z->avail_in = (uint32_t)n;
    z->next_out = out;
    z->avail_out = (uint32_t)cap;
    if (isal_deflate_stateless(z) != COMP_OK || z->avail_in)
        return 0;
    return z->total_out;
}

int dio_isal_expand(struct dio_isal *s, const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
    struct inflate_state *z = &s->in;
    isal_inflate_init(z);
    z->crc_flag = ISAL_ZLIB;
    z->next_in = (uint8_t *)(uintptr_t)in;
    z->avail_in = (uint32_t)len;
    z->next_out = out;
    z->avail_out = (uint32_t)n;
    int rc = isal_inflate(z);
    return rc != ISAL_DECOMP_OK || z->block_state != ISAL_BLOCK_FINISH || z->total_out != n ||
           z->avail_in;
}
#endif
