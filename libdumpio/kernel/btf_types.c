/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of a kernel's BTF, turned into facts.
 * Reference: the kernel's Documentation/bpf/btf.rst and include/uapi/linux/btf.h (up to 7.2).
 * Does not handle: arrays of several dimensions, which BTF may have as one.
 */
#include "btf.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define TYPE_HEAD DIO_BTF_TYPE_HEAD
#define KINDS 128u
#define PEEL_MAX 32u          /* typedefs and qualifiers of one type */
#define NEST_MAX 16u          /* anonymous structs in structs, arrays of arrays */
#define VISITS_MAX (1u << 22) /* members looked for or at, in all */
#define TYPE_MAX ((uint64_t)1 << 31) /* bytes of a type that are believed */
#define FACT_ROOM 128u

enum kind {
    KIND_INT = 1, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FWD,
    KIND_TYPEDEF, KIND_VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_FUNC, KIND_FUNC_PROTO, KIND_VAR,
    KIND_DATASEC, KIND_FLOAT, KIND_DECL_TAG, KIND_TYPE_TAG, KIND_ENUM64, KIND_KNOWN
};

/* Bytes behind a type's head: once, and for each of its vlen elements. */
struct room {
    uint8_t once, each;
};

static const struct room known_rooms[KIND_KNOWN] = {
    [KIND_INT] = {4, 0},     [KIND_ARRAY] = {12, 0},     [KIND_STRUCT] = {0, 12},
    [KIND_UNION] = {0, 12},  [KIND_ENUM] = {0, 8},       [KIND_FUNC_PROTO] = {0, 8},
    [KIND_VAR] = {4, 0},     [KIND_DATASEC] = {0, 12},   [KIND_DECL_TAG] = {4, 0},
    [KIND_ENUM64] = {0, 12},
};

struct btf {
    enum dumpio_order order;
    unsigned word;
    const uint8_t *types;
    const char *strings; /* the last one ends */
    uint32_t strings_len;
    uint32_t *at;        /* of each type in types */
    uint32_t n;          /* types; type 0 is void and has no place */
    unsigned kinds;      /* that are known */
    struct room room[KINDS];
    unsigned visits;
};

struct type {
    const char *name;
    unsigned kind;
    bool flag;
    uint32_t vlen;
    uint32_t value; /* size or type */
    const uint8_t *more;
};

/* ---- types ----------------------------------------------------------------------------------- */

static const char *string_at(const struct btf *b, uint32_t at)
{
    return at < b->strings_len ? b->strings + at : "";
}

static uint32_t u32_at(const struct btf *b, const uint8_t *p)
{
    return dio_get32(p, b->order);
}

/* The 24 and 7 bits of 7.2; what was unused before is 0. */
static struct type decode(const struct btf *b, const uint8_t *p)
{
    uint32_t info = u32_at(b, p + 4);
    return (struct type){.name = string_at(b, u32_at(b, p)),
                         .kind = info >> 24 & (KINDS - 1),
                         .flag = info >> 31,
                         .vlen = info & 0xffffff,
                         .value = u32_at(b, p + 8),
                         .more = p + TYPE_HEAD};
}

/* Void and ids that are none: false. */
static bool type_by_id(const struct btf *b, uint32_t id, struct type *t)
{
    if (!id || id > b->n)
        return false;
    *t = decode(b, b->types + b->at[id]);
    return true;
}

