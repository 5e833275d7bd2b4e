# SPDX-License-Identifier: Apache-2.0
"""Independent readers for the tests of dumpfilter: which frames a dump holds, what is in them, what
the dumped kernel's own struct pages say of them, and what was noted while the machine ran.

Format reference: ELF gABI; makedumpfile's IMPLEMENTATION and diskdump_mod.h; Linux'
include/uapi/linux/kernel-page-flags.h, mm_types.h, page-flags.h; the architectures' manuals for
page tables. Shares nothing with libdumpio. Long because the three tests share one module.
Not handled: kernels before 5.10, split sets, flattened files, 32-bit machines other than i386,
ppc64 with a hash MMU, DISCONTIGMEM.
"""
import gzip
import mmap
import os
import re
import struct
import subprocess
import zlib

# bits of /proc/kpageflags
KPF = {"LOCKED": 0, "REFERENCED": 2, "DIRTY": 4, "LRU": 5, "ACTIVE": 6, "SLAB": 7, "BUDDY": 10,
       "MMAP": 11, "ANON": 12, "SWAPCACHE": 13, "SWAPBACKED": 14, "COMPOUND_HEAD": 15,
       "COMPOUND_TAIL": 16, "HUGE": 17, "HWPOISON": 19, "NOPAGE": 20, "KSM": 21, "THP": 22,
       "OFFLINE": 23, "ZERO_PAGE": 24, "PGTABLE": 26, "RESERVED": 32, "PRIVATE": 35}
# what the tails of a compound page take from its head
OF_HEAD = ("LRU", "SLAB", "ANON", "SWAPCACHE", "SWAPBACKED", "HUGE", "PRIVATE")


def mask(*names):
    return sum(1 << KPF[n] for n in names)


def flag_names(flags):
    names = [n for n, bit in KPF.items() if flags >> bit & 1]
    rest = flags & ~mask(*KPF)
    return "|".join(names + (["%#x" % rest] if rest else [])) or "none"


# ---- files ---------------------------------------------------------------------------------------

def mapped(path):
    with open(path, "rb") as f:
        return mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)


