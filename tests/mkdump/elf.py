# SPDX-License-Identifier: Apache-2.0
"""ELF core dumps: kdump (/proc/vmcore, makedumpfile -E), netdump and diskdump, QEMU old and new.

Format reference: ELF gABI; crash's netdump.c; makedumpfile's elf_info.c; QEMU's dump.c.
Not handled: xc_core files of Xen.
"""
import notes
from common import Dump, SpecError, Struct, align, describe, gather, merge, num

ONES = (1 << 64) - 1


class Seg:
    """One PT_LOAD: `data` are the stored bytes, `memsz` may be more."""

    def __init__(self, start, end):
        self.start, self.memsz, self.data, self.offset = start, end - start, b"", 0
        self.paddr, self.vaddr, self.align, self.kind, self.share = start, None, None, 1, None


def _piece(spec, start, end):
    return gather(spec.memory(), start, end)


def _auto_segments(spec):
    """Runs of present memory, each with the excluded run behind it."""
    have, out = merge([(s, e) for s, e, _ in spec.memory()]), []
    gone = merge(spec.excluded)
    if spec.get("style") == "netdump":
        have, gone = [[0, have[-1][1]]], []
    for start, end in have:
        seg = Seg(start, end)
        seg.data = _piece(spec, start, end)
        for hole in [g for g in gone if g[0] == end]:
            seg.memsz += hole[1] - hole[0]
            gone.remove(hole)
        out.append(seg)
    out += [Seg(s, e) for s, e in gone]
    return sorted(out, key=lambda s: s.start)


def _given_segments(spec):
    out = []
    for start, end, opts in spec.segments:
        for _ in range(num(opts.get("repeat", "1"))):
            seg = Seg(start, end)
            filesz = num(opts.get("filesz", str(end - start)))
            source = num(opts.get("from", str(start)))
            seg.data = _piece(spec, source, source + filesz)
            seg.paddr = num(opts["paddr"]) if "paddr" in opts else start
            seg.vaddr = num(opts["vaddr"]) if "vaddr" in opts else None
            seg.align = num(opts["align"]) if "align" in opts else None
            seg.share = opts.get("share")
            seg.kind = num(opts.get("type", "1"))
            out.append(seg)
            start, end = end, end + (end - start)
    return out


