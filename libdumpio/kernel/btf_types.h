/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of a BTF blob, read: btf_types.c. What the kernel's facts want of them: btf_facts.c.
 * Reference: the kernel's Documentation/bpf/btf.rst and include/uapi/linux/btf.h (up to 7.2).
 */
#ifndef DIO_KERNEL_BTF_TYPES_H
#define DIO_KERNEL_BTF_TYPES_H

#include "btf.h"
#include "internal.h"

#define DIO_BTF_KINDS 128u
#define DIO_BTF_VISITS_MAX (1u << 22) /* members looked for or at, in all */

enum dio_btf_kind {
    DIO_BTF_INT = 1, DIO_BTF_PTR, DIO_BTF_ARRAY, DIO_BTF_STRUCT, DIO_BTF_UNION, DIO_BTF_ENUM,
    DIO_BTF_FWD, DIO_BTF_TYPEDEF, DIO_BTF_VOLATILE, DIO_BTF_CONST, DIO_BTF_RESTRICT, DIO_BTF_FUNC,
    DIO_BTF_FUNC_PROTO, DIO_BTF_VAR, DIO_BTF_DATASEC, DIO_BTF_FLOAT, DIO_BTF_DECL_TAG,
    DIO_BTF_TYPE_TAG, DIO_BTF_ENUM64, DIO_BTF_KNOWN
};

/* Bytes behind a type's head: once, and for each of its vlen elements. */
struct dio_btf_room {
    uint8_t once, each;
};

struct dio_btf {
    enum dumpio_order order;
    unsigned word;
    const uint8_t *types;
    const char *strings; /* the last one ends */
    uint32_t strings_len;
    uint32_t *at;        /* of each type in types */
    uint32_t n;          /* types; type 0 is void and has no place */
    unsigned kinds;      /* that are known */
    struct dio_btf_room room[DIO_BTF_KINDS];
    unsigned visits;
};

struct dio_btf_type {
    const char *name;
    unsigned kind;
    bool flag;
    uint32_t vlen;
    uint32_t value; /* size or type */
    const uint8_t *more;
};

struct dio_btf_member {
    struct dio_btf_type type; /* peeled; kind 0 = unknown */
    uint64_t bits;            /* from the outermost struct's begin */
    bool bitfield;
};

/* ---- one type; its id is in [1, n] ----------------------------------------------------------- */

static inline const char *dio_btf_string(const struct dio_btf *b, uint32_t at)
{
    return at < b->strings_len ? b->strings + at : "";
}

static inline uint32_t dio_btf_u32(const struct dio_btf *b, const uint8_t *p)
{
    return dio_get32(p, b->order);
}

/* The 24 and 7 bits of 7.2; what was unused before is 0. */
static inline struct dio_btf_type dio_btf_decode(const struct dio_btf *b, const uint8_t *p)
{
    uint32_t info = dio_btf_u32(b, p + 4);
    return (struct dio_btf_type){.name = dio_btf_string(b, dio_btf_u32(b, p)),
                                 .kind = info >> 24 & (DIO_BTF_KINDS - 1),
                                 .flag = info >> 31,
                                 .vlen = info & 0xffffff,
                                 .value = dio_btf_u32(b, p + 8),
                                 .more = p + DIO_BTF_TYPE_HEAD};
}

/* The type of an id that there is. */
static inline struct dio_btf_type dio_btf_type_at(const struct dio_btf *b, uint32_t id)
{
    return dio_btf_decode(b, b->types + b->at[id]);
}

static inline bool dio_btf_is_aggregate(const struct dio_btf_type *t)
{
    return t->kind == DIO_BTF_STRUCT || t->kind == DIO_BTF_UNION;
}

/* ---- the blob -------------------------------------------------------------------------------- */

/*
 * The types of a blob, each one wholly inside its section; b points into the blob. On error
 * nothing is left to close: DUMPIO_E_CORRUPT, _UNSUPPORTED (kinds of types whose size is not
 * known), _NOMEM.
 */
int dio_btf_open(struct dio_btf *b, const struct dio_kernel *k, const uint8_t *blob,
                 const struct dio_btf_header *h, struct dumpio_error *err);
void dio_btf_close(struct dio_btf *b);

/* Without typedefs and qualifiers; false for void, too long chains and broken ones. */
bool dio_btf_peel(const struct dio_btf *b, uint32_t id, struct dio_btf_type *t);

/* Bytes; false when it has none or they are not believed. */
bool dio_btf_size(const struct dio_btf *b, struct dio_btf_type t, uint64_t *size);

/*
 * A member of s or of an anonymous aggregate inside it. Counts b->visits, and finds none any more
 * at DIO_BTF_VISITS_MAX.
 */
bool dio_btf_find_member(struct dio_btf *b, const struct dio_btf_type *s, const char *name,
                         struct dio_btf_member *m);

#endif
