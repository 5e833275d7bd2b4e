#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compare dumps that make-all.py wrote with what libkdumpfile and makedumpfile make of them.

Format reference: none; the other programs are the reference here. Flattened files go through
makedumpfile -R first, split sets through makedumpfile --reassemble.
Not handled: registers, tasks and panic strings (libkdumpfile 0.5 does not tell them).

usage: check-peers.py DIR [NAME...]       exit 1 when a dump differs without a known reason
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import kdumpfile

# Differences that are the other program's own (libkdumpfile 0.5.1, makedumpfile 1.7.2), by name.
KNOWN = [
    (r"(kdump-versions|diskdump-\w+|kdump-garbage)-0", "libkdumpfile maps no page of version 0"),
    (r"(diskdump-odd|kdump-bitmaps)-single", "libkdumpfile halves a single bitmap block"),
    (r"kdump-(versions-[36]-(arm|ppc)|erase-6-mips|incomplete-arm)",
     "libkdumpfile 0.5.1 knows only the packed 32-bit sub header"),
    (r"kdump-arm-base", "libkdumpfile counts frames from 0"),
    (r"elf-qemu-qemu-new-s390x", "libkdumpfile believes the swapped string table size"),
    (r"(elf|kdump|lkcd)-truncated", "libkdumpfile reads behind the end of the file"),
    (r"kdump-damage-(flags-two|size-large)", "libkdumpfile does not check the descriptor"),
    (r"lkcd-mclx", "libkdumpfile takes page numbers for addresses"),
    (r"lkcd-virtual", "libkdumpfile takes virtual for physical addresses"),
    (r"lkcd-counts-\d-live", "libkdumpfile does not know the live magic"),
    (r"lkcd-duplicate", "libkdumpfile gives up at a duplicate"),
    (r"flat-\w+-badend", "makedumpfile -R wants a right end marker"),
    (r"kdump-split-odd-at-d", "makedumpfile takes what lies first for the zero page"),
]


def known(name, want):
    if want.get("codec") == "rle" and not name.startswith("lkcd-rle-other"):
        return "libkdumpfile repeats c times, the kernel wrote c - 1"
    return next((why for pattern, why in KNOWN if re.match(pattern, name)), None)


def read(dump, addr, size):
    try:
        return bytes(dump.read(kdumpfile.KDUMP_MACHPHYSADDR, addr, size))
    except Exception as err:             # each status of the library has a class of its own
        return "%s: %s" % (type(err).__name__, err)


def attr(dump, name):
    """An attribute as text or number, or None; raw attributes come as blobs or bytes."""
    try:
        value = dump.attr[name]
    except Exception:
        return None
    if isinstance(value, (str, int)):
        return value
    return bytes(memoryview(value)).decode(errors="replace")


def compare(path, want):
    """The list of differences."""
    bad, size = [], want["page_size"]
    try:
        dump = kdumpfile.kdumpfile(path)
        dump.attr["arch.page_size"]
    except Exception as err:
        return ["open: %s: %s" % (type(err).__name__, err)] if want["open"] == "ok" else []
    if want["open"] == "fail":
        return ["opened, should not"]
    for addr, digest in want["pages"].items():
        got = read(dump, int(addr, 16), size)
        if isinstance(got, str):
            bad.append("%s unreadable (%s)" % (addr, got))
        elif hashlib.sha256(got).hexdigest() != digest:
            bad.append("%s differs" % addr)
    for kind in ("excluded", "lost", "elsewhere"):
        for start, end in want[kind]:
            for addr in range(start, min(end, start + 8 * size), size):
                if not isinstance(read(dump, addr, size), str):
                    bad.append("%#x is %s but was read" % (addr, kind))
    facts = {"arch.page_size": size, "linux.uts.release": (want["utsname"] or {}).get("release"),
             "linux.vmcoreinfo.raw": want["vmcoreinfo"]}
    for name, value in facts.items():
        got = attr(dump, name)
        if value and got is not None and got != value:
            bad.append("%s is %r, not %r" % (name, got, value))
    return bad


def compare_apart(path, want):
    """compare() in a process of its own: damaged dumps can kill the library."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as out:
            json.dump(compare(path, want), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as f:
        text = f.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(text) if status == 0 else ["the library died, status %d" % status]


def run(command, stdin):
    """True when COMMAND fails or does not end: damaged input can make it loop."""
    try:
        return subprocess.run(command, stdin=stdin, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=10).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def plain(folder, want, scratch):
    """(path of a plain file with the dump, what went wrong)"""
    paths = [os.path.join(folder, f["name"]) for f in want["files"]]
    for i, path in enumerate(paths if want["container"] else []):
        out = os.path.join(scratch, "plain%d" % i)
        with open(path, "rb") as f:
            failed = run(["makedumpfile", "-R", out], f)
        if failed:
            return None, "makedumpfile -R fails"
        paths[i] = out
    if len(paths) == 1:
        return paths[0], None
    out = os.path.join(scratch, "whole")
    failed = run(["makedumpfile", "--reassemble", *paths, out], subprocess.DEVNULL)
    return (None, "makedumpfile --reassemble fails") if failed else (out, None)


def check(folder, name, want):
    """The list of differences, or None when no other program reads this."""
    if want["format"] == "raw":
        return None
    simple = not want["container"] and len(want["files"]) == 1
    whole = want["open"] == "ok" and want["complete"]
    if not simple and not (whole and shutil.which("makedumpfile")):
        return None
    if len(want["files"]) > 1 and (want["word_size"], want["byte_order"]) != (64, "little"):
        return None                                      # makedumpfile reads its own layout
    with tempfile.TemporaryDirectory() as scratch:
        path, trouble = plain(folder, want, scratch)
        if trouble:
            return [trouble] if want["open"] == "ok" else []
        return compare_apart(path, want)


def main(args):
    if not args:
        print(__doc__.split("\n\n")[-1].strip(), file=sys.stderr)
        return 2
    same = different = excused = skipped = 0
    for name in sorted(os.listdir(args[0])):
        if not name.endswith(".expect") or (args[1:] and name[:-7] not in args[1:]):
            continue
        with open(os.path.join(args[0], name), encoding="utf-8") as f:
            want = json.load(f)
        name = name[:-7]
        bad = check(args[0], name, want)
        why = known(name, want) if bad else None
        same, excused, different, skipped = (same + (bad == []), excused + bool(why), different +
                                             bool(bad and not why), skipped + (bad is None))
        if bad:
            print("%s: %s%s%s" % (name, bad[0], ", %d more" % (len(bad) - 1) if bad[1:] else "",
                                  "  (known: %s)" % why if why else ""))
    print("%d the same, %d known differences, %d differ, %d that no other program here reads"
          % (same, excused, different, skipped))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
