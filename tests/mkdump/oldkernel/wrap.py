# SPDX-License-Identifier: Apache-2.0
"""Wraps the memory of a machine as an LKCD, DISKDUMP or netdump file.

Format reference: the writers of the folder above, which this one feeds.
Not handled: VMCOREINFO; these kernels have none.
"""
import copy
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import common  # noqa: E402
import mkdump  # noqa: E402

from machine import FRAME  # noqa: E402

CONTAINERS = {
    "lkcd": ["format = lkcd", "version = 9", "codec = gzip"],
    "diskdump": ["format = diskdump", "codec = zlib"],
    "netdump": ["format = elf", "style = netdump"],
}


def present(machine, container):
    """Frames that the file holds: netdump writes all from 0 to the end, holes as zeros."""
    if container == "netdump":
        return set(range(machine.ram[-1][1]))
    return {p for a, b in machine.ram for p in range(a, b)}


def wrap(machine, container, path):
    config = machine.config
    lines = CONTAINERS[container] + [
        "arch = " + ("x86_64" if config.word == 8 else "i386"), "cpus = 2",
        "uts.release = " + config.release, "uts.nodename = oldhost",
        "uts.version = " + config.build]
    lines += ["page %#x-%#x zero" % (a * FRAME, b * FRAME) for a, b in machine.ram]
    spec = common.Spec(config.name, enumerate(lines, 1))
    spec.arch = copy.copy(spec.arch)
    spec.arch.page_offset = config.page_offset
    spec._memory = [(a * FRAME, b * FRAME,
                     b"".join(machine.memory.page(p) for p in range(a, b)))
                    for a, b in machine.ram]
    mkdump.build(spec).image.save(path)
