# SPDX-License-Identifier: Apache-2.0
"""Open dumps: names, types and iteration over the extension's objects."""
import os
from types import TracebackType
from typing import (Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Type,
                    Union)

from . import _dumpio
from ._model import (ClassesInfo, ClassRun, CompareResult, ConvertResult, Cpu, Difference, Info,
                     Kind, Node, Note, Page, Progress, Run, Uts, VerifyResult)

PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Secret = Union[str, Callable[[str], Optional[str]]]
"""A passphrase, or what asks for one: it gets the name of the file, None gives up."""
OnProgress = Callable[[Progress], object]
"""Called at most every 50 ms, maybe by another thread; true cancels, an exception cancels too."""
OnNote = Callable[[int, str], object]
"""Gets lines of text: level 0 warnings, 1 notes, 2 details."""
Ranges = Iterable[Tuple[int, int]]

_CHUNK = 1 << 20  # bytes of memory read at once
_EXCLUDE_ZERO = 1 << 31


def _progress(call: Optional[OnProgress]) -> Optional[Callable[[int, int, int], object]]:
    if call is None:
        return None
    asked = call
    return lambda done, total, out: asked(Progress(done, total, out))


def _several(what: Union[None, PathLike, Sequence[PathLike]]) -> List[PathLike]:
    if what is None:
        return []
    if isinstance(what, (str, bytes, os.PathLike)):
        return [what]
    return list(what)


def _identities(identity: Union[None, PathLike, Sequence[PathLike]],
                passphrase: Optional[Secret]) -> Optional[_dumpio.Keys]:
    given = _several(identity)
    if not given and passphrase is None:
        return None
    if isinstance(passphrase, str):
        text = passphrase
        keys = _dumpio.Keys(lambda what: text)
    else:
        keys = _dumpio.Keys(passphrase)
    for one in given:
        if isinstance(one, str) and one.startswith("AGE-SECRET-KEY-"):
            keys.add_identity(one)
        else:
            keys.add_identity_file(os.fsencode(one))
    return keys


def _recipients(recipients: Union[None, PathLike, Sequence[PathLike]],
                passphrase: Optional[str]) -> Optional[_dumpio.Keys]:
    given = _several(recipients)
    if not given and passphrase is None:
        return None
    keys = _dumpio.Keys()
    for one in given:
        if isinstance(one, str) and one.startswith(("age1", "ssh-")):
            keys.add_recipient(one)
        else:
            keys.add_recipients_file(os.fsencode(one))
    if passphrase is not None:
        keys.add_passphrase(passphrase, _dumpio.KEY_SEAL)
    return keys


def _class_set(exclude: Union[int, Iterable[str]]) -> int:
    """makedumpfile's level, or names of classes, as a set of the library's."""
    if isinstance(exclude, int):
        if not 0 <= exclude <= 31:
            raise ValueError("levels are 0 to 31, not %d" % exclude)
        return _dumpio.level_set(exclude)
    wanted = 0
    for name in exclude:
        if name == "zero":
            wanted |= _EXCLUDE_ZERO
        elif name in _dumpio.CLASSES:
            wanted |= 1 << _dumpio.CLASSES.index(name)
        else:
            raise ValueError("no such class: %s" % name)
    private = 1 << _dumpio.CLASSES.index("private")
    if wanted & private:  # cache with private data is cache as well
        wanted |= 1 << _dumpio.CLASSES.index("cache")
    return wanted


def _joined(ranges: Ranges) -> List[Tuple[int, int]]:
    """Ascending and disjoint, as the library wants them."""
    out: List[Tuple[int, int]] = []
    for start, end in sorted(ranges):
        if not 0 <= start < end:
            raise ValueError("no range: %#x-%#x" % (start, end))
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


class Classes:
    """What the dumped kernel says of its pages. One thread at a time."""

    def __init__(self, handle: _dumpio.Classes) -> None:
        self._handle = handle
        fields = handle.info()
        fields["nodes"] = tuple(Node(*n) for n in fields["nodes"])
        self.info = ClassesInfo(**fields)

    def runs(self, start: int = 0, end: Optional[int] = None) -> Iterator[ClassRun]:
        """Ascending runs that touch, over all of [start, end)."""
        at, stop = start, 2 ** 64 - 1 if end is None else end
        while at < stop:
            found = self._handle.next(at)
            if found is None or found[0] >= stop:
                return
            yield ClassRun(found[0], min(found[1], stop), found[2])
            at = found[1]


