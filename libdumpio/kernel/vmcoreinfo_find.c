/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMCOREINFO in the dumped memory: the ELF-note copy or the bare text, on page heads first.
 * Reference: the kernel's kernel/crash_core.c (vmcoreinfo_data, vmcoreinfo_note), s390 lowcore
 * (0xe0c note, 0xe18 os_info). Does not handle: bare texts that do not begin a 4 KiB page.
 */
#include "internal.h"

#include "../plug/codec.h"

#include <stdlib.h>

#define WINDOW ((size_t)256 << 10) /* bytes read at once */
#define STEP 4096u
#define NOTE_HEAD 24u     /* three words and the padded name */
#define TEXT_MAX 65536u   /* the kernel's buffer is one page of at most so much */
#define TRIALS 64u        /* candidates taken to the page tables */
#define HITS 4096u        /* candidates looked at */
#define SETTLE ((uint64_t)256 << 20) /* memory searched on for a better copy, once one will do */

static const char note_name[12] = "VMCOREINFO\0";
static const char first_key[] = "OSRELEASE=";
#define KEY_LEN (sizeof(first_key) - 1)

/* How good a candidate is; the best needs no further search. */
enum rank { NONE, LOOSE, BARE, NOTE, SURE_LOOSE, SURE_BARE, SURE_NOTE };

struct find {
    const struct dio_mem *mem;
    char *best, *failed;   /* texts: kept, and last one that proved wrong */
    size_t best_len, failed_len;
    enum rank rank;
    enum dumpio_order order;
    unsigned trials, hits; /* left */
    enum rank enough;      /* with this much the search ends soon */
    uint64_t since;        /* bytes searched since there was enough */
    uint8_t *window;
    struct dio_mem_reader *reader; /* NULL: there is none */
};

/* ---- candidates ------------------------------------------------------------------------------ */

/* Length of the text at p: up to a NUL or the first byte that no VMCOREINFO has. */
static size_t text_length(const uint8_t *p, size_t len)
{
    size_t n = 0;
    while (n < len && ((p[n] >= ' ' && p[n] < 127) || p[n] == '\n' || p[n] == '\t'))
        n++;
    return n;
}

static bool plausible(const char *text, size_t len)
{
    size_t n;
    uint64_t size = 0;
    const char *s = dio_vmcoreinfo_value(text, len, "OSRELEASE", &n);
    if (!s || !n || n > 64 || s != text + KEY_LEN)
        return false;
    s = dio_vmcoreinfo_value(text, len, "PAGESIZE", &n);
    if (!s || !n || n > 8)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        size = size * 10 + (uint64_t)(s[i] - '0');
    }
    return dio_is_pow2(size) && size >= 4096 && size <= 65536;
}

/* Does the text lead through the page tables back to its own OSRELEASE? */
static bool sure(struct find *f, const char *text, size_t len, enum dumpio_order order)
{
    struct dio_kernel *k = NULL;
    if (!f->trials || (f->failed_len == len && !memcmp(f->failed, text, len)))
        return false;
    f->trials--;
    if (dio_kernel_open_text(&k, f->mem, NULL, text, len, order ? order : f->mem->info->order, 1,
                             NULL)) {
        char *copy = realloc(f->failed, len);
        if (copy) {
            memcpy(copy, text, len);
            f->failed = copy;
            f->failed_len = len;
        }
        return false;
    }
    dio_kernel_close(k);
    return true;
}

/* Judge the text; takes it over or frees it. */
static void offer(struct find *f, char *text, size_t len, enum rank rank, enum dumpio_order order)
{
    if (!plausible(text, len) || rank + (SURE_NOTE - NOTE) <= f->rank) {
        free(text);
        return;
    }
    if (sure(f, text, len, order))
        rank = rank == NOTE ? SURE_NOTE : rank == BARE ? SURE_BARE : SURE_LOOSE;
    if (rank <= f->rank) {
        free(text);
        return;
    }
    free(f->best);
    f->best = text;
    f->best_len = len;
    f->rank = rank;
    f->order = order;
}

/* Up to len bytes of text at addr, as much of it as is in the dump. */
static int read_text(struct find *f, uint64_t addr, size_t len, char **text, size_t *got,
                     struct dumpio_error *err)
{
    char *buf = malloc(len + 1);
    size_t n = 0;
    if (!buf)
        return dio_nomem(err, "VMCOREINFO");
    while (n < len && addr <= UINT64_MAX - len) {
        size_t part = STEP - (size_t)((addr + n) & (STEP - 1));
        if (part > len - n)
            part = len - n;
        if (f->mem->read(f->mem->ctx, addr + n, buf + n, part, NULL))
            break;
        size_t good = text_length((const uint8_t *)buf + n, part);
        n += good;
        if (good < part)
            break;
    }
    buf[n] = '\0';
    *text = buf;
    *got = n;
    return 0;
}

