#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reference of the image digest: SHA-256 over the physical memory a dump holds.

Format reference: "Identity" in the project's documentation of the digest; ELF gABI for --elf.
Not handled: dump formats other than ELF and a plain memory image (use mkdump's .expect there).

usage: digest.py [--leaves] FILE.expect... | --elf FILE... | --raw FILE... | --spec SPEC...
"""
import hashlib
import json
import mmap
import os
import struct
import sys

EXTENT = 4 << 20
FRAME = 4096
FRAMES = EXTENT // FRAME
ZERO = bytes(FRAME)


def _extent(base, pieces):
    """(present bitmap, zero bitmap, contents) of one extent; pieces: the first one wins."""
    data, held = bytearray(EXTENT), set()
    for start, end, source in reversed(pieces):
        lo, hi = max(start, base), min(end, base + EXTENT)
        data[lo - base:hi - base] = source[lo - start:hi - start]
        held.update(range((lo - base) // FRAME, (hi - base + FRAME - 1) // FRAME))
    present, zero, contents = bytearray(FRAMES // 8), bytearray(FRAMES // 8), []
    for frame in sorted(held):
        present[frame // 8] |= 1 << frame % 8
        page = bytes(data[frame * FRAME:frame * FRAME + FRAME])
        if page == ZERO:
            zero[frame // 8] |= 1 << frame % 8
        else:
            contents.append(page)
    return bytes(present), bytes(zero), b"".join(contents)


def leaves(pieces):
    """[(extent base, leaf)] of PIECES: (start, end, indexable bytes of length end - start)."""
    by_extent = {}
    for piece in pieces:
        for n in range(piece[0] // EXTENT, (piece[1] + EXTENT - 1) // EXTENT):
            by_extent.setdefault(n * EXTENT, []).append(piece)
    out = []
    for base in sorted(by_extent):
        present, zero, contents = _extent(base, by_extent[base])
        if any(present):
            head = b"dumpio-leaf-1\0" + struct.pack("<Q", base)
            out.append((base, hashlib.sha256(head + present + zero + contents).digest()))
    return out


def root(leaf_list):
    body = b"".join(leaf for _, leaf in leaf_list)
    tail = struct.pack("<Q", len(leaf_list))
    return hashlib.sha256(b"dumpio-root-1\0" + body + tail).hexdigest()


def image_digest(pieces):
    return root(leaves([p for p in pieces if p[0] < p[1]]))


class Window:
    """Bytes [off, off + n) of a mapped file, sliced without copying the whole."""

    def __init__(self, mapped, off):
        self.mapped, self.off = mapped, off

    def __getitem__(self, cut):
        return self.mapped[self.off + cut.start:self.off + cut.stop]


def _headers(m):
    """(p_type, p_offset, p_paddr, p_filesz) of every program header of an ELF file."""
    if m[:4] != b"\x7fELF" or m[4] not in (1, 2) or m[5] not in (1, 2):
        raise ValueError("not an ELF file")
    order, wide = "<>"[m[5] - 1], m[4] == 2
    phoff, shoff = struct.unpack_from(order + ("QQ" if wide else "II"), m, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", m, 54 if wide else 42)
    if count == 0xffff and shoff:
        count, = struct.unpack_from(order + "I", m, shoff + (44 if wide else 28))
    for i in range(count):
        if wide:
            kind, _, off, _, paddr, filesz = struct.unpack_from(order + "IIQQQQ", m,
                                                                phoff + size * i)
        else:
            kind, off, _, paddr, filesz = struct.unpack_from(order + "5I", m, phoff + size * i)
        yield kind, off, paddr, filesz, paddr == (1 << (64 if wide else 32)) - 1


def elf_pieces(m):
    """What the PT_LOADs of a mapped ELF file hold, in header order."""
    for kind, off, paddr, filesz, unknown in _headers(m):
        if kind != 1 or unknown or not filesz:
            continue
        if off + filesz > len(m):                  # cut: the frame the cut goes through is lost
            filesz = (paddr + max(0, len(m) - off)) // FRAME * FRAME - paddr
        if filesz > 0:
            yield paddr, paddr + filesz, Window(m, off)


def of_file(path, raw):
    if raw and not os.path.getsize(path):
        return []
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
        return leaves([(0, len(m), m)] if raw else list(elf_pieces(m)))


def of_spec(path):
    sys.dont_write_bytecode = True
    import common
    import mkdump
    for spec in common.load(path):
        print("%s  %s" % (mkdump.build(spec).expect()["image_digest"], spec.name))


def main(args):
    show = "--leaves" in args
    mode = [a for a in args if a in ("--elf", "--raw", "--spec")]
    files = [a for a in args if not a.startswith("--")]
    if not files or len(mode) > 1:
        print(__doc__.split("\n\n")[-1].strip(), file=sys.stderr)
        return 2
    for path in files:
        if mode == ["--spec"]:
            of_spec(path)
        elif not mode:
            with open(path, encoding="utf-8") as f:
                print("%s  %s" % (json.load(f)["image_digest"], path))
        else:
            got = of_file(path, mode == ["--raw"])
            for base, leaf in got if show else []:
                print("leaf %#x %s" % (base, leaf.hex()))
            print("%s  %s" % (root(got), path))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
