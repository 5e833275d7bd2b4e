/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of a kernel image. Images are compiled when the test runs: structs as Linux 6.1 and 2.6.9
 * have them, for what cc builds for, for i386 and (where a cross compiler is there) for s390x.
 * The expected numbers are worked out by hand. Real images are not needed here.
 */
#include "unit.h"

#include "kernel/facts.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef DUMPIO_HAVE_DWARF

#define ID "00112233445566778899aabbccddeeff01234567"
#define HEAD_OF_ID "0011223344556677"

/* A driver with names of its own, linked first. */
static const char driver_c[] =
    "struct page { int index_of_driver; char private; } driver_page = {1, 2};\n"
    "static char log_buf[16] __attribute__((used)) = \"driver\";\n"
    "static int prb __attribute__((used)) = 1;\n"
    "struct zone; extern struct zone *a_zone; struct zone **see = &a_zone;\n";

static const char modern_c[] =
    "#include \"banner.h\"\n"
    "struct list_head { struct list_head *next, *prev; };\n"
    "typedef struct { unsigned long bits[16]; } nodemask_t;\n"
    "typedef nodemask_t again_t; typedef const volatile unsigned long flags_t;\n"
    "struct page {\n"
    "  flags_t flags;\n" /* 0 */
    "  union {\n"
    "    struct {\n"
    "      union { struct list_head lru; struct { void *filler; unsigned mlock; }; };\n" /* 8 */
    "      void *mapping; unsigned long index; unsigned long private;\n" /* 24, 32, 40 */
    "    };\n"
    "    struct { unsigned long compound_head;\n" /* 8 */
    "             unsigned char compound_dtor, compound_order; };\n" /* 16, 17 */
    "  };\n"
    "  union { int _mapcount; unsigned page_type; };\n" /* 48 */
    "  int _refcount;\n" /* 52 */
    "} __attribute__((aligned(16)));\n" /* 64 */
    "struct free_area { struct list_head free_list[5]; unsigned long nr_free; };\n" /* 88 */
    "struct zone { long spare; struct free_area free_area[11]; short vm_stat[7][3];\n"
    "              unsigned spanned_pages : 3; };\n" /* 8, 976, 1018 -> 1024 */
    "struct pglist_data { struct zone node_zones[4]; int nr_zones; int node_id; };\n"
    "struct mem_section { unsigned long section_mem_map; void *usage; };\n"
    "struct uts_namespace { int refs; struct { char field[6][65]; } name; };\n"
    "enum pageflags { PG_locked, PG_lru = 4, PG_buddy = 200, PG_slab = -3, PG_head = 70000 };\n"
    "enum { NR_FREE_PAGES = 1 };\n"
    "enum pageflags use1 = PG_lru; int use2 = NR_FREE_PAGES;\n"
    "again_t node_states[6]; struct mem_section **mem_section;\n"
    "extern struct pglist_data *node_data[]; struct pglist_data *node_data[32];\n"
    "struct page *keep_page; struct zone *a_zone; unsigned long phys_base = 5;\n"
    "struct uts_namespace init_uts_ns = {2, {{\"Linux\", \"(none)\", \"6.1.0-utsname\"}}};\n"
    "const char linux_banner[] = BANNER;\n"
    "void _stext(void); void _stext(void) { }\n"
    "int see_enums(void); int see_enums(void) { return NR_FREE_PAGES + (int)use1; }\n";

/* Statics of the log; they are asked for though drivers have such names, too. */
static const char printk_c[] =
    "static char *log_buf __attribute__((used)) = (char *)8;\n"
    "struct ring { int a; }; static struct ring static_ring;\n"
    "static struct ring *prb __attribute__((used)) = &static_ring;\n";

