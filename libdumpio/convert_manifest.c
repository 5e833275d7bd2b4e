/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conversion knows, as a manifest (docs/manifest.md).
 */
#include "convert_manifest.h"
#include "sign.h"
#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A manifest stands beside a file, which has a name. */
static int check_path(const char *path, struct dumpio_error *err)
{
    struct stat st;
    if (strcmp(path, "-") != 0 && (stat(path, &st) || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return 0;
    return dio_fail(err, DUMPIO_E_ARG, DUMPIO_NO_OFFSET, "a manifest stands beside a file: %s is "
                    "none", strcmp(path, "-") ? path : "standard output");
}

int dio_convert_manifest_start(struct dio_convert_manifest *m, const char *path,
                               const struct dumpio_convert_options *options,
                               const struct dumpio_env *env, struct dumpio_error *err)
{
    const char *slash = strrchr(path, '/');
    const struct dio_keys *keys = dio_keys_inside(options->keys);
    const struct dio_beside_options o = {
        .force = options->force != 0, .no_sync = options->no_sync != 0, .env = env,
        .keys = keys && dio_keys_count(keys, DIO_KEY_SEAL) ? keys : NULL,
        .signer = dio_signer_inside(options->manifest->signer),
    };
    int rc = check_path(path, err);
    if (rc)
        return rc;
    m->name = strdup(slash ? slash + 1 : path);
    return m->name ? dio_beside_start(&m->beside, path, &o, err) : dio_nomem(err, "a file name");
}

int dio_convert_manifest_hash(struct dio_convert_manifest *m, struct dio_out **out,
                              struct dumpio_error *err)
{
    m->file = *out;
    int rc = dio_hash_out(out, &m->sum, err);
    m->hashing = *out;
    return rc;
}

/* What the output says of itself, and what the caller adds, as one text. */
static char *all_lines(const char *own, const char *more)
{
    size_t n = strlen(own), room = n + strlen(more) + 2;
    char *s = malloc(room);
    if (s)
        snprintf(s, room, "%s%s%s", own, n && own[n - 1] != '\n' ? "\n" : "", more);
    return s;
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
    f->provenance = all_lines(output->provenance, o && o->provenance ? o->provenance : "");
    int rc = dio_image_end(&m->image, output->end, f->image, err);
    f->has_image = !rc;
    if (m->image.n <= DIO_MANIFEST_LEAVES_MAX) {
        f->leaves = m->image.leaves;
        f->n_leaves = (size_t)m->image.n;
        m->image.leaves = NULL;
    }
    if (!rc && (!f->format || !f->codec || !f->containers || !f->provenance))
        rc = dio_nomem(err, "a manifest");
    return rc;
}

int dio_convert_manifest_write(struct dio_convert_manifest *m,
                               const struct dio_convert_output *output, struct dumpio_error *err)
{
    struct dio_manifest_part part = {.name = m->name, .size = m->sum.size};
    struct dio_manifest f = {.has_file = true, .file_size = m->sum.size};
    int rc = dio_convert_manifest_contents(m, output, &f, err);
    memcpy(part.sha256, m->sum.sha256, sizeof part.sha256);
    memcpy(f.file_sha256, m->sum.sha256, sizeof f.file_sha256);
    f.parts = &part;
    f.n_parts = 1;
    if (!rc)
        rc = dio_beside_write(&m->beside, &f, err);
    if (rc)
        dio_context(err, rc, "%s is whole, but its manifest could not be written", output->path);
    f.parts = NULL; /* not of the heap */
    f.n_parts = 0;
    dio_manifest_free(&f);
    return rc;
}

void dio_convert_manifest_free(struct dio_convert_manifest *m)
{
    dio_beside_free(&m->beside);
    dio_image_free(&m->image);
    free(m->name);
}
