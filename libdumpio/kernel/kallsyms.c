/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run-time addresses from the kernel's own symbol table, which VMCOREINFO names since 6.0.
 * Reference: scripts/kallsyms.c and kernel/kallsyms.c of Linux 6.0 to 7.2.
 * Does not handle: modules; the table of kernels whose VMCOREINFO does not name it.
 */
#include "facts.h"
#include "internal.h"

#include <stdlib.h>

#define SYMBOLS_MAX (1u << 22)
#define NAMES_MAX ((uint64_t)64 << 20) /* bytes of all packed names */
#define PACKED_MAX 1024u               /* bytes of one packed name */
#define NAME_MAX_LEN 128u              /* longest name that can be asked for */
#define TOKENS_MAX (65536u + PACKED_MAX)
#define CHUNK 32768u /* bytes of a read: past the page cache, which other threads stand in line for */
#define PIECE 4096u   /* and through the page cache */
#define NO_SYMBOL UINT32_MAX

/* A name asked for: where it stands, apart for global symbols (capital type letter) and others. */
struct hit {
    uint32_t first[2];
    uint32_t count[2];
};

struct table {
    struct dio_kernel *k;
    uint64_t names;   /* addresses */
    uint64_t offsets; /* of the cells: 32 bits, or a word when they are addresses themselves */
    uint64_t base;    /* the relative base */
    bool has_base, absolute;
    uint32_t count;
    bool two_bytes;   /* a length byte from 0x80 on is followed by a second */
    struct {
        uint16_t at, len; /* in tokens */
    } token[256];
    uint8_t *tokens;
    size_t tokens_len;
};

/* ---- the tokens ------------------------------------------------------------------------------ */

static int read_number(const struct table *t, uint64_t virt, unsigned size, uint64_t *value,
                       struct dumpio_error *err)
{
    uint8_t raw[8];
    int rc = dio_kernel_read(t->k, virt, raw, size, err);
    if (!rc)
        *value = dio_get_word(raw, t->k->order, size);
    return rc;
}

static int bad_tokens(struct dumpio_error *err, unsigned token)
{
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "token %u of kallsyms_token_table has no end", token);
}

static int read_tokens(struct table *t, uint64_t table, uint64_t index, struct dumpio_error *err)
{
    uint8_t raw[512];
    unsigned last = 0;
    int rc = dio_kernel_read(t->k, index, raw, sizeof(raw), err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < 256; i++) {
        t->token[i].at = dio_get16(raw + 2 * i, t->k->order);
        last = t->token[i].at > last ? t->token[i].at : last;
    }
    t->tokens = malloc(TOKENS_MAX);
    struct dio_view *view = calloc(1, sizeof(*view));
    if (!t->tokens || !view) {
        free(view);
        return dio_nomem(err, "the kernel's symbol table");
    }
    view->k = t->k;
    t->tokens_len = dio_view_some(view, table, t->tokens, last + PACKED_MAX);
    free(view);
    for (unsigned i = 0; i < 256; i++) {
        size_t at = t->token[i].at;
        const uint8_t *end =
            at < t->tokens_len ? memchr(t->tokens + at, 0, t->tokens_len - at) : NULL;
        if (!end || (size_t)(end - (t->tokens + at)) > PACKED_MAX)
            return bad_tokens(err, i);
        t->token[i].len = (uint16_t)(end - (t->tokens + at));
    }
    return 0;
}

/* DUMPIO_END when VMCOREINFO does not name all tables. */
static int open_table(struct table *t, struct dumpio_error *err)
{
    const struct dio_kernel *k = t->k;
    uint64_t count_at, tokens, index, count;
    if (!dio_kernel_symbol(k, "kallsyms_names", &t->names) ||
        !dio_kernel_symbol(k, "kallsyms_num_syms", &count_at) ||
        !dio_kernel_symbol(k, "kallsyms_token_table", &tokens) ||
        !dio_kernel_symbol(k, "kallsyms_token_index", &index))
        return DUMPIO_END;
    t->has_base = dio_kernel_symbol(k, "kallsyms_relative_base", &t->base);
    if (!dio_kernel_symbol(k, "kallsyms_offsets", &t->offsets)) {
        t->absolute = dio_kernel_symbol(k, "kallsyms_addresses", &t->offsets);
        if (!t->absolute)
            return DUMPIO_END;
    }
    t->two_bytes = !dio_kernel_before(k, 6, 1, 0);
    int rc = read_number(t, count_at, 4, &count, err);
    if (!rc && t->has_base)
        rc = read_number(t, t->base, k->word, &t->base, err);
    if (!rc && (!count || count > SYMBOLS_MAX))
        rc = dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                      "kallsyms_num_syms is impossible: %llu", (unsigned long long)count);
    if (rc)
        return rc;
    t->count = (uint32_t)count;
    return read_tokens(t, tokens, index, err);
}

