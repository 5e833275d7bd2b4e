/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel image's ELF side through libelf: symbols, the build id note, contents by address.
 * Reference: the System V gABI; GNU's NT_GNU_BUILD_ID; image of any word size and byte order.
 * Does not handle: images packed for booting (bzImage, Image.gz), modules.
 */
#include "vmlinux.h"

#ifdef DUMPIO_HAVE_DWARF
#include "../plug/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_HEAD 12u /* namesz, descsz, type */

/* Beside dio_wanted_symbols: the release, and PAE. */
static const char *const own_symbols[] = {"linux_banner", "pkmap_count"};
#define OWN (sizeof(own_symbols) / sizeof(own_symbols)[0])

static int elf_fail(const struct dio_image *im, int status, const char *what,
                    struct dumpio_error *err)
{
    return dio_fail(err, status, DUMPIO_NO_OFFSET, "%s: %s: %s", im->path, what, elf_errmsg(-1));
}

/* ---- the build id ---------------------------------------------------------------------------- */

static void note_section(struct dio_image *im, Elf_Scn *scn, uint64_t align)
{
    Elf_Data *data = elf_rawdata(scn, NULL);
    if (!data || !data->d_buf)
        return;
    struct dio_cursor c = dio_cursor(data->d_buf, data->d_size, im->order, im->word);
    size_t pad = align == 8 ? 8 : 4;
    while (!im->id_len && c.len - c.pos >= NOTE_HEAD) {
        uint32_t namesz = dio_cur_u32(&c), descsz = dio_cur_u32(&c), type = dio_cur_u32(&c);
        const uint8_t *name = dio_cur_bytes(&c, namesz);
        dio_cur_align(&c, pad);
        const uint8_t *desc = dio_cur_bytes(&c, descsz);
        if (!desc)
            return;
        if (type == NT_GNU_BUILD_ID && namesz == 4 && !memcmp(name, "GNU", 4) && descsz &&
            descsz <= sizeof(im->id)) {
            memcpy(im->id, desc, descsz);
            memcpy(im->before_id, desc - NOTE_HEAD, sizeof(im->before_id));
            im->id_len = descsz;
        }
        if (c.pos < c.len)
            dio_cur_align(&c, pad);
    }
}

/* ---- symbols --------------------------------------------------------------------------------- */

static bool inside(const struct dio_image *im, uint64_t addr)
{
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(im->elf, scn)) != NULL;) {
        GElf_Shdr sh;
        if (gelf_getshdr(scn, &sh) && (sh.sh_flags & SHF_ALLOC) && sh.sh_size &&
            addr >= sh.sh_addr && addr - sh.sh_addr <= sh.sh_size)
            return true;
    }
    return false;
}

/* Which of several symbols of one name is meant: those of the kernel proper before drivers'. */
static unsigned symbol_rank(const GElf_Sym *sym, bool core)
{
    switch (GELF_ST_BIND(sym->st_info)) {
    case STB_GLOBAL: return 4;
    case STB_WEAK: return 3;
    case STB_LOCAL: return core ? 2 : 1;
    default: return 0;
    }
}

static void take_symbol(struct dio_image_symbol *s, const GElf_Sym *sym, unsigned rank)
{
    if (rank > s->rank) {
        s->rank = rank;
        s->ambiguous = false;
        s->addr = sym->st_value;
        s->size = sym->st_size;
    } else if (rank == s->rank && sym->st_value != s->addr) {
        s->ambiguous = true;
    }
}

/* Files whose static variables and functions are asked for. */
static bool core_file(const char *name)
{
    return name && (!strcmp(name, "printk.c") || !strcmp(name, "hugetlb.c"));
}

static int symbol_table(struct dio_image *im, Elf_Scn *scn, const GElf_Shdr *sh,
                        struct dumpio_error *err)
{
    Elf_Data *data = elf_getdata(scn, NULL);
    if (!data)
        return elf_fail(im, DUMPIO_E_CORRUPT, "symbol table", err);
    size_t each = gelf_fsize(im->elf, ELF_T_SYM, 1, EV_CURRENT);
    size_t n = each ? data->d_size / each : 0;
    bool core = false;
    for (size_t i = 0; i < n && i < INT_MAX; i++) {
        GElf_Sym sym;
        if (!gelf_getsym(data, (int)i, &sym))
            return elf_fail(im, DUMPIO_E_CORRUPT, "symbol table", err);
        const char *name = elf_strptr(im->elf, sh->sh_link, sym.st_name);
        unsigned type = GELF_ST_TYPE(sym.st_info);
        if (type == STT_FILE)
            core = core_file(name);
        if (!name || !*name || sym.st_shndx == SHN_UNDEF || type > STT_FUNC)
            continue;
        for (unsigned k = 0; k < im->n_symbols; k++)
            if (!strcmp(im->symbols[k].name, name))
                take_symbol(&im->symbols[k], &sym, symbol_rank(&sym, core));
    }
    return 0;
}

static int want_symbols(struct dio_image *im, struct dumpio_error *err)
{
    unsigned wanted = 0;
    while (dio_wanted_symbols[wanted])
        wanted++;
    im->symbols = calloc(wanted + OWN, sizeof(*im->symbols));
    if (!im->symbols)
        return dio_nomem(err, "an image's symbols");
    for (unsigned i = 0; i < wanted; i++)
        im->symbols[i].name = dio_wanted_symbols[i];
    for (unsigned i = 0; i < OWN; i++)
        im->symbols[wanted + i].name = own_symbols[i];
    im->n_symbols = wanted + (unsigned)OWN;
    return 0;
}

