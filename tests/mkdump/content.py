# SPDX-License-Identifier: Apache-2.0
"""Page contents, made from a kind, a number and the physical address: the same every time.

Format reference: README.md of this folder names the kinds.
Not handled: contents read from files.
"""
import hashlib

FRAME = 4096


class SpecError(Exception):
    pass


def num(text):
    """0x10, 16, 64K, 1M, 4G, -1."""
    unit = {"K": 10, "M": 20, "G": 30, "T": 40}.get(text[-1:], None)
    return int(text, 0) if unit is None else int(text[:-1], 0) << unit


def _shake(kind, arg, addr, n):
    return hashlib.shake_128(b"mkdump %s %d %d" % (kind, arg, addr)).digest(n)


def _pattern(arg, addr):
    return b"".join(b"%-31s\n" % (b"pattern %d at %#x" % (arg, addr + 32 * i))
                    for i in range(FRAME // 32))


def _runs(arg, addr):
    """Runs of every length that matters to a run-length coder, zero and other values."""
    lengths = (1, 2, 3, 4, 5, 127, 128, 255, 256, 257, 258, 511, 512, 513)
    out, seeds = b"", _shake(b"runs", arg, addr, 4 * FRAME)
    for i in range(0, len(seeds), 3):
        value = 0 if seeds[i] < 90 else seeds[i + 1]
        out += bytes([value]) * lengths[seeds[i + 2] % len(lengths)]
        if len(out) >= FRAME:
            break
    return out[:FRAME]


def content(kind, arg, addr):
    """One 4096-byte frame at physical address ADDR."""
    if kind == "zero":
        return bytes(FRAME)
    if kind == "byte":
        return bytes([arg]) * FRAME
    if kind == "one":                                    # one byte set, at offset ARG
        return bytes(arg) + b"\x01" + bytes(FRAME - arg - 1)
    if kind == "pattern":
        return _pattern(arg, addr)
    if kind == "runs":
        return _runs(arg, addr)
    if kind == "random":
        return _shake(b"random", arg, addr, FRAME)
    if kind == "fixed":                                  # the same frame at every address
        return _shake(b"fixed", arg, 0, 256) * (FRAME // 256)
    raise SpecError("unknown page content '%s'" % kind)


def fill(kind, arg, start, end):
    first = start - start % FRAME
    data = b"".join(content(kind, arg, a) for a in range(first, end, FRAME))
    return data[start - first:end - first]


def gather(pieces, start, end):
    """The bytes of [start, end), zero where nothing is; the first piece wins."""
    out = bytearray(end - start)
    for s, e, data in reversed(pieces):
        lo, hi = max(s, start), min(e, end)
        if lo < hi:
            out[lo - start:hi - start] = data[lo - s:hi - s]
    return bytes(out)