class View:
    """The file that convert would write in another format, at random access, without writing it.

    For "elf" and "raw". Valid until the dump is closed.
    """

    def __init__(self, handle: _dumpio.View) -> None:
        self._handle = handle
        self.size = handle.size()

    def read(self, offset: int, length: int) -> bytes:
        """At most length bytes; fewer where the file ends. LostError for pages that are lost."""
        return self._handle.read(offset, length)

    def data(self, start: int = 0) -> Iterator[Tuple[int, int]]:
        """Pieces (start, end) that are no holes, ascending; they may touch. All else is zero."""
        while True:
            piece = self._handle.next_data(start)
            if piece is None:
                return
            yield piece
            start = piece[1]


class Dump:
    """An open dump; made by dumpio.open. A context manager."""

    def __init__(self, handle: _dumpio.Dump) -> None:
        self._handle = handle
        fields = handle.info()
        fields["uts"] = Uts(*fields["uts"])
        fields["cpus"] = tuple(Cpu(*c) for c in fields["cpus"])
        fields["notes"] = tuple(Note(*n) for n in fields["notes"])
        self.info = Info(**fields)

    def __enter__(self) -> "Dump":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Close it; calls of other threads that are under way still end as they should."""
        self._handle.close()

    # ---- memory

    def read(self, address: int, length: int) -> bytes:
        """Memory at a physical address, all or nothing: AbsentError, LostError."""
        return self._handle.read(address, length)

    def read_virtual(self, address: int, length: int) -> bytes:
        """Memory at a virtual address of the dumped kernel, by its page tables."""
        return self._handle.read_virtual(address, length)

    def ranges(self, start: int = 0, end: Optional[int] = None) -> Iterator[Run]:
        """The map: runs of memory in [start, end), ascending; the gaps between them are holes."""
        at, stop = start, 2 ** 64 - 1 if end is None else end
        while at < stop:
            found = self._handle.next_run(at)
            if found is None or found[0] >= stop:
                return
            yield Run(found[0], min(found[1], stop), Kind(found[2]))
            at = found[1]

    def pages(self, start: int = 0, end: Optional[int] = None) -> Iterator[Page]:
        """Every page in [start, end), ascending, with its memory where it is held.

        A page that is held in part comes as that part. The views stay valid.
        """
        for run in self.ranges(start, end):
            if run.kind is Kind.PRESENT:
                yield from self._held(run)
            else:
                yield from self._not_held(run)

    def _page_end(self, address: int) -> int:
        return (address // self.info.page_size + 1) * self.info.page_size

    def _not_held(self, run: Run) -> Iterator[Page]:
        at = run.start
        while at < run.end:
            yield Page(at, run.kind, None)
            at = self._page_end(at)

    def _held(self, run: Run) -> Iterator[Page]:
        size, at = self.info.page_size, run.start
        while at < run.end:
            # up to a page boundary first, then in whole pages
            stop = self._page_end(at) if at % size else at + _CHUNK // size * size
            length = min(stop, run.end) - at
            data, kinds = self._handle.read_pages(at, length, size)
            view = memoryview(data)
            for i, number in enumerate(kinds):
                kind, piece = Kind(number), view[i * size:(i + 1) * size]
                yield Page(at + i * size, kind, None if kind is Kind.LOST else piece)
            at += length

    # ---- the kernel

    def vmcoreinfo(self) -> Dict[str, str]:
        """VMCOREINFO's lines KEY=VALUE; empty when the dump has none."""
        lines = (line.partition("=") for line in self.info.vmcoreinfo.splitlines())
        return {key: value for key, sign, value in lines if sign}

    def dmesg(self) -> str:
        """The kernel log, oldest record first; bytes that are no UTF-8 are replaced."""
        return self._handle.dmesg().decode("utf-8", "replace")

    def classify(self, *, freed: bool = False, keep_unknown: bool = False, threads: int = 0,
                 memory_limit: int = 0, progress: Optional[OnProgress] = None,
                 note: Optional[OnNote] = None) -> Classes:
        """What the kernel uses each page for. freed: look for freed pages on lists of processors
        too; keep_unknown: a kernel that cannot be understood gives class "unknown", no error."""
        options = {"freed": freed, "keep_unknown": keep_unknown, "threads": threads,
                   "memory_limit": memory_limit}
        return Classes(self._handle.classify(options, _progress(progress), note))

    # ---- work on the whole

    def convert(self, path: PathLike, format: str, *, level: Optional[int] = None,
                force: bool = False, ram_only: bool = False, flatten: bool = False,
                sync: bool = True, share: bool = True, wrap: Optional[str] = None,
                wrap_level: int = 0,
                recipients: Union[None, PathLike, Sequence[PathLike]] = None,
                passphrase: Optional[str] = None,
                exclude: Union[int, Iterable[str]] = (), classes: Optional[Classes] = None,
                only: Ranges = (), drop: Ranges = (), redact: bool = False, max_bytes: int = 0,
                keep_unknown: bool = False, provenance: Optional[str] = None,
                threads: int = 0, memory_limit: int = 0, strict: bool = False,
                progress: Optional[OnProgress] = None,
                note: Optional[OnNote] = None) -> ConvertResult:
        """Write the dump to path, as "FORMAT" or "FORMAT:CODEC".

        The target appears under its name only when it is whole; an existing one is replaced with
        force alone. exclude: a level of makedumpfile's or names of CLASSES and "zero", to leave
        out; only, drop: ranges to keep, to leave out; redact: zeros in their place. recipients,
        passphrase: encrypt. strict: the first lost page is an error, else they are counted.
        """
        name, _, codec = format.partition(":")
        options: Dict[str, Any] = {
            "format": name, "codec": codec or None, "level": level, "force": force,
            "ram_only": ram_only, "flatten": flatten, "no_sync": not sync, "no_share": not share,
            "wrap": wrap, "wrap_level": wrap_level, "threads": threads,
            "memory_limit": memory_limit, "strict": strict,
        }
        wanted = _class_set(exclude)
        if classes is None and wanted & ~_EXCLUDE_ZERO:
            freed = wanted & 1 << _dumpio.CLASSES.index("freed") != 0
            classes = self.classify(freed=freed, keep_unknown=keep_unknown, threads=threads,
                                    memory_limit=memory_limit, progress=progress, note=note)
        what = {"exclude": wanted, "only": _joined(only), "drop": _joined(drop), "redact": redact,
                "max_bytes": max_bytes, "provenance": provenance}
        filters = what if any(what.values()) else None
        keys = _recipients(recipients, passphrase)
        return ConvertResult(**self._handle.convert(
            os.fsencode(path), options, filters, classes._handle if classes else None, keys,
            _progress(progress), note))

    def filter(self, path: PathLike, exclude: Union[int, Iterable[str]] = 31,
               format: str = "kdump", **options: Any) -> ConvertResult:
        """convert, leaving out what level 31 does. Other options are those of convert."""
        return self.convert(path, format, exclude=exclude, **options)

    def view(self, format: str) -> View:
        """See the dump as a file of another format: "elf" or "raw"."""
        return View(self._handle.view(format))

    def verify(self, *, digest: bool = True, threads: int = 0,
               progress: Optional[OnProgress] = None) -> VerifyResult:
        """Decode every page. Lost pages are no error: they are counted and named."""
        fields = self._handle.verify(digest, threads, _progress(progress))
        fields["lost"] = tuple(fields["lost"])
        return VerifyResult(**fields)

    def compare(self, other: "Dump", *, threads: int = 0,
                progress: Optional[OnProgress] = None) -> CompareResult:
        """Do two dumps hold the same memory? Stops at the first difference."""
        found = self._handle.compare(other._handle, threads, _progress(progress))
        return CompareResult(Difference(found[0]), found[1], found[2])


