/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's symbol table in all forms of its addresses, packed by hand, and damaged ones.
 * Reference: scripts/kallsyms.c of Linux 6.0 to 7.2.
 */
#include "world.h"

#include "kernel/facts.h"
#include "kernel/internal.h"

#define NAMES 0x600000u
#define TOKENS 0x700000u
#define INDEX 0x710000u
#define CELLS 0x720000u
#define COUNT 0x740000u
#define BASE 0x740008u
#define FILLERS 3000u

enum form { RELATIVE, PERCPU, PLACE, ABSOLUTE };

struct symtab {
    struct world *w;
    enum form form;
    unsigned word;
    uint64_t virt;  /* of physical 0 */
    uint64_t base;
    uint64_t names; /* where the next name goes */
    uint32_t n;
};

/* Token 1 is "init_", 2 "node_", 3 is empty, 255 is "_long_token"; letters stand for themselves. */
static void put_tokens(struct symtab *s)
{
    uint64_t at = TOKENS;
    for (unsigned i = 0; i < 256; i++) {
        char one[2] = {(char)(i > ' ' && i < 127 ? i : '?'), '\0'};
        const char *text = i == 1     ? "init_"
                           : i == 2   ? "node_"
                           : i == 3   ? ""
                           : i == 255 ? "_long_token"
                                      : one;
        world_put(s->w, INDEX + 2 * i, 2, at - TOKENS);
        world_bytes(s->w, at, text, strlen(text) + 1);
        at += strlen(text) + 1;
    }
}

static struct symtab table(const char *arch, enum dumpio_order order, const char *release,
                           enum form form)
{
    struct symtab s = {.w = world_new(arch, order), .form = form, .names = NAMES};
    struct world *w = s.w;
    s.word = strcmp(arch, "i386") ? 8 : 4;
    s.virt = s.word == 8 ? 0xc000000000000000ull : 0xc0000000u;
    s.base = s.virt + 0x100000;
    world_uts(w, 0x300000, release,
              s.word == 4 ? "i686" : order == DUMPIO_BIG ? "ppc64" : "ppc64le");
    world_at(w, 0x400000);
    for (unsigned i = 0; s.word == 4 && i < 4; i++)
        world_put(w, 0x400000 + (0x300 + i) * 4, 4, i << 22 | 0xe3);
    world_say(w, "OSRELEASE=%s\nPAGESIZE=%u", release, s.word == 8 ? 65536 : 4096);
    world_say(w, "SYMBOL(init_uts_ns)=%" PRIx64, s.virt + 0x300000);
    world_say(w, "SYMBOL(swapper_pg_dir)=%" PRIx64, s.virt + 0x400000);
    world_say(w, "SYMBOL(_stext)=%" PRIx64, s.virt + 0x123450);
    world_say(w, "SYMBOL(kallsyms_names)=%" PRIx64, s.virt + NAMES);
    world_say(w, "SYMBOL(kallsyms_num_syms)=%" PRIx64, s.virt + COUNT);
    world_say(w, "SYMBOL(kallsyms_token_table)=%" PRIx64, s.virt + TOKENS);
    world_say(w, "SYMBOL(kallsyms_token_index)=%" PRIx64, s.virt + INDEX);
    world_say(w, "SYMBOL(kallsyms_%s)=%" PRIx64, form == ABSOLUTE ? "addresses" : "offsets",
              s.virt + CELLS);
    if (form == RELATIVE || form == PERCPU) {
        world_say(w, "SYMBOL(kallsyms_relative_base)=%" PRIx64, s.virt + BASE);
        world_put(w, BASE, s.word, s.base);
    }
    put_tokens(&s);
    return s;
}

/* packed: one byte per token. */
static void symbol(struct symtab *s, const char *packed, uint64_t addr)
{
    size_t len = strlen(packed);
    uint64_t cell = CELLS + 4 * s->n;
    if (len >= 0x80) {
        world_put(s->w, s->names++, 1, 0x80 | (len & 0x7f));
        world_put(s->w, s->names++, 1, len >> 7);
    } else {
        world_put(s->w, s->names++, 1, len);
    }
    world_bytes(s->w, s->names, packed, len);
    s->names += len;
    switch (s->form) {
    case RELATIVE: world_put(s->w, cell, 4, addr - s->base); break;
    case PERCPU: world_put(s->w, cell, 4, addr < 0x80000000u ? addr : s->base - 1 - addr); break;
    case PLACE: world_put(s->w, cell, 4, addr - (s->virt + cell)); break;
    case ABSOLUTE: world_put(s->w, CELLS + s->word * s->n, s->word, addr); break;
    }
    world_put(s->w, COUNT, 4, ++s->n);
}

