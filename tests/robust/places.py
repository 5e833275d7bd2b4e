# SPDX-License-Identifier: Apache-2.0
"""Where a dump keeps its pages: [(address, [(start, end) of the file], kind)].

Format references: those of libdumpio's readers, with which nothing is shared. Not handled: what
dumpconv does not write; the reason and the use are in salvage.py.
"""
import bisect
import struct

PLAIN, PACKED = 0, 1            # kinds of payloads: noise shows in the packed ones alone


def elf_pages(f, unit):
    f.seek(0)
    head = f.read(64)
    order = "<" if head[5] == 1 else ">"
    if head[4] == 2:
        phoff, = struct.unpack_from(order + "Q", head, 32)
        size, count = struct.unpack_from(order + "HH", head, 54)
    else:
        phoff, = struct.unpack_from(order + "I", head, 28)
        size, count = struct.unpack_from(order + "HH", head, 42)
    f.seek(phoff)
    table = f.read(size * count)
    seen = {}
    for i in range(count):
        if head[4] == 2:
            kind, _, off, _, paddr, filesz = struct.unpack_from(order + "IIQQQQ", table, i * size)
        else:
            kind, off, _, paddr, filesz = struct.unpack_from(order + "IIIII", table, i * size)
        for at in range(0, filesz - unit + 1 if kind == 1 else 0, unit):
            if not (paddr + at) % unit:
                seen.setdefault(paddr + at, []).append((off + at, off + at + unit))
    return [(a, r, PLAIN) for a, r in sorted(seen.items())]   # any of the places may be read


def kdump_pages(f, unit):
    """Of a little-endian 64-bit one."""
    f.seek(0)
    head = f.read(464)
    block, sub, bitmaps, max_pfn = struct.unpack_from("<IIII", head, 428)
    f.seek(block * (1 + sub + bitmaps // 2))
    bits = f.read(bitmaps // 2 * block)
    table = block * (1 + sub + bitmaps)
    pages, n = [], 0
    f.seek(table)
    stored = [p for p in range(max_pfn) if bits[p >> 3] >> (p & 7) & 1]
    raw = f.read(24 * len(stored))
    for n, pfn in enumerate(stored):
        off, size, flags = struct.unpack_from("<QII", raw, 24 * n)
        if off:
            pages.append((pfn * unit, [(table + 24 * n, table + 24 * n + 24), (off, off + size)],
                          PACKED if flags else PLAIN))
    return pages


def lkcd_pages(f, unit):
    f.seek(734)
    at, = struct.unpack("<Q", f.read(8))
    pages = []
    while True:
        f.seek(at)
        address, size, flags = struct.unpack("<QII", f.read(16))
        if flags & 4:
            return pages
        pages.append((address, [(at, at + 16 + size)], PACKED if flags & 2 else PLAIN))
        at += 16 + size


def through_flat(f, inner):
    """The same, of a file with the records of a flattened stream."""
    segments, at = [], 4096
    while True:
        f.seek(at)
        off, size = struct.unpack(">qq", f.read(16))
        if off < 0:
            break
        segments.append((off, off + size, at + 16))
        at += 16 + size
    segments.sort()
    starts = [s[0] for s in segments]

    def places(start, end):
        i = bisect.bisect_right(starts, start) - 1
        while start < end:
            s = segments[i]
            stop = min(end, s[1])
            yield s[2] - 16, s[2]       # its record's header
            yield s[2] + start - s[0], s[2] + stop - s[0]
            start = stop
            i += 1
    return [(a, [p for r in ranges for p in places(*r)], k) for a, ranges, k in inner]


READ = {"elf": elf_pages, "kdump": kdump_pages, "diskdump": kdump_pages, "lkcd": lkcd_pages}
