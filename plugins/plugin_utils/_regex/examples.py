# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Make strings on both sides of every choice in a pattern: each alternative, the bounds of each quantifier, each class."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from . import byte_sets
from .automaton import Automaton, Budget, Exhausted
from .nodes import Alternation, Conditional, Group, Node, OneByte, Pattern, Repeat, Sequence, children
from .program import TooLarge
from .search import STEPS, most_readable

if t.TYPE_CHECKING:
    from collections.abc import Iterator

#: More repetitions of an item than this make no example that says more.
_MOST_REPEATS: t.Final = 40
#: The decision for one node: a branch, a number of repetitions, or a byte.
_Decisions: t.TypeAlias = dict[int, int]


@dataclass(frozen=True)
class Examples:
    """Strings that a pattern matches, and strings beside them that it does not, each once, in the pattern's order."""

    inside: tuple[bytes, ...]
    outside: tuple[bytes, ...]


def examples(pattern: Pattern, *, steps: int = STEPS) -> Examples:
    """Return strings for every choice of a regular pattern, as far as the steps go; each was checked by matching."""
    inside: dict[bytes, None] = {}
    outside: dict[bytes, None] = {}
    if not pattern.not_regular:
        try:
            automaton = Automaton(pattern, Budget(steps))
            for decisions in _choices(pattern.root, {}):
                text = _write(pattern.root, decisions)
                (inside if automaton.matches(text) else outside)[text] = None
        except (Exhausted, TooLarge):
            pass
    return Examples(tuple(inside), tuple(outside))


def _choices(node: Node, above: _Decisions) -> Iterator[_Decisions]:
    """Yield decisions that differ in one node from the usual ones, with those that lead to it."""
    if isinstance(node, Alternation):
        for index, branch in enumerate(node.branches):
            yield from _choices(branch, above | {id(node): index})
        return
    if isinstance(node, Conditional):
        yield from _choices(node.yes, above | {id(node): 0})
        yield from _choices(node.no, above | {id(node): 1})
        return
    yield above
    if isinstance(node, OneByte):
        yield from (above | {id(node): byte} for byte in _bytes_around(node))
    elif isinstance(node, Repeat):
        counts = {node.low - 1, node.low, node.low + 1} | (
            {node.high, node.high + 1} if node.high is not None else set()
        )
        yield from (above | {id(node): count} for count in sorted(counts) if 0 <= count <= _MOST_REPEATS)
        yield from _choices(node.item, above | {id(node): max(node.low, 1)})
    elif isinstance(node, Sequence | Group):
        for child in children(node):
            yield from _choices(child, above)


def _bytes_around(node: OneByte) -> Iterator[int]:
    """Yield a byte of the set of every kind, and one beside it."""
    for kind in (byte_sets.LOWER, byte_sets.UPPER, byte_sets.DIGIT, byte_sets.of(b"/"), byte_sets.of(b"-._")):
        for members in (node.members & kind, kind & ~node.members):
            if members:
                yield most_readable(members)


def _write(node: Node, decisions: _Decisions) -> bytes:
    if isinstance(node, OneByte):
        chosen = decisions.get(id(node), node.written)
        if chosen is None:
            return bytes((most_readable(node.members),)) if node.members else b""
        return bytes((chosen,))
    if isinstance(node, Alternation):
        return _write(node.branches[decisions.get(id(node), 0)], decisions)
    if isinstance(node, Conditional):
        return _write(node.no if decisions.get(id(node), 0) else node.yes, decisions)
    if isinstance(node, Repeat):
        return _write(node.item, decisions) * decisions.get(id(node), min(max(node.low, 1), _MOST_REPEATS))
    if isinstance(node, Sequence | Group):
        return b"".join(_write(child, decisions) for child in children(node))
    return b""