static const char *const wanted[] = {"init_uts_ns", "node_data",   "twice",  "twin",
                                     "absent",      "_long_token", "before", "last"};
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

static void fill(struct symtab *s)
{
    char name[40], longest[400];
    uint64_t v = s->virt;
    symbol(s, "T_stext", v + 0x123450);
    symbol(s, "D\001uts_ns", v + 0x200000);
    symbol(s, "ttwice", v + 0x200010); /* a static one and the global one */
    symbol(s, "Ttwice", v + 0x200020);
    symbol(s, "ttwin", v + 0x200030); /* two static ones */
    symbol(s, "ttwin", v + 0x200040);
    memset(longest, 'x', sizeof(longest) - 1); /* two bytes of length */
    longest[sizeof(longest) - 1] = '\0';
    symbol(s, longest, v + 0x200050);
    for (unsigned i = 0; i < FILLERS; i++) {
        snprintf(name, sizeof(name), "tfiller%u", i);
        symbol(s, name, v + 0x210000 + 16 * i);
    }
    while (s->names % 4096 < 4000)
        symbol(s, "tfiller", v + 0x300000);
    longest[4093 - s->names % 4096 - 1] = '\0';
    symbol(s, longest, v + 0x300000);
    symbol(s, "\003B\003\002data", v + 0x300000); /* empty tokens; over two pages */
    symbol(s, "A\377", v + 0x300010);
    symbol(s, "tnode_dat", v + 0x300020);
    symbol(s, "tnode_datas", v + 0x300030);
    symbol(s, "t", v + 0x300040);
    /* before the base, or (per-CPU) an absolute one */
    symbol(s, "Abefore", s->form == PERCPU ? 0x1234 : s->form == RELATIVE ? s->base : v + 8);
    symbol(s, "blast", v + 0x80000000u - 0x800000);
}

static int find(struct world *w, uint64_t *addrs)
{
    struct dio_kernel *k = NULL;
    memset(addrs, 0xff, WANTED * sizeof(*addrs));
    int rc = dio_kernel_open(&k, &w->mem, NULL, &w->err);
    if (rc)
        return rc;
    rc = dio_kallsyms_find(k, wanted, WANTED, addrs, &w->err);
    dio_kernel_close(k);
    return rc;
}

static void form(const char *arch, enum dumpio_order order, enum form f)
{
    struct symtab s = table(arch, order, "6.1-form", f);
    uint64_t a[WANTED], mask = s.word == 8 ? UINT64_MAX : UINT32_MAX;
    fill(&s);
    CHECK_EQ(find(s.w, a), 0);
    CHECK_EQ(a[0], s.virt + 0x200000);
    CHECK_EQ(a[1], s.virt + 0x300000);
    CHECK_EQ(a[2], s.virt + 0x200020);
    CHECK_EQ(a[3], 0);
    CHECK_EQ(a[4], 0);
    CHECK_EQ(a[5], s.virt + 0x300010);
    CHECK_EQ(a[6], f == PERCPU ? 0x1234 : f == RELATIVE ? s.base : s.virt + 8);
    CHECK_EQ(a[7], (s.virt + 0x80000000u - 0x800000) & mask);
    world_free(s.w);
}

/* 6.0 has lengths of one byte only. */
static void one_byte(void)
{
    char name[129];
    uint64_t a[WANTED];
    memset(name, 'y', 128);
    name[128] = '\0';
    for (unsigned minor = 0; minor < 2; minor++) {
        struct symtab s = table("ppc64", DUMPIO_LITTLE, minor ? "6.1.0" : "6.0.19", RELATIVE);
        symbol(&s, "T_stext", s.virt + 0x123450);
        world_put(s.w, s.names++, 1, 0x80);
        world_bytes(s.w, s.names, name, 128);
        s.names += 128;
        s.n++;
        symbol(&s, "Blast", s.virt + 0x200000);
        CHECK_EQ(find(s.w, a) == 0 && a[7] == s.virt + 0x200000, !minor);
        world_free(s.w);
    }
}

