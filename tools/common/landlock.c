/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock by its system calls. Reference: Documentation/userspace-api/landlock.rst of Linux, up to
 * ABI 6. The structures are written out: headers of the building system may be older than the kernel
 * that runs this. Not handled: chmod, truncate by name before ABI 3, sockets that are open already.
 */
#define _GNU_SOURCE /* syscall, O_PATH */
#include "landlock.h"

#ifdef __linux__
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers on every architecture but alpha. */
enum { CREATE_RULESET = 444, ADD_RULE, RESTRICT_SELF };
enum { QUERY_VERSION = 1, BENEATH = 1 };

#define BIT(n) ((uint64_t)1 << (n))
#define WRITE_FILE BIT(1)
#define READ_FILE BIT(2)
#define READ_DIR BIT(3)
#define REMOVE_FILE BIT(5)
#define MAKE_FILE BIT(8)
#define TRUNCATE BIT(14)
#define IOCTL_DEV BIT(15)
#define OF_FILES (WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)

#define SCRATCH (READ_FILE | WRITE_FILE | TRUNCATE | MAKE_FILE | REMOVE_FILE)

static const uint64_t rights[] = {
    [LANDLOCK_READ] = READ_FILE | IOCTL_DEV, /* the size of a disk is an ioctl */
    [LANDLOCK_WRITE] = WRITE_FILE | TRUNCATE | IOCTL_DEV,
    [LANDLOCK_TALK] = READ_FILE | WRITE_FILE | IOCTL_DEV,
    [LANDLOCK_FOLDER] = READ_FILE | READ_DIR,
    [LANDLOCK_SCRATCH] = SCRATCH,
    [LANDLOCK_STORE] = SCRATCH | READ_DIR,
};

/* struct landlock_ruleset_attr; kernels take a longer one whose rest they do not know when it is 0. */
struct ruleset {
    uint64_t files, network, scopes;
};

struct beneath {
    uint64_t rights;
    int32_t parent;
} __attribute__((packed)); /* as in the kernel's interface */

/* Rights about files that each ABI knows, as the number of bits; the last serves what is newer. */
static const uint8_t known[] = {13, 14, 15, 15, 16};

#define NETWORK_SINCE 4
#define NETWORK (BIT(0) | BIT(1)) /* bind and connect, TCP */
#define SCOPES_SINCE 6
#define SCOPES (BIT(0) | BIT(1)) /* abstract sockets and signals of others */

bool landlock_start(struct landlock *l)
{
    long abi = syscall(CREATE_RULESET, NULL, 0, QUERY_VERSION);
    if (abi < 1)
        return false;
    size_t last = sizeof known / sizeof *known, i = (size_t)abi < last ? (size_t)abi : last;
    struct ruleset all = {BIT(known[i - 1]) - 1, abi >= NETWORK_SINCE ? NETWORK : 0,
                          abi >= SCOPES_SINCE ? SCOPES : 0};
    l->handled = all.files;
    l->rules = (int)syscall(CREATE_RULESET, &all, sizeof all, 0);
    return l->rules >= 0;
}

bool landlock_allow(const struct landlock *l, const char *path, enum landlock_use use)
{
    struct stat st;
    struct beneath rule = {rights[use], open(path, O_PATH | O_CLOEXEC)};
    if (rule.parent < 0)
        return false;
    bool there = !fstat(rule.parent, &st);
    bool folder = there && S_ISDIR(st.st_mode);
    if (folder && use < LANDLOCK_FOLDER)
        rule.rights = READ_DIR;
    else if (!folder)
        rule.rights &= OF_FILES;
    rule.rights &= l->handled;
    there = there && !syscall(ADD_RULE, l->rules, BENEATH, &rule, 0);
    close(rule.parent);
    return there;
}

bool landlock_enter(struct landlock *l)
{
    bool done = !syscall(RESTRICT_SELF, l->rules, 0);
    close(l->rules);
    return done;
}

#else

bool landlock_start(struct landlock *l)
{
    (void)l;
    return false;
}

bool landlock_allow(const struct landlock *l, const char *path, enum landlock_use use)
{
    (void)l, (void)path, (void)use;
    return false;
}

bool landlock_enter(struct landlock *l)
{
    (void)l;
    return false;
}
#endif