/* ---- the names ------------------------------------------------------------------------------- */

/* The packed names as a stream. */
struct stream {
    const struct table *t;
    struct dio_mem_reader *reader; /* NULL: there is only the page cache */
    uint64_t next; /* address of what was not read yet */
    uint64_t left; /* bytes that may still be read */
    size_t pos, len;
    uint8_t bytes[PACKED_MAX + CHUNK];
};

/* Up to len bytes from s->next on to the end of what is there: what follows may be missing. */
static int read_on(struct stream *s, size_t len, size_t *got, struct dumpio_error *err)
{
    struct dio_kernel *k = s->t->k;
    uint8_t *to = s->bytes + s->len;
    if (s->reader) {
        int rc = dio_kernel_read_large(k, s->reader, s->next, to, len, got, err);
        return *got ? 0 : rc;
    }
    *got = PIECE - (size_t)(s->next % PIECE);
    if (*got > len)
        *got = len;
    return dio_kernel_read(k, s->next, to, *got, err);
}

/* At least n (at most PACKED_MAX) bytes from bytes + pos on. */
static int need(struct stream *s, size_t n, struct dumpio_error *err)
{
    if (s->len - s->pos >= n)
        return 0;
    memmove(s->bytes, s->bytes + s->pos, s->len - s->pos);
    s->len -= s->pos;
    s->pos = 0;
    while (s->len < n) {
        size_t chunk = CHUNK - (size_t)(s->next % CHUNK), got = 0;
        if (s->left < chunk)
            return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                            "kallsyms_names does not end within %llu bytes",
                            (unsigned long long)NAMES_MAX);
        int rc = read_on(s, chunk, &got, err);
        if (rc)
            return rc;
        s->len += got;
        s->next += got;
        s->left -= got;
    }
    return 0;
}

/* The next packed name, one byte per token. */
static int next_name(struct stream *s, const uint8_t **name, size_t *len,
                     struct dumpio_error *err)
{
    int rc = need(s, 1, err);
    if (rc)
        return rc;
    size_t n = s->bytes[s->pos];
    s->pos++;
    if (n >= 0x80 && s->t->two_bytes) {
        rc = need(s, 1, err);
        if (rc)
            return rc;
        n = (n & 0x7f) | (size_t)s->bytes[s->pos] << 7;
        s->pos++;
    }
    if (!n || n > PACKED_MAX)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "kallsyms_names: a name of %zu packed bytes", n);
    rc = need(s, n, err);
    *name = s->bytes + s->pos;
    *len = n;
    s->pos += rc ? 0 : n;
    return rc;
}

/* Expanded into text, which has room for all of it: the type letter, then the name. */
static void expand(const struct table *t, const uint8_t *packed, size_t n, char *text)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(text, t->tokens + t->token[packed[i]].at, t->token[packed[i]].len);
        text += t->token[packed[i]].len;
    }
    *text = '\0';
}

static bool same(const char *a, const char *b, size_t len)
{
    return strlen(b) == len && !memcmp(a, b, len);
}

/* names[0..n), and "_stext" as hit[n]. Lengths are added up first: few names are expanded. */
static int look_through(struct stream *s, const char *const *names, size_t n, struct hit *hit,
                        struct dumpio_error *err)
{
    const struct table *t = s->t;
    bool length[NAME_MAX_LEN + 1] = {false};
    char text[NAME_MAX_LEN + 2];
    for (size_t i = 0; i <= n; i++) {
        size_t len = strlen(i < n ? names[i] : "_stext");
        if (len <= NAME_MAX_LEN)
            length[len] = true;
    }
    for (uint32_t sym = 0; sym < t->count; sym++) {
        const uint8_t *packed = NULL;
        size_t tokens = 0, len = 0;
        int rc = next_name(s, &packed, &tokens, err);
        if (rc)
            return rc;
        for (size_t i = 0; i < tokens; i++)
            len += t->token[packed[i]].len;
        if (len < 2 || len - 1 > NAME_MAX_LEN || !length[len - 1])
            continue;
        expand(t, packed, tokens, text);
        bool global = text[0] >= 'A' && text[0] <= 'Z';
        for (size_t i = 0; i <= n; i++)
            if (same(text + 1, i < n ? names[i] : "_stext", len - 1) && !hit[i].count[global]++)
                hit[i].first[global] = sym;
    }
    return 0;
}

