/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpinfo --map: physical memory as a grid of equal cells, each in the letter or color of the
 * class that most of it belongs to. This is the terminal, JSON, and the choice between the forms;
 * the picture is drawn in dumpinfo_draw.c. Does not show which pages inside a cell are which.
 */
#include "common/save.h"
#include "dumpinfo_memory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_WIDTH 80u
#define MIN_ROWS 12u
#define MAX_ROWS 24u
#define TABLE_LINES 16u /* that the header and the legend need below the map */
#define MIN_BITS 4u     /* 16 to 256 cells in a row */
#define MAX_BITS 8u
#define JSON_BITS 6u

/* Letters in the dump; small ones outside. UNKNOWN has no case. */
static const char letters[DUMPIO_CLASSES + 1] = "KCPUFRXON?";
static const char small_letters[DUMPIO_CLASSES + 1] = "kcpufrxon_";
#define LETTER_LOST '!'

/* Okabe and Ito's colors, which stay apart for every kind of color vision, and three more. */
static const uint32_t colors[DUMPIO_CLASSES] = {
    [DUMPIO_CLASS_KERNEL] = 0x0072b2,    [DUMPIO_CLASS_CACHE] = 0x56b4e9,
    [DUMPIO_CLASS_PRIVATE] = 0x009e73,   [DUMPIO_CLASS_USER] = 0xe69f00,
    [DUMPIO_CLASS_FREE] = 0xb4b4b4,      [DUMPIO_CLASS_FREED] = 0xcc79a7,
    [DUMPIO_CLASS_HWPOISON] = 0xd55e00,  [DUMPIO_CLASS_OFFLINE] = 0x332288,
    [DUMPIO_CLASS_NO_RECORD] = 0xf0e442, [DUMPIO_CLASS_UNKNOWN] = 0x6e5a41,
};
#define RGB_LOST 0xff00ffu /* black may be the background */
#define CODE_LOST 201u

/* 2 * class in the dump, one more outside of it */
enum { TONE_NONE = -1, TONE_LOST = 2 * DUMPIO_CLASSES };

uint32_t color_mix(uint32_t a, uint32_t b, unsigned percent_b)
{
    uint32_t mixed = 0;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        uint32_t x = a >> shift & 255, y = b >> shift & 255;
        mixed |= (x * (100 - percent_b) + y * percent_b + 50) / 100 << shift;
    }
    return mixed;
}

uint32_t class_color(int class_)
{
    return colors[class_];
}

/* ---- the screen ------------------------------------------------------------------------------ */

struct screen {
    unsigned width;   /* columns */
    size_t rows;      /* for the map */
    unsigned bits;    /* 1 << bits columns of cells */
    int node_digits;  /* 0: no nodes */
    int digits;       /* of addresses */
    bool color, truecolor;
    bool blocks;      /* two cells in a character, one above the other */
    bool light;       /* background */
    int fg, bg;       /* tones as last set */
};

static bool env_has(const char *name, const char *part)
{
    const char *v = getenv(name);
    return v && strstr(v, part);
}

static bool locale_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *v = getenv(names[i]);
        const char *charset = v && *v ? strchr(v, '.') : NULL;
        if (charset)
            return !strncasecmp(charset, ".utf-8", 6) || !strncasecmp(charset, ".utf8", 5);
        if (v && *v)
            return false;
    }
    return false;
}

static bool wants_color(const char *color)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    if (color && strcmp(color, "auto") != 0)
        return !strcmp(color, "always");
    return isatty(STDOUT_FILENO) && !(none && *none) && term && strcmp(term, "dumb") != 0;
}

static void screen_size(struct screen *s)
{
    struct winsize w;
    const char *columns = getenv("COLUMNS");
    long long n = 0;
    s->width = DEFAULT_WIDTH;
    s->rows = MAX_ROWS;
    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col) {
        s->width = w.ws_col;
        s->rows = w.ws_row > MIN_ROWS + TABLE_LINES ? w.ws_row - TABLE_LINES : MIN_ROWS;
    } else if (columns && opt_number(columns, 1, 100000, &n)) {
        s->width = (unsigned)n;
    }
    if (s->rows > MAX_ROWS)
        s->rows = MAX_ROWS;
}

