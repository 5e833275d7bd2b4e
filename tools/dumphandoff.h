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
    /* where it goes: malloc'ed, until handoff_leave_folder */
    char *parts;                    /* PREFIX of their names */
    char *manifest;                 /* beside them, when all is proven */
    char *unproven;                 /* PREFIX of what stands beside them until then */
    int lock;                       /* the folder, locked; -1: not yet */
    bool cleared, published;        /* of what was there; of what was made */
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

/*
 * The folder: made at need and locked for one run; cleared of what runs that did not end have left,
 * and with --force of an older set. Exit codes, with a message.
 */
int handoff_take_folder(struct handoff *h);
int handoff_clear_folder(struct handoff *h);
/* Save a file of the folder, by its name behind the case's, until it is published. */
int handoff_save(struct handoff *h, const char *name, bool (*put)(void *h, FILE *to));
/* All is proven: the reports and what stands beside the parts get their names, the manifest last. */
int handoff_publish(struct handoff *h);
/* What was not published is removed. Frees the names. */
void handoff_leave_folder(struct handoff *h);

/* As text, or as one HTML page with the map. False with errno. */
bool handoff_report_text(struct handoff *h, FILE *to);
bool handoff_report_html(struct handoff *h, FILE *to);

#endif
