# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which strings tell two patterns apart, and what a search may cost."""

from __future__ import annotations

import re
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import byte_sets, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.search import (
    BUDGET_USED,
    STEPS,
    Equal,
    Proven,
    Unknown,
    Witness,
    compare,
    matches,
    witness,
)


@pytest.mark.parametrize(
    ("pattern", "subject", "found"),
    [
        ("a", b"xax", True),
        ("^a$", b"a", True),
        ("^a$", b"a\n", True),
        ("^a$", b"a\n\n", False),
        (r"^a\z", b"a\n", False),
        (r"^a\Z", b"a\n", True),
        ("(?m)^a$", b"x\na\nx", True),
        ("(?m)^$", b"a\n", False),
        (r"\bfoo\b", b"a foo-b", True),
        (r"\bfoo\b", b"afoo", False),
        (r"\B", b"", True),
        ("(?!a)b", b"b", True),
        ("^(?!.*x).*$", b"abxc", False),
        ("(?<!a)b", b"ab", False),
        ("(?<!a)b", b"b", True),
        ("(?<=ab|c)d", b"abd", True),
        ("(?=a)(?=.b)..$", b"ab", True),
        ("(?=a(?!b))a", b"ab", False),
        ("(?(?=a)ab|c)", b"ac", True),
        ("^a*+a", b"aaa", False),
        ("^a{1,2}+a", b"aaa", True),
        ("^(?>a+)b", b"aab", True),
        (r"^\R$", b"\r\n", True),
        (r"^.$", "é".encode(), False),
        ("(*F)", b"a", False),
        ("", b"", True),
    ],
)
def test_matches(pattern: str, subject: bytes, *, found: bool) -> None:
    assert matches(parse(pattern), subject) is found


def test_what_is_not_regular_has_no_answer() -> None:
    backreference = parse(r"(a)\1")
    assert matches(backreference, b"aa") is None
    assert witness(matched_by=(backreference,)) == Unknown("a backreference", 0)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (r"\.php$", r"\.php(/|$)", b".php/"),
        (r"^/users/(\d+)$", r"^/users/([0-9]{1,6})$", b"/users/0000000"),
        (r"(?<!\.min)\.js$", r"\.js$", b".min.js"),
        (r"^/(?!api/)", "^/", b"/api/"),
        ("^/img", "(?i)^/img", b"/imG"),
        (r"^/a\b", "^/a", b"/aa"),
        ("^/a$", r"^/a\z", b"/a\n"),
        (r"^/p/(?<slug>[a-z-]+)$", r"^/p/([\w-]+)$", b"/p/0"),
    ],
)
def test_the_shortest_difference(first: str, second: str, text: bytes) -> None:
    found = compare(parse(first), parse(second))
    assert isinstance(found, Witness)
    assert len(found.text) == len(text)
    assert sorted(matches(parse(each), text) is True for each in (first, second)) == [False, True]
    assert matches(parse(first), found.text) is not matches(parse(second), found.text)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r"^/api/v[0-9]+/", r"^/api/v\d+/"),
        (r"\.(jpe?g|png)$", r"\.(?:jpeg|png|jpg)$"),
        ("^(?=.*a)(?=.*b)", "^.*(?:a.*b|b.*a)"),
        ("(?i)^/a", "^/[aA]"),
        ("^(a|b)*$", "^[ab]*$"),
        ("^(?!x)", r"^(?:[^x]|\z)"),
        ("(x+x+)+y", "xx+y"),
    ],
)
def test_equal_patterns(first: str, second: str) -> None:
    assert isinstance(compare(parse(first), parse(second)), Equal)


def test_several_patterns_an_alphabet_and_a_prefix() -> None:
    earlier = [parse(each) for each in (r"\.php$", "^/static/", "^/[a-w]")]
    found = witness(
        matched_by=(parse("^/[^/]+/$"),), not_matched_by=earlier, prefix=b"/", alphabet=byte_sets.span(33, 126)
    )
    assert isinstance(found, Witness)
    assert found.text == b"/x/"
    assert isinstance(witness(matched_by=(parse("a"),), alphabet=byte_sets.of(b"bc")), Proven)
    assert witness(matched_by=(parse(""),)) == Witness(b"", 3)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a?){28}a{28}",
        "^(a?){28}a{28}$",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(a|a)*$",
        "(.*)*(.*)*x",
        "(?:a{200}){200}",
        "a{65535}",
    ],
)
def test_every_search_ends_within_its_budget(pattern: str) -> None:
    for steps in (100, 1_000, STEPS):
        found = compare(parse(pattern), parse("^b"), steps=steps)
        assert found.steps <= steps
        assert isinstance(found, Witness) or (
            isinstance(found, Unknown) and found.reason in (BUDGET_USED, "a pattern is too large")
        )


def test_a_long_search_says_that_it_gave_up() -> None:
    left = parse("^(?:[ab]*a[ab]{12}c|d)$")
    assert compare(left, parse("^(?:[ab]*a[ab]{12}c|d)$|^(?:[ab]*a[ab]{12}c|d)$"), steps=5_000) == Unknown(
        BUDGET_USED, 5_000
    )


PIECES = st.sampled_from(
    (
        *(
            "a",
            "b",
            ".",
            "[^a]",
            "^",
            "$",
            r"\b",
            "(",
            "(?:",
            ")",
            "|",
            "*",
            "+",
            "?",
            "{2}",
            "(?=a)",
            "(?!b)",
            "(?<!a)",
        ),
        *(r"\w", "a*?", "(?=", "(?!"),
    )
)
PATTERNS = st.lists(PIECES, max_size=8).map("".join)


def compiled(source: str) -> re.Pattern[bytes] | None:
    """Python's reading, for pieces that mean the same to it."""
    try:
        return re.compile(source.encode())
    except re.error:
        return None


@settings(deadline=None, max_examples=500)
@given(PATTERNS, PATTERNS, st.lists(st.text("ab\n-", max_size=6), max_size=10))
def test_answers_hold(first: str, second: str, subjects: list[str]) -> None:
    left, right = compiled(first), compiled(second)
    if left is None or right is None or "?{" in first + second or "}{" in first + second:
        return
    trees = []
    for source in (first, second):
        try:
            trees.append(parse(source))
        except ValueError:
            return
    found = witness(matched_by=trees[:1], not_matched_by=trees[1:], steps=20_000)
    if isinstance(found, Witness):
        assert left.search(found.text)
        assert not right.search(found.text)
    for subject in (each.encode() for each in subjects):
        pair = (matches(trees[0], subject), matches(trees[1], subject))
        assert pair == (bool(left.search(subject)), bool(right.search(subject)))
        if isinstance(found, Proven):
            assert pair != (True, False)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, byte_sets.ALL), st.integers(0, byte_sets.ALL))
def test_byte_sets(left: int, right: int) -> None:
    def members(number: int) -> set[int]:
        return set(t.cast("t.Iterable[int]", byte_sets.iterate(number)))

    assert members(left | right) == members(left) | members(right)
    assert members(byte_sets.invert(left)) == set(range(256)) - members(left)
    assert byte_sets.of(members(left)) == left
    assert byte_sets.size(left) == len(members(left))
    assert {chr(each).lower() for each in members(byte_sets.fold(byte_sets.of(b"aZ0")))} == set("az0")
