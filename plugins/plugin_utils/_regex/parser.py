# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A pattern becomes a tree, or the error that PCRE has for it (parse_regex() of pcre2_compile.c, version 10.42)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace
from functools import lru_cache

from . import byte_sets
from .checks import check
from .classes import read_class, refuse_posix_outside
from .escapes import is_quantifier, read_escape
from .nodes import (
    EMPTY,
    Alternation,
    Anchor,
    AnchorKind,
    Conditional,
    Group,
    Look,
    Mode,
    Node,
    OneByte,
    Opaque,
    Pattern,
    Repeat,
    Sequence,
    items_of,
)
from .openings import Flags, Opening, read_opening, start_options
from .reader import PatternReader, to_int

_MAX_REPEAT: t.Final = 65535
_MAX_PARENTHESES: t.Final = 250
_BLANK: t.Final = frozenset(b" \t\n\v\f\r")
#: What follows the brace; possessive, so that no pattern makes it slow.
_NEWER_QUANTIFIER: t.Final = re.compile(rb"[ \t0-9]*+(?:,[ \t0-9]*+)?\}")
_NOTHING_TO_REPEAT: t.Final = "quantifier does not follow a repeatable item"


@lru_cache(maxsize=16384)
def parse(pattern: str | bytes, *, caseless: bool = False) -> Pattern:
    """Parse a pattern as nginx compiles it, `caseless` as for `~*`.

    Raises:
        RegexError: PCRE refuses it.
    """
    source = pattern.encode("utf-8", "surrogatepass") if isinstance(pattern, str) else pattern
    return _Parser(source, caseless=caseless).parse()


@dataclass
class _Frame:
    """Parentheses that are still open."""

    opening: Opening
    flags: Flags
    branches: list[Node]
    items: list[Node]
    #: Of a branch reset: where each branch begins to count, and how far one got.
    first_group: int
    most_groups: int


