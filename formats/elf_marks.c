/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks: what an ELF image cannot say of memory, as text lines in notes named DUMPIO.
 * Reference: elf.h; the project's own, readers skip notes of unknown name.
 * Not handled: the carried model, which is type 1 and the core's.
 */
#include "elf.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE 7u  /* "DUMPIO" with its NUL */
#define LINE_MAX 64u
#define MORE "lost-more\n"

/* ---- ranges ---------------------------------------------------------------------------------- */

int dio_elf_ranges_add(struct dio_elf_ranges *r, uint64_t start, uint64_t end,
                       struct dumpio_error *err)
{
    if (r->n && r->v[r->n - 1].end == start) {
        r->v[r->n - 1].end = end;
        return 0;
    }
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        void *v = cap > SIZE_MAX / sizeof *r->v ? NULL : realloc(r->v, cap * sizeof *r->v);
        if (!v)
            return dio_nomem(err, "the list of lost pages");
        r->v = v;
        r->cap = cap;
    }
    r->v[r->n].start = start;
    r->v[r->n++].end = end;
    return 0;
}

void dio_elf_ranges_free(struct dio_elf_ranges *r)
{
    free(r->v);
    *r = (struct dio_elf_ranges){NULL, 0, 0};
}

bool dio_elf_ranges_hold(const struct dio_elf_ranges *r, uint64_t addr, size_t *cursor)
{
    while (*cursor < r->n && r->v[*cursor].end <= addr)
        ++*cursor;
    return *cursor < r->n && r->v[*cursor].start <= addr;
}

/* ---- building -------------------------------------------------------------------------------- */

static bool append(struct dio_elf_marks *m, const char *text, size_t n, size_t limit)
{
    if (n > limit || m->len > limit - n)
        return false;
    if (m->len + n > m->room) {
        size_t room = m->room * 2 > m->len + n ? m->room * 2 : m->len + n;
        char *note = realloc(m->note, room);
        if (!note)
            return false;
        m->note = note;
        m->room = room;
    }
    memcpy(m->note + m->len, text, n);
    m->len += n;
    return true;
}

int dio_elf_marks_start(struct dio_elf_marks *m, size_t cap, struct dumpio_error *err)
{
    static const char head[DIO_MARKS_HEAD];
    *m = (struct dio_elf_marks){.cap = cap & ~(size_t)3};
    if (append(m, head, sizeof head, m->cap))
        return 0;
    dio_elf_marks_free(m);
    return dio_nomem(err, "marks of lost pages");
}

void dio_elf_marks_line(struct dio_elf_marks *m, const char *kind, uint64_t start, uint64_t end)
{
    char line[LINE_MAX];
    int n = snprintf(line, sizeof line, "%s %llx %llx\n", kind, (unsigned long long)start,
                     (unsigned long long)end);
    if (m->full || n < 0 || !append(m, line, (size_t)n, m->cap - strlen(MORE)))
        m->full = true;
}

void dio_elf_marks_close(struct dio_elf_marks *m, uint32_t type, enum dumpio_order order)
{
    if (m->full)
        append(m, MORE, strlen(MORE), m->cap);
    size_t text = m->len - DIO_MARKS_HEAD;
    dio_put(m->note, order, 4, NAME_SIZE);
    dio_put(m->note + 4, order, 4, text);
    dio_put(m->note + 8, order, 4, type);
    memcpy(m->note + 12, DIO_NOTE_NAME "\0", 8);
    append(m, "\0\0\0", (4 - (m->len & 3)) & 3, m->cap);
}

bool dio_elf_marks_head(const uint8_t *head, enum dumpio_order order, uint32_t type,
                        uint32_t *len)
{
    struct dio_cursor c = dio_cursor(head, DIO_MARKS_HEAD, order, 4);
    uint32_t namesz = dio_cur_u32(&c);
    *len = dio_cur_u32(&c);
    return namesz == NAME_SIZE && dio_cur_u32(&c) == type &&
           !memcmp(head + 12, DIO_NOTE_NAME, NAME_SIZE);
}

int dio_elf_marks_lost(struct dio_elf_marks *m, const struct dio_elf_ranges *lost, size_t cap,
                       enum dumpio_order order, struct dumpio_error *err)
{
    int rc = dio_elf_marks_start(m, cap, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < lost->n && !m->full; i++)
        dio_elf_marks_line(m, "lost", lost->v[i].start, lost->v[i].end);
    dio_elf_marks_close(m, DIO_NOTE_MARKS, order);
    return 0;
}

void dio_elf_marks_free(struct dio_elf_marks *m)
{
    free(m->note);
    *m = (struct dio_elf_marks){0};
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One hexadecimal number of at most 16 digits at *p; moves *p behind it. */
static bool hex(const char **p, const char *end, uint64_t *v)
{
    const char *s = *p;
    *v = 0;
    for (; s < end && s - *p < 16; s++) {
        unsigned d;
        if (*s >= '0' && *s <= '9')
            d = (unsigned)(*s - '0');
        else if (*s >= 'a' && *s <= 'f')
            d = (unsigned)(*s - 'a') + 10;
        else
            break;
        *v = *v << 4 | d;
    }
    bool any = s != *p;
    *p = s;
    return any;
}

/* KIND START END; false when the line is none of these. */
static bool mark_line(const char *p, const char *end, int *kind, uint64_t *start, uint64_t *stop)
{
    static const struct { const char *word; int kind; } kinds[] = {
        {"lost ", DUMPIO_LOST}, {"present ", DUMPIO_PRESENT}, {"excluded ", DUMPIO_EXCLUDED}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].word);
        if ((size_t)(end - p) < n || memcmp(p, kinds[i].word, n) != 0)
            continue;
        *kind = kinds[i].kind;
        p += n;
        return hex(&p, end, start) && p < end && *p++ == ' ' && hex(&p, end, stop) && p == end &&
               *start < *stop;
    }
    return false;
}

