# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Checks that need the whole pattern: references, lookbehinds, and constructs that no automaton has."""

from __future__ import annotations

import typing as t

from .errors import RegexError
from .escapes import NEWLINE_SEQUENCE
from .nodes import (
    MAX_DEPTH,
    Alternation,
    Anchor,
    AnchorKind,
    Backreference,
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
    walk,
)

_MAX_LOOKBEHIND: t.Final = 65535
_VARIABLE_LOOKBEHIND: t.Final = "a lookbehind of variable length"
_DEEP: t.Final = "parentheses nested too deeply to be analysed"


def check(pattern: Pattern) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return why the pattern is not regular, and what versions of PCRE2 read differently.

    Raises:
        RegexError: a reference leads nowhere, or a lookbehind has no bounded length.
    """
    reasons: set[str] = set()
    dependent: set[str] = set()
    measured, followed = _Lengths(), _Lengths(pattern)
    for node in walk(pattern.root):
        if isinstance(node, Backreference | Opaque):
            _check_reference(pattern, node.group)
            if not (isinstance(node, Opaque) and node.reason == "a definition"):
                reasons.add("a backreference" if isinstance(node, Backreference) else node.reason)
        elif isinstance(node, Look) and not node.ahead:
            dependent |= _check_lookbehind(pattern, node, followed)
            if any(_looks_ahead(each) for each in walk(node.item)):
                reasons.add("a lookaround in a lookbehind")
        elif isinstance(node, Repeat) and node.item == NEWLINE_SEQUENCE:
            # PCRE gives none of them back where it can tell what follows, and it takes \s for something else.
            reasons.add("a repeated \\R")
        elif not _is_plain(node, measured):
            reasons.add("an atomic group or possessive quantifier that gives nothing back")
    if pattern.depth > MAX_DEPTH:
        reasons.add(_DEEP)
    return tuple(sorted(reasons)), tuple(sorted(dependent))


def _looks_ahead(node: Node) -> bool:
    """Tell whether a node depends on more than the byte behind it."""
    return isinstance(node, Look) or node == Anchor(AnchorKind.FINAL)


def _is_plain(node: Node, measured: _Lengths) -> bool:
    """Tell whether an automaton can express how often the node gives back what it matched.

    Only atomic groups and possessive quantifiers may fail this. A group of fixed length has nothing to give back, and a
    possessive repeat of one byte ends where no such byte follows.
    """
    if isinstance(node, Repeat) and node.mode is Mode.POSSESSIVE:
        return isinstance(node.item, OneByte) or measured.is_fixed(node)
    if isinstance(node, Group) and node.atomic:
        inner = node.item
        runs = isinstance(inner, Repeat) and inner.mode is not Mode.LAZY and isinstance(inner.item, OneByte)
        return runs or measured.is_fixed(inner)
    return True


def _check_reference(pattern: Pattern, group: int | str | None) -> None:
    known = group is None or group in pattern.names or (isinstance(group, int) and group <= pattern.groups)
    if not known:
        raise RegexError("reference to non-existent subpattern", len(pattern.source))


def _check_lookbehind(pattern: Pattern, look: Look, followed: _Lengths) -> set[str]:
    branches = look.item.branches if isinstance(look.item, Alternation) else (look.item,)
    accepts = b"ACCEPT" in pattern.source and (
        isinstance(each, Opaque) and "ACCEPT" in each.reason for each in walk(look.item)
    )
    if accepts and any(accepts):
        return set()
    dependent = set()
    for branch in branches:
        low, high = followed.of(branch)
        if high is None:
            raise RegexError("lookbehind assertion is not fixed length", len(pattern.source))
        if high > _MAX_LOOKBEHIND:
            raise RegexError("lookbehind assertion is too long", len(pattern.source))
        if low != high:
            dependent.add(_VARIABLE_LOOKBEHIND)
    return dependent


class _Lengths:
    """Measure the fewest and the most bytes of nodes, each once; None for the most stands for no bound.

    With a pattern, references into it are followed; without one they have no bound.
    """

    def __init__(self, pattern: Pattern | None = None) -> None:
        self._pattern = pattern
        self._known: dict[tuple[int, int], tuple[int, int | None]] = {}
        self._targets: dict[int | str, Node | None] = {}

    def of(self, node: Node, calls: int = 0) -> tuple[int, int | None]:
        """Return the fewest and the most bytes; `calls` references led to the node."""
        if isinstance(node, OneByte):
            return 1, 1
        key = id(node), calls
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._measure(node, calls)
        return found

    def is_fixed(self, node: Node) -> bool:
        low, high = self.of(node)
        return low == high

    def _measure(self, node: Node, calls: int) -> tuple[int, int | None]:
        if isinstance(node, OneByte):
            return 1, 1
        if isinstance(node, Anchor | Look):
            return 0, 0
        if isinstance(node, Group):
            return self.of(node.item, calls)
        if isinstance(node, Sequence):
            parts = [self.of(each, calls) for each in node.items]
            return sum(low for low, _high in parts), _total([high for _low, high in parts])
        if isinstance(node, Repeat):
            low, high = self.of(node.item, calls)
            if node.high == 0 or high == 0:
                return 0, 0
            return low * node.low, None if high is None or node.high is None else high * node.high
        if isinstance(node, Alternation | Conditional):
            branches = node.branches if isinstance(node, Alternation) else (node.yes, node.no)
            return _either([self.of(each, calls) for each in branches])
        return self._reference(node, calls)

    def _reference(self, node: Backreference | Opaque, calls: int) -> tuple[int, int | None]:
        if isinstance(node, Opaque) and node.reason != "a recursion":
            return 0, None if "grapheme" in node.reason else 0
        known = self._pattern is not None and node.group is not None and node.group != 0
        target = self._group(t.cast("int | str", node.group)) if known and calls <= 1 else None
        return (0, None) if target is None else self.of(target, calls + 1)

    def _group(self, key: int | str) -> Node | None:
        if key not in self._targets:
            self._targets[key] = t.cast("Pattern", self._pattern).group(key)
        return self._targets[key]


def _total(highs: t.Sequence[int | None]) -> int | None:
    known = [high for high in highs if high is not None]
    return sum(known) if len(known) == len(highs) else None


def _either(parts: list[tuple[int, int | None]]) -> tuple[int, int | None]:
    highs = [high for _low, high in parts if high is not None]
    return min(low for low, _high in parts), max(highs) if len(highs) == len(parts) else None
