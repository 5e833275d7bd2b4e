/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of a .zst file: RFC 8878 sections 3.1.1 and 3.1.2, and the seek table of zstd's
 * contrib/seekable_format. Not handled: frames of zstd before 0.8, finding a frame behind
 * damage in a file without a seek table.
 */
#include "zstd_frames.h"

#include <stdlib.h>

#define SCAN_FRAMES_MAX (UINT64_C(1) << 24)
#define DENSE_FRAMES_MAX (UINT64_C(1) << 20) /* more: every SPARSE_STRIDE-th is kept in memory */
#define SPARSE_STRIDE 64u
#define ENTRY_MAX 12u
#define BLOCK_MAX (1u << 17) /* of a zstd frame */
#define HEADER_MAX 18u       /* of a frame, with its magic */
#define TRIED_MAX 16u        /* frames unpacked to learn how much they hold */

void dio_zstd_frames_free(struct dio_zstd_frames *f)
{
    free(f->at);
    f->at = NULL;
}

static int push(struct dio_zstd_frames *f, struct dio_zstd_place at, struct dumpio_error *err)
{
    if (f->n == f->room) {
        uint64_t room = f->room ? 2 * f->room : 256;
        struct dio_zstd_place *more = realloc(f->at, (size_t)(room * sizeof *more));
        if (!more)
            return dio_nomem(err, "the places of zstd frames");
        f->at = more;
        f->room = room;
    }
    f->at[f->n++] = at;
    return 0;
}

/* Is a frame of these lengths one that is unpacked as a whole? */
static bool fits(const struct dumpio_env *env, uint64_t plain, uint64_t packed)
{
    return plain <= dio_block_plain_max(env) &&
           (!plain || packed <= dio_block_packed_max(plain));
}

static void note_longest(struct dio_zstd_frames *f, uint64_t plain, uint64_t packed)
{
    if (!plain)
        return;
    f->plain_max = plain > f->plain_max ? plain : f->plain_max;
    f->packed_max = packed > f->packed_max ? packed : f->packed_max;
}

/* ---- what a frame holds ---------------------------------------------------------------------- */

struct header {
    unsigned len;        /* bytes */
    bool has_plain, has_check;
    uint64_t plain;
};

/* DUMPIO_END: more bytes are needed. `h` has n of them, the magic first. */
static int parse_header(struct header *out, const uint8_t *h, size_t n)
{
    static const uint8_t id_size[4] = {0, 1, 2, 4}, plain_size[4] = {0, 2, 4, 8};
    if (n < 5)
        return DUMPIO_END;
    bool single = h[4] >> 5 & 1;
    unsigned flag = h[4] >> 6, size = plain_size[flag];
    if (!flag && single)
        size = 1;
    unsigned at = 5u + !single + id_size[h[4] & 3];
    out->len = at + size;
    out->has_plain = size != 0;
    out->has_check = h[4] >> 2 & 1;
    if (n < out->len)
        return DUMPIO_END;
    out->plain = size == 1   ? h[at]
                 : size == 2 ? dio_get16(h + at, DUMPIO_LITTLE) + 256u
                 : size == 4 ? dio_get32(h + at, DUMPIO_LITTLE)
                 : size == 8 ? dio_get64(h + at, DUMPIO_LITTLE)
                             : 0;
    return 0;
}

/* Has the frame of the seek table a header that says the same? DUMPIO_END: it does not say. */
static int ask_header(const struct dio_zstd_frames *f, const struct dio_block *b,
                      struct dumpio_error *err)
{
    uint8_t buf[HEADER_MAX];
    size_t got;
    struct header h;
    int rc = dio_read_some(f->below, b->packed, buf, sizeof buf, &got, err);
    if (rc)
        return rc;
    uint32_t magic = got < 4 ? 0 : dio_get32(buf, DUMPIO_LITTLE);
    if (!b->plain_len && (magic & ~15u) == DIO_ZSTD_SKIP_MAGIC)
        return 0;
    if (magic != DIO_ZSTD_MAGIC || parse_header(&h, buf, got) ||
        (h.has_plain && h.plain != b->plain_len) || (!b->plain_len && b->packed_len > BLOCK_MAX))
        return dio_fail(err, DUMPIO_E_CORRUPT, b->packed, "the seek table is wrong");
    return h.has_plain ? 0 : DUMPIO_END;
}

