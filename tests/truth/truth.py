#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real dumps against what was noted of the machines while they ran.

For every NAME in $DUMPIO_TEST_DUMPS: `dumpinfo --json` agrees with truth/ (uname, vmcoreinfo,
present frames), with the ELF headers, and `dumpinfo --dmesg` holds every line of the log that was
saved, the KMSG-CANARY lines among them.
Environment: DUMPIO_BIN, DUMPIO_SCRATCH, DUMPIO_TEST_DUMPS, DUMPIO_TEST_UNPACKED (optional: a folder
with NAME.elf).
"""
import gzip
import json
import os
import re
import subprocess
import sys

BIN = os.environ["DUMPIO_BIN"]
SCRATCH = os.environ["DUMPIO_SCRATCH"]
ARCH = {"x86_64": ("x86_64", "little", 8), "arm64": ("aarch64", "little", 8),
        "i386": ("i386", "little", 4), "ppc64le": ("ppc64", "little", 8),
        "s390x": ("s390x", "big", 8)}
checks = failures = 0


def check(what, good, detail=""):
    global checks, failures
    checks += 1
    if not good:
        failures += 1
        print("FAILED: %s %s" % (what, detail))


def dumpinfo(path, *options):
    done = subprocess.run([os.path.join(BIN, "dumpinfo"), "-q", *options, path],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise RuntimeError("dumpinfo %s: exit %d: %s" % (path, done.returncode,
                                                         done.stderr.decode()))
    return done.stdout.decode(errors="surrogateescape")


def saved(truth, *names):
    for name in names:
        path = os.path.join(truth, name)
        if os.path.exists(path):
            if name.endswith(".zst"):
                return subprocess.run(["zstd", "-q", "-dc", path], check=True,
                                      stdout=subprocess.PIPE).stdout
            with open(path, "rb") as f:
                return f.read()
    return None


def bare(line):
    """A log line without what its printer added: caller id, indent of continued records."""
    line = re.sub(r"^\[ *(\d+\.\d+)\] ?(\[ *[TC]\d+\] )?", r"[\1] ", line)
    line = re.sub(r"^\[ *(\d+\.\d+)\]\[ *[TC]\d+\] ", r"[\1] ", line)
    return re.sub(r"^\[\d+\.\d+\] ", "", line).strip()


def check_log(name, path, truth):
    ours = dumpinfo(path, "--dmesg")
    text = saved(truth, "dmesg.zst", "dmesg.txt.zst").decode(errors="surrogateescape")
    have = {bare(l) for l in ours.split("\n")}
    wanted = [bare(l) for l in text.split("\n") if l.strip()]
    missing = [l for l in wanted if l not in have]
    check(name + ": log lines", not missing and len(wanted) > 100,
          "%d of %d missing, first %r" % (len(missing), len(wanted), missing[:1]))
    canaries = [l for l in wanted if "KMSG-CANARY" in l]
    check(name + ": KMSG-CANARY", canaries and all(c in have for c in canaries))


def check_frames(name, path, info, truth):
    """Present frames: x86_64 has a bitmap of them; else the machine's size says it."""
    bitmap = os.path.join(truth, "vmcore.elf.present.gz")
    if not os.path.exists(bitmap):
        return
    with gzip.open(bitmap) as f:
        bits = f.read()
    want = sum(bin(b).count("1") for b in bits)
    check(name + ": frames present", info["pages"]["present"] == want,
          "%d, not %d" % (info["pages"]["present"], want))
    for r in info["ranges"]:
        first = int(r["start"], 16) // 4096
        last = (int(r["end"], 16) + 4095) // 4096 - 1
        check("%s: range %s" % (name, r["start"]),
              all(bits[n // 8] >> n % 8 & 1 for n in (first, last) if n // 8 < len(bits)))


def keys(text):
    return dict(l.split("=", 1) for l in text.split("\n") if "=" in l)


def check_dump(name, path, truth):
    info = json.loads(dumpinfo(path, "--json", "--ranges", "--notes"))
    arch, order, word = ARCH[name.split("-")[0]]
    for key, want in (("format", "elf"), ("arch", arch), ("order", order), ("word", word),
                      ("truncated", False), ("incomplete", False), ("kernel_readable", True)):
        check("%s: %s" % (name, key), info[key] == want, "%r, not %r" % (info[key], want))
    uname = saved(truth, "uname")
    if uname:
        fields = uname.decode().split()
        check(name + ": release", info["release"] == fields[2])
        check(name + ": sysname", info["uts"]["sysname"] == fields[0])
        check(name + ": node", info["uts"]["nodename"] == fields[1])
        check(name + ": machine", info["uts"]["machine"] == fields[-2])
        check(name + ": version", info["uts"]["version"] in uname.decode())
    text = saved(truth, "vmcoreinfo")
    if text:
        want, got = keys(text.decode()), keys(dumpinfo(path, "--vmcoreinfo"))
        want.pop("CRASHTIME", None), got.pop("CRASHTIME", None)
        check(name + ": VMCOREINFO", want == got)
        check(name + ": page size", info["page_size"] == int(want["PAGESIZE"]))
        check(name + ": build id", info["build_id"] == want.get("BUILD-ID"))
    crashed = "kexec" in name
    check(name + ": crash time", (info["crash_time"] is not None) == crashed)
    check(name + ": panic", (info["panic"] or "").endswith("sysrq triggered crash") == crashed)
    check(name + ": every cpu has registers",
          info["cpus"] == len(info["registers"]) and all(r["bytes"] for r in info["registers"]))
    check_frames(name, path, info, truth)
    check_log(name, path, truth)


def main():
    root = os.environ.get("DUMPIO_TEST_DUMPS")
    if not root:
        print("skipped: DUMPIO_TEST_DUMPS is not set")
        return 77
    os.makedirs(SCRATCH, exist_ok=True)
    for name in sorted(os.listdir(root)):
        packed = os.path.join(root, name, "vmcore.elf.zst")
        if not os.path.exists(packed):
            continue
        path = os.path.join(os.environ.get("DUMPIO_TEST_UNPACKED", SCRATCH), name + ".elf")
        own = not os.path.exists(path)
        if own:
            subprocess.run(["zstd", "-q", "-d", "--long=29", packed, "-o", path], check=True)
        check_dump(name, path, os.path.join(root, name, "truth"))
        if own:
            os.remove(path)
    print("%d checks, %d failures" % (checks, failures))
    return 1 if failures or not checks else 0


sys.exit(main())
