/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completing the kernel's facts from what else the dump holds, and holding both against each other.
 * Reference: facts.h.
 * Does not handle: which facts are true when they differ.
 */
#include "facts.h"
#include "internal.h"

#include <stdlib.h>

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

/* The facts of the dump's BTF; none when it has none, or none that can be read. */
static int btf(struct dio_kernel *k, struct dio_facts *f, struct dumpio_error *err)
{
    struct dumpio_error e = {0};
    int rc = dio_btf_facts(k, f, &e);
    if (rc == DIO_BTF_DIFFERS)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "%s: one of them is damaged, or of another kernel", e.message);
    return rc == DUMPIO_E_NOMEM || f->failed ? dio_nomem(err, "the kernel's facts") : 0;
}

int dio_kernel_check_facts(struct dio_kernel *k, struct dumpio_error *err)
{
    struct dio_facts f = {0};
    int rc = btf(k, &f, err);
    dio_facts_free(&f);
    return rc;
}

int dio_kernel_complete_facts(struct dio_kernel *k, struct dumpio_error *err)
{
    struct dio_facts f = {0};
    int rc = btf(k, &f, err);
    if (!rc && f.len)
        rc = append(k, &f, err);
    dio_facts_free(&f);
    return rc;
}
