#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dumpfilter on dumps whose facts or memory map are wrong: it must never leave out other frames and
call that whole.

In copies of real dumps every VMCOREINFO key is removed or changed (in the note and in every copy of
the text in memory), the tables that lead to the struct pages are damaged, the file is cut inside
the struct pages. Allowed: exit 1 with a message, which names the fact when one was removed; exit 3
with every frame kept that must be kept; exit 0 with the frames of the undamaged dump, when the fact
was found elsewhere or is not needed; exit 0 with up to a ROM's worth of frames more and a warning
(what lies outside the kernel's memory map is kept). With --keep-unknown exit 1 is not allowed.
Environment: DUMPIO_BIN, DUMPIO_SCRATCH, DUMPIO_TEST_DUMPS, DUMPIO_TEST_UNPACKED (optional: a folder
with NAME.elf). Arguments: [--quick] [--verbose] [--seed=N] [names of dumps].
Not handled: damage inside the struct pages themselves (a flipped flag is a flag).
"""
import collections
import mmap
import os
import random
import re
import resource
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import frames as fr  # noqa: E402

SCRATCH = os.environ["DUMPIO_SCRATCH"]
DUMPS = ("x86_64-6.1-kexec", "s390x-6.1-qemu", "i386-6.1-kexec")
TRIALS, QUICK_TRIALS = 100, 8
ROM_FRAMES = 64
CPU_SECONDS = 20 # more than this for one run is as bad as no answer
# keys that the quick run takes; the whole run takes every key of the text
QUICK = re.compile(r"SIZE\(page\)|OFFSET\(page\.|NUMBER\(PG_|NUMBER\(PAGE_|NUMBER\(HUGE|"
                   r"mem_section|SYMBOL\(mem_map|LENGTH\(zone|phys_base|SECTION_SIZE")
VERBOSE = "--verbose" in sys.argv # what every changed fact led to
TEXT = re.compile(rb"OSRELEASE=[0-9][ -~]*\n(?:[A-Z][!-~]*=[ -~]*\n)+")
tally = fr.Tally()
check = tally.check


class Copy:
    """A copy of a dump that can be damaged and mended."""

    def __init__(self, dump):
        self.dump, self.path = dump, os.path.join(SCRATCH, "damaged.elf")
        self.out = os.path.join(SCRATCH, "damaged.kdump")
        shutil.copyfile(dump.path, self.path)
        os.chmod(self.path, 0o600)
        self.fd = os.open(self.path, os.O_RDWR)
        self.undo = []
        self.texts = [(g.start(), g[0]) for g in TEXT.finditer(dump.elf.m) if b"PAGESIZE=" in g[0]]

    def write(self, off, data):
        self.undo.append((off, self.dump.elf.m[off:off + len(data)]))
        os.pwrite(self.fd, data, off)

    def write_phys(self, addr, data):
        """Into every segment that has the address."""
        for lo, hi, off in self.dump.elf.loads:
            if lo <= addr and addr + len(data) <= hi:
                self.write(off + addr - lo, data)

    def mend(self):
        for off, data in self.undo:
            os.pwrite(self.fd, data, off)
        self.undo = []

    def close(self):
        os.close(self.fd)
        for path in (self.path, self.out):
            if os.path.exists(path):
                os.remove(path)

    def change_text(self, key, value):
        """VALUE in place of the key's, None removes the key; the length of the text stays."""
        for off, text in self.texts:
            lines = text.decode("latin-1").split("\n")
            n = next((i for i, l in enumerate(lines) if l.startswith(key + "=")), None)
            if n is None: # CRASHTIME is in the note alone
                continue
            lines[n] = "X" + lines[n][1:] if value is None else "%s=%s" % (key, value)
            more = len("\n".join(lines)) - len(text)
            if more: # the build id gives or takes what is too much
                at = next(i for i, l in enumerate(lines) if l.startswith("BUILD-ID="))
                lines[at] = lines[at][:-more] if more > 0 else lines[at] + "0" * -more
            new = "\n".join(lines).encode("latin-1")
            assert len(new) == len(text), key
            self.write(off, new)

    def run(self, *options):
        """(exit status, frames kept or None, message)"""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code, _, said = fr.tool("dumpfilter", "-f", "--no-sync", "--to=kdump:none", *options,
                                self.path, self.out)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        kept = fr.load(self.out).frames(self.dump.page) if code in (0, 3) else None
        if os.path.exists(self.out):
            os.remove(self.out)
        return code, kept, said


# ---- verdicts ------------------------------------------------------------------------------------

class Verdicts:
    """want: {options: frames that the undamaged dump leaves}"""

    def __init__(self, copy):
        self.copy, self.want, self.said, self.table = copy, {}, {}, collections.OrderedDict()
        for level in ("31", "2", "8", "16"):
            code, kept, said = copy.run("-d", level)
            if not check("%s: undamaged, -d %s" % (copy.dump.name, level), code == 0, said):
                raise ValueError("the undamaged dump cannot be filtered")
            self.want[level], self.said[level] = kept, said

    def judge(self, group, what, there=None, more=()):
        """
        Run with and without --keep-unknown, and at levels MORE when the first run did not refuse.
        THERE: the frames that the damaged dump still has. Returns the first run's verdict and
        message.
        """
        first = self.run(group, what, there, "31")
        self.run(group, what, there, "31", "--keep-unknown")
        for level in more if first[0] != "refused" else ():
            self.run(group, what, there, level)
        return first

    def run(self, group, what, there, level, *options):
        code, kept, said = self.copy.run("-d", level, *options)
        news = said if said != self.said[level] else ""
        name = self.verdict(code, kept, news, self.want[level], there)
        if name == "refused" and options:
            name = "WRONG: exit 1 with --keep-unknown"
        if self.copy.seconds > CPU_SECONDS:
            name = "WRONG: %.0f seconds" % self.copy.seconds
        column = " ".join(("-d " + level,) + options)
        self.table.setdefault((group, column), collections.Counter())[name] += 1
        check("%s: %s, %s" % (self.copy.dump.name, what, column), not name.startswith("WRONG"),
              "%s: %s; %s" % (name, self.apart(kept, self.want[level], there),
                              said or "(no message)"))
        return name, said

    @staticmethod
    def apart(kept, want, there):
        if kept is None:
            return ""
        want = want if there is None else want & there
        return "%d frames wrongly left out, %d more kept" % (len(want - kept), len(kept - want))

    @staticmethod
    def verdict(code, kept, said, want, there):
        if code == 1:
            return "refused" if len(said) > 30 else "WRONG: refused without a reason"
        if code == 0 and there is None and kept == want:
            return "right all the same"
        if code == 0 and said and there is None and want <= kept and \
                len(kept - want) <= ROM_FRAMES:
            return "a few more kept, and said"
        if code == 0:
            return "WRONG: exit 0, other frames"
        if code == 3 and said and (want if there is None else want & there) <= kept:
            return "finished, exit 3"
        return "WRONG: exit %d" % code

    def print(self):
        for (group, column), verdicts in self.table.items():
            print("  %-28s %-20s %s" % (group, column, ", ".join(
                "%s %d" % v for v in sorted(verdicts.items()))))


# ---- facts ---------------------------------------------------------------------------------------

def changed(key, value, word):
    """Other values for a key that are wrong and plausible."""
    kind = key.split("(")[0]
    if kind in ("OFFSET", "SIZE"):
        more = [int(value) + 8, int(value) - 8, int(value) + word]
        return [str(v) for v in dict.fromkeys(more) if v >= 0]
    if kind == "LENGTH":
        return [str(int(value) + 1), str(int(value) * 2), str(int(value) - 1)]
    if kind == "SYMBOL":
        return ["%x" % (int(value, 16) + d) for d in (8, 0x1000)]
    if key == "NUMBER(PG_head_mask)":
        return [str(int(value) * 2), str(int(value) // 2)]
    if key == "NUMBER(phys_base)":
        return [str(int(value) + d) for d in (0x1000, 0x200000)]
    if kind == "NUMBER":
        n = int(value, 0)
        return [str(v) for v in (n + 1, n - 1) if n < 0 or v >= 0]
    if key == "PAGESIZE":
        return [str(int(value) * 2), str(int(value) // 2)]
    if kind in ("KERNELOFFSET", "SAMODE31", "EAMODE31"):
        return ["%x" % (int(value, 16) + 0x1000)]
    return []


def facts(copy, verdicts, quick):
    info = fr.parse_vmcoreinfo(copy.texts[0][1])
    word = 4 if copy.dump.name.startswith("i386") else 8
    for key, value in info.items():
        if key in ("BUILD-ID", "CRASHTIME") or quick and not QUICK.search(key):
            continue
        of_page = "page." in key or "(page)" in key or "(PG_" in key or "PAGE_" in key
        group = key.split("(")[0] + (" of struct page" if of_page else "")
        for other in [None] + changed(key, value, word):
            copy.change_text(key, other)
            what = "%s=%s %s" % (key, value, "removed" if other is None else "-> " + other)
            name, said = verdicts.judge(group + (" removed" if other is None else " changed"), what,
                                        more=("2", "8", "16") if of_page else ())
            copy.mend()
            if VERBOSE:
                print("    %s: %s" % (what, said))
            if other is None and name == "refused":
                check("%s: %s: the message names it" % (copy.dump.name, what), named(key, said),
                      said)


def named(key, said):
    """Does the message name the key or the member, or say that there is no VMCOREINFO left?"""
    return re.sub(r".*\(|.*[.]|\).*", "", key) in said or "no VMCOREINFO" in said


# ---- the way to the struct pages -----------------------------------------------------------------

def tables(kernel):
    """(addresses of bytes that lead to the struct pages, physical pages of those tables)"""
    used, pages = [], set()

    def use(virt, size):
        for at in range(virt, virt + size):
            phys = kernel.translate(at)
            if phys is not None:
                used.append(phys)
                pages.add(phys >> 12)
    if "SYMBOL(mem_section)" not in kernel.info:
        node = kernel.symbol("contig_page_data")
        use(kernel.symbol("mem_map"), kernel.word)
        for member in ("node_start_pfn", "node_spanned_pages", "node_mem_map"):
            use(node + kernel.offset("pglist_data." + member), kernel.word)
        return used, sorted(pages)
    step = kernel.size("mem_section")
    root = kernel.symbol("mem_section")
    for i, block in enumerate(kernel.longs(root, kernel.length("mem_section"))):
        if not block:
            continue
        use(root + i * kernel.word, kernel.word)
        for k in range(kernel.page // step):
            at = block + k * step + kernel.offset("mem_section.section_mem_map")
            if kernel.longs(at)[0] & 1:
                use(at, kernel.word)
    return used, sorted(pages)


def damage(copy, verdicts, rng, trials):
    kernel = fr.Kernel(copy.dump.elf, copy.dump.info)
    used, pages = tables(kernel)
    for n in range(trials):
        kind = ("a bit that is used", "a byte that is used", "16 random bytes")[n % 3]
        if n % 3 < 2:
            where = [rng.choice(used)]
        else:
            where = [(rng.choice(pages) << 12) + rng.randrange(4096) for _ in range(16)]
        said = []
        for addr in where:
            old = copy.dump.elf.read(addr, 1)
            if old is None:
                continue
            flip = 1 << rng.randrange(8) if n % 3 != 1 else rng.randrange(1, 256)
            copy.write_phys(addr, bytes([old[0] ^ flip]))
            said.append("%#x: %#x to %#x" % (addr, old[0], old[0] ^ flip))
        verdicts.judge("memory map's tables: " + kind, "trial %d, %s" % (n, ", ".join(said[:3])))
        copy.mend()


def cut(copy, verdicts, rng, trials):
    """The file ends inside the struct pages; from the longest to the shortest."""
    kernel, dump = fr.Kernel(copy.dump.elf, copy.dump.info), copy.dump
    stored = []
    for first, end, _ in kernel.runs:
        for frame in range(first, end, 16):
            phys = kernel.translate(kernel.record_at(frame))
            stored += [off + phys - lo for lo, hi, off in dump.elf.loads
                       if phys is not None and lo <= phys < hi]
    ends = sorted((rng.choice(stored) + rng.randrange(kernel.record_size) for _ in range(trials)),
                  reverse=True)
    for size in ends:
        os.truncate(copy.path, size)
        there = set()
        for lo, hi, off in dump.elf.loads:
            have = min(hi - lo, size - off)
            if have > 0:
                there.update(range(-(-lo // dump.page), (lo + have) // dump.page))
        verdicts.judge("file cut in the memory map", "cut at %d of %d" % (size, len(dump.elf.m)),
                       there)


def one(dump, quick, seed):
    copy = Copy(dump)
    try:
        check(dump.name + ": copies of VMCOREINFO", len(copy.texts) >= 2, copy.texts)
        verdicts = Verdicts(copy)
        rng, trials = random.Random("%s %d" % (dump.name, seed)), QUICK_TRIALS if quick else TRIALS
        facts(copy, verdicts, quick)
        damage(copy, verdicts, rng, trials)
        cut(copy, verdicts, rng, trials)
        print("%s (%d copies of VMCOREINFO)" % (dump.name, len(copy.texts)))
        verdicts.print()
    finally:
        copy.close()


def main(args):
    seed = next((int(a[7:]) for a in args if a.startswith("--seed=")), 1)
    wanted = [a for a in args if not a.startswith("--")] or DUMPS
    skipped = fr.for_each_dump(lambda d: one(d, "--quick" in args, seed), wanted)
    return skipped if skipped is not None else tally.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
