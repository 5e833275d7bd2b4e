/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading passphrases. The terminal is /dev/tty, so standard input stays free for data.
 */
#include "pass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

void pass_wipe(void *p, size_t n)
{
    volatile unsigned char *b = p;
    while (n--)
        *b++ = 0;
}

enum line { LINE_OK, LINE_END, LINE_LONG, LINE_ERROR };

/* Up to a newline or the end, byte by byte: what follows is not ours. */
static enum line read_line(int fd, char *buf, size_t size)
{
    size_t n = 0;
    for (;;) {
        char c;
        ssize_t got = read(fd, &c, 1);
        if (got < 0)
            return LINE_ERROR;
        if (got == 0 && !n)
            return LINE_END;
        if (got == 0 || c == '\n')
            break;
        if (n + 1 == size)
            return LINE_LONG;
        buf[n++] = c;
    }
    if (n && buf[n - 1] == '\r')
        n--;
    buf[n] = 0;
    return n ? LINE_OK : LINE_END;
}

static int check(const char *tool, const char *where, enum line r, char *buf, size_t size)
{
    static const char *const why[] = {"", "no passphrase", "the passphrase is too long",
                                      "cannot be read"};
    if (r == LINE_OK)
        return 0;
    pass_wipe(buf, size);
    fprintf(stderr, "%s: %s: %s\n", tool, where, why[r]);
    return 1;
}

int pass_from_fd(const char *tool, int fd, char *buf, size_t size)
{
    char name[40];
    snprintf(name, sizeof name, "descriptor %d", fd);
    return check(tool, name, read_line(fd, buf, size), buf, size);
}

int pass_from_file(const char *tool, const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "%s: %s: %s\n", tool, path, strerror(errno));
        return 1;
    }
    int rc = check(tool, path, read_line(fd, buf, size), buf, size);
    close(fd);
    return rc;
}

static void say(int fd, const char *text)
{
    size_t n = strlen(text);
    while (n) {
        ssize_t put = write(fd, text, n);
        if (put <= 0)
            return;
        text += put;
        n -= (size_t)put;
    }
}

/* One line without echo. A signal ends it, with the echo restored. */
static enum line ask(int fd, const char *prompt, char *buf, size_t size)
{
    struct termios old, quiet;
    if (tcgetattr(fd, &old))
        return LINE_ERROR;
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ECHONL | ICANON;
    if (tcsetattr(fd, TCSAFLUSH, &quiet)) /* before the prompt: an answer may be quick */
        return LINE_ERROR;
    say(fd, prompt);
    enum line r = read_line(fd, buf, size);
    tcsetattr(fd, TCSAFLUSH, &old);
    return r;
}

int pass_from_terminal(const char *tool, const char *what, int twice, char *buf, size_t size)
{
    char prompt[300], again[PASS_MAX_BYTES];
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr,
                "%s: a passphrase is needed, and there is no terminal to ask at "
                "(--passphrase-file, --passphrase-fd)\n", tool);
        return 1;
    }
    snprintf(prompt, sizeof prompt, "Passphrase for %.200s: ", what);
    int rc = check(tool, "terminal", ask(fd, prompt, buf, size), buf, size);
    if (!rc && twice) {
        rc = check(tool, "terminal", ask(fd, "The same once more: ", again, sizeof again), again,
                   sizeof again);
        if (!rc && strcmp(buf, again) != 0) {
            fprintf(stderr, "%s: the two differ\n", tool);
            rc = 1;
        }
        pass_wipe(again, sizeof again);
    }
    if (rc)
        pass_wipe(buf, size);
    close(fd);
    return rc;
}
