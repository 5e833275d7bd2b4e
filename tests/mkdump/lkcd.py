# SPDX-License-Identifier: Apache-2.0
"""LKCD dumps, versions 1 to 10: native headers up to 7, the packed one from 8.

Format reference: libkdumpfile's lkcd.c; crash's lkcd_dump_*.h; LKCD's dump_fmt.c and dump_rle.c.
Not handled: version 4's true layout, 32-byte records of debugging kernels, unpacked ia64 v7.
"""
import zlib

import codec
from arch import LKCD_REGS, reg_block
from common import Dump, SpecError, Struct, describe, num

MAGIC, LIVE = 0xa8190173618f23ed, 0xa8190173618f23cd
RAW, COMPRESSED, END, TRUNCATED, NOT_USED = 1, 2, 4, 8, 0x20
CODES = {"none": 0, "rle": 1, "gzip": 2}
ASM_MAGIC = 0xdeaddead

# {arch: (version, offset of regs, offset of smp_num_cpus)}; the arrays follow dumping_cpu
ASM = {"i386": (3, 24, 84), "x86_64": (2, 16, 184), "ppc64": (5, 16, 368),
       "ppc64le": (5, 16, 368), "ia64": (4, 24, 496)}


def _plan(spec, version, wide):
    """Offsets of the main header: (num, panic, time, uts, task, extra or None, total)."""
    if version >= 8:
        return 48, 52, 308, 324, 714, 722, 734 if version == 8 else 742
    if version == 1:
        return (56, 60, 320, 336, 728, None, 736) if wide else (56, 60, 316, 324, 776, None, 780)
    if version < 5:
        return (48, 52, 312, 328, 720, None, 728) if wide else (48, 52, 308, 316, 708, None, 712)
    return (48, 52, 312, 328, 720, 728, 744) if wide else (48, 52, 308, 316, 708, 712, 724)


def _panic_string(spec):
    return spec.get("panic", "Fatal exception in interrupt")


def _task(spec):
    return spec.int("task", spec.arch.page_offset + 0x345600) & ((1 << spec.arch.word) - 1)


def _asm_version(spec):
    return spec.int("asm-version", ASM[spec.arch.name][0])


def _asm_smp(spec):
    """The packed SMP header of versions 8 and up: (bytes, registers)."""
    arch, word = spec.arch, spec.arch.word // 8
    _, regs_at, cpus_at = ASM[arch.name]
    names, slots = LKCD_REGS[arch.name], spec.int("asm-slots", 8)
    block = len(names) * word
    size = cpus_at + 8 + slots * (block + 3 * word)
    s, regs = Struct(size, spec.order), []
    s.put(0, 8, ASM_MAGIC)
    s.put(8, 4, _asm_version(spec))
    s.put(12, 4, size)
    dumping = spec.int("dumping_cpu")
    s.put(cpus_at, 4, len(spec.cpus))
    s.put(cpus_at + 4, 4, dumping)
    at = cpus_at + 8
    for i, cpu in enumerate(spec.cpus):
        values, raw = reg_block(cpu, names, arch.word, spec.order)
        s.data[at + i * block:at + (i + 1) * block] = raw
        pointers = [_task(spec) if i == dumping else arch.page_offset + 0x400000 + 0x2000 * i,
                    arch.page_offset + 0x500000 + 0x4000 * i,
                    arch.page_offset + 0x600000 + 0x4000 * i]
        for k, value in enumerate(pointers):             # current_task, stack, stack_ptr
            s.put(at + slots * block + (k * slots + i) * word, word, value)
        mask = (1 << arch.word) - 1
        regs.append({"cpu": cpu["id"], "raw": raw.hex(),
                     "regs": {k: "%#x" % v for k, v in values.items()},
                     "task": "%#x" % (pointers[0] & mask), "stack": "%#x" % (pointers[1] & mask),
                     "stack_ptr": "%#x" % (pointers[2] & mask)})
        if i == dumping:
            s.data[regs_at:regs_at + block] = raw
            if arch.name == "i386":
                s.put(16, 4, values["esp"])
                s.put(20, 4, values["eip"])
    if arch.name == "ia64":
        s.put(16, 8, arch.page_offset + 0x700000)        # address of pt_regs
        for i in range(3):
            s.put(472 + 8 * i, 8, 0x1000 + i)            # rnat, pfs, bspstore
    return bytes(s.data), regs


