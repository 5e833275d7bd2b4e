#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets, from mkdump's dumps and the machines of the unit tests.

Format reference: fuzz.h for the shortened form; the heads of the fuzz_*.c for what stands before.
Not handled: choosing among the seeds; scripts/fuzz --seed lets libFuzzer do it.

usage: seeds.py BUILD OUT       BUILD: a build folder with the preset fuzz; OUT/TARGET/ is written
       seeds.py --shorten FILE...    any file in the shortened form, to standard output
"""
import glob
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mkdump"))
sys.dont_write_bytecode = True

import codec                         # noqa: E402

MARK = b"\xfe\xed"
LARGEST = 24576                      # bytes of a seed, shortened
ELF_NOTES, CARRIED = 4, b"dumpio-model-1\n"


def shorten(data):
    """fe ed V LEN for runs of 8 and more."""
    out, last = bytearray(), 0
    for run in re.finditer(rb"(.)\1{7,}|\xfe\xed", data, re.S):
        out += data[last:run.start()]
        last = run.end()
        if run[0] == MARK:
            out += MARK + bytes(3)
            continue
        left = run.end() - run.start()
        while left:
            n = min(left, 0xffff)
            out += MARK + run[0][:1] + struct.pack("<H", n)
            left -= n
    return bytes(out + data[last:])


class Seeds:
    def __init__(self, out):
        self.out, self.count = out, 0

    def add(self, target, name, data):
        if len(data) > LARGEST:
            return
        folder = os.path.join(self.out, target)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
        self.count += 1


def read(path):
    with open(path, "rb") as f:
        return f.read()


def dumps(folder):
    """(name, parts) of every dump, split sets whole."""
    sets = {}
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        if not path.endswith(".expect"):
            sets.setdefault(re.sub(r"\.\d$", "", os.path.basename(path)), []).append(path)
    return [(name, [read(p) for p in paths]) for name, paths in sets.items() if len(paths) <= 4]


def notes_of(elf):
    """(big-endian, note segment) of an ELF file."""
    if elf[:4] != b"\x7fELF" or elf[4] not in (1, 2):
        return None
    order = "<" if elf[5] == 1 else ">"
    wide = elf[4] == 2
    phoff, = struct.unpack_from(order + ("Q" if wide else "I"), elf, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", elf, 54 if wide else 42)
    for i in range(min(count, 64)):
        at = phoff + i * size
        if at + size > len(elf) or struct.unpack_from(order + "I", elf, at)[0] != ELF_NOTES:
            continue
        where, = struct.unpack_from(order + ("Q" if wide else "I"), elf, at + (8 if wide else 4))
        n, = struct.unpack_from(order + ("Q" if wide else "I"), elf, at + (32 if wide else 16))
        return order == ">", elf[where:where + n]
    return None


def arch_of(name):
    for i, arch in enumerate(["x86_64", "i386", "aarch64", "arm", "ppc64", "s390x"]):
        if arch in name:
            return i
    return 0


def from_dumps(seeds, folder, build, scratch):
    targets = len(["elf", "netdump", "kdump", "diskdump", "lkcd", "lkcd8", "raw"])
    for i, (name, parts) in enumerate(dumps(folder)):
        joined = (MARK + b"\1\0\0").join(shorten(p) for p in parts)
        seeds.add("open", name, joined)
        if len(parts) == 1:
            seeds.add("stream", name, joined)
            packer = [["zstd", "-qc"], ["gzip", "-1nc"], ["xz", "-qc"]][i % 3]
            packed = subprocess.run(packer, input=parts[0], stdout=subprocess.PIPE, check=True)
            seeds.add("stream", name + "-" + packer[0], shorten(packed.stdout))
        seeds.add("convert", name, bytes([i % targets, i // targets % 5, i % 8]) + joined)
        if parts[0].startswith(b"makedumpfile\0"):
            seeds.add("flat", name, shorten(parts[0]))
        notes = notes_of(parts[0])
        if notes:
            flags = (2 if notes[0] else 0) | (16 if i % 4 == 3 else 0) | (4 if i % 7 == 6 else 0)
            seeds.add("model", name, bytes([flags, arch_of(name)]) + shorten(notes[1]))
    # what dumpio carries stands in its outputs, after a line of its own
    for i, path in enumerate(sorted(glob.glob(os.path.join(folder, "*")))):
        if path.endswith(".expect") or i % 5:
            continue
        target, out = ["elf", "kdump", "lkcd", "diskdump"][i // 5 % 4], os.path.join(scratch, "out")
        subprocess.run([os.path.join(build, "tools", "dumpio"), "dumpconv", "-qf", "--to=" + target,
                        path, out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        data = read(out) if os.path.exists(out) else b""
        at = data.find(CARRIED)
        if at < 0:
            continue
        os.unlink(out)
        name = "%s-%s" % (target, os.path.basename(path))
        block = data[at:at + 8192].split(bytes(16))[0]
        seeds.add("model", "block-" + name, bytes([1, arch_of(name)]) + shorten(block))
        notes = notes_of(data)
        if notes:
            seeds.add("model", "notes-" + name,
                      bytes([2 if notes[0] else 0, arch_of(name)]) + shorten(notes[1]))


def from_codecs(seeds):
    rng = random.Random(1)
    kinds = {"text": b"".join(b"kernel %d " % (i % 61) for i in range(600))[:4096],
             "runs": b"".join(bytes([rng.randrange(256)]) * rng.randrange(1, 300)
                              for _ in range(64))[:4096].ljust(4096, b"\1"),
             "mixed": bytes(rng.randrange(256) for _ in range(700)) * 5 + bytes(596)}
    names = ["zlib", "lzo", "snappy", "zstd", "rle"]
    for number, name in enumerate(names):
        for kind, page in kinds.items():
            packed = codec.rle(page) if name == "rle" else codec.pack(name, page)
            seeds.add("codecs", "%s-%s" % (name, kind), bytes([number, 3]) + shorten(packed))
            seeds.add("codecs", "%s-%s-pack" % (name, kind),
                      bytes([number | 0x80, 3 + 10 * number]) + shorten(page))
    seeds.add("codecs", "rle-other", bytes([4, 3]) + codec.rle(kinds["runs"], False))


def from_worlds(seeds, build, scratch):
    for test in ["kernel", "translate", "vmcoreinfo"]:
        folder = os.path.join(scratch, test)
        os.mkdir(folder)
        subprocess.run([os.path.join(build, "tests", "fuzz", "seed_" + test), folder], check=True,
                       stdout=subprocess.DEVNULL)
        for name in sorted(os.listdir(folder)):
            seeds.add("kernel", "%s-%s" % (test, name), shorten(read(os.path.join(folder, name))))


ERAS = 26                            # of pages_world.h
KINDS = 12                           # of pages in fuzz_classify.c


def pages(rng):
    """Operations of fuzz_classify that make pages of all kinds, and lists of freed ones."""
    kinds = [(kind, order) for kind in range(KINDS) for order in (0, rng.randrange(1, 5))]
    ops = [b"K" + struct.pack("<BHB", kind, 0x200 + 16 * i, order)
           for i, (kind, order) in enumerate(kinds)]
    ops += [b"K" + struct.pack("<BHB", rng.randrange(KINDS), 0x180 + 16 * i, rng.randrange(5))
            for i in range(6)]
    ops += [b"L" + struct.pack("<BHB", i, 900 + 40 * i, 3 + 4 * i) for i in range(2)]
    return ops


def from_classify(seeds):
    """Every era on every machine; then one fact or a few bytes changed."""
    rng = random.Random(2)
    for era in range(ERAS):
        for machine in range(4):
            flags = machine | 4 | (16 if machine == 3 and era == ERAS - 1 else 0)
            seeds.add("classify", "era%d-%d" % (era, machine),
                      bytes([era, flags]) + b"".join(pages(rng)))
    for i in range(300):
        ops = pages(rng)
        for _ in range(rng.randrange(1, 4)):
            value = rng.choice([rng.randrange(64), rng.randrange(1 << 16), rng.randrange(1 << 64),
                                (1 << 64) - 1 - rng.randrange(256)])
            ops.append(rng.choice([
                b"F" + struct.pack("<BBQ", rng.randrange(64), rng.randrange(4), value),
                b"R" + struct.pack("<HBBQ", rng.randrange(1024), rng.randrange(64),
                                   rng.randrange(4), value),
                b"A" + struct.pack("<HBHB", rng.randrange(1024), rng.randrange(8) * 8,
                                   rng.randrange(1024), rng.randrange(4)),
                b"M" + struct.pack("<I", 0x10000 + 8 * rng.randrange(200))[:3] + b"\3" +
                struct.pack("<Q", value),
                b"D" + struct.pack("<H", 0x1000 + rng.randrange(16)),
                b"V" + bytes([rng.randrange(16), rng.choice([255, 0, 3])])]))
        seeds.add("classify", "change%d" % i,
                  bytes([rng.randrange(ERAS), rng.randrange(32)]) + b"".join(ops))


def from_layers(seeds):
    """Containers by other programs' and Python's packers: members, frames, blocks, index, cut ones."""
    text = b"".join(b"kernel %d " % (i % 61) for i in range(3000))
    plain = {"empty": b"", "text": text, "zeros": bytes(70000), "mixed": text[:5000] + bytes(9000)}
    commands = [(0, "zstd", ["zstd", "-qc"]), (0, "zstd-check-long", ["zstd", "-qc19", "--long=27"]),
                (0, "zstd-nocheck", ["zstd", "-qc1", "--no-check"]),
                (1, "gzip", ["gzip", "-c"]), (1, "gzip-1", ["gzip", "-1nc"]),
                (2, "xz", ["xz", "-qc"]), (2, "xz-blocks", ["xz", "-qc", "--block-size=4096"]),
                (2, "xz-crc32-bcj", ["xz", "-qc", "-C", "crc32", "--x86", "--lzma2=preset=1"]),
                (2, "xz-sha-delta", ["xz", "-qc", "-C", "sha256", "--delta=dist=8", "--lzma2"])]
    for number, name, command in commands:
        for kind, data in plain.items():
            packed = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
            head = bytes([number])
            seeds.add("layer", "%s-%s" % (name, kind), head + shorten(packed))
            seeds.add("layer", "%s-%s-twice" % (name, kind), head + shorten(packed + packed))
            seeds.add("layer", "%s-%s-cut" % (name, kind), head + shorten(packed[:-5]))
            seeds.add("layer", "%s-%s-tail" % (name, kind), head + shorten(packed + b"tail\0\0\0\0"))
    skippable = struct.pack("<II", 0x184d2a53, 5) + b"hello"
    frame = subprocess.run(["zstd", "-qc"], input=text, stdout=subprocess.PIPE, check=True).stdout
    seeds.add("layer", "zstd-skippable", b"\0" + skippable + frame + skippable + frame)
    for number in range(3):
        for kind, data in plain.items():
            seeds.add("layer", "pack%d-%s" % (number, kind), bytes([number | 0x80]) + shorten(data))


def layers_of_dumpio(seeds, build, scratch):
    """The seekable files that dumpio writes itself."""
    path = os.path.join(scratch, "plain")
    with open(path, "wb") as f:
        f.write(b"".join(b"page %d " % i for i in range(900)) * 90)
    for number, suffix in enumerate(["zst", "gz", "xz"]):
        out = path + "." + suffix
        subprocess.run([os.path.join(build, "tools", "dumpio"), "dumpconv", "-qf", "--from=raw",
                        "--to=raw", path, out], check=True)
        seeds.add("layer", "own-" + suffix, bytes([number]) + shorten(read(out)))


AGE_TASKS = {"open": 0, "armor": 1, "identities": 2, "recipients": 3, "edit": 4, "rewrap": 5}


def keys():
    """The strings of age_keys.h by name."""
    with open(os.path.join(HERE, "age_keys.h"), encoding="ascii") as f:
        text = f.read()
    found = {}
    for name, body in re.findall(r"static const char (\w+)\[\] =((?:\s+\".*\"\n?)+);", text):
        found[name] = "".join(re.findall(r'"(.*)"', body)).replace("\\n", "\n")
    return found


def from_age(seeds, build, scratch):
    known = keys()
    tool = [os.path.join(build, "tools", "dumpio"), "dumpcrypt", "-e"]
    recipients = [known[k] for k in sorted(known) if k.endswith("recipient")]
    for i, who in enumerate([[r] for r in recipients] + [recipients]):
        for size in (0, 1, 700, 65536, 66000):
            for armor in ([], ["-a"]):
                data = subprocess.run(tool + armor + [a for r in who for a in ("-r", r)],
                                      input=bytes(size), stdout=subprocess.PIPE, check=True).stdout
                if size >= 65536: # ciphertext does not get shorter: only its head and tail
                    data = data[:3000]
                task = "armor" if armor else "open"
                name = "%d-%d" % (i, size)
                seeds.add("age", task + name, bytes([AGE_TASKS[task]]) + shorten(data))
                if not armor:
                    seeds.add("age", "rewrap" + name, bytes([AGE_TASKS["rewrap"]]) + shorten(data))
    for name, text in known.items():
        task = "identities" if name.endswith("identity") else "recipients"
        seeds.add("age", name, bytes([AGE_TASKS[task]]) + text.encode() + b"\n# a comment\n\n")
    for options in (["ed25519", "-N", "pass", "-a", "1"], ["rsa", "-N", "", "-m", "PEM"],
                    ["ecdsa", "-N", ""], ["rsa", "-N", "", "-m", "PKCS8"]):
        path = os.path.join(scratch, "key-%s-%d" % (options[0], seeds.count))
        subprocess.run(["ssh-keygen", "-q", "-C", "", "-f", path, "-t"] + options, check=True)
        seeds.add("age", os.path.basename(path), bytes([AGE_TASKS["identities"]]) + read(path))
        seeds.add("age", os.path.basename(path) + ".pub",
                  bytes([AGE_TASKS["recipients"]]) + read(path + ".pub"))
    rng = random.Random(3)
    for i in range(60):
        edits = b"".join(struct.pack("<HBB", rng.randrange(0, 1 << rng.randrange(4, 17)),
                                     rng.choice([0, 0, 1, 4, 0x81, 0xc1, 0x84]),
                                     rng.choice([0, 1, 0x20, 0xff])) for _ in range(4))
        seeds.add("age", "edit%d" % i, bytes([AGE_TASKS["edit"]]) + edits +
                  shorten(bytes(rng.choice([0, 1, 16, 5000, 65535, 65536, 65537, 140000]))))


IMAGE = r"""
typedef unsigned long word;
struct list_head { struct list_head *next, *prev; };
struct page { word flags; union { struct { struct list_head lru; void *mapping; word index, private;
    }; struct { word compound_head; unsigned char compound_dtor, compound_order; }; };
    union { int _mapcount; unsigned page_type; }; int _refcount; } one;
