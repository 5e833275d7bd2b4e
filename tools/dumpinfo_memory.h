/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory by class, gathered in one walk in bounded memory, and its printers.
 */
#ifndef DUMPINFO_MEMORY_H
#define DUMPINFO_MEMORY_H

#include "common/json.h"
#include "common/picture.h"
#include "common/ui.h"

/* What the dump has of a page. */
enum holding {
    IN_DUMP,  /* its contents (held in part counts) */
    LEFT_OUT, /* known to the file as left out on purpose */
    LOST,     /* should be there: damaged or truncated */
    NO_DATA,  /* the kernel has a record of it, and the file does not know it */
    HOLDINGS
};

/* A cell covers 1 << shift bytes at index << shift. Cells in which nothing lies are not kept. */
struct cell {
    uint64_t index;
    uint64_t held[DUMPIO_CLASSES];    /* pages in the dump */
    uint64_t missing[DUMPIO_CLASSES]; /* all others */
    uint64_t lost, no_data;           /* of the missing ones */
};

struct cells {
    struct cell *list; /* ascending */
    size_t n, room;
    unsigned shift;
};

/* [start, next one's start) belongs to the node at this place of info->nodes. */
struct span {
    uint64_t start;
    size_t node; /* info->n_nodes: to none */
    bool shared; /* in the spans of several nodes; taken for the narrowest */
};

struct node_pages {
    uint64_t pages[DUMPIO_CLASSES];
    uint64_t in_dump, shared;
};

struct memory {
    const char *name;                      /* of the dump file */
    const char *drawn_by;                  /* the command, for pictures */
    const struct dumpio_info *dump;
    struct dumpio_classes *classes;
    bool borrowed;                         /* they are somebody else's */
    unsigned left_out;                     /* set of classes: what the dump has of them counts as
                                              LEFT_OUT */
    const struct dumpio_classes_info *info;
    uint32_t page_size;
    uint64_t pages[DUMPIO_CLASSES][HOLDINGS]; /* NO_RECORD: those that the file knows of */
    struct span *spans;                    /* ascending, the first at 0 */
    size_t n_spans;
    struct node_pages *nodes;              /* info->n_nodes, and one for pages of no node */
    struct cells cells;
    uint64_t end;                          /* of the last page that either knows */
    char unknown_why[480];                 /* "", or why no class could be told */
};

/*
 * Classify and count. with_cells false: no cells. What the kernel does not tell is
 * DUMPIO_CLASS_UNKNOWN and was reported on stderr. 0 or an exit code; the message was printed.
 */
int memory_gather(struct memory *m, struct ui *ui, struct dumpio_dump *dump, const char *name,
                  bool with_cells);
/* The dump as a filter leaves it, its ranges aside; the classes are the filter's. With cells. */
int memory_gather_filtered(struct memory *m, struct ui *ui, struct dumpio_dump *dump,
                           const char *name, const struct dumpio_filter *f);
void memory_free(struct memory *m);

uint64_t memory_class_pages(const struct memory *m, int class_);
uint64_t memory_holding_pages(const struct memory *m, enum holding h);
uint64_t memory_pages(const struct memory *m);
int memory_exit_code(const struct memory *m); /* EXIT_LOST when pages are, or may be, lost */
/* A format's own map of its pages need not tell where the file ends. */
#define MEMORY_TRUNCATED \
    "The file is cut short: some of its pages are lost; dumpverify tells which."
/* Levels 1 << bit of makedumpfile that leave the class out: "2, 4", "2-16", "any"; "always" when
 * even level 0 does; "" when none does. */
const char *memory_dropped_by(int class_, char *text, size_t room);
/* The node at addr, as a place in info->nodes. */
size_t memory_node_at(const struct memory *m, uint64_t addr);
/* "web17, Linux 6.1.0-56-amd64, x86_64"; as much of it as is known. */
void memory_title(const struct memory *m, char *text, size_t room);

/* ---- cells ----------------------------------------------------------------------------------- */

/* Make cells larger until they fit in max_rows rows of 1 << column_bits; three times as many where
 * memory is in many places far apart. */
void cells_fit(struct cells *c, unsigned column_bits, size_t max_rows);
size_t cells_rows(const struct cells *c, unsigned column_bits);

/* What one cell is shown as. Lost and broken pages show wherever there is one. */
struct look {
    enum dumpio_class class_;
    enum holding holding; /* LOST if any is; else what most of the class, or of the missing, is */
};
struct look cell_look(const struct cell *c);

/* ---- printers -------------------------------------------------------------------------------- */

/* Keys shared by both JSON forms, inside the open object. */
void json_memory(struct json *j, const struct memory *m);
/*
 * Rows of classes on stdout. swatch prints SWATCH_WIDTH columns, as pages of the class look in the
 * dump and outside of it; NULL: all classes, also those without pages, and no swatches.
 */
void print_class_table(const struct memory *m,
                       void (*swatch)(void *style, int class_, bool held), void *style);
#define SWATCH_WIDTH 2
#define SWATCH_COLUMNS (2 * SWATCH_WIDTH + 1)

/* --mem-usage. Returns the exit code. */
int print_mem_usage(struct ui *ui, struct dumpio_dump *dump, const char *name);
/*
 * --map. file: NULL for the terminal, or a name that ends in .svg or .png; color: NULL, "auto",
 * "always" or "never". Returns the exit code.
 */
int print_map(struct ui *ui, struct dumpio_dump *dump, const char *name, const char *file,
              const char *color);

/* Draw the map; false with errno when it cannot be written. */
bool draw_map(struct memory *m, FILE *to, enum picture_kind kind);

/* 0xRRGGBB */
uint32_t class_color(int class_);
uint32_t color_mix(uint32_t a, uint32_t b, unsigned percent_b);

#endif
