/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dumped kernel's BTF: found through kallsyms or by a search through the image.
 * Reference: the kernel's include/uapi/linux/btf.h (up to 7.2), include/asm-generic/vmlinux.lds.h.
 * Does not handle: modules' BTF.
 */
#include "btf.h"
#include "internal.h"

#include <stdlib.h>

#define BLOB_MAX ((uint64_t)64 << 20)
#define IMAGE_MAX ((uint64_t)128 << 20) /* bytes of the kernel image that are searched */
#define TRIED_MAX (2 * BLOB_MAX) /* bytes read for what only looked like BTF */
#define MARKS_MAX 65536u         /* places looked at that begin like BTF */
#define HEADER_OLD 24u           /* bytes; HEADER_NEW has the layout section too (7.1) */
#define HEADER_NEW 32u
#define HEADER_MAX 4096u
#define CHUNK 65536u             /* bytes of a read of the search */
#define PIECE 4096u              /* and where one failed */
#define CARRY 3u                 /* a mark may begin in the read before */

/* ---- the blob -------------------------------------------------------------------------------- */

/* raw: zeros where the header is shorter. */
static bool parse_header(const uint8_t raw[HEADER_NEW], enum dumpio_order order,
                         struct dio_btf_header *h)
{
    struct dio_cursor c = dio_cursor(raw, HEADER_NEW, order, 4);
    if (dio_cur_u16(&c) != 0xeb9f || *dio_cur_bytes(&c, 1) != 1 || *dio_cur_bytes(&c, 1) != 0)
        return false;
    uint64_t len = dio_cur_u32(&c);
    h->types = len + dio_cur_u32(&c);
    h->types_len = dio_cur_u32(&c);
    h->strings = len + dio_cur_u32(&c);
    h->strings_len = dio_cur_u32(&c);
    h->layout = len + dio_cur_u32(&c);
    h->layout_len = dio_cur_u32(&c);
    h->len = h->strings + h->strings_len;
    if (h->layout + h->layout_len > h->len)
        h->len = h->layout + h->layout_len;
    return len >= HEADER_OLD && len <= HEADER_MAX && !(len % 4) && !(h->types % 4) &&
           h->types_len >= DIO_BTF_TYPE_HEAD && !(h->types_len % 4) && h->strings_len &&
           h->strings >= h->types + h->types_len && h->len <= BLOB_MAX;
}

/* Header and both ends of the strings, before the whole is read. */
static int read_header(struct dio_kernel *k, uint64_t virt, struct dio_btf_header *h,
                       struct dumpio_error *err)
{
    uint8_t raw[HEADER_NEW] = {0}, end = 1, begin = 1;
    int rc = dio_kernel_read(k, virt, raw, HEADER_OLD, err);
    if (!rc && dio_get32(raw + 4, k->order) >= HEADER_NEW)
        rc = dio_kernel_read(k, virt, raw, HEADER_NEW, err);
    if (!rc && !parse_header(raw, k->order, h))
        rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "no header of BTF version 1");
    if (!rc)
        rc = dio_kernel_read(k, virt + h->strings, &begin, 1, err);
    if (!rc)
        rc = dio_kernel_read(k, virt + h->strings + h->strings_len - 1, &end, 1, err);
    if (!rc && (begin || end))
        rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "no BTF with strings at its end");
    return rc;
}

/* The BTF at virt; *used grows by what was read of it. */
static int try_blob(struct dio_kernel *k, uint64_t virt, uint64_t *used, struct dio_facts *facts,
                    struct dumpio_error *err)
{
    struct dio_btf_header h;
    int rc = read_header(k, virt, &h, err);
    if (rc)
        return rc;
    *used += h.len;
    uint8_t *blob = malloc((size_t)h.len);
    if (!blob)
        return dio_nomem(err, "BTF");
    rc = dio_kernel_read_whole(k, virt, blob, (size_t)h.len, err);
    if (!rc)
        rc = dio_btf_parse(k, blob, &h, facts, err);
    free(blob);
    return rc;
}

/* ---- the search ------------------------------------------------------------------------------ */

struct search {
    struct dio_kernel *k;
    struct dio_facts *facts;
    struct dumpio_error differs; /* of the first blob that contradicts VMCOREINFO; else 0 */
    uint64_t tried; /* bytes of blobs read */
    unsigned marks; /* places tried */
    uint64_t low, high;
    uint8_t bytes[CARRY + CHUNK];
    size_t carry;   /* bytes of it in front, contiguous with what is read next */
};

