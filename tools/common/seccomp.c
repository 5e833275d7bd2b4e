/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp filter in classic BPF. Reference: seccomp(2), Documentation/userspace-api/seccomp_filter.rst
 * of Linux. A list of what is refused, since what C libraries and sanitizers call changes from version
 * to version; what is newer than the list does not exist. Not handled: which files: landlock.c.
 */
#define _GNU_SOURCE /* syscall */
#include "seccomp.h"

#ifdef __linux__
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* The interface that this program is built for; others of the same machine are refused. */
#if !defined(__linux__) || !defined(SECCOMP_FILTER_FLAG_SPEC_ALLOW)
#elif defined(__x86_64__) && !defined(__ILP32__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__ARM_EABI__) && defined(__ARMEL__)
#define ARCH AUDIT_ARCH_ARM
#elif defined(__s390x__)
#define ARCH AUDIT_ARCH_S390X
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH AUDIT_ARCH_PPC64LE
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef ARCH

/* From 403 on the numbers are the same on all of these. */
enum {
    PIDFD_SEND_SIGNAL = 424, PIDFD_OPEN = 434, /* and between: io_uring, mounts */
    CLONE3 = 435, PIDFD_GETFD = 438, PROCESS_MADVISE = 440, MOUNT_SETATTR = 442, QUOTACTL_FD = 443,
    PROCESS_MRELEASE = 448, LAST_KNOWN = 450
};

static const struct { uint32_t first, last; } ranges[] = {
    {PIDFD_SEND_SIGNAL, PIDFD_OPEN}, {PIDFD_GETFD, PIDFD_GETFD},
    {PROCESS_MADVISE, PROCESS_MADVISE}, {MOUNT_SETATTR, QUOTACTL_FD},
    {PROCESS_MRELEASE, PROCESS_MRELEASE},
};

static const uint32_t refused[] = {
    /* programs and processes (threads: see below) */
    SYS_execve, SYS_execveat, SYS_kcmp, SYS_process_vm_readv, SYS_process_vm_writev, SYS_setns,
    SYS_unshare, SYS_personality, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
#ifdef SYS_fork
    SYS_fork, SYS_vfork,
#endif
#ifndef DUMPIO_SANITIZED /* the leak checker stops the threads from a process of its own */
    SYS_ptrace,
#endif
#ifdef __GLIBC__ /* musl raises signals by it */
    SYS_tkill,
#endif
    /* networks */
#ifdef SYS_socketcall
    SYS_socketcall,
#endif
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept4, SYS_sendto,
    SYS_sendmsg, SYS_sendmmsg,
#ifdef SYS_accept
    SYS_accept,
#endif
    /* the kernel */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_add_key, SYS_request_key, SYS_keyctl,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_syslog,
    SYS_acct, SYS_swapon, SYS_swapoff, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime,
    SYS_adjtimex, SYS_sethostname, SYS_setdomainname, SYS_vhangup,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_clock_settime64
    SYS_clock_settime64, SYS_clock_adjtime64,
#endif
#ifdef SYS_stime
    SYS_stime,
#endif
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm,
#endif
    /* file systems, and files by other ways than names */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_quotactl, SYS_mknodat,
    SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_fanotify_init,
#ifdef SYS_umount
    SYS_umount,
#endif
#ifdef SYS_mknod
    SYS_mknod,
#endif
};

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define ROOM 256u /* instructions: jumps reach no further */

struct program {
    struct sock_filter code[ROOM];
    unsigned short n;
};

static void add(struct program *p, uint16_t op, uint32_t k)
{
    p->code[p->n++] = (struct sock_filter){op, 0, 0, k};
}

/* The next `skip` instructions are for when it holds. */
static void unless(struct program *p, uint16_t op, uint32_t k, uint8_t skip)
{
    p->code[p->n++] = (struct sock_filter){(uint16_t)(BPF_JMP | op | BPF_K), 0, skip, k};
}