def _asm_s390(spec):
    s = Struct(20 + 4 * 512, spec.order)
    s.put(0, 8, 0x733339302d64756d)
    s.put(8, 4, 1)
    s.put(12, 4, len(s.data))
    s.put(16, 2, len(spec.cpus))
    s.put(18, 2, len(spec.cpus))
    for i in range(len(spec.cpus)):
        s.put(20 + 4 * i, 4, 0x2000 * (i + 1))
    return bytes(s.data), []


def _asm_early(spec):
    """Versions 2 and 3 on i386 carry one register set; others are opaque here."""
    i386 = spec.arch.name == "i386"
    s = Struct(84 if i386 else 16, spec.order)
    s.put(0, 8, ASM_MAGIC)
    s.put(8, 4, spec.int("asm-version", 1))
    s.put(12, 4, len(s.data))
    if not i386:
        return bytes(s.data), []
    values, raw = reg_block(spec.cpus[0], LKCD_REGS["i386"], 32, spec.order)
    s.put(16, 4, values["esp"])
    s.put(20, 4, values["eip"])
    s.data[24:84] = raw
    return bytes(s.data), [{"cpu": 0, "raw": raw.hex(),
                            "regs": {k: "%#x" % v for k, v in values.items()}}]


def _asm(spec, version):
    if version == 1 or spec.get("asm") == "none":
        return b"", []
    if version >= 8 and spec.arch.name == "s390x":
        return _asm_s390(spec)
    if version >= 8 and spec.arch.name in ASM:
        return _asm_smp(spec)
    head, regs = _asm_early(spec)
    return head, regs if version in (2, 3) else []       # 5 to 7: no definition known


def _main_header(spec, version, wide, count):
    """(main header, registers in it): everything but the records."""
    at_num, panic, time, uts, task, extra, size = _plan(spec, version, wide)
    s, regs = Struct(size, spec.order), []
    bits = {"0": 0x80000000, "1": 0x40000000}.get(spec.get("mclx"), 0)
    s.put(0, 8, LIVE if spec.yes("live") else MAGIC)
    for at, n, value in ((8, 4, version | bits), (12, 4, size),
                         (16, 4, spec.int("dump_level", 8 if version >= 5 else 4)),
                         (20, 4, spec.page_size), (24, 8, spec.int("memory_size", _frames(spec))),
                         (32, 8, spec.arch.page_offset), (40, 8, MAGIC),
                         (at_num, 4, spec.int("num_pages", count))):
        s.put(at, n, value)
    s.text(panic, 256, _panic_string(spec))
    n = 8 if version >= 8 or wide else 4
    s.put(time, n, spec.time()[0])
    s.put(time + n, n, spec.time()[1])
    s.uts(uts, spec.utsname())
    s.put(task, 8 if version >= 8 or wide else 4, _task(spec))
    if extra:
        for i, value in enumerate((CODES[spec.get("codec", "none")],
                                   spec.int("dump_flags", 0x80000000), 0x803)):
            s.put(extra + 4 * i, 4, value)
    if version >= 9:
        s.put(734, 8, _data_start(spec, version))
    if version == 1 and not wide:
        regs = _v1_regs(spec, s)
    return bytes(s.data), regs


def _v1_regs(spec, s):
    values, raw = reg_block(spec.cpus[0], LKCD_REGS["i386"], 32, spec.order)
    s.put(48, 4, values["esp"])
    s.put(52, 4, values["eip"])
    s.data[716:776] = raw
    return [{"cpu": 0, "raw": raw.hex(), "regs": {k: "%#x" % v for k, v in values.items()}}]


def _frames(spec):
    return max(e for _, e, *_ in spec.pages) // spec.page_size


def _data_start(spec, version):
    if version < 9:
        return 65536
    return spec.int("buffer_size", 262144 if spec.page_size >= 65536 else 65536)


