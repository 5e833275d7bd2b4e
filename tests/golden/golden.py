#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every dump that tests/mkdump can write: is all of it read, and does it survive conversion?

usage: golden.py --model=PROGRAM [--sample] [--huge] [--keep] [NAME...]
  --model    the program made of model.c
  --sample   every other of: one dump of every kind of spec and variant, not every architecture and
             codec of it
  --huge     only the dumps above 1 GiB (sparse files)
  --keep     leave the files where they are
  NAME       only these dumps (shell patterns)

Environment: DUMPIO_BIN (the tools), DUMPIO_SCRATCH (a folder for files). What a reader must
find is in the .expect files of mkdump, which shares no code with the library.
"""
import fnmatch
import glob
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True      # the source tree may be read-only
sys.path.insert(0, os.path.join(HERE, "..", "mkdump"))
import arch as mkdump_arch          # noqa: E402

BIN = os.environ["DUMPIO_BIN"]
SCRATCH = os.environ["DUMPIO_SCRATCH"]
MODEL = next((a[8:] for a in sys.argv if a.startswith("--model=")), None)
EXPECTED = {"kdump", "elf", "lkcd", "lkcd8", "diskdump", "netdump"}
TARGETS = []        # what dumpconv --list says, found once
MISSING = set()     # codecs that are not built in, likewise
PRESENT, EXCLUDED, LOST = 1, 2, 3
TIMEOUT = 120       # seconds; only a program that hangs needs as long
UTS = ("sysname", "nodename", "release", "version", "machine", "domainname")


class Failed(Exception):
    pass


class Report:
    """The checks of one dump."""

    def __init__(self, name):
        self.name, self.checks, self.bad = name, 0, []

    def same(self, what, got, want):
        self.true(what, got == want, "%s, expected %s" % (short(got), short(want)))

    def true(self, what, good, detail=""):
        self.checks += 1
        if not good:
            self.bad.append("%s: %s: %s" % (self.name, what, detail))
        return good


def short(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "..."


def run(*args, ok=(0, 1, 3)):
    """(exit status, standard output, standard error); a crash or a hang is a failure."""
    try:
        done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as err:
        raise Failed("%s: no end after %d s" % (" ".join(args), TIMEOUT)) from err
    err = done.stderr.decode(errors="replace")
    if done.returncode not in ok or "Sanitizer" in err or "runtime error" in err:
        raise Failed("%s: exit %d: %s" % (" ".join(args), done.returncode, err.strip()[-2000:]))
    return done.returncode, done.stdout, err


def tool(name, *args, **kw):
    return run(os.path.join(BIN, name), *args, **kw)


def targets():
    """(name, tells what is absent) of every format that can be written, unpacked if it can."""
    found = {f["name"]: f for f in json.loads(tool("dumpconv", "--list", "--json")[1])["formats"]
             if f["writes"]}
    if EXPECTED - set(found):
        raise Failed("not in dumpconv --list: %s" % " ".join(sorted(EXPECTED - set(found))))
    for f in found.values():
        MISSING.update(f["missing_codecs"])
    return [(n + (":none" if "none" in f["codecs"] else ""), f["holds_absent"])
            for n, f in found.items() if n != "raw"]


def models(paths, *options):
    """One dict for every dump of PATHS, as the public interface tells it."""
    code, out, err = run(MODEL, *options, *paths)
    lines = out.decode("ascii").splitlines()
    if len(lines) != (1 if "--set" in options else len(paths)):
        raise Failed("model %s: %d lines: %s" % (" ".join(paths), len(lines), err))
    return [json.loads(x) for x in lines]


# ---- ranges -----------------------------------------------------------------------------------

def merge(spans):
    out = []
    for s, e in sorted(spans):
        if out and s <= out[-1][1]:
            out[-1][1] = max(out[-1][1], e)
        elif s < e:
            out.append([s, e])
    return out


def minus(a, b):
    """A without B."""
    out, b = [], merge(b)
    for s, e in merge(a):
        for x, y in b:
            if y <= s or x >= e:
                continue
            if s < x:
                out.append([s, x])
            s = max(s, y)
        if s < e:
            out.append([s, e])
    return out


def common(a, b):
    return minus(a, minus(a, b))


def paged(spans, size):
    return merge([(s - s % size, -(-e // size) * size) for s, e in spans])


class Memory:
    """The page map as the tool tells it, with the pages that turned out lost when read."""

    def __init__(self, model):
        size = model["unit"]
        kind = {k: [(s, e) for s, e, x in model["runs"] if x == k] for k in (1, 2, 3)}
        self.lost = merge(kind[LOST] + [(x["start"], x["end"]) for x in model["lost"]])
        self.present = minus(kind[PRESENT], paged(self.lost, 4096))
        self.excluded = paged(minus(kind[EXCLUDED], self.lost), size)
        self.excluded = minus(self.excluded, paged(self.present, size))
        self.lost = minus(paged(self.lost, size), self.present)


# ---- reading ----------------------------------------------------------------------------------

def text_or_none(value):
    return value or None


def want_notes(want):
    return [(n["name"], n["type"], n["size"], n["sha256"]) for n in want["notes"]]


def got_notes(model):
    return [(n["name"], n["type"], len(n["data"]) // 2,
             hashlib.sha256(bytes.fromhex(n["data"])).hexdigest()) for n in model["notes"]]


def named(raw, want):
    """An elf_gregset (hex) by register names."""
    arch, at, out = mkdump_arch.ARCHES[want["arch"]], 0, {}
    raw = bytes.fromhex(raw)
    for name in arch.regs:
        name, _, size = name.partition("/")
        size = int(size or arch.word // 8)
        out[name] = "%#x" % int.from_bytes(raw[at:at + size], want["byte_order"])
        at += size
    return out


def check_registers(r, model, want):
    """LKCD keeps the kernel's pt_regs, which have less than the elf_gregset made of them."""
    got = [c for c in model["cpus"] if c["regs"]]
    if not any(int(x["raw"], 16) for x in want["registers"]):
        r.same("registers that are all zero", got, [])       # a ppc64 kernel's bug
        return
    r.same("number of register sets", len(got), len(want["registers"]))
    for cpu, have in zip(want["registers"], got):
        what = "registers of cpu %d" % cpu["cpu"]
        r.same(what + ": pid", have["pid"], cpu.get("pid", 0))
        if want["format"] != "lkcd":
            r.same(what, have["regs"], cpu["raw"])
        elif want["arch"] == "ia64":
            check_ia64(r, what, have["regs"], cpu["raw"])
        else:
            regs = named(have["regs"], want)
            for name, value in cpu["regs"].items():
                name = name[1:] if name in ("xds", "xes", "xcs", "xss") else name
                r.same("%s: %s" % (what, name), regs[name], value)


