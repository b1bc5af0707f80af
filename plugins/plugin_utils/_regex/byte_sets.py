# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Sets of bytes as integers of 256 bits, and the sets that PCRE has a name for.

nginx compiles with neither PCRE2_UTF nor PCRE2_UCP (src/core/ngx_regex.c) and sets no locale: a pattern matches bytes, and only
ASCII letters have a case.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ALL: t.Final = (1 << 256) - 1
NONE: t.Final = 0


def of(members: bytes | Iterable[int]) -> int:
    """Return the set of these bytes."""
    result = 0
    for byte in members:
        result |= 1 << byte
    return result


def span(low: int, high: int) -> int:
    """Return the set of all bytes from `low` to `high`, both included."""
    return (1 << (high + 1)) - (1 << low)


def invert(members: int) -> int:
    """Return the bytes that are not in the set."""
    return ALL & ~members


def iterate(members: int) -> Iterator[int]:
    """Yield the bytes of a set in ascending order."""
    while members:
        lowest = members & -members
        yield lowest.bit_length() - 1
        members ^= lowest


def size(members: int) -> int:
    """Return the number of bytes in the set."""
    return members.bit_count()


UPPER: t.Final = span(65, 90)
LOWER: t.Final = span(97, 122)
DIGIT: t.Final = span(48, 57)
ALPHA: t.Final = UPPER | LOWER
ALNUM: t.Final = ALPHA | DIGIT
WORD: t.Final = ALNUM | of(b"_")
SPACE: t.Final = of(b" \t\n\r\f\v")
HORIZONTAL_SPACE: t.Final = of(b"\t \xa0")
VERTICAL_SPACE: t.Final = of(b"\n\v\f\r\x85")
NEWLINE: t.Final = of(b"\n")
NOT_NEWLINE: t.Final = invert(NEWLINE)

#: What stands between "[:" and ":]".
POSIX: t.Final = {
    b"alnum": ALNUM,
    b"alpha": ALPHA,
    b"ascii": span(0, 127),
    b"blank": of(b" \t"),
    b"cntrl": span(0, 31) | of(b"\x7f"),
    b"digit": DIGIT,
    b"graph": span(33, 126),
    b"lower": LOWER,
    b"print": span(32, 126),
    b"punct": span(33, 126) & ~ALNUM,
    b"space": SPACE,
    b"upper": UPPER,
    b"word": WORD,
    b"xdigit": DIGIT | of(b"abcdefABCDEF"),
}

#: Escapes that stand for a set, inside a class and outside.
ESCAPES: t.Final = {
    ord("d"): DIGIT,
    ord("D"): invert(DIGIT),
    ord("w"): WORD,
    ord("W"): invert(WORD),
    ord("s"): SPACE,
    ord("S"): invert(SPACE),
    ord("h"): HORIZONTAL_SPACE,
    ord("H"): invert(HORIZONTAL_SPACE),
    ord("v"): VERTICAL_SPACE,
    ord("V"): invert(VERTICAL_SPACE),
}


def fold(members: int) -> int:
    """Return the set with both cases of each of its letters."""
    return members | (members & UPPER) << 32 | (members & LOWER) >> 32