static const char old_c[] =
    "#include \"banner.h\"\n"
    "typedef struct { unsigned long pte_low, pte_high; } pte_t;\n"
    "typedef struct { volatile int counter; } atomic_t;\n"
    "struct list_head { struct list_head *next, *prev; };\n"
    "struct page { unsigned long flags; atomic_t _count; unsigned int _mapcount;\n" /* 0 4 8 */
    "  unsigned long private; void *mapping; unsigned long index; struct list_head lru; };\n"
    "struct free_area { struct list_head free_list; unsigned long *map; };\n" /* 12 */
    "struct zone { int lock; unsigned long free_pages; struct free_area free_area[11];\n"
    "  unsigned long spanned_pages; };\n" /* 4, 8, 140 -> 144 */
    "typedef struct pglist_data { struct zone node_zones[3]; struct page *node_mem_map;\n"
    "  int node_id; struct pglist_data *pgdat_next; } pg_data_t;\n" /* 432, 436, 440 */
    "struct { char field[6][65]; } system_utsname = {{\"Linux\", \"n\", \"2.6.9-utsname\"}};\n"
    "pte_t *a_pte; struct page *mem_map; pg_data_t *pgdat_list; pg_data_t contig_page_data;\n"
    "const char *linux_banner = BANNER;\n"
    "int pkmap_count[PKMAPS]; void _stext(void); void _stext(void) { }\n";

/* Without -DBANNER... the release has to be taken from utsname. */
static const char banner_h[] =
    "#ifdef MODERN_BANNER\n#define BANNER \"Linux version 6.1.0-banner (a@b) (gcc) #1 SMP\"\n"
    "#elif defined(OLD_BANNER)\n#define BANNER \"Linux version 2.6.9-banner (a@b) #1\"\n"
    "#else\n#define BANNER \"nothing\"\n#endif\n";

static char dir[256];

static const char *in_dir(const char *name)
{
    static char path[4][512];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
    return p;
}

static void write_file(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(in_dir(name), "wb");
    CHECK(f && fwrite(data, 1, n, f) == n);
    if (f)
        fclose(f);
}

static int run(const char *command)
{
    char line[1024];
    snprintf(line, sizeof(line), "cd '%s' && { %s ; } >log 2>&1", dir, command);
    return system(line);
}

/* What `cc` builds for: under an emulator not what this program was built for. */
static bool cc_has(const char *macro)
{
    char line[160];
    snprintf(line, sizeof(line), "echo | cc -dM -E - | grep -qx '#define %s'", macro);
    return !run(line);
}

/* `image` from `sources`; false when this compiler cannot. */
static bool build(const char *image, const char *compiler, const char *flags, const char *sources)
{
    char line[768];
    snprintf(line, sizeof(line),
             "%s -w -g -O0 -ffreestanding -fno-pic -fno-pie -no-pie -static -nostdlib "
             "-fno-stack-protector -fno-asynchronous-unwind-tables -Wl,-e,_stext "
             "-Wl,--build-id=0x" ID " %s -o %s %s",
             compiler, flags, image, sources);
    return !run(line);
}

struct result {
    struct dio_facts f;
    struct dumpio_error err;
    int rc;
};

static struct result facts(const char *image, const char *told)
{
    struct result r = {.rc = 0};
    r.rc = dio_vmlinux_facts(in_dir(image), told, told ? strlen(told) : 0, &r.f, &r.err);
    return r;
}

static bool has(const struct result *r, const char *line)
{
    size_t n = strlen(line);
    for (const char *p = r->f.text; p && *p; p = strchr(p, '\n') + 1)
        if (!strncmp(p, line, n) && p[n] == '\n')
            return true;
    return false;
}

static bool has_key(const struct result *r, const char *key)
{
    size_t n = 0;
    return dio_vmcoreinfo_value(r->f.text, r->f.len, key, &n) != NULL;
}

#define EXPECT(r, line)                                                                            \
    do {                                                                                           \
        if (!has(r, line))                                                                         \
            printf("wanted: %s\n", line);                                                          \
        CHECK(has(r, line));                                                                       \
    } while (0)

static uint64_t symbol(const struct result *r, const char *name)
{
    uint64_t v = 0;
    CHECK(dio_vmcoreinfo_symbol(r->f.text, r->f.len, name, &v));
    return v;
}

static void done(struct result *r)
{
    dio_facts_free(&r->f);
}

/* ---- structs of today ------------------------------------------------------------------------ */

