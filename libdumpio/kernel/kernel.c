/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dumped kernel, opened: architecture chosen, address translation proven, virtual reads.
 * Reference: the kernel's vmcoreinfo.rst for the keys; utsname as in include/uapi/linux/utsname.h.
 * Does not handle: kernels without VMCOREINFO (before 2.6.24), Xen guests' p2m.
 */
#include "internal.h"

#include <stdlib.h>

#define UTS_FIELD 65u           /* bytes of each of the six strings */
#define UTS_RELEASE (2 * UTS_FIELD)
#define UTS_VERSION (3 * UTS_FIELD)
#define UTS_MACHINE (4 * UTS_FIELD)
#define UTS_SLACK 64u           /* uts_namespace.name is searched within so many bytes */
#define UTS_WINDOW DIO_UTS_WINDOW
#define IMAGE_TRIALS 65536u     /* places looked at by dio_kernel_find_image */
#define RUN_STEPS (1u << 19)    /* pages looked at by dio_kernel_text_run in each direction */

static const struct dio_kernel_arch *const archs[] = {
    &dio_kernel_x86_64, &dio_kernel_i386,  &dio_kernel_arm64,
    &dio_kernel_ppc64,  &dio_kernel_s390x, &dio_kernel_riscv64,
};

/* ---- translation ----------------------------------------------------------------------------- */

static void add_window(struct dio_window *w, unsigned *n, unsigned max, uint64_t virt,
                       uint64_t size, uint64_t phys)
{
    if (*n < max) {
        w[*n].virt = virt;
        w[*n].size = size;
        w[*n].phys = phys;
        ++*n;
    }
}

void dio_kernel_add_linear(struct dio_kernel *k, uint64_t virt, uint64_t size, uint64_t phys)
{
    add_window(k->linear, &k->n_linear, sizeof(k->linear) / sizeof(k->linear[0]), virt, size,
               phys);
}

void dio_kernel_add_fallback(struct dio_kernel *k, uint64_t virt, uint64_t size, uint64_t phys)
{
    add_window(k->fallback, &k->n_fallback, sizeof(k->fallback) / sizeof(k->fallback[0]), virt,
               size, phys);
}

static bool in_window(const struct dio_window *w, unsigned n, uint64_t virt, uint64_t *phys,
                      uint64_t *run)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t at = virt - w[i].virt;
        if (virt >= w[i].virt && at < w[i].size) {
            *phys = w[i].phys + at;
            *run = w[i].size - at;
            return true;
        }
    }
    return false;
}

/* Only missing in the dump, not wrong. */
static bool only_missing(int rc)
{
    return rc == DUMPIO_E_ABSENT || rc == DUMPIO_E_LOST;
}

int dio_kernel_translate(struct dio_kernel *k, uint64_t virt, uint64_t *phys, uint64_t *run,
                         struct dumpio_error *err)
{
    uint64_t n = 0;
    int rc = 0;
    if (!in_window(k->linear, k->n_linear, virt, phys, &n)) {
        rc = dio_walk(&k->walk, virt, phys, &n, err);
        if (only_missing(rc) && in_window(k->fallback, k->n_fallback, virt, phys, &n))
            rc = 0;
    }
    if (rc == DUMPIO_END)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "kernel address 0x%llx is not mapped", (unsigned long long)virt);
    if (!rc && run)
        *run = n;
    return rc;
}

int dio_kernel_read(struct dio_kernel *k, uint64_t virt, void *buf, size_t len,
                    struct dumpio_error *err)
{
    uint8_t *out = buf;
    if (len && virt > UINT64_MAX - (len - 1))
        return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                        "%zu bytes at 0x%llx pass the end of the address space", len,
                        (unsigned long long)virt);
    while (len) {
        uint64_t phys, run;
        int rc = dio_kernel_translate(k, virt, &phys, &run, err);
        if (rc)
            return rc;
        size_t n = run < len ? (size_t)run : len;
        if (!n || phys > UINT64_MAX - (n - 1))
            return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                            "kernel address 0x%llx leads outside the address space",
                            (unsigned long long)virt);
        rc = k->mem.read(k->mem.ctx, phys, out, n, err);
        if (rc)
            return dio_context(err, rc, "kernel address 0x%llx", (unsigned long long)virt);
        out += n;
        virt += n;
        len -= n;
    }
    return 0;
}

