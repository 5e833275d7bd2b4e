/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LKCD's run-length pages (the kernel's dump_rle.c): a byte stands for itself; 0 0 is one zero;
 * 0 c v is v repeated c + 1 times. Files made with the rule "c times" exist: what does not expand
 * to a page by the first rule is tried by the second.
 */
#include "set.h"

#include <stdlib.h>
#include <string.h>

#define RUN_MAX 256u

static void *rle_new(int level)
{
    (void)level;
    return malloc(1); /* no state; a pointer that is not NULL */
}

static size_t rle_pack(void *state, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
    size_t o = 0, run;
    (void)state;
    for (size_t i = 0; i < n; i += run) {
        uint8_t v = in[i];
        run = 1;
        while (run < RUN_MAX && i + run < n && in[i + run] == v)
            run++;
        size_t need = run > 2 || (run == 2 && !v) ? 3 : run == 2 || !v ? 2 : 1;
        if (need > cap - o)
            return 0;
        if (need == 3) {
            out[o] = 0;
            out[o + 1] = (uint8_t)(run - 1);
            out[o + 2] = v;
        } else {
            memset(out + o, v, need); /* v, v v, or the 0 0 of a lone zero */
        }
        o += need;
    }
    return o;
}

/* Bytes made, or n + 1 when it does not fit or ends inside an escape. */
static size_t expand_by(const uint8_t *in, size_t len, uint8_t *out, size_t n, size_t more)
{
    size_t o = 0;
    for (size_t i = 0; i < len;) {
        size_t run = 1, used = 1;
        uint8_t v = in[i];
        if (!v) {
            if (len - i < 2)
                return n + 1;
            used = in[i + 1] ? 3 : 2;
            if (len - i < used)
                return n + 1;
            run = in[i + 1] ? in[i + 1] + more : 1;
            v = in[i + 1] ? in[i + 2] : 0;
        }
        if (run > n - o)
            return n + 1;
        memset(out + o, v, run);
        o += run;
        i += used;
    }
    return o;
}

static int rle_expand(void *state, const uint8_t *in, size_t len, uint8_t *out, size_t n,
                      struct dumpio_error *err)
{
    (void)state;
    size_t made = expand_by(in, len, out, n, 1);
    if (made == n || expand_by(in, len, out, n, 0) == n)
        return 0;
    if (made < n)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "RLE data gives %zu bytes, not %zu", made, n);
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "RLE data of %zu bytes expands beyond %zu or ends inside a run", len, n);
}

const struct dio_codec dio_codec_rle = {
    .name = "rle",
    .new_state = rle_new,
    .free_state = free,
    .pack = rle_pack,
    .expand = rle_expand,
};
