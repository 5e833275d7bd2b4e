/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine of a few pages: its VMCOREINFO, its page tables, its log. Input, as in fuzz.h:
 * architecture, flags (1 big-endian, 2 order unknown, 4 VMCOREINFO is to be found), log2 of the
 * end of memory, 2 bytes length of the text, the text, then per page 4 bytes frame number (LE) and
 * 4096 bytes.
 */
#include "fuzz.h"
#include "kernel/kernel.h"
#include "plug/decode.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define PAGES_MAX 128u
#define HEAD 5u

static const char *const archs[] = {"x86_64", "i386", "aarch64", "ppc64", "s390x", "riscv64",
                                    "arm", ""};

struct machine {
    struct {
        uint64_t addr;
        const uint8_t *bytes;
    } pages[PAGES_MAX]; /* ascending */
    size_t n;
};

static size_t find(const struct machine *m, uint64_t addr)
{
    size_t lo = 0, hi = m->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->pages[mid].addr + PAGE <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo; /* the first page that ends above addr */
}

static int machine_read(void *ctx, uint64_t addr, void *buf, size_t len, struct dumpio_error *err)
{
    const struct machine *m = ctx;
    uint8_t *to = buf;
    while (len) {
        size_t i = find(m, addr), off = (size_t)(addr % PAGE);
        size_t n = PAGE - off < len ? PAGE - off : len;
        if (i == m->n || m->pages[i].addr > addr)
            return dio_fail(err, DUMPIO_E_ABSENT, 0, "0x%llx is not there",
                            (unsigned long long)addr);
        memcpy(to, m->pages[i].bytes + off, n);
        to += n;
        addr += n;
        len -= n;
    }
    return 0;
}

static int machine_next(void *ctx, uint64_t addr, struct dumpio_run *run, struct dumpio_error *err)
{
    const struct machine *m = ctx;
    size_t i = find(m, addr);
    (void)err;
    if (i == m->n)
        return DUMPIO_END;
    run->start = m->pages[i].addr > addr ? m->pages[i].addr : addr;
    run->kind = DUMPIO_PRESENT;
    do {
        run->end = m->pages[i++].addr + PAGE;
    } while (i < m->n && m->pages[i].addr == run->end);
    return 0;
}

/* The later of two pages of one frame is dropped. */
static void add_page(struct machine *m, uint64_t addr, const uint8_t *bytes)
{
    size_t i = find(m, addr);
    if (m->n == PAGES_MAX || (i < m->n && m->pages[i].addr == addr))
        return;
    memmove(&m->pages[i + 1], &m->pages[i], (m->n++ - i) * sizeof m->pages[0]);
    m->pages[i].addr = addr;
    m->pages[i].bytes = bytes;
}

static int take_log(void *user, const char *text, size_t len)
{
    size_t *left = user;
    FUZZ_REQUIRE(!len || text);
    if (len > *left)
        return 1;
    *left -= len;
    return 0;
}

static void read_at(struct dio_kernel *k, uint64_t virt)
{
    uint8_t buf[64];
    uint64_t phys, run = 0;
    struct dumpio_error err = {0};
    int rc = dio_kernel_translate(k, virt, &phys, &run, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(rc || run);
    fuzz_check_error(dio_kernel_read(k, virt - 16, buf, sizeof buf, &err), &err);
}

static void use(struct dio_kernel *k, const struct dumpio_info *info)
{
    struct dio_kernel_layout l;
    uint8_t uts[390];
    size_t log = (size_t)1 << 20;
    uint64_t at = 0, start, end, virt;
    struct dumpio_error err = {0};
    dio_kernel_layout(k, &l);
    fuzz_check_error(dio_kernel_uts(k, uts, &err), &err);
    int rc = dio_kernel_dmesg(k, take_log, &log, &err);
    fuzz_check_error(rc, &err);
    for (unsigned i = 0; i < 256 && !(rc = dio_kernel_next_mapped(k, at, &start, &end, &err)); i++) {
        FUZZ_REQUIRE(end > start && end > at);
        at = end;
    }
    fuzz_check_error(rc, &err);
    static const char *const names[] = {"init_uts_ns", "swapper_pg_dir", "prb", "log_buf",
                                        "mem_section", "_stext", "vmap_area_list"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (dio_vmcoreinfo_symbol(info->vmcoreinfo, info->vmcoreinfo_len, names[i], &virt))
            read_at(k, virt);
    static const uint64_t places[] = {0, 0xffffffff, 0xffffc90000000000u, 0xffff888000001000u,
                                      UINT64_MAX, 0xc008000000000000u, 0x37fe0000000u};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        read_at(k, places[i]);
}

static void run(struct dumpio_info *info, struct machine *m, bool search)
{
    struct dio_mem mem = {.ctx = m, .read = machine_read, .next_run = machine_next, .info = info};
    struct dio_kernel *k = NULL;
    struct dumpio_error err = {0};
    char *text = NULL;
    size_t len;
    if (search) {
        enum dumpio_order order = DUMPIO_ORDER_UNKNOWN;
        int rc = dio_vmcoreinfo_find(&mem, &text, &len, &order, &err);
        fuzz_check_error(rc, &err);
        if (!rc) {
            info->vmcoreinfo = text;
            info->vmcoreinfo_len = (uint32_t)len;
        }
        if (order)
            info->order = order;
    }
    int rc = dio_kernel_open(&k, &mem, &fuzz_env, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == !!k);
    if (k)
        use(k, info);
    dio_kernel_close(k);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = fuzz_expand(data, size);
    static struct machine m;
    m.n = 0;
    size_t text = in.size < HEAD ? 0 : (size_t)dio_get16(in.bytes + 3, DUMPIO_LITTLE), at = HEAD + text;
    if (in.size >= HEAD && at <= in.size) {
        const uint8_t *b = in.bytes;
        char *copy = malloc(text + 1);
        FUZZ_REQUIRE(copy);
        memcpy(copy, b + HEAD, text);
        copy[text] = 0;
        for (; in.size - at >= 4 + PAGE; at += 4 + PAGE)
            add_page(&m, (uint64_t)dio_get32(b + at, DUMPIO_LITTLE) * PAGE, b + at + 4);
        struct dumpio_info info = {
            .arch = archs[b[0] % (sizeof archs / sizeof *archs)],
            .order = b[1] & 2 ? DUMPIO_ORDER_UNKNOWN : b[1] & 1 ? DUMPIO_BIG : DUMPIO_LITTLE,
            .page_size = 4096,
            .end_addr = (uint64_t)1 << b[2] % 64,
            .vmcoreinfo = copy,
            .vmcoreinfo_len = (uint32_t)text,
        };
        run(&info, &m, b[1] & 4);
        free(copy);
    }
    fuzz_input_free(&in);
    return 0;
}
