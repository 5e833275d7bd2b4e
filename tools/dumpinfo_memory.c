/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory by class: one walk over the classes and over what the dump holds, side by side.
 * Memory needed: a fixed number of cells, which double in size when they are used up, and a few
 * words per NUMA node. Does not look at the contents of pages.
 */
#include "dumpinfo_memory.h"

#include <stdlib.h>
#include <string.h>

#define CELLS_ROOM 131072u
#define PIECES_PER_PROGRESS 4096u
#define DEFAULT_PAGE_SIZE 4096u
#define SPARSE_ROWS 3u /* times as many rows for memory in many places */

/* ---- the walk -------------------------------------------------------------------------------- */

struct piece {
    uint64_t start, end;
    int class_;
    enum holding holding;
};

struct walk {
    struct dumpio_dump *dump;
    struct dumpio_classes *classes;
    uint64_t page; /* bytes */
    uint64_t at;
    struct dumpio_class_run class_run;
    struct dumpio_run run;
    bool runs_end; /* the dump knows of nothing at or above `at` */
};

static enum holding holding_of(enum dumpio_kind k)
{
    return k == DUMPIO_PRESENT ? IN_DUMP : k == DUMPIO_EXCLUDED ? LEFT_OUT : LOST;
}

static int refill(struct walk *w, struct dumpio_error *err)
{
    int rc = 0;
    if (w->class_run.end <= w->at) {
        rc = dumpio_classes_next(w->classes, w->at, &w->class_run, err);
        if (rc == DUMPIO_END)
            w->class_run = (struct dumpio_class_run){w->at, UINT64_MAX, DUMPIO_CLASS_NO_RECORD};
    }
    if (rc < 0)
        return rc;
    if (!w->runs_end && w->run.end <= w->at) {
        rc = dumpio_next_run(w->dump, w->at, &w->run, err);
        w->runs_end = rc == DUMPIO_END;
    }
    return rc < 0 ? rc : 0;
}

/* A page in which a run ends: the best that the runs in it have. */
static int split_page(struct walk *w, enum holding *h, struct dumpio_error *err)
{
    *h = holding_of(w->run.kind);
    while (*h != IN_DUMP && w->run.end - w->at < w->page) {
        int rc = dumpio_next_run(w->dump, w->run.end, &w->run, err);
        if (rc < 0)
            return rc;
        w->runs_end = rc == DUMPIO_END;
        if (w->runs_end || w->run.start - w->at >= w->page)
            return 0;
        if (w->run.kind != DUMPIO_EXCLUDED)
            *h = holding_of(w->run.kind);
    }
    return 0;
}

/* The next piece of one class and one holding. 0, DUMPIO_END or an error. */
static int next_piece(struct walk *w, struct piece *p, struct dumpio_error *err)
{
    int rc = refill(w, err);
    if (rc)
        return rc;
    if ((w->runs_end && w->class_run.end == UINT64_MAX) || w->at > UINT64_MAX - w->page)
        return DUMPIO_END;
    uint64_t first = w->run.start & ~(w->page - 1), whole = w->run.end & ~(w->page - 1);
    *p = (struct piece){w->at, w->class_run.end, (int)w->class_run.class_, NO_DATA};
    if (!w->runs_end && first > w->at) {
        p->end = first < p->end ? first : p->end;
    } else if (!w->runs_end && whole > w->at) {
        p->end = whole < p->end ? whole : p->end;
        p->holding = holding_of(w->run.kind);
    } else if (!w->runs_end) {
        p->end = w->at + w->page;
        rc = split_page(w, &p->holding, err);
    }
    w->at = p->end;
    return rc;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void cell_add(struct cell *to, const struct cell *from)
{
    for (int c = 0; c < DUMPIO_CLASSES; c++) {
        to->held[c] += from->held[c];
        to->missing[c] += from->missing[c];
    }
    to->lost += from->lost;
    to->no_data += from->no_data;
}

/* Double the size of every cell. */
static void coarsen(struct cells *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        uint64_t index = c->list[i].index >> 1;
        if (n && c->list[n - 1].index == index) {
            cell_add(&c->list[n - 1], &c->list[i]);
        } else {
            c->list[n] = c->list[i];
            c->list[n++].index = index;
        }
    }
    c->n = n;
    c->shift++;
}

