# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A tree becomes the instructions of a nondeterministic automaton (Thompson's construction, with assertions)."""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass, field

from . import byte_sets
from .nodes import (
    Alternation,
    Anchor,
    Conditional,
    Group,
    Look,
    Mode,
    Node,
    OneByte,
    Pattern,
    Repeat,
    Sequence,
)

#: Instructions that a pattern may have; `(a{100}){100}` has 10,000.
MAX_INSTRUCTIONS: t.Final = 20_000


class Op(enum.IntEnum):
    """Kinds of instructions, with what their operand is."""

    #: The set of bytes.
    BYTE = 0
    #: The instructions that may come next, in PCRE's order of preference.
    SPLIT = 1
    #: The `AnchorKind`.
    ASSERT = 2
    #: (first instruction of the assertion, negated).
    AHEAD = 3
    #: (index of the lookbehind, negated).
    BEHIND = 4
    ACCEPT = 5


class Instruction(t.NamedTuple):
    """One instruction; `follow` is the next one, where there is exactly one."""

    op: Op
    operand: t.Any
    follow: int = -1


class TooLarge(Exception):  # noqa: N818 - it is caught in this room, and says why a search gives up
    """More instructions than an automaton may have."""


@dataclass
class Program:
    """The instructions of one pattern.

    Args:
        code: the instructions.
        start: the first instruction.
        behinds: the first instruction of each lookbehind.
        sees_context: whether it matters what stands before the present place.
        bodies: of each split that is an endless loop, where its body begins.
        spans: of each instruction inside a loop, where the outermost one stands in the source.
    """

    code: list[Instruction] = field(default_factory=list)
    start: int = -1
    behinds: list[int] = field(default_factory=list)
    sees_context: bool = False
    bodies: dict[int, int] = field(default_factory=dict)
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    _heads: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def heads(self, pc: int) -> tuple[int, ...]:
        """Return the instructions other than splits that come next at `pc`."""
        found = self._heads.get(pc)
        if found is None:
            found = self._heads[pc] = self._behind_splits(pc)
        return found

    def _behind_splits(self, pc: int) -> tuple[int, ...]:
        heads: dict[int, None] = {}
        stack, seen = [pc], {pc}
        while stack:
            current = stack.pop()
            op, operand, _follow = self.code[current]
            if op is not Op.SPLIT:
                heads[current] = None
                continue
            stack.extend(each for each in operand if each not in seen)
            seen.update(operand)
        return tuple(heads)

    def sets(self) -> set[int]:
        """Return every set of bytes that the program tells apart."""
        found = {each.operand for each in self.code if each.op is Op.BYTE}
        if self.sees_context:
            found |= {byte_sets.NEWLINE, byte_sets.WORD}
        return found


def compile_program(pattern: Pattern) -> Program:
    """Return the program of a regular pattern.

    Raises:
        TooLarge: it would have more than `MAX_INSTRUCTIONS`.
    """
    builder = _Builder()
    accept = builder.add(Op.ACCEPT)
    builder.program.start = builder.build(pattern.root, accept)
    return builder.program


class _Builder:
    """Build from the end: each node is given the instruction that follows it and returns its own first one."""

    def __init__(self) -> None:
        self.program = Program()
        self._loop: tuple[int, int] | None = None

    def add(self, op: Op, operand: t.Any = None, follow: int = -1) -> int:
        if len(self.program.code) >= MAX_INSTRUCTIONS:
            raise TooLarge
        self.program.code.append(Instruction(op, operand, follow))
        if self._loop is not None:
            self.program.spans[len(self.program.code) - 1] = self._loop
        return len(self.program.code) - 1

    def build(self, node: Node, follow: int) -> int:
        if isinstance(node, OneByte):
            return self.add(Op.BYTE, node.members, follow)
        if isinstance(node, Sequence):
            for item in reversed(node.items):
                follow = self.build(item, follow)
            return follow
        if isinstance(node, Alternation):
            return self.add(Op.SPLIT, tuple(self.build(branch, follow) for branch in node.branches))
        if isinstance(node, Group):
            return self._group(node, follow)
        if isinstance(node, Repeat):
            return self._repeat(node, follow)
        if isinstance(node, Anchor):
            self.program.sees_context = True
            return self.add(Op.ASSERT, node.place, follow)
        if isinstance(node, Look):
            return self._look(node, follow)
        if isinstance(node, Conditional) and node.condition is not None:
            condition = node.condition
            otherwise = Look(condition.item, condition.ahead, negated=not condition.negated)
            yes = self._look(condition, self.build(node.yes, follow))
            return self.add(Op.SPLIT, (yes, self._look(otherwise, self.build(node.no, follow))))
        raise TypeError(f"not regular: {node}")

    def _group(self, node: Group, follow: int) -> int:
        inner = node.item
        if node.atomic and isinstance(inner, Repeat):
            inner = Repeat(inner.item, inner.low, inner.high, Mode.POSSESSIVE)
        return self.build(inner, follow)

    def _repeat(self, node: Repeat, follow: int) -> int:
        outside = self._loop
        if node.high is None and outside is None:
            self._loop = (node.start, node.end)
        start = self._repeated(node, follow)
        self._loop = outside
        return start

    def _repeated(self, node: Repeat, follow: int) -> int:
        item, low, high = node.item, node.low, node.high
        if node.mode is Mode.POSSESSIVE and low != high and isinstance(item, OneByte):
            # It ends where no such byte follows, or at its most.
            stop = self._look(Look(item, ahead=True, negated=True), follow)
            if high is None:
                start = self._star(item, stop)
            else:
                start = follow
                for _unused in range(high - low):
                    start = self.add(Op.SPLIT, (self.build(item, start), stop))
        elif high is None:
            start = self._star(item, follow, lazy=node.mode is Mode.LAZY)
        else:
            start = follow
            for _unused in range(high - low):
                choice = (self.build(item, start), follow)
                start = self.add(Op.SPLIT, choice[::-1] if node.mode is Mode.LAZY else choice)
        for _unused in range(low):
            size, start = len(self.program.code), self.build(item, start)
            if len(self.program.code) == size:
                # An item without instructions has none the next time either.
                break
        return start

    def _star(self, item: Node, follow: int, *, lazy: bool = False) -> int:
        split = self.add(Op.SPLIT, ())
        choice = (self.build(item, split), follow)
        self.program.code[split] = Instruction(Op.SPLIT, choice[::-1] if lazy else choice)
        self.program.bodies[split] = choice[0]
        return split

    def _look(self, node: Look, follow: int) -> int:
        first = self.build(node.item, self.add(Op.ACCEPT))
        if node.ahead:
            return self.add(Op.AHEAD, (first, node.negated), follow)
        self.program.behinds.append(first)
        return self.add(Op.BEHIND, (len(self.program.behinds) - 1, node.negated), follow)
