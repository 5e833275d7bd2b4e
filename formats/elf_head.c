/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF file, program and section headers of both classes and byte orders, read and written.
 * Reference: System V gABI; PN_XNUM as in Solaris and Linux binfmt_elf.
 * Not handled: section headers, but for number 0; e_ehsize is not believed.
 */
#include "elf.h"

#include <stdlib.h>

#define WINDOW (64u << 10) /* bytes of program headers read at once */

int dio_elf_probe(const uint8_t *head, size_t n)
{
    if (n < 20 || memcmp(head, "\177ELF", 4) != 0 || head[6] != 1)
        return 0;
    if (head[4] < 1 || head[4] > 2 || head[5] < 1 || head[5] > 2)
        return 0;
    enum dumpio_order order = head[5] == 2 ? DUMPIO_BIG : DUMPIO_LITTLE;
    return dio_get16(head + 16, order) == DIO_ELF_CORE ? 100 : 0;
}

/* The real number of program headers: sh_info of section header 0. */
static int read_xnum(struct dio_bytes *src, struct dio_elf_head *h, struct dumpio_error *err)
{
    uint8_t raw[DIO_ELF_SHDR_MAX];
    size_t n = dio_elf_shdr_size(h->word);
    int rc = dio_read_exact(src, h->shoff, raw, n, "section header 0, which counts the segments",
                            err);
    if (rc)
        return rc;
    uint32_t count = dio_get32(raw + (h->word == 4 ? 28 : 44), h->order);
    if (count)
        h->phnum = count;
    return 0;
}

/* The fields behind e_ident; c stands at e_type. */
static int decode_head(struct dio_cursor *c, struct dio_elf_head *h, uint32_t *shnum,
                       struct dumpio_error *err)
{
    unsigned type = dio_cur_u16(c);
    if (type != DIO_ELF_CORE)
        return dio_fail(err, DUMPIO_E_FORMAT, 16, "ELF file of type %u, not a core (4)", type);
    h->machine = dio_cur_u16(c);
    dio_cur_skip(c, 4);       /* e_version */
    (void)dio_cur_word(c);    /* e_entry */
    h->phoff = dio_cur_word(c);
    h->shoff = dio_cur_word(c);
    h->flags = dio_cur_u32(c);
    h->ehsize = dio_cur_u16(c);
    unsigned phentsize = dio_cur_u16(c);
    h->phnum = dio_cur_u16(c);
    dio_cur_skip(c, 2);       /* e_shentsize */
    *shnum = dio_cur_u16(c);
    if (phentsize != dio_elf_phdr_size(h->word))
        return dio_fail(err, DUMPIO_E_CORRUPT, h->word == 4 ? 42 : 54,
                        "ELF header: program headers of %u bytes, must be %zu", phentsize,
                        dio_elf_phdr_size(h->word));
    return 0;
}

int dio_elf_read_head(struct dio_bytes *src, struct dio_elf_head *h, struct dumpio_error *err)
{
    uint8_t raw[DIO_ELF_EHDR_MAX];
    uint32_t shnum = 0;
    int rc = dio_read_exact(src, 0, raw, 20, "ELF identification", err);
    if (rc)
        return rc;
    if (!dio_elf_probe(raw, 20))
        return dio_fail(err, DUMPIO_E_FORMAT, 0, "no ELF core identification");
    memset(h, 0, sizeof *h);
    h->word = raw[4] == 1 ? 4 : 8;
    h->order = raw[5] == 2 ? DUMPIO_BIG : DUMPIO_LITTLE;
    rc = dio_read_exact(src, 0, raw, dio_elf_ehdr_size(h->word), "ELF header", err);
    if (rc)
        return rc;
    struct dio_cursor c = dio_cursor(raw, dio_elf_ehdr_size(h->word), h->order, h->word);
    dio_cur_skip(&c, 16);
    rc = decode_head(&c, h, &shnum, err);
    if (!rc && h->phnum == DIO_PN_XNUM && h->shoff && shnum)
        rc = read_xnum(src, h, err);
    if (rc)
        return rc;
    if (!h->phnum)
        return dio_fail(err, DUMPIO_E_CORRUPT, 0, "ELF header: no program headers");
    if (h->phoff < 16)
        return dio_fail(err, DUMPIO_E_CORRUPT, 0,
                        "ELF header: program headers at 0x%llx, inside the header",
                        (unsigned long long)h->phoff);
    return 0;
}

