/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all that reads or writes .xz needs: liblzma's verdicts as errors, headers of blocks.
 * Format: tukaani.org/xz/xz-file-format.txt, 3.1.
 */
#include "xz_parts.h"

/* liblzma's verdict as a message. */
static const char *text(lzma_ret ret)
{
    switch (ret) {
    case LZMA_FORMAT_ERROR: return "not in .xz format";
    case LZMA_OPTIONS_ERROR: return "options that this liblzma does not know";
    case LZMA_DATA_ERROR: return "damaged";
    case LZMA_BUF_ERROR: return "it ends too early or too late";
    case LZMA_MEMLIMIT_ERROR: return "too much memory is needed";
    default: return "liblzma refuses";
    }
}

int dio_xz_verdict(lzma_ret ret, uint64_t at, const char *what, struct dumpio_error *err)
{
    if (ret == LZMA_MEM_ERROR)
        return dio_nomem(err, what);
    return dio_fail(err, ret == LZMA_OPTIONS_ERROR ? DUMPIO_E_UNSUPPORTED : DUMPIO_E_CORRUPT, at,
                    "%s at 0x%llx: %s", what, (unsigned long long)at, text(ret));
}

int dio_xz_block_header(struct dio_xz_block *b, const uint8_t *in, lzma_check check, uint64_t at,
                         uint64_t limit, struct dumpio_error *err)
{
    b->b.version = 1;
    b->b.check = check;
    b->b.filters = b->filters;
    lzma_ret ret = lzma_block_header_decode(&b->b, NULL, in);
    if (ret != LZMA_OK)
        return dio_xz_verdict(ret, at, "xz block header", err);
    b->memory = lzma_raw_decoder_memusage(b->filters);
    if (b->memory <= limit)
        return 0;
    lzma_filters_free(b->filters, NULL);
    if (b->memory == UINT64_MAX)
        return dio_xz_verdict(LZMA_OPTIONS_ERROR, at, "xz block header", err);
    return dio_fail(err, DUMPIO_E_LIMIT, at,
                    "xz block at 0x%llx: unpacking takes %llu bytes of memory, the limit is %llu",
                    (unsigned long long)at, (unsigned long long)b->memory,
                    (unsigned long long)limit);
}
