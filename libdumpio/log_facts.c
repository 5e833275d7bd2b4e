/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel log says of the crash: why it panicked, taint letters, the hardware's name.
 * Texts as printed by kernel/panic.c and lib/dump_stack.c of Linux.
 */
#include "dump.h"
#include "log_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_KEPT 512

struct scan {
    struct dio_log_facts *facts;
    char line[LINE_MAX_KEPT];
    size_t len;
    int panic_rank;
};

/* What announces a crash, the surest first. */
static const char *const causes[] = {
    "Kernel panic - not syncing: ", "sysrq: Trigger a crash", "SysRq : Trigger a crash",
    "BUG: ", "kernel BUG at ", "Unable to handle kernel ", "Oops: ", "Internal error: ",
    "general protection fault", "Kernel attempted to ",
};

#define N_CAUSES ((int)(sizeof causes / sizeof *causes))

static void copy(char *to, size_t room, const char *from, size_t len)
{
    if (len >= room)
        len = room - 1;
    memcpy(to, from, len);
    to[len] = 0;
}

static void take_cause(struct scan *s, const char *text)
{
    for (int i = 0; i < N_CAUSES && i < s->panic_rank; i++) {
        const char *at = strstr(text, causes[i]);
        if (!at)
            continue;
        copy(s->facts->panic, sizeof s->facts->panic, at, strlen(at));
        s->panic_rank = i;
        return;
    }
}

/* "Tainted: G        W  O     6.1.0" : the letters up to the release. */
static void take_taint(struct scan *s, const char *text)
{
    const char *t = strstr(text, " Tainted: ");
    char *to = s->facts->taint;
    size_t n = 0;
    if (!t) {
        if (strstr(text, " Not tainted "))
            *to = 0;
        return;
    }
    for (t += strlen(" Tainted: "); *t && n + 1 < sizeof s->facts->taint; t++) {
        if (*t >= 'A' && *t <= 'Z' && (t[1] == ' ' || (t[1] >= 'A' && t[1] <= 'Z') || !t[1]))
            to[n++] = *t;
        else if (*t == '[')
            while (*t && *t != ']')
                t++;
        else if (*t != ' ')
            break;
    }
    to[n] = 0;
}

static void take_line(struct scan *s)
{
    static const char hardware[] = "Hardware name: ";
    s->line[s->len] = 0;
    s->len = 0;
    const char *text = strstr(s->line, "] ");
    text = text ? text + 2 : s->line;
    take_cause(s, text);
    take_taint(s, text);
    const char *h = strstr(text, hardware);
    if (h)
        copy(s->facts->hardware, sizeof s->facts->hardware, h + sizeof hardware - 1,
             strlen(h + sizeof hardware - 1));
}

static int sink(void *user, const char *text, size_t len)
{
    struct scan *s = user;
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n')
            take_line(s);
        else if (s->len + 1 < sizeof s->line)
            s->line[s->len++] = text[i];
    return 0;
}

int dio_log_facts(struct dio_kernel *k, struct dio_log_facts *facts, struct dumpio_error *err)
{
    struct scan s = {.facts = facts, .panic_rank = N_CAUSES};
    *facts = (struct dio_log_facts){{0}, {0}, {0}};
    int rc = dio_kernel_dmesg(k, sink, &s, err);
    if (s.len)
        take_line(&s);
    return rc;
}
