/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that a reader and writer of files has no use for, refused from a moment on.
 */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <stdbool.h>

/*
 * All threads, for good: no program is started, no process, no socket; no other process is looked
 * at or signalled; the system's settings, mounts and modules stay. Such calls fail with EPERM, those
 * newer than this file with ENOSYS. false: this system cannot, nothing has changed.
 */
bool seccomp_enter(void);

#endif