static void count_in_cells(struct cells *c, const struct piece *p, uint64_t page)
{
    while (((p->end - 1) >> c->shift) - (p->start >> c->shift) + 1 > c->room - c->n)
        coarsen(c);
    for (uint64_t at = p->start; at < p->end;) {
        uint64_t index = at >> c->shift, end = (index + 1) << c->shift;
        if (!end || end > p->end)
            end = p->end;
        if (!c->n || c->list[c->n - 1].index != index)
            c->list[c->n++] = (struct cell){.index = index};
        struct cell *cell = &c->list[c->n - 1];
        uint64_t pages = (end - at) / page;
        *(p->holding == IN_DUMP ? &cell->held[p->class_] : &cell->missing[p->class_]) += pages;
        cell->lost += p->holding == LOST ? pages : 0;
        cell->no_data += p->holding == NO_DATA ? pages : 0;
        at = end;
    }
}

size_t cells_rows(const struct cells *c, unsigned column_bits)
{
    size_t rows = 0;
    for (size_t i = 0; i < c->n; i++)
        rows += !i || c->list[i].index >> column_bits != c->list[i - 1].index >> column_bits;
    return rows;
}

/* Of many small places far apart, larger cells would save few rows, and show less. */
static bool rows_will_do(const struct cells *c, unsigned column_bits, size_t max_rows)
{
    size_t rows = cells_rows(c, column_bits);
    return rows <= max_rows || (rows <= max_rows * SPARSE_ROWS &&
                                cells_rows(c, column_bits + 1) > rows * 3 / 4);
}

void cells_fit(struct cells *c, unsigned column_bits, size_t max_rows)
{
    while (c->shift < 63 && !rows_will_do(c, column_bits, max_rows))
        coarsen(c);
}

struct look cell_look(const struct cell *c)
{
    int best = 0;
    uint64_t missing = 0;
    for (int k = 0; k < DUMPIO_CLASSES; k++) {
        missing += c->missing[k];
        if (c->held[k] + c->missing[k] > c->held[best] + c->missing[best])
            best = k;
    }
    if (c->held[DUMPIO_CLASS_HWPOISON] + c->missing[DUMPIO_CLASS_HWPOISON])
        best = DUMPIO_CLASS_HWPOISON;
    struct look look = {(enum dumpio_class)best, LEFT_OUT};
    if (c->lost)
        look.holding = LOST;
    else if (c->held[best] >= c->missing[best])
        look.holding = IN_DUMP;
    else if (c->no_data > missing / 2)
        look.holding = NO_DATA;
    return look;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
    uint64_t x = ((const struct span *)a)->start, y = ((const struct span *)b)->start;
    return x < y ? -1 : x > y;
}

/* The narrowest node that holds the span's start. */
static void find_owner(struct span *s, const struct dumpio_classes_info *info)
{
    s->node = info->n_nodes;
    s->shared = false;
    for (size_t n = 0; n < info->n_nodes; n++) {
        const struct dumpio_node *node = &info->nodes[n];
        if (s->start < node->start || s->start >= node->end)
            continue;
        s->shared = s->node < info->n_nodes;
        if (!s->shared || node->end - node->start < info->nodes[s->node].end -
                                                        info->nodes[s->node].start)
            s->node = n;
    }
}

static bool find_spans(struct memory *m)
{
    size_t n = m->info->n_nodes;
    m->spans = calloc(2 * n + 1, sizeof *m->spans);
    m->nodes = calloc(n + 1, sizeof *m->nodes);
    if (!m->spans || !m->nodes)
        return false;
    m->n_spans = 1;
    for (size_t i = 0; i < n; i++) {
        m->spans[m->n_spans++].start = m->info->nodes[i].start;
        m->spans[m->n_spans++].start = m->info->nodes[i].end;
    }
    qsort(m->spans, m->n_spans, sizeof *m->spans, by_address);
    for (size_t i = 0; i < m->n_spans; i++)
        find_owner(&m->spans[i], m->info);
    return true;
}

static size_t span_at(const struct memory *m, uint64_t addr)
{
    size_t low = 0, high = m->n_spans;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (m->spans[mid].start <= addr)
            low = mid;
        else
            high = mid;
    }
    return low;
}

size_t memory_node_at(const struct memory *m, uint64_t addr)
{
    return m->spans[span_at(m, addr)].node;
}

static void count_in_nodes(struct memory *m, const struct piece *p)
{
    size_t s = span_at(m, p->start);
    for (uint64_t at = p->start; at < p->end; s++) {
        uint64_t end = s + 1 < m->n_spans ? m->spans[s + 1].start : p->end;
        if (end > p->end)
            end = p->end;
        if (end <= at)
            continue;
        struct node_pages *node = &m->nodes[m->spans[s].node];
        uint64_t pages = (end - at) / m->page_size;
        node->pages[p->class_] += pages;
        node->in_dump += p->holding == IN_DUMP ? pages : 0;
        node->shared += m->spans[s].shared ? pages : 0;
        at = end;
    }
}

/* ---- gathering ------------------------------------------------------------------------------- */

