/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTF in a kernel image: the search for it, damaged headers, loops, kinds of types that are new.
 * Reference: the kernel's include/uapi/linux/btf.h.
 */
#include "btf_blob.h"

/* ---- the search ------------------------------------------------------------------------------ */

static void search(enum dumpio_order order)
{
    static struct blob b, other;
    static const uint32_t places[] = {STEXT, STEXT + 0xfffe, STEXT + 0x1fffd, STEXT + 0x50fff,
                                      STEXT + 0x8000000 - 0x1000};
    begin(&b, order, 8);
    plain_page(&b, 64, 448);
    finish(&b, 24, NULL, 0);
    begin(&other, order, 8);
    plain_page(&other, 56, 384);
    finish(&other, 24, NULL, 0);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct world *w = machine("ppc64", order);
        world_say(w, "SIZE(page)=64");
        world_put(w, places[i] - 2, 2, 0x9f9f); /* nearly a mark */
        world_bytes(w, places[i], b.whole, b.len);
        CHECK_EQ(facts(w, false), 0);
        CHECK(strstr(text, "OFFSET(page._refcount)=56\n"));
        /* what lies before: another kernel's, marks, headers of too much */
        if (i > 1) {
            world_bytes(w, STEXT + 0x100, other.whole, other.len);
            for (unsigned n = 0; n < 64; n++)
                world_bytes(w, STEXT + 0x4000 + 3 * n, other.whole, 4);
            world_bytes(w, STEXT + 0x5000, other.whole, 28);
            world_put(w, STEXT + 0x5000 + 20, 4, 0xffffffff);
            world_bytes(w, STEXT + 0x6000, other.whole, 28);
            world_put(w, STEXT + 0x6000 + 12, 4, 0xfffffffc);
            CHECK_EQ(facts(w, false), 0);
            CHECK(strstr(text, "OFFSET(page._refcount)=56\n"));
        }
        world_say(w, "SIZE(list_head)=17"); /* now none of them agrees */
        CHECK_EQ(facts(w, false), DIO_BTF_DIFFERS);
        world_free(w);
    }
    struct world *w = machine("ppc64", order); /* before and behind the image */
    world_bytes(w, STEXT - 0x1000, b.whole, b.len);
    world_bytes(w, STEXT + 0x8000000, b.whole, b.len);
    CHECK_EQ(facts(w, false), DUMPIO_END);
    *strstr(w->text, "SYMBOL(_stext)") = '#';
    CHECK_EQ(facts(w, false), DUMPIO_END);
    world_free(w);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void unknown_kind(void)
{
    static struct blob b;
    uint8_t layout[21 * 4] = {0};
    layout[20 * 4] = 8;     /* once */
    layout[20 * 4 + 1] = 4; /* for each of them */
    begin(&b, DUMPIO_BIG, 8);
    type(&b, "new", 20, 0x10002, 0); /* more elements than the section has */
    for (unsigned i = 0; i < 2 + 2; i++)
        word(&b, 0);
    plain_page(&b, 64, 448);
    finish(&b, 24, NULL, 0);
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_UNSUPPORTED);
    CHECK(strstr(text, "BTF type 6 is of unknown kind 20"));
    finish(&b, 32, layout, sizeof(layout));
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_CORRUPT);
    CHECK(strstr(text, "type 6 with 65538 elements passes the section's end"));
    begin(&b, DUMPIO_BIG, 8);
    type(&b, "new", 20, 2, 0);
    for (unsigned i = 0; i < 2 + 2; i++)
        word(&b, 0);
    plain_page(&b, 64, 448);
    finish(&b, 32, layout, sizeof(layout));
    CHECK_EQ(facts_of(&b, NULL), 0);
    CHECK(strstr(text, "OFFSET(page._refcount)=56\n"));
    finish(&b, 32, layout, sizeof(layout) - 1); /* its entry is cut off */
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_UNSUPPORTED);
}

