/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints all that the public interface tells of a dump, one JSON object a line, for golden.py.
 * Reference: dumpio.h. Needs nothing else of the library.
 * Not printed: what dumpio_explore finds in the memory (dumpinfo prints that).
 *
 * usage: model [--from=FORMAT] DUMP...          every argument is a dump
 *        model [--from=FORMAT] --set PART...    all of them are one dump
 */
#include <dumpio/dumpio.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *comma = "";

/* ---- JSON -------------------------------------------------------------------------------------- */

static void key(const char *name)
{
    printf("%s\"%s\": ", comma, name);
    comma = ", ";
}

/* JSON text of len bytes; what is not ASCII becomes \u00XX, so that bytes stay bytes. */
static void text(const char *name, const char *s, size_t len)
{
    key(name);
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\' || c < 0x20 || c > 0x7e)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void number(const char *name, long long v)
{
    key(name);
    printf("%lld", v);
}

static void address(const char *name, uint64_t v)
{
    key(name);
    printf("%llu", (unsigned long long)v);
}

static void hex(const char *name, const uint8_t *p, size_t len)
{
    key(name);
    putchar('"');
    for (size_t i = 0; p && i < len; i++)
        printf("%02x", p[i]);
    putchar('"');
}

static void list(const char *name)
{
    key(name);
    putchar('[');
    comma = "";
}

static void end(char bracket)
{
    putchar(bracket);
    comma = ", ";
}

static void item(void)
{
    printf("%s{", comma);
    comma = "";
}

/* ---- the model ----------------------------------------------------------------------------------- */

static void put_cpus(const struct dumpio_info *i)
{
    list("cpus");
    for (uint32_t c = 0; c < i->n_cpus; c++) {
        item();
        number("number", i->cpus[c].number);
        number("pid", i->cpus[c].pid);
        address("task", i->cpus[c].task);
        address("stack", i->cpus[c].stack);
        address("stack_ptr", i->cpus[c].stack_ptr);
        hex("regs", i->cpus[c].regs, i->cpus[c].regs_len);
        end('}');
    }
    end(']');
}

static void put_notes(const struct dumpio_info *i)
{
    list("notes");
    for (uint32_t n = 0; n < i->n_notes; n++) {
        item();
        text("name", i->notes[n].name, strlen(i->notes[n].name));
        number("type", i->notes[n].type);
        hex("data", i->notes[n].data, i->notes[n].len);
        end('}');
    }
    end(']');
}

static void put_file(const struct dumpio_info *i)
{
    text("format", i->format, strlen(i->format));
    text("containers", i->containers, strlen(i->containers));
    text("variant", i->variant, strlen(i->variant));
    number("version", i->version);
    number("parts", i->parts);
    address("file_size", i->file_size);
    number("file_order", i->file_order);
    number("file_word", i->file_word);
    number("unit", i->unit);
    address("end_addr", i->end_addr);
    number("incomplete", i->incomplete);
    number("truncated", i->truncated);
}

static void put_machine(const struct dumpio_info *i)
{
    text("arch", i->arch, strlen(i->arch));
    number("order", i->order);
    number("word", i->word);
    number("page_size", i->page_size);
    number("nr_cpus", i->nr_cpus);
    list("uts");
    for (int k = 0; k < DUMPIO_UTS_FIELDS; k++) {
        item();
        text("v", i->uts[k], strlen(i->uts[k]));
        end('}');
    }
    end(']');
    text("build_id", i->build_id, strlen(i->build_id));
    text("vmcoreinfo", i->vmcoreinfo ? i->vmcoreinfo : "", i->vmcoreinfo_len);
    number("vmcoreinfo_found", i->vmcoreinfo_found);
    number("has_phys_base", i->has_phys_base);
    address("phys_base", i->phys_base);
}

static void put_crash(const struct dumpio_info *i)
{
    text("panic", i->panic, strlen(i->panic));
    address("panic_task", i->panic_task);
    number("panic_cpu", i->panic_cpu);
    number("dump_sec", i->dump_sec);
    number("dump_usec", i->dump_usec);
    number("crash_sec", i->crash_sec);
    number("dump_level", i->dump_level);
    number("dump_level_kind", i->dump_level_kind);
    text("eraseinfo", i->eraseinfo ? i->eraseinfo : "", i->eraseinfo_len);
    text("extras", i->extras, strlen(i->extras));
    list("partials");
    for (uint32_t n = 0; n < i->n_partials; n++) {
        item();
        address("start", i->partials[n].start);
        address("end", i->partials[n].end);
        end('}');
    }
    end(']');
}

/* ---- the memory ------------------------------------------------------------------------------------ */

static int put_runs(struct dumpio_dump *d, struct dumpio_error *err)
{
    struct dumpio_run run;
    uint64_t at = 0;
    int rc;
    list("runs");
    while (!(rc = dumpio_next_run(d, at, &run, err))) {
        printf("%s[%llu, %llu, %d]", comma, (unsigned long long)run.start,
               (unsigned long long)run.end, run.kind);
        comma = ", ";
        if (run.start < at || run.end <= run.start) {
            snprintf(err->message, sizeof err->message, "run 0x%llx-0x%llx after 0x%llx",
                     (unsigned long long)run.start, (unsigned long long)run.end,
                     (unsigned long long)at);
            rc = DUMPIO_E_INTERNAL;
            break;
        }
        at = run.end;
    }
    end(']');
    return rc == DUMPIO_END ? 0 : rc;
}

static void put_lost(void *user, const struct dumpio_run *run, const char *why)
{
    (void)user;
    item();
    address("start", run->start);
    address("end", run->end);
    text("why", why ? why : "", why ? strlen(why) : 0);
    end('}');
}

static int put_verdict(struct dumpio_dump *d, const struct dumpio_env *env,
                       struct dumpio_error *err)
{
    struct dumpio_verify_result v;
    list("lost");
    int rc = dumpio_verify(d, 1, put_lost, NULL, &v, env, err);
    end(']');
    if (rc)
        return rc;
    hex("digest", v.digest, sizeof v.digest);
    address("present_pages", v.present_pages);
    address("zero_pages", v.zero_pages);
    address("excluded_pages", v.excluded_pages);
    address("lost_pages", v.lost_pages);
    list("codecs");
    for (size_t i = 0; i < 8 && v.codecs[i].codec; i++) {
        item();
        text("codec", v.codecs[i].codec, strlen(v.codecs[i].codec));
        address("pages", v.codecs[i].pages);
        end('}');
    }
    end(']');
    return 0;
}

/* One page, put together from the runs that touch it. */
struct page {
    uint64_t addr;
    uint32_t size;
    uint8_t *data;
    int used, lost;
};

static void flush(struct page *p)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len;
    char name[32];
    if (!p->used)
        return;
    snprintf(name, sizeof name, "0x%llx", (unsigned long long)p->addr);
    if (p->lost || !EVP_Digest(p->data, p->size, sum, &len, EVP_sha256(), NULL))
        text(name, "lost", 4);
    else
        hex(name, sum, len);
    p->used = p->lost = 0;
    memset(p->data, 0, p->size);
}