static void end(struct program *p, uint32_t verdict, uint32_t error)
{
    add(p, BPF_RET | BPF_K, verdict | error);
}

static void load(struct program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

/* The lower 32 bits of an argument. */
static void load_argument(struct program *p, unsigned i)
{
    size_t low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
    load(p, offsetof(struct seccomp_data, args) + 8 * i + low);
}

static void add_interface(struct program *p)
{
    load(p, offsetof(struct seccomp_data, arch));
    p->code[p->n++] = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH};
    end(p, SECCOMP_RET_ERRNO, EPERM);
    load(p, offsetof(struct seccomp_data, nr));
    unless(p, BPF_JGT, LAST_KNOWN, 1); /* x32 is here, too */
    end(p, SECCOMP_RET_ERRNO, ENOSYS);
}

/* Threads, but no processes. clone3's flags are in memory: C libraries take clone then. */
static void add_threads(struct program *p)
{
#ifndef DUMPIO_SANITIZED
#ifdef __s390x__
    const unsigned flags = 1;
#else
    const unsigned flags = 0;
#endif
    unless(p, BPF_JEQ, SYS_clone, 4);
    load_argument(p, flags);
    p->code[p->n++] = (struct sock_filter){BPF_JMP | BPF_JSET | BPF_K, 1, 0, CLONE_THREAD};
    end(p, SECCOMP_RET_ERRNO, EPERM);
    end(p, SECCOMP_RET_ALLOW, 0);
#endif
    unless(p, BPF_JEQ, CLONE3, 1);
    end(p, SECCOMP_RET_ERRNO, ENOSYS);
}

/* A signal is for this process: raise(), abort(). */
static void add_signals(struct program *p, uint32_t call)
{
    unless(p, BPF_JEQ, call, 4);
    load_argument(p, 0);
    p->code[p->n++] = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (uint32_t)getpid()};
    end(p, SECCOMP_RET_ERRNO, EPERM);
    end(p, SECCOMP_RET_ALLOW, 0);
}

/* Nothing is typed into the terminal that the tool runs in. */
static void add_terminal(struct program *p)
{
    unless(p, BPF_JEQ, SYS_ioctl, 6);
    load_argument(p, 1);
    unless(p, BPF_JEQ, TIOCSTI, 1);
    end(p, SECCOMP_RET_ERRNO, EPERM);
    unless(p, BPF_JEQ, TIOCLINUX, 1);
    end(p, SECCOMP_RET_ERRNO, EPERM);
    end(p, SECCOMP_RET_ALLOW, 0);
}

static void add_refused(struct program *p)
{
    for (size_t i = 0; i < COUNT(ranges); i++) {
        unless(p, BPF_JGE, ranges[i].first, 2);
        p->code[p->n++] = (struct sock_filter){BPF_JMP | BPF_JGT | BPF_K, 1, 0, ranges[i].last};
        end(p, SECCOMP_RET_ERRNO, EPERM);
    }
    for (size_t i = 0; i < COUNT(refused); i++) /* to the end, which refuses */
        p->code[p->n++] = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K,
                                               (uint8_t)(COUNT(refused) - i), 0, refused[i]};
    end(p, SECCOMP_RET_ALLOW, 0);
    end(p, SECCOMP_RET_ERRNO, EPERM);
}

/* Instructions besides those of `refused`; the rest of the room. */
_Static_assert(COUNT(refused) + 3 * COUNT(ranges) + 40 < ROOM, "the list has outgrown the program");

bool seccomp_enter(void)
{
    struct program p = {.n = 0};
    add_interface(&p);
    add_threads(&p);
    add_signals(&p, SYS_kill);
    add_signals(&p, SYS_tgkill);
    add_terminal(&p);
    add_refused(&p);
    struct sock_fprog f = {p.n, p.code};
    /* No defence against speculation is switched on: nothing here runs what it reads. */
    unsigned long flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    return !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &f) ||
           !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &f);
}

#else

bool seccomp_enter(void)
{
    return false;
}
#endif