struct zone { word vm_stat[4]; struct { struct list_head free_list[3]; word nr; } free_area[11];
    word spanned_pages; };
struct pglist_data { struct zone node_zones[3]; int nr_zones, node_id; word node_start_pfn,
    node_spanned_pages; struct page *node_mem_map; } contig_page_data;
struct mem_section { word section_mem_map; } *mem_section[16];
enum pageflags { PG_locked, PG_lru = 4, PG_private = 13, PG_swapcache = 10, PG_slab = 9,
    PG_swapbacked = 19, PG_head = 16, PG_hwpoison = 23 } which;
enum zone_stat_item { NR_FREE_PAGES = 1 } item;
struct uts { char sysname[65], nodename[65], release[65], version[65], machine[65]; };
struct { int kref; struct uts name; } init_uts_ns = { 2, { "Linux", "n", "%s", "#1 SMP", "m" } };
const char linux_banner[] = "Linux version %s (who@where) (gcc) #1 SMP Thu Jan 1 00:00:00 UTC 1970\n";
word swapper_pg_dir[16], log_buf_len; char *log_buf;
void _stext(void) { which = PG_lru; item = NR_FREE_PAGES; }
"""


def from_images(seeds, scratch):
    """Small programs that look like a kernel, with types in several encodings."""
    source = os.path.join(scratch, "image.c")
    told = b"OSRELEASE=5.10.0\nSYMBOL(_stext)=%x\nKERNELOFFSET=1000000\n" % 0xffffffff82000000
    for i, options in enumerate((["-gdwarf-4"], ["-gdwarf-5"], ["-gdwarf-5", "-gz"], ["-gdwarf-2"],
                                 ["-gdwarf-4", "-m32"], ["-gdwarf-5", "-gsplit-dwarf"], ["-g0"],
                                 ["-gdwarf-4", "-fdebug-types-section"], ["-gdwarf-4", "-Wl,-s"])):
        with open(source, "w", encoding="ascii") as f:
            f.write(IMAGE.replace("%s", ["5.10.0", "2.6.9"][i % 2]))
        out = os.path.join(scratch, "image")
        subprocess.run(["gcc", "-O0", "-nostdlib", "-static", "-no-pie", "-fno-pic", "-w",
                        "-fno-asynchronous-unwind-tables", "-Wl,-e,_stext", "-Wl,--build-id",
                        "-Wl,-z,max-page-size=64", "-o", out, source] + options, check=True,
                       cwd=scratch)
        image = shorten(read(out))
        seeds.add("vmlinux", "image%d" % i, image)
        seeds.add("vmlinux", "image%d-told" % i, image + MARK + b"\1\0\0" + told)


COMMANDS = ["--help", "--list", "--to=elf 0 4", "--to=kdump:zstd -l 3 -T 2 0 4", "-fqv -M 1M 0 4",
            "--to=raw --wrap=zst,gz 0 4", "--info --json 0", "-d 31 0 4", "--dry-run -d 1 --json 0",
            "--exclude=zero,free 0 4", "-d 11,31 --max-size=1.5G 0 4", "-x 1 -i 2 -E 0 4", "keygen",
            "--only=0x1000-0x2000,4096-8192 0 4", "--exclude-range=0-0xfff 0 4", "--redact -d 1 0 4",
            "-e -r age1 -o 4 0", "-d -i 3 -o 4 0", "inspect --json 0", "rewrap -i 0 -o 4 0", "-- 0 4",
            "--quick --ranges --notes --json 0", "--map 0", "--map=9 0", "--mem-usage --json 0",
            "--dmesg 0", "--vmcoreinfo 0", "--map --color=always 0", "--digest 0", "0 0", "--json --lost 0", "--from=raw --arch=x86_64 0 4",
            "--page-size=65536 --from=raw 0", "--threads=999999999999 0", "-vvv --progress=json 0 4"]
WORDS = ["0", "1.5G", "500MiB", "1e300", "0x10", "18446744073709551615", "31", "11,31,0", "zero",
         "zero,cache,private,user,free,freed,hwpoison,offline", "0-1", "0x0-0xffffffffffffffff",
         "4096-8192,0x1000-0x2000,1-2,2-3", "7-7", "0x-1", "99999999999999999999-1"]


def from_options(seeds, folder):
    dump = min((parts[0] for _, parts in dumps(folder)), key=lambda p: len(shorten(p)))
    for tool in range(5):
        for i, line in enumerate(COMMANDS):
            seeds.add("options", "tool%d-%d" % (tool, i),
                      bytes([tool]) + line.replace(" ", "\n").encode() + MARK + b"\1\0\0" +
                      shorten(dump))
    for i, word in enumerate(WORDS):
        seeds.add("options", "word%d" % i, b"\5" + word.encode())


def main(args):
    if len(args) > 1 and args[0] == "--shorten":
        sys.stdout.buffer.write((MARK + b"\1\0\0").join(shorten(read(p)) for p in args[1:]))
        return 0
    if len(args) != 2:
        print(__doc__.split("\n\n")[-1].strip(), file=sys.stderr)
        return 2
    build, seeds = args[0], Seeds(args[1])
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "dumps")
        subprocess.run([os.path.join(HERE, "..", "mkdump", "make-all.py"), folder], check=True,
                       stdout=subprocess.DEVNULL)
        from_dumps(seeds, folder, build, scratch)
        from_codecs(seeds)
        from_classify(seeds)
        from_layers(seeds)
        layers_of_dumpio(seeds, build, scratch)
        from_age(seeds, build, scratch)
        from_images(seeds, scratch)
        from_options(seeds, folder)
        from_worlds(seeds, build, scratch)
    print("%d seeds" % seeds.count)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
