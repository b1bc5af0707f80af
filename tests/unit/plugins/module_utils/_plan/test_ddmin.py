# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The laws of delta debugging."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import (
    FAIL,
    PASS,
    UNRESOLVED,
    BisectError,
    Counted,
    Unit,
    search,
)

Test = Callable[[list[int]], str]

SIZES = st.integers(1, 40)


def ddmin(changes: Sequence[int], test: Test) -> list[int]:
    """Search over units of one change each."""
    units = [Unit(frozenset([number])) for number in range(len(changes))]
    found = search(units, lambda ids: test([changes[number] for number in sorted(ids)]))
    return [changes[number] for number in found.ids]


@st.composite
def monotone(draw: st.DrawFn) -> tuple[int, set[int]]:
    """How many changes there are, and the ones that break it together."""
    size = draw(SIZES)
    return size, draw(st.sets(st.integers(0, size - 1), max_size=5))


@st.composite
def arbitrary(draw: st.DrawFn) -> tuple[int, Test]:
    """A test without any law but that it fails with everything, and says the same each time."""
    size = draw(st.integers(1, 12))
    seed = draw(st.integers(0, 1 << 30))

    def test(changes: list[int]) -> str:
        if len(changes) == size:
            return FAIL
        return random.Random(f"{seed}{changes}").choice([PASS, FAIL, UNRESOLVED])  # noqa: S311 - a made-up test

    return size, test


@given(monotone())
def test_the_guilty_are_found_exactly_where_they_break_it_whatever_else_is_changed(made: tuple[int, set[int]]) -> None:
    size, guilty = made
    assert ddmin(range(size), lambda changes: FAIL if guilty <= set(changes) else PASS) == sorted(guilty or {0})


@given(arbitrary())
def test_without_any_one_change_of_the_result_it_does_not_fail(made: tuple[int, Test]) -> None:
    size, test = made
    found = ddmin(range(size), test)
    assert test(found) == FAIL
    assert len(found) == 1 or all(test([each for each in found if each != left]) != FAIL for left in found)


@given(arbitrary())
def test_the_number_of_tests_is_bounded_and_none_is_asked_twice(made: tuple[int, Test]) -> None:
    size, test = made
    asked: list[tuple[int, ...]] = []

    def noting(changes: list[int]) -> str:
        asked.append(tuple(changes))
        return test(changes)

    first = ddmin(range(size), noting)
    assert len(asked) == len(set(asked)) <= size * size + 3 * size
    assert ddmin(range(size), test) == first


@given(st.integers(1, 400), st.data())
def test_one_guilty_change_takes_a_logarithm_of_tests(size: int, data: st.DataObject) -> None:
    guilty = data.draw(st.integers(0, size - 1))
    counted = Counted(lambda ids: FAIL if guilty in ids else PASS)
    units = [Unit(frozenset([number])) for number in range(size)]
    assert search(units, counted).ids == [guilty]
    assert counted.asked <= 2 * math.ceil(math.log2(size)) + 2


@given(monotone(), st.data())
def test_changes_that_only_load_together_are_found_together(made: tuple[int, set[int]], data: st.DataObject) -> None:
    size, together = made
    tied = sorted(together | {0})
    guilty = data.draw(st.sampled_from(tied))

    def test(changes: list[int]) -> str:
        there = set(changes) & set(tied)
        if there and there != set(tied):
            return UNRESOLVED
        return FAIL if guilty in there else PASS

    assert ddmin(range(size), test) == tied


@pytest.mark.parametrize("answer", [PASS, UNRESOLVED])
def test_what_does_not_fail_with_everything_cannot_be_searched(answer: str) -> None:
    with pytest.raises(BisectError, match="does not fail with all"):
        ddmin([1, 2, 3], lambda _changes: answer)


def test_a_unit_is_taken_apart_once_it_is_known_to_be_needed() -> None:
    inner = tuple(Unit(frozenset([number])) for number in range(10, 20))
    units = [
        *(Unit(frozenset([number])) for number in range(10)),
        Unit(frozenset(range(10, 20)), (inner[0], Unit(frozenset(range(11, 20)), inner[1:]))),
    ]
    tried: list[frozenset[int]] = []

    def test(ids: frozenset[int]) -> str:
        tried.append(ids)
        return FAIL if {10, 17} <= ids else PASS

    assert search(units, test).ids == [10, 17]
    # A block without its header is nothing: no part of the unit was tried before the unit was known to be guilty.
    assert all(len(ids & set(range(10, 20))) in {0, 10} for ids in tried[:6])


def test_a_used_up_limit_gives_the_smallest_set_so_far() -> None:
    units = [Unit(frozenset([number])) for number in range(64)]
    found = search(units, lambda ids: FAIL if {5, 60} <= ids else PASS, limit=9)
    assert not found.complete
    assert {5, 60} <= set(found.ids)
    assert len(found.ids) < 64