int dio_kernel_read_large(struct dio_kernel *k, struct dio_mem_reader *r, uint64_t virt, void *buf,
                          size_t len, size_t *done, struct dumpio_error *err)
{
    size_t at = 0;
    int rc = 0;
    while (at < len && !rc) {
        uint64_t phys, run;
        rc = dio_kernel_translate(k, virt + at, &phys, &run, err);
        if (rc)
            break;
        size_t n = run < len - at ? (size_t)run : len - at;
        size_t page = (size_t)(k->page_size - (virt + at) % k->page_size);
        rc = k->mem.read_large(r, phys, (uint8_t *)buf + at, n, err);
        if (rc && n > page) { /* somewhere in it: up to there, page by page */
            n = page;
            rc = k->mem.read_large(r, phys, (uint8_t *)buf + at, n, err);
        }
        if (!rc)
            at += n;
    }
    if (done)
        *done = at;
    return rc;
}

int dio_kernel_read_whole(struct dio_kernel *k, uint64_t virt, void *buf, size_t len,
                          struct dumpio_error *err)
{
    struct dio_mem_reader *r = k->mem.new_reader ? k->mem.new_reader(k->mem.ctx) : NULL;
    if (!r)
        return dio_kernel_read(k, virt, buf, len, err);
    int rc = dio_kernel_read_large(k, r, virt, buf, len, NULL, err);
    k->mem.free_reader(r);
    return rc;
}

/* ---- proof ----------------------------------------------------------------------------------- */

bool dio_kernel_uts_symbol(const struct dio_kernel *k, uint64_t *virt)
{
    return dio_kernel_symbol(k, "init_uts_ns", virt) ||
           dio_kernel_symbol(k, "system_utsname", virt);
}

/* Does the string of n bytes stand in the utsname field at p, ended by a NUL? */
static bool field_is(const uint8_t *p, const char *s, size_t n)
{
    return n < UTS_FIELD && !memcmp(p, s, n) && !p[n];
}

const uint8_t *dio_kernel_find_uts(const struct dio_kernel *k, const uint8_t window[DIO_UTS_WINDOW])
{
    size_t n;
    const char *release = dio_vmcoreinfo_value(k->text, k->len, "OSRELEASE", &n);
    int64_t offset;
    if (!release || !n)
        return NULL;
    if (dio_kernel_number(k, "OFFSET", "uts_namespace.name", &offset)) {
        if (offset < 0 || offset > (int64_t)UTS_SLACK)
            return NULL;
        return field_is(window + offset + UTS_RELEASE, release, n) ? window + offset : NULL;
    }
    for (unsigned i = 0; i <= UTS_SLACK; i += 4)
        if (field_is(window + i + UTS_RELEASE, release, n))
            return window + i;
    return NULL;
}

/* 0: read back; DUMPIO_E_CORRUPT: something else is there; other errors: it cannot be read. */
int dio_kernel_uts(struct dio_kernel *k, uint8_t fields[390], struct dumpio_error *err)
{
    uint8_t window[UTS_WINDOW];
    uint64_t virt;
    if (!dio_kernel_uts_symbol(k, &virt))
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO has no SYMBOL(init_uts_ns)");
    int rc = dio_kernel_read(k, virt, window, sizeof(window), err);
    if (rc)
        return dio_context(err, rc, "init_uts_ns");
    const uint8_t *uts = dio_kernel_find_uts(k, window);
    if (!uts)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "OSRELEASE of VMCOREINFO is not found at init_uts_ns 0x%llx",
                        (unsigned long long)virt);
    memcpy(fields, uts, 6 * UTS_FIELD);
    return 0;
}

