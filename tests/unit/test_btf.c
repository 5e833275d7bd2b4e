/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of BTF: all kinds of types, namesakes, and every word of it damaged.
 * Reference: the kernel's Documentation/bpf/btf.rst.
 */
#include "btf_blob.h"

/* ---- facts ----------------------------------------------------------------------------------- */

/* A page as in 6.18: flags in a struct, counts behind typedefs, unions without names. */
static void rich_page(struct blob *b)
{
    uint32_t flags = type(b, NULL, STRUCT, 1, 8);
    member(b, "f", b->ulong, 0);
    flags = type(b, "memdesc_flags_t", TYPEDEF, 0, flags);
    uint32_t atomic = type(b, "atomic_t", TYPEDEF, 0, b->ids + 2);
    type(b, NULL, STRUCT, 1, 4);
    member(b, "counter", b->u32, 0);
    uint32_t volatile_atomic = type(b, NULL, VOLATILE, 0, atomic);
    uint32_t tagged = type(b, "tag", TYPE_TAG, 0, type(b, NULL, CONST, 0, b->ptr));
    uint32_t inner = type(b, NULL, STRUCT, 3, 40);
    member(b, "lru", b->list, 0);
    member(b, "mapping", tagged, 128);
    member(b, "private", b->ulong, 256);
    uint32_t outer = type(b, NULL, UNION, 2, 40);
    member(b, NULL, inner, 0);
    member(b, "compound_head", b->ulong, 0);
    uint32_t counts = type(b, NULL, UNION, 2, 4);
    member(b, "_mapcount", volatile_atomic, 0);
    member(b, "page_type", b->u32, 0);
    type(b, "page", FWD, 0, 0);
    type(b, "page", STRUCT | 0x80, 4, 64);
    member(b, "flags", flags, 0);
    member(b, NULL, outer, 64);
    member(b, NULL, counts, 384);
    member(b, "_refcount", atomic, 416);
}

static void others(struct blob *b)
{
    uint32_t lists = array(b, b->list, 6);
    uint32_t area = type(b, "free_area", STRUCT, 2, 104);
    member(b, "free_list", lists, 0);
    member(b, "nr_free", b->ulong, 96 * 8);
    uint32_t areas = array(b, area, 11);
    uint32_t stats = type(b, NULL, CONST, 0, array(b, array(b, b->u32, 3), 5));
    type(b, "zone", STRUCT, 2, 2000);
    member(b, "free_area", areas, 64 * 8);
    member(b, "vm_stat", stats, 1208 * 8);
    uint32_t bits = array(b, b->ulong, 2);
    type(b, "nodemask_t", STRUCT, 1, 4); /* another one: names in _t are typedefs */
    member(b, "bits", b->u32, 0);
    uint32_t mask = type(b, NULL, STRUCT, 1, 16);
    member(b, "bits", bits, 0);
    type(b, "nodemask_t", TYPEDEF, 0, mask);
    uint32_t name = array(b, b->u8, 390);
    type(b, "uts_namespace", STRUCT, 1, 400);
    member(b, "name", name, 32);
}

static void bitfields(struct blob *b)
{
    uint32_t narrow = integer(b, "unsigned int", 4, 3);
    type(b, "printk_log", STRUCT | 0x80, 4, 16);
    member(b, "ts_nsec", b->ulong, 0);
    member(b, "len", b->u32, 4u << 24 | 64); /* 4 bits */
    member(b, "text_len", b->u8, 8u << 24 | 72);
    member(b, "dict_len", b->u8, 80);
    type(b, "log", STRUCT, 4, 16);
    member(b, "ts_nsec", b->ulong, 64);
    member(b, "len", narrow, 0);
    member(b, "text_len", b->u8, 11);
    member(b, "dict_len", b->ulong, 65536 * 8); /* outside */
    type(b, "vmemmap_backing", STRUCT, 2, 12);
    member(b, "phys", b->ulong, 0);
    member(b, "virt_addr", b->ulong, 64); /* the end is outside */
}

static void enums(struct blob *b)
{
    type(b, "pageflags", ENUM, 4, 4);
    enumerator(b, "PG_lru", 5);
    enumerator(b, "PG_slab", 0xfffffffe); /* who knows */
    enumerator(b, "PG_head", 6);
    enumerator(b, "PG_other", 7);
    type(b, NULL, ENUM | 0x80, 2, 4);
    enumerator(b, "N_ONLINE", 0xffffffff);
    enumerator(b, "PG_head", 6);
    type(b, NULL, ENUM64 | 0x80, 1, 8);
    member(b, "NR_FREE_PAGES", 1, 0xffffffff);
    type(b, NULL, ENUM64, 2, 8);
    member(b, "PG_buddy", 0x80, 0x70000000);
    member(b, "PG_private", 1, 0x80000000);
    type(b, NULL, ENUM, 1, 4);
    enumerator(b, "PG_reserved", 3);
    type(b, NULL, ENUM, 1, 4);
    enumerator(b, "PG_reserved", 4);
}

