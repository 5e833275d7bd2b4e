/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTF built by hand, a machine to put it into, and the facts that are read from it there.
 * Reference: the kernel's Documentation/bpf/btf.rst.
 */
#ifndef BTF_BLOB_H
#define BTF_BLOB_H

#include "world.h"

#include "kernel/facts.h"
#include "kernel/internal.h"

#define STEXT 0x800000u
#define BLOB 0x803121u /* at no boundary */

enum {
    INT = 1, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC,
    FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64
};

struct blob {
    enum dumpio_order order;
    uint8_t types[8192], whole[16384];
    char strings[4096];
    size_t types_len, strings_len, len;
    uint32_t ids;
    uint32_t u8, u32, ptr, ulong, list; /* types that all have */
};

/* ---- building -------------------------------------------------------------------------------- */

static inline void put(struct blob *b, uint8_t *p, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        p[b->order == DUMPIO_BIG ? size - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

static inline void word(struct blob *b, uint32_t v)
{
    put(b, b->types + b->types_len, 4, v);
    b->types_len += 4;
}

static inline uint32_t string(struct blob *b, const char *s)
{
    size_t at = b->strings_len;
    if (!s)
        return 0;
    memcpy(b->strings + at, s, strlen(s) + 1);
    b->strings_len += strlen(s) + 1;
    return (uint32_t)at;
}

static inline uint32_t type(struct blob *b, const char *name, unsigned kind, uint32_t vlen,
                     uint32_t value)
{
    word(b, string(b, name));
    word(b, (kind & 0x7f) << 24 | (kind & 0x80) << 24 | vlen); /* kind | 0x80: with the flag */
    word(b, value);
    return ++b->ids;
}

static inline uint32_t integer(struct blob *b, const char *name, uint32_t bytes, uint32_t bits)
{
    uint32_t id = type(b, name, INT, 0, bytes);
    word(b, bits);
    return id;
}

static inline uint32_t array(struct blob *b, uint32_t of, uint32_t n)
{
    uint32_t id = type(b, NULL, ARRAY, 0, 0);
    word(b, of);
    word(b, b->u32);
    word(b, n);
    return id;
}

/* One of the elements that the last type announced. */
static inline void member(struct blob *b, const char *name, uint32_t of, uint32_t bits)
{
    word(b, string(b, name));
    word(b, of);
    word(b, bits);
}

static inline void enumerator(struct blob *b, const char *name, uint32_t value)
{
    word(b, string(b, name));
    word(b, value);
}

static inline void begin(struct blob *b, enum dumpio_order order, unsigned size)
{
    memset(b, 0, sizeof(*b));
    b->order = order;
    b->strings_len = 1;
    b->u8 = integer(b, "unsigned char", 1, 8);
    b->u32 = integer(b, "unsigned int", 4, 32);
    b->ulong = integer(b, "unsigned long", size, 8 * size);
    b->list = type(b, "list_head", STRUCT, 2, 2 * size);
    b->ptr = b->ids + 1; /* the next: a loop as in every kernel */
    member(b, "next", b->ptr, 0);
    member(b, "prev", b->ptr, 8 * size);
    type(b, NULL, PTR, 0, b->list);
}

static inline void plain_page(struct blob *b, uint32_t size, uint32_t refcount)
{
    type(b, "page", STRUCT, 2, size);
    member(b, "flags", b->ulong, 0);
    member(b, "_refcount", b->u32, refcount);
}

/* Header of `hdr` bytes (24 or 32), types, strings; layout behind the strings. */
static inline void finish(struct blob *b, unsigned hdr, const void *layout, uint32_t layout_len)
{
    uint32_t t = (uint32_t)b->types_len, s = (uint32_t)b->strings_len;
    uint32_t heads[] = {hdr, 0, t, t, s, (t + s + 3) & ~3u, layout_len};
    memset(b->whole, 0, sizeof(b->whole));
    put(b, b->whole, 2, 0xeb9f);
    b->whole[2] = 1;
    for (unsigned i = 0; i < hdr / 4 - 1; i++)
        put(b, b->whole + 4 + 4 * i, 4, heads[i]);
    memcpy(b->whole + hdr, b->types, t);
    memcpy(b->whole + hdr + t, b->strings, s);
    if (layout_len)
        memcpy(b->whole + hdr + heads[5], layout, layout_len);
    b->len = hdr + (layout_len ? heads[5] + layout_len : t + s);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static inline uint64_t virt(const struct world *w)
{
    return strcmp(w->info.arch, "i386") ? 0xc000000000000000ull : 0xc0000000u;
}

static inline struct world *machine(const char *arch, enum dumpio_order order)
{
    struct world *w = world_new(arch, order);
    uint64_t v = virt(w);
    unsigned is32 = v < UINT32_MAX;
    world_uts(w, 0x300000, "5.10-btf", is32 ? "i686" : order == DUMPIO_BIG ? "ppc64" : "ppc64le");
    world_at(w, 0x400000);
    for (unsigned i = 0; is32 && i < 4; i++)
        world_put(w, 0x400000 + (0x300 + i) * 4, 4, i << 22 | 0xe3);
    world_say(w, "OSRELEASE=5.10-btf\nPAGESIZE=%u", is32 ? 4096 : 65536);
    world_say(w, "SYMBOL(init_uts_ns)=%" PRIx64, v + 0x300000);
    world_say(w, "SYMBOL(swapper_pg_dir)=%" PRIx64, v + 0x400000);
    world_say(w, "SYMBOL(_stext)=%" PRIx64, v + STEXT);
    return w;
}

/* A kernel symbol table of two symbols, a token for each character. */
static inline void kallsyms(struct world *w, uint64_t btf)
{
    static const char names[] = "\007T_stext\014D__start_BTF";
    static const char *const keys[] = {"names", "num_syms", "token_table", "token_index",
                                       "offsets"};
    for (unsigned i = 0; i < 5; i++)
        world_say(w, "SYMBOL(kallsyms_%s)=%" PRIx64, keys[i], virt(w) + 0x500000 + 0x1000 * i);
    world_bytes(w, 0x500000, names, sizeof(names));
    world_put(w, 0x501000, 4, 2);
    for (unsigned i = 0; i < 256; i++) {
        world_put(w, 0x502000 + 2 * i, 1, i);
        world_put(w, 0x503000 + 2 * i, 2, 2 * i);
    }
    world_put(w, 0x504000, 4, STEXT - 0x504000);
    world_put(w, 0x504004, 4, btf - 0x504004);
}

static char text[8192]; /* the facts, or the error's message */

static inline int facts(struct world *w, bool quick)
{
    struct dio_kernel *k = NULL;
    struct dio_facts f = {0};
    w->err.message[0] = '\0';
    int rc = dio_kernel_open_text(&k, &w->mem, NULL, w->text, strlen(w->text), w->info.order, quick,
                                  &w->err);
    if (!rc)
        rc = dio_btf_facts(k, &f, &w->err);
    CHECK(!rc || !f.len);
    snprintf(text, sizeof(text), "%s", rc ? w->err.message : f.text);
    dio_facts_free(&f);
    dio_kernel_close(k);
    return rc;
}

/* The same for a blob that the symbol table names. */
static inline int facts_of(struct blob *b, const char *say)
{
    struct world *w = machine("ppc64", b->order);
    kallsyms(w, BLOB);
    if (say)
        world_say(w, "%s", say);
    world_bytes(w, BLOB, b->whole, b->len);
    int rc = facts(w, false);
    world_free(w);
    return rc;
}

#endif
