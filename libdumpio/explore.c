/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the memory tells beyond the file: VMCOREINFO where the container lacks it, the true byte
 * order, the kernel's address layout and log.
 */
#include "dump.h"
#include "io/io.h"
#include "kernel/facts.h"
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
                        "kernels before 2.6.24 have no VMCOREINFO; --vmlinux=FILE supplies what "
                        "it would tell");
    char *text = NULL;
    size_t len = 0;
    enum dumpio_order order = DUMPIO_ORDER_UNKNOWN;
    int rc = dio_vmcoreinfo_find(&d->mem, &text, &len, &order, err);
    if (rc == DUMPIO_END)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "no VMCOREINFO in the file nor in the memory; --vmlinux=FILE supplies "
                        "what it would tell");
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

#define TEXT_MAX (1u << 20) /* bytes of a VMCOREINFO; kernels stop at a page */

/* The text that the caller gives in place of the dump's. */
static int given_vmcoreinfo(struct dumpio_dump *d, struct dumpio_error *err)
{
    struct dio_file_in in;
    const char *path = d->options.vmcoreinfo;
    char *text = NULL;
    size_t len = 0;
    int rc = dio_file_open(&in, path, err);
    if (rc)
        return rc;
    if (!in.bytes)
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is no regular file", path);
    if (!in.bytes->size || in.bytes->size > TEXT_MAX)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s: %llu bytes are no VMCOREINFO",
                      path, (unsigned long long)in.bytes->size);
    if (!rc && !(text = malloc((size_t)in.bytes->size)))
        rc = dio_nomem(err, "VMCOREINFO");
    if (!rc)
        rc = dio_read_some(in.bytes, 0, text, (size_t)in.bytes->size, &len, err);
    if (!rc && !dio_vmcoreinfo_value(text, len, "OSRELEASE", &(size_t){0}))
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                      "%s: no VMCOREINFO: it has no OSRELEASE", path);
    if (!rc)
        rc = dio_model_set_vmcoreinfo(d->model, text, len, 1, err);
    if (!rc)
        dio_model_complete(d->model, &d->env);
    dio_bytes_close(in.bytes);
    free(text);
    return rc;
}

/* Open the kernel with VMCOREINFO and, behind it, the facts of the vmlinux given. */
static int open_kernel(struct dumpio_dump *d, struct dumpio_error *err)
{
    const struct dumpio_info *i = d->info;
    if (!d->options.vmlinux)
        return dio_kernel_open(&d->kernel, &d->mem, &d->env, err);
    struct dio_facts f = {0};
    char *text = NULL;
    size_t len = i->vmcoreinfo_len, room;
    int rc = dio_vmlinux_facts(d->options.vmlinux, i->vmcoreinfo, len, &f, err);
    room = len + f.len + 2;
    if (!rc && (f.failed || !(text = malloc(room))))
        rc = dio_nomem(err, "the kernel's facts");
    if (!rc) {
        size_t n = (size_t)snprintf(text, room, "%.*s%s%s", (int)len, i->vmcoreinfo,
                                    len && i->vmcoreinfo[len - 1] != '\n' ? "\n" : "",
                                    f.text ? f.text : "");
        rc = dio_kernel_open_text(&d->kernel, &d->mem, &d->env, text, n, i->order, 0, err);
    }
    dio_facts_free(&f);
    free(text);
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

/* There is no VMCOREINFO; nothing else went wrong. */
static bool only_absent(int rc)
{
    return rc == DUMPIO_E_ABSENT;
}

int dumpio_explore(struct dumpio_dump *d, struct dumpio_error *why)
{
    int rc = 0;
    if (!d->explored) {
        d->explored = 1;
        rc = dio_stream_refuse(d, "a look into the memory", &d->kernel_error);
        if (!rc && d->options.vmcoreinfo)
            rc = given_vmcoreinfo(d, &d->kernel_error);
        else if (!rc && !d->info->vmcoreinfo_len)
            rc = find_vmcoreinfo(d, &d->kernel_error);
        if (only_absent(rc) && d->options.vmlinux)
            rc = 0;
        if (!rc)
            rc = open_kernel(d, &d->kernel_error);
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

/* The kernel; NULL with the reason behind `what`. */
static struct dio_kernel *known_kernel(struct dumpio_dump *d, const char *what,
                                       struct dumpio_error *err)
{
    dumpio_explore(d, NULL);
    if (d->kernel)
        return d->kernel;
    if (err)
        *err = d->kernel_error;
    dio_context(err, d->kernel_error.status, "%s", what);
    return NULL;
}

int dumpio_read_virtual(struct dumpio_dump *d, uint64_t addr, void *buf, size_t len,
                        struct dumpio_error *err)
{
    struct dio_kernel *k = known_kernel(d, "virtual addresses cannot be translated", err);
    return k ? dio_kernel_read(k, addr, buf, len, err) : d->kernel_error.status;
}

int dumpio_dmesg(struct dumpio_dump *d, int (*sink)(void *user, const char *text, size_t len),
                 void *user, struct dumpio_error *err)
{
    struct dio_kernel *k = known_kernel(d, "the kernel log cannot be found", err);
    return k ? dio_kernel_dmesg(k, sink, user, err) : d->kernel_error.status;
}
