# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which of many changes break a test: delta debugging, as in Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", IEEE Transactions on Software Engineering 28 (2002), section 3.
"""

from __future__ import annotations

import typing as t

#: What a test says of a set of changes: it passes with them, fails with them, or cannot be told (they do not load).
PASS, FAIL, UNRESOLVED = "pass", "fail", "unresolved"

T = t.TypeVar("T")
Test = t.Callable[[t.FrozenSet[int]], str]


class BisectError(Exception):
    """The search cannot be started or ended: nothing fails, or it fails without any change."""


class Unit(t.NamedTuple):
    """Changes that are tried together. `ids` are all of them, `children` the same ones in smaller units."""

    ids: t.FrozenSet[int]
    children: t.Tuple[Unit, ...] = ()


class Found(t.NamedTuple):
    """What a search found. `complete` is False where the number of tests was used up before it was minimal."""

    ids: t.List[int]
    complete: bool


class Counted:
    """A test whose answers are kept, and of which at most `limit` are asked."""

    def __init__(self, test: Test, limit: t.Optional[int] = None) -> None:
        self._test = test
        self._limit = limit
        self._known: t.Dict[t.FrozenSet[int], str] = {}
        self.asked = 0
        #: Whether a test was not asked because of the limit.
        self.exhausted = False

    def __call__(self, ids: t.FrozenSet[int]) -> str:
        """The answer for these changes; `unresolved` once the limit is reached."""
        if ids not in self._known:
            if self._limit is not None and self.asked >= self._limit:
                self.exhausted = True
                return UNRESOLVED
            self.asked += 1
            self._known[ids] = self._test(ids)
        return self._known[ids]


def ddmin(changes: t.Sequence[T], test: t.Callable[[t.List[T]], str]) -> t.List[T]:
    """The changes, in their order, without any that is not needed for the test to fail.

    The result is 1-minimal: without any single one of its changes the test does not fail any more. With n changes and one
    that is guilty by itself this takes at most 2 * log2(n) + 2 tests, in the worst case n * n + 3 * n.

    Args:
        changes: what may be left out.
        test: gets a part of `changes` in their order and says `pass`, `fail` or `unresolved`; asked at most once for each.

    Raises:
        BisectError: the test does not fail with all changes.
    """
    units = [Unit(frozenset([number])) for number in range(len(changes))]
    found = search(units, lambda ids: test([changes[number] for number in sorted(ids)]))
    return [changes[number] for number in found.ids]


def search(units: t.Sequence[Unit], test: Test, *, limit: t.Optional[int] = None) -> Found:
    """As `ddmin`, over units: one that turns out to be needed is replaced by its children, down to single changes.

    Args:
        units: disjoint sets of changes.
        test: asked at most once for each set of changes.
        limit: of tests; then the smallest failing set so far is returned as incomplete.

    Raises:
        BisectError: the test does not fail with all changes.
    """
    counted = test if isinstance(test, Counted) else Counted(test, limit)
    if counted(_ids(units)) != FAIL:
        raise BisectError("the test does not fail with all of the changes")
    left = _minimal(list(units), counted)
    while any(unit.children for unit in left):
        left = _minimal([part for unit in left for part in unit.children or (unit,)], counted)
    return Found(sorted(_ids(left)), not counted.exhausted)


def _minimal(units: t.List[Unit], test: Test) -> t.List[Unit]:
    pieces = 2
    while len(units) > 1:
        parts = _split(units, pieces)
        smaller = next((part for part in parts if test(_ids(part)) == FAIL), None)
        if smaller is not None:
            units, pieces = smaller, 2
            continue
        # With two parts, the complements are the parts.
        rests = ([unit for part in parts if part is not left_out for unit in part] for left_out in parts)
        smaller = None if pieces == 2 else next((rest for rest in rests if test(_ids(rest)) == FAIL), None)  # noqa: PLR2004
        if smaller is not None:
            units, pieces = smaller, max(pieces - 1, 2)
        elif pieces < len(units):
            pieces = min(2 * pieces, len(units))
        else:
            break
    return units


def _split(units: t.List[Unit], pieces: int) -> t.List[t.List[Unit]]:
    bounds = [number * len(units) // pieces for number in range(pieces + 1)]
    return [units[start:end] for start, end in zip(bounds, bounds[1:])]


def _ids(units: t.Iterable[Unit]) -> t.FrozenSet[int]:
    return frozenset(number for unit in units for number in unit.ids)
