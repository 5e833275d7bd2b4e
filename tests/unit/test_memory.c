/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpinfo's count of memory by class, over machines that are tables: split pages, NUMA nodes that
 * interleave, cells of machines of any size. The library is replaced, the counting is the tool's.
 */
#include "unit.h"

#include <dumpio/dumpio.h>

static int fake_classify(struct dumpio_dump *d, const struct dumpio_classify_options *o,
                         struct dumpio_classes **out, const struct dumpio_env *env,
                         struct dumpio_error *err);
static void fake_free(struct dumpio_classes *c);
static int fake_classes_next(struct dumpio_classes *c, uint64_t addr, struct dumpio_class_run *run,
                             struct dumpio_error *err);
static const struct dumpio_classes_info *fake_classes_info(const struct dumpio_classes *c);
static int fake_next_run(struct dumpio_dump *d, uint64_t addr, struct dumpio_run *run,
                         struct dumpio_error *err);
static const struct dumpio_info *fake_info(const struct dumpio_dump *d);
static int fake_explore(struct dumpio_dump *d, struct dumpio_error *why);

#define dumpio_classify fake_classify
#define dumpio_classes_free fake_free
#define dumpio_classes_next fake_classes_next
#define dumpio_classes_get_info fake_classes_info
#define dumpio_next_run fake_next_run
#define dumpio_get_info fake_info
#define dumpio_explore fake_explore
#include "tools/dumpinfo_memory.c"

void ui_message(struct ui *ui, const char *fmt, ...)
{
    (void)ui;
    (void)fmt;
}

int ui_error(struct ui *ui, const struct dumpio_error *err)
{
    (void)ui;
    return err->status == DUMPIO_E_CANCELLED ? 7 : EXIT_ERROR;
}

void ui_end_progress(struct ui *ui)
{
    (void)ui;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static const struct dumpio_class_run *class_runs; /* touching, from 0; the rest is NO_RECORD */
static size_t n_class_runs;
static const struct dumpio_run *runs;
static size_t n_runs;
static struct dumpio_classes_info classes_info;
static struct dumpio_info info;

static int fake_classify(struct dumpio_dump *d, const struct dumpio_classify_options *o,
                         struct dumpio_classes **out, const struct dumpio_env *env,
                         struct dumpio_error *err)
{
    (void)d;
    (void)env;
    (void)err;
    *out = NULL;
    return o->keep_unknown && o->freed ? 0 : DUMPIO_E_INTERNAL;
}

static void fake_free(struct dumpio_classes *c)
{
    (void)c;
}

static int fake_classes_next(struct dumpio_classes *c, uint64_t addr, struct dumpio_class_run *run,
                             struct dumpio_error *err)
{
    (void)c;
    (void)err;
    *run = (struct dumpio_class_run){addr, UINT64_MAX, DUMPIO_CLASS_NO_RECORD};
    for (size_t i = 0; i < n_class_runs; i++)
        if (addr < class_runs[i].end) {
            *run = class_runs[i];
            run->start = addr;
            return 0;
        }
    return addr == UINT64_MAX ? DUMPIO_END : 0;
}

static const struct dumpio_classes_info *fake_classes_info(const struct dumpio_classes *c)
{
    (void)c;
    return &classes_info;
}

static int fake_next_run(struct dumpio_dump *d, uint64_t addr, struct dumpio_run *run,
                         struct dumpio_error *err)
{
    (void)d;
    (void)err;
    for (size_t i = 0; i < n_runs; i++)
        if (addr < runs[i].end) {
            *run = runs[i];
            run->start = addr > run->start ? addr : run->start;
            return 0;
        }
    return DUMPIO_END;
}

static const struct dumpio_info *fake_info(const struct dumpio_dump *d)
{
    (void)d;
    return &info;
}

static int fake_explore(struct dumpio_dump *d, struct dumpio_error *why)
{
    (void)d;
    (void)why;
    return 0;
}

#define MACHINE(classes_, runs_) \
    (class_runs = (classes_), n_class_runs = sizeof(classes_) / sizeof *(classes_), \
     runs = (runs_), n_runs = sizeof(runs_) / sizeof *(runs_))

static void start(uint32_t page_size, const struct dumpio_node *nodes, size_t n_nodes)
{
    classes_info = (struct dumpio_classes_info){
        .page_size = page_size, .nodes = nodes, .n_nodes = n_nodes, .unknown_why = ""};
}

static uint64_t cells_sum(const struct memory *m, int class_)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->cells.n; i++)
        n += m->cells.list[i].held[class_] + m->cells.list[i].missing[class_];
    return n;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const struct dumpio_class_run pc_classes[] = {
    {0, 0xa0000, DUMPIO_CLASS_KERNEL},          {0xa0000, 0x100000, DUMPIO_CLASS_NO_RECORD},
    {0x100000, 0x300000, DUMPIO_CLASS_USER},    {0x300000, 0x400000, DUMPIO_CLASS_FREE},
    {0x400000, 0x401000, DUMPIO_CLASS_KERNEL},
};
static const struct dumpio_run pc_runs[] = {
    {0, 0x9fc00, DUMPIO_PRESENT},          /* ends inside a page */
    {0x100000, 0x200800, DUMPIO_EXCLUDED}, /* meets the next one inside a page */
    {0x200800, 0x280000, DUMPIO_LOST},
    {0x400000, 0x400100, DUMPIO_EXCLUDED}, /* three in one page */
    {0x400100, 0x400200, DUMPIO_LOST},
    {0x400300, 0x401000, DUMPIO_PRESENT},
    {0xffffc000, 0xffffd000, DUMPIO_PRESENT},
};

