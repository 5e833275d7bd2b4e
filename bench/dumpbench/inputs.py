# SPDX-License-Identifier: Apache-2.0
"""Makes the dumps that are measured, once, in a folder outside the source tree.

Format reference: ELF-64 object file format (little-endian core files). Not handled: sources that
are no little-endian ELF64 cores.

A dump made here has no VMCOREINFO: makedumpfile takes the kernel's memory map from it, and leaves
out what lies outside. An enlarged dump repeats the pages of a real one in further segments. Its
Nth copy has every page turned by 64 N bytes: it packs as before, and no copy equals another, so
that finding equal pages gains what it gains on the real dump.
"""
import os
import struct
import subprocess

from .process import MIB, data_pieces

PAGE = 4096
TURN = 64                           # bytes
COPIES_MAX = PAGE // TURN - 1
PT_LOAD, PT_NOTE = 1, 4
EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
VIRT_UNKNOWN = (1 << 64) - 1


class Failed(Exception):
    """An input could not be made; the text says why."""


def finished(path, make):
    """PATH, made by MAKE(temporary path) unless it is there."""
    if not os.path.exists(path):
        part = path + ".part"
        if os.path.exists(part):
            os.unlink(part)
        make(part)
        os.rename(part, path)
    return path


def run(command, stdout=None):
    done = subprocess.run(command, stdout=stdout or subprocess.DEVNULL, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise Failed("%s: exit %d: %s" % (command[0], done.returncode, words[-1]))


def without(notes, name):
    """NOTES but those called NAME."""
    kept, at = [], 0
    while at + 12 <= len(notes):
        namesz, descsz = struct.unpack_from("<II", notes, at)
        end = at + 12 + up(namesz, 4) + up(descsz, 4)
        if notes[at + 12:at + 12 + namesz] != name:
            kept.append(notes[at:end])
        at = end
    return b"".join(kept)


def up(n, unit):
    return (n + unit - 1) // unit * unit


class Core:
    """The headers of an ELF64 core: loads are (physical, virtual, offset, size)."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            head = EHDR.unpack(f.read(EHDR.size))
            if head[0][:6] != b"\x7fELF\x02\x01":
                raise Failed("%s is no little-endian ELF64 file" % path)
            self.machine, self.flags = head[2], head[7]
            f.seek(head[5])
            table = [PHDR.unpack(f.read(PHDR.size)) for _ in range(head[10])]
            notes = next(p for p in table if p[0] == PT_NOTE)
            f.seek(notes[2])
            self.notes = without(f.read(notes[5]), b"VMCOREINFO\0")
        self.loads = [(p[4], p[3], p[2], p[5]) for p in table if p[0] == PT_LOAD]
        self.end = max(phys + size for phys, _, _, size in self.loads)

    def memory(self):
        """The loads that do not lie within another one's memory."""
        def inside(a, b):
            return a is not b and b[0] <= a[0] and a[0] + a[3] <= b[0] + b[3]
        return [a for a in self.loads if not any(inside(a, b) for b in self.loads)]

    def has(self, size):
        """About SIZE bytes of memory: none is cut for the last tenth."""
        return size <= sum(load[3] for load in self.memory()) <= size + size // 10


def write_headers(f, core, loads):
    """LOADS are (phys, virt, file size); returns the offset of each one's bytes."""
    table = EHDR.size + PHDR.size * (len(loads) + 1)
    at, offsets, headers = up(table + len(core.notes), PAGE), [], []
    for phys, virt, size in loads:
        offsets.append(at)
        headers.append(PHDR.pack(PT_LOAD, 7, at, virt, phys, size, size, 0))
        at = up(at + size, PAGE)
    f.write(EHDR.pack(b"\x7fELF\x02\x01\x01".ljust(16, b"\0"), 4, core.machine, 1, 0, EHDR.size, 0,
                      core.flags, EHDR.size, PHDR.size, len(loads) + 1, 0, 0, 0))
    f.write(PHDR.pack(PT_NOTE, 0, table, 0, 0, len(core.notes), len(core.notes), 0))
    f.write(b"".join(headers) + core.notes)
    return offsets


def turned(data, by):
    """Every page of DATA, its bytes moved round by BY."""
    if not by:
        return data
    whole = len(data) - len(data) % PAGE
    pages = []
    for i in range(0, whole, PAGE):
        pages += (data[i + by:i + PAGE], data[i:i + by])
    return b"".join(pages) + data[whole:]


def copy_load(source, load, target, at, size, by):
    source.seek(load[2])
    target.seek(at)
    while size:
        piece = source.read(min(size, 8 * MIB))
        if not piece:
            raise Failed("%s ends early" % source.name)
        target.write(turned(piece, by))
        size -= len(piece)


def write_plan(core, plan, path):
    """PLAN is (load, physical, virtual, size, turned by)."""
    with open(core.path, "rb") as source, open(path, "wb") as target:
        offsets = write_headers(target, core, [(p, v, s) for _, p, v, s, _ in plan])
        for (load, _, _, length, by), at in zip(plan, offsets):
            copy_load(source, load, target, at, length, by)


def resize(core, size, path):
    """SIZE bytes of memory: CORE's own, or as much of it, then copies above it."""
    plan, have, base, n = [], 0, up(core.end, 1 << 30), 1
    for load in core.memory():
        length = min(load[3], size - have)
        if length:
            plan.append((load, load[0], load[1], length, 0))
        have += length
    while have < size:
        if n > COPIES_MAX:
            raise Failed("%s is too small to be enlarged to %d bytes" % (core.path, size))
        for load in core.memory():
            whole = min(load[3], up(size - have, PAGE)) // PAGE * PAGE
            if whole:
                place = base + up(load[0], PAGE)
                plan.append((load, place, VIRT_UNKNOWN, whole, n * TURN))
            have += whole
        base, n = base + up(core.end, 1 << 30), n + 1
    write_plan(core, plan, path)


def islands(core, size):
    """(load, place, length): the start of each of CORE's loads, then pieces of the largest, one in
    every eighth of SIZE bytes."""
    out = [(load, load[0], min(load[3], 64 * MIB)) for load in core.memory()]
    base, load = up(core.end, 1 << 30), max(core.loads, key=lambda a: a[3])
    length = min(16 * MIB, load[3]) // PAGE * PAGE
    return out + [(load, up(base + (size - base) // 8 * i, PAGE), length) for i in range(8)]


def make_spread(core, size, path):
    """Islands; nothing, not even zeros, between them."""
    write_plan(core, [(load, at, VIRT_UNKNOWN, length, i % COPIES_MAX * TURN)
                      for i, (load, at, length) in enumerate(islands(core, size))], path)


def make_hole(core, size, path):
    """Islands in one segment of SIZE bytes; between them zeros, which are holes of the file."""
    plan = islands(core, size)
    with open(core.path, "rb") as source, open(path, "wb") as target:
        start = write_headers(target, core, [(0, VIRT_UNKNOWN, size)])[0]
        for i, (load, at, length) in enumerate(plan):
            copy_load(source, load, target, start + at, length, i % COPIES_MAX * TURN)
        target.truncate(start + size)


class Inputs:
    """What rows ask for by name:

    real               the dump for rows that filter: --dump, or the one that is enlarged
    real/CODEC@LEVEL   the same through dumpfilter, KDUMP
    elf:SIZE           real cut or enlarged to so much memory, or itself if it has about that
    elf:SIZE/HOW       that dump written by makedumpfile: zlib, lzo, flat
    hole:SIZE          ELF, most of it a hole of the file
    spread:SIZE        ELF of little memory, spread over SIZE; spread:SIZE/CODEC@LEVEL as above
    """

    def __init__(self, args):
        self.args, self.core = args, None

    def real(self):
        args, name = self.args, "x86_64-6.1-kexec"
        if args.dump:
            return args.dump
        path = os.path.join(args.unpacked, name + ".elf")
        if args.unpacked and os.path.exists(path):
            return path
        if not args.dumps:
            raise Failed("no dump: say --dump, or DUMPIO_TEST_DUMPS, a folder of real ones")
        packed = os.path.join(args.dumps, name, "vmcore.elf.zst")
        return finished(os.path.join(args.scratch, name + ".elf"), lambda part: run(
            ["zstd", "-d", "-q", "--long=31", packed, "-o", part]))

    def source(self):
        if not self.core:
            self.core = Core(self.real())
        return self.core

    def path(self, name):
        whole, _, how = name.partition("/")
        kind, _, size = whole.partition(":")
        if not how and (kind == "real" or kind == "elf" and self.source().has(parse_size(size))):
            return self.real()
        folder = self.args.outputs if self.in_memory(name) else self.args.scratch
        return finished(os.path.join(folder, self.file_name(name)),
                        lambda part: self.make(name, part))

    @staticmethod
    def in_memory(name):
        """Holes larger than disks' file systems take."""
        return name.startswith(("hole", "spread"))

    def file_name(self, name):
        """Of another dump it is another file."""
        real = os.stat(self.real())
        return "%s.%x-%x" % (name.replace(":", "-").replace("/", "-"), real.st_size,
                             int(real.st_mtime))

    def make(self, name, part):
        whole, _, how = name.partition("/")
        kind, _, size = whole.partition(":")
        print("making %s" % name, flush=True)
        if "@" in how:
            codec, _, level = how.partition("@")
            run(filtering(self.args, level, codec) + [self.path(whole), part])
        elif how == "flat":
            with open(part, "wb") as out:
                run([self.args.makedumpfile, "-F", "-l", "-d", "0", self.path(whole)], out)
        elif how:
            run([self.args.makedumpfile, PEER_OPTION[how], "-d", "0", self.path(whole), part])
        else:
            make = {"elf": resize, "hole": make_hole, "spread": make_spread}[kind]
            make(self.source(), parse_size(size), part)

    def drop(self, name):
        """What lies in memory is not kept."""
        for each in (name, name.partition("/")[0]):
            path = os.path.join(self.args.outputs, self.file_name(each))
            if self.in_memory(each) and os.path.exists(path):
                os.unlink(path)


PEER_OPTION = {"zlib": "-c", "lzo": "-l", "snappy": "-p", "zstd": "-z", "elf": "-E"}


def filtering(args, level, codec):
    """Our command up to the paths; level 0 filters nothing. Where memory is kept that is no RAM (a
    virtual machine's ROM), makedumpfile cannot filter further and never keeps it: so it goes."""
    target = "--to=elf" if codec == "elf" else "--to=kdump:" + codec
    tool = ([args.dumpfilter, "-d" + str(level), "--ram-only"] if int(level) else
            [args.dumpconv])
    return tool + [target, "-q", "-f", "--no-sync"]


def parse_size(text):
    """"2G", "1T", "512M": bytes."""
    return int(text[:-1]) << {"M": 20, "G": 30, "T": 40}[text[-1]]
