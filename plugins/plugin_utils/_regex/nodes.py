# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The tree of a pattern."""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Walkers of the tree recurse; deeper patterns are read, but not analysed.
MAX_DEPTH: t.Final = 60


class Mode(enum.Enum):
    """The number of repetitions that a quantifier tries first, and whether it gives any back."""

    GREEDY = "greedy"
    LAZY = "lazy"
    POSSESSIVE = "possessive"


class AnchorKind(enum.Enum):
    """The places between bytes that an anchor demands."""

    START = "start of the subject"
    END = "end of the subject"
    FINAL = "end of the subject, or before a line feed there"
    LINE_START = "start of a line"
    LINE_END = "end of a line"
    WORD = "word boundary"
    NOT_WORD = "no word boundary"


@dataclass(frozen=True, slots=True)
class OneByte:
    """Match one byte out of a set: a literal, which is then `written`, a class, or a dot."""

    members: int
    written: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """Match all items, one after the other; the empty one matches the empty string."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternation:
    """Match one branch; the first that leads to a match wins."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Match the item between parentheses; `number` is None where nothing is captured."""

    item: Node
    number: int | None = None
    name: str = ""
    atomic: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """Match the item `low` to `high` times, `high` None without an end; `start` and `end` delimit it in the source."""

    item: Node
    low: int
    high: int | None
    mode: Mode = Mode.GREEDY
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Match the empty string at a place."""

    place: AnchorKind


@dataclass(frozen=True, slots=True)
class Look:
    """Match the empty string where the item matches after (`ahead`) or before it, or where it does not (`negated`)."""

    item: Node
    ahead: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Conditional:
    """Match `yes` or `no`; `condition` is None where it is no lookaround but a group or a recursion."""

    condition: Look | None
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Backreference:
    """Match what a group captured."""

    group: int | str


@dataclass(frozen=True, slots=True)
class Opaque:
    """Match in a way that no automaton has; `reason` says which."""

    reason: str
    group: int | str | None = None


Node: t.TypeAlias = (
    OneByte | Sequence | Alternation | Group | Repeat | Anchor | Look | Conditional | Backreference | Opaque
)

EMPTY: t.Final = Sequence(())


def items_of(node: Node) -> tuple[Node, ...]:
    """Return what follows each other in a node: the items of a sequence, or the node alone."""
    return node.items if isinstance(node, Sequence) else (node,)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below a node."""
    if isinstance(node, Sequence):
        return node.items
    if isinstance(node, Alternation):
        return node.branches
    if isinstance(node, Group | Repeat | Look):
        return (node.item,)
    if isinstance(node, Conditional):
        return (node.yes, node.no) if node.condition is None else (node.condition, node.yes, node.no)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))


@dataclass(frozen=True)
class Pattern:
    """A pattern that PCRE accepts.

    Args:
        source: what was parsed, in bytes.
        root: its tree; options are already applied to it.
        groups: how many groups capture.
        names: the numbers of each named group.
        caseless: whether the whole pattern ignores case, by its modifier or by an option at its start.
        depth: how deep its parentheses are nested.
        not_regular: why a finite automaton cannot stand for it; empty where one can.
        version_dependent: what versions of PCRE2 read differently.
    """

    source: bytes
    root: Node
    groups: int
    names: Mapping[str, tuple[int, ...]]
    caseless: bool
    depth: int
    not_regular: tuple[str, ...] = ()
    version_dependent: tuple[str, ...] = ()

    def group(self, key: int | str) -> Node | None:
        """Return what a captured group holds, by number or name; the whole tree for 0, None without such a group."""
        if key == 0:
            return self.root
        numbers = self.names.get(key, ()) if isinstance(key, str) else (key,)
        for node in walk(self.root):
            if isinstance(node, Group) and node.number in numbers:
                return node.item
        return None
