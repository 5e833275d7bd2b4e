/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumphandoff's report: what left the house. One list of facts, as text and as an HTML page that
 * needs nothing but itself: no script, no style sheet, no network.
 */
#include "dumphandoff.h"

#include "common/text.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#define LABEL_WIDTH 20

struct page {
    FILE *to;
    bool html;
};

/* Of a table; width in characters, negative: from the left. */
struct column {
    const char *head;
    int width;
};

/* ---- text or HTML ----------------------------------------------------------------------------- */

static void put(const struct page *p, const char *text)
{
    for (const char *s = text; *s; s++) {
        bool control = (unsigned char)*s < ' ' || *s == 0x7f;
        if (control)
            fputc(' ', p->to);
        else if (p->html && strchr("<>&\"", *s))
            fprintf(p->to, "&#%d;", *s);
        else
            fputc(*s, p->to);
    }
}

static void section(const struct page *p, const char *title)
{
    if (p->html)
        fprintf(p->to, "<h2>%s</h2>\n", title);
    else
        fprintf(p->to, "\n%s\n", title);
}

static void table(const struct page *p, bool begins)
{
    if (p->html)
        fputs(begins ? "<table>\n" : "</table>\n", p->to);
}

static void fact(const struct page *p, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void fact(const struct page *p, const char *label, const char *fmt, ...)
{
    char value[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    if (!*value)
        return;
    if (p->html)
        fprintf(p->to, "<tr><th>%s</th><td>", label);
    else
        fprintf(p->to, "  %-*s", LABEL_WIDTH, label);
    put(p, value);
    fputs(p->html ? "</td></tr>\n" : "\n", p->to);
}

static void row(const struct page *p, const struct column *c, size_t n, const char *const *cells)
{
    fputs(p->html ? "<tr>" : " ", p->to);
    for (size_t i = 0; i < n; i++) {
        const char *text = cells ? cells[i] : c[i].head;
        if (p->html) {
            fprintf(p->to, "<%s%s>", cells ? "td" : "th", c[i].width > 0 ? " class=\"n\"" : "");
            put(p, text);
            fputs(cells ? "</td>" : "</th>", p->to);
        } else {
            fprintf(p->to, " %*s", i + 1 == n && c[i].width < 0 ? 0 : c[i].width, text);
        }
    }
    fputs(p->html ? "</tr>\n" : "\n", p->to);
}

/* ---- the facts -------------------------------------------------------------------------------- */

static void tell_what(const struct page *p, const struct handoff *h)
{
    const struct dumpio_convert_result *r = &h->result.dump;
    char digest[TEXT_DIGEST], when[TEXT_UTC];
    const char *const opened[] = {
        [NOT_ASKED] = "no: no key of a recipient is here",
        [NO_KEY_FITS] = "no: none of the given keys is a recipient's",
        [SAME_IMAGE] = "yes: the memory in them is the memory that was written"};
    section(p, "What it is");
    table(p, true);
    fact(p, "case", "%s", h->case_name);
    fact(p, "made", "%s", text_utc((int64_t)time(NULL), when));
    fact(p, "by", "dumphandoff %s, options %s", dumpio_version(), h->options);
    fact(p, "contents", "ELF core in zstd in age: cat PARTS | age -d -i KEY | zstd -d");
    fact(p, "pages", "%llu (%llu of them zero)", (unsigned long long)r->pages,
         (unsigned long long)r->zero_pages);
    if (r->lost_pages)
        fact(p, "lost", "%llu pages that could not be read", (unsigned long long)r->lost_pages);
    if (r->unknown_pages)
        fact(p, "not classified", "%llu pages, which were kept", (unsigned long long)r->unknown_pages);
    fact(p, "image digest", "%s", text_digest(h->result.image, digest));
    if (h->scan)
        fact(p, "looked for secrets", "in %llu bytes of memory, by %zu rules: none found",
             (unsigned long long)scan_bytes(h->scan), scan_rules(h->scan));
    if (h->signature.state == DUMPIO_SIGNED)
        fact(p, "signed", "by the key %s", h->signature.fingerprint);
    fact(p, "read again", "every part%s: as it was written",
         h->convert.no_sync ? "" : ", from the disk");
    fact(p, "opened", "%s", opened[h->opened]);
    table(p, false);
}

static void tell_recipients(const struct page *p, const struct handoff *h)
{
    char text[DUMPIO_KEY_TEXT];
    section(p, "Who can read it");
    table(p, true);
    for (size_t i = 0; !dumpio_keys_seal_text(h->recipients, i, text); i++)
        fact(p, "recipient", "%s", text);
    table(p, false);
}

static void tell_input(const struct page *p, const struct handoff *h)
{
    const struct dumpio_info *i = h->info;
    char when[TEXT_UTC];
    section(p, "What it was made of");
    table(p, true);
    for (size_t n = 0; n < h->n_inputs; n++)
        fact(p, "input", "%s", h->inputs[n]);
    fact(p, "format", "%s%s%s, %llu bytes", i->format, *i->containers ? " in " : "", i->containers,
         (unsigned long long)i->file_size);
    fact(p, "machine", "%s%s%s", i->uts[DUMPIO_NODENAME], *i->uts[DUMPIO_NODENAME] ? ", " : "",
         i->arch);
    fact(p, "kernel", "%s", i->uts[DUMPIO_RELEASE]);
    fact(p, "build id", "%s", i->build_id);
    fact(p, "crashed", "%s", text_utc(i->crash_sec, when));
    fact(p, "dumped", "%s", text_utc(i->dump_sec, when));
    fact(p, "panic", "%s", i->panic);
    table(p, false);
}

static void file_row(const struct page *p, const struct column *c, const char *name, uint64_t size,
                     const char *what)
{
    char bytes[24];
    snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)size);
    row(p, c, 3, (const char *const[]){name, size ? bytes : "", what});
}

