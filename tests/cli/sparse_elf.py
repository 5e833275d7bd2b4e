# SPDX-License-Identifier: Apache-2.0
# A large ELF core of x86_64 that takes little room: sparse_elf.py PATH SIZE@ADDR[=NOISE]...
# Segments of memory; the first NOISE bytes (default 1000000) of each are random, the rest a hole.
import os
import random
import struct
import sys

CHUNK = 1 << 20
UNITS = {"M": 20, "G": 30, "T": 40}


def size(text):
    return int(text[:-1]) << UNITS[text[-1]] if text[-1] in UNITS else int(text, 0)


def segment(text):
    place, _, noise = text.partition("=")
    length, _, addr = place.partition("@")
    return size(length), size(addr), size(noise or "1000000")


def main(path, *texts):
    segments = [segment(t) for t in texts]
    text = b"OSRELEASE=6.1.0-sparse\nPAGESIZE=4096\nCRASHTIME=1700000000\n"
    text += b"\0" * (-len(text) % 4)
    note = struct.pack("<III", 11, len(text), 0) + b"VMCOREINFO\0\0" + text
    at = 64 + 56 * (1 + len(segments))
    data = (at + len(note) + 4095) & ~4095
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 1 + len(segments), 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 4, 0, at, 0, 0, len(note), len(note), 0)
    rng = random.Random(4)
    with open(path, "wb") as f:
        for length, addr, noise in segments:
            head += struct.pack("<IIQQQQQQ", 1, 7, data, 0xffff888000000000 + addr, addr, length,
                                length, 0)
            f.seek(data)
            for left in range(min(noise, length), 0, -CHUNK):
                f.write(rng.randbytes(min(left, CHUNK)))
            data += length
        f.truncate(data)
        os.pwrite(f.fileno(), head + note, 0)


main(*sys.argv[1:])
