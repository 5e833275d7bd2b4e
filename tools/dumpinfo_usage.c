/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpinfo --mem-usage: pages and bytes of every class and NUMA node, and what the dump has of
 * them. Levels are makedumpfile's (its manual, option -d). Zero pages are no class and not counted.
 */
#include "dumpinfo_memory.h"

#include <string.h>

#define LEVEL_BITS 5u
#define ALL_LEVELS 31u
#define NODES_PER_BLOCK 5u /* columns beside each other in 80 */

/* ---- sums ------------------------------------------------------------------------------------ */

uint64_t memory_class_pages(const struct memory *m, int class_)
{
    uint64_t n = 0;
    for (int h = 0; h < HOLDINGS; h++)
        n += m->pages[class_][h];
    return n;
}

uint64_t memory_holding_pages(const struct memory *m, enum holding h)
{
    uint64_t n = 0;
    for (int c = 0; c < DUMPIO_CLASSES; c++)
        n += m->pages[c][h];
    return n;
}

uint64_t memory_pages(const struct memory *m)
{
    uint64_t n = 0;
    for (int h = 0; h < HOLDINGS; h++)
        n += memory_holding_pages(m, (enum holding)h);
    return n;
}

int memory_exit_code(const struct memory *m)
{
    return memory_holding_pages(m, LOST) || m->dump->truncated ? EXIT_LOST : EXIT_WHOLE;
}

static uint64_t node_total(const struct node_pages *n)
{
    uint64_t sum = 0;
    for (int c = 0; c < DUMPIO_CLASSES; c++)
        sum += n->pages[c];
    return sum;
}

static uint64_t shared_pages(const struct memory *m)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->info->n_nodes; i++)
        n += m->nodes[i].shared;
    return n;
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *memory_dropped_by(int class_, char *text, size_t room)
{
    unsigned bit = DUMPIO_BIT((unsigned)class_);
    size_t n = 0;
    *text = 0;
    if (dumpio_level_set(0) & bit) {
        snprintf(text, room, "always");
        return text;
    }
    unsigned found = 0;
    for (unsigned b = 0; b < LEVEL_BITS && n < room; b++)
        if (dumpio_level_set(1u << b) & bit) {
            n += (size_t)snprintf(text + n, room - n, "%s%u", n ? ", " : "", 1u << b);
            found |= 1u << b;
        }
    if (found == ALL_LEVELS)
        snprintf(text, room, "any");
    else if (found == (ALL_LEVELS & ~1u)) /* any but that of zero pages */
        snprintf(text, room, "2-16");
    return text;
}

void memory_title(const struct memory *m, char *text, size_t room)
{
    const struct dumpio_info *i = m->dump;
    const char *words[] = {i->uts[DUMPIO_NODENAME], i->uts[DUMPIO_RELEASE], i->arch};
    const char *lead[] = {"", "Linux ", ""};
    size_t n = 0;
    *text = 0;
    for (int k = 0; k < 3; k++) /* "(none)": the kernel's word for no name */
        if (*words[k] && strcmp(words[k], "(none)") != 0 && n < room)
            n += (size_t)snprintf(text + n, room - n, "%s%s%s", n ? ", " : "", lead[k], words[k]);
    if (!n)
        snprintf(text, room, "unknown machine");
    for (char *s = text; *s; s++) /* the dump's words are not the terminal's commands */
        if (*s < ' ' || *s > '~')
            *s = '?';
}

static const char *percent(uint64_t part, uint64_t whole, char *text, size_t room)
{
    double p = whole ? 100 * (double)part / (double)whole : 0;
    snprintf(text, room, part && p < 0.05 ? "<0.1%%" : "%.1f%%", p);
    return text;
}