/* Loops of typedefs, arrays and anonymous structs; sizes beyond all bounds. */
static void loops(void)
{
    static struct blob b;
    begin(&b, DUMPIO_LITTLE, 8);
    plain_page(&b, 64, 448);
    uint32_t ring = type(&b, "ring", TYPEDEF, 0, b.ids + 2);
    type(&b, NULL, CONST, 0, ring);
    uint32_t arrays = array(&b, b.ids + 1, 1); /* of itself */
    uint32_t huge = array(&b, array(&b, array(&b, b.ulong, 0xffffffff), 0xffffffff), 0xffffffff);
    uint32_t none = array(&b, b.ulong, 0);
    type(&b, "pglist_data", STRUCT, 6, 4096);
    member(&b, "node_zones", ring, 0);
    member(&b, "nr_zones", arrays, 64);
    member(&b, "node_id", huge, 128);
    member(&b, "node_mem_map", 0x7fffffff, 192); /* no such type */
    member(&b, "pgdat_next", 0, 256);            /* void */
    member(&b, "node_start_pfn", none, 320);
    type(&b, "nodemask_t", TYPEDEF, 0, ring);
    uint32_t self = b.ids + 1;
    type(&b, "zone", STRUCT, 4, 64);
    member(&b, NULL, self, 0); /* in itself, thrice */
    member(&b, NULL, self, 8);
    member(&b, NULL, self, 16);
    member(&b, "spanned_pages", b.ulong, 64);
    finish(&b, 24, NULL, 0);
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_LIMIT); /* 3 ^ 16 structs in structs */
    CHECK(strstr(text, "more than 4194304 members"));
    put(&b, b.types + b.types_len - 32, 4, b.ulong); /* only one of them is left */
    put(&b, b.types + b.types_len - 20, 4, b.ulong);
    finish(&b, 24, NULL, 0);
    CHECK_EQ(facts_of(&b, NULL), 0);
    CHECK(strstr(text, "OFFSET(zone.spanned_pages)=8\n"));
    CHECK(strstr(text, "OFFSET(pglist_data.node_zones)=0\nOFFSET(pglist_data.nr_zones)=8\n"));
    CHECK(strstr(text, "OFFSET(pglist_data.node_start_pfn)=40\n"));
    CHECK(!strstr(text, "SIZE(pglist_data.") && !strstr(text, "LENGTH(pglist_data."));
    CHECK(!strstr(text, "nodemask_t"));
}

/* Headers that are wrong, and no kernel's BTF. */
static void headers(void)
{
    static const struct {
        unsigned at, size;
        uint32_t v;
    } wrong[] = {{0, 2, 0x9feb},    {2, 1, 2},          {3, 1, 1},          {4, 4, 20},
                 {4, 4, 26},        {4, 4, 0x10000},    {8, 4, 2},          {8, 4, 0xfffffffc},
                 {12, 4, 0},        {12, 4, 0xfffffff0}, {12, 4, 13},       {16, 4, 0},
                 {16, 4, 1},        {16, 4, 0xffffffff}, {20, 4, 0},        {20, 4, 0x10000000},
                 {20, 4, 0xffffffff}};
    static struct blob b;
    begin(&b, DUMPIO_BIG, 8);
    plain_page(&b, 64, 448);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        finish(&b, 24, NULL, 0);
        put(&b, b.whole + wrong[i].at, wrong[i].size, wrong[i].v);
        CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_CORRUPT);
    }
    finish(&b, 24, NULL, 0);
    b.whole[b.len - 1] = 'x'; /* the last string does not end */
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_CORRUPT);
    b.whole[b.len - 1] = 0;
    b.whole[24 + b.types_len] = 'x'; /* the first is not empty */
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_CORRUPT);
    b.types_len -= 12; /* cut off in the page's last member */
    finish(&b, 24, NULL, 0);
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_CORRUPT);
    CHECK(strstr(text, "type 6 with 2 elements passes"));
    begin(&b, DUMPIO_BIG, 8);
    finish(&b, 24, NULL, 0);
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_CORRUPT);
    CHECK(strstr(text, "without struct page"));
    b.len = 100; /* the rest is not in the dump */
    put(&b, b.whole + 16, 4, 0x10000);
    CHECK_EQ(facts_of(&b, NULL), DUMPIO_E_ABSENT);
    CHECK(strstr(text, "__start_BTF 0xc000000000803121: "));
}

int main(void)
{
    search(DUMPIO_LITTLE);
    search(DUMPIO_BIG);
    unknown_kind();
    loops();
    headers();
    return unit_result();
}
