/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpinfo --map=FILE: the map of physical memory as a picture: shares as a bar, a legend with
 * sizes, and rows of cells with addresses, NUMA nodes and gaps. Row-major, so that an address can
 * be found by eye.
 */
#include "common/text.h"
#include "dumpinfo_memory.h"

#include <inttypes.h>
#include <string.h>

#define WIDTH 1200
#define MARGIN 32
#define INK 0x222222u
#define GREY 0x6b6b6bu
#define RULE 0xd0d0d0u
#define ALARM 0xb00020u
#define LOST_INK 0x000000u
#define PALE 70           /* percent of white in what the dump does not hold */

#define TITLE_Y 46
#define BAR_Y 90
#define BAR_HEIGHT 30
#define LEGEND_Y 152      /* baseline of its head */
#define LEGEND_STEP 20
#define BITS 7u           /* 128 cells in a row */
#define CELL 7            /* pixels, one of them white below */
#define THIN 2            /* high: a cell that the file does not know */
#define THIN_Y 2
#define GRID_X 208
#define GRID_WIDTH (CELL << BITS)
#define GAP_HEIGHT 26
#define LABEL_EVERY 4u    /* rows */
#define MAX_ROWS 80u
#define MAX_TIPS 7000u    /* rectangles with a tip: keeps an SVG below 1 MB */

#define TEXT 12
#define SMALL 11

static uint32_t look_color(struct look look)
{
    uint32_t rgb = class_color((int)look.class_);
    return look.holding == LOST ? LOST_INK
           : look.holding == IN_DUMP ? rgb : color_mix(rgb, 0xffffff, PALE);
}