/* Next mark (magic, version 1, flags 0) in p[0..n) from `at` on; n when there is none. */
static size_t next_mark(const uint8_t *p, size_t n, size_t at, enum dumpio_order order)
{
    static const uint8_t marks[2][4] = {{0x9f, 0xeb, 1, 0}, {0xeb, 0x9f, 1, 0}};
    unsigned big = order == DUMPIO_BIG;
    while (at + 4 <= n) {
        /* 0x9f is the rarer byte. */
        const uint8_t *hit = memchr(p + at + big, 0x9f, n - at - big);
        if (!hit)
            return n;
        at = (size_t)(hit - p) - big;
        if (at + 4 <= n && !memcmp(p + at, marks[big], 4))
            return at;
        at++;
    }
    return n;
}

/* `len` new bytes, for virt, stand behind the carried ones. DUMPIO_END: go on. */
static int look_through(struct search *s, uint64_t virt, size_t len)
{
    const uint8_t *p = s->bytes + CARRY - s->carry;
    size_t n = s->carry + len;
    for (size_t at = next_mark(p, n, 0, s->k->order); at < n;
         at = next_mark(p, n, at + 1, s->k->order)) {
        struct dumpio_error e = {0};
        int rc = try_blob(s->k, virt - s->carry + at, &s->tried, s->facts, &e);
        if (rc == DIO_BTF_DIFFERS && !s->differs.status)
            s->differs = e;
        if (!rc || rc == DUMPIO_E_NOMEM)
            return rc;
        if (++s->marks >= MARKS_MAX || s->tried > TRIED_MAX)
            return DUMPIO_E_LIMIT;
    }
    s->carry = n < CARRY ? n : CARRY;
    memmove(s->bytes + CARRY - s->carry, p + n - s->carry, s->carry);
    return DUMPIO_END;
}

/* Read [virt, virt + len) in pieces and look through them; what is missing is passed over. */
static int search_run(struct search *s, uint64_t virt, size_t len, size_t piece)
{
    for (size_t at = 0; at < len;) {
        size_t n = piece - (size_t)((virt + at) % piece);
        n = n < len - at ? n : len - at;
        int rc = DUMPIO_END;
        if (!dio_kernel_read(s->k, virt + at, s->bytes + CARRY, n, NULL))
            rc = look_through(s, virt + at, n);
        else if (piece > PIECE)
            rc = search_run(s, virt + at, n, PIECE);
        else
            s->carry = 0;
        if (rc != DUMPIO_END)
            return rc;
        at += n;
    }
    return DUMPIO_END;
}

static int search_image(struct search *s, struct dumpio_error *err)
{
    int rc = search_run(s, s->low, (size_t)(s->high - s->low), CHUNK);
    if (rc == DUMPIO_E_NOMEM)
        return dio_nomem(err, "BTF");
    if (rc && s->differs.status) {
        if (err)
            *err = s->differs;
        return DIO_BTF_DIFFERS;
    }
    return rc == DUMPIO_E_LIMIT ? DUMPIO_END : rc;
}

/*
 * Where BTF can be: it follows the read-only data, and kallsyms is there; code for the boot follows
 * it on most architectures. False when nothing is known of the image.
 */
static bool image_range(const struct dio_kernel *k, uint64_t boot_text, struct search *s)
{
    static const char *const tables[] = {"kallsyms_names", "kallsyms_offsets",
                                         "kallsyms_token_table", "kallsyms_token_index"};
    uint64_t stext, at, top = k->word == 4 ? UINT32_MAX : UINT64_MAX;
    if (!dio_kernel_symbol(k, "_stext", &stext) || stext > top)
        return false;
    s->low = stext;
    s->high = top - stext < IMAGE_MAX ? top : stext + IMAGE_MAX;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (dio_kernel_symbol(k, tables[i], &at) && at > s->low && at < s->high)
            s->low = at;
    if (boot_text > s->low && boot_text < s->high)
        s->high = boot_text;
    return s->low < s->high;
}

int dio_btf_facts(struct dio_kernel *k, struct dio_facts *f, struct dumpio_error *err)
{
    static const char *const names[] = {"__start_BTF", "_sinittext"};
    uint64_t addrs[2], used = 0;
    int rc = dio_kallsyms_find(k, names, 2, addrs, err);
    if (rc == DUMPIO_E_NOMEM)
        return rc;
    if (addrs[0]) {
        rc = try_blob(k, addrs[0], &used, f, err);
        return rc ? dio_context(err, rc, "__start_BTF 0x%llx", (unsigned long long)addrs[0]) : 0;
    }
    struct search *s = calloc(1, sizeof(*s));
    if (!s)
        return dio_nomem(err, "BTF");
    s->k = k;
    s->facts = f;
    rc = !k->quick && image_range(k, addrs[1], s) ? search_image(s, err) : DUMPIO_END;
    free(s);
    return rc;
}
