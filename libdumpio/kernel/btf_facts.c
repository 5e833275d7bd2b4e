/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of a kernel's BTF, turned into facts.
 * Which: dio_wanted_structs and dio_wanted_enumerators of facts.h. Definitions of one name that
 * differ give no fact.
 */
#include "btf_types.h"

#include <stdio.h>
#include <stdlib.h>

#define FACT_ROOM 128u

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

static struct member_fact member_fact(struct dio_btf *b, const struct dio_btf_type *s,
                                      uint64_t size, const char *name)
{
    struct dio_btf_member m = {0};
    struct member_fact fact = {0};
    if (!dio_btf_find_member(b, s, name, &m) || m.bitfield || m.bits % 8 || m.bits / 8 > size)
        return fact;
    fact.found = true;
    fact.offset = m.bits / 8;
    if (!dio_btf_size(b, m.type, &fact.size) || fact.size > size - fact.offset)
        fact.size = 0;
    else if (m.type.kind == DIO_BTF_ARRAY)
        fact.length = dio_btf_u32(b, m.type.more + 8);
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

static void take_struct(struct dio_btf *b, struct findings *f, size_t i,
                        const struct dio_btf_type *named)
{
    const struct dio_wanted_struct *w = &dio_wanted_structs[i];
    struct struct_fact *is = &f->structs[i];
    struct dio_btf_type s = *named;
    bool is_typedef = named->kind == DIO_BTF_TYPEDEF;
    uint64_t size;
    if ((is_typedef && !dio_btf_peel(b, named->value, &s)) || !dio_btf_is_aggregate(&s) ||
        !dio_btf_size(b, s, &size))
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

static void take_named(struct dio_btf *b, struct findings *f, const struct dio_btf_type *t)
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
static void take_enum(const struct dio_btf *b, struct findings *f, const struct dio_btf_type *t)
{
    for (uint32_t i = 0; i < t->vlen; i++) {
        const uint8_t *p = t->more + (size_t)i * b->room[t->kind].each;
        const char *name = dio_btf_string(b, dio_btf_u32(b, p));
        if (!f->first[(uint8_t)*name])
            continue;
        uint32_t low = dio_btf_u32(b, p + 4), high = low & 0x80000000u ? UINT32_MAX : 0;
        if (t->kind == DIO_BTF_ENUM64)
            high = dio_btf_u32(b, p + 8);
        take_enumerator(f, name, (int64_t)((uint64_t)high << 32 | low),
                        t->flag || !(high & 0x80000000u));
    }
}

static int find_all(struct dio_btf *b, struct findings *f, struct dumpio_error *err)
{
    for (uint32_t id = 1; id <= b->n; id++) {
        struct dio_btf_type t = dio_btf_type_at(b, id);
        if (t.kind == DIO_BTF_STRUCT || t.kind == DIO_BTF_UNION || t.kind == DIO_BTF_TYPEDEF)
            take_named(b, f, &t);
        else if (t.kind == DIO_BTF_ENUM || t.kind == DIO_BTF_ENUM64)
            take_enum(b, f, &t);
        if (b->visits >= DIO_BTF_VISITS_MAX)
            return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                            "BTF: more than %u members of wanted structs", DIO_BTF_VISITS_MAX);
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

int dio_btf_parse(const struct dio_kernel *k, const uint8_t *blob, const struct dio_btf_header *h,
                  struct dio_facts *facts, struct dumpio_error *err)
{
    struct findings found = {0};
    struct target text = {k, facts, err, 0};
    struct dio_btf b;
    int rc = dio_btf_open(&b, k, blob, h, err);
    if (rc)
        return rc;
    rc = findings_new(&found) ? find_all(&b, &found, err) : dio_nomem(err, "BTF");
    if (!rc)
        rc = prove(k, &found, err);
    if (!rc)
        all_facts(&text, &found);
    findings_free(&found);
    dio_btf_close(&b);
    return rc;
}
