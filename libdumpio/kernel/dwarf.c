/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel image's types through libdw: members, enumerators, what variables are.
 * Reference: DWARF 2 to 5, whose units are scanned at their top level only (C has no deeper types).
 * Does not handle: bit-fields, whose place is no byte offset; Rust's types.
 */
#include "vmlinux.h"

#ifdef DUMPIO_HAVE_DWARF
#include "../plug/decode.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdio.h>

#define PEEL_MAX 32u        /* typedefs and qualifiers of one type */
#define NEST_MAX 16u        /* anonymous structs in structs, arrays of arrays */
#define VISITS_MAX 65536u   /* members looked at for one name */
#define TYPE_MAX ((uint64_t)1 << 31) /* bytes of a struct that are believed */
#define LIST_MAX 64u        /* wanted structs, enumerators or symbols */

/* The best definition of a wanted struct so far. */
struct candidate {
    const struct dio_wanted_struct *want;
    Dwarf_Die die;
    unsigned score; /* wanted members that it has, and 1; 0 = no definition yet */
    bool settled;
};

struct scan {
    struct dio_image *im;
    struct dio_facts *f;
    struct candidate *cand;
    unsigned n_cand, found;
    uint64_t seen;  /* bit i: wanted enumerator i was found */
    uint64_t typed; /* bit i: the type of im->symbols[i] was found */
};

static const char *const no_members[] = {NULL};
static const struct dio_wanted_struct pte_struct = {"pte_t", true, no_members};

/* ---- attributes ------------------------------------------------------------------------------ */

/* The next sibling: 0, 1 at the end, -1 when it is damaged. Siblings only go forward. */
static int next_die(Dwarf_Die *die)
{
    const char *at = die->addr;
    int rc = dwarf_siblingof(die, die);
    return !rc && (const char *)die->addr <= at ? -1 : rc;
}

static bool unsigned_attr(Dwarf_Die *die, unsigned name, uint64_t *value)
{
    Dwarf_Attribute attr;
    Dwarf_Word word;
    if (!dwarf_attr_integrate(die, name, &attr) || dwarf_formudata(&attr, &word))
        return false;
    *value = word;
    return true;
}

/* The type of a member or variable, without typedefs and qualifiers. */
static bool type_of(Dwarf_Die *die, Dwarf_Die *type)
{
    Dwarf_Die at = *die;
    for (unsigned i = 0; i < PEEL_MAX; i++) {
        Dwarf_Attribute attr;
        if (!dwarf_attr_integrate(&at, DW_AT_type, &attr) || !dwarf_formref_die(&attr, type))
            return false;
        int tag = dwarf_tag(type);
        if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type &&
            tag != DW_TAG_restrict_type && tag != DW_TAG_atomic_type)
            return true;
        at = *type;
    }
    return false;
}

/* Elements of one dimension; false when it does not say. */
static bool dimension(Dwarf_Die *range, uint64_t *n)
{
    uint64_t low = 0, high;
    if (unsigned_attr(range, DW_AT_count, n))
        return true;
    unsigned_attr(range, DW_AT_lower_bound, &low);
    if (!unsigned_attr(range, DW_AT_upper_bound, &high) || high < low || high - low >= TYPE_MAX)
        return false;
    *n = high - low + 1;
    return true;
}

/* Elements of the outermost dimension, and of all together. */
static bool array_length(Dwarf_Die *array, uint64_t *outer, uint64_t *all)
{
    Dwarf_Die range;
    bool first = true;
    for (int rc = dwarf_child(array, &range); !rc; rc = next_die(&range)) {
        uint64_t n;
        if (dwarf_tag(&range) != DW_TAG_subrange_type)
            continue;
        if (!dimension(&range, &n) || !n)
            return false;
        if (first)
            *outer = *all = n;
        else if (dio_mul(*all, n, all))
            return false;
        first = false;
    }
    return !first;
}

static bool type_size(const struct dio_image *im, Dwarf_Die *type, uint64_t *size)
{
    Dwarf_Die at = *type, element;
    uint64_t factor = 1, own, outer, all;
    for (unsigned i = 0; i < NEST_MAX; i++) {
        if (unsigned_attr(&at, DW_AT_byte_size, &own))
            return !dio_mul(own, factor, size) && *size < TYPE_MAX;
        if (dwarf_tag(&at) == DW_TAG_pointer_type) {
            *size = factor * im->word;
            return factor < TYPE_MAX / 8;
        }
        if (dwarf_tag(&at) != DW_TAG_array_type || !array_length(&at, &outer, &all) ||
            dio_mul(factor, all, &factor) || !type_of(&at, &element))
            return false;
        at = element;
    }
    return false;
}

/* ---- members --------------------------------------------------------------------------------- */

