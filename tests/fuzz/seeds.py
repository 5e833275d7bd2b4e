#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets, from mkdump's dumps and the machines of the unit tests.

Format reference: fuzz.h for the shortened form; the heads of the fuzz_*.c for what stands before.
Not handled: choosing among the seeds; scripts/fuzz --seed lets libFuzzer do it.

usage: seeds.py BUILD OUT       BUILD: a build folder with the preset fuzz; OUT/TARGET/ is written
       seeds.py --shorten FILE...    any file in the shortened form, to standard output
"""
import glob
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mkdump"))
sys.dont_write_bytecode = True

import codec                         # noqa: E402

MARK = b"\xfe\xed"
LARGEST = 24576                      # bytes of a seed, shortened
ELF_NOTES, CARRIED = 4, b"dumpio-model-1\n"


def shorten(data):
    """fe ed V LEN for runs of 8 and more."""
    out, last = bytearray(), 0
    for run in re.finditer(rb"(.)\1{7,}|\xfe\xed", data, re.S):
        out += data[last:run.start()]
        last = run.end()
        if run[0] == MARK:
            out += MARK + bytes(3)
            continue
        left = run.end() - run.start()
        while left:
            n = min(left, 0xffff)
            out += MARK + run[0][:1] + struct.pack("<H", n)
            left -= n
    return bytes(out + data[last:])


class Seeds:
    def __init__(self, out):
        self.out, self.count = out, 0

    def add(self, target, name, data):
        if len(data) > LARGEST:
            return
        folder = os.path.join(self.out, target)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
        self.count += 1


def read(path):
    with open(path, "rb") as f:
        return f.read()


def dumps(folder):
    """(name, parts) of every dump, split sets whole."""
    sets = {}
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        if not path.endswith(".expect"):
            sets.setdefault(re.sub(r"\.\d$", "", os.path.basename(path)), []).append(path)
    return [(name, [read(p) for p in paths]) for name, paths in sets.items() if len(paths) <= 4]


def notes_of(elf):
    """(big-endian, note segment) of an ELF file."""
    if elf[:4] != b"\x7fELF" or elf[4] not in (1, 2):
        return None
    order = "<" if elf[5] == 1 else ">"
    wide = elf[4] == 2
    phoff, = struct.unpack_from(order + ("Q" if wide else "I"), elf, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", elf, 54 if wide else 42)
    for i in range(min(count, 64)):
        at = phoff + i * size
        if at + size > len(elf) or struct.unpack_from(order + "I", elf, at)[0] != ELF_NOTES:
            continue
        where, = struct.unpack_from(order + ("Q" if wide else "I"), elf, at + (8 if wide else 4))
        n, = struct.unpack_from(order + ("Q" if wide else "I"), elf, at + (32 if wide else 16))
        return order == ">", elf[where:where + n]
    return None


def arch_of(name):
    for i, arch in enumerate(["x86_64", "i386", "aarch64", "arm", "ppc64", "s390x"]):
        if arch in name:
            return i
    return 0


def from_dumps(seeds, folder, build, scratch):
    targets = len(["elf", "netdump", "kdump", "diskdump", "lkcd", "lkcd8", "raw"])
    for i, (name, parts) in enumerate(dumps(folder)):
        joined = (MARK + b"\1\0\0").join(shorten(p) for p in parts)
        seeds.add("open", name, joined)
        seeds.add("convert", name, bytes([i % targets, i // targets % 5, i % 8]) + joined)
        if parts[0].startswith(b"makedumpfile\0"):
            seeds.add("flat", name, shorten(parts[0]))
        notes = notes_of(parts[0])
        if notes:
            flags = (2 if notes[0] else 0) | (16 if i % 4 == 3 else 0) | (4 if i % 7 == 6 else 0)
            seeds.add("model", name, bytes([flags, arch_of(name)]) + shorten(notes[1]))
    # what dumpio carries stands in its outputs, after a line of its own
    for i, path in enumerate(sorted(glob.glob(os.path.join(folder, "*")))):
        if path.endswith(".expect") or i % 5:
            continue
        target, out = ["elf", "kdump", "lkcd", "diskdump"][i // 5 % 4], os.path.join(scratch, "out")
        subprocess.run([os.path.join(build, "tools", "dumpio"), "dumpconv", "-qf", "--to=" + target,
                        path, out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        data = read(out) if os.path.exists(out) else b""
        at = data.find(CARRIED)
        if at < 0:
            continue
        os.unlink(out)
        name = "%s-%s" % (target, os.path.basename(path))
        block = data[at:at + 8192].split(bytes(16))[0]
        seeds.add("model", "block-" + name, bytes([1, arch_of(name)]) + shorten(block))
        notes = notes_of(data)
        if notes:
            seeds.add("model", "notes-" + name,
                      bytes([2 if notes[0] else 0, arch_of(name)]) + shorten(notes[1]))


def from_codecs(seeds):
    rng = random.Random(1)
    kinds = {"text": b"".join(b"kernel %d " % (i % 61) for i in range(600))[:4096],
             "runs": b"".join(bytes([rng.randrange(256)]) * rng.randrange(1, 300)
                              for _ in range(64))[:4096].ljust(4096, b"\1"),
             "mixed": bytes(rng.randrange(256) for _ in range(700)) * 5 + bytes(596)}
    names = ["zlib", "lzo", "snappy", "zstd", "rle"]
    for number, name in enumerate(names):
        for kind, page in kinds.items():
            packed = codec.rle(page) if name == "rle" else codec.pack(name, page)
            seeds.add("codecs", "%s-%s" % (name, kind), bytes([number, 3]) + shorten(packed))
            seeds.add("codecs", "%s-%s-pack" % (name, kind),
                      bytes([number | 0x80, 3 + 10 * number]) + shorten(page))
    seeds.add("codecs", "rle-other", bytes([4, 3]) + codec.rle(kinds["runs"], False))


def from_worlds(seeds, build, scratch):
    for test in ["kernel", "translate", "vmcoreinfo"]:
        folder = os.path.join(scratch, test)
        os.mkdir(folder)
        subprocess.run([os.path.join(build, "tests", "fuzz", "seed_" + test), folder], check=True,
                       stdout=subprocess.DEVNULL)
        for name in sorted(os.listdir(folder)):
            seeds.add("kernel", "%s-%s" % (test, name), shorten(read(os.path.join(folder, name))))


ERAS = 26                            # of pages_world.h
KINDS = 12                           # of pages in fuzz_classify.c


def pages(rng):
    """Operations of fuzz_classify that make pages of all kinds, and lists of freed ones."""
    kinds = [(kind, order) for kind in range(KINDS) for order in (0, rng.randrange(1, 5))]
    ops = [b"K" + struct.pack("<BHB", kind, 0x200 + 16 * i, order)
           for i, (kind, order) in enumerate(kinds)]
    ops += [b"K" + struct.pack("<BHB", rng.randrange(KINDS), 0x180 + 16 * i, rng.randrange(5))
            for i in range(6)]
    ops += [b"L" + struct.pack("<BHB", i, 900 + 40 * i, 3 + 4 * i) for i in range(2)]
    return ops


def from_classify(seeds):
    """Every era on every machine; then one fact or a few bytes changed."""
    rng = random.Random(2)
    for era in range(ERAS):
        for machine in range(4):
            flags = machine | 4 | (16 if machine == 3 and era == ERAS - 1 else 0)
            seeds.add("classify", "era%d-%d" % (era, machine),
                      bytes([era, flags]) + b"".join(pages(rng)))
    for i in range(300):
        ops = pages(rng)
        for _ in range(rng.randrange(1, 4)):
            value = rng.choice([rng.randrange(64), rng.randrange(1 << 16), rng.randrange(1 << 64),
                                (1 << 64) - 1 - rng.randrange(256)])
            ops.append(rng.choice([
                b"F" + struct.pack("<BBQ", rng.randrange(64), rng.randrange(4), value),
                b"R" + struct.pack("<HBBQ", rng.randrange(1024), rng.randrange(64),
                                   rng.randrange(4), value),
                b"A" + struct.pack("<HBHB", rng.randrange(1024), rng.randrange(8) * 8,
                                   rng.randrange(1024), rng.randrange(4)),
                b"M" + struct.pack("<I", 0x10000 + 8 * rng.randrange(200))[:3] + b"\3" +
                struct.pack("<Q", value),
                b"D" + struct.pack("<H", 0x1000 + rng.randrange(16)),
                b"V" + bytes([rng.randrange(16), rng.choice([255, 0, 3])])]))
        seeds.add("classify", "change%d" % i,
                  bytes([rng.randrange(ERAS), rng.randrange(32)]) + b"".join(ops))


def main(args):
    if len(args) > 1 and args[0] == "--shorten":
        sys.stdout.buffer.write((MARK + b"\1\0\0").join(shorten(read(p)) for p in args[1:]))
        return 0
    if len(args) != 2:
        print(__doc__.split("\n\n")[-1].strip(), file=sys.stderr)
        return 2
    build, seeds = args[0], Seeds(args[1])
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "dumps")
        subprocess.run([os.path.join(HERE, "..", "mkdump", "make-all.py"), folder], check=True,
                       stdout=subprocess.DEVNULL)
        from_dumps(seeds, folder, build, scratch)
        from_codecs(seeds)
        from_classify(seeds)
        from_worlds(seeds, build, scratch)
    print("%d seeds" % seeds.count)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
