/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of a kernel from its image (vmlinux), moved to where the dumped kernel ran.
 * Reference: the kernel's vmcoreinfo.rst (KERNELOFFSET, BUILD-ID). KASLR moves the image whole.
 * Does not handle: macros (no image says them), modules, per-CPU copies.
 */
#include "vmlinux.h"

#ifndef DUMPIO_HAVE_DWARF
int dio_vmlinux_facts(const char *path, const char *vmcoreinfo, size_t vmcoreinfo_len,
                      struct dio_facts *f, struct dumpio_error *err)
{
    (void)vmcoreinfo;
    (void)vmcoreinfo_len;
    (void)f;
    return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                    "%s: this dumpio was built without libdw (DUMPIO_DWARF), which reads kernel "
                    "images", path);
}
#else
#include "../plug/arch.h"
#include "../plug/decode.h"

#include <stdio.h>

#define EM_386 3
#define EM_X86_64 62
#define UTS_FIELD 65u
#define BANNER "Linux version "
#define X86_64_IMAGE 0xffffffff80000000u /* KASLR moves what is linked in the 1 GiB from here */

/* What VMCOREINFO says; NULL and 0 are allowed. */
struct told {
    const char *text;
    size_t len;
};

static const char *told_value(const struct told *t, const char *key, size_t *len)
{
    return t->text ? dio_vmcoreinfo_value(t->text, t->len, key, len) : NULL;
}

static bool told_symbol(const struct told *t, const char *name, uint64_t *value)
{
    return t->text && dio_vmcoreinfo_symbol(t->text, t->len, name, value);
}

/* ---- which kernel it is ---------------------------------------------------------------------- */

/* "6.1.0-56-cloud-amd64" out of n bytes that end with `end`; false when it is no such name. */
static bool take_release(char release[UTS_FIELD], const char *s, size_t n, char end)
{
    size_t len = 0;
    while (len < n && len < UTS_FIELD && s[len] > ' ' && s[len] < 0x7f)
        len++;
    if (!len || len >= n || len >= UTS_FIELD || s[len] != end || s[0] < '0' || s[0] > '9')
        return false;
    memcpy(release, s, len);
    release[len] = '\0';
    return true;
}

static bool banner_at(const struct dio_image *im, uint64_t addr, char release[UTS_FIELD])
{
    char text[sizeof(BANNER) + UTS_FIELD];
    size_t n = dio_image_read(im, addr, text, sizeof(text)), head = sizeof(BANNER) - 1;
    return n > head && !memcmp(text, BANNER, head) &&
           take_release(release, text + head, n - head, ' ');
}

/* linux_banner is an array; up to 2.6.10 a pointer. */
static bool release_of_banner(const struct dio_image *im, char release[UTS_FIELD])
{
    const struct dio_image_symbol *s = dio_image_symbol(im, "linux_banner");
    uint8_t pointer[8];
    if (!s)
        return false;
    if (banner_at(im, s->addr, release))
        return true;
    return dio_image_read(im, s->addr, pointer, im->word) == im->word &&
           banner_at(im, dio_get_word(pointer, im->order, im->word), release);
}

/*
 * utsname's version ends the banner: "... (compiler) #1 SMP date". False when it is not to be had.
 */
