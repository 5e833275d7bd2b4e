#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""libkdumpfile finds in every dump that dumpconv wrote the pages of the original, and no others.

Format reference: none; libkdumpfile is the judge, image.py reads the original ELF.
Not handled: raw (libkdumpfile cannot know it), LKCD's run-length code (its decoder repeats one
byte too few). DUMPIO_TEST_FULL=1: every codec for every dump, not only for three of them.
"""
import glob
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402

SKIP = 77
EVERYWHERE = ["elf", "netdump", "kdump:zlib", "diskdump", "lkcd:gzip"]
ELSEWHERE = ["kdump:none", "kdump:lzo", "kdump:snappy", "kdump:zstd", "lkcd:raw", "lkcd8:raw",
             "lkcd8:gzip"]
# one of each: little-endian 4K, big-endian, 64K pages
THOROUGH = ["x86_64-6.1-kexec", "s390x-6.1-qemu", "ppc64le-64k-6.1-kexec"]


class Count:
    passed = failed = skipped = 0

    def ok(self, what):
        self.passed += 1
        print("ok   ", what, flush=True)

    def fail(self, what):
        self.failed += 1
        print("FAIL ", what, flush=True)

    def skip(self, what):
        self.skipped += 1
        print("skip ", what, flush=True)


def skip_all(why):
    print("skip  libkdumpfile.py:", why)
    sys.exit(SKIP)


def page_size(elf):
    """Of the dumped kernel, as VMCOREINFO says; s390x without one has 4 KiB."""
    said = elf.vmcoreinfo().get("PAGESIZE")
    return int(said) if said else 4096


def absent(elf, size):
    """Page addresses that the dump does not hold: both sides of every edge, and every 61st."""
    ranges = elf.ranges()
    out = set(range(0, ranges[-1][1] // size, 61))
    for lo, hi in ranges:
        out.update((lo // size - 1, (hi + size - 1) // size))
    return sorted(pfn * size for pfn in out
                  if pfn >= 0 and elf.read(pfn * size, size) is None)


def compare(path, elf, size, is_elf):
    """None when libkdumpfile reads the same from PATH, else what is wrong."""
    import kdumpfile
    memory, missing = kdumpfile.KDUMP_MACHPHYSADDR, kdumpfile.exceptions.NoDataException
    dump = kdumpfile.kdumpfile(path)
    done = 0
    for lo, hi in elf.ranges():
        for addr in range(max(lo // size * size, done), hi, size):
            done = addr + size
            try:
                seen = bytes(dump.read(memory, addr, size))
            except Exception as e:
                return "page %#x: %s: %s" % (addr, type(e).__name__, e)
            if seen != elf.read(addr, size):
                return "page %#x differs" % addr
    for addr in absent(elf, size):
        try:
            seen = bytes(dump.read(memory, addr, size))
        except missing:
            continue
        except Exception as e:
            return "absent page %#x: %s: %s" % (addr, type(e).__name__, e)
        # libkdumpfile 0.5.1 shows the page before each ELF segment, as zeros
        if not is_elf or seen.strip(b"\0"):
            return "page %#x is not in the original" % addr
    return None


def in_child(path, original, size, is_elf):
    """compare() in a process of its own: libkdumpfile may die on a file it does not like."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        try:
            wrong = compare(path, image.load(original), size, is_elf) or ""
        except Exception as e:
            wrong = "%s: %s" % (type(e).__name__, e)
        os.write(write_end, wrong.encode()[:4000])
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as f:
        wrong = f.read().decode()
    status = os.waitpid(child, 0)[1]
    return wrong or (None if status == 0 else "libkdumpfile died, status %#x" % status)


def check(count, name, original, form, scratch):
    elf = image.load(original)
    size = page_size(elf)
    out = os.path.join(scratch, "out")
    label = "%s %s" % (name, form)
    run = subprocess.run([os.path.join(os.environ["DUMPIO_BIN"], "dumpconv"), "-q", "-f",
                          "--to=" + form, original, out], capture_output=True, text=True)
    if run.returncode != 0:
        count.fail("%s: dumpconv: %s" % (label, run.stderr.strip().split("\n")[-1]))
        return
    wrong = in_child(out, original, size, form in ("elf", "netdump"))
    if wrong is None:
        count.ok("%s: %d MiB in pages of %d" %
                 (label, sum(hi - lo for lo, hi in elf.ranges()) >> 20, size))
    elif wrong.startswith("Unsupported") or "UnsupportedException" in wrong.split(":")[0]:
        count.skip("%s: this libkdumpfile was built without it: %s" % (label, wrong))
    else:
        count.fail("%s: %s" % (label, wrong))
    os.unlink(out)


def main():
    dumps, tools = os.environ.get("DUMPIO_TEST_DUMPS"), os.environ.get("DUMPIO_BIN")
    if not dumps or not tools:
        skip_all("DUMPIO_TEST_DUMPS or DUMPIO_BIN is not set")
    if not os.access(os.path.join(tools, "dumpconv"), os.X_OK):
        skip_all("%s/dumpconv is missing" % tools)
    try:
        import kdumpfile  # noqa: F401
    except ImportError as e:
        skip_all(str(e))
    names = sorted(os.path.basename(os.path.dirname(path))
                   for path in glob.glob(os.path.join(dumps, "*", "vmcore.elf.zst")))
    if not names:
        skip_all("no dumps in " + dumps)
    base = os.environ.get("DUMPIO_SCRATCH", os.path.join(tempfile.gettempdir(), "dumpio-interop"))
    store = os.path.join(base, "dumps")
    os.makedirs(base, exist_ok=True)
    only, count = sys.argv[1:], Count()
    with tempfile.TemporaryDirectory(dir=base, prefix="kdumpfile.") as scratch:
        for name in names:
            if only and name not in only:
                continue
            original = image.unpacked(name, store)
            full = name in THOROUGH or os.environ.get("DUMPIO_TEST_FULL") == "1"
            for form in EVERYWHERE + (ELSEWHERE if full else []):
                check(count, name, original, form, scratch)
    print("libkdumpfile.py: %d passed, %d failed, %d skipped" %
          (count.passed, count.failed, count.skipped))
    return 1 if count.failed else 0 if count.passed else SKIP


if __name__ == "__main__":
    sys.exit(main())
