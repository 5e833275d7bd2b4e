/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox of the tools, entered in children: what is denied afterwards, and what still works. Parts
 * that need what this kernel lacks are skipped, with a word.
 */
#define _GNU_SOURCE
#include "common/sandbox.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const in[] = {"in/dump"};
static bool has_files, has_calls; /* Landlock, seccomp; asked for in other ways than the sandbox does */

/* ---- helpers ------------------------------------------------------------------------------------ */

/* errno of an attempt to open; 0: it worked. */
static int try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int try_list(const char *path)
{
    DIR *d = opendir(path);
    if (!d)
        return errno;
    closedir(d);
    return 0;
}

#define ERRNO(call) ((call) < 0 ? errno : 0)

static void make_file(const char *path)
{
    FILE *f = fopen(path, "w");
    CHECK(f && fputs("text", f) >= 0 && !fclose(f));
}

static void make_tree(void)
{
    static const char *const folders[] = {"in", "out", "tmp", "else", "in/sub"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        CHECK_EQ(mkdir(folders[i], 0700), 0);
    static const char *const files[] = {"in/dump", "in/beside", "out/old", "tmp/old", "else/secret",
                                        "in/sub/deep", "else/facts"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        make_file(files[i]);
    CHECK_EQ(mkfifo("out/pipe", 0600), 0);
    CHECK_EQ(setenv("TMPDIR", "tmp", 1), 0);
}

static void enter(const struct sandbox *s)
{
    static struct ui ui;
    ui.open.vmcoreinfo = "else/facts";
    sandbox_enter(&ui, s);
}

/* Run it in a child; its failures are ours. */
static void in_child(void (*test)(void))
{
    int status = -1;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        unit_failures = 0;
        test();
        fflush(stdout);
        _exit(unit_failures != 0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* ---- files -------------------------------------------------------------------------------------- */

static void denied_files(void)
{
    enter(&(struct sandbox){.inputs = in, .n_inputs = 1, .output = "out/new"});
    CHECK_EQ(try_open("in/dump", O_RDONLY), 0);
    CHECK_EQ(try_open("else/facts", O_RDONLY), 0);
    CHECK_EQ(try_open("in/dump", O_RDWR), EACCES);
    CHECK_EQ(try_open("in/dump", O_WRONLY | O_TRUNC), EACCES);
    CHECK_EQ(try_open("in/beside", O_RDONLY), EACCES);
    CHECK_EQ(try_open("in/new", O_RDWR | O_CREAT | O_EXCL), EACCES);
    CHECK_EQ(try_open("in/../else/secret", O_RDONLY), EACCES);
    CHECK_EQ(try_open("else/secret", O_WRONLY), EACCES);
    CHECK_EQ(try_open("/etc/passwd", O_RDONLY), EACCES);
    CHECK_EQ(try_open("/dev/tty", O_RDWR) == 0, 0);
    CHECK_EQ(try_list("else"), EACCES);
    CHECK_EQ(try_list("tmp"), EACCES);
    CHECK_EQ(ERRNO(unlink("in/dump")), EACCES);
    CHECK_EQ(ERRNO(mkdir("out/folder", 0700)), EACCES);
    CHECK_EQ(ERRNO(symlink("/etc/passwd", "out/link")), EACCES);
    CHECK_EQ(ERRNO(mkfifo("out/fifo", 0600)) != 0, 1);
    CHECK(ERRNO(rename("out/old", "else/old")) == EACCES || errno == EXDEV);
    CHECK(ERRNO(link("in/dump", "out/dump")) == EACCES || errno == EXDEV);
}

static void working_files(void)
{
    enter(&(struct sandbox){.inputs = in, .n_inputs = 1, .output = "out/new"});
    char name[] = "out/.new.dumpio-XXXXXX", spool[] = "tmp/dumpio-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, "content", 7) == 7 && !fsync(fd));
    char *p = mmap(NULL, 7, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && !memcmp(p, "content", 7) && !munmap(p, 7));
    CHECK(!close(fd) && !try_open(name, O_RDWR));
    CHECK_EQ(ERRNO(link(name, "out/linked")), 0);
    CHECK_EQ(ERRNO(rename(name, "out/old")), 0);
    CHECK_EQ(ERRNO(unlink("out/linked")), 0);
    CHECK_EQ(try_list("out"), 0);
    fd = mkstemp(spool);
    CHECK(fd >= 0 && !unlink(spool) && write(fd, "x", 1) == 1 && !ftruncate(fd, 0) && !close(fd));
    CHECK_EQ(try_open("/dev/null", O_RDWR), 0);
}

static void beside_files(void)
{
    enter(&(struct sandbox){.inputs = in, .n_inputs = 1, .beside = true, .more = {"else/secret"}});
    CHECK_EQ(try_open("in/beside", O_RDONLY), 0);
    CHECK_EQ(try_list("in"), 0);
    CHECK_EQ(try_open("else/secret", O_RDONLY), 0);
    CHECK_EQ(try_open("in/beside", O_WRONLY), EACCES);
    CHECK_EQ(try_open("out/new", O_WRONLY | O_CREAT), EACCES);
}

/* A folder in place of an input, a pipe as output, a name for parts with the number in the folder. */
static void odd_files(void)
{
    const char *const folder[] = {"in", "-"};
    enter(&(struct sandbox){.inputs = folder, .n_inputs = 2, .output = "out/pipe"});
    CHECK_EQ(try_list("in"), 0);
    CHECK_EQ(try_open("in/dump", O_RDONLY), EACCES);
    CHECK_EQ(try_open("out/pipe", O_WRONLY | O_NONBLOCK), ENXIO); /* nobody reads it */
    CHECK_EQ(try_open("out/new", O_WRONLY | O_CREAT), EACCES);
}

static void numbered_folders(void)
{
    enter(&(struct sandbox){.inputs = in, .n_inputs = 1, .output = "out/part%03d/dump"});
    CHECK_EQ(try_open("out/new", O_WRONLY | O_CREAT), 0);
    CHECK_EQ(try_open("else/new", O_WRONLY | O_CREAT), EACCES);
    CHECK_EQ(ERRNO(unlink("out/new")), 0);
}

/* ---- calls -------------------------------------------------------------------------------------- */

static atomic_int signalled;

static void on_signal(int sig)
{
    atomic_store(&signalled, sig);
}

static void *answer(void *where)
{
    *(int *)where = ERRNO(socket(AF_INET, SOCK_STREAM, 0));
    return NULL;
}

static int pipe_ends[2];

static void *early(void *where)
{
    char byte;
    return read(pipe_ends[0], &byte, 1) == 1 ? answer(where) : NULL;
}

#if defined(__x86_64__) && !defined(DUMPIO_SANITIZED)
static long old_interface(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
    return result;
}

static void try_old_interface(void)
{
    CHECK(old_interface() > 0);
}
#endif

static void denied_calls(void)
{
    static char *const args[] = {"true", NULL};
    int ends[2], late = -1, before = -1;
    pthread_t t, old;
    CHECK(!pipe(pipe_ends) && !pthread_create(&old, NULL, early, &before));
    enter(&(struct sandbox){.inputs = in, .n_inputs = 1});
    CHECK(execve("/bin/true", args, args) && errno == (has_calls ? EPERM : EACCES));
    CHECK_EQ(ERRNO(socket(AF_UNIX, SOCK_STREAM, 0)), EPERM);
    CHECK_EQ(ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, ends)), EPERM);
    CHECK_EQ(ERRNO(connect(0, NULL, 0)), EPERM);
    CHECK_EQ(ERRNO(unshare(CLONE_NEWUSER)), EPERM);
    CHECK_EQ(ERRNO(kill(getppid(), 0)), EPERM);
    CHECK_EQ(ERRNO(kill(getpid(), 0)), 0);
    CHECK_EQ(ERRNO(kill(-1, 0)), EPERM);
    CHECK_EQ(ERRNO(syscall(SYS_tgkill, getppid(), getppid(), 0)), EPERM);
    CHECK_EQ(ERRNO(syscall(SYS_bpf, 0, NULL, 0)), EPERM);
    CHECK_EQ(ERRNO(syscall(SYS_mount, "a", "b", "c", 0, NULL)), EPERM);
    CHECK_EQ(ERRNO(syscall(425 /* io_uring_setup */, 1, NULL)), EPERM);
    CHECK_EQ(ERRNO(syscall(434 /* pidfd_open */, getppid(), 0)), EPERM);
    CHECK_EQ(ERRNO(syscall(435 /* clone3 */, NULL, 0)), ENOSYS);
    CHECK_EQ(ERRNO(syscall(451 /* cachestat: newer than the list */, 0, NULL, NULL, 0)), ENOSYS);
    CHECK_EQ(ERRNO(ioctl(0, TIOCSTI, "x")), EPERM);
    /* the kernel reads 32 bits of a request: bits above, where a long has them, hide nothing */
    CHECK_EQ(ERRNO(ioctl(0, ~0xffffffffUL | TIOCSTI, "x")), EPERM);
    CHECK_EQ(ERRNO(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)), EPERM);
#ifndef DUMPIO_SANITIZED
    CHECK_EQ(ERRNO(ptrace(PTRACE_TRACEME, 0, NULL, NULL)), EPERM);
    CHECK_EQ(ERRNO(fork()), EPERM);
    CHECK_EQ(ERRNO(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)), EPERM);
#endif
    CHECK(!pthread_create(&t, NULL, answer, &late) && !pthread_join(t, NULL));
    CHECK_EQ(late, EPERM);
    CHECK(write(pipe_ends[1], "", 1) == 1 && !pthread_join(old, NULL));
    CHECK_EQ(before, EPERM); /* also in a thread that was there before */
}