/* Make sure of a frame's length. DUMPIO_END: that would take too long. */
static int prove(struct dio_zstd_frames *f, const struct dio_block *b, struct dumpio_error *err)
{
    int rc = f->table ? ask_header(f, b, err) : DUMPIO_END;
    if (rc != DUMPIO_END)
        return rc;
    return f->tried++ < TRIED_MAX ? f->try_frame(f->ctx, b, err) : DUMPIO_END;
}

/*
 * A wrong length would shift everything behind it. Frames of the same length vouch for each other;
 * where the length changes, it is proved.
 */
static int vouch(struct dio_zstd_frames *f, const struct dio_block *b, struct dumpio_error *err)
{
    if (f->around && f->table)
        return 0;
    bool first = !b->number, same = !first && f->last.plain_len == b->plain_len;
    int rc = first || same || f->last_sure ? 0 : prove(f, &f->last, err);
    if (!rc && !first && !same)
        rc = prove(f, b, err);
    f->last = *b;
    f->last_sure = !first;
    return rc;
}

/* ---- the seek table -------------------------------------------------------------------------- */

int dio_zstd_frames_table(struct dio_zstd_frames *f, struct dumpio_error *err)
{
    uint8_t foot[DIO_ZSTD_TABLE_FOOT], head[DIO_ZSTD_TABLE_HEAD];
    uint64_t size = f->below->size;
    if (size < sizeof head + sizeof foot)
        return DUMPIO_END;
    int rc = dio_read_exact(f->below, size - sizeof foot, foot, sizeof foot, "seek table", err);
    if (rc)
        return rc;
    uint64_t n = dio_get32(foot, DUMPIO_LITTLE);
    if (dio_get32(foot + 5, DUMPIO_LITTLE) != DIO_ZSTD_SEEKABLE_MAGIC || (foot[4] & 0x7c) ||
        n > DIO_ZSTD_TABLE_FRAMES_MAX)
        return DUMPIO_END;
    f->entry = foot[4] & 0x80 ? 12 : 8;
    uint64_t length = n * f->entry + sizeof foot;
    if (length + sizeof head > size)
        return DUMPIO_END;
    f->table = size - length;
    f->frames = n;
    rc = dio_read_exact(f->below, f->table - sizeof head, head, sizeof head, "seek table", err);
    if (rc)
        return rc;
    bool right = dio_get32(head, DUMPIO_LITTLE) == DIO_ZSTD_TABLE_MAGIC &&
                 dio_get32(head + 4, DUMPIO_LITTLE) == length;
    return right ? 0 : DUMPIO_END;
}

/* Add up one piece of the table: entries from number `first` on. DUMPIO_END: it is of no use. */
static int add_entries(struct dio_zstd_frames *f, const uint8_t *e, uint64_t first, uint64_t n,
                       struct dio_zstd_place *at, const struct dumpio_env *env,
                       struct dumpio_error *err)
{
    for (uint64_t i = 0; i < n; i++, e += f->entry) {
        uint32_t packed = dio_get32(e, DUMPIO_LITTLE), plain = dio_get32(e + 4, DUMPIO_LITTLE);
        if (!fits(env, plain, packed))
            return DUMPIO_END;
        struct dio_block b = {first + i, at->plain, plain, at->packed, packed};
        int rc = (first + i) % f->stride ? 0 : push(f, *at, err);
        if (!rc)
            rc = vouch(f, &b, err);
        if (rc)
            return rc == DUMPIO_E_CORRUPT ? DUMPIO_END : rc;
        note_longest(f, plain, packed);
        at->plain += plain; /* at most 2^27 times 2^32 */
        at->packed += packed;
    }
    return 0;
}