static int read_run(struct dumpio_dump *d, const struct dumpio_run *run, struct page *p,
                    struct dumpio_error *err)
{
    for (uint64_t at = run->start, stop; at < run->end; at = stop) {
        uint64_t base = at & ~(uint64_t)(p->size - 1);
        stop = base + p->size < run->end ? base + p->size : run->end;
        if (base != p->addr)
            flush(p);
        p->addr = base;
        p->used = 1;
        int rc = dumpio_read(d, at, p->data + (at - base), (size_t)(stop - at), err);
        if (rc == DUMPIO_E_LOST)
            p->lost = 1;
        else if (rc)
            return rc;
    }
    return 0;
}

/* SHA-256 of every present page, by random reads. */
static int put_pages(struct dumpio_dump *d, struct dumpio_error *err)
{
    struct dumpio_run run;
    uint64_t at = 0;
    uint32_t size = dumpio_get_info(d)->page_size;
    struct page p = {UINT64_MAX, size, calloc(1, size), 0, 0};
    int rc = p.data ? 0 : DUMPIO_E_NOMEM;
    key("pages");
    putchar('{');
    comma = "";
    while (!rc && !(rc = dumpio_next_run(d, at, &run, err))) {
        if (run.kind == DUMPIO_PRESENT)
            rc = read_run(d, &run, &p, err);
        at = run.end;
    }
    if (p.data)
        flush(&p);
    end('}');
    free(p.data);
    return rc == DUMPIO_END ? 0 : rc;
}

static int show(const char *const *paths, size_t n, const char *from)
{
    struct dumpio_open_options options = {.from = from};
    struct dumpio_dump *d = NULL;
    struct dumpio_error err = {0};
    struct dumpio_env env = {.threads = 1};
    int rc = dumpio_open(&d, paths, n, &options, &env, &err);
    comma = "";
    item();
    if (!rc) {
        const struct dumpio_info *i = dumpio_get_info(d);
        put_file(i);
        put_machine(i);
        put_crash(i);
        put_cpus(i);
        put_notes(i);
        rc = put_runs(d, &err);
        if (!rc)
            rc = put_verdict(d, &env, &err);
        if (!rc)
            rc = put_pages(d, &err);
    }
    number("status", rc);
    text("message", err.message, rc ? strlen(err.message) : 0);
    end('}');
    putchar('\n');
    dumpio_close(d);
    return rc;
}

int main(int argc, char **argv)
{
    const char *from = NULL;
    int failed = 0, at = 1;
    if (at < argc && !strncmp(argv[at], "--from=", 7))
        from = argv[at++] + 7;
    if (at < argc && !strcmp(argv[at], "--set")) {
        at++;
        return show((const char *const *)argv + at, (size_t)(argc - at), from) ? 1 : 0;
    }
    for (; at < argc; at++)
        failed |= show((const char *const *)argv + at, 1, from) != 0;
    return failed;
}
