#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run a program at a terminal of its own and answer every prompt with one line.

usage: terminal.py ANSWER COMMAND [ARGUMENT...]

Ends with the program's exit code, or with 99 when one of ours asks with the echo still on. For
programs that ask for passphrases at /dev/tty.
"""
import os
import pty
import sys
import termios


def main(answer, command):
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    seen = b""
    while True:
        try:
            got = os.read(fd, 4096)
        except OSError:  # the other end is closed
            break
        if not got:
            break
        seen += got
        if seen.rstrip().endswith(b":"):  # a prompt
            ours = os.path.basename(command[0]).startswith("dump")
            if ours and termios.tcgetattr(fd)[3] & termios.ECHO:
                return 99
            os.write(fd, answer.encode() + b"\n")
            seen = b""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
