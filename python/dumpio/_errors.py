# SPDX-License-Identifier: Apache-2.0
"""Errors of libdumpio as exceptions."""
import enum
from typing import Optional


class Status(enum.IntEnum):
    """enum dumpio_status of <dumpio/dumpio.h>."""

    ARG = -1
    NOMEM = -2
    IO = -3
    FORMAT = -4
    CORRUPT = -5
    TRUNCATED = -6
    UNSUPPORTED = -7
    EXISTS = -8
    LIMIT = -9
    ABSENT = -10
    LOST = -11
    CANCELLED = -12
    INTERNAL = -13


class DumpioError(Exception):
    """What went wrong, in one line; where in the file (None: no place); errno of an I/O error."""

    def __init__(self, message: str, status: Status, offset: Optional[int] = None,
                 errno: int = 0) -> None:
        super().__init__(message, status, offset, errno)
        self.message = message
        self.status = status
        self.offset = offset
        self.errno = errno

    def __str__(self) -> str:
        return self.message


class NotHeldError(DumpioError):
    """The dump does not hold this memory: AbsentError or LostError."""


class AbsentError(NotHeldError):
    """Not in the dump: a hole, or left out on purpose."""


class LostError(NotHeldError):
    """It should be in the dump, and cannot be read."""


class CancelledError(DumpioError):
    """The progress callback said so."""


class FormatError(DumpioError):
    """Not a dump, or a damaged one: Status.FORMAT, CORRUPT, TRUNCATED."""


_CLASSES = {
    Status.ABSENT: AbsentError,
    Status.LOST: LostError,
    Status.CANCELLED: CancelledError,
    Status.FORMAT: FormatError,
    Status.CORRUPT: FormatError,
    Status.TRUNCATED: FormatError,
}


def make_error(status: int, message: str, offset: Optional[int], errno: int) -> DumpioError:
    """Called by the extension."""
    known = Status(status)
    kind = _CLASSES.get(known, DumpioError)
    if issubclass(kind, NotHeldError):
        offset = None  # memory is not to be had: no place in a file
    return kind(message, known, offset, errno)
