#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged dumps: cut at every byte, every byte of the headers changed, every length at its extremes.

usage: truncate.py --driver=PROGRAM | --faults=PROGRAM [--sample] [--every=N] [NAME...]
  --driver  the program made of driver.c, which does the damage and the reading
  --faults  the program made of faults.c: whole dumps, but reads, writes and allocations that fail
  --every   of bytes and words only every N-th change, another part of them for every dump
            (default 8); 1 takes half an hour
  --sample  for slow builds: every 40th cut, every 500th change; of faults, every third dump
  NAME      only these dumps (shell patterns)

The dumps are those of specs/, written by mkdump: a page or two of every format and version.
Asked of each variant: an error that says something, or a dump with the loss told; no crash, no
hang, no more memory than the limit. What a changed byte ought to mean is not asked.
Environment: DUMPIO_SCRATCH (a folder for files).
"""
import concurrent.futures
import fnmatch
import glob
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCRATCH = os.environ["DUMPIO_SCRATCH"]
sys.dont_write_bytecode = True      # the source tree may be read-only
sys.path.insert(0, os.path.join(HERE, "..", "mkdump"))
import common                       # noqa: E402
import mkdump                       # noqa: E402

EVERY, SAMPLE, SAMPLE_CUTS = 8, 500, 40
JOBS = 2


def option(args, name, default=None):
    return next((a[len(name) + 3:] for a in args if a.startswith("--%s=" % name)), default)


def make(patterns):
    """[(name, paths, format)] of the dumps of specs/."""
    out = []
    for path in sorted(glob.glob(os.path.join(HERE, "specs", "*.spec"))):
        for spec in common.load(path):
            if not any(fnmatch.fnmatch(spec.name, p) for p in patterns):
                continue
            base = os.path.join(SCRATCH, spec.name)
            out.append((spec.name, mkdump.save(spec, [base]), spec.get("format")))
            with open(base + ".expect", encoding="utf-8") as f:
                if json.load(f)["open"] != "ok":
                    raise common.SpecError("%s: is damaged already" % spec.name)
    return out


def damage(command, more, dump):
    """What the driver printed, and whether it was content."""
    name, paths, fmt = dump
    if fmt == "raw":
        more = more + ["--from=raw"]
    started = time.monotonic()
    done = subprocess.run(command + more + paths, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace").strip()
    if done.returncode not in (0, 1) or "variants" not in text:
        text += "\nFAILED: %s: the driver ended with %d" % (name, done.returncode)
    print("%s (%.1f s)" % (text.replace(SCRATCH + "/", ""), time.monotonic() - started), flush=True)
    return done.returncode == 0 and "FAILED" not in text


def main(args):
    driver, faults = option(args, "driver"), option(args, "faults")
    if not driver and not faults:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    sample = "--sample" in args
    every = int(option(args, "every", SAMPLE if sample else EVERY))
    command = [driver or faults, "--out=" + SCRATCH]
    if driver:
        command += ["--every=%d" % every, "--cuts=%d" % (SAMPLE_CUTS if sample else 1)]
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    dumps = make([a for a in args if not a.startswith("--")] or ["*"])
    if faults and sample:
        dumps = dumps[::3]
    started = time.monotonic()

    def shift(dump):
        return ["--shift=%d" % dumps.index(dump)] if driver else []

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        good = list(pool.map(lambda d: damage(command, shift(d), d), dumps))
    shutil.rmtree(SCRATCH, ignore_errors=True)
    print("%d dumps, %d not well read when damaged, %.0f s"
          % (len(dumps), good.count(False), time.monotonic() - started))
    return 1 if not good or not all(good) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
