/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the formats made of header blocks, two page bitmaps and page descriptors: compressed
 * kdump ("KDUMP   ") and diskdump ("DISKDUMP"). Private to formats/kdump*.c and diskdump.c.
 * Reference: makedumpfile's diskdump_mod.h and IMPLEMENTATION, crash's diskdump.h.
 */
#ifndef DIO_FORMATS_KDUMP_H
#define DIO_FORMATS_KDUMP_H

#include "bitmap.h"
#include "plug/arch.h"
#include "plug/decode.h"
#include "plug/format.h"

#define DIO_KDUMP_SIGNATURE "KDUMP   "
#define DIO_DISKDUMP_SIGNATURE "DISKDUMP"
#define DIO_KDUMP_VERSION 6 /* the newest known */
#define DIO_KDUMP_UTS 390u  /* six fields of 65 bytes */
#define DIO_KDUMP_BLOCK_MIN 4096u
#define DIO_KDUMP_BLOCK_MAX DIO_PAGE_MAX
#define DIO_KDUMP_DESC 24u  /* bytes of a page descriptor */
#define DIO_KDUMP_TEXT_MAX (256u << 20) /* notes, VMCOREINFO, eraseinfo: longer is nonsense */

enum dio_kdump_status {
    DIO_KDUMP_ZLIB = 0x1, /* also flags of page descriptors, as the other three codecs */
    DIO_KDUMP_LZO = 0x2,
    DIO_KDUMP_SNAPPY = 0x4,
    DIO_KDUMP_INCOMPLETE = 0x8,
    DIO_KDUMP_VMEMMAP = 0x10, /* struct pages of excluded pages are excluded too */
    DIO_KDUMP_ZSTD = 0x20,
    DIO_DISKDUMP_UNFINISHED = 0x7, /* incompleted, in progress, short dump area */
    DIO_DISKDUMP_INCOMPLETE = 0x1,
    DIO_DISKDUMP_COMPRESSED = 0x8
};

/* ---- the main header ------------------------------------------------------------------------- */

struct dio_kdump_head {
    bool diskdump;
    enum dumpio_order order; /* of the container */
    unsigned word;           /* 4 or 8 */
    int32_t version;         /* as stored */
    uint8_t uts[DIO_KDUMP_UTS];
    uint64_t sec, usec;
    uint32_t status;
    uint32_t block_size;
    uint32_t sub_blocks;     /* of the sub header and what follows it */
    uint32_t bitmap_blocks;  /* of both bitmaps */
    uint32_t max_mapnr;      /* low 32 bits */
    uint32_t total_ram_blocks, device_blocks, written_blocks;
    uint32_t current_cpu;
    uint32_t nr_cpus;
};

/* 100 when the head begins with `signature`, else 0. */
int dio_kdump_probe_for(const char *signature, const uint8_t *head, size_t n);
/* Bytes of the header without tasks[]. */
static inline size_t dio_kdump_head_size(unsigned word) { return word == 4 ? 452 : 464; }
/* Find byte order and word size, decode, check. Errors: _TRUNCATED, _CORRUPT, _FORMAT, _IO. */
int dio_kdump_read_head(struct dio_bytes *src, struct dio_kdump_head *h,
                        struct dumpio_error *err);
/* `out` has room for the header; *out is zero. */
void dio_kdump_put_head(uint8_t *out, const struct dio_kdump_head *h);

/* ---- the sub header of KDUMP ----------------------------------------------------------------- */

enum dio_kdump_layout { DIO_KDUMP_PACKED32, DIO_KDUMP_PADDED32, DIO_KDUMP_64 };

struct dio_kdump_place {
    uint64_t offset, size; /* in the file; size 0: none */
};

struct dio_kdump_sub {
    uint64_t phys_base;
    uint32_t dump_level;
    bool has_level;
    uint32_t split;
    uint64_t start_pfn, end_pfn; /* of a split set's part; the end is exclusive */
    struct dio_kdump_place vmcoreinfo, notes, eraseinfo;
    uint64_t max_mapnr;          /* highest page frame + 1 */
};

