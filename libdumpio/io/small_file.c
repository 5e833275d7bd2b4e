/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files in one piece: keys, signatures, manifests.
 */
#include "io.h"

#include <stdlib.h>
#include <unistd.h>

int dio_small_file(const char *path, size_t max, char **text, size_t *len,
                   struct dumpio_error *err)
{
    struct dio_file_in in;
    int rc = dio_file_open(&in, path, err);
    if (rc)
        return rc;
    size_t room = in.bytes && in.bytes->size < max ? (size_t)in.bytes->size : max;
    *text = malloc(room + 1);
    if (!*text)
        rc = dio_nomem(err, path);
    else if (in.bytes)
        rc = dio_read_some(in.bytes, 0, *text, room + 1, len, err);
    else
        rc = dio_stream_read(in.fd, *text, room + 1, len, NULL, err);
    if (!rc && *len > max)
        rc = dio_fail(err, DUMPIO_E_LIMIT, DUMPIO_NO_OFFSET, "%s: longer than %zu bytes", path,
                      max);
    if (in.bytes)
        dio_bytes_close(in.bytes);
    else
        close(in.fd);
    if (!rc)
        return 0;
    free(*text);
    *text = NULL;
    *len = 0;
    return rc;
}
