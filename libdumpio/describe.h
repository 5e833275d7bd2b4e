/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file holds, for the manifest of something that is made of it as it is.
 */
#ifndef DIO_DESCRIBE_H
#define DIO_DESCRIBE_H

#include "manifest.h"

struct dio_described {
    const char *path;
    const struct dumpio_open_options *open; /* NULL = defaults */
    const char *wrap;          /* the containers that go around it, as options name them; NULL */
    const struct dio_keys *seal; /* whom alone it will be told; NULL = everybody */
    const char *outside;       /* a container around all of them; NULL */
};

/*
 * When the file is a dump, read and decode all of it: format, containers, the image digest with its
 * leaves. Nothing when it is none, or when it is encrypted and would be told to everybody.
 * DUMPIO_E_NOMEM, DUMPIO_E_CANCELLED; whatever else is wrong with a dump is a note.
 */
int dio_describe(struct dio_manifest *m, const struct dio_described *what,
                 const struct dumpio_env *env, struct dumpio_error *err);

/* Behind what the manifest says of the making, further lines; NULL allowed. */
int dio_describe_making(struct dio_manifest *m, const char *lines, struct dumpio_error *err);

#endif