static int read_table(struct dio_zstd_frames *f, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    enum { PIECE = 4096 };
    uint8_t buf[PIECE * ENTRY_MAX];
    struct dio_zstd_place at = {0, 0};
    f->stride = f->frames <= DENSE_FRAMES_MAX ? 1 : SPARSE_STRIDE;
    for (uint64_t i = 0; i < f->frames; i += PIECE) {
        uint64_t n = f->frames - i < PIECE ? f->frames - i : PIECE;
        int rc = dio_read_exact(f->below, f->table + i * f->entry, buf, (size_t)(n * f->entry),
                                "seek table", err);
        if (!rc)
            rc = add_entries(f, buf, i, n, &at, env, err);
        if (rc)
            return rc;
    }
    if (at.packed + DIO_ZSTD_TABLE_HEAD != f->table)
        return DUMPIO_END;
    int rc = f->frames == 1 && !f->around ? prove(f, &f->last, err) : 0;
    if (rc)
        return rc == DUMPIO_E_CORRUPT ? DUMPIO_END : rc;
    return push(f, at, err);
}

/* ---- without it: from header to header ------------------------------------------------------- */

static int cut(uint64_t at, uint64_t frame, struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_TRUNCATED, at, "the file ends inside the zstd frame at 0x%llx",
                    (unsigned long long)frame);
}

/* From block to block: *at, behind the header, becomes the place behind the frame. */
static int skip_blocks(struct dio_bytes *below, uint64_t frame, uint64_t *at, bool has_check,
                       struct dumpio_error *err)
{
    bool last = false;
    while (!last) {
        uint8_t b[4] = {0};
        size_t got;
        int rc = dio_read_some(below, *at, b, 3, &got, err);
        if (rc)
            return rc;
        if (got < 3)
            return cut(*at, frame, err);
        uint32_t word = dio_get32(b, DUMPIO_LITTLE), type = word >> 1 & 3, size = word >> 3;
        if (type == 3 || size > BLOCK_MAX)
            return dio_fail(err, DUMPIO_E_CORRUPT, *at,
                            "impossible block header %06x in the zstd frame at 0x%llx", word,
                            (unsigned long long)frame);
        last = word & 1;
        *at += 3 + (type == 1 ? 1 : size);
    }
    *at += has_check ? 4 : 0;
    return *at > below->size ? cut(below->size, frame, err) : 0;
}

/* The frame at *at: DUMPIO_END when it cannot be taken as a whole; *at moves behind it. */
static int scan_frame(struct dio_zstd_frames *f, struct dio_zstd_place *at,
                      const struct dumpio_env *env, struct dumpio_error *err)
{
    uint8_t buf[HEADER_MAX];
    size_t got;
    struct header h;
    uint64_t end = at->packed;
    int rc = dio_read_some(f->below, at->packed, buf, sizeof buf, &got, err);
    if (rc)
        return rc;
    uint32_t magic = got < 4 ? 0 : dio_get32(buf, DUMPIO_LITTLE);
    if ((magic & ~15u) == DIO_ZSTD_SKIP_MAGIC) {
        if (got < 8 || dio_get32(buf + 4, DUMPIO_LITTLE) + UINT64_C(8) > f->below->size - end)
            return cut(end, end, err);
        rc = push(f, *at, err); /* so that the frame before it ends here */
        at->packed += dio_get32(buf + 4, DUMPIO_LITTLE) + UINT64_C(8);
        return rc;
    }
    if (magic != DIO_ZSTD_MAGIC)
        return dio_fail(err, got < 4 ? DUMPIO_E_TRUNCATED : DUMPIO_E_CORRUPT, end,
                        "no zstd frame at 0x%llx", (unsigned long long)end);
    if (parse_header(&h, buf, got))
        return cut(end, end, err);
    if (!h.has_plain || h.plain > dio_block_plain_max(env))
        return DUMPIO_END;
    end += h.len;
    rc = skip_blocks(f->below, at->packed, &end, h.has_check, err);
    if (rc)
        return rc;
    if (!fits(env, h.plain, end - at->packed))
        return DUMPIO_END;
    struct dio_block b = {f->real++, at->plain, h.plain, at->packed, end - at->packed};
    rc = vouch(f, &b, err);
    if (rc)
        return rc;
    note_longest(f, h.plain, end - at->packed);
    rc = push(f, *at, err);
    *at = (struct dio_zstd_place){at->plain + h.plain, end};
    return rc;
}

