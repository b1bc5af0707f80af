# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strings on both sides of every choice of a pattern."""

from __future__ import annotations

import random

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import RegexError, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.examples import Examples, examples
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.search import matches
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._regex.random_pattern import RandomPattern


@pytest.mark.parametrize(
    ("source", "inside", "outside"),
    [
        ("^/(a|bc|d)$", {b"/a", b"/bc", b"/d"}, set()),
        ("^/x{2,4}$", {b"/xx", b"/xxx", b"/xxxx"}, {b"/x", b"/xxxxx"}),
        ("^/[a-z]$", {b"/x"}, {b"/X", b"/0", b"/.", b"//"}),
        ("^/a?$", {b"/", b"/a"}, {b"/aa"}),
        ("^/(?:a|b[0-9]{2})$", {b"/a", b"/b00"}, {b"/b0", b"/b000", b"/bxx"}),
        ("^/(?!api)[a-z]+$", {b"/x", b"/xx"}, {b"/"}),
        ("^(?(?=a)ab|c)$", {b"ab", b"c"}, set()),
    ],
)
def test_both_sides(source: str, inside: set[bytes], outside: set[bytes]) -> None:
    found = examples(parse(source))
    assert inside <= set(found.inside)
    assert outside <= set(found.outside)


def test_nothing_is_claimed_where_nothing_is_known() -> None:
    assert examples(parse(r"(a)\1")) == Examples((), ())
    assert examples(parse("a{100}"), steps=10) == Examples((), ())


def test_random_patterns() -> None:
    generator = RandomPattern(random.Random(3))  # noqa: S311 - patterns, no secrets
    some = 0
    for _unused in range(300):
        try:
            pattern = parse(generator.sensible())
        except RegexError:
            continue
        found = examples(pattern, steps=20_000)
        some += bool(found.inside)
        assert all(matches(pattern, each) for each in found.inside)
        assert not any(matches(pattern, each) for each in found.outside)
    assert some > 150
