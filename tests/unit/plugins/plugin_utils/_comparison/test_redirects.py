# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redirects that only clients with a cached one go round in."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import compare
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.cached_redirects import cached_loops
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.probe_requests import clean_url, url_of

Answer = tuple[int, str] | int
SITE = "http://a.test"

# What each path answers before and after, and whether a client with a warm cache loops.
CASES: dict[str, tuple[dict[str, Answer], dict[str, Answer], list[str]]] = {
    "turned round": (
        {"/a": (301, "/b"), "/b": 200},
        {"/a": 200, "/b": (301, "/a")},
        ["http://a.test/a -> http://a.test/b (cached) -> http://a.test/a"],
    ),
    "the way back is temporary": (
        {"/a": (308, "/b"), "/b": 200},
        {"/a": 200, "/b": (302, "/a")},
        ["http://a.test/a -> http://a.test/b (cached) -> http://a.test/a"],
    ),
    "temporary ones are not cached": ({"/a": (302, "/b"), "/b": 200}, {"/a": 200, "/b": (302, "/a")}, []),
    "over three": (
        {"/a": (301, "/b"), "/b": (301, "/c"), "/c": 200},
        {"/a": 200, "/b": (301, "/c"), "/c": (301, "/a")},
        ["http://a.test/a -> http://a.test/b (cached) -> http://a.test/c -> http://a.test/a"],
    ),
    "the same redirects": ({"/a": (301, "/b"), "/b": 200}, {"/a": (301, "/b"), "/b": 200}, []),
    "a loop of the old one": ({"/a": (301, "/b"), "/b": (302, "/a")}, {"/a": 200, "/b": (302, "/a")}, []),
    "a loop of the new one alone": ({"/a": 200, "/b": 200}, {"/a": (301, "/b"), "/b": (301, "/a")}, []),
    "the target is gone": ({"/a": (301, "/b"), "/b": 200}, {"/a": 200, "/b": 404}, []),
    "to itself": ({"/a": (301, "http://A.TEST:80/a#x")}, {"/a": 200}, []),
}


def run(make: t.Any, before: dict[str, Answer], after: dict[str, Answer], **changed: t.Any) -> list[str]:
    probes, sides = [], []
    for number, path in enumerate(before):
        probes.append(make.probe(SITE + path, number, **changed))
    for side in (before, after):
        outcomes = []
        for number, answer in enumerate(side.values()):
            status, location = answer if isinstance(answer, tuple) else (answer, None)
            outcomes.append(make.outcome(status, number, location=location))
        sides.append(outcomes)
    return [loop.text() for loop in cached_loops(probes, *sides)]


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_cycles(make: t.Any, before: dict[str, Answer], after: dict[str, Answer], expected: list[str]) -> None:
    assert run(make, before, after) == expected


@pytest.mark.parametrize(
    "changed", [{"method": "POST"}, {"headers": [["Cookie", "a=b"]]}, {"answers": [{"upstream": "*", "status": 502}]}]
)
def test_only_plain_requests_are_cached(make: t.Any, changed: dict[str, t.Any]) -> None:
    before, after, _expected = CASES["turned round"]
    assert run(make, before, after, **changed) == []


def test_tls_ended_in_front_is_another_url(make: t.Any) -> None:
    """To https, as every site does, with a load balancer in front: no circle."""
    plain, secure = make.probe(f"{SITE}/"), make.probe(f"{SITE}/", 2, headers=[["X-Forwarded-Proto", "https"]])
    old = [make.outcome(301, location="https://a.test/"), make.outcome(200, 2)]
    new = [make.outcome(200), make.outcome(200, 2)]
    assert cached_loops([plain, secure], old, new) == []
    back = [make.outcome(200), make.outcome(302, 2, location="http://a.test/")]
    assert len(cached_loops([plain, secure], old, back)) == 1


def test_a_loop_is_a_change_of_its_own(make: t.Any) -> None:
    probes = [make.probe(f"{SITE}/a"), make.probe(f"{SITE}/b", 2)]
    old = [make.outcome(301, location="/b"), make.outcome(200, 2)]
    new = [make.outcome(200), make.outcome(301, 2, location="/a")]
    changes = compare(probes, old, new).changes
    assert [change.name for change in changes] == ["cached-redirect-loop", "status-changed"]
    assert changes[0].notes == ("http://a.test/a -> http://a.test/b (cached) -> http://a.test/a",)
    assert changes[0].example.probe == probes[1].id, "the redirect that came is what closed the circle"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://A.test:80", "http://a.test/"),
        ("https://a.test:443/x?y#z", "https://a.test/x?y"),
        ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"),
        ("mailto:a@b", None),
        ("http://a:port/", None),
        ("/x", None),
    ],
)
def test_one_spelling_per_url(url: str, expected: str | None) -> None:
    assert clean_url(url) == expected


def test_the_url_of_a_request_without_a_host_is_its_address(make: t.Any) -> None:
    assert url_of(make.probe("http://x/a", host=None)) == "http://0.0.0.0/a"
    assert url_of(make.probe("http://x/a", host=None, address="::")) == "http://[::]/a"


edges = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([301, 302, 308, 200]), st.integers(0, 5)), max_size=12)


@given(before=edges, after=edges)
def test_every_loop_is_one_that_neither_configuration_has(before: t.Any, after: t.Any) -> None:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.cached_redirects import _RedirectGraph  # noqa: PLC0415

    graph = _RedirectGraph()
    for table, chosen in ((graph.before, before), (graph.after, after)):
        for source, status, target in chosen:
            if status != 200:
                table.setdefault(str(source), {})[str(target)] = 0
            if status in (301, 308) and chosen is before:
                graph.permanent.setdefault(str(source), {})[str(target)] = 0
    for loop in graph.loops():
        steps = list(zip(loop.urls, (*loop.urls[1:], loop.urls[0]), strict=True))
        assert all(end in graph.after.get(start, {}) or end in graph.permanent.get(start, {}) for start, end in steps)
        assert any(end not in graph.after.get(start, {}) for start, end in steps)
        assert any(end not in graph.before.get(start, {}) for start, end in steps)
        assert len(set(loop.urls)) == len(loop.urls)
