#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Completion as a person meets it: keys typed into interactive shells on a terminal.

Environment: DUMPIO_BIN (the tools; the completions lie beside), DUMPIO_SCRATCH.
bash is tried thoroughly; zsh and fish where they are installed.
"""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

BIN = os.environ["DUMPIO_BIN"]
MADE = os.path.join(os.path.dirname(BIN), "completion")
SCRATCH = os.environ["DUMPIO_SCRATCH"]
SECONDS = 60  # for an answer
HOME = b"\x01"  # Ctrl-A
ALL = b"\x1b*"  # readline: insert every completion
TAB = b"\t"

# What is typed, the key, the words that the command line has then.
BASH = [
    ("dumpconv --ram", TAB, "dumpconv --ram-only"),
    ("dumpconv --to=kdump:zs", TAB, "dumpconv --to=kdump:zstd"),
    ("dumpconv --to kdump:zs", TAB, "dumpconv --to kdump:zstd"),
    ("dumpconv --to=disk", ALL, "dumpconv --to=diskdump diskdump:none diskdump:zlib"),
    ("dumpconv --codec=z", ALL, "dumpconv --codec=zlib zstd"),
    ("dumpconv --from=lk", ALL, "dumpconv --from=lkcd lkcd8"),
    ("dumpconv --wrap=zst,g", TAB, "dumpconv --wrap=zst,gz"),
    ("dumpconv lkcd2e", TAB, "dumpconv lkcd2elf"),
    ("dumpconv lkcd2elf vm", TAB, "dumpconv lkcd2elf vmcore dump"),
    ("dumpconv -o vm", TAB, "dumpconv -o vmcore dump"),
    ("dumpconv --output=vm", TAB, "dumpconv --output=vmcore dump"),
    ("dumpconv --no-s", ALL, "dumpconv --no-sandbox --no-share --no-spool --no-sync"),
    ("dumpfilter --exclude=zero,fr", ALL, "dumpfilter --exclude=zero,free zero,freed"),
    ("dumpfilter --exclude hw", TAB, "dumpfilter --exclude hwpoison"),
    ("dumpinfo --map=vm", TAB, "dumpinfo --map=vmcore dump"),
    ("dumpinfo --color=n", TAB, "dumpinfo --color=never"),
    ("dumpcrypt ins", TAB, "dumpcrypt inspect"),
    ("dumpverify --dig", TAB, "dumpverify --digest"),
    ("dumpio ver", TAB, "dumpio verify"),
    ("dumpio conv --to=el", TAB, "dumpio conv --to=elf"),
    ("dumpio verify --dig", TAB, "dumpio verify --digest"),
]
ZSH = [(typed, key, words) for typed, key, words in BASH
       if key == TAB and typed != "dumpconv --to kdump:zs"]
FISH = [
    ("dumpconv --ram", ["--ram-only"]),
    ("dumpconv --to=disk", ["--to=diskdump", "--to=diskdump:none", "--to=diskdump:zlib"]),
    ("dumpfilter --exclude=zero,fr", ["--exclude=zero,free", "--exclude=zero,freed"]),
    ("dumpconv lkcd2e", ["lkcd2elf"]),
    ("dumpcrypt ins", ["inspect"]),
    ("dumpio ver", ["verify"]),
    ("dumpio conv --to=el", ["--to=elf"]),
]


class Shell:
    """An interactive shell on a terminal."""

    def __init__(self, command, setup):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.update(TERM="dumb", PATH=BIN + ":" + os.environ["PATH"], INPUTRC="/dev/null",
                              HISTFILE="", LC_ALL="C")
            os.execvp(command[0], command)
        self.marks = 0
        for line in setup:
            self.answer(line.encode() + b"\r")

    def read_until(self, mark):
        text, end = b"", time.monotonic() + SECONDS
        while mark not in text:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise SystemExit("FAILED: the shell does not answer: %r" % text[-500:])
            text += os.read(self.fd, 65536)
        return text

    def answer(self, keys):
        """What the terminal shows until the keys are dealt with."""
        self.marks += 1
        mark = "ready%d" % self.marks
        os.write(self.fd, keys + b"echo rea''dy%d\r" % self.marks)
        return self.read_until(mark.encode() + b"\r\n").decode(errors="replace")

    def words(self, typed, key):
        """The words of the line once the key was pressed."""
        shown = self.answer(typed.encode() + key + HOME + b"printf '{%s}\\n' \r")
        return re.findall(r"^\{(.*)\}\r?$", shown, re.M)

    def close(self):
        os.write(self.fd, b"exit\r")
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def with_files(words):
    """"vmcore dump" is one word: the file in the folder."""
    return [w.replace("\0", " ") for w in words.replace("vmcore dump", "vmcore\0dump").split()]


def try_shell(name, shell, cases):
    bad = 0
    for typed, key, words in cases:
        got = shell.words(typed, key)
        if got != with_files(words):
            bad += 1
            print("FAILED: %s: %s<TAB>: %s" % (name, typed, got))
    shell.close()
    return bad


def try_bash():
    return try_shell("bash", Shell(
        ["bash", "--norc", "--noprofile", "-i"],
        ["PS1=; bind 'set enable-bracketed-paste off'; . '%s/dumpio.bash'" % MADE]), BASH)


def try_zsh():
    return try_shell("zsh", Shell(
        ["zsh", "-f", "-i"],
        ["PS1=; unsetopt zle_bracketed_paste prompt_cr; bindkey -e; fpath=('%s' $fpath); "
         "autoload -Uz compinit; compinit -u -D" % MADE]), ZSH)


def try_fish():
    bad = 0
    for typed, words in FISH:
        ask = "source '%s/dumpio.fish'; complete -C'%s'" % (MADE, typed)
        done = subprocess.run(["fish", "--no-config", "-c", ask], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "PATH": BIN + ":" + os.environ["PATH"]})
        got = sorted(line.split("\t")[0] for line in done.stdout.splitlines())
        if got != words:
            bad += 1
            print("FAILED: fish: %s<TAB>: %s" % (typed, got))
    return bad


def main():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    os.chdir(SCRATCH)
    with open("vmcore dump", "w", encoding="utf-8"):
        pass
    tried = bad = 0
    for name, cases, run in (("bash", BASH, try_bash), ("zsh", ZSH, try_zsh),
                             ("fish", FISH, try_fish)):
        if not shutil.which(name):
            print("not installed: %s" % name)
            continue
        tried += len(cases)
        bad += run()
    os.chdir("/")
    shutil.rmtree(SCRATCH)
    print("%d completions, %d failures" % (tried, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