def bits(blob, first=0, count=None):
    """The numbers of the bits that are set in COUNT bits of BLOB, from byte FIRST on."""
    count = (len(blob) - first) * 8 if count is None else count
    out = set()
    for n in range((count + 7) // 8):
        byte = blob[first + n]
        for k in range(8):
            if byte >> k & 1 and n * 8 + k < count:
                out.add(n * 8 + k)
    return out


def saved(truth, *names):
    """The contents of the first of NAMES that is there, unpacked; None when none is."""
    for name in names:
        path = os.path.join(truth, name)
        if not os.path.exists(path):
            continue
        if name.endswith(".zst"):
            return subprocess.run(["zstd", "-q", "-dc", path], check=True,
                                  stdout=subprocess.PIPE).stdout
        with gzip.open(path) if name.endswith(".gz") else open(path, "rb") as f:
            return f.read()
    return None


def parse_notes(blob, order):
    """[(owner, type, descriptor)]"""
    out, at = [], 0
    while at + 12 <= len(blob):
        namesz, descsz, kind = struct.unpack_from(order + "III", blob, at)
        name = blob[at + 12:at + 12 + namesz].rstrip(b"\0").decode("latin-1")
        at += 12 + (namesz + 3) // 4 * 4
        out.append((name, kind, bytes(blob[at:at + descsz])))
        at += (descsz + 3) // 4 * 4
    return out


def parse_vmcoreinfo(blob):
    lines = blob.rstrip(b"\0").decode("latin-1").split("\n")
    return dict(line.split("=", 1) for line in lines if "=" in line)


class Elf:
    """loads: [(first, end, file offset)], bytes, of what is stored."""

    def __init__(self, path):
        m = self.m = mapped(path)
        if m[:4] != b"\x7fELF":
            raise ValueError("%s is no ELF file" % path)
        wide, order = m[4] == 2, "<>"[m[5] - 1]
        self.machine, = struct.unpack_from(order + "H", m, 18)
        phoff, shoff = struct.unpack_from(order + ("QQ" if wide else "II"), m, 32 if wide else 28)
        size, count = struct.unpack_from(order + "HH", m, 54 if wide else 42)
        if count == 0xffff:
            count, = struct.unpack_from(order + "I", m, shoff + (44 if wide else 28))
        self.loads, self.notes = [], []
        for i in range(count):
            at = phoff + i * size
            if wide:
                kind, _, off, _, paddr, filesz = struct.unpack_from(order + "IIQQQQ", m, at)
            else:
                kind, off, _, paddr, filesz = struct.unpack_from(order + "IIIII", m, at)
            if kind == 1 and filesz:
                self.loads.append((paddr, paddr + filesz, off))
            elif kind == 4:
                self.notes += parse_notes(m[off:off + filesz], order)

    def vmcoreinfo(self):
        for name, _, desc in self.notes:
            if name == "VMCOREINFO":
                return parse_vmcoreinfo(desc)
        return {}

    def frames(self, page):
        """Frames of which at least one byte is stored."""
        out = set()
        for lo, hi, _ in self.loads:
            out.update(range(lo // page, (hi + page - 1) // page))
        return out

    def halves(self, page):
        """Frames of which only a part is stored."""
        edges = {a // page for lo, hi, _ in self.loads for a in (lo, hi) if a % page}
        whole = set()
        for lo, hi, _ in self.loads:
            whole.update(e for e in edges if lo <= e * page and (e + 1) * page <= hi)
        return (edges & self.frames(page)) - whole

    def read(self, addr, size):
        """None unless all of it is stored in one piece."""
        for lo, hi, off in self.loads:
            if lo <= addr and addr + size <= hi:
                return self.m[off + addr - lo:off + addr - lo + size]
        return None

    def index(self, page):
        """{frame: the first segment that has some of it}"""
        out = {}
        for load in self.loads:
            for frame in range(load[0] // page, (load[1] + page - 1) // page):
                out.setdefault(frame, load)
        return out

    def contents(self, frame, page, segment):
        """Of a frame that SEGMENT has some of; missing bytes as zero."""
        lo, hi, off = segment
        start, end = max(lo, frame * page), min(hi, (frame + 1) * page)
        data = self.m[off + start - lo:off + end - lo]
        return data if len(data) == page else (bytes(start - frame * page) + data).ljust(page,
                                                                                        b"\0")

    def pages(self, page):
        """(frame, contents)"""
        for frame, segment in self.index(page).items():
            yield frame, self.contents(frame, page, segment)


def expand(flags, data, size):
    if flags == 0:
        return data
    if flags == 1:
        return zlib.decompress(data)
    if flags == 2:
        import lzo
        return lzo.decompress(data, False, size)
    if flags == 4:
        import snappy
        return snappy.decompress(data)
    if flags == 0x20:
        import zstandard
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    raise ValueError("page flags %#x" % flags)


class Kdump:
    """A kdump-compressed file of any byte order and word size; frames by its second bitmap."""

    def __init__(self, path):
        m = self.m = mapped(path)
        if m[:8] != b"KDUMP   ":
            raise ValueError("%s is no KDUMP file" % path)
        for order, at, newer in (("<", 424, 96), ("<", 412, 72), (">", 424, 96)):
            _, block, sub, bitmap, old = struct.unpack_from(order + "IiiII", m, at)
            if block in (4096, 8192, 16384, 32768, 65536) and 0 < sub < 65536:
                break
        else:
            raise ValueError("%s: no block size" % path)
        self.order, self.block = order, block
        self.max_mapnr = struct.unpack_from(order + "Q", m, block + newer)[0] or old
        self.bitmap = block * (1 + sub) + block * bitmap // 2
        self.table = block * (1 + sub + bitmap)

    def frames(self, page):
        """In frames of PAGE bytes (the file's own are of `block` bytes)."""
        own = bits(self.m, self.bitmap, self.max_mapnr)
        if page == self.block:
            return own
        if page < self.block:
            return {n * self.block // page + i for n in own for i in range(self.block // page)}
        return {n * self.block // page for n in own}

    def pages(self, page):
        if page != self.block:
            raise ValueError("blocks of %d bytes for pages of %d" % (self.block, page))
        for k, frame in enumerate(sorted(self.frames(page))):
            off, size, flags = struct.unpack_from(self.order + "qII", self.m, self.table + 24 * k)
            data = expand(flags, self.m[off:off + size], page)
            if len(data) != page:
                raise ValueError("frame %#x: %d bytes" % (frame, len(data)))
            yield frame, data


def load(path):
    with open(path, "rb") as f:
        return Elf(path) if f.read(4) == b"\x7fELF" else Kdump(path)


# ---- what was noted while the machine ran --------------------------------------------------------

def present(truth, name):
    """The frames of truth/NAME.present.gz; None when there is none."""
    blob = saved(truth, name + ".present.gz")
    return None if blob is None else bits(blob)


def kpageflags(truth, order):
    """[flags] by frame, what tails take from their heads added; None when there is none."""
    blob = saved(truth, "kpageflags.bin.zst", "kpageflags.bin")
    if blob is None:
        return None
    flags = list(struct.unpack("%s%dQ" % (order, len(blob) // 8), blob[:len(blob) // 8 * 8]))
    tail, head, take, of_head = mask("COMPOUND_TAIL"), mask("COMPOUND_HEAD"), mask(*OF_HEAD), 0
    for i, f in enumerate(flags):
        if f & tail:
            flags[i] |= of_head
        else:
            of_head = f & take if f & head else 0
    return flags


def kpf_class(flags):
    """The class that /proc/kpageflags puts a frame into."""
    if flags & mask("NOPAGE"):
        return "no-record"
    for name in ("HWPOISON", "OFFLINE"):
        if flags & mask(name):
            return name.lower()
    if flags & mask("BUDDY"):
        return "free"
    if flags & mask("HUGE"):
        return "user"
    if flags & mask("SLAB", "RESERVED", "PGTABLE"):
        return "kernel" # 6.12 shows SLAB|ANON where slab data lies over page.mapping
    if flags & mask("ANON"):
        return "user"
    if flags & mask("LRU") or flags & mask("SWAPCACHE", "SWAPBACKED") == mask("SWAPCACHE",
                                                                           "SWAPBACKED"):
        return "private" if flags & mask("PRIVATE") else "cache"
    return "kernel"


def ranges(text):
    """{frame} of "1a-2f,40-41" (hexadecimal, ends included)."""
    out = set()
    for part in text.split(","):
        lo, _, hi = part.partition("-")
        out.update(range(int(lo, 16), int(hi or lo, 16) + 1))
    return out


def canaries(truth):
    """{(kind, name): {frame}}; kind is USERSECRET, SHMEM, CACHE, FREED, RANDOM, ZERO, RECORDS."""
    out = {}
    guest = saved(truth, "guest.txt")
    if guest is not None:
        for line in guest.decode().split("\n"):
            g = re.match(r"frames (\w+) (\w+) pages=\d+ pfns=(\S+)", line)
            if g:
                out.setdefault((g[1], g[2]), set()).update(ranges(g[3]))
        return out
    kinds = {"shared": "SHMEM", "tmpfs": "CACHE", "freed": "FREED"}
    for line in (saved(truth, "canary.zst", "canary") + saved(truth, "freed")).decode().split("\n"):
        g = re.match(r"(\w+) \d+ va=\S+ pfn=(\S+)$", line)
        if g:
            key = kinds.get(g[1], "USERSECRET"), g[1]
            out.setdefault(key, set()).add(int(g[2], 16))
    return out


# ---- kernel memory -------------------------------------------------------------------------------

class Kernel:
    """Kernel memory of an ELF dump by its page tables, and the struct pages in it."""

    def __init__(self, elf, info):
        self.elf, self.info = elf, info
        self.page = int(info["PAGESIZE"])
        self.shift = self.page.bit_length() - 1
        machine = {62: "x86_64", 3: "i386", 183: "arm64", 21: "ppc64", 22: "s390x"}
        self.arch = machine[elf.machine]
        self.order = ">" if self.arch == "s390x" else "<"
        self.word = 4 if self.arch == "i386" else 8
        self.long = "I" if self.word == 4 else "Q"
        self.cache = {}
        self.root = getattr(self, "root_" + self.arch)()
        self.find_records()

    # facts
    def symbol(self, name):
        return int(self.info["SYMBOL(%s)" % name], 16)

    def offset(self, name, otherwise=None):
        text = self.info.get("OFFSET(%s)" % name)
        return otherwise if text is None else int(text)

    def size(self, name):
        return int(self.info["SIZE(%s)" % name])

    def number(self, name, otherwise=None):
        text = self.info.get("NUMBER(%s)" % name)
        return otherwise if text is None else int(text, 0)

    def length(self, name):
        return int(self.info["LENGTH(%s)" % name])

    def release(self):
        g = re.match(r"(\d+)\.(\d+)", self.info["OSRELEASE"])
        return int(g[1]), int(g[2])

    # page tables: root_ARCH() gives the root's address, walk_ARCH(virt) the physical address
    def entry(self, table, index, order=None):
        raw = self.elf.read(table + 8 * index, 8)
        return struct.unpack((order or self.order) + "Q", raw)[0] if raw else 0

    def root_x86_64(self):
        base = self.number("phys_base")
        return self.symbol("init_top_pgt" if "SYMBOL(init_top_pgt)" in self.info
                           else "swapper_pg_dir") - 0xffffffff80000000 + base

    def walk_x86_64(self, virt):
        table, top = self.root, 48 if self.number("pgtable_l5_enabled") else 39
        for shift in range(top, 11, -9):
            e = self.entry(table, virt >> shift & 511)
            if not e & 1:
                return None
            table = e & 0xffffffffff000
            if shift == 12 or shift in (21, 30) and e & 0x80:
                return (table & -(1 << shift)) + (virt & (1 << shift) - 1)
        return None

    def root_i386(self):
        return 0

    def walk_i386(self, virt):
        """Only low memory, where everything is that these tests look at."""
        return virt - 0xc0000000 if virt >= 0xc0000000 else None

    def root_arm64(self):
        return self.symbol("swapper_pg_dir") - self.number("kimage_voffset") & (1 << 64) - 1

    def walk_arm64(self, virt):
        size = 64 - self.number("TCR_EL1_T1SZ")
        step = self.shift - 3
        levels = -(-(size - self.shift) // step)
        wide = size == 52 and self.shift < 16
        table = self.root
        for level in reversed(range(levels)):
            shift = self.shift + level * step
            width = size - shift if level == levels - 1 else step
            e = self.entry(table, virt >> shift & (1 << width) - 1)
            if not e & 1:
                return None
            table = e & (1 << (50 if wide else 48)) - self.page
            if wide:
                table |= (e >> 8 & 3) << 50
            if level == 0 or not e & 2:
                return (table & -(1 << shift)) + (virt & (1 << shift) - 1)
        return None

    def root_ppc64(self):
        return self.symbol("swapper_pg_dir") & 0x0fffffffffffffff

    def walk_ppc64(self, virt):
        table, top = self.root, self.shift + (5 if self.shift == 16 else 9) + 9 + 9 + 13
        for width in (13, 9, 9, 5 if self.shift == 16 else 9):
            top -= width
            e = self.entry(table, virt >> top & (1 << width) - 1, ">")
            if not e >> 63:
                return None
            if e >> 62 & 1:
                return (e & 0x01fffffffffff000 & -(1 << top)) + (virt & (1 << top) - 1)
            table = e & ~0xc0000000000000ff
        return None

    def root_s390x(self):
        return self.symbol("swapper_pg_dir")

    def walk_s390x(self, virt):
        kind = next(k for k in (self.entry(self.root, i) for i in range(2048)) if not k & 0x20)
        table = self.root
        for level in reversed(range((kind >> 2 & 3) + 1)):
            e = self.entry(table, virt >> 20 + 11 * level & 2047)
            if e & 0x20:
                return None
            if level == 0 and e & 0x400:
                return (e & -(1 << 20)) + (virt & (1 << 20) - 1)
            table = e & (-4096 if level else -2048) & (1 << 64) - 1
        e = self.entry(table, virt >> 12 & 255)
        return None if e & 0xc00 else (e & -4096 & (1 << 64) - 1) + (virt & 4095)

    def translate(self, virt):
        base = virt >> 12
        if base not in self.cache:
            self.cache[base] = getattr(self, "walk_" + self.arch)(base << 12)
        phys = self.cache[base]
        return None if phys is None else phys + (virt & 4095)

    def read(self, virt, size):
        out = b""
        while size:
            step = min(size, 4096 - virt % 4096)
            phys = self.translate(virt)
            piece = None if phys is None else self.elf.read(phys, step)
            if piece is None:
                return None
            out, virt, size = out + piece, virt + step, size - step
        return out

    def longs(self, virt, count=1):
        raw = self.read(virt, count * self.word)
        return raw and struct.unpack("%s%d%s" % (self.order, count, self.long), raw)

    # struct pages
    def find_records(self):
        """runs: [(first frame, end frame, address of the record of frame 0)]"""
        self.record_size = self.size("page")
        if "SYMBOL(mem_section)" not in self.info:
            node = self.symbol("contig_page_data")
            start, = self.longs(node + self.offset("pglist_data.node_start_pfn"))
            span, = self.longs(node + self.offset("pglist_data.node_spanned_pages"))
            base, = self.longs(self.symbol("mem_map"))
            self.runs = [(start, start + span, base)]
            return
        step = self.size("mem_section")
        per_root = self.page // step
        section_bits = self.number("SECTION_SIZE_BITS", {"x86_64": 27, "ppc64": 24, "s390x": 28,
                                                         "arm64": 27}[self.arch])
        frames = 1 << section_bits - self.shift
        self.runs = []
        roots = self.longs(self.symbol("mem_section"), self.length("mem_section"))
        for i, root in enumerate(roots):
            for k in range(per_root) if root else ():
                coded, = self.longs(root + k * step + self.offset("mem_section.section_mem_map"))
                if coded & 1:
                    n = i * per_root + k
                    self.runs.append((n * frames, (n + 1) * frames, coded & ~63))

    def record_at(self, frame):
        """The address of a frame's record; None when it has none."""
        for first, end, base in self.runs:
            if first <= frame < end:
                return (base + frame * self.record_size) & (1 << 8 * self.word) - 1
        return None

    def record(self, frame):
        virt = self.record_at(frame)
        return None if virt is None else self.read(virt, self.record_size)


class Pages:
    """What the struct pages of a dump say, frame by frame, by rules written down once more.

    classes: {frame: cache, private, user, free, hwpoison, offline, kernel or no-record}
    """

    def __init__(self, kernel, frames):
        self.k, self.memo = kernel, {}
        k = kernel
        self.at = {n: k.offset("page." + n) for n in ("flags", "mapping", "private", "_mapcount",
                                                      "_refcount", "lru")}
        self.head_word = k.offset("page.compound_info", k.offset("page.compound_head"))
        self.pg = {n: k.number("PG_" + n) for n in ("lru", "private", "swapcache", "swapbacked",
                                                    "slab", "hwpoison")}
        self.types = {n: None if v is None else v & 0xffffffff for n, v in (
            (n, k.number("PAGE_%s_MAPCOUNT_VALUE" % n.upper()))
            for n in ("buddy", "offline", "slab", "hugetlb", "unaccepted"))}
        self.classes = self.classify(frames)

    def word(self, record, name):
        at = self.head_word if name == "head" else self.at[name]
        return struct.unpack_from(self.k.order + self.k.long, record, at)[0]

    def type(self, record):
        return struct.unpack_from(self.k.order + "I", record, self.at["_mapcount"])[0]

    def refcount(self, record):
        return struct.unpack_from(self.k.order + "i", record, self.at["_refcount"])[0]

    def is_type(self, record, name):
        want, have = self.types[name], self.type(record)
        if want is None:
            return False
        return have == want if want & 0xffffff else have >> 24 == want >> 24

    def bit(self, record, name):
        return self.pg[name] is not None and self.word(record, "flags") >> self.pg[name] & 1

    def record(self, frame):
        if frame not in self.memo:
            self.memo[frame] = self.k.record(frame)
        return self.memo[frame]

    def head(self, frame):
        """The frame of the head of a tail; the frame itself of any other."""
        record = self.record(frame)
        value = self.word(record, "head")
        if not value & 1:
            return frame
        value -= 1
        virt, span = self.k.record_at(frame), (1 << 8 * self.k.word) - value
        if not span & span - 1: # 7.1: a mask
            value &= virt
        return frame - (virt - value) // self.k.record_size

    def order(self, head):
        """Of a compound page, 0 of others."""
        if not self.word(self.record(head), "flags") & self.k.number("PG_head_mask"):
            return 0
        second = self.record(head + 1)
        if second is None or not self.word(second, "head") & 1:
            return 0
        at = self.k.offset("page.compound_order")
        return self.word(second, "flags") & 0xff if at is None else second[at]

    def is_huge(self, head):
        if not self.order(head):
            return False
        if self.types["hugetlb"] is not None:
            return self.is_type(self.record(head), "hugetlb")
        second = self.record(head + 1)
        if self.k.release() >= (6, 6):
            return bool(self.word(second, "flags") >> self.k.number("PG_hugetlb") & 1)
        return second[self.k.offset("page.compound_dtor")] == self.k.number("HUGETLB_PAGE_DTOR")

    def is_slab(self, record):
        if self.types["slab"] is not None:
            return self.is_type(record, "slab")
        return bool(self.bit(record, "slab"))

    def class_of(self, head):
        r = self.record(head)
        if self.bit(r, "hwpoison"):
            return "hwpoison"
        if self.is_type(r, "offline") and not self.is_slab(r):
            return "offline"
        if self.is_huge(head):
            return "user"
        typed = 0x80000000 <= self.type(r) < 0xffffffff
        reserved = self.word(r, "flags") >> self.pg["private"] - 1 & 1
        if self.is_slab(r) or typed or reserved:
            return "kernel"
        if self.word(r, "mapping") & 1:
            return "user"
        if self.bit(r, "lru") or self.bit(r, "swapcache") and self.bit(r, "swapbacked"):
            return "private" if self.bit(r, "private") else "cache"
        return "kernel"

    def free_blocks(self):
        """{frame} in free blocks, by every head of one."""
        out, top = set(), self.k.length("zone.free_area")
        for first, end, _ in self.k.runs:
            for frame in range(first, end):
                r = self.record(frame)
                if r is None or self.is_slab(r) or self.word(r, "head") & 1:
                    continue
                if self.is_type(r, "buddy") and self.word(r, "private") < top:
                    out.update(range(frame, frame + (1 << self.word(r, "private"))))
                elif self.is_type(r, "unaccepted"):
                    out.update(range(frame, frame + (1 << top - 1)))
        return out

    def classify(self, frames):
        self.free = self.free_blocks()
        out = {}
        for frame in frames:
            if self.record(frame) is None:
                out[frame] = "no-record"
            elif frame in self.free:
                out[frame] = "free"
            else:
                head = self.head(frame)
                covered = head == frame or frame - head < 1 << self.order(head)
                out[frame] = self.class_of(head) if covered else "kernel"
        return out

    def show(self, frame):
        r = self.record(frame)
        if r is None:
            return "no struct page"
        return "flags %#x mapping %#x type %#x refcount %d head word %#x private %#x" % (
            self.word(r, "flags"), self.word(r, "mapping"), self.type(r), self.refcount(r),
            self.word(r, "head"), self.word(r, "private"))


# ---- the dumps -----------------------------------------------------------------------------------

def names(root):
    return [n for n in sorted(os.listdir(root))
            if os.path.exists(os.path.join(root, n, "vmcore.elf.zst"))]


class Real:
    """A real dump with what is known of it; its own copy is removed by close()."""

    def __init__(self, root, name, scratch):
        self.name, self.truth = name, os.path.join(root, name, "truth")
        self.path = os.path.join(os.environ.get("DUMPIO_TEST_UNPACKED", scratch), name + ".elf")
        self.own = not os.path.exists(self.path)
        if self.own:
            self.path = os.path.join(scratch, name + ".elf")
            subprocess.run(["zstd", "-q", "-d", "-f", "--long=29",
                            os.path.join(root, name, "vmcore.elf.zst"), "-o", self.path],
                           check=True)
        self.elf = Elf(self.path)
        noted = saved(self.truth, "vmcoreinfo")
        self.info = self.elf.vmcoreinfo() or parse_vmcoreinfo(noted)
        self.page = int(self.info["PAGESIZE"])
        self.order = ">" if name.startswith("s390") else "<"
        self.frames, self.halves = self.elf.frames(self.page), self.elf.halves(self.page)
        self._pages = None

    @property
    def pages(self):
        if self._pages is None:
            self._pages = Pages(Kernel(self.elf, self.info), self.frames)
        return self._pages

    def close(self):
        if self.own:
            os.remove(self.path)


# ---- runs ----------------------------------------------------------------------------------------

class Tally:
    def __init__(self):
        self.checks = self.failures = 0

    def check(self, what, good, detail=""):
        self.checks += 1
        if not good:
            self.failures += 1
            print("FAILED: %s %s" % (what, detail))
        return bool(good)

    def finish(self):
        print("%d checks, %d failures" % (self.checks, self.failures))
        return 1 if self.failures or not self.checks else 0


def tool(name, *args, **more):
    """(exit status, standard output, standard error)"""
    done = subprocess.run([os.path.join(os.environ["DUMPIO_BIN"], name), "-q", *args],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    return (done.returncode, done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace").strip())


def few(frames, say=None):
    """The first of FRAMES, for a message; SAY tells what is to be said of one."""
    shown = sorted(frames)[:4]
    text = "; ".join("%#x%s" % (f, " " + say(f) if say else "") for f in shown)
    return "%d frames: %s%s" % (len(frames), text, " ..." if len(frames) > len(shown) else "")


def for_each_dump(do, wanted=()):
    """do(Real) for every dump that is there; the exit status when there is none, else None."""
    root = os.environ.get("DUMPIO_TEST_DUMPS")
    if not root:
        print("skipped: DUMPIO_TEST_DUMPS is not set")
        return 77
    scratch = os.environ["DUMPIO_SCRATCH"]
    os.makedirs(scratch, exist_ok=True)
    found = [n for n in names(root) if not wanted or n in wanted]
    if not found:
        print("skipped: no dump in %s" % root)
        return 77
    for name in found:
        dump = Real(root, name, scratch)
        try:
            do(dump)
        finally:
            dump.close()
    return None
