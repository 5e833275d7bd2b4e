#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every tool on real files, while calls of the system and of the allocator fail, come back short or
interrupted, and while it is killed.

usage: syscalls.py --preload=LIBRARY [--every] [--kills=N] [--verbose] [SCENARIO...]
  --preload  the library made of preload.c
  --every    every call of a kind once; else up to TRIES of them, spread evenly
  --kills    how often each conversion is killed (default 20)

Asked of each run: no crash, no hang, an exit code that is documented and, when that is 1, a message;
an output either not there or whole: the bytes of the undisturbed run, or the same memory where
bytes differ anyway or memory was short, or a loss that was told; no temporary file left, unless killed; and after a kill the same command
completes. Short and interrupted calls change nothing at all.
Environment: DUMPIO_BIN (dynamically linked tools), DUMPIO_SCRATCH (a folder for files).
"""
import errno
import glob
import os
import random
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BIN, SCRATCH = os.environ["DUMPIO_BIN"], os.environ["DUMPIO_SCRATCH"]
sys.dont_write_bytecode = True      # the source tree may be read-only
sys.path.insert(0, os.path.join(HERE, "..", "mkdump"))
import common                       # noqa: E402
import mkdump                       # noqa: E402

TRIES, SECONDS, SEED = 24, 60, 1
# kind of call, what happens to it: at the n-th one
FAULTS = [("alloc", errno.ENOMEM), ("read", errno.EIO), ("write", errno.ENOSPC),
          ("write", errno.EIO), ("write", errno.EPIPE), ("sync", errno.EIO), ("name", errno.EACCES),
          ("thread", errno.EAGAIN)]
# to every call
HARMLESS = [("read", "short"), ("write", "short"), ("read", "eintr"), ("write", "eintr")]
OUT = "out"


class Scenario:
    def __init__(self, name, command, output=True, same=True, stdin=None, kill=False,
                 threaded=False, classifies=False):
        self.name, self.command, self.output = name, command, output
        self.same = same            # the output's bytes are the same each time
        self.stdin, self.kill = stdin, kill
        self.threaded = threaded    # does not work without any thread
        self.classifies = classifies # what cannot be read is kept: more may come out


SCENARIOS = [
    Scenario("kdump-elf", "dumpconv -T 2 --to=elf in.kdump out", kill=True),
    Scenario("elf-kdump", "dumpconv -T 2 --to=kdump:zstd in.elf out", kill=True),
    Scenario("lkcd-kdump", "dumpconv -T 2 --to=kdump:zlib in.lkcd out", kill=True),
    Scenario("elf-lkcd", "dumpconv -T 1 --to=lkcd in.elf out"),
    Scenario("flat", "dumpfilter -T 2 -d 1 -F in.elf out"),
    Scenario("replace", "dumpconv -f -T 2 --to=elf in.kdump out"),
    Scenario("piped", "dumpconv -T 2 --to=elf - out", stdin="in.kdump"),
    Scenario("zst", "dumpconv -T 2 --to=raw in.elf out.zst", kill=True),
    Scenario("gz", "dumpconv -T 2 --to=kdump in.elf out.gz"),
    Scenario("xz", "dumpconv -T 2 --to=kdump in.elf out.xz", threaded=True),
    Scenario("from-zst", "dumpconv -T 2 in.zst out --to=elf"),
    Scenario("from-gz", "dumpconv -T 2 in.gz out --to=elf"),
    Scenario("from-xz", "dumpconv -T 2 in.xz out --to=elf"),
    Scenario("age", "dumpconv -T 2 --encrypt-to=RECIPIENT --to=elf in.kdump out", same=False,
             kill=True),
    Scenario("from-age", "dumpconv -T 2 --identity=key --to=kdump in.age out"),
    Scenario("crypt-e", "dumpcrypt -T 2 -e -a -r RECIPIENT -o out in.kdump", same=False),
    Scenario("crypt-d", "dumpcrypt -T 2 -d -i key -o out in.age", kill=True),
    Scenario("rewrap", "dumpcrypt rewrap -i key -r RECIPIENT -o out in.age", same=False),
    Scenario("filter", "dumpfilter -T 2 -d 1 in.elf out", kill=True),
    Scenario("classify", "dumpfilter -T 2 -d 31 --keep-unknown real.kdump out", classifies=True),
    Scenario("dry-run", "dumpfilter -T 2 --dry-run -d 31 --json real.kdump", output=False,
             classifies=True),
    Scenario("info", "dumpinfo -T 2 --json --notes --ranges in.kdump", output=False),
    Scenario("map", "dumpinfo -T 2 --map=out.svg real.kdump", classifies=True),
    Scenario("verify", "dumpverify -T 2 --json in.kdump", output=False),
    Scenario("compare", "dumpverify -T 2 in.kdump in.elf", output=False),
]


class Suite:
    def __init__(self, args):
        self.preload = next(a[10:] for a in args if a.startswith("--preload="))
        self.every, self.verbose = "--every" in args, "--verbose" in args
        self.kills = int(next((a[8:] for a in args if a.startswith("--kills=")), 20))
        self.runs = self.failures = 0
        self.recipient = ""

    def fail(self, scenario, what, result):
        self.failures += 1
        if self.failures <= 30:
            err = result[1].decode(errors="replace").strip().splitlines()[-1:]
            print("FAILED: %s: %s (exit %s) %s" % (scenario.name, what, result[0], err))

    def argv(self, s):
        words = s.command.replace("RECIPIENT", self.recipient).split()
        words[0] = os.path.join(BIN, words[0])
        return words[:1] + ["-q"] * (words[1] != "rewrap") + words[1:]

    def target(self, s):
        return next((w.rsplit("=")[-1] for w in s.command.split()
                     if w.rsplit("=")[-1].split(".")[0] == OUT), None)

    def run(self, s, **fault):
        """(exit code, stderr, stdout) of the scenario's command in the folder of files."""
        self.runs += 1
        env = dict(os.environ, TMPDIR=".", LD_PRELOAD=self.preload)
        env.update({"FAULT_" + k.upper(): str(v) for k, v in fault.items()})
        with open(s.stdin or os.devnull, "rb") as stdin:
            try:
                done = subprocess.run(self.argv(s), env=env, stdin=stdin, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, timeout=SECONDS, check=False)
            except subprocess.TimeoutExpired:
                return "never", b"", b""
        return done.returncode, done.stderr, done.stdout

    def tidy(self, s):
        """Remove what a run left; the names of temporary files among it."""
        left = sorted(set(glob.glob(".*") + glob.glob("*")) - self.files)
        left = [name for name in left if name not in ("counts", self.target(s))]
        for path in left + ([self.target(s)] if s.output else []):
            if os.path.exists(path):
                os.unlink(path)
        if s.name == "replace":
            with open(OUT, "wb") as f:
                f.write(b"old")
        return left

    def content(self, s, result):
        """What came out, in a form that is the same each time; None when there is no output."""
        if not s.output:
            return result[2]
        path = self.target(s)
        if not os.path.exists(path):
            return None
        with open(path, "rb") as f:
            data = f.read()
        if s.name == "replace" and data == b"old":
            return None
        return data if s.same else self.memory(s)

    def memory(self, s):
        """The output's image digest."""
        done = subprocess.run([os.path.join(BIN, "dumpverify"), "--digest", "-q",
                               "--identity=key", self.target(s)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        return done.stdout.split()[:1]

    def tolerated(self, s, kind, content, whole, err):
        """Other bytes, called whole: the same memory packed worse; or something that was told."""
        if kind == "read":
            return s.classifies or bool(err.strip())
        if kind != "alloc" or not s.output or content is None:
            return False
        memory = self.memory(s)
        self.save(s, whole)
        return memory and memory == self.memory(s)

    def save(self, s, data):
        with open(self.target(s), "wb") as f:
            f.write(data)

    # ---- judging ---------------------------------------------------------------------------------

    def judge(self, s, kind, what, result, whole, harmless=False):
        code, err, _ = result
        content = self.content(s, result)
        other = code == 0 and content != whole
        if other and not harmless:
            other = not self.tolerated(s, kind, content, whole, err)
        left = self.tidy(s)
        if self.verbose:
            print(s.name, what, code, err)
        if kind == "alloc" and code == -signal.SIGABRT and b"std::bad_alloc" in err:
            return                  # libsnappy's way to say it: nothing can be done about that
        if code not in (0, 1, 3):
            self.fail(s, what + ": no exit code of ours", result)
        elif harmless and (code != 0 or content != whole):
            self.fail(s, what + ": it made a difference", result)
        elif other:
            self.fail(s, what + ": called whole, and something else came out", result)
        elif code == 1 and not err.strip() and s.name != "compare": # whose verdict is its message
            self.fail(s, what + ": no message", result)
        elif code == 1 and s.output and content not in (None, whole):
            self.fail(s, what + ": an error, and a wrong file under the final name", result)
        if left:
            self.fail(s, what + ": left behind: " + " ".join(left), result)

    def numbers(self, n, tries):
        step = 1 if self.every else max(1, n // tries)
        return range(1, n + 1, step)

    def faults(self, s):
        self.tidy(s)
        result = self.run(s, count="counts")
        whole = self.content(s, result)
        self.tidy(s)
        if result[0] != 0 or not whole:
            self.fail(s, "undisturbed", result)
            return
        with open("counts", encoding="ascii") as f:
            counts = {k: int(n) for k, n in (line.split() for line in f)}
        for kind, how in FAULTS:
            for n in self.numbers(counts[kind], TRIES):
                result = self.run(s, kind=kind, at=n, how=how)
                self.judge(s, kind, "%s %d of %d: %s" % (kind, n, counts[kind], errno.errorcode[how]),
                           result, whole)
        for kind, how in HARMLESS:
            self.judge(s, kind, "%s, %s" % (kind, how), self.run(s, kind=kind, at=0, how=how), whole,
                       harmless=True)
        result = self.run(s, kind="thread", at=0, how=errno.EAGAIN) # none at all can be had
        self.judge(s, "thread", "no threads", result, whole,
                   harmless=not s.threaded)
        if s.kill:
            self.killed(s, sum(counts.values()), whole)

    def killed(self, s, calls, whole):
        rng = random.Random(SEED)
        for _ in range(self.kills):
            n = rng.randrange(1, calls + 1)
            what = "killed at call %d of %d" % (n, calls)
            result = self.run(s, kind="any", at=n, how="kill")
            content = self.content(s, result)
            if result[0] not in (-signal.SIGKILL, 0):
                self.fail(s, what + ": ended otherwise", result)
            if content not in (None, whole):
                self.fail(s, what + ": a wrong file under the final name", result)
            if content is not None and s.output:
                os.unlink(self.target(s))
            result = self.run(s)    # beside what the killed one left
            if result[0] != 0 or self.content(s, result) != whole:
                self.fail(s, what + ": the next run does not complete", result)
            self.tidy(s)

    def streams(self):
        """Standard output that is full, or that nobody reads."""
        for s in (s for s in SCENARIOS if not s.output):
            with open("/dev/full", "wb") as full:
                done = subprocess.run(self.argv(s), stdout=full, stderr=subprocess.PIPE,
                                      timeout=SECONDS, check=False)
            self.runs += 1
            if done.returncode != 1 or not done.stderr.strip():
                self.fail(s, "output full", (done.returncode, done.stderr))
            ends = os.pipe()
            os.close(ends[0])
            done = subprocess.run(self.argv(s), stdout=ends[1], stderr=subprocess.PIPE,
                                  timeout=SECONDS, check=False)
            os.close(ends[1])
            self.runs += 1
            if done.returncode not in (1, -signal.SIGPIPE):
                self.fail(s, "output closed", (done.returncode, done.stderr))

    # ---- files -----------------------------------------------------------------------------------

    def tool(self, *words):
        return subprocess.run([os.path.join(BIN, words[0])] + list(words[1:]), check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def make_files(self):
        shutil.rmtree(SCRATCH, ignore_errors=True)
        os.makedirs(SCRATCH)
        os.chdir(SCRATCH)
        spec = next(s for s in common.load(os.path.join(HERE, "specs", "elf.spec")))
        mkdump.save(spec, ["in.elf"])
        for name, to in (("in.kdump", "kdump:zlib"), ("in.lkcd", "lkcd")):
            self.tool("dumpconv", "-q", "--to=" + to, "in.elf", name)
        for program in ("zstd", "gzip", "xz"):
            with open({"zstd": "in.zst", "gzip": "in.gz", "xz": "in.xz"}[program], "wb") as f:
                subprocess.run([program, "-c", "in.elf"], stdout=f, check=True,
                               stderr=subprocess.DEVNULL)
        with open("real.kdump", "wb") as f:
            data = os.path.join(HERE, "..", "data", "vmcore-x86_64-6.1.kdump.zst")
            subprocess.run(["zstd", "-qdc", "--long=27", data], stdout=f, check=True)
        self.tool("dumpcrypt", "keygen", "-o", "key")
        self.files = set(os.listdir(".")) | {"in.age"}
        self.recipient = self.tool("dumpcrypt", "keygen", "-y", "-i", "key").decode().strip()
        self.tool("dumpcrypt", "-q", "-e", "-r", self.recipient, "-o", "in.age", "in.elf")


def main(args):
    if not any(a.startswith("--preload=") for a in args):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    chosen = [a for a in args if not a.startswith("--")]
    suite = Suite(args)
    suite.make_files()
    for s in SCENARIOS:
        if not chosen or s.name in chosen:
            suite.faults(s)
    if not chosen:
        suite.streams()
    os.chdir("/")
    shutil.rmtree(SCRATCH, ignore_errors=True)
    print("%d scenarios, %d runs, %d failures" % (len(chosen) or len(SCENARIOS), suite.runs,
                                                  suite.failures))
    return 1 if suite.failures or not suite.runs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
