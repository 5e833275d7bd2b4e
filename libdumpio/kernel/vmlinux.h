/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel image (vmlinux) as three files see it: vmlinux.c judges, vmlinux_elf.c reads the file
 * through libelf, dwarf.c its types through libdw. No library's header is needed to include this.
 */
#ifndef DIO_KERNEL_VMLINUX_H
#define DIO_KERNEL_VMLINUX_H

#include "facts.h"

struct Elf;

struct dio_image_symbol {
    const char *name; /* static */
    uint64_t addr;    /* as linked */
    uint64_t size;    /* bytes; 0 = the table does not say */
    unsigned rank;    /* 0: not found */
    bool ambiguous;   /* several, and nothing tells which is meant */
    bool inside;      /* its address is in an allocated section */
};

struct dio_image {
    const char *path; /* the caller's */
    int fd;
    struct Elf *elf;
    uint16_t machine; /* e_machine */
    unsigned word;    /* 4 or 8 */
    enum dumpio_order order;
    uint8_t id[64];   /* build id */
    uint8_t before_id[12]; /* end of the note's head, and its name */
    unsigned id_len;  /* 0: the image has none */
    bool has_types;   /* a section .debug_info with contents */
    bool split_types; /* part of the types is in a second file (.gnu_debugaltlink) */
    uint64_t pte_size; /* bytes of pte_t, from the types; 0 unknown */
    unsigned n_symbols;
    struct dio_image_symbol *symbols; /* dio_wanted_symbols and what the image's own checks need */
};

/*
 * Open the ELF file, note the build id and look the symbols up. Errors: DUMPIO_E_IO, _FORMAT (no
 * ELF file, or not an executable one), _TRUNCATED, _CORRUPT, _NOMEM. Nothing is left open then.
 */
int dio_image_open(struct dio_image *im, const char *path, struct dumpio_error *err);
void dio_image_close(struct dio_image *im);

/* NULL when there is none. */
const struct dio_image_symbol *dio_image_symbol(const struct dio_image *im, const char *name);

/* Bytes at an address as linked: how many of len there are up to the end of their section. */
size_t dio_image_read(const struct dio_image *im, uint64_t addr, void *buf, size_t len);

/*
 * Wanted structs, enumerators and what variables are, as facts; im->pte_size. *found = number of
 * structs and enumerators. DUMPIO_E_CORRUPT when libdw cannot read the DWARF.
 */
int dio_image_types(struct dio_image *im, struct dio_facts *f, unsigned *found,
                    struct dumpio_error *err);

#endif
