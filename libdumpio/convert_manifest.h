/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest that a conversion writes with its output.
 */
#ifndef DIO_CONVERT_MANIFEST_H
#define DIO_CONVERT_MANIFEST_H

#include "beside.h"
#include "image.h"
#include "io/io.h"

struct dio_convert_manifest {
    struct dio_beside beside;
    struct dio_image image;
    struct dio_file_sum sum;
    struct dio_out *file, *hashing; /* the sink below SHA-256, and with it */
};

/* What the output is. */
struct dio_convert_output {
    const char *path;
    const struct dumpio_convert_options *options;
    const char *codec;      /* of its pages; NULL = plain */
    const char *provenance; /* what the output says of itself */
    bool flattened;
    uint64_t end;           /* dense: of the memory, bytes */
};

/* Opens the files beside path. The image is the caller's to start. */
int dio_convert_manifest_start(struct dio_convert_manifest *m, const char *path,
                               const struct dumpio_convert_options *options,
                               const struct dumpio_env *env, struct dumpio_error *err);
/* Put SHA-256 into the sink of the output's file. */
int dio_convert_manifest_hash(struct dio_convert_manifest *m, struct dio_out **out,
                              struct dumpio_error *err);
/* The output is finished, and so is an image of its own: for f, whose parts stay as they are. */
int dio_convert_manifest_contents(struct dio_convert_manifest *m,
                                  const struct dio_convert_output *output, struct dio_manifest *f,
                                  struct dumpio_error *err);
/* The output is finished: write what stands beside it. */
int dio_convert_manifest_write(struct dio_convert_manifest *m,
                               const struct dio_convert_output *output, struct dumpio_error *err);
void dio_convert_manifest_free(struct dio_convert_manifest *m); /* all zero allowed */

#endif