static int digits_of(uint64_t v, unsigned base)
{
    int n = 1;
    while (v /= base)
        n++;
    return n;
}

static void screen_start(struct screen *s, const struct memory *m, const char *color)
{
    const char *background = getenv("COLORFGBG");
    const char *last = background ? strrchr(background, ';') : NULL;
    *s = (struct screen){.fg = TONE_NONE, .bg = TONE_NONE};
    screen_size(s);
    s->color = wants_color(color);
    s->truecolor = env_has("COLORTERM", "truecolor") || env_has("COLORTERM", "24bit");
    s->blocks = s->color && locale_is_utf8();
    s->light = last && (!strcmp(last, ";7") || !strcmp(last, ";15"));
    s->digits = digits_of(m->end ? m->end - 1 : 0, 16);
    for (size_t n = 0; m->info->n_nodes > 1 && n < m->info->n_nodes; n++) {
        int digits = digits_of(m->info->nodes[n].id, 10);
        s->node_digits = digits > s->node_digits ? digits : s->node_digits;
    }
    unsigned lead = (unsigned)(s->digits + s->node_digits + 2);
    for (s->bits = MIN_BITS; s->bits < MAX_BITS && lead + (2u << s->bits) <= s->width; s->bits++)
        ;
}

/* ---- colors on the screen -------------------------------------------------------------------- */

/* Of the 256-color palette: in the dump; not, on a dark background; not, on a light one. */
static const uint8_t codes[DUMPIO_CLASSES][3] = {
    [DUMPIO_CLASS_KERNEL] = {26, 18, 153},    [DUMPIO_CLASS_CACHE] = {74, 66, 195},
    [DUMPIO_CLASS_PRIVATE] = {36, 22, 151},   [DUMPIO_CLASS_USER] = {214, 94, 223},
    [DUMPIO_CLASS_FREE] = {249, 240, 254},    [DUMPIO_CLASS_FREED] = {175, 96, 225},
    [DUMPIO_CLASS_HWPOISON] = {202, 88, 217}, [DUMPIO_CLASS_OFFLINE] = {55, 53, 183},
    [DUMPIO_CLASS_NO_RECORD] = {227, 100, 230}, [DUMPIO_CLASS_UNKNOWN] = {137, 95, 187},
};

static int tone_of(struct look look)
{
    return look.holding == LOST ? TONE_LOST : 2 * (int)look.class_ + (look.holding != IN_DUMP);
}

static uint32_t tone_rgb(const struct screen *s, int tone)
{
    if (tone == TONE_LOST)
        return RGB_LOST;
    return tone & 1 ? color_mix(colors[tone / 2], s->light ? 0xffffff : 0x1c1c1c, 58)
                    : colors[tone / 2];
}

static void set_tone(struct screen *s, bool background, int tone)
{
    int *now = background ? &s->bg : &s->fg;
    if (*now == tone)
        return;
    *now = tone;
    if (tone < 0) {
        printf("\033[%dm", background ? 49 : 39);
    } else if (s->truecolor) {
        uint32_t rgb = tone_rgb(s, tone);
        printf("\033[%d;2;%u;%u;%um", background ? 48 : 38, (unsigned)(rgb >> 16 & 255),
               (unsigned)(rgb >> 8 & 255), (unsigned)(rgb & 255));
    } else {
        unsigned code = tone == TONE_LOST ? CODE_LOST
                        : codes[tone / 2][tone & 1 ? 1 + (s->light ? 1 : 0) : 0];
        printf("\033[%d;5;%um", background ? 48 : 38, code);
    }
}

static void reset_tones(struct screen *s)
{
    set_tone(s, false, TONE_NONE);
    set_tone(s, true, TONE_NONE);
}

static char letter_of(struct look look)
{
    return look.holding == LOST ? LETTER_LOST
           : look.holding == IN_DUMP ? letters[look.class_] : small_letters[look.class_];
}