/* Places of all types, each one wholly inside the section. */
static int index_types(struct btf *b, uint64_t len, struct dumpio_error *err)
{
    uint64_t pos = 0;
    b->at = malloc((size_t)(len / TYPE_HEAD + 1) * sizeof(*b->at));
    if (!b->at)
        return dio_nomem(err, "BTF");
    while (pos < len) {
        if (len - pos < TYPE_HEAD)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "BTF type %u is cut off", b->n + 1);
        struct type t = decode(b, b->types + pos);
        if (!t.kind || t.kind >= b->kinds)
            return dio_fail(err, t.kind ? DUMPIO_E_UNSUPPORTED : DUMPIO_E_CORRUPT,
                            DUMPIO_NO_OFFSET, "BTF type %u is of unknown kind %u", b->n + 1,
                            t.kind);
        uint64_t size = TYPE_HEAD + b->room[t.kind].once + (uint64_t)t.vlen * b->room[t.kind].each;
        if (size > len - pos)
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "BTF type %u with %u elements passes the section's end", b->n + 1,
                            t.vlen);
        b->at[++b->n] = (uint32_t)pos;
        pos += size;
    }
    return 0;
}

/* Without typedefs and qualifiers; false for void, too long chains and broken ones. */
static bool peel(const struct btf *b, uint32_t id, struct type *t)
{
    for (unsigned i = 0; i < PEEL_MAX && type_by_id(b, id, t); i++) {
        switch (t->kind) {
        case KIND_TYPEDEF:
        case KIND_VOLATILE:
        case KIND_CONST:
        case KIND_RESTRICT:
        case KIND_TYPE_TAG: id = t->value; break;
        default: return true;
        }
    }
    return false;
}

static bool is_aggregate(const struct type *t)
{
    return t->kind == KIND_STRUCT || t->kind == KIND_UNION;
}

/* Bytes; false when it has none or they are not believed. */
static bool type_size(const struct btf *b, struct type t, uint64_t *size)
{
    uint64_t factor = 1;
    for (unsigned i = 0; i < NEST_MAX; i++) {
        switch (t.kind) {
        case KIND_INT:
        case KIND_STRUCT:
        case KIND_UNION:
        case KIND_ENUM:
        case KIND_FLOAT:
        case KIND_ENUM64:
            return !dio_mul(factor, t.value, size) && *size && *size < TYPE_MAX;
        case KIND_PTR:
            *size = factor * b->word;
            return factor && factor < TYPE_MAX / 8;
        case KIND_ARRAY:
            if (dio_mul(factor, u32_at(b, t.more + 8), &factor) ||
                !peel(b, u32_at(b, t.more), &t))
                return false;
            break;
        default: return false;
        }
    }
    return false;
}

/* ---- members --------------------------------------------------------------------------------- */

struct member {
    struct type type; /* peeled; kind 0 = unknown */
    uint64_t bits;    /* from the outermost struct's begin */
    bool bitfield;
};

static struct member decode_member(const struct btf *b, const struct type *s, const uint8_t *p)
{
    uint32_t at = u32_at(b, p + 8);
    struct member m = {.bits = s->flag ? at & 0xffffff : at, .bitfield = s->flag && at >> 24};
    if (!peel(b, u32_at(b, p + 4), &m.type))
        m.type.kind = 0;
    /* Without the flag, it is the integer that has fewer bits than its bytes. */
    if (m.type.kind == KIND_INT && !s->flag) {
        uint32_t encoding = u32_at(b, m.type.more);
        m.bitfield = (encoding & 0xff) != m.type.value * 8 || encoding >> 16 & 0xff;
    }
    return m;
}

/* A member of s or of an anonymous aggregate inside it. */
static bool find_member(struct btf *b, const struct type *s, const char *name, unsigned depth,
                        struct member *m)
{
    for (uint32_t i = 0; i < s->vlen; i++) {
        const uint8_t *p = s->more + (size_t)i * known_rooms[KIND_STRUCT].each;
        const char *own = string_at(b, u32_at(b, p));
        if (b->visits >= VISITS_MAX)
            return false;
        b->visits++;
        if (*own && strcmp(own, name))
            continue;
        struct member at = decode_member(b, s, p);
        if (*own) {
            *m = at;
            return true;
        }
        if (depth < NEST_MAX && is_aggregate(&at.type) &&
            find_member(b, &at.type, name, depth + 1, m)) {
            m->bits += at.bits;
            return true;
        }
    }
    return false;
}

