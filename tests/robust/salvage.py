#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dumpconv --salvage of damaged dumps: what is lost has to be damaged, what is given to be true.

usage: salvage.py [--full] [--cuts=N] [--heads=N] [--blocks=N] [--keep] [NAME...]
  --full    every dump of DUMPIO_TEST_DUMPS, as ELF and in other formats and containers too; else
            the small dump of tests/data in all of them
  --cuts    each dump is cut at so many places (default 10)
  --heads   so many blocks at the start are hit one at a time (default 8)
  --blocks  and hit by so many blocks of noise, 4 KiB each, all at once (default 100, small: 12)
  NAME      only these (shell patterns of DUMP/FORM)

Every dump is read by code of this file (where its pages are stored, and how), never by dumpio: a
page is intact when no byte of its payload, descriptor or record is damaged. Asked for: no crash; no
page with other contents than the truth, unless its own payload is damaged and stored plain; every
intact page is there, but for those that the form's structure cannot place (the share is printed);
exit status 3 when a page is lost.
Environment: DUMPIO_BIN, DUMPIO_SCRATCH; DUMPIO_TEST_DUMPS, DUMPIO_TEST_UNPACKED for --full.
"""
import fnmatch
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import places                       # noqa: E402
from places import PACKED, PLAIN    # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ["DUMPIO_BIN"]
SCRATCH = os.environ["DUMPIO_SCRATCH"]
NOISE = 4096
HEADS = 8
LIMIT = 600                     # seconds for one conversion: more is a hang


def run(*args, ok=(0,)):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
    if done.returncode not in ok:
        sys.exit("%s: exit %d\n%s" % (" ".join(args), done.returncode,
                                      done.stdout.decode(errors="replace")))
    return done


# ---- damage and verdict --------------------------------------------------------------------------

class Form:
    """A dump in one format and container."""

    def __init__(self, name, path, truth, unit, pages=None, more=()):
        self.name, self.path, self.truth, self.unit = name, path, truth, unit
        self.pages, self.more = pages, list(more)
        self.size = os.path.getsize(path)


def broken_by(damage, ranges):
    return any(a < end and start < b for a, b in ranges for start, end in damage)


def index_damage(damage):
    """4 KiB cells of the file that are damaged."""
    return {c for a, b in damage for c in range(a // NOISE, (b + NOISE - 1) // NOISE)}


def check(form, path, damage, label):
    """Salvage PATH, of which DAMAGE is [(start, end)]; what is wrong with the result."""
    out, report = SCRATCH + "/out.raw", SCRATCH + "/report.json"
    for old in (out, report):
        if os.path.exists(old):
            os.unlink(old)
    started = time.monotonic()
    try:
        done = run(BIN + "/dumpconv", "--to=raw", "--salvage-report=" + report, "--no-sync", "-q",
                   *form.more, path, out, ok=(0, 1, 3))
    except subprocess.TimeoutExpired:
        return ["%s: no end after %d s" % (label, LIMIT)], 0, 0
    took = time.monotonic() - started
    text = done.stdout.decode(errors="replace")
    if "Sanitizer" in text or "runtime error" in text or not text and done.returncode == 1:
        return ["%s: %s" % (label, text[-600:])], 0, 0
    if done.returncode == 1:
        intact = [p for p in form.pages or every_page(form) if not broken_by(damage, p[1])]
        print("%-44s not opened: %s" % (label, text.strip().splitlines()[-1][-110:]))
        return [], 0, len(intact)
    with open(report, encoding="utf-8") as f:
        told = json.load(f)
    lost = [(int(r["start"], 16), int(r["end"], 16)) for r in told["lost"]]
    lost_pages = set()
    for a, b in lost:
        lost_pages.update(range(a // form.unit * form.unit, b, form.unit))
    problems, good, missing, wrong, changed, absent = [], 0, 0, 0, 0, 0
    cells = index_damage(damage)
    with open(out, "rb") as got, open(form.truth, "rb") as truth:
        for address, ranges, kind in form.pages or every_page(form):
            hit = any(c in cells for a, b in ranges
                      for c in range(a // NOISE, (b - 1) // NOISE + 1)) and \
                broken_by(damage, ranges)
            if address in lost_pages:
                missing += not hit
                continue
            got.seek(address)
            truth.seek(address)
            a, b = got.read(form.unit), truth.read(form.unit)
            if a == b:
                good += 1
            elif not hit and not any(a):
                missing += 1            # a hole, where the dump ends or its records are destroyed
            elif hit and not any(a):
                absent += 1             # its address is lost with its record
            elif hit and kind == PLAIN:
                changed += 1            # nothing could have shown it
            else:
                wrong += 1
                if wrong < 4:
                    problems.append("%s: page 0x%x is not what it was" % (label, address))
        wrong += invented(form, got, label, problems)
    if wrong:
        problems.append("%s: %d pages are wrong" % (label, wrong))
    gone = bool(lost_pages) or missing or absent
    if done.returncode == 0 and gone:
        problems.append("%s: exit 0, and pages are lost" % label)
    if told["lost_pages"] and done.returncode != 3:
        problems.append("%s: exit %d with %d lost pages" % (label, done.returncode,
                                                            told["lost_pages"]))
    intact = good + missing
    print("%-44s exit %d  %d of %d intact pages, %d lost, %d left out, %d changed unseen  (%.1f s)"
          % (label, done.returncode, good, intact, len(lost_pages), absent, changed, took))
    for line in text.splitlines() if problems else []:
        print("    " + line)
    os.unlink(out)
    return problems, good, intact


def invented(form, got, label, problems):
    """Pages of the output that are not zero, where the dump holds none."""
    known = {p[0] for p in form.pages or every_page(form)}
    size, at, n = os.fstat(got.fileno()).st_size, 0, 0
    while at < size:
        try:
            at = os.lseek(got.fileno(), at, os.SEEK_DATA)
        except OSError:
            break
        at -= at % form.unit
        got.seek(at)
        if at not in known and any(got.read(form.unit)):
            n += 1
            if n < 4:
                problems.append("%s: page 0x%x is made up" % (label, at))
        at += form.unit
    return n


def every_page(form):
    """Of a form whose places are not known: all pages of the truth that are not zero."""
    size = os.path.getsize(form.truth)
    with open(form.truth, "rb") as f:
        at = 0
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            at -= at % form.unit
            yield at, [], PACKED
            at += form.unit


def copy_of(form):
    path = SCRATCH + "/damaged" + form.path[form.path.index(".", len(SCRATCH)):] \
        if form.path.startswith(SCRATCH) else SCRATCH + "/damaged"
    shutil.copyfile(form.path, path)
    os.chmod(path, 0o644)
    return path


def trials(form, cuts, blocks, heads, seed):
    """(problems, intact pages given, intact pages)"""
    dice = random.Random(seed)
    total = [[], 0, 0]

    def tried(path, damage, label):
        for i, value in enumerate(check(form, path, damage, "%s, %s" % (form.name, label))):
            total[i] += value

    def hit(path, blocks):
        with open(path, "r+b") as f:
            for at, end in blocks:
                f.seek(at)
                f.write(dice.randbytes(min(end, form.size) - at))
    path = copy_of(form)
    used = [(at, at + NOISE) for at in (dice.randrange(form.size // NOISE) * NOISE
                                        for _ in range(blocks))]
    hit(path, used)
    tried(path, used, "%d blocks of noise" % blocks)
    for block in range(heads):
        path = copy_of(form)
        used = [(block * NOISE, block * NOISE + NOISE)]
        hit(path, used)
        tried(path, used, "noise at 0x%x" % used[0][0])
    path = copy_of(form)
    for at in sorted((dice.randrange(form.size) for _ in range(cuts)), reverse=True):
        os.truncate(path, at)
        tried(path, [(at, form.size)], "cut at %d%%" % (100 * at // form.size))
    os.unlink(path)
    return total


# ---- the dumps -----------------------------------------------------------------------------------

def make(source, name, form, unit, truth):
    """SOURCE in FORM: FORMAT[:CODEC][,flat][,zst|xz|gz|age]"""
    target, *around = form.split(",")
    path = "%s/%s.%s" % (SCRATCH, name, target.replace(":", "-"))
    args = ["--to=" + target, "--no-sync", "-q"]
    more = []
    if "flat" in around:
        args.append("-F")
        path += ".flat"
    for layer in around:
        if layer in ("zst", "xz", "gz"):
            path += "." + layer
        elif layer == "age":
            key = SCRATCH + "/key"
            if not os.path.exists(key):
                run(BIN + "/dumpcrypt", "keygen", "-o", key)
            with open(key, encoding="utf-8") as f:
                public = next(w for line in f for w in line.split() if w.startswith("age1"))
            args.append("--encrypt-to=" + public)
            more = ["--identity=" + key]
            path += ".age"
    run(BIN + "/dumpconv", *args, source, path)
    pages = None
    if not set(around) & {"zst", "xz", "gz", "age"}:
        reader = places.READ[target.split(":")[0]]
        plain = path
        if "flat" in around:
            plain = path + ".plain"
            run(BIN + "/dumpconv", *[a for a in args if a != "-F"], source, plain)
        with open(plain, "rb") as f:
            pages = reader(f, unit)
        if plain != path:
            os.unlink(plain)
            with open(path, "rb") as f:
                pages = places.through_flat(f, pages)
    return Form("%s/%s" % (name, form), path, truth, unit, pages, more)


# Of the small dump, intact pages that have to be given at the least, percent, of HEADS. Noise in the first
# block costs an ELF dump everything; noise in a KDUMP's second bitmap the frames whose bits it hit
# or may reach. In containers every page counts as intact, what is behind a cut, too, and noise in any
# of the first blocks costs the whole first frame or chunks, with headers and bitmaps.
FLOOR = {"elf": 91, "kdump:zlib": 90, "kdump:zlib,flat": 94, "diskdump:zlib": 92, "lkcd:gzip": 100,
         "lkcd:raw": 100, "kdump:zlib,zst": 19, "kdump:zlib,flat,age": 20}
FORMS = ["elf", "kdump:zlib", "kdump:none", "kdump:lzo", "kdump:zlib,flat", "diskdump:zlib",
         "lkcd:gzip", "lkcd:raw", "kdump:zlib,zst", "elf,zst", "elf,xz", "kdump:zlib,age",
         "kdump:zlib,flat,age"]
FEW = ["kdump:zlib", "kdump:zlib,flat", "lkcd:gzip", "kdump:zlib,zst", "kdump:zlib,flat,age"]
MANY = ("x86_64-6.1-kexec",)


def sources(full):
    """[(name, path, page size)]"""
    if not full:
        return [("small", os.path.join(HERE, "..", "data", "vmcore-x86_64-6.1.kdump.zst"), 4096)]
    found = sorted(os.path.basename(os.path.dirname(p)) for p in
                   glob.glob(os.environ["DUMPIO_TEST_DUMPS"] + "/*/vmcore.elf.zst"))
    units = {"arm64-16k-6.12-qemu": 16384, "ppc64le-64k-6.1-kexec": 65536}
    return [(n, "%s/%s.elf" % (os.environ["DUMPIO_TEST_UNPACKED"], n), units.get(n, 4096))
            for n in found]


def option(args, name, default):
    return int(next((a[len(name) + 3:] for a in args if a.startswith("--%s=" % name)), default))


def main(args):
    full = "--full" in args
    if full and not os.environ.get("DUMPIO_TEST_DUMPS"):
        print("skip  salvage.py --full: DUMPIO_TEST_DUMPS is not set")
        return 77
    cuts, blocks = option(args, "cuts", 10), option(args, "blocks", 100 if full else 12)
    heads = option(args, "heads", HEADS)
    patterns = [a for a in args if not a.startswith("--")] or ["*"]
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    problems, share = [], {}
    for name, source, unit in sources(full):
        known = FLOOR if name == "small" else FORMS if name in MANY else ["elf"] + FEW
        wanted = [f for f in known
                  if any(fnmatch.fnmatch("%s/%s" % (name, f), p) for p in patterns)]
        little = not name.startswith(("s390x", "i386")) # and 64-bit
        truth = SCRATCH + "/truth.raw"
        if wanted:
            run(BIN + "/dumpconv", "--to=raw", "--no-sync", "-q", "-f", source, truth)
        for form in wanted:
            if not little and form.split(",")[0] in ("lkcd:gzip", "kdump:zlib") and \
                    not set(form.split(",")) & {"zst", "age"}:
                continue                # this file's readers are for 64 bits, little-endian
            if form == "elf" and full:
                with open(source, "rb") as f:
                    made = Form(name + "/elf", source, truth, unit, places.elf_pages(f, unit))
            else:
                made = make(source, name, form, unit, truth)
            found, good, intact = trials(made, cuts, blocks, heads, made.name)
            problems += found
            share[made.name] = (good, intact)
            if not full and heads == HEADS and 100 * good < FLOOR[form] * intact:
                problems.append("%s: %d of %d intact pages were given, less than %d%%"
                                % (made.name, good, intact, FLOOR[form]))
            if made.path.startswith(SCRATCH):
                os.unlink(made.path)
    print("\nintact pages that were given:")
    for name, (good, intact) in share.items():
        print("  %-44s %d of %d (%.3f%%)" % (name, good, intact, 100 * good / max(intact, 1)))
    for line in problems:
        print("FAILED: " + line)
    if "--keep" not in args:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    print("%d dumps, %d problems" % (len(share), len(problems)))
    return 1 if problems or not share else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