size_t dio_kdump_sub_size(enum dio_kdump_layout layout); /* of version 6, bytes */
int dio_kdump_read_sub(struct dio_bytes *src, const struct dio_kdump_head *h,
                       struct dio_kdump_sub *sub, struct dumpio_error *err);
/* Version 6; `out` has room for it. */
void dio_kdump_put_sub(uint8_t *out, enum dumpio_order order, enum dio_kdump_layout layout,
                       const struct dio_kdump_sub *sub);

/* ---- an open dump ---------------------------------------------------------------------------- */

struct dio_kdump_part {
    struct dio_bytes *src;
    struct dio_kdump_sub sub;
    uint64_t start, end;        /* page frames */
    _Atomic uint64_t base;      /* 1 + number of set bits before start; 0 = not counted yet */
};

struct dio_kdump {
    struct dio_kdump_head head;
    struct dio_kdump_part *parts; /* ascending, disjoint */
    size_t n_parts;
    unsigned shift;             /* log2(block_size) */
    uint64_t base;              /* physical address of page frame 0 */
    uint64_t max_pfn;           /* exclusive */
    struct dio_bitmap ram;      /* 1st bitmap */
    struct dio_bitmap stored;   /* 2nd bitmap */
    struct dio_rank rank;       /* of `stored` */
    uint64_t desc_at;           /* file offset of the first descriptor */
    struct dio_salvage *salvage; /* NULL: what contradicts itself is an error */
    struct dio_bytes *patched;  /* bitmaps of a salvaged dump, mended; NULL = as they are */
    uint64_t lost_start, lost_end; /* frames that no bitmap can be believed of */
    int64_t shift_behind;       /* what their descriptors are more than the bits, behind them */
    bool rebuilt;               /* the main header was lost */
    uint64_t zero_at;           /* of the page of zeros that pages share, as far as known; or 0 */
    const struct dio_codec *codecs[6]; /* [log2(descriptor flag)]; NULL: flag unknown */
};

/* Open: main header and parts; the caller goes on with the model, then dio_kdump_tables. */
int dio_kdump_new(struct dio_kdump **out, const struct dio_input *in,
                  const struct dumpio_env *env, struct dumpio_error *err);
/* Bitmaps, directory, end of memory, marks of truncation. `base` must be set. */
int dio_kdump_tables(struct dio_kdump *d, struct dumpio_info *info, const struct dumpio_env *env,
                     struct dumpio_error *err);
/* After dio_rank_init: is a file cut (a note, info->truncated), do bits and descriptors agree? */
int dio_kdump_check_tables(struct dio_kdump *d, struct dumpio_info *info,
                           const struct dumpio_env *env, struct dumpio_error *err);
void dio_kdump_close(void *self);
/*
 * Of a forward source: can the pages be fetched in order? What they share with pages far before
 * them is kept when it passes. DUMPIO_E_UNSUPPORTED, _LIMIT: no.
 */
int dio_kdump_check_order(struct dio_kdump *d, struct dumpio_error *err);

/* Sort the parts and check that they are one set. */
int dio_kdump_check_set(struct dio_kdump *d, const struct dumpio_env *env,
                        struct dumpio_error *err);
/* The part that holds frame pfn, or NULL; *edge = the frame where that changes. */
struct dio_kdump_part *dio_kdump_part_of(struct dio_kdump *d, uint64_t pfn, uint64_t *edge);

/* What the main header says, into the model. */
int dio_kdump_describe_head(const struct dio_kdump *d, struct dio_model *model,
                            struct dumpio_error *err);
/* What the sub headers and all that they point to say. */
int dio_kdump_describe_sub(struct dio_kdump *d, const struct dio_input *in,
                           struct dio_model *model, const struct dumpio_env *env,
                           struct dumpio_error *err);

/*
 * Words of both bitmaps from word `first` on, as they are to be understood: ram has every bit that
 * stored has; what the file is too short for counts as memory, and as stored where it is memory.
 */
