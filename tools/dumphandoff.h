/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dumphandoff was asked for and what came of it, shared by its files.
 */
#ifndef DUMPHANDOFF_H
#define DUMPHANDOFF_H

#include "common/ui.h"
#include "dumphandoff_scan.h"
#include "dumpinfo_memory.h"

#include <dumpio/crypt.h>
#include <dumpio/manifest.h>
#include <dumpio/parts.h>

enum handoff_opened { NOT_ASKED, NO_KEY_FITS, SAME_IMAGE };

struct handoff {
    struct ui ui;
    /* asked for */
    const char *case_name;
    const char *const *inputs;
    size_t n_inputs;
    const char *folder;
    unsigned exclude;               /* set of classes, and DUMPIO_EXCLUDE_ZERO */
    bool asked;                     /* -d or --exclude were given */
    bool keep_unknown;
    struct scan *scan;              /* NULL = not wanted */
    struct dumpio_convert_options convert;
    struct dumpio_split_options split;
    struct dumpio_keys *recipients;
    struct dumpio_manifest_options sign; /* behind convert.manifest, when asked for */
    char options[512];              /* as given, for provenance and report */
    /* where it goes: malloc'ed */
    char *parts, *manifest, *text, *html; /* prefix of the parts, and files beside them */
    /* what came of it */
    const struct dumpio_info *info;
    struct dumpio_split_result result;
    struct dumpio_manifest *written;
    struct dumpio_signature signature; /* of the manifests, when they are signed */
    enum handoff_opened opened;
    struct memory memory;           /* of the input, what was left out as LEFT_OUT */
};

/* Names, without the folder, behind the case's: what goes and what stays. */
#define HANDOFF_DUMP "_vmcore.elf.zst.age.part"
#define HANDOFF_MANIFEST HANDOFF_DUMP ".manifest.json"
#define HANDOFF_SEALED HANDOFF_MANIFEST ".age"
#define HANDOFF_SUMS HANDOFF_DUMP ".sha256"
#define HANDOFF_SIGNATURE ".sig" /* behind the names of both manifests */
#define HANDOFF_TEXT "_report.txt"
#define HANDOFF_HTML "_report.html"

/* As text, or as one HTML page with the map. False with errno. */
bool handoff_report_text(struct handoff *h, FILE *to);
bool handoff_report_html(struct handoff *h, FILE *to);

#endif
