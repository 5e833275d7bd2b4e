# SPDX-License-Identifier: Apache-2.0
"""The flattened container ("makedumpfile" signature) around a finished dump.

Format reference: makedumpfile's IMPLEMENTATION; crash's makedumpfile.c. Always big-endian.
Not handled: containers of type or version other than 1 (the key flat-type writes one).
"""
import struct

from common import SpecError

END = struct.pack(">qq", -1, -1)


def _cut(data, size, skip_zero):
    """[(offset, bytes)] ascending; all-zero segments may be left out, save the last."""
    out = [(at, data[at:at + size]) for at in range(0, len(data), size)]
    if skip_zero:
        out = [s for i, s in enumerate(out) if any(s[1]) or i == len(out) - 1]
    return out


def _segments(spec, data, kind):
    size = spec.int("flat-segment", 16 if kind == "tiny" else 4096 if kind == "gaps" else 65536)
    segs = _cut(data, size, kind == "gaps")
    if kind == "reversed":
        segs.reverse()
    if kind == "overlap":            # wrong bytes first, straddling segment borders; later wins
        segs.insert(0, (100, b"\xee" * min(3 * size, len(data) - 100)))
        at = len(data) // 3
        segs.append((at, data[at:at + 5000]))
    if kind == "prefix":             # a long segment whose head is rewritten, as for eraseinfo
        segs = [(0, data[:4096] + b"\xdd" * 4096 + data[8192:]), (4096, data[4096:8192])]
    return segs


def wrap(spec, dump):
    """Replace DUMP's image by its flattened form."""
    kind = spec.get("flat")
    if dump.image.size > 64 << 20:
        raise SpecError("too large to flatten")
    inner = dump.image
    data, out = inner.bytes(), bytearray(4096)
    out[:13] = b"makedumpfile\0"
    out[16:32] = struct.pack(">qq", spec.int("flat-type", 1), spec.int("flat-version", 1))
    segs = [] if kind == "empty" else _segments(spec, data, kind)
    for off, piece in segs:
        out += struct.pack(">qq", off, len(piece)) + piece
    out += {"noend": b"", "badend": struct.pack(">qq", -1, 5)}.get(kind, END)
    if spec.yes("flat-tail"):        # ignored by every reader
        out += struct.pack(">qq", 0, 64) + b"\xcc" * 64
    dump.info["container"] = ["flattened"]
    if kind == "badend":
        dump.info["remarks"].append("end marker with size 5: end or damage, readers differ")
    if kind in ("noend",):
        dump.info["complete"] = False
        dump.info["remarks"].append("no end marker")
    if kind == "empty" or spec.int("flat-type", 1) != 1:
        dump.info["open"] = "fail"
    if "flat-truncate" in spec.keys:
        _truncate(spec, dump, out, segs)
    dump.image = type(inner)()
    dump.image.write(0, out)


def _truncate(spec, dump, out, segs):
    """Cut the stream: inner bytes behind the cut are missing. Ascending segments only."""
    if spec.get("flat") not in ("plain", "tiny"):
        raise SpecError("flat-truncate needs flat = plain or tiny")
    keep = spec.int("flat-truncate")
    del out[keep if keep >= 0 else len(out) + keep:]
    at, have = 4096, 0
    for off, piece in segs:
        if len(out) > at + 16:
            have = max(have, off + min(len(piece), len(out) - at - 16))
        at += 16 + len(piece)
    dump.truncate(min(have, dump.image.size))
