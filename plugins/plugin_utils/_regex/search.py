# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Search a string that some patterns match and others do not, over the product of their automata."""

from __future__ import annotations

import typing as t
from collections import deque
from dataclasses import dataclass

from . import byte_sets
from .automaton import MATCHED, Automaton, Budget, Exhausted
from .program import TooLarge

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .nodes import Pattern

#: Steps of a search where none are given, about a tenth of a second.
STEPS: t.Final = 100_000
#: Bytes that read well, the best first.
_READABLE: t.Final = b"xabcdefghijklmnopqrstuvwyz01XABC/.-_ "
#: Characters that a request line can carry.
PRINTABLE: t.Final = byte_sets.span(33, 126)


@dataclass(frozen=True)
class Witness:
    """A string that tells the patterns apart, the shortest there is."""

    text: bytes
    steps: int


@dataclass(frozen=True)
class Proven:
    """No such string exists."""

    steps: int


@dataclass(frozen=True)
class Unknown:
    """The search ended without an answer: the budget is used up, or a pattern is not regular."""

    reason: str
    steps: int


Answer: t.TypeAlias = Witness | Proven | Unknown
BUDGET_USED: t.Final = "the budget is used up"


def witness(
    *,
    matched_by: Sequence[Pattern] = (),
    not_matched_by: Sequence[Pattern] = (),
    alphabet: int = byte_sets.ALL,
    prefix: bytes = b"",
    steps: int = STEPS,
) -> Answer:
    """Return the shortest string that the first patterns match and the others do not.

    Args:
        matched_by: all of these match the string.
        not_matched_by: none of these does.
        alphabet: the set of bytes that the string may hold behind its prefix.
        prefix: what the string begins with.
        steps: how many threads may be followed.
    """
    patterns = (*matched_by, *not_matched_by)
    for pattern in patterns:
        if pattern.not_regular:
            return Unknown(pattern.not_regular[0], 0)
    budget = Budget(steps)
    try:
        automata = [Automaton(pattern, budget) for pattern in patterns]
        sets = set().union(*(each.program.sets() for each in automata))
        product = _Product(automata, len(matched_by), budget)
        text = product.search(prefix, representatives(sets, alphabet))
    except Exhausted:
        return Unknown(BUDGET_USED, budget.used)
    except TooLarge:
        return Unknown("a pattern is too large", budget.used)
    return Proven(budget.used) if text is None else Witness(text, budget.used)


@dataclass(frozen=True)
class Equal:
    """Both patterns match the same strings."""

    steps: int


def compare(first: Pattern, second: Pattern, *, steps: int = STEPS) -> Equal | Witness | Unknown:
    """Return a string that only one of two patterns matches, or that there is none."""
    forth = witness(matched_by=(first,), not_matched_by=(second,), steps=steps)
    if not isinstance(forth, Proven):
        return forth
    back = witness(matched_by=(second,), not_matched_by=(first,), steps=steps - forth.steps)
    if isinstance(back, Proven):
        return Equal(forth.steps + back.steps)
    return back


def matches(pattern: Pattern, subject: bytes, *, steps: int = STEPS) -> bool | None:
    """Tell whether a pattern matches a subject; None where that takes more steps or the pattern is not regular."""
    if pattern.not_regular:
        return None
    try:
        return Automaton(pattern, Budget(steps)).matches(subject)
    except (Exhausted, TooLarge):
        return None


def partition(sets: Iterable[int], alphabet: int) -> list[int]:
    """Return the classes of bytes of an alphabet that none of the sets tells apart."""
    classes = [alphabet] if alphabet else []
    for members in sets:
        classes = [part for each in classes for part in (each & members, each & ~members) if part]
    return classes


def representatives(sets: Iterable[int], alphabet: int) -> list[int]:
    """Return one byte for each class of bytes that no set tells apart, the most readable one; readable ones first."""
    return sorted(map(most_readable, partition(sets, alphabet)), key=_readability)


def most_readable(members: int) -> int:
    """Return the byte of a set that reads best."""
    for byte in _READABLE:
        if members >> byte & 1:
            return byte
    printable = members & PRINTABLE
    return next(byte_sets.iterate(printable or members))


def _readability(byte: int) -> int:
    found = _READABLE.find(byte)
    if found >= 0:
        return found
    return (256 if PRINTABLE >> byte & 1 else 512) + byte


_States: t.TypeAlias = tuple[int, ...]


class _Product:
    """All automata side by side, searched breadth first."""

    def __init__(self, automata: Sequence[Automaton], positive: int, budget: Budget) -> None:
        self._automata = automata
        self._positive = positive
        self._budget = budget

    def search(self, prefix: bytes, alphabet: Sequence[int]) -> bytes | None:
        states = tuple(each.start for each in self._automata)
        for byte in prefix:
            states = self._step(states, byte)
        origin: dict[_States, tuple[_States, int] | None] = {states: None}
        queue = deque([states])
        while queue:
            states = queue.popleft()
            self._budget.spend(1)
            if self._wanted(states):
                return prefix + bytes(reversed(list(_path(origin, states))))
            for byte in alphabet:
                following = self._step(states, byte)
                if following not in origin and not self._hopeless(following):
                    origin[following] = (states, byte)
                    queue.append(following)
        return None

    def _step(self, states: _States, byte: int) -> _States:
        return tuple(each.step(state, byte) for each, state in zip(self._automata, states, strict=True))

    def _wanted(self, states: _States) -> bool:
        return all(
            each.accepts(state) is (index < self._positive)
            for index, (each, state) in enumerate(zip(self._automata, states, strict=True))
        )

    def _hopeless(self, states: _States) -> bool:
        return any(state == MATCHED for state in states[self._positive :])


def _path(origin: dict[_States, tuple[_States, int] | None], states: _States) -> Iterator[int]:
    step = origin[states]
    while step is not None:
        states, byte = step
        yield byte
        step = origin[states]
