# SPDX-License-Identifier: Apache-2.0
"""KDUMP files: header versions 0 to 6, three sub-header layouts, split sets.

Format reference: makedumpfile's diskdump_mod.h and IMPLEMENTATION; crash's diskdump.h.
Not handled: header_version above 6 has the fields of 6.
"""
import codec
import notes
from common import Dump, SpecError, Struct, align, describe, num

# field: (since version, {layout: (offset, size)})
FIELDS = {
    "phys_base": (0, {"32packed": (0, 4), "32padded": (0, 4), "64": (0, 8)}),
    "dump_level": (1, {"32packed": (4, 4), "32padded": (4, 4), "64": (8, 4)}),
    "split": (2, {"32packed": (8, 4), "32padded": (8, 4), "64": (12, 4)}),
    "start_pfn": (2, {"32packed": (12, 4), "32padded": (12, 4), "64": (16, 8)}),
    "end_pfn": (2, {"32packed": (16, 4), "32padded": (16, 4), "64": (24, 8)}),
    "offset_vmcoreinfo": (3, {"32packed": (20, 8), "32padded": (24, 8), "64": (32, 8)}),
    "size_vmcoreinfo": (3, {"32packed": (28, 4), "32padded": (32, 4), "64": (40, 8)}),
    "offset_note": (4, {"32packed": (32, 8), "32padded": (40, 8), "64": (48, 8)}),
    "size_note": (4, {"32packed": (40, 4), "32padded": (48, 4), "64": (56, 8)}),
    "offset_eraseinfo": (5, {"32packed": (44, 8), "32padded": (56, 8), "64": (64, 8)}),
    "size_eraseinfo": (5, {"32packed": (52, 4), "32padded": (64, 4), "64": (72, 8)}),
    "start_pfn_64": (6, {"32packed": (56, 8), "32padded": (72, 8), "64": (80, 8)}),
    "end_pfn_64": (6, {"32packed": (64, 8), "32padded": (80, 8), "64": (88, 8)}),
    "max_mapnr_64": (6, {"32packed": (72, 8), "32padded": (88, 8), "64": (96, 8)}),
}


class Pages:
    """The pages of a dump by PFN and what the two bitmaps say of them."""

    def __init__(self, spec):
        self.spec, self.size = spec, spec.page_size
        self.base = spec.int("pfn-base")                 # physical address of PFN 0
        self.data = {self.pfn(a): (d, o) for a, d, o in spec.file_pages() if "duplicate" not in o}
        self.lost = {self.pfn(a) for a in spec.page_set(spec.lost)}
        self.excluded = {self.pfn(a) for a in spec.page_set(spec.excluded)}
        self.dumpable = sorted(set(self.data) | self.lost)
        ram = set(self.dumpable) | self.excluded
        self.ram = sorted(self.dumpable if spec.get("bitmaps") == "equal" else ram)
        self.max_mapnr = spec.int("max_mapnr", max(ram, default=-1) + 1)

    def pfn(self, addr):
        return (addr - self.base) // self.size

    def span(self, pfn):
        start = pfn * self.size + self.base
        return start, start + self.size