/* The build, when a vmlinux tells it: two of one release may differ in every offset. */
static int check_version(const struct dio_kernel *k, const uint8_t *uts, struct dumpio_error *err)
{
    size_t n;
    const char *version = dio_vmcoreinfo_value(k->text, k->len, "VERSION", &n);
    if (!version || field_is(uts, version, n))
        return 0;
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET,
                    "the vmlinux is of another build of this kernel: its version is %.*s, the "
                    "dump's %.64s", (int)n, version, (const char *)uts);
}

static int check_release(struct dio_kernel *k, struct dumpio_error *err)
{
    uint8_t uts[6 * UTS_FIELD];
    int rc = dio_kernel_uts(k, uts, err);
    if (rc)
        return rc;
    memcpy(k->machine, uts + UTS_MACHINE, UTS_FIELD);
    k->machine[UTS_FIELD] = '\0';
    return check_version(k, uts + UTS_VERSION, err);
}

static int check_root(struct dio_kernel *k, uint64_t root_phys, struct dumpio_error *err)
{
    uint64_t phys;
    uint64_t run;
    int rc = dio_walk(&k->walk, k->root_virt, &phys, &run, err);
    if (rc < 0)
        return rc;
    if (rc || phys != root_phys)
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "the page tables at 0x%llx do not map their own root 0x%llx",
                        (unsigned long long)root_phys, (unsigned long long)k->root_virt);
    return 0;
}

int dio_kernel_prove(struct dio_kernel *k, uint64_t root_phys, struct dumpio_error *err)
{
    struct dumpio_error first = {0};
    int root = check_root(k, root_phys, &first);
    if (root && !only_missing(root)) {
        if (err)
            *err = first;
        return root;
    }
    int release = check_release(k, err);
    if (!release || (!root && only_missing(release)))
        return 0;
    if (root && only_missing(release) && err)
        *err = first;
    return release;
}

/* ---- the image by its utsname ---------------------------------------------------------------- */

/* Look at phys, phys + align, ... inside [phys, end). */
static bool search_run(struct dio_kernel *k, uint64_t phys, uint64_t end, uint64_t align,
                       unsigned *trials, uint64_t *found)
{
    uint8_t window[UTS_WINDOW];
    while (*trials && phys < end) {
        --*trials;
        if (!k->mem.read(k->mem.ctx, phys, window, sizeof(window), NULL) &&
            dio_kernel_find_uts(k, window)) {
            *found = phys;
            return true;
        }
        if (dio_add(phys, align, &phys))
            break;
    }
    return false;
}

bool dio_kernel_find_image(struct dio_kernel *k, uint64_t align, uint64_t *delta)
{
    uint64_t virt, addr = 0, found;
    unsigned trials = IMAGE_TRIALS;
    struct dumpio_run run;
    if (k->quick || !dio_kernel_uts_symbol(k, &virt))
        return false;
    while (trials && !k->mem.next_run(k->mem.ctx, addr, &run, NULL) && run.end > addr) {
        uint64_t first = dio_round_down(run.start, align) | (virt & (align - 1));
        if (first < run.start && dio_add(first, align, &first))
            break;
        if (run.kind == DUMPIO_PRESENT &&
            search_run(k, first, run.end, align, &trials, &found)) {
            *delta = found - virt;
            return true;
        }
        addr = run.end;
    }
    return false;
}

/* ---- layout ---------------------------------------------------------------------------------- */

void dio_kernel_text_run(struct dio_kernel *k, uint64_t virt, uint64_t low, uint64_t high)
{
    uint64_t phys, run, start, step = k->page_size, end;
    start = dio_round_down(virt, step);
    if (start < low || virt >= high || dio_walk(&k->walk, start, &phys, &run, NULL))
        return;
    uint64_t delta = phys - start, p;
    for (unsigned i = 0; i < RUN_STEPS && start - low >= step; i++, start -= step)
        if (dio_walk(&k->walk, start - step, &p, &run, NULL) || p - (start - step) != delta)
            break;
    end = dio_round_down(virt, step);
    for (unsigned i = 0; i < RUN_STEPS && end < high; i++) {
        if (dio_walk(&k->walk, end, &p, &run, NULL) || p - end != delta)
            break;
        end = run < high - end ? end + run : high;
    }
    k->layout.text_virt = start;
    k->layout.text_phys = start + delta;
    k->layout.text_len = end - start;
}

