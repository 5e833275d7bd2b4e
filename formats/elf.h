/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the formats that store memory as plain bytes at computable places: ELF cores of every
 * style, netdump images, raw memory. Private to formats/elf*.c, netdump.c and raw.c.
 */
#ifndef DIO_FORMATS_ELF_H
#define DIO_FORMATS_ELF_H

#include "plug/arch.h"
#include "plug/decode.h"
#include "plug/format.h"

/* ---- ELF structures (System V gABI, chapters 4 and 5) ---------------------------------------- */

enum {
    DIO_ELF_CORE = 4,         /* e_type */
    DIO_PT_LOAD = 1,
    DIO_PT_NOTE = 4,
    DIO_PF_RWX = 7,
    DIO_PN_XNUM = 0xffff,     /* the count is in sh_info of section header 0 */
    DIO_ELF_INCOMPLETE = 1    /* e_flags bit that makedumpfile sets on a full disk */
};

struct dio_elf_head {
    unsigned word;            /* 4 or 8, EI_CLASS */
    enum dumpio_order order;  /* EI_DATA */
    uint16_t machine;
    uint16_t ehsize;          /* reader: as stored */
    uint32_t flags;
    uint64_t phoff;
    uint32_t phnum;           /* resolved: PN_XNUM looked up */
    uint64_t shoff;           /* writer: place of section header 0; 0 = none */
};

struct dio_elf_phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

#define DIO_ELF_EHDR_MAX 64
#define DIO_ELF_PHDR_MAX 56
#define DIO_ELF_SHDR_MAX 64

static inline size_t dio_elf_ehdr_size(unsigned word) { return word == 4 ? 52 : 64; }
static inline size_t dio_elf_phdr_size(unsigned word) { return word == 4 ? 32 : 56; }
static inline size_t dio_elf_shdr_size(unsigned word) { return word == 4 ? 40 : 64; }

/* 0 unless the bytes start like an ELF core file; 100 when they do. */
int dio_elf_probe(const uint8_t *head, size_t n);
/* Decode and check the file header, PN_XNUM included. Errors: _FORMAT, _CORRUPT, _TRUNCATED. */
int dio_elf_read_head(struct dio_bytes *src, struct dio_elf_head *h, struct dumpio_error *err);
/* Call `visit` for every program header that the file holds, in order; nonzero from it ends. */
int dio_elf_walk_phdrs(struct dio_bytes *src, const struct dio_elf_head *h,
                       int (*visit)(void *ctx, uint32_t i, const struct dio_elf_phdr *p,
                                    struct dumpio_error *err),
                       void *ctx, int *truncated, struct dumpio_error *err);
/* The bytes at `out` have room for the header of h->word; the size written is returned. */
size_t dio_elf_put_head(uint8_t *out, const struct dio_elf_head *h);
size_t dio_elf_put_phdr(uint8_t *out, const struct dio_elf_head *h, const struct dio_elf_phdr *p);
size_t dio_elf_put_shdr0(uint8_t *out, const struct dio_elf_head *h);

/* ---- extents: where each byte of memory lies in the file ------------------------------------- */

enum { DIO_ELF_CLAIM_HOLE = 0 }; /* beside enum dumpio_kind: memory that is explicitly not there */

/* Who decides when claims overlap: the lowest class, then the earliest claim. */
enum dio_elf_claim_class {
    DIO_ELF_CLAIM_MARK,    /* what a note of ours says */
    DIO_ELF_CLAIM_DATA,    /* stored bytes */
    DIO_ELF_CLAIM_AGAIN,   /* of a segment within another one: the kernel's text, beside its RAM */
    DIO_ELF_CLAIM_CUT,     /* stored bytes that the file is too short for */
    DIO_ELF_CLAIM_EXCLUDED /* memory beyond p_filesz */
};

#define DIO_NO_PLACE UINT64_MAX

struct dio_elf_claim {
    uint64_t start, end;   /* physical, [start, end) */
    uint64_t off;          /* file offset of start, or DIO_NO_PLACE */
    uint64_t rank;         /* class and number */
    int kind;              /* enum dumpio_kind or DIO_ELF_CLAIM_HOLE */
};

struct dio_elf_claims {
    struct dio_elf_claim *v;
    size_t n, cap;
};

/* Largest end of memory: units of any size can still be rounded up. */
#define DIO_ADDR_LIMIT (UINT64_MAX & ~(uint64_t)(DIO_PAGE_MAX - 1))

