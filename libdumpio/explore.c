/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the memory tells beyond the file: VMCOREINFO where the container lacks it, the true byte
 * order, the kernel's address layout and log.
 */
#include "dump.h"
#include "log_facts.h"
#include "model_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Containers without VMCOREINFO: the kernel keeps a copy in memory. */
static int find_vmcoreinfo(struct dumpio_dump *d, struct dumpio_error *err)
{
    unsigned major, minor, patch;
    if (sscanf(d->info->uts[DUMPIO_RELEASE], "%u.%u.%u", &major, &minor, &patch) == 3 &&
        (major < 2 || (major == 2 && (minor < 6 || (minor == 6 && patch < 24)))))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "kernels before 2.6.24 have no VMCOREINFO");
    char *text = NULL;
    size_t len = 0;
    enum dumpio_order order = DUMPIO_ORDER_UNKNOWN;
    int rc = dio_vmcoreinfo_find(&d->mem, &text, &len, &order, err);
    if (rc == DUMPIO_END)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "no VMCOREINFO in the file nor in the memory");
    if (rc)
        return rc;
    if (order)
        dio_model_set_order(d->model, order);
    rc = dio_model_set_vmcoreinfo(d->model, text, len, 2, err);
    free(text);
    if (!rc)
        dio_model_complete(d->model, &d->env);
    return rc;
}

static void apply_layout(struct dumpio_dump *d)
{
    struct dio_kernel_layout l;
    struct dumpio_info *i = dio_model_info(d->model);
    dio_kernel_layout(d->kernel, &l);
    if (l.order && l.order != i->order)
        dio_model_set_order(d->model, l.order);
    if (l.has_page_offset)
        i->page_offset = l.page_offset;
    if (l.has_phys_base) {
        i->phys_base = l.phys_base;
        i->has_phys_base = 1;
    }
}

/* utsname, for what the file does not say: it may have the release only, from VMCOREINFO. */
static void apply_uts(struct dumpio_dump *d)
{
    uint8_t uts[390];
    struct dumpio_info *i = dio_model_info(d->model);
    if (*i->uts[DUMPIO_SYSNAME] || *i->uts[DUMPIO_KVERSION] ||
        dio_kernel_uts(d->kernel, uts, NULL) || dio_model_uts(d->model, uts, NULL))
        return;
    i->from_memory |= DUMPIO_FROM_MEMORY_UTS;
}

/* The crash as the log tells it, for what the file does not say. */
static void apply_log(struct dumpio_dump *d)
{
    struct dio_log_facts f;
    struct dumpio_info *i = dio_model_info(d->model);
    if (dio_log_facts(d->kernel, &f, NULL))
        return;
    if (!*i->panic && *f.panic) {
        const char *panic = dio_model_text(d->model, f.panic, strlen(f.panic));
        i->panic = panic ? panic : "";
        i->from_memory |= DUMPIO_FROM_MEMORY_PANIC;
    }
    const char *taint = dio_model_text(d->model, f.taint, strlen(f.taint));
    const char *hardware = dio_model_text(d->model, f.hardware, strlen(f.hardware));
    i->taint = taint ? taint : "";
    i->hardware = hardware ? hardware : "";
}

int dumpio_explore(struct dumpio_dump *d, struct dumpio_error *why)
{
    int rc = 0;
    if (!d->explored) {
        d->explored = 1;
        if (!d->info->vmcoreinfo_len)
            rc = find_vmcoreinfo(d, &d->kernel_error);
        if (!rc)
            rc = dio_kernel_open(&d->kernel, &d->mem, &d->env, &d->kernel_error);
        if (!rc)
            apply_layout(d);
        if (!rc) {
            apply_uts(d);
            apply_log(d);
        }
    }
    if (!d->kernel && why)
        *why = d->kernel_error;
    return 0;
}

int dumpio_dmesg(struct dumpio_dump *d, int (*sink)(void *user, const char *text, size_t len),
                 void *user, struct dumpio_error *err)
{
    dumpio_explore(d, NULL);
    if (!d->kernel) {
        if (err)
            *err = d->kernel_error;
        return dio_context(err, d->kernel_error.status, "the kernel log cannot be found");
    }
    return dio_kernel_dmesg(d->kernel, sink, user, err);
}