static void print_letter(struct screen *s, struct look look)
{
    if (s->color)
        set_tone(s, false, tone_of(look));
    putchar(letter_of(look));
}

static void print_swatch(void *style, int class_, bool held)
{
    struct screen *s = style;
    struct look look = {(enum dumpio_class)class_, held ? IN_DUMP : LEFT_OUT};
    if (s->blocks) {
        set_tone(s, false, tone_of(look));
        fputs("██", stdout);
    } else {
        print_letter(s, look);
        putchar(' ');
    }
    reset_tones(s);
}

/* ---- rows ------------------------------------------------------------------------------------ */

#define MAX_COLUMNS (1u << MAX_BITS)

struct cell_row {
    const struct cell *cells[2][MAX_COLUMNS]; /* NULL: nothing there. [1]: lower halves */
};

static void print_block(struct screen *s, const struct cell *upper, const struct cell *lower)
{
    int up = upper ? tone_of(cell_look(upper)) : TONE_NONE;
    int low = lower ? tone_of(cell_look(lower)) : TONE_NONE;
    if (up < 0 && low < 0) {
        set_tone(s, true, TONE_NONE);
        putchar(' ');
    } else if (up < 0) {
        set_tone(s, true, TONE_NONE);
        set_tone(s, false, low);
        fputs("▄", stdout);
    } else {
        set_tone(s, true, low);
        set_tone(s, false, up);
        fputs("▀", stdout);
    }
}

static void print_cells(struct screen *s, const struct cell_row *row)
{
    unsigned end = 1u << s->bits;
    while (end && !row->cells[0][end - 1] && !row->cells[1][end - 1])
        end--;
    for (unsigned i = 0; i < end; i++)
        if (s->blocks)
            print_block(s, row->cells[0][i], row->cells[1][i]);
        else if (row->cells[0][i])
            print_letter(s, cell_look(row->cells[0][i]));
        else
            putchar(' ');
    reset_tones(s);
    putchar('\n');
}

static void print_label(const struct screen *s, const struct memory *m, size_t *node,
                        uint64_t first, uint64_t address)
{
    size_t now = memory_node_at(m, first);
    if (s->node_digits && now != *node && now < m->info->n_nodes)
        printf("%*u ", s->node_digits, m->info->nodes[now].id);
    else if (s->node_digits)
        printf("%*s ", s->node_digits, "");
    *node = now;
    printf("%*llx ", s->digits, (unsigned long long)address);
}

static void print_gap(const struct screen *s, uint64_t bytes)
{
    int lead = s->digits + 1 + (s->node_digits ? s->node_digits + 1 : 0);
    printf("%*s ... nothing for %s\n", lead - 1, "", ui_size(bytes));
}

static void print_rows(struct screen *s, const struct memory *m)
{
    const struct cells *c = &m->cells;
    unsigned row_bits = s->bits + (s->blocks ? 1 : 0);
    size_t node = SIZE_MAX;
    for (size_t i = 0; i < c->n;) {
        struct cell_row row = {0};
        uint64_t number = c->list[i].index >> row_bits;
        if (i && number > (c->list[i - 1].index >> row_bits) + 1)
            print_gap(s, (c->list[i].index - c->list[i - 1].index - 1) << c->shift);
        print_label(s, m, &node, c->list[i].index << c->shift, number << row_bits << c->shift);
        for (; i < c->n && c->list[i].index >> row_bits == number; i++) {
            uint64_t at = c->list[i].index & ((1u << row_bits) - 1);
            row.cells[at >> s->bits][at & ((1u << s->bits) - 1)] = &c->list[i];
        }
        print_cells(s, &row);
    }
}