static void missing(void)
{
    static const char *const keys[] = {"_stext",
                                       "kallsyms_names",
                                       "kallsyms_num_syms",
                                       "kallsyms_token_table",
                                       "kallsyms_token_index",
                                       "kallsyms_offsets"};
    static const uint64_t places[] = {NAMES, TOKENS, INDEX, CELLS, COUNT, 0};
    uint64_t a[WANTED];
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct symtab s = table("ppc64", DUMPIO_BIG, "6.1-key", RELATIVE);
        char key[60];
        fill(&s);
        snprintf(key, sizeof(key), "SYMBOL(%s)", keys[i]);
        *strstr(s.w->text, key) = '#';
        CHECK_EQ(find(s.w, a), DUMPIO_END);
        CHECK_EQ(a[0] | a[7], 0);
        world_free(s.w);
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct symtab s = table("ppc64", DUMPIO_BIG, "6.1-place", RELATIVE);
        fill(&s);
        /* in the end only the address of the last symbol */
        world_drop(s.w, dio_round_down(places[i] ? places[i] : CELLS + 4 * (s.n - 1), 4096));
        CHECK(find(s.w, a) < 0);
        CHECK(!strncmp(s.w->err.message, "kallsyms: ", 10));
        CHECK_EQ(a[0] | a[7], 0);
        world_free(s.w);
    }
}

static void fails(struct symtab *s, const char *message)
{
    uint64_t a[WANTED];
    CHECK_EQ(find(s->w, a), DUMPIO_E_CORRUPT);
    CHECK(strstr(s->w->err.message, message));
    CHECK_EQ(a[0] | a[1] | a[2] | a[7], 0);
}

static void hostile(void)
{
    struct symtab s = table("ppc64", DUMPIO_LITTLE, "6.1-hostile", RELATIVE);
    uint64_t a[WANTED];
    fill(&s);
    world_put(s.w, COUNT, 4, 0xffffffffu);
    fails(&s, "kallsyms_num_syms is impossible: 4294967295");
    world_put(s.w, COUNT, 4, 0);
    fails(&s, "kallsyms_num_syms is impossible: 0");
    world_put(s.w, COUNT, 4, 1u << 22); /* behind the last name are zeros */
    fails(&s, "a name of 0 packed bytes");
    world_put(s.w, s.names, 2, 0xffff);
    fails(&s, "a name of 32767 packed bytes");
    world_put(s.w, s.names, 2, 0x88); /* 8 bytes, 0, ... up to the end of the page */
    for (unsigned i = 0; i < 4096 && (s.names + i) % 4096; i++)
        world_put(s.w, s.names + i, 1, 1);
    CHECK_EQ(find(s.w, a), DUMPIO_E_ABSENT);
    world_put(s.w, COUNT, 4, s.n);
    CHECK_EQ(find(s.w, a), 0);
    CHECK_EQ(a[0], s.virt + 0x200000);
    /* _stext elsewhere: nothing of it is believed */
    world_put(s.w, CELLS, 4, 0x23451);
    fails(&s, "does not have _stext at 0xc000000000123450");
    world_put(s.w, CELLS, 4, 0x23450);
    /* a token that begins behind the table, and one without an end */
    world_put(s.w, INDEX + 2 * 77, 2, 0xfff0);
    fails(&s, "token 77 of kallsyms_token_table has no end");
    world_put(s.w, INDEX + 2 * 77, 2, 0x200);
    for (unsigned i = 0; i < 0x1000; i++)
        world_put(s.w, TOKENS + 0x200 + i, 1, 'z');
    fails(&s, "has no end");
    world_free(s.w);
}

/* Any one number wrong: an end, and no address that is not the kernel's form. */
static void mutations(void)
{
    static const uint64_t places[] = {NAMES, TOKENS, INDEX, COUNT, BASE};
    struct symtab s = table("ppc64", DUMPIO_BIG, "6.1-mutations", RELATIVE);
    uint64_t a[WANTED];
    unsigned good = 0;
    symbol(&s, "T_stext", s.virt + 0x123450);
    symbol(&s, "D\001uts_ns", s.virt + 0x200000);
    for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
        for (unsigned i = 0; i < 64; i++) {
            uint8_t *byte = world_at(s.w, places[p] + i), was = *byte;
            *byte = (uint8_t)(i & 1 ? ~was : was ^ 0x80);
            good += !find(s.w, a);
            *byte = was;
        }
    }
    CHECK(good > 0 && good < 5 * 64);
    CHECK_EQ(find(s.w, a), 0);
    CHECK_EQ(a[0], s.virt + 0x200000);
    world_free(s.w);
}

int main(void)
{
    for (enum form f = RELATIVE; f <= ABSOLUTE; f++) {
        form("ppc64", DUMPIO_LITTLE, f);
        form("ppc64", DUMPIO_BIG, f);
        if (f != PERCPU)
            form("i386", DUMPIO_LITTLE, f);
    }
    one_byte();
    missing();
    hostile();
    mutations();
    return unit_result();
}