static const char *size_or_none(const struct memory *m, uint64_t pages)
{
    return pages ? ui_size(pages * m->page_size) : "-";
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void class_row(const struct memory *m, const char *name, uint64_t held, uint64_t missing,
                      const char *dropped_by)
{
    char share[16];
    const char *gap = *dropped_by ? "  " : "";
    uint64_t pages = held + missing;
    printf("%-9s %12llu %10s %7s %12s %12s%s%s\n", name, (unsigned long long)pages,
           size_or_none(m, pages), percent(pages, memory_pages(m), share, sizeof share),
           size_or_none(m, held), size_or_none(m, missing), gap, dropped_by);
}

void print_class_table(const struct memory *m,
                       void (*swatch)(void *style, int class_, bool held), void *style)
{
    char levels[32];
    int lead = swatch ? SWATCH_COLUMNS : 0;
    printf("%*s%-9s %12s %10s %7s %12s %12s  %s\n", lead, "", "class", "pages", "bytes", "share",
           "in the dump", "not in it", lead ? "level" : "dropped by");
    for (int c = 0; c < DUMPIO_CLASSES; c++) {
        uint64_t pages = memory_class_pages(m, c);
        if (swatch && !pages)
            continue;
        if (swatch) {
            swatch(style, c, true);
            swatch(style, c, false);
            putchar(' ');
        }
        class_row(m, dumpio_class_name((enum dumpio_class)c), m->pages[c][IN_DUMP],
                  pages - m->pages[c][IN_DUMP], memory_dropped_by(c, levels, sizeof levels));
    }
    uint64_t held = memory_holding_pages(m, IN_DUMP);
    printf("%*s", lead, "");
    class_row(m, "total", held, memory_pages(m) - held, "");
}

static void print_holdings(const struct memory *m)
{
    static const char *const names[HOLDINGS] = {"in the dump", "left out", "lost", "no data"};
    static const char *const meanings[HOLDINGS] = {
        "", "the file says so", "the file is damaged or cut short",
        "the file does not know these pages"};
    char share[16];
    putchar('\n');
    for (int h = 0; h < HOLDINGS; h++) {
        uint64_t n = memory_holding_pages(m, (enum holding)h);
        if (n || h == IN_DUMP)
            printf("%-11s %10llu %10s %7s%s%s\n", names[h], (unsigned long long)n,
                   size_or_none(m, n), percent(n, memory_pages(m), share, sizeof share),
                   *meanings[h] ? "  " : "", meanings[h]);
    }
}

static void node_block(const struct memory *m, size_t first, size_t last)
{
    printf("\n%-11s", "node");
    for (size_t n = first; n < last; n++)
        if (n < m->info->n_nodes)
            printf(" %12u", m->info->nodes[n].id);
        else
            printf(" %12s", "none");
    for (int c = 0; c < DUMPIO_CLASSES; c++) {
        if (!memory_class_pages(m, c))
            continue;
        printf("\n%-11s", dumpio_class_name((enum dumpio_class)c));
        for (size_t n = first; n < last; n++)
            printf(" %12s", size_or_none(m, m->nodes[n].pages[c]));
    }
    printf("\n%-11s", "total");
    for (size_t n = first; n < last; n++)
        printf(" %12s", size_or_none(m, node_total(&m->nodes[n])));
    printf("\n%-11s", "in the dump");
    for (size_t n = first; n < last; n++)
        printf(" %12s", size_or_none(m, m->nodes[n].in_dump));
    putchar('\n');
}

static void print_nodes(const struct memory *m)
{
    size_t n = m->info->n_nodes, columns = n + (node_total(&m->nodes[n]) != 0);
    if (n < 2)
        return;
    for (size_t first = 0; first < columns; first += NODES_PER_BLOCK)
        node_block(m, first, first + NODES_PER_BLOCK < columns ? first + NODES_PER_BLOCK : columns);
    uint64_t shared = shared_pages(m);
    if (shared)
        printf("%s lie in the spans of several nodes and are counted for the narrowest.\n",
               ui_size(shared * m->page_size));
}

static void print_table(const struct memory *m)
{
    char title[300];
    memory_title(m, title, sizeof title);
    const char *model = m->info->memory_model ? m->info->memory_model : "";
    printf("%s: %s%s%s, pages of %s\n\n", title, ui_size(memory_pages(m) * m->page_size),
           *model ? ", " : "", model, ui_size(m->page_size));
    print_class_table(m, NULL, NULL);
    print_holdings(m);
    print_nodes(m);
    if (m->dump->truncated)
        printf("\n%s\n", MEMORY_TRUNCATED);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_holdings(struct json *j, const uint64_t *pages)
{
    static const char *const names[HOLDINGS] = {"in_dump", "left_out", "lost", "no_data"};
    for (int h = 0; h < HOLDINGS; h++)
        json_u64(j, names[h], pages[h]);
}

static void json_class(struct json *j, const struct memory *m, int c)
{
    uint64_t pages = memory_class_pages(m, c), whole = memory_pages(m);
    json_open(j, NULL, '{');
    json_text(j, "class", dumpio_class_name((enum dumpio_class)c));
    json_u64(j, "pages", pages);
    json_u64(j, "bytes", pages * m->page_size);
    json_real(j, "share", whole ? (double)pages / (double)whole : 0);
    json_holdings(j, m->pages[c]);
    json_bool(j, "always_dropped", (dumpio_level_set(0) & DUMPIO_BIT((unsigned)c)) != 0);
    json_open(j, "dropped_by", '[');
    for (unsigned b = 0; b < LEVEL_BITS; b++)
        if (dumpio_level_set(1u << b) & DUMPIO_BIT((unsigned)c))
            json_u64(j, NULL, 1u << b);
    json_close(j, ']');
    json_close(j, '}');
}

/* Place n_nodes is the pages of no node. */
static void json_node(struct json *j, const struct memory *m, size_t n)
{
    const struct node_pages *pages = &m->nodes[n];
    json_open(j, NULL, '{');
    if (n < m->info->n_nodes) {
        json_u64(j, "id", m->info->nodes[n].id);
        json_hex(j, "start", m->info->nodes[n].start);
        json_hex(j, "end", m->info->nodes[n].end);
    } else {
        json_null(j, "id");
    }
    json_u64(j, "pages", node_total(pages));
    json_u64(j, "in_dump", pages->in_dump);
    json_u64(j, "shared_pages", pages->shared);
    json_open(j, "classes", '{');
    for (int c = 0; c < DUMPIO_CLASSES; c++)
        json_u64(j, dumpio_class_name((enum dumpio_class)c), pages->pages[c]);
    json_close(j, '}');
    json_close(j, '}');
}

void json_memory(struct json *j, const struct memory *m)
{
    uint64_t held[HOLDINGS];
    for (int h = 0; h < HOLDINGS; h++)
        held[h] = memory_holding_pages(m, (enum holding)h);
    json_text(j, "file", m->name);
    json_text(j, "host", m->dump->uts[DUMPIO_NODENAME]);
    json_text(j, "release", m->dump->uts[DUMPIO_RELEASE]);
    json_text(j, "arch", m->dump->arch);
    json_u64(j, "page_size", m->page_size);
    json_text(j, "memory_model", m->info->memory_model);
    json_text(j, "unknown_why", m->unknown_why);
    json_bool(j, "truncated", m->dump->truncated != 0);
    json_u64(j, "records", m->info->records);
    json_u64(j, "pages", memory_pages(m));
    json_u64(j, "bytes", memory_pages(m) * m->page_size);
    json_holdings(j, held);
    json_open(j, "classes", '[');
    for (int c = 0; c < DUMPIO_CLASSES; c++)
        json_class(j, m, c);
    json_close(j, ']');
    json_open(j, "nodes", '[');
    for (size_t n = 0; n < m->info->n_nodes; n++)
        json_node(j, m, n);
    if (m->info->n_nodes && node_total(&m->nodes[m->info->n_nodes]))
        json_node(j, m, m->info->n_nodes);
    json_close(j, ']');
}

int print_mem_usage(struct ui *ui, struct dumpio_dump *dump, const char *name)
{
    struct memory m;
    int code = memory_gather(&m, ui, dump, name, false);
    if (code)
        return code;
    if (ui->json) {
        struct json j;
        json_start(&j, stdout);
        json_open(&j, NULL, '{');
        json_memory(&j, &m);
        json_close(&j, '}');
    } else {
        print_table(&m);
    }
    code = memory_exit_code(&m);
    memory_free(&m);
    return code;
}