static bool version_of_banner(const struct dio_image *im, char version[UTS_FIELD])
{
    const struct dio_image_symbol *s = dio_image_symbol(im, "linux_banner");
    char text[1024] = "";
    uint8_t pointer[8];
    size_t n = s ? dio_image_read(im, s->addr, text, sizeof(text) - 1) : 0;
    if (n && memcmp(text, BANNER, sizeof(BANNER) - 1) != 0 &&
        dio_image_read(im, s->addr, pointer, im->word) == im->word)
        n = dio_image_read(im, dio_get_word(pointer, im->order, im->word), text,
                           sizeof(text) - 1);
    if (n < sizeof(BANNER) || memcmp(text, BANNER, sizeof(BANNER) - 1) != 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    const char *at = strstr(text, ") #");
    for (const char *next = at; next; next = strstr(at + 1, ") #"))
        at = next;
    if (!at || strlen(at + 2) >= UTS_FIELD)
        return false;
    memcpy(version, at + 2, strlen(at + 2) + 1);
    return true;
}

/* struct new_utsname begins `system_utsname`, and lies not far inside `init_uts_ns`. */
static bool release_of_uts(const struct dio_image *im, const char *name, char release[UTS_FIELD])
{
    const struct dio_image_symbol *s = dio_image_symbol(im, name);
    char text[64 + 3 * UTS_FIELD]; /* sysname, nodename, release */
    size_t n = s ? dio_image_read(im, s->addr, text, sizeof(text)) : 0;
    for (size_t at = 0; at + 3 * UTS_FIELD <= n; at += 4)
        if (!memcmp(text + at, "Linux", 6) &&
            take_release(release, text + at + 2 * UTS_FIELD, UTS_FIELD, '\0'))
            return true;
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Is the text of n digits the id's? */
static bool same_id(const char *s, size_t n, const uint8_t *id, size_t len)
{
    if (n != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (hex_digit(s[2 * i]) != id[i] >> 4 || hex_digit(s[2 * i + 1]) != (id[i] & 15))
            return false;
    return true;
}

/*
 * BUILD-ID of some stable kernels (5.15.168 and later, 6.1.113-118, 6.6.55-62, 6.10.14, 6.11.3-9,
 * and distributions' on them) was copied from 12 bytes before the id: the head of its note.
 */
static bool shifted_id(const char *s, size_t n, const struct dio_image *im)
{
    uint8_t shifted[sizeof(im->before_id) + sizeof(im->id)];
    memcpy(shifted, im->before_id, sizeof(im->before_id));
    memcpy(shifted + sizeof(im->before_id), im->id, im->id_len);
    return same_id(s, n, shifted, im->id_len);
}

static int other_kernel(const struct dio_image *im, const char *what, const char *own,
                        const char *told, size_t told_len, struct dumpio_error *err)
{
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                    "%s is the image of another kernel: %s %s, the dump's %.*s", im->path, what,
                    own, (int)(told_len < 128 ? told_len : 128), told);
}

/*
 * Without a build id, release alone does not tell two builds apart, but the distance between text
 * and data does.
 */
static int check_distance(const struct dio_image *im, const struct told *t,
                          struct dumpio_error *err)
{
    const struct dio_image_symbol *text = dio_image_symbol(im, "_stext");
    const struct dio_image_symbol *data = dio_image_symbol(im, "init_uts_ns");
    uint64_t told_text, told_data;
    if (!text || !data || !told_symbol(t, "_stext", &told_text) ||
        !told_symbol(t, "init_uts_ns", &told_data) ||
        told_data - told_text == data->addr - text->addr)
        return 0;
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                    "%s is the image of another kernel: init_uts_ns at _stext + 0x%llx, the "
                    "dump's at _stext + 0x%llx", im->path,
                    (unsigned long long)(data->addr - text->addr),
                    (unsigned long long)(told_data - told_text));
}

static int check_kernel(const struct dio_image *im, const struct told *t, const char *release,
                        struct dumpio_error *err)
{
    size_t n = 0;
    const char *s = told_value(t, "BUILD-ID", &n);
    if (s && im->id_len) {
        char own[2 * sizeof(im->id) + 1];
        for (unsigned i = 0; i < im->id_len; i++)
            snprintf(own + 2 * i, 3, "%02x", im->id[i]);
        return same_id(s, n, im->id, im->id_len) || shifted_id(s, n, im)
                   ? 0
                   : other_kernel(im, "build id", own, s, n, err);
    }
    s = told_value(t, "OSRELEASE", &n);
    if (s && *release && (n != strlen(release) || memcmp(s, release, n)))
        return other_kernel(im, "release", release, s, n, err);
    return check_distance(im, t, err);
}

/* ---- where it ran ---------------------------------------------------------------------------- */

static bool told_hex(const struct told *t, const char *key, uint64_t *value)
{
    size_t n = 0;
    const char *s = told_value(t, key, &n);
    uint64_t v = 0;
    if (!s || !n || n > 16)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (hex_digit(s[i]) < 0)
            return false;
        v = v << 4 | (unsigned)hex_digit(s[i]);
    }
    *value = v;
    return true;
}

