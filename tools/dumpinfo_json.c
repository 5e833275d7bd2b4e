/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpinfo for programs. Keys are stable; new ones may come.
 */
#include "common/json.h"
#include "dumpinfo.h"

static void json_time(struct json *j, const char *key, int64_t sec)
{
    if (sec == DUMPIO_UNKNOWN_TIME)
        json_null(j, key);
    else
        json_i64(j, key, sec);
}

static void json_file(struct json *j, const struct findings *f)
{
    const struct dumpio_info *i = f->info;
    json_text(j, "file", f->name);
    json_text(j, "format", i->format);
    if (i->version >= 0)
        json_i64(j, "version", i->version);
    else
        json_null(j, "version");
    json_text(j, "variant", i->variant);
    json_text(j, "containers", i->containers);
    json_u64(j, "parts", i->parts);
    json_u64(j, "file_size", i->file_size);
    json_text(j, "file_order", order_name(i->file_order));
    json_u64(j, "file_word", i->file_word);
    json_bool(j, "truncated", i->truncated != 0);
    json_bool(j, "incomplete", i->incomplete != 0);
}

static void json_machine(struct json *j, const struct findings *f)
{
    static const char *const uts[DUMPIO_UTS_FIELDS] = {"sysname", "nodename", "release", "version",
                                                       "machine", "domainname"};
    const struct dumpio_info *i = f->info;
    json_text(j, "arch", i->arch);
    json_text(j, "order", order_name(i->order));
    json_u64(j, "word", i->word);
    json_u64(j, "page_size", i->page_size);
    json_u64(j, "unit", i->unit);
    json_u64(j, "cpus", i->nr_cpus);
    json_text(j, "hardware", i->hardware);
    json_open(j, "uts", '{');
    for (int k = 0; k < DUMPIO_UTS_FIELDS; k++)
        json_text(j, uts[k], i->uts[k]);
    json_close(j, '}');
    json_text(j, "release", i->uts[DUMPIO_RELEASE]);
    json_text(j, "build_id", i->build_id);
    json_text(j, "vmcoreinfo", i->vmcoreinfo_found == 1 ? "file"
                               : i->vmcoreinfo_found == 2 ? "memory" : NULL);
    if (f->has_kaslr)
        json_hex(j, "kaslr_offset", f->kaslr);
    else
        json_null(j, "kaslr_offset");
    if (i->has_phys_base)
        json_i64(j, "phys_base", (int64_t)i->phys_base);
    else
        json_null(j, "phys_base");
    json_hex(j, "page_offset", i->page_offset);
    json_bool(j, "kernel_readable", f->kernel_found);
    if (!f->kernel_found)
        json_text(j, "kernel_why", f->kernel_why);
}

static void json_crash(struct json *j, const struct findings *f)
{
    const struct dumpio_info *i = f->info;
    json_time(j, "crash_time", i->crash_sec);
    json_time(j, "dump_time", i->dump_sec);
    json_text(j, "panic", i->panic);
    json_hex(j, "panic_task", i->panic_task);
    json_i64(j, "panic_cpu", i->panic_cpu);
    json_open(j, "taint", '[');
    for (const char *t = i->taint; *t; t++) {
        char letter[2] = {*t, 0};
        json_open(j, NULL, '{');
        json_text(j, "letter", letter);
        json_text(j, "meaning", taint_meaning(*t));
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void json_level(struct json *j, const struct findings *f)
{
    const struct dumpio_info *i = f->info;
    if (i->dump_level_kind == DUMPIO_LEVEL_NONE) {
        json_null(j, "dump_level");
        return;
    }
    json_u64(j, "dump_level", i->dump_level);
    json_open(j, "dump_level_excludes", '[');
    for (unsigned b = 0; level_bit(i->dump_level_kind, b); b++)
        if (i->dump_level >> b & 1)
            json_text(j, NULL, level_bit(i->dump_level_kind, b));
    json_close(j, ']');
}

static void json_pages(struct json *j, const struct findings *f)
{
    const struct dumpio_verify_result *p = &f->pages;
    json_open(j, "memory", '{');
    json_u64(j, "present_bytes", f->present);
    json_u64(j, "excluded_bytes", f->excluded);
    json_u64(j, "lost_bytes", f->lost);
    json_hex(j, "end_address", f->info->end_addr);
    json_close(j, '}');
    if (!f->counted)
        return;
    json_open(j, "pages", '{');
    json_u64(j, "present", p->present_pages);
    json_u64(j, "zero", p->zero_pages);
    json_u64(j, "excluded", p->excluded_pages);
    json_u64(j, "lost", p->lost_pages);
    json_u64(j, "partial", p->partial_pages);
    json_u64(j, "stored_bytes", p->stored_bytes);
    json_close(j, '}');
    json_open(j, "codecs", '[');
    for (size_t i = 0; i < 8 && p->codecs[i].codec; i++) {
        json_open(j, NULL, '{');
        json_text(j, "codec", p->codecs[i].codec);
        json_u64(j, "pages", p->codecs[i].pages);
        json_u64(j, "bytes", p->codecs[i].bytes);
        json_real(j, "share", p->present_pages ? (double)p->codecs[i].pages /
                                                     (double)p->present_pages : 0);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void json_ranges(struct json *j, const struct findings *f)
{
    struct dumpio_run run;
    uint64_t at = 0;
    json_open(j, "ranges", '[');
    while (!dumpio_next_run(f->dump, at, &run, f->map_error)) {
        json_open(j, NULL, '{');
        json_hex(j, "start", run.start);
        json_hex(j, "end", run.end);
        json_text(j, "kind", kind_name(run.kind));
        json_close(j, '}');
        at = run.end;
    }
    json_close(j, ']');
}

static void json_notes(struct json *j, const struct findings *f)
{
    json_open(j, "notes", '[');
    for (uint32_t n = 0; n < f->info->n_notes; n++) {
        json_open(j, NULL, '{');
        json_text(j, "name", f->info->notes[n].name);
        json_u64(j, "type", f->info->notes[n].type);
        json_u64(j, "bytes", f->info->notes[n].len);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void json_cpus(struct json *j, const struct findings *f)
{
    json_open(j, "registers", '[');
    for (uint32_t c = 0; c < f->info->n_cpus; c++) {
        const struct dumpio_cpu *cpu = &f->info->cpus[c];
        json_open(j, NULL, '{');
        json_u64(j, "cpu", cpu->number);
        json_i64(j, "pid", cpu->pid);
        json_hex(j, "task", cpu->task);
        json_u64(j, "bytes", cpu->regs_len);
        json_close(j, '}');
    }
    json_close(j, ']');
}

void print_json(const struct findings *f)
{
    struct json j;
    json_start(&j, f->to);
    json_open(&j, NULL, '{');
    json_file(&j, f);
    json_machine(&j, f);
    json_crash(&j, f);
    json_level(&j, f);
    json_pages(&j, f);
    json_cpus(&j, f);
    json_text(&j, "eraseinfo", f->info->eraseinfo);
    json_text(&j, "provenance", f->info->provenance);
    if (f->ranges)
        json_ranges(&j, f);
    if (f->notes)
        json_notes(&j, f);
    json_close(&j, '}');
}