def check_ia64(r, what, got, want):
    """Its two orders are unlike: every word of pt_regs but loadrs, and f6 to f11, comes across."""
    got, want = ([x[i:i + 16] for i in range(0, len(x), 16)] for x in (got, want))
    keep = [w for i, w in enumerate(want[:44]) if i != 18]
    r.same(what, sorted(w for w in got if w != "0" * 16), sorted(keep))


def arch_of(want):
    return {"ppc64le": "ppc64", "mips": "mips64" if want["word_size"] == 64 else "mips"}.get(
        want["arch"], want["arch"])


def check_machine(r, model, want):
    if want["format"] != "raw":
        r.same("arch", model["arch"], arch_of(want))
        r.same("byte order", {1: "little", 2: "big"}.get(model["order"]), want["byte_order"])
        r.same("word", 8 * model["word"], want["word_size"])
    r.same("page size", model["page_size"], want["page_size"])
    uts = want["utsname"] or dict.fromkeys(UTS, "")
    got = dict(zip(UTS, (u["v"] for u in model["uts"])))
    if want["vmcoreinfo"] and not want["utsname"]:
        line = "OSRELEASE=%s\n" % got["release"]
        r.true("release", line in want["vmcoreinfo"] or not got["release"], got["release"])
    if not want["utsname"]:         # ELF: VMCOREINFO tells the release, the header the machine
        uts.update({k: got[k] for k in ("sysname", "release", "machine")})
    elif uts["machine"] == "Unknown":                        # says QEMU
        uts["machine"] = got["machine"]
    r.same("uts", got, uts)


