/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completing the kernel's facts from what else the dump holds, and holding both against each other.
 * Reference: facts.h.
 * Does not handle: which facts are true when they differ.
 */
#include "facts.h"
#include "internal.h"

#include <stdlib.h>
#pragma weak dio_btf_facts

/* One line of KEY=VALUE from facts: missing in k->text, the same there, or different. */
static int compare_line(const struct dio_kernel *k, const char *line, size_t len,
                        struct dumpio_error *err)
{
    char key[160];
    const char *eq = memchr(line, '=', len);
    if (!eq || (size_t)(eq - line) >= sizeof key)
        return 0;
    size_t n = (size_t)(eq - line), theirs;
    memcpy(key, line, n);
    key[n] = '\0';
    const char *value = dio_vmcoreinfo_value(k->text, k->len, key, &theirs);
    size_t ours = len - n - 1;
    if (!value || (theirs == ours && !memcmp(value, eq + 1, ours)))
        return 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "VMCOREINFO says %s=%.*s, the kernel's BTF says %.*s: one of them is damaged "
                    "or of another kernel", key, (int)theirs, value, (int)ours, eq + 1);
}

static int compare(const struct dio_kernel *k, const struct dio_facts *f, struct dumpio_error *err)
{
    int rc = 0;
    for (size_t at = 0; at < f->len && !rc;) {
        const char *nl = memchr(f->text + at, '\n', f->len - at);
        size_t n = nl ? (size_t)(nl - (f->text + at)) : f->len - at;
        rc = compare_line(k, f->text + at, n, err);
        at += n + 1;
    }
    return rc;
}

static int append(struct dio_kernel *k, const struct dio_facts *f, struct dumpio_error *err)
{
    char *text = realloc(k->text, k->len + f->len + 2);
    if (!text)
        return dio_nomem(err, "the kernel's facts");
    k->text = text;
    if (k->len && text[k->len - 1] != '\n')
        text[k->len++] = '\n';
    memcpy(text + k->len, f->text, f->len);
    k->len += f->len;
    text[k->len] = '\0';
    return 0;
}

int dio_kernel_complete_facts(struct dio_kernel *k, struct dumpio_error *err)
{
    struct dio_facts f = {0};
    if (k->facts_complete || !dio_btf_facts)
        return 0;
    int rc = dio_btf_facts(k, &f, err);
    if (!rc && f.failed)
        rc = dio_nomem(err, "the kernel's facts");
    if (!rc)
        rc = compare(k, &f, err);
    if (!rc && f.len)
        rc = append(k, &f, err);
    dio_facts_free(&f);
    if (rc == DUMPIO_END)
        rc = 0;
    k->facts_complete = !rc;
    return rc;
}
