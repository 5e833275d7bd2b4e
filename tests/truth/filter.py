#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dumpfilter on real dumps: the frames it keeps against those that are to be kept.

For every dump and level three independent lists: makedumpfile's (truth/dN.zlib.present), the
kernel's own of a moment before the dump (truth/kpageflags), the struct pages in the dump read by
frames.py. What differs must be explained by a rule that is written here, or it is a failure.
Environment: DUMPIO_BIN, DUMPIO_SCRATCH, DUMPIO_TEST_DUMPS, DUMPIO_TEST_UNPACKED (optional: a folder
with NAME.elf). Arguments: names of dumps (default all).
Not handled: hwpoison, offline and unaccepted pages (no dump has any).
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import frames as fr  # noqa: E402

SCRATCH = os.environ["DUMPIO_SCRATCH"]
LEVELS = (1, 2, 4, 8, 16, 31)
BITS = {2: {"cache"}, 4: {"cache", "private"}, 8: {"user"}, 16: {"free"}}
CLASSES = ("cache", "private", "user", "free", "freed", "hwpoison", "offline")
REUSED_MAX = 8 # frames that the kernel took between the snapshot and the dump
tally = fr.Tally()
check = tally.check


def excluded(level):
    """Classes that LEVEL leaves out; zero pages stay, they share one stored page."""
    out = set().union(*(BITS[b] for b in BITS if level & b))
    return out | {"hwpoison", "offline"} if out else out


def scratch(name):
    return os.path.join(SCRATCH, name)


def filtered(what, source, out, *options, **more):
    """The frames of OUT, which dumpfilter makes of SOURCE; None when it does not."""
    sources = source if isinstance(source, list) else [source]
    code, _, said = fr.tool("dumpfilter", "-f", "--no-sync", *options, *sources, out, **more)
    if not check(what, code == 0, "exit %d: %s" % (code, said)):
        return None
    return out


# ---- lists of frames -----------------------------------------------------------------------------

def against_records(what, dump, kept, level):
    """The struct pages in the dump, read by rules of our own: no difference is explained."""
    out = excluded(level)
    want = {f for f, c in dump.pages.classes.items() if c not in out}

    def say(f):
        return "%s (%s)" % (dump.pages.classes.get(f), dump.pages.show(f))
    check(what + ": struct pages, wrongly left out", want <= kept, fr.few(want - kept, say))
    check(what + ": struct pages, wrongly kept", kept <= want, fr.few(kept - want, say))


def against_makedumpfile(what, dump, kept, level, flags):
    theirs = fr.present(dump.truth, "d%d.zlib" % level)
    if theirs is None:
        return None
    out, count, wrong = excluded(level), {"no-record": 0, "half": 0, "kpageflags": 0}, {}
    for f in kept ^ (theirs & dump.frames):
        verdict = "kept" if f in kept else "left out"
        if f in kept and f in dump.halves:
            count["half"] += 1
        elif f in kept and dump.pages.record(f) is None:
            count["no-record"] += 1
        elif f < len(flags) and (fr.kpf_class(flags[f]) in out) == (verdict == "left out"):
            count["kpageflags"] += 1
        else:
            wrong[f] = "%s by us; kpageflags %s; %s" % (
                verdict, fr.flag_names(flags[f]) if f < len(flags) else "end before it",
                dump.pages.show(f))
    check(what + ": makedumpfile's list", not wrong, fr.few(wrong, wrong.get))
    check(what + ": makedumpfile's frames are in the dump", theirs <= dump.frames,
          fr.few(theirs - dump.frames))
    return count


