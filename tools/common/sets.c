/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of classes, levels and address ranges, from the command line.
 */
#include "sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- classes ---------------------------------------------------------------------------------- */

static unsigned class_set(const char *name, size_t len)
{
    static const unsigned can_go =
        DUMPIO_BIT(DUMPIO_CLASS_CACHE) | DUMPIO_BIT(DUMPIO_CLASS_PRIVATE) |
        DUMPIO_BIT(DUMPIO_CLASS_USER) | DUMPIO_BIT(DUMPIO_CLASS_FREE) |
        DUMPIO_BIT(DUMPIO_CLASS_FREED) | DUMPIO_BIT(DUMPIO_CLASS_HWPOISON) |
        DUMPIO_BIT(DUMPIO_CLASS_OFFLINE);
    if (len == 4 && !memcmp(name, "zero", 4))
        return DUMPIO_EXCLUDE_ZERO;
    for (unsigned c = 0; c < DUMPIO_CLASSES; c++) {
        const char *known = dumpio_class_name((enum dumpio_class)c);
        if (!(can_go & DUMPIO_BIT(c)) || strlen(known) != len || memcmp(name, known, len) != 0)
            continue;
        /* as makedumpfile's level 4: cache with private data, and all the more without */
        return c == DUMPIO_CLASS_PRIVATE ? DUMPIO_BIT(c) | DUMPIO_BIT(DUMPIO_CLASS_CACHE)
                                         : DUMPIO_BIT(c);
    }
    return 0;
}

bool sets_classes(const char *text, unsigned *set, const char **bad, size_t *len)
{
    for (;;) {
        *bad = text;
        *len = strcspn(text, ",");
        unsigned one = class_set(text, *len);
        if (!one)
            return false;
        *set |= one;
        text += *len;
        if (!*text++)
            return true;
    }
}

/* ---- levels ----------------------------------------------------------------------------------- */

unsigned sets_levels(const char *text, unsigned levels[SETS_LEVELS_MAX])
{
    for (unsigned n = 0; n < SETS_LEVELS_MAX;) {
        char *end;
        unsigned long v = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || v > 31)
            return 0;
        levels[n++] = (unsigned)v;
        if (!*end)
            return n;
        if (*end != ',')
            return 0;
        text = end + 1;
    }
    return 0;
}

/* ---- ranges ----------------------------------------------------------------------------------- */

static bool address(const char **text, uint64_t *v)
{
    char *end;
    bool hex = (*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X');
    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *v = strtoull(*text, &end, hex ? 16 : 10);
    *text = end;
    return !errno;
}

static int ascending(const void *a, const void *b)
{
    const struct dumpio_range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static void join(struct sets_ranges *r)
{
    size_t n = 0;
    qsort(r->v, r->n, sizeof *r->v, ascending);
    for (size_t i = 0; i < r->n; i++) {
        if (n && r->v[i].start <= r->v[n - 1].end) {
            if (r->v[i].end > r->v[n - 1].end)
                r->v[n - 1].end = r->v[i].end;
        } else {
            r->v[n++] = r->v[i];
        }
    }
    r->n = n;
}

bool sets_add_ranges(struct sets_ranges *r, const char *text)
{
    for (;;) {
        struct dumpio_range one;
        if (!address(&text, &one.start) || *text++ != '-' || !address(&text, &one.end) ||
            one.start >= one.end)
            return false;
        struct dumpio_range *v = realloc(r->v, (r->n + 1) * sizeof *v);
        if (!v)
            return false;
        r->v = v;
        v[r->n++] = one;
        if (!*text) {
            join(r);
            return true;
        }
        if (*text++ != ',')
            return false;
    }
}

void sets_free_ranges(struct sets_ranges *r)
{
    free(r->v);
    *r = (struct sets_ranges){0};
}

/* ---- sizes ------------------------------------------------------------------------------------ */

bool sets_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "kmgtpe";
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    if (*text < '0' || *text > '9' || errno)
        return false;
    const char *unit = *end ? strchr(units, *end | 0x20) : NULL;
    if (unit)
        end++;
    if (*end == 'i')
        end++;
    if (*end == 'B')
        end++;
    for (int i = 0; unit && i <= (int)(unit - units); i++)
        v *= 1024;
    if (*end || v < 1 || v >= 18446744073709551615.0)
        return false;
    *bytes = (uint64_t)v;
    return true;
}
