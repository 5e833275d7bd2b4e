/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside libdumpio/kernel: the open kernel, the page-table walker and the architectures' drivers.
 */
#ifndef DIO_KERNEL_INTERNAL_H
#define DIO_KERNEL_INTERNAL_H

#include "kernel.h"

#include "../plug/decode.h"

#include <pthread.h>

/* ---- page tables ---------------------------------------------------------------------------- */

#define DIO_WALK_LEVELS 5
#define DIO_WALK_CHUNK 4096u /* bytes of a table kept per level */

enum dio_step_kind { DIO_STEP_NONE, DIO_STEP_TABLE, DIO_STEP_LEAF };

/* What one table entry says. */
struct dio_step {
    enum dio_step_kind kind;
    uint64_t addr;       /* physical: of the next table, or of the mapped block */
    unsigned first, last; /* TABLE: indices that exist in it; last 0 = all */
    unsigned shift;      /* LEAF: log2 of the block's size when it is not the level's; else 0 */
};

struct dio_geometry {
    unsigned levels;     /* 0: no tables are known */
    struct {
        uint8_t shift, bits; /* index = va >> shift & (1 << bits) - 1 */
    } level[DIO_WALK_LEVELS]; /* the root's first */
    unsigned entry;          /* bytes of an entry: 4 or 8 */
    enum dumpio_order order; /* of entries */
    uint64_t root;           /* physical */
    uint64_t va_low, va_high; /* addresses that the root covers, inclusive */
    uint64_t clear;          /* bits of every entry that are not the table's business */
    unsigned page_shift;
    unsigned variant;        /* the driver's */
    struct dio_step (*decode)(const struct dio_geometry *g, unsigned level, uint64_t entry);
};

struct dio_walk {
    const struct dio_mem *mem;
    struct dio_geometry g;
    pthread_mutex_t lock; /* of what follows */
    struct {
        uint64_t addr; /* physical, of the chunk; UINT64_MAX = none */
        uint8_t bytes[DIO_WALK_CHUNK];
    } chunk[DIO_WALK_LEVELS];
};

int dio_walk_init(struct dio_walk *w, const struct dio_mem *mem, struct dumpio_error *err);
void dio_walk_fini(struct dio_walk *w);
/* Take a new geometry; forgets what was kept of the old tables. */
void dio_walk_set(struct dio_walk *w, const struct dio_geometry *g);
/*
 * 0: mapped, *run bytes from virt on are contiguous. DUMPIO_END: not mapped, and so are the next
 * *run bytes (0 = up to the end of the address space). Else a table could not be read.
 */
int dio_walk(struct dio_walk *w, uint64_t virt, uint64_t *phys, uint64_t *run,
             struct dumpio_error *err);

/* ---- the kernel ------------------------------------------------------------------------------ */

struct dio_window {
    uint64_t virt, size, phys; /* virt + n is at phys + n (modulo 2^64) for n < size */
};

struct dio_kernel_arch;
struct dio_memmap;

struct dio_kernel {
    struct dio_mem mem;
    const struct dumpio_env *env; /* NULL allowed */
    const struct dio_kernel_arch *arch;
    char *text;             /* VMCOREINFO, NUL behind it */
    size_t len;
    enum dumpio_order order;
    unsigned word;
    uint64_t page_size;
    int quick;              /* no search through memory */
    uint64_t root_virt;     /* of the root table */
    struct dio_walk walk;
    struct dio_window linear[6]; /* hold before any table */
    unsigned n_linear;
    struct dio_window fallback[4]; /* hold where a table is missing in the dump */
    unsigned n_fallback;
    char machine[66];       /* utsname.machine as read back; "" when it was not */
    struct dio_kernel_layout layout;
    struct dio_memmap *memmap; /* once it was asked for */
};

struct dio_kernel_arch {
    const char *name;
    unsigned word;
    /* Find geometry and windows, prove them, set k->order. */
    int (*open)(struct dio_kernel *k, struct dumpio_error *err);
    void (*layout)(struct dio_kernel *k); /* fill k->layout; NULL allowed */
};

extern const struct dio_kernel_arch dio_kernel_x86_64, dio_kernel_i386, dio_kernel_arm64,
    dio_kernel_ppc64, dio_kernel_s390x, dio_kernel_riscv64;

/* Is there a driver for this architecture? */
bool dio_kernel_translates(const char *arch);

/* Facts from k->text; false when absent. */
bool dio_kernel_symbol(const struct dio_kernel *k, const char *name, uint64_t *value);
bool dio_kernel_number(const struct dio_kernel *k, const char *kind, const char *name,
                       int64_t *value);
