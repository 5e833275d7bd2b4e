/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the frames of a .zst file are and what they hold, without unpacking any (RFC 8878; seek
 * table: zstd's contrib/seekable_format/zstd_seekable_compression_format.md).
 */
#ifndef DIO_ZSTD_FRAMES_H
#define DIO_ZSTD_FRAMES_H

#include "../plug/decode.h"
#include "blocks.h"

#define DIO_ZSTD_MAGIC UINT32_C(0xFD2FB528)
#define DIO_ZSTD_SKIP_MAGIC UINT32_C(0x184D2A50) /* and the 15 that follow */
#define DIO_ZSTD_TABLE_MAGIC UINT32_C(0x184D2A5E)
#define DIO_ZSTD_SEEKABLE_MAGIC UINT32_C(0x8F92EAB1)
#define DIO_ZSTD_TABLE_HEAD 8u /* magic, length of what follows */
#define DIO_ZSTD_TABLE_FOOT 9u /* frames, descriptor, seekable magic */
#define DIO_ZSTD_TABLE_FRAMES_MAX (UINT32_C(1) << 27)

struct dio_zstd_place {
    uint64_t plain, packed; /* where a frame starts, in the contents and in the file */
};

struct dio_zstd_frames {
    struct dio_bytes *below;
    /* Unpack a frame: 0 when it holds plain_len bytes, DUMPIO_E_CORRUPT when not. */
    int (*try_frame)(void *ctx, const struct dio_block *b, struct dumpio_error *err);
    void *ctx;
    bool around;           /* salvage: a table that adds up is believed, whatever the frames are */
    struct dio_block last; /* the frame met last, while reading */
    bool last_sure;        /* that its length is right */
    unsigned tried;        /* frames unpacked so far */
    uint64_t real;         /* frames so far that are none to skip */
    struct dio_zstd_place *at; /* of frames 0, stride, 2 * stride ...; and the end as the last */
    uint64_t n, room;          /* in `at` */
    uint64_t frames;
    uint32_t stride;
    uint64_t table;  /* place of the seek table's first entry; 0 = none */
    uint32_t entry;  /* bytes of an entry: 8, or 12 with checksums */
    uint64_t plain_max, packed_max; /* longest frame */
    int truncated;
};

/*
 * Learn the frames from the seek table, else from their headers; below, try_frame and ctx are set.
 * 0, or DUMPIO_END: they cannot be unpacked one by one (too large for env's memory, of unknown
 * length, of ever-changing length that nothing proves). Damage and a cut behind the first frame:
 * `truncated`, with a warning. Free *f in every case.
 */
int dio_zstd_frames_read(struct dio_zstd_frames *f, const struct dumpio_env *env,
                         struct dumpio_error *err);
/* Does it end with a seek table? Its place and number of frames go into *f. DUMPIO_END: no. */
int dio_zstd_frames_table(struct dio_zstd_frames *f, struct dumpio_error *err);
void dio_zstd_frames_free(struct dio_zstd_frames *f);

/* The frame that holds byte off (below the total). */
int dio_zstd_frames_find(const struct dio_zstd_frames *f, uint64_t off, struct dio_block *b,
                         struct dumpio_error *err);

/* The seek table's checksum of frame `number`; DUMPIO_END when it has none. */
int dio_zstd_frames_check(const struct dio_zstd_frames *f, uint64_t number, uint32_t *check,
                          struct dumpio_error *err);

#endif