def against_kpageflags(what, dump, kept, level, flags):
    """The snapshot is older than the dump: the struct page must show what happened since."""
    out, pages = excluded(level), dump.pages
    count = {"freed since": 0, "taken since": 0, "new since": 0, "reused since": 0}
    wrong_out, wrong_in, could = {}, {}, 0
    for f in dump.frames:
        then = fr.kpf_class(flags[f]) if f < len(flags) else "no-record"
        could += then in out
        if (then in out) == (f not in kept):
            continue
        now = pages.classes[f]
        said = "kpageflags %s, now %s (%s)" % (fr.flag_names(flags[f]) if f < len(flags) else "-",
                                               now, pages.show(f))
        record = pages.record(f)
        if f not in kept: # must have become free, or was nobody's and has an owner now
            if now == "free":
                count["freed since"] += 1
            elif now in out and then in ("free", "kernel") and not flags[f] & ~fr.mask("BUDDY"):
                count["new since"] += 1
            else:
                wrong_out[f] = said
        elif record and pages.refcount(record) == 0 and pages.word(record, "mapping") == 0 and \
                now not in out:
            count["freed since"] += 1 # free, or parked on a processor's list
        elif record and pages.refcount(record) > 0 and now not in out:
            count["reused since" if then != "free" else "taken since"] += 1
        else:
            wrong_in[f] = said
    check(what + ": kpageflags, wrongly left out", not wrong_out, fr.few(wrong_out, wrong_out.get))
    check(what + ": kpageflags, wrongly kept", not wrong_in, fr.few(wrong_in, wrong_in.get))
    check(what + ": frames reused since", count["reused since"] + count["taken since"]
          + count["new since"] <= REUSED_MAX, count)
    left = sum(1 for f in dump.frames - kept if f < len(flags) and fr.kpf_class(flags[f]) in out)
    if level == 31:
        check(what + ": 99.5 % of what can be left out is", left >= could * 0.995,
              "%d of %d" % (left, could))
    return count


def contents(what, dump, path, want):
    """Every page of PATH is that of the dump, byte by byte, and no page is missing."""
    wrong, seen, segments = [], set(), dump.elf.index(dump.page)
    for f, data in fr.load(path).pages(dump.page):
        seen.add(f)
        if f not in segments or dump.elf.contents(f, dump.page, segments[f]) != data:
            wrong.append(f)
    check(what + ": contents", not wrong, fr.few(wrong))
    check(what + ": pages", seen == want, fr.few(seen ^ want))


def levels(dump, flags):
    """{level: frames kept}; the output of level 31 stays in d31.kdump."""
    kept = {}
    for level in LEVELS:
        what = "%s -d %d" % (dump.name, level)
        path = filtered(what, dump.path, scratch("d%d.kdump" % level), "-d", str(level))
        if not path:
            continue
        kept[level] = fr.load(path).frames(dump.page)
        check(what + ": frames are in the dump", kept[level] <= dump.frames)
        against_records(what, dump, kept[level], level)
        mdf = against_makedumpfile(what, dump, kept[level], level, flags)
        kpf = against_kpageflags(what, dump, kept[level], level, flags)
        print("%s: %d of %d kept; not as makedumpfile's: %s; not as kpageflags: %s" % (
            what, len(kept[level]), len(dump.frames),
            "no list" if mdf is None else {k: v for k, v in mdf.items() if v},
            {k: v for k, v in kpf.items() if v}))
        if level != 31:
            os.remove(path)
    return kept


# ---- counts --------------------------------------------------------------------------------------

def counts(dump, kept):
    """--dry-run --json against the bitmaps of what --exclude=CLASS leaves."""
    what = dump.name + " --dry-run"
    code, text, said = fr.tool("dumpfilter", "--dry-run", "--json", "-d", "31", dump.path)
    if not check(what, code == 0, "exit %d: %s" % (code, said)):
        return
    told, left = json.loads(text), {}
    for c in CLASSES:
        path = filtered("%s --exclude=%s" % (dump.name, c), dump.path, scratch("class.kdump"),
                        "--exclude=" + c)
        if path:
            left[c] = dump.frames - fr.load(path).frames(dump.page)
            os.remove(path)
    if len(left) < len(CLASSES):
        return
    check(what + ": private implies cache", left["cache"] <= left["private"])
    left["private"] -= left["cache"]
    left["no-record"] = {f for f, c in dump.pages.classes.items() if c == "no-record"}
    left["unknown"] = set()
    left["kernel"] = dump.frames.difference(*left.values())
    for c, f in left.items():
        check("%s: %s" % (what, c), told["classes"][c]["pages"] == len(f),
              "%d told, %d by the bitmap" % (told["classes"][c]["pages"], len(f)))
    check(what + ": no class but these", set(told["classes"]) == set(left), set(told["classes"]))
    check(what + ": kept", told["kept_pages"] == len(kept[31]),
          "%d told, %d by the bitmap" % (told["kept_pages"], len(kept[31])))
    check(what + ": left out", told["excluded_pages"] == len(dump.frames - kept[31]))
    freed(dump, left["freed"])


def freed(dump, out):
    """What is parked on a processor's list is nobody's: no live page may be among it."""
    live = set()
    for f in out:
        r = dump.pages.record(f)
        if r is None or dump.pages.refcount(r) or dump.pages.word(r, "mapping") or \
                dump.pages.type(r) != 0xffffffff or dump.pages.classes[f] != "kernel":
            live.add(f)
    check(dump.name + " --exclude=freed: only what nobody holds", not live,
          fr.few(live, dump.pages.show))
    check(dump.name + " --exclude=freed: something is", out)


