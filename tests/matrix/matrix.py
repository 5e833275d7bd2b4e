#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every dump x every writable format x every codec, and back: the same memory.

usage: matrix.py --shipped | --threads | --threads-small | --real
  --shipped  the shipped dump
  --threads  the same, for 0, 1, 2 and 4 threads: byte-identical output
  --threads-small  likewise with 12 MiB of its memory, for slow builds
  --real     the dumps of $DUMPIO_TEST_DUMPS against their IMAGE-DIGESTS

Formats and codecs come from `dumpconv --list`, so that a new format is covered by itself.
Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ["DUMPIO_BIN"]
SCRATCH = os.environ["DUMPIO_SCRATCH"]
SHIPPED = os.path.join(HERE, "..", "data", "vmcore-x86_64-6.1.kdump.zst")
checks = failures = 0


def tool(name, *args, stdin=None, stdout=None, ok=(0,)):
    done = subprocess.run([os.path.join(BIN, name), *args], stdin=stdin,
                          stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode not in ok:
        raise RuntimeError("%s %s: exit %d: %s" % (name, " ".join(args), done.returncode,
                                                  done.stderr.decode(errors="replace").strip()))
    return done.stdout


def digest(path):
    return tool("dumpverify", "--digest", "-q", path).split()[0].decode()


def file_hash(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            h.update(block)
    return h.hexdigest()


def check(what, good, detail=""):
    global checks, failures
    checks += 1
    if not good:
        failures += 1
        print("FAILED: %s %s" % (what, detail), flush=True)


def formats():
    return [(f["name"], [c for c in f["codecs"] if c not in f["missing_codecs"]] or [None],
             f["holds_absent"])
            for f in json.loads(tool("dumpconv", "--list", "--json"))["formats"] if f["writes"]]


def target(fmt, codec):
    return fmt + (":" + codec if codec else "")


def there_and_back(name, original, want):
    """original -> every format and codec -> elf and the original's format."""
    out, back = os.path.join(SCRATCH, "out"), os.path.join(SCRATCH, "back")
    own = json.loads(tool("dumpinfo", "--json", "--quick", "-q", original, ok=(0, 3)))["format"]
    for fmt, codecs, absent in formats():
        for codec in codecs:
            what = "%s -> %s" % (name, target(fmt, codec))
            try:
                tool("dumpconv", "--to=" + target(fmt, codec), "-q", "-f", "--no-sync", original,
                     out)
                if not absent:
                    raw_check(what, original, out)
                    continue
                got = digest(out)
                check(what, got == want, "digest %s, expected %s" % (got, want))
                tool("dumpconv", "--to=" + own, "-q", "-f", "--no-sync", out, back)
                got = digest(back)
                check(what + " and back", got == want, "digest %s, expected %s" % (got, want))
                model_check(what + " and back", original, back)
            except RuntimeError as e:
                check(what, False, str(e))
    for path in (out, back):
        if os.path.exists(path):
            os.remove(path)


def raw_check(what, original, raw):
    """Formats that cannot tell absent from zero: the present ranges are equal."""
    info = json.loads(tool("dumpinfo", "--json", "--ranges", "--quick", "-q", original,
                           ok=(0, 3)))
    elf = os.path.join(SCRATCH, "ranges.elf")
    tool("dumpconv", "--to=elf", "-q", "-f", "--no-sync", original, elf)
    segments = elf_segments(elf)
    good = True
    with open(raw, "rb") as r, open(elf, "rb") as e:
        for paddr, offset, size in segments:
            r.seek(paddr)
            e.seek(offset)
            while size and good:
                n = min(size, 1 << 20)
                good = r.read(n) == e.read(n)
                size -= n
    check(what + " (present ranges)", good and bool(info["ranges"]))
    os.remove(elf)


def elf_segments(path):
    import struct
    with open(path, "rb") as f:
        head = f.read(64)
        e = "<" if head[5] == 1 else ">"
        if head[4] == 2:
            phoff, = struct.unpack_from(e + "Q", head, 32)
            n, = struct.unpack_from(e + "H", head, 56)
            size, fmt = 56, e + "IIQQQQQQ"
        else:
            phoff, = struct.unpack_from(e + "I", head, 28)
            n, = struct.unpack_from(e + "H", head, 44)
            size, fmt = 32, e + "IIIIIIII"
        f.seek(phoff)
        for _ in range(n):
            p = struct.unpack(fmt, f.read(size))
            if p[0] != 1:
                continue
            offset, paddr, filesz = (p[2], p[4], p[5]) if size == 56 else (p[1], p[3], p[4])
            if filesz:
                yield paddr, offset, filesz


MODEL_KEYS = ("arch", "order", "word", "page_size", "uts", "build_id", "crash_time", "dump_time",
              "panic", "panic_task", "dump_level", "eraseinfo", "phys_base", "registers", "notes")


def model_check(what, a, b):
    """What the model says survives the way there and back."""
    x, y = (json.loads(tool("dumpinfo", "--json", "--quick", "--notes", "-q", p, ok=(0, 3)))
            for p in (a, b))
    if x["dump_level"] is None:     # formats that have a level then say: nothing was left out
        y["dump_level"] = None
    if x["vmcoreinfo"] == "memory":  # found there, and added to formats that have a place for it
        y["notes"] = [n for n in y["notes"] if n["name"] != "VMCOREINFO"]
    for key in MODEL_KEYS:
        check("%s: %s" % (what, key), x.get(key) == y.get(key),
              "%r became %r" % (x.get(key), y.get(key)))


def slice_of(path, start=64 << 20, size=12 << 20):
    """A KDUMP of a part of the dump's memory."""
    raw, part, small = (os.path.join(SCRATCH, n) for n in ("raw", "part", "small.kdump"))
    tool("dumpconv", "--to=raw", "-q", "-f", "--no-sync", path, raw)
    with open(raw, "rb") as f, open(part, "wb") as o:
        f.seek(start)
        o.write(f.read(size))
    tool("dumpconv", "--from=raw", "--arch=x86_64", "--to=kdump:none", "-q", "-f", part, small)
    os.remove(raw)
    os.remove(part)
    return small


def threads_identical(name, original):
    for fmt, codecs, _ in formats():
        for codec in codecs:
            for how in ("file", "pipe"):
                hashes = set()
                for n in ("0", "1", "2", "4"):
                    out = os.path.join(SCRATCH, "out")
                    if how == "file":
                        tool("dumpconv", "--to=" + target(fmt, codec), "-q", "-f", "--no-sync",
                             "-T", n, original, out)
                    else:
                        with open(out, "wb") as f:
                            tool("dumpconv", "--to=" + target(fmt, codec), "-q", "-T", n, original,
                                 "-", stdout=f)
                    hashes.add(file_hash(out))
                check("%s -> %s (%s), threads 0 1 2 4" % (name, target(fmt, codec), how),
                      len(hashes) == 1, str(hashes))


def file_and_pipe(name, original, want):
    """The same digest from a pipe and to a pipe; the same bytes once unwrapped."""
    out, piped = os.path.join(SCRATCH, "out"), os.path.join(SCRATCH, "piped")
    for fmt, codecs, absent in formats():
        what = "%s -> %s" % (name, fmt)
        tool("dumpconv", "--to=" + fmt, "-q", "-f", "--no-sync", original, out)
        with open(original, "rb") as i, open(piped, "wb") as o:
            tool("dumpconv", "--to=" + fmt, "-q", "-", "-", stdin=i, stdout=o)
        if absent:
            got = digest(piped)
            check(what + " through pipes", got == want, "digest %s, expected %s" % (got, want))
        with open(piped, "rb") as f:
            flat = f.read(12) == b"makedumpfile"
        if flat:
            unwrap(piped)
        check(what + ": file and pipe", file_hash(piped) == file_hash(out))


def unwrap(path):
    import struct
    plain = path + ".plain"
    with open(path, "rb") as f, open(plain, "wb") as o:
        f.seek(4096)
        while True:
            off, size = struct.unpack(">qq", f.read(16))
            if off == -1:
                break
            o.seek(off)
            o.write(f.read(size))
    os.replace(plain, path)


def unpack(source, name):
    path = os.path.join(SCRATCH, name)
    subprocess.run(["zstd", "-q", "-d", "-f", "--long=29", source, "-o", path], check=True)
    return path


def real_dumps():
    root = os.environ.get("DUMPIO_TEST_DUMPS")
    if not root:
        print("skipped: DUMPIO_TEST_DUMPS is not set")
        sys.exit(77)
    with open(os.path.join(root, "IMAGE-DIGESTS")) as f:
        for line in f:
            want, name = line.split()
            path = unpack(os.path.join(root, name, "vmcore.elf.zst"), name + ".elf")
            yield name, path, want
            os.remove(path)


def main():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    mode = sys.argv[1]
    if mode == "--real":
        for name, path, want in real_dumps():
            check(name + ": digest", digest(path) == want)
            there_and_back(name, path, want)
            file_and_pipe(name, path, want)
    else:
        path = unpack(SHIPPED, "shipped.kdump")
        if mode == "--shipped":
            want = digest(path)
            there_and_back("shipped", path, want)
            file_and_pipe("shipped", path, want)
        else:
            if mode == "--threads-small":
                path = slice_of(path)
            threads_identical("shipped", path)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    print("%d checks, %d failures" % (checks, failures))
    sys.exit(1 if failures or not checks else 0)


main()
