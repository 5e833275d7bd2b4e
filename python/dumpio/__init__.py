# SPDX-License-Identifier: Apache-2.0
"""Linux kernel crash dumps of every format: read, convert, filter, verify.

    import dumpio

    with dumpio.open("vmcore.zst.age", identity="key.txt") as dump:
        print(dump.info.uts.release, dump.info.panic)
        for page in dump.pages():
            if page.kind is dumpio.Kind.PRESENT:
                look_at(page.address, page.data)
        dump.filter("small.kdump", 31, progress=lambda p: print(p.done, "of", p.total))

Addresses are physical ones of the dumped machine, in bytes, where nothing else is said. A dump may
be read by several threads; long calls release the interpreter's lock. Errors are DumpioError.
"""
from ._dump import Classes, Dump, PathLike, Secret, View, open
from ._errors import (AbsentError, CancelledError, DumpioError, FormatError, LostError,
                      NotHeldError, Status)
from ._model import (ClassesInfo, ClassRun, CompareResult, ConvertResult, Cpu, Difference, Format,
                     Info, Kind, Node, Note, Page, Progress, Run, Uts, VerifyResult)
from . import _dumpio

__version__: str = _dumpio.VERSION
CLASSES = _dumpio.CLASSES
"""Names of the classes of pages, for Dump.filter and Dump.convert; "zero" is one more."""

__all__ = [
    "AbsentError", "CLASSES", "CancelledError", "ClassRun", "Classes", "ClassesInfo",
    "CompareResult", "ConvertResult", "Cpu", "Difference", "Dump", "DumpioError", "Format",
    "FormatError", "Info", "Kind", "LostError", "Node", "NotHeldError", "Note", "Page", "PathLike",
    "Progress", "Run", "Secret", "Status", "Uts", "VerifyResult", "View", "formats", "open",
]


def formats() -> "list[Format]":
    """The formats that this library knows."""
    return [Format(*f) for f in _dumpio.formats()]
