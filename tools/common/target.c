/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FORMAT[:CODEC], checked against the library's list of formats.
 */
#include "target.h"

#include <dumpio/dumpio.h>
#include <string.h>

bool target_known(const char *name, size_t len)
{
    struct dumpio_format_info f;
    for (size_t i = 0; !dumpio_format_at(i, &f); i++)
        if (strlen(f.name) == len && !strncmp(f.name, name, len))
            return true;
    return false;
}

bool target_parse(struct target *t, const char *text)
{
    size_t len = strcspn(text, ":");
    if (len >= sizeof t->format || !target_known(text, len))
        return false;
    memcpy(t->format, text, len);
    t->format[len] = '\0';
    if (text[len])
        t->codec = text + len + 1;
    return true;
}