/* Does a VMCOREINFO note with text begin at p (34 bytes)? Gives order and length of the text. */
static bool is_note(const uint8_t *p, enum dumpio_order *order, size_t *len)
{
    if (memcmp(p + 12, note_name, sizeof(note_name)) || memcmp(p + NOTE_HEAD, first_key, KEY_LEN))
        return false;
    for (int o = DUMPIO_LITTLE; o <= DUMPIO_BIG; o++) {
        uint32_t name = dio_get32(p, (enum dumpio_order)o);
        uint32_t desc = dio_get32(p + 4, (enum dumpio_order)o);
        if (name == sizeof("VMCOREINFO") && desc > KEY_LEN && desc <= TEXT_MAX &&
            !dio_get32(p + 8, DUMPIO_LITTLE)) {
            *order = (enum dumpio_order)o;
            *len = desc;
            return true;
        }
    }
    return false;
}

static int try_note(struct find *f, uint64_t addr, struct dumpio_error *err)
{
    uint8_t head[NOTE_HEAD + KEY_LEN];
    enum dumpio_order order;
    size_t len, got;
    char *text;
    if (!f->hits || f->mem->read(f->mem->ctx, addr, head, sizeof(head), NULL) ||
        !is_note(head, &order, &len))
        return 0;
    f->hits--;
    int rc = read_text(f, addr + NOTE_HEAD, len, &text, &got, err);
    if (!rc)
        offer(f, text, got, addr & (STEP - 1) ? LOOSE : NOTE, order);
    return rc;
}

static int try_bare(struct find *f, uint64_t addr, size_t len, struct dumpio_error *err)
{
    size_t got;
    char *text;
    if (!f->hits)
        return 0;
    f->hits--;
    int rc = read_text(f, addr, len, &text, &got, err);
    if (!rc)
        offer(f, text, got, BARE, DUMPIO_ORDER_UNKNOWN);
    return rc;
}

/* ---- s390x ----------------------------------------------------------------------------------- */

/* os_info: magic, checksum, versions, crash kernel, then entries {addr u64, size u64, sum u32}. */
static int try_os_info(struct find *f, uint64_t addr, struct dumpio_error *err)
{
    uint8_t head[52];
    if (!addr || f->mem->read(f->mem->ctx, addr, head, sizeof(head), NULL) ||
        dio_get64(head, DUMPIO_BIG) != 0x4f53494e464f535aull)
        return 0;
    uint64_t text = dio_get64(head + 32, DUMPIO_BIG), size = dio_get64(head + 40, DUMPIO_BIG);
    if (!text || !size || size > TEXT_MAX)
        return 0;
    return try_bare(f, text, (size_t)size, err);
}

static int try_lowcore(struct find *f, struct dumpio_error *err)
{
    uint8_t raw[20]; /* absolute 0xe0c: note address; 0xe18: os_info */
    if (f->mem->read(f->mem->ctx, 0xe0c, raw, sizeof(raw), NULL))
        return 0;
    uint64_t note = dio_get64(raw, DUMPIO_BIG);
    int rc = 0;
    if (note && !(note & 1)) /* an odd value is the offset of a randomised kernel */
        rc = try_note(f, note, err);
    if (!rc && f->rank < SURE_NOTE)
        rc = try_os_info(f, dio_get64(raw + 12, DUMPIO_BIG), err);
    return rc;
}

/* ---- the scan -------------------------------------------------------------------------------- */

/* Whether a word of a page begins a note's name: nearly always not, and then told at the speed of
 * memory. */
static bool has_name(const uint8_t *p, size_t len)
{
    uint32_t name, word, found = 0;
    memcpy(&name, note_name, sizeof name);
    for (size_t i = 0; i + sizeof word <= len; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        found += word == name;
    }
    return found;
}

/* Try what words `from` to `to` of the window begin. */
static int scan_names(struct find *f, uint64_t addr, const uint8_t *p, size_t from, size_t to,
                      size_t len, struct dumpio_error *err)
{
    int rc = 0;
    for (size_t i = from < 12 ? 12 : from; !rc && i + 4 <= to && f->rank < SURE_NOTE; i += 4)
        if (!memcmp(p + i, note_name, 4) &&
            (len - i < sizeof(note_name) || !memcmp(p + i, note_name, sizeof(note_name))))
            rc = try_note(f, addr + i - 12, err);
    return rc;
}

