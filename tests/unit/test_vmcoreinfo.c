/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMCOREINFO: values of its lines, and finding the text in memory.
 * Reference: the kernel's Documentation/admin-guide/kdump/vmcoreinfo.rst. Real dumps are not
 * needed here.
 */
#include "world.h"

static const char sample[] = "OSRELEASE=6.1.0-test\n"
                             "PAGESIZE=4096\n"
                             "SYMBOL(init_uts_ns)=ffffffff82a13f80\n"
                             "SYMBOL(short)=c1000000\n"
                             "OFFSET(a.b)=24\n"
                             "NUMBER(phys_base)=-60817408\n"
                             "NUMBER(hex)=0xffffd90e80000000\n"
                             "NUMBER(large)=18446744073709551616\n"
                             "NUMBER(bad)=12x\n"
                             "NUMBER(none)=\n"
                             "XNUMBER(in)=7\n"
                             "LENGTH(tail)=9";

static void values(void)
{
    size_t n = 0, len = sizeof(sample) - 1;
    uint64_t u = 0;
    int64_t s = 0;
    const char *v = dio_vmcoreinfo_value(sample, len, "OSRELEASE", &n);
    CHECK(v && n == 10 && !memcmp(v, "6.1.0-test", 10));
    CHECK(!dio_vmcoreinfo_value(sample, len, "RELEASE", &n));
    CHECK(!dio_vmcoreinfo_value(sample, len, "OSRELEAS", &n));
    CHECK(!dio_vmcoreinfo_value(sample, 9, "OSRELEASE", &n));
    CHECK(!dio_vmcoreinfo_value("", 0, "OSRELEASE", &n));
    CHECK(!dio_vmcoreinfo_value(NULL, 0, "OSRELEASE", &n));
    CHECK(dio_vmcoreinfo_symbol(sample, len, "init_uts_ns", &u) && u == 0xffffffff82a13f80u);
    CHECK(dio_vmcoreinfo_symbol(sample, len, "short", &u) && u == 0xc1000000u);
    CHECK(!dio_vmcoreinfo_symbol(sample, len, "absent", &u));
    CHECK(dio_vmcoreinfo_number(sample, len, "OFFSET", "a.b", &s) && s == 24);
    CHECK(!dio_vmcoreinfo_number(sample, len, "SIZE", "a.b", &s));
    CHECK(dio_vmcoreinfo_number(sample, len, "NUMBER", "phys_base", &s) && s == -60817408);
    CHECK(dio_vmcoreinfo_number(sample, len, "NUMBER", "hex", &s));
    CHECK((uint64_t)s == 0xffffd90e80000000u);
    CHECK(!dio_vmcoreinfo_number(sample, len, "NUMBER", "large", &s));
    CHECK(!dio_vmcoreinfo_number(sample, len, "NUMBER", "bad", &s));
    CHECK(!dio_vmcoreinfo_number(sample, len, "NUMBER", "none", &s));
    CHECK(!dio_vmcoreinfo_number(sample, len, "NUMBER", "in", &s));
    CHECK(dio_vmcoreinfo_number(sample, len, "LENGTH", "tail", &s) && s == 9);
}

static void note(struct world *w, uint64_t pa, const char *text)
{
    world_put(w, pa, 4, 11);
    world_put(w, pa + 4, 4, strlen(text));
    world_put(w, pa + 8, 4, 0);
    world_bytes(w, pa + 12, "VMCOREINFO\0", 12);
    world_bytes(w, pa + 24, text, strlen(text));
}

/* What dio_vmcoreinfo_find gives; "" when nothing, the caller frees. */
static char *found(struct world *w, enum dumpio_order *order)
{
    char *text = NULL, *copy;
    size_t len = 0;
    *order = DUMPIO_ORDER_UNKNOWN;
    int rc = dio_vmcoreinfo_find(&w->mem, &text, &len, order, &w->err);
    CHECK(!rc || rc == DUMPIO_END);
    copy = calloc(1, len + 1);
    if (!rc && copy)
        memcpy(copy, text, len);
    free(text);
    return copy;
}

static void expect(struct world *w, const char *text, enum dumpio_order order)
{
    enum dumpio_order o;
    char *got = found(w, &o);
    CHECK_STR(got, text);
    CHECK_EQ(o, order);
    free(got);
}