class Records:
    """The page records, in the order of the spec's statements."""

    def __init__(self, spec, dump, at):
        self.spec, self.dump, self.at, self.start = spec, dump, at, at
        self.codec = spec.get("codec", "none")
        self.flags = {"0": 0x80000000, "1": 0x40000000}.get(spec.get("mclx"), 0)
        self.count, self.where, self.broken = 0, {}, False

    def address(self, addr):
        if self.flags:
            return addr // self.spec.page_size
        return addr + (self.spec.arch.page_offset if self.spec.get("address") == "virtual" else 0)

    def put(self, addr, size, flags, data=b""):
        s = Struct(16, self.spec.order)
        for off, n, value in ((0, 8, addr), (8, 4, size), (12, 4, flags)):
            s.put(off, n, value)
        self.dump.image.write(self.at, bytes(s.data) + data)
        self.at += 16 + len(data)

    def _pack(self, data, opts):
        """(flags, stored bytes)"""
        name = opts.get("codec", self.codec)
        if name == "rle":
            packed = codec.rle(data, self.spec.get("rle", "kernel") == "kernel")
        elif name == "gzip":
            packed = zlib.compress(data, self.spec.int("zlib-level", 1))
        else:
            return RAW, data
        return (COMPRESSED, packed) if len(packed) < len(data) else (RAW, data)

    def page(self, addr, data, opts):
        dump, end = self.dump, addr + self.spec.page_size
        self.count += 1
        if "notused" in opts:
            self.put(self.address(addr), 0, NOT_USED)
            dump.unsettled.append((addr, end))
            return
        if "rawsize0" in opts:                           # crash reads zeros there
            dump.stored.append((addr, end, bytes(end - addr), [(self.at, 16)]))
            self.put(self.address(addr), 0, RAW)
            return
        flags, packed = self._pack(data, opts)
        if "corrupt" in opts:
            packed = packed[:-1] + bytes([packed[-1] ^ 0xff])
        at, size = self.at, num(opts.get("dp-size", str(len(packed))))
        self.put(self.address(addr), size, flags | self.flags, packed)
        if "duplicate" in opts:
            dump.info["remarks"].append("duplicate page %#x" % addr)
            return
        self.where.setdefault(addr, at)
        if size != len(packed):                          # nothing behind can be trusted
            self.broken = True
        if "corrupt" in opts:
            dump.lost.append((addr, end))
        elif self.broken:
            dump.unsettled.append((addr, end))
        else:
            dump.stored.append((addr, end, data, [(at, 16), (at + 16, len(packed))]))

    def finish(self):
        """END and what lies behind it."""
        kind, info = self.spec.get("end", "normal"), self.dump.info
        if kind != "none":
            self.put({"garbage": 0xdeadbeefcafe1000}.get(kind, 0), 0,
                     END | (TRUNCATED if kind == "truncated" else 0))
        after = self.spec.get("after-end")
        if after in ("m", "zeros"):
            fill = b"m" if after == "m" else b"\0"
            self.dump.image.write(self.at, fill * (4096 - self.at % 4096))
        elif after == "record":
            self.put(0x3f000, self.spec.page_size, RAW, b"\xaa" * self.spec.page_size)
        if kind in ("none", "truncated") or self.broken:
            info["complete"] = False
            info["remarks"].append({"none": "no END record"}.get(kind, "truncated"))


def _index(spec, records):
    """MCLX v1: entry i is the record of address (i + 1) MiB, relative to the first record."""
    s = Struct(8 * 4096, spec.order)
    for addr, at in records.where.items():
        if addr and addr % (1 << 20) == 0 and addr >> 20 <= 4096:
            s.put(8 * ((addr >> 20) - 1), 8, at - records.start)
    return bytes(s.data)


def build(spec):
    if spec.excluded or spec.lost:
        raise SpecError("LKCD lists no missing pages: leave them out")
    version = spec.int("version", 8)
    wide = spec.int("layout", spec.arch.word) == 64
    dump, start = Dump(spec, "lkcd", version), _data_start(spec, version)
    dump.cut_is_lost = False
    records = Records(spec, dump, start)
    for addr, data, opts in spec.file_pages():
        records.page(addr, data, opts)
    records.finish()
    head, regs = _main_header(spec, version, wide, records.count)
    index = _index(spec, records) if spec.get("mclx") == "1" else b""
    asm, asm_regs = _asm(spec, version)
    if len(head) + len(index) + len(asm) > start:
        raise SpecError("headers of %d bytes" % (len(head) + len(index) + len(asm)))
    dump.image.write(0, head + index + asm)
    dump.image.grow(start)
    dump.need = len(head)
    describe(dump, spec)
    dump.info.update(registers=regs or asm_regs, panic_string=_panic_string(spec)[:255],
                     task="%#x" % _task(spec), dump_level=spec.int("dump_level",
                                                                  8 if version >= 5 else 4),
                     records=records.count, num_pages=spec.int("num_pages", records.count),
                     data_start=start, mclx=spec.get("mclx"), live=spec.yes("live"),
                     codec=spec.get("codec", "none") if version >= 5 else "rle",
                     dumping_cpu=spec.int("dumping_cpu") if version >= 8 and asm_regs else None)
    if version >= 8:
        dump.info["word_size"] = spec.arch.word
    if dump.info["num_pages"] != records.count:
        dump.info["remarks"].append("num_pages differs from the records")
    return dump
