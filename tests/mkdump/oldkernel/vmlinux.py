# SPDX-License-Identifier: Apache-2.0
"""Compiles and links the vmlinux of an old kernel, and reads back its symbols and segments.

Format reference: ELF gABI; the link addresses of arch/i386 and arch/x86_64 of 2.6.9 and 2.6.18.
Not handled: kernels that were moved; they came later.
"""
import os
import re
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))

SCRIPT = """SECTIONS {
    . = %(start)#x;
    _text = .;
    .text : AT(ADDR(.text) - %(offset)#x) { *(.text.head) *(.text .text.*) }
    _etext = .;
    . = ALIGN(4096);
    .rodata : AT(ADDR(.rodata) - %(offset)#x) { *(.rodata .rodata.*) }
    . = ALIGN(4096);
    .data : AT(ADDR(.data) - %(offset)#x) { *(.data .data.*) }
    _edata = .;
    . = ALIGN(4096);
    .bss : AT(ADDR(.bss) - %(offset)#x) { *(.bss.page_aligned) *(.bss .bss.* COMMON) }
    _end = .;
    /DISCARD/ : { *(.note.*) *(.eh_frame) *(.comment) }
}
"""


class CannotBuild(Exception):
    """This host has no compiler for the machine."""


class Config:
    """One kernel: version (2.6.9, 2.6.18), machine (i386, i386pae, x86_64), model (flat, numa).

    build: of the same release, as `make` counts them.
    """

    def __init__(self, version, machine, model, build=1):
        self.version, self.machine, self.model = version, machine, model
        self.name = "%s-%s-%s" % (version, machine, model) + ("-%d" % build if build > 1 else "")
        self.release = "%s-%s.EL%s" % (version, {"flat": "5", "numa": "22"}[model],
                                       "hugemem" if machine == "i386pae" else "smp")
        self.build = "#%d SMP Mon Oct %d 12:00:00 EDT 2006" % (build, 15 + build)
        self.old = version == "2.6.9"
        self.word = 8 if machine == "x86_64" else 4
        self.pae = machine == "i386pae"
        self.numa = model == "numa"
        if self.word == 8:
            self.page_offset = 0x10000000000 if self.old else 0xffff810000000000
            self.image_offset, start = 0xffffffff80000000, 0xffffffff80100000
            if not self.old:
                start += 0x100000
        else:
            self.page_offset = self.image_offset = 0xc0000000
            start = 0xc0100000
        self.start = start
        # i386 had an array of nodes too; one kernel goes without it, for the list alone
        self.node_data = self.numa and not (self.old and machine == "i386")

    def defines(self):
        out = {"ERA": "20609" if self.old else "20618", "RELEASE": '"%s"' % self.release,
               "BUILD": '"%s"' % self.build,
               "MACHINE": '"x86_64"' if self.word == 8 else '"i686"'}
        for name, there in (("PAE", self.pae), ("DISCONTIG", self.numa), ("PGDAT_LIST", self.old),
                            ("NODE_DATA", self.node_data), ("MEM_MAP", not self.numa)):
            if there:
                out[name] = "1"
        return ["-D%s=%s" % d for d in out.items()]


def configs():
    return [Config(v, m, s) for v in ("2.6.9", "2.6.18") for m in ("i386", "i386pae", "x86_64")
            for s in ("flat", "numa")]


class Vmlinux:
    """path; symbols: name -> (address, size); layout: name -> number; loads: [(phys, bytes)]."""

    def __init__(self, path, layout):
        self.path, self.layout = path, layout
        with open(path, "rb") as f:
            self.data = f.read()
        self.wide = self.data[4] == 2
        self._header()
        self.symbols = self._symbols()

    def _header(self):
        fmt, at = ("<QQQ", 24) if self.wide else ("<III", 24)
        _, phoff, shoff = struct.unpack_from(fmt, self.data, at)
        _, _, phsize, phnum, shsize, shnum, _ = struct.unpack_from(
            "<IHHHHHH", self.data, 48 if self.wide else 36)
        self.loads, self.sections = [], []
        for at in range(phoff, phoff + phnum * phsize, phsize):
            if self.wide:
                kind, _, off, _, paddr, filesz, _ = struct.unpack_from("<IIQQQQQ", self.data, at)
            else:
                kind, off, _, paddr, filesz, _ = struct.unpack_from("<IIIIII", self.data, at)
            if kind == 1 and filesz:
                self.loads.append((paddr, self.data[off:off + filesz]))
        for at in range(shoff, shoff + shnum * shsize, shsize):
            if self.wide:
                _, kind, _, _, off, size, link = struct.unpack_from("<IIQQQQI", self.data, at)
            else:
                _, kind, _, _, off, size, link = struct.unpack_from("<IIIIIII", self.data, at)
            self.sections.append((kind, off, size, link))

    def _symbols(self):
        out = {}
        for kind, off, size, link in self.sections:
            if kind != 2:
                continue
            names = self.data[self.sections[link][1]:][:self.sections[link][2]]
            for at in range(off, off + size, 24 if self.wide else 16):
                if self.wide:
                    name, _, _, _, value, length = struct.unpack_from("<IBBHQQ", self.data, at)
                else:
                    name, value, length, _, _, _ = struct.unpack_from("<IIIBBH", self.data, at)
                text = names[name:names.index(b"\0", name)].decode()
                out[text] = (value, length)
        return out

    def __getitem__(self, name):
        return self.symbols[name][0]


def _run(args):
    try:
        done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as err:
        raise CannotBuild(str(err)) from err
    if done.returncode:
        raise CannotBuild("%s: %s" % (" ".join(args), done.stdout.decode(errors="replace")))


def _compiler(config):
    return ["gcc", "-m64" if config.word == 8 else "-m32", "-std=gnu11", "-O1", "-ffreestanding",
            "-fno-pic", "-fno-common", "-fno-asynchronous-unwind-tables", "-fno-stack-protector",
            "-fcf-protection=none", "-mcmodel=kernel" if config.word == 8 else "-mno-sse",
            "-gdwarf-2", "-gstrict-dwarf", "-fdebug-prefix-map=%s=." % HERE,
            "-I", HERE] + config.defines()


def _layout(config, folder):
    path = os.path.join(folder, config.name + ".s")
    _run(_compiler(config) + ["-g0", "-S", os.path.join(HERE, "offsets.c"), "-o", path])
    with open(path, encoding="ascii") as f:
        return {name: int(value) for name, value in
                re.findall(r"^@@ (.+) (\d+) @@$", f.read(), re.MULTILINE)}


def build(config, folder):
    """Compile and link FOLDER/NAME.vmlinux."""
    path = os.path.join(folder, config.name)
    objects = []
    for source in ("other.c", "kernel.c"):
        objects.append("%s.%s.o" % (path, source))
        _run(_compiler(config) + ["-c", os.path.join(HERE, source), "-o", objects[-1]])
    with open(path + ".lds", "w", encoding="ascii") as f:
        f.write(SCRIPT % {"start": config.start, "offset": config.image_offset})
    _run(["ld", "-m", "elf_x86_64" if config.word == 8 else "elf_i386", "-static",
          "--build-id=none", "-z", "noexecstack", "-z", "max-page-size=4096",
          "--no-warn-rwx-segments", "-e", "_stext", "-T", path + ".lds",
          "-o", path + ".vmlinux"] + objects)
    layout = _layout(config, folder)
    for name in objects + [path + ".lds", path + ".s"]:
        os.remove(name)
    return Vmlinux(path + ".vmlinux", layout)