static int scan(struct dio_zstd_frames *f, const struct dumpio_env *env, struct dumpio_error *err)
{
    struct dio_zstd_place at = {0, 0};
    struct dumpio_error e = {0};
    int rc = 0;
    f->stride = 1;
    while (!rc && at.packed < f->below->size) {
        if (f->n >= SCAN_FRAMES_MAX)
            return dio_fail(err, DUMPIO_E_LIMIT, at.packed,
                            "more than %llu zstd frames and no seek table",
                            (unsigned long long)SCAN_FRAMES_MAX);
        rc = scan_frame(f, &at, env, &e);
    }
    if (rc == DUMPIO_E_TRUNCATED && !at.plain)
        return DUMPIO_END; /* the start of its first frame may still be had */
    if ((rc == DUMPIO_E_TRUNCATED || rc == DUMPIO_E_CORRUPT) && at.plain) {
        f->truncated = 1;
        dio_note(env, DUMPIO_WARNING, "%s: %s; the whole frames before, %llu bytes, are used",
                 f->below->name, e.message, (unsigned long long)at.plain);
        rc = 0;
    }
    if (rc) {
        if (err && rc < 0)
            *err = e;
        return rc;
    }
    f->frames = f->n;
    return push(f, at, err);
}

/* ---- both ------------------------------------------------------------------------------------ */

int dio_zstd_frames_read(struct dio_zstd_frames *f, const struct dumpio_env *env,
                         struct dumpio_error *err)
{
    int rc = dio_zstd_frames_table(f, err);
    if (!rc)
        rc = read_table(f, env, err);
    if (rc != DUMPIO_END)
        return rc;
    dio_zstd_frames_free(f);
    *f = (struct dio_zstd_frames){.below = f->below, .try_frame = f->try_frame, .ctx = f->ctx,
                                  .around = f->around};
    return scan(f, env, err);
}

/* Walk the table's entries from at[i] on, up to the frame that holds off. */
static int find_in_table(const struct dio_zstd_frames *f, uint64_t i, uint64_t off,
                         struct dio_block *b, struct dumpio_error *err)
{
    uint8_t buf[SPARSE_STRIDE * ENTRY_MAX];
    uint64_t first = i * f->stride;
    uint64_t n = f->frames - first < f->stride ? f->frames - first : f->stride;
    struct dio_zstd_place at = f->at[i];
    int rc = dio_read_exact(f->below, f->table + first * f->entry, buf, (size_t)(n * f->entry),
                            "seek table", err);
    for (uint64_t k = 0; !rc && k < n; k++) {
        const uint8_t *e = buf + k * f->entry;
        uint32_t packed = dio_get32(e, DUMPIO_LITTLE), plain = dio_get32(e + 4, DUMPIO_LITTLE);
        if (off < at.plain + plain) {
            *b = (struct dio_block){first + k, at.plain, plain, at.packed, packed};
            return plain <= f->plain_max && packed <= f->packed_max
                       ? 0
                       : dio_fail(err, DUMPIO_E_CORRUPT, off, "the seek table has changed");
        }
        at.plain += plain;
        at.packed += packed;
    }
    return rc ? rc : dio_fail(err, DUMPIO_E_CORRUPT, off, "the seek table has changed");
}

int dio_zstd_frames_find(const struct dio_zstd_frames *f, uint64_t off, struct dio_block *b,
                         struct dumpio_error *err)
{
    uint64_t low = 0, high = f->n - 1; /* at[low].plain <= off < at[high].plain */
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (f->at[middle].plain <= off)
            low = middle;
        else
            high = middle;
    }
    if (f->stride > 1)
        return find_in_table(f, low, off, b, err);
    *b = (struct dio_block){low, f->at[low].plain, f->at[low + 1].plain - f->at[low].plain,
                            f->at[low].packed, f->at[low + 1].packed - f->at[low].packed};
    return 0;
}

int dio_zstd_frames_check(const struct dio_zstd_frames *f, uint64_t number, uint32_t *check,
                          struct dumpio_error *err)
{
    uint8_t buf[4];
    if (!f->table || f->entry != ENTRY_MAX)
        return DUMPIO_END;
    int rc = dio_read_exact(f->below, f->table + number * f->entry + 8, buf, sizeof buf,
                            "checksum in the seek table", err);
    *check = dio_get32(buf, DUMPIO_LITTLE);
    return rc;
}
