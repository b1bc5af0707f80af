# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delta debugging: the smallest set of changes that breaks a test.

As in Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on Software
Engineering 28 (2002), section 3.
"""

from __future__ import annotations

import typing as t

#: Results of a test with a set of changes: it passes, it fails, or that cannot be told (they do not load).
PASS, FAIL, UNRESOLVED = "pass", "fail", "unresolved"

Test = t.Callable[[t.FrozenSet[int]], str]


class BisectError(Exception):
    """The search cannot be started: nothing fails with all changes, or a configuration does not load."""


class Unit(t.NamedTuple):
    """Changes that are tried together. `ids` are all of them, `children` the same ones in smaller units."""

    ids: t.FrozenSet[int]
    children: t.Tuple[Unit, ...] = ()


class MinimalSet(t.NamedTuple):
    """The result of a search; `complete` is False where the tests were used up before it was minimal."""

    ids: t.List[int]
    complete: bool


class Counted:
    """A test that runs once for each set of changes, and at most `limit` times in all."""

    def __init__(self, test: Test, limit: t.Optional[int] = None) -> None:
        self._test = test
        self._limit = limit
        self._known: t.Dict[t.FrozenSet[int], str] = {}
        self.asked = 0
        #: A test was left out because of the limit.
        self.exhausted = False

    def __call__(self, ids: t.FrozenSet[int]) -> str:
        """Return the result with these changes; `unresolved` once the limit is reached."""
        if ids not in self._known:
            if self._limit is not None and self.asked >= self._limit:
                self.exhausted = True
                return UNRESOLVED
            self.asked += 1
            self._known[ids] = self._test(ids)
        return self._known[ids]

    def knows(self, ids: t.FrozenSet[int]) -> bool:
        """Tell whether the test ran with these changes."""
        return ids in self._known


def search(units: t.Sequence[Unit], test: Test, *, limit: t.Optional[int] = None) -> MinimalSet:
    """Return the changes without any that the test does not need to fail.

    The result is 1-minimal: without any single one of its changes the test does not fail any more. With n changes, one of
    which is the cause by itself, this takes at most 2 * log2(n) + 2 tests, in the worst case n * n + 3 * n. A unit that is
    needed is replaced by its children, down to single changes.

    Args:
        units: disjoint sets of changes.
        test: called at most once for each set of changes.
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
    return MinimalSet(sorted(_ids(left)), not counted.exhausted)


def _minimal(units: t.List[Unit], test: Test) -> t.List[Unit]:
    pieces = 2
    while len(units) > 1:
        # Parts by themselves are not tried: a cause in a quarter is in a half. With two parts, the rests are the parts.
        parts = _split(units, pieces)
        rests = ([unit for part in parts if part is not left_out for unit in part] for left_out in reversed(parts))
        smaller = next((rest for rest in rests if test(_ids(rest)) == FAIL), None)
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
