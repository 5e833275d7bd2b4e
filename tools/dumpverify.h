/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dumpverify's files share.
 */
#ifndef DUMPVERIFY_H
#define DUMPVERIFY_H

#include "common/json.h"
#include "common/ui.h"

#include <dumpio/manifest.h>

struct report {
    struct ui *ui;
    struct json *json; /* NULL = text */
    FILE *text;
};

struct verify_range {
    uint64_t start, end;
};

/* What is known beside the dump itself. */
struct proof {
    struct dumpio_manifest *m; /* NULL = there is none */
    bool damaged;              /* there is one, and it was changed */
    struct dumpio_signature signature;
    size_t bad_parts;
    bool sealed;               /* the contents are encrypted, and no key was given */
    struct verify_range *changed; /* memory that is not as it was written */
    size_t n, cap;
    uint64_t extents;          /* of 4 MiB in them */
    bool failed;               /* no memory for the list: it is cut */
};

/*
 * Look for the manifest of `path`, check its signature and the files, and print that. allowed: a
 * file of allowed signers; NULL = any. EXIT_WHOLE, whatever was found, or an exit code.
 */
int proof_start(struct proof *p, struct report *r, const char *path, const char *allowed);
/* As dumpio_verify, with what is known; `lost` gets r. */
int proof_memory(struct proof *p, struct dumpio_dump *d, struct report *r,
                 void (*lost)(void *user, const struct dumpio_run *run, const char *why),
                 struct dumpio_verify_result *v, struct dumpio_error *err);
/* Print the memory that changed. */
void proof_print_changed(const struct proof *p, struct report *r);
/* The files, the memory and the signature are as they were when it was written. */
bool proof_holds(const struct proof *p, const struct dumpio_verify_result *v, const char *allowed);
void proof_free(struct proof *p);

#endif
