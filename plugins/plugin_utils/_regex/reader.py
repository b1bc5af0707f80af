# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A cursor over a pattern, and what is read the same way in many places: numbers and names."""

from __future__ import annotations

import typing as t

from .errors import RegexError

_WORD: t.Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_DIGITS: t.Final = frozenset(b"0123456789")
_MAX_NAME: t.Final = 32
_MAX_NUMBER: t.Final = 65535
#: More digits than this, after zeros, are beyond every limit of PCRE, and may be more than int() reads.
_MAX_DIGITS: t.Final = 10
#: Terminators of a name by what opens it.
CLOSING: t.Final = {ord("<"): b">", ord("'"): b"'", ord("{"): b"}"}


def to_int(digits: bytes) -> int:
    """Return the value of decimal digits, or a value beyond every limit of PCRE where they are many."""
    return int(digits.lstrip(b"0")[:_MAX_DIGITS] or b"0")


class PatternReader:
    """Hold the source and the offset of the next byte."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.position = 0

    @property
    def at_end(self) -> bool:
        """Tell whether nothing is left."""
        return self.position >= len(self.source)

    def peek(self, offset: int = 0) -> int:
        """Return a byte without passing it, -1 behind the end."""
        index = self.position + offset
        return self.source[index] if index < len(self.source) else -1

    def next_in(self, members: bytes) -> bool:
        """Tell whether the next byte is one of these."""
        return not self.at_end and self.peek() in members

    def take(self) -> int:
        """Return the next byte and pass it, -1 at the end."""
        byte = self.peek()
        self.position += byte >= 0
        return byte

    def skip(self, text: bytes) -> bool:
        """Pass a text and return True where it comes next."""
        if not self.source.startswith(text, self.position):
            return False
        self.position += len(text)
        return True

    def fail(self, reason: str) -> RegexError:
        """Return the error for the present position."""
        return RegexError(reason, self.position)

    def run(self, members: frozenset[int]) -> bytes:
        """Pass the bytes that are members and return them."""
        start = self.position
        while self.peek() in members:
            self.position += 1
        return self.source[start : self.position]

    def digits(self) -> bytes:
        """Pass decimal digits and return them."""
        return self.run(_DIGITS)

    def number(self) -> int:
        """Return the decimal number that comes next, for a group."""
        value = to_int(self.digits())
        if value > _MAX_NUMBER:
            raise self.fail("number is too big")
        return value

    def name(self, terminator: bytes) -> str:
        """Return a group's name and pass its terminator."""
        if self.peek() not in _WORD:
            raise self.fail("subpattern name expected")
        if self.peek() in _DIGITS:
            raise self.fail("subpattern name must start with a non-digit")
        name = self.run(_WORD)
        if len(name) > _MAX_NAME:
            raise self.fail("subpattern name is too long (maximum 32 code units)")
        if not self.skip(terminator):
            raise self.fail("syntax error in subpattern name (missing terminator?)")
        return name.decode("ascii")

    def signed(self, opened: int) -> int | None:
        """Return the group that a number, or one relative to those `opened`, means; None where none comes next."""
        start = self.position
        sign = self.take() if self.next_in(b"+-") else 0
        if self.peek() not in _DIGITS:
            self.position = start
            return None
        value = self.number()
        if not sign:
            return value
        if value == 0:
            raise self.fail("(?+ or (?- or (?(+ or (?(- must be followed by a non-zero digit")
        value = opened + value if sign == ord("+") else opened - value + 1
        if value <= 0:
            raise self.fail("reference to non-existent subpattern")
        return value