/* Kinds that are only passed over. */
static void passed_over(struct blob *b)
{
    uint32_t proto = type(b, NULL, FUNC_PROTO, 2, 0);
    enumerator(b, "page", b->ptr); /* parameters look like enumerators */
    enumerator(b, NULL, 0);
    type(b, "page", FUNC, 1, proto);
    uint32_t var = type(b, "zone", VAR, 0, b->ulong);
    word(b, 1);
    type(b, ".data", DATASEC, 1, 8);
    member(b, NULL, var, 0);
    type(b, "page", DECL_TAG, 0, proto);
    word(b, 0xffffffff);
    type(b, "double", FLOAT, 0, 8);
    type(b, NULL, RESTRICT, 0, b->ptr);
    type(b, "zone", FWD | 0x80, 0, 0);
}

static const char expected[] =
    "SIZE(page)=64\n"
    "OFFSET(page.flags)=0\nSIZE(page.flags)=8\n"
    "OFFSET(page._refcount)=52\nSIZE(page._refcount)=4\n"
    "OFFSET(page.mapping)=24\nSIZE(page.mapping)=8\n"
    "OFFSET(page._mapcount)=48\nSIZE(page._mapcount)=4\n"
    "OFFSET(page.page_type)=48\nSIZE(page.page_type)=4\n"
    "OFFSET(page.private)=40\nSIZE(page.private)=8\n"
    "OFFSET(page.lru)=8\nSIZE(page.lru)=16\n"
    "OFFSET(page.compound_head)=8\nSIZE(page.compound_head)=8\n"
    "SIZE(zone)=2000\n"
    "OFFSET(zone.free_area)=64\nSIZE(zone.free_area)=1144\nLENGTH(zone.free_area)=11\n"
    "OFFSET(zone.vm_stat)=1208\nSIZE(zone.vm_stat)=60\nLENGTH(zone.vm_stat)=5\n"
    "SIZE(free_area)=104\n"
    "OFFSET(free_area.free_list)=0\nSIZE(free_area.free_list)=96\nLENGTH(free_area.free_list)=6\n"
    "SIZE(list_head)=16\n"
    "OFFSET(list_head.next)=0\nSIZE(list_head.next)=8\n"
    "OFFSET(list_head.prev)=8\nSIZE(list_head.prev)=8\n"
    "SIZE(nodemask_t)=16\n"
    "OFFSET(nodemask_t.bits)=0\nSIZE(nodemask_t.bits)=16\nLENGTH(nodemask_t.bits)=2\n"
    "OFFSET(uts_namespace.name)=4\nSIZE(uts_namespace.name)=390\nLENGTH(uts_namespace.name)=390\n"
    "SIZE(printk_log)=16\n"
    "OFFSET(printk_log.ts_nsec)=0\nSIZE(printk_log.ts_nsec)=8\n"
    "OFFSET(printk_log.dict_len)=10\nSIZE(printk_log.dict_len)=1\n"
    "SIZE(log)=16\n"
    "OFFSET(log.ts_nsec)=8\nSIZE(log.ts_nsec)=8\n"
    "SIZE(vmemmap_backing)=12\n"
    "OFFSET(vmemmap_backing.phys)=0\nSIZE(vmemmap_backing.phys)=8\n"
    "OFFSET(vmemmap_backing.virt_addr)=8\n"
    "NUMBER(PG_lru)=5\n"
    "NUMBER(PG_buddy)=8070450532247928960\n"
    "NUMBER(PG_head)=6\n"
    "NUMBER(NR_FREE_PAGES)=-4294967295\n"
    "NUMBER(N_ONLINE)=-1\n";

/* Are these the lines of text, in any order? */
static bool lines_are(const char *want)
{
    for (const char *at = want, *nl; (nl = strchr(at, '\n')); at = nl + 1) {
        const char *hit = text;
        size_t n = (size_t)(nl + 1 - at);
        while (hit && strncmp(hit, at, n))
            hit = (hit = strchr(hit, '\n')) ? hit + 1 : NULL;
        if (!hit) {
            printf("missing: %.*s", (int)n, at);
            return false;
        }
    }
    if (strlen(text) != strlen(want))
        printf("more lines than wanted:\n%s", text);
    return strlen(text) == strlen(want);
}