/* Look through len bytes read from addr, which is a multiple of 4 KiB. */
static int scan_window(struct find *f, uint64_t addr, const uint8_t *p, size_t len,
                       struct dumpio_error *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < len && f->rank < SURE_NOTE; i += STEP) {
        size_t end = len - i < STEP ? len : i + STEP;
        if (end - i == STEP && dio_is_zero(p + i, STEP))
            continue;
        if (end - i >= KEY_LEN && !memcmp(p + i, first_key, KEY_LEN))
            rc = try_bare(f, addr + i, TEXT_MAX, err);
        if (!rc && has_name(p + i, end - i))
            rc = scan_names(f, addr, p, i, end, len, err);
    }
    return rc;
}

static int read_window(struct find *f, uint64_t addr, size_t len, bool *zeros)
{
    *zeros = false;
    return f->reader && f->mem->look ? f->mem->look(f->reader, addr, f->window, len, zeros, NULL)
                                     : f->mem->read(f->mem->ctx, addr, f->window, len, NULL);
}

/* One window; where it cannot be read whole, page by page. */
static int scan(struct find *f, uint64_t addr, size_t len, struct dumpio_error *err)
{
    bool zeros;
    if (!read_window(f, addr, len, &zeros))
        return zeros ? 0 : scan_window(f, addr, f->window, len, err);
    int rc = 0;
    for (size_t i = 0; !rc && i < len; i += STEP) {
        size_t n = len - i < STEP ? len - i : STEP;
        if (!f->mem->read(f->mem->ctx, addr + i, f->window, n, NULL))
            rc = scan_window(f, addr + i, f->window, n, err);
    }
    return rc;
}

static bool settled(const struct find *f)
{
    return f->rank == SURE_NOTE || !f->hits || (f->rank >= f->enough && f->since >= SETTLE);
}

static int scan_run(struct find *f, const struct dumpio_run *run, struct dumpio_error *err)
{
    uint64_t addr = run->start;
    int rc = 0;
    while (!rc && addr < run->end && !settled(f)) {
        /* windows begin and end on page heads, whatever the run does */
        uint64_t left = run->end - addr;
        size_t n = WINDOW - (size_t)(addr & (STEP - 1));
        if (n > left)
            n = (size_t)left;
        if (!(addr & (STEP - 1)))
            rc = scan(f, addr, n, err);
        else
            n = left < STEP - (addr & (STEP - 1)) ? n : (size_t)(STEP - (addr & (STEP - 1)));
        if (f->rank >= f->enough)
            f->since += n;
        addr += n;
    }
    return rc;
}

static int scan_memory(struct find *f, struct dumpio_error *err)
{
    struct dumpio_run run;
    uint64_t addr = 0;
    while (!settled(f)) {
        int rc = f->mem->next_run(f->mem->ctx, addr, &run, err);
        if (rc == DUMPIO_END)
            return 0;
        if (!rc && run.end <= addr)
            rc = dio_fail(err, DUMPIO_E_INTERNAL, DUMPIO_NO_OFFSET,
                          "memory map does not ascend at 0x%llx", (unsigned long long)addr);
        if (!rc && run.kind == DUMPIO_PRESENT)
            rc = scan_run(f, &run, err);
        if (rc)
            return rc;
        addr = run.end;
    }
    return 0;
}

int dio_vmcoreinfo_find(const struct dio_mem *mem, char **text, size_t *len,
                        enum dumpio_order *order, struct dumpio_error *err)
{
    struct find f = {.mem = mem, .trials = TRIALS, .hits = HITS};
    int rc = 0;
    f.enough = dio_kernel_translates(mem->info->arch) ? SURE_LOOSE : BARE;
    f.window = malloc(WINDOW);
    if (!f.window)
        return dio_nomem(err, "a window of memory");
    f.reader = mem->new_reader ? mem->new_reader(mem->ctx) : NULL;
    if (!strcmp(mem->info->arch, "s390x"))
        rc = try_lowcore(&f, err);
    if (!rc && f.rank < SURE_LOOSE)
        rc = scan_memory(&f, err);
    if (f.reader)
        mem->free_reader(f.reader);
    free(f.window);
    free(f.failed);
    if (rc || f.rank == NONE) {
        free(f.best);
        return rc ? rc : DUMPIO_END;
    }
    *text = f.best;
    *len = f.best_len;
    *order = f.order;
    return 0;
}
