#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""drgn with dumpio for its memory lists the tasks of dumps that it cannot open itself.

Format reference: none; the distribution's drgn on the original ELF is the judge.
Not handled: other kernels than the one of DUMPIO_TEST_VMLINUX.
"""
import importlib.util
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "..", "..", "examples", "drgn-dumpio.py")
sys.path.insert(0, HERE)
import image  # noqa: E402

spec = importlib.util.spec_from_file_location("drgn_tasks", os.path.join(HERE, "drgn-tasks.py"))
drgn_tasks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drgn_tasks)

# as drgn-tasks.py's, with a processor's own variable: those must not be relocated
SCRIPT = """
from drgn.helpers.linux.pid import for_each_task
print(prog['init_uts_ns'].name.release.string_().decode())
for t in for_each_task(prog):
    print(t.pid.value_(), t.comm.string_().decode(), hex(t.value_()), t.mm.value_() != 0)
cpu0 = prog['__per_cpu_offset'][0].value_()
queue = prog['runqueues']
there = drgn.Object(prog, queue.type_, address=queue.address_ + cpu0)
print('runqueue of processor', there.cpu.value_(), there.idle.comm.string_().decode())
"""


def main():
    env = os.environ.get
    vmlinux, tools = env("DUMPIO_TEST_VMLINUX", ""), env("DUMPIO_BIN", "")
    package = os.path.join(tools, "..", "python")
    if not os.path.exists(vmlinux) or not env("DUMPIO_TEST_DUMPS"):
        drgn_tasks.skip_all("DUMPIO_TEST_VMLINUX or DUMPIO_TEST_DUMPS is not set")
    if not os.path.isdir(os.path.join(package, "dumpio")):
        drgn_tasks.skip_all("the Python package is not built")
    try:
        import drgn  # noqa: F401
    except ImportError as e:
        drgn_tasks.skip_all(str(e))
    base = env("DUMPIO_SCRATCH", os.path.join(tempfile.gettempdir(), "dumpio-interop"))
    os.makedirs(base, exist_ok=True)
    original = image.unpacked("x86_64-6.1-kexec", os.path.join(base, "dumps"))
    wanted, why = drgn_tasks.tasks(vmlinux, original)
    if not wanted:
        drgn_tasks.skip_all("drgn cannot read the original: " + why)
    failed = 0
    with tempfile.TemporaryDirectory(dir=base, prefix="reader.") as scratch:
        key, script = os.path.join(scratch, "key"), os.path.join(scratch, "script.py")
        with open(script, "w") as f:
            f.write(SCRIPT)
        run = subprocess.run([os.path.join(tools, "dumpcrypt"), "keygen", "-o", key],
                             capture_output=True, text=True, check=True)
        to = next(w for w in (run.stdout + run.stderr).split() if w.startswith("age1"))
        for form, name, more in (("lkcd:gzip", "lkcd", []), ("kdump:zlib", "kdump.zst", []),
                                 ("kdump:lzo", "kdump.age", ["--encrypt-to=" + to])):
            out = os.path.join(scratch, name)
            subprocess.run([os.path.join(tools, "dumpconv"), "-q", "--to=" + form] + more +
                           [original, out], check=True)
            own, _ = drgn_tasks.tasks(vmlinux, out)
            seen = subprocess.run(
                [sys.executable, "-B", EXAMPLE, "--identity=" + key, vmlinux, out, "--", script],
                capture_output=True, text=True, timeout=300, env={**os.environ,
                                                                  "PYTHONPATH": package})
            lines = seen.stdout.splitlines()
            good = (not own and lines[:-1] == wanted and
                    lines[-1] == "runqueue of processor 0 swapper/0")
            failed += not good
            print("ok   " if good else "FAIL ", "%s: %d tasks; drgn itself: %d" %
                  (name, len(lines) - 2, len(own) - 1 if own else 0))
            if not good:
                print(seen.stderr[-1000:])
    print("drgn-reader.py: %d passed, %d failed, 0 skipped" % (3 - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