static void all_kinds(enum dumpio_order order)
{
    static struct blob b;
    struct world *w = machine("ppc64", order);
    begin(&b, order, 8);
    passed_over(&b);
    rich_page(&b);
    others(&b);
    bitfields(&b);
    enums(&b);
    finish(&b, 24, NULL, 0);
    world_bytes(w, BLOB, b.whole, b.len);
    CHECK_EQ(facts(w, false), 0); /* found by searching */
    CHECK(lines_are(expected));
    CHECK_EQ(facts(w, true), DUMPIO_END); /* which is not done in a hurry */
    kallsyms(w, BLOB);
    CHECK_EQ(facts(w, true), 0);
    CHECK(lines_are(expected));
    /* agrees with VMCOREINFO, then not */
    world_say(w, "OFFSET(page._refcount)=52");
    CHECK_EQ(facts(w, false), 0);
    world_say(w, "NUMBER(PG_head)=16");
    CHECK_EQ(facts(w, false), DIO_BTF_DIFFERS);
    CHECK(strstr(text, "NUMBER(PG_head) is 6 in BTF and 16 in VMCOREINFO"));
    world_free(w);
}

static void word_of_32(void)
{
    static struct blob b;
    struct world *w = machine("i386", DUMPIO_LITTLE);
    begin(&b, DUMPIO_LITTLE, 4);
    plain_page(&b, 32, 28 * 8);
    finish(&b, 24, NULL, 0);
    world_bytes(w, BLOB, b.whole, b.len);
    CHECK_EQ(facts(w, false), 0);
    CHECK(lines_are("SIZE(page)=32\nOFFSET(page.flags)=0\nSIZE(page.flags)=4\n"
                    "OFFSET(page._refcount)=28\nSIZE(page._refcount)=4\nSIZE(list_head)=8\n"
                    "OFFSET(list_head.next)=0\nSIZE(list_head.next)=4\n"
                    "OFFSET(list_head.prev)=4\nSIZE(list_head.prev)=4\n"));
    world_free(w);
}

/* ---- namesakes ------------------------------------------------------------------------------- */

static void zone(struct blob *b, uint32_t size, const char *name, uint32_t bits)
{
    type(b, "zone", STRUCT, 1, size);
    member(b, name, b->ulong, bits);
}

static void namesakes(void)
{
    static struct blob b;
    for (unsigned i = 0; i < 6; i++) {
        begin(&b, DUMPIO_BIG, 8);
        if (i == 4) {
            type(&b, "page", STRUCT, 1, 8);
            member(&b, "index", b.ulong, 0);
        }
        plain_page(&b, 64, 448);
        if (i == 4) {
            type(&b, "page", STRUCT, 2, 24);
            member(&b, "flags", b.ulong, 0);
            member(&b, "index", b.ulong, 64);
        }
        if (i == 5)
            plain_page(&b, 56, 384);
        zone(&b, 8, "sectors", 0); /* a driver's */
        zone(&b, 128, "spanned_pages", 64);
        if (i == 1)
            zone(&b, 128, "spanned_pages", 64);
        if (i == 2)
            zone(&b, 128, "spanned_pages", 128);
        if (i == 3)
            zone(&b, 136, "spanned_pages", 64);
        type(&b, "zone", TYPEDEF, 0, b.list);
        finish(&b, 24, NULL, 0);
        CHECK_EQ(facts_of(&b, NULL), 0);
        bool sure = i != 2 && i != 3;
        CHECK_EQ(strstr(text, "SIZE(zone)=128\n") != NULL, sure);
        CHECK_EQ(strstr(text, "OFFSET(zone.spanned_pages)=8\n") != NULL, sure);
        CHECK_EQ(strstr(text, "zone") != NULL, sure);
        /* of pages, the one with flags and a count; none when two of them differ */
        CHECK_EQ(strstr(text, "SIZE(page)=64\n") != NULL, i != 5);
        CHECK_EQ(strstr(text, "OFFSET(page.") != NULL, i != 5);
        CHECK(!strstr(text, "page.index"));
        CHECK(strstr(text, "SIZE(list_head)=16\n"));
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Every word of the types and of the header wrong in three ways. */
static void mutations(void)
{
    static const uint32_t flips[] = {0xffffffff, 0x80, 0x01000000};
    static struct blob b;
    unsigned good = 0, bad = 0;
    begin(&b, DUMPIO_LITTLE, 8);
    passed_over(&b);
    rich_page(&b);
    others(&b);
    bitfields(&b);
    enums(&b);
    for (size_t at = 4; at < 24 + b.types_len; at += 4) {
        for (unsigned i = 0; i < 3; i++) {
            finish(&b, 24, NULL, 0);
            for (unsigned k = 0; k < 4; k++)
                b.whole[at + k] ^= (uint8_t)(flips[i] >> (8 * k));
            if (facts_of(&b, NULL))
                bad++;
            else
                good++;
        }
    }
    CHECK(good > 100 && bad > 100);
}

int main(void)
{
    all_kinds(DUMPIO_LITTLE);
    all_kinds(DUMPIO_BIG);
    word_of_32();
    namesakes();
    mutations();
    return unit_result();
}
