#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Compares dumpconv, or with a dump level dumpfilter, with makedumpfile: one ELF dump to KDUMP,
codec by codec, or to ELF.

Format reference: none. Both sides run in turns within one run, first to last and last to first, so
that a machine that slows down slows both. Input from the page cache, output on tmpfs, no fsync.
Not handled: input that makedumpfile refuses.

Prints a Markdown table of medians. Ends with 1 when anything it ran failed or wrote a wrong image:
a peer that fails is a failed comparison, not a win.
"""
import argparse
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PEER_OPTION = {"none": [], "zlib": ["-c"], "lzo": ["-l"], "snappy": ["-p"], "zstd": ["-z"],
               "elf": ["-E"]}
SAMPLE_SECONDS = 0.005
RUN_SECONDS = 600
MIB = 1 << 20


class Contestant:
    def __init__(self, name, codec, command, ours):
        self.name, self.codec, self.command, self.ours = name, codec, command, ours
        self.wall, self.cpu, self.size, self.why = [], [], 0, ""
        self.rss = self.private = 0


def ours(args, codec, threads):
    target = "elf" if codec == "elf" else "kdump:" + codec
    tool = [args.dumpfilter, "-d", str(args.level)] if args.level else [args.dumpconv]
    return tool + ["--to=" + target, "-f", "-q", "--no-sync", "-T%d" % threads]


def contestants(args, codec):
    """In the order they run; each command gets the input and the output appended."""
    out = []
    peer = [args.makedumpfile, "--message-level", "4", "-f", *PEER_OPTION[codec],
            "-d", str(args.level)]
    name = "dumpfilter" if args.level else "dumpconv"
    out.append(Contestant(name + " -T1", codec, ours(args, codec, 1), True))
    out.append(Contestant("makedumpfile", codec, peer, False))
    out.append(Contestant("%s -T%d" % (name, args.threads), codec,
                          ours(args, codec, args.threads), True))
    if codec != "elf" and args.peer_threads:       # makedumpfile writes ELF in one thread
        out.append(Contestant("makedumpfile --num-threads %d" % args.peer_threads, codec,
                              peer + ["--num-threads", str(args.peer_threads)], False))
    return out


def spawn(command, log):
    null = os.open(os.devnull, os.O_RDWR)
    try:
        return os.posix_spawnp(command[0], command, os.environ,
                               file_actions=[(os.POSIX_SPAWN_DUP2, null, 0),
                                             (os.POSIX_SPAWN_DUP2, null, 1),
                                             (os.POSIX_SPAWN_DUP2, log.fileno(), 2)])
    finally:
        os.close(null)


def ended(pid, watch=None):
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


def succeeded(one, status, log):
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        one.why = "killed, the limit is %d s" % RUN_SECONDS
    elif code != 0:
        one.why = "exit %d: %s" % (code, last_words(log))
    return code == 0


def on_alarm(_number, _frame):
    raise TimeoutError


def on_term(_number, _frame):
    sys.exit(1)


def last_words(log):
    """Of what a program wrote to stderr; progress lines end in carriage returns."""
    log.seek(0)
    lines = log.read().decode(errors="replace").replace("\r", "\n").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def timed(one, source, target):
    """One run: wall and CPU seconds, output size; False when it failed."""
    with tempfile.TemporaryFile() as log:
        start = time.monotonic()
        status, usage = ended(spawn(one.command + [source, target], log))
        wall = time.monotonic() - start
        if not succeeded(one, status, log):
            return False
    one.wall.append(wall)
    one.cpu.append(usage.ru_utime + usage.ru_stime)
    one.size = os.stat(target).st_blocks * 512
    return True


def kilobytes(path, wanted):
    """Sum of the "Name:  N kB" lines of a proc file whose names start with one of WANTED."""
    with open(path, encoding="ascii") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith(wanted))


def weighed(one, source, target):
    """One more run, watched: peak resident and peak private memory, KiB. It is not timed.

    wait4's maxrss would do for the first, did it not start from this interpreter's own."""
    def watch(pid):
        try:
            one.rss = max(one.rss, kilobytes("/proc/%d/status" % pid, "VmHWM:"))
            private = kilobytes("/proc/%d/smaps_rollup" % pid, "Private_")
            one.private = max(one.private, private)
        except OSError:
            pass                                   # it ended meanwhile

    with tempfile.TemporaryFile() as log:
        status, _ = ended(spawn(one.command + [source, target], log), watch)
        return succeeded(one, status, log)


def digest(args, path):
    run = subprocess.run([args.dumpverify, "--digest", path], capture_output=True, text=True)
    return run.stdout.split(" ")[0] if run.returncode == 0 else None


def check(args, one, target, wanted):
    """What was written holds the memory wanted; makedumpfile may leave out what is no RAM."""
    seen = digest(args, target)
    if seen is None:
        one.why = "what it wrote cannot be read"
    elif seen != wanted and one.ours:
        one.why = "what it wrote is another image: %s" % seen
    return not one.why


def wanted_image(args):
    """The digest of the input, filtered when a level is asked for: every output must have it."""
    if not args.level:
        return digest(args, args.dump)
    with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
        target = os.path.join(folder, "filtered")
        run = subprocess.run(ours(args, "none", 1) + [args.dump, target])
        return digest(args, target) if run.returncode == 0 else None


def measure(args, codec, wanted, scratch):
    target, rows = os.path.join(scratch, "out"), contestants(args, codec)
    for turn in range(args.runs):
        for one in rows if turn % 2 == 0 else reversed(rows):
            if one.why:
                continue
            good = timed(one, args.dump, target)
            if good and turn == 0 and wanted:
                check(args, one, target, wanted)
            if os.path.exists(target):
                os.unlink(target)
    for one in rows:
        if not one.why:
            weighed(one, args.dump, target)
            if os.path.exists(target):
                os.unlink(target)
    return rows


def version(program, option):
    run = subprocess.run([program, option], capture_output=True, text=True)
    return ((run.stdout or run.stderr).strip().splitlines() or ["?"])[0]


def table(args, rows):
    size = os.path.getsize(args.dump)
    out = ["", "| codec | program | wall s | spread | CPU s | peak RSS MiB | private MiB |"
           " output MiB | ratio | MiB/s | wall / best peer |",
           "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    best = {}
    for one in rows:
        if not one.ours and not one.why:
            wall = statistics.median(one.wall)
            best[one.codec] = min(wall, best.get(one.codec, wall))
    for one in rows:
        if one.why:
            out.append("| %s | %s | failed: %s |" % (one.codec, one.name, one.why)
                       + " |" * 8)
            continue
        wall = statistics.median(one.wall)
        against = "%.2f" % (wall / best[one.codec]) if one.codec in best else "-"
        out.append("| %s | %s | %.3f | %.3f-%.3f | %.2f | %.1f | %.1f | %.1f | %.2f | %.0f | %s |" %
                   (one.codec, one.name, wall, min(one.wall), max(one.wall),
                    statistics.median(one.cpu), one.rss / 1024, one.private / 1024,
                    one.size / MIB, size / one.size, size / MIB / wall, against))
    return "\n".join(out)


def tmpfs(path):
    with open("/proc/mounts", encoding="utf-8") as f:
        mounts = [line.split()[1:3] for line in f]
    path = os.path.realpath(path)
    under = [m for m in mounts if path == m[0] or path.startswith(m[0].rstrip("/") + "/")]
    return max(under, key=lambda m: len(m[0]))[1] == "tmpfs"


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--dump", required=True, metavar="FILE.elf")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--peer-threads", type=int, default=2,
                   help="makedumpfile's, in a run of its own, which takes long; 0: leave it out")
    p.add_argument("--codecs", default="zlib,lzo,snappy,zstd",
                   help="of none,zlib,lzo,snappy,zstd,elf")
    p.add_argument("-d", "--level", type=int, default=0, help="dump level (%(default)s: all pages)")
    p.add_argument("--scratch", default="/dev/shm", help="a tmpfs (%(default)s)")
    p.add_argument("--bin", default=os.environ.get("DUMPIO_BIN", ""),
                   help="folder of dumpconv and dumpverify (DUMPIO_BIN, else PATH)")
    p.add_argument("--makedumpfile", default=os.environ.get("DUMPIO_TEST_MAKEDUMPFILE",
                                                            "makedumpfile"))
    p.add_argument("--no-check", action="store_true", help="do not verify what was written")
    args = p.parse_args()
    args.codecs = args.codecs.split(",")
    for codec in args.codecs:
        if codec not in PEER_OPTION:
            p.error("unknown codec '%s'" % codec)
    if args.runs < 1 or args.threads < 1:
        p.error("--runs and --threads are at least 1")
    for tool in ("dumpconv", "dumpfilter", "dumpverify"):
        found = shutil.which(os.path.join(args.bin, tool))
        if not found and not (tool == "dumpverify" and args.no_check):
            p.error("%s is missing: --bin FOLDER" % tool)
        setattr(args, tool, found)
    if not shutil.which(args.makedumpfile):
        p.error("%s is missing" % args.makedumpfile)
    os.makedirs(args.scratch, exist_ok=True)
    if not tmpfs(args.scratch):
        p.error("%s is not on a tmpfs" % args.scratch)
    return args


def main():
    args, rows = arguments(), []
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_term)
    with open(args.dump, "rb") as f:                           # into the page cache
        while f.read(8 * MIB):
            pass
    wanted = None if args.no_check else wanted_image(args)
    if not args.no_check and wanted is None:
        print("run.py: %s cannot be read or filtered" % args.dump, file=sys.stderr)
        return 1
    print("%s, %.0f MiB; %d runs each, medians; %d CPUs, Linux %s, load %.1f" % (
        os.path.basename(args.dump), os.path.getsize(args.dump) / MIB, args.runs, os.cpu_count(),
        platform.release(), os.getloadavg()[0]))
    print("%s against %s" % (version(args.dumpconv, "--version"),
                             version(args.makedumpfile, "-v")))
    with tempfile.TemporaryDirectory(dir=args.scratch, prefix="dumpio-bench.") as scratch:
        for codec in args.codecs:
            rows += measure(args, codec, wanted, scratch)
    print(table(args, rows))
    failed = [one for one in rows if one.why]
    for one in failed:
        print("run.py: %s, %s: %s" % (one.codec, one.name, one.why), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