static void modern_types(const struct result *r)
{
    static const char *const lines[] = {
        "SIZE(page)=64", "OFFSET(page.flags)=0", "SIZE(page.flags)=8",
        "OFFSET(page.lru)=8", "SIZE(page.lru)=16", "OFFSET(page.mapping)=24",
        "OFFSET(page.index)=32", "OFFSET(page.private)=40", "OFFSET(page.compound_head)=8",
        "OFFSET(page.compound_dtor)=16", "OFFSET(page.compound_order)=17",
        "SIZE(page.compound_order)=1", "OFFSET(page._mapcount)=48", "OFFSET(page.page_type)=48",
        "OFFSET(page._refcount)=52", "SIZE(nodemask_t)=128", "OFFSET(nodemask_t.bits)=0",
        "LENGTH(nodemask_t.bits)=16", "SIZE(free_area)=88", "OFFSET(free_area.free_list)=0",
        "LENGTH(free_area.free_list)=5", "SIZE(zone)=1024", "OFFSET(zone.free_area)=8",
        "SIZE(zone.free_area)=968", "LENGTH(zone.free_area)=11", "OFFSET(zone.vm_stat)=976",
        "LENGTH(zone.vm_stat)=7", "SIZE(zone.vm_stat)=42", "SIZE(pglist_data)=4104",
        "LENGTH(pglist_data.node_zones)=4", "OFFSET(pglist_data.nr_zones)=4096",
        "OFFSET(pglist_data.node_id)=4100", "OFFSET(mem_section.section_mem_map)=0",
        "SIZE(mem_section)=16", "OFFSET(uts_namespace.name)=4", "SIZE(list_head)=16",
        "OFFSET(list_head.prev)=8", "NUMBER(PG_lru)=4", "NUMBER(PG_buddy)=200",
        "NUMBER(PG_slab)=-3", "NUMBER(PG_head)=70000", "LENGTH(node_states)=6",
        "LENGTH(node_data)=32", "POINTER(mem_section)=1", "POINTER(log_buf)=1", "POINTER(prb)=1",
    };
    static const char *const absent[] = {
        "POINTER(node_data)", "LENGTH(mem_section)", "LENGTH(log_buf)", "LENGTH(page.flags)",
        "OFFSET(page.first_page)", "SIZE(folio)", "SIZE(uts_namespace)",
        "OFFSET(zone.spanned_pages)", "NUMBER(PG_tail)", "NUMBER(PG_locked)", "SYMBOL(linux_banner)", "SYMBOL(vmemmap)",
        "CONFIG_X86_PAE", "BUILD-ID", "SIZE(pte_t)",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines)[0]; i++)
        EXPECT(r, lines[i]);
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent)[0]; i++)
        CHECK(!has_key(r, absent[i]));
}

static void release_is(const char *image, const char *release)
{
    char line[80];
    struct result r = facts(image, NULL);
    snprintf(line, sizeof(line), "OSRELEASE=%s", release);
    EXPECT(&r, line);
    dio_facts_free(&r.f);
}