/* An architecture without a driver: the rank of the copy decides. */
static void unproven(void)
{
    struct world *w = world_new("mips64", DUMPIO_BIG);
    expect(w, "", DUMPIO_ORDER_UNKNOWN);
    world_bytes(w, 0x3000, "OSRELEASE=5\nno page size\n", 25);
    world_bytes(w, 0x4000, "OSRELEASE=5\nPAGESIZE=5000\n", 26);
    world_bytes(w, 0x5100, "OSRELEASE=5\nPAGESIZE=4096\n", 26); /* not on a page's head */
    expect(w, "", DUMPIO_ORDER_UNKNOWN);
    note(w, 0x62b4, "OSRELEASE=loose\nPAGESIZE=4096\n");
    expect(w, "OSRELEASE=loose\nPAGESIZE=4096\n", DUMPIO_BIG);
    world_bytes(w, 0x7000, "OSRELEASE=bare\nPAGESIZE=4096\n", 29);
    expect(w, "OSRELEASE=bare\nPAGESIZE=4096\n", DUMPIO_ORDER_UNKNOWN);
    note(w, 0x90000, "OSRELEASE=note\nPAGESIZE=4096\nCRASHTIME=1\n");
    expect(w, "OSRELEASE=note\nPAGESIZE=4096\nCRASHTIME=1\n", DUMPIO_BIG);
    world_free(w);
}

/* Texts that go on past a page, past what is in the dump, and with a lying length. */
static void edges(void)
{
    struct world *w = world_new("mips64", DUMPIO_LITTLE);
    char text[6000];
    int n = snprintf(text, sizeof(text), "OSRELEASE=long\nPAGESIZE=4096\n");
    while (n < 5000)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "SYMBOL(x%d)=ffff\n", n);
    world_bytes(w, 0x8000, text, strlen(text));
    expect(w, text, DUMPIO_ORDER_UNKNOWN);
    world_drop(w, 0x9000);
    text[4096] = '\0';
    expect(w, text, DUMPIO_ORDER_UNKNOWN);
    note(w, 0x3000, "OSRELEASE=note\nPAGESIZE=4096\n");
    world_put(w, 0x3004, 4, 0xffffffff);
    expect(w, text, DUMPIO_ORDER_UNKNOWN);
    world_put(w, 0x3004, 4, 60000); /* more than is there: cut at the first NUL */
    expect(w, "OSRELEASE=note\nPAGESIZE=4096\n", DUMPIO_LITTLE);
    world_free(w);
}

/* A stale text that does not read back its release loses against a proven one. */
static void stale(void)
{
    struct world *w = world_new("ppc64", DUMPIO_BIG); /* as a container marked it */
    static const char good[] = "OSRELEASE=6.1-good\nPAGESIZE=65536\n"
                               "SYMBOL(init_uts_ns)=c000000000300000\n"
                               "SYMBOL(swapper_pg_dir)=c000000000400000\n";
    static const char old[] = "OSRELEASE=6.1-old\nPAGESIZE=65536\n"
                              "SYMBOL(init_uts_ns)=c000000000300000\n"
                              "SYMBOL(swapper_pg_dir)=c000000000400000\n";
    world_uts(w, 0x300000, "6.1-good", "ppc64le");
    world_bytes(w, 0x50000, good, sizeof(good));
    w->info.order = DUMPIO_LITTLE;
    note(w, 0x10000, old);
    w->info.order = DUMPIO_BIG;
    expect(w, good, DUMPIO_ORDER_UNKNOWN);
    w->info.order = DUMPIO_LITTLE;
    note(w, 0x60000, good);
    w->info.order = DUMPIO_BIG;
    expect(w, good, DUMPIO_LITTLE);
    world_free(w);
}

/* s390x: through absolute 0xe0c, or os_info at 0xe18. */
static void lowcore(void)
{
    struct world *w = world_new("s390x", DUMPIO_BIG);
    static const char text[] = "OSRELEASE=5.0\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=300000\n"
                               "SYMBOL(swapper_pg_dir)=400000\n";
    world_uts(w, 0x300000, "5.0", "s390x");
    world_at(w, 0xe0c);
    note(w, 0x712340, text); /* not a place that a scan would prefer */
    world_bytes(w, 0x1000, "OSRELEASE=bare\nPAGESIZE=4096\n", 29);
    world_put(w, 0xe0c, 8, 0x712340);
    expect(w, text, DUMPIO_BIG);
    world_put(w, 0xe0c, 8, 0x712341); /* odd: an offset, not a pointer */
    world_put(w, 0xe18, 8, 0x800000);
    world_put(w, 0x800000, 8, 0x4f53494e464f535aull);
    world_put(w, 0x800000 + 32, 8, 0x712340 + 24);
    world_put(w, 0x800000 + 40, 8, sizeof(text) - 1);
    world_at(w, 0x800000 + 300);
    expect(w, text, DUMPIO_ORDER_UNKNOWN);
    world_free(w);
}

int main(void)
{
    values();
    unproven();
    edges();
    stale();
    lowcore();
    return unit_result();
}
