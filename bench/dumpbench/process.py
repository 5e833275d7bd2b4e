# SPDX-License-Identifier: Apache-2.0
"""Runs one program and measures it: wall and CPU seconds, what it wrote, peak memory.

Format reference: none. Not handled: programs that leave children behind.
"""
import os
import signal
import subprocess
import sys
import tempfile
import time

SAMPLE_SECONDS = 0.005
RUN_SECONDS = 900
MIB = 1 << 20
PROGRAM_BYTES = 64 * MIB         # of memory a program takes beside what it writes
FURNISH_MAX = 4096 * MIB        # larger outputs wait for some of theirs
IN, OUT = "@in", "@out"          # stand for the paths in a command


class Contestant:
    """A program in a comparison. COMMAND has IN and OUT where the paths belong."""

    def __init__(self, name, command, ours=False, stdin=False, tries=None):
        self.name, self.command, self.ours, self.stdin = name, command, ours, stdin
        self.tries = tries       # timed runs are enough; None: as many as asked for
        self.wall, self.cpu, self.size, self.why = [], [], 0, ""
        self.rss = self.private = 0      # KiB

    def argv(self, source, target):
        return [{IN: source, OUT: target}.get(word, word) for word in self.command]


def install_signals():
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def _on_alarm(_number, _frame):
    raise TimeoutError


def _spawn(one, source, target, log):
    null = os.open(os.devnull, os.O_RDWR)
    stdin = os.open(source, os.O_RDONLY) if one.stdin else null
    command = one.argv(source, target)
    env = dict(os.environ, TMPDIR=os.path.dirname(target))
    try:
        return os.posix_spawnp(command[0], command, env,
                               file_actions=[(os.POSIX_SPAWN_DUP2, stdin, 0),
                                             (os.POSIX_SPAWN_DUP2, null, 1),
                                             (os.POSIX_SPAWN_DUP2, log.fileno(), 2)])
    finally:
        os.close(null)
        if stdin != null:
            os.close(stdin)


def _ended(pid, watch=None):
    """Waits, at most RUN_SECONDS, calling WATCH meanwhile; no child outlives this function."""
    signal.alarm(RUN_SECONDS)
    try:
        while True:
            done, status, usage = os.wait4(pid, 0 if watch is None else os.WNOHANG)
            if done:
                pid = 0
                return status, usage
            watch(pid)
            time.sleep(SAMPLE_SECONDS)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        done, status, usage = os.wait4(pid, 0)
        pid = 0
        return status, usage
    finally:
        signal.alarm(0)
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.wait4(pid, 0)


def _succeeded(one, status, log):
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        one.why = "killed, the limit is %d s" % RUN_SECONDS
    elif code != 0:
        one.why = "exit %d: %s" % (code, _last_words(log))
    return code == 0


def _last_words(log):
    """Of what a program wrote to stderr; progress lines end in carriage returns."""
    log.seek(0)
    lines = log.read().decode(errors="replace").replace("\r", "\n").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def remove(path):
    if os.path.exists(path):
        os.unlink(path)


def timed(one, source, target):
    """One run: wall and CPU seconds, output size; False when it failed."""
    warm(source)
    furnish(os.path.dirname(target), (one.size or _blocks(source)) + PROGRAM_BYTES)
    with tempfile.TemporaryFile() as log:
        start = time.monotonic()
        status, usage = _ended(_spawn(one, source, target, log))
        wall = time.monotonic() - start
        if not _succeeded(one, status, log):
            return False
    one.wall.append(wall)
    one.cpu.append(usage.ru_utime + usage.ru_stime)
    one.size = _blocks(target)
    return True


def _blocks(path):
    """Its size, but holes cost nothing."""
    stat = os.stat(path)
    return min(stat.st_size, stat.st_blocks * 512)


def _kilobytes(path, wanted):
    """Sum of the "Name:  N kB" lines of a proc file whose names start with one of WANTED."""
    with open(path, encoding="ascii") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith(wanted))


def weighed(one, source, target):
    """One more run, watched: peak resident and peak private memory, KiB. It is not timed.

    wait4's maxrss would do for the first, did it not start from this interpreter's own."""
    def watch(pid):
        try:
            one.rss = max(one.rss, _kilobytes("/proc/%d/status" % pid, "VmHWM:"))
            private = _kilobytes("/proc/%d/smaps_rollup" % pid, "Private_")
            one.private = max(one.private, private)
        except OSError:
            pass                                   # it ended meanwhile

    warm(source)
    with tempfile.TemporaryFile() as log:
        status, _ = _ended(_spawn(one, source, target, log), watch)
        return _succeeded(one, status, log)


def data_pieces(path):
    """(offset, end) of what is no hole."""
    with open(path, "rb") as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        while at < size:
            try:
                start = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:                        # nothing but a hole to the end
                return
            at = os.lseek(f.fileno(), start, os.SEEK_HOLE)
            yield start, at


def warm(path):
    """Into the page cache, now: some kernels drop what nobody used for seconds."""
    if on_tmpfs(path):
        return
    with open(path, "rb", buffering=0) as f:
        buffer = bytearray(8 * MIB)
        for start, end in data_pieces(path):
            f.seek(start)
            while start < end:
                start += f.readinto(buffer) or end


def furnish(folder, size):
    """Sees to it that the next SIZE bytes written to the tmpfs FOLDER take memory that this machine
    has: a virtual one gives free memory back to its host, and has to wait for it at the first use."""
    with tempfile.TemporaryFile(dir=folder) as f:
        for _ in range(min(size, FURNISH_MAX) // MIB):
            f.write(b"\1" * MIB)


def on_tmpfs(path):
    with open("/proc/mounts", encoding="utf-8") as f:
        mounts = [line.split()[1:3] for line in f]
    path = os.path.realpath(path)
    under = [m for m in mounts if path == m[0] or path.startswith(m[0].rstrip("/") + "/")]
    return max(under, key=lambda m: len(m[0]))[1] == "tmpfs"


def version(program, option="--version"):
    run = subprocess.run([program, option], capture_output=True, text=True, check=False)
    return ((run.stdout or run.stderr).strip().splitlines() or ["?"])[0]
