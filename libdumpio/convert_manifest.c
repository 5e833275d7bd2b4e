/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conversion knows, as a manifest (docs/manifest.md).
 */
#include "convert_manifest.h"
#include "describe.h"
#include "sign.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dio_convert_manifest_start(struct dio_convert_manifest *m, const char *path,
                               const struct dumpio_convert_options *options,
                               const struct dumpio_env *env, struct dumpio_error *err)
{
    const struct dio_keys *keys = dio_keys_inside(options->keys);
    const struct dio_beside_options o = {
        .force = options->force != 0, .no_sync = options->no_sync != 0, .env = env,
        .keys = keys && dio_keys_count(keys, DIO_KEY_SEAL) ? keys : NULL,
        .signer = dio_signer_inside(options->manifest->signer),
    };
    int rc = dio_beside_check_path(path, err);
    return rc ? rc : dio_beside_start(&m->beside, path, &o, err);
}

int dio_convert_manifest_hash(struct dio_convert_manifest *m, struct dio_out **out,
                              struct dumpio_error *err)
{
    m->file = *out;
    int rc = dio_hash_out(out, &m->sum, err);
    m->hashing = *out;
    return rc;
}

static char *all_containers(const struct dio_convert_output *output)
{
    char names[DIO_STACK_NAMES + sizeof " flattened"];
    const struct dumpio_convert_options *o = output->options;
    dio_stack_names(output->path, o->wrap, dio_keys_inside(o->keys), names);
    size_t n = strlen(names);
    if (output->flattened)
        snprintf(names + n, sizeof names - n, "%sflattened", n ? " " : "");
    return strdup(names);
}

int dio_convert_manifest_contents(struct dio_convert_manifest *m,
                                  const struct dio_convert_output *output, struct dio_manifest *f,
                                  struct dumpio_error *err)
{
    const struct dumpio_manifest_options *o = output->options->manifest;
    f->format = strdup(output->options->format);
    f->codec = strdup(output->codec ? output->codec : "none");
    f->containers = all_containers(output);
    f->provenance = strdup(output->provenance);
    int rc = m->image.root ? dio_image_tell(&m->image, output->end, f, err) : 0;
    if (!rc && (!f->format || !f->codec || !f->containers || !f->provenance))
        rc = dio_nomem(err, "a manifest");
    if (!rc && o)
        rc = dio_describe_making(f, o->provenance, err);
    return rc;
}

int dio_convert_manifest_write(struct dio_convert_manifest *m,
                               const struct dio_convert_output *output, struct dumpio_error *err)
{
    struct dio_manifest f = {0};
    int rc = dio_convert_manifest_contents(m, output, &f, err);
    if (!rc)
        rc = dio_beside_write_one(&m->beside, &f, output->path, &m->sum, err);
    dio_manifest_free(&f);
    return rc;
}

void dio_convert_manifest_free(struct dio_convert_manifest *m)
{
    dio_beside_free(&m->beside);
    dio_image_free(&m->image);
}
