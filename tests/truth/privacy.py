#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dumpfilter on real dumps: what was to be left out is not in the output, neither as a page nor as
bytes anywhere in the file.

The machines' processes marked their memory with numbered strings (canaries) and noted the frames of
it (truth/guest.txt; truth/canary and truth/freed). Outputs that do not pack pages are searched
whole, their pages one by one too; frames are read by frames.py.
Environment: DUMPIO_BIN, DUMPIO_SCRATCH, DUMPIO_TEST_DUMPS, DUMPIO_TEST_UNPACKED (optional: a folder
with NAME.elf). Arguments: names of dumps (default all).
Not handled: strings in kernel memory (pipes, sockets, keys, arguments, the log): no class has them.
"""
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import frames as fr  # noqa: E402

SCRATCH = os.environ["DUMPIO_SCRATCH"]
# A mark has a number; without one it is a string of the program that wrote them.
MARKS = {"user": re.compile(rb"USERSECRET-CANARY-(?:[A-Z]+-)?[0-9]{3}"),
         "cache": re.compile(rb"(?:CACHE|SHMEM)-CANARY-[0-9]{3}"),
         "freed": re.compile(rb"FREED[A-Z]*-CANARY-[0-9]{3}")}
OWNERS = {"user": {"USERSECRET", "RANDOM", "ZERO", "RECORDS"}, "cache": {"CACHE", "SHMEM"},
          "freed": {"FREED"}}
FORMATS = (("kdump:none", ()), ("elf", ()), ("kdump:none", ("-F",)), ("elf", ("--redact",)))
FXSAVE_XMM, FXSAVE_MXCSR, MXCSR_DEFAULT = 160, 24, 0x1f80
tally = fr.Tally()
check = tally.check


def registers(dump, frame, at):
    """Is byte AT of FRAME in the saved vector registers of a task (x86: XMM of an FXSAVE area)?"""
    pages = dump.pages
    head = pages.head(frame)
    if not dump.name.startswith("x86_64") or not pages.is_slab(pages.record(head)):
        return False
    for n in range(16):
        area = frame * dump.page + at - FXSAVE_XMM - 16 * n
        raw = dump.elf.read(area + FXSAVE_MXCSR, 8)
        if area % 64 == 0 and raw and struct.unpack("<II", raw)[0] == MXCSR_DEFAULT:
            return True
    return False


def left_in(dump, mark, path):
    """[(frame, offset in it, text)] of the marks in kept pages."""
    return [(f, g.start(), g[0].decode()) for f, data in fr.load(path).pages(dump.page)
            for g in MARKS[mark].finditer(data)]


def written(what, dump, classes, to, options=()):
    path = os.path.join(SCRATCH, "private.out")
    code, _, said = fr.tool("dumpfilter", "-f", "--no-sync", "--to=" + to, "--exclude=" + classes,
                            *options, dump.path, path)
    return path if check(what, code == 0, "exit %d: %s" % (code, said)) else None


def owned(dump, frame):
    """Was the frame in use when the dump was taken, as its struct page tells?"""
    pages = dump.pages
    record = pages.record(frame)
    head = record and pages.record(pages.head(frame))
    return head is not None and frame not in pages.free and pages.refcount(head) > 0


def explained(dump, mark, frame, at):
    """May this mark stay when only MARK's classes are left out?"""
    now = dump.pages.classes[frame]
    if mark == "user":
        return registers(dump, frame, at) or now == "free"
    if mark == "cache":
        return now in ("user", "free") # the buffer of who wrote the file
    return now in ("user", "cache") and owned(dump, frame)


def without(dump, classes, mark, kinds):
    """Leave CLASSES out: no frame of KINDS may be there, no mark but what explained() names."""
    for to in ("kdump:none", "elf"):
        what = "%s --exclude=%s --to=%s" % (dump.name, classes, to)
        path = written(what, dump, classes, to)
        if not path:
            continue
        kept = fr.load(path).frames(dump.page)
        for (kind, name), frames in sorted(fr.canaries(dump.truth).items()):
            if kind not in kinds:
                continue
            left = frames & kept
            if kind == "FREED": # taken again before the dump, by somebody who has it now
                left = {f for f in left if not owned(dump, f)}
            check("%s: frames of %s %s" % (what, kind, name), frames and not left,
                  fr.few(left, dump.pages.show))
        found = left_in(dump, mark, path)
        wrong = [h for h in found if not explained(dump, mark, h[0], h[1])]
        check("%s: marks in pages" % what, not wrong, "%d, first %r: %s" % (
            len(wrong), wrong[:1], wrong and dump.pages.show(wrong[0][0])))
        check_registers(what, dump, mark, found)
        in_file = len(MARKS[mark].findall(fr.mapped(path)))
        check("%s: marks in the file are those in pages" % what, in_file == len(found),
              "%d and %d" % (in_file, len(found)))
        os.remove(path)


def check_registers(what, dump, mark, found):
    """One mark in the saved registers of one task, of x86_64: no class has it."""
    saved = [h for h in found if mark == "user" and registers(dump, h[0], h[1])]
    most = 1 if dump.name.startswith("x86_64") else 0
    check(what + ": marks in saved registers", len(saved) <= most, saved)
    for frame, at, text in saved:
        print("%s: frame %#x + %#x: %s in a task's saved registers" % (what, frame, at, text))


def nothing_left(dump):
    """All classes left out: no mark anywhere in the file, whatever the container."""
    classes = "cache,private,user,free,freed"
    for to, options in FORMATS:
        what = "%s --exclude=%s --to=%s %s" % (dump.name, classes, to, " ".join(options))
        path = written(what, dump, classes, to, options)
        if not path:
            continue
        blob = fr.mapped(path)
        for mark, pattern in MARKS.items():
            count = len(pattern.findall(blob))
            known = 1 if mark == "user" and dump.name.startswith("x86_64") else 0
            check("%s: marks of %s in the file" % (what, mark), count <= known, count)
        if "-F" not in options:
            for mark in MARKS:
                found = left_in(dump, mark, path)
                check("%s: marks of %s are registers" % (what, mark),
                      all(registers(dump, f, at) for f, at, _ in found), found[:2])
        os.remove(path)


def one(dump):
    blob = dump.elf.m
    for mark, pattern in MARKS.items():
        count = len(pattern.findall(blob))
        check("%s: the dump has marks of %s" % (dump.name, mark), count > 100, count)
    without(dump, "user", "user", OWNERS["user"])
    without(dump, "cache,private", "cache", OWNERS["cache"])
    without(dump, "free,freed", "freed", OWNERS["freed"])
    nothing_left(dump)


if __name__ == "__main__":
    skipped = fr.for_each_dump(one, sys.argv[1:])
    sys.exit(skipped if skipped is not None else tally.finish())
