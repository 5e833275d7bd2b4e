/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures: SVG 1.1 is written as the calls come; for PNG they paint an 8-bit palette image.
 * Only what maps and charts need: no curves, no transparency.
 */
#include "picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WHITE 0xffffffu
#define FONT "DejaVu Sans Mono,Menlo,Consolas,Liberation Mono,monospace"

/* Of glyph_strokes, in thousandths of the font's size. */
#define UNIT 59      /* one step of a glyph's coordinates */
#define ADVANCE 602  /* from one character to the next */
#define BASELINE 12  /* steps from the top of capitals */
#define DESCENT 3    /* steps below the baseline */
#define STROKE 102   /* width of a line */
#define STROKE_BOLD 150
#define SAMPLES 4    /* per pixel and direction */

/* ---- palette pixels -------------------------------------------------------------------------- */

static uint32_t rgb_of(const struct picture *p, unsigned place)
{
    const uint8_t *c = p->palette[place];
    return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
}

static unsigned distance(uint32_t a, uint32_t b)
{
    unsigned sum = 0;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        int d = (int)(a >> shift & 255) - (int)(b >> shift & 255);
        sum += (unsigned)(d * d);
    }
    return sum;
}

/* A color's place in the palette; the nearest one's when the palette is full. */
static uint8_t place_of(struct picture *p, uint32_t rgb)
{
    unsigned best = 0;
    for (unsigned i = 0; i < p->n_colors; i++) {
        if (rgb_of(p, i) == rgb)
            return (uint8_t)i;
        if (distance(rgb_of(p, i), rgb) < distance(rgb_of(p, best), rgb))
            best = i;
    }
    if (p->n_colors == 256)
        return (uint8_t)best;
    for (unsigned k = 0; k < 3; k++)
        p->palette[p->n_colors][k] = (uint8_t)(rgb >> (16 - 8 * k));
    return (uint8_t)p->n_colors++;
}

static void paint(struct picture *p, int x, int y, int width, int height, uint32_t rgb)
{
    uint8_t place = place_of(p, rgb);
    int left = x < 0 ? 0 : x, right = x + width > p->width ? p->width : x + width;
    int bottom = y + height > p->height ? p->height : y + height;
    for (int row = y < 0 ? 0 : y; row < bottom && left < right; row++)
        memset(p->pixels + (size_t)row * (size_t)p->width + left, place, (size_t)(right - left));
}

/* Lay rgb over a pixel; cover 0 to SAMPLES squared, in 8 steps to keep the palette small. */
static void blend(struct picture *p, int x, int y, uint32_t rgb, int cover)
{
    if (x < 0 || y < 0 || x >= p->width || y >= p->height || !cover)
        return;
    uint8_t *at = p->pixels + (size_t)y * (size_t)p->width + x;
    uint32_t under = rgb_of(p, *at), mixed = 0;
    unsigned part = ((unsigned)cover + 1) / 2, whole = SAMPLES * SAMPLES / 2;
    for (unsigned shift = 0; shift < 24; shift += 8)
        mixed |= ((under >> shift & 255) * (whole - part) + (rgb >> shift & 255) * part) / whole
                 << shift;
    *at = place_of(p, mixed);
}

/* ---- letters in pixels ----------------------------------------------------------------------- */

struct pen {
    double unit, half;  /* pixels: one step, half the stroke */
    double left, top;   /* of the glyph */
};