static int claim_mark(struct dio_elf_claims *claims, int kind, uint64_t start, uint64_t end,
                      struct dumpio_error *err)
{
    if (kind == DUMPIO_PRESENT)
        return 0;
    return dio_elf_claims_add(claims, DIO_ELF_CLAIM_MARK, kind, start, end - start, DIO_NO_PLACE,
                              err);
}

/* The text of a mark note. In a map (type 3) what lies between the lines is a hole. */
static int read_marks(const char *text, size_t len, uint32_t type, struct dio_elf_notes *seen,
                      struct dio_elf_claims *claims, const struct dumpio_env *env,
                      struct dumpio_error *err)
{
    const char *end = text + len;
    uint64_t done = 0, bad = 0;
    int rc = 0;
    while (text < end && !rc) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        const char *stop = eol ? eol : end;
        uint64_t a, b;
        int kind;
        if ((size_t)(stop - text) == strlen(MORE) - 1 && !memcmp(text, MORE, strlen(MORE) - 1)) {
            seen->lost_more = 1;
        } else if (!mark_line(text, stop, &kind, &a, &b) || (type == DIO_NOTE_MAP && a < done)) {
            bad++;
        } else {
            if (type == DIO_NOTE_MAP && a > done)
                rc = claim_mark(claims, DIO_ELF_CLAIM_HOLE, done, a, err);
            if (!rc)
                rc = claim_mark(claims, kind, a, b, err);
            done = b;
        }
        text = eol ? eol + 1 : end;
    }
    if (!rc && type == DIO_NOTE_MAP)
        rc = claim_mark(claims, DIO_ELF_CLAIM_HOLE, done, UINT64_MAX, err);
    if (bad)
        dio_note(env, DUMPIO_WARNING, "DUMPIO note of type %u: %llu lines not understood", type,
                 (unsigned long long)bad);
    return rc;
}

struct note {
    size_t start, size;  /* of all of it, padding included */
    uint32_t namesz, descsz, type;
    const uint8_t *name, *desc;
};

/* The note at pos; false at the end, at zero filler, or where the stream makes no sense. */
static bool next_note(const uint8_t *data, size_t len, size_t pos, enum dumpio_order order,
                      struct note *n)
{
    struct dio_cursor c = dio_cursor(data, len, order, 4);
    dio_cur_seek(&c, pos);
    n->start = pos;
    n->namesz = dio_cur_u32(&c);
    n->descsz = dio_cur_u32(&c);
    n->type = dio_cur_u32(&c);
    n->name = dio_cur_bytes(&c, n->namesz);
    dio_cur_align(&c, 4);
    n->desc = dio_cur_bytes(&c, n->descsz);
    if (c.overrun || (!n->namesz && !n->descsz && !n->type))
        return false;
    if (c.len - c.pos >= 4)
        dio_cur_align(&c, 4);
    else
        dio_cur_seek(&c, c.len); /* the last one may come without its padding */
    n->size = c.pos - pos;
    return true;
}

/* Names count up to their NUL, which may be missing. */
static bool named(const struct note *n, const char *name)
{
    size_t len = strlen(name);
    return n->namesz >= len && !memcmp(n->name, name, len) &&
           (n->namesz == len || !n->name[len]);
}

static void look_at(const struct note *n, struct dio_elf_notes *seen)
{
    if (named(n, "CORE") && !seen->core_seen) {
        seen->core_seen = 1;
        seen->core_short = n->namesz == 4;
    }
    seen->qemu |= named(n, "QEMU");
    seen->eraseinfo |= named(n, "ERASEINFO");
    seen->diskdump |= n->type == 0x70000001u && named(n, "CORE");
}

int dio_elf_scan_notes(uint8_t *data, size_t *len, enum dumpio_order order,
                       struct dio_elf_notes *seen, struct dio_elf_claims *claims,
                       const struct dumpio_env *env, struct dumpio_error *err)
{
    size_t pos = 0, kept = 0;
    struct note n;
    int rc = 0;
    while (!rc && next_note(data, *len, pos, order, &n)) {
        pos = n.start + n.size;
        if (named(&n, DIO_NOTE_NAME) && (n.type == DIO_NOTE_MARKS || n.type == DIO_NOTE_MAP)) {
            if (n.type == DIO_NOTE_MAP && seen->mapped++)
                continue; /* the first map counts */
            rc = read_marks((const char *)n.desc, n.descsz, n.type, seen, claims, env, err);
            continue;
        }
        look_at(&n, seen);
        memmove(data + kept, data + n.start, n.size);
        kept += n.size;
    }
    memmove(data + kept, data + pos, *len - pos);
    *len = kept + (*len - pos);
    return rc;
}