static void get_phdr(const uint8_t *raw, const struct dio_elf_head *h, struct dio_elf_phdr *p)
{
    struct dio_cursor c = dio_cursor(raw, dio_elf_phdr_size(h->word), h->order, h->word);
    p->type = dio_cur_u32(&c);
    if (h->word == 8)
        p->flags = dio_cur_u32(&c);
    p->offset = dio_cur_word(&c);
    p->vaddr = dio_cur_word(&c);
    p->paddr = dio_cur_word(&c);
    p->filesz = dio_cur_word(&c);
    p->memsz = dio_cur_word(&c);
    if (h->word == 4)
        p->flags = dio_cur_u32(&c);
    p->align = dio_cur_word(&c);
    if (h->word == 4) { /* "all ones" means the same in both classes */
        if (p->offset == UINT32_MAX)
            p->offset = UINT64_MAX;
        if (p->paddr == UINT32_MAX)
            p->paddr = UINT64_MAX;
    }
}

int dio_elf_walk_phdrs(struct dio_bytes *src, const struct dio_elf_head *h,
                       int (*visit)(void *ctx, uint32_t i, const struct dio_elf_phdr *p,
                                    struct dumpio_error *err),
                       void *ctx, int *truncated, struct dumpio_error *err)
{
    size_t size = dio_elf_phdr_size(h->word), per_window = WINDOW / size;
    uint8_t *raw = malloc(WINDOW);
    int rc = 0;
    if (!raw)
        return dio_nomem(err, "program headers");
    for (uint32_t i = 0; i < h->phnum && !rc;) {
        size_t want = h->phnum - i < per_window ? h->phnum - i : per_window, got = 0;
        uint64_t off;
        if (!dio_add(h->phoff, (uint64_t)i * size, &off))
            rc = dio_read_some(src, off, raw, want * size, &got, err);
        for (size_t k = 0; k < got / size && !rc; k++) {
            struct dio_elf_phdr p;
            get_phdr(raw + k * size, h, &p);
            rc = visit(ctx, i + (uint32_t)k, &p, err);
        }
        if (got < want * size) {
            *truncated = 1;
            break;
        }
        i += (uint32_t)want;
    }
    free(raw);
    return rc;
}

size_t dio_elf_put_head(uint8_t *out, const struct dio_elf_head *h)
{
    size_t size = dio_elf_ehdr_size(h->word);
    struct dio_builder b = dio_builder(out, size, h->order, h->word);
    dio_bld_bytes(&b, "\177ELF", 4);
    dio_bld_put(&b, 1, h->word == 4 ? 1 : 2);
    dio_bld_put(&b, 1, h->order == DUMPIO_BIG ? 2 : 1);
    dio_bld_put(&b, 1, 1);
    dio_bld_zero(&b, 9);
    dio_bld_put(&b, 2, DIO_ELF_CORE);
    dio_bld_put(&b, 2, h->machine);
    dio_bld_u32(&b, 1);
    dio_bld_word(&b, 0);
    dio_bld_word(&b, h->phoff);
    dio_bld_word(&b, h->shoff);
    dio_bld_u32(&b, h->flags);
    dio_bld_put(&b, 2, size);
    dio_bld_put(&b, 2, dio_elf_phdr_size(h->word));
    dio_bld_put(&b, 2, h->phnum < DIO_PN_XNUM ? h->phnum : DIO_PN_XNUM);
    dio_bld_put(&b, 2, h->shoff ? dio_elf_shdr_size(h->word) : 0);
    dio_bld_put(&b, 2, h->shoff ? 1 : 0);
    dio_bld_put(&b, 2, 0);
    return size;
}

size_t dio_elf_put_phdr(uint8_t *out, const struct dio_elf_head *h, const struct dio_elf_phdr *p)
{
    size_t size = dio_elf_phdr_size(h->word);
    struct dio_builder b = dio_builder(out, size, h->order, h->word);
    dio_bld_u32(&b, p->type);
    if (h->word == 8)
        dio_bld_u32(&b, p->flags);
    dio_bld_word(&b, p->offset);
    dio_bld_word(&b, p->vaddr);
    dio_bld_word(&b, p->paddr);
    dio_bld_word(&b, p->filesz);
    dio_bld_word(&b, p->memsz);
    if (h->word == 4)
        dio_bld_u32(&b, p->flags);
    dio_bld_word(&b, p->align);
    return size;
}

size_t dio_elf_put_shdr0(uint8_t *out, const struct dio_elf_head *h)
{
    size_t size = dio_elf_shdr_size(h->word);
    memset(out, 0, size);
    dio_put(out + (h->word == 4 ? 20 : 32), h->order, h->word, 1); /* sh_size = e_shnum */
    dio_put(out + (h->word == 4 ? 28 : 44), h->order, 4, h->phnum); /* sh_info */
    return size;
}
