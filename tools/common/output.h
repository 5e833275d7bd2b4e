/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an output is written: the options of every tool that writes a dump.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "target.h"
#include "ui.h"

#include <dumpio/manifest.h>

struct output {
    struct dumpio_convert_options convert;
    struct target to;
    struct dumpio_keys *recipients; /* behind convert.keys; NULL = none */
    struct dumpio_manifest_options manifest; /* behind convert.manifest, when asked for */
};

extern const struct opt output_options[];

/* Handle an option of the table. -1: handled; -2: not one of them; else exit with this code. */
int output_option(struct ui *ui, struct output *o, int id, const char *arg);

/* Does writing it make digests, or use keys? */
static inline bool output_uses_crypto(const struct output *o)
{
    return o->recipients || o->convert.manifest;
}

/* Say what is missing in the output at `path`, and the exit code for it. */
int output_missing(struct ui *ui, const struct dumpio_convert_result *c, const char *path);

/* Choose "FORMAT" or "FORMAT:CODEC". -1, or the exit code for an unknown one. */
int output_format(struct ui *ui, struct output *o, const char *text);

#endif
