#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""drgn on a dump that drgn cannot open itself: LKCD, encrypted, in a container, a split set.

usage: drgn-dumpio.py [--identity FILE]... VMLINUX DUMP... [-- SCRIPT [ARGUMENT...]]

With SCRIPT, run it with `prog` defined, as drgn does; otherwise start drgn's interactive mode.
drgn gets a program whose memory dumpio reads: nothing is converted, nothing is written. drgn then
knows types and variables of VMLINUX, but not that this is a kernel: what it says of modules, of
stacks and of `prog.symbol(ADDRESS)` needs a dump that it opens itself.
"""
import argparse
import os
import runpy
import sys

import drgn
import dumpio

ARCHITECTURES = {
    "x86_64": "X86_64", "i386": "I386", "aarch64": "AARCH64", "arm": "ARM", "ppc64": "PPC64",
    "riscv64": "RISCV64", "s390x": "S390X", "s390": "S390",
}
END = 2 ** 64 - 1


def platform(info):
    name = ARCHITECTURES.get(info.arch or "", "UNKNOWN")
    flags = drgn.PlatformFlags(0)
    if info.word == 8:
        flags |= drgn.PlatformFlags.IS_64_BIT
    if info.order == "little":
        flags |= drgn.PlatformFlags.IS_LITTLE_ENDIAN
    return drgn.Platform(getattr(drgn.Architecture, name, drgn.Architecture.UNKNOWN), flags)


def reader(read):
    """drgn's view of a read function; memory that is not there is a fault."""
    def call(address, count, offset, physical):
        try:
            return read(address, count)
        except dumpio.NotHeldError as e:
            raise drgn.FaultError(str(e), address) from None
    return call


class Relocated:
    """Variables where the kernel put its image; VMLINUX has them where it was linked for.

    Those outside of the image (per-processor ones) are left alone.
    """

    def __init__(self, prog, offset):
        self.offset, self.inside = offset, False
        self.start, self.end = (prog.symbol(name).address for name in ("_text", "_end"))

    def find(self, prog, name, flags, filename):
        if self.inside:
            return None
        self.inside = True
        try:
            found = prog.object(name, flags, filename)
        except LookupError:
            return None
        finally:
            self.inside = False
        if found.address_ is None or not self.start <= found.address_ < self.end:
            return found
        return drgn.Object(prog, found.type_, address=found.address_ + self.offset)


def program(dump, vmlinux):
    """A drgn program over an open dump and the kernel's image with debug information."""
    prog = drgn.Program(platform(dump.info))
    prog.add_memory_segment(0, END, reader(dump.read_virtual), False)
    prog.add_memory_segment(0, END, reader(dump.read), True)
    prog.load_debug_info([vmlinux])
    offset = int(dump.vmcoreinfo().get("KERNELOFFSET", "0"), 16)
    if offset:
        prog.add_object_finder(Relocated(prog, offset).find)
    return prog


def main():
    own, script = sys.argv[1:], []
    if "--" in own:
        own, script = own[:own.index("--")], own[own.index("--") + 1:]
    parser = argparse.ArgumentParser(usage="%(prog)s [--identity FILE]... VMLINUX DUMP... "
                                           "[-- SCRIPT [ARGUMENT...]]",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--identity", action="append", metavar="FILE",
                        help="open encrypted dumps with the identities in FILE")
    parser.add_argument("vmlinux")
    parser.add_argument("dump", nargs="+", help="the parts of one dump")
    args = parser.parse_args(own)
    try:
        dump = dumpio.open(args.dump, identity=args.identity)
    except dumpio.DumpioError as e:
        sys.exit("%s: %s" % (os.path.basename(sys.argv[0]), e))
    prog = program(dump, args.vmlinux)
    if script:
        sys.argv = script
        runpy.run_path(script[0], init_globals={"prog": prog, "drgn": drgn}, run_name="__main__")
    else:
        from drgn.cli import run_interactive
        run_interactive(prog)


if __name__ == "__main__":
    main()