static void modern(const char *compiler, const char *options, const char *place, uint64_t stext)
{
    char flags[256];
    snprintf(flags, sizeof(flags), "%s %s", options, place);
    if (!build("modern", compiler, flags, "driver.c modern.c printk.c")) {
        printf("skipped: %s %s cannot build an image\n", compiler, flags);
        return;
    }
    struct result r = facts("modern", NULL);
    CHECK_EQ(r.rc, 0);
    modern_types(&r);
    CHECK_EQ(symbol(&r, "_stext") >> 12, stext >> 12);
    done(&r);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void relocation(void)
{
    char told[256];
    struct result at = facts("modern", NULL);
    uint64_t stext = symbol(&at, "_stext"), uts = symbol(&at, "init_uts_ns");

    struct result r = facts("modern", "KERNELOFFSET=9c00000\nSYMBOL(_stext)=1\n");
    CHECK_EQ(symbol(&r, "_stext"), stext + 0x9c00000);
    CHECK_EQ(symbol(&r, "init_uts_ns"), uts + 0x9c00000);
    CHECK_EQ(symbol(&r, "vmemmap_list"), 0x1234); /* outside of the image: stays */
    done(&r);

    snprintf(told, sizeof(told), "SYMBOL(_stext)=%" PRIx64 "\n", stext - 0x1000);
    r = facts("modern", told);
    CHECK_EQ(symbol(&r, "init_uts_ns"), uts - 0x1000);
    CHECK_EQ(symbol(&r, "vmemmap_list"), 0x1234);
    done(&r);

    r = facts("modern", "KERNELOFFSET=none\n");
    CHECK_EQ(symbol(&r, "_stext"), stext);
    done(&r);
    done(&at);
}

static void refused(const char *image, const char *told, int status, const char *message)
{
    struct result r = facts(image, told);
    CHECK_EQ(r.rc, status);
    if (!strstr(r.err.message, message))
        printf("message: %s\n", r.err.message);
    CHECK(strstr(r.err.message, message) != NULL);
    CHECK(!strchr(r.err.message, '\n') && !r.f.len);
    done(&r);
}

static void accepted(const char *image, const char *told)
{
    struct result r = facts(image, told);
    CHECK_EQ(r.rc, 0);
    EXPECT(&r, "SIZE(page)=64");
    done(&r);
}

static void identity(void)
{
    char told[256];
    accepted("modern", "OSRELEASE=6.1.0-banner\nBUILD-ID=" ID "\n");
    accepted("modern", "OSRELEASE=6.1.0-banner\n");
    accepted("modern", "BUILD-ID=00112233445566778899AABBCCDDEEFF01234567\n");
    refused("modern", "OSRELEASE=6.1.0-banner\nBUILD-ID=10112233445566778899aabbccddeeff01234567\n",
            DUMPIO_E_ARG,
            "is the image of another kernel: build id " ID ", the dump's 10112233445566778899aabb");
    refused("modern", "BUILD-ID=0011\n", DUMPIO_E_ARG, "another kernel");
    refused("modern", "BUILD-ID=\n", DUMPIO_E_ARG, "another kernel");
    refused("modern", "OSRELEASE=6.1.0-banne\n", DUMPIO_E_ARG,
            "another kernel: release 6.1.0-banner, the dump's 6.1.0-banne");
    /* The id as some stable kernels print it: descsz, type, "GNU", the first eight bytes. */
    if (cc_has("__BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__")) {
        accepted("modern", "BUILD-ID=1400000003000000474e5500" HEAD_OF_ID "\n");
        refused("modern", "BUILD-ID=1400000003000000474e55001011223344556677\n", DUMPIO_E_ARG,
                "another kernel");
    }
    /* Another build of the same release. */
    struct result r = facts("modern", NULL);
    uint64_t stext = symbol(&r, "_stext"), uts = symbol(&r, "init_uts_ns");
    done(&r);
    snprintf(told, sizeof(told), "SYMBOL(_stext)=%" PRIx64 "\nSYMBOL(init_uts_ns)=%" PRIx64 "\n",
             stext + 0x100000, uts + 0x100000);
    accepted("modern", told);
    snprintf(told, sizeof(told), "SYMBOL(_stext)=%" PRIx64 "\nSYMBOL(init_uts_ns)=%" PRIx64 "\n",
             stext + 0x100000, uts + 0x100040);
    refused("modern", told, DUMPIO_E_ARG, "another kernel: init_uts_ns at _stext + 0x");
}

/* ---- structs of 2.6.9, 32-bit ---------------------------------------------------------------- */

static void old_types(const struct result *r)
{
    static const char *const lines[] = {
        "MACHINE=i686", "SIZE(page)=32", "OFFSET(page._count)=4",
        "SIZE(page._count)=4", "OFFSET(page._mapcount)=8", "OFFSET(page.private)=12",
        "OFFSET(page.mapping)=16", "OFFSET(page.index)=20", "OFFSET(page.lru)=24",
        "SIZE(free_area)=12", "SIZE(zone)=144", "OFFSET(zone.free_pages)=4",
        "OFFSET(zone.free_area)=8", "OFFSET(zone.spanned_pages)=140", "SIZE(pglist_data)=444",
        "OFFSET(pglist_data.node_mem_map)=432", "OFFSET(pglist_data.pgdat_next)=440",
        "POINTER(mem_map)=1", "POINTER(pgdat_list)=1",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines)[0]; i++)
        EXPECT(r, lines[i]);
    CHECK(!has_key(r, "LENGTH(free_area.free_list)"));
    CHECK(!has_key(r, "POINTER(contig_page_data)"));
}

