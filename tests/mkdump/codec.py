# SPDX-License-Identifier: Apache-2.0
"""Page payloads: zlib, raw LZO1X-1, raw snappy, zstd, and LKCD's run-length code.

Format reference: RFC 1950; the LZO, snappy and zstd formats; LKCD's dump_rle.c.
Not handled: decoding; nothing here reads a dump.
"""
import zlib

FLAGS = {"none": 0, "zlib": 1, "lzo": 2, "snappy": 4, "zstd": 0x20}


def pack(name, data):
    if name == "zlib":
        return zlib.compress(data, 1)
    if name == "lzo":
        import lzo
        return lzo.compress(data, 1, False)
    if name == "snappy":
        import snappy
        return snappy.compress(data)
    if name == "zstd":
        import zstandard
        return zstandard.ZstdCompressor(level=1).compress(data)
    raise ValueError("unknown codec '%s'" % name)


def rle(data, plus_one=True):
    """The kernel stores run length - 1; with plus_one False the run length itself."""
    out, i, limit = bytearray(), 0, 256 if plus_one else 255
    while i < len(data):
        value, n = data[i], 1
        while n < limit and i + n < len(data) and data[i + n] == value:
            n += 1
        count = n - 1 if plus_one else n
        if n == 1:
            out += bytes([0, 0]) if value == 0 else bytes([value])
        elif n == 2 and value:
            out += bytes([value, value])
        else:
            out += bytes([0, count, value])
        i += n
    return bytes(out)


def shrink(name, data):
    """(codec used, stored bytes): raw when the packed form would not be smaller."""
    if name == "none":
        return "none", data
    packed = pack(name, data)
    return (name, packed) if len(packed) < len(data) else ("none", data)
