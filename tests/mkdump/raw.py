# SPDX-License-Identifier: Apache-2.0
"""A plain memory image: byte 0 of the file is physical address 0.

Format reference: none; holes are zeros, which a reader cannot tell from zero pages.
Not handled: images that start elsewhere.
"""
from common import Dump, describe, gather, merge


def build(spec):
    dump = Dump(spec, "raw")
    memory = spec.memory()
    end = max([e for _, e, _ in memory] + [spec.int("size")])
    data = gather(memory, 0, end)
    for start, stop in merge([(s, e) for s, e, _ in memory]):
        dump.image.write(start, data[start:stop])
    dump.image.grow(end)
    dump.stored.append((0, end, data, [(0, end)]))
    describe(dump, spec, uts=False, time=False)
    return dump