def write_bitmap(image, at, pfns):
    bits = {}
    for pfn in pfns:
        bits[pfn // 8] = bits.get(pfn // 8, 0) | 1 << pfn % 8
    run, first = bytearray(), None
    for off in sorted(bits):
        if first is None or off != first + len(run):
            if run:
                image.write(at + first, run)
            run, first = bytearray(), off
        run.append(bits[off])
    if run:
        image.write(at + first, run)


class Store:
    """Descriptors and page data of one file."""

    def __init__(self, dump, pages, desc_at, data_at, reserved):
        self.dump, self.pages, self.desc_at, self.at = dump, pages, desc_at, data_at
        self.codecs, self.zero, self.where = set(), None, {}
        dump.image.grow(desc_at + 24 * reserved)
        self.start = data_at

    def zero_page(self):
        self.zero = self.at
        self._data(bytes(self.pages.size))

    def _data(self, raw):
        self.dump.image.write(self.at, raw)
        self.at += len(raw)
        return self.at - len(raw)

    def desc(self, k, off, size, flags):
        s = Struct(24, self.pages.spec.order)
        for at, n, value in ((0, 8, off), (8, 4, size), (12, 4, flags)):
            s.put(at, n, value)
        self.dump.image.write(self.desc_at + 24 * k, s.data)

    def add(self, k, pfn):
        """The page of PFN as descriptor K."""
        dump = self.dump
        start, end = self.pages.span(pfn)
        if pfn in self.pages.lost:
            self.desc(k, 0, 0, 0)
            dump.lost.append((start, end))
            return
        data, opts = self.pages.data[pfn]
        off, size, flags, bad = self._place(data, opts)
        self.where[start] = (off, size, flags)
        self.desc(k, off, size, flags)
        need = [(self.desc_at + 24 * k, 24), (off, size)]
        if bad:
            dump.lost.append((start, end))
            dump.info["remarks"].append("damaged page %#x" % start)
        else:
            dump.stored.append((start, end, data, need))

    def _place(self, data, opts):
        """Store DATA: (offset, size, flags, damaged)."""
        if self.zero is not None and not any(data) and "unshared" not in opts:
            return self.zero, len(data), 0, False
        if "share" in opts:
            off, size, flags = self.where[num(opts["share"])]
            return off, size, flags, False
        used, raw = codec.shrink(opts.get("codec", self.pages.spec.get("codec", "none")), data)
        self.codecs.add(used)
        flags, bad = codec.FLAGS[used], False
        if "corrupt" in opts:                            # breaks the zlib checksum
            raw, bad = raw[:-1] + bytes([raw[-1] ^ 0xff]), True
        size = len(raw)
        off = self._data(raw)
        if "desc-size" in opts:
            size, bad = num(opts["desc-size"]), True
        if "desc-flags" in opts:
            flags, bad = num(opts["desc-flags"]), True
        if "desc-offset" in opts:
            off, bad = num(opts["desc-offset"]), True
        return off, size, flags, bad


def main_header(spec, pages, signature, version, status, nr_cpus, blocks):
    """The main header without tasks; BLOCKS = (sub header, both bitmaps)."""
    wide = spec.word == 64
    s = Struct(464 if wide else 452, spec.order)
    s.data[:8] = signature
    s.put(8, 4, version)
    s.uts(12, spec.utsname())
    sec, usec = spec.time()
    if wide:
        s.put(408, 8, sec)
        s.put(416, 8, usec)
    else:
        s.put(404, 4, sec)
        s.put(408, 4, usec)
    at = 424 if wide else 412
    for i, value in enumerate((status, spec.page_size, blocks[0], blocks[1], pages.max_mapnr,
                               spec.int("total_ram_blocks"), spec.int("device_blocks"),
                               spec.int("written_blocks"), spec.int("current_cpu"), nr_cpus)):
        s.put(at + 4 * i, 4, value)
    return s.data


class Plan:
    """Offsets shared by every file of a set."""

    def __init__(self, spec, pages, layout, version):
        self.spec, self.pages, self.layout, self.version = spec, pages, layout, version
        self.block = spec.page_size
        have = [f for f, (since, _) in FIELDS.items() if since <= version]
        last = max(sum(FIELDS[f][1][layout]) for f in have)
        self.sub_size = align(last, 4 if layout == "32packed" else 8 if version >= 3 else
                              spec.word // 8)
        self.notes, self.regs = notes.build(spec) if version >= 4 else ([], [])
        self.stream = notes.encode(spec, self.notes)
        self.text = b""
        if version >= 3 and spec.get("vmcoreinfo-in", "notes" if version > 3 else "text") == "text":
            self.text = spec.vmcoreinfo_text()
        self.tail_at = self.block + self.sub_size
        tail = len(self.stream) + len(self.text)
        self.sub_blocks = -(-(self.sub_size + tail) // self.block)
        one = max(1, -(-(-(-pages.max_mapnr // 8)) // self.block))
        self.bitmap_blocks = one if spec.get("bitmaps") == "single" else 2 * one
        self.bitmap1 = self.block * (1 + self.sub_blocks)
        self.bitmap2 = self.bitmap1 + (0 if self.bitmap_blocks == one else one * self.block)
        self.desc_at = self.bitmap1 + self.bitmap_blocks * self.block
        self.data_at = self.desc_at + 24 * len(pages.dumpable)

    def vmcoreinfo(self):
        if self.text:
            return self.tail_at + len(self.stream), len(self.text)
        off, size = notes.vmcoreinfo_offset(self.spec, self.notes)
        return (self.tail_at + off, size) if size else (0, 0)

    def sub_header(self, part, erase):
        """PART = (start_pfn, end_pfn) or None; ERASE = (offset, size)."""
        spec = self.spec
        off, size = self.vmcoreinfo()
        values = {"phys_base": spec.int("phys_base"), "dump_level": spec.int("dump_level"),
                  "split": 1 if part else 0, "offset_vmcoreinfo": off, "size_vmcoreinfo": size,
                  "offset_note": self.tail_at if self.stream else 0,
                  "size_note": len(self.stream), "offset_eraseinfo": erase[0],
                  "size_eraseinfo": erase[1], "max_mapnr_64": self.pages.max_mapnr}
        start, end = part or (0, 0)
        values.update(start_pfn=start, end_pfn=end, start_pfn_64=start, end_pfn_64=end)
        # fields newer than the version: whatever lies there must not be looked at
        garbage = spec.yes("newer-fields-garbage") and self.version < 6
        s = Struct(104, spec.order)
        if garbage:
            s.data[:] = b"\xa5" * 104
        for name, (since, where) in FIELDS.items():
            if since <= self.version:
                s.put(*where[self.layout], values[name])
        alone = not self.stream and not self.text
        return bytes(s.data if garbage and alone else s.data[:self.sub_size])


def _file(spec, plan, part, first):
    """One file: the whole dump, or PART of it."""
    pages, dump = plan.pages, Dump(spec, "kdump", plan.version)
    chosen = [p for p in pages.dumpable if not part or part[0] <= p < part[1]]
    store = Store(dump, pages, plan.desc_at, plan.data_at, len(pages.dumpable))
    if spec.int("dump_level") & 1 and spec.get("zero-first", "yes") == "yes":
        store.zero_page()
    for k, pfn in enumerate(chosen):
        store.add(k, pfn)
    erase = "".join(x + "\n" for x in spec.erase).encode() if plan.version >= 5 and first else b""
    if erase:
        dump.image.write(store.at, erase)
    image = dump.image
    image.write(plan.block, plan.sub_header(part, (store.at, len(erase)) if erase else (0, 0)))
    image.write(plan.tail_at, plan.stream + plan.text)
    write_bitmap(image, plan.bitmap1, pages.ram if plan.bitmap1 != plan.bitmap2 else [])
    write_bitmap(image, plan.bitmap2, pages.dumpable)
    dump.need = plan.desc_at
    dump.excluded = [pages.span(p) for p in pages.excluded
                     if plan.bitmap1 != plan.bitmap2 and spec.get("bitmaps") != "equal"]
    dump.elsewhere = [pages.span(p) for p in pages.dumpable if p not in set(chosen)]
    return dump, store


def _parts(spec, pages):
    """[(start, end)] of a split set, or [None]."""
    if "split" not in spec.keys:
        return [None]
    cuts = [0] + [num(w) for w in spec.get("split").split()] + [pages.max_mapnr]
    return list(zip(cuts, cuts[1:]))


def _finish(spec, plan, dump, codecs, first=True):
    info = dump.info
    describe(dump, spec)
    notes.describe(info, spec, plan.notes, plan.regs)
    if plan.text:
        info["vmcoreinfo"] = plan.text.decode()
    erase = "".join(x + "\n" for x in spec.erase) if first else ""
    info.update(layout=plan.layout, phys_base=spec.int("phys_base"),
                dump_level=spec.int("dump_level") if plan.version >= 1 else None,
                eraseinfo=erase or None if plan.version >= 5 else None,
                max_mapnr=plan.pages.max_mapnr, nr_cpus=spec.int("nr_cpus", len(spec.cpus)),
                descriptors=len(plan.pages.dumpable), codecs=sorted(codecs),
                data_start=plan.data_at)
    if plan.pages.lost:
        info["complete"] = False
        info["remarks"].append("incomplete")


def build(spec):
    layout = spec.get("layout", spec.arch.layout)
    spec.word = 64 if layout == "64" else 32
    version = spec.int("version", 6)
    pages = Pages(spec)
    plan = Plan(spec, pages, layout, min(version, 6))
    parts = _parts(spec, pages)
    built = [_file(spec, plan, part, i == 0) for i, part in enumerate(parts)]
    codecs = set().union(*(s.codecs for _, s in built))
    status = sum(codec.FLAGS[c] for c in codecs) | (8 if pages.lost else 0)
    head = main_header(spec, pages, b"KDUMP   ", version, spec.int("status", status),
                       spec.int("nr_cpus", len(spec.cpus)), (plan.sub_blocks, plan.bitmap_blocks))
    for i, (dump, _) in enumerate(built):
        dump.image.write(0, head)
        dump.info["version"] = version
        _finish(spec, plan, dump, codecs, i == 0)
    if parts == [None]:
        return built[0][0]
    return _set(spec, plan, built, parts, codecs)


def _set(spec, plan, built, parts, codecs):
    """The whole of a split set: its parts, less those the spec leaves out."""
    whole = Dump(spec, "kdump", plan.version)
    _finish(spec, plan, whole, codecs)
    skip = {num(w) for w in spec.get("omit-part", "").split()}
    for i, (dump, _) in enumerate(built):
        dump.info["split"] = list(parts[i])
        if i in skip:
            whole.lost += [(s, e) for s, e, _, _ in dump.stored] + dump.lost
            whole.info["complete"] = False
            whole.info["remarks"].append("part missing: frames %d to %d" % parts[i])
            continue
        whole.parts.append(dump)
        whole.stored += [(s, e, d, []) for s, e, d, _ in dump.stored]
        whole.lost += dump.lost
    whole.excluded = built[0][0].excluded
    if not whole.parts:
        raise SpecError("no part left")
    return whole