const struct dio_image_symbol *dio_image_symbol(const struct dio_image *im, const char *name)
{
    for (unsigned i = 0; i < im->n_symbols; i++)
        if (im->symbols[i].rank && !im->symbols[i].ambiguous &&
            !strcmp(im->symbols[i].name, name))
            return &im->symbols[i];
    return NULL;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int sections(struct dio_image *im, struct dumpio_error *err)
{
    size_t names = 0;
    int rc = want_symbols(im, err);
    if (!rc && elf_getshdrstrndx(im->elf, &names))
        rc = elf_fail(im, DUMPIO_E_CORRUPT, "section names", err);
    for (Elf_Scn *scn = NULL; !rc && (scn = elf_nextscn(im->elf, scn)) != NULL;) {
        GElf_Shdr sh;
        if (!gelf_getshdr(scn, &sh))
            return elf_fail(im, DUMPIO_E_CORRUPT, "section header", err);
        const char *name = elf_strptr(im->elf, names, sh.sh_name);
        if (sh.sh_type == SHT_NOTE)
            note_section(im, scn, sh.sh_addralign);
        else if (sh.sh_type == SHT_SYMTAB)
            rc = symbol_table(im, scn, &sh, err);
        else if (name && sh.sh_type != SHT_NOBITS && sh.sh_size) {
            im->has_types |= !strcmp(name, ".debug_info") || !strcmp(name, ".zdebug_info");
            im->split_types |= !strcmp(name, ".gnu_debugaltlink");
        }
    }
    for (unsigned i = 0; !rc && i < im->n_symbols; i++)
        im->symbols[i].inside = inside(im, im->symbols[i].addr);
    return rc;
}

/* What stands in the file's place when it is no ELF file. */
static int not_elf(const struct dio_image *im, struct dumpio_error *err)
{
    uint8_t magic[4] = {0};
    const char *hint = "";
    if (pread(im->fd, magic, 4, 0x202) == 4 && !memcmp(magic, "HdrS", 4))
        hint = ": it is a boot image; take the vmlinux of the kernel's debug package";
    else if (pread(im->fd, magic, 4, 0) == 4 &&
             ((magic[0] == 0x1f && magic[1] == 0x8b) || !memcmp(magic, "\xfd" "7zX", 4) ||
              !memcmp(magic, "\x28\xb5\x2f\xfd", 4)))
        hint = ": it is compressed; unpack it first";
    return dio_fail(err, DUMPIO_E_FORMAT, 0, "%s is no ELF file%s", im->path, hint);
}

static int header(struct dio_image *im, uint64_t size, struct dumpio_error *err)
{
    GElf_Ehdr eh;
    if (elf_kind(im->elf) != ELF_K_ELF || !gelf_getehdr(im->elf, &eh))
        return not_elf(im, err);
    if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
        return dio_fail(err, DUMPIO_E_FORMAT, 16, "%s is no kernel image: it is %s", im->path,
                        eh.e_type == ET_CORE  ? "a dump or core file"
                        : eh.e_type == ET_REL ? "a module or object file"
                                              : "an ELF file of another type");
    im->machine = eh.e_machine;
    im->word = eh.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
    im->order = eh.e_ident[EI_DATA] == ELFDATA2MSB ? DUMPIO_BIG : DUMPIO_LITTLE;
    if (eh.e_shoff >= size)
        return dio_fail(err, DUMPIO_E_TRUNCATED, eh.e_shoff,
                        "%s: the section headers would be at 0x%llx, the file has %llu bytes",
                        im->path, (unsigned long long)eh.e_shoff, (unsigned long long)size);
    return 0;
}

int dio_image_open(struct dio_image *im, const char *path, struct dumpio_error *err)
{
    *im = (struct dio_image){.path = path, .fd = -1};
    struct stat st;
    int rc = 0;
    im->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (im->fd < 0 || fstat(im->fd, &st))
        rc = dio_fail_errno(err, errno, DUMPIO_NO_OFFSET, "%s", path);
    else if (!S_ISREG(st.st_mode))
        rc = dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "%s is no regular file", path);
    else if (elf_version(EV_CURRENT) == EV_NONE)
        rc = elf_fail(im, DUMPIO_E_INTERNAL, "libelf", err);
    else if (!(im->elf = elf_begin(im->fd, ELF_C_READ_MMAP, NULL)))
        rc = elf_fail(im, DUMPIO_E_FORMAT, "no ELF file", err);
    if (!rc)
        rc = header(im, (uint64_t)st.st_size, err);
    if (!rc)
        rc = sections(im, err);
    if (rc)
        dio_image_close(im);
    return rc;
}

void dio_image_close(struct dio_image *im)
{
    if (im->elf)
        elf_end(im->elf);
    if (im->fd >= 0)
        close(im->fd);
    free(im->symbols);
    *im = (struct dio_image){.fd = -1};
}

size_t dio_image_read(const struct dio_image *im, uint64_t addr, void *buf, size_t len)
{
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(im->elf, scn)) != NULL;) {
        GElf_Shdr sh;
        if (!gelf_getshdr(scn, &sh) || !(sh.sh_flags & SHF_ALLOC) || sh.sh_type == SHT_NOBITS ||
            (sh.sh_flags & SHF_COMPRESSED) || addr < sh.sh_addr || addr - sh.sh_addr >= sh.sh_size)
            continue;
        Elf_Data *data = elf_rawdata(scn, NULL);
        uint64_t at = addr - sh.sh_addr;
        if (!data || !data->d_buf || at >= data->d_size)
            return 0;
        size_t n = data->d_size - (size_t)at;
        n = n < len ? n : len;
        memcpy(buf, (const uint8_t *)data->d_buf + at, n);
        return n;
    }
    return 0;
}

#endif
