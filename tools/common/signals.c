/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals. The handlers set flags, arm a timer and, when time is up, remove temporary files.
 */
#include "signals.h"
#include "ui.h"

#include <dumpio/dumpio.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#define DEADLINE_NS 700000000L /* to end by itself; the rest of a second is for the exit */

static atomic_int interrupted, asked, has_deadline; /* lock-free: for handlers and all threads */
static timer_t deadline;

/* Nothing is left but the signal. */
static void end_now(int sig)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    dumpio_remove_unfinished();
    sigaction(sig, &sa, NULL);
    raise(sig);
}

static void on_end(int sig)
{
    static const struct itimerspec once = {.it_value = {.tv_nsec = DEADLINE_NS}};
    if (interrupted) {
        end_now(sig);
        return;
    }
    interrupted = sig;
    if (has_deadline)
        timer_settime(deadline, 0, &once, NULL);
}

static void on_deadline(int sig)
{
    (void)sig;
    if (interrupted && has_deadline)
        end_now(interrupted);
}

static void on_ask(int sig)
{
    (void)sig;
    asked = 1;
}

static void handle(int sig, void (*handler)(int), int flags)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags}, old;
    sigemptyset(&sa.sa_mask);
    if (!sigaction(sig, NULL, &old) && old.sa_handler == SIG_IGN)
        return; /* by nohup, or for a job in the background */
    sigaction(sig, &sa, NULL);
}

void signals_start(void)
{
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct sigaction sa = {.sa_handler = on_deadline};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGALRM, &sa, NULL);
    has_deadline = !timer_create(CLOCK_MONOTONIC, &e, &deadline);
    handle(SIGINT, on_end, 0); /* no SA_RESTART: a read that waits is to notice */
    handle(SIGTERM, on_end, 0);
    handle(SIGHUP, on_end, 0);
    handle(SIGUSR1, on_ask, SA_RESTART);
#ifdef SIGINFO
    handle(SIGINFO, on_ask, SA_RESTART);
#endif
    sa.sa_handler = SIG_IGN; /* a closed pipe is a write error with a message */
    sigaction(SIGPIPE, &sa, NULL);
}

int signals_interrupted(void)
{
    return interrupted;
}

void signals_without_deadline(void)
{
    has_deadline = 0;
}

bool signals_asked(void)
{
    bool yes = asked;
    asked = 0;
    return yes;
}

int signals_end(int code)
{
    int sig = interrupted;
    struct sigaction sa = {.sa_handler = SIG_DFL};
    if (!sig || code != EXIT_ERROR)
        return code;
    sigaction(sig, &sa, NULL);
    raise(sig);
    return code;
}