/* A constant, or (DWARF 2) an expression that adds one. A union's members have none: 0. */
static bool member_offset(Dwarf_Die *member, uint64_t *offset)
{
    Dwarf_Attribute attr;
    Dwarf_Word word;
    Dwarf_Op *op;
    size_t n;
    *offset = 0;
    if (dwarf_hasattr(member, DW_AT_data_bit_offset) || dwarf_hasattr(member, DW_AT_bit_size))
        return false;
    if (!dwarf_attr(member, DW_AT_data_member_location, &attr))
        return true;
    if (!dwarf_formudata(&attr, &word)) {
        *offset = word;
        return word < TYPE_MAX;
    }
    if (dwarf_getlocation(&attr, &op, &n) || n != 1 || op->atom != DW_OP_plus_uconst)
        return false;
    *offset = op->number;
    return *offset < TYPE_MAX;
}

static bool is_aggregate(int tag)
{
    return tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

struct member {
    Dwarf_Die die;
    uint64_t offset; /* of the outermost struct */
};

/* A member of the struct or of an anonymous one inside it. */
static bool find_member(Dwarf_Die *type, const char *name, struct member *m, unsigned depth,
                        unsigned *visits)
{
    Dwarf_Die child, inner;
    for (int rc = dwarf_child(type, &child); !rc; rc = next_die(&child)) {
        if (++*visits > VISITS_MAX)
            return false;
        uint64_t offset;
        if (dwarf_tag(&child) != DW_TAG_member || !member_offset(&child, &offset))
            continue;
        const char *own = dwarf_diename(&child);
        if (own && !strcmp(own, name)) {
            *m = (struct member){child, offset};
            return true;
        }
        if (!own && depth < NEST_MAX && type_of(&child, &inner) &&
            is_aggregate(dwarf_tag(&inner)) && find_member(&inner, name, m, depth + 1, visits)) {
            m->offset += offset;
            return true;
        }
    }
    return false;
}

static bool get_member(Dwarf_Die *type, const char *name, struct member *m)
{
    unsigned visits = 0;
    return find_member(type, name, m, 0, &visits);
}

/* ---- one top-level DIE ----------------------------------------------------------------------- */

/*
 * Drivers may have a struct of the same name: the first one with a third of the wanted members is
 * believed, else the first of those that have most.
 */
static void consider_struct(struct scan *s, Dwarf_Die *die, const char *name)
{
    for (unsigned i = 0; i < s->n_cand; i++) {
        struct candidate *c = &s->cand[i];
        if (c->settled || strcmp(c->want->name, name))
            continue;
        Dwarf_Die type = *die;
        uint64_t size;
        if (dwarf_tag(die) == DW_TAG_typedef && !type_of(die, &type))
            return;
        if (!is_aggregate(dwarf_tag(&type)) || dwarf_hasattr(&type, DW_AT_declaration) ||
            !type_size(s->im, &type, &size))
            return;
        unsigned score = 1, all = 0;
        struct member m;
        for (; c->want->members[all]; all++)
            score += get_member(&type, c->want->members[all], &m);
        if (score > c->score) {
            c->die = type;
            c->score = score;
            c->settled = !all || (score > 1 && 3 * (score - 1) >= all);
        }
        return;
    }
}

static void take_enumerators(struct scan *s, Dwarf_Die *type)
{
    Dwarf_Die e;
    for (int rc = dwarf_child(type, &e); !rc; rc = next_die(&e)) {
        const char *name = dwarf_diename(&e);
        for (unsigned i = 0; name && dio_wanted_enumerators[i]; i++) {
            Dwarf_Attribute attr;
            Dwarf_Sword value;
            uint64_t bit = (uint64_t)1 << i;
            if ((s->seen & bit) || strcmp(dio_wanted_enumerators[i], name) ||
                !dwarf_attr(&e, DW_AT_const_value, &attr) || dwarf_formsdata(&attr, &value))
                continue;
            Dwarf_Word word; /* fixed-size forms have no sign; libdw would extend one */
            if (dwarf_whatform(&attr) != DW_FORM_sdata &&
                dwarf_whatform(&attr) != DW_FORM_implicit_const && !dwarf_formudata(&attr, &word))
                value = (Dwarf_Sword)word;
            s->seen |= bit;
            s->found++;
            dio_facts_number(s->f, "NUMBER", name, value);
        }
    }
}

/* Is the variable the one at this address as linked? */
static bool lies_at(Dwarf_Die *die, uint64_t addr)
{
    Dwarf_Attribute attr, resolved;
    Dwarf_Op *op;
    Dwarf_Addr value;
    size_t n;
    if (!dwarf_attr(die, DW_AT_location, &attr) || dwarf_getlocation(&attr, &op, &n) || n != 1)
        return false;
    if (op->atom == DW_OP_addr)
        return op->number == addr;
    return (op->atom == DW_OP_addrx || op->atom == DW_OP_GNU_addr_index) &&
           !dwarf_getlocation_attr(&attr, op, &resolved) && !dwarf_formaddr(&resolved, &value) &&
           value == addr;
}

static void consider_variable(struct scan *s, Dwarf_Die *die, const char *name)
{
    for (unsigned i = 0; i < s->im->n_symbols; i++) {
        const struct dio_image_symbol *symbol = &s->im->symbols[i];
        uint64_t bit = (uint64_t)1 << i, outer, all;
        Dwarf_Die type;
        if (strcmp(symbol->name, name))
            continue;
        if ((s->typed & bit) || !dio_image_symbol(s->im, name) || !lies_at(die, symbol->addr) ||
            !type_of(die, &type))
            return;
        s->typed |= bit;
        if (dwarf_tag(&type) == DW_TAG_pointer_type)
            dio_facts_number(s->f, "POINTER", name, 1);
        else if (dwarf_tag(&type) == DW_TAG_array_type && array_length(&type, &outer, &all))
            dio_facts_number(s->f, "LENGTH", name, (int64_t)outer);
        return;
    }
}

static void consider(struct scan *s, Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    if (tag == DW_TAG_enumeration_type) {
        take_enumerators(s, die);
        return;
    }
    if (tag != DW_TAG_variable && tag != DW_TAG_typedef && !is_aggregate(tag))
        return;
    const char *name = dwarf_diename(die);
    if (name && tag == DW_TAG_variable)
        consider_variable(s, die, name);
    else if (name)
        consider_struct(s, die, name);
}

/* ---- all units ------------------------------------------------------------------------------- */

static int damaged(const struct scan *s, Dwarf_Die *die, struct dumpio_error *err)
{
    unsigned long long at = die->addr ? dwarf_dieoffset(die) : 0;
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "%s: DWARF of the unit at offset 0x%llx of .debug_info: %s", s->im->path, at,
                    dwarf_errmsg(-1));
}

