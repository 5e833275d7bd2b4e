/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files that read the kernel's memory map: memmap.c and one file per memory model.
 */
#ifndef DIO_KERNEL_MEMMAP_H
#define DIO_KERNEL_MEMMAP_H

#include "pages.h"

/* Append a run; *cap is the room of m->runs. Frames must ascend. */
int dio_memmap_add(struct dio_memmap *m, size_t *cap, uint64_t pfn, uint64_t end, uint64_t virt,
                   struct dumpio_error *err);

/* The runs of SPARSEMEM; of FLATMEM and DISCONTIGMEM (from m->nodes). */
int dio_memmap_of_sections(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err);
int dio_memmap_of_nodes(struct dio_memmap *m, struct dio_kernel *k, struct dumpio_error *err);

/* The word at a virtual address; the error names the memory map. */
int dio_memmap_word(struct dio_view *v, uint64_t virt, uint64_t *value, struct dumpio_error *err);

#endif
