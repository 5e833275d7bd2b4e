#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Independent readers of ELF and KDUMP dumps, for the interop tests; shares nothing with libdumpio.

Format reference: ELF gABI; makedumpfile's IMPLEMENTATION and diskdump_mod.h.
Not handled: 32-bit or big-endian KDUMP, split sets, flattened files.

usage: image.py digest [--whole-frames] FILE...   image digest, as dumpverify --digest prints it
       image.py pages FILE...          SHA-256 over every page's frame number and contents
       image.py field FILE KEY         one line of VMCOREINFO, nothing when it has none
       image.py notes FILE             owner, type, size and SHA-256 of each note, sorted
       image.py prstatus FILE          x86_64: one line per CPU: register=hex ...
--whole-frames leaves out frames that the dump holds only in part, as makedumpfile does.
"""
import hashlib
import mmap
import os
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mkdump"))
import digest as reference  # noqa: E402

FRAME = 4096
NT_PRSTATUS = 1
# x86_64 struct elf_prstatus: registers at 112 in this order, 8 bytes each
X86_64_REGS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags "
               "rsp ss").split()


def mapped(path):
    with open(path, "rb") as f:
        return mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)


def parse_notes(blob, order):
    """[(owner, type, descriptor)]"""
    out, at = [], 0
    while at + 12 <= len(blob):
        namesz, descsz, kind = struct.unpack_from(order + "III", blob, at)
        name = blob[at + 12:at + 12 + namesz].rstrip(b"\0").decode("latin-1")
        at += 12 + (namesz + 3) // 4 * 4
        out.append((name, kind, bytes(blob[at:at + descsz])))
        at += (descsz + 3) // 4 * 4
    return out


class Dump:
    """notes: [(owner, type, descriptor)]; pieces(): (start, end, bytes-like), first one wins."""

    def vmcoreinfo(self):
        for name, _, desc in self.notes:
            if name == "VMCOREINFO":
                lines = desc.rstrip(b"\0").decode("latin-1").splitlines()
                return dict(line.split("=", 1) for line in lines if "=" in line)
        return {}

    def prstatus(self):
        return [desc for _, kind, desc in self.notes if kind == NT_PRSTATUS]


class Elf(Dump):
    def __init__(self, m):
        self.m, self.order = m, "<>"[m[5] - 1]
        wide, order = m[4] == 2, self.order
        self.machine, = struct.unpack_from(order + "H", m, 18)
        phoff, shoff = struct.unpack_from(order + ("QQ" if wide else "II"), m, 32 if wide else 28)
        size, count = struct.unpack_from(order + "HH", m, 54 if wide else 42)
        if count == 0xffff:
            count, = struct.unpack_from(order + "I", m, shoff + (44 if wide else 28))
        self.loads, self.notes = [], []
        for i in range(count):
            at = phoff + i * size
            if wide:
                kind, _, off, _, paddr, filesz = struct.unpack_from(order + "IIQQQQ", m, at)
            else:
                kind, off, _, paddr, filesz = struct.unpack_from(order + "IIIII", m, at)
            if kind == 1 and filesz:
                self.loads.append((paddr, paddr + filesz, off))
            elif kind == 4:
                self.notes += parse_notes(m[off:off + filesz], order)

    def pieces(self):
        return [(lo, hi, reference.Window(self.m, off)) for lo, hi, off in self.loads]

    def whole_pieces(self):
        """The same without the frames that only a part of is there."""
        out = []
        for lo, hi, off in self.loads:
            start, end = -(-lo // FRAME) * FRAME, hi // FRAME * FRAME
            if start < end:
                out.append((start, end, reference.Window(self.m, off + start - lo)))
        return out

    def ranges(self):
        """Sorted, disjoint [start, end) of what is there, bytes."""
        out = []
        for lo, hi, _ in sorted(self.loads):
            if out and lo <= out[-1][1]:
                out[-1][1] = max(out[-1][1], hi)
            else:
                out.append([lo, hi])
        return out

    def read(self, addr, size):
        """SIZE bytes at ADDR, None when nothing of them is there; what is missing reads as zero."""
        found, data = False, bytearray(size)
        for lo, hi, off in reversed(self.loads):
            start, end = max(lo, addr), min(hi, addr + size)
            if start < end:
                found = True
                data[start - addr:end - addr] = self.m[off + start - lo:off + end - lo]
        return bytes(data) if found else None


def expand(flags, data, size):
    if flags == 0:
        out = data
    elif flags == 1:
        out = zlib.decompress(data)
    elif flags == 2:
        import lzo
        out = lzo.decompress(data, False, size)
    elif flags == 4:
        import snappy
        out = snappy.decompress(data)
    elif flags == 0x20:
        import zstandard
        out = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    else:
        raise ValueError("page flags %#x" % flags)
    if len(out) != size:
        raise ValueError("a page of %d bytes, not %d" % (len(out), size))
    return out


class Kdump(Dump):
    def __init__(self, m):
        self.m = m
        status, self.block, sub, bitmap = struct.unpack_from("<IiiI", m, 424)
        at = self.block
        note_at, note_size = struct.unpack_from("<QQ", m, at + 48)
        self.max_mapnr, = struct.unpack_from("<Q", m, at + 96)
        self.status, self.notes = status, parse_notes(m[note_at:note_at + note_size], "<")
        self.bitmap = self.block * (1 + sub) + self.block * bitmap // 2
        self.table = self.block * (1 + sub + bitmap)

    def pages(self):
        k = 0
        for pfn in range(self.max_mapnr):
            if not self.m[self.bitmap + pfn // 8] >> pfn % 8 & 1:
                continue
            off, size, flags = struct.unpack_from("<qII", self.m, self.table + 24 * k)
            k += 1
            yield pfn, expand(flags, self.m[off:off + size], self.block)

    def pieces(self):
        return [(pfn * self.block, (pfn + 1) * self.block, data) for pfn, data in self.pages()]

    whole_pieces = pieces


def load(path):
    m = mapped(path)
    if m[:4] == b"\x7fELF":
        return Elf(m)
    if m[:8] == b"KDUMP   ":
        return Kdump(m)
    raise ValueError("%s: neither ELF nor KDUMP" % path)


def unpacked(name, store):
    """Path of the real dump NAME as ELF, unpacked into STORE when need be; None: there is none."""
    for folder in (os.environ.get("DUMPIO_TEST_UNPACKED"), store):
        if folder and os.path.exists(os.path.join(folder, name + ".elf")):
            return os.path.join(folder, name + ".elf")
    packed = os.path.join(os.environ.get("DUMPIO_TEST_DUMPS", ""), name, "vmcore.elf.zst")
    if not os.path.exists(packed):
        return None
    os.makedirs(store, exist_ok=True)
    path = os.path.join(store, name + ".elf")
    part = "%s.%d" % (path, os.getpid())
    with open(part, "wb") as f:
        subprocess.run(["zstd", "-q", "-d", "--long=29", "-c", packed], stdout=f, check=True)
    os.rename(part, path)
    return path


def halves(dump):
    """Frames of an ELF core that only a part of is there."""
    edges = {addr // FRAME * FRAME for lo, hi, _ in dump.loads for addr in (lo, hi) if addr % FRAME}
    return {e for e in edges if dump.read(e, FRAME) is not None}


def pages_digest(dump, without=()):
    """What two dumps of the same pages share, whatever their container."""
    seen, h = {}, hashlib.sha256()
    for lo, hi, data in dump.pieces():
        for addr in range(lo // FRAME * FRAME, hi, FRAME):
            start, end = max(addr, lo), min(addr + FRAME, hi)
            page = bytes(start - addr) + data[start - lo:end - lo]
            seen.setdefault(addr, page.ljust(FRAME, b"\0"))
    for addr in sorted(set(seen) - set(without)):
        h.update(struct.pack("<Q", addr))
        h.update(seen[addr])
    return h.hexdigest(), len(set(seen) - set(without))


def registers(desc):
    values = struct.unpack_from("<%dQ" % len(X86_64_REGS), desc, 112)
    return dict(zip(X86_64_REGS, values))


def main(args):
    if len(args) < 2:
        print(__doc__.split("\n\n")[-1].strip(), file=sys.stderr)
        return 2
    verb, rest = args[0], [a for a in args[1:] if a != "--whole-frames"]
    if verb == "digest":
        for path in rest:
            dump = load(path)
            whole = "--whole-frames" in args
            pieces = dump.whole_pieces() if whole else dump.pieces()
            print("%s  %s" % (reference.image_digest(pieces), path))
    elif verb == "pages":
        for path in rest:
            print("%s %d" % pages_digest(load(path)))
    elif verb == "pages-without-halves-of":
        without = halves(load(rest[0]))
        for path in rest[1:]:
            print("%s %d" % pages_digest(load(path), without))
    elif verb == "field":
        print(load(rest[0]).vmcoreinfo().get(rest[1], ""))
    elif verb == "notes":
        for name, kind, desc in sorted(load(rest[0]).notes):
            print(name, kind, len(desc), hashlib.sha256(desc).hexdigest())
    elif verb == "prstatus":
        for desc in load(rest[0]).prstatus():
            print(*("%s=%x" % r for r in registers(desc).items()))
    else:
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