static void print_screen(struct memory *m, const char *color)
{
    struct screen s;
    char title[300], size[96];
    screen_start(&s, m, color);
    cells_fit(&m->cells, s.bits + (s.blocks ? 1 : 0), s.rows);
    memory_title(m, title, sizeof title);
    int n = snprintf(size, sizeof size, ": %s", ui_size(memory_pages(m) * m->page_size));
    printf("%.*s%s\n", s.width > (unsigned)n ? (int)s.width - n : 1, title, size);
    printf("one %s %s, a row %s; %s in the dump, %s not\n\n", s.blocks ? "square" : "letter",
           ui_size(1ull << m->cells.shift),
           ui_size(1ull << (m->cells.shift + s.bits + (s.blocks ? 1 : 0))),
           s.blocks ? "bright" : "CAPITAL", !s.blocks ? "small" : s.light ? "pale" : "dark");
    print_rows(&s, m);
    putchar('\n');
    print_class_table(m, print_swatch, &s);
    if (memory_holding_pages(m, LOST)) {
        print_letter(&s, (struct look){DUMPIO_CLASS_UNKNOWN, LOST});
        reset_tones(&s);
        printf("    lost: %llu pages in the cells marked so; they should be in the file\n",
               (unsigned long long)memory_holding_pages(m, LOST));
    }
    if (m->dump->truncated)
        puts(MEMORY_TRUNCATED);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_cell(struct json *j, const struct memory *m, const struct cell *c)
{
    uint64_t held = 0, missing = 0;
    json_open(j, NULL, '{');
    json_hex(j, "start", c->index << m->cells.shift);
    json_text(j, "class", dumpio_class_name(cell_look(c).class_));
    json_open(j, "pages", '{');
    for (int k = 0; k < DUMPIO_CLASSES; k++) {
        if (c->held[k] + c->missing[k])
            json_u64(j, dumpio_class_name((enum dumpio_class)k), c->held[k] + c->missing[k]);
        held += c->held[k];
        missing += c->missing[k];
    }
    json_close(j, '}');
    json_u64(j, "in_dump", held);
    json_u64(j, "not_in_dump", missing);
    json_u64(j, "lost", c->lost);
    json_u64(j, "no_data", c->no_data);
    json_close(j, '}');
}

static void print_json_map(struct memory *m)
{
    struct json j;
    cells_fit(&m->cells, JSON_BITS, MAX_ROWS);
    json_start(&j, stdout);
    json_open(&j, NULL, '{');
    json_memory(&j, m);
    json_u64(&j, "cell_bytes", 1ull << m->cells.shift);
    json_open(&j, "cells", '[');
    for (size_t i = 0; i < m->cells.n; i++)
        json_cell(&j, m, &m->cells.list[i]);
    json_close(&j, ']');
    json_close(&j, '}');
}

/* ---- the choice ------------------------------------------------------------------------------ */

static bool ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n > k && !strcasecmp(s + n - k, suffix);
}

struct picture_job {
    struct memory *m;
    enum picture_kind kind;
};

static bool draw(void *ctx, FILE *to)
{
    const struct picture_job *job = ctx;
    return draw_map(job->m, to, job->kind);
}

static int check_arguments(struct ui *ui, const char *file, const char *color)
{
    if (color && strcmp(color, "auto") != 0 && strcmp(color, "always") != 0 &&
        strcmp(color, "never") != 0)
        return opt_usage_error(ui->spec, "--color is auto, always or never, not %s", color);
    if (!file)
        return 0;
    if (!ends_with(file, ".svg") && !ends_with(file, ".png"))
        return opt_usage_error(ui->spec, "--map: %s ends neither in .svg nor in .png", file);
    if (ui->force || access(file, F_OK))
        return 0;
    ui_message(ui, "%s exists; --force replaces it", file);
    return EXIT_ERROR;
}

int print_map(struct ui *ui, struct dumpio_dump *dump, const char *name, const char *file,
              const char *color)
{
    struct memory m;
    int code = check_arguments(ui, file, color);
    if (!code)
        code = memory_gather(&m, ui, dump, name, true);
    if (code)
        return code;
    struct picture_job job = {&m, file && ends_with(file, ".svg") ? PICTURE_SVG : PICTURE_PNG};
    code = file ? save_file(ui, file, 0666, draw, &job) : 0;
    if (!code && ui->json)
        print_json_map(&m);
    else if (!code && !file)
        print_screen(&m, color);
    code = code ? code : memory_exit_code(&m);
    memory_free(&m);
    return code;
}