static int digit(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static bool near_segment(double x, double y, const char *s, const struct pen *pen)
{
    double ax = pen->left + digit(s[0]) * pen->unit, ay = pen->top + digit(s[1]) * pen->unit;
    double bx = pen->left + digit(s[2]) * pen->unit, by = pen->top + digit(s[3]) * pen->unit;
    double dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
    double t = length > 0 ? ((x - ax) * dx + (y - ay) * dy) / length : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double ex = x - ax - t * dx, ey = y - ay - t * dy;
    return ex * ex + ey * ey <= pen->half * pen->half;
}

static bool in_glyph(double x, double y, const char *strokes, const struct pen *pen)
{
    for (const char *s = strokes; s[0] && s[1]; s += s[2] == ' ' ? 3 : 2) {
        if (!s[2])
            break;
        if (s[2] != ' ' && near_segment(x, y, s, pen))
            return true;
    }
    return false;
}

static int pixel_cover(int x, int y, const char *strokes, const struct pen *pen)
{
    int cover = 0;
    for (int i = 0; i < SAMPLES * SAMPLES; i++)
        cover += in_glyph(x + (i % SAMPLES + 0.5) / SAMPLES, y + (i / SAMPLES + 0.5) / SAMPLES,
                          strokes, pen);
    return cover;
}

static void paint_text(struct picture *p, double x, int y, int size, uint32_t rgb, bool bold,
                       const char *text)
{
    struct pen pen = {size * UNIT / 1000.0, size * (bold ? STROKE_BOLD : STROKE) / 2000.0, 0, 0};
    pen.top = y - BASELINE * pen.unit;
    int height = (int)((BASELINE + DESCENT) * pen.unit + 2 * pen.half) + 2;
    int width = (int)(size * ADVANCE / 1000.0) + 2, top = (int)(pen.top - pen.half) - 1;
    for (const char *s = text; *s; s++, x += size * ADVANCE / 1000.0) {
        const char *strokes = glyph_strokes(*s);
        pen.left = x + size * (ADVANCE - 8 * UNIT) / 2000.0;
        for (int row = top; *strokes && row <= top + height; row++)
            for (int col = (int)x - 1; col <= (int)x + width; col++)
                blend(p, col, row, rgb, pixel_cover(col, row, strokes, &pen));
    }
}

/* ---- SVG ------------------------------------------------------------------------------------- */

static void escaped(struct picture *p, const char *text)
{
    for (const char *s = text; *s; s++)
        if (*s == '<')
            fputs("&lt;", p->to);
        else if (*s == '>')
            fputs("&gt;", p->to);
        else if (*s == '&')
            fputs("&amp;", p->to);
        else
            fputc((*s >= ' ' && *s <= '~') || *s == '\n' ? *s : '?', p->to);
}

static void svg_title(struct picture *p, const char *title)
{
    fputs("<title>", p->to);
    escaped(p, title);
    fputs("</title>", p->to);
}

/* ---- both ------------------------------------------------------------------------------------ */

bool picture_start(struct picture *p, FILE *to, enum picture_kind kind, int width, int height,
                   const char *title)
{
    *p = (struct picture){.to = to, .svg = kind != PICTURE_PNG, .width = width, .height = height};
    if (!p->svg) {
        place_of(p, WHITE);
        p->pixels = calloc((size_t)width, (size_t)height);
        if (!p->pixels)
            errno = ENOMEM;
        return p->pixels != NULL;
    }
    fprintf(to, "%s width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"%s\">\n",
            kind == PICTURE_SVG_INLINE ? "<svg"
                                       : "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                         "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\"",
            width, height, width, height, FONT);
    svg_title(p, title);
    fprintf(to, "\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height);
    return true;
}

void picture_rect(struct picture *p, int x, int y, int width, int height, uint32_t rgb,
                  const char *tip)
{
    if (!p->svg) {
        paint(p, x, y, width, height, rgb);
        return;
    }
    fprintf(p->to, "<path fill=\"#%06x\" d=\"M%d %dh%dv%dh-%dz\"", (unsigned)rgb, x, y, width,
            height, width);
    if (tip) {
        fputc('>', p->to);
        svg_title(p, tip);
        fputs("</path>\n", p->to);
    } else {
        fputs("/>\n", p->to);
    }
}

int picture_text_width(int size, size_t characters)
{
    return (int)((size_t)size * ADVANCE * characters / 1000) + 1;
}

void picture_text(struct picture *p, int x, int y, int size, uint32_t rgb,
                  enum picture_anchor anchor, bool bold, const char *text)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    if (!*text)
        return;
    if (!p->svg) {
        double width = (double)size * ADVANCE * (double)strlen(text) / 1000;
        double left = x - (anchor == ANCHOR_END ? width : anchor == ANCHOR_MIDDLE ? width / 2 : 0);
        paint_text(p, left, y, size, rgb, bold, text);
        return;
    }
    fprintf(p->to, "<text x=\"%d\" y=\"%d\" font-size=\"%d\" fill=\"#%06x\"%s%s>", x, y, size,
            (unsigned)rgb, anchors[anchor], bold ? " font-weight=\"bold\"" : "");
    escaped(p, text);
    fputs("</text>\n", p->to);
}

bool picture_finish(struct picture *p)
{
    bool good = true;
    if (p->svg)
        fputs("</svg>\n", p->to);
    else
        good = png_write(p->to, p->pixels, (uint32_t)p->width, (uint32_t)p->height,
                         (const uint8_t(*)[3])p->palette, p->n_colors);
    free(p->pixels);
    p->pixels = NULL;
    return good && !fflush(p->to) && !ferror(p->to);
}
