/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format-neutral model: an arena for its copies, its growing lists, and questions to it.
 * Not here: what follows from what is known (model_complete.c).
 */
#include "model_core.h"

#include "plug/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_BYTES ((size_t)16 << 10)
#define ALIGN 16u
#define UTS_FIELD 65u

struct dio_chunk {
    struct dio_chunk *next;
    size_t used, cap;
    _Alignas(ALIGN) uint8_t bytes[];
};

/* ---- memory ---------------------------------------------------------------------------------- */

int dio_model_new(struct dio_model **out, struct dumpio_error *err)
{
    struct dio_model *m = calloc(1, sizeof *m);
    if (!m)
        return dio_nomem(err, "the dump's description");
    struct dumpio_info *info = &m->info;
    info->taint = info->hardware = "";
    info->format = info->variant = info->containers = info->arch = info->build_id = "";
    info->vmcoreinfo = info->panic = info->eraseinfo = info->extras = info->provenance = "";
    for (int i = 0; i < DUMPIO_UTS_FIELDS; i++)
        info->uts[i] = "";
    info->version = -1;
    info->parts = 1;
    info->panic_cpu = -1;
    info->dump_sec = info->crash_sec = DUMPIO_UNKNOWN_TIME;
    *out = m;
    return 0;
}

void dio_model_free(struct dio_model *m)
{
    if (!m)
        return;
    for (struct dio_chunk *c = m->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(m->cpus);
    free(m->cpu_notes);
    free(m->notes);
    free(m->partials);
    free(m->extras.data);
    free(m);
}

struct dumpio_info *dio_model_info(struct dio_model *m)
{
    return &m->info;
}

void *dio_model_alloc(struct dio_model *m, size_t n)
{
    if (n > SIZE_MAX - CHUNK_BYTES)
        return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct dio_chunk *c = m->chunks;
    if (!c || n > c->cap - c->used) {
        size_t cap = n > CHUNK_BYTES ? n : CHUNK_BYTES;
        c = malloc(sizeof *c + cap);
        if (!c)
            return NULL;
        c->used = 0;
        c->cap = cap;
        c->next = m->chunks;
        m->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += n;
    return p;
}

const void *dio_model_copy(struct dio_model *m, const void *data, size_t len)
{
    void *p = dio_model_alloc(m, len ? len : 1);
    if (p && len)
        memcpy(p, data, len);
    return p;
}

const char *dio_model_text(struct dio_model *m, const char *text, size_t len)
{
    char *p = len < SIZE_MAX ? dio_model_alloc(m, len + 1) : NULL;
    if (!p)
        return NULL;
    if (len)
        memcpy(p, text, len);
    p[len] = 0;
    return p;
}

const char *dio_model_field(struct dio_model *m, const void *field, size_t len)
{
    const char *nul = len ? memchr(field, 0, len) : NULL;
    size_t n = nul ? (size_t)(nul - (const char *)field) : len;
    char *p = dio_model_alloc(m, n + 1);
    if (!p)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = ((const unsigned char *)field)[i];
        p[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    p[n] = 0;
    return p;
}

int dio_model_uts(struct dio_model *m, const uint8_t *p, struct dumpio_error *err)
{
    for (unsigned i = 0; i < DUMPIO_UTS_FIELDS; i++) {
        const char *text = dio_model_field(m, p + i * UTS_FIELD, UTS_FIELD);
        if (!text)
            return dio_nomem(err, "utsname");
        m->info.uts[i] = text;
    }
    return 0;
}

/* Make room for one more of `size` bytes behind the first n; *cap in bytes. */
static void *grow(void *list, size_t *cap, uint32_t n, size_t size)
{
    if (n >= INT32_MAX || n > SIZE_MAX / 4 / size)
        return NULL;
    if ((n + (size_t)1) * size <= *cap)
        return list;
    size_t want = *cap ? 2 * *cap : 16 * size;
    void *p = realloc(list, want);
    if (p)
        *cap = want;
    return p;
}

void dio_buf_add(struct dio_buf *b, const void *data, size_t n)
{
    if (b->failed || !n)
        return;
    if (n > b->cap - b->len) {
        size_t want = b->cap ? b->cap : 256;
        while (want - b->len < n && want <= SIZE_MAX / 2)
            want *= 2;
        uint8_t *p = want - b->len < n ? NULL : realloc(b->data, want);
        if (!p) {
            b->failed = true;
            return;
        }
        b->data = p;
        b->cap = want;
    }
    memcpy(b->data + b->len, data, n);
    b->len += n;
}

void dio_buf_printf(struct dio_buf *b, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text)
        b->failed = true;
    else
        dio_buf_add(b, text, (size_t)n);
}

/* ---- lists ----------------------------------------------------------------------------------- */

int dio_model_add_note(struct dio_model *m, const char *name, uint32_t type, const void *data,
                       uint32_t len, struct dumpio_error *err)
{
    struct dumpio_note *list = grow(m->notes, &m->cap_notes, m->info.n_notes, sizeof *list);
    if (!list)
        return dio_nomem(err, "the list of notes");
    m->info.notes = m->notes = list;
    struct dumpio_note *note = &list[m->info.n_notes];
    note->name = dio_model_text(m, name, strlen(name));
    note->data = dio_model_copy(m, data, len);
    note->type = type;
    note->len = len;
    if (!note->name || !note->data)
        return dio_nomem(err, "a note");
    m->info.n_notes++;
    return 0;
}

void dio_model_clear_notes(struct dio_model *m)
{
    m->info.n_notes = 0;
    m->n_prstatus = 0;
}

int dio_model_add_cpu(struct dio_model *m, const struct dumpio_cpu *cpu, struct dumpio_error *err)
{
    uint32_t n = m->info.n_cpus;
    struct dumpio_cpu *list = grow(m->cpus, &m->cap_cpus, n, sizeof *list);
    if (!list)
        return dio_nomem(err, "the list of processors");
    m->info.cpus = m->cpus = list;
    struct dio_cpu_note *sources = grow(m->cpu_notes, &m->cap_cpu_notes, n, sizeof *sources);
    if (!sources)
        return dio_nomem(err, "the list of processors");
    m->cpu_notes = sources;
    list[n] = *cpu;
    sources[n] = (struct dio_cpu_note){NULL, 0};
    if (!cpu->regs)
        list[n].regs_len = 0;
    else if (!(list[n].regs = dio_model_copy(m, cpu->regs, cpu->regs_len)))
        return dio_nomem(err, "registers");
    m->info.n_cpus = n + 1;
    return 0;
}

int dio_model_add_partial(struct dio_model *m, uint64_t start, uint64_t end,
                          struct dumpio_error *err)
{
    uint32_t n = m->info.n_partials;
    struct dumpio_partial *list = grow(m->partials, &m->cap_partials, n, sizeof *list);
    if (!list)
        return dio_nomem(err, "the list of partly held pages");
    m->info.partials = m->partials = list;
    list[n] = (struct dumpio_partial){start, end};
    m->info.n_partials = n + 1;
    return 0;
}

int dio_model_add_extra(struct dio_model *m, struct dumpio_error *err, const char *key,
                        const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    size_t n = need < 0 ? 0 : (size_t)need;
    char *value = malloc(n + 1);
    if (value) {
        vsnprintf(value, n + 1, fmt, again);
        for (char *p = value; (p = strchr(p, '\n'));)
            *p = '?';
    }
    va_end(again);
    struct dio_buf *b = &m->extras;
    if (!value || b->failed) {
        free(value);
        return dio_nomem(err, key);
    }
    if (m->info.extras == (const char *)b->data) {
        b->len--; /* the NUL */
    } else {
        b->len = 0;
        dio_buf_add(b, m->info.extras, strlen(m->info.extras));
    }
    dio_buf_add(b, key, strlen(key));
    dio_buf_add(b, "=", 1);
    dio_buf_add(b, value, strlen(value));
    dio_buf_add(b, "\n", 2);
    free(value);
    /* A failed line may be there in part; the text stays terminated. */
    if (b->failed && b->len)
        b->data[b->len - 1] = 0;
    if (b->data)
        m->info.extras = (const char *)b->data;
    return b->failed ? dio_nomem(err, key) : 0;
}

const char *dio_line_value(const char *text, size_t len, const char *key, size_t *value_len)
{
    size_t key_len = strlen(key);
    for (size_t pos = 0; pos < len;) {
        const char *line = text + pos, *newline = memchr(line, '\n', len - pos);
        size_t n = newline ? (size_t)(newline - line) : len - pos;
        if (n > key_len && line[key_len] == '=' && !memcmp(line, key, key_len)) {
            *value_len = n - key_len - 1;
            return line + key_len + 1;
        }
        pos += n + 1;
    }
    *value_len = 0;
    return NULL;
}

const char *dio_info_extra(const struct dumpio_info *info, const char *key, size_t *len)
{
    return dio_line_value(info->extras, strlen(info->extras), key, len);
}

int dio_model_set_vmcoreinfo(struct dio_model *m, const char *text, size_t len, int found,
                             struct dumpio_error *err)
{
    while (len && !text[len - 1])
        len--;
    if (len > UINT32_MAX)
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "VMCOREINFO of %zu bytes", len);
    const char *copy = dio_model_text(m, text, len);
    if (!copy)
        return dio_nomem(err, "VMCOREINFO");
    m->info.vmcoreinfo = copy;
    m->info.vmcoreinfo_len = (uint32_t)len;
    m->info.vmcoreinfo_found = len ? found : 0;
    return 0;
}

/* ---- questions ------------------------------------------------------------------------------- */

bool dio_note_is(const struct dumpio_note *note, const char *name, uint32_t type)
{
    return note->type == type && !strcmp(note->name, name);
}

bool dio_info_has_note(const struct dumpio_info *info, const char *name, uint32_t type)
{
    for (uint32_t i = 0; i < info->n_notes; i++)
        if (dio_note_is(&info->notes[i], name, type))
            return true;
    return false;
}

const struct dio_arch *dio_info_synthesises(const struct dumpio_info *info)
{
    const struct dio_arch *arch = dio_arch_by_name(info->arch);
    if (!arch || !arch->prstatus_size || dio_info_has_note(info, "CORE", DIO_NT_PRSTATUS))
        return NULL;
    bool any = false;
    for (uint32_t i = 0; i < info->n_cpus; i++) {
        if (info->cpus[i].regs && info->cpus[i].regs_len != arch->regs_size)
            return NULL;
        any |= info->cpus[i].regs != NULL;
    }
    return any ? arch : NULL;
}

enum dumpio_order dio_info_note_order(const struct dumpio_info *info)
{
    return info->note_order ? info->note_order : info->file_order ? info->file_order : info->order;
}