class _Parser:
    """Read a pattern from left to right, with the open parentheses on a stack of its own."""

    def __init__(self, source: bytes, *, caseless: bool) -> None:
        self._reader = PatternReader(source)
        self._flags, self._reasons = start_options(self._reader, Flags(caseless=caseless))
        self._groups = 0
        self._all_groups = 0
        self._names: dict[str, list[int]] = {}
        self._name_of: dict[int, str] = {}
        self._stack = [_Frame(Opening("root"), self._flags, [], [], 0, 0)]
        self._depth = 0
        self._repeatable = False
        self._quantified = False
        self._item_start = 0
        self._caseless = caseless
        self._version_dependent: set[str] = set()

    def parse(self) -> Pattern:
        reader = self._reader
        while not reader.at_end:
            if not self._skip_comment():
                self._next()
        if len(self._stack) > 1:
            raise reader.fail("missing closing parenthesis")
        root = self._close_frame()
        pattern = Pattern(
            reader.source,
            root,
            self._all_groups,
            {name: tuple(numbers) for name, numbers in self._names.items()},
            self._caseless,
            self._depth,
        )
        reasons, dependent = check(pattern)
        dependent = tuple(sorted(self._version_dependent | set(dependent)))
        return replace(pattern, not_regular=(*self._reasons, *reasons), version_dependent=dependent)

    def _skip_comment(self) -> bool:
        """Pass what stands for nothing, even between an item and its quantifier."""
        reader = self._reader
        if reader.skip(b"(?#"):
            end = reader.source.find(b")", reader.position)
            reader.position = len(reader.source) if end < 0 else end + 1
            if end < 0:
                raise reader.fail("missing ) after (?# comment")
            return True
        if reader.skip(b"\\E"):
            return True
        if not self._flags.extended:
            return False
        if reader.peek() == ord("#"):
            end = reader.source.find(b"\n", reader.position)
            reader.position = len(reader.source) if end < 0 else end + 1
            return True
        return bool(reader.run(_BLANK))

    def _next(self) -> None:
        reader = self._reader
        byte = reader.peek()
        if self._quantified and byte in b"+?":
            self._change_mode(reader.take())
        elif byte in b"*+?" or (byte == ord("{") and is_quantifier(reader)):
            self._quantify()
        elif byte == ord("("):
            self._open()
        elif byte == ord(")"):
            self._close()
        elif byte == ord("|"):
            reader.position += 1
            self._next_branch()
        elif reader.skip(b"\\Q"):
            self._quote()
        else:
            start = reader.position
            node = self._atom()
            self._add(node, start, repeatable=node != EMPTY and not isinstance(node, Anchor))

    def _add(self, node: Node, start: int, *, repeatable: bool = True) -> None:
        self._stack[-1].items.append(node)
        self._item_start = start
        self._repeatable = repeatable
        self._quantified = False

    def _atom(self) -> Node:
        reader, flags = self._reader, self._flags
        byte = reader.peek()
        if byte == ord("["):
            return self._class()
        reader.position += 1
        if byte == ord("\\"):
            if reader.peek() == ord("K") and any(frame.opening.kind == "look" for frame in self._stack):
                reader.position += 1
                raise reader.fail("\\K is not allowed in lookarounds (but see PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK)")
            return read_escape(reader, opened=self._groups, caseless=flags.caseless)
        if byte == ord("."):
            return OneByte(byte_sets.ALL if flags.dotall else byte_sets.NOT_NEWLINE)
        if byte == ord("^"):
            return Anchor(AnchorKind.LINE_START if flags.multiline else AnchorKind.START)
        if byte == ord("$"):
            return Anchor(AnchorKind.LINE_END if flags.multiline else AnchorKind.FINAL)
        if byte == ord("{"):
            self._note_newer_quantifier()
        return self._literal(byte)

    def _literal(self, byte: int) -> OneByte:
        members = 1 << byte
        return OneByte(byte_sets.fold(members) if self._flags.caseless else members, byte)

    def _note_newer_quantifier(self) -> None:
        """Note a brace that is text up to 10.42 and a quantifier since: {,3} or { 1, 3 }."""
        reader = self._reader
        found = _NEWER_QUANTIFIER.match(reader.source, reader.position)
        if found is not None and any(byte_sets.DIGIT >> byte & 1 for byte in found[0]):
            self._version_dependent.add("a quantifier with spaces or without its first number")

    def _class(self) -> Node:
        reader, flags = self._reader, self._flags
        for text, ahead in ((b"[[:<:]]", True), (b"[[:>:]]", False)):
            if reader.skip(text):
                word = Look(OneByte(byte_sets.WORD), ahead=ahead, negated=False)
                return Sequence((Anchor(AnchorKind.WORD), word))
        refuse_posix_outside(reader)
        return OneByte(read_class(reader, caseless=flags.caseless, skip_blanks=flags.extended > 1))

    def _quote(self) -> None:
        r"""Read what stands between \Q and \E as it is."""
        reader = self._reader
        end = reader.source.find(b"\\E", reader.position)
        end = len(reader.source) if end < 0 else end
        while reader.position < end:
            start = reader.position
            self._add(self._literal(reader.take()), start)

    def _quantify(self) -> None:
        reader = self._reader
        low, high = self._limits()
        items = self._stack[-1].items
        if not self._repeatable or self._quantified:
            raise reader.fail(_NOTHING_TO_REPEAT)
        mode = Mode.LAZY if self._flags.ungreedy else Mode.GREEDY
        item = items[-1]
        if isinstance(item, Look):
            # PCRE tries an assertion once at most.
            low, high = min(low, 1), 1
        items[-1] = Repeat(item, low, high, mode, self._item_start, reader.position)
        self._quantified = True

    def _change_mode(self, byte: int) -> None:
        items = self._stack[-1].items
        repeat = t.cast("Repeat", items[-1])
        swapped = Mode.GREEDY if self._flags.ungreedy else Mode.LAZY
        mode = Mode.POSSESSIVE if byte == ord("+") else swapped
        items[-1] = replace(repeat, mode=mode, end=self._reader.position)
        self._repeatable = self._quantified = False

    def _limits(self) -> tuple[int, int | None]:
        reader = self._reader
        byte = reader.take()
        if byte != ord("{"):
            return {ord("*"): (0, None), ord("+"): (1, None), ord("?"): (0, 1)}[byte]
        low = self._limit()
        high: int | None = low
        if reader.skip(b","):
            high = self._limit() if reader.peek() != ord("}") else None
        if high is not None and high < low:
            raise reader.fail("numbers out of order in {} quantifier")
        reader.position += 1
        return low, high

    def _limit(self) -> int:
        value = to_int(self._reader.digits())
        if value > _MAX_REPEAT:
            raise self._reader.fail("number too big in {} quantifier")
        return value

    def _open(self) -> None:
        reader = self._reader
        start = reader.position
        frame = self._stack[-1]
        expects_condition = frame.opening.kind == "conditional" and not frame.branches and not frame.items
        opening = read_opening(reader, self._flags, opened=self._groups)
        if expects_condition and frame.opening.expects_assertion and opening.kind not in ("look", "callout"):
            raise reader.fail("assertion expected after (?( or (?(?C)")
        if opening.kind == "options":
            self._flags = opening.flags or self._flags
            self._caseless |= len(self._stack) == 1 and not frame.branches and not frame.items and self._flags.caseless
            self._repeatable = self._quantified = False
        elif opening.kind == "item":
            # A callout stands between an item and its quantifier only by mistake.
            self._add(opening.node, start, repeatable=opening.repeatable)
        elif opening.kind != "callout":
            self._push(opening, start)

    def _push(self, opening: Opening, start: int) -> None:
        if len(self._stack) > _MAX_PARENTHESES:
            raise self._reader.fail("parentheses are too deeply nested")
        if opening.kind == "capture":
            self._number(opening)
        opening.start = start
        self._stack.append(_Frame(opening, self._flags, [], [], self._groups, self._groups))
        self._flags = opening.flags or self._flags
        self._depth = max(self._depth, len(self._stack) - 1)
        self._repeatable = self._quantified = False

    def _number(self, opening: Opening) -> None:
        """Give the group its number, and its number to its name."""
        self._groups += 1
        self._all_groups = max(self._all_groups, self._groups)
        opening.number = self._groups
        name = opening.name
        if not name:
            return
        known = self._names.setdefault(name, [])
        if known and opening.number not in known and not self._flags.duplicate_names:
            raise self._reader.fail("two named subpatterns have the same name (PCRE2_DUPNAMES not set)")
        if self._name_of.setdefault(opening.number, name) != name:
            raise self._reader.fail("different names for subpatterns of the same number are not allowed")
        if opening.number not in known:
            known.append(opening.number)

    def _next_branch(self) -> None:
        frame = self._stack[-1]
        frame.branches.append(_sequence(frame.items))
        frame.items = []
        if frame.opening.kind == "reset":
            frame.most_groups = max(frame.most_groups, self._groups)
            self._groups = frame.first_group
        self._repeatable = self._quantified = False

    def _close(self) -> None:
        reader = self._reader
        if len(self._stack) == 1:
            raise reader.fail("unmatched closing parenthesis")
        reader.position += 1
        frame = self._stack[-1]
        node = self._close_frame()
        self._stack.pop()
        self._flags = frame.flags
        opening = frame.opening
        if opening.kind == "look":
            node = Look(node, ahead=opening.ahead, negated=opening.negated)
        elif opening.kind == "conditional":
            node = self._conditional(frame)
        else:
            node = Group(node, opening.number, opening.name, atomic=opening.kind == "atomic")
        self._add(node, opening.start)

    def _close_frame(self) -> Node:
        frame = self._stack[-1]
        self._next_branch()
        if frame.opening.kind == "reset":
            self._groups = frame.most_groups
        return frame.branches[0] if len(frame.branches) == 1 else Alternation(tuple(frame.branches))

    def _conditional(self, frame: _Frame) -> Node:
        opening, branches = frame.opening, frame.branches
        most = 1 if opening.defines else 2
        if len(branches) > most:
            word = "DEFINE subpattern contains" if opening.defines else "conditional subpattern contains"
            raise self._reader.fail(f"{word} more than {'one branch' if most == 1 else 'two branches'}")
        yes, no = branches[0], branches[1] if len(branches) > 1 else EMPTY
        if not opening.expects_assertion:
            if opening.defines:
                return Sequence((Opaque("a definition", None), Repeat(yes, 0, 0)))
            return Conditional(None, Sequence((Opaque("a condition on a group", opening.group), yes)), no)
        items = items_of(yes)
        if not items or not isinstance(items[0], Look):
            raise self._reader.fail("assertion expected after (?( or (?(?C)")
        return Conditional(items[0], _sequence(list(items[1:])), no)


def _sequence(items: list[Node]) -> Node:
    return items[0] if len(items) == 1 else Sequence(tuple(items))
