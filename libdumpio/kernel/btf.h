/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BTF blob: btf.c finds it in the kernel image, btf_types.c reads its types,
 * btf_facts.c takes the kernel's facts out of them.
 */
#ifndef DIO_KERNEL_BTF_H
#define DIO_KERNEL_BTF_H

#include "facts.h"

#define DIO_BTF_TYPE_HEAD 12u /* bytes of every type */

/* Sections, in bytes from the blob's begin: inside it, the types before the strings. */
struct dio_btf_header {
    uint64_t types, types_len, strings, strings_len;
    uint64_t layout, layout_len; /* sizes of kinds; 0 before 7.1 */
    uint64_t len;                /* of the blob */
};

/*
 * Append the facts of a blob. Nothing is appended when it is damaged or not a kernel's:
 * DUMPIO_E_CORRUPT; when it does not agree with VMCOREINFO: DIO_BTF_DIFFERS;
 * DUMPIO_E_UNSUPPORTED: it has kinds of types whose size is not known; DUMPIO_E_LIMIT, _NOMEM.
 */
int dio_btf_parse(const struct dio_kernel *k, const uint8_t *blob, const struct dio_btf_header *h,
                  struct dio_facts *facts, struct dumpio_error *err);

#endif