/* How far the image was moved, modulo 2^64. */
static uint64_t image_offset(const struct dio_image *im, const struct told *t)
{
    const struct dio_image_symbol *s = dio_image_symbol(im, "_stext");
    uint64_t v;
    if (told_hex(t, "KERNELOFFSET", &v))
        return v;
    return s && told_symbol(t, "_stext", &v) ? v - s->addr : 0;
}

static uint64_t moved(const struct dio_image *im, const struct dio_image_symbol *s, uint64_t offset)
{
    bool moves = im->machine == EM_X86_64
                     ? s->addr >= X86_64_IMAGE && s->addr - X86_64_IMAGE < (uint64_t)1 << 30
                     : s->inside;
    uint64_t addr = moves ? s->addr + offset : s->addr;
    return im->word == 4 ? addr & UINT32_MAX : addr;
}

/* ---- together -------------------------------------------------------------------------------- */

static unsigned put_symbols(const struct dio_image *im, const struct told *t, struct dio_facts *f)
{
    uint64_t offset = image_offset(im, t);
    unsigned n = 0;
    for (const char *const *name = dio_wanted_symbols; *name; name++) {
        const struct dio_image_symbol *s = dio_image_symbol(im, *name);
        if (s) {
            dio_facts_symbol(f, *name, moved(im, s, offset));
            n++;
        }
    }
    return n;
}

/* pkmap_count has an int for every page of the window: 512 with PAE, 1024 without. */
static bool is_pae(const struct dio_image *im)
{
    const struct dio_image_symbol *s = dio_image_symbol(im, "pkmap_count");
    return im->machine == EM_386 &&
           (im->pte_size ? im->pte_size == 8 : s && s->size == 512 * sizeof(uint32_t));
}

static int facts(struct dio_image *im, const struct told *t, struct dio_facts *f,
                 struct dumpio_error *err)
{
    char release[UTS_FIELD] = "";
    if (!release_of_banner(im, release) && !release_of_uts(im, "init_uts_ns", release))
        release_of_uts(im, "system_utsname", release);
    int rc = check_kernel(im, t, release, err);
    if (rc)
        return rc;
    if (*release)
        dio_facts_line(f, "OSRELEASE", release);
    char version[UTS_FIELD];
    if (version_of_banner(im, version))
        dio_facts_line(f, "VERSION", version);
    const struct dio_arch *arch = dio_arch_by_elf(im->machine);
    if (arch && arch->word == im->word)
        dio_facts_line(f, "MACHINE", dio_arch_uts(arch->name, im->order));
    unsigned symbols = put_symbols(im, t, f), types = 0;
    if (im->has_types)
        rc = dio_image_types(im, f, &types, err);
    if (rc)
        return rc;
    if (is_pae(im))
        dio_facts_line(f, "CONFIG_X86_PAE", "y");
    if (symbols || types)
        return f->failed ? dio_nomem(err, "a kernel's facts") : 0;
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                    "%s tells nothing of a kernel: it has neither a kernel's symbols nor %s; take "
                    "the vmlinux of the kernel's debug package", im->path,
                    im->has_types ? "a kernel's types" : "debugging information");
}

int dio_vmlinux_facts(const char *path, const char *vmcoreinfo, size_t vmcoreinfo_len,
                      struct dio_facts *f, struct dumpio_error *err)
{
    struct told t = {vmcoreinfo, vmcoreinfo_len};
    struct dio_image im;
    size_t before = f->len;
    int rc = dio_image_open(&im, path, err);
    if (rc)
        return rc;
    rc = facts(&im, &t, f, err);
    dio_image_close(&im);
    if (rc && f->text) { /* no half of the facts */
        f->len = before;
        f->text[before] = '\0';
    }
    return rc;
}
#endif
