#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Manifests against the truth: what is written agrees with what is read, and flipped bits are found.

usage: manifest.py [--agree[=STEP]] [--flips[=TRIALS]] [--seed=N]
  --agree   every described dump (tests/mkdump) x every format and codec, of these pairs every
            STEP-th (default 17): the manifest of the output has the digest and the leaves that
            dumpverify and, where nothing is lost, digest.py find in it
  --flips   one random bit of one random output is flipped, TRIALS times (default: $DUMPIO_FLIPS, or
            400): with its manifest it is found every time, and located; the share that is found
            without one is printed

Without an option, both. Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files).
"""
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MKDUMP = os.path.join(HERE, "..", "mkdump")
SHIPPED = os.path.join(HERE, "..", "data", "vmcore-x86_64-6.1.kdump.zst")
BIN, SCRATCH = os.environ["DUMPIO_BIN"], os.environ["DUMPIO_SCRATCH"]
EXTENT = 4 << 20
checks = failures = 0


def run(name, *args):
    return subprocess.run([os.path.join(BIN, name), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def must(name, *args, ok=(0,)):
    done = run(name, *args)
    if done.returncode not in ok:
        raise RuntimeError("%s %s: exit %d: %s" % (name, " ".join(args), done.returncode,
                                                  done.stderr.decode(errors="replace").strip()))
    return done.stdout


def check(what, good, detail=""):
    global checks, failures
    checks += 1
    if not good:
        failures += 1
        print("FAILED: %s %s" % (what, detail), flush=True)


def targets():
    """FORMAT[:CODEC] of everything that is written."""
    for f in json.loads(must("dumpconv", "--list", "--json"))["formats"]:
        for codec in (f["codecs"] or [None]) if f["writes"] else []:
            yield f["name"] + (":" + codec if codec else "")


def from_raw(target):
    return ["--from=raw"] if target == "raw" else []


def verify(path, *args):
    """Exit code and what --json says; None when it is no JSON."""
    done = run("dumpverify", "--json", "-q", "-T1", *args, path)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, None


# ---- agreement -----------------------------------------------------------------------------------

def root_of(leaves):
    h = hashlib.sha256(b"dumpio-root-1\0")
    for leaf in leaves:
        h.update(bytes.fromhex(leaf["sha256"]))
    h.update(len(leaves).to_bytes(8, "little"))
    return h.hexdigest()


def agrees(what, target, out):
    with open(out + ".manifest.json", encoding="utf-8") as f:
        m = json.load(f)
    with open(out, "rb") as f:
        data = f.read()
    check(what + ": SHA-256", hashlib.sha256(data).hexdigest() == m["parts"][0]["sha256"])
    check(what + ": size", len(data) == m["parts"][0]["size"])
    check(what + ": root", root_of(m["image"]["leaves"]) == m["image"]["sha256"])
    code, told = verify(out, *from_raw(target))
    if not told or "image_digest" not in told:
        check(what, False, "dumpverify: exit %d" % code)
        return
    if target == "elf" and not told["lost_pages"]:
        done = subprocess.run(["/usr/bin/python3", os.path.join(MKDUMP, "digest.py"), "--elf", out],
                              stdout=subprocess.PIPE, check=True)
        check(what + ": another reader's digest",
              done.stdout.split()[0].decode() == m["image"]["sha256"])
    check(what + ": image", told["image_digest"] == m["image"]["sha256"],
          "%s, not %s" % (told["image_digest"], m["image"]["sha256"]))
    check(what + ": changed", told["changed"] == [], str(told["changed"]))
    check(what + ": file", told["manifest"]["parts"][0]["state"] == "whole")


def agreement(step):
    folder, out = os.path.join(SCRATCH, "specs"), os.path.join(SCRATCH, "out")
    subprocess.run(["/usr/bin/python3", os.path.join(MKDUMP, "make-all.py"), folder],
                   stdout=subprocess.DEVNULL, check=True)
    every, pairs, n = list(targets()), 0, 0
    for name in sorted(os.listdir(folder)):
        source = os.path.join(folder, name)
        if name.endswith((".expect", ".1", ".2", ".3", ".4")):
            continue
        with open(source + ".expect", encoding="utf-8") as f:
            own = from_raw(json.load(f)["format"])
        for target in every:
            pairs += 1
            if pairs % step:
                continue
            done = run("dumpconv", "-q", "-f", "--no-sync", "--manifest", "--to=" + target, *own,
                       source, out)
            if done.returncode in (0, 3):
                agrees("%s -> %s" % (name, target), target, out)
                n += 1
    check("outputs", n > 2000 // step, "only %d" % n)
    print("%d outputs agree with their manifests" % n, flush=True)
    shutil.rmtree(folder)


# ---- flipped bits --------------------------------------------------------------------------------

class Output:
    """A dump with its manifest. `victim`: the file that is flipped, the dump itself, one of its
    parts (`part`), or what stands beside it."""

    def __init__(self, name, path, args=(), victim=None, exact=False, part=False):
        self.name, self.path, self.args, self.exact = name, path, list(args), exact
        self.victim = victim or path
        self.own = self.victim == self.path
        self.named = os.path.basename(self.victim) if part or self.own else None
        self.size = os.path.getsize(self.victim)


def make_outputs():
    plain, small = os.path.join(SCRATCH, "in.kdump"), os.path.join(SCRATCH, "small.kdump")
    subprocess.run(["zstd", "-q", "-d", "-f", "--long=27", SHIPPED, "-o", plain], check=True)
    must("dumpfilter", "-q", "--only=0x1000000-0x1c00000", plain, small)
    key = os.path.join(SCRATCH, "key")
    must("dumpcrypt", "keygen", "-o", key)
    with open(key, encoding="ascii") as f:
        whom = [w for w in f.read().split() if w.startswith("age1")][0]
    made = []

    def make(name, *args, opens=(), exact=False):
        path = os.path.join(SCRATCH, "o%d%s" % (len(made), name[name.find("."):]
                                                if "." in name else ""))
        must("dumpconv", "-q", "--manifest", *args, small, path)
        made.append(Output(name, path, opens, exact=exact))
        return made[-1]

    for target in targets():
        make(target, "--to=" + target, opens=from_raw(target), exact=target == "raw")
    make("elf.zst", "--to=elf")
    make("elf.gz", "--to=elf")
    make("elf.xz", "--to=elf")
    make("elf.zst.age", "--to=elf", "--encrypt-to=" + whom, opens=["--identity=" + key])
    make("kdump:zstd, flattened", "--to=kdump:zstd", "-F")
    sealed = make("kdump:lzo.age", "--to=kdump:lzo", "--encrypt-to=" + whom,
                  opens=["--identity=" + key])
    for what, suffix, of in (("its manifest", ".manifest.json", made[0]),
                             ("its encrypted manifest", ".manifest.json.age", sealed)):
        made.append(Output("%s: %s" % (of.name, what), of.path, of.args, of.path + suffix))
    return made + make_parts(small, whom, ["--identity=" + key]) + make_signed(small)


def make_parts(small, whom, opens):
    """The second part of sets of every kind, and their checksums."""
    made = []
    for name, args, own in (
            ("parts by bytes", ["--parts=3"], []),
            ("parts by bytes, age", ["--size=1M", "--encrypt-to=" + whom], opens),
            ("parts by memory, kdump", ["--by=memory", "--parts=3", "--to=kdump:zlib"], []),
            ("parts by memory, elf", ["--by=memory", "--parts=3", "--to=elf"], [])):
        prefix = os.path.join(SCRATCH, "s%d-" % len(made))
        must("dumpsplit", "-q", *args, small, prefix)
        made.append(Output(name, prefix + ".manifest.json", own, prefix + "002", part=True))
    made.append(Output("their checksums", prefix + ".manifest.json", [], prefix + ".sha256"))
    return made


def make_signed(small):
    """A signature, which fits or does not."""
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed: signatures are left out")
        return []
    key, out = os.path.join(SCRATCH, "ssh"), os.path.join(SCRATCH, "signed.elf")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    must("dumpconv", "-q", "--to=elf", "--sign=" + key, small, out)
    return [Output("a signature", out, [], out + ".manifest.json.sig")]


def located(output, told, offset):
    """Is what dumpverify says of the memory true? A reason why not, or None."""
    if told is None or "image_digest" not in told:
        return None # the dump cannot be opened any more; the file was named
    with open(output.path + ".manifest.json", encoding="utf-8") as f:
        m = json.load(f)
    if "image" not in m:
        return None
    same = told["image_digest"] == m["image"]["sha256"]
    if same != (told["changed"] == []):
        return "changed: %s" % told["changed"]
    if output.exact:
        start = offset - offset % EXTENT
        if told["changed"] != [{"start": hex(start), "end": hex(start + EXTENT)}]:
            return "changed: %s" % told["changed"]
    return None


def trial(output, rng):
    """(found with the manifest, found without, complaint)"""
    at, bit = rng.randrange(output.size), 1 << rng.randrange(8)
    with open(output.victim, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ bit]))
        f.flush()
        code, told = verify(output.path, *output.args)
        without = None
        if output.own:
            without = verify(output.path, "--no-manifest", *output.args)[0] != 0
        f.seek(at)
        f.write(bytes([byte]))
    why = None
    if code not in (0, 1):
        why = "exit %d" % code
    elif code and output.named:
        parts = ((told or {}).get("manifest") or {}).get("parts") or []
        why = located(output, told, at) if output.own else None
        if [p["name"] for p in parts if p["state"] == "damaged"] != [output.named]:
            why = "the file is not named"
    return code != 0, without, why and "%s: byte %d, bit %#x: %s" % (output.name, at, bit, why)


def worker(job):
    output, seed, count = job
    rng = random.Random(seed)
    return output.name, [trial(output, rng) for _ in range(count)]


def flips(trials, seed):
    outputs = make_outputs()
    for o in outputs:
        code, _ = verify(o.path, *o.args)
        check(o.name + ", unchanged", code == 0, "exit %d" % code)
    order = random.Random(seed)
    counts = [0] * len(outputs)
    for _ in range(trials):
        counts[order.randrange(len(outputs))] += 1
    # one process has a dump and its manifests, for they are changed in place
    jobs = {}
    for i, (o, n) in enumerate(zip(outputs, counts)):
        jobs.setdefault(o.path, []).append((o, "%d %d" % (seed, i), n))
    with multiprocessing.Pool(os.cpu_count()) as pool:
        results = dict(r for group in pool.map(group_worker, jobs.values(), chunksize=1)
                       for r in group)
    report(results, trials)


def group_worker(group):
    return [worker(job) for job in group]


def report(results, trials):
    found = dumps = blind = 0
    print("%-28s %8s %14s %18s" % ("output", "trials", "with manifest", "without manifest"))
    for name, list_ in results.items():
        alone = [t[1] for t in list_ if t[1] is not None]
        good = sum(t[0] for t in list_)
        found += good
        dumps += len(alone)
        blind += sum(alone)
        share = "%6.1f%%" % (100 * sum(alone) / len(alone)) if alone else "-"
        print("%-28s %8d %14d %18s" % (name, len(list_), good, share))
        for why in [t[2] for t in list_ if t[2]][:5]:
            check("trial", False, why)
    print("%d trials: %d found with a manifest; without one %d of %d (%.1f%%)"
          % (trials, found, blind, dumps, 100 * blind / max(dumps, 1)), flush=True)
    check("found with a manifest", found == trials, "%d of %d" % (found, trials))


def main(args):
    trials, seed, step, wanted = int(os.environ.get("DUMPIO_FLIPS", "400")), 1, 17, set()
    for a in args:
        if a.startswith("--flips="):
            trials = int(a[8:])
        elif a.startswith("--agree="):
            step = int(a[8:])
        elif a.startswith("--seed="):
            seed = int(a[7:])
            continue
        elif a not in ("--agree", "--flips"):
            print(__doc__.split("\n\n")[1], file=sys.stderr)
            return 2
        wanted.add(a.split("=")[0])
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    if not wanted or "--agree" in wanted:
        agreement(step)
    if not wanted or "--flips" in wanted:
        flips(trials, seed)
    shutil.rmtree(SCRATCH)
    print("%d checks, %d failures" % (checks, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