/* ---- what was found -------------------------------------------------------------------------- */

struct member_fact {
    bool found;
    uint64_t offset, size, length; /* size, length: 0 = no fact */
};

struct struct_fact {
    unsigned rank; /* 0: no definition yet */
    bool conflict; /* two of that rank differ */
    uint64_t size;
    struct member_fact *members; /* as many as are wanted */
};

struct enum_fact {
    bool found, conflict;
    int64_t value;
};

struct findings {
    struct struct_fact *structs; /* as dio_wanted_structs */
    struct enum_fact *enums;     /* as dio_wanted_enumerators */
    struct member_fact *members; /* the structs', and room for one more definition of any */
    struct member_fact *spare;
    bool first[256];             /* characters that wanted names begin with */
};

static size_t count_names(const char *const *names)
{
    size_t n = 0;
    while (names[n])
        n++;
    return n;
}

static void findings_free(struct findings *f)
{
    free(f->structs);
    free(f->enums);
    free(f->members);
}

static bool findings_new(struct findings *f)
{
    size_t structs = 0, members = 0, most = 0, enums = count_names(dio_wanted_enumerators);
    for (const struct dio_wanted_struct *w = dio_wanted_structs; w->name; w++) {
        size_t n = count_names(w->members);
        members += n;
        most = n > most ? n : most;
        structs++;
        f->first[(uint8_t)w->name[0]] = true;
    }
    for (size_t i = 0; i < enums; i++)
        f->first[(uint8_t)dio_wanted_enumerators[i][0]] = true;
    f->structs = calloc(structs + 1, sizeof(*f->structs));
    f->enums = calloc(enums + 1, sizeof(*f->enums));
    f->members = calloc(members + most + 1, sizeof(*f->members));
    if (!f->structs || !f->enums || !f->members)
        return false;
    f->spare = f->members + members;
    for (size_t i = 0, at = 0; i < structs; i++) {
        f->structs[i].members = f->members + at;
        at += count_names(dio_wanted_structs[i].members);
    }
    return true;
}

/* ---- structs --------------------------------------------------------------------------------- */

static struct member_fact member_fact(struct btf *b, const struct type *s, uint64_t size,
                                      const char *name)
{
    struct member m = {0};
    struct member_fact fact = {0};
    if (!find_member(b, s, name, 0, &m) || m.bitfield || m.bits % 8 || m.bits / 8 > size)
        return fact;
    fact.found = true;
    fact.offset = m.bits / 8;
    if (!type_size(b, m.type, &fact.size) || fact.size > size - fact.offset)
        fact.size = 0;
    else if (m.type.kind == KIND_ARRAY)
        fact.length = u32_at(b, m.type.more + 8);
    return fact;
}

static bool has_member(const struct dio_wanted_struct *w, const struct member_fact *m,
                       const char *name)
{
    for (size_t i = 0; w->members[i]; i++)
        if (!strcmp(w->members[i], name))
            return m[i].found;
    return false;
}

/*
 * How sure it is that this is the kernel's definition: names in _t are typedefs, others are not;
 * a namesake has no wanted member; a page has flags and a count. From 1 on.
 */
static unsigned rank_of(const struct dio_wanted_struct *w, const struct member_fact *m,
                        bool is_typedef)
{
    size_t len = strlen(w->name);
    bool named_typedef = len > 2 && !strcmp(w->name + len - 2, "_t");
    unsigned rank = is_typedef == named_typedef ? 4 : 1;
    bool any = false;
    for (size_t i = 0; w->members[i]; i++)
        any = any || m[i].found;
    if (!strcmp(w->name, "page") && has_member(w, m, "flags") &&
        (has_member(w, m, "_refcount") || has_member(w, m, "_count")))
        return rank + 2;
    return rank + any;
}

