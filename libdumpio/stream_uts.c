/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's names, caught when the memory of a stream passes: what a conversion wants to know
 * and only the memory tells. Not handled: anything that takes page tables to find.
 */
#include "stream_uts.h"

#include "dump.h"
#include "model_core.h"

#include <stdlib.h>
#include <string.h>

struct dio_uts_watch {
    uint64_t at;  /* physical */
    uint32_t got; /* bytes of the window, from its start */
    uint8_t window[DIO_UTS_WINDOW];
    struct dio_decoder decoder;
};

struct dio_uts_watch *dio_uts_watch_new(const struct dumpio_info *info)
{
    uint64_t at;
    if (!dio_kernel_uts_place(info, &at) || at > UINT64_MAX - DIO_UTS_WINDOW)
        return NULL;
    struct dio_uts_watch *w = calloc(1, sizeof *w);
    if (w)
        w->at = at;
    return w;
}

void dio_uts_watch_free(struct dio_uts_watch *w)
{
    if (!w)
        return;
    dio_decoder_free(&w->decoder);
    free(w);
}

/* Page p holds the next bytes that are wanted: take them. What is lost stays unknown. */
static int take(struct dio_uts_watch *w, const struct dio_page *p, uint32_t unit,
                struct dumpio_error *err)
{
    uint64_t from = w->at + w->got - p->addr;
    size_t n = DIO_UTS_WINDOW - w->got < unit - from ? DIO_UTS_WINDOW - w->got
                                                      : (size_t)(unit - from);
    uint8_t *plain = p->kind == DIO_DATA ? malloc(unit) : NULL;
    if (p->kind == DIO_DATA && !plain)
        return dio_nomem(err, "a page");
    int rc = plain ? dio_decode(&w->decoder, p, unit, plain, NULL) : 0;
    if (plain && !rc) {
        memcpy(w->window + w->got, plain + from, n);
        w->got += (uint32_t)n;
    }
    free(plain);
    return rc == DUMPIO_E_NOMEM ? dio_nomem(err, "a page") : 0;
}

int dio_uts_watch_see(struct dio_uts_watch *w, struct dio_batch *batch, uint32_t unit,
                      struct dumpio_error *err)
{
    const struct dio_page *p = dio_batch_pages(batch);
    size_t n = dio_batch_count(batch);
    int rc = 0;
    if (!n || w->got == DIO_UTS_WINDOW || p[n - 1].addr + (unit - 1) < w->at + w->got ||
        p[0].addr > w->at + w->got)
        return 0;
    for (size_t i = 0; i < n && !rc && w->got < DIO_UTS_WINDOW; i++)
        if (w->at + w->got >= p[i].addr && w->at + w->got - p[i].addr < unit)
            rc = take(w, &p[i], unit, err);
    return rc;
}

int dio_uts_watch_end(const struct dio_uts_watch *w, struct dumpio_dump *d,
                      struct dumpio_error *err)
{
    uint8_t uts[DIO_UTS_SIZE];
    struct dumpio_info *i = dio_model_info(d->model);
    if (w->got < DIO_UTS_WINDOW || !dio_kernel_uts_in(i, w->window, uts)) {
        dio_note(&d->env, DUMPIO_NOTE, "the system's names did not pass where VMCOREINFO says they "
                 "are (0x%llx); --spool looks for them", (unsigned long long)w->at);
        return 0;
    }
    i->from_memory |= DUMPIO_FROM_MEMORY_UTS;
    return dio_model_uts(d->model, uts, err);
}