static int show_progress(struct ui *ui, const struct walk *w, const struct memory *m)
{
    struct dumpio_progress p = {w->at, m->dump->end_addr > w->at ? m->dump->end_addr : w->at, 0};
    return ui->env.progress ? ui->env.progress(ui->env.user, &p) : 0;
}

/* Neither the kernel nor the dump knows of anything there. */
static bool is_hole(const struct memory *m, int class_)
{
    return class_ == DUMPIO_CLASS_NO_RECORD ||
           (class_ == DUMPIO_CLASS_UNKNOWN && *m->unknown_why && !m->info->records);
}

static int count_pages(struct memory *m, struct ui *ui, struct dumpio_dump *dump,
                       struct dumpio_error *err)
{
    struct walk w = {.dump = dump, .classes = m->classes, .page = m->page_size};
    struct piece p;
    int rc;
    for (unsigned n = 0; !(rc = next_piece(&w, &p, err)); n++) {
        if (p.holding == IN_DUMP && m->left_out & DUMPIO_BIT((unsigned)p.class_))
            p.holding = LEFT_OUT;
        if (n % PIECES_PER_PROGRESS == PIECES_PER_PROGRESS - 1 && show_progress(ui, &w, m)) {
            *err = (struct dumpio_error){.status = DUMPIO_E_CANCELLED, .offset = DUMPIO_NO_OFFSET};
            return DUMPIO_E_CANCELLED;
        }
        if (p.holding == NO_DATA && is_hole(m, p.class_))
            continue;
        m->pages[p.class_][p.holding] += (p.end - p.start) / m->page_size;
        m->end = p.end;
        count_in_nodes(m, &p);
        if (m->cells.room)
            count_in_cells(&m->cells, &p, m->page_size);
    }
    return rc == DUMPIO_END ? 0 : rc;
}

/* A kernel that cannot be understood is no error here: what the dump holds can still be shown. */
static int classify(struct memory *m, struct ui *ui, struct dumpio_dump *dump,
                    struct dumpio_error *err)
{
    struct dumpio_classify_options options = {.keep_unknown = 1, .freed = 1};
    int rc = m->classes ? 0 : dumpio_classify(dump, &options, &m->classes, &ui->env, err);
    if (rc)
        return rc;
    m->info = dumpio_classes_get_info(m->classes);
    m->page_size = m->info->page_size ? m->info->page_size : DEFAULT_PAGE_SIZE;
    if (m->info->unknown_why && *m->info->unknown_why) {
        snprintf(m->unknown_why, sizeof m->unknown_why, "%s", m->info->unknown_why);
        ui_message(ui, "%sclasses are unknown: %s", m->info->records ? "some " : "",
                   m->unknown_why);
    }
    return 0;
}

static bool make_room(struct memory *m, bool with_cells)
{
    if (!find_spans(m))
        return false;
    while (1u << m->cells.shift < m->page_size)
        m->cells.shift++;
    if (!with_cells)
        return true;
    m->cells.room = CELLS_ROOM;
    m->cells.list = malloc(CELLS_ROOM * sizeof *m->cells.list);
    return m->cells.list != NULL;
}

static int gather(struct memory *m, struct ui *ui, struct dumpio_dump *dump, bool with_cells)
{
    struct dumpio_error err = {0};
    dumpio_explore(dump, NULL);
    int rc = classify(m, ui, dump, &err);
    if (!rc && !make_room(m, with_cells)) {
        err = (struct dumpio_error){.status = DUMPIO_E_NOMEM, .offset = DUMPIO_NO_OFFSET};
        rc = DUMPIO_E_NOMEM;
    }
    if (!rc)
        rc = count_pages(m, ui, dump, &err);
    ui_end_progress(ui);
    if (!rc)
        return 0;
    memory_free(m);
    return ui_error(ui, &err);
}

int memory_gather(struct memory *m, struct ui *ui, struct dumpio_dump *dump, const char *name,
                  bool with_cells)
{
    *m = (struct memory){.name = name, .dump = dumpio_get_info(dump), .drawn_by = "dumpinfo --map"};
    return gather(m, ui, dump, with_cells);
}

int memory_gather_filtered(struct memory *m, struct ui *ui, struct dumpio_dump *dump,
                           const char *name, const struct dumpio_filter *f)
{
    *m = (struct memory){.name = name, .dump = dumpio_get_info(dump), .drawn_by = ui->spec->tool,
                         .classes = f->classes, .borrowed = true, .left_out = f->exclude};
    return gather(m, ui, dump, true);
}

void memory_free(struct memory *m)
{
    if (!m->borrowed)
        dumpio_classes_free(m->classes);
    free(m->cells.list);
    free(m->spans);
    free(m->nodes);
    *m = (struct memory){0};
}
