# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Bracketed classes."""

from __future__ import annotations

import typing as t

from . import byte_sets
from .escapes import read_members, refuse_in_class

if t.TYPE_CHECKING:
    from .reader import PatternReader

_BAD_RANGE: t.Final = "invalid range in character class"
_OPEN: t.Final = "missing terminating ] for character class"


def refuse_posix_outside(reader: PatternReader) -> None:
    """Refuse what looks like a POSIX class without brackets around it."""
    end = _posix_end(reader)
    if end is None:
        return
    if reader.peek(1) == ord(":"):
        raise reader.fail("POSIX named classes are supported only within a class")
    raise reader.fail("POSIX collating elements are not supported")


def read_class(reader: PatternReader, *, caseless: bool, skip_blanks: bool) -> int:
    """Return the bytes of the class whose bracket comes next, and pass it."""
    reader.position += 1
    negated = reader.skip(b"^")
    members = _Class(reader, caseless=caseless, skip_blanks=skip_blanks).read()
    return byte_sets.invert(members) if negated else members


class _Class:
    """Collect the members of one class."""

    def __init__(self, reader: PatternReader, *, caseless: bool, skip_blanks: bool) -> None:
        self._reader = reader
        self._caseless = caseless
        self._skip_blanks = skip_blanks
        self._quoted = False
        self._members = byte_sets.NONE

    def read(self) -> int:
        first = True
        while True:
            self._skip_marks()
            if not self._quoted and self._reader.peek() == ord("]") and not first:
                self._reader.position += 1
                return self._members
            self._item()
            first = False

    def _skip_marks(self) -> None:
        r"""Pass \Q, \E and, with the option xx, blanks."""
        reader = self._reader
        while True:
            if self._quoted and reader.skip(b"\\E"):
                self._quoted = False
            elif not self._quoted and reader.skip(b"\\Q"):
                self._quoted = True
            elif not (
                not self._quoted
                and (reader.skip(b"\\E") or (self._skip_blanks and (reader.skip(b" ") or reader.skip(b"\t"))))
            ):
                return

    def _item(self) -> None:
        low = self._one()
        if low is None:
            return
        self._skip_marks()
        reader = self._reader
        high: int | None = low
        if not self._quoted and reader.peek() == ord("-"):
            start = reader.position
            reader.position += 1
            self._skip_marks()
            if self._quoted or reader.peek() != ord("]"):
                high = self._one(ends_range=True)
            else:
                reader.position = start
        if high is None:
            raise reader.fail(_BAD_RANGE)
        if high < low:
            raise reader.fail("range out of order in character class")
        members = byte_sets.span(low, high)
        self._members |= byte_sets.fold(members) if self._caseless else members

    def _one(self, *, ends_range: bool = False) -> int | None:
        """Read one member; return it if it may begin a range, else add it and return None."""
        reader = self._reader
        if reader.at_end:
            raise reader.fail(_OPEN)
        if self._quoted:
            return reader.take()
        if reader.peek() == ord("["):
            end = _posix_end(reader)
            if end is not None:
                if ends_range:
                    raise reader.fail(_BAD_RANGE)
                self._posix(end)
                return None
        byte = reader.take()
        if byte != ord("\\"):
            return byte
        found = read_members(reader, in_class=True)
        if found is None:
            raise refuse_in_class(reader)
        members, single = found
        if single:
            return members.bit_length() - 1
        if ends_range:
            raise reader.fail(_BAD_RANGE)
        self._members |= members
        self._refuse_range()
        return None

    def _posix(self, end: int) -> None:
        reader = self._reader
        if reader.peek(1) != ord(":"):
            raise reader.fail("POSIX collating elements are not supported")
        reader.position += 2
        negated = reader.skip(b"^")
        name = reader.source[reader.position : end]
        members = byte_sets.POSIX.get(name)
        if members is None:
            raise reader.fail("unknown POSIX class name")
        if self._caseless and name in (b"lower", b"upper"):
            members = byte_sets.ALPHA
        self._members |= byte_sets.invert(members) if negated else members
        reader.position = end + 2
        self._refuse_range()

    def _refuse_range(self) -> None:
        reader = self._reader
        if reader.peek() == ord("-") and reader.peek(1) not in (ord("]"), -1):
            raise reader.fail(_BAD_RANGE)


def _posix_end(reader: PatternReader) -> int | None:
    """Return where the name of a POSIX class ends, whose bracket comes next; None where it is none."""
    source, terminator = reader.source, reader.peek(1)
    if terminator < 0 or terminator not in b":.=":
        return None
    index = reader.position + 2
    while index + 1 < len(source):
        byte = source[index]
        if byte == ord("\\") and source[index + 1] in b"]\\":
            index += 1
        elif byte == ord("]") or (byte == ord("[") and source[index + 1] == terminator):
            return None
        elif byte == terminator and source[index + 1] == ord("]"):
            return index
        index += 1
    return None