static bool same_look(struct look a, struct look b)
{
    return a.class_ == b.class_ && a.holding == b.holding;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static uint64_t row_of(const struct cells *c, size_t i)
{
    return c->list[i].index >> BITS;
}

static bool gap_before(const struct cells *c, size_t i)
{
    return i && row_of(c, i) > row_of(c, i - 1) + 1;
}

/* Does a rectangle of its own start at this cell? */
static bool starts_run(const struct cells *c, size_t i)
{
    return !i || c->list[i].index != c->list[i - 1].index + 1 || row_of(c, i) != row_of(c, i - 1) ||
           !same_look(cell_look(&c->list[i]), cell_look(&c->list[i - 1]));
}

static void fit(struct cells *c)
{
    size_t rows = MAX_ROWS, runs;
    do {
        cells_fit(c, BITS, rows);
        runs = 0;
        for (size_t i = 0; i < c->n; i++)
            runs += starts_run(c, i);
        rows = cells_rows(c, BITS) - 1;
    } while (runs > MAX_TIPS && rows);
}

static int grid_height(const struct cells *c)
{
    int height = 0;
    for (size_t i = 0; i < c->n; i++) {
        height += !i || row_of(c, i) != row_of(c, i - 1) ? CELL : 0;
        height += gap_before(c, i) ? GAP_HEIGHT : 0;
    }
    return height;
}

static int legend_rows(const struct memory *m)
{
    int n = 2; /* head and total */
    for (int c = 0; c < DUMPIO_CLASSES; c++)
        n += memory_class_pages(m, c) != 0;
    return n + (memory_holding_pages(m, LOST) != 0);
}

/* ---- head ------------------------------------------------------------------------------------ */

static void draw_head(struct picture *p, const struct memory *m, const char *title)
{
    const struct dumpio_info *i = m->dump;
    char text[600], when[TEXT_UTC];
    int64_t sec = i->crash_sec != DUMPIO_UNKNOWN_TIME ? i->crash_sec : i->dump_sec;
    text_utc(sec, when);
    const char *base = strrchr(m->name, '/');
    picture_text(p, MARGIN, TITLE_Y, 20, INK, ANCHOR_START, true, title);
    snprintf(text, sizeof text, "%s known to the %s%s%s%s, dumped to %.60s (%s, %s)",
             ui_size(memory_pages(m) * m->page_size), m->info->records ? "kernel" : "dump",
             *when ? ", " : "", !*when ? "" : sec == i->crash_sec ? "crashed " : "taken ", when,
             base ? base + 1 : m->name, i->format, ui_size(i->file_size));
    picture_text(p, MARGIN, TITLE_Y + 24, TEXT + 1, GREY, ANCHOR_START, false, text);
    picture_text(p, WIDTH - MARGIN, TITLE_Y, SMALL, GREY, ANCHOR_END, false, m->drawn_by);
}

static uint32_t ink_on(uint32_t rgb)
{
    unsigned light = 299 * (rgb >> 16 & 255) + 587 * (rgb >> 8 & 255) + 114 * (rgb & 255);
    return light > 140000 ? INK : 0xffffffu;
}

/* One class's part of the bar, from x to end; `held` pixels of it in the dump. */
static void draw_share(struct picture *p, const struct memory *m, int class_, int x, int end,
                       int held)
{
    uint32_t rgb = class_color(class_), pale = color_mix(rgb, 0xffffff, PALE);
    char tip[120], word[40];
    uint64_t pages = memory_class_pages(m, class_);
    const char *name = dumpio_class_name((enum dumpio_class)class_);
    snprintf(tip, sizeof tip, "%s: %s, %s of it in the dump", name, ui_size(pages * m->page_size),
             ui_size(m->pages[class_][IN_DUMP] * m->page_size));
    if (held)
        picture_rect(p, x, BAR_Y, held, BAR_HEIGHT, rgb, tip);
    if (x + held < end)
        picture_rect(p, x + held, BAR_Y, end - x - held, BAR_HEIGHT, pale, tip);
    snprintf(word, sizeof word, "%s %.0f%%", name, 100 * (double)pages / (double)memory_pages(m));
    if (picture_text_width(TEXT, strlen(word)) + 8 <= end - x)
        picture_text(p, x + (end - x) / 2, BAR_Y + BAR_HEIGHT / 2 + 4, TEXT,
                     ink_on(2 * held > end - x ? rgb : pale), ANCHOR_MIDDLE, false, word);
}

static void draw_bar(struct picture *p, const struct memory *m)
{
    const int width = WIDTH - 2 * MARGIN;
    uint64_t whole = memory_pages(m), sum = 0;
    int x = MARGIN;
    for (int c = 0; c < DUMPIO_CLASSES && whole; c++) {
        uint64_t pages = memory_class_pages(m, c);
        sum += pages;
        int end = MARGIN + (int)((double)sum / (double)whole * width + 0.5);
        double held = pages ? (double)m->pages[c][IN_DUMP] / (double)pages : 0;
        if (end > x)
            draw_share(p, m, c, x, end, (int)(held * (end - x) + 0.5));
        x = end;
    }
}

/* ---- legend ---------------------------------------------------------------------------------- */

enum { AT_SWATCH = MARGIN, AT_NAME = 80, AT_PAGES = 270, AT_BYTES = 372, AT_SHARE = 456,
       AT_HELD = 562, AT_MISSING = 668, AT_LEVEL = 692, AT_MEANING = 772 };

static const char *const meanings[DUMPIO_CLASSES] = {
    [DUMPIO_CLASS_KERNEL] = "the kernel's, or of no proved owner",
    [DUMPIO_CLASS_CACHE] = "page cache",
    [DUMPIO_CLASS_PRIVATE] = "page cache with data of its file system",
    [DUMPIO_CLASS_USER] = "of processes",
    [DUMPIO_CLASS_FREE] = "of the buddy allocator",
    [DUMPIO_CLASS_FREED] = "freed, on a processor's own list",
    [DUMPIO_CLASS_HWPOISON] = "broken memory; shown wherever there is any",
    [DUMPIO_CLASS_OFFLINE] = "given back to the hypervisor",
    [DUMPIO_CLASS_NO_RECORD] = "dumped, and not managed by the kernel",
    [DUMPIO_CLASS_UNKNOWN] = "the record of the page cannot be read",
};

static void legend_head(struct picture *p, int y)
{
    picture_text(p, AT_SWATCH, y, SMALL, GREY, ANCHOR_START, false, "in");
    picture_text(p, AT_SWATCH + 21, y, SMALL, GREY, ANCHOR_START, false, "out");
    picture_text(p, AT_PAGES, y, SMALL, GREY, ANCHOR_END, false, "pages");
    picture_text(p, AT_BYTES, y, SMALL, GREY, ANCHOR_END, false, "bytes");
    picture_text(p, AT_SHARE, y, SMALL, GREY, ANCHOR_END, false, "share");
    picture_text(p, AT_HELD, y, SMALL, GREY, ANCHOR_END, false, "in the dump");
    picture_text(p, AT_MISSING, y, SMALL, GREY, ANCHOR_END, false, "not in it");
    picture_text(p, AT_LEVEL, y, SMALL, GREY, ANCHOR_START, false, "level");
    picture_rect(p, MARGIN, y + 6, WIDTH - 2 * MARGIN, 1, RULE, NULL);
}

static void legend_row(struct picture *p, const struct memory *m, int y, bool bold,
                       const char *name, uint64_t pages, uint64_t held)
{
    char text[40];
    double share = memory_pages(m) ? 100 * (double)pages / (double)memory_pages(m) : 0;
    picture_text(p, AT_NAME, y, TEXT, INK, ANCHOR_START, bold, name);
    snprintf(text, sizeof text, "%" PRIu64, pages);
    picture_text(p, AT_PAGES, y, TEXT, INK, ANCHOR_END, false, text);
    picture_text(p, AT_BYTES, y, TEXT, INK, ANCHOR_END, bold, ui_size(pages * m->page_size));
    snprintf(text, sizeof text, pages && share < 0.05 ? "<0.1%%" : "%.1f%%", share);
    picture_text(p, AT_SHARE, y, TEXT, INK, ANCHOR_END, bold, text);
    picture_text(p, AT_HELD, y, TEXT, INK, ANCHOR_END, false,
                 held ? ui_size(held * m->page_size) : "-");
    picture_text(p, AT_MISSING, y, TEXT, INK, ANCHOR_END, false,
                 pages - held ? ui_size((pages - held) * m->page_size) : "-");
}

static void draw_legend(struct picture *p, const struct memory *m)
{
    char levels[40];
    int y = LEGEND_Y;
    legend_head(p, y);
    for (int c = 0; c < DUMPIO_CLASSES; c++) {
        uint64_t pages = memory_class_pages(m, c);
        if (!pages)
            continue;
        y += LEGEND_STEP;
        picture_rect(p, AT_SWATCH, y - 11, 18, 13, class_color(c), NULL);
        picture_rect(p, AT_SWATCH + 21, y - 11, 18, 13, color_mix(class_color(c), 0xffffff, PALE),
                     NULL);
        legend_row(p, m, y, true, dumpio_class_name((enum dumpio_class)c), pages,
                   m->pages[c][IN_DUMP]);
        picture_text(p, AT_LEVEL, y, TEXT, INK, ANCHOR_START, false,
                     memory_dropped_by(c, levels, sizeof levels));
        picture_text(p, AT_MEANING, y, TEXT, GREY, ANCHOR_START, false, meanings[c]);
    }
    uint64_t lost = memory_holding_pages(m, LOST);
    if (lost) {
        y += LEGEND_STEP;
        picture_rect(p, AT_SWATCH, y - 11, 39, 13, LOST_INK, NULL);
        picture_text(p, AT_NAME, y, TEXT, ALARM, ANCHOR_START, true, "lost");
        snprintf(levels, sizeof levels, "%" PRIu64, lost);
        picture_text(p, AT_PAGES, y, TEXT, ALARM, ANCHOR_END, false, levels);
        picture_text(p, AT_BYTES, y, TEXT, ALARM, ANCHOR_END, true, ui_size(lost * m->page_size));
        picture_text(p, AT_MEANING, y, TEXT, ALARM, ANCHOR_START, false,
                     "damaged or cut off, among the above");
    }
    y += LEGEND_STEP;
    picture_rect(p, MARGIN, y - 14, WIDTH - 2 * MARGIN, 1, RULE, NULL);
    legend_row(p, m, y, true, "total", memory_pages(m), memory_holding_pages(m, IN_DUMP));
}

/* ---- grid ------------------------------------------------------------------------------------ */

struct grid {
    struct picture *p;
    const struct memory *m;
    const struct cells *c;
    int y;
    uint64_t labelled;  /* row; UINT64_MAX: none since the gap */
    size_t node;
    int node_y;         /* where its bracket starts */
    int word_y;         /* of the last word beside a bracket */
};

/* "1.25 TiB": addresses of rows are round. */
static const char *exact(uint64_t address, char *text, size_t room)
{
    static const char *const units[] = {"", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    double v = (double)address;
    int unit = 0;
    for (; v >= 1024 && unit < 6; unit++)
        v /= 1024;
    snprintf(text, room, "%.5g%s", v, units[unit]);
    return text;
}

static void draw_label(struct grid *g, uint64_t row)
{
    char text[80], words[40];
    uint64_t address = row << BITS << g->c->shift;
    bool first = g->labelled == UINT64_MAX;
    if (!first && (row % LABEL_EVERY || row - g->labelled < LABEL_EVERY - 1))
        return;
    snprintf(text, sizeof text, "%s  0x%" PRIx64, exact(address, words, sizeof words), address);
    picture_text(g->p, GRID_X - 10, g->y + CELL, SMALL, first ? INK : GREY, ANCHOR_END, false,
                 text);
    picture_rect(g->p, GRID_X - 6, g->y + CELL / 2, 4, 1, GREY, NULL);
    g->labelled = row;
}

static void end_bracket(struct grid *g)
{
    const int x = GRID_X + GRID_WIDTH + 8;
    char text[24];
    if (g->node >= g->m->info->n_nodes || g->y <= g->node_y)
        return;
    snprintf(text, sizeof text, "node %u", g->m->info->nodes[g->node].id);
    int height = g->y - g->node_y - 2;
    picture_rect(g->p, x + 4, g->node_y, 1, height, GREY, NULL);
    picture_rect(g->p, x, g->node_y, 4, 1, GREY, NULL);
    picture_rect(g->p, x, g->node_y + height - 1, 4, 1, GREY, NULL);
    int word_y = g->node_y + height / 2 + 4;
    if (word_y - g->word_y < SMALL)
        return;
    picture_text(g->p, x + 10, word_y, SMALL, INK, ANCHOR_START, false, text);
    g->word_y = word_y;
}

static void draw_gap(struct grid *g, size_t i)
{
    char text[64];
    const struct cell *cell = &g->c->list[i];
    uint64_t cells = cell->index - cell[-1].index - 1;
    end_bracket(g);
    snprintf(text, sizeof text, "nothing for %s", ui_size(cells << g->c->shift));
    int width = picture_text_width(SMALL, strlen(text)) + 16, middle = GRID_X + GRID_WIDTH / 2;
    for (int x = GRID_X; x < GRID_X + GRID_WIDTH - 3; x += 8)
        if (x + 4 < middle - width / 2 || x > middle + width / 2)
            picture_rect(g->p, x, g->y + GAP_HEIGHT / 2 - 1, 4, 1, GREY, NULL);
    picture_text(g->p, middle, g->y + GAP_HEIGHT / 2 + 3, SMALL, GREY, ANCHOR_MIDDLE, false, text);
    g->y += GAP_HEIGHT;
    g->node_y = g->y;
    g->labelled = UINT64_MAX;
}

static void draw_run(struct grid *g, size_t first, size_t last)
{
    const struct cell *cell = &g->c->list[first];
    struct look look = cell_look(cell);
    uint64_t held = 0, pages = 0, at = cell->index << g->c->shift, n = last - first;
    char tip[160];
    for (size_t i = first; i < last; i++)
        for (int c = 0; c < DUMPIO_CLASSES; c++) {
            held += g->c->list[i].held[c];
            pages += g->c->list[i].held[c] + g->c->list[i].missing[c];
        }
    snprintf(tip, sizeof tip, "0x%" PRIx64 " %s\n%s, %.0f%% in dump", at,
             ui_size(n << g->c->shift),
             look.holding == LOST ? "lost pages" : dumpio_class_name(look.class_),
             pages ? 100 * (double)held / (double)pages : 0);
    bool thin = look.holding == NO_DATA;
    picture_rect(g->p, GRID_X + (int)(cell->index & ((1u << BITS) - 1)) * CELL,
                 g->y + (thin ? THIN_Y : 0), (int)n * CELL, thin ? THIN : CELL - 1,
                 look_color(look), tip);
}

/* Brackets follow the first cell of each row; inside a row a line shows where a node begins. */
static void follow_nodes(struct grid *g, size_t i, bool row_starts)
{
    const struct cell *cell = &g->c->list[i];
    unsigned shift = g->c->shift;
    size_t node = memory_node_at(g->m, cell->index << shift);
    if (g->m->info->n_nodes < 2)
        return;
    if (row_starts && node != g->node) {
        end_bracket(g);
        g->node = node;
        g->node_y = g->y;
    } else if (!row_starts && node != memory_node_at(g->m, cell[-1].index << shift)) {
        picture_rect(g->p, GRID_X + (int)(cell->index & ((1u << BITS) - 1)) * CELL - 1, g->y - 1, 2,
                     CELL + 1, INK, NULL);
    }
}

static void draw_grid(struct picture *p, const struct memory *m, int y)
{
    const struct cells *c = &m->cells;
    struct grid g = {p, m, c, y, UINT64_MAX, m->info->n_nodes, y, 0};
    for (size_t i = 0; i < c->n;) {
        size_t last = i + 1;
        bool row_starts = !i || row_of(c, i) != row_of(c, i - 1);
        if (row_starts && i)
            g.y += CELL;
        if (gap_before(c, i))
            draw_gap(&g, i);
        if (row_starts)
            draw_label(&g, row_of(c, i));
        while (last < c->n && !starts_run(c, last))
            last++;
        draw_run(&g, i, last);
        for (; i < last; i++, row_starts = false)
            follow_nodes(&g, i, row_starts);
    }
    g.y += CELL;
    end_bracket(&g);
}

bool draw_map(struct memory *m, FILE *to, enum picture_kind kind)
{
    struct picture p;
    char title[300], text[200];
    fit(&m->cells);
    int y = LEGEND_Y + legend_rows(m) * LEGEND_STEP + 22;
    int alarms = (*m->unknown_why ? 1 : 0) + (m->dump->truncated ? 1 : 0);
    int height = y + alarms * LEGEND_STEP + 14 + grid_height(&m->cells) + MARGIN;
    memory_title(m, title, sizeof title);
    if (!picture_start(&p, to, kind, WIDTH, height, title))
        return false;
    draw_head(&p, m, title);
    draw_bar(&p, m);
    draw_legend(&p, m);
    if (*m->unknown_why) {
        snprintf(text, sizeof text, "%s unknown: %.133s",
                 m->info->records ? "Some classes are" : "Classes are", m->unknown_why);
        picture_text(&p, MARGIN, y, TEXT, ALARM, ANCHOR_START, false, text);
        y += LEGEND_STEP;
    }
    if (m->dump->truncated) {
        picture_text(&p, MARGIN, y, TEXT, ALARM, ANCHOR_START, false, MEMORY_TRUNCATED);
        y += LEGEND_STEP;
    }
    snprintf(text, sizeof text,
             "one square %s, a row %s, in the color of most of it; pale: left out of the dump; "
             "thin: not known to it",
             ui_size(1ull << m->cells.shift), ui_size(1ull << (m->cells.shift + BITS)));
    picture_text(&p, GRID_X, y, SMALL, GREY, ANCHOR_START, false, text);
    draw_grid(&p, m, y + 14);
    return picture_finish(&p);
}