static bool same_members(const struct member_fact *a, const struct member_fact *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].found != b[i].found || a[i].offset != b[i].offset || a[i].size != b[i].size ||
            a[i].length != b[i].length)
            return false;
    return true;
}

static void take_struct(struct btf *b, struct findings *f, size_t i, const struct type *named)
{
    const struct dio_wanted_struct *w = &dio_wanted_structs[i];
    struct struct_fact *is = &f->structs[i];
    struct type s = *named;
    bool is_typedef = named->kind == KIND_TYPEDEF;
    uint64_t size;
    if ((is_typedef && !peel(b, named->value, &s)) || !is_aggregate(&s) ||
        !type_size(b, s, &size))
        return;
    size_t n = count_names(w->members);
    b->visits += (unsigned)n;
    for (size_t k = 0; k < n; k++)
        f->spare[k] = member_fact(b, &s, size, w->members[k]);
    unsigned rank = rank_of(w, f->spare, is_typedef);
    if (rank < is->rank)
        return;
    if (rank == is->rank) {
        is->conflict = is->conflict || size != is->size || !same_members(is->members, f->spare, n);
        return;
    }
    is->rank = rank;
    is->conflict = false;
    is->size = size;
    memcpy(is->members, f->spare, n * sizeof(*f->spare));
}

static void take_named(struct btf *b, struct findings *f, const struct type *t)
{
    for (size_t i = 0; f->first[(uint8_t)*t->name] && dio_wanted_structs[i].name; i++)
        if (!strcmp(dio_wanted_structs[i].name, t->name))
            take_struct(b, f, i, t);
}

/* ---- enumerators ----------------------------------------------------------------------------- */

static void take_enumerator(struct findings *f, const char *name, int64_t value, bool sure)
{
    for (size_t i = 0; dio_wanted_enumerators[i]; i++) {
        struct enum_fact *e = &f->enums[i];
        if (strcmp(dio_wanted_enumerators[i], name))
            continue;
        e->conflict = e->conflict || !sure || (e->found && e->value != value);
        e->found = true;
        e->value = value;
    }
}

/* The flag says signed, but only since 6.0: a negative number without it is not believed. */
static void take_enum(const struct btf *b, struct findings *f, const struct type *t)
{
    for (uint32_t i = 0; i < t->vlen; i++) {
        const uint8_t *p = t->more + (size_t)i * known_rooms[t->kind].each;
        const char *name = string_at(b, u32_at(b, p));
        if (!f->first[(uint8_t)*name])
            continue;
        uint32_t low = u32_at(b, p + 4), high = low & 0x80000000u ? UINT32_MAX : 0;
        if (t->kind == KIND_ENUM64)
            high = u32_at(b, p + 8);
        take_enumerator(f, name, (int64_t)((uint64_t)high << 32 | low),
                        t->flag || !(high & 0x80000000u));
    }
}

static int find_all(struct btf *b, struct findings *f, struct dumpio_error *err)
{
    for (uint32_t id = 1; id <= b->n; id++) {
        struct type t = decode(b, b->types + b->at[id]);
        if (t.kind == KIND_STRUCT || t.kind == KIND_UNION || t.kind == KIND_TYPEDEF)
            take_named(b, f, &t);
        else if (t.kind == KIND_ENUM || t.kind == KIND_ENUM64)
            take_enum(b, f, &t);
        if (b->visits >= VISITS_MAX)
            return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                            "BTF: more than %u members of wanted structs", VISITS_MAX);
    }
    return 0;
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* Where a fact goes: into the text, or (text NULL) against VMCOREINFO. */
struct target {
    const struct dio_kernel *k;
    struct dio_facts *text;
    struct dumpio_error *err;
    int rc;
};

static void fact(struct target *to, const char *kind, const char *name, uint64_t value)
{
    int64_t known, is = (int64_t)value;
    if (to->text)
        dio_facts_number(to->text, kind, name, is);
    else if (!to->rc && dio_kernel_number(to->k, kind, name, &known) && known != is)
        to->rc = dio_fail(to->err, DIO_BTF_DIFFERS, DUMPIO_NO_OFFSET,
                          "%s(%s) is %lld in BTF and %lld in VMCOREINFO", kind, name,
                          (long long)is, (long long)known);
}

