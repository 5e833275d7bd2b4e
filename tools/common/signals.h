/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that end the work (SIGINT, SIGTERM, SIGHUP) and that ask how far it is (SIGUSR1, SIGINFO).
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>

void signals_start(void);

/*
 * The signal that asked to end, 0 = none. The work has a moment to end by itself, with everything
 * put away; then, and at the second signal, temporary files are removed and the signal does what it
 * does to any program.
 */
int signals_interrupted(void);
/* The work may take its time to end: only a second signal ends it by force. */
void signals_without_deadline(void);
/* Was a line of progress asked for since the last call? */
bool signals_asked(void);

/* Before main returns `code`: an interrupted program without a result ends by its signal. */
int signals_end(int code);

#endif