static void old(void)
{
    if (!cc_has("__x86_64__ 1") && !cc_has("__i386__ 1")) {
        printf("skipped: images of 2.6.9 need an x86 compiler\n");
        return;
    }
    const char *flags = "-m32 -gdwarf-2 -gstrict-dwarf -DPKMAPS=1024 -Wl,-Ttext=0xc0100000";
    if (!build("old", "cc", flags, "old.c")) {
        printf("skipped: cc -m32 cannot build an image\n");
        return;
    }
    struct result r = facts("old", "SYMBOL(_stext)=c8100000\n");
    CHECK_EQ(r.rc, 0);
    old_types(&r);
    EXPECT(&r, "SYMBOL(_stext)=c8100000");
    EXPECT(&r, "CONFIG_X86_PAE=y"); /* by pte_t, which has eight bytes */
    done(&r);
    r = facts("old", "KERNELOFFSET=f0000000\n");
    EXPECT(&r, "SYMBOL(_stext)=b0100000"); /* 32 bits wrap */
    done(&r);
    release_is("old", "2.6.9-utsname");
    CHECK(build("old", "cc", "-m32 -DOLD_BANNER -DPKMAPS=1 -Wl,-Ttext=0xc0100000", "old.c"));
    release_is("old", "2.6.9-banner");

    /* Without types the window of kmap tells. */
    CHECK(build("old", "cc", "-m32 -g0 -DPKMAPS=1024 -Wl,-Ttext=0xc0100000", "old.c"));
    r = facts("old", NULL);
    CHECK_EQ(r.rc, 0);
    EXPECT(&r, "SYMBOL(_stext)=c0100000");
    CHECK(!has_key(&r, "SIZE(page)") && !has_key(&r, "CONFIG_X86_PAE"));
    done(&r);
    CHECK(build("old", "cc", "-m32 -g0 -DPKMAPS=512 -Wl,-Ttext=0xc0100000", "old.c"));
    r = facts("old", NULL);
    EXPECT(&r, "CONFIG_X86_PAE=y");
    done(&r);
}

/* ---- what is no kernel image, or a damaged one ----------------------------------------------- */

static void foreign(void)
{
    char boot[0x400] = "MZ";
    memcpy(boot + 0x202, "HdrS", 4);
    write_file("boot", boot, sizeof(boot));
    write_file("text", "not a kernel\n", 13);
    write_file("gzip", "\x1f\x8b\x08\0\0\0\0\0", 8);
    write_file("empty", "", 0);
    refused("absent", NULL, DUMPIO_E_IO, "absent: No such file");
    refused(".", NULL, DUMPIO_E_ARG, "is no regular file");
    refused("empty", NULL, DUMPIO_E_FORMAT, "no ELF file");
    refused("text", NULL, DUMPIO_E_FORMAT, "text is no ELF file");
    refused("boot", NULL, DUMPIO_E_FORMAT, "it is a boot image");
    refused("gzip", NULL, DUMPIO_E_FORMAT, "it is compressed");
}

static void stripped(void)
{
    CHECK(!run("cc -c -g -w -ffreestanding modern.c -o module && "
               "objcopy -g modern symbols && objcopy -S modern nothing && "
               "objcopy --only-keep-debug modern debug"));
    refused("module", NULL, DUMPIO_E_FORMAT, "a module or object file");
    refused("nothing", NULL, DUMPIO_E_ARG, "neither a kernel's symbols nor debugging information");
    struct result r = facts("symbols", "BUILD-ID=" ID "\n");
    CHECK_EQ(r.rc, 0);
    EXPECT(&r, "OSRELEASE=6.1.0-banner");
    CHECK(has_key(&r, "SYMBOL(init_uts_ns)") && !has_key(&r, "SIZE(page)"));
    done(&r);
    /* Of the contents only the notes are left: the build id is still compared. */
    accepted("debug", "OSRELEASE=6.1.0-banner\nBUILD-ID=" ID "\n");
    refused("debug", "BUILD-ID=ff\n", DUMPIO_E_ARG, "another kernel");
}