static int find_names(const struct table *t, const char *const *names, size_t n, struct hit *hit,
                      struct dumpio_error *err)
{
    struct dio_mem *mem = &t->k->mem;
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return dio_nomem(err, "the kernel's symbol table");
    s->t = t;
    s->next = t->names;
    s->left = NAMES_MAX;
    s->reader = mem->new_reader ? mem->new_reader(mem->ctx) : NULL;
    int rc = look_through(s, names, n, hit, err);
    if (s->reader)
        mem->free_reader(s->reader);
    free(s);
    return rc;
}

/* ---- the addresses --------------------------------------------------------------------------- */

enum form { BASE_RELATIVE, PERCPU, PLACE_RELATIVE, ABSOLUTE, FORMS };

static bool has_form(const struct table *t, enum form form)
{
    if (t->absolute)
        return form == ABSOLUTE;
    return form == PLACE_RELATIVE || (t->has_base && form != ABSOLUTE);
}

static int address(const struct table *t, enum form form, uint32_t sym, uint64_t *addr,
                   struct dumpio_error *err)
{
    unsigned size = t->absolute ? t->k->word : 4;
    uint64_t at = t->offsets + (uint64_t)sym * size, cell;
    int rc = read_number(t, at, size, &cell, err);
    if (rc)
        return rc;
    uint64_t extended = cell & 0x80000000u ? cell | 0xffffffff00000000u : cell;
    switch (form) {
    case BASE_RELATIVE: *addr = t->base + cell; break;
    case PERCPU: *addr = cell & 0x80000000u ? t->base - 1 - extended : cell; break;
    case PLACE_RELATIVE: *addr = at + extended; break;
    default: *addr = cell; break;
    }
    if (t->k->word == 4)
        *addr &= 0xffffffffu;
    return 0;
}

/* One symbol of that name: the only global one, or the only one. */
static uint32_t chosen(const struct hit *h)
{
    unsigned kind = h->count[1] ? 1 : 0;
    return h->count[kind] == 1 ? h->first[kind] : NO_SYMBOL;
}

/* The form in which _stext is where VMCOREINFO says. */
static int find_form(const struct table *t, uint32_t sym, uint64_t stext, enum form *form,
                     struct dumpio_error *err)
{
    for (unsigned f = 0; f < FORMS; f++) {
        uint64_t addr;
        if (sym == NO_SYMBOL || !has_form(t, f))
            continue;
        int rc = address(t, f, sym, &addr, err);
        if (rc)
            return rc;
        if (addr == stext) {
            *form = f;
            return 0;
        }
    }
    return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                    "the kernel's symbol table does not have _stext at 0x%llx",
                    (unsigned long long)stext);
}

static int look_up(struct table *t, const char *const *names, size_t n, uint64_t *addrs,
                   struct hit *hit, struct dumpio_error *err)
{
    uint64_t stext;
    enum form form = FORMS;
    if (!dio_kernel_symbol(t->k, "_stext", &stext))
        return DUMPIO_END;
    int rc = open_table(t, err);
    if (!rc)
        rc = find_names(t, names, n, hit, err);
    if (!rc)
        rc = find_form(t, chosen(&hit[n]), stext, &form, err);
    for (size_t i = 0; !rc && i < n; i++) {
        uint32_t sym = chosen(&hit[i]);
        if (sym != NO_SYMBOL)
            rc = address(t, form, sym, &addrs[i], err);
    }
    return rc;
}

int dio_kallsyms_find(struct dio_kernel *k, const char *const *names, size_t n, uint64_t *addrs,
                      struct dumpio_error *err)
{
    struct table t = {.k = k};
    for (size_t i = 0; i < n; i++)
        addrs[i] = 0;
    struct hit *hit = calloc(n + 1, sizeof(*hit));
    if (!hit)
        return dio_nomem(err, "the kernel's symbol table");
    int rc = look_up(&t, names, n, addrs, hit, err);
    for (size_t i = 0; rc && i < n; i++)
        addrs[i] = 0;
    free(t.tokens);
    free(hit);
    return rc < 0 ? dio_context(err, rc, "kallsyms") : rc;
}
