#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do the tools of another host write the same bytes as this machine's?

usage: bytes.py THIS      THIS: folder of this machine's tools
Every format, codec and level and every container for a part of the shipped dump's memory, to files
and to pipes; a filter and both kinds of split for all of it. Not compared: what the documentation says differs between hosts (EXCEPT).

Environment: DUMPIO_BIN (the other host's tools), DUMPIO_SCRATCH (a folder for files).
"""
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BIN, SCRATCH = os.environ["DUMPIO_BIN"], os.environ["DUMPIO_SCRATCH"]
SHIPPED = os.path.join(HERE, "..", "data", "vmcore-x86_64-6.1.kdump.zst")
PART = 4 << 20          # bytes of memory
EXCEPT = {("zlib", 0)}   # (codec, level): ISA-L's where it is built in
checks = failures = 0


def tool(folder, name, *args, stdout=subprocess.PIPE):
    done = subprocess.run([os.path.join(folder, name), *args], stdout=stdout,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RuntimeError("%s %s: exit %d: %s" % (name, " ".join(args), done.returncode,
                                                   done.stderr.decode(errors="replace")))
    return done.stdout


def hashes(folder):
    """{file name: hash of its contents}; the folder is empty then."""
    out = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            out[name] = hashlib.file_digest(f, "sha256").hexdigest()
        os.remove(os.path.join(folder, name))
    return out


def same(what, this, other, name, *args, pipe=False):
    """NAME ARGS into an empty folder, by the tools of both. `args` have OUT for the output."""
    global checks, failures
    results = []
    for tools in (this, other):
        folder = os.path.join(SCRATCH, "out")
        os.makedirs(folder, exist_ok=True)
        out = os.path.join(folder, "out")
        line = ["-" if a == "OUT" and pipe else a.replace("OUT", out) for a in args]
        if pipe:
            with open(out, "wb") as f:
                tool(tools, name, *line, stdout=f)
        else:
            tool(tools, name, *line)
        results.append(hashes(folder))
    checks += 1
    if results[0] != results[1]:
        failures += 1
        print("FAILED: %s: other bytes" % what, flush=True)


def levels(codec):
    return {"zlib": range(10), "zstd": (-7, 1, 2, 3, 5, 9, 12, 19), "gzip": (1, 6)}.get(codec, (None,))


def conversions(this, source):
    for fmt in json.loads(tool(BIN, "dumpconv", "--list", "--json"))["formats"]:
        for codec in (fmt["codecs"] or [None]) if fmt["writes"] else []:
            if codec in fmt["missing_codecs"]:
                continue
            to = "--to=" + fmt["name"] + (":" + codec if codec else "")
            for level in levels(codec):
                if (codec, level) in EXCEPT:
                    continue
                with_level = ["--level=%d" % level] if level is not None else []
                what = " ".join([to, *with_level])
                same(what, this, BIN, "dumpconv", "-q", to, *with_level, source, "OUT")
            same(to + " to a pipe", this, BIN, "dumpconv", "-q", to, source, "OUT", pipe=True)


def main(this):
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    shipped, parts = (os.path.join(SCRATCH, n) for n in ("shipped", "parts"))
    tool(this, "dumpconv", "-q", "--to=kdump", SHIPPED, shipped)
    os.mkdir(parts)
    tool(this, "dumpsplit", "-q", "--by=memory", "--size=%d" % PART, "--to=elf", shipped,
         parts + "/")
    source = max(sorted(glob.glob(parts + "/[0-9]*")), key=os.path.getsize)
    conversions(this, source)
    for wrap in ("zst", "gz", "xz"):
        same(wrap, this, BIN, "dumpconv", "-q", "--to=elf", "--wrap=" + wrap, source, "OUT")
    same("--best", this, BIN, "dumpconv", "-q", "--to=elf", "--best", source, "OUT")
    same("filter", this, BIN, "dumpfilter", "-q", "-d", "31", shipped, "OUT")
    same("split by memory", this, BIN, "dumpsplit", "-q", "--by=memory", "--size=16M", shipped, "OUT")
    same("split by bytes", this, BIN, "dumpsplit", "-q", "--size=16M", shipped, "OUT")
    shutil.rmtree(SCRATCH, ignore_errors=True)
    print("%d checks, %d failures" % (checks, failures))
    return 1 if failures or not checks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
