/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of a kernel's BTF: where they are, their sizes and members.
 * Reference: the kernel's Documentation/bpf/btf.rst and include/uapi/linux/btf.h (up to 7.2).
 * Does not handle: arrays of several dimensions, which BTF may have as one.
 */
#include "btf_types.h"

#include <stdlib.h>

#define PEEL_MAX 32u                 /* typedefs and qualifiers of one type */
#define NEST_MAX 16u                 /* anonymous structs in structs, arrays of arrays */
#define TYPE_MAX ((uint64_t)1 << 31) /* bytes of a type that are believed */

static const struct dio_btf_room known_rooms[DIO_BTF_KNOWN] = {
    [DIO_BTF_INT] = {4, 0},    [DIO_BTF_ARRAY] = {12, 0},   [DIO_BTF_STRUCT] = {0, 12},
    [DIO_BTF_UNION] = {0, 12}, [DIO_BTF_ENUM] = {0, 8},     [DIO_BTF_FUNC_PROTO] = {0, 8},
    [DIO_BTF_VAR] = {4, 0},    [DIO_BTF_DATASEC] = {0, 12}, [DIO_BTF_DECL_TAG] = {4, 0},
    [DIO_BTF_ENUM64] = {0, 12},
};

/* ---- types ----------------------------------------------------------------------------------- */

/* Void and ids that are none: false. */
static bool type_by_id(const struct dio_btf *b, uint32_t id, struct dio_btf_type *t)
{
    if (!id || id > b->n)
        return false;
    *t = dio_btf_decode(b, b->types + b->at[id]);
    return true;
}

/* Places of all types, each one wholly inside the section. */
static int index_types(struct dio_btf *b, uint64_t len, struct dumpio_error *err)
{
    uint64_t pos = 0;
    b->at = malloc((size_t)(len / DIO_BTF_TYPE_HEAD + 1) * sizeof(*b->at));
    if (!b->at)
        return dio_nomem(err, "BTF");
    while (pos < len) {
        if (len - pos < DIO_BTF_TYPE_HEAD)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "BTF type %u is cut off", b->n + 1);
        struct dio_btf_type t = dio_btf_decode(b, b->types + pos);
        if (!t.kind || t.kind >= b->kinds)
            return dio_fail(err, t.kind ? DUMPIO_E_UNSUPPORTED : DUMPIO_E_CORRUPT,
                            DUMPIO_NO_OFFSET, "BTF type %u is of unknown kind %u", b->n + 1,
                            t.kind);
        const struct dio_btf_room *room = &b->room[t.kind];
        uint64_t size = DIO_BTF_TYPE_HEAD + room->once + (uint64_t)t.vlen * room->each;
        if (size > len - pos)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "BTF type %u with %u elements passes the section's end", b->n + 1,
                            t.vlen);
        b->at[++b->n] = (uint32_t)pos;
        pos += size;
    }
    return 0;
}

bool dio_btf_peel(const struct dio_btf *b, uint32_t id, struct dio_btf_type *t)
{
    for (unsigned i = 0; i < PEEL_MAX && type_by_id(b, id, t); i++) {
        switch (t->kind) {
        case DIO_BTF_TYPEDEF:
        case DIO_BTF_VOLATILE:
        case DIO_BTF_CONST:
        case DIO_BTF_RESTRICT:
        case DIO_BTF_TYPE_TAG: id = t->value; break;
        default: return true;
        }
    }
    return false;
}

bool dio_btf_size(const struct dio_btf *b, struct dio_btf_type t, uint64_t *size)
{
    uint64_t factor = 1;
    for (unsigned i = 0; i < NEST_MAX; i++) {
        switch (t.kind) {
        case DIO_BTF_INT:
        case DIO_BTF_STRUCT:
        case DIO_BTF_UNION:
        case DIO_BTF_ENUM:
        case DIO_BTF_FLOAT:
        case DIO_BTF_ENUM64:
            return !dio_mul(factor, t.value, size) && *size && *size < TYPE_MAX;
        case DIO_BTF_PTR:
            *size = factor * b->word;
            return factor && factor < TYPE_MAX / 8;
        case DIO_BTF_ARRAY:
            if (dio_mul(factor, dio_btf_u32(b, t.more + 8), &factor) ||
                !dio_btf_peel(b, dio_btf_u32(b, t.more), &t))
                return false;
            break;
        default: return false;
        }
    }
    return false;
}