# ---- other outputs and inputs --------------------------------------------------------------------

def same_memory(what, a, b):
    code, told, said = fr.tool("dumpverify", a, b)
    check(what + ": the same memory", code == 0, "exit %d: %s %s" % (code, told.strip(), said))


def elf_output(dump, kept):
    for level in (8, 31):
        what = "%s -d %d --to=elf" % (dump.name, level)
        path = filtered(what, dump.path, scratch("out.elf"), "--to=elf", "-d", str(level))
        if not path:
            continue
        got = fr.Elf(path).frames(dump.page)
        check(what + ": the frames of the KDUMP output", got == kept[level],
              "%s more, %s less" % (fr.few(got - kept[level]), fr.few(kept[level] - got)))
        if level == 31:
            contents(what, dump, path, kept[31])
            same_memory(what, scratch("d31.kdump"), path)
        os.remove(path)


def again(dump, kept):
    """What was filtered before, and what comes as a stream."""
    what, first = dump.name + " -d 16, then 31", scratch("first.kdump")
    for to in ("kdump", "elf"):
        if filtered(what, dump.path, first, "-d", "16", "--to=" + to):
            same_as_direct("%s (%s)" % (what, to), dump, kept, first)
            os.remove(first)
    what = dump.name + " -d 31 of a flattened stream"
    conv = subprocess.Popen([os.path.join(os.environ["DUMPIO_BIN"], "dumpconv"), "-q", "-F",
                             "--to=kdump:none", dump.path, "-"], stdout=subprocess.PIPE)
    same_as_direct(what, dump, kept, "-", stdin=conv.stdout)
    conv.stdout.close()
    check(what + ": dumpconv", conv.wait() == 0)


def same_as_direct(what, dump, kept, source, **more):
    path = filtered(what, source, scratch("again.kdump"), "-d", "31", **more)
    if not path:
        return
    got = fr.load(path).frames(dump.page)
    check(what + ": frames", got == kept[31], fr.few(got ^ kept[31]))
    same_memory(what, scratch("d31.kdump"), path)
    os.remove(path)


def digest(path, page, without):
    h = hashlib.sha256()
    for f, data in fr.load(path).pages(page):
        if f not in without:
            h.update(b"%d " % f + data)
    return h.hexdigest()


def split_set(dump, kept):
    """A split set by makedumpfile, which leaves out frames that the dump holds in part."""
    makedumpfile = shutil.which("makedumpfile")
    what = dump.name + " -d 31 of makedumpfile's split set"
    if not (dump.name.startswith("x86_64") and dump.name.endswith("kexec")):
        return # it reads no other dump on this machine
    if not makedumpfile:
        print("skipped: %s (no makedumpfile)" % what)
        return
    parts = [scratch("part.%d" % i) for i in range(3)]
    done = subprocess.run([makedumpfile, "-d", "0", "--split", "--splitblock-size", "4", dump.path,
                           *parts], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check(what + ": made", done.returncode == 0, done.stdout[-300:]):
        path = filtered(what, parts, scratch("again.kdump"), "-d", "31")
        if path:
            got = fr.load(path).frames(dump.page)
            check(what + ": frames", got == kept[31] - dump.halves,
                  fr.few(got ^ (kept[31] - dump.halves)))
            check(what + ": contents", digest(path, dump.page, ()) ==
                  digest(scratch("d31.kdump"), dump.page, dump.halves))
            os.remove(path)
    for part in parts:
        if os.path.exists(part):
            os.remove(part)


def one(dump):
    flags = fr.kpageflags(dump.truth, dump.order)
    check(dump.name + ": the frames are those of the dump",
          (fr.present(dump.truth, "vmcore.elf") or dump.frames) == dump.frames)
    kept = levels(dump, flags)
    if not check(dump.name + ": every level was written", len(kept) == len(LEVELS)):
        return
    check(dump.name + ": level 1 keeps zero pages as one stored page", kept[1] == dump.frames)
    contents(dump.name + " -d 31", dump, scratch("d31.kdump"), kept[31])
    counts(dump, kept)
    elf_output(dump, kept)
    again(dump, kept)
    split_set(dump, kept)
    os.remove(scratch("d31.kdump"))


if __name__ == "__main__":
    skipped = fr.for_each_dump(one, sys.argv[1:])
    sys.exit(skipped if skipped is not None else tally.finish())
