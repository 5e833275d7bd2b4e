# SPDX-License-Identifier: Apache-2.0
"""What dumps are described with: plain values, as in <dumpio/dumpio.h>."""
import enum
from dataclasses import dataclass
from typing import Mapping, NamedTuple, Optional, Tuple


class Kind(enum.IntEnum):
    """What a dump has of a page. In runs, ZERO pages are PRESENT ones."""

    ZERO = 0      # held, and all zero
    PRESENT = 1   # held
    EXCLUDED = 2  # memory of the machine, left out on purpose
    LOST = 3      # should be there; truncated or damaged


class Run(NamedTuple):
    """Physical memory [start, end) of one kind. What no run names is no memory: a hole."""

    start: int
    end: int
    kind: Kind


class Page(NamedTuple):
    """One page, or the part of it that is held. data is None unless it is held."""

    address: int
    kind: Kind
    data: Optional[memoryview]


class ClassRun(NamedTuple):
    """Physical memory [start, end) that the dumped kernel uses for one class of things."""

    start: int
    end: int
    name: str


class Uts(NamedTuple):
    """utsname of the dumped kernel; None where it is unknown."""

    sysname: Optional[str]
    nodename: Optional[str]
    release: Optional[str]
    version: Optional[str]
    machine: Optional[str]
    domainname: Optional[str]


class Cpu(NamedTuple):
    """One processor of the register notes; None where it is unknown."""

    number: int
    pid: int
    task: Optional[int]
    stack: Optional[int]
    stack_ptr: Optional[int]
    regs: Optional[bytes]  # elf_gregset of the architecture, in Info.order
    has_fpregs: bool


class Note(NamedTuple):
    """An ELF note as stored."""

    name: str
    type: int
    data: bytes


class Node(NamedTuple):
    """A memory node of the dumped kernel; nodes may interleave."""

    id: int
    start: int
    end: int


@dataclass(frozen=True)
class Info:
    """Everything of a dump but its memory. None: unknown, or the format does not say."""

    # the file
    format: str
    containers: str
    variant: Optional[str]
    version: Optional[int]
    parts: int
    file_size: int
    file_order: Optional[str]
    file_word: Optional[int]
    unit: int
    end_addr: int
    # the machine
    arch: Optional[str]
    order: Optional[str]
    note_order: Optional[str]
    word: int
    page_size: int
    nr_cpus: int
    # the kernel
    uts: Uts
    build_id: Optional[str]
    vmcoreinfo: str
    vmcoreinfo_found: int
    phys_base: Optional[int]
    page_offset: Optional[int]
    # the crash
    panic: Optional[str]
    taint: Optional[str]
    hardware: Optional[str]
    panic_task: Optional[int]
    panic_cpu: Optional[int]
    dump_time: Optional[float]
    crash_time: Optional[float]
    # the contents
    carried: bool
    dump_level: Optional[int]
    dump_level_kind: Optional[str]
    incomplete: bool
    truncated: bool
    eraseinfo: str
    extras: str
    provenance: str
    cpus: Tuple[Cpu, ...]
    notes: Tuple[Note, ...]
    partials: Tuple[Tuple[int, int], ...]


@dataclass(frozen=True)
class Progress:
    """Bytes of memory done and to do (0: unknown), bytes written."""

    done: int
    total: int
    out: int


@dataclass(frozen=True)
class ConvertResult:
    """Counts of pages, but for out_bytes. lost_pages: should be there, and are not."""

    pages: int
    zero_pages: int
    passed_pages: int
    shared_pages: int
    lost_pages: int
    dropped_pages: int
    excluded_pages: Mapping[str, int]
    range_pages: int
    unknown_pages: int
    out_bytes: int


@dataclass(frozen=True)
class VerifyResult:
    """Pages are of Info.unit bytes. digest is the image digest, None when not asked for."""

    digest: Optional[bytes]
    present_pages: int
    zero_pages: int
    excluded_pages: int
    lost_pages: int
    partial_pages: int
    stored_bytes: int
    lost: Tuple[Tuple[int, int, str], ...]


class Difference(enum.IntEnum):
    """How two dumps differ at the first place where they do."""

    SAME = 0
    CONTENT = 1
    PRESENCE = 2
    LOST = 3


class CompareResult(NamedTuple):
    """The first difference, at a physical address; 4 KiB frames compared."""

    difference: Difference
    address: int
    frames: int


@dataclass(frozen=True)
class ClassesInfo:
    """Counts by class: pages that the kernel has, pages of them that the dump holds."""

    page_size: int
    memory_model: str
    records: int
    pages: Mapping[str, int]
    held: Mapping[str, int]
    nodes: Tuple[Node, ...]
    unknown_why: Optional[str]


class Format(NamedTuple):
    """A format of dumps. holds_absent: it tells memory that is not there from zeros."""

    name: str
    title: str
    reads: bool
    writes: bool
    holds_absent: bool
    codecs: Tuple[str, ...]
