# SPDX-License-Identifier: Apache-2.0
"""The comparisons: what is run on which input against whom, what is aimed at, what the limit is.

Format reference: none. Not handled: measuring (contest.py) and judging (report.py).
"""
import shutil
from dataclasses import dataclass, field

from .inputs import PEER_OPTION, filtering
from .process import IN, OUT, Contestant


@dataclass
class Row:
    key: str
    title: str
    source: str                                 # the name of an input
    contestants: list
    level: int = 0                              # dump level: what the output must hold
    faster: float = 0                           # aim: than the best peer, so many times
    smaller: float = 0                          # aim: size, in sizes of the peer's
    memory: int = 0                             # aim: private memory, MiB
    limit: tuple = ()                           # see limit_seconds in limits.py
    share: float = 0                            # aim: so much of the limit
    either: bool = False                        # of faster and share one is enough
    scaling: float = 0                          # aim: one thread's time over all threads'
    best: str = ""                              # size of this contestant of ours, not the last's
    smallest: float = 0                         # aim for it
    seekable: bool = False                      # the output ends with the seek table of zstd
    sample: str = ""                            # codec speeds are measured on it; default: source
    plot: tuple = field(default=())             # (plot, x in bytes)


def peer(args, codec, level, threads=0):
    name = "makedumpfile " + " ".join(filter(None, [PEER_OPTION.get(codec, ""),
                                                    "-d %d" % level if level else ""]))
    command = [args.makedumpfile, "--message-level", "4", "-f", PEER_OPTION[codec],
               "-d", str(level)]
    if threads:
        name += " --num-threads %d" % threads
        command += ["--num-threads", str(threads)]
    return Contestant(name.strip(), command + [IN, OUT], tries=1 if threads else None)


def ours(args, codec, level=0, threads=0, more=(), tries=None):
    threads = threads or args.threads
    command = filtering(args, level, codec) + ["-T%d" % threads, *more, IN, OUT]
    tool = "dumpfilter -d %d" % level if level else "dumpconv"
    return Contestant("%s %s -T%d" % (tool, " ".join([codec, *more]), threads), command, ours=True,
                      tries=tries)


def both(args, codec, level=0, more=()):
    """One thread, then all of them: the last one of ours is the one that is judged."""
    return [ours(args, codec, level, 1, more), ours(args, codec, level, 0, more)]


def peers(args, codec, level=0):
    out = [peer(args, codec, level)]
    if codec != "elf" and args.peer_threads:        # makedumpfile writes ELF in one thread
        out.append(peer(args, codec, level, args.peer_threads))
    return out


def copy():
    return Contestant("cp", ["cp", "--sparse=never", "--reflink=never", IN, OUT])


def codec_rows(args):
    elf = "elf:" + args.size
    table = [("zlib", "zlib", (), 8, 1.03, "zlib, level 1"),
             ("zlib0", "zlib", ("--level=0",), 15, 0, "zlib, level 0"),
             ("lzo", "lzo", (), 1.8, 0, "lzo"), ("snappy", "snappy", (), 1.8, 0, "snappy"),
             ("zstd", "zstd", (), 2, 1.0, "zstd, level 1")]
    for key, codec, more, faster, smaller, limit in table:
        yield Row(key, "ELF to KDUMP, %s" % " ".join([codec, *more]), elf,
                  both(args, codec, 0, more) + peers(args, codec), faster=faster, smaller=smaller,
                  limit=(("pack", limit),), share=0.85,
                  scaling=1.8 if key in ("zlib", "zstd") else 0)
    yield Row("elf", "ELF to ELF", elf, both(args, "elf") + [peer(args, "elf", 0), copy()],
              faster=1, limit=(("wall", "cp"),))