static void tell_files(const struct page *p, const struct handoff *h)
{
    size_t n = dumpio_manifest_get_info(h->written)->parts;
    char name[256], digest[TEXT_DIGEST];
    struct column c[] = {{"file", -1}, {"bytes", 14}, {"SHA-256", -1}};
    bool is_signed = h->signature.state == DUMPIO_SIGNED;
    c[0].width = -(int)(strlen(h->case_name) + (is_signed ? sizeof HANDOFF_SEALED HANDOFF_SIGNATURE
                                                          : sizeof HANDOFF_SEALED));
    section(p, "What to upload");
    table(p, true);
    row(p, c, 3, NULL);
    for (size_t i = 0; i < n; i++) {
        struct dumpio_manifest_part part = dumpio_manifest_part(h->written, i);
        file_row(p, c, part.name, part.size, text_digest(part.sha256, digest));
    }
    static const struct { const char *suffix, *what; } beside[] = {
        {HANDOFF_MANIFEST, "the files: names, sizes, digests"},
        {HANDOFF_SEALED, "the contents, for the recipients"},
        {HANDOFF_SUMS, "for sha256sum -c"},
        {HANDOFF_MANIFEST HANDOFF_SIGNATURE, "the signature of the first"},
        {HANDOFF_SEALED HANDOFF_SIGNATURE, "the signature of the second"}};
    for (size_t i = 0; i < (is_signed ? 5 : 3); i++) {
        snprintf(name, sizeof name, "%s%s", h->case_name, beside[i].suffix);
        file_row(p, c, name, 0, beside[i].what);
    }
    table(p, false);
}

static void class_row(const struct page *p, const struct column *c, const struct memory *m,
                      const char *name, uint64_t sent, uint64_t kept)
{
    char cells[4][32];
    snprintf(cells[0], sizeof cells[0], "%llu", (unsigned long long)sent);
    snprintf(cells[1], sizeof cells[1], "%llu", (unsigned long long)(sent * m->page_size));
    snprintf(cells[2], sizeof cells[2], "%llu", (unsigned long long)kept);
    snprintf(cells[3], sizeof cells[3], "%llu", (unsigned long long)(kept * m->page_size));
    row(p, c, 5, (const char *const[]){name, cells[0], cells[1], cells[2], cells[3]});
}

