# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find patterns that can match one string in exponentially or polynomially many ways, which PCRE may try one by one.

An automaton is exponentially ambiguous where a state leads back to itself on two different paths over the same bytes, and
polynomially where two states do that and one leads to the other over the same bytes (Weber and Seidl, 1991; for regular
expressions Weideman and others, 2016). Loops are followed without passing assertions, so that what is found is possible.
"""

from __future__ import annotations

import typing as t
from collections import deque
from dataclasses import dataclass

from . import byte_sets
from .automaton import Budget, Exhausted
from .nodes import OneByte, walk
from .program import Op, Program, TooLarge, compile_program
from .search import STEPS, Witness, matches, most_readable, partition, witness

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .nodes import Pattern

_REPEATS: t.Final = 3
_Kind: t.TypeAlias = t.Literal["exponential", "polynomial"]
_Nodes = t.TypeVar("_Nodes")
#: The node before each node that was reached, with the byte between them; None for the first ones.
_Paths: t.TypeAlias = dict[_Nodes, tuple[_Nodes, bytes] | None]


@dataclass(frozen=True)
class Ambiguity:
    """A way to make PCRE try many paths.

    Args:
        kind: how the number of paths grows with the number of times that `pump` is repeated.
        prefix: what leads to the loop.
        pump: what goes round the loop on more than one path.
        suffix: what makes the match fail behind it.
        start: where the outermost repetition of the loop begins in the pattern's bytes.
        end: where it ends.
    """

    kind: _Kind
    prefix: bytes
    pump: bytes
    suffix: bytes
    start: int
    end: int

    def subject(self, repeats: int) -> bytes:
        """Return a string that fails only after all paths were tried."""
        return self.prefix + self.pump * repeats + self.suffix


def ambiguity(pattern: Pattern, *, steps: int = STEPS, polynomial: bool = True) -> Ambiguity | None:
    """Return the worst ambiguity of a pattern; None where there is none, or none was found within the steps.

    An ambiguity that no string can make fail is none: then PCRE takes the first path.

    Args:
        pattern: the pattern.
        steps: how many instructions may be followed.
        polynomial: whether polynomial ambiguity counts.
    """
    if pattern.not_regular:
        return None
    budget = Budget(steps)
    try:
        return _Finder(pattern, compile_program(pattern), budget).find(polynomial=polynomial)
    except (Exhausted, TooLarge):
        return None


class _Finder:
    """Search the loops of one program."""

    def __init__(self, pattern: Pattern, program: Program, budget: Budget) -> None:
        self._pattern = pattern
        self._program = program
        self._budget = budget
        self._choice: dict[int, bytes] = {}
        self._edges: dict[int, dict[int, int]] = {}

    def find(self, *, polynomial: bool) -> Ambiguity | None:
        reached = self._reach()
        searches: list[tuple[_Kind, Callable[[int], bytes]]] = [("exponential", self._exponential)]
        if polynomial:
            searches.append(("polynomial", self._polynomial))
        for kind, search in searches:
            for state in reached:
                pump = search(state) if state in self._program.spans else b""
                found = self._failing(kind, state, _path_to(reached, state), pump) if pump else None
                if found is not None:
                    return found
        return None

    def _reach(self) -> _Paths[int]:
        """Return the states that consume a byte, with the step that leads to each past every assertion."""
        reached: _Paths[int] = dict.fromkeys(self._past_assertions(self._program.start))
        queue = deque(reached)
        while queue:
            state = queue.popleft()
            _op, members, follow = self._program.code[state]
            for following in self._past_assertions(follow) if members else ():
                if following not in reached:
                    reached[following] = state, self._byte(members)
                    queue.append(following)
        return reached

    def _past_assertions(self, pc: int) -> Iterator[int]:
        stack, seen = [pc], {pc}
        while stack:
            current = stack.pop()
            self._budget.spend(1)
            op, operand, follow = self._program.code[current]
            if op is Op.BYTE:
                yield current
                continue
            following = operand if op is Op.SPLIT else (follow,) if follow >= 0 else ()
            stack.extend(each for each in following if each not in seen)
            seen.update(following)

    def _next(self, state: int) -> dict[int, int]:
        """Return the states that may follow with the number of ways to each, 2 for more."""
        found = self._edges.get(state)
        if found is None:
            found = self._edges[state] = self._ways(self._program.code[state].follow)
        return found

    def _ways(self, pc: int) -> dict[int, int]:
        ways: dict[int, int] = {}
        stack: list[tuple[int, frozenset[int]]] = [(pc, frozenset())]
        while stack:
            current, entered = stack.pop()
            self._budget.spend(1)
            op, operand, _follow = self._program.code[current]
            if op is Op.BYTE:
                ways[current] = min(2, ways.get(current, 0) + 1)
            elif op is Op.SPLIT and current not in entered:
                body = self._program.bodies.get(current)
                stack.extend((each, entered | {current} if each == body else entered) for each in operand)
        return ways

    def _exponential(self, state: int) -> bytes:
        """Return the bytes of two paths from a state back to it; empty where there are none."""

        def follow(node: tuple[int, int, bool]) -> Iterator[tuple[tuple[int, int, bool], int]]:
            left, right, apart = node
            for first, ways in self._next(left).items():
                for second, other_ways in self._next(right).items():
                    twice = first == second and left == right and max(ways, other_ways) > 1
                    yield (first, second, apart or first != second or twice), self._members(left, right)

        return self._path((state, state, False), (state, state, True), follow)

    def _polynomial(self, state: int) -> bytes:
        """Return the bytes on which a state loops, another loops, and the one leads to the other; empty for none."""
        for other in self._loops_behind(state):

            def follow(node: tuple[int, int, int]) -> Iterator[tuple[tuple[int, int, int], int]]:
                left, middle, right = node
                members = self._members(left, middle) & self._program.code[right].operand
                for first in self._next(left):
                    for second in self._next(middle):
                        yield from (((first, second, third), members) for third in self._next(right))

            found = self._path((state, state, other), (state, other, other), follow)
            if found:
                return found
        return b""

    def _loops_behind(self, state: int) -> list[int]:
        seen = {state}
        stack = [state]
        while stack:
            following = [each for each in self._next(stack.pop()) if each not in seen]
            seen.update(following)
            stack.extend(following)
        return [each for each in seen if each != state and each in self._program.spans]

    def _members(self, left: int, right: int) -> int:
        code = self._program.code
        return int(code[left].operand & code[right].operand)

    def _path(self, start: _Nodes, goal: _Nodes, follow: Callable[[_Nodes], Iterable[tuple[_Nodes, int]]]) -> bytes:
        """Return the bytes of the shortest path that is not empty; empty where there is none."""
        paths: _Paths[_Nodes] = {start: None}
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for following, members in follow(node):
                self._budget.spend(1)
                if not members:
                    continue
                if following == goal:
                    return _path_to(paths, node) + self._byte(members)
                if following not in paths:
                    paths[following] = node, self._byte(members)
                    queue.append(following)
        return b""

    def _byte(self, members: int) -> bytes:
        """Return a byte that the pattern has no other use for, as far as there is one."""
        found = self._choice.get(members)
        if found is None:
            widest = max(partition(self._program.sets(), members), key=byte_sets.size)
            found = self._choice[members] = bytes((most_readable(widest),))
        return found

    def _failing(self, kind: _Kind, state: int, prefix: bytes, pump: bytes) -> Ambiguity | None:
        beginning = prefix + pump * _REPEATS
        found = witness(
            not_matched_by=(self._pattern,), prefix=beginning, alphabet=byte_sets.ALL, steps=self._budget.left
        )
        self._budget.spend(found.steps)
        if not isinstance(found, Witness):
            return None
        failing = found.text[len(beginning) :]
        # Without the pattern's own bytes behind it, PCRE sees at once that a subject cannot match. Where these bytes match
        # by themselves, they get the failing end too.
        for suffix in (failing + b"\n" + self._literals() + last for last in (b"", failing)):
            if matches(self._pattern, beginning + suffix, steps=self._budget.left) is False:
                start, end = self._program.spans[state]
                return Ambiguity(kind, prefix, pump, suffix, start, end)
        return None

    def _literals(self) -> bytes:
        """Return the bytes that are written in the pattern, from the last one to the first."""
        written = [node.written for node in walk(self._pattern.root) if isinstance(node, OneByte)]
        return bytes(byte for byte in reversed(written) if byte is not None)


def _path_to(paths: _Paths[_Nodes], node: _Nodes) -> bytes:
    """Return the bytes from the first node to this one."""
    found = []
    step = paths[node]
    while step is not None:
        node, byte = step
        found.append(byte)
        step = paths[node]
    return b"".join(reversed(found))
