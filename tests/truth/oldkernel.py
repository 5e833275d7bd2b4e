#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Filtering the dumps of kernels from before VMCOREINFO (2.6.9, 2.6.18), with their vmlinux.

The machines are made by tests/mkdump/oldkernel; what each of their pages is used for is known.
Every output is read by readers of this file's own and compared frame by frame. Nothing of a
process, a file or a freed page may be left where it was to be left out; everything of the kernel
must be there.
Environment: DUMPIO_BIN, DUMPIO_SCRATCH. Arguments: names of kernels (default all); `--keep` leaves
the dumps. Not handled: machines of other makes than x86, SPARSEMEM.
"""
import os
import re
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TESTS, "mkdump", "oldkernel"), os.path.join(TESTS, "interop")]

import image  # noqa: E402
import machine as machines  # noqa: E402
import pages as uses  # noqa: E402
import rules  # noqa: E402
import vmlinux as images  # noqa: E402
import wrap  # noqa: E402

BIN = os.environ["DUMPIO_BIN"]
SCRATCH = os.environ["DUMPIO_SCRATCH"]
FRAME = 4096
LEVELS = {2: {"cache"}, 4: {"cache", "private"}, 8: {"user"}, 16: {"free"},
          31: {"cache", "private", "user", "free"}}
EXCLUDE = {"user": ({"user"}, b"USERSECRET"), "cache,private": ({"cache", "private"}, b"CACHE-"),
           "free": ({"free"}, b"FREED-"), "freed": ({"parked"}, b"PARKED-")}
checks = failures = 0


def check(what, good, detail=""):
    global checks, failures
    checks += 1
    if not good:
        failures += 1
        print("FAILED: %s %s" % (what, detail))
    return good


# ---- readers of the results ---------------------------------------------------------------------

def read_kdump(path):
    """{frame: bytes} by the second bitmap; headers of 32-bit and of 64-bit machines."""
    m = image.mapped(path)
    if m[:8] != b"KDUMP   ":
        raise ValueError("%s is no KDUMP file" % path)
    at = 424 if struct.unpack_from("<i", m, 428)[0] == FRAME else 412
    _, block, sub, bitmap, max_mapnr = struct.unpack_from("<IiiII", m, at)
    newer, = struct.unpack_from("<Q", m, block + (96 if at == 424 else 72))
    first = block * (1 + sub) + block * bitmap // 2
    table, out, k = block * (1 + sub + bitmap), {}, 0
    for pfn in range(max(max_mapnr, newer)):
        if m[first + pfn // 8] >> pfn % 8 & 1:
            off, size, flags = struct.unpack_from("<qII", m, table + 24 * k)
            out[pfn] = image.expand(flags, m[off:off + size], block)
            k += 1
    return out


def read_elf(path):
    dump, out = image.load(path), {}
    for lo, hi, off in dump.loads:
        for addr in range(lo, hi, FRAME):
            out[addr // FRAME] = dump.m[off + addr - lo:off + addr - lo + FRAME]
    return out


# ---- runs ---------------------------------------------------------------------------------------

def dumpfilter(*args):
    done = subprocess.run([os.path.join(BIN, "dumpfilter"), "-q", *args],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stderr.decode(errors="replace").strip()


class Kernel:
    """One kernel with its machine, its vmlinux and the dumps of it."""

    def __init__(self, config):
        self.config, self.name = config, config.name
        self.vmlinux = images.build(config, SCRATCH)
        self.machine = machines.Machine(config, self.vmlinux)
        self.uses = uses.Pages(self.machine)
        self.truth = self.uses.truth
        self.files = {}

    def dump(self, container):
        path = os.path.join(SCRATCH, "%s.%s" % (self.name, container))
        if container not in self.files:
            wrap.wrap(self.machine, container, path)
            self.files[container] = path
        return path

    def remove_dumps(self):
        for path in self.files.values():
            os.remove(path)
        self.files = {}

    def remove(self):
        self.remove_dumps()
        os.remove(self.vmlinux.path)

    def kept(self, container, out):
        """Frames that must be left when the classes OUT are left out."""
        return {p for p in wrap.present(self.machine, container) if self.truth.get(p) not in out}


def few(frames, kernel):
    return ", ".join("%#x %s" % (p, kernel.truth.get(p, "no-record")) for p in sorted(frames)[:4])


def compare(what, kernel, container, out, got, zeros_stored):
    """GOT = {frame: bytes} against what must be there. ELF output stores no zero pages."""
    want, page = kernel.kept(container, out), kernel.machine.memory.page
    left, missing = set(got) - want, want - set(got)
    if not zeros_stored:
        missing = {p for p in missing if any(page(p))}
    check(what + ": nothing else", not left, "%d frames: %s" % (len(left), few(left, kernel)))
    check(what + ": nothing missing", not missing,
          "%d frames: %s" % (len(missing), few(missing, kernel)))
    changed = {p for p in want & set(got) if got[p] != page(p)}
    check(what + ": contents", not changed,
          "%d frames: %s" % (len(changed), few(changed, kernel)))


def filtered(kernel, container, args, out, to, canary=None):
    """Filter, read back, compare; then look for CANARY in all pages."""
    what = "%s %s %s %s" % (kernel.name, container, " ".join(args), to)
    path = os.path.join(SCRATCH, kernel.name + "." + to)
    code, text = dumpfilter("-f", "-x", kernel.vmlinux.path, "--to=" + to, *args,
                            kernel.dump(container), path)
    if not check(what + ": exit 0", code == 0, "%d: %s" % (code, text)):
        return
    got = read_kdump(path) if to == "kdump" else read_elf(path)
    compare(what, kernel, container, out, got, to == "kdump")
    if canary:
        check(what + ": no " + canary.decode(), not any(canary in data for data in got.values()))
    kernels = sum(data.startswith(b"KERNEL-") for data in got.values())
    wanted = sum(kernel.machine.memory.page(p).startswith(b"KERNEL-")
                 for p in wrap.present(kernel.machine, container))
    check(what + ": kernel pages", kernels == wanted > 100, "%d of %d" % (kernels, wanted))
    os.remove(path)


def refused(what, names, *args):
    """Exit 1, a message with NAMES in it, and no output."""
    path = os.path.join(SCRATCH, "refused.kdump")
    code, text = dumpfilter("-d", "31", *args, path)
    check(what + ": exit 1", code == 1, "%d: %s" % (code, text))
    check(what + ": message", text and names in text, repr(text))
    check(what + ": no output", not os.path.exists(path))
    if os.path.exists(path):
        os.remove(path)


# ---- suites -------------------------------------------------------------------------------------

def check_rules(kernel):
    """The image by the rules of its time: the test data is sound."""
    try:
        got = rules.classify(kernel.config, kernel.vmlinux, kernel.machine.memory.read)
    except (AssertionError, ValueError) as err:
        return check(kernel.name + ": image", False, repr(err))
    want = {p: "kernel" if c == "parked" else c for p, c in kernel.truth.items()}
    bad = {p for p in set(got) | set(want) if got.get(p) != want.get(p)}
    for name in ("kernel", "cache", "private", "user", "free", "parked"):
        check("%s: pages of class %s" % (kernel.name, name),
              sum(c == name for c in kernel.truth.values()) > 50)
    return check(kernel.name + ": image", not bad, few(bad, kernel))


def check_levels(kernel, number):
    """Every level from one container, and some from the others."""
    containers = list(wrap.CONTAINERS)
    for i, container in enumerate(containers):
        whole = i == number % len(containers)
        for level, out in LEVELS.items():
            for to in ("kdump", "elf"):
                if whole or (level, to) in ((31, "kdump"), (16, "elf")):
                    filtered(kernel, container, ["-d", str(level)], out, to,
                             b"USERSECRET" if "user" in out else None)
        for names, (out, canary) in EXCLUDE.items() if whole else ():
            filtered(kernel, container, ["--exclude=" + names], out, "kdump", canary)


def check_refused(kernel, others):
    for container in wrap.CONTAINERS:
        refused("%s %s without vmlinux" % (kernel.name, container), "--vmlinux",
                kernel.dump(container))
    for other in others:
        refused("%s with vmlinux of %s" % (kernel.name, other.name), "", "-x",
                other.vmlinux.path, kernel.dump("lkcd"))


def check_rebuilt(kernel):
    """The same release built again is another kernel; its utsname and its banner say so."""
    c = kernel.config
    again = images.build(images.Config(c.version, c.machine, c.model, 2), SCRATCH)
    for container in wrap.CONTAINERS:
        refused("%s %s with vmlinux of a later build" % (kernel.name, container), "", "-x",
                again.path, kernel.dump(container))
    os.remove(again.path)


def check_log(kernel):
    path = os.path.join(SCRATCH, "log")
    code, text = dumpfilter("-f", "--dump-dmesg", "-x", kernel.vmlinux.path,
                            kernel.dump("diskdump"), path)
    if not check(kernel.name + " log: exit 0", code == 0, "%d: %s" % (code, text)):
        return
    with open(path, encoding="utf-8") as f:
        got = f.read().splitlines()
    want = [re.sub("^<[0-9]>", "", x) for x in kernel.uses.log.splitlines()]
    check(kernel.name + " log", got[1:] == want[1:] and len(got) > 80, "%r" % got[:2])
    os.remove(path)


def check_damage(config):
    """A free list that does not close tells nothing reliably: an error, no guess."""
    kernel = Kernel(images.Config(config.version, config.machine, config.model, 3))
    (zone, order), firsts = max(kernel.uses.blocks.items(), key=lambda b: len(b[1]))
    at = kernel.machine.record(firsts[1]) + kernel.machine.size["page.lru"] + config.word
    kernel.machine.put(at, kernel.machine.record(firsts[-1]))
    refused("%s with a broken free list of order %d" % (kernel.name, order), "free list", "-x",
            kernel.vmlinux.path, kernel.dump("lkcd"))
    kernel.remove()


def make(names):
    """The kernels that can be built here, and why others cannot."""
    out, why = [], ""
    for config in images.configs():
        try:
            if not names or config.name in names:
                out.append(Kernel(config))
        except images.CannotBuild as err:
            why = str(err)
            print("left out: %s" % config.name)
    return out, why


def main(args):
    keep, names = "--keep" in args, [a for a in args if a != "--keep"]
    os.makedirs(SCRATCH, exist_ok=True)
    kernels, why = make(names)
    if not kernels:
        print("skipped: no kernel can be built here: %s" % (why or "no such name"))
        return 77
    for number, kernel in enumerate(kernels):
        if check_rules(kernel):
            check_levels(kernel, number)
            check_log(kernel)
            others = [k for k in kernels if k is not kernel]
            check_refused(kernel, [others[i] for i in {0, len(others) // 2} if others])
            check_rebuilt(kernel)
        if kernel.config.old:
            check_damage(kernel.config)
        if not keep:
            kernel.remove_dumps()
    for kernel in kernels if not keep else ():
        kernel.remove()
    print("%d checks, %d failures" % (checks, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