static void test_holdings_and_nodes(struct ui *ui)
{
    static const struct dumpio_node nodes[] = {{0, 0, 0x400000}, {3, 0x180000, 0x200000}};
    struct memory m;
    MACHINE(pc_classes, pc_runs);
    start(4096, nodes, 2);
    CHECK_EQ(memory_gather(&m, ui, NULL, "x", true), 0);
    CHECK_EQ(m.pages[DUMPIO_CLASS_KERNEL][IN_DUMP], 161);
    CHECK_EQ(m.pages[DUMPIO_CLASS_USER][LEFT_OUT], 0x100);
    CHECK_EQ(m.pages[DUMPIO_CLASS_USER][LOST], 0x80);
    CHECK_EQ(m.pages[DUMPIO_CLASS_USER][NO_DATA], 0x80);
    CHECK_EQ(m.pages[DUMPIO_CLASS_FREE][NO_DATA], 0x100);
    CHECK_EQ(m.pages[DUMPIO_CLASS_NO_RECORD][IN_DUMP], 1);
    CHECK_EQ(m.pages[DUMPIO_CLASS_NO_RECORD][NO_DATA], 0);
    CHECK_EQ(m.end, 0xffffd000u);
    CHECK_EQ(m.nodes[1].pages[DUMPIO_CLASS_USER], 0x80);
    CHECK_EQ(m.nodes[1].shared, 0x80);
    CHECK_EQ(m.nodes[0].pages[DUMPIO_CLASS_USER], 0x180);
    CHECK_EQ(m.nodes[0].in_dump, 160);
    CHECK_EQ(m.nodes[0].shared, 0);
    CHECK_EQ(m.nodes[2].pages[DUMPIO_CLASS_NO_RECORD], 1);
    CHECK_EQ(m.nodes[2].pages[DUMPIO_CLASS_KERNEL], 1);
    CHECK_EQ(memory_node_at(&m, 0x17ffff), 0);
    CHECK_EQ(memory_node_at(&m, 0x180000), 1);
    CHECK_EQ(memory_node_at(&m, 0x200000), 0);
    CHECK_EQ(memory_node_at(&m, 0x400000), 2);
    memory_free(&m);
}

static void test_cells_keep_every_page(struct ui *ui)
{
    struct memory m;
    MACHINE(pc_classes, pc_runs);
    start(4096, NULL, 0);
    CHECK_EQ(memory_gather(&m, ui, NULL, "x", true), 0);
    CHECK_EQ(m.cells.shift, 12);
    CHECK_EQ(m.cells.n, 160 + 0x200 + 0x100 + 2);
    for (size_t rows = 16; rows; rows--) {
        cells_fit(&m.cells, 4, rows);
        CHECK(cells_rows(&m.cells, 4) <= rows * SPARSE_ROWS);
        CHECK_EQ(cells_sum(&m, DUMPIO_CLASS_KERNEL), 161);
        CHECK_EQ(cells_sum(&m, DUMPIO_CLASS_USER), 0x200);
        CHECK_EQ(cells_sum(&m, DUMPIO_CLASS_FREE), 0x100);
        CHECK_EQ(cells_sum(&m, DUMPIO_CLASS_NO_RECORD), 1);
    }
    memory_free(&m);
}

