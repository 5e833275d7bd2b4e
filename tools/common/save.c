/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Under a name of its own first: the file is there when it is whole.
 */
#include "save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int save_file(struct ui *ui, const char *path, mode_t mode, bool (*put)(void *ctx, FILE *to),
              void *ctx)
{
    size_t room = strlen(path) + sizeof ".XXXXXX";
    char *temporary = malloc(room);
    int fd = -1, error = ENOMEM;
    if (temporary) {
        snprintf(temporary, room, "%s.XXXXXX", path);
        fd = mkstemp(temporary);
        error = errno;
    }
    FILE *to = fd >= 0 ? fdopen(fd, "wb") : NULL;
    bool good = to && put(ctx, to);
    mode_t mask = umask(0);
    umask(mask);
    if (to) {
        error = good ? 0 : errno;
        good = good && !fchmod(fd, mode & ~mask);
        good = !fclose(to) && good;
        good = good && !rename(temporary, path);
        error = good ? 0 : error ? error : errno;
    }
    if (!good && fd >= 0)
        unlink(temporary);
    free(temporary);
    if (good)
        return 0;
    ui_message(ui, "%s: %s", path, strerror(error));
    return EXIT_ERROR;
}