static void working_calls(void)
{
    struct sigaction sa = {.sa_handler = on_signal};
    int ends[2];
    CHECK(!sigaction(SIGUSR1, &sa, NULL));
    enter(&(struct sandbox){.inputs = in, .n_inputs = 1});
    CHECK(!raise(SIGUSR1) && atomic_load(&signalled) == SIGUSR1);
    CHECK(!pipe(ends) && write(ends[1], "", 1) == 1);
    CHECK_EQ(ERRNO(ioctl(ends[0], FIONREAD, &(int){0})), 0);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    CHECK_EQ(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 2);
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) > 0);
}

#if defined(__x86_64__) && !defined(DUMPIO_SANITIZED)
/* The numbers of 32-bit programs mean other calls. */
static void denied_interface(void)
{
    enter(&(struct sandbox){.inputs = in, .n_inputs = 1});
    CHECK_EQ(old_interface(), -EPERM);
}

static bool has_old_interface(void)
{
    int status;
    pid_t child = fork();
    if (!child) {
        unit_failures = 0;
        try_old_interface();
        _exit(unit_failures != 0);
    }
    return waitpid(child, &status, 0) == child && !status;
}
#endif

/* ---- without ------------------------------------------------------------------------------------ */

static void no_sandbox(void)
{
    struct ui ui = {.no_sandbox = true};
    int status;
    sandbox_enter(&ui, &(struct sandbox){.inputs = in, .n_inputs = 1});
    CHECK_EQ(try_open("else/secret", O_RDWR), 0);
    pid_t child = fork();
    if (!child)
        _exit(0);
    CHECK(child > 0 && waitpid(child, &status, 0) == child && !status);
}

