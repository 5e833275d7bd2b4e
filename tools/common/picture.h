/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of rectangles and words, as SVG or as PNG, with one set of calls. White background.
 */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* SVG_INLINE: for the inside of an HTML page, which gives it its namespace. */
enum picture_kind { PICTURE_PNG, PICTURE_SVG, PICTURE_SVG_INLINE };
enum picture_anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

struct picture {
    FILE *to;
    bool svg;
    int width, height;         /* pixels */
    uint8_t *pixels;           /* PNG: places in the palette; NULL for SVG */
    uint8_t palette[256][3];
    unsigned n_colors;
};

/* Colors are 0xRRGGBB. `title` is the document's. False: no memory. */
bool picture_start(struct picture *p, FILE *to, enum picture_kind kind, int width, int height,
                   const char *title);
/* `tip` (NULL = none) appears under the pointer; SVG only. */
void picture_rect(struct picture *p, int x, int y, int width, int height, uint32_t rgb,
                  const char *tip);
/* y is the baseline, `size` the height of the font in pixels. ASCII; other bytes become '?'. */
void picture_text(struct picture *p, int x, int y, int size, uint32_t rgb,
                  enum picture_anchor anchor, bool bold, const char *text);
/* The most that a text of this many characters takes. */
int picture_text_width(int size, size_t characters);
/* Write what is left and release p's memory. False with errno when anything failed. */
bool picture_finish(struct picture *p);

/*
 * Strokes of an ASCII character for picture_text: pairs of hexadecimal digits, x (0 to 8) and y
 * (0 top of capitals, c baseline, f descenders), connected; a space lifts the pen.
 */
const char *glyph_strokes(char c);

/* A PNG of 8-bit palette pixels, rows from the top. False with errno. */
bool png_write(FILE *to, const uint8_t *pixels, uint32_t width, uint32_t height,
               const uint8_t palette[][3], unsigned n_colors);

#endif