def check_crash(r, model, want):
    when = want["time"] and (want["time"]["sec"], want["time"]["usec"])
    got = model["dump_sec"] != -1 << 63 and (model["dump_sec"], model["dump_usec"])
    r.same("time", got or None, when if when != (0, 0) else None)      # QEMU leaves it zero
    if want["panic_string"] is not None:
        r.same("panic string", model["panic"], want["panic_string"])
    task = int(want["task"], 16) if want["task"] else 0
    r.same("panic task", model["panic_task"], task)
    r.same("vmcoreinfo", text_or_none(model["vmcoreinfo"]), want["vmcoreinfo"])
    r.same("eraseinfo", text_or_none(model["eraseinfo"]), want["eraseinfo"])
    r.same("notes", got_notes(model), want_notes(want))
    check_registers(r, model, want)
    if want.get("nr_cpus") is not None:
        r.same("number of cpus", model["nr_cpus"], want["nr_cpus"])
    if want.get("dump_level") is not None:
        level = want["dump_level"]
        if want["format"] == "lkcd" and want["version"] < 5:     # numbered there, bits later
            level = (0, 1, 2, 4, 8)[level]
        r.same("dump level", model["dump_level"], level)
    if want.get("phys_base"):
        r.same("phys_base", model["phys_base"], want["phys_base"])


def whole_pages(model, memory):
    """SHA-256 of the pages that are there and not, in part or whole, lost."""
    gone = paged(memory.lost, model["page_size"])
    return {a: h for a, h in model["pages"].items()
            if h != "lost" and not any(s <= int(a, 16) < e for s, e in gone)}


def check_memory(r, model, want):
    m, size = Memory(model), want["page_size"]
    r.same("present", paged(m.present, size), want["present"])
    r.same("present bytes", m.present, minus(want["present_bytes"], want["lost"]))
    away = want["unsettled"] + want["elsewhere"]     # lost or a hole: the format does not tell
    r.same("excluded", minus(m.excluded, away), want["excluded"])
    r.same("lost", minus(m.lost, away), want["lost"])
    r.same("unsettled but present", common(m.present, away), [])
    pages = whole_pages(model, m)
    wrong = [a for a in sorted({**pages, **want["pages"]}, key=lambda a: int(a, 16))
             if pages.get(a) != want["pages"].get(a)]
    r.true("contents of pages", not wrong, "differ: %s" % " ".join(wrong[:8]))
    for lost in model["lost"]:
        r.true("lost range %#x" % lost["start"], len(lost["why"]) > 4, "no reason given")
    r.same("image digest", model["digest"], want["image_digest"])


def variants(want):
    """What an ELF file may be called: it tells its writer by small signs only."""
    style, notes = want["style"], [n["name"] for n in want["notes"]]
    if style == "netdump" and any(n["type"] == 0x70000001 for n in want["notes"]):
        return ("diskdump",)
    if style == "qemu-old" and "QEMU" not in notes:
        return ("kdump",)
    if style in ("kdump", "makedumpfile"):
        return ("makedumpfile",) if want["excluded"] or "ERASEINFO" in notes else ("kdump",)
    return (style.partition("-")[0],)