static int scan_units(struct scan *s, Dwarf *dw, struct dumpio_error *err)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die unit = {0}, split, child;
    int rc;
    while (!(rc = dwarf_get_units(dw, cu, &cu, NULL, NULL, &unit, &split))) {
        /* A skeleton's contents are in its .dwo file, when that is there. */
        Dwarf_Die *top = split.addr && dwarf_tag(&split) == DW_TAG_compile_unit ? &split : &unit;
        int more = dwarf_child(top, &child);
        for (; !more; more = next_die(&child))
            consider(s, &child);
        if (more < 0)
            return damaged(s, top, err);
    }
    return rc < 0 ? damaged(s, &unit, err) : 0;
}

static void put_struct(struct scan *s, struct candidate *c)
{
    const struct dio_wanted_struct *want = c->want;
    uint64_t size, outer, all;
    if (!c->score || !type_size(s->im, &c->die, &size))
        return;
    if (want == &pte_struct) {
        s->im->pte_size = size;
        return;
    }
    s->found++;
    if (want->size)
        dio_facts_number(s->f, "SIZE", want->name, (int64_t)size);
    for (unsigned i = 0; want->members[i]; i++) {
        struct member m;
        Dwarf_Die type;
        uint64_t bytes;
        char name[128];
        snprintf(name, sizeof(name), "%s.%s", want->name, want->members[i]);
        if (!get_member(&c->die, want->members[i], &m) || m.offset > size)
            continue;
        dio_facts_number(s->f, "OFFSET", name, (int64_t)m.offset);
        if (!type_of(&m.die, &type))
            continue;
        if (type_size(s->im, &type, &bytes) && bytes <= size - m.offset)
            dio_facts_number(s->f, "SIZE", name, (int64_t)bytes);
        if (dwarf_tag(&type) == DW_TAG_array_type && array_length(&type, &outer, &all))
            dio_facts_number(s->f, "LENGTH", name, (int64_t)outer);
    }
}

static int scan_image(struct scan *s, Dwarf *dw, struct dumpio_error *err)
{
    int rc = scan_units(s, dw, err);
    Dwarf *alt = !rc && s->im->split_types ? dwarf_getalt(dw) : NULL;
    if (alt)
        rc = scan_units(s, alt, err);
    for (unsigned i = 0; !rc && i < s->n_cand; i++)
        put_struct(s, &s->cand[i]);
    if (!rc && !s->found && s->im->split_types && !alt)
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                      "%s: its types are in a second file, which .gnu_debugaltlink names and which "
                      "is not there", s->im->path);
    return rc;
}

int dio_image_types(struct dio_image *im, struct dio_facts *f, unsigned *found,
                    struct dumpio_error *err)
{
    struct candidate cand[LIST_MAX] = {{.want = &pte_struct}};
    struct scan s = {.im = im, .f = f, .cand = cand, .n_cand = 1};
    unsigned enumerators = 0, structs = 0;
    while (dio_wanted_enumerators[enumerators])
        enumerators++;
    for (; dio_wanted_structs[structs].name && s.n_cand < LIST_MAX; structs++)
        cand[s.n_cand++].want = &dio_wanted_structs[structs];
    if (dio_wanted_structs[structs].name || enumerators > LIST_MAX || im->n_symbols > LIST_MAX)
        return dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET, "too many wanted names");
    Dwarf *dw = dwarf_begin_elf(im->elf, DWARF_C_READ, NULL);
    if (!dw)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET, "%s: DWARF: %s", im->path,
                        dwarf_errmsg(-1));
    int rc = scan_image(&s, dw, err);
    *found = s.found;
    dwarf_end(dw);
    return rc;
}
#endif