/* 16 TiB in one run, and 48 places of 4 GiB each, 4 TiB apart. */
static void test_huge_and_sparse(struct ui *ui)
{
    static const struct dumpio_class_run one[] = {{0, 1ull << 44, DUMPIO_CLASS_FREE}};
    static const struct dumpio_run none[] = {{1ull << 45, 1ull << 45 | 4096, DUMPIO_PRESENT}};
    static struct dumpio_class_run many[96];
    struct memory m;
    MACHINE(one, none);
    start(4096, NULL, 0);
    CHECK_EQ(memory_gather(&m, ui, NULL, "x", true), 0);
    CHECK_EQ(m.pages[DUMPIO_CLASS_FREE][NO_DATA], 1ull << 32);
    CHECK_EQ(cells_sum(&m, DUMPIO_CLASS_FREE), 1ull << 32);
    CHECK(m.cells.n <= CELLS_ROOM && m.cells.n > CELLS_ROOM / 4);
    memory_free(&m);
    for (uint64_t i = 0; i < 48; i++) {
        many[2 * i] = (struct dumpio_class_run){(i << 42) - (i ? 1ull << 42 : 0), i << 42,
                                                DUMPIO_CLASS_NO_RECORD};
        many[2 * i + 1] = (struct dumpio_class_run){i << 42, (i << 42) + (4ull << 30),
                                                    DUMPIO_CLASS_USER};
    }
    MACHINE(many, none);
    CHECK_EQ(memory_gather(&m, ui, NULL, "x", true), 0);
    cells_fit(&m.cells, 6, 24);
    CHECK_EQ(cells_rows(&m.cells, 6), 48); /* one for each place */
    CHECK_EQ(1ull << m.cells.shift, 64u << 20);
    CHECK_EQ(cells_sum(&m, DUMPIO_CLASS_USER), 48u << 20);
    memory_free(&m);
}

static void test_unknown_is_not_memory(struct ui *ui)
{
    static const struct dumpio_class_run all[] = {{0, UINT64_MAX, DUMPIO_CLASS_UNKNOWN}};
    struct memory m;
    MACHINE(all, pc_runs);
    start(4096, NULL, 0);
    classes_info.unknown_why = "no records";
    CHECK_EQ(memory_gather(&m, ui, NULL, "x", true), 0);
    CHECK_EQ(m.pages[DUMPIO_CLASS_UNKNOWN][NO_DATA], 0);
    CHECK_EQ(m.pages[DUMPIO_CLASS_UNKNOWN][IN_DUMP], 162);
    CHECK_STR(m.unknown_why, "no records");
    memory_free(&m);
}

static void test_looks(void)
{
    struct cell c = {.held = {[DUMPIO_CLASS_KERNEL] = 3, [DUMPIO_CLASS_USER] = 2},
                     .missing = {[DUMPIO_CLASS_USER] = 4}};
    struct look look = cell_look(&c);
    CHECK_EQ(look.class_, DUMPIO_CLASS_USER);
    CHECK_EQ(look.holding, LEFT_OUT);
    c.no_data = 3;
    CHECK_EQ(cell_look(&c).holding, NO_DATA);
    c.held[DUMPIO_CLASS_KERNEL] = 7;
    CHECK_EQ(cell_look(&c).class_, DUMPIO_CLASS_KERNEL);
    CHECK_EQ(cell_look(&c).holding, IN_DUMP);
    c.lost = 1;
    CHECK_EQ(cell_look(&c).holding, LOST);
    c.missing[DUMPIO_CLASS_HWPOISON] = 1;
    CHECK_EQ(cell_look(&c).class_, DUMPIO_CLASS_HWPOISON);
}

int main(void)
{
    struct ui ui = {0};
    test_holdings_and_nodes(&ui);
    test_cells_keep_every_page(&ui);
    test_huge_and_sparse(&ui);
    test_unknown_is_not_memory(&ui);
    test_looks();
    return unit_result();
}