def check_dumpinfo(r, info, want):
    """The keys that dumpinfo shares with the model."""
    r.same("dumpinfo: format", info["format"], want["format"])
    r.same("dumpinfo: version", info["version"], want["version"])
    r.same("dumpinfo: containers", info["containers"], " ".join(want["container"]) or None)
    r.same("dumpinfo: parts", info["parts"], len(want["files"]))
    r.same("dumpinfo: page size", info["page_size"], want["page_size"])
    if want["format"] != "raw":
        r.same("dumpinfo: arch", info["arch"], arch_of(want))
        r.same("dumpinfo: byte order", info["order"], want["byte_order"])
    r.same("dumpinfo: notes", [(n["name"], n["type"], n["bytes"]) for n in info["notes"]],
           [x[:3] for x in want_notes(want)])
    r.same("dumpinfo: registers", sum(1 for x in info["registers"] if x["bytes"]),
           sum(1 for x in want["registers"] if int(x["raw"], 16)))
    if want["format"] == "elf":
        r.true("dumpinfo: variant", info["variant"] in variants(want), "%s, expected %s"
               % (info["variant"], variants(want)))
    ranges = [(int(x["start"], 16), int(x["end"], 16)) for x in info["ranges"]
              if x["kind"] == "present"]
    lost = want["lost"] + want["unsettled"] + want["elsewhere"]
    r.same("dumpinfo: ranges", minus(ranges, lost), minus(want["present_bytes"], lost))
    whole = want["complete"] and not want["lost"] and not want["elsewhere"]
    if whole and not want["unsettled"]:
        r.true("dumpinfo: complete", not info["truncated"] and not info["incomplete"] and
               not info["pages"]["lost"], "says truncated, incomplete or lost pages")
    elif not whole:
        r.true("dumpinfo: not complete", info["truncated"] or info["incomplete"] or
               info["pages"]["lost"] or info["memory"]["lost_bytes"], "nothing says so")


def check_not_opened(r, paths, options):
    """An error, or a dump of which nothing is left."""
    code, out, err = tool("dumpinfo", "--json", *options, *paths)
    r.true("exit of what cannot be opened", code == 1 or code == 3 and
           not json.loads(out)["pages"]["present"], "%d" % code)
    r.true("message of what cannot be opened", len(err.strip()) > 20, short(err))
    return None


def check_reading(r, paths, want):
    """The dump against its .expect; returns the model, None when it cannot be opened."""
    options = ["--from=raw"] if want["format"] == "raw" else []
    if want["open"] == "fail":
        return check_not_opened(r, paths, options)
    model = models(paths, *options, *(["--set"] if len(paths) > 1 else []))[0]
    if any("%s is not built in" % c in (model["message"] or "").lower() for c in MISSING):
        print("%s: only that it is refused: %s" % (r.name, model["message"]))
        r.true("refused", model["status"] != 0)
        return None
    if not r.true("open", model["status"] == 0, model["message"]):
        return None
    check_machine(r, model, want)
    check_crash(r, model, want)
    check_memory(r, model, want)
    code, out, err = tool("dumpinfo", "--json", "--ranges", "--notes", *options, *paths)
    if r.true("dumpinfo", code in (0, 3), err.strip()):
        check_dumpinfo(r, json.loads(out), want)
    code, out, err = tool("dumpverify", "--digest", "-q", *options,
                          *(["--set"] if len(paths) > 1 else []), *paths)
    r.same("dumpverify --digest", out.split()[:1], [want["image_digest"].encode()])
    r.same("exit of dumpverify --digest", code, 3 if Memory(model).lost else 0)
    told = [x for x in err.splitlines() if x.startswith("lost: ")]
    r.same("lost ranges told", len(told), len(model["lost"]))
    return model


# ---- conversion ---------------------------------------------------------------------------------

KEPT = ("arch", "order", "word", "page_size", "build_id", "vmcoreinfo", "panic",
        "panic_task", "panic_cpu", "dump_sec", "dump_usec", "crash_sec", "dump_level", "eraseinfo",
        "phys_base", "nr_cpus", "notes", "cpus")