void dio_kernel_layout(struct dio_kernel *k, struct dio_kernel_layout *layout)
{
    *layout = k->layout;
}

/* ---- open ------------------------------------------------------------------------------------ */

static const struct dio_kernel_arch *find_arch(const char *name)
{
    for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
        if (!strcmp(archs[i]->name, name))
            return archs[i];
    return NULL;
}

bool dio_kernel_translates(const char *arch)
{
    return find_arch(arch) != NULL;
}

static int read_facts(struct dio_kernel *k, struct dumpio_error *err)
{
    size_t n;
    int64_t size;
    const char *s = dio_vmcoreinfo_value(k->text, k->len, "PAGESIZE", &n);
    uint64_t v = 0;
    for (size_t i = 0; s && i < n && s[i] >= '0' && s[i] <= '9' && v < (1u << 20); i++)
        v = v * 10 + (uint64_t)(s[i] - '0');
    size = (int64_t)(s ? v : k->mem.info->page_size);
    if (size < 4096 || size > 65536 || !dio_is_pow2((uint64_t)size))
        return dio_fail(err, DUMPIO_E_CORRUPT, DUMPIO_NO_OFFSET,
                        "PAGESIZE of VMCOREINFO is impossible: %lld", (long long)size);
    k->page_size = (uint64_t)size;
    return 0;
}

static int set_up(struct dio_kernel *k, const char *text, size_t len, struct dumpio_error *err)
{
    k->arch = find_arch(k->mem.info->arch);
    if (!k->arch)
        return dio_fail(err, DUMPIO_E_UNSUPPORTED, DUMPIO_NO_OFFSET,
                        "address translation of architecture \"%s\" is not known",
                        k->mem.info->arch);
    k->word = k->arch->word;
    if (!text || !len)
        return dio_fail(err, DUMPIO_E_ABSENT, DUMPIO_NO_OFFSET, "no VMCOREINFO");
    if (len > (1u << 20))
        return dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET,
                        "VMCOREINFO of %zu bytes is too long", len);
    k->text = malloc(len + 1);
    if (!k->text)
        return dio_nomem(err, "VMCOREINFO");
    memcpy(k->text, text, len);
    k->text[len] = '\0';
    k->len = len;
    return read_facts(k, err);
}

int dio_kernel_open_text(struct dio_kernel **out, const struct dio_mem *mem,
                         const struct dumpio_env *env, const char *text, size_t len,
                         enum dumpio_order order, int quick, struct dumpio_error *err)
{
    struct dio_kernel *k = calloc(1, sizeof(*k));
    if (!k)
        return dio_nomem(err, "the kernel reader");
    k->mem = *mem;
    k->env = env;
    k->quick = quick;
    k->order = order;
    int rc = dio_walk_init(&k->walk, &k->mem, err);
    if (rc) {
        free(k);
        return rc;
    }
    rc = set_up(k, text, len, err);
    if (!rc)
        rc = k->arch->open(k, err);
    if (rc) {
        dio_kernel_close(k);
        return rc;
    }
    k->layout.order = k->order;
    if (k->arch->layout && !quick)
        k->arch->layout(k);
    k->env = NULL;
    *out = k;
    return 0;
}

int dio_kernel_open(struct dio_kernel **out, const struct dio_mem *mem,
                    const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dumpio_info *i = mem->info;
    return dio_kernel_open_text(out, mem, env, i->vmcoreinfo, i->vmcoreinfo_len, i->order, 0, err);
}

void dio_kernel_close(struct dio_kernel *k)
{
    if (!k)
        return;
    dio_walk_fini(&k->walk);
    dio_memmap_free(k->memmap);
    free(k->text);
    free(k);
}
