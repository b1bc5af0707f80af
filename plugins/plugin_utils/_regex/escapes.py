# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Escapes, as check_escape() of pcre2_compile.c reads them."""

from __future__ import annotations

import typing as t

from . import byte_sets
from .nodes import EMPTY, Alternation, Anchor, AnchorKind, Backreference, Look, Node, OneByte, Opaque, Sequence
from .properties import read_property
from .reader import CLOSING, to_int

if t.TYPE_CHECKING:
    from .reader import PatternReader

_SIMPLE: t.Final = {ord("a"): 7, ord("e"): 27, ord("f"): 12, ord("n"): 10, ord("r"): 13, ord("t"): 9}
_HEX: t.Final = frozenset(b"0123456789abcdefABCDEF")
_OCTAL: t.Final = frozenset(b"01234567")
_ANCHORS: t.Final = {
    ord("A"): AnchorKind.START,
    ord("G"): AnchorKind.START,
    ord("z"): AnchorKind.END,
    ord("Z"): AnchorKind.FINAL,
    ord("b"): AnchorKind.WORD,
    ord("B"): AnchorKind.NOT_WORD,
}
_CARRIAGE_RETURN: t.Final = OneByte(byte_sets.of(b"\r"))
_LINE_FEED: t.Final = OneByte(byte_sets.NEWLINE)
#: PCRE takes \r\n as one, and never goes back into it.
NEWLINE_SEQUENCE: t.Final = Alternation(
    (
        Sequence((_CARRIAGE_RETURN, _LINE_FEED)),
        OneByte(byte_sets.of(b"\n\v\f\x85")),
        Sequence((_CARRIAGE_RETURN, Look(_LINE_FEED, ahead=True, negated=True))),
    )
)
#: Where a match begins, \K, changes nothing of whether there is one.
_NODES: t.Final[dict[int, Node]] = {
    ord("R"): NEWLINE_SEQUENCE,
    ord("X"): Opaque("a grapheme cluster, \\X"),
    ord("C"): OneByte(byte_sets.ALL),
    ord("K"): EMPTY,
}
_UNSUPPORTED: t.Final = "PCRE2 does not support \\F, \\L, \\l, \\N{name}, \\U, or \\u"
_UNKNOWN: t.Final = "unrecognized character follows \\"
_NOT_IN_CLASS: t.Final = "escape sequence is invalid in character class"
_TOO_LARGE: t.Final = "character code point value in \\x{} or \\o{} is too large"
_BAD_G: t.Final = "\\g is not followed by a braced, angle-bracketed, or quoted name/number or by a plain number"
_BAD_K: t.Final = "\\k is not followed by a braced, angle-bracketed, or quoted name"
_MAX_BYTE: t.Final = 255
_SINGLE_DIGIT: t.Final = 10


def read_members(reader: PatternReader, *, in_class: bool) -> tuple[int, bool] | None:
    """Read an escape that stands for bytes; the backslash is passed.

    Returns:
        The set, and whether it is one written byte (which may begin or end a range); None, with nothing passed, for an
        escape that stands for something else.
    """
    byte = reader.take()
    if byte < 0:
        raise reader.fail("\\ at end of pattern")
    if not byte_sets.ALNUM >> byte & 1:
        return 1 << byte, True
    if in_class and byte in b"bg":
        return 1 << (8 if byte == ord("b") else byte), True
    if byte in _SIMPLE:
        return 1 << _SIMPLE[byte], True
    if byte in byte_sets.ESCAPES:
        return byte_sets.ESCAPES[byte], False
    if byte in b"xoc" or byte == ord("0") or (in_class and byte in b"123456789"):
        return 1 << _code(reader, byte), True
    if byte == ord("N"):
        return _not_newline(reader, in_class=in_class), False
    if byte in b"pP":
        members = read_property(reader, negated=byte == ord("P"))
        if members is not None or in_class:
            return (byte_sets.NONE if members is None else members), False
        return None
    reader.position -= 1
    return None


def read_escape(reader: PatternReader, *, opened: int, caseless: bool) -> Node:
    r"""Read any escape but \Q and \E outside a class; the backslash is passed and `opened` groups have begun."""
    start = reader.position
    found = read_members(reader, in_class=False)
    if found is not None:
        members, single = found
        return _literal(members.bit_length() - 1, caseless=caseless) if single else OneByte(members)
    if reader.position > start:
        return Opaque("a Unicode property of a script")
    byte = reader.take()
    if byte in _ANCHORS:
        return Anchor(_ANCHORS[byte])
    if byte in b"123456789":
        return _digits(reader, byte, opened, caseless=caseless)
    if byte == ord("g"):
        return _group(reader, opened)
    if byte == ord("k"):
        if reader.peek() not in CLOSING:
            raise reader.fail(_BAD_K)
        return Backreference(reader.name(CLOSING[reader.take()]))
    if byte in _NODES:
        return _NODES[byte]
    raise reader.fail(_UNSUPPORTED if byte in b"FLlUu" else _UNKNOWN)