def open(paths: Union[PathLike, Sequence[PathLike]], *,
         identity: Union[None, PathLike, Sequence[PathLike]] = None,
         passphrase: Optional[Secret] = None, format: Optional[str] = None,
         arch: Optional[str] = None, page_size: Optional[int] = None,
         vmlinux: Optional[PathLike] = None, vmcoreinfo: Optional[PathLike] = None,
         tmpdir: Optional[PathLike] = None, threads: int = 0, memory_limit: int = 0,
         note: Optional[OnNote] = None) -> Dump:
    """Open a dump, held in one file or in the parts of a split set, compressed or encrypted.

    identity: files of age identities or SSH keys, or "AGE-SECRET-KEY-1..." itself, to open
    encrypted files with. format is needed for "raw" only; arch and page_size are for formats that
    do not say. vmlinux: the kernel's image, for facts that the dump lacks; vmcoreinfo: a file with
    the text to use instead of the dump's.
    """
    options: Dict[str, Any] = {
        "format": format, "arch": arch, "page_size": page_size, "threads": threads,
        "memory_limit": memory_limit,
    }
    for name, path in (("vmlinux", vmlinux), ("vmcoreinfo", vmcoreinfo), ("tmpdir", tmpdir)):
        options[name] = None if path is None else os.fsencode(path)
    files = tuple(os.fsencode(p) for p in _several(paths))
    return Dump(_dumpio.Dump(files, options, _identities(identity, passphrase), note))