/* What the input lacks already stays in the house, too. */
static void tell_classes(const struct page *p, const struct handoff *h)
{
    const struct memory *m = &h->memory;
    static const struct column c[] = {
        {"class", -12}, {"pages sent", 12}, {"bytes sent", 16}, {"pages not sent", 15},
        {"bytes not sent", 16}};
    section(p, "What left the house");
    table(p, true);
    row(p, c, 5, NULL);
    for (int k = 0; k < DUMPIO_CLASSES; k++)
        if (memory_class_pages(m, k))
            class_row(p, c, m, dumpio_class_name((enum dumpio_class)k), m->pages[k][IN_DUMP],
                      memory_class_pages(m, k) - m->pages[k][IN_DUMP]);
    class_row(p, c, m, "total", memory_holding_pages(m, IN_DUMP),
              memory_pages(m) - memory_holding_pages(m, IN_DUMP));
    table(p, false);
}

/* All of it in one line. */
static void tell_short(const struct page *p, const struct handoff *h)
{
    const struct memory *m = &h->memory;
    char line[200], text[DUMPIO_KEY_TEXT];
    size_t parts = dumpio_manifest_get_info(h->written)->parts, readers = 0;
    while (!dumpio_keys_seal_text(h->recipients, readers, text))
        readers++;
    snprintf(line, sizeof line, "%s in %zu part%s for %zu recipient%s: %s of %s of memory.",
             ui_size(h->result.bytes), parts, parts == 1 ? "" : "s", readers,
             readers == 1 ? "" : "s", ui_size(memory_holding_pages(m, IN_DUMP) * m->page_size),
             ui_size(memory_pages(m) * m->page_size));
    fputs(p->html ? "<p class=\"lead\">" : "", p->to);
    put(p, line);
    fputs(p->html ? "</p>\n" : "\n", p->to);
}

static void tell_all(const struct page *p, const struct handoff *h)
{
    tell_short(p, h);
    tell_what(p, h);
    tell_recipients(p, h);
    tell_files(p, h);
    tell_classes(p, h);
    tell_input(p, h);
}

bool handoff_report_text(struct handoff *h, FILE *to)
{
    const struct page p = {to, false};
    fprintf(to, "Handoff of a kernel crash dump, case %s\n", h->case_name);
    tell_all(&p, h);
    return !ferror(to);
}

bool handoff_report_html(struct handoff *h, FILE *to)
{
    const struct page p = {to, true};
    fprintf(to,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            "style-src 'unsafe-inline'\">\n<title>Case %s</title>\n<style>\n"
            "body { font: 14px/1.5 sans-serif; color: #222; margin: 32px; max-width: 1264px }\n"
            "h1 { font-size: 22px } h2 { font-size: 16px; margin: 28px 0 6px }\n"
            "table { border-collapse: collapse }\n"
            "th, td { text-align: left; vertical-align: top; padding: 2px 20px 2px 0;\n"
            "  border-bottom: 1px solid #ddd }\n"
            "th { font-weight: normal; color: #6b6b6b }\n"
            "td { font-family: monospace; overflow-wrap: anywhere }\n"
            ".n { text-align: right; white-space: nowrap } .lead { font-size: 16px }\n"
            "svg { max-width: 100%%; height: auto }\n"
            "</style>\n</head>\n<body>\n<h1>Handoff of a kernel crash dump, case %s</h1>\n",
            h->case_name, h->case_name);
    tell_all(&p, h);
    section(&p, "The memory");
    fputs("<p>\"In the dump\" is what was sent.</p>\n", to);
    bool good = draw_map(&h->memory, to, PICTURE_SVG_INLINE);
    fputs("</body>\n</html>\n", to);
    return good && !ferror(to);
}
