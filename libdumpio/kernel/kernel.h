/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the dumped kernel says of itself: VMCOREINFO, address translation, the kernel log.
 * Knows no file format: it reads physical memory through struct dio_mem.
 */
#ifndef DIO_KERNEL_H
#define DIO_KERNEL_H

#include "../plug/mem.h"

#include <stdbool.h>

/*
 * Search memory for the kernel's VMCOREINFO (ELF-note copy first: it has CRASHTIME and tells the
 * byte order; then the bare text). *text is malloc'ed and the caller's; *order is the memory's
 * byte order when the note tells it, else DUMPIO_ORDER_UNKNOWN. DUMPIO_END when there is none.
 * Bounded: reads each candidate page head only; s390x goes through lowcore first.
 */
int dio_vmcoreinfo_find(const struct dio_mem *mem, char **text, size_t *len,
                        enum dumpio_order *order, struct dumpio_error *err);

/* Value of "KEY=" at a line start; *len excludes the newline. NULL when absent. */
const char *dio_vmcoreinfo_value(const char *text, size_t len, const char *key, size_t *value_len);
/* SYMBOL(name) (hex), OFFSET/SIZE/LENGTH (decimal), NUMBER (decimal or 0x): true when present. */
int dio_vmcoreinfo_symbol(const char *text, size_t len, const char *name, uint64_t *value);
int dio_vmcoreinfo_number(const char *text, size_t len, const char *kind, const char *name,
                          int64_t *value);

struct dio_kernel;

/*
 * Establish the page-table root and geometry from mem->info (vmcoreinfo, arch, order, word) and
 * prove it (docs in address translation: OSRELEASE read back through init_uts_ns, the root maps
 * itself). Errors say which fact is missing.
 */
int dio_kernel_open(struct dio_kernel **out, const struct dio_mem *mem,
                    const struct dumpio_env *env, struct dumpio_error *err);
/* dio_kernel_open for `text` instead of mem->info's; quick leaves searches through memory out. */
int dio_kernel_open_text(struct dio_kernel **out, const struct dio_mem *mem,
                         const struct dumpio_env *env, const char *text, size_t len,
                         enum dumpio_order order, int quick, struct dumpio_error *err);
void dio_kernel_close(struct dio_kernel *k);

/* Kernel virtual -> physical; *run (NULL allowed) = bytes that follow contiguously. */
int dio_kernel_translate(struct dio_kernel *k, uint64_t virt, uint64_t *phys, uint64_t *run,
                         struct dumpio_error *err);
/* len bytes at a kernel virtual address, across mappings. */
int dio_kernel_read(struct dio_kernel *k, uint64_t virt, void *buf, size_t len,
                    struct dumpio_error *err);

/*
 * The same through a thread's own reader, in pieces as large as the mapping allows. Errors are those
 * of the first byte that cannot be read; *done (NULL allowed) bytes before it were.
 */
int dio_kernel_read_large(struct dio_kernel *k, struct dio_mem_reader *r, uint64_t virt, void *buf,
                          size_t len, size_t *done, struct dumpio_error *err);

/* dio_kernel_read of something large, once: past the small cache where memory has readers. */
int dio_kernel_read_whole(struct dio_kernel *k, uint64_t virt, void *buf, size_t len,
                          struct dumpio_error *err);

/* Layout facts for ELF writers: direct-map base (virt of phys 0, proven by the tables) and the
 * kernel image's mapping; 0 / len 0 where the architecture or tables do not tell. */
struct dio_kernel_layout {
    enum dumpio_order order; /* byte order of the memory, as proven */
    uint64_t page_offset;   /* virt = page_offset + phys for direct-map memory */
    int has_page_offset;
    uint64_t text_virt, text_phys, text_len;
    uint64_t phys_base;     /* x86_64 */
    int has_phys_base;
};
void dio_kernel_layout(struct dio_kernel *k, struct dio_kernel_layout *layout);

/*
 * The lowest range of physical memory with end > addr whose frames have a struct page (sections
 * present in mem_section; FLATMEM: the node's span). 0, DUMPIO_END or an error naming the missing
 * fact.
 */
int dio_kernel_next_mapped(struct dio_kernel *k, uint64_t addr, uint64_t *start, uint64_t *end,
                           struct dumpio_error *err);

/* utsname as the kernel holds it: six NUL-padded fields of 65 bytes. */
int dio_kernel_uts(struct dio_kernel *k, uint8_t uts[390], struct dumpio_error *err);

#define DIO_UTS_SIZE 390u
#define DIO_UTS_WINDOW (64u + DIO_UTS_SIZE) /* utsname is somewhere in it */

/* Physical address of that window, by what the file tells; false when that is not enough. */
bool dio_kernel_uts_place(const struct dumpio_info *info, uint64_t *phys);
/* utsname out of the window's bytes; false when it is not there. */
bool dio_kernel_uts_in(const struct dumpio_info *info, const uint8_t window[DIO_UTS_WINDOW],
                       uint8_t uts[DIO_UTS_SIZE]);

/* The kernel log, oldest first, of every era. Prefix "[%5u.%06u] ". sink nonzero stops. */
int dio_kernel_dmesg(struct dio_kernel *k, int (*sink)(void *user, const char *text, size_t len),
                     void *user, struct dumpio_error *err);

#endif