/* ---- members --------------------------------------------------------------------------------- */

static struct dio_btf_member decode_member(const struct dio_btf *b, const struct dio_btf_type *s,
                                           const uint8_t *p)
{
    uint32_t at = dio_btf_u32(b, p + 8);
    struct dio_btf_member m = {.bits = s->flag ? at & 0xffffff : at,
                               .bitfield = s->flag && at >> 24};
    if (!dio_btf_peel(b, dio_btf_u32(b, p + 4), &m.type))
        m.type.kind = 0;
    /* Without the flag, it is the integer that has fewer bits than its bytes. */
    if (m.type.kind == DIO_BTF_INT && !s->flag) {
        uint32_t encoding = dio_btf_u32(b, m.type.more);
        m.bitfield = (encoding & 0xff) != m.type.value * 8 || encoding >> 16 & 0xff;
    }
    return m;
}

static bool find_member(struct dio_btf *b, const struct dio_btf_type *s, const char *name,
                        unsigned depth, struct dio_btf_member *m)
{
    for (uint32_t i = 0; i < s->vlen; i++) {
        const uint8_t *p = s->more + (size_t)i * b->room[DIO_BTF_STRUCT].each;
        const char *own = dio_btf_string(b, dio_btf_u32(b, p));
        if (b->visits >= DIO_BTF_VISITS_MAX)
            return false;
        b->visits++;
        if (*own && strcmp(own, name))
            continue;
        struct dio_btf_member at = decode_member(b, s, p);
        if (*own) {
            *m = at;
            return true;
        }
        if (depth < NEST_MAX && dio_btf_is_aggregate(&at.type) &&
            find_member(b, &at.type, name, depth + 1, m)) {
            m->bits += at.bits;
            return true;
        }
    }
    return false;
}

bool dio_btf_find_member(struct dio_btf *b, const struct dio_btf_type *s, const char *name,
                         struct dio_btf_member *m)
{
    return find_member(b, s, name, 0, m);
}

/* ---- the blob -------------------------------------------------------------------------------- */

/* Sizes of kinds that came later than this reader. */
static void read_layout(struct dio_btf *b, const uint8_t *layout, uint64_t len)
{
    memcpy(b->room, known_rooms, sizeof(known_rooms));
    b->kinds = DIO_BTF_KNOWN;
    for (uint64_t kind = DIO_BTF_KNOWN; kind < DIO_BTF_KINDS && kind * 4 + 4 <= len; kind++) {
        b->room[kind] = (struct dio_btf_room){layout[kind * 4], layout[kind * 4 + 1]};
        b->kinds = (unsigned)kind + 1;
    }
}

int dio_btf_open(struct dio_btf *b, const struct dio_kernel *k, const uint8_t *blob,
                 const struct dio_btf_header *h, struct dumpio_error *err)
{
    *b = (struct dio_btf){.order = k->order,
                          .word = k->word,
                          .types = blob + h->types,
                          .strings = (const char *)blob + h->strings,
                          .strings_len = (uint32_t)h->strings_len};
    if (b->strings[0] || b->strings[h->strings_len - 1])
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "the strings of BTF do not begin and end with a NUL");
    read_layout(b, blob + h->layout, h->layout_len);
    int rc = index_types(b, h->types_len, err);
    if (rc)
        dio_btf_close(b);
    return rc;
}

void dio_btf_close(struct dio_btf *b)
{
    free(b->at);
    b->at = NULL;
}