def filter_rows(args):
    for codec, limit in (("lzo", (("pack", "lzo"),)), ("zstd", (("pack", "zstd, level 1"),)),
                         ("elf", ())):
        yield Row("d31-" + codec, "filter -d 31 to %s" % codec, "real",
                  both(args, codec, 31) + peers(args, codec, 31), level=31, faster=2, limit=limit,
                  share=0.85 if limit else 0, either=bool(limit), sample="real/none@31")
    yield Row("further", "KDUMP LZO, filtered at -d 1, to -d 31", "real/lzo@1",
              both(args, "lzo", 31) + [peer(args, "lzo", 31)], level=31, faster=3)
    # the peer's pages are packed one by one, ours in the frames of a container
    small = [ours(args, "none", 31, 1, ("--wrap=zst",)), peer(args, "zstd", 31),
             ours(args, "none", 31, 0, ("--wrap=zst", "--wrap-level=9")),
             ours(args, "none", 31, 0, ("--wrap=zst", "--wrap-level=19")),
             ours(args, "none", 31, 0, ("--wrap=zst",))]
    yield Row("upload", "smallest upload, -d 31", "real", small, level=31, faster=1, smaller=0.78,
              best=small[3].name, smallest=0.6, seekable=True)


def change_rows(args):
    elf = "elf:" + args.size
    # makedumpfile crashes on a KDUMP without VMCOREINFO, which an enlarged dump is
    yield Row("recompress", "KDUMP zlib to KDUMP zstd", "real/zlib",
              both(args, "zstd") + peers(args, "zstd"), faster=2,
              limit=(("expand", "zlib, level 1"), ("pack", "zstd, level 1")), scaling=1.8,
              sample="real")
    back = Contestant("makedumpfile -R", [args.makedumpfile, "-R", OUT], stdin=True)
    direct = both(args, "lzo")
    pipe = Contestant("dumpconv lzo - (standard input)", filtering(args, 0, "lzo") + ["-", OUT],
                      ours=True, stdin=True)
    yield Row("flat", "flattened to normal (KDUMP LZO)", elf + "/flat",
              [direct[0], pipe, back, copy(), direct[1]], faster=3, limit=(("wall", "cp"),))


def container_rows(args):
    elf = "elf:" + args.size
    zstd = "zstd -T%d -3" % args.threads
    table = [("elf.zst", "zst", zstd, zstd.split() + ["-q", "-f", IN, "-o", OUT], 1)]
    xz = "xz -T%d -1" % args.threads
    table.append(("elf.xz", "xz", xz, ["sh", "-c", 'exec %s -c "$1" >"$2"' % xz, "-", IN, OUT], 1))
    for key, wrap, name, command, faster in table:
        level = ("--wrap-level=1",) if wrap == "xz" else ()
        yield Row(key, "ELF to ." + key, elf,
                  both(args, "elf", 0, ("--wrap=" + wrap, *level)) + [Contestant(name, command)],
                  faster=faster, limit=(("cpu", name),), seekable=wrap == "zst")
    if shutil.which("age-keygen") and shutil.which("age"):
        whom = args.age_recipient()
        yield Row("elf.age", "ELF to .elf.age", elf,
                  both(args, "elf", 0, ("--encrypt-to=" + whom,)) +
                  [Contestant("age", ["age", "-r", whom, "-o", OUT, IN])], faster=1,
                  limit=(("wall", "age"),))


def memory_rows(args):
    for size in args.sparse:
        bytes_ = size[:-1]
        yield Row("hole-" + size, "ELF to ELF, %s TiB, a hole" % bytes_, "hole:" + size,
                  [ours(args, "elf", tries=1)], memory=64,
                  plot=("memory", "ELF with a hole, to ELF", size))
        yield Row("spread-" + size, "ELF to KDUMP LZO, memory spread over %s TiB" % bytes_,
                  "spread:" + size, [ours(args, "lzo", tries=1)], memory=64,
                  plot=("memory", "ELF spread, to KDUMP", size))
        yield Row("kdump-" + size, "KDUMP LZO to KDUMP zstd, spread over %s TiB" % bytes_,
                  "spread:%s/lzo@0" % size, [ours(args, "zstd", tries=1)], memory=64,
                  plot=("memory", "KDUMP spread, to KDUMP", size))


def size_rows(args):
    for size in args.sizes:
        yield Row("size-" + size, "ELF to KDUMP LZO, %s" % size, "elf:" + size,
                  [ours(args, "lzo"), peer(args, "lzo", 0), copy()], faster=1.8, memory=64,
                  limit=(("pack", "lzo"),), plot=("size", "", size))


def all_rows(args):
    for make in (codec_rows, filter_rows, change_rows, container_rows, size_rows, memory_rows):
        yield from make(args)