/* As on a kernel that has neither: both calls do not exist. */
static void become_old(void)
{
    static struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 444},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_seccomp},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    struct sock_fprog f = {sizeof code / sizeof *code, code};
    CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, 2, &f, 0, 0));
}

/* It works, and says what is missing where that is asked for. */
static void old_kernel(void)
{
    static const struct opt_spec spec = {.tool = "tool"};
    struct ui ui = {.spec = &spec};
    char said[512] = "";
    become_old();
    FILE *f = freopen("said", "w+", stderr);
    sandbox_enter(&ui, &(struct sandbox){.inputs = in, .n_inputs = 1});
    CHECK(f && ftell(f) == 0);
    ui.verbosity = 1;
    sandbox_enter(&ui, &(struct sandbox){.inputs = in, .n_inputs = 1});
    if (f) {
        rewind(f);
        said[fread(said, 1, sizeof said - 1, f)] = 0;
    }
    CHECK(strstr(said, "tool: ") && strstr(said, "no Landlock") && strstr(said, "no seccomp"));
    CHECK_EQ(try_open("else/secret", O_RDONLY), 0);
}

int main(void)
{
    char folder[] = "/tmp/test_sandbox-XXXXXX";
    unsigned errors = SECCOMP_RET_ERRNO;
    has_files = syscall(444 /* landlock_create_ruleset */, NULL, 0, 1) > 0;
    has_calls = !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &errors);
    if (!mkdtemp(folder) || chdir(folder)) {
        perror(folder);
        return 1;
    }
    make_tree();
    if (has_files) {
        in_child(denied_files);
        in_child(working_files);
        in_child(beside_files);
        in_child(odd_files);
        in_child(numbered_folders);
    } else {
        puts("skipped: this kernel has no Landlock");
    }
    if (has_calls) {
        in_child(denied_calls);
        in_child(working_calls);
#if defined(__x86_64__) && !defined(DUMPIO_SANITIZED)
        if (has_old_interface())
            in_child(denied_interface);
        else
            puts("skipped: this kernel runs no 32-bit programs");
#endif
    } else {
        puts("skipped: this kernel has no seccomp filters");
    }
    in_child(no_sandbox);
    if (has_calls)
        in_child(old_kernel);
    char command[sizeof folder + 16];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK_EQ(system(command), 0);
    return unit_result();
}
