# SPDX-License-Identifier: Apache-2.0
"""ELF notes of a kernel dump: prstatus, VMCOREINFO, QEMU, netdump's and custom ones.

Format reference: crash's netdump.c, QEMU's arch_dump.c, BFD's elfcore.h, the kernel's elfcore.h.
Not handled: floating point notes.
"""
import hashlib

from arch import reg_block
from common import SpecError, Struct, align, fill

QEMU_GPRS = "rax rbx rcx rdx rsi rdi rsp rbp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags".split()
DEFAULT = "prstatus vmcoreinfo"


class Note:
    def __init__(self, name, kind, desc, nul=True):
        self.name, self.kind, self.desc, self.nul = name, kind, desc, nul

    def encode(self, order):
        name = self.name.encode() + (b"\0" if self.nul else b"")
        head = b"".join(v.to_bytes(4, order) for v in (len(name), len(self.desc), self.kind))
        return head + name.ljust(align(len(name), 4), b"\0") + self.padded()

    def padded(self):
        return self.desc.ljust(align(len(self.desc), 4), b"\0")


def prstatus(spec, cpu, nul=True):
    """(Note, registers for .expect): pr_reg at 72 or 112, pr_fpvalid behind it."""
    word, first = spec.arch.word, 72 if spec.arch.word == 32 else 112
    values, raw = reg_block(cpu, spec.arch.regs, word, spec.order)
    s = Struct(align(first + len(raw) + 4, word // 8), spec.order)
    pid = cpu["set"].get("pid", 100 + cpu["id"])
    s.put(12, 2, cpu["set"].get("cursig", 11 if cpu["id"] == 0 else 0))
    s.put(24 if word == 32 else 32, 4, pid)
    s.data[first:first + len(raw)] = raw
    regs = {k: "%#x" % v for k, v in values.items()}
    return (Note("CORE", 1, bytes(s.data), nul),
            {"cpu": cpu["id"], "pid": pid, "raw": raw.hex(), "regs": regs})


def _qemu(spec, cpu):
    """QEMUCPUState of x86, version 1."""
    size = spec.int("qemu-size", 440)
    s = Struct(size, "little")
    s.put(0, 4, 1)
    s.put(4, 4, size)
    values, _ = reg_block(cpu, QEMU_GPRS, 64, "little")
    for i, name in enumerate(QEMU_GPRS):
        s.put(8 + 8 * i, 8, values[name])
    for i in range(10):                                  # cs ds es fs gs ss ldt tr gdt idt
        s.put(152 + 24 * i, 4, 8 * (i + 1))
        s.put(152 + 24 * i + 4, 4, 0xffff)
        s.put(152 + 24 * i + 16, 8, 0xfffffe0000000000 + 4096 * i)
    s.put(392, 8, 0x80050033)
    s.put(392 + 24, 8, 0x1000 * (cpu["id"] + 1))         # cr3
    if size >= 440:
        s.put(432, 8, 0xffff888000100000)
    return Note("QEMU", 0, bytes(s.data))


def _s390(spec, cpu):
    return [Note("LINUX", 0x300 + k, fill("pattern", cpu["id"], 0, n))
            for k, n in ((1, 8), (2, 8), (3, 4), (4, 8), (5, 128))]


def _word(spec, *values):
    return b"".join(v.to_bytes(spec.arch.word // 8, spec.order) for v in values)


def _custom(spec, name, kind, text):
    """note NAME TYPE text... | hex ... | size N"""
    words = text.split()
    if words[0] == "hex":
        desc = bytes.fromhex("".join(words[1:]))
    elif words[0] == "size":
        desc = fill("pattern", kind & 0xff, 0, int(words[1], 0))
    else:
        desc = text.encode()
    nul = not name.endswith("!")                         # NAME! has no NUL
    return Note(name.rstrip("!"), kind, desc, nul)


def _one(spec, item, regs):
    nul = spec.get("core-namesz", "5") != "4"
    if item == "prstatus":
        out = []
        for cpu in spec.cpus if spec.arch.regs else []:
            note, reg = prstatus(spec, cpu, nul)
            regs.append(reg)
            out.append(note)
            out += _s390(spec, cpu) if spec.yes("s390-notes") else []
        return out
    if item == "qemu":
        return [_qemu(spec, cpu) for cpu in spec.cpus]
    if item == "vmcoreinfo":
        text = spec.vmcoreinfo_text()
        return [Note("VMCOREINFO", 0, text)] if text else []
    if item == "prpsinfo":
        return [Note("CORE", 3, fill("pattern", 3, 0, 124 if spec.arch.word == 32 else 136), nul)]
    if item == "taskstruct":
        return [Note("CORE", 4, _word(spec, spec.int("task", spec.arch.page_offset + 0x345600)),
                     nul)]
    if item == "diskdump":
        return [Note("CORE", 0x70000001, (1).to_bytes(4, spec.order), nul)]
    if item == "eraseinfo":
        return [Note("ERASEINFO", 0, "".join(x + "\n" for x in spec.erase).encode())]
    if item == "xen":
        return [Note("Xen", 0x1000001, _word(spec, 4, 1, *range(0x1000, 0x1007), 0x777))]
    if item == "custom":
        return [_custom(spec, *n) for n in spec.notes]
    raise SpecError("unknown note '%s'" % item)


def build(spec, default=DEFAULT):
    """(notes, registers): the notes of the key `notes`, custom ones last."""
    regs, out = [], []
    items = spec.get("notes", default).split()
    if items == ["none"]:
        return [], []
    for item in items + (["custom"] if spec.notes and "custom" not in items else []):
        out += _one(spec, item, regs)
    return out, regs


def encode(spec, notes):
    """The raw note stream; a nonzero key `notes-fill` adds that many zero bytes."""
    return b"".join(n.encode(spec.order) for n in notes) + bytes(spec.int("notes-fill"))


def vmcoreinfo_offset(spec, notes):
    """(offset, length) of the VMCOREINFO text inside the stream, or (0, 0)."""
    off = 0
    for note in notes:
        raw = note.encode(spec.order)
        if note.name == "VMCOREINFO":
            return off + len(raw) - len(note.padded()), len(note.desc)
        off += len(raw)
    return 0, 0


def describe(info, spec, notes, regs):
    """Fill in what a reader learns from the notes."""
    info["registers"] = regs
    info["notes"] = [{"name": n.name, "type": n.kind, "size": len(n.desc),
                      "sha256": hashlib.sha256(n.desc).hexdigest()} for n in notes]
    for note in notes:
        if note.name == "VMCOREINFO":
            info["vmcoreinfo"] = note.desc.decode()
        elif note.name == "ERASEINFO":
            info["eraseinfo"] = note.desc.decode()
        elif note.name == "CORE" and note.kind == 4:
            info["task"] = "%#x" % int.from_bytes(note.desc[:spec.arch.word // 8], spec.order)