def convert(r, what, target, source, out, options=()):
    code, _, err = tool("dumpconv", "--to=" + target, "-q", "-f", "--no-sync", "-T", "1", *options,
                        *source, out)
    return r.true(what, code in (0, 3) and os.path.exists(out), err.strip())


def check_refusal(r, target, paths, folder):
    out = os.path.join(folder, "refused")
    code, _, err = tool("dumpconv", "--to=" + target, "-q", *paths, out)
    r.same("exit of what %s cannot hold" % target, code, 1)
    r.true("message of what %s cannot hold" % target, len(err) > 40, err)
    r.true("nothing left of what %s cannot hold" % target, not os.path.exists(out))


def longest_file(folder):
    """A length that a file may have here, bytes: a power of two."""
    with open(os.path.join(folder, "long"), "wb") as f:
        for bit in range(62, 30, -1):
            try:
                f.truncate(1 << bit)
                break
            except OSError:
                continue
    os.remove(f.name)
    return 1 << bit


def check_conversions(r, paths, want, model, folder):
    """To every target and back: the same memory, the same model."""
    options = ["--from=raw"] if want["format"] == "raw" else []
    own = "kdump" if want["format"] == "raw" else want["format"]
    made = []
    for target, absent in TARGETS:
        if target.startswith("diskdump") and model["end_addr"] // model["page_size"] >= 1 << 32:
            check_refusal(r, target, paths, folder)     # it numbers frames in 32 bits
            continue
        if target in ("netdump", "raw") and model["end_addr"] > longest_file(folder):
            check_refusal(r, target, paths, folder)     # linear: ext4 has no files above 16 TiB
            continue
        out = os.path.join(folder, target.replace(":", "-"))
        if convert(r, "to " + target, target, paths, out, options):
            made.append(("to " + target, out, absent))
            if convert(r, "to %s and back" % target, own, [out], out + ".back"):
                made.append(("to %s and back" % target, out + ".back", absent))
    told = models([p for _, p, _ in made]) if made else []
    for (what, path, absent), got in zip(made, told):
        if r.true(what + ": open", got["status"] == 0, got["message"]):
            check_model(r, what, got, model)
            (check_same_memory if absent else check_filled)(r, what, got, model)
        os.remove(path)


def other_notes(notes):
    """VMCOREINFO and eraseinfo may stand in a note or beside the notes."""
    return [n for n in notes if n["name"] not in ("VMCOREINFO", "ERASEINFO")]


def unknown(key, model):
    """Formats must state some facts that the original does not know."""
    return (key == "dump_level" and not model["dump_level_kind"] or
            key == "panic_cpu" and model[key] < 0 or
            key == "phys_base" and not model["has_phys_base"] or
            key in ("arch", "order", "word") and not model[key])


def check_model(r, what, got, model):
    # LKCD 8 has 64 KiB for its headers and no more: 336 x86_64 CPUs fill them, with a warning
    crowded = "to lkcd8" in what and model["nr_cpus"] > 336
    for key in KEPT:
        if unknown(key, model) or (crowded and key in ("cpus", "nr_cpus", "panic_cpu")):
            continue
        a, b = got[key], model[key]
        if key == "notes" and model["vmcoreinfo_found"]:
            a, b = (other_notes(x) for x in (a, b))
        if key == "cpus":
            a = [dict(x, task=x["task"] if y["task"] else 0) for x, y in zip(a, b)] + a[len(b):]
        if isinstance(b, list) and len(a) == len(b):
            a, b = ([x for x, y in zip(p, q) if x != y] for p, q in ((a, b), (b, a)))
        r.same("%s: %s" % (what, key), a, b)
    names = [[u["v"] for u in m["uts"]] for m in (got, model)]
    for i, allowed in ((0, "Linux"), (4, names[0][4])):
        if not names[1][i]:
            names[1][i] = names[0][i]
            r.true(what + ": uts", names[0][i] in ("", allowed), names[0][i])
    r.same(what + ": uts", *names)