/* Empty claims are dropped, ends beyond DIO_ADDR_LIMIT cut. 0 or DUMPIO_E_NOMEM. */
int dio_elf_claims_add(struct dio_elf_claims *c, enum dio_elf_claim_class class, int kind,
                       uint64_t start, uint64_t len, uint64_t off, struct dumpio_error *err);

struct dio_elf_extent {
    uint64_t start, end, off;
    int kind; /* enum dumpio_kind */
};

struct dio_elf_extents {
    struct dio_bytes *src;  /* borrowed */
    uint32_t unit;
    struct dio_elf_extent *v;   /* ascending, disjoint; freed by dio_elf_extents_free */
    size_t n;
};

/* Resolve the claims to disjoint extents in O(n log n) and free them (on errors too). */
int dio_elf_extents_resolve(struct dio_elf_extents *x, struct dio_elf_claims *c,
                            struct dumpio_error *err);
void dio_elf_extents_free(struct dio_elf_extents *x);
/* End of the last one, 0 when there is none. */
uint64_t dio_elf_extents_end(const struct dio_elf_extents *x);
/* As dio_format.next_run and fetch. */
int dio_elf_extents_next_run(const struct dio_elf_extents *x, uint64_t addr,
                             struct dumpio_run *run);
int dio_elf_extents_fetch(const struct dio_elf_extents *x, uint64_t start, uint64_t end,
                          struct dio_batch *batch, struct dumpio_error *err);
/* As dio_format.read_plain. */
int dio_elf_extents_read(const struct dio_elf_extents *x, uint64_t addr, void *buf, size_t len,
                         size_t *got, struct dumpio_error *err);
/* Do the places in the file ascend with the addresses? */
bool dio_elf_extents_ascend(const struct dio_elf_extents *x);
/* Tell the model of every unit that is present only in part. */
int dio_elf_extents_partials(const struct dio_elf_extents *x, struct dio_model *model,
                             struct dumpio_error *err);
/* Index of the first extent with end > addr; x->n when there is none. */
size_t dio_elf_extents_find(const struct dio_elf_extents *x, uint64_t addr);

/* ---- ranges and marks ------------------------------------------------------------------------ */

/*
 * What ELF has no place for is written as text in notes named DUMPIO, lines of KIND START END
 * (hexadecimal byte addresses, END exclusive):
 *   type 2: ranges that are not what the segments say: "lost", and "lost-more" without addresses
 *           when there was no room for all of them
 *           type 2 may also stand behind the last page, where no header points to it: streams end so
 *   type 3: the page map of a linear image: "present", "excluded", "lost", ascending; memory that
 *           no line names is a hole
 */
enum { DIO_NOTE_MARKS = 2, DIO_NOTE_MAP = 3 };

struct dio_elf_ranges {
    struct { uint64_t start, end; } *v; /* ascending, disjoint, not adjacent */
    size_t n, cap;
};

/* Add [start, end), which begins at or above the end of the last one. 0 or DUMPIO_E_NOMEM. */
int dio_elf_ranges_add(struct dio_elf_ranges *r, uint64_t start, uint64_t end,
                       struct dumpio_error *err);
void dio_elf_ranges_free(struct dio_elf_ranges *r);
/* Does it hold addr? *cursor (0 at first) makes ascending calls cheap. */
bool dio_elf_ranges_hold(const struct dio_elf_ranges *r, uint64_t addr, size_t *cursor);

/* A note under construction. */
struct dio_elf_marks {
    char *note;       /* header and text, malloc'ed */
    size_t len, room; /* bytes at note, and allocated */
    size_t cap;       /* most that it may grow to */
    bool full;        /* a line did not fit */
};

/* Bytes that the header of a mark note takes, its name included. */
#define DIO_MARKS_HEAD 20u

int dio_elf_marks_start(struct dio_elf_marks *m, size_t cap, struct dumpio_error *err);
void dio_elf_marks_line(struct dio_elf_marks *m, const char *kind, uint64_t start, uint64_t end);
/* Fill the header in and pad: the note is whole, m->len bytes. */
void dio_elf_marks_close(struct dio_elf_marks *m, uint32_t type, enum dumpio_order order);
/* A whole type 2 note that names `lost`, at most `cap` bytes; m->full when that was too little. */
int dio_elf_marks_lost(struct dio_elf_marks *m, const struct dio_elf_ranges *lost, size_t cap,
                       enum dumpio_order order, struct dumpio_error *err);
