/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tools of the one executable. Each file defines its tool_NAME; tools/CMakeLists.txt lists them.
 */
#ifndef TOOLS_H
#define TOOLS_H

#include "common/opt.h"

struct tool {
    const struct opt_spec *spec;
    int (*main)(int argc, char **argv);
};

#define TOOL_PREFIX 4 /* "dump", which "dumpio COMMAND" leaves out */

extern const struct tool *const tools[]; /* in the order of the list; ends with NULL */

#endif