def whole_partials(model, memory):
    """What is held of pages in part; a page that is lost in part is lost."""
    lost = paged(memory.lost, model["unit"])
    return [p for p in model["partials"] if not common([(p["start"], p["end"])], lost)]


def check_same_memory(r, what, got, model):
    a, b = Memory(got), Memory(model)
    r.same(what + ": image digest", got["digest"], model["digest"])
    r.same(what + ": pages", whole_pages(got, a), whole_pages(model, b))
    r.same(what + ": partials", whole_partials(got, b), whole_partials(model, b))
    r.same(what + ": present bytes", a.present, b.present)
    r.same(what + ": more lost than before", minus(a.lost, b.lost), [])
    r.same(what + ": more excluded than before", minus(a.excluded, b.excluded), [])


def check_filled(r, what, got, model):
    """A linear image: what was absent may read as zero, what was present is the same."""
    have, want = (whole_pages(m, Memory(m)) for m in (got, model))
    zero = hashlib.sha256(bytes(model["page_size"])).hexdigest()
    r.same(what + ": pages", {a: have.get(a) for a in want}, want)
    r.same(what + ": more than zeros", {a: h for a, h in have.items() if a not in want
                                        and h != zero}, {})


# ---- all of them -----------------------------------------------------------------------------

def one(name):
    """All checks of one dump."""
    r, folder = Report(name), os.path.join(SCRATCH, "work-" + name)
    with open(os.path.join(SCRATCH, "dumps", name + ".expect"), encoding="utf-8") as f:
        want = json.load(f)
    paths = [os.path.join(SCRATCH, "dumps", f["name"]) for f in want["files"]]
    os.makedirs(folder)
    try:
        model = check_reading(r, paths, want)
        if model:
            check_conversions(r, paths, want, model, folder)
    except Failed as err:
        r.true("run", False, str(err))
    except Exception as err:        # a defect of this script must not look like a pass
        r.true("run", False, "%s: %s" % (type(err).__name__, err))
    shutil.rmtree(folder)
    return r.checks, r.bad


def sample(names):
    """The first dump of every spec, and of every variant word that the others do not have."""
    seen, out = set(), []
    for name in names:
        words = name.split("-")
        new = {(words[0], w) for w in words} - seen
        if new:
            out.append(name)
        seen |= new
    return out


def main(args):
    if not MODEL:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    flags = [a for a in args if a.startswith("--")]
    patterns = [a for a in args if not a.startswith("--")] or ["*"]
    shutil.rmtree(SCRATCH, ignore_errors=True)
    dumps = os.path.join(SCRATCH, "dumps")
    os.makedirs(dumps)
    maker = [os.path.join(HERE, "..", "mkdump", "make-all.py")]
    maker += ["--huge", dumps, "kdump-huge"] if "--huge" in flags else [dumps]
    subprocess.run(["/usr/bin/python3", *maker], check=True)
    names = sorted(os.path.basename(p)[:-7] for p in glob.glob(dumps + "/*.expect"))
    names = [n for n in names if any(fnmatch.fnmatch(n, p) for p in patterns)]
    if "--sample" in flags:
        names = sample(names)[::2]
    global TARGETS
    TARGETS = targets()
    started, checks, bad = time.monotonic(), 0, []
    with multiprocessing.Pool(2) as pool:
        for n, found in pool.imap_unordered(one, names, chunksize=4):
            checks += n
            bad += found
    for line in sorted(bad):
        print("FAILED: " + line)
    if "--keep" not in flags:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    print("%d dumps, %d checks, %d failures, %.0f s" % (len(names), checks, len(bad),
                                                       time.monotonic() - started))
    return 1 if bad or not checks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