static uint8_t *slurp(const char *name, size_t *n)
{
    struct stat st;
    FILE *f = fopen(in_dir(name), "rb");
    uint8_t *bytes = NULL;
    *n = 0;
    if (f && !fstat(fileno(f), &st) && (bytes = malloc((size_t)st.st_size)))
        *n = fread(bytes, 1, (size_t)st.st_size, f);
    if (f)
        fclose(f);
    return bytes;
}

/* Damage in any place gives an error with a message, or facts. */
static void damaged(const char *image, unsigned times)
{
    size_t n;
    uint8_t *bytes = slurp(image, &n), *copy = bytes ? malloc(n) : NULL;
    uint32_t seed = 12345;
    unsigned failed = 0;
    CHECK(copy && n > 64);
    for (unsigned i = 0; copy && i < times; i++) {
        memcpy(copy, bytes, n);
        for (unsigned k = 0; k <= i % 16; k++) {
            seed = seed * 1664525u + 1013904223u;
            copy[(seed >> 4) % n] = (uint8_t)(seed >> 24);
        }
        size_t len = i % 4 == 3 ? (seed >> 4) % n : n;
        write_file("damaged", copy, len);
        struct result r = facts("damaged", NULL);
        CHECK(r.rc <= 0 && (!r.rc || *r.err.message));
        failed += r.rc != 0;
        done(&r);
    }
    CHECK(failed > times / 8);
    free(bytes);
    free(copy);
}

static void cleanup(void)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            unlink(in_dir(e->d_name));
    if (d)
        closedir(d);
    rmdir(dir);
}

static void images(void)
{
    write_file("driver.c", driver_c, sizeof(driver_c) - 1);
    write_file("modern.c", modern_c, sizeof(modern_c) - 1);
    write_file("printk.c", printk_c, sizeof(printk_c) - 1);
    write_file("old.c", old_c, sizeof(old_c) - 1);
    write_file("banner.h", banner_h, sizeof(banner_h) - 1);
    foreign();
    if (run("cc --version && objcopy --version")) {
        printf("skipped: images need cc and objcopy\n");
        return;
    }
    old();
    if (!cc_has("__SIZEOF_POINTER__ 8")) {
        printf("skipped: the expected numbers are of 64-bit compilers\n");
        return;
    }
    bool x86 = cc_has("__x86_64__ 1");
    const char *place = x86 ? "-mcmodel=kernel -Wl,-Ttext=0xffffffff81000000"
                            : "-Wl,-Ttext=0x81000000";
    uint64_t stext = x86 ? 0xffffffff81000000u : 0x81000000u;
    modern("cc", "-gdwarf-4", place, stext);
    modern("cc", "-gdwarf-4 -fdebug-types-section", place, stext);
    modern("cc", "-gdwarf-5 -gz=zlib", place, stext);
    modern("s390x-linux-gnu-gcc", "", "-Wl,-Ttext=0x100000", 0x100000);
    modern("clang", "-gdwarf-5", place, stext);
    release_is("modern", "6.1.0-utsname");
    modern("cc", "-DMODERN_BANNER -Wl,--defsym=vmemmap_list=0x1234", place, stext);
    release_is("modern", "6.1.0-banner");
    if (x86) {
        struct result r = facts("modern", NULL);
        EXPECT(&r, "MACHINE=x86_64");
        done(&r);
    }
    relocation();
    identity();
    stripped();
    damaged("modern", 200);
}

int main(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/dumpio-vmlinux.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    CHECK(mkdtemp(dir) != NULL);
    images();
    cleanup();
    return unit_result();
}

#else

int main(void)
{
    struct dio_facts f = {0};
    struct dumpio_error err;
    CHECK_EQ(dio_vmlinux_facts("vmlinux", NULL, 0, &f, &err), DUMPIO_E_UNSUPPORTED);
    CHECK(strstr(err.message, "built without libdw") != NULL);
    CHECK(!f.text);
    return unit_result();
}

#endif
