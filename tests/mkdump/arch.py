# SPDX-License-Identifier: Apache-2.0
"""What mkdump knows of each machine: ELF number, word size, byte order, register names.

Sources: the ELF ABI supplements, the kernel's asm/elf.h and asm/ptrace.h orders.
Not handled: floating point and vector registers.
"""
import zlib


class Arch:
    def __init__(self, name, machine, em, word, order, regs, page_offset, layout=None):
        self.name, self.machine, self.em, self.word, self.order = name, machine, em, word, order
        self.regs = regs.split() if regs else []   # elf_gregset order; "name/4" is a 4-byte field
        self.page_offset = page_offset             # virtual base of the direct map
        self.layout = layout or str(word)          # KDUMP sub-header layout


def _seq(prefix, n, suffix=""):
    return " ".join("%s%d%s" % (prefix, i, suffix) for i in range(n))


_X86 = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
        "fs_base gs_base ds es fs gs")
_PPC = _seq("gpr", 32) + " nip msr orig_gpr3 ctr link xer ccr softe trap dar dsisr result"
_S390 = ("psw_mask psw_addr " + _seq("gpr", 16) + " " + _seq("acr", 16, "/4") + " orig_gpr2")

ARCHES = {a.name: a for a in (
    Arch("i386", "i686", 3, 32, "little",
         "ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs eflags esp ss",
         0xc0000000, "32packed"),
    Arch("x86_64", "x86_64", 62, 64, "little", _X86, 0xffff888000000000),
    Arch("aarch64", "aarch64", 183, 64, "little", _seq("x", 31) + " sp pc pstate",
         0xffff000000000000),
    Arch("arm", "armv7l", 40, 32, "little", _seq("r", 16) + " cpsr orig_r0", 0xc0000000,
         "32padded"),
    Arch("ppc64", "ppc64", 21, 64, "big", _PPC + " " + _seq("extra", 4), 0xc000000000000000),
    Arch("ppc64le", "ppc64le", 21, 64, "little", _PPC + " " + _seq("extra", 4),
         0xc000000000000000),
    Arch("s390x", "s390x", 22, 64, "big", _S390, 0),
    Arch("riscv64", "riscv64", 243, 64, "little", "pc " + " ".join("x%d" % i for i in range(1, 32)),
         0xff60000000000000),
    Arch("ia64", "ia64", 50, 64, "little", "", 0xe000000000000000),
    Arch("ppc", "ppc", 20, 32, "big", "", 0xc0000000, "32padded"),
    Arch("mips", "mips", 8, 32, "big", "", 0x80000000, "32padded"),
    Arch("m68k", "m68k", 4, 32, "big", "", 0, "32packed"),
)}

# pt_regs orders of the LKCD architecture headers
LKCD_REGS = {
    "i386": "ebx ecx edx esi edi ebp eax xds xes orig_eax eip xcs eflags esp xss".split(),
    "x86_64": _X86.split()[:21],
    "ppc64": _PPC.split(),
    "ppc64le": _PPC.split(),
    "ia64": ["pt_regs%d" % i for i in range(56)],
}


def reg_value(cpu, name, word):
    """The value register NAME of CPU (a dict) holds: given in the spec, or made up."""
    if name in cpu["set"]:
        return cpu["set"][name] & ((1 << word) - 1)
    crc = zlib.crc32(name.encode())
    if word == 32:
        return 0xc0000000 | (cpu["id"] + 1) << 20 | (crc & 0xfffff)
    return 0xffff888000000000 | (cpu["id"] + 1) << 24 | (crc & 0xffffff)


def reg_block(cpu, names, word, order):
    """(values by name, bytes) of a register block."""
    values, raw = {}, b""
    for name in names:
        name, _, size = name.partition("/")
        bits = int(size) * 8 if size else word
        values[name] = reg_value(cpu, name, word) & ((1 << bits) - 1)
        raw += values[name].to_bytes(bits // 8, order)
    return values, raw