/* Are these DIO_MARKS_HEAD bytes the header of such a note? *len = bytes of text behind it. */
bool dio_elf_marks_head(const uint8_t *head, enum dumpio_order order, uint32_t type,
                        uint32_t *len);
void dio_elf_marks_free(struct dio_elf_marks *m);

/* What the note streams tell before the model reads them. */
struct dio_elf_notes {
    int core_short;   /* the first "CORE" note has namesz 4: netdump and diskdump */
    int core_seen, qemu, diskdump, eraseinfo;
    int mapped;       /* a type 3 mark note was applied */
    int lost_more;    /* lost ranges exist that no mark names */
};

/*
 * Look through a note stream, turn marks into claims and cut their notes out of it: *len becomes
 * the length of what remains.
 */
int dio_elf_scan_notes(uint8_t *data, size_t *len, enum dumpio_order order,
                       struct dio_elf_notes *seen, struct dio_elf_claims *claims,
                       const struct dumpio_env *env, struct dumpio_error *err);

/* ---- the model ------------------------------------------------------------------------------- */

struct dio_elf_loads {
    struct dio_elf_phdr *v;
    size_t n, cap;
};

/* Style, page size, unit; the model has its notes already. */
void dio_elf_describe(struct dio_model *model, const struct dio_elf_head *h,
                     const struct dio_elf_loads *loads, const struct dio_elf_notes *seen,
                     const struct dumpio_env *env);
/* "netdump", "kdump", "qemu", "diskdump" or "makedumpfile". */
const char *dio_elf_style(const struct dio_elf_head *h, const struct dio_elf_loads *loads,
                          const struct dio_elf_notes *seen);

/* ---- writing --------------------------------------------------------------------------------- */

/* Room to keep for naming lost pages that turn up during the conversion, bytes. */
size_t dio_elf_marks_room(const struct dio_write_plan *plan);
/* Pages with where == DIO_NO_PLACE and zero pages are left out; neighbours become one write. */
int dio_elf_store_plain(struct dio_out *out, struct dio_batch *batch, struct dumpio_error *err);
/* e_machine of info->arch; 0 with a warning when unknown. */
uint16_t dio_elf_machine(const struct dumpio_info *info, const struct dumpio_env *env);
/* Byte order to write: info->order, little-endian when unknown. */
enum dumpio_order dio_elf_order(const struct dumpio_info *info);
/* The note stream for info and the carried block; *data is malloc'ed. */
int dio_elf_build_notes(const struct dio_write_plan *plan, int netdump, uint8_t **data,
                        size_t *len, struct dumpio_error *err);
/* The map's LOST runs. */
int dio_elf_known_lost(const struct dio_write_plan *plan, struct dio_elf_ranges *lost,
                       struct dumpio_error *err);

/* One PT_LOAD to be: memory [start, start + memsz), of which filesz bytes are stored. */
struct dio_elf_segment {
    uint64_t start, filesz, memsz;
    uint64_t off; /* of the stored bytes, from the first page's place in the file */
};

/*
 * Call `visit` for every segment of the plan's map, ascending; *bytes = file space of all pages.
 * A PRESENT run takes as many bytes of the file as it has of memory, whole pages; its segments end
 * where the plan's partials say.
 */
int dio_elf_layout(const struct dio_write_plan *plan,
                   int (*visit)(void *ctx, const struct dio_elf_segment *s,
                                struct dumpio_error *err),
                   void *ctx, uint64_t *bytes, struct dumpio_error *err);

/* The operations of dio_format_elf's writer; see plug/format.h. */
int dio_elf_create(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                   const struct dumpio_env *env, struct dumpio_error *err);
int dio_elf_place(void *self, struct dio_batch *batch, struct dumpio_error *err);
uint64_t dio_elf_locate(void *self, const struct dumpio_run *run);
int dio_elf_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err);
int dio_elf_unreached(void *self, uint64_t start, uint64_t end, struct dumpio_error *err);
int dio_elf_store(void *self, struct dio_batch *batch, struct dumpio_error *err);
int dio_elf_finish(void *self, uint64_t *size, struct dumpio_error *err);
void dio_elf_free(void *self);

extern const struct dio_format dio_format_elf, dio_format_netdump, dio_format_raw;

#endif