class Writer:
    """The layout of one file; offsets are settled before anything is written."""

    def __init__(self, spec):
        self.spec, self.style = spec, spec.get("style", "kdump")
        self.wide = spec.int("class", spec.arch.word) == 64
        self.ehdr, self.phdr, self.shdr = (64, 56, 64) if self.wide else (52, 32, 40)
        self.segs = _given_segments(spec) if spec.segments else _auto_segments(spec)
        self.notes, self.regs = notes.build(spec, {
            "netdump": "prstatus prpsinfo taskstruct"}.get(self.style, notes.DEFAULT))
        self.streams = self._note_streams()
        self.xnum = spec.yes("pnxnum") or len(self.segs) + len(self.streams) >= 0xffff
        self.shnum = 2 if self.style == "qemu-new" else 1 if self.xnum else 0
        self.count = len(self.segs) + len(self.streams)

    def _note_streams(self):
        n = self.spec.int("note-segments", 1)
        groups = [self.notes[i * len(self.notes) // n:(i + 1) * len(self.notes) // n]
                  for i in range(n)]
        return [notes.encode(self.spec, g) for g in groups]

    def place(self):
        """Offsets of tables, notes, memory and section data, in file order."""
        spec, at = self.spec, self.ehdr
        first = self.style == "qemu-new"
        if first:
            self.shoff, at = at, at + self.shnum * self.shdr
        self.phoff = spec.int("phoff", at)
        at = self.phoff + self.count * self.phdr
        if not first:
            self.shoff, at = (at if self.shnum else 0), at + self.shnum * self.shdr
        self.note_off = []
        notes_last = spec.yes("notes-last")
        if not notes_last:
            at = self._place_notes(at)
        linear = self.style == "netdump"
        at = align(at, spec.int("data-align", {"kdump": 4096, "netdump": 4096}.get(self.style, 1)))
        at = self._place_data(at, linear)
        if notes_last:
            at = self._place_notes(at)
        self.strtab = at

    def _place_notes(self, at):
        for stream in self.streams:
            self.note_off.append(at)
            at += len(stream)
        return at

    def _place_data(self, at, linear):
        base, by_start = at, {}
        order = reversed(self.segs) if self.spec.get("data-order") == "reverse" else self.segs
        for seg in order:
            if not seg.data:
                seg.offset = ONES if self.style.startswith("qemu") else 0
            elif linear:
                seg.offset, at = base + seg.paddr, max(at, base + seg.paddr + len(seg.data))
            elif seg.share is not None:
                # the bytes of the same physical range in a segment placed earlier
                host = by_start[num(seg.share)]
                seg.offset = host.offset + seg.paddr - host.paddr
            else:
                seg.offset, at = at, at + len(seg.data)
            by_start.setdefault(seg.paddr, seg)
        return at

    def _ehdr(self):
        spec, wide = self.spec, self.wide
        s = Struct(self.ehdr, spec.order)
        s.data[:7] = b"\x7fELF" + bytes([2 if wide else 1, 1 if spec.order == "little" else 2, 1])
        s.put(16, 2, 4)
        s.put(18, 2, spec.int("machine", spec.arch.em))
        s.put(20, 4, 1)
        size = 8 if wide else 4
        s.put(24 + size, size, self.phoff)
        s.put(24 + 2 * size, size, self.shoff)
        at = 24 + 3 * size
        s.put(at, 4, spec.int("e_flags"))
        fields = (spec.int("ehsize", 8 if self.style == "qemu-new" else self.ehdr), self.phdr,
                  0xffff if self.xnum else self.count, self.shdr if self.shnum else 0, self.shnum,
                  1 if self.style == "qemu-new" else 0)
        for i, value in enumerate(fields):
            s.put(at + 4 + 2 * i, 2, value)
        return s.data

    def _one_phdr(self, kind, off, vaddr, paddr, filesz, memsz, alignment):
        s = Struct(self.phdr, self.spec.order)
        flags = 7 if kind == 1 else 0
        if self.wide:
            s.put(0, 4, kind)
            s.put(4, 4, flags)
            for i, value in enumerate((off, vaddr, paddr, filesz, memsz, alignment)):
                s.put(8 + 8 * i, 8, value)
        else:
            for i, v in enumerate((kind, off, vaddr, paddr, filesz, memsz, flags, alignment)):
                s.put(4 * i, 4, v)
        return bytes(s.data)

    def _vaddr(self, seg):
        if seg.vaddr is not None:
            return seg.vaddr
        if self.style.startswith("qemu"):
            return 0 if self.spec.yes("vaddr0") else seg.paddr
        return self.spec.arch.page_offset + seg.paddr

    def _phdrs(self):
        spec, note_headers, loads = self.spec, [], []
        p_align = spec.int("p_align", 4096 if self.style == "netdump" else 0)
        for off, stream in zip(self.note_off, self.streams):
            note_headers.append(self._one_phdr(4, off, 0, 0, len(stream), len(stream),
                                               spec.int("note-align")))
        for seg in self.segs:
            loads.append(self._one_phdr(seg.kind, seg.offset, self._vaddr(seg), seg.paddr,
                                        len(seg.data), seg.memsz,
                                        p_align if seg.align is None else seg.align))
        if spec.get("note-headers") == "last":
            return b"".join(loads + note_headers)
        return b"".join(note_headers + loads)

    def _shdrs(self):
        """Section header 0 carries the count; QEMU 7.2 adds a string table."""
        size = 8 if self.wide else 4
        table = Struct(self.shnum * self.shdr, self.spec.order)
        info_at = 44 if self.wide else 28
        if self.xnum:
            table.put(info_at - 4 - size, size, 1)       # sh_size
            table.put(info_at, 4, self.count)
        names = b"\0.shstrtab\0"
        if self.style == "qemu-new":
            at = self.shdr
            table.put(at, 4, 1)
            table.put(at + 4, 4, 3)                      # SHT_STRTAB
            off_at = at + 8 + 2 * size
            table.put(off_at, size, self.strtab)
            length = len(names)
            if self.spec.yes("strtab-swapped"):
                length = int.from_bytes(length.to_bytes(size, "little"), "big")
            table.put(off_at + size, size, length)
        return table.data, names

    def write(self, dump):
        image = dump.image
        image.write(0, self._ehdr())
        image.write(self.phoff, self._phdrs())
        if self.shnum:
            table, names = self._shdrs()
            image.write(self.shoff, table)
            if self.style == "qemu-new":
                image.write(self.strtab, names)
        for off, stream in zip(self.note_off, self.streams):
            image.write(off, stream)
        for seg in reversed(self.segs):
            if seg.data:
                image.write(seg.offset, seg.data)


def _model(dump, writer):
    limit = (1 << (64 if writer.wide else 32)) - 1
    for seg in writer.segs:
        if seg.kind != 1 or seg.paddr & limit == limit:
            continue
        if seg.data:
            dump.stored.append((seg.paddr, seg.paddr + len(seg.data), seg.data,
                                [(seg.offset, len(seg.data))]))
        if seg.memsz > len(seg.data):
            dump.excluded.append((seg.paddr + len(seg.data), seg.paddr + seg.memsz))


def build(spec):
    if spec.lost:
        raise SpecError("ELF marks no single page as lost; use truncate")
    writer = Writer(spec)
    writer.place()
    dump = Dump(spec, "elf")
    writer.write(dump)
    describe(dump, spec, uts=False, time=False)
    notes.describe(dump.info, spec, writer.notes, writer.regs)
    _model(dump, writer)
    dump.need = max([writer.phoff + writer.count * writer.phdr] +
                    [o + len(s) for o, s in zip(writer.note_off, writer.streams)])
    info = dump.info
    info.update(style=writer.style, elf_class=64 if writer.wide else 32, pnxnum=writer.xnum,
                program_headers=writer.count, word_size=spec.arch.word)
    if spec.int("e_flags") & 1:
        info["complete"] = False
        info["remarks"].append("incomplete")
    return dump