def _literal(byte: int, *, caseless: bool) -> OneByte:
    return OneByte(byte_sets.fold(1 << byte) if caseless else 1 << byte, byte)


def refuse_in_class(reader: PatternReader) -> Exception:
    """Return the error for an escape that stands for no bytes, inside a class."""
    byte = reader.take()
    if byte in b"FLlUu":
        return reader.fail(_UNSUPPORTED)
    return reader.fail(_NOT_IN_CLASS if byte in b"ABCGKRXZzk" else _UNKNOWN)


def _not_newline(reader: PatternReader, *, in_class: bool) -> int:
    if reader.peek() == ord("{") and not is_quantifier(reader):
        if reader.source.startswith(b"{U+", reader.position):
            raise reader.fail("\\N{U+dddd} is supported only in Unicode (UTF) mode")
        raise reader.fail(_UNSUPPORTED)
    if in_class:
        raise reader.fail("\\N is not supported in a class")
    return byte_sets.NOT_NEWLINE


def is_quantifier(reader: PatternReader) -> bool:
    """Tell whether the brace that comes next begins a quantifier: {n}, {n,} or {n,m}."""
    start = reader.position
    reader.position += 1
    found = bool(reader.digits())
    if reader.skip(b","):
        reader.digits()
    found = found and reader.peek() == ord("}")
    reader.position = start
    return found


def _code(reader: PatternReader, byte: int) -> int:
    if byte == ord("c"):
        return _control(reader)
    if byte == ord("x"):
        return _braced(reader, _HEX, 16) if reader.peek() == ord("{") else int(_at_most(reader, _HEX, 2) or b"0", 16)
    if byte == ord("o"):
        if reader.peek() != ord("{"):
            raise reader.fail("missing opening brace after \\o")
        return _braced(reader, _OCTAL, 8)
    if byte in b"89":
        return byte
    reader.position -= 1
    return _octal(reader)


def _octal(reader: PatternReader) -> int:
    value = int(_at_most(reader, _OCTAL, 3), 8)
    if value > _MAX_BYTE:
        raise reader.fail("octal value is greater than \\377 in 8-bit non-UTF-8 mode")
    return value


def _at_most(reader: PatternReader, members: frozenset[int], count: int) -> bytes:
    start = reader.position
    while reader.peek() in members and reader.position < start + count:
        reader.position += 1
    return reader.source[start : reader.position]


def _control(reader: PatternReader) -> int:
    if reader.at_end:
        raise reader.fail("\\c at end of pattern")
    byte = reader.take()
    if not byte_sets.POSIX[b"print"] >> byte & 1:
        raise reader.fail("\\c must be followed by a printable ASCII character")
    return (byte - 32 if byte_sets.LOWER >> byte & 1 else byte) ^ 64


def _braced(reader: PatternReader, members: frozenset[int], base: int) -> int:
    reader.position += 1
    if reader.at_end or reader.peek() == ord("}"):
        raise reader.fail("digits missing in \\x{} or \\o{} or \\N{U+}")
    digits = reader.run(members)
    if digits and int(digits, base) > _MAX_BYTE:
        raise reader.fail(_TOO_LARGE)
    if not digits or not reader.skip(b"}"):
        kind = "non-hex character in \\x{}" if base != len(_OCTAL) else "non-octal character in \\o{}"
        raise reader.fail(f"{kind} (closing brace missing?)")
    return int(digits, base)


def _digits(reader: PatternReader, first: int, opened: int, *, caseless: bool) -> Node:
    """Read a backreference, or an octal number where so many groups have not begun."""
    reader.position -= 1
    start = reader.position
    text = reader.digits()
    value = to_int(text)
    if value < _SINGLE_DIGIT or first in b"89" or value <= opened:
        if value > _MAX_GROUP:
            raise reader.fail("number is too big")
        return Backreference(value)
    reader.position = start
    return _literal(_octal(reader), caseless=caseless)


_MAX_GROUP: t.Final = (1 << 31) // 10 - 1


def _group(reader: PatternReader, opened: int) -> Node:
    r"""Read what follows \g: a backreference, or in Oniguruma's spelling a call."""
    if reader.next_in(b"<'"):
        byte = reader.take()
        number = reader.signed(opened)
        if number is None:
            return Opaque("a recursion", reader.name(CLOSING[byte]))
        if not reader.skip(CLOSING[byte]):
            raise reader.fail(_BAD_G)
        return Opaque("a recursion", number)
    braced = reader.skip(b"{")
    number = reader.signed(opened)
    if number is None:
        if not braced:
            raise reader.fail(_BAD_G)
        return Backreference(reader.name(b"}"))
    if number <= 0:
        raise reader.fail("a numbered reference must not be zero")
    if braced and not reader.skip(b"}"):
        raise reader.fail(_BAD_G)
    return Backreference(number)
