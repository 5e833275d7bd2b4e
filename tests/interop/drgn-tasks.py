#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""drgn lists the same tasks from what dumpconv wrote as from the original.

Format reference: none; the distribution's drgn is the judge.
Not handled: other kernels than the one of DUMPIO_TEST_VMLINUX. drgn 0.0.22 cannot read QEMU's ELF
of x86_64-6.1-qemu itself: there the ELF and the KDUMP must agree with each other and be complete.
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402

SKIP = 77
SCRIPT = """
import sys, drgn
from drgn.helpers.linux.pid import for_each_task
p = drgn.Program()
p.set_core_dump(sys.argv[2])
p.load_debug_info([sys.argv[1]])
print(p['init_uts_ns'].name.release.string_().decode())
for t in for_each_task(p):
    print(t.pid.value_(), t.comm.string_().decode(), hex(t.value_()), t.mm.value_() != 0)
"""
# the first kernel thread of every kernel, and the test program that each of these dumps ran
MUST_RUN = {"init", "kthreadd", "canary"}


def skip_all(why):
    print("skip  drgn-tasks.py:", why)
    sys.exit(SKIP)


def tasks(vmlinux, path):
    """(lines, why not): the release, then one line per task."""
    run = subprocess.run([sys.executable, "-B", "-c", SCRIPT, vmlinux, path],
                         capture_output=True, text=True, timeout=300)
    lines = run.stdout.splitlines()
    if run.returncode != 0 or len(lines) < 2:
        return [], (run.stderr.strip().splitlines() or ["nothing printed"])[-1]
    return lines, ""


class Test:
    def __init__(self, vmlinux, tools, base, scratch):
        self.vmlinux, self.tools = vmlinux, tools
        self.store, self.scratch = os.path.join(base, "dumps"), scratch
        self.passed = self.failed = self.skipped = 0

    def say(self, good, what):
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        print("ok   " if good else "FAIL ", what, flush=True)

    def converted(self, original, form):
        out = os.path.join(self.scratch, "out")
        run = subprocess.run([os.path.join(self.tools, "dumpconv"), "-q", "-f", "--to=" + form,
                              original, out], capture_output=True, text=True)
        if run.returncode != 0:
            return [], "dumpconv: " + run.stderr.strip().split("\n")[-1]
        seen = tasks(self.vmlinux, out)
        os.unlink(out)
        return seen

    def dump(self, name, forms, readable):
        original = image.unpacked(name, self.store)
        if original is None:
            self.skipped += 1
            print("skip ", name + ": not there")
            return
        wanted, why = tasks(self.vmlinux, original)
        if readable and not wanted:
            self.skipped += 1
            print("skip  %s: drgn cannot read the original: %s" % (name, why))
            return
        for form in forms:
            label = "%s %s" % (name, form)
            seen, why = self.converted(original, form)
            names = {line.split(" ")[1] for line in seen[1:]}
            if not seen:
                self.say(False, "%s: %s" % (label, why))
            elif not MUST_RUN <= names:
                self.say(False, "%s: %s is not among %d tasks" %
                         (label, ", ".join(sorted(MUST_RUN - names)), len(seen) - 1))
            elif wanted and seen != wanted:
                self.say(False, "%s: %d tasks, not the %d" %
                         (label, len(seen) - 1, len(wanted) - 1))
            else:
                self.say(True, "%s: %d tasks of %s" % (label, len(seen) - 1, seen[0]))
            wanted = wanted or seen


def main():
    env = os.environ.get
    vmlinux, tools, dumps = (env("DUMPIO_TEST_VMLINUX"), env("DUMPIO_BIN"),
                             env("DUMPIO_TEST_DUMPS"))
    if not vmlinux or not tools or not dumps:
        skip_all("DUMPIO_TEST_VMLINUX, DUMPIO_BIN or DUMPIO_TEST_DUMPS is not set")
    for path in (vmlinux, os.path.join(tools, "dumpconv")):
        if not os.path.exists(path):
            skip_all(path + " is missing")
    try:
        import drgn  # noqa: F401
    except ImportError as e:
        skip_all(str(e))
    base = env("DUMPIO_SCRATCH", os.path.join(tempfile.gettempdir(), "dumpio-interop"))
    os.makedirs(base, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix="drgn.") as scratch:
        test = Test(vmlinux, tools, base, scratch)
        kdumps = ["kdump:" + codec for codec in ("none", "zlib", "lzo", "snappy", "zstd")]
        test.dump("x86_64-6.1-kexec", ["elf"] + kdumps, True)
        test.dump("x86_64-6.1-qemu", ["elf", "kdump:zlib"], False)
    print("drgn-tasks.py: %d passed, %d failed, %d skipped" %
          (test.passed, test.failed, test.skipped))
    return 1 if test.failed else 0 if test.passed else SKIP


if __name__ == "__main__":
    sys.exit(main())