bool dio_kernel_hex(const struct dio_kernel *k, const char *key, uint64_t *value);
/* (major << 16) + minor of OSRELEASE; 0 when it does not begin with two numbers. */
uint32_t dio_kernel_version(const struct dio_kernel *k);
/* Is OSRELEASE known, and before major.minor.patch? */
bool dio_kernel_before(const struct dio_kernel *k, unsigned major, unsigned minor, unsigned patch);

/* Where the system's names are; false when VMCOREINFO does not say. */
bool dio_kernel_uts_symbol(const struct dio_kernel *k, uint64_t *virt);
/* Look for utsname in the first bytes of its namespace; its place or NULL. */
const uint8_t *dio_kernel_find_uts(const struct dio_kernel *k,
                                   const uint8_t window[DIO_UTS_WINDOW]);

/*
 * Is the present geometry right? The root table must map itself and OSRELEASE be read back; one of
 * both may fail only because its memory is not in the dump. Fills k->machine.
 */
int dio_kernel_prove(struct dio_kernel *k, uint64_t root_phys, struct dumpio_error *err);

/*
 * Physical minus virtual address of the kernel image, found by looking for utsname at every
 * physical address that agrees with its virtual one modulo `align`. False when it is nowhere, or
 * when the kernel was opened quick.
 */
bool dio_kernel_find_image(struct dio_kernel *k, uint64_t align, uint64_t *delta);

void dio_kernel_add_fallback(struct dio_kernel *k, uint64_t virt, uint64_t size, uint64_t phys);
void dio_kernel_add_linear(struct dio_kernel *k, uint64_t virt, uint64_t size, uint64_t phys);

/* Put the run of pages that the tables map contiguously around `virt` inside [low, high) into the
 * layout; nothing when the tables do not map it. */
void dio_kernel_text_run(struct dio_kernel *k, uint64_t virt, uint64_t low, uint64_t high);

/*
 * Hold the kernel's facts against the dump's own BTF: where both have one they must agree, else
 * DUMPIO_E_CORRUPT names it. No BTF is no error. Other threads may use k meanwhile.
 */
int dio_kernel_check_facts(struct dio_kernel *k, struct dumpio_error *err);
/* The same, and take over what VMCOREINFO lacks. Not while other threads use k. */
int dio_kernel_complete_facts(struct dio_kernel *k, struct dumpio_error *err);

/* The kernel's memory map, read at the first call and kept. Not while other threads ask. */
int dio_kernel_memmap(struct dio_kernel *k, const struct dio_memmap **m, struct dumpio_error *err);
void dio_memmap_free(struct dio_memmap *m); /* NULL allowed */

/* ---- the log --------------------------------------------------------------------------------- */

/* A virtual array read piece by piece: the page last read is kept. */
struct dio_view {
    struct dio_kernel *k;
    uint64_t page;     /* virtual address of bytes[0] */
    int state;         /* 0 nothing kept, 1 kept, 2 known to be missing */
    uint8_t bytes[4096];
};

int dio_view_read(struct dio_view *v, uint64_t virt, void *buf, size_t len);
/* As much as there is from the front on: bytes copied. */
size_t dio_view_some(struct dio_view *v, uint64_t virt, void *buf, size_t len);

struct dio_log {
    struct dio_kernel *k;
    int (*sink)(void *user, const char *text, size_t len);
    void *user;
    int stopped;      /* the sink said so */
    uint64_t gap;     /* bytes of text missing since the last output */
    int open_line;    /* the last output did not end with a newline */
    char out[1024];
    size_t n;
};

/* How a record's lines begin and end. */
enum { DIO_LOG_NO_PREFIX = 1, DIO_LOG_NO_NEWLINE = 2 };

/* One record, possibly of several lines. */
void dio_log_record(struct dio_log *log, uint64_t ts_nsec, const uint8_t *text, size_t len,
                    unsigned flags);
/* Text as it is, escaped. */
void dio_log_text(struct dio_log *log, const uint8_t *text, size_t len);
void dio_log_flush(struct dio_log *log);

/* Value of OFFSET/SIZE(name), at most `max`; an error names the key. */
int dio_log_key(const struct dio_kernel *k, const char *kind, const char *name, uint64_t max,
                uint64_t *value, struct dumpio_error *err);
/* The word / the u32 at SYMBOL(name). */
int dio_log_pointer(struct dio_kernel *k, const char *name, uint64_t *value,
                    struct dumpio_error *err);
int dio_log_u32(struct dio_kernel *k, const char *name, uint64_t *value,
                struct dumpio_error *err);

int dio_log_ring(struct dio_log *log, struct dumpio_error *err);    /* 5.10 and later */
int dio_log_records(struct dio_log *log, struct dumpio_error *err); /* 3.5 to 5.9 */
int dio_log_buf(struct dio_log *log, struct dumpio_error *err);     /* before 3.5 */

#endif
