/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpinfo for people.
 */
#include "common/text.h"
#include "dumpinfo.h"

#include <stdarg.h>
#include <string.h>

#define NOTES_ROW 12

static void row(const struct findings *f, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void row(const struct findings *f, const char *key, const char *fmt, ...)
{
    va_list ap;
    fprintf(f->to, "%-*s", NOTES_ROW, key);
    va_start(ap, fmt);
    vfprintf(f->to, fmt, ap);
    va_end(ap);
    fputc('\n', f->to);
}

static const char *when(int64_t sec, char text[TEXT_UTC])
{
    return *text_utc(sec, text) ? text : "unknown";
}

/* ---- sections ----------------------------------------------------------------------------------- */

static void print_file(const struct findings *f)
{
    const struct dumpio_info *i = f->info;
    char version[32] = "";
    if (i->version >= 0)
        snprintf(version, sizeof version, " version %d", i->version);
    row(f, "file", "%s", f->name);
    row(f, "format", "%s%s%s%s%s%s, %s%s", i->format, version, *i->variant ? ", " : "", i->variant,
        *i->containers ? ", " : "", i->containers, i->forward ? "a stream" : ui_size(i->file_size),
        i->parts > 1 ? " in several parts" : "");
    row(f, "container", "%s-endian%s", order_name(i->file_order),
        i->file_word == 4 ? ", 32-bit" : i->file_word == 8 ? ", 64-bit" : "");
    if (i->truncated)
        row(f, "TRUNCATED", "the file ends before its structures do");
    if (i->incomplete)
        row(f, "INCOMPLETE", "its writer marked it so");
}

static void print_machine(const struct findings *f)
{
    const struct dumpio_info *i = f->info;
    row(f, "machine", "%s, %s-endian, %u-bit, pages of %u bytes%s%s", *i->arch ? i->arch : "unknown",
        order_name(i->order), i->word * 8, i->page_size, *i->hardware ? ", " : "", i->hardware);
    if (i->unit != i->page_size)
        row(f, "", "stored in units of %u bytes", i->unit);
    row(f, "cpus", "%u", i->nr_cpus);
    if (*i->uts[DUMPIO_NODENAME])
        row(f, "node", "%s", i->uts[DUMPIO_NODENAME]);
    row(f, "kernel", "%s%s%s", *i->uts[DUMPIO_RELEASE] ? i->uts[DUMPIO_RELEASE] : "unknown",
        *i->uts[DUMPIO_KVERSION] ? " " : "", i->uts[DUMPIO_KVERSION]);
    if (*i->build_id)
        row(f, "build id", "%s", i->build_id);
    row(f, "vmcoreinfo", "%s", i->vmcoreinfo_found == 1 ? "in the file"
                               : i->vmcoreinfo_found == 2 ? "found in memory" : "none");
}

static void print_taint(const struct findings *f)
{
    for (const char *t = f->info->taint; *t; t++) {
        const char *m = taint_meaning(*t);
        row(f, t == f->info->taint ? "taint" : "", "%c: %s", *t, m ? m : "unknown");
    }
}

static void print_crash(const struct findings *f)
{
    const struct dumpio_info *i = f->info;
    char text[TEXT_UTC];
    if (i->crash_sec != DUMPIO_UNKNOWN_TIME)
        row(f, "crashed", "%s", when(i->crash_sec, text));
    if (i->dump_sec != DUMPIO_UNKNOWN_TIME)
        row(f, "dumped", "%s", when(i->dump_sec, text));
    row(f, "panic", "%s", *i->panic ? i->panic : "unknown");
    if (i->panic_task)
        row(f, "panic task", "0x%llx", (unsigned long long)i->panic_task);
    print_taint(f);
}

static void print_level(const struct findings *f)
{
    const struct dumpio_info *i = f->info;
    char words[200] = "";
    if (i->dump_level_kind == DUMPIO_LEVEL_NONE)
        return;
    for (unsigned b = 0; level_bit(i->dump_level_kind, b); b++)
        if (i->dump_level >> b & 1) {
            size_t n = strlen(words);
            snprintf(words + n, sizeof words - n, "%s%s", n ? ", " : ": without ",
                     level_bit(i->dump_level_kind, b));
        }
    row(f, "dump level", "%u%s", i->dump_level, words);
}

static void print_memory(const struct findings *f)
{
    row(f, "present", "%s", ui_size(f->present));
    row(f, "excluded", "%s", ui_size(f->excluded));
    row(f, "lost", "%s", ui_size(f->lost));
    if (!f->counted)
        return;
    const struct dumpio_verify_result *p = &f->pages;
    row(f, "pages", "%llu present (%llu zero), %llu excluded, %llu lost, %llu held in part",
        (unsigned long long)p->present_pages, (unsigned long long)p->zero_pages,
        (unsigned long long)p->excluded_pages, (unsigned long long)p->lost_pages,
        (unsigned long long)p->partial_pages);
    for (size_t i = 0; i < 8 && p->codecs[i].codec; i++)
        row(f, i ? "" : "codecs", "%s: %llu pages, %s", p->codecs[i].codec,
            (unsigned long long)p->codecs[i].pages, ui_size(p->codecs[i].bytes));
}

static void print_ranges(const struct findings *f)
{
    struct dumpio_run run;
    uint64_t at = 0;
    fputs("\nranges of physical memory\n", f->to);
    while (!dumpio_next_run(f->dump, at, &run, f->map_error)) {
        fprintf(f->to, "  0x%012llx-0x%012llx  %-8s  %s\n", (unsigned long long)run.start,
                (unsigned long long)run.end, kind_name(run.kind), ui_size(run.end - run.start));
        at = run.end;
    }
}

static void print_notes(const struct findings *f)
{
    fputs("\nnotes\n", f->to);
    for (uint32_t n = 0; n < f->info->n_notes; n++) {
        const struct dumpio_note *t = &f->info->notes[n];
        fprintf(f->to, "  %-12s type 0x%-8x %u bytes\n", t->name, t->type, t->len);
    }
}

/* Lines to paste: how the usual tools find this kernel. */
static void print_commands(const struct findings *f)
{
    const struct dumpio_info *i = f->info;
    bool lacks = strcmp(i->format, "lkcd") == 0 || strcmp(i->format, "diskdump") == 0;
    if (!f->kernel_found && !f->has_kaslr)
        return;
    fputs("\nto open it\n", f->to);
    if (lacks && f->has_kaslr)
        fprintf(f->to, "  crash --kaslr=0x%llx -m phys_base=0x%llx vmlinux %s\n",
                (unsigned long long)f->kaslr, (unsigned long long)i->phys_base, f->name);
    else
        fprintf(f->to, "  crash vmlinux %s\n", f->name);
    if (!strcmp(i->format, "elf") && f->has_kaslr)
        fprintf(f->to, "  gdb -ex 'core-file %s' -ex 'symbol-file -o 0x%llx vmlinux'\n", f->name,
                (unsigned long long)f->kaslr);
}

void print_text(const struct findings *f)
{
    print_file(f);
    print_machine(f);
    print_crash(f);
    print_level(f);
    print_memory(f);
    if (!f->kernel_found)
        row(f, "kernel data", "not readable: %s", f->kernel_why);
    if (*f->info->provenance)
        row(f, "provenance", "%s", f->info->provenance);
    if (f->ranges)
        print_ranges(f);
    if (f->notes)
        print_notes(f);
    print_commands(f);
}
