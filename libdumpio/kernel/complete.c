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

int dio_kernel_complete_facts(struct dio_kernel *k, struct dumpio_error *err)
{
    struct dio_facts f = {0};
    if (k->facts_complete)
        return 0;
    struct dumpio_error e = {0};
    int rc = dio_btf_facts(k, &f, &e);
    if (rc == DIO_BTF_DIFFERS)
        rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                      "%s: one of them is damaged, or of another kernel", e.message);
    else if (rc == DUMPIO_E_NOMEM || f.failed)
        rc = dio_nomem(err, "the kernel's facts");
    else if (rc)
        rc = 0; /* no BTF, or none that can be read */
    else if (f.len)
        rc = append(k, &f, err);
    dio_facts_free(&f);
    k->facts_complete = !rc;
    return rc;
}
