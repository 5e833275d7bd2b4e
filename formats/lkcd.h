/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the LKCD format: header fields, record flags, and what reader and writer
 * need of each other. Private to formats/lkcd*.c.
 * Reference: LKCD's linux/dump.h and asm/dump.h of versions 8 and 9, crash's lkcd_dump_*.h.
 */
#ifndef DIO_FORMATS_LKCD_H
#define DIO_FORMATS_LKCD_H

#include "plug/arch.h"
#include "plug/decode.h"
#include "plug/format.h"
#include "plug/index.h"

#define DIO_LKCD_MAGIC 0xa8190173618f23edu
#define DIO_LKCD_MAGIC_LIVE 0xa8190173618f23cdu /* written by a system that went on */

#define DIO_LKCD_UTS 390u         /* six fields of 65 bytes */
#define DIO_LKCD_PANIC 256u
#define DIO_LKCD_V1_REGS 60u      /* i386 pt_regs in the main header of version 1 */
#define DIO_LKCD_V8_SIZE 734u     /* main header of version 8 */
#define DIO_LKCD_V9_SIZE 742u
#define DIO_LKCD_DATA 65536u      /* offset of the first record before version 9 */
#define DIO_LKCD_FRONT_MAX (16u << 20) /* no header of ours reaches beyond, bytes */
#define DIO_LKCD_PAGE_MIN 4096u
#define DIO_LKCD_ADDR_MAX (1ull << 56) /* no machine has memory there: neither read nor written */

enum dio_lkcd_compress { DIO_LKCD_NONE = 0, DIO_LKCD_RLE = 1, DIO_LKCD_GZIP = 2 };

/* ---- page records ---------------------------------------------------------------------------- */

#define DIO_LKCD_RECORD 16u /* u64 address, u32 size, u32 flags; `size` bytes follow */

enum dio_lkcd_flags {
    DIO_LKCD_RAW = 0x1,
    DIO_LKCD_COMPRESSED = 0x2,
    DIO_LKCD_END = 0x4,         /* last record; its address means nothing */
    DIO_LKCD_TRUNCATED = 0x8,   /* with END: the device was full */
    DIO_LKCD_NOT_USED = 0x20
};
#define DIO_LKCD_MCLX 0xc0000000u /* in flags: the address is a page number */

/* ---- the main header ------------------------------------------------------------------------- */

struct dio_lkcd_head {
    enum dumpio_order order;
    uint32_t version;        /* 1 to 10 */
    uint32_t mclx;           /* bits 31 and 30 of dh_version */
    bool live;
    unsigned word;           /* 4 or 8: native C layout of versions up to 7; 0: packed */
    uint32_t header_size;    /* bytes */
    uint32_t level;
    uint32_t page_size;
    uint64_t memory_size;    /* pages; not to be trusted */
    uint64_t memory_start;   /* virtual base of the direct map */
    uint32_t num_pages;      /* records; not to be trusted */
    uint8_t panic[DIO_LKCD_PANIC];
    uint8_t uts[DIO_LKCD_UTS];
    uint64_t sec, usec;
    uint64_t task;
    uint32_t compress;       /* enum dio_lkcd_compress; RLE before version 5 */
    uint32_t flags, device;  /* 0 before version 5 */
    bool has_regs;
    uint8_t regs[DIO_LKCD_V1_REGS];
    uint64_t data;           /* file offset of the first record */
    bool rebuilt;            /* from the records: only order, page_size, compress, data are known */
};

/* Decode and check. Errors: DUMPIO_E_TRUNCATED, _CORRUPT, _UNSUPPORTED, _IO. */
int dio_lkcd_read_head(struct dio_bytes *src, struct dio_lkcd_head *h,
                       const struct dumpio_env *env, struct dumpio_error *err);

/* What the main header says, into the model. */
int dio_lkcd_describe(const struct dio_lkcd_head *h, const struct dio_input *in,
                      struct dio_model *model, struct dumpio_error *err);

/* The header of version 8 or 9; `out` has room for h->header_size bytes. */
void dio_lkcd_put_head(uint8_t *out, const struct dio_lkcd_head *h);

/* ---- the architecture header ----------------------------------------------------------------- */

/*
 * Registers, tasks and stacks of every cpu into the model. *end = offset behind the header, or
 * where it would begin when there is none. Damage costs the registers, with a warning, no error.
 */
int dio_lkcd_read_asm(struct dio_bytes *src, const struct dio_lkcd_head *h,
                      struct dio_model *model, uint64_t *end, const struct dumpio_env *env,
                      struct dumpio_error *err);

/* Bytes of the header for info's cpus; with `room` (bytes) not enough for all, for fewer. */
size_t dio_lkcd_asm_size(const struct dumpio_info *info, size_t room);
/* Write it: `size` bytes at out, which are zero, for as many cpus as they have room for. */
void dio_lkcd_put_asm(uint8_t *out, size_t size, const struct dumpio_info *info,
                      enum dumpio_order order);

/* ---- the carried model ----------------------------------------------------------------------- */

/*
 * In the filler behind the architecture header, at the next multiple of 16: the tag, u32 length of
 * the block, u32 zero, the block.
 */
#define DIO_LKCD_TAG "DUMPIO\0" /* 8 bytes with the final NUL */
#define DIO_LKCD_TAG_SIZE 16u

/* ---- an open dump ---------------------------------------------------------------------------- */

struct dio_lkcd {
    struct dio_bytes *src;
    struct dio_salvage *salvage;   /* NULL: the chain of records ends where it breaks */
    struct dio_lkcd_head head;
    uint64_t searched;             /* bytes looked through for records behind damage */
    const struct dio_codec *codec; /* of COMPRESSED records; NULL: see why */
    char why[80];                  /* reason that such pages are lost */
    struct dio_index *index;       /* physical address -> offset of payload, size | flags << 32 */
};

/* Build l->index from one pass over the records; sets end_addr and the marks of damage. */
int dio_lkcd_scan(struct dio_lkcd *l, struct dumpio_info *info, const struct dumpio_env *env,
                  struct dumpio_error *err);

/* The fetch of struct dio_format. */
int dio_lkcd_fetch(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                   struct dumpio_error *err);

/* ---- the writer ------------------------------------------------------------------------------ */

int dio_lkcd_create8(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                     const struct dumpio_env *env, struct dumpio_error *err);
int dio_lkcd_create9(void **self, struct dio_out *out, const struct dio_write_plan *plan,
                     const struct dumpio_env *env, struct dumpio_error *err);
size_t dio_lkcd_room8(const struct dumpio_info *info);
size_t dio_lkcd_room9(const struct dumpio_info *info);
int dio_lkcd_place(void *self, struct dio_batch *batch, struct dumpio_error *err);
int dio_lkcd_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err);
int dio_lkcd_store(void *self, struct dio_batch *batch, struct dumpio_error *err);
int dio_lkcd_finish(void *self, uint64_t *size, struct dumpio_error *err);
void dio_lkcd_free(void *self);

#endif
