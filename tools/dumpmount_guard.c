/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounting is for a process that may start programs (fusermount3), reading a dump for one that may
 * not: they talk by a pair of sockets, and the connection to the kernel goes from the one to the other.
 */
#include "dumpmount.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- messages ----------------------------------------------------------------------------------- */

static bool get_byte(int from)
{
    char byte;
    ssize_t n;
    do
        n = read(from, &byte, 1);
    while (n < 0 && errno == EINTR);
    return n == 1;
}

static bool put_byte(int to)
{
    return write(to, "", 1) == 1;
}

union room { /* aligned, for one descriptor */
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static bool send_descriptor(int to, int fd)
{
    char byte = 0;
    struct iovec text = {&byte, 1};
    union room room;
    memset(&room, 0, sizeof room);
    struct msghdr m = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &room,
                       .msg_controllen = sizeof room.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(to, &m, 0) == 1;
}

static int receive_descriptor(int from)
{
    char byte;
    struct iovec text = {&byte, 1};
    union room room;
    struct msghdr m = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &room,
                       .msg_controllen = sizeof room.bytes};
    ssize_t n;
    int fd = -1;
    do
        n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *c = n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

/* ---- the server's side -------------------------------------------------------------------------- */

int guard_connection(int guard)
{
    return put_byte(guard) ? receive_descriptor(guard) : -1;
}

void guard_mounted(int guard)
{
    (void)put_byte(guard); /* the guard's end is no reason to end: it is mounted */
}

/* ---- the guard ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t server;

/* The server ends, and with it this process: but it unmounts first. */
static void pass_on(int sig)
{
    int e = errno;
    kill((pid_t)server, sig);
    errno = e;
}

static void pass_signals_on(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction sa = {.sa_handler = pass_on, .sa_flags = SA_RESTART}, old;
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (!sigaction(ends[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(ends[i], &sa, NULL);
}

static int keep_guard(const struct guarded *g, int socket)
{
    int connection = -1, status = 0;
    struct fuse *fuse = get_byte(socket) ? mount_make(g->mount, g->dir, &connection) : NULL;
    bool served = fuse && send_descriptor(socket, connection) && get_byte(socket);
    if (served)
        g->mounted(g->user);
    close(socket); /* who waits for a connection gets none */
    while (waitpid((pid_t)server, &status, 0) < 0 && errno == EINTR) {
    }
    if (fuse)
        mount_end(fuse);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int guard_run(const struct guarded *g)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return 1;
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return 1;
    }
    close(ends[child ? 1 : 0]);
    if (!child)
        return g->serve(g->user, ends[1]);
    server = child;
    pass_signals_on();
    return keep_guard(g, ends[0]);
}