static void struct_facts(struct target *to, const struct dio_wanted_struct *w,
                         const struct struct_fact *s)
{
    if (!s->rank || s->conflict)
        return;
    if (w->size)
        fact(to, "SIZE", w->name, s->size);
    for (size_t i = 0; w->members[i]; i++) {
        const struct member_fact *m = &s->members[i];
        char name[FACT_ROOM];
        int n = snprintf(name, sizeof(name), "%s.%s", w->name, w->members[i]);
        if (!m->found || n < 0 || (size_t)n >= sizeof(name))
            continue;
        fact(to, "OFFSET", name, m->offset);
        if (m->size)
            fact(to, "SIZE", name, m->size);
        if (m->length)
            fact(to, "LENGTH", name, m->length);
    }
}

static void all_facts(struct target *to, const struct findings *f)
{
    for (size_t i = 0; dio_wanted_structs[i].name; i++)
        struct_facts(to, &dio_wanted_structs[i], &f->structs[i]);
    for (size_t i = 0; dio_wanted_enumerators[i]; i++)
        if (f->enums[i].found && !f->enums[i].conflict)
            fact(to, "NUMBER", dio_wanted_enumerators[i], (uint64_t)f->enums[i].value);
}

/* Is a full definition with this member there? Several that differ prove as much. */
static bool proves(const struct findings *f, const char *name, const char *member)
{
    for (size_t i = 0; dio_wanted_structs[i].name; i++)
        if (!strcmp(dio_wanted_structs[i].name, name))
            return f->structs[i].rank &&
                   has_member(&dio_wanted_structs[i], f->structs[i].members, member);
    return false;
}

/* A kernel's BTF, and no other kernel's than VMCOREINFO speaks of. */
static int prove(const struct dio_kernel *k, const struct findings *f, struct dumpio_error *err)
{
    struct target against = {k, NULL, err, 0};
    if (!proves(f, "page", "flags") || !proves(f, "list_head", "next"))
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "BTF without struct page and struct list_head");
    all_facts(&against, f);
    return against.rc;
}

/* ---- the blob -------------------------------------------------------------------------------- */

/* Sizes of kinds that came later than this reader. */
static void read_layout(struct btf *b, const uint8_t *layout, uint64_t len)
{
    memcpy(b->room, known_rooms, sizeof(known_rooms));
    b->kinds = KIND_KNOWN;
    for (uint64_t kind = KIND_KNOWN; kind < KINDS && kind * 4 + 4 <= len; kind++) {
        b->room[kind] = (struct room){layout[kind * 4], layout[kind * 4 + 1]};
        b->kinds = (unsigned)kind + 1;
    }
}

int dio_btf_parse(const struct dio_kernel *k, const uint8_t *blob, const struct dio_btf_header *h,
                  struct dio_facts *facts, struct dumpio_error *err)
{
    struct findings found = {0};
    struct target text = {k, facts, err, 0};
    struct btf b = {.order = k->order,
                    .word = k->word,
                    .types = blob + h->types,
                    .strings = (const char *)blob + h->strings,
                    .strings_len = (uint32_t)h->strings_len};
    if (b.strings[0] || b.strings[h->strings_len - 1])
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "the strings of BTF do not begin and end with a NUL");
    read_layout(&b, blob + h->layout, h->layout_len);
    int rc = findings_new(&found) ? index_types(&b, h->types_len, err) : dio_nomem(err, "BTF");
    if (!rc)
        rc = find_all(&b, &found, err);
    if (!rc)
        rc = prove(k, &found, err);
    if (!rc)
        all_facts(&text, &found);
    findings_free(&found);
    free(b.at);
    return rc;
}
