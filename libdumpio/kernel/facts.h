/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of a kernel, as text in VMCOREINFO's grammar: one KIND(NAME)=VALUE a line. The kernel's own
 * VMCOREINFO comes first and wins; what it lacks is taken from BTF in the dump or from a vmlinux.
 *
 * SYMBOL(x)   run-time address, hex without 0x
 * SIZE(t)     bytes of a type; SIZE(s.m): bytes of a member
 * OFFSET(s.m) bytes; members of anonymous structs and unions are the outer struct's
 * LENGTH(x)   elements of an array: of a variable, or LENGTH(s.m) of a member
 * NUMBER(e)   an enumerator
 * POINTER(x)  1: the variable is a pointer (VMCOREINFO never says so of mem_section)
 */
#ifndef DIO_KERNEL_FACTS_H
#define DIO_KERNEL_FACTS_H

#include "kernel.h"

#include <stdbool.h>

struct dio_facts {
    char *text; /* NUL behind it; NULL when empty */
    size_t len, cap;
    bool failed; /* out of memory; sticky */
};

/* Append KIND(NAME)=VALUE, decimal; symbols: hex. */
void dio_facts_number(struct dio_facts *f, const char *kind, const char *name, int64_t value);
void dio_facts_symbol(struct dio_facts *f, const char *name, uint64_t value);
/* Append a line KEY=VALUE. */
void dio_facts_line(struct dio_facts *f, const char *key, const char *value);
void dio_facts_free(struct dio_facts *f);

/* What is asked of types and symbols: everything that libdumpio/kernel ever looks for. */
struct dio_wanted_struct {
    const char *name;           /* "page" */
    bool size;                  /* SIZE(name) is wanted */
    const char *const *members; /* OFFSET and SIZE of each; LENGTH where it is an array; NULL ends */
};
extern const struct dio_wanted_struct dio_wanted_structs[]; /* name NULL ends */
extern const char *const dio_wanted_enumerators[];          /* NULL ends */
extern const char *const dio_wanted_symbols[];              /* NULL ends */

/* BTF and VMCOREINFO have one fact each of a name, and they are not the same. */
#define DIO_BTF_DIFFERS DUMPIO_E_FORMAT

/*
 * From the BTF in the dump: structs and enumerators. DUMPIO_END: there is none, or it cannot be
 * found. DIO_BTF_DIFFERS: err names the fact that it contradicts. Other errors: it is damaged, or
 * not in the dump. Nothing is appended then.
 */
int dio_btf_facts(struct dio_kernel *k, struct dio_facts *f, struct dumpio_error *err);

/*
 * Run-time addresses of `names`, from the kernel's own symbol table (6.0 and later; variables only
 * when it was built with CONFIG_KALLSYMS_ALL). 0 for those not found. DUMPIO_END: no table.
 */
int dio_kallsyms_find(struct dio_kernel *k, const char *const *names, size_t n, uint64_t *addrs,
                      struct dumpio_error *err);

/*
 * From a vmlinux: structs, enumerators, symbols (moved by the kernel's KASLR offset, as the
 * VMCOREINFO text given, or none, tells), the release as OSRELEASE=, utsname's
 * version and machine as VERSION= and MACHINE=. An image of
 * another kernel than the VMCOREINFO's is an error (build id, else release).
 * DUMPIO_E_UNSUPPORTED when built without libdw.
 */
int dio_vmlinux_facts(const char *path, const char *vmcoreinfo, size_t vmcoreinfo_len,
                      struct dio_facts *f, struct dumpio_error *err);

#endif