int dio_kdump_words(const struct dio_kdump *d, uint64_t first, uint64_t *ram, uint64_t *stored,
                    size_t n, struct dumpio_error *err);
int dio_kdump_next_run(void *self, uint64_t addr, struct dumpio_run *run,
                       struct dumpio_error *err);
int dio_kdump_fetch(void *self, uint64_t start, uint64_t end, struct dio_batch *batch,
                    struct dumpio_error *err);

/* ---- the writer ------------------------------------------------------------------------------ */

#define DIO_KDUMP_SHARE_BITS 17u /* log2 of the payloads remembered: 4.5 MiB */

/* Which payloads stand where. NULL: out of memory. */
struct dio_kdump_share;
struct dio_kdump_share *dio_kdump_share_new(unsigned bits);
void dio_kdump_share_free(struct dio_kdump_share *s); /* NULL allowed */
/*
 * Where an equal payload (tag, length up to DIO_KDUMP_BLOCK_MAX, descriptor flag) was placed; `at`
 * when none is known, which then is remembered.
 */
uint64_t dio_kdump_share_find(struct dio_kdump_share *s, const uint64_t tag[2], uint32_t len,
                              uint8_t flag, uint64_t at);

struct dio_kdump_writer {
    struct dio_out *out;
    const struct dio_write_plan *plan;
    struct dio_kdump_head head;
    uint8_t *tail;               /* malloc'ed; stands at tail_at, inside the sub header's blocks */
    size_t tail_len;
    uint64_t tail_at;
    uint8_t *front;              /* the header blocks as they were written; malloc'ed */
    uint64_t base;               /* physical address of page frame 0 */
    uint64_t max_pfn;
    uint64_t desc_at, data_at;   /* file offsets of the first descriptor, of the zero page */
    uint64_t at;                 /* end of the payloads placed */
    uint64_t placed, to_place;   /* pages placed; in all, of this part of a split set */
    struct dio_kdump_share *share; /* made for the first page with a tag */
    bool lost;                   /* a page came as lost, or the input says it is not whole */
    /* KDUMP only */
    enum dio_kdump_layout layout;
    struct dio_kdump_sub sub;
};

/* Check plan and sink, fill the header's common fields. The tail and base are up to the caller. */
int dio_kdump_writer_new(struct dio_kdump_writer **out, struct dio_out *sink,
                         const struct dio_write_plan *plan, bool diskdump,
                         struct dumpio_error *err);
/* With tail and base set: fix every place, write the bitmaps and the zero page. */
int dio_kdump_writer_start(struct dio_kdump_writer *w, struct dumpio_error *err);
/* Do headers written before the pages say that the file is incomplete, and do so until the end? */
bool dio_kdump_marks_unfinished(const struct dio_kdump_writer *w);
/* Puts what only one of the two formats has into the header blocks, which are zeros there. */
typedef void dio_kdump_fill(uint8_t *front, const struct dio_kdump_writer *w);
/* Write the header blocks: main header, tail, and what `fill` puts there; not twice the same. */
int dio_kdump_write_front(struct dio_kdump_writer *w, dio_kdump_fill *fill,
                          struct dumpio_error *err);
/* Were all the pages placed that the plan announced? */
int dio_kdump_check_placed(const struct dio_kdump_writer *w, struct dumpio_error *err);
/* Write both bitmaps; counts the set bits of the first. */
int dio_kdump_write_bitmaps(struct dio_kdump_writer *w, uint64_t *ram, struct dumpio_error *err);

int dio_kdump_place(void *self, struct dio_batch *batch, struct dumpio_error *err);
/* Descriptor flag of a page's codec; -1 for one that the format does not have. */
int dio_kdump_codec_flag(const struct dio_codec *codec);
int dio_kdump_lost(void *self, uint64_t start, uint64_t end, struct dumpio_error *err);
int dio_kdump_store(void *self, struct dio_batch *batch, struct dumpio_error *err);
void dio_kdump_writer_free(void *self);

#endif
